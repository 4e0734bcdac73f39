/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program with communicators of every kind, which are to be whole after each repair: the program
 * of the tests of rebuilt communicators.
 *
 *     repair_comms FOLDER [steps=N] [dist] [neighbours] [die=RANK@STEP[@REPAIRS]]...
 *                  [bridge] [merge]
 *
 * Before FTMPI_Loop it makes them; in the loop each step checks every one: its size and ranks, a
 * collective, messages, its topology, its attribute. Before the first step of each round the body
 * makes some more of them, and frees those again at the end.
 *
 * bridge, merge: then the body first makes an intercommunicator of the world's two halves, and
 * merges it, and the last rank dies (SIGKILL) as the others make, or merge it, if there was no
 * repair yet.
 *
 * A rank dies (SIGKILL) in the step of its `die`, if there have been so many repairs (0). At the
 * end each process writes FOLDER/end.RANK: "ok REPAIRS REPLACEMENT CHECKS"; what is wrong it
 * says, and ends with 3.
 */
#include <mpi.h>
#include <mpi-ext.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ftmpi.h"

#define N_MAX 16
#define COMMS_MAX 40
#define DEATHS_MAX 8

struct death {
    int rank, step, repairs;
};

/* One that this rank is in, and what it is to be like. */
struct comm {
    const char *name;
    MPI_Comm comm;
    int n, members[N_MAX]; /* ranks of the world */
    bool has_attribute;
};

static const char *folder;
static int rank, n, steps = 2, now;
static FTMPI_Repair_t last;
static const char *doing = "making";
static struct death deaths[DEATHS_MAX];
static int n_deaths;
static struct comm comms[COMMS_MAX];
static int n_comms, n_before_loop;
static MPI_Group all, odd;
static int key = MPI_KEYVAL_INVALID, n_copied;
static long checks;
static MPI_Comm cart, graph;
static bool has_dist_graph, has_neighbours, has_bridge, has_merge;
static MPI_Request to_right, from_left;
static int right_word, left_word;

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        checks++;                                                                                  \
        if (!(condition))                                                                          \
            fail(__LINE__, #condition, __VA_ARGS__);                                               \
    } while (0)

/* Ends the whole job: the others need not wait for a replacement. */
static void fail(int line, const char *what, const char *name, int got, int wanted)
{
    fprintf(stderr, "repair_comms: rank %d, step %d after %d repairs, line %d: ", rank, now,
            last.repairs, line);
    fprintf(stderr, "%s: %s: %d, not %d\n", name, what, got, wanted);
    fflush(stderr);
    MPI_Abort(MPI_COMM_WORLD, 3);
}

/* Of all communicators, which inherit it from the world. */
static void on_error(MPI_Comm *comm, int *error, ...)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length;

    (void) comm;
    MPI_Error_string(*error, text, &length);
    fail(__LINE__, text, doing, *error, MPI_SUCCESS);
}

/* ---------------------------------------------------------------- what there is */

static struct comm *add(const char *name, MPI_Comm comm)
{
    struct comm *new = &comms[n_comms++];

    if (n_comms > COMMS_MAX)
        fail(__LINE__, "too many", name, n_comms, COMMS_MAX);
    *new = (struct comm) {.name = name, .comm = comm};
    return new;
}

/* The members: those for which `is_in` holds, in the order of the world, or backwards. */
static void add_those(const char *name, MPI_Comm comm, bool (*is_in)(int of), bool backwards)
{
    struct comm *new;

    if (!is_in(rank)) {
        CHECK(comm == MPI_COMM_NULL, name, 1, 0);
        return;
    }
    new = add(name, comm);
    for (int i = 0; i < n; i++) {
        int of = backwards ? n - 1 - i : i;

        if (is_in(of))
            new->members[new->n++] = of;
    }
}

static bool everybody(int of)
{
    return of >= 0;
}

static bool like_me(int of)
{
    return of % 2 == rank % 2;
}

static bool in_my_pair(int of)
{
    return of / 2 == rank / 2;
}

