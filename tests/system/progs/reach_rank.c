/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reach_rank.c FOLDER - FTMPI_Reach in a job that has warm spares, for t0710-retarget.sh.
 *
 * Rank 0 is answered by the last rank; then the file FOLDER/ready is there. Once that rank is lost,
 * rank 0 asks for the alternative and reaches it: a spare, on MPI_COMM_WORLD, under the number of
 * the rank whose place it has. What rank 0 sends there is answered by the spare. The other ranks
 * look on.
 *
 * FOLDER/reached: "RANK OF-WORLD LIFE", as rank 0 has it from FTMPI_Reach and from the answer.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ft.h"
#include "ftmpi.h"

#define TRIES_MAX 600
#define TIMEOUT_MS 10000

static const char *folder;

static void fail(const char *what, int a, int b)
{
    fprintf(stderr, "reach_rank: %s (%d, %d)\n", what, a, b);
    _exit(3);
}

static void write_down(const char *name, int a, int b, int c)
{
    char path[512], fresh[512];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(fresh, sizeof fresh, "%s/%s.new", folder, name);
    file = fopen(fresh, "w");
    if (!file || fprintf(file, "%d %d %d\n", a, b, c) < 0 || fclose(file) != 0
        || rename(fresh, path) != 0)
        fail("no file for what is found", a, b);
}

/* Which process of its rank answers, as the spare has another number in the job. */
static int ask(MPI_Comm comm, int peer)
{
    int life = -1;

    MPI_Send(NULL, 0, MPI_INT, peer, 1, comm);
    MPI_Recv(&life, 1, MPI_INT, peer, 2, comm, MPI_STATUS_IGNORE);
    return life;
}

static void answer(int life)
{
    MPI_Status status;

    do {
        MPI_Recv(NULL, 0, MPI_INT, 0, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
        if (status.MPI_TAG == 1)
            MPI_Send(&life, 1, MPI_INT, 0, 2, MPI_COMM_WORLD);
    } while (status.MPI_TAG == 1);
}

static void go_on(ftHandle_t ft, int last, char **argv)
{
    const struct timespec pause = {0, 50000000};
    MPI_Comm comm = MPI_COMM_NULL;
    ftRetVal_t found = FT_ERR_NONE;
    ftReply_t reply;
    int peer = -1, rc;

    for (int i = 0; i < TRIES_MAX && found != FT_OK; i++) {
        nanosleep(&pause, NULL);
        found = requestFT(ft, findAlternative(ftRank(last), ftAny()), &reply, TIMEOUT_MS);
    }
    if (found != FT_OK)
        fail(reply.reason, found, last);
    if (reply.reach != FT_REACH_RANK)
        fail("the alternative is no spare", reply.reach, reply.reach_rank);
    rc = FTMPI_Reach(ft, &reply, argv[0], argv + 1, TIMEOUT_MS, &comm, &peer, NULL);
    if (rc != MPI_SUCCESS)
        fail("FTMPI_Reach", rc, peer);
    write_down("reached", peer, comm == MPI_COMM_WORLD, ask(comm, peer));
    MPI_Send(NULL, 0, MPI_INT, peer, 3, comm);
    if (FTMPI_Leave(&comm) != MPI_SUCCESS || comm != MPI_COMM_NULL)
        fail("FTMPI_Leave", peer, 0);
}

int main(int argc, char **argv)
{
    int rank, size, life;
    ftHandle_t ft;
    char path[512];

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (argc != 2)
        fail("usage: reach_rank FOLDER", argc, 0);
    folder = argv[1];
    snprintf(path, sizeof path, "%s/ready", folder);
    life = access(path, F_OK) == 0; /* this process's; it begins when the first one is there */
    if (rank == size - 1)
        answer(life);
    if (rank == 0) {
        if (openFT(NULL, &ft) != FT_OK)
            fail(ftLastError(), 0, 0);
        if (ask(MPI_COMM_WORLD, size - 1) != 0)
            fail("the first process of the last rank is another", 0, size - 1);
        write_down("ready", rank, size, 0);
        go_on(ft, size - 1, argv);
        closeFT(ft);
    }
    MPI_Finalize();
    return 0;
}
