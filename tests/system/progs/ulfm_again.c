/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ulfm_again WAY - a communicator of survivors, after a rank was lost as all made a duplicate of the
 * world.
 *
 *   shrink   MPIX_Comm_shrink of another duplicate, made before
 *   half     MPI_Comm_dup of one that was made before, too, of half of the ranks: nobody of the
 *            first half is lost (the others have nothing to do)
 *
 * Its last rank dies (SIGKILL). Rank 0 says how many there are in the new one. A minute is all it
 * has.
 */
#include <mpi.h>
#include <mpi-ext.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define END_S 60

static void must(int rc, const char *what)
{
    if (rc == MPI_SUCCESS)
        return;
    fprintf(stderr, "ulfm_again: %s: error %d\n", what, rc);
    MPI_Abort(MPI_COMM_WORLD, 3);
}

int main(int argc, char **argv)
{
    int rank, n, one = 1, sum = 0;
    MPI_Comm work, half, lost, made = MPI_COMM_NULL;

    if (argc != 2)
        return 2;
    alarm(END_S);
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &n);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    must(MPI_Comm_dup(MPI_COMM_WORLD, &work), "MPI_Comm_dup");
    must(MPI_Comm_split(MPI_COMM_WORLD, 2 * rank < n, rank, &half), "MPI_Comm_split");
    if (rank == n - 1)
        raise(SIGKILL);
    if (MPI_Comm_dup(MPI_COMM_WORLD, &lost) == MPI_SUCCESS)
        must(MPI_ERR_OTHER, "a duplicate of a rank that is lost");
    if (strcmp(argv[1], "shrink") == 0)
        must(MPIX_Comm_shrink(work, &made), "MPIX_Comm_shrink");
    else if (2 * rank < n)
        must(MPI_Comm_dup(half, &made), "MPI_Comm_dup");
    if (made != MPI_COMM_NULL)
        must(MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, made), "MPI_Allreduce");
    if (rank == 0)
        printf("%d survivors\n", sum);
    MPI_Finalize();
    return 0;
}
