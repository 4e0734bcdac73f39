/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * completion_all.c - MPI_Waitall and MPI_Testall.
 *
 * Wrappers (own.h): Open MPI's function while nothing has changed, then what became of each request
 * in it (ftm_request_after), then those that are not over, one look at a time (completion.h).
 *
 * MPI_Testall is all or none, but Open MPI has completed some of an array that cannot be completed
 * as a whole when one of them is asked again. Those are parked: the application gets a handle for
 * them that is complete already, and has the status.
 */
#include "config.h"

#include <mpi.h>
#include <stdlib.h>

#include "completion.h"
#include "completion_array.h"
#include "handlers.h"
#include "own.h"
#include "pt2pt.h"
#include "repair.h"
#include "retarget.h"
#include "stuck.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

/* Looks at those that are not over, once. Returns how many are left. */
static int look_at_all(int count, MPI_Request requests[], bool over[], MPI_Status statuses[],
                       struct ftm_outcome *outcome)
{
    int left = 0;

    for (int i = 0; i < count; i++) {
        MPI_Request was = requests[i];
        int rc;

        if (over[i])
            continue;
        rc = ftm_request_look(&requests[i], &over[i], &statuses[i]);
        statuses[i].MPI_ERROR = over[i] ? rc : MPI_ERR_PENDING;
        ftm_outcome_note(outcome, was, rc);
        left += !over[i];
    }
    return left;
}

static int waitall_slow(int count, MPI_Request requests[], bool over[], MPI_Status statuses[],
                        struct ftm_outcome *outcome)
{
    for (unsigned rounds = 0;; rounds++) {
        int left = look_at_all(count, requests, over, statuses, outcome);

        if (outcome->rc != MPI_SUCCESS)
            return ftm_outcome_raise(outcome);
        if (left == 0)
            return MPI_SUCCESS;
        ftm_while_waiting(rounds);
        ftm_stuck_look(rounds, count, requests, true);
    }
}

static int waitall_after(int rc, int count, const MPI_Request before[], MPI_Request requests[],
                         MPI_Status statuses[])
{
    struct ftm_outcome outcome = {.rc = MPI_SUCCESS};
    bool *over = calloc((size_t) count + 1, sizeof *over);
    int error;

    ftm_requests_catch_up(count, before);
    if (!over)
        return ftm_raise(MPI_COMM_SELF, MPI_ERR_NO_MEM);
    for (int i = 0; i < count; i++) {
        over[i] = before[i] == MPI_REQUEST_NULL;
        if (over[i])
            continue;
        error = ftm_error_in(rc, &statuses[i]);
        error = ftm_request_after(before[i], &requests[i], error, &over[i], &statuses[i]);
        statuses[i].MPI_ERROR = over[i] ? error : MPI_ERR_PENDING;
        ftm_outcome_note(&outcome, before[i], error);
    }
    rc = outcome.rc != MPI_SUCCESS ? ftm_outcome_raise(&outcome)
                                   : waitall_slow(count, requests, over, statuses, &outcome);
    free(over);
    return rc;
}

HOT int ftm_own_Waitall(int count, MPI_Request requests[], MPI_Status app_statuses[])
{
    struct ftm_room room;
    bool plain = true;
    int rc = MPI_SUCCESS;

    if (!ftm_room_make(&room, count, requests, app_statuses))
        return ftm_raise(MPI_COMM_SELF, MPI_ERR_NO_MEM);
    if (LIKELY(!ftm_requests_are_slow())) {
        rc = PMPI_Waitall(count, requests, room.statuses);
        for (int i = 0; rc == MPI_SUCCESS && i < count; i++)
            if (!ftm_request_is_over(room.handles[i], &room.statuses[i]))
                plain = false;
        if (LIKELY(rc == MPI_SUCCESS && plain))
            return ftm_room_leave(&room, app_statuses, rc);
        rc = waitall_after(rc, count, room.handles, requests, room.statuses);
    } else {
        struct ftm_outcome outcome = {.rc = MPI_SUCCESS};
        bool *over = calloc((size_t) (count > 0 ? count : 0) + 1, sizeof *over);

        rc = over ? waitall_slow(count, requests, over, room.statuses, &outcome)
                  : ftm_raise(MPI_COMM_SELF, MPI_ERR_NO_MEM);
        free(over);
    }
    return ftm_room_leave(&room, app_statuses, rc);
}

/* ---------------------------------------------------------------- parked */

