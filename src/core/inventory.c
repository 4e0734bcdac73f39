/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inventory.c - the nodes: what each is, who uses it, and which one fits.
 *
 * Owned by the central state machine; reports of the launcher and of the node units change it, the
 * ladder searches it. Three ways to a node:
 *   by name    a hash of its short name
 *   in order   the order in which nodes came to be known, for lists of reasons
 *   by facts   class (same hardware, memory within 1/16 of a power of two) -> group (of a class, at
 *              one place) -> two lists: idle nodes, busy nodes
 * A search compares the demand with each class, of which a machine has few, and takes the first
 * usable node of the best group: 100,000 nodes cost no more than 100. Whether a node is in a list
 * follows from its fields (see use_of); relist is called after every change of one of them and
 * never allocates: groups are made when facts or the location are set.
 *
 * Locations ("row1/rack2") are kept as a tree, so that a distance is a few steps upwards.
 */
#include "core/inventory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "core/planted.h"

#define BUSY_LOOKED_AT 64
#define PLACE_DEPTH_MAX 16

struct ft_place {
    char *name; /* last component */
    struct ft_place *up;
    int depth;  /* 0: the root, which is the unknown location */
    struct ft_place *next;
};

struct ft_class {
    struct ft_facts facts; /* of its first node */
    unsigned memory_step;
    struct ft_group *groups;
    unsigned listed_n[2];  /* nodes in the lists of its groups, by ft_use */
    struct ft_class *next;
};

struct ft_group {
    struct ft_class *class;
    struct ft_place *place;
    struct ft_node *nodes[2]; /* by ft_use */
    struct ft_group *next;
};

struct ft_inventory {
    struct ft_node **by_name;
    size_t buckets;
    size_t nodes_n;
    struct ft_node *first, *last;
    struct ft_class *classes;
    struct ft_class unknown; /* hardware not known */
    struct ft_place root;
    struct ft_place *places;
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
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char) name[i]) * 1099511628211u;
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

/* ---------------------------------------------------------------- places, classes, groups */

static struct ft_place *place_below(struct ft_inventory *inventory, struct ft_place *up,
                                    const char *name, size_t n)
{
    struct ft_place *place = inventory->places;

    for (; place != NULL; place = place->next) {
        if (place->up == up && strlen(place->name) == n && memcmp(place->name, name, n) == 0)
            return place;
    }
    place = calloc(1, sizeof *place);
    if (place == NULL)
        return NULL;
    place->name = strndup(name, n);
    if (place->name == NULL) {
        free(place);
        return NULL;
    }
    place->up = up;
    place->depth = up->depth + 1;
    place->next = inventory->places;
    inventory->places = place;
    return place;
}

static struct ft_place *place_of(struct ft_inventory *inventory, const char *location)
{
    struct ft_place *place = &inventory->root;

    while (*location != '\0' && place->depth < PLACE_DEPTH_MAX) {
        size_t n = strcspn(location, "/");

        if (n > 0) {
            place = place_below(inventory, place, location, n);
            if (place == NULL)
                return NULL;
        }
        location += n + (location[n] == '/');
    }
    return place;
}

static void write_place(const struct ft_place *place, char *text, size_t size)
{
    if (place == NULL || place->depth == 0)
        return;
    write_place(place->up, text, size);
    ft_text_appendf(text, size, "%s%s", text[0] != '\0' ? "/" : "", place->name);
}

char *ft_inventory_location(const struct ft_node *node, char *text, size_t size)
{
    text[0] = '\0';
    write_place(node->place, text, size);
    return text;
}

/* Memory in steps of 1/16 of a power of two: nodes bought together differ by a few MB. */
static unsigned memory_step(uint64_t bytes)
{
    unsigned log2 = bytes > 0 ? 63u - (unsigned) __builtin_clzll(bytes) : 0;

    return 16 * log2 + (log2 >= 4 ? (unsigned) (bytes >> (log2 - 4)) & 15 : 0);
}

static bool same_hardware(const struct ft_facts *a, const struct ft_facts *b)
{
    if (a->kind != b->kind || a->cores != b->cores || a->pus != b->pus ||
        a->shown != b->shown || strcmp(a->arch, b->arch) != 0)
        return false;
    for (int i = 0; i < FT_FACTS_DEVICES_MAX; i++) {
        if (strcmp(a->devices[i].type, b->devices[i].type) != 0 ||
            a->devices[i].count != b->devices[i].count)
            return false;
        if (a->devices[i].type[0] == '\0')
            break;
    }
    return true;
}

