/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fleet.h - all modules: which of them are to run, where each one is, and what is to be done about
 * it. What happened goes in here, orders to the nodes' units come out through ft_fleet_env.
 *
 *     ft_fleet_create, ft_fleet_restore for each entry of the ledger, ft_fleet_plan: then the rest.
 *
 * Promises:
 *   - A module that is `single` runs once: it is placed on another node only when the one before
 *     has said that it stopped, or was lost and its lease is surely over.
 *   - Every order to start bears a new epoch, kept before it is given; an epoch is ordered once.
 *     Orders bear (term, epoch), and a unit refuses older ones.
 *   - What runs with the current epoch is left alone: by a new leader, by a node that comes back,
 *     by a new plan that does not change it.
 *   - A module that can run somewhere does so again, whatever happened.
 *   - What a person was told to be done is kept: a new leader goes on with it.
 * One thread; nothing waits. Functions that return int: 0, or -1 with errno ENOMEM, ENOBUFS or
 * EINVAL, and then nothing has changed.
 */
#ifndef FT_CORE_FLEET_H
#define FT_CORE_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/berths.h"
#include "core/env.h"
#include "core/plan.h"
#include "ft.h"
#include "wire/ft.pb-c.h"

/* All the fleet does to the world. No function may call back into it; arguments are borrowed. */
struct ft_fleet_env {
    void *arg;
    int64_t (*now_ns)(void *arg);
    /* Writes an entry of the event log (numbered by the driver). */
    void (*log)(void *arg, const struct ft_event *event);
    /* Remembers n bytes under a key; data NULL: forgets it. NULL: nothing is kept. What the fleet
     * says afterwards (order, a return to a person) may leave only when that is safe. */
    void (*keep)(void *arg, const char *key, const void *data, size_t n);
    /* Gives an order to a node's unit. It may be lost only together with the connection. */
    void (*order)(void *arg, const char *node, const Ft__ModuleOrder *order);
};

struct ft_fleet_config {
    uint64_t term;
    unsigned lease_ms;
    unsigned margin_ms; /* a lease is surely over so long after its end; at least the time that a
                           leader before this one may have gone on to renew leases */
};

struct ft_fleet;

/* NULL: out of memory. The clock starts here: what a leader before this one has placed on a node
 * that does not come by lease + margin from now is placed elsewhere. */
struct ft_fleet *ft_fleet_create(const struct ft_fleet_env *env,
                                 const struct ft_fleet_config *config);
void ft_fleet_destroy(struct ft_fleet *fleet); /* takes NULL; gives no orders */

/* An entry of the ledger: keys "module/NAME", "drain/NODE", "meta/fleet"; others are ignored.
 * EINVAL: the entry is not understood. */
int ft_fleet_restore(struct ft_fleet *fleet, const char *key, const void *data, size_t n);

/* A (new) plan. It has to outlive the fleet, or the next call. */
int ft_fleet_plan(struct ft_fleet *fleet, const struct ft_plan *plan);

/* ---- what happens to nodes. A node that was not known becomes known. */

int ft_fleet_node_up(struct ft_fleet *fleet, const char *node, uint64_t incarnation);
/* All that it has: the first thing that a unit says after _node_up, and maybe again later. */
int ft_fleet_node_list(struct ft_fleet *fleet, const char *node, const Ft__ModuleList *list);
/* Its connection ended: evidence, not a loss. */
void ft_fleet_node_down(struct ft_fleet *fleet, const char *node);
/* Declared lost; nothing runs there under a lease from lease_free_ns on. To be followed by _node_up
 * (a new connection) before anything is expected of it again. */
int ft_fleet_node_lost(struct ft_fleet *fleet, const char *node, int64_t lease_free_ns);
/* It is going down: why; NULL: not any more. */
int ft_fleet_node_failing(struct ft_fleet *fleet, const char *node, const char *why);
int ft_fleet_node_facts(struct ft_fleet *fleet, const char *node, uint32_t cores,
                        uint64_t memory_bytes);
int ft_fleet_node_location(struct ft_fleet *fleet, const char *node, const char *location);
int ft_fleet_node_readings(struct ft_fleet *fleet, const char *node,
                           const struct ft_berth_readings *readings);

/* What a node says of one module. */
int ft_fleet_module_state(struct ft_fleet *fleet, const char *node, const Ft__ModuleState *state);

/* ---- orders of people (`by`: who, for the log). FT_OK: it is kept and will be done; tell the
 *      person when the keep is safe. Else `reason` (size bytes) says why not. */

ftRetVal_t ft_fleet_drain(struct ft_fleet *fleet, const char *node, const char *by,
                          const char *why, char *reason, size_t size);
ftRetVal_t ft_fleet_undrain(struct ft_fleet *fleet, const char *node, const char *by,
                            char *reason, size_t size);
/* to: a node, or "" for the best one. */
ftRetVal_t ft_fleet_move(struct ft_fleet *fleet, const char *module, const char *to,
                         const char *by, char *reason, size_t size);
ftRetVal_t ft_fleet_restart(struct ft_fleet *fleet, const char *module, const char *by,
                            char *reason, size_t size);

/* ---- time */

int64_t ft_fleet_next_deadline_ns(const struct ft_fleet *fleet); /* INT64_MAX: none */
void ft_fleet_tick(struct ft_fleet *fleet);

/* ---- looking in */

/* A module, for people. Texts belong to the fleet. */
struct ft_fleet_view {
    const char *name;
    const struct ft_plan_module *spec;  /* NULL: ft.conf has it no more, it is being stopped */
    const char *node;                   /* where it is placed; "": nowhere */
    uint64_t epoch;
    enum ft_module_state state;         /* as its node says */
    bool state_known;                   /* else: its node is not connected, or has not said yet */
    bool leaving;                       /* it is being stopped there, to run elsewhere or not */
    int64_t pid;
    enum ft_module_end end;             /* how it ended last */
    int code;
    unsigned restarts;
    double restart_ms;
    const char *text;                   /* of its unit */
    const char *waits;                  /* why it does not run where it should; "": it does */
    int64_t since_ns;                   /* since when it is as it is, of env's clock; 0: not known */
};

size_t ft_fleet_count(const struct ft_fleet *fleet);
/* The i-th, most important first; false past the end. */
bool ft_fleet_at(const struct ft_fleet *fleet, size_t i, struct ft_fleet_view *view);
bool ft_fleet_find(const struct ft_fleet *fleet, const char *module, struct ft_fleet_view *view);

/* A node, for people; NULL: not known. */
const struct ft_berth *ft_fleet_node(const struct ft_fleet *fleet, const char *node);
const struct ft_berths *ft_fleet_berths(const struct ft_fleet *fleet);

#endif
