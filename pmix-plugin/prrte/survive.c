/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * survive.c - on the master: a daemon is lost, and the jobs that asked for fault tolerance go on.
 *
 * Who calls: PRRTE's process state machine. A daemon's connection that closed or timed out arrives
 * as COMM_FAILED; every other trouble with a daemon (not started, not reachable, gave up) arrives
 * through the ERROR callback, and so does the end of application processes. A silent node is
 * declared lost by the central unit (news.c) before any connection breaks. Stock PRRTE ends
 * everything for a lost daemon. Here, while a tolerant job runs:
 *
 *   daemon lost -> out of the tree (routing.c), its node DOWN, all daemons told,
 *                  PMIX_EVENT_NODE_DOWN, collectives that wait for it go on (collective.c), data
 *                  that is waited for is refused (modex.c), and each of its processes
 *                  ABORTED_BY_SIG: from there on PRRTE's own way of a killed process tells its
 *                  peers (ULFM) and counts it as ended
 *   a job that is still being started there -> FAILED_TO_START: its spawner gets an error
 *   a daemon that is still being started    -> the launch goes on without it (starting.c)
 *
 * What a daemon that was lost once still sends, after a partition heals, is dropped: its processes
 * ended once, and their end is not counted again. Without a tolerant job, or with a deep tree,
 * everything takes the stock way.
 */
#include "ft_prrte.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/mca/errmgr/base/base.h"
#include "report.h"
#include "src/util/pmix_argv.h"

static prte_state_cbfunc_t stock_comm_failed, stock_error, stock_terminated, stock_job_error;

static bool is_daemon(const pmix_proc_t *name)
{
    return PMIX_CHECK_NSPACE(name->nspace, PRTE_PROC_MY_NAME->nspace);
}

static prte_proc_t *proc_of(const pmix_proc_t *name)
{
    prte_job_t *job = prte_get_job_data_object(name->nspace);

    if (job == NULL || name->rank > INT_MAX)
        return NULL;
    return (prte_proc_t *) pmix_pointer_array_get_item(job->procs, (int) name->rank);
}

static bool is_ending(void)
{
    return prte_finalizing || prte_prteds_term_ordered || prte_abnormal_term_ordered;
}

/* ---- the processes of a lost daemon */

static void lose_process(prte_proc_t *proc)
{
    prte_job_t *job = prte_get_job_data_object(proc->name.nspace);

    if (job == NULL || proc->state >= PRTE_PROC_STATE_UNTERMINATED)
        return;
    proc->exit_code = 128 + SIGKILL;
    if (ftp_job_has_started(job)) {
        ftp_report_process_ended(proc, FTP_END_WITH_NODE);
        PRTE_ACTIVATE_PROC_STATE(&proc->name, PRTE_PROC_STATE_ABORTED_BY_SIG);
    } else {
        PRTE_ACTIVATE_PROC_STATE(&proc->name, PRTE_PROC_STATE_FAILED_TO_START);
    }
}

static void lose_processes(prte_node_t *node)
{
    for (int i = 0; i < node->procs->size; i++) {
        prte_proc_t *proc = (prte_proc_t *) pmix_pointer_array_get_item(node->procs, i);
        if (proc != NULL)
            lose_process(proc);
    }
}

/* ---- a lost daemon */

/* Stops one that is still there but in trouble; it may not hear of it. */
static void tell_to_end(pmix_rank_t rank)
{
    pmix_data_buffer_t *command;
    prte_daemon_cmd_flag_t end = PRTE_DAEMON_EXIT_CMD;
    int rc;

    PMIX_DATA_BUFFER_CREATE(command);
    rc = PMIx_Data_pack(NULL, command, &end, 1, PMIX_UINT8);
    if (rc == PMIX_SUCCESS)
        PRTE_RML_SEND(rc, rank, command, PRTE_RML_TAG_DAEMON);
    if (rc != PRTE_SUCCESS)
        PMIX_DATA_BUFFER_RELEASE(command);
}

/* For people; PRRTE's own words are about its states. */
static const char *how_lost(const prte_proc_t *daemon, prte_proc_state_t state)
{
    switch (state) {
    case PRTE_PROC_STATE_COMM_FAILED:
        return "the connection to its daemon broke";
    case PRTE_PROC_STATE_HEARTBEAT_FAILED:
        return "its daemon says nothing any more";
    case PRTE_PROC_STATE_FAILED_TO_START: /* of the remote shell's end, whenever that is */
        return daemon->state >= PRTE_PROC_STATE_RUNNING ? "its daemon ended"
                                                        : "no daemon could be started there";
    default:
        return prte_proc_state_to_str(state);
    }
}

