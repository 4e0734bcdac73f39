/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * random_comms.c - communicators made in all ways from each other and freed again, their groups,
 * topologies, names and attributes; errors through handlers; a window.
 */
#include "random_mpi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- the groups all know */

static void see_ranks(const struct group *g)
{
    int rank, size, result, inter, here[RANKS_MAX], there[RANKS_MAX];
    MPI_Group world, group;

    must(MPI_Comm_rank(g->comm, &rank), "MPI_Comm_rank");
    must(MPI_Comm_size(g->comm, &size), "MPI_Comm_size");
    must(MPI_Comm_compare(MPI_COMM_WORLD, g->comm, &result), "MPI_Comm_compare");
    must(MPI_Comm_test_inter(g->comm, &inter), "MPI_Comm_test_inter");
    must(MPI_Comm_group(MPI_COMM_WORLD, &world), "MPI_Comm_group");
    must(MPI_Comm_group(g->comm, &group), "MPI_Comm_group");
    for (int i = 0; i < size; i++)
        here[i] = i;
    must(MPI_Group_translate_ranks(group, size, here, world, there), "MPI_Group_translate_ranks");
    see(rank);
    see(size);
    see(result);
    see(inter);
    for (int i = 0; i < size; i++) {
        see(there[i]);
        if (there[i] != g->members[i])
            must(MPI_ERR_OTHER, "the members of a communicator");
    }
    if (size != g->n || rank != g->me)
        must(MPI_ERR_OTHER, "rank and size of a communicator");
    must(MPI_Group_compare(world, group, &result), "MPI_Group_compare");
    see(result);
    must(MPI_Group_size(world, &size), "MPI_Group_size");
    see(size);
    must(MPI_Group_free(&world), "MPI_Group_free");
    must(MPI_Group_free(&group), "MPI_Group_free");
}

void comms_begin(void)
{
    struct group *g = &groups[0];

    g->comm = MPI_COMM_WORLD;
    g->n = world_size;
    g->me = world_rank;
    for (int i = 0; i < world_size; i++)
        g->members[i] = i;
    groups_n = 1;
    see_ranks(g);
}

static void give_back(int i)
{
    if (groups[i].me >= 0)
        must(MPI_Comm_free(&groups[i].comm), "MPI_Comm_free");
    groups[i] = groups[--groups_n];
}

void comms_end(void)
{
    while (groups_n > 1)
        give_back(groups_n - 1);
}

/* Notes who is in a new one, by its members' ranks in its parent. */
static void note(const struct group *parent, MPI_Comm comm, int n, const int ranks[])
{
    struct group *g = &groups[groups_n++];

    memset(g, 0, sizeof *g);
    g->comm = comm;
    g->n = n;
    g->me = -1;
    for (int i = 0; i < n; i++) {
        g->members[i] = parent->members[ranks[i]];
        if (g->members[i] == world_rank)
            g->me = i;
    }
    if ((g->me >= 0) != (comm != MPI_COMM_NULL))
        must(MPI_ERR_OTHER, "a communicator for its members only");
    if (g->me >= 0)
        see_ranks(g);
}

static void all_ranks(int n, int ranks[])
{
    for (int i = 0; i < n; i++)
        ranks[i] = i;
}

/* Some of n, in any order; at least one. */
static int draw_some(int n, int ranks[])
{
    int taken = 0;

    all_ranks(n, ranks);
    for (int i = n - 1; i > 0; i--) {
        int j = draw(i + 1), other = ranks[i];

        ranks[i] = ranks[j];
        ranks[j] = other;
    }
    taken = 1 + draw(n);
    return taken;
}

/* ---------------------------------------------------------------- ways to make one */

static void make_duplicate(const struct group *g, int how)
{
    MPI_Comm comm = MPI_COMM_NULL;
    MPI_Request request;
    int ranks[RANKS_MAX];

    if (g->me >= 0 && how == 0) {
        must(MPI_Comm_dup(g->comm, &comm), "MPI_Comm_dup");
    } else if (g->me >= 0 && how == 1) {
        must(MPI_Comm_dup_with_info(g->comm, MPI_INFO_NULL, &comm), "MPI_Comm_dup_with_info");
    } else if (g->me >= 0) {
        must(MPI_Comm_idup(g->comm, &comm, &request), "MPI_Comm_idup");
        must(MPI_Wait(&request, MPI_STATUS_IGNORE), "MPI_Wait of MPI_Comm_idup");
    }
    all_ranks(g->n, ranks);
    note(g, comm, g->n, ranks);
    groups[groups_n - 1].is_cartesian = g->is_cartesian;
    groups[groups_n - 1].is_graph = g->is_graph;
    memcpy(groups[groups_n - 1].dims, g->dims, sizeof g->dims);
    memcpy(groups[groups_n - 1].periods, g->periods, sizeof g->periods);
}

