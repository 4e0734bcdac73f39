/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rebuild.h - after a repair of the world, the communicators that were made from it are made again.
 *
 * Called inside a round of a repair (repair.h), when the new active communicator exists:
 *
 *     ftm_rebuild            collective over it; nothing that the application could see changes
 *     the round's agreement
 *     ftm_rebuild_commit     ... or ftm_rebuild_abandon
 *
 * After that every collective on a communicator of the application's goes to its new real one
 * (ftm_collective), and point-to-point too, if the program is aware of repairs.
 *
 * A process that has no handles yet finds its communicators ready: rebuild_ready.h.
 */
#ifndef FTM_REBUILD_H
#define FTM_REBUILD_H

#include <mpi.h>
#include <stdbool.h>

/* Who has rank i in the new active communicator: seats[i], the same in all its processes. */
struct ftm_seat {
    int before;  /* the rank that this process, or the lost one in whose place it is, had in the
                    world until now; another one than i only in a world that was shrunk */
    int real;    /* the process: its rank in the real world; -1: it is not of the real world */
    bool is_new; /* it joins in this round: it was a spare, or has been spawned */
};

/* Collective over `active`; ftm_active, ftm_world_n and the table are still those before. If it
 * fails anywhere, it fails (or is interrupted) everywhere: `active` and what was made from it are
 * revoked then. Returns MPI_SUCCESS or Open MPI's error; either way commit or abandon is to follow.
 */
int ftm_rebuild(MPI_Comm active, const struct ftm_seat *seats, int n);

/* After the agreement, when ftm_active, ftm_world_n and the table are those of now (the world's own
 * books are the caller's). Local.
 *   messages   also point-to-point goes to the new ones (an aware program: nothing is in flight any
 *              more); false: only collectives do, messages go on by the table */
void ftm_rebuild_commit(bool messages);

/* The round has failed: frees what was made. Local. Also if there is nothing. */
void ftm_rebuild_abandon(void);

/* The communicator that was in use for the world's collectives before the first repair, which the
 * world's attributes hang on; ftm_active while there was none. */
MPI_Comm ftm_rebuild_first_active(void);

/* At the end; frees nothing of Open MPI's. */
void ftm_rebuild_end(void);

#endif
