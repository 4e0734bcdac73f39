/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * redeploy.h - what the leader does about another voter that it does not hear although that node's
 * unit is there: the paper's algorithm 4, step 2 ("Database Lose: the software is destroyed").
 *
 * Pure. The leader tells several times a second whom it hears (ft_redeploy_tick), and what came of
 * what it was told to do; it gets at most one thing to do, and at most one to tell.
 *
 *     not heard for after_ms, unit connected   LOOK: the unit says what is the matter
 *       the program runs, or is not meant to   it is left alone; looked at again now and then
 *       program missing or damaged             SEND the leader's own, then START
 *         ... of another version or machine    refused, with the reason
 *       else (it is merely dead)               START
 *     heard again                              nothing more; well for a while: all is forgotten
 *
 * One voter at a time. What does not come off is tried again after growing delays, ATTEMPTS_MAX
 * times; then it is given up until the voter is heard, its unit connects anew, or ft.conf changes.
 */
#ifndef FT_CORE_REDEPLOY_H
#define FT_CORE_REDEPLOY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FT_REDEPLOY_ATTEMPTS_MAX 5
#define FT_REDEPLOY_PROGRAM_MAX_BYTES (64u << 20)
#define FT_REDEPLOY_PIECE_MAX_BYTES (256u << 10)
/* What a program's file bears, so that its version is known without running it: this, and then the
 * version, up to a NUL. */
#define FT_REDEPLOY_MARK "@(#)ft-centrald version "

/* A central unit that ended in order leaves this file, and removes it when it begins: it is not to
 * be started again by anybody but who ended it. */
#define FT_REDEPLOY_ENDED "/run/ft/central.ended"

/* Repair.step of the protocol. */
enum ft_repair_step {
    FT_REPAIR_LOOK = 1,
    FT_REPAIR_PIECE, /* bytes of the program, to a file beside it */
    FT_REPAIR_PUT,   /* all have come: check, and put it in place */
    FT_REPAIR_START
};

/* A voter of the plan, not the leader itself. */
struct ft_redeploy_voter {
    const char *name;
    bool heard;       /* within an election's time or so */
    bool unit;        /* its node's unit is connected */
    uint64_t unit_run; /* another number each time that it connects */
};

/* What a unit says of its node's central unit; texts "" where there is nothing to say. */
struct ft_redeploy_found {
    const char *problem;  /* it does not look, or could not: why */
    const char *version;  /* the unit's own: what is installed there */
    const char *machine;
    bool there;
    const char *checksum;
    const char *says;     /* the version that the program bears */
    bool data;
    int64_t pid;          /* 0: it does not run */
    const char *unwanted; /* why it is not meant to run */
};

/* The leader's own program. checksum "": it cannot be read. */
struct ft_redeploy_own {
    const char *version, *machine, *checksum;
};

enum ft_redeploy_what { FT_REDEPLOY_NOTHING, FT_REDEPLOY_LOOK, FT_REDEPLOY_SEND, FT_REDEPLOY_START };

struct ft_redeploy_act {
    enum ft_redeploy_what what;
    char node[256];
    const char *event; /* for the event log; NULL: text, if there is one, is for the daemon's own */
    char text[640];
};

struct ft_redeploy;

/* NULL: out of memory. */
struct ft_redeploy *ft_redeploy_create(void);
void ft_redeploy_destroy(struct ft_redeploy *redeploy); /* takes NULL */

/* The settings; whatever was given up is tried again. */
void ft_redeploy_configure(struct ft_redeploy *redeploy, bool on, unsigned after_ms);

/* Each call fills in `act`. What is told about a node that nothing was wanted of is ignored. */
void ft_redeploy_tick(struct ft_redeploy *redeploy, int64_t now_ms,
                      const struct ft_redeploy_voter *voters, size_t n,
                      struct ft_redeploy_act *act);
void ft_redeploy_looked(struct ft_redeploy *redeploy, int64_t now_ms, const char *node,
                        const struct ft_redeploy_found *found, const struct ft_redeploy_own *own,
                        struct ft_redeploy_act *act);
/* Another piece has arrived there. */
void ft_redeploy_progress(struct ft_redeploy *redeploy, int64_t now_ms, const char *node);
/* The whole program is in place; or (problem not "") is not. */
void ft_redeploy_sent(struct ft_redeploy *redeploy, int64_t now_ms, const char *node,
                      const char *problem, struct ft_redeploy_act *act);
void ft_redeploy_started(struct ft_redeploy *redeploy, int64_t now_ms, const char *node,
                         const char *problem, struct ft_redeploy_act *act);

/* Which node something was wanted of that is not answered yet; "" if none. */
const char *ft_redeploy_busy(const struct ft_redeploy *redeploy);

#endif
