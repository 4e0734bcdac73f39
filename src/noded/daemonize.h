/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * daemonize.h - two processes out of one: a parent that returns once its child is ready.
 */
#ifndef FT_NODED_DAEMONIZE_H
#define FT_NODED_DAEMONIZE_H

#include <stddef.h>

enum ft_side { FT_SIDE_CHILD, FT_SIDE_PARENT, FT_SIDE_FAILED };

/* Forks. The child is in a session of its own, in "/", its standard descriptors on /dev/null.
 * *ready is to be handed to the side's function below. FT_SIDE_FAILED: no child, errno. */
enum ft_side ft_daemonize(int *ready);

/* In the child, once: NULL if it is ready, else what hinders it. */
void ft_daemon_tell(int ready, const char *problem);

/* In the parent: waits at most timeout_ms for that. Returns 0 if the child is ready, else -1 with
 * its problem in `why`. */
int ft_daemon_wait(int ready, int timeout_ms, char *why, size_t why_size);

#endif