/* By colors and keys that all know: the part with color 0 is noted by all, others are freed. */
static void make_split(const struct group *g)
{
    int colors[RANKS_MAX], keys[RANKS_MAX], ranks[RANKS_MAX], n = 0;
    MPI_Comm comm = MPI_COMM_NULL;

    for (int i = 0; i < g->n; i++) {
        colors[i] = i == 0 ? 0 : draw(3) - 1;
        keys[i] = draw(1000) * RANKS_MAX + i;
    }
    if (g->me >= 0)
        must(MPI_Comm_split(g->comm, colors[g->me] < 0 ? MPI_UNDEFINED : colors[g->me],
                            keys[g->me], &comm), "MPI_Comm_split");
    for (int i = 0; i < g->n; i++)
        if (colors[i] == 0) {
            int at = n++;

            for (; at > 0 && keys[ranks[at - 1]] > keys[i]; at--)
                ranks[at] = ranks[at - 1];
            ranks[at] = i;
        }
    if (g->me >= 0 && colors[g->me] == 1) {
        int size;

        must(MPI_Comm_size(comm, &size), "MPI_Comm_size");
        see(size);
        must(MPI_Comm_free(&comm), "MPI_Comm_free");
    }
    note(g, g->me >= 0 && colors[g->me] == 0 ? comm : MPI_COMM_NULL, n, ranks);
}

static void make_from_group(const struct group *g, int by_members_only)
{
    int ranks[RANKS_MAX], n = draw_some(g->n, ranks), is_in = 0;
    MPI_Comm comm = MPI_COMM_NULL;
    MPI_Group all, some;

    for (int i = 0; i < n; i++)
        is_in |= g->me >= 0 && ranks[i] == g->me;
    if (g->me >= 0) {
        must(MPI_Comm_group(g->comm, &all), "MPI_Comm_group");
        must(MPI_Group_incl(all, n, ranks, &some), "MPI_Group_incl");
        if (!by_members_only)
            must(MPI_Comm_create(g->comm, some, &comm), "MPI_Comm_create");
        else if (is_in)
            must(MPI_Comm_create_group(g->comm, some, step, &comm), "MPI_Comm_create_group");
        must(MPI_Group_free(&all), "MPI_Group_free");
        must(MPI_Group_free(&some), "MPI_Group_free");
    }
    note(g, comm, n, ranks);
}

static void see_cartesian(const struct group *g)
{
    int dims[2], periods[2], coords[2], rank, from, to;

    must(MPI_Cart_get(g->comm, 2, dims, periods, coords), "MPI_Cart_get");
    must(MPI_Cart_rank(g->comm, coords, &rank), "MPI_Cart_rank");
    must(MPI_Cart_shift(g->comm, 1, 1, &from, &to), "MPI_Cart_shift");
    see_bytes(dims, sizeof dims);
    see_bytes(periods, sizeof periods);
    see_bytes(coords, sizeof coords);
    see(rank);
    see(from);
    see(to);
}

static void make_cartesian(const struct group *g)
{
    int dims[2], periods[2] = {draw(2), draw(2)}, ranks[RANKS_MAX], n;
    MPI_Comm comm = MPI_COMM_NULL;

    dims[0] = 1 + draw(g->n);
    dims[1] = g->n / dims[0];
    n = dims[0] * dims[1];
    if (g->me >= 0)
        must(MPI_Cart_create(g->comm, 2, dims, periods, 0, &comm), "MPI_Cart_create");
    all_ranks(n, ranks);
    note(g, comm, n, ranks);
    groups[groups_n - 1].is_cartesian = 1;
    memcpy(groups[groups_n - 1].dims, dims, sizeof dims);
    memcpy(groups[groups_n - 1].periods, periods, sizeof periods);
    if (groups[groups_n - 1].me >= 0)
        see_cartesian(&groups[groups_n - 1]);
}

/* The rows (or columns) of a Cartesian one: the first is kept. */
static void make_part_of_cartesian(const struct group *g)
{
    int keep = draw(2), remain[2] = {keep == 0, keep == 1}, ranks[RANKS_MAX], n = g->dims[keep];
    MPI_Comm comm = MPI_COMM_NULL;
    int in_first;

    for (int i = 0; i < n; i++)
        ranks[i] = keep == 1 ? i : i * g->dims[1];
    in_first = g->me >= 0 && (keep == 1 ? g->me / g->dims[1] : g->me % g->dims[1]) == 0;
    if (g->me >= 0)
        must(MPI_Cart_sub(g->comm, remain, &comm), "MPI_Cart_sub");
    if (g->me >= 0 && !in_first)
        must(MPI_Comm_free(&comm), "MPI_Comm_free");
    note(g, in_first ? comm : MPI_COMM_NULL, n, ranks);
}

