/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spares.c - on the master: nodes that the resource manager's job holds, and mpirun leaves alone.
 *
 * A job may ask its resource manager for more nodes than it runs on (`sbatch --ft-spares=N`,
 * `ft sbatch`). FT_SPARES=N says that the last N nodes of the allocation are such spares. They are
 * taken out of PRRTE's pool as soon as the allocation was read: nothing is mapped there, and no
 * daemon starts there until a stand-in is placed on one (PRRTE then meets it as an added host).
 * Their names go into FT_POOL, behind those that are there already, and, alone, into
 * FT_SPARE_NODES: the private central unit inherits both.
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

void ftp_spares_keep_back(void)
{
    int places[SPARES_MAX], n = wanted(), end = prte_node_pool->size;
    char *names = NULL;

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
