/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * events.h - the event log: one JSON object a line. doc/events.md says what is in it.
 */
#ifndef FT_CENTRALD_EVENTS_H
#define FT_CENTRALD_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "centrald/recent.h"
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

/* Whether a line is that user's to see: it concerns no user's job, or his. */
bool ft_events_may_see(const char *line, uint32_t uid);

/* Bytes that the file may have: beyond it, it becomes PATH.1 (in the place of the one before) and
 * is begun anew. 0: no limit, as at first. */
void ft_events_set_limit(struct ft_events *events, uint64_t max_bytes);

/* From now on calls `seen` for each entry, once its line (n bytes, its end included) was composed,
 * whether it could be written or not. One at a time; NULL: nobody. */
void ft_events_watch(struct ft_events *events,
                     void (*seen)(void *arg, const struct ft_event *event, const char *line,
                                  size_t n),
                     void *arg);

/* The latest entries. _recall reads into them what the file's end has, from an earlier run. */
const struct ft_recent *ft_events_recent(const struct ft_events *events);
void ft_events_recall(struct ft_events *events);

/* Where the log is, by the environment: FILE, else
 * ${XDG_STATE_HOME:-$HOME/.local/state}/ft/SESSION.jsonl. The caller frees it. NULL with errno
 * ENOMEM, or ENOENT: neither variable is set. */
char *ft_events_path(const char *file, const char *session);

#endif
