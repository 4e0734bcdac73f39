/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * serve.c - everywhere: PMIx_Allocation_request and the queries about allocations, on their way to
 * the master and back.
 *
 * Stock PRRTE 3.0.8 passes a request for nodes to a "scheduler", a tool that has attached itself to
 * the master, and answers NOT_SUPPORTED if there is none; queries do not go there at all, and
 * PMIX_QUERY_ALLOCATION crashes the daemon (it adds to a list that it has just freed, and looks at
 * the topology of nodes without daemons). Being such a tool would take another process, would make
 * it the server of all that the master itself asks PMIx, and leave the queries out. So the two
 * functions of libpmix's table of upcalls (`pmix_host_server`) are replaced in every daemon, and
 * the master decides (alloc.c). A scheduler that is attached all the same is asked as on stock.
 *
 *     process --PMIx--> its daemon --FTP_TAG_ALLOC--> master --libft--> central unit --> src/rms
 *                                  <-FTP_TAG_ALLOCATED-
 *
 * FTP_TAG_ALLOC: number (uint32), the client (proc), directive (0: a query); for a directive the
 * number of infos (size) and the infos, for a query the number of queries and the queries.
 * FTP_TAG_ALLOCATED: number, status, number of infos, the infos.
 *
 * PMIx calls from its own thread; everything else runs on PRRTE's. What a daemon has under way ends
 * with the daemon: its connection to the master is its lifeline.
 */
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "src/prted/pmix/pmix_server_internal.h"
#include "src/util/pmix_argv.h"

#define QUERY 0 /* in the place of a directive; PMIx's begin at 1 */

/* libpmix's table of the functions that prterun and prted registered with it */
extern pmix_server_module_t pmix_host_server;

typedef struct upcall {
    prte_event_t event;
    uint32_t number;
    pmix_proc_t client;
    pmix_alloc_directive_t directive;
    const pmix_info_t *info; /* PMIx keeps them until the answer, like queries */
    pmix_query_t *queries;
    size_t n;
    pmix_query_t *ours, *others; /* copies of the queries, by whose they are */
    size_t n_ours, n_others;
    pmix_info_cbfunc_t answer;
    void *cbdata;
    pmix_info_t *result;
    size_t n_result;
    struct upcall *next;
} upcall_t;

/* Somebody else's, on the master. */
typedef struct {
    pmix_rank_t rank;
    uint32_t number;
} remote_t;

static pmix_server_alloc_fn_t stock_allocate;
static pmix_server_query_fn_t stock_query;
static upcall_t *sent; /* to the master */
static uint32_t last_number;

/* ---- the end of an upcall */

static void release(void *cbdata)
{
    upcall_t *upcall = (upcall_t *) cbdata;

    if (upcall->result != NULL)
        PMIX_INFO_FREE(upcall->result, upcall->n_result);
    if (upcall->ours != NULL)
        PMIX_QUERY_FREE(upcall->ours, upcall->n_ours);
    if (upcall->others != NULL)
        PMIX_QUERY_FREE(upcall->others, upcall->n_others);
    free(upcall);
}

static void finish(upcall_t *upcall, pmix_status_t status)
{
    upcall->answer(status, upcall->result, upcall->n_result, upcall->cbdata, release, upcall);
}

/* Puts more infos behind those that there are. */
static void append(upcall_t *upcall, const pmix_info_t *info, size_t n)
{
    pmix_info_t *all;

    if (n == 0)
        return;
    PMIX_INFO_CREATE(all, upcall->n_result + n);
    for (size_t i = 0; i < upcall->n_result; i++)
        PMIX_INFO_XFER(&all[i], &upcall->result[i]);
    for (size_t i = 0; i < n; i++)
        PMIX_INFO_XFER(&all[upcall->n_result + i], (pmix_info_t *) &info[i]);
    if (upcall->result != NULL)
        PMIX_INFO_FREE(upcall->result, upcall->n_result);
    upcall->result = all;
    upcall->n_result += n;
}

static void on_stock_answer(pmix_status_t status, pmix_info_t *info, size_t n, void *cbdata,
                            pmix_release_cbfunc_t rel, void *relcbdata)
{
    upcall_t *upcall = (upcall_t *) cbdata;
    bool some = upcall->n_result > 0;

    append(upcall, info, n);
    if (rel != NULL)
        rel(relcbdata);
    finish(upcall, status != PMIX_SUCCESS && some ? PMIX_QUERY_PARTIAL_SUCCESS : status);
}

