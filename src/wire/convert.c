/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * convert.c - between the public values of ft.h and the messages of ft.proto.
 *
 * libft puts requests and gets replies; ft-centrald gets resources and constraints and puts
 * replies; ft-noded puts facts. Field by field and in one place, so that a field that is added to
 * ft.h is either carried here or fails the round-trip tests.
 *
 * What comes in was sent by an authenticated peer, but perhaps by another version of FT or by a
 * client with a bug: every number is checked against its range and every name against its size
 * before the value is touched. A name cut to size would be another node's name; so names are
 * refused and only texts for people are cut.
 *
 * An action is checked on its way out as well: it is a plain value that a program might have filled
 * with rubbish, and libft promises FT_ERR_ACTION for that, not a crash.
 */
#include "config.h"

#include "wire/convert.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/policy.h"
#include "common/text.h"
#include "wire/verbs.h"

static int refuse(void)
{
    errno = EPROTO;
    return -1;
}

static int invalid(void)
{
    errno = EINVAL;
    return -1;
}

/* Copies a name that came in, if it fits. */
static bool get_name(char *to, size_t size, const char *from)
{
    return ft_text_copy(to, size, from);
}

/* A name that goes out must end within its array. */
static bool is_ended(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}
#define IS_ENDED(array) is_ended(array, sizeof(array))

/* protobuf-c's strings are not const though packing only reads them. */
static char *borrow(const char *text)
{
    return (char *) (uintptr_t) text;
}

/* ------------------------------------------------------------ resources */

void ft_put_resource(Ft__Resource *message, const ftResource_t *value)
{
    ft__resource__init(message);
    message->kind = (uint32_t) value->kind;
    message->node = borrow(value->node);
    message->job = borrow(value->job);
    message->number = value->number;
    message->name = borrow(value->name);
}

static bool is_resource_kind(uint32_t kind)
{
    return kind <= FT_STORAGE; /* 0: no resource */
}

int ft_get_resource(const Ft__Resource *message, ftResource_t *value)
{
    ftResource_t got = {0};

    if (message != NULL) {
        if (!is_resource_kind(message->kind) ||
            (message->kind == FT_RANK && (message->number < 0 || message->number > INT_MAX)) ||
            (message->kind == FT_PROCESS && message->number < 0) ||
            !get_name(got.node, sizeof got.node, message->node) ||
            !get_name(got.job, sizeof got.job, message->job) ||
            !get_name(got.name, sizeof got.name, message->name))
            return refuse();
        got.kind = (ftKind_t) message->kind;
        got.number = message->number;
    }
    *value = got;
    return 0;
}

static bool is_resource(const ftResource_t *value)
{
    return value->error == FT_OK && is_resource_kind((uint32_t) value->kind) &&
           IS_ENDED(value->node) && IS_ENDED(value->job) && IS_ENDED(value->name);
}

/* ------------------------------------------------------------ constraints, outwards */

/* Splits the comma-separated names of a constraint. */
static int put_excluded(struct ft_put_request *put, const char *excluded)
{
    size_t n = 1;
    char *rest, *name;

    if (excluded[0] == '\0')
        return 0;
    for (const char *at = excluded; *at != '\0'; at++)
        n += *at == ',';
    put->excluded_text = strdup(excluded);
    put->excluded_list = calloc(n, sizeof *put->excluded_list);
    if (put->excluded_text == NULL || put->excluded_list == NULL) {
        errno = ENOMEM;
        return -1;
    }
    rest = put->excluded_text;
    while ((name = strsep(&rest, ",")) != NULL) {
        if (name[0] != '\0')
            put->excluded_list[put->constraint.n_excluded++] = name;
    }
    put->constraint.excluded = put->excluded_list;
    return 0;
}

static bool is_constraint(const ftConstraint_t *value)
{
    if (value->error != FT_OK || !IS_ENDED(value->arch) || !IS_ENDED(value->excluded) ||
        !IS_ENDED(value->ladder) || !IS_ENDED(value->when_none) ||
        value->distance < -1 || value->distance > 1)
        return false;
    for (size_t i = 0; i < FT_DEVICES_MAX; i++) {
        if (!IS_ENDED(value->devices[i].type))
            return false;
    }
    return value->distance == 0 || is_resource(&value->from);
}

