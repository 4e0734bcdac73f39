/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * notice.h - a few bytes to other processes of the job, by PMIx's events.
 */
#ifndef FTM_NOTICE_H
#define FTM_NOTICE_H

#include <pmix.h>
#include <stddef.h>

#include "hooks.h"

/* Sends a copy of `bytes` as an event `code`, under `key`. Never waits, and may be lost: whoever
 * needs an answer asks again. Any thread, PMIx's too (in an event's handler).
 *   me   who it is from */
void ftm_notice_send(pmix_status_t code, const char *key, const pmix_proc_t *me,
                     const pmix_proc_t to[], size_t n, const void *bytes, size_t size);

/* PMIx_Finalize, with no notice being sent meanwhile. */
pmix_status_t ftm_notice_finalize(ftm_pmix_finalize_fn *next, const pmix_info_t info[],
                                  size_t ninfo);

#endif
