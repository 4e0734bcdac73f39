/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rebuild_ready.c - how a communicator that was made again comes under the application's handle.
 *
 * A rebuilding that is agreed on hands over what it has made (ftm_ready_commit). Where there are
 * books (derived.h), it goes into these: `collective`, and `direct` if messages go there too. The
 * application's handle itself stays what it is, with its attributes, its name, its info and its
 * topology. Where there are none, it is kept here by its parent's id and the call's number, until
 * the creating call asks for it (creating.c), gets a handle, and makes the books.
 *
 * What was freed everywhere else is given as a handle on which everything fails. Of what nobody
 * else knows, because all its other members were lost or are behind too, those who are in the dark
 * make a communicator among themselves (part.h).
 *
 * Owns the list of what is ready, and how far all ranks have come (rebuild_progress.h), under one
 * lock.
 */
#include "config.h"

#include "rebuild_ready.h"

#include <mpi.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "alone.h"
#include "comms.h"
#include "derived.h"
#include "handlers.h"
#include "posting.h"
#include "rebuild_make.h"
#include "replay.h"
#include "slots.h"
#include "world.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define AMONG_TAG 0x3A7000

bool ftm_rebuild_is_behind;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of all of these */
static struct ftm_remades ready;
static struct ftm_progress progress;
static bool is_for_messages; /* what is ready */

void ftm_ready_each(void (*visit)(const struct ftm_remade *ready, void *data), void *data)
{
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < ready.n; i++)
        visit(&ready.remades[i], data);
    pthread_mutex_unlock(&mutex);
}

/* With the lock held, as all below that begin none. */
static bool is_behind(void)
{
    for (size_t i = 0; i < progress.n_limits; i++)
        if (ftm_replay_count(progress.limits[i].id) < progress.limits[i].n)
            return true;
    return ready.n > 0;
}

/* ---------------------------------------------------------------- under a handle that there is */

struct wanted {
    uint64_t id;
    struct ftm_comm *comm;
};

static void compare_id(struct ftm_comm *c, void *data)
{
    struct wanted *wanted = data;

    if (c->id == wanted->id && !c->is_world)
        wanted->comm = c;
}

static struct ftm_comm *comm_with(uint64_t id)
{
    struct wanted wanted = {.id = id};

    ftm_comm_each(compare_id, &wanted);
    return wanted.comm;
}

/* Which process each rank is, on the real communicator that it has now. */
static void set_members(struct ftm_comm *c, struct ftm_birth *birth)
{
    free(c->members);
    c->members = birth->members;
    birth->members = NULL;
    c->n = birth->n;
    c->rank = ftm_comm_rank_of(c, ftm_world_rank());
    ftm_comm_note_reals(c);
}

static void put_under(struct ftm_comm *c, struct ftm_remade *remade, bool messages)
{
    MPI_Comm direct = c->direct, collective = c->collective;

    c->collective = remade->comm;
    if (messages || remade->is_for_all) {
        c->direct = remade->comm;
        c->whole = true;
        c->mixed = false;
        set_members(c, &remade->birth);
    }
    c->since = ftm_requests_noted.last_number;
    c->shapeless = c->shapeless || remade->birth.topology == FTM_SHAPELESS;
    /* This one first: who is retired is MPI_COMM_NULL, and nobody's equal any more. */
    if (direct != MPI_COMM_NULL && direct != c->app && direct != c->direct && direct != collective)
        ftm_comms_retire(&direct);
    if (collective != MPI_COMM_NULL && collective != c->app && collective != c->direct)
        ftm_comms_retire(&collective);
    ftm_birth_clear(&remade->birth);
}

/* For this process' own creating calls, if it has not come so far yet. Takes it over. */
static void get_ready(struct ftm_remade *remade)
{
    if (ftm_replay_count(remade->birth.parent) < remade->birth.k) {
        ready.remades[ready.n++] = *remade;
        return;
    }
    if (remade->comm != MPI_COMM_NULL)
        ftm_comms_retire(&remade->comm); /* it was freed here */
    ftm_birth_clear(&remade->birth);
}

