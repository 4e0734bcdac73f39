/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fleet.c - all modules: what comes in (a plan, what happens to nodes, time), and views of it.
 *
 * Owned by the reign of a central unit that leads; centrald/modules.c drives it. The work is cut
 * so:
 *   fleet.c         what comes in: the plan, nodes, time
 *   fleet_said.c    what nodes say of their modules
 *   fleet_people.c  what persons order
 *   fleet_table.c   the modules; who has to be looked at
 *   reconcile.c     one module: the next step from what is to what should be
 *   placement.c     which node for it; berths.c: the nodes, in the order of liking
 *   module_spec.c   the order to a unit
 *   fleet_keep.c    the ledger
 * An input brings the table up to date, marks the modules that it may concern as due, and ends in
 * ft_fleet_work, which looks at those that are due, the most important first. One input looks at a
 * bounded number of nodes; what is left over is done at the next tick, which is due at once.
 *
 * A change of one node never makes all modules and all nodes meet: modules that wait for a node are
 * held against that one node only.
 */
#include "core/fleet.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "core/fleet_state.h"

/* ---------------------------------------------------------------- making */

struct ft_fleet *ft_fleet_create(const struct ft_fleet_env *env,
                                 const struct ft_fleet_config *config)
{
    struct ft_fleet *fleet = calloc(1, sizeof *fleet);

    if (fleet == NULL)
        return NULL;
    fleet->env = *env;
    fleet->config = *config;
    fleet->berths = ft_berths_create();
    fleet->timers = ft_timers_create();
    if (fleet->berths == NULL || fleet->timers == NULL || ft_timers_reserve(fleet->timers) < 0) {
        ft_berths_destroy(fleet->berths);
        ft_timers_destroy(fleet->timers);
        free(fleet);
        errno = ENOMEM;
        return NULL;
    }
    fleet->settled_ns = ft_fleet_now_ns(fleet) +
                        ((int64_t) config->lease_ms + config->margin_ms) * NS_PER_MS;
    fleet->settle.kind = FT_TIMER_MODULE;
    ft_timers_arm(fleet->timers, &fleet->settle, fleet->settled_ns);
    return fleet;
}

void ft_fleet_destroy(struct ft_fleet *fleet)
{
    if (fleet == NULL)
        return;
    for (size_t i = 0; i < fleet->n; i++)
        free(fleet->modules[i]);
    free(fleet->modules);
    ft_berths_destroy(fleet->berths);
    ft_timers_destroy(fleet->timers);
    free(fleet);
}

/* ---------------------------------------------------------------- the plan */

static int compare_modules(const void *a, const void *b)
{
    const struct ft_fleet_module *left = *(struct ft_fleet_module *const *) a;
    const struct ft_fleet_module *right = *(struct ft_fleet_module *const *) b;

    if ((left->spec == NULL) != (right->spec == NULL))
        return left->spec == NULL ? 1 : -1;
    if (left->importance != right->importance)
        return left->importance > right->importance ? -1 : 1;
    if (left->depth != right->depth)
        return left->depth < right->depth ? -1 : 1;
    if (left->line != right->line)
        return left->line < right->line ? -1 : 1;
    return strcmp(left->name, right->name);
}

/* One round of: who comes before an important one is as important; who comes after is deeper. True
 * if something changed. */
static bool rank_once(struct ft_fleet *fleet)
{
    bool changed = false;

    for (size_t i = 0; i < fleet->n; i++) {
        struct ft_fleet_module *module = fleet->modules[i];
        char **name = module->spec != NULL ? module->spec->after : NULL;

        for (; name != NULL && *name != NULL; name++) {
            struct ft_fleet_module *before = ft_fleet_module(fleet, *name);

            if (before == NULL || before->spec == NULL)
                continue;
            if (before->importance < module->importance) {
                before->importance = module->importance;
                changed = true;
            }
            if (module->depth <= before->depth) {
                module->depth = before->depth + 1;
                changed = true;
            }
        }
    }
    return changed;
}

