/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sinks.h - where events go beside the event log: the journal, syslog, a file, a program.
 */
#ifndef FT_CENTRALD_SINKS_H
#define FT_CENTRALD_SINKS_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/env.h"

#define FT_HOOK_RUNNING_MAX 4   /* programs at once */
#define FT_HOOK_WAITING_MAX 256 /* events that wait for one; more are dropped, and that is said */
#define FT_HOOK_TIMEOUT_MS 30000

struct ft_sinks;

/* names: "journal", "syslog", "file:PATH", ended by NULL (or NULL: none); hook: program that is run
 * for each event, "" for none. NULL with a sentence in `why`. */
struct ft_sinks *ft_sinks_create(uv_loop_t *loop, char *const *names, const char *hook, char *why,
                                 size_t size);

/* An event, and the line of JSON that the event log has for it (n bytes, its line end included). */
void ft_sinks_take(struct ft_sinks *sinks, const struct ft_event *event, const char *line,
                   size_t n);

/* Events that the hook did not get, so far. */
uint64_t ft_sinks_dropped(const struct ft_sinks *sinks);

/* Ends; hooks that run are killed. To be destroyed when the loop has run out. Takes NULL. */
void ft_sinks_stop(struct ft_sinks *sinks);
void ft_sinks_destroy(struct ft_sinks *sinks);

#endif
