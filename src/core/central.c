/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * central.c - the central state machine as a whole: made, driven by time, taken apart.
 *
 * The surface of central.h is in six files, by who speaks:
 *   asks.c      ranks report errors and ask for alternatives
 *   claims.c    processes that use a decision: claim it, start it, announce themselves, meet peers
 *   spare_ranks.c  warm spares, and ranks that are at their end
 *   launcher.c  jobs, processes and nodes, as the launcher sees them
 *   news.c      node units and the resource manager
 *   central.c   time, the log
 * Each function there is one thing that happened. It brings the inventory, the jobs and the
 * subjects up to date, writes the event log, feeds the decisions concerned, and ends in
 * ft_central_work, which does what decisions have left for each other:
 *   - the next decision for a lost node has its turn when the one before it is through
 *   - outcomes are delivered to those who wait
 *   - decisions that are over are forgotten
 *
 * Nothing in core does I/O or looks at a clock but through env; nothing waits. A call that runs out
 * of memory changes nothing and says so, to the asker or by its return value.
 */
#include "core/central.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "core/decision.h"
#include "core/spare_ranks.h"
#include "core/state.h"
#include "core/waiter.h"

#ifdef FT_PLANT_BUGS
enum ft_plant ft_planted;
#endif

const struct ft_central_config ft_central_defaults = {
    .share = false,
    .run_check = true,
    .settle_ms = 300,
    .probe_timeout_ms = 2000,
    .probe_fresh_ms = 1000,
    .probes_max = 8,
    .scratch_min_mb = 32,
    .unit_timeout_ms = 5000,
    .rms_timeout_ms = 10000,
    .when_none = {FT_NONE_WAIT},
    .start_timeout_ms = 30000,
    .unfit_ms = 60000,
    .spare_check_ms = 30000,
    .spare_begin_ms = 10000,
};

/* ---------------------------------------------------------------- making */

static bool is_in_range(const struct ft_central_config *config)
{
    return config->probes_max >= 1 && config->probes_max <= FT_PROBES_LIMIT &&
           config->probe_timeout_ms >= 1 && config->unit_timeout_ms >= 1 &&
           config->rms_timeout_ms >= 1 && config->when_none[0] != 0 &&
           config->start_timeout_ms >= 1 && config->spare_check_ms >= 1 &&
           config->spare_begin_ms >= 1;
}

struct ft_central *ft_central_create(const struct ft_env *env,
                                     const struct ft_central_config *config)
{
    struct ft_central *central;

    if (!is_in_range(config)) {
        errno = EINVAL;
        return NULL;
    }
    central = calloc(1, sizeof *central);
    if (central == NULL)
        return NULL;
    central->env = *env;
    central->config = *config;
    central->inventory = ft_inventory_create();
    central->timers = ft_timers_create();
    central->tidings = ft_tidings_create(config->term);
    central->spares = ft_spare_ranks_create();
    central->news_waiting = calloc(1, sizeof *central->news_waiting);
    central->offer_waiting = calloc(1, sizeof *central->offer_waiting);
    if (central->inventory != NULL)
        central->jobs = ft_jobs_create(central->inventory);
    if (central->jobs != NULL)
        central->subjects = ft_subjects_create(central->inventory, central->jobs);
    if (central->subjects == NULL || central->timers == NULL || central->tidings == NULL ||
        central->spares == NULL || central->news_waiting == NULL || central->offer_waiting == NULL) {
        ft_central_destroy(central);
        errno = ENOMEM;
        return NULL;
    }
    return central;
}

int ft_central_reconfigure(struct ft_central *central, const struct ft_central_config *config)
{
    char kept_under[sizeof central->config.kept_under];
    uint64_t session = central->config.session;

    if (!is_in_range(config)) {
        errno = EINVAL;
        return -1;
    }
    memcpy(kept_under, central->config.kept_under, sizeof kept_under);
    central->config = *config;
    memcpy(central->config.kept_under, kept_under, sizeof kept_under);
    central->config.session = session;
    return 0;
}

static void destroy_list(struct ft_central *central, struct ft_decision_list *list)
{
    while (list->first != NULL) {
        struct ft_decision *decision = list->first;

        for (int what = 0; what < FT_WAIT_KINDS; what++) {
            while (decision->waiting[what].first != NULL)
                ft_waiter_destroy(central, decision->waiting[what].first);
        }
        ft_decision_destroy(decision);
    }
}

void ft_central_destroy(struct ft_central *central)
{
    if (central == NULL)
        return;
    destroy_list(central, &central->active);
    destroy_list(central, &central->held);
    while (central->news_waiting != NULL && central->news_waiting->first != NULL)
        ft_waiter_destroy(central, central->news_waiting->first);
    free(central->news_waiting);
    while (central->offer_waiting != NULL && central->offer_waiting->first != NULL)
        ft_waiter_destroy(central, central->offer_waiting->first);
    free(central->offer_waiting);
    ft_spare_ranks_destroy(central);
    ft_tidings_destroy(central->tidings);
    ft_subjects_destroy(central->subjects);
    ft_jobs_destroy(central->jobs);
    ft_inventory_destroy(central->inventory);
    ft_timers_destroy(central->timers);
    free(central);
}

