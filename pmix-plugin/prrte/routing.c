/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * routing.c - which daemons are lost, and a routing tree that no loss can break.
 *
 * PRRTE's messages run along a tree of daemons with the master at its root, 64 children to each
 * daemon by default. In a tree of more than one level, a daemon that is lost takes the messages
 * that were on their way through it to the daemons below (launch commands, releases of
 * collectives, events), and those daemons see their lifeline go and end themselves. Re-parenting
 * them would give a way for new messages, not those that were lost. So a launcher that starts a
 * fault tolerant job has a flat tree: every daemon is a child of the master, and a loss takes
 * nothing with it but messages from and to the lost daemon. The price is one connection per daemon
 * on the master; a user's own rml_base_radix is overruled for such a launcher, up to FLAT_RADIX
 * daemons.
 *
 * A launcher whose daemons were started before (prte, then prun) keeps its tree. If that tree is
 * deep, the loss of a daemon ends it as on stock PRRTE.
 *
 * PRRTE's count of daemons is the size of the tree by which everybody computes it: it never
 * shrinks, a lost daemon keeps its number, and each new computation puts it back
 * (ftp_routing_prune).
 */
#include "ft_prrte.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Its square fits into the int that PRRTE computes with. */
#define FLAT_RADIX 8192
#define FAREWELL_MS 100 /* the last message to a lost daemon gets on its way within */

static pmix_rank_t *lost;
static size_t lost_n, lost_space;

static void note_lost(pmix_rank_t rank)
{
    if (!ftp_routing_is_lost(rank)) {
        if (lost_n == lost_space) {
            size_t space = lost_space > 0 ? 2 * lost_space : 16;
            pmix_rank_t *more = realloc(lost, space * sizeof *more);
            if (more == NULL) {
                PRTE_ERROR_LOG(PRTE_ERR_OUT_OF_RESOURCE);
                return;
            }
            lost = more;
            lost_space = space;
        }
        lost[lost_n++] = rank;
    }
}

void ftp_routing_lose(pmix_rank_t rank)
{
    note_lost(rank);
    prte_rml_route_lost(rank);
}

typedef struct {
    prte_event_t event;
    pmix_rank_t rank;
} farewell_t;

/* The launcher ends when its last daemon has gone, and stock code looks at that when a connection
 * closes: if this one was the last to be taken out, nobody looks any more. */
static void end_if_last(void)
{
    if (!PRTE_PROC_IS_MASTER || !prte_prteds_term_ordered
        || pmix_list_get_size(&prte_rml_base.children) > 0)
        return;
    for (int i = 0; i < prte_local_children->size; i++) {
        prte_proc_t *child = (prte_proc_t *) pmix_pointer_array_get_item(prte_local_children, i);
        if (child != NULL && PRTE_FLAG_TEST(child, PRTE_PROC_FLAG_ALIVE))
            return;
    }
    PRTE_ACTIVATE_JOB_STATE(NULL, PRTE_JOB_STATE_DAEMONS_TERMINATED);
}

static void on_farewell(int fd, short args, void *cbdata)
{
    farewell_t *farewell = (farewell_t *) cbdata;

    (void) fd;
    (void) args;
    prte_rml_route_lost(farewell->rank);
    free(farewell);
    end_if_last();
}

void ftp_routing_lose_soon(pmix_rank_t rank)
{
    struct timeval delay = {.tv_usec = FAREWELL_MS * 1000};
    farewell_t *farewell = calloc(1, sizeof *farewell);

    if (farewell == NULL) {
        ftp_routing_lose(rank);
        return;
    }
    note_lost(rank);
    farewell->rank = rank;
    prte_event_evtimer_set(prte_event_base, &farewell->event, on_farewell, farewell);
    prte_event_evtimer_add(&farewell->event, &delay);
}

bool ftp_routing_is_lost(pmix_rank_t rank)
{
    for (size_t i = 0; i < lost_n; i++)
        if (lost[i] == rank)
            return true;
    return false;
}

const pmix_rank_t *ftp_routing_lost(size_t *n)
{
    *n = lost_n;
    return lost;
}

void ftp_routing_flatten(void)
{
    char value[16];

    if (prte_process_info.num_daemons > 1 || prte_rml_base.radix >= FLAT_RADIX)
        return;
    prte_rml_base.radix = FLAT_RADIX;
    /* PRRTE hands its PRTE_MCA_ variables to the daemons on their command line. */
    snprintf(value, sizeof value, "%d", FLAT_RADIX);
    setenv("PRTE_MCA_rml_base_radix", value, 1);
}

bool ftp_routing_is_flat(void)
{
    return (pmix_rank_t) prte_rml_base.radix + 1 >= prte_process_info.num_daemons;
}

void ftp_routing_prune(void)
{
    for (size_t i = 0; i < lost_n; i++)
        prte_rml_route_lost(lost[i]);
}

prte_proc_t *ftp_daemon_of(pmix_rank_t rank)
{
    prte_job_t *daemons = prte_get_job_data_object(PRTE_PROC_MY_NAME->nspace);

    if (daemons == NULL || rank > INT_MAX)
        return NULL;
    return (prte_proc_t *) pmix_pointer_array_get_item(daemons->procs, (int) rank);
}

/* "n2.cluster" is n2; addresses are compared as they are. */
static bool same_name(const char *a, const char *b)
{
    size_t n = strcspn(a, "."), m = strcspn(b, ".");

    if (strcmp(a, b) == 0)
        return true;
    if ((a[0] >= '0' && a[0] <= '9') || strchr(a, ':') != NULL || (a[n] == '.' && b[m] == '.'))
        return false;
    return n == m && strncmp(a, b, n) == 0;
}

static bool is_called(const prte_node_t *node, const char *name)
{
    if (node->name != NULL && same_name(node->name, name))
        return true;
    for (int i = 0; node->aliases != NULL && node->aliases[i] != NULL; i++)
        if (same_name(node->aliases[i], name))
            return true;
    return false;
}

prte_proc_t *ftp_daemon_on(const char *node)
{
    prte_job_t *daemons = prte_get_job_data_object(PRTE_PROC_MY_NAME->nspace);

    for (int i = daemons != NULL ? daemons->procs->size - 1 : -1; i >= 0; i--) {
        prte_proc_t *daemon = (prte_proc_t *) pmix_pointer_array_get_item(daemons->procs, i);
        if (daemon != NULL && daemon->node != NULL && is_called(daemon->node, node))
            return daemon;
    }
    return NULL;
}

void ftp_daemon_mark_down(prte_proc_t *daemon)
{
    PRTE_FLAG_UNSET(daemon, PRTE_PROC_FLAG_ALIVE);
    if (daemon->node != NULL) {
        daemon->node->state = PRTE_NODE_STATE_DOWN;
        /* or else the next launch would start a daemon of the same number there */
        PRTE_FLAG_SET(daemon->node, PRTE_NODE_FLAG_DAEMON_LAUNCHED);
    }
}
