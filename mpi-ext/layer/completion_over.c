/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * completion_over.c - the world was repaired as a whole: what is under way is over.
 *
 * Called by a repair (repair.c) in a program that is aware of repairs, once for all requests. Open
 * MPI gets a limited time to give up what it still does with them. What it cannot be made to give
 * up, a collective's, ends with an error by itself, or is left to its fate.
 */
#include "config.h"

#include <mpi.h>
#include <mpi-ext.h>
#include <stdlib.h>

#include "buffered.h"
#include "completion.h"
#include "gone.h"
#include "posting.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define STOP_MS 200 /* Open MPI gives up what was under way within, all of it */

static bool is_anything(const struct ftm_record *record, const void *data)
{
    (void) record;
    (void) data;
    return true;
}

/* Open MPI has nothing more to do with it, or time is up. */
static void stop_by(MPI_Request key, int64_t deadline_ns)
{
    int flag = 0;

    PMPI_Request_get_status(key, &flag, MPI_STATUS_IGNORE);
    if (!flag)
        PMPI_Cancel(&key);
    do
        PMPI_Request_get_status(key, &flag, MPI_STATUS_IGNORE);
    while (!flag && ftm_now_ns() < deadline_ns);
}

/* A collective's cannot be stopped: it ends with an error by itself, as its communicator is
 * revoked, or is left to its fate. */
static void end_collective(struct ftm_record *record, bool is_given_back, int64_t deadline_ns)
{
    MPI_Request key = record->key;
    int flag = 0;

    do
        PMPI_Request_get_status(key, &flag, MPI_STATUS_IGNORE);
    while (!flag && ftm_now_ns() < deadline_ns);
    if (flag && is_given_back)
        PMPI_Test(&key, &flag, MPI_STATUS_IGNORE);
    record->active = !is_given_back;
}

static void end_message(struct ftm_record *record, bool is_given_back, int64_t deadline_ns)
{
    MPI_Request key = record->key;
    int flag;

    if (!record->freed && !record->soft && !record->by_layer)
        stop_by(key, deadline_ns);
    if (ftm_record_is_persistent(record)) {
        PMPI_Test(&key, &flag, MPI_STATUS_IGNORE);
        record->active = record->once = record->over = false;
        record->next = MPI_REQUEST_NULL;
    } else if (is_given_back) {
        ftm_request_give_back(record);
        record->active = record->over = record->soft = record->by_layer = false;
        record->next = MPI_REQUEST_NULL;
    } else {
        record->failed = MPIX_ERR_PROC_FAILED;
    }
}

void ftm_requests_over(bool is_given_back)
{
    int64_t deadline_ns = ftm_deadline_ns(STOP_MS);
    struct ftm_record *found;
    size_t n = ftm_records_active(is_anything, NULL, &found);

    for (size_t i = 0; i < n; i++) {
        if (found[i].kind == FTM_COLLECTIVE)
            end_collective(&found[i], is_given_back, deadline_ns);
        else
            end_message(&found[i], is_given_back, deadline_ns);
        ftm_record_change(found[i].key, &found[i]);
    }
    free(found);
    if (is_given_back)
        ftm_buffered_over();
}
