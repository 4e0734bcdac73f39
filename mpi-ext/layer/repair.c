/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * repair.c - the mode repair: when a repair begins, and what comes of it.
 *
 * The pool is a communicator of all living processes of the job, ranks and unused spares, made in
 * MPI_Init and used for nothing else.
 *
 *   a rank's MPI call meets a loss                      ftm_repair
 *     a program that expects nothing: until the others have come as far (repair_others.c)
 *     the pool is revoked: the sign for all             a waiting spare looks for it
 *                                                       (ftm_repair_is_called), and takes part
 *     an aware program: all its communicators, too      so every other rank's call fails as well,
 *                                                       and it comes here
 *     rounds over the pool (repair_round.c)             until all that live agree on a new world
 *     commit: the new communicators are put under the application's handles, what was under way
 *     is over, the table of ranks is made anew
 *     the program is told (loop.c), which may jump to FTMPI_Loop
 *
 * Two kinds of repair: of the whole world (ftm_repair_whole: everything is replaced), if any rank's
 * program is aware of repairs; otherwise of the world's collectives only, which all ranks then
 * repeat after they have made sure that all, a replacement too, are in the same one (`vouch`).
 * Messages go on by the table there (retarget.c).
 *
 *   in    pt2pt.c, completion.c, the wrappers of collectives, by Open MPI's errors; init.c; role.c
 *   out   repair_round.c, rebuild.h, loop.h, world.h
 *
 * One repair at a time, under `mutex`, which is not held while the program is told.
 */
#include "config.h"

#include "repair.h"

#include <mpi.h>
#include <mpi-ext.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cid.h"
#include "comms.h"
#include "derived.h"
#include "gone.h"
#include "handlers.h"
#include "headcount.h"
#include "inbox.h"
#include "loop.h"
#include "posting.h"
#include "pt2pt.h"
#include "rebuild.h"
#include "rebuild_ready.h"
#include "refill.h"
#include "repair_bell.h"
#include "repair_end.h"
#include "repair_others.h"
#include "repair_round.h"
#include "requests.h"
#include "retarget.h"
#include "role.h"
#include "stray.h"
#include "table.h"
#include "world.h"
#include "yield.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define CALL_MS 2000      /* a revoked communicator: a repair's, if one is called for so soon */
#define STALE_MAX 100000  /* errors in a row that nobody's loss explains */

int ftm_repair_whole;
uint64_t ftm_repair_begun;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool is_on;
static MPI_Comm pool = MPI_COMM_NULL;
static MPI_Comm first_active;       /* attributes are kept on it (attributes.c) */
static int next_real;               /* the first number that no process has had */
static int own_real = -1;           /* this process's, by the last repair */
static FTMPI_Repair_t last;
static uint64_t settled;
static bool is_settling, is_ending;
static char hopeless[MPI_MAX_ERROR_STRING]; /* why nothing can go on, unless one more is lost; "" */
static bool is_behind;              /* a replacement that was in no collective of the others' yet */
static MPI_Comm unvouched = MPI_COMM_NULL; /* the new world, to be used once all have vouched */
static int counted_repairs;                 /* all count alike since that one */
static uint64_t vouched_begun;              /* collectives that all have begun by then */
static __thread int seen;           /* repairs that this thread has told of */
static __thread int stale;          /* calls in a row that were done again without a repair */


/* ---------------------------------------------------------------- begin and end */

bool ftm_repair_is_on(void)
{
    return is_on;
}

bool ftm_repair_rules(void)
{
    return is_on && (ftm_repair_whole || ftm_loop_is_aware());
}

const FTMPI_Repair_t *ftm_repair_last(void)
{
    return &last;
}

static bool is_wanted(void)
{
    const char *mode = getenv(FTM_MODE_ENV);

    return mode && strcmp(mode, "repair") == 0;
}

static void start(void)
{
    const struct ftm_role *role = ftm_role();

    first_active = ftm_active;
    next_real = role->world_n + role->spares_n;
    last = (FTMPI_Repair_t) {
        .rank = role->virtual_rank, .world_n = role->world_n, .before_n = role->world_n};
    ftm_loop_note(&last);
    is_on = true;
}

