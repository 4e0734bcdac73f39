/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * units.c - owns one object for each node unit that is connected.
 *
 * A unit has proven itself and said Hello (door.c); it is answered, welcomed, and from then on
 * speaks for its node:
 *
 *     NodeInfo     -> sessions: the node's facts; a kind of hardware not seen before: NeedTopology
 *     Topology     -> cms: kept once a kind
 *     Request      -> requests.c, with the asker that the unit vouches for
 *     Cancel       -> requests.c
 *     ProbeResult  -> sessions                    Probe  core -> unit
 *     Ping         -> Pong, or a heartbeat for the watch
 *     Leave        -> the unit ends in order      Leave  a job's end -> unit
 *     ModuleState, ModuleList, Sample, Trouble -> events.message    ModuleOrder -> unit
 *     Repaired     -> events.message              Repair -> unit
 *
 * One unit a node, found by its name at once: a new link takes the place of the one before it (a
 * unit that was restarted, or whose old connection broke without this side having noticed). A unit
 * of which nothing was heard for SILENT_MS, no heartbeat either, is not worth a probe.
 */
#include "centrald/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "centrald/hello.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "core/inventory.h"
#include "net/link.h"
#include "wire/convert.h"
#include "wire/verbs.h"

#define SILENT_MS 5000
#define BUCKETS_MIN 256

struct unit {
    struct ft_units *units;
    struct ft_request_source source; /* its link among others */
    char node[FT_NAME_MAX];
    uint64_t run; /* names the run of its program */
    int64_t heard_ms;
    bool closing;
    bool silenced; /* its end is no news: another link speaks for the node now, or all end */
    bool leaving;  /* it ends in order */
    bool listed;   /* in the table: it speaks for its node */
    struct unit *next, *previous;
    struct unit *hash_next;
};

struct ft_units {
    struct ft_units_config config;
    struct ft_units_events events;
    void *arg;
    struct unit *first;
    size_t n;
    struct unit **by_node;
    size_t buckets;
    size_t listed_n;
    bool stopped;
};

/* ---------------------------------------------------------------- the table */

static struct unit **bucket_of(const struct ft_units *units, const char *node)
{
    return &units->by_node[ft_node_name_hash(node) & (units->buckets - 1)];
}

static struct unit *find(const struct ft_units *units, const char *node)
{
    struct unit *unit = *bucket_of(units, node);

    while (unit != NULL && !ft_node_names_equal(unit->node, node))
        unit = unit->hash_next;
    return unit;
}

/* Twice the buckets; without memory for them the chains just grow longer. */
static void grow(struct ft_units *units)
{
    struct unit **before = units->by_node;
    struct unit **after = calloc(2 * units->buckets, sizeof *after);

    if (after == NULL)
        return;
    units->by_node = after;
    units->buckets *= 2;
    for (struct unit *unit = units->first; unit != NULL; unit = unit->next) {
        struct unit **bucket = bucket_of(units, unit->node);

        if (!unit->listed)
            continue;
        unit->hash_next = *bucket;
        *bucket = unit;
    }
    free(before);
}

static void enlist(struct unit *unit)
{
    struct ft_units *units = unit->units;
    struct unit **bucket;

    if (units->listed_n >= units->buckets)
        grow(units);
    bucket = bucket_of(units, unit->node);
    unit->hash_next = *bucket;
    *bucket = unit;
    unit->listed = true;
    units->listed_n++;
}

static void unlist(struct unit *unit)
{
    struct unit **link = bucket_of(unit->units, unit->node);

    if (!unit->listed)
        return;
    while (*link != unit)
        link = &(*link)->hash_next;
    *link = unit->hash_next;
    unit->listed = false;
    unit->units->listed_n--;
}

struct ft_units *ft_units_create(const struct ft_units_config *config,
                                 const struct ft_units_events *events, void *arg)
{
    struct ft_units *units = calloc(1, sizeof *units);

    if (units == NULL)
        return NULL;
    units->config = *config;
    units->events = *events;
    units->arg = arg;
    units->buckets = BUCKETS_MIN;
    units->by_node = calloc(units->buckets, sizeof(struct unit *));
    if (units->by_node != NULL)
        return units;
    free(units);
    return NULL;
}

