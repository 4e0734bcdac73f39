/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pt2pt.c - messages: blocking sends and receives, probes, matched probes.
 *
 * Each function calls Open MPI's at once while nothing has changed. After that, or if Open MPI says
 * that the peer is lost, it looks up where the peer is now (books.c, table.c), has a lost one
 * replaced (retarget.c), and tries again.
 *
 * A blocking receive is then a receive that is posted and waited for (requests.c): so whatever can
 * happen to one is written down once. A blocking send is tried again as a whole: Open MPI has
 * either completed it or returned an error.
 *
 * Probes for MPI_ANY_SOURCE look, in turn, at what was left by lost processes (inbox.c), at the
 * communicator itself and at its hidden duplicate. What is found there from a process that has been
 * replaced is received and thrown away.
 */
#include "config.h"

#include "pt2pt.h"

#include <mpi.h>
#include <mpi-ext.h>
#include <stdio.h>
#include <stdlib.h>

#include "buffered.h"
#include "comms.h"
#include "fast.h"
#include "fresh.h"
#include "handlers.h"
#include "loop.h"
#include "own.h"
#include "posting.h"
#include "rebuild_ready.h"
#include "repair.h"
#include "requests.h"
#include "retarget.h"
#include "role.h"
#include "slots.h"
#include "stuck.h"
#include "table.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define ASK_EVERY 512 /* rounds of waiting */

int ftm_result(MPI_Comm comm, int rc)
{
    if (rc == MPI_SUCCESS)
        return rc;
    if (!ftm_repair_is_for(rc) || !ftm_repair_rules())
        return ftm_raise(comm, rc);
    return ftm_repair_instead(comm, rc);
}

bool ftm_is_loss(int rc)
{
    int class = rc;

    if (rc == MPI_SUCCESS)
        return false;
    PMPI_Error_class(rc, &class);
    return class == MPIX_ERR_PROC_FAILED || class == MPIX_ERR_PROC_FAILED_PENDING
           || (class == MPIX_ERR_REVOKED && ftm_repair_rules());
}

void ftm_while_waiting(unsigned rounds)
{
    int error;

    if (rounds % ASK_EVERY == ASK_EVERY - 1)
        ftm_world_ask();
    ftm_fresh_take_in();
    if (!ftm_repair_rules())
        ftm_retarget_on_the_way();
    else if (ftm_repair_is_due() || ftm_loop_is_late()
             || ftm_repair_is_called()) /* what is waited for ends with it */
        ftm_repair(MPI_COMM_WORLD, MPIX_ERR_PROC_FAILED, NULL, &error);
}

/* ---------------------------------------------------------------- where the world is repaired
 *
 * In an aware program (ftm_repair_rules) a loss leads to a repair, which either does not come back
 * (FTMPI_Loop), or says whether the call is to be done again. */

bool ftm_interrupted(MPI_Comm comm, int *error)
{
    if (ftm_rebuild_is_behind)
        ftm_rebuild_caught_up();
    return (ftm_repair_is_due() || ftm_loop_is_late())
           && ftm_repair(comm, MPIX_ERR_PROC_FAILED, NULL, error) == FTM_REPAIR_RETURN;
}

bool ftm_mended(MPI_Comm comm, int *rc)
{
    return *rc != MPI_SUCCESS && ftm_repair(comm, *rc, NULL, rc) == FTM_REPAIR_REPEAT;
}

/* Is there one communicator on which all its messages go? A repair's, or as ever. */
static bool is_simple(const struct ftm_comm *c, int peer)
{
    return ftm_repair_rules() && !c->mixed && peer < c->n;
}

/* Where to, or where from; -1 is MPI_ANY_SOURCE's place. */
static int simple_route(const struct ftm_comm *c, int peer, struct ftm_route *route)
{
    if (peer >= 0)
        return ftm_comm_route(c, peer, route) ? MPI_SUCCESS : MPIX_ERR_PROC_FAILED;
    *route = (struct ftm_route) {.comm = c->direct, .rank = peer, .real = -1, .v = -1};
    return c->direct != MPI_COMM_NULL ? MPI_SUCCESS : MPIX_ERR_PROC_FAILED;
}

