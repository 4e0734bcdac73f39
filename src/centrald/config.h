/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config.h - what ft.conf, the environment and the command line say together.
 */
#ifndef FT_CENTRALD_CONFIG_H
#define FT_CENTRALD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "common/hostlist.h"
#include "core/central.h"

struct ft_config_node {
    char *name;
    char *location;
};

struct ft_config {
    struct ft_central_config central;
    struct ft_hostlist *pool;
    struct ft_config_node *nodes;
    size_t nodes_n;
};

/* Reads a file: NULL is /etc/ft/ft.conf (of this installation), which need not exist. pool: host
 * list of the command line or the environment, which then counts instead of the file's; NULL if
 * not given. FT_SHARE=1 in the environment allows sharing. Returns NULL with a sentence in `why`
 * that names file and line. */
struct ft_config *ft_config_load(const char *path, const char *pool, char *why, size_t size);
void ft_config_destroy(struct ft_config *config); /* takes NULL */

#endif
