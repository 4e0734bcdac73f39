/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * requests.c - owns the table of requests under way.
 *
 * units.c and clients.c bring Request messages and vouch for who asks. Each gets a token, is
 * unpacked into the values of ft.h, and handed to the function of core for its verb (a table), in
 * the session that it belongs to (sessions.c). Core answers by token, within the call or later; the
 * answer leaves through the outbox, to the link the request came from, under the number that its
 * sender gave it. A link that breaks takes its requests with it: a unit sends them again on its
 * next link, or to the next central unit.
 *
 *     Request  unit, client -> core       Reply  core -> unit, client
 *     Cancel   unit, client -> core
 *
 * How many are under way is bounded by core, which refuses more (FT_ERR_BUSY).
 */
#include "centrald/requests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/text.h"
#include "wire/convert.h"
#include "wire/verbs.h"

#define BUCKETS 4096

struct ft_request {
    uint64_t token;
    uint64_t id; /* its sender's number */
    uint32_t verb;
    struct ft_central *central; /* whose answer is awaited */
    struct ft_request_source *source;
    struct ft_request *next, *previous; /* of the source */
    struct ft_request *hash_next;
};

struct ft_requests {
    struct ft_requests_config config;
    struct ft_request *by_token[BUCKETS];
    uint64_t token; /* the last one given */
};

/* An answer on its way through the outbox. An administrator's text follows it. */
struct letter {
    uint64_t token;
    ftReply_t reply;
    bool has_json;
};

/* What a verb's function needs. */
struct call {
    struct ft_requests *requests;
    struct ft_central *central;
    uint64_t token;
    const struct ft_asker *asker;
    const Ft__Request *request;
};

/* ---------------------------------------------------------------- the table */

struct ft_requests *ft_requests_create(const struct ft_requests_config *config)
{
    struct ft_requests *requests = calloc(1, sizeof *requests);

    if (requests != NULL)
        requests->config = *config;
    return requests;
}

void ft_requests_destroy(struct ft_requests *requests)
{
    if (requests == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (requests->by_token[i] != NULL) {
            struct ft_request *request = requests->by_token[i];

            requests->by_token[i] = request->hash_next;
            free(request);
        }
    }
    free(requests);
}

static struct ft_request *add(struct ft_requests *requests, struct ft_request_source *source,
                              uint64_t id)
{
    struct ft_request *request = calloc(1, sizeof *request);
    struct ft_request **bucket;

    if (request == NULL)
        return NULL;
    request->token = ++requests->token;
    request->id = id;
    request->source = source;
    request->next = source->first;
    if (source->first != NULL)
        source->first->previous = request;
    source->first = request;
    bucket = &requests->by_token[request->token % BUCKETS];
    request->hash_next = *bucket;
    *bucket = request;
    return request;
}

static struct ft_request *find(struct ft_requests *requests, uint64_t token)
{
    struct ft_request *request = requests->by_token[token % BUCKETS];

    while (request != NULL && request->token != token)
        request = request->hash_next;
    return request;
}

static void drop(struct ft_requests *requests, struct ft_request *request)
{
    struct ft_request **link = &requests->by_token[request->token % BUCKETS];

    if (request->verb == FT_VERB_NEWS)
        ft_sessions_launcher_unseen(requests->config.sessions, request->central);
    while (*link != request)
        link = &(*link)->hash_next;
    *link = request->hash_next;
    if (request->previous != NULL)
        request->previous->next = request->next;
    else
        request->source->first = request->next;
    if (request->next != NULL)
        request->next->previous = request->previous;
    free(request);
}

/* ---------------------------------------------------------------- answers */

static void send_reply(struct ft_request_source *source, uint64_t id, const ftReply_t *reply,
                       const char *json)
{
    Ft__Message message = FT__MESSAGE__INIT;
    struct ft_put_reply put;

    ft_put_reply(&put, reply);
    if (json != NULL)
        put.reply.json = (char *) (uintptr_t) json;
    message.id = id;
    message.body_case = FT__MESSAGE__BODY_REPLY;
    message.reply = &put.reply;
    if (ft_link_send(source->link, &message) == 0 || errno == ENOTCONN)
        return;
    ft_log_warning("an answer to %s could not be sent (%s): its connection is closed, so that it "
                   "asks again", ft_link_peer(source->link), strerror(errno));
    ft_link_close(source->link);
}

