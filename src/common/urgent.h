/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * urgent.h - to be on time on a busy machine.
 */
#ifndef FT_COMMON_URGENT_H
#define FT_COMMON_URGENT_H

#include <stdbool.h>

/* Asks the system to run this process before others when it has something to do; its children are
 * not preferred. False with errno if that is not allowed, as it is not to ordinary users; nothing
 * has changed then. */
bool ft_urgent(void);

#endif
