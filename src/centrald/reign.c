/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reign.c - owns all that a central unit has only while it leads: makes the parts (parts.h), fills
 * core's table of effects (env.h) with them, restores them from the ledger, ends them.
 *
 * Called by server.c (per-job) and system.c, which hand in those who come. Requests reach core
 * through requests.c and sessions.c; what happens to nodes through nodes.c; time through later.c.
 * What core does to the world goes out here:
 *
 *     keep, number, log           scribe.c     the ledger, the outbox, the event log
 *     reply                       requests.c
 *     probe                       units.c
 *     want_unit                   summons.c    a unit is started, or looked for
 *     acquire, abandon, release   spares.c     the resource manager
 *     suspect, time_lost          spares.c     its administrator (pleas.c)
 *     configured, explain         site.c       what a node should be
 */
#include "centrald/reign.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "centrald/carried.h"
#include "centrald/clients.h"
#include "centrald/collector.h"
#include "centrald/later.h"
#include "centrald/lead.h"
#include "centrald/modules.h"
#include "centrald/nodes.h"
#include "centrald/orders.h"
#include "centrald/parts.h"
#include "centrald/pleas.h"
#include "centrald/redeploy.h"
#include "centrald/requests.h"
#include "centrald/scribe.h"
#include "centrald/sessions.h"
#include "centrald/site.h"
#include "centrald/spares.h"
#include "centrald/summons.h"
#include "centrald/units.h"
#include "centrald/watch.h"
#include "common/clock.h"
#include "common/hostlist.h"
#include "common/log.h"
#include "core/central.h"
#include "topology/compare.h"

#define UNIT_GONE_MS 10000 /* a node whose unit is gone, and stays gone, is declared lost */

struct ft_reign {
    struct ft_reign_config config;
    struct ft_reign_events events;
    void *arg;
    struct ft_parts parts;
    struct ft_lead lead;
    int64_t begun_ns;
    bool is_system; /* has a ledger, modules, readings */
    bool stopped;
};

/* ---------------------------------------------------------------- core's effects */

static void do_keep(void *arg, const char *key, const void *data, size_t n)
{
    ft_reign_keep(arg, key, data, n);
}

static uint64_t do_number(void *arg, enum ft_number what)
{
    return ft_scribe_number(((struct ft_reign *) arg)->parts.scribe, what);
}

/* What is of a session is its user's. */
static void do_log(void *arg, const struct ft_event *event)
{
    const struct ft_parts *parts = &((struct ft_reign *) arg)->parts;
    struct ft_event copy = *event;
    struct ft_session_owner owner;

    if (event->session != 0 && ft_sessions_owner(parts->sessions, event->session, &owner)) {
        copy.is_private = true;
        copy.owner = owner.uid;
    }
    ft_scribe_log(parts->scribe, &copy);
}

static int64_t do_now_ns(void *arg)
{
    (void) arg;
    return (int64_t) ft_clock_ns();
}

static void do_reply(void *arg, uint64_t token, const ftReply_t *reply)
{
    struct ft_reign *reign = arg;

    if (!ft_scribe_is_mute(reign->parts.scribe))
        ft_requests_reply(reign->parts.requests, token, reply);
}

static int do_probe(void *arg, uint64_t probe, const char *node, unsigned timeout_ms, char *why,
                    size_t size)
{
    struct ft_reign *reign = arg;

    return ft_units_probe(reign->parts.units, probe, node, timeout_ms, why, size);
}

static int do_end_rank(void *arg, const char *node, const char *job, int rank, char *why, size_t size)
{
    return ft_units_end_rank(((struct ft_reign *) arg)->parts.units, node, job, rank, why, size);
}

static void do_want_unit(void *arg, const char *node)
{
    ft_summons_want(((struct ft_reign *) arg)->parts.summons, node);
}

static void do_acquire(void *arg, uint64_t acquire, const struct ft_wanted *wanted)
{
    ft_spares_acquire(((struct ft_reign *) arg)->parts.spares, acquire, wanted);
}

static void do_abandon(void *arg, uint64_t acquire)
{
    ft_spares_abandon(((struct ft_reign *) arg)->parts.spares, acquire);
}

