/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * standin.h - a process that stands in for a lost one: who it is, where it is reached.
 */
#ifndef FTM_STANDIN_H
#define FTM_STANDIN_H

#include <stdint.h>

#include "ftmpi.h"

/* At the end of MPI_Init: tells the runtime where this process is reached, if it stands in. */
void ftm_standin_announce(void);
/* The same for a process that was started into a repair (refill.h) and is in its place now. */
void ftm_standin_announce_as(uint64_t decision);
/* Before MPI goes down. */
void ftm_standin_end(void);

int ftm_standin(FTMPI_Standin_t *who);              /* FTMPI_Standin */
int ftm_next_peer(ftTimeout_t T, MPI_Comm *comm);   /* FTMPI_Next_peer */

#endif
