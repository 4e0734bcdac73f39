/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * notices.c - reads sd_notify's datagrams, and watches over watchdog and deadline. No sockets.
 *
 * The keeper's loop hands in what came and what time it is. Known: READY, RELOADING, STOPPING,
 * STATUS, WATCHDOG=1 and =trigger, WATCHDOG_USEC, EXTEND_TIMEOUT_USEC, MAINPID, and, for soft
 * real-time modules, FT_DEADLINE=1: a beat that has to come at least each deadline_ms. How regular
 * the beats are is measured (mean distance, standard deviation, the longest).
 */
#include "config.h"

#include "keeper/notices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#define MS INT64_C(1000000)
#define LINE_MAX_BYTES 512
#define WATCHDOG_MAX_MS 86400000u

/* Newton's way: libm would cost each keeper a tenth of its memory. */
static double root(double square)
{
    double x = square > 1 ? square : 1;

    for (int i = 0; i < 60 && square > 0; i++)
        x = (x + square / x) / 2;
    return square > 0 ? x : 0;
}

static void beat(struct ft_notices *notices, struct ft_keep_state *state, int64_t now_ns)
{
    double ms = (double)(now_ns - notices->beat_ns) / (double)MS, off;

    if (notices->beat_ns) {
        state->beats_n++;
        off = ms - notices->mean_ms;
        notices->mean_ms += off / (double)state->beats_n;
        notices->square_ms += off * (ms - notices->mean_ms);
        state->beat_ms = notices->mean_ms;
        state->jitter_ms = root(notices->square_ms / (double)state->beats_n);
        if (ms > state->late_ms)
            state->late_ms = ms;
    }
    notices->beat_ns = now_ns;
}

static bool number(const char *text, uint64_t *value)
{
    char *end;

    errno = 0;
    *value = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

static void set_watchdog(struct ft_notices *notices, uint64_t usec, int64_t now_ns)
{
    uint64_t ms = (usec + 999) / 1000;

    notices->watchdog_ms = ms < WATCHDOG_MAX_MS ? (unsigned)ms : WATCHDOG_MAX_MS;
    if (notices->fed_ns)
        notices->fed_ns = now_ns;
}

static bool take_beat(struct ft_notices *notices, struct ft_keep_state *state, const char *line,
                      int64_t now_ns)
{
    if (strcmp(line, "WATCHDOG=1") == 0) {
        if (notices->fed_ns)
            notices->fed_ns = now_ns;
        if (notices->beat_ns && !notices->has_beats)
            beat(notices, state, now_ns);
    } else if (strcmp(line, "FT_DEADLINE=1") == 0) {
        notices->has_beats = true;
        if (notices->beat_ns)
            beat(notices, state, now_ns);
    } else {
        return false;
    }
    return true;
}

/* True if it says something that the unit does not know yet. */
static bool take_line(struct ft_notices *notices, struct ft_keep_state *state, const char *line,
                      int64_t now_ns)
{
    uint64_t value;

    if (take_beat(notices, state, line, now_ns))
        return false;
    if (strcmp(line, "READY=1") == 0) {
        if (!state->ready)
            ft_notices_begin(notices, now_ns);
        state->ready = true;
        state->reloading = false;
    } else if (strcmp(line, "RELOADING=1") == 0) {
        state->reloading = true;
    } else if (strcmp(line, "STOPPING=1") == 0) {
        state->stopping = true;
    } else if (strncmp(line, "STATUS=", 7) == 0) {
        ft_text_copy(state->status, sizeof state->status, line + 7);
        ft_text_make_utf8(state->status);
    } else if (strcmp(line, "WATCHDOG=trigger") == 0) {
        state->unwell = FT_KEEP_HANG;
    } else if (strncmp(line, "EXTEND_TIMEOUT_USEC=", 20) == 0 && number(line + 20, &value)) {
        state->extend_n++;
        state->extend_ms = value / 1000;
    } else if (strncmp(line, "MAINPID=", 8) == 0 && number(line + 8, &value)) {
        notices->main_pid = (int64_t)value;
    } else {
        if (strncmp(line, "WATCHDOG_USEC=", 14) == 0 && number(line + 14, &value))
            set_watchdog(notices, value, now_ns);
        return false;
    }
    return true;
}

bool ft_notices_take(struct ft_notices *notices, struct ft_keep_state *state, const char *text,
                     size_t n, int64_t now_ns)
{
    char line[LINE_MAX_BYTES];
    bool news = false;

    for (size_t from = 0; from < n;) {
        const char *end = memchr(text + from, '\n', n - from);
        size_t length = (end ? (size_t)(end - text) : n) - from;
        size_t kept = length < sizeof line ? length : sizeof line - 1;
        memcpy(line, text + from, kept);
        line[kept] = '\0';
        if (take_line(notices, state, line, now_ns))
            news = true;
        from += length + 1;
    }
    return news;
}

void ft_notices_begin(struct ft_notices *notices, int64_t now_ns)
{
    notices->fed_ns = notices->beat_ns = now_ns;
}

static int64_t due_of(int64_t since_ns, unsigned ms)
{
    return since_ns && ms ? since_ns + (int64_t)ms * MS : FT_NOTICES_NEVER;
}

int64_t ft_notices_due_ns(const struct ft_notices *notices)
{
    int64_t a = due_of(notices->fed_ns, notices->watchdog_ms);
    int64_t b = due_of(notices->beat_ns, notices->deadline_ms);

    return a < b ? a : b;
}

/* A wake-up that came late by more than half of the shorter limit says nothing about the module:
 * the processor, or the whole node, was away. */
static bool is_late(const struct ft_notices *notices, int64_t planned_ns, int64_t now_ns)
{
    unsigned limit_ms = notices->watchdog_ms;

    if (notices->deadline_ms && (!limit_ms || notices->deadline_ms < limit_ms))
        limit_ms = notices->deadline_ms;
    return now_ns - planned_ns > (int64_t)limit_ms * MS / 2;
}

bool ft_notices_judge(struct ft_notices *notices, struct ft_keep_state *state, int64_t planned_ns,
                      int64_t now_ns)
{
    int64_t watchdog_ns = due_of(notices->fed_ns, notices->watchdog_ms);
    int64_t deadline_ns = due_of(notices->beat_ns, notices->deadline_ms);

    if (now_ns < watchdog_ns && now_ns < deadline_ns)
        return false;
    if (is_late(notices, planned_ns, now_ns)) {
        ft_notices_begin(notices, now_ns);
        return false;
    }
    state->unwell = now_ns >= watchdog_ns ? FT_KEEP_HANG : FT_KEEP_LATE;
    notices->fed_ns = notices->beat_ns = 0; /* said once */
    return true;
}
