/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * relay.c - owns the table of requests under way, their order, and their time limits.
 *
 * clients.c brings what clients ask, central.c what the central unit answers; unit.c connects
 * them. A request gets the asker's identity (from the kernel, not from the client) and a number of
 * its own on the central link, and is kept, packed, until it is answered: if the link breaks,
 * everything that was not answered is sent again on the next one, in order. Every request of the
 * runtime may be repeated, so that twice is right where never would be wrong.
 *
 *     Request  client -> table -> central      repeated ERROR reports: added up, see reports.c
 *     Reply    central -> table -> client      ERROR: also to those whose report was added to it
 *     Cancel   client -> table -> central      also when the client is gone; a report stays, though
 *
 * Time: the asker waits timeout_ms. While the central unit is out of reach, the unit answers
 * shortly before that time is over, saying so; while it is in reach, the central unit answers, and
 * the unit only clears up LATE_MS after. One timer; nothing wakes when nothing waits.
 */
#include "config.h"

#include "noded/relay.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "noded/reports.h"
#include "wire/verbs.h"

#define BUCKETS 1024
#define EARLY_MS 50        /* at most so long before the asker's time is over */
#define LATE_MS 1000
#define UNWAITED_MS 10000  /* how long a request is kept that nobody waits for */
#define TICK_MIN_MS 20     /* the table is not looked through more often */
#define RETRY_MS 100
#define NEVER INT64_MAX

struct pending {
    struct pending *bucket_next;
    struct pending *prev, *next;    /* in the order in which they came */
    struct ft_relay_client *client; /* NULL: nobody waits */
    uint64_t id;                    /* on the central link */
    uint64_t client_id;             /* on the client's */
    uint64_t joined;                /* the first report, whose answer is this one's too; 0: none */
    int64_t early_ms, late_ms;      /* see above */
    uint32_t verb;
    bool sent;                      /* on the present link */
    bool answered;                  /* the central unit will answer it */
    uint8_t *bytes;                 /* the packed message; NULL if joined */
    size_t n;
};

struct ft_relay {
    uv_timer_t timer;
    const char *node;
    const struct ft_relay_ways *ways;
    void *arg;
    struct ft_reports *reports;
    struct pending *first, *last;
    struct pending *buckets[BUCKETS];
    unsigned n;
    unsigned unsent;
    size_t bytes;
    uint64_t next_id;
    int64_t due_ms;   /* what the timer is set to, NEVER if it is not */
    bool up;
    bool stopped;
    int64_t down_since_ms;
    char down_why[256];
};

static void on_timer(uv_timer_t *timer);

/* ---------------------------------------------------------------- the timer */

static void wake_at(struct ft_relay *relay, int64_t due_ms)
{
    int64_t in_ms;

    if (due_ms >= relay->due_ms || relay->stopped)
        return;
    in_ms = due_ms - ft_clock_ms();
    relay->due_ms = due_ms;
    uv_update_time(relay->timer.loop);
    uv_timer_start(&relay->timer, on_timer, in_ms > 0 ? (uint64_t)in_ms : 0, 0);
}

static int64_t limit_ms(const struct ft_relay *relay, const struct pending *pending)
{
    return relay->up || pending->late_ms < pending->early_ms ? pending->late_ms
                                                             : pending->early_ms;
}

/* ---------------------------------------------------------------- the table */

static struct pending **bucket(struct ft_relay *relay, uint64_t id)
{
    return &relay->buckets[id % BUCKETS];
}

static struct pending *find(struct ft_relay *relay, uint64_t id)
{
    struct pending *pending = *bucket(relay, id);

    while (pending && pending->id != id)
        pending = pending->bucket_next;
    return pending;
}

static void insert(struct ft_relay *relay, struct pending *pending)
{
    struct pending **head = bucket(relay, pending->id);

    pending->bucket_next = *head;
    *head = pending;
    pending->prev = relay->last;
    if (relay->last)
        relay->last->next = pending;
    else
        relay->first = pending;
    relay->last = pending;
    relay->n++;
    relay->bytes += pending->n;
    relay->unsent += pending->bytes != NULL;
    if (pending->client)
        pending->client->requests++;
}