static bool is_odd(int of)
{
    return of % 2 == 1;
}

static bool is_myself(int of)
{
    return of == rank;
}

static bool in_my_row(int of)
{
    return of / (n / 2) == rank / (n / 2);
}

static bool in_my_column(int of)
{
    return of % (n / 2) == rank % (n / 2);
}

static bool is_low(int of)
{
    return of < n / 2;
}

static bool in_my_quarter(int of)
{
    return like_me(of) && of / 4 == rank / 4;
}

static int copy_attribute(MPI_Comm from, int keyval, void *extra, void *value, void *copy,
                          int *flag)
{
    (void) from;
    (void) keyval;
    (void) extra;
    *(void **) copy = (char *) value + 1;
    *flag = 1;
    n_copied++;
    return MPI_SUCCESS;
}

static void make_graphs(void)
{
    int index[N_MAX], edges[2 * N_MAX], left = (rank + n - 1) % n, right = (rank + 1) % n;
    int weight = 1;
    MPI_Comm made;

    for (int i = 0; i < n; i++) {
        index[i] = 2 * (i + 1);
        edges[2 * i] = (i + n - 1) % n;
        edges[2 * i + 1] = (i + 1) % n;
    }
    MPI_Graph_create(MPI_COMM_WORLD, n, index, edges, 0, &graph);
    add_those("a graph", graph, everybody, false);
    if (has_dist_graph) {
        MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, 1, &left, &weight, 1, &right, &weight,
                                       MPI_INFO_NULL, 0, &made);
        add_those("a distributed graph", made, everybody, false);
    }
}

static void make_grids(void)
{
    int dims[2] = {2, n / 2}, periods[2] = {0, 1}, remain[2];
    MPI_Comm made;

    MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periods, 0, &cart);
    add_those("a grid", cart, everybody, false);
    remain[0] = 0, remain[1] = 1;
    MPI_Cart_sub(cart, remain, &made);
    add_those("a row", made, in_my_row, false);
    remain[0] = 1, remain[1] = 0;
    MPI_Cart_sub(cart, remain, &made);
    add_those("a column", made, in_my_column, false);
}

static void make_splits(void)
{
    MPI_Comm made, parent;

    MPI_Comm_split(MPI_COMM_WORLD, rank % 2, -rank, &parent);
    add_those("a split, backwards", parent, like_me, true);
    MPI_Comm_split(parent, rank / 4, rank, &made);
    add_those("a split of a split", made, in_my_quarter, false);
    MPI_Comm_split(MPI_COMM_WORLD, is_odd(rank) ? 7 : MPI_UNDEFINED, 0, &made);
    add_those("a split that some are left out of", made, is_odd, false);
    MPI_Comm_split(MPI_COMM_WORLD, rank, 0, &made);
    add_those("a split into ones", made, is_myself, false);
    MPI_Comm_split(MPI_COMM_WORLD, rank / 2, 0, &made);
    add_those("pairs", made, in_my_pair, false);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &made);
    MPI_Comm_free(&made); /* who is in it depends on the nodes */
}

static void make_groups(void)
{
    int ranks[N_MAX], n_odd = 0;
    MPI_Group low;
    MPI_Comm made;

    for (int i = 1; i < n; i += 2)
        ranks[n_odd++] = i;
    MPI_Comm_group(MPI_COMM_WORLD, &all);
    MPI_Group_incl(all, n_odd, ranks, &odd);
    MPI_Comm_create(MPI_COMM_WORLD, odd, &made);
    add_those("of a group", made, is_odd, false);
    for (int i = 0; i < n / 2; i++)
        ranks[i] = i;
    MPI_Group_incl(all, n / 2, ranks, &low);
    if (is_low(rank)) {
        MPI_Comm_create_group(MPI_COMM_WORLD, low, 3, &made);
        add_those("of a group, by its members", made, is_low, false);
    }
    MPI_Group_free(&low);
}

