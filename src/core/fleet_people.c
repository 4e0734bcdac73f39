/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fleet_people.c - what persons order: drain and undrain a node, move and start again a module.
 *
 * Each order is looked at, refused with a reason or kept, written to the log, and then done by
 * reconcile.c like everything else; so a new leader that finds it in the ledger goes on with it. An
 * order to start again is nothing but a new epoch at the same node.
 */
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "core/fleet_state.h"

static void berth_due(struct ft_berth *berth)
{
    for (struct ft_fleet_module *module = berth->modules; module != NULL;
         module = module->berth_next)
        ft_fleet_due(module);
}

static ftRetVal_t no_memory(char *reason, size_t size)
{
    snprintf(reason, size, "the central unit is out of memory");
    return FT_ERR_MEMORY;
}

static ftRetVal_t no_node(const char *node, char *reason, size_t size)
{
    snprintf(reason, size, "there is no node %.100s: ft.conf does not name it, and its unit has "
                           "never connected", node);
    return FT_ERR_UNKNOWN;
}

/* ---------------------------------------------------------------- nodes */

ftRetVal_t ft_fleet_drain(struct ft_fleet *fleet, const char *node, const char *by,
                          const char *why, char *reason, size_t size)
{
    struct ft_berth *berth = ft_berths_find(fleet->berths, node);
    char text[FT_FLEET_WHY_MAX];

    if (berth == NULL)
        return no_node(node, reason, size);
    snprintf(text, sizeof text, "drained by %.60s%s%.100s", by,
             why != NULL && why[0] != '\0' ? ": " : "", why != NULL ? why : "");
    ft_text_one_line(text);
    if (ft_berth_set_drained(fleet->berths, berth, text) < 0)
        return no_memory(reason, size);
    ft_fleet_keep_drain(fleet, berth);
    ft_fleet_log(fleet, "node_drain", NULL, berth, NULL,
                 "node %s is %s; its %u modules are to run elsewhere", berth->name, text,
                 berth->modules_n);
    if (berth->modules_n == 0)
        ft_fleet_log(fleet, "node_drained", NULL, berth, NULL,
                     "no module is left on node %s, which is %s", berth->name, text);
    berth_due(berth);
    ft_fleet_work(fleet);
    return FT_OK;
}

ftRetVal_t ft_fleet_undrain(struct ft_fleet *fleet, const char *node, const char *by,
                            char *reason, size_t size)
{
    struct ft_berth *berth = ft_berths_find(fleet->berths, node);

    if (berth == NULL)
        return no_node(node, reason, size);
    if (berth->drained == NULL && berth->failing == NULL) {
        snprintf(reason, size, "node %.100s is not drained", berth->name);
        return FT_ERR_NONE;
    }
    /* Taking a text back needs no memory. */
    (void) ft_berth_set_drained(fleet->berths, berth, NULL);
    (void) ft_berth_set_failing(fleet->berths, berth, NULL);
    ft_fleet_keep_drain(fleet, berth);
    ft_fleet_log(fleet, "node_undrain", NULL, berth, NULL,
                 "node %s takes modules again, by order of %.60s", berth->name, by);
    berth_due(berth);
    ft_fleet_stir(fleet, berth);
    ft_fleet_work(fleet);
    return FT_OK;
}

/* ---------------------------------------------------------------- modules */

/* The module that an order is about; NULL, and why not. */
static struct ft_fleet_module *subject(struct ft_fleet *fleet, const char *name, ftRetVal_t *status,
                                       char *reason, size_t size)
{
    struct ft_fleet_module *module = ft_fleet_module(fleet, name);

    if (module == NULL || module->spec == NULL) {
        snprintf(reason, size, "ft.conf has no module %.64s", name);
        *status = FT_ERR_UNKNOWN;
        return NULL;
    }
    if (!module->spec->enabled) {
        snprintf(reason, size, "module %s is disabled in ft.conf", module->name);
        *status = FT_ERR_NONE;
        return NULL;
    }
    return module;
}