static void forget(struct ft_relay *relay, struct pending *pending)
{
    struct pending **at = bucket(relay, pending->id);

    while (*at != pending)
        at = &(*at)->bucket_next;
    *at = pending->bucket_next;
    *(pending->prev ? &pending->prev->next : &relay->first) = pending->next;
    *(pending->next ? &pending->next->prev : &relay->last) = pending->prev;
    relay->n--;
    relay->bytes -= pending->n;
    relay->unsent -= pending->bytes && !pending->sent;
    if (pending->client)
        pending->client->requests--;
    free(pending->bytes);
    free(pending);
}

/* ---------------------------------------------------------------- ways out */

static void give(struct ft_relay *relay, struct ft_relay_client *client, uint64_t client_id,
                 const Ft__Reply *reply)
{
    Ft__Message message = FT__MESSAGE__INIT;

    message.id = client_id;
    message.body_case = FT__MESSAGE__BODY_REPLY;
    message.reply = (Ft__Reply *)(uintptr_t)reply;
    relay->ways->to_client(relay->arg, client, &message); /* if not, the client is being closed */
}

/* An answer of the unit's own. */
static void refuse(struct ft_relay *relay, struct ft_relay_client *client, uint64_t client_id,
                   ftRetVal_t status, const char *reason, const char *hint)
{
    Ft__Reply reply = FT__REPLY__INIT;

    if (!client)
        return;
    reply.status = status;
    reply.reason = (char *)(uintptr_t)reason;
    reply.hint = (char *)(uintptr_t)hint;
    give(relay, client, client_id, &reply);
}

static void tell_cancel(struct ft_relay *relay, uint64_t id)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Cancel cancel = FT__CANCEL__INIT;

    message.id = id;
    message.body_case = FT__MESSAGE__BODY_CANCEL;
    message.cancel = &cancel;
    relay->ways->to_central(relay->arg, &message); /* if not, it notices that nobody claims */
}

/* Sends one; false if the link does not take it now. */
static bool send_one(struct ft_relay *relay, struct pending *pending)
{
    Ft__Message *message = ft__message__unpack(NULL, pending->n, pending->bytes);
    int result;

    if (!message)
        return false;
    result = relay->ways->to_central(relay->arg, message);
    if (result != 0 && errno != ENOTCONN && errno != ENOBUFS && errno != ENOMEM)
        ft_log(FT_LOG_WARNING, "request %llu cannot be sent to the central unit: %s",
               (unsigned long long)pending->id, strerror(errno));
    ft__message__free_unpacked(message, NULL);
    if (result != 0)
        return false;
    pending->sent = true;
    relay->unsent--;
    return true;
}

static void send_unsent(struct ft_relay *relay)
{
    struct pending *next;

    if (!relay->up || relay->stopped)
        return;
    for (struct pending *pending = relay->first; pending && relay->unsent > 0; pending = next) {
        next = pending->next;
        if (pending->sent || !pending->bytes)
            continue;
        if (!send_one(relay, pending)) {
            wake_at(relay, ft_clock_ms() + RETRY_MS);
            return;
        }
        if (!pending->answered)
            forget(relay, pending);
    }
}

/* ---------------------------------------------------------------- requests */

static void set_limits(struct pending *pending, int64_t timeout_ms, bool waited_for)
{
    int64_t now_ms = ft_clock_ms();
    int64_t early_ms;

    if (!waited_for || timeout_ms == 0) {
        pending->early_ms = pending->late_ms = now_ms + UNWAITED_MS;
    } else if (timeout_ms < 0 || timeout_ms > INT32_MAX) {
        pending->early_ms = pending->late_ms = NEVER;
    } else {
        early_ms = timeout_ms / 10 < EARLY_MS ? timeout_ms / 10 : EARLY_MS;
        pending->early_ms = now_ms + timeout_ms - early_ms;
        pending->late_ms = now_ms + timeout_ms + LATE_MS;
    }
}

/* Packs it as a message. NULL with errno EMSGSIZE or ENOMEM. */
static uint8_t *pack(const Ft__Request *request, uint64_t id, size_t *n)
{
    Ft__Message message = FT__MESSAGE__INIT;
    uint8_t *bytes;

    message.id = id;
    message.body_case = FT__MESSAGE__BODY_REQUEST;
    message.request = (Ft__Request *)(uintptr_t)request;
    *n = ft__message__get_packed_size(&message);
    if (*n > FT_RELAY_REQUEST_BYTES_MAX) {
        errno = EMSGSIZE;
        return NULL;
    }
    bytes = malloc(*n ? *n : 1);
    if (bytes)
        ft__message__pack(&message, bytes);
    return bytes;
}

