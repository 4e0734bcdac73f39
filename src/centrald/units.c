/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * units.c - owns the TCP listener and one object for each node unit that is connected.
 *
 * A unit connects, proves that it holds the session's key (net/link), and says Hello with its
 * node's name; from then on it speaks for that node:
 *
 *     NodeInfo     -> core: the node's facts; a kind of hardware not seen before: NeedTopology back
 *     Topology     -> cms: kept once a kind
 *     Request      -> requests.c, with the asker that the unit vouches for
 *     Cancel       -> requests.c
 *     ProbeResult  -> core                        Probe  core -> unit
 *     Ping         -> Pong                        Leave  at the end -> unit
 *     Leave        -> the unit ends in order
 *
 * One unit a node: a new link takes the place of the one before it (a unit that was restarted, or
 * whose old connection broke without this side having noticed). Units ping when they hear nothing
 * for 2 s, so a unit that was silent for SILENT_MS is not worth a probe; nothing here wakes up to
 * find that out.
 */
#include "centrald/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
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

#define SILENT_MS 5000

struct unit {
    struct ft_units *units;
    struct ft_request_source source; /* its link among others */
    char node[FT_NAME_MAX];          /* "" before Hello */
    int64_t heard_ms;
    bool closing;
    bool replaced; /* its end is no news: another link speaks for the node now, or all end */
    bool leaving;  /* it ends in order */
    struct unit *next, *previous;
};

struct ft_units {
    struct ft_units_config config;
    struct ft_listener *listener;
    struct unit *first;
    size_t n;
};

static void on_accepted(void *arg, struct ft_link *link);

struct ft_units *ft_units_create(const struct ft_units_config *config)
{
    struct ft_units *units = calloc(1, sizeof *units);

    if (units == NULL)
        return NULL;
    units->config = *config;
    units->listener = ft_listener_tcp(config->loop, NULL, 0, config->key, on_accepted, units);
    units->config.key = NULL;
    if (units->listener == NULL) {
        int error = errno;

        free(units);
        errno = error;
        return NULL;
    }
    return units;
}

uint16_t ft_units_port(const struct ft_units *units)
{
    return ft_listener_port(units->listener);
}

size_t ft_units_count(const struct ft_units *units)
{
    return units->n;
}

void ft_units_destroy(struct ft_units *units)
{
    free(units);
}

static struct unit *find(const struct ft_units *units, const char *node)
{
    struct unit *unit = units->first;

    while (unit != NULL && (unit->closing || unit->node[0] == '\0' ||
                            !ft_node_names_equal(unit->node, node)))
        unit = unit->next;
    return unit;
}

static void close_unit(struct unit *unit)
{
    unit->closing = true;
    ft_link_close(unit->source.link);
}

static void send_to(struct unit *unit, const Ft__Message *message, const char *what)
{
    if (ft_link_send(unit->source.link, message) == 0)
        return;
    ft_log_warning("%s could not be sent to the unit of node %s: %s", what, unit->node,
                   strerror(errno));
    close_unit(unit);
}

/* ---------------------------------------------------------------- what units say */

static void take_hello(struct unit *unit, const Ft__Hello *hello)
{
    struct ft_units *units = unit->units;
    struct unit *before;

    if (unit->node[0] != '\0') {
        ft_log_warning("the unit of node %s said Hello twice: its connection is closed",
                       unit->node);
        close_unit(unit);
        return;
    }
    if (!ft_hello_answer(unit->source.link, hello, units->config.node, true)) {
        unit->closing = true;
        return;
    }
    before = find(units, hello->node);
    if (before != NULL) {
        before->replaced = true;
        close_unit(before);
    }
    ft_text_copy(unit->node, sizeof unit->node, hello->node);
    if (ft_central_unit_up(units->config.central, unit->node, hello->program) < 0) {
        ft_log_error("the unit of node %s cannot be taken in: %s", unit->node, strerror(errno));
        close_unit(unit);
    }
}

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
    struct ft_central *central = unit->units->config.central;
    struct ft_facts facts;
    size_t n;

    if (info->facts == NULL || ft_get_facts(info->facts, &facts) < 0) {
        ft_log_warning("what the unit of node %s says of its hardware cannot be understood",
                       unit->node);
        return;
    }
    if (info->location[0] != '\0' &&
        ft_central_set_location(central, unit->node, info->location) < 0)
        ft_log_warning("the location \"%.200s\" of node %s is not used: %s", info->location,
                       unit->node, strerror(errno));
    if (ft_central_unit_facts(central, unit->node, &facts) < 0)
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
    ft_central_probe_result(unit->units->config.central, probe, &measured);
}

