/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * state.h - what the parts of the central state machine share. No one outside of core includes it.
 */
#ifndef FT_CORE_STATE_H
#define FT_CORE_STATE_H

#include "core/central.h"
#include "core/inventory.h"
#include "core/jobs.h"
#include "core/match.h"
#include "core/planted.h"
#include "core/subject.h"
#include "core/tidings.h"
#include "core/timers.h"

#define NS_PER_MS INT64_C(1000000)
#define FT_WAITER_BUCKETS 4096
#define FT_DECISION_BUCKETS 4096

struct ft_decision;
struct ft_waiter;
struct ft_waiting;
struct ft_spare;
struct ft_spare_ranks;

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
    struct ft_tidings *tidings;
    struct ft_spare_ranks *spares;
    struct ft_waiting *news_waiting; /* launchers that wait for one */
    struct ft_waiting *offer_waiting; /* launchers that wait for another node */

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
    int64_t lost_from_ns, lost_until_ns; /* the latest time with a loss not made good (suspect.c) */
    bool work;            /* ft_central_work has something to do */
};

static inline int64_t ft_now_ns(struct ft_central *central)
{
    return central->env.now_ns(central->env.arg);
}

/* The next number of a kind; last: the one before it, if core counts by itself. */
static inline uint64_t ft_central_number(struct ft_central *central, enum ft_number what,
                                         uint64_t last)
{
    return central->env.number != NULL ? central->env.number(central->env.arg, what) : last + 1;
}

/* Answers a request; token 0: nobody waits. */
void ft_central_reply(struct ft_central *central, uint64_t token, const ftReply_t *reply);

/* Answers a request with a status, and for errors a reason and a hint (may be NULL). */
void ft_central_refuse(struct ft_central *central, uint64_t token, ftRetVal_t status,
                       const char *reason, const char *hint);

/* Answers a request that could not even be kept: ENOMEM, ENOBUFS, EEXIST, EINVAL. */
void ft_central_refuse_errno(struct ft_central *central, uint64_t token, int error);

/* Answers FT_OK; event, decision: 0 if there is none. */
void ft_central_accept(struct ft_central *central, uint64_t token, uint64_t event,
                       uint64_t decision);

/* Writes an entry to the log; job and node may be NULL, rank -1. Returns its number. */
uint64_t ft_central_logf(struct ft_central *central, const char *name, const char *job, int rank,
                         const char *node, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* Does what decisions have left for each other; the last thing in every call from outside. */
void ft_central_work(struct ft_central *central);

#endif
