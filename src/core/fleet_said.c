/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fleet_said.c - what nodes say of the modules that they run: one state, or the list of all.
 *
 * Called by centrald/modules.c for each ModuleState and ModuleList. What is known of a module is
 * brought up to date; one that runs where nobody placed it is adopted, if it may be, or ordered to
 * stop. What follows from that is left to fleet_table.c's ft_fleet_work.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "core/fleet_state.h"

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
    ft_fleet_berth_due(berth);
    ft_fleet_stir(fleet, berth);
    ft_fleet_stir_gathering(fleet);
    ft_fleet_work(fleet);
    return 0;
}