static int parked_query(void *extra, MPI_Status *status)
{
    *status = *(MPI_Status *) extra;
    return MPI_SUCCESS;
}

static int parked_free(void *extra)
{
    free(extra);
    return MPI_SUCCESS;
}

static int parked_cancel(void *extra, int complete)
{
    (void) extra;
    (void) complete;
    return MPI_SUCCESS;
}

/* Without memory its status is lost, and the application finds it completed. */
static void park(MPI_Request *request, const MPI_Status *status)
{
    MPI_Status *copy = malloc(sizeof *copy);

    if (!copy)
        return;
    *copy = *status;
    if (PMPI_Grequest_start(parked_query, parked_free, parked_cancel, copy, request) == MPI_SUCCESS)
        PMPI_Grequest_complete(*request);
    else
        free(copy);
}

/* ---------------------------------------------------------------- MPI_Testall */

/* All or none: looks whether all are complete before it completes one. */
static int testall_slow(int count, MPI_Request requests[], int *flag, MPI_Status statuses[])
{
    struct ftm_outcome outcome = {.rc = MPI_SUCCESS};
    struct ftm_record last;
    bool over, all = true;
    static unsigned rounds;
    int rc, complete;
    bool entered;

    ftm_while_waiting(rounds++);
    entered = ftm_requests_enter();
    for (int i = 0; i < count; i++) {
        if (ftm_request_is_inactive(requests[i]))
            continue;
        if (ftm_request_is_known(requests[i], &last)) {
            all = ftm_request_settle(requests[i], &last) && all;
        } else {
            PMPI_Request_get_status(requests[i], &complete, MPI_STATUS_IGNORE);
            all = complete && all;
        }
    }
    for (int i = 0; all && i < count; i++) {
        MPI_Request was = requests[i];

        rc = ftm_request_look(&requests[i], &over, &statuses[i]);
        statuses[i].MPI_ERROR = over ? rc : MPI_ERR_PENDING;
        ftm_outcome_note(&outcome, was, rc);
        all = over; /* but for one whose message is to be dropped */
    }
    ftm_requests_leave(entered);
    *flag = all;
    return ftm_outcome_raise(&outcome);
}

static int testall_after(int rc, int count, const MPI_Request before[], MPI_Request requests[],
                         int *flag, MPI_Status statuses[])
{
    struct ftm_outcome outcome = {.rc = MPI_SUCCESS};
    bool over, all = true;
    int error;

    ftm_requests_catch_up(count, before);
    for (int i = 0; i < count; i++) {
        if (before[i] == MPI_REQUEST_NULL)
            continue;
        error = ftm_error_in(rc, &statuses[i]);
        error = ftm_request_after(before[i], &requests[i], error, &over, &statuses[i]);
        statuses[i].MPI_ERROR = error;
        ftm_outcome_note(&outcome, before[i], error);
        all = all && over;
    }
    *flag = all || outcome.rc != MPI_SUCCESS;
    for (int i = 0; !*flag && i < count; i++)
        if (before[i] != MPI_REQUEST_NULL && requests[i] == MPI_REQUEST_NULL)
            park(&requests[i], &statuses[i]);
    return ftm_outcome_raise(&outcome);
}

HOT int ftm_own_Testall(int count, MPI_Request requests[], int *flag, MPI_Status app_statuses[])
{
    struct ftm_room room;
    bool plain = true;
    int rc;

    if (!ftm_room_make(&room, count, requests, app_statuses))
        return ftm_raise(MPI_COMM_SELF, MPI_ERR_NO_MEM);
    if (LIKELY(!ftm_requests_are_slow())) {
        rc = PMPI_Testall(count, requests, flag, room.statuses);
        for (int i = 0; rc == MPI_SUCCESS && *flag && i < count; i++)
            if (!ftm_request_is_over(room.handles[i], &room.statuses[i]))
                plain = false;
        if (LIKELY(rc == MPI_SUCCESS) && (!*flag || plain))
            return ftm_room_leave(&room, app_statuses, rc);
        if (*flag) {
            rc = testall_after(rc, count, room.handles, requests, flag, room.statuses);
            return ftm_room_leave(&room, app_statuses, rc);
        }
        ftm_world_ask(); /* a wait for anybody: whom was it warned of? */
    }
    rc = testall_slow(count, requests, flag, room.statuses);
    return ftm_room_leave(&room, app_statuses, rc);
}