void ft_units_destroy(struct ft_units *units)
{
    if (units == NULL)
        return;
    free(units->by_node);
    free(units);
}

size_t ft_units_count(const struct ft_units *units)
{
    return units->n;
}

bool ft_units_has(const struct ft_units *units, const char *node)
{
    return find(units, node) != NULL;
}

uint64_t ft_units_run(const struct ft_units *units, const char *node)
{
    const struct unit *unit = find(units, node);

    return unit != NULL && !unit->closing ? unit->run : 0;
}

void ft_units_set_check(struct ft_units *units, bool run_check)
{
    units->config.run_check = run_check;
}

/* ---------------------------------------------------------------- its end */

/* From now on nobody speaks for the node by this link. */
static void part(struct unit *unit, const char *why)
{
    struct ft_units *units = unit->units;

    if (!unit->listed)
        return;
    unlist(unit);
    ft_requests_source_gone(units->config.requests, &unit->source, false);
    if (unit->silenced)
        return;
    ft_watch_parted(units->config.watch, unit->node, unit->leaving);
    ft_sessions_unit_down(units->config.sessions, unit->node, why);
    units->events.down(units->arg, unit->node, why, unit->leaving);
}

static void close_unit(struct unit *unit, const char *why)
{
    unit->closing = true;
    part(unit, why);
    ft_link_close(unit->source.link);
}

static void on_closed(void *arg, struct ft_link *link, int error, const char *text)
{
    struct unit *unit = arg;
    struct ft_units *units = unit->units;

    (void) link;
    part(unit, unit->leaving ? "it ended in order"
               : error == 0  ? "the connection was closed"
                             : text);
    *(unit->previous != NULL ? &unit->previous->next : &units->first) = unit->next;
    if (unit->next != NULL)
        unit->next->previous = unit->previous;
    units->n--;
    free(unit);
}

static void send_to(struct unit *unit, const Ft__Message *message, const char *what)
{
    char why[200];

    if (ft_link_send(unit->source.link, message) == 0)
        return;
    snprintf(why, sizeof why, "%s could not be sent to it: %s", what, strerror(errno));
    ft_log_warning("the unit of node %s: %s", unit->node, why);
    close_unit(unit, why);
}

/* ---------------------------------------------------------------- what units say */

static void need_topology(struct unit *unit, uint64_t kind)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__NeedTopology need = FT__NEED_TOPOLOGY__INIT;

    need.kind = kind;
    message.body_case = FT__MESSAGE__BODY_NEED_TOPOLOGY;
    message.need_topology = &need;
    send_to(unit, &message, "the question for its topology");
}

static void take_info(struct unit *unit, const Ft__NodeInfo *info)
{
    struct ft_sessions *sessions = unit->units->config.sessions;
    struct ft_facts facts;
    size_t n;

    if (info->facts == NULL || ft_get_facts(info->facts, &facts) < 0) {
        ft_log_warning("what the unit of node %s says of its hardware cannot be understood",
                       unit->node);
        return;
    }
    if (info->location[0] != '\0') {
        ft_watch_place(unit->units->config.watch, unit->node, info->location);
        if (ft_sessions_set_location(sessions, unit->node, info->location) < 0)
            ft_log_warning("the location \"%.200s\" of node %s is not used: %s", info->location,
                           unit->node, strerror(errno));
    }
    if (ft_sessions_unit_facts(sessions, unit->node, &facts) < 0)
        ft_log_error("the hardware of node %s cannot be kept: %s", unit->node, strerror(errno));
    if (ft_cms_topology(unit->units->config.cms, facts.kind, &n) == NULL)
        need_topology(unit, facts.kind);
}

static void take_topology(struct unit *unit, const Ft__Topology *topology)
{
    if (ft_cms_collected_keep(unit->units->config.cms, topology->kind, topology->xml.data,
                              topology->xml.len) < 0)
        ft_log_warning("the topology of node %s (%zu bytes) is not kept: %s", unit->node,
                       topology->xml.len, strerror(errno));
}

