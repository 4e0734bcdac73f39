/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * create_group.c - MPI_Comm_create and MPI_Comm_create_group.
 *
 * Wrappers (own.h). A group of the application's may be older than a repair: whom it names is
 * looked for anew each time (departed.h).
 *
 * Only the members of a group make what MPI_Comm_create_group makes, so it has no place in the
 * parent's order: it is known by its members, its tag, and how many such there were before. That
 * gives the id that it goes by in place of the parent's.
 */
#include "config.h"

#include <mpi.h>
#include <stdlib.h>

#include "alone.h"
#include "among.h"
#include "attributes.h"
#include "books.h"
#include "create_inter.h"
#include "creating.h"
#include "departed.h"
#include "derived.h"
#include "handlers.h"
#include "inter.h"
#include "own.h"
#include "pt2pt.h"
#include "repair.h"
#include "replay.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

/* Makes it as often as it takes, each time with the processes of the group that are there then.
 *   make   true: do it again; otherwise *rc is what the call returns */
static int with_those_there(MPI_Comm comm, MPI_Group group, int tag, MPI_Comm *newcomm,
                            bool (*make)(MPI_Comm comm, MPI_Group group, int tag,
                                         MPI_Comm *newcomm, int *rc))
{
    MPI_Group now = group;
    bool again;
    int rc;

    do {
        rc = ftm_departed_replace(group, &now);
        if (rc != MPI_SUCCESS)
            return ftm_result(comm, rc);
        again = make(comm, now, tag, newcomm, &rc);
        if (now != group)
            PMPI_Group_free(&now);
    } while (again);
    return rc;
}

static bool create(MPI_Comm comm, MPI_Group group, int tag, MPI_Comm *newcomm, int *rc)
{
    const struct ftm_part part = {.kind = FTM_PART_GROUP, .group = group};

    (void) tag;
    if (ftm_inter_is_one(comm)) {
        *rc = ftm_create_inter_group(comm, group, newcomm);
        return false;
    }
    if (ftm_create_is_there(comm, &part, newcomm, rc))
        return false;
    *rc = PMPI_Comm_create(ftm_collective(comm), group, newcomm);
    return ftm_create_is_again(comm, "MPI_Comm_create", newcomm, rc);
}

int ftm_own_Comm_create(MPI_Comm comm, MPI_Group group, MPI_Comm *newcomm)
{
    return with_those_there(comm, group, 0, newcomm, create);
}

/* ---------------------------------------------------------------- MPI_Comm_create_group */

/* Gets the id; false: the group is not the world's. members: to be freed. */
static bool name_group(MPI_Group group, int tag, uint64_t *id, int **members, int *n)
{
    bool ok = PMPI_Group_size(group, n) == MPI_SUCCESS && *n > 0;

    *members = ok ? malloc((size_t) *n * sizeof **members) : NULL;
    ok = *members && ftm_derived_ranks(group, *n, *members);
    *id = ftm_replay_id(FTM_WORLD_ID, 0, tag);
    for (int i = 0; ok && i < *n; i++)
        *id = ftm_replay_id(*id, (uint32_t) i, (*members)[i]);
    return ok;
}

static const struct ftm_part whole = {.kind = FTM_PART_WHOLE};

static bool group_is_there(MPI_Comm parent, uint64_t id, const int members[], int n,
                           MPI_Comm *newcomm, int *rc)
{
    const struct ftm_comm *c = ftm_changed && id != 0 ? ftm_comm_of(parent) : NULL;

    if (!c)
        return false;
    if (ftm_create_was_made(parent, id, &whole, members, n, newcomm, rc))
        return true;
    if (!ftm_comm_is_alone(c))
        return false;
    *rc = ftm_result(parent, ftm_alone_group_again(parent, id, members, n, newcomm));
    return true;
}

static int take_group(MPI_Comm parent, uint64_t id, MPI_Comm made)
{
    const struct ftm_comm *of = ftm_comm_of(parent);
    int rc = ftm_handlers_inherit(parent, made);

    if (rc != MPI_SUCCESS || id == 0 || !of)
        return rc;
    return ftm_derived_take_in(of, made, id, ftm_replay_next(id), true);
}

/* Of the world's ranks only, so that a loss interrupts it; with the attributes that Open MPI gives
 * it. A group that this process is not in, and what cannot be, are Open MPI's to answer. */
static int make_group(MPI_Comm comm, MPI_Group group, int tag, MPI_Comm *newcomm)
{
    MPI_Comm in_use = ftm_uncounted(comm);
    int rank = MPI_UNDEFINED, inter = 1, rc;

    if (!ftm_among_can() || tag < 0 || PMPI_Group_rank(group, &rank) != MPI_SUCCESS
        || rank == MPI_UNDEFINED || PMPI_Comm_test_inter(in_use, &inter) != MPI_SUCCESS || inter)
        return PMPI_Comm_create_group(in_use, group, tag, newcomm);
    rc = ftm_among_make(in_use, group, tag, newcomm);
    if (rc == MPI_SUCCESS)
        rc = ftm_attributes_copy(comm, *newcomm);
    if (rc != MPI_SUCCESS && *newcomm != MPI_COMM_NULL)
        PMPI_Comm_free(newcomm);
    return rc;
}

static bool create_group(MPI_Comm comm, MPI_Group group, int tag, MPI_Comm *newcomm, int *rc)
{
    int *members = NULL, n = 0;
    uint64_t id = 0;
    bool is_ours = name_group(group, tag, &id, &members, &n), is_over;

    if (!ftm_comm_of(comm) || !is_ours)
        id = 0;
    is_over = group_is_there(comm, id, members, n, newcomm, rc);
    free(members);
    if (is_over)
        return false;
    *rc = is_ours ? make_group(comm, group, tag, newcomm)
                  : PMPI_Comm_create_group(ftm_uncounted(comm), group, tag, newcomm);
    if (*rc == MPI_SUCCESS && *newcomm != MPI_COMM_NULL) {
        *rc = take_group(comm, id, *newcomm);
        if (*rc != MPI_SUCCESS)
            PMPI_Comm_free(newcomm);
    }
    return *rc != MPI_SUCCESS && ftm_again_uncounted(comm, "MPI_Comm_create_group", rc);
}

int ftm_own_Comm_create_group(MPI_Comm comm, MPI_Group group, int tag, MPI_Comm *newcomm)
{
    return with_those_there(comm, group, tag, newcomm, create_group);
}
