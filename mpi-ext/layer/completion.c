/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * completion.c - one request of the application's: is it over, and what has become of it?
 *
 * While nothing has changed each waiting function calls Open MPI's, on the whole array, and then
 * marks the records of what was completed. The handles are saved before: Open MPI takes failed ones
 * out of the array and frees them.
 *
 * The first failure comes back from such a call, with mixed outcomes: some requests completed, some
 * failed, some still under way (MPI_ERR_PENDING, or MPIX_ERR_PROC_FAILED_PENDING for a receive from
 * anybody). ftm_request_after sorts them one by one. Open MPI has freed those that failed, and
 * gives their handles to whatever is posted next: so before anything is asked again all of them are
 * set aside, under handles that last (`set_aside`), which the application gets in their place.
 *
 * From then on requests are looked at one by one, without Open MPI's waiting functions:
 * ftm_request_settle says whether one is complete, and asks it again if its process is lost;
 * `finish` completes it, with the application's rank in the status.
 *
 * With MPI_THREAD_MULTIPLE that is how all are looked at, from the start: a handle that Open MPI
 * frees in one thread's wait is another thread's next one at once, and who asks again must not
 * touch what is completed just then. So one thread at a time looks, under the lock under which it
 * is asked again.
 *
 * The waiting functions themselves are in completion_one.c, completion_all.c, completion_some.c;
 * what a repair of the whole world does to requests is in completion_over.c.
 */
#include "config.h"

#include "completion.h"

#include <mpi.h>
#include <mpi-ext.h>
#include <stdlib.h>

#include "gone.h"
#include "handlers.h"
#include "moving.h"
#include "pt2pt.h"
#include "repair.h"
#include "retarget.h"
#include "soft.h"
#include "table.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define SETTLE_TRIES 8 /* replacements of one request's peer in one look */

void ftm_request_no_status(MPI_Status *status)
{
    MPI_Request none = MPI_REQUEST_NULL;
    int flag;

    PMPI_Test(&none, &flag, status);
}

bool ftm_record_is_persistent(const struct ftm_record *record)
{
    return record->kind >= FTM_SEND_INIT && record->kind <= FTM_RECV_INIT;
}

bool ftm_request_is_inactive(MPI_Request request)
{
    struct ftm_record last;

    return request == MPI_REQUEST_NULL
           || (ftm_record_last(request, &last) && ftm_record_is_persistent(&last) && !last.active);
}

bool ftm_request_is_known(MPI_Request request, struct ftm_record *last)
{
    return ftm_record_last(request, last) && last->active && last->kind != FTM_COLLECTIVE;
}

/* ---------------------------------------------------------------- threads */

bool ftm_requests_enter(void)
{
    bool entered = ftm_requests_threads && !ftm_repair_rules();

    if (entered)
        ftm_retarget_lock();
    return entered;
}

void ftm_requests_leave(bool entered)
{
    if (entered)
        ftm_retarget_unlock();
}

/* ---------------------------------------------------------------- is its process there? */

static int virtual_peer(const struct ftm_record *record)
{
    const struct ftm_comm *c = ftm_comm_of(record->comm);

    return c ? ftm_comm_virtual(c, record->from >= 0 ? record->from : record->peer) : -1;
}

static bool is_gone(const struct ftm_record *record)
{
    int real = ftm_record_process(record);

    if (real < 0)
        return false;
    return ftm_world_is_lost(real)
           || ftm_table_real(ftm_world_table(), virtual_peer(record)) != real;
}

/* Its process is lost: has the rank replaced, which asks again what is in flight with it. */
static int have_replaced(const struct ftm_record *record)
{
    int real = ftm_record_process(record), v = virtual_peer(record), rc;
    char why[MPI_MAX_ERROR_STRING];

    if ((real < 0 || v < 0) && !ftm_repair_rules())
        return MPI_SUCCESS;
    rc = ftm_retarget(v, real);
    if (rc == MPI_SUCCESS || ftm_repair_rules())
        return rc;
    ftm_retarget_why(v, why, sizeof why);
    return ftm_error_with_words(rc, why);
}

static void fail(const struct ftm_record *record, int rc)
{
    struct ftm_record failed = *record;

    failed.failed = rc;
    ftm_record_change(failed.key, &failed);
}

/* Does it need no more waiting, or does it still? False: it is to be asked again. */
static bool is_judged(struct ftm_record *last, bool *settled)
{
    int flag = 0;

    if (last->freed) {
        *settled = last->over = last->cancelled;
        if (last->over)
            ftm_record_change(last->key, last);
        return last->over;
    }
    PMPI_Request_get_status(last->key, &flag, MPI_STATUS_IGNORE);
    *settled = flag && !ftm_is_loss(ftm_request_error(last->key));
    return *settled || (!flag && !is_gone(last));
}

