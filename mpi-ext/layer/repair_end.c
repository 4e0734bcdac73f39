/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * repair_end.c - the end of a program after a loss.
 *
 * Its ranks cannot wait for each other by a collective in MPI_Finalize, since one of them is lost,
 * and to have it replaced for that would make no sense; and where one has been replaced, another
 * may be in a collective of the program's that would meet that one instead. But none may go down
 * while another can still call for a repair, which needs all. So each sends a word to all others,
 * on the pool, when it comes to its end, and waits for theirs; of a spare only if it has a rank,
 * which after a repair of the whole world is known, and else the runtime says.
 *
 * A replacement has begun anew: a program that expects nothing, or does not look at the errors that
 * its calls return, and makes so many collectives on the world, whatever they give, leaves it alone
 * in its last ones, and it would wait for ever. (Or the others, if it is through before them.) So
 * each word says how many its sender has completed, and the first of those that are here asks the
 * others now and then how many they have begun (headcount.h). Who has begun more than one that is
 * here has completed is interrupted: the repair that it calls for then finds that they cannot go on
 * (ftm_plan_compare, ftm_plan_beyond), and says so to the application. That is no matter of time:
 * who is slow, but in none that was not completed here, is waited for.
 *
 * While nothing is lost the ranks do wait for each other by a barrier there. One in whose middle a
 * rank is lost lets some pass, who send no word, and fails in the others, who wait for that:
 *
 *   rank 0   barrier: a loss -- all_end: asks -------------- all are here: tells it, passes
 *   rank 1   barrier: well -- MPI goes down  -> ANSWER: passed      (its part of Open MPI's)
 *   rank 2   barrier: a loss -- all_end ------------------------- hears of it, passes
 *   rank 3   barrier: x
 *
 * Whoever has passed knows that all had come, and says so when it is asked (headcount.h). It can be
 * asked for as long as that matters: Open MPI's MPI_Finalize begins with a shrink of the real world,
 * which waits for each living process; none is through before those that still wait here are in it.
 *
 * Called by repair.c in the main thread, in MPI_Finalize.
 */
#include "config.h"

#include "repair_end.h"

#include <mpi-ext.h>
#include <pmix.h>
#include <poll.h>
#include <stdlib.h>

#include "gone.h"
#include "headcount.h"
#include "repair.h"
#include "role.h"
#include "world.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define TAG_END 1
#define TAG_NAME 2
#define TAG_PASSED 3
#define SPIN 2000 /* looks without a nap in between */
#define NAP_MS 1
#define ASK_EVERY_NAPS 200 /* whether a spare that has not come has a rank at all */
#define COUNT_MS 100       /* how many collectives the others have begun is asked after so long, */
#define COUNT_MAX_MS 2000  /* then less and less often */
#define UNCOUNTED UINT64_MAX

enum where { AWAY, HERE, NEVER /* it is lost, or an unused spare */ };

struct ends {
    MPI_Comm pool;
    int n, own;
    const struct ftm_at_end *me;
    enum where *where;
    int *reals;          /* in the real world; negative: it is none of it */
    pmix_proc_t *names;  /* of those that have introduced themselves; else its rank is invalid */
    uint64_t *completed; /* collectives on the world, by those that are here; UNCOUNTED */
    bool has_passed;     /* somebody: all are here */
    int64_t ask_at_ns, ask_every_ms;
};

static bool make_room(struct ends *ends)
{
    size_t n = (size_t) ends->n;

    ends->where = calloc(n, sizeof *ends->where);
    ends->reals = calloc(n, sizeof *ends->reals);
    ends->names = calloc(n, sizeof *ends->names);
    ends->completed = calloc(n, sizeof *ends->completed);
    if (!ends->where || !ends->reals || !ends->names || !ends->completed)
        return false;
    for (int i = 0; i < ends->n; i++) {
        ends->names[i].rank = PMIX_RANK_INVALID;
        ends->completed[i] = UNCOUNTED;
    }
    ends->where[ends->own] = HERE;
    if (ends->me->is_counted)
        ends->completed[ends->own] = ends->me->completed;
    return true;
}

static void free_room(struct ends *ends)
{
    free(ends->where);
    free(ends->reals);
    free(ends->names);
    free(ends->completed);
}

/* Nobody is given a rank but in a repair, if the last one was of the whole world. */
static bool leave_out_spares(struct ends *ends, MPI_Group group, const int ranks[], int seats[])
{
    MPI_Group active = MPI_GROUP_NULL;
    bool ok = PMPI_Comm_group(ftm_active, &active) == MPI_SUCCESS
              && PMPI_Group_translate_ranks(group, ends->n, ranks, active, seats) == MPI_SUCCESS;

    for (int i = 0; ok && i < ends->n; i++)
        if (seats[i] == MPI_UNDEFINED)
            ends->where[i] = NEVER;
    if (active != MPI_GROUP_NULL)
        PMPI_Group_free(&active);
    return ok;
}

static bool begin(struct ends *ends, MPI_Comm pool, const struct ftm_at_end *me)
{
    MPI_Group group = MPI_GROUP_NULL, world = MPI_GROUP_NULL;
    int *ranks;
    bool ok;

    *ends = (struct ends) {.pool = pool,
                           .me = me,
                           .ask_at_ns = ftm_deadline_ns(COUNT_MS),
                           .ask_every_ms = COUNT_MS};
    PMPI_Comm_size(pool, &ends->n);
    PMPI_Comm_rank(pool, &ends->own);
    ranks = calloc((size_t) ends->n, sizeof *ranks);
    ok = make_room(ends) && ranks && PMPI_Comm_group(pool, &group) == MPI_SUCCESS
         && PMPI_Comm_group(MPI_COMM_WORLD, &world) == MPI_SUCCESS;
    for (int i = 0; ok && i < ends->n; i++)
        ranks[i] = i;
    if (ok && ftm_repair_whole) /* `reals` is filled in after that */
        ok = leave_out_spares(ends, group, ranks, ends->reals);
    ok = ok && PMPI_Group_translate_ranks(group, ends->n, ranks, world, ends->reals) == MPI_SUCCESS;
    if (group != MPI_GROUP_NULL)
        PMPI_Group_free(&group);
    if (world != MPI_GROUP_NULL)
        PMPI_Group_free(&world);
    free(ranks);
    return ok;
}

/* Nobody waits for it to arrive: what is sent must stay. */
static void send_all(MPI_Comm pool, int tag, const void *bytes, size_t size)
{
    int n = 0, own = 0;

    PMPI_Comm_size(pool, &n);
    PMPI_Comm_rank(pool, &own);
    for (int i = 0; i < n; i++) {
        MPI_Request request = MPI_REQUEST_NULL;

        if (i != own
            && PMPI_Isend(bytes, (int) size, MPI_BYTE, i, tag, pool, &request) == MPI_SUCCESS
            && request != MPI_REQUEST_NULL)
            PMPI_Request_free(&request);
    }
}

static void tell_all(const struct ends *ends)
{
    static uint64_t completed;

    completed = ends->completed[ends->own];
    send_all(ends->pool, TAG_END, &completed, sizeof completed);
}

void ftm_repair_end_introduce(MPI_Comm pool)
{
    static pmix_proc_t name;

    if (ftm_headcount_name(&name))
        send_all(pool, TAG_NAME, &name, sizeof name);
}

static void note_lost(struct ends *ends)
{
    MPI_Group failed = MPI_GROUP_NULL, all = MPI_GROUP_NULL;
    int n = 0;

    if (PMPIX_Comm_get_failed(ends->pool, &failed) != MPI_SUCCESS)
        return;
    if (PMPI_Group_size(failed, &n) == MPI_SUCCESS && n > 0
        && PMPI_Comm_group(ends->pool, &all) == MPI_SUCCESS) {
        for (int i = 0, rank; i < n; i++)
            if (PMPI_Group_translate_ranks(failed, 1, &i, all, &rank) == MPI_SUCCESS && rank >= 0)
                ends->where[rank] = NEVER;
        PMPI_Group_free(&all);
    }
    if (failed != MPI_GROUP_EMPTY)
        PMPI_Group_free(&failed);
}

static void take_word(struct ends *ends, int from, int tag)
{
    bool is_end = tag == TAG_END, is_name = tag == TAG_NAME;
    void *into = is_end ? (void *) &ends->completed[from] : (void *) &ends->names[from];
    size_t size = is_end ? sizeof *ends->completed : is_name ? sizeof *ends->names : 0;

    if (PMPI_Recv(into, (int) size, MPI_BYTE, from, tag, ends->pool, MPI_STATUS_IGNORE)
        != MPI_SUCCESS)
        return;
    ends->has_passed = ends->has_passed || tag == TAG_PASSED;
    if (is_end && ends->where[from] == AWAY)
        ends->where[from] = HERE;
}

static void listen(struct ends *ends)
{
    MPI_Status status;
    int flag = 1;

    while (flag) {
        if (PMPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, ends->pool, &flag, &status) != MPI_SUCCESS) {
            PMPIX_Comm_failure_ack(ends->pool); /* who is lost is not waited for */
            return;
        }
        if (flag)
            take_word(ends, status.MPI_SOURCE, status.MPI_TAG);
    }
}

