/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * among.h - communicators that some processes make among themselves, and that a loss interrupts;
 * and Open MPI's functions behind those of MPI, with which it is done.
 */
#ifndef FTM_AMONG_H
#define FTM_AMONG_H

#include <mpi.h>
#include <stdbool.h>

#include "../hooks.h"

/* In ftm_world_begin, local: finds Open MPI's functions, and tries them with this process alone. */
void ftm_among_begin(void);

/* Can it be done in this process? False: as Open MPI does it, then. */
bool ftm_among_can(void);

/* Makes a communicator of the group's processes, all of which call this, and are of `base`. None of
 * them waits for ever: if one of them is lost, or `base` revoked, the others have an error. It is
 * one whose errors are returned, without attributes.
 *   tag   the caller's, to tell several of the same group from each other
 * MPI_SUCCESS; or an error, and then *made is MPI_COMM_NULL; after one: ftm_cid_unblock. */
int ftm_among_make(MPI_Comm base, MPI_Group group, int tag, MPI_Comm *made);

/* Makes an intercommunicator of the processes of `both`, all of which call this: its first `n_first`
 * are the one group, the rest is the other. A loss interrupts it. Otherwise like ftm_among_make. */
int ftm_among_link(MPI_Comm both, int n_first, MPI_Comm *made);

/* All of `both` are here, and go on: MPI_SUCCESS. Or an error, also if `base` is revoked meanwhile;
 * `both` is revoked then, as the others may be through. */
int ftm_among_meet(MPI_Comm both, MPI_Comm base);

/* Has one of a new communicator's processes been lost by now? Open MPI tells communicators of a loss
 * when it hears of it: one that is made a moment later never hears, and who waits on it for one that
 * has given up waits for ever. MPI_SUCCESS, or the error. */
int ftm_among_check(MPI_Comm made);

/* preload.c's hook: Open MPI notes what is to be done for a request once others are complete. */
int ftm_among_append(ftm_append_fn *next, void *request, ftm_step_fn *step, MPI_Request parts[],
                     int n);

#endif
