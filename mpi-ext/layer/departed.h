/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * departed.h - the processes that repairs have put others in the places of: so that a group of the
 * application's that was made before a repair means those who are there now.
 */
#ifndef FTM_DEPARTED_H
#define FTM_DEPARTED_H

#include <mpi.h>
#include <stdbool.h>

#include "rebuilding.h"

/* In a rebuilding: notes who is in the active communicator of before, and not in the new one; then
 * commit, when the repair is agreed on, or abandon. False: out of memory, or an error of Open MPI's
 * (nothing is noted). */
bool ftm_departed_note(const struct ftm_rebuilding *rebuilding);
void ftm_departed_commit(void);
void ftm_departed_abandon(void);

/* A group that was made before a repair, with the processes that are there now in the places of
 * the lost ones. *now is to be freed if it is not `group` itself. MPI_SUCCESS, or Open MPI's error.
 */
int ftm_departed_replace(MPI_Group group, MPI_Group *now);

/* At the end; frees nothing of Open MPI's. */
void ftm_departed_end(void);

#endif
