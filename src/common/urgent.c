/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * urgent.c - a better place in the scheduler's queue.
 *
 * Called once by each daemon as it begins. Their work is short and rare, and others conclude from
 * its coming late that a node is lost. Not real-time scheduling: a daemon that runs wild must not
 * take the machine away from the application. What they start (modules, probes, checks) must not
 * inherit it; the kernel sees to that.
 */
#include "config.h"

#include "common/urgent.h"

#include <errno.h>
#include <sched.h>
#include <sys/resource.h>

#define NICE (-10)

#ifndef SCHED_RESET_ON_FORK
#define SCHED_RESET_ON_FORK 0x40000000
#endif

bool ft_urgent(void)
{
    struct sched_param param = {0};

    if (sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &param) != 0)
        return false;
    return setpriority(PRIO_PROCESS, 0, NICE) == 0;
}
