/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pleas.h - what the resource manager's administrator is asked for, or what was done without him:
 * in the event log.
 */
#ifndef FT_CENTRALD_PLEAS_H
#define FT_CENTRALD_PLEAS_H

#include <stdbool.h>

#include "centrald/parts.h"
#include "core/env.h"
#include "rms/rms.h"

struct ft_pleas;

/* parts: borrowed for life; `later` and `sessions` are there. NULL: out of memory. */
struct ft_pleas *ft_pleas_create(const struct ft_parts *parts);
void ft_pleas_destroy(struct ft_pleas *pleas); /* takes NULL */

/* Whether a suspicion is news, and to be handed on to the resource manager. */
bool ft_pleas_is_due(struct ft_pleas *pleas, const struct ft_suspect *suspect);

/* What came of it, or of time that was lost: written down. arg: the pleas. */
void ft_pleas_request(void *arg, const struct ft_rms_request *request);

#endif
