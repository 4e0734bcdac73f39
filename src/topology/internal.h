/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * internal.h - what the files of this room share; nobody else includes it, or hwloc.h.
 */
#ifndef FT_TOPOLOGY_INTERNAL_H
#define FT_TOPOLOGY_INTERNAL_H

#include <hwloc.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/facts.h"

struct ft_topology {
    hwloc_topology_t hwloc;
    bool shown; /* not this machine's */
};

enum ft_device_type {
    FT_DEVICE_GPU,
    FT_DEVICE_COPROC,
    FT_DEVICE_NETWORK,
    FT_DEVICE_OPENFABRICS,
    FT_DEVICE_STORAGE,
    FT_DEVICE_TYPES
};

struct ft_devices {
    uint32_t count[FT_DEVICE_TYPES];
    uint64_t models; /* sum over the hashes of the accelerators' and fabrics' PCI ids */
};

/* devices.c */
void ft_devices_count(hwloc_topology_t hwloc, struct ft_devices *devices);
void ft_devices_facts(const struct ft_devices *devices, struct ft_facts *facts);

/* kind.c */
uint64_t ft_kind(hwloc_topology_t hwloc, const struct ft_facts *facts,
                 const struct ft_devices *devices);
uint64_t ft_hash_number(uint64_t hash, uint64_t number);
uint64_t ft_hash_text(uint64_t hash, const char *text);
#define FT_HASH_START UINT64_C(0xcbf29ce484222325)

#endif