/* The outbox lets it out. Who asked may be gone by now. */
static void deliver(void *arg, const void *data, size_t n)
{
    struct ft_requests *requests = arg;
    const struct letter *letter = data;
    struct ft_request *request = find(requests, letter->token);
    const ftReply_t *reply = &letter->reply;

    (void) n;
    if (request == NULL)
        return;
    if (reply->status == FT_OK && reply->reach == FT_REACH_START && request->central != NULL) {
        struct ft_request_source *source = request->source;
        unsigned place = source->started_n++ % FT_REQUESTS_STARTED;

        source->started[place].token = letter->token;
        source->started[place].central = request->central;
    }
    send_reply(request->source, request->id, reply,
               letter->has_json ? (const char *) (letter + 1) : NULL);
    drop(requests, request);
}

/* The request stays where it is until its answer has left: should its asker go before, core hears
 * of that, as it would of one that was never answered. */
static void answer(struct ft_requests *requests, const struct letter *letter, size_t n)
{
    struct ft_request *request = find(requests, letter->token);

    if (request == NULL || ft_outbox_put(requests->config.outbox, deliver, requests, letter, n) == 0)
        return;
    ft_log_error("an answer to %s cannot wait until it is safe (%s): its connection is closed, so "
                 "that it asks again", ft_link_peer(request->source->link), strerror(errno));
    ft_link_close(request->source->link);
}

void ft_requests_reply(struct ft_requests *requests, uint64_t token, const ftReply_t *reply)
{
    struct letter letter;

    memset(&letter, 0, sizeof letter);
    letter.token = token;
    letter.reply = *reply;
    answer(requests, &letter, sizeof letter);
}

void ft_requests_answer(struct ft_requests *requests, uint64_t token, ftRetVal_t status,
                        const char *json, const char *reason, const char *hint)
{
    size_t json_n = json != NULL ? strlen(json) + 1 : 0;
    struct letter *letter = calloc(1, sizeof *letter + json_n);

    if (letter == NULL) {
        ftReply_t reply = {.status = FT_ERR_MEMORY};

        ft_requests_reply(requests, token, &reply);
        return;
    }
    letter->token = token;
    letter->reply.status = status;
    letter->has_json = json != NULL;
    ft_text_copy(letter->reply.reason, sizeof letter->reply.reason, reason);
    ft_text_copy(letter->reply.hint, sizeof letter->reply.hint, hint);
    if (json_n > 0)
        memcpy(letter + 1, json, json_n);
    answer(requests, letter, sizeof *letter + json_n);
    free(letter);
}

void ft_requests_core_gone(struct ft_requests *requests, const struct ft_central *central)
{
    ftReply_t reply = {.status = FT_ERR_LOST, .reason = "the launcher of this job is gone"};

    for (size_t i = 0; i < BUCKETS; i++) {
        struct ft_request *request = requests->by_token[i];

        while (request != NULL) {
            struct ft_request *next = request->hash_next;

            if (request->central == central) {
                request->central = NULL;
                ft_requests_reply(requests, request->token, &reply);
            }
            request = next;
        }
    }
}

static void refuse(struct ft_request_source *source, const Ft__Message *message, ftRetVal_t status,
                   const char *reason)
{
    ftReply_t reply = {.status = status};

    if (message->request->silent)
        return;
    ft_text_copy(reply.reason, sizeof reply.reason, reason);
    send_reply(source, message->id, &reply, NULL);
}

/* ---------------------------------------------------------------- verbs */

/* Each returns 0 when core has taken it, -1 if the message is not what the verb needs. */

static int call_error(const struct call *call)
{
    ftResource_t resource;

    if (ft_get_resource(call->request->resource, &resource) < 0)
        return -1;
    ft_central_report_error(call->central, call->token, call->asker, &resource,
                            (ftUsage_t) call->request->usage, call->request->count);
    return 0;
}

static int call_alternative(const struct call *call)
{
    ftResource_t resource;
    ftConstraint_t constraint;

    if (ft_get_resource(call->request->resource, &resource) < 0 ||
        ft_get_constraint(call->request->constraint, &constraint) < 0)
        return -1;
    ft_central_find_alternative(call->central, call->token, call->asker, &resource, &constraint,
                                call->request->timeout_ms);
    return 0;
}

static int call_claim(const struct call *call)
{
    ft_central_claim(call->central, call->token, call->asker, call->request->decision,
                     call->request->timeout_ms);
    return 0;
}

static int call_announce(const struct call *call)
{
    ft_central_announce(call->central, call->token, call->asker, call->request->decision,
                        call->request->text);
    return 0;
}

