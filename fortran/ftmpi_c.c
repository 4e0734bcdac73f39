/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ftmpi_c.c - the half of module ftmpi that Fortran cannot say.
 *
 * Fortran's communicators are numbers, which MPI_Comm_f2c and MPI_Comm_c2f know; its arguments are
 * fields of blanks; its buffers of any type and rank come as descriptors, of which the address and
 * the size are taken here. All is called by ftmpi.f90 and by nobody else; both are in
 * libftmpi_f08.so.
 */
#include "config.h"

#include <ISO_Fortran_binding.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "ftmpi.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int ftmpi_f_reach(ftHandle_t ft, const ftReply_t *reply, const char *command, int args_n,
                         int arg_length, const char *args, int64_t T, MPI_Fint *comm, int *rank,
                         double step_ms[2]);
EXPORT int ftmpi_f_standin(int *is_standin, int64_t *decision, int *epoch, int *rank,
                           char job[FT_NAME_MAX], MPI_Fint *comm);
EXPORT int ftmpi_f_next_peer(int64_t T, MPI_Fint *comm);
EXPORT int ftmpi_f_leave(MPI_Fint *comm);
EXPORT int ftmpi_f_keep(const char *name, CFI_cdesc_t *buffer);
EXPORT int ftmpi_f_fetch_buffer(int rank, const char *name, int version, CFI_cdesc_t *buffer,
                                int64_t *bytes, int64_t T);
EXPORT int ftmpi_f_last_error(char *text, int size);

static void free_list(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

/* C's argv, to be freed by free_list; NULL: no memory. */
static char **make_list(int n, int length, const char *fields)
{
    char **list = calloc((size_t) n + 1, sizeof *list);

    for (int i = 0; list && i < n; i++) {
        const char *field = fields + (size_t) i * (size_t) length;
        size_t used = (size_t) length;

        while (used > 0 && field[used - 1] == ' ')
            used--;
        list[i] = strndup(field, used);
        if (!list[i]) {
            free_list(list);
            return NULL;
        }
    }
    return list;
}

int ftmpi_f_reach(ftHandle_t ft, const ftReply_t *reply, const char *command, int args_n,
                  int arg_length, const char *args, int64_t T, MPI_Fint *comm, int *rank,
                  double step_ms[2])
{
    char **list = make_list(args_n, arg_length, args);
    MPI_Comm found = MPI_COMM_NULL;
    int rc = MPI_ERR_NO_MEM;

    step_ms[0] = step_ms[1] = 0;
    *rank = -1;
    if (list)
        rc = FTMPI_Reach(ft, reply, command, list, T, &found, rank, step_ms);
    *comm = MPI_Comm_c2f(found);
    free_list(list);
    return rc;
}

int ftmpi_f_standin(int *is_standin, int64_t *decision, int *epoch, int *rank,
                    char job[FT_NAME_MAX], MPI_Fint *comm)
{
    FTMPI_Standin_t who;
    int rc = FTMPI_Standin(&who);

    *is_standin = who.is_standin;
    *decision = (int64_t) who.decision;
    *epoch = (int) who.epoch;
    *rank = who.rank;
    memcpy(job, who.job, FT_NAME_MAX);
    *comm = MPI_Comm_c2f(who.comm);
    return rc;
}

int ftmpi_f_next_peer(int64_t T, MPI_Fint *comm)
{
    MPI_Comm found = MPI_COMM_NULL;
    int rc = FTMPI_Next_peer(T, &found);

    *comm = MPI_Comm_c2f(found);
    return rc;
}

int ftmpi_f_leave(MPI_Fint *comm)
{
    MPI_Comm left = MPI_Comm_f2c(*comm);
    int rc = FTMPI_Leave(&left);

    *comm = MPI_Comm_c2f(left);
    return rc;
}

/* The bytes of a buffer in one piece. False: it is not. */
static int bytes_of(const CFI_cdesc_t *buffer, size_t *bytes)
{
    *bytes = buffer->elem_len;
    for (int i = 0; i < buffer->rank; i++) {
        if (buffer->dim[i].extent < 0) /* assumed size: nobody knows it */
            return 0;
        *bytes *= (size_t) buffer->dim[i].extent;
    }
    return buffer->rank == 0 || *bytes == 0 || CFI_is_contiguous(buffer);
}

int ftmpi_f_keep(const char *name, CFI_cdesc_t *buffer)
{
    static char nothing; /* the place of an array without elements */
    size_t bytes;

    if (!bytes_of(buffer, &bytes))
        return MPI_ERR_BUFFER;
    return FTMPI_Keep(name, bytes > 0 ? buffer->base_addr : &nothing, bytes);
}

int ftmpi_f_fetch_buffer(int rank, const char *name, int version, CFI_cdesc_t *buffer,
                         int64_t *bytes, int64_t T)
{
    size_t room;
    int rc;

    *bytes = 0;
    if (!bytes_of(buffer, &room))
        return MPI_ERR_BUFFER;
    rc = FTMPI_Fetch_buffer(rank, name, version, room > 0 ? buffer->base_addr : NULL, &room, T);
    *bytes = (int64_t) room;
    return rc;
}

int ftmpi_f_last_error(char *text, int size)
{
    const char *why = FTMPI_Last_error();
    size_t n = strnlen(why, (size_t) size);

    memcpy(text, why, n);
    return (int) n;
}
