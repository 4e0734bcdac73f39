/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * compare.h - how the application's world compares with other communicators: as the N ranks that it
 * is, not as the real world with its spares.
 */
#ifndef FTM_COMPARE_H
#define FTM_COMPARE_H

#include <mpi.h>

int ftm_own_Comm_compare(MPI_Comm comm1, MPI_Comm comm2, int *result);

#endif
