/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stuck.c - messages that can never complete, since all that could do something about it wait, too.
 *
 * A replacement in a program that expects no losses begins anew, and may never send what others
 * wait for:
 *
 *   rank 0         --collective--[ a message of 2 .........................
 *   rank 2  (died) --collective-- x
 *           (anew)                  --[ its first collective: a repair, which needs all ranks
 *
 * The program cannot go on from here, and is to hear of it. After a loss whoever waits for a
 * message says so when it is asked (headcount.h), and who has waited for FT_STUCK_S asks all:
 *
 *   asks -- what has been answered by then is kept -- FT_STUCK_S/2 -- asks again -- standstill.c
 *
 * If it can never go on by that, it gives its message up; else it asks again, less and less often.
 * That somebody is still in its wait is said for a short time only, unless it is said again: so who
 * computes, or looks for messages by MPI_Test, is in none. A call that had begun before the loss is
 * inside of Open MPI, and no wait that is known either; nor is a collective of Open MPI's.
 *
 * Not where threads could send what another one waits for, or other jobs; nor in an aware program,
 * whose waits a repair ends.
 *
 * Called by the loops of completion_*.c and pt2pt.c, once something has changed. No lock is held.
 */
#include "config.h"

#include "stuck.h"

#include <pmix.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "gone.h"
#include "headcount.h"
#include "links.h"
#include "posting.h"
#include "repair.h"
#include "retarget.h"
#include "role.h"
#include "standstill.h"
#include "table.h"
#include "world.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define LOOK_EVERY 128 /* rounds */
#define MS INT64_C(1000000)
#define ANSWERED_MS 2000 /* or a quarter of FT_STUCK_S: an answer takes no longer */
#define BELIEVED_MS 1000 /* the same of a wait, after it was last said */
#define LIMIT_MAX_S 1000000
#define LESS_OFTEN_MAX 64

enum step { WAITS, HAS_ASKED, HAS_HEARD, HAS_ASKED_AGAIN };

static struct {
    uint32_t number; /* of the wait */
    enum step step;
    int64_t since_ns, asked_ns, next_ns;
    int less_often;
    struct ftm_state *before; /* of all ranks, once that was heard */
} watch;
static bool is_listening;

static int64_t limit_ms(void)
{
    static int64_t limit = -1;
    const char *text = getenv(FTM_STUCK_ENV);
    char *end;
    long s = FTM_STUCK_S;

    if (limit >= 0)
        return limit;
    if (text && *text) {
        s = strtol(text, &end, 10);
        if (*end || s < 0 || s > LIMIT_MAX_S)
            s = FTM_STUCK_S;
    }
    return limit = s * INT64_C(1000);
}

static int64_t at_most(int64_t most_ms)
{
    return limit_ms() / 4 < most_ms ? limit_ms() / 4 : most_ms;
}

void ftm_stuck_begin(void)
{
    if (ftm_repair_is_on() || !ftm_world_is_in_force())
        return; /* repair.c says more */
    ftm_headcount_begin();
    ftm_headcount_stand(FTM_APART, ftm_role()->virtual_rank, 0);
    is_listening = true;
}

void ftm_stuck_end(void)
{
    if (is_listening) {
        ftm_headcount_stand(FTM_AT_END, ftm_role()->virtual_rank, 0);
        ftm_headcount_pass(); /* so this is said until PMIx goes down */
    }
    free(watch.before);
    watch.before = NULL;
}

/* ---------------------------------------------------------------- asking */

static void ask_all(void)
{
    pmix_proc_t all;

    PMIX_LOAD_PROCID(&all, ftm_role_job(), PMIX_RANK_WILDCARD);
    watch.asked_ns = ftm_now_ns();
    ftm_headcount_ask(&all, 1, false);
}

/* What all have said since they were asked, and this process itself; NULL: out of memory. */
static struct ftm_state *heard(int peer)
{
    struct ftm_state *states = calloc((size_t) ftm_world_n, sizeof *states);

    for (int v = 0; states && v < ftm_world_n; v++)
        states[v] = ftm_headcount_state(v, watch.asked_ns);
    if (states)
        states[ftm_role()->virtual_rank] = (struct ftm_state) {
            .what = peer < 0 ? FTM_WAITS_FOR_ANY : FTM_WAITS_FOR_ONE,
            .peer = peer < 0 ? 0 : peer,
            .wait = watch.number,
        };
    return states;
}

static void go_to(enum step step, int64_t wait_ms)
{
    watch.step = step;
    watch.next_ns = ftm_deadline_ns(wait_ms);
}

static void begin_anew(void)
{
    free(watch.before);
    watch.before = NULL;
    go_to(WAITS, limit_ms() * watch.less_often);
    if (watch.less_often < LESS_OFTEN_MAX)
        watch.less_often *= 2;
}

/* Takes the next step once it is time. What all do, as the last one has it; else NULL. */
static struct ftm_state *step(int peer)
{
    struct ftm_state *now = NULL;

    if (ftm_now_ns() < watch.next_ns)
        return NULL;
    switch (watch.step) {
    case WAITS:
        ask_all();
        go_to(HAS_ASKED, at_most(ANSWERED_MS));
        break;
    case HAS_ASKED:
        watch.before = heard(peer);
        go_to(HAS_HEARD, limit_ms() / 2);
        break;
    case HAS_HEARD:
        ask_all();
        go_to(HAS_ASKED_AGAIN, at_most(ANSWERED_MS));
        break;
    case HAS_ASKED_AGAIN:
        now = watch.before ? heard(peer) : NULL;
        if (now)
            ftm_standstill(watch.before, now, ftm_world_n);
        begin_anew();
        break;
    }
    return now;
}

/* ---------------------------------------------------------------- words */

static bool is_anew(int v)
{
    return ftm_table_epoch(ftm_world_table(), v) > 0;
}

/* Which rank was; -1: none that is known here. */
static int who_is_anew(void)
{
    int v = ftm_world_n - 1;

    while (v >= 0 && !is_anew(v))
        v--;
    return v;
}

static void say_what(const struct ftm_state *state, char *text, size_t size)
{
    if (state->what == FTM_WAITS_FOR_ONE)
        snprintf(text, size, "waits for rank %d", state->peer);
    else
        snprintf(text, size, "%s",
                 state->what == FTM_WAITS_FOR_ANY   ? "waits for anybody"
                 : state->what == FTM_WAITS_FOR_ALL ? "is in a collective"
                                                    : "is in MPI_Finalize");
}

/* Open MPI keeps 255 characters; what is cut off is known already. */
static int error_of(const struct ftm_state now[], int peer)
{
    char words[MPI_MAX_ERROR_STRING], what[64] = "all others wait", whom[96] = "anybody";
    int other = peer >= 0 && !is_anew(peer) ? who_is_anew() : -1;
    char cause[64] = "";

    if (peer >= 0) {
        snprintf(whom, sizeof whom, "rank %d%s", peer,
                 is_anew(peer) ? " (begun anew after a loss)" : "");
        say_what(&now[peer], what, sizeof what);
    } else {
        other = who_is_anew();
    }
    if (other >= 0)
        snprintf(cause, sizeof cause, " since rank %d has begun anew after a loss", other);
    if (snprintf(words, sizeof words,
                 "rank %d has waited %d s in a message with %s, %s%s: nobody can go on%s. Use "
                 "FTMPI_Loop or FTMPI_Set_callback (--mode=repair), or restart the job",
                 ftm_role()->virtual_rank, (int) ((ftm_now_ns() - watch.since_ns) / (1000 * MS)),
                 whom, peer >= 0 ? "which " : "", what, cause) < 0)
        words[0] = '\0';
    return ftm_error_with_words(MPIX_ERR_PROC_FAILED, words);
}

/* ---------------------------------------------------------------- one look */

static void begin_wait(void)
{
    free(watch.before);
    watch.before = NULL;
    watch.number++;
    watch.since_ns = ftm_now_ns();
    watch.less_often = 1;
    go_to(WAITS, limit_ms());
}

/* Now and then in a wait that lasts, where it means something. */
static bool is_time(unsigned rounds)
{
    if (rounds % LOOK_EVERY != LOOK_EVERY - 1 || limit_ms() == 0 || ftm_repair_rules()
        || ftm_requests_threads || !ftm_world_is_in_force() || ftm_role()->virtual_rank < 0
        || ftm_role()->virtual_rank >= ftm_world_n)
        return false;
    if (rounds == LOOK_EVERY - 1)
        begin_wait();
    return true;
}

/* The error, if this process can never go on. */
static int look(int peer)
{
    struct ftm_state *now;
    int rc = MPI_SUCCESS;

    ftm_headcount_block(peer, watch.number, ftm_deadline_ns(at_most(BELIEVED_MS)));
    now = step(peer);
    if (now && now[ftm_role()->virtual_rank].what != FTM_ACTS && !ftm_links_are_there())
        rc = error_of(now, peer);
    free(now);
    return rc;
}

int ftm_stuck_look_for(unsigned rounds, int peer)
{
    return is_time(rounds) ? look(peer) : MPI_SUCCESS;
}

/* ---------------------------------------------------------------- requests */

enum request { OVER, STRANGE, MESSAGE };

/* A message with a process of the job's first hour, or a spare, or anybody: then *peer is its rank
 * of the world. */
static enum request what_is(MPI_Request request, struct ftm_record *last, int *peer)
{
    const struct ftm_role *role = ftm_role();
    int over = false, real;

    if (request == MPI_REQUEST_NULL)
        return OVER;
    if (!ftm_record_last(request, last) || last->kind == FTM_COLLECTIVE)
        return STRANGE;
    if (!last->active || last->failed || last->over || last->freed)
        return OVER;
    if (!last->soft)
        PMPI_Request_get_status(last->key, &over, MPI_STATUS_IGNORE);
    if (over)
        return OVER;
    real = ftm_record_process(last);
    *peer = real < 0 ? -1 : ftm_table_virtual(ftm_world_table(), real);
    return real < role->world_n + role->spares_n && (real < 0 || *peer >= 0) ? MESSAGE : STRANGE;
}

static void give_up(struct ftm_record *last, int error)
{
    last->failed = error;
    ftm_record_change(last->key, last);
}

/* Of all that are waited for one is as good as another; of any, each can come. */
void ftm_stuck_look(unsigned rounds, int count, const MPI_Request requests[], bool all)
{
    struct ftm_record found, last;
    int peer = -1, its_peer, n = 0, rc;

    if (!is_time(rounds))
        return;
    for (int i = 0; i < count && !(all && n > 0); i++) {
        enum request what = what_is(requests[i], &last, &its_peer);

        if (what == STRANGE && !all)
            return;
        if (what != MESSAGE)
            continue;
        found = last;
        peer = all ? its_peer : -1;
        n++;
    }
    if (n == 0)
        return;
    rc = look(peer);
    if (rc != MPI_SUCCESS)
        give_up(&found, rc);
}
