/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * options.h - ft-noded's command line.
 */
#ifndef FT_NODED_OPTIONS_H
#define FT_NODED_OPTIONS_H

#include <stdbool.h>

struct ft_options {
    const char *session;   /* --job; NULL: the node's own unit */
    const char *conf;      /* --conf; NULL: the installed place */
    const char *node;      /* --node; NULL: from the configuration or the host */
    const char *measure;   /* --measure: what */
    const char *topology;  /* --topology, with --measure */
    const char *scratch;   /* --scratch, with --measure */
    const char *run;       /* --run, the folder of the node's own unit; NULL: /run/ft */
    bool foreground;
    bool daemonize;
    bool show;
    bool stop_modules;
};

/* Reads the command line; texts are borrowed from it. Returns -1 to go on, else the exit code: 0 if
 * help or version was printed, 2 if the command line is wrong (said on stderr). */
int ft_options_read(struct ft_options *options, int argc, char **argv);

#endif
