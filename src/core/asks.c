/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * asks.c - what ranks say and ask: an error that was met, an alternative that is wanted.
 *
 * Both name a resource, which becomes a subject (subject.c). An error is written down once and then
 * counted: a publisher in a loop can report the same thing a million times. For an alternative
 * there are three cases:
 *   - it is decided, and the decision holds for this asker's constraint: answered at once
 *   - a decision is under way: the asker waits for it, whatever its own constraint is; when it
 * comes,
 *     those whom it does not satisfy get one of their own (decision.c)
 *   - neither: a decision is made
 */
#include "core/central.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "core/decision.h"
#include "core/kept.h"
#include "core/state.h"
#include "core/waiter.h"

#define REPORT_WINDOW_NS (60 * 1000 * NS_PER_MS) /* reports this close together are one */

/* ---------------------------------------------------------------- reporting an error */

static struct ft_subject *get_subject(struct ft_central *central, const ftResource_t *resource,
                                      const struct ft_asker *asker)
{
    struct ft_subject *subject =
        ft_subjects_get(central->subjects, resource, asker->job, asker->node);
    struct ft_subject *idle;

    if (subject != NULL || errno != ENOBUFS)
        return subject;
    idle = ft_subjects_oldest_idle(central->subjects);
    errno = ENOBUFS;
    if (idle == NULL)
        return NULL;
    ft_keep_no_subject(central, idle);
    ft_subjects_forget(central->subjects, idle);
    return ft_subjects_get(central->subjects, resource, asker->job, asker->node);
}

static const char *usage_text(ftUsage_t usage)
{
    static const char *const texts[FT_USAGES] = {
        [FT_SEND] = "send", [FT_RECEIVE] = "receive", [FT_READ] = "read",
        [FT_WRITE] = "write", [FT_COMPUTE] = "compute", [FT_RELEASE] = "release"};

    return usage >= FT_SEND && usage <= FT_RELEASE ? texts[usage] : NULL;
}

static uint64_t log_error(struct ft_central *central, const char *name,
                          const struct ft_subject *subject, const struct ft_asker *asker,
                          ftUsage_t usage, uint64_t count)
{
    const ftResource_t *resource = &subject->resource;
    bool is_rank = resource->kind == FT_RANK;
    char text[2 * FT_TEXT_MAX];
    struct ft_event event = {
        .name = name,
        .job = is_rank ? resource->job : NULL,
        .rank = is_rank ? (int) resource->number : -1,
        .node = subject->place != NULL ? subject->place->name : NULL,
        .fields = {{.key = "resource", .text = subject->text},
                   {.key = "usage", .text = usage_text(usage)},
                   {.key = "count", .number = (double) count},
                   {.key = "asker_job", .text = asker->job},
                   {.key = "asker_rank", .number = asker->rank},
                   {.key = "asker_node", .text = asker->node}},
        .text = text,
    };

    snprintf(text, sizeof text, "rank %d of job %.200s on node %.200s could not %s %s %.300s%s",
             asker->rank, asker->job, asker->node, usage_text(usage),
             usage == FT_RECEIVE || usage == FT_READ ? "from" : usage == FT_COMPUTE ? "on" : "to",
             subject->text, count > 1 ? ", again and again" : "");
    return ft_central_log(central, &event);
}

/* 10, 100, 1000, ...: when a count has grown enough to be written down again. */
static bool passes_power_of_ten(uint64_t before, uint64_t after)
{
    for (uint64_t power = 10; power <= after && power < UINT64_MAX / 10; power *= 10) {
        if (before < power)
            return true;
    }
    return false;
}

/* Whether an error is about what is in the subject's place now. A spare rank keeps its own rank in
 * the job: the name that was used tells it from the one before, whose death is told by everybody who
 * hears of it, also after the spare has taken over. */
static bool is_about_present(const struct ft_subject *subject, const ftResource_t *named,
                             const struct ft_asker *asker)
{
    const struct ft_decision *current = subject->current;
    const char *job = named->job[0] != '\0' ? named->job : asker->job;

    if (current == NULL || current->candidate_rung != FT_BY_SPARE_RANK || named->kind != FT_RANK)
        return true;
    return current->standin.rank == named->number && strcmp(current->standin.job, job) == 0;
}

