/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fleet.c - all modules: their table, what happens to nodes and modules, time.
 *
 * Owned by the reign of a central unit that leads; centrald/modules.c drives it. The work is cut
 * so:
 *   fleet.c         what comes in: the plan, nodes, states; and who has to be looked at for it
 *   fleet_people.c  what persons order
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

#define LOOKED_AT_MAX 200000 /* nodes in one go: some milliseconds */

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

/* ---------------------------------------------------------------- the log */

void ft_fleet_log(struct ft_fleet *fleet, const char *name, const struct ft_fleet_module *module,
                  const struct ft_berth *berth, const struct ft_berth *from, const char *format,
                  ...)
{
    char text[FT_FLEET_WAITS_MAX + 2 * FT_TEXT_MAX];
    struct ft_event event = {.name = name, .rank = -1, .text = text};
    va_list arguments;
    int n = 0;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ft_text_one_line(text);
    if (berth != NULL)
        event.node = berth->name;
    if (module != NULL) {
        event.fields[n].key = "module";
        event.fields[n++].text = module->name;
        if (module->epoch > 0) {
            event.fields[n].key = "epoch";
            event.fields[n++].number = (double) module->epoch;
        }
    }
    if (from != NULL) {
        event.fields[n].key = "from";
        event.fields[n++].text = from->name;
    }
    fleet->env.log(fleet->env.arg, &event);
}

/* ---------------------------------------------------------------- the table */

static struct ft_fleet_module **bucket_of(const struct ft_fleet *fleet, const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char) *name) * UINT64_C(1099511628211);
    return (struct ft_fleet_module **) &fleet->by_name[(hash ^ hash >> 32) % FT_FLEET_BUCKETS];
}

struct ft_fleet_module *ft_fleet_module(const struct ft_fleet *fleet, const char *name)
{
    struct ft_fleet_module *module = *bucket_of(fleet, name);

    while (module != NULL && strcmp(module->name, name) != 0)
        module = module->by_name_next;
    return module;
}

static int make_room(struct ft_fleet *fleet)
{
    size_t room = fleet->room > 0 ? 2 * fleet->room : 16;
    struct ft_fleet_module **modules;

    if (fleet->n < fleet->room)
        return 0;
    modules = realloc(fleet->modules, room * sizeof(struct ft_fleet_module *));
    if (modules == NULL)
        return -1;
    fleet->modules = modules;
    fleet->room = room;
    return 0;
}

struct ft_fleet_module *ft_fleet_add(struct ft_fleet *fleet, const char *name)
{
    struct ft_fleet_module *module, **bucket;

    if (name[0] == '\0' || strlen(name) >= FT_MODULE_NAME_MAX) {
        errno = EINVAL;
        return NULL;
    }
    /* Twice as many as a plan has: those of the plan before it may still be stopping. */
    if (fleet->n >= 2 * FT_PLAN_MODULES_MAX) {
        errno = ENOBUFS;
        return NULL;
    }
    module = calloc(1, sizeof *module);
    if (module == NULL || make_room(fleet) < 0 || ft_timers_reserve(fleet->timers) < 0) {
        free(module);
        errno = ENOMEM;
        return NULL;
    }
    module->fleet = fleet;
    ft_text_copy(module->name, sizeof module->name, name);
    module->timer.kind = FT_TIMER_MODULE;
    module->timer.owner = module;
    bucket = bucket_of(fleet, name);
    module->by_name_next = *bucket;
    *bucket = module;
    module->place = fleet->n;
    fleet->modules[fleet->n++] = module;
    return module;
}

void ft_fleet_remove(struct ft_fleet *fleet, struct ft_fleet_module *module)
{
    struct ft_fleet_module **link = bucket_of(fleet, module->name);

    while (*link != module)
        link = &(*link)->by_name_next;
    *link = module->by_name_next;
    ft_fleet_set_waits(module, FT_WAITS_NOT, " ");
    if (module->due)
        fleet->due_n--;
    if (module->changing)
        fleet->changing_n--;
    if (module->at != NULL)
        ft_fleet_unlink(module);
    ft_timers_disarm(fleet->timers, &module->timer);
    ft_timers_unreserve(fleet->timers);
    fleet->n--;
    for (size_t i = module->place; i < fleet->n; i++) {
        fleet->modules[i] = fleet->modules[i + 1];
        fleet->modules[i]->place = i;
    }
    free(module);
}