/* A ring, by neighbours that each rank names for itself, or that all name for all. The former not from
 * one with a topology: in Open MPI 5.0 the new one then has the marks of both, and is read as the other
 * kind. */
static void make_graph(const struct group *g, int distributed)
{
    int ranks[RANKS_MAX], index[RANKS_MAX], edges[2 * RANKS_MAX], n;
    MPI_Comm comm = MPI_COMM_NULL;

    all_ranks(g->n, ranks);
    distributed = distributed && !g->is_cartesian && !g->is_graph;
    if (g->me >= 0 && distributed) {
        int to = (g->me + 1) % g->n, from = (g->me + g->n - 1) % g->n, in, outs, weighted;
        int weight = 3;

        must(MPI_Dist_graph_create_adjacent(g->comm, 1, &from, &weight, 1, &to,
                                            &weight, MPI_INFO_NULL, 0, &comm),
             "MPI_Dist_graph_create_adjacent");
        must(MPI_Dist_graph_neighbors_count(comm, &in, &outs, &weighted),
             "MPI_Dist_graph_neighbors_count");
        see(in);
        see(outs);
        see(weighted);
    } else if (g->me >= 0) {
        for (int i = 0; i < g->n; i++) {
            index[i] = 2 * (i + 1);
            edges[2 * i] = (i + 1) % g->n;
            edges[2 * i + 1] = (i + g->n - 1) % g->n;
        }
        must(MPI_Graph_create(g->comm, g->n, index, edges, 0, &comm), "MPI_Graph_create");
        must(MPI_Graph_neighbors_count(comm, g->me, &n), "MPI_Graph_neighbors_count");
        see(n);
    }
    note(g, comm, g->n, ranks);
    groups[groups_n - 1].is_graph = 1;
}

/* Two halves, a bridge between them, and one of both again. */
static void make_merged(const struct group *g)
{
    int ranks[RANKS_MAX], half = g->n / 2, upper = g->me >= half, size;
    MPI_Comm part, bridge, comm = MPI_COMM_NULL;

    all_ranks(g->n, ranks);
    if (g->me >= 0) {
        must(MPI_Comm_split(g->comm, upper, g->me, &part), "MPI_Comm_split");
        must(MPI_Intercomm_create(part, 0, g->comm, upper ? 0 : half, step % 1000, &bridge),
             "MPI_Intercomm_create");
        must(MPI_Comm_remote_size(bridge, &size), "MPI_Comm_remote_size");
        see(size);
        must(MPI_Allreduce(&g->me, &size, 1, MPI_INT, MPI_SUM, bridge), "MPI_Allreduce on a bridge");
        see(size);
        must(MPI_Intercomm_merge(bridge, upper, &comm), "MPI_Intercomm_merge");
        must(MPI_Comm_free(&bridge), "MPI_Comm_free");
        must(MPI_Comm_free(&part), "MPI_Comm_free");
    }
    note(g, comm, g->n, ranks);
}

static void name_it(const struct group *g)
{
    char name[MPI_MAX_OBJECT_NAME] = "", mine[32];
    int length;

    snprintf(mine, sizeof mine, "step %d", step);
    if (g->me < 0)
        return;
    must(MPI_Comm_get_name(g->comm, name, &length), "MPI_Comm_get_name");
    see_bytes(name, (size_t) length);
    must(MPI_Comm_set_name(g->comm, mine), "MPI_Comm_set_name");
}

void step_comms(void)
{
    struct group *g;
    int way = draw(12);

    if (groups_n == COMMS_MAX || (groups_n > 1 && draw(4) == 0)) {
        trace = "give a communicator back";
        give_back(1 + draw(groups_n - 1));
        return;
    }
    g = draw_group();
    switch (way) {
    case 0: case 1: case 2: trace = "duplicate"; make_duplicate(g, way); break;
    case 3: case 4: trace = "split"; make_split(g); break;
    case 5: case 6: trace = "from a group"; make_from_group(g, way == 6); break;
    case 7: trace = "Cartesian"; make_cartesian(g); break;
    case 8:
        trace = "part of a Cartesian";
        if (g->is_cartesian)
            make_part_of_cartesian(g);
        else
            make_cartesian(g);
        break;
    case 9: trace = "graph"; make_graph(g, draw(2)); break;
    case 10:
        trace = "merged";
        if (g->n > 1)
            make_merged(g);
        break;
    default: trace = "name"; name_it(g);
    }
}

