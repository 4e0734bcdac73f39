/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * recent.h - the latest entries of the event log, in memory: for those who follow it.
 */
#ifndef FT_CENTRALD_RECENT_H
#define FT_CENTRALD_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FT_RECENT_ENTRIES_MAX 8192
#define FT_RECENT_BYTES_MAX ((size_t) 2 << 20)

struct ft_recent;

struct ft_recent *ft_recent_create(void); /* NULL: out of memory */
void ft_recent_destroy(struct ft_recent *recent); /* takes NULL */

/* Adds a line (n bytes; without its end or with it); the oldest ones make way. Out of memory: it is
 * not there, as if it were too old. */
void ft_recent_add(struct ft_recent *recent, uint64_t seq, const char *line, size_t n);

/* Calls visit for those that came after the entry with this number, oldest first, until it returns
 * false. A number that is not there (any more) stands for the last one below it; 0: all. */
void ft_recent_after(const struct ft_recent *recent, uint64_t seq,
                     bool (*visit)(void *arg, uint64_t seq, const char *line), void *arg);

uint64_t ft_recent_first(const struct ft_recent *recent); /* numbers; 0: there is none */
uint64_t ft_recent_last(const struct ft_recent *recent);

#endif
