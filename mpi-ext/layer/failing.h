/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * failing.h - the nodes that are known to be going down.
 */
#ifndef FTM_FAILING_H
#define FTM_FAILING_H

#include "ft.h"

/* A node is going down. Never waits; may be called from PMIx's thread. */
void ftm_failing_add(const char *node);

int ftm_is_failing(const ftResource_t *resource); /* FTMPI_Is_failing */

/* For tests: forgets everything. */
void ftm_failing_clear(void);

#endif
