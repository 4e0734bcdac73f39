/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * env.h - everything that core does to the world outside, as one table of functions.
 *
 * Core decides and nothing else: it has no socket, clock, file or thread. Whoever drives it (the
 * central unit's server, a unit test, the simulation) hands it this table and calls the functions
 * of central.h with what happened. Rules:
 *   - No function of the table may call back into core; an answer that is there at once is handed
 * in
 *     after the call that asked for it has returned.
 *   - Things are named by opaque numbers: `token` is the driver's own for a request, `probe` and
 *     `acquire` are core's. An answer to a number that core no longer waits for is ignored.
 *   - Strings and structs are borrowed for the call.
 */
#ifndef FT_CORE_ENV_H
#define FT_CORE_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/facts.h"
#include "ft.h"
#include "ft_runtime.h"

#define FT_EVENT_FIELDS_MAX 8

/* One entry of the event log. doc/events.md lists them all. */
struct ft_event {
    uint64_t seq;          /* its number, from 1; filled by core */
    uint64_t session;      /* of whose core it is (ft_central_config); filled by core */
    const char *name;      /* "node_lost", "decision_made", ... */
    const char *job;       /* NULL if it concerns none */
    const char *node;      /* NULL if it concerns none */
    int rank;              /* -1 if it concerns none */
    uint64_t decision;     /* 0 if it concerns none */
    struct {
        const char *key;   /* NULL ends */
        const char *text;  /* a text, or NULL: the number */
        double number;
    } fields[FT_EVENT_FIELDS_MAX];
    const char *text;      /* a sentence for people: what, to whom, why */
    bool is_private;       /* of a user's job, in a system: for him and the administrators */
    uint32_t owner;        /* that user */
};

/* Who asks: told by the unit that the asker is connected to. */
struct ft_asker {
    const char *node;
    const char *job;
    int rank;      /* -1: no rank */
    int64_t pid;
    uint32_t uid;
    bool launcher; /* may report what the launcher knows */
    uint32_t slurm_job; /* launcher: Slurm's number of the job that it says it is in; 0: none */
    const char *spares; /* launcher: nodes of that job that it keeps idle; NULL: none */
    /* Which request of which run of the asker's unit this is: what was asked before and is asked
     * again, because its answer may have been lost, has the same two. 0: not told. */
    uint64_t run;
    uint64_t request;
};

/* What a node unit measured. */
struct ft_measured {
    struct ft_facts facts;
    bool facts_known;
    uint64_t memory_free_bytes;
    uint64_t scratch_free_bytes;
    double load;
    bool check_ran;
    int check_code;
    char check_text[256];
    char error[256];      /* "" or why it could not be measured */
    double took_ms;
};

/* What is asked of a resource manager: one more node. */
struct ft_wanted {
    uint64_t session;            /* of whose core it is (ft_central_config) */
    const char *job;             /* for this job; "" if not known */
    const struct ft_facts *like; /* NULL: any */
    const char *const *excluded; /* not these; n of them */
    size_t excluded_n;
    const char *ladder;          /* by these ways, as rms_ladder; NULL: as ft.conf says */
    unsigned wait_ms;            /* in a queue, at the most; 0: only what is free now */
    unsigned timeout_ms;         /* an answer is of use within; 0: as the backend likes */
};

/* A node that goes back to the resource manager. */
struct ft_returned {
    uint64_t session; /* of whose core it was */
    const char *node;
    bool broken;      /* it is lost: not to be offered again */
};

/* What speaks against a node. That it does not fit what is wanted is none. */
enum ft_suspicion {
    FT_SUSPECT_SILENT = 1, /* declared lost, by the heartbeats */
    FT_SUSPECT_LOST,       /* the launcher lost its daemon there, and its unit is not connected */
    FT_SUSPECT_UNIT,       /* no unit could be started there */
    FT_SUSPECT_PROBE,      /* it could not be measured */
    FT_SUSPECT_CHECK,      /* the site's check failed */
    FT_SUSPECT_FAILING,    /* a forecast says that it is going down */
    FT_SUSPECT_START       /* starting a process failed there, says who was to start it */
};

/* A node that proved bad. */
struct ft_suspect {
    uint64_t session; /* of whose core it is */
    const char *node;
    enum ft_suspicion cause;
    const char *why;
};

/* Nothing could be done on a lost node's part for so long. */
struct ft_lost_time {
    uint64_t session;
    const char *node;
    int64_t ms;
};

/* What is numbered. */
enum ft_number { FT_NUMBER_EVENT, FT_NUMBER_DECISION, FT_NUMBER_PROBE, FT_NUMBER_ACQUIRE };
#define FT_NUMBERS (FT_NUMBER_ACQUIRE + 1)

struct ft_env {
    void *arg; /* handed to every function */

    /* A clock that never goes back. */
    int64_t (*now_ns)(void *arg);

    /* Writes an entry of the event log. Its failing is the log's own matter. */
    void (*log)(void *arg, const struct ft_event *event);

    /* Answers a request: once for each token. */
    void (*reply)(void *arg, uint64_t token, const ftReply_t *reply);

    /* Has a node measured; ends in ft_central_probe_result. Core has its own deadline. Returns 0,
     * or -1 if it cannot be asked (its unit is gone): `why` (size bytes) says so. */
    int (*probe)(void *arg, uint64_t probe, const char *node, unsigned timeout_ms, char *why,
                 size_t size);

    /* Wants a unit running on a node that has none; ends in ft_central_unit_up or _unit_failed. */
    void (*want_unit)(void *arg, const char *node);

    /* Asks the resource manager for one more node; ends in ft_central_offer or _no_offer. */
    void (*acquire)(void *arg, uint64_t acquire, const struct ft_wanted *wanted);

    /* Nobody waits for that any more; a node that comes all the same is to be given back. */
    void (*abandon)(void *arg, uint64_t acquire);

    /* Gives a node back. */
    void (*release)(void *arg, const struct ft_returned *returned);

    /* A node proved bad: whoever runs it is to be told, once for each cause. Comes ahead of its
     * release, if it is given back for that. May be NULL. */
    void (*suspect)(void *arg, const struct ft_suspect *suspect);

    /* Has a process of a job ended by its node's unit: a spare rank that was given a rank, and has not
     * begun. Its end is heard from the launcher, as any process's. Returns 0, or -1 if it cannot be
     * asked: `why` (size bytes) says so. May be NULL: nobody is. */
    int (*end_rank)(void *arg, const char *node, const char *job, int rank, char *why, size_t size);

    /* A stand-in is in use: the job may be given back the time since the loss, as far as that was
     * not told for another loss at the same time. May be NULL. */
    void (*time_lost)(void *arg, const struct ft_lost_time *lost);

    /* What a node should be, by the configuration management: false if it is not known. */
    bool (*configured)(void *arg, const char *node, struct ft_facts *facts);

    /* Says in words how the hardware found differs from what is wanted. False if it cannot tell.
     * May be NULL. */
    bool (*explain)(void *arg, const struct ft_facts *found, const struct ft_facts *wanted,
                    char *text, size_t size);

    /* The next number of a kind, greater than those before. May be NULL: core counts from 1. For
     * whoever drives several cores that write one log, or goes on where another one ended. */
    uint64_t (*number)(void *arg, enum ft_number what);

    /* Keeps what a successor needs to go on (see ft_central_restore), under a key, in the place of
     * what was kept there. data NULL: forget the key; all that begin with it, if it ends in '/'.
     * What core says after a keep (reply, acquire, release, ...) must not get out before that keep
     * is safe; the driver sees to it. May be NULL: nothing is kept. */
    void (*keep)(void *arg, const char *key, const void *data, size_t n);
};

#endif
