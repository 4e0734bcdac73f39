/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * persistent.c - persistent and partitioned requests.
 *
 * A persistent request is bound to a process when it is made. When that process has been replaced,
 * or is lost, the next MPI_Start makes another one of Open MPI's, bound to the replacement, and
 * chains it behind the application's handle (requests.c); what is started is the last of the chain.
 * All of them are given back together by MPI_Request_free. The same is done after a repair of the
 * world, which has put another real communicator under the application's handle. A persistent
 * collective operation cannot be made again by one rank: all have to.
 *
 * A receive of that kind which cannot be done by one request of Open MPI's (from anybody, on a
 * communicator where members were replaced) is started as a receive of its own (soft.c).
 *
 * Partitioned communication passes through while nothing has failed. A partition cannot be sent
 * twice, so after a failure a new one with a replaced process is refused, with an error that says
 * so.
 */
#include "config.h"

#include <mpi.h>
#include <mpi-ext.h>
#include <stdio.h>

#include "comms.h"
#include "handlers.h"
#include "own.h"
#include "posting.h"
#include "pt2pt.h"
#include "retarget.h"
#include "soft.h"
#include "table.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define OUT_OF_DATE                                                                                \
    "a persistent collective operation is older than the last repair: it has to be made again "    \
    "by all ranks"

typedef int send_init_fn(const void *buf, int count, MPI_Datatype type, int dest, int tag,
                         MPI_Comm comm, MPI_Request *request);

static send_init_fn *function_of(enum ftm_kind kind)
{
    switch (kind) {
    case FTM_BSEND_INIT:
        return PMPI_Bsend_init;
    case FTM_SSEND_INIT:
        return PMPI_Ssend_init;
    case FTM_RSEND_INIT:
        return PMPI_Rsend_init;
    default:
        return PMPI_Send_init;
    }
}

/* A new one of Open MPI's, bound to whoever the peer is now. */
static int make(const struct ftm_comm *c, const struct ftm_record *asked, MPI_Request *request)
{
    struct ftm_route route = {.comm = c->direct != MPI_COMM_NULL ? c->direct : c->hidden,
                              .rank = MPI_ANY_SOURCE,
                              .real = FTM_ANYBODY};
    struct ftm_record record = *asked;
    int rc = MPI_SUCCESS;

    if (asked->peer != MPI_ANY_SOURCE || asked->kind != FTM_RECV_INIT) {
        if (asked->peer < 0 || asked->peer >= c->n)
            return MPI_ERR_RANK;
        rc = ftm_reach_peer(c, asked->peer, &route);
    }
    if (rc != MPI_SUCCESS)
        return rc;
    if (asked->kind == FTM_RECV_INIT)
        rc = PMPI_Recv_init((void *) asked->buf, asked->count, asked->type, route.rank, asked->tag,
                            route.comm, request);
    else
        rc = function_of(asked->kind)(asked->buf, asked->count, asked->type, route.rank, asked->tag,
                                      route.comm, request);
    if (rc != MPI_SUCCESS)
        return rc;
    record.key = *request;
    record.on = route.comm;
    record.real = route.real;
    record.active = record.freed = record.by_layer = false;
    record.failed = MPI_SUCCESS;
    ftm_record_note(&record);
    return MPI_SUCCESS;
}

static int init(enum ftm_kind kind, const void *buf, int count, MPI_Datatype type, int peer,
                int tag, MPI_Comm comm, MPI_Request *request)
{
    struct ftm_record asked = {.kind = kind,
                               .buf = buf,
                               .count = count,
                               .type = type,
                               .peer = peer,
                               .tag = tag,
                               .comm = comm,
                               .on = comm,
                               .real = peer == MPI_ANY_SOURCE ? FTM_ANYBODY : FTM_FIRST_HOUR,
                               .from = -1};
    const struct ftm_comm *c = ftm_comm_of(comm);
    MPI_Comm on = comm;
    int rc;

    if (c && peer == MPI_PROC_NULL) { /* of nobody's: a repair leaves it alone */
        on = ftm_comms_self();
        c = NULL;
    }
    if (c && (ftm_changed || peer >= c->n))
        return ftm_result(comm, make(c, &asked, request));
    rc = kind == FTM_RECV_INIT
             ? PMPI_Recv_init((void *) buf, count, type, peer, tag, on, request)
             : function_of(kind)(buf, count, type, peer, tag, on, request);
    if (rc == MPI_SUCCESS && c) {
        asked.key = *request;
        ftm_record_note(&asked);
    }
    return ftm_result(comm, rc);
}

