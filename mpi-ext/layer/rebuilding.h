/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rebuilding.h - what the rooms of a rebuilding (rebuild.c) hand on to each other: for whom it is,
 * and what came of it.
 */
#ifndef FTM_REBUILDING_H
#define FTM_REBUILDING_H

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>

#include "birth.h"
#include "rebuild.h"

/* For whom. All of it is borrowed but now_of. */
struct ftm_rebuilding {
    MPI_Comm active;              /* the new one: collective over it */
    const struct ftm_seat *seats; /* who is there, by rank */
    int n, me;                    /* its size, and this process's rank */
    int *now_of;                  /* rank before -> rank now; -1 */
    int before_n;
};

/* A communicator that was made again, of which this process is a member. */
struct ftm_remade {
    struct ftm_birth birth;
    MPI_Comm comm;   /* MPI_COMM_NULL: it is freed */
    bool is_for_all; /* messages go there, too, whatever the program is */
};

struct ftm_remades {
    struct ftm_remade *remades;
    size_t n;
};

#endif
