/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * world.h - the world that the application sees: N ranks, whichever processes they are just now.
 *
 * The real MPI_COMM_WORLD has N+S ranks, the last S of which are spares. What the application calls
 * MPI_COMM_WORLD is
 *
 *   for point-to-point   the real world, with the table (table.h) between rank and process
 *   for collectives      a communicator of the N processes of the first hour: ftm_collective
 *   for the rest         rank, size and group of N (own.h); attributes, names, error handlers: the
 *                        real handle itself
 *
 * ftm_changed is THE condition of the fast paths: 0 until a process of the job is lost, or a spare
 * is met; nothing is translated before that, since rank and process are the same number.
 */
#ifndef FTM_WORLD_H
#define FTM_WORLD_H

#include <mpi.h>
#include <pmix.h>
#include <stdbool.h>
#include <stdint.h>

#include "ft.h"

struct ftm_table;

extern int ftm_changed; /* 0: nothing has failed; see above. Only ever goes from 0 to 1 */
extern int ftm_world_n; /* N; INT_MAX while the layer is not in force */

/* From now on it is 1. Any thread. */
void ftm_world_changes(void);

/* The communicator for collectives on the world; the same as MPI_COMM_WORLD while the layer is not
 * in force. In a spare that has taken a rank it is one on which every collective fails. */
extern MPI_Comm ftm_active;

/* Collectives on the world that this process has begun (ftm_collective counts them, a repair puts
 * it right). One thread at a time writes it, as MPI has it for the calls that are counted. */
extern uint64_t ftm_repair_begun;

static inline uint64_t ftm_begun_now(void)
{
    return __atomic_load_n(&ftm_repair_begun, __ATOMIC_RELAXED);
}

static inline void ftm_begun_set(uint64_t begun)
{
    __atomic_store_n(&ftm_repair_begun, begun, __ATOMIC_RELAXED);
}

extern int ftm_rebuilt; /* 0: no repair has given any communicator another real one (rebuild.h) */

/* The real communicator of one of the application's, once ftm_rebuilt is set; and the same for a
 * collective, after which this process is where the others are (ftm_rebuild_caught_up). */
MPI_Comm ftm_comm_in_use(MPI_Comm app);
MPI_Comm ftm_comm_for_all(MPI_Comm app);

/* Which real communicator stands for comm just now. */
static inline MPI_Comm ftm_now(MPI_Comm comm)
{
    if (__builtin_expect(ftm_rebuilt, 0))
        return ftm_comm_in_use(comm);
    return comm == MPI_COMM_WORLD ? ftm_active : comm;
}

/* Which real communicator is to be used for a collective, a topology or a creation on comm; for
 * what not all ranks of the world do, or not alike: it is not counted. */
static inline MPI_Comm ftm_uncounted(MPI_Comm comm)
{
    if (__builtin_expect(ftm_rebuilt, 0))
        return ftm_comm_for_all(comm);
    return comm == MPI_COMM_WORLD ? ftm_active : comm;
}

/* The same, once for each call that all ranks of comm make alike. */
static inline MPI_Comm ftm_collective(MPI_Comm comm)
{
    if (comm == MPI_COMM_WORLD)
        ftm_begun_set(ftm_begun_now() + 1);
    return ftm_uncounted(comm);
}

/* After Open MPI's init and ftm_role_begin; collective over the real world, spares included. Makes
 * the active communicator and the hidden duplicates (slots.h). Returns MPI_SUCCESS, or the error
 * of Open MPI's that stood in the way; the layer is not in force then. */
int ftm_world_begin(void);

/* The same in a process that was started into a repair, after ftm_role_join; local. The real
 * MPI_COMM_WORLD is none of the application's: there is nothing to communicate on until the repair
 * is over, which makes table, ftm_active and the world's books. */
int ftm_world_begin_joining(void);

/* Is the layer to be in force without spares too? (FT_MODE is retarget or repair, and this is no
 * spawned job.) */
bool ftm_world_is_wanted(void);
/* Does the layer translate ranks in this process? */
bool ftm_world_is_in_force(void);
/* ftm_world_begin has failed, and the ranks are more than the application's: says so, through the
 * world's error handler. */
void ftm_world_refuse(void);

/* Which process is which rank (table.h); NULL while the layer is not in force. */
struct ftm_table *ftm_world_table(void);

/* In a spare, after ftm_role_wait: it has a rank now. */
void ftm_world_joined(void);

/* The world was repaired: it has n ranks, of which this is `rank`; who they are is in `fresh`,
 * which is taken over; all of them are in `active`, by their ranks. */
void ftm_world_repaired(struct ftm_table *fresh, MPI_Comm active, int n, int rank);

/* Before Open MPI's finalize: gives back what ftm_world_begin made, without waiting for anybody. */
void ftm_world_end(void);

/* A process of the job was lost, as the runtime or PMIx says. Never waits; any thread. */
void ftm_world_lost(int real);
bool ftm_world_is_lost(int real);
/* FTMPI_Is_failing: a rank of the world is where its process is now. 0 also of one that was started
 * into the job: where that is nobody here has heard. */
int ftm_world_is_failing(const ftResource_t *resource);
/* The same, from PMIx's thread: a process of any job. */
void ftm_world_died(const pmix_proc_t *proc);
/* Takes over what Open MPI has heard of losses by itself. */
void ftm_world_ask(void);
/* Does Open MPI know that this process is lost? */
bool ftm_world_knows(int real);

/* The error of a collective, a non-blocking or a creating one maybe: of those Open MPI says
 * "other", or "internal", where a rank is lost, or somebody has revoked the communicator. */
int ftm_meant(MPI_Comm app_comm, int rc);

/* What to tell the application of an error of a collective (or of a creation, a window, a file) on
 * one of its communicators: raises it through the application's own handler (handlers.h) and
 * returns what that returns. */
int ftm_failed(MPI_Comm app_comm, int rc);

/* The application's view of the world; the real one's while the layer is not in force. */
int ftm_world_rank(void);

#endif
