/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unit.c - owns the loop and the unit's parts, and connects them.
 *
 *     clients.c  <-- Hello, Request, Cancel --  processes of this node
 *        |  ^
 *        v  | Reply
 *     relay.c    -- Request, Cancel, Reply -->  uplink.c  <--->  the central unit
 *        |                                        |   ^
 *     ranks.c    Probe, NeedTopology, Welcome, .. |   | NodeInfo, ProbeResult, Topology, Sample, ..
 *                                                 v   |
 *                 unit.c --> probe.c --> child processes     collect.c, modules.c (node's own unit)
 *                   ^  |
 *        lease over |  | Welcome, Pong
 *                 heart.c  <-- datagrams --> the central unit, other units
 *                   '----> discovery.c (IDENTIFY; node's own unit) --> uplink.c: there it is
 *
 * Two kinds: a session's unit, which lives and dies with the job, and the node's own, which lives
 * as long as the node runs and never gives the central unit up.
 *
 * Life: measure this node once; tell the central unit what it is (NodeInfo) whenever the link
 * comes up, and again when a probe finds it changed; end when told to (Leave, SIGTERM), or when a
 * job's central unit is gone. At the end everything is stopped, and the loop runs on until all has
 * been let go of, for at most STOP_MAX_MS. Modules are not stopped: the next unit takes them over.
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
#include "common/urgent.h"
#include "ft.h"
#include "net/address.h"
#include "net/link.h"
#include "net/service.h"
#include "noded/boot.h"
#include "noded/clients.h"
#include "noded/collect.h"
#include "noded/discovery.h"
#include "noded/heart.h"
#include "noded/memory.h"
#include "noded/modules.h"
#include "noded/probe.h"
#include "noded/ranks.h"
#include "noded/redeploy.h"
#include "noded/relay.h"
#include "noded/uplink.h"
#include "wire/channel.h"
#include "wire/convert.h"
#include "wire/verbs.h"

#define ROLE_UNIT 2
#define FIRST_MEASURE_MS 20000
#define OWN_CHECK_MS 60000
#define FIRST_MEASURE 0 /* id of the unit's own probe at its start; the central unit's are not 0 */
#define STOP_MAX_MS 3000
#define FILES_MAX (FT_CLIENTS_MAX + 128)

static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
#define SIGNALS (sizeof signals / sizeof signals[0])

struct ft_unit {
    uv_loop_t loop;
    const struct ft_unit_wish *wish;
    Ft__Hello hello;
    char program[64], boot[FT_BOOT_TEXT_MAX];
    struct ft_uplink_wish uplink_wish;
    struct ft_ident_wish ident_wish;
    struct ft_collect_config collect_config;
    struct ft_relay *relay;
    struct ft_ranks *ranks;
    struct ft_clients *clients;
    struct ft_probes *probes;
    struct ft_heart *heart;
    struct ft_uplink *uplink;
    struct ft_service *service;
    struct ft_ident *ident;     /* the node's own unit only, from here */
    struct ft_collect *collect;
    struct ft_modules *modules;
    struct ft_repairer *repairer;
    uv_signal_t watchers[SIGNALS];
    uv_timer_t guard;          /* used at the end only */
    struct ft_facts facts;
    bool measured;             /* facts are known, or known not to be known */
    bool ending;
    enum ft_unit_end end;
};

static bool is_own(const struct ft_unit *unit)
{
    return unit->wish->session == NULL;
}

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
    ft_uplink_send(unit->uplink, &message); /* if not, it knows already */
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
    ft_ranks_stop(unit->ranks);
    ft_clients_stop(unit->clients);
    ft_probes_stop(unit->probes);
    ft_heart_stop(unit->heart, end == FT_UNIT_TOLD);
    ft_uplink_stop(unit->uplink);
    ft_service_stop(unit->service);
    if (is_own(unit)) {
        ft_ident_stop(unit->ident);
        ft_collect_stop(unit->collect);
        ft_modules_stop(unit->modules); /* they run on */
        ft_repairer_stop(unit->repairer);
    }
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

    if (!unit->measured || !ft_uplink_is_up(unit->uplink))
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
    if (ft_uplink_send(unit->uplink, &message) != 0)
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
    if (ft_uplink_send(unit->uplink, &message) != 0)
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
    if (ft_uplink_send(unit->uplink, &message) != 0)
        ft_log(FT_LOG_WARNING, "the topology cannot be sent: %s", strerror(errno));
}

/* ---------------------------------------------------------------- the lease */

/* Until the central unit says what ft.conf has. */
static const struct ft_plan_forecast forecast_defaults = {
    .memory_min_pct = 3, .disk_min_pct = 2, .horizon_s = 300, .celsius_max = 95,
    .ecc_corrected_hour_max = 1000, .check_failures = 3,
};

