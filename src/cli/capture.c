/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * capture.c - owns a child process, the pipe that it speaks into, and a deadline for it.
 *
 * Called by mpirun.c (what version are you?) and doctor.c (ssh to a host, several at once). The
 * child gets a process group of its own, so that the deadline ends what it started as well (an ssh
 * with its helpers), and a terminal's ^C would not reach it: it is bounded by its deadline instead.
 */
#include "config.h"

#include "cli/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX 65536
#define REAP_STEP_MS 5

extern char **environ;

struct capture {
    pid_t pid; /* 0: reaped */
    int fd;    /* -1: it has closed its end */
    int64_t deadline_ms;
    int status; /* of waitpid, once reaped */
    size_t size;
    char text[TEXT_MAX + 1];
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* posix_spawnp with stdin from /dev/null and both outputs into the pipe. Returns an errno. */
static int spawn(struct capture *c, char *const argv[], int to)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    int error;

    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_init(&files);
    error = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&files, to, 1);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&files, to, 2);
    if (!error)
        error = posix_spawnp(&c->pid, argv[0], &files, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return error;
}

struct capture *capture_start(char *const argv[], int timeout_ms)
{
    struct capture *c = calloc(1, sizeof *c);
    int ends[2], error;

    if (!c)
        return NULL;
    c->deadline_ms = now_ms() + timeout_ms;
    if (pipe2(ends, O_CLOEXEC) < 0) {
        free(c);
        return NULL;
    }
    error = spawn(c, argv, ends[1]);
    close(ends[1]);
    c->fd = ends[0];
    if (error) {
        c->pid = 0;
        errno = error;
        capture_destroy(c);
        return NULL;
    }
    return c;
}

/* Reads until the child closes its end or the deadline comes. */
static void read_all(struct capture *c)
{
    char rest[4096];

    while (c->fd >= 0) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        int64_t left = c->deadline_ms - now_ms();
        bool full = c->size == TEXT_MAX;
        ssize_t n;

        if (left <= 0 || (poll(&p, 1, (int) left) < 0 && errno != EINTR))
            return;
        if (!p.revents)
            continue;
        n = full ? read(c->fd, rest, sizeof rest)
                 : read(c->fd, c->text + c->size, TEXT_MAX - c->size);
        if (n > 0 && !full)
            c->size += (size_t) n;
        if (n == 0 || (n < 0 && errno != EINTR)) {
            close(c->fd);
            c->fd = -1;
        }
    }
}

/* It may close its outputs and stay: the deadline holds for that, too. */
static bool reap(struct capture *c)
{
    while (c->pid) {
        if (waitpid(c->pid, &c->status, WNOHANG) == c->pid)
            c->pid = 0;
        else if (now_ms() >= c->deadline_ms)
            return false;
        else
            poll(NULL, 0, REAP_STEP_MS);
    }
    return true;
}

static void kill_child(struct capture *c)
{
    if (!c->pid)
        return;
    kill(-c->pid, SIGKILL);
    while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
        ;
    c->pid = 0;
}

int capture_wait(struct capture *c)
{
    read_all(c);
    c->text[c->size] = '\0';
    if (!reap(c)) {
        kill_child(c);
        errno = ETIMEDOUT;
        return -1;
    }
    return WIFEXITED(c->status) ? WEXITSTATUS(c->status) : 128 + WTERMSIG(c->status);
}

const char *capture_text(const struct capture *c)
{
    return c->text;
}

void capture_destroy(struct capture *c)
{
    int kept = errno;

    if (!c)
        return;
    kill_child(c);
    if (c->fd >= 0)
        close(c->fd);
    free(c);
    errno = kept;
}
