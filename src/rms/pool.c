/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pool.c - the resource manager for jobs that have none: spare nodes by name.
 *
 * The names come from `ft run --pool` or ft.conf, in the order in which they are to be given. A
 * spare is free, given, or broken (it was lost: never given again). What hardware a spare has, the
 * pool does not know; whether it fits is decided by who asked, who names the ones that did not in
 * `excluded` and asks again. Answers are always there at once, so there is nothing to abandon.
 */
#include "rms/rms.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "core/inventory.h"

enum spare_state { SPARE_FREE, SPARE_GIVEN, SPARE_BROKEN };

struct spare {
    char *name;
    enum spare_state state;
};

struct pool {
    struct ft_rms rms; /* first */
    struct ft_rms_events events;
    void *arg;
    struct spare *spares;
    size_t n;
};

static void pool_destroy(struct ft_rms *rms)
{
    struct pool *pool = (struct pool *) rms;

    for (size_t i = 0; i < pool->n; i++)
        free(pool->spares[i].name);
    free(pool->spares);
    free(pool);
}

static bool has(const struct pool *pool, const char *name)
{
    for (size_t i = 0; i < pool->n; i++) {
        if (ft_node_names_equal(pool->spares[i].name, name))
            return true;
    }
    return false;
}

/* Adds a spare, unless it is there already. False if there is no memory for it. */
static bool add(struct pool *pool, const char *name)
{
    if (has(pool, name))
        return true;
    pool->spares[pool->n].name = strdup(name);
    return pool->spares[pool->n].name != NULL && ++pool->n > 0;
}

static struct ft_rms *pool_create(const struct ft_rms_config *config,
                                  const struct ft_rms_events *events, void *arg)
{
    struct pool *pool = calloc(1, sizeof *pool);
    bool complete;

    if (pool == NULL)
        return NULL;
    pool->rms.backend = &ft_rms_pool;
    pool->events = *events;
    pool->arg = arg;
    pool->spares = calloc(config->pool_n + 1, sizeof *pool->spares);
    complete = pool->spares != NULL;
    for (size_t i = 0; complete && i < config->pool_n; i++)
        complete = add(pool, config->pool[i]);
    if (complete)
        return &pool->rms;
    pool_destroy(&pool->rms);
    errno = ENOMEM;
    return NULL;
}

static bool is_excluded(const struct ft_wanted *wanted, const char *name)
{
    for (size_t i = 0; i < wanted->excluded_n; i++) {
        if (ft_node_names_equal(wanted->excluded[i], name))
            return true;
    }
    return false;
}

/* Says what became of each spare. */
static void explain(const struct pool *pool, const struct ft_wanted *wanted, char *why, size_t size)
{
    snprintf(why, size, pool->n > 0 ? "no spare node is left in the pool"
                                    : "the pool of spare nodes is empty");
    for (size_t i = 0; i < pool->n; i++) {
        const struct spare *spare = &pool->spares[i];
        const char *state = spare->state == SPARE_GIVEN    ? "given already"
                            : spare->state == SPARE_BROKEN ? "lost"
                            : is_excluded(wanted, spare->name) ? "tried or excluded"
                                                               : "free";

        ft_text_appendf(why, size, "%s%s %s", i == 0 ? ": " : ", ", spare->name, state);
    }
}

/* A request may want no spares (ftLadder). */
static bool wants_spares(const struct ft_wanted *wanted)
{
    enum ft_way ways[FT_WAYS_MAX];

    return wanted->ladder == NULL || ft_ways_parse(wanted->ladder, ways) != 0 ||
           ft_ways_have(ways, FT_WAY_SPARES);
}

static void pool_acquire(struct ft_rms *rms, uint64_t acquire, const struct ft_wanted *wanted)
{
    struct pool *pool = (struct pool *) rms;
    char why[256];

    if (!wants_spares(wanted)) {
        pool->events.none(pool->arg, acquire, "there are only spare nodes here, and the request's "
                          "ladder has none", 0);
        return;
    }
    for (size_t i = 0; i < pool->n; i++) {
        struct spare *spare = &pool->spares[i];

        if (spare->state != SPARE_FREE || is_excluded(wanted, spare->name))
            continue;
        spare->state = SPARE_GIVEN;
        pool->events.offer(pool->arg, acquire, spare->name);
        return;
    }
    explain(pool, wanted, why, sizeof why);
    pool->events.none(pool->arg, acquire, why, 0);
}

static void pool_abandon(struct ft_rms *rms, uint64_t acquire)
{
    (void) rms;
    (void) acquire;
}

static bool pool_release(struct ft_rms *rms, const char *node, bool broken)
{
    struct pool *pool = (struct pool *) rms;

    for (size_t i = 0; i < pool->n; i++) {
        bool was_given = pool->spares[i].state == SPARE_GIVEN;

        if (!ft_node_names_equal(pool->spares[i].name, node))
            continue;
        pool->spares[i].state = broken ? SPARE_BROKEN : SPARE_FREE;
        return was_given;
    }
    return false;
}

static bool pool_taken(struct ft_rms *rms, const char *node)
{
    struct pool *pool = (struct pool *) rms;

    for (size_t i = 0; i < pool->n; i++) {
        if (!ft_node_names_equal(pool->spares[i].name, node))
            continue;
        pool->spares[i].state = SPARE_GIVEN;
        return true;
    }
    return false;
}

const struct ft_rms_backend ft_rms_pool = {
    .name = "pool",
    .create = pool_create,
    .acquire = pool_acquire,
    .abandon = pool_abandon,
    .release = pool_release,
    .taken = pool_taken,
    .destroy = pool_destroy,
};
