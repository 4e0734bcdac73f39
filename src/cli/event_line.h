/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * event_line.h - one line of an event log, for people.
 */
#ifndef FT_CLI_EVENT_LINE_H
#define FT_CLI_EVENT_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* Writes an event for people: "12:34:56.789   +1234 ms  node_lost         node n2 is lost: ...".
 *   json    a line of the log, without its end
 *   text    gets one line without control characters, cut to size; what the line holds if it is no
 *           event, with a question mark before it
 *   ended   set to true if the session ends with this event, else left alone
 * Returns 0, or -1 if the line is no event. */
int event_line_format(const char *json, char *text, size_t size, bool *ended);

#endif