/* ---------------------------------------------------------------- where a peer is */

static int unreachable(int v)
{
    char words[MPI_MAX_ERROR_STRING];

    if (ftm_role_has_joined() && !ftm_fresh_stands_in())
        snprintf(words, sizeof words,
                 "this process was started in the place of rank %d, which was lost, in a program "
                 "that knows nothing of repairs: it has part in collectives, but cannot reach rank "
                 "%d by messages; warm spares (--spares), FTMPI_Loop or FTMPI_Set_callback have "
                 "them go on, too",
                 ftm_role()->virtual_rank, v);
    else if (ftm_fresh_used)
        snprintf(words, sizeof words,
                 "rank %d of the world was replaced by a process that was started anew: it is "
                 "reached on MPI_COMM_WORLD only; --mode=repair, or a warm spare (--spares), makes "
                 "other communicators whole, too",
                 v);
    else
        snprintf(words, sizeof words,
             "rank %d of the world was replaced, but this communicator has no hidden duplicate "
             "left on which to reach it: run with more of them (" FTM_CONTEXTS_ENV ")",
             v);
    return ftm_error_with_words(MPIX_ERR_PROC_FAILED, words);
}

int ftm_reach_peer(const struct ftm_comm *c, int peer, struct ftm_route *route)
{
    char why[MPI_MAX_ERROR_STRING];
    int rc;

    for (int tries = 0; tries <= ftm_table_total(ftm_world_table()); tries++) {
        if (ftm_fresh_is_away(c, peer) && (rc = ftm_fresh_await(c, peer)) != MPI_SUCCESS)
            return rc;
        if (!ftm_comm_route(c, peer, route) && !(c->is_world && ftm_world_is_lost(route->real)))
            return unreachable(route->v);
        if (!ftm_world_is_lost(route->real))
            return MPI_SUCCESS;
        if (ftm_repair_rules())
            return MPIX_ERR_PROC_FAILED; /* ftm_result, or ftm_mended */
        rc = ftm_retarget(route->v, route->real);
        if (rc != MPI_SUCCESS) {
            ftm_retarget_why(route->v, why, sizeof why);
            return ftm_error_with_words(rc, why);
        }
    }
    return MPIX_ERR_PROC_FAILED;
}

/* A process that the table does not know as a rank: a spare that has taken one since, maybe. */
static int learn(int real)
{
    struct ftm_table *table = ftm_world_table();
    int v = real >= ftm_world_n ? ftm_role_virtual(real) : -1;

    /* Or one that had it, and was lost, too: the one in its place now is not. */
    if (v >= 0 && ftm_table_real(table, v) != real && ftm_role_process(v) == real)
        ftm_retarget(v, ftm_table_real(table, v));
    return ftm_table_virtual(table, real);
}

int ftm_sender(const struct ftm_comm *c, MPI_Comm real_comm, int source)
{
    struct ftm_table *table = ftm_world_table();
    int v;

    if (real_comm == c->direct && c->whole)
        return source;
    if (ftm_fresh_used && (v = ftm_fresh_real(real_comm)) >= 0)
        return ftm_comm_rank_of(c, ftm_table_virtual(table, v));
    if (real_comm == c->direct && !c->is_world)
        return ftm_table_real(table, ftm_comm_virtual(c, source)) == ftm_comm_process(c, source)
                   ? source
                   : -1;
    v = ftm_table_virtual(table, source);
    if (v < 0)
        v = learn(source);
    return v < 0 ? -1 : ftm_comm_rank_of(c, v);
}

/* ---------------------------------------------------------------- sends */

typedef int send_fn(const void *buf, int count, MPI_Datatype type, int dest, int tag,
                    MPI_Comm comm);