static struct ft_class *class_of(struct ft_inventory *inventory, const struct ft_facts *facts)
{
    unsigned step = memory_step(facts->memory_bytes);
    struct ft_class *class = inventory->classes;

    for (; class != NULL; class = class->next) {
        if (class->memory_step == step && same_hardware(&class->facts, facts))
            return class;
    }
    class = calloc(1, sizeof *class);
    if (class == NULL)
        return NULL;
    class->facts = *facts;
    class->memory_step = step;
    class->next = inventory->classes;
    inventory->classes = class;
    return class;
}

static struct ft_group *group_of(struct ft_class *class, struct ft_place *place)
{
    struct ft_group *group = class->groups;

    for (; group != NULL; group = group->next) {
        if (group->place == place)
            return group;
    }
    group = calloc(1, sizeof *group);
    if (group == NULL)
        return NULL;
    group->class = class;
    group->place = place;
    group->next = class->groups;
    class->groups = group;
    return group;
}

/* ---------------------------------------------------------------- lists */

static int use_of(const struct ft_node *node)
{
    if (node->state != FT_NODE_UP)
        return -1;
    /* What is repaired in place is not idle until it runs again, but may be shared. */
    if (node->reserved_for == node)
        return FT_USE_BUSY;
    if (node->reserved_for != NULL && !FT_PLANTED(FT_PLANT_SAME_NODE_TWICE))
        return -1;
    return node->processes_n > 0 ? FT_USE_BUSY : FT_USE_IDLE;
}

static void unlist(struct ft_node *node)
{
    if (node->listed == NULL)
        return;
    if (node->list_previous != NULL)
        node->list_previous->list_next = node->list_next;
    else
        *node->list = node->list_next;
    if (node->list_next != NULL)
        node->list_next->list_previous = node->list_previous;
    node->listed->class->listed_n[node->list - node->listed->nodes]--;
    node->listed = NULL;
    node->list = NULL;
    node->list_next = node->list_previous = NULL;
}

/* Puts a node into the list where its fields say that it belongs. */
static void relist(struct ft_node *node)
{
    struct ft_group *group = node->group != NULL && node->unit_up ? node->group : node->blank;
    int use = use_of(node);

    if (use >= 0 && node->listed == group && node->list == &group->nodes[use])
        return;
    unlist(node);
    if (use < 0)
        return;
    node->listed = group;
    node->list = &group->nodes[use];
    node->list_next = *node->list;
    if (*node->list != NULL)
        (*node->list)->list_previous = node;
    *node->list = node;
    group->class->listed_n[use]++;
}

/* ---------------------------------------------------------------- making */

struct ft_inventory *ft_inventory_create(void)
{
    struct ft_inventory *inventory = calloc(1, sizeof *inventory);

    if (inventory == NULL)
        return NULL;
    inventory->buckets = 64;
    inventory->by_name = calloc(inventory->buckets, sizeof(struct ft_node *));
    if (inventory->by_name == NULL) {
        free(inventory);
        return NULL;
    }
    return inventory;
}

static void destroy_class(struct ft_class *class)
{
    while (class->groups != NULL) {
        struct ft_group *group = class->groups;

        class->groups = group->next;
        free(group);
    }
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
    while (inventory->classes != NULL) {
        struct ft_class *class = inventory->classes;

        inventory->classes = class->next;
        destroy_class(class);
        free(class);
    }
    destroy_class(&inventory->unknown);
    while (inventory->places != NULL) {
        struct ft_place *place = inventory->places;

        inventory->places = place->next;
        free(place->name);
        free(place);
    }
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
    node->place = &inventory->root;
    node->blank = group_of(&inventory->unknown, node->place);
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
    struct ft_class *class = class_of(inventory, facts);
    struct ft_group *group = class != NULL ? group_of(class, node->place) : NULL;

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
    struct ft_place *place = place_of(inventory, location);
    struct ft_group *blank = place != NULL ? group_of(&inventory->unknown, place) : NULL;
    struct ft_group *group = NULL;

    if (blank != NULL && node->group != NULL)
        group = group_of(node->group->class, place);
    if (blank == NULL || (node->group != NULL && group == NULL)) {
        errno = ENOMEM;
        return -1;
    }
    unlist(node);
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
}

