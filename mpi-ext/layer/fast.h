/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fast.h - the shortest way through the layer, for the messages that programs send by the million.
 *
 * MPI_Send, MPI_Recv, MPI_Isend and MPI_Irecv each go to Open MPI at once while nothing has
 * changed, and must still have their arguments if it returns an error. A compiler keeps them in
 * callee-saved registers: six saved, six loaded, six moved back, all of it restored. Here they are
 * pushed, which is all that is needed when nothing goes wrong (fast.c).
 *
 * On machines that fast.c has nothing for, ftm_own_X is the function that is ftm_general_X here.
 */
#ifndef FTM_FAST_H
#define FTM_FAST_H

#include <mpi.h>

#if defined(__x86_64__) && defined(__LP64__)
#define FTM_FAST 1
#define FTM_GENERAL(name) ftm_general_##name
#else
#define FTM_FAST 0
#define FTM_GENERAL(name) ftm_own_##name
#endif

/* What such a call was given, as it lies on the stack. */
struct ftm_arguments {
    void *last; /* MPI_Status *, MPI_Request *, or nothing */
    void *buf;
    int count, pad_count;
    MPI_Datatype type;
    int peer, pad_peer;
    int tag, pad_tag;
    MPI_Comm comm;
};

/* The peers that are reached as ever: 0 to n-1; none once something has changed. Any thread. */
void ftm_fast_peers(int n);
/* Before any of ours is in force. */
void ftm_fast_begin(void);

#if FTM_FAST
/* The same functions for all other peers, and after a change: own.h's for this machine. */
int ftm_general_Send(const void *buf, int count, MPI_Datatype type, int dest, int tag,
                     MPI_Comm comm);
int ftm_general_Recv(void *buf, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm,
                     MPI_Status *status);
int ftm_general_Isend(const void *buf, int count, MPI_Datatype type, int dest, int tag,
                      MPI_Comm comm, MPI_Request *request);
int ftm_general_Irecv(void *buf, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm,
                      MPI_Request *request);

/* Open MPI has returned an error. Called by fast.c's code. */
int ftm_failed_Send(const struct ftm_arguments *asked, int rc);
int ftm_failed_Recv(const struct ftm_arguments *asked, int rc);
int ftm_failed_Isend(const struct ftm_arguments *asked, int rc);
int ftm_failed_Irecv(const struct ftm_arguments *asked, int rc);

/* It has given a request. Returns MPI_SUCCESS. */
int ftm_posted_Isend(const struct ftm_arguments *asked);
int ftm_posted_Irecv(const struct ftm_arguments *asked);
#endif

#endif
