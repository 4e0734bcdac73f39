/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * modex.c - nobody waits for data of a process on a lost node.
 *
 * A process that wants a peer's address and does not have it yet makes its PMIx server ask the
 * daemon of that peer (direct modex). Stock PRRTE sends the question and waits, without a limit. When
 * the daemon is lost, the questions to it that are open are answered with an error here, and those
 * that come later are refused before they are sent.
 *
 * PMIx calls on_request from its own thread; everything else runs on PRRTE's.
 */
#include "ft_prrte.h"

#include <stdlib.h>

#include "src/prted/pmix/pmix_server_internal.h"

/* libpmix's table of the functions that prterun and prted registered with it */
extern pmix_server_module_t pmix_host_server;

static pmix_server_dmodex_req_fn_t stock_request;

typedef struct {
    prte_event_t event;
    pmix_proc_t proc;
    const pmix_info_t *info;
    size_t n_info;
    pmix_modex_cbfunc_t answer;
    void *cbdata;
} request_t;

static bool is_on_lost_node(const pmix_proc_t *name)
{
    prte_job_t *job = prte_get_job_data_object(name->nspace);
    prte_proc_t *proc;

    if (job == NULL || name->rank > INT_MAX)
        return false;
    proc = (prte_proc_t *) pmix_pointer_array_get_item(job->procs, (int) name->rank);
    return proc != NULL && proc->node != NULL && proc->node->daemon != NULL
           && ftp_routing_is_lost(proc->node->daemon->name.rank);
}

static void serve_request(int fd, short args, void *cbdata)
{
    request_t *r = (request_t *) cbdata;
    pmix_status_t rc = PMIX_ERR_PROC_TERM_WO_SYNC;

    (void) fd;
    (void) args;
    if (!is_on_lost_node(&r->proc))
        rc = stock_request(&r->proc, r->info, r->n_info, r->answer, r->cbdata);
    if (rc != PMIX_SUCCESS)
        r->answer(rc, NULL, 0, r->cbdata, NULL, NULL);
    free(r);
}

static pmix_status_t on_request(const pmix_proc_t *proc, const pmix_info_t info[], size_t n_info,
                                pmix_modex_cbfunc_t answer, void *cbdata)
{
    request_t *r = calloc(1, sizeof *r);

    if (r == NULL)
        return PMIX_ERR_NOMEM;
    r->proc = *proc;
    r->info = info; /* PMIx keeps it until the answer */
    r->n_info = n_info;
    r->answer = answer;
    r->cbdata = cbdata;
    prte_event_set(prte_event_base, &r->event, -1, PRTE_EV_WRITE, serve_request, r);
    PMIX_POST_OBJECT(r);
    prte_event_active(&r->event, PRTE_EV_WRITE, 1);
    return PMIX_SUCCESS;
}

void ftp_modex_lose(pmix_rank_t rank)
{
    pmix_pointer_array_t *open = &prte_pmix_server_globals.local_reqs;

    for (int i = 0; i < open->size; i++) {
        pmix_server_req_t *r = (pmix_server_req_t *) pmix_pointer_array_get_item(open, i);
        if (r == NULL || r->mdxcbfunc == NULL)
            continue;
        if (!(PMIX_CHECK_NSPACE(r->proxy.nspace, PRTE_PROC_MY_NAME->nspace)
              && r->proxy.rank == rank)
            && !is_on_lost_node(&r->tproc))
            continue;
        pmix_pointer_array_set_item(open, i, NULL);
        r->mdxcbfunc(PMIX_ERR_PROC_TERM_WO_SYNC, NULL, 0, r->cbdata, NULL, NULL);
        PMIX_RELEASE(r);
    }
}

void ftp_modex_init(void)
{
    stock_request = pmix_host_server.direct_modex;
    if (stock_request != NULL)
        pmix_host_server.direct_modex = on_request;
}

void ftp_modex_fini(void)
{
    if (pmix_host_server.direct_modex == on_request)
        pmix_host_server.direct_modex = stock_request;
}