/* Who has a rank is waited for. */
static bool all_come(const struct ends *ends, bool asks_for_spares)
{
    const struct ftm_role *role = ftm_role();

    for (int i = 0; i < ends->n; i++) {
        bool is_spare = !ftm_repair_whole && ends->reals[i] >= role->world_n;

        if (ends->where[i] != AWAY || (is_spare && !asks_for_spares))
            continue;
        if (!is_spare || ftm_role_virtual(ends->reals[i]) >= 0)
            return false;
    }
    return true;
}

/* ---------------------------------------------------------------- who can never come */

/* One of those who are here asks, and does what follows. */
static bool is_first_here(const struct ends *ends)
{
    int i = 0;

    while (i < ends->own && ends->where[i] != HERE)
        i++;
    return i == ends->own;
}

/* The least that one who is here has completed; UNCOUNTED: nobody's number can be compared. */
static uint64_t least_completed(const struct ends *ends)
{
    uint64_t least = UNCOUNTED;

    for (int i = 0; i < ends->n; i++)
        if (ends->where[i] == HERE && ends->completed[i] < least)
            least = ends->completed[i];
    return least;
}

/* Those that have not come, unused spares among them, which do not answer. In a process that was
 * started into a repair nobody of the job it has joined is known by a number of the real world. */
