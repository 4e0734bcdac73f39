/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_keep.c - how long an application is held up to keep 100 MB a rank (keep_100mb_ms).
 *
 *     bench_keep [MBYTES [COMMITS]]        ft run, two ranks on two nodes
 *
 * Both ranks keep a field, and commit it several times, each time after the field was written, as
 * programs do, and after the commit before was complete. Rank 0 prints the medians, without the
 * first commit, whose memory is new:
 *
 *     bench commit_ms=... begin_ms=... whole_ms=... copy_ms=... first_ms=... fetch_ms=...
 *
 *     commit  FTMPI_Commit, the call      begin  FTMPI_Commit_begin, the call
 *     whole   from the call until the commit is complete at the partner
 *     copy    a memcpy of as much, in the same run
 *     first   the first FTMPI_Commit      fetch  FTMPI_Fetch_buffer of the other rank's, from there
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ftmpi.h"

#define COMMITS_MAX 100
#define TIMEOUT_MS 60000

static unsigned char *field, *copy;
static size_t bytes = 100u * 1000 * 1000;

static void check(int rc, const char *what)
{
    if (rc == MPI_SUCCESS)
        return;
    fprintf(stderr, "bench_keep: %s: %s\n", what, FTMPI_Last_error());
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}

static double median(double values[], int n)
{
    qsort(values, (size_t) n, sizeof *values, by_value);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static double ms_since(double start_s)
{
    return 1e3 * (MPI_Wtime() - start_s);
}

/* One commit; *whole_ms gets when it was complete. */
static double one(int version, int (*commit)(int), double *whole_ms)
{
    double start_s, held_ms;

    memset(field, version, bytes);
    MPI_Barrier(MPI_COMM_WORLD);
    start_s = MPI_Wtime();
    check(commit(version), "commit");
    held_ms = ms_since(start_s);
    check(FTMPI_Commit_end(), "commit_end");
    check(FTMPI_Commit_wait(TIMEOUT_MS), "commit_wait");
    *whole_ms = ms_since(start_s);
    MPI_Barrier(MPI_COMM_WORLD);
    return held_ms;
}

static double copy_once(void)
{
    double start_s;

    memset(field, 1, bytes);
    MPI_Barrier(MPI_COMM_WORLD);
    start_s = MPI_Wtime();
    memcpy(copy, field, bytes);
    start_s = ms_since(start_s);
    MPI_Barrier(MPI_COMM_WORLD);
    return start_s;
}

static double fetch_once(int rank)
{
    size_t room = bytes;
    double start_s;

    MPI_Barrier(MPI_COMM_WORLD);
    start_s = MPI_Wtime();
    check(FTMPI_Fetch_buffer(!rank, "field", FTMPI_LATEST, copy, &room, TIMEOUT_MS), "fetch");
    start_s = ms_since(start_s);
    MPI_Barrier(MPI_COMM_WORLD);
    return start_s;
}

int main(int argc, char **argv)
{
    double commit_ms[COMMITS_MAX], begin_ms[COMMITS_MAX], whole_ms[COMMITS_MAX];
    double copy_ms[COMMITS_MAX], first_ms, fetch_ms, unused;
    int rank, n = argc > 2 ? atoi(argv[2]) : 5;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (argc > 1)
        bytes = strtoull(argv[1], NULL, 10) * 1000 * 1000;
    field = malloc(bytes);
    copy = malloc(bytes);
    if (!field || !copy || n < 1 || n > COMMITS_MAX)
        MPI_Abort(MPI_COMM_WORLD, 2);
    memset(field, 0, bytes);
    memset(copy, 0, bytes);
    check(FTMPI_Keep("field", field, bytes), "keep");
    first_ms = one(0, FTMPI_Commit, &unused);
    one(1, FTMPI_Commit, &unused);
    for (int i = 0; i < n; i++) {
        copy_ms[i] = copy_once();
        commit_ms[i] = one(2 + 2 * i, FTMPI_Commit, &whole_ms[i]);
        begin_ms[i] = one(3 + 2 * i, FTMPI_Commit_begin, &unused);
    }
    fetch_ms = fetch_once(rank);
    if (rank == 0)
        printf("bench commit_ms=%.3f begin_ms=%.3f whole_ms=%.3f copy_ms=%.3f first_ms=%.3f "
               "fetch_ms=%.3f\n",
               median(commit_ms, n), median(begin_ms, n), median(whole_ms, n), median(copy_ms, n),
               first_ms, fetch_ms);
    free(field);
    free(copy);
    MPI_Finalize();
    return 0;
}
