/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rebuild_make.h - makes the communicators of a rebuilding, on the new active one.
 */
#ifndef FTM_REBUILD_MAKE_H
#define FTM_REBUILD_MAKE_H

#include "rebuild_claims.h"
#include "rebuild_describe.h"
#include "rebuilding.h"

/* Collective: all of them, without their topologies. Those that this process is a member of are in
 * `remades`, also if it fails, with what `all` says of them. MPI_SUCCESS, or Open MPI's error. */
int ftm_make_all(const struct ftm_rebuilding *rebuilding, struct ftm_births *all,
                 const struct ftm_claims *claims, struct ftm_remades *remades);

/* Collective over each in turn: puts the topologies on top. */
int ftm_make_topologies(struct ftm_remades *remades);

/* Nobody is left waiting for this process on any of them. */
void ftm_make_revoke(const struct ftm_remades *remades);

/* Frees all of it: nothing has come of it. */
void ftm_make_undo(struct ftm_remades *remades);

#endif
