/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * buffered.h - MPI_Bsend and MPI_Ibsend: what was buffered for a rank that is lost.
 */
#ifndef FTM_BUFFERED_H
#define FTM_BUFFERED_H

#include <mpi.h>

/* Open MPI's own way of them, with a peer that may have been replaced (pt2pt.c, requests.c). */
int ftm_plain_bsend(const void *buf, int count, MPI_Datatype type, int dest, int tag,
                    MPI_Comm comm);
int ftm_plain_ibsend(const void *buf, int count, MPI_Datatype type, int dest, int tag,
                     MPI_Comm comm, MPI_Request *request);

/* In MPI_Finalize, which MPI_Buffer_detach is a part of: waits until all is sent, or given up. */
void ftm_buffered_wait(void);

/* This thread leaves the call that it is in for good. */
void ftm_buffered_left(void);

/* The world was repaired as a whole, and all requests were given back to Open MPI. */
void ftm_buffered_over(void);

#endif
