/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spares.c - on the master: nodes that the resource manager's job holds beside those it runs on.
 *
 * A job may ask its resource manager for more nodes than it runs on (`sbatch --ft-spares=N`,
 * `ft sbatch`). FT_SPARES=N says that the last N nodes of the allocation are such spares. What they
 * are for depends on the mode:
 *
 *   warm   FT_MODE is retarget or repair, the library is loaded into the ranks, and spare ranks are
 *          not forbidden (--spares 0): ranks wait there (waiting.c). The nodes stay in PRRTE's pool
 *          and have daemons from the start; nothing else is mapped there
 *   idle   else. They are taken out of the pool as soon as the allocation was read: no daemon
 *          starts there until a stand-in is placed on one (PRRTE then meets it as an added host).
 *          Their names go into FT_POOL, behind those that are there already, and, alone, into
 *          FT_SPARE_NODES: the central unit inherits both, and gives the nodes to who asks
 *
 * PRRTE keeps the order in which the resource manager lists the nodes, and so does every mpirun of
 * one job: all of them agree on which nodes the spares are.
 */
#include "ft_prrte.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPARES_MAX 1024

static prte_node_t *warm[SPARES_MAX];
static int warm_n;

/* Whether ranks are to wait on the spares. */
static bool are_warm(void)
{
    const char *mode = getenv("FT_MODE");

    return ftp_params.runtime && ftp_params.preload[0] != '\0' && ftp_params.spare_ranks != 0
           && mode != NULL && (strcmp(mode, "retarget") == 0 || strcmp(mode, "repair") == 0);
}

/* How many are wanted; 0 if none are, or the variable makes no sense, which is told. */
static int wanted(void)
{
    const char *text = getenv("FT_SPARES");
    char *end;
    long n;

    if (text == NULL || text[0] == '\0' || strcmp(text, "0") == 0)
        return 0;
    errno = 0;
    n = strtol(text, &end, 10);
    if (errno == 0 && *end == '\0' && n > 0 && n <= SPARES_MAX)
        return (int) n;
    ftp_warn("FT_SPARES is \"%s\"; it takes a number of nodes from 0 to %d. No node of the\n"
             "allocation is kept as a spare.", text, SPARES_MAX);
    return 0;
}

/* Whether a node may be kept back: not this one, and none that a daemon is on already. */
static bool can_be_spare(const prte_node_t *node)
{
    return node->daemon == NULL && !PRTE_FLAG_TEST(node, PRTE_NODE_FLAG_DAEMON_LAUNCHED);
}

/* The place of the last node that may be one, below `end` and above the first; 0: there is none. */
static int last_below(int end)
{
    while (--end > 0) {
        prte_node_t *node = (prte_node_t *) pmix_pointer_array_get_item(prte_node_pool, end);
        if (node != NULL && can_be_spare(node))
            return end;
    }
    return 0;
}

/* The nodes that are in the pool before place `end`. */
static int nodes_below(int end)
{
    int n = 0;

    while (--end >= 0)
        n += pmix_pointer_array_get_item(prte_node_pool, end) != NULL;
    return n;
}

static bool name_them(const char *names)
{
    const char *pool = getenv("FT_POOL");
    char *whole = NULL;
    bool done;

    pmix_asprintf(&whole, "%s%s%s", pool != NULL ? pool : "",
                  pool != NULL && pool[0] != '\0' ? "," : "", names);
    done = whole != NULL && setenv("FT_POOL", whole, 1) == 0
           && setenv("FT_SPARE_NODES", names, 1) == 0;
    free(whole);
    return done;
}

/* Takes the nodes of places[0..n-1] out of the pool. */
static void take_out(const int *places, int n)
{
    for (int i = 0; i < n; i++) {
        prte_node_t *node = (prte_node_t *) pmix_pointer_array_get_item(prte_node_pool, places[i]);

        ftp_say(1, "node %s of the allocation is kept as a spare", node->name);
        pmix_pointer_array_set_item(prte_node_pool, places[i], NULL);
        PMIX_RELEASE(node);
    }
    if (prte_num_allocated_nodes > n)
        prte_num_allocated_nodes -= n;
}

