/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rms.h - where another node comes from: one table, one backend a file.
 *
 *     pool   spares by name, from --pool or ft.conf (pool.c)
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
};

/* What a backend may need; a backend looks at its own part. */
struct ft_rms_config {
    const char *const *pool; /* names of spare nodes, in the order they are to be given */
    size_t pool_n;
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

#endif
