/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_thread.c - a thread in somebody else's process.
 *
 * Signals are the application's, all of them. And so is its processor: where every core has a rank
 * that computes, a thread that is woken would take the core from it at once, in the middle of
 * FTMPI_Commit. SCHED_BATCH has it wait for its turn, of which it gets as many as others.
 */
#include "config.h"

#include "keep_thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#define STACK_BYTES (256u << 10)

struct start {
    void *(*run)(void *data);
    void *data;
};

static void *begin(void *data)
{
    const struct start start = *(struct start *) data;
    const struct sched_param none = {0};

    free(data);
    sched_setscheduler(0, SCHED_BATCH, &none); /* refused: as any other thread, then */
    return start.run(start.data);
}

int ftm_keep_thread_start(pthread_t *thread, void *(*run)(void *data), void *data)
{
    struct start *start = malloc(sizeof *start);
    pthread_attr_t attr;
    sigset_t all, before;
    int rc = start ? pthread_attr_init(&attr) : ENOMEM;

    if (rc == 0) {
        *start = (struct start){run, data};
        pthread_attr_setstacksize(&attr, STACK_BYTES);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        rc = pthread_create(thread, &attr, begin, start);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attr);
    }
    if (rc != 0)
        free(start);
    errno = rc;
    return rc == 0 ? 0 : -1;
}
