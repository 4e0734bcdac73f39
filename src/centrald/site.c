/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * site.c - owns a reign's sources of what nodes should be (cms/) and keeps them fed.
 *
 * Called by reign.c: made with the base, opened and read again with the plan, asked by core
 * (env.configured). units.c puts in what units find. Passes through: the text of the site's file,
 * or what Slurm says of its nodes (scontrol.c), on its way to cms/recorded.c. Records that cannot
 * be read change nothing: what is known stays, and the daemon's log says why.
 */
#include "centrald/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "centrald/scontrol.h"
#include "common/conftext.h"
#include "common/log.h"

#define FILE_MAX_BYTES (16u << 20)
#define FILE_PREFIX "file:"

struct ft_site {
    struct ft_cms *collected;
    struct ft_cms *cms;           /* the same, or what stands in front of it */
    struct ft_scontrol *scontrol; /* NULL: Slurm is not asked */
};

struct ft_site *ft_site_create(const struct ft_central *base)
{
    struct ft_site *site = calloc(1, sizeof *site);

    if (site == NULL)
        return NULL;
    site->cms = site->collected = ft_cms_collected_create(base);
    if (site->cms != NULL)
        return site;
    free(site);
    return NULL;
}

static void on_records(void *arg, const char *records, const char *why)
{
    struct ft_site *site = arg;
    char problem[400];

    if (records == NULL)
        ft_log_warning("Slurm does not tell what nodes are: %s; what is known of it stays", why);
    else if (ft_cms_recorded_feed(site->cms, records, "scontrol show node", problem,
                                  sizeof problem) < 0)
        ft_log_warning("%s; what is known of it stays", problem);
}

/* The path in a source's name; NULL: it is no file. */
static const char *path_of(const char *source)
{
    size_t n = strlen(FILE_PREFIX);

    return strncmp(source, FILE_PREFIX, n) == 0 ? source + n : NULL;
}

static int feed_file(struct ft_site *site, const char *path, char *why, size_t size)
{
    char *text = ft_conftext_read_whole(path, FILE_MAX_BYTES, why, size);
    int result = text != NULL ? ft_cms_recorded_feed(site->cms, text, path, why, size) : -1;

    free(text);
    return result;
}

int ft_site_open(struct ft_site *site, uv_loop_t *loop, const char *source, char *why, size_t size)
{
    struct ft_cms *recorded;

    if (strcmp(source, "collected") == 0)
        return 0;
    recorded = ft_cms_recorded_create(site->collected);
    if (recorded != NULL) {
        site->cms = recorded;
        if (path_of(source) != NULL)
            return feed_file(site, path_of(source), why, size);
        site->scontrol = ft_scontrol_create(loop, "", on_records, site);
        if (site->scontrol != NULL)
            return 0;
    }
    snprintf(why, size, "out of memory");
    return -1;
}

void ft_site_reread(struct ft_site *site, const char *source)
{
    const char *path = path_of(source);
    char why[400];

    if (path != NULL && site->cms != site->collected && site->scontrol == NULL &&
        feed_file(site, path, why, sizeof why) < 0)
        ft_log_warning("%s; what is known of it stays", why);
}

bool ft_site_facts(const struct ft_site *site, const char *node, struct ft_facts *facts)
{
    return ft_cms_facts(site->cms, node, facts);
}

struct ft_cms *ft_site_collected(const struct ft_site *site)
{
    return site->collected;
}

void ft_site_stop(struct ft_site *site)
{
    if (site == NULL)
        return;
    ft_scontrol_stop(site->scontrol);
    site->scontrol = NULL;
}

void ft_site_destroy(struct ft_site *site)
{
    if (site == NULL)
        return;
    ft_cms_destroy(site->cms);
    free(site);
}
