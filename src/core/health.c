/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * health.c - what becomes of nodes by the detector's, a forecast's or an administrator's word, and
 * the launcher that is told of it.
 *
 *   declared   the node is silent. It is nobody's alternative from now on. Its processes are not
 *              ended here: the launcher is told (NEWS), does without the node, and reports it as
 *              lost; that ends them, in one order for everybody. Over when the node is heard of
 *              again.
 *   failing    the node is going down, or is to be left. It is nobody's alternative; who asks
 *              instead of what is on it gets an answer at once, as planned work; what was given
 *              there and not claimed yet is taken back. The launcher tells the job's processes.
 *              Over when whoever said so says that it is well.
 *
 * A launcher has one request under way that waits for news (ftNextNews). News reaches it within the
 * call that brings it.
 */
#include "core/health.h"

#include <errno.h>
#include <stdio.h>

#include "common/text.h"
#include "core/decision.h"
#include "core/planted.h"
#include "core/suspect.h"
#include "core/waiter.h"

/* ---------------------------------------------------------------- telling */

static void answer_news(const struct ft_tiding *tiding, ftReply_t *reply)
{
    *reply = (ftReply_t) {.status = FT_OK, .decision = tiding->number, .change = tiding->change};
    reply->resource.kind = FT_NODE;
    ft_text_copy(reply->resource.node, sizeof reply->resource.node, tiding->node->name);
    ft_text_copy(reply->reason, sizeof reply->reason, tiding->why);
}

/* Answers those who wait and have not heard the latest news. */
static void tell(struct ft_central *central)
{
    struct ft_waiter *waiter = central->news_waiting->first;

    while (waiter != NULL) {
        struct ft_waiter *next = waiter->next;
        const struct ft_tiding *tiding = ft_tidings_after(central->tidings, waiter->after);
        ftReply_t reply;

        if (tiding != NULL) {
            answer_news(tiding, &reply);
            ft_waiter_answer(central, waiter, &reply);
        }
        waiter = next;
    }
}

void ft_central_next_news(struct ft_central *central, uint64_t token,
                          const struct ft_asker *asker, uint64_t after, ftTimeout_t timeout_ms)
{
    const struct ft_tiding *tiding;
    struct ft_waiter *waiter;
    ftReply_t reply = {.status = FT_OK, .decision = ft_tidings_base(central->tidings)};

    if (token == 0)
        return;
    if (!asker->launcher) {
        ft_central_refuse(central, token, FT_ERR_DENIED, "only a launcher is told news of its nodes",
                          NULL);
        return;
    }
    if (ft_tidings_is_foreign(central->tidings, after)) {
        ft_central_reply(central, token, &reply);
        return;
    }
    tiding = ft_tidings_after(central->tidings, after);
    if (tiding != NULL && !FT_PLANTED(FT_PLANT_NEWS_MISSED)) {
        answer_news(tiding, &reply);
        ft_central_reply(central, token, &reply);
        return;
    }
    waiter = ft_waiter_create(central, token, FT_WAIT_NEWS, asker, timeout_ms);
    if (waiter == NULL) {
        ft_central_refuse_errno(central, token, errno);
        return;
    }
    waiter->after = after;
    ft_waiter_join_queue(waiter, central->news_waiting);
}

/* News of a node that the launcher has a daemon on. Without memory for it the launcher does not
 * hear of it this way: the log says so, and what it notices itself still counts. */
static void spread(struct ft_central *central, struct ft_node *node, ftNodeChange_t change,
                   const char *why)
{
    if (node->state != FT_NODE_UP)
        return;
    if (ft_tidings_add(central->tidings, node, change, why, ft_now_ns(central)) == 0)
        ft_central_logf(central, "news_lost", NULL, -1, node->name,
                        "the launcher could not be told about node %s: out of memory", node->name);
    else
        tell(central);
}

