/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * event.c - on the master: what is broadcast when a node is lost.
 *
 *   to processes   PMIX_EVENT_NODE_DOWN, through the notification that PRRTE's daemons hand to
 *                  their PMIx servers. Source: the lost daemon. With it PMIX_HOSTNAME (the node's
 *                  name as PRRTE knows it), PMIX_NODEID (its number in PMIx) and
 *                  PMIX_EVENT_NON_DEFAULT: a process that did not ask for it must not die of its
 *                  default event handler. PMIX_EVENT_NODE_OFFLINE, for a node that is going down
 *                  but has not yet. The failure of a process, to the jobs that are not its own.
 *   to daemons     FTP_TAG_LOST: uint32 n, then n ranks of daemons, all that were lost so far. All
 *                  of them each time, so that a daemon which came later is up to date.
 */
#include "ft_prrte.h"

#include <stdlib.h>

static void broadcast(prte_rml_tag_t tag, pmix_data_buffer_t *message)
{
    prte_grpcomm_signature_t *all = PMIX_NEW(prte_grpcomm_signature_t);
    int rc;

    all->signature = malloc(sizeof *all->signature); /* its destructor frees it */
    if (all->signature == NULL) {
        PRTE_ERROR_LOG(PRTE_ERR_OUT_OF_RESOURCE);
        PMIX_RELEASE(all);
        return;
    }
    PMIX_LOAD_PROCID(&all->signature[0], PRTE_PROC_MY_NAME->nspace, PMIX_RANK_WILDCARD);
    all->sz = 1;
    rc = prte_grpcomm.xcast(all, tag, message);
    if (rc != PRTE_SUCCESS)
        PRTE_ERROR_LOG(rc);
    PMIX_RELEASE(all);
}

static pmix_status_t pack_event(pmix_data_buffer_t *message, pmix_status_t code,
                                pmix_proc_t *source, pmix_data_range_t range, pmix_info_t *info,
                                size_t n)
{
    pmix_rank_t nobody = PMIX_RANK_INVALID; /* or the sender would not give it to its own server */
    pmix_status_t rc;

    rc = PMIx_Data_pack(NULL, message, &nobody, 1, PMIX_PROC_RANK);
    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, message, &code, 1, PMIX_STATUS);
    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, message, source, 1, PMIX_PROC);
    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, message, &range, 1, PMIX_DATA_RANGE);
    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, message, &n, 1, PMIX_SIZE);
    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, message, info, (int32_t) n, PMIX_INFO);
    return rc;
}

static void notify(pmix_status_t code, pmix_proc_t *source, pmix_data_range_t range,
                   pmix_info_t *info, size_t n)
{
    pmix_data_buffer_t message;
    pmix_status_t rc;

    PMIX_DATA_BUFFER_CONSTRUCT(&message);
    rc = pack_event(&message, code, source, range, info, n);
    if (rc == PMIX_SUCCESS)
        broadcast(PRTE_RML_TAG_NOTIFICATION, &message);
    else
        PMIX_ERROR_LOG(rc);
    PMIX_DATA_BUFFER_DESTRUCT(&message);
}

void ftp_event_node_down(const prte_node_t *node, pmix_rank_t daemon)
{
    pmix_proc_t source;
    pmix_info_t *info;
    uint32_t node_id = (uint32_t) node->index;
    bool yes = true;

    PMIX_LOAD_PROCID(&source, PRTE_PROC_MY_NAME->nspace, daemon);
    PMIX_INFO_CREATE(info, 3);
    PMIX_INFO_LOAD(&info[0], PMIX_EVENT_NON_DEFAULT, &yes, PMIX_BOOL);
    PMIX_INFO_LOAD(&info[1], PMIX_HOSTNAME, node->name, PMIX_STRING);
    PMIX_INFO_LOAD(&info[2], PMIX_NODEID, &node_id, PMIX_UINT32);
    notify(PMIX_EVENT_NODE_DOWN, &source, PMIX_RANGE_SESSION, info, 3);
    PMIX_INFO_FREE(info, 3);
}

