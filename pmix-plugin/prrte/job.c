/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * job.c - on the master: which jobs asked for fault tolerance, and what follows from it.
 *
 * A job is tolerant if PRRTE would go on when one of its processes dies: attribute RECOVERABLE
 * (`mpirun --with-ft ulfm`, `--runtime-options recoverable`) or CONTINUOUS. Everything in this
 * component that differs from stock PRRTE differs for tolerant jobs only. Jobs that a tolerant job
 * spawns are tolerant too: stock gives them the launcher's defaults, so that a replacement process
 * that dies would end its job, and take the launcher's exit code with it.
 *
 * A job's way through the launcher, and what is done here on it:
 *   INIT            inherit the parent's tolerance, or have it always (errmgr_ft_always)
 *   ALLOCATE        hook what is registered late; spares of the allocation
 *   LAUNCH_DAEMONS  before the first daemons: flatten the tree; after each growth: prune it; one
 *                   growth at a time (growth.c)
 *   VM_READY        prune; afterwards tell the new daemons which ones are lost
 *   MAP             nodes of lost daemons stay DOWN, whoever asks for them by name; a job whose
 *                   spawner is gone is not started; spare ranks (waiting.c)
 *   LAUNCH_APPS     environment of the processes (units.c)
 *   RUNNING         report (report.c)
 *   TERMINATED      exit code; report
 *
 * Exit code of the launcher when tolerant jobs ran. A process that was killed, or lost with its
 * node, does not count. The first other code than 0 with which a process exited or called abort
 * counts. If nothing else happened, 0 if at least one process ended well, else 128 + the signal:
 * nobody was left to end the job.
 */
#include "ft_prrte.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>

#include "src/mca/plm/base/plm_private.h"
#include "src/runtime/prte_wait.h"
#include "ranks.h"
#include "report.h"
#include "slurm.h"
#include "units.h"

static prte_state_cbfunc_t stock_init, stock_allocate, stock_launch_daemons, stock_vm_ready,
    stock_map, stock_launch_apps, stock_running, stock_terminated;

static bool seen_tolerant;  /* a tolerant job was started */
static bool some_ended_well; /* a process of a tolerant job exited with 0 */
static int jobs_status;      /* exit status as the jobs that ended left it */

/* Of the daemons' own job too: prterun gives it the options of the job that it is started for. */
static bool asks_for_tolerance(const prte_job_t *job)
{
    pmix_list_t *attributes = (pmix_list_t *) &job->attributes;

    return prte_get_attribute(attributes, PRTE_JOB_RECOVERABLE, NULL, PMIX_BOOL)
           || prte_get_attribute(attributes, PRTE_JOB_CONTINUOUS, NULL, PMIX_BOOL);
}

bool ftp_job_is_tolerant(const prte_job_t *job)
{
    return job != NULL && !PMIX_CHECK_NSPACE(job->nspace, PRTE_PROC_MY_NAME->nspace)
           && asks_for_tolerance(job);
}

prte_job_t *ftp_job_spawner(const prte_job_t *job)
{
    pmix_proc_t *spawner = NULL;
    prte_job_t *found;

    if (!prte_get_attribute((pmix_list_t *) &job->attributes, PRTE_JOB_LAUNCH_PROXY,
                            (void **) &spawner, PMIX_PROC)
        || spawner == NULL)
        return NULL;
    found = prte_get_job_data_object(spawner->nspace);
    PMIX_PROC_RELEASE(spawner);
    return found;
}

bool ftp_job_has_started(const prte_job_t *job)
{
    return job->num_procs > 0 && job->num_launched >= job->num_procs;
}

bool ftp_job_is_active(const prte_job_t *job)
{
    return job != NULL && job->state < PRTE_JOB_STATE_UNTERMINATED
           && !PMIX_CHECK_NSPACE(job->nspace, PRTE_PROC_MY_NAME->nspace);
}

