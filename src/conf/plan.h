/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plan.h - makes a plan (core/plan.h) out of the information file, ft.conf.
 *
 *     struct ft_plan *plan = ft_plan_load(NULL, NULL, why, sizeof why);
 *
 *     if (plan == NULL)
 *         complain(why);              // "/etc/ft/ft.conf:12: ...", a line for each error
 *     else if (plan->warnings[0])
 *         mention(plan->warnings);
 *
 * The same text gives the same plan, wherever it is read. Not to be called by two threads at once:
 * libconfuse has but one parser.
 */
#ifndef FT_CONF_PLAN_H
#define FT_CONF_PLAN_H

#include <stddef.h>

#include "core/plan.h"

#define FT_CONF_ERRORS_MAX 16    /* of one file that are told; then "and N more" */
#define FT_CONF_WHY_MAX 4096     /* bytes for so many */

/* What counts instead of what the file says; NULL: the file. */
struct ft_plan_overrides {
    const char *pool;  /* host list: instead of `pool` and of the nodes with spare = true */
    const char *share; /* "0": not allowed, "": the file's word, else allowed ($FT_SHARE) */
};

/* Reads a file.
 *   path       NULL: the installation's /etc/ft/ft.conf, which need not exist
 *   overrides  NULL: none
 *   why        gets, after an error, what is wrong: "FILE:LINE: ..." lines, the last one without
 *              its end; FT_CONF_WHY_MAX bytes hold all that is told
 * Returns the plan, for ft_plan_destroy; NULL with errno EINVAL (the text), ENOMEM, or what opening
 * the file gave. */
struct ft_plan *ft_plan_load(const char *path, const struct ft_plan_overrides *overrides, char *why,
                             size_t size);

/* The same out of a text, such as the one that plan->text keeps. name: what messages call it. */
struct ft_plan *ft_plan_parse_text(const char *text, const char *name,
                                   const struct ft_plan_overrides *overrides, char *why,
                                   size_t size);

/* Path of the file that NULL means. */
const char *ft_plan_default_path(void);

#endif
