/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * repair.h - the mode repair: a world that has lost processes is made whole again.
 *
 * All living processes of the job, unused spares too, are in one communicator of the layer's own,
 * the pool. A repair is a number of rounds over it, see repair.c. Where a program is told of it:
 * loop.h.
 */
#ifndef FTM_REPAIR_H
#define FTM_REPAIR_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

#include "ftmpi.h"

/* In mode repair, and in force? */
bool ftm_repair_is_on(void);

/* Is it repair that a loss leads to in any call, not a table of ranks (retarget.h)? So it is in a
 * program that expects it (ftm_loop_is_aware), and after the first repair of the whole world. */
bool ftm_repair_rules(void);

/* Has the world been repaired as a whole: is each rank of each communicator now reached on its
 * `direct`, with the same number, and the real MPI_COMM_WORLD no longer in use? */
extern int ftm_repair_whole;

/* In ftm_world_begin, collective over the real world: makes the pool. */
int ftm_repair_begin(void);
/* At the end, after the last of the application's calls; waits for nobody. */
void ftm_repair_end(void);

enum ftm_repaired {
    FTM_REPAIR_REPEAT, /* do the call again */
    FTM_REPAIR_RETURN, /* the call is over, with *error, which is not to be raised any more */
};

/* An MPI call of the application's has met a loss, or a communicator that was revoked because of
 * one (rc: Open MPI's error). To be called with no lock held. May not return at all (FTMPI_Loop).
 *   call    the name of the function; of a collective over the world, which can be done again
 *           although the program expects nothing; else NULL
 *   error   gets the error the call is to return; one that is no sign of a loss is raised and
 *           handed back */
enum ftm_repaired ftm_repair(MPI_Comm app_comm, int rc, const char *call, int *error);

/* The same for a call that cannot be done again; the program knows, or the error has been raised.
 * Returns the error that the call is to return. */
int ftm_repair_instead(MPI_Comm app_comm, int rc);

/* Is the error one for ftm_repair? (In mode repair: a loss, or a revoked communicator.) */
bool ftm_repair_is_for(int rc);

/* The same for the wrappers of collectives and creating functions, after any error.
 *   call   the MPI function's name
 * True: do it again. False: *rc is what the wrapper is to return; it has been raised. */
bool ftm_again(MPI_Comm comm, const char *call, int *rc);
/* The same for a call that was not counted (ftm_uncounted). */
bool ftm_again_uncounted(MPI_Comm comm, const char *call, int *rc);

/* Is one needed, as far as is known here: has a process of the world been lost, or has somebody
 * called? The second one is cheap while there is no news. */
bool ftm_repair_is_needed(void);
bool ftm_repair_is_due(void);
/* Somebody was lost. Never waits; any thread.
 *   is_rank   it has a place in the world: there will be a repair */
void ftm_repair_news(bool is_rank);

/* The latest repair; repairs is 0 before the first. */
const FTMPI_Repair_t *ftm_repair_last(void);

/* FTMPI_Settle, in mode repair. */
int ftm_repair_settle(void);

/* In a process that ftm_refill has started, a member of `bigger`: takes part in the rest of the
 * round, and in all further ones that are needed. MPI_SUCCESS: it has its rank; else it is not
 * wanted any more. */
int ftm_repair_newcomer(MPI_Comm bigger);

/* In a spare that was given its rank by the runtime, as somebody had a message for it: it has been
 * in no collective of the others' yet. */
void ftm_repair_is_late(void);

/* In a waiting spare (ftm_role_wait): is a repair under way? Never waits. */
bool ftm_repair_is_called(void);
/* How long it may sleep until it looks again, in ms; and a descriptor that can be read once
 * somebody was lost (-1: none). */
int ftm_repair_nap_ms(int otherwise_ms);
int ftm_repair_bell(void);
/* Takes part then. True: this process has a rank now. */
bool ftm_repair_spare_turn(void);

/* Before MPI_Finalize: waits for all ranks to come here. Returns MPI_SUCCESS: MPI may go down. Or
 * the error that MPI_Finalize is to return, with MPI up. */
int ftm_repair_finalize(void);

#endif
