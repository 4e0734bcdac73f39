/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * berths.c - the nodes as places for modules, in the order in which modules like them.
 *
 * Owned by the fleet, which tells it what happens to nodes; placement.c walks it. The order does
 * not depend on the module, so it can stand ready: a tier for each (spare, priority) that nodes
 * have, best first; in a tier 32 steps of load; in a step a list, in which a node that got a module
 * goes to the end. A node that cannot take modules (not connected, lost, drained, ...) is in no
 * list. So a change of a node costs a few pointers, and finding the best one for a module costs no
 * more than the nodes before it that do not fit that module: 10,000 nodes are as quick as 10.
 *
 * refresh() follows every change of a field: it takes the node out of the counts and lists where it
 * was, and puts it where its fields say that it belongs now. It never allocates.
 */
#include "core/berths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_A_LOAD 4 /* steps for one busy core of each core */

struct list {
    struct ft_berth *first, *last;
};

struct ft_berth_tier {
    bool spare;
    int priority;
    unsigned open_n;
    struct list steps[FT_BERTH_STEPS];
    struct ft_berth_tier *next; /* the next worse one */
};

struct ft_berths {
    struct ft_berth **by_name;
    size_t buckets;
    size_t n;
    struct ft_berth *first, *last;
    struct ft_berth_tier *tiers;
    struct ft_berth_counts counts;
};

/* ---------------------------------------------------------------- tiers */

static bool tier_before(const struct ft_berth_tier *tier, int priority, bool spare)
{
    if (tier->spare != spare)
        return spare;
    return tier->priority > priority;
}

static struct ft_berth_tier **tier_link(struct ft_berths *berths, int priority, bool spare)
{
    struct ft_berth_tier **link = &berths->tiers;

    while (*link != NULL && tier_before(*link, priority, spare))
        link = &(*link)->next;
    return link;
}

static bool is_tier(const struct ft_berth_tier *tier, int priority, bool spare)
{
    return tier != NULL && tier->spare == spare && tier->priority == priority;
}

int ft_berths_tier(struct ft_berths *berths, int priority, bool spare)
{
    struct ft_berth_tier **link = tier_link(berths, priority, spare);
    struct ft_berth_tier *tier;

    if (is_tier(*link, priority, spare))
        return 0;
    tier = calloc(1, sizeof *tier);
    if (tier == NULL) {
        errno = ENOMEM;
        return -1;
    }
    tier->spare = spare;
    tier->priority = priority;
    tier->next = *link;
    *link = tier;
    return 0;
}

/* ---------------------------------------------------------------- lists */

bool ft_berth_is_open(const struct ft_berth *berth)
{
    return berth->up && berth->told && !berth->lost && berth->drained == NULL &&
           berth->failing == NULL;
}

static unsigned *count_of(struct ft_berths *berths, const struct ft_berth *berth)
{
    if (berth->lost)
        return &berths->counts.lost;
    if (!berth->up)
        return &berths->counts.down;
    if (berth->drained != NULL)
        return &berths->counts.drained;
    if (berth->failing != NULL)
        return &berths->counts.failing;
    return berth->told ? &berths->counts.open : &berths->counts.untold;
}

static unsigned step_of(const struct ft_berth *berth)
{
    double cores = berth->facts_known && berth->cores > 0 ? berth->cores : 1;
    double busy = berth->weight + (berth->readings.load > 0 ? berth->readings.load : 0);
    double step = STEPS_A_LOAD * busy / cores;

    return step < FT_BERTH_STEPS - 1 ? (unsigned) step : FT_BERTH_STEPS - 1;
}

static void unlist(struct ft_berth *berth)
{
    struct list *list;

    if (berth->tier == NULL)
        return;
    list = &berth->tier->steps[berth->step];
    if (berth->list_previous != NULL)
        berth->list_previous->list_next = berth->list_next;
    else
        list->first = berth->list_next;
    if (berth->list_next != NULL)
        berth->list_next->list_previous = berth->list_previous;
    else
        list->last = berth->list_previous;
    berth->list_next = berth->list_previous = NULL;
    berth->tier->open_n--;
    berth->tier = NULL;
}

static void enlist(struct ft_berth *berth, struct ft_berth_tier *tier, unsigned step)
{
    struct list *list = &tier->steps[step];

    berth->tier = tier;
    berth->step = step;
    berth->list_previous = list->last;
    if (list->last != NULL)
        list->last->list_next = berth;
    else
        list->first = berth;
    list->last = berth;
    tier->open_n++;
}