/* Of a query's keys, ours have their answer; the rest is stock PRRTE's. */
static void on_answer(void *arg, pmix_status_t status, pmix_info_t *info, size_t n)
{
    upcall_t *upcall = (upcall_t *) arg;

    append(upcall, info, n);
    if (info != NULL)
        PMIX_INFO_FREE(info, n);
    if (upcall->n_others > 0
        && stock_query(&upcall->client, upcall->others, upcall->n_others, on_stock_answer, upcall)
               == PMIX_SUCCESS)
        return;
    finish(upcall, status);
}

/* ---- to the master, and back */

static int pack_upcall(pmix_data_buffer_t *message, upcall_t *upcall)
{
    bool query = upcall->directive == QUERY;
    size_t n = query ? upcall->n_ours : upcall->n;
    pmix_status_t rc = PMIx_Data_pack(NULL, message, &upcall->number, 1, PMIX_UINT32);

    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, message, &upcall->client, 1, PMIX_PROC);
    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, message, &upcall->directive, 1, PMIX_UINT8);
    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, message, &n, 1, PMIX_SIZE);
    if (rc == PMIX_SUCCESS && n > 0)
        rc = query ? PMIx_Data_pack(NULL, message, upcall->ours, (int32_t) n, PMIX_QUERY)
                   : PMIx_Data_pack(NULL, message, (void *) upcall->info, (int32_t) n, PMIX_INFO);
    return rc;
}

static void send_to_master(upcall_t *upcall)
{
    pmix_data_buffer_t *message;
    int rc;

    upcall->number = ++last_number;
    PMIX_DATA_BUFFER_CREATE(message);
    rc = pack_upcall(message, upcall);
    if (rc == PMIX_SUCCESS)
        PRTE_RML_SEND(rc, PRTE_PROC_MY_HNP->rank, message, FTP_TAG_ALLOC);
    if (rc != PRTE_SUCCESS) {
        PRTE_ERROR_LOG(rc);
        PMIX_DATA_BUFFER_RELEASE(message);
        finish(upcall, PMIX_ERR_COMM_FAILURE);
        return;
    }
    upcall->next = sent;
    sent = upcall;
}

static void on_allocated(int status, pmix_proc_t *sender, pmix_data_buffer_t *buffer,
                         prte_rml_tag_t tag, void *cbdata)
{
    uint32_t number = 0;
    pmix_status_t result = PMIX_ERROR;
    pmix_info_t *info = NULL;
    size_t n = 0;
    int32_t one = 1, count;
    upcall_t **link = &sent, *upcall;

    (void) status;
    (void) sender;
    (void) tag;
    (void) cbdata;
    if (PMIx_Data_unpack(NULL, buffer, &number, &one, PMIX_UINT32) != PMIX_SUCCESS)
        return;
    while (*link != NULL && (*link)->number != number)
        link = &(*link)->next;
    if ((upcall = *link) == NULL)
        return;
    *link = upcall->next;
    if (PMIx_Data_unpack(NULL, buffer, &result, &one, PMIX_STATUS) == PMIX_SUCCESS
        && PMIx_Data_unpack(NULL, buffer, &n, &one, PMIX_SIZE) == PMIX_SUCCESS && n > 0
        && n < INT32_MAX) {
        PMIX_INFO_CREATE(info, n);
        count = (int32_t) n;
        if (PMIx_Data_unpack(NULL, buffer, info, &count, PMIX_INFO) != PMIX_SUCCESS)
            result = PMIX_ERR_UNPACK_FAILURE;
    }
    on_answer(upcall, result, info, info != NULL ? n : 0);
}

/* ---- on the master, for a daemon's client */

static void answer_remote(void *arg, pmix_status_t status, pmix_info_t *info, size_t n)
{
    remote_t *remote = (remote_t *) arg;
    pmix_data_buffer_t *message;
    int rc;

    PMIX_DATA_BUFFER_CREATE(message);
    rc = PMIx_Data_pack(NULL, message, &remote->number, 1, PMIX_UINT32);
    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, message, &status, 1, PMIX_STATUS);
    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, message, &n, 1, PMIX_SIZE);
    if (rc == PMIX_SUCCESS && n > 0)
        rc = PMIx_Data_pack(NULL, message, info, (int32_t) n, PMIX_INFO);
    if (rc == PMIX_SUCCESS && !ftp_routing_is_lost(remote->rank))
        PRTE_RML_SEND(rc, remote->rank, message, FTP_TAG_ALLOCATED);
    else
        PMIX_DATA_BUFFER_RELEASE(message);
    if (rc != PRTE_SUCCESS)
        PRTE_ERROR_LOG(rc);
    if (info != NULL)
        PMIX_INFO_FREE(info, n);
    free(remote);
}

