/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * passed.h - functions that Open MPI does while nothing has failed, and whose peers are not
 * replaced when something has: their errors reach the application through its own handler.
 */
#ifndef FTM_PASSED_H
#define FTM_PASSED_H

#include <mpi.h>

int ftm_own_Isendrecv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, int dest,
                      int sendtag, void *recvbuf, int recvcount, MPI_Datatype recvtype, int source,
                      int recvtag, MPI_Comm comm, MPI_Request *request);
int ftm_own_Isendrecv_replace(void *buf, int count, MPI_Datatype datatype, int dest, int sendtag,
                              int source, int recvtag, MPI_Comm comm, MPI_Request *request);

#endif
