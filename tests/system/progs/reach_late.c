/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reach_late.c LIBRARY - FTMPI_Reach gives up a stand-in that is slow, for t0732-fresh.sh.
 *
 * Rank 1 ends itself. Rank 0 starts the alternative with LIBRARY (late_connect.c) before it, in which
 * it comes to PMIx_Connect when rank 0, having waited for REACH_MS, has gone. Rank 0 says "gave up".
 */
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "ft.h"
#include "ftmpi.h"

#define REACH_MS 2000

static void give_up(const char *self, const char *library)
{
    char command[1024], dash[] = "-c", *words[] = {dash, command, NULL};
    ftRetVal_t found = FT_ERR_NONE;
    MPI_Comm comm;
    ftReply_t reply;
    ftHandle_t ft;
    int peer;

    if (openFT(NULL, &ft) != FT_OK)
        exit(2);
    snprintf(command, sizeof command, "LD_PRELOAD=%s:$LD_PRELOAD exec %s", library, self);
    for (int tries = 0; tries < 600 && found != FT_OK; tries++)
        found = requestFT(ft, findAlternative(ftRank(1), ftAny()), &reply, 10000);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (found == FT_OK
        && FTMPI_Reach(ft, &reply, "/bin/sh", words, REACH_MS, &comm, &peer, NULL) != MPI_SUCCESS)
        puts("gave up");
    closeFT(ft);
}

int main(int argc, char *argv[])
{
    MPI_Comm parent;
    int rank;

    MPI_Init(&argc, &argv);
    MPI_Comm_get_parent(&parent);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (parent == MPI_COMM_NULL && rank == 1)
        raise(SIGKILL);
    if (parent == MPI_COMM_NULL && argc > 1)
        give_up(argv[0], argv[1]);
    MPI_Finalize();
    return 0;
}
