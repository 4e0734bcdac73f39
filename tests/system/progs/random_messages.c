/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * random_messages.c - rounds of point-to-point messages: who sends what to whom is drawn by all;
 * each rank does its part in the round's way. Messages of one pair keep their order, so that what
 * each receive gets is determined; a receive from anybody has a tag that one message only has, or
 * its results are seen without order.
 */
#include "random_mpi.h"

#include <stdlib.h>
#include <string.h>

#define MESSAGES_MAX 8
#define ROUNDS_OF_PERSISTENT 3

struct message {
    int from, to, tag, count;
    MPI_Datatype type;
    int how; /* the way it is sent */
    char out[BUFFER_MAX], in[BUFFER_MAX];
};

static struct message messages[MESSAGES_MAX];
static int messages_n;
static char attached[MESSAGES_MAX * (BUFFER_MAX + MPI_BSEND_OVERHEAD)];

static void draw_messages(const struct group *g)
{
    messages_n = 1 + draw(MESSAGES_MAX);
    for (int i = 0; i < messages_n; i++) {
        struct message *m = &messages[i];

        m->from = draw(g->n);
        m->to = draw(g->n);
        m->tag = (step % 1000) * MESSAGES_MAX + draw(3);
        m->count = draw(8) == 0 ? 0 : 1 + draw(COUNT_MAX - 1);
        m->type = types[draw(TYPES_N)];
        m->how = draw(4);
    }
}

static void prepare(struct message *m, int salt)
{
    fill(m->out, sizeof m->out, salt + m->from * 100);
    blank(m->in, sizeof m->in);
}

static void attach(void)
{
    must(MPI_Buffer_attach(attached, sizeof attached), "MPI_Buffer_attach");
}

static void detach(void)
{
    void *buffer;
    int size;

    must(MPI_Buffer_detach(&buffer, &size), "MPI_Buffer_detach");
}

/* ---------------------------------------------------------------- completion, in all its ways */

static void test_until_all(int n, MPI_Request requests[], MPI_Status statuses[])
{
    int flag = 0;

    while (!flag)
        must(MPI_Testall(n, requests, &flag, statuses), "MPI_Testall");
}

static void wait_any(int n, MPI_Request requests[], MPI_Status statuses[], int test)
{
    for (int left = n; left > 0; left--) {
        MPI_Status status;
        int index, flag = 1;

        if (test)
            do
                must(MPI_Testany(n, requests, &index, &flag, &status), "MPI_Testany");
            while (!flag);
        else
            must(MPI_Waitany(n, requests, &index, &status), "MPI_Waitany");
        statuses[index] = status;
    }
}

static void wait_some(int n, MPI_Request requests[], MPI_Status statuses[], int test)
{
    for (int left = n; left > 0;) {
        MPI_Status some[2 * MESSAGES_MAX];
        int indices[2 * MESSAGES_MAX], done;

        if (test)
            must(MPI_Testsome(n, requests, &done, indices, some), "MPI_Testsome");
        else
            must(MPI_Waitsome(n, requests, &done, indices, some), "MPI_Waitsome");
        for (int i = 0; i < done; i++)
            statuses[indices[i]] = some[i];
        left -= done;
    }
}

static void wait_each(int n, MPI_Request requests[], MPI_Status statuses[], int look_first)
{
    for (int i = n - 1; i >= 0; i--) {
        int flag = 0;

        while (look_first && !flag)
            must(MPI_Request_get_status(requests[i], &flag, MPI_STATUS_IGNORE),
                 "MPI_Request_get_status");
        if (own_draw(2)) {
            must(MPI_Wait(&requests[i], &statuses[i]), "MPI_Wait");
            continue;
        }
        for (flag = 0; !flag;)
            must(MPI_Test(&requests[i], &flag, &statuses[i]), "MPI_Test");
    }
}

static void complete(int n, MPI_Request requests[], MPI_Status statuses[])
{
    switch (own_draw(9)) {
    case 0: must(MPI_Waitall(n, requests, statuses), "MPI_Waitall"); break;
    case 1: test_until_all(n, requests, statuses); break;
    case 2: wait_any(n, requests, statuses, 0); break;
    case 3: wait_any(n, requests, statuses, 1); break;
    case 4: wait_some(n, requests, statuses, 0); break;
    case 5: wait_some(n, requests, statuses, 1); break;
    case 6: wait_each(n, requests, statuses, 0); break;
    case 7: wait_each(n, requests, statuses, 1); break;
    default: must(MPI_Waitall(n, requests, statuses), "MPI_Waitall");
    }
}

