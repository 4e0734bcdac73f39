/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mpiext_entry.c - brings MPI up and down by each of its entries, and says whether the layer's
 * second half is in the process before and after: "before: no, after: yes".
 *
 *   c, thread, profiling, fortran, fortran-thread, session
 */
#include <mpi.h>
#include <stdio.h>
#include <string.h>

/* Fortran's names, as gfortran calls them. */
void mpi_init_(MPI_Fint *error);
void mpi_init_thread_(MPI_Fint *required, MPI_Fint *provided, MPI_Fint *error);
void mpi_finalize_(MPI_Fint *error);

static const char *is_loaded(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    const char *answer = "no";
    char line[4096];

    while (maps && fgets(line, sizeof line, maps))
        if (strstr(line, "ftmpi_layer.so"))
            answer = "yes";
    if (maps)
        fclose(maps);
    return answer;
}

int main(int argc, char **argv)
{
    const char *entry = argc > 1 ? argv[1] : "c", *before = is_loaded();
    MPI_Fint required = MPI_THREAD_SINGLE, provided, error = 0;
    MPI_Session session = MPI_SESSION_NULL;
    int level, failed;

    if (strcmp(entry, "c") == 0)
        failed = MPI_Init(&argc, &argv);
    else if (strcmp(entry, "thread") == 0)
        failed = MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    else if (strcmp(entry, "profiling") == 0)
        failed = PMPI_Init(&argc, &argv);
    else if (strcmp(entry, "session") == 0)
        failed = MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_RETURN, &session);
    else if (strcmp(entry, "fortran") == 0)
        mpi_init_(&error), failed = error;
    else
        mpi_init_thread_(&required, &provided, &error), failed = error;
    printf("%s before: %s, after: %s\n", entry, before, is_loaded());
    if (session != MPI_SESSION_NULL)
        failed |= MPI_Session_finalize(&session);
    else if (strncmp(entry, "fortran", 7) == 0)
        mpi_finalize_(&error), failed |= error;
    else
        failed |= MPI_Finalize();
    return failed != MPI_SUCCESS;
}
