/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inbox.h - messages that had arrived from a process when it was lost: received before anything of
 * its replacement's.
 */
#ifndef FTM_INBOX_H
#define FTM_INBOX_H

#include <mpi.h>
#include <stdbool.h>

struct ftm_letter {
    MPI_Message message; /* matched, not received yet */
    MPI_Comm comm;       /* the application's */
    int peer;            /* the sender's rank on comm */
    int tag;
    int real; /* the process that it is from */
    MPI_Status status; /* its source is `peer` */
};

/* At the most this many are kept; what is more is lost with its sender. */
#define FTM_INBOX_MAX 65536

/* Puts a letter behind the others. False: full, or out of memory. */
bool ftm_inbox_put(const struct ftm_letter *letter);
/* The oldest letter for a receive from `peer` (or MPI_ANY_SOURCE) with `tag` (or MPI_ANY_TAG).
 *   take   true: it is taken out, and the caller's to receive */
bool ftm_inbox_find(MPI_Comm comm, int peer, int tag, bool take, struct ftm_letter *letter);
/* A communicator is gone, or MPI is: forgets its letters (MPI_COMM_NULL: all). */
void ftm_inbox_forget(MPI_Comm comm);

#endif
