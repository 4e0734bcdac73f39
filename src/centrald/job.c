/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * job.c - runs a job's own central unit: from the launcher's first words to its end.
 *
 * Called by main.c for --job. Reads its configuration, makes the session's folder, listens, says
 * where ("ready PORT PATH" on standard output), and serves until the launcher is gone (lifeline.c)
 * or a signal says so.
 */
#include "centrald/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "centrald/events.h"
#include "centrald/lifeline.h"
#include "centrald/server.h"
#include "centrald/session.h"
#include "common/log.h"
#include "common/urgent.h"
#include "conf/plan.h"

#define TOLD_TIMEOUT_MS 10000
#define AGENT_DEFAULT "ssh -x -o BatchMode=yes"

/* All that lives as long as the program. */
struct program {
    const struct ft_run_options *options;
    struct ft_told told;
    struct ft_plan *plan;
    struct ft_session session;
    char *events_path;
    char node[256];
    char noded[PATH_MAX];
    uv_loop_t loop;
    struct ft_lifeline lifeline;
    uv_signal_t signals[3];
    struct ft_server *server;
};

/* ---------------------------------------------------------------- beginning */

/* ft-noded is installed beside this program, on all nodes; in a build tree $FT_NODED names it. */
static int find_noded(char path[PATH_MAX], char *why, size_t size)
{
    const char *given = ft_from_environment("FT_NODED");
    char self[PATH_MAX];
    ssize_t n = given != NULL ? snprintf(path, PATH_MAX, "%s", given)
                              : readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    if (n > 0 && given == NULL) {
        self[n] = '\0';
        slash = strrchr(self, '/');
        *slash = '\0';
        n = snprintf(path, PATH_MAX, "%s/ft-noded", self);
    }
    if (n > 0 && n < PATH_MAX)
        return 0;
    snprintf(why, size, "the path of ft-noded cannot be found out: %s", strerror(errno));
    return -1;
}

static int begin(struct program *program, char *why, size_t size)
{
    const struct ft_run_options *options = program->options;
    struct ft_plan_overrides overrides = {.pool = options->pool, .share = getenv("FT_SHARE")};

    if (gethostname(program->node, sizeof program->node - 1) < 0) {
        snprintf(why, size, "this node's name cannot be found out: %s", strerror(errno));
        return -1;
    }
    program->plan = ft_plan_load(options->conf, &overrides, why, size);
    if (program->plan == NULL || find_noded(program->noded, why, size) < 0)
        return -1;
    program->events_path = ft_events_path(options->events, options->job);
    if (program->events_path == NULL) {
        snprintf(why, size, "there is no place for the event log: set HOME, or --events");
        return -1;
    }
    if (ft_session_open(&program->session, "/tmp", options->job, why, size) < 0)
        return -1;
    return ft_lifeline_read(STDIN_FILENO, TOLD_TIMEOUT_MS, &program->told, why, size);
}

/* Of the launcher's terminal nothing may reach us, and its log shows only what went wrong early. */
static void detach(const struct program *program)
{
    signal(SIGPIPE, SIG_IGN);
    setsid(); /* fails if this is a group's leader already, which does as well */
    if (ft_log_open(FT_PROGRAM, program->session.log) < 0)
        ft_log_warning("the log %s cannot be written: %s; going on without", program->session.log,
                       strerror(errno));
}

static int make_server(struct program *program, char *why, size_t size)
{
    const char *agent = ft_from_environment("FT_RSH_AGENT");
    struct ft_server_setup setup = {
        .loop = &program->loop,
        .plan = program->plan,
        .session = program->options->job,
        .node = program->node,
        .socket = program->session.socket,
        .events = program->events_path,
        .key = program->told.key,
        .launcher = program->told.launcher,
        .agent = agent != NULL ? agent : AGENT_DEFAULT,
        .noded = program->noded,
    };

    program->server = ft_server_create(&setup, why, size);
    explicit_bzero(program->told.key, sizeof program->told.key);
    return program->server != NULL ? 0 : -1;
}

/* ---------------------------------------------------------------- serving */

static void stop(struct program *program, const char *reason)
{
    ft_log_info("ending: %s", reason);
    ft_server_stop(program->server, reason);
    ft_lifeline_stop(&program->lifeline);
    for (size_t i = 0; i < 3; i++) {
        if (!uv_is_closing((uv_handle_t *) &program->signals[i]))
            uv_close((uv_handle_t *) &program->signals[i], NULL);
    }
}

static void on_cut(void *arg)
{
    stop(arg, "the launcher is gone");
}

static void on_signal(uv_signal_t *handle, int number)
{
    char reason[64];

    snprintf(reason, sizeof reason, "signal %d", number);
    stop(handle->data, reason);
}

static int watch(struct program *program, char *why, size_t size)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    int error;

    for (size_t i = 0; i < 3; i++) {
        uv_signal_init(&program->loop, &program->signals[i]);
        program->signals[i].data = program;
        uv_signal_start(&program->signals[i], on_signal, numbers[i]);
    }
    error = ft_lifeline_watch(&program->lifeline, &program->loop, STDIN_FILENO, on_cut, program);
    if (error == 0)
        return 0;
    snprintf(why, size, "standard input cannot be watched (%s): it has to be a pipe that the "
             "launcher holds", uv_strerror(error));
    return -1;
}

/* Says where it listens; then standard output and error are nobody's business any more. */
static void say_ready(struct program *program)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    printf("ready %u %s\n", ft_server_port(program->server), program->session.socket);
    if (fflush(stdout) != 0)
        ft_log_warning("the launcher does not read where to connect: %s", strerror(errno));
    if (null < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
        ft_log_warning("standard output stays open: %s", strerror(errno));
    if (null > STDERR_FILENO)
        close(null);
}

static int serve(struct program *program, char *why, size_t size)
{
    int result;

    uv_loop_init(&program->loop);
    if (make_server(program, why, size) < 0) {
        uv_loop_close(&program->loop);
        return -1;
    }
    result = watch(program, why, size);
    if (result == 0)
        say_ready(program);
    else
        stop(program, why);
    uv_run(&program->loop, UV_RUN_DEFAULT);
    ft_server_destroy(program->server);
    if (uv_loop_close(&program->loop) != 0)
        ft_log_warning("something of the loop was left open");
    return result;
}

int ft_run_job(const struct ft_run_options *options, char *why, size_t size)
{
    static struct program program;
    int result;

    program.options = options;
    result = begin(&program, why, size);
    if (result == 0) {
        detach(&program);
        (void) ft_urgent(); /* where it is not allowed there is nothing to be done */
        result = serve(&program, why, size);
        ft_log_close();
    }
    if (program.session.folder[0] != '\0')
        ft_session_close(&program.session);
    ft_plan_destroy(program.plan);
    free(program.events_path);
    return result;
}