int ftm_repair_begin(void)
{
    int rc;

    if (!is_wanted())
        return MPI_SUCCESS;
    rc = PMPI_Comm_split(MPI_COMM_WORLD, 0, ftm_role()->real_rank, &pool);
    if (rc != MPI_SUCCESS)
        return rc;
    PMPI_Comm_set_errhandler(pool, MPI_ERRORS_RETURN);
    ftm_headcount_begin();
    if (ftm_role()->virtual_rank < 0)
        ftm_bell_begin();
    else
        ftm_headcount_stand(FTM_COUNTS, ftm_role()->virtual_rank, 0);
    start();
    return MPI_SUCCESS;
}

/* The pool is left to MPI_Finalize: not all that are in it are here. */
void ftm_repair_end(void)
{
    is_on = false;
    ftm_headcount_end();
    ftm_bell_end();
}

/* ---------------------------------------------------------------- news */

static bool is_revoked(MPI_Comm comm)
{
    int flag = 0;

    return comm != MPI_COMM_NULL && PMPIX_Comm_is_revoked(comm, &flag) == MPI_SUCCESS && flag;
}

static bool has_lost(MPI_Comm comm)
{
    MPI_Group failed = MPI_GROUP_NULL;
    int n = 0;

    if (comm == MPI_COMM_NULL || PMPIX_Comm_get_failed(comm, &failed) != MPI_SUCCESS)
        return false;
    PMPI_Group_size(failed, &n);
    if (failed != MPI_GROUP_EMPTY)
        PMPI_Group_free(&failed);
    return n > 0;
}

/* Does the table know of a rank whose process is lost? */
static bool misses_rank(void)
{
    struct ftm_table *table = ftm_world_table();

    for (int v = 0; table && v < ftm_table_n(table); v++)
        if (ftm_table_is_lost(table, ftm_table_real(table, v)))
            return true;
    return false;
}

/* Was this process started into a repair of collectives only, before its program had said that it is
 * aware of repairs? Nobody is reached by messages from here then, until the whole world is repaired. */
static bool is_apart(void)
{
    return ftm_role_has_joined() && !ftm_repair_whole && ftm_loop_is_aware();
}

bool ftm_repair_is_needed(void)
{
    return is_revoked(pool) || is_revoked(ftm_active) || has_lost(ftm_active) || misses_rank()
           || is_apart();
}

bool ftm_repair_is_due(void)
{
    return ftm_news_is_there() && ftm_repair_rules() && ftm_news_take() && ftm_repair_is_needed();
}

bool ftm_repair_is_for(int rc)
{
    int class = rc;

    if (!is_on || rc == MPI_SUCCESS)
        return false;
    PMPI_Error_class(rc, &class);
    return class == MPIX_ERR_PROC_FAILED || class == MPIX_ERR_PROC_FAILED_PENDING
           || class == MPIX_ERR_REVOKED;
}

/* ---------------------------------------------------------------- the sign */

static void revoke_comm(MPI_Comm comm)
{
    if (comm && comm != MPI_COMM_NULL && !is_revoked(comm))
        PMPIX_Comm_revoke(comm);
}

static void revoke_all_of(struct ftm_comm *c, void *data)
{
    (void) data;
    revoke_comm(c->direct);
    revoke_comm(c->hidden);
    revoke_comm(c->collective);
}

/* Interrupts the others. Once somebody has begun all have to come: an aware program's by whatever
 * MPI call they are in; the others' by their next collective on the world. */
static void call_all(void)
{
    bool rules = ftm_repair_rules();

    /* A collective that is done again by all is not to interrupt what can be completed before it.
     * Whoever is called has been given the time for that by who called. */
    if (!rules && !is_behind && counted_repairs == last.repairs && !is_revoked(ftm_active))
        ftm_repair_await_others(last.repairs, ftm_begun_now());
    revoke_comm(pool);
    revoke_comm(ftm_active);
    if (rules) {
        ftm_comm_each(revoke_all_of, NULL);
        ftm_stray_revoke_all();
    }
}

