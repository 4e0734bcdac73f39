/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gone.h - the processes that are known to be gone, and how to wait for news.
 *
 * One set for the process, behind one lock. Written by PMIx's thread (events.c, bounded.c's
 * callbacks), read by the threads that wait (bounded.c, links.c).
 */
#ifndef FTM_GONE_H
#define FTM_GONE_H

#include <pmix.h>
#include <stdbool.h>
#include <stdint.h>

#define FTM_NO_DEADLINE INT64_MAX

enum ftm_how {
    FTM_DIED = 1,    /* it, or its node, was lost */
    FTM_DEPARTED = 2 /* it has come to the end of its program */
};

/* Notes that a process is gone and wakes who waits. A second note of the same process can only make
 * a departed one dead. Returns true if that was news. */
bool ftm_gone_add(const pmix_proc_t *proc, enum ftm_how how);

/* Is one (all) of these processes gone in one of these ways (FTM_DIED | FTM_DEPARTED)? A rank
 * PMIX_RANK_WILDCARD stands for any rank of its job. To be called with the lock held. */
bool ftm_gone_any(const pmix_proc_t procs[], size_t n, unsigned ways);
bool ftm_gone_all(const pmix_proc_t procs[], size_t n, unsigned ways);

size_t ftm_gone_count(void); /* with the lock held */

void ftm_lock(void);
void ftm_unlock(void);
/* With the lock held: wakes all that wait. */
void ftm_wake(void);
/* With the lock held: waits until woken or until `deadline_ns` (ftm_now_ns's time) has come; false
 * if it has come. May return early. */
bool ftm_wait(int64_t deadline_ns);

int64_t ftm_now_ns(void); /* CLOCK_MONOTONIC */
int64_t ftm_deadline_ns(int64_t timeout_ms); /* from now; negative: FTM_NO_DEADLINE */
int64_t ftm_left_ms(int64_t deadline_ns);    /* rounded up, 0 once it has come, -1 if none */

/* For tests: forgets everything. */
void ftm_gone_clear(void);

#endif