/* rc: what Open MPI said at the first try, by the fast path; MPI_SUCCESS: it was not tried. */
static int send_simple(send_fn *send, int rc, const void *buf, int count, MPI_Datatype type,
                       int dest, int tag, MPI_Comm comm)
{
    struct ftm_route route;

    if (rc == MPI_SUCCESS && ftm_interrupted(comm, &rc))
        return rc;
    while (rc == MPI_SUCCESS || ftm_mended(comm, &rc)) {
        const struct ftm_comm *c = ftm_comm_of(comm);

        if (!c || dest >= c->n)
            return ftm_raise(comm, c ? MPI_ERR_RANK : MPI_ERR_COMM);
        rc = simple_route(c, dest, &route);
        if (rc == MPI_SUCCESS)
            rc = send(buf, count, type, route.rank, tag, route.comm);
        if (rc == MPI_SUCCESS)
            break;
    }
    return rc;
}

/* One that can be looked at while it is waited for; FTM_NO_REQUEST: it waits for nobody. */
static enum ftm_kind kind_of(send_fn *send)
{
    return send == PMPI_Bsend ? FTM_NO_REQUEST : send == PMPI_Ssend ? FTM_ISSEND : FTM_ISEND;
}

/* The same, where ranks are replaced by table. */
static int send_slow(send_fn *send, int rc, const void *buf, int count, MPI_Datatype type, int dest,
                     int tag, MPI_Comm comm)
{
    const struct ftm_comm *c = ftm_comm_of(comm);
    MPI_Request request = MPI_REQUEST_NULL;
    struct ftm_route route;

    if (ftm_is_to_nobody(c, dest, rc))
        return ftm_result(comm, send(buf, count, type, dest, tag, ftm_comms_self()));
    if (!c || dest == MPI_PROC_NULL)
        return ftm_result(comm, rc != MPI_SUCCESS ? rc : send(buf, count, type, dest, tag, comm));
    if (dest < 0 || dest >= c->n)
        return ftm_raise(comm, MPI_ERR_RANK);
    if (is_simple(c, dest))
        return send_simple(send, rc, buf, count, type, dest, tag, comm);
    if (rc != MPI_SUCCESS) {
        if (!ftm_is_loss(rc))
            return ftm_raise(comm, rc);
        ftm_comm_route(c, dest, &route);
        ftm_world_lost(route.real);
    }
    if (ftm_repair_is_on() && kind_of(send) != FTM_NO_REQUEST
        && !(ftm_is_loss(rc) && c->in_flight_error)) {
        rc = ftm_post_send(c, kind_of(send), buf, count, type, dest, tag, &request);
        return rc == MPI_SUCCESS ? ftm_request_wait(&request, MPI_STATUS_IGNORE)
                                 : ftm_result(comm, rc);
    }
    for (int tries = 0; tries <= ftm_table_total(ftm_world_table()); tries++) {
        bool in_flight = ftm_is_loss(rc);
        int reached = ftm_reach_peer(c, dest, &route);

        if (reached != MPI_SUCCESS)
            return ftm_raise(comm, reached);
        if (in_flight && c->in_flight_error)
            return ftm_raise(comm, rc);
        rc = send(buf, count, type, route.rank, tag, route.comm);
        if (!ftm_is_loss(rc))
            return ftm_result(comm, rc);
        ftm_world_lost(route.real);
    }
    return ftm_raise(comm, rc);
}

