/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * completion_some.c - MPI_Waitany, MPI_Testany, MPI_Waitsome, MPI_Testsome.
 *
 * Wrappers (own.h): Open MPI's function while nothing has changed, then what became of those that
 * it completed or freed (ftm_request_after), then one look at a time (completion.h) until there is
 * one that is over, or, of those that test, once.
 */
#include "config.h"

#include <mpi.h>
#include <mpi-ext.h>

#include "completion.h"
#include "completion_array.h"
#include "handlers.h"
#include "own.h"
#include "pt2pt.h"
#include "repair.h"
#include "retarget.h"
#include "stuck.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

/* ---------------------------------------------------------------- any */

/* Looks once for one that is over. */
static int any_once(int count, MPI_Request requests[], int *index, bool *done, MPI_Status *status)
{
    struct ftm_record record;
    bool is_record, active = false;
    int rc;

    *done = false;
    *index = MPI_UNDEFINED;
    for (int i = 0; i < count && !*done; i++) {
        if (ftm_request_is_inactive(requests[i]))
            continue;
        active = true;
        is_record = ftm_record_of(requests[i], &record);
        rc = ftm_request_look(&requests[i], done, status);
        if (*done) {
            *index = i;
            return ftm_request_raise(&record, is_record, rc);
        }
    }
    if (!active) {
        *done = true;
        ftm_request_no_status(status);
    }
    return MPI_SUCCESS;
}

/* A call for one of an array has failed: Open MPI has freed all that failed. Sets those aside.
 * Returns an error that is one's end; *done, *index then. */
static int any_after(int rc, int count, const MPI_Request before[], MPI_Request requests[],
                     int *index, bool *done, MPI_Status *status)
{
    int class = rc, error, first = MPI_SUCCESS;
    bool over;

    *done = false;
    PMPI_Error_class(rc, &class);
    if (class == MPIX_ERR_PROC_FAILED_PENDING)
        ftm_world_ask();
    for (int i = 0; i < count; i++) {
        if (before[i] == MPI_REQUEST_NULL || requests[i] == before[i])
            continue;
        error = ftm_request_after_one(before[i], &requests[i], class, &over, status);
        if (over && !*done) {
            *index = i;
            first = error;
        }
        *done = *done || over;
    }
    return first;
}

/* Both kinds: until one is over, or one look. */
HOT static int any(int count, MPI_Request requests[], int *index, bool wait, int *flag,
               MPI_Status *app_status)
{
    MPI_Status ours, *status = app_status == MPI_STATUS_IGNORE ? &ours : app_status;
    struct ftm_room room;
    bool done = false;
    int rc;

    if (!ftm_room_make(&room, count, requests, (MPI_Status *) status))
        return ftm_raise(MPI_COMM_SELF, MPI_ERR_NO_MEM);
    if (LIKELY(!ftm_requests_are_slow())) {
        *flag = 1;
        rc = wait ? PMPI_Waitany(count, requests, index, status)
                  : PMPI_Testany(count, requests, index, flag, status);
        if (LIKELY(rc == MPI_SUCCESS)
            && (!*flag || *index == MPI_UNDEFINED
                || LIKELY(ftm_request_is_over(room.handles[*index], status))))
            return ftm_room_leave(&room, status, rc);
        ftm_requests_catch_up(count, room.handles);
        if (rc == MPI_SUCCESS)
            rc = ftm_request_after_one(room.handles[*index], &requests[*index], rc, &done, status);
        else
            rc = any_after(rc, count, room.handles, requests, index, &done, status);
        if (done) {
            *flag = 1;
            return ftm_room_leave(&room, status, rc);
        }
    }
    for (unsigned rounds = 0;; rounds++) {
        rc = any_once(count, requests, index, &done, status);
        if (done || !wait)
            break;
        ftm_while_waiting(rounds);
        ftm_stuck_look(rounds, count, requests, false);
    }
    if (!wait)
        ftm_while_waiting(0);
    *flag = done;
    return ftm_room_leave(&room, status, rc);
}

int ftm_own_Waitany(int count, MPI_Request requests[], int *index, MPI_Status *status)
{
    int flag;

    return any(count, requests, index, true, &flag, status);
}

