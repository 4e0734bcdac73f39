/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * talk.h - what a node's unit and the keepers of its modules say to each other.
 *
 * All of it is text, so that a unit understands the keepers that an older version of it started:
 * lines "KEY VALUE" that a reader skips if it does not know them. One packet of a SOCK_SEQPACKET
 * socket is one message. The keeper's state is also what it writes into the file `status`.
 *
 *     unit -> keeper   at its start, by a file on descriptor 0: struct ft_keep_wish
 *                      then packets: "lease NS", "kill FOR AT_ONCE", "limits WATCHDOG DEADLINE"
 *     keeper -> unit   struct ft_keep_state, whole, when a unit connects and on each change
 */
#ifndef FT_KEEPER_TALK_H
#define FT_KEEPER_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FT_KEEP_PACKET_MAX 8192
#define FT_KEEP_WISH_MAX (1 << 20)
#define FT_KEEP_TEXT_MAX 256
#define FT_KEEP_TAIL_MAX 2048

/* In a module's folder. */
#define FT_KEEP_SOCKET "keeper.sock"
#define FT_KEEP_NOTIFY "notify.sock"
#define FT_KEEP_STATUS "status"
#define FT_KEEP_LOCK "lock"

/* What the keeper is to run, and how. All borrowed; read by ft_keep_wish_read, all of one block. */
struct ft_keep_wish {
    const char *name, *node;
    const char *folder;     /* the module's own; exists */
    const char *log;        /* file for its output; "": none */
    const char *user;       /* "": the keeper's own */
    const char *dir;        /* "": / */
    const char *group;      /* folder of a memory control group to make one below; "": look */
    uint64_t epoch, run;
    int64_t lease_ns;       /* CLOCK_BOOTTIME: it ends then; 0: not leased */
    unsigned lease_grace_ms; /* asked to end so long before */
    unsigned watchdog_ms, deadline_ms, stop_timeout_ms;
    uint64_t memory_max_bytes;
    bool notifies;
    const char **argv, **environment; /* end in NULL */
    void *block;            /* what ft_keep_wish_read made; NULL in a writer's */
};

/* Writes it into a new, anonymous file and rewinds that. Returns its descriptor, or -1 with errno
 * (E2BIG beyond FT_KEEP_WISH_MAX). */
int ft_keep_wish_write(const struct ft_keep_wish *wish);
/* Reads it from the descriptor. 0, or -1 with errno; to be let go of by _forget. */
int ft_keep_wish_read(struct ft_keep_wish *wish, int fd);
void ft_keep_wish_forget(struct ft_keep_wish *wish);

enum ft_keep_end {
    FT_KEEP_ALIVE,
    FT_KEEP_NO_EXEC, /* code: errno; text says what failed */
    FT_KEEP_EXIT,    /* code: exit code */
    FT_KEEP_SIGNAL,  /* code: signal */
    FT_KEEP_MEMORY,  /* killed for want of memory; code: signal or exit code */
    FT_KEEP_LEASE,   /* ended by the keeper: the lease was over */
    FT_KEEP_PERSON,  /* ended by the keeper, which was told to by SIGTERM or --stop-modules */
    FT_KEEP_ENDS
};

enum ft_keep_unwell { FT_KEEP_WELL, FT_KEEP_HANG, FT_KEEP_LATE };

struct ft_keep_state {
    uint64_t epoch, run;
    int64_t keeper, pid;     /* pid 0: not executed */
    uint64_t start_ticks;    /* of pid, as /proc/PID/stat has it */
    unsigned uid, gid;       /* of the module */
    int64_t lease_ns;        /* as far as the keeper knows; 0: not leased */
    bool ready, reloading, stopping;
    enum ft_keep_unwell unwell;
    uint64_t extend_n, extend_ms; /* how often it asked for more time, and how much the last time */
    unsigned killed_for;     /* enum ft_module_end; 0: no kill is under way */
    uint64_t beats_n;        /* of its deadline */
    double beat_ms, jitter_ms, late_ms; /* mean distance, its standard deviation, the longest */
    enum ft_keep_end end;
    int code;
    bool hopeless;           /* of FT_KEEP_NO_EXEC: trying again mends nothing */
    char status[FT_KEEP_TEXT_MAX]; /* its own STATUS= */
    char text[FT_KEEP_TEXT_MAX];   /* what is to be said about the end */
    char tail[FT_KEEP_TAIL_MAX];   /* of its output; only once it ended */
};

/* Returns the length, always less than size, which is FT_KEEP_PACKET_MAX at least. */
size_t ft_keep_state_write(const struct ft_keep_state *state, char *text, size_t size);
/* False if that is no state. */
bool ft_keep_state_read(struct ft_keep_state *state, const char *text, size_t n);

#endif
