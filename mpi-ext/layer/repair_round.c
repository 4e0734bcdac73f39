/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * repair_round.c - one round of a repair.
 *
 *     shrink      the pool -> Q, all that live: ranks and unused spares
 *     exchange    everybody says who it is                               (MPI_Allgather over Q)
 *     plan        the leader asks the runtime who takes the lost ranks' places, and tells all
 *     (refill)    nobody is left for some: processes are started, Q grows, again from `exchange`
 *     split       those with a rank -> the new world
 *     rebuild     the communicators that were made from the world (rebuild.h)
 *
 * After the shrink, the split and the rebuild (after the plan, if it is refused, or processes have
 * to be started) all of Q agree on whether it went well everywhere (MPIX_Comm_agree, which has the
 * same outcome in all, whoever dies meanwhile). If it did not, nobody has changed anything but the
 * pool, and the next round begins. Whoever fails in between revokes Q, so that nobody waits for it
 * in vain, and goes to the next agreement; that is why they stand between the steps: all have the
 * communicator then on which the next step can be interrupted.
 *
 * Called by repair.c only, one thread at a time. Every wait is for processes that live, or ends
 * with an error; the runtime is waited for ASK_MS.
 */
#include "config.h"

#include "repair_round.h"

#include <mpi.h>
#include <mpi-ext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cid.h"
#include "comms.h"
#include "gone.h"
#include "rebuild.h"
#include "refill.h"
#include "role.h"
#include "table.h"
#include "world.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define ASK_MS 15000
#define REFILLS_MAX 8

/* Work of one round. */
struct work {
    MPI_Comm *pool;
    struct ftm_round *round;
    struct ftm_said *said;
    int n, rank, leader; /* of *pool */
    struct ftm_need *needs; /* in the leader */
    int64_t since_ns;
};

static void step(struct work *work, int which)
{
    int64_t now_ns = ftm_now_ns();

    work->round->step_ms[which] += (double) (now_ns - work->since_ns) / 1e6;
    work->since_ns = now_ns;
}

/* Did it go well in all? The others are interrupted if it did not here. */
static bool all_agree(const struct work *work, bool ok)
{
    int flag = ok, rc;

    if (!ok)
        PMPIX_Comm_revoke(*work->pool);
    rc = PMPIX_Comm_agree(*work->pool, &flag);
    return rc == MPI_SUCCESS && flag;
}

/* ---------------------------------------------------------------- who lives */

/* The agreement is one over the old pool: who has the new one, and who has not. */
static bool shrink(struct work *work)
{
    MPI_Comm living = MPI_COMM_NULL;
    int rc = PMPIX_Comm_shrink(*work->pool, &living), all_have;

    all_have = rc == MPI_SUCCESS && living != MPI_COMM_NULL;
    PMPIX_Comm_agree(*work->pool, &all_have); /* of those that live; who died since matters later */
    if (!all_have) {
        if (living != MPI_COMM_NULL)
            ftm_comms_retire(&living);
        return false;
    }
    PMPI_Comm_set_errhandler(living, MPI_ERRORS_RETURN);
    ftm_comms_retire(work->pool);
    *work->pool = living;
    return true;
}

static bool exchange(struct work *work)
{
    int size = (int) sizeof *work->said;

    PMPI_Comm_size(*work->pool, &work->n);
    PMPI_Comm_rank(*work->pool, &work->rank);
    free(work->said);
    work->said = calloc((size_t) work->n, sizeof *work->said);
    if (!work->said
        || PMPI_Allgather(&work->round->me, size, MPI_BYTE, work->said, size, MPI_BYTE, *work->pool)
               != MPI_SUCCESS)
        return false;
    work->leader = ftm_plan_leader(work->said, work->n);
    return true;
}

/* ---------------------------------------------------------------- the plan */

static void refuse(struct ftm_plan *plan, int v, const char *why)
{
    plan->what = FTM_PLAN_REFUSED;
    snprintf(plan->why, sizeof plan->why, "rank %d was lost, and nobody takes its place: %.*s", v,
             (int) sizeof plan->why - 64, why);
}

/* Asks the runtime who is in v's place, until it names somebody who lives.
 * Returns MPI_SUCCESS and *member; or what ftm_role_replacement said last. */
static int ask(struct work *work, int v, int64_t deadline_ns, struct ftm_replacement *now,
               int *member)
{
    const struct ftm_table *table = ftm_world_table();
    int origin = work->round->places[v].origin, dead = ftm_table_real(table, v), rc;

    for (int tries = 0; tries <= work->n + 1; tries++) {
        rc = ftm_role_replacement(origin, dead, ftm_table_epoch(table, v), deadline_ns, now);
        if (rc != MPI_SUCCESS)
            return rc;
        *member = ftm_plan_spare(work->said, work->n, now->real);
        if (*member >= 0)
            return rc;
        dead = now->real; /* it is lost, too: the runtime is told so by the next question */
    }
    snprintf(now->reason, sizeof now->reason, "the runtime names processes that are lost");
    return MPI_ERR_OTHER;
}

