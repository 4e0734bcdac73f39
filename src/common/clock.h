/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clock.h - what time it is: for measuring (never goes back), and for people.
 */
#ifndef FT_COMMON_CLOCK_H
#define FT_COMMON_CLOCK_H

#include <stdint.h>

#define FT_CLOCK_TEXT_BYTES 32 /* "2026-03-01T12:34:56.789Z" and its 0, with room to spare */

/* Since some moment before the program started; for differences only. */
uint64_t ft_clock_ns(void);
int64_t ft_clock_ms(void);

/* Unix time; may jump. */
int64_t ft_clock_unix_ms(void);

/* Writes Unix time as RFC 3339 with milliseconds, in UTC. Returns text. A time outside of the years
 * 0 to 9999, which RFC 3339 cannot say, is moved to the nearest one inside. */
char *ft_clock_text(int64_t unix_ms, char text[FT_CLOCK_TEXT_BYTES]);

#endif
