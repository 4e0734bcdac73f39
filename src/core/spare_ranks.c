/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spare_ranks.c - the warm spare ranks of jobs: which there are, how they are, whose place each took.
 *
 * A job that was started with spares has N ranks that work and S more, the last ones, that wait in
 * MPI_Init. Each of those asks (ftSpareHere) and is answered when it is given a rank, or when there
 * is nothing left to wait for:
 *
 *     spare_here   a spare waits; one that was given a rank already is told so again
 *     rank_done    a rank of the world is at its end (in MPI_Finalize); when all of them are there
 *                  or gone, the spares that are left are told to end
 *     place_of     which process is in a rank's place, or whose place a process has taken
 *
 * A spare belongs to its job for good: found by rank, given a rank at most once, never again after
 * its process has ended. Its node is probed when it first asks and then now and then, so that a
 * decision (recovery.c, which chooses among them) needs no probe. A spare whose request was lost
 * with a connection is away; it asks again. For a while it is a candidate all the same, for what it
 * is told it hears when it comes back.
 *
 * One that was given a rank says so (it asks once more) before its program begins. Who has messages for
 * that rank trusts the decision, and would wait for ever for a process that never begins, because it
 * is stopped, or hangs. So one that is not heard of in time is ended, by its node's unit; that is a
 * death like any other, and the next spare is given. It is not ended where it may have been heard of:
 * if its unit was away meanwhile, or another central unit led.
 *
 * Who is whose is in the subject (its latest name is the spare's) and in the decision (its stand-in
 * is the spare). Both, and what is here, are kept before anyone is told (kept.c).
 */
#include "core/spare_ranks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "core/central.h"
#include "core/decision.h"
#include "core/kept.h"

#define ORDERS_MAX 3 /* to end a spare that does not begin */

struct ft_spare_job {
    char *name;
    int world_n;          /* ranks 0 to world_n - 1 are the world's */
    unsigned char *done;  /* by rank: 1 if it is at its end */
    int done_size;
    int done_n;
    bool over;            /* all of the world is at its end, or gone */
    struct ft_spare *first;
    struct ft_spare_job *next;
};

struct ft_spare_ranks {
    struct ft_spare_job *first;
};

/* ---------------------------------------------------------------- the table */

struct ft_spare_ranks *ft_spare_ranks_create(void)
{
    return calloc(1, sizeof(struct ft_spare_ranks));
}

static void destroy_job(struct ft_central *central, struct ft_spare_job *job)
{
    while (job->first != NULL) {
        struct ft_spare *spare = job->first;

        job->first = spare->next;
        while (spare->waiting.first != NULL)
            ft_waiter_destroy(central, spare->waiting.first);
        ft_timers_disarm(central->timers, &spare->timer);
        ft_timers_unreserve(central->timers);
        free(spare);
    }
    free(job->done);
    free(job->name);
    free(job);
}

void ft_spare_ranks_destroy(struct ft_central *central)
{
    struct ft_spare_ranks *spares = central->spares;

    if (spares == NULL)
        return;
    while (spares->first != NULL) {
        struct ft_spare_job *job = spares->first;

        spares->first = job->next;
        destroy_job(central, job);
    }
    free(spares);
    central->spares = NULL;
}

static struct ft_spare_job *find_job(const struct ft_central *central, const char *name)
{
    struct ft_spare_job *job = central->spares->first;

    while (job != NULL && strcmp(job->name, name) != 0)
        job = job->next;
    return job;
}

/* Finds or makes. NULL with errno ENOMEM, or EINVAL: it was said to have another world. */
static struct ft_spare_job *get_job(struct ft_central *central, const char *name, int world_n)
{
    struct ft_spare_job *job = find_job(central, name);

    if (job != NULL) {
        errno = EINVAL;
        return job->world_n == world_n ? job : NULL;
    }
    job = calloc(1, sizeof *job);
    if (job == NULL || (job->name = strdup(name)) == NULL) {
        free(job);
        errno = ENOMEM;
        return NULL;
    }
    job->world_n = world_n;
    job->next = central->spares->first;
    central->spares->first = job;
    return job;
}

