/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unsaid.h - what a voter had to say while it did not lead, for the event log once it does.
 */
#ifndef FT_CENTRALD_UNSAID_H
#define FT_CENTRALD_UNSAID_H

#include <stddef.h>

#include "common/clock.h"
#include "core/env.h"

#define FT_UNSAID_MAX 32 /* beyond that, the oldest one goes */

/* Embedded; zero: nothing. */
struct ft_unsaid {
    struct {
        char name[64], node[256], text[512], when[FT_CLOCK_TEXT_BYTES];
    } said[FT_UNSAID_MAX];
    size_t n;
};

/* Copies them; node NULL or "": none. */
void ft_unsaid_add(struct ft_unsaid *unsaid, const char *name, const char *node, const char *text);

/* Calls log for each, oldest first, with when it was as the field "happened"; then there are
 * none. */
void ft_unsaid_tell(struct ft_unsaid *unsaid, void (*log)(void *arg, struct ft_event *event),
                    void *arg);

#endif
