/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * comms.c - the communicators that this layer has given out, and those it works with itself.
 *
 * What FTMPI_Reach, FTMPI_Next_peer and FTMPI_Standin give out is freed, never disconnected: in
 * Open MPI freeing asks nothing of the other side, which may be dead or have its own reasons to
 * stay. All are freed before MPI goes down, so that MPI_Finalize does not wait for their peers
 * (links.c).
 */
#include "config.h"

#include "comms.h"

#include <pthread.h>
#include <stdlib.h>

#include "gone.h"
#include "real.h"

#define PROGRESS_MS 1 /* between two looks at MPI's messages while waiting */

struct given {
    struct given *next;
    MPI_Comm comm;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct given *given, *retired;
static MPI_Comm self;
static bool has_self;


bool ftm_comms_mpi_is_up(void)
{
    int up = 0, down = 0;

    PMPI_Initialized(&up);
    PMPI_Finalized(&down);
    return up && !down;
}

void ftm_comms_wait(int64_t deadline_ns)
{
    int64_t soon_ns = ftm_deadline_ns(PROGRESS_MS);
    int flag;

    if (!ftm_comms_mpi_is_up()) {
        ftm_wait(deadline_ns);
        return;
    }
    ftm_wait(soon_ns < deadline_ns ? soon_ns : deadline_ns);
    ftm_unlock();
    PMPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_SELF, &flag, MPI_STATUS_IGNORE);
    ftm_lock();
}

/* Split, not duplicated: a duplicate would run the application's attribute functions. */
MPI_Comm ftm_comms_self(void)
{
    MPI_Comm comm;

    pthread_mutex_lock(&lock);
    if (!has_self && PMPI_Comm_split(MPI_COMM_SELF, 0, 0, &self) == MPI_SUCCESS) {
        PMPI_Comm_set_errhandler(self, MPI_ERRORS_RETURN);
        has_self = true;
    }
    comm = has_self ? self : MPI_COMM_NULL;
    pthread_mutex_unlock(&lock);
    return comm;
}

static bool put(struct given **list, MPI_Comm comm)
{
    struct given *entry = malloc(sizeof *entry);

    if (!entry)
        return false;
    entry->comm = comm;
    pthread_mutex_lock(&lock);
    entry->next = *list;
    *list = entry;
    pthread_mutex_unlock(&lock);
    return true;
}

bool ftm_comms_add(MPI_Comm comm)
{
    PMPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    if (put(&given, comm))
        return true;
    PMPI_Comm_free(&comm);
    return false;
}

/* Without memory it is left to MPI_Finalize. */
void ftm_comms_retire(MPI_Comm *comm)
{
    put(&retired, *comm);
    *comm = MPI_COMM_NULL;
}

int ftm_leave(MPI_Comm *comm)
{
    struct given **at, *entry;

    if (!comm || *comm == MPI_COMM_NULL || !ftm_comms_mpi_is_up())
        return MPI_ERR_COMM;
    if (*comm == MPI_COMM_WORLD) { /* of a warm spare: the application's own */
        *comm = MPI_COMM_NULL;
        return MPI_SUCCESS;
    }
    pthread_mutex_lock(&lock);
    for (at = &given; *at && (*at)->comm != *comm; at = &(*at)->next)
        continue;
    entry = *at;
    if (entry)
        *at = entry->next;
    pthread_mutex_unlock(&lock);
    if (!entry)
        return MPI_ERR_COMM;
    PMPI_Comm_free(&entry->comm);
    free(entry);
    *comm = MPI_COMM_NULL;
    return MPI_SUCCESS;
}

static void free_all(struct given *left)
{
    while (left) {
        struct given *entry = left;

        left = entry->next;
        PMPI_Comm_free(&entry->comm);
        free(entry);
    }
}

void ftm_comms_end(void)
{
    struct given *left, *old;

    pthread_mutex_lock(&lock);
    left = given;
    old = retired;
    given = retired = NULL;
    if (has_self)
        PMPI_Comm_free(&self);
    has_self = false;
    pthread_mutex_unlock(&lock);
    free_all(left);
    free_all(old);
}
