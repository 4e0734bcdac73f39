/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reach.h - from a decision to a communicator that reaches the stand-in.
 */
#ifndef FTM_REACH_H
#define FTM_REACH_H

#include <pmix.h>
#include <stddef.h>
#include <stdint.h>

#include "ftmpi.h"
#include "start.h"

/* FTMPI_Reach. */
int ftm_reach(ftHandle_t ft, const ftReply_t *reply, const char *command, char *argv[],
              ftTimeout_t T, MPI_Comm *comm, int *rank, double step_ms[2]);

/* What was reached. */
struct ftm_reached {
    MPI_Comm comm; /* MPI_COMM_NULL after an error */
    int rank;      /* on comm */
    pmix_proc_t proc;
};

/* For a rank of this world that is lost (fresh.h): the same with this program, which is to be that
 * rank. An error's words are put into `why`. */
int ftm_reach_for_world(ftHandle_t ft, const ftReply_t *reply, const struct ftm_program *program,
                        int64_t deadline_ns, struct ftm_reached *reached, char *why, size_t size);

#endif
