/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * notices.h - what a module says about itself (sd_notify), and whether it says it in time.
 */
#ifndef FT_KEEPER_NOTICES_H
#define FT_KEEPER_NOTICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keeper/talk.h"

#define FT_NOTICES_NEVER INT64_MAX

struct ft_notices {
    unsigned watchdog_ms, deadline_ms; /* 0: none */
    int64_t fed_ns, beat_ns;  /* when watchdog and deadline were last served; 0: not counting */
    bool has_beats;           /* it says FT_DEADLINE=1 itself: WATCHDOG=1 is none then */
    int64_t main_pid;         /* it named another process as its main one; 0: it has not */
    double mean_ms, square_ms; /* of the deadline's beats: Welford's sums */
};

/* Takes a datagram; state is changed by it. True if the unit should hear of it (all but beats). */
bool ft_notices_take(struct ft_notices *notices, struct ft_keep_state *state, const char *text,
                     size_t n, int64_t now_ns);

/* From now on the watchdog and the deadline count: the module is ready. */
void ft_notices_begin(struct ft_notices *notices, int64_t now_ns);

/* When the next one is over; _NEVER: none. */
int64_t ft_notices_due_ns(const struct ft_notices *notices);

/* After everything that waits was taken. True if it is found unwell (once). planned_ns: when this
 * was to be called. One that comes late itself has no right to judge: everything counts anew. */
bool ft_notices_judge(struct ft_notices *notices, struct ft_keep_state *state, int64_t planned_ns,
                      int64_t now_ns);

#endif
