/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plain_ends FOLDER [WAY]... - plain MPI: all ranks wait for a message of rank 2, whose processes end
 * in these ways, the first one in the first, and so on; who comes after that sends the messages.
 *
 *   abort    MPI_Abort(MPI_COMM_WORLD, 42)
 *   self     MPI_Abort(MPI_COMM_SELF, 42)
 *   part     the same of a communicator that it has alone
 *   exit     exit(7), without MPI_Finalize
 *   die      SIGKILL
 *   barrier  does not end: MPI_Barrier on the world, in which nobody else ever is
 *
 * FOLDER/life.K says that process K of rank 2 was there. Rank R says `rank R has 17`.
 */
#include <fcntl.h>
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAG 1
#define VALUE 17
#define LIVES_MAX 100
#define SETTLE_US 300000 /* the others are in their calls by then, nearly always; else it is the same */

static int which_life(const char *folder)
{
    for (int life = 0; life < LIVES_MAX; life++) {
        char path[512];
        int fd;

        snprintf(path, sizeof path, "%s/life.%d", folder, life);
        fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
        if (fd >= 0) {
            close(fd);
            return life;
        }
    }
    return LIVES_MAX;
}

static void end(const char *way, MPI_Comm part)
{
    usleep(SETTLE_US);
    if (strcmp(way, "abort") == 0)
        MPI_Abort(MPI_COMM_WORLD, 42);
    else if (strcmp(way, "self") == 0)
        MPI_Abort(MPI_COMM_SELF, 42);
    else if (strcmp(way, "part") == 0)
        MPI_Abort(part, 42);
    else if (strcmp(way, "exit") == 0)
        exit(7);
    else if (strcmp(way, "die") == 0)
        raise(SIGKILL);
    else
        MPI_Barrier(MPI_COMM_WORLD);
}

int main(int argc, char *argv[])
{
    int rank, size, value = VALUE, life;
    MPI_Comm part;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_split(MPI_COMM_SELF, 0, 0, &part);
    life = rank == 2 ? which_life(argv[1]) : 0;
    if (rank == 2 && life + 2 < argc)
        end(argv[life + 2], part);
    for (int i = 0; rank == 2 && i < size; i++)
        if (i != rank)
            MPI_Send(&value, 1, MPI_INT, i, TAG, MPI_COMM_WORLD);
    if (rank != 2)
        MPI_Recv(&value, 1, MPI_INT, 2, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    printf("rank %d has %d\n", rank, value);
    MPI_Comm_free(&part);
    MPI_Finalize();
    return 0;
}
