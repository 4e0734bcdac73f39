/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * modex.c - direct modex: nobody waits for data of a process on a lost node, and no other request
 * is lost to an answer.
 *
 * A process that wants a peer's address and does not have it yet makes its PMIx server ask the
 * daemon of that peer (direct modex). Stock PRRTE sends the question and waits, without a limit.
 * When the daemon is lost, the questions to it that are open are answered with an error here, and
 * those that come later are refused before they are sent.
 *
 * The answer is dangerous to others: stock pmix_server_dmdx_resp ends all requests of this daemon's
 * processes whose `tproc` is the process that the answer is about. A lookup, a publish or a spawn
 * has none, but its object is not cleared when it is made, and holds what was in its memory before:
 * often that of a former modex request for the same process. It is then dropped, unanswered, and
 * MPI_Comm_connect or MPI_Comm_spawn hangs (one time in twelve on a busy machine). So before each
 * answer they are given a tproc that is nobody.
 *
 * PMIx calls on_request from its own thread; everything else runs on PRRTE's.
 */
#include "ft_prrte.h"

#include <stdlib.h>

#include "src/prted/pmix/pmix_server_internal.h"

/* libpmix's table of the functions that prterun and prted registered with it */
extern pmix_server_module_t pmix_host_server;

static pmix_server_dmodex_req_fn_t stock_request;
static prte_rml_buffer_callback_fn_t stock_answer;

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

static void on_answer(int status, pmix_proc_t *sender, pmix_data_buffer_t *answer,
                      prte_rml_tag_t tag, void *cbdata)
{
    pmix_pointer_array_t *open = &prte_pmix_server_globals.local_reqs;

    for (int i = 0; i < open->size; i++) {
        pmix_server_req_t *r = (pmix_server_req_t *) pmix_pointer_array_get_item(open, i);
        if (r != NULL && r->mdxcbfunc == NULL)
            PMIX_LOAD_PROCID(&r->tproc, "nobody", PMIX_RANK_INVALID); /* "" would match all */
    }
    stock_answer(status, sender, answer, tag, cbdata);
}

static void serve_request(int fd, short args, void *cbdata)
{
    request_t *r = (request_t *) cbdata;
    pmix_status_t rc = PMIX_ERR_PROC_TERM_WO_SYNC;

    (void) fd;
    (void) args;
    if (stock_answer == NULL) /* no answer comes before a request; PRRTE listens for them by now */
        stock_answer = ftp_hook_receive(PRTE_RML_TAG_DIRECT_MODEX_RESP, on_answer);
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
    if (stock_answer != NULL)
        ftp_hook_receive(PRTE_RML_TAG_DIRECT_MODEX_RESP, stock_answer);
    stock_answer = NULL;
}
