/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spares.c - owns the resource manager's backend (rms/) of a reign.
 *
 * Called by reign.c: core's wishes come in (env.acquire, env.abandon, env.release), the backend's
 * answers go back to the session that wished, through later.c, because a backend may answer at once
 * and core must not be called from within its own effects. An offer that nobody waits for any more
 * goes back. What the resource manager says of nodes goes to nodes.c, the same way.
 *
 * Which backend it is, source.c says. It ends when the reign stops, not when that is destroyed:
 * what it has in the loop (helper processes) would keep that going. Wishes are not heard after
 * that.
 */
#include "centrald/spares.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "centrald/later.h"
#include "centrald/nodes.h"
#include "centrald/sessions.h"
#include "centrald/source.h"
#include "common/log.h"
#include "common/text.h"
#include "core/inventory.h"
#include "rms/rms.h"

struct ft_spares {
    const struct ft_parts *parts;
    uv_loop_t *loop;
    struct ft_rms *rms;      /* NULL: stopped */
    struct ft_rms *prepared; /* NULL: none */
};

struct answer {
    uint64_t acquire;
    int64_t available_at_s;
    char node[FT_NAME_MAX]; /* "": none */
    char why[FT_TEXT_MAX];
};

struct bad_news {
    char node[FT_NAME_MAX];
    char why[FT_TEXT_MAX];
};

/* ---------------------------------------------------------------- answers */

static void deliver(void *arg, const void *data, size_t n)
{
    struct ft_spares *spares = arg;
    const struct answer *answer = data;

    (void) n;
    if (answer->node[0] == '\0')
        ft_sessions_no_offer(spares->parts->sessions, answer->acquire, answer->why,
                             answer->available_at_s);
    else if (!ft_sessions_offer(spares->parts->sessions, answer->acquire, answer->node))
        ft_rms_release(spares->rms, answer->node, false);
}

static void on_offer(void *arg, uint64_t acquire, const char *node)
{
    struct ft_spares *spares = arg;
    struct answer answer = {.acquire = acquire};

    ft_text_copy(answer.node, sizeof answer.node, node);
    if (ft_later_put(spares->parts->later, deliver, spares, &answer, sizeof answer, 0) == 0)
        return;
    /* Core waits for its own deadline, then goes on without. */
    ft_log_error("out of memory: node %s, which was offered, goes back", node);
    ft_rms_release(spares->rms, node, false);
}

static void on_none(void *arg, uint64_t acquire, const char *why, int64_t available_at_s)
{
    struct ft_spares *spares = arg;
    struct answer answer = {.acquire = acquire, .available_at_s = available_at_s};

    ft_text_copy(answer.why, sizeof answer.why, why);
    if (ft_later_put(spares->parts->later, deliver, spares, &answer, sizeof answer, 0) < 0)
        ft_log_error("out of memory: an answer of the resource manager is lost");
}

static void deliver_bad_news(void *arg, const void *data, size_t n)
{
    const struct ft_spares *spares = arg;
    const struct bad_news *news = data;

    (void) n;
    ft_nodes_failing((void *) (uintptr_t) spares->parts, news->node, news->why);
}

/* Slurm's word that a node is down means that it does not answer Slurm: whether it is lost is found
 * out by those who beat its heart. It is left either way. */
static void on_node_fail(void *arg, const char *node, bool failing, const char *why)
{
    struct ft_spares *spares = arg;
    struct bad_news news;

    (void) failing;
    memset(&news, 0, sizeof news);
    ft_text_copy(news.node, sizeof news.node, node);
    ft_text_copy(news.why, sizeof news.why, why);
    if (ft_later_put(spares->parts->later, deliver_bad_news, spares, &news, sizeof news, 0) < 0)
        ft_log_error("out of memory: nobody is told of node %s: %s", node, why);
}

/* ---------------------------------------------------------------- wishes */

void ft_spares_acquire(struct ft_spares *spares, uint64_t acquire, const struct ft_wanted *wanted)
{
    if (spares->rms != NULL)
        ft_rms_acquire(spares->rms, acquire, wanted);
}

void ft_spares_abandon(struct ft_spares *spares, uint64_t acquire)
{
    if (spares->rms != NULL)
        ft_rms_abandon(spares->rms, acquire);
}

void ft_spares_release(struct ft_spares *spares, const char *node, bool broken)
{
    if (spares->rms != NULL)
        ft_rms_release(spares->rms, node, broken);
}

void ft_spares_taken(void *spares, const char *node)
{
    ft_rms_taken(((struct ft_spares *) spares)->rms, node);
}

/* ---------------------------------------------------------------- the plan */

static struct ft_rms *make_rms(struct ft_spares *spares, const struct ft_plan *plan, char *why,
                               size_t size)
{
    static const struct ft_rms_events events = {
        .offer = on_offer, .none = on_none, .node_fail = on_node_fail};
    bool is_system = spares->parts->book != NULL;

    return ft_source_make(plan, is_system, spares->loop, &events, spares, why, size);
}

/* The pool's spares that are given stay given. */
static void take_given(void *arg, const char *name, struct ft_central *central)
{
    const struct ft_node *node = ft_inventory_first(ft_central_inventory(central));

    (void) name;
    for (; node != NULL; node = node->order_next) {
        if (node->acquired)
            ft_rms_taken(arg, node->name);
    }
}

int ft_spares_prepare(struct ft_spares *spares, const struct ft_plan *plan, char *why, size_t size)
{
    spares->prepared = make_rms(spares, plan, why, size);
    if (spares->prepared == NULL)
        return -1;
    ft_sessions_each(spares->parts->sessions, take_given, spares->prepared);
    return 0;
}

void ft_spares_settle(struct ft_spares *spares, bool in_force)
{
    struct ft_rms *dropped = in_force ? spares->rms : spares->prepared;

    if (in_force)
        spares->rms = spares->prepared;
    spares->prepared = NULL;
    ft_rms_destroy(dropped);
}

struct ft_spares *ft_spares_create(const struct ft_parts *parts, uv_loop_t *loop,
                                   const struct ft_plan *plan, char *why, size_t size)
{
    struct ft_spares *spares = calloc(1, sizeof *spares);

    if (spares == NULL) {
        snprintf(why, size, "the pool of spare nodes: %s", strerror(errno));
        return NULL;
    }
    spares->parts = parts;
    spares->loop = loop;
    spares->rms = make_rms(spares, plan, why, size);
    if (spares->rms != NULL)
        return spares;
    free(spares);
    return NULL;
}

void ft_spares_stop(struct ft_spares *spares)
{
    if (spares == NULL)
        return;
    ft_rms_destroy(spares->prepared);
    ft_rms_destroy(spares->rms);
    spares->prepared = spares->rms = NULL;
}

void ft_spares_destroy(struct ft_spares *spares)
{
    ft_spares_stop(spares);
    free(spares);
}
