/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * headcount.c - how far the ranks have come.
 *
 * All ranks count the collectives on the world that they begin: from 0 when the job begins, and
 * after a repair all from the same number on: from 0 if the whole world was repaired, else from that
 * of the collective that was done again (repair.c, vouch). So two numbers of as many repairs can be
 * compared whenever they are looked at, however slow anybody is:
 *
 *   - who has begun as many as another one is in none that came before, and is not interrupted there
 *     by what that one does (repair_others.c);
 *   - who has begun more than another one has done in all, which is at its end, is in one that can
 *     never complete (repair_end.c).
 *
 * And each says whether it waits for a message, of whom, and since how many other waits: so it is
 * seen who can never go on (stuck.c).
 *
 * By PMIx's events, which reach a process whatever it does just now:
 *
 *   at its end, or in a loss              still at work, or blocked in MPI (PMIx's thread)
 *     QUERY (words) ---------------------->
 *           <------------------------------ ANSWER (words: rank, repairs, standing, begun)
 *           <------------------------------ ANSWER, unasked, of one that knows it is waited for and
 *                                           has come so far since
 *
 * An event costs all nodes of the job something: who waits says so in its question, so that others
 * that wait, too, leave the asking to it; and who has told it that it is not behind does not say so
 * again. What is heard is kept by rank, of the latest repair.
 */
#include "config.h"

#include "headcount.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "gone.h"
#include "notice.h"
#include "world.h"

/* Ours alone; PMIx leaves everything below PMIX_EXTERNAL_ERR_BASE to its users. */
#define QUERY (PMIX_EXTERNAL_ERR_BASE - 4657)
#define ANSWER (PMIX_EXTERNAL_ERR_BASE - 4658)
#define KEY "ft.headcount"
#define RANKS_MAX 1048576 /* what a rank above it says is not kept */
#define BELIEVED_MS (3 * FTM_ASKED_MS) /* after its last question nobody is taken to wait */

struct words {
    uint64_t begun;
    int32_t v;
    int32_t repairs;
    int32_t standing;
    int32_t flags;
    int32_t peer;  /* BLOCKED: the rank it waits for; negative: anybody */
    uint32_t wait; /* BLOCKED: which one of its waits */
};
#define WAITS 1   /* a question: its sender waits for the others */
#define HELD 2    /* in a repair */
#define BLOCKED 4 /* in a message */

struct heard {
    struct words words;
    pmix_rank_t from;
    int64_t at_ns; /* 0: nothing was */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct words own = {.v = -1}; /* begun is not kept here */
static struct {
    int peer;
    uint32_t wait;
    int64_t until_ns;
} blocked;
static struct heard *heard;          /* by rank */
static int heard_n;

/* Who waits, of those that have asked the one with the least rank; and what it was told. */
static struct heard asker;
static pmix_proc_t asker_name;
static struct words told;

/* ---------------------------------------------------------------- the numbers */

/* False: there is nothing to say. */
static bool say(struct words *words)
{
    pthread_mutex_lock(&mutex);
    *words = own;
    words->begun = ftm_begun_now();
    if (ftm_now_ns() < blocked.until_ns) {
        words->flags |= BLOCKED;
        words->peer = blocked.peer;
        words->wait = blocked.wait;
    }
    pthread_mutex_unlock(&mutex);
    return words->standing != FTM_SILENT && words->v >= 0;
}

/* With the lock held. */
static struct heard *place_of(int v)
{
    int n = v >= heard_n && v < RANKS_MAX ? v + v / 2 + 16 : heard_n;

    if (n > heard_n) {
        struct heard *more = realloc(heard, (size_t) n * sizeof *more);

        if (!more)
            return NULL; /* it is asked again */
        memset(more + heard_n, 0, (size_t) (n - heard_n) * sizeof *more);
        heard = more;
        heard_n = n;
    }
    return v >= 0 && v < heard_n ? &heard[v] : NULL;
}

/* Words may overtake each other. */
static bool is_later(const struct words *words, const struct words *before)
{
    if (words->repairs != before->repairs)
        return words->repairs > before->repairs;
    if (words->standing != before->standing)
        return words->standing > before->standing;
    if (words->begun != before->begun)
        return words->begun > before->begun;
    return words->wait == 0 || words->wait >= before->wait;
}

/* A rank may be another process since. */
static void take(const struct words *words, pmix_rank_t from)
{
    struct heard *at;

    pthread_mutex_lock(&mutex);
    at = place_of(words->v);
    if (at && (at->at_ns == 0 || at->from != from || is_later(words, &at->words)))
        at->words = *words;
    if (at) {
        at->from = from;
        at->at_ns = ftm_now_ns();
    }
    pthread_mutex_unlock(&mutex);
}

static bool is_believed(const struct heard *said)
{
    return said->at_ns != 0 && ftm_now_ns() - said->at_ns < BELIEVED_MS * INT64_C(1000000);
}

/* With the lock held. */
static void note_asker(const struct words *words, const pmix_proc_t *name)
{
    if (is_believed(&asker) && asker.words.repairs == words->repairs
        && asker.words.v < words->v)
        return;
    asker = (struct heard) {.words = *words, .from = name->rank, .at_ns = ftm_now_ns()};
    asker_name = *name;
}

/* Is it worth saying? Who is behind is waited for, and says how far it is each time; who is not has
 * to say so once. With the lock held. */
static bool is_news(const struct words *to, const struct words *words)
{
    bool is_behind = words->standing == FTM_COUNTS && words->begun < to->begun;

    if (!(to->flags & WAITS) || is_behind || memcmp(to, &told, sizeof told) != 0) {
        told = *to;
        return true;
    }
    return false;
}

static bool is_answered(const struct words *to, const pmix_proc_t *from, const struct words *words)
{
    bool is_it;

    pthread_mutex_lock(&mutex);
    if (to->flags & WAITS)
        note_asker(to, from);
    is_it = is_news(to, words);
    pthread_mutex_unlock(&mutex);
    return is_it;
}

bool ftm_headcount_is_beyond(int repairs, uint64_t completed, int *v)
{
    bool is_beyond = false;

    pthread_mutex_lock(&mutex);
    for (int i = 0; i < heard_n && !is_beyond; i++) {
        const struct words *words = &heard[i].words;

        is_beyond = heard[i].at_ns != 0 && words->standing == FTM_COUNTS
                    && words->repairs == repairs && words->begun > completed;
        *v = i;
    }
    pthread_mutex_unlock(&mutex);
    return is_beyond;
}

bool ftm_headcount_is_there(int v, int repairs, uint64_t begun, int64_t *heard_ns)
{
    bool is_there = false;

    pthread_mutex_lock(&mutex);
    *heard_ns = 0;
    if (v >= 0 && v < heard_n && heard[v].at_ns != 0) {
        const struct words *words = &heard[v].words;

        *heard_ns = heard[v].at_ns;
        is_there = words->repairs == repairs
                   && (words->standing != FTM_COUNTS || words->begun >= begun);
    }
    pthread_mutex_unlock(&mutex);
    return is_there;
}

int ftm_headcount_who_waits(int repairs, uint64_t begun, int below)
{
    int v = -1;

    pthread_mutex_lock(&mutex);
    if (is_believed(&asker) && asker.words.repairs == repairs && asker.words.begun <= begun
        && asker.words.v < below)
        v = asker.words.v;
    pthread_mutex_unlock(&mutex);
    return v;
}

static enum ftm_doing doing_of(const struct words *words)
{
    if (words->standing == FTM_AT_END || words->standing == FTM_PASSED)
        return FTM_DOES_NO_MORE;
    if (words->flags & HELD)
        return FTM_WAITS_FOR_ALL;
    if (!(words->flags & BLOCKED))
        return FTM_ACTS;
    return words->peer < 0 ? FTM_WAITS_FOR_ANY : FTM_WAITS_FOR_ONE;
}

static struct ftm_state state_of(const struct heard *said)
{
    struct ftm_state state = {.what = doing_of(&said->words), .process = said->from};

    if (state.what == FTM_WAITS_FOR_ONE)
        state.peer = said->words.peer;
    if (state.what == FTM_WAITS_FOR_ONE || state.what == FTM_WAITS_FOR_ANY)
        state.wait = said->words.wait;
    return state;
}

struct ftm_state ftm_headcount_state(int v, int64_t since_ns)
{
    struct ftm_state state = {.what = FTM_ACTS};

    pthread_mutex_lock(&mutex);
    if (v >= 0 && v < heard_n && heard[v].at_ns > since_ns)
        state = state_of(&heard[v]);
    pthread_mutex_unlock(&mutex);
    return state;
}

bool ftm_headcount_has_passed(int repairs)
{
    bool has_passed = false;

    pthread_mutex_lock(&mutex);
    for (int i = 0; i < heard_n && !has_passed; i++)
        has_passed = heard[i].at_ns != 0 && heard[i].words.standing == FTM_PASSED
                     && heard[i].words.repairs == repairs;
    pthread_mutex_unlock(&mutex);
    return has_passed;
}

/* ---------------------------------------------------------------- by PMIx */

bool ftm_headcount_name(pmix_proc_t *me)
{
    const char *job = getenv("PMIX_NAMESPACE"), *rank = getenv("PMIX_RANK");

    if (!job || !rank || strlen(job) > PMIX_MAX_NSLEN)
        return false;
    PMIX_LOAD_PROCID(me, job, (pmix_rank_t) strtoul(rank, NULL, 10));
    return true;
}

static void notify(pmix_status_t code, const pmix_proc_t to[], size_t n, struct words words)
{
    pmix_proc_t me;

    if (ftm_headcount_name(&me)) /* else it is asked again */
        ftm_notice_send(code, KEY, &me, to, n, &words, sizeof words);
}

void ftm_headcount_ask(const pmix_proc_t to[], size_t n, bool is_waiting)
{
    struct words words;

    say(&words);
    words.flags = is_waiting ? WAITS : 0;
    words.peer = 0;
    words.wait = 0;
    if (n > 0)
        notify(QUERY, to, n, words);
}

void ftm_headcount_tell(void)
{
    struct words words;
    pmix_proc_t to;
    bool waits;

    if (!say(&words))
        return;
    pthread_mutex_lock(&mutex);
    waits = is_believed(&asker) && asker.words.repairs == words.repairs
            && asker.words.v != words.v;
    to = asker_name;
    pthread_mutex_unlock(&mutex);
    if (waits)
        notify(ANSWER, &to, 1, words);
}

void ftm_headcount_stand(enum ftm_standing standing, int v, int repairs)
{
    pthread_mutex_lock(&mutex);
    own = (struct words) {.v = v, .repairs = repairs, .standing = (int32_t) standing};
    pthread_mutex_unlock(&mutex);
    ftm_headcount_tell();
}

void ftm_headcount_hold(bool is_held)
{
    pthread_mutex_lock(&mutex);
    own.flags = is_held ? HELD : 0;
    pthread_mutex_unlock(&mutex);
}

void ftm_headcount_block(int peer, uint32_t wait, int64_t until_ns)
{
    pthread_mutex_lock(&mutex);
    blocked.peer = peer;
    blocked.wait = wait;
    blocked.until_ns = until_ns;
    pthread_mutex_unlock(&mutex);
}

void ftm_headcount_pass(void)
{
    pthread_mutex_lock(&mutex);
    if (own.standing != FTM_SILENT)
        own.standing = FTM_PASSED;
    pthread_mutex_unlock(&mutex);
}

static bool is_mine(const pmix_proc_t *source)
{
    pmix_proc_t me;

    return ftm_headcount_name(&me) && PMIX_CHECK_PROCID(&me, source);
}

static void on_words(pmix_status_t status, const pmix_proc_t *source, const struct words *theirs)
{
    struct words words;

    if (status == ANSWER)
        take(theirs, source->rank);
    else if (say(&words) && !is_mine(source) && is_answered(theirs, source, &words))
        notify(ANSWER, source, 1, words);
}

static void on_event(size_t handler, pmix_status_t status, const pmix_proc_t *source,
                     pmix_info_t info[], size_t ninfo, pmix_info_t *results, size_t nresults,
                     pmix_event_notification_cbfunc_fn_t hand_on, void *hand_on_data)
{
    struct words words;

    (void) handler;
    (void) results;
    (void) nresults;
    for (size_t i = 0; source && i < ninfo; i++) {
        const pmix_byte_object_t *object = &info[i].value.data.bo;

        if (!PMIX_CHECK_KEY(&info[i], KEY) || info[i].value.type != PMIX_BYTE_OBJECT
            || !object->bytes || object->size != sizeof words)
            continue;
        memcpy(&words, object->bytes, sizeof words);
        on_words(status, source, &words);
    }
    if (hand_on)
        hand_on(PMIX_EVENT_ACTION_COMPLETE, NULL, 0, NULL, NULL, hand_on_data);
}

static void on_registered(pmix_status_t status, size_t handler, void *data)
{
    (void) status; /* then this process does not answer, or hear */
    (void) handler;
    (void) data;
}

void ftm_headcount_begin(void)
{
    /* PMIx reads both after we have returned. */
    static pmix_status_t codes[] = {QUERY, ANSWER};
    static pmix_info_t info[1];

    PMIX_INFO_LOAD(&info[0], PMIX_EVENT_HDLR_NAME, "FT headcount", PMIX_STRING);
    PMIx_Register_event_handler(codes, 2, info, 1, on_event, on_registered, NULL);
}

/* What it has passed it says until PMIx goes down. */
void ftm_headcount_end(void)
{
    pthread_mutex_lock(&mutex);
    if (own.standing != FTM_PASSED)
        own = (struct words) {.v = -1};
    free(heard);
    heard = NULL;
    heard_n = 0;
    asker = (struct heard) {.at_ns = 0};
    told = (struct words) {.v = -1};
    pthread_mutex_unlock(&mutex);
}
