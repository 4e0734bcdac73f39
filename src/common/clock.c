/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clock.c - what time it is.
 *
 * Called by the daemons, libft and the log. Every deadline and every measured duration uses the
 * monotonic clock; the wall clock only ever ends in texts. src/core does not come here: it is told
 * the time, so that its tests can step it.
 */
#include "config.h"

#include "common/clock.h"

#include <stdio.h>
#include <time.h>

#define UNIX_MS_MIN (-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define UNIX_MS_MAX 253402300799999   /* 9999-12-31T23:59:59.999Z */

/* clock_gettime cannot fail for the two clocks used here (both exist since Linux 2.6). */
static struct timespec now(clockid_t clock)
{
    struct timespec time = {0};

    (void) clock_gettime(clock, &time);
    return time;
}

uint64_t ft_clock_ns(void)
{
    struct timespec time = now(CLOCK_MONOTONIC);

    return (uint64_t) time.tv_sec * 1000000000u + (uint64_t) time.tv_nsec;
}

int64_t ft_clock_ms(void)
{
    return (int64_t) (ft_clock_ns() / 1000000u);
}

int64_t ft_clock_unix_ms(void)
{
    struct timespec time = now(CLOCK_REALTIME);

    return (int64_t) time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

char *ft_clock_text(int64_t unix_ms, char text[FT_CLOCK_TEXT_BYTES])
{
    struct tm tm = {0};
    time_t seconds;
    int ms;

    if (unix_ms < UNIX_MS_MIN)
        unix_ms = UNIX_MS_MIN;
    if (unix_ms > UNIX_MS_MAX)
        unix_ms = UNIX_MS_MAX;
    ms = (int) (unix_ms % 1000);
    seconds = (time_t) (unix_ms / 1000);
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    (void) gmtime_r(&seconds, &tm); /* cannot overflow within the years above */
    snprintf(text, FT_CLOCK_TEXT_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
             (unsigned) (tm.tm_year + 1900) % 10000u, (unsigned) (tm.tm_mon + 1) % 100u,
             (unsigned) tm.tm_mday % 100u, (unsigned) tm.tm_hour % 100u,
             (unsigned) tm.tm_min % 100u, (unsigned) tm.tm_sec % 100u, (unsigned) ms % 1000u);
    return text;
}
