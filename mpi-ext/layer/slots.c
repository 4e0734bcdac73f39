/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slots.c - hidden duplicates of the real world.
 *
 * ftm_slots_begin makes FTM_CONTEXTS of them, spares included. Each process knows which of them are
 * free for it. The members of a new communicator agree on one that is free for all of them: an
 * MPI_Allreduce (bitwise and) of the free ones, on the new communicator itself; the lowest is
 * taken. Who has no memory for the communicator takes part, too, and says so: nobody waits for it
 * in vain, and none of them has the communicator then. With MPI_THREAD_MULTIPLE another thread may
 * make another communicator just now, and come to the same one: who agreed takes it, or cannot, and
 * says so in a second MPI_Allreduce; if one cannot, all begin anew. If none is free for all, the
 * communicator has none, and a member that is replaced cannot be reached on it: an error that says
 * so (pt2pt.c).
 *
 *   in    derived.c: a new communicator; alone.c, rebuild_ready.c: one whose slot is known
 *   out   books.c: a communicator is gone
 */
#include "config.h"

#include "slots.h"

#include <mpi.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "posting.h"
#include "role.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define HAS_MEMORY (UINT64_C(1) << FTM_CONTEXTS_MAX)
#define IS_ALONE (UINT64_C(2) << FTM_CONTEXTS_MAX) /* no other thread makes one */
#define TRIES_MAX 100

_Static_assert(FTM_CONTEXTS_MAX <= 62, "bits of a word");

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of what is free */
static MPI_Comm contexts[FTM_CONTEXTS_MAX];
static int n_contexts;
static uint64_t free_contexts;

static int contexts_wanted(void)
{
    const char *text = getenv(FTM_CONTEXTS_ENV);
    char *end;
    long n = text ? strtol(text, &end, 10) : FTM_CONTEXTS;

    if (ftm_role()->spares_n == 0) /* nobody to be reached there */
        return 0;
    if (text && (end == text || *end || n < 0))
        n = FTM_CONTEXTS;
    return n > FTM_CONTEXTS_MAX ? FTM_CONTEXTS_MAX : (int) n;
}

int ftm_slots_begin(void)
{
    int rc = MPI_SUCCESS;

    for (int wanted = contexts_wanted(); n_contexts < wanted; n_contexts++) {
        rc = PMPI_Comm_dup(MPI_COMM_WORLD, &contexts[n_contexts]);
        if (rc != MPI_SUCCESS)
            break;
        PMPI_Comm_set_errhandler(contexts[n_contexts], MPI_ERRORS_RETURN);
        free_contexts |= UINT64_C(1) << n_contexts;
    }
    return rc;
}

/* The duplicates are left to MPI_Finalize: freeing one is collective, and not all are there. */
void ftm_slots_end(void)
{
    n_contexts = 0;
    free_contexts = 0;
}

MPI_Comm ftm_slots_take(int slot)
{
    if (slot < 0 || slot >= n_contexts)
        return MPI_COMM_NULL;
    pthread_mutex_lock(&mutex);
    free_contexts &= ~(UINT64_C(1) << slot);
    pthread_mutex_unlock(&mutex);
    return contexts[slot];
}

void ftm_slots_give_back(int slot)
{
    if (slot < 0)
        return;
    pthread_mutex_lock(&mutex);
    free_contexts |= UINT64_C(1) << slot;
    pthread_mutex_unlock(&mutex);
}

/* The ones that are free for all, of which the lowest is meant; 0: there is none.
 *   is_alone   gets whether nobody's other threads can take it meanwhile */
static int find_common(MPI_Comm comm, bool has_memory, uint64_t *common, bool *is_alone)
{
    uint64_t mine;
    int rc;

    pthread_mutex_lock(&mutex);
    mine = free_contexts;
    pthread_mutex_unlock(&mutex);
    mine = has_memory ? mine | HAS_MEMORY | (ftm_requests_threads ? 0 : IS_ALONE) : 0;
    *common = 0;
    rc = PMPI_Allreduce(&mine, common, 1, MPI_UINT64_T, MPI_BAND, comm);
    if (rc != MPI_SUCCESS)
        return rc;
    if (!(*common & HAS_MEMORY))
        return MPI_ERR_NO_MEM;
    *is_alone = *common & IS_ALONE;
    *common &= ~(HAS_MEMORY | IS_ALONE);
    return MPI_SUCCESS;
}

/* Takes it, if all can. */
static int take_together(MPI_Comm comm, int slot, bool *taken)
{
    uint64_t bit = UINT64_C(1) << slot;
    int mine, all = 0, rc;

    pthread_mutex_lock(&mutex);
    mine = (free_contexts & bit) != 0;
    free_contexts &= ~bit;
    pthread_mutex_unlock(&mutex);
    rc = PMPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_MIN, comm);
    *taken = rc == MPI_SUCCESS && all;
    if (mine && !*taken)
        ftm_slots_give_back(slot);
    return rc;
}

int ftm_slots_agree(MPI_Comm comm, bool has_memory, int *slot, MPI_Comm *hidden)
{
    bool is_alone = false, taken = false;
    uint64_t common;
    int rc, found = -1;

    *slot = -1;
    *hidden = MPI_COMM_NULL;
    for (int tries = 0; tries < TRIES_MAX && !taken; tries++) {
        rc = find_common(comm, has_memory, &common, &is_alone);
        if (rc != MPI_SUCCESS || common == 0)
            return rc;
        found = __builtin_ctzll(common);
        if (is_alone)
            taken = true;
        else
            rc = take_together(comm, found, &taken);
        if (rc != MPI_SUCCESS)
            return rc;
    }
    if (taken) {
        *slot = found;
        *hidden = ftm_slots_take(found);
    }
    return MPI_SUCCESS;
}
