/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wrap_errors.c - errors that nobody can mend, each raised through a handler:
 *
 *     wrap_errors WHAT...
 *
 *   fatal      the default: a message to a rank that is not there ends the job
 *   set-fatal  the same, asked for; on a duplicate of a duplicate
 *   abort      MPI_ERRORS_ABORT
 *   return     MPI_ERRORS_RETURN, on a part of the world
 *   initial    no handler is set: mpirun has been told which
 *   type       an error of no communicator: in Open MPI 5.0 the world's handler, here the default
 *   null       MPI_COMM_NULL has none of its own: the world's too
 *   none       both, and the world's handler is a function of the application's
 *   own        a function of the application's, that is given the communicator and the error
 *   window     a window's own handler
 *   file       a file's own handler: returns, by default
 *
 * What comes back is printed. What sets the world's handler leaves it set.
 */
#include <mpi.h>
#include <stdio.h>
#include <string.h>

static int rank, size;

static void print_error(const char *what, int rc)
{
    int class = -1;

    MPI_Error_class(rc, &class);
    printf("errors: %s: %s\n", what,
           class == MPI_SUCCESS      ? "none"
           : class == MPI_ERR_RANK   ? "MPI_ERR_RANK"
           : class == MPI_ERR_TYPE   ? "MPI_ERR_TYPE"
           : class == MPI_ERR_COMM   ? "MPI_ERR_COMM"
                                     : "another");
    fflush(stdout);
}

static void own(MPI_Comm *comm, int *code, ...)
{
    print_error(*comm == MPI_COMM_WORLD ? "own handler of the world" : "own handler of another",
                *code);
}

static void own_of_window(MPI_Win *win, int *code, ...)
{
    (void) win;
    print_error("own handler of a window", *code);
}

static int nowhere(MPI_Comm comm)
{
    return MPI_Send(&rank, 1, MPI_INT, size, 1, comm);
}

static void try_derived(const char *what, MPI_Errhandler handler)
{
    MPI_Comm a, b;

    MPI_Comm_set_errhandler(MPI_COMM_WORLD, handler);
    MPI_Comm_dup(MPI_COMM_WORLD, &a);
    MPI_Comm_split(a, 0, rank, &b);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN); /* theirs is another's no more */
    print_error(what, nowhere(b));
    MPI_Comm_free(&b);
    MPI_Comm_free(&a);
}

static void try_own(void)
{
    MPI_Errhandler handler;

    MPI_Comm_create_errhandler(own, &handler);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, handler);
    MPI_Errhandler_free(&handler);
    print_error("what came back", nowhere(MPI_COMM_WORLD));
    print_error("of the call", MPI_Comm_call_errhandler(MPI_COMM_WORLD, MPI_ERR_COMM));
}

static void try_none(void)
{
    MPI_Datatype none = MPI_DATATYPE_NULL;
    MPI_Errhandler handler;
    int n;

    MPI_Comm_create_errhandler(own, &handler);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, handler);
    print_error("of a type", MPI_Type_commit(&none));
    print_error("of no communicator", MPI_Comm_size(MPI_COMM_NULL, &n));
    print_error("of a group", MPI_Group_size(MPI_GROUP_NULL, &n));
    MPI_Errhandler_free(&handler);
}

static void try_window(void)
{
    MPI_Errhandler handler;
    MPI_Win win;
    int memory = 0;

    MPI_Win_create_errhandler(own_of_window, &handler);
    MPI_Win_create(&memory, sizeof memory, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win);
    MPI_Win_set_errhandler(win, handler);
    MPI_Win_fence(0, win);
    print_error("what came back", MPI_Put(&rank, 1, MPI_INT, size, 0, 1, MPI_INT, win));
    MPI_Win_fence(0, win);
    MPI_Errhandler_free(&handler);
    MPI_Win_free(&win);
}

static void try_file(void)
{
    MPI_File file;

    print_error("what came back", MPI_File_open(MPI_COMM_SELF, "/nowhere/at/all", MPI_MODE_RDONLY,
                                                MPI_INFO_NULL, &file));
}

static void try_one(const char *what)
{
    MPI_Datatype none = MPI_DATATYPE_NULL;
    int n;

    if (strcmp(what, "fatal") == 0 || strcmp(what, "initial") == 0)
        print_error("what came back", nowhere(MPI_COMM_WORLD));
    else if (strcmp(what, "set-fatal") == 0)
        try_derived("what came back", MPI_ERRORS_ARE_FATAL);
    else if (strcmp(what, "abort") == 0)
        try_derived("what came back", MPI_ERRORS_ABORT);
    else if (strcmp(what, "return") == 0)
        try_derived("what came back", MPI_ERRORS_RETURN);
    else if (strcmp(what, "type") == 0)
        print_error("what came back", MPI_Type_commit(&none));
    else if (strcmp(what, "null") == 0)
        print_error("what came back", MPI_Comm_size(MPI_COMM_NULL, &n));
    else if (strcmp(what, "none") == 0)
        try_none();
    else if (strcmp(what, "own") == 0)
        try_own();
    else if (strcmp(what, "window") == 0)
        try_window();
    else if (strcmp(what, "file") == 0)
        try_file();
}

int main(int argc, char *argv[])
{
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Barrier(MPI_COMM_WORLD);
    for (int i = 1; i < argc; i++)
        try_one(argv[i]);
    MPI_Finalize();
    printf("errors: the end\n");
    return 0;
}
