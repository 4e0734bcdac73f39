/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * soft.c - receives that the layer matches itself.
 *
 * On a communicator made from the world, one of whose members was replaced, a message from anybody
 * comes on the communicator itself or on its hidden duplicate. Open MPI can wait for a receive on
 * one of them only. So such a receive waits here, in the order of posting, and every look of
 * whoever waits for any request goes round: MPI_Improbe on both, then MPI_Imrecv.
 *
 * MPI's order: of two receives that a message fits, the one that was posted first gets it. So a
 * receive that is posted while one waits here has to wait here too, and a message that was found
 * for one is given to the first that it fits. Of two messages of one sender, which come the same
 * way, the first that was sent is found first.
 */
#include "config.h"

#include "soft.h"

#include <pthread.h>
#include <stdlib.h>

#include "posting.h"
#include "pt2pt.h"
#include "retarget.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

struct waiting {
    MPI_Request handle;
    const struct ftm_comm *c;
    int source, tag;
    struct waiting *next;
};

/* Recursive: who looks for a message may find a process lost, and post its receives again. */
static pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static struct waiting *queue; /* in the order of posting */

/* ---------------------------------------------------------------- the handle */

static int query(void *extra, MPI_Status *status)
{
    (void) extra;
    PMPI_Status_set_elements(status, MPI_BYTE, 0);
    PMPI_Status_set_cancelled(status, 1); /* only a cancelled one ends by itself */
    status->MPI_SOURCE = MPI_UNDEFINED;
    status->MPI_TAG = MPI_UNDEFINED;
    return MPI_SUCCESS;
}

static int release(void *extra)
{
    (void) extra;
    return MPI_SUCCESS;
}

static int cancel(void *extra, int complete)
{
    (void) extra;
    (void) complete;
    return MPI_SUCCESS;
}

int ftm_soft_handle(MPI_Request *request)
{
    return PMPI_Grequest_start(query, release, cancel, NULL, request);
}

int ftm_soft_post(const struct ftm_comm *c, void *buf, int count, MPI_Datatype type, int source,
                  int tag, MPI_Request *request)
{
    struct waiting *waiting = calloc(1, sizeof *waiting), **at;
    int rc;

    if (!waiting)
        return MPI_ERR_NO_MEM;
    rc = ftm_soft_handle(request);
    if (rc != MPI_SUCCESS) {
        free(waiting);
        return rc;
    }
    *waiting = (struct waiting) {*request, c, source, tag, NULL};
    ftm_record_note(&(struct ftm_record) {.key = *request,
                                          .kind = FTM_IRECV,
                                          .buf = buf,
                                          .count = count,
                                          .type = type,
                                          .peer = source,
                                          .tag = tag,
                                          .comm = c->app,
                                          .real = FTM_ANYBODY,
                                          .from = -1,
                                          .active = true,
                                          .soft = true,
                                          .by_layer = true});
    pthread_mutex_lock(&mutex);
    for (at = &queue; *at; at = &(*at)->next)
        ;
    *at = waiting;
    pthread_mutex_unlock(&mutex);
    return MPI_SUCCESS;
}

bool ftm_soft_waits(const struct ftm_comm *c)
{
    struct waiting *waiting;

    pthread_mutex_lock(&mutex);
    for (waiting = queue; waiting && waiting->c != c; waiting = waiting->next)
        ;
    pthread_mutex_unlock(&mutex);
    return waiting != NULL;
}

/* ---------------------------------------------------------------- matching */

static bool fits(const struct waiting *waiting, const struct ftm_comm *c, int peer, int tag)
{
    return waiting->c == c && (waiting->source == MPI_ANY_SOURCE || waiting->source == peer)
           && (waiting->tag == MPI_ANY_TAG || waiting->tag == tag);
}

/* Gives a matched message to the first that it fits, which leaves the queue. */
static void give(const struct ftm_comm *c, MPI_Message *message, int real, const MPI_Status *status)
{
    struct waiting **at = &queue, *waiting;
    struct ftm_record asked;
    MPI_Request posted = MPI_REQUEST_NULL;
    int rc;

    while (*at && !fits(*at, c, status->MPI_SOURCE, status->MPI_TAG))
        at = &(*at)->next;
    waiting = *at;
    if (!waiting || !ftm_record_of(waiting->handle, &asked))
        return;
    *at = waiting->next;
    rc = ftm_post_matched(c, &asked, message, status->MPI_SOURCE, real, &posted);
    asked.soft = false;
    asked.next = posted;
    asked.failed = rc;
    ftm_record_change(waiting->handle, &asked);
    free(waiting);
}

/* True: something was found for it, or it has failed, so the queue is another one now. */
static bool try_one(struct waiting *waiting)
{
    struct ftm_record asked;
    MPI_Message message;
    MPI_Status status;
    bool found = false;
    int real = -1, rc;

    rc = ftm_look_for(waiting->c, waiting->source, waiting->tag, &found, &message, &real, &status);
    if (rc != MPI_SUCCESS && ftm_record_of(waiting->handle, &asked)) {
        asked.failed = rc;
        ftm_record_change(waiting->handle, &asked);
        return false;
    }
    if (found)
        give(waiting->c, &message, real, &status);
    return found;
}

void ftm_soft_progress(void)
{
    struct waiting *waiting;

    ftm_retarget_lock(); /* always before ours: who replaces a rank posts receives */
    pthread_mutex_lock(&mutex);
    for (waiting = queue; waiting;)
        waiting = try_one(waiting) ? queue : waiting->next;
    pthread_mutex_unlock(&mutex);
    ftm_retarget_unlock();
}

/* ---------------------------------------------------------------- the end of one */

void ftm_soft_forget(const struct ftm_comm *c)
{
    struct waiting **at = &queue, *waiting;
    struct ftm_record asked;

    pthread_mutex_lock(&mutex);
    while ((waiting = *at)) {
        if (waiting->c != c) {
            at = &waiting->next;
            continue;
        }
        *at = waiting->next;
        if (ftm_record_of(waiting->handle, &asked)) {
            asked.soft = false;
            asked.failed = MPI_ERR_COMM;
            ftm_record_change(waiting->handle, &asked);
        }
        free(waiting);
    }
    pthread_mutex_unlock(&mutex);
}

static bool take_out(MPI_Request request)
{
    struct waiting **at = &queue, *waiting;

    pthread_mutex_lock(&mutex);
    while (*at && (*at)->handle != request)
        at = &(*at)->next;
    waiting = *at;
    if (waiting)
        *at = waiting->next;
    pthread_mutex_unlock(&mutex);
    free(waiting);
    return waiting != NULL;
}

void ftm_soft_cancel(MPI_Request request)
{
    struct ftm_record record;

    if (!take_out(request))
        return;
    PMPI_Grequest_complete(request);
    if (ftm_record_of(request, &record)) {
        record.soft = false; /* from now on it is what Open MPI says of it */
        record.ended = true;
        ftm_record_change(request, &record);
    }
}

void ftm_soft_end(MPI_Request request)
{
    struct ftm_record record;

    take_out(request);
    if (!ftm_record_of(request, &record) || !record.ended)
        PMPI_Grequest_complete(request);
    PMPI_Wait(&request, MPI_STATUS_IGNORE);
}
