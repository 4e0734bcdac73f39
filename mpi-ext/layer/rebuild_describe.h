/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rebuild_describe.h - the communicators that this process has, each described as it was made.
 */
#ifndef FTM_REBUILD_DESCRIBE_H
#define FTM_REBUILD_DESCRIBE_H

#include <stdbool.h>
#include <stddef.h>

#include "birth.h"
#include "rebuilding.h"

/* Descriptions that grow in number. */
struct ftm_births {
    struct ftm_birth *births;
    size_t n, room;
    bool failed; /* out of memory, or Open MPI did not say all */
};

/* All that is alive here, in the numbers of the new world. False: births->failed. */
bool ftm_describe_all(const struct ftm_rebuilding *rebuilding, struct ftm_births *births);

/* Frees what it has, not itself. */
void ftm_describe_clear(struct ftm_births *births);

#endif
