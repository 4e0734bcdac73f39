/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * central.h - the central unit's mind: what happened goes in here, what is to be done comes out
 * through the table of env.h.
 *
 * Every function is called from one thread and returns at once. Requests are answered by
 * env.reply, sometimes within the call, and by their deadline at the latest, provided that
 * ft_central_tick is called when ft_central_next_deadline_ns says. `token` names a request: the
 * driver's choice, unique among those not answered; 0: nobody waits for an answer.
 */
#ifndef FT_CORE_CENTRAL_H
#define FT_CORE_CENTRAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/policy.h"
#include "core/env.h"

#define FT_WAITERS_MAX 16384   /* requests that wait; one more is answered FT_ERR_BUSY */
#define FT_DECISIONS_MAX 8192  /* decisions under way or in use; the same */
#define FT_PROBES_LIMIT 64     /* largest probes_max */

struct ft_central_config {
    bool share;                /* a surviving node that is in use may be given */
    bool run_check;            /* candidates run the site's check */
    unsigned settle_ms;        /* wait this long for the news that a resource is lost */
    unsigned probe_timeout_ms; /* a candidate has to be measured within */
    unsigned probe_fresh_ms;   /* a measurement this young need not be repeated */
    unsigned probes_max;       /* candidates that are probed for one decision */
    unsigned scratch_min_mb;   /* so much has to be free where a candidate keeps its scratch files */
    unsigned unit_timeout_ms;  /* a unit has to come up on a candidate within */
    unsigned rms_timeout_ms;   /* the resource manager has to answer within */
    enum ft_when_none when_none[FT_WHEN_NONE_MAX]; /* what is done when it has no node; 0 ends */
    unsigned start_timeout_ms; /* a stand-in has to announce itself within */
    unsigned unfit_ms;         /* a node where starting failed is left alone for */
    unsigned spare_check_ms;   /* so often the nodes of waiting spare ranks are probed */
    unsigned spare_begin_ms;   /* a spare that was given a rank has to be heard of within */
    char kept_under[32];       /* what keys that are kept begin with; "": of the base, which also
                                * keeps what nodes are, and writes of units to the log */
    uint64_t session;          /* its number, 0: of the base; told where nodes are wanted */
    uint64_t term;             /* of the central unit's leadership; 0 if there is but one */
};
extern const struct ft_central_config ft_central_defaults;

struct ft_central;

/* Both tables are copied. NULL: out of memory, or a config out of range (errno ENOMEM, EINVAL). */
struct ft_central *ft_central_create(const struct ft_env *env,
                                     const struct ft_central_config *config);

/* Frees everything; requests that still wait are not answered. */
void ft_central_destroy(struct ft_central *central);

/* Other settings from now on. Returns 0, or -1 with errno EINVAL: out of range, nothing changed. */
int ft_central_reconfigure(struct ft_central *central, const struct ft_central_config *config);

/* Goes on where another one ended. To be called for everything that was kept (env.keep), in the
 * order of its first keeping, before anything else happens; then _restored, once. Neither replies,
 * logs nor keeps anything. _restore returns 0; -1 with errno ENOMEM, or EBADMSG: what was kept
 * under this key cannot be understood (nothing changed then: the rest may be restored all the
 * same). Unknown keys are ignored. */
int ft_central_restore(struct ft_central *central, const char *key, const void *data, size_t n);
void ft_central_restored(struct ft_central *central);

/* Whether a decision of this number is under way or in use here. */
bool ft_central_has_decision(const struct ft_central *central, uint64_t id);

/* ---- requests of applications and of the layers above them (ft.h, ft_runtime.h) */

void ft_central_report_error(struct ft_central *central, uint64_t token,
                             const struct ft_asker *asker, const ftResource_t *resource,
                             ftUsage_t usage, uint32_t count);
void ft_central_find_alternative(struct ft_central *central, uint64_t token,
                                 const struct ft_asker *asker, const ftResource_t *resource,
                                 const ftConstraint_t *constraint, ftTimeout_t timeout_ms);
void ft_central_claim(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                      uint64_t decision, ftTimeout_t timeout_ms);
void ft_central_announce(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                         uint64_t decision, const char *port);
void ft_central_start_failed(struct ft_central *central, uint64_t token,
                             const struct ft_asker *asker, uint64_t decision, const char *why);
void ft_central_next_peer(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                          uint64_t decision, ftTimeout_t timeout_ms);

/* Warm spare ranks, see spare_ranks.c. world_n: ranks of the asker's world. */
void ft_central_spare_here(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                           int world_n, ftTimeout_t timeout_ms);
void ft_central_rank_done(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                          int world_n);
void ft_central_place_of(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                         const ftResource_t *resource);

/* Nobody waits for this request any more: it is not answered. A claim that was told to start counts
 * as a starter that is gone. Unknown tokens are ignored. */
void ft_central_cancel(struct ft_central *central, uint64_t token);

/* The answer to this request may have been lost with the connection that it went to. A claim that
 * was told to start is told so again when it comes again; for others nothing is to be done. */
void ft_central_unsure(struct ft_central *central, uint64_t token);

/* ---- reports of the launcher; from another asker they are answered FT_ERR_DENIED */

