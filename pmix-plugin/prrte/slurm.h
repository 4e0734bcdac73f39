/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slurm.h - on the master: daemons on nodes that Slurm gave.
 */
#ifndef FTP_SLURM_H
#define FTP_SLURM_H

#include "ft_prrte.h"

/* PRRTE has just read its allocation, and nothing was taken out of it or added. */
void ftp_slurm_allocated(void);

/* Whether PRRTE chose plm/slurm to start its daemons. */
bool ftp_slurm_is_here(void);

/* In the place of plm/slurm's LAUNCH_DAEMONS, for a tolerant job. */
void ftp_slurm_launch(prte_job_t *job);

/* The launcher ends: no srun of it stays behind. Waits a second at the most. */
void ftp_slurm_fini(void);

#endif
