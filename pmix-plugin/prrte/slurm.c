/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slurm.c - on the master: daemons on nodes that Slurm gave, where PRRTE chose plm/slurm.
 *
 * What a job that asked for fault tolerance needs of plm/slurm is more than 3.0.8's can do:
 *
 *   growth       the daemons of a second launch are given the ranks of the first one
 *   a lost node  its srun lets Slurm end all of the step when a node of it dies
 *   srun ends    whatever the reason, all is over; where `srun -V` says "slurm-wlm 24.11.5" (Debian), it
 *                is over with a complaint about a version of Slurm that is too old
 *   others' nodes  a node of another allocation of the user cannot be reached with srun in this one
 *
 * So for tolerant jobs the sruns are started here, with the same daemons and the same arguments as
 * plm/slurm has (plm_slurm_args too), and these besides: --no-kill, --kill-on-bad-exit=0, --wait=0.
 *
 *   nodes of the allocation     one srun for neighbours in rank, as on stock
 *   any other node              which of the user's jobs has it is asked of Slurm (squeue), off the
 *                               loop; one srun each, --overlap, in that job. Among several: the job
 *                               that mpirun runs in (a node may have joined it), one that was got
 *                               for it ("ft-JOBID"), the newest
 *
 * An srun that ends takes with it those of its daemons that have not reported: a spawn goes on
 * without them (starting.c), a launcher's first launch ends with Slurm's own words. Daemons that
 * have reported speak for themselves, by their connections. plm/slurm's end, which waits for its
 * srun, is replaced by that of the other launchers: the daemons are told to end, and have when
 * their connections are closed. What the sruns say is kept for such a message, and shown where the
 * user wants to see daemons' output (--debug-daemons, --leave-session-attached, any verbosity).
 *
 * Environment of srun: no PMIX_* and PRTE_* (as on stock); in another job, no SLURM_* either, but
 * for SLURM_CONF. Called by job.c; everything on the launcher's event loop.
 */
#define _GNU_SOURCE
#include "slurm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "report.h"
#include "spawn.h"
#include "src/mca/plm/base/plm_private.h"
#include "src/mca/plm/plm.h"
#include "src/runtime/prte_wait.h"
#include "src/util/pmix_argv.h"
#include "src/util/pmix_environ.h"
#include "src/util/pmix_path.h"
#include "words.h"

#define SAID_MAX 512          /* of an srun's words, the last ones */
#define LOOKUP_TIMEOUT_S 10
#define END_MS 400            /* each: an srun that ends by itself, one that was told to */

/* Weak: where plm/slurm was not built in, there is nothing to do here. */
extern prte_plm_base_module_t prte_plm_slurm_module __attribute__((weak));

typedef struct srun {
    prte_proc_t *child;       /* what PRRTE's SIGCHLD handler knows it by */
    pmix_rank_t first, end;   /* its daemons */
    prte_event_t readable;
    int from;                 /* what it says; -1: nothing any more */
    char said[SAID_MAX + 1];
    size_t said_n;
    struct srun *next;
} srun_t;

typedef struct lookup {
    pmix_rank_t rank;         /* of the daemon that is to be started */
    pid_t squeue;
    ftp_words_t *words;
    struct lookup *next;
} lookup_t;

static srun_t *sruns;         /* that run */
static lookup_t *lookups;     /* under way */
static char **allocated;      /* names of the nodes that PRRTE's allocation has */
static prte_state_cbfunc_t stock_daemons_terminated;

bool ftp_slurm_is_here(void)
{
    return &prte_plm_slurm_module != NULL && prte_plm.spawn != NULL
           && prte_plm.spawn == prte_plm_slurm_module.spawn;
}

static bool is_ending(void)
{
    return prte_finalizing || prte_prteds_term_ordered || prte_abnormal_term_ordered;
}

static const char *own_job(void)
{
    const char *id = getenv("SLURM_JOB_ID");

    return id != NULL ? id : getenv("SLURM_JOBID");
}

static bool is_of_allocation(const prte_node_t *node)
{
    for (int i = 0; allocated != NULL && allocated[i] != NULL; i++)
        if (strcmp(allocated[i], node->name) == 0)
            return true;
    return false;
}

