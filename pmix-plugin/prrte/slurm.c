/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slurm.c - on the master: daemons on nodes that Slurm gave, where PRRTE chose plm/slurm.
 *
 * What a job that asked for fault tolerance needs of plm/slurm is more than 3.0.8's can do:
 *
 *   growth       the daemons of a second launch are given the ranks of the first one
 *   a lost node  its srun lets Slurm end all of the step when a node of it dies
 *   srun ends    whatever the reason, all is over; where `srun -V` says "slurm-wlm 24.11.5" (Debian), it
 *                is over with a complaint about a version of Slurm that is too old
 *   others' nodes  a node of another allocation of the user cannot be reached with srun in this one
 *
 * So for tolerant jobs the sruns are started here:
 *
 *   nodes of the allocation   one srun for neighbours in rank, as on stock (srun.c)
 *   any other node            which of the user's jobs has it is asked of Slurm (lookup.c); one srun
 *                             each, in that job
 *
 * An srun that ends takes with it those of its daemons that have not reported: a spawn goes on
 * without them (starting.c), a launcher's first launch ends with Slurm's own words. Daemons that
 * have reported speak for themselves, by their connections. plm/slurm's end, which waits for its
 * srun, is replaced by that of the other launchers: the daemons are told to end, and have when
 * their connections are closed.
 *
 * Called by job.c; everything on the launcher's event loop.
 */
#include "slurm.h"

#include <stdio.h>
#include <string.h>

#include "lookup.h"
#include "report.h"
#include "src/mca/plm/base/plm_private.h"
#include "src/mca/plm/plm.h"
#include "src/util/pmix_argv.h"
#include "srun.h"

/* Weak: where plm/slurm was not built in, there is nothing to do here. */
extern prte_plm_base_module_t prte_plm_slurm_module __attribute__((weak));

static char **allocated; /* names of the nodes that PRRTE's allocation has */
static prte_state_cbfunc_t stock_daemons_terminated;

bool ftp_slurm_is_here(void)
{
    return &prte_plm_slurm_module != NULL && prte_plm.spawn != NULL
           && prte_plm.spawn == prte_plm_slurm_module.spawn;
}

static bool is_ending(void)
{
    return prte_finalizing || prte_prteds_term_ordered || prte_abnormal_term_ordered;
}

static bool is_of_allocation(const prte_node_t *node)
{
    for (int i = 0; allocated != NULL && allocated[i] != NULL; i++)
        if (strcmp(allocated[i], node->name) == 0)
            return true;
    return false;
}

/* ---- a daemon that Slurm does not start */

static bool is_awaited(const prte_proc_t *daemon)
{
    return daemon != NULL && daemon->node != NULL && daemon->rml_uri == NULL
           && !ftp_routing_is_lost(daemon->name.rank) && !is_ending();
}

/* Nothing runs yet: the launcher ends, with Slurm's own words. */
static void fail_first_launch(pmix_rank_t first, pmix_rank_t end, const char *why)
{
    static bool said;
    char nodes[256] = "";

    for (pmix_rank_t rank = first; rank < end && strlen(nodes) < 200; rank++) {
        const prte_proc_t *daemon = ftp_daemon_of(rank);
        size_t n = strlen(nodes);
        if (is_awaited(daemon))
            snprintf(nodes + n, sizeof nodes - n, "%s%.100s", n > 0 ? "," : "", daemon->node->name);
    }
    if (nodes[0] == '\0' || said)
        return;
    said = true;
    ftp_warn("Slurm did not start PRRTE's daemons on %s:\n%s\nThe job is not started.", nodes, why);
    PRTE_UPDATE_EXIT_STATUS(1);
    PRTE_ACTIVATE_JOB_STATE(prte_get_job_data_object(PRTE_PROC_MY_NAME->nspace),
                            PRTE_JOB_STATE_FAILED_TO_START);
}