static int put_constraint(struct ft_put_request *put, const ftConstraint_t *value)
{
    Ft__Constraint *message = &put->constraint;

    if (!is_constraint(value))
        return invalid();
    message->cores_min = value->cores_min;
    message->memory_min_bytes = value->memory_min_bytes;
    message->arch = borrow(value->arch);
    message->at_least = value->at_least != 0;
    message->same_kind = value->same_kind != 0;
    message->distance = value->distance;
    message->ladder = borrow(value->ladder);
    message->when_none = borrow(value->when_none);
    message->wait_ms = value->wait_ms;
    for (size_t i = 0; i < FT_DEVICES_MAX && value->devices[i].type[0] != '\0'; i++) {
        ft__device__init(&put->devices[i]);
        put->devices[i].type = borrow(value->devices[i].type);
        put->devices[i].count = value->devices[i].count_min;
        put->device_list[i] = &put->devices[i];
        message->n_devices = i + 1;
    }
    message->devices = put->device_list;
    if (value->distance != 0) {
        ft_put_resource(&put->from, &value->from);
        message->from = &put->from;
    }
    put->request.constraint = message;
    return put_excluded(put, value->excluded);
}

/* ------------------------------------------------------------ constraints, inwards */

static bool get_devices(const Ft__Constraint *message, ftConstraint_t *value)
{
    if (message->n_devices > FT_DEVICES_MAX)
        return false; /* to drop one would be to drop a demand */
    for (size_t i = 0; i < message->n_devices; i++) {
        const Ft__Device *device = message->devices[i];

        if (device->type[0] == '\0' ||
            !get_name(value->devices[i].type, sizeof value->devices[i].type, device->type))
            return false;
        value->devices[i].count_min = device->count;
    }
    return true;
}

static bool get_excluded(const Ft__Constraint *message, ftConstraint_t *value)
{
    char *at = value->excluded;
    size_t room = sizeof value->excluded;

    for (size_t i = 0; i < message->n_excluded; i++) {
        const char *name = message->excluded[i];
        size_t n = strlen(name);

        if (n == 0 || n >= FT_NAME_MAX || strchr(name, ',') != NULL || n + 2 > room)
            return false;
        if (at != value->excluded) {
            *at++ = ',';
            room--;
        }
        memcpy(at, name, n + 1);
        at += n;
        room -= n;
    }
    return true;
}

/* What cannot be understood is refused: to pass over it would be to do what was not wanted. */
static bool get_policy(const Ft__Constraint *message, ftConstraint_t *value)
{
    enum ft_when_none steps[FT_WHEN_NONE_MAX];
    enum ft_way ways[FT_WAYS_MAX];

    value->wait_ms = message->wait_ms;
    return get_name(value->ladder, sizeof value->ladder, message->ladder) &&
           get_name(value->when_none, sizeof value->when_none, message->when_none) &&
           (message->ladder[0] == '\0' || ft_ways_parse(message->ladder, ways) == 0) &&
           (message->when_none[0] == '\0' || ft_when_none_parse(message->when_none, steps) == 0) &&
           message->wait_ms <= FT_WAIT_MAX_MS;
}

int ft_get_constraint(const Ft__Constraint *message, ftConstraint_t *value)
{
    ftConstraint_t got = {0};

    if (message != NULL) {
        if (message->distance < -1 || message->distance > 1 ||
            !get_name(got.arch, sizeof got.arch, message->arch) || !get_devices(message, &got) ||
            !get_policy(message, &got) || !get_excluded(message, &got))
            return refuse();
        if (ft_get_resource(message->from, &got.from) != 0)
            return -1;
        got.cores_min = message->cores_min;
        got.memory_min_bytes = message->memory_min_bytes;
        got.at_least = message->at_least != 0;
        got.same_kind = message->same_kind != 0;
        got.distance = message->distance;
    }
    *value = got;
    return 0;
}

/* ------------------------------------------------------------ requests */

static bool is_process(const ftProcessInfo_t *process)
{
    return process->rank >= 0 && process->pid >= 0 && process->node != NULL &&
           process->node[0] != '\0' && strnlen(process->node, FT_NAME_MAX) < FT_NAME_MAX;
}

static int put_processes(struct ft_put_request *put, const ftProcessInfo_t *processes, size_t n)
{
    if (n > FT_PROCESSES_MAX || (n > 0 && processes == NULL))
        return invalid();
    if (n == 0)
        return 0;
    put->processes = calloc(n, sizeof *put->processes);
    put->process_list = calloc(n, sizeof(Ft__Process *));
    if (put->processes == NULL || put->process_list == NULL) {
        errno = ENOMEM;
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_process(&processes[i]))
            return invalid();
        ft__process__init(&put->processes[i]);
        put->processes[i].rank = processes[i].rank;
        put->processes[i].pid = processes[i].pid;
        put->processes[i].node = borrow(processes[i].node);
        put->process_list[i] = &put->processes[i];
    }
    put->request.processes = put->process_list;
    put->request.n_processes = n;
    return 0;
}

/* Puts the resource that the verb is about. */
static int put_subject(struct ft_put_request *put, const ftAction_t *action)
{
    if (!is_resource(&action->resource) || action->resource.kind == 0)
        return invalid();
    ft_put_resource(&put->resource, &action->resource);
    put->request.resource = &put->resource;
    return 0;
}

