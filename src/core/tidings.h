/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidings.h - news of nodes for the launchers whose daemons run there: a bounded, numbered list.
 *
 * At most one for each node, its latest: what is older does not matter any more. Numbers begin at
 * (term << 32) + 1, so that a launcher that comes from another central unit is recognised by the
 * number it has.
 */
#ifndef FT_CORE_TIDINGS_H
#define FT_CORE_TIDINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/inventory.h"
#include "ft_runtime.h"

struct ft_tidings;

/* term: of the central unit's leadership, 0 if there is but one. NULL: out of memory. */
struct ft_tidings *ft_tidings_create(uint64_t term);
void ft_tidings_destroy(struct ft_tidings *tidings); /* takes NULL */

/* Puts the news of a node in. Returns its number, 0 with errno ENOMEM and nothing changed. */
uint64_t ft_tidings_add(struct ft_tidings *tidings, struct ft_node *node,
                        ftNodeChange_t change, const char *why, int64_t now_ns);

/* The node's latest is nobody's concern any more. */
void ft_tidings_drop(struct ft_tidings *tidings, struct ft_node *node);

struct ft_tiding {
    uint64_t number;
    const struct ft_node *node;
    ftNodeChange_t change;
    int64_t at_ns;
    char why[160];
    struct ft_tiding *next, *previous;
};

/* The oldest one newer than `after`, then ->next. NULL: none. */
const struct ft_tiding *ft_tidings_after(const struct ft_tidings *tidings, uint64_t after);

/* Whether a number was given by another central unit. */
bool ft_tidings_is_foreign(const struct ft_tidings *tidings, uint64_t number);
uint64_t ft_tidings_base(const struct ft_tidings *tidings); /* lower than all of this one's */

#endif
