/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * summons.h - how a node gets its unit: it is started through the remote shell (a job's own central
 * unit), or looked for by datagrams (a system's).
 */
#ifndef FT_CENTRALD_SUMMONS_H
#define FT_CENTRALD_SUMMONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "centrald/discovery.h"
#include "centrald/parts.h"
#include "centrald/starter.h"

struct ft_summons;

struct ft_summons_config {
    uv_loop_t *loop;
    const struct ft_parts *parts; /* borrowed for life; `later` and `sessions` are there */
    const char *node;             /* this node's name; borrowed for life */
    int64_t begun_ns;             /* when the reign began */
};

/* NULL: out of memory. */
struct ft_summons *ft_summons_create(const struct ft_summons_config *config);

/* By starting them; starter's `hosts` is filled in. 0, or -1 with a sentence in `why`. */
int ft_summons_by_starter(struct ft_summons *summons, const struct ft_starter_config *starter,
                          char *why, size_t size);

/* By looking for the plan's nodes; discovery's `hosts`, `node` and `loop` are filled in. 0, or -1:
 * out of memory. Then with another plan, as often as there is one. */
int ft_summons_by_search(struct ft_summons *summons, const struct ft_discovery_config *discovery);
int ft_summons_plan(struct ft_summons *summons, const struct ft_plan *plan);

/* A node should have a unit (env.want_unit). A session that waits for it is told if there is
 * none. */
void ft_summons_want(struct ft_summons *summons, const char *node);

/* Starts units on all spare nodes, if units are started. */
void ft_summons_want_pool(struct ft_summons *summons);

/* The connection of that node's unit is gone. */
void ft_summons_lost(struct ft_summons *summons, const char *node);

/* A packet came. False: it is somebody else's. */
bool ft_summons_packet(struct ft_summons *summons, const uint8_t *bytes, size_t n,
                       const struct sockaddr *from);

/* How the search goes. False: there is none, units are started here. */
bool ft_summons_figures(const struct ft_summons *summons, struct ft_discovery_figures *figures);

void ft_summons_stop(struct ft_summons *summons); /* each takes NULL */
bool ft_summons_is_over(const struct ft_summons *summons);
void ft_summons_destroy(struct ft_summons *summons);

#endif
