/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * facts.h - what a decision needs to know of a node's hardware: plain numbers, no hwloc.
 *
 * src/topology makes them out of a topology, src/wire carries them, src/core compares them.
 */
#ifndef FT_COMMON_FACTS_H
#define FT_COMMON_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#define FT_FACTS_DEVICES_MAX 8

struct ft_facts {
    char arch[32];          /* as `uname -m` prints it */
    char model[64];         /* processor's name, "" if hwloc does not tell */
    uint32_t packages;
    uint32_t numa_nodes;
    uint32_t cores;         /* physical cores */
    uint32_t pus;           /* hardware threads */
    uint64_t memory_bytes;  /* of all NUMA nodes together */
    uint64_t kind;          /* equal for nodes with the same topology; never 0 */
    struct {
        char type[16];      /* "gpu", "network", "openfabrics", "storage", "coproc"; "" ends */
        uint32_t count;
    } devices[FT_FACTS_DEVICES_MAX];
    bool shown;             /* told by configuration, not measured on this machine */
};

#endif
