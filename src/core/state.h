/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * state.h - what the parts of the central state machine share. Included by central.c, decision.c,
 * recovery.c and waiter.c only.
 */
#ifndef FT_CORE_STATE_H
#define FT_CORE_STATE_H

#include "core/central.h"
#include "core/inventory.h"
#include "core/jobs.h"
#include "core/match.h"
#include "core/planted.h"
#include "core/subject.h"
#include "core/timers.h"

#define NS_PER_MS INT64_C(1000000)
#define FT_WAITER_BUCKETS 4096
#define FT_DECISION_BUCKETS 4096

struct ft_decision;
struct ft_waiter;

/* Decisions in the order they came to be in the list. */
struct ft_decision_list {
    struct ft_decision *first, *last;
};

struct ft_central {
    struct ft_env env;
    struct ft_central_config config;
    struct ft_inventory *inventory;
    struct ft_jobs *jobs;
    struct ft_subjects *subjects;
    struct ft_timers *timers;

    struct ft_decision_list active; /* decisions under way, or with something left to do */
    struct ft_decision_list held;   /* decisions in use */
    struct ft_decision *by_id[FT_DECISION_BUCKETS];
    size_t decisions_n;
    struct ft_waiter *waiters[FT_WAITER_BUCKETS]; /* by token */
    size_t waiters_n;

    uint64_t events_n;    /* entries of the log so far */
    uint64_t decision_id; /* last ones given */
    uint64_t probe_id;
    uint64_t acquire_id;
    bool work;            /* ft_central_work has something to do */
};

static inline int64_t ft_now_ns(struct ft_central *central)
{
    return central->env.now_ns(central->env.arg);
}

/* Answers a request; token 0: nobody waits. */
void ft_central_reply(struct ft_central *central, uint64_t token, const ftReply_t *reply);

/* Answers a request with a status, and for errors a reason and a hint (may be NULL). */
void ft_central_refuse(struct ft_central *central, uint64_t token, ftRetVal_t status,
                       const char *reason, const char *hint);

/* The status that says the same as an errno of core. */
ftRetVal_t ft_central_status(int error);

#endif
