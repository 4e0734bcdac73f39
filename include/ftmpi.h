/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ftmpi.h - from an alternative to a communicator: what an MPI code needs to use what
 * findAlternative answered. Link with -lftmpi, or run under `ft run`, which preloads it.
 *
 *     // publisher, after findAlternative said FT_OK:
 *     FTMPI_Reach(ft, &reply, argv[0], argv + 1, 10000, &comm, &rank);
 *     MPI_Send(buffer, n, MPI_BYTE, rank, tag, comm);
 *
 *     // program, at its start: am I a stand-in?
 *     FTMPI_Standin_t me;
 *     if (FTMPI_Standin(&me) == MPI_SUCCESS && me.is_standin)
 *         serve(me.comm, me.rank);            // in the place of rank me.rank
 *
 * All calls are local: none needs another rank's help, apart from the peer it names. They return
 * MPI error classes (MPI_SUCCESS, MPI_ERR_ARG, MPI_ERR_SPAWN, MPI_ERR_PORT, MPIX_ERR_PROC_FAILED,
 * MPI_ERR_OTHER) and never call an error handler. Threads as MPI allows them.
 */
#ifndef FTMPI_H
#define FTMPI_H

#include <mpi.h>
#include "ft.h"

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* Gets a communicator that reaches the alternative of a reply, starting the program there if
 * nobody has.
 *   ft        from openFT
 *   reply     from findAlternative, answered FT_OK; not changed
 *   command   program to start if it has to be started; borrowed
 *   argv      its arguments, ended by NULL, without the program's name; MPI_ARGV_NULL if none
 *   T         how long to wait, in ms; see ftTimeout_t
 *   comm      gets the communicator: an intercommunicator whose remote group is the stand-in, or,
 *             for a warm spare, MPI_COMM_WORLD. Errors on an intercommunicator are returned
 *             (MPI_ERRORS_RETURN). To be given back by FTMPI_Leave. MPI_COMM_NULL after an error
 *   rank      gets the rank to send to on comm: a warm spare has the number of the rank in whose
 *             place it is
 *   step_ms   gets how long it took, in ms: waiting for the claim, and starting or connecting;
 *             may be NULL
 * A program that is started gets the caller's environment, but for what belongs to one process,
 * node or login (PMIX_*, SLURM_*, TMPDIR, ...), and runs on the alternative also where all of the
 * launcher's slots are taken.
 * Errors: MPI_ERR_ARG; MPI_ERR_SPAWN if the program could not be started there, or ended before it
 * was up (the runtime knows; findAlternative again gives the next one); MPI_ERR_PORT if the
 * stand-in could not be reached (if it is dead, the runtime knows by then); MPI_ERR_OTHER if the
 * runtime did not answer. After an error nothing is left open. Bound the number of tries. */
int FTMPI_Reach(ftHandle_t ft, const ftReply_t *reply, const char *command, char *argv[],
                ftTimeout_t T, MPI_Comm *comm, int *rank, double step_ms[2]);

/* What a process stands in for. */
typedef struct {
    int is_standin;         /* 1: this process was started by FTMPI_Reach */
    uint64_t decision;      /* whose outcome it is */
    uint32_t epoch;         /* how many stand-ins its rank has had, this one included */
    int rank;               /* the rank it stands in for, in its job; -1 if it replaces no rank */
    char job[FT_NAME_MAX];  /* that job */
    MPI_Comm comm;          /* reaches the process that started it, as rank 0; do not free */
} FTMPI_Standin_t;

/* Says whether this process is a stand-in, and for whom. After MPI_Init.
 *   who   gets the answer; borrowed pointers: none
 * Returns MPI_SUCCESS or MPI_ERR_ARG. */
int FTMPI_Standin(FTMPI_Standin_t *who);

