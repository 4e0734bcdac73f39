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
 *             for a warm spare, the job's own communicator itself. Errors on an intercommunicator
 *             are returned (MPI_ERRORS_RETURN). To be given back by FTMPI_Leave. MPI_COMM_NULL
 *             after an error
 *   rank      gets the rank to send to on comm
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

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
