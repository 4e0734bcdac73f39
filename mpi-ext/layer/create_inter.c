/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * create_inter.c - MPI_Intercomm_create and MPI_Intercomm_merge; and MPI_Comm_dup, _split and
 * _create of an intercommunicator.
 *
 * Wrappers (own.h). With processes of the world only it is done so that a loss interrupts it
 * (inter.c). Open MPI's own way, for those with processes of other jobs, has waits that nothing
 * interrupts; there all of one meet first if they can, where who is late, and then lost, is an error.
 */
#include "config.h"

#include <mpi.h>

#include "alone.h"
#include "among.h"
#include "attributes.h"
#include "create_inter.h"
#include "derived.h"
#include "handlers.h"
#include "inter.h"
#include "own.h"
#include "stray.h"
#include "world.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

/* What comes of a call: one that is not known afterwards is freed. */
static int take_in(MPI_Comm parent, const char *how, int rc, MPI_Comm *made)
{
    if (rc == MPI_SUCCESS) {
        rc = ftm_derived(parent, how, made);
        if (rc != MPI_SUCCESS && *made != MPI_COMM_NULL) {
            ftm_inter_gone(*made);
            PMPI_Comm_free(made);
        }
    }
    return rc == MPI_SUCCESS ? rc : ftm_failed(parent, rc);
}

int ftm_own_Intercomm_create(MPI_Comm local_comm, int local_leader, MPI_Comm bridge_comm,
                             int remote_leader, int tag, MPI_Comm *newintercomm)
{
    MPI_Comm local = ftm_uncounted(local_comm);
    MPI_Comm bridge = bridge_comm == MPI_COMM_NULL ? bridge_comm : ftm_uncounted(bridge_comm);
    bool is_ours = false;
    int rc = ftm_derived_refused(local_comm, "MPI_Intercomm_create");

    if (rc != MPI_SUCCESS)
        return ftm_raise(local_comm, rc);
    if (ftm_among_can())
        rc = ftm_inter_create(local, local_leader, bridge, remote_leader, tag, newintercomm,
                              &is_ours);
    if (rc == MPI_SUCCESS && !is_ours)
        rc = PMPI_Intercomm_create(local, local_leader, bridge, remote_leader, tag, newintercomm);
    return take_in(local_comm, "MPI_Intercomm_create", rc, newintercomm);
}

int ftm_own_Intercomm_merge(MPI_Comm intercomm, int high, MPI_Comm *newintracomm)
{
    int rc = MPI_SUCCESS;

    if (ftm_inter_is_one(intercomm)) {
        rc = ftm_inter_merge(intercomm, high, newintracomm);
        return take_in(intercomm, "MPI_Intercomm_merge", rc, newintracomm);
    }
    if (ftm_stray_is_one(intercomm))
        rc = PMPI_Barrier(intercomm);
    if (rc == MPI_SUCCESS)
        rc = PMPI_Intercomm_merge(intercomm, high, newintracomm);
    return take_in(intercomm, "MPI_Intercomm_merge", rc, newintracomm);
}

/* ---------------------------------------------------------------- from an intercommunicator */

int ftm_create_inter_dup(MPI_Comm comm, MPI_Info info, MPI_Comm *newcomm)
{
    int rc = ftm_inter_dup(comm, newcomm);

    if (rc == MPI_SUCCESS && info != MPI_INFO_NULL)
        rc = PMPI_Comm_set_info(*newcomm, info);
    rc = take_in(comm, "MPI_Comm_dup", rc, newcomm);
    return rc == MPI_SUCCESS ? ftm_attributes_copy(comm, *newcomm) : rc;
}

int ftm_create_inter_split(MPI_Comm comm, int color, int key, MPI_Comm *newcomm)
{
    return take_in(comm, "MPI_Comm_split", ftm_inter_split(comm, color, key, newcomm), newcomm);
}

int ftm_create_inter_group(MPI_Comm comm, MPI_Group group, MPI_Comm *newcomm)
{
    int rank = MPI_UNDEFINED, rc = PMPI_Group_rank(group, &rank);

    if (rc != MPI_SUCCESS)
        return ftm_raise(comm, rc);
    rc = ftm_inter_split(comm, rank == MPI_UNDEFINED ? MPI_UNDEFINED : 0, rank, newcomm);
    return take_in(comm, "MPI_Comm_create", rc, newcomm);
}
