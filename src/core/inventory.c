/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inventory.c - the nodes: what each is, who uses it, and which one fits.
 *
 * Owned by the central state machine; reports of the launcher and of the node units change it, the
 * ladder searches it. Three ways to a node:
 *   by name    a hash of its short name
 *   in order   the order in which nodes came to be known, for lists of reasons
 *   by facts   stock.c: those that may be given, idle or busy, by hardware and place
 * Whether a node is in stock follows from its fields (see use_of); relist is called after every
 * change of one of them and never allocates: groups are made when facts or the location are set.
 */
#include "core/inventory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/text.h"
#include "core/planted.h"
#include "core/stock.h"

struct ft_inventory {
    struct ft_node **by_name;
    size_t buckets;
    size_t nodes_n;
    struct ft_node *first, *last;
    struct ft_stock *stock; /* those that may be given */
    uint64_t searches;
};

/* ---------------------------------------------------------------- names */

/* Bytes of a name that count: up to its domain. Addresses count whole. */
static size_t short_length(const char *name)
{
    size_t n = strcspn(name, ".");

    if (name[strspn(name, "0123456789.")] == '\0' || strchr(name, ':') != NULL)
        return strlen(name);
    return n;
}

static size_t hash_of(const char *name, size_t n)
{
    uint64_t hash = ft_hash(name, n);

    return (size_t) (hash ^ hash >> 32);
}

bool ft_node_names_equal(const char *a, const char *b)
{
    size_t n = short_length(a);

    return short_length(b) == n && memcmp(a, b, n) == 0;
}

uint64_t ft_node_name_hash(const char *name)
{
    return hash_of(name, short_length(name));
}

struct ft_node *ft_inventory_find(const struct ft_inventory *inventory, const char *name)
{
    size_t n = short_length(name);
    struct ft_node *node = inventory->by_name[hash_of(name, n) & (inventory->buckets - 1)];

    for (; node != NULL; node = node->by_name_next) {
        if (short_length(node->name) == n && memcmp(node->name, name, n) == 0)
            return node;
    }
    return NULL;
}

/* Twice the buckets; without memory for them the chains just grow longer. */
static void grow(struct ft_inventory *inventory)
{
    size_t buckets = 2 * inventory->buckets;
    struct ft_node **by_name = calloc(buckets, sizeof(struct ft_node *));

    if (by_name == NULL)
        return;
    for (struct ft_node *node = inventory->first; node != NULL; node = node->order_next) {
        struct ft_node **bucket =
            &by_name[hash_of(node->name, short_length(node->name)) & (buckets - 1)];

        node->by_name_next = *bucket;
        *bucket = node;
    }
    free(inventory->by_name);
    inventory->by_name = by_name;
    inventory->buckets = buckets;
}

/* ---------------------------------------------------------------- lists */

static int use_of(const struct ft_node *node)
{
    if (node->state != FT_NODE_UP || node->declared || node->failing || node->granted)
        return -1;
    /* What is repaired in place is not idle until it runs again, but may be shared. */
    if (node->reserved_for == node)
        return FT_USE_BUSY;
    if (node->reserved_for != NULL && !FT_PLANTED(FT_PLANT_SAME_NODE_TWICE))
        return -1;
    return node->processes_n > 0 ? FT_USE_BUSY : FT_USE_IDLE;
}

/* Puts a node into the list where its fields say that it belongs. */
static void relist(struct ft_node *node)
{
    ft_stock_list(node, node->group != NULL && node->unit_up ? node->group : node->blank,
                  use_of(node));
}

char *ft_inventory_location(const struct ft_node *node, char *text, size_t size)
{
    text[0] = '\0';
    ft_place_append(node->place, text, size);
    return text;
}

void ft_inventory_grant(struct ft_inventory *inventory, struct ft_node *node, bool granted)
{
    (void) inventory;
    node->granted = granted;
    relist(node);
}

/* ---------------------------------------------------------------- making */

struct ft_inventory *ft_inventory_create(void)
{
    struct ft_inventory *inventory = calloc(1, sizeof *inventory);

    if (inventory == NULL)
        return NULL;
    inventory->buckets = 64;
    inventory->by_name = calloc(inventory->buckets, sizeof(struct ft_node *));
    inventory->stock = ft_stock_create();
    if (inventory->by_name == NULL || inventory->stock == NULL) {
        ft_inventory_destroy(inventory);
        return NULL;
    }
    return inventory;
}

static void destroy_node(struct ft_node *node)
{
    free(node->name);
    free(node->state_text);
    free(node->unit_text);
    free(node->unfit_text);
    free(node->failing_text);
    free(node);
}

void ft_inventory_destroy(struct ft_inventory *inventory)
{
    if (inventory == NULL)
        return;
    while (inventory->first != NULL) {
        struct ft_node *node = inventory->first;

        inventory->first = node->order_next;
        destroy_node(node);
    }
    ft_stock_destroy(inventory->stock);
    free(inventory->by_name);
    free(inventory);
}

static struct ft_node *add(struct ft_inventory *inventory, const char *name)
{
    struct ft_node *node = calloc(1, sizeof *node);
    struct ft_node **bucket;