static int call_start_failed(const struct call *call)
{
    ft_central_start_failed(call->central, call->token, call->asker, call->request->decision,
                            call->request->text);
    return 0;
}

static int call_next_peer(const struct call *call)
{
    ft_central_next_peer(call->central, call->token, call->asker, call->request->decision,
                         call->request->timeout_ms);
    return 0;
}

static int call_spare_here(const struct call *call)
{
    ft_central_spare_here(call->central, call->token, call->asker, call->request->code,
                          call->request->timeout_ms);
    return 0;
}

static int call_rank_done(const struct call *call)
{
    ft_central_rank_done(call->central, call->token, call->asker, call->request->code);
    return 0;
}

static int call_place_of(const struct call *call)
{
    ftResource_t resource;

    if (ft_get_resource(call->request->resource, &resource) < 0)
        return -1;
    ft_central_place_of(call->central, call->token, call->asker, &resource);
    return 0;
}

static int call_job_started(const struct call *call)
{
    const Ft__Request *request = call->request;
    ftProcessInfo_t *processes;

    if (request->n_processes > FT_PROCESSES_MAX)
        return -1;
    processes = calloc(request->n_processes + 1, sizeof *processes);
    if (processes == NULL)
        return -1;
    for (size_t i = 0; i < request->n_processes; i++) {
        processes[i].rank = request->processes[i]->rank;
        processes[i].pid = request->processes[i]->pid;
        processes[i].node = request->processes[i]->node;
    }
    ft_central_job_started(call->central, call->token, call->asker, request->job, request->parent,
                           processes, request->n_processes);
    free(processes);
    return 0;
}

static int call_process_ended(const struct call *call)
{
    const Ft__Request *request = call->request;
    ftResource_t resource;

    if (ft_get_resource(request->resource, &resource) < 0 || resource.number < 0 ||
        resource.number > INT32_MAX)
        return -1;
    ft_central_process_ended(call->central, call->token, call->asker,
                             request->job[0] != '\0' ? request->job : resource.job,
                             (int) resource.number, (ftEnd_t) request->usage, request->code);
    return 0;
}

static int call_node_changed(const struct call *call)
{
    const Ft__Request *request = call->request;
    ftResource_t resource;

    if (ft_get_resource(request->resource, &resource) < 0)
        return -1;
    ft_central_node_changed(call->central, call->token, call->asker, resource.node, request->code,
                            (ftNodeChange_t) request->usage, request->text);
    return 0;
}

static int call_job_ended(const struct call *call)
{
    ft_central_job_ended(call->central, call->token, call->asker, call->request->job,
                         call->request->code);
    return 0;
}

static int call_news(const struct call *call)
{
    ft_central_next_news(call->central, call->token, call->asker, call->request->decision,
                         call->request->timeout_ms);
    return 0;
}

static int call_node_event(const struct call *call)
{
    ftResource_t about;

    if (ft_get_resource(call->request->resource, &about) < 0)
        return -1;
    ft_central_log_event(call->central, call->token, call->asker, &about, about.name,
                         call->request->text);
    return 0;
}

static int call_acquire(const struct call *call)
{
    ftConstraint_t constraint;

    if (ft_get_constraint(call->request->constraint, &constraint) < 0)
        return -1;
    ft_central_acquire(call->central, call->token, call->asker, &constraint,
                       call->request->timeout_ms);
    return 0;
}

static int call_give_back(const struct call *call)
{
    ftResource_t resource;

    if (ft_get_resource(call->request->resource, &resource) < 0)
        return -1;
    ft_central_give_back(call->central, call->token, call->asker, resource.node);
    return 0;
}

static int call_admin(const struct call *call)
{
    const struct ft_requests_config *config = &call->requests->config;

    if (call->token == 0)
        return -1;
    if (config->admin != NULL)
        config->admin(config->admin_arg, call->token, call->asker, call->request->text);
    else
        ft_requests_answer(call->requests, call->token, FT_ERR_ACTION, NULL,
                           "a job's own central unit takes no orders",
                           "ask the system's: ft-centrald without --job");
    return 0;
}

