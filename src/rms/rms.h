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
 * that was offered belongs to the asker until it is released, or the backend is destroyed.
 */
#ifndef FT_RMS_RMS_H
#define FT_RMS_RMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/env.h"

struct ft_rms_events {
    void (*offer)(void *arg, uint64_t acquire, const char *node);
    /* available_at_s: when to ask again (Unix time), 0 if not known */
    void (*none)(void *arg, uint64_t acquire, const char *why, int64_t available_at_s);
    /* The resource manager says that a node is lost or about to be (`failing`), be it the job's own
     * or one that was offered; or that one that was offered is taken back. May be NULL. */
    void (*node_fail)(void *arg, const char *node, bool failing, const char *why);
};

/* How a node may come from Slurm; a ladder is a list of these, first one first. */
enum ft_rms_way {
    FT_RMS_SPARES = 1, /* the job's own: names of config.pool */
    FT_RMS_EXPAND,     /* joins the job, where the site permits it */
    FT_RMS_BESIDE      /* an allocation of its own beside the job */
};
#define FT_RMS_WAYS_MAX 3

struct ft_rms_slurm_config {
    uint32_t job;          /* Slurm's number of the job that nodes are for */
    enum ft_rms_way ladder[FT_RMS_WAYS_MAX]; /* 0 ends */
    unsigned timeout_ms;   /* the last way waits so long for a node, if the wish does not tell */
    unsigned watch_ms;     /* ask so often what became of the job's nodes; 0: do not */
    const char *partition; /* another than the job's; NULL */
    const char *helper;    /* path of ft-rms-slurm */
};

/* "spares,expand,beside" in any order, none twice. 0, or -1 with errno EINVAL. */
int ft_rms_ladder_parse(const char *text, enum ft_rms_way ladder[FT_RMS_WAYS_MAX]);

struct ft_rms_pmix_config {
    const char *helper;    /* path of ft-rms-pmix */
    long server;           /* process id of the PMIx server, the launcher; 0: as PMIx finds one */
};

/* What a backend may need; a backend looks at its own part. */
struct ft_rms_config {
    const char *const *pool; /* names of spare nodes, in the order they are to be given */
    size_t pool_n;
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
    void (*release)(struct ft_rms *rms, const char *node, bool broken);
    /* That node was given before this one was made: by a predecessor, which is gone. */
    void (*taken)(struct ft_rms *rms, const char *node);
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
void ft_rms_release(struct ft_rms *rms, const char *node, bool broken);
void ft_rms_taken(struct ft_rms *rms, const char *node);

extern const struct ft_rms_backend ft_rms_pool;
extern const struct ft_rms_backend ft_rms_slurm;
extern const struct ft_rms_backend ft_rms_pmix;

#endif