/* Counts the active jobs; of those, whether a tolerant one has started. */
static int active_jobs(bool *tolerant)
{
    int n = 0;

    *tolerant = false;
    for (int i = 0; i < prte_job_data->size; i++) {
        prte_job_t *job = (prte_job_t *) pmix_pointer_array_get_item(prte_job_data, i);
        if (!ftp_job_is_active(job))
            continue;
        n++;
        if (ftp_job_is_tolerant(job) && ftp_job_has_started(job))
            *tolerant = true;
    }
    return n;
}

bool ftp_job_any_tolerant(void)
{
    bool tolerant;
    int n = active_jobs(&tolerant);

    /* between the end of the last job and the end of the launcher */
    return tolerant || (n == 0 && seen_tolerant && !prte_persistent);
}

/* ---- exit code */

void ftp_job_process_ended(prte_proc_t *proc)
{
    if (proc->state == PRTE_PROC_STATE_TERMINATED
        || (proc->state < PRTE_PROC_STATE_ERROR && proc->exit_code == 0))
        some_ended_well = true;
}

void ftp_job_process_exited(prte_job_t *job, const prte_proc_t *proc)
{
    if (job->exit_code == 0)
        job->exit_code = proc->exit_code;
}

void ftp_job_restore_exit_status(void)
{
    prte_exit_status = jobs_status;
}

/* Its spawner was told; that is not the application's end. */
static bool failed_to_spawn(const prte_job_t *job)
{
    return !ftp_job_has_started(job) && !PMIX_NSPACE_INVALID(job->launcher);
}

static void settle_exit_code(prte_job_t *job)
{
    bool tolerant;

    if (failed_to_spawn(job)) {
        job->exit_code = 0;
        ftp_job_restore_exit_status(); /* mapping has its own idea of it */
    } else if (job->exit_code == 0 && !some_ended_well && active_jobs(&tolerant) <= 1) {
        job->exit_code = 128 + SIGKILL;
    }
}

/* ---- callbacks, in the order of a job's life */

static void inherit_tolerance(prte_job_t *job)
{
    static const prte_attribute_key_t inherited[] = {
        PRTE_JOB_RECOVERABLE, PRTE_JOB_CONTINUOUS, PRTE_JOB_NOTIFY_ERRORS};
    const prte_job_t *parent = ftp_job_spawner(job);

    if (parent == NULL || parent == job || !ftp_job_is_tolerant(parent))
        return;
    for (size_t i = 0; i < sizeof inherited / sizeof inherited[0]; i++)
        if (prte_get_attribute((pmix_list_t *) &parent->attributes, inherited[i], NULL, PMIX_BOOL)
            && !prte_get_attribute(&job->attributes, inherited[i], NULL, PMIX_BOOL))
            prte_set_attribute(&job->attributes, inherited[i], PRTE_ATTR_GLOBAL, NULL, PMIX_BOOL);
}

static void on_launch_daemons(int fd, short args, void *cbdata)
{
    prte_state_caddy_t *caddy = (prte_state_caddy_t *) cbdata;
    pmix_rank_t daemons = prte_process_info.num_daemons;
    prte_job_t *job = caddy->jdata;

    if (ftp_growth_hold(job)) {
        PMIX_RELEASE(caddy);
        return;
    }
    PMIX_RETAIN(job); /* the caddy is gone after the call */
    if (asks_for_tolerance(job)) {
        ftp_routing_flatten();
        ftp_spares_start(job);
        ftp_units_start();
    }
    if (asks_for_tolerance(job) && ftp_slurm_is_here()) {
        ftp_slurm_launch(job);
        PMIX_RELEASE(caddy);
    } else {
        stock_launch_daemons(fd, args, cbdata);
    }
    ftp_routing_prune();
    ftp_starting_watch(daemons);
    ftp_growth_begun(job, daemons);
    PMIX_RELEASE(job);
}