static int (*const verbs[])(const struct call *call) = {
    [FT_VERB_ERROR] = call_error,
    [FT_VERB_ALTERNATIVE] = call_alternative,
    [FT_VERB_CLAIM] = call_claim,
    [FT_VERB_ANNOUNCE] = call_announce,
    [FT_VERB_START_FAILED] = call_start_failed,
    [FT_VERB_NEXT_PEER] = call_next_peer,
    [FT_VERB_SPARE_HERE] = call_spare_here,
    [FT_VERB_RANK_DONE] = call_rank_done,
    [FT_VERB_PLACE_OF] = call_place_of,
    [FT_VERB_JOB_STARTED] = call_job_started,
    [FT_VERB_PROCESS_ENDED] = call_process_ended,
    [FT_VERB_NODE_CHANGED] = call_node_changed,
    [FT_VERB_JOB_ENDED] = call_job_ended,
    [FT_VERB_NEWS] = call_news,
    [FT_VERB_NODE_EVENT] = call_node_event,
    [FT_VERB_ACQUIRE] = call_acquire,
    [FT_VERB_GIVE_BACK] = call_give_back,
    [FT_VERB_ADMIN] = call_admin,
};

static bool is_report(uint32_t verb)
{
    return verb == FT_VERB_JOB_STARTED || verb == FT_VERB_PROCESS_ENDED ||
           verb == FT_VERB_NODE_CHANGED || verb == FT_VERB_JOB_ENDED;
}

static bool is_of_decision(uint32_t verb)
{
    return verb == FT_VERB_CLAIM || verb == FT_VERB_ANNOUNCE || verb == FT_VERB_START_FAILED ||
           verb == FT_VERB_NEXT_PEER;
}

/* ---------------------------------------------------------------- from the links */

void ft_requests_take(struct ft_requests *requests, struct ft_request_source *source,
                      const Ft__Message *message, const struct ft_asker *asker)
{
    const Ft__Request *body = message->request;
    struct ft_sessions *sessions = requests->config.sessions;
    struct call call = {.requests = requests, .asker = asker, .request = body};
    struct ft_request *request = NULL;
    char why[FT_TEXT_MAX] = "";

    if (body->verb >= sizeof verbs / sizeof verbs[0] || verbs[body->verb] == NULL) {
        refuse(source, message, FT_ERR_ACTION,
               "this central unit does not know what is asked: is it of an older version?");
        return;
    }
    call.central = ft_sessions_of(sessions, asker, is_of_decision(body->verb) ? body->decision : 0,
                                  why, sizeof why);
    if (call.central == NULL) {
        refuse(source, message, FT_ERR_DENIED, why);
        return;
    }
    if (!body->silent) {
        request = add(requests, source, message->id);
        if (request == NULL) {
            refuse(source, message, FT_ERR_MEMORY, "the central unit is out of memory");
            return;
        }
        request->verb = body->verb;
        request->central = call.central;
        call.token = request->token;
        if (body->verb == FT_VERB_NEWS)
            ft_sessions_launcher_seen(sessions, call.central);
    }
    if (verbs[body->verb](&call) == 0) {
        if (is_report(body->verb))
            ft_sessions_reported(sessions, call.central);
        return;
    }
    if (request != NULL)
        drop(requests, request);
    ft_log_warning("a request of %s (verb %u) cannot be understood", ft_link_peer(source->link),
                   body->verb);
    refuse(source, message, FT_ERR_PROTOCOL, "the request cannot be understood");
}

static void cancel(struct ft_requests *requests, struct ft_request *request)
{
    uint64_t token = request->token;
    struct ft_central *central = request->central;

    drop(requests, request);
    if (central != NULL)
        ft_central_cancel(central, token);
}

void ft_requests_cancel(struct ft_requests *requests, struct ft_request_source *source, uint64_t id)
{
    struct ft_request *request = source->first;

    while (request != NULL && request->id != id)
        request = request->next;
    if (request != NULL)
        cancel(requests, request);
}

/* Whether a core still is: sessions end. */
static bool is_core(const struct ft_requests *requests, const struct ft_central *central)
{
    return central == ft_sessions_base(requests->config.sessions) ||
           ft_sessions_has(requests->config.sessions, central);
}

void ft_requests_source_gone(struct ft_requests *requests, struct ft_request_source *source,
                             bool for_good)
{
    while (source->first != NULL)
        cancel(requests, source->first);
    for (unsigned i = 0; i < source->started_n && i < FT_REQUESTS_STARTED; i++) {
        struct ft_central *central = source->started[i].central;

        if (!is_core(requests, central))
            continue;
        if (for_good)
            ft_central_cancel(central, source->started[i].token);
        else
            ft_central_unsure(central, source->started[i].token);
    }
    source->started_n = 0;
}
