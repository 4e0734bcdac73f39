/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * locations.c - where the nodes are, for the library in the ranks: FT_LOCATIONS.
 *
 * Kept state (FTMPI_Keep) is to be on another rack than the rank that it is of. Each rank has to
 * come to the same choice by itself, so each gets the same list, in its environment: `ft run
 * --conf` makes it out of the ft.conf (environ.c), the launcher's component hands it on. Without
 * it, node names are all that is known, and another node is what is chosen.
 */
#include "config.h"

#include "cli/locations.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/plan.h"

/* The text, to be freed; NULL: empty, or too long. */
static char *text_of(const struct ft_plan *plan)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    for (size_t i = 0; i < plan->nodes_n; i++)
        if (plan->nodes[i].location[0] != '\0')
            fprintf(out, "%s%s=%s", ftell(out) > 0 ? " " : "", plan->nodes[i].name,
                    plan->nodes[i].location);
    if (fclose(out) == 0 && size > 0 && size < LOCATIONS_MAX)
        return text;
    free(text);
    return NULL;
}

char *locations_of(const char *conf)
{
    char why[FT_CONF_WHY_MAX];
    struct ft_plan *plan = ft_plan_load(conf, NULL, why, sizeof why);
    char *text = plan ? text_of(plan) : NULL;

    ft_plan_destroy(plan);
    return text;
}
