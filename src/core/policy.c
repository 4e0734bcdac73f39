/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * policy.c - what counts for one request: what it says itself (ftLadder, ftWhenNone, ftWaitUpTo),
 * else what ft.conf says (rms_when_none, share, rms_timeout_ms; its ladder the backend knows).
 *
 * Pure. Asked by recovery.c while it climbs, and by decision_words.c for the hint of an answer. A
 * list of steps becomes rungs of recovery.c's table as follows; what the resource manager has free
 * now always goes first:
 *
 *     wait         new node, waited for
 *     share        new node, if one is free now; sharing
 *     wait,share   new node, waited for; sharing
 *     share,wait   new node, if one is free now; sharing; new node, waited for
 *     ...,later    and then: none, ask again at that time
 *     ...,fewer    and then: none, go on without
 */
#include "core/policy.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/planted.h"

/* Whoever lets nodes be shared (`share`) has it tried after what the list names, before the last
 * word. */
static void take_steps(struct ft_policy *policy, const enum ft_when_none steps[FT_WHEN_NONE_MAX],
                       bool share)
{
    bool waits = ft_when_none_has(steps, FT_NONE_WAIT);

    policy->wait_last = waits && steps[0] == FT_NONE_SHARE;
    policy->wait_first = waits && !policy->wait_last;
    policy->share = share || ft_when_none_has(steps, FT_NONE_SHARE);
    policy->later = ft_when_none_has(steps, FT_NONE_LATER);
    policy->fewer = ft_when_none_has(steps, FT_NONE_FEWER);
}

/* What a demand says was looked at when it was made: it can be understood. */
struct ft_policy ft_policy_of(const struct ft_demand *demand,
                              const struct ft_central_config *config)
{
    struct ft_policy policy = {
        .ladder = demand->ladder[0] != '\0' ? demand->ladder : NULL,
        .wait_ms = demand->wait_ms > 0 ? demand->wait_ms : config->rms_timeout_ms,
        .answer_ms = config->rms_timeout_ms,
    };
    enum ft_when_none steps[FT_WHEN_NONE_MAX];

    if (ft_when_none_parse(demand->when_none, steps) == 0)
        take_steps(&policy, steps, false);
    else
        take_steps(&policy, config->when_none, config->share);
    return policy;
}

bool ft_policy_forbids_sharing(const struct ft_demand *demand)
{
    enum ft_when_none steps[FT_WHEN_NONE_MAX];

    return !FT_PLANTED(FT_PLANT_SHARE_ANYHOW) &&
           ft_when_none_parse(demand->when_none, steps) == 0 &&
           !ft_when_none_has(steps, FT_NONE_SHARE);
}

static void time_text(int64_t at_s, char *text, size_t size)
{
    time_t at = (time_t) at_s;
    struct tm parts;

    if (gmtime_r(&at, &parts) == NULL || strftime(text, size, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
        snprintf(text, size, "second %lld", (long long) at_s);
}

void ft_policy_hint(const struct ft_policy *policy, int64_t available_at_s, char *hint,
                    size_t size)
{
    hint[0] = '\0';
    if (policy->fewer) {
        snprintf(hint, size, "go on without it: that is the policy when there is no node (fewer)");
    } else if (available_at_s > 0) {
        char at[64];

        time_text(available_at_s, at, sizeof at);
        snprintf(hint, size, "ask again at %s: the resource manager expects one to be free then",
                 at);
    } else if (policy->later) {
        snprintf(hint, size, "ask again later: the resource manager does not tell when one will be "
                             "free");
    }
}
