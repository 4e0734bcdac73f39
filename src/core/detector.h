/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * detector.h - which nodes are alive: heartbeats are counted here, silence is judged, a loss is
 * declared, and leases are kept account of.
 *
 * Pure, as all of core: time and the network come in and go out through a table of its own. The
 * central unit that leads has one (centrald/watch.h drives it), the simulation has thousands.
 *
 *     ft_detector_join      a unit said Hello over a connection: its node is a member
 *     ft_detector_beat      a heartbeat of it came; from the first one on the node is watched
 *     ...silent beyond beat_ms + suspect_ms: suspected. env.ping, again and again, and
 *        env.ask_other at a few well nodes, near and far, for confirm_ms at the most:
 *            it answers                   -> well
 *            others hear it               -> FT_WATCH_BROKEN: the way between it and us is cut
 *            its host says that nobody listens -> FT_WATCH_UNIT_GONE: only its unit is gone
 *            many are silent with it      -> FT_WATCH_HELD: the network; nothing is declared
 *            nobody hears it              -> env.keep, env.declare: lost, incarnation + 1
 */
#ifndef FT_CORE_DETECTOR_H
#define FT_CORE_DETECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/env.h"
#include "core/plan.h"

#define FT_DETECTOR_NONE UINT32_MAX /* no such node */

struct ft_detector;

/* What the detector knows of a node. */
enum ft_watch_state {
    FT_WATCH_UNHEARD,   /* a member that has not sent a heartbeat (under this central unit) */
    FT_WATCH_WELL,
    FT_WATCH_SUSPECTED, /* silent; being asked */
    FT_WATCH_HELD,      /* silent with many others: a network event */
    FT_WATCH_BROKEN,    /* others hear it, we do not */
    FT_WATCH_UNIT_GONE, /* its host answers, its unit does not */
    FT_WATCH_LOST,      /* declared; until its unit joins again */
    FT_WATCH_LEFT,      /* its unit ended in order */
    FT_WATCH_STATES
};
const char *ft_watch_state_text(enum ft_watch_state state); /* "well", "suspected", ... */

/* What another node answered to env.ask_other. */
enum ft_sight { FT_SIGHT_HEARD, FT_SIGHT_REFUSED, FT_SIGHT_NOTHING };

struct ft_detector_config {
    struct ft_plan_detect detect;
    unsigned lease_ms;
    unsigned margin_ms;     /* beyond a lease, for clocks that run unevenly; 0: lease_ms / 20 */
    unsigned takeover_ms;   /* so much longer may an earlier leader have granted leases that this
                             * one knows nothing of; 0 if there is none (per-job) */
    unsigned network_ms;    /* a network event holds verdicts back for so long at the most; 0: 3000 */
    unsigned broken_ms;     /* heard by others only, for so long: declared all the same; 0: 10000 */
    unsigned unit_gone_ms;  /* without a unit for so long: declared; 0: never (per-job: the
                             * launcher's daemon tells of its node) */
    bool alone_waits;       /* while not one node is heard nothing is declared, however long it
                             * lasts: it is this node that is cut off */
    const char *self;       /* this node's name: it is no witness to what happens between nodes; NULL */
};
/* As the plan has it, with all else zero. */
void ft_detector_config(struct ft_detector_config *config, const struct ft_plan *plan);

/* Nodes are named by number: a small one, the detector's own, for its life. Functions must not call
 * back into the detector. */
struct ft_detector_env {
    void *arg;
    int64_t (*now_ns)(void *arg); /* never goes back; what runs on while the process is stopped */
    void (*log)(void *arg, const struct ft_event *event);
    void (*ping)(void *arg, uint32_t node);
    void (*ask_other)(void *arg, uint32_t observer, uint32_t node, unsigned within_ms);
    /* A record of the ledger; NULL: nothing is kept. Comes before what follows from it. */
    void (*keep)(void *arg, const char *key, const void *data, size_t n);
    /* It is lost. The incarnation is the one that it will have when it comes back. */
    void (*declare)(void *arg, uint32_t node, uint64_t incarnation, const char *text);
    /* May leases be granted now? False for a leader that has not heard of a majority of the voters
     * lately. NULL: always. */
    bool (*leads)(void *arg);
};

