/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * derived.c - a communicator that was made from one of the world's ranks is taken into the books.
 *
 * Called after each creating call that succeeded: by the wrappers in create_*.c, and by generated
 * ones. The new communicator gets a number that is the same in all its members (replay.h), a slot
 * (slots.h), the application's error handler, and the rules of the one that it was made from; what
 * came of the call is noted in the log, for a process that has to make it again. Those with
 * processes of other jobs are not ours, and stay as they are.
 *
 * MPI_Comm_idup: the members cannot agree on a slot, since that would take waiting for each other.
 * Open MPI gives the handle at once, so it is known from the call on.
 */
#include "config.h"

#include "derived.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alone.h"
#include "among.h"
#include "attributes.h"
#include "handlers.h"
#include "inter.h"
#include "rebuild.h"
#include "replay.h"
#include "requests.h"
#include "retarget.h"
#include "role.h"
#include "slots.h"
#include "stray.h"
#include "table.h"
#include "world.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

/* ---------------------------------------------------------------- who its members are */

/* MPI_SUCCESS; MPI_ERR_RANK: one is none of the world's; or another error. */
static int find_ranks(MPI_Group group, int n, int members[])
{
    bool by_table = ftm_is_replacement() && !ftm_rebuilt;
    MPI_Group world = MPI_GROUP_NULL;
    int *ranks = malloc((size_t) n * sizeof *ranks + 1);
    int rc = ranks ? PMPI_Comm_group(by_table ? MPI_COMM_WORLD : ftm_active, &world)
                   : MPI_ERR_NO_MEM;

    for (int i = 0; ranks && i < n; i++)
        ranks[i] = i;
    if (rc == MPI_SUCCESS)
        rc = PMPI_Group_translate_ranks(group, n, ranks, world, members);
    for (int i = 0; rc == MPI_SUCCESS && i < n; i++) {
        if (by_table)
            members[i] = ftm_table_virtual(ftm_world_table(), members[i]);
        if (members[i] < 0 || members[i] >= ftm_world_n)
            rc = MPI_ERR_RANK;
    }
    if (world != MPI_GROUP_NULL)
        PMPI_Group_free(&world);
    free(ranks);
    return rc;
}

bool ftm_derived_ranks(MPI_Group group, int n, int members[])
{
    return find_ranks(group, n, members) == MPI_SUCCESS;
}

/* The same of a communicator's; *members is to be freed, NULL after an error. */
static int find_members(MPI_Comm comm, int *n, int **members)
{
    MPI_Group group = MPI_GROUP_NULL;
    int rc = PMPI_Comm_size(comm, n);

    *members = rc == MPI_SUCCESS ? malloc((size_t) *n * sizeof **members + 1) : NULL;
    if (rc == MPI_SUCCESS)
        rc = *members ? PMPI_Comm_group(comm, &group) : MPI_ERR_NO_MEM;
    if (rc == MPI_SUCCESS)
        rc = find_ranks(group, *n, *members);
    if (group != MPI_GROUP_NULL)
        PMPI_Group_free(&group);
    if (rc != MPI_SUCCESS) {
        free(*members);
        *members = NULL;
    }
    return rc;
}

int *ftm_derived_members(MPI_Comm comm, int *n)
{
    int *members;

    find_members(comm, n, &members);
    return members;
}

/* ---------------------------------------------------------------- a new one */

void ftm_derived_rule(struct ftm_comm *c, MPI_Info info)
{
    char value[MPI_MAX_INFO_VAL + 1] = "";
    int found = 0, length = sizeof value;

    if (info != MPI_INFO_NULL
        && PMPI_Info_get_string(info, FTM_IN_FLIGHT_KEY, &length, value, &found) == MPI_SUCCESS
        && found)
        c->in_flight_error = strcmp(value, FTM_IN_FLIGHT_ERROR) == 0;
}

/* Only intracommunicators with members of the world are ours. */
static bool is_ours(MPI_Comm parent, MPI_Comm made)
{
    int inter = 1;

    return ftm_comm_of(parent)
           && PMPI_Comm_test_inter(made, &inter) == MPI_SUCCESS && !inter;
}

void ftm_derived_note(const struct ftm_comm *c)
{
    const struct ftm_birth birth = {.id = c->id,
                                    .parent = c->parent,
                                    .k = c->k,
                                    .slot = c->slot,
                                    .in_flight_error = c->in_flight_error,
                                    .n = c->n,
                                    .members = c->members};

    ftm_replay_note(&birth);
}

static void note_left_out(uint64_t parent, uint32_t k)
{
    const struct ftm_birth birth = {.parent = parent, .k = k, .slot = -1};

    ftm_replay_note(&birth);
}

/* NULL: out of memory. */
static struct ftm_comm *describe(const struct ftm_comm *of, MPI_Comm app, int n, int *members)
{
    struct ftm_comm *c = calloc(1, sizeof *c);

