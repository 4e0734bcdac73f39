/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * modules.h - the modules of a reign: what the node units and the watch say goes into core's fleet,
 * its orders go out to the units.
 *
 *     ft_modules_create, ft_modules_restore with the ledger, ft_modules_plan: then the rest.
 */
#ifndef FT_CENTRALD_MODULES_H
#define FT_CENTRALD_MODULES_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/fleet.h"
#include "core/history.h"
#include "core/ledger.h"
#include "wire/ft.pb-c.h"

struct ft_modules;

struct ft_modules_config {
    uv_loop_t *loop;
    uint64_t term;
    unsigned lease_ms;
    unsigned margin_ms; /* see ft_fleet_config */
};

/* What it does to the reign. log and keep as in ft_fleet_env. */
struct ft_modules_env {
    void *arg;
    void (*log)(void *arg, const struct ft_event *event);
    /* NULL: nothing is kept. */
    void (*keep)(void *arg, const char *key, const void *data, size_t n);
    /* A message for a node's unit, through the outbox: only when all that was kept before is safe,
     * and not at all if its connection has gone meanwhile. */
    void (*send)(void *arg, const char *node, const Ft__Message *message);
};

/* NULL with errno. */
struct ft_modules *ft_modules_create(const struct ft_modules_config *config,
                                     const struct ft_modules_env *env);
/* Takes NULL; to be called when the reign ends: gives no orders. What belongs to the loop frees
 * itself in one of its next rounds. */
void ft_modules_destroy(struct ft_modules *modules);

/* The ledger of the leader before this one. 0, or -1 with errno; entries that are not understood
 * are left out, with a line in the daemon's log. */
int ft_modules_restore(struct ft_modules *modules, const struct ft_ledger *ledger);
/* A plan, which has to outlive it or the next call. 0, or -1 with errno ENOMEM. */
int ft_modules_plan(struct ft_modules *modules, const struct ft_plan *plan);

/* ---- nodes: from the units and the watch */
void ft_modules_node_up(struct ft_modules *modules, const char *node, uint64_t incarnation);
void ft_modules_node_down(struct ft_modules *modules, const char *node);
/* Declared lost, or its unit ended in order. */
void ft_modules_node_lost(struct ft_modules *modules, const char *node, int64_t lease_free_ns);
void ft_modules_node_failing(struct ft_modules *modules, const char *node, const char *why);
void ft_modules_node_info(struct ft_modules *modules, const char *node, const Ft__NodeInfo *info);
/* A sample of the node has come, and is in the history. */
void ft_modules_sampled(struct ft_modules *modules, const char *node,
                        const struct ft_history *history);

/* A unit's message of this reign's connection: MODULE_STATE or MODULE_LIST. */
void ft_modules_message(struct ft_modules *modules, const char *node, const Ft__Message *message);

/* For admin.c: views and orders of people. After an order: ft_modules_stir, so that the timer is
 * set again. */
struct ft_fleet *ft_modules_fleet(struct ft_modules *modules);
void ft_modules_stir(struct ft_modules *modules);

#endif
