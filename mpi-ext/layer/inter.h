/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inter.h - intercommunicators of the world's ranks, made so that a loss interrupts it.
 *
 * Each has a communicator of all its processes beside it, by which others are made from it. All of
 * these return MPI_SUCCESS, or an error for ftm_failed; then *made is MPI_COMM_NULL.
 */
#ifndef FTM_INTER_H
#define FTM_INTER_H

#include <mpi.h>
#include <stdbool.h>

/* MPI_Intercomm_create, on real communicators. *is_ours gets false, with MPI_SUCCESS: not all are
 * processes of the world, it is left to Open MPI; the same in all of them. */
int ftm_inter_create(MPI_Comm local, int leader, MPI_Comm bridge, int other, int tag,
                     MPI_Comm *made, bool *is_ours);

/* Is it one that was made here? */
bool ftm_inter_is_one(MPI_Comm comm);

/* The same from one of them. */
int ftm_inter_dup(MPI_Comm comm, MPI_Comm *made);
int ftm_inter_split(MPI_Comm comm, int color, int key, MPI_Comm *made);
int ftm_inter_merge(MPI_Comm comm, int high, MPI_Comm *made);

/* It is about to be freed. */
void ftm_inter_gone(MPI_Comm comm);

/* In a repair of the whole world: who makes one from another is interrupted. */
void ftm_inter_revoke_all(void);

/* At the end; frees nothing of Open MPI's. */
void ftm_inter_end(void);

#endif