static bool read_and_do(pmix_data_buffer_t *buffer, remote_t *remote)
{
    pmix_proc_t client;
    uint8_t directive;
    size_t n = 0;
    int32_t one = 1, count;
    pmix_info_t *info = NULL;
    pmix_query_t *queries = NULL;
    bool good;

    if (PMIx_Data_unpack(NULL, buffer, &remote->number, &one, PMIX_UINT32) != PMIX_SUCCESS
        || PMIx_Data_unpack(NULL, buffer, &client, &one, PMIX_PROC) != PMIX_SUCCESS
        || PMIx_Data_unpack(NULL, buffer, &directive, &one, PMIX_UINT8) != PMIX_SUCCESS
        || PMIx_Data_unpack(NULL, buffer, &n, &one, PMIX_SIZE) != PMIX_SUCCESS || n >= INT32_MAX)
        return false;
    count = (int32_t) n;
    if (directive == QUERY) {
        PMIX_QUERY_CREATE(queries, n);
        good = n > 0 && PMIx_Data_unpack(NULL, buffer, queries, &count, PMIX_QUERY) == PMIX_SUCCESS;
        if (good)
            ftp_alloc_query(queries, n, answer_remote, remote);
        PMIX_QUERY_FREE(queries, n);
        return good;
    }
    if (n > 0)
        PMIX_INFO_CREATE(info, n);
    good = n == 0 || PMIx_Data_unpack(NULL, buffer, info, &count, PMIX_INFO) == PMIX_SUCCESS;
    if (good)
        ftp_alloc_request(&client, directive, info, n, answer_remote, remote);
    if (info != NULL)
        PMIX_INFO_FREE(info, n);
    return good;
}

static void on_alloc(int status, pmix_proc_t *sender, pmix_data_buffer_t *buffer,
                     prte_rml_tag_t tag, void *cbdata)
{
    remote_t *remote = calloc(1, sizeof *remote);

    (void) status;
    (void) tag;
    (void) cbdata;
    if (remote == NULL) {
        PRTE_ERROR_LOG(PRTE_ERR_OUT_OF_RESOURCE);
        return;
    }
    remote->rank = sender->rank;
    if (!read_and_do(buffer, remote)) {
        ftp_say(1, "a request for nodes from daemon %u cannot be read", sender->rank);
        free(remote);
    }
}

/* ---- upcalls */

static void serve(int fd, short args, void *cbdata)
{
    upcall_t *upcall = (upcall_t *) cbdata;

    (void) fd;
    (void) args;
    if (!PRTE_PROC_IS_MASTER)
        send_to_master(upcall);
    else if (upcall->directive == QUERY)
        ftp_alloc_query(upcall->ours, upcall->n_ours, on_answer, upcall);
    else
        ftp_alloc_request(&upcall->client, upcall->directive, upcall->info, upcall->n, on_answer,
                          upcall);
}

static void shift(upcall_t *upcall)
{
    prte_event_set(prte_event_base, &upcall->event, -1, PRTE_EV_WRITE, serve, upcall);
    PMIX_POST_OBJECT(upcall);
    prte_event_active(&upcall->event, PRTE_EV_WRITE, 1);
}

static pmix_status_t on_allocate(const pmix_proc_t *client, pmix_alloc_directive_t directive,
                                 const pmix_info_t info[], size_t n, pmix_info_cbfunc_t answer,
                                 void *cbdata)
{
    upcall_t *upcall = directive != QUERY ? calloc(1, sizeof *upcall) : NULL;

    if (upcall == NULL)
        return directive != QUERY ? PMIX_ERR_NOMEM : PMIX_ERR_BAD_PARAM;
    upcall->client = *client;
    upcall->directive = directive;
    upcall->info = info;
    upcall->n = n;
    upcall->answer = answer;
    upcall->cbdata = cbdata;
    shift(upcall);
    return PMIX_SUCCESS;
}

