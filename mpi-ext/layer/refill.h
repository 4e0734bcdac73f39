/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * refill.h - no warm spare is left: processes that are started for the lost ranks, in the middle of
 * a round of repair (repair.h), and what such a process does in its MPI_Init.
 */
#ifndef FTM_REFILL_H
#define FTM_REFILL_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

#include "ft.h"

/* One lost rank, and where the runtime wants it (struct ftm_replacement, .fresh). */
struct ftm_need {
    int v;               /* virtual rank */
    uint64_t decision;   /* of findAlternative's answer; 0: none, ftm_refill fails */
    uint32_t epoch;      /* how many replacements the rank has had, this one included */
    int32_t in_job;      /* 1: the launcher has that node already */
    char node[FT_NAME_MAX];
};

/* From the runtime's answer to ftm_refill's question. */
void ftm_need_fill(struct ftm_need *need, int v, const ftReply_t *reply);

/* Starts one process for each need and brings it in.
 *   Q        the living; collective over it. Errors are returned on it
 *   leader   rank on Q that starts them; the same in all
 *   needs    looked at in the leader only; n > 0 is the same in all
 *   bigger   gets a new communicator: the ranks of Q as they are there, the new ones behind them,
 *            in no particular order. MPI_COMM_NULL after an error. Q is left as it is, but for an
 *            error: then it is revoked
 * The result is the same in all that return (an agreement over Q comes last): MPI_SUCCESS, or
 * MPI_ERR_SPAWN: it could not be done; the runtime has been told, and another findAlternative gives
 * another node; MPIX_ERR_PROC_FAILED: a process of Q, or a new one, died meanwhile: another round.
 * The new processes have ended then, or do so. Bounded (FTM_REFILL_MS). */
int ftm_refill(MPI_Comm Q, int leader, const struct ftm_need *needs, int n, MPI_Comm *bigger);

#define FTM_REFILL_MS 30000

/* May a repair go on with fewer ranks where nobody can be had for a lost one? (FT_REPAIR_SHRINK is
 * 1, as `ft run --shrink` sets it.) The same in all ranks of a job. */
bool ftm_refill_may_shrink(void);
#define FTM_SHRINK_ENV "FT_REPAIR_SHRINK"

/* ---------------------------------------------------------------- in the process that was started
 *
 * In MPI_Init, after Open MPI's: the process has FT_JOIN in its environment. It merges with those
 * that started it, and then is a member of `bigger` like any other, in the middle of a round just
 * after ftm_refill: ftm_repair_newcomer (repair.h) takes part in what follows (and in all further
 * rounds that are needed) until it is in or it is not wanted any more. */

/* N:leader:steps left:decision.epoch.rank,...:job, a decision for each process of the new job */
#define FTM_JOIN_ENV "FT_JOIN"

/* What this process is to join, as those who started it said. */
struct ftm_joining {
    uint64_t decision;
    uint32_t epoch;
    int v;                 /* its virtual rank to be */
    int world_n;           /* N, as numbered before */
    char job[FT_NAME_MAX]; /* the job whose rank it is to be */
};

/* Is this process one that was started by ftm_refill? Reads the environment the first time. */
bool ftm_joins(void);
const struct ftm_joining *ftm_joining(void); /* valid if ftm_joins() */

/* The child's side of ftm_refill: MPI_SUCCESS and *bigger; or an error: this process is not wanted
 * (any more), ftm_refill_leave is all that is left to do. Bounded. */
int ftm_refill_join(MPI_Comm *bigger);

/* Tells the runtime that this process is in the lost one's place now. Never waits. */
void ftm_refill_joined(void);

/* Ends this process, which never came into its program, in such a way that nobody waits for it: by
 * SIGKILL, since that is the end that everybody notices at once. Does not return. */
void ftm_refill_leave(void) __attribute__((noreturn));

#endif