/* errmgr_ft_always: what --with-ft ulfm asks PRRTE for, without a word on mpirun's command line. */
static void make_tolerant(prte_job_t *job)
{
    static const prte_attribute_key_t asked[] = {PRTE_JOB_RECOVERABLE, PRTE_JOB_NOTIFY_ERRORS};

    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++)
        if (!prte_get_attribute(&job->attributes, asked[i], NULL, PMIX_BOOL))
            prte_set_attribute(&job->attributes, asked[i], PRTE_ATTR_GLOBAL, NULL, PMIX_BOOL);
}

/* The first state of the daemons' own job, the second of others. What is hooked here comes to be
 * after the error manager was set up. */
static void on_allocate(int fd, short args, void *cbdata)
{
    prte_state_caddy_t *caddy = (prte_state_caddy_t *) cbdata;
    bool first = stock_launch_daemons == NULL;

    if (first)
        stock_launch_daemons = ftp_hook_job_state(PRTE_JOB_STATE_LAUNCH_DAEMONS, on_launch_daemons);
    if (ftp_params.always)
        make_tolerant(caddy->jdata);
    ftp_collective_start();
    ftp_starting_start();
    stock_allocate(fd, args, cbdata);
    ftp_slurm_allocated();
    ftp_hosts_start();
    ftp_growth_start();
    if (first)
        ftp_spares_keep_back();
}

static void on_init(int fd, short args, void *cbdata)
{
    prte_state_caddy_t *caddy = (prte_state_caddy_t *) cbdata;

    if (ftp_params.always)
        make_tolerant(caddy->jdata);
    inherit_tolerance(caddy->jdata);
    ftp_hosts_want(caddy->jdata);
    stock_init(fd, args, cbdata);
}

static void on_vm_ready(int fd, short args, void *cbdata)
{
    prte_state_caddy_t *caddy = (prte_state_caddy_t *) cbdata;
    prte_job_t *job = caddy->jdata;
    bool tolerant = asks_for_tolerance(job);

    ftp_routing_prune();
    stock_vm_ready(fd, args, cbdata);
    ftp_growth_over(job);
    if (tolerant) {
        ftp_silence_limit();
        ftp_event_tell_daemons();
    }
    ftp_units_vm_ready();
    ftp_report_nodes();
}

static bool is_of_this_launcher(const char *nspace)
{
    size_t n = strcspn(PRTE_PROC_MY_NAME->nspace, "@");

    return strncmp(nspace, PRTE_PROC_MY_NAME->nspace, n) == 0 && nspace[n] == '@';
}

/* Who spawned it ended before it could be started: what is started now would wait for that one in
 * MPI_Init, for ever, and the launcher for it. The whole job of its spawner may be over, by an abort,
 * and PRRTE have forgotten it. */
bool ftp_job_is_orphan(const prte_job_t *job)
{
    pmix_proc_t *name = NULL;
    const prte_proc_t *spawner = NULL;
    const prte_job_t *of;
    bool is_gone;

    if (!prte_get_attribute((pmix_list_t *) &job->attributes, PRTE_JOB_LAUNCH_PROXY,
                            (void **) &name, PMIX_PROC)
        || name == NULL)
        return false;
    of = prte_get_job_data_object(name->nspace);
    is_gone = of == NULL && ftp_abort_happened() && is_of_this_launcher(name->nspace);
    if (ftp_job_is_tolerant(job) && ftp_job_is_tolerant(of) && of != job && name->rank <= INT_MAX)
        spawner = (prte_proc_t *) pmix_pointer_array_get_item(of->procs, (int) name->rank);
    PMIX_PROC_RELEASE(name);
    return is_gone || (spawner != NULL && spawner->state >= PRTE_PROC_STATE_UNTERMINATED);
}

