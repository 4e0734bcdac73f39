/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * completion_one.c - MPI_Wait, MPI_Test, MPI_Cancel, MPI_Request_free, MPI_Request_get_status.
 *
 * Wrappers (own.h): Open MPI's function while nothing has changed; after that one look at a time
 * (completion.h), between which the layer does what it has to (ftm_while_waiting). Where a request
 * was asked again, what the application holds is the first of a chain of handles: cancelling and
 * freeing mean the last, or all of them.
 */
#include "config.h"

#include <mpi.h>

#include "completion.h"
#include "handlers.h"
#include "own.h"
#include "pt2pt.h"
#include "soft.h"
#include "stuck.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

static int wait_slow(MPI_Request *request, MPI_Status *app_status)
{
    MPI_Status ours, *status = app_status == MPI_STATUS_IGNORE ? &ours : app_status;
    struct ftm_record record;
    bool is_record = ftm_record_of(*request, &record), done = false;
    int rc = MPI_SUCCESS;

    for (unsigned rounds = 0; !done; rounds++) {
        rc = ftm_request_look(request, &done, status);
        if (done)
            break;
        ftm_while_waiting(rounds);
        ftm_stuck_look(rounds, 1, request, true);
    }
    return ftm_request_raise(&record, is_record, rc);
}

int ftm_request_wait(MPI_Request *request, MPI_Status *status)
{
    return wait_slow(request, status);
}

HOT int ftm_own_Wait(MPI_Request *request, MPI_Status *app_status)
{
    MPI_Status ours, *status = app_status == MPI_STATUS_IGNORE ? &ours : app_status;
    MPI_Request was;
    bool done;
    int rc;

    if (!LIKELY(!ftm_requests_are_slow()) || !request)
        return request ? wait_slow(request, app_status) : PMPI_Wait(request, app_status);
    was = *request;
    rc = PMPI_Wait(request, status);
    if (LIKELY(rc == MPI_SUCCESS) && LIKELY(ftm_request_is_over(was, status)))
        return rc;
    ftm_requests_catch_up(1, &was);
    rc = ftm_request_after_one(was, request, rc, &done, status);
    return done ? rc : wait_slow(request, app_status);
}

static int test_slow(MPI_Request *request, int *flag, MPI_Status *app_status)
{
    MPI_Status ours, *status = app_status == MPI_STATUS_IGNORE ? &ours : app_status;
    struct ftm_record record;
    static unsigned rounds; /* of all threads; one more or less does not matter */
    bool is_record = ftm_record_of(*request, &record), done;
    int rc;

    ftm_while_waiting(rounds++);
    rc = ftm_request_look(request, &done, status);
    *flag = done;
    return ftm_request_raise(&record, is_record, rc);
}

HOT int ftm_own_Test(MPI_Request *request, int *flag, MPI_Status *app_status)
{
    MPI_Status ours, *status = app_status == MPI_STATUS_IGNORE ? &ours : app_status;
    MPI_Request was;
    bool done;
    int rc;

    if (!LIKELY(!ftm_requests_are_slow()) || !request)
        return request ? test_slow(request, flag, app_status)
                       : PMPI_Test(request, flag, app_status);
    was = *request;
    rc = PMPI_Test(request, flag, status);
    if (LIKELY(rc == MPI_SUCCESS)
        && (!*flag || LIKELY(ftm_request_is_over(was, status))))
        return rc;
    ftm_requests_catch_up(1, &was);
    rc = ftm_request_after_one(was, request, rc, &done, status);
    *flag = done;
    return rc;
}

/* ---------------------------------------------------------------- cancel, free, status */

static int cancel(MPI_Request *request)
{
    struct ftm_record last;

    if (!ftm_request_is_known(*request, &last))
        return PMPI_Cancel(request);
    last.cancelled = true;
    ftm_record_change(last.key, &last);
    if (last.soft) {
        ftm_soft_cancel(last.key);
        return MPI_SUCCESS;
    }
    return last.over || last.failed ? MPI_SUCCESS : PMPI_Cancel(&last.key);
}

int ftm_own_Cancel(MPI_Request *request)
{
    bool entered;
    int rc;

    if (!request || *request == MPI_REQUEST_NULL)
        return PMPI_Cancel(request);
    entered = ftm_requests_enter();
    rc = cancel(request);
    ftm_requests_leave(entered);
    return rc;
}

/* A persistent one with its chain. */
static int free_chain(MPI_Request *request)
{
    struct ftm_record record;
    MPI_Request key = *request, next, gone;
    int rc = MPI_SUCCESS;

    while (key != MPI_REQUEST_NULL && ftm_record_of(key, &record)) {
        next = record.next;
        record.active = false;
        record.next = MPI_REQUEST_NULL;
        record.kind = FTM_NO_REQUEST;
        ftm_record_change(key, &record);
        gone = key;
        if (record.by_layer)
            ftm_soft_end(key);
        else if (!record.freed)
            rc = PMPI_Request_free(&gone);
        key = next;
    }
    *request = MPI_REQUEST_NULL;
    return rc;
}

int ftm_own_Request_free(MPI_Request *request)
{
    struct ftm_record record;
    bool entered;
    int rc;

    if (!request || *request == MPI_REQUEST_NULL)
        return PMPI_Request_free(request);
    entered = ftm_requests_enter();
    if (!ftm_record_of(*request, &record) || record.kind == FTM_COLLECTIVE
        || (!record.active && !ftm_record_is_persistent(&record)))
        rc = PMPI_Request_free(request);
    else
        rc = free_chain(request);
    ftm_requests_leave(entered);
    return rc;
}

int ftm_own_Request_get_status(MPI_Request request, int *flag, MPI_Status *app_status)
{
    MPI_Status ours, *status = app_status == MPI_STATUS_IGNORE ? &ours : app_status;
    struct ftm_record last;
    bool entered;
    int rc;

    if (LIKELY(!ftm_changed) || request == MPI_REQUEST_NULL
        || !ftm_request_is_known(request, &last)) {
        rc = PMPI_Request_get_status(request, flag, status);
        if (rc == MPI_SUCCESS && *flag && !ftm_plain(status)
            && ftm_request_is_known(request, &last))
            ftm_request_translate(&last, status);
        return rc;
    }
    ftm_while_waiting(0);
    entered = ftm_requests_enter();
    *flag = ftm_request_settle(request, &last);
    if (*flag && (last.failed || last.over))
        ftm_request_no_status(status);
    else if (*flag) {
        PMPI_Request_get_status(last.key, flag, status);
        ftm_request_translate(&last, status);
    }
    ftm_requests_leave(entered);
    return MPI_SUCCESS;
}
