/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pubsub.c - publishers that outlive their subscribers' nodes; the FT API in one small program.
 *
 *     ft run -n 4 --host n0:2,n1:1,n2:1 --pool n3,n4 pubsub --publishers 2 --records /shared/run1
 *
 * Ranks 0 ... M-1 publish, the others subscribe. Every publisher numbers its messages and sends
 * each one to every subscriber, at most a window of them ahead of the acknowledgements. A
 * subscriber (pubsub_subscriber.c) writes down what it received before it acknowledges it.
 *
 * When a subscriber is lost, MPI calls that name it return an error, here because of
 * MPI_ERRORS_RETURN. Each of its publishers then does what `retarget` does below, on its own:
 *
 *     resourceError      tells the runtime
 *     findAlternative    gets a node that was probed and is fit
 *     FTMPI_Reach        gets a communicator to the stand-in there; the first publisher starts it,
 *                        and it is this same program
 *     sends again what was not acknowledged
 *
 * A subscriber whose node is going down (FTMPI_Is_failing) is left in the same way while it still
 * works: its publishers reach the stand-in first, take the acknowledgements that are on their way,
 * and say goodbye; nothing has to be sent again.
 *
 * A stand-in finds out who it is by FTMPI_Standin, in main, and reads what the lost subscriber had
 * written down, so that a message sent twice is not received twice.
 *
 * If there is no alternative (FT_ERR_NONE), the publisher goes on for its other subscribers and
 * says what was not delivered. That is a failure, unless the policy is to go on with fewer
 * (reply.fewer; --when-none here, rms_when_none in ft.conf).
 *
 * Who wants to break something meanwhile, at leisure, names a file (--slow-until): from the middle on a
 * publisher sends twenty messages a second only, until that file is there.
 *
 * Exit code: 0 if every message was acknowledged, those aside that were given up by that policy; 1
 * if not; 2 for unusable arguments, and where a record could not be written.
 *
 * The end: a publisher is done when everything is acknowledged. Only when all are done (rank 0
 * collects that) do they tell their subscribers, so that no stand-in leaves before one needs it.
 */
#include "pubsub.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ft.h"
#include "ftmpi.h"

#define ATTEMPTS_MAX 5          /* alternatives tried for one loss */
#define ASK_TIMEOUT_MS 10000
#define REACH_TIMEOUT_MS 20000
#define DRAIN_TIMEOUT_S 5.0     /* for what is on its way to a subscriber that is left */
#define SLOW_INTERVAL_S 0.05

static struct options opt;
static char **program; /* argv, to start stand-ins with */
static ftHandle_t ft;  /* {0} without a runtime */

/* ---------------------------------------------------------------- a publisher */

/* One subscriber, as a publisher sees it. */
struct stream {
    int rank;        /* in the original job; its stand-ins keep it */
    MPI_Comm comm;   /* how it is reached now */
    int peer;
    unsigned epoch;  /* 0, or which of its stand-ins it is */
    char node[FT_NAME_MAX]; /* a stand-in's */
    int stays;       /* its node is going down, but there is no other for it */
    int is_given_up; /* it is lost, and there is no other for it */
    long next, acked; /* the next message to send; all before `acked` are acknowledged */
    long sent;        /* all before it were sent at least once */
    struct ack ack;
    MPI_Request request;
    struct loss *loss; /* its latest, until the first message after it is acknowledged */
};

enum outcome { REACHED, AGAIN, WITHOUT, NEVER }; /* WITHOUT: go on with fewer */

static struct totals totals;

static void await_ack(struct stream *stream)
{
    if (MPI_Irecv(&stream->ack, sizeof stream->ack, MPI_BYTE, stream->peer, TAG_ACK, stream->comm,
                  &stream->request) != MPI_SUCCESS)
        stream->request = MPI_REQUEST_NULL;
}