/* ---------------------------------------------------------------- at a node */

static void unreserve(struct ft_fleet_module *module)
{
    module->at->reserved_bytes -= module->reserved_bytes;
    module->reserved_bytes = 0;
}

/* What was true over a connection that is gone. */
static void forget_connection(struct ft_fleet_module *module)
{
    module->ordered = module->stop_ordered = module->policy_told = false;
    module->told = module->given_up = module->ran = false;
    module->told_epoch = 0;
}

void ft_fleet_link(struct ft_fleet_module *module, struct ft_berth *berth)
{
    struct ft_fleet *fleet = module->fleet;

    module->at = berth;
    module->berth_previous = NULL;
    module->berth_next = berth->modules;
    if (berth->modules != NULL)
        berth->modules->berth_previous = module;
    berth->modules = module;
    module->cores = module->spec != NULL ? module->spec->cores_min : 0;
    module->reserved_bytes = module->spec != NULL ? module->spec->memory_min_bytes : 0;
    berth->reserved_bytes += module->reserved_bytes;
    ft_berth_load(fleet->berths, berth, module->cores);
    forget_connection(module);
}

void ft_fleet_unlink(struct ft_fleet_module *module)
{
    struct ft_fleet *fleet = module->fleet;
    struct ft_berth *berth = module->at;

    if (module->berth_previous != NULL)
        module->berth_previous->berth_next = module->berth_next;
    else
        berth->modules = module->berth_next;
    if (module->berth_next != NULL)
        module->berth_next->berth_previous = module->berth_previous;
    module->berth_next = module->berth_previous = NULL;
    unreserve(module);
    ft_berth_unload(fleet->berths, berth, module->cores);
    forget_connection(module);
    module->at = NULL;
    module->state_ns = ft_fleet_now_ns(fleet);
    module->leaving = false;
    if (module->in_order) {
        module->in_order = false;
        berth->leaving_n--;
        ft_fleet_stir_turns(fleet);
    }
    if (berth->drained != NULL && berth->modules_n == 0)
        ft_fleet_log(fleet, "node_drained", NULL, berth, NULL,
                     "no module is left on node %s, which is %s", berth->name, berth->drained);
}

/* ---------------------------------------------------------------- who is due */

void ft_fleet_due(struct ft_fleet_module *module)
{
    struct ft_fleet *fleet = module->fleet;

    if (module->due)
        return;
    module->due = true;
    fleet->due_n++;
    if (module->place < fleet->due_first)
        fleet->due_first = module->place;
}

static void all_due(struct ft_fleet *fleet)
{
    for (size_t i = 0; i < fleet->n; i++)
        ft_fleet_due(fleet->modules[i]);
}

static void berth_due(struct ft_berth *berth)
{
    for (struct ft_fleet_module *module = berth->modules; module != NULL;
         module = module->berth_next)
        ft_fleet_due(module);
}

void ft_fleet_work(struct ft_fleet *fleet)
{
    if (fleet->plan == NULL)
        return;
    fleet->looked_at = 0;
    while (fleet->due_n > 0 && fleet->looked_at < LOOKED_AT_MAX) {
        struct ft_fleet_module *module = NULL;

        while (fleet->due_first < fleet->n && !fleet->modules[fleet->due_first]->due)
            fleet->due_first++;
        if (fleet->due_first < fleet->n)
            module = fleet->modules[fleet->due_first];
        if (module == NULL) {
            fleet->due_first = 0;
            continue;
        }
        module->due = false;
        fleet->due_n--;
        ft_fleet_consider(module);
    }
}

void ft_fleet_stir(struct ft_fleet *fleet, const struct ft_berth *berth)
{
    struct ft_fleet_module *next;

    if (FT_PLANTED(FT_PLANT_FLEET_NO_RETRY) || !ft_berth_is_open(berth))
        return;
    for (struct ft_fleet_module *module = fleet->waiting; module != NULL; module = next) {
        struct ft_wish wish;

        next = module->waiting_next;
        if (module->waits == FT_WAITS_GATHERING && module->hope == berth)
            ft_fleet_due(module);
        if (module->waits != FT_WAITS_NODE || module->spec == NULL)
            continue;
        ft_fleet_wish(module, &wish);
        wish.not_on = module->at;
        if (ft_placement_can(&wish, berth, NULL, 0))
            ft_fleet_due(module);
    }
}