/* ---------------------------------------------------------------- the log, answers */

uint64_t ft_central_log(struct ft_central *central, struct ft_event *event)
{
    event->seq = central->events_n =
        ft_central_number(central, FT_NUMBER_EVENT, central->events_n);
    event->session = central->config.session;
    central->env.log(central->env.arg, event);
    return event->seq;
}

uint64_t ft_central_logf(struct ft_central *central, const char *name, const char *job, int rank,
                         const char *node, const char *format, ...)
{
    char text[2 * FT_TEXT_MAX];
    struct ft_event event = {.name = name, .job = job, .rank = rank, .node = node, .text = text};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return ft_central_log(central, &event);
}

void ft_central_reply(struct ft_central *central, uint64_t token, const ftReply_t *reply)
{
    if (token != 0)
        central->env.reply(central->env.arg, token, reply);
}

void ft_central_refuse(struct ft_central *central, uint64_t token, ftRetVal_t status,
                       const char *reason, const char *hint)
{
    ftReply_t reply = {.status = status};

    ft_text_copy(reply.reason, sizeof reply.reason, reason);
    ft_text_copy(reply.hint, sizeof reply.hint, hint);
    ft_central_reply(central, token, &reply);
}

void ft_central_accept(struct ft_central *central, uint64_t token, uint64_t event,
                       uint64_t decision)
{
    ftReply_t reply = {.status = FT_OK, .event = event, .decision = decision};

    ft_central_reply(central, token, &reply);
}

void ft_central_refuse_errno(struct ft_central *central, uint64_t token, int error)
{
    switch (error) {
    case ENOMEM:
        ft_central_refuse(central, token, FT_ERR_MEMORY, "the central unit is out of memory",
                          "try again; if it stays so, see what fills the node's memory");
        return;
    case ENOBUFS:
        ft_central_refuse(central, token, FT_ERR_BUSY, "the central unit has too much to do",
                          "try again when earlier requests are answered");
        return;
    case EEXIST:
        ft_central_refuse(central, token, FT_ERR_PROTOCOL,
                          "a request with this number waits already", NULL);
        return;
    default:
        ft_central_refuse(central, token, FT_ERR_ARG, "an argument is out of its range", NULL);
        return;
    }
}

/* ---------------------------------------------------------------- what decisions leave over */

static bool is_done(const struct ft_decision *decision)
{
    return decision->state == FT_OVER && !decision->outcome_due;
}

static void look_at(struct ft_decision *decision)
{
    if (decision->state == FT_FOLLOWING && decision->lost_node->leader == NULL)
        ft_decision_feed(decision, FT_IN_TURN, NULL);
    if (decision->outcome_due)
        ft_decision_deliver(decision);
    if (is_done(decision))
        ft_decision_destroy(decision);
}

/* Rounds end: each decision has its turn once, is delivered once, and what delivery begins anew has
 * at least one waiter less than what it came from. */
void ft_central_work(struct ft_central *central)
{
    while (central->work) {
        struct ft_decision *decision = central->active.first;

        central->work = false;
        while (decision != NULL) {
            struct ft_decision *next = decision->next;

            look_at(decision);
            decision = next;
        }
    }
}

/* ---------------------------------------------------------------- time, looking in */

int64_t ft_central_next_deadline_ns(const struct ft_central *central)
{
    const struct ft_timer *timer = ft_timers_first(central->timers);

    return timer != NULL ? timer->at_ns : INT64_MAX;
}

void ft_central_tick(struct ft_central *central)
{
    int64_t now_ns = ft_now_ns(central);
    struct ft_timer *timer;

    while ((timer = ft_timers_first(central->timers)) != NULL && timer->at_ns <= now_ns) {
        if (timer->kind == FT_TIMER_WAITER)
            ft_waiter_expire(central, timer->owner);
        else if (timer->kind == FT_TIMER_SPARE)
            ft_spare_expire(central, timer->owner);
        else
            ft_decision_expire(timer->owner);
        /* May set deadlines of its own, and even such as are over at once. */
        ft_central_work(central);
    }
}

bool ft_central_node_facts(const struct ft_central *central, const char *name,
                           struct ft_facts *facts)
{
    const struct ft_node *node = ft_inventory_find(central->inventory, name);

    if (node == NULL || !node->facts_known)
        return false;
    *facts = node->facts;
    return true;
}

bool ft_central_has_decision(const struct ft_central *central, uint64_t id)
{
    return ft_decision_find((struct ft_central *) central, id) != NULL;
}

struct ft_inventory *ft_central_inventory(struct ft_central *central)
{
    return central->inventory;
}

struct ft_jobs *ft_central_jobs(struct ft_central *central)
{
    return central->jobs;
}

size_t ft_central_waiting(const struct ft_central *central)
{
    return central->waiters_n;
}

size_t ft_central_decisions(const struct ft_central *central)
{
    return central->decisions_n;
}
