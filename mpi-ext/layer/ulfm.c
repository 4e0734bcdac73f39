/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ulfm.c - ULFM's functions on the application's world (ulfm.h).
 *
 * What is done to the world is done to both communicators that stand for it. Who has failed is
 * asked of the one in use for collectives: a spare that nobody has met is no rank of the
 * application's. (MPIX_Comm_shrink and MPIX_Comm_agree are collectives; their wrappers are
 * generated.)
 */
#include "config.h"

#include "ulfm.h"

#include <mpi-ext.h>

#include "handlers.h"
#include "world.h"

#include "real.h"

static int result(MPI_Comm comm, int rc)
{
    return rc == MPI_SUCCESS ? rc : ftm_raise(comm, rc);
}

int ftm_own_X_Comm_revoke(MPI_Comm comm)
{
    MPI_Comm in_use = ftm_uncounted(comm);
    int rc = PMPIX_Comm_revoke(comm);

    if (rc == MPI_SUCCESS && in_use != comm)
        rc = PMPIX_Comm_revoke(in_use);
    return result(comm, rc);
}

int ftm_own_X_Comm_is_revoked(MPI_Comm comm, int *flag)
{
    MPI_Comm in_use = ftm_uncounted(comm);
    int rc = PMPIX_Comm_is_revoked(comm, flag);

    if (rc == MPI_SUCCESS && in_use != comm && !*flag)
        rc = PMPIX_Comm_is_revoked(in_use, flag);
    return result(comm, rc);
}

int ftm_own_X_Comm_failure_ack(MPI_Comm comm)
{
    MPI_Comm in_use = ftm_uncounted(comm);
    int rc = PMPIX_Comm_failure_ack(in_use);

    if (rc == MPI_SUCCESS && in_use != comm)
        rc = PMPIX_Comm_failure_ack(comm);
    return result(comm, rc);
}

int ftm_own_X_Comm_failure_get_acked(MPI_Comm comm, MPI_Group *failedgrp)
{
    return result(comm, PMPIX_Comm_failure_get_acked(ftm_uncounted(comm), failedgrp));
}

int ftm_own_X_Comm_get_failed(MPI_Comm comm, MPI_Group *failedgroup)
{
    return result(comm, PMPIX_Comm_get_failed(ftm_uncounted(comm), failedgroup));
}

/* On the real world all are acknowledged: a receive from MPI_ANY_SOURCE goes on there, as the
 * application wants it to after the first. */
int ftm_own_X_Comm_ack_failed(MPI_Comm comm, int num_to_ack, int *num_acked)
{
    MPI_Comm in_use = ftm_uncounted(comm);
    int rc = PMPIX_Comm_ack_failed(in_use, num_to_ack, num_acked);

    if (rc == MPI_SUCCESS && in_use != comm && *num_acked > 0)
        rc = PMPIX_Comm_failure_ack(comm);
    return result(comm, rc);
}
