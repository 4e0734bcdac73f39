/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * voterio.h - what libraft wants done (struct raft_io): term and vote, log, snapshots into the
 * store; messages to the other voters; time.
 *
 * Nothing here waits: the disk is worked on elsewhere (a thread; in the simulation, later), one job
 * after the other, and the sending is left to the driver. Two things libraft does not bear are kept
 * from it: a write that fails (a full disk is tried again until there is room; meanwhile the voter
 * says that it has none), and a message that cannot be sent (lost, as the network loses them).
 *
 * A disk that fails otherwise makes this dead: it sends nothing any more, so that what was not
 * stored was never promised to anybody; broken() says so, once.
 */
#ifndef FT_CENTRALD_VOTERIO_H
#define FT_CENTRALD_VOTERIO_H

#include <raft.h>
#include <stdbool.h>
#include <stdint.h>

#include "centrald/letters.h"
#include "centrald/store.h"

#define FT_VOTERIO_ROOM_MIN_KB 1024 /* with less, no new entries are taken */

struct ft_voterio;

/* Work for the disk: run() elsewhere, then done() on the loop's thread. */
struct ft_voterio_work {
    void (*run)(struct ft_voterio_work *work);
    void (*done)(struct ft_voterio_work *work);
};

struct ft_voterio_env {
    void *arg;
    uint64_t (*now_ms)(void *arg);
    unsigned (*random)(void *arg);
    /* A letter to that voter; it may be lost. The bytes are the callee's to free. */
    void (*send)(void *arg, const char *name, uint8_t *letter, size_t n);
    void (*work)(void *arg, struct ft_voterio_work *work);
    void (*broken)(void *arg, const char *why);
    void (*full)(void *arg, bool is_full, const char *text); /* the disk has no room; has it again */
};

/* The store, opened, becomes the io's, and is closed with it. The raft_io is filled; it lives in
 * the voterio. NULL with errno ENOMEM (the store is closed then). */
struct ft_voterio *ft_voterio_create(struct ft_store *store, struct ft_disk *disk,
                                     const struct ft_voterio_env *env);
struct raft_io *ft_voterio_raft(struct ft_voterio *io);

/* How long the leader may be silent before a vote against it is given; how often it is ticked. */
void ft_voterio_set_times(struct ft_voterio *io, unsigned silent_ms, unsigned beat_ms);

/* Time passes: each beat_ms. Ticks libraft, tries again what found no room. */
void ft_voterio_tick(struct ft_voterio *io);

/* The leader is certainly not there any more: votes against it are given at once, and this voter
 * asks for the others' in after_ms, unless another one did before. */
void ft_voterio_leader_gone(struct ft_voterio *io, unsigned after_ms);

/* A message for this identity came from the voter `name`. Takes the letter's memory. */
void ft_voterio_receive(struct ft_voterio *io, const char *name, struct ft_letter *letter);

bool ft_voterio_is_full(const struct ft_voterio *io);

/* Makes it dead, for a reason of the owner's. */
void ft_voterio_kill(struct ft_voterio *io, const char *why);

/* After raft_close's callback only. */
void ft_voterio_destroy(struct ft_voterio *io);

#endif
