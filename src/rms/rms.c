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

int ft_rms_ladder_parse(const char *text, enum ft_rms_way ladder[FT_RMS_WAYS_MAX])
{
    static const char *const names[] = {
        [FT_RMS_SPARES] = "spares", [FT_RMS_EXPAND] = "expand", [FT_RMS_BESIDE] = "beside"};
    enum ft_rms_way read[FT_RMS_WAYS_MAX] = {0};
    size_t n = 0;

    do {
        size_t length = strcspn(text, ",");
        int way = FT_RMS_BESIDE;

        while (way > 0 && (strlen(names[way]) != length || strncmp(names[way], text, length) != 0))
            way--;
        for (size_t i = 0; i < n; i++)
            way = (int) read[i] == way ? 0 : way;
        if (way == 0) {
            errno = EINVAL;
            return -1;
        }
        read[n++] = (enum ft_rms_way) way;
        text += length;
    } while (*text++ == ',');
    memcpy(ladder, read, sizeof read);
    return 0;
}

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

void ft_rms_release(struct ft_rms *rms, const char *node, bool broken)
{
    rms->backend->release(rms, node, broken);
}

void ft_rms_taken(struct ft_rms *rms, const char *node)
{
    rms->backend->taken(rms, node);
}