/* In a stand-in: accepts the next peer that wants to reach it.
 *   T      how long to wait, in ms; 0 looks and returns
 *   comm   gets an intercommunicator whose remote group is the peer, MPI_COMM_NULL if none came.
 *          Errors on it are returned. To be given back by FTMPI_Leave
 * Returns MPI_SUCCESS (also if none came), MPI_ERR_ARG in a process that is no stand-in,
 * MPI_ERR_PORT if the peer went away in the middle, MPI_ERR_OTHER without the runtime. */
int FTMPI_Next_peer(ftTimeout_t T, MPI_Comm *comm);

/* Gives a communicator of FTMPI_Reach, FTMPI_Next_peer or FTMPI_Standin back, without waiting for
 * a peer that is gone. Outstanding requests on it must have been completed or cancelled.
 *   comm   set to MPI_COMM_NULL
 * Returns MPI_SUCCESS or MPI_ERR_COMM. */
int FTMPI_Leave(MPI_Comm *comm);

/* Says whether what a resource is on is known to be going down: by a forecast, or because an
 * administrator has it drained. It still works; findAlternative gives its replacement without
 * waiting for a loss, and what is sent there should go to that one before it is too late:
 *
 *     if (FTMPI_Is_failing(ftRank(2)) && findAlternative... FTMPI_Reach...)   // then say goodbye
 *
 *   resource   a rank of the own job (ftRank), or a node (ftNode(reply.alternative.node)); of
 *              others' ranks it may not be known
 * Returns 1 or 0. Local, and cheap enough to be called before each message. */
int FTMPI_Is_failing(ftResource_t resource);

/* ---------------------------------------------------------------- state for the replacement
 *
 * Named buffers that are kept in the memory of another rank, on another node:
 *
 *     FTMPI_Keep("step", &step, sizeof step);
 *     FTMPI_Keep("field", field, n * sizeof *field);
 *     if (I am a replacement)                        // a spare in a lost rank's place, a stand-in
 *         FTMPI_Fetch(FTMPI_LATEST, 10000, NULL);    // all buffers as at that rank's last commit
 *     for (; step < end; step++) {
 *         ...
 *         FTMPI_Commit(step);                        // returns after a copy in memory
 *     }
 *
 * A commit is taken whole or not at all: the one before it is kept until the new one is complete at
 * the partner, and the last two complete ones are. What arrives is held against checksums. The
 * partner is another rank, on a node of another rack if there is one and racks are known, else on
 * another node, and none has more than one rank's state as long as no node is lost. If the partner
 * is lost, what is kept goes to the next one at once, unasked.
 *
 * Ranks have the numbers here that they had when the job began, also in a world that was shrunk
 * since: so survivors can read what a lost one, which nobody replaces, has left.
 *
 * All calls are local, but for FTMPI_Fetch_common (below), by which ranks that have to go back
 * together do so. That there is a commit that all have takes that before each one all know of each
 * other that their last one is complete:
 *
 *     FTMPI_Commit_wait(FT_FOREVER);  MPI_Barrier(world);  FTMPI_Commit(step);
 *
 * What it costs: in a rank's memory two copies of its buffers, two more in its partner's. Two
 * threads and a port in each process that has called FTMPI_Keep, and none in others; the threads
 * sleep unless something is sent or fetched, call no MPI, and end in MPI_Finalize.
 *
 * Errors, here: MPI_ERR_ARG, MPI_ERR_NO_MEM, MPI_ERR_PENDING (not within the time),
 * MPIX_ERR_PROC_FAILED (rank and partner are both lost; or this process's own place was given to
 * another), MPI_ERR_TRUNCATE (sizes or names differ from what was committed), MPI_ERR_OTHER (no
 * partner, damaged, no runtime). FTMPI_Last_error says more. */

#define FTMPI_KEEP_NAME_MAX 64     /* bytes of a buffer's name, its 0 included */
#define FTMPI_KEEP_BUFFERS_MAX 256 /* of one process */
#define FTMPI_LATEST (-1)          /* as a version: the newest that there is */

