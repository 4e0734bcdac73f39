/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmix.c - nodes from a host whose PMIx server gives them itself: PMIx_Allocation_request.
 *
 * For launchers that do so without our component (PRRTE 4.1 on, or a site's own). libpmix has
 * threads of its own and calls that wait, so it is not loaded here: a helper (src/rmshelp/pmix.c)
 * is the PMIx tool, and speaks lines over its standard input and output (child.c):
 *
 *     get acquire=7 cores= memory= exclude= timeout_ms=   -> got acquire=7 id=A node=N
 *                                                         -> none acquire=7 why=
 *     drop acquire=7                                      nobody waits any more; what comes goes back
 *     keep id=A node=N                                    a predecessor got it
 *     give id=A                                           released
 *
 * Its standard input closed makes it release all that it has: whatever ends the central unit ends
 * that, too. A helper that ends by itself is followed by another one, which goes on with what it
 * had; who waited is told that there is none. Bounded: WISHES_MAX under way.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/log.h"
#include "common/text.h"
#include "core/inventory.h"
#include "rms/child.h"
#include "rms/rms.h"

#define WISHES_MAX 64
#define RESTARTS_MAX 5 /* of helpers that end by themselves, in a row */

struct pmix;

struct wish {
    uint64_t acquire;
    struct wish *next;
};

struct holding {
    char id[256], node[FT_NAME_MAX];
    struct holding *next;
};

struct pmix {
    struct ft_rms rms; /* first */
    struct ft_rms_events events;
    void *arg;
    uv_loop_t *loop;
    struct ft_child *helper; /* NULL: none runs */
    struct wish *wishes;
    struct holding *holdings;
    unsigned wishes_n, restarts, nodes_max;
    char *program, server[24];
};

static int start(struct pmix *pmix, char *why, size_t size);

/* ---------------------------------------------------------------- wishes and holdings */

/* False if nobody waits for it. */
static bool end_wish(struct pmix *pmix, uint64_t acquire)
{
    struct wish **link = &pmix->wishes, *wish;

    while (*link != NULL && (*link)->acquire != acquire)
        link = &(*link)->next;
    wish = *link;
    if (wish == NULL)
        return false;
    *link = wish->next;
    pmix->wishes_n--;
    free(wish);
    return true;
}

static bool add_wish(struct pmix *pmix, uint64_t acquire)
{
    struct wish *wish = pmix->wishes_n < WISHES_MAX ? calloc(1, sizeof *wish) : NULL;

    if (wish == NULL)
        return false;
    wish->acquire = acquire;
    wish->next = pmix->wishes;
    pmix->wishes = wish;
    pmix->wishes_n++;
    return true;
}

/* Nodes that the host gave, or is asked for. */
static unsigned nodes_n(const struct pmix *pmix)
{
    unsigned n = pmix->wishes_n;

    for (const struct holding *holding = pmix->holdings; holding != NULL; holding = holding->next)
        n++;
    return n;
}

/* ---------------------------------------------------------------- orders */

static void give(struct pmix *pmix, const char *id, const char *node)
{
    char order[FT_TALK_LINE_MAX] = "give";

    if (ft_talk_add(order, sizeof order, "id", id) != 0 || pmix->helper == NULL ||
        ft_child_tell(pmix->helper, order) != 0)
        ft_log_error("node %s (allocation %s) cannot be given back in order: its host gets it back "
                     "when the job ends", node, id);
}

/* ---------------------------------------------------------------- the life of a helper */

/* Those who waited are told; what it held its follower holds. */
static void on_ended(void *arg, const char *words)
{
    struct pmix *pmix = arg;
    char why[600], problem[300] = "";

    pmix->helper = NULL;
    snprintf(why, sizeof why, "the helper for PMIx ended%s%s: is the launcher there?",
             words[0] != '\0' ? ": " : "", words);
    ft_log_warning("%s%s", why, pmix->holdings != NULL ? " Another one goes on" : "");
    if (pmix->holdings != NULL &&
        (++pmix->restarts > RESTARTS_MAX || start(pmix, problem, sizeof problem) != 0))
        ft_log_error("no helper for PMIx goes on with what the last one held%s%s",
                     problem[0] != '\0' ? ": " : "", problem);
    while (pmix->wishes != NULL) {
        uint64_t acquire = pmix->wishes->acquire;

        end_wish(pmix, acquire);
        pmix->events.none(pmix->arg, acquire, why, 0);
    }
}

/* ---------------------------------------------------------------- what it says */

static void take_got(struct pmix *pmix, const struct ft_talk *said)
{
    uint64_t acquire = (uint64_t) ft_talk_number(said, "acquire", 0);
    const char *id = ft_talk_text(said, "id"), *node = ft_talk_text(said, "node");
    struct holding *holding;

    if (id == NULL || node == NULL)
        return;
    holding = strlen(id) < sizeof holding->id && strlen(node) < sizeof holding->node
                  ? calloc(1, sizeof *holding) : NULL;
    if (!end_wish(pmix, acquire) || holding == NULL) {
        free(holding);
        give(pmix, id, node);
        return;
    }
    ft_text_copy(holding->id, sizeof holding->id, id);
    ft_text_copy(holding->node, sizeof holding->node, node);
    holding->next = pmix->holdings;
    pmix->holdings = holding;
    pmix->restarts = 0;
    ft_log_info("the host's PMIx server gives node %s, allocation %s", node, id);
    pmix->events.offer(pmix->arg, acquire, node);
}

static void on_said(void *arg, const struct ft_talk *said)
{
    struct pmix *pmix = arg;
    const char *why = ft_talk_text(said, "why");

    if (strcmp(said->word, "got") == 0) {
        take_got(pmix, said);
    } else if (strcmp(said->word, "none") == 0) {
        uint64_t acquire = (uint64_t) ft_talk_number(said, "acquire", 0);

        if (end_wish(pmix, acquire))
            pmix->events.none(pmix->arg, acquire, why != NULL ? why : "", 0);
    } else if (strcmp(said->word, "failed") == 0) {
        ft_log_warning("the helper for PMIx: %s", why != NULL ? why : "");
    }
}

/* ---------------------------------------------------------------- starting it */

static int keep_on(struct pmix *pmix)
{
    for (const struct holding *holding = pmix->holdings; holding != NULL; holding = holding->next) {
        char order[FT_TALK_LINE_MAX] = "keep";

        ft_talk_add(order, sizeof order, "id", holding->id);
        if (ft_child_tell(pmix->helper, order) != 0)
            return -1;
    }
    return 0;
}

/* 0, or -1 and why it cannot be started. */
static int start(struct pmix *pmix, char *why, size_t size)
{
    static const struct ft_child_events events = {.said = on_said, .ended = on_ended};
    const struct ft_child_config config = {
        .loop = pmix->loop,
        .program = pmix->program,
        .argument = pmix->server[0] != '\0' ? pmix->server : NULL};

    pmix->helper = ft_child_start(&config, &events, pmix, why, size);
    if (pmix->helper == NULL)
        return -1;
    if (keep_on(pmix) == 0)
        return 0;
    snprintf(why, size, "no memory for an order");
    ft_child_forget(pmix->helper);
    pmix->helper = NULL;
    return -1;
}

/* ---------------------------------------------------------------- rms.h */

static int make_order(uint64_t acquire, const struct ft_wanted *wanted, char *order, size_t size)
{
    char excluded[FT_TALK_LINE_MAX - 512] = "";
    bool fits = true;

    snprintf(order, size, "get");
    for (size_t i = 0; i < wanted->excluded_n; i++)
        fits = fits && ft_text_appendf(excluded, sizeof excluded, "%s%s", i > 0 ? "," : "",
                                       wanted->excluded[i]);
    fits = fits && ft_talk_add_number(order, size, "acquire", (int64_t) acquire) == 0 &&
           ft_talk_add(order, size, "exclude", excluded[0] != '\0' ? excluded : NULL) == 0 &&
           ft_talk_add_number(order, size, "timeout_ms", wanted->timeout_ms) == 0;
    if (fits && wanted->like != NULL)
        fits = ft_talk_add_number(order, size, "cores", wanted->like->cores) == 0 &&
               ft_talk_add_number(order, size, "memory", (int64_t) wanted->like->memory_bytes) == 0;
    return fits ? 0 : -1;
}

static void pmix_acquire(struct ft_rms *rms, uint64_t acquire, const struct ft_wanted *wanted)
{
    struct pmix *pmix = (struct pmix *) rms;
    char order[FT_TALK_LINE_MAX], why[300] = "";
    const char *problem = NULL;

    if (nodes_n(pmix) >= pmix->nodes_max) {
        snprintf(why, sizeof why, "the host gave, or is asked for, as many nodes as there may be: "
                 "%u (rms_nodes_max)", pmix->nodes_max);
        problem = why;
    } else if (make_order(acquire, wanted, order, sizeof order) != 0)
        problem = "more nodes are excluded than can be told the helper";
    else if (pmix->helper == NULL && start(pmix, why, sizeof why) != 0)
        problem = why;
    else if (!add_wish(pmix, acquire))
        problem = "too many requests wait for the host already";
    else if (ft_child_tell(pmix->helper, order) != 0 && end_wish(pmix, acquire))
        problem = "no memory for an order";
    if (problem != NULL)
        pmix->events.none(pmix->arg, acquire, problem, 0);
}

static void pmix_abandon(struct ft_rms *rms, uint64_t acquire)
{
    struct pmix *pmix = (struct pmix *) rms;
    char order[100] = "drop";

    if (!end_wish(pmix, acquire) || pmix->helper == NULL)
        return;
    ft_talk_add_number(order, sizeof order, "acquire", (int64_t) acquire);
    ft_child_tell(pmix->helper, order); /* unsaid: what comes is given back all the same */
}

static bool pmix_release(struct ft_rms *rms, const char *node, bool broken)
{
    struct pmix *pmix = (struct pmix *) rms;
    struct holding **link = &pmix->holdings, *holding;

    (void) broken; /* the host knows its nodes */
    while (*link != NULL && !ft_node_names_equal((*link)->node, node))
        link = &(*link)->next;
    holding = *link;
    if (holding == NULL)
        return false;
    *link = holding->next;
    give(pmix, holding->id, holding->node);
    free(holding);
    return true;
}

/* What another process got was released when that one ended. */
static bool pmix_taken(struct ft_rms *rms, const char *node)
{
    (void) rms;
    (void) node;
    return false;
}

static void pmix_destroy(struct ft_rms *rms)
{
    struct pmix *pmix = (struct pmix *) rms;

    ft_child_forget(pmix->helper);
    while (pmix->wishes != NULL)
        end_wish(pmix, pmix->wishes->acquire);
    while (pmix->holdings != NULL) {
        struct holding *holding = pmix->holdings;

        pmix->holdings = holding->next;
        free(holding);
    }
    free(pmix->program);
    free(pmix);
}

static struct ft_rms *pmix_create(const struct ft_rms_config *config,
                                  const struct ft_rms_events *events, void *arg)
{
    struct pmix *pmix;

    if (config->loop == NULL || config->pmix.helper == NULL) {
        errno = EINVAL;
        return NULL;
    }
    pmix = calloc(1, sizeof *pmix);
    if (pmix == NULL || (pmix->program = strdup(config->pmix.helper)) == NULL) {
        free(pmix);
        errno = ENOMEM;
        return NULL;
    }
    pmix->rms.backend = &ft_rms_pmix;
    pmix->events = *events;
    pmix->arg = arg;
    pmix->loop = config->loop;
    pmix->nodes_max = config->nodes_max;
    if (config->pmix.server > 0)
        snprintf(pmix->server, sizeof pmix->server, "%ld", (long) config->pmix.server);
    return &pmix->rms;
}

const struct ft_rms_backend ft_rms_pmix = {
    .name = "pmix",
    .create = pmix_create,
    .acquire = pmix_acquire,
    .abandon = pmix_abandon,
    .release = pmix_release,
    .taken = pmix_taken,
    .destroy = pmix_destroy,
};
