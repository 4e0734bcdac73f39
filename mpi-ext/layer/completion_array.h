/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * completion_array.h - what the functions that wait for several requests have in common: room for
 * what is kept of them during a call, and which error it comes to.
 */
#ifndef FTM_COMPLETION_ARRAY_H
#define FTM_COMPLETION_ARRAY_H

#include <mpi.h>
#include <stdbool.h>

#include "records.h"

#define FTM_AT_ONCE 64 /* handles and statuses that are kept on the stack */

/* An array's handles, as they were, and its statuses: the application's own if it has given any. */
struct ftm_room {
    MPI_Request few[FTM_AT_ONCE], *handles;
    MPI_Status few_statuses[FTM_AT_ONCE], *statuses;
};

/* False: out of memory, nothing to be left then. */
bool ftm_room_make(struct ftm_room *room, int count, const MPI_Request requests[],
                   MPI_Status app_statuses[]);
/* Returns rc. */
int ftm_room_leave(struct ftm_room *room, MPI_Status app_statuses[], int rc);

/* The first error of an array's requests is raised; what that returns says where it stands. Begins
 * with MPI_SUCCESS. */
struct ftm_outcome {
    struct ftm_record record; /* of the first that failed */
    bool is_record;
    int rc;
};

void ftm_outcome_note(struct ftm_outcome *outcome, MPI_Request was, int rc);
int ftm_outcome_raise(const struct ftm_outcome *outcome);

/* Open MPI's statuses have their errors only if the call returned one. */
static inline int ftm_error_in(int rc, const MPI_Status *status)
{
    return rc == MPI_SUCCESS ? MPI_SUCCESS : status->MPI_ERROR;
}

#endif
