/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * starting.c - on the master: daemons that are being started when a tolerant job is running
 * already.
 *
 * A job that spawns processes on a node that has no daemon yet waits until all new daemons have
 * reported. One that is lost before it reports (the node is down, ssh is refused, it crashed at
 * once) would keep that job, and all that spawn later, waiting for ever; a node that is switched
 * off keeps ssh waiting for minutes. So new daemons have errmgr_ft_start_timeout seconds; after
 * that, or when ssh fails, they are lost like any other. The launch goes on without them: their
 * nodes are DOWN, and the job is mapped to what is left or fails to be mapped, which its spawner
 * gets as an error. What a daemon that is too late says is not heard.
 *
 * Not for the first daemons of a launcher: there nothing runs yet, and a node that cannot be
 * reached ends the launcher with a message, as on stock PRRTE.
 */
#include "ft_prrte.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

/* A URI that names a daemon and reaches nobody: stock code insists on one for each daemon. */
#define NOWHERE "tcp://127.0.0.1:1:32"

typedef struct {
    prte_event_t event;
    pmix_rank_t first, end; /* daemons started together */
} watch_t;

static prte_rml_buffer_callback_fn_t stock_report;

static bool has_reported(const prte_proc_t *daemon)
{
    return daemon->rml_uri != NULL;
}

/* ---- the launch goes on without a daemon */

static void continue_launches(prte_job_t *daemons)
{
    daemons->state = PRTE_JOB_STATE_DAEMONS_REPORTED;
    for (int i = 1; i < prte_job_data->size; i++) {
        prte_job_t *job = (prte_job_t *) pmix_pointer_array_get_item(prte_job_data, i);
        if (job != NULL && job->state == PRTE_JOB_STATE_DAEMONS_LAUNCHED)
            PRTE_ACTIVATE_JOB_STATE(job, PRTE_JOB_STATE_DAEMONS_REPORTED);
    }
}

/* The launch counts daemons that reported; stock code that follows wants an address of each. */
static void report_instead_of(prte_proc_t *daemon)
{
    prte_job_t *daemons = prte_get_job_data_object(PRTE_PROC_MY_NAME->nspace);
    pmix_value_t uri;
    char *text = NULL;

    pmix_asprintf(&text, "%s.%u;" NOWHERE, daemon->name.nspace, daemon->name.rank);
    if (text == NULL) {
        PRTE_ERROR_LOG(PRTE_ERR_OUT_OF_RESOURCE);
        return;
    }
    PMIX_VALUE_LOAD(&uri, text, PMIX_STRING);
    if (PMIx_Store_internal(&daemon->name, PMIX_PROC_URI, &uri) != PMIX_SUCCESS)
        PRTE_ERROR_LOG(PRTE_ERROR);
    PMIX_VALUE_DESTRUCT(&uri);
    daemon->rml_uri = text;
    daemons->num_reported++;
    daemons->num_daemons_reported++;
    if (daemons->num_reported == daemons->num_procs)
        continue_launches(daemons);
}

/* The ssh that started it may hang for long on a connection that says nothing any more. */
static void end_starter(prte_proc_t *daemon)
{
    siginfo_t info;

    if (daemon->pid > 0
        && waitid(P_PID, (id_t) daemon->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
        kill(daemon->pid, SIGTERM);
}

void ftp_starting_lose(prte_proc_t *daemon)
{
    if (!has_reported(daemon))
        report_instead_of(daemon);
    end_starter(daemon);
}

/* ---- deadline */

static void on_deadline(int fd, short args, void *cbdata)
{
    watch_t *watch = (watch_t *) cbdata;

    (void) fd;
    (void) args;
    for (pmix_rank_t rank = watch->first; rank < watch->end; rank++) {
        prte_proc_t *daemon = ftp_daemon_of(rank);
        if (daemon != NULL && daemon->node != NULL && !has_reported(daemon)
            && ftp_job_any_tolerant() && !prte_finalizing && !prte_prteds_term_ordered) {
            ftp_say(1, "daemon %u on node %s did not report in time", rank, daemon->node->name);
            ftp_survive_loss(daemon, PRTE_PROC_STATE_FAILED_TO_START);
        }
    }
    free(watch);
}

void ftp_starting_watch(pmix_rank_t first)
{
    prte_job_t *daemons = prte_get_job_data_object(PRTE_PROC_MY_NAME->nspace);
    struct timeval deadline = {.tv_sec = ftp_params.start_timeout_s};
    watch_t *watch;

    if (daemons == NULL || first >= daemons->num_procs || !ftp_job_any_tolerant()
        || ftp_params.start_timeout_s <= 0)
        return;
    watch = calloc(1, sizeof *watch);
    if (watch == NULL) {
        PRTE_ERROR_LOG(PRTE_ERR_OUT_OF_RESOURCE);
        return;
    }
    watch->first = first;
    watch->end = daemons->num_procs;
    prte_event_evtimer_set(prte_event_base, &watch->event, on_deadline, watch);
    prte_event_evtimer_add(&watch->event, &deadline);
}

/* ---- a daemon that was given up reports */

static void on_report(int status, pmix_proc_t *sender, pmix_data_buffer_t *buffer,
                      prte_rml_tag_t tag, void *cbdata)
{
    if (ftp_routing_is_lost(sender->rank)) {
        ftp_say(1, "daemon %u, lost before, reports: ignored", sender->rank);
        return;
    }
    stock_report(status, sender, buffer, tag, cbdata);
}

void ftp_starting_start(void)
{
    if (stock_report == NULL)
        stock_report = ftp_hook_receive(PRTE_RML_TAG_PRTED_CALLBACK, on_report);
}
