/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stock.c - the nodes that may be given, by hardware and place.
 *
 * Owned by the inventory, which lists a node when it becomes idle or busy and takes it out when it
 * is lost, reserved or left. Two trees:
 *   places   locations ("row1/rack2"), below one root, which is the unknown location
 *   groups   for each class of hardware (same facts, memory within 1/16 of a power of two) the
 *            places where it has nodes, as a tree of the same shape. A group knows how many nodes
 *            are listed at or below it, and which groups just below it have any
 * A search compares the demand with each class, of which a machine has few. In a class it goes from
 * the wanted place upwards (nearest), or from the root downwards (farthest), and in each step only
 * to where nodes are: its time depends on the kinds of hardware and the depth of the tree, not on
 * how many nodes or places there are.
 */
#include "core/stock.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "core/planted.h"

#define BUSY_LOOKED_AT 64
#define PLACE_DEPTH_MAX 16
#define USES 2

struct ft_place {
    char *name; /* last component */
    struct ft_place *up;
    int depth;  /* 0: the root, which is the unknown location */
    struct ft_place *below, *beside; /* first of those below it; next below the same */
    struct ft_group *groups;         /* here, one for each class */
    struct ft_place *next;           /* of all */
};

struct ft_class {
    struct ft_facts facts; /* of its first node */
    unsigned memory_step;
    struct ft_group *root; /* its group at the root of places, NULL: it has none yet */
    struct ft_class *next;
};

struct ft_group {
    struct ft_class *class;
    struct ft_place *place;
    struct ft_group *up;
    struct ft_node *nodes[USES];  /* listed here, by ft_use */
    unsigned listed_n[USES];      /* here and below */
    struct ft_group *below[USES]; /* of the groups just below, the first that has any */
    struct ft_group *beside[USES], *before[USES]; /* the others, a list */
    struct ft_group *here_next;   /* of the same place */
};

struct ft_stock {
    struct ft_class *classes;
    struct ft_class unknown; /* hardware not known */
    struct ft_place root;
    struct ft_place *places; /* all but the root */
};

/* ---------------------------------------------------------------- making */

struct ft_stock *ft_stock_create(void)
{
    return calloc(1, sizeof(struct ft_stock));
}

static void destroy_groups(struct ft_place *place)
{
    while (place->groups != NULL) {
        struct ft_group *group = place->groups;

        place->groups = group->here_next;
        free(group);
    }
}

void ft_stock_destroy(struct ft_stock *stock)
{
    if (stock == NULL)
        return;
    destroy_groups(&stock->root);
    while (stock->places != NULL) {
        struct ft_place *place = stock->places;

        stock->places = place->next;
        destroy_groups(place);
        free(place->name);
        free(place);
    }
    while (stock->classes != NULL) {
        struct ft_class *class = stock->classes;

        stock->classes = class->next;
        free(class);
    }
    free(stock);
}

/* ---------------------------------------------------------------- places */

