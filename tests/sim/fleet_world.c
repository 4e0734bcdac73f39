/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fleet_world.c - the history: some seconds in which everything goes wrong, and then calm, in which
 * all has to come right.
 *
 * The world jumps from one due thing to the next; everything follows from the seed.
 */
#include "fleet_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- chance */

uint64_t world_random(struct world *world, uint64_t n)
{
    uint64_t x = (world->random += UINT64_C(0x9e3779b97f4a7c15));

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (x ^ x >> 31) % n;
}

bool world_chance(struct world *world, unsigned percent)
{
    return world_random(world, 100) < percent;
}

int64_t world_ms(struct world *world, unsigned from, unsigned to)
{
    return (int64_t) world_random(world, (uint64_t) (to - from) * MS + 1) + from * MS;
}

int world_node(const char *name)
{
    return name != NULL && name[0] == 'n' ? name[1] - '0' : -1;
}

int world_module(const char *name)
{
    return name[1] - '0';
}

void world_say(struct world *world, const char *format, ...)
{
    va_list arguments;

    if (!world->show)
        return;
    printf("# %10.3f ms  ", (double) world->now_ns / MS);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

/* ---------------------------------------------------------------- letters */

void world_post(struct world *world, struct letter *letter)
{
    struct node *node = &world->nodes[letter->node];
    bool datagram = letter->kind == BEAT || letter->kind == BEAT_ACK;
    bool to_unit = letter->kind == TO_UNIT_WELCOME || letter->kind == TO_UNIT_ORDER;
    int64_t due_ns = world->now_ns + world_ms(world, 0, 20);

    /* A link that is gone takes nothing; datagrams are lost now and then. */
    if (datagram ? node->cut || world_chance(world, 3)
                 : letter->link == 0 || letter->link != node->link || !node->link_works)
        return;
    if (!datagram) {
        int64_t *last_ns = &world->link_due_ns[letter->node][to_unit];

        if (due_ns < *last_ns)
            due_ns = *last_ns;
        *last_ns = due_ns;
    }
    for (int i = 0; i < LETTERS; i++) {
        if (world->letters[i].used)
            continue;
        world->letters[i] = *letter;
        world->letters[i].used = true;
        world->letters[i].due_ns = due_ns;
        world->letters[i].order = ++world->letters_sent;
        return;
    }
    rule_broken(world, "more than %d letters are on their way", LETTERS);
}

static struct letter *next_letter(struct world *world)
{
    struct letter *next = NULL;

    for (int i = 0; i < LETTERS; i++) {
        struct letter *letter = &world->letters[i];

        if (letter->used && (next == NULL || letter->due_ns < next->due_ns ||
                             (letter->due_ns == next->due_ns && letter->order < next->order)))
            next = letter;
    }
    return next;
}

static void deliver(struct world *world, struct letter *letter)
{
    struct letter copy = *letter;

    letter->used = false;
    if (copy.kind == TO_UNIT_WELCOME || copy.kind == TO_UNIT_ORDER || copy.kind == BEAT_ACK)
        unit_letter(world, &copy);
    else
        leader_letter(world, &copy);
}

/* ---------------------------------------------------------------- what goes wrong */

static void person(struct world *world)
{
    int slot = world->leading;
    enum act act = (enum act) (ACT_DRAIN + world_random(world, 4));
    int node = (int) world_random(world, NODES);
    const char *to = world_chance(world, 50) ? "" : world->nodes[node].name;

    for (int i = 0; i < LEADERS; i++) {
        if (world->leaders[i].there && world->leaders[i].deposed && world_chance(world, 20))
            slot = i;
    }
    if (slot < 0)
        return;
    leader_person(world, slot, act,
                  act == ACT_DRAIN || act == ACT_UNDRAIN ? node
                                                         : (int) world_random(world, MODULES), to);
}

static void failing(struct world *world)
{
    const char *name = world->nodes[world_random(world, NODES)].name;

    if (world->leading >= 0 &&
        ft_fleet_node_failing(world->leaders[world->leading].fleet, name,
                              world_chance(world, 50) ? "its disk is nearly full" : NULL) < 0)
        rule_broken(world, "a forecast is refused");
}

static void replan(struct world *world)
{
    if (world->plans_n == PLANS)
        return;
    for (uint64_t n = 1 + world_random(world, 3); n > 0; n--)
        plans_change(world);
    plans_make(world);
    world_say(world, "ft.conf changes");
    leader_plan(world);
}

static void cut(struct world *world, int index, bool on)
{
    struct node *node = &world->nodes[index];

    if (node->cut == on)
        return;
    world_say(world, on ? "n%d is cut off" : "n%d is in touch again", index);
    node->cut = on;
    if (on)
        unit_break_link(world, index);
}

static void power(struct world *world, int index, bool on)
{
    if (world->nodes[index].on != on)
        world_say(world, on ? "n%d boots" : "n%d loses power", index);
    unit_power(world, index, on);
}

/* One thing out of many. */
static void happen(struct world *world)
{
    int node = (int) world_random(world, NODES);
    int module = (int) world_random(world, MODULES);
    uint64_t what = world_random(world, 100);

    if (what < 10)
        cut(world, node, true);
    else if (what < 24)
        cut(world, node, false);
    else if (what < 31)
        power(world, node, false);
    else if (what < 43)
        power(world, node, true);
    else if (what < 49)
        unit_break_link(world, node);
    else if (what < 53)
        unit_die(world, node);
    else if (what < 62)
        unit_crash(world, node, module);
    else if (what < 67)
        world->nodes[node].bad[module] = !world->nodes[node].bad[module];
    else if (what < 75 && world->leaders_fail)
        leader_depose(world, world_chance(world, 50));
    else if (what < 90)
        person(world);
    else if (what < 94)
        failing(world);
    else
        replan(world);
}

static void elect(struct world *world)
{
    for (int i = 0; i < LEADERS && world->leading < 0; i++) {
        if (!world->leaders[i].there)
            leader_begin(world, i);
    }
    if (world->leading < 0)
        world->elect_ns = world->now_ns + 20 * MS;
}

static void be_calm(struct world *world)
{
    world_say(world, "calm");
    world->calm = true;
    for (int i = 0; i < NODES; i++) {
        cut(world, i, false);
        power(world, i, world_chance(world, 85));
        memset(world->nodes[i].bad, 0, sizeof world->nodes[i].bad);
        if (world->leading >= 0)
            (void) ft_fleet_node_failing(world->leaders[world->leading].fleet,
                                         world->nodes[i].name, NULL);
    }
}

/* ---------------------------------------------------------------- the history */

static int64_t next_ns(struct world *world, int64_t event_ns)
{
    int64_t next_ns = event_ns;
    const struct letter *letter = next_letter(world);

    if (letter != NULL && letter->due_ns < next_ns)
        next_ns = letter->due_ns;
    for (int i = 0; i < NODES; i++) {
        int64_t due_ns = unit_next_ns(world, i);

        next_ns = due_ns < next_ns ? due_ns : next_ns;
    }
    for (int i = 0; i < LEADERS; i++) {
        int64_t due_ns = leader_next_ns(world, i);

        next_ns = due_ns < next_ns ? due_ns : next_ns;
    }
    if (world->leading < 0 && world->elect_ns < next_ns)
        next_ns = world->elect_ns;
    return next_ns > world->now_ns ? next_ns : world->now_ns;
}

static void step(struct world *world)
{
    struct letter *letter;

    while ((letter = next_letter(world)) != NULL && letter->due_ns <= world->now_ns)
        deliver(world, letter);
    for (int i = 0; i < NODES; i++)
        unit_step(world, i);
    if (world->leading < 0 && world->elect_ns <= world->now_ns)
        elect(world);
    for (int i = 0; i < LEADERS; i++)
        leader_step(world, i);
    rules_alive(world);
}

static void make(struct world *world, uint64_t seed, bool show)
{
    memset(world, 0, sizeof *world);
    world->seed = world->random = seed;
    world->show = show;
    world->leading = world->in_plan = -1;
    world->hash = UINT64_C(14695981039346656037);
    for (int i = 0; i < NODES; i++) {
        world->cores[i] = world_chance(world, 70) ? 4 : 2;
        unit_make(world, i);
        if (world_chance(world, 20))
            unit_power(world, i, false);
    }
    plans_meant(world);
    plans_make(world);
    world->leaders_fail = world_chance(world, 65);
    world->pace_ms = 30 + (unsigned) world_random(world, 600);
}

/* In calm: looks each quarter of a second whether all is at rest. True: it is, or never will be. */
static bool is_over(struct world *world, int64_t calm_ns)
{
    char why[300];

    for (int i = 0; i < LEADERS; i++) {
        if (world->leaders[i].there && world->leaders[i].deposed)
            return false;
    }
    if (rules_rest(world, why, sizeof why))
        return true;
    if (world->now_ns < calm_ns + CALM_MS * MS)
        return false;
    rule_broken(world, "after %d s of calm: %s", CALM_MS / 1000, why);
    return true;
}

void world_run(struct world *world, uint64_t seed, bool show)
{
    int64_t event_ns = 0, calm_ns = CHAOS_MS * MS;

    make(world, seed, show);
    if (world_chance(world, 80))
        event_ns = QUIET_MS * MS;
    while (world->broken[0] == '\0') {
        world->now_ns = next_ns(world, event_ns);
        step(world);
        if (world->now_ns < event_ns)
            continue;
        if (!world->calm && world->now_ns >= calm_ns)
            be_calm(world);
        if (world->calm && is_over(world, calm_ns))
            break;
        if (!world->calm)
            happen(world);
        event_ns = world->now_ns + (world->calm ? 250 * MS : world_ms(world, 5, world->pace_ms));
    }
    for (int i = 0; i < LEADERS; i++)
        leader_end(world, i);
    plans_free(world);
}
