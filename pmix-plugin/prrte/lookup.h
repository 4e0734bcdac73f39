/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lookup.h - which of the user's jobs of Slurm has a node (lookup.c). On the launcher's event loop.
 */
#ifndef FTP_LOOKUP_H
#define FTP_LOOKUP_H

#include "ft_prrte.h"

/* The job's number; NULL: it is the one that this runs in. Or `why` it is not known (NULL: it is). */
typedef void (*ftp_looked_up_fn)(pmix_rank_t rank, const char *id, const char *why);

/* Finds the job that has the node of the daemon of that rank. Heard once, maybe from within; not
 * after ftp_lookup_fini. */
void ftp_lookup(pmix_rank_t rank, ftp_looked_up_fn heard);
void ftp_lookup_fini(void);

#endif
