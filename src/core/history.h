/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * history.h - the latest readings of every node, and a short history of those that one looks at.
 *
 * For 10,000 nodes and more: a node takes some hundred bytes (see FT_HISTORY_NODE_BYTES), and
 * nothing is allocated for a reading that comes again. Source: the paper, section 4 ("Collection
 * function").
 */
#ifndef FT_CORE_HISTORY_H
#define FT_CORE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/readings.h"

#define FT_HISTORY_LATEST_MAX 48   /* readings of a node; more are not kept */
#define FT_HISTORY_POINTS 40       /* of a series */
#define FT_HISTORY_STEP_S 15       /* between two points: ten minutes in all */
#define FT_HISTORY_NAMES_MAX 4096  /* different disks, sensors, interfaces of all nodes together */
#define FT_HISTORY_NODE_BYTES 1536 /* what a node takes at the most */

/* What has a series: the worst of the node, where there are several. */
enum ft_series { FT_SERIES_MEMORY_FREE, FT_SERIES_LOAD, FT_SERIES_TEMPERATURE, FT_SERIES_DISK_FREE,
                 FT_SERIES };

struct ft_history;

struct ft_history *ft_history_create(void); /* NULL: out of memory */
void ft_history_destroy(struct ft_history *history); /* takes NULL */

/* A sample begins: of this node, taken at now_ns; `whole`: what is not said again is no more. Then
 * its readings. Returns 0, or -1 with errno ENOMEM, EINVAL (no name) or ENOBUFS. */
int ft_history_begin(struct ft_history *history, const char *node, bool whole, int64_t now_ns);
int ft_history_take(struct ft_history *history, unsigned what, const char *of, double value);

/* The node will not come back. */
void ft_history_forget(struct ft_history *history, const char *node);

/* The latest value; false if there is none. */
bool ft_history_latest(const struct ft_history *history, const char *node, unsigned what,
                       const char *of, double *value);

/* Every latest reading of a node, or of all with node NULL (then in the order of nodes). */
typedef void (*ft_history_fn)(void *arg, const char *node, unsigned what, const char *of,
                              double value);
void ft_history_each(const struct ft_history *history, const char *node, ft_history_fn visit,
                     void *arg);

/* Up to FT_HISTORY_POINTS values, the newest last, NAN where there was none. Returns how many;
 * points are FT_HISTORY_STEP_S apart, and *newest_ns is the time of the last one. */
unsigned ft_history_series(const struct ft_history *history, const char *node,
                           enum ft_series series, float values[FT_HISTORY_POINTS],
                           int64_t *newest_ns);

/* When a node was heard last, 0 if never. */
int64_t ft_history_heard_ns(const struct ft_history *history, const char *node);

/* Memory in use, all in all. */
size_t ft_history_bytes(const struct ft_history *history);
size_t ft_history_nodes(const struct ft_history *history);

#endif
