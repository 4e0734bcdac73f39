/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * places.c - where a job's ranks and spare ranks are to lie: the nodes it may use, with their slots.
 *
 * PRRTE maps a job; what it does with N ranks and S spare ranks more is said to it beforehand
 * (waiting.c): which nodes, with how many processes each. Laid here, from what it will look at
 * itself: the pool's nodes in their order, --host, slots, the mapping that was asked for (one node
 * after the other, round the nodes, so many on each). So that its mappers have no choice then, the
 * nodes are named to it with counts, and have no other slots while it maps: some of them look at the
 * ones, some at the others; and where a resource manager gave the nodes, PRRTE takes such a count for
 * all that a node has, for good.
 *
 * Nodes that the job has for spare ranks alone (spares.c) are never ranks' places.
 */
#include "places.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/hwloc/hwloc-internal.h"
#include "src/mca/rmaps/base/base.h"
#include "src/util/pmix_argv.h"

/* ---- the mapping, as far as it is known yet */

static prte_mapping_policy_t mapping_of(const prte_job_t *job)
{
    if (job->map != NULL && PRTE_MAPPING_POLICY_IS_SET(job->map->mapping))
        return job->map->mapping;
    if (PRTE_MAPPING_GIVEN & PRTE_GET_MAPPING_DIRECTIVE(prte_rmaps_base.mapping))
        return prte_rmaps_base.mapping;
    return job->map != NULL ? job->map->mapping : 0;
}

enum ftp_order ftp_places_order(const prte_job_t *job)
{
    prte_mapping_policy_t mapping = mapping_of(job);
    int policy = PRTE_GET_MAPPING_POLICY(mapping);

    if (policy != 0 && policy > PRTE_MAPPING_BYSLOT && policy != PRTE_MAPPING_PPR)
        return FTP_OWN_ORDER;
    if (policy == PRTE_MAPPING_BYNODE || PRTE_GET_MAPPING_DIRECTIVE(mapping) & PRTE_MAPPING_SPAN)
        return FTP_ROUND_THE_NODES;
    return FTP_NODE_AFTER_NODE;
}

bool ftp_places_may_exceed(const prte_job_t *job)
{
    unsigned directive = PRTE_GET_MAPPING_DIRECTIVE(mapping_of(job));

    return (directive & PRTE_MAPPING_SUBSCRIBE_GIVEN) != 0
           && (directive & PRTE_MAPPING_NO_OVERSUBSCRIBE) == 0;
}

static int objects_on(const prte_node_t *node, hwloc_obj_type_t type)
{
    return node->topology != NULL && node->topology->topo != NULL
               ? (int) prte_hwloc_base_get_nbobjs_by_type(node->topology->topo, type, 0) : 0;
}

/* ppr:2:node, ppr:1:package, ...: the processes on a node. 0: it is not understood. */
static int most_by_pattern(const prte_node_t *node, const char *pattern)
{
    static const struct {
        const char *name;
        hwloc_obj_type_t type;
    } units[] = {{"node", HWLOC_OBJ_MACHINE},    {"hwthread", HWLOC_OBJ_PU},
                 {"thread", HWLOC_OBJ_PU},       {"core", HWLOC_OBJ_CORE},
                 {"package", HWLOC_OBJ_PACKAGE}, {"skt", HWLOC_OBJ_PACKAGE},
                 {"socket", HWLOC_OBJ_PACKAGE},  {"numa", HWLOC_OBJ_NUMANODE},
                 {"nm", HWLOC_OBJ_NUMANODE},     {"l1cache", HWLOC_OBJ_L1CACHE},
                 {"l2cache", HWLOC_OBJ_L2CACHE}, {"l3cache", HWLOC_OBJ_L3CACHE}};
    char *unit;
    long n = strtol(pattern, &unit, 10);
    size_t length = *unit == ':' ? strlen(++unit) : 0;

    for (size_t i = 0; length > 0 && i < sizeof units / sizeof units[0]; i++) {
        if (strncasecmp(unit, units[i].name, length) != 0)
            continue;
        return (int) n * (units[i].type == HWLOC_OBJ_MACHINE ? 1 : objects_on(node, units[i].type));
    }
    return 0;
}

/* How many processes the mapping puts on a node with so many slots. */
static int most_on(const prte_job_t *job, const prte_node_t *node, int slots)
{
    pmix_list_t *attributes = (pmix_list_t *) &job->attributes;
    bool threads = prte_get_attribute(attributes, PRTE_JOB_HWT_CPUS, NULL, PMIX_BOOL);
    uint16_t cpus = 0, *cpus_at = &cpus;
    char *pattern = NULL;
    int most = 0;

    if (prte_get_attribute(attributes, PRTE_JOB_PPR, (void **) &pattern, PMIX_STRING)
        && pattern != NULL)
        most = most_by_pattern(node, pattern);
    else if (prte_get_attribute(attributes, PRTE_JOB_PES_PER_PROC, (void **) &cpus_at, PMIX_UINT16)
             && cpus > 1)
        most = objects_on(node, threads ? HWLOC_OBJ_PU : HWLOC_OBJ_CORE) / cpus;
    free(pattern);
    return most > 0 && most < slots ? most : slots;
}

