/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * moving.c - what is in flight with a lost process is asked again of the one in its place.
 *
 * All of it, in the order of posting, at the moment that its rank is given another process, before
 * anything new can be sent there: so the order of each pair is kept. A request that Open MPI has
 * completed well is left alone; one that it has not is cancelled, which it grants with a process
 * that it knows to be dead. The new request is chained behind the first one's record (requests.c).
 *
 *   in    retarget.c: a rank gets another process; completion.c: a request that is looked at
 *   out   requests.c, persistent.c: it is posted
 */
#include "config.h"

#include "moving.h"

#include <mpi.h>
#include <stdlib.h>

#include "comms.h"
#include "posting.h"
#include "pt2pt.h"
#include "requests.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

static int post_again(const struct ftm_comm *c, const struct ftm_record *was, MPI_Request *request)
{
    if (was->kind == FTM_IRECV || was->kind == FTM_IMRECV)
        return ftm_request_receive(c, (void *) was->buf, was->count, was->type, was->peer, was->tag,
                                   request);
    if (was->kind >= FTM_SEND_INIT)
        return ftm_persistent_again(c, was, request);
    return ftm_post_send(c, was->kind, was->buf, was->count, was->type, was->peer, was->tag,
                         request);
}

/* Has Open MPI given it up, or can it be made to? False: it has come to its end well, or is not to
 * be stopped yet. */
static bool stop(MPI_Request request)
{
    MPI_Status status;
    int flag = 0, cancelled = 0;

    PMPI_Request_get_status(request, &flag, &status);
    if (!flag) {
        PMPI_Cancel(&request);
        PMPI_Request_get_status(request, &flag, &status);
    }
    if (!flag)
        return false;
    PMPI_Test_cancelled(&status, &cancelled);
    return cancelled || ftm_is_loss(ftm_request_error(request));
}

void ftm_request_again(MPI_Request key)
{
    struct ftm_record was;
    const struct ftm_comm *c;
    MPI_Request now = MPI_REQUEST_NULL;
    int rc;

    if (!ftm_record_of(key, &was) || !was.active || was.next != MPI_REQUEST_NULL || was.failed
        || was.over || was.cancelled || was.kind == FTM_COLLECTIVE
        || (!was.freed && !was.soft && !stop(key)))
        return;
    c = ftm_comm_of(was.comm);
    rc = !c || (c->in_flight_error && was.real != FTM_ANYBODY) ? MPIX_ERR_PROC_FAILED
                                                               : post_again(c, &was, &now);
    if (rc == MPI_SUCCESS && now == key)
        return; /* the same handle: its record is written anew */
    was.next = now;
    was.failed = rc;
    if (rc == MPI_SUCCESS && ftm_request_is_nothing(now)) { /* sent, and over: there is no record behind it */
        was.next = MPI_REQUEST_NULL;
        was.over = true;
    }
    ftm_record_change(key, &was);
}

/* ---------------------------------------------------------------- all of a process's */

struct moving {
    int v, real;
};

/* What is bound to the lost process; and on a communicator where a member has been replaced, what
 * waits for anybody in the old way only, with all that was posted after it. */
static bool is_moving(const struct ftm_record *record, const void *data)
{
    const struct moving *moving = data;
    const struct ftm_comm *c = ftm_comm_of(record->comm);

    if (record->next != MPI_REQUEST_NULL || record->failed || record->soft || record->over || !c
        || record->kind == FTM_COLLECTIVE)
        return false;
    if (record->peer == MPI_ANY_SOURCE && record->from < 0)
        return c->mixed && record->on == c->direct;
    return ftm_record_process(record) == moving->real;
}

/* Has a message of the leaver's come to it, which nobody has taken yet? */
static bool has_message_of(const struct ftm_record *record, const struct moving *leaver)
{
    const struct ftm_comm *c = ftm_comm_of(record->comm);
    MPI_Status status;
    int flag = 0, cancelled = 0;

    PMPI_Request_get_status(record->key, &flag, &status);
    if (!flag || ftm_is_loss(ftm_request_error(record->key)))
        return false;
    PMPI_Test_cancelled(&status, &cancelled);
    if (cancelled)
        return false;
    return leaver->real
           == (record->on == c->direct && !c->is_world ? ftm_comm_process(c, status.MPI_SOURCE)
                                                       : status.MPI_SOURCE);
}

static bool waits_for_anybody(const struct ftm_record *record, const void *data)
{
    (void) data;
    return record->peer == MPI_ANY_SOURCE && record->from < 0
           && (record->kind == FTM_IRECV || record->kind == FTM_RECV_INIT)
           && record->next == MPI_REQUEST_NULL && !record->failed && !record->soft
           && !record->over && !record->freed && ftm_comm_of(record->comm);
}

/* Each look gives Open MPI a turn, in which a message may come to a receive that was looked at
 * before, and the next one of the same process to one that is looked at later: so until a look at
 * all of them has found none. What comes after that is dropped, with all that follows it. */
void ftm_requests_name(int v, int real)
{
    struct moving leaver = {v, real};
    struct ftm_record *found;
    bool named = true;
    size_t n;

    while (named) {
        n = ftm_records_active(waits_for_anybody, NULL, &found);
        named = false;
        for (size_t i = 0; i < n; i++) {
            if (!has_message_of(&found[i], &leaver))
                continue;
            found[i].from = ftm_comm_rank_of(ftm_comm_of(found[i].comm), v);
            ftm_record_change(found[i].key, &found[i]);
            named = named || found[i].from >= 0;
        }
        free(found);
    }
}

/* To be freed. Returns how many. */
static size_t find_moving(int v, int real, struct ftm_record **found)
{
    struct moving moving = {v, real};

    return ftm_records_active(is_moving, &moving, found);
}

bool ftm_requests_are_with(int v, int real)
{
    struct ftm_record *found;
    size_t n = find_moving(v, real, &found);
    int is_over = true;

    for (size_t i = 0; i < n && is_over; i++)
        if (!found[i].freed && ftm_record_process(&found[i]) == real)
            PMPI_Request_get_status(found[i].key, &is_over, MPI_STATUS_IGNORE);
    free(found);
    return !is_over;
}

void ftm_requests_move(int v, int real)
{
    struct ftm_record *found;
    size_t n = find_moving(v, real, &found);

    for (size_t i = 0; i < n; i++)
        ftm_request_again(found[i].key);
    free(found);
}
