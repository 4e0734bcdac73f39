/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mpiext_errors.c MODE [NAME] - the last rank is killed under a running computation.
 *
 *   ignore     the default error handler, no return value looked at: has to stop, not to compute on
 *   return     MPI_ERRORS_RETURN: rank 0 gets the error and says how long it took
 *   handler    an error handler of the application's own: has to be called
 *   queued     MPI_ERRORS_RETURN; nobody is killed: rank 0 sends to the last rank, which never looks,
 *              until it gets an error; then it looks for messages until the file NAME is there
 *   none       nobody is killed
 */
#include <mpi.h>
#include <mpi-ext.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void own_handler(MPI_Comm *comm, int *code, ...)
{
    int class, rank;

    MPI_Comm_rank(*comm, &rank);
    MPI_Error_class(*code, &class);
    printf("rank %d: own handler called, %s\n", rank,
           class == MPIX_ERR_PROC_FAILED ? "proc failed" : "other");
    fflush(stdout);
}

/* Until the receiver, who never looks, is lost; then looks for messages until NAME is there. */
static void send_too_much(int to, const char *path)
{
    enum { BYTES = 32768 };
    static char bytes[BYTES];
    int flag, rc, class;

    do
        rc = MPI_Send(bytes, BYTES, MPI_BYTE, to, 0, MPI_COMM_WORLD);
    while (rc == MPI_SUCCESS);
    MPI_Error_class(rc, &class);
    printf("not sent: %s\n", class == MPIX_ERR_PROC_FAILED ? "proc failed" : "other");
    fflush(stdout);
    while (access(path, F_OK) != 0)
        MPI_Iprobe(MPI_ANY_SOURCE, 1, MPI_COMM_SELF, &flag, MPI_STATUS_IGNORE);
    printf("sender ends\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "none";
    int rank, size, sum, rc = MPI_SUCCESS, class;
    MPI_Errhandler handler;
    double t0;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (strcmp(mode, "return") == 0 || strcmp(mode, "queued") == 0)
        MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (strcmp(mode, "handler") == 0) {
        MPI_Comm_create_errhandler(own_handler, &handler);
        MPI_Comm_set_errhandler(MPI_COMM_WORLD, handler);
    }
    for (int i = 0; i < 50; i++)
        MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    if (strcmp(mode, "queued") == 0 && argc > 2) {
        if (rank == 0 || rank == size - 1) /* the connection between them is there */
            MPI_Sendrecv(&rank, 1, MPI_INT, size - 1 - rank, 0, &sum, 1, MPI_INT, size - 1 - rank, 0,
                         MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        if (rank == size - 1)
            pause();
        if (rank == 0)
            send_too_much(size - 1, argv[2]);
    } else if (strcmp(mode, "none") != 0) {
        MPI_Barrier(MPI_COMM_WORLD);
        if (rank == size - 1)
            raise(SIGKILL);
        t0 = MPI_Wtime();
        rc = MPI_Recv(&sum, 1, MPI_INT, size - 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Error_class(rc, &class);
        if (rank == 0)
            printf("computed on: %s after %.1f ms\n",
                   class == MPIX_ERR_PROC_FAILED ? "proc failed" : "no error",
                   1000 * (MPI_Wtime() - t0));
        fflush(stdout);
    }
    MPI_Finalize();
    return 0;
}
