/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * derived.h - a communicator that was made from one of the world's ranks: dup, split, Cartesian,
 * create_group ... is taken into the books (books.h).
 */
#ifndef FTM_DERIVED_H
#define FTM_DERIVED_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

#include "books.h"

/* For creating functions that own.h has not: to be called after each one that succeeded (or whose
 * request has been completed). Registers the new communicator (an intracommunicator with members of
 * the world only; others are left as they are) and takes it under the application's error handler.
 *   how   the MPI function's name, for people
 * Returns MPI_SUCCESS; or an error of Open MPI's, that is to be raised. */
int ftm_derived(MPI_Comm parent, const char *how, MPI_Comm *made);

/* The same; without a slot for a communicator whose members may not wait for each other yet. */
int ftm_derived_known(MPI_Comm parent, MPI_Comm *made, bool with_slot);

/* Takes it in as the k-th of the parent with this id, made from `of`. MPI_SUCCESS, or an error. */
int ftm_derived_take_in(const struct ftm_comm *of, MPI_Comm app, uint64_t parent, uint32_t k,
                        bool with_slot);

/* Notes in the log (replay.h) how these have come to be. */
void ftm_derived_note(const struct ftm_comm *c);

/* The rule for what is in flight (requests.h), if the application says one. */
void ftm_derived_rule(struct ftm_comm *c, MPI_Info info);

/* Before MPI_Comm_free, MPI_Comm_disconnect: forget it. */
void ftm_derived_gone(MPI_Comm comm);

/* Who the members of a group of n living processes are, by their ranks in the world. False: one of
 * them is none of its ranks. */
bool ftm_derived_ranks(MPI_Group group, int n, int members[]);

/* The members of a real communicator of living processes, by their ranks in the world; to be freed.
 * NULL: out of memory, or one is none of its ranks. */
int *ftm_derived_members(MPI_Comm comm, int *n);

/* An error of a collective's: with words, if it is for want of a topology that was lost in a
 * repair. */
int ftm_derived_explain(MPI_Comm comm, int rc);

/* In a process that has the communicator, but not its topology, which the program will ask for: an
 * error, raised on `comm`; otherwise MPI_SUCCESS. */
int ftm_derived_shapeless(MPI_Comm comm, const char *how, MPI_Comm *newcomm);

/* In ftm_world_begin (collective over the real world), and at the end. */
int ftm_derived_begin(void);
void ftm_derived_end(void);

#endif
