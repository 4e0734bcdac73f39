/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * events.h - what PMIx tells of processes and nodes that are lost.
 */
#ifndef FTM_EVENTS_H
#define FTM_EVENTS_H

#include <pmix.h>

/* Starts to listen, if PMIx is up and we do not listen yet; never waits. */
void ftm_events_start(void);
/* PMIx is going down (in this process's last MPI_Finalize): the next start registers again. */
void ftm_events_end(void);

/* Tells these processes that this one has come to the end of its program. */
void ftm_events_depart(const pmix_proc_t procs[], size_t n);

#endif
