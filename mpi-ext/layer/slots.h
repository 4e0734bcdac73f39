/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slots.h - hidden duplicates of the real world, on which ranks that were replaced are reached.
 */
#ifndef FTM_SLOTS_H
#define FTM_SLOTS_H

#include <mpi.h>
#include <stdbool.h>

/* How many of them MPI_Init makes, in the environment; and if it is not there. */
#define FTM_CONTEXTS_ENV "FT_CONTEXTS"
#define FTM_CONTEXTS 8
#define FTM_CONTEXTS_MAX 62 /* two bits of 64 say other things */

/* Agrees with the other members of a new communicator on one that is free for all of them, and
 * takes it. Collective over it; MPI_SUCCESS, or Open MPI's error.
 *   has_memory   for the communicator; if one of them has none, it is MPI_ERR_NO_MEM in all
 *   slot         gets -1: there is none
 *   hidden       gets the duplicate; MPI_COMM_NULL */
int ftm_slots_agree(MPI_Comm comm, bool has_memory, int *slot, MPI_Comm *hidden);

/* The hidden duplicate of a slot, which is taken from now on; MPI_COMM_NULL: there is none. */
MPI_Comm ftm_slots_take(int slot);

/* It is free again. Nothing for -1. */
void ftm_slots_give_back(int slot);

/* In ftm_derived_begin (collective over the real world), and at the end. */
int ftm_slots_begin(void);
void ftm_slots_end(void);

#endif
