/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * events.h - the event log: one JSON object a line. doc/events.md says what is in it.
 */
#ifndef FT_CENTRALD_EVENTS_H
#define FT_CENTRALD_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "core/env.h"

struct ft_events;

/* Opens the log for appending, making folders on the way (mode 0700); begun_ns: what its `ms`
 * counts from, as ft_clock_ns. If the file cannot be opened, `why` says so and the log drops
 * entries: decisions go on without it. NULL only with errno ENOMEM. */
struct ft_events *ft_events_open(const char *path, int64_t begun_ns, char *why, size_t size);
void ft_events_close(struct ft_events *events); /* takes NULL */

/* Writes an entry, in one piece. If that fails, it is said once in the daemon's log, and again when
 * entries can be written again, with how many were lost. */
void ft_events_write(struct ft_events *events, const struct ft_event *event);

/* Where the log is, by the environment: FILE, else
 * ${XDG_STATE_HOME:-$HOME/.local/state}/ft/SESSION.jsonl. The caller frees it. NULL with errno
 * ENOMEM, or ENOENT: neither variable is set. */
char *ft_events_path(const char *file, const char *session);

#endif