/* Copies of the queries with those keys only that are ours, or those that are not. */
static size_t pick(const pmix_query_t *queries, size_t n, bool ours, pmix_query_t **picked)
{
    size_t kept = 0;

    PMIX_QUERY_CREATE(*picked, n);
    for (size_t i = 0; i < n; i++) {
        pmix_query_t *to = &(*picked)[kept];

        for (char **key = queries[i].keys; key != NULL && *key != NULL; key++)
            if (ftp_alloc_is_ours(*key) == ours)
                PMIX_ARGV_APPEND_NOSIZE_COMPAT(&to->keys, *key);
        if (to->keys == NULL)
            continue;
        kept++;
        if (queries[i].nqual == 0)
            continue;
        PMIX_INFO_CREATE(to->qualifiers, queries[i].nqual);
        to->nqual = queries[i].nqual;
        for (size_t j = 0; j < to->nqual; j++)
            PMIX_INFO_XFER(&to->qualifiers[j], &queries[i].qualifiers[j]);
    }
    if (kept == 0) {
        PMIX_QUERY_FREE(*picked, n);
        *picked = NULL;
    }
    return kept;
}

static pmix_status_t on_query(pmix_proc_t *client, pmix_query_t *queries, size_t n,
                              pmix_info_cbfunc_t answer, void *cbdata)
{
    upcall_t *upcall = calloc(1, sizeof *upcall);

    if (upcall == NULL)
        return PMIX_ERR_NOMEM;
    upcall->n_ours = pick(queries, n, true, &upcall->ours);
    if (upcall->n_ours == 0) {
        free(upcall);
        return stock_query(client, queries, n, answer, cbdata);
    }
    upcall->n_others = pick(queries, n, false, &upcall->others);
    upcall->client = *client;
    upcall->directive = QUERY;
    upcall->answer = answer;
    upcall->cbdata = cbdata;
    shift(upcall);
    return PMIX_SUCCESS;
}

/* ---- stock */

typedef struct {
    ftp_answer_fn answer;
    void *arg;
    pmix_info_t *info;
    size_t n;
} passed_t;

static void on_passed(pmix_status_t status, pmix_info_t *info, size_t n, void *cbdata,
                      pmix_release_cbfunc_t rel, void *relcbdata)
{
    passed_t *passed = (passed_t *) cbdata;
    pmix_info_t *copy = NULL;

    if (n > 0)
        PMIX_INFO_CREATE(copy, n);
    for (size_t i = 0; i < n; i++)
        PMIX_INFO_XFER(&copy[i], &info[i]);
    passed->answer(passed->arg, status, copy, n);
    if (rel != NULL)
        rel(relcbdata);
    if (passed->info != NULL)
        PMIX_INFO_FREE(passed->info, passed->n);
    free(passed);
}

void ftp_serve_stock(const pmix_proc_t *client, pmix_alloc_directive_t directive,
                     const pmix_info_t *info, size_t n, ftp_answer_fn answer, void *arg)
{
    passed_t *passed = prte_pmix_server_globals.scheduler_connected ? calloc(1, sizeof *passed)
                                                                    : NULL;

    if (passed == NULL) {
        answer(arg, PMIX_ERR_NOT_SUPPORTED, NULL, 0);
        return;
    }
    passed->answer = answer;
    passed->arg = arg;
    passed->n = n;
    if (n > 0)
        PMIX_INFO_CREATE(passed->info, n);
    for (size_t i = 0; i < n; i++)
        PMIX_INFO_XFER(&passed->info[i], (pmix_info_t *) &info[i]);
    stock_allocate(client, directive, passed->info, n, on_passed, passed);
}

void ftp_serve_init(void)
{
    stock_allocate = pmix_host_server.allocate;
    stock_query = pmix_host_server.query;
    if (stock_allocate == NULL || stock_query == NULL)
        return;
    pmix_host_server.allocate = on_allocate;
    pmix_host_server.query = on_query;
    PRTE_RML_RECV(PRTE_NAME_WILDCARD, PRTE_PROC_IS_MASTER ? FTP_TAG_ALLOC : FTP_TAG_ALLOCATED,
                  PRTE_RML_PERSISTENT, PRTE_PROC_IS_MASTER ? on_alloc : on_allocated, NULL);
}

void ftp_serve_fini(void)
{
    if (pmix_host_server.allocate != on_allocate)
        return;
    pmix_host_server.allocate = stock_allocate;
    pmix_host_server.query = stock_query;
    PRTE_RML_CANCEL(PRTE_NAME_WILDCARD, PRTE_PROC_IS_MASTER ? FTP_TAG_ALLOC : FTP_TAG_ALLOCATED);
}
