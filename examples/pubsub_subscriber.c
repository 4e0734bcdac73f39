/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pubsub_subscriber.c - a subscriber, or a stand-in for one.
 *
 * A subscriber knows its publishers: ranks 0 ... M-1 of its own job. A stand-in knows the one that
 * started it; the others come by FTMPI_Next_peer, each with a communicator of its own, and
 * FTMPI_Leave gives that back without asking whether the other side is still there. The last word
 * comes when all publishers are done, or when this one has gone elsewhere because our node is going
 * down: either way, nothing more comes from it.
 *
 * One receive per publisher, never from MPI_ANY_SOURCE: so the loss of one publisher is an error in
 * its own receive and no other.
 */
#include "pubsub.h"

#include <mpi.h>
#include <stdlib.h>

#define ORPHAN_TIMEOUT_S 10.0 /* a stand-in that no publisher talks to ends after this */

struct source { /* a publisher */
    MPI_Comm comm;
    int peer;
    MPI_Request request; /* for its next message */
    struct message *message;
};

static const struct options *opt;
static struct source sources[SOURCES_MAX];
static int sources_n;
static unsigned epoch; /* this process's; its publishers' messages bear it */
static int is_over; /* a publisher has said the last word: all of them are done */

static void receive_next(struct source *source)
{
    if (MPI_Irecv(source->message, (int) opt->size, MPI_BYTE, source->peer, TAG_MESSAGE,
                  source->comm, &source->request) != MPI_SUCCESS)
        source->request = MPI_REQUEST_NULL;
}

static void add_source(MPI_Comm comm, int peer)
{
    struct source *source = &sources[sources_n];

    if (sources_n == SOURCES_MAX)
        return;
    sources_n++;
    *source = (struct source){.comm = comm, .peer = peer, .message = calloc(1, opt->size)};
    receive_next(source);
}

static void drop_source(struct source *source)
{
    if (source->comm != MPI_COMM_WORLD)
        FTMPI_Leave(&source->comm);
    free(source->message);
    *source = sources[--sources_n];
}

static void take(struct source *source, struct records *records)
{
    struct ack ack = {.epoch = epoch, .seq = source->message->seq};

    if (source->message->epoch != epoch) { /* for one whom this one stands in for, or before it */
        receive_next(source);
        return;
    }
    ack.duplicate = records_have(records, source->message);
    if (!ack.duplicate)
        records_write(records, source->message);
    MPI_Send(&ack, sizeof ack, MPI_BYTE, source->peer, TAG_ACK, source->comm);
    receive_next(source);
}

/* Returns 1 if there was something to do. A publisher that died, or is done, is dropped. */
static int look_at(struct source *source, struct records *records)
{
    int there = 0, lost = source->request == MPI_REQUEST_NULL;

    if (!lost)
        lost = MPI_Test(&source->request, &there, MPI_STATUS_IGNORE) != MPI_SUCCESS;
    if (!lost && !there)
        return 0;
    if (!lost && source->message->seq != SEQ_END) {
        take(source, records);
        return 1;
    }
    is_over |= !lost;
    drop_source(source);
    return 1;
}

int subscribe(const struct options *options, const FTMPI_Standin_t *me, int rank)
{
    struct records *records;
    double heard_s = now_s();
    MPI_Comm comm;

    opt = options;
    epoch = me->is_standin ? me->epoch : 0;
    if (me->is_standin)
        add_source(me->comm, 0);
    for (int p = 0; p < opt->publishers && !me->is_standin; p++)
        add_source(MPI_COMM_WORLD, p);
    records = records_open(opt, me->is_standin ? me->rank : rank, (int) epoch);
    while (sources_n > 0 || (me->is_standin && !is_over && now_s() - heard_s < ORPHAN_TIMEOUT_S)) {
        int busy = 0;

        if (me->is_standin && FTMPI_Next_peer(0, &comm) == MPI_SUCCESS && comm != MPI_COMM_NULL)
            add_source(comm, 0);
        for (int i = 0; i < sources_n; i++)
            busy |= look_at(&sources[i], records);
        if (busy)
            heard_s = now_s();
        else
            nap();
    }
    return records_close(records);
}
