/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * waiting.c - on the master: a job gets its warm spare ranks.
 *
 * The user starts N ranks; S more are started with them, the last ones, which wait in MPI_Init
 * (libftmpi). That is decided here, right before PRRTE maps the job, where it is known which nodes
 * there are and how many slots each has: the application gets S processes more. How many:
 *
 *   errmgr_ft_spare_ranks > 0   so many (`ft run --spares S`)
 *   errmgr_ft_spare_ranks < 0   not said, the default: where the resource manager's job has nodes for
 *                               spare ranks (spares.c), on each of these as many as the fullest other
 *                               node has ranks, so that it can be in the place of any of them
 *   errmgr_ft_spare_ranks 0     none
 *
 * The ranks lie as they would without spares; the spares on the nodes that are for them, and else on
 * nodes of their own, as long as there are any, one on each in turn (places.c). With a mapping of the
 * user's own (a rankfile, ...; without nodes for spare ranks also round the nodes) the spares are
 * simply its last ranks. PRRTE numbers the ranks by nodes or rounds; where there are nodes for spare
 * ranks, they are numbered anew afterwards, in the same order, with those on these nodes last.
 *
 * A job that cannot have the spares that were asked for is not started: fewer slots than N + S, several
 * programs, no number of ranks. What is wrong and what to do is told here; PRRTE then ends the job as
 * one that cannot be mapped. If nobody said how many, it is started without, and that is told.
 *
 * Jobs that ranks spawn have no spares, whatever the parameter says. They are kept off the nodes for
 * spare ranks, unless they name one: a stand-in is placed there.
 */
#include "places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LISTED_MAX 12 /* nodes that a message names */

static struct ftp_places places; /* of the job that is being mapped */
static bool to_be_numbered;      /* it has nodes for spare ranks */

static bool is_spawned(const prte_job_t *job)
{
    pmix_proc_t *spawner = NULL;
    bool yes;

    if (!prte_get_attribute((pmix_list_t *) &job->attributes, PRTE_JOB_LAUNCH_PROXY,
                            (void **) &spawner, PMIX_PROC)
        || spawner == NULL)
        return false;
    yes = !PMIX_CHECK_NSPACE(spawner->nspace, PRTE_PROC_MY_NAME->nspace)
          && prte_get_job_data_object(spawner->nspace) != NULL;
    PMIX_PROC_RELEASE(spawner);
    return yes;
}

static prte_app_context_t *app_of(const prte_job_t *job, int i)
{
    return (prte_app_context_t *) pmix_pointer_array_get_item(job->apps, i);
}

/* ---- what is told */

/* The library in the processes is told how many of them are spares. */
static void tell_processes(const prte_job_t *job, int spares)
{
    prte_app_context_t *app;
    char text[16];

    snprintf(text, sizeof text, "%d", spares);
    for (int i = 0; i < job->apps->size; i++)
        if ((app = app_of(job, i)) != NULL)
            PMIx_Setenv("FT_SPARE_RANKS", text, true, &app->env);
}

/* "n0 2, n1 2 and 3 more nodes" */
static void list_slots(char *text, size_t size, bool for_spares)
{
    int at = 0, listed = 0, left = 0;

    text[0] = '\0';
    for (int i = 0; i < places.n; i++) {
        const struct ftp_place *place = &places.list[i];

        if (place->for_spares != for_spares)
            continue;
        if (listed < LISTED_MAX && at < (int) size - 100)
            at += snprintf(text + at, size - (size_t) at, "%s%.60s %d", listed++ > 0 ? ", " : "",
                           place->node->name, place->slots);
        else
            left++;
    }
    if (left > 0)
        snprintf(text + at, size - (size_t) at, " and %d more nodes", left);
}

static void tell_too_few(int n, int spares)
{
    int slots = ftp_places_slots(&places, false), kept = ftp_places_slots(&places, true);
    char nodes[600], kept_nodes[300];

    list_slots(nodes, sizeof nodes, false);
    list_slots(kept_nodes, sizeof kept_nodes, true);
    if (kept > 0)
        ftp_warn("%d ranks need %d slots, and %d spare ranks %d; there are %d for ranks (%s), and %d\n"
                 "on the nodes that the job has for spare ranks alone (%s).\n"
                 "The job is not started. Start fewer ranks or spares, ask for more nodes or\n"
                 "tasks, or allow more processes than slots (--map-by :OVERSUBSCRIBE).", n, n,
                 spares, spares, slots, nodes[0] != '\0' ? nodes : "no node can be used", kept,
                 kept_nodes);
    else
        ftp_warn("%d ranks and %d spare ranks need %d slots; there are %d (%s).\n"
                 "The job is not started. Add nodes or slots (--host NODE:SLOTS, --hostfile), start\n"
                 "fewer ranks or spares, or allow more processes than slots\n"
                 "(--map-by :OVERSUBSCRIBE).", n, spares, n + spares, slots,
                 nodes[0] != '\0' ? nodes : "no node can be used");
}

/* ---- before the job is mapped */

/* What is in the way of spare ranks; NULL: nothing. */
static const char *obstacle(const prte_job_t *job, const prte_app_context_t *app)
{
    bool named = ftp_spares_count() > 0;

    if (job->num_apps != 1 || app == NULL)
        return "one program: they take the place of any rank of it";
    if (ftp_params.spare_ranks < 0 && ftp_places_order(job) == FTP_OWN_ORDER)
        return "a mapping that can leave their nodes alone (no rankfile, no list of CPUs)";
    if (app->num_procs <= 0 && (!named || ftp_places_order(job) == FTP_OWN_ORDER))
        return "a number of ranks (-n)";
    return NULL;
}

