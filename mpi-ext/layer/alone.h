/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * alone.h - in a process that has taken a lost rank's place by the table (mode retarget): it makes
 * the communicators again that the others have, alone.
 */
#ifndef FTM_ALONE_H
#define FTM_ALONE_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

#include "books.h"

/* In a process that has taken a rank's place. */
bool ftm_is_replacement(void);

/* The real handle of a communicator that this process has alone: every collective on it fails. */
MPI_Comm ftm_broken_comm(void);

/* Makes the next communicator of the parent's again. MPI_SUCCESS, or an error to raise.
 *   alone   of a split that gives every rank a part: this one may be alone in its own, which nobody
 *           else knows of */
int ftm_alone_again(MPI_Comm parent, bool alone, MPI_Comm *newcomm);

/* The same of MPI_Comm_create_group's, whose members are known; the slot is not. */
int ftm_alone_group_again(MPI_Comm parent, uint64_t id, const int members[], int n,
                          MPI_Comm *newcomm);

/* What has just been made so is Cartesian; or was made by MPI_Cart_sub. Nothing for others. */
int ftm_alone_shape(MPI_Comm app, int n_dims, const int dims[], const int periods[]);
int ftm_alone_sub_shape(MPI_Comm parent, MPI_Comm app, const int remain[]);

/* For a creating function whose communicator cannot be made alone: MPI_SUCCESS if this process is
 * not alone on the parent; or an error to raise, with words. */
int ftm_alone_refused(MPI_Comm parent, const char *how);

/* Before a creating function that own.h has not, in a replacement: can it be done? MPI_SUCCESS; or
 * an error to raise, with words: it is one that the others did long ago. */
int ftm_derived_refused(MPI_Comm parent, const char *how);

#endif
