/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * replay.c - how each communicator was made.
 *
 * Every process notes what came of each creating call on a communicator of the world's ranks. All
 * members of the parent make the same calls in the same order, so (parent, k) names a call. A
 * process that has taken a rank's place makes these calls again, where nobody else joins in: it
 * asks the others, by PMIx's events, which reach a process whatever it does just now.
 *
 *   the replacement                         members of the parent (PMIx's thread)
 *     QUERY (parent, k, rank)  ----------->
 *                              <-----------  ANSWER (parent, k, rank, members, slot)
 *                                            n = 0: others were together in it, the rank was not
 *                                            n = -1: this process has not got so far
 *
 * One question at a time, asked again and again: who answers says which asking it was, since to
 * have heard "not in it" from all counts only if each has said so once. The log keeps the first and
 * the last calls, FTM_REPLAY_MAX in all.
 */
#include "config.h"

#include "replay.h"

#include <mpi.h>
#include <pmix.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "gone.h"
#include "notice.h"
#include "role.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define FTM_COUNTS_MAX (1 << 20)
#define FTM_REPLAY_MS 30000
#define AGAIN_MS 500
#define MEMBERS_MAX (1 << 22)

/* Ours alone; PMIx leaves everything below PMIX_EXTERNAL_ERR_BASE to its users. */
#define QUERY (PMIX_EXTERNAL_ERR_BASE - 4655)
#define ANSWER (PMIX_EXTERNAL_ERR_BASE - 4656)
#define KEY "ft.replay"

/* What a question and an answer consist of; the members follow. */
struct words {
    uint64_t parent;
    uint32_t k;
    int32_t v;
    int32_t n;
    int32_t slot;
    uint32_t asking; /* the number of the question, as it was asked */
    uint32_t unused;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct ftm_birth *log_entries[FTM_REPLAY_MAX]; /* the second half is a ring */
static unsigned n_logged;

/* How many were made from each: open addressing, never removed from. */
struct count {
    uint64_t id; /* 0: free */
    uint32_t n;
};
static struct count *counts;
static size_t counts_room, counts_used;

/* The question that is open, under gone.h's lock; who asks has `one`, too. */
static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static struct {
    struct words words;
    bool open, found;
    int n_without; /* answers to the last asking */
    struct ftm_made made;
} asked;

/* ---------------------------------------------------------------- the log */

static uint64_t mix(uint64_t word)
{
    word = (word ^ word >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    word = (word ^ word >> 27) * UINT64_C(0x94D049BB133111EB);
    return word ^ word >> 31;
}

uint64_t ftm_replay_id(uint64_t parent, uint32_t k, int first_member)
{
    uint64_t id = mix(mix(parent * UINT64_C(0x9E3779B97F4A7C15) + k) + (uint64_t) first_member + 1);

    return id > FTM_WORLD_ID ? id : id + 2;
}

/* Of a table with at least one free place. */
static struct count *place_in(struct count *table, size_t room, uint64_t id)
{
    size_t i = (size_t) (id * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (room - 1);

    while (table[i].id != 0 && table[i].id != id)
        i = (i + 1) & (room - 1);
    return &table[i];
}

static bool make_room(void)
{
    size_t room = counts_room ? 2 * counts_room : 64;
    struct count *more;

    if (2 * counts_used < counts_room)
        return true;
    more = room <= FTM_COUNTS_MAX ? calloc(room, sizeof *more) : NULL;
    if (!more)
        return false;
    for (size_t i = 0; i < counts_room; i++)
        if (counts[i].id != 0)
            *place_in(more, room, counts[i].id) = counts[i];
    free(counts);
    counts = more;
    counts_room = room;
    return true;
}

/* With the lock held; NULL: there is no room. */
static struct count *count_of(uint64_t id)
{
    struct count *count = counts_room ? place_in(counts, counts_room, id) : NULL;

    if (count && count->id == id)
        return count;
    if (!make_room())
        return NULL;
    count = place_in(counts, counts_room, id);
    count->id = id;
    counts_used++;
    return count;
}

uint32_t ftm_replay_next(uint64_t parent)
{
    struct count *count;
    uint32_t k = 0;

    pthread_mutex_lock(&mutex);
    count = count_of(parent);
    if (count)
        k = ++count->n;
    pthread_mutex_unlock(&mutex);
    return k;
}

uint32_t ftm_replay_count(uint64_t parent)
{
    const struct count *count;
    uint32_t n = 0;

    pthread_mutex_lock(&mutex);
    count = counts_room ? place_in(counts, counts_room, parent) : NULL;
    if (count && count->id == parent)
        n = count->n;
    pthread_mutex_unlock(&mutex);
    return n;
}

void ftm_replay_raise(uint64_t parent, uint32_t n)
{
    struct count *count;

    pthread_mutex_lock(&mutex);
    count = count_of(parent);
    if (count && count->n < n)
        count->n = n;
    pthread_mutex_unlock(&mutex);
}

static void entry_destroy(struct ftm_birth *entry)
{
    if (entry)
        ftm_birth_clear(entry);
    free(entry);
}

void ftm_replay_note(const struct ftm_birth *birth)
{
    struct ftm_birth *entry = calloc(1, sizeof *entry), **place;
    unsigned i;

    if (!entry || !ftm_birth_copy(birth, entry)) {
        free(entry);
        return; /* who asks for it gets no answer from here */
    }
    pthread_mutex_lock(&mutex);
    i = n_logged++;
    if (i >= FTM_REPLAY_MAX)
        i = FTM_REPLAY_MAX / 2 + i % (FTM_REPLAY_MAX / 2);
    place = &log_entries[i];
    entry_destroy(*place);
    *place = entry;
    pthread_mutex_unlock(&mutex);
}

void ftm_replay_each(void (*visit)(const struct ftm_birth *birth, void *data), void *data)
{
    pthread_mutex_lock(&mutex);
    for (unsigned i = 0; i < FTM_REPLAY_MAX; i++)
        if (log_entries[i])
            visit(log_entries[i], data);
    pthread_mutex_unlock(&mutex);
}

void ftm_replay_renumber(const int now_of[], int before_n)
{
    pthread_mutex_lock(&mutex);
    for (unsigned i = 0; i < FTM_REPLAY_MAX; i++)
        if (log_entries[i])
            ftm_birth_renumber(log_entries[i], now_of, before_n);
    pthread_mutex_unlock(&mutex);
}

static const struct ftm_birth *find(uint64_t parent, uint32_t k)
{
    for (unsigned i = 0; i < FTM_REPLAY_MAX; i++)
        if (log_entries[i] && log_entries[i]->parent == parent && log_entries[i]->k == k)
            return log_entries[i];
    return NULL;
}

/* ---------------------------------------------------------------- by PMIx */

static void notify(pmix_status_t code, const pmix_proc_t to[], size_t n, const void *bytes,
                   size_t size)
{
    pmix_proc_t me;

    PMIX_LOAD_PROCID(&me, ftm_role_job(), (pmix_rank_t) ftm_role()->real_rank);
    ftm_notice_send(code, KEY, &me, to, n, bytes, size);
}

static void answer(const pmix_proc_t *source, const struct words *question)
{
    struct words words = *question;
    const struct ftm_birth *entry;
    char *bytes = NULL;
    size_t size = sizeof words;

    pthread_mutex_lock(&mutex);
    entry = find(words.parent, words.k);
    words.n = !entry ? -1 : ftm_birth_rank_of(entry, words.v) >= 0 ? entry->n : 0;
    words.slot = entry ? entry->slot : -1;
    if (words.n > 0)
        size += (size_t) words.n * sizeof(int);
    bytes = malloc(size);
    if (bytes) {
        memcpy(bytes, &words, sizeof words);
        if (words.n > 0)
            memcpy(bytes + sizeof words, entry->members, (size_t) words.n * sizeof(int));
    }
    pthread_mutex_unlock(&mutex);
    if (bytes)
        notify(ANSWER, source, 1, bytes, size);
    free(bytes);
}

static void take_answer(const struct words *words, const char *members, size_t size)
{
    ftm_lock();
    if (asked.open && !asked.found && words->parent == asked.words.parent
        && words->k == asked.words.k && words->v == asked.words.v) {
        if (words->n == 0)
            asked.n_without += words->asking == asked.words.asking;
        else if (words->n > 0 && words->n <= MEMBERS_MAX
                 && size == (size_t) words->n * sizeof(int)) {
            asked.made = (struct ftm_made) {words->n, malloc(size), words->slot};
            if (asked.made.members)
                memcpy(asked.made.members, members, size);
            asked.found = asked.made.members != NULL;
        }
        ftm_wake();
    }
    ftm_unlock();
}

static void on_event(size_t handler, pmix_status_t status, const pmix_proc_t *source,
                     pmix_info_t info[], size_t ninfo, pmix_info_t *results, size_t nresults,
                     pmix_event_notification_cbfunc_fn_t hand_on, void *hand_on_data)
{
    (void) handler;
    (void) results;
    (void) nresults;
    for (size_t i = 0; i < ninfo && source; i++) {
        const pmix_byte_object_t *object = &info[i].value.data.bo;
        struct words words;

        if (!PMIX_CHECK_KEY(&info[i], KEY) || info[i].value.type != PMIX_BYTE_OBJECT
            || !object->bytes || object->size < sizeof words)
            continue;
        memcpy(&words, object->bytes, sizeof words);
        if (status == QUERY)
            answer(source, &words);
        else
            take_answer(&words, object->bytes + sizeof words, object->size - sizeof words);
    }
    if (hand_on)
        hand_on(PMIX_EVENT_ACTION_COMPLETE, NULL, 0, NULL, NULL, hand_on_data);
}

static void on_registered(pmix_status_t status, size_t handler, void *data)
{
    (void) status; /* then a replacement's questions are answered by others, or time out */
    (void) handler;
    (void) data;
}

void ftm_replay_begin(void)
{
    /* PMIx reads both after we have returned. */
    static pmix_status_t codes[] = {QUERY, ANSWER};
    static pmix_info_t info[1];

    PMIX_INFO_LOAD(&info[0], PMIX_EVENT_HDLR_NAME, "FT replay", PMIX_STRING);
    PMIx_Register_event_handler(codes, 2, info, 1, on_event, on_registered, NULL);
}

void ftm_replay_end(void)
{
    pthread_mutex_lock(&mutex);
    for (unsigned i = 0; i < FTM_REPLAY_MAX; i++) {
        entry_destroy(log_entries[i]);
        log_entries[i] = NULL;
    }
    free(counts);
    counts = NULL;
    counts_room = counts_used = 0;
    n_logged = 0;
    pthread_mutex_unlock(&mutex);
}

/* ---------------------------------------------------------------- asking */

static void ask_all(const struct words *words, const int reals[], int n)
{
    pmix_proc_t *to = calloc((size_t) n, sizeof *to);

    if (!to)
        return;
    for (int i = 0; i < n; i++)
        PMIX_LOAD_PROCID(&to[i], ftm_role_job(), (pmix_rank_t) reals[i]);
    notify(QUERY, to, (size_t) n, words, sizeof *words);
    free(to);
}

/* With gone.h's lock held. True: nobody else is to be waited for. */
static bool is_settled(int n)
{
    return asked.found || asked.n_without == n;
}

/* Opens the question once more. */
static void open_question(struct words *words)
{
    static uint32_t askings;

    ftm_lock();
    words->asking = ++askings;
    asked.words = *words;
    asked.open = true;
    asked.n_without = 0;
    ftm_unlock();
}

/* Gets what was answered; what comes later is to nobody's question. */
static void close_question(struct ftm_made *made)
{
    ftm_lock();
    *made = asked.made;
    asked.open = asked.found = false;
    asked.made = (struct ftm_made) {0, NULL, -1};
    ftm_unlock();
}

int ftm_replay_ask(uint64_t parent, uint32_t k, int v, const int reals[], int n,
                   struct ftm_made *made)
{
    struct words words = {.parent = parent, .k = k, .v = v, .slot = -1};
    int64_t deadline_ns = ftm_deadline_ns(FTM_REPLAY_MS);
    bool settled = n == 0;

    *made = (struct ftm_made) {0, NULL, -1};
    if (settled)
        return MPI_SUCCESS;
    pthread_mutex_lock(&one);
    while (!settled && ftm_now_ns() < deadline_ns) {
        int64_t again_ns = ftm_deadline_ns(AGAIN_MS);

        open_question(&words);
        ask_all(&words, reals, n);
        ftm_lock();
        while (!is_settled(n) && ftm_now_ns() < again_ns)
            ftm_wait(again_ns);
        settled = is_settled(n);
        ftm_unlock();
    }
    close_question(made);
    pthread_mutex_unlock(&one);
    return settled || made->members ? MPI_SUCCESS : MPI_ERR_OTHER;
}
