/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * placement.h - which node is best for a module, and why not the others.
 *
 * The rules, in this order:
 *   1  a node can take it: its unit is connected and has said what it runs, it is not lost, drained
 *      or going down, ft.conf lets the module run there, it did not fail there lately, and the node
 *      has the cores, the free memory and the free disk
 *   2  the node that is asked for (its home at first, where a person wants it, where it ran) if it
 *      can
 *   3  no spare nodes before spare ones, then by the nodes' priority, then the least loaded
 *      (modules and processes for a core)
 *   4  among the first 64 of those: fewest modules, nearest to where it ran, most free memory, name
 * The same knowledge always gives the same node.
 */
#ifndef FT_CORE_PLACEMENT_H
#define FT_CORE_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/berths.h"
#include "core/plan.h"

#define FT_UNFIT_MAX 32 /* nodes that a module failed on lately */

/* A node where a module failed: not again before. */
struct ft_unfit {
    struct ft_berth *berth;
    int64_t until_ns;
    enum ft_module_end end;
};

/* What is looked for. */
struct ft_wish {
    const struct ft_plan_module *module;
    struct ft_berth *prefer;       /* taken if it can; NULL: none */
    const char *prefer_why;        /* in words, for that */
    const struct ft_berth *not_on; /* never this one; NULL: any */
    const char *near;              /* a location; NULL: none */
    const struct ft_unfit *unfit;
    unsigned unfit_n;
    unsigned disk_min_pct;         /* free, at least */
    int64_t now_ns;
};

/* What came of it. */
struct ft_placement {
    struct ft_berth *berth; /* NULL: none */
    unsigned looked_at;     /* nodes */
    char reason[160];       /* why this one: "it is its home" */
    char others[512];       /* why not the others: the first ones by name, the rest by number */
};

/* Whether ft.conf lets a module run there: anywhere, or its home and the nodes that it names. */
bool ft_placement_allows(const struct ft_plan_module *module, const struct ft_berth *berth);

/* Whether a node can take it; if not, `why` says it: "has 2 cores, 4 are needed"
 * (size 0: nobody wants to know). */
bool ft_placement_can(const struct ft_wish *wish, const struct ft_berth *berth, char *why,
                      size_t size);

/* Chooses; _explain then fills in the words, which cost more than the choice. */
void ft_placement_choose(const struct ft_berths *berths, const struct ft_wish *wish,
                         struct ft_placement *placement);
void ft_placement_explain(const struct ft_berths *berths, const struct ft_wish *wish,
                          struct ft_placement *placement);

#endif
