/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * create_comm.c - MPI_Comm_dup and its like, MPI_Comm_split, and MPI_Comm_free.
 *
 * Wrappers (own.h): each names what it asks for (part.h), so that those who are late can make it
 * among themselves, and leaves the rest to creating.c. A duplicate gets the attributes and the rule
 * for what is in flight, too. MPI_Comm_free frees what stands behind the handle since a repair.
 */
#include "config.h"

#include <mpi.h>

#include "attributes.h"
#include "books.h"
#include "create_inter.h"
#include "creating.h"
#include "derived.h"
#include "handlers.h"
#include "inter.h"
#include "own.h"
#include "pt2pt.h"
#include "repair.h"
#include "requests.h"
#include "soft.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

static const struct ftm_part whole = {.kind = FTM_PART_WHOLE};

/* A duplicate has the attributes, which Open MPI may not have seen when it made it. */
static int with_attributes(MPI_Comm comm, MPI_Comm made, int rc)
{
    if (LIKELY(!ftm_changed) || rc != MPI_SUCCESS)
        return rc;
    return ftm_result(comm, ftm_attributes_copy(comm, made));
}

int ftm_own_Comm_dup(MPI_Comm comm, MPI_Comm *newcomm)
{
    int rc;

    if (ftm_inter_is_one(comm))
        return ftm_create_inter_dup(comm, MPI_INFO_NULL, newcomm);
    FTM_CREATE(comm, "MPI_Comm_dup", &whole, newcomm, rc,
               PMPI_Comm_dup(ftm_collective(comm), newcomm));
    return with_attributes(comm, *newcomm, rc);
}

int ftm_own_Comm_dup_with_info(MPI_Comm comm, MPI_Info info, MPI_Comm *newcomm)
{
    struct ftm_comm *c;
    int rc;

    if (ftm_inter_is_one(comm))
        return ftm_create_inter_dup(comm, info, newcomm);
    FTM_CREATE(comm, "MPI_Comm_dup_with_info", &whole, newcomm, rc,
               PMPI_Comm_dup_with_info(ftm_collective(comm), info, newcomm));
    if (rc == MPI_SUCCESS && (c = ftm_comm_of(*newcomm)))
        ftm_derived_rule(c, info);
    return with_attributes(comm, *newcomm, rc);
}

/* A request that is over. */
static int give_request(MPI_Comm comm, int rc, MPI_Request *request)
{
    return rc == MPI_SUCCESS ? ftm_result(comm, PMPI_Ibarrier(MPI_COMM_SELF, request)) : rc;
}

static int idup(MPI_Comm comm, const MPI_Info *info, MPI_Comm *newcomm, MPI_Request *request)
{
    struct ftm_comm *c;
    MPI_Comm in_use;
    int rc;

    do {
        if (ftm_create_is_there(comm, &whole, newcomm, &rc))
            return give_request(comm, with_attributes(comm, *newcomm, rc), request);
        in_use = ftm_collective(comm);
        rc = info ? PMPI_Comm_idup_with_info(in_use, *info, newcomm, request)
                  : PMPI_Comm_idup(in_use, newcomm, request);
    } while (rc != MPI_SUCCESS && ftm_again(comm, "MPI_Comm_idup", &rc));
    if (rc != MPI_SUCCESS)
        return rc;
    ftm_request_collective(*request, comm);
    rc = ftm_result(comm, ftm_derived_known(comm, newcomm, false));
    if (rc == MPI_SUCCESS && info && (c = ftm_comm_of(*newcomm)))
        ftm_derived_rule(c, *info);
    return with_attributes(comm, *newcomm, rc);
}

int ftm_own_Comm_idup(MPI_Comm comm, MPI_Comm *newcomm, MPI_Request *request)
{
    return idup(comm, NULL, newcomm, request);
}

int ftm_own_Comm_idup_with_info(MPI_Comm comm, MPI_Info info, MPI_Comm *newcomm,
                                MPI_Request *request)
{
    return idup(comm, &info, newcomm, request);
}

int ftm_own_Comm_set_info(MPI_Comm comm, MPI_Info info)
{
    struct ftm_comm *c = ftm_comm_of(comm);

    if (c)
        ftm_derived_rule(c, info);
    return ftm_result(comm, PMPI_Comm_set_info(comm, info));
}

/* ---------------------------------------------------------------- parts of it */

int ftm_own_Comm_split(MPI_Comm comm, int color, int rank_key, MPI_Comm *newcomm)
{
    const struct ftm_part part = {.kind = FTM_PART_COLOR, .color = color, .key = rank_key};
    int rc;

    if (ftm_inter_is_one(comm))
        return ftm_create_inter_split(comm, color, rank_key, newcomm);
    FTM_CREATE(comm, "MPI_Comm_split", &part, newcomm, rc,
               PMPI_Comm_split(ftm_collective(comm), color, rank_key, newcomm));
    return rc;
}

int ftm_own_Comm_split_type(MPI_Comm comm, int type, int rank_key, MPI_Info info,
                            MPI_Comm *newcomm)
{
    const struct ftm_part part
        = {.kind = FTM_PART_TYPE, .color = type, .key = rank_key, .info = info};
    int rc;

    FTM_CREATE(comm, "MPI_Comm_split_type", &part, newcomm, rc,
               PMPI_Comm_split_type(ftm_collective(comm), type, rank_key, info, newcomm));
    return rc;
}

/* ---------------------------------------------------------------- the end of one */

int ftm_own_Comm_free(MPI_Comm *comm)
{
    MPI_Comm before = comm ? *comm : MPI_COMM_NULL;
    const struct ftm_comm *c = before != MPI_COMM_NULL ? ftm_comm_of(before) : NULL;
    MPI_Comm direct = c ? c->direct : before, collective = c ? c->collective : before;
    int rc;

    if (c)
        ftm_soft_forget(c);
    if (before != MPI_COMM_NULL)
        ftm_derived_gone(before);
    rc = PMPI_Comm_free(comm);
    if (rc != MPI_SUCCESS)
        return ftm_raise(before, rc);
    if (direct != before && direct != MPI_COMM_NULL && direct != collective)
        PMPI_Comm_free(&direct);
    if (collective != before && collective != MPI_COMM_NULL)
        PMPI_Comm_free(&collective);
    return rc;
}
