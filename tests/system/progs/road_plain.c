/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * road_plain.c - an MPI program that knows nothing of FT, for comparing mpirun with and without FT
 * installed.
 *
 *     road_plain DIR ring          a token goes round, rank 0 prints what it collected
 *     road_plain DIR exit CODE     the same, then the last rank ends with CODE, after MPI_Finalize
 *     road_plain DIR leave CODE    the last rank ends without MPI_Finalize, the others wait
 *     road_plain DIR abort CODE    the last rank calls MPI_Abort, the others wait
 *     road_plain DIR wait          all wait for ever
 *
 * Every rank makes the file DIR/here.RANK, with its process id. Whoever waits then waits outside of
 * MPI, so that only the launcher sees what becomes of the last rank; that one does not start before
 * the others wait.
 */
#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MAX_MS 10000

static int rank, size;

static void sign_in(const char *folder)
{
    char path[PATH_MAX];
    FILE *file;

    snprintf(path, sizeof path, "%s/here.%d", folder, rank);
    file = fopen(path, "w");
    if (!file || fprintf(file, "%d\n", (int) getpid()) < 0 || fclose(file) != 0)
        MPI_Abort(MPI_COMM_WORLD, 99);
}

static int all_are_here(const char *folder)
{
    int here = 0;

    for (int i = 0; i < WAIT_MAX_MS && here < size; i++) {
        char path[PATH_MAX];

        here = 0;
        for (int r = 0; r < size; r++) {
            snprintf(path, sizeof path, "%s/here.%d", folder, r);
            here += access(path, F_OK) == 0;
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return here == size;
}

static void ring(void)
{
    int token = 0;

    if (rank > 0)
        MPI_Recv(&token, 1, MPI_INT, rank - 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    token += rank + 1;
    MPI_Send(&token, 1, MPI_INT, (rank + 1) % size, 0, MPI_COMM_WORLD);
    if (rank > 0)
        return;
    MPI_Recv(&token, 1, MPI_INT, size - 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    printf("the token has collected %d\n", token);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : ".", *mode = argc > 2 ? argv[2] : "ring";
    int code = argc > 3 ? atoi(argv[3]) : 0, is_last;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    is_last = rank == size - 1;
    if (strcmp(mode, "ring") == 0 || strcmp(mode, "exit") == 0)
        ring();
    else
        MPI_Barrier(MPI_COMM_WORLD);
    sign_in(folder);
    if (is_last && strcmp(mode, "abort") == 0 && all_are_here(folder))
        MPI_Abort(MPI_COMM_WORLD, code);
    if (is_last && strcmp(mode, "leave") == 0 && all_are_here(folder))
        _exit(code);
    while (strcmp(mode, "ring") != 0 && strcmp(mode, "exit") != 0)
        pause();
    MPI_Finalize();
    return is_last ? code : 0;
}