bool ftm_request_settle(MPI_Request request, struct ftm_record *last)
{
    MPI_Request key;
    bool settled;
    int rc;

    for (int tries = 0; tries < SETTLE_TRIES && ftm_request_is_known(request, last); tries++) {
        if (last->failed || last->over)
            return true;
        if (last->soft) {
            ftm_soft_progress();
            if (!ftm_record_last(request, last) || last->soft)
                return false;
            continue;
        }
        key = last->key;
        if (is_judged(last, &settled))
            return settled;
        rc = have_replaced(last);
        if (rc != MPI_SUCCESS)
            fail(last, rc);
        else
            ftm_request_again(key);
        if (ftm_record_last(request, last) && last->key == key && !last->failed && !last->over)
            return false; /* it cannot be stopped yet */
    }
    return false;
}

/* ---------------------------------------------------------------- it is over */

void ftm_request_give_back(const struct ftm_record *record)
{
    MPI_Request key = record->key;
    int flag = 0;

    if (record->by_layer)
        ftm_soft_end(key);
    else if (!record->freed) {
        PMPI_Request_get_status(key, &flag, MPI_STATUS_IGNORE);
        if (!flag)
            PMPI_Cancel(&key);
        PMPI_Request_get_status(key, &flag, MPI_STATUS_IGNORE);
        if (flag)
            PMPI_Test(&key, &flag, MPI_STATUS_IGNORE);
        else
            PMPI_Request_free(&key);
    }
}

/* The application's request is over: gives its chain back, but for what is persistent.
 *   reaped   the last, if Open MPI has freed it just now: it may be another's already */
static void end_chain(MPI_Request *request, MPI_Request reaped)
{
    struct ftm_record record, was;
    bool persistent = false;

    for (MPI_Request key = *request, next; key != MPI_REQUEST_NULL && key != reaped; key = next) {
        if (!ftm_record_of(key, &record))
            break;
        next = record.next;
        if (key == *request)
            persistent = ftm_record_is_persistent(&record);
        was = record;
        if (!ftm_record_is_persistent(&record) || record.once)
            record.next = MPI_REQUEST_NULL;
        record.active = record.once = record.over = false;
        record.failed = MPI_SUCCESS;
        ftm_record_change(key, &record);
        if (!ftm_record_is_persistent(&record))
            ftm_request_give_back(&was); /* from now on its handle may be another's */
    }
    if (!persistent)
        *request = MPI_REQUEST_NULL;
}

/* Wherever the application's handle led to `was`, it leads to `now`. */
static void lead(MPI_Request *request, MPI_Request was, MPI_Request now)
{
    struct ftm_record record;

    if (*request == was)
        *request = now;
    for (MPI_Request key = *request; key != now && ftm_record_of(key, &record); key = record.next)
        if (record.next == was) {
            record.next = now;
            ftm_record_change(key, &record);
        }
}

/* Its handle is not the record's any more. */
static void strike_out(const struct ftm_record *record)
{
    struct ftm_record struck = *record;

    struck.active = false;
    struck.next = MPI_REQUEST_NULL;
    ftm_record_change(struck.key, &struck);
}

/* Open MPI has freed a request because of a loss, or of a message to be dropped: its handle is the
 * next one's that is posted. Until it is asked again, by who looks at it next, its record stands
 * under a handle of soft.c's.
 *   request   the application's: the first of the chain
 *   left      the handle, if Open MPI has not freed it: a persistent one's, of a message to
 *             be dropped */
static void set_aside(MPI_Request *request, const struct ftm_record *freed, MPI_Request left)
{
    struct ftm_record record = *freed;

    record.active = record.freed = true;
    ftm_world_changes();
    if (ftm_soft_handle(&record.key) != MPI_SUCCESS) { /* no memory: it has to stay where it is */
        record.key = freed->key;
        ftm_record_change(record.key, &record);
        return;
    }
    record.by_layer = true;
    ftm_record_note(&record);
    ftm_record_change(record.key, &record); /* with the number that it had */
    lead(request, freed->key, record.key);
    if (left != MPI_REQUEST_NULL)
        PMPI_Request_free(&left);
}

bool ftm_request_translate(const struct ftm_record *record, MPI_Status *status)
{
    const struct ftm_comm *c = ftm_comm_of(record->comm);
    int cancelled = 0, sender;

    if (record->kind != FTM_IRECV && record->kind != FTM_IMRECV && record->kind != FTM_RECV_INIT)
        return true;
    PMPI_Test_cancelled(status, &cancelled);
    if (cancelled || !c || status->MPI_SOURCE < 0)
        return true;
    sender = record->from >= 0 ? record->from : record->peer;
    if (sender == MPI_ANY_SOURCE)
        sender = ftm_sender(c, record->on, status->MPI_SOURCE);
    if (sender < 0)
        return false;
    status->MPI_SOURCE = sender;
    return true;
}

/* Completes a settled request. Returns its error; *done is false if it has to be waited for after
 * all. */
