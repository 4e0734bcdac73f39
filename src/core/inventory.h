/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inventory.h - the nodes: what each is, who uses it, and which one fits, found without looking at
 * all of them.
 */
#ifndef FT_CORE_INVENTORY_H
#define FT_CORE_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/facts.h"
#include "ft.h"

#define FT_NODES_MAX 200000
#define FT_LOCATION_MAX 128 /* bytes of a location, its 0 included */

enum ft_node_state {
    FT_NODE_CANDIDATE, /* known, but the launcher has no daemon there */
    FT_NODE_UP,        /* a daemon of the launcher runs there: part of the allocation */
    FT_NODE_IS_LOST,   /* the daemon there was lost */
    FT_NODE_IS_LEFT    /* the daemon there was ended in order */
};

struct ft_decision;
struct ft_tiding;
struct ft_process;
struct ft_group;
struct ft_place;

/* A node. To be read by all of core; changed only by the functions below (and the process list by
 * jobs.c). Nodes are never forgotten, so pointers to them hold. */
struct ft_node {
    char *name;
    enum ft_node_state state;
    int daemon;             /* number of the launcher's daemon, -1 if there was none yet */
    int64_t state_ns;       /* since when it is in this state */
    char *state_text;       /* how its loss was noticed; NULL if not told */

    bool unit_up;           /* its unit is connected */
    bool unit_wanted;       /* a unit is being started there */
    char *unit_text;        /* why it has none; NULL if not told */
    bool facts_known;
    struct ft_facts facts;

    int64_t measured_ns;    /* when it was last probed well, 0: never */
    uint64_t memory_free_bytes;

    bool declared;          /* it was silent and was declared lost; the launcher may not know yet */
    bool failing;           /* it is going down, or is to be left */
    char *failing_text;     /* why; NULL if not told */
    struct ft_tiding *tiding; /* the launcher's latest news of it, NULL: none; tidings.c's */

    int64_t unfit_until_ns; /* starting something there failed: not again before */
    char *unfit_text;
    unsigned suspected;     /* of these, bits 1 << enum ft_suspicion: told already (suspect.c) */

    struct ft_node *reserved_for; /* stands in for what ran on that node */
    ftRung_t reserved_rung;
    unsigned reserved_refs;
    struct ft_node *standins;     /* first of the nodes that stand in for this one */
    struct ft_node *standin_next;
    struct ft_decision *leader;   /* the decision under way for what ran there, NULL if none */
    bool acquired;          /* the resource manager gave it */
    bool granted;           /* to the launcher itself, which asked for it: grant.c */
    uint64_t granted_run, granted_request; /* in answer to that request; 0: not told */

    unsigned processes_n;   /* that live */
    struct ft_process *processes;

    uint64_t stamp;         /* equal to a search's number: not to be found by it */
    struct ft_place *place; /* location */
    struct ft_group *group; /* nodes of the same hardware at the same place; NULL: facts unknown */
    struct ft_group *blank; /* nodes of unknown hardware at the same place */
    struct ft_group *listed;/* in whose list it is, NULL: in none */
    struct ft_node **list;  /* that list */
    struct ft_node *list_next, *list_previous;
    struct ft_node *by_name_next;
    struct ft_node *order_next; /* in the order they came to be known */
};

struct ft_inventory;

struct ft_inventory *ft_inventory_create(void); /* NULL: out of memory */
void ft_inventory_destroy(struct ft_inventory *inventory);

/* Names are compared as launchers do: without a domain, unless they are addresses. */
bool ft_node_names_equal(const char *a, const char *b);
uint64_t ft_node_name_hash(const char *name); /* the same for names that are equal */
struct ft_node *ft_inventory_find(const struct ft_inventory *inventory, const char *name);

/* Finds or adds. NULL with errno ENOMEM, EINVAL (no name for a node) or ENOBUFS (too many). */
struct ft_node *ft_inventory_get(struct ft_inventory *inventory, const char *name);

size_t ft_inventory_count(const struct ft_inventory *inventory);
struct ft_node *ft_inventory_first(const struct ft_inventory *inventory); /* then ->order_next */

/* Changes. Texts may be NULL. Those that return int: 0, or -1 with errno ENOMEM and nothing
 * changed. A text that there is no memory for is left out. */
void ft_inventory_set_state(struct ft_inventory *inventory, struct ft_node *node,
                            enum ft_node_state state, int daemon, const char *text, int64_t now_ns);
void ft_inventory_set_unit(struct ft_inventory *inventory, struct ft_node *node, bool up,
                           const char *text);
int ft_inventory_set_facts(struct ft_inventory *inventory, struct ft_node *node,
                           const struct ft_facts *facts);
int ft_inventory_set_location(struct ft_inventory *inventory, struct ft_node *node,
                              const char *location);
/* Writes its location ("row1/rack2", "" if not known), cut to size. Returns text. */
char *ft_inventory_location(const struct ft_node *node, char *text, size_t size);
void ft_inventory_set_unfit(struct ft_inventory *inventory, struct ft_node *node, int64_t until_ns,
                            const char *text);

/* The detector's word on a node, and the forecast's or an administrator's. */
void ft_inventory_set_declared(struct ft_inventory *inventory, struct ft_node *node, bool declared);
void ft_inventory_set_failing(struct ft_inventory *inventory, struct ft_node *node, bool failing,
                              const char *text);

/* One more (fewer) process lives on a node. */
void ft_inventory_add_process(struct ft_inventory *inventory, struct ft_node *node);
void ft_inventory_drop_process(struct ft_inventory *inventory, struct ft_node *node);

/* A node is to stand in for what ran on `lost`; may be said several times, and taken back as often.
 * It must not be reserved for another. _unreserve returns true when the last one took it back. */
void ft_inventory_reserve(struct ft_inventory *inventory, struct ft_node *node,
                          struct ft_node *lost, ftRung_t rung);
bool ft_inventory_unreserve(struct ft_inventory *inventory, struct ft_node *node);

/* It is the launcher's own now, and nobody's alternative; or no longer. */
void ft_inventory_grant(struct ft_inventory *inventory, struct ft_node *node, bool granted);

/* How far apart: 0 same node, 1 same place, then one more for each step up to what both share;
 * FT_DISTANCE_UNKNOWN if one's location is not known. */
#define FT_DISTANCE_UNKNOWN 1000
int ft_inventory_distance(const struct ft_node *a, const struct ft_node *b);

/* ---- finding one */

enum ft_use {
    FT_USE_IDLE, /* of the allocation, no process lives there, not reserved */
    FT_USE_BUSY  /* of the allocation, processes live there, not reserved */
};

/* What is looked for. */
struct ft_search {
    uint64_t number;           /* of ft_inventory_search_begin: nodes stamped with it are skipped */
    enum ft_use use;
    int64_t now_ns;
    int distance;              /* -1 nearest to `from` first, +1 farthest, 0 any */
    const struct ft_node *from;
    uint64_t kind;             /* this kind first; 0: none in particular */
    bool (*fits)(void *arg, const struct ft_facts *facts);
    void *arg;
    bool unknown_too;          /* if nothing fits: one of unknown hardware */
};

uint64_t ft_inventory_search_begin(struct ft_inventory *inventory);

/* The best node: nearest (if asked), then of the wanted kind, then the smallest that fits, then, if
 * busy, the one with the fewest processes for a core (of the first 64 of each group). NULL if none.
 * Takes time with the number of kinds of hardware, and of places if a distance is asked, not with
 * the number of nodes. */
struct ft_node *ft_inventory_search(struct ft_inventory *inventory, const struct ft_search *search);

#endif
