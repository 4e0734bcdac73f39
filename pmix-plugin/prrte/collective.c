/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * collective.c - on the master: collectives of the daemons that wait for a lost one.
 *
 * A PMIx fence, connect, disconnect or group of processes on several nodes is a gathering of their
 * daemons: each sends its part to the master, which counts, and when all are there tells everybody.
 * A participant that is lost before it sent its part leaves all the others waiting for ever. So the
 * master's receiver is wrapped: who has sent is remembered, and for a lost daemon that has not, an
 * empty part is sent in its place whose status is an error. When the survivors have sent theirs,
 * everybody gets the result, with that error: nobody hangs, and nobody thinks it was complete.
 *
 * A part, as PRRTE sends it under PRRTE_RML_TAG_ALLGATHER_DIRECT: the number of processes that name
 * the collective, these processes, the controls as a byte object, the data.
 */
#include "ft_prrte.h"

#include <stdlib.h>
#include <string.h>

/* A collective under way, and who has sent a part. Kept at most as long as PRRTE keeps its own. */
typedef struct {
    pmix_list_item_t super;
    prte_grpcomm_signature_t *name;
    pmix_rank_t *senders;
    size_t n, space;
} gathering_t;

static void gathering_construct(gathering_t *g)
{
    g->name = NULL;
    g->senders = NULL;
    g->n = g->space = 0;
}

static void gathering_destruct(gathering_t *g)
{
    if (g->name != NULL)
        PMIX_RELEASE(g->name);
    free(g->senders);
}

static PMIX_CLASS_INSTANCE(gathering_t, pmix_list_item_t, gathering_construct, gathering_destruct);

static pmix_list_t gatherings;
static bool ready;
static prte_rml_buffer_callback_fn_t stock_receive;

/* Reads the name of a part's collective and leaves the buffer as it was. */
static prte_grpcomm_signature_t *name_of(pmix_data_buffer_t *part)
{
    prte_grpcomm_signature_t *name = PMIX_NEW(prte_grpcomm_signature_t);
    char *start = part->unpack_ptr;
    int32_t n = 1;
    bool good = false;

    if (PMIx_Data_unpack(NULL, part, &name->sz, &n, PMIX_SIZE) == PMIX_SUCCESS && name->sz > 0
        && name->sz <= part->bytes_used) {
        name->signature = calloc(name->sz, sizeof *name->signature);
        n = (int32_t) name->sz;
        good = name->signature != NULL
               && PMIx_Data_unpack(NULL, part, name->signature, &n, PMIX_PROC) == PMIX_SUCCESS;
    }
    part->unpack_ptr = start;
    if (good)
        return name;
    PMIX_RELEASE(name);
    return NULL;
}

static bool same_name(const prte_grpcomm_signature_t *a, const prte_grpcomm_signature_t *b)
{
    return a->sz == b->sz && memcmp(a->signature, b->signature, a->sz * sizeof *a->signature) == 0;
}

static gathering_t *find(const prte_grpcomm_signature_t *name)
{
    gathering_t *g;

    PMIX_LIST_FOREACH(g, &gatherings, gathering_t) {
        if (same_name(g->name, name))
            return g;
    }
    return NULL;
}

static bool has_sent(const gathering_t *g, pmix_rank_t rank)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->senders[i] == rank)
            return true;
    return false;
}

static void remember(prte_grpcomm_signature_t *name, pmix_rank_t sender)
{
    gathering_t *g = find(name);

    if (g == NULL) {
        g = PMIX_NEW(gathering_t);
        PMIX_RETAIN(name);
        g->name = name;
        pmix_list_append(&gatherings, &g->super);
    }
    if (has_sent(g, sender))
        return;
    if (g->n == g->space) {
        size_t space = g->space > 0 ? 2 * g->space : 16;
        pmix_rank_t *more = realloc(g->senders, space * sizeof *more);
        if (more == NULL) {
            PRTE_ERROR_LOG(PRTE_ERR_OUT_OF_RESOURCE);
            return;
        }
        g->senders = more;
        g->space = space;
    }
    g->senders[g->n++] = sender;
}

