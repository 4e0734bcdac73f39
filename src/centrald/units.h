/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * units.h - the node units that are connected: what they tell, what they are asked.
 */
#ifndef FT_CENTRALD_UNITS_H
#define FT_CENTRALD_UNITS_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "centrald/requests.h"
#include "cms/cms.h"
#include "core/central.h"
#include "wire/channel.h"

#define FT_UNITS_MAX 65536

struct ft_units;

struct ft_units_config {
    uv_loop_t *loop;
    const char *node;             /* this node's name */
    const uint8_t *key;           /* FT_KEY_BYTES */
    struct ft_requests *requests; /* borrowed for life, as the next two */
    struct ft_central *central;
    struct ft_cms *cms;           /* a `collected` one */
    bool run_check;               /* probes run the site's check */
};

/* Listens on all addresses, at a port of the system's choice. NULL with errno. */
struct ft_units *ft_units_create(const struct ft_units_config *config);
uint16_t ft_units_port(const struct ft_units *units);

/* Asks a node's unit to measure its node (env.probe). */
int ft_units_probe(struct ft_units *units, uint64_t probe, const char *node, unsigned timeout_ms,
                   char *why, size_t size);

size_t ft_units_count(const struct ft_units *units);

/* Tells all units to end, closes their links (which takes up to 1 s of the loop) and listens no
 * more. */
void ft_units_leave(struct ft_units *units, const char *reason);

/* To be called when the loop has nothing left of it. Takes NULL. */
void ft_units_destroy(struct ft_units *units);

#endif
