/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep.c - in prted: a tolerant job is known on a node as long as it runs anywhere.
 *
 * Stock prted forgets a job when the last of its processes on the node has ended. A stand-in that
 * is started on that node later then cannot connect to the job: its daemon does not know it ("Not
 * supported" in PMIx_Connect). So for a tolerant job the last end is reported to the master here,
 * in the words of stock prted, and what it forgets is kept: in prterun's daemons until they end,
 * in a DVM until the master says that the job has ended.
 */
#include "ft_prrte.h"

#include "ranks.h"
#include "src/mca/iof/iof.h"

static prte_state_cbfunc_t stock_terminated, stock_launched;

static prte_proc_t *local_child(int i, const prte_job_t *job)
{
    prte_proc_t *child = (prte_proc_t *) pmix_pointer_array_get_item(prte_local_children, i);

    return child != NULL && PMIX_CHECK_NSPACE(child->name.nspace, job->nspace) ? child : NULL;
}

static pmix_status_t pack_process(pmix_data_buffer_t *report, prte_proc_t *child)
{
    pmix_status_t rc = PMIx_Data_pack(NULL, report, &child->name.rank, 1, PMIX_PROC_RANK);

    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, report, &child->pid, 1, PMIX_PID);
    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, report, &child->state, 1, PMIX_UINT32);
    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, report, &child->exit_code, 1, PMIX_INT32);
    return rc;
}

static pmix_status_t pack_report(pmix_data_buffer_t *report, prte_job_t *job)
{
    prte_plm_cmd_flag_t command = PRTE_PLM_UPDATE_PROC_STATE;
    pmix_rank_t end = PMIX_RANK_INVALID;
    pmix_status_t rc = PMIx_Data_pack(NULL, report, &command, 1, PMIX_UINT8);

    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, report, &job->nspace, 1, PMIX_PROC_NSPACE);
    for (int i = 0; rc == PMIX_SUCCESS && i < prte_local_children->size; i++) {
        prte_proc_t *child = local_child(i, job);
        if (child == NULL || PRTE_FLAG_TEST(child, PRTE_PROC_FLAG_TERM_REPORTED))
            continue;
        rc = pack_process(report, child);
        PRTE_FLAG_SET(child, PRTE_PROC_FLAG_TERM_REPORTED);
    }
    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, report, &end, 1, PMIX_PROC_RANK);
    return rc;
}

static void report_end(prte_job_t *job)
{
    pmix_data_buffer_t *report;
    int rc;

    PMIX_DATA_BUFFER_CREATE(report);
    rc = pack_report(report, job);
    if (rc == PMIX_SUCCESS)
        PRTE_RML_SEND(rc, PRTE_PROC_MY_HNP->rank, report, PRTE_RML_TAG_PLM);
    if (rc != PRTE_SUCCESS) {
        PRTE_ERROR_LOG(rc);
        PMIX_DATA_BUFFER_RELEASE(report);
    }
    for (int i = 0; i < prte_local_children->size; i++) {
        prte_proc_t *child = local_child(i, job);
        if (child != NULL) {
            pmix_pointer_array_set_item(prte_local_children, i, NULL);
            PMIX_RELEASE(child);
        }
    }
    if (prte_iof.complete != NULL)
        prte_iof.complete(job);
}

static bool is_last(prte_job_t *job, const pmix_proc_t *name)
{
    prte_proc_t *proc;

    if (!ftp_job_is_tolerant(job) || name->rank > INT_MAX
        || prte_get_attribute(&job->attributes, PRTE_JOB_TERM_NOTIFIED, NULL, PMIX_BOOL))
        return false;
    proc = (prte_proc_t *) pmix_pointer_array_get_item(job->procs, (int) name->rank);
    return proc != NULL
           && job->num_terminated + (PRTE_FLAG_TEST(proc, PRTE_PROC_FLAG_RECORDED) ? 0 : 1)
                  == job->num_local_procs;
}

static void on_terminated(int fd, short args, void *cbdata)
{
    prte_state_caddy_t *caddy = (prte_state_caddy_t *) cbdata;
    prte_job_t *job = prte_get_job_data_object(caddy->name.nspace);
    bool last = is_last(job, &caddy->name);

    if (last) /* stock then leaves the job alone */
        prte_set_attribute(&job->attributes, PRTE_JOB_TERM_NOTIFIED, PRTE_ATTR_LOCAL, NULL,
                           PMIX_BOOL);
    stock_terminated(fd, args, cbdata);
    if (last)
        report_end(job);
    ftp_ranks_changed();
}

/* All processes of a job that are to run here do. */
static void on_launched(int fd, short args, void *cbdata)
{
    stock_launched(fd, args, cbdata);
    ftp_ranks_changed();
}

int ftp_keep_init(void)
{
    stock_terminated = ftp_hook_proc_state(PRTE_PROC_STATE_TERMINATED, on_terminated);
    stock_launched = ftp_hook_job_state(PRTE_JOB_STATE_LOCAL_LAUNCH_COMPLETE, on_launched);
    return stock_terminated != NULL && stock_launched != NULL ? PRTE_SUCCESS : PRTE_ERR_NOT_FOUND;
}