/* After a change: to where it belongs now; to the end of its list, if it has to go there. */
static void refresh(struct ft_berths *berths, struct ft_berth *berth, bool to_end)
{
    struct ft_berth_tier *tier = NULL;
    unsigned step = step_of(berth);

    if (ft_berth_is_open(berth))
        tier = *tier_link(berths, berth->priority, berth->spare);
    if (berth->tier == tier && (tier == NULL || (berth->step == step && !to_end)))
        return;
    unlist(berth);
    if (tier != NULL)
        enlist(berth, tier, step);
}

struct ft_berth *ft_berths_best(const struct ft_berths *berths)
{
    for (const struct ft_berth_tier *tier = berths->tiers; tier != NULL; tier = tier->next) {
        for (unsigned step = 0; tier->open_n > 0 && step < FT_BERTH_STEPS; step++) {
            if (tier->steps[step].first != NULL)
                return tier->steps[step].first;
        }
    }
    return NULL;
}

struct ft_berth *ft_berths_next(const struct ft_berths *berths, const struct ft_berth *berth)
{
    const struct ft_berth_tier *tier = berth->tier;
    unsigned step = berth->step + 1;

    (void) berths;
    if (berth->list_next != NULL)
        return berth->list_next;
    for (; tier != NULL; tier = tier->next, step = 0) {
        for (; tier->open_n > 0 && step < FT_BERTH_STEPS; step++) {
            if (tier->steps[step].first != NULL)
                return tier->steps[step].first;
        }
    }
    return NULL;
}

/* ---------------------------------------------------------------- making, finding */

struct ft_berths *ft_berths_create(void)
{
    struct ft_berths *berths = calloc(1, sizeof *berths);

    if (berths == NULL)
        return NULL;
    berths->buckets = 64;
    berths->by_name = calloc(berths->buckets, sizeof(struct ft_berth *));
    if (berths->by_name == NULL || ft_berths_tier(berths, 0, false) < 0) {
        ft_berths_destroy(berths);
        return NULL;
    }
    return berths;
}

static void destroy_berth(struct ft_berth *berth)
{
    free(berth->name);
    free(berth->location);
    free(berth->drained);
    free(berth->failing);
    free(berth);
}

void ft_berths_destroy(struct ft_berths *berths)
{
    if (berths == NULL)
        return;
    while (berths->first != NULL) {
        struct ft_berth *berth = berths->first;

        berths->first = berth->order_next;
        destroy_berth(berth);
    }
    while (berths->tiers != NULL) {
        struct ft_berth_tier *tier = berths->tiers;

        berths->tiers = tier->next;
        free(tier);
    }
    free(berths->by_name);
    free(berths);
}

static struct ft_berth **bucket_of(struct ft_berth **by_name, size_t buckets, const char *name)
{
    return &by_name[ft_node_name_hash(name) & (buckets - 1)];
}

/* Twice the buckets; without memory for them the chains just grow longer. */
static void grow(struct ft_berths *berths)
{
    size_t buckets = 2 * berths->buckets;
    struct ft_berth **by_name = calloc(buckets, sizeof(struct ft_berth *));

    if (by_name == NULL)
        return;
    for (struct ft_berth *berth = berths->first; berth != NULL; berth = berth->order_next) {
        struct ft_berth **bucket = bucket_of(by_name, buckets, berth->name);

        berth->by_name_next = *bucket;
        *bucket = berth;
    }
    free(berths->by_name);
    berths->by_name = by_name;
    berths->buckets = buckets;
}

struct ft_berth *ft_berths_find(const struct ft_berths *berths, const char *name)
{
    struct ft_berth *berth = *bucket_of(berths->by_name, berths->buckets, name);

    while (berth != NULL && !ft_node_names_equal(berth->name, name))
        berth = berth->by_name_next;
    return berth;
}

static struct ft_berth *add(struct ft_berths *berths, const char *name)
{
    struct ft_berth *berth = calloc(1, sizeof *berth);
    struct ft_berth **bucket;

    if (berth == NULL || (berth->name = strdup(name)) == NULL) {
        free(berth);
        errno = ENOMEM;
        return NULL;
    }
    berth->readings = (struct ft_berth_readings) {-1, -1, -1};
    if (berths->n >= berths->buckets)
        grow(berths);
    bucket = bucket_of(berths->by_name, berths->buckets, name);
    berth->by_name_next = *bucket;
    *bucket = berth;
    if (berths->last != NULL)
        berths->last->order_next = berth;
    else
        berths->first = berth;
    berths->last = berth;
    berths->n++;
    berths->counts.down++;
    return berth;
}

struct ft_berth *ft_berths_get(struct ft_berths *berths, const char *name)
{
    struct ft_berth *berth;

    if (name == NULL || name[0] == '\0' || strlen(name) >= FT_NAME_MAX) {
        errno = EINVAL;
        return NULL;
    }
    berth = ft_berths_find(berths, name);
    if (berth != NULL)
        return berth;
    if (berths->n >= FT_NODES_MAX) {
        errno = ENOBUFS;
        return NULL;
    }
    return add(berths, name);
}

