/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * health.h - what becomes of nodes, and who is told.
 */
#ifndef FT_CORE_HEALTH_H
#define FT_CORE_HEALTH_H

#include "core/state.h"

/* A launcher's daemon has come up on a node: what is known against the node is news to it. */
void ft_health_joined(struct ft_central *central, struct ft_node *node);

#endif
