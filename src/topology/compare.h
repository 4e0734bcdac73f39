/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * compare.h - says in words how two nodes' hardware differs: the text of a rejection.
 */
#ifndef FT_TOPOLOGY_COMPARE_H
#define FT_TOPOLOGY_COMPARE_H

#include <stddef.h>

#include "common/facts.h"
#include "topology/topology.h"

/* Writes how `is` differs from `wanted`, most important first, as one line without full stop:
 * "2 packages instead of 1; memory 8 GiB instead of 16 GiB". Text is cut to size at the end of a
 * part. "" if they are of the same kind.
 * Returns how many differences there are (all, whether they fit or not). */
unsigned ft_facts_explain(const struct ft_facts *is, const struct ft_facts *wanted, char *text,
                          size_t size);

/* The same from the topologies, which know more: caches, too. */
unsigned ft_topology_explain(const struct ft_topology *is, const struct ft_topology *wanted,
                             char *text, size_t size);

/* Writes bytes for people: "512 MiB", "8 GiB", "15.5 GiB". Returns text. */
const char *ft_bytes_text(uint64_t bytes, char *text, size_t size);

#endif
