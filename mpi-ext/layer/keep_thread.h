/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_thread.h - a thread in somebody else's process.
 */
#ifndef FTM_KEEP_THREAD_H
#define FTM_KEEP_THREAD_H

#include <pthread.h>

/* A thread with all signals blocked, which does not interrupt the application's own when it has
 * something to do. To be joined. 0, or -1 with errno. */
int ftm_keep_thread_start(pthread_t *thread, void *(*run)(void *data), void *data);

#endif