struct ft_spare *ft_spare_ranks_first(const struct ft_central *central, const char *name)
{
    const struct ft_spare_job *job = find_job(central, name);

    return job != NULL ? job->first : NULL;
}

struct ft_spare *ft_spare_ranks_find(const struct ft_central *central, const char *name, int rank)
{
    struct ft_spare *spare = ft_spare_ranks_first(central, name);

    while (spare != NULL && spare->rank != rank)
        spare = spare->next;
    return spare;
}

int ft_spare_world(const struct ft_spare *spare)
{
    return spare->job->world_n;
}

const char *ft_spare_job_name(const struct ft_spare *spare)
{
    return spare->job->name;
}

/* Makes one and hangs it in by its rank. NULL with errno ENOMEM or ENOBUFS. */
static struct ft_spare *add_spare(struct ft_central *central, struct ft_spare_job *job, int rank,
                                  int64_t pid, struct ft_node *node)
{
    struct ft_spare **link = &job->first, *spare;
    unsigned n = 0;

    while (*link != NULL && (*link)->rank < rank) {
        link = &(*link)->next;
        n++;
    }
    if (n >= FT_SPARE_RANKS_MAX) {
        errno = ENOBUFS;
        return NULL;
    }
    spare = calloc(1, sizeof *spare);
    if (spare == NULL || ft_timers_reserve(central->timers) < 0) {
        free(spare);
        errno = ENOMEM;
        return NULL;
    }
    spare->job = job;
    spare->rank = rank;
    spare->pid = pid;
    spare->node = node;
    spare->away_ns = ft_now_ns(central);
    spare->timer.kind = FT_TIMER_SPARE;
    spare->timer.owner = spare;
    spare->next = *link;
    *link = spare;
    return spare;
}

/* ---------------------------------------------------------------- how it is */

static struct ft_process *process_of(struct ft_central *central, const struct ft_spare *spare)
{
    return ft_jobs_process(central->jobs, spare->job->name, spare->rank);
}

bool ft_spare_is_free(struct ft_central *central, const struct ft_spare *spare, char *why,
                      size_t size)
{
    const struct ft_process *process = process_of(central, spare);
    bool is_lost = (spare->gone || (process != NULL && process->ended)) &&
                   !FT_PLANTED(FT_PLANT_SPARE_DEAD);

    if (spare->used)
        snprintf(why, size, "is in use");
    else if (is_lost)
        snprintf(why, size, "is lost");
    else if (spare->job->over)
        snprintf(why, size, "was told that the job is over");
    else if (spare->waiting.first == NULL &&
             ft_now_ns(central) - spare->away_ns > FT_SPARE_AWAY_MAX_NS)
        snprintf(why, size, "has not been heard for %d ms",
                 (int) ((ft_now_ns(central) - spare->away_ns) / NS_PER_MS));
    else if (spare->unfit)
        snprintf(why, size, "%s", spare->why);
    else
        return true;
    return false;
}

static void check_later(struct ft_central *central, struct ft_spare *spare)
{
    spare->probe = 0;
    if (spare->used || spare->gone)
        ft_timers_disarm(central->timers, &spare->timer);
    else
        ft_timers_arm(central->timers, &spare->timer,
                      ft_now_ns(central) + central->config.spare_check_ms * NS_PER_MS);
}

/* Notes how its node is, and says so if that has changed. */
static void judge(struct ft_central *central, struct ft_spare *spare, const char *why)
{
    bool was_unfit = spare->unfit, is_first = !spare->checked;

    spare->checked = true;
    spare->unfit = why != NULL;
    ft_text_copy(spare->why, sizeof spare->why, why != NULL ? why : "");
    if (spare->unfit && !was_unfit)
        ft_central_logf(central, "spare_unfit", spare->job->name, spare->rank, spare->node->name,
                        "spare rank %d of job %s cannot stand in for now: node %s %s", spare->rank,
                        spare->job->name, spare->node->name, why);
    else if (!spare->unfit && (was_unfit || is_first))
        ft_central_logf(central, "spare_fit", spare->job->name, spare->rank, spare->node->name,
                        "spare rank %d of job %s on node %s can stand in", spare->rank,
                        spare->job->name, spare->node->name);
    check_later(central, spare);
}

