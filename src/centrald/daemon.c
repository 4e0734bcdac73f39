/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * daemon.c - runs a system's central unit: from ft.conf to the signal that ends it.
 *
 * Called by main.c without --job. Reads ft.conf and the key, makes its folders, becomes a daemon if
 * told to (the parent returns once others can connect), and serves. SIGHUP reads ft.conf again;
 * SIGTERM and SIGINT end it in order: who leads hands the lead over first.
 *
 *     /etc/ft/ft.conf, key          what it reads           /run/ft/central.sock    local tools
 *     FOLDER (ft.conf)              the voter's data, and the event log
 *     /var/log/ft/centrald.log      with --daemonize; else standard error
 */
#include "config.h"

#include "centrald/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "centrald/system.h"
#include "centrald/units.h"
#include "common/log.h"
#include "common/urgent.h"
#include "conf/plan.h"
#include "net/munge.h"
#include "net/service.h"
#include "wire/identity.h"

#define RUN_FOLDER "/run/ft"
#define SOCKET RUN_FOLDER "/central.sock"
#define LOG_FOLDER "/var/log/ft"
#define LOG_FILE LOG_FOLDER "/centrald.log"
#define READY_TIMEOUT_MS 30000
#define SIGNALS 3

/* All that lives as long as the program. */
struct program {
    const struct ft_run_options *options;
    struct ft_identity identity;
    char node[256];
    char events[PATH_MAX];
    uv_loop_t loop;
    uv_signal_t signals[SIGNALS];
    struct ft_service *service;
    struct ft_system *system;
    int ready_file; /* to the parent that waits, -1: none */
    bool failed;
};

/* ---------------------------------------------------------------- beginning */

static int make_folder(const char *path, mode_t mode, char *why, size_t size)
{
    char part[PATH_MAX];

    if (strlen(path) >= sizeof part) {
        snprintf(why, size, "folder %.200s...: its path is too long", path);
        return -1;
    }
    strcpy(part, path);
    for (char *at = part + 1;; at++) {
        char end = *at;

        if (end != '/' && end != '\0')
            continue;
        *at = '\0';
        if (mkdir(part, end == '\0' ? mode : 0755) < 0 && errno != EEXIST) {
            snprintf(why, size, "folder %s cannot be made: %s", part, strerror(errno));
            return -1;
        }
        if (end == '\0')
            return 0;
        *at = end;
    }
}

static int find_node(struct program *program, const struct ft_plan *plan, char *why, size_t size)
{
    const char *given = program->options->node;

    if (given != NULL) {
        snprintf(program->node, sizeof program->node, "%s", given);
    } else if (gethostname(program->node, sizeof program->node - 1) < 0) {
        snprintf(why, size, "this node's name cannot be found out: %s", strerror(errno));
        return -1;
    }
    if (given == NULL && ft_plan_voter(plan, program->node) == NULL)
        program->node[strcspn(program->node, ".")] = '\0';
    if (plan->voters_n == 0 || ft_plan_voter(plan, program->node) != NULL)
        return 0;
    snprintf(why, size, "%s: node %s is none of the voters that the file names: add voter \"%s\" "
             "{ }, or run ft-centrald on those only (--node if it is called otherwise there)",
             plan->path, program->node, program->node);
    return -1;
}

/* What --events and ft.conf say; else beside the voter's data. */
static int find_events(struct program *program, const struct ft_plan *plan, char *why, size_t size)
{
    const char *given = program->options->events != NULL ? program->options->events : plan->events;
    int n = given[0] != '\0'
                ? snprintf(program->events, sizeof program->events, "%s", given)
                : snprintf(program->events, sizeof program->events, "%s/events.jsonl",
                           plan->folder);

    if (n > 0 && (size_t) n < sizeof program->events)
        return 0;
    snprintf(why, size, "the path of the event log is too long");
    return -1;
}

/* Each unit takes a descriptor. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= FT_UNITS_MAX)
        return;
    limit.rlim_cur = limit.rlim_max < FT_UNITS_MAX ? limit.rlim_max : FT_UNITS_MAX;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < FT_UNITS_MAX)
        ft_log_warning("this central unit may open %llu files only, and so serve about as many "
                       "nodes: raise LimitNOFILE of its service", (unsigned long long) limit.rlim_cur);
}

/* NULL with `why`. */
static struct ft_plan *begin(struct program *program, char *why, size_t size)
{
    struct ft_plan *plan = ft_plan_load(program->options->conf, NULL, why, size);

    if (plan == NULL)
        return NULL;
    if (find_node(program, plan, why, size) == 0 && find_events(program, plan, why, size) == 0 &&
        make_folder(RUN_FOLDER, 0755, why, size) == 0 &&
        make_folder(plan->folder, 0700, why, size) == 0 &&
        ft_identity_load(&program->identity, plan->auth, plan->key, ft_munge_system(), why,
                         size) == 0)
        return plan;
    ft_plan_destroy(plan);
    return NULL;
}

/* ---------------------------------------------------------------- becoming a daemon */