/* ---------------------------------------------------------------- the rounds */

/* The table of a process that was started into a repair of collectives only is of the first hour:
 * in its own place it has who was lost. */
static int number(bool is_rank)
{
    const struct ftm_role *role = ftm_role();

    if (!is_rank)
        return role->real_rank;
    return own_real >= 0 ? own_real : ftm_table_real(ftm_world_table(), role->virtual_rank);
}

/* Do all that have seen the last repair count the world's collectives from the same number on? */
static bool is_counted(void)
{
    return last.repairs > 0 && counted_repairs == last.repairs;
}

static void say_who(struct ftm_said *me, const char *call)
{
    const struct ftm_role *role = ftm_role();
    bool is_rank = role->virtual_rank >= 0;

    *me = (struct ftm_said) {
        .v = role->virtual_rank,
        .real = number(is_rank),
        .world_n = is_rank ? ftm_world_n : 0,
        .repairs = last.repairs,
        .next_real = next_real,
        .epoch = role->epoch,
        .decision = role->decision,
        .begun = ftm_begun_now(),
        .settled = settled,
        .is_aware = is_rank && ftm_loop_is_aware(),
        .is_settling = is_settling,
        .is_ending = is_ending || ftm_loop_is_over(),
        .is_behind = is_behind,
        .is_through = is_ending && is_counted(),
    };
    if (call)
        snprintf(me->call, sizeof me->call, "%s", call);
}

static enum ftm_round_outcome rounds(struct ftm_round *round, bool is_in)
{
    enum ftm_round_outcome outcome = FTM_ROUND_AGAIN;
    bool yields = ftm_yield(true);

    while (outcome == FTM_ROUND_AGAIN) {
        outcome = ftm_round_do(&pool, is_in, round);
        round->me.rounds++;
        is_in = false;
    }
    ftm_yield(yields);
    return outcome;
}

/* ---------------------------------------------------------------- what comes of it */

static void note_repair(const struct ftm_round *round)
{
    const struct ftm_plan *plan = &round->plan;
    bool is_replacement
        = last.is_replacement || (round->rank >= 0 && round->places[round->rank].is_new);

    last = (FTMPI_Repair_t) {.repairs = plan->repairs,
                             .is_replacement = is_replacement,
                             .rank = round->rank,
                             .world_n = plan->n,
                             .before_n = plan->before_n,
                             .lost_n = plan->lost_n};
    memcpy(last.lost, plan->lost, sizeof last.lost);
    memcpy(last.step_ms, round->step_ms, sizeof last.step_ms);
    ftm_loop_note(&last);
    next_real = plan->next_real;
    if (round->rank >= 0)
        own_real = round->places[round->rank].real;
    ftm_news_over();
}

static void free_active(MPI_Comm before)
{
    if (before != MPI_COMM_WORLD && before != first_active && before != MPI_COMM_NULL
        && before != ftm_active)
        ftm_comms_retire(&before);
}

/* All ranks, and all they talk on, are new. */
static void commit_whole(struct ftm_round *round)
{
    const struct ftm_place *own = &round->places[round->rank];
    MPI_Comm before = ftm_active;

    ftm_role_take(round->rank, own->origin, own->epoch, own->decision);
    ftm_world_repaired(round->table, round->active, round->plan.n, round->rank);
    round->table = NULL;
    round->active = MPI_COMM_NULL;
    ftm_inbox_forget(MPI_COMM_NULL);
    ftm_rebuild_commit(true);
    free_active(before);
    settled = round->plan.settled;
    is_behind = false;
    ftm_begun_set(0);
    counted_repairs = round->plan.repairs;
    ftm_repair_whole = 1;
    /* Not those of other threads: they may be waiting for them just now. */
    ftm_requests_over(ftm_loop_is_here() && !ftm_requests_threads);
}

