/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * exposition.h - a page of metrics in Prometheus' text format.
 *
 *     ft_exposition_family(page, "ft_node_up", "gauge", "Whether the node's unit is connected");
 *     ft_exposition_value(page, 1, FT_LABELS("node", "n1"));
 *     ft_exposition_value(page, 0, FT_LABELS("node", "n2"));
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

/* A value of the family begun last; labels: FT_LABELS(name, value, ...), or NULL for none. A value
 * that is no number (NAN) is left out. */
#define FT_LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})
void ft_exposition_value(struct ft_exposition *page, double value, const char *const *labels);

/* The page; NULL if there was no memory for all of it, or it grew too large. The caller frees
 * it. */
char *ft_exposition_take(struct ft_exposition *page, size_t *n);

#endif