static void take_probe(struct unit *unit, uint64_t probe, const Ft__ProbeResult *result)
{
    struct ft_measured measured = {
        .memory_free_bytes = result->memory_free_bytes,
        .scratch_free_bytes = result->scratch_free_bytes,
        .load = result->load,
        .check_ran = result->check_ran,
        .check_code = result->check_code,
        .took_ms = result->took_ms,
    };

    ft_text_copy(measured.check_text, sizeof measured.check_text, result->check_text);
    ft_text_one_line(measured.check_text);
    ft_text_copy(measured.error, sizeof measured.error, result->error);
    ft_text_one_line(measured.error);
    measured.facts_known =
        result->facts != NULL && ft_get_facts(result->facts, &measured.facts) == 0;
    ft_sessions_probe_result(unit->units->config.sessions, probe, &measured);
}

/* A process of its node was killed. */
static ftRetVal_t take_killed(struct unit *unit, const Ft__Request *request)
{
    const Ft__Process *process = request->n_processes == 1 ? request->processes[0] : NULL;

    if (process == NULL || process->rank < 0 || request->job[0] == '\0' ||
        request->usage != FT_ENDED_SIGNAL)
        return FT_ERR_ARG;
    ft_central_unit_process_ended(
        ft_sessions_of_job(unit->units->config.sessions, request->job), unit->node, request->job,
        process->rank, process->pid, request->code);
    return FT_OK;
}

/* What a unit has to say itself comes without an asker; of its clients' requests it vouches for
 * each. */
static ftRetVal_t take_own(struct unit *unit, const Ft__Request *request)
{
    struct ft_sessions *sessions = unit->units->config.sessions;
    ftResource_t about;

    if (request->verb == FT_VERB_PROCESS_ENDED)
        return take_killed(unit, request);
    if (request->verb != FT_VERB_NODE_EVENT || ft_get_resource(request->resource, &about) < 0) {
        ft_log_warning("the unit of node %s asks for something that only its clients may",
                       unit->node);
        return FT_ERR_DENIED;
    }
    if (about.name[0] == '\0')
        return FT_ERR_ARG;
    ft_central_unit_event(ft_sessions_of_job(sessions, about.job), unit->node, &about, about.name,
                          request->text);
    return FT_OK;
}

/* It keeps what it says until it knows that it was heard. */
static void answer_own(struct unit *unit, uint64_t id, ftRetVal_t status)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Reply reply = FT__REPLY__INIT;

    reply.status = status;
    message.id = id;
    message.body_case = FT__MESSAGE__BODY_REPLY;
    message.reply = &reply;
    ft_link_send(unit->source.link, &message); /* if not, it says it again */
}

static void take_request(struct unit *unit, const Ft__Message *message)
{
    const struct ft_units_config *config = &unit->units->config;
    const Ft__Asker *from = message->request->asker;
    struct ft_asker asker = {
        .node = unit->node,
        .job = from != NULL ? from->job : "",
        .rank = from != NULL ? from->rank : -1,
        .pid = from != NULL ? from->pid : 0,
        .uid = from != NULL ? from->uid : (uint32_t) -1,
        .launcher = config->launchers_by_unit && from != NULL && from->launcher,
        .slurm_job = from != NULL ? from->slurm_job : 0,
        .spares = from != NULL ? from->spares : NULL,
        .run = unit->run,
        .request = message->id,
    };

    if (from == NULL) {
        ftRetVal_t status = take_own(unit, message->request);

        if (!message->request->silent)
            answer_own(unit, message->id, status);
        return;
    }
    ft_requests_take(config->requests, &unit->source, message, &asker);
}

static void take_ping(struct unit *unit, const Ft__Ping *ping)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Pong pong = FT__PONG__INIT;

    pong.sent_ns = ping->sent_ns;
    if (ping->beat)
        ft_watch_ping(unit->units->config.watch, unit->node, ping, &pong);
    message.body_case = FT__MESSAGE__BODY_PONG;
    message.pong = &pong;
    ft_link_send(unit->source.link, &message); /* if not, the unit notices the silence */
}