/* The world's collectives have a new communicator. */
static void commit_active(struct ftm_round *round)
{
    const struct ftm_place *own = &round->places[round->rank];
    MPI_Comm before = ftm_active;

    if (own->is_new) {
        ftm_role_take(round->rank, own->origin, own->epoch, own->decision);
        ftm_world_joined();
        is_behind = true;
    }
    vouched_begun = round->plan.begun;
    if (round->plan.call[0])
        unvouched = round->active;
    else
        ftm_active = round->active;
    round->active = MPI_COMM_NULL;
    ftm_rebuild_commit(false);
    if (unvouched == MPI_COMM_NULL)
        free_active(before);
}

/* All are at their ends: they wait for each other there. */
static void commit_over(struct ftm_round *round)
{
    MPI_Comm before = ftm_active;

    ftm_active = round->active;
    round->active = MPI_COMM_NULL;
    free_active(before);
}

static void commit(struct ftm_round *round)
{
    hopeless[0] = '\0';
    if (round->rank >= 0 && round->plan.what == FTM_PLAN_WHOLE)
        commit_whole(round);
    else if (round->rank >= 0 && round->plan.what == FTM_PLAN_ACTIVE)
        commit_active(round);
    else if (round->rank >= 0)
        commit_over(round);
    if (round->plan.what == FTM_PLAN_OVER)
        return;
    note_repair(round);
    ftm_headcount_stand(is_counted() ? FTM_COUNTS : FTM_APART, ftm_role()->virtual_rank,
                        last.repairs);
    if (ftm_joins())
        ftm_repair_end_introduce(pool);
}

/* Has the last round said that nothing can go on, and nobody was lost or has called since? */
static bool is_hopeless(void)
{
    return hopeless[0] && !is_revoked(pool) && !has_lost(pool);
}

/* Everything of one repair, with the lock held. */
static enum ftm_round_outcome mend(struct ftm_round *round, const char *call)
{
    int64_t heard = ftm_news_since_ns();
    enum ftm_round_outcome outcome;

    memset(round, 0, sizeof *round);
    if (heard > 0)
        round->step_ms[FTMPI_STEP_NOTICED] = (double) (ftm_now_ns() - heard) / 1e6;
    call_all();
    say_who(&round->me, call);
    ftm_headcount_hold(true);
    outcome = rounds(round, false);
    ftm_headcount_hold(false);
    if (outcome == FTM_ROUND_DONE)
        commit(round);
    else if (round->plan.is_hopeless)
        snprintf(hopeless, sizeof hopeless, "%.*s", (int) sizeof hopeless - 1, round->plan.why);
    return outcome;
}

/* ---------------------------------------------------------------- a collective is done again */

static uint64_t hash(const char *text)
{
    uint64_t h = UINT64_C(14695981039346656037);

    while (*text)
        h = (h ^ (unsigned char) *text++) * UINT64_C(1099511628211);
    return h;
}

/* All ranks, the replacement at its first collective, are in the same one? MPI_SUCCESS: then the
 * new world is in use. MPI_ERR_OTHER: they are not. Or the error of a loss. */
static int vouch(const char *call)
{
    uint64_t mine[2] = {hash(call), ~hash(call)}, most[2];
    int rc = PMPI_Allreduce(mine, most, 2, MPI_UINT64_T, MPI_MAX, unvouched);
    MPI_Comm before = ftm_active;

    if (rc != MPI_SUCCESS)
        return rc;
    if (most[0] != ~most[1])
        return MPI_ERR_OTHER;
    ftm_active = unvouched;
    unvouched = MPI_COMM_NULL;
    is_behind = false;
    ftm_begun_set(vouched_begun);
    counted_repairs = last.repairs;
    ftm_headcount_stand(FTM_COUNTS, ftm_role()->virtual_rank, last.repairs);
    free_active(before);
    return MPI_SUCCESS;
}

static void give_up_unvouched(void)
{
    revoke_comm(unvouched);
    ftm_comms_retire(&unvouched);
}

/* ---------------------------------------------------------------- a call has met a loss */

enum verdict {
    AGAIN,   /* do the call again */
    TELL,    /* there was a repair of the whole world: tell the program */
    STRANGE, /* it is no error of a lost rank */
    REFUSED  /* `words` */
};

/* Another process may have heard of a loss, and given up what this one is in, before this one hears
 * of it. With the lock held. */
