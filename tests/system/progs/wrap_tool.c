/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wrap_tool.c - a profiling tool, as MPI foresees them: it stands before MPI_Send and MPI_Allreduce
 * by their MPI_ names, counts, and goes on by their PMPI_ names. Linked to a program or preloaded.
 * At MPI_Finalize it says what it has seen, and as which rank of how many.
 */
#include <mpi.h>
#include <stdio.h>

static int sends, reductions, farthest = -1;

int MPI_Send(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm)
{
    sends++;
    farthest = dest > farthest ? dest : farthest;
    return PMPI_Send(buf, count, type, dest, tag, comm);
}

int MPI_Allreduce(const void *from, void *to, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm)
{
    reductions++;
    return PMPI_Allreduce(from, to, count, type, op, comm);
}

int MPI_Finalize(void)
{
    int rank, size;

    PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
    PMPI_Comm_size(MPI_COMM_WORLD, &size);
    printf("tool: rank %d of %d: %d sends, farthest to %d, %d reductions\n", rank, size, sends,
           farthest, reductions);
    fflush(stdout);
    return PMPI_Finalize();
}
