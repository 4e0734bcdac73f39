/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rebuild_progress.h - how far each rank has come in its creating calls, as all have said it in a
 * repair: how many communicators it has made from which one, and what is known of those that it
 * has not made yet. No MPI in here.
 */
#ifndef FTM_REBUILD_PROGRESS_H
#define FTM_REBUILD_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "birth.h"

/* So many were made from that one, by whoever has made most. */
struct ftm_limit {
    uint64_t id;
    uint32_t n;
};

struct ftm_progress {
    struct ftm_limit *limits; /* one for each id */
    struct ftm_count *counts; /* the same, of each rank */
    struct ftm_known *knowns; /* a rank that is behind is a member of the k-th of that one */
    size_t n_limits, n_counts, n_knowns;
};

/* Room for `n` words of ranks about what they have made. False: out of memory. */
bool ftm_progress_begin(struct ftm_progress *progress, size_t n);

/* This rank has made n communicators from the one with this id. */
void ftm_progress_add(struct ftm_progress *progress, uint64_t id, int rank, uint32_t n);

/* All have been heard: puts them in order. To be called before any of the following. */
void ftm_progress_sort(struct ftm_progress *progress);

/* Notes, of all that are made again, which ranks that are behind are to find them. False: out of
 * memory. */
bool ftm_progress_know(struct ftm_progress *progress, const struct ftm_birth *births, size_t n);

/* How many were made from this one, at most. */
uint32_t ftm_progress_limit(const struct ftm_progress *progress, uint64_t id);

/* Has this rank not come to the k-th of that one, and nobody knows of the part it is to be in? */
bool ftm_progress_is_in_the_dark(const struct ftm_progress *progress, uint64_t id, uint32_t k,
                                 int rank);

/* Frees what it has, not itself. */
void ftm_progress_clear(struct ftm_progress *progress);

#endif
