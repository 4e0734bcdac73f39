/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * random_collectives.c - one collective operation: blocking, non-blocking or persistent, with or
 * without MPI_IN_PLACE, on any communicator; on Cartesian ones those between neighbours too.
 */
#include "random_mpi.h"

#include <stdlib.h>
#include <string.h>

enum { N_MAX = 64 }; /* integers from each */

static int out[RANKS_MAX * N_MAX], in[RANKS_MAX * N_MAX];
static int counts[RANKS_MAX], places[RANKS_MAX];

/* Not commutative, and so tells in which order the ranks were taken. */
static void chain(void *a, void *b, int *n, MPI_Datatype *type)
{
    const int *left = a;
    int *right = b;

    (void) type;
    for (int i = 0; i < *n; i++)
        right[i] = left[i] * 31 + right[i];
}

static void prepare(void)
{
    fill(out, sizeof out, world_rank);
    blank(in, sizeof in);
}

/* The same counts on all ranks. */
static void draw_counts(int n)
{
    int at = 0;

    for (int i = 0; i < n; i++) {
        counts[i] = draw(N_MAX);
        places[i] = at;
        at += counts[i];
    }
}

static MPI_Op draw_op(void)
{
    static const int which = 5;
    MPI_Op ops[] = {MPI_SUM, MPI_MAX, MPI_MIN, MPI_BXOR, MPI_BAND};

    return ops[draw(which)];
}

static void wait_for(MPI_Request *request)
{
    int flag = 0;

    if (own_draw(2)) {
        must(MPI_Wait(request, MPI_STATUS_IGNORE), "MPI_Wait of a collective");
        return;
    }
    while (!flag)
        must(MPI_Test(request, &flag, MPI_STATUS_IGNORE), "MPI_Test of a collective");
}

static void blocking(const struct group *g, int what, int root, int n, MPI_Op op, int in_place)
{
    const void *from = in_place ? MPI_IN_PLACE : out;
    MPI_Comm c = g->comm;

    if (in_place)
        memcpy(in, out, sizeof in);
    switch (what) {
    case 0: must(MPI_Bcast(g->me == root ? out : in, n, MPI_INT, root, c), "MPI_Bcast"); break;
    case 1: must(MPI_Gather(out, n, MPI_INT, in, n, MPI_INT, root, c), "MPI_Gather"); break;
    case 2:
        must(MPI_Gatherv(out, counts[g->me], MPI_INT, in, counts, places, MPI_INT, root, c),
             "MPI_Gatherv");
        break;
    case 3: must(MPI_Scatter(out, n, MPI_INT, in, n, MPI_INT, root, c), "MPI_Scatter"); break;
    case 4:
        must(MPI_Scatterv(out, counts, places, MPI_INT, in, counts[g->me], MPI_INT, root, c),
             "MPI_Scatterv");
        break;
    case 5: must(MPI_Allgather(from, n, MPI_INT, in, n, MPI_INT, c), "MPI_Allgather"); break;
    case 6:
        must(MPI_Allgatherv(from, counts[g->me], MPI_INT, in, counts, places, MPI_INT, c),
             "MPI_Allgatherv");
        break;
    case 7: must(MPI_Alltoall(from, n, MPI_INT, in, n, MPI_INT, c), "MPI_Alltoall"); break;
    case 8: must(MPI_Reduce(out, in, n, MPI_INT, op, root, c), "MPI_Reduce"); break;
    case 9: must(MPI_Allreduce(from, in, n, MPI_INT, op, c), "MPI_Allreduce"); break;
    case 10: must(MPI_Scan(from, in, n, MPI_INT, op, c), "MPI_Scan"); break;
    case 11:
        must(MPI_Exscan(out, in, n, MPI_INT, op, c), "MPI_Exscan");
        if (g->me == 0)
            blank(in, sizeof in); /* nothing is defined there */
        break;
    case 12:
        must(MPI_Reduce_scatter_block(out, in, n, MPI_INT, op, c), "MPI_Reduce_scatter_block");
        break;
    case 13:
        must(MPI_Reduce_scatter(out, in, counts, MPI_INT, op, c), "MPI_Reduce_scatter");
        break;
    default: must(MPI_Barrier(c), "MPI_Barrier");
    }
}