static int finish(MPI_Request *request, struct ftm_record *last, bool *done, MPI_Status *status)
{
    MPI_Request key = last->key;
    int rc = last->failed, flag;

    *done = true;
    if (rc != MPI_SUCCESS || last->over) {
        ftm_request_no_status(status);
        end_chain(request, MPI_REQUEST_NULL);
        return rc;
    }
    if (last->by_layer) { /* cancelled before it was matched */
        PMPI_Request_get_status(key, &flag, status);
        end_chain(request, MPI_REQUEST_NULL);
        return MPI_SUCCESS;
    }
    strike_out(last); /* before its handle may be another's */
    rc = PMPI_Test(&key, &flag, status);
    if (ftm_is_loss(rc) || (rc == MPI_SUCCESS && !ftm_request_translate(last, status))) {
        ftm_request_no_status(status);
        set_aside(request, last, key);
        *done = false;
        return MPI_SUCCESS;
    }
    end_chain(request, ftm_record_is_persistent(last) ? MPI_REQUEST_NULL : last->key);
    return rc;
}

/* A request that cannot be asked again, of a collective or of a kind that is not noted, has met a
 * loss: where that leads to a repair, the repair tells the program, and what comes back is that. */
static int meet_loss(bool is_record, const struct ftm_record *record, int rc)
{
    if (!ftm_repair_rules() || !ftm_is_loss(rc))
        return rc;
    return ftm_repair_instead(is_record ? record->comm : MPI_COMM_WORLD, rc);
}

/* ---------------------------------------------------------------- looking at one */

static int look_alone(MPI_Request *request, bool *done, MPI_Status *status)
{
    struct ftm_record last;
    int flag = 0, rc;

    *done = false;
    if (*request == MPI_REQUEST_NULL || !ftm_request_is_known(*request, &last)) {
        MPI_Request key = *request;
        bool is_record = key != MPI_REQUEST_NULL && ftm_record_last(key, &last);

        if (is_record && ftm_record_is_persistent(&last)) {
            ftm_request_no_status(status); /* not started */
            *done = true;
            return MPI_SUCCESS;
        }
        if (is_record) { /* a collective's: before its handle may be another's */
            PMPI_Request_get_status(key, &flag, MPI_STATUS_IGNORE);
            if (!flag)
                return MPI_SUCCESS;
            ftm_record_done(key);
        }
        rc = PMPI_Test(request, &flag, status);
        *done = flag || (rc != MPI_SUCCESS && *request == MPI_REQUEST_NULL);
        return *done ? meet_loss(is_record, &last, rc) : MPI_SUCCESS;
    }
    return ftm_request_settle(*request, &last) ? finish(request, &last, done, status) : MPI_SUCCESS;
}

int ftm_request_look(MPI_Request *request, bool *done, MPI_Status *status)
{
    bool entered = ftm_requests_enter();
    int rc = look_alone(request, done, status);

    ftm_requests_leave(entered);
    return rc;
}

int ftm_request_raise(const struct ftm_record *record, bool is_record, int rc)
{
    if (rc == MPI_SUCCESS || (rc == MPIX_ERR_PROC_FAILED && ftm_repair_rules()))
        return rc; /* the repair has told the program */
    if (!is_record)
        return ftm_raise(MPI_COMM_SELF, rc);
    return record->kind == FTM_COLLECTIVE ? ftm_failed(record->comm, rc)
                                          : ftm_raise(record->comm, rc);
}

int ftm_request_after(MPI_Request was, MPI_Request *request, int rc, bool *done, MPI_Status *status)
{
    struct ftm_record record;
    bool is_record = ftm_record_of(was, &record) && record.active, moved;

    *done = false;
    if (rc == MPIX_ERR_PROC_FAILED_PENDING || (rc == MPI_ERR_PENDING && *request == was))
        return MPI_SUCCESS; /* still under way */
    if (rc == MPI_ERR_PENDING)
        rc = MPIX_ERR_PROC_FAILED;
    if (is_record && record.kind != FTM_COLLECTIVE && ftm_is_loss(rc)) {
        if (ftm_record_process(&record) >= 0 && !ftm_repair_rules())
            ftm_world_lost(ftm_record_process(&record));
        *request = was; /* Open MPI has taken it out */
        strike_out(&record);
        set_aside(request, &record, MPI_REQUEST_NULL);
        return MPI_SUCCESS;
    }
    moved = is_record && record.next != MPI_REQUEST_NULL;
    if (rc == MPI_SUCCESS && is_record && !moved && !ftm_request_translate(&record, status)) {
        was = *request;
        *request = record.key;
        strike_out(&record);
        set_aside(request, &record, was);
        return MPI_SUCCESS;
    }
    if (moved && rc == MPI_SUCCESS) { /* stopped, and asked again, by another thread */
        *request = record.next;
        return MPI_SUCCESS;
    }
    ftm_record_done(was);
    *done = true;
    return meet_loss(is_record, &record, rc);
}

int ftm_request_after_one(MPI_Request was, MPI_Request *request, int rc, bool *done,
                          MPI_Status *status)
{
    struct ftm_record record;
    bool is_record = ftm_record_of(was, &record);
    int class = rc;

    PMPI_Error_class(rc, &class);
    rc = ftm_request_after(was, request, class == rc ? rc : class, done, status);
    return *done ? ftm_request_raise(&record, is_record, rc) : rc;
}