static struct ft_plan_forecast read_forecast(const Ft__Forecast *message)
{
    return (struct ft_plan_forecast){
        .memory_min_pct = message->memory_min_pct,
        .disk_min_pct = message->disk_min_pct,
        .horizon_s = message->horizon_s,
        .celsius_max = message->celsius_max,
        .ecc_uncorrected_max = message->ecc_uncorrected_max,
        .ecc_corrected_hour_max = message->ecc_corrected_hour_max,
        .check_failures = message->check_failures,
    };
}

/* What the leader wants of its units, after each Hello and whenever it changes. */
static void take_welcome(struct ft_unit *unit, const Ft__Welcome *welcome)
{
    struct sockaddr_storage central;

    if (ft_uplink_address(unit->uplink, &central))
        ft_heart_welcome(unit->heart, welcome, (struct sockaddr *)&central);
    if (!is_own(unit))
        return;
    ft_uplink_learn(unit->uplink, welcome->centrals, welcome->n_centrals, FT_CENTRAL_PORT_DEFAULT);
    if (welcome->forecast) {
        const struct ft_plan_forecast forecast = read_forecast(welcome->forecast);

        ft_collect_set(unit->collect, &forecast);
    }
    ft_modules_welcome(unit->modules, welcome->term);
    ft_repairer_welcome(unit->repairer, welcome->term);
    ft_collect_up(unit->collect);
}

static void on_lease_got(void *arg, int64_t until_ns)
{
    struct ft_unit *unit = arg;

    ft_uplink_heard(unit->uplink);
    ft_ranks_lease_back(unit->ranks);
    if (is_own(unit))
        ft_modules_lease(unit->modules, until_ns);
}

/* Ranks outlive a central unit that hangs, for as long as its host is there: nobody else decides
 * about them meanwhile. What may never run twice does not. */
static void on_lease_lost(void *arg, enum ft_lease_end end, const char *why)
{
    struct ft_unit *unit = arg;

    if (is_own(unit))
        ft_modules_lease_lost(unit->modules);
    if (end == FT_LEASE_CUT)
        ft_ranks_lease_lost(unit->ranks, why);
    else if (end == FT_LEASE_FENCED)
        ft_ranks_declared(unit->ranks, why);
}

static int host_silent_ms(void *arg)
{
    struct ft_unit *unit = arg;

    return ft_uplink_host_silent_ms(unit->uplink);
}

static int send_instead(void *arg, const Ft__Message *message)
{
    struct ft_unit *unit = arg;

    return ft_uplink_send(unit->uplink, message);
}

static void on_other_datagram(void *arg, const uint8_t *bytes, size_t n,
                              const struct sockaddr *from)
{
    struct ft_unit *unit = arg;

    if (unit->ident && !unit->ending)
        ft_ident_take(unit->ident, bytes, n, from);
}

static const struct ft_heart_events heart_events = {
    .lease_got = on_lease_got,
    .lease_lost = on_lease_lost,
    .host_silent_ms = host_silent_ms,
    .send = send_instead,
    .other = on_other_datagram,
};

static void on_leader_found(void *arg, const char *hosts, uint16_t port, uint64_t term)
{
    struct ft_unit *unit = arg;

    ft_uplink_hint(unit->uplink, hosts, port, term);
}

/* ---------------------------------------------------------------- the central unit's link */

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
    case FT__MESSAGE__BODY_WELCOME:
        take_welcome(unit, message->welcome);
        break;
    case FT__MESSAGE__BODY_MODULE_ORDER:
        if (is_own(unit))
            ft_modules_order(unit->modules, message->module_order);
        break;
    case FT__MESSAGE__BODY_REPAIR:
        if (is_own(unit))
            ft_repairer_take(unit->repairer, message->id, message->repair);
        break;
    case FT__MESSAGE__BODY_PONG:
        ft_heart_pong(unit->heart, message->pong);
        break;
    case FT__MESSAGE__BODY_PROBE:
        ft_probes_start(unit->probes, message->id, message->probe->run_check,
                        message->probe->timeout_ms, on_probed, unit);
        break;
    case FT__MESSAGE__BODY_END_RANK:
        ft_ranks_end_one(unit->ranks, message->end_rank->job, message->end_rank->rank,
                         message->end_rank->why);
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
    if (is_own(unit))
        ft_service_status(unit->service, "connected to a central unit");
}

static void on_central_down(void *arg, const char *why)
{
    struct ft_unit *unit = arg;

    ft_relay_down(unit->relay, why);
    if (!is_own(unit) || unit->ending)
        return;
    ft_modules_central_down(unit->modules);
    ft_service_status(unit->service, "no central unit in reach");
}

