/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rms.h - where another node comes from: one table, one backend a file.
 *
 *     pool   spares by name, from --pool or ft.conf (pool.c)
 *     slurm  for a job in a Slurm allocation: its spares, else a node from Slurm (slurm.c)
 *     pmix   where the launcher's PMIx server gives nodes itself: PMIx_Allocation_request (pmix.c)
 *
 * A backend is asked for a node and answers by an event, at once or much later; it may do so before
 * acquire has returned. Every acquire ends in exactly one event, unless it is abandoned. A node
 * that was offered belongs to the asker until it is released, or the backend is destroyed; one that
 * was said to be kept stays the asker's after that: there is a successor, which is told that it was
 * taken.
 */
#ifndef FT_RMS_RMS_H
#define FT_RMS_RMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/policy.h"
#include "core/env.h"

/* What the resource manager's administrator is asked to do, or what was done without him. */
enum ft_rms_matter { FT_RMS_DRAIN = 1, FT_RMS_TIME };
struct ft_rms_request {
    enum ft_rms_matter matter;
    bool done;               /* it was permitted */
    uint32_t job;            /* the resource manager's number of it */
    const char *node;        /* DRAIN: that node */
    enum ft_suspicion cause;
    const char *reason;      /* why, in a sentence that it is drained with */
    unsigned minutes;        /* TIME: so many more for the job */
    int64_t lost_ms;         /* as it has lost so much, in all */
    const char *why;         /* not done: what stood in the way */
    const char *command;     /* not done: this does it */
};

struct ft_rms_events {
    void (*offer)(void *arg, uint64_t acquire, const char *node);
    /* available_at_s: when to ask again (Unix time), 0 if not known */
    void (*none)(void *arg, uint64_t acquire, const char *why, int64_t available_at_s);
    /* The resource manager says that a node is lost or about to be (`failing`), be it the job's own
     * or one that was offered; or that one that was offered is taken back. May be NULL. */
    void (*node_fail)(void *arg, const char *node, bool failing, const char *why);
    /* ... or that what it said so of is well again. May be NULL. */
    void (*node_well)(void *arg, const char *node, const char *why);
    /* What came of ft_rms_suspect and ft_rms_time_lost. May be NULL. */
    void (*request)(void *arg, const struct ft_rms_request *request);
};

struct ft_rms_slurm_config {
    uint32_t job;          /* Slurm's number of the job that nodes are for; 0: for none, it only
                            * watches all of Slurm's nodes */
    enum ft_way ladder[FT_WAYS_MAX]; /* how nodes come, first one first, if the wish does not tell;
                            * spares are the names of config.pool */
    unsigned timeout_ms;   /* an answer is of use within, if the wish does not tell */
    unsigned watch_ms;     /* ask so often what became of the job's nodes; 0: do not */
    const char *partition; /* another than the job's; NULL */
    const char *helper;    /* path of ft-rms-slurm */
    bool many;             /* one of many in a program that goes on without it: no helper is kept
                            * ready, none is left behind when it ends */
    bool becomes;          /* its helpers become user `uid`: this program is root */
    uint32_t uid;
    bool drain;            /* suspect nodes are drained, where that is permitted */
    unsigned give_time_max_s; /* of the time that losses cost, so much is given back; 0: none */
};

struct ft_rms_pmix_config {
    const char *helper;    /* path of ft-rms-pmix */
    long server;           /* process id of the PMIx server, the launcher; 0: as PMIx finds one */
};

/* What a backend may need; a backend looks at its own part. */
struct ft_rms_config {
    const char *const *pool; /* names of spare nodes, in the order they are to be given */
    size_t pool_n;
    unsigned nodes_max;      /* given at the same time, at the most; spares do not count */
    struct uv_loop_s *loop;  /* for backends that wait for something */
    struct ft_rms_slurm_config slurm;
    struct ft_rms_pmix_config pmix;
};

struct ft_rms;

struct ft_rms_backend {
    const char *name;
    /* NULL with errno ENOMEM, or EINVAL for a config that it cannot use. */
    struct ft_rms *(*create)(const struct ft_rms_config *config,
                             const struct ft_rms_events *events, void *arg);
    void (*acquire)(struct ft_rms *rms, uint64_t acquire, const struct ft_wanted *wanted);
    void (*abandon)(struct ft_rms *rms, uint64_t acquire);
    /* False: it was not given by this one. */
    bool (*release)(struct ft_rms *rms, const char *node, bool broken);
    /* A node proved bad; ahead of its release, if it is given back for that. May be NULL. */
    void (*suspect)(struct ft_rms *rms, const struct ft_suspect *suspect);
    /* A loss cost the job that much more time. May be NULL. */
    void (*time_lost)(struct ft_rms *rms, int64_t ms);
    /* That node was given before this one was made: by a predecessor, which is gone. False: not one
     * that such as this could have given. */
    bool (*taken)(struct ft_rms *rms, const char *node);
    /* That node, which was offered, is written down where a successor finds it. May be NULL. */
    void (*kept)(struct ft_rms *rms, const char *node);
    /* The job's launcher was lost with its node. May be NULL. */
    void (*forsaken)(struct ft_rms *rms);
    /* Other settings from now on, for the same job; what is given stays given. May be NULL: there is
     * nothing that could change. 0, or -1 with errno and nothing changed. */
    int (*change)(struct ft_rms *rms, const struct ft_rms_config *config);
    /* Nothing comes any more. What it still has in the loop it closes: the loop has to go on. */
    void (*destroy)(struct ft_rms *rms);
};

/* First member of every backend's own struct. */
struct ft_rms {
    const struct ft_rms_backend *backend;
};

/* Makes a backend by its name; the config is copied. NULL with errno ENOENT for an unknown name,
 * else as the backend's create. */
struct ft_rms *ft_rms_create(const char *name, const struct ft_rms_config *config,
                             const struct ft_rms_events *events, void *arg);
void ft_rms_destroy(struct ft_rms *rms); /* takes NULL */

void ft_rms_acquire(struct ft_rms *rms, uint64_t acquire, const struct ft_wanted *wanted);
void ft_rms_abandon(struct ft_rms *rms, uint64_t acquire);
bool ft_rms_release(struct ft_rms *rms, const char *node, bool broken);
bool ft_rms_taken(struct ft_rms *rms, const char *node);
void ft_rms_kept(struct ft_rms *rms, const char *node);
void ft_rms_forsaken(struct ft_rms *rms);
int ft_rms_change(struct ft_rms *rms, const struct ft_rms_config *config);
void ft_rms_suspect(struct ft_rms *rms, const struct ft_suspect *suspect);
void ft_rms_time_lost(struct ft_rms *rms, int64_t ms);

extern const struct ft_rms_backend ft_rms_pool;
extern const struct ft_rms_backend ft_rms_slurm;
extern const struct ft_rms_backend ft_rms_pmix;

#endif
