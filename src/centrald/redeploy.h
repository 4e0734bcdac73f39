/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * redeploy.h - the leader's hands for the paper's algorithm 4: the central units that are not heard
 * are started again by their nodes' units, and get their program again if that is gone.
 */
#ifndef FT_CENTRALD_REDEPLOY_H
#define FT_CENTRALD_REDEPLOY_H

#include <stdbool.h>
#include <uv.h>

#include "centrald/book.h"
#include "centrald/units.h"
#include "core/env.h"
#include "core/plan.h"
#include "wire/ft.pb-c.h"

struct ft_redeployer;

struct ft_redeployer_config {
    uv_loop_t *loop;
    const struct ft_book *book;   /* who is heard; borrowed for life, as the next one */
    struct ft_units *units;
    uint64_t term;
};

struct ft_redeployer_env {
    void *arg;
    void (*log)(void *arg, struct ft_event *event);
    bool (*leads)(void *arg); /* this voter is sure to lead */
};

/* NULL: out of memory. To be given a plan next. */
struct ft_redeployer *ft_redeployer_create(const struct ft_redeployer_config *config,
                                           const struct ft_redeployer_env *env);

/* A plan, which has to outlive it or the next call. */
void ft_redeployer_plan(struct ft_redeployer *redeployer, const struct ft_plan *plan);

/* A unit's message: a Repaired. */
void ft_redeployer_message(struct ft_redeployer *redeployer, const char *node,
                           const Ft__Message *message);

/* Takes NULL. What belongs to the loop frees itself in one of its next rounds. */
void ft_redeployer_destroy(struct ft_redeployer *redeployer);

#endif
