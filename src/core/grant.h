/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * grant.h - nodes that a launcher asks for outright; the parts that the rest of core calls.
 */
#ifndef FT_CORE_GRANT_H
#define FT_CORE_GRANT_H

#include "core/state.h"

/* Who waits for this acquire, NULL if nobody does. */
struct ft_waiter *ft_grant_awaiting(const struct ft_central *central, uint64_t acquire_id);

/* The answer to it. _offer: whether the node is taken. */
bool ft_grant_offer(struct ft_central *central, struct ft_waiter *waiter, const char *name);
void ft_grant_no_offer(struct ft_central *central, struct ft_waiter *waiter, const char *why,
                       int64_t available_at_s);

/* A waiter goes unanswered: if it waits for an offer, that is not wanted any more. */
void ft_grant_abandon(struct ft_central *central, const struct ft_waiter *waiter);

#endif