/* ---------------------------------------------------------------- the rounds */

static void send_blocking(const struct group *g, struct message *m)
{
    switch (m->how) {
    case 0: must(MPI_Ssend(m->out, m->count, m->type, m->to, m->tag, g->comm), "MPI_Ssend"); break;
    case 1: must(MPI_Bsend(m->out, m->count, m->type, m->to, m->tag, g->comm), "MPI_Bsend"); break;
    default: must(MPI_Send(m->out, m->count, m->type, m->to, m->tag, g->comm), "MPI_Send");
    }
}

static void receive_matched(const struct group *g, struct message *m, int from, MPI_Status *status)
{
    MPI_Message message;
    MPI_Request request;
    MPI_Status probed;
    int flag = 0;

    if (m->how & 1)
        must(MPI_Mprobe(from, m->tag, g->comm, &message, &probed), "MPI_Mprobe");
    else
        while (!flag)
            must(MPI_Improbe(from, m->tag, g->comm, &flag, &message, &probed), "MPI_Improbe");
    see_status(&probed, m->type);
    if (m->how & 2) {
        must(MPI_Mrecv(m->in, m->count, m->type, &message, status), "MPI_Mrecv");
    } else {
        must(MPI_Imrecv(m->in, m->count, m->type, &message, &request), "MPI_Imrecv");
        must(MPI_Wait(&request, status), "MPI_Wait");
    }
}

static void receive_probed(const struct group *g, struct message *m, int from, MPI_Status *status)
{
    MPI_Status probed;
    int flag = 0;

    if (m->how & 1)
        must(MPI_Probe(from, m->tag, g->comm, &probed), "MPI_Probe");
    else
        while (!flag)
            must(MPI_Iprobe(from, m->tag, g->comm, &flag, &probed), "MPI_Iprobe");
    see_status(&probed, m->type);
    must(MPI_Recv(m->in, m->count, m->type, probed.MPI_SOURCE, probed.MPI_TAG, g->comm, status),
         "MPI_Recv");
}

/* One message after the other; a message to oneself is sent before it is received. */
static void one_by_one(const struct group *g, int way, int from_any)
{
    attach();
    for (int i = 0; i < messages_n; i++) {
        struct message *m = &messages[i];
        MPI_Status status;

        m->tag = (step % 1000) * MESSAGES_MAX + i;
        prepare(m, i);
        if (m->from == m->to)
            m->how = 1; /* buffered */
        if (m->from == g->me)
            send_blocking(g, m);
        if (m->to != g->me)
            continue;
        if (way == 0)
            must(MPI_Recv(m->in, m->count, m->type, from_any ? MPI_ANY_SOURCE : m->from, m->tag,
                          g->comm, &status), "MPI_Recv");
        else if (way == 1)
            receive_probed(g, m, from_any ? MPI_ANY_SOURCE : m->from, &status);
        else
            receive_matched(g, m, from_any ? MPI_ANY_SOURCE : m->from, &status);
        see_status(&status, m->type);
        see_bytes(m->in, sizeof m->in);
    }
    detach();
}

static void start_send(const struct group *g, struct message *m, int ready, MPI_Request *request)
{
    if (ready) {
        must(MPI_Irsend(m->out, m->count, m->type, m->to, m->tag, g->comm, request), "MPI_Irsend");
        return;
    }
    switch (m->how) {
    case 0:
        must(MPI_Issend(m->out, m->count, m->type, m->to, m->tag, g->comm, request), "MPI_Issend");
        break;
    case 1:
        must(MPI_Ibsend(m->out, m->count, m->type, m->to, m->tag, g->comm, request), "MPI_Ibsend");
        break;
    default:
        must(MPI_Isend(m->out, m->count, m->type, m->to, m->tag, g->comm, request), "MPI_Isend");
    }
}

/* What was received, in the order of the messages; of a send's status nothing is defined. */
static void see_received(const struct group *g, const MPI_Status statuses[])
{
    for (int i = 0; i < messages_n; i++)
        if (messages[i].to == g->me) {
            see_status(&statuses[i], messages[i].type);
            see_bytes(messages[i].in, sizeof messages[i].in);
        }
}

