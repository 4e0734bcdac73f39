/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * allocation.c - owns one node got from Slurm for another job: asks for it, guards it, gives it
 * back.
 *
 * It must not outlive the job it is for, whatever dies. Four things see to that, each without the
 * others:
 *   - this process: ends it when its side is over (the central unit, the job's own processes), when
 *     it is told to, and when the job is over;
 *   - the holder: the same program as a step inside of the allocation, on the node that was got.
 *     It ends it when the job is over, and needs nobody else alive;
 *   - slurmctld, while it is waited for: a grant that it cannot deliver, as this process is no
 *     more, it withdraws; and a request that waits has a deadline, past which it leaves the queue;
 *   - its time limit, which ends no later than the job's. An ordinary user may lower a limit but
 *     never raise it, so a short one that is prolonged while all is well does not exist.
 * What joined the job is the job's, and ends with it.
 *
 * A system's central unit has successors, and what it has told a job is true for them: a node that
 * the ledger says is the job's stays when the central unit ends ("stay"), guarded by its holder, and
 * the next one's process looks for it by the job and the node (adopt).
 *
 * Requests are interactive ones (as salloc's): they are tried at once, a batch job only with the
 * scheduler's next round, seconds later. One with a deadline is not tried at once either, and a
 * user may not set it later: so first without waiting, then, if that fails, again with a deadline.
 *
 * The call that waits for a grant, and answers slurmctld when it comes, is libslurm's and blocks:
 * it has a thread, while the main one listens to whoever may not want the node any more.
 */
#include "rmshelp/allocation.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <slurm/slurm_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"
#include "rmshelp/ask.h"
#include "rmshelp/head.h"
#include "rmshelp/side.h"

#define GUARD_EACH_MS 10000   /* looked at so often, beside slurmctld's notices */
#define HOLD_EACH_MS 10000
#define DROP_WITHIN_MS 30000  /* slurmctld has to tell a request's number within */
#define READY_EACH_MS 20
#define READY_WITHIN_MS 60000 /* a prolog, a boot */
#define HOLDERS_MAX 3
#define HOLDER_NAME "ft-holder"
#define ADOPT_EACH_MS 5000    /* asked again, while slurmctld does not answer */
#define BACK_TRIES 60         /* slurmctld may be restarting */
#define BACK_PAUSE_S 5

/* In libslurm, but not in its header. */
extern void slurm_free_will_run_response_msg(will_run_response_msg_t *msg);
extern const char *slurm_job_state_reason_string(enum job_state_reason reason);

/* ---------------------------------------------------------------- slurmctld's notices */

static void wake_complete(srun_job_complete_msg_t *message) { (void) message; ft_side_wake(); }
static void wake_timeout(srun_timeout_msg_t *message) { (void) message; ft_side_wake(); }
static void wake_text(srun_user_msg_t *message) { (void) message; }
static void wake_node_fail(srun_node_fail_msg_t *message) { (void) message; ft_side_wake(); }
static void wake_suspend(suspend_msg_t *message) { (void) message; }

/* Notices only wake: what is true is asked for. A thread of libslurm's takes them. */
static uint16_t notices_port(void)
{
    static const slurm_allocation_callbacks_t callbacks = {
        wake_complete, wake_timeout, wake_text, wake_node_fail, wake_suspend};
    uint16_t port = 0;

    return slurm_allocation_msg_thr_create(&port, &callbacks) != NULL ? port : 0;
}

void ft_allocation_init(struct ft_allocation *allocation, uint32_t parent)
{
    *allocation = (struct ft_allocation){.parent = parent};
    allocation->notices = notices_port();
}

/* ---------------------------------------------------------------- giving back */

/* True when slurmctld knows that it is over. */
static bool end_job(uint32_t id)
{
    for (int i = 0; i < BACK_TRIES; i++) {
        if (slurm_complete_job(id, 0) == SLURM_SUCCESS || errno == ESLURM_ALREADY_DONE ||
            errno == ESLURM_INVALID_JOB_ID)
            return true;
        fprintf(stderr, "job %" PRIu32 " cannot be ended: %s; trying again\n", id,
                slurm_strerror(errno));
        sleep(BACK_PAUSE_S);
    }
    return false;
}

/* The job goes on without the node that joined it. */
static bool shrink_job(const struct ft_allocation *allocation)
{
    slurm_job_info_t *record;
    job_info_msg_t *answer = ft_ask_job(allocation->parent, &record);
    hostlist_t *nodes = answer != NULL ? slurm_hostlist_create(record->nodes) : NULL;
    char kept[FT_SLURM_TEXT_MAX] = "";
    job_desc_msg_t change;
    char *name;
    bool done;

    for (; nodes != NULL && (name = slurm_hostlist_shift(nodes)) != NULL; free(name)) {
        if (strcmp(name, allocation->node) != 0)
            ft_text_appendf(kept, sizeof kept, "%s%s", kept[0] != '\0' ? "," : "", name);
    }
    if (nodes != NULL)
        slurm_hostlist_destroy(nodes);
    if (answer != NULL)
        slurm_free_job_info_msg(answer);
    if (kept[0] == '\0')
        return false;
    slurm_init_job_desc_msg(&change);
    change.job_id = allocation->parent;
    change.req_nodes = kept;
    done = slurm_update_job(&change) == SLURM_SUCCESS;
    if (!done)
        fprintf(stderr, "job %" PRIu32 " keeps node %s: %s\n", allocation->parent, allocation->node,
                slurm_strerror(errno));
    return done;
}

static void give_back(struct ft_allocation *allocation)
{
    if (allocation->own != 0 && end_job(allocation->own))
        allocation->own = 0;
    if (allocation->holder > 0) {
        kill(allocation->holder, SIGKILL); /* its step is over; srun need not find out */
        waitpid(allocation->holder, NULL, 0);
        allocation->holder = 0;
    }
}

/* ---------------------------------------------------------------- asking */

static void read_record(struct ft_allocation *allocation, const slurm_job_info_t *record)
{
    ft_text_copy(allocation->node, sizeof allocation->node, record->nodes);
    allocation->end = record->time_limit == INFINITE ? 0 : record->end_time;
}

/* The call that blocks, and its thread. Static: should it never return, it ends with the
 * process. */
static struct {
    pthread_mutex_t lock;
    const job_desc_msg_t *desc;
    time_t timeout_s;
    uint32_t job;      /* as soon as it is known */
    bool over;
    int error;         /* why there is no node */
} request = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void on_pending(uint32_t job)
{
    pthread_mutex_lock(&request.lock);
    request.job = job;
    pthread_mutex_unlock(&request.lock);
    ft_side_wake();
}

static void *ask_and_wait(void *arg)
{
    resource_allocation_response_msg_t *answer =
        slurm_allocate_resources_blocking(request.desc, request.timeout_s, on_pending);
    int error = answer != NULL ? 0 : errno != 0 ? errno : ETIMEDOUT;

    pthread_mutex_lock(&request.lock);
    if (answer != NULL)
        request.job = answer->job_id;
    request.error = error;
    request.over = true;
    pthread_mutex_unlock(&request.lock);
    if (answer != NULL)
        slurm_free_resource_allocation_response_msg(answer);
    ft_side_wake();
    return arg;
}

static bool request_is_over(uint32_t *job, int *error)
{
    bool over;

    pthread_mutex_lock(&request.lock);
    over = request.over;
    *job = request.job;
    *error = request.error;
    pthread_mutex_unlock(&request.lock);
    return over;
}

static int begin_request(const struct ft_wish *wish, int64_t wait_ms)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int error;

    request.desc = &wish->desc;
    request.timeout_s = wait_ms / 1000 + 1;
    request.job = 0;
    request.over = false;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    error = pthread_create(&thread, &attributes, ask_and_wait, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

/* Nobody waits for it any more. The thread may be in the middle of asking: then its answer, which
 * names the job that has to be ended, is awaited. */
static void drop_request(struct ft_allocation *allocation)
{
    int64_t until_ms = ft_clock_ms() + DROP_WITHIN_MS;
    int error;

    while (!request_is_over(&allocation->own, &error) && allocation->own == 0 &&
           ft_clock_ms() < until_ms)
        usleep(2000);
    give_back(allocation);
}

/* Why a request still waits, in Slurm's words. */
static void explain_waiting(uint32_t id, char *why, size_t size)
{
    slurm_job_info_t *record;
    job_info_msg_t *answer = id != 0 ? ft_ask_job(id, &record) : NULL;

    snprintf(why, size, "none became free in time");
    if (answer == NULL)
        return;
    ft_text_appendf(why, size, " (%s)", slurm_job_state_reason_string(
                                            (enum job_state_reason) record->state_reason));
    slurm_free_job_info_msg(answer);
}

static enum ft_got await_grant(struct ft_allocation *allocation, int64_t until_ms, char *why,
                               size_t size)
{
    bool told = false;
    char own[16];
    int error;

    while (!request_is_over(&allocation->own, &error)) {
        int64_t left_ms = until_ms - ft_clock_ms();
        int what;

        if (!told && allocation->own != 0) {
            snprintf(own, sizeof own, "%" PRIu32, allocation->own);
            ft_side_say("pending", "own", own);
            told = true;
        }
        what = ft_side_wait(-1, left_ms > 0 ? (int) left_ms : 0);
        if (what == FT_SIDE_OVER || what == FT_SIDE_LINE) { /* an order can only be to let it be */
            drop_request(allocation);
            return FT_GOT_OVER;
        }
        if (left_ms <= 0) {
            explain_waiting(allocation->own, why, size);
            drop_request(allocation);
            return FT_GOT_NOTHING;
        }
    }
    if (error == 0)
        return FT_GOT_NODE;
    snprintf(why, size, "%s", slurm_strerror(error));
    give_back(allocation); /* where it had a number, it may still be in the queue */
    return FT_GOT_NOTHING;
}

/* A prolog or a boot may stand between the grant and the node. */
static bool await_ready(const struct ft_allocation *allocation, char *why, size_t size)
{
    int64_t until_ms = ft_clock_ms() + READY_WITHIN_MS;

    for (;;) {
        int ready = slurm_job_node_ready(allocation->own);

        if (ready == READY_JOB_FATAL) {
            snprintf(why, size, "node %s did not become ready", allocation->node);
            return false;
        }
        if (ready >= 0 && (ready & READY_JOB_STATE) && (ready & READY_NODE_STATE))
            return true;
        if (ft_clock_ms() >= until_ms) {
            snprintf(why, size, "node %s was not ready after %d s", allocation->node,
                     READY_WITHIN_MS / 1000);
            return false;
        }
        if (ft_side_wait(-1, READY_EACH_MS) == FT_SIDE_OVER)
            return false;
    }
}

/* Moves the node of the allocation, which no step may use yet, into the job. */
static bool join(struct ft_allocation *allocation, char *why, size_t size)
{
    job_desc_msg_t give, take;

    slurm_init_job_desc_msg(&give);
    give.job_id = allocation->own;
    give.min_nodes = 0;
    slurm_init_job_desc_msg(&take);
    take.job_id = allocation->parent;
    take.min_nodes = INFINITE;
    if (slurm_update_job(&give) != SLURM_SUCCESS || slurm_update_job(&take) != SLURM_SUCCESS) {
        snprintf(why, size, "node %s could not join the job: %s", allocation->node,
                 slurm_strerror(errno));
        return false;
    }
    allocation->joined = true;
    allocation->end = 0;
    end_job(allocation->own); /* an empty shell */
    allocation->own = 0;
    return true;
}

/* Whether what stood in the way may go away: what the partition or the user can never have does
 * not. */
static bool waiting_helps(int error)
{
    return error == ESLURM_NODES_BUSY || error == ESLURM_CAN_NOT_START_IMMEDIATELY ||
           error == ESLURM_NODE_NOT_AVAIL || error == ESLURM_REQUESTED_PART_CONFIG_UNAVAILABLE ||
           error == ESLURM_PORTS_BUSY || error == ESLURM_RESERVATION_BUSY ||
           error == ESLURM_JOB_HELD || error == ESLURM_ACCOUNTING_POLICY;
}

/* Now or never. *error is slurmctld's, if it is never. */
static enum ft_got ask_now(struct ft_allocation *allocation, struct ft_wish *wish, int *error,
                           char *why, size_t size)
{
    resource_allocation_response_msg_t *answer = NULL;
    int code;

    wish->desc.immediate = 1;
    code = slurm_allocate_resources(&wish->desc, &answer);
    if (code != SLURM_SUCCESS && errno == ESLURM_INVALID_NODE_NAME && wish->excluded[0] != '\0' &&
        ft_ask_known_nodes(wish->excluded, sizeof wish->excluded) == 0) {
        wish->desc.exc_nodes = wish->excluded[0] != '\0' ? wish->excluded : NULL;
        code = slurm_allocate_resources(&wish->desc, &answer);
    }
    if (code != SLURM_SUCCESS) {
        *error = errno;
        snprintf(why, size, "%s", slurm_strerror(*error));
        return FT_GOT_NOTHING;
    }
    allocation->own = answer->job_id;
    slurm_free_resource_allocation_response_msg(answer);
    return FT_GOT_NODE;
}

/* Where all of us are gone, slurmctld removes what waits by itself: past its deadline, which is so
 * that it could not run for its time any more. */
static enum ft_got ask_and_queue(struct ft_allocation *allocation, struct ft_wish *wish,
                                 int64_t wait_ms, char *why, size_t size)
{
    int error;

    wish->desc.immediate = 0;
    if (wish->desc.time_limit != INFINITE)
        wish->desc.deadline = time(NULL) + 60 * (time_t) wish->desc.time_limit + wait_ms / 1000 + 30;
    error = begin_request(wish, wait_ms);
    if (error == 0)
        return await_grant(allocation, ft_clock_ms() + wait_ms, why, size);
    snprintf(why, size, "no thread: %s", strerror(error));
    return FT_GOT_NOTHING;
}

static bool learn_node(struct ft_allocation *allocation, char *why, size_t size)
{
    slurm_job_info_t *record;
    job_info_msg_t *answer = ft_ask_job(allocation->own, &record);

    if (answer == NULL) {
        snprintf(why, size, "%s", slurm_strerror(errno));
        return false;
    }
    read_record(allocation, record);
    slurm_free_job_info_msg(answer);
    if (allocation->node[0] == '\0')
        snprintf(why, size, "allocation %" PRIu32 " ended as soon as it was made", allocation->own);
    return allocation->node[0] != '\0';
}

enum ft_got ft_allocation_get(struct ft_allocation *allocation, struct ft_wish *wish, bool joins,
                              int64_t wait_ms, char *why, size_t size)
{
    enum ft_got got;
    int error = 0;

    wish->desc.other_port = allocation->notices;
    wish->desc.alloc_sid = (uint32_t) getsid(0);
    got = ask_now(allocation, wish, &error, why, size);
    if (got == FT_GOT_NOTHING && wait_ms > 0 && waiting_helps(error))
        got = ask_and_queue(allocation, wish, wait_ms, why, size);
    if (got == FT_GOT_NODE &&
        (!learn_node(allocation, why, size) || !await_ready(allocation, why, size) ||
         (joins && !join(allocation, why, size))))
        got = FT_GOT_NOTHING;
    if (got != FT_GOT_NODE)
        give_back(allocation);
    return got;
}

/* ---------------------------------------------------------------- what another process got */

/* Among all of the user's jobs; running ones count. */
static bool recognize(struct ft_allocation *allocation, const job_info_msg_t *jobs)
{
    for (uint32_t i = 0; i < jobs->record_count; i++) {
        const slurm_job_info_t *record = &jobs->job_array[i];
        uint32_t state = record->job_state & JOB_STATE_BASE;

        if ((state != JOB_RUNNING && state != JOB_SUSPENDED) ||
            (record->job_state & JOB_COMPLETING) ||
            !ft_ask_has_node(record->nodes, allocation->node))
            continue;
        if (record->job_id == allocation->parent)
            allocation->joined = true;
        if (ft_wish_parent(record->name, record->comment) != allocation->parent)
            continue;
        allocation->own = record->job_id;
        allocation->joined = false;
        return true;
    }
    return allocation->joined;
}

enum ft_got ft_allocation_adopt(struct ft_allocation *allocation, char *why, size_t size)
{
    job_info_msg_t *jobs = NULL;

    allocation->stays = true;
    while (slurm_load_job_user(&jobs, getuid(), 0) != SLURM_SUCCESS) {
        int what;

        if (errno == ESLURM_INVALID_JOB_ID)
            break;
        fprintf(stderr, "node %s of job %" PRIu32 ": %s; asking again\n", allocation->node,
                allocation->parent, slurm_strerror(errno));
        what = ft_side_wait(-1, ADOPT_EACH_MS);
        if (what == FT_SIDE_LINE)
            allocation->unwanted = true;
        if (what == FT_SIDE_OVER)
            return FT_GOT_OVER;
    }
    if (jobs != NULL && recognize(allocation, jobs)) {
        slurm_free_job_info_msg(jobs);
        return FT_GOT_NODE;
    }
    if (jobs != NULL)
        slurm_free_job_info_msg(jobs);
    snprintf(why, size, "Slurm has no node %s for job %" PRIu32 " any more", allocation->node,
             allocation->parent);
    return FT_GOT_NOTHING;
}

int64_t ft_allocation_estimate(struct ft_wish *wish)
{
    will_run_response_msg_t *answer = NULL;
    int64_t at_s;

    wish->desc.immediate = 0;
    ft_wish_stands_alone(wish);
    if (slurm_job_will_run2(&wish->desc, &answer) != SLURM_SUCCESS || answer == NULL)
        return 0;
    at_s = answer->start_time;
    slurm_free_will_run_response_msg(answer);
    return at_s;
}

/* ---------------------------------------------------------------- guarding */

/* srun reads a hundred SLURM_ variables, of which this process may have inherited those of a
 * job. */
static void become_srun(char *const argv[])
{
    static const char *const kept[] = {"PATH", "SLURM_CONF", "HOME", "USER", "LOGNAME"};
    static char texts[5][FT_SLURM_TEXT_MAX];
    static char *environment[6];
    size_t n = 0;

    for (size_t i = 0; i < 5; i++) {
        const char *value = getenv(kept[i]);

        if (value != NULL && snprintf(texts[n], sizeof texts[n], "%s=%s", kept[i], value) <
                                 (int) sizeof texts[n])
            environment[n] = texts[n], n++;
    }
    setsid();
    execvpe("srun", argv, environment);
    _exit(127);
}

/* Its end is not this process's: killed, the holder goes on. */
static void start_holder(struct ft_allocation *allocation, const char *program)
{
    char parent[16], own[16], job[32];
    char *argv[] = {(char *) (uintptr_t) "srun", job, (char *) (uintptr_t) "--overlap",
                    (char *) (uintptr_t) "--nodes=1", (char *) (uintptr_t) "--ntasks=1",
                    (char *) (uintptr_t) "--cpus-per-task=1", (char *) (uintptr_t) "--mpi=none",
                    (char *) (uintptr_t) "--input=none", (char *) (uintptr_t) "--output=none",
                    (char *) (uintptr_t) "--error=none", (char *) (uintptr_t) "--chdir=/",
                    (char *) (uintptr_t) "--job-name=" HOLDER_NAME, (char *) (uintptr_t) program,
                    (char *) (uintptr_t) "hold", parent, own, NULL};
    sigset_t none;

    if (allocation->own == 0 || allocation->holders >= HOLDERS_MAX)
        return;
    allocation->holders++;
    snprintf(parent, sizeof parent, "%" PRIu32, allocation->parent);
    snprintf(own, sizeof own, "%" PRIu32, allocation->own);
    snprintf(job, sizeof job, "--jobid=%" PRIu32, allocation->own);
    allocation->holder = fork();
    if (allocation->holder == 0) {
        int null = open("/dev/null", O_RDWR);

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0)
            become_srun(argv);
        _exit(127);
    }
    if (allocation->holder < 0)
        fprintf(stderr, "no holder for job %" PRIu32 ": %s\n", allocation->own, strerror(errno));
}

/* Whether a holder that another process has started is there. */
static bool is_held(const struct ft_allocation *allocation)
{
    job_step_info_response_msg_t *steps = NULL;
    bool held = false;

    if (allocation->own == 0 ||
        slurm_get_job_steps(0, allocation->own, NO_VAL, &steps, SHOW_ALL) != SLURM_SUCCESS)
        return false;
    for (uint32_t i = 0; i < steps->job_step_count && !held; i++) {
        const job_step_info_t *step = &steps->job_steps[i];

        held = step->name != NULL && strcmp(step->name, HOLDER_NAME) == 0 &&
               (step->state & JOB_STATE_BASE) == JOB_RUNNING;
    }
    slurm_free_job_step_info_response_msg(steps);
    return held;
}

/* A holder that ended while the job goes on is started again, a few times. */
static void look_after_holder(struct ft_allocation *allocation, const char *program)
{
    int status;

    if (allocation->holder <= 0 || waitpid(allocation->holder, &status, WNOHANG) == 0)
        return;
    allocation->holder = 0;
    if (allocation->holders == HOLDERS_MAX)
        fprintf(stderr, "job %" PRIu32 " has no holder (srun ended %d times, status %#x): should "
                "this node be lost now, only its time limit ends it\n", allocation->own,
                HOLDERS_MAX, (unsigned) status);
    start_holder(allocation, program);
}

/* Whether it is still there, and needed. Says so, if not. */
static bool is_well(struct ft_allocation *allocation)
{
    char state[128];

    if (allocation->own != 0 &&
        ft_ask_life(allocation->own, state, sizeof state) == FT_JOB_OVER) {
        char why[256];

        snprintf(why, sizeof why, "its allocation %" PRIu32 " is %s", allocation->own, state);
        ft_side_say("lost", "node", allocation->node, "why", why);
        allocation->own = 0;
        return false;
    }
    return !ft_ask_has_ended(allocation->parent, state, sizeof state);
}

/* What it is told while it guards. */
static void take_word(struct ft_allocation *allocation)
{
    const char *word = ft_side_order()->word;

    if (strcmp(word, "stay") == 0 || strcmp(word, "leave") == 0)
        allocation->stays = word[0] == 's';
    else
        allocation->unwanted = true;
}

void ft_allocation_guard(struct ft_allocation *allocation, const char *program)
{
    if (!allocation->unwanted && !is_held(allocation))
        start_holder(allocation, program);
    while (!allocation->unwanted) {
        int what = ft_side_wait(-1, GUARD_EACH_MS);

        if (what == FT_SIDE_LINE)
            take_word(allocation);
        else if (what == FT_SIDE_OVER && allocation->stays)
            return;
        else if (what == FT_SIDE_OVER || !is_well(allocation))
            break;
        look_after_holder(allocation, program);
    }
    if (allocation->joined && allocation->unwanted)
        shrink_job(allocation);
    give_back(allocation);
    ft_side_say("back", "node", allocation->node);
}

int ft_allocation_hold(uint32_t parent, uint32_t own)
{
    char state[128];

    /* Nobody gives it orders. Signals end it: those are Slurm's, when the allocation is over. */
    while (!ft_ask_has_ended(parent, state, sizeof state))
        usleep(HOLD_EACH_MS * 1000);
    ft_head_end(parent);
    fprintf(stderr, "job %" PRIu32 " is %s: its allocation %" PRIu32 " ends\n", parent, state, own);
    return end_job(own) ? 0 : 1;
}
