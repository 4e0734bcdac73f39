/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crc.h - CRC-32C: notices bytes that were damaged by accident. No protection against intent.
 */
#ifndef FT_COMMON_CRC_H
#define FT_COMMON_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Of n bytes; `before` is the value of what comes before them, 0 to begin with. */
uint32_t ft_crc32c(uint32_t before, const void *bytes, size_t n);

#endif
