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
 *     /run/ft/central.pid           with --daemonize
 */
#include "config.h"

#include "centrald/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "centrald/system.h"
#include "centrald/units.h"
#include "common/daemonize.h"
#include "common/log.h"
#include "common/urgent.h"
#include "conf/plan.h"
#include "core/redeploy.h"
#include "net/munge.h"
#include "net/service.h"
#include "rms/child.h"
#include "wire/identity.h"

#define RUN_FOLDER "/run/ft"
#define SOCKET RUN_FOLDER "/central.sock"
#define LOG_FOLDER "/var/log/ft"
#define LOG_FILE LOG_FOLDER "/centrald.log"
#define PID_FILE RUN_FOLDER "/central.pid"
#define FILES_MASK 027
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
    if (strcmp(plan->auth, "key") != 0)
        (void) ft_munge_await(FT_MUNGE_WAIT_MS); /* in vain: the identity says what that means */
    if (find_node(program, plan, why, size) == 0 && find_events(program, plan, why, size) == 0 &&
        make_folder(RUN_FOLDER, 0755, why, size) == 0 &&
        make_folder(plan->folder, 0700, why, size) == 0 &&
        ft_identity_load(&program->identity, plan->auth, plan->key, ft_munge_system(), why,
                         size) == 0)
        return plan;
    ft_plan_destroy(plan);
    return NULL;
}

/* ---------------------------------------------------------------- ended in order, or not */

/* Whoever ends this central unit in order does not want it started again by its node's unit. */
static void note_ended(bool in_order)
{
    int file;

    if (!in_order) {
        unlink(FT_REDEPLOY_ENDED);
        return;
    }
    file = open(FT_REDEPLOY_ENDED, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (file >= 0)
        close(file);
    else
        ft_log_warning("%s cannot be made: %s; this central unit may be started again by its "
                       "node's unit", FT_REDEPLOY_ENDED, strerror(errno));
}

/* ---------------------------------------------------------------- becoming a daemon */

/* 0 in the child, 1 in the parent of one that is ready, -1 with `why`. */
static int daemonize(struct program *program, char *why, size_t size)
{
    int ready = -1;

    if (make_folder(LOG_FOLDER, 0755, why, size) < 0)
        return -1;
    switch (ft_daemonize(&ready, FILES_MASK)) {
    case FT_SIDE_PARENT:
        return ft_daemon_wait(ready, READY_TIMEOUT_MS, why, size) == 0 ? 1 : -1;
    case FT_SIDE_CHILD:
        program->ready_file = ready;
        if (ft_log_open(FT_PROGRAM, LOG_FILE) == 0)
            return 0;
        snprintf(why, size, "the log %s cannot be written: %s", LOG_FILE, strerror(errno));
        return -1;
    case FT_SIDE_FAILED:
        break;
    }
    snprintf(why, size, "it cannot become a daemon: %s", strerror(errno));
    return -1;
}

/* To the parent that waits, if there is one. */
static void tell_parent(struct program *program, const char *problem)
{
    if (program->ready_file >= 0)
        ft_daemon_tell(program->ready_file, problem);
    program->ready_file = -1;
}

static void say_ready(struct program *program)
{
    ft_service_ready(program->service, ft_system_status(program->system));
    if (program->ready_file < 0)
        return;
    if (ft_daemon_write_pid(PID_FILE) < 0)
        ft_log_warning("%s cannot be written: %s", PID_FILE, strerror(errno));
    tell_parent(program, NULL);
}

/* ---------------------------------------------------------------- serving */

static void on_signal(uv_signal_t *handle, int number)
{
    struct program *program = handle->data;
    char reason[64];

    if (number == SIGHUP) {
        ft_service_reloading(program->service);
        ft_system_reload(program->system, "SIGHUP");
        ft_service_ready(program->service, ft_system_status(program->system));
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
    note_ended(false);
    unlink(PID_FILE); /* of one that was killed: the port is this one's now */
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
    ft_child_forget_all();
    uv_run(&program->loop, UV_RUN_NOWAIT);
    if (uv_loop_close(&program->loop) != 0)
        ft_log_warning("something of the loop was left open");
    if (!program->failed) {
        note_ended(true);
        return 0;
    }
    snprintf(why, size, "it could not go on; its log says why");
    return -1;
}

/* It has a plan, and is a daemon if it was to be. */
static int run(struct program *program, struct ft_plan *plan, char *why, size_t size)
{
    int result;

    raise_file_limit();
    (void) ft_urgent(); /* where it is not allowed there is nothing to be done */
    result = serve(program, plan, why, size);
    if (!program->options->daemonize)
        return result;
    if (result < 0)
        ft_log_error("%s", why);
    tell_parent(program, why);
    ft_daemon_remove_pid(PID_FILE);
    return result;
}

int ft_run_system(const struct ft_run_options *options, char *why, size_t size)
{
    static struct program program;
    struct ft_plan *plan;
    int side = 0, result;

    program.options = options;
    program.ready_file = -1;
    if (options->daemonize)
        ft_daemon_let_go();
    ft_log_open(FT_PROGRAM, NULL);
    plan = begin(&program, why, size);
    if (plan == NULL)
        return -1;
    if (options->daemonize)
        side = daemonize(&program, why, size);
    if (side == 0) {
        result = run(&program, plan, why, size);
    } else {
        result = side < 0 ? -1 : 0;
        tell_parent(&program, why);
        ft_plan_destroy(plan);
    }
    ft_identity_wipe(&program.identity);
    ft_log_close();
    return result;
}
