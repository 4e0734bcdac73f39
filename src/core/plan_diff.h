/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plan_diff.h - what is different between two plans: for a reload, and for telling people of it.
 */
#ifndef FT_CORE_PLAN_DIFF_H
#define FT_CORE_PLAN_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#include "core/plan.h"

/* What a change is about, or'ed. */
enum {
    FT_DIFF_NODES = 1u << 0,     /* a node was added, removed or changed */
    FT_DIFF_MODULES = 1u << 1,   /* the same of a module */
    FT_DIFF_POOL = 1u << 2,      /* the spare nodes of jobs */
    FT_DIFF_CENTRAL = 1u << 3,   /* how jobs' decisions are made */
    FT_DIFF_DETECT = 1u << 4,    /* beats, suspicion, the lease */
    FT_DIFF_FORECAST = 1u << 5,
    FT_DIFF_SINKS = 1u << 6,     /* where events go, metrics, the size of the log */
    FT_DIFF_ADMINS = 1u << 7,
    FT_DIFF_REDEPLOY = 1u << 9,  /* what is done about a voter that is not heard */
    FT_DIFF_VOTERS = 1u << 10,   /* who votes, and who is preferred */
    FT_DIFF_RESTART = 1u << 8    /* ports, authentication, folders, the source of facts:
                                    counts when the central unit is started again */
};

enum ft_module_change {
    FT_CHANGE_NONE,
    FT_CHANGE_ADDED,
    FT_CHANGE_REMOVED,
    FT_CHANGE_UPDATE,  /* its running instance may go on and is told the new rules */
    FT_CHANGE_RESTART, /* what runs is not what the file means any more: command, user, environment,
                          folder, checksum, limits */
    FT_CHANGE_PLACE    /* only where it may run: home, nodes, priority, what it needs */
};

struct ft_plan_change {
    enum ft_module_change change;
    const char *name; /* of the module; belongs to one of the plans */
    const struct ft_plan_module *old, *new; /* NULL: not there */
};

struct ft_plan_diff {
    unsigned flags;
    struct ft_plan_change *modules; /* those that changed, new plan's order, removed ones last */
    size_t modules_n;
    char *text;  /* for people, a change in a line, bounded; "" if there is none */
};

/* old: NULL: everything is new. Names in the result belong to the plans, which have to outlive it.
 * NULL with errno ENOMEM. */
struct ft_plan_diff *ft_plan_diff(const struct ft_plan *old, const struct ft_plan *new);
void ft_plan_diff_destroy(struct ft_plan_diff *diff); /* takes NULL */

/* How one module changed; both there. */
enum ft_module_change ft_plan_module_change(const struct ft_plan_module *old,
                                            const struct ft_plan_module *new);

#endif
