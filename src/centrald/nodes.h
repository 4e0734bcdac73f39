/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nodes.h - what happens to a node, told to all parts of a reign that it concerns.
 *
 * Each function takes the struct ft_parts of the reign as its first argument, so that it can be
 * handed to units.h, watch.h, collector.h, modules.h and admin.h as it is.
 */
#ifndef FT_CENTRALD_NODES_H
#define FT_CENTRALD_NODES_H

#include <stdbool.h>
#include <stdint.h>

#include "centrald/parts.h"
#include "wire/ft.pb-c.h"

/* ---- from units.c: a unit is welcomed, is gone, says something */
void ft_nodes_unit_up(void *parts, const char *node);
void ft_nodes_unit_down(void *parts, const char *node, const char *why, bool in_order);
void ft_nodes_unit_message(void *parts, const char *node, const Ft__Message *message);

/* ---- from watch.c: it is lost. What was kept of that is acted upon when it is safe. */
void ft_nodes_declared(void *parts, const char *node, uint64_t incarnation, const char *text);
/* After a take-over: of each node that is lost by what was kept, those are told who have to
 * know. */
void ft_nodes_declared_before(const struct ft_parts *parts);

/* ---- from collector.c: it is going down, by a forecast, or is well again */
void ft_nodes_failing(void *parts, const char *node, const char *why);
void ft_nodes_sick(void *parts, const char *node, const char *why);
void ft_nodes_well(void *parts, const char *node, const char *why);

/* ---- from admin.c: a person drains it, or does so no more (why NULL). _drain_again: what a
 * predecessor was told to drain. */
void ft_nodes_drained(void *parts, const char *node, const char *why);
void ft_nodes_drain_again(const struct ft_parts *parts);

/* ---- from spares.c: the resource manager has it out of service, or in service again (why NULL) */
void ft_nodes_in_service(const struct ft_parts *parts, const char *node, const char *why);

/* ---- from modules.c: an order for its unit, let out when what was kept before is safe */
void ft_nodes_send(void *parts, const char *node, const Ft__Message *message);

#endif