/* Whether there is a node as wanted; `to` NULL: any. Else why not. */
static ftRetVal_t can_move(struct ft_fleet_module *module, struct ft_berth *to, char *reason,
                           size_t size)
{
    struct ft_placement placement;
    struct ft_wish wish;
    char why[200];

    ft_fleet_wish(module, &wish);
    wish.not_on = module->at;
    if (to != NULL) {
        if (ft_placement_can(&wish, to, why, sizeof why))
            return FT_OK;
        snprintf(reason, size, "node %.100s cannot take module %s: it %.200s", to->name,
                 module->name, why);
        return FT_ERR_UNFIT;
    }
    ft_placement_choose(module->fleet->berths, &wish, &placement);
    if (placement.berth != NULL)
        return FT_OK;
    ft_placement_explain(module->fleet->berths, &wish, &placement);
    snprintf(reason, size, "no other node can take module %s: %s", module->name, placement.others);
    return FT_ERR_NONE;
}

ftRetVal_t ft_fleet_move(struct ft_fleet *fleet, const char *name, const char *to, const char *by,
                         char *reason, size_t size)
{
    ftRetVal_t status;
    struct ft_fleet_module *module = subject(fleet, name, &status, reason, size);
    struct ft_berth *berth = NULL;

    if (module == NULL)
        return status;
    if (to != NULL && to[0] != '\0') {
        berth = ft_berths_find(fleet->berths, to);
        if (berth == NULL)
            return no_node(to, reason, size);
    }
    if (module->done) {
        snprintf(reason, size, "module %s has ended, and is not to run any more; ft restart %s "
                               "starts it", module->name, module->name);
        return FT_ERR_NONE;
    }
    status = can_move(module, berth, reason, size);
    if (status != FT_OK)
        return status;
    module->leave = true;
    module->to = berth;
    module->target = berth;
    snprintf(module->why, sizeof module->why, "moved by %.60s", by);
    ft_text_one_line(module->why);
    ft_fleet_keep(module);
    ft_fleet_log(fleet, "module_move", module, berth, module->at,
                 "module %s is to run on %s%s, by order of %.60s", module->name,
                 berth != NULL ? "node " : "another node", berth != NULL ? berth->name : "", by);
    ft_fleet_due(module);
    ft_fleet_work(fleet);
    return FT_OK;
}

static ftRetVal_t cannot_restart(const struct ft_fleet_module *module, char *reason, size_t size)
{
    if (module->at == NULL)
        snprintf(reason, size, "module %s runs nowhere, and is started as soon as it can be: %s",
                 module->name, module->waits_text);
    else if (!module->at->up || !module->at->told)
        snprintf(reason, size, "node %.100s, where module %s is, is %s", module->at->name,
                 module->name, module->at->lost ? "lost" : "not connected");
    else if (module->leaving)
        snprintf(reason, size, "module %s is being stopped on node %.100s, and will be started "
                               "elsewhere", module->name, module->at->name);
    else
        return FT_OK;
    return FT_ERR_NONE;
}

ftRetVal_t ft_fleet_restart(struct ft_fleet *fleet, const char *name, const char *by, char *reason,
                            size_t size)
{
    ftRetVal_t status;
    struct ft_fleet_module *module = subject(fleet, name, &status, reason, size);
    char why[FT_FLEET_WHY_MAX];

    if (module == NULL)
        return status;
    if (module->at == NULL && module->done) {
        module->done = false;
        ft_fleet_keep(module);
        ft_fleet_log(fleet, "module_restart", module, NULL, NULL,
                     "module %s is to run again, by order of %.60s", module->name, by);
    } else {
        status = cannot_restart(module, reason, size);
        if (status != FT_OK)
            return status;
        snprintf(why, sizeof why, "by order of %.60s", by);
        ft_text_one_line(why);
        ft_fleet_start_here(module, why);
    }
    ft_fleet_due(module);
    ft_fleet_work(fleet);
    return FT_OK;
}