static void await_reason(void)
{
    int64_t until_ns = ftm_deadline_ns(CALL_MS);
    int flag;

    while (seen == last.repairs && !ftm_repair_is_needed() && ftm_now_ns() < until_ns)
        PMPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_SELF, &flag, MPI_STATUS_IGNORE);
}

/* Nobody of the world is lost. It may be that another thread has repaired it; that an unused spare
 * was lost, which is nobody's affair; or that the application has revoked a communicator. */
static enum verdict explain(int rc)
{
    int class = rc, flag;

    if (seen != last.repairs && ftm_repair_whole)
        return TELL;
    PMPI_Error_class(rc, &class);
    if (class != MPIX_ERR_REVOKED) {
        PMPIX_Comm_failure_ack(MPI_COMM_WORLD);
        /* What is asked again and again may be a request that is over, and Open MPI then hears of
         * nobody's calling: it looks for that only where it waits. */
        PMPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_SELF, &flag, MPI_STATUS_IGNORE);
        return ++stale < STALE_MAX ? AGAIN : STRANGE;
    }
    await_reason();
    return ftm_repair_is_needed() ? AGAIN : STRANGE;
}

static enum verdict vouched(const char *call, char *words, size_t size)
{
    int rc = vouch(call);

    if (rc == MPI_SUCCESS)
        return AGAIN;
    give_up_unvouched();
    if (rc != MPI_ERR_OTHER)
        return AGAIN; /* a loss: the call meets it, and comes back here */
    snprintf(words, size,
             "a lost rank was replaced by a process that begins the program anew, and not all "
             "ranks are in the same collective now (here it is %s): they cannot all go on from here. Let "
             "the program use FTMPI_Loop or FTMPI_Set_callback, or restart the job",
             call);
    return REFUSED;
}

/* With the lock held. */
static enum verdict work_on(int rc, const char *call, char *words, size_t size)
{
    struct ftm_round round;
    enum ftm_round_outcome outcome;

    if (unvouched != MPI_COMM_NULL && call)
        return vouched(call, words, size);
    if (!ftm_repair_is_needed())
        return explain(rc);
    if (is_hopeless()) {
        snprintf(words, size, "%s", hopeless);
        return REFUSED;
    }
    outcome = mend(&round, call);
    snprintf(words, size, "%.*s", (int) size - 1, round.plan.why);
    if (outcome == FTM_ROUND_FAILED)
        return REFUSED;
    ftm_round_end(&round);
    stale = 0;
    if (round.plan.what == FTM_PLAN_WHOLE)
        return TELL;
    if (round.plan.what == FTM_PLAN_OVER) {
        snprintf(words, size, "a rank was lost when all others had come to their ends");
        return REFUSED;
    }
    return unvouched != MPI_COMM_NULL && call ? vouched(call, words, size) : AGAIN;
}

static int raise_words(MPI_Comm app_comm, const char *words)
{
    return ftm_raise(app_comm, ftm_error_with_words(MPIX_ERR_PROC_FAILED, words));
}

/* The program, and not only its communicators, has to know. */
static enum ftm_repaired tell(MPI_Comm app_comm, int *error)
{
    bool is_aware = ftm_loop_is_aware();

    seen = last.repairs;
    if (ftm_loop_tell())
        return FTM_REPAIR_REPEAT;
    ftm_rebuild_caught_up();
    *error = MPIX_ERR_PROC_FAILED;
    if (!is_aware)
        *error = raise_words(app_comm,
                             "a rank was lost, and the world was repaired, as other ranks asked "
                             "for that; this one was not prepared to go back: use FTMPI_Loop or "
                             "FTMPI_Set_callback in all ranks alike");
    return FTM_REPAIR_RETURN;
}

enum ftm_repaired ftm_repair(MPI_Comm app_comm, int rc, const char *call, int *error)
{
    char words[MPI_MAX_ERROR_STRING];
    enum verdict verdict;

