/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ranks.h - tells this node's unit which processes of jobs are here. Everything returns at once,
 * and does nothing before ftp_ranks_open.
 */
#ifndef FTP_RANKS_H
#define FTP_RANKS_H

#include <stdbool.h>
#include <stddef.h>

/* The unit is there: connects to it. False with `why`. */
bool ftp_ranks_open(const char *host, const char *session, char *why, size_t size);
void ftp_ranks_close(void);

/* A process has started or ended here. */
void ftp_ranks_changed(void);

#endif
