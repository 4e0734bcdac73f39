/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * growth.c - on the master: one job at a time makes the machine grow.
 *
 * Two nodes are lost at once, and two publishers spawn their stand-ins on two fresh nodes: stock
 * PRRTE then starts the second one's daemon while the first one's launch goes on, finds a daemon in
 * its list that has not reported, and ends the launcher (or maps the second job to nothing, whose
 * spawner waits for ever). So a job that comes to its LAUNCH_DAEMONS while another one's new
 * daemons are on their way waits here until that one has reached VM_READY, or failed, or had its
 * time.
 *
 * And one thing more: the launch message of a job that made the machine grow tells the new daemons
 * of all jobs that there are. One that waits here, or is on its way to be launched, is told without
 * its processes; its own launch message then comes to a daemon that knows it already, and starts
 * nothing. So those that are not launched yet are left out of it: they come by their own messages,
 * later.
 *
 * Called by job.c, on the launcher's event loop. What waits is bounded by the spawns that
 * applications have under way, each of which waits for its answer.
 */
#include "ft_prrte.h"

#include <stdlib.h>

#include "src/mca/odls/odls.h"

#define GRACE_S 10 /* beyond the time that new daemons have to report */

typedef struct waiting {
    prte_job_t *job; /* retained */
    struct waiting *next;
} waiting_t;

static waiting_t *first, **last = &first;
static prte_job_t *growing; /* whose new daemons are on their way; retained. NULL: nobody's */
static prte_event_t deadline;

static void release_next(void)
{
    while (growing == NULL && first != NULL) {
        waiting_t *waiting = first;
        prte_job_t *job = waiting->job;
        bool active = ftp_job_is_active(job);

        first = waiting->next;
        if (first == NULL)
            last = &first;
        free(waiting);
        if (active) {
            ftp_say(2, "job %s may launch its daemons now", job->nspace);
            PRTE_ACTIVATE_JOB_STATE(job, PRTE_JOB_STATE_LAUNCH_DAEMONS);
        }
        PMIX_RELEASE(job);
        if (active)
            return; /* it comes to ftp_growth_begun, which releases the next */
    }
}

bool ftp_growth_hold(prte_job_t *job)
{
    waiting_t *waiting;

    if (growing == NULL || growing == job || !ftp_job_is_tolerant(job))
        return false;
    waiting = calloc(1, sizeof *waiting);
    if (waiting == NULL) {
        PRTE_ERROR_LOG(PRTE_ERR_OUT_OF_RESOURCE);
        return false; /* as on stock */
    }
    PMIX_RETAIN(job);
    waiting->job = job;
    *last = waiting;
    last = &waiting->next;
    ftp_say(2, "job %s waits with its daemons for those of job %s", job->nspace, growing->nspace);
    return true;
}

static void on_deadline(int fd, short args, void *cbdata)
{
    (void) fd;
    (void) args;
    (void) cbdata;
    ftp_say(1, "the daemons of job %s are not waited for any more", growing->nspace);
    PMIX_RELEASE(growing);
    growing = NULL;
    release_next();
}

void ftp_growth_begun(prte_job_t *job, pmix_rank_t daemons_before)
{
    const prte_job_t *daemons = prte_get_job_data_object(PRTE_PROC_MY_NAME->nspace);
    struct timeval time = {.tv_sec = ftp_params.start_timeout_s + GRACE_S};

    if (growing == NULL && daemons != NULL && daemons->num_procs > daemons_before
        && ftp_job_is_tolerant(job) && ftp_job_is_active(job)) {
        PMIX_RETAIN(job);
        growing = job;
        prte_event_evtimer_set(prte_event_base, &deadline, on_deadline, NULL);
        prte_event_evtimer_add(&deadline, &time);
    }
    release_next();
}

void ftp_growth_over(const prte_job_t *job)
{
    if (growing == NULL || growing != job)
        return;
    prte_event_evtimer_del(&deadline);
    PMIX_RELEASE(growing);
    growing = NULL;
    release_next();
}

/* ---- the launch message */

static prte_odls_base_module_get_add_procs_data_fn_t stock_pack;

static int pack_launch(pmix_data_buffer_t *message, pmix_nspace_t nspace)
{
    int n = prte_job_data->size, rc;
    prte_job_t **hidden = calloc((size_t) n + 1, sizeof *hidden);

    for (int i = 1; hidden != NULL && i < n; i++) {
        prte_job_t *job = (prte_job_t *) pmix_pointer_array_get_item(prte_job_data, i);
        if (job == NULL || PMIX_CHECK_NSPACE(job->nspace, nspace)
            || job->state >= PRTE_JOB_STATE_LAUNCH_APPS)
            continue;
        hidden[i] = job;
        pmix_pointer_array_set_item(prte_job_data, i, NULL);
    }
    rc = stock_pack(message, nspace);
    for (int i = 1; hidden != NULL && i < n; i++)
        if (hidden[i] != NULL)
            pmix_pointer_array_set_item(prte_job_data, i, hidden[i]);
    free(hidden);
    return rc;
}

void ftp_growth_start(void)
{
    if (stock_pack != NULL || prte_odls.get_add_procs_data == NULL)
        return;
    stock_pack = prte_odls.get_add_procs_data;
    prte_odls.get_add_procs_data = pack_launch;
}
