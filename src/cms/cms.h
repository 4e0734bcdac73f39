/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cms.h - the configuration management: what should node XY be?
 *
 *     collected   what the node units found when they came up (collected.c)
 *     recorded    a file of the site, or Slurm's node records, before what was collected
 *                 (recorded.c)
 *
 * One table, one source a file. A source answers at once, from what it has; one that has to ask
 * somebody else asks ahead of time.
 */
#ifndef FT_CMS_CMS_H
#define FT_CMS_CMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/facts.h"

struct ft_central;
struct ft_cms;

struct ft_cms_source {
    const char *name;
    bool (*facts)(const struct ft_cms *cms, const char *node, struct ft_facts *facts);
    const void *(*topology)(const struct ft_cms *cms, uint64_t kind, size_t *n);
    void (*destroy)(struct ft_cms *cms);
};

/* First member of every source's own struct. */
struct ft_cms {
    const struct ft_cms_source *source;
};

/* What a node should be. False if the source does not know it; facts are untouched then. */
bool ft_cms_facts(const struct ft_cms *cms, const char *node, struct ft_facts *facts);

/* The full topology of a kind of node, as hwloc's XML (n bytes, borrowed); NULL if not known. */
const void *ft_cms_topology(const struct ft_cms *cms, uint64_t kind, size_t *n);

void ft_cms_destroy(struct ft_cms *cms); /* takes NULL */

/* ---- the source `collected` */

#define FT_CMS_TOPOLOGIES_MAX 1024             /* kinds */
#define FT_CMS_TOPOLOGY_BYTES_MAX (4u << 20)   /* of one */
#define FT_CMS_TOPOLOGIES_BYTES_MAX (64u << 20) /* of all */

/* central: whose inventory it is; borrowed for its life. NULL with errno ENOMEM. */
struct ft_cms *ft_cms_collected_create(const struct ft_central *central);

/* Keeps a kind's topology (copied), once. Returns 0, or -1 with errno ENOMEM, or ENOBUFS: too many,
 * or too large. */
int ft_cms_collected_keep(struct ft_cms *cms, uint64_t kind, const void *xml, size_t n);

/* ---- the source `recorded` */

/* In front of a `collected` one, which it takes over. NULL with errno ENOMEM (collected is still
 * the caller's then). */
struct ft_cms *ft_cms_recorded_create(struct ft_cms *collected);

/* Node records as in records.h take the place of those that were there. `name`: of the file, for
 * messages. Returns 0, or -1 with a sentence in `why`, and what was known stays. */
int ft_cms_recorded_feed(struct ft_cms *cms, const char *text, const char *name, char *why,
                         size_t size);

#endif
