/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * launcher.c - what the launcher reports: jobs, processes that ended, nodes that came and went.
 *
 * Only the launcher is believed (asker->launcher; the server knows it by its process id). What it
 * says is what makes a resource lost: a unit whose connection broke is evidence, the launcher's
 * word is the declaration. One word of a unit's counts as much: that the kernel ends a process of
 * its node, where a spare rank waits for just that. Reports may come twice or too late: the end of something that has ended,
 * news from a daemon that has a successor. They are answered FT_OK and change nothing.
 *
 * A node's loss ends all that lived there, one process after the other, so that whoever waits for
 * one of them hears of it; then come the decisions that had the node as candidate or alternative.
 */
#include "core/central.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/claims.h"
#include "core/decision.h"
#include "core/kept.h"
#include "core/health.h"
#include "core/spare_ranks.h"
#include "core/state.h"
#include "core/suspect.h"

#define LAUNCHER_GONE_CODE 137 /* of jobs whose end nobody told */

static bool is_launcher(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                        const char *what)
{
    if (asker->launcher)
        return true;
    ft_central_logf(central, "report_denied", asker->job, asker->rank, asker->node,
                    "process %lld on node %s reported %s, which only the launcher may",
                    (long long) asker->pid, asker->node, what);
    ft_central_refuse(central, token, FT_ERR_DENIED, "only the launcher of the job may report this",
                      NULL);
    return false;
}

void ft_central_log_event(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                          const ftResource_t *about, const char *name, const char *text)
{
    bool is_rank = about->kind == FT_RANK;
    uint64_t event;

    if (!is_launcher(central, token, asker, "an event"))
        return;
    if (name[0] == '\0' || (!is_rank && about->kind != FT_NODE)) {
        ft_central_refuse_errno(central, token, EINVAL);
        return;
    }
    event = ft_central_logf(central, name, is_rank ? about->job : NULL,
                            is_rank ? (int) about->number : -1,
                            about->node[0] != '\0' ? about->node : NULL, "%s", text);
    ft_central_accept(central, token, event, 0);
}

static void locate_settling(struct ft_decision *decision, const void *arg)
{
    struct ft_subject *subject = decision->subject;
    char text[FT_TEXT_MAX];
    int64_t since_ns;

    (void) arg;
    if (decision->state != FT_SETTLING)
        return;
    ft_subject_locate(decision->central->subjects, subject);
    if (ft_subject_is_lost(subject, &since_ns, text, sizeof text))
        ft_decision_feed(decision, FT_IN_NEWS, NULL);
}

void ft_central_job_started(struct ft_central *central, uint64_t token,
                            const struct ft_asker *asker, const char *name, const char *parent,
                            const ftProcessInfo_t *processes, size_t n)
{
    struct ft_job *job;
    struct ft_job *surplus;
    unsigned live_n;
    uint64_t event;

    if (!is_launcher(central, token, asker, "a job"))
        return;
    job = ft_jobs_find(central->jobs, name);
    live_n = job != NULL ? job->live_n : 0;
    job = ft_jobs_start(central->jobs, name, parent, processes, n);
    if (job == NULL) {
        ft_central_refuse_errno(central, token, errno);
        return;
    }
    if (job->live_n > live_n || job->reports_n == 0)
        ft_keep_started(central, job, processes, n);
    event = ft_central_logf(central, "job_started", name, -1, NULL,
                            "job %s runs%s%s: %zu more processes, %u in all", name,
                            job->parent[0] != '\0' ? ", spawned by " : "", job->parent, n,
                            job->live_n);
    while ((surplus = ft_jobs_surplus(central->jobs)) != NULL) {
        ft_keep_no_job(central, surplus);
        ft_spare_ranks_forget(central, surplus->name);
        ft_jobs_forget(central->jobs, surplus);
    }
    ft_each_decision(central, locate_settling, NULL);
    ft_central_accept(central, token, event, 0);
    ft_central_work(central);
}

/* Tells whoever cares that a rank's process has ended. */
static void rank_ended(struct ft_central *central, struct ft_process *process, const char *how)
{
    struct ft_subject *subject =
        ft_subjects_of_rank(central->subjects, process->job->name, process->rank);
    struct ft_gone_starter gone = {.job = process->job->name, .rank = process->rank, .why = how};
    char why[FT_TEXT_MAX];

    ft_spare_ranks_process_ended(central, process);
    ft_claims_starter_gone(central, &gone);
    if (subject == NULL)
        return;
    ft_subject_end(subject, process->how, process->code, process->ended_ns);
    ft_keep_subject(central, subject);
    if (subject->current != NULL && subject->current->state == FT_RUNNING) {
        snprintf(why, sizeof why, "the stand-in %.300s", how);
        ft_decision_feed(subject->current, FT_IN_LOST, why);
    }
    if (subject->pending != NULL)
        locate_settling(subject->pending, NULL);
}