/* PMIX_EVENT_NODE_OFFLINE: PMIx's word for a node that was taken out of service while it still
 * runs. Source: its daemon, which is well. Otherwise like NODE_DOWN, and why. */
void ftp_event_node_failing(const char *name, const char *why)
{
    prte_proc_t *daemon = ftp_daemon_on(name);
    pmix_info_t *info;
    uint32_t node_id;
    bool yes = true;

    if (daemon == NULL || ftp_routing_is_lost(daemon->name.rank))
        return;
    node_id = (uint32_t) daemon->node->index;
    PMIX_INFO_CREATE(info, 4);
    PMIX_INFO_LOAD(&info[0], PMIX_EVENT_NON_DEFAULT, &yes, PMIX_BOOL);
    PMIX_INFO_LOAD(&info[1], PMIX_HOSTNAME, daemon->node->name, PMIX_STRING);
    PMIX_INFO_LOAD(&info[2], PMIX_NODEID, &node_id, PMIX_UINT32);
    PMIX_INFO_LOAD(&info[3], PMIX_EVENT_TEXT_MESSAGE, why, PMIX_STRING);
    notify(PMIX_EVENT_NODE_OFFLINE, &daemon->name, PMIX_RANGE_SESSION, info, 4);
    PMIX_INFO_FREE(info, 4);
}

/* All processes of all tolerant jobs but one; n of them, to be freed. */
static pmix_proc_t *other_jobs(const pmix_nspace_t but, size_t *n)
{
    pmix_proc_t *jobs = calloc((size_t) prte_job_data->size + 1, sizeof *jobs);

    *n = 0;
    for (int i = 0; jobs != NULL && i < prte_job_data->size; i++) {
        prte_job_t *job = (prte_job_t *) pmix_pointer_array_get_item(prte_job_data, i);
        if (ftp_job_is_active(job) && ftp_job_is_tolerant(job)
            && !PMIX_CHECK_NSPACE(job->nspace, but))
            PMIX_LOAD_PROCID(&jobs[(*n)++], job->nspace, PMIX_RANK_WILDCARD);
    }
    return jobs;
}

void ftp_event_process_failed(const prte_proc_t *proc, pmix_status_t code)
{
    pmix_proc_t source = proc->name;
    pmix_data_array_t range = {.type = PMIX_PROC};
    pmix_info_t *info;

    range.array = other_jobs(proc->name.nspace, &range.size);
    if (range.size > 0) {
        PMIX_INFO_CREATE(info, 2);
        PMIX_INFO_LOAD(&info[0], PMIX_EVENT_AFFECTED_PROC, &source, PMIX_PROC);
        PMIX_INFO_LOAD(&info[1], PMIX_EVENT_CUSTOM_RANGE, &range, PMIX_DATA_ARRAY);
        notify(code, &source, PMIX_RANGE_CUSTOM, info, 2);
        PMIX_INFO_FREE(info, 2);
    }
    free(range.array);
}

void ftp_event_tell_daemons(void)
{
    pmix_data_buffer_t message;
    const pmix_rank_t *lost;
    size_t n;
    uint32_t count;
    pmix_status_t rc;

    lost = ftp_routing_lost(&n);
    count = (uint32_t) n;
    PMIX_DATA_BUFFER_CONSTRUCT(&message);
    rc = PMIx_Data_pack(NULL, &message, &count, 1, PMIX_UINT32);
    if (rc == PMIX_SUCCESS && n > 0)
        rc = PMIx_Data_pack(NULL, &message, (void *) lost, (int32_t) n, PMIX_PROC_RANK);
    if (rc == PMIX_SUCCESS)
        broadcast(FTP_TAG_LOST, &message);
    else
        PMIX_ERROR_LOG(rc);
    PMIX_DATA_BUFFER_DESTRUCT(&message);
}
