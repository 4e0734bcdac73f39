/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * modules.c - the fleet's hands and ears.
 *
 * Owned by the reign, which hands in what the units' links, the watch and the collector have, and
 * carries out what the fleet wants: entries for the event log and the ledger, and orders.
 *
 *     ModuleList, ModuleState, NodeInfo   from units.c, by way of the reign
 *     lost, and when its lease is over    from watch.c
 *     memory, load, disks                 from the collector's history
 *     ModuleOrder                         to a unit, by way of the outbox
 *
 * One timer is set to the fleet's next deadline, after every call that may have moved it. Nothing
 * is decided here.
 */
#include "centrald/modules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/readings.h"

#define NS_PER_MS INT64_C(1000000)

struct ft_modules {
    struct ft_modules_env env;
    struct ft_fleet *fleet;
    uv_timer_t timer;
    bool over; /* the reign has ended: nothing is said any more */
};

/* ---------------------------------------------------------------- the fleet's effects */

static int64_t do_now_ns(void *arg)
{
    (void) arg;
    return (int64_t) ft_clock_ns();
}

static void do_log(void *arg, const struct ft_event *event)
{
    struct ft_modules *modules = arg;

    modules->env.log(modules->env.arg, event);
}

static void do_keep(void *arg, const char *key, const void *data, size_t n)
{
    struct ft_modules *modules = arg;

    modules->env.keep(modules->env.arg, key, data, n);
}

static void do_order(void *arg, const char *node, const Ft__ModuleOrder *order)
{
    struct ft_modules *modules = arg;
    Ft__Message message;

    ft__message__init(&message);
    message.body_case = FT__MESSAGE__BODY_MODULE_ORDER;
    message.module_order = (Ft__ModuleOrder *) order;
    modules->env.send(modules->env.arg, node, &message);
}

/* ---------------------------------------------------------------- time */

static void on_timer(uv_timer_t *timer)
{
    struct ft_modules *modules = timer->data;

    ft_fleet_tick(modules->fleet);
    ft_modules_stir(modules);
}

void ft_modules_stir(struct ft_modules *modules)
{
    int64_t deadline_ns = ft_fleet_next_deadline_ns(modules->fleet);
    int64_t left_ns = deadline_ns - do_now_ns(modules);
    uint64_t left_ms = 0;

    if (modules->over || deadline_ns == INT64_MAX) {
        uv_timer_stop(&modules->timer);
        return;
    }
    if (left_ns > 0)
        left_ms = (uint64_t) (left_ns + NS_PER_MS - 1) / NS_PER_MS;
    /* The loop's own clock stands still while a handler runs. */
    uv_update_time(modules->timer.loop);
    uv_timer_start(&modules->timer, on_timer, left_ms, 0);
}

/* ---------------------------------------------------------------- making */

struct ft_modules *ft_modules_create(const struct ft_modules_config *config,
                                     const struct ft_modules_env *env)
{
    struct ft_modules *modules = calloc(1, sizeof *modules);
    struct ft_fleet_config fleet = {
        .term = config->term, .lease_ms = config->lease_ms, .margin_ms = config->margin_ms};
    struct ft_fleet_env effects = {.arg = modules,
                                   .now_ns = do_now_ns,
                                   .log = do_log,
                                   .keep = env->keep != NULL ? do_keep : NULL,
                                   .order = do_order};

    if (modules == NULL)
        return NULL;
    modules->env = *env;
    modules->fleet = ft_fleet_create(&effects, &fleet);
    if (modules->fleet == NULL) {
        free(modules);
        errno = ENOMEM;
        return NULL;
    }
    uv_timer_init(config->loop, &modules->timer);
    modules->timer.data = modules;
    return modules;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void ft_modules_destroy(struct ft_modules *modules)
{
    if (modules == NULL)
        return;
    modules->over = true;
    ft_fleet_destroy(modules->fleet);
    modules->fleet = NULL;
    uv_close((uv_handle_t *) &modules->timer, on_closed);
}

struct restoring {
    struct ft_modules *modules;
    int error;
};

static bool restore_one(void *arg, const char *key, const void *data, size_t n)
{
    struct restoring *restoring = arg;

    if (ft_fleet_restore(restoring->modules->fleet, key, data, n) == 0)
        return true;
    if (errno == ENOMEM) {
        restoring->error = errno;
        return false;
    }
    ft_log_error("the ledger's entry %s is not understood and left out: the module or node that it "
                 "is about is treated as a new one", key);
    return true;
}

int ft_modules_restore(struct ft_modules *modules, const struct ft_ledger *ledger)
{
    static const char *const prefixes[] = {"meta/fleet", "drain/", "module/"};
    struct restoring restoring = {.modules = modules};

    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0] && restoring.error == 0; i++)
        ft_ledger_each(ledger, prefixes[i], restore_one, &restoring);
    errno = restoring.error;
    return restoring.error == 0 ? 0 : -1;
}

