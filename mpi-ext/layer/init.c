/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * init.c - where the layer comes in: MPI_Init, MPI_Finalize, MPI_Comm_disconnect, whatever their
 * names (preload.c brings Fortran's, the profiling names and the sessions here too).
 *
 *   before init   Open MPI's closing fence off (async_mpi_finalize), unless the user has decided:
 *                 it waits for every node of the job, lost ones included. Its peers known from the
 *                 start (mpi_add_procs_cutoff)
 *   after init    outlive SIGPIPE; listen for failures (events.c); a stand-in tells where it can
 *                 be reached
 *   finalize      peers of other jobs first (links.c), then Open MPI's, then what a failure in
 *                 the middle of it has left undone
 *   disconnect    ends also when a peer dies in the middle, with the error, through the
 *                 communicator's own error handler: what the application does about errors is
 *                 its own affair
 */
#include "config.h"

#include <mpi.h>
#include <mpi-ext.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "../hooks.h"
#include "abort.h"
#include "among.h"
#include "bounded.h"
#include "buffered.h"
#include "cid.h"
#include "comms.h"
#include "events.h"
#include "fresh.h"
#include "gone.h"
#include "init.h"
#include "keep.h"
#include "links.h"
#include "loop.h"
#include "notice.h"
#include "reach.h"
#include "real.h"
#include "refill.h"
#include "repair.h"
#include "replay.h"
#include "role.h"
#include "runtime.h"
#include "stale_send.h"
#include "standin.h"
#include "start.h"
#include "stuck.h"
#include "world.h"
#include "wrap.h"

#define DIGEST_MS 20

static atomic_int inits; /* MPI_Init and each session */

/* Before all others: without Open MPI's functions there is nothing that the layer could do. */
static int begin(const struct ftm_preload *preload)
{
    return ftm_wrap_begin(preload);
}

/* Open MPI 5.0 makes the object of a peer when it is first talked to, and an optimised build
 * forgets to make it when the peer is lost before that: the lost one passes for alive, and
 * MPI_Finalize agrees with it for ever. With the cutoff, jobs of fewer ranks make all of them at
 * the start. */
static void before_init(void)
{
    setenv("OMPI_MCA_async_mpi_finalize", "1", 0);
    setenv("OMPI_MCA_mpi_add_procs_cutoff", "1024", 0);
}

static void on_sigpipe(int signal)
{
    (void) signal;
}

/* Open MPI's TCP writes to a connection whose other end has died, and Linux answers that with a
 * signal that by default ends the process: the survivor would follow the dead. An application that
 * has decided about SIGPIPE keeps its way. A handler, not SIG_IGN: programs that this process
 * starts have the default again. */
static void survive_broken_connections(void)
{
    struct sigaction now, ours = {.sa_handler = on_sigpipe, .sa_flags = SA_RESTART};

    sigemptyset(&ours.sa_mask);
    if (sigaction(SIGPIPE, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO)
        && now.sa_handler == SIG_DFL)
        sigaction(SIGPIPE, &ours, NULL);
}

/* A process that was started into a repair: it comes back as the rank that it was started for, or
 * not at all. */
static void join_world(void)
{
    MPI_Comm bigger = MPI_COMM_NULL;

    ftm_start_note_program();
    if (ftm_refill_join(&bigger) != MPI_SUCCESS || ftm_world_begin_joining() != MPI_SUCCESS
        || ftm_repair_newcomer(bigger) != MPI_SUCCESS)
        ftm_refill_leave();
    ftm_wrap_all();
    ftm_refill_joined();
}

/* In a job with spare ranks: who is what. A spare comes back from here as the rank that it was
 * given, or not at all. */
static void enter_world(void)
{
    bool spares;

    if (ftm_joins()) {
        join_world();
        return;
    }
    if (ftm_fresh_begin()) {
        ftm_cid_begin();
        ftm_start_note_program();
        ftm_wrap_all();
        return;
    }
    spares = ftm_role_begin();
    if (!spares && !ftm_world_is_wanted()) {
        ftm_cid_report();
        return;
    }
    ftm_start_note_program();
    if (ftm_world_begin() != MPI_SUCCESS) {
        ftm_world_refuse();
        return;
    }
    /* All that can be done beforehand is: whoever waits for a spare waits for what comes after. */
    ftm_wrap_all();
    if (spares) {
        ftm_runtime_open_soon();
        ftm_role_wait();
    }
    ftm_world_joined();
    ftm_stuck_begin();
}

static void after_init(void)
{
    atomic_fetch_add(&inits, 1);
    survive_broken_connections();
    ftm_stale_send_begin();
    ftm_events_start();
    enter_world();
    ftm_standin_announce();
}

static int is_up(void)
{
    return atomic_load(&inits) > 0;
}

/* ---------------------------------------------------------------- the end */

/* MPI_Finalize begins with an agreement on who is alive. Deaths that Open MPI has been told of, but
 * has not looked at yet, make it hang now and then; looking for messages makes it look. */
static void digest_failures(void)
{
    int64_t until_ns = ftm_deadline_ns(DIGEST_MS);

    ftm_lock();
    while (ftm_gone_count() > 0 && ftm_now_ns() < until_ns)
        ftm_comms_wait(until_ns);
    ftm_unlock();
}

static void end_ours(void)
{
    ftm_keep_end();
    ftm_fresh_end();
    ftm_role_end();
    ftm_world_end();
    digest_failures();
    ftm_standin_end();
    ftm_comms_end();
    ftm_links_end();
    ftm_runtime_end();
}

/* Until PMIx is down a replacement that is behind is told how communicators were made. */
static void end_answers(void)
{
    ftm_events_end();
    if (!is_up())
        ftm_replay_end();
}

/* A failure in the middle of Open MPI's part makes it return early, with PMIx still up; the daemon
 * then takes the end of the process for a crash. */
static void end_pmix(int rc)
{
    if (rc != MPI_SUCCESS && PMIx_Initialized())
        PMIx_Finalize(NULL, 0);
    end_answers();
}

static int finalize(ftm_finalize_fn *next)
{
    int up = 0, down = 0, rc;

    PMPI_Initialized(&up);
    PMPI_Finalized(&down);
    if (!up || down) /* Open MPI says what is wrong with it */
        return next();
    ftm_buffered_wait();
    if (atomic_load(&inits) == 1 && (rc = ftm_repair_finalize()) != MPI_SUCCESS)
        return rc; /* the program has to go back */
    ftm_stuck_end();
    if (atomic_fetch_sub(&inits, 1) == 1)
        end_ours();
    rc = next();
    end_pmix(rc);
    return rc;
}

void ftm_init_finalize(void)
{
    finalize(PMPI_Finalize);
}

static int session_finalize(ftm_session_fn *next, MPI_Session *session)
{
    int rc;

    if (atomic_load(&inits) == 1)
        end_ours();
    rc = next(session);
    if (rc == MPI_SUCCESS)
        atomic_fetch_sub(&inits, 1);
    end_answers();
    return rc;
}

/* ---------------------------------------------------------------- disconnect */

/* Raises an error as the communicator that it concerns would have done; that one is gone by now. */
static int raise_error(MPI_Errhandler handler, int error)
{
    MPI_Comm stand_in;

    if (!ftm_comms_mpi_is_up() /* sessions only */
        || PMPI_Comm_split(MPI_COMM_SELF, 0, 0, &stand_in) != MPI_SUCCESS)
        return error;
    PMPI_Comm_set_errhandler(stand_in, handler);
    PMPI_Comm_call_errhandler(stand_in, error);
    PMPI_Comm_free(&stand_in);
    return error;
}

static int comm_disconnect(ftm_comm_fn *next, MPI_Comm *comm)
{
    struct ftm_limits limits = {.deadline_ns = FTM_NO_DEADLINE}, *before;
    MPI_Errhandler handler;
    int rc;

    if (!comm || *comm == MPI_COMM_NULL || *comm == MPI_COMM_WORLD || *comm == MPI_COMM_SELF
        || ftm_own_Comm_get_errhandler(*comm, &handler) != MPI_SUCCESS)
        return next(comm);
    ftm_derived_gone(*comm);
    before = ftm_limit(&limits);
    rc = next(comm);
    ftm_limit(before);
    if (rc == MPI_SUCCESS && limits.gave_up == PMIX_ERR_PROC_ABORTED)
        rc = raise_error(handler, MPIX_ERR_PROC_FAILED);
    PMPI_Errhandler_free(&handler);
    return rc;
}

__attribute__((visibility("default"))) const struct ftm_hooks ftm_hooks = {
    .version = FTM_HOOKS_VERSION,
    .begin = begin,
    .before_init = before_init,
    .after_init = after_init,
    .is_up = is_up,
    .finalize = finalize,
    .session_finalize = session_finalize,
    .comm_disconnect = comm_disconnect,
    .abort_is_own = ftm_abort_is_own,
    .pmix_connect = ftm_connect,
    .pmix_fence = ftm_fence,
    .pmix_lookup = ftm_lookup,
    .pmix_spawn = ftm_spawn,
    .pmix_finalize = ftm_notice_finalize,
    .wants_fence = ftm_wants_fence,
    .wants_lookup = ftm_wants_lookup,
    .wants_spawn = ftm_wants_spawn,
    .reach = ftm_reach,
    .standin = ftm_standin,
    .next_peer = ftm_next_peer,
    .leave = ftm_leave,
    .is_failing = ftm_world_is_failing,
    .append = ftm_among_append,
    .keep = &ftm_keep_hooks,
    .loop = &ftm_loop_hooks,
};
