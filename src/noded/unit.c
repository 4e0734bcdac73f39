/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unit.c - owns the loop and the unit's parts, and connects them.
 *
 *     clients.c  <-- Hello, Request, Cancel --  processes of this node
 *        |  ^
 *        v  | Reply
 *     relay.c    -- Request, Cancel, Reply -->  central.c  <--->  the central unit
 *                                                 |   ^
 *                       Probe, NeedTopology, Leave|   |NodeInfo, ProbeResult, Topology, Leave
 *                                                 v   |
 *                                               unit.c --> probe.c --> child processes
 *
 * Life: measure this node once; tell the central unit what it is (NodeInfo) whenever the link
 * comes up, and again when a probe finds it changed; end when told to (Leave, SIGTERM), or when
 * the central unit is gone. At the end everything is stopped, and the loop runs on until all has
 * been let go of, for at most STOP_MAX_MS.
 */
#include "config.h"

#include "noded/unit.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "common/log.h"
#include "common/text.h"
#include "ft.h"
#include "noded/central.h"
#include "noded/clients.h"
#include "noded/memory.h"
#include "noded/probe.h"
#include "noded/relay.h"
#include "wire/channel.h"
#include "wire/convert.h"

#define ROLE_UNIT 2
#define FIRST_MEASURE_MS 20000
#define FIRST_MEASURE 0 /* id of the unit's own probe at its start; the central unit's are not 0 */
#define STOP_MAX_MS 3000
#define FILES_MAX (FT_CLIENTS_MAX + 128)

static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
#define SIGNALS (sizeof signals / sizeof signals[0])

struct ft_unit {
    uv_loop_t loop;
    const struct ft_unit_wish *wish;
    Ft__Hello hello;
    char program[64];
    struct ft_relay *relay;
    struct ft_clients *clients;
    struct ft_probes *probes;
    struct ft_central *central;
    uv_signal_t watchers[SIGNALS];
    uv_timer_t guard;          /* used at the end only */
    struct ft_facts facts;
    bool measured;             /* facts are known, or known not to be known */
    bool ending;
    enum ft_unit_end end;
};

static char *borrow(const char *text)
{
    return (char *)(uintptr_t)text; /* protobuf-c's texts are not const, though only read */
}

/* ---------------------------------------------------------------- the end */

static void say_leave(struct ft_unit *unit, const char *reason)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Leave leave = FT__LEAVE__INIT;

    leave.reason = borrow(reason);
    message.body_case = FT__MESSAGE__BODY_LEAVE;
    message.leave = &leave;
    ft_central_send(unit->central, &message); /* if not, it knows already */
}

static void on_guard(uv_timer_t *guard)
{
    ft_log(FT_LOG_ERROR, "something could not be let go of within %d ms; ending all the same",
           STOP_MAX_MS);
    uv_stop(guard->loop);
}

static void unit_end(struct ft_unit *unit, enum ft_unit_end end, const char *reason)
{
    char why[FT_TEXT_MAX];

    if (unit->ending)
        return;
    unit->ending = true;
    unit->end = end;
    snprintf(why, sizeof why, "the unit of node %.100s ends: %.300s", unit->wish->node, reason);
    ft_log(end == FT_UNIT_TOLD ? FT_LOG_INFO : FT_LOG_WARNING, "%s", why);
    say_leave(unit, reason);
    ft_relay_stop(unit->relay, why);
    ft_clients_stop(unit->clients);
    ft_probes_stop(unit->probes);
    ft_central_stop(unit->central);
    for (size_t i = 0; i < SIGNALS; i++)
        uv_close((uv_handle_t *)&unit->watchers[i], NULL);
    uv_timer_start(&unit->guard, on_guard, STOP_MAX_MS, 0);
    uv_unref((uv_handle_t *)&unit->guard); /* it is not waited for itself */
}

static void on_signal(uv_signal_t *watcher, int number)
{
    struct ft_unit *unit = watcher->data;
    char reason[64];

    if (number == SIGHUP) /* a terminal that goes away is nothing to a daemon */
        return;
    snprintf(reason, sizeof reason, "signal %d (%s)", number, strsignal(number));
    unit_end(unit, FT_UNIT_TOLD, reason);
}

/* ---------------------------------------------------------------- what this node is */

static void send_info(struct ft_unit *unit)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__NodeInfo info = FT__NODE_INFO__INIT;
    struct ft_put_facts put;

    if (!unit->measured || !ft_central_is_up(unit->central))
        return;
    if (unit->facts.kind != 0) {
        ft_put_facts(&put, &unit->facts);
        info.facts = &put.facts;
    }
    info.node = borrow(unit->wish->node);
    info.unit_version = borrow(unit->wish->version);
    info.unit_pid = getpid();
    info.boot_id_s = ft_boot_time_s("");
    info.location = unit->wish->config->location;
    message.body_case = FT__MESSAGE__BODY_NODE_INFO;
    message.node_info = &info;
    if (ft_central_send(unit->central, &message) != 0)
        ft_log(FT_LOG_WARNING, "the central unit cannot be told what this node is: %s",
               strerror(errno));
}

