/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * late_pid - preloaded into a daemon of mpirun: whoever forks learns late of what number the child
 * is.
 *
 * By itself that happens when the machine is busy: the child of a short program has ended, and
 * another thread has reaped it, before the one that forked goes on. Here it happens every time.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

pid_t fork(void)
{
    pid_t (*next)(void);
    pid_t child;

    *(void **) &next = dlsym(RTLD_NEXT, "fork");
    child = next();
    if (child > 0 && strcmp(program_invocation_short_name, "prted") == 0)
        nanosleep(&(struct timespec){.tv_nsec = 300 * 1000 * 1000}, NULL);
    return child;
}
