/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sessions.h - the launchers that a central unit serves at once, each with a mind of its own.
 *
 * A session is one launcher (one mpirun) with its daemons, jobs and decisions. What is a spare node
 * to one of them, "daemon 2", lost or idle, is nothing to the others: so each has a ft_central.
 * They share the log and its numbers, the node units, the spare nodes (rms).
 *
 * The base is the ft_central that belongs to no session: it knows all nodes, and answers whoever
 * asks outside of a job. A job's own central unit has the base only.
 */
#ifndef FT_CENTRALD_SESSIONS_H
#define FT_CENTRALD_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/central.h"

#define FT_SESSIONS_MAX 4096

struct ft_session;
struct ft_sessions;

struct ft_sessions_config {
    struct ft_env env;               /* of all; env.number and env.keep by the reign */
    struct ft_central_config central;
    bool single;                     /* a job's own central unit: the base only */
    /* A session's ft_central is about to be destroyed: whoever waits for it has to be told. */
    void (*gone)(void *arg, struct ft_central *central, uint64_t session);
};

struct ft_sessions *ft_sessions_create(const struct ft_sessions_config *config); /* NULL: ENOMEM */
void ft_sessions_destroy(struct ft_sessions *sessions); /* takes NULL */

struct ft_central *ft_sessions_base(const struct ft_sessions *sessions);
size_t ft_sessions_count(const struct ft_sessions *sessions); /* without the base */

/* THE way to write an event that belongs to no session: numbers it, too. Returns the number. */
uint64_t ft_sessions_log(struct ft_sessions *sessions, struct ft_event *event);

/* Whether that is (still) the ft_central of a session. */
bool ft_sessions_has(const struct ft_sessions *sessions, const struct ft_central *central);

/* Whose ft_central a request is for, by its asker's job (and by the decision that it is about, 0 if
 * none). A launcher that is not known yet begins its session. NULL: it is not the asker's to ask
 * (another user's session), or there are too many: `why` says so. */
struct ft_central *ft_sessions_of(struct ft_sessions *sessions, const struct ft_asker *asker,
                                  uint64_t decision, char *why, size_t size);

/* The ft_central of the session of that job; the base if there is none. */
struct ft_central *ft_sessions_of_job(struct ft_sessions *sessions, const char *job);

/* What is known of a session by its number. The texts are borrowed. */
struct ft_session_owner {
    const char *name;
    uint32_t uid;
    uint32_t slurm_job; /* Slurm's number of the job that its launcher said it is in; 0: none */
    const char *spares; /* nodes of that job that the launcher keeps idle; NULL: none */
};
bool ft_sessions_owner(const struct ft_sessions *sessions, uint64_t session,
                       struct ft_session_owner *owner); /* false: there is none (any more) */

/* A launcher has (no) connection. The session of one that has said that all is over ends at once;
 * one that said nothing and does not come back in time is gone (FT_SESSION_LINGER_MS). */
#define FT_SESSION_LINGER_MS 10000
void ft_sessions_launcher_seen(struct ft_sessions *sessions, struct ft_central *central);
void ft_sessions_launcher_unseen(struct ft_sessions *sessions, struct ft_central *central);

/* Has a launcher report what it knows: after each report, so that its nodes are what their units
 * said of them. */
void ft_sessions_reported(struct ft_sessions *sessions, struct ft_central *central);

/* What happens to nodes, to all whom it concerns; see core/central.h. */
int ft_sessions_unit_up(struct ft_sessions *sessions, const char *node, const char *version);
int ft_sessions_unit_facts(struct ft_sessions *sessions, const char *node,
                           const struct ft_facts *facts);
int ft_sessions_set_location(struct ft_sessions *sessions, const char *node, const char *location);
void ft_sessions_unit_down(struct ft_sessions *sessions, const char *node, const char *why);
void ft_sessions_unit_failed(struct ft_sessions *sessions, const char *node, const char *why);
void ft_sessions_probe_result(struct ft_sessions *sessions, uint64_t probe,
                              const struct ft_measured *measured);
bool ft_sessions_offer(struct ft_sessions *sessions, uint64_t acquire, const char *node);
void ft_sessions_no_offer(struct ft_sessions *sessions, uint64_t acquire, const char *why,
                          int64_t available_at_s);
void ft_sessions_node_declared(struct ft_sessions *sessions, const char *node, const char *why);
void ft_sessions_node_returned(struct ft_sessions *sessions, const char *node);
void ft_sessions_node_failing(struct ft_sessions *sessions, const char *node, const char *why);
void ft_sessions_node_suspect(struct ft_sessions *sessions, const char *node,
                              enum ft_suspicion cause, const char *why);
void ft_sessions_node_well(struct ft_sessions *sessions, const char *node, const char *why);

/* The same for one session, and nobody else. */
void ft_sessions_node_failing_in(struct ft_sessions *sessions, uint64_t session, const char *node,
                                 const char *why);

int ft_sessions_reconfigure(struct ft_sessions *sessions, const struct ft_central_config *config);

/* A take-over: each record that was kept, then _restored. As ft_central_restore. taken: called for
 * each node that the resource manager had given; `needed` no more, where it was got for a decision
 * that was not made. */
typedef void ft_sessions_taken_fn(void *arg, uint64_t session, const char *node, bool needed);
int ft_sessions_restore(struct ft_sessions *sessions, const char *key, const void *data, size_t n);
void ft_sessions_restored(struct ft_sessions *sessions, ft_sessions_taken_fn *taken, void *arg);

int64_t ft_sessions_next_deadline_ns(const struct ft_sessions *sessions);
void ft_sessions_tick(struct ft_sessions *sessions);

/* The number of each session whose launcher runs on that node. */
void ft_sessions_each_on(const struct ft_sessions *sessions, const char *node,
                         void (*visit)(void *arg, uint64_t session), void *arg);

/* The number of a session, 0 of the base. */
uint64_t ft_sessions_number(const struct ft_sessions *sessions, const struct ft_central *central);

/* Each ft_central, the base first; name "" for the base. */
void ft_sessions_each(const struct ft_sessions *sessions,
                      void (*visit)(void *arg, const char *name, struct ft_central *central),
                      void *arg);

#endif
