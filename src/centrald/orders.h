/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * orders.h - what administrators ask of a reign: each command is carried out and answered.
 */
#ifndef FT_CENTRALD_ORDERS_H
#define FT_CENTRALD_ORDERS_H

#include <stdint.h>

#include "centrald/events.h"
#include "centrald/parts.h"
#include "core/env.h"

struct ft_orders;

struct ft_orders_config {
    const struct ft_parts *parts; /* borrowed for life, as all; all parts but itself are there */
    const char *node;             /* this node's name */
    const char *session;          /* of a job's own central unit; NULL: the system's */
    int64_t begun_ns;             /* of the program */
    struct ft_events *events;
    /* As in reign.h; NULL: refused. */
    ftRetVal_t (*reload)(void *arg, const char *by, char **text);
    void *reload_arg;
};

struct ft_orders *ft_orders_create(const struct ft_orders_config *config); /* NULL: out of memory */
void ft_orders_destroy(struct ft_orders *orders); /* takes NULL */

/* A take-over: an order that was carried out; see admin.h. */
int ft_orders_restore(struct ft_orders *orders, const void *data, size_t n);

/* A command, to be answered by ft_requests_answer under this token. */
void ft_orders_take(struct ft_orders *orders, uint64_t token, const struct ft_asker *asker,
                    const char *command);

#endif
