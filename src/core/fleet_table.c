/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fleet_table.c - the table of modules: by name and by importance, at which node each is placed,
 * and who is due to be looked at.
 *
 * Called by all files of the fleet. Placing a module at a berth, or taking it away, keeps the
 * counts of that berth right; whoever changes something marks the modules that it may concern as
 * due (ft_fleet_due, the ft_fleet_stir_*), and ends in ft_fleet_work, which hands them to
 * reconcile.c, the most important first.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/text.h"
#include "core/fleet_state.h"

#define LOOKED_AT_MAX 200000 /* nodes in one go: some milliseconds */

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
    uint64_t hash = ft_hash(name, strlen(name));

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

void ft_fleet_unreserve(struct ft_fleet_module *module)
{
    module->at->reserved_bytes -= module->reserved_bytes;
    module->reserved_bytes = 0;
}

/* What was true over a connection that is gone. */
void ft_fleet_disconnect(struct ft_fleet_module *module)
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
    ft_fleet_disconnect(module);
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
    ft_fleet_unreserve(module);
    ft_berth_unload(fleet->berths, berth, module->cores);
    ft_fleet_disconnect(module);
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

void ft_fleet_all_due(struct ft_fleet *fleet)
{
    for (size_t i = 0; i < fleet->n; i++)
        ft_fleet_due(fleet->modules[i]);
}

void ft_fleet_berth_due(struct ft_berth *berth)
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
void ft_fleet_stir_gathering(struct ft_fleet *fleet)
{
    struct ft_berth_counts counts;

    if (fleet->settled)
        return;
    ft_berths_counts(fleet->berths, &counts);
    if (counts.down == 0 && counts.untold == 0)
        stir_waits(fleet, FT_WAITS_GATHERING);
}
