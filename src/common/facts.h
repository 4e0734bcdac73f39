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

/* Memory as it was bought: the next of 1, 1.25, 1.5, 1.75 times a power of two at or above what the
 * system shows, which is a little less, and not the same little on two nodes that are alike.
 * Compare two nodes' memory by this. */
static inline uint64_t ft_memory_class_bytes(uint64_t bytes)
{
    uint64_t quarter = 1;

    if (bytes <= 4 || bytes > UINT64_MAX / 4)
        return bytes;
    while (quarter * 8 < bytes)
        quarter *= 2;
    return (bytes + quarter - 1) / quarter * quarter;
}

#endif
