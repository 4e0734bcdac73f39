/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * topology.h - a node's hardware as hwloc sees it: load it, boil it down to facts, pass it on.
 *
 *     char why[FT_TOPOLOGY_WHY_MAX];
 *     struct ft_facts facts;
 *
 *     ft_topology_shield();                      // first thing in main()
 *     struct ft_topology *t = ft_topology_load(NULL, why, sizeof why);
 *     if (!t) fprintf(stderr, "%s\n", why);
 *     ft_topology_facts(t, &facts);
 *     ft_topology_destroy(t);
 */
#ifndef FT_TOPOLOGY_TOPOLOGY_H
#define FT_TOPOLOGY_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/facts.h"

#define FT_TOPOLOGY_WHY_MAX 512
#define FT_TOPOLOGY_XML_MAX_BYTES (3u << 20) /* a larger description is refused, both ways */

struct ft_topology;

/* Keeps the environment from steering hwloc: removes every HWLOC_ variable and keeps hwloc from
 * loading plugins (they pull in graphics and OpenCL drivers; what FT counts is found without).
 * Call it while the process has one thread, before the first topology; again is harmless.
 * Returns how many variables of the caller's environment were removed. */
unsigned ft_topology_shield(void);

/* Loads a topology.
 *   source   NULL, "" or "machine": this machine, measured now
 *            "synthetic:DESCRIPTION": made up, as in hwloc(7): "synthetic:package:2 core:4 pu:1"
 *            "xml:PATH": a file that lstopo wrote
 * Returns NULL with a sentence in `why`. ft_topology_parse does it for XML text in memory (n bytes,
 * need not end in 0; untrusted: it may be anything). */
struct ft_topology *ft_topology_load(const char *source, char *why, size_t why_size);
struct ft_topology *ft_topology_parse(const char *xml, size_t n, char *why, size_t why_size);
void ft_topology_destroy(struct ft_topology *topology);

/* Looks at a source's form only: 0, or -1 with a sentence in `why`. */
int ft_topology_check_source(const char *source, char *why, size_t why_size);

/* The facts of a topology. facts->kind is equal for nodes whose hardware is the same as far as a
 * program can tell: the tree of packages, NUMA nodes, caches, cores and hardware threads, cache
 * sizes, memory by its class, processor, kinds of devices; whatever their names, addresses, serial
 * numbers and versions of the system are. */
void ft_topology_facts(const struct ft_topology *topology, struct ft_facts *facts);

/* Writes the topology as hwloc's XML (version 2), without host name. *xml is the caller's to free.
 * Returns 0, or -1 with a sentence in `why` (too large, out of memory). */
int ft_topology_export(const struct ft_topology *topology, char **xml, size_t *n, char *why,
                       size_t why_size);

#endif
