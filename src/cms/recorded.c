/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * recorded.c - what node XY should be by the site's own records: a file of it, or Slurm's.
 *
 * Stands in front of the source `collected`, which it owns: what the record of a node tells counts,
 * the rest (the processor's model, the kind of topology, full topologies, nodes without a record)
 * is as collected. A node that was delivered with half its memory missing is so found unfit, though
 * it never was any other.
 *
 *     file    read when it is made, and by ft_cms_recorded_feed when ft.conf is read again
 *     slurm   centrald/scontrol.c asks Slurm every minute and feeds its answer
 */
#include "cms/cms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cms/records.h"
#include "common/text.h"

struct recorded {
    struct ft_cms cms; /* first */
    struct ft_cms *collected;
    struct ft_records *records; /* NULL: none yet */
};

static void take_over(struct ft_facts *facts, const struct ft_facts *record)
{
    if (record->arch[0] != '\0')
        ft_text_copy(facts->arch, sizeof facts->arch, record->arch);
    if (record->packages > 0)
        facts->packages = record->packages;
    if (record->cores > 0)
        facts->cores = record->cores;
    if (record->pus > 0)
        facts->pus = record->pus;
    if (record->memory_bytes > 0)
        facts->memory_bytes = record->memory_bytes;
    if (record->devices[0].type[0] != '\0')
        memcpy(facts->devices, record->devices, sizeof facts->devices);
}

static bool recorded_facts(const struct ft_cms *cms, const char *node, struct ft_facts *facts)
{
    const struct recorded *recorded = (const struct recorded *) cms;
    struct ft_facts record, found;
    bool is_recorded = recorded->records != NULL &&
                       ft_records_facts(recorded->records, node, &record);

    if (!ft_cms_facts(recorded->collected, node, &found)) {
        if (is_recorded)
            *facts = record;
        return is_recorded;
    }
    if (is_recorded)
        take_over(&found, &record);
    *facts = found;
    return true;
}

static const void *recorded_topology(const struct ft_cms *cms, uint64_t kind, size_t *n)
{
    return ft_cms_topology(((const struct recorded *) cms)->collected, kind, n);
}

static void recorded_destroy(struct ft_cms *cms)
{
    struct recorded *recorded = (struct recorded *) cms;

    ft_records_destroy(recorded->records);
    ft_cms_destroy(recorded->collected);
    free(recorded);
}

static const struct ft_cms_source source = {
    .name = "recorded",
    .facts = recorded_facts,
    .topology = recorded_topology,
    .destroy = recorded_destroy,
};

struct ft_cms *ft_cms_recorded_create(struct ft_cms *collected)
{
    struct recorded *recorded = calloc(1, sizeof *recorded);

    if (recorded == NULL)
        return NULL;
    recorded->cms.source = &source;
    recorded->collected = collected;
    return &recorded->cms;
}

int ft_cms_recorded_feed(struct ft_cms *cms, const char *text, const char *name, char *why,
                         size_t size)
{
    struct recorded *recorded = (struct recorded *) cms;
    struct ft_records *records = ft_records_parse(text, name, why, size);

    if (records == NULL)
        return -1;
    ft_records_destroy(recorded->records);
    recorded->records = records;
    return 0;
}
