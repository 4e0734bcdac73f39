/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory.h - how much memory a new process could get here, now.
 */
#ifndef FT_NODED_MEMORY_H
#define FT_NODED_MEMORY_H

#include <stdint.h>

/* Memory in bytes that is available on the machine, or within the control group of this process and
 * the groups above it, whichever is least. `root` is put before /proc and /sys ("" but in tests).
 * Returns 0, or -1 with errno (EPROTO: /proc/meminfo is not as expected). */
int ft_memory_free(const char *root, uint64_t *bytes);

/* Unix time at which the machine booted, 0 if it cannot be told. */
int64_t ft_boot_time_s(const char *root);

#endif
