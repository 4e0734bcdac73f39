/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * decisions.c - the decisions that there are: made, found by number, gone through, and let go of.
 *
 * Owns the life of a struct ft_decision around its state machine (decision.c): its place in the
 * table and in one of two lists of the central state machine, `active` (to be looked at by
 * ft_central_work) and `held`; its timer; the peers that were sent to its stand-in, so that whoever
 * asks again is told the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "core/decision.h"
#include "core/kept.h"

/* ---------------------------------------------------------------- lists */

static void unlist(struct ft_decision *decision)
{
    struct ft_decision_list *list = decision->listed;

    if (list == NULL)
        return;
    if (decision->previous != NULL)
        decision->previous->next = decision->next;
    else
        list->first = decision->next;
    if (decision->next != NULL)
        decision->next->previous = decision->previous;
    else
        list->last = decision->previous;
    decision->next = decision->previous = NULL;
    decision->listed = NULL;
}

void ft_decision_enlist(struct ft_decision *decision, struct ft_decision_list *list)
{
    if (decision->listed == list)
        return;
    unlist(decision);
    decision->listed = list;
    decision->previous = list->last;
    if (list->last != NULL)
        list->last->next = decision;
    else
        list->first = decision;
    list->last = decision;
}

void ft_decision_activate(struct ft_decision *decision)
{
    ft_decision_enlist(decision, &decision->central->active);
    decision->central->work = true;
}

/* ---------------------------------------------------------------- making */

static struct ft_decision **bucket_of(struct ft_central *central, uint64_t id)
{
    return &central->by_id[id % FT_DECISION_BUCKETS];
}

static struct ft_decision *make(struct ft_central *central, struct ft_subject *subject)
{
    struct ft_decision *decision;

    if (central->decisions_n >= FT_DECISIONS_MAX) {
        errno = ENOBUFS;
        return NULL;
    }
    decision = calloc(1, sizeof *decision);
    if (decision == NULL || ft_timers_reserve(central->timers) < 0) {
        free(decision);
        errno = ENOMEM;
        return NULL;
    }
    decision->central = central;
    decision->subject = subject;
    decision->queued = -1;
    decision->timer.kind = FT_TIMER_DECISION;
    decision->timer.owner = decision;
    decision->starter.rank = decision->standin.rank = -1;
    decision->begun_ns = ft_now_ns(central);
    central->decisions_n++;
    return decision;
}

static void set_id(struct ft_decision *decision, uint64_t id)
{
    struct ft_decision **bucket = bucket_of(decision->central, id);

    decision->id = id;
    decision->hash_next = *bucket;
    *bucket = decision;
    if (id > decision->central->decision_id)
        decision->central->decision_id = id;
}

struct ft_decision *ft_decision_create(struct ft_central *central, struct ft_subject *subject,
                                       struct ft_demand *demand)
{
    struct ft_decision *decision = make(central, subject);

    if (decision == NULL)
        return NULL;
    set_id(decision, ft_central_number(central, FT_NUMBER_DECISION, central->decision_id));
    decision->demand = *demand;
    memset(demand, 0, sizeof *demand);
    subject->pending = decision;
    ft_decision_enlist(decision, &central->active);
    return decision;
}

struct ft_decision *ft_decision_revive(struct ft_central *central, struct ft_subject *subject,
                                       uint64_t id, enum ft_decision_state state)
{
    struct ft_decision *decision = make(central, subject);

    if (decision == NULL)
        return NULL;
    set_id(decision, id);
    decision->state = state;
    subject->current = decision;
    ft_decision_enlist(decision, &central->held);
    return decision;
}

/* ---------------------------------------------------------------- peers */

static void remember_peer(struct ft_decision *decision, struct ft_peer *peer)
{
    struct ft_peer **link = &decision->peers;

    peer->next = decision->peers;
    decision->peers = peer;
    if (++decision->peers_known <= FT_PEERS_KNOWN_MAX)
        return;
    while ((*link)->next != NULL)
        link = &(*link)->next;
    free(*link);
    *link = NULL;
    decision->peers_known--;
}

void ft_decision_peer(struct ft_decision *decision, unsigned k, bool told, const char *node,
                      uint64_t run, uint64_t request)
{
    struct ft_peer *peer = run != 0 ? calloc(1, sizeof *peer) : NULL;

    /* Without memory for it only its answer's repetition is another one: a port that nobody
     * uses. */
    if (peer == NULL)
        return;
    peer->k = k;
    peer->told = told;
    peer->run = run;
    peer->request = request;
    ft_text_copy(peer->node, sizeof peer->node, node);
    remember_peer(decision, peer);
    ft_keep_peer(decision, peer);
}

unsigned ft_decision_peer_of(const struct ft_decision *decision, bool told, const char *node,
                             uint64_t run, uint64_t request)
{
    for (const struct ft_peer *peer = decision->peers; peer != NULL; peer = peer->next) {
        if (peer->told == told && peer->run == run && peer->request == request && run != 0 &&
            ft_node_names_equal(peer->node, node))
            return peer->k;
    }
    return 0;
}

void ft_decision_destroy(struct ft_decision *decision)
{
    struct ft_decision **link;

    if (decision == NULL)
        return;
    link = bucket_of(decision->central, decision->id);
    while (*link != decision)
        link = &(*link)->hash_next;
    *link = decision->hash_next;
    unlist(decision);
    decision->central->decisions_n--;
    ft_timers_disarm(decision->central->timers, &decision->timer);
    ft_timers_unreserve(decision->central->timers);
    if (decision->subject->pending == decision)
        decision->subject->pending = NULL;
    if (decision->subject->current == decision)
        decision->subject->current = NULL;
    ft_demand_clear(&decision->demand);
    ft_asker_drop(&decision->starter);
    ft_asker_drop(&decision->standin);
    while (decision->peers != NULL) {
        struct ft_peer *peer = decision->peers;

        decision->peers = peer->next;
        free(peer);
    }
    free(decision->port);
    free(decision);
}

struct ft_decision *ft_decision_find(struct ft_central *central, uint64_t id)
{
    struct ft_decision *decision = *bucket_of(central, id);

    while (decision != NULL && decision->id != id)
        decision = decision->hash_next;
    return decision;
}

bool ft_decision_is_under_way(const struct ft_decision *decision)
{
    return decision->state < FT_GIVEN;
}

bool ft_decision_is_in_use(const struct ft_decision *decision)
{
    return decision->state >= FT_GIVEN && decision->state < FT_OVER;
}

void ft_each_decision(struct ft_central *central,
                      void (*visit)(struct ft_decision *decision, const void *arg),
                      const void *arg)
{
    struct ft_decision_list *lists[] = {&central->held, &central->active};

    for (int i = 0; i < 2; i++) {
        struct ft_decision *decision = lists[i]->first;
        /* What is appended while visiting has been visited already, or is no older than this. */
        struct ft_decision *last = lists[i]->last;

        while (decision != NULL) {
            struct ft_decision *next = decision != last ? decision->next : NULL;

            visit(decision, arg);
            decision = next;
        }
    }
}
