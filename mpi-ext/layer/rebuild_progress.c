/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rebuild_progress.c - how far each rank has come in its creating calls.
 *
 * Owns three sorted lists. Every rank says in a repair how many communicators it has made from each
 * one (rebuild_claims.c reads that): of an id the greatest is the limit, up to which calls are
 * answered without asking anybody (rebuild_ready.c). A rank that has made fewer is behind. What is
 * made again in this repair has members that are known, so those of them that are behind will find
 * it; the others are in the dark, and have to make it among themselves.
 */
#include "config.h"

#include "rebuild_progress.h"

#include <stdlib.h>

struct ftm_count {
    uint64_t id;
    int rank;
    uint32_t n;
};

struct ftm_known {
    uint64_t id;
    uint32_t k;
    int rank;
};

static int compare_limits(const void *left, const void *right)
{
    const struct ftm_limit *a = left, *b = right;

    return a->id != b->id ? (a->id < b->id ? -1 : 1) : (a->n < b->n) - (a->n > b->n);
}

static int compare_counts(const void *left, const void *right)
{
    const struct ftm_count *a = left, *b = right;

    return a->id != b->id ? (a->id < b->id ? -1 : 1) : (a->rank > b->rank) - (a->rank < b->rank);
}

static int compare_knowns(const void *left, const void *right)
{
    const struct ftm_known *a = left, *b = right;

    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return a->k != b->k ? (a->k < b->k ? -1 : 1) : (a->rank > b->rank) - (a->rank < b->rank);
}

/* How many a rank has made of that one. */
static uint32_t count_of(const struct ftm_progress *progress, uint64_t id, int rank)
{
    const struct ftm_count key = {id, rank, 0}, *found;

    if (progress->n_counts == 0)
        return 0;
    found = bsearch(&key, progress->counts, progress->n_counts, sizeof key, compare_counts);
    return found ? found->n : 0;
}

/* ---------------------------------------------------------------- what the ranks have said */

bool ftm_progress_begin(struct ftm_progress *progress, size_t n)
{
    progress->limits = malloc((n + 1) * sizeof *progress->limits);
    progress->counts = malloc((n + 1) * sizeof *progress->counts);
    return progress->limits && progress->counts;
}

void ftm_progress_add(struct ftm_progress *progress, uint64_t id, int rank, uint32_t n)
{
    progress->limits[progress->n_limits++] = (struct ftm_limit) {id, n};
    progress->counts[progress->n_counts++] = (struct ftm_count) {id, rank, n};
}

/* The greatest of each id is left. */
static void keep_greatest(struct ftm_progress *progress)
{
    struct ftm_limit *limits = progress->limits;
    size_t left = 0;

    if (progress->n_limits > 1)
        qsort(limits, progress->n_limits, sizeof *limits, compare_limits);
    for (size_t i = 0; i < progress->n_limits; i++)
        if (left == 0 || limits[left - 1].id != limits[i].id)
            limits[left++] = limits[i];
    progress->n_limits = left;
}

void ftm_progress_sort(struct ftm_progress *progress)
{
    if (progress->n_counts > 1)
        qsort(progress->counts, progress->n_counts, sizeof *progress->counts, compare_counts);
    keep_greatest(progress);
}

bool ftm_progress_know(struct ftm_progress *progress, const struct ftm_birth *births, size_t n)
{
    size_t room = 0;

    for (size_t i = 0; i < n; i++)
        room += (size_t) births[i].n;
    progress->knowns = malloc(room * sizeof *progress->knowns + 1);
    if (!progress->knowns)
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct ftm_birth *birth = &births[i];

        for (int rank = 0; rank < birth->n; rank++) {
            int v = birth->members[rank];

            if (count_of(progress, birth->parent, v) < birth->k)
                progress->knowns[progress->n_knowns++]
                    = (struct ftm_known) {birth->parent, birth->k, v};
        }
    }
    if (progress->n_knowns > 1)
        qsort(progress->knowns, progress->n_knowns, sizeof *progress->knowns, compare_knowns);
    return true;
}

/* ---------------------------------------------------------------- what follows from it */

uint32_t ftm_progress_limit(const struct ftm_progress *progress, uint64_t id)
{
    for (size_t i = 0; i < progress->n_limits; i++)
        if (progress->limits[i].id == id)
            return progress->limits[i].n;
    return 0;
}

bool ftm_progress_is_in_the_dark(const struct ftm_progress *progress, uint64_t id, uint32_t k,
                                 int rank)
{
    const struct ftm_known key = {id, k, rank}, *knowns = progress->knowns;

    if (count_of(progress, id, rank) >= k)
        return false;
    return progress->n_knowns == 0
           || !bsearch(&key, knowns, progress->n_knowns, sizeof key, compare_knowns);
}

void ftm_progress_clear(struct ftm_progress *progress)
{
    free(progress->limits);
    free(progress->counts);
    free(progress->knowns);
    *progress = (struct ftm_progress) {0};
}
