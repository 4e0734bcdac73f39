/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rms.c - the backends by name, and the calls that go through their tables.
 *
 * The central unit's server makes one backend when it starts and hands core's wishes to it; what
 * the backend answers it hands to core. To add one: a file with a struct ft_rms_backend, a line
 * here.
 */
#include "rms/rms.h"

#include <errno.h>
#include <string.h>

static const struct ft_rms_backend *const backends[] = {&ft_rms_pool, &ft_rms_slurm, &ft_rms_pmix};

struct ft_rms *ft_rms_create(const char *name, const struct ft_rms_config *config,
                             const struct ft_rms_events *events, void *arg)
{
    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++) {
        if (strcmp(backends[i]->name, name) == 0)
            return backends[i]->create(config, events, arg);
    }
    errno = ENOENT;
    return NULL;
}

void ft_rms_destroy(struct ft_rms *rms)
{
    if (rms != NULL)
        rms->backend->destroy(rms);
}

void ft_rms_acquire(struct ft_rms *rms, uint64_t acquire, const struct ft_wanted *wanted)
{
    rms->backend->acquire(rms, acquire, wanted);
}

void ft_rms_abandon(struct ft_rms *rms, uint64_t acquire)
{
    rms->backend->abandon(rms, acquire);
}

bool ft_rms_release(struct ft_rms *rms, const char *node, bool broken)
{
    return rms->backend->release(rms, node, broken);
}

bool ft_rms_taken(struct ft_rms *rms, const char *node)
{
    return rms->backend->taken(rms, node);
}

void ft_rms_kept(struct ft_rms *rms, const char *node)
{
    if (rms->backend->kept != NULL)
        rms->backend->kept(rms, node);
}

void ft_rms_forsaken(struct ft_rms *rms)
{
    if (rms->backend->forsaken != NULL)
        rms->backend->forsaken(rms);
}

int ft_rms_change(struct ft_rms *rms, const struct ft_rms_config *config)
{
    return rms->backend->change != NULL ? rms->backend->change(rms, config) : 0;
}

void ft_rms_suspect(struct ft_rms *rms, const struct ft_suspect *suspect)
{
    if (rms->backend->suspect != NULL)
        rms->backend->suspect(rms, suspect);
}

void ft_rms_time_lost(struct ft_rms *rms, int64_t ms)
{
    if (rms->backend->time_lost != NULL)
        rms->backend->time_lost(rms, ms);
}
