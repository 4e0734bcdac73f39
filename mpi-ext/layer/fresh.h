/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fresh.h - ranks whose process was started anew: it is no member of the real MPI_COMM_WORLD, and
 * reached by an intercommunicator. (Mode retarget, where no warm spare is left.)
 *
 * Such a process has a number in the table (table.h) like any other, behind those of the real
 * world. In the process that was started, every other one is such: its own real MPI_COMM_WORLD is
 * none of the application's.
 */
#ifndef FTM_FRESH_H
#define FTM_FRESH_H

#include <mpi.h>
#include <pmix.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "derived.h"
#include "role.h"

/* So many processes started anew can have a number. */
#define FTM_FRESH_MAX 1024

/* 1 once there is one, or this is one. */
extern int ftm_fresh_used;

/* The intercommunicator (its other side has one process, rank 0) that reaches a process;
 * MPI_COMM_NULL: it is reached otherwise, or not at all. Any thread. */
MPI_Comm ftm_fresh_comm(int real);
/* The process behind one; -1: it is none of these. */
int ftm_fresh_real(MPI_Comm comm);
/* The first one after `real` (-1: the first of all) that has one; -1: no more. */
int ftm_fresh_next(int real);

/* Starts or connects to what the runtime named for virtual rank v (now->fresh). One thread at a
 * time.
 *   real   gets its number
 *   why    gets what went wrong, for people
 * Returns MPI_SUCCESS, or an error class: MPI_ERR_SPAWN, MPI_ERR_PORT: ask the runtime again. */
int ftm_fresh_reach(int v, const struct ftm_replacement *now, int64_t deadline_ns, int *real,
                    char *why, size_t size);

/* A process of another job has died; PMIx's thread. -1: it is none of ours. */
int ftm_fresh_of(const pmix_proc_t *proc);

/* Before MPI goes down: what is under way arrives, or its receiver is gone. Bounded. */
void ftm_fresh_end(void);

/* ---------------------------------------------------------------- in the one that was started */

/* N, in its environment */
#define FTM_FRESH_ENV "FT_STANDIN_WORLD"

/* In MPI_Init: if this process is one, it is the rank that it was started for from here on. True:
 * it is. */
bool ftm_fresh_begin(void);
bool ftm_fresh_stands_in(void);

/* Is its rank `peer` on c one that lives, for all that is known, and has not come here yet? */
bool ftm_fresh_is_away(const struct ftm_comm *c, int peer);
/* Takes in who has come. Waits for nobody who has not been announced. */
void ftm_fresh_take_in(void);
/* Waits until it is not away any more. MPI_SUCCESS, or an error to raise (with words). */
int ftm_fresh_await(const struct ftm_comm *c, int peer);

#endif