static void ask_the_others(const struct ends *ends)
{
    pmix_proc_t *to = calloc((size_t) ends->n, sizeof *to);
    bool all_asked = false;
    size_t n = 0;

    for (int i = 0; to && i < ends->n; i++) {
        if (ends->where[i] != AWAY)
            continue;
        if (ends->names[i].rank != PMIX_RANK_INVALID) {
            to[n++] = ends->names[i];
        } else if (ends->reals[i] >= 0) {
            PMIX_LOAD_PROCID(&to[n++], ftm_role_job(), (pmix_rank_t) ends->reals[i]);
        } else if (!all_asked) {
            PMIX_LOAD_PROCID(&to[n++], ftm_role_job(), PMIX_RANK_WILDCARD);
            all_asked = true;
        }
    }
    ftm_headcount_ask(to, n, false);
    free(to);
}

static void ask_now_and_then(struct ends *ends)
{
    if (ftm_now_ns() < ends->ask_at_ns)
        return;
    ask_the_others(ends);
    ends->ask_every_ms = ends->ask_every_ms < COUNT_MAX_MS / 2 ? 2 * ends->ask_every_ms
                                                               : COUNT_MAX_MS;
    ends->ask_at_ns = ftm_deadline_ns(ends->ask_every_ms);
}

/* Is one in a collective that one who is here never joins? It hears of that. Or has one passed? All
 * hear of that. */
static void hear_of_others(struct ends *ends)
{
    uint64_t least;
    int v, revoked = 0;

    if (!is_first_here(ends))
        return;
    least = least_completed(ends);
    if (ftm_headcount_has_passed(ends->me->repairs)) {
        send_all(ends->pool, TAG_PASSED, NULL, 0);
        ends->has_passed = true;
    } else if (least == UNCOUNTED || !ftm_headcount_is_beyond(ends->me->repairs, least, &v)) {
        ask_now_and_then(ends);
    } else if (PMPIX_Comm_is_revoked(ftm_active, &revoked) == MPI_SUCCESS && !revoked) {
        PMPIX_Comm_revoke(ftm_active);
    }
}

/* ---------------------------------------------------------------- waiting */

bool ftm_repair_all_end(MPI_Comm pool, const struct ftm_at_end *own)
{
    struct ends ends;
    int revoked = 0;
    bool all = !begin(&ends, pool, own); /* without memory nobody is waited for */

    if (!all)
        tell_all(&ends);
    for (unsigned looks = 0; !all && !revoked; looks++) {
        listen(&ends);
        note_lost(&ends);
        PMPIX_Comm_is_revoked(pool, &revoked);
        all = !revoked
              && (ends.has_passed
                  || (all_come(&ends, false) && (looks < SPIN || looks % ASK_EVERY_NAPS == 0)
                      && all_come(&ends, true)));
        if (!all && !revoked && looks >= SPIN) {
            hear_of_others(&ends);
            poll(NULL, 0, NAP_MS);
        }
    }
    free_room(&ends);
    return all;
}
