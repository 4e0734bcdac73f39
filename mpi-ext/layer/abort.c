/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * abort.c - whose end an MPI_Abort is.
 *
 * By the standard MPI_Abort ends the processes of a communicator. Open MPI's asks PRRTE for the end of
 * the caller alone, whatever the communicator, and PRRTE with FT in it takes that for the end of the
 * job. So where the caller means itself alone, as programs do that try how they stand a loss, it ends
 * by itself here: for the others that is the loss of a rank.
 */
#include "config.h"

#include "abort.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

static int size_of(MPI_Comm comm)
{
    int n = 0;

    return PMPI_Comm_size(comm, &n) == MPI_SUCCESS ? n : 0;
}

int ftm_abort_is_own(MPI_Comm comm)
{
    int up = 0, down = 0, inter = 0;

    PMPI_Initialized(&up);
    PMPI_Finalized(&down);
    return up && !down && comm && comm != MPI_COMM_NULL && comm != MPI_COMM_WORLD
           && size_of(MPI_COMM_WORLD) > 1 && size_of(comm) == 1
           && PMPI_Comm_test_inter(comm, &inter) == MPI_SUCCESS && !inter;
}
