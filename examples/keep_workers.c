/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_workers.c - workers whose state outlives them, written in VeloC's words (veloc_names.h).
 *
 *     ft run -n 4 --spares 2 keep_workers [STEPS [MILLISECONDS]]
 *
 * Rank 0 collects, the others work: each has a table, changes it in each step by what it was the
 * step before, and sends its sum to rank 0. A worker's table after step S can only be had by having
 * gone all S steps. Each step is checkpointed before its sum is sent. When a worker is lost, a
 * spare rank comes into its place (out of MPI_Init, as this rank), finds a checkpoint, restores
 * table and sums, and goes on. A message that MPI has taken may be lost with its sender, so the
 * sums are sent again; rank 0 does not mind those that it has.
 *
 * Rank 0 computes what the sums have to be, by itself, and ends with an error if one is not.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "veloc_names.h"

#define TABLE_N 100000
#define TAG_SUM 1
#define TAG_DONE 2

#define STEPS_MAX 1000

struct state {
    int step; /* this many are done */
    double sums[STEPS_MAX];
    double table[TABLE_N];
};

struct sum {
    int step;
    double value;
};

static int steps = 50, pause_ms = 20;

static void begin(struct state *state, int worker)
{
    state->step = 0;
    for (int i = 0; i < TABLE_N; i++)
        state->table[i] = worker + i;
}

static double do_step(struct state *state)
{
    double sum = 0;

    for (int i = 0; i < TABLE_N; i++) {
        state->table[i] = 0.5 * state->table[i] + 0.25 * state->table[(i + 1) % TABLE_N] + i;
        sum += state->table[i];
    }
    state->sums[state->step++] = sum;
    return sum;
}

static int tell(const struct state *state, int step)
{
    const struct sum sum = {.step = step, .value = state->sums[step - 1]};

    return MPI_Send(&sum, sizeof sum, MPI_BYTE, 0, TAG_SUM, MPI_COMM_WORLD);
}

static int work(struct state *state, int worker)
{
    int version;

    begin(state, worker);
    VELOC_Mem_protect(0, &state->step, 1, sizeof state->step);
    VELOC_Mem_protect(1, state->table, TABLE_N, sizeof *state->table);
    VELOC_Mem_protect(2, state->sums, STEPS_MAX, sizeof *state->sums);
    version = VELOC_Restart_test("table", 0);
    if (version >= 0) {
        if (VELOC_Restart("table", version) != VELOC_SUCCESS) {
            fprintf(stderr, "keep_workers: worker %d: %s\n", worker, FTMPI_Last_error());
            return 1;
        }
        printf("worker %d goes on after step %d\n", worker, state->step);
        fflush(stdout);
        for (int step = 1; step <= state->step; step++)
            tell(state, step);
    }
    while (state->step < steps) {
        do_step(state);
        if (VELOC_Checkpoint("table", state->step) != VELOC_SUCCESS
            || VELOC_Checkpoint_wait() != VELOC_SUCCESS)
            fprintf(stderr, "keep_workers: worker %d is not safe: %s\n", worker,
                    FTMPI_Last_error());
        if (tell(state, state->step) != MPI_SUCCESS)
            return 1;
        nanosleep(&(struct timespec){.tv_sec = pause_ms / 1000,
                                     .tv_nsec = pause_ms % 1000 * 1000000L}, NULL);
    }
    return MPI_Recv(NULL, 0, MPI_BYTE, 0, TAG_DONE, MPI_COMM_WORLD, MPI_STATUS_IGNORE)
        != MPI_SUCCESS;
}

static int collect(struct state *state, int workers)
{
    double *wanted = calloc((size_t) workers * (size_t) steps, sizeof *wanted);
    char *have = calloc((size_t) workers * (size_t) steps, 1);
    int left = workers * steps, wrong = 0, again = 0;

    if (!wanted || !have)
        return 1;
    for (int w = 0; w < workers; w++) {
        begin(state, w + 1);
        for (int s = 0; s < steps; s++)
            wanted[w * steps + s] = do_step(state);
    }
    while (left > 0) {
        struct sum sum;
        MPI_Status status;
        int at;

        if (MPI_Recv(&sum, sizeof sum, MPI_BYTE, MPI_ANY_SOURCE, TAG_SUM, MPI_COMM_WORLD, &status)
            != MPI_SUCCESS)
            return 1;
        at = (status.MPI_SOURCE - 1) * steps + sum.step - 1;
        wrong += sum.value < wanted[at] || sum.value > wanted[at];
        again += have[at];
        left -= !have[at];
        have[at] = 1;
        if (left == workers * (steps - 1)) { /* as many as workers */
            printf("the first %d sums are here\n", workers);
            fflush(stdout);
        }
    }
    for (int w = 1; w <= workers; w++)
        MPI_Send(NULL, 0, MPI_BYTE, w, TAG_DONE, MPI_COMM_WORLD);
    printf("%d sums of %d workers, %d came twice, %d are wrong\n", workers * steps, workers, again,
           wrong);
    free(wanted);
    free(have);
    return wrong > 0;
}

int main(int argc, char **argv)
{
    struct state *state = malloc(sizeof *state);
    int rank, size, failed;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (argc > 1)
        steps = atoi(argv[1]);
    if (argc > 2)
        pause_ms = atoi(argv[2]);
    if (!state || steps < 1 || steps > STEPS_MAX || size < 2
        || VELOC_Init(MPI_COMM_WORLD, NULL) != VELOC_SUCCESS)
        MPI_Abort(MPI_COMM_WORLD, 2);
    failed = rank == 0 ? collect(state, size - 1) : work(state, rank);
    VELOC_Finalize(0);
    free(state);
    MPI_Finalize();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
