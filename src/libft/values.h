/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * values.h - are a resource and a constraint usable? They are plain structs, so that a program may
 * have made or changed them by hand: everything is looked at again before it is used.
 */
#ifndef FT_LIBFT_VALUES_H
#define FT_LIBFT_VALUES_H

#include <stddef.h>

#include "ft.h"

/* Writes what is wrong into problem (cut to size). Returns FT_OK, with problem empty, or
 * FT_ERR_ARG. `what` names the value in the text ("the resource"). */
ftRetVal_t ft_resource_check(const ftResource_t *resource, const char *what, char *problem,
                             size_t size);
ftRetVal_t ft_constraint_check(const ftConstraint_t *constraint, char *problem, size_t size);

#endif
