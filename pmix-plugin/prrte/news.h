/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * news.h - master: what the central unit knows of this launcher's nodes, and the launcher does not.
 */
#ifndef FTP_NEWS_H
#define FTP_NEWS_H

#include "ft_runtime.h"

/* Asks for the next news, if nobody does yet. FT_OK, or why not (FT_ERR_CONNECT, _LOST: the unit is
 * away). */
ftRetVal_t ftp_news_ask(ftHandle_t central);

/* The connection's descriptor is ready: acts on what has come, and asks again. The same results. */
ftRetVal_t ftp_news_take(ftHandle_t central);

/* The connection is, or will be, closed. */
void ftp_news_forget(void);

#endif
