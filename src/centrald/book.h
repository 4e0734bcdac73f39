/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * book.h - the ledger that the voters of the central unit keep together: a state machine over Raft,
 * on the daemon's loop.
 *
 * One voter of the plan leads: it alone writes, and what it wrote is safe once most voters have it
 * on their disks. When it is gone another one leads, with the same ledger; the one with the highest
 * priority leads again when it has been well for a while. A voter alone needs no other machine.
 *
 *     book.c     this: libuv, links to the other voters, threads for the disk, all of it glue
 *     peers.c    the links: dialled, greeted, kept; letters out and in
 *     voter*.c   what a voter does: founding, joining, leading, following, changing the membership
 *     voterio.c  what libraft wants done: term, vote, log, snapshots, letters; voterin.c: what it
 *                hears
 *     store*.c   the voter's folder
 *     core/ledger.c, core/steward.c   what is kept; who is to lead and to vote
 *
 * Everything runs on the loop's thread, callbacks too; none comes before ft_book_open returned.
 */
#ifndef FT_CENTRALD_BOOK_H
#define FT_CENTRALD_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "centrald/book_status.h"
#include "core/ledger.h"
#include "core/plan.h"
#include "net/link.h"

struct ft_book;

struct ft_book_events {
    /* This voter leads, and its ledger holds all that was ever said to be safe. */
    void (*lead)(void *arg, uint64_t term);
    /* It does not (any more). leader is "HOST:PORT" of who does, "" if that is not known; called
     * again when it becomes known or changes. What was put and is not safe is as good as lost. */
    void (*follow)(void *arg, const char *leader);
    /* All that was put up to this mark is safe. */
    void (*safe)(void *arg, uint64_t mark);
    /* This voter cannot go on: its disk failed, or its data are of a later version. It says nothing
     * to the others any more. Stop and destroy it. */
    void (*broken)(void *arg, const char *why);
    /* For the event log: "book_disk_full", "central_handed_back", ... (doc/events.md); node is the
     * voter that it is about, "" if none. May be NULL. */
    void (*say)(void *arg, const char *event, const char *node, const char *text);
};

struct ft_book_config {
    const struct ft_plan *plan;     /* voters and times; borrowed for the call */
    const char *self;               /* which of plan->voters this is; if there are none: its name */
    const char *folder;             /* of its data; NULL: plan->folder. Made (0700) if absent */
    const struct ft_identity *identity; /* how voters prove themselves to each other; copied */
    unsigned snapshot_each;         /* entries between snapshots; 0: 1024 */
};

/* Opens a voter's data and begins to take part. NULL: `why` says what is wrong and what to do. */
struct ft_book *ft_book_open(uv_loop_t *loop, const struct ft_book_config *config,
                             const struct ft_book_events *events, void *arg, char *why,
                             size_t size);

/* Stops taking part, in order (who leads hands over first, within 600 ms); then `stopped`, once.
 * Other events no longer come. Destroy it after that, not before. */
void ft_book_stop(struct ft_book *book, void (*stopped)(void *arg), void *arg);
void ft_book_destroy(struct ft_book *book); /* takes NULL; of a book that is stopped */

/* A link whose Hello said role FT_ROLE_CENTRAL (3): another voter. The book takes it and answers
 * the Hello; closes it if the peer is none of the plan's voters. */
void ft_book_take(struct ft_book *book, struct ft_link *link, const Ft__Hello *hello);

/* Writes a key; data NULL erases it, and with a key that ends in '/' all keys that begin so. Only
 * while leading: after `follow` it does nothing. Puts of one turn of the loop become one entry of
 * the log. */
void ft_book_put(struct ft_book *book, const char *key, const void *data, size_t n);

/* The mark of the last put; puts before the first have the mark 0, which is always safe. Marks
 * never go back as long as the program runs. */
uint64_t ft_book_mark(const struct ft_book *book);
bool ft_book_is_safe(const struct ft_book *book, uint64_t mark);

/* What is safe. For a new leader: everything. */
const struct ft_ledger *ft_book_ledger(const struct ft_book *book);

/* A new plan: voters may have come or gone (changed one at a time by the leader), times changed. */
int ft_book_reload(struct ft_book *book, const struct ft_plan *plan, char *why, size_t size);

/* The leader gives the lead to that voter (NULL or "": the best). 0, or -1 and why. */
int ft_book_hand_over(struct ft_book *book, const char *voter, char *why, size_t size);

/* For `ft central`. */
void ft_book_status(const struct ft_book *book, struct ft_book_status *status);

#endif
