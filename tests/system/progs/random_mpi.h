/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * random_mpi.h - what the parts of random_mpi share (random_mpi.c says what it is).
 *
 * All ranks draw the same numbers from the seed, and so know what every rank is to do in each step;
 * what a step may choose for one rank alone (how it waits) comes from a number of its own.
 */
#ifndef RANDOM_MPI_H
#define RANDOM_MPI_H

#include <mpi.h>
#include <stddef.h>
#include <stdint.h>

#define COMMS_MAX 24
#define RANKS_MAX 64
#define TYPES_N 8
#define COUNT_MAX 40
#define EXTENT_MAX 64
#define BUFFER_MAX (COUNT_MAX * EXTENT_MAX)

/* A communicator, as every rank of the world knows it. */
struct group {
    MPI_Comm comm;          /* MPI_COMM_NULL: not a member */
    int n;
    int members[RANKS_MAX]; /* ranks in the world */
    int me;                 /* -1: not a member */
    int is_cartesian, is_graph;
    int dims[2], periods[2];
};

extern struct group groups[COMMS_MAX]; /* the first is the world */
extern int groups_n;
extern int world_rank, world_size;
extern int step;                       /* the number of the step: tags of its own */
extern MPI_Datatype types[TYPES_N];
extern const char *trace;              /* what the step does, for who asks with -v */

/* The next number that all ranks draw: 0..n-1. */
int draw(int n);
/* A number of this rank's own for this step; does not change what all draw. */
int own_draw(int n);

/* What a rank has seen goes into its sum. */
void see(int64_t value);
void see_bytes(const void *bytes, size_t n);
/* The same where the order in which things are seen is not determined. */
void see_unordered(int64_t a, int64_t b, const void *bytes, size_t n);

/* Ends the program, saying where. */
void must(int rc, const char *what);

/* Any group, or any that this process must be in to act: all ranks draw the same one. */
struct group *draw_group(void);

void fill(void *buffer, size_t n, int salt); /* data that depends on rank, step and salt */
void blank(void *buffer, size_t n);
void see_status(const MPI_Status *status, MPI_Datatype type);

/* random_messages.c, random_collectives.c, random_comms.c: one step of each kind. */
void step_messages(void);
void step_collective(void);
void step_comms(void);
void comms_begin(void);
void comms_end(void);
void step_attributes(void);
void step_errors(void);
void step_window(void);

#endif
