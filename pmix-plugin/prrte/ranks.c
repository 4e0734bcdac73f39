/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ranks.c - in prterun and prted: which processes of jobs are on this node, told to its unit.
 *
 * The unit ends them when the node is cut off, or was declared lost; by then there may be nobody
 * left here who could. It is told of all processes of each tolerant job, when one has started or
 * ended and every TELL_MS, together with how long ago this daemon heard of its master: while the
 * two are in touch, its processes are nobody's orphans, whatever the unit itself cannot reach. In
 * TCP's words: the time since the master's kernel acknowledged something last (silence.c has it
 * probed each second). The master itself has nobody to hear of.
 *
 * Posted through libft, never waited for. A unit that goes away is told again when it is back.
 */
#include "ranks.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ft_prrte.h"
#include "ft_runtime.h"

#define TELL_MS 500
#define AT_ONCE 4096   /* processes in one action */
#define JOBS_MAX 256   /* jobs told of; of more, those beyond are not */

static ftHandle_t unit;
static bool is_open, is_due;
static prte_event_t timer;
static pmix_nspace_t told[JOBS_MAX]; /* jobs that the unit knows of */
static size_t told_n;

/* ---- the master's silence */

static int quiet_of(int fd)
{
    struct tcp_info info;
    socklen_t n = sizeof info;

    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0 || info.tcpi_state != TCP_ESTABLISHED)
        return -1;
    return info.tcpi_last_ack_recv < INT32_MAX ? (int) info.tcpi_last_ack_recv : INT32_MAX;
}

/* Milliseconds since the master was heard of; -1: not known. In a flat tree the master is the only
 * one that a daemon is connected to. */
static int quiet_ms(void)
{
    static int lifeline = -1;
    int quiet = lifeline >= 0 ? quiet_of(lifeline) : -1;

    if (PRTE_PROC_IS_MASTER)
        return 0;
    if (quiet >= 0)
        return quiet;
    lifeline = ftp_silence_connection();
    return lifeline >= 0 ? quiet_of(lifeline) : -1;
}

/* ---- the processes here */

static bool is_here(const prte_proc_t *child)
{
    return child != NULL && child->pid > 0 && PRTE_FLAG_TEST(child, PRTE_PROC_FLAG_ALIVE)
           && ftp_job_is_tolerant(prte_get_job_data_object(child->name.nspace));
}

static size_t processes_of(const pmix_nspace_t job, ftProcessInfo_t *list)
{
    size_t n = 0;

    for (int i = 0; i < prte_local_children->size && n < AT_ONCE; i++) {
        prte_proc_t *child = (prte_proc_t *) pmix_pointer_array_get_item(prte_local_children, i);
        if (is_here(child) && PMIX_CHECK_NSPACE(child->name.nspace, job))
            list[n++] = (ftProcessInfo_t){.rank = (int) child->name.rank, .pid = child->pid,
                                          .node = prte_process_info.nodename};
    }
    return n;
}

static void remember(const pmix_nspace_t job)
{
    for (size_t i = 0; i < told_n; i++)
        if (PMIX_CHECK_NSPACE(told[i], job))
            return;
    if (told_n < JOBS_MAX)
        PMIX_LOAD_NSPACE(told[told_n++], job);
}

/* ---- telling */

static void tell(void)
{
    ftProcessInfo_t *list;
    int quiet = quiet_ms();

    for (int i = 0; i < prte_local_children->size; i++) {
        prte_proc_t *child = (prte_proc_t *) pmix_pointer_array_get_item(prte_local_children, i);
        if (is_here(child))
            remember(child->name.nspace);
    }
    list = told_n > 0 ? calloc(AT_ONCE, sizeof *list) : NULL;
    for (size_t i = 0; list != NULL && i < told_n;) {
        size_t n = processes_of(told[i], list);
        ftRetVal_t rc = postFT(unit, ftRanksHere(told[i], list, n, quiet));

        if (rc != FT_OK)
            ftp_say(2, "this node's unit is not told of its processes: %s", ftStrError(rc));
        if (n == 0 && rc == FT_OK)
            PMIX_LOAD_NSPACE(told[i], told[--told_n]);
        else
            i++;
    }
    free(list);
}

static void arm(int ms)
{
    struct timeval delay = {.tv_sec = ms / 1000, .tv_usec = 1000 * (ms % 1000)};

    prte_event_evtimer_add(&timer, &delay);
}

static void on_timer(int fd, short what, void *cbdata)
{
    (void) fd;
    (void) what;
    (void) cbdata;
    is_due = false;
    tell();
    arm(TELL_MS);
}

/* All that change in one round of events are told of together. */
void ftp_ranks_changed(void)
{
    if (!is_open || is_due)
        return;
    is_due = true;
    prte_event_evtimer_del(&timer);
    arm(0);
}

bool ftp_ranks_open(const char *host, const char *session, char *why, size_t size)
{
    ftRetVal_t rc;

    if (is_open)
        return true;
    rc = openLauncherFT(host, session, &unit);
    if (rc != FT_OK) {
        snprintf(why, size, "%s", ftLastError());
        return false;
    }
    is_open = true;
    prte_event_evtimer_set(prte_event_base, &timer, on_timer, NULL);
    arm(0);
    return true;
}

void ftp_ranks_close(void)
{
    if (!is_open)
        return;
    prte_event_evtimer_del(&timer);
    closeFT(unit);
    is_open = is_due = false;
}
