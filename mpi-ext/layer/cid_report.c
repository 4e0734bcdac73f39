/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cid_report.c - the making of communicators after one that has failed, in mode report.
 *
 * There an application mends itself, and its calls lead straight to Open MPI. But for those that
 * make communicators, in which Open MPI leaves a mark behind if a rank is lost meanwhile (cid.c):
 * afterwards it is taken away; and before MPIX_Comm_shrink in any case, which an error handler may
 * call in the middle of such a one, or after one that is not here.
 */
#include "config.h"

#include <mpi.h>
#include <mpi-ext.h>

#include "cid.h"
#include "wrap.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

static int after(int rc)
{
    if (UNLIKELY(rc != MPI_SUCCESS))
        ftm_cid_unblock();
    return rc;
}

static int comm_dup(MPI_Comm comm, MPI_Comm *newcomm)
{
    return after(PMPI_Comm_dup(comm, newcomm));
}

static int comm_dup_with_info(MPI_Comm comm, MPI_Info info, MPI_Comm *newcomm)
{
    return after(PMPI_Comm_dup_with_info(comm, info, newcomm));
}

static int comm_split(MPI_Comm comm, int color, int rank_key, MPI_Comm *newcomm)
{
    return after(PMPI_Comm_split(comm, color, rank_key, newcomm));
}

static int comm_split_type(MPI_Comm comm, int type, int rank_key, MPI_Info info, MPI_Comm *newcomm)
{
    return after(PMPI_Comm_split_type(comm, type, rank_key, info, newcomm));
}

static int comm_create(MPI_Comm comm, MPI_Group group, MPI_Comm *newcomm)
{
    return after(PMPI_Comm_create(comm, group, newcomm));
}

static int comm_create_group(MPI_Comm comm, MPI_Group group, int tag, MPI_Comm *newcomm)
{
    return after(PMPI_Comm_create_group(comm, group, tag, newcomm));
}

static int cart_create(MPI_Comm comm, int ndims, const int dims[], const int periods[], int reorder,
                       MPI_Comm *newcomm)
{
    return after(PMPI_Cart_create(comm, ndims, dims, periods, reorder, newcomm));
}

static int cart_sub(MPI_Comm comm, const int remain_dims[], MPI_Comm *newcomm)
{
    return after(PMPI_Cart_sub(comm, remain_dims, newcomm));
}

static int intercomm_create(MPI_Comm local_comm, int local_leader, MPI_Comm bridge_comm,
                            int remote_leader, int tag, MPI_Comm *newintercomm)
{
    return after(PMPI_Intercomm_create(local_comm, local_leader, bridge_comm, remote_leader, tag,
                                       newintercomm));
}

static int intercomm_merge(MPI_Comm intercomm, int high, MPI_Comm *newintracomm)
{
    return after(PMPI_Intercomm_merge(intercomm, high, newintracomm));
}

static int comm_shrink(MPI_Comm comm, MPI_Comm *newcomm)
{
    ftm_cid_unblock();
    return after(PMPIX_Comm_shrink(comm, newcomm));
}

static const struct ftm_functions wrappers = {
    .Comm_dup = comm_dup,
    .Comm_dup_with_info = comm_dup_with_info,
    .Comm_split = comm_split,
    .Comm_split_type = comm_split_type,
    .Comm_create = comm_create,
    .Comm_create_group = comm_create_group,
    .Cart_create = cart_create,
    .Cart_sub = cart_sub,
    .Intercomm_create = intercomm_create,
    .Intercomm_merge = intercomm_merge,
    .X_Comm_shrink = comm_shrink,
};

void ftm_cid_report(void)
{
    ftm_cid_begin();
    ftm_wrap(&wrappers);
}
