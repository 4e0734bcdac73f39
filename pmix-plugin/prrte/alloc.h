/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * alloc.h - PMIx's requests for nodes: what the master makes of them (alloc.c), and how they and
 * their answers come and go (serve.c, asks.c).
 */
#ifndef FTP_ALLOC_H
#define FTP_ALLOC_H

#include "ft_prrte.h"
#include "ft_runtime.h"

/* An answer; the callee frees the info with PMIX_INFO_FREE. */
typedef void (*ftp_answer_fn)(void *arg, pmix_status_t status, pmix_info_t *info, size_t n);

/* ---- alloc.c, on the master. Both answer once, in the call or later. */

void ftp_alloc_request(const pmix_proc_t *client, pmix_alloc_directive_t directive,
                       const pmix_info_t *info, size_t n, ftp_answer_fn answer, void *arg);

/* Of the queries only those of keys that are ours: ftp_alloc_is_ours. */
bool ftp_alloc_is_ours(const char *key);
void ftp_alloc_query(const pmix_query_t *queries, size_t n, ftp_answer_fn answer, void *arg);

void ftp_alloc_fini(void);

/* ---- serve.c, everywhere */

void ftp_serve_init(void);
void ftp_serve_fini(void);

/* What stock PRRTE makes of it: passes it to a scheduler that has attached itself, if there is
 * one. */
void ftp_serve_stock(const pmix_proc_t *client, pmix_alloc_directive_t directive,
                     const pmix_info_t *info, size_t n, ftp_answer_fn answer, void *arg);

/* ---- asks.c, on the master: requests to the central unit, answered later */

typedef void (*ftp_heard_fn)(void *arg, ftRetVal_t status, const ftReply_t *reply);

bool ftp_asks_can(void); /* a central unit is there */
/* False: it cannot be asked; heard is not called then. */
bool ftp_asks_submit(ftAction_t action, ftTimeout_t timeout_ms, ftp_heard_fn heard, void *arg);
void ftp_asks_drop(void *arg); /* not heard any more */
ftRetVal_t ftp_asks_take(void); /* what has come; FT_ERR_LOST: the connection is gone */
void ftp_asks_forget(void);     /* the connection is gone: all are heard with FT_ERR_LOST */

#endif
