/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * jobs.c - the jobs of the launcher and where their processes run.
 *
 * Filled from the launcher's reports (job started, process ended, job ended), read by whoever has
 * to turn "rank 2 of job J" into a node. A job's processes are found by rank in an array; those
 * that live on a node also hang in that node's list, so that a node's loss ends them without a look
 * at any other. Jobs that ended stay for a while, because a rank that has ended is exactly what an
 * alternative is asked for; the oldest are forgotten (central.c asks ft_jobs_surplus).
 *
 * ft_jobs_start is all or nothing: it first makes everything that needs memory, then links it.
 */
#include "core/jobs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024

struct ft_jobs {
    struct ft_inventory *inventory;
    struct ft_job *by_name[BUCKETS];
    struct ft_job *first, *last;
    size_t jobs_n;
    size_t ended_n;
};

static size_t hash_of(const char *name)
{
    uint32_t hash = 2166136261u;

    while (*name != '\0')
        hash = (hash ^ (unsigned char) *name++) * 16777619u;
    return hash % BUCKETS;
}

struct ft_jobs *ft_jobs_create(struct ft_inventory *inventory)
{
    struct ft_jobs *jobs = calloc(1, sizeof *jobs);

    if (jobs != NULL)
        jobs->inventory = inventory;
    return jobs;
}

static void destroy_job(struct ft_job *job)
{
    if (job == NULL)
        return;
    for (int rank = 0; rank < job->ranks_n; rank++)
        free(job->ranks[rank]);
    free(job->ranks);
    free(job->parent);
    free(job->name);
    free(job);
}

void ft_jobs_destroy(struct ft_jobs *jobs)
{
    if (jobs == NULL)
        return;
    while (jobs->first != NULL) {
        struct ft_job *job = jobs->first;

        jobs->first = job->order_next;
        destroy_job(job);
    }
    free(jobs);
}

struct ft_job *ft_jobs_find(const struct ft_jobs *jobs, const char *name)
{
    struct ft_job *job = jobs->by_name[hash_of(name)];

    while (job != NULL && strcmp(job->name, name) != 0)
        job = job->by_name_next;
    return job;
}

struct ft_process *ft_jobs_process(const struct ft_jobs *jobs, const char *name, int rank)
{
    struct ft_job *job = ft_jobs_find(jobs, name);

    if (job == NULL || rank < 0 || rank >= job->ranks_n)
        return NULL;
    return job->ranks[rank];
}

struct ft_process *ft_jobs_process_by_pid(const struct ft_node *node, int64_t pid)
{
    struct ft_process *process = node->processes;

    while (process != NULL && process->pid != pid)
        process = process->node_next;
    return process;
}

/* ---------------------------------------------------------------- starting */

static struct ft_job *make_job(const char *name, const char *parent)
{
    struct ft_job *job = calloc(1, sizeof *job);

    if (job == NULL)
        return NULL;
    job->name = strdup(name);
    job->parent = strdup(parent);
    if (job->name == NULL || job->parent == NULL) {
        destroy_job(job);
        return NULL;
    }
    return job;
}

static void link_job(struct ft_jobs *jobs, struct ft_job *job)
{
    struct ft_job **bucket = &jobs->by_name[hash_of(job->name)];

    job->by_name_next = *bucket;
    *bucket = job;
    if (jobs->last != NULL)
        jobs->last->order_next = job;
    else
        jobs->first = job;
    jobs->last = job;
    jobs->jobs_n++;
}

static int check_processes(const ftProcessInfo_t *processes, size_t n, int *ranks_n)
{
    for (size_t i = 0; i < n; i++) {
        const ftProcessInfo_t *info = &processes[i];

        if (info->rank < 0 || info->rank > FT_RANK_MAX || info->node == NULL ||
            info->node[0] == '\0' || strlen(info->node) >= FT_NAME_MAX) {
            errno = EINVAL;
            return -1;
        }
        if (info->rank >= *ranks_n)
            *ranks_n = info->rank + 1;
    }
    return 0;
}

/* Makes room for ranks; more room than is used is no change that anyone sees. */
static int widen(struct ft_job *job, int ranks_n)
{
    struct ft_process **ranks;

    if (ranks_n <= job->ranks_n)
        return 0;
    ranks = realloc(job->ranks, (size_t) ranks_n * sizeof *ranks);
    if (ranks == NULL)
        return -1;
    memset(ranks + job->ranks_n, 0, (size_t) (ranks_n - job->ranks_n) * sizeof *ranks);
    job->ranks = ranks;
    job->ranks_n = ranks_n;
    return 0;
}

static void free_made(struct ft_process *made)
{
    while (made != NULL) {
        struct ft_process *process = made;

        made = process->node_next;
        free(process);
    }
}