/* Those from first to end - 1 that have not reported are not coming. */
static void fail(pmix_rank_t first, pmix_rank_t end, const char *why)
{
    if (!ftp_job_any_tolerant() || !ftp_routing_is_flat()) {
        fail_first_launch(first, end, why);
        return;
    }
    for (pmix_rank_t rank = first; rank < end; rank++) {
        prte_proc_t *daemon = ftp_daemon_of(rank);

        if (!is_awaited(daemon))
            continue;
        ftp_say(1, "no daemon on node %s: %s", daemon->node->name, why);
        ftp_report_no_unit(daemon->node->name, why);
        ftp_survive_loss(daemon, PRTE_PROC_STATE_FAILED_TO_START);
    }
}

/* ---- in the place of plm/slurm */

static void on_looked_up(pmix_rank_t rank, const char *id, const char *why)
{
    if (!is_awaited(ftp_daemon_of(rank)))
        return;
    if (why == NULL)
        ftp_srun_start(NULL, id, rank, rank + 1, fail);
    else
        fail(rank, rank + 1, why);
}

static void start_all(const prte_job_t *job, pmix_rank_t first, pmix_rank_t end)
{
    pmix_rank_t from = first;

    while (from < end) {
        pmix_rank_t to = from;

        while (to < end && is_of_allocation(ftp_daemon_of(to)->node)
               && (to == from || !ftp_srun_is_for_one_node()))
            to++;
        if (to > from)
            ftp_srun_start(job, NULL, from, to, fail);
        else
            ftp_lookup(to++, on_looked_up);
        from = to;
    }
}

void ftp_slurm_launch(prte_job_t *job)
{
    prte_job_t *daemons = prte_get_job_data_object(PRTE_PROC_MY_NAME->nspace);
    pmix_rank_t first = daemons->num_procs;
    int rc = prte_plm_base_setup_virtual_machine(job);

    if (rc != PRTE_SUCCESS) {
        PRTE_ERROR_LOG(rc);
        PRTE_ACTIVATE_JOB_STATE(job, PRTE_JOB_STATE_FAILED_TO_LAUNCH);
        return;
    }
    job->state = PRTE_JOB_STATE_DAEMONS_LAUNCHED;
    if (first == daemons->num_procs
        || prte_get_attribute(&daemons->attributes, PRTE_JOB_DO_NOT_LAUNCH, NULL, PMIX_BOOL)) {
        PRTE_ACTIVATE_JOB_STATE(job, PRTE_JOB_STATE_DAEMONS_REPORTED);
        return;
    }
    daemons->state = PRTE_JOB_STATE_DAEMONS_LAUNCHED;
    start_all(job, first, daemons->num_procs);
}

/* plm/slurm's own waits for its srun, which this is not. */
static int terminate_daemons(void)
{
    int rc = prte_plm_base_prted_exit(PRTE_DAEMON_EXIT_CMD);

    if (rc != PRTE_SUCCESS)
        PRTE_ERROR_LOG(rc);
    return rc;
}

/* Of an srun that plm/slurm started (for prte, before a tolerant job came): its end says nothing
 * that the daemons' connections do not say. */
static void on_daemons_terminated(int fd, short args, void *cbdata)
{
    if (!is_ending() && ftp_job_any_tolerant() && ftp_routing_is_flat()) {
        ftp_say(1, "an srun of plm/slurm has ended; the job goes on");
        PMIX_RELEASE(cbdata);
        return;
    }
    stock_daemons_terminated(fd, args, cbdata);
}

void ftp_slurm_allocated(void)
{
    if (stock_daemons_terminated != NULL || !ftp_slurm_is_here())
        return;
    for (int i = 0; prte_managed_allocation && i < prte_node_pool->size; i++) {
        prte_node_t *node = (prte_node_t *) pmix_pointer_array_get_item(prte_node_pool, i);
        if (node != NULL && node->name != NULL)
            PMIX_ARGV_APPEND_NOSIZE_COMPAT(&allocated, node->name);
    }
    stock_daemons_terminated = ftp_hook_job_state(PRTE_JOB_STATE_DAEMONS_TERMINATED,
                                                  on_daemons_terminated);
    prte_plm.terminate_orteds = terminate_daemons;
}

/* ---- the end */

void ftp_slurm_fini(void)
{
    PMIX_ARGV_FREE_COMPAT(allocated);
    allocated = NULL;
    ftp_lookup_fini();
    ftp_srun_fini();
}
