/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_sum.h - the checksum of kept state: CRC-32C, fast enough to be taken of everything.
 */
#ifndef FTM_KEEP_SUM_H
#define FTM_KEEP_SUM_H

#include <stddef.h>
#include <stdint.h>

/* Of n bytes; `before` is the value of what comes before them, 0 to begin with. */
uint32_t ftm_keep_sum(uint32_t before, const void *bytes, size_t n);

/* The same without the processor's help: for processors that have none, and for tests. */
uint32_t ftm_keep_sum_plain(uint32_t before, const void *bytes, size_t n);

#endif
