/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * collected.c - what node XY should be: what its unit found there when it came up.
 *
 * The facts stand in core's inventory, where the units' reports go; this source looks them up. The
 * full topologies, of which a machine has as many as it has kinds of nodes, are kept here once a
 * kind: the server asks the first node of each for it. They stay text; who needs more than the
 * facts (a detailed comparison, `ft` commands) parses them.
 */
#include "cms/cms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/central.h"

struct topology {
    uint64_t kind;
    void *xml;
    size_t n;
};

struct collected {
    struct ft_cms cms; /* first */
    const struct ft_central *central;
    struct topology *topologies;
    size_t topologies_n;
    size_t bytes;
};

static const struct ft_cms_source source;

static bool collected_facts(const struct ft_cms *cms, const char *node, struct ft_facts *facts)
{
    const struct collected *collected = (const struct collected *) cms;

    return ft_central_node_facts(collected->central, node, facts);
}

static const struct topology *find(const struct collected *collected, uint64_t kind)
{
    for (size_t i = 0; i < collected->topologies_n; i++) {
        if (collected->topologies[i].kind == kind)
            return &collected->topologies[i];
    }
    return NULL;
}

static const void *collected_topology(const struct ft_cms *cms, uint64_t kind, size_t *n)
{
    const struct topology *topology = find((const struct collected *) cms, kind);

    if (topology == NULL)
        return NULL;
    *n = topology->n;
    return topology->xml;
}

static void collected_destroy(struct ft_cms *cms)
{
    struct collected *collected = (struct collected *) cms;

    for (size_t i = 0; i < collected->topologies_n; i++)
        free(collected->topologies[i].xml);
    free(collected->topologies);
    free(collected);
}

static const struct ft_cms_source source = {
    .name = "collected",
    .facts = collected_facts,
    .topology = collected_topology,
    .destroy = collected_destroy,
};

struct ft_cms *ft_cms_collected_create(const struct ft_central *central)
{
    struct collected *collected = calloc(1, sizeof *collected);

    if (collected == NULL)
        return NULL;
    collected->cms.source = &source;
    collected->central = central;
    return &collected->cms;
}

int ft_cms_collected_keep(struct ft_cms *cms, uint64_t kind, const void *xml, size_t n)
{
    struct collected *collected = (struct collected *) cms;
    struct topology *topologies;
    void *copy;

    if (find(collected, kind) != NULL)
        return 0;
    if (collected->topologies_n >= FT_CMS_TOPOLOGIES_MAX || n > FT_CMS_TOPOLOGY_BYTES_MAX ||
        collected->bytes + n > FT_CMS_TOPOLOGIES_BYTES_MAX) {
        errno = ENOBUFS;
        return -1;
    }
    topologies = realloc(collected->topologies,
                         (collected->topologies_n + 1) * sizeof *collected->topologies);
    if (topologies == NULL)
        return -1;
    collected->topologies = topologies;
    copy = malloc(n > 0 ? n : 1);
    if (copy == NULL)
        return -1;
    memcpy(copy, xml, n);
    topologies[collected->topologies_n++] = (struct topology) {.kind = kind, .xml = copy, .n = n};
    collected->bytes += n;
    return 0;
}