#define INIT(name, kind, buffer)                                                                   \
    int ftm_own_##name(buffer buf, int count, MPI_Datatype type, int peer, int tag, MPI_Comm comm, \
                       MPI_Request *request)                                                       \
    {                                                                                              \
        return init(kind, buf, count, type, peer, tag, comm, request);                             \
    }

INIT(Send_init, FTM_SEND_INIT, const void *)
INIT(Bsend_init, FTM_BSEND_INIT, const void *)
INIT(Ssend_init, FTM_SSEND_INIT, const void *)
INIT(Rsend_init, FTM_RSEND_INIT, const void *)
INIT(Recv_init, FTM_RECV_INIT, void *)

/* ---------------------------------------------------------------- start */

static void set_active(const struct ftm_record *of, bool active)
{
    struct ftm_record record = *of;

    record.active = active;
    record.from = -1;
    ftm_record_change(record.key, &record);
}

/* A start that is a receive of its own: the handle's chain leads to it until it is completed. */
static int start_as_receive(const struct ftm_comm *c, const struct ftm_record *last)
{
    struct ftm_record record = *last;
    int rc = ftm_request_receive(c, (void *) last->buf, last->count, last->type, last->peer,
                                 last->tag, &record.next);

    if (rc == MPI_SUCCESS) {
        record.active = true;
        record.once = true;
        ftm_record_change(record.key, &record);
    }
    return rc;
}

static bool is_stale(const struct ftm_record *last)
{
    int real = ftm_record_process(last), v;
    const struct ftm_comm *c = ftm_comm_of(last->comm);

    if (c && c->whole && last->on != c->direct)
        return true;
    if (!c || last->peer == MPI_ANY_SOURCE)
        return false;
    v = ftm_comm_virtual(c, last->peer);
    return ftm_world_is_lost(real) || ftm_table_real(ftm_world_table(), v) != real;
}

/* Chains another one behind the last of a handle. */
static int renew(const struct ftm_comm *c, struct ftm_record *last)
{
    struct ftm_record before = *last;
    MPI_Request now = MPI_REQUEST_NULL;
    int rc = make(c, last, &now);

    if (rc != MPI_SUCCESS)
        return rc;
    before.next = now;
    before.active = false;
    ftm_record_change(before.key, &before);
    return ftm_record_of(now, last) ? MPI_SUCCESS : MPI_ERR_NO_MEM;
}

/* Open MPI starts a send that the program has seen complete, but that is not off its own hands yet,
 * as another request, and gives the handle of that back: the books go along.
 *   request   the application's handle: the first of the chain, maybe `was` itself */
static void follow(MPI_Request *request, MPI_Request was, MPI_Request now)
{
    struct ftm_record record, before;

    if (was == now || !ftm_record_of(was, &record))
        return;
    record.key = now;
    ftm_record_note(&record);
    if (*request == was)
        *request = now;
    for (MPI_Request key = *request; key != now && ftm_record_of(key, &before); key = before.next)
        if (before.next == was) {
            before.next = now;
            ftm_record_change(key, &before);
        }
}

static int start_slow(MPI_Request *request)
{
    MPI_Request key;

    struct ftm_record last;
    struct ftm_letter letter;
    const struct ftm_comm *c;
    int rc = MPI_SUCCESS;

    if (!ftm_record_last(*request, &last) || last.kind < FTM_SEND_INIT
        || !(c = ftm_comm_of(last.comm)))
        return PMPI_Start(request);
    if (last.kind == FTM_COLLECTIVE)
        return ftm_rebuilt && last.number <= c->since
                   ? ftm_raise(last.comm, ftm_error_with_words(MPIX_ERR_PROC_FAILED, OUT_OF_DATE))
                   : PMPI_Start(request);
    if (is_stale(&last))
        rc = renew(c, &last);
    if (rc == MPI_SUCCESS && last.kind == FTM_RECV_INIT
        && ((last.peer == MPI_ANY_SOURCE && c->mixed) || ftm_soft_waits(c)
            || ftm_inbox_find(c->app, last.peer, last.tag, false, &letter)))
        return ftm_result(last.comm, start_as_receive(c, &last));
    key = last.key;
    if (rc == MPI_SUCCESS)
        rc = PMPI_Start(&last.key);
    if (rc == MPI_SUCCESS) {
        follow(request, key, last.key);
        set_active(&last, true);
    }
    return ftm_result(last.comm, rc);
}

