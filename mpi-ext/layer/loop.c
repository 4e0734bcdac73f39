/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * loop.c - how a program takes part in repairs: FTMPI_Loop, FTMPI_Set_callback, FTMPI_Settle,
 * FTMPI_Last_repair.
 *
 *   in    preload.c: the program's calls
 *   in    repair.c: ftm_loop_tell, after each repair, in the thread whose MPI call was interrupted
 *   out   the program's body or callback
 *
 * FTMPI_Loop keeps a jump buffer in its own frame, which lives as long as body runs: so the jump
 * out of the interrupted call always has somewhere to go. It is taken in our own wrapper, after
 * Open MPI's function has returned: none of Open MPI's frames is jumped over, but for the thin ones
 * of its Fortran bindings.
 *
 * Each thread that is in a body remembers which repair body was called for: if another thread meets
 * the next one first, this one is told in its next call (ftm_loop_is_late). Any thread may set the
 * callback, or ask for the last repair, while another one repairs: what belongs together is written
 * and copied under one lock, held for a copy only.
 */
#include "config.h"

#include "loop.h"

#include <mpi.h>
#include <mpi-ext.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "buffered.h"
#include "comms.h"
#include "handlers.h"
#include "rebuild_ready.h"
#include "repair.h"
#include "world.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

struct frame {
    jmp_buf body_again;
    FTMPI_Repair_t repair; /* the one that body was called for */
};

struct told {
    FTMPI_Callback_t *callback; /* NULL: none */
    void *arg;                  /* the callback's */
    FTMPI_Repair_t last;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct told told; /* under the lock */
static __thread struct frame *frame; /* this thread's FTMPI_Loop */
static __thread int nested;          /* callbacks that this thread is in */
static atomic_int loops;             /* in all threads */
static atomic_bool was_in_loop;      /* and came out of it */

static struct told told_now(void)
{
    struct told now;

    pthread_mutex_lock(&lock);
    now = told;
    pthread_mutex_unlock(&lock);
    return now;
}

static FTMPI_Repair_t last(void)
{
    return told_now().last;
}

void ftm_loop_note(const FTMPI_Repair_t *repair)
{
    pthread_mutex_lock(&lock);
    told.last = *repair;
    pthread_mutex_unlock(&lock);
}

static int set_callback(FTMPI_Callback_t *callback, void *arg)
{
    if (!ftm_comms_mpi_is_up())
        return MPI_ERR_OTHER;
    pthread_mutex_lock(&lock);
    told.callback = callback;
    told.arg = arg;
    pthread_mutex_unlock(&lock);
    return MPI_SUCCESS;
}

static bool world_returns_errors(void)
{
    MPI_Errhandler handler = MPI_ERRHANDLER_NULL;
    bool returns;

    if (ftm_own_Comm_get_errhandler(MPI_COMM_WORLD, &handler) != MPI_SUCCESS)
        return false;
    returns = handler == MPI_ERRORS_RETURN;
    if (handler != MPI_ERRHANDLER_NULL)
        PMPI_Errhandler_free(&handler);
    return returns;
}

bool ftm_loop_is_aware(void)
{
    return told_now().callback || atomic_load(&loops) > 0 || world_returns_errors();
}

bool ftm_loop_is_over(void)
{
    return atomic_load(&was_in_loop) && !ftm_loop_is_aware();
}

bool ftm_loop_is_here(void)
{
    return frame != NULL;
}

bool ftm_loop_is_late(void)
{
    return frame && frame->repair.repairs != last().repairs;
}

bool ftm_loop_tell(void)
{
    struct told now;
    bool again;

    if (frame) {
        ftm_rebuild_caught_up();
        ftm_buffered_left();
        longjmp(frame->body_again, 1);
    }
    now = told_now();
    if (!now.callback || nested >= FTMPI_NESTED_MAX)
        return false;
    nested++;
    again = now.callback(&now.last, now.arg) == FTMPI_REPEAT;
    nested--;
    return again;
}

/* ---------------------------------------------------------------- the program's calls */

/* Waits for the others' bodies. Comes back only if all have returned, or with an error that is none
 * of a loss; a repair jumps. */
static void settle_in_body(void)
{
    if (ftm_repair_is_on())
        ftm_repair_settle();
}

static int run(struct frame *here, FTMPI_Body_t *body, void *arg)
{
    int value;

    if (setjmp(here->body_again) != 0)
        nested = 0;
    here->repair = last();
    value = body(&here->repair, arg);
    settle_in_body();
    return value;
}

static int loop(FTMPI_Body_t *body, void *arg)
{
    struct frame here = {.repair = last()};
    int value;

    if (frame || !ftm_comms_mpi_is_up())
        return body(&here.repair, arg);
    ftm_rebuild_caught_up();
    frame = &here;
    atomic_fetch_add(&loops, 1);
    value = run(&here, body, arg);
    frame = NULL;
    atomic_store(&was_in_loop, true);
    atomic_fetch_sub(&loops, 1);
    return value;
}

static int settle(void)
{
    if (!ftm_comms_mpi_is_up())
        return MPI_ERR_OTHER;
    if (!ftm_repair_is_on())
        return PMPI_Barrier(ftm_collective(MPI_COMM_WORLD));
    return ftm_repair_settle();
}

static int last_repair(FTMPI_Repair_t *repair)
{
    if (!repair)
        return MPI_ERR_ARG;
    *repair = last();
    return ftm_comms_mpi_is_up() ? MPI_SUCCESS : MPI_ERR_OTHER;
}

const struct ftm_loop_hooks ftm_loop_hooks = {
    .set_callback = set_callback,
    .loop = loop,
    .settle = settle,
    .last_repair = last_repair,
};