/* ---------------------------------------------------------------- attributes */

static int copies, deletions;

static int copy_attribute(MPI_Comm comm, int key, void *extra, void *from, void *to, int *flag)
{
    (void) comm;
    (void) key;
    (void) extra;
    copies++;
    *(void **) to = (char *) from + 1;
    *flag = 1;
    return MPI_SUCCESS;
}

static int delete_attribute(MPI_Comm comm, int key, void *value, void *extra)
{
    (void) comm;
    (void) key;
    (void) value;
    (void) extra;
    deletions++;
    return MPI_SUCCESS;
}

static void see_attribute(MPI_Comm comm, int key)
{
    void *value = NULL;
    int flag;

    must(MPI_Comm_get_attr(comm, key, &value, &flag), "MPI_Comm_get_attr");
    see(flag);
    see(flag ? (int64_t) (intptr_t) value : 0);
}

static int copy_type_attribute(MPI_Datatype type, int key, void *extra, void *from, void *to,
                               int *flag)
{
    (void) type;
    return copy_attribute(MPI_COMM_NULL, key, extra, from, to, flag);
}

static int delete_type_attribute(MPI_Datatype type, int key, void *value, void *extra)
{
    (void) type;
    return delete_attribute(MPI_COMM_NULL, key, value, extra);
}

/* A type with an attribute is freed while messages of it are under way. */
static void step_type_attribute(const struct group *g)
{
    int key, sent[4], got[4], to = (g->me + 1) % g->n, from = (g->me + g->n - 1) % g->n;
    MPI_Request requests[2];
    MPI_Datatype type;

    fill(sent, sizeof sent, world_rank);
    blank(got, sizeof got);
    must(MPI_Type_create_keyval(copy_type_attribute, delete_type_attribute, &key, NULL),
         "MPI_Type_create_keyval");
    must(MPI_Type_contiguous(4, MPI_INT, &type), "MPI_Type_contiguous");
    must(MPI_Type_commit(&type), "MPI_Type_commit");
    must(MPI_Type_set_attr(type, key, &key), "MPI_Type_set_attr");
    must(MPI_Irecv(got, 1, type, from, step, g->comm, &requests[0]), "MPI_Irecv");
    must(MPI_Isend(sent, 1, type, to, step, g->comm, &requests[1]), "MPI_Isend");
    must(MPI_Type_free(&type), "MPI_Type_free");
    must(MPI_Waitall(2, requests, MPI_STATUSES_IGNORE), "MPI_Waitall");
    must(MPI_Type_contiguous(2, MPI_INT, &type), "MPI_Type_contiguous");
    must(MPI_Type_free(&type), "MPI_Type_free"); /* by now the one before is, too */
    must(MPI_Type_free_keyval(&key), "MPI_Type_free_keyval");
    see_bytes(got, sizeof got);
}

void step_attributes(void)
{
    struct group *g = draw_group();
    static const int upper = 100000;
    int key, flag, value = draw(upper), *bound;
    MPI_Comm copy;

    trace = "attributes";
    if (g->me < 0)
        return;
    must(MPI_Comm_create_keyval(copy_attribute, delete_attribute, &key, NULL),
         "MPI_Comm_create_keyval");
    see_attribute(g->comm, key);
    must(MPI_Comm_set_attr(g->comm, key, (void *) (intptr_t) value), "MPI_Comm_set_attr");
    see_attribute(g->comm, key);
    must(MPI_Comm_dup(g->comm, &copy), "MPI_Comm_dup");
    see_attribute(copy, key);
    must(MPI_Comm_free(&copy), "MPI_Comm_free");
    must(MPI_Comm_delete_attr(g->comm, key), "MPI_Comm_delete_attr");
    see_attribute(g->comm, key);
    must(MPI_Comm_free_keyval(&key), "MPI_Comm_free_keyval");
    step_type_attribute(g);
    see(copies);
    see(deletions);
    must(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &bound, &flag), "MPI_Comm_get_attr");
    see(flag);
    see(flag ? *bound : 0);
}

/* ---------------------------------------------------------------- errors */

static int handled;

static void handle(MPI_Comm *comm, int *code, ...)
{
    int class, size = -1;

    handled++;
    MPI_Error_class(*code, &class);
    MPI_Comm_size(*comm, &size);
    see(class);
    see(size);
}

static void see_error(int rc)
{
    int class = -1;

    MPI_Error_class(rc, &class);
    see(class);
}