void ftm_ready_commit(struct ftm_remades *remades, struct ftm_progress *now, bool messages)
{
    struct ftm_remades all = *remades;

    pthread_mutex_lock(&mutex);
    ftm_make_undo(&ready); /* what is still to be asked for is in this round, too */
    ftm_progress_clear(&progress);
    progress = *now;
    ready.remades = all.remades; /* those that are not ready leave it, from the front */
    is_for_messages = messages;
    for (size_t i = 0; i < all.n; i++) {
        struct ftm_remade remade = all.remades[i];
        struct ftm_comm *c = comm_with(remade.birth.id);

        if (c && remade.comm != MPI_COMM_NULL)
            put_under(c, &remade, messages);
        else
            get_ready(&remade);
    }
    *remades = (struct ftm_remades) {0};
    *now = (struct ftm_progress) {0};
    ftm_rebuild_is_behind = is_behind();
    pthread_mutex_unlock(&mutex);
}

/* ---------------------------------------------------------------- for the creating calls */

/* Takes the birth's members over. A real one, or NULL for what is freed. */
static int give(MPI_Comm parent, struct ftm_remade *remade, MPI_Comm *newcomm)
{
    struct ftm_comm *c = calloc(1, sizeof *c);
    struct ftm_birth *birth = &remade->birth;
    bool whole = remade->comm != MPI_COMM_NULL && (is_for_messages || remade->is_for_all);
    int rc;

    if (!c)
        return MPI_ERR_NO_MEM;
    c->app = remade->comm != MPI_COMM_NULL ? remade->comm : ftm_broken_comm();
    c->collective = remade->comm;
    c->direct = whole ? remade->comm : MPI_COMM_NULL;
    c->whole = whole;
    c->hidden = remade->comm != MPI_COMM_NULL ? ftm_slots_take(birth->slot) : MPI_COMM_NULL;
    c->slot = c->hidden != MPI_COMM_NULL ? birth->slot : -1;
    c->id = birth->id;
    c->parent = birth->parent;
    c->k = birth->k;
    c->in_flight_error = birth->in_flight_error;
    c->shapeless = birth->topology == FTM_SHAPELESS;
    ftm_replay_note(birth);
    set_members(c, birth);
    *newcomm = c->app;
    rc = c->app != MPI_COMM_NULL ? ftm_handlers_inherit(parent, c->app) : MPI_ERR_OTHER;
    if (rc == MPI_SUCCESS)
        return ftm_comm_keep(c);
    ftm_comm_destroy(c);
    return rc;
}

static struct ftm_remade *find_ready(uint64_t id, uint32_t k)
{
    for (size_t i = 0; i < ready.n; i++)
        if (ready.remades[i].birth.parent == id && ready.remades[i].birth.k == k)
            return &ready.remades[i];
    return NULL;
}

/* Gives a communicator of those. */
static int gather_among(const struct ftm_comm *c, uint64_t id, uint32_t k, MPI_Comm *among)
{
    int *ranks = malloc((size_t) c->n * sizeof *ranks), n = 0, rc;
    MPI_Group active = MPI_GROUP_NULL, group = MPI_GROUP_NULL;

    if (!ranks)
        return MPI_ERR_NO_MEM;
    for (int rank = 0; rank < c->n; rank++)
        if (ftm_progress_is_in_the_dark(&progress, id, k, ftm_comm_virtual(c, rank)))
            ranks[n++] = ftm_comm_virtual(c, rank);
    rc = PMPI_Comm_group(ftm_active, &active);
    if (rc == MPI_SUCCESS)
        rc = PMPI_Group_incl(active, n, ranks, &group);
    free(ranks);
    if (rc == MPI_SUCCESS)
        rc = PMPI_Comm_create_group(n > 1 ? ftm_active : MPI_COMM_SELF, group,
                                    AMONG_TAG + (int) (k & 0xFFF), among);
    if (active != MPI_GROUP_NULL)
        PMPI_Group_free(&active);
    if (group != MPI_GROUP_NULL)
        PMPI_Group_free(&group);
    if (rc == MPI_SUCCESS)
        PMPI_Comm_set_errhandler(*among, MPI_ERRORS_RETURN);
    return rc;
}

