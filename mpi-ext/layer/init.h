/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * init.h - the end of MPI, for a process that this layer itself brings to its end.
 */
#ifndef FTM_INIT_H
#define FTM_INIT_H

/* MPI_Finalize with all that the layer does around it. */
void ftm_init_finalize(void);

#endif