static void do_release(void *arg, const struct ft_returned *returned)
{
    ft_spares_release(((struct ft_reign *) arg)->parts.spares, returned);
}

static void do_suspect(void *arg, const struct ft_suspect *suspect)
{
    ft_spares_suspect(((struct ft_reign *) arg)->parts.spares, suspect);
}

static void do_time_lost(void *arg, const struct ft_lost_time *lost)
{
    ft_spares_time_lost(((struct ft_reign *) arg)->parts.spares, lost);
}

static bool do_configured(void *arg, const char *node, struct ft_facts *facts)
{
    return ft_site_facts(((struct ft_reign *) arg)->parts.site, node, facts);
}

static bool do_explain(void *arg, const struct ft_facts *found, const struct ft_facts *wanted,
                       char *text, size_t size)
{
    (void) arg;
    return ft_facts_explain(found, wanted, text, size) > 0;
}

/* ---------------------------------------------------------------- what parts want of the reign */

static void do_log_event(void *arg, struct ft_event *event)
{
    ft_reign_log(arg, event);
}

static bool do_leads(void *arg)
{
    struct ft_reign *reign = arg;

    return !reign->stopped && ft_lead_is_sure(&reign->lead, reign->parts.plan->election_ms);
}

static void on_declared(void *arg, const char *node, uint64_t incarnation, const char *text)
{
    ft_nodes_declared(&((struct ft_reign *) arg)->parts, node, incarnation, text);
}

static void on_core_gone(void *arg, struct ft_central *central, uint64_t session)
{
    struct ft_reign *reign = arg;

    ft_requests_core_gone(reign->parts.requests, central);
    ft_spares_part(reign->parts.spares, session);
}

static void take_command(void *arg, uint64_t token, const struct ft_asker *asker,
                         const char *command)
{
    ft_orders_take(((struct ft_reign *) arg)->parts.orders, token, asker, command);
}

/* ---- with the parts as their argument (nodes.h) */

static void log_of_parts(void *arg, struct ft_event *event)
{
    ft_sessions_log(((const struct ft_parts *) arg)->sessions, event);
}

static void log_of_fleet(void *arg, const struct ft_event *event)
{
    struct ft_event copy = *event;

    log_of_parts(arg, &copy);
}

static void keep_of_parts(void *arg, const char *key, const void *data, size_t n)
{
    ft_scribe_keep(((const struct ft_parts *) arg)->scribe, key, data, n);
}

/* ---------------------------------------------------------------- making */

static int out_of_memory(char *why, size_t size)
{
    snprintf(why, size, "out of memory");
    return -1;
}

static void central_config(const struct ft_reign *reign, struct ft_central_config *config)
{
    *config = reign->parts.plan->central;
    config->term = reign->config.term;
    config->kept_under[0] = '\0';
}

static void detector_config(const struct ft_reign *reign, struct ft_detector_config *config)
{
    ft_detector_config(config, reign->parts.plan);
    config->alone_waits = true;
    if (!reign->is_system)
        return; /* of a node without a unit the launcher's daemon tells */
    config->takeover_ms = 2 * reign->parts.plan->election_ms;
    config->unit_gone_ms = UNIT_GONE_MS;
}

static int make_core(struct ft_reign *reign, char *why, size_t size)
{
    struct ft_parts *parts = &reign->parts;
    struct ft_sessions_config config = {
        .env = {.arg = reign,
                .now_ns = do_now_ns,
                .log = do_log,
                .reply = do_reply,
                .probe = do_probe,
                .want_unit = do_want_unit,
                .acquire = do_acquire,
                .abandon = do_abandon,
                .release = do_release,
                .suspect = do_suspect,
                .end_rank = do_end_rank,
                .time_lost = do_time_lost,
                .configured = do_configured,
                .explain = do_explain,
                .number = reign->is_system ? do_number : NULL,
                .keep = reign->is_system ? do_keep : NULL},
        .single = !reign->is_system,
        .gone = on_core_gone,
    };
    struct ft_requests_config requests = {.admin = take_command, .admin_arg = reign};

    central_config(reign, &config.central);
    parts->sessions = ft_sessions_create(&config);
    if (parts->sessions == NULL)
        return out_of_memory(why, size);
    parts->site = ft_site_create(ft_sessions_base(parts->sessions));
    requests.sessions = parts->sessions;
    requests.outbox = ft_scribe_outbox(parts->scribe);
    parts->requests = ft_requests_create(&requests);
    return parts->site != NULL && parts->requests != NULL ? 0 : out_of_memory(why, size);
}

