/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * matrix_ulfm FOLDER N - a solver that mends itself by ULFM's words, for mode report: FT is not to
 * be noticed in it, but for the nodes whose loss it survives.
 *
 * N processes have a rank, those behind them are the application's own spares. Each step all ranks
 * exchange their values by MPI_Allgather, and compute the next (what the values are after T steps
 * is known: each checks it at the end). After an error: revoke, shrink, agree, the lost ranks to
 * the first spares, and back to the last step that all of the ranks have.
 */
#include <mpi.h>
#include <mpi-ext.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "matrix_record.h"

#define TAG_END 1
#define MODULUS 1000003
#define PROCESSES_MAX 64
#define TRIES_MAX 64

struct state {
    int step;
    int values[RECORD_RANKS_MAX]; /* of all ranks */
};

static const char *folder;
static int n, my_rank = -1; /* -1: a spare */
static struct state now = {.step = -1}, before; /* -1: none yet */
static MPI_Comm pool = MPI_COMM_WORLD, active = MPI_COMM_NULL;
static int ranks[PROCESSES_MAX], processes_n; /* in the pool */

static void begin_state(struct state *state)
{
    *state = (struct state){.step = 0};
    for (int r = 0; r < n; r++)
        state->values[r] = r + 1;
}

static int next_value(const struct state *state, int rank)
{
    long left = state->values[(rank + n - 1) % n], right = state->values[(rank + 1) % n];

    return (int) ((3 * left + 5L * state->values[rank] + 7 * right) % MODULUS);
}

static void check_result(void)
{
    struct state wanted, next;

    begin_state(&wanted);
    for (int step = 1; step <= now.step; step++) {
        next.step = step;
        for (int r = 0; r < n; r++)
            next.values[r] = next_value(&wanted, r);
        wanted = next;
    }
    for (int r = 0; r < n; r++)
        if (wanted.values[r] != now.values[r])
            record_fail("a wrong result", now.values[r], wanted.values[r]);
}

/* ---------------------------------------------------------------- mending */

/* A rank that nobody has goes to the first spare that has none. */
static void give_ranks(void)
{
    for (int r = 0; r < n; r++) {
        int at = 0, spare = -1;

        for (; at < processes_n && ranks[at] != r; at++)
            if (ranks[at] < 0 && spare < 0)
                spare = at;
        if (at < processes_n)
            continue;
        if (spare < 0)
            record_fail("no spare is left", r, processes_n);
        ranks[spare] = r;
    }
}

/* A new `active` out of the pool: whether all have it. */
static bool join(void)
{
    int me, mine = my_rank, flag;
    MPI_Comm made = MPI_COMM_NULL;

    MPI_Comm_size(pool, &processes_n);
    MPI_Comm_rank(pool, &me);
    flag = MPI_Allgather(&my_rank, 1, MPI_INT, ranks, 1, MPI_INT, pool) == MPI_SUCCESS;
    if (flag) {
        give_ranks();
        mine = ranks[me];
        flag = MPI_Comm_split(pool, mine < 0 ? MPI_UNDEFINED : 0, mine, &made) == MPI_SUCCESS;
    }
    if (!flag)
        MPIX_Comm_revoke(pool); /* or others would wait in there for us */
    if (MPIX_Comm_agree(pool, &flag) != MPI_SUCCESS || !flag) {
        if (made != MPI_COMM_NULL)
            MPI_Comm_free(&made);
        return false;
    }
    if (mine != my_rank)
        record_begin(folder, mine);
    my_rank = mine;
    active = made;
    return true;
}

static void shrink_pool(void)
{
    MPI_Comm less;

    if (active != MPI_COMM_NULL) {
        MPIX_Comm_revoke(active);
        MPI_Comm_free(&active);
    }
    MPIX_Comm_revoke(pool);
    if (MPIX_Comm_shrink(pool, &less) != MPI_SUCCESS)
        return; /* it is tried again */
    if (pool != MPI_COMM_WORLD)
        MPI_Comm_free(&pool);
    pool = less;
}

/* ---------------------------------------------------------------- computing */

/* All go on from the least step that one of them has: each has the one before its own, too. */
static bool go_back(void)
{
    struct {
        int step, rank;
    } mine = {now.step < 0 ? INT_MAX : now.step, my_rank}, least;
    struct state state;

    if (MPI_Allreduce(&mine, &least, 1, MPI_2INT, MPI_MINLOC, active) != MPI_SUCCESS)
        return false;
    state = now.step > least.step ? before : now;
    if (MPI_Bcast(&state, (int) (sizeof state / sizeof(int)), MPI_INT, least.rank, active)
        != MPI_SUCCESS)
        return false;
    now = state;
    return true;
}

enum outcome { GO_ON, DONE, FAILED };

static enum outcome do_step(void)
{
    struct state next = {.step = now.step + 1};
    int mine[2] = {next_value(&now, my_rank), my_rank == 0 && record_end_wanted()};
    int all[2 * RECORD_RANKS_MAX], revoked;

    if (MPIX_Comm_is_revoked(pool, &revoked) != MPI_SUCCESS || revoked /* a spare is lost */
        || MPI_Allgather(mine, 2, MPI_INT, all, 2, MPI_INT, active) != MPI_SUCCESS)
        return FAILED;
    if (all[1])
        return DONE;
    for (int r = 0; r < n; r++)
        next.values[r] = all[2 * r];
    before = now;
    now = next;
    record_step(now.step);
    record_pause();
    return GO_ON;
}

/* Whether all have come to the end. */
static bool compute(void)
{
    enum outcome outcome = go_back() ? GO_ON : FAILED;
    int flag;

    while (outcome == GO_ON)
        outcome = do_step();
    if (outcome == FAILED)
        MPIX_Comm_revoke(active);
    flag = outcome == DONE;
    return MPIX_Comm_agree(active, &flag) == MPI_SUCCESS && flag;
}

static bool wait_as_spare(void)
{
    return MPI_Recv(NULL, 0, MPI_INT, MPI_ANY_SOURCE, TAG_END, pool, MPI_STATUS_IGNORE)
        == MPI_SUCCESS;
}

static void dismiss_spares(void)
{
    for (int to = 0; to < processes_n; to++)
        if (ranks[to] < 0)
            MPI_Send(NULL, 0, MPI_INT, to, TAG_END, pool);
}

int main(int argc, char **argv)
{
    bool done = false;

    MPI_Init(&argc, &argv);
    MPI_Comm_set_errhandler(pool, MPI_ERRORS_RETURN); /* what is made from it inherits that */
    MPI_Comm_size(pool, &processes_n);
    MPI_Comm_rank(pool, &my_rank);
    folder = argv[1];
    n = argc == 3 ? atoi(argv[2]) : 0;
    if (n < 1 || n > RECORD_RANKS_MAX || processes_n > PROCESSES_MAX || n > processes_n)
        record_fail("matrix_ulfm FOLDER N", argc, processes_n);
    if (my_rank < n) {
        begin_state(&now);
        record_begin(folder, my_rank);
    } else {
        my_rank = -1;
    }
    for (int tries = 0; !done; tries++) {
        if (tries == TRIES_MAX)
            record_fail("it did not get mended", tries, my_rank);
        if (tries > 0)
            shrink_pool();
        if (join())
            done = my_rank < 0 ? wait_as_spare() : compute();
    }
    if (my_rank >= 0)
        check_result();
    if (my_rank == 0) {
        dismiss_spares();
        printf("all %d ranks are right\n", n);
    }
    MPI_Finalize();
    return 0;
}
