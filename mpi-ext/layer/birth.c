/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * birth.c - how a communicator was made.
 *
 * Used by replay.c (the log of what a process has made) and rebuild_claims.c (which hands such
 * descriptions around, and makes communicators by them). A description consists of 32-bit words:
 *
 *     id (2)  parent (2)  k  slot  flags  n  topology  n_dims  n_edges  members...  shape...
 *
 * The members of a communicator that has all ranks of the world in their order are not written.
 *
 * Waves: one MPI_Comm_split of the whole world makes any number of communicators, if no process is
 * in two of them. The parts of one split are in one wave, whatever their number; each is put into
 * the first wave where there is room for it.
 */
#include "config.h"

#include "birth.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 11
#define WORDS_MAX ((size_t) INT_MAX / 2)

#define IN_FLIGHT_ERROR 1
#define IS_FREED 2
#define IS_WORLD 4

void ftm_birth_clear(struct ftm_birth *birth)
{
    free(birth->members);
    free(birth->shape);
    birth->members = birth->shape = NULL;
}

void ftm_births_free(struct ftm_birth *births, size_t n)
{
    for (size_t i = 0; births && i < n; i++)
        ftm_birth_clear(&births[i]);
    free(births);
}

static size_t shape_size(const struct ftm_birth *birth)
{
    if (birth->topology == FTM_CART)
        return 2 * (size_t) birth->n_dims;
    return birth->topology == FTM_GRAPH ? (size_t) birth->n + (size_t) birth->n_edges : 0;
}

/* Never NULL but for want of memory. */
static int *copy_of(const int *ints, size_t n)
{
    int *copy = malloc(n * sizeof *copy + 1);

    if (copy && n > 0)
        memcpy(copy, ints, n * sizeof *copy);
    return copy;
}

bool ftm_birth_copy(const struct ftm_birth *birth, struct ftm_birth *copy)
{
    *copy = *birth;
    copy->members = copy_of(birth->members, (size_t) birth->n);
    copy->shape = copy_of(birth->shape, shape_size(birth));
    if (copy->members && copy->shape)
        return true;
    ftm_birth_clear(copy);
    return false;
}

int ftm_birth_rank_of(const struct ftm_birth *birth, int v)
{
    for (int rank = 0; rank < birth->n; rank++)
        if (birth->members[rank] == v)
            return rank;
    return -1;
}

void ftm_birth_renumber(struct ftm_birth *birth, const int now_of[], int before_n)
{
    int left = 0;

    for (int rank = 0; rank < birth->n; rank++) {
        int v = birth->members[rank];

        if (v >= 0 && v < before_n && now_of[v] >= 0)
            birth->members[left++] = now_of[v];
    }
    if (left < birth->n && birth->topology != FTM_PLAIN) {
        birth->topology = FTM_SHAPELESS;
        birth->n_dims = birth->n_edges = 0;
    }
    birth->n = left;
}

/* ---------------------------------------------------------------- words */

void ftm_words_add(struct ftm_words *words, int32_t word)
{
    if (words->n == words->room && !words->failed) {
        size_t room = words->room ? 2 * words->room : 64;
        int32_t *more = room <= WORDS_MAX ? realloc(words->words, room * sizeof *more) : NULL;

        words->failed = !more;
        if (more) {
            words->words = more;
            words->room = room;
        }
    }
    if (!words->failed)
        words->words[words->n++] = word;
}

void ftm_words_add_long(struct ftm_words *words, uint64_t two)
{
    ftm_words_add(words, (int32_t) (uint32_t) (two >> 32));
    ftm_words_add(words, (int32_t) (uint32_t) two);
}

uint64_t ftm_words_long(const int32_t *words)
{
    return (uint64_t) (uint32_t) words[0] << 32 | (uint32_t) words[1];
}

void ftm_words_clear(struct ftm_words *words)
{
    free(words->words);
    *words = (struct ftm_words) {0};
}

/* Are its members 0, 1, 2, ...? */
static bool is_in_order(const struct ftm_birth *birth)
{
    for (int rank = 0; rank < birth->n; rank++)
        if (birth->members[rank] != rank)
            return false;
    return true;
}

void ftm_birth_write(struct ftm_words *words, const struct ftm_birth *birth)
{
    bool in_order = is_in_order(birth);
    size_t n_shape = shape_size(birth);

    ftm_words_add_long(words, birth->id);
    ftm_words_add_long(words, birth->parent);
    ftm_words_add(words, (int32_t) birth->k);
    ftm_words_add(words, birth->slot);
    ftm_words_add(words, (birth->in_flight_error ? IN_FLIGHT_ERROR : 0)
                             | (birth->is_freed ? IS_FREED : 0) | (in_order ? IS_WORLD : 0));
    ftm_words_add(words, birth->n);
    ftm_words_add(words, (int32_t) birth->topology);
    ftm_words_add(words, birth->n_dims);
    ftm_words_add(words, birth->n_edges);
    for (int rank = 0; !in_order && rank < birth->n; rank++)
        ftm_words_add(words, birth->members[rank]);
    for (size_t i = 0; i < n_shape; i++)
        ftm_words_add(words, birth->shape[i]);
}

