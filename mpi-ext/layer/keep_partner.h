/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_partner.h - in whose memory a rank's state is kept.
 */
#ifndef FTM_KEEP_PARTNER_H
#define FTM_KEEP_PARTNER_H

#include <stddef.h>

/* Where a rank is. Both borrowed. */
struct ftm_keep_place {
    const char *node;
    const char *rack; /* its location, "row1/rack2"; "" if not known */
};

/* How far two ranks are from each other. */
enum ftm_keep_distance { FTM_KEEP_SAME_NODE, FTM_KEEP_OTHER_NODE, FTM_KEEP_OTHER_RACK };

enum ftm_keep_distance ftm_keep_distance(const struct ftm_keep_place *a,
                                         const struct ftm_keep_place *b);

/* Those who may keep the state of `rank`, the best one first: every other rank, once.
 *   places   of n ranks, by rank
 *   order    gets n - 1 ranks
 * Depends on its arguments only, so that all who know the same places come to the same order. The
 * first of each rank's order make a permutation: nobody keeps more than one rank's state as long as
 * nobody is lost.
 * Returns 0, or -1 with errno ENOMEM. */
int ftm_keep_partners(const struct ftm_keep_place places[], int n, int rank, int order[]);

#endif