static int make_pleas(struct ft_reign *reign, char *why, size_t size)
{
    reign->parts.pleas = ft_pleas_create(&reign->parts);
    return reign->parts.pleas != NULL ? 0 : out_of_memory(why, size);
}

static int make_watch(struct ft_reign *reign, char *why, size_t size)
{
    struct ft_parts *parts = &reign->parts;
    struct ft_watch_config config = {.loop = reign->config.loop,
                                     .node = reign->config.node,
                                     .term = reign->config.term,
                                     .udp = reign->config.udp};
    struct ft_watch_events events = {.declared = on_declared,
                                     .log = do_log_event,
                                     .keep = reign->is_system ? do_keep : NULL,
                                     .leads = reign->is_system ? do_leads : NULL};

    detector_config(reign, &config.detector);
    if (!reign->is_system &&
        ft_watch_tune(&config.detector, getenv("FT_DETECT"), why, size) < 0)
        return -1;
    parts->watch = ft_watch_create(&config, &events, reign);
    if (parts->watch != NULL)
        return 0;
    snprintf(why, size, "heartbeats cannot be watched: %s", strerror(errno));
    return -1;
}

static int make_links(struct ft_reign *reign, char *why, size_t size)
{
    static const struct ft_units_events events = {.up = ft_nodes_unit_up,
                                                  .down = ft_nodes_unit_down,
                                                  .message = ft_nodes_unit_message};
    struct ft_parts *parts = &reign->parts;
    struct ft_units_config units = {
        .node = reign->config.node,
        .requests = parts->requests,
        .sessions = parts->sessions,
        .watch = parts->watch,
        .cms = ft_site_collected(parts->site),
        .term = reign->config.term,
        .run_check = parts->plan->central.run_check,
        .launchers_by_unit = reign->is_system,
    };
    struct ft_clients_config clients = {
        .node = reign->config.node,
        .requests = parts->requests,
        .term = reign->config.term,
        .launcher = reign->config.launcher,
        .by_role = reign->is_system,
    };

    parts->units = ft_units_create(&units, &events, parts);
    parts->clients = ft_clients_create(&clients);
    return parts->units != NULL && parts->clients != NULL ? 0 : out_of_memory(why, size);
}

static int make_summons(struct ft_reign *reign, char *why, size_t size)
{
    const struct ft_reign_starter *wish = reign->config.starter;
    struct ft_summons_config config = {.loop = reign->config.loop,
                                       .parts = &reign->parts,
                                       .node = reign->config.node,
                                       .begun_ns = reign->begun_ns};
    struct ft_starter_config starter = {0};

    reign->parts.summons = ft_summons_create(&config);
    if (reign->parts.summons == NULL)
        return out_of_memory(why, size);
    if (wish == NULL)
        return 0;
    starter.agent = wish->agent;
    starter.noded = wish->noded;
    starter.session = wish->session;
    starter.port = wish->port;
    starter.key = wish->key;
    reign->config.starter = NULL; /* was borrowed */
    return ft_summons_by_starter(reign->parts.summons, &starter, why, size);
}

static int make_orders(struct ft_reign *reign, char *why, size_t size)
{
    struct ft_orders_config config = {.parts = &reign->parts,
                                      .node = reign->config.node,
                                      .session = reign->config.session,
                                      .begun_ns = reign->config.begun_ns,
                                      .events = reign->config.events,
                                      .reload = reign->events.reload,
                                      .reload_arg = reign->arg};

    reign->parts.orders = ft_orders_create(&config);
    return reign->parts.orders != NULL ? 0 : out_of_memory(why, size);
}

