/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * suspect.h - what whoever runs the nodes is to hear of a loss: which node proved bad, and how much
 * time it cost.
 */
#ifndef FT_CORE_SUSPECT_H
#define FT_CORE_SUSPECT_H

#include "core/decision.h"

/* A node proved bad. Told once for each cause, until that is taken back. */
void ft_suspect(struct ft_central *central, struct ft_node *node, enum ft_suspicion cause,
                const char *why);
/* That does not speak against it any more. */
void ft_suspect_not(struct ft_node *node, enum ft_suspicion cause);

/* What was measured at a node: says what of it speaks against the node itself. */
void ft_suspect_measured(struct ft_central *central, struct ft_node *node,
                         const struct ft_measured *measured);

/* A decision gives an alternative: since when its subject is lost is noted. Then the stand-in runs
 * (its subject is where that is, by now): the time since the loss is over. */
void ft_suspect_time_begun(struct ft_decision *decision);
void ft_suspect_time_over(struct ft_decision *decision);

#endif
