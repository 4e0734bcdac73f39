/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_overrun.c - a program with a mistake: it keeps one byte more than it has. The sanitizers' test
 * has to see it, in the layer.
 */
#include <mpi.h>
#include <stdlib.h>

#include "ftmpi.h"

int main(int argc, char **argv)
{
    char *state = malloc(100);
    int rc;

    MPI_Init(&argc, &argv);
    rc = FTMPI_Keep("state", state, 101);
    if (rc == MPI_SUCCESS)
        rc = FTMPI_Commit(1);
    MPI_Finalize();
    free(state);
    return rc == MPI_SUCCESS ? 0 : 1;
}