/* The parent: waits for the child's word. Returns the exit code. */
static int await_ready(int file, pid_t child)
{
    struct pollfd poll_file = {.fd = file, .events = POLLIN};
    char byte = 0;
    int status = 0;

    if (poll(&poll_file, 1, READY_TIMEOUT_MS) == 1 && read(file, &byte, 1) == 1)
        return 0;
    if (waitpid(child, &status, WNOHANG) == 0)
        fprintf(stderr, FT_PROGRAM ": it was not ready within %d s; see %s\n",
                READY_TIMEOUT_MS / 1000, LOG_FILE);
    else
        fprintf(stderr, FT_PROGRAM ": it could not begin; see %s\n", LOG_FILE);
    return 1;
}

static int daemonize(struct program *program, char *why, size_t size)
{
    int files[2];
    int null;
    pid_t child;

    if (make_folder(LOG_FOLDER, 0755, why, size) < 0)
        return -1;
    if (pipe2(files, O_CLOEXEC) < 0 || (child = fork()) < 0) {
        snprintf(why, size, "it cannot become a daemon: %s", strerror(errno));
        return -1;
    }
    if (child > 0) {
        close(files[1]);
        _exit(await_ready(files[0], child));
    }
    close(files[0]);
    program->ready_file = files[1];
    setsid();
    if (chdir("/") < 0 || ft_log_open(FT_PROGRAM, LOG_FILE) < 0) {
        snprintf(why, size, "the log %s cannot be written: %s", LOG_FILE, strerror(errno));
        return -1;
    }
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int file = 0; null >= 0 && file <= STDERR_FILENO; file++)
        dup2(null, file);
    if (null > STDERR_FILENO)
        close(null);
    return 0;
}

static void say_ready(struct program *program)
{
    ft_service_ready(program->service, ft_system_status(program->system));
    if (program->ready_file < 0)
        return;
    if (write(program->ready_file, "", 1) != 1)
        ft_log_warning("who started this central unit does not wait for it any more");
    close(program->ready_file);
    program->ready_file = -1;
}

/* ---------------------------------------------------------------- serving */

static void on_signal(uv_signal_t *handle, int number)
{
    struct program *program = handle->data;
    char reason[64];

    if (number == SIGHUP) {
        ft_system_reload(program->system, "SIGHUP");
        return;
    }
    snprintf(reason, sizeof reason, "signal %d (%s)", number, strsignal(number));
    ft_system_stop(program->system, reason);
}

static void on_status(void *arg, const char *text)
{
    struct program *program = arg;

    if (program->service != NULL)
        ft_service_status(program->service, text);
}

static void on_ended(void *arg, bool failed)
{
    struct program *program = arg;

    program->failed = failed;
    if (program->service != NULL)
        ft_service_stop(program->service);
    for (size_t i = 0; i < SIGNALS; i++)
        uv_close((uv_handle_t *) &program->signals[i], NULL);
}

static void watch_signals(struct program *program)
{
    static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < SIGNALS; i++) {
        uv_signal_init(&program->loop, &program->signals[i]);
        program->signals[i].data = program;
        uv_signal_start(&program->signals[i], on_signal, numbers[i]);
    }
}

static int serve(struct program *program, struct ft_plan *plan, char *why, size_t size)
{
    static const struct ft_system_events events = {.status = on_status, .ended = on_ended};
    struct ft_system_setup setup = {.loop = &program->loop,
                                    .node = program->node,
                                    .conf = program->options->conf,
                                    .plan = plan,
                                    .identity = &program->identity,
                                    .socket = SOCKET,
                                    .events = program->events};

    uv_loop_init(&program->loop);
    program->system = ft_system_create(&setup, &events, program, why, size);
    if (program->system == NULL) {
        uv_loop_close(&program->loop);
        return -1;
    }
    watch_signals(program);
    program->service = ft_service_create(&program->loop);
    if (program->service == NULL) {
        snprintf(why, size, "out of memory");
        ft_system_stop(program->system, why);
        program->failed = true;
    } else {
        say_ready(program);
    }
    uv_run(&program->loop, UV_RUN_DEFAULT);
    ft_system_destroy(program->system);
    ft_service_destroy(program->service);
    if (uv_loop_close(&program->loop) != 0)
        ft_log_warning("something of the loop was left open");
    if (!program->failed)
        return 0;
    snprintf(why, size, "it could not go on; its log says why");
    return -1;
}

int ft_run_system(const struct ft_run_options *options, char *why, size_t size)
{
    static struct program program;
    struct ft_plan *plan;
    int result;

    program.options = options;
    program.ready_file = -1;
    ft_log_open(FT_PROGRAM, NULL);
    plan = begin(&program, why, size);
    if (plan == NULL)
        return -1;
    if (options->daemonize && daemonize(&program, why, size) < 0) {
        ft_plan_destroy(plan);
        return -1;
    }
    raise_file_limit();
    (void) ft_urgent(); /* where it is not allowed there is nothing to be done */
    result = serve(&program, plan, why, size);
    if (result < 0 && options->daemonize)
        ft_log_error("%s", why);
    ft_identity_wipe(&program.identity);
    ft_log_close();
    return result;
}
