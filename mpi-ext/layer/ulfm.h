/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ulfm.h - for applications that handle failures themselves: ULFM's functions on the application's
 * world, which is the real world for messages and the communicator in use for collectives.
 */
#ifndef FTM_ULFM_H
#define FTM_ULFM_H

#include <mpi.h>

int ftm_own_X_Comm_revoke(MPI_Comm comm);
int ftm_own_X_Comm_is_revoked(MPI_Comm comm, int *flag);
int ftm_own_X_Comm_failure_ack(MPI_Comm comm);
int ftm_own_X_Comm_failure_get_acked(MPI_Comm comm, MPI_Group *failedgrp);
int ftm_own_X_Comm_get_failed(MPI_Comm comm, MPI_Group *failedgroup);
int ftm_own_X_Comm_ack_failed(MPI_Comm comm, int num_to_ack, int *num_acked);

#endif
