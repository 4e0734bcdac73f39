/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_common.c - ranks that are not equally far go back together, for t0721-keep.sh.
 *
 * Each rank's two buffers follow from rank and version, so that it can be told whether they are
 * those of a commit. In each case some ranks make more commits than others; FTMPI_Fetch_common has
 * to find the newest one that all have, or to change nothing anywhere. Rank 0 prints a line a case.
 */
#include <mpi.h>
#include <stdio.h>
#include <string.h>

#include "ftmpi.h"

#define FETCH_MS 20000
#define N 1000

static int rank, ranks, counter;
static double field[N];

static void set(int version)
{
    counter = version;
    for (int i = 0; i < N; i++)
        field[i] = rank * 1e6 + version * 1e3 + i;
}

static int is_of(int version)
{
    int wrong = counter != version;

    for (int i = 0; i < N; i++) {
        double wanted = rank * 1e6 + version * 1e3 + i;

        wrong += field[i] < wanted || field[i] > wanted;
    }
    return wrong == 0;
}

static int commits(int from, int to)
{
    int wrong = 0;

    for (int version = from; version <= to; version++) {
        set(version);
        wrong += FTMPI_Commit(version) != MPI_SUCCESS;
        wrong += FTMPI_Commit_wait(FETCH_MS) != MPI_SUCCESS;
    }
    return wrong;
}

/* All ranks: is what they have after it that of `wanted`, or, if there is none, what they had? */
static void fetch(const char *what, int wanted, int had, int wrong)
{
    int version = -7, rc, words_n = 0, all[2];

    MPI_Barrier(MPI_COMM_WORLD);
    rc = FTMPI_Fetch_common(FETCH_MS, &version);
    if (wanted >= 0)
        wrong += rc != MPI_SUCCESS || version != wanted || !is_of(wanted);
    else
        wrong += rc != MPI_ERR_OTHER || version != -1 || !is_of(had);
    if (rc != MPI_SUCCESS)
        words_n = strstr(FTMPI_Last_error(), "rank") != NULL;
    all[0] = wrong;
    all[1] = words_n;
    MPI_Allreduce(MPI_IN_PLACE, all, 2, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    if (wrong > 0)
        fprintf(stderr, "rank %d, %s: rc %d version %d counter %d: %s\n", rank, what, rc, version,
                counter, FTMPI_Last_error());
    if (rank == 0)
        printf("%s: %d wrong, %d ranks say which\n", what, all[0], all[1]);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    set(0);
    fetch("nobody keeps anything", -1, 0, 0);
    if (FTMPI_Keep("counter", &counter, sizeof counter) != MPI_SUCCESS
        || FTMPI_Keep("field", field, sizeof field) != MPI_SUCCESS)
        MPI_Abort(MPI_COMM_WORLD, 3);
    fetch("nobody has committed", -1, 0, 0);
    fetch("all are equally far", 4, -1, commits(1, 4));
    fetch("the last rank is one further", 7, -1, commits(5, rank == ranks - 1 ? 8 : 7));
    /* Each has gone back to 7: an 8 there was never to be. */
    fetch("again", 7, -1, 0);
    fetch("the first rank is two further", -1, rank == 0 ? 10 : 8, commits(8, rank == 0 ? 10 : 8));
    fetch("and the others have come after it", 10, -1, rank == 0 ? 0 : commits(9, 10));
    if (rank == ranks - 1)
        FTMPI_Keep("field", field, sizeof field / 2);
    fetch("a size differs in one rank", -1, 10, 0);
    MPI_Finalize();
    return 0;
}
