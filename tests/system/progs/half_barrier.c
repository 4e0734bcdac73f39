/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * half_barrier.c - a barrier in whose middle a rank is lost: the last one hears of all others, lets
 * rank 1 pass, and dies. The others are told of a loss.
 *
 * A library for a program to be linked with; it stands between the layer and Open MPI, and its
 * barrier is the one that the layer waits in at a program's end. (Open MPI's own has such a moment,
 * too, but nothing that hits it every time.)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <mpi.h>
#include <mpi-ext.h>
#include <signal.h>

#define TAG 31000

typedef int send_fn(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm);
typedef int recv_fn(void *buf, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm,
                    MPI_Status *status);
typedef int about_fn(MPI_Comm comm, int *number);

/* Open MPI's own; the layer's stands before it by the same name. */
static void *own_of_mpi(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

int PMPI_Barrier(MPI_Comm comm)
{
    send_fn *ssend = (send_fn *) own_of_mpi("PMPI_Ssend");
    recv_fn *recv = (recv_fn *) own_of_mpi("PMPI_Recv");
    int rank, last;

    ((about_fn *) own_of_mpi("PMPI_Comm_rank"))(comm, &rank);
    ((about_fn *) own_of_mpi("PMPI_Comm_size"))(comm, &last);
    last--;
    if (rank != last) {
        int rc = ssend(NULL, 0, MPI_BYTE, last, TAG, comm);

        return rc != MPI_SUCCESS ? rc : recv(NULL, 0, MPI_BYTE, last, TAG, comm, MPI_STATUS_IGNORE);
    }
    for (int other = 0; other < last; other++)
        recv(NULL, 0, MPI_BYTE, other, TAG, comm, MPI_STATUS_IGNORE);
    ssend(NULL, 0, MPI_BYTE, 1, TAG, comm);
    return raise(SIGKILL);
}
