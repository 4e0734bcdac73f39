/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * munge.h - the node's own MUNGE.
 */
#ifndef FT_NET_MUNGE_H
#define FT_NET_MUNGE_H

#include "wire/munge.h"

/* NULL if this program was built without. Whether a daemon answers shows when it is asked. */
const struct ft_munge *ft_munge_system(void);

#endif
