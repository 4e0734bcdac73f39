/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mpiext_finalize.c - ends that hang on stock Open MPI 5.0, one a mode. Prints "done" per survivor.
 *
 *   node               all ranks but 0 and 1 are killed; the others finalize
 *   parent-freed       rank 0 spawns, frees the communicators and ends; the children finalize later
 *   parent-died        rank 0 spawns twice and is killed; its children finalize
 *   child-died         rank 0 spawns twice, one child is killed once rank 0 is on its way down
 *   disconnect         rank 0 spawns; the child is killed while rank 0 is in MPI_Comm_disconnect
 *   alive              rank 0 spawns twice and finalizes, its children finalize a little later
 *   in-finalize        the last rank is killed while the others are in MPI_Finalize
 *   node-in-finalize   all ranks but 0 and 1 are killed while these are in MPI_Finalize
 *
 * A second argument is the host to spawn on.
 */
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *mode;
static char *program;

static void nap_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

static int is_mode(const char *name)
{
    return strcmp(mode, name) == 0;
}

static void child(MPI_Comm parent, const char *part)
{
    MPI_Comm merged;
    int token = 0;

    MPI_Comm_set_errhandler(parent, MPI_ERRORS_RETURN);
    MPI_Intercomm_merge(parent, 1, &merged);
    MPI_Comm_set_errhandler(merged, MPI_ERRORS_RETURN);
    MPI_Send(&token, 1, MPI_INT, 0, 0, parent);
    if (is_mode("parent-freed") || is_mode("alive"))
        nap_ms(700);
    if (is_mode("parent-died"))
        MPI_Recv(&token, 1, MPI_INT, 0, 0, parent, MPI_STATUS_IGNORE);
    if ((is_mode("child-died") && strcmp(part, "1") == 0) || is_mode("disconnect")) {
        nap_ms(700);
        raise(SIGKILL);
    }
}

/* Merged, each side has two communicators: Open MPI 5.0 waits only if it counts more than one. */
static void parent(int children, const char *host)
{
    char part[] = "0", *argv[] = {(char *) mode, part, NULL};
    MPI_Comm comm, merged;
    MPI_Info info;
    int token;

    MPI_Info_create(&info);
    if (host)
        MPI_Info_set(info, "host", host);
    for (int i = 0; i < children; i++) {
        part[0] = (char) ('0' + i);
        MPI_Comm_spawn(program, argv, 1, info, 0, MPI_COMM_SELF, &comm, MPI_ERRCODES_IGNORE);
        MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
        MPI_Intercomm_merge(comm, 0, &merged);
        MPI_Comm_set_errhandler(merged, MPI_ERRORS_RETURN);
        MPI_Recv(&token, 1, MPI_INT, 0, 0, comm, MPI_STATUS_IGNORE);
        if (is_mode("parent-freed")) {
            MPI_Comm_free(&merged);
            MPI_Comm_free(&comm);
        }
    }
    MPI_Info_free(&info);
    if (is_mode("parent-died"))
        raise(SIGKILL);
    if (is_mode("disconnect"))
        printf("disconnect %s\n", MPI_Comm_disconnect(&comm) == MPI_SUCCESS ? "ok" : "error");
}

int main(int argc, char **argv)
{
    MPI_Comm from;
    int rank, size;
    double start;

    if (argc < 2)
        return 2;
    mode = argv[1];
    program = argv[0];
    MPI_Init(&argc, &argv);
    MPI_Comm_get_parent(&from);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (from != MPI_COMM_NULL) {
        child(from, argc > 2 ? argv[2] : "0");
    } else {
        MPI_Barrier(MPI_COMM_WORLD);
        if (is_mode("node") && rank > 1)
            raise(SIGKILL);
        if (is_mode("node"))
            nap_ms(500);
        if ((is_mode("in-finalize") && rank == size - 1)
            || (is_mode("node-in-finalize") && rank > 1)) {
            nap_ms(300);
            raise(SIGKILL);
        }
        if (rank == 0 && !is_mode("node") && !strstr(mode, "in-finalize"))
            parent(is_mode("disconnect") ? 1 : 2, argc > 2 ? argv[2] : NULL);
    }
    start = MPI_Wtime();
    MPI_Finalize();
    printf("done: %s %d after %.0f ms\n", from == MPI_COMM_NULL ? "rank" : "child", rank,
           1000 * (MPI_Wtime() - start));
    return 0;
}