static void on_central_given_up(void *arg, const char *why, bool is_over)
{
    unit_end(arg, is_over ? FT_UNIT_TOLD : FT_UNIT_FORSAKEN, why);
}

static const struct ft_uplink_events uplink_events = {
    .up = on_central_up,
    .down = on_central_down,
    .message = on_central_message,
    .given_up = on_central_given_up,
};

/* ---------------------------------------------------------------- the relay's ways */

static int to_central(void *arg, const Ft__Message *message)
{
    struct ft_unit *unit = arg;

    return ft_uplink_send(unit->uplink, message);
}

static int to_client(void *arg, struct ft_relay_client *client, const Ft__Message *message)
{
    struct ft_unit *unit = arg;

    return ft_clients_send(unit->clients, client, message);
}

static int ranks_here(void *arg, const struct ft_relay_client *client, const Ft__Request *request,
                      char *why, size_t size)
{
    struct ft_unit *unit = arg;

    return ft_ranks_here(unit->ranks, client->uid, request, why, size);
}

/* A rank's connection ends when the kernel has begun to end its process, a while before that has an
 * end: the earliest that anyone can know of it. */
static void client_left(void *arg, const struct ft_relay_client *client)
{
    struct ft_unit *unit = arg;
    Ft__Request request = FT__REQUEST__INIT;
    Ft__Process process = FT__PROCESS__INIT, *list = &process;
    int signal = client->rank >= 0 && !client->launcher
                     ? ft_ranks_killed_by(unit->ranks, client->job, client->rank, client->pid)
                     : 0;

    if (signal == 0 || unit->ending)
        return;
    process.rank = client->rank;
    process.pid = client->pid;
    process.node = borrow(unit->wish->node);
    request.verb = FT_VERB_PROCESS_ENDED;
    request.job = borrow(client->job);
    request.usage = FT_ENDED_SIGNAL;
    request.code = signal;
    request.processes = &list;
    request.n_processes = 1;
    if (!ft_relay_own(unit->relay, &request))
        ft_log(FT_LOG_INFO, "the central unit is not told that rank %d of job %s was killed: %s; "
               "its launcher will tell it", (int) client->rank, client->job, strerror(errno));
}

static const struct ft_relay_ways relay_ways = {.to_central = to_central,
                                                .to_client = to_client,
                                                .ranks_here = ranks_here,
                                                .client_left = client_left};

/* ---------------------------------------------------------------- the unit's own events */

/* An entry for the central unit's event log; waits for the link if there is none. */
static void report_event(void *arg, const char *name, const char *job, int rank, const char *text)
{
    struct ft_unit *unit = arg;
    Ft__Request request = FT__REQUEST__INIT;
    Ft__Resource about = FT__RESOURCE__INIT;

    about.kind = rank >= 0 ? FT_RANK : FT_NODE;
    about.node = borrow(unit->wish->node);
    about.name = borrow(name);
    if (job != NULL)
        about.job = borrow(job);
    if (rank >= 0)
        about.number = rank;
    request.verb = FT_VERB_NODE_EVENT;
    request.resource = &about;
    request.text = borrow(text);
    if (!ft_relay_own(unit->relay, &request))
        ft_log(FT_LOG_WARNING, "the central unit is not told of \"%s\": %s", name,
               strerror(errno));
}

/* ---------------------------------------------------------------- the node's own readings */

static void on_checked(void *arg, uint64_t id, const Ft__ProbeResult *result)
{
    struct ft_unit *unit = arg;

    (void)id;
    if (result->check_ran && !unit->ending)
        ft_collect_checked(unit->collect, result->check_code);
    if (take_facts(unit, result))
        send_info(unit);
}

static bool run_check(void *arg)
{
    struct ft_unit *unit = arg;

    if (!*unit->wish->config->check)
        return false;
    ft_probes_start(unit->probes, FIRST_MEASURE, true, OWN_CHECK_MS, on_checked, unit);
    return true;
}

static const struct ft_collect_ways collect_ways = {.send = to_central, .check = run_check};

/* ---------------------------------------------------------------- life */

