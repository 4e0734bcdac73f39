/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * purveyors.c - owns the backends (rms/) of a reign: the common one, one for each session of a
 * system that is in a job of Slurm, and the watch of Slurm's nodes.
 *
 * Called by spares.c. A session's own is made when it is first needed (most jobs never need one), or
 * when a predecessor had got something for it, and stays the session's until that ends, whatever
 * becomes of the plan: what it holds is held by its helper processes, so another plan is told to it
 * instead of making another one. A session for which there can be none (this program is not root,
 * FT was built without libslurm, ...) gets from the common one; that is logged once.
 *
 *     session        in a job of Slurm, rms = "auto" or "slurm"    its own
 *                    else                                          the common one
 *     node of pool                                                 the common one's, always
 *
 * What a session's backend says of nodes comes from a process of that session's user. It is heard
 * by that session, and by nobody else: one user must not be able to have others' jobs leave a node.
 * What the watch says, which runs as this program does, is for everybody.
 */
#include "centrald/purveyors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "centrald/pleas.h"
#include "centrald/sessions.h"
#include "centrald/source.h"
#include "common/hostlist.h"
#include "common/log.h"
#include "core/inventory.h"
#include "rms/rms.h"

#define OF_USER_MAX 64 /* sessions of one user that have one: each has helper processes */

struct purveyor {
    struct ft_purveyors *all;
    uint64_t session;        /* 0: the common one, and the watch */
    uint32_t uid;            /* whose session it is */
    struct ft_rms *rms;      /* NULL: there can be none for it, the common one has to do */
    struct purveyor *next;
};

struct ft_purveyors {
    const struct ft_parts *parts;
    uv_loop_t *loop;
    struct ft_purveyors_events events;
    void *arg;
    const struct ft_plan *plan;
    struct purveyor common, watch;
    struct ft_rms *prepared; /* the common one by another plan; NULL: none */
    const struct ft_plan *prepared_plan;
    struct purveyor *first;  /* the sessions' own */
};

/* ---------------------------------------------------------------- what backends say */

static void on_offer(void *arg, uint64_t acquire, const char *node)
{
    const struct purveyor *purveyor = arg;

    purveyor->all->events.offer(purveyor->all->arg, purveyor->session, acquire, node);
}

static void on_none(void *arg, uint64_t acquire, const char *why, int64_t available_at_s)
{
    const struct purveyor *purveyor = arg;

    purveyor->all->events.none(purveyor->all->arg, acquire, why, available_at_s);
}

/* Slurm's word that a node is down means that it does not answer Slurm: whether it is lost is found
 * out by those who beat its heart. It is left either way. */
static void on_node_fail(void *arg, const char *node, bool failing, const char *why)
{
    const struct purveyor *purveyor = arg;

    (void) failing;
    purveyor->all->events.node_news(purveyor->all->arg, purveyor->session, node, why);
}

static void on_node_well(void *arg, const char *node, const char *why)
{
    const struct purveyor *purveyor = arg;

    (void) why;
    purveyor->all->events.node_news(purveyor->all->arg, purveyor->session, node, NULL);
}

static void on_request(void *arg, const struct ft_rms_request *request)
{
    const struct purveyor *purveyor = arg;

    ft_pleas_request(purveyor->all->parts->pleas, request);
}

static const struct ft_rms_events backend_events = {.offer = on_offer,
                                                    .none = on_none,
                                                    .node_fail = on_node_fail,
                                                    .node_well = on_node_well,
                                                    .request = on_request};

/* ---------------------------------------------------------------- whose is whose */

static struct purveyor *find(const struct ft_purveyors *purveyors, uint64_t session)
{
    struct purveyor *purveyor = purveyors->first;

    while (purveyor != NULL && purveyor->session != session)
        purveyor = purveyor->next;
    return purveyor;
}

static void log_without(const struct ft_purveyors *purveyors, const struct ft_session_owner *owner,
                        const char *why)
{
    char text[900];
    struct ft_event event = {.name = "without_slurm",
                             .rank = -1,
                             .fields = {{.key = "session", .text = owner->name},
                                        {.key = "uid", .number = owner->uid},
                                        {.key = "slurm_job", .number = owner->slurm_job}},
                             .text = text,
                             .is_private = true,
                             .owner = owner->uid};

    snprintf(text, sizeof text, "session %.255s of user %" PRIu32 " gets no nodes from Slurm for its "
             "job %" PRIu32 ", only from the pool: %.400s", owner->name, owner->uid,
             owner->slurm_job, why);
    ft_log_warning("%s", text);
    ft_sessions_log(purveyors->parts->sessions, &event);
}

