/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * measure.h - measures this node; runs in a process of its own, see measure.c.
 */
#ifndef FT_NODED_MEASURE_H
#define FT_NODED_MEASURE_H

#include <stddef.h>

#define FT_MEASURE_FACTS "facts"       /* prints a packed Ft__ProbeResult */
#define FT_MEASURE_TOPOLOGY "topology" /* prints a packed Ft__Topology */
#define FT_MEASURE_OUTPUT_MAX (4u << 20)

/* The whole program "ft-noded --measure WHAT --topology SOURCE --scratch FOLDER": writes to
 * standard output. Returns the exit code: 0 if something was written, what could not be measured
 * included. */
int ft_measure_main(const char *what, const char *topology, const char *scratch);

#endif
