/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * part.c - a creating call that is made late, by some of the parent's members.
 *
 * When all members of a communicator were lost at once, nobody is left who knows of it, and their
 * replacements make it again together (rebuild_ready.c). They are given a communicator of all those
 * who are in that position, and have the call's arguments, as their predecessors had: each says in
 * which part it is, and MPI_Comm_split does the rest. The others, who have theirs, take no part.
 */
#include "config.h"

#include "part.h"

#include <stdbool.h>
#include <stdlib.h>

#include "derived.h"
#include "world.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

/* In which part this process is. */
struct place {
    int color, key;
};

/* A group whose members are not all here has members that know of it: this process is none of
 * them. */
static int place_in_group(MPI_Group group, MPI_Comm among, struct place *place)
{
    MPI_Group here = MPI_GROUP_NULL;
    int n = 0, rank = MPI_UNDEFINED, least = MPI_UNDEFINED, at;
    int rc = PMPI_Comm_group(among, &here);

    if (rc == MPI_SUCCESS)
        rc = PMPI_Group_size(group, &n);
    if (rc == MPI_SUCCESS)
        rc = PMPI_Group_rank(group, &rank);
    for (int i = 0; rc == MPI_SUCCESS && i < n; i++) {
        rc = PMPI_Group_translate_ranks(group, 1, &i, here, &at);
        if (rc == MPI_SUCCESS && at == MPI_UNDEFINED)
            rank = MPI_UNDEFINED;
        if (least == MPI_UNDEFINED || at < least)
            least = at;
    }
    if (here != MPI_GROUP_NULL)
        PMPI_Group_free(&here);
    *place = (struct place) {rank == MPI_UNDEFINED ? MPI_UNDEFINED : least, rank};
    return rc;
}

static int product(int n, const int factors[])
{
    int all = 1;

    for (int i = 0; i < n; i++)
        all *= factors[i];
    return all;
}

/* What MPI_Cart_sub leaves: the shape, and which of the sub-grids this process is in. */
static int place_in_sub(const struct ftm_part *part, MPI_Comm grid, int shape[], int *n_dims,
                        struct place *place)
{
    int n = 0, rc = PMPI_Cartdim_get(grid, &n), *all;

    *n_dims = 0;
    if (rc != MPI_SUCCESS)
        return rc;
    all = malloc(3 * (size_t) n * sizeof *all + 1);
    if (!all)
        return MPI_ERR_NO_MEM;
    rc = PMPI_Cart_get(grid, n, all, all + n, all + 2 * n);
    place->color = 0;
    for (int i = 0; rc == MPI_SUCCESS && i < n; i++) {
        if (part->dims[i])
            ++*n_dims;
        else
            place->color = place->color * all[i] + all[2 * n + i];
    }
    for (int i = 0, at = 0; rc == MPI_SUCCESS && i < n; i++)
        if (part->dims[i]) {
            shape[at] = all[i];
            shape[*n_dims + at++] = all[n + i];
        }
    free(all);
    return rc;
}

static int split_with_shape(MPI_Comm among, const struct place *place, int n_dims,
                            const int dims[], const int periods[], MPI_Comm *made)
{
    MPI_Comm plain = MPI_COMM_NULL;
    int rc = PMPI_Comm_split(among, place->color, place->key, &plain);

    if (rc != MPI_SUCCESS || plain == MPI_COMM_NULL)
        return rc;
    PMPI_Comm_set_errhandler(plain, MPI_ERRORS_RETURN);
    rc = PMPI_Cart_create(plain, n_dims, dims, periods, 0, made);
    PMPI_Comm_free(&plain);
    return rc;
}

static int split_sub(const struct ftm_part *part, MPI_Comm grid, MPI_Comm among, int rank,
                     MPI_Comm *made)
{
    struct place place = {0, rank};
    int n = 0, n_dims = 0, *shape, rc = PMPI_Cartdim_get(grid, &n);

    if (rc != MPI_SUCCESS)
        return rc;
    shape = malloc(2 * (size_t) n * sizeof *shape + 1);
    if (!shape)
        return MPI_ERR_NO_MEM;
    rc = place_in_sub(part, grid, shape, &n_dims, &place);
    if (rc == MPI_SUCCESS)
        rc = split_with_shape(among, &place, n_dims, shape, shape + n_dims, made);
    free(shape);
    return rc;
}

static int split_graph(const struct ftm_part *part, MPI_Comm among, int rank, MPI_Comm *made)
{
    MPI_Comm plain = MPI_COMM_NULL;
    int rc = PMPI_Comm_split(among, rank < part->n ? 0 : MPI_UNDEFINED, rank, &plain);

    if (rc != MPI_SUCCESS || plain == MPI_COMM_NULL)
        return rc;
    PMPI_Comm_set_errhandler(plain, MPI_ERRORS_RETURN);
    rc = PMPI_Graph_create(plain, part->n, part->dims, part->other, 0, made);
    PMPI_Comm_free(&plain);
    return rc;
}

int ftm_part_make(MPI_Comm parent, const struct ftm_part *part, MPI_Comm among, MPI_Comm *made)
{
    const struct ftm_comm *c = ftm_comm_of(parent);
    struct place place = {part->color, part->key};
    int rank = c ? c->rank : 0, rc;

    *made = MPI_COMM_NULL;
    switch (part->kind) {
    case FTM_PART_COLOR:
        break;
    case FTM_PART_TYPE:
        return PMPI_Comm_split_type(among, part->color, part->key, part->info, made);
    case FTM_PART_GROUP:
        rc = place_in_group(part->group, among, &place);
        if (rc != MPI_SUCCESS)
            return rc;
        break;
    case FTM_PART_CART:
        place = (struct place) {rank < product(part->n, part->dims) ? 0 : MPI_UNDEFINED, rank};
        return split_with_shape(among, &place, part->n, part->dims, part->other, made);
    case FTM_PART_SUB:
        return split_sub(part, ftm_comm_in_use(parent), among, rank, made);
    case FTM_PART_GRAPH:
        return split_graph(part, among, rank, made);
    default:
        place = (struct place) {0, rank};
    }
    return PMPI_Comm_split(among, place.color, place.key, made);
}