static unsigned count_of(const struct ft_purveyors *purveyors, uint32_t uid)
{
    unsigned n = 0;

    for (const struct purveyor *purveyor = purveyors->first; purveyor != NULL;
         purveyor = purveyor->next)
        n += purveyor->rms != NULL && purveyor->uid == uid;
    return n;
}

/* NULL: out of memory; the next wish tries again. */
static struct purveyor *make(struct ft_purveyors *purveyors, uint64_t session,
                             const struct ft_session_owner *owner)
{
    struct ft_source_session source = {
        .slurm_job = owner->slurm_job, .uid = owner->uid, .spares = owner->spares};
    struct purveyor *purveyor = calloc(1, sizeof *purveyor);
    char why[500] = "";

    if (purveyor == NULL)
        return NULL;
    purveyor->all = purveyors;
    purveyor->session = session;
    purveyor->uid = owner->uid;
    if (count_of(purveyors, owner->uid) >= OF_USER_MAX)
        snprintf(why, sizeof why, "%d launchers of this user get nodes from there already",
                 OF_USER_MAX);
    else
        purveyor->rms = ft_source_for_session(purveyors->plan, &source, purveyors->loop,
                                              &backend_events, purveyor, why, sizeof why);
    if (purveyor->rms == NULL)
        log_without(purveyors, owner, why);
    else if (purveyors->watch.rms == NULL)
        purveyors->watch.rms = ft_source_watch(purveyors->plan, purveyors->loop, &backend_events,
                                               &purveyors->watch);
    purveyor->next = purveyors->first;
    purveyors->first = purveyor;
    return purveyor;
}

/* The session's own, which is made if need be; NULL: the common one is the session's. */
static struct ft_rms *own_of(struct ft_purveyors *purveyors, uint64_t session)
{
    struct purveyor *purveyor = session != 0 ? find(purveyors, session) : NULL;
    struct ft_session_owner owner;

    if (purveyor == NULL && purveyors->parts->book != NULL && session != 0 &&
        ft_source_is_slurm(purveyors->plan) &&
        ft_sessions_owner(purveyors->parts->sessions, session, &owner) && owner.slurm_job != 0)
        purveyor = make(purveyors, session, &owner);
    return purveyor != NULL ? purveyor->rms : NULL;
}

/* ---------------------------------------------------------------- wishes */

void ft_purveyors_acquire(struct ft_purveyors *purveyors, uint64_t acquire,
                          const struct ft_wanted *wanted)
{
    struct ft_rms *own = own_of(purveyors, wanted->session);

    ft_rms_acquire(own != NULL ? own : purveyors->common.rms, acquire, wanted);
}

/* Numbers of acquires are unique among all. */
void ft_purveyors_abandon(struct ft_purveyors *purveyors, uint64_t acquire)
{
    ft_rms_abandon(purveyors->common.rms, acquire);
    for (struct purveyor *purveyor = purveyors->first; purveyor != NULL;
         purveyor = purveyor->next) {
        if (purveyor->rms != NULL)
            ft_rms_abandon(purveyor->rms, acquire);
    }
}

/* Nothing is made for it: what a session has was given or taken. */
void ft_purveyors_release(struct ft_purveyors *purveyors, const struct ft_returned *returned)
{
    struct purveyor *purveyor = find(purveyors, returned->session);

    if (purveyor == NULL || purveyor->rms == NULL ||
        !ft_rms_release(purveyor->rms, returned->node, returned->broken))
        ft_rms_release(purveyors->common.rms, returned->node, returned->broken);
}

/* Who has Slurm's administrator hear of a session's losses: its own one. NULL: there is nobody; a
 * system's common one is of no job. */
static struct ft_rms *teller_of(struct ft_purveyors *purveyors, uint64_t session)
{
    return purveyors->parts->book == NULL ? purveyors->common.rms : own_of(purveyors, session);
}

void ft_purveyors_suspect(struct ft_purveyors *purveyors, const struct ft_suspect *suspect)
{
    struct ft_rms *teller = teller_of(purveyors, suspect->session);

    if (teller != NULL && ft_pleas_is_due(purveyors->parts->pleas, suspect))
        ft_rms_suspect(teller, suspect);
}

void ft_purveyors_time_lost(struct ft_purveyors *purveyors, const struct ft_lost_time *lost)
{
    struct ft_rms *teller = teller_of(purveyors, lost->session);

    if (teller != NULL)
        ft_rms_time_lost(teller, lost->ms);
}

void ft_purveyors_kept(struct ft_purveyors *purveyors, uint64_t session, const char *node)
{
    struct purveyor *purveyor = find(purveyors, session);

    if (purveyor != NULL && purveyor->rms != NULL)
        ft_rms_kept(purveyor->rms, node);
}

void ft_purveyors_taken(struct ft_purveyors *purveyors, uint64_t session, const char *node)
{
    struct ft_rms *own;

    if (ft_rms_taken(purveyors->common.rms, node))
        return;
    own = own_of(purveyors, session);
    if (own != NULL)
        ft_rms_taken(own, node);
}

