/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * windows.h - windows and files after a failure. Open MPI recovers neither; an operation that the
 * lost process has a part in would wait for it for ever, or write half of what it should.
 */
#ifndef FTM_WINDOWS_H
#define FTM_WINDOWS_H

#include <mpi.h>

/* After the first failure, before an operation on the window or collective operation on the file:
 * MPI_SUCCESS if all of its processes live; else an error of class MPIX_ERR_PROC_FAILED that says
 * who is lost, raised through the window's or file's own error handler. */
int ftm_window_lost(MPI_Win win);
int ftm_file_lost(MPI_File file);

#endif
