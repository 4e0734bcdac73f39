/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fleet_rules.c - what must hold in every history of the fleet.
 *
 *   1  a single module runs once at most, whatever anybody believes
 *   2  each start that a unit takes bears a greater epoch than all before it
 *   3  at rest, all that is to run and can runs, once; all else does not
 *   4  a module does not go back to a node within unfit_ms after that gave it up
 *   5  it is ordered to start only when what comes before it runs
 *   6  what a person ordered and was told to be done is done
 *   7  a new plan starts nothing again that it does not change
 *   8  time never stands still
 *
 * The rules know the world as it is; of the fleet they use what it says to everybody.
 */
#include "fleet_world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void rule_broken(struct world *world, const char *format, ...)
{
    va_list arguments;
    int n;

    if (world->broken[0] != '\0')
        return;
    n = snprintf(world->broken, sizeof world->broken, "%.3f ms: ", (double) world->now_ns / MS);
    va_start(arguments, format);
    vsnprintf(world->broken + n, sizeof world->broken - (size_t) n, format, arguments);
    va_end(arguments);
    world_say(world, "BROKEN: %s", world->broken);
}

static void hash_text(struct world *world, const char *text)
{
    for (; text != NULL && *text != '\0'; text++)
        world->hash = (world->hash ^ (unsigned char) *text) * UINT64_C(1099511628211);
}

/* ---------------------------------------------------------------- as it happens */

void rules_alive(struct world *world)
{
    for (int m = 0; m < MODULES; m++) {
        int first = -1;

        for (int n = 0; n < NODES && world->meant[m].single; n++) {
            if (!world->nodes[n].modules[m].alive)
                continue;
            if (first >= 0)
                rule_broken(world, "module m%d runs on n%d and on n%d", m, first, n);
            first = n;
        }
    }
}

void rules_started(struct world *world, int node, int module, uint64_t epoch)
{
    world_say(world, "n%d takes m%d, epoch %d", node, module, (int) epoch);
    if (epoch <= world->started_epoch[module])
        rule_broken(world, "n%d starts m%d with epoch %" PRIu64 ", after %" PRIu64, node, module,
                    epoch, world->started_epoch[module]);
    else
        world->started_epoch[module] = epoch;
}

static const struct ft_plan_module *planned(const struct sim_plan *plan, int module)
{
    for (size_t i = 0; i < plan->plan.modules_n; i++) {
        if (plan->index[i] == module)
            return &plan->modules[i];
    }
    return NULL;
}

static void check_after(struct world *world, const struct leader *leader,
                        const struct ft_plan_module *spec)
{
    for (char **name = spec->after; *name != NULL; name++) {
        struct ft_fleet_view view;

        if (!ft_fleet_find(leader->fleet, *name, &view) || view.spec == NULL ||
            !view.spec->enabled)
            continue;
        if (view.state != FT_MODULE_RUNS && view.state != FT_MODULE_DONE)
            rule_broken(world, "%s is started, which comes after %s, which does not run",
                        spec->name, *name);
    }
}

static void check_change(struct world *world, int node, int module, const Ft__ModuleOrder *order)
{
    const struct instance *instance = &world->nodes[node].modules[module];
    const struct ft_plan_module *before = planned(&world->plans[world->in_plan], module);

    if (before == NULL || instance->state != FT_MODULE_RUNS ||
        strcmp(before->argv[1], order->spec->argv[1]) != 0 ||
        instance->runs != (unsigned) world->meant[module].program)
        return;
    rule_broken(world, "%s is started again by a plan that does not change it", order->name);
}

void rules_order(struct world *world, int slot, int node, const Ft__ModuleOrder *order)
{
    static const char *const actions[] = {"", "start", "stop", "restart", "update"};
    struct leader *leader = &world->leaders[slot];
    int module = world_module(order->name);
    struct ft_fleet_view view;
    int64_t gave_up_ns;

    world_say(world, "leader %d to n%d: %s %s, epoch %d", slot, node, actions[order->action],
              order->name, (int) order->epoch);
    hash_text(world, order->name);
    world->hash = (world->hash ^ (order->epoch << 8 ^ (uint64_t) node)) *
                  UINT64_C(1099511628211);
    if (order->action == FT_ORDER_RESTART && world->in_plan >= 0 && slot == world->leading)
        check_change(world, node, module, order);
    if (order->action != FT_ORDER_START)
        return;
    gave_up_ns = leader->gave_up_ns[node][module];
    if (gave_up_ns > 0 && world->now_ns - gave_up_ns < (UNFIT_MS - 1) * MS)
        rule_broken(world, "%s goes back to n%d, which gave it up %d ms ago", order->name, node,
                    (int) ((world->now_ns - gave_up_ns) / MS));
    if (ft_fleet_find(leader->fleet, order->name, &view) && view.spec != NULL)
        check_after(world, leader, view.spec);
}

void rules_event(struct world *world, const struct ft_event *event)
{
    world->events++;
    hash_text(world, event->name);
    hash_text(world, event->text);
    if (event->text == NULL || strlen(event->text) < 10)
        rule_broken(world, "entry %s says nothing", event->name);
    /* A move that could not be done any more is said so, and is over. */
    if (strcmp(event->name, "module_move_failed") == 0)
        world->start_after_ns[world_module(event->fields[0].text)] = 0;
}

