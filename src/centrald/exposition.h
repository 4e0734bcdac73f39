/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * exposition.h - a page of metrics in Prometheus' text format.
 *
 *     ft_exposition_family(page, "ft_node_up", "gauge", "Whether the node's unit is connected");
 *     ft_exposition_value(page, 1, "node", "n1", NULL);
 *     ft_exposition_value(page, 0, "node", "n2", NULL);
 */
#ifndef FT_CENTRALD_EXPOSITION_H
#define FT_CENTRALD_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>

#define FT_EXPOSITION_MAX_BYTES (64u << 20)

struct ft_exposition;

struct ft_exposition *ft_exposition_create(void); /* NULL: out of memory */
void ft_exposition_destroy(struct ft_exposition *page); /* takes NULL */

/* Begins a family of values: its name, type (gauge, counter) and meaning. */
void ft_exposition_family(struct ft_exposition *page, const char *name, const char *type,
                          const char *help);

/* A value of the family begun last; labels: pairs of name and value, ended by NULL. A value that is
 * no number (NAN) is left out. */
void ft_exposition_value(struct ft_exposition *page, double value, ...)
    __attribute__((sentinel));

/* The page; NULL if there was no memory for all of it, or it grew too large. The caller frees it. */
char *ft_exposition_take(struct ft_exposition *page, size_t *n);

#endif
