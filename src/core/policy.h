/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * policy.h - what counts for one request: what it says itself, else what ft.conf says.
 */
#ifndef FT_CORE_POLICY_H
#define FT_CORE_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/policy.h"
#include "core/central.h"
#include "core/match.h"

struct ft_policy {
    const char *ladder;   /* NULL: the resource manager's own; borrowed from the demand */
    bool wait_first;      /* the resource manager's queue is waited in, before a node is shared */
    bool share;           /* a surviving node may be shared */
    bool wait_last;       /* the queue is waited in after no node could be shared */
    bool later, fewer;    /* what is advised when there is none at all; at most one of them */
    unsigned wait_ms;     /* in the queue, at the most */
    unsigned answer_ms;   /* the resource manager has to answer within, when it waits not */
};

struct ft_policy ft_policy_of(const struct ft_demand *demand,
                              const struct ft_central_config *config);

/* Whether a demand itself rules out that a node is shared. */
bool ft_policy_forbids_sharing(const struct ft_demand *demand);

/* The hint of an answer without an alternative that follows from the policy: "" if none does. */
void ft_policy_hint(const struct ft_policy *policy, int64_t available_at_s, char *hint,
                    size_t size);

#endif
