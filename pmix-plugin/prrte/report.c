/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * report.c - on the master: what the launcher knows, told to the central unit through libft.
 *
 * Called by survive.c and job.c as things happen. The central unit is started beside the first job
 * and may become ready after it; until then nothing is kept, for PRRTE's own tables have it all:
 * ftp_report_open tells their present state, and from then on each change is told as it comes.
 * Reports are posted: written at once or kept by libft (bounded) until the socket takes them.
 *
 * If the job's own central unit goes away, the job goes on without it; the user is told once. Where
 * the launcher is attached to the system's units, its node's unit passes everything on to whichever
 * central unit leads, and comes back if it goes away: then it is told everything again.
 *
 * The same connection brings the central unit's news (news.c).
 */
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "ft_runtime.h"
#include "news.h"

#define AGAIN_MS 500 /* between two tries to reach a system's unit that is away */
#define PROCESSES_AT_ONCE 1024 /* an action takes 4096 */

static ftHandle_t central;
static bool is_open;
static bool is_attached; /* to the system's units */
static bool is_away;     /* attached, but this node's unit is gone at the moment */
static prte_event_t readable, again;

const ftHandle_t *ftp_report_central(void)
{
    return is_open && !is_away ? &central : NULL;
}

static bool is_wanted(const prte_job_t *job)
{
    return is_open && ftp_job_is_tolerant(job);
}

static void try_again_later(void)
{
    struct timeval delay = {.tv_usec = 1000 * AGAIN_MS};

    prte_event_evtimer_add(&again, &delay);
}

static void lose_touch(ftRetVal_t why)
{
    ftp_news_forget();
    if (!is_away)
        ftp_say(1, "the unit of this node is gone (%s); waiting for it", ftStrError(why));
    is_away = true;
    ftp_asks_forget();
    prte_event_del(&readable); /* nothing comes there until a try succeeds */
    try_again_later();
}

static void give_up(ftRetVal_t why)
{
    if (!is_open)
        return;
    if (is_attached && !prte_finalizing) {
        lose_touch(why);
        return;
    }
    ftp_report_close();
    if (!prte_finalizing)
        ftp_warn("The central fault tolerance unit is gone (%s). The job goes on, and survives\n"
                 "the loss of a node, but findAlternative has nobody to ask.", ftStrError(why));
}

static void post(const ftAction_t action)
{
    ftRetVal_t rc = is_open && !is_away ? postFT(central, action) : FT_OK;

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

void ftp_report_node_left(prte_proc_t *daemon, const char *how)
{
    post(ftNodeChanged(daemon->node->name, (int) daemon->name.rank, FT_NODE_LEFT, how));
}

void ftp_report_no_unit(const char *node, const char *why)
{
    char text[600];

    snprintf(text, sizeof text, "node %s has no unit: %s", node, why);
    post(ftLogEvent(ftNode(node), "unit_failed", text));
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
    rc = ftp_news_take(central);
    if (rc == FT_OK)
        rc = ftp_news_ask(central);
    if (rc == FT_OK)
        rc = ftp_asks_take();
    if (rc == FT_ERR_TIMEOUT || rc == FT_ERR_BUSY) /* said by a unit that is there */
        try_again_later();
    else if (rc != FT_OK)
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

void ftp_report_again(void)
{
    if (is_open && !is_away)
        tell_all();
}

/* Asks again; if the system's unit was away, that shows whether it is back. */
static void on_again(int fd, short what, void *cbdata)
{
    (void) fd;
    (void) what;
    (void) cbdata;
    if (ftp_news_ask(central) != FT_OK) {
        try_again_later();
    } else if (is_away) {
        is_away = false;
        prte_event_add(&readable, NULL);
        tell_all();
    }
}

bool ftp_report_open(const char *host, const char *session, bool attached, char *why, size_t size)
{
    int fd = -1;
    ftRetVal_t rc;

    /* Waits for one exchange with a process of this node that has just said that it is there. */
    rc = openLauncherFT(host, session, &central);
    if (rc == FT_OK) {
        rc = descriptorFT(central, &fd);
        if (rc != FT_OK)
            closeFT(central);
    }
    if (rc != FT_OK) {
        snprintf(why, size, "%s", ftLastError());
        return false;
    }
    is_open = true;
    is_attached = attached;
    prte_event_evtimer_set(prte_event_base, &again, on_again, NULL);
    prte_event_set(prte_event_base, &readable, fd, PRTE_EV_READ | PRTE_EV_PERSIST, on_readable,
                   NULL);
    prte_event_add(&readable, NULL);
    tell_all();
    rc = ftp_news_ask(central);
    if (rc != FT_OK)
        give_up(rc);
    return true;
}

/* A system's central unit outlives this launcher: what it had is to be left in order. Jobs that
 * still run end with the launcher (^C); of others this says nothing new. */
static void take_leave(void)
{
    prte_job_t *daemons = prte_get_job_data_object(PRTE_PROC_MY_NAME->nspace);

    for (int i = 0; i < prte_job_data->size; i++) {
        prte_job_t *job = (prte_job_t *) pmix_pointer_array_get_item(prte_job_data, i);
        if (job != NULL && ftp_job_is_tolerant(job) && ftp_job_has_started(job))
            postFT(central, ftJobEnded(job->nspace, ftp_job_is_active(job) ? prte_exit_status
                                                                           : job->exit_code));
    }
    for (int i = 0; daemons != NULL && i < daemons->procs->size; i++) {
        prte_proc_t *daemon = (prte_proc_t *) pmix_pointer_array_get_item(daemons->procs, i);
        if (daemon != NULL && daemon->node != NULL && !ftp_routing_is_lost(daemon->name.rank))
            postFT(central, ftNodeChanged(daemon->node->name, (int) daemon->name.rank, FT_NODE_LEFT,
                                          "the launcher ends"));
    }
}

void ftp_report_close(void)
{
    if (!is_open)
        return;
    if (is_attached && !is_away)
        take_leave();
    prte_event_del(&readable);
    prte_event_evtimer_del(&again);
    ftp_news_forget();
    is_open = is_away = false;
    ftp_asks_forget();
    closeFT(central);
}
