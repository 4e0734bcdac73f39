/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * srun.h - the sruns that start daemons, and their ends (srun.c). On the launcher's event loop.
 */
#ifndef FTP_SRUN_H
#define FTP_SRUN_H

#include "ft_prrte.h"

/* An srun for the daemons from first to end - 1 could not be run, or has ended, and why. Those of
 * them that have reported by then are none of its business. */
typedef void (*ftp_srun_over_fn)(pmix_rank_t first, pmix_rank_t end, const char *why);

/* Starts those daemons, in Slurm's job `id`; NULL: the one that this runs in. `job` is the one that
 * they are wanted for, NULL if it does not matter: its --prefix goes along. `over` may be called
 * from within. */
void ftp_srun_start(const prte_job_t *job, const char *id, pmix_rank_t first, pmix_rank_t end,
                    ftp_srun_over_fn over);

/* Whether each srun is to be for one node only: Slurm would kill it for any other one that is lost. */
bool ftp_srun_is_for_one_node(void);

/* The launcher ends, and its loop runs no more: so do they. */
void ftp_srun_fini(void);

#endif