int ftm_own_Testany(int count, MPI_Request requests[], int *index, int *flag, MPI_Status *status)
{
    return any(count, requests, index, false, flag, status);
}

/* ---------------------------------------------------------------- some */

/* Looks once for all that are over. */
static int some_once(int count, MPI_Request requests[], int *n, int indices[],
                     MPI_Status statuses[])
{
    struct ftm_outcome outcome = {.rc = MPI_SUCCESS};
    bool done, active = false;
    int rc, found = 0;

    for (int i = 0; i < count; i++) {
        MPI_Request was = requests[i];

        if (ftm_request_is_inactive(was))
            continue;
        active = true;
        rc = ftm_request_look(&requests[i], &done, &statuses[found]);
        if (!done)
            continue;
        statuses[found].MPI_ERROR = rc;
        ftm_outcome_note(&outcome, was, rc);
        indices[found++] = i;
    }
    *n = active ? found : MPI_UNDEFINED;
    return ftm_outcome_raise(&outcome);
}

/* What Open MPI has completed, well or not: keeps in the lists what is over. */
static int some_after(int rc, int count, const MPI_Request before[], MPI_Request requests[], int *n,
                      int indices[], MPI_Status statuses[])
{
    struct ftm_outcome outcome = {.rc = MPI_SUCCESS};
    MPI_Status unused;
    int kept = 0, error;
    bool over;

    for (int k = 0; k < *n; k++) {
        int i = indices[k];

        error = ftm_error_in(rc, &statuses[k]);
        error = ftm_request_after(before[i], &requests[i], error, &over, &statuses[k]);
        if (!over)
            continue;
        statuses[kept] = statuses[k];
        statuses[kept].MPI_ERROR = error;
        ftm_outcome_note(&outcome, before[i], error);
        indices[kept++] = i;
    }
    for (int i = 0, k; rc != MPI_SUCCESS && i < count; i++) {
        for (k = 0; k < kept && indices[k] != i; k++)
            ;
        if (k == kept && before[i] != MPI_REQUEST_NULL && requests[i] == MPI_REQUEST_NULL)
            ftm_request_after(before[i], &requests[i], MPIX_ERR_PROC_FAILED, &over, &unused);
    }
    *n = kept;
    return ftm_outcome_raise(&outcome);
}

HOT static int some(int count, MPI_Request requests[], int *n, int indices[], bool wait,
                MPI_Status app_statuses[])
{
    struct ftm_room room;
    bool plain = true;
    int rc;

    if (!ftm_room_make(&room, count, requests, app_statuses))
        return ftm_raise(MPI_COMM_SELF, MPI_ERR_NO_MEM);
    if (LIKELY(!ftm_requests_are_slow())) {
        *n = 0;
        rc = wait ? PMPI_Waitsome(count, requests, n, indices, room.statuses)
                  : PMPI_Testsome(count, requests, n, indices, room.statuses);
        for (int k = 0; rc == MPI_SUCCESS && *n != MPI_UNDEFINED && k < *n; k++)
            if (!ftm_request_is_over(room.handles[indices[k]], &room.statuses[k]))
                plain = false;
        if (LIKELY(rc == MPI_SUCCESS && plain))
            return ftm_room_leave(&room, app_statuses, rc);
        ftm_requests_catch_up(count, room.handles);
        rc = some_after(rc, count, room.handles, requests, n, indices, room.statuses);
        if (*n > 0 || rc != MPI_SUCCESS || !wait)
            return ftm_room_leave(&room, app_statuses, rc);
    }
    for (unsigned rounds = 0;; rounds++) {
        rc = some_once(count, requests, n, indices, room.statuses);
        ftm_while_waiting(rounds);
        if (*n != 0 || !wait)
            break;
        ftm_stuck_look(rounds, count, requests, false);
    }
    return ftm_room_leave(&room, app_statuses, rc);
}

int ftm_own_Waitsome(int incount, MPI_Request requests[], int *outcount, int indices[],
                     MPI_Status statuses[])
{
    return some(incount, requests, outcount, indices, true, statuses);
}

int ftm_own_Testsome(int incount, MPI_Request requests[], int *outcount, int indices[],
                     MPI_Status statuses[])
{
    return some(incount, requests, outcount, indices, false, statuses);
}