static void start(const struct group *g, int what, int root, int n, MPI_Op op, int in_place,
                  MPI_Request *r)
{
    const void *from = in_place ? MPI_IN_PLACE : out;
    MPI_Comm c = g->comm;

    if (in_place)
        memcpy(in, out, sizeof in);
    switch (what) {
    case 0: must(MPI_Ibcast(g->me == root ? out : in, n, MPI_INT, root, c, r), "MPI_Ibcast"); break;
    case 1: must(MPI_Igather(out, n, MPI_INT, in, n, MPI_INT, root, c, r), "MPI_Igather"); break;
    case 2:
        must(MPI_Igatherv(out, counts[g->me], MPI_INT, in, counts, places, MPI_INT, root, c, r),
             "MPI_Igatherv");
        break;
    case 3: must(MPI_Iscatter(out, n, MPI_INT, in, n, MPI_INT, root, c, r), "MPI_Iscatter"); break;
    case 4:
        must(MPI_Iscatterv(out, counts, places, MPI_INT, in, counts[g->me], MPI_INT, root, c, r),
             "MPI_Iscatterv");
        break;
    case 5: must(MPI_Iallgather(from, n, MPI_INT, in, n, MPI_INT, c, r), "MPI_Iallgather"); break;
    case 6:
        must(MPI_Iallgatherv(from, counts[g->me], MPI_INT, in, counts, places, MPI_INT, c, r),
             "MPI_Iallgatherv");
        break;
    case 7: must(MPI_Ialltoall(from, n, MPI_INT, in, n, MPI_INT, c, r), "MPI_Ialltoall"); break;
    case 8: must(MPI_Ireduce(out, in, n, MPI_INT, op, root, c, r), "MPI_Ireduce"); break;
    case 9: must(MPI_Iallreduce(from, in, n, MPI_INT, op, c, r), "MPI_Iallreduce"); break;
    case 10: must(MPI_Iscan(from, in, n, MPI_INT, op, c, r), "MPI_Iscan"); break;
    default: must(MPI_Ibarrier(c, r), "MPI_Ibarrier");
    }
}

static void persistent(const struct group *g, int what, int root, int n, MPI_Op op)
{
    MPI_Request request;

    switch (what % 3) {
    case 0:
        must(MPI_Bcast_init(g->me == root ? out : in, n, MPI_INT, root, g->comm, MPI_INFO_NULL,
                            &request), "MPI_Bcast_init");
        break;
    case 1:
        must(MPI_Allreduce_init(out, in, n, MPI_INT, op, g->comm, MPI_INFO_NULL, &request),
             "MPI_Allreduce_init");
        break;
    default: must(MPI_Barrier_init(g->comm, MPI_INFO_NULL, &request), "MPI_Barrier_init");
    }
    for (int round = 0; round < 2; round++) {
        must(MPI_Start(&request), "MPI_Start of a collective");
        must(MPI_Wait(&request, MPI_STATUS_IGNORE), "MPI_Wait of a collective");
        see_bytes(in, sizeof in);
    }
    must(MPI_Request_free(&request), "MPI_Request_free");
}

static void neighbours(const struct group *g, int n, int non_blocking)
{
    MPI_Request request;

    if (non_blocking) {
        must(MPI_Ineighbor_alltoall(out, n, MPI_INT, in, n, MPI_INT, g->comm, &request),
             "MPI_Ineighbor_alltoall");
        wait_for(&request);
    } else {
        must(MPI_Neighbor_allgather(out, n, MPI_INT, in, n, MPI_INT, g->comm),
             "MPI_Neighbor_allgather");
    }
}

static void own_operation(const struct group *g, int n)
{
    MPI_Op op;
    int commutes;

    must(MPI_Op_create(chain, 0, &op), "MPI_Op_create");
    must(MPI_Op_commutative(op, &commutes), "MPI_Op_commutative");
    see(commutes);
    must(MPI_Allreduce(out, in, n, MPI_INT, op, g->comm), "MPI_Allreduce of an own operation");
    must(MPI_Reduce_local(out, in, n, MPI_INT, op), "MPI_Reduce_local");
    must(MPI_Op_free(&op), "MPI_Op_free");
}

void step_collective(void)
{
    struct group *g = draw_group();
    int way = draw(10), what = draw(15), root = draw(g->n), n = draw(N_MAX), in_place = draw(3) == 0;
    MPI_Op op = draw_op();
    MPI_Request request;

    draw_counts(g->n);
    if (g->me < 0)
        return;
    prepare();
    if (way < 4 || (way == 9 && !g->is_cartesian && !g->is_graph)) {
        trace = "blocking collective";
        /* In place, the pieces of the v kinds and of alltoall would have to lie elsewhere. */
        blocking(g, what, root, n, op, in_place && (what == 9 || what == 10));
    } else if (way < 7) {
        trace = "non-blocking collective";
        start(g, what % 12, root, n, op, in_place && what % 12 == 9, &request);
        wait_for(&request);
    } else if (way == 7) {
        trace = "persistent collective";
        persistent(g, what, root, n, op);
    } else if (way == 8) {
        trace = "own operation";
        own_operation(g, n);
    } else {
        trace = "neighbours";
        neighbours(g, n, what & 1);
    }
    see_bytes(in, sizeof in);
}
