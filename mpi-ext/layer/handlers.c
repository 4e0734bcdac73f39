/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handlers.c - the error handlers that the application has chosen for the communicators of its
 * world, while Open MPI itself knows MPI_ERRORS_RETURN of each (handlers.h).
 *
 * It owns a table: communicator -> the handler object, with a reference of ours. Filled at the
 * beginning with MPI_COMM_WORLD, whose handler Open MPI has chosen by then (mpirun may have been
 * told another than MPI_ERRORS_ARE_FATAL), then by each communicator made from one that is in it.
 * Asked where an error is about to be raised, and by MPI_Comm_set_errhandler and its like, never on
 * the way of a call that succeeds.
 *
 * A handler can be anything: one of MPI's own, a C function, a Fortran subroutine with its own idea
 * of a communicator. So none is called from here. To raise an error, the communicator gets its
 * handler for as long as MPI_Comm_call_errhandler takes: Open MPI calls it as it would have done
 * by itself, with the application's communicator. Inside of that call errors are not mended.
 *
 * MPI has no function that gives a second reference to a handler. `slate`, a communicator of this
 * process alone, does: what is set there can be got from there. (Two who set at once would get each
 * other's: `lock`.)
 */
#include "config.h"

#include "handlers.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "real.h"

#define BUCKETS 256

struct kept {
    struct kept *next;
    MPI_Comm comm;
    MPI_Errhandler handler;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept *table[BUCKETS];
static MPI_Comm slate;
static int has_slate;

/* ---------------------------------------------------------------- the table (lock held) */

static struct kept **bucket_of(MPI_Comm comm)
{
    return &table[((uintptr_t) comm >> 6) * 2654435761u % BUCKETS];
}

static struct kept *find(MPI_Comm comm)
{
    struct kept *kept = *bucket_of(comm);

    while (kept && kept->comm != comm)
        kept = kept->next;
    return kept;
}

/* Another reference to a handler; what is no handler for communicators is refused by Open MPI. */
static int refer(MPI_Errhandler handler, MPI_Errhandler *reference)
{
    int rc = PMPI_Comm_set_errhandler(slate, handler);

    if (rc == MPI_SUCCESS)
        rc = PMPI_Comm_get_errhandler(slate, reference);
    PMPI_Comm_set_errhandler(slate, MPI_ERRORS_RETURN);
    return rc;
}

/* Keeps the handler, whose reference is ours now. False if there is no memory for it. */
static bool keep(MPI_Comm comm, MPI_Errhandler handler)
{
    struct kept *kept = malloc(sizeof *kept);

    if (!kept)
        return false;
    *kept = (struct kept){*bucket_of(comm), comm, handler};
    *bucket_of(comm) = kept;
    return true;
}

static void drop(MPI_Comm comm)
{
    for (struct kept **at = bucket_of(comm); *at; at = &(*at)->next)
        if ((*at)->comm == comm) {
            struct kept *kept = *at;

            *at = kept->next;
            PMPI_Errhandler_free(&kept->handler);
            free(kept);
            return;
        }
}

/* ---------------------------------------------------------------- which are kept */

int ftm_handlers_begin(void)
{
    MPI_Errhandler chosen;
    int rc = PMPI_Comm_split(MPI_COMM_SELF, 0, 0, &slate);

    if (rc == MPI_SUCCESS)
        rc = PMPI_Comm_get_errhandler(MPI_COMM_WORLD, &chosen);
    if (rc != MPI_SUCCESS)
        return rc;
    pthread_mutex_lock(&lock);
    has_slate = 1;
    PMPI_Comm_set_errhandler(slate, MPI_ERRORS_RETURN);
    if (keep(MPI_COMM_WORLD, chosen))
        PMPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    else
        PMPI_Errhandler_free(&chosen);
    pthread_mutex_unlock(&lock);
    return MPI_SUCCESS;
}

/* The world's handler is Open MPI's again: an error of MPI_Finalize is none that we could mend. */
void ftm_handlers_end(void)
{
    struct kept *world;

    pthread_mutex_lock(&lock);
    world = has_slate ? find(MPI_COMM_WORLD) : NULL;
    if (world)
        PMPI_Comm_set_errhandler(MPI_COMM_WORLD, world->handler);
    for (int i = 0; i < BUCKETS; i++)
        while (table[i])
            drop(table[i]->comm);
    if (has_slate)
        PMPI_Comm_free(&slate);
    has_slate = 0;
    pthread_mutex_unlock(&lock);
}

int ftm_handlers_inherit(MPI_Comm parent, MPI_Comm made)
{
    MPI_Errhandler handler;
    struct kept *from;
    int rc = MPI_SUCCESS;

    if (made == MPI_COMM_NULL)
        return MPI_SUCCESS;
    pthread_mutex_lock(&lock);
    drop(made); /* the address of one that was freed without our knowing */
    from = has_slate ? find(parent) : NULL;
    if (from)
        rc = refer(from->handler, &handler);
    if (from && rc == MPI_SUCCESS) {
        if (keep(made, handler)) {
            rc = PMPI_Comm_set_errhandler(made, MPI_ERRORS_RETURN);
        } else { /* then Open MPI raises its errors itself */
            rc = PMPI_Comm_set_errhandler(made, handler);
            PMPI_Errhandler_free(&handler);
        }
    }
    pthread_mutex_unlock(&lock);
    return rc;
}

void ftm_handlers_forget(MPI_Comm comm)
{
    pthread_mutex_lock(&lock);
    drop(comm);
    pthread_mutex_unlock(&lock);
}

/* ---------------------------------------------------------------- errors */

/* A reference of the caller's to the handler kept; false if none is, or if it just returns. */
static bool handler_to_call(MPI_Comm comm, MPI_Errhandler *handler)
{
    struct kept *kept;
    bool is_there;

    pthread_mutex_lock(&lock);
    kept = find(comm);
    is_there = kept && kept->handler != MPI_ERRORS_RETURN
               && refer(kept->handler, handler) == MPI_SUCCESS;
    pthread_mutex_unlock(&lock);
    return is_there;
}

bool ftm_handlers_keep(MPI_Comm comm)
{
    bool is;

    pthread_mutex_lock(&lock);
    is = find(comm) != NULL;
    pthread_mutex_unlock(&lock);
    return is;
}

int ftm_raise(MPI_Comm comm, int error)
{
    MPI_Errhandler handler;

    if (comm == MPI_COMM_NULL)
        comm = MPI_COMM_WORLD;
    if (!handler_to_call(comm, &handler))
        return error;
    PMPI_Comm_set_errhandler(comm, handler);
    PMPI_Comm_call_errhandler(comm, error);
    if (ftm_handlers_keep(comm)) /* the application's handler may have freed it */
        PMPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    PMPI_Errhandler_free(&handler);
    return error;
}

bool ftm_handlers_lend(MPI_Comm comm, MPI_Comm in_use)
{
    struct kept *kept;
    bool lent;

    pthread_mutex_lock(&lock);
    kept = find(comm);
    lent = kept && PMPI_Comm_set_errhandler(in_use, kept->handler) == MPI_SUCCESS;
    pthread_mutex_unlock(&lock);
    return lent;
}

void ftm_handlers_lent(MPI_Comm in_use)
{
    PMPI_Comm_set_errhandler(in_use, MPI_ERRORS_RETURN);
}

/* ---------------------------------------------------------------- MPI's functions about them */

int ftm_own_Comm_set_errhandler(MPI_Comm comm, MPI_Errhandler errhandler)
{
    MPI_Errhandler reference;
    struct kept *kept;
    int rc = MPI_SUCCESS;

    pthread_mutex_lock(&lock);
    kept = find(comm);
    if (kept) {
        rc = refer(errhandler, &reference);
        if (rc == MPI_SUCCESS) {
            PMPI_Errhandler_free(&kept->handler);
            kept->handler = reference;
        }
    }
    pthread_mutex_unlock(&lock);
    if (!kept)
        return PMPI_Comm_set_errhandler(comm, errhandler);
    return rc == MPI_SUCCESS ? rc : ftm_raise(comm, rc);
}

int ftm_own_Comm_get_errhandler(MPI_Comm comm, MPI_Errhandler *errhandler)
{
    struct kept *kept;
    int rc = MPI_SUCCESS;

    pthread_mutex_lock(&lock);
    kept = find(comm);
    if (kept)
        rc = errhandler ? refer(kept->handler, errhandler) : MPI_ERR_ARG;
    pthread_mutex_unlock(&lock);
    if (!kept)
        return PMPI_Comm_get_errhandler(comm, errhandler);
    return rc == MPI_SUCCESS ? rc : ftm_raise(comm, rc);
}

int ftm_own_Comm_call_errhandler(MPI_Comm comm, int errorcode)
{
    if (!ftm_handlers_keep(comm))
        return PMPI_Comm_call_errhandler(comm, errorcode);
    ftm_raise(comm, errorcode);
    return MPI_SUCCESS;
}

/* The names that these two had in MPI-1; old programs call them. */

int ftm_own_Errhandler_set(MPI_Comm comm, MPI_Errhandler errhandler)
{
    return ftm_own_Comm_set_errhandler(comm, errhandler);
}

int ftm_own_Errhandler_get(MPI_Comm comm, MPI_Errhandler *errhandler)
{
    return ftm_own_Comm_get_errhandler(comm, errhandler);
}
