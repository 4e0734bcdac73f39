/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * daemonize.c - makes a unit a daemon, without losing what goes wrong on the way.
 *
 * Whoever starts a unit (a person, an init script, ft-centrald through ssh, a node's unit that
 * starts its central unit) waits for the parent's exit code: 0 means that others can connect.
 * Between fork and that moment the child's problems travel through a pipe to the parent, which
 * prints them. Called by both daemons' main programs, while there is one thread and no libuv loop
 * yet.
 */
#include "config.h"

#include "common/daemonize.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"

#define READY "ready"

void ft_daemon_let_go(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    (void)close_range(STDERR_FILENO + 1, ~0U, 0); /* an old kernel's: they are inherited, no more */
}

/* sshd waits for these descriptors to be closed by everybody, so the child lets go of them at once.
 * Without /dev/null they stay, and without "/" some folder stays busy: no reason not to go on. */
static void let_go(void)
{
    int null = open("/dev/null", O_RDWR);
    int moved = chdir("/");

    (void)moved;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (null >= 0)
            dup2(null, fd);
    if (null > STDERR_FILENO)
        close(null);
}

enum ft_side ft_daemonize(int *ready, mode_t mask)
{
    int ends[2], error;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return FT_SIDE_FAILED;
    pid = fork();
    if (pid < 0) {
        error = errno;
        close(ends[0]);
        close(ends[1]);
        errno = error;
        return FT_SIDE_FAILED;
    }
    if (pid > 0) {
        close(ends[1]);
        *ready = ends[0];
        return FT_SIDE_PARENT;
    }
    close(ends[0]);
    *ready = ends[1];
    setsid();
    umask(mask);
    let_go();
    return FT_SIDE_CHILD;
}

void ft_daemon_tell(int ready, const char *problem)
{
    const char *text = problem ? problem : READY;
    ssize_t n = write(ready, text, strlen(text));

    (void)n; /* a parent that is gone wants to know nothing */
    close(ready);
}

int ft_daemon_wait(int ready, int timeout_ms, char *why, size_t why_size)
{
    int64_t end_ms = ft_clock_ms() + timeout_ms;
    char text[1024];
    size_t n = 0;
    ssize_t k = 1;

    while (k != 0 && n + 1 < sizeof text) {
        struct pollfd poll_fd = {.fd = ready, .events = POLLIN};
        int64_t left_ms = end_ms - ft_clock_ms();
        if (left_ms <= 0)
            break;
        if (poll(&poll_fd, 1, (int)left_ms) <= 0)
            continue;
        k = read(ready, text + n, sizeof text - 1 - n);
        if (k > 0)
            n += (size_t)k;
    }
    close(ready);
    text[n] = '\0';
    if (strcmp(text, READY) == 0)
        return 0;
    if (n > 0)
        snprintf(why, why_size, "%s", text);
    else if (k == 0)
        snprintf(why, why_size, "the unit ended before it was ready: its log may tell why");
    else
        snprintf(why, why_size, "the unit is not ready after %d ms: its log may tell why",
                 timeout_ms);
    return -1;
}

/* ---------------------------------------------------------------- its number */

int ft_daemon_write_pid(const char *path)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644), error;
    ssize_t k;

    if (fd < 0)
        return -1;
    k = write(fd, text, (size_t)n);
    error = k < 0 ? errno : ENOSPC;
    if (fchmod(fd, 0644) == 0 && k == n) {
        close(fd);
        return 0;
    }
    close(fd);
    unlink(path);
    errno = error;
    return -1;
}

void ft_daemon_remove_pid(const char *path)
{
    FILE *file = fopen(path, "re");
    long pid = 0;

    if (file == NULL)
        return;
    if (fscanf(file, "%ld", &pid) != 1)
        pid = 0;
    fclose(file);
    if (pid == (long)getpid())
        unlink(path);
}
