/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * trial.c - lets a child process step on what may be a mine.
 *
 * ft_topology_parse calls it for XML of whatever origin: hwloc's reader has assertions and faults
 * that damaged text can reach, and a unit must not end because of a file. The child does the work
 * on its copy of everything and says with one byte through a pipe how it went; no byte is a crash.
 * It takes about 1 ms. The parent then does the same work itself, knowing that it ends well.
 */
#include "config.h"

#include "topology/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"

#define MEMORY_MAX_BYTES (UINT64_C(1) << 30)

/* Never returns. */
static void child(int answer, bool (*work)(void *arg), void *arg)
{
    struct rlimit no_core = {0, 0};
    int null = open("/dev/null", O_RDWR);
    char byte;

    setrlimit(RLIMIT_CORE, &no_core);
#ifndef __SANITIZE_ADDRESS__ /* which reserves terabytes of addresses */
    struct rlimit memory = {MEMORY_MAX_BYTES, MEMORY_MAX_BYTES};
    setrlimit(RLIMIT_AS, &memory);
#endif
    if (null >= 0) { /* an assertion's text means nothing to whoever reads our output */
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
    }
    byte = work(arg) ? 'y' : 'n';
    _exit(write(answer, &byte, 1) == 1 ? 0 : 1);
}

static enum ft_trial wait_answer(int answer, int timeout_ms)
{
    int64_t end_ms = ft_clock_ms() + timeout_ms;
    struct pollfd poll_fd = {.fd = answer, .events = POLLIN};
    char byte;
    int64_t left_ms;
    ssize_t n;

    while ((left_ms = end_ms - ft_clock_ms()) > 0) {
        if (poll(&poll_fd, 1, (int)left_ms) <= 0)
            continue; /* a signal, or the time is over */
        n = read(answer, &byte, 1);
        if (n == 1)
            return byte == 'y' ? FT_TRIAL_GOOD : FT_TRIAL_REFUSED;
        if (n == 0)
            return FT_TRIAL_CRASHED;
    }
    return FT_TRIAL_HUNG;
}

enum ft_trial ft_trial_run(bool (*work)(void *arg), void *arg, int timeout_ms)
{
    enum ft_trial result;
    int answer[2];
    pid_t pid;

    if (pipe2(answer, O_CLOEXEC) != 0)
        return FT_TRIAL_NOT_RUN;
    pid = fork();
    if (pid == 0)
        child(answer[1], work, arg);
    close(answer[1]);
    result = pid < 0 ? FT_TRIAL_NOT_RUN : wait_answer(answer[0], timeout_ms);
    close(answer[0]);
    if (pid > 0) {
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    return result;
}
