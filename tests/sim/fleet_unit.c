/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fleet_unit.c - a made-up node: its unit's links, its lease, its modules' processes.
 *
 * What a unit does with modules is said in core/supervisor.h; here is the short of it: an order
 * that is older than what it knows is refused; one to start runs a process, if there is a lease for
 * those that need one; a process that fails three times is given up; one whose lease ends dies with
 * it, and waits for the next order; processes live on when their unit dies. What a unit knows of
 * terms it forgets then.
 */
#include "fleet_world.h"

#include <stdio.h>
#include <string.h>

#define START_MS_MAX 120
#define STOP_MS_MAX 250
#define FAILURES_MAX 3

/* ---------------------------------------------------------------- what it says */

static void fill_state(struct world *world, int index, int module, struct letter *letter)
{
    const struct instance *instance = &world->nodes[index].modules[module];

    letter->states[module].here = instance->here;
    letter->states[module].epoch = instance->epoch;
    letter->states[module].state = instance->state;
    letter->states[module].end = instance->end;
    letter->states[module].given_up = instance->given_up;
    letter->states[module].pid = instance->alive ? 100 + module : 0;
}

static void say(struct world *world, int index, int module)
{
    struct node *node = &world->nodes[index];
    struct letter letter = {.kind = TO_LEADER_STATE, .node = index, .leader = node->leader,
                            .link = node->link, .module = module};

    if (node->leader < 0 || !node->welcomed || !node->unit)
        return;
    fill_state(world, index, module, &letter);
    world_post(world, &letter);
}

static void say_all(struct world *world, int index)
{
    struct node *node = &world->nodes[index];
    struct letter letter = {.kind = TO_LEADER_LIST, .node = index, .leader = node->leader,
                            .link = node->link};

    for (int i = 0; i < MODULES; i++)
        fill_state(world, index, i, &letter);
    world_post(world, &letter);
}

/* ---------------------------------------------------------------- processes */

static void set(struct instance *instance, enum ft_module_state state, enum due due,
                int64_t due_ns)
{
    instance->state = state;
    instance->due = due;
    instance->due_ns = due == DUE_NOTHING ? NEVER : due_ns;
}

static void begin(struct world *world, int index, int module)
{
    struct node *node = &world->nodes[index];
    struct instance *instance = &node->modules[module];

    if (instance->leased && !node->held) {
        instance->awaits_lease = true;
        set(instance, FT_MODULE_DELAYED, DUE_NOTHING, 0);
        return;
    }
    instance->awaits_lease = false;
    instance->alive = true;
    instance->runs = instance->program;
    instance->since_ns = world->now_ns;
    world->pids++;
    set(instance, FT_MODULE_STARTING, node->bad[module] ? DUE_END : DUE_READY,
        world->now_ns + world_ms(world, 1, START_MS_MAX));
    rules_alive(world);
}

static void rest(struct instance *instance, enum ft_module_end end)
{
    instance->alive = instance->awaits_lease = instance->again = instance->given_up = false;
    instance->end = end;
    set(instance, FT_MODULE_STOPPED, DUE_NOTHING, 0);
}

/* It ended by itself. */
static void ended(struct world *world, int index, int module)
{
    struct instance *instance = &world->nodes[index].modules[module];

    instance->alive = false;
    instance->end = FT_END_CRASH;
    if (++instance->failures >= FAILURES_MAX) {
        instance->given_up = true;
        set(instance, FT_MODULE_FAILED, DUE_NOTHING, 0);
    } else {
        set(instance, FT_MODULE_DELAYED, DUE_AGAIN, world->now_ns + world_ms(world, 1, 400));
    }
    say(world, index, module);
}

void unit_crash(struct world *world, int index, int module)
{
    struct instance *instance = &world->nodes[index].modules[module];

    if (!instance->alive || !world->nodes[index].unit || instance->state == FT_MODULE_STOPPING)
        return;
    if (world->meant[module].once && instance->state == FT_MODULE_RUNS) {
        instance->alive = false;
        instance->end = FT_END_WELL;
        set(instance, FT_MODULE_DONE, DUE_NOTHING, 0);
        say(world, index, module);
        return;
    }
    ended(world, index, module);
}