/* ---- a daemon that Slurm does not start */

static bool is_awaited(const prte_proc_t *daemon)
{
    return daemon != NULL && daemon->node != NULL && daemon->rml_uri == NULL
           && !ftp_routing_is_lost(daemon->name.rank) && !is_ending();
}

/* Nothing runs yet: the launcher ends, with Slurm's own words. */
static void fail_first_launch(pmix_rank_t first, pmix_rank_t end, const char *why)
{
    static bool said;
    char nodes[256] = "";

    for (pmix_rank_t rank = first; rank < end && strlen(nodes) < 200; rank++) {
        const prte_proc_t *daemon = ftp_daemon_of(rank);
        size_t n = strlen(nodes);
        if (is_awaited(daemon))
            snprintf(nodes + n, sizeof nodes - n, "%s%.100s", n > 0 ? "," : "", daemon->node->name);
    }
    if (nodes[0] == '\0' || said)
        return;
    said = true;
    ftp_warn("Slurm did not start PRRTE's daemons on %s:\n%s\nThe job is not started.", nodes, why);
    PRTE_UPDATE_EXIT_STATUS(1);
    PRTE_ACTIVATE_JOB_STATE(prte_get_job_data_object(PRTE_PROC_MY_NAME->nspace),
                            PRTE_JOB_STATE_FAILED_TO_START);
}

/* Those from first to end - 1 that have not reported are not coming. */
static void fail(pmix_rank_t first, pmix_rank_t end, const char *why)
{
    if (!ftp_job_any_tolerant() || !ftp_routing_is_flat()) {
        fail_first_launch(first, end, why);
        return;
    }
    for (pmix_rank_t rank = first; rank < end; rank++) {
        prte_proc_t *daemon = ftp_daemon_of(rank);

        if (!is_awaited(daemon))
            continue;
        ftp_say(1, "no daemon on node %s: %s", daemon->node->name, why);
        ftp_report_no_unit(daemon->node->name, why);
        ftp_survive_loss(daemon, PRTE_PROC_STATE_FAILED_TO_START);
    }
}

/* ---- what an srun says, and its end */

static bool is_shown(void)
{
    return prte_debug_daemons_flag || prte_leave_session_attached || ftp_params.verbose > 0
           || pmix_output_get_verbosity(prte_plm_base_framework.framework_output) > 0;
}

static void keep_words(srun_t *srun, const char *bytes, size_t n)
{
    if (n > SAID_MAX) {
        bytes += n - SAID_MAX;
        n = SAID_MAX;
    }
    if (srun->said_n + n > SAID_MAX) {
        size_t out = srun->said_n + n - SAID_MAX;

        memmove(srun->said, srun->said + out, srun->said_n - out);
        srun->said_n -= out;
    }
    memcpy(srun->said + srun->said_n, bytes, n);
    srun->said_n += n;
    srun->said[srun->said_n] = '\0';
}

static void stop_listening(srun_t *srun)
{
    if (srun->from < 0)
        return;
    prte_event_del(&srun->readable);
    close(srun->from);
    srun->from = -1;
}

