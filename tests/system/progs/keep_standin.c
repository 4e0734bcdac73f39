/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_standin.c - a stand-in that has the state of the rank that it stands in for; for
 * t0721-keep.sh.
 *
 *     keep_standin READY     ft run, some ranks; the last is lost once the file READY is there
 *
 * All ranks keep a step, the last one's is told to rank 0 when it is lost: by a stand-in on another
 * node, which rank 0 starts (FTMPI_Reach), and which fetches it.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ft.h"
#include "ftmpi.h"

#define ATTEMPTS_MAX 5
#define STEPS 9
#define TIMEOUT_MS 20000

static int fail(const char *what)
{
    fprintf(stderr, "keep_standin: %s: %s\n", what, FTMPI_Last_error());
    return 1;
}

static int stand_in(const FTMPI_Standin_t *me)
{
    int step = -1, fetched = -1, rc;

    if (FTMPI_Keep("step", &step, sizeof step) != MPI_SUCCESS)
        return fail("keep");
    rc = FTMPI_Fetch(FTMPI_LATEST, TIMEOUT_MS, &fetched);
    MPI_Send(&step, 1, MPI_INT, 0, fetched, me->comm);
    if (rc != MPI_SUCCESS)
        return fail("fetch");
    /* It is the rank now: what it commits is kept for it. */
    step++;
    if (FTMPI_Commit(step) != MPI_SUCCESS || FTMPI_Commit_wait(TIMEOUT_MS) != MPI_SUCCESS)
        fail("commit");
    MPI_Send(&step, 1, MPI_INT, 0, step, me->comm);
    MPI_Recv(NULL, 0, MPI_INT, 0, 0, me->comm, MPI_STATUS_IGNORE);
    return 0;
}

static int replace(int lost, char **argv)
{
    MPI_Comm comm = MPI_COMM_NULL;
    FTMPI_Kept_t kept;
    ftReply_t reply;
    ftHandle_t ft;
    int peer = -1, step = -1, rc = MPI_ERR_OTHER;
    MPI_Status status;

    if (openFT(NULL, &ft) != FT_OK)
        return 1;
    for (int i = 0; i < ATTEMPTS_MAX && rc != MPI_SUCCESS; i++) {
        requestFT(ft, resourceError(ftRank(lost), FT_RECEIVE), &reply, TIMEOUT_MS);
        if (requestFT(ft, findAlternative(ftRank(lost), ftAny()), &reply, TIMEOUT_MS) == FT_OK)
            rc = FTMPI_Reach(ft, &reply, argv[0], argv + 1, TIMEOUT_MS, &comm, &peer, NULL);
    }
    closeFT(ft);
    if (rc != MPI_SUCCESS
        || MPI_Recv(&step, 1, MPI_INT, peer, MPI_ANY_TAG, comm, &status) != MPI_SUCCESS)
        return 1;
    printf("the stand-in on %s has step %d of version %d\n", reply.alternative.node, step,
           status.MPI_TAG);
    if (MPI_Recv(&step, 1, MPI_INT, peer, MPI_ANY_TAG, comm, &status) != MPI_SUCCESS)
        return 1;
    if (FTMPI_Kept(lost, TIMEOUT_MS, &kept) == MPI_SUCCESS)
        printf("and its next commit, %d, is kept by rank %d\n", kept.versions[0], kept.partner);
    else
        printf("and its next commit is not kept: %s\n", FTMPI_Last_error());
    MPI_Send(NULL, 0, MPI_INT, peer, 0, comm);
    FTMPI_Leave(&comm);
    return 0;
}

static void say_ready(const char *path)
{
    FILE *file = fopen(path, "w");

    if (file)
        fclose(file);
}

int main(int argc, char **argv)
{
    FTMPI_Standin_t me;
    int rank, size, step, failed = 0;

    MPI_Init(&argc, &argv);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (FTMPI_Standin(&me) == MPI_SUCCESS && me.is_standin) {
        failed = stand_in(&me);
        MPI_Finalize();
        return failed;
    }
    if (FTMPI_Keep("step", &step, sizeof step) != MPI_SUCCESS)
        return fail("keep");
    for (step = 1; step <= STEPS; step++)
        failed |= FTMPI_Commit(step) != MPI_SUCCESS;
    failed |= FTMPI_Commit_wait(TIMEOUT_MS) != MPI_SUCCESS;
    if (failed)
        fail("commit");
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0 && argc > 1)
        say_ready(argv[1]);
    /* The last one waits to be lost, the others for rank 0. */
    if (rank == size - 1)
        MPI_Recv(NULL, 0, MPI_INT, 0, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    else if (rank > 0)
        MPI_Recv(NULL, 0, MPI_INT, 0, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (rank == 0) {
        if (MPI_Recv(NULL, 0, MPI_INT, size - 1, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE)
            != MPI_SUCCESS)
            failed |= replace(size - 1, argv);
        for (int r = 1; r < size - 1; r++)
            MPI_Send(NULL, 0, MPI_INT, r, 2, MPI_COMM_WORLD);
    }
    MPI_Finalize();
    return failed;
}
