/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * replay.h - how each communicator was made, so that a process that takes a rank's place can make
 * the same ones, alone: it begins the program anew, and asks the others what came of each step.
 */
#ifndef FTM_REPLAY_H
#define FTM_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "birth.h"

#define FTM_WORLD_ID 1
#define FTM_REPLAY_MAX 1024 /* calls in the log */

/* What came of the k-th communicator that was made from another one, for one of its members. */
struct ftm_made {
    int n;        /* how many members; 0: none, it was left out */
    int *members; /* virtual ranks in the world; to be freed */
    int slot;     /* of the hidden duplicate; -1 */
};

/* A communicator's number: the same for all its members, another one for others. */
uint64_t ftm_replay_id(uint64_t parent, uint32_t k, int first_member);

/* The next number of a communicator that is made from `parent` here; 0: there are too many to be
 * counted. And how many there were. */
uint32_t ftm_replay_next(uint64_t parent);
uint32_t ftm_replay_count(uint64_t parent);
/* The others have made so many: it is not less here from now on. */
void ftm_replay_raise(uint64_t parent, uint32_t n);

/* Notes what came of one here: birth->n is 0 if this process was left out. */
void ftm_replay_note(const struct ftm_birth *birth);

/* Calls `visit` with each one noted; it must call nothing of these here. */
void ftm_replay_each(void (*visit)(const struct ftm_birth *birth, void *data), void *data);

/* The world was shrunk (ftm_birth_renumber). */
void ftm_replay_renumber(const int now_of[], int before_n);

/* Asks the members of the parent what came of it for virtual rank v. Returns MPI_SUCCESS, or an
 * error class: nobody has answered in time (FTM_REPLAY_MS).
 *   reals, n   the processes to ask */
int ftm_replay_ask(uint64_t parent, uint32_t k, int v, const int reals[], int n,
                   struct ftm_made *made);

/* Listens for such questions; until PMIx is down, as a replacement may come to its calls when the
 * others have come to MPI_Finalize. */
void ftm_replay_begin(void);
void ftm_replay_end(void);

#endif