/* Takes new facts, if these are any; true if they differ from those known. */
static bool take_facts(struct ft_unit *unit, const Ft__ProbeResult *result)
{
    struct ft_facts facts;

    if (!result->facts || ft_get_facts(result->facts, &facts) != 0 ||
        facts.kind == unit->facts.kind)
        return false;
    unit->facts = facts;
    ft_log(FT_LOG_INFO, "this node: %s%u packages, %u cores, %u hardware threads, %llu MiB, kind "
           "%016llx", facts.shown ? "(as configured) " : "", facts.packages, facts.cores,
           facts.pus, (unsigned long long)(facts.memory_bytes >> 20),
           (unsigned long long)facts.kind);
    return true;
}

static void on_first_measure(void *arg, uint64_t id, const Ft__ProbeResult *result)
{
    struct ft_unit *unit = arg;

    (void)id;
    if (!take_facts(unit, result))
        ft_log(FT_LOG_ERROR, "what this node is could not be measured: %s", result->error);
    else if (*result->error)
        ft_log(FT_LOG_WARNING, "not everything about this node could be measured: %s",
               result->error);
    unit->measured = true;
    send_info(unit);
}

/* ---------------------------------------------------------------- the central unit's questions */

static void on_probed(void *arg, uint64_t id, const Ft__ProbeResult *result)
{
    struct ft_unit *unit = arg;
    Ft__Message message = FT__MESSAGE__INIT;

    message.id = id;
    message.body_case = FT__MESSAGE__BODY_PROBE_RESULT;
    message.probe_result = (Ft__ProbeResult *)(uintptr_t)result;
    ft_log(FT_LOG_INFO, "probed in %.1f ms: %llu MiB free, load %.2f, check %s%d%s%s%s%s",
           result->took_ms, (unsigned long long)(result->memory_free_bytes >> 20), result->load,
           result->check_ran ? "" : "not run, ", result->check_code,
           *result->check_text ? ": " : "", result->check_text, *result->error ? "; error: " : "",
           result->error);
    if (ft_central_send(unit->central, &message) != 0)
        ft_log(FT_LOG_WARNING, "the result of probe %llu cannot be sent: %s",
               (unsigned long long)id, strerror(errno));
    if (take_facts(unit, result))
        send_info(unit);
}

static void on_described(void *arg, uint64_t id, const Ft__Topology *topology, const char *why)
{
    struct ft_unit *unit = arg;
    Ft__Message message = FT__MESSAGE__INIT;

    if (!topology) {
        ft_log(FT_LOG_WARNING, "the topology that the central unit wants: %s", why);
        return;
    }
    message.id = id;
    message.body_case = FT__MESSAGE__BODY_TOPOLOGY;
    message.topology = (Ft__Topology *)(uintptr_t)topology;
    if (ft_central_send(unit->central, &message) != 0)
        ft_log(FT_LOG_WARNING, "the topology cannot be sent: %s", strerror(errno));
}

static void on_central_message(void *arg, const Ft__Message *message)
{
    struct ft_unit *unit = arg;
    char reason[300];

    if (unit->ending)
        return;
    switch (message->body_case) {
    case FT__MESSAGE__BODY_REPLY:
        ft_relay_reply(unit->relay, message);
        break;
    case FT__MESSAGE__BODY_PROBE:
        ft_probes_start(unit->probes, message->id, message->probe->run_check,
                        message->probe->timeout_ms, on_probed, unit);
        break;
    case FT__MESSAGE__BODY_NEED_TOPOLOGY:
        ft_probes_describe(unit->probes, message->id, on_described, unit);
        break;
    case FT__MESSAGE__BODY_LEAVE:
        snprintf(reason, sizeof reason, "told so by the central unit: %.200s",
                 message->leave->reason);
        unit_end(unit, FT_UNIT_TOLD, reason);
        break;
    default: /* a newer central unit's; fields are only added */
        ft_log(FT_LOG_DEBUG, "a message of type %d from the central unit is not known here",
               (int)message->body_case);
    }
}

static void on_central_up(void *arg)
{
    struct ft_unit *unit = arg;

    send_info(unit);
    ft_relay_up(unit->relay);
}

static void on_central_down(void *arg, const char *why)
{
    struct ft_unit *unit = arg;

    ft_relay_down(unit->relay, why);
}

static void on_central_given_up(void *arg, const char *why, bool is_over)
{
    unit_end(arg, is_over ? FT_UNIT_TOLD : FT_UNIT_FORSAKEN, why);
}

static const struct ft_central_events central_events = {
    .up = on_central_up,
    .down = on_central_down,
    .message = on_central_message,
    .given_up = on_central_given_up,
};

