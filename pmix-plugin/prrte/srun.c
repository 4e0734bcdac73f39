/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * srun.c - owns the sruns that start PRRTE's daemons under Slurm: one for daemons that are neighbours
 * in rank and of one of Slurm's jobs.
 *
 * Started for slurm.c, with the same daemons and the same arguments as plm/slurm has (plm_slurm_args
 * too), and these besides: --no-kill, --kill-on-bad-exit=0, --wait=0, --overlap (or the next mpirun
 * of a job would wait until Slurm has cleared this one away; or, where needed, --external-launcher);
 * in another job than the launcher's, --jobid and --overlap.
 *
 * What an srun says is kept for who is told of its end, the last SAID_MAX bytes, and shown where the
 * user wants to see daemons' output (--debug-daemons, --leave-session-attached, any verbosity).
 *
 * Environment: no PMIX_* and PRTE_* (as on stock); in another job, no SLURM_* either, but for
 * SLURM_CONF.
 */
#define _GNU_SOURCE
#include "srun.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "spawn.h"
#include "src/mca/plm/base/plm_private.h"
#include "src/mca/plm/plm.h"
#include "src/runtime/prte_wait.h"
#include "src/util/pmix_argv.h"
#include "src/util/pmix_environ.h"
#include "src/util/pmix_path.h"

/* 23.11 has --external-launcher: a step for daemons that has all of its nodes, whatever the job asked
 * for. Any other is refused where that was a number of devices for all nodes together (--gpus). But
 * Slurm (24.11) forgets --no-kill of such a step, and kills all of it when it finds one of its nodes
 * down, half a minute after that was lost. So it is used where nothing else will do, and then for each
 * node alone. For the Slurm that this was built with, as all that has to do with Slurm. */
#ifdef FTP_SRUN_EXTERNAL_LAUNCHER
#define HAS_EXTERNAL_LAUNCHER true
#else
#define HAS_EXTERNAL_LAUNCHER false
#endif

bool ftp_srun_is_for_one_node(void)
{
    return HAS_EXTERNAL_LAUNCHER && getenv("SLURM_GPUS") != NULL;
}

#define SAID_MAX 512          /* of an srun's words, the last ones */
#define END_MS 400            /* each: an srun that ends by itself, one that was told to */

typedef struct srun {
    prte_proc_t *child;       /* what PRRTE's SIGCHLD handler knows it by */
    pmix_rank_t first, end;   /* its daemons */
    prte_event_t readable;
    int from;                 /* what it says; -1: nothing any more */
    char said[SAID_MAX + 1];
    size_t said_n;
    ftp_srun_over_fn over;
    struct srun *next;
} srun_t;

static srun_t *sruns;         /* that run */

/* ---- what it says, and its end */

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
    srun->over(srun->first, srun->end, why);
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

/* A step goes on after its daemon where that has lost mpirun: ft-srun then sees to the job's end. */
static void add_guard(char ***argv)
{
    static const char name[] = "/ft-srun";
    const char *agent = getenv("FT_RSH_AGENT"), *job = getenv("SLURM_JOB_ID");
    size_t length = agent != NULL ? strlen(agent) : 0;

    if (job == NULL || length < sizeof name - 1
        || strcmp(agent + length - (sizeof name - 1), name) != 0)
        return;
    PMIX_ARGV_APPEND_NOSIZE_COMPAT(argv, agent);
    PMIX_ARGV_APPEND_NOSIZE_COMPAT(argv, "--daemon");
    PMIX_ARGV_APPEND_NOSIZE_COMPAT(argv, job);
}

static char **arguments(const char *program, const char *job, pmix_rank_t first, pmix_rank_t end)
{
    static const char *const always[] = {"--ntasks-per-node=1", "--mpi=none", "--cpu-bind=none",
                                         "--no-kill", "--kill-on-bad-exit=0", "--wait=0"};
    char **argv = NULL;

    PMIX_ARGV_APPEND_NOSIZE_COMPAT(&argv, program);
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        PMIX_ARGV_APPEND_NOSIZE_COMPAT(&argv, always[i]);
    PMIX_ARGV_APPEND_NOSIZE_COMPAT(&argv, ftp_srun_is_for_one_node() ? "--external-launcher"
                                                                     : "--overlap");
    if (job != NULL) {
        add(&argv, "--jobid=%s", job);
        PMIX_ARGV_APPEND_NOSIZE_COMPAT(&argv, "--overlap");
    }
    add_users_arguments(&argv);
    add_nodes(&argv, first, end);
    add_guard(&argv);
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

static void watch(const ftp_spawned_t *child, pmix_rank_t first, pmix_rank_t end,
                  ftp_srun_over_fn over)
{
    srun_t *srun = calloc(1, sizeof *srun);

    if (srun == NULL) { /* it runs all the same; whether it fails shows in time (starting.c) */
        close(child->from);
        PRTE_ERROR_LOG(PRTE_ERR_OUT_OF_RESOURCE);
        return;
    }
    srun->first = first;
    srun->end = end;
    srun->over = over;
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

void ftp_srun_start(const prte_job_t *job, const char *id, pmix_rank_t first, pmix_rank_t end,
                    ftp_srun_over_fn over)
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
        watch(&child, first, end, over);
    } else {
        snprintf(why, sizeof why, "srun cannot be run: %s", strerror(rc));
    }
    PMIX_ARGV_FREE_COMPAT(argv);
    PMIX_ARGV_FREE_COMPAT(environment);
    free(program);
    if (rc != 0)
        over(first, end, why);
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

void ftp_srun_fini(void)
{
    int left_ms = END_MS;

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