/* Names a buffer to be kept from the next commit on, or names it anew with another place or size.
 *   name     what it is called in every process of this rank; copied
 *   buffer   stays the caller's, and valid until it is named anew; NULL: no longer kept
 *   bytes    its size, may be 0
 * FTMPI_Keep(NULL, NULL, 0) names none, but lets the process keep the state of others, as all do
 * that have called FTMPI_Keep. To be called after MPI_Init. Waits for the copy that FTMPI_Commit_begin
 * has begun, if there is one: when it has returned the buffer of before may be freed. */
int FTMPI_Keep(const char *name, void *buffer, size_t bytes);

/* Commits all named buffers as they are now.
 *   version   0 or more, as the application counts
 * Returns when they are copied: they may be changed at once; the rest is done behind the
 * application's back. If the commit before is still on its way, waits for that first. An error
 * other than MPI_ERR_ARG, MPI_ERR_NO_MEM and MPIX_ERR_PROC_FAILED is that of the commit before,
 * which nobody took; this one was taken nevertheless, and is tried anew. */
int FTMPI_Commit(int version);

/* The same without waiting for the copy: the buffers must not be changed until FTMPI_Commit_end
 * has returned. For programs that leave them alone for a while anyway, or have two in turn. */
int FTMPI_Commit_begin(int version);
int FTMPI_Commit_end(void);

/* Waits until the last commit is complete at the partner.
 *   T   in ms, see ftTimeout_t
 * Returns MPI_SUCCESS if it is (or there was none), MPI_ERR_PENDING if not yet, MPI_ERR_OTHER if
 * nobody takes it (tried on, and anew with each commit). */
int FTMPI_Commit_wait(ftTimeout_t T);

/* Sets all named buffers to what they were at a commit of this rank: of this process, or of the one
 * that it replaces. All are set, or, after an error, none. Newer commits are forgotten: the
 * application goes on from this one.
 *   version   FTMPI_LATEST: the newest complete one that is undamaged
 *   T         in ms; one that has to come from another node takes its time
 *   fetched   gets the version; may be NULL */
int FTMPI_Fetch(int version, ftTimeout_t T, int *fetched);

/* Reads one buffer of a rank's commit, of the own one or of any other, lost or not; changes nothing
 * else.
 *   rank     its number when the job began
 *   buffer   gets it; NULL: only *bytes is wanted
 *   bytes    the room at buffer; gets the size that was committed */
int FTMPI_Fetch_buffer(int rank, const char *name, int version, void *buffer, size_t *bytes,
                       ftTimeout_t T);

enum { FTMPI_KEEP_SAME_NODE, FTMPI_KEEP_OTHER_NODE, FTMPI_KEEP_OTHER_RACK };

/* What is kept of a rank, and where. */
typedef struct {
    int rank;
    int versions_n, versions[2]; /* commits that can be fetched, the newest first; -1 behind them.
                                  * The own rank's may be in its own memory only: see partner */
    uint64_t bytes;              /* of the newest */
    int partner;                 /* the rank that keeps it; -1: none now, or not whole there yet */
    char node[FT_NAME_MAX];      /* that one's node */
    int distance;                /* how far that is from here, for the own rank; -1: not known */
} FTMPI_Kept_t;

/* Says what is kept of a rank.
 *   rank   any of the application's world, by its number when the job began; -1: the own one
 *   kept   gets the answer, whole
 * MPIX_ERR_PROC_FAILED: nobody who lives keeps anything of it. */
int FTMPI_Kept(int rank, ftTimeout_t T, FTMPI_Kept_t *kept);

/* Says why the latest call of this section in this thread that failed did so, and about whom. Valid
 * until the next one fails; "" if none has. */
const char *FTMPI_Last_error(void);

