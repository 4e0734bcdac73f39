/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * alloc_query.c - on the master: what PMIx's queries about allocations are answered.
 *
 *     PMIX_QUERY_ALLOC_STATUS  with PMIX_ALLOC_REQ_ID: PENDING, ALLOCATED, RELEASED
 *     PMIX_QUERY_ALLOCATION    a PMIX_NODE_INFO for each node: PMIX_HOSTNAME, PMIX_ALLOC_ID; of one
 *                              allocation (PMIX_ALLOC_ID), or of all that this launcher has
 *     PMIX_TIME_REMAINING      seconds until the end of the job that the launcher runs in (Slurm)
 *
 * Owns nothing: looks at what alloc.c has. Called by serve.c. Those keys that are stock PRRTE's are
 * answered by that.
 */
#include "alloc_impl.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

long ftp_alloc_remaining_s(void)
{
    const char *end = getenv("SLURM_JOB_END_TIME");
    long at = end != NULL ? atol(end) : 0;
    time_t now = time(NULL);

    return at <= 0 ? -1 : at > now ? at - (long) now : 0;
}

bool ftp_alloc_is_ours(const char *key)
{
    return strcmp(key, PMIX_QUERY_ALLOC_STATUS) == 0 || strcmp(key, PMIX_QUERY_ALLOCATION) == 0
           || strcmp(key, PMIX_TIME_REMAINING) == 0;
}

static const char *qualifier(const pmix_query_t *query, const char *key)
{
    for (size_t i = 0; i < query->nqual; i++)
        if (PMIX_CHECK_KEY(&query->qualifiers[i], key)
            && query->qualifiers[i].value.type == PMIX_STRING)
            return query->qualifiers[i].value.data.string;
    return NULL;
}

static pmix_status_t add_status(void *list, const pmix_query_t *query)
{
    const char *id = qualifier(query, PMIX_ALLOC_REQ_ID), *state = NULL;

    if (id == NULL)
        return PMIX_ERR_BAD_PARAM;
    for (const allocation_t *a = ftp_alloc_first(); a != NULL; a = a->next)
        if (a->request_id != NULL && strcmp(a->request_id, id) == 0)
            state = a->nodes != NULL ? "ALLOCATED" : "RELEASED";
    if (ftp_alloc_waits(id))
        state = "PENDING";
    return state == NULL ? PMIX_ERR_NOT_FOUND
                         : PMIx_Info_list_add(list, PMIX_QUERY_ALLOC_STATUS, state, PMIX_STRING);
}

static pmix_status_t add_node(void *list, const char *name, const char *allocation)
{
    void *node = PMIx_Info_list_start();
    pmix_data_array_t array;
    pmix_status_t rc = PMIx_Info_list_add(node, PMIX_HOSTNAME, name, PMIX_STRING);

    if (rc == PMIX_SUCCESS && allocation != NULL)
        rc = PMIx_Info_list_add(node, PMIX_ALLOC_ID, allocation, PMIX_STRING);
    if (rc == PMIX_SUCCESS)
        rc = PMIx_Info_list_convert(node, &array);
    PMIx_Info_list_release(node);
    if (rc != PMIX_SUCCESS)
        return rc;
    rc = PMIx_Info_list_add(list, PMIX_NODE_INFO, &array, PMIX_DATA_ARRAY);
    PMIX_DATA_ARRAY_DESTRUCT(&array);
    return rc;
}

/* Those of PRRTE's table that are in no allocation of ours: what the launcher began with. */
static pmix_status_t add_first_nodes(void *list)
{
    pmix_status_t rc = PMIX_SUCCESS;

    for (int i = 0; rc == PMIX_SUCCESS && i < prte_node_pool->size; i++) {
        prte_node_t *node = (prte_node_t *) pmix_pointer_array_get_item(prte_node_pool, i);
        bool given = node == NULL || node->name == NULL || node->state == PRTE_NODE_STATE_DOWN
                     || node->state == PRTE_NODE_STATE_NOT_INCLUDED
                     || (i == 0 && !prte_hnp_is_allocated);

        for (const allocation_t *a = ftp_alloc_first(); !given && a != NULL; a = a->next)
            given = ftp_alloc_place(a->nodes, node->name) >= 0;
        if (!given)
            rc = add_node(list, node->name, getenv("SLURM_JOB_ID"));
    }
    return rc;
}

static pmix_status_t add_allocation(void *list, const pmix_query_t *query)
{
    const char *id = qualifier(query, PMIX_ALLOC_ID);
    void *nodes = PMIx_Info_list_start();
    pmix_data_array_t array;
    pmix_status_t rc = id != NULL && ftp_alloc_find(id) == NULL ? PMIX_ERR_NOT_FOUND : PMIX_SUCCESS;

    if (id == NULL)
        rc = add_first_nodes(nodes);
    for (const allocation_t *a = ftp_alloc_first(); rc == PMIX_SUCCESS && a != NULL; a = a->next)
        for (int i = 0; a->nodes != NULL && a->nodes[i] != NULL && rc == PMIX_SUCCESS; i++)
            if (id == NULL || strcmp(id, a->id) == 0)
                rc = add_node(nodes, a->nodes[i], a->id);
    if (rc == PMIX_SUCCESS)
        rc = PMIx_Info_list_convert(nodes, &array);
    PMIx_Info_list_release(nodes);
    if (rc == PMIX_ERR_EMPTY) /* it has no nodes any more */
        return PMIX_ERR_NOT_FOUND;
    if (rc != PMIX_SUCCESS)
        return rc;
    rc = PMIx_Info_list_add(list, PMIX_QUERY_ALLOCATION, &array, PMIX_DATA_ARRAY);
    PMIX_DATA_ARRAY_DESTRUCT(&array);
    return rc;
}

static pmix_status_t add_time(void *list)
{
    long seconds = ftp_alloc_remaining_s();
    uint32_t value = (uint32_t) seconds;

    return seconds < 0 ? PMIX_ERR_NOT_FOUND
                       : PMIx_Info_list_add(list, PMIX_TIME_REMAINING, &value, PMIX_UINT32);
}

static pmix_status_t add_answer(void *list, const pmix_query_t *query, const char *key)
{
    if (strcmp(key, PMIX_QUERY_ALLOC_STATUS) == 0)
        return add_status(list, query);
    if (strcmp(key, PMIX_QUERY_ALLOCATION) == 0)
        return add_allocation(list, query);
    return add_time(list);
}

void ftp_alloc_query(const pmix_query_t *queries, size_t n, ftp_answer_fn answer, void *arg)
{
    void *list = PMIx_Info_list_start();
    pmix_data_array_t array = {.array = NULL};
    pmix_status_t status = PMIX_SUCCESS;
    bool some = false;

    for (size_t i = 0; i < n; i++) {
        for (char **key = queries[i].keys; key != NULL && *key != NULL; key++) {
            pmix_status_t rc = add_answer(list, &queries[i], *key);

            some = some || rc == PMIX_SUCCESS;
            if (rc != PMIX_SUCCESS)
                status = rc;
        }
    }
    if (some && status != PMIX_SUCCESS)
        status = PMIX_QUERY_PARTIAL_SUCCESS;
    if (some && PMIx_Info_list_convert(list, &array) != PMIX_SUCCESS)
        status = PMIX_ERR_NOMEM;
    PMIx_Info_list_release(list);
    answer(arg, status, (pmix_info_t *) array.array, array.array != NULL ? array.size : 0);
}
