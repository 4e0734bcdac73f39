/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidings.c - news of nodes for the launcher, numbered, the oldest first.
 *
 * Filled by health.c with what the detector, a forecast or an administrator said of a node on which
 * the launcher has a daemon; read by whoever asks for the next one. A node has at most one: newer
 * news takes the place (and a new number, at the end) of what was said before. So the list is never
 * longer than the launcher has nodes, and one that asks late gets what holds now.
 */
#include "core/tidings.h"

#include <stdio.h>
#include <stdlib.h>

#define TERM_SHIFT 32

struct ft_tidings {
    uint64_t base;
    uint64_t number; /* the latest one given */
    struct ft_tiding *first, *last;
};

struct ft_tidings *ft_tidings_create(uint64_t term)
{
    struct ft_tidings *tidings = calloc(1, sizeof *tidings);

    if (tidings != NULL)
        tidings->base = tidings->number = term << TERM_SHIFT;
    return tidings;
}

void ft_tidings_destroy(struct ft_tidings *tidings)
{
    if (tidings == NULL)
        return;
    while (tidings->first != NULL) {
        struct ft_tiding *tiding = tidings->first;

        tidings->first = tiding->next;
        free(tiding);
    }
    free(tidings);
}

static void unlink_one(struct ft_tidings *tidings, struct ft_tiding *tiding)
{
    if (tiding->previous != NULL)
        tiding->previous->next = tiding->next;
    else
        tidings->first = tiding->next;
    if (tiding->next != NULL)
        tiding->next->previous = tiding->previous;
    else
        tidings->last = tiding->previous;
}

static void append(struct ft_tidings *tidings, struct ft_tiding *tiding)
{
    tiding->next = NULL;
    tiding->previous = tidings->last;
    if (tidings->last != NULL)
        tidings->last->next = tiding;
    else
        tidings->first = tiding;
    tidings->last = tiding;
}

uint64_t ft_tidings_add(struct ft_tidings *tidings, struct ft_node *node, ftNodeChange_t change,
                        const char *why, int64_t now_ns)
{
    struct ft_tiding *tiding = node->tiding;

    if (tiding != NULL) {
        unlink_one(tidings, tiding);
    } else {
        tiding = calloc(1, sizeof *tiding);
        if (tiding == NULL)
            return 0;
        node->tiding = tiding;
        tiding->node = node;
    }
    tiding->number = ++tidings->number;
    tiding->change = change;
    tiding->at_ns = now_ns;
    snprintf(tiding->why, sizeof tiding->why, "%s", why != NULL ? why : "");
    append(tidings, tiding);
    return tiding->number;
}

void ft_tidings_drop(struct ft_tidings *tidings, struct ft_node *node)
{
    if (node->tiding == NULL)
        return;
    unlink_one(tidings, node->tiding);
    free(node->tiding);
    node->tiding = NULL;
}

const struct ft_tiding *ft_tidings_after(const struct ft_tidings *tidings, uint64_t after)
{
    const struct ft_tiding *tiding = tidings->last;

    if (tiding == NULL || tiding->number <= after)
        return NULL;
    while (tiding->previous != NULL && tiding->previous->number > after)
        tiding = tiding->previous;
    return tiding;
}

bool ft_tidings_is_foreign(const struct ft_tidings *tidings, uint64_t number)
{
    return number >> TERM_SHIFT != tidings->base >> TERM_SHIFT || number > tidings->number;
}

uint64_t ft_tidings_base(const struct ft_tidings *tidings)
{
    return tidings->base;
}