int ft_modules_plan(struct ft_modules *modules, const struct ft_plan *plan)
{
    int result = ft_fleet_plan(modules->fleet, plan);

    ft_modules_stir(modules);
    return result;
}

/* ---------------------------------------------------------------- nodes */

/* After an input: what it could not take in is said, with what it was. */
static void taken(struct ft_modules *modules, int result, const char *node, const char *what)
{
    if (result < 0)
        ft_log_error("node %s: %s cannot be taken in for its modules: %s; modules there are "
                     "looked after as soon as its unit connects again", node, what,
                     strerror(errno));
    ft_modules_stir(modules);
}

void ft_modules_node_up(struct ft_modules *modules, const char *node, uint64_t incarnation)
{
    taken(modules, ft_fleet_node_up(modules->fleet, node, incarnation), node, "its connection");
}

void ft_modules_node_down(struct ft_modules *modules, const char *node)
{
    ft_fleet_node_down(modules->fleet, node);
    ft_modules_stir(modules);
}

void ft_modules_node_lost(struct ft_modules *modules, const char *node, int64_t lease_free_ns)
{
    taken(modules, ft_fleet_node_lost(modules->fleet, node, lease_free_ns), node, "its loss");
}

void ft_modules_node_failing(struct ft_modules *modules, const char *node, const char *why)
{
    taken(modules, ft_fleet_node_failing(modules->fleet, node, why), node, "its forecast");
}

void ft_modules_node_info(struct ft_modules *modules, const char *node, const Ft__NodeInfo *info)
{
    int result = 0;

    if (info->location != NULL)
        result = ft_fleet_node_location(modules->fleet, node, info->location);
    if (info->facts != NULL && result == 0)
        result = ft_fleet_node_facts(modules->fleet, node, info->facts->cores,
                                     info->facts->memory_bytes);
    taken(modules, result, node, "what its hardware is");
}

/* ---------------------------------------------------------------- readings */

struct disks {
    const struct ft_history *history;
    double free_pct; /* of the fullest one, -1: not known */
};

static void look_at_disk(void *arg, const char *node, unsigned what, const char *of, double value)
{
    struct disks *disks = arg;
    double total, pct;

    if (what != FT_READING_DISK_FREE ||
        !ft_history_latest(disks->history, node, FT_READING_DISK_TOTAL, of, &total) || total <= 0)
        return;
    pct = 100 * value / total;
    if (disks->free_pct < 0 || pct < disks->free_pct)
        disks->free_pct = pct;
}

void ft_modules_sampled(struct ft_modules *modules, const char *node,
                        const struct ft_history *history)
{
    struct ft_berth_readings readings = {-1, -1, -1};
    struct disks disks = {.history = history, .free_pct = -1};
    double value;

    if (ft_history_latest(history, node, FT_READING_MEMORY_FREE, "", &value) && value >= 0 &&
        value < 9e18)
        readings.memory_free_bytes = (int64_t) value;
    if (ft_history_latest(history, node, FT_READING_LOAD, "", &value) && value >= 0)
        readings.load = value;
    ft_history_each(history, node, look_at_disk, &disks);
    readings.disk_free_pct = disks.free_pct;
    taken(modules, ft_fleet_node_readings(modules->fleet, node, &readings), node, "its readings");
}

/* ---------------------------------------------------------------- messages */

void ft_modules_message(struct ft_modules *modules, const char *node, const Ft__Message *message)
{
    int result = 0;

    if (message->body_case == FT__MESSAGE__BODY_MODULE_LIST)
        result = ft_fleet_node_list(modules->fleet, node, message->module_list);
    else if (message->body_case == FT__MESSAGE__BODY_MODULE_STATE)
        result = ft_fleet_module_state(modules->fleet, node, message->module_state);
    taken(modules, result, node, "what it says of its modules");
}

struct ft_fleet *ft_modules_fleet(struct ft_modules *modules)
{
    return modules->fleet;
}
