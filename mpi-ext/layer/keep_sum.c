/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_sum.c - the checksum of kept state: CRC-32C (Castagnoli).
 *
 * Taken of each named buffer by the sender, checked by the partner before a commit counts as
 * whole, and by whoever fetches it before one byte of it is used: it notices what memory, cables
 * and programs damage, not intent. State may be gigabytes, so the instruction that x86 processors
 * have for it is used where it is there (some 10 GB/s), with three sums under way at once, since
 * it takes three cycles and one can begin in each. Elsewhere eight tables (some 1 GB/s).
 */
#include "config.h"

#include "keep_sum.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u /* reflected */
#define LANE_BYTES 4096        /* of each of the three sums under way */

static uint32_t tables[8][256]; /* [k][b]: what byte b makes, k bytes further on */
static uint32_t lane_shift[4][256]; /* a sum, LANE_BYTES zero bytes further on; by its bytes */
static bool has_instruction;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint32_t one_byte(uint32_t sum, uint8_t byte)
{
    return (sum >> 8) ^ tables[0][(sum ^ byte) & 0xff];
}

static void make_tables(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t sum = b;

        for (int bit = 0; bit < 8; bit++)
            sum = (sum >> 1) ^ (sum & 1 ? POLYNOMIAL : 0);
        tables[0][b] = sum;
    }
    for (int k = 1; k < 8; k++)
        for (int b = 0; b < 256; b++)
            tables[k][b] = (tables[k - 1][b] >> 8) ^ tables[0][tables[k - 1][b] & 0xff];
    for (int at = 0; at < 4; at++)
        for (uint32_t b = 0; b < 256; b++) {
            uint32_t sum = b << (8 * at);

            for (int i = 0; i < LANE_BYTES; i++)
                sum = one_byte(sum, 0);
            lane_shift[at][b] = sum;
        }
#if defined(__x86_64__)
    has_instruction = __builtin_cpu_supports("sse4.2");
#endif
}

static uint64_t word_at(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static uint32_t sum_plain(uint32_t sum, const uint8_t *at, size_t n)
{
    for (; n >= 8; n -= 8, at += 8) {
        uint64_t word = word_at(at) ^ sum;

        sum = 0;
        for (int k = 0; k < 8; k++)
            sum ^= tables[7 - k][(word >> (8 * k)) & 0xff];
    }
    for (; n > 0; n--, at++)
        sum = one_byte(sum, *at);
    return sum;
}

#if defined(__x86_64__)
static uint32_t shift_lane(uint32_t sum)
{
    return lane_shift[0][sum & 0xff] ^ lane_shift[1][(sum >> 8) & 0xff]
        ^ lane_shift[2][(sum >> 16) & 0xff] ^ lane_shift[3][sum >> 24];
}

__attribute__((target("sse4.2")))
static uint32_t sum_by_instruction(uint32_t sum, const uint8_t *at, size_t n)
{
    for (; n >= 3 * LANE_BYTES; n -= 3 * LANE_BYTES, at += 3 * LANE_BYTES) {
        uint64_t a = sum, b = 0, c = 0;

        for (size_t i = 0; i < LANE_BYTES; i += 8) {
            a = __builtin_ia32_crc32di(a, word_at(at + i));
            b = __builtin_ia32_crc32di(b, word_at(at + LANE_BYTES + i));
            c = __builtin_ia32_crc32di(c, word_at(at + 2 * LANE_BYTES + i));
        }
        sum = shift_lane(shift_lane((uint32_t) a) ^ (uint32_t) b) ^ (uint32_t) c;
    }
    for (; n >= 8; n -= 8, at += 8)
        sum = (uint32_t) __builtin_ia32_crc32di(sum, word_at(at));
    for (; n > 0; n--, at++)
        sum = __builtin_ia32_crc32qi(sum, *at);
    return sum;
}
#else
static uint32_t sum_by_instruction(uint32_t sum, const uint8_t *at, size_t n)
{
    return sum_plain(sum, at, n);
}
#endif

uint32_t ftm_keep_sum_plain(uint32_t before, const void *bytes, size_t n)
{
    pthread_once(&once, make_tables);
    return ~sum_plain(~before, bytes, n);
}

uint32_t ftm_keep_sum(uint32_t before, const void *bytes, size_t n)
{
    pthread_once(&once, make_tables);
    return has_instruction ? ~sum_by_instruction(~before, bytes, n)
                           : ~sum_plain(~before, bytes, n);
}