    if (!ftm_repair_is_for(rc)) {
        *error = ftm_raise(app_comm, rc);
        return FTM_REPAIR_RETURN;
    }
    if (seen == last.repairs && !hopeless[0] && ftm_stray_is_over(app_comm)) {
        *error = raise_words(app_comm, "a repair has put this communicator out of use: an "
                                       "intercommunicator, or what was made from one, is not made "
                                       "again: all ranks have to make it anew");
        return FTM_REPAIR_RETURN;
    }
    pthread_mutex_lock(&mutex);
    verdict = work_on(rc, call, words, sizeof words);
    pthread_mutex_unlock(&mutex);
    switch (verdict) {
    case AGAIN:
        return FTM_REPAIR_REPEAT;
    case TELL:
        return tell(app_comm, error);
    case REFUSED:
        *error = raise_words(app_comm, words);
        return FTM_REPAIR_RETURN;
    default:
        *error = ftm_raise(app_comm, rc);
        return FTM_REPAIR_RETURN;
    }
}

int ftm_repair_instead(MPI_Comm app_comm, int rc)
{
    int before = seen;

    pthread_mutex_lock(&mutex);
    await_reason();
    pthread_mutex_unlock(&mutex);
    if (ftm_repair(app_comm, rc, NULL, &rc) == FTM_REPAIR_RETURN)
        return rc;
    return seen != before ? MPIX_ERR_PROC_FAILED : ftm_raise(app_comm, rc);
}

bool ftm_again_uncounted(MPI_Comm comm, const char *call, int *rc)
{
    bool is_world = comm == MPI_COMM_WORLD;

    if (*rc != MPI_SUCCESS) {
        ftm_cid_unblock();
        *rc = ftm_meant(comm, *rc);
    }
    if (!ftm_repair_is_for(*rc) || !ftm_comm_of(comm) || !(is_world || ftm_repair_rules())) {
        *rc = ftm_failed(comm, *rc);
        return false;
    }
    return ftm_repair(comm, *rc, is_world ? call : NULL, rc) == FTM_REPAIR_REPEAT;
}

bool ftm_again(MPI_Comm comm, const char *call, int *rc)
{
    int before = seen;
    bool again = ftm_again_uncounted(comm, call, rc);

    /* It is the same one, and counted again; unless all count from 0 since. */
    if (again && comm == MPI_COMM_WORLD && (seen == before || !ftm_repair_whole))
        ftm_begun_set(ftm_begun_now() - 1);
    return again;
}

/* ---------------------------------------------------------------- all ranks meet */

/* One try. True: all are here. */
static bool meet(enum verdict *verdict, int *error)
{
    struct ftm_round round;
    enum ftm_round_outcome outcome;

    *error = PMPI_Barrier(ftm_active);
    *verdict = AGAIN;
    if (*error == MPI_SUCCESS) {
        settled++;
        return true;
    }
    if (!ftm_repair_is_for(*error)) {
        *verdict = STRANGE;
        return false;
    }
    if (!ftm_repair_is_needed()) {
        *verdict = explain(*error);
        return false;
    }
    outcome = mend(&round, NULL);
    if (outcome == FTM_ROUND_FAILED) {
        *error = raise_words(MPI_COMM_WORLD, round.plan.why);
        *verdict = REFUSED;
        return false;
    }
    ftm_round_end(&round);
    if (round.plan.what == FTM_PLAN_WHOLE)
        *verdict = TELL;
    else if (settled < round.plan.settled) { /* all were here: some went on before the loss */
        settled = round.plan.settled;
        return true;
    }
    return false;
}

static int settle(bool *is_told)
{
    enum verdict verdict = AGAIN;
    bool all_here = false;
    int error = MPI_SUCCESS;

    pthread_mutex_lock(&mutex);
    ftm_begun_set(ftm_begun_now() + 1); /* a collective as any other */
    is_settling = true;
    while (!all_here && verdict == AGAIN)
        all_here = meet(&verdict, &error);
    is_settling = false;
    pthread_mutex_unlock(&mutex);
    *is_told = !all_here && verdict == TELL;
    return all_here ? MPI_SUCCESS : verdict == TELL ? MPIX_ERR_PROC_FAILED : error;
}

