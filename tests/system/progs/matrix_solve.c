/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * matrix_solve FOLDER - a solver whose world is made whole again, for mode repair.
 *
 * A value a rank. Each step it is exchanged with the neighbours on a ring (a Cartesian
 * communicator) and summed over all; the next value follows from these. What the values are after T
 * steps is known: each rank checks its own at the end, which the test decides (matrix_record.h).
 *
 * Each step is committed, behind a collective: so nobody is two commits ahead of anybody.
 */
#include <mpi.h>
#include <stdio.h>

#include "ftmpi.h"
#include "matrix_record.h"

#define MODULUS 1000003
#define FETCH_MS 20000

struct state {
    int step;
    long value;
};

static int rank, size;
static MPI_Comm ring;
static struct state state;

static long next_value(long left, long own, long right, long sum)
{
    return (3 * left + 5 * own + 7 * right + sum) % MODULUS;
}

static void check_result(void)
{
    long now[RECORD_RANKS_MAX], next[RECORD_RANKS_MAX];

    for (int r = 0; r < size; r++)
        now[r] = r + 1;
    for (int step = 1; step <= state.step; step++) {
        long sum = 0;

        for (int r = 0; r < size; r++)
            sum += now[r];
        for (int r = 0; r < size; r++)
            next[r] = next_value(now[(r + size - 1) % size], now[r], now[(r + 1) % size], sum);
        for (int r = 0; r < size; r++)
            now[r] = next[r];
    }
    if (now[rank] != state.value)
        record_fail("a wrong result", (int) state.value, (int) now[rank]);
}

/* Whether there is another one after it. */
static int do_step(void)
{
    long mine[2] = {state.value, rank == 0 && record_end_wanted()}, all[2], left, right;
    int before, after;

    MPI_Cart_shift(ring, 0, 1, &before, &after);
    MPI_Sendrecv(&state.value, 1, MPI_LONG, after, 1, &left, 1, MPI_LONG, before, 1, ring,
                 MPI_STATUS_IGNORE);
    MPI_Sendrecv(&state.value, 1, MPI_LONG, before, 2, &right, 1, MPI_LONG, after, 2, ring,
                 MPI_STATUS_IGNORE);
    FTMPI_Commit_wait(FT_FOREVER);
    MPI_Allreduce(mine, all, 2, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
    if (all[1])
        return 0;
    state.value = next_value(left, state.value, right, all[0]);
    state.step++;
    FTMPI_Commit(state.step);
    record_step(state.step);
    record_pause();
    return 1;
}

/* To be seen in the log of a test that was slow. */
static void say_steps(const FTMPI_Repair_t *repair)
{
    printf("repair %d, %d lost, ms:", repair->repairs, repair->lost_n);
    for (int i = 0; i < FTMPI_STEPS; i++)
        printf(" %.1f", repair->step_ms[i]);
    printf("\n");
    fflush(stdout);
}

static int solve(const FTMPI_Repair_t *repair, void *arg)
{
    int version;

    (void) arg;
    if (repair->rank != rank || repair->world_n != size)
        record_fail("the world is another", repair->rank, repair->world_n);
    if (repair->repairs > 0 && rank == 0)
        say_steps(repair);
    if (repair->repairs == 0 || FTMPI_Fetch_common(FETCH_MS, &version) != MPI_SUCCESS)
        state = (struct state){.step = 0, .value = rank + 1};
    else if (version != state.step)
        record_fail("another version's state", version, state.step);
    while (do_step())
        ;
    return 0;
}

int main(int argc, char **argv)
{
    int periodic = 1;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (argc < 2 || size > RECORD_RANKS_MAX)
        record_fail("matrix_solve FOLDER", argc, size);
    record_begin(argv[1], rank);
    MPI_Cart_create(MPI_COMM_WORLD, 1, &size, &periodic, 0, &ring);
    FTMPI_Keep("state", &state, sizeof state);
    if (FTMPI_Loop(solve, NULL) != 0)
        record_fail("the loop returned something else", 0, 0);
    check_result();
    if (rank == 0)
        printf("all %d ranks are right\n", size);
    MPI_Comm_free(&ring);
    MPI_Finalize();
    return 0;
}
