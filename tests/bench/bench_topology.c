/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_topology.c - how long a node takes to see its own hardware, which is part of each probe.
 *
 *     bench_topology [TIMES]
 *
 * Prints the milliseconds of each load of this machine's topology, one a line.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "topology/topology.h"

#define TIMES_DEFAULT 20

int main(int argc, char *argv[])
{
    int times = argc > 1 ? atoi(argv[1]) : TIMES_DEFAULT;
    char why[FT_TOPOLOGY_WHY_MAX];

    ft_topology_shield();
    for (int i = 0; i < times; i++) {
        uint64_t start_ns = ft_clock_ns();
        struct ft_topology *topology = ft_topology_load(NULL, why, sizeof why);

        if (!topology) {
            fprintf(stderr, "bench_topology: %s\n", why);
            return 1;
        }
        printf("%.3f\n", (double) (ft_clock_ns() - start_ns) / 1e6);
        ft_topology_destroy(topology);
    }
    return 0;
}