static bool is_named_by(const prte_job_t *job)
{
    const prte_app_context_t *app;

    for (int i = 0; i < job->apps->size; i++)
        if ((app = app_of(job, i)) != NULL
            && prte_get_attribute((pmix_list_t *) &app->attributes, PRTE_APP_DASH_HOST, NULL,
                                  PMIX_STRING))
            return true;
    return false;
}

/* The job has no spare ranks: the nodes for them are not its. */
static void keep_off_spares(const prte_job_t *job)
{
    prte_app_context_t *app = app_of(job, 0);

    if (ftp_spares_count() == 0 || app == NULL || is_named_by(job))
        return;
    ftp_places_find(&places, job, app);
    ftp_places_hold_spares(&places);
}

/* Where all of them go, said in PRRTE's words. Returns the number of spare ranks. */
static int lay(prte_job_t *job, prte_app_context_t *app, int n)
{
    int spares = ftp_places_lay(&places, n, ftp_params.spare_ranks, ftp_places_order(job));
    char *hosts = ftp_places_hosts(&places);

    ftp_say(1, "%d ranks and %d spare ranks: %s", n, spares, hosts != NULL ? hosts : "?");
    if (hosts != NULL)
        prte_set_attribute(&app->attributes, PRTE_APP_DASH_HOST, PRTE_ATTR_GLOBAL, hosts,
                           PMIX_STRING);
    free(hosts);
    ftp_places_hold(&places, true);
    to_be_numbered = ftp_spares_count() > 0;
    return spares;
}

/* Whether n ranks and the spares have slots, those on nodes for spare ranks counted apart. */
static bool there_is_room(int n, int spares)
{
    int slots = ftp_places_slots(&places, false), kept = ftp_places_slots(&places, true);

    return n <= slots && n + spares <= slots + kept;
}

static bool add(prte_job_t *job, prte_app_context_t *app)
{
    enum ftp_order order = ftp_places_order(job);
    int spares = ftp_params.spare_ranks < 0 ? 0 : ftp_params.spare_ranks, n = app->num_procs;

    ftp_places_find(&places, job, app);
    if (n <= 0)
        n = ftp_places_ranks(&places);
    if (!there_is_room(n, spares) && !ftp_places_may_exceed(job)) {
        if (ftp_params.spare_ranks < 0)
            spares = ftp_places_lay(&places, n, -1, order);
        tell_too_few(n, spares);
        return false;
    }
    if (ftp_spares_count() > 0 ? order != FTP_OWN_ORDER
                               : order == FTP_NODE_AFTER_NODE && there_is_room(n, spares))
        spares = lay(job, app, n);
    app->num_procs = n + spares;
    tell_processes(job, spares);
    return true;
}

bool ftp_waiting_add(prte_job_t *job)
{
    bool wanted = ftp_params.spare_ranks > 0
                  || (ftp_params.spare_ranks < 0 && ftp_spares_count() > 0);
    prte_app_context_t *app = app_of(job, 0);
    const char *needed;

    memset(&places, 0, sizeof places);
    to_be_numbered = false;
    if (ftp_params.runtime && ftp_job_is_tolerant(job))
        tell_processes(job, 0);
    if (!wanted || !ftp_job_is_tolerant(job) || is_spawned(job)) {
        keep_off_spares(job);
        return true;
    }
    needed = obstacle(job, app);
    if (needed == NULL)
        return add(job, app);
    if (ftp_params.spare_ranks > 0) {
        ftp_warn("Spare ranks (--spares) need %s. The job is not started.", needed);
        return false;
    }
    ftp_warn("No ranks wait on the job's spare nodes (--ft-spares): that needs %s.\n"
             "The nodes are kept idle.", needed);
    keep_off_spares(job);
    return true;
}

/* ---- afterwards */

/* The processes in the order of their ranks, those on nodes for spare ranks last. Ranks may be missing
 * and others too high: PRRTE counts so, round nodes that have not the same numbers of processes.
 * Returns how many there are. */
static pmix_rank_t in_order(const prte_job_t *job, prte_proc_t **order)
{
    pmix_rank_t n = 0;

    for (int spare = 0; spare <= 1; spare++)
        for (int i = 0; i < job->procs->size && n < job->num_procs; i++) {
            prte_proc_t *proc = (prte_proc_t *) pmix_pointer_array_get_item(job->procs, i);

            if (proc != NULL && ftp_spares_has(proc->node) == (spare == 1))
                order[n++] = proc;
        }
    return n;
}

static void number_anew(const prte_job_t *job)
{
    prte_proc_t **order = calloc(job->num_procs + 1, sizeof *order);
    pmix_rank_t n;

    if (order == NULL) {
        PRTE_ERROR_LOG(PRTE_ERR_OUT_OF_RESOURCE);
        return;
    }
    n = in_order(job, order);
    if (n < job->num_procs) /* not mapped, which PRRTE tells */
        n = 0;
    for (int i = 0; n > 0 && i < job->procs->size; i++)
        pmix_pointer_array_set_item(job->procs, i, (pmix_rank_t) i < n ? order[i] : NULL);
    for (pmix_rank_t rank = 0; rank < n; rank++)
        order[rank]->name.rank = order[rank]->app_rank = rank;
    free(order);
}

void ftp_waiting_mapped(const prte_job_t *job)
{
    ftp_places_hold(&places, false);
    if (to_be_numbered)
        number_anew(job);
    to_be_numbered = false;
    places.n = 0;
}
