/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * repair_end.h - the end of a program after a loss.
 */
#ifndef FTM_REPAIR_END_H
#define FTM_REPAIR_END_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* A process that has come there. */
struct ftm_at_end {
    int repairs;        /* that it has seen */
    bool is_counted;    /* all that have seen as many have counted alike since the last one, */
    uint64_t completed; /* the collectives on the world: these are all of its */
};

/* In MPI_Finalize: waits until each process of the pool that has a rank has come there, or is lost.
 * One that is in a collective which can never complete is interrupted (the world's communicator is
 * revoked), and calls.
 * True: so it is, nobody can call for a repair any more. False: somebody has called. */
bool ftm_repair_all_end(MPI_Comm pool, const struct ftm_at_end *own);

/* In a process that was started into the repair, once it has its rank: tells the others by which
 * name it can be asked. Waits for nobody. */
void ftm_repair_end_introduce(MPI_Comm pool);

#endif
