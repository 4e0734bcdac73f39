/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * head.h - jobs whose first node is gone.
 */
#ifndef FT_RMSHELP_HEAD_H
#define FT_RMSHELP_HEAD_H

#include <stdint.h>

/* Ends the job, or has it begin anew if it may be requeued, where its first node is no more; else it
 * does nothing. Only its owner, root and operators may. */
void ft_head_end(uint32_t job);

/* On a node that the job still has, when the job's central unit is not heard of any more: does that
 * once Slurm has found the first node down. Returns when it did, when the job is over, or when the
 * first node has turned out to live. 0, or 1: slurmctld was not to be asked. */
int ft_head_watch(uint32_t job);

#endif
