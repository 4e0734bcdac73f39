/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hosts.c - on the master: spawns onto nodes that a resource manager gave (a managed allocation).
 *
 * PMIX_ADD_HOST adds a node to PRRTE's table and starts a daemon there; PMIX_HOST places the
 * process. In a managed allocation (Slurm) stock PRRTE 3.0.8 does not get that right:
 *
 *   a node of the allocation that mpirun was told not to use (--host) is in the table, so that it
 *     is no new one, and gets no daemon: the spawn says that all nodes are filled. A spawn of a
 *     tolerant job that names such a node with PMIX_HOST has it started here.
 *   nodes with different numbers of slots: every added host is refused, also one that comes with a
 *     number of its own. PRRTE wants to know the number for hostfiles; it is asked without.
 *   a node that is there already: an added host without a number sets its slots to one, however
 *     many it has. It keeps what it has.
 *
 * Called by job.c (INIT) and by the messages to PRRTE's launcher (PRRTE_RML_TAG_PLM).
 */
#include "ft_prrte.h"

#include <stdlib.h>
#include <string.h>

#include "src/util/pmix_argv.h"

static prte_rml_buffer_callback_fn_t stock_plm;

/* ---- what PMIX_HOST names */

/* "n4:2" -> n4, in PRRTE's table. */
static prte_node_t *node_of(const char *host)
{
    char name[256];
    size_t n = strcspn(host, ":");

    if (n == 0 || n >= sizeof name || host[0] == '+')
        return NULL;
    memcpy(name, host, n);
    name[n] = '\0';
    return prte_node_match(NULL, name);
}

/* Daemons know the nodes by their order in PRRTE's table, counting those that have a daemon. One in
 * the middle that gets its daemon later would shift the others: it goes to the end of the table.
 * Its place stays taken, or the next new node would get it. */
static void move_to_end(prte_node_t *node)
{
    prte_node_t *filler;
    bool last = true;

    for (int i = node->index + 1; i < prte_node_pool->size; i++) {
        prte_node_t *other = (prte_node_t *) pmix_pointer_array_get_item(prte_node_pool, i);
        last = last && (other == NULL || other->daemon == NULL);
    }
    if (last)
        return;
    filler = PMIX_NEW(prte_node_t);
    pmix_asprintf(&filler->name, "%s.moved", node->name);
    filler->state = PRTE_NODE_STATE_NOT_INCLUDED;
    PRTE_FLAG_SET(filler, PRTE_NODE_NON_USABLE);
    filler->index = node->index;
    pmix_pointer_array_set_item(prte_node_pool, node->index, filler);
    node->index = pmix_pointer_array_add(prte_node_pool, node);
}

static void want(const char *host)
{
    prte_node_t *node = node_of(host);

    if (node == NULL || node->daemon != NULL || node->index == 0
        || node->state == PRTE_NODE_STATE_DOWN)
        return;
    ftp_say(2, "node %s is named and has no daemon yet", node->name);
    node->state = PRTE_NODE_STATE_ADDED;
    move_to_end(node);
}

void ftp_hosts_want(prte_job_t *job)
{
    if (!prte_managed_allocation || !ftp_job_is_tolerant(ftp_job_spawner(job)))
        return;
    for (int i = 0; i < job->apps->size; i++) {
        prte_app_context_t *app = (prte_app_context_t *) pmix_pointer_array_get_item(job->apps, i);
        char *hosts = NULL, **each;

        if (app == NULL
            || !prte_get_attribute(&app->attributes, PRTE_APP_DASH_HOST, (void **) &hosts,
                                   PMIX_STRING)
            || hosts == NULL)
            continue;
        each = PMIX_ARGV_SPLIT_COMPAT(hosts, ',');
        for (int j = 0; each != NULL && each[j] != NULL; j++)
            want(each[j]);
        PMIX_ARGV_FREE_COMPAT(each);
        free(hosts);
    }
}

/* ---- what PMIX_ADD_HOST names, which stock code looks at while it reads a spawn */

static bool is_spawn(pmix_data_buffer_t *buffer)
{
    char *at = buffer->unpack_ptr;
    prte_plm_cmd_flag_t command = 0;
    int32_t one = 1;
    bool yes = PMIx_Data_unpack(NULL, buffer, &command, &one, PMIX_UINT8) == PMIX_SUCCESS
               && command == PRTE_PLM_LAUNCH_JOB_CMD;

    buffer->unpack_ptr = at;
    return yes;
}

static int32_t *note_slots(int n)
{
    int32_t *slots = calloc((size_t) n + 1, sizeof *slots);

    for (int i = 0; slots != NULL && i < n; i++) {
        prte_node_t *node = (prte_node_t *) pmix_pointer_array_get_item(prte_node_pool, i);
        slots[i] = node != NULL ? node->slots : 0;
    }
    return slots;
}

static void restore_slots(const int32_t *slots, int n)
{
    for (int i = 0; slots != NULL && i < n; i++) {
        prte_node_t *node = (prte_node_t *) pmix_pointer_array_get_item(prte_node_pool, i);
        if (node != NULL && node->slots < slots[i])
            node->slots = slots[i];
    }
}

static void on_plm(int status, pmix_proc_t *sender, pmix_data_buffer_t *buffer, prte_rml_tag_t tag,
                   void *cbdata)
{
    int n = prte_node_pool->size;
    int32_t *slots;

    if (!prte_managed_allocation || !is_spawn(buffer)) {
        stock_plm(status, sender, buffer, tag, cbdata);
        return;
    }
    slots = note_slots(n);
    prte_managed_allocation = false;
    stock_plm(status, sender, buffer, tag, cbdata);
    prte_managed_allocation = true;
    restore_slots(slots, n);
    free(slots);
}

void ftp_hosts_start(void)
{
    if (stock_plm == NULL)
        stock_plm = ftp_hook_receive(PRTE_RML_TAG_PLM, on_plm);
}