static int put_usage(struct ft_put_request *put, const ftAction_t *action, uint32_t last)
{
    uint32_t usage = (uint32_t) action->usage;

    if (usage < 1 || usage > last)
        return invalid();
    put->request.usage = usage;
    return 0;
}

static int put_text(char **text, const ftAction_t *action)
{
    if (!IS_ENDED(action->text))
        return invalid();
    *text = borrow(action->text);
    return 0;
}

static int put_job(struct ft_put_request *put, const ftAction_t *action)
{
    if (!IS_ENDED(action->resource.job) || action->resource.job[0] == '\0')
        return invalid();
    put->request.job = borrow(action->resource.job);
    return 0;
}

/* A launcher's reports. */
static int put_report(struct ft_put_request *put, const ftAction_t *action)
{
    Ft__Request *request = &put->request;

    switch (action->verb) {
    case FT_VERB_JOB_STARTED:
        return put_job(put, action) != 0 || put_text(&request->parent, action) != 0
                   ? -1
                   : put_processes(put, action->borrowed, action->borrowed_n);
    case FT_VERB_PROCESS_ENDED:
        request->code = action->code;
        return put_subject(put, action) != 0 || put_job(put, action) != 0
                   ? -1
                   : put_usage(put, action, FT_ENDED_WITH_NODE);
    case FT_VERB_NODE_CHANGED:
        request->code = action->code;
        return put_subject(put, action) != 0 || put_text(&request->text, action) != 0
                   ? -1
                   : put_usage(put, action, FT_NODE_LEFT);
    case FT_VERB_JOB_ENDED:
        request->code = action->code;
        return put_job(put, action);
    case FT_VERB_RANKS_HERE:
        request->code = action->code;
        return put_job(put, action) != 0
                   ? -1
                   : put_processes(put, action->borrowed, action->borrowed_n);
    case FT_VERB_GIVE_BACK:
        return put_subject(put, action);
    case FT_VERB_NODE_EVENT:
        return put_subject(put, action) != 0 ? -1 : put_text(&request->text, action);
    default:
        return invalid();
    }
}

static int put_by_verb(struct ft_put_request *put, const ftAction_t *action)
{
    Ft__Request *request = &put->request;

    request->verb = action->verb;
    switch (action->verb) {
    case FT_VERB_ERROR:
        return put_subject(put, action) != 0 ? -1 : put_usage(put, action, FT_RELEASE);
    case FT_VERB_ALTERNATIVE:
        return put_subject(put, action) != 0 ? -1 : put_constraint(put, &action->constraint);
    case FT_VERB_PLACE_OF:
        return put_subject(put, action);
    case FT_VERB_SPARE_HERE:
    case FT_VERB_RANK_DONE:
        request->code = action->code;
        return 0;
    case FT_VERB_ACQUIRE:
        return put_constraint(put, &action->constraint);
    case FT_VERB_CLAIM:
    case FT_VERB_NEXT_PEER:
    case FT_VERB_NEWS:
        request->decision = action->decision;
        return 0;
    case FT_VERB_ANNOUNCE:
    case FT_VERB_START_FAILED:
        request->decision = action->decision;
        return put_text(&request->text, action);
    case FT_VERB_ADMIN: /* a command may be longer than action->text: it is borrowed */
        request->text = (char *) (uintptr_t) action->borrowed;
        return 0;
    default:
        return put_report(put, action);
    }
}

int ft_put_request(struct ft_put_request *put, const ftAction_t *action, ftTimeout_t timeout)
{
    memset(put, 0, sizeof *put);
    ft__request__init(&put->request);
    ft__constraint__init(&put->constraint);
    if (action->error != FT_OK || timeout < FT_FOREVER)
        return invalid();
    put->request.timeout_ms = timeout;
    if (put_by_verb(put, action) != 0) {
        int error = errno;

        ft_put_request_clear(put);
        errno = error;
        return -1;
    }
    return 0;
}

void ft_put_request_clear(struct ft_put_request *put)
{
    free(put->excluded_text);
    free(put->excluded_list);
    free(put->processes);
    free(put->process_list);
    memset(put, 0, sizeof *put);
    ft__request__init(&put->request);
    ft__constraint__init(&put->constraint);
}

/* ------------------------------------------------------------ replies */