/* ---------------------------------------------------------------- the relay's ways */

static int to_central(void *arg, const Ft__Message *message)
{
    struct ft_unit *unit = arg;

    return ft_central_send(unit->central, message);
}

static int to_client(void *arg, struct ft_relay_client *client, const Ft__Message *message)
{
    struct ft_unit *unit = arg;

    return ft_clients_send(unit->clients, client, message);
}

static const struct ft_relay_ways relay_ways = {.to_central = to_central, .to_client = to_client};

/* ---------------------------------------------------------------- life */

static void make_hello(struct ft_unit *unit)
{
    const struct ft_unit_wish *wish = unit->wish;

    ft__hello__init(&unit->hello);
    snprintf(unit->program, sizeof unit->program, "ft-noded %.40s", wish->version);
    unit->hello.protocol = FT_PROTOCOL;
    unit->hello.program = unit->program;
    unit->hello.node = borrow(wish->node);
    unit->hello.job = borrow(wish->session);
    unit->hello.rank = -1;
    unit->hello.pid = getpid();
    unit->hello.role = ROLE_UNIT;
}

/* Each client takes a descriptor; systems start with room for about a thousand. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= FILES_MAX)
        return;
    limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < FILES_MAX)
        ft_log(FT_LOG_WARNING, "this unit may open %llu files only: fewer than %d processes can be "
               "connected", (unsigned long long)limit.rlim_cur, FT_CLIENTS_MAX);
}

static void watch_signals(struct ft_unit *unit)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    sigaction(SIGPIPE, &ignore, NULL); /* libuv's children have it at its default */
    for (size_t i = 0; i < SIGNALS; i++) {
        uv_signal_init(&unit->loop, &unit->watchers[i]);
        unit->watchers[i].data = unit;
        uv_signal_start(&unit->watchers[i], on_signal, signals[i]);
    }
    uv_timer_init(&unit->loop, &unit->guard);
}

/* False with `why`; what was made is let go of by ft_unit_destroy. */
static bool make_parts(struct ft_unit *unit, char *why, size_t why_size)
{
    const struct ft_unit_wish *wish = unit->wish;

    unit->relay = ft_relay_create(&unit->loop, wish->node, &relay_ways, unit);
    unit->probes = ft_probes_create(&unit->loop, wish->config, wish->node, wish->session);
    if (!unit->relay || !unit->probes) {
        snprintf(why, why_size, "out of memory");
        return false;
    }
    unit->clients = ft_clients_create(&unit->loop, wish->socket, &unit->hello, unit->relay);
    if (!unit->clients) {
        snprintf(why, why_size, "socket %s: %s", wish->socket, strerror(errno));
        return false;
    }
    unit->central = ft_central_create(&unit->loop, wish->orders, &unit->hello, &central_events,
                                      unit);
    if (!unit->central)
        snprintf(why, why_size, "out of memory");
    return unit->central != NULL;
}

struct ft_unit *ft_unit_create(const struct ft_unit_wish *wish, char *why, size_t why_size)
{
    struct ft_unit *unit = calloc(1, sizeof *unit);
    int error;

    if (!unit) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    error = uv_loop_init(&unit->loop);
    if (error != 0) {
        snprintf(why, why_size, "no event loop: %s", uv_strerror(error));
        free(unit);
        return NULL;
    }
    unit->wish = wish;
    make_hello(unit);
    raise_file_limit();
    watch_signals(unit);
    if (make_parts(unit, why, why_size)) {
        ft_probes_start(unit->probes, FIRST_MEASURE, false, FIRST_MEASURE_MS, on_first_measure,
                        unit);
        return unit;
    }
    ft_unit_destroy(unit);
    return NULL;
}

enum ft_unit_end ft_unit_run(struct ft_unit *unit)
{
    ft_log(FT_LOG_INFO, "the unit of node %s for session %s listens at %s", unit->wish->node,
           unit->wish->session, unit->wish->socket);
    uv_run(&unit->loop, UV_RUN_DEFAULT);
    return unit->end;
}

static void close_any(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void ft_unit_destroy(struct ft_unit *unit)
{
    if (!unit)
        return;
    /* Either the loop has run out, or the unit was never run and has only handles of its own and of
     * parts that are freed below, or the guard stopped it: then what hangs is left to the exit. */
    if (!unit->ending && unit->clients)
        ft_clients_stop(unit->clients);
    if (!unit->ending)
        uv_walk(&unit->loop, close_any, NULL);
    close_any((uv_handle_t *)&unit->guard, NULL);
    uv_run(&unit->loop, UV_RUN_NOWAIT);
    if (uv_loop_close(&unit->loop) != 0)
        return;
    ft_central_destroy(unit->central);
    ft_clients_destroy(unit->clients);
    ft_probes_destroy(unit->probes);
    ft_relay_destroy(unit->relay);
    free(unit);
}
