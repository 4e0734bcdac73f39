/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * waiter.c - a request that waits for a decision to come to something.
 *
 * Six kinds wait: who asked for an alternative (until it is decided), who claimed one that
 * another is starting (until the stand-in announces itself), a stand-in that waits for its next
 * peer, a launcher that waits for news of its nodes, and one that asked for another node; and a spare rank,
 * until it is given a rank.
 * Each is found by its token (to cancel it), hangs in a queue (of its decision, or that of the
 * launchers), and has a deadline:
 * the time that its asker gave. A waiter is answered exactly once and gone with the answer; there
 * is no other way out but ft_central_cancel.
 */
#include "core/waiter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "core/decision.h"
#include "core/grant.h"
#include "core/spare_ranks.h"

int ft_asker_keep(struct ft_kept_asker *kept, const struct ft_asker *asker)
{
    kept->job = strdup(asker->job != NULL ? asker->job : "");
    kept->node = strdup(asker->node != NULL ? asker->node : "");
    kept->rank = asker->rank;
    kept->pid = asker->pid;
    kept->run = asker->run;
    kept->request = asker->request;
    if (kept->job != NULL && kept->node != NULL)
        return 0;
    ft_asker_drop(kept);
    errno = ENOMEM;
    return -1;
}

void ft_asker_drop(struct ft_kept_asker *kept)
{
    free(kept->job);
    free(kept->node);
    memset(kept, 0, sizeof *kept);
    kept->rank = -1;
}

bool ft_asker_is(const struct ft_kept_asker *kept, const struct ft_asker *asker)
{
    return kept->job != NULL && kept->rank == asker->rank &&
           strcmp(kept->job, asker->job != NULL ? asker->job : "") == 0 &&
           strcmp(kept->node, asker->node != NULL ? asker->node : "") == 0 &&
           (asker->rank >= 0 || kept->pid == asker->pid);
}

static struct ft_waiter **bucket_of(struct ft_central *central, uint64_t token)
{
    return &central->waiters[(token ^ token >> 12) % FT_WAITER_BUCKETS];
}

struct ft_waiter *ft_waiter_find(struct ft_central *central, uint64_t token)
{
    struct ft_waiter *waiter = *bucket_of(central, token);

    while (waiter != NULL && waiter->token != token)
        waiter = waiter->hash_next;
    return waiter;
}

static int64_t deadline_ns(int64_t now_ns, ftTimeout_t timeout_ms)
{
    if (timeout_ms == FT_FOREVER || timeout_ms > (INT64_MAX - now_ns) / NS_PER_MS)
        return INT64_MAX;
    return now_ns + timeout_ms * NS_PER_MS;
}

struct ft_waiter *ft_waiter_create(struct ft_central *central, uint64_t token,
                                   enum ft_waiting_for what, const struct ft_asker *asker,
                                   ftTimeout_t timeout_ms)
{
    struct ft_waiter *waiter;
    struct ft_waiter **bucket = bucket_of(central, token);

    if (timeout_ms < 0 && timeout_ms != FT_FOREVER) {
        errno = EINVAL;
        return NULL;
    }
    if (central->waiters_n >= FT_WAITERS_MAX || ft_waiter_find(central, token) != NULL) {
        errno = central->waiters_n >= FT_WAITERS_MAX ? ENOBUFS : EEXIST;
        return NULL;
    }
    waiter = calloc(1, sizeof *waiter);
    if (waiter == NULL || ft_asker_keep(&waiter->asker, asker) < 0) {
        free(waiter);
        errno = ENOMEM;
        return NULL;
    }
    if (ft_timers_reserve(central->timers) < 0) {
        ft_asker_drop(&waiter->asker);
        free(waiter);
        errno = ENOMEM;
        return NULL;
    }
    waiter->token = token;
    waiter->what = what;
    waiter->arrived_ns = ft_now_ns(central);
    waiter->timer.kind = FT_TIMER_WAITER;
    waiter->timer.owner = waiter;
    waiter->hash_next = *bucket;
    *bucket = waiter;
    central->waiters_n++;
    if (deadline_ns(waiter->arrived_ns, timeout_ms) != INT64_MAX &&
        !(FT_PLANTED(FT_PLANT_NO_DEADLINE) && what == FT_WAIT_CLAIM))
        ft_timers_arm(central->timers, &waiter->timer, deadline_ns(waiter->arrived_ns, timeout_ms));
    return waiter;
}

