/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rules.c - what must hold in every history, checked at every answer, entry of the log and tick.
 *
 *   1  a request is answered exactly once, or canceled, and by its deadline
 *   2  the same resource in the same epoch has the same alternative and decision, whoever asks
 *   3  never given: a node that is lost, excluded by the asker, found unfit, or where starting
 * failed
 *   4  two nodes that were lost never have the same node at the same time (sharing apart)
 *   5  one START at a time for a decision
 *   6  the log is written before the answer, its entries numbered without a gap
 *   7  a stand-in is told of no more peers than were sent to it
 *   8  time never stands still: after a tick the next deadline lies ahead
 *   9  what was answered outlives the central unit: a successor has every decision that somebody
 *      was given and that was not over, with the same alternative; who asks again with the same
 *      request gets the same port
 *  10  a launcher that waits for news has heard all there is of its nodes: the latest of each, that
 *      one is lost in any case; so it has soon after a take-over
 *  11  a node that was declared lost, or goes down, is given to nobody anew
 *  12  an error with a node or a device that somebody was told is written down is not written down
 *      again within a minute, whoever leads (unless something was decided meanwhile)
 *  13  who does not want a shared node is not given one; who gets none is told to go on with fewer if
 *      that is the request's policy, or ft.conf's where the request has none, and only then
 *
 *  14  a spare rank has one rank and keeps it; it has it from no one who lives, and none that is known
 *      to be dead is given; spares are told to end only when the world is at its end; one that never
 *      begins is ended, and none that has
 *
 * The rules know the world as it is (nodes' true hardware) and what core said; they look at none of
 * core's insides.
 */
#include "world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS INT64_C(1000000)

void rule_broken(struct world *world, const char *format, ...)
{
    va_list arguments;
    int n;

    if (world->broken[0] != '\0')
        return;
    n = snprintf(world->broken, sizeof world->broken, "step %d, %.3f ms: ", world->step,
                 (double) world->now_ns / NS_PER_MS);
    va_start(arguments, format);
    vsnprintf(world->broken + n, sizeof world->broken - (size_t) n, format, arguments);
    va_end(arguments);
}

static void hash_text(struct world *world, const char *text)
{
    for (; text != NULL && *text != '\0'; text++)
        world->hash = (world->hash ^ (unsigned char) *text) * UINT64_C(1099511628211);
}

static void hash_number(struct world *world, uint64_t number)
{
    world->hash = (world->hash ^ number) * UINT64_C(1099511628211);
}

/* ---------------------------------------------------------------- the log */

static struct sim_decision *decision_of(struct world *world, uint64_t id)
{
    static struct sim_decision none;

    if (id > 0 && id < DECISIONS)
        return &world->decisions[id];
    rule_broken(world, "decision %" PRIu64 " is out of the world's range", id);
    memset(&none, 0, sizeof none);
    return &none;
}

static const char *field(const struct ft_event *event, const char *key)
{
    for (int i = 0; i < FT_EVENT_FIELDS_MAX && event->fields[i].key != NULL; i++) {
        if (strcmp(event->fields[i].key, key) == 0)
            return event->fields[i].text;
    }
    return "";
}

static void check_health(struct world *world, int index)
{
    const struct sim_node *node = index >= 0 ? &world->nodes[index] : NULL;

    if (node != NULL && (node->declared_known || node->failing_known))
        rule_broken(world, "node %s is given, which %s", node->name,
                    node->declared_known ? "was declared lost" : "is going down");
}

static void check_made(struct world *world, const struct ft_event *event)
{
    struct sim_decision *made = decision_of(world, event->decision);
    const char *lost = field(event, "lost_node");
    bool may_share = strstr(event->text, "(shared with") != NULL ||
                     strstr(event->text, "(repaired in place") != NULL ||
                     strstr(event->text, "(spare rank") != NULL;

    if (event->rank >= 0 && event->rank < RANKS && strstr(event->text, "(spare rank") == NULL)
        world->moved[event->rank] = true;
    made->id = event->decision;
    made->node = world_node(world, event->node);
    made->starter = -1;
    check_health(world, made->node);
    snprintf(made->lost, sizeof made->lost, "%s", lost);
    made->rung = may_share ? FT_BY_SHARING : FT_BY_NEW_NODE;
    for (int i = 1; i < DECISIONS && !may_share; i++) {
        const struct sim_decision *other = &world->decisions[i];

        if (other->id == 0 || other == made || other->over || other->rung == FT_BY_SHARING ||
            other->node != made->node || strcmp(other->lost, lost) == 0)
            continue;
        rule_broken(world, "node %s is given for %s (decision %" PRIu64 ") while it stands in for "
                    "%s (decision %" PRIu64 ")", event->node, lost, event->decision, other->lost,
                    other->id);
    }
}

static void check_error(struct world *world, const struct ft_event *event)
{
    struct sim_error *error = &world->errors[world->errors_n % ERRORS];
    char what[sizeof error->what];

    if (strncmp(field(event, "resource"), "rank", 4) == 0)
        return; /* known by other names, too */
    snprintf(what, sizeof what, "%.60s %.20s", field(event, "resource"), field(event, "usage"));
    for (int i = 0; i < ERRORS && i < world->errors_n; i++) {
        const struct sim_error *before = &world->errors[i];

        if (before->acknowledged && before->made == world->made_n &&
            world->now_ns - before->at_ns < INT64_C(60000) * NS_PER_MS &&
            strcmp(before->what, what) == 0)
            rule_broken(world, "%s: entry %" PRIu64 " of the log says it, and so does %" PRIu64,
                        what, before->event, event->seq);
    }
    *error = (struct sim_error) {
        .event = event->seq, .at_ns = world->now_ns, .made = world->made_n};
    memcpy(error->what, what, sizeof what);
    world->errors_n++;
}

/* An answer that got out. */
static void know_error(struct world *world, uint64_t event)
{
    for (int i = 0; i < ERRORS && i < world->errors_n; i++) {
        if (world->errors[i].event == event)
            world->errors[i].acknowledged = true;
    }
}

void rules_event(struct world *world, const struct ft_event *event)
{
    if (world->show)
        printf("# %10.3f ms %4" PRIu64 " %-20s %s\n", (double) world->now_ns / NS_PER_MS,
               event->seq, event->name, event->text);
    if (event->seq != world->last_seq + 1 && !(world->reborn && event->seq > world->last_seq))
        rule_broken(world, "entry %" PRIu64 " of the log follows %" PRIu64, event->seq,
                    world->last_seq);
    world->last_seq = event->seq;
    world->reborn = false;
    hash_number(world, event->seq);
    hash_text(world, event->name);
    hash_text(world, event->text);
    hash_text(world, event->node);
    if (event->text == NULL || strlen(event->text) < 10)
        rule_broken(world, "entry %s says nothing", event->name);
    world->made_n += strcmp(event->name, "decision_made") == 0;
    if (strcmp(event->name, "decision_made") == 0)
        check_made(world, event);
    else if (strcmp(event->name, "error_reported") == 0)
        check_error(world, event);
    else if (strcmp(event->name, "decision_over") == 0)
        decision_of(world, event->decision)->over = true;
    else if (strcmp(event->name, "starter_gone") == 0)
        decision_of(world, event->decision)->starter = -1;
}

/* ---------------------------------------------------------------- answers */

static bool excludes(const ftConstraint_t *constraint, const char *node)
{
    char list[FT_EXCLUDE_MAX + 2], item[FT_NAME_MAX + 2];

    snprintf(list, sizeof list, ",%s,", constraint->excluded);
    snprintf(item, sizeof item, ",%s,", node);
    return strstr(list, item) != NULL;
}

/* What is wrong with a node, as it is, for a constraint relative to what was there before. */
static const char *unfit_against(const ftConstraint_t *constraint, const struct ft_facts *is,
                                 const struct ft_facts *had)
{
    if (is->cores < constraint->cores_min)
        return "too few cores";
    if (is->memory_bytes < constraint->memory_min_bytes)
        return "too little memory";
    if (constraint->arch[0] != '\0' && strcmp(is->arch, constraint->arch) != 0)
        return "wrong architecture";
    if (constraint->at_least &&
        (is->cores < had->cores || is->memory_bytes < had->memory_bytes - had->memory_bytes / 64))
        return "less than the lost node had";
    if (constraint->same_kind && is->kind != had->kind)
        return "another kind";
    return NULL;
}

/* The lost node's hardware is known by what its unit said, or by a probe that came later. */
static const char *unfit(const struct world *world, const ftConstraint_t *constraint,
                         const struct sim_node *node, const char *lost_node)
{
    int lost = world_node(world, lost_node);
    const char *why;

    if (lost < 0)
        return "what was lost is no node";
    why = unfit_against(constraint, &node->is, &world->nodes[lost].said);
    if (why == NULL)
        return NULL;
    return unfit_against(constraint, &node->is, &world->nodes[lost].is) != NULL ? why : NULL;
}

/* A process of the job has the place of a rank of its world. */
static void check_place(struct world *world, int real, const ftResource_t *resource)
{
    int v = (int) resource->number, before;
    struct sim_process *spare;

    if (real < world->world_n || real >= world->ranks_n || v < 0 || v >= world->world_n) {
        rule_broken(world, "process %d has the place of rank %d: it is no spare, or that no rank of "
                    "the world", real, v);
        return;
    }
    spare = &world->processes[real];
    before = world->present[v];
    if (spare->takes >= 0 && spare->takes != v)
        rule_broken(world, "spare %d has rank %d, and rank %d", real, spare->takes, v);
    if (before != real && world->processes[before].alive && !world->moved[v])
        rule_broken(world, "spare %d has the place of rank %d, whose process %d lives", real, v,
                    before);
    spare->takes = v;
    spare->excused |= !world->nodes[spare->node].unit_up;
    world->present[v] = real;
}

void rules_end_rank(struct world *world, const char *job, int rank)
{
    if (strcmp(job, world->processes[0].job) != 0 || rank < world->world_n || rank >= world->ranks_n)
        rule_broken(world, "process %d of %s is to be ended: it is no spare", rank, job);
    else if (world->processes[rank].heard)
        rule_broken(world, "spare %d is to be ended, which has begun", rank);
}

/* Where nothing can have hidden it: one that was given a rank, and never began, is gone. */
static void check_begun(struct world *world)
{
    for (int i = world->world_n; i < world->ranks_n && !world->keeps; i++) {
        const struct sim_process *spare = &world->processes[i];

        if (spare->alive && spare->takes >= 0 && spare->deaf && !spare->excused &&
            !world->moved[spare->takes])
            rule_broken(world, "spare %d has rank %d, and never began", i, spare->takes);
    }
}

/* Whether all of the world has said that it is at its end, or is gone. */
static bool is_over(const struct world *world)
{
    for (int i = 0; i < world->ranks_n; i++) {
        const struct sim_process *process = &world->processes[i];

        if (process->alive && !process->done && (!process->spare || process->takes >= 0))
            return false;
    }
    return true;
}

static void check_spare(struct world *world, const struct sim_request *request,
                        const ftReply_t *reply)
{
    if (reply->status == FT_OK)
        check_place(world, request->asker, &reply->resource);
    else if (reply->status == FT_ERR_NONE && !world->job_over && !is_over(world))
        rule_broken(world, "spare %d is told to end while the world lives", request->asker);
    else if (reply->status == FT_ERR_UNFIT && world->processes[request->asker].alive &&
             world->processes[request->asker].takes < 0)
        rule_broken(world, "spare %d, which lives, is told that it is of no use", request->asker);
}

static void check_policy(struct world *world, const struct sim_request *request,
                         const ftReply_t *reply)
{
    const char *steps = request->constraint.when_none;
    bool fewer = steps[0] != '\0' ? strstr(steps, "fewer") != NULL
                                  : ft_when_none_has(world->config.when_none, FT_NONE_FEWER);

    if (reply->rung == FT_BY_SHARING && steps[0] != '\0' && strstr(steps, "share") == NULL)
        rule_broken(world, "node %s is to be shared, which the request does not want",
                    reply->alternative.node);
    if ((reply->fewer != 0) != (reply->status == FT_ERR_NONE && fewer))
        rule_broken(world, "status %d with the advice to go on with fewer: %d", reply->status,
                    reply->fewer);
}

static void check_given(struct world *world, const struct sim_request *request,
                        const ftReply_t *reply)
{
    struct sim_decision *decision = decision_of(world, reply->decision);
    int index = world_node(world, reply->alternative.node);
    const struct sim_node *node = index >= 0 ? &world->nodes[index] : NULL;
    char subject[64];
    const char *why;

    if (node == NULL) {
        rule_broken(world, "alternative \"%s\" is no node", reply->alternative.node);
        return;
    }
    if (excludes(&request->constraint, node->name))
        rule_broken(world, "excluded node %s is given", node->name);
    /* A spare that nobody could measure yet is taken as its node was said to be. */
    why = reply->reach == FT_REACH_RANK ? NULL
                                        : unfit(world, &request->constraint, node, reply->lost_node);
    if (reply->reach == FT_REACH_RANK)
        check_place(world, reply->reach_rank, &reply->resource);
    if (why != NULL)
        rule_broken(world, "unfit node %s is given: %s", node->name, why);
    if (node->check_code != 0 && reply->reach != FT_REACH_RANK)
        rule_broken(world, "node %s is given, which fails the check", node->name);
    if (reply->event == 0 || reply->event > world->last_seq || decision->id != reply->decision)
        rule_broken(world, "decision %" PRIu64 " is answered before it is written down",
                    reply->decision);
    if (decision->node != index)
        rule_broken(world, "decision %" PRIu64 " was for another node", reply->decision);
    snprintf(subject, sizeof subject, "%d %.20s %.20s %d", (int) reply->resource.kind,
             reply->resource.job, reply->resource.node, (int) reply->resource.number);
    for (int i = 1; i < DECISIONS; i++) {
        const struct sim_decision *other = &world->decisions[i];

        if (other->epoch == reply->epoch && other != decision &&
            strcmp(other->subject, subject) == 0)
            rule_broken(world, "%s has two alternatives in epoch %u", subject, reply->epoch);
    }
    snprintf(decision->subject, sizeof decision->subject, "%s", subject);
    decision->epoch = reply->epoch;
    decision->acknowledged = true;
}

/* What must hold when core says it, whenever it gets out. */
void rules_said(struct world *world, uint64_t token, const ftReply_t *reply)
{
    const struct sim_request *request =
        token > 0 && token <= (uint64_t) world->requests_n ? &world->requests[token - 1] : NULL;
    const struct sim_decision *decision;
    const struct sim_node *node;
    int index;

    if (request == NULL || request->kind != SIM_ALTERNATIVE)
        return;
    check_policy(world, request, reply);
    if (reply->status != FT_OK)
        return;
    decision = decision_of(world, reply->decision);
    index = world_node(world, reply->alternative.node);
    if (index < 0)
        return; /* found when it gets out */
    node = &world->nodes[index];
    if (reply->reach == FT_REACH_RANK && reply->reach_rank < world->ranks_n &&
        !world->processes[reply->reach_rank].alive &&
        world->processes[reply->reach_rank].died == world->crashes)
        rule_broken(world, "spare %d is given, which is dead", reply->reach_rank);
    if (node->known_lost)
        rule_broken(world, "lost node %s is given", node->name);
    if (reply->reach == FT_REACH_START && decision->starter < 0 && !decision->announced)
        check_health(world, index);
    if (node->failed_until_ns > world->now_ns && reply->reach == FT_REACH_START &&
        decision->starter < 0)
        rule_broken(world, "node %s is given, where starting just failed", node->name);
    if (decision->over)
        rule_broken(world, "decision %" PRIu64 " is answered after it was over", reply->decision);
}

/* The k-th peer and what the stand-in is told of it have the same port, and nobody else has it.
 * Numbers come one after the other, but for those that a crash has kept from getting out, and those
 * that are told again to who asks again. */
static bool is_own_port(struct world *world, uint64_t token, struct sim_decision *decision,
                        unsigned *last, uint64_t *given_to, const char *port)
{
    char wanted[sizeof decision->port + 16];
    const char *slash = strrchr(port, '/');
    unsigned k = slash != NULL ? (unsigned) atoi(slash + 1) : 0;

    snprintf(wanted, sizeof wanted, "%s/%u", decision->port, k);
    if (k == 0 || k >= PEERS || strcmp(port, wanted) != 0 ||
        (given_to[k] != 0 && given_to[k] != token) ||
        (k != *last + 1 && !world->keeps))
        return false;
    given_to[k] = token;
    if (k > *last)
        *last = k;
    return true;
}

static void check_told(struct world *world, uint64_t token, const struct sim_request *request,
                       const ftReply_t *reply)
{
    struct sim_decision *decision = decision_of(world, request->decision);

    if (decision->told > decision->ports && !world->keeps)
        rule_broken(world, "the stand-in of decision %" PRIu64 " is told of a peer that nobody "
                    "sent", request->decision);
    if (!is_own_port(world, token, decision, &decision->told, decision->told_to, reply->port))
        rule_broken(world, "the stand-in of decision %" PRIu64 " is told of port %s",
                    request->decision, reply->port);
}

static void check_claimed(struct world *world, uint64_t token, const struct sim_request *request,
                          const ftReply_t *reply)
{
    struct sim_decision *decision = decision_of(world, request->decision);

    if (reply->decision != request->decision || (decision->over && !world->keeps)) {
        rule_broken(world, "a claim of decision %" PRIu64 " is answered with %" PRIu64 "%s",
                    request->decision, reply->decision, decision->over ? ", which is over" : "");
        return;
    }
    if (reply->reach == FT_REACH_START) {
        if (decision->starter >= 0 && !(world->crashes > 0 && decision->starter == request->asker))
            rule_broken(world, "decision %" PRIu64 " has two starters", request->decision);
        if (decision->announced && (world->crashes == 0 || decision->ports > 0))
            rule_broken(world, "decision %" PRIu64 " is started again", request->decision);
        decision->starter = request->asker;
        decision->acknowledged = true;
    } else if (reply->reach == FT_REACH_PORT) {
        if (!decision->announced ||
            !is_own_port(world, token, decision, &decision->ports, decision->sent_to, reply->port))
            rule_broken(world, "decision %" PRIu64 " has no port %s", request->decision,
                        reply->port);
    } else if (reply->reach == FT_REACH_RANK) {
        check_place(world, reply->reach_rank, &reply->resource);
    } else {
        rule_broken(world, "a claim is answered without a way to reach it");
    }
}

void rules_reply(struct world *world, uint64_t token, const ftReply_t *reply)
{
    struct sim_request *request;

    hash_number(world, token);
    hash_number(world, (uint64_t) (int64_t) reply->status);
    hash_number(world, reply->decision);
    hash_text(world, reply->alternative.node);
    hash_text(world, reply->reason);
    if (world->show)
        printf("# %10.3f ms answer to %" PRIu64 ": %d %s %s\n", (double) world->now_ns / NS_PER_MS,
               token, (int) reply->status, reply->alternative.node, reply->reason);
    if (token == 0 || token > (uint64_t) world->requests_n) {
        rule_broken(world, "request %" PRIu64 " is answered, which nobody made", token);
        return;
    }
    request = &world->requests[token - 1];
    if (request->answered || request->canceled)
        rule_broken(world, "request %" PRIu64 " is answered %s", token,
                    request->answered ? "twice" : "after it was canceled");
    if (request->deadline_ns != INT64_MAX &&
        world->now_ns > request->deadline_ns + (world->keeps ? 20 : 1) * NS_PER_MS)
        rule_broken(world, "request %" PRIu64 " is answered too late", token);
    request->answered = true;
    if (reply->status != FT_OK && reply->reason[0] == '\0')
        rule_broken(world, "request %" PRIu64 " is refused (%d) without a reason", token,
                    (int) reply->status);
    if (reply->status == FT_OK && request->kind == SIM_ALTERNATIVE)
        check_given(world, request, reply);
    if (request->kind == SIM_SPARE)
        check_spare(world, request, reply);
    if (reply->status == FT_OK && request->kind == SIM_ERROR)
        know_error(world, reply->event);
    if (reply->status == FT_OK && request->kind == SIM_CLAIM)
        check_claimed(world, token, request, reply);
    if (reply->status == FT_OK && request->kind == SIM_PEER)
        check_told(world, token, request, reply);
}

void rules_takeover(struct world *world)
{
    for (uint64_t id = 1; id < DECISIONS; id++) {
        struct sim_decision *decision = &world->decisions[id];

        if (decision->id == 0)
            continue;
        if (decision->acknowledged && !decision->over &&
            !ft_central_has_decision(world->central, id))
            rule_broken(world, "decision %" PRIu64 " was answered, and a take-over has lost it",
                        id);
        /* What was not safe has never been. */
        decision->over = !ft_central_has_decision(world->central, id);
    }
}

/* ---------------------------------------------------------------- time */

static size_t waiting(const struct world *world)
{
    size_t n = 0;

    for (int i = 0; i < world->requests_n; i++) {
        if (!world->requests[i].answered && !world->requests[i].canceled &&
            !world->requests[i].away && takeover_waiting(world, (uint64_t) i + 1) == 0)
            n++;
    }
    return n;
}

/* Only while it waits, and nothing is on its way to it. */
static void check_news(struct world *world)
{
    const struct sim_request *request =
        world->news_token > 0 ? &world->requests[world->news_token - 1] : NULL;

    if (request == NULL || request->answered || request->canceled || request->away ||
        takeover_waiting(world, world->news_token) > 0)
        return;
    for (int i = 0; i < NODES; i++) {
        const struct sim_node *node = &world->nodes[i];

        if (!node->in_job || node->lost || !node->joined_known)
            continue;
        if (node->declared_known && node->told != FT_NODE_LOST)
            rule_broken(world, "the launcher is not told that node %s was declared lost",
                        node->name);
        else if (node->failing_known && node->told != FT_NODE_FAILING &&
                 node->told != FT_NODE_LOST)
            rule_broken(world, "the launcher is not told that node %s is going down", node->name);
        else if (node->well_due)
            rule_broken(world, "the launcher is not told that node %s is well after all",
                        node->name);
    }
}

void rules_time(struct world *world)
{
    for (int i = 0; i < world->requests_n; i++) {
        const struct sim_request *request = &world->requests[i];

        if (!request->answered && !request->canceled && !request->away &&
            takeover_waiting(world, (uint64_t) i + 1) == 0 &&
            request->deadline_ns != INT64_MAX &&
            request->deadline_ns + (world->crashes > 0 ? NS_PER_MS : 0) <= world->now_ns)
            rule_broken(world, "request %d of kind %d is not answered by its deadline", i + 1,
                        (int) request->kind);
    }
    check_news(world);
    if (ft_central_next_deadline_ns(world->central) <= world->now_ns)
        rule_broken(world, "the next deadline does not lie ahead");
    if (waiting(world) != ft_central_waiting(world->central))
        rule_broken(world, "%zu requests wait, core says %zu", waiting(world),
                    ft_central_waiting(world->central));
}

void rules_end(struct world *world)
{
    check_begun(world);
    for (int i = 0; i < world->requests_n; i++) {
        const struct sim_request *request = &world->requests[i];

        if (!request->answered && !request->canceled && request->kind != SIM_PEER &&
            request->kind != SIM_NEWS && request->kind != SIM_SPARE)
            rule_broken(world, "request %d of kind %d is never answered", i + 1,
                        (int) request->kind);
    }
}
