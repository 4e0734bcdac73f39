/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * random_mpi.c - a random, valid MPI program: the same seed makes the same program.
 *
 *     random_mpi SEED[-LAST] STEPS [-v | -vv]    -v: each step's sum, -vv: what it is made of
 *
 * Each step is a round of messages (random_messages.c), a collective (random_collectives.c), or
 * something about communicators, attributes, errors and windows (random_comms.c). Whatever the
 * ranks see (data, gaps in buffers, statuses, ranks, sizes, error classes) goes into a sum of each
 * rank; at the end rank 0 prints them all in one line, of each seed from SEED to LAST:
 *
 *     random seed=7 steps=200 ranks=4 sums=...,...,...,...
 *
 * Two runs of the same seed must print the same line: with and without the preloaded layer, with
 * and without spare ranks. Nothing in it depends on time or on the order of arrival.
 */
#include "random_mpi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct group groups[COMMS_MAX];
int groups_n;
int world_rank, world_size;
int step;
MPI_Datatype types[TYPES_N];
const char *trace = "";

static uint64_t state;  /* of the common numbers */
static uint64_t own_count; /* numbers of this rank's own so far */
static uint64_t seed;
static int verbose;
static uint64_t sum, unordered;

/* ---------------------------------------------------------------- numbers */

static uint64_t mixed(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

int draw(int n)
{
    state = mixed(state);
    return (int) (state % (uint64_t) n);
}

int own_draw(int n)
{
    return (int) (mixed(seed ^ ((uint64_t) world_rank << 48) ^ ((uint64_t) step << 24)
                        ^ ++own_count)
                  % (uint64_t) n);
}

/* ---------------------------------------------------------------- what is seen */

void see_bytes(const void *bytes, size_t n)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < n; i++)
        sum = (sum ^ p[i]) * 1099511628211u;
}

void see(int64_t value)
{
    if (verbose > 1)
        fprintf(stderr, "rank %d step %d sees %lld\n", world_rank, step, (long long) value);
    see_bytes(&value, sizeof value);
}

void see_unordered(int64_t a, int64_t b, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint64_t one = mixed((uint64_t) a * 31 + (uint64_t) b);

    for (size_t i = 0; i < n; i++)
        one = (one ^ p[i]) * 1099511628211u;
    unordered += one;
}

void see_status(const MPI_Status *status, MPI_Datatype type)
{
    int count = 0, elements = 0, cancelled = 0;

    must(MPI_Get_count(status, type, &count), "MPI_Get_count");
    must(MPI_Get_elements(status, type, &elements), "MPI_Get_elements");
    must(MPI_Test_cancelled(status, &cancelled), "MPI_Test_cancelled");
    see(status->MPI_SOURCE);
    see(status->MPI_TAG);
    see(count);
    see(elements);
    see(cancelled);
}

void must(int rc, const char *what)
{
    char words[MPI_MAX_ERROR_STRING] = "";
    int length;

    if (rc == MPI_SUCCESS)
        return;
    MPI_Error_string(rc, words, &length);
    fprintf(stderr, "random_mpi: rank %d, step %d (%s): %s: %s\n", world_rank, step, trace, what,
            words);
    MPI_Abort(MPI_COMM_WORLD, 3);
}

void fill(void *buffer, size_t n, int salt)
{
    unsigned char *p = buffer;

    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char) (mixed(seed + (uint64_t) step * 131 + (uint64_t) salt * 7 + i) >> 11);
}

void blank(void *buffer, size_t n)
{
    memset(buffer, 0x5a, n);
}

struct group *draw_group(void)
{
    /* The world more often than each of the others: most programs know only that. */
    return draw(3) == 0 ? &groups[0] : &groups[draw(groups_n)];
}

/* ---------------------------------------------------------------- types */

static void make_types(void)
{
    int lengths[] = {2, 1, 3}, displacements[] = {0, 4, 8};
    int pieces[] = {1, 1, 3};
    MPI_Aint places[] = {0, 8, 16};
    MPI_Datatype parts[] = {MPI_INT, MPI_DOUBLE, MPI_CHAR}, between;
    int sizes[] = {4, 3}, subsizes[] = {2, 2}, starts[] = {1, 0};

    types[0] = MPI_INT;
    types[1] = MPI_DOUBLE;
    types[2] = MPI_CHAR;
    must(MPI_Type_contiguous(3, MPI_INT, &types[3]), "MPI_Type_contiguous");
    must(MPI_Type_vector(3, 1, 2, MPI_INT, &types[4]), "MPI_Type_vector");
    must(MPI_Type_indexed(3, lengths, displacements, MPI_INT, &types[5]), "MPI_Type_indexed");
    must(MPI_Type_create_struct(3, pieces, places, parts, &between), "MPI_Type_create_struct");
    must(MPI_Type_create_resized(between, 0, 32, &types[6]), "MPI_Type_create_resized");
    must(MPI_Type_free(&between), "MPI_Type_free");
    must(MPI_Type_create_subarray(2, sizes, subsizes, starts, MPI_ORDER_C, MPI_INT, &types[7]),
         "MPI_Type_create_subarray");
    for (int i = 3; i < TYPES_N; i++)
        must(MPI_Type_commit(&types[i]), "MPI_Type_commit");
}

static void free_types(void)
{
    for (int i = 3; i < TYPES_N; i++)
        must(MPI_Type_free(&types[i]), "MPI_Type_free");
}

/* ---------------------------------------------------------------- the program */

static void one_step(void)
{
    int what = draw(20);

    if (what < 9)
        step_messages();
    else if (what < 14)
        step_collective();
    else if (what < 16)
        step_comms();
    else if (what < 17)
        step_attributes();
    else if (what < 18)
        step_errors();
    else if (what < 19)
        step_window();
    else
        must(MPI_Barrier(MPI_COMM_WORLD), "MPI_Barrier");
}

static void print_sums(int steps)
{
    uint64_t mine = sum ^ mixed(unordered), all[RANKS_MAX];

    must(MPI_Gather(&mine, 1, MPI_UINT64_T, all, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD), "MPI_Gather");
    if (world_rank != 0)
        return;
    printf("random seed=%llu steps=%d ranks=%d sums=", (unsigned long long) seed, steps, world_size);
    for (int i = 0; i < world_size; i++)
        printf("%s%016llx", i ? "," : "", (unsigned long long) all[i]);
    printf("\n");
}

static void one_program(int steps)
{
    state = mixed(seed);
    own_count = unordered = 0;
    sum = 14695981039346656037u;
    comms_begin();
    for (step = 1; step <= steps; step++) {
        one_step();
        if (verbose)
            fprintf(stderr, "rank %d step %d: %s: %016llx\n", world_rank, step, trace,
                    (unsigned long long) (sum ^ mixed(unordered)));
    }
    print_sums(steps);
    comms_end();
}

int main(int argc, char *argv[])
{
    int steps = argc > 2 ? atoi(argv[2]) : 100;
    char *end = NULL;
    uint64_t last;

    seed = argc > 1 ? strtoull(argv[1], &end, 10) : 1;
    last = end && *end == '-' ? strtoull(end + 1, NULL, 10) : seed;
    verbose = argc > 3 ? (int) strlen(argv[3]) - 1 : 0;
    must(MPI_Init(&argc, &argv), "MPI_Init");
    MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world_size);
    if (world_size > RANKS_MAX)
        MPI_Abort(MPI_COMM_WORLD, 2);
    make_types();
    for (; seed <= last; seed++)
        one_program(steps);
    free_types();
    return MPI_Finalize() == MPI_SUCCESS ? 0 : 1;
}