static void append(struct ft_waiting *waiting, struct ft_waiter *waiter)
{
    waiter->queue = waiting;
    waiter->next = NULL;
    if (waiting->last != NULL)
        waiting->last->next = waiter;
    else
        waiting->first = waiter;
    waiting->last = waiter;
}

void ft_waiter_join(struct ft_waiter *waiter, struct ft_decision *decision)
{
    waiter->decision = decision;
    append(&decision->waiting[waiter->what], waiter);
}

void ft_waiter_join_queue(struct ft_waiter *waiter, struct ft_waiting *queue)
{
    append(queue, waiter);
}

static void leave(struct ft_waiter *waiter)
{
    struct ft_waiting *waiting = waiter->queue;
    struct ft_waiter *before = NULL;

    if (waiting == NULL)
        return;
    if (waiting->first == waiter) {
        waiting->first = waiter->next;
    } else {
        for (before = waiting->first; before->next != waiter; before = before->next)
            continue;
        before->next = waiter->next;
    }
    if (waiting->last == waiter)
        waiting->last = before;
    waiter->decision = NULL;
    waiter->queue = NULL;
}

void ft_waiter_destroy(struct ft_central *central, struct ft_waiter *waiter)
{
    struct ft_waiter **link = bucket_of(central, waiter->token);

    leave(waiter);
    while (*link != waiter)
        link = &(*link)->hash_next;
    *link = waiter->hash_next;
    central->waiters_n--;
    ft_timers_disarm(central->timers, &waiter->timer);
    ft_timers_unreserve(central->timers);
    ft_asker_drop(&waiter->asker);
    ft_demand_clear(&waiter->demand);
    free(waiter);
}

void ft_waiter_answer(struct ft_central *central, struct ft_waiter *waiter, const ftReply_t *reply)
{
    uint64_t token = waiter->token;

    ft_waiter_destroy(central, waiter);
    ft_central_reply(central, token, reply);
}

void ft_waiter_expire(struct ft_central *central, struct ft_waiter *waiter)
{
    struct ft_decision *decision = waiter->decision;
    ftReply_t reply = {.status = FT_ERR_TIMEOUT};
    double waited_ms = (double) (ft_now_ns(central) - waiter->arrived_ns) / NS_PER_MS;

    switch (waiter->what) {
    case FT_WAIT_ALTERNATIVE:
        snprintf(reply.reason, sizeof reply.reason,
                 "no alternative for %.160s was decided within %.0f ms: %.160s",
                 decision->subject->text, waited_ms, ft_decision_state_text(decision));
        snprintf(reply.hint, sizeof reply.hint,
                 "the decision goes on; ask again for its outcome");
        break;
    case FT_WAIT_CLAIM:
        snprintf(reply.reason, sizeof reply.reason,
                 "the stand-in of decision %llu did not come up within %.0f ms: %.160s",
                 (unsigned long long) decision->id, waited_ms, ft_decision_state_text(decision));
        snprintf(reply.hint, sizeof reply.hint, "claim it again, with more time");
        break;
    case FT_WAIT_OFFER:
        ft_grant_abandon(central, waiter);
        snprintf(reply.reason, sizeof reply.reason,
                 "the resource manager gave no node within %.0f ms", waited_ms);
        break;
    case FT_WAIT_SPARE:
        ft_spare_ranks_abandoned(central, waiter);
        snprintf(reply.reason, sizeof reply.reason, "nobody needed this spare within %.0f ms",
                 waited_ms);
        break;
    case FT_WAIT_NEWS:
        snprintf(reply.reason, sizeof reply.reason, "no news within %.0f ms", waited_ms);
        break;
    default:
        snprintf(reply.reason, sizeof reply.reason, "no peer came within %.0f ms", waited_ms);
        break;
    }
    ft_waiter_answer(central, waiter, &reply);
}