/* Takes a request to be passed on, or, joined, one that waits for another's answer. waiter: who
 * gets the answer, or NULL. False with errno; nothing is kept then. */
static bool take(struct ft_relay *relay, struct ft_relay_client *waiter,
                 const Ft__Request *request, uint64_t id, uint64_t client_id, uint64_t joined)
{
    struct pending *pending = calloc(1, sizeof *pending);

    if (!pending)
        return false;
    pending->client = waiter;
    pending->id = id;
    pending->client_id = client_id;
    pending->joined = joined;
    pending->verb = request->verb;
    pending->answered = !request->silent;
    set_limits(pending, request->timeout_ms, waiter != NULL);
    if (!joined) {
        pending->bytes = pack(request, id, &pending->n);
        if (!pending->bytes) {
            free(pending);
            return false;
        }
    }
    insert(relay, pending);
    wake_at(relay, limit_ms(relay, pending));
    return true;
}

static bool is_full(const struct ft_relay *relay)
{
    return relay->n >= FT_RELAY_REQUESTS_MAX || relay->bytes >= FT_RELAY_BYTES_MAX;
}

static void refuse_taking(struct ft_relay *relay, struct ft_relay_client *waiter, uint64_t id)
{
    if (errno == EMSGSIZE)
        refuse(relay, waiter, id, FT_ERR_ARG, "the request is larger than 1 MiB",
               "ask about fewer things at once");
    else
        refuse(relay, waiter, id, FT_ERR_MEMORY, "the node's unit is out of memory",
               "free memory on this node");
}

static void pass_on(struct ft_relay *relay, struct ft_relay_client *client,
                    const Ft__Request *request, uint64_t id, uint64_t client_id)
{
    struct ft_relay_client *waiter = request->silent ? NULL : client;

    if (take(relay, waiter, request, id, client_id, 0))
        send_unsent(relay);
    else
        refuse_taking(relay, waiter, client_id);
}

static void take_report(struct ft_relay *relay, struct ft_relay_client *client,
                        const Ft__Request *request, uint64_t id, uint64_t client_id)
{
    struct ft_relay_client *waiter = request->silent ? NULL : client;
    const Ft__Reply *answer;
    uint64_t first;

    if (ft_reports_take(relay->reports, request, client->job, id, ft_clock_ms(), &first,
                        &answer) != FT_REPORT_REPEATED) {
        /* Answered even if this asker does not wait: those whose reports join it may. */
        Ft__Request copy = *request;
        copy.silent = false;
        if (!take(relay, waiter, &copy, id, client_id, 0))
            refuse_taking(relay, waiter, client_id);
        if (ft_reports_due_ms(relay->reports) >= 0)
            wake_at(relay, ft_reports_due_ms(relay->reports));
        send_unsent(relay);
    } else if (waiter && answer) {
        give(relay, waiter, client_id, answer);
    } else if (waiter && !take(relay, waiter, request, id, client_id, first)) {
        refuse_taking(relay, waiter, client_id);
    }
}

/* Who asks, and how many asked, is what the unit knows, whatever the client says. */
static void take_identified(struct ft_relay *relay, struct ft_relay_client *client,
                            const Ft__Request *request, uint64_t client_id)
{
    Ft__Asker asker = FT__ASKER__INIT;
    Ft__Request copy = *request;

    asker.node = (char *)(uintptr_t)relay->node;
    asker.job = client->job;
    asker.rank = client->rank;
    asker.pid = client->pid;
    asker.uid = client->uid;
    asker.launcher = client->launcher;
    asker.slurm_job = client->slurm_job;
    if (client->spares)
        asker.spares = client->spares;
    copy.asker = &asker;
    copy.count = 0;
    if (copy.verb == FT_VERB_ERROR)
        take_report(relay, client, &copy, relay->next_id++, client_id);
    else
        pass_on(relay, client, &copy, relay->next_id++, client_id);
}

static void serve_here(struct ft_relay *relay, struct ft_relay_client *client,
                       const Ft__Message *message)
{
    struct ft_relay_client *waiter = message->request->silent ? NULL : client;
    char why[FT_TEXT_MAX] = "this unit keeps no list of ranks";
    int status = FT_ERR_ACTION;
    Ft__Reply reply = FT__REPLY__INIT;

    if (relay->ways->ranks_here)
        status = relay->ways->ranks_here(relay->arg, client, message->request, why, sizeof why);
    if (status != FT_OK)
        refuse(relay, waiter, message->id, (ftRetVal_t)status, why, "");
    else if (waiter)
        give(relay, waiter, message->id, &reply);
}

