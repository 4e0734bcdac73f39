/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handlers.h - error handlers, kept on the application's behalf.
 *
 * While the layer is in force, the error handler that Open MPI knows of each communicator is
 * MPI_ERRORS_RETURN: an error comes back to the layer first, which may mend what is behind it. What
 * it does not mend it raises through the handler that the application has chosen, MPI's default
 * (MPI_ERRORS_ARE_FATAL, or what mpirun was told) if it has chosen none.
 *
 * MPI_COMM_SELF, windows, files and sessions keep theirs: nobody else's failure is to be mended
 * there. Errors that concern no communicator Open MPI 5.0 raises on MPI_COMM_WORLD; so do we.
 */
#ifndef FTM_HANDLERS_H
#define FTM_HANDLERS_H

#include <mpi.h>
#include <stdbool.h>

/* In ftm_world_begin, and at the end. */
int ftm_handlers_begin(void);
void ftm_handlers_end(void);

/* A communicator that the application has just been given: it has the handler of its parent. With
 * MPI_COMM_NULL as the parent (it was not made from another, MPI_Comm_get_parent), the one that
 * Open MPI has given it. Returns MPI_SUCCESS, or what Open MPI said. */
int ftm_handlers_inherit(MPI_Comm parent, MPI_Comm made);

/* Before a communicator is freed or disconnected. */
void ftm_handlers_forget(MPI_Comm comm);

/* Gives a communicator's handler to Open MPI's `in_use`, the real one that another is about to be
 * made from, so that that one has it; false: nothing was lent. And takes it back. */
bool ftm_handlers_lend(MPI_Comm comm, MPI_Comm in_use);
void ftm_handlers_lent(MPI_Comm in_use);

/* Raises an error (code or class) of a communicator through the application's handler. Comes back,
 * with the error, if that handler does. An error of a communicator that is not kept here has gone
 * through its handler already: it comes back as it is. MPI_COMM_NULL's go through the world's. */
int ftm_raise(MPI_Comm app_comm, int error);

/* Is a handler kept for it? */
bool ftm_handlers_keep(MPI_Comm comm);

int ftm_own_Comm_set_errhandler(MPI_Comm comm, MPI_Errhandler errhandler);
int ftm_own_Comm_get_errhandler(MPI_Comm comm, MPI_Errhandler *errhandler);
int ftm_own_Comm_call_errhandler(MPI_Comm comm, int errorcode);
int ftm_own_Errhandler_set(MPI_Comm comm, MPI_Errhandler errhandler);
int ftm_own_Errhandler_get(MPI_Comm comm, MPI_Errhandler *errhandler);

#endif