static void rank_modules(struct ft_fleet *fleet)
{
    for (size_t i = 0; i < fleet->n; i++) {
        struct ft_fleet_module *module = fleet->modules[i];

        module->importance = module->spec != NULL ? module->spec->priority : 0;
        module->depth = 0;
    }
    /* The bound is for circles, which the reader of ft.conf refuses. */
    for (size_t i = 0; i < fleet->n && rank_once(fleet); i++)
        continue;
    if (fleet->n > 0)
        qsort(fleet->modules, fleet->n, sizeof(struct ft_fleet_module *), compare_modules);
    for (size_t i = 0; i < fleet->n; i++)
        fleet->modules[i]->place = i;
    fleet->due_first = 0;
}

/* Makes what a plan needs, without changing what counts. What was made stays when it fails: nodes
 * and modules that nobody knows more of than their names. */
static int prepare_plan(struct ft_fleet *fleet, const struct ft_plan *plan)
{
    for (size_t i = 0; i < plan->nodes_n; i++) {
        const struct ft_plan_node *node = &plan->nodes[i];

        if (ft_berths_get(fleet->berths, node->name) == NULL ||
            ft_berths_tier(fleet->berths, node->priority, node->spare) < 0)
            return -1;
    }
    for (size_t i = 0; i < plan->modules_n; i++) {
        const char *name = plan->modules[i].name;

        if (ft_fleet_module(fleet, name) == NULL && ft_fleet_add(fleet, name) == NULL)
            return -1;
    }
    return 0;
}

static void take_nodes(struct ft_fleet *fleet, const struct ft_plan *plan)
{
    for (struct ft_berth *berth = ft_berths_first(fleet->berths); berth != NULL;
         berth = berth->order_next)
        (void) ft_berth_set_place(fleet->berths, berth, 0, false, false);
    for (size_t i = 0; i < plan->nodes_n; i++) {
        const struct ft_plan_node *node = &plan->nodes[i];
        struct ft_berth *berth = ft_berths_find(fleet->berths, node->name);

        /* prepare_plan has made room: it cannot fail. */
        (void) ft_berth_set_place(fleet->berths, berth, node->priority, node->spare, true);
        if (node->location != NULL && node->location[0] != '\0')
            ft_berth_set_location(berth, node->location);
    }
}

/* The new spec of a module, which may be that it has none. */
static void take_spec(struct ft_fleet_module *module, const struct ft_plan_module *spec)
{
    bool was_known = module->spec != NULL;

    module->spec = spec;
    if (spec == NULL)
        return;
    ft_fleet_hash(module);
    /* Where the program before this one failed says nothing of this one. */
    if (module->started != module->program)
        module->unfit_n = 0;
    if (FT_PLANTED(FT_PLANT_FLEET_RESTART_ALL) && was_known)
        module->started = 0;
    if (module->at != NULL) {
        ft_berth_unload(module->fleet->berths, module->at, module->cores);
        module->cores = spec->cores_min;
        ft_berth_load(module->fleet->berths, module->at, module->cores);
    }
}

int ft_fleet_plan(struct ft_fleet *fleet, const struct ft_plan *plan)
{
    bool first = fleet->plan == NULL;

    if (prepare_plan(fleet, plan) < 0)
        return -1;
    fleet->plan = plan;
    take_nodes(fleet, plan);
    for (size_t i = 0; i < fleet->n; i++)
        fleet->modules[i]->line = SIZE_MAX;
    for (size_t i = 0; i < plan->modules_n; i++) {
        struct ft_fleet_module *module = ft_fleet_module(fleet, plan->modules[i].name);

        module->line = i;
        take_spec(module, &plan->modules[i]);
    }
    for (size_t i = 0; i < fleet->n; i++) {
        if (fleet->modules[i]->line == SIZE_MAX)
            take_spec(fleet->modules[i], NULL);
    }
    rank_modules(fleet);
    ft_fleet_all_due(fleet);
    if (!first)
        ft_fleet_log(fleet, "modules_reloaded", NULL, NULL, NULL,
                     "ft.conf was read again: %zu modules on %zu nodes", plan->modules_n,
                     plan->nodes_n);
    ft_fleet_work(fleet);
    return 0;
}

/* ---------------------------------------------------------------- nodes */

static void forget_states(struct ft_berth *berth)
{
    for (struct ft_fleet_module *module = berth->modules; module != NULL;
         module = module->berth_next)
        ft_fleet_disconnect(module);
    ft_fleet_berth_due(berth);
}

