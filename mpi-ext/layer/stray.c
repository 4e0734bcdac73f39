/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stray.c - communicators of the world's ranks that no repair makes again.
 *
 * An intercommunicator, and what was made from one, is none that the books (books.h) can say how to
 * make for a replacement. But who waits on it, for a rank that was interrupted by a repair, waits
 * for ever if it is not interrupted, too. So they are noted here, and revoked with all others.
 *
 * An intercommunicator has another communicator inside, of the local group, on which its
 * collectives are made: the first rank there talks to that of the other group, the rest waits for
 * it. A rank of the other group that is lost is an error for the first one, and nothing at all for
 * the rest. Open MPI revokes what is inside with it.
 *
 *   in    derived.c: what was made, and is about to be freed; repair.c: a repair of the whole world
 */
#include "config.h"

#include "stray.h"

#include <mpi-ext.h>
#include <pthread.h>
#include <stdlib.h>

#include "inter.h"
#include "repair.h"
#include "world.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

struct stray {
    struct stray *next;
    MPI_Comm comm;
    bool is_over;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct stray *strays;

/* ---------------------------------------------------------------- what it is */

static bool is_inter(MPI_Comm comm)
{
    int inter = 0;

    return PMPI_Comm_test_inter(comm, &inter) == MPI_SUCCESS && inter;
}

static bool is_of_world(MPI_Group group)
{
    MPI_Group world = MPI_GROUP_NULL, others = MPI_GROUP_NULL;
    int n = 1;
    bool ok = PMPI_Comm_group(ftm_active, &world) == MPI_SUCCESS
              && PMPI_Group_difference(group, world, &others) == MPI_SUCCESS
              && PMPI_Group_size(others, &n) == MPI_SUCCESS && n == 0;

    if (others != MPI_GROUP_NULL && others != MPI_GROUP_EMPTY)
        PMPI_Group_free(&others);
    if (world != MPI_GROUP_NULL)
        PMPI_Group_free(&world);
    return ok;
}

static bool all_are_of_world(MPI_Comm made)
{
    MPI_Group local = MPI_GROUP_NULL, remote = MPI_GROUP_NULL;
    bool inter = is_inter(made);
    bool ok = PMPI_Comm_group(made, &local) == MPI_SUCCESS && is_of_world(local)
              && (!inter
                  || (PMPI_Comm_remote_group(made, &remote) == MPI_SUCCESS && is_of_world(remote)));

    if (local != MPI_GROUP_NULL)
        PMPI_Group_free(&local);
    if (remote != MPI_GROUP_NULL)
        PMPI_Group_free(&remote);
    return ok;
}

/* ---------------------------------------------------------------- the list */

int ftm_stray_note(MPI_Comm made)
{
    struct stray *stray;

    if (!ftm_repair_is_on() || !all_are_of_world(made))
        return MPI_SUCCESS;
    stray = calloc(1, sizeof *stray);
    if (!stray)
        return MPI_ERR_NO_MEM;
    stray->comm = made;
    pthread_mutex_lock(&mutex);
    stray->next = strays;
    strays = stray;
    pthread_mutex_unlock(&mutex);
    return MPI_SUCCESS;
}

void ftm_stray_gone(MPI_Comm comm)
{
    pthread_mutex_lock(&mutex);
    for (struct stray **at = &strays; *at; at = &(*at)->next)
        if ((*at)->comm == comm) {
            struct stray *gone = *at;

            *at = gone->next;
            free(gone);
            break;
        }
    pthread_mutex_unlock(&mutex);
}

static const struct stray *find(MPI_Comm comm)
{
    const struct stray *stray = strays;

    while (stray && stray->comm != comm)
        stray = stray->next;
    return stray;
}

bool ftm_stray_is_one(MPI_Comm comm)
{
    bool is_one;

    pthread_mutex_lock(&mutex);
    is_one = find(comm) != NULL;
    pthread_mutex_unlock(&mutex);
    return is_one;
}

bool ftm_stray_is_over(MPI_Comm comm)
{
    const struct stray *stray;
    bool is_over;

    pthread_mutex_lock(&mutex);
    stray = find(comm);
    is_over = stray && stray->is_over;
    pthread_mutex_unlock(&mutex);
    return is_over;
}

void ftm_stray_revoke_all(void)
{
    pthread_mutex_lock(&mutex);
    for (struct stray *stray = strays; stray; stray = stray->next) {
        if (stray->is_over)
            continue;
        stray->is_over = true;
        PMPIX_Comm_revoke(stray->comm);
    }
    pthread_mutex_unlock(&mutex);
    ftm_inter_revoke_all();
}

void ftm_stray_end(void)
{
    while (strays) {
        struct stray *gone = strays;

        strays = gone->next;
        free(gone);
    }
}