/* ---- which nodes there are */

/* The slots that --host gives a node: n0:2,n1,n2:*; -1: it does not name it. */
static int named_slots(const prte_node_t *node, const char *hosts)
{
    char **each = PMIX_ARGV_SPLIT_COMPAT(hosts, ',');
    int slots = -1;

    for (int i = 0; each != NULL && each[i] != NULL; i++) {
        char *count = strchr(each[i], ':');

        if (count != NULL)
            *count++ = '\0';
        if (prte_node_match(NULL, each[i]) != node)
            continue;
        slots = slots < 0 ? 0 : slots;
        if (count == NULL)
            slots++;
        else if (*count == '*' || strcmp(count, "auto") == 0)
            slots += node->slots - node->slots_inuse;
        else
            slots += atoi(count);
    }
    PMIX_ARGV_FREE_COMPAT(each);
    return slots;
}

static bool can_be_used(const prte_node_t *node)
{
    return node->daemon != NULL && !PRTE_FLAG_TEST(node, PRTE_NODE_NON_USABLE)
           && node->state != PRTE_NODE_STATE_DOWN && node->state != PRTE_NODE_STATE_NOT_INCLUDED
           && node->state != PRTE_NODE_STATE_DO_NOT_USE
           && (node->index != 0 || prte_hnp_is_allocated);
}

static void add_place(struct ftp_places *places, const prte_job_t *job, prte_node_t *node,
                      const char *hosts)
{
    int slots = hosts != NULL ? named_slots(node, hosts) : node->slots - node->slots_inuse;

    if (slots <= 0 || places->n == FTP_PLACES_MAX)
        return;
    places->list[places->n++] = (struct ftp_place){.node = node,
                                                   .for_spares = ftp_spares_has(node),
                                                   .slots = slots,
                                                   .most = most_on(job, node, slots)};
}

/* PRRTE goes by the order of --host. */
static void sort_as_named(struct ftp_places *places, const char *hosts)
{
    char **each = PMIX_ARGV_SPLIT_COMPAT(hosts, ',');
    int done = 0;

    for (int i = 0; each != NULL && each[i] != NULL; i++) {
        const prte_node_t *node;

        each[i][strcspn(each[i], ":")] = '\0';
        node = prte_node_match(NULL, each[i]);
        for (int at = done; at < places->n; at++) {
            struct ftp_place place = places->list[at];

            if (place.node != node)
                continue;
            memmove(&places->list[done + 1], &places->list[done],
                    (size_t) (at - done) * sizeof place);
            places->list[done++] = place;
            break;
        }
    }
    PMIX_ARGV_FREE_COMPAT(each);
}

static void find_for_spares(struct ftp_places *places, const prte_job_t *job)
{
    for (int i = 0; i < prte_node_pool->size && ftp_spares_count() > 0; i++) {
        prte_node_t *node = (prte_node_t *) pmix_pointer_array_get_item(prte_node_pool, i);

        if (node != NULL && can_be_used(node) && ftp_spares_has(node))
            add_place(places, job, node, NULL);
    }
}

void ftp_places_find(struct ftp_places *places, const prte_job_t *job, prte_app_context_t *app)
{
    pmix_list_t nodes;
    prte_node_t *node;
    char *hosts = NULL;

    places->n = 0;
    PMIX_CONSTRUCT(&nodes, pmix_list_t);
    for (int i = 0; i < prte_node_pool->size; i++) {
        node = (prte_node_t *) pmix_pointer_array_get_item(prte_node_pool, i);
        if (node == NULL || !can_be_used(node) || ftp_spares_has(node))
            continue;
        PMIX_RETAIN(node);
        pmix_list_append(&nodes, &node->super);
    }
    prte_rmaps_base_filter_nodes(app, &nodes, true);
    if (!prte_get_attribute(&app->attributes, PRTE_APP_DASH_HOST, (void **) &hosts, PMIX_STRING))
        hosts = NULL;
    while ((node = (prte_node_t *) pmix_list_remove_first(&nodes)) != NULL) {
        add_place(places, job, node, hosts);
        PMIX_RELEASE(node);
    }
    PMIX_DESTRUCT(&nodes);
    if (hosts != NULL)
        sort_as_named(places, hosts);
    free(hosts);
    find_for_spares(places, job);
}

