/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * berths.h - the nodes as places for modules: what is known of each, and the order in which modules
 * like them.
 */
#ifndef FT_CORE_BERTHS_H
#define FT_CORE_BERTHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/inventory.h"

#define FT_BERTH_STEPS 32 /* grades of load */

/* What was measured last. Negative: not known. */
struct ft_berth_readings {
    int64_t memory_free_bytes;
    double disk_free_pct; /* of the fullest disk */
    double load;          /* runnable processes, 1-minute average */
};

struct ft_fleet_module;
struct ft_berth_tier;

/* A node. To be read by all of core; changed by the functions below. Never forgotten, so pointers
 * to it hold. */
struct ft_berth {
    char *name;
    char *location;        /* NULL: not known */
    int priority;
    bool spare;
    bool planned;          /* ft.conf names it */

    bool up;               /* its unit is connected */
    bool told;             /* and has said what it runs */
    bool seen;             /* it was up since this central unit leads */
    uint64_t incarnation;
    bool lost;
    int64_t lease_free_ns; /* if lost: from then on nothing runs there under a lease */
    char *drained;         /* by whom and why; NULL: it is not */
    char *failing;         /* why it is expected to go down; NULL: it is not */

    bool facts_known;
    uint32_t cores;
    uint64_t memory_bytes;
    struct ft_berth_readings readings;
    uint64_t reserved_bytes; /* for modules that the readings do not show yet */

    unsigned modules_n;
    struct ft_fleet_module *modules; /* that are placed here */
    unsigned weight;       /* cores that they need, at least 1 each */
    unsigned leaving_n;    /* of them, those on their way to another node in order */

    /* in the order of liking; see berths.c */
    struct ft_berth_tier *tier; /* NULL: in no list, it cannot take modules now */
    unsigned step;
    struct ft_berth *list_next, *list_previous;
    struct ft_berth *by_name_next;
    struct ft_berth *order_next; /* in the order they came to be known */
};

struct ft_berths;

struct ft_berths *ft_berths_create(void); /* NULL: out of memory */
void ft_berths_destroy(struct ft_berths *berths);

/* Names as in inventory.h. _get finds or adds: NULL with errno ENOMEM, EINVAL or ENOBUFS. */
struct ft_berth *ft_berths_find(const struct ft_berths *berths, const char *name);
struct ft_berth *ft_berths_get(struct ft_berths *berths, const char *name);
size_t ft_berths_count(const struct ft_berths *berths);
struct ft_berth *ft_berths_first(const struct ft_berths *berths); /* then ->order_next */

/* Makes room for nodes of this priority: after that _set_place with it cannot fail. */
int ft_berths_tier(struct ft_berths *berths, int priority, bool spare);

/* Changes. Texts are copied; NULL takes a flag back. _set_up(true) ends a loss. Those that return
 * int: 0, or -1 with errno ENOMEM and nothing changed. */
int ft_berth_set_place(struct ft_berths *berths, struct ft_berth *berth, int priority, bool spare,
                       bool planned);
void ft_berth_set_location(struct ft_berth *berth, const char *location);
void ft_berth_set_up(struct ft_berths *berths, struct ft_berth *berth, bool up);
void ft_berth_set_told(struct ft_berths *berths, struct ft_berth *berth, bool told);
void ft_berth_set_lost(struct ft_berths *berths, struct ft_berth *berth, int64_t lease_free_ns);
int ft_berth_set_drained(struct ft_berths *berths, struct ft_berth *berth, const char *why);
int ft_berth_set_failing(struct ft_berths *berths, struct ft_berth *berth, const char *why);
void ft_berth_set_facts(struct ft_berths *berths, struct ft_berth *berth, uint32_t cores,
                        uint64_t memory_bytes);
void ft_berth_set_readings(struct ft_berths *berths, struct ft_berth *berth,
                           const struct ft_berth_readings *readings);

/* A module that needs so many cores and so much memory is placed here, or is gone again. */
void ft_berth_load(struct ft_berths *berths, struct ft_berth *berth, unsigned cores);
void ft_berth_unload(struct ft_berths *berths, struct ft_berth *berth, unsigned cores);

/* Whether it can take modules at all now. */
bool ft_berth_is_open(const struct ft_berth *berth);

/* Those that can, best first: no spares before spares, then by priority, then by load; NULL at the
 * end. Must not be changed meanwhile. */
struct ft_berth *ft_berths_best(const struct ft_berths *berths);
struct ft_berth *ft_berths_next(const struct ft_berths *berths, const struct ft_berth *berth);

/* Steps between two locations: 0 the same, then one more for each step up to what both share;
 * FT_DISTANCE_UNKNOWN if one is not known. */
int ft_berth_distance(const char *a, const char *b);

/* How many there are of each, kept as they change. */
struct ft_berth_counts {
    unsigned open, down, untold, lost, drained, failing; /* each node once, in this order of what
                                                            is told of it: lost first, then down */
};
void ft_berths_counts(const struct ft_berths *berths, struct ft_berth_counts *counts);

#endif
