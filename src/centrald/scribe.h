/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scribe.h - what a reign keeps, numbers, logs and lets out, so that nothing leaves before what it
 * rests on is safe.
 */
#ifndef FT_CENTRALD_SCRIBE_H
#define FT_CENTRALD_SCRIBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "centrald/book.h"
#include "centrald/events.h"
#include "centrald/outbox.h"
#include "core/env.h"

struct ft_scribe;

/* book NULL: nothing is kept, and what is let out leaves at once. term: of the reign. Both objects
 * are borrowed for life. It is mute until _begin. NULL with errno ENOMEM. */
struct ft_scribe *ft_scribe_create(struct ft_book *book, struct ft_events *events, uint64_t term);
void ft_scribe_destroy(struct ft_scribe *scribe); /* drops what waits; takes NULL */

/* The numbers that a predecessor may have given out: the ledger's record under FT_SCRIBE_KEY.
 * 0, or -1 with errno EBADMSG. */
#define FT_SCRIBE_KEY "meta/numbers"
int ft_scribe_restore(struct ft_scribe *scribe, const void *data, size_t n);

/* All that was kept has been read: what happens from now on is new. */
void ft_scribe_begin(struct ft_scribe *scribe);

/* The lead is lost: nothing is kept, let out or logged any more. */
void ft_scribe_hush(struct ft_scribe *scribe);
bool ft_scribe_is_mute(const struct ft_scribe *scribe);

/* Keeps a record in the ledger (data NULL: erases it, or all that begin with it if the key ends in
 * '/'); what is let out from now on leaves when it is safe. */
void ft_scribe_keep(struct ft_scribe *scribe, const char *key, const void *data, size_t n);

/* The next number, never one that a predecessor may have given out. */
uint64_t ft_scribe_number(struct ft_scribe *scribe, enum ft_number what);
uint64_t ft_scribe_events_n(const struct ft_scribe *scribe); /* entries of the log so far */

/* Writes an event that has its number. */
void ft_scribe_log(struct ft_scribe *scribe, const struct ft_event *event);

/* Lets something out once all that was kept so far is safe; see outbox.h. Also fails with errno
 * ECANCELED: it is mute. */
int ft_scribe_out(struct ft_scribe *scribe, ft_outbox_fn send, void *arg, const void *data,
                  size_t n);

/* The book says that all up to this mark is safe. */
void ft_scribe_safe(struct ft_scribe *scribe, uint64_t mark);

/* For who lets out by himself; NULL: per-job. */
struct ft_outbox *ft_scribe_outbox(const struct ft_scribe *scribe);

#endif
