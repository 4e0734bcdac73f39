/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * voterio_impl.h - what voterio.c (what libraft wants done) and voterin.c (what it hears) share;
 * nobody else includes it.
 */
#ifndef FT_CENTRALD_VOTERIO_IMPL_H
#define FT_CENTRALD_VOTERIO_IMPL_H

#include "centrald/voterio.h"

struct job;

struct ft_voterio {
    struct raft_io raft;
    struct ft_voterio_env env;
    struct ft_store *store;
    struct ft_disk *disk;
    raft_id id;
    raft_io_tick_cb tick;
    raft_io_recv_cb recv;
    uint64_t next_index;                  /* of the next append, all that waits counted */
    uint64_t term, vote;
    struct job *first, *last;
    struct ft_voterio_work work;
    bool working;
    unsigned merged;                      /* jobs of the queue that are being worked on */
    struct ft_store_entry *batch;
    size_t batch_n;
    int error;
    struct ft_store_snapshot got;         /* GET */
    void *got_block;
    uint64_t retry_at_ms, room_at_ms;
    unsigned silent_ms, beat_ms;
    uint64_t now_ms, slept_ms;            /* as last looked at; when this process did not run */
    uint64_t leader_heard_ms;             /* of libraft's time */
    bool leader_gone;                     /* and elected_ms is when to ask for votes */
    uint64_t elected_ms;
    bool failed, low, full; /* a write found no room; there is little; what was told */
    bool dead, closing;
    bool rejected;                        /* an append, just now */
    bool is_late;                         /* what is handed over is of an earlier term */
    unsigned puts;                        /* snapshots that wait to be put */
    raft_io_close_cb close_cb;
};

/* libraft's time; see voterio.c. */
uint64_t ft_voterio_now_ms(struct ft_voterio *io);

#endif
