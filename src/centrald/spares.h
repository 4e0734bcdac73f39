/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spares.h - the nodes to be had: the resource manager's side of core's effects.
 */
#ifndef FT_CENTRALD_SPARES_H
#define FT_CENTRALD_SPARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "centrald/parts.h"
#include "core/env.h"
#include "core/plan.h"

struct ft_spares;

/* parts: borrowed for life; `later` and `sessions` are there. NULL with a sentence in `why`. */
struct ft_spares *ft_spares_create(const struct ft_parts *parts, uv_loop_t *loop,
                                   const struct ft_plan *plan, char *why, size_t size);

/* Nothing comes from the resource manager any more, and what was got from it goes back, but for what
 * a successor will find in the ledger. Before the loop's last round: the backends close what they
 * have there. Both take NULL. */
void ft_spares_stop(struct ft_spares *spares);
void ft_spares_destroy(struct ft_spares *spares);

/* Core's effects; see core/env.h. What is answered reaches core later. */
void ft_spares_acquire(struct ft_spares *spares, uint64_t acquire, const struct ft_wanted *wanted);
void ft_spares_abandon(struct ft_spares *spares, uint64_t acquire);
void ft_spares_release(struct ft_spares *spares, const struct ft_returned *returned);
void ft_spares_suspect(struct ft_spares *spares, const struct ft_suspect *suspect);
void ft_spares_time_lost(struct ft_spares *spares, const struct ft_lost_time *lost);

/* The launcher of that session was lost with its node. */
void ft_spares_forsaken(void *spares, uint64_t session);

/* That session is over: what it had was released. */
void ft_spares_part(struct ft_spares *spares, uint64_t session);

/* That node was given to a session by a predecessor; if it is not needed any more, it goes back. */
void ft_spares_taken(void *spares, uint64_t session, const char *node, bool needed);

/* Another plan: prepared (0, or -1 with a sentence in `why` and nothing changed), then settled: in
 * force, or, if anything else could not be changed, dropped. What is given stays given. */
int ft_spares_prepare(struct ft_spares *spares, const struct ft_plan *plan, char *why, size_t size);
void ft_spares_settle(struct ft_spares *spares, bool in_force);

#endif