static void listen_to(srun_t *srun)
{
    char bytes[2048];
    ssize_t n;

    while (srun->from >= 0) {
        n = read(srun->from, bytes, sizeof bytes);
        if (n > 0) {
            keep_words(srun, bytes, (size_t) n);
            if (is_shown() && write(STDERR_FILENO, bytes, (size_t) n) < 0)
                continue; /* nobody looks */
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            stop_listening(srun);
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

static void on_readable(int fd, short what, void *cbdata)
{
    (void) fd;
    (void) what;
    listen_to((srun_t *) cbdata);
}

static void forget(srun_t *srun)
{
    srun_t **link = &sruns;

    while (*link != NULL && *link != srun)
        link = &(*link)->next;
    if (*link != NULL)
        *link = srun->next;
    stop_listening(srun);
    PMIX_RELEASE(srun->child);
    free(srun);
}

static void describe_end(const srun_t *srun, char *text, size_t size)
{
    int status = srun->child->exit_code; /* as waitpid left it */
    size_t n;

    if (WIFSIGNALED(status))
        snprintf(text, size, "srun was ended by signal %d", WTERMSIG(status));
    else
        snprintf(text, size, "srun ended with code %d", WEXITSTATUS(status));
    n = strlen(text);
    if (srun->said_n > 0 && n < size)
        snprintf(text + n, size - n, ": %s", srun->said);
    for (n = strlen(text); n > 0 && text[n - 1] == '\n'; n--)
        text[n - 1] = '\0';
}

static void on_srun_ended(int fd, short what, void *cbdata)
{
    prte_wait_tracker_t *tracker = (prte_wait_tracker_t *) cbdata;
    srun_t *srun = (srun_t *) tracker->cbdata;
    char why[SAID_MAX + 64];

    (void) fd;
    (void) what;
    listen_to(srun);
    describe_end(srun, why, sizeof why);
    ftp_say(1, "for daemons %u to %u, %s", srun->first, srun->end - 1, why);
    fail(srun->first, srun->end, why);
    forget(srun);
    PMIX_RELEASE(tracker);
}

/* ---- starting an srun */

static void add(char ***argv, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(char ***argv, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    PMIX_ARGV_APPEND_NOSIZE_COMPAT(argv, text);
}

/* What the user adds to every srun: plm_slurm_args. */
static void add_users_arguments(char ***argv)
{
    int index = pmix_mca_base_var_find("prte", "plm", "slurm", "args");
    char **value = NULL;
    char **words;

    if (index < 0
        || pmix_mca_base_var_get_value(index, &value, NULL, NULL) != PMIX_SUCCESS
        || value == NULL || *value == NULL)
        return;
    words = PMIX_ARGV_SPLIT_COMPAT(*value, ' ');
    for (int i = 0; words != NULL && words[i] != NULL; i++)
        PMIX_ARGV_APPEND_NOSIZE_COMPAT(argv, words[i]);
    PMIX_ARGV_FREE_COMPAT(words);
}

static void add_nodes(char ***argv, pmix_rank_t first, pmix_rank_t end)
{
    char **names = NULL;
    char *list, *option = NULL;

    for (pmix_rank_t rank = first; rank < end; rank++)
        PMIX_ARGV_APPEND_NOSIZE_COMPAT(&names, ftp_daemon_of(rank)->node->name);
    list = PMIX_ARGV_JOIN_COMPAT(names, ',');
    PMIX_ARGV_FREE_COMPAT(names);
    pmix_asprintf(&option, "--nodelist=%s", list); /* may be long */
    PMIX_ARGV_APPEND_NOSIZE_COMPAT(argv, option);
    add(argv, "--nodes=%u", end - first);
    add(argv, "--ntasks=%u", end - first);
    free(option);
    free(list);
}

/* The daemons' own part, as plm/slurm makes it. */
static void add_daemon(char ***argv, pmix_rank_t first)
{
    int argc = PMIX_ARGV_COUNT_COMPAT(*argv), place = 0;
    char number[24];

    prte_plm_base_setup_prted_cmd(&argc, argv);
    prte_plm_base_prted_append_basic_args(&argc, argv, (char *) "slurm", &place);
    snprintf(number, sizeof number, "%u", first);
    free((*argv)[place]);
    (*argv)[place] = strdup(number);
}

static char **arguments(const char *program, const char *job, pmix_rank_t first, pmix_rank_t end)
{
    static const char *const always[] = {"--ntasks-per-node=1", "--mpi=none", "--cpu-bind=none",
                                         "--no-kill", "--kill-on-bad-exit=0", "--wait=0"};
    char **argv = NULL;

    PMIX_ARGV_APPEND_NOSIZE_COMPAT(&argv, program);
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        PMIX_ARGV_APPEND_NOSIZE_COMPAT(&argv, always[i]);
    if (job != NULL) {
        add(&argv, "--jobid=%s", job);
        PMIX_ARGV_APPEND_NOSIZE_COMPAT(&argv, "--overlap");
    }
    add_users_arguments(&argv);
    add_nodes(&argv, first, end);
    add_daemon(&argv, first);
    return argv;
}

static bool begins_with(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static char *prefix_of(const prte_job_t *job)
{
    char *prefix = NULL;

    for (int i = 0; job != NULL && prefix == NULL && i < job->apps->size; i++) {
        prte_app_context_t *app = (prte_app_context_t *) pmix_pointer_array_get_item(job->apps, i);
        if (app != NULL)
            prte_get_attribute(&app->attributes, PRTE_APP_PREFIX_DIR, (void **) &prefix,
                               PMIX_STRING);
    }
    if (prefix == NULL && getenv("PRTE_PREFIX") != NULL)
        prefix = strdup(getenv("PRTE_PREFIX"));
    return prefix;
}

static void put_in_front(char ***environment, const char *name, const char *prefix,
                         const char *folder)
{
    const char *old = getenv(name);
    char *text = NULL;

    pmix_asprintf(&text, "%s/%s%s%s", prefix, folder, old != NULL ? ":" : "",
                  old != NULL ? old : "");
    PMIx_Setenv(name, text, true, environment);
    free(text);
}

static char **environment_of(bool others, const prte_job_t *job)
{
    char **environment = NULL, *prefix = prefix_of(job);

    for (char **at = environ; *at != NULL; at++) {
        if (begins_with(*at, "PMIX_") || begins_with(*at, "PRTE_")
            || (others && begins_with(*at, "SLURM_") && !begins_with(*at, "SLURM_CONF")))
            continue;
        PMIX_ARGV_APPEND_NOSIZE_COMPAT(&environment, *at);
    }
    if (prefix != NULL) {
        put_in_front(&environment, "PATH", prefix, "bin");
        put_in_front(&environment, "LD_LIBRARY_PATH", prefix, "lib");
    }
    free(prefix);
    return environment;
}

static void watch(const ftp_spawned_t *child, pmix_rank_t first, pmix_rank_t end)
{
    srun_t *srun = calloc(1, sizeof *srun);

    if (srun == NULL) { /* it runs all the same; whether it fails shows in time (starting.c) */
        close(child->from);
        PRTE_ERROR_LOG(PRTE_ERR_OUT_OF_RESOURCE);
        return;
    }
    srun->first = first;
    srun->end = end;
    srun->from = child->from;
    srun->child = PMIX_NEW(prte_proc_t);
    srun->child->pid = child->pid;
    PRTE_FLAG_SET(srun->child, PRTE_PROC_FLAG_ALIVE);
    srun->next = sruns;
    sruns = srun;
    prte_event_set(prte_event_base, &srun->readable, srun->from, PRTE_EV_READ | PRTE_EV_PERSIST,
                   on_readable, srun);
    prte_event_add(&srun->readable, NULL);
    prte_wait_cb(srun->child, on_srun_ended, srun);
    if (end - first == 1) /* ended with its daemon, see starting.c */
        ftp_daemon_of(first)->pid = child->pid;
}

/* The daemons from first to end - 1, in Slurm's job `id`; NULL: the one that this runs in. */
static void start(const prte_job_t *job, const char *id, pmix_rank_t first, pmix_rank_t end)
{
    char *program = pmix_path_findv((char *) "srun", X_OK, environ, NULL);
    char **argv, **environment, why[256] = "";
    ftp_spawned_t child;
    int rc;

    argv = arguments(program != NULL ? program : "srun", id, first, end);
    environment = environment_of(id != NULL, job);
    if (ftp_params.verbose > 1) {
        char *line = PMIX_ARGV_JOIN_COMPAT(argv, ' ');
        ftp_say(2, "%s", line);
        free(line);
    }
    rc = program == NULL ? ENOENT : ftp_spawn_in(&child, argv, environment);
    if (rc == 0) {
        close(child.to);
        watch(&child, first, end);
    } else {
        snprintf(why, sizeof why, "srun cannot be run: %s", strerror(rc));
    }
    PMIX_ARGV_FREE_COMPAT(argv);
    PMIX_ARGV_FREE_COMPAT(environment);
    free(program);
    if (rc != 0)
        fail(first, end, why);
}

/* ---- which of the user's jobs has a node */

/* From "71 ft-64; 70 shell": 71, if this is 64. False: none. */
static bool choose(const char *jobs, char *chosen, size_t size)
{
    const char *own = own_job();
    char mark[64];
    int best = 0;
    unsigned long long newest = 0;

    snprintf(mark, sizeof mark, "ft-%s", own != NULL ? own : "?");
    for (const char *at = jobs; at != NULL; at = strchr(at, ';')) {
        char id[24], name[128] = "";
        unsigned long long number;
        int grade;

        at += strspn(at, "; ");
        if (sscanf(at, "%23[0-9] %127[^;]", id, name) < 1)
            continue;
        number = strtoull(id, NULL, 10);
        grade = own != NULL && strcmp(id, own) == 0 ? 3 : strcmp(name, mark) == 0 ? 2 : 1;
        if (grade < best || (grade == best && number < newest))
            continue;
        best = grade;
        newest = number;
        snprintf(chosen, size, "%s", id);
    }
    return best > 0;
}

static void drop(lookup_t *lookup)
{
    lookup_t **link = &lookups;

    while (*link != NULL && *link != lookup)
        link = &(*link)->next;
    if (*link != NULL)
        *link = lookup->next;
    free(lookup);
}

static void on_looked_up(void *arg, ftp_words_end_t how, char *text)
{
    lookup_t *lookup = (lookup_t *) arg;
    pmix_rank_t rank = lookup->rank;
    prte_proc_t *daemon = ftp_daemon_of(rank);
    char id[24], why[FTP_WORDS_MAX + 128];
    const char *own = own_job();

    if (how == FTP_WORDS_LATE)
        kill(lookup->squeue, SIGKILL);
    drop(lookup);
    if (!is_awaited(daemon))
        return;
    if (how != FTP_WORDS_LATE && choose(text, id, sizeof id)) {
        ftp_say(2, "node %s is of Slurm's job %s (%s)", daemon->node->name, id, text);
        start(NULL, own != NULL && strcmp(own, id) == 0 ? NULL : id, rank, rank + 1);
        return;
    }
    if (how == FTP_WORDS_LATE)
        snprintf(why, sizeof why,
                 "which Slurm job has the node is not known: squeue did not answer within %d s",
                 LOOKUP_TIMEOUT_S);
    else
        snprintf(why, sizeof why, "no running Slurm job of this user has the node (squeue: \"%s\")",
                 text);
    fail(rank, rank + 1, why);
}

static void look_up(pmix_rank_t rank)
{
    char *program = pmix_path_findv((char *) "squeue", X_OK, environ, NULL);
    char *argv[] = {program, (char *) "--noheader", (char *) "--me", (char *) "--states=RUNNING",
                    (char *) "--format=%A %j", (char *) "--nodelist",
                    ftp_daemon_of(rank)->node->name, NULL};
    lookup_t *lookup = calloc(1, sizeof *lookup);
    ftp_spawned_t child;
    char why[256];
    int rc = program == NULL ? ENOENT : lookup == NULL ? ENOMEM : ftp_spawn(&child, argv);

    free(program);
    if (rc == 0) {
        close(child.to);
        lookup->rank = rank;
        lookup->squeue = child.pid;
        lookup->next = lookups;
        lookups = lookup;
        lookup->words = ftp_words_listen(child.from, NULL, LOOKUP_TIMEOUT_S, on_looked_up, lookup);
        if (lookup->words != NULL)
            return;
        drop(lookup);
        lookup = NULL;
        rc = ENOMEM;
    }
    free(lookup);
    snprintf(why, sizeof why, "which Slurm job has the node cannot be asked (squeue): %s",
             strerror(rc));
    fail(rank, rank + 1, why);
}

/* ---- in the place of plm/slurm */

static void start_all(const prte_job_t *job, pmix_rank_t first, pmix_rank_t end)
{
    pmix_rank_t from = first;

    while (from < end) {
        pmix_rank_t to = from;

        while (to < end && is_of_allocation(ftp_daemon_of(to)->node))
            to++;
        if (to > from)
            start(job, NULL, from, to);
        else
            look_up(to++);
        from = to;
    }
}

void ftp_slurm_launch(prte_job_t *job)
{
    prte_job_t *daemons = prte_get_job_data_object(PRTE_PROC_MY_NAME->nspace);
    pmix_rank_t first = daemons->num_procs;
    int rc = prte_plm_base_setup_virtual_machine(job);

    if (rc != PRTE_SUCCESS) {
        PRTE_ERROR_LOG(rc);
        PRTE_ACTIVATE_JOB_STATE(job, PRTE_JOB_STATE_FAILED_TO_LAUNCH);
        return;
    }
    job->state = PRTE_JOB_STATE_DAEMONS_LAUNCHED;
    if (first == daemons->num_procs
        || prte_get_attribute(&daemons->attributes, PRTE_JOB_DO_NOT_LAUNCH, NULL, PMIX_BOOL)) {
        PRTE_ACTIVATE_JOB_STATE(job, PRTE_JOB_STATE_DAEMONS_REPORTED);
        return;
    }
    daemons->state = PRTE_JOB_STATE_DAEMONS_LAUNCHED;
    start_all(job, first, daemons->num_procs);
}

/* plm/slurm's own waits for its srun, which this is not. */
static int terminate_daemons(void)
{
    int rc = prte_plm_base_prted_exit(PRTE_DAEMON_EXIT_CMD);

    if (rc != PRTE_SUCCESS)
        PRTE_ERROR_LOG(rc);
    return rc;
}

/* Of an srun that plm/slurm started (for prte, before a tolerant job came): its end says nothing
 * that the daemons' connections do not say. */
static void on_daemons_terminated(int fd, short args, void *cbdata)
{
    if (!is_ending() && ftp_job_any_tolerant() && ftp_routing_is_flat()) {
        ftp_say(1, "an srun of plm/slurm has ended; the job goes on");
        PMIX_RELEASE(cbdata);
        return;
    }
    stock_daemons_terminated(fd, args, cbdata);
}

void ftp_slurm_allocated(void)
{
    if (stock_daemons_terminated != NULL || !ftp_slurm_is_here())
        return;
    for (int i = 0; prte_managed_allocation && i < prte_node_pool->size; i++) {
        prte_node_t *node = (prte_node_t *) pmix_pointer_array_get_item(prte_node_pool, i);
        if (node != NULL && node->name != NULL)
            PMIX_ARGV_APPEND_NOSIZE_COMPAT(&allocated, node->name);
    }
    stock_daemons_terminated = ftp_hook_job_state(PRTE_JOB_STATE_DAEMONS_TERMINATED,
                                                  on_daemons_terminated);
    prte_plm.terminate_orteds = terminate_daemons;
}

/* ---- the end */

/* Whether it has ended; PRRTE's loop does not run any more. */
static bool ends_within(pid_t pid, int ms)
{
    struct timespec pause = {.tv_nsec = 5 * 1000000L};
    siginfo_t info;

    for (; ms > 0; ms -= 5) {
        info.si_pid = 0;
        if (waitid(P_PID, (id_t) pid, &info, WEXITED | WNOHANG) < 0 || info.si_pid == pid)
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

void ftp_slurm_fini(void)
{
    int left_ms = END_MS;

    PMIX_ARGV_FREE_COMPAT(allocated);
    allocated = NULL;
    while (lookups != NULL) {
        kill(lookups->squeue, SIGKILL);
        ftp_words_stop(lookups->words);
        drop(lookups);
    }
    for (srun_t *srun = sruns; srun != NULL; srun = srun->next) {
        if (!ends_within(srun->child->pid, left_ms)) {
            left_ms = 5;
            kill(srun->child->pid, SIGTERM); /* it ends the step */
        }
    }
    left_ms = END_MS;
    while (sruns != NULL) {
        if (!ends_within(sruns->child->pid, left_ms)) {
            left_ms = 5;
            kill(sruns->child->pid, SIGKILL);
            ends_within(sruns->child->pid, END_MS);
        }
        forget(sruns);
    }
}