static void check(struct ft_central *central, struct ft_spare *spare)
{
    char why[160] = "", text[200];
    uint64_t probe = ft_central_number(central, FT_NUMBER_PROBE, central->probe_id);

    central->probe_id = probe;
    if (!spare->node->unit_up ||
        central->env.probe(central->env.arg, probe, spare->node->name,
                           central->config.probe_timeout_ms, why, sizeof why) < 0) {
        /* Its unit is on its way, or back soon: what was found last holds until then. */
        snprintf(text, sizeof text, "could not be probed: %.150s",
                 why[0] != '\0' ? why : "its unit is not connected");
        if (spare->checked)
            judge(central, spare, spare->node->unit_up ? text : NULL);
        else
            check_later(central, spare);
        return;
    }
    spare->probe = probe;
    ft_timers_arm(central->timers, &spare->timer,
                  ft_now_ns(central) + central->config.probe_timeout_ms * NS_PER_MS);
}

static void expect(struct ft_central *central, struct ft_spare *spare)
{
    spare->awaited = true;
    ft_timers_arm(central->timers, &spare->timer,
                  ft_now_ns(central) + central->config.spare_begin_ms * NS_PER_MS);
}

/* It was heard of, or that cannot be known. */
static void expect_no_more(struct ft_central *central, struct ft_spare *spare)
{
    if (!spare->awaited)
        return;
    spare->awaited = false;
    ft_timers_disarm(central->timers, &spare->timer);
}

/* It was given a rank, and does not begin. */
static void end_overdue(struct ft_central *central, struct ft_spare *spare)
{
    const struct ft_decision *decision = ft_decision_find(central, spare->decision);
    char why[160] = "it was told so several times";

    spare->awaited = false;
    if (spare->gone || spare->job->over || decision == NULL ||
        FT_PLANTED(FT_PLANT_SPARE_NO_DEADLINE))
        return;
    if (spare->orders_n++ < ORDERS_MAX &&
        central->env.end_rank(central->env.arg, spare->node->name, spare->job->name, spare->rank,
                              why, sizeof why) == 0) {
        why[0] = '\0';
        expect(central, spare);
    }
    ft_central_logf(central, "spare_overdue", spare->job->name, spare->rank, spare->node->name,
                    "spare rank %d of job %s on node %s, which was given the place of %s, has not "
                    "begun within %u ms: it %s%s", spare->rank, spare->job->name, spare->node->name,
                    decision->subject->text, central->config.spare_begin_ms,
                    why[0] != '\0' ? "cannot be ended: " : "is ended", why);
}

void ft_spare_ranks_unit_down(struct ft_central *central, const struct ft_node *node)
{
    for (struct ft_spare_job *job = central->spares->first; job != NULL; job = job->next) {
        for (struct ft_spare *spare = job->first; spare != NULL; spare = spare->next) {
            if (spare->node == node)
                expect_no_more(central, spare);
        }
    }
}

void ft_spare_expire(struct ft_central *central, struct ft_spare *spare)
{
    ft_timers_disarm(central->timers, &spare->timer);
    if (spare->awaited) {
        end_overdue(central, spare);
        return;
    }
    if (spare->used || spare->gone || spare->job->over) {
        spare->probe = 0;
        return;
    }
    if (spare->probe == 0)
        check(central, spare);
    else
        judge(central, spare, "did not answer the probe in time");
}

struct ft_node *ft_spare_ranks_probed(struct ft_central *central, uint64_t probe,
                                      const struct ft_measured *measured)
{
    struct ft_spare_job *job = central->spares->first;
    struct ft_spare *spare = NULL;
    struct ft_demand any = {0};
    char why[180];
    bool fits;

    for (; job != NULL && spare == NULL; job = job->next) {
        spare = job->first;
        while (spare != NULL && spare->probe != probe)
            spare = spare->next;
    }
    if (spare == NULL)
        return NULL;
    fits = ft_match_measured(&any, measured, NULL, &central->env, why, sizeof why);
    judge(central, spare, fits ? NULL : why);
    return spare->node;
}

