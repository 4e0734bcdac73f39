/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_common.h - FTMPI_Fetch_common: all ranks go back together.
 */
#ifndef FTM_KEEP_COMMON_H
#define FTM_KEEP_COMMON_H

#include "ft.h"

/* ftmpi.h's. Collective over the application's world; calls MPI. */
int ftm_keep_fetch_common(ftTimeout_t T, int *version);

#endif
