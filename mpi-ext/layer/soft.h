/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * soft.h - receives that the layer matches itself: those that wait for messages on two
 * communicators at once, and those posted after them.
 */
#ifndef FTM_SOFT_H
#define FTM_SOFT_H

#include <mpi.h>
#include <stdbool.h>

#include "derived.h"

/* Posts one; its handle is a generalized request of Open MPI's, its record is noted. */
int ftm_soft_post(const struct ftm_comm *c, void *buf, int count, MPI_Datatype type, int source,
                  int tag, MPI_Request *request);
/* A handle like theirs, for a record whose own is Open MPI's again; ftm_soft_end gives it back. */
int ftm_soft_handle(MPI_Request *request);
/* Does one wait on this communicator? Then receives that are posted now have to wait behind it. */
bool ftm_soft_waits(const struct ftm_comm *c);
/* Looks for messages, once. What is matched is posted, as the next of its handle's chain. */
void ftm_soft_progress(void);
/* Cancels one that has not been matched yet. */
void ftm_soft_cancel(MPI_Request request);
/* Ends its handle, matched or not, and gives it back. */
void ftm_soft_end(MPI_Request request);
/* Before a communicator is freed: those that still wait on it fail, as nobody can look there any
 * more. */
void ftm_soft_forget(const struct ftm_comm *c);

#endif
