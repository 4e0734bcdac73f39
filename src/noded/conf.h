/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conf.h - what the file noded.conf says about this node.
 */
#ifndef FT_NODED_CONF_H
#define FT_NODED_CONF_H

#include <stdbool.h>
#include <stddef.h>

#define FT_CHECK_TIMEOUT_DEFAULT_MS 1500 /* below the central unit's own patience with a probe */
#define FT_CHECK_TIMEOUT_MAX_MS 60000
#define FT_UNIT_PORT_DEFAULT 7312
#define FT_CENTRAL_PORT_DEFAULT 7311
#define FT_CENTRALS_MAX 16

struct ft_noded_config {
    char *node;     /* this node's name, "" to take the host's */
    char *topology; /* as ft_topology_load, "" for this machine's own */
    char *check;    /* path of the site's check program, "" if none */
    unsigned check_timeout_ms;
    char *scratch;  /* folder whose free space is told */
    char *location; /* "row1/rack2", "" if not told */
    /* of the node's own unit, not of a job's */
    char **centrals; /* "HOST[:PORT]" of central units, ends in NULL; may be empty */
    unsigned port;   /* UDP: where identification is answered */
    char *auth;      /* "auto", "munge" or "key" */
    char *key;       /* path of the key file */
    /* what the leading central unit may do about this node's (see core/redeploy.h) */
    bool redeploy;
    char *central_program; /* path */
    char *central_conf;    /* path of ft.conf: where one that was sent goes if there is none */
    char **central_start;  /* starts it as a daemon; ends in NULL; empty: systemd, or --daemonize */
    char *central_owner;   /* "USER[:GROUP]" of a program that was sent; "": this unit's own */
    unsigned central_mode; /* its permissions */
};

/* Reads the file. One that does not exist gives the defaults, unless it must exist.
 * Returns NULL with a sentence in `why` that names file and line. */
struct ft_noded_config *ft_noded_config_load(const char *path, bool must_exist, char *why,
                                             size_t why_size);
void ft_noded_config_destroy(struct ft_noded_config *config);

#endif
