/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * show.h - prints what a unit would tell the central unit about this node.
 */
#ifndef FT_NODED_SHOW_H
#define FT_NODED_SHOW_H

#include "noded/conf.h"

/* The whole program "ft-noded --show". Returns the exit code. */
int ft_show_main(const struct ft_noded_config *config, const char *node);

#endif