void ft_put_reply(struct ft_put_reply *put, const ftReply_t *value)
{
    Ft__Reply *reply = &put->reply;

    ft__reply__init(reply);
    ft_put_resource(&put->resource, &value->resource);
    ft_put_resource(&put->alternative, &value->alternative);
    reply->status = value->status;
    reply->event = value->event;
    reply->decision = value->decision;
    reply->epoch = value->epoch;
    reply->resource = value->resource.kind != 0 ? &put->resource : NULL;
    reply->lost_node = borrow(value->lost_node);
    reply->alternative = value->alternative.kind != 0 ? &put->alternative : NULL;
    reply->rung = (uint32_t) value->rung;
    reply->repairable = value->repairable != 0;
    reply->repair = borrow(value->repair);
    reply->match = borrow(value->match);
    reply->reach = (uint32_t) value->reach;
    reply->reach_rank = value->reach_rank;
    reply->port = borrow(value->port);
    reply->in_job = value->in_job != 0;
    reply->known_ms = value->steps.known_ms;
    reply->decide_ms = value->steps.decide_ms;
    reply->probe_ms = value->steps.probe_ms;
    reply->total_ms = value->steps.total_ms;
    reply->probed = value->probed;
    reply->available_at_s = value->available_at_s;
    reply->reason = borrow(value->reason);
    reply->hint = borrow(value->hint);
    reply->change = (uint32_t) value->change;
    reply->fewer = value->fewer != 0;
}

static bool is_reply(const Ft__Reply *message)
{
    return message->status >= FT_ERR_UNFIT && message->status <= FT_OK &&
           message->rung <= FT_BY_SHARING && message->reach <= FT_REACH_RANK &&
           message->change <= FT_NODE_WELL && message->reach_rank >= -1 &&
           isfinite(message->known_ms) &&
           isfinite(message->decide_ms) && isfinite(message->probe_ms) &&
           isfinite(message->total_ms) && message->available_at_s >= 0;
}

int ft_get_reply(const Ft__Reply *message, ftReply_t *value)
{
    ftReply_t got = {0};

    if (message != NULL) {
        if (!is_reply(message) ||
            !get_name(got.lost_node, sizeof got.lost_node, message->lost_node) ||
            !get_name(got.port, sizeof got.port, message->port))
            return refuse();
        if (ft_get_resource(message->resource, &got.resource) != 0 ||
            ft_get_resource(message->alternative, &got.alternative) != 0)
            return -1;
        got.status = (ftRetVal_t) message->status;
        got.event = message->event;
        got.decision = message->decision;
        got.epoch = message->epoch;
        got.rung = (ftRung_t) message->rung;
        got.repairable = message->repairable != 0;
        ft_text_copy(got.repair, sizeof got.repair, message->repair);
        ft_text_copy(got.match, sizeof got.match, message->match);
        got.reach = (ftReach_t) message->reach;
        got.reach_rank = message->reach_rank;
        got.in_job = message->in_job != 0;
        got.steps = (ftSteps_t){message->known_ms, message->decide_ms, message->probe_ms,
                                message->total_ms};
        got.probed = message->probed;
        got.available_at_s = message->available_at_s;
        ft_text_copy(got.reason, sizeof got.reason, message->reason);
        ft_text_copy(got.hint, sizeof got.hint, message->hint);
        got.change = (int) message->change;
        got.fewer = message->fewer != 0;
    }
    *value = got;
    return 0;
}

/* ------------------------------------------------------------ facts */

void ft_put_facts(struct ft_put_facts *put, const struct ft_facts *value)
{
    Ft__Facts *facts = &put->facts;

    ft__facts__init(facts);
    facts->arch = borrow(value->arch);
    facts->model = borrow(value->model);
    facts->packages = value->packages;
    facts->numa_nodes = value->numa_nodes;
    facts->cores = value->cores;
    facts->pus = value->pus;
    facts->memory_bytes = value->memory_bytes;
    facts->kind = value->kind;
    facts->shown = value->shown;
    for (size_t i = 0; i < FT_FACTS_DEVICES_MAX && value->devices[i].type[0] != '\0'; i++) {
        ft__device__init(&put->devices[i]);
        put->devices[i].type = borrow(value->devices[i].type);
        put->devices[i].count = value->devices[i].count;
        put->device_list[i] = &put->devices[i];
        facts->n_devices = i + 1;
    }
    facts->devices = put->device_list;
}

int ft_get_facts(const Ft__Facts *message, struct ft_facts *value)
{
    struct ft_facts got = {0};

    if (message != NULL) {
        if (message->n_devices > FT_FACTS_DEVICES_MAX ||
            !get_name(got.arch, sizeof got.arch, message->arch))
            return refuse();
        for (size_t i = 0; i < message->n_devices; i++) {
            const Ft__Device *device = message->devices[i];

            if (device->type[0] == '\0' ||
                !get_name(got.devices[i].type, sizeof got.devices[i].type, device->type))
                return refuse();
            got.devices[i].count = device->count;
        }
        ft_text_copy(got.model, sizeof got.model, message->model);
        got.packages = message->packages;
        got.numa_nodes = message->numa_nodes;
        got.cores = message->cores;
        got.pus = message->pus;
        got.memory_bytes = message->memory_bytes;
        got.kind = message->kind;
        got.shown = message->shown != 0;
    }
    *value = got;
    return 0;
}