/* Returns the number of its event; 0: it had ended before. */
static uint64_t end_process(struct ft_central *central, struct ft_process *process, ftEnd_t how,
                            int code)
{
    const char *job = process->job->name, *node = process->node->name;
    char text[200];
    uint64_t event;

    if (!ft_jobs_end_process(central->jobs, process, how, code, ft_now_ns(central)))
        return 0;
    ft_keep_process_end(central, process);
    ft_jobs_end_text(how, code, text, sizeof text);
    event = ft_central_logf(central, "process_ended", job, process->rank, node,
                            "rank %d of job %s on node %s %s", process->rank, job, node, text);
    rank_ended(central, process, text);
    return event;
}

void ft_central_process_ended(struct ft_central *central, uint64_t token,
                              const struct ft_asker *asker, const char *job, int rank, ftEnd_t how,
                              int code)
{
    struct ft_process *process;
    uint64_t event;

    if (!is_launcher(central, token, asker, "the end of a process"))
        return;
    process = ft_jobs_process(central->jobs, job, rank);
    if (process == NULL || how < FT_ENDED_WELL || how > FT_ENDED_WITH_NODE) {
        ft_central_refuse(central, token, process == NULL ? FT_ERR_UNKNOWN : FT_ERR_ARG,
                          "the end of a process that the launcher has not reported", NULL);
        return;
    }
    event = end_process(central, process, how, code);
    ft_central_accept(central, token, event, 0);
    if (event != 0)
        ft_central_work(central);
}

static bool spare_waits(struct ft_central *central, const char *job)
{
    struct ft_spare *spare = ft_spare_ranks_first(central, job);
    char why[200];

    while (spare != NULL && !ft_spare_is_free(central, spare, why, sizeof why))
        spare = spare->next;
    return spare != NULL;
}

void ft_central_unit_process_ended(struct ft_central *central, const char *node, const char *job,
                                   int rank, int64_t pid, int signal)
{
    struct ft_process *process = ft_jobs_process(central->jobs, job, rank);

    if (process == NULL || pid <= 0 || process->pid != pid ||
        !ft_node_names_equal(process->node->name, node) || !spare_waits(central, job))
        return;
    if (end_process(central, process, FT_ENDED_SIGNAL, signal) != 0)
        ft_central_work(central);
}

struct node_gone {
    const struct ft_node *node;
    const char *why;
};

static void check_node(struct ft_decision *decision, const void *arg)
{
    const struct node_gone *gone = arg;
    const struct ft_node *candidate = decision->candidate;

    if (candidate == gone->node &&
        !(FT_PLANTED(FT_PLANT_GIVE_LOST) && decision->state == FT_PROBING))
        ft_decision_feed(decision, FT_IN_LOST, gone->why);
    else if (decision->state == FT_SETTLING && decision->subject->place == gone->node)
        ft_decision_feed(decision, FT_IN_NEWS, NULL);
}

/* All that lived on a node ended with it. */
static void end_all_on(struct ft_central *central, struct ft_node *node, const char *why)
{
    struct ft_gone_starter starter = {.node = node->name, .why = "its node is lost"};
    struct node_gone gone = {.node = node, .why = why};

    while (node->processes != NULL) {
        struct ft_process *process = node->processes;

        ft_jobs_end_process(central->jobs, process, FT_ENDED_WITH_NODE, 0, ft_now_ns(central));
        ft_keep_process_end(central, process);
        rank_ended(central, process, "was lost with its node");
    }
    ft_each_decision(central, check_node, &gone);
    ft_claims_starter_gone(central, &starter);
}

static uint64_t node_joined(struct ft_central *central, struct ft_node *node, int daemon)
{
    bool again = node->state == FT_NODE_IS_LOST || node->state == FT_NODE_IS_LEFT;

    if (node->state == FT_NODE_UP && node->daemon == daemon)
        return 0;
    ft_inventory_set_state(central->inventory, node, FT_NODE_UP, daemon, NULL, ft_now_ns(central));
    ft_suspect_not(node, FT_SUSPECT_LOST);
    ft_suspect_not(node, FT_SUSPECT_START);
    ft_keep_place(central, node);
    ft_health_joined(central, node);
    return ft_central_logf(central, "node_joined", NULL, -1, node->name,
                           "the launcher's daemon %d runs on node %s%s", daemon, node->name,
                           again ? ", which is used again" : "");
}

static uint64_t node_gone(struct ft_central *central, struct ft_node *node, int daemon, bool lost,
                          const char *text)
{
    char why[FT_TEXT_MAX];
    unsigned processes = node->processes_n;
    uint64_t event;

    ft_inventory_set_state(central->inventory, node, lost ? FT_NODE_IS_LOST : FT_NODE_IS_LEFT,
                           daemon, text, ft_now_ns(central));
    ft_keep_place(central, node);
    node->measured_ns = 0;
    ft_tidings_drop(central->tidings, node);
    event = ft_central_logf(central, lost ? "node_lost" : "node_left", NULL, -1, node->name,
                            lost ? "node %s is lost (daemon %d)%s%.200s; %u processes lived there"
                                 : "the launcher's daemon on node %s (%d) was ended in order"
                                   "%s%.200s; %u processes lived there",
                            node->name, daemon, text != NULL && text[0] != '\0' ? ": " : "",
                            text != NULL ? text : "", processes);
    snprintf(why, sizeof why, lost ? "is lost%s%.200s" : "was left by the launcher%s%.200s",
             text != NULL && text[0] != '\0' ? ": " : "", text != NULL ? text : "");
    if (lost && !node->unit_up)
        ft_suspect(central, node, FT_SUSPECT_LOST, text);
    end_all_on(central, node, why);
    return event;
}