int ftm_own_Start(MPI_Request *request)
{
    struct ftm_record record;
    MPI_Request was;
    int rc;

    if (!LIKELY(!ftm_changed) && request)
        return start_slow(request);
    was = request ? *request : MPI_REQUEST_NULL;
    rc = PMPI_Start(request);
    if (rc != MPI_SUCCESS)
        return rc;
    follow(request, was, *request);
    if (ftm_record_of(*request, &record))
        set_active(&record, true);
    return rc;
}

/* One by one: whose handle changes is to be known. */
int ftm_own_Startall(int count, MPI_Request requests[])
{
    int rc = MPI_SUCCESS;

    if (count < 0 || (count > 0 && !requests))
        return PMPI_Startall(count, requests); /* says what is wrong with it */
    for (int i = 0; rc == MPI_SUCCESS && i < count; i++)
        rc = ftm_own_Start(&requests[i]);
    return rc;
}

int ftm_persistent_again(const struct ftm_comm *c, const struct ftm_record *was,
                         MPI_Request *request)
{
    struct ftm_record now;
    int rc = make(c, was, request);

    if (rc != MPI_SUCCESS || !ftm_record_of(*request, &now))
        return rc;
    rc = PMPI_Start(request);
    if (rc == MPI_SUCCESS)
        set_active(&now, true);
    return rc;
}

void ftm_persistent_free(MPI_Request request)
{
    PMPI_Request_free(&request);
}

/* ---------------------------------------------------------------- partitioned */

static int refuse_partitions(const struct ftm_comm *c, int peer)
{
    char words[MPI_MAX_ERROR_STRING];
    int v = ftm_comm_virtual(c, peer);

    if (ftm_table_real(ftm_world_table(), v) == v && !ftm_world_is_lost(v))
        return MPI_SUCCESS;
    snprintf(words, sizeof words,
             "rank %d of the world was lost; partitioned communication cannot go on with its "
             "replacement: use MPI_Isend and MPI_Irecv there",
             v);
    return ftm_error_with_words(MPIX_ERR_PROC_FAILED, words);
}

int ftm_own_Psend_init(const void *buf, int partitions, MPI_Count count, MPI_Datatype type,
                       int dest, int tag, MPI_Comm comm, MPI_Info info, MPI_Request *request)
{
    const struct ftm_comm *c = ftm_comm_of(comm);
    int rc = MPI_SUCCESS;

    if (c && dest >= c->n)
        rc = MPI_ERR_RANK;
    else if (c && ftm_changed && dest >= 0)
        rc = refuse_partitions(c, dest);
    ftm_requests_catch_up(0, NULL);
    if (rc == MPI_SUCCESS)
        rc = PMPI_Psend_init(buf, partitions, count, type, dest, tag, comm, info, request);
    return ftm_result(comm, rc);
}

int ftm_own_Precv_init(void *buf, int partitions, MPI_Count count, MPI_Datatype type, int source,
                       int tag, MPI_Comm comm, MPI_Info info, MPI_Request *request)
{
    const struct ftm_comm *c = ftm_comm_of(comm);
    int rc = MPI_SUCCESS;

    if (c && source >= c->n)
        rc = MPI_ERR_RANK;
    else if (c && ftm_changed && source >= 0)
        rc = refuse_partitions(c, source);
    ftm_requests_catch_up(0, NULL);
    if (rc == MPI_SUCCESS)
        rc = PMPI_Precv_init(buf, partitions, count, type, source, tag, comm, info, request);
    return ftm_result(comm, rc);
}