void rules_time(struct world *world, int slot)
{
    const struct leader *leader = &world->leaders[slot];
    int64_t now_ns = world->now_ns + slot * INT64_C(1000000000000);

    if (leader->there && ft_fleet_next_deadline_ns(leader->fleet) <= now_ns)
        rule_broken(world, "the next deadline does not lie ahead");
}

/* ---------------------------------------------------------------- people */

void rules_act_given(struct world *world, enum act act, int subject, uint64_t number)
{
    static const char *const names[] = {"", "drain n", "undrain n", "restart m", "move m"};

    world_say(world, "a person: %s%d", names[act], subject);
    if (act != ACT_DRAIN && act != ACT_UNDRAIN)
        return;
    world->drain_act[subject] = number;
    world->drained[subject] = -1;
}

void rules_act_safe(struct world *world, const struct waiting *waiting)
{
    int subject = waiting->subject;

    world_say(world, "order %d of a person is safe", (int) waiting->number);
    if (waiting->act == ACT_DRAIN || waiting->act == ACT_UNDRAIN) {
        if (world->drain_act[subject] == waiting->number)
            world->drained[subject] = waiting->act == ACT_DRAIN;
        return;
    }
    if (waiting->at_ns > world->start_after_ns[subject])
        world->start_after_ns[subject] = waiting->at_ns;
}

/* ---------------------------------------------------------------- at rest */

static bool node_can(const struct world *world, const struct ft_fleet *fleet, int n, int m)
{
    const struct node *node = &world->nodes[n];
    const struct ft_berth *berth = ft_fleet_node(fleet, node->name);

    if (!node->on || node->cut || berth == NULL || berth->drained != NULL ||
        berth->failing != NULL)
        return false;
    if (world->cores[n] < world->meant[m].cores)
        return false;
    return world->meant[m].allowed == 0 || (world->meant[m].allowed & 1u << n) ||
           world->meant[m].home == n;
}

/* Whether a module can run, what comes before it included. */
static bool can_run(const struct world *world, const struct ft_fleet *fleet, int m)
{
    const struct meant *meant = &world->meant[m];
    bool can = false;

    if (!meant->in_plan || !meant->enabled)
        return false;
    for (int n = 0; n < NODES; n++)
        can = can || node_can(world, fleet, n, m);
    if (can && meant->after >= 0 && world->meant[meant->after].in_plan &&
        world->meant[meant->after].enabled)
        return can_run(world, fleet, meant->after);
    return can;
}

static bool module_rests(struct world *world, const struct ft_fleet *fleet, int m, char *why,
                         size_t size)
{
    const struct meant *meant = &world->meant[m];
    bool wanted = meant->in_plan && meant->enabled;
    struct ft_fleet_view view;
    char name[16];
    int alive = 0;
    const struct instance *last = NULL;

    snprintf(name, sizeof name, "m%d", m);
    for (int n = 0; n < NODES; n++) {
        const struct instance *instance = &world->nodes[n].modules[m];

        alive += instance->alive;
        if (instance->alive)
            last = instance;
    }
    if (!wanted) {
        snprintf(why, size, "%s runs, and is not to", name);
        return alive == 0;
    }
    if (!ft_fleet_find(fleet, name, &view)) {
        snprintf(why, size, "%s is forgotten", name);
        return false;
    }
    if (view.state == FT_MODULE_DONE && alive == 0)
        return true;
    /* What runs may stay where nothing new would be placed. */
    if (!can_run(world, fleet, m) && alive == 0) {
        snprintf(why, size, "%s does not run, and nobody says why", name);
        return view.waits[0] != '\0';
    }
    if (alive != 1) {
        snprintf(why, size, "%s runs %d times, and can (%s)", name, alive, view.waits);
        return false;
    }
    if (last->state != FT_MODULE_RUNS || view.state != FT_MODULE_RUNS ||
        last->epoch != view.epoch || view.leaving) {
        snprintf(why, size, "%s is not at rest", name);
        return false;
    }
    if (last->runs != meant->program && !world->nodes[0].cut) {
        snprintf(why, size, "%s runs program %u, ft.conf has %u", name, last->runs,
                 meant->program);
        return false;
    }
    if (last->since_ns < world->start_after_ns[m] && view.waits[0] == '\0') {
        snprintf(why, size, "%s was to be started again at %.3f ms, and was not", name,
                 (double) world->start_after_ns[m] / MS);
        return false;
    }
    return true;
}

static bool drains_hold(struct world *world, const struct ft_fleet *fleet, char *why, size_t size)
{
    for (int n = 0; n < NODES; n++) {
        const struct ft_berth *berth = ft_fleet_node(fleet, world->nodes[n].name);
        bool drained = berth != NULL && berth->drained != NULL;

        if (world->drained[n] >= 0 && drained != (world->drained[n] == 1)) {
            snprintf(why, size, "n%d is %sdrained, a person was told otherwise", n,
                     drained ? "" : "not ");
            return false;
        }
    }
    return true;
}

bool rules_rest(struct world *world, char *why, size_t size)
{
    const struct ft_fleet *fleet;

    if (world->leading < 0) {
        snprintf(why, size, "nobody leads");
        return false;
    }
    fleet = world->leaders[world->leading].fleet;
    for (int m = 0; m < MODULES; m++) {
        if (!module_rests(world, fleet, m, why, size))
            return false;
    }
    return drains_hold(world, fleet, why, size);
}