/* ---------------------------------------------------------------- given a rank */

int ft_spare_occupy(struct ft_spare *spare, struct ft_decision *decision)
{
    struct ft_central *central = decision->central;
    struct ft_asker as = {.job = spare->job->name, .node = spare->node->name, .rank = spare->rank,
                          .pid = spare->pid};
    /* It may be known as itself already, if someone asked about it. */
    struct ft_subject *itself = ft_subjects_of_rank(central->subjects, spare->job->name,
                                                    spare->rank);
    struct ft_kept_asker standin;
    char *port;

    if (itself != NULL && (itself->pending != NULL || itself->epoch > 0)) {
        errno = EBUSY;
        return -1;
    }
    port = strdup("");
    if (port == NULL || ft_asker_keep(&standin, &as) < 0) {
        free(port);
        errno = ENOMEM;
        return -1;
    }
    if (itself != NULL) {
        ft_keep_no_subject(central, itself);
        ft_subjects_forget(central->subjects, itself);
    }
    if (ft_subject_occupy(central->subjects, decision->subject, spare->job->name, spare->rank,
                          spare->node) < 0) {
        int error = errno;

        free(port);
        ft_asker_drop(&standin);
        errno = error;
        return -1;
    }
    ft_asker_drop(&decision->standin);
    decision->standin = standin;
    free(decision->port);
    decision->port = port;
    spare->used = true;
    spare->decision = decision->id;
    ft_timers_disarm(central->timers, &spare->timer);
    spare->probe = 0;
    return 0;
}

/* What a spare is told: whose place it takes. */
static void fill_wake(struct ft_decision *decision, int64_t arrived_ns, ftReply_t *reply)
{
    ft_decision_answer(decision, arrived_ns, reply);
    memset(&reply->steps, 0, sizeof reply->steps); /* of an asker */
}

void ft_spare_wake(struct ft_spare *spare, struct ft_decision *decision)
{
    struct ft_central *central = decision->central;
    ftReply_t reply;

    ft_keep_spare(central, spare);
    ft_central_logf(central, "spare_woken", spare->job->name, spare->rank, spare->node->name,
                    "spare rank %d of job %s on node %s takes the place of %s%s", spare->rank,
                    spare->job->name, spare->node->name, decision->subject->text,
                    spare->waiting.first != NULL ? "" : "; it is away, and hears of it when it "
                                                        "asks again");
    if (central->env.end_rank != NULL && spare->node->unit_up)
        expect(central, spare);
    if (spare->waiting.first == NULL)
        return;
    fill_wake(decision, spare->waiting.first->arrived_ns, &reply);
    ft_waiter_answer(central, spare->waiting.first, &reply);
}

/* ---------------------------------------------------------------- the end */

/* What a spare is told that nobody needs: also whether anyone has come to the end. */
static void fill_end(const struct ft_spare_job *job, const char *why, ftReply_t *reply)
{
    memset(reply, 0, sizeof *reply);
    reply->status = FT_ERR_NONE;
    reply->epoch = job->done_n > 0;
    ft_text_copy(reply->reason, sizeof reply->reason, why);
    ft_text_copy(reply->hint, sizeof reply->hint, "end: this process is not needed");
}

static void dismiss(struct ft_central *central, struct ft_spare *spare, const char *why)
{
    ftReply_t reply;

    fill_end(spare->job, why, &reply);
    spare->away_ns = ft_now_ns(central);
    while (spare->waiting.first != NULL)
        ft_waiter_answer(central, spare->waiting.first, &reply);
}

/* Tells all that still wait. */
static void end_all(struct ft_central *central, struct ft_spare_job *job, const char *why)
{
    unsigned n = 0;

    if (job->over)
        return;
    job->over = true;
    for (struct ft_spare *spare = job->first; spare != NULL; spare = spare->next) {
        ft_timers_disarm(central->timers, &spare->timer);
        spare->awaited = false;
        spare->probe = 0;
        n += !spare->used && !spare->gone;
    }
    if (job->first != NULL)
        ft_central_logf(central, "spares_dismissed", job->name, -1, NULL,
                        "%s: %u spare ranks of job %s that were not needed end", why, n, job->name);
    for (struct ft_spare *spare = job->first; spare != NULL; spare = spare->next)
        dismiss(central, spare, why);
}

