/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * voter.h - one voter of the central unit: its ledger, kept together with the others through Raft.
 * No sockets, no threads, no clock of its own: the driver (book.c; a simulation) brings letters and
 * time, and runs what the disk is to do.
 *
 *     no data      waits to found (the preferred voter of the plan, when a majority has agreed) or
 *                  to be taken in (everybody else, when a leader hears its greeting)
 *     follows      keeps the log; says who leads
 *     leads        wrote a barrier first: all that was ever agreed upon is in the ledger before
 *                  `lead` is called. Keeps the membership as the plan has it (core/steward.h)
 *     broken       says nothing more to anybody
 *
 * A voter's data carry an identity, a random number. A voter that finds its data damaged sets them
 * aside and begins with a new one: the leader then removes the old identity and takes in the new
 * one.
 *
 * Callbacks come at the end of the call that caused them (tick, receive, put, work done), never
 * inside libraft.
 */
#ifndef FT_CENTRALD_VOTER_H
#define FT_CENTRALD_VOTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "centrald/book_status.h"
#include "centrald/disk.h"
#include "centrald/voterio.h"
#include "core/ledger.h"
#include "core/plan.h"

struct ft_voter;

struct ft_voter_env {
    void *arg;
    uint64_t (*now_ms)(void *arg);
    unsigned (*random)(void *arg);
    uint64_t (*fresh_id)(void *arg); /* one that was never there before; not 0 */
    void (*send)(void *arg, const char *name, uint8_t *letter, size_t n); /* frees the letter */
    void (*work)(void *arg, struct ft_voterio_work *work);
    void (*lead)(void *arg, uint64_t term);
    void (*follow)(void *arg, const char *leader); /* name, "" not known */
    void (*safe)(void *arg, uint64_t mark);
    void (*broken)(void *arg, const char *why);
    void (*say)(void *arg, const char *event, const char *node, const char *text);
};

struct ft_voter_planned {
    char name[FT_STORE_NAME_MAX];
    int priority;
    bool witness;
};

struct ft_voter_config {
    char self[FT_STORE_NAME_MAX];
    struct ft_voter_planned planned[FT_PLAN_VOTERS_MAX];
    size_t planned_n;                /* self is one of them, or the plan knows it no longer */
    unsigned election_ms, beat_ms, handback_ms;
    unsigned snapshot_each, trailing; /* entries; 0: 1024 each */
    uint32_t segment_bytes;           /* 0: the store's */
};

/* Reads the voter's data. The disk is borrowed. NULL with why. */
struct ft_voter *ft_voter_create(struct ft_disk *disk, const struct ft_voter_config *config,
                                 const struct ft_voter_env *env, char *why, size_t size);

/* Time passes: each beat_ms. */
void ft_voter_tick(struct ft_voter *voter);

/* A letter from the voter `name`; the bytes stay the caller's. */
void ft_voter_receive(struct ft_voter *voter, const char *name, const uint8_t *letter, size_t n);

/* That voter can be written to from now on: it is greeted. */
void ft_voter_connected(struct ft_voter *voter, const char *name);

/* Its host says that nobody listens there: the program has ended. If it led, another one is elected
 * without waiting for its silence. */
void ft_voter_refused(struct ft_voter *voter, const char *name);

void ft_voter_replan(struct ft_voter *voter, const struct ft_voter_config *config);

/* As in book.h. Puts wait for ft_voter_flush, or the next tick. */
void ft_voter_put(struct ft_voter *voter, const char *key, const void *data, size_t n);
void ft_voter_flush(struct ft_voter *voter);
uint64_t ft_voter_mark(const struct ft_voter *voter);
bool ft_voter_is_safe(const struct ft_voter *voter, uint64_t mark);
const struct ft_ledger *ft_voter_ledger(const struct ft_voter *voter);
int ft_voter_hand_over(struct ft_voter *voter, const char *name, char *why, size_t size);
bool ft_voter_is_leader(const struct ft_voter *voter); /* of the log, whether it said so or not */

/* Fills all but addresses and connections. */
void ft_voter_status(const struct ft_voter *voter, struct ft_book_status *status);

/* For the simulation: the index of the last applied entry. */
uint64_t ft_voter_applied(const struct ft_voter *voter);
uint64_t ft_voter_id(const struct ft_voter *voter);
uint64_t ft_voter_term(const struct ft_voter *voter);

/* Ends it; `closed` comes once the disk is idle, maybe before the return. No other callback comes
 * after this call. Then destroy it. */
void ft_voter_close(struct ft_voter *voter, void (*closed)(void *arg), void *arg);
void ft_voter_destroy(struct ft_voter *voter); /* takes NULL; closed ones only */

#endif