static void lose(prte_proc_t *daemon, prte_proc_state_t state, const char *how)
{
    prte_node_t *node = daemon->node;

    ftp_say(1, "daemon %u on node %s lost (%s: %s), going on without it", daemon->name.rank,
            node->name, prte_proc_state_to_str(state), how);
    daemon->state = state;
    ftp_daemon_mark_down(daemon);
    if (state == PRTE_PROC_STATE_CALLED_ABORT || state == PRTE_PROC_STATE_HEARTBEAT_FAILED) {
        tell_to_end(daemon->name.rank);
        ftp_routing_lose_soon(daemon->name.rank);
    } else {
        ftp_routing_lose(daemon->name.rank);
    }
    ftp_job_restore_exit_status();
    ftp_report_node_lost(daemon, how);
    lose_processes(node);
    ftp_event_node_down(node, daemon->name.rank);
    ftp_event_tell_daemons();
    ftp_collective_lose(daemon->name.rank);
    ftp_modex_lose(daemon->name.rank);
    ftp_starting_lose(daemon);
}

/* PRRTE's table keeps its places, by which the daemons know the nodes; the name is free for another
 * daemon on the same node. */
static void bury(prte_node_t *node)
{
    char *name = NULL;

    pmix_asprintf(&name, "%s.left.%u", node->name, node->daemon->name.rank);
    if (name == NULL)
        return;
    free(node->name);
    node->name = name;
    PMIX_ARGV_FREE_COMPAT(node->aliases);
    node->aliases = NULL;
}

void ftp_survive_leave(prte_proc_t *daemon)
{
    pmix_rank_t rank = daemon->name.rank;

    ftp_say(1, "node %s is left: daemon %u ends", daemon->node->name, rank);
    daemon->state = PRTE_PROC_STATE_TERMINATED;
    ftp_report_node_left(daemon, "its nodes are given back");
    ftp_daemon_mark_down(daemon);
    tell_to_end(rank);
    ftp_routing_lose_soon(rank);
    ftp_event_tell_daemons();
    ftp_collective_lose(rank);
    ftp_modex_lose(rank);
    bury(daemon->node);
}

void ftp_survive_loss(prte_proc_t *daemon, prte_proc_state_t state)
{
    lose(daemon, state, how_lost(daemon, state));
}

static bool goes_on_without(const prte_proc_t *daemon)
{
    return !is_ending() && daemon != NULL && daemon->node != NULL
           && daemon->name.rank != PRTE_PROC_MY_NAME->rank && ftp_job_any_tolerant()
           && ftp_routing_is_flat();
}

/* The daemon may be well and only its unit unheard: it is told to end, so that what the others are
 * told is true. What it still says is dropped like any lost one's. */
void ftp_survive_declared(const char *node, const char *why)
{
    prte_proc_t *daemon = ftp_daemon_on(node);
    char how[512];

    if (!goes_on_without(daemon) || ftp_routing_is_lost(daemon->name.rank)) {
        ftp_say(2, "node %s was declared lost (%s): nothing to do here", node, why);
        return;
    }
    snprintf(how, sizeof how, "the central unit declared it lost: %s", why);
    lose(daemon, PRTE_PROC_STATE_HEARTBEAT_FAILED, how);
}

/* Messages that could not be sent say nothing that the connection itself does not say: the daemon
 * is lost already, or it is being started and has no address yet. */
static bool is_about_a_message(prte_proc_state_t state)
{
    return state == PRTE_PROC_STATE_NO_PATH_TO_TARGET || state == PRTE_PROC_STATE_PEER_UNKNOWN
           || state == PRTE_PROC_STATE_UNABLE_TO_SEND_MSG;
}

static void on_daemon(prte_state_caddy_t *caddy, prte_state_cbfunc_t stock, int fd, short args)
{
    pmix_rank_t rank = caddy->name.rank;
    prte_proc_t *daemon = ftp_daemon_of(rank);

    if (ftp_routing_is_lost(rank)) {
        ftp_say(2, "daemon %u, lost before: %s ignored", rank,
                prte_proc_state_to_str(caddy->proc_state));
        ftp_job_restore_exit_status();
        PMIX_RELEASE(caddy);
        return;
    }
    if (!goes_on_without(daemon)) {
        stock(fd, args, caddy);
        return;
    }
    if (is_about_a_message(caddy->proc_state))
        ftp_say(2, "daemon %u: %s ignored", rank, prte_proc_state_to_str(caddy->proc_state));
    else
        ftp_survive_loss(daemon, caddy->proc_state);
    PMIX_RELEASE(caddy);
}

/* ---- callbacks */

/* Whether this is news of a process that was lost with its node: from a daemon that was cut off and
 * came back. (Of others, stock code expects more than one.) */
static bool ended_before(const prte_proc_t *proc)
{
    return PRTE_FLAG_TEST(proc, PRTE_PROC_FLAG_RECORDED) && proc->node != NULL
           && proc->node->daemon != NULL && ftp_routing_is_lost(proc->node->daemon->name.rank);
}

static void on_comm_failed(int fd, short args, void *cbdata)
{
    prte_state_caddy_t *caddy = (prte_state_caddy_t *) cbdata;

    if (is_daemon(&caddy->name))
        on_daemon(caddy, stock_comm_failed, fd, args);
    else
        stock_comm_failed(fd, args, cbdata);
}

/* Stock tells the processes of its own job only. Those that it spawned, was spawned by or connected
 * to communicate with it as well. */