void ft_health_joined(struct ft_central *central, struct ft_node *node)
{
    ft_tidings_drop(central->tidings, node);
    if (node->declared)
        spread(central, node, FT_NODE_LOST, "it was declared lost before, and has not come back");
    else if (node->failing)
        spread(central, node, FT_NODE_FAILING, node->failing_text);
}

/* ---------------------------------------------------------------- decisions concerned */

struct bad_node {
    const struct ft_node *node;
    const char *why;
};

static void check_candidate(struct ft_decision *decision, const void *arg)
{
    const struct bad_node *bad = arg;

    if (decision->candidate == bad->node && decision->state != FT_STARTING &&
        decision->state != FT_RUNNING)
        ft_decision_feed(decision, FT_IN_LOST, bad->why);
    else if (decision->state == FT_SETTLING && decision->subject->place == bad->node &&
             bad->node->failing)
        ft_decision_feed(decision, FT_IN_DEADLINE, NULL);
}

static void look_again(struct ft_central *central, const struct ft_node *node, const char *what,
                       const char *why)
{
    char text[FT_TEXT_MAX];
    struct bad_node bad = {.node = node, .why = text};

    if (FT_PLANTED(FT_PLANT_GIVE_FAILING))
        return;
    snprintf(text, sizeof text, "%s%s%.300s", what, why != NULL && why[0] != '\0' ? ": " : "",
             why != NULL ? why : "");
    ft_each_decision(central, check_candidate, &bad);
    ft_central_work(central);
}

/* ---------------------------------------------------------------- what is said of nodes */

void ft_central_node_declared(struct ft_central *central, const char *name, const char *why)
{
    struct ft_node *node = ft_inventory_find(central->inventory, name);

    if (node == NULL || node->declared)
        return;
    ft_inventory_set_declared(central->inventory, node, true);
    ft_suspect(central, node, FT_SUSPECT_SILENT, why);
    spread(central, node, FT_NODE_LOST, why);
    look_again(central, node, "is silent and was declared lost", why);
}

void ft_central_node_returned(struct ft_central *central, const char *name)
{
    struct ft_node *node = ft_inventory_find(central->inventory, name);

    if (node == NULL)
        return;
    ft_inventory_set_declared(central->inventory, node, false);
    ft_suspect_not(node, FT_SUSPECT_SILENT);
    ft_suspect_not(node, FT_SUSPECT_LOST);
}

void ft_central_node_suspect(struct ft_central *central, const char *name, enum ft_suspicion cause,
                             const char *why)
{
    struct ft_node *node = ft_inventory_find(central->inventory, name);

    if (node != NULL)
        ft_suspect(central, node, cause, why);
}

void ft_central_node_failing(struct ft_central *central, const char *name, const char *why)
{
    struct ft_node *node = ft_inventory_find(central->inventory, name);
    bool known;

    if (node == NULL)
        return;
    known = node->failing;
    ft_inventory_set_failing(central->inventory, node, true, why);
    if (known)
        return;
    ft_central_logf(central, "node_failing", NULL, -1, node->name,
                    "node %s is going down%s%.300s; %u processes of the job live there", node->name,
                    why != NULL && why[0] != '\0' ? ": " : "", why != NULL ? why : "",
                    node->processes_n);
    if (!node->declared) /* that it is lost has to be heard, and is heard by who asks late, too */
        spread(central, node, FT_NODE_FAILING, why);
    look_again(central, node, "is going down", why);
}

void ft_central_node_well(struct ft_central *central, const char *name, const char *why)
{
    struct ft_node *node = ft_inventory_find(central->inventory, name);

    if (node == NULL || !node->failing)
        return;
    ft_inventory_set_failing(central->inventory, node, false, NULL);
    ft_suspect_not(node, FT_SUSPECT_FAILING);
    ft_central_logf(central, "node_well", NULL, -1, node->name,
                    "node %s is not going down after all%s%.300s", node->name,
                    why != NULL && why[0] != '\0' ? ": " : "", why != NULL ? why : "");
    if (node->state == FT_NODE_UP && !node->declared)
        spread(central, node, FT_NODE_WELL, why);
}
