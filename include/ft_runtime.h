/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ft_runtime.h - for what stands between the runtime and an application: a launcher's plugin, an
 * MPI layer, another language's runtime. Applications need ft.h only.
 *
 * Everything here is an action as in ft.h: made as a value, sent by requestFT, submitFT or postFT.
 *
 * A launcher reports what it knows: jobs and where their processes run, processes that ended, nodes
 * that came, were lost or left. A layer that starts stand-ins uses a decision (ftReply_t.decision):
 *
 *     asker                          central unit                     stand-in
 *       | ftClaim(decision)  ---------->  |                               |
 *       |  <----- FT_REACH_START          |    (the first asker only)     |
 *       | starts the program there ---------------------------------->    |
 *       |                                 |  <----------- ftAnnounce(decision, port)
 *     other askers                        |                               |
 *       | ftClaim(decision)  ---------->  |                               |
 *       |  <----- FT_REACH_PORT, port     |  -----> answers ftNextPeer(decision)
 *       | connects to the port  ------------------------------------->    | accepts
 */
#ifndef FT_RUNTIME_H
#define FT_RUNTIME_H

#include "ft.h"

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* Send an action and never hear of it again: for reports. Returns at once; what cannot be written
 * yet waits in the handle (at most 4 MiB, then FT_ERR_BUSY) and goes out with the next call on the
 * handle, or when descriptorFT's descriptor is ready and serveFT is called. closeFT writes what can
 * be written at once; the rest is lost with the handle.
 *   handle   from openFT
 *   A        the action; what it borrows is copied before postFT returns
 * Errors: those of submitFT. After FT_OK it may still be lost with the connection. */
ftRetVal_t postFT(const ftHandle_t handle, const ftAction_t A);

/* Write what waits, read what has come; never waits. Call it when descriptorFT's descriptor is
 * ready and no request is under way that pollFT would be called for.
 *   handle   from openFT
 * Returns FT_OK; FT_ERR_LOST once, when it finds the connection gone (the next call connects again,
 * and returns FT_ERR_CONNECT if no unit is there); FT_ERR_PROTOCOL and the like if the unit was
 * given up for what it sent; FT_ERR_HANDLE, FT_ERR_FORKED. */
ftRetVal_t serveFT(const ftHandle_t handle);

/* ---------------------------------------------------------------- a launcher's reports */

/* Open a connection as a launcher, or one of its daemons. As openFT, but that this process speaks
 * for a session: the name that its jobs' names begin with (PRRTE: the namespace of its daemons,
 * without what follows "@"). A system's units let the user who first used a session's name, and
 * nobody else, report for it; a job's own central unit knows its launcher by its process id.
 *   session   copied; shorter than FT_NAME_MAX
 * Errors: those of openFT. */
ftRetVal_t openLauncherFT(const ftHost_t host, const char *session, ftHandle_t *handle);

/* One process of a job, as its launcher started it. */
typedef struct {
    int rank;          /* in its job */
    int64_t pid;       /* on its node; 0 if not known */
    const char *node;  /* borrowed until the action has been sent */
} ftProcessInfo_t;

/* How a process ended. */
typedef enum {
    FT_ENDED_WELL = 1,  /* exit code 0 */
    FT_ENDED_CODE,      /* another exit code: `code` */
    FT_ENDED_SIGNAL,    /* by a signal: `code` */
    FT_ENDED_ABORT,     /* it called abort (MPI_Abort) with `code` */
    FT_ENDED_WITH_NODE  /* its node was lost */
} ftEnd_t;

/* What became of a node of the job. The first three a launcher reports as it sees them; the others,
 * and FT_NODE_LOST, it hears from the central unit (ftNextNews). */
typedef enum {
    FT_NODE_JOINED = 1, /* a daemon of the launcher runs there */
    FT_NODE_LOST,       /* the daemon there was lost: connection closed, timed out, ...; as news:
                         * the node is silent and was declared lost */
    FT_NODE_LEFT,       /* the daemon there was ended in order */
    FT_NODE_FAILING,    /* news: it is going down, or to be left: what runs there should move */
    FT_NODE_WELL        /* news: it is not going down after all */
} ftNodeChange_t;

/* Actions of a launcher. They are for the launcher of the job only: others get FT_ERR_DENIED.
 *   job         its name (PMIx namespace)
 *   parent      job that spawned it, "" if none
 *   processes   n of them, borrowed until the action has been sent; several ftJobStarted of one job
 *               add up (at most 4096 processes in one action)
 *   node        its name
 *   text        how it was noticed, for people; may be NULL
 *   daemon      number of the launcher's daemon on that node: tells a node that was lost apart from
 *               the same node with another daemon */
ftAction_t ftJobStarted(const char *job, const char *parent, const ftProcessInfo_t *processes,
                        size_t n);
ftAction_t ftProcessEnded(const char *job, int rank, ftEnd_t how, int code);
ftAction_t ftNodeChanged(const char *node, int daemon, ftNodeChange_t change, const char *text);
ftAction_t ftJobEnded(const char *job, int code);

/* Ask for news of the launcher's nodes. Answered with the oldest one that is newer than `after`;
 * until there is one, it waits (up to the request's time).
 *   after   reply.decision of the latest one heard, 0 at first
 * The answer, FT_OK:
 *   reply.decision   the number of this news: ask again with it
 *   reply.resource   the node; kind 0: another central unit leads now, and whoever asks should
 *                    report again all that there is (it is not an error to report something twice)
 *   reply.change     what became of it
 *   reply.reason     how it was noticed, for people
 * For launchers only, as the reports are. */