/* Packs those that are in use together, as a program would have them. */
static void complete_round(const struct group *g, MPI_Request in[], MPI_Request out[])
{
    MPI_Request all[2 * MESSAGES_MAX];
    MPI_Status statuses[2 * MESSAGES_MAX], received[MESSAGES_MAX];
    int n = 0, of[2 * MESSAGES_MAX];

    for (int i = 0; i < messages_n; i++)
        if (messages[i].to == g->me) {
            of[n] = i;
            all[n++] = in[i];
        }
    for (int i = 0; i < messages_n; i++)
        if (messages[i].from == g->me) {
            of[n] = -1;
            all[n++] = out[i];
        }
    if (n > 0)
        complete(n, all, statuses);
    for (int i = 0; i < n; i++)
        if (of[i] >= 0)
            received[of[i]] = statuses[i];
    see_received(g, received);
}

static void all_at_once(const struct group *g, int ready)
{
    MPI_Request in[MESSAGES_MAX], out[MESSAGES_MAX];

    attach();
    for (int i = 0; i < messages_n; i++) {
        prepare(&messages[i], i);
        if (messages[i].to == g->me)
            must(MPI_Irecv(messages[i].in, messages[i].count, messages[i].type, messages[i].from,
                           messages[i].tag, g->comm, &in[i]), "MPI_Irecv");
    }
    if (ready)
        must(MPI_Barrier(g->comm), "MPI_Barrier");
    for (int i = 0; i < messages_n; i++)
        if (messages[i].from == g->me)
            start_send(g, &messages[i], ready, &out[i]);
    complete_round(g, in, out);
    detach();
}

static void init_send(const struct group *g, struct message *m, MPI_Request *request)
{
    switch (m->how) {
    case 0:
        must(MPI_Ssend_init(m->out, m->count, m->type, m->to, m->tag, g->comm, request),
             "MPI_Ssend_init");
        break;
    case 1:
        must(MPI_Bsend_init(m->out, m->count, m->type, m->to, m->tag, g->comm, request),
             "MPI_Bsend_init");
        break;
    default:
        must(MPI_Send_init(m->out, m->count, m->type, m->to, m->tag, g->comm, request),
             "MPI_Send_init");
    }
}

static void start_persistent(int n, MPI_Request requests[])
{
    if (own_draw(2)) {
        must(MPI_Startall(n, requests), "MPI_Startall");
        return;
    }
    for (int i = 0; i < n; i++)
        must(MPI_Start(&requests[i]), "MPI_Start");
}

static void persistent(const struct group *g)
{
    MPI_Request requests[2 * MESSAGES_MAX];
    MPI_Status statuses[2 * MESSAGES_MAX], received[MESSAGES_MAX];
    int n = 0, of[2 * MESSAGES_MAX];

    attach();
    for (int i = 0; i < messages_n; i++)
        if (messages[i].to == g->me) {
            of[n] = i;
            must(MPI_Recv_init(messages[i].in, messages[i].count, messages[i].type,
                               messages[i].from, messages[i].tag, g->comm, &requests[n++]),
                 "MPI_Recv_init");
        }
    for (int i = 0; i < messages_n; i++)
        if (messages[i].from == g->me) {
            of[n] = -1;
            init_send(g, &messages[i], &requests[n++]);
        }
    for (int round = 0; round < ROUNDS_OF_PERSISTENT; round++) {
        for (int i = 0; i < messages_n; i++)
            prepare(&messages[i], i + 1000 * round);
        start_persistent(n, requests);
        must(MPI_Waitall(n, requests, statuses), "MPI_Waitall");
        for (int i = 0; i < n; i++)
            if (of[i] >= 0)
                received[of[i]] = statuses[i];
        see_received(g, received);
    }
    for (int i = 0; i < n; i++)
        must(MPI_Request_free(&requests[i]), "MPI_Request_free");
    detach();
}

