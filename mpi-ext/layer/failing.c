/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * failing.c - the nodes that are known to be going down.
 *
 * Written by events.c (the launcher tells, see the PRRTE component), read by the application
 * through FTMPI_Is_failing, maybe before each message: as long as no node is failing that is one
 * look at a counter. A node that was said to be failing stays so: what was on it has moved, or
 * should.
 *
 * Where a rank of the own job runs, PMIx knows from the start; of a rank of another job it may not,
 * and is not asked over the network: then the answer is no, and who wants to know names the node.
 */
#include "config.h"

#include "failing.h"

#include <pmix.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 64
#define FAILING_MAX 4096 /* more nodes than that are not noted */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *nodes[FAILING_MAX];
static atomic_size_t nodes_n;

/* "n2.cluster" is n2; an address is what it is. */
static bool same_node(const char *a, const char *b)
{
    size_t n = strcspn(a, "."), m = strcspn(b, ".");

    if (strcmp(a, b) == 0)
        return true;
    if ((a[0] >= '0' && a[0] <= '9') || strchr(a, ':') || (a[n] && b[m]))
        return false;
    return n == m && strncmp(a, b, n) == 0;
}

static bool is_listed(const char *node)
{
    bool found = false;

    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < atomic_load(&nodes_n) && !found; i++)
        found = same_node(nodes[i], node);
    pthread_mutex_unlock(&lock);
    return found;
}

void ftm_failing_add(const char *node)
{
    char *copy = is_listed(node) ? NULL : strdup(node);

    if (!copy)
        return;
    pthread_mutex_lock(&lock);
    if (atomic_load(&nodes_n) < FAILING_MAX) {
        nodes[atomic_load(&nodes_n)] = copy;
        atomic_fetch_add(&nodes_n, 1);
        copy = NULL;
    }
    pthread_mutex_unlock(&lock);
    free(copy);
}

/* Where ranks are that were asked about, by rank: it does not change, and PMIx is slow to say. */
static struct place {
    char job[FT_NAME_MAX]; /* as it was asked about; "" is the own one */
    int64_t rank;
    char node[FT_NAME_MAX]; /* "": this place is free */
} places[PLACES];

static bool find_known(const ftResource_t *rank, char node[FT_NAME_MAX])
{
    const struct place *place = &places[(size_t) rank->number % PLACES];
    bool known;

    pthread_mutex_lock(&lock);
    known = place->node[0] != '\0' && place->rank == rank->number
            && strcmp(place->job, rank->job) == 0;
    if (known)
        strcpy(node, place->node);
    pthread_mutex_unlock(&lock);
    return known;
}

static void remember(const ftResource_t *rank, const char *node)
{
    struct place *place = &places[(size_t) rank->number % PLACES];

    pthread_mutex_lock(&lock);
    place->rank = rank->number;
    strcpy(place->job, rank->job);
    strcpy(place->node, node);
    pthread_mutex_unlock(&lock);
}

/* The node of a rank, in `node`; false if PMIx does not have it here. */
static bool ask_pmix(const ftResource_t *rank, char node[FT_NAME_MAX])
{
    pmix_proc_t self, proc;
    pmix_value_t *value = NULL;
    pmix_info_t here;
    bool yes = true, found = false;

    if (rank->number > PMIX_RANK_VALID
        || PMIx_Init(&self, NULL, 0) != PMIX_SUCCESS) /* it is up: this only counts */
        return false;
    PMIX_LOAD_PROCID(&proc, rank->job[0] != '\0' ? rank->job : self.nspace,
                     (pmix_rank_t) rank->number);
    PMIX_INFO_LOAD(&here, PMIX_OPTIONAL, &yes, PMIX_BOOL);
    if (PMIx_Get(&proc, PMIX_HOSTNAME, &here, 1, &value) == PMIX_SUCCESS && value) {
        found = value->type == PMIX_STRING && value->data.string
                && strlen(value->data.string) < FT_NAME_MAX;
        if (found)
            strcpy(node, value->data.string);
        PMIX_VALUE_RELEASE(value);
    }
    PMIX_INFO_DESTRUCT(&here);
    PMIx_Finalize(NULL, 0);
    return found;
}

static void find_node(const ftResource_t *rank, char node[FT_NAME_MAX])
{
    if (rank->number >= 0 && !find_known(rank, node) && ask_pmix(rank, node))
        remember(rank, node);
}

int ftm_is_failing(const ftResource_t *resource)
{
    char node[FT_NAME_MAX] = "";

    if (atomic_load(&nodes_n) == 0 || resource->error != FT_OK)
        return 0;
    if (resource->kind == FT_RANK && PMIx_Initialized())
        find_node(resource, node);
    else if (resource->kind != FT_RANK)
        strcpy(node, resource->node);
    return node[0] != '\0' && is_listed(node);
}

void ftm_failing_clear(void)
{
    pthread_mutex_lock(&lock);
    while (atomic_load(&nodes_n) > 0)
        free(nodes[atomic_fetch_sub(&nodes_n, 1) - 1]);
    pthread_mutex_unlock(&lock);
}
