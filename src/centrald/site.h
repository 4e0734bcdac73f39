/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * site.h - what a reign's nodes should be: what their units found, and the site's own records in
 * front of that.
 */
#ifndef FT_CENTRALD_SITE_H
#define FT_CENTRALD_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "cms/cms.h"

struct ft_site;

/* base: whose inventory tells what the units found; borrowed for life. NULL: out of memory. */
struct ft_site *ft_site_create(const struct ft_central *base);

/* Takes the site's records into account. source: ft.conf's `cms`: "collected" (none), "slurm",
 * "file:PATH". 0, or -1 with a sentence in `why`. */
int ft_site_open(struct ft_site *site, uv_loop_t *loop, const char *source, char *why, size_t size);

/* ft.conf was read anew: so is the file. */
void ft_site_reread(struct ft_site *site, const char *source);

/* What a node should be (env.configured); see cms.h. */
bool ft_site_facts(const struct ft_site *site, const char *node, struct ft_facts *facts);

/* Where to keep what units found. */
struct ft_cms *ft_site_collected(const struct ft_site *site);

void ft_site_stop(struct ft_site *site);    /* asks nobody any more; both take NULL */
void ft_site_destroy(struct ft_site *site);

#endif
