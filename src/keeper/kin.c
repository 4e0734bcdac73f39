/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kin.c - the keeper's descendants, by /proc and by being their subreaper.
 *
 * A module may start processes, in sessions of their own even. None of them may outlive it: a
 * second copy of the module would meet them. The keeper is the subreaper of all (prctl), so that no
 * descendant ever gets away from below it.
 */
#include "config.h"

#include "keeper/kin.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define GENERATIONS_MAX 64
#define CHILDREN_BYTES 4096

static ssize_t read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n;
}

void ft_kin_adopt_all(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : write(fd, "-900", 4);

    (void)n; /* only root may */
    if (fd >= 0)
        close(fd);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/* As many as fit; the others come when these are gone. */
static void read_children(char text[CHILDREN_BYTES])
{
    char path[64];

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    read_text(path, text, CHILDREN_BYTES);
}

/* The next number of a list; 0 at its end. */
static pid_t next_pid(char **at)
{
    char *end;
    long pid = strtol(*at, &end, 10);

    if (end == *at)
        return 0;
    *at = end;
    return (pid_t)pid;
}

void ft_kin_signal(pid_t group, int signal)
{
    char text[CHILDREN_BYTES], *at = text;
    pid_t pid;

    if (group > 1)
        kill(-group, signal);
    read_children(text);
    while ((pid = next_pid(&at)) > 0)
        if (pid > 1 && getpgid(pid) != group)
            kill(pid, signal);
}

bool ft_kin_reap(pid_t spare)
{
    char text[CHILDREN_BYTES], *at = text;
    bool left = false;
    pid_t pid;

    read_children(text);
    while ((pid = next_pid(&at)) > 0)
        if (pid != spare && waitpid(pid, NULL, WNOHANG) == 0)
            left = true;
    return left;
}

/* Field `field` (from 3) of /proc/PID/stat: behind the name, which may hold anything. */
static uint64_t stat_field(pid_t pid, int field)
{
    char path[64], text[1024], *at;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (read_text(path, text, sizeof text) <= 0)
        return 0;
    at = strrchr(text, ')');
    for (int i = 2; at && i < field; i++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

bool ft_kin_is(pid_t pid)
{
    pid_t me = getpid();

    for (int i = 0; i < GENERATIONS_MAX && pid > 1; i++) {
        pid = (pid_t)stat_field(pid, 4);
        if (pid == me)
            return true;
    }
    return false;
}

bool ft_kin_is_child(pid_t pid)
{
    return stat_field(pid, 4) == (uint64_t)getpid();
}

uint64_t ft_kin_start_ticks(pid_t pid)
{
    return stat_field(pid, 22);
}
