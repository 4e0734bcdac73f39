/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * report.c - on the master: what the launcher knows, told to the central unit through libft.
 *
 * Called by survive.c and job.c as things happen. The central unit is started beside the first job
 * and may become ready after it; until then nothing is kept, for PRRTE's own tables have it all:
 * ftp_report_open tells their present state, and from then on each change is told as it comes.
 * Reports are posted: written at once or kept by libft (bounded) until the socket takes them.
 *
 * If the central unit goes away, the job goes on without it; the user is told once.
 */
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ft_runtime.h"

#define PROCESSES_AT_ONCE 1024 /* an action takes 4096 */

static ftHandle_t central;
static bool is_open;
static prte_event_t readable;

static bool is_wanted(const prte_job_t *job)
{
    return is_open && ftp_job_is_tolerant(job);
}

static void give_up(ftRetVal_t why)
{
    ftp_report_close();
    if (!prte_finalizing)
        ftp_warn("The central fault tolerance unit is gone (%s). The job goes on, and survives\n"
                 "the loss of a node, but findAlternative has nobody to ask.", ftStrError(why));
}

static void post(const ftAction_t action)
{
    ftRetVal_t rc = is_open ? postFT(central, action) : FT_OK;

    if (rc == FT_ERR_LOST || rc == FT_ERR_CONNECT)
        give_up(rc);
    else if (rc != FT_OK)
        ftp_say(1, "a report was not sent: %s", ftStrError(rc));
}

/* ---- jobs and processes */

/* The job that spawned this one, "" if it was the user. */
static void parent_of(prte_job_t *job, pmix_nspace_t parent)
{
    pmix_proc_t *spawner = NULL;

    parent[0] = '\0';
    if (!prte_get_attribute(&job->attributes, PRTE_JOB_LAUNCH_PROXY, (void **) &spawner, PMIX_PROC)
        || spawner == NULL)
        return;
    if (!PMIX_CHECK_NSPACE(spawner->nspace, PRTE_PROC_MY_NAME->nspace)
        && prte_get_job_data_object(spawner->nspace) != NULL)
        PMIX_LOAD_NSPACE(parent, spawner->nspace);
    PMIX_PROC_RELEASE(spawner);
}

void ftp_report_job_started(prte_job_t *job)
{
    ftProcessInfo_t *processes;
    pmix_nspace_t parent = "";
    size_t n = 0;

    if (!is_wanted(job))
        return;
    processes = calloc(PROCESSES_AT_ONCE, sizeof *processes);
    if (processes == NULL) {
        PRTE_ERROR_LOG(PRTE_ERR_OUT_OF_RESOURCE);
        return;
    }
    parent_of(job, parent);
    for (int i = 0; i < job->procs->size; i++) {
        prte_proc_t *proc = (prte_proc_t *) pmix_pointer_array_get_item(job->procs, i);

        if (proc == NULL || proc->node == NULL)
            continue;
        if (n == PROCESSES_AT_ONCE) {
            post(ftJobStarted(job->nspace, parent, processes, n));
            n = 0;
        }
        processes[n++] = (ftProcessInfo_t){.rank = (int) proc->name.rank,
                                           .pid = proc->pid > 0 ? proc->pid : 0,
                                           .node = proc->node->name};
    }
    if (n > 0)
        post(ftJobStarted(job->nspace, parent, processes, n));
    free(processes);
}

void ftp_report_job_ended(prte_job_t *job)
{
    if (is_wanted(job))
        post(ftJobEnded(job->nspace, job->exit_code));
}

static ftAction_t ended(const prte_proc_t *proc, prte_proc_state_t state)
{
    int code = proc->exit_code;

    switch (state) {
    case PRTE_PROC_STATE_ABORTED_BY_SIG:
    case PRTE_PROC_STATE_KILLED_BY_CMD:
        return ftProcessEnded(proc->name.nspace, (int) proc->name.rank, FT_ENDED_SIGNAL,
                              code > 128 ? code - 128 : code);
    case PRTE_PROC_STATE_CALLED_ABORT:
        return ftProcessEnded(proc->name.nspace, (int) proc->name.rank, FT_ENDED_ABORT, code);
    default:
        return ftProcessEnded(proc->name.nspace, (int) proc->name.rank,
                              code == 0 && state < PRTE_PROC_STATE_ERROR ? FT_ENDED_WELL
                                                                         : FT_ENDED_CODE,
                              code);
    }
}

static bool is_on_lost_node(const prte_proc_t *proc)
{
    return proc->node != NULL && proc->node->daemon != NULL
           && ftp_routing_is_lost(proc->node->daemon->name.rank);
}

