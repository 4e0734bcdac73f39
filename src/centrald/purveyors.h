/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * purveyors.h - who gets nodes for whom: a backend of the resource manager for each that needs one.
 *
 * A job's own central unit has one. A system's has one for all sessions that are in no job of
 * Slurm, and one more for each that is, which asks in the name of that session's user, for that
 * session's job; besides, a watch of all of Slurm's nodes.
 */
#ifndef FT_CENTRALD_PURVEYORS_H
#define FT_CENTRALD_PURVEYORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "centrald/parts.h"
#include "core/env.h"
#include "core/plan.h"

struct ft_purveyors;

/* What is answered, maybe from within a call, and what the resource manager says of nodes: to one
 * session, or (0) to everybody. why NULL: it is well again. */
struct ft_purveyors_events {
    void (*offer)(void *arg, uint64_t session, uint64_t acquire, const char *node);
    void (*none)(void *arg, uint64_t acquire, const char *why, int64_t available_at_s);
    void (*node_news)(void *arg, uint64_t session, const char *node, const char *why);
};

/* parts: borrowed for life; `sessions` and `pleas` are there. NULL with a sentence in `why`. */
struct ft_purveyors *ft_purveyors_create(const struct ft_parts *parts, uv_loop_t *loop,
                                         const struct ft_plan *plan,
                                         const struct ft_purveyors_events *events, void *arg,
                                         char *why, size_t size);
void ft_purveyors_destroy(struct ft_purveyors *purveyors); /* takes NULL */

/* See rms/rms.h; each goes to the one that is the session's. */
void ft_purveyors_acquire(struct ft_purveyors *purveyors, uint64_t acquire,
                          const struct ft_wanted *wanted);
void ft_purveyors_abandon(struct ft_purveyors *purveyors, uint64_t acquire);
void ft_purveyors_release(struct ft_purveyors *purveyors, const struct ft_returned *returned);
void ft_purveyors_suspect(struct ft_purveyors *purveyors, const struct ft_suspect *suspect);
void ft_purveyors_time_lost(struct ft_purveyors *purveyors, const struct ft_lost_time *lost);
void ft_purveyors_kept(struct ft_purveyors *purveyors, uint64_t session, const char *node);
void ft_purveyors_taken(struct ft_purveyors *purveyors, uint64_t session, const char *node);

/* The launcher of that session was lost with its node. */
void ft_purveyors_forsaken(struct ft_purveyors *purveyors, uint64_t session);

/* That session is over, and has given back what it had. */
void ft_purveyors_part(struct ft_purveyors *purveyors, uint64_t session);

/* Another plan; see spares.h. */
int ft_purveyors_prepare(struct ft_purveyors *purveyors, const struct ft_plan *plan, char *why,
                         size_t size);
void ft_purveyors_settle(struct ft_purveyors *purveyors, bool in_force);

#endif
