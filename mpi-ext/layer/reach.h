/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reach.h - from a decision to a communicator that reaches the stand-in.
 */
#ifndef FTM_REACH_H
#define FTM_REACH_H

#include "ftmpi.h"

/* FTMPI_Reach. */
int ftm_reach(ftHandle_t ft, const ftReply_t *reply, const char *command, char *argv[],
              ftTimeout_t T, MPI_Comm *comm, int *rank, double step_ms[2]);

#endif
