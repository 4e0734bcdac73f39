/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * claims.h - the starters of stand-ins, for those who hear that one is gone.
 */
#ifndef FT_CORE_CLAIMS_H
#define FT_CORE_CLAIMS_H

#include "core/state.h"

/* Which starter: by its request, or if that is 0 by its rank, or if job is NULL by its node. */
struct ft_gone_starter {
    uint64_t token;
    const char *job;
    int rank;
    const char *node;
    const char *why; /* in words */
};

/* The next claimant of what it was to start has its turn. */
void ft_claims_starter_gone(struct ft_central *central, const struct ft_gone_starter *gone);

#endif
