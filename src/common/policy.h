/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * policy.h - the words of two settings that ft.conf and a single request can make: by which ways a
 * node comes from the resource manager (the ladder), and what is done when none is free.
 *
 *     enum ft_way ways[FT_WAYS_MAX];
 *     enum ft_when_none steps[FT_WHEN_NONE_MAX];
 *
 *     ft_ways_parse("spares,beside", ways);            // FT_WAY_SPARES, FT_WAY_BESIDE, 0
 *     ft_when_none_parse("share,later", steps);        // FT_NONE_SHARE, FT_NONE_LATER, 0, 0
 */
#ifndef FT_COMMON_POLICY_H
#define FT_COMMON_POLICY_H

#include <stdbool.h>

#define FT_POLICY_TEXT_MAX 32 /* bytes of the longest list of words, its 0 included */

/* How a node may come. */
enum ft_way {
    FT_WAY_SPARES = 1, /* one that the job has and keeps idle */
    FT_WAY_EXPAND,     /* it joins the job, where the site permits that */
    FT_WAY_BESIDE      /* an allocation of its own beside the job */
};
#define FT_WAYS_MAX 3

/* What is done when none is free at once, in this order. The last two are an answer: nothing can
 * come behind them. */
enum ft_when_none {
    FT_NONE_WAIT = 1, /* wait for one, in the resource manager's queue */
    FT_NONE_SHARE,    /* use a surviving node that is in use */
    FT_NONE_LATER,    /* say when one is expected to be free */
    FT_NONE_FEWER     /* say that the job is to go on without */
};
#define FT_WHEN_NONE_MAX 3 /* wait, share, and one of the others */

/* Read "spares,expand,beside" in any order, none twice; "share,wait,later" with later or fewer at
 * the end. 0 follows the last one. 0, or -1 with errno EINVAL and nothing changed. */
int ft_ways_parse(const char *text, enum ft_way ways[FT_WAYS_MAX]);
int ft_when_none_parse(const char *text, enum ft_when_none steps[FT_WHEN_NONE_MAX]);

bool ft_ways_have(const enum ft_way ways[FT_WAYS_MAX], enum ft_way way);
bool ft_when_none_has(const enum ft_when_none steps[FT_WHEN_NONE_MAX], enum ft_when_none step);

#endif