int ftm_repair_settle(void)
{
    bool is_told;
    int rc = settle(&is_told), error;

    if (is_told)
        tell(MPI_COMM_WORLD, &error);
    return rc;
}

/* Have all come to their ends? After a repair by words only: a replacement, which has begun anew,
 * may be in a collective of the program's that the others are through with, and must not meet them
 * here instead. */
static bool all_end(void)
{
    const struct ftm_at_end own = {
        .repairs = last.repairs,
        .is_counted = is_counted(),
        .completed = ftm_begun_now(),
    };

    ftm_headcount_stand(FTM_AT_END, ftm_role()->virtual_rank, last.repairs);
    if (last.repairs == 0 && PMPI_Barrier(ftm_active) == MPI_SUCCESS)
        return true;
    return ftm_repair_all_end(pool, &own);
}

/* A repair that others called for was refused. They hear of it; of those at their ends one does, and
 * once: the error of a process that was started into a repair does not end the job by itself. */
static void tell_at_end(const char *why)
{
    static bool is_told;
    int rank = -1;

    if (is_told || PMPI_Comm_rank(pool, &rank) != MPI_SUCCESS || rank != 0)
        return;
    is_told = true;
    pthread_mutex_unlock(&mutex);
    raise_words(MPI_COMM_WORLD, why);
    pthread_mutex_lock(&mutex);
}

/* Whoever comes to the end of a program calls for no repair, but takes part in those of others that
 * may still be at work. True: of a program that is aware, which has to go back. */
static bool end(void)
{
    bool is_aware = ftm_repair_rules(), goes_back = false;
    struct ftm_round round;

    pthread_mutex_lock(&mutex);
    if (unvouched != MPI_COMM_NULL)
        give_up_unvouched(); /* the others wait there for a collective that this one never makes */
    while (!goes_back && !all_end()) {
        if (mend(&round, NULL) != FTM_ROUND_DONE) {
            tell_at_end(round.plan.why);
            continue;
        }
        goes_back = is_aware && round.plan.what == FTM_PLAN_WHOLE;
        ftm_round_end(&round);
    }
    pthread_mutex_unlock(&mutex);
    return goes_back;
}

int ftm_repair_finalize(void)
{
    int error;

    if (!is_on || ftm_role()->virtual_rank < 0) /* an unused spare */
        return MPI_SUCCESS;
    is_ending = true;
    while (end())
        if (tell(MPI_COMM_WORLD, &error) == FTM_REPAIR_RETURN) {
            is_ending = false;
            return error;
        }
    ftm_headcount_pass();
    return MPI_SUCCESS;
}

/* ---------------------------------------------------------------- spares, and who was started */

bool ftm_repair_is_called(void)
{
    return is_on && is_revoked(pool);
}

void ftm_repair_is_late(void)
{
    is_behind = is_on;
    if (is_on)
        ftm_headcount_stand(FTM_APART, ftm_role()->virtual_rank, last.repairs);
}

/* Takes part until it is over. True: this process has a rank now. */
static bool take_part(bool is_in, struct ftm_said *me)
{
    struct ftm_round round = {.me = *me};
    bool has_rank;

    pthread_mutex_lock(&mutex);
    has_rank = rounds(&round, is_in) == FTM_ROUND_DONE && round.rank >= 0
               && round.plan.what != FTM_PLAN_OVER;
    if (has_rank)
        commit(&round);
    else
        ftm_news_over();
    seen = last.repairs;
    ftm_round_end(&round);
    pthread_mutex_unlock(&mutex);
    return has_rank;
}

bool ftm_repair_spare_turn(void)
{
    struct ftm_said me;

    say_who(&me, NULL);
    return take_part(false, &me);
}

int ftm_repair_newcomer(MPI_Comm bigger)
{
    const struct ftm_role *role = ftm_role();
    struct ftm_said me = {
        .v = role->virtual_rank, .real = -1, .epoch = role->epoch, .decision = role->decision};

    pool = bigger;
    ftm_headcount_begin();
    start();
    last.is_replacement = 1;
    is_on = take_part(true, &me);
    return is_on ? MPI_SUCCESS : MPI_ERR_OTHER;
}
