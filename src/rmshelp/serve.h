/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * serve.h - orders that only Slurm's administrator may give: a node drained, a time limit raised.
 */
#ifndef FT_RMSHELP_SERVE_H
#define FT_RMSHELP_SERVE_H

#include <stdbool.h>

#include "rms/talk.h"

/* Whether an order is one of these. */
bool ft_serve_knows(const char *word);

/* Carries out this order, and those that come, until the side is over; says what came of each.
 * Returns an exit code. */
int ft_serve(const struct ft_talk *order);

#endif