#define SEND(own, name)                                                                            \
    int own(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm)       \
    {                                                                                              \
        int rc = MPI_SUCCESS;                                                                      \
                                                                                                   \
        if (ftm_as_ever(dest, comm)) {                                                             \
            rc = PMPI_##name(buf, count, type, dest, tag, comm);                                   \
            if (LIKELY(rc == MPI_SUCCESS))                                                         \
                return rc;                                                                         \
        }                                                                                          \
        return send_slow(PMPI_##name, rc, buf, count, type, dest, tag, comm);                      \
    }

SEND(FTM_GENERAL(Send), Send)
SEND(ftm_plain_bsend, Bsend)
SEND(ftm_own_Ssend, Ssend)
SEND(ftm_own_Rsend, Rsend)

#if FTM_FAST
int ftm_failed_Send(const struct ftm_arguments *asked, int rc)
{
    return send_slow(PMPI_Send, rc, asked->buf, asked->count, asked->type, asked->peer, asked->tag,
                     asked->comm);
}
#endif

/* ---------------------------------------------------------------- receives */

/* The fast path has failed: whose fault was it? */
static void note_lost(const struct ftm_comm *c, int peer)
{
    struct ftm_route route;

    if (peer < 0) {
        ftm_world_ask();
        return;
    }
    ftm_comm_route(c, peer, &route);
    ftm_world_lost(route.real);
}

static int recv_simple(int rc, void *buf, int count, MPI_Datatype type, int source, int tag,
                       MPI_Comm comm, MPI_Status *app_status)
{
    MPI_Status ours, *status = app_status == MPI_STATUS_IGNORE ? &ours : app_status;
    struct ftm_route route;
    int sender = -1;

    if (rc == MPI_SUCCESS && ftm_interrupted(comm, &rc))
        return rc;
    while (rc == MPI_SUCCESS || ftm_mended(comm, &rc)) {
        const struct ftm_comm *c = ftm_comm_of(comm);

        if (!c || source >= c->n)
            return ftm_raise(comm, c ? MPI_ERR_RANK : MPI_ERR_COMM);
        rc = simple_route(c, source, &route);
        if (rc == MPI_SUCCESS)
            rc = PMPI_Recv(buf, count, type, route.rank, tag, route.comm, status);
        if (rc != MPI_SUCCESS)
            continue;
        sender = source >= 0 ? source : ftm_sender(c, route.comm, status->MPI_SOURCE);
        if (sender >= 0) /* else it was of a process that has been replaced: the next one */
            break;
    }
    if (rc == MPI_SUCCESS)
        status->MPI_SOURCE = sender;
    return rc;
}

static int recv_slow(int rc, void *buf, int count, MPI_Datatype type, int source, int tag,
                     MPI_Comm comm, MPI_Status *status)
{
    const struct ftm_comm *c = ftm_comm_of(comm);
    MPI_Request request = MPI_REQUEST_NULL;
    struct ftm_route route;

    if (ftm_is_to_nobody(c, source, rc))
        return ftm_result(comm, PMPI_Recv(buf, count, type, source, tag, ftm_comms_self(), status));
    if (!c || source == MPI_PROC_NULL)
        return ftm_result(comm, rc != MPI_SUCCESS
                                    ? rc
                                    : PMPI_Recv(buf, count, type, source, tag, comm, status));
    if (source >= c->n)
        return ftm_raise(comm, MPI_ERR_RANK);
    if (is_simple(c, source))
        return recv_simple(rc, buf, count, type, source, tag, comm, status);
    if (rc != MPI_SUCCESS) {
        if (!ftm_is_loss(rc))
            return ftm_raise(comm, rc);
        note_lost(c, source);
        if (c->in_flight_error && source >= 0) {
            ftm_reach_peer(c, source, &route);
            return ftm_raise(comm, rc);
        }
    }
    rc = ftm_request_receive(c, buf, count, type, source, tag, &request);
    return rc == MPI_SUCCESS ? ftm_request_wait(&request, status) : ftm_raise(comm, rc);
}

#if FTM_FAST
int ftm_failed_Recv(const struct ftm_arguments *asked, int rc)
{
    return recv_slow(rc, asked->buf, asked->count, asked->type, asked->peer, asked->tag,
                     asked->comm, asked->last);
}
#endif

HOT int FTM_GENERAL(Recv)(void *buf, int count, MPI_Datatype type, int source, int tag,
                          MPI_Comm comm, MPI_Status *status)
{
    int rc = MPI_SUCCESS, sender;
    const struct ftm_comm *c;

    if (ftm_as_ever(source, comm)) {
        rc = PMPI_Recv(buf, count, type, source, tag, comm, status);
        if (LIKELY(rc == MPI_SUCCESS)) {
            if (ftm_plain(status) || source != MPI_ANY_SOURCE)
                return rc;
            /* A spare that has taken a rank is the first thing that is heard of a loss. */
            c = ftm_comm_of(comm);
            sender = c ? ftm_sender(c, comm, status->MPI_SOURCE) : status->MPI_SOURCE;
            if (sender >= 0) {
                status->MPI_SOURCE = sender;
                return rc;
            }
        }
    }
    return recv_slow(rc, buf, count, type, source, tag, comm, status);
}

/* Open MPI's own does not say which half of it has failed. */
int ftm_own_Sendrecv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, int dest,
                     int sendtag, void *recvbuf, int recvcount, MPI_Datatype recvtype, int source,
                     int recvtag, MPI_Comm comm, MPI_Status *status)
{
    MPI_Request request = MPI_REQUEST_NULL;
    int rc = ftm_own_Irecv(recvbuf, recvcount, recvtype, source, recvtag, comm, &request), received;

    if (rc != MPI_SUCCESS)
        return rc;
    rc = ftm_own_Send(sendbuf, sendcount, sendtype, dest, sendtag, comm);
    if (rc != MPI_SUCCESS && !ftm_is_loss(rc))
        ftm_own_Cancel(&request);
    received = ftm_own_Wait(&request, status);
    return rc != MPI_SUCCESS ? rc : received;
}

