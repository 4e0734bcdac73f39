/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rebuild_ready.h - communicators that were made again, and that this process has not asked for
 * yet: they are ready for the creating calls that will ask for them.
 *
 * A process that takes a lost rank's place has no handles yet. Its communicators are ready, and the
 * calls that make them (the same, in the same order as the others have made them) find them there
 * without any communication; what the others have freed since they get a stand-in of, for it to be
 * freed again. The same holds for a survivor whose creating call was interrupted while it had
 * already succeeded elsewhere, if that call is done again. All this ends with
 * ftm_rebuild_caught_up: from there on creating calls are collective again.
 */
#ifndef FTM_REBUILD_READY_H
#define FTM_REBUILD_READY_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

#include "rebuild_progress.h"
#include "rebuilding.h"

/* Is something ready, or was made by others, that this process has not asked for yet? One load. */
extern bool ftm_rebuild_is_behind;

/* This process is where the others are: what it has not asked for is given back, and the creating
 * calls that the others have done are counted as its own. To be called
 *   in a survivor      after a repair, if the interrupted call is not done again
 *   in a replacement   at its first collective that is no creating call (ftm_collective sees to
 *                      that), at its first message, and where FTMPI_Loop is entered
 * Local; nothing if ftm_rebuild_is_behind is not set. */
void ftm_rebuild_caught_up(void);

/* For a creating call on the communicator with this id (or of MPI_Comm_create_group, which has an
 * id of its own): has its next one been made already? */
enum ftm_there {
    FTM_NOT_THERE, /* no: make it with the others */
    FTM_THERE,     /* yes: *rc and *newcomm are what the call is to return, not raised yet */
    FTM_AMONG,     /* by those who have it; nobody knows of the part that this process is in: make
                      it among *newcomm, with those who do not either (part.h), and tell
                      ftm_ready_take. An error (*rc) is no end of it */
};
/*   members, n   of a call that makes one communicator of all these, by their ranks in the world:
 *                it is never FTM_AMONG. Otherwise NULL */
enum ftm_there ftm_ready_has(MPI_Comm parent, uint64_t id, const int members[], int n,
                             MPI_Comm *newcomm, int *rc);

/* After FTM_AMONG: `made` is what came of it, MPI_COMM_NULL: this process was left out.
 * MPI_SUCCESS, or an error to raise. */
int ftm_ready_take(MPI_Comm parent, uint64_t id, MPI_Comm made, bool is_shapeless);

/* Have the others made more of this one than this process? */
bool ftm_ready_is_past(uint64_t id);

/* After a repair: all that was made again goes under the handles that there are, or is ready for
 * those that will be asked for; what was ready before is in it. Takes over what both have.
 *   messages   as ftm_rebuild_commit */
void ftm_ready_commit(struct ftm_remades *remades, struct ftm_progress *progress, bool messages);

/* Calls `visit` with each that is ready; the list cannot change meanwhile. */
void ftm_ready_each(void (*visit)(const struct ftm_remade *ready, void *data), void *data);

/* At the end; frees nothing of Open MPI's. */
void ftm_ready_end(void);

#endif
