/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rebuild_describe.c - the communicators that this process has, each described as it was made.
 *
 * Called by a rebuilding (rebuild.c) in each process, before anything is said to the others. What
 * there is stands in the books (derived.h) and, in a process that has not asked for it yet, in the
 * list of what is ready (rebuild_ready.h). A topology is asked of Open MPI, on the application's
 * handle, which has it for good; that of one which was made again alone stands in the books. What
 * passes out are descriptions (birth.h), with their members in the numbers of the new world.
 */
#include "config.h"

#include "rebuild_describe.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "derived.h"
#include "rebuild_ready.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

/* Room for one more; NULL: out of memory. */
static struct ftm_birth *grow(struct ftm_births *births)
{
    if (births->n == births->room && !births->failed) {
        size_t room = births->room ? 2 * births->room : 16;
        struct ftm_birth *more = realloc(births->births, room * sizeof *more);

        births->failed = !more;
        if (more) {
            births->births = more;
            births->room = room;
        }
    }
    return births->failed ? NULL : &births->births[births->n];
}

static bool describe_cart(const struct ftm_comm *c, struct ftm_birth *birth)
{
    int n = c->n_dims, *coords = NULL;
    bool ok;

    if (n == 0 && PMPI_Cartdim_get(c->app, &n) != MPI_SUCCESS)
        return false;
    birth->topology = FTM_CART;
    birth->n_dims = n;
    birth->shape = malloc(2 * (size_t) n * sizeof *birth->shape + 1);
    coords = malloc((size_t) n * sizeof *coords + 1);
    ok = birth->shape && coords;
    if (ok && c->n_dims > 0) {
        memcpy(birth->shape, c->dims, (size_t) n * sizeof *c->dims);
        memcpy(birth->shape + n, c->periods, (size_t) n * sizeof *c->periods);
    } else if (ok) {
        ok = PMPI_Cart_get(c->app, n, birth->shape, birth->shape + n, coords) == MPI_SUCCESS;
    }
    free(coords);
    return ok;
}

static bool describe_graph(const struct ftm_comm *c, struct ftm_birth *birth)
{
    int n = 0, n_edges = 0;

    if (PMPI_Graphdims_get(c->app, &n, &n_edges) != MPI_SUCCESS || n != c->n)
        return false;
    birth->topology = FTM_GRAPH;
    birth->n_edges = n_edges;
    birth->shape = malloc(((size_t) n + (size_t) n_edges) * sizeof *birth->shape + 1);
    return birth->shape
           && PMPI_Graph_get(c->app, n, n_edges, birth->shape, birth->shape + n) == MPI_SUCCESS;
}

static bool describe_topology(const struct ftm_comm *c, struct ftm_birth *birth)
{
    int kind = MPI_UNDEFINED;

    if (c->shapeless) {
        birth->topology = FTM_SHAPELESS;
        return true;
    }
    if (c->n_dims > 0)
        return describe_cart(c, birth);
    if (PMPI_Topo_test(c->app, &kind) != MPI_SUCCESS)
        return false;
    if (kind == MPI_CART)
        return describe_cart(c, birth);
    if (kind == MPI_GRAPH)
        return describe_graph(c, birth);
    if (kind == MPI_DIST_GRAPH)
        birth->topology = FTM_SHAPELESS;
    return true;
}

/* The books' list is locked: no communicator can come or go meanwhile. */
static void describe(struct ftm_comm *c, void *data)
{
    struct ftm_births *births = data;
    struct ftm_birth *birth = c->is_world || c->id == 0 ? NULL : grow(births);

    if (!birth)
        return;
    *birth = (struct ftm_birth) {.id = c->id,
                                 .parent = c->parent,
                                 .k = c->k,
                                 .slot = c->slot,
                                 .in_flight_error = c->in_flight_error,
                                 .n = c->n,
                                 .members = ftm_comm_members(c)};
    births->n++;
    if (!birth->members || !describe_topology(c, birth))
        births->failed = true;
}

static void describe_ready(const struct ftm_remade *ready, void *data)
{
    struct ftm_births *births = data;
    struct ftm_birth *birth = ready->comm != MPI_COMM_NULL ? grow(births) : NULL;

    if (birth && ftm_birth_copy(&ready->birth, birth))
        births->n++;
    else if (birth)
        births->failed = true;
}

bool ftm_describe_all(const struct ftm_rebuilding *rebuilding, struct ftm_births *births)
{
    ftm_comm_each(describe, births);
    ftm_ready_each(describe_ready, births);
    for (size_t i = 0; !births->failed && i < births->n; i++)
        ftm_birth_renumber(&births->births[i], rebuilding->now_of, rebuilding->before_n);
    return !births->failed;
}

void ftm_describe_clear(struct ftm_births *births)
{
    ftm_births_free(births->births, births->n);
    *births = (struct ftm_births) {0};
}