/* What a stand-in's node has to satisfy, and the policy if there is one on the command line. */
static ftConstraint_t demanded(void)
{
    ftConstraint_t demand = ftNeedAtLeast(ftAny());

    if (opt.ladder)
        demand = ftLadder(demand, opt.ladder);
    if (opt.when_none)
        demand = ftWhenNone(demand, opt.when_none);
    return demand;
}

/* One round of asking the runtime and going there. */
static enum outcome try_alternative(const struct stream *stream, struct loss *loss,
                                    struct stream *fresh)
{
    ftResource_t lost = ftRank(stream->rank);
    ftConstraint_t demand = demanded();
    double start_s = now_s(), step_ms[2];
    ftReply_t reply;
    ftRetVal_t rc;

    if (!loss->planned)
        requestFT(ft, resourceError(lost, FT_SEND), &reply, ASK_TIMEOUT_MS);
    loss->report_ms += 1e3 * (now_s() - start_s);

    start_s = now_s();
    rc = requestFT(ft, findAlternative(lost, demand), &reply, ASK_TIMEOUT_MS);
    loss->ask_ms += 1e3 * (now_s() - start_s);
    if (rc == FT_ERR_UNFIT || rc == FT_ERR_LOST || rc == FT_ERR_TIMEOUT)
        return AGAIN;
    if (rc != FT_OK) {
        complain("no alternative for subscriber %d: %s. %s", stream->rank, reply.reason,
                 reply.hint);
        snprintf(loss->lost_node, sizeof loss->lost_node, "%s", reply.lost_node);
        totals.failed |= rc == FT_ERR_NONE && !reply.fewer && !loss->planned;
        return rc == FT_ERR_NONE ? WITHOUT : NEVER;
    }
    loss_describe(loss, &reply);

    snprintf(fresh->node, sizeof fresh->node, "%s", reply.alternative.node);
    fresh->epoch = reply.epoch;
    rc = FTMPI_Reach(ft, &reply, program[0], program + 1, REACH_TIMEOUT_MS, &fresh->comm,
                     &fresh->peer, step_ms);
    loss->claim_ms += step_ms[0];
    loss->start_ms += step_ms[1];
    return rc == MPI_SUCCESS ? REACHED : AGAIN; /* it was unfit: the runtime knows by now */
}

static void take_ack(struct stream *stream)
{
    if (stream->ack.epoch != stream->epoch) {
        totals.late++;
        return;
    }
    if (stream->ack.seq != stream->acked)
        totals.out_of_order++;
    stream->acked++;
    totals.acked++;
    totals.duplicates += stream->ack.duplicate;
    if (stream->loss)
        stream->loss->first_ack_s = now_s();
    stream->loss = NULL;
}

/* Takes what is still to come from a subscriber that works but is left. What does not come is sent
 * again to its stand-in. */
static void drain(struct stream *stream)
{
    double end_s = now_s() + DRAIN_TIMEOUT_S;
    int there;

    while (stream->acked < stream->next && now_s() < end_s) {
        if (stream->request == MPI_REQUEST_NULL
            || MPI_Test(&stream->request, &there, MPI_STATUS_IGNORE) != MPI_SUCCESS)
            return;
        if (there) {
            take_ack(stream);
            await_ack(stream);
        } else {
            nap();
        }
    }
}

/* Nothing more is to come from there: what does all the same must not be taken for the next
 * one's. */
static void leave(struct stream *stream, struct message *message)
{
    if (message) {
        *message = (struct message){
            .publisher = totals.publisher, .epoch = stream->epoch, .seq = SEQ_END};
        MPI_Send(message, (int) opt.size, MPI_BYTE, stream->peer, TAG_MESSAGE, stream->comm);
    }
    if (stream->request != MPI_REQUEST_NULL) {
        MPI_Cancel(&stream->request);
        MPI_Wait(&stream->request, MPI_STATUS_IGNORE);
        stream->request = MPI_REQUEST_NULL; /* also after an error */
    }
    if (stream->comm != MPI_COMM_WORLD)
        FTMPI_Leave(&stream->comm);
}

