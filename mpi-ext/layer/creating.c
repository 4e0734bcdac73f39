/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * creating.c - what all wrappers of functions that make a communicator do.
 *
 * While nothing has changed a creating call is Open MPI's, and what it made is taken into the books
 * (derived.h). Once something has, a process may be behind the others, who have made it already:
 *
 *   it is ready (rebuild_ready.h)       it is given, nobody joins in
 *   others have it, but nobody knows    those who are behind make it among themselves (part.h)
 *   of the part this process is in
 *   this process is alone (alone.h)     it makes it again, as the others say it was made
 *
 * Otherwise all make it together; if that is interrupted, ftm_again says whether it is to be done
 * once more.
 */
#include "config.h"

#include "creating.h"

#include <mpi.h>
#include <stdlib.h>

#include "alone.h"
#include "books.h"
#include "derived.h"
#include "pt2pt.h"
#include "rebuild_ready.h"
#include "repair.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

/* What nobody else knows of, made by those who are behind; false: do it all again. */
static bool make_among(MPI_Comm parent, uint64_t id, const struct ftm_part *part, MPI_Comm among,
                       MPI_Comm *newcomm, int *rc)
{
    if (*rc == MPI_SUCCESS) {
        *rc = ftm_part_make(parent, part, among, newcomm);
        PMPI_Comm_free(&among);
    }
    if (*rc != MPI_SUCCESS)
        return !ftm_again_uncounted(parent, "MPI_Comm_split", rc);
    *rc = ftm_ready_take(parent, id, *newcomm, part->kind == FTM_PART_SHAPELESS);
    *rc = ftm_result(parent, *rc);
    return true;
}

bool ftm_create_was_made(MPI_Comm parent, uint64_t id, const struct ftm_part *part,
                         const int members[], int n, MPI_Comm *newcomm, int *rc)
{
    bool is_over = false;

    while (!is_over && ftm_rebuild_is_behind)
        switch (ftm_ready_has(parent, id, members, n, newcomm, rc)) {
        case FTM_NOT_THERE:
            return false;
        case FTM_THERE:
            *rc = ftm_result(parent, *rc);
            return true;
        default:
            is_over = make_among(parent, id, part, *newcomm, newcomm, rc);
        }
    return is_over;
}

static bool part_was_made(MPI_Comm parent, const struct ftm_comm *c, const struct ftm_part *part,
                          MPI_Comm *newcomm, int *rc)
{
    bool is_whole = part->kind == FTM_PART_WHOLE || part->kind == FTM_PART_SHAPELESS, was;
    int *members = is_whole && ftm_rebuild_is_behind ? ftm_comm_members(c) : NULL;

    was = ftm_create_was_made(parent, c->id, part, members, c->n, newcomm, rc);
    free(members);
    return was;
}

bool ftm_create_is_there(MPI_Comm parent, const struct ftm_part *part, MPI_Comm *newcomm, int *rc)
{
    const struct ftm_comm *c;
    bool has_part;

    if (LIKELY(!ftm_changed) || !(c = ftm_comm_of(parent)))
        return false;
    if (part_was_made(parent, c, part, newcomm, rc))
        return true;
    if (!ftm_comm_is_alone(c))
        return false;
    has_part = part->kind == FTM_PART_COLOR && part->color != MPI_UNDEFINED;
    *rc = ftm_result(parent, ftm_alone_again(parent, has_part, newcomm));
    return true;
}

bool ftm_create_is_again(MPI_Comm parent, const char *how, MPI_Comm *newcomm, int *rc)
{
    if (LIKELY(*rc == MPI_SUCCESS)) {
        *rc = ftm_derived(parent, how, newcomm);
        if (LIKELY(*rc == MPI_SUCCESS))
            return false;
        if (*newcomm != MPI_COMM_NULL)
            PMPI_Comm_free(newcomm);
    }
    return ftm_again(parent, how, rc);
}
