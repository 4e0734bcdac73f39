/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rebuild_claims.h - who has which communicator, and what each of them is like: as all say it.
 */
#ifndef FTM_REBUILD_CLAIMS_H
#define FTM_REBUILD_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>

#include "birth.h"
#include "rebuild_describe.h"
#include "rebuild_progress.h"
#include "rebuilding.h"

struct ftm_claim; /* a rank of the new active communicator has the one with this id */

struct ftm_claims {
    struct ftm_claim *claims; /* by id, then by rank */
    size_t n;
};

/* The two exchanges, one after the other. Collective; MPI_SUCCESS, or Open MPI's error.
 *   mine       what this process has
 *   claims     gets who has what
 *   progress   gets how far each rank has come */
int ftm_claims_exchange(const struct ftm_rebuilding *rebuilding, const struct ftm_births *mine,
                        struct ftm_claims *claims, struct ftm_progress *progress);
/*   all        gets what is to be made, in the same order in all processes */
int ftm_claims_describe(const struct ftm_rebuilding *rebuilding, const struct ftm_births *mine,
                        const struct ftm_claims *claims, struct ftm_births *all);

/* Is there a member of the old days that does not have it? Then its creation was interrupted. */
bool ftm_claims_is_half_made(const struct ftm_claims *claims, const struct ftm_birth *birth,
                             const struct ftm_seat *seats);

/* Frees what it has, not itself. */
void ftm_claims_clear(struct ftm_claims *claims);

#endif
