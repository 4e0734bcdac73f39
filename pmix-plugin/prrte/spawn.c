/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spawn.c - starts a unit beside the launcher or a daemon, and leaves no trace of either in it.
 *
 * PRRTE's process has descriptors, blocked signals and handlers of its own; none of them reach the
 * child. Called by units.c and slurm.c.
 */
#define _GNU_SOURCE
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern char **environ;

static char **clean_environment(char *const environment[])
{
    size_t n = 0, kept = 0;
    char **copy;

    while (environment[n] != NULL)
        n++;
    copy = calloc(n + 1, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < n; i++)
        if (strncmp(environment[i], "LD_PRELOAD=", 11) != 0)
            copy[kept++] = environment[i];
    return copy;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    int rc;

    sigemptyset(&none);
    sigfillset(&all);
    rc = posix_spawnattr_setsigmask(attributes, &none);
    if (rc == 0)
        rc = posix_spawnattr_setsigdefault(attributes, &all);
    if (rc == 0)
        rc = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK
                                                      | POSIX_SPAWN_SETSIGDEF);
    return rc;
}

static int set_descriptors(posix_spawn_file_actions_t *actions, int in, int out)
{
    int rc = posix_spawn_file_actions_adddup2(actions, in, STDIN_FILENO);

    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(actions, out, STDERR_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
    return rc;
}

static int spawn_on(pid_t *pid, char *const argv[], char *const given[], int in, int out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char **environment;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0)
        return rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc == 0) {
        environment = clean_environment(given);
        rc = environment == NULL ? ENOMEM : set_attributes(&attributes);
        if (rc == 0)
            rc = set_descriptors(&actions, in, out);
        if (rc == 0)
            rc = posix_spawn(pid, argv[0], &actions, &attributes, argv, environment);
        free(environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* A pair of sockets that are not 0, 1 or 2, so that moving them there cannot close one of them.
 * They are sockets and not a pipe because a write to a child that has ended then raises no
 * SIGPIPE. */
static int make_pair(int ends[2])
{
    int made[2], rc = 0;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, made) < 0)
        return errno;
    ends[0] = fcntl(made[0], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    ends[1] = ends[0] < 0 ? -1 : fcntl(made[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (ends[1] < 0) {
        rc = errno;
        if (ends[0] >= 0)
            close(ends[0]);
    }
    close(made[0]);
    close(made[1]);
    return rc;
}

int ftp_spawn(ftp_spawned_t *child, char *const argv[])
{
    return ftp_spawn_in(child, argv, environ);
}

int ftp_spawn_in(ftp_spawned_t *child, char *const argv[], char *const environment[])
{
    int in[2], out[2];
    int rc = make_pair(in);

    if (rc != 0)
        return rc;
    rc = make_pair(out);
    if (rc == 0) {
        rc = spawn_on(&child->pid, argv, environment, in[0], out[1]);
        close(out[1]);
        if (rc != 0)
            close(out[0]);
    }
    close(in[0]);
    if (rc != 0) {
        close(in[1]);
        return rc;
    }
    child->to = in[1];
    child->from = out[0];
    fcntl(child->from, F_SETFL, O_NONBLOCK);
    return 0;
}

int ftp_spawn_tell(const ftp_spawned_t *child, const char *text)
{
    size_t n = strlen(text);
    ssize_t sent = send(child->to, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);

    return sent == (ssize_t) n ? 0 : sent < 0 ? errno : EIO;
}
