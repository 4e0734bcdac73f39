/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * links.h - the application's own connections to other jobs, for the end of the program.
 */
#ifndef FTM_LINKS_H
#define FTM_LINKS_H

#include <pmix.h>
#include <stdbool.h>

/* Open MPI has connected these processes (spawn, connect, accept), or disconnected them. */
void ftm_links_add(const pmix_proc_t procs[], size_t n);
void ftm_links_remove(const pmix_proc_t procs[], size_t n);

/* Is it connected with another job just now? */
bool ftm_links_are_there(void);

/* Right before MPI goes down: tells the processes of other jobs that this one is leaving, waits for
 * those that Open MPI would wait for until they leave too or are dead, and keeps Open MPI from
 * waiting itself. */
void ftm_links_end(void);

#endif