static void make_hello(struct ft_unit *unit)
{
    const struct ft_unit_wish *wish = unit->wish;

    ft__hello__init(&unit->hello);
    snprintf(unit->program, sizeof unit->program, "ft-noded %.40s", wish->version);
    unit->hello.protocol = FT_PROTOCOL;
    unit->hello.program = unit->program;
    unit->hello.node = borrow(wish->node);
    unit->hello.job = borrow(wish->session ? wish->session : "");
    unit->hello.boot = unit->boot;
    unit->hello.start = ft_boot_run();
    ft_boot_text("", unit->boot);
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

static bool make_heart(struct ft_unit *unit, char *why, size_t why_size)
{
    const struct ft_unit_wish *wish = unit->wish;
    uint16_t port = is_own(unit) ? (uint16_t)wish->config->port : 0;

    unit->heart = ft_heart_create(&unit->loop, wish->node, unit->hello.start, port, &heart_events,
                                  unit);
    if (!unit->heart) {
        snprintf(why, why_size, "UDP port %u: %s", port, strerror(errno));
        return false;
    }
    unit->hello.udp_port = ft_heart_port(unit->heart);
    return true;
}

static bool make_uplink(struct ft_unit *unit)
{
    const struct ft_unit_wish *wish = unit->wish;

    unit->uplink_wish = (struct ft_uplink_wish){
        .identity = wish->identity, .hello = &unit->hello, .lasts = is_own(unit)};
    unit->uplink = ft_uplink_create(&unit->loop, &unit->uplink_wish, &uplink_events, unit);
    if (!unit->uplink)
        return false;
    if (!is_own(unit))
        return ft_uplink_add(unit->uplink, wish->orders->hosts, wish->orders->port);
    for (char **central = wish->config->centrals; *central; central++)
        ft_uplink_add_text(unit->uplink, *central, FT_CENTRAL_PORT_DEFAULT);
    return true;
}

/* What a session's unit has not. */
static bool make_own(struct ft_unit *unit, char *why, size_t why_size)
{
    const struct ft_unit_wish *wish = unit->wish;
    const struct ft_modules_wish modules = {.node = wish->node, .folder = wish->modules,
                                            .logs = wish->logs, .send = to_central, .arg = unit};
    const struct ft_repairer_wish repairer = {.config = wish->config, .version = wish->version,
                                              .send = to_central, .arg = unit};

    if (!is_own(unit))
        return true;
    unit->ident_wish = (struct ft_ident_wish){
        .node = wish->node, .program = unit->program, .run = unit->hello.start,
        .identity = wish->identity, .udp = ft_heart_udp(unit->heart), .found = on_leader_found,
        .arg = unit};
    unit->ident = ft_ident_create(&unit->loop, &unit->ident_wish);
    unit->collect_config.root = "";
    unit->collect_config.forecast = forecast_defaults;
    unit->collect = ft_collect_create(&unit->loop, &unit->collect_config, &collect_ways, unit);
    unit->repairer = ft_repairer_create(&unit->loop, &repairer);
    if (!unit->ident || !unit->collect || !unit->repairer)
        return false;
    unit->modules = ft_modules_create(&unit->loop, &modules, why, why_size);
    return unit->modules != NULL;
}

/* False with `why`; what was made is let go of by ft_unit_destroy. */
static bool make_parts(struct ft_unit *unit, char *why, size_t why_size)
{
    const struct ft_unit_wish *wish = unit->wish;

    unit->relay = ft_relay_create(&unit->loop, wish->node, &relay_ways, unit);
    unit->probes = ft_probes_create(&unit->loop, wish->config, wish->node,
                                    wish->session ? wish->session : "");
    unit->ranks = ft_ranks_create(&unit->loop, report_event, unit);
    unit->service = ft_service_create(&unit->loop);
    snprintf(why, why_size, "out of memory");
    if (!unit->relay || !unit->probes || !unit->ranks || !unit->service ||
        !make_heart(unit, why, why_size) || !make_uplink(unit) || !make_own(unit, why, why_size))
        return false;
    unit->clients = ft_clients_create(&unit->loop, wish->socket, is_own(unit), &unit->hello,
                                      unit->relay);
    if (!unit->clients)
        snprintf(why, why_size, "socket %s: %s", wish->socket, strerror(errno));
    return unit->clients != NULL;
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
    (void) ft_urgent(); /* where it is not allowed there is nothing to be done */
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
    const char *session = unit->wish->session;

    ft_log(FT_LOG_INFO, "the unit of node %s%s%s listens at %s, UDP port %u, proves itself by %s",
           unit->wish->node, session ? " for session " : "", session ? session : "",
           unit->wish->socket, unit->hello.udp_port, ft_identity_text(unit->wish->identity));
    if (is_own(unit))
        ft_service_ready(unit->service, "waiting for a central unit");
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
    ft_repairer_destroy(unit->repairer);
    ft_modules_destroy(unit->modules);
    ft_collect_destroy(unit->collect);
    ft_ident_destroy(unit->ident);
    ft_service_destroy(unit->service);
    ft_uplink_destroy(unit->uplink);
    ft_heart_destroy(unit->heart);
    ft_clients_destroy(unit->clients);
    ft_probes_destroy(unit->probes);
    ft_ranks_destroy(unit->ranks);
    ft_relay_destroy(unit->relay);
    free(unit);
}
