/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * yield.h - whether a process that waits in Open MPI lets others have its core.
 */
#ifndef FTM_YIELD_H
#define FTM_YIELD_H

#include <stdbool.h>

/* From now on: as long as nothing comes, each look for messages ends with sched_yield. Returns what
 * held before, to be given back here. No effect where Open MPI has no such switch. */
bool ftm_yield(bool while_idle);

#endif
