/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * creating.h - what all wrappers of functions that make a communicator do (create_comm.c,
 * create_group.c, create_topology.c).
 */
#ifndef FTM_CREATING_H
#define FTM_CREATING_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

#include "part.h"

#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Before Open MPI's: need nobody be asked to join in? Then *rc and *newcomm are what the creating
 * call returns. */
bool ftm_create_is_there(MPI_Comm parent, const struct ftm_part *part, MPI_Comm *newcomm, int *rc);

/* The same for a call that has an id of its own, not the parent's: have the others made it?
 *   members, n   as ftm_ready_has */
bool ftm_create_was_made(MPI_Comm parent, uint64_t id, const struct ftm_part *part,
                         const int members[], int n, MPI_Comm *newcomm, int *rc);

/* After Open MPI's: is it to be done again? If not, *rc is what the call returns. */
bool ftm_create_is_again(MPI_Comm parent, const char *how, MPI_Comm *newcomm, int *rc);

/* `call` on the communicator in use makes it, as often as it takes. */
#define FTM_CREATE(parent, how, part, newcomm, rc, call)                                           \
    while (!ftm_create_is_there(parent, part, newcomm, &(rc))) {                                   \
        (rc) = (call);                                                                             \
        if (!ftm_create_is_again(parent, how, newcomm, &(rc)))                                     \
            break;                                                                                 \
    }

#endif
