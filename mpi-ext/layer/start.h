/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * start.h - how a process is started in a lost one's place: which program, where, and what it finds
 * in its environment.
 */
#ifndef FTM_START_H
#define FTM_START_H

#include <mpi.h>
#include <stdbool.h>

/* What this process itself was started as. Belongs to this module. */
struct ftm_program {
    const char *command; /* the executable's path */
    char **argv;         /* its arguments without the program's name, up to a NULL */
    const char *folder;  /* where; "" if not known */
};

/* In MPI_Init, before the application can change any of it. */
void ftm_start_note_program(void);
/* NULL: it is not known (no /proc, out of memory). */
const struct ftm_program *ftm_start_program(void);

/* A stand-in's environment: the list `own` first (up to a NULL), then what of this process's is not
 * one process's, one node's or one login's affair. To be freed (the list; its texts are borrowed).
 * NULL: out of memory. */
const char **ftm_start_environment(const char *const own[]);

/* Says in an info object where to start a program.
 *   in_job   the launcher has that node already */
void ftm_start_place(MPI_Info info, const char *node, bool in_job);

#endif
