/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * daemonize.h - two processes out of one: a parent that returns once its child is ready.
 */
#ifndef FT_COMMON_DAEMONIZE_H
#define FT_COMMON_DAEMONIZE_H

#include <stddef.h>
#include <sys/types.h>

enum ft_side { FT_SIDE_CHILD, FT_SIDE_PARENT, FT_SIDE_FAILED };

/* Before anything is opened: lets go of all descriptors that who started this has left open, but
 * the standard ones, which are opened on /dev/null if they are not there. */
void ft_daemon_let_go(void);

/* Forks. The child is in a session of its own, in "/", its standard descriptors on /dev/null, and
 * makes files with `mask`. *ready is to be handed to the side's function below. FT_SIDE_FAILED: no
 * child, errno. */
enum ft_side ft_daemonize(int *ready, mode_t mask);

/* In the child, once: NULL if it is ready, else what hinders it. */
void ft_daemon_tell(int ready, const char *problem);

/* In the parent: waits at most timeout_ms for that. Returns 0 if the child is ready, else -1 with
 * its problem in `why`. */
int ft_daemon_wait(int ready, int timeout_ms, char *why, size_t why_size);

/* This process's number in a file, for init scripts. 0, or -1 with errno. _remove_pid: unless
 * another process has put its own there. */
int ft_daemon_write_pid(const char *path);
void ft_daemon_remove_pid(const char *path);

#endif
