/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gone.c - the processes that are known to be gone, and how to wait for news.
 *
 * Open MPI keeps the same knowledge for itself, but gives it out by communicator only, and stops to
 * listen in the middle of MPI_Finalize. Here it is by PMIx name: what bounded.c and links.c need.
 *
 * The set only grows, by one entry a lost process; it is read on slow paths alone (a spawn, a
 * disconnect, the end), so a plain array does. Out of memory an entry is not noted: waits that have
 * a deadline then end by it.
 */
#include "config.h"

#include "gone.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GONE_MAX 1048576 /* more lost processes than that are not noted */

struct gone {
    pmix_proc_t proc;
    unsigned how;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news;
static pthread_once_t news_once = PTHREAD_ONCE_INIT;
static struct gone *gone;
static size_t gone_n, gone_space;

static void init_news(void)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&news, &attr);
    pthread_condattr_destroy(&attr);
}

void ftm_lock(void)
{
    pthread_once(&news_once, init_news);
    pthread_mutex_lock(&lock);
}

void ftm_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

void ftm_wake(void)
{
    pthread_cond_broadcast(&news);
}

bool ftm_wait(int64_t deadline_ns)
{
    struct timespec when;

    if (deadline_ns == FTM_NO_DEADLINE) {
        pthread_cond_wait(&news, &lock);
        return true;
    }
    if (ftm_now_ns() >= deadline_ns)
        return false;
    when.tv_sec = deadline_ns / 1000000000;
    when.tv_nsec = deadline_ns % 1000000000;
    pthread_cond_timedwait(&news, &lock, &when);
    return true;
}

int64_t ftm_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t ftm_deadline_ns(int64_t timeout_ms)
{
    int64_t now = ftm_now_ns();

    if (timeout_ms < 0 || timeout_ms > (FTM_NO_DEADLINE - now) / 1000000)
        return FTM_NO_DEADLINE;
    return now + timeout_ms * 1000000;
}

int64_t ftm_left_ms(int64_t deadline_ns)
{
    int64_t left_ns = deadline_ns - ftm_now_ns();

    if (deadline_ns == FTM_NO_DEADLINE)
        return -1;
    return left_ns > 0 ? (left_ns + 999999) / 1000000 : 0;
}

static struct gone *find(const pmix_proc_t *proc)
{
    for (size_t i = 0; i < gone_n; i++)
        if (gone[i].proc.rank == proc->rank && strcmp(gone[i].proc.nspace, proc->nspace) == 0)
            return &gone[i];
    return NULL;
}

static struct gone *append(const pmix_proc_t *proc)
{
    if (gone_n == gone_space) {
        size_t space = gone_space ? 2 * gone_space : 16;
        struct gone *bigger = space <= GONE_MAX ? realloc(gone, space * sizeof *gone) : NULL;

        if (!bigger)
            return NULL;
        gone = bigger;
        gone_space = space;
    }
    gone[gone_n] = (struct gone){.proc = *proc};
    return &gone[gone_n++];
}

bool ftm_gone_add(const pmix_proc_t *proc, enum ftm_how how)
{
    bool is_news = false;
    struct gone *entry;

    ftm_lock();
    entry = find(proc);
    if (!entry)
        entry = append(proc);
    if (entry && !(entry->how & how)) {
        entry->how |= how;
        is_news = true;
        ftm_wake();
    }
    ftm_unlock();
    return is_news;
}

static bool is_gone(const pmix_proc_t *proc, unsigned ways)
{
    for (size_t i = 0; i < gone_n; i++)
        if ((gone[i].how & ways) != 0 && strcmp(gone[i].proc.nspace, proc->nspace) == 0
            && (proc->rank == PMIX_RANK_WILDCARD || gone[i].proc.rank == proc->rank))
            return true;
    return false;
}

bool ftm_gone_any(const pmix_proc_t procs[], size_t n, unsigned ways)
{
    for (size_t i = 0; i < n; i++)
        if (is_gone(&procs[i], ways))
            return true;
    return false;
}

bool ftm_gone_all(const pmix_proc_t procs[], size_t n, unsigned ways)
{
    for (size_t i = 0; i < n; i++)
        if (!is_gone(&procs[i], ways))
            return false;
    return true;
}

size_t ftm_gone_count(void)
{
    return gone_n;
}

void ftm_gone_clear(void)
{
    ftm_lock();
    free(gone);
    gone = NULL;
    gone_n = gone_space = 0;
    ftm_unlock();
}
