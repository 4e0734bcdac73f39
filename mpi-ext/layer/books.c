/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * books.c - what is known of each communicator that consists of ranks of the world.
 *
 * The books of a communicator are kept in a list (they are looked for in slow paths only), and tied
 * to it by an attribute: when Open MPI frees the communicator the attribute goes, and the books
 * with it, and the slot is free again.
 *
 *   in    derived.c, alone.c, rebuild_ready.c make books; who uses a communicator looks into them
 *   out   pt2pt.c, requests.c: where a rank is reached; ftm_collective: where collectives go
 */
#include "config.h"

#include "books.h"

#include <mpi.h>
#include <pthread.h>
#include <stdlib.h>

#include "alone.h"
#include "fresh.h"
#include "inbox.h"
#include "rebuild_ready.h"
#include "slots.h"
#include "table.h"
#include "world.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of the list */
static struct ftm_comm *comms;
static int key = MPI_KEYVAL_INVALID;

void ftm_comm_destroy(struct ftm_comm *c)
{
    if (!c)
        return;
    ftm_slots_give_back(c->slot);
    free(c->members);
    free(c->reals);
    free(c->dims);
    free(c->periods);
    free(c);
}

static void unlink_comm(struct ftm_comm *c)
{
    struct ftm_comm **at = &comms;

    while (*at && *at != c)
        at = &(*at)->next;
    if (*at)
        *at = c->next;
}

/* Open MPI frees the communicator, or its attributes at the end. */
static int forget(MPI_Comm comm, int keyval, void *value, void *extra)
{
    struct ftm_comm *c = value;

    (void) keyval;
    (void) extra;
    ftm_inbox_forget(comm);
    pthread_mutex_lock(&mutex);
    unlink_comm(c);
    pthread_mutex_unlock(&mutex);
    ftm_comm_destroy(c);
    return MPI_SUCCESS;
}

int ftm_books_begin(void)
{
    return PMPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, forget, &key, NULL);
}

int ftm_comm_keep(struct ftm_comm *c)
{
    int rc = PMPI_Comm_set_attr(c->app, key, c);

    if (rc != MPI_SUCCESS) {
        ftm_comm_destroy(c);
        return rc;
    }
    pthread_mutex_lock(&mutex);
    c->next = comms;
    comms = c;
    pthread_mutex_unlock(&mutex);
    return MPI_SUCCESS;
}

/* By its handle alone: it may have been freed, with requests of its still under way. */
struct ftm_comm *ftm_comm_of(MPI_Comm app)
{
    struct ftm_comm *c;

    pthread_mutex_lock(&mutex);
    for (c = comms; c && c->app != app; c = c->next)
        ;
    pthread_mutex_unlock(&mutex);
    return c;
}

void ftm_comm_each(void (*visit)(struct ftm_comm *c, void *data), void *data)
{
    pthread_mutex_lock(&mutex);
    for (struct ftm_comm *c = comms; c; c = c->next)
        visit(c, data);
    pthread_mutex_unlock(&mutex);
}

/* ---------------------------------------------------------------- its ranks */

int ftm_comm_virtual(const struct ftm_comm *c, int rank)
{
    if (rank < 0 || rank >= c->n)
        return -1;
    return c->members ? c->members[rank] : rank;
}

int ftm_comm_rank_of(const struct ftm_comm *c, int v)
{
    if (!c->members)
        return v >= 0 && v < c->n ? v : -1;
    for (int rank = 0; rank < c->n; rank++)
        if (c->members[rank] == v)
            return rank;
    return -1;
}

int *ftm_comm_members(const struct ftm_comm *c)
{
    int *members = malloc((size_t) c->n * sizeof *members);

    for (int rank = 0; members && rank < c->n; rank++)
        members[rank] = ftm_comm_virtual(c, rank);
    return members;
}

int ftm_comm_process(const struct ftm_comm *c, int rank)
{
    if (rank < 0 || rank >= c->n)
        return -1;
    return c->reals ? c->reals[rank] : ftm_comm_virtual(c, rank);
}

bool ftm_comm_note_reals(struct ftm_comm *c)
{
    free(c->reals);
    c->reals = malloc((size_t) c->n * sizeof *c->reals);
    for (int rank = 0; c->reals && rank < c->n; rank++)
        c->reals[rank] = ftm_table_real(ftm_world_table(), c->members[rank]);
    return c->reals != NULL;
}

bool ftm_comm_route(const struct ftm_comm *c, int peer, struct ftm_route *route)
{
    route->v = ftm_comm_virtual(c, peer);
    route->real = ftm_table_real(ftm_world_table(), route->v);
    if (ftm_fresh_used && !c->whole && ftm_fresh_comm(route->real) != MPI_COMM_NULL) {
        route->comm = c->is_world ? ftm_fresh_comm(route->real) : MPI_COMM_NULL;
        route->rank = 0;
        return c->is_world;
    }
    if (c->direct != MPI_COMM_NULL
        && (c->whole || c->is_world || route->real == ftm_comm_process(c, peer))) {
        route->comm = c->direct;
        route->rank = c->is_world && !c->whole ? route->real : peer;
        return true;
    }
    route->comm = c->hidden;
    route->rank = route->real;
    return c->hidden != MPI_COMM_NULL;
}

/* ---------------------------------------------------------------- its real communicators */

MPI_Comm ftm_comm_in_use(MPI_Comm app)
{
    const struct ftm_comm *c = app == MPI_COMM_WORLD ? NULL : ftm_comm_of(app);

    if (app == MPI_COMM_WORLD)
        return ftm_active;
    return c && c->collective != MPI_COMM_NULL ? c->collective : app;
}

MPI_Comm ftm_comm_for_all(MPI_Comm app)
{
    if (ftm_rebuild_is_behind)
        ftm_rebuild_caught_up();
    return ftm_comm_in_use(app);
}

bool ftm_comm_is_alone(const struct ftm_comm *c)
{
    if (c->is_world)
        return ftm_is_replacement() && !ftm_rebuilt;
    return c->collective == MPI_COMM_NULL;
}
