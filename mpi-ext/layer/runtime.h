/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * runtime.h - the layer's own connection to the FT runtime, and reports sent over it.
 */
#ifndef FTM_RUNTIME_H
#define FTM_RUNTIME_H

#include <pmix.h>

#include "ft_runtime.h"

/* The connection, opened at the first call (which may wait 5 s). Never from PMIx's thread.
 *   ft   gets the handle; do not close it */
ftRetVal_t ftm_runtime(ftHandle_t *ft);

/* Has it opened by a thread of ours, so that it is there when a loss has to be asked about. */
void ftm_runtime_open_soon(void);

/* Queue a report; a thread of ours sends it. These never wait, and may be called from PMIx's
 * thread. A full queue (1024) drops it: the launcher reports the same losses on its own way. */
void ftm_report_process(const pmix_proc_t *proc);
void ftm_report_node(const char *node);
void ftm_report_standin(uint64_t decision, const char *port);

/* At the end of the process: lets the thread finish for a moment, closes the connection. */
void ftm_runtime_end(void);

#endif