/* There is none: the publisher goes on for the others. */
static void give_up(struct stream *stream, struct loss *loss)
{
    long left = opt.messages - stream->acked;

    leave(stream, NULL);
    stream->is_given_up = 1;
    loss->given_up = 1;
    totals.undelivered += left;
    if (totals.given_up_n < LOSSES_MAX) {
        totals.given_up[totals.given_up_n].subscriber = stream->rank;
        totals.given_up[totals.given_up_n++].from = stream->acked;
    }
    complain("publisher %d goes on without subscriber %d: %ld messages are not delivered to it",
             totals.publisher, stream->rank, left);
}

/* The subscriber of a stream is lost, or its node is going down (planned): go on with a stand-in,
 * or, if it is lost and there is none, without. Returns 0 if that could be done. */
static int retarget(struct stream *stream, struct message *message, int planned)
{
    int is_described = totals.losses_n < LOSSES_MAX;
    struct loss *loss = &totals.losses[is_described ? totals.losses_n++ : 0];
    struct stream fresh = {.comm = MPI_COMM_NULL};
    enum outcome outcome = AGAIN;

    *loss = (struct loss){.subscriber = stream->rank, .planned = planned, .error_seen_s = now_s()};
    while (outcome == AGAIN && loss->attempts++ < ATTEMPTS_MAX)
        outcome = try_alternative(stream, loss, &fresh);
    if (outcome == WITHOUT && !planned) {
        give_up(stream, loss);
        return 0;
    }
    if (outcome != REACHED) {
        complain("subscriber %d %s could not be replaced", stream->rank,
                 planned ? "is on a node that is going down, and" : "is lost and");
        totals.losses_n -= planned && is_described; /* none yet */
        return -1;
    }
    if (planned)
        drain(stream);
    leave(stream, planned ? message : NULL);
    stream->comm = fresh.comm;
    stream->peer = fresh.peer;
    stream->epoch = fresh.epoch;
    memcpy(stream->node, fresh.node, sizeof stream->node);
    loss->resent = stream->next - stream->acked;
    totals.resent += loss->resent;
    stream->next = stream->acked;
    stream->loss = loss;
    await_ack(stream);
    return 0;
}

/* Goes elsewhere before it is too late, if it can; otherwise stays until it is. */
static void look_ahead(struct stream *stream, struct message *message)
{
    ftResource_t place = stream->node[0] != '\0' ? ftNode(stream->node) : ftRank(stream->rank);

    if (!stream->stays && FTMPI_Is_failing(place))
        stream->stays = retarget(stream, message, 1) != 0;
}

/* From now to the next message of a stream. */
static double interval_s(const struct stream *stream)
{
    static int is_there;

    if (!opt.slow_until || is_there || stream->next < opt.messages / 2)
        return opt.interval_s;
    is_there = access(opt.slow_until, F_OK) == 0;
    return is_there || opt.interval_s > SLOW_INTERVAL_S ? opt.interval_s : SLOW_INTERVAL_S;
}

static int send_next(struct stream *stream, struct message *message)
{
    *message = (struct message){
        .publisher = totals.publisher, .epoch = stream->epoch, .seq = stream->next};
    if (MPI_Send(message, (int) opt.size, MPI_BYTE, stream->peer, TAG_MESSAGE, stream->comm)
        != MPI_SUCCESS)
        return -1;
    stream->next++;
    if (stream->next > stream->sent) {
        stream->sent = stream->next;
        totals.sent++;
    }
    return 0;
}

static int is_done(const struct stream *stream)
{
    return stream->is_given_up || stream->acked == opt.messages;
}

/* Does what can be done for a stream right now. Returns 1 if that was something, 0 if nothing, -1
 * if its subscriber is lost for good. */