static struct ft_place *place_below(struct ft_stock *stock, struct ft_place *up, const char *name,
                                    size_t n)
{
    struct ft_place *place = up->below;

    for (; place != NULL; place = place->beside) {
        if (strlen(place->name) == n && memcmp(place->name, name, n) == 0)
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
    place->beside = up->below;
    up->below = place;
    place->next = stock->places;
    stock->places = place;
    return place;
}

struct ft_place *ft_stock_place(struct ft_stock *stock, const char *location)
{
    struct ft_place *place = &stock->root;

    while (*location != '\0' && place->depth < PLACE_DEPTH_MAX) {
        size_t n = strcspn(location, "/");

        if (n > 0) {
            place = place_below(stock, place, location, n);
            if (place == NULL)
                return NULL;
        }
        location += n + (location[n] == '/');
    }
    return place;
}

void ft_place_append(const struct ft_place *place, char *text, size_t size)
{
    if (place == NULL || place->depth == 0)
        return;
    ft_place_append(place->up, text, size);
    ft_text_appendf(text, size, "%s%s", text[0] != '\0' ? "/" : "", place->name);
}

int ft_place_distance(const struct ft_place *a, const struct ft_place *b)
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

/* ---------------------------------------------------------------- classes, groups */

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

static struct ft_class *class_of(struct ft_stock *stock, const struct ft_facts *facts)
{
    unsigned step = memory_step(facts->memory_bytes);
    struct ft_class *class = stock->classes;

    for (; class != NULL; class = class->next) {
        if (class->memory_step == step && same_hardware(&class->facts, facts))
            return class;
    }
    class = calloc(1, sizeof *class);
    if (class == NULL)
        return NULL;
    class->facts = *facts;
    class->memory_step = step;
    class->next = stock->classes;
    stock->classes = class;
    return class;
}

static struct ft_group *find_group(const struct ft_class *class, const struct ft_place *place)
{
    struct ft_group *group = place->groups;

    while (group != NULL && group->class != class)
        group = group->here_next;
    return group;
}

/* With all those above it; depth is bounded by PLACE_DEPTH_MAX. */
static struct ft_group *group_of(struct ft_class *class, struct ft_place *place)
{
    struct ft_group *group = find_group(class, place);
    struct ft_group *up = NULL;

    if (group != NULL)
        return group;
    if (place->up != NULL && (up = group_of(class, place->up)) == NULL)
        return NULL;
    group = calloc(1, sizeof *group);
    if (group == NULL)
        return NULL;
    group->class = class;
    group->place = place;
    group->up = up;
    group->here_next = place->groups;
    place->groups = group;
    if (up == NULL)
        class->root = group;
    return group;
}

struct ft_group *ft_stock_group(struct ft_stock *stock, const struct ft_facts *facts,
                                struct ft_place *place)
{
    struct ft_class *class = facts != NULL ? class_of(stock, facts) : &stock->unknown;

    return class != NULL ? group_of(class, place) : NULL;
}

struct ft_group *ft_stock_group_at(const struct ft_group *group, struct ft_place *place)
{
    return group_of(group->class, place);
}

/* ---------------------------------------------------------------- lists */

static void join_above(struct ft_group *group, int use)
{
    struct ft_group *up = group->up;

    if (up == NULL)
        return;
    group->before[use] = NULL;
    group->beside[use] = up->below[use];
    if (up->below[use] != NULL)
        up->below[use]->before[use] = group;
    up->below[use] = group;
}

static void leave_above(struct ft_group *group, int use)
{
    struct ft_group *up = group->up;

    if (up == NULL)
        return;
    if (group->before[use] != NULL)
        group->before[use]->beside[use] = group->beside[use];
    else
        up->below[use] = group->beside[use];
    if (group->beside[use] != NULL)
        group->beside[use]->before[use] = group->before[use];
    group->beside[use] = group->before[use] = NULL;
}

static void count_up(struct ft_group *group, int use)
{
    for (; group != NULL; group = group->up) {
        if (group->listed_n[use]++ == 0)
            join_above(group, use);
    }
}

static void count_down(struct ft_group *group, int use)
{
    for (; group != NULL; group = group->up) {
        if (--group->listed_n[use] == 0)
            leave_above(group, use);
    }
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
    count_down(node->listed, (int) (node->list - node->listed->nodes));
    node->listed = NULL;
    node->list = NULL;
    node->list_next = node->list_previous = NULL;
}

void ft_stock_list(struct ft_node *node, struct ft_group *group, int use)
{
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
    count_up(group, use);
}

/* ---------------------------------------------------------------- searching a group */

static bool usable(const struct ft_search *search, const struct ft_node *node)
{
    if (node->stamp == search->number)
        return false;
    return node->unfit_until_ns <= search->now_ns || FT_PLANTED(FT_PLANT_GIVE_FAILED);
}

/* The first usable node listed here; of busy ones, the one with the fewest processes. */
static struct ft_node *first_here(const struct ft_search *search, const struct ft_group *group)
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

/* The same, here or below, no deeper than so many steps from the root, and not below `not_here`. */
static struct ft_node *first_below(const struct ft_search *search, const struct ft_group *group,
                                   const struct ft_group *not_here, int depth_max)
{
    struct ft_node *node = NULL;

    /* What is listed at the root is nowhere, and so not near to anything. */
    if (group->place->depth > 0 || search->from == NULL)
        node = first_here(search, group);
    if (group->place->depth >= depth_max)
        return node;
    for (group = group->below[search->use]; node == NULL && group != NULL;
         group = group->beside[search->use]) {
        if (group != not_here)
            node = first_below(search, group, NULL, depth_max);
    }
    return node;
}

/* Those as deep as the wanted place first: they are the nearer ones. */
static struct ft_node *shallow_first(const struct ft_search *search, const struct ft_group *group,
                                     const struct ft_group *not_here)
{
    struct ft_node *node = first_below(search, group, not_here, search->from->place->depth);

    return node != NULL ? node : first_below(search, group, not_here, INT_MAX);
}

/* ---------------------------------------------------------------- searching a class */

/* Whether anything is listed in a group but not below another one. */
static bool has_more(const struct ft_search *search, const struct ft_group *group,
                     const struct ft_group *than)
{
    return group != NULL &&
           group->listed_n[search->use] > (than != NULL ? than->listed_n[search->use] : 0);
}

/* The nearest one that is nearer than `distance`; its distance replaces that. */
static struct ft_node *nearest(const struct ft_search *search, const struct ft_class *class,
                               int *distance)
{
    const struct ft_place *place = search->from->place;
    const struct ft_group *below = NULL;
    struct ft_node *best = NULL;

    /* What is below a place, and not below the one that we came from, is at least so far away. */
    for (int least = 1; place != NULL && least < *distance; place = place->up, least++) {
        const struct ft_group *group = find_group(class, place);
        struct ft_node *node;
        int found;

        if (!has_more(search, group, below)) {
            below = group != NULL ? group : below;
            continue;
        }
        node = shallow_first(search, group, below);
        found = node != NULL ? ft_place_distance(search->from->place, node->place) : INT_MAX;
        if (found < *distance) {
            best = node;
            *distance = found;
        }
        below = group;
    }
    return best;
}

/* The farthest one; as a distance, the farther the less. */
static struct ft_node *farthest(const struct ft_search *search, const struct ft_class *class,
                                int *distance)
{
    const struct ft_place *path[PLACE_DEPTH_MAX + 1];
    const struct ft_place *place = search->from->place;
    struct ft_node *node = NULL;

    for (int i = place->depth; i >= 0; i--, place = place->up)
        path[i] = place;
    for (int i = 0; i <= search->from->place->depth && node == NULL; i++) {
        const struct ft_group *group = find_group(class, path[i]);
        const struct ft_group *below =
            i < search->from->place->depth ? find_group(class, path[i + 1]) : NULL;

        if (group == NULL)
            break;
        if (has_more(search, group, below))
            node = first_below(search, group, below, INT_MAX);
    }
    if (node == NULL || -ft_place_distance(search->from->place, node->place) >= *distance)
        return NULL;
    *distance = -ft_place_distance(search->from->place, node->place);
    return node;
}

static bool wants_distance(const struct ft_search *search)
{
    return search->distance != 0 && search->from != NULL && search->from->place->depth > 0;
}

/* The best of a class whose distance is less than that; which it then replaces. */
static struct ft_node *search_class(const struct ft_search *search, const struct ft_class *class,
                                    int *distance)
{
    struct ft_search anywhere = *search;
    struct ft_node *node = NULL;

    if (class->root == NULL || class->root->listed_n[search->use] == 0)
        return NULL;
    anywhere.from = NULL;
    if (!wants_distance(search)) {
        if (*distance <= 0)
            return NULL;
        *distance = 0;
        return first_below(&anywhere, class->root, NULL, INT_MAX);
    }
    node = search->distance < 0 ? nearest(search, class, distance)
                                : farthest(search, class, distance);
    if (node != NULL || *distance <= FT_DISTANCE_UNKNOWN)
        return node;
    /* Nowhere is better than nothing. */
    node = first_here(&anywhere, class->root);
    if (node != NULL)
        *distance = FT_DISTANCE_UNKNOWN;
    return node;
}

/* ---------------------------------------------------------------- searching all */

/* What makes a class better than another at the same distance; smaller is better. */
struct rank {
    int other_kind;
    uint32_t cores;
    unsigned memory_step;
};

static bool better(const struct rank *a, const struct rank *b)
{
    if (a->other_kind != b->other_kind)
        return a->other_kind < b->other_kind;
    if (a->cores != b->cores)
        return a->cores < b->cores;
    return a->memory_step < b->memory_step;
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

struct ft_node *ft_stock_search(const struct ft_stock *stock, const struct ft_search *search)
{
    struct ft_node *best = NULL;
    struct rank best_rank = {0};
    int best_distance = INT_MAX;

    for (const struct ft_class *class = stock->classes; class != NULL; class = class->next) {
        struct rank rank = {.other_kind = class->facts.kind != search->kind,
                            .cores = class->facts.cores,
                            .memory_step = class->memory_step};
        /* As far away as the best one is good enough for a better class. */
        int distance = best_distance;
        struct ft_node *node;

        if (class->root == NULL || class->root->listed_n[search->use] == 0 ||
            !may_fit(search, class))
            continue;
        if (best != NULL && better(&rank, &best_rank))
            distance++;
        node = search_class(search, class, &distance);
        if (node != NULL) {
            best = node;
            best_rank = rank;
            best_distance = distance;
        }
    }
    if (best == NULL && search->unknown_too)
        best = search_class(search, &stock->unknown, &best_distance);
    return best;
}
