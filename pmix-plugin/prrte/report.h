/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * report.h - master: tells the central unit what the launcher knows. Everything here returns at
 * once, and does nothing without units.
 */
#ifndef FTP_REPORT_H
#define FTP_REPORT_H

#include "ft_prrte.h"
#include "ft_runtime.h"

typedef enum { FTP_END_BY_ITSELF, FTP_END_WITH_NODE } ftp_end_t;

/* The central unit is ready, or a system's unit is there (attached): tell it all that has happened
 * so far, and from now on what happens. False with `why`. */
bool ftp_report_open(const char *host, const char *session, bool attached, char *why, size_t size);
void ftp_report_close(void);

/* Tells all of it again: another central unit leads. */
void ftp_report_again(void);

/* Why a node has no unit. */
void ftp_report_no_unit(const char *node, const char *why);

void ftp_report_job_started(prte_job_t *job);
void ftp_report_job_ended(prte_job_t *job);
void ftp_report_process_ended(prte_proc_t *proc, ftp_end_t how);
void ftp_report_process_failed(prte_proc_t *proc, prte_proc_state_t state);
void ftp_report_node_left(prte_proc_t *daemon, const char *how);
void ftp_report_node_lost(prte_proc_t *daemon, const char *how);
void ftp_report_nodes(void);


/* The connection, for asks.c; NULL while there is none. */
const ftHandle_t *ftp_report_central(void);

#endif
