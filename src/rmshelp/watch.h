/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * watch.h - what slurmctld comes to know about a job's nodes.
 */
#ifndef FT_RMSHELP_WATCH_H
#define FT_RMSHELP_WATCH_H

#include <stdint.h>

/* Says what changes, asked every each_ms, until the side or the job is over; job 0: of all nodes.
 * Returns an exit code. */
int ft_watch(uint32_t job, int each_ms);

#endif
