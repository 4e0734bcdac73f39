/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * readings.h - what is measured of a node again and again, and what each number means.
 *
 * A node's unit takes them (noded/collect.c), sends those that changed (message Sample); the
 * central unit keeps the latest and a short history (core/history.c); what is about to break is
 * found in them (core/forecast.c). New ones go to the end: their numbers travel.
 */
#ifndef FT_COMMON_READINGS_H
#define FT_COMMON_READINGS_H

#include <stdbool.h>

enum ft_reading {
    FT_READING_NONE,
    FT_READING_MEMORY_TOTAL,     /* bytes */
    FT_READING_MEMORY_FREE,      /* bytes that a new process could get */
    FT_READING_LOAD,             /* runnable processes, 1-minute average */
    FT_READING_DISK_TOTAL,       /* bytes; of: mount point */
    FT_READING_DISK_FREE,        /* bytes that anybody may use; of: mount point */
    FT_READING_TEMPERATURE,      /* degrees Celsius; of: chip and sensor */
    FT_READING_TEMPERATURE_MAX,  /* what the sensor itself calls critical; of: as above */
    FT_READING_ECC_CORRECTED,    /* since boot; of: memory controller */
    FT_READING_ECC_UNCORRECTED,  /* since boot; of: memory controller */
    FT_READING_NET_ERRORS,       /* received and sent with errors or dropped, since boot; of: interface */
    FT_READING_CHECK_FAILURES,   /* self-checks that failed in a row */
    FT_READING_CPU_BUSY,         /* share of all processors in use, 0 to 1 */
    FT_READINGS
};

/* How a reading is shown, and how much of a change is worth sending. */
struct ft_reading_kind {
    const char *name;    /* in JSON and metrics: "memory_free_bytes" */
    const char *help;    /* for people */
    bool counts;         /* only ever goes up */
    double step;         /* smaller changes are not sent: absolute, */
    double step_share;   /* or as a share of the value that was sent last */
};

/* The kind of a reading; of one that is not known here: that of FT_READING_NONE. */
const struct ft_reading_kind *ft_reading_kind(unsigned what);

/* Whether a change from one value to the other is worth sending. */
bool ft_reading_differs(unsigned what, double sent, double now);

#endif