static void on_message(void *arg, struct ft_link *link, const Ft__Message *message)
{
    struct unit *unit = arg;
    struct ft_units *units = unit->units;

    (void) link;
    if (unit->closing)
        return;
    unit->heard_ms = ft_clock_ms();
    ft_watch_heard(units->config.watch, unit->node);
    switch (message->body_case) {
    case FT__MESSAGE__BODY_HELLO:
        close_unit(unit, "it said Hello twice");
        break;
    case FT__MESSAGE__BODY_NODE_INFO:
        take_info(unit, message->node_info);
        units->events.message(units->arg, unit->node, message);
        break;
    case FT__MESSAGE__BODY_TOPOLOGY:
        take_topology(unit, message->topology);
        break;
    case FT__MESSAGE__BODY_REQUEST:
        take_request(unit, message);
        break;
    case FT__MESSAGE__BODY_CANCEL:
        ft_requests_cancel(units->config.requests, &unit->source, message->id);
        break;
    case FT__MESSAGE__BODY_PROBE_RESULT:
        take_probe(unit, message->id, message->probe_result);
        break;
    case FT__MESSAGE__BODY_PING:
        take_ping(unit, message->ping);
        break;
    case FT__MESSAGE__BODY_LEAVE:
        unit->leaving = true;
        break;
    case FT__MESSAGE__BODY_MODULE_STATE:
    case FT__MESSAGE__BODY_MODULE_LIST:
    case FT__MESSAGE__BODY_SAMPLE:
    case FT__MESSAGE__BODY_TROUBLE:
    case FT__MESSAGE__BODY_REPAIRED:
        units->events.message(units->arg, unit->node, message);
        break;
    default: /* a newer unit's; fields are only added */
        break;
    }
}

/* ---------------------------------------------------------------- its beginning */

static const struct ft_link_events link_events = {.message = on_message, .closed = on_closed};

static struct unit *make(struct ft_units *units, struct ft_link *link, const Ft__Hello *hello)
{
    struct unit *unit = units->n < FT_UNITS_MAX ? calloc(1, sizeof *unit) : NULL;

    if (unit == NULL) {
        ft_log_warning("the unit of node %.200s at %s is turned away: %s", hello->node,
                       ft_link_peer(link),
                       units->n < FT_UNITS_MAX ? "out of memory" : "too many are connected");
        return NULL;
    }
    unit->units = units;
    unit->source.link = link;
    unit->heard_ms = ft_clock_ms();
    ft_text_copy(unit->node, sizeof unit->node, hello->node);
    unit->run = hello->start != 0 ? hello->start : (uint64_t) hello->pid;
    unit->next = units->first;
    if (units->first != NULL)
        units->first->previous = unit;
    units->first = unit;
    units->n++;
    return unit;
}

/* Its node may have been known by another link, whose end nobody has noticed. */
static void replace(struct ft_units *units, const char *node)
{
    struct unit *before = find(units, node);

    if (before == NULL)
        return;
    before->silenced = true;
    close_unit(before, "another connection speaks for its node");
}

static void welcome(struct unit *unit, const Ft__Hello *hello)
{
    struct ft_units *units = unit->units;
    struct sockaddr_storage address;
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Welcome body = FT__WELCOME__INIT;

    if (!ft_link_address(unit->source.link, &address) ||
        ft_watch_join(units->config.watch, hello, (struct sockaddr *) &address, &body) < 0) {
        ft_log_error("the heartbeat of node %s cannot be watched: %s", unit->node,
                     strerror(errno));
        close_unit(unit, "its heartbeat cannot be watched");
        return;
    }
    if (units->events.welcome != NULL)
        units->events.welcome(units->arg, unit->node, &body);
    message.body_case = FT__MESSAGE__BODY_WELCOME;
    message.welcome = &body;
    send_to(unit, &message, "the welcome");
}

