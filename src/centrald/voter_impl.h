/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * voter_impl.h - what the files of a voter share; nobody else includes it.
 *
 *     voter.c       its life: data, joining, letters, time, who leads
 *     voterfound.c  how the ledger begins
 *     voterlead.c   what it does while it leads: puts, the barrier, the membership
 *     voterview.c   all voters as this one sees them
 */
#ifndef FT_CENTRALD_VOTER_IMPL_H
#define FT_CENTRALD_VOTER_IMPL_H

#include <raft.h>

#include "centrald/voter.h"
#include "core/steward.h"

#define FT_VOTER_GREET_MS 500
#define FT_VOTER_REACHED_MS 1000   /* heard within: is there */
#define FT_VOTER_STEWARD_MS 200
#define FT_VOTER_QUEUE_BYTES (16u << 20)
#define FT_VOTER_FOUNDED_KEY "meta/founded"

/* Another voter, as it showed itself. */
struct ft_voter_peer {
    char name[FT_STORE_NAME_MAX];
    struct ft_greeting greeting; /* id 0: it has not greeted yet */
    uint64_t heard_ms;           /* 0: never */
    bool told_foreign;
};

/* Puts that became one command of the log. */
struct ft_voter_batch {
    struct ft_voter_batch *next;
    struct ft_ledger_command command; /* until it is given to libraft */
    uint64_t mark;                    /* of the last of its puts */
    bool submitted;
    struct raft_apply apply;
};

struct ft_voter {
    struct ft_voter_config config;
    struct ft_voter_env env;
    struct ft_disk *disk;
    struct ft_store *store;    /* the io's once there is one */
    struct ft_voterio *io;     /* NULL until it takes part */
    struct raft raft;
    struct raft_fsm fsm;
    struct ft_ledger *ledger;
    struct ft_voter_peer peers[FT_STEWARD_VOTERS_MAX];
    size_t peers_n;

    /* founding */
    uint64_t asked_ms, greeted_ms;

    /* leading */
    bool leader;               /* of the log */
    uint64_t term;             /* of that */
    struct raft_barrier barrier;
    bool barrier_sent, ready;  /* the barrier is applied */
    bool announced;            /* lead() was called */
    bool stalled;              /* too much waits for room; says that it does not lead */
    struct ft_voter_batch *first, *last; /* oldest first */
    size_t queued_bytes;
    uint64_t marks, safe_mark, told_safe; /* given, safe, told */
    uint64_t lost_from, lost_to;          /* the puts that were lost with the last lead */
    struct raft_change change;
    struct raft_transfer transfer;
    bool transferring, handing_back;
    char transfer_to[FT_STORE_NAME_MAX];
    struct ft_steward steward;
    uint64_t steward_ms;
    bool told_to_go;
    char told_whom[FT_STORE_NAME_MAX];
    uint64_t told_until_ms;

    /* told */
    enum { FT_TOLD_NOTHING, FT_TOLD_LEAD, FT_TOLD_FOLLOW } told;
    char leader_told[FT_STORE_NAME_MAX]; /* with FOLLOW */
    struct ft_voterio_work work, *io_work; /* the driver's, and the io's that it stands for */
    uint64_t timeout_now_ms;   /* when the leader handed over to us; 0 never */
    char handed_by[FT_STORE_NAME_MAX];
    bool dead, dead_told, closing, telling;
    char why_dead[256];
    void (*closed)(void *arg);
    void *closed_arg;
};

/* voter.c */
void ft_voter_die(struct ft_voter *voter, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void ft_voter_say(struct ft_voter *voter, const char *event, const char *node, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));
struct ft_voter_peer *ft_voter_peer(struct ft_voter *voter, const char *name, bool make);
bool ft_voter_peer_is_reached(const struct ft_voter *voter, const struct ft_voter_peer *peer);
const struct ft_voter_planned *ft_voter_planned(const struct ft_voter *voter, const char *name);
void ft_voter_tell_leader(struct ft_voter *voter); /* unless it leads, or that was told */
void ft_voter_after(struct ft_voter *voter); /* tells what there is to tell; ends each entry */
bool ft_voter_is_alone(const struct ft_voter *voter); /* by its plan */
void ft_voter_greet(struct ft_voter *voter, const char *to, enum ft_letter_kind kind);
/* Reads what there is, and goes by it from now on. Each: 0, or -1 with why. */
int ft_voter_open_store(struct ft_voter *voter, char *why, size_t size);
int ft_voter_take_part(struct ft_voter *voter, char *why, size_t size);

/* voterfound.c */
void ft_voterfound_try(struct ft_voter *voter); /* each beat, while it holds nothing */
void ft_voterfound_asked(struct ft_voter *voter, const struct ft_greeting *question);

/* voterlead.c */
void ft_voterlead_begin(struct ft_voter *voter);
void ft_voterlead_end(struct ft_voter *voter);
void ft_voterlead_step(struct ft_voter *voter); /* after anything that libraft may have done */
void ft_voterlead_tick(struct ft_voter *voter);

/* voterview.c: room for FT_STEWARD_VOTERS_MAX; how many, and which of them is this one. */
size_t ft_voter_view(struct ft_voter *voter, struct ft_steward_voter *voters, size_t *self);

#endif
