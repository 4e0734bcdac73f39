/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * supervisor.h - the life of one module on one node: started, watched, started again, given up.
 *
 * Algorithm 2 and figure 1 of the paper. Pure: what it does to the world goes through
 * ft_supervisor_env, what happened comes in through the functions below. Its owner keeps one timer
 * (ft_supervisor_due_ns, ft_supervisor_tick). No function of the env may call back.
 */
#ifndef FT_CORE_SUPERVISOR_H
#define FT_CORE_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/plan.h"

#define FT_SUPERVISOR_TEXT_MAX 256
#define FT_SUPERVISOR_NEVER INT64_MAX

struct ft_supervisor;

/* How a module is to be treated: the part of its settings that is decided upon. */
struct ft_supervisor_policy {
    enum ft_restart restart;
    unsigned burst, window_ms; /* burst 0: any number */
    unsigned delays_ms[FT_MODULE_DELAYS_MAX], delays_n;
    unsigned start_timeout_ms, stop_timeout_ms; /* 0: the defaults */
    bool notifies; /* says itself that it is ready */
    bool leased;   /* runs only while the node holds its lease */
};

/* What is told of it: all of ModuleState that is decided here. */
struct ft_supervisor_report {
    enum ft_module_state state;
    enum ft_module_end end; /* the last one */
    int code;               /* exit code or signal of it */
    unsigned restarts;      /* since it was ordered to start */
    bool given_up;          /* this node cannot hold it: somebody else has to */
    double restart_ms;      /* from its last end until it ran again, the delay included */
    const char *text;       /* a sentence for people; borrowed for the call */
};

/* An end, as it was seen. */
struct ft_supervisor_end {
    enum ft_module_end end; /* WELL, CRASH, CODE, NO_START, MEMORY, CHECKSUM, LEASE or TOLD */
    int code;               /* exit code, signal or errno */
    bool hopeless;          /* trying again here mends nothing: no such program, no such user */
    const char *text;       /* "" or what is known beyond that */
};

struct ft_supervisor_env {
    void *arg;
    int64_t (*now_ns)(void *arg);  /* never goes back */
    uint64_t (*random)(void *arg); /* for the jitter */

    /* Starts it: ends in _executed, or in _ended. */
    void (*execute)(void *arg);

    /* Ends it, and all that it started: asked to (TERM), or at once (KILL). Ends in _ended. `why`
     * is the end that it will be booked as. */
    void (*kill)(void *arg, bool at_once, enum ft_module_end why);

    /* Something changed that the central unit, and people, want to know. */
    void (*report)(void *arg, const struct ft_supervisor_report *report);
};

/* Stopped at first. env and policy are copied. NULL with errno ENOMEM. */
struct ft_supervisor *ft_supervisor_create(const struct ft_supervisor_env *env,
                                           const struct ft_supervisor_policy *policy);
void ft_supervisor_destroy(struct ft_supervisor *supervisor); /* takes NULL; kills nothing */

/* ---- orders */
void ft_supervisor_start(struct ft_supervisor *supervisor); /* nothing, if it runs or will */
void ft_supervisor_stop(struct ft_supervisor *supervisor, const char *why);
void ft_supervisor_restart(struct ft_supervisor *supervisor, const char *why);
/* New settings: what runs goes on to run. */
void ft_supervisor_update(struct ft_supervisor *supervisor,
                          const struct ft_supervisor_policy *policy);

/* ---- what happened to its process */
void ft_supervisor_executed(struct ft_supervisor *supervisor);
void ft_supervisor_ready(struct ft_supervisor *supervisor);
/* It asks for more time to start or to stop, from now. */
void ft_supervisor_extend(struct ft_supervisor *supervisor, uint64_t more_ms);
/* It lives, and does not do well: HANG, DEADLINE or CHECK. */
void ft_supervisor_unwell(struct ft_supervisor *supervisor, enum ft_module_end what,
                          const char *text);
void ft_supervisor_ended(struct ft_supervisor *supervisor, const struct ft_supervisor_end *end);

/* Found running, with the state that it was left in, by a unit that was started anew. Only right
 * after _create. killed_for: a kill is under way, see env.kill; FT_END_NONE if not. */
void ft_supervisor_adopt(struct ft_supervisor *supervisor, bool ready,
                         enum ft_module_end killed_for, unsigned restarts);

/* ---- the node */
void ft_supervisor_lease(struct ft_supervisor *supervisor, bool held);
/* Whether a central unit can be told. Without one, what was given up is tried again, slowly. */
void ft_supervisor_central(struct ft_supervisor *supervisor, bool reachable);

/* ---- time */
int64_t ft_supervisor_due_ns(const struct ft_supervisor *supervisor); /* _NEVER: no need */
void ft_supervisor_tick(struct ft_supervisor *supervisor);

/* text is the supervisor's; valid until the next call that may change it. */
void ft_supervisor_look(const struct ft_supervisor *supervisor,
                        struct ft_supervisor_report *report);
enum ft_module_state ft_supervisor_state(const struct ft_supervisor *supervisor);

#endif