/* What a system's central unit has and a job's has not. */
static int make_fleet(struct ft_reign *reign, char *why, size_t size)
{
    static const struct ft_collector_events events = {
        .failing = ft_nodes_failing, .sick = ft_nodes_sick, .well = ft_nodes_well, .log = log_of_parts};
    struct ft_parts *parts = &reign->parts;
    const struct ft_plan *plan = parts->plan;
    struct ft_modules_config config = {.loop = reign->config.loop,
                                       .term = reign->config.term,
                                       .lease_ms = plan->lease_ms,
                                       .margin_ms = plan->lease_ms / 20 + 2 * plan->election_ms};
    struct ft_modules_env env = {
        .arg = parts, .log = log_of_fleet, .keep = keep_of_parts, .send = ft_nodes_send};

    if (!reign->is_system)
        return 0;
    parts->collector = ft_collector_create(plan->forecast.drain, &events, parts);
    parts->modules = ft_modules_create(&config, &env);
    if (parts->collector == NULL || parts->modules == NULL)
        return out_of_memory(why, size);
    return ft_site_open(parts->site, reign->config.loop, plan->cms, why, size);
}

/* What ft.conf says of nodes; the pool's nodes become known, too. */
static int plan_nodes(struct ft_reign *reign, const struct ft_plan *plan, char *why, size_t size)
{
    struct ft_central *base = ft_sessions_base(reign->parts.sessions);
    const char *name = NULL;

    for (size_t i = 0; i < ft_hostlist_count(plan->pool); i++) {
        name = ft_hostlist_at(plan->pool, i);
        if (ft_inventory_get(ft_central_inventory(base), name) == NULL)
            goto error;
    }
    for (size_t i = 0; i < plan->nodes_n; i++) {
        name = plan->nodes[i].name;
        if (ft_sessions_set_location(reign->parts.sessions, name, plan->nodes[i].location) < 0)
            goto error;
        ft_watch_place(reign->parts.watch, name, plan->nodes[i].location);
    }
    return 0;
error:
    snprintf(why, size, "node %s cannot be taken in: %s", name, strerror(errno));
    return -1;
}

/* Other voters that are not heard are seen to. */
static int make_redeployer(struct ft_reign *reign, char *why, size_t size)
{
    struct ft_parts *parts = &reign->parts;
    struct ft_redeployer_config config = {.loop = reign->config.loop,
                                          .book = parts->book,
                                          .units = parts->units,
                                          .term = reign->config.term};
    struct ft_redeployer_env env = {.arg = reign, .log = do_log_event, .leads = do_leads};

    if (!reign->is_system)
        return 0;
    parts->redeployer = ft_redeployer_create(&config, &env);
    if (parts->redeployer == NULL)
        return out_of_memory(why, size);
    ft_redeployer_plan(parts->redeployer, parts->plan);
    return 0;
}

/* Modules are placed, and units looked for, from now on. */
static int begin_fleet(struct ft_reign *reign, char *why, size_t size)
{
    struct ft_discovery_config search = {.identity = reign->config.identity,
                                         .udp = reign->config.udp,
                                         .term = reign->config.term,
                                         .run = reign->config.run,
                                         .unit_port = reign->parts.plan->unit_port};

    if (!reign->is_system)
        return 0;
    if (ft_modules_plan(reign->parts.modules, reign->parts.plan) < 0 ||
        ft_summons_by_search(reign->parts.summons, &search) < 0 ||
        ft_summons_plan(reign->parts.summons, reign->parts.plan) < 0)
        return out_of_memory(why, size);
    ft_nodes_drain_again(&reign->parts);
    return 0;
}

/* ---------------------------------------------------------------- going on */

static bool restore_one(void *arg, const char *key, const void *data, size_t n)
{
    struct ft_reign *reign = arg;
    int result = 0;

    if (strcmp(key, FT_SCRIBE_KEY) == 0)
        result = ft_scribe_restore(reign->parts.scribe, data, n);
    else if (strncmp(key, "node/", 5) == 0)
        result = ft_watch_restore(reign->parts.watch, key + 5, data, n);
    else if (strncmp(key, FT_CARRIED_KEY, strlen(FT_CARRIED_KEY)) == 0)
        result = ft_orders_restore(reign->parts.orders, data, n);
    else
        result = ft_sessions_restore(reign->parts.sessions, key, data, n);
    if (result < 0)
        ft_log_error("what was kept under \"%s\" is not used: %s", key, strerror(errno));
    return true;
}

