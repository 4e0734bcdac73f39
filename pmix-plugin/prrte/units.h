/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * units.h - brings up the units of a launcher: ft-centrald beside it, one ft-noded on every node.
 * All of it does nothing unless errmgr_ft_runtime is set.
 */
#ifndef FTP_UNITS_H
#define FTP_UNITS_H

#include "ft_prrte.h"

/* Master: starts the central unit, once, without waiting for it. */
void ftp_units_start(void);

/* Master: daemons have come; starts the units of their nodes as soon as the central unit is
 * ready. */
void ftp_units_vm_ready(void);

/* Master: what the processes of a job need in their environment. */
void ftp_units_set_environment(prte_job_t *job);

/* prted: starts this node's unit when the master says so. */
int ftp_units_daemon_init(void);

/* Master: lets the central unit end, which takes all others with it. prted: stops listening. */
void ftp_units_fini(void);

#endif