static bool is_done(const struct ft_spare_job *job, int rank)
{
    return rank < job->done_size && job->done[rank];
}

/* Whether a process that works is at its end, or gone. */
static bool is_through(const struct ft_spare_job *job, const struct ft_process *process)
{
    return process->ended || is_done(job, process->rank);
}

/* Whether all that work (the ranks of the first hour, spares that were given one) are through, and
 * nobody waits for a replacement: what is known of the job is complete then, as its launcher told
 * of all its processes at once. */
static bool is_over(struct ft_central *central, const struct ft_spare_job *job,
                    const struct ft_job *known)
{
    const struct ft_spare *spare = job->first;
    const struct ft_subject *subject;

    if (known->ranks_n < job->world_n)
        return false;
    for (int rank = 0; rank < job->world_n; rank++) {
        if (known->ranks[rank] == NULL || !is_through(job, known->ranks[rank]))
            return false;
    }
    for (; spare != NULL; spare = spare->next) {
        const struct ft_process *process = process_of(central, spare);

        if (spare->used && !spare->gone && (process == NULL || !is_through(job, process)))
            return false;
    }
    for (subject = ft_subjects_first(central->subjects); subject != NULL; subject = subject->next) {
        if (subject->pending != NULL && subject->resource.kind == FT_RANK &&
            strcmp(subject->resource.job, job->name) == 0)
            return false;
    }
    return true;
}

static void look_for_end(struct ft_central *central, struct ft_spare_job *job)
{
    const struct ft_job *known = ft_jobs_find(central->jobs, job->name);

    if (job->over || known == NULL)
        return;
    if (known->ended)
        end_all(central, job, "the job has ended");
    /* Most calls end here: no need to look at each rank. */
    else if (job->done_n + known->ranks_n - (int) known->live_n >= job->world_n &&
             is_over(central, job, known))
        end_all(central, job, "all ranks of the world are at their end, or gone");
}

static int mark_done(struct ft_spare_job *job, int rank)
{
    if (rank >= job->done_size) {
        int size = rank + 1 > job->world_n ? rank + 64 : job->world_n;
        unsigned char *done = realloc(job->done, (size_t) size);

        if (done == NULL) {
            errno = ENOMEM;
            return -1;
        }
        memset(done + job->done_size, 0, (size_t) (size - job->done_size));
        job->done = done;
        job->done_size = size;
    }
    job->done_n += !job->done[rank];
    job->done[rank] = 1;
    return 0;
}

/* ---------------------------------------------------------------- requests */

static bool is_rank(const struct ft_asker *asker, int world_n)
{
    return asker->job != NULL && asker->job[0] != '\0' && asker->rank >= 0 &&
           asker->rank <= FT_RANK_MAX && world_n > 0 && world_n <= FT_RANK_MAX;
}

/* A spare that was given a rank asks (again): it is told, or that something else has that rank. */
static void tell_again(struct ft_central *central, uint64_t token, struct ft_spare *spare)
{
    struct ft_decision *decision = ft_decision_find(central, spare->decision);
    ftReply_t reply;

    if (decision == NULL || decision->state != FT_RUNNING ||
        decision->standin.rank != spare->rank) {
        ft_central_refuse(central, token, FT_ERR_UNFIT,
                          "the rank that this spare was given has another process by now",
                          "end: this process is not needed");
        return;
    }
    fill_wake(decision, ft_now_ns(central), &reply);
    ft_central_reply(central, token, &reply);
}

