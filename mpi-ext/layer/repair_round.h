/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * repair_round.h - one round of a repair: all living processes together make a new world, and agree
 * that they have it.
 */
#ifndef FTM_REPAIR_ROUND_H
#define FTM_REPAIR_ROUND_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

#include "ftmpi.h"
#include "repair_plan.h"

struct ftm_table;

struct ftm_round {
    struct ftm_said me;          /* given: what this process says */
    double step_ms[FTMPI_STEPS]; /* added to */
    /* Got, if it is done: */
    struct ftm_plan plan;
    struct ftm_place *places; /* plan.n; to be freed (ftm_round_end) */
    int rank;                 /* this process's in the new world; -1: none, it is an unused spare */
    MPI_Comm active;          /* the new world for collectives; MPI_COMM_NULL without a rank */
    struct ftm_table *table;  /* who is who, made anew; FTM_PLAN_WHOLE only */
};

enum ftm_round_outcome {
    FTM_ROUND_DONE,  /* in all processes of *pool */
    FTM_ROUND_AGAIN, /* in none: another one is needed */
    FTM_ROUND_FAILED /* the plan is FTM_PLAN_REFUSED, with the words; in all */
};

/* Collective over *pool, which may have lost processes and be revoked.
 *   pool   gets the communicator of those that live, in the place of the one before, also if the
 *          outcome is another than FTM_ROUND_DONE
 *   is_in  *pool is that already (ftm_repair_newcomer)
 * What the communicators made from the world need is prepared (rebuild.h) if it is done. */
enum ftm_round_outcome ftm_round_do(MPI_Comm *pool, bool is_in, struct ftm_round *round);

/* Gives back what a round has got and nobody has taken. */
void ftm_round_end(struct ftm_round *round);

#endif