int ftp_places_slots(const struct ftp_places *places, bool for_spares)
{
    int slots = 0;

    for (int i = 0; i < places->n; i++)
        slots += places->list[i].for_spares == for_spares ? places->list[i].slots : 0;
    return slots;
}

int ftp_places_ranks(const struct ftp_places *places)
{
    int ranks = 0;

    for (int i = 0; i < places->n; i++)
        ranks += places->list[i].for_spares ? 0 : places->list[i].most;
    return ranks;
}

/* ---- where they go */

/* Up to `n` ranks more on a place that has room for `most`; returns how many are left. */
static int put_ranks(struct ftp_place *place, int n, int most)
{
    int more = most - place->ranks;

    more = place->for_spares || more < 0 ? 0 : more < n ? more : n;
    place->ranks += more;
    return n - more;
}

/* Those beyond all slots, where there may be any, go round the nodes. */
static void lay_ranks(struct ftp_places *places, int n, enum ftp_order order)
{
    int before;

    for (int i = 0; order == FTP_NODE_AFTER_NODE && i < places->n; i++)
        n = put_ranks(&places->list[i], n, places->list[i].most);
    do {
        before = n;
        for (int i = 0; i < places->n && n > 0; i++)
            if (places->list[i].ranks < places->list[i].most)
                n = put_ranks(&places->list[i], n, places->list[i].ranks + 1);
    } while (n > 0 && n < before);
    do {
        before = n;
        for (int i = 0; i < places->n && n > 0; i++)
            n = put_ranks(&places->list[i], n, places->list[i].ranks + 1);
    } while (n > 0 && n < before);
}

/* One on each free node, again and again. Returns how many are left. */
static int lay_spares(struct ftp_places *places, int spares, bool for_spares)
{
    int before;

    do {
        before = spares;
        for (int i = 0; i < places->n && spares > 0; i++) {
            struct ftp_place *place = &places->list[i];

            if (place->for_spares != for_spares || place->ranks > 0
                || place->spares == place->slots)
                continue;
            place->spares++;
            spares--;
        }
    } while (spares > 0 && spares < before);
    return spares;
}

/* A node can be in the place of any other. Returns how many there are. */
static int lay_whole_nodes(struct ftp_places *places)
{
    int fullest = 0, spares = 0;

    for (int i = 0; i < places->n; i++)
        if (places->list[i].ranks > fullest)
            fullest = places->list[i].ranks;
    for (int i = 0; i < places->n; i++) {
        struct ftp_place *place = &places->list[i];

        if (!place->for_spares)
            continue;
        place->spares = fullest < place->slots ? fullest : place->slots;
        spares += place->spares;
    }
    return spares;
}

int ftp_places_lay(struct ftp_places *places, int n, int spares, enum ftp_order order)
{
    int left;

    for (int i = 0; i < places->n; i++)
        places->list[i].ranks = places->list[i].spares = 0;
    lay_ranks(places, n, order);
    if (spares < 0)
        return lay_whole_nodes(places);
    left = lay_spares(places, spares, true);
    left = lay_spares(places, left, false);
    for (int i = places->n - 1; left > 0 && i >= 0; i--) {
        struct ftp_place *place = &places->list[i];
        int room = place->slots - place->ranks - place->spares;

        room = place->for_spares || room < 0 ? 0 : room < left ? room : left;
        place->spares += room;
        left -= room;
    }
    return spares - left;
}

void ftp_places_hold(struct ftp_places *places, bool hold)
{
    for (int i = 0; i < places->n; i++) {
        struct ftp_place *place = &places->list[i];
        prte_node_t *node = place->node;
        int laid = place->ranks + place->spares;

        if (hold && !place->held) {
            place->before_slots = node->slots;
            place->before_used = node->slots_inuse;
            node->slots = laid < place->slots ? laid : place->slots;
            node->slots_inuse = 0;
        } else if (!hold && place->held) {
            node->slots = place->before_slots;
            node->slots_inuse += place->before_used;
        }
        place->held = hold;
    }
}

void ftp_places_hold_spares(struct ftp_places *places)
{
    int n = 0;

    for (int i = 0; i < places->n; i++)
        if (places->list[i].for_spares)
            places->list[n++] = places->list[i];
    places->n = n;
    ftp_places_hold(places, true);
}

char *ftp_places_hosts(const struct ftp_places *places)
{
    char *text = NULL;

    for (int i = 0; i < places->n; i++) {
        int n = places->list[i].ranks + places->list[i].spares;
        char *longer = NULL;

        if (n == 0)
            continue;
        pmix_asprintf(&longer, "%s%s%s:%d", text != NULL ? text : "", text != NULL ? "," : "",
                      places->list[i].node->name, n);
        free(text);
        text = longer;
        if (text == NULL)
            return NULL;
    }
    return text;
}