static void keep_warm(const int *places, int n)
{
    for (warm_n = 0; warm_n < n; warm_n++) {
        warm[warm_n] = (prte_node_t *) pmix_pointer_array_get_item(prte_node_pool, places[warm_n]);
        PMIX_RETAIN(warm[warm_n]);
        ftp_say(1, "node %s of the allocation is kept for spare ranks", warm[warm_n]->name);
    }
}

/* Nothing runs there, until a stand-in is started there. */
static void keep_idle(const int *places, int n)
{
    char *names = NULL;

    for (int i = 0; i < n; i++) {
        prte_node_t *node = (prte_node_t *) pmix_pointer_array_get_item(prte_node_pool, places[i]);
        char *longer = NULL;

        pmix_asprintf(&longer, "%s%s%s", names != NULL ? names : "", names != NULL ? "," : "",
                      node->name);
        free(names);
        names = longer;
    }
    if (names != NULL && name_them(names))
        take_out(places, n);
    else
        ftp_warn("No node of the allocation is kept as a spare: %s.", strerror(ENOMEM));
    free(names);
}

void ftp_spares_keep_back(void)
{
    int places[SPARES_MAX], n = wanted(), end = prte_node_pool->size;

    if (n == 0 || !prte_managed_allocation)
        return;
    for (int i = n; i-- > 0;) { /* backwards: they are named in their order */
        places[i] = end = last_below(end);
        if (end == 0)
            break;
    }
    if (end == 0 || nodes_below(end) == 0) {
        ftp_warn("FT_SPARES is %d, but the allocation has only %d nodes: none is kept as a spare.",
                 n, nodes_below(prte_node_pool->size));
        return;
    }
    if (are_warm())
        keep_warm(places, n);
    else
        keep_idle(places, n);
}

/* --host and hostfiles are about the ranks: PRRTE would start no daemons on nodes that are not named
 * there. */
static void name_to(prte_app_context_t *app)
{
    char *hosts = NULL;

    if (!prte_get_attribute(&app->attributes, PRTE_APP_DASH_HOST, (void **) &hosts, PMIX_STRING))
        hosts = NULL;
    if (hosts == NULL
        && !prte_get_attribute(&app->attributes, PRTE_APP_HOSTFILE, NULL, PMIX_STRING))
        return;
    for (int i = 0; i < warm_n; i++) {
        char *longer = NULL;

        pmix_asprintf(&longer, "%s%s%s:%d", hosts != NULL ? hosts : "", hosts != NULL ? "," : "",
                      warm[i]->name, (int) warm[i]->slots);
        free(hosts);
        hosts = longer;
    }
    if (hosts != NULL)
        prte_set_attribute(&app->attributes, PRTE_APP_DASH_HOST, PRTE_ATTR_GLOBAL, hosts,
                           PMIX_STRING);
    free(hosts);
}

void ftp_spares_start(prte_job_t *daemons)
{
    if (warm_n == 0 || !PMIX_CHECK_NSPACE(daemons->nspace, PRTE_PROC_MY_NAME->nspace))
        return;
    for (int i = 0; i < daemons->apps->size; i++) {
        prte_app_context_t *app =
            (prte_app_context_t *) pmix_pointer_array_get_item(daemons->apps, i);
        if (app != NULL)
            name_to(app);
    }
}

bool ftp_spares_has(const prte_node_t *node)
{
    int i = 0;

    while (i < warm_n && warm[i] != node)
        i++;
    return i < warm_n;
}

int ftp_spares_count(void)
{
    return warm_n;
}

void ftp_spares_fini(void)
{
    for (; warm_n > 0; warm_n--)
        PMIX_RELEASE(warm[warm_n - 1]);
}
