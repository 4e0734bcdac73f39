/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * jacobi.c - a solver that outlives its ranks.
 *
 *     ft run --mode=repair --spares 1 -n 4 jacobi [N [STEPS [COMMIT_EVERY [PAUSE_MS]]]]
 *
 * Laplace's equation on N x N inner points: 1 on the upper edge, 0 on the others. Each rank has some
 * rows, and the rows beside them of its neighbours. A step replaces each point by the mean of its
 * four neighbours; the residual is the length of the change. Every COMMIT_EVERY steps all ranks
 * commit what they have. When one is lost a spare takes its place, step_on is called anew in all
 * ranks, and all go back to the last commit together: the same residuals come out as if nothing had
 * happened.
 *
 * Whatever rank computes a row, it is summed in the same order: not a bit is different.
 */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ftmpi.h"

#define FETCH_MS 10000

enum { TAG_UP = 1, TAG_DOWN };

static int n = 64, steps = 200, commit_every = 10, pause_ms;
static int rank, ranks, rows;
static MPI_Comm row;

/* Kept. */
static int step;
static double residual;
static double *field; /* rows + 2 rows of n + 2 points */
static double *before;
static double *sums; /* one of each rank */

static size_t field_bytes(void)
{
    return (size_t) (rows + 2) * (size_t) (n + 2) * sizeof *field;
}

static double *line(double *of, int i)
{
    return of + (size_t) i * (size_t) (n + 2);
}

static void begin(void)
{
    step = 0;
    residual = 0;
    memset(field, 0, field_bytes());
    for (int j = 0; rank == 0 && j < n + 2; j++)
        field[j] = 1;
}

static void exchange_edges(void)
{
    int above = rank > 0 ? rank - 1 : MPI_PROC_NULL;
    int below = rank < ranks - 1 ? rank + 1 : MPI_PROC_NULL;

    MPI_Sendrecv(line(field, 1) + 1, n, MPI_DOUBLE, above, TAG_UP, line(field, rows + 1) + 1, n,
                 MPI_DOUBLE, below, TAG_UP, row, MPI_STATUS_IGNORE);
    MPI_Sendrecv(line(field, rows) + 1, n, MPI_DOUBLE, below, TAG_DOWN, line(field, 0) + 1, n,
                 MPI_DOUBLE, above, TAG_DOWN, row, MPI_STATUS_IGNORE);
}

/* One step. Returns this rank's part of the square of the change. */
static double relax(void)
{
    double change = 0;

    memcpy(before, field, field_bytes());
    for (int i = 1; i <= rows; i++) {
        const double *up = line(before, i - 1), *own = line(before, i), *down = line(before, i + 1);
        double *now = line(field, i);

        for (int j = 1; j <= n; j++) {
            now[j] = 0.25 * (up[j] + down[j] + own[j - 1] + own[j + 1]);
            change += (now[j] - own[j]) * (now[j] - own[j]);
        }
    }
    return change;
}

/* In rank order, so that it is the same whatever way a sum over all ranks would take. */
static void sum_up(double change)
{
    MPI_Allgather(&change, 1, MPI_DOUBLE, sums, 1, MPI_DOUBLE, MPI_COMM_WORLD);
    residual = 0;
    for (int r = 0; r < ranks; r++)
        residual += sums[r];
    residual = sqrt(residual);
}

static void go_back(const FTMPI_Repair_t *repair)
{
    if (FTMPI_Fetch_common(FETCH_MS, NULL) != MPI_SUCCESS)
        begin(); /* lost before the first commit */
    if (rank > 0)
        return;
    printf("repaired %d: rank%s", repair->repairs, repair->lost_n > 1 ? "s" : "");
    for (int i = 0; i < repair->lost_n && i < FTMPI_LOST_MAX; i++)
        printf(" %d", repair->lost[i]);
    printf(" lost, going on from step %d\n", step);
    fflush(stdout);
}

static void await_commit(void)
{
    if (FTMPI_Commit_wait(FT_FOREVER) != MPI_SUCCESS)
        fprintf(stderr, "rank %d has nowhere to keep its state: %s\n", rank, FTMPI_Last_error());
}

static void commit(void)
{
    FTMPI_Commit(step);
    if (rank > 0)
        return;
    printf("step %d residual %.10e\n", step, residual);
    fflush(stdout);
}

/* To the end, from where the last commit was. */
static int step_on(const FTMPI_Repair_t *repair, void *arg)
{
    (void) arg;
    if (repair->repairs > 0)
        go_back(repair);
    while (step < steps) {
        int is_kept = (step + 1) % commit_every == 0;
        double change;

        exchange_edges();
        change = relax();
        step++;
        /* Whoever gets through the next collective knows that all ranks' last commit is safe. */
        if (is_kept)
            await_commit();
        sum_up(change);
        if (is_kept)
            commit();
        if (pause_ms > 0)
            nanosleep(&(struct timespec){pause_ms / 1000, pause_ms % 1000 * 1000000L}, NULL);
    }
    return 0;
}

static void take_words(int argc, char **argv)
{
    int *const words[] = {&n, &steps, &commit_every, &pause_ms};

    for (int i = 1; i < argc && i <= 4; i++)
        *words[i - 1] = atoi(argv[i]);
    if (n < ranks || n < 1 || steps < 1 || commit_every < 1 || pause_ms < 0) {
        fprintf(stderr, "usage: jacobi [N [STEPS [COMMIT_EVERY [PAUSE_MS]]]], a row a rank at least\n");
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
}

static void make_fields(void)
{
    rows = n / ranks + (rank < n % ranks);
    field = malloc(field_bytes());
    before = malloc(field_bytes());
    sums = malloc((size_t) ranks * sizeof *sums);
    if (!field || !before || !sums) {
        fprintf(stderr, "jacobi: no memory for %d x %d points\n", n, n);
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    begin();
}

int main(int argc, char **argv)
{
    int rc;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Comm_dup(MPI_COMM_WORLD, &row); /* a replacement gets the one that the others have */
    take_words(argc, argv);
    make_fields();
    rc = FTMPI_Keep("step", &step, sizeof step);
    if (rc == MPI_SUCCESS)
        rc = FTMPI_Keep("residual", &residual, sizeof residual);
    if (rc == MPI_SUCCESS)
        rc = FTMPI_Keep("field", field, field_bytes());
    if (rc != MPI_SUCCESS)
        fprintf(stderr, "rank %d keeps nothing: %s\n", rank, FTMPI_Last_error());
    rc = FTMPI_Loop(step_on, NULL);
    if (rank == 0 && rc == 0)
        printf("residual %.15e after %d steps\n", residual, steps);
    free(field);
    free(before);
    free(sums);
    MPI_Comm_free(&row);
    MPI_Finalize();
    return rc != 0;
}
