/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check.h - whether the parts of a plan go together.
 */
#ifndef FT_CONF_CHECK_H
#define FT_CONF_CHECK_H

#include <stdbool.h>

#include "conf/mistakes.h"
#include "conf/outline.h"
#include "core/plan.h"

/* False: out of memory. */
bool ft_check(const struct ft_plan *plan, const struct ft_outline *outline,
              struct ft_mistakes *mistakes, struct ft_mistakes *warnings);

#endif