ftAction_t ftNextNews(uint64_t after);

/* Ask for one node more, from the resource manager that findAlternative would ask, for the launcher
 * itself: it is nobody's alternative until it is given back, or the launcher ends. Waits up to the
 * request's time.
 *   like   what it has to have at least (cores_min, memory_min_bytes, arch) and which nodes it may not
 *          be (excluded); the rest is not looked at
 * The answer:
 *   FT_OK            reply.resource.node
 *   FT_ERR_NONE      there is none: reply.reason says why, reply.available_at_s when to ask again
 *   FT_ERR_TIMEOUT   none came in time; one that comes later goes back at once
 * For launchers only. */
ftAction_t ftAcquireNode(ftConstraint_t like);

/* Give a node back that ftAcquireNode gave; the launcher has no daemon there any more (or never
 * had). FT_ERR_UNKNOWN: it was not given to this launcher. FT_ERR_BUSY: processes of a job are on
 * it. */
ftAction_t ftGiveBackNode(const char *node);

/* ---------------------------------------------------------------- a launcher's daemons */

/* Tell this node's unit which processes a launcher's daemon has here, all there are of a job, each
 * time that one has started or ended; n 0: none any more. The unit ends them if the node is
 * declared lost, or is cut off, and says so when one is stopped. It goes no further than the unit.
 * Only the processes' own user (or root) may tell of them.
 *   job         its name
 *   processes   n of them, borrowed until the action has been sent; their node is not looked at
 *   quiet_ms    how long ago the launcher was heard of, by this daemon; to be told again each
 *               second or so, so that the unit knows that they are not on their own. Negative: not
 *               known */
ftAction_t ftRanksHere(const char *job, const ftProcessInfo_t *processes, size_t n, int quiet_ms);

/* Write an entry to the event log of the central unit.
 *   about   the node or rank that it is about
 *   name    of the entry, of [a-z0-9_]; doc/events.md has them all
 *   text    a sentence for people: what happened, to whom, what to do
 * For launchers only. */
ftAction_t ftLogEvent(ftResource_t about, const char *name, const char *text);

/* ---------------------------------------------------------------- a layer's stand-ins */

/* Ask to use the alternative of a decision. Answered with one of:
 *   FT_OK, reply.reach FT_REACH_START   the caller, and nobody else, is to start the program on
 *                                       reply.alternative.node; to end in ftAnnounce by what it
 *                                       started, or ftStartFailed
 *   FT_OK, reply.reach FT_REACH_PORT    it runs: connect to reply.port (the announced port, made
 *                                       this caller's own by an ending); it has been told that a
 *                                       peer is coming, and at which port
 *   FT_OK, reply.reach FT_REACH_RANK    use reply.reach_rank
 *   FT_ERR_UNFIT                        it could not be started or was lost: findAlternative again
 *   FT_ERR_UNKNOWN                      no such decision
 * While another caller starts it, the answer waits (up to the request's time). */
ftAction_t ftClaim(uint64_t decision);

/* The stand-in of a decision runs and can be reached at a port.
 *   port   as MPI_Open_port gave it; shorter than 1024 bytes */
ftAction_t ftAnnounce(uint64_t decision, const char *port);

/* Starting the program failed; the decision's alternative is unfit for everybody.
 *   why   for people; may be NULL */
ftAction_t ftStartFailed(uint64_t decision, const char *why);

/* For the stand-in: answered FT_OK when the next peer is about to connect (accept it then);
 * otherwise waits up to the request's time. Each answer stands for one peer, who connects to
 * reply.port and to no other: a peer that dies on its way is in nobody else's. */
ftAction_t ftNextPeer(uint64_t decision);

/* ---------------------------------------------------------------- a layer's warm spares */

/* A job that was started with spares has `world` ranks that work, and more that wait: its last
 * ones. findAlternative gives those first, at once: reply.alternative is the spare (FT_RANK),
 * reply.rung FT_BY_SPARE_RANK, reply.reach FT_REACH_RANK and reply.reach_rank its rank in the job.
 *
 * Of a spare: wait for a rank to take the place of. The answer:
 *   FT_OK          reply.resource is the rank, and this process has its place from now on;
 *                  reply.decision and reply.epoch of what was decided. Asked again, the same
 *   FT_ERR_NONE    the job is over, it was not needed: end; reply.epoch 1: some rank came to its
 *                  end, 0: all were lost
 *   FT_ERR_UNFIT   it can no longer be used (held for dead, or replaced in its turn): end
 * Anything else: ask again, also if the unit or the central unit was away meanwhile (FT_ERR_LOST).
 * After FT_OK it asks once more, and need not wait for the answer: that is taken for the begin of its
 * program. One that is not heard of again is ended, and another spare is given (spare_begin_ms).
 *   world   ranks that work, 1 or more; all ranks of a job have to say the same */
ftAction_t ftSpareHere(int world);

/* Of a rank that works, in a job with spares: it has come to the end of its program and needs
 * nobody's replacement any more. When all have said so, or are gone, the spares are told to end.
 * The answer: FT_OK; reply.epoch 1: that is so now. */
ftAction_t ftRankDone(int world);

/* Who is in a rank's place?
 *   rank   of the world, or a spare's
 * The answer:
 *   FT_OK         reply.resource is the rank of the world, reply.reach_rank the process of its job
 *                 that has its place, reply.epoch how many replacements it has had
 *   FT_ERR_NONE   it is a spare that nobody has needed */
ftAction_t ftPlaceOf(ftResource_t rank);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
