/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * create_inter.h - what the wrappers of create_comm.c and create_group.c do with an
 * intercommunicator that inter.c has made (ftm_inter_is_one).
 */
#ifndef FTM_CREATE_INTER_H
#define FTM_CREATE_INTER_H

#include <mpi.h>

/* MPI_Comm_dup, and with info MPI_Comm_dup_with_info. */
int ftm_create_inter_dup(MPI_Comm comm, MPI_Info info, MPI_Comm *newcomm);
int ftm_create_inter_split(MPI_Comm comm, int color, int key, MPI_Comm *newcomm);
/* MPI_Comm_create. */
int ftm_create_inter_group(MPI_Comm comm, MPI_Group group, MPI_Comm *newcomm);

#endif
