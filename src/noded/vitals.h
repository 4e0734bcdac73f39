/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vitals.h - reads what a node is doing: memory, load, disks, heat, memory errors, network errors.
 */
#ifndef FT_NODED_VITALS_H
#define FT_NODED_VITALS_H

#include <stdbool.h>

#include "common/readings.h"

#define FT_VITALS_MAX 48
#define FT_VITALS_OF_MAX 48

struct ft_vital {
    enum ft_reading what;
    char of[FT_VITALS_OF_MAX];
    double value;
};

struct ft_vitals {
    struct ft_vital read[FT_VITALS_MAX];
    unsigned n;
    unsigned left_out;           /* for want of room */
    double busy_before, all_before; /* processor time at the last call, for its share */
};

/* What is quick to read: memory, load, processors. `root` is put before /proc and /sys ("" but in
 * tests). Adds to vitals->read; what cannot be read is left out. */
void ft_vitals_quick(struct ft_vitals *vitals, const char *root);

/* The rest: local file systems (never those of a server, which may not answer), temperatures,
 * memory errors, network errors. May take some ms, and block on a broken disk. */
void ft_vitals_slow(struct ft_vitals *vitals, const char *root);

/* Empties it; what it needs to remember stays. */
void ft_vitals_begin(struct ft_vitals *vitals);

#endif