int ftm_own_Sendrecv_replace(void *buf, int count, MPI_Datatype type, int dest, int sendtag,
                             int source, int recvtag, MPI_Comm comm, MPI_Status *status)
{
    char small[2048], *packed = small;
    int size = 0, used = 0, rc;

    rc = PMPI_Pack_size(count, type, comm, &size);
    if (rc == MPI_SUCCESS && size > (int) sizeof small && !(packed = malloc((size_t) size)))
        rc = MPI_ERR_NO_MEM;
    if (rc == MPI_SUCCESS)
        rc = PMPI_Pack(buf, count, type, packed, size, &used, comm);
    if (rc == MPI_SUCCESS)
        rc = ftm_own_Sendrecv(packed, used, MPI_PACKED, dest, sendtag, buf, count, type, source,
                              recvtag, comm, status);
    else
        rc = ftm_raise(comm, rc);
    if (packed != small)
        free(packed);
    return rc;
}

/* ---------------------------------------------------------------- probes */

static void drop(MPI_Comm comm, int source, int tag)
{
    MPI_Message message;
    int found;

    if (PMPI_Improbe(source, tag, comm, &found, &message, MPI_STATUS_IGNORE) == MPI_SUCCESS
        && found)
        PMPI_Mrecv(NULL, 0, MPI_BYTE, &message, MPI_STATUS_IGNORE); /* truncated, as is meant */
}

/* Once, on one real communicator; a message of a replaced process is dropped and the next looked
 * at. */
static int look_on(const struct ftm_comm *c, MPI_Comm comm, int source, int tag, bool *found,
                   MPI_Message *message, int *real, MPI_Status *status)
{
    int there = 1, rc, peer;

    while (there) {
        rc = message ? PMPI_Improbe(source, tag, comm, &there, message, status)
                     : PMPI_Iprobe(source, tag, comm, &there, status);
        if (rc != MPI_SUCCESS)
            return rc;
        if (!there)
            break;
        peer = ftm_sender(c, comm, status->MPI_SOURCE);
        if (peer >= 0) {
            if (real)
                *real = ftm_table_real(ftm_world_table(), ftm_comm_virtual(c, peer));
            status->MPI_SOURCE = peer;
            *found = true;
            break;
        }
        if (message)
            PMPI_Mrecv(NULL, 0, MPI_BYTE, message, MPI_STATUS_IGNORE);
        else
            drop(comm, status->MPI_SOURCE, status->MPI_TAG);
    }
    return MPI_SUCCESS;
}

static bool look_in_inbox(const struct ftm_comm *c, int source, int tag, MPI_Message *message,
                          int *real, MPI_Status *status)
{
    struct ftm_letter letter;

    if (!ftm_inbox_find(c->app, source, tag, message != NULL, &letter))
        return false;
    if (message)
        *message = letter.message;
    if (real)
        *real = letter.real;
    *status = letter.status;
    return true;
}

