/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cart.c - Cartesian topologies of a process that has taken a rank's place.
 *
 * Its communicators have no topology of Open MPI's (alone.c): what MPI says of one is computed
 * here, from the dimensions that the program has given when it made it again. Everywhere else these
 * functions are Open MPI's. Ranks are in row-major order, as MPI wants it.
 */
#include "config.h"

#include <mpi.h>

#include "alone.h"
#include "handlers.h"
#include "own.h"
#include "pt2pt.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

/* NULL: Open MPI knows. */
static const struct ftm_comm *cart_of(MPI_Comm comm)
{
    const struct ftm_comm *c = ftm_is_replacement() ? ftm_comm_of(comm) : NULL;

    return c && c->n_dims > 0 ? c : NULL;
}

static void coords_of(const struct ftm_comm *c, int rank, int max, int coords[])
{
    for (int i = c->n_dims; i-- > 0; rank /= c->dims[i])
        if (i < max)
            coords[i] = rank % c->dims[i];
}

static int rank_at(const struct ftm_comm *c, const int coords[], int *rank)
{
    *rank = 0;
    for (int i = 0; i < c->n_dims; i++) {
        int at = coords[i], n = c->dims[i];

        if (at < 0 || at >= n) {
            if (!c->periods[i])
                return MPI_ERR_ARG;
            at = (at % n + n) % n;
        }
        *rank = *rank * n + at;
    }
    return MPI_SUCCESS;
}

int ftm_own_Topo_test(MPI_Comm comm, int *status)
{
    if (!cart_of(comm))
        return ftm_result(comm, PMPI_Topo_test(comm, status));
    *status = MPI_CART;
    return MPI_SUCCESS;
}

int ftm_own_Cartdim_get(MPI_Comm comm, int *ndims)
{
    const struct ftm_comm *c = cart_of(comm);

    if (!c)
        return ftm_result(comm, PMPI_Cartdim_get(comm, ndims));
    *ndims = c->n_dims;
    return MPI_SUCCESS;
}

int ftm_own_Cart_get(MPI_Comm comm, int maxdims, int dims[], int periods[], int coords[])
{
    const struct ftm_comm *c = cart_of(comm);

    if (!c)
        return ftm_result(comm, PMPI_Cart_get(comm, maxdims, dims, periods, coords));
    for (int i = 0; i < c->n_dims && i < maxdims; i++) {
        dims[i] = c->dims[i];
        periods[i] = c->periods[i];
    }
    coords_of(c, c->rank, maxdims, coords);
    return MPI_SUCCESS;
}

int ftm_own_Cart_rank(MPI_Comm comm, const int coords[], int *rank)
{
    const struct ftm_comm *c = cart_of(comm);

    return ftm_result(comm, c ? rank_at(c, coords, rank) : PMPI_Cart_rank(comm, coords, rank));
}

int ftm_own_Cart_coords(MPI_Comm comm, int rank, int maxdims, int coords[])
{
    const struct ftm_comm *c = cart_of(comm);

    if (!c)
        return ftm_result(comm, PMPI_Cart_coords(comm, rank, maxdims, coords));
    if (rank < 0 || rank >= c->n)
        return ftm_raise(comm, MPI_ERR_RANK);
    coords_of(c, rank, maxdims, coords);
    return MPI_SUCCESS;
}

static int neighbour(const struct ftm_comm *c, int direction, int step)
{
    int before = 1, rank, at, n = c->dims[direction];

    for (int i = direction + 1; i < c->n_dims; i++)
        before *= c->dims[i];
    at = c->rank / before % n + step;
    if (!c->periods[direction] && (at < 0 || at >= n))
        return MPI_PROC_NULL;
    rank = c->rank + ((at % n + n) % n - c->rank / before % n) * before;
    return rank;
}

int ftm_own_Cart_shift(MPI_Comm comm, int direction, int disp, int *source, int *dest)
{
    const struct ftm_comm *c = cart_of(comm);

    if (!c)
        return ftm_result(comm, PMPI_Cart_shift(comm, direction, disp, source, dest));
    if (direction < 0 || direction >= c->n_dims)
        return ftm_raise(comm, MPI_ERR_ARG);
    *source = neighbour(c, direction, -disp);
    *dest = neighbour(c, direction, disp);
    return MPI_SUCCESS;
}