static void restore(struct ft_reign *reign)
{
    struct ft_parts *parts = &reign->parts;

    if (!reign->is_system)
        return;
    ft_ledger_each(ft_book_ledger(parts->book), "", restore_one, reign);
    ft_sessions_restored(parts->sessions, ft_spares_taken, parts->spares);
    if (ft_modules_restore(parts->modules, ft_book_ledger(parts->book)) < 0)
        ft_log_error("what was kept of modules is not used: %s", strerror(errno));
}

struct ft_reign *ft_reign_create(const struct ft_reign_config *config,
                                 const struct ft_reign_events *events, void *arg)
{
    struct ft_reign *reign = calloc(1, sizeof *reign);

    if (reign == NULL)
        return NULL;
    reign->config = *config;
    reign->events = *events;
    reign->arg = arg;
    reign->is_system = config->book != NULL;
    reign->begun_ns = (int64_t) ft_clock_ns();
    reign->lead.book = config->book;
    reign->parts.plan = config->plan;
    reign->parts.book = config->book;
    reign->parts.scribe = ft_scribe_create(config->book, config->events, config->term);
    if (reign->parts.scribe != NULL)
        reign->parts.later = ft_later_create(config->loop);
    if (reign->parts.later != NULL)
        return reign;
    ft_scribe_destroy(reign->parts.scribe);
    free(reign);
    return NULL;
}

int ft_reign_begin(struct ft_reign *reign, char *why, size_t size)
{
    struct ft_parts *parts = &reign->parts;

    if (make_core(reign, why, size) < 0 || make_watch(reign, why, size) < 0 ||
        make_pleas(reign, why, size) < 0 ||
        (parts->spares = ft_spares_create(parts, reign->config.loop, parts->plan, why, size)) ==
            NULL ||
        make_links(reign, why, size) < 0 || make_summons(reign, why, size) < 0 ||
        make_fleet(reign, why, size) < 0 || make_orders(reign, why, size) < 0)
        return -1;
    restore(reign);
    ft_scribe_begin(parts->scribe);
    if (plan_nodes(reign, parts->plan, why, size) < 0 || begin_fleet(reign, why, size) < 0 ||
        make_redeployer(reign, why, size) < 0)
        return -1;
    if (reign->is_system)
        ft_nodes_declared_before(parts);
    ft_later_start(parts->later, parts->sessions);
    return 0;
}

void ft_reign_start_units(struct ft_reign *reign)
{
    ft_summons_want_pool(reign->parts.summons);
}

/* ---------------------------------------------------------------- those who come */

void ft_reign_unit(struct ft_reign *reign, struct ft_link *link, const Ft__Hello *hello)
{
    ft_units_greet(reign->parts.units, link, hello);
}

void ft_reign_client(struct ft_reign *reign, struct ft_link *link, const Ft__Hello *hello,
                     bool local)
{
    ft_clients_greet(reign->parts.clients, link, hello, local);
}

void ft_reign_packet(struct ft_reign *reign, const uint8_t *bytes, size_t n,
                     const struct sockaddr *from)
{
    if (!reign->stopped && !ft_summons_packet(reign->parts.summons, bytes, n, from))
        ft_watch_packet(reign->parts.watch, bytes, n, from);
}

void ft_reign_refused(struct ft_reign *reign, const char *text)
{
    struct ft_event event = {.name = "connection_refused", .rank = -1, .text = text};

    ft_reign_log(reign, &event);
}

void ft_reign_safe(struct ft_reign *reign, uint64_t mark)
{
    ft_scribe_safe(reign->parts.scribe, mark);
}

/* ---------------------------------------------------------------- another plan */

