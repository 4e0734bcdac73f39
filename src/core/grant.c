/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * grant.c - nodes that a launcher asks for outright: for an allocation of its own, not in the place
 * of something that was lost.
 *
 * Called for the requests ACQUIRE and GIVE_BACK, and by news.c with what the resource manager says
 * to an acquire that is one of these. A node that was given so is granted until the launcher gives
 * it back or ends (then it goes back with all that its session has acquired); meanwhile no decision
 * takes it. It is kept with the request that it answered: the same one asked again, because its
 * answer was lost on the way, is given the same node and not another one.
 *
 *     ACQUIRE  -> acquire -> offer    granted, answered
 *                         -> none     answered: why, and when to ask again
 *                         -> too late, cancelled: abandoned
 *     GIVE_BACK -> released
 */
#include "core/grant.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/kept.h"
#include "core/waiter.h"

#define NAMES_MAX 1024

static bool is_launcher(struct ft_central *central, uint64_t token, const struct ft_asker *asker)
{
    if (asker->launcher)
        return true;
    ft_central_refuse(central, token, FT_ERR_DENIED,
                      "only a launcher may ask for nodes outright, or give them back", NULL);
    return false;
}

static void answer_granted(const struct ft_node *node, ftReply_t *reply)
{
    memset(reply, 0, sizeof *reply);
    reply->status = FT_OK;
    reply->resource.kind = FT_NODE;
    snprintf(reply->resource.node, sizeof reply->resource.node, "%s", node->name);
}

/* ---------------------------------------------------------------- asking */

static struct ft_node *granted_before(struct ft_central *central, const struct ft_asker *asker)
{
    struct ft_node *node = ft_inventory_first(central->inventory);

    if (asker->run == 0 || asker->request == 0)
        return NULL;
    while (node != NULL && !(node->granted && node->granted_run == asker->run &&
                             node->granted_request == asker->request))
        node = node->order_next;
    return node;
}

/* "n1,n2" -> their names, in `text`. Returns how many. */
static size_t split(const char *list, char text[FT_EXCLUDE_MAX], const char *names[NAMES_MAX])
{
    size_t n = 0;
    char *at;

    snprintf(text, FT_EXCLUDE_MAX, "%s", list);
    for (at = text; *at != '\0' && n < NAMES_MAX;) {
        size_t length = strcspn(at, ",");
        bool more = at[length] != '\0';

        at[length] = '\0';
        if (length > 0)
            names[n++] = at;
        at += length + more;
    }
    return n;
}

/* Nodes that the launcher has already, given so or with a daemon there: a resource manager that
 * shares nodes would give one of them once more. */
static size_t add_present(const struct ft_central *central, const char *names[NAMES_MAX], size_t n)
{
    const struct ft_node *node = ft_inventory_first(central->inventory);

    for (; node != NULL && n < NAMES_MAX; node = node->order_next) {
        if (node->granted || node->state == FT_NODE_UP)
            names[n++] = node->name;
    }
    return n;
}

/* As long as the launcher waits for it, unless it says otherwise. What is not a list of steps is
 * refused on the way here. */
static unsigned wait_ms(const ftConstraint_t *constraint)
{
    enum ft_when_none steps[FT_WHEN_NONE_MAX];

    if (ft_when_none_parse(constraint->when_none, steps) == 0 &&
        !ft_when_none_has(steps, FT_NONE_WAIT))
        return 0;
    return constraint->wait_ms > 0 ? constraint->wait_ms : FT_WAIT_MAX_MS;
}

static void acquire(struct ft_central *central, struct ft_waiter *waiter,
                    const struct ft_asker *asker, const ftConstraint_t *constraint,
                    ftTimeout_t timeout_ms)
{
    const char *names[NAMES_MAX];
    char text[FT_EXCLUDE_MAX];
    struct ft_facts like = {.cores = constraint->cores_min,
                            .memory_bytes = constraint->memory_min_bytes};
    bool any = constraint->cores_min == 0 && constraint->memory_min_bytes == 0 &&
               constraint->arch[0] == '\0';
    struct ft_wanted wanted = {
        .session = central->config.session,
        .job = asker->job != NULL ? asker->job : "",
        .like = any ? NULL : &like,
        .excluded = names,
        .excluded_n = add_present(central, names, split(constraint->excluded, text, names)),
        .ladder = constraint->ladder[0] != '\0' ? constraint->ladder : NULL,
        .wait_ms = wait_ms(constraint),
        .timeout_ms = timeout_ms > 0 && timeout_ms < UINT32_MAX ? (unsigned) timeout_ms : 0,
    };

    snprintf(like.arch, sizeof like.arch, "%s", constraint->arch);
    waiter->acquire = central->acquire_id =
        ft_central_number(central, FT_NUMBER_ACQUIRE, central->acquire_id);
    central->env.acquire(central->env.arg, waiter->acquire, &wanted);
}

