/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * units.h - the node units that are connected: what they tell, what they are asked.
 */
#ifndef FT_CENTRALD_UNITS_H
#define FT_CENTRALD_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "centrald/requests.h"
#include "centrald/watch.h"
#include "cms/cms.h"
#include "core/central.h"
#include "net/link.h"

#define FT_UNITS_MAX 65536

struct ft_units;

struct ft_units_events {
    /* It is about to be welcomed: what else has to be said (centrals, forecast) is filled in; it
     * borrows. May be NULL. */
    void (*welcome)(void *arg, const char *node, Ft__Welcome *welcome);
    /* It was welcomed: what it is told first follows. */
    void (*up)(void *arg, const char *node);
    void (*down)(void *arg, const char *node, const char *why, bool in_order);
    /* ModuleState, ModuleList, Sample, Trouble, Repaired; NodeInfo, once it was taken. */
    void (*message)(void *arg, const char *node, const Ft__Message *message);
};

struct ft_units_config {
    const char *node;             /* this node's name */
    struct ft_requests *requests; /* borrowed for life, as the next three */
    struct ft_sessions *sessions;
    struct ft_watch *watch;
    struct ft_cms *cms;           /* a `collected` one */
    uint64_t term;                /* of the reign; 0: a job's own */
    bool run_check;               /* probes run the site's check */
    bool launchers_by_unit;       /* a unit's word that an asker is a launcher is believed */
};

/* NULL: out of memory. */
struct ft_units *ft_units_create(const struct ft_units_config *config,
                                 const struct ft_units_events *events, void *arg);

/* Takes over a link that has said Hello (or closes it). */
void ft_units_greet(struct ft_units *units, struct ft_link *link, const Ft__Hello *hello);

/* Asks a node's unit to measure its node (env.probe). */
int ft_units_probe(struct ft_units *units, uint64_t probe, const char *node, unsigned timeout_ms,
                   char *why, size_t size);

/* Has a process of a job ended by its node's unit (env.end_rank). */
int ft_units_end_rank(struct ft_units *units, const char *node, const char *job, int rank, char *why,
                      size_t size);

/* Sends to a node's unit. 0, or -1 with errno: ENOTCONN (it has none), else as ft_link_send. */
int ft_units_send(struct ft_units *units, const char *node, const Ft__Message *message);

void ft_units_set_check(struct ft_units *units, bool run_check);

/* The unit of a node that was declared lost: its connection is worth nothing any more. */
void ft_units_part(struct ft_units *units, const char *node, const char *why);

bool ft_units_has(const struct ft_units *units, const char *node);
/* Names the run of its program; 0: it has none that is connected. */
uint64_t ft_units_run(const struct ft_units *units, const char *node);
size_t ft_units_count(const struct ft_units *units); /* connections, those that close included */

/* Closes all links, which takes up to 1 s of the loop. leave: the units are told to end; else they
 * look for another central unit. Nothing is heard of them any more. */
void ft_units_stop(struct ft_units *units, bool leave, const char *reason);

/* To be called when no connection is left. Takes NULL. */
void ft_units_destroy(struct ft_units *units);

#endif