/* Both are copied. NULL with errno ENOMEM, or EINVAL (a config out of range). */
struct ft_detector *ft_detector_create(const struct ft_detector_env *env,
                                       const struct ft_detector_config *config);
void ft_detector_destroy(struct ft_detector *detector); /* takes NULL */

/* Another plan. -1 with errno EINVAL and nothing changed. */
int ft_detector_set_config(struct ft_detector *detector, const struct ft_detector_config *config);

/* A record of the ledger, at a take-over: key is without "node/". -1 with errno ENOMEM or EINVAL. A
 * member that does not report to the new leader is declared when every lease that it may have had
 * is over. */
int ft_detector_restore(struct ft_detector *detector, const char *name, const void *data,
                        size_t n);

/* ---- nodes */

uint32_t ft_detector_find(const struct ft_detector *detector, const char *name);
const char *ft_detector_name(const struct ft_detector *detector, uint32_t node);
size_t ft_detector_count(const struct ft_detector *detector); /* numbers are 0 .. count - 1 */

/* Where it is ("row1/rack2"; "": not known). -1 with errno ENOMEM. */
int ft_detector_place(struct ft_detector *detector, const char *name, const char *place);

/* Its unit has connected. run: names this run of the unit (Hello.start), by which later datagrams
 * are known to be its own. A node that was declared is a member again. Returns its number, its
 * incarnation through the pointer; FT_DETECTOR_NONE with errno. */
uint32_t ft_detector_join(struct ft_detector *detector, const char *name, uint64_t run,
                          uint64_t *incarnation);
/* The connection of its unit is gone. in_order: it said that it ends, and is watched no more. */
void ft_detector_parted(struct ft_detector *detector, uint32_t node, bool in_order);

/* ---- what is heard. What is not new, or of another run or incarnation, changes nothing. */

struct ft_detector_beat {
    uint64_t run, sequence, incarnation;
    bool renew;   /* it asks for its lease to be renewed */
    bool leaving; /* its unit ends in order */
};
/* True: to be acknowledged, now, which grants a lease from when it was sent. */
bool ft_detector_beat(struct ft_detector *detector, uint32_t node,
                      const struct ft_detector_beat *beat);
/* Any other sign of its unit's life, proven to be of now: the answer to a ping, a message. */
void ft_detector_heard(struct ft_detector *detector, uint32_t node);
/* Its host says that nobody listens there. */
void ft_detector_refused(struct ft_detector *detector, uint32_t node);
/* An observer answered. */
void ft_detector_saw(struct ft_detector *detector, uint32_t observer, uint32_t node,
                     enum ft_sight sight);

/* ---- time. All that waits to be read from the network should be read before a tick. */

int64_t ft_detector_next_deadline_ns(const struct ft_detector *detector); /* INT64_MAX: none */
/* Before what waited is read: notices that this process did not run for a while. */
void ft_detector_wake(struct ft_detector *detector);
void ft_detector_tick(struct ft_detector *detector);

/* ---- looking in */

/* From when on nothing runs there under a lease for sure; INT64_MAX while it is being renewed. */
int64_t ft_detector_lease_free_ns(const struct ft_detector *detector, uint32_t node);

struct ft_watch_status {
    const char *name, *place;
    enum ft_watch_state state;
    uint64_t incarnation;
    int64_t silent_ms;      /* since it was last heard; -1: never */
    int64_t lease_free_ns;
};
void ft_detector_status(const struct ft_detector *detector, uint32_t node,
                        struct ft_watch_status *status);
size_t ft_detector_states(const struct ft_detector *detector, enum ft_watch_state state);

#endif