void ft_central_acquire(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                        const ftConstraint_t *constraint, ftTimeout_t timeout_ms)
{
    struct ft_waiter *waiter;
    struct ft_node *node;
    ftReply_t reply;

    if (token == 0 || !is_launcher(central, token, asker))
        return;
    node = granted_before(central, asker);
    if (node != NULL) {
        answer_granted(node, &reply);
        ft_central_reply(central, token, &reply);
        return;
    }
    waiter = ft_waiter_create(central, token, FT_WAIT_OFFER, asker, timeout_ms);
    if (waiter == NULL) {
        ft_central_refuse_errno(central, token, errno);
        return;
    }
    ft_waiter_join_queue(waiter, central->offer_waiting);
    acquire(central, waiter, asker, constraint, timeout_ms);
}

void ft_grant_abandon(struct ft_central *central, const struct ft_waiter *waiter)
{
    if (waiter->what == FT_WAIT_OFFER)
        central->env.abandon(central->env.arg, waiter->acquire);
}

/* ---------------------------------------------------------------- the resource manager's answer */

struct ft_waiter *ft_grant_awaiting(const struct ft_central *central, uint64_t acquire_id)
{
    struct ft_waiter *waiter = central->offer_waiting->first;

    while (waiter != NULL && waiter->acquire != acquire_id)
        waiter = waiter->next;
    return waiter;
}

bool ft_grant_offer(struct ft_central *central, struct ft_waiter *waiter, const char *name)
{
    struct ft_node *node = ft_inventory_get(central->inventory, name);
    ftReply_t reply = {.status = FT_ERR_MEMORY};

    if (node == NULL) {
        snprintf(reply.reason, sizeof reply.reason,
                 "the central unit cannot note node %.200s, which the resource manager gave", name);
        ft_waiter_answer(central, waiter, &reply);
        return false;
    }
    if (node->granted) {
        reply.status = FT_ERR_NONE;
        snprintf(reply.reason, sizeof reply.reason,
                 "the resource manager offers node %.200s, which this launcher has already",
                 node->name);
        ft_waiter_answer(central, waiter, &reply);
        return false;
    }
    node->acquired = true;
    ft_inventory_grant(central->inventory, node, true);
    node->granted_run = waiter->asker.run;
    node->granted_request = waiter->asker.request;
    ft_keep_place(central, node);
    ft_central_logf(central, "node_granted", NULL, -1, node->name,
                    "node %s was given to the launcher on node %s, which asked for one more",
                    node->name, waiter->asker.node);
    answer_granted(node, &reply);
    ft_waiter_answer(central, waiter, &reply);
    return true;
}

void ft_grant_no_offer(struct ft_central *central, struct ft_waiter *waiter, const char *why,
                       int64_t available_at_s)
{
    ftReply_t reply = {.status = FT_ERR_NONE, .available_at_s = available_at_s};

    snprintf(reply.reason, sizeof reply.reason, "%.*s", (int) sizeof reply.reason - 1, why);
    ft_waiter_answer(central, waiter, &reply);
}

/* ---------------------------------------------------------------- giving back */

void ft_central_give_back(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                          const char *name)
{
    struct ft_node *node = ft_inventory_find(central->inventory, name);
    struct ft_returned returned = {.session = central->config.session};
    char reason[FT_TEXT_MAX];

    if (!is_launcher(central, token, asker))
        return;
    if (node == NULL || !node->granted || node->processes_n > 0) {
        bool busy = node != NULL && node->granted;

        snprintf(reason, sizeof reason, busy ? "processes of a job are on node %.200s"
                                             : "node %.200s was not given to this launcher", name);
        ft_central_refuse(central, token, busy ? FT_ERR_BUSY : FT_ERR_UNKNOWN, reason, NULL);
        return;
    }
    returned.node = node->name;
    returned.broken = node->state == FT_NODE_IS_LOST || node->declared;
    node->acquired = false;
    node->granted_run = node->granted_request = 0;
    ft_inventory_grant(central->inventory, node, false);
    ft_keep_place(central, node);
    ft_central_logf(central, "node_released", NULL, -1, node->name,
                    "node %s was given back to the resource manager by its launcher%s", node->name,
                    returned.broken ? ": it is lost" : "");
    central->env.release(central->env.arg, &returned);
    ft_central_accept(central, token, 0, 0);
}