/* What is wrong with the arguments shows at once; a message too long for its buffer when it comes.
 *  */
static void provoke(const struct group *g)
{
    char out[16] = "too long a text", in[4];
    MPI_Request request;
    MPI_Status status;

    see_error(MPI_Send(out, 1, MPI_CHAR, g->n, 1, g->comm));
    see_error(MPI_Send(out, 1, MPI_CHAR, g->n + 1, 1, g->comm));
    see_error(MPI_Recv(in, 1, MPI_CHAR, g->n, 1, g->comm, &status));
    see_error(MPI_Send(out, 1, MPI_CHAR, 0, -5, g->comm));
    see_error(MPI_Send(out, -1, MPI_CHAR, 0, 1, g->comm));
    see_error(MPI_Bcast(out, 1, MPI_CHAR, g->n, g->comm));
    must(MPI_Isend(out, 16, MPI_CHAR, g->me, 31000, g->comm, &request), "MPI_Isend");
    see_error(MPI_Recv(in, 4, MPI_CHAR, g->me, 31000, g->comm, &status));
    must(MPI_Wait(&request, MPI_STATUS_IGNORE), "MPI_Wait");
    must(MPI_Irecv(in, 4, MPI_CHAR, g->me, 31001, g->comm, &request), "MPI_Irecv");
    must(MPI_Send(out, 16, MPI_CHAR, g->me, 31001, g->comm), "MPI_Send");
    see_error(MPI_Wait(&request, &status));
    see_error(MPI_Comm_call_errhandler(g->comm, MPI_ERR_ARG));
}

void step_errors(void)
{
    struct group *g = draw_group();
    int own_handler = draw(2);
    MPI_Errhandler before, mine = MPI_ERRORS_RETURN, now;
    MPI_Comm copy;

    trace = "errors";
    if (g->me < 0)
        return;
    must(MPI_Comm_get_errhandler(g->comm, &before), "MPI_Comm_get_errhandler");
    see(before == MPI_ERRORS_ARE_FATAL);
    if (own_handler)
        must(MPI_Comm_create_errhandler(handle, &mine), "MPI_Comm_create_errhandler");
    must(MPI_Comm_set_errhandler(g->comm, mine), "MPI_Comm_set_errhandler");
    must(MPI_Comm_get_errhandler(g->comm, &now), "MPI_Comm_get_errhandler");
    see(now == mine);
    must(MPI_Errhandler_free(&now), "MPI_Errhandler_free");
    provoke(g);
    must(MPI_Comm_dup(g->comm, &copy), "MPI_Comm_dup"); /* has the same handler */
    must(MPI_Comm_set_errhandler(g->comm, before), "MPI_Comm_set_errhandler");
    if (own_handler)
        must(MPI_Errhandler_free(&mine), "MPI_Errhandler_free");
    see_error(MPI_Send(NULL, 1, MPI_CHAR, g->n, 1, copy));
    see_error(MPI_Comm_call_errhandler(copy, MPI_ERR_OTHER));
    must(MPI_Comm_free(&copy), "MPI_Comm_free");
    must(MPI_Errhandler_free(&before), "MPI_Errhandler_free");
    see(handled);
}

/* ---------------------------------------------------------------- a window */

void step_window(void)
{
    struct group *g = draw_group();
    int memory[RANKS_MAX], mine, got = -1, target;
    MPI_Win win;

    trace = "window";
    target = draw(RANKS_MAX) % g->n;
    if (g->me < 0)
        return;
    fill(memory, sizeof memory, g->me);
    fill(&mine, sizeof mine, g->me + 50);
    must(MPI_Win_create(memory, sizeof memory, sizeof(int), MPI_INFO_NULL, g->comm, &win),
         "MPI_Win_create");
    must(MPI_Win_fence(0, win), "MPI_Win_fence");
    must(MPI_Put(&mine, 1, MPI_INT, (g->me + target) % g->n, g->me, 1, MPI_INT, win), "MPI_Put");
    must(MPI_Win_fence(0, win), "MPI_Win_fence");
    must(MPI_Get(&got, 1, MPI_INT, target, 0, 1, MPI_INT, win), "MPI_Get");
    must(MPI_Win_fence(0, win), "MPI_Win_fence");
    see(got);
    must(MPI_Accumulate(&mine, 1, MPI_INT, target, 1, 1, MPI_INT, MPI_SUM, win), "MPI_Accumulate");
    must(MPI_Win_fence(0, win), "MPI_Win_fence");
    must(MPI_Win_free(&win), "MPI_Win_free");
    see_bytes(memory, sizeof memory);
}