void ft_units_greet(struct ft_units *units, struct ft_link *link, const Ft__Hello *hello)
{
    struct unit *unit;

    if (units->stopped || !ft_hello_answer(link, hello, units->config.node, units->config.term, true)) {
        ft_link_close(link);
        return;
    }
    unit = make(units, link, hello);
    if (unit == NULL) {
        ft_link_close(link);
        return;
    }
    ft_link_accept(link, &link_events, unit);
    replace(units, unit->node);
    enlist(unit);
    if (ft_sessions_unit_up(units->config.sessions, unit->node, hello->program) < 0) {
        ft_log_error("the unit of node %s cannot be taken in: %s", unit->node, strerror(errno));
        close_unit(unit, "it cannot be taken in");
        return;
    }
    welcome(unit, hello);
    if (!unit->closing)
        units->events.up(units->arg, unit->node);
}

void ft_units_part(struct ft_units *units, const char *node, const char *why)
{
    struct unit *unit = find(units, node);

    if (unit != NULL)
        close_unit(unit, why);
}

void ft_units_stop(struct ft_units *units, bool leave, const char *reason)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Leave body = FT__LEAVE__INIT;

    units->stopped = true;
    body.reason = (char *) (uintptr_t) reason;
    message.body_case = FT__MESSAGE__BODY_LEAVE;
    message.leave = &body;
    for (struct unit *unit = units->first; unit != NULL; unit = unit->next) {
        bool was_closing = unit->closing;

        unit->silenced = true; /* core need not hear of it any more */
        unit->closing = true;
        if (leave && !was_closing)
            ft_link_send(unit->source.link, &message); /* if not, the end of the link tells it */
        ft_link_close(unit->source.link);
    }
}

/* ---------------------------------------------------------------- what they are told */

int ft_units_send(struct ft_units *units, const char *node, const Ft__Message *message)
{
    struct unit *unit = find(units, node);

    if (unit != NULL && !unit->closing)
        return ft_link_send(unit->source.link, message);
    errno = ENOTCONN;
    return -1;
}

/* Its heartbeats count as well as what came over its connection. */
static int64_t silent_for_ms(const struct unit *unit)
{
    const struct ft_detector *detector = ft_watch_detector(unit->units->config.watch);
    uint32_t number = ft_detector_find(detector, unit->node);
    int64_t silent_ms = ft_clock_ms() - unit->heard_ms;
    struct ft_watch_status status;

    if (number == FT_DETECTOR_NONE)
        return silent_ms;
    ft_detector_status(detector, number, &status);
    return status.silent_ms >= 0 && status.silent_ms < silent_ms ? status.silent_ms : silent_ms;
}

int ft_units_probe(struct ft_units *units, uint64_t probe, const char *node, unsigned timeout_ms,
                   char *why, size_t size)
{
    struct unit *unit = find(units, node);
    int64_t silent_ms = unit != NULL ? silent_for_ms(unit) : 0;
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Probe body = FT__PROBE__INIT;

    if (unit == NULL || silent_ms > SILENT_MS) {
        if (unit == NULL)
            snprintf(why, size, "its unit is not connected");
        else
            snprintf(why, size, "its unit has been silent for %" PRId64 " ms", silent_ms);
        return -1;
    }
    body.run_check = units->config.run_check;
    body.timeout_ms = timeout_ms;
    message.id = probe;
    message.body_case = FT__MESSAGE__BODY_PROBE;
    message.probe = &body;
    if (ft_link_send(unit->source.link, &message) == 0)
        return 0;
    snprintf(why, size, "its unit cannot be asked: %s", strerror(errno));
    return -1;
}

int ft_units_end_rank(struct ft_units *units, const char *node, const char *job, int rank, char *why,
                      size_t size)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__EndRank body = FT__END_RANK__INIT;

    body.job = (char *) (uintptr_t) job;
    body.rank = rank;
    body.why = (char[]) {"it was given a lost rank's place, and did not begin in time"};
    message.body_case = FT__MESSAGE__BODY_END_RANK;
    message.end_rank = &body;
    if (ft_units_send(units, node, &message) == 0)
        return 0;
    if (errno == ENOTCONN)
        snprintf(why, size, "its unit is not connected");
    else
        snprintf(why, size, "its unit cannot be told: %s", strerror(errno));
    return -1;
}