/* The others have freed it. */
static int give_freed(MPI_Comm parent, uint64_t id, uint32_t k, const int members[], int n,
                      MPI_Comm *newcomm)
{
    const struct ftm_birth like = {.id = ftm_replay_id(id, k, members[0]),
                                   .parent = id,
                                   .k = k,
                                   .slot = -1,
                                   .is_freed = true,
                                   .n = n,
                                   .members = (int *) members};
    struct ftm_remade remade = {.comm = MPI_COMM_NULL};
    int rc = ftm_birth_copy(&like, &remade.birth) ? give(parent, &remade, newcomm) : MPI_ERR_NO_MEM;

    ftm_birth_clear(&remade.birth);
    return rc;
}

enum ftm_there ftm_ready_has(MPI_Comm parent, uint64_t id, const int members[], int n,
                             MPI_Comm *newcomm, int *rc)
{
    const struct ftm_comm *c = ftm_comm_of(parent);
    enum ftm_there there = FTM_NOT_THERE;
    struct ftm_remade *remade;
    uint32_t k;

    *newcomm = MPI_COMM_NULL;
    pthread_mutex_lock(&mutex);
    k = ftm_replay_count(id) + 1;
    remade = find_ready(id, k);
    if (remade) {
        there = FTM_THERE;
        ftm_replay_next(id);
        *rc = give(parent, remade, newcomm);
        ftm_birth_clear(&remade->birth);
        *remade = ready.remades[--ready.n];
        ftm_rebuild_is_behind = is_behind();
    } else if (members && k <= ftm_progress_limit(&progress, id)) {
        there = FTM_THERE;
        ftm_replay_next(id);
        *rc = give_freed(parent, id, k, members, n, newcomm);
        ftm_rebuild_is_behind = is_behind();
    } else if (c && k <= ftm_progress_limit(&progress, id)) {
        there = FTM_AMONG;
    }
    pthread_mutex_unlock(&mutex);
    if (there == FTM_AMONG)
        *rc = gather_among(c, id, k, newcomm);
    return there;
}

/* Its members are not known by their numbers yet. */
static int take_new(MPI_Comm parent, uint64_t id, uint32_t k, MPI_Comm comm, bool is_shapeless)
{
    struct ftm_remade remade = {.birth = {.parent = id, .k = k, .slot = -1},
                                .comm = comm,
                                .is_for_all = true};
    MPI_Comm newcomm;
    int rc;

    remade.birth.topology = is_shapeless ? FTM_SHAPELESS : FTM_PLAIN;
    remade.birth.members = ftm_derived_members(comm, &remade.birth.n);
    if (!remade.birth.members)
        return MPI_ERR_NO_MEM;
    remade.birth.id = ftm_replay_id(id, k, remade.birth.members[0]);
    PMPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    rc = give(parent, &remade, &newcomm);
    ftm_birth_clear(&remade.birth);
    return rc;
}

int ftm_ready_take(MPI_Comm parent, uint64_t id, MPI_Comm comm, bool is_shapeless)
{
    struct ftm_birth left_out = {.parent = id, .slot = -1};
    int rc = MPI_SUCCESS;

    pthread_mutex_lock(&mutex);
    left_out.k = ftm_replay_next(id);
    if (comm != MPI_COMM_NULL)
        rc = take_new(parent, id, left_out.k, comm, is_shapeless);
    else
        ftm_replay_note(&left_out);
    ftm_rebuild_is_behind = is_behind();
    pthread_mutex_unlock(&mutex);
    return rc;
}

bool ftm_ready_is_past(uint64_t id)
{
    bool is;

    pthread_mutex_lock(&mutex);
    is = ftm_replay_count(id) < ftm_progress_limit(&progress, id);
    pthread_mutex_unlock(&mutex);
    return is;
}

void ftm_rebuild_caught_up(void)
{
    if (!ftm_rebuild_is_behind)
        return;
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < progress.n_limits; i++)
        ftm_replay_raise(progress.limits[i].id, progress.limits[i].n);
    ftm_make_undo(&ready);
    ftm_rebuild_is_behind = false;
    pthread_mutex_unlock(&mutex);
}

void ftm_ready_end(void)
{
    for (size_t i = 0; i < ready.n; i++)
        ftm_birth_clear(&ready.remades[i].birth);
    free(ready.remades);
    ready = (struct ftm_remades) {0};
    ftm_progress_clear(&progress);
    ftm_rebuild_is_behind = false;
}