void ftp_report_process_ended(prte_proc_t *proc, ftp_end_t how)
{
    if (!is_wanted(prte_get_job_data_object(proc->name.nspace)))
        return;
    if (how == FTP_END_WITH_NODE)
        post(ftProcessEnded(proc->name.nspace, (int) proc->name.rank, FT_ENDED_WITH_NODE, 0));
    else
        post(ended(proc, proc->state));
}

void ftp_report_process_failed(prte_proc_t *proc, prte_proc_state_t state)
{
    if (is_wanted(prte_get_job_data_object(proc->name.nspace)) && !is_on_lost_node(proc))
        post(ended(proc, state));
}

/* ---- nodes */

void ftp_report_node_lost(prte_proc_t *daemon, const char *how)
{
    post(ftNodeChanged(daemon->node->name, (int) daemon->name.rank, FT_NODE_LOST, how));
}

void ftp_report_nodes(void)
{
    prte_job_t *daemons = prte_get_job_data_object(PRTE_PROC_MY_NAME->nspace);

    if (!is_open || daemons == NULL)
        return;
    for (int i = 0; i < daemons->procs->size; i++) {
        prte_proc_t *daemon = (prte_proc_t *) pmix_pointer_array_get_item(daemons->procs, i);

        if (daemon == NULL || daemon->node == NULL || daemon->node->name == NULL)
            continue;
        /* the launcher's own node is no node of the job unless it was allocated */
        if (daemon->name.rank == PRTE_PROC_MY_NAME->rank && !prte_hnp_is_allocated)
            continue;
        if (ftp_routing_is_lost(daemon->name.rank) || daemon->state != PRTE_PROC_STATE_RUNNING)
            continue;
        post(ftNodeChanged(daemon->node->name, (int) daemon->name.rank, FT_NODE_JOINED, NULL));
    }
}

/* ---- the connection */

static void on_readable(int fd, short what, void *cbdata)
{
    ftRetVal_t rc;

    (void) fd;
    (void) what;
    (void) cbdata;
    rc = serveFT(central);
    if (rc != FT_OK)
        give_up(rc);
}

/* What happened before the central unit was ready, in an order that it can follow. */
static void tell_all(void)
{
    size_t n_lost;
    const pmix_rank_t *lost = ftp_routing_lost(&n_lost);

    ftp_report_nodes();
    for (int i = 0; i < prte_job_data->size; i++) {
        prte_job_t *job = (prte_job_t *) pmix_pointer_array_get_item(prte_job_data, i);
        if (job != NULL && ftp_job_is_active(job) && ftp_job_has_started(job))
            ftp_report_job_started(job);
    }
    for (size_t i = 0; i < n_lost; i++) {
        prte_proc_t *daemon = ftp_daemon_of(lost[i]);
        if (daemon != NULL && daemon->node != NULL)
            ftp_report_node_lost(daemon, "lost while the runtime was starting");
    }
    for (int i = 0; i < prte_job_data->size; i++) {
        prte_job_t *job = (prte_job_t *) pmix_pointer_array_get_item(prte_job_data, i);
        for (int j = 0; job != NULL && ftp_job_is_active(job) && j < job->procs->size; j++) {
            prte_proc_t *proc = (prte_proc_t *) pmix_pointer_array_get_item(job->procs, j);
            if (proc != NULL && proc->state >= PRTE_PROC_STATE_UNTERMINATED)
                ftp_report_process_ended(proc, is_on_lost_node(proc) ? FTP_END_WITH_NODE
                                                                     : FTP_END_BY_ITSELF);
        }
    }
}

void ftp_report_open(const char *path)
{
    char host[128];
    int fd;
    ftRetVal_t rc;

    snprintf(host, sizeof host, "unix:%s", path);
    /* Waits for one exchange with a process of this node that has just said that it is ready. */
    rc = openFT(host, &central);
    if (rc == FT_OK) {
        rc = descriptorFT(central, &fd);
        if (rc != FT_OK)
            closeFT(central);
    }
    if (rc != FT_OK) {
        ftp_warn("The fault tolerance runtime hears nothing of this job: cannot connect to the\n"
                 "central unit at %s: %s.", path, ftStrError(rc));
        return;
    }
    is_open = true;
    prte_event_set(prte_event_base, &readable, fd, PRTE_EV_READ | PRTE_EV_PERSIST, on_readable,
                   NULL);
    prte_event_add(&readable, NULL);
    tell_all();
}

void ftp_report_close(void)
{
    if (!is_open)
        return;
    prte_event_del(&readable);
    is_open = false;
    closeFT(central);
}
