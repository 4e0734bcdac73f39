/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * passed.c - functions whose peers are not replaced (passed.h).
 *
 * MPI_Isendrecv is one request for two messages: neither can be sent or received again alone.
 */
#include "config.h"

#include "passed.h"

#include <stdbool.h>

#include "handlers.h"
#include "posting.h"
#include "requests.h"
#include "world.h"

#include "real.h"

/* A rank of the real world that the application's has not is none. */
static bool has_rank(MPI_Comm comm, int peer)
{
    return comm != MPI_COMM_WORLD || peer < ftm_world_n;
}

int ftm_own_Isendrecv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, int dest,
                      int sendtag, void *recvbuf, int recvcount, MPI_Datatype recvtype, int source,
                      int recvtag, MPI_Comm comm, MPI_Request *request)
{
    int rc = MPI_ERR_RANK;

    ftm_requests_catch_up(0, NULL); /* its two messages have handles that may be noted */
    if (has_rank(comm, dest) && has_rank(comm, source))
        rc = PMPI_Isendrecv(sendbuf, sendcount, sendtype, dest, sendtag, recvbuf, recvcount,
                            recvtype, source, recvtag, comm, request);
    if (rc != MPI_SUCCESS)
        return ftm_failed(comm, rc);
    ftm_request_collective(*request, comm);
    return MPI_SUCCESS;
}

int ftm_own_Isendrecv_replace(void *buf, int count, MPI_Datatype datatype, int dest, int sendtag,
                              int source, int recvtag, MPI_Comm comm, MPI_Request *request)
{
    int rc = MPI_ERR_RANK;

    ftm_requests_catch_up(0, NULL); /* its two messages have handles that may be noted */
    if (has_rank(comm, dest) && has_rank(comm, source))
        rc = PMPI_Isendrecv_replace(buf, count, datatype, dest, sendtag, source, recvtag, comm,
                                    request);
    if (rc != MPI_SUCCESS)
        return ftm_failed(comm, rc);
    ftm_request_collective(*request, comm);
    return MPI_SUCCESS;
}