static void forget_if_complete(prte_grpcomm_signature_t *name)
{
    prte_grpcomm_coll_t *coll = prte_grpcomm_base_get_tracker(name, false);
    gathering_t *g = find(name);

    if (g != NULL && (coll == NULL || coll->nreported >= coll->nexpected)) {
        pmix_list_remove_item(&gatherings, &g->super);
        PMIX_RELEASE(g);
    }
}

static void on_part(int status, pmix_proc_t *sender, pmix_data_buffer_t *part, prte_rml_tag_t tag,
                    void *cbdata)
{
    prte_grpcomm_signature_t *name = name_of(part);

    if (name != NULL)
        remember(name, sender->rank);
    stock_receive(status, sender, part, tag, cbdata);
    if (name != NULL) {
        forget_if_complete(name);
        PMIX_RELEASE(name);
    }
}

/* ---- a lost daemon */

static bool takes_part(const prte_grpcomm_coll_t *coll, pmix_rank_t rank)
{
    if (coll->dmns == NULL)
        return true; /* all daemons do */
    for (size_t i = 0; i < coll->ndmns; i++)
        if (coll->dmns[i] == rank)
            return true;
    return false;
}

static pmix_status_t pack_absence(pmix_data_buffer_t *part, prte_grpcomm_signature_t *name)
{
    pmix_status_t lost = PMIX_ERR_LOST_CONNECTION;
    pmix_byte_object_t controls;
    pmix_info_t info;
    pmix_status_t rc;

    PMIX_INFO_LOAD(&info, PMIX_LOCAL_COLLECTIVE_STATUS, &lost, PMIX_STATUS);
    if (prte_pack_ctrl_options(&controls, &info, 1) != PRTE_SUCCESS)
        return PMIX_ERROR;
    rc = PMIx_Data_pack(NULL, part, &name->sz, 1, PMIX_SIZE);
    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, part, name->signature, (int32_t) name->sz, PMIX_PROC);
    if (rc == PMIX_SUCCESS)
        rc = PMIx_Data_pack(NULL, part, &controls, 1, PMIX_BYTE_OBJECT);
    PMIX_BYTE_OBJECT_DESTRUCT(&controls);
    return rc;
}

static void send_absence(prte_grpcomm_signature_t *name, pmix_rank_t rank)
{
    pmix_data_buffer_t *part;
    int rc;

    ftp_say(1, "daemon %u is lost in the middle of a collective: it goes on without it", rank);
    PMIX_DATA_BUFFER_CREATE(part);
    rc = pack_absence(part, name);
    if (rc == PMIX_SUCCESS)
        PRTE_RML_SEND(rc, PRTE_PROC_MY_NAME->rank, part, PRTE_RML_TAG_ALLGATHER_DIRECT);
    if (rc != PRTE_SUCCESS) {
        PRTE_ERROR_LOG(rc);
        PMIX_DATA_BUFFER_RELEASE(part);
    }
}

void ftp_collective_lose(pmix_rank_t rank)
{
    prte_grpcomm_coll_t *coll;

    if (stock_receive == NULL)
        return;
    PMIX_LIST_FOREACH(coll, &prte_grpcomm_base.ongoing, prte_grpcomm_coll_t) {
        gathering_t *g = find(coll->sig);
        if (coll->nreported < coll->nexpected && takes_part(coll, rank)
            && (g == NULL || !has_sent(g, rank)))
            send_absence(coll->sig, rank);
    }
}

/* ---- life */

int ftp_collective_init(void)
{
    PMIX_CONSTRUCT(&gatherings, pmix_list_t);
    ready = true;
    return PRTE_SUCCESS;
}

void ftp_collective_start(void)
{
    if (ready && stock_receive == NULL)
        stock_receive = ftp_hook_receive(PRTE_RML_TAG_ALLGATHER_DIRECT, on_part);
}

void ftp_collective_fini(void)
{
    if (!ready)
        return;
    if (stock_receive != NULL)
        ftp_hook_receive(PRTE_RML_TAG_ALLGATHER_DIRECT, stock_receive);
    PMIX_LIST_DESTRUCT(&gatherings);
    ready = false;
}
