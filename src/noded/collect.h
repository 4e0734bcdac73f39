/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * collect.h - takes this node's readings all the time, sends those that changed, and sees trouble
 * coming.
 */
#ifndef FT_NODED_COLLECT_H
#define FT_NODED_COLLECT_H

#include <stdbool.h>
#include <uv.h>

#include "core/plan.h"
#include "wire/ft.pb-c.h"

#define FT_COLLECT_QUICK_MS 2000   /* memory, load, processors */
#define FT_COLLECT_SLOW_MS 10000   /* disks, heat, errors */
#define FT_COLLECT_CHECK_MS 60000  /* the site's check */

struct ft_collect;

/* What it wants of its owner. */
struct ft_collect_ways {
    /* Sends a message to the central unit: 0, or -1 if there is no link. */
    int (*send)(void *arg, const Ft__Message *message);
    /* Has the site's check run; ends in ft_collect_checked. False: the site has none. */
    bool (*check)(void *arg);
};

struct ft_collect_config {
    const char *root;         /* put before /proc and /sys: "" but in tests */
    unsigned quick_ms, slow_ms, check_ms; /* 0: the defaults */
    struct ft_plan_forecast forecast;
};

/* Begins to take readings. NULL with errno ENOMEM. root is borrowed for life. */
struct ft_collect *ft_collect_create(uv_loop_t *loop, const struct ft_collect_config *config,
                                     const struct ft_collect_ways *ways, void *arg);

/* The link is up: everything is sent, also troubles that are known already. */
void ft_collect_up(struct ft_collect *collect);

/* Judge by these settings from now on. */
void ft_collect_set(struct ft_collect *collect, const struct ft_plan_forecast *forecast);

/* The site's check ended: with this exit code. */
void ft_collect_checked(struct ft_collect *collect, int code);

/* Ends; to be destroyed when the loop has run out. */
void ft_collect_stop(struct ft_collect *collect);
void ft_collect_destroy(struct ft_collect *collect); /* takes NULL */

#endif