static void wait_here(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                      struct ft_spare *spare, ftTimeout_t timeout_ms)
{
    struct ft_waiter *waiter =
        ft_waiter_create(central, token, FT_WAIT_SPARE, asker, timeout_ms);
    ftReply_t reply = {.status = FT_ERR_TIMEOUT, .reason = "this spare asked anew"};

    if (waiter == NULL) {
        ft_central_refuse_errno(central, token, errno);
        return;
    }
    while (spare->waiting.first != NULL)
        ft_waiter_answer(central, spare->waiting.first, &reply);
    waiter->spare = spare;
    ft_waiter_join_queue(waiter, &spare->waiting);
}

/* The spare that asks, made known if it is new. NULL: answered. */
static struct ft_spare *asking(struct ft_central *central, uint64_t token,
                               const struct ft_asker *asker, int world_n)
{
    struct ft_node *node = ft_inventory_get(central->inventory, asker->node);
    struct ft_spare_job *job = node != NULL ? get_job(central, asker->job, world_n) : NULL;
    struct ft_spare *spare =
        job != NULL ? ft_spare_ranks_find(central, asker->job, asker->rank) : NULL;

    if (spare != NULL)
        return spare;
    if (job != NULL)
        spare = add_spare(central, job, asker->rank, asker->pid, node);
    if (spare == NULL) {
        ft_central_refuse_errno(central, token, errno);
        return NULL;
    }
    ft_keep_spare(central, spare);
    ft_central_logf(central, "spare_waits", asker->job, asker->rank, node->name,
                    "rank %d of job %s on node %s waits as a spare of the world's %d ranks",
                    asker->rank, asker->job, node->name, world_n);
    check(central, spare);
    return spare;
}

void ft_central_spare_here(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                           int world_n, ftTimeout_t timeout_ms)
{
    struct ft_spare *spare;
    const struct ft_process *process;
    ftReply_t over;

    if (token == 0)
        return;
    if (!is_rank(asker, world_n) || asker->rank < world_n) {
        ft_central_refuse(central, token, FT_ERR_ARG,
                          "only a rank beyond the world's can be a spare", NULL);
        return;
    }
    spare = asking(central, token, asker, world_n);
    if (spare == NULL)
        return;
    process = process_of(central, spare);
    look_for_end(central, spare->job);
    if (spare->gone || (process != NULL && process->ended))
        ft_central_refuse(central, token, FT_ERR_UNFIT, "the launcher holds this process for dead",
                          "end: this process is not needed");
    else if (spare->used) {
        expect_no_more(central, spare);
        tell_again(central, token, spare);
    } else if (spare->job->over) {
        fill_end(spare->job, "the job is over", &over);
        ft_central_reply(central, token, &over);
    } else
        wait_here(central, token, asker, spare, timeout_ms);
    ft_central_work(central);
}

void ft_central_rank_done(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                          int world_n)
{
    ftReply_t reply = {.status = FT_OK};
    struct ft_spare_job *job;
    struct ft_spare *spare;
    bool was_done;

    if (!is_rank(asker, world_n)) {
        ft_central_refuse_errno(central, token, EINVAL);
        return;
    }
    job = get_job(central, asker->job, world_n);
    was_done = job != NULL && is_done(job, asker->rank);
    if (job == NULL || mark_done(job, asker->rank) < 0) {
        ft_central_refuse_errno(central, token, errno);
        return;
    }
    if (!was_done)
        ft_keep_done(central, job->name, asker->rank, job->world_n);
    spare = ft_spare_ranks_find(central, job->name, asker->rank);
    if (spare != NULL)
        expect_no_more(central, spare);
    look_for_end(central, job);
    reply.epoch = job->over;
    ft_central_reply(central, token, &reply);
    ft_central_work(central);
}

