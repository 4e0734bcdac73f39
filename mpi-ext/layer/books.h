/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * books.h - what is known of each communicator that consists of ranks of the world (the world
 * itself, and those made from it: derived.h), and how each of its ranks is reached.
 *
 * A rank whose process is the one of the first hour is reached on the communicator itself. One that
 * was replaced is reached on a hidden duplicate of the real world, of which each communicator has
 * one of its own, its slot (slots.h): so a message of one communicator is never taken for
 * another's. A process that has taken a rank reaches everybody there.
 *
 * A repair of the world gives each a new real communicator with all its members (rebuild.h): for
 * its collectives always, for messages if the program is aware of repairs.
 */
#ifndef FTM_BOOKS_H
#define FTM_BOOKS_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

struct ftm_comm {
    MPI_Comm app;        /* the application's handle */
    MPI_Comm direct;     /* where messages go to those who were there when it was made;
                            MPI_COMM_NULL in a process that has made it again, alone */
    MPI_Comm hidden;     /* where all talk by real ranks; MPI_COMM_NULL: it has no slot */
    MPI_Comm collective; /* where collectives go: at first app; MPI_COMM_NULL: nowhere. Not used for
                            the world: ftm_active */
    int slot;            /* of hidden; -1: none, or the world */
    int n, rank;         /* size, and this process's rank */
    int *members;        /* rank -> virtual rank in the world; NULL: the same */
    int *reals;          /* rank -> its process on direct; NULL: that of the first hour */
    uint64_t id;         /* the same for all members (replay.h) */
    uint64_t parent;     /* the id of the one that it was made from, */
    uint32_t k;          /* and which of that one's it was */
    int n_dims;          /* made again, alone: of its Cartesian topology; 0: it has none */
    int *dims, *periods;
    bool is_world;
    bool whole;           /* all members are on direct, with their ranks (the world's: virtual) */
    bool shapeless;       /* its topology was lost in a repair */
    bool mixed;           /* a member was replaced: there are two ways to receive from anybody */
    bool in_flight_error; /* "ftmpi_in_flight" is "error" */
    uint64_t since;       /* requests that are older (records.h) were made before its last repair */
    struct ftm_comm *next;
};

/* Where a rank of a communicator is reached. */
struct ftm_route {
    MPI_Comm comm;
    int rank; /* on comm */
    int real; /* the process */
    int v;    /* the virtual rank */
};

/* The books of a communicator of the application's; NULL: it is none of ours (MPI_COMM_SELF, one
 * with processes of other jobs, not a communicator). Borrowed until it is freed. */
struct ftm_comm *ftm_comm_of(MPI_Comm app);

/* The virtual rank in the world of a rank of c, and back; -1: none. */
int ftm_comm_virtual(const struct ftm_comm *c, int rank);
int ftm_comm_rank_of(const struct ftm_comm *c, int v);

/* All of them, by rank; to be freed. NULL: out of memory. */
int *ftm_comm_members(const struct ftm_comm *c);

/* The process that its rank is on `direct`: not a lost one's replacement. */
int ftm_comm_process(const struct ftm_comm *c, int rank);

/* On direct are the processes that its ranks are now. False: out of memory. */
bool ftm_comm_note_reals(struct ftm_comm *c);

/* Where its rank `peer` (0 ... c->n - 1) is now. False: only on a hidden duplicate, and there is
 * none. */
bool ftm_comm_route(const struct ftm_comm *c, int peer, struct ftm_route *route);

/* Is this one that a replacement has made again alone (alone.h): no real one of Open MPI's stands
 * behind it? */
bool ftm_comm_is_alone(const struct ftm_comm *c);

/* Calls `visit` with each communicator; the list cannot change meanwhile. */
void ftm_comm_each(void (*visit)(struct ftm_comm *c, void *data), void *data);

/* Takes books into the list, and over, also if it fails: MPI_SUCCESS, or Open MPI's error. They go
 * when Open MPI frees c->app. */
int ftm_comm_keep(struct ftm_comm *c);

/* Of books that are not in the list. NULL is allowed. */
void ftm_comm_destroy(struct ftm_comm *c);

/* In ftm_derived_begin: MPI_SUCCESS, or Open MPI's error. */
int ftm_books_begin(void);

#endif