    if (node == NULL)
        return NULL;
    node->name = strdup(name);
    node->place = ft_stock_place(inventory->stock, "");
    node->blank = ft_stock_group(inventory->stock, NULL, node->place);
    if (node->name == NULL || node->blank == NULL) {
        destroy_node(node);
        return NULL;
    }
    node->daemon = -1;
    if (inventory->nodes_n >= inventory->buckets)
        grow(inventory);
    bucket = &inventory->by_name[hash_of(name, short_length(name)) & (inventory->buckets - 1)];
    node->by_name_next = *bucket;
    *bucket = node;
    if (inventory->last != NULL)
        inventory->last->order_next = node;
    else
        inventory->first = node;
    inventory->last = node;
    inventory->nodes_n++;
    return node;
}

struct ft_node *ft_inventory_get(struct ft_inventory *inventory, const char *name)
{
    struct ft_node *node;

    if (name == NULL || name[0] == '\0' || strlen(name) >= FT_NAME_MAX) {
        errno = EINVAL;
        return NULL;
    }
    node = ft_inventory_find(inventory, name);
    if (node != NULL)
        return node;
    if (inventory->nodes_n >= FT_NODES_MAX) {
        errno = ENOBUFS;
        return NULL;
    }
    node = add(inventory, name);
    if (node == NULL)
        errno = ENOMEM;
    return node;
}

size_t ft_inventory_count(const struct ft_inventory *inventory)
{
    return inventory->nodes_n;
}

struct ft_node *ft_inventory_first(const struct ft_inventory *inventory)
{
    return inventory->first;
}

/* ---------------------------------------------------------------- changing */

static void set_text(char **text, const char *to)
{
    free(*text);
    *text = to != NULL && to[0] != '\0' ? strdup(to) : NULL;
}

void ft_inventory_set_state(struct ft_inventory *inventory, struct ft_node *node,
                            enum ft_node_state state, int daemon, const char *text, int64_t now_ns)
{
    (void) inventory;
    node->state = state;
    node->daemon = daemon;
    node->state_ns = now_ns;
    set_text(&node->state_text, text);
    relist(node);
}

void ft_inventory_set_unit(struct ft_inventory *inventory, struct ft_node *node, bool up,
                           const char *text)
{
    (void) inventory;
    node->unit_up = up;
    if (up)
        node->unit_wanted = false;
    set_text(&node->unit_text, text);
    relist(node);
}

int ft_inventory_set_facts(struct ft_inventory *inventory, struct ft_node *node,
                           const struct ft_facts *facts)
{
    struct ft_group *group = ft_stock_group(inventory->stock, facts, node->place);

    if (group == NULL) {
        errno = ENOMEM;
        return -1;
    }
    node->facts = *facts;
    node->facts_known = true;
    node->group = group;
    relist(node);
    return 0;
}

int ft_inventory_set_location(struct ft_inventory *inventory, struct ft_node *node,
                              const char *location)
{
    struct ft_place *place = ft_stock_place(inventory->stock, location);
    struct ft_group *blank =
        place != NULL ? ft_stock_group(inventory->stock, NULL, place) : NULL;
    struct ft_group *group = NULL;

    if (blank != NULL && node->group != NULL)
        group = ft_stock_group_at(node->group, place);
    if (blank == NULL || (node->group != NULL && group == NULL)) {
        errno = ENOMEM;
        return -1;
    }
    node->place = place;
    node->blank = blank;
    node->group = group;
    relist(node);
    return 0;
}

void ft_inventory_set_unfit(struct ft_inventory *inventory, struct ft_node *node, int64_t until_ns,
                            const char *text)
{
    (void) inventory;
    node->unfit_until_ns = until_ns;
    set_text(&node->unfit_text, text);
}

void ft_inventory_set_declared(struct ft_inventory *inventory, struct ft_node *node, bool declared)
{
    (void) inventory;
    node->declared = declared;
    relist(node);
}

void ft_inventory_set_failing(struct ft_inventory *inventory, struct ft_node *node, bool failing,
                              const char *text)
{
    (void) inventory;
    node->failing = failing;
    set_text(&node->failing_text, failing ? text : NULL);
    relist(node);
}

void ft_inventory_add_process(struct ft_inventory *inventory, struct ft_node *node)
{
    (void) inventory;
    node->processes_n++;
    relist(node);
}

void ft_inventory_drop_process(struct ft_inventory *inventory, struct ft_node *node)
{
    (void) inventory;
    node->processes_n--;
    relist(node);
}

void ft_inventory_reserve(struct ft_inventory *inventory, struct ft_node *node,
                          struct ft_node *lost, ftRung_t rung)
{
    (void) inventory;
    if (node->reserved_refs++ > 0)
        return;
    node->reserved_for = lost;
    node->reserved_rung = rung;
    node->standin_next = lost->standins;
    lost->standins = node;
    relist(node);
}

bool ft_inventory_unreserve(struct ft_inventory *inventory, struct ft_node *node)
{
    struct ft_node **link;

    (void) inventory;
    if (--node->reserved_refs > 0)
        return false;
    for (link = &node->reserved_for->standins; *link != node; link = &(*link)->standin_next)
        continue;
    *link = node->standin_next;
    node->standin_next = NULL;
    node->reserved_for = NULL;
    relist(node);
    return true;
}

/* ---------------------------------------------------------------- searching */

int ft_inventory_distance(const struct ft_node *a, const struct ft_node *b)
{
    return a == b ? 0 : ft_place_distance(a->place, b->place);
}

uint64_t ft_inventory_search_begin(struct ft_inventory *inventory)
{
    return ++inventory->searches;
}

struct ft_node *ft_inventory_search(struct ft_inventory *inventory, const struct ft_search *search)
{
    return ft_stock_search(inventory->stock, search);
}
