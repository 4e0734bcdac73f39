/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * part.h - what a creating call asks for, so that those who are late can make it among themselves.
 */
#ifndef FTM_PART_H
#define FTM_PART_H

#include <mpi.h>

enum ftm_part_kind {
    FTM_PART_WHOLE, /* all of the parent: dup */
    FTM_PART_COLOR,
    FTM_PART_TYPE,
    FTM_PART_GROUP,
    FTM_PART_CART,
    FTM_PART_SUB,
    FTM_PART_GRAPH,
    FTM_PART_SHAPELESS, /* a distributed graph */
};

struct ftm_part {
    enum ftm_part_kind kind;
    int color, key; /* or the type of MPI_Comm_split_type */
    MPI_Info info;
    MPI_Group group;         /* of processes that are there now */
    int n;                   /* dimensions, or nodes */
    const int *dims, *other; /* and periods; or what remains, in dims; or a graph's index, edges */
};

/* Makes of `among`, all those members of `parent` of whose parts nobody else knows, those parts:
 * *made is that of this process, or MPI_COMM_NULL. Collective over `among`. Returns MPI_SUCCESS or
 * Open MPI's error. */
int ftm_part_make(MPI_Comm parent, const struct ftm_part *part, MPI_Comm among, MPI_Comm *made);

#endif
