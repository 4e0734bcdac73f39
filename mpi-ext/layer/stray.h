/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stray.h - communicators of the world's ranks that no repair makes again: intercommunicators, and
 * what was made from them.
 */
#ifndef FTM_STRAY_H
#define FTM_STRAY_H

#include <mpi.h>
#include <stdbool.h>

/* A communicator that was just made and is not in the books (books.h), in mode repair: it is noted
 * if all its processes are of the world. MPI_SUCCESS, or an error. */
int ftm_stray_note(MPI_Comm made);

/* It is about to be freed. */
void ftm_stray_gone(MPI_Comm comm);

/* In a repair of the whole world: who waits on one is interrupted. */
void ftm_stray_revoke_all(void);

/* Is it one, and one that was made before a repair? */
bool ftm_stray_is_one(MPI_Comm comm);
bool ftm_stray_is_over(MPI_Comm comm);

/* At the end; frees nothing of Open MPI's. */
void ftm_stray_end(void);

#endif
