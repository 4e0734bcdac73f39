/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * show.c - "ft-noded --show": for the administrator who wonders why a node is not taken.
 *
 * Called by main.c. Reads the configuration as a unit would, measures as a unit would, and prints
 * one line a fact. The site's check program is named, not run: it may be meant for the unit's user
 * only.
 */
#include "config.h"

#include "noded/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "noded/memory.h"
#include "topology/compare.h"
#include "topology/topology.h"

static void show_bytes(const char *name, uint64_t bytes)
{
    char text[32];

    printf("%-14s %s (%" PRIu64 " bytes)\n", name, ft_bytes_text(bytes, text, sizeof text), bytes);
}

static void show_facts(const struct ft_facts *facts)
{
    printf("%-14s %s\n", "hardware", facts->shown ? "as configured, not as it is" : "as it is");
    printf("%-14s %s\n", "architecture", facts->arch);
    printf("%-14s %s\n", "processor", *facts->model ? facts->model : "unknown");
    printf("%-14s %" PRIu32 "\n", "packages", facts->packages);
    printf("%-14s %" PRIu32 "\n", "NUMA nodes", facts->numa_nodes);
    printf("%-14s %" PRIu32 "\n", "cores", facts->cores);
    printf("%-14s %" PRIu32 "\n", "threads", facts->pus);
    show_bytes("memory", facts->memory_bytes);
    for (size_t i = 0; i < FT_FACTS_DEVICES_MAX && facts->devices[i].type[0]; i++)
        printf("%-14s %" PRIu32 "\n", facts->devices[i].type, facts->devices[i].count);
    printf("%-14s %016" PRIx64 "\n", "kind", facts->kind);
}

static void show_left(const struct ft_noded_config *config)
{
    struct statvfs info;
    uint64_t bytes;

    if (ft_memory_free("", &bytes) == 0)
        show_bytes("memory free", bytes);
    if (statvfs(config->scratch, &info) == 0)
        show_bytes("scratch free", (uint64_t)info.f_bavail * info.f_frsize);
    printf("%-14s %s\n", "scratch", config->scratch);
    printf("%-14s %s\n", "check", *config->check ? config->check : "none");
    printf("%-14s %s\n", "location", *config->location ? config->location : "not told");
}

int ft_show_main(const struct ft_noded_config *config, const char *node)
{
    char why[FT_TOPOLOGY_WHY_MAX];
    struct ft_topology *topology;
    struct ft_facts facts;

    ft_topology_shield();
    topology = ft_topology_load(config->topology, why, sizeof why);
    if (!topology) {
        fprintf(stderr, "ft-noded: %s\n", why);
        return 1;
    }
    ft_topology_facts(topology, &facts);
    ft_topology_destroy(topology);
    printf("%-14s %s\n", "node", node);
    show_facts(&facts);
    show_left(config);
    return 0;
}