static void tell_other_jobs(const prte_proc_t *proc, prte_proc_state_t state)
{
    switch (state) {
    case PRTE_PROC_STATE_ABORTED_BY_SIG:
        ftp_event_process_failed(proc, PMIX_ERR_PROC_ABORTED_BY_SIG);
        break;
    case PRTE_PROC_STATE_TERM_WO_SYNC:
        ftp_event_process_failed(proc, PMIX_ERR_PROC_TERM_WO_SYNC);
        break;
    case PRTE_PROC_STATE_CALLED_ABORT:
        ftp_event_process_failed(proc, PMIX_ERR_PROC_ABORTED);
        break;
    default:
        break;
    }
}

static void on_error(int fd, short args, void *cbdata)
{
    prte_state_caddy_t *caddy = (prte_state_caddy_t *) cbdata;
    prte_job_t *job = prte_get_job_data_object(caddy->name.nspace);
    prte_proc_t *proc;

    if (is_daemon(&caddy->name)) {
        on_daemon(caddy, stock_error, fd, args);
        return;
    }
    proc = proc_of(&caddy->name);
    if (proc != NULL && ftp_job_is_tolerant(job)) {
        if (ended_before(proc)) {
            PMIX_RELEASE(caddy);
            return;
        }
        if (proc->state < PRTE_PROC_STATE_UNTERMINATED)
            tell_other_jobs(proc, caddy->proc_state);
        ftp_report_process_failed(proc, caddy->proc_state);
        if (caddy->proc_state == PRTE_PROC_STATE_TERM_WO_SYNC)
            ftp_job_process_exited(job, proc);
        if (caddy->proc_state == PRTE_PROC_STATE_CALLED_ABORT && ftp_abort_ends(job)) {
            ftp_abort(job, stock_error, fd, args, cbdata);
            return;
        }
    }
    stock_error(fd, args, cbdata);
}

static void on_terminated(int fd, short args, void *cbdata)
{
    prte_state_caddy_t *caddy = (prte_state_caddy_t *) cbdata;
    prte_proc_t *proc = proc_of(&caddy->name);

    if (proc != NULL && ftp_job_is_tolerant(prte_get_job_data_object(caddy->name.nspace))) {
        if (ended_before(proc)) {
            PMIX_RELEASE(caddy);
            return;
        }
        if (!PRTE_FLAG_TEST(proc, PRTE_PROC_FLAG_RECORDED)) {
            PRTE_FLAG_SET(proc, PRTE_PROC_FLAG_RECORDED);
            ftp_job_process_ended(proc);
            if (proc->state < PRTE_PROC_STATE_ERROR) /* others were reported when they failed */
                ftp_report_process_ended(proc, FTP_END_BY_ITSELF);
            else
                ftp_slots_free(proc);
        }
    }
    stock_terminated(fd, args, cbdata);
}

/* A write to a broken connection can fail before its reader notices. PRRTE then declares its own
 * job failed, without saying whose connection it was, and ends in good order: every job is cut
 * short, and mpirun's exit code is 0. The reader will say whose it was.
 *
 * Which failure it is cannot be told in the handler of all failures: where no job is named, PRRTE
 * 3.0.8 leaves the state unset. Hence a handler for this state alone, of which stock has none. */
static void on_connection_failed(int fd, short args, void *cbdata)
{
    prte_state_caddy_t *caddy = (prte_state_caddy_t *) cbdata;

    if (!is_ending() && ftp_job_any_tolerant() && ftp_routing_is_flat()
        && (caddy->jdata == NULL
            || PMIX_CHECK_NSPACE(caddy->jdata->nspace, PRTE_PROC_MY_NAME->nspace))) {
        ftp_say(2, "a message could not be sent or received: the connection's end is awaited");
        PMIX_RELEASE(caddy);
        return;
    }
    stock_job_error(fd, args, cbdata);
}

/* The handler of all failures of jobs stays as it is; it is what stock does with this one, too. */
static prte_state_cbfunc_t stock_job_error_handler(void)
{
    prte_state_t *s;

    PMIX_LIST_FOREACH(s, &prte_job_states, prte_state_t) {
        if (s->job_state == PRTE_JOB_STATE_ERROR)
            return s->cbfunc;
    }
    return NULL;
}

int ftp_survive_init(void)
{
    stock_comm_failed = ftp_hook_proc_state(PRTE_PROC_STATE_COMM_FAILED, on_comm_failed);
    stock_error = ftp_hook_proc_state(PRTE_PROC_STATE_ERROR, on_error);
    stock_terminated = ftp_hook_proc_state(PRTE_PROC_STATE_TERMINATED, on_terminated);
    stock_job_error = stock_job_error_handler();
    if (stock_comm_failed == NULL || stock_error == NULL || stock_terminated == NULL
        || stock_job_error == NULL)
        return PRTE_ERR_NOT_FOUND;
    return prte_state.add_job_state(PRTE_JOB_STATE_COMM_FAILED, on_connection_failed);
}
