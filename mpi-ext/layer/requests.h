/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * requests.h - what each outstanding request of the application's was asked to do, so that it can
 * be asked again.
 *
 * What becomes of a request whose peer is lost while it is in flight, by the communicator's info
 * key "ftmpi_in_flight" (set by MPI_Comm_set_info or at the communicator's creation):
 *
 *   repost (default)   a send is sent again, whole, to the peer's replacement; a receive is posted
 *                      again from it. The application sees nothing but a longer wait. A send that
 *                      had been completed before the loss is not repeated: what the lost process
 *                      had taken in is lost with it.
 *   error              the request is completed with MPIX_ERR_PROC_FAILED, through the
 *                      communicator's error handler; what is sent or received after that goes to
 *                      the replacement.
 *
 * In both cases the other requests of the same call keep their states, and a receive from
 * MPI_ANY_SOURCE stays posted. A message that had arrived from the lost process before its loss was
 * noticed is received first; what a replaced process says later is dropped.
 */
#ifndef FTM_REQUESTS_H
#define FTM_REQUESTS_H

#include <mpi.h>
#include <stdbool.h>

/* MPI_Info key and values. */
#define FTM_IN_FLIGHT_KEY "ftmpi_in_flight"
#define FTM_IN_FLIGHT_REPOST "repost"
#define FTM_IN_FLIGHT_ERROR "error"

enum ftm_kind {
    FTM_NO_REQUEST,
    FTM_ISEND,
    FTM_IBSEND,
    FTM_ISSEND,
    FTM_IRSEND,
    FTM_IRECV,
    FTM_IMRECV,
    FTM_SEND_INIT,
    FTM_BSEND_INIT,
    FTM_SSEND_INIT,
    FTM_RSEND_INIT,
    FTM_RECV_INIT,
    FTM_COLLECTIVE,
};

/* Notes a request that has just been started. Peer: the application's rank on comm, or
 * MPI_ANY_SOURCE. */
void ftm_request_note(MPI_Request request, enum ftm_kind kind, const void *buf, int count,
                      MPI_Datatype type, int peer, int tag, MPI_Comm comm);

/* Notes a request of a collective operation: an error of its is one of the communicator's. */
void ftm_request_collective(MPI_Request request, MPI_Comm comm);

/* Once something has changed: posts a receive, wherever its messages come from now. */
struct ftm_comm;
int ftm_request_receive(const struct ftm_comm *c, void *buf, int count, MPI_Datatype type,
                        int source, int tag, MPI_Request *request);
/* Waits for a request of the application's; its errors have been raised. */
int ftm_request_wait(MPI_Request *request, MPI_Status *status);
/* Whose message a matched one is, for MPI_Mrecv and MPI_Imrecv.
 *   peer, tag   as its status says
 *   real        the process */
void ftm_request_message(MPI_Message message, const struct ftm_comm *c, int peer, int tag,
                         int real);

/* The world was repaired as a whole: what is under way is over. Bounded: 200 ms in all.
 *   is_given_back   the application never asks for it any more; false: it ends with
 *                   MPIX_ERR_PROC_FAILED when it is waited for
 * Persistent ones are not started then. */
void ftm_requests_over(bool is_given_back);

/* In ftm_world_begin, and at the end. */
int ftm_requests_begin(void);
void ftm_requests_end(void);

/* Is there a receive from MPI_ANY_SOURCE under way? */
bool ftm_requests_want_anybody(void);

#endif
