/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cid.c - the making of communicators, after one that has failed.
 *
 * All members of a new communicator agree on its number. Open MPI 5.0 lets one thread's agreement
 * wait while that of a communicator with a smaller number (of its parent: MPI_COMM_WORLD has 0) is
 * under way, by a mark that who is through takes away. Who fails in the middle, as a member was
 * lost, leaves it: from then on whatever is to be made from a parent with a greater number waits
 * for ever, MPIX_Comm_shrink for a repair too; a rank that dies in an MPI_Comm_dup of the world is
 * enough.
 *
 * Who comes with a number not greater than the mark is let through, and takes it away. Such a one
 * is made here, of this process alone, whose agreement is over at once. The number is the parent's
 * in the upper half and the caller's tag in the lower one, so with a negative tag it is less than
 * all others, and with the least one than all those. MPI_Comm_create_group refuses such a tag; Open MPI's function behind it does not.
 *
 *   in    repair_round.c, before each round; whatever sees a collective or a creating call fail,
 *         of the application's (world.c; in mode report cid_report.c), or of ours with a process
 *         of another job (reach.c, standin.c)
 */
#include "config.h"

#include "cid.h"

#include <dlfcn.h>
#include <limits.h>
#include <mpi.h>
#include <stddef.h>

#include "comms.h"
#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define LEAST_TAG INT_MIN /* among.c has negative ones, too */

typedef int create_fn(MPI_Comm comm, MPI_Group group, int tag, MPI_Comm *made);

static create_fn *create; /* NULL: no such function, or not begun */

void ftm_cid_begin(void)
{
    if (create || !ftm_comms_mpi_is_up()) /* a session alone has none of the world's communicators */
        return;
    if (ftm_comms_self() != MPI_COMM_NULL) /* kept: it could not be made when it is needed */
        *(void **) &create = dlsym(RTLD_DEFAULT, "ompi_comm_create_group");
}

void ftm_cid_unblock(void)
{
    MPI_Comm self, made = MPI_COMM_NULL;
    MPI_Group alone;

    if (!create || (self = ftm_comms_self()) == MPI_COMM_NULL
        || PMPI_Comm_group(self, &alone) != MPI_SUCCESS)
        return;
    if (create(self, alone, LEAST_TAG, &made) == MPI_SUCCESS && made != MPI_COMM_NULL)
        PMPI_Comm_free(&made);
    PMPI_Group_free(&alone);
}