bool ft_relay_own(struct ft_relay *relay, const Ft__Request *request)
{
    Ft__Request copy = *request;

    if (relay->stopped || is_full(relay)) {
        errno = ENOBUFS;
        return false;
    }
    copy.silent = false; /* the answer tells that it was heard; nobody else wants it */
    copy.timeout_ms = FT_FOREVER;
    copy.asker = NULL;
    if (!take(relay, NULL, &copy, relay->next_id++, 0, 0))
        return false;
    relay->last->early_ms = relay->last->late_ms = NEVER;
    send_unsent(relay);
    return true;
}

void ft_relay_request(struct ft_relay *relay, struct ft_relay_client *client,
                      const Ft__Message *message)
{
    const Ft__Request *request = message->request;
    struct ft_relay_client *waiter = request->silent ? NULL : client;

    if (relay->stopped)
        refuse(relay, waiter, message->id, FT_ERR_LOST, "the node's unit is ending",
               "the job, or its runtime, is ending");
    else if (request->verb == FT_VERB_RANKS_HERE)
        serve_here(relay, client, message);
    else if (is_full(relay))
        refuse(relay, waiter, message->id, FT_ERR_BUSY,
               "too many requests are under way on this node", "wait for earlier ones");
    else if (client->requests >= FT_RELAY_CLIENT_REQUESTS_MAX)
        refuse(relay, waiter, message->id, FT_ERR_BUSY,
               "this process has 1024 requests under way already", "wait for earlier ones");
    else
        take_identified(relay, client, request, message->id);
}

/* Keeps it for the central unit, though its asker does not wait any more. */
static void let_go(struct pending *pending)
{
    pending->client->requests--;
    pending->client = NULL;
    pending->early_ms = pending->late_ms = ft_clock_ms() + UNWAITED_MS;
}

/* Nobody waits for it any more. A report is still passed on, and answered to those it was added up
 * with. */
static void abandon(struct ft_relay *relay, struct pending *pending)
{
    if (pending->verb == FT_VERB_ERROR && !pending->joined) {
        let_go(pending);
        return;
    }
    if (pending->sent)
        tell_cancel(relay, pending->id);
    forget(relay, pending);
}

void ft_relay_cancel(struct ft_relay *relay, struct ft_relay_client *client, uint64_t id)
{
    struct pending *next;

    for (struct pending *pending = relay->first; pending; pending = next) {
        next = pending->next;
        if (pending->client == client && pending->client_id == id) {
            abandon(relay, pending);
            return;
        }
    }
}

void ft_relay_client_gone(struct ft_relay *relay, struct ft_relay_client *client)
{
    struct pending *next;

    if (relay->ways->client_left && !relay->stopped)
        relay->ways->client_left(relay->arg, client);
    for (struct pending *pending = relay->first; pending && client->requests > 0; pending = next) {
        next = pending->next;
        if (pending->client == client)
            abandon(relay, pending);
    }
}

/* ---------------------------------------------------------------- answers */

static void answer_joined(struct ft_relay *relay, uint64_t first, const Ft__Reply *reply)
{
    struct pending *next;

    ft_reports_answered(relay->reports, first, reply);
    for (struct pending *pending = relay->first; pending; pending = next) {
        next = pending->next;
        if (pending->joined != first)
            continue;
        if (pending->client)
            give(relay, pending->client, pending->client_id, reply);
        forget(relay, pending);
    }
}

void ft_relay_reply(struct ft_relay *relay, const Ft__Message *message)
{
    struct pending *pending = find(relay, message->id);
    bool is_report;

    if (!pending || pending->joined) /* canceled meanwhile, or its time was over */
        return;
    is_report = pending->verb == FT_VERB_ERROR;
    if (pending->client)
        give(relay, pending->client, pending->client_id, message->reply);
    forget(relay, pending);
    if (is_report)
        answer_joined(relay, message->id, message->reply);
}

void ft_relay_up(struct ft_relay *relay)
{
    relay->up = true;
    send_unsent(relay);
}

