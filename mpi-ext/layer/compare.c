/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * compare.c - MPI_Comm_compare (compare.h). The communicator in use for the world's collectives has
 * the members that the application knows of; that it is another communicator than any that the
 * application has is what MPI says of the world, too.
 */
#include "config.h"

#include "compare.h"

#include "handlers.h"
#include "world.h"

#include "real.h"

int ftm_own_Comm_compare(MPI_Comm comm1, MPI_Comm comm2, int *result)
{
    int rc = PMPI_Comm_compare(ftm_now(comm1), ftm_now(comm2), result);

    return rc == MPI_SUCCESS ? rc : ftm_raise(comm1, rc);
}