static void on_map(int fd, short args, void *cbdata)
{
    prte_state_caddy_t *caddy = (prte_state_caddy_t *) cbdata;
    prte_job_t *job = caddy->jdata;
    const pmix_rank_t *lost;
    size_t n;

    if (ftp_job_is_orphan(job) || ftp_abort_has_ended(job)) {
        ftp_say(1, "job %s is not started: the process that spawned it is gone", job->nspace);
        PRTE_ACTIVATE_JOB_STATE(job, PRTE_JOB_STATE_MAP_FAILED);
        PMIX_RELEASE(caddy);
        return;
    }
    lost = ftp_routing_lost(&n);
    for (size_t i = 0; i < n; i++) {
        prte_proc_t *daemon = ftp_daemon_of(lost[i]);
        if (daemon != NULL)
            ftp_daemon_mark_down(daemon);
    }
    if (!ftp_waiting_add(job)) {
        job->exit_code = PRTE_ERR_OUT_OF_RESOURCE;
        PRTE_ACTIVATE_JOB_STATE(job, PRTE_JOB_STATE_MAP_FAILED);
        PMIX_RELEASE(caddy);
        return;
    }
    PMIX_RETAIN(job); /* the caddy is gone after the call */
    stock_map(fd, args, cbdata);
    ftp_waiting_mapped(job);
    PMIX_RELEASE(job);
}

static void on_launch_apps(int fd, short args, void *cbdata)
{
    prte_state_caddy_t *caddy = (prte_state_caddy_t *) cbdata;

    if (ftp_job_is_tolerant(caddy->jdata)) {
        seen_tolerant = true;
        if (!ftp_routing_is_flat())
            ftp_warn("This launcher's daemons form a routing tree of more than one level, so the\n"
                     "job will not survive the loss of a node. Start the launcher with\n"
                     "--prtemca rml_base_radix %u or more.",
                     (unsigned) prte_process_info.num_daemons);
        ftp_units_set_environment(caddy->jdata);
    }
    stock_launch_apps(fd, args, cbdata);
}

static void on_running(int fd, short args, void *cbdata)
{
    prte_state_caddy_t *caddy = (prte_state_caddy_t *) cbdata;

    if (ftp_job_is_tolerant(caddy->jdata))
        ftp_report_job_started(caddy->jdata);
    ftp_ranks_changed();
    if (ftp_job_is_orphan(caddy->jdata) || ftp_abort_has_ended(caddy->jdata))
        ftp_abort_terminate(caddy->jdata);
    stock_running(fd, args, cbdata);
}

static void on_terminated(int fd, short args, void *cbdata)
{
    prte_state_caddy_t *caddy = (prte_state_caddy_t *) cbdata;
    prte_job_t *job = caddy->jdata;

    ftp_growth_over(job);
    if (ftp_job_is_tolerant(job)) {
        settle_exit_code(job);
        if (jobs_status == 0)
            jobs_status = job->exit_code;
        ftp_report_job_ended(job);
    }
    stock_terminated(fd, args, cbdata);
}

int ftp_job_init(void)
{
    stock_init = ftp_hook_job_state(PRTE_JOB_STATE_INIT, on_init);
    stock_allocate = ftp_hook_job_state(PRTE_JOB_STATE_ALLOCATE, on_allocate);
    stock_vm_ready = ftp_hook_job_state(PRTE_JOB_STATE_VM_READY, on_vm_ready);
    stock_map = ftp_hook_job_state(PRTE_JOB_STATE_MAP, on_map);
    stock_launch_apps = ftp_hook_job_state(PRTE_JOB_STATE_LAUNCH_APPS, on_launch_apps);
    stock_running = ftp_hook_job_state(PRTE_JOB_STATE_RUNNING, on_running);
    stock_terminated = ftp_hook_job_state(PRTE_JOB_STATE_TERMINATED, on_terminated);
    if (stock_init == NULL || stock_allocate == NULL || stock_vm_ready == NULL
        || stock_map == NULL || stock_launch_apps == NULL || stock_running == NULL
        || stock_terminated == NULL)
        return PRTE_ERR_NOT_FOUND;
    return PRTE_SUCCESS;
}
