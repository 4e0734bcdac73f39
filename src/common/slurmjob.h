/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slurmjob.h - the job of Slurm that this process is a part of, by its environment.
 */
#ifndef FT_COMMON_SLURMJOB_H
#define FT_COMMON_SLURMJOB_H

#include <stdint.h>

/* Its number; 0: there is none. What the environment says is the user's word: Slurm decides what that
 * is worth. */
uint32_t ft_slurm_job(void);

#endif
