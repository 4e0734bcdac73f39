/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * runtime.c - the layer's own connection to the FT runtime, and reports sent over it.
 *
 * A process that hears of no failure never opens the connection and never has the thread: what
 * never fails costs nothing. Only where warm spares wait, so that milliseconds count, it is opened
 * in MPI_Init, and then is idle. The thread is started by the first report (from PMIx's thread,
 * which may not wait, while opening the connection may), sends what is queued, one request at a
 * time, and ends when nothing has come for a while. All signals are blocked in it: they are the
 * application's.
 *
 * Where spares wait a loss is reported a little later than it is heard of. The launcher has told
 * the runtime of it before; meanwhile each rank has to ask who is in the lost one's place, and
 * would wait for this thread and its reports, for the connection and for the processor.
 *
 * Called by events.c (failures), standin.c (its port, and its own requests).
 */
#include "config.h"

#include "runtime.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "gone.h"
#include "role.h"

#define QUEUE_MAX 1024
#define SEND_TIMEOUT_MS 2000
#define IDLE_MS 2000     /* the thread ends after so long without a report */
#define END_MS 300       /* MPI_Finalize waits so long for it */
#define FAILURES_MAX 3   /* so many in a row, and what is queued is dropped */
#define SPARES_FIRST_MS 50 /* a lost rank is replaced within that, by a spare */

static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static ftHandle_t connection;
static bool is_open;

struct report {
    ftAction_t action;
    int64_t due_ns;
};

/* Under gone.h's lock: */
static struct report *queue[QUEUE_MAX];
static size_t queue_first, queue_n;
static bool sender_runs, ending, opens;

ftRetVal_t ftm_runtime(ftHandle_t *ft)
{
    ftRetVal_t rc = FT_OK;

    pthread_mutex_lock(&open_lock);
    if (!is_open) {
        rc = openFT(NULL, &connection);
        is_open = rc == FT_OK;
    }
    *ft = connection;
    pthread_mutex_unlock(&open_lock);
    return rc;
}

/* ---------------------------------------------------------------- the thread */

static struct report *take(void)
{
    struct report *report = NULL;
    int64_t idle_until_ns = ftm_deadline_ns(IDLE_MS);

    ftm_lock();
    while (!ending && ftm_wait(queue_n > 0 ? queue[queue_first]->due_ns : idle_until_ns))
        continue;
    if (queue_n > 0) {
        report = queue[queue_first];
        queue_first = (queue_first + 1) % QUEUE_MAX;
        queue_n--;
    } else {
        sender_runs = false;
        ftm_wake();
    }
    ftm_unlock();
    return report;
}

static bool send_one(const ftAction_t *action)
{
    ftHandle_t ft;
    ftReply_t reply;
    ftRetVal_t rc = ftm_runtime(&ft);

    if (rc == FT_OK)
        rc = requestFT(ft, *action, &reply, SEND_TIMEOUT_MS);
    return rc != FT_ERR_CONNECT && rc != FT_ERR_TIMEOUT && rc != FT_ERR_LOST;
}

static void open_now(void)
{
    bool wanted;
    ftHandle_t ft;

    ftm_lock();
    wanted = opens;
    opens = false;
    ftm_unlock();
    if (wanted)
        ftm_runtime(&ft); /* if it fails, whoever needs it tries again */
}

static void *sender(void *unused)
{
    int failures = 0;
    struct report *report;

    (void) unused;
    open_now();
    while ((report = take()) != NULL) {
        if (failures < FAILURES_MAX)
            failures = send_one(&report->action) ? 0 : failures + 1;
        free(report);
    }
    return NULL;
}

/* With the lock held. */
static void start_sender(void)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;

    if (sender_runs || pthread_attr_init(&attr) != 0)
        return;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    sender_runs = pthread_create(&thread, &attr, sender, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
}

void ftm_runtime_open_soon(void)
{
    ftm_lock();
    opens = true;
    start_sender();
    ftm_unlock();
}

static void report(ftAction_t action, int after_ms)
{
    struct report *report = malloc(sizeof *report);

    if (!report)
        return;
    report->action = action;
    report->due_ns = ftm_deadline_ns(after_ms);
    ftm_lock();
    if (queue_n < QUEUE_MAX && !ending) {
        queue[(queue_first + queue_n++) % QUEUE_MAX] = report;
        report = NULL;
        start_sender();
        ftm_wake();
    }
    ftm_unlock();
    free(report);
}

static void report_loss(ftResource_t lost)
{
    report(resourceError(lost, FT_COMPUTE), ftm_role()->spares_n > 0 ? SPARES_FIRST_MS : 0);
}

void ftm_report_process(const pmix_proc_t *proc)
{
    if (proc->rank <= PMIX_RANK_VALID)
        report_loss(ftRankOf(proc->nspace, (int) proc->rank));
}

void ftm_report_node(const char *node)
{
    report_loss(ftNode(node));
}

void ftm_report_standin(uint64_t decision, const char *port)
{
    report(ftAnnounce(decision, port), 0);
}

void ftm_runtime_end(void)
{
    int64_t deadline_ns = ftm_deadline_ns(END_MS);
    bool is_idle;

    ftm_lock();
    ending = true;
    ftm_wake();
    while (sender_runs && ftm_wait(deadline_ns))
        continue;
    is_idle = !sender_runs;
    ending = !is_idle; /* a program may bring MPI up again (sessions) */
    ftm_unlock();
    if (!is_idle)
        return; /* it waits for the runtime; the process may end meanwhile */
    pthread_mutex_lock(&open_lock);
    if (is_open)
        closeFT(connection);
    is_open = false;
    pthread_mutex_unlock(&open_lock);
}
