/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * take.h - puts what libconfuse read into a plan.
 */
#ifndef FT_CONF_TAKE_H
#define FT_CONF_TAKE_H

#include "conf/options.h"
#include "conf/plan.h"

/* Fills a plan that is all zero: sections, then the file's own options. Mistakes are noted; what is
 * wrong has its default then. warnings: what is allowed and hardly meant. False: out of memory. */
bool ft_take(struct ft_plan *plan, cfg_t *cfg, const struct ft_outline *outline,
             const struct ft_plan_overrides *overrides, struct ft_mistakes *mistakes,
             struct ft_mistakes *warnings);

#endif