static void make_dups(void)
{
    MPI_Comm made, parent, gone;
    MPI_Request request;

    MPI_Comm_dup(MPI_COMM_WORLD, &gone);
    MPI_Comm_split(gone, rank % 2, 0, &made); /* of one that is freed soon */
    MPI_Comm_free(&gone);
    add_those("of one that is freed", made, like_me, false);
    MPI_Comm_dup(MPI_COMM_WORLD, &parent);
    add_those("a duplicate", parent, everybody, false);
    MPI_Comm_set_attr(parent, key, (void *) 100);
    comms[n_comms - 1].has_attribute = true;
    MPI_Comm_idup(parent, &made, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    add_those("a duplicate of a duplicate", made, everybody, false);
    comms[n_comms - 1].has_attribute = true;
}

static void make(void)
{
    MPI_Comm_create_keyval(copy_attribute, MPI_COMM_NULL_DELETE_FN, &key, NULL);
    MPI_Comm_set_attr(MPI_COMM_WORLD, key, (void *) 200);
    add_those("the world", MPI_COMM_WORLD, everybody, false);
    comms[0].has_attribute = true;
    make_dups();
    make_splits();
    make_groups();
    make_grids();
    make_graphs();
    MPI_Send_init(&right_word, 1, MPI_INT, (rank + 1) % n, 5, MPI_COMM_WORLD, &to_right);
    MPI_Recv_init(&left_word, 1, MPI_INT, (rank + n - 1) % n, 5, cart, &from_left);
    MPI_Request_free(&from_left);
    MPI_Recv_init(&left_word, 1, MPI_INT, (rank + n - 1) % n, 5, MPI_COMM_WORLD, &from_left);
    n_before_loop = n_comms;
}

static void check_attribute(MPI_Comm comm, const char *name, long wanted)
{
    void *value = NULL;
    int flag = 0;

    MPI_Comm_get_attr(comm, key, &value, &flag);
    CHECK(flag && (long) value == wanted, name, (int) (long) value, (int) wanted);
}

/* What the body makes: in all ranks, whether they are new or not. */
static void make_more(void)
{
    MPI_Comm made;

    doing = "making more";
    n_comms = n_before_loop;
    MPI_Comm_dup(comms[2].comm, &made);
    add_those("a duplicate of a rebuilt one", made, everybody, false);
    check_attribute(made, "the attribute of a duplicate", 101);
    MPI_Comm_dup(MPI_COMM_WORLD, &made);
    add_those("a duplicate of the world", made, everybody, false);
    check_attribute(made, "the attribute of a duplicate of the world", 201);
    MPI_Comm_split(comms[2].comm, rank / 2, 0, &made);
    add_those("a split of a rebuilt one", made, in_my_pair, false);
    MPI_Comm_create(MPI_COMM_WORLD, odd, &made);
    add_those("of an old group", made, is_odd, false);
    if (is_odd(rank)) {
        MPI_Comm_create_group(MPI_COMM_WORLD, odd, 4, &made);
        add_those("of an old group, by its members", made, is_odd, false);
    }
}

static void free_more(void)
{
    doing = "freeing";
    while (n_comms > n_before_loop)
        MPI_Comm_free(&comms[--n_comms].comm);
}

/* ---------------------------------------------------------------- the checks */

static void check_messages(const struct comm *c, int me)
{
    int right = (me + 1) % c->n, left = (me + c->n - 1) % c->n, word = -1;
    MPI_Status status;

    MPI_Sendrecv(&rank, 1, MPI_INT, right, 1, &word, 1, MPI_INT, left, 1, c->comm, &status);
    CHECK(word == c->members[left], c->name, word, c->members[left]);
    CHECK(status.MPI_SOURCE == left, c->name, status.MPI_SOURCE, left);
    if (me == 0) {
        for (int i = 1; i < c->n; i++) {
            MPI_Recv(&word, 1, MPI_INT, MPI_ANY_SOURCE, 2, c->comm, &status);
            CHECK(word == c->members[status.MPI_SOURCE], c->name, word, status.MPI_SOURCE);
        }
    } else {
        MPI_Send(&rank, 1, MPI_INT, 0, 2, c->comm);
    }
}

static void check_one(const struct comm *c)
{
    int size = -1, me = -1, mask = 1 << rank, wanted = 0, is = 0, flag = 0;
    void *value;

    doing = c->name;
    MPI_Comm_size(c->comm, &size);
    MPI_Comm_rank(c->comm, &me);
    CHECK(size == c->n, c->name, size, c->n);
    CHECK(me >= 0 && me < size && c->members[me] == rank, c->name, me, rank);
    for (int i = 0; i < c->n; i++)
        wanted |= 1 << c->members[i];
    MPI_Allreduce(MPI_IN_PLACE, &mask, 1, MPI_INT, MPI_SUM, c->comm);
    CHECK(mask == wanted, c->name, mask, wanted);
    is = rank;
    MPI_Bcast(&is, 1, MPI_INT, c->n - 1, c->comm);
    CHECK(is == c->members[c->n - 1], c->name, is, c->members[c->n - 1]);
    check_messages(c, me);
    if (c->has_attribute) {
        MPI_Comm_get_attr(c->comm, key, &value, &flag);
        CHECK(flag, c->name, flag, 1);
    }
}

/* Does a rank die in this round yet? Then there is more than one step to be made. */
static bool is_death_to_come(void)
{
    for (int i = 0; i < n_deaths; i++)
        if (deaths[i].repairs >= last.repairs)
            return true;
    return false;
}

static void check_grid(void)
{
    int dims[2], periods[2], coords[2], source, dest, words[4], status;

    doing = "a grid's shape";
    MPI_Topo_test(cart, &status);
    CHECK(status == MPI_CART, "a grid", status, MPI_CART);
    MPI_Cart_get(cart, 2, dims, periods, coords);
    CHECK(dims[0] == 2 && dims[1] == n / 2, "its size", dims[1], n / 2);
    CHECK(coords[0] == rank / (n / 2), "its place", coords[0], rank / (n / 2));
    CHECK(coords[1] == rank % (n / 2), "its place", coords[1], rank % (n / 2));
    MPI_Cart_shift(cart, 1, 1, &source, &dest);
    if (!has_neighbours)
        return;
    MPI_Neighbor_allgather(&rank, 1, MPI_INT, words, 1, MPI_INT, cart);
    CHECK(words[2] == source, "the neighbour before", words[2], source);
    CHECK(words[3] == dest, "the neighbour behind", words[3], dest);
}

static void check_graphs(void)
{
    int words[2] = {-1, -1}, neighbours[2] = {-1, -1}, count = 0;

    doing = "a graph's shape";
    MPI_Graph_neighbors_count(graph, rank, &count);
    CHECK(count == 2, "a graph", count, 2);
    MPI_Graph_neighbors(graph, rank, 2, neighbours);
    CHECK(neighbours[0] == (rank + n - 1) % n, "its neighbours", neighbours[0], (rank + n - 1) % n);
    if (!has_neighbours)
        return;
    MPI_Neighbor_allgather(&rank, 1, MPI_INT, words, 1, MPI_INT, graph);
    CHECK(words[0] == neighbours[0], "its neighbours", words[0], neighbours[0]);
    CHECK(words[1] == (rank + 1) % n, "its neighbours", words[1], (rank + 1) % n);
}

static void check_persistent(int step)
{
    MPI_Request both[2] = {to_right, from_left};

    doing = "persistent requests";
    right_word = 1000 * step + rank;
    left_word = -1;
    MPI_Startall(2, both);
    MPI_Waitall(2, both, MPI_STATUSES_IGNORE);
    to_right = both[0], from_left = both[1];
    CHECK(left_word == 1000 * step + (rank + n - 1) % n, "a persistent request", left_word,
          (rank + n - 1) % n);
}

/* ---------------------------------------------------------------- the loop */

static bool is_due(const struct death *death, int step, int repairs)
{
    return death->step == step && death->repairs == repairs;
}

/* Those who are to die in the same step wait for each other: the first one's death would keep the
 * others from coming there. */
static void maybe_die(int step, int repairs)
{
    bool dies = false;

    for (int i = 0; i < n_deaths; i++)
        dies = dies || (deaths[i].rank == rank && is_due(&deaths[i], step, repairs));
    for (int i = 0; dies && i < n_deaths; i++)
        if (deaths[i].rank != rank && is_due(&deaths[i], step, repairs))
            MPI_Sendrecv(NULL, 0, MPI_INT, deaths[i].rank, 9, NULL, 0, MPI_INT, deaths[i].rank, 9,
                         MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (dies)
        raise(SIGKILL);
}

static void maybe_die_in(bool is_it)
{
    if (is_it && rank == n - 1 && last.repairs == 0)
        raise(SIGKILL);
}

/* The lower half loses nobody: it has no error of its own that would tell all of it. */
static void join_halves(void)
{
    int upper = rank >= n / 2, size = 0;
    MPI_Comm half, bridge, whole;

    doing = "an intercommunicator of two halves";
    MPI_Comm_split(MPI_COMM_WORLD, upper, rank, &half);
    maybe_die_in(has_bridge);
    MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, upper ? 0 : n / 2, 5, &bridge);
    MPI_Comm_remote_size(bridge, &size);
    CHECK(size == n / 2, doing, size, n / 2);
    maybe_die_in(has_merge);
    MPI_Intercomm_merge(bridge, upper, &whole);
    MPI_Comm_size(whole, &size);
    CHECK(size == n, doing, size, n);
    MPI_Comm_free(&whole);
    MPI_Comm_free(&bridge);
    MPI_Comm_free(&half);
}

static int body(const FTMPI_Repair_t *repair, void *arg)
{
    (void) arg;
    last = *repair;
    now = 0;
    CHECK(repair->rank == rank, "the rank", repair->rank, rank);
    if (has_bridge || has_merge)
        join_halves();
    make_more();
    for (int step = 1; step <= steps; step++) {
        if (step > 1 && !is_death_to_come())
            break; /* once is enough when nothing happens */
        now = step;
        maybe_die(step, repair->repairs);
        for (int i = 0; i < n_comms; i++)
            check_one(&comms[i]);
        check_grid();
        check_graphs();
        if (!is_death_to_come() || has_neighbours)
            check_persistent(step);
    }
    free_more();
    return 0;
}

static void write_end(void)
{
    char path[512];
    FILE *file;

    FTMPI_Last_repair(&last);
    snprintf(path, sizeof path, "%s/end.%d", folder, rank);
    file = fopen(path, "w");
    if (!file)
        fail(__LINE__, "cannot be written", path, 0, 0);
    fprintf(file, "ok %d %d %ld\n", last.repairs, last.is_replacement, checks);
    fclose(file);
}

int main(int argc, char *argv[])
{
    MPI_Errhandler handler;

    if (argc < 2)
        return 2;
    folder = argv[1];
    for (int i = 2; i < argc; i++) {
        struct death *death = &deaths[n_deaths];

        if (sscanf(argv[i], "die=%d@%d@%d", &death->rank, &death->step, &death->repairs) >= 2)
            n_deaths++;
        else if (strcmp(argv[i], "dist") == 0)
            has_dist_graph = true;
        else if (strcmp(argv[i], "neighbours") == 0)
            has_neighbours = true;
        else if (strcmp(argv[i], "bridge") == 0)
            has_bridge = true;
        else if (strcmp(argv[i], "merge") == 0)
            has_merge = true;
        else if (sscanf(argv[i], "steps=%d", &steps) != 1)
            return 2;
        if (n_deaths == DEATHS_MAX)
            return 2;
    }
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &n);
    if (n > N_MAX || n % 2 != 0)
        fail(__LINE__, "the number of ranks", "the world", n, N_MAX);
    MPI_Comm_create_errhandler(on_error, &handler);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, handler);
    make();
    FTMPI_Loop(body, NULL);
    write_end();
    MPI_Finalize();
    return 0;
}
