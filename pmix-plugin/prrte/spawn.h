/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spawn.h - starts a program, with a way to tell it something and one to hear what it says.
 */
#ifndef FTP_SPAWN_H
#define FTP_SPAWN_H

#include <sys/types.h>

typedef struct {
    pid_t pid; /* PRRTE's SIGCHLD handler reaps it */
    int to;    /* its standard input */
    int from;  /* its standard output and standard error; never blocks */
} ftp_spawned_t;

/* Starts argv[0], a path, in a session of its own, with this process's environment less what is
 * preloaded here, default signals and no other descriptor. Returns 0, or an errno: nothing is left
 * then. Both descriptors are the caller's to close. */
int ftp_spawn(ftp_spawned_t *child, char *const argv[]);

/* The same with this environment, less what is preloaded. */
int ftp_spawn_in(ftp_spawned_t *child, char *const argv[], char *const environment[]);

/* Writes a short text to it, without waiting; 0 or an errno. */
int ftp_spawn_tell(const ftp_spawned_t *child, const char *text);

#endif