/* At all those that were started anew. One that is lost is noted, and replaced by who waits. */
static void look_at_fresh(const struct ftm_comm *c, int tag, bool *found, MPI_Message *message,
                          int *real, MPI_Status *status)
{
    for (int other = ftm_fresh_next(-1); other >= 0 && !*found; other = ftm_fresh_next(other))
        if (!ftm_world_is_lost(other)
            && look_on(c, ftm_fresh_comm(other), 0, tag, found, message, real, status)
                   != MPI_SUCCESS)
            ftm_world_lost(other);
}

int ftm_look_for(const struct ftm_comm *c, int source, int tag, bool *found, MPI_Message *message,
                 int *real, MPI_Status *status)
{
    struct ftm_route route;
    int rc = MPI_SUCCESS;

    *found = look_in_inbox(c, source, tag, message, real, status);
    if (*found)
        return MPI_SUCCESS;
    ftm_fresh_take_in();
    if (source != MPI_ANY_SOURCE) {
        if (ftm_fresh_is_away(c, source))
            return MPI_SUCCESS;
        rc = ftm_reach_peer(c, source, &route);
        if (rc != MPI_SUCCESS)
            return rc;
        /* it may have been replaced just now */
        *found = look_in_inbox(c, source, tag, message, real, status);
        return *found ? MPI_SUCCESS
                      : look_on(c, route.comm, route.rank, tag, found, message, real, status);
    }
    if (c->direct != MPI_COMM_NULL)
        rc = look_on(c, c->direct, MPI_ANY_SOURCE, tag, found, message, real, status);
    if (rc == MPI_SUCCESS && !*found && c->hidden != MPI_COMM_NULL && c->hidden != c->direct)
        rc = look_on(c, c->hidden, MPI_ANY_SOURCE, tag, found, message, real, status);
    if (rc == MPI_SUCCESS && !*found && ftm_fresh_used && c->is_world && !c->whole)
        look_at_fresh(c, tag, found, message, real, status);
    return rc;
}

/* Any kind of probe, once something has changed.
 *   wait   until there is a message */
static int probe_slow(const struct ftm_comm *c, int source, int tag, bool wait, int *flag,
                      MPI_Message *message, MPI_Status *app_status)
{
    MPI_Status status = {.MPI_SOURCE = source};
    bool found = false;
    int rc, real = -1;

    *flag = 0;
    if (source >= c->n)
        return MPI_ERR_RANK;
    for (unsigned rounds = 0;; rounds++) {
        ftm_while_waiting(rounds);
        if (source == MPI_ANY_SOURCE && !ftm_repair_rules())
            ftm_retarget_lost(true);
        rc = ftm_look_for(c, source, tag, &found, message, &real, &status);
        if (rc != MPI_SUCCESS || found || !wait)
            break;
        rc = ftm_stuck_look_for(rounds, source < 0 ? -1 : ftm_comm_virtual(c, source));
        if (rc != MPI_SUCCESS)
            break;
    }
    *flag = found;
    if (rc != MPI_SUCCESS || !found)
        return rc;
    if (message)
        ftm_request_message(*message, c, status.MPI_SOURCE, status.MPI_TAG, real);
    if (app_status != MPI_STATUS_IGNORE)
        *app_status = status;
    return rc;
}

static int probe_real(int source, int tag, MPI_Comm comm, bool wait, int *flag,
                      MPI_Message *message, MPI_Status *status)
{
    if (message)
        ftm_requests_catch_up(0, NULL); /* it is a request, whose handle may be noted */
    if (wait) {
        *flag = 1;
        return message ? PMPI_Mprobe(source, tag, comm, message, status)
                       : PMPI_Probe(source, tag, comm, status);
    }
    return message ? PMPI_Improbe(source, tag, comm, flag, message, status)
                   : PMPI_Iprobe(source, tag, comm, flag, status);
}

/* The fast path has matched a message that may be a spare's. False: it was dropped. */
static bool keep_matched(const struct ftm_comm *c, MPI_Message *message, MPI_Status *status)
{
    int source = status->MPI_SOURCE, peer = ftm_sender(c, c->direct, source);

    if (peer < 0) {
        PMPI_Mrecv(NULL, 0, MPI_BYTE, message, MPI_STATUS_IGNORE);
        return false;
    }
    status->MPI_SOURCE = peer;
    ftm_request_message(*message, c, peer, status->MPI_TAG, source);
    return true;
}