/* Makes the processes, as a list over node_next that hangs in nothing yet. */
static int make_processes(struct ft_jobs *jobs, struct ft_job *job,
                          const ftProcessInfo_t *processes, size_t n, struct ft_process **made)
{
    *made = NULL;
    for (size_t i = 0; i < n; i++) {
        struct ft_node *node = ft_inventory_get(jobs->inventory, processes[i].node);
        struct ft_process *process = node != NULL ? calloc(1, sizeof *process) : NULL;

        if (process == NULL) {
            int error = node == NULL ? errno : ENOMEM;

            free_made(*made);
            errno = error;
            return -1;
        }
        process->job = job;
        process->rank = processes[i].rank;
        process->pid = processes[i].pid;
        process->node = node;
        process->node_next = *made;
        *made = process;
    }
    return 0;
}

static void link_process(struct ft_jobs *jobs, struct ft_process *process)
{
    struct ft_node *node = process->node;

    process->job->ranks[process->rank] = process;
    process->job->live_n++;
    process->node_previous = NULL;
    process->node_next = node->processes;
    if (node->processes != NULL)
        node->processes->node_previous = process;
    node->processes = process;
    ft_inventory_add_process(jobs->inventory, node);
}

struct ft_job *ft_jobs_start(struct ft_jobs *jobs, const char *name, const char *parent,
                             const ftProcessInfo_t *processes, size_t n)
{
    struct ft_job *job, *fresh = NULL;
    struct ft_process *made;
    int ranks_n = 0;

    if (name[0] == '\0' || strlen(name) >= FT_NAME_MAX) {
        errno = EINVAL;
        return NULL;
    }
    if (check_processes(processes, n, &ranks_n) < 0)
        return NULL;
    job = ft_jobs_find(jobs, name);
    if (job == NULL) {
        if (jobs->jobs_n >= FT_JOBS_MAX) {
            errno = ENOBUFS;
            return NULL;
        }
        job = fresh = make_job(name, parent != NULL ? parent : "");
    }
    if (job == NULL || widen(job, ranks_n) < 0) {
        destroy_job(fresh);
        errno = ENOMEM;
        return NULL;
    }
    if (make_processes(jobs, job, processes, n, &made) < 0) {
        destroy_job(fresh);
        return NULL;
    }
    if (fresh != NULL)
        link_job(jobs, fresh);
    while (made != NULL) {
        struct ft_process *process = made;

        made = process->node_next;
        if (job->ranks[process->rank] == NULL)
            link_process(jobs, process);
        else
            free(process);
    }
    return job;
}

/* ---------------------------------------------------------------- ending */

bool ft_jobs_end_process(struct ft_jobs *jobs, struct ft_process *process, ftEnd_t how, int code,
                         int64_t now_ns)
{
    struct ft_node *node = process->node;

    if (process->ended)
        return false;
    process->ended = true;
    process->how = how;
    process->code = code;
    process->ended_ns = now_ns;
    process->job->live_n--;
    if (process->node_previous != NULL)
        process->node_previous->node_next = process->node_next;
    else
        node->processes = process->node_next;
    if (process->node_next != NULL)
        process->node_next->node_previous = process->node_previous;
    process->node_next = process->node_previous = NULL;
    ft_inventory_drop_process(jobs->inventory, node);
    return true;
}

void ft_jobs_end(struct ft_jobs *jobs, struct ft_job *job)
{
    if (job->ended)
        return;
    job->ended = true;
    jobs->ended_n++;
}

struct ft_job *ft_jobs_surplus(const struct ft_jobs *jobs)
{
    struct ft_job *job = jobs->first;

    if (jobs->ended_n <= FT_JOBS_ENDED_MAX)
        return NULL;
    while (job != NULL && !job->ended)
        job = job->order_next;
    return job;
}

void ft_jobs_forget(struct ft_jobs *jobs, struct ft_job *job)
{
    struct ft_job **link = &jobs->by_name[hash_of(job->name)];
    struct ft_job *before = NULL;

    while (*link != job)
        link = &(*link)->by_name_next;
    *link = job->by_name_next;
    if (jobs->first == job) {
        jobs->first = job->order_next;
    } else {
        for (before = jobs->first; before->order_next != job; before = before->order_next)
            continue;
        before->order_next = job->order_next;
    }
    if (jobs->last == job)
        jobs->last = before;
    jobs->jobs_n--;
    if (job->ended)
        jobs->ended_n--;
    destroy_job(job);
}

size_t ft_jobs_count(const struct ft_jobs *jobs)
{
    return jobs->jobs_n;
}

struct ft_job *ft_jobs_first(const struct ft_jobs *jobs)
{
    return jobs->first;
}

void ft_jobs_end_text(ftEnd_t how, int code, char *text, size_t size)
{
    const char *name;

    switch (how) {
    case FT_ENDED_WELL:
        snprintf(text, size, "ended with exit code 0");
        return;
    case FT_ENDED_CODE:
        snprintf(text, size, "ended with exit code %d", code);
        return;
    case FT_ENDED_SIGNAL:
        name = strsignal(code);
        snprintf(text, size, "was ended by signal %d (%s)", code, name != NULL ? name : "unknown");
        return;
    case FT_ENDED_ABORT:
        snprintf(text, size, "called abort with code %d", code);
        return;
    case FT_ENDED_WITH_NODE:
        snprintf(text, size, "was lost with its node");
        return;
    }
    snprintf(text, size, "ended in a way that the launcher did not name (%d)", (int) how);
}