int ft_fleet_node_up(struct ft_fleet *fleet, const char *node, uint64_t incarnation)
{
    struct ft_berth *berth = ft_berths_get(fleet->berths, node);

    if (berth == NULL)
        return -1;
    berth->incarnation = incarnation;
    ft_berth_set_up(fleet->berths, berth, true);
    forget_states(berth);
    ft_fleet_work(fleet);
    return 0;
}

void ft_fleet_node_down(struct ft_fleet *fleet, const char *node)
{
    struct ft_berth *berth = ft_berths_find(fleet->berths, node);

    if (berth == NULL || !berth->up)
        return;
    ft_berth_set_up(fleet->berths, berth, false);
    forget_states(berth);
    ft_fleet_work(fleet);
}

int ft_fleet_node_lost(struct ft_fleet *fleet, const char *node, int64_t lease_free_ns)
{
    struct ft_berth *berth = ft_berths_get(fleet->berths, node);

    if (berth == NULL)
        return -1;
    ft_berth_set_lost(fleet->berths, berth, lease_free_ns);
    forget_states(berth);
    ft_fleet_stir_gathering(fleet);
    ft_fleet_work(fleet);
    return 0;
}

int ft_fleet_node_failing(struct ft_fleet *fleet, const char *node, const char *why)
{
    struct ft_berth *berth = ft_berths_get(fleet->berths, node);
    bool was;

    if (berth == NULL)
        return -1;
    was = berth->failing != NULL;
    if (!was && why == NULL)
        return 0;
    if (was && why != NULL && strcmp(berth->failing, why) == 0)
        return 0;
    if (ft_berth_set_failing(fleet->berths, berth, why) < 0)
        return -1;
    ft_fleet_keep_drain(fleet, berth);
    if (why == NULL)
        ft_fleet_log(fleet, "node_recovered", NULL, berth, NULL,
                     "node %s is not going down any more, and takes modules again", berth->name);
    else if (!was)
        ft_fleet_log(fleet, "node_leaving", NULL, berth, NULL,
                     "node %s is going down (%s): its %u modules are to run elsewhere",
                     berth->name, why, berth->modules_n);
    ft_fleet_berth_due(berth);
    ft_fleet_stir(fleet, berth);
    ft_fleet_work(fleet);
    return 0;
}

int ft_fleet_node_facts(struct ft_fleet *fleet, const char *node, uint32_t cores,
                        uint64_t memory_bytes)
{
    struct ft_berth *berth = ft_berths_get(fleet->berths, node);

    if (berth == NULL)
        return -1;
    if (berth->facts_known && berth->cores == cores && berth->memory_bytes == memory_bytes)
        return 0;
    ft_berth_set_facts(fleet->berths, berth, cores, memory_bytes);
    ft_fleet_berth_due(berth);
    ft_fleet_stir(fleet, berth);
    ft_fleet_work(fleet);
    return 0;
}

int ft_fleet_node_location(struct ft_fleet *fleet, const char *node, const char *location)
{
    struct ft_berth *berth = ft_berths_get(fleet->berths, node);
    const struct ft_plan_node *planned;

    if (berth == NULL)
        return -1;
    planned = fleet->plan != NULL ? ft_plan_node(fleet->plan, berth->name) : NULL;
    if (planned == NULL || planned->location == NULL || planned->location[0] == '\0')
        ft_berth_set_location(berth, location);
    return 0;
}

/* Memory that modules may count upon: what grew may be enough now for one that waits. */
static void stir_memory(struct ft_fleet *fleet, const struct ft_berth *berth, int64_t before,
                        int64_t now)
{
    before -= (int64_t) berth->reserved_bytes;
    now -= (int64_t) berth->reserved_bytes;
    for (struct ft_fleet_module *module = fleet->waiting; module != NULL;
         module = module->waiting_next) {
        int64_t wanted;

        if (module->waits != FT_WAITS_NODE || module->spec == NULL)
            continue;
        wanted = (int64_t) module->spec->memory_min_bytes;
        if (wanted > before && wanted <= now)
            ft_fleet_due(module);
    }
}