void ft_relay_down(struct ft_relay *relay, const char *why)
{
    if (relay->up || relay->down_why[0] == '\0')
        relay->down_since_ms = ft_clock_ms();
    relay->up = false;
    ft_text_copy(relay->down_why, sizeof relay->down_why, why);
    for (struct pending *pending = relay->first; pending; pending = pending->next)
        if (pending->sent) {
            pending->sent = false;
            relay->unsent++;
        }
    if (relay->n > 0)
        wake_at(relay, ft_clock_ms()); /* time limits are others now */
}

/* ---------------------------------------------------------------- time */

static void expire(struct ft_relay *relay, struct pending *pending)
{
    char reason[FT_TEXT_MAX];

    if (relay->up) {
        snprintf(reason, sizeof reason, "the central unit has not answered in time");
    } else {
        snprintf(reason, sizeof reason, "the central unit has been out of reach for %lld ms: %s",
                 (long long)(ft_clock_ms() - relay->down_since_ms), relay->down_why);
    }
    if (!pending->client)
        ft_log(FT_LOG_WARNING, "a report that nobody waits for is dropped: %s", reason);
    refuse(relay, pending->client, pending->client_id, FT_ERR_TIMEOUT, reason,
           "ask again; if it stays so, look at mpirun's node and the network to it");
    if (pending->client && pending->verb == FT_VERB_ERROR && !pending->joined) {
        let_go(pending);
        return;
    }
    if (pending->sent)
        tell_cancel(relay, pending->id);
    forget(relay, pending);
}

static void pass_sum(void *arg, const Ft__Request *request)
{
    struct ft_relay *relay = arg;

    if (!is_full(relay) && take(relay, NULL, request, relay->next_id++, 0, 0))
        return;
    ft_log(FT_LOG_WARNING, "%u repeated reports were not counted: too many requests wait",
           request->count);
}

static int64_t next_due_ms(const struct ft_relay *relay)
{
    int64_t due_ms = ft_reports_due_ms(relay->reports);

    if (due_ms < 0)
        due_ms = NEVER;
    for (const struct pending *pending = relay->first; pending; pending = pending->next)
        if (limit_ms(relay, pending) < due_ms)
            due_ms = limit_ms(relay, pending);
    return due_ms;
}

static void on_timer(uv_timer_t *timer)
{
    struct ft_relay *relay = timer->data;
    int64_t now_ms = ft_clock_ms(), due_ms;
    struct pending *next;

    relay->due_ms = NEVER;
    ft_reports_end_due(relay->reports, now_ms, pass_sum, relay);
    for (struct pending *pending = relay->first; pending; pending = next) {
        next = pending->next;
        if (now_ms >= limit_ms(relay, pending))
            expire(relay, pending);
    }
    send_unsent(relay);
    due_ms = next_due_ms(relay);
    if (due_ms != NEVER)
        wake_at(relay, due_ms < now_ms + TICK_MIN_MS ? now_ms + TICK_MIN_MS : due_ms);
}

/* ---------------------------------------------------------------- life */

struct ft_relay *ft_relay_create(uv_loop_t *loop, const char *node,
                                 const struct ft_relay_ways *ways, void *arg)
{
    struct ft_relay *relay = calloc(1, sizeof *relay);

    if (!relay)
        return NULL;
    relay->reports = ft_reports_create();
    if (!relay->reports) {
        free(relay);
        return NULL;
    }
    relay->node = node;
    relay->ways = ways;
    relay->arg = arg;
    relay->next_id = 1;
    relay->due_ms = NEVER;
    relay->down_since_ms = ft_clock_ms();
    uv_timer_init(loop, &relay->timer);
    relay->timer.data = relay;
    return relay;
}

void ft_relay_stop(struct ft_relay *relay, const char *why)
{
    relay->stopped = true;
    while (relay->first) {
        struct pending *pending = relay->first;
        refuse(relay, pending->client, pending->client_id, FT_ERR_LOST, why,
               "the job, or its runtime, is ending");
        forget(relay, pending);
    }
    if (!uv_is_closing((uv_handle_t *)&relay->timer))
        uv_close((uv_handle_t *)&relay->timer, NULL);
}

void ft_relay_destroy(struct ft_relay *relay)
{
    if (!relay)
        return;
    ft_reports_destroy(relay->reports);
    free(relay);
}

unsigned ft_relay_waiting(const struct ft_relay *relay)
{
    return relay->n;
}
