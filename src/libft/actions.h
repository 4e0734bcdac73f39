/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * actions.h - is an action ready to be sent?
 */
#ifndef FT_LIBFT_ACTIONS_H
#define FT_LIBFT_ACTIONS_H

#include "libft/why.h"

/* Looks at every part of an action that its verb uses. Returns FT_OK, or FT_ERR_ACTION with why. */
ftRetVal_t ft_action_check(const ftAction_t *action, struct ft_why *why);

#endif