static void due(struct world *world, int index, int module)
{
    struct instance *instance = &world->nodes[index].modules[module];
    enum due what = instance->due;

    instance->due = DUE_NOTHING;
    instance->due_ns = NEVER;
    switch (what) {
    case DUE_READY:
        set(instance, FT_MODULE_RUNS, DUE_NOTHING, 0);
        break;
    case DUE_END:
        ended(world, index, module);
        return;
    case DUE_AGAIN:
        begin(world, index, module);
        break;
    case DUE_STOPPED:
        if (instance->again) {
            instance->alive = instance->again = false;
            begin(world, index, module);
        } else {
            rest(instance, FT_END_TOLD);
        }
        break;
    default:
        return;
    }
    say(world, index, module);
}

/* ---------------------------------------------------------------- the lease */

static void lease_over(struct world *world, int index)
{
    struct node *node = &world->nodes[index];

    node->held = false;
    for (int i = 0; i < MODULES; i++) {
        struct instance *instance = &node->modules[i];

        if (!instance->here || !instance->leased || instance->state == FT_MODULE_STOPPED ||
            instance->state == FT_MODULE_DONE || instance->state == FT_MODULE_FAILED)
            continue;
        rest(instance, FT_END_LEASE);
        say(world, index, i);
    }
}

static void lease_until(struct world *world, int index, int64_t until_ns)
{
    struct node *node = &world->nodes[index];

    if (until_ns <= node->lease_until_ns || until_ns <= world->now_ns)
        return;
    node->lease_until_ns = until_ns;
    if (node->held)
        return;
    node->held = true;
    for (int i = 0; i < MODULES; i++) {
        if (node->modules[i].here && node->modules[i].awaits_lease) {
            begin(world, index, i);
            say(world, index, i);
        }
    }
}

/* ---------------------------------------------------------------- orders */

static void start(struct world *world, int index, const struct letter *letter)
{
    struct instance *instance = &world->nodes[index].modules[letter->module];

    rules_started(world, index, letter->module, letter->epoch);
    instance->here = true;
    instance->given_up = false;
    instance->failures = 0;
    instance->leased = letter->leased;
    instance->program = letter->program;
    if (instance->alive) {
        instance->again = true;
        set(instance, FT_MODULE_STOPPING, DUE_STOPPED,
            world->now_ns + world_ms(world, 1, STOP_MS_MAX));
    } else {
        begin(world, index, letter->module);
    }
}

static void stop(struct world *world, int index, const struct letter *letter)
{
    struct instance *instance = &world->nodes[index].modules[letter->module];

    instance->here = true;
    instance->again = false;
    if (instance->alive)
        set(instance, FT_MODULE_STOPPING, DUE_STOPPED,
            world->now_ns + world_ms(world, 1, STOP_MS_MAX));
    else
        rest(instance, FT_END_TOLD);
}

static void take_order(struct world *world, const struct letter *letter)
{
    struct node *node = &world->nodes[letter->node];
    struct instance *instance = &node->modules[letter->module];

    if (letter->term < node->term || (instance->here && letter->epoch < instance->epoch))
        return;
    node->term = letter->term;
    if (letter->action == FT_ORDER_UPDATE) {
        if (instance->here)
            instance->program = letter->program;
        return;
    }
    if (letter->action != FT_ORDER_STOP && instance->here && letter->epoch == instance->epoch)
        return; /* it has that one */
    instance->epoch = letter->epoch;
    if (letter->action == FT_ORDER_STOP)
        stop(world, letter->node, letter);
    else
        start(world, letter->node, letter);
    say(world, letter->node, letter->module);
}

/* ---------------------------------------------------------------- links */

static void part(struct world *world, int index)
{
    struct node *node = &world->nodes[index];

    node->leader = -1;
    node->link = 0;
    node->welcomed = false;
    node->notice_ns = NEVER;
    node->connect_ns = world->now_ns + world_ms(world, 1, 150);
    /* What waits for a lease came by the link that is gone. */
    for (int i = 0; i < MODULES; i++) {
        if (node->modules[i].here && node->modules[i].awaits_lease)
            rest(&node->modules[i], FT_END_LEASE);
    }
}

void unit_break_link(struct world *world, int index)
{
    struct node *node = &world->nodes[index];

    if (node->leader < 0 || !node->link_works)
        return;
    node->link_works = false;
    node->notice_ns = world->now_ns + world_ms(world, 0, 300);
}

/* To whom it goes: the one that leads, or now and then one that believes that it does. */
static int find_leader(struct world *world)
{
    for (int i = 0; i < LEADERS; i++) {
        if (world->leaders[i].there && world->leaders[i].deposed && world_chance(world, 15))
            return i;
    }
    return world->leading;
}