/* ---------------------------------------------------------------- a world made whole
 *
 * Under `ft run --mode=repair --spares S` a rank that is lost does not end the world: a spare takes
 * its place, and MPI_COMM_WORLD and all communicators made from it are whole again, under the same
 * handles, in all ranks. A program takes part in one of these ways:
 *
 *     int body(const FTMPI_Repair_t *repair, void *arg)    // the simplest
 *     {
 *         int step;
 *
 *         if (repair->repairs > 0 && FTMPI_Fetch_common(10000, &step) == MPI_SUCCESS)
 *             ...                       // all ranks, the new one too, are as at commit `step`
 *         for (...) { compute; MPI_Allreduce(...); FTMPI_Commit(step); }
 *         return 0;
 *     }
 *     ... MPI_Init, MPI_Comm_split ..., FTMPI_Keep ...
 *     result = FTMPI_Loop(body, arg);
 *
 *   FTMPI_Loop          body is called anew in all ranks after each repair
 *   FTMPI_Set_callback  a function of the program's is called after each repair, from within the
 *                       MPI call that was interrupted, which then returns MPIX_ERR_PROC_FAILED or
 *                       is done again
 *   MPI_ERRORS_RETURN   on MPI_COMM_WORLD: the interrupted call returns MPIX_ERR_PROC_FAILED
 *   nothing             an unmodified program: its messages go on as in the mode retarget; a
 *                       collective on the world that meets a loss is done again by all if all are
 *                       in the same one, else it is an error, through the error handler
 *
 * In the first three each rank is interrupted, in whatever MPI call on the world or on a
 * communicator of its it is, or comes to next. Requests under way are over then: no buffer of
 * theirs is touched any more; they must not be waited for after FTMPI_Loop has called body anew
 * (the library has freed them), elsewhere they complete with MPIX_ERR_PROC_FAILED. Persistent ones
 * stay, not started. Messages that had not been received are gone. A rank that is in no MPI call is
 * not interrupted, and the others wait for it.
 *
 * A replacement's program begins at main. From MPI_Init to FTMPI_Loop (or to where a program
 * without it goes on) it has to make the same communicators in the same order as all others have
 * (nobody else takes part: they are there), and must not communicate; FTMPI_Last_repair says that
 * it is one.
 *
 * Without the mode repair, or without `ft run`, the functions are there too: FTMPI_Loop calls body
 * once, FTMPI_Settle is a barrier. */

#define FTMPI_LOST_MAX 64

/* The steps of a repair; see step_ms. */
enum {
    FTMPI_STEP_NOTICED, /* from the loss, as this process heard of it first, to the begin */
    FTMPI_STEP_SHRUNK,  /* all that live have come, and know of each other */
    FTMPI_STEP_ASKED,   /* the runtime has said who takes the lost ranks' places */
    FTMPI_STEP_JOINED,  /* they have joined: the new world is there */
    FTMPI_STEP_REBUILT, /* the communicators made from it, too */
    FTMPI_STEP_AGREED,  /* all ranks have agreed that it is so */
    FTMPI_STEPS
};

/* A repair. */
typedef struct {
    int repairs;        /* of this job so far, this one included; the same in all ranks; 0: none */
    int is_replacement; /* 1: this process took a lost rank's place (and stays 1); 0: it is of the
                         * first hour */
    int rank, world_n;  /* of this process and of the world, now */
    int before_n;       /* the world's size before; if world_n is less, it was shrunk */
    int lost_n;         /* ranks whose processes were lost, */
    int lost[FTMPI_LOST_MAX]; /* as numbered before; the first FTMPI_LOST_MAX of them */
    double step_ms[FTMPI_STEPS]; /* how long each step took in this process, failed tries included;
                                  * 0 in a replacement for what was before it took part */
} FTMPI_Repair_t;

/* Of the program's: called in each survivor after a repair, from within the interrupted MPI call, in
 * the thread of that call. It may use MPI and FT like any other code; a call that is interrupted
 * again inside of it calls it again, at the most FTMPI_NESTED_MAX deep. With several threads in MPI
 * calls it is called in each of them that was interrupted, one or more, also at the same time; one
 * that was in no call is told nothing, and its next call is one in the new world: the ranks have to
 * agree where they go on.
 *   repair   valid until it returns
 * Returns FTMPI_RETURN_ERROR: the interrupted call returns MPIX_ERR_PROC_FAILED, without the
 * communicator's error handler; or FTMPI_REPEAT: it is done again. (Calls that wait for requests or
 * test them are not: they return MPIX_ERR_PROC_FAILED.) */
