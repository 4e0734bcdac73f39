/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * readings.c - the table of what is measured: one line a reading. Used by whoever takes, keeps,
 * judges or shows them.
 */
#include "common/readings.h"

#include <math.h>

#define MIB (1024.0 * 1024.0)

static const struct ft_reading_kind kinds[FT_READINGS] = {
    [FT_READING_NONE] = {"unknown", "not known to this version", false, 0, 0},
    [FT_READING_MEMORY_TOTAL] = {"memory_total_bytes", "Memory of the node", false, MIB, 0},
    [FT_READING_MEMORY_FREE] = {"memory_free_bytes", "Memory that a new process could get", false,
                                16 * MIB, 0.01},
    [FT_READING_LOAD] = {"load", "Runnable processes, 1-minute average", false, 0.05, 0.05},
    [FT_READING_DISK_TOTAL] = {"disk_total_bytes", "Size of a file system", false, MIB, 0},
    [FT_READING_DISK_FREE] = {"disk_free_bytes", "Free space of a file system", false, 16 * MIB,
                              0.005},
    [FT_READING_TEMPERATURE] = {"temperature_celsius", "Temperature by a sensor", false, 1.0, 0},
    [FT_READING_TEMPERATURE_MAX] = {"temperature_critical_celsius",
                                    "What a sensor calls critical", false, 0.5, 0},
    [FT_READING_ECC_CORRECTED] = {"ecc_corrected_total", "Memory errors that were corrected", true,
                                  1, 0},
    [FT_READING_ECC_UNCORRECTED] = {"ecc_uncorrected_total",
                                    "Memory errors that could not be corrected", true, 1, 0},
    [FT_READING_NET_ERRORS] = {"network_errors_total", "Packets lost to errors or dropped", true, 1,
                               0},
    [FT_READING_CHECK_FAILURES] = {"check_failures", "Self-checks that failed in a row", false, 1,
                                   0},
    [FT_READING_CPU_BUSY] = {"cpu_busy_ratio", "Share of the processors in use", false, 0.02, 0},
};

const struct ft_reading_kind *ft_reading_kind(unsigned what)
{
    return &kinds[what < FT_READINGS ? what : FT_READING_NONE];
}

bool ft_reading_differs(unsigned what, double sent, double now)
{
    const struct ft_reading_kind *kind = ft_reading_kind(what);
    double change = fabs(now - sent);

    if (kind->counts)
        return now != sent; /* a counter that went back (a reboot) is news, too */
    return change > 0 && change >= kind->step && change >= kind->step_share * fabs(sent);
}