void ft_purveyors_forsaken(struct ft_purveyors *purveyors, uint64_t session)
{
    struct ft_rms *own = own_of(purveyors, session);

    if (own != NULL)
        ft_rms_forsaken(own);
}

void ft_purveyors_part(struct ft_purveyors *purveyors, uint64_t session)
{
    struct purveyor **link = &purveyors->first, *purveyor;

    while (*link != NULL && (*link)->session != session)
        link = &(*link)->next;
    purveyor = *link;
    if (purveyor == NULL)
        return;
    *link = purveyor->next;
    ft_rms_destroy(purveyor->rms);
    free(purveyor);
}

/* ---------------------------------------------------------------- the plan */

/* Spares of the pool that are given stay given. */
static void take_given(void *arg, const char *name, struct ft_central *central)
{
    struct ft_purveyors *purveyors = arg;
    uint64_t session = ft_sessions_number(purveyors->parts->sessions, central);
    const struct purveyor *own = session != 0 ? find(purveyors, session) : NULL;
    const struct ft_node *node = ft_inventory_first(ft_central_inventory(central));

    (void) name;
    if (own != NULL && own->rms != NULL)
        return; /* those are its own's */
    for (; node != NULL; node = node->order_next) {
        if (node->acquired)
            ft_rms_taken(purveyors->prepared, node->name);
    }
}

int ft_purveyors_prepare(struct ft_purveyors *purveyors, const struct ft_plan *plan, char *why,
                         size_t size)
{
    bool is_system = purveyors->parts->book != NULL;

    purveyors->prepared = ft_source_make(plan, is_system, purveyors->loop, &backend_events,
                                         &purveyors->common, why, size);
    if (purveyors->prepared == NULL)
        return -1;
    purveyors->prepared_plan = plan;
    ft_sessions_each(purveyors->parts->sessions, take_given, purveyors);
    return 0;
}

/* What sessions have of their own goes by the new plan, and keeps what it holds. */
static void change_own(struct ft_purveyors *purveyors, unsigned watched_ms)
{
    for (struct purveyor *purveyor = purveyors->first; purveyor != NULL;
         purveyor = purveyor->next) {
        if (purveyor->rms != NULL && ft_source_change(purveyor->rms, purveyors->plan) != 0)
            ft_log_error("nodes from Slurm go by the settings from before: %s", strerror(errno));
    }
    if (purveyors->first == NULL || watched_ms == purveyors->plan->rms_watch_ms)
        return;
    ft_rms_destroy(purveyors->watch.rms);
    purveyors->watch.rms = ft_source_watch(purveyors->plan, purveyors->loop, &backend_events,
                                           &purveyors->watch);
}

void ft_purveyors_settle(struct ft_purveyors *purveyors, bool in_force)
{
    struct ft_rms *dropped = in_force ? purveyors->common.rms : purveyors->prepared;
    unsigned watched_ms = purveyors->plan->rms_watch_ms;

    if (in_force) {
        purveyors->common.rms = purveyors->prepared;
        purveyors->plan = purveyors->prepared_plan;
    }
    purveyors->prepared = NULL;
    purveyors->prepared_plan = NULL;
    ft_rms_destroy(dropped);
    if (in_force)
        change_own(purveyors, watched_ms);
}

/* ---------------------------------------------------------------- life */

struct ft_purveyors *ft_purveyors_create(const struct ft_parts *parts, uv_loop_t *loop,
                                         const struct ft_plan *plan,
                                         const struct ft_purveyors_events *events, void *arg,
                                         char *why, size_t size)
{
    struct ft_purveyors *purveyors = calloc(1, sizeof *purveyors);

    if (purveyors == NULL) {
        snprintf(why, size, "where nodes come from: %s", strerror(errno));
        return NULL;
    }
    purveyors->parts = parts;
    purveyors->loop = loop;
    purveyors->events = *events;
    purveyors->arg = arg;
    purveyors->plan = plan;
    purveyors->common.all = purveyors->watch.all = purveyors;
    purveyors->common.rms = ft_source_make(plan, parts->book != NULL, loop, &backend_events,
                                           &purveyors->common, why, size);
    if (purveyors->common.rms != NULL)
        return purveyors;
    free(purveyors);
    return NULL;
}

void ft_purveyors_destroy(struct ft_purveyors *purveyors)
{
    if (purveyors == NULL)
        return;
    while (purveyors->first != NULL)
        ft_purveyors_part(purveyors, purveyors->first->session);
    ft_rms_destroy(purveyors->watch.rms);
    ft_rms_destroy(purveyors->prepared);
    ft_rms_destroy(purveyors->common.rms);
    free(purveyors);
}
