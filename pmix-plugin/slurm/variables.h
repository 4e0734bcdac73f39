/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * variables.h - what a job with --ft has in its environment, so that a plain mpirun is enough.
 */
#ifndef FT_SLURM_VARIABLES_H
#define FT_SLURM_VARIABLES_H

#include <stddef.h>

/* Takes a name and its value; what the user set himself stays if `overwrite` is 0.
 * Returns 0, or -1. */
typedef int variables_put(void *arg, const char *name, const char *value, int overwrite);

/* What was asked for. */
struct variables_asked {
    const char *mode;   /* --ft=MODE */
    const char *spares; /* how many of the job's nodes are spares; NULL, "" or "0": none */
    const char *prefix; /* where FT is installed; NULL: where configure said */
};

/* Puts them all. Returns 0, or -1 with what is in the way in `why`: FT is not on this node as it
 * should be (nothing was put then), or `put` failed. */
int variables_set(const struct variables_asked *asked, variables_put *put, void *arg, char *why,
                  size_t size);

/* Takes out what a job around this one put in: this one did not ask for it. */
void variables_forget(void);

#endif