void ft_central_node_changed(struct ft_central *central, uint64_t token,
                             const struct ft_asker *asker, const char *name, int daemon,
                             ftNodeChange_t change, const char *text)
{
    struct ft_node *node;
    uint64_t event = 0;

    if (!is_launcher(central, token, asker, "a change of a node"))
        return;
    if (change < FT_NODE_JOINED || change > FT_NODE_LEFT) {
        ft_central_refuse_errno(central, token, EINVAL);
        return;
    }
    node = ft_inventory_get(central->inventory, name);
    if (node == NULL) {
        ft_central_refuse_errno(central, token, errno);
        return;
    }
    /* What an earlier daemon of a node still says of itself no longer concerns the node. */
    if (node->daemon > daemon) {
        ft_central_accept(central, token, 0, 0);
        return;
    }
    if (change == FT_NODE_JOINED) {
        if (node->daemon < daemon || node->state == FT_NODE_CANDIDATE)
            event = node_joined(central, node, daemon);
    } else if (node->state != FT_NODE_IS_LOST && node->state != FT_NODE_IS_LEFT) {
        event = node_gone(central, node, daemon, change == FT_NODE_LOST, text);
    } else if (node->daemon < daemon) {
        node->daemon = daemon;
        ft_keep_place(central, node);
    }
    ft_central_accept(central, token, event, 0);
    ft_central_work(central);
}

/* Forgets what was decided for the ranks of a job. */
static void drop_subjects(struct ft_central *central, const char *job)
{
    struct ft_subject *subject = ft_subjects_first(central->subjects);

    for (; subject != NULL; subject = subject->next) {
        if (subject->resource.kind != FT_RANK || strcmp(subject->resource.job, job) != 0)
            continue;
        if (subject->pending != NULL)
            ft_decision_feed(subject->pending, FT_IN_DROPPED, "the job has ended");
        if (subject->current != NULL)
            ft_decision_feed(subject->current, FT_IN_DROPPED, "the job has ended");
    }
    ft_central_work(central);
    for (subject = ft_subjects_first(central->subjects); subject != NULL;) {
        struct ft_subject *next = subject->next;

        if (subject->resource.kind == FT_RANK && strcmp(subject->resource.job, job) == 0 &&
            subject->pending == NULL && subject->current == NULL) {
            ft_keep_no_subject(central, subject);
            ft_subjects_forget(central->subjects, subject);
        }
        subject = next;
    }
}

static uint64_t end_job(struct ft_central *central, struct ft_job *job, int code)
{
    uint64_t event = ft_central_logf(central, "job_ended", job->name, -1, NULL,
                                     "job %s ended with exit code %d", job->name, code);

    ft_spare_ranks_job_ended(central, job);
    for (int rank = 0; rank < job->ranks_n; rank++) {
        struct ft_process *process = job->ranks[rank];

        if (process != NULL && ft_jobs_end_process(central->jobs, process, FT_ENDED_CODE, code,
                                                   ft_now_ns(central)))
            rank_ended(central, process, "ended with its job");
    }
    ft_jobs_end(central->jobs, job);
    ft_keep_job(central, job);
    drop_subjects(central, job->name);
    return event;
}

void ft_central_launcher_gone(struct ft_central *central, const char *why)
{
    ft_central_logf(central, "launcher_gone", NULL, -1, NULL,
                    "the launcher is gone (%.300s): its jobs have ended with it", why);
    for (struct ft_job *job = ft_jobs_first(central->jobs); job != NULL; job = job->order_next) {
        if (!job->ended)
            end_job(central, job, LAUNCHER_GONE_CODE);
    }
    for (struct ft_node *node = ft_inventory_first(central->inventory); node != NULL;
         node = node->order_next) {
        if (node->state == FT_NODE_UP)
            node_gone(central, node, node->daemon, false, "the launcher is gone");
    }
    ft_central_work(central);
}

void ft_central_job_ended(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                          const char *name, int code)
{
    struct ft_job *job;
    uint64_t event;

    if (!is_launcher(central, token, asker, "the end of a job"))
        return;
    job = ft_jobs_find(central->jobs, name);
    if (job == NULL) {
        ft_central_refuse(central, token, FT_ERR_UNKNOWN,
                          "the end of a job that the launcher has not reported", NULL);
        return;
    }
    if (job->ended) {
        ft_central_accept(central, token, 0, 0);
        return;
    }
    event = end_job(central, job, code);
    ft_central_accept(central, token, event, 0);
    ft_central_work(central);
}