void ft_central_place_of(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                         const ftResource_t *resource)
{
    ftReply_t reply = {.status = FT_OK, .resource = *resource};
    const struct ft_subject *subject;
    const struct ft_spare *spare;
    ftResource_t *found = &reply.resource;

    if (resource->error != FT_OK || resource->kind != FT_RANK || resource->number < 0 ||
        resource->number > FT_RANK_MAX) {
        ft_central_refuse_errno(central, token, EINVAL);
        return;
    }
    if (found->job[0] == '\0')
        ft_text_copy(found->job, sizeof found->job, asker->job);
    reply.reach = FT_REACH_RANK;
    reply.reach_rank = (int) found->number;
    spare = ft_spare_ranks_find(central, found->job, (int) found->number);
    subject = ft_subjects_of_name(central->subjects, found->job, (int) found->number);
    if (spare != NULL && !spare->used) {
        ft_central_refuse(central, token, FT_ERR_NONE, "it is a spare that nobody has needed",
                          NULL);
        return;
    }
    if (subject != NULL && subject->current != NULL &&
        subject->current->state == FT_RUNNING &&
        subject->current->candidate_rung == FT_BY_SPARE_RANK) {
        reply.reach_rank = subject->current->standin.rank;
        reply.decision = subject->current->id;
    }
    if (subject != NULL) {
        reply.resource = subject->resource;
        reply.epoch = subject->epoch;
    }
    ft_central_reply(central, token, &reply);
}

/* ---------------------------------------------------------------- what happens to them */

void ft_spare_ranks_abandoned(struct ft_central *central, const struct ft_waiter *waiter)
{
    if (waiter->spare != NULL)
        waiter->spare->away_ns = ft_now_ns(central);
}

void ft_spare_ranks_process_ended(struct ft_central *central, const struct ft_process *process)
{
    struct ft_spare_job *job = find_job(central, process->job->name);
    struct ft_spare *spare =
        job != NULL ? ft_spare_ranks_find(central, job->name, process->rank) : NULL;
    ftReply_t reply = {.status = FT_ERR_UNFIT, .reason = "the launcher holds this process for dead"};

    if (job == NULL)
        return;
    if (spare != NULL && !spare->gone) {
        spare->gone = true;
        spare->awaited = false;
        spare->probe = 0;
        ft_timers_disarm(central->timers, &spare->timer);
        if (!spare->used && !job->over)
            ft_central_logf(central, "spare_lost", job->name, spare->rank, spare->node->name,
                            "spare rank %d of job %s on node %s is lost before anyone needed it",
                            spare->rank, job->name, spare->node->name);
        while (spare->waiting.first != NULL)
            ft_waiter_answer(central, spare->waiting.first, &reply);
    }
    look_for_end(central, job);
}

void ft_spare_ranks_job_ended(struct ft_central *central, const struct ft_job *ended)
{
    struct ft_spare_job *job = find_job(central, ended->name);

    if (job != NULL)
        end_all(central, job, "the job has ended");
}

void ft_spare_ranks_forget(struct ft_central *central, const char *name)
{
    struct ft_spare_job **link = &central->spares->first;

    while (*link != NULL && strcmp((*link)->name, name) != 0)
        link = &(*link)->next;
    if (*link != NULL) {
        struct ft_spare_job *job = *link;

        *link = job->next;
        destroy_job(central, job);
    }
}

/* ---------------------------------------------------------------- what was kept */

int ft_spare_ranks_restore(struct ft_central *central, const char *name, int rank, int64_t pid,
                           struct ft_node *node, int world_n, bool used, uint64_t decision)
{
    struct ft_spare_job *job = get_job(central, name, world_n);
    struct ft_spare *spare = job != NULL ? ft_spare_ranks_find(central, name, rank) : NULL;

    if (job == NULL)
        return -1;
    if (spare == NULL)
        spare = add_spare(central, job, rank, pid, node);
    if (spare == NULL)
        return -1;
    spare->used = used;
    spare->decision = decision;
    if (!used)
        ft_timers_arm(central->timers, &spare->timer, ft_now_ns(central));
    return 0;
}

int ft_spare_ranks_restore_done(struct ft_central *central, const char *name, int rank, int world_n)
{
    struct ft_spare_job *job = get_job(central, name, world_n);

    return job != NULL ? mark_done(job, rank) : -1;
}

void ft_spare_ranks_revive(struct ft_decision *decision)
{
    struct ft_spare *spare = ft_spare_ranks_find(decision->central, decision->standin.job,
                                                 decision->standin.rank);

    decision->spare = spare;
    if (spare == NULL)
        return;
    spare->used = true;
    spare->decision = decision->id;
    ft_timers_disarm(decision->central->timers, &spare->timer);
}
