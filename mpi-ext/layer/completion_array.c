/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * completion_array.c - what the functions that wait for several requests have in common.
 *
 * Called by completion_all.c and completion_some.c. The handles are saved before Open MPI's
 * function is called, as it takes failed ones out of the array. Few of them need no memory but the
 * stack's. Of several errors the first is raised: MPI has room for one, and the others stand in the
 * statuses.
 */
#include "config.h"

#include "completion_array.h"

#include <mpi.h>
#include <mpi-ext.h>
#include <stdlib.h>
#include <string.h>

#include "completion.h"
#include "posting.h"
#include "repair.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

bool ftm_room_make(struct ftm_room *room, int count, const MPI_Request requests[],
                   MPI_Status app_statuses[])
{
    size_t n = count > 0 ? (size_t) count : 0;

    room->handles = n <= FTM_AT_ONCE ? room->few : malloc(n * sizeof *room->handles);
    room->statuses = app_statuses != MPI_STATUSES_IGNORE ? app_statuses
                     : n <= FTM_AT_ONCE                  ? room->few_statuses
                                                         : malloc(n * sizeof *room->statuses);
    if (!room->handles || !room->statuses) {
        ftm_room_leave(room, app_statuses, MPI_ERR_NO_MEM);
        return false;
    }
    if (n)
        memcpy(room->handles, requests, n * sizeof *requests);
    return true;
}

int ftm_room_leave(struct ftm_room *room, MPI_Status app_statuses[], int rc)
{
    if (room->handles != room->few)
        free(room->handles);
    if (room->statuses != room->few_statuses && room->statuses != app_statuses)
        free(room->statuses);
    return rc;
}

void ftm_outcome_note(struct ftm_outcome *outcome, MPI_Request was, int rc)
{
    if (rc == MPI_SUCCESS || outcome->rc != MPI_SUCCESS)
        return;
    outcome->rc = rc;
    outcome->is_record = ftm_record_of(was, &outcome->record);
}

int ftm_outcome_raise(const struct ftm_outcome *outcome)
{
    if (outcome->rc == MPIX_ERR_PROC_FAILED && ftm_repair_rules())
        return outcome->rc;
    return ftm_request_raise(&outcome->record, outcome->is_record, outcome->rc) == MPI_SUCCESS
               ? MPI_SUCCESS
               : MPI_ERR_IN_STATUS;
}