static void fill(struct work *work, int v, int64_t deadline_ns)
{
    struct ftm_plan *plan = &work->round->plan;
    struct ftm_replacement now;
    int member = -1, rc = ask(work, v, deadline_ns, &now, &member);

    if (rc == MPI_SUCCESS) {
        ftm_plan_seat(work->round->places, v, work->said, member, now.epoch, now.decision);
        work->said[member].v = v; /* no spare any more */
    } else if (rc == MPIX_ERR_PROC_FAILED && now.fresh && work->needs) {
        ftm_need_fill(&work->needs[plan->needs_n++], v, &now.reply);
    } else if (!ftm_refill_may_shrink()) {
        refuse(plan, v, now.reason);
    }
}

/* In the leader. */
static void make_plan(struct work *work)
{
    struct ftm_plan *plan = &work->round->plan;
    struct ftm_place *places = work->round->places;
    int64_t deadline_ns = ftm_deadline_ns(ASK_MS);

    ftm_plan_begin(plan, places, work->said, work->n);
    for (int v = 0; v < plan->n; v++)
        places[v].origin = ftm_table_origin(ftm_world_table(), v);
    ftm_plan_bound(plan, work->said, work->n);
    if (plan->what == FTM_PLAN_ACTIVE)
        ftm_plan_compare(plan, work->said, work->n);
    else if (plan->what == FTM_PLAN_WHOLE)
        ftm_plan_beyond(plan, work->said, work->n);
    for (int v = 0; v < plan->n; v++)
        if (places[v].member < 0
            && (plan->what == FTM_PLAN_WHOLE || plan->what == FTM_PLAN_ACTIVE))
            fill(work, v, deadline_ns);
    if (plan->what == FTM_PLAN_REFUSED)
        plan->needs_n = 0;
    if (plan->needs_n == 0)
        ftm_plan_shrink(plan, places);
    if (plan->what == FTM_PLAN_ACTIVE && plan->n < plan->before_n)
        refuse(plan, plan->lost[0], "a program that does not use FTMPI_Loop or FTMPI_Set_callback "
                                    "cannot go on in a world that has become smaller");
}

static bool tell_plan(struct work *work)
{
    struct ftm_round *round = work->round;
    int most = ftm_plan_world_n(work->said, work->n);

    size_t places_size = ((size_t) most + 1) * sizeof *round->places;
    size_t size = sizeof round->plan + places_size;
    char *told = malloc(size); /* the plan, and all places */
    bool ok;

    free(round->places);
    free(work->needs);
    round->places = calloc(1, places_size);
    work->needs = NULL;
    if (work->rank == work->leader)
        work->needs = calloc((size_t) most + 1, sizeof *work->needs);
    ok = told && round->places;
    if (ok && work->rank == work->leader) {
        make_plan(work);
        memcpy(told, &round->plan, sizeof round->plan);
        memcpy(told + sizeof round->plan, round->places, places_size);
    }
    ok = ok && PMPI_Bcast(told, (int) size, MPI_BYTE, work->leader, *work->pool) == MPI_SUCCESS;
    if (ok) {
        memcpy(&round->plan, told, sizeof round->plan);
        memcpy(round->places, told + sizeof round->plan, places_size);
        ok = round->plan.n >= 0 && round->plan.n <= most;
    }
    free(told);
    return ok;
}

/* Who does not get to know the plan says so in the next agreement, which is here if the plan is one
 * that ends the round, or that has processes started; else that after the split. */
static bool know_plan(struct work *work)
{
    struct ftm_plan *plan = &work->round->plan;
    bool ok = exchange(work);

    step(work, FTMPI_STEP_SHRUNK);
    /* Where nobody knows the world any more there is none to be repaired. */
    if (ok && work->leader < 0) {
        *plan = (struct ftm_plan) {.what = FTM_PLAN_REFUSED, .why = "no rank is left"};
    } else if (ok) {
        ok = tell_plan(work);
    }
    if (!ok || plan->what == FTM_PLAN_REFUSED || plan->needs_n > 0)
        ok = all_agree(work, ok);
    step(work, FTMPI_STEP_ASKED);
    return ok;
}

/* ---------------------------------------------------------------- the new world */

/* False: another round is needed. */
static bool refill(struct work *work)
{
    MPI_Comm bigger = MPI_COMM_NULL;
    int rc = ftm_refill(*work->pool, work->leader, work->needs, work->round->plan.needs_n, &bigger);

    step(work, FTMPI_STEP_JOINED);
    if (rc != MPI_SUCCESS)
        return false;
    ftm_comms_retire(work->pool);
    *work->pool = bigger;
    PMPI_Comm_set_errhandler(bigger, MPI_ERRORS_RETURN);
    return true;
}