static int probe_simple(int rc, int source, int tag, MPI_Comm comm, bool wait, int *flag,
                        MPI_Message *message, MPI_Status *app_status)
{
    MPI_Status ours, *status = app_status == MPI_STATUS_IGNORE ? &ours : app_status;
    struct ftm_route route;
    int sender;

    if (rc == MPI_SUCCESS && ftm_interrupted(comm, &rc))
        return rc;
    while (rc == MPI_SUCCESS || ftm_mended(comm, &rc)) {
        const struct ftm_comm *c = ftm_comm_of(comm);

        if (!c || source >= c->n)
            return ftm_raise(comm, c ? MPI_ERR_RANK : MPI_ERR_COMM);
        rc = simple_route(c, source, &route);
        if (rc == MPI_SUCCESS)
            rc = probe_real(route.rank, tag, route.comm, wait, flag, message, status);
        if (rc != MPI_SUCCESS)
            continue;
        if (!*flag)
            return rc;
        sender = ftm_sender(c, route.comm, status->MPI_SOURCE);
        if (sender >= 0) {
            if (message && !c->whole)
                ftm_request_message(*message, c, sender, status->MPI_TAG, status->MPI_SOURCE);
            status->MPI_SOURCE = sender;
            return rc;
        }
        if (message)
            PMPI_Mrecv(NULL, 0, MPI_BYTE, message, MPI_STATUS_IGNORE);
        else
            drop(route.comm, status->MPI_SOURCE, status->MPI_TAG);
    }
    return rc;
}

static int probe(int source, int tag, MPI_Comm comm, bool wait, int *flag, MPI_Message *message,
                 MPI_Status *app_status)
{
    MPI_Status ours, *status = app_status == MPI_STATUS_IGNORE ? &ours : app_status;
    const struct ftm_comm *c;
    int rc = MPI_SUCCESS;

    if (source == MPI_PROC_NULL)
        return ftm_result(comm, probe_real(source, tag, ftm_comm_of(comm) ? ftm_comms_self() : comm,
                                           wait, flag, message, app_status));
    if (ftm_as_ever(source, comm)) {
        rc = probe_real(source, tag, comm, wait, flag, message, status);
        if (LIKELY(rc == MPI_SUCCESS) && (!*flag || ftm_plain(status)))
            return rc;
        c = ftm_comm_of(comm);
        if (rc == MPI_SUCCESS && (!c || (message && keep_matched(c, message, status))))
            return rc;
    } else {
        c = ftm_comm_of(comm);
        if (!c)
            rc = probe_real(source, tag, comm, wait, flag, message, status);
    }
    if (!c || (rc != MPI_SUCCESS && !ftm_is_loss(rc)))
        return ftm_result(comm, rc);
    if (is_simple(c, source))
        return probe_simple(rc, source, tag, comm, wait, flag, message, app_status);
    if (rc != MPI_SUCCESS)
        note_lost(c, source);
    return ftm_result(comm, probe_slow(c, source, tag, wait, flag, message, app_status));
}

int ftm_own_Probe(int source, int tag, MPI_Comm comm, MPI_Status *status)
{
    int flag;

    return probe(source, tag, comm, true, &flag, NULL, status);
}

int ftm_own_Iprobe(int source, int tag, MPI_Comm comm, int *flag, MPI_Status *status)
{
    return probe(source, tag, comm, false, flag, NULL, status);
}

int ftm_own_Mprobe(int source, int tag, MPI_Comm comm, MPI_Message *message, MPI_Status *status)
{
    int flag;

    return probe(source, tag, comm, true, &flag, message, status);
}

int ftm_own_Improbe(int source, int tag, MPI_Comm comm, int *flag, MPI_Message *message,
                    MPI_Status *status)
{
    return probe(source, tag, comm, false, flag, message, status);
}