    if (!c) {
        free(members);
        return NULL;
    }
    *c = (struct ftm_comm) {.app = app,
                            .direct = app,
                            .collective = app,
                            .hidden = MPI_COMM_NULL,
                            .slot = -1,
                            .in_flight_error = of->in_flight_error,
                            .whole = of->whole,
                            .n = n,
                            .members = members};
    PMPI_Comm_rank(app, &c->rank);
    if (members && (!ftm_changed || ftm_comm_note_reals(c)))
        return c;
    ftm_comm_destroy(c);
    return NULL;
}

/* Whoever has no memory for it tells the others so: they would wait for it. */
int ftm_derived_take_in(const struct ftm_comm *of, MPI_Comm app, uint64_t parent, uint32_t k,
                        bool with_slot)
{
    MPI_Comm hidden = MPI_COMM_NULL;
    struct ftm_comm *c;
    int n, slot = -1, *members, rc = find_members(app, &n, &members);

    if (rc == MPI_ERR_RANK) /* in all its members: it is none of ours */
        return MPI_SUCCESS;
    c = describe(of, app, n, members);
    rc = c ? MPI_SUCCESS : MPI_ERR_NO_MEM;
    if (with_slot && (rc = ftm_among_check(app)) == MPI_SUCCESS)
        rc = ftm_slots_agree(app, c != NULL, &slot, &hidden);
    if (rc != MPI_SUCCESS) {
        ftm_comm_destroy(c);
        return rc;
    }
    c->parent = parent;
    c->k = k;
    c->slot = slot;
    c->hidden = hidden;
    c->id = ftm_replay_id(parent, k, c->members[0]);
    ftm_derived_note(c);
    return ftm_comm_keep(c);
}

int ftm_derived_known(MPI_Comm parent, MPI_Comm *made, bool with_slot)
{
    const struct ftm_comm *of = ftm_comm_of(parent);
    uint32_t k = of ? ftm_replay_next(of->id) : 0;
    int rc;

    if (*made == MPI_COMM_NULL) {
        if (k > 0)
            note_left_out(of->id, k);
        return MPI_SUCCESS;
    }
    rc = ftm_handlers_inherit(parent, *made);
    if (rc != MPI_SUCCESS)
        return rc;
    if (k == 0 || !is_ours(parent, *made))
        return ftm_stray_note(*made);
    return ftm_derived_take_in(of, *made, of->id, k, with_slot);
}

int ftm_derived(MPI_Comm parent, const char *how, MPI_Comm *made)
{
    (void) how;
    return ftm_derived_known(parent, made, true);
}

void ftm_derived_gone(MPI_Comm comm)
{
    ftm_handlers_forget(comm);
    ftm_stray_gone(comm);
    ftm_inter_gone(comm);
}

/* ---------------------------------------------------------------- a topology that was lost */

static int topology_lost(const char *how)
{
    char words[MPI_MAX_ERROR_STRING];

    snprintf(words, sizeof words,
             "the topology that %s has given a communicator went with a rank that was lost; all "
             "ranks have to make that communicator again after the repair",
             how);
    return ftm_error_with_words(MPI_ERR_TOPOLOGY, words);
}

int ftm_derived_shapeless(MPI_Comm comm, const char *how, MPI_Comm *newcomm)
{
    const struct ftm_comm *c = ftm_changed ? ftm_comm_of(*newcomm) : NULL;

    return c && c->shapeless ? ftm_raise(comm, topology_lost(how)) : MPI_SUCCESS;
}

int ftm_derived_explain(MPI_Comm comm, int rc)
{
    const struct ftm_comm *c = ftm_rebuilt ? ftm_comm_of(comm) : NULL;
    int class = rc;

    if (!c || !c->shapeless)
        return rc;
    PMPI_Error_class(rc, &class);
    return class == MPI_ERR_TOPOLOGY || class == MPI_ERR_COMM
               ? topology_lost("the function that has made it") : rc;
}

/* ---------------------------------------------------------------- begin and end */

/* The world itself: both ways are the real world, by real ranks. */
static int keep_world(void)
{
    struct ftm_comm *c = calloc(1, sizeof *c);

    if (!c)
        return MPI_ERR_NO_MEM;
    c->app = c->direct = c->hidden = c->collective = MPI_COMM_WORLD;
    c->slot = -1;
    c->is_world = true;
    c->id = FTM_WORLD_ID;
    c->n = ftm_world_n;
    c->rank = ftm_role()->virtual_rank;
    return ftm_comm_keep(c);
}

int ftm_derived_begin(void)
{
    int rc = ftm_books_begin();

    if (rc == MPI_SUCCESS)
        rc = keep_world();
    if (rc == MPI_SUCCESS && ftm_role()->spares_n > 0)
        ftm_replay_begin();
    return rc == MPI_SUCCESS ? ftm_slots_begin() : rc;
}

void ftm_derived_end(void)
{
    ftm_slots_end();
    ftm_stray_end();
    ftm_inter_end();
    ftm_rebuild_end();
    ftm_attributes_end();
}
