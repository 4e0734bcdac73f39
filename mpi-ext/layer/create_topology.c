/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * create_topology.c - MPI_Cart_create, MPI_Cart_sub, and those that make graphs.
 *
 * Wrappers (own.h). A process that is alone (alone.h) can have a Cartesian communicator, whose
 * shape is in the call; for graphs it is refused with words. What a lost rank has said of its
 * neighbours in a distributed graph is lost: who finds such a communicator without its topology is
 * told so.
 */
#include "config.h"

#include <mpi.h>

#include "alone.h"
#include "creating.h"
#include "derived.h"
#include "own.h"
#include "pt2pt.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

int ftm_own_Cart_create(MPI_Comm comm, int ndims, const int dims[], const int periods[],
                        int reorder, MPI_Comm *newcomm)
{
    const struct ftm_part part
        = {.kind = FTM_PART_CART, .n = ndims, .dims = dims, .other = periods};
    int rc;

    FTM_CREATE(comm, "MPI_Cart_create", &part, newcomm, rc,
               PMPI_Cart_create(ftm_collective(comm), ndims, dims, periods, reorder, newcomm));
    if (UNLIKELY(ftm_changed) && rc == MPI_SUCCESS)
        rc = ftm_result(comm, ftm_alone_shape(*newcomm, ndims, dims, periods));
    return rc;
}

int ftm_own_Cart_sub(MPI_Comm comm, const int remain_dims[], MPI_Comm *newcomm)
{
    const struct ftm_part part = {.kind = FTM_PART_SUB, .dims = remain_dims};
    int rc;

    FTM_CREATE(comm, "MPI_Cart_sub", &part, newcomm, rc,
               PMPI_Cart_sub(ftm_collective(comm), remain_dims, newcomm));
    if (UNLIKELY(ftm_changed) && rc == MPI_SUCCESS)
        rc = ftm_result(comm, ftm_alone_sub_shape(comm, *newcomm, remain_dims));
    return rc;
}

/* ---------------------------------------------------------------- graphs */

static const struct ftm_part shapeless = {.kind = FTM_PART_SHAPELESS};

int ftm_own_Graph_create(MPI_Comm comm, int nnodes, const int index[], const int edges[],
                         int reorder, MPI_Comm *newcomm)
{
    const struct ftm_part part
        = {.kind = FTM_PART_GRAPH, .n = nnodes, .dims = index, .other = edges};
    int rc = ftm_result(comm, ftm_alone_refused(comm, "MPI_Graph_create"));

    if (rc != MPI_SUCCESS)
        return rc;
    FTM_CREATE(comm, "MPI_Graph_create", &part, newcomm, rc,
               PMPI_Graph_create(ftm_collective(comm), nnodes, index, edges, reorder, newcomm));
    return rc == MPI_SUCCESS ? ftm_derived_shapeless(comm, "MPI_Graph_create", newcomm) : rc;
}

int ftm_own_Dist_graph_create(MPI_Comm comm, int n, const int nodes[], const int degrees[],
                              const int targets[], const int weights[], MPI_Info info, int reorder,
                              MPI_Comm *newcomm)
{
    int rc = ftm_result(comm, ftm_alone_refused(comm, "MPI_Dist_graph_create"));

    if (rc != MPI_SUCCESS)
        return rc;
    FTM_CREATE(comm, "MPI_Dist_graph_create", &shapeless, newcomm, rc,
               PMPI_Dist_graph_create(ftm_collective(comm), n, nodes, degrees, targets, weights,
                                      info, reorder, newcomm));
    return rc == MPI_SUCCESS ? ftm_derived_shapeless(comm, "MPI_Dist_graph_create", newcomm) : rc;
}

int ftm_own_Dist_graph_create_adjacent(MPI_Comm comm, int indegree, const int sources[],
                                       const int sourceweights[], int outdegree,
                                       const int destinations[], const int destweights[],
                                       MPI_Info info, int reorder, MPI_Comm *newcomm)
{
    int rc = ftm_result(comm, ftm_alone_refused(comm, "MPI_Dist_graph_create_adjacent"));

    if (rc != MPI_SUCCESS)
        return rc;
    FTM_CREATE(comm, "MPI_Dist_graph_create_adjacent", &shapeless, newcomm, rc,
               PMPI_Dist_graph_create_adjacent(ftm_collective(comm), indegree, sources,
                                               sourceweights, outdegree, destinations, destweights,
                                               info, reorder, newcomm));
    if (rc != MPI_SUCCESS)
        return rc;
    return ftm_derived_shapeless(comm, "MPI_Dist_graph_create_adjacent", newcomm);
}
