/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_memory.h - how much memory this process may still take.
 */
#ifndef FTM_KEEP_MEMORY_H
#define FTM_KEEP_MEMORY_H

#include <stdint.h>

/* In bytes, by what the node has and by the limits that its memory groups (cgroups) set for this
 * process: the least of all. UINT64_MAX: nothing is known.
 *   root   a folder that /proc and /sys are looked for in; "" but in tests */
uint64_t ftm_keep_memory_left(const char *root);

#endif