static int own_place(const struct work *work)
{
    for (int v = 0; v < work->round->plan.n; v++)
        if (work->round->places[v].member == work->rank)
            return v;
    return -1;
}

static bool split(struct work *work)
{
    struct ftm_round *round = work->round;
    int rc;

    round->rank = own_place(work);
    rc = PMPI_Comm_split(*work->pool, round->rank >= 0 ? 0 : MPI_UNDEFINED, round->rank,
                         &round->active);
    if (rc != MPI_SUCCESS)
        round->active = MPI_COMM_NULL;
    if (round->active != MPI_COMM_NULL)
        PMPI_Comm_set_errhandler(round->active, MPI_ERRORS_RETURN);
    rc = all_agree(work, rc == MPI_SUCCESS);
    step(work, FTMPI_STEP_JOINED);
    return rc;
}

static bool make_table(struct ftm_round *round)
{
    size_t n = (size_t) round->plan.n + 1;
    int *reals = calloc(n, sizeof *reals);
    uint32_t *epochs = calloc(n, sizeof *epochs);

    for (int v = 0; reals && epochs && v < round->plan.n; v++) {
        reals[v] = round->places[v].real;
        epochs[v] = round->places[v].epoch;
    }
    if (reals && epochs)
        round->table = ftm_table_create_of(round->plan.n, round->plan.next_real, reals, epochs);
    for (int v = 0; round->table && v < round->plan.n; v++)
        ftm_table_set_origin(round->table, v, round->places[v].origin);
    free(reals);
    free(epochs);
    return round->table != NULL;
}

static bool rebuild_all(struct ftm_round *round)
{
    int n = round->plan.n;
    struct ftm_seat *seats;
    bool ok;

    if (round->active == MPI_COMM_NULL || round->plan.what == FTM_PLAN_OVER)
        return true;
    seats = calloc((size_t) n + 1, sizeof *seats);
    for (int v = 0; seats && v < n; v++)
        seats[v] = (struct ftm_seat) {.before = round->places[v].before,
                                      .real = round->places[v].real,
                                      .is_new = round->places[v].is_new};
    ok = seats && (round->plan.what != FTM_PLAN_WHOLE || make_table(round))
         && ftm_rebuild(round->active, seats, n) == MPI_SUCCESS;
    if (!ok)
        PMPIX_Comm_revoke(round->active);
    free(seats);
    return ok;
}

static bool rebuild(struct work *work)
{
    bool ok = rebuild_all(work->round);

    step(work, FTMPI_STEP_REBUILT);
    ok = all_agree(work, ok);
    step(work, FTMPI_STEP_AGREED);
    if (!ok)
        ftm_rebuild_abandon();
    return ok;
}

/* ---------------------------------------------------------------- the round */

void ftm_round_end(struct ftm_round *round)
{
    if (round->active != MPI_COMM_NULL && round->active)
        ftm_comms_retire(&round->active);
    round->active = MPI_COMM_NULL;
    free(round->places);
    round->places = NULL;
    ftm_table_destroy(round->table);
    round->table = NULL;
}

static enum ftm_round_outcome go_through(struct work *work, bool is_in)
{
    struct ftm_plan *plan = &work->round->plan;

    if (!is_in && !shrink(work)) {
        step(work, FTMPI_STEP_SHRUNK);
        return FTM_ROUND_AGAIN;
    }
    for (int refills = 0;; refills++) {
        if (!know_plan(work))
            return FTM_ROUND_AGAIN;
        if (plan->what == FTM_PLAN_REFUSED)
            return FTM_ROUND_FAILED;
        if (plan->needs_n == 0)
            break;
        if (refills >= REFILLS_MAX || !refill(work))
            return FTM_ROUND_AGAIN;
    }
    return split(work) && rebuild(work) ? FTM_ROUND_DONE : FTM_ROUND_AGAIN;
}

enum ftm_round_outcome ftm_round_do(MPI_Comm *pool, bool is_in, struct ftm_round *round)
{
    struct work work = {.pool = pool, .round = round, .leader = -1, .since_ns = ftm_now_ns()};
    enum ftm_round_outcome outcome;

    ftm_cid_unblock(); /* whatever was interrupted, or has failed in the round before */
    round->rank = -1;
    round->active = MPI_COMM_NULL;
    round->places = NULL;
    round->table = NULL;
    outcome = go_through(&work, is_in);
    if (outcome != FTM_ROUND_DONE)
        ftm_round_end(round);
    free(work.said);
    free(work.needs);
    return outcome;
}
