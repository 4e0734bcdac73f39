/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * links.c - the application's own connections to other jobs, for the end of the program.
 *
 * A program that still has a communicator with processes of another job (parents, children,
 * connected peers) waits in MPI_Finalize until they are there too: Open MPI sends an empty message
 * to each and waits for theirs (ompi_dpm_dyn_finalize). By then it no longer listens for failures,
 * so a dead peer is waited for for ever, and so is one that has freed its side and has long ended.
 *
 * The same wait is done here, before, while failures are still heard of, and through PMIx: each
 * process that ends tells its peers so (events.c), and waits until each has said the same, or is
 * dead. Open MPI is then told that it has no such communicators (ompi_comm_num_dyncomm). What it
 * would have waited for without a failure is waited for the same; only a peer of which nothing is
 * heard at all ends it after WAIT_MAX_MS.
 *
 * Connections made by FTMPI_Reach and FTMPI_Next_peer are not of these: nobody waits for them.
 *
 * Called by bounded.c (inside of MPI functions) and init.c.
 */
#include "config.h"

#include "links.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "comms.h"
#include "events.h"
#include "gone.h"

#define WAIT_MAX_MS 10000

/* Open MPI's own count of such communicators; absent in other versions. */
extern int ompi_comm_num_dyncomm __attribute__((weak));

struct link {
    struct link *next;
    size_t n;
    pmix_proc_t procs[];
};

static struct link *links; /* under gone.h's lock */

/* ---------------------------------------------------------------- which there are */

void ftm_links_add(const pmix_proc_t procs[], size_t n)
{
    struct link *link = malloc(sizeof *link + n * sizeof procs[0]);

    if (!link) /* it will not be waited for */
        return;
    link->n = n;
    memcpy(link->procs, procs, n * sizeof procs[0]);
    ftm_lock();
    link->next = links;
    links = link;
    ftm_unlock();
}

static bool covers(const pmix_proc_t *link, const pmix_proc_t *proc)
{
    return strcmp(link->nspace, proc->nspace) == 0
           && (link->rank == proc->rank || link->rank == PMIX_RANK_WILDCARD);
}

/* Open MPI names a whole job by one entry when it connects, by all its ranks when it disconnects.
 * */
static bool is_same(const struct link *link, const pmix_proc_t procs[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool found = false;

        for (size_t k = 0; k < link->n && !found; k++)
            found = covers(&link->procs[k], &procs[i]);
        if (!found)
            return false;
    }
    for (size_t k = 0; k < link->n; k++) {
        bool found = false;

        for (size_t i = 0; i < n && !found; i++)
            found = covers(&link->procs[k], &procs[i]);
        if (!found)
            return false;
    }
    return true;
}

void ftm_links_remove(const pmix_proc_t procs[], size_t n)
{
    ftm_lock();
    for (struct link **at = &links; *at; at = &(*at)->next) {
        struct link *link = *at;

        if (is_same(link, procs, n)) {
            *at = link->next;
            free(link);
            break;
        }
    }
    ftm_unlock();
}

bool ftm_links_are_there(void)
{
    bool are_there;

    ftm_lock();
    are_there = links || (&ompi_comm_num_dyncomm && ompi_comm_num_dyncomm > 0);
    ftm_unlock();
    return are_there;
}

/* ---------------------------------------------------------------- the end */

/* The processes of other jobs in all connections. A wildcard is written out: whoever waits has to
 * hear from each. */
static pmix_proc_t *others(size_t *n)
{
    pmix_proc_t me, *list = NULL;
    size_t total = 0;

    *n = 0;
    if (PMIx_Init(&me, NULL, 0) != PMIX_SUCCESS) /* it is up: this only counts */
        return NULL;
    PMIx_Finalize(NULL, 0);
    ftm_lock();
    for (const struct link *link = links; link; link = link->next)
        total += link->n;
    list = total > 0 ? calloc(total, sizeof *list) : NULL;
    for (const struct link *link = links; list && link; link = link->next)
        for (size_t i = 0; i < link->n; i++)
            if (strcmp(link->procs[i].nspace, me.nspace) != 0)
                list[(*n)++] = link->procs[i];
    ftm_unlock();
    return list;
}

static uint32_t job_size(const pmix_proc_t *proc)
{
    pmix_proc_t job;
    pmix_value_t *value = NULL;
    uint32_t size = 0;

    PMIX_LOAD_PROCID(&job, proc->nspace, PMIX_RANK_WILDCARD);
    if (PMIx_Get(&job, PMIX_JOB_SIZE, NULL, 0, &value) == PMIX_SUCCESS && value) {
        if (value->type == PMIX_UINT32)
            size = value->data.uint32;
        PMIX_VALUE_RELEASE(value);
    }
    return size;
}

/* A whole job has left only when each of its ranks has. */
static bool all_left(const pmix_proc_t procs[], size_t n, const uint32_t sizes[])
{
    for (size_t i = 0; i < n; i++) {
        pmix_proc_t proc = procs[i];

        if (proc.rank != PMIX_RANK_WILDCARD) {
            if (!ftm_gone_all(&proc, 1, FTM_DIED | FTM_DEPARTED))
                return false;
            continue;
        }
        for (proc.rank = 0; proc.rank < sizes[i]; proc.rank++)
            if (!ftm_gone_all(&proc, 1, FTM_DIED | FTM_DEPARTED))
                return false;
    }
    return true;
}

static void wait_for(const pmix_proc_t procs[], size_t n)
{
    int64_t deadline_ns = ftm_deadline_ns(WAIT_MAX_MS);
    uint32_t *sizes = calloc(n, sizeof *sizes);

    if (!sizes)
        return;
    for (size_t i = 0; i < n; i++)
        if (procs[i].rank == PMIX_RANK_WILDCARD)
            sizes[i] = job_size(&procs[i]);
    ftm_lock();
    while (!all_left(procs, n, sizes) && ftm_now_ns() < deadline_ns)
        ftm_comms_wait(deadline_ns);
    ftm_unlock();
    free(sizes);
}

static void forget_all(void)
{
    ftm_lock();
    while (links) {
        struct link *link = links;

        links = link->next;
        free(link);
    }
    ftm_unlock();
}

void ftm_links_end(void)
{
    bool waits = &ompi_comm_num_dyncomm && ompi_comm_num_dyncomm > 1;
    size_t n;
    pmix_proc_t *procs = others(&n);

    if (n > 0) {
        /* Each alone: one that is gone spoils it for all in a list. */
        for (size_t i = 0; i < n; i++)
            ftm_events_depart(&procs[i], 1);
        if (waits)
            wait_for(procs, n);
    }
    free(procs);
    forget_all();
    if (&ompi_comm_num_dyncomm)
        ompi_comm_num_dyncomm = 0;
}