void ft_inventory_set_failing(struct ft_inventory *inventory, struct ft_node *node, bool failing,
                              const char *text)
{
    (void) inventory;
    node->failing = failing;
    set_text(&node->failing_text, failing ? text : NULL);
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

static int place_distance(const struct ft_place *a, const struct ft_place *b)
{
    int steps = 0;

    if (a->depth == 0 || b->depth == 0)
        return FT_DISTANCE_UNKNOWN;
    while (a != b) {
        int depth_a = a->depth, depth_b = b->depth;

        if (depth_a >= depth_b)
            a = a->up;
        if (depth_b >= depth_a)
            b = b->up;
        steps++;
    }
    return 1 + steps;
}

int ft_inventory_distance(const struct ft_node *a, const struct ft_node *b)
{
    return a == b ? 0 : place_distance(a->place, b->place);
}

uint64_t ft_inventory_search_begin(struct ft_inventory *inventory)
{
    return ++inventory->searches;
}

static bool usable(const struct ft_search *search, const struct ft_node *node)
{
    if (node->stamp == search->number || node->declared || node->failing)
        return false;
    return node->unfit_until_ns <= search->now_ns || FT_PLANTED(FT_PLANT_GIVE_FAILED);
}

/* The first usable node of a group; of busy ones, the one with the fewest processes. */
static struct ft_node *first_of(const struct ft_search *search, const struct ft_group *group)
{
    struct ft_node *best = NULL;
    unsigned looked_at = 0;

    for (struct ft_node *node = group->nodes[search->use]; node != NULL; node = node->list_next) {
        if (!usable(search, node))
            continue;
        /* Its class fits, but within a class memory differs a little. */
        if (group->class->memory_step > 0 && !search->fits(search->arg, &node->facts))
            continue;
        if (search->use == FT_USE_IDLE)
            return node;
        if (best == NULL || node->processes_n < best->processes_n)
            best = node;
        if (++looked_at == BUSY_LOOKED_AT)
            break;
    }
    return best;
}

/* What makes a group better than another; smaller is better. */
struct rank {
    int distance;
    int other_kind;
    uint32_t cores;
    unsigned memory_step;
};

static bool better(const struct rank *a, const struct rank *b)
{
    if (a->distance != b->distance)
        return a->distance < b->distance;
    if (a->other_kind != b->other_kind)
        return a->other_kind < b->other_kind;
    if (a->cores != b->cores)
        return a->cores < b->cores;
    return a->memory_step < b->memory_step;
}

static int wished_distance(const struct ft_search *search, const struct ft_place *place)
{
    int distance;

    if (search->distance == 0 || search->from == NULL)
        return 0;
    distance = place_distance(search->from->place, place);
    if (search->distance < 0 || distance == FT_DISTANCE_UNKNOWN)
        return distance;
    return -distance;
}

/* Looks through one class for something better than what was found so far. */
static void search_class(const struct ft_search *search, const struct ft_class *class,
                         struct ft_node **best, struct rank *best_rank)
{
    struct rank rank = {.other_kind = class->facts.kind != search->kind,
                        .cores = class->facts.cores,
                        .memory_step = class->memory_step};

    for (struct ft_group *group = class->groups; group != NULL; group = group->next) {
        struct ft_node *node;

        if (group->nodes[search->use] == NULL)
            continue;
        rank.distance = wished_distance(search, group->place);
        if (*best != NULL && !better(&rank, best_rank))
            continue;
        node = first_of(search, group);
        if (node != NULL) {
            *best = node;
            *best_rank = rank;
        }
    }
}

/* Whether a class is worth a look: its own facts fit, or, as memory differs within it, may fit. */
static bool may_fit(const struct ft_search *search, const struct ft_class *class)
{
    struct ft_facts most = class->facts;

    if (search->fits(search->arg, &most))
        return true;
    most.memory_bytes += most.memory_bytes / 16 + 1;
    return search->fits(search->arg, &most);
}

struct ft_node *ft_inventory_search(struct ft_inventory *inventory, const struct ft_search *search)
{
    struct ft_node *best = NULL;
    struct rank best_rank = {0};

    for (struct ft_class *class = inventory->classes; class != NULL; class = class->next) {
        if (class->listed_n[search->use] > 0 && may_fit(search, class))
            search_class(search, class, &best, &best_rank);
    }
    if (best == NULL && search->unknown_too)
        search_class(search, &inventory->unknown, &best, &best_rank);
    return best;
}