typedef int FTMPI_Callback_t(const FTMPI_Repair_t *repair, void *arg);
enum { FTMPI_RETURN_ERROR, FTMPI_REPEAT };
#define FTMPI_NESTED_MAX 16

/* Says what is to be called after a repair.
 *   callback   NULL: nothing any more
 *   arg        given to it; stays the caller's
 * To be called in all ranks alike, after MPI_Init, in a replacement too. Local. Returns
 * MPI_SUCCESS, or MPI_ERR_OTHER before MPI_Init or without the layer (then there are no repairs).
 * MPI_Finalize counts as an MPI call here: it waits for all ranks to come to it, and returns
 * MPIX_ERR_PROC_FAILED, with MPI up, if there was a repair meanwhile and the callback wants that. */
int FTMPI_Set_callback(FTMPI_Callback_t *callback, void *arg);

/* What FTMPI_Loop calls.
 *   repair   the latest one (repairs is 0 before the first); valid until body returns */
typedef int FTMPI_Body_t(const FTMPI_Repair_t *repair, void *arg);

/* Calls body, and calls it anew after each repair: the interrupted MPI call of body's does not
 * return then (longjmp: variables of body's that live on its stack are gone; in C++ no destructor
 * runs; memory that it has allocated is the program's to find again). When body has returned, waits
 * for all other ranks' bodies to do so too; after a loss in that time calls body anew as well.
 *   arg   given to body; stays the caller's
 * Returns body's last value, once all ranks' bodies have returned and nobody was lost. To be called
 * in all ranks alike, by one thread at a time; a repair that another thread meets is returned there
 * as MPIX_ERR_PROC_FAILED, and this thread is interrupted in its next MPI call. Another thread that
 * was in no MPI call is told nothing, and its next call is one in the new world: body is to bring
 * such threads to a stop before it communicates. Within
 * body FTMPI_Set_callback's function is not called. Not to be nested: an inner one calls its body
 * like a plain function. */
int FTMPI_Loop(FTMPI_Body_t *body, void *arg);

/* Collective over the world: waits until all ranks are here.
 * Returns MPI_SUCCESS: all ranks were here, and nobody was lost before; MPIX_ERR_PROC_FAILED: there
 * was a repair meanwhile, go back to where the lost one is to be helped (within FTMPI_Loop's body
 * it does not return then; a callback was called); MPI_ERR_OTHER before MPI_Init. */
int FTMPI_Settle(void);

/* Tells of the latest repair; local, never waits, also before any (repairs is 0).
 *   repair   gets it
 * Returns MPI_SUCCESS, MPI_ERR_ARG, or MPI_ERR_OTHER before MPI_Init. */
int FTMPI_Last_repair(FTMPI_Repair_t *repair);

/* Collective over the world: sets all ranks' named buffers (FTMPI_Keep) to the newest commit that
 * every rank can have, from its own memory or from where it is kept: FTMPI_Fetch of the same version
 * in each.
 *   T         in ms, for each rank's own part
 *   version   gets the version, -1 after an error; may be NULL
 * In all ranks MPI_SUCCESS; or in all MPI_ERR_OTHER, and no buffer was changed anywhere: there is no
 * such version, or not in all ranks within the time, as after the loss of a rank together with its
 * partner. FTMPI_Last_error says of which ranks there is none, and in these what they have found.
 * What to do then is the program's to say, the same in all ranks: it begins anew, reads what is on
 * disk, or ends. Or MPIX_ERR_PROC_FAILED: there was a repair meanwhile, see above.
 * There is such a version whenever each commit has FTMPI_Commit_wait and a collective over the
 * world (MPI_Barrier, MPI_Allreduce) before it, as above: without, a rank may be lost before its
 * last commit was whole at its partner, when others are one further. */
int FTMPI_Fetch_common(ftTimeout_t T, int *version);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