void ft_central_report_error(struct ft_central *central, uint64_t token,
                             const struct ft_asker *asker, const ftResource_t *resource,
                             ftUsage_t usage, uint32_t count)
{
    struct ft_subject *subject;
    struct ft_reported *reported;
    int64_t now_ns = ft_now_ns(central);
    uint64_t before;

    if (usage_text(usage) == NULL) {
        ft_central_refuse_errno(central, token, EINVAL);
        return;
    }
    subject = get_subject(central, resource, asker);
    if (subject == NULL) {
        ft_central_refuse_errno(central, token, errno);
        return;
    }
    ft_subject_locate(central->subjects, subject);
    reported = &subject->reported[usage];
    if (count == 0)
        count = 1;
    before = reported->count;
    if (reported->event == 0 || reported->epoch != subject->epoch ||
        now_ns - reported->last_ns > REPORT_WINDOW_NS) {
        reported->count = count;
        reported->epoch = subject->epoch;
        reported->event = log_error(central, "error_reported", subject, asker, usage, count);
        ft_keep_subject(central, subject);
    } else {
        reported->count += count;
        if (passes_power_of_ten(before, reported->count)) {
            log_error(central, "error_repeated", subject, asker, usage, reported->count);
            ft_keep_subject(central, subject);
        }
    }
    reported->last_ns = now_ns;
    if (is_about_present(subject, resource, asker))
        subject->doubted_ns = now_ns;
    ft_central_accept(central, token, reported->event, 0);
}

/* ---------------------------------------------------------------- asking for an alternative */

static void log_asked(struct ft_central *central, const struct ft_subject *subject,
                      const struct ft_asker *asker)
{
    const ftResource_t *resource = &subject->resource;
    bool is_rank = resource->kind == FT_RANK;
    char text[2 * FT_TEXT_MAX];
    struct ft_event event = {
        .name = "alternative_asked",
        .job = is_rank ? resource->job : NULL,
        .rank = is_rank ? (int) resource->number : -1,
        .node = subject->place != NULL ? subject->place->name : NULL,
        .fields = {{.key = "resource", .text = subject->text},
                   {.key = "asker_job", .text = asker->job},
                   {.key = "asker_rank", .number = asker->rank},
                   {.key = "asker_node", .text = asker->node}},
        .text = text,
    };

    snprintf(text, sizeof text,
             "rank %d of job %.200s on node %.200s asks what to use instead of %.300s", asker->rank,
             asker->job, asker->node, subject->text);
    ft_central_log(central, &event);
}

/* The node that near and far are measured from. */
static int resolve_from(struct ft_central *central, struct ft_demand *demand,
                        const ftConstraint_t *constraint, const struct ft_asker *asker)
{
    const ftResource_t *from = &constraint->from;
    const char *name = from->node;
    struct ft_subject *subject;
    struct ft_process *process;

    if (demand->distance == 0 || from->kind == 0)
        return 0;
    if (from->kind == FT_RANK) {
        subject = ft_subjects_find(central->subjects, from, asker->job, asker->node);
        process = ft_jobs_process(central->jobs, from->job[0] != '\0' ? from->job : asker->job,
                                  (int) from->number);
        if (subject != NULL && subject->place != NULL)
            name = subject->place->name;
        else
            name = process != NULL ? process->node->name : "";
    }
    if (name[0] == '\0' || ft_inventory_find(central->inventory, name) == NULL)
        return 0;
    demand->from = strdup(name);
    if (demand->from != NULL)
        return 0;
    errno = ENOMEM;
    return -1;
}

/* Has a waiter (which may be NULL: nobody waits) wait for a subject's decision, a new one if none
 * is under way. Returns 0, or -1 with errno and nothing changed. */
static int wait_for_decision(struct ft_central *central, struct ft_subject *subject,
                             struct ft_demand *demand, struct ft_waiter *waiter)
{
    struct ft_decision *decision = subject->pending;
    struct ft_demand copy;

