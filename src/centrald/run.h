/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * run.h - the two ways in which ft-centrald runs.
 */
#ifndef FT_CENTRALD_RUN_H
#define FT_CENTRALD_RUN_H

#include <stdbool.h>
#include <stddef.h>

#define FT_PROGRAM "ft-centrald"

/* As they were given; texts NULL if they were not. */
struct ft_run_options {
    const char *job;
    const char *conf;
    const char *pool;
    const char *events;
    const char *node;
    bool pool_given; /* on the command line rather than in the environment */
    bool daemonize;
    bool check;
};

/* Run until it is over. 0, or -1: it could not begin or go on, `why` says it. */
int ft_run_job(const struct ft_run_options *options, char *why, size_t size);
int ft_run_system(const struct ft_run_options *options, char *why, size_t size);

/* An environment variable that is set and not empty, else NULL. */
const char *ft_from_environment(const char *name);

#endif
