/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * jobs.h - the jobs of the launcher and where their processes run, as it reports them.
 */
#ifndef FT_CORE_JOBS_H
#define FT_CORE_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/inventory.h"
#include "ft_runtime.h"

#define FT_JOBS_MAX 65536
#define FT_JOBS_ENDED_MAX 256       /* ended jobs that are remembered */
#define FT_RANK_MAX ((1 << 22) - 1) /* largest rank */

struct ft_job;

/* A process of a job. To be read by all of core, changed by jobs.c. Lives as long as its job. */
struct ft_process {
    struct ft_job *job;
    int rank;
    int64_t pid;
    struct ft_node *node;
    bool ended;
    ftEnd_t how;      /* if ended */
    int code;
    int64_t ended_ns;
    struct ft_process *node_next, *node_previous; /* of those that live on its node */
};

struct ft_job {
    char *name;
    char *parent;     /* "" if none */
    bool ended;
    bool ends_restored; /* it had ended when it was kept: it ends again once all of it is there */
    unsigned reports_n; /* of its processes that were kept; see kept.c */
    unsigned live_n;
    struct ft_process **ranks; /* by rank; NULL where there is none */
    int ranks_n;
    struct ft_job *by_name_next;
    struct ft_job *order_next;
};

struct ft_jobs;

struct ft_jobs *ft_jobs_create(struct ft_inventory *inventory); /* NULL: out of memory */
void ft_jobs_destroy(struct ft_jobs *jobs);

struct ft_job *ft_jobs_find(const struct ft_jobs *jobs, const char *name);
struct ft_process *ft_jobs_process(const struct ft_jobs *jobs, const char *name, int rank);
struct ft_process *ft_jobs_process_by_pid(const struct ft_node *node, int64_t pid);

/* Adds processes to a job, making it if it is new; nodes that were not known become known. A rank
 * that is there already is left as it is. Returns the job, or NULL with errno ENOMEM, EINVAL (a
 * name or a rank out of range) or ENOBUFS (too many jobs or nodes); nothing has changed then. */
struct ft_job *ft_jobs_start(struct ft_jobs *jobs, const char *name, const char *parent,
                             const ftProcessInfo_t *processes, size_t n);

/* A process ended. False if it had ended before. */
bool ft_jobs_end_process(struct ft_jobs *jobs, struct ft_process *process, ftEnd_t how, int code,
                         int64_t now_ns);

/* A job ended; its processes must have ended before. */
void ft_jobs_end(struct ft_jobs *jobs, struct ft_job *job);

/* The job to be forgotten next, if more ended ones are remembered than FT_JOBS_ENDED_MAX. */
struct ft_job *ft_jobs_surplus(const struct ft_jobs *jobs);
void ft_jobs_forget(struct ft_jobs *jobs, struct ft_job *job);

size_t ft_jobs_count(const struct ft_jobs *jobs);
struct ft_job *ft_jobs_first(const struct ft_jobs *jobs); /* then ->order_next */

/* "ended with exit code 3", "was ended by signal 9 (Killed)", "called abort with code 1", ... */
void ft_jobs_end_text(ftEnd_t how, int code, char *text, size_t size);

#endif
