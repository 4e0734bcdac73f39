/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cms.c - the calls that go through a source's table.
 *
 * The central unit's server makes a source when it starts; core asks through env.configured what
 * hardware a lost node had.
 */
#include "cms/cms.h"

bool ft_cms_facts(const struct ft_cms *cms, const char *node, struct ft_facts *facts)
{
    return cms->source->facts(cms, node, facts);
}

const void *ft_cms_topology(const struct ft_cms *cms, uint64_t kind, size_t *n)
{
    return cms->source->topology(cms, kind, n);
}

void ft_cms_destroy(struct ft_cms *cms)
{
    if (cms != NULL)
        cms->source->destroy(cms);
}
