/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * comms.h - the communicators that this layer has given out, and those it works with itself.
 */
#ifndef FTM_COMMS_H
#define FTM_COMMS_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* A communicator of this process alone whose errors are returned: spawn, connect and accept use it,
 * so that the application's error handler on MPI_COMM_SELF is left out of it. MPI_COMM_NULL if it
 * cannot be made. Ours to keep. */
MPI_Comm ftm_comms_self(void);

/* Takes a new intercommunicator into the books, with its errors returned. False: out of memory; it
 * has been freed then. */
bool ftm_comms_add(MPI_Comm comm);

/* Instead of PMPI_Comm_free for a communicator that a repair has put out of use, and sets it to
 * MPI_COMM_NULL. Open MPI finds a message's communicator by a small number, and gives that of a
 * freed one to the next that is made: what a peer had sent on the old one before it was interrupted
 * would arrive on the new one, as a message of a rank that may not even exist there (which ends the
 * process). So it stays, a few kilobytes for each, until the end. */
void ftm_comms_retire(MPI_Comm *comm);

/* FTMPI_Leave. */
int ftm_leave(MPI_Comm *comm);

/* MPI is up and not on its way down. */
bool ftm_comms_mpi_is_up(void);

/* ftm_wait (gone.h) that lets MPI's messages make progress: they have to, for Open MPI itself to
 * notice a peer whose connection closes, and for others not to wait for us. Returns early, often.
 * */
void ftm_comms_wait(int64_t deadline_ns);

/* Frees what is left of all. */
void ftm_comms_end(void);

#endif
