/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crc.c - CRC-32C (Castagnoli), four bits at a time.
 *
 * A table of sixteen words is a constant, so that any thread may call this at any time; it is fast
 * enough for a log that waits for its disk anyway.
 */
#include "common/crc.h"

/* table[i] = what four shifts make of i, polynomial 0x82f63b78 (reflected). */
static const uint32_t table[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t ft_crc32c(uint32_t before, const void *bytes, size_t n)
{
    const uint8_t *at = bytes;
    uint32_t crc = ~before;

    for (size_t i = 0; i < n; i++) {
        crc ^= at[i];
        crc = (crc >> 4) ^ table[crc & 15];
        crc = (crc >> 4) ^ table[crc & 15];
    }
    return ~crc;
}
