/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_search.h - finding the processes that keep a rank's state, or can.
 */
#ifndef FTM_KEEP_SEARCH_H
#define FTM_KEEP_SEARCH_H

#include "keep_image.h"
#include "keep_line.h"
#include "keep_places.h"
#include "keep_store.h"

/* Connects to the process that is in a rank's place now. *proc gets its name. 0, or -1 with errno:
 * ENOENT if it lives, as far as is known, and does not serve yet; ECONNREFUSED and the like if it
 * is gone. */
int ftm_keep_call(const struct ftm_keep_who *who, int rank, int stop_fd, struct ftm_keep_line *line,
                  pmix_proc_t *proc, int64_t deadline_ns);

#define FTM_KEEP_ASKED_MAX 8 /* living processes that are asked for a rank's state */
#define FTM_KEEP_OFFERS_MAX (FTM_KEEP_ASKED_MAX * FTM_KEEP_GENERATIONS)

/* One image that is kept somewhere. */
struct ftm_keep_offer {
    struct ftm_keep_frame image;
    int holder; /* rank */
    char node[FTM_KEEP_NODE_MAX];
};

/* All that is kept of a rank, the newest first. Returns how many; 0 with `why`: who was asked. -1
 * with errno ENOMEM, or ESTALE: another process has this rank's place. */
int ftm_keep_survey(const struct ftm_keep_who *who, const struct ftm_keep_places *places, int rank,
                    struct ftm_keep_offer offers[FTM_KEEP_OFFERS_MAX], int64_t deadline_ns,
                    char *why, size_t size);

/* The newest whole image of this version (FTM_KEEP_LATEST: of all) that arrives undamaged. NULL
 * with errno ENOENT (nobody has it), EILSEQ (it is damaged wherever it is), ESTALE, ETIMEDOUT,
 * ENOMEM, and `why`. */
struct ftm_keep_image *ftm_keep_search(const struct ftm_keep_who *who,
                                       const struct ftm_keep_places *places, int rank, int version,
                                       int64_t deadline_ns, char *why, size_t size);

#endif
