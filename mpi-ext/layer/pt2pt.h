/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pt2pt.h - what pt2pt.c, requests.c and persistent.c have in common: how a peer is reached once
 * something has changed, and whose message it was.
 */
#ifndef FTM_PT2PT_H
#define FTM_PT2PT_H

#include <mpi.h>
#include <stdbool.h>

#include "derived.h"
#include "inbox.h"
#include "world.h"

#define LIKELY(condition) __builtin_expect(!!(condition), 1)

/* The wrappers that are called most begin a cache line: where they lay badly MPI_Wait took 5 ns
 * more. */
#define HOT __attribute__((hot, aligned(64)))

/* The fast path: nothing has changed, and the peer is one that the application's world has. */
static inline bool ftm_as_ever(int peer, MPI_Comm comm)
{
    return LIKELY(!ftm_changed) && LIKELY(peer < ftm_world_n || comm != MPI_COMM_WORLD);
}

/* A status that needs no translation: not one of a spare's. */
static inline bool ftm_plain(const MPI_Status *status)
{
    return status == MPI_STATUS_IGNORE || LIKELY(status->MPI_SOURCE < ftm_world_n);
}

/* Is the error that of a lost process? And that of a wait for MPI_ANY_SOURCE which goes on? */
bool ftm_is_loss(int rc);

/* Where a peer is now: not at a process that is known to be lost; that is replaced first.
 * Returns MPI_SUCCESS, or an error to raise, with words. */
int ftm_reach_peer(const struct ftm_comm *c, int peer, struct ftm_route *route);

/* The rank on c of who sent a message on one of its real communicators; -1: a process that has been
 * replaced, whose message is to be dropped. May ask the runtime who a spare is. */
int ftm_sender(const struct ftm_comm *c, MPI_Comm real_comm, int source);

/* Looks for a message that a receive would take, once.
 *   message   gets it, matched; NULL: it is left where it is
 *   real      gets the process that it is from; may be NULL
 *   status    its source is the application's rank
 * Returns MPI_SUCCESS or an error to raise. */
int ftm_look_for(const struct ftm_comm *c, int source, int tag, bool *found, MPI_Message *message,
                 int *real, MPI_Status *status);

/* Somebody may have been lost: to be called now and then by who waits. */
void ftm_while_waiting(unsigned rounds);

/* Where the world is repaired (ftm_repair_rules). Before a call: was somebody lost, or this thread
 * not told of a repair yet? Then it is interrupted. True: *error is what it is to return. */
bool ftm_interrupted(MPI_Comm comm, int *error);
/* And after a call that has failed. True: it is to be done again. False: *rc is what it returns. */
bool ftm_mended(MPI_Comm comm, int *rc);

/* Raises an error on a communicator; MPI_SUCCESS is not raised, and that of a loss leads to a
 * repair where the world is repaired. */
int ftm_result(MPI_Comm comm, int rc);

/* A call to or from MPI_PROC_NULL? It goes to ftm_comms_self then, since the communicator under the
 * application's handle may be one that was revoked for a repair. */
static inline bool ftm_is_to_nobody(const struct ftm_comm *c, int peer, int rc)
{
    return c && peer == MPI_PROC_NULL && (rc == MPI_SUCCESS || ftm_is_loss(rc));
}

#endif