static int replan_core(struct ft_reign *reign, const struct ft_plan *plan, char *why, size_t size)
{
    struct ft_central_config central;
    struct ft_detector_config detector;

    central_config(reign, &central);
    detector_config(reign, &detector);
    if (plan_nodes(reign, plan, why, size) < 0)
        return -1;
    if (ft_sessions_reconfigure(reign->parts.sessions, &central) == 0 &&
        ft_watch_set_config(reign->parts.watch, &detector) == 0)
        return 0;
    snprintf(why, size, "the new times cannot be used: %s", strerror(errno));
    return -1;
}

int ft_reign_replan(struct ft_reign *reign, const struct ft_plan *plan, char *why, size_t size)
{
    struct ft_parts *parts = &reign->parts;

    if (ft_spares_prepare(parts->spares, plan, why, size) < 0)
        return -1;
    parts->plan = plan;
    if (replan_core(reign, plan, why, size) < 0) {
        ft_spares_settle(parts->spares, false);
        return -1;
    }
    ft_spares_settle(parts->spares, true);
    ft_units_set_check(parts->units, plan->central.run_check);
    ft_collector_set_drain(parts->collector, plan->forecast.drain);
    ft_site_reread(parts->site, plan->cms);
    ft_redeployer_plan(parts->redeployer, plan);
    if (ft_modules_plan(parts->modules, plan) < 0 || ft_summons_plan(parts->summons, plan) < 0)
        return out_of_memory(why, size);
    return 0;
}

/* ---------------------------------------------------------------- the end */

void ft_reign_stop(struct ft_reign *reign, bool leave, const char *reason)
{
    struct ft_parts *parts = &reign->parts;

    if (reign->stopped)
        return;
    reign->stopped = true;
    if (!leave)
        ft_scribe_hush(parts->scribe);
    ft_later_stop(parts->later);
    ft_redeployer_destroy(parts->redeployer);
    parts->redeployer = NULL;
    if (parts->clients != NULL)
        ft_clients_stop(parts->clients);
    if (parts->units != NULL)
        ft_units_stop(parts->units, leave, reason);
    if (parts->watch != NULL)
        ft_watch_stop(parts->watch);
    ft_summons_stop(parts->summons);
    ft_site_stop(parts->site);
    ft_spares_stop(parts->spares);
}

bool ft_reign_is_over(const struct ft_reign *reign)
{
    const struct ft_parts *parts = &reign->parts;

    return reign->stopped && ft_later_is_over(parts->later) &&
           (parts->units == NULL || ft_units_count(parts->units) == 0) &&
           (parts->clients == NULL || ft_clients_count(parts->clients) == 0) &&
           ft_summons_is_over(parts->summons);
}

void ft_reign_destroy(struct ft_reign *reign)
{
    struct ft_parts *parts;

    if (reign == NULL)
        return;
    parts = &reign->parts;
    ft_orders_destroy(parts->orders);
    ft_modules_destroy(parts->modules);
    ft_summons_destroy(parts->summons);
    ft_clients_destroy(parts->clients);
    ft_units_destroy(parts->units);
    ft_later_destroy(parts->later);
    ft_watch_destroy(parts->watch);
    ft_collector_destroy(parts->collector);
    ft_spares_destroy(parts->spares);
    ft_pleas_destroy(parts->pleas);
    ft_site_destroy(parts->site);
    ft_sessions_destroy(parts->sessions);
    ft_requests_destroy(parts->requests);
    ft_scribe_destroy(parts->scribe);
    free(reign);
}

/* ---------------------------------------------------------------- for who drives it */

uint64_t ft_reign_log(struct ft_reign *reign, struct ft_event *event)
{
    return ft_sessions_log(reign->parts.sessions, event);
}

void ft_reign_keep(struct ft_reign *reign, const char *key, const void *data, size_t n)
{
    ft_scribe_keep(reign->parts.scribe, key, data, n);
}

uint64_t ft_reign_term(const struct ft_reign *reign)
{
    return reign->config.term;
}

uint64_t ft_reign_events_n(const struct ft_reign *reign)
{
    return ft_scribe_events_n(reign->parts.scribe);
}

const struct ft_parts *ft_reign_parts(const struct ft_reign *reign)
{
    return &reign->parts;
}