static void connect_now(struct world *world, int index)
{
    struct node *node = &world->nodes[index];
    int leader = node->cut ? -1 : find_leader(world);

    node->connect_ns = world->now_ns + world_ms(world, 20, 150);
    if (leader < 0)
        return;
    node->leader = leader;
    node->link = ++world->links;
    node->link_works = true;
    node->connect_ns = NEVER;
    world->link_due_ns[index][0] = world->link_due_ns[index][1] = 0;
    leader_link(world, leader, index, node->link);
}

static void welcome(struct world *world, const struct letter *letter)
{
    struct node *node = &world->nodes[letter->node];

    if (letter->term > node->term)
        node->term = letter->term;
    /* It was declared lost meanwhile: what it had is run elsewhere, or will be. */
    if (letter->incarnation > node->incarnation && node->incarnation > 0)
        lease_over(world, letter->node);
    node->incarnation = letter->incarnation;
    node->welcomed = true;
    node->beats_to = letter->leader;
    node->beat_term = letter->term;
    node->beat_ns = world->now_ns;
    say_all(world, letter->node);
}

/* ---------------------------------------------------------------- life */

static void beat(struct world *world, int index)
{
    struct node *node = &world->nodes[index];
    struct letter letter = {.kind = BEAT, .node = index, .leader = node->beats_to,
                            .term = node->beat_term, .sent_ns = world->now_ns};

    node->beat_ns = world->now_ns + BEAT_MS * MS;
    if (node->beats_to >= 0 && !node->cut)
        world_post(world, &letter);
}

void unit_die(struct world *world, int index)
{
    struct node *node = &world->nodes[index];

    if (!node->unit)
        return;
    unit_break_link(world, index);
    part(world, index);
    node->unit = false;
    node->beats_to = -1;
    node->term = 0;
    node->incarnation = 0;
    node->connect_ns = world->now_ns + world_ms(world, 50, 600); /* it is started again */
}

void unit_power(struct world *world, int index, bool on)
{
    struct node *node = &world->nodes[index];

    if (node->on == on)
        return;
    unit_die(world, index);
    node->on = on;
    node->held = false;
    node->lease_until_ns = 0;
    memset(node->modules, 0, sizeof node->modules);
    for (int i = 0; i < MODULES; i++)
        node->modules[i].due_ns = NEVER;
    node->connect_ns = on ? world->now_ns + world_ms(world, 10, 1000) : NEVER;
}

void unit_make(struct world *world, int index)
{
    struct node *node = &world->nodes[index];

    snprintf(node->name, sizeof node->name, "n%d", index);
    node->leader = node->beats_to = -1;
    node->notice_ns = node->connect_ns = NEVER;
    unit_power(world, index, true);
}

void unit_letter(struct world *world, const struct letter *letter)
{
    struct node *node = &world->nodes[letter->node];

    if (!node->unit)
        return;
    if (letter->kind == BEAT_ACK) {
        if (!node->cut && letter->leader == node->beats_to && letter->term == node->beat_term)
            lease_until(world, letter->node, letter->sent_ns + LEASE_MS * MS);
        return;
    }
    if (letter->link != node->link || !node->link_works)
        return;
    if (letter->kind == TO_UNIT_WELCOME)
        welcome(world, letter);
    else
        take_order(world, letter);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t unit_next_ns(const struct world *world, int index)
{
    const struct node *node = &world->nodes[index];
    int64_t next_ns = node->connect_ns;

    if (!node->on)
        return NEVER;
    /* The lease ends by itself, also without a unit; so does everything that was begun. */
    if (node->held)
        next_ns = least(next_ns, node->lease_until_ns);
    for (int i = 0; i < MODULES; i++)
        next_ns = least(next_ns, node->modules[i].due_ns);
    if (!node->unit)
        return next_ns;
    next_ns = least(next_ns, node->notice_ns);
    return node->beats_to >= 0 ? least(next_ns, node->beat_ns) : next_ns;
}

void unit_step(struct world *world, int index)
{
    struct node *node = &world->nodes[index];

    if (!node->on)
        return;
    if (node->held && node->lease_until_ns <= world->now_ns)
        lease_over(world, index);
    for (int i = 0; i < MODULES; i++) {
        if (node->modules[i].due_ns <= world->now_ns)
            due(world, index, i);
    }
    if (node->connect_ns <= world->now_ns) {
        if (node->unit) {
            connect_now(world, index);
        } else {
            node->unit = true;
            node->connect_ns = world->now_ns + world_ms(world, 1, 50);
        }
    }
    if (node->unit && node->notice_ns <= world->now_ns)
        part(world, index);
    if (node->unit && node->beats_to >= 0 && node->beat_ns <= world->now_ns)
        beat(world, index);
}