static bool header_fits(const struct ftm_birth *birth, int32_t topology, int world_n)
{
    return birth->n > 0 && birth->n <= world_n && topology >= FTM_PLAIN && topology <= FTM_SHAPELESS
           && birth->n_dims >= 0 && birth->n_edges >= 0 && (size_t) birth->n_edges < WORDS_MAX
           && (size_t) birth->n_dims < WORDS_MAX;
}

static bool members_fit(const struct ftm_birth *birth, int world_n)
{
    for (int rank = 0; rank < birth->n; rank++)
        if (birth->members[rank] < 0 || birth->members[rank] >= world_n)
            return false;
    return true;
}

/* How many words it took; 0: damaged, or out of memory. */
static size_t read_one(const int32_t *words, size_t n_words, int world_n, struct ftm_birth *birth)
{
    size_t n_members, n_shape;

    if (n_words < HEADER)
        return 0;
    *birth = (struct ftm_birth) {.id = ftm_words_long(words),
                                 .parent = ftm_words_long(words + 2),
                                 .k = (uint32_t) words[4],
                                 .slot = words[5],
                                 .in_flight_error = words[6] & IN_FLIGHT_ERROR,
                                 .is_freed = words[6] & IS_FREED,
                                 .n = words[7],
                                 .topology = (enum ftm_topology) words[8],
                                 .n_dims = words[9],
                                 .n_edges = words[10]};
    if (!header_fits(birth, words[8], world_n))
        return 0;
    n_members = words[6] & IS_WORLD ? 0 : (size_t) birth->n;
    n_shape = shape_size(birth);
    if (n_words - HEADER < n_members || n_words - HEADER - n_members < n_shape)
        return 0;
    birth->members = malloc((size_t) birth->n * sizeof *birth->members);
    birth->shape = copy_of(words + HEADER + n_members, n_shape);
    for (int rank = 0; birth->members && rank < birth->n; rank++)
        birth->members[rank] = n_members ? words[HEADER + rank] : rank;
    if (birth->members && birth->shape && members_fit(birth, world_n))
        return HEADER + n_members + n_shape;
    ftm_birth_clear(birth);
    return 0;
}

bool ftm_births_read(const int32_t *words, size_t n_words, int world_n, struct ftm_birth **births,
                     size_t *n)
{
    size_t room = n_words / HEADER;

    *n = 0;
    *births = calloc(room + 1, sizeof **births);
    if (!*births)
        return false;
    for (size_t at = 0, took; at < n_words; at += took, ++*n) {
        took = *n < room ? read_one(words + at, n_words - at, world_n, *births + *n) : 0;
        if (took == 0) {
            ftm_births_free(*births, *n);
            *births = NULL;
            *n = 0;
            return false;
        }
    }
    return true;
}

/* ---------------------------------------------------------------- the order */

#define COMPARE(a, b)                                                                              \
    if ((a) != (b))                                                                                \
        return (a) < (b) ? -1 : 1

static int compare(const void *left, const void *right)
{
    const struct ftm_birth *a = left, *b = right;

    COMPARE(a->is_freed, b->is_freed);
    COMPARE(a->parent, b->parent);
    COMPARE(a->k, b->k);
    COMPARE(a->id, b->id);
    return 0;
}

size_t ftm_births_sort(struct ftm_birth *births, size_t n)
{
    size_t left = 0;

    if (n > 1)
        qsort(births, n, sizeof *births, compare);
    for (size_t i = 0; i < n; i++) {
        if (left > 0 && compare(&births[left - 1], &births[i]) == 0) {
            ftm_birth_clear(&births[i]);
        } else {
            struct ftm_birth one = births[i];

            births[left++] = one;
        }
    }
    return left;
}

static bool has_room(const struct ftm_birth *birth, const uint8_t *taken)
{
    for (int rank = 0; rank < birth->n; rank++)
        if (taken[birth->members[rank] / 8] & 1 << birth->members[rank] % 8)
            return false;
    return true;
}

static void take_room(const struct ftm_birth *birth, uint8_t *taken)
{
    for (int rank = 0; rank < birth->n; rank++)
        taken[birth->members[rank] / 8] |= (uint8_t) (1 << birth->members[rank] % 8);
}

int ftm_births_waves(const struct ftm_birth *births, size_t n, int world_n, int wave_of[])
{
    size_t stride = (size_t) world_n / 8 + 1;
    uint8_t *taken = NULL;
    int n_waves = 0;

    for (size_t i = 0; i < n; i++) {
        int wave = 0;

        wave_of[i] = -1;
        if (births[i].is_freed)
            continue;
        while (wave < n_waves && !has_room(&births[i], taken + (size_t) wave * stride))
            wave++;
        if (wave == n_waves) {
            uint8_t *more = realloc(taken, (size_t) (n_waves + 1) * stride);

            if (!more) {
                free(taken);
                return -1;
            }
            taken = more;
            memset(taken + (size_t) n_waves++ * stride, 0, stride);
        }
        take_room(&births[i], taken + (size_t) wave * stride);
        wave_of[i] = wave;
    }
    free(taken);
    return n_waves;
}
