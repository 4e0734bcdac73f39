/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * munge.h - the node's own MUNGE.
 */
#ifndef FT_NET_MUNGE_H
#define FT_NET_MUNGE_H

#include <stdbool.h>

#include "wire/munge.h"

#define FT_MUNGE_WAIT_MS 20000

/* NULL if this program was built without. Whether a daemon answers shows when it is asked. */
const struct ft_munge *ft_munge_system(void);

/* At a program's start: where this node has a MUNGE (a key for it) that does not answer yet, waits
 * until it does, at most wait_ms, and says so in the log. A node that has none is not waited for.
 * Blocks; a signal that ends the program ends the wait. False: it was waited for in vain. */
bool ft_munge_await(unsigned wait_ms);

#endif