/* A shift by `by`, its ends open or not; what comes from nowhere has a status of its own. */
static void shift(const struct group *g, int by, int is_open, int way)
{
    struct message *m = &messages[0];
    int to = g->me + by, from = g->me - by, tag = (step % 1000) * MESSAGES_MAX;
    MPI_Request request;
    MPI_Status status;

    if (is_open) {
        to = to < g->n ? to : MPI_PROC_NULL;
        from = from >= 0 ? from : MPI_PROC_NULL;
    } else {
        to %= g->n;
        from = (from + g->n) % g->n;
    }
    m->from = g->me;
    prepare(m, by);
    if (way == 0) {
        must(MPI_Sendrecv(m->out, m->count, m->type, to, tag, m->in, m->count, m->type, from, tag,
                          g->comm, &status), "MPI_Sendrecv");
    } else if (way == 1) {
        must(MPI_Isendrecv(m->out, m->count, m->type, to, tag, m->in, m->count, m->type, from, tag,
                           g->comm, &request), "MPI_Isendrecv");
        must(MPI_Wait(&request, &status), "MPI_Wait");
    } else {
        memcpy(m->in, m->out, sizeof m->in);
        must(MPI_Sendrecv_replace(m->in, m->count, m->type, to, tag, from, tag, g->comm, &status),
             "MPI_Sendrecv_replace");
    }
    if (way != 1) /* of the status of MPI_Isendrecv Open MPI tells no more than that it is done */
        see_status(&status, m->type);
    see_bytes(m->in, sizeof m->in);
}

/* All to one, who takes them as they come. */
static void from_anybody(const struct group *g, int root, int any_tag, int way)
{
    struct message *m = &messages[0];
    int tag = (step % 1000) * MESSAGES_MAX;

    for (int i = 0; g->me == root && i < g->n - 1; i++) {
        MPI_Request request;
        MPI_Status status;

        blank(m->in, sizeof m->in);
        if (way == 0) {
            must(MPI_Recv(m->in, m->count, m->type, MPI_ANY_SOURCE, any_tag ? MPI_ANY_TAG : tag,
                          g->comm, &status), "MPI_Recv");
        } else {
            must(MPI_Irecv(m->in, m->count, m->type, MPI_ANY_SOURCE, any_tag ? MPI_ANY_TAG : tag,
                           g->comm, &request), "MPI_Irecv");
            complete(1, &request, &status);
        }
        see_unordered(status.MPI_SOURCE, status.MPI_TAG, m->in, sizeof m->in);
    }
    if (g->me != root) {
        m->from = g->me;
        prepare(m, 3);
        must(MPI_Send(m->out, m->count, m->type, root, any_tag ? tag + g->me % MESSAGES_MAX : tag,
                      g->comm), "MPI_Send");
    }
    if (any_tag) /* nobody's next message may come in between */
        must(MPI_Barrier(g->comm), "MPI_Barrier");
}

/* A receive that nobody answers, taken back. */
static void cancelled(const struct group *g)
{
    int buffer = 7, flag = 1;
    MPI_Request request;
    MPI_Status status;

    must(MPI_Irecv(&buffer, 1, MPI_INT, own_draw(2) ? MPI_ANY_SOURCE : own_draw(g->n), 32000,
                   g->comm, &request), "MPI_Irecv");
    must(MPI_Test(&request, &flag, MPI_STATUS_IGNORE), "MPI_Test");
    see(flag);
    must(MPI_Cancel(&request), "MPI_Cancel");
    must(MPI_Wait(&request, &status), "MPI_Wait");
    must(MPI_Test_cancelled(&status, &flag), "MPI_Test_cancelled");
    see(flag);
    see(buffer);
    must(MPI_Iprobe(MPI_ANY_SOURCE, 32000, g->comm, &flag, &status), "MPI_Iprobe");
    see(flag);
}

void step_messages(void)
{
    struct group *g = draw_group();
    int way = draw(12), a = draw(3), b = draw(2), root, by;

    draw_messages(g);
    root = draw(g->n);
    by = draw(g->n);
    if (g->me < 0)
        return;
    switch (way) {
    case 0: case 1: trace = "one by one"; one_by_one(g, a, b); break;
    case 2: case 3: case 4: trace = "all at once"; all_at_once(g, 0); break;
    case 5: trace = "ready"; all_at_once(g, 1); break;
    case 6: case 7: trace = "persistent"; persistent(g); break;
    case 8: case 9: trace = "shift"; shift(g, by, b, a); break;
    case 10: trace = "from anybody"; from_anybody(g, root, b, a > 0); break;
    default: trace = "cancelled"; cancelled(g);
    }
}
