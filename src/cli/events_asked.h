/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * events_asked.h - events that a central unit is asked for, rather than read from a file.
 */
#ifndef FT_CLI_EVENTS_ASKED_H
#define FT_CLI_EVENTS_ASKED_H

#include <stdbool.h>

struct events_asked {
    const char *host; /* NULL: as the other commands do */
    bool following;   /* go on as more come */
    bool json;        /* as they are in the log, a line each */
    const char *tail; /* the last so many; NULL: all there are */
};

/* Prints them. Returns the exit code. */
int events_ask(const struct events_asked *asked);

#endif