int ft_fleet_node_readings(struct ft_fleet *fleet, const char *node,
                           const struct ft_berth_readings *readings)
{
    struct ft_berth *berth = ft_berths_get(fleet->berths, node);
    struct ft_berth_readings before;

    if (berth == NULL)
        return -1;
    before = berth->readings;
    /* Modules that run are in these readings. */
    for (struct ft_fleet_module *module = berth->modules; module != NULL;
         module = module->berth_next) {
        if (module->told && module->state == FT_MODULE_RUNS && module->reserved_bytes > 0)
            ft_fleet_unreserve(module);
    }
    ft_berth_set_readings(fleet->berths, berth, readings);
    if (fleet->waiting != NULL && readings->memory_free_bytes > before.memory_free_bytes)
        stir_memory(fleet, berth, before.memory_free_bytes, readings->memory_free_bytes);
    if (fleet->waiting != NULL && before.disk_free_pct >= 0 &&
        readings->disk_free_pct > before.disk_free_pct &&
        before.disk_free_pct < (double) (fleet->plan != NULL ? fleet->plan->forecast.disk_min_pct
                                                             : 0))
        ft_fleet_stir(fleet, berth);
    ft_fleet_work(fleet);
    return 0;
}

/* ---------------------------------------------------------------- time */

int64_t ft_fleet_next_deadline_ns(const struct ft_fleet *fleet)
{
    const struct ft_timer *timer = ft_timers_first(fleet->timers);

    if (fleet->due_n > 0 && fleet->plan != NULL)
        return ft_fleet_now_ns(fleet);
    return timer != NULL ? timer->at_ns : INT64_MAX;
}

/* All leases of leaders before this one are over. */
static void settle(struct ft_fleet *fleet)
{
    fleet->settled = true;
    ft_fleet_all_due(fleet);
    if (!fleet->founded)
        ft_fleet_keep_meta(fleet);
}

void ft_fleet_tick(struct ft_fleet *fleet)
{
    int64_t now_ns = ft_fleet_now_ns(fleet);
    struct ft_timer *timer;

    while ((timer = ft_timers_first(fleet->timers)) != NULL && timer->at_ns <= now_ns) {
        ft_timers_disarm(fleet->timers, timer);
        if (timer->owner != NULL)
            ft_fleet_due(timer->owner);
        else
            settle(fleet);
    }
    ft_fleet_work(fleet);
}

/* ---------------------------------------------------------------- looking in */

size_t ft_fleet_count(const struct ft_fleet *fleet)
{
    return fleet->n;
}

static void fill_view(const struct ft_fleet_module *module, struct ft_fleet_view *view)
{
    *view = (struct ft_fleet_view) {
        .name = module->name,
        .spec = module->spec,
        .node = module->at != NULL ? module->at->name : "",
        .epoch = module->epoch,
        .state = FT_MODULE_STOPPED,
        .state_known = module->at == NULL || (module->told && module->told_epoch == module->epoch),
        .leaving = module->leaving,
        .pid = module->pid,
        .end = module->end,
        .code = module->code,
        .restarts = module->restarts,
        .restart_ms = module->restart_ms,
        .text = module->text,
        .waits = module->waits_text,
        .since_ns = module->state_ns,
    };
    if (module->done)
        view->state = FT_MODULE_DONE;
    else if (module->at != NULL && view->state_known)
        view->state = module->state;
    if (view->state != FT_MODULE_RUNS && view->state != FT_MODULE_STARTING)
        view->pid = 0;
}

bool ft_fleet_at(const struct ft_fleet *fleet, size_t i, struct ft_fleet_view *view)
{
    if (i >= fleet->n)
        return false;
    fill_view(fleet->modules[i], view);
    return true;
}

bool ft_fleet_find(const struct ft_fleet *fleet, const char *name, struct ft_fleet_view *view)
{
    const struct ft_fleet_module *module = ft_fleet_module(fleet, name);

    if (module == NULL)
        return false;
    fill_view(module, view);
    return true;
}

const struct ft_berth *ft_fleet_node(const struct ft_fleet *fleet, const char *node)
{
    return ft_berths_find(fleet->berths, node);
}

const struct ft_berths *ft_fleet_berths(const struct ft_fleet *fleet)
{
    return fleet->berths;
}
