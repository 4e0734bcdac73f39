/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stuck.h - messages that can never complete, since all that could do something about it wait, too.
 */
#ifndef FTM_STUCK_H
#define FTM_STUCK_H

#include <mpi.h>
#include <stdbool.h>

/* How long a wait lasts, in seconds, before it is looked at; 0: for ever. */
#define FTM_STUCK_ENV "FT_STUCK_S"
#define FTM_STUCK_S 60

/* Once this process has a rank: says what it waits for to whom asks; and that it is at its end. */
void ftm_stuck_begin(void);
void ftm_stuck_end(void);

/* To be called by who waits for requests, after each look at them.
 *   rounds   how many looks there were before in this wait
 *   all      for all of them; else for any
 * One that can never complete ends with an error that has words. */
void ftm_stuck_look(unsigned rounds, int count, const MPI_Request requests[], bool all);

/* The same by who waits for a message of that rank of the world's (negative: anybody's) without a
 * request: MPI_SUCCESS, or the error to be raised. */
int ftm_stuck_look_for(unsigned rounds, int peer);

#endif
