/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stock.h - the nodes that may be given, by hardware and place, so that the best one is found
 * without looking at all of them. Part of the inventory, which hands it the nodes.
 */
#ifndef FT_CORE_STOCK_H
#define FT_CORE_STOCK_H

#include <stddef.h>

#include "core/inventory.h"

struct ft_stock;

struct ft_stock *ft_stock_create(void); /* NULL: out of memory */
void ft_stock_destroy(struct ft_stock *stock); /* takes NULL; nodes are not touched */

/* A location ("row1/rack2"), found or made; the unknown one for "". NULL: out of memory. */
struct ft_place *ft_stock_place(struct ft_stock *stock, const char *location);
/* Puts a location behind a text. */
void ft_place_append(const struct ft_place *place, char *text, size_t size);

/* The nodes of this hardware (NULL: unknown) at this place; and those of the same hardware as in a
 * group at another place. NULL: out of memory. */
struct ft_group *ft_stock_group(struct ft_stock *stock, const struct ft_facts *facts,
                                struct ft_place *place);
struct ft_group *ft_stock_group_at(const struct ft_group *group, struct ft_place *place);

/* Puts a node into a group, among those of this use, out of where it was before; negative: into
 * none. Cannot fail. */
void ft_stock_list(struct ft_node *node, struct ft_group *group, int use);

/* See ft_inventory_distance and ft_inventory_search. */
int ft_place_distance(const struct ft_place *a, const struct ft_place *b);
struct ft_node *ft_stock_search(const struct ft_stock *stock, const struct ft_search *search);

#endif
