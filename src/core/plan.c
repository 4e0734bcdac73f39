/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plan.c - looks into a plan, and frees it. Plans are made by src/conf; see plan.h.
 */
#include "core/plan.h"

#include <stdlib.h>
#include <string.h>

#include "common/hostlist.h"

/* ---------------------------------------------------------------- looking in */

const struct ft_plan_node *ft_plan_node(const struct ft_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->nodes_n; i++) {
        if (strcmp(plan->nodes[i].name, name) == 0)
            return &plan->nodes[i];
    }
    return NULL;
}

const struct ft_plan_module *ft_plan_module(const struct ft_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->modules_n; i++) {
        if (strcmp(plan->modules[i].name, name) == 0)
            return &plan->modules[i];
    }
    return NULL;
}

const struct ft_plan_voter *ft_plan_voter(const struct ft_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->voters_n; i++) {
        if (strcmp(plan->voters[i].name, name) == 0)
            return &plan->voters[i];
    }
    return NULL;
}

/* ---------------------------------------------------------------- words */

const char *ft_restart_text(enum ft_restart restart)
{
    static const char *const words[] = {
        [FT_RESTART_ALWAYS] = "always",
        [FT_RESTART_ON_FAILURE] = "on-failure",
        [FT_RESTART_NEVER] = "never",
    };

    return (unsigned) restart < sizeof words / sizeof words[0] ? words[restart] : "unknown";
}

const char *ft_module_end_text(enum ft_module_end end)
{
    static const char *const words[FT_MODULE_ENDS] = {
        [FT_END_NONE] = "none",         [FT_END_WELL] = "well",
        [FT_END_CRASH] = "crash",       [FT_END_CODE] = "code",
        [FT_END_NO_START] = "no-start", [FT_END_HANG] = "hang",
        [FT_END_DEADLINE] = "deadline", [FT_END_MEMORY] = "memory",
        [FT_END_CHECK] = "check",       [FT_END_CHECKSUM] = "checksum",
        [FT_END_LEASE] = "lease",       [FT_END_TOLD] = "told",
    };

    return (unsigned) end < FT_MODULE_ENDS ? words[end] : "unknown";
}

const char *ft_module_state_text(enum ft_module_state state)
{
    static const char *const words[FT_MODULE_STATES] = {
        [FT_MODULE_STOPPED] = "stopped",   [FT_MODULE_STARTING] = "starting",
        [FT_MODULE_RUNS] = "runs",         [FT_MODULE_STOPPING] = "stopping",
        [FT_MODULE_DELAYED] = "delayed",   [FT_MODULE_FAILED] = "failed",
        [FT_MODULE_DONE] = "done",
    };

    return (unsigned) state < FT_MODULE_STATES ? words[state] : "unknown";
}

/* ---------------------------------------------------------------- freeing */

static void free_texts(char **texts)
{
    for (char **text = texts; text != NULL && *text != NULL; text++)
        free(*text);
    free(texts);
}

static void free_module(struct ft_plan_module *module)
{
    free(module->name);
    free_texts(module->argv);
    free(module->home);
    free(module->user);
    free(module->dir);
    free_texts(module->environment);
    free_texts(module->after);
    ft_hostlist_destroy(module->nodes);
    free(module->checksum);
    free_texts(module->check);
}

void ft_plan_destroy(struct ft_plan *plan)
{
    if (plan == NULL)
        return;
    for (size_t i = 0; i < plan->nodes_n; i++) {
        free(plan->nodes[i].name);
        free(plan->nodes[i].address);
        free(plan->nodes[i].location);
    }
    for (size_t i = 0; i < plan->modules_n; i++)
        free_module(&plan->modules[i]);
    for (size_t i = 0; i < plan->voters_n; i++) {
        free(plan->voters[i].name);
        free(plan->voters[i].address);
    }
    free(plan->nodes);
    free(plan->modules);
    free(plan->voters);
    ft_hostlist_destroy(plan->pool);
    free(plan->auth);
    free(plan->key);
    free(plan->folder);
    free(plan->cms);
    free(plan->rms);
    free(plan->rms_ladder);
    free(plan->rms_partition);
    free(plan->rms_when_none);
    free(plan->hook);
    free_texts(plan->sinks);
    free(plan->admins);
    free(plan->events);
    free(plan->path);
    free(plan->text);
    free(plan->warnings);
    free(plan);
}
