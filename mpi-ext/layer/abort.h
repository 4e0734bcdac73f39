/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * abort.h - whose end an MPI_Abort is.
 */
#ifndef FTM_ABORT_H
#define FTM_ABORT_H

#include <mpi.h>

/* Does MPI_Abort of this communicator end the calling process alone, and the job has others? */
int ftm_abort_is_own(MPI_Comm comm);

#endif