static void take_request(struct unit *unit, const Ft__Message *message)
{
    const Ft__Asker *from = message->request->asker;
    struct ft_asker asker = {
        .node = unit->node,
        .job = from != NULL ? from->job : "",
        .rank = from != NULL ? from->rank : -1,
        .pid = from != NULL ? from->pid : 0,
        .launcher = false, /* the launcher comes by central.sock */
    };

    ft_requests_take(unit->units->config.requests, &unit->source, message, &asker);
}

static void on_message(void *arg, struct ft_link *link, const Ft__Message *message)
{
    struct unit *unit = arg;

    if (unit->closing)
        return;
    unit->heard_ms = ft_clock_ms();
    if (message->body_case == FT__MESSAGE__BODY_HELLO) {
        take_hello(unit, message->hello);
        return;
    }
    if (unit->node[0] == '\0') {
        ft_log_warning("%s did not say Hello first: its connection is closed", ft_link_peer(link));
        close_unit(unit);
        return;
    }
    switch (message->body_case) {
    case FT__MESSAGE__BODY_NODE_INFO:
        take_info(unit, message->node_info);
        break;
    case FT__MESSAGE__BODY_TOPOLOGY:
        take_topology(unit, message->topology);
        break;
    case FT__MESSAGE__BODY_REQUEST:
        take_request(unit, message);
        break;
    case FT__MESSAGE__BODY_CANCEL:
        ft_requests_cancel(unit->units->config.requests, &unit->source, message->id);
        break;
    case FT__MESSAGE__BODY_PROBE_RESULT:
        take_probe(unit, message->id, message->probe_result);
        break;
    case FT__MESSAGE__BODY_PING:
        ft_hello_pong(link, message->ping);
        break;
    case FT__MESSAGE__BODY_LEAVE:
        unit->leaving = true;
        break;
    default: /* a newer unit's; fields are only added */
        break;
    }
}

/* ---------------------------------------------------------------- coming and going */

static void on_closed(void *arg, struct ft_link *link, int error, const char *text)
{
    struct unit *unit = arg;
    struct ft_units *units = unit->units;

    (void) link;
    if (unit->previous != NULL)
        unit->previous->next = unit->next;
    else
        units->first = unit->next;
    if (unit->next != NULL)
        unit->next->previous = unit->previous;
    units->n--;
    ft_requests_source_gone(units->config.requests, &unit->source, false);
    if (unit->node[0] != '\0' && !unit->replaced)
        ft_central_unit_down(units->config.central, unit->node,
                             unit->leaving ? "it ended in order"
                             : error == 0  ? "the connection was closed"
                                           : text);
    free(unit);
}

static const struct ft_link_events link_events = {.message = on_message, .closed = on_closed};

static void on_accepted(void *arg, struct ft_link *link)
{
    struct ft_units *units = arg;
    struct unit *unit;

    if (units->n >= FT_UNITS_MAX) {
        ft_log_warning("a unit at %s is turned away: %d are connected", ft_link_peer(link),
                       FT_UNITS_MAX);
        return;
    }
    unit = calloc(1, sizeof *unit);
    if (unit == NULL) {
        ft_log_error("a unit at %s is turned away: out of memory", ft_link_peer(link));
        return;
    }
    unit->units = units;
    unit->source.link = link;
    unit->heard_ms = ft_clock_ms();
    unit->next = units->first;
    if (units->first != NULL)
        units->first->previous = unit;
    units->first = unit;
    units->n++;
    ft_link_accept(link, &link_events, unit);
}

void ft_units_leave(struct ft_units *units, const char *reason)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Leave leave = FT__LEAVE__INIT;

    if (units->listener != NULL)
        ft_listener_close(units->listener);
    units->listener = NULL;
    leave.reason = (char *) reason;
    message.body_case = FT__MESSAGE__BODY_LEAVE;
    message.leave = &leave;
    for (struct unit *unit = units->first; unit != NULL; unit = unit->next) {
        unit->replaced = true; /* core need not hear of it any more */
        if (!unit->closing)
            send_to(unit, &message, "the word to leave");
        close_unit(unit);
    }
}

/* ---------------------------------------------------------------- probes */

int ft_units_probe(struct ft_units *units, uint64_t probe, const char *node, unsigned timeout_ms,
                   char *why, size_t size)
{
    struct unit *unit = find(units, node);
    int64_t silent_ms = unit != NULL ? ft_clock_ms() - unit->heard_ms : 0;
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
