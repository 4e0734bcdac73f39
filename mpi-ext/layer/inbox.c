/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inbox.c - messages that had arrived from a process when it was lost.
 *
 * Open MPI refuses a receive from a process that it knows to be dead, also when a message of its
 * lies there already. retarget.c takes such messages out (MPI_Improbe) at the moment that the rank
 * is given another process, and puts them here, in the order in which they were sent; pt2pt.c and
 * requests.c look here first. Nothing is added later: what an old process still says is dropped.
 *
 * One list for the process, behind one lock; empty in all but the moments after a loss.
 */
#include "config.h"

#include "inbox.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct ftm_letter *letters;
static size_t n_letters, n_places;
static atomic_size_t count; /* n_letters, to be looked at without the lock */

bool ftm_inbox_put(const struct ftm_letter *letter)
{
    bool ok = false;

    pthread_mutex_lock(&mutex);
    if (n_letters == n_places && n_places < FTM_INBOX_MAX) {
        size_t more = n_places ? 2 * n_places : 16;
        struct ftm_letter *bigger = realloc(letters, more * sizeof *letters);

        if (bigger) {
            letters = bigger;
            n_places = more;
        }
    }
    if (n_letters < n_places) {
        letters[n_letters++] = *letter;
        ok = true;
    }
    atomic_store(&count, n_letters);
    pthread_mutex_unlock(&mutex);
    return ok;
}

static bool fits(const struct ftm_letter *letter, MPI_Comm comm, int peer, int tag)
{
    return letter->comm == comm && (peer == MPI_ANY_SOURCE || peer == letter->peer)
           && (tag == MPI_ANY_TAG || tag == letter->tag);
}

static void take_out(size_t i)
{
    memmove(&letters[i], &letters[i + 1], (--n_letters - i) * sizeof *letters);
    atomic_store(&count, n_letters);
}

bool ftm_inbox_find(MPI_Comm comm, int peer, int tag, bool take, struct ftm_letter *letter)
{
    bool found = false;

    if (atomic_load_explicit(&count, memory_order_relaxed) == 0)
        return false;
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < n_letters && !found; i++) {
        if (!fits(&letters[i], comm, peer, tag))
            continue;
        *letter = letters[i];
        if (take)
            take_out(i);
        found = true;
    }
    pthread_mutex_unlock(&mutex);
    return found;
}

void ftm_inbox_forget(MPI_Comm comm)
{
    pthread_mutex_lock(&mutex);
    for (size_t i = n_letters; i-- > 0;)
        if (comm == MPI_COMM_NULL || letters[i].comm == comm)
            take_out(i);
    if (n_letters == 0) {
        free(letters);
        letters = NULL;
        n_places = 0;
    }
    pthread_mutex_unlock(&mutex);
}