static void stir_waits(struct ft_fleet *fleet, enum ft_waits waits)
{
    for (struct ft_fleet_module *module = fleet->waiting; module != NULL;
         module = module->waiting_next) {
        if (module->waits == waits)
            ft_fleet_due(module);
    }
}

void ft_fleet_stir_turns(struct ft_fleet *fleet)
{
    stir_waits(fleet, FT_WAITS_TURN);
}

void ft_fleet_stir_after(struct ft_fleet *fleet)
{
    stir_waits(fleet, FT_WAITS_MODULE);
}

/* All nodes that are known have said what they run, or are lost: no need to wait for more. */
static void stir_gathering(struct ft_fleet *fleet)
{
    struct ft_berth_counts counts;

    if (fleet->settled)
        return;
    ft_berths_counts(fleet->berths, &counts);
    if (counts.down == 0 && counts.untold == 0)
        stir_waits(fleet, FT_WAITS_GATHERING);
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
    all_due(fleet);
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
        forget_connection(module);
    berth_due(berth);
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
    stir_gathering(fleet);
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
    berth_due(berth);
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
    berth_due(berth);
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
            unreserve(module);
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

/* ---------------------------------------------------------------- what nodes say of modules */

static bool may_run(enum ft_module_state state)
{
    return state != FT_MODULE_STOPPED && state != FT_MODULE_DONE;
}

static void log_state(struct ft_fleet_module *module, enum ft_module_state before, bool known)
{
    struct ft_fleet *fleet = module->fleet;
    /* "runs" alone says nothing that is not said already. */
    bool says_more = module->text[0] != '\0' &&
                     strcmp(module->text, ft_module_state_text(module->state)) != 0;

    if (module->state == FT_MODULE_RUNS && !(known && before == FT_MODULE_RUNS))
        ft_fleet_log(fleet, "module_runs", module, module->at, NULL,
                     "module %s runs on node %s (pid %" PRId64 ")%s%s", module->name,
                     module->at->name, module->pid, says_more ? ": " : "",
                     says_more ? module->text : "");
    else if ((module->state == FT_MODULE_DELAYED || module->state == FT_MODULE_FAILED) && known &&
             module->state != before)
        ft_fleet_log(fleet, "module_ended", module, module->at, NULL,
                     "module %s on node %s has ended (%s)%s%s", module->name, module->at->name,
                     ft_module_end_text(module->end), module->text[0] != '\0' ? ": " : "",
                     module->text);
}

/* What its own node says of it. */
static void take_state(struct ft_fleet_module *module, const Ft__ModuleState *state)
{
    enum ft_module_state before = module->state;
    bool known = module->told && module->told_epoch == state->epoch;

    if (!known || before != (enum ft_module_state) state->state || module->pid != state->pid)
        module->state_ns = ft_fleet_now_ns(module->fleet);
    module->told = true;
    module->told_epoch = state->epoch;
    module->state = (enum ft_module_state) state->state;
    module->given_up = state->given_up;
    module->pid = state->pid;
    module->end = (enum ft_module_end) state->end;
    module->code = state->code;
    module->restarts = state->restarts;
    module->restart_ms = state->restart_ms;
    ft_text_copy(module->text, sizeof module->text, state->text);
    ft_text_one_line(module->text);
    if (state->epoch > module->epoch) {
        /* The ledger is older than what runs: it was lost and begun anew. */
        module->epoch = state->epoch;
        ft_fleet_keep(module);
    }
    if (state->epoch == module->epoch) {
        log_state(module, before, known);
        if (module->state == FT_MODULE_RUNS && !module->ran) {
            module->ran = true;
            ft_fleet_stir_after(module->fleet);
        }
    }
    ft_fleet_due(module);
}

/* It runs where the fleet does not have it, and nowhere else: then there it is. */
static void adopt(struct ft_fleet_module *module, struct ft_berth *berth,
                  const Ft__ModuleState *state)
{
    ft_fleet_link(module, berth);
    module->epoch = state->epoch;
    module->single = module->spec->single;
    if (module->started == 0)
        module->started = module->program;
    module->leaving = module->done = false;
    ft_fleet_keep(module);
    ft_fleet_log(module->fleet, "module_adopted", module, berth, NULL,
                 "module %s runs on node %s already, and stays there", module->name, berth->name);
    take_state(module, state);
}

/* What the ledger has never heard of, although it knows all that was placed, is left from before
 * ft.conf had the module taken out. Nobody knows what program it is. */
static bool may_adopt(const struct ft_fleet_module *module, const Ft__ModuleState *state)
{
    return module->at == NULL && ft_fleet_wanted(module) && state->epoch >= module->epoch &&
           (module->kept || !module->fleet->founded) && state->state != FT_MODULE_FAILED &&
           !state->given_up;
}

/* A node has something that is not placed there. */
static void take_stray(struct ft_fleet *fleet, struct ft_berth *berth,
                       struct ft_fleet_module *module, const Ft__ModuleState *state)
{
    enum ft_module_state what = (enum ft_module_state) state->state;
    uint64_t epoch = state->epoch;

    if (!may_run(what) || what == FT_MODULE_STOPPING)
        return;
    if (module != NULL && may_adopt(module, state)) {
        adopt(module, berth, state);
        return;
    }
    if (module != NULL && module->epoch > epoch)
        epoch = module->epoch;
    ft_fleet_log(fleet, "module_stale", module, berth, module != NULL ? module->at : NULL,
                 "node %s runs module %s, which %s; it is stopped there", berth->name, state->name,
                 module == NULL || module->spec == NULL ? "ft.conf does not have"
                 : module->at != NULL                   ? "is placed elsewhere by now"
                 : ft_fleet_wanted(module)              ? "is older than what is to run"
                                                        : "is not to run");
    ft_fleet_order_stop(fleet, berth, state->name, epoch, "it is not to run here");
}

static bool is_sound(const Ft__ModuleState *state)
{
    return state->name != NULL && state->name[0] != '\0' &&
           strlen(state->name) < FT_MODULE_NAME_MAX && state->state < FT_MODULE_STATES &&
           state->end < FT_MODULE_ENDS && state->epoch < UINT64_MAX / 2;
}

static void take_one(struct ft_fleet *fleet, struct ft_berth *berth, const Ft__ModuleState *state)
{
    struct ft_fleet_module *module = ft_fleet_module(fleet, state->name);

    if (state->epoch > fleet->epoch)
        fleet->epoch = state->epoch;
    if (module != NULL && module->at == berth)
        take_state(module, state);
    else
        take_stray(fleet, berth, module, state);
}

int ft_fleet_module_state(struct ft_fleet *fleet, const char *node, const Ft__ModuleState *state)
{
    struct ft_berth *berth = ft_berths_find(fleet->berths, node);

    if (berth == NULL || !berth->up || fleet->plan == NULL || !is_sound(state)) {
        errno = EINVAL;
        return -1;
    }
    take_one(fleet, berth, state);
    ft_fleet_work(fleet);
    return 0;
}

int ft_fleet_node_list(struct ft_fleet *fleet, const char *node, const Ft__ModuleList *list)
{
    struct ft_berth *berth = ft_berths_find(fleet->berths, node);
    bool sound = true;

    for (size_t i = 0; i < list->n_modules; i++)
        sound = sound && is_sound(list->modules[i]);
    if (berth == NULL || !berth->up || fleet->plan == NULL || !sound) {
        errno = EINVAL;
        return -1;
    }
    /* What it does not have it does not run, unless an order to start is on its way. */
    for (struct ft_fleet_module *module = berth->modules; module != NULL;
         module = module->berth_next) {
        if (!module->ordered)
            module->told = false;
    }
    ft_berth_set_told(fleet->berths, berth, true);
    for (size_t i = 0; i < list->n_modules; i++)
        take_one(fleet, berth, list->modules[i]);
    berth_due(berth);
    ft_fleet_stir(fleet, berth);
    stir_gathering(fleet);
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
    all_due(fleet);
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