static int serve(struct stream *stream, struct message *message, double *send_at_s)
{
    int there = 0, rc;

    if (is_done(stream))
        return 0;
    look_ahead(stream, message);
    rc = stream->request == MPI_REQUEST_NULL;
    if (!rc)
        rc = MPI_Test(&stream->request, &there, MPI_STATUS_IGNORE);
    if (rc == MPI_SUCCESS && there) {
        take_ack(stream);
        await_ack(stream);
    }
    if (rc == MPI_SUCCESS && stream->next < opt.messages
        && stream->next - stream->acked < opt.window && now_s() >= *send_at_s) {
        *send_at_s = (now_s() > *send_at_s + 0.1 ? now_s() : *send_at_s) + interval_s(stream);
        rc = send_next(stream, message);
        there = 1;
    }
    return rc == MPI_SUCCESS ? there : retarget(stream, message, 0) == 0 ? 1 : -1;
}

/* Tells all publishers that all of them are done, once they are; a publisher that died is done. */
static void wait_for_publishers(struct totals all[])
{
    char nothing = 0;

    if (totals.publisher != 0) {
        MPI_Send(&totals, sizeof totals, MPI_BYTE, 0, TAG_DONE, MPI_COMM_WORLD);
        MPI_Recv(&nothing, 1, MPI_BYTE, 0, TAG_ALL_DONE, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        return;
    }
    all[0] = totals;
    for (int p = 1; p < opt.publishers; p++)
        if (MPI_Recv(&all[p], sizeof all[p], MPI_BYTE, p, TAG_DONE, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE) != MPI_SUCCESS)
            all[p] = (struct totals){.publisher = p, .died = 1};
    for (int p = 1; p < opt.publishers; p++)
        MPI_Send(&nothing, 1, MPI_BYTE, p, TAG_ALL_DONE, MPI_COMM_WORLD);
}

static int publish(int rank, int subscribers)
{
    struct stream *streams = calloc((size_t) subscribers, sizeof *streams);
    struct message *message = calloc(1, opt.size);
    struct totals *all = calloc((size_t) opt.publishers, sizeof *all);
    double *send_at_s = calloc((size_t) subscribers, sizeof *send_at_s);
    int failed = 0;

    if (!streams || !message || !all || !send_at_s) {
        fprintf(stderr, "pubsub: publisher %d is out of memory\n", rank);
        MPI_Abort(MPI_COMM_WORLD, 2);
        return 1;
    }
    totals.publisher = rank;
    for (int i = 0; i < subscribers; i++) {
        streams[i] = (struct stream){
            .rank = opt.publishers + i, .comm = MPI_COMM_WORLD, .peer = opt.publishers + i};
        send_at_s[i] = now_s();
        await_ack(&streams[i]);
    }
    while (!failed && totals.acked + totals.undelivered < (long) subscribers * opt.messages) {
        int busy = 0;

        for (int i = 0; i < subscribers; i++) {
            int rc = serve(&streams[i], message, &send_at_s[i]);

            busy |= rc > 0;
            failed |= rc < 0;
        }
        progress(&opt, &totals, subscribers);
        if (!busy)
            nap();
    }
    totals.failed |= failed;
    wait_for_publishers(all);
    for (int i = 0; i < subscribers; i++)
        if (!streams[i].is_given_up)
            leave(&streams[i], message); /* the last word */
    failed = account(&opt, &totals, all, subscribers);
    free(streams);
    free(message);
    free(all);
    free(send_at_s);
    return failed;
}

/* ---------------------------------------------------------------- main */

int main(int argc, char **argv)
{
    FTMPI_Standin_t me;
    int rank, size, failed;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    program = argv;
    FTMPI_Standin(&me);
    options_read(&opt, argc, argv, me.is_standin ? 0 : size, rank);
    if (openFT(NULL, &ft) != FT_OK && rank == 0)
        complain("no FT runtime (%s): no subscriber can be replaced", ftLastError());
    if (me.is_standin || rank >= opt.publishers)
        failed = subscribe(&opt, &me, rank);
    else
        failed = publish(rank, size - opt.publishers);
    closeFT(ft);
    MPI_Finalize();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