    if (waiter != NULL && ft_demand_copy(&waiter->demand, demand) < 0)
        return -1;
    if (decision != NULL) {
        if (waiter != NULL)
            ft_waiter_join(waiter, decision);
        return 0;
    }
    if (ft_demand_copy(&copy, demand) < 0)
        return -1;
    decision = ft_decision_create(central, subject, &copy);
    if (decision == NULL) {
        int error = errno;

        ft_demand_clear(&copy);
        errno = error;
        return -1;
    }
    if (waiter != NULL)
        ft_waiter_join(waiter, decision);
    ft_decision_begin(decision);
    return 0;
}

/* The decision that is the answer already, NULL if there is none. */
static struct ft_decision *decided(struct ft_subject *subject, const struct ft_demand *demand)
{
    struct ft_decision *current = subject->current;

    if (current == NULL || FT_PLANTED(FT_PLANT_NEW_ANSWER))
        return NULL;
    return ft_decision_holds_for(current, demand) ? current : NULL;
}

/* Until when news may come that the stand-in, which runs, is lost: an error with it was reported
 * after it began to run, and the launcher hears of a death a little later than the peers. 0: none
 * is to be waited for. */
static int64_t news_until_ns(const struct ft_central *central, const struct ft_subject *subject,
                             const struct ft_decision *current)
{
    if (current->state != FT_RUNNING || subject->doubted_ns <= current->ran_ns)
        return 0;
    return subject->doubted_ns + central->config.settle_ms * NS_PER_MS;
}

/* Has a waiter wait for such news. Returns 0, or -1 with errno and nothing changed. */
static int wait_for_news(struct ft_decision *current, int64_t until_ns,
                         const struct ft_demand *demand, struct ft_waiter *waiter)
{
    if (ft_demand_copy(&waiter->demand, demand) < 0)
        return -1;
    ft_waiter_join(waiter, current);
    ft_decision_await_news(current, until_ns);
    return 0;
}

static void repeat(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                   struct ft_decision *current)
{
    ftReply_t reply;

    ft_decision_log(current, "decision_repeated", current->candidate,
                    "the answer to rank %d of job %s is what was decided already: node %s",
                    asker->rank, asker->job, current->candidate->name);
    ft_decision_answer(current, ft_now_ns(central), &reply);
    ft_central_reply(central, token, &reply);
}

static void ask(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                struct ft_subject *subject, struct ft_demand *demand, ftTimeout_t timeout_ms)
{
    struct ft_decision *current = decided(subject, demand);
    int64_t until_ns = current != NULL ? news_until_ns(central, subject, current) : 0;
    struct ft_waiter *waiter = NULL;
    int result;

    if (current != NULL && (token == 0 || until_ns <= ft_now_ns(central))) {
        repeat(central, token, asker, current);
        return;
    }
    if (token != 0) {
        waiter = ft_waiter_create(central, token, FT_WAIT_ALTERNATIVE, asker, timeout_ms);
        if (waiter == NULL) {
            ft_central_refuse_errno(central, token, errno);
            return;
        }
    }
    result = current != NULL ? wait_for_news(current, until_ns, demand, waiter)
                             : wait_for_decision(central, subject, demand, waiter);
    if (result < 0) {
        int error = errno;

        if (waiter != NULL)
            ft_waiter_destroy(central, waiter);
        ft_central_refuse_errno(central, token, error);
    }
}

void ft_central_find_alternative(struct ft_central *central, uint64_t token,
                                 const struct ft_asker *asker, const ftResource_t *resource,
                                 const ftConstraint_t *constraint, ftTimeout_t timeout_ms)
{
    struct ft_demand demand;
    struct ft_subject *subject;

    if (ft_demand_make(&demand, constraint) < 0) {
        ft_central_refuse_errno(central, token, errno);
        return;
    }
    subject = get_subject(central, resource, asker);
    if (subject == NULL || resolve_from(central, &demand, constraint, asker) < 0) {
        int error = errno;

        ft_demand_clear(&demand);
        ft_central_refuse_errno(central, token, error);
        return;
    }
    ft_subject_locate(central->subjects, subject);
    log_asked(central, subject, asker);
    ask(central, token, asker, subject, &demand, timeout_ms);
    ft_demand_clear(&demand);
    ft_central_work(central);
}

