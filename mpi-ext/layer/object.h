/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * object.h - what lies in Open MPI's own request, which no function of MPI's tells.
 */
#ifndef FTM_OBJECT_H
#define FTM_OBJECT_H

#include <mpi.h>
#include <stdbool.h>

struct ftm_noted;

/* Once, in MPI_Init: measures where things lie, with two messages to ourselves. */
void ftm_object_begin(void);

/* The error in the status of a completed request; NULL: it is not known where that lies. */
int *ftm_object_error(MPI_Request request);

/* Can ftm_object_is_it tell? */
bool ftm_object_tells(void);
/* Is a request that was noted (of a non-blocking send or receive, not a persistent one) still under
 * way, or complete and not given back? False: it has been given back, and its handle is nobody's,
 * or that of a request that is not the noted one. */
bool ftm_object_is_it(const struct ftm_noted *noted);

#endif
