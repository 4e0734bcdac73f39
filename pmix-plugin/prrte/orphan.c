/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * orphan.c - processes of tolerant jobs do not outlive the daemon that started them.
 *
 * When a daemon is killed and its node goes on, the master declares its processes dead, and a
 * stand-in may be started for them. They must not compute on. So each of them asks, between fork
 * and exec, to be killed when its parent dies. PRRTE lets run-time controls act at that point in
 * the child (prte_rtc.set), and says in the parent beforehand which job comes (prte_rtc.assign).
 *
 * Linux sends that signal when the thread that forked ends, not the process: PRRTE's launch threads
 * live until their daemon has ended its processes.
 */
#include "ft_prrte.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "src/mca/odls/odls_types.h"
#include "src/mca/rtc/rtc.h"

static prte_rtc_API_module_t stock;
static pid_t parent;

static void assign(prte_job_t *job)
{
    parent = getpid();
    stock.assign(job);
}

/* In the child. */
static void set(prte_odls_spawn_caddy_t *caddy, int error_fd)
{
    if (ftp_job_is_tolerant(caddy->jdata)) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1); /* it died just now */
    }
    stock.set(caddy, error_fd);
}

void ftp_orphan_init(void)
{
    stock = prte_rtc;
    prte_rtc.assign = assign;
    prte_rtc.set = set;
}

void ftp_orphan_fini(void)
{
    if (prte_rtc.set == set)
        prte_rtc = stock;
}