void ft_central_job_started(struct ft_central *central, uint64_t token,
                            const struct ft_asker *asker, const char *job, const char *parent,
                            const ftProcessInfo_t *processes, size_t n);
void ft_central_process_ended(struct ft_central *central, uint64_t token,
                              const struct ft_asker *asker, const char *job, int rank, ftEnd_t how,
                              int code);
/* The same, as the unit of its node says: the kernel there has begun to end process `pid`, with a
 * signal. The launcher, which hears of it when that is done, says so later. It is believed where
 * the time in between counts: a spare rank waits to take the process's place. Else nothing is done,
 * as what is to be started anew needs what the launcher has still to clear away. */
void ft_central_unit_process_ended(struct ft_central *central, const char *node, const char *job,
                                   int rank, int64_t pid, int signal);
void ft_central_node_changed(struct ft_central *central, uint64_t token,
                             const struct ft_asker *asker, const char *node, int daemon,
                             ftNodeChange_t change, const char *text);
void ft_central_job_ended(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                          const char *job, int code);

/* The next news of the launcher's nodes, see ftNextNews and tidings.h. */
void ft_central_next_news(struct ft_central *central, uint64_t token,
                          const struct ft_asker *asker, uint64_t after, ftTimeout_t timeout_ms);

/* One node more from the resource manager, for the launcher itself; reply.resource is the node. It
 * is nobody's alternative until it is given back, or the launcher is gone. See grant.c. */
void ft_central_acquire(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                        const ftConstraint_t *constraint, ftTimeout_t timeout_ms);
void ft_central_give_back(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                          const char *node);

/* Writes an entry to the log for a launcher: `about` is a node, or a rank with its job. */
void ft_central_log_event(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                          const ftResource_t *about, const char *name, const char *text);

/* The launcher is gone for good (its connection closed and did not come back): its jobs have ended,
 * its nodes are left. */
void ft_central_launcher_gone(struct ft_central *central, const char *why);

/* ---- what becomes of nodes: the detector's word, the forecast's, an administrator's. Launchers
 * that
 *      have a daemon there hear of it (ft_central_next_news). Nodes that are not known are ignored,
 *      and so is what was said already. */

/* Silent, and declared lost: its launcher is told to do without it. The launcher's answer to that
 * (FT_NODE_LOST) is what ends the processes here. Until it comes back (_node_returned) it is
 * nobody's alternative. */
void ft_central_node_declared(struct ft_central *central, const char *node, const char *why);
void ft_central_node_returned(struct ft_central *central, const char *node);

/* Something else than its silence speaks against a node: whoever runs it hears of it. */
void ft_central_node_suspect(struct ft_central *central, const char *node, enum ft_suspicion cause,
                             const char *why);

/* It is going down, or is to be left (a forecast, a drain): its launcher tells the processes of the
 * job, it becomes nobody's alternative, and what is on it is replaced at once when someone asks. */
void ft_central_node_failing(struct ft_central *central, const char *node, const char *why);
void ft_central_node_well(struct ft_central *central, const char *node, const char *why);

/* ---- what the node units say. Those that return int: 0, or -1 with errno (ENOMEM, EINVAL,
 *      ENOBUFS) and nothing changed. */

int ft_central_set_location(struct ft_central *central, const char *node, const char *location);
int ft_central_unit_up(struct ft_central *central, const char *node, const char *version);
int ft_central_unit_facts(struct ft_central *central, const char *node,
                          const struct ft_facts *facts);
void ft_central_unit_down(struct ft_central *central, const char *node, const char *why);
/* A unit's entry for the log; `about` is its node, or a rank there with its job. */
void ft_central_unit_event(struct ft_central *central, const char *node, const ftResource_t *about,
                           const char *name, const char *text);
void ft_central_unit_failed(struct ft_central *central, const char *node, const char *why);
void ft_central_probe_result(struct ft_central *central, uint64_t probe,
                             const struct ft_measured *measured);

/* ---- what the resource manager says */

bool ft_central_awaits_offer(const struct ft_central *central, uint64_t acquire);

/* offer: true if the node is taken; else it is to be given back (nobody waits for it any more). */
bool ft_central_offer(struct ft_central *central, uint64_t acquire, const char *node);
void ft_central_no_offer(struct ft_central *central, uint64_t acquire, const char *why,
                         int64_t available_at_s);

/* ---- time */

/* When to call ft_central_tick next, INT64_MAX if never. */
int64_t ft_central_next_deadline_ns(const struct ft_central *central);
void ft_central_tick(struct ft_central *central);

/* ---- the event log and looking in */

/* Writes an entry of the driver's own, numbered with core's. Returns its number. */
uint64_t ft_central_log(struct ft_central *central, struct ft_event *event);

/* What a node said it is: false if it is not known. */
bool ft_central_node_facts(const struct ft_central *central, const char *node,
                           struct ft_facts *facts);

struct ft_inventory *ft_central_inventory(struct ft_central *central);
struct ft_jobs *ft_central_jobs(struct ft_central *central);
size_t ft_central_waiting(const struct ft_central *central);   /* requests not answered */
size_t ft_central_decisions(const struct ft_central *central); /* under way or in use */

#endif