size_t ft_berths_count(const struct ft_berths *berths)
{
    return berths->n;
}

struct ft_berth *ft_berths_first(const struct ft_berths *berths)
{
    return berths->first;
}

void ft_berths_counts(const struct ft_berths *berths, struct ft_berth_counts *counts)
{
    *counts = berths->counts;
}

/* ---------------------------------------------------------------- changing */

int ft_berth_set_place(struct ft_berths *berths, struct ft_berth *berth, int priority, bool spare,
                       bool planned)
{
    if (ft_berths_tier(berths, priority, spare) < 0)
        return -1;
    berth->priority = priority;
    berth->spare = spare;
    berth->planned = planned;
    refresh(berths, berth, false);
    return 0;
}

void ft_berth_set_location(struct ft_berth *berth, const char *location)
{
    free(berth->location);
    /* Without memory it is not known: only its order among equals suffers. */
    berth->location = location != NULL && location[0] != '\0' ? strdup(location) : NULL;
}

/* Changes what counts and lists depend on: between the two the fields are set. */
static void begin_change(struct ft_berths *berths, struct ft_berth *berth)
{
    --*count_of(berths, berth);
}

static void end_change(struct ft_berths *berths, struct ft_berth *berth)
{
    ++*count_of(berths, berth);
    refresh(berths, berth, false);
}

void ft_berth_set_up(struct ft_berths *berths, struct ft_berth *berth, bool up)
{
    begin_change(berths, berth);
    berth->up = up;
    berth->told = false;
    if (up) {
        berth->seen = true;
        berth->lost = false;
    }
    end_change(berths, berth);
}

void ft_berth_set_told(struct ft_berths *berths, struct ft_berth *berth, bool told)
{
    begin_change(berths, berth);
    berth->told = told;
    end_change(berths, berth);
}

void ft_berth_set_lost(struct ft_berths *berths, struct ft_berth *berth, int64_t lease_free_ns)
{
    begin_change(berths, berth);
    berth->lost = true;
    berth->up = berth->told = false;
    berth->lease_free_ns = lease_free_ns;
    end_change(berths, berth);
}

static int set_flag(struct ft_berths *berths, struct ft_berth *berth, char **flag, const char *to)
{
    char *text = to != NULL ? strdup(to) : NULL;

    if (to != NULL && text == NULL) {
        errno = ENOMEM;
        return -1;
    }
    begin_change(berths, berth);
    free(*flag);
    *flag = text;
    end_change(berths, berth);
    return 0;
}

int ft_berth_set_drained(struct ft_berths *berths, struct ft_berth *berth, const char *why)
{
    return set_flag(berths, berth, &berth->drained, why);
}

int ft_berth_set_failing(struct ft_berths *berths, struct ft_berth *berth, const char *why)
{
    return set_flag(berths, berth, &berth->failing, why);
}

void ft_berth_set_facts(struct ft_berths *berths, struct ft_berth *berth, uint32_t cores,
                        uint64_t memory_bytes)
{
    berth->facts_known = true;
    berth->cores = cores;
    berth->memory_bytes = memory_bytes;
    refresh(berths, berth, false);
}

void ft_berth_set_readings(struct ft_berths *berths, struct ft_berth *berth,
                           const struct ft_berth_readings *readings)
{
    berth->readings = *readings;
    refresh(berths, berth, false);
}

void ft_berth_load(struct ft_berths *berths, struct ft_berth *berth, unsigned cores)
{
    berth->modules_n++;
    berth->weight += cores > 0 ? cores : 1;
    refresh(berths, berth, true);
}

void ft_berth_unload(struct ft_berths *berths, struct ft_berth *berth, unsigned cores)
{
    berth->modules_n--;
    berth->weight -= cores > 0 ? cores : 1;
    refresh(berths, berth, false);
}

/* ---------------------------------------------------------------- locations */

int ft_berth_distance(const char *a, const char *b)
{
    int same = 0, depth_a = 1, depth_b = 1;
    size_t i = 0;

    if (a == NULL || b == NULL || a[0] == '\0' || b[0] == '\0')
        return FT_DISTANCE_UNKNOWN;
    if (strcmp(a, b) == 0)
        return 0;
    for (; a[i] != '\0' && a[i] == b[i]; i++) {
        if (a[i] == '/')
            same++;
    }
    if ((a[i] == '\0' && b[i] == '/') || (b[i] == '\0' && a[i] == '/'))
        same++;
    for (const char *at = a; *at != '\0'; at++)
        depth_a += *at == '/';
    for (const char *at = b; *at != '\0'; at++)
        depth_b += *at == '/';
    return (depth_a > depth_b ? depth_a : depth_b) - same;
}
