/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - ft-centrald: the central fault tolerance unit.
 *
 * Started by the launcher's component (PRRTE) on the node that runs mpirun, with a pipe as standard
 * input: see lifeline.c. Reads its configuration, makes the session's folder, listens, says where
 * ("ready PORT PATH" on standard output), and serves until the launcher is gone or a signal says
 * so.
 * Exit codes: 0 it ended in order, 1 it could not begin, 2 it was called wrongly.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "centrald/config.h"
#include "centrald/events.h"
#include "centrald/lifeline.h"
#include "centrald/server.h"
#include "centrald/session.h"
#include "common/log.h"

#define PROGRAM "ft-centrald"
#define TOLD_TIMEOUT_MS 10000
#define AGENT_DEFAULT "ssh -x -o BatchMode=yes"
#define WHY_MAX 600

struct options {
    const char *job;
    const char *conf;
    const char *pool;
    const char *events;
};

/* All that lives as long as the program. */
struct program {
    struct options options;
    struct ft_told told;
    struct ft_config *config;
    struct ft_session session;
    char *events_path;
    char node[256];
    char noded[PATH_MAX];
    uv_loop_t loop;
    struct ft_lifeline lifeline;
    uv_signal_t signals[3];
    struct ft_server *server;
};

static const char usage[] =
    "usage: ft-centrald --job SESSION [--conf FILE] [--pool HOSTS] [--events FILE]\n"
    "\n"
    "The central fault tolerance unit of a job. Started by the launcher, not by hand; reads the\n"
    "session's key and the launcher's process id from standard input and ends with it.\n"
    "\n"
    "  --job SESSION   the session: name of the folder /tmp/ft-UID/SESSION\n"
    "  --conf FILE     configuration, see ft.conf(5)    (default: $FT_CONF)\n"
    "  --pool HOSTS    spare nodes, e.g. n[5-8]         (default: $FT_POOL)\n"
    "  --events FILE   event log                        (default: $FT_EVENTS)\n"
    "  --version, --help\n";

/* ---------------------------------------------------------------- options */

static const char *from_environment(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* 0 go on, else 1 + the exit code. */
static int read_options(struct options *options, int argc, char *argv[])
{
    static const struct option longs[] = {
        {"job", required_argument, NULL, 'j'},    {"conf", required_argument, NULL, 'c'},
        {"pool", required_argument, NULL, 'p'},   {"events", required_argument, NULL, 'e'},
        {"version", no_argument, NULL, 'V'},      {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    int option;

    options->conf = from_environment("FT_CONF");
    options->pool = from_environment("FT_POOL");
    options->events = from_environment("FT_EVENTS");
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (option) {
        case 'j': options->job = optarg; break;
        case 'c': options->conf = optarg; break;
        case 'p': options->pool = optarg; break;
        case 'e': options->events = optarg; break;
        case 'V': puts(PROGRAM " " FT_VERSION); return 1;
        case 'h': fputs(usage, stdout); return 1;
        default: fputs(usage, stderr); return 3;
        }
    }
    if (optind < argc) {
        fprintf(stderr, PROGRAM ": \"%s\" is not an option\n%s", argv[optind], usage);
        return 3;
    }
    if (options->job != NULL)
        return 0;
    fprintf(stderr, PROGRAM ": --job is missing. Only a job's own central unit is there in this "
                    "version; one for a whole system is not\n%s", usage);
    return 3;
}

/* ---------------------------------------------------------------- beginning */

/* ft-noded is installed beside this program, on all nodes; in a build tree $FT_NODED names it. */
static int find_noded(char path[PATH_MAX], char *why, size_t size)
{
    const char *given = from_environment("FT_NODED");
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
    struct options *options = &program->options;

    if (gethostname(program->node, sizeof program->node - 1) < 0) {
        snprintf(why, size, "this node's name cannot be found out: %s", strerror(errno));
        return -1;
    }
    program->config = ft_config_load(options->conf, options->pool, why, size);
    if (program->config == NULL || find_noded(program->noded, why, size) < 0)
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
    if (ft_log_open(PROGRAM, program->session.log) < 0)
        ft_log_warning("the log %s cannot be written: %s; going on without", program->session.log,
                       strerror(errno));
}

static int make_server(struct program *program, char *why, size_t size)
{
    const char *agent = from_environment("FT_RSH_AGENT");
    struct ft_server_setup setup = {
        .loop = &program->loop,
        .config = program->config,
        .session = program->options.job,
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

int main(int argc, char *argv[])
{
    static struct program program;
    char why[WHY_MAX] = "";
    int result = read_options(&program.options, argc, argv);

    if (result != 0)
        return result - 1;
    result = begin(&program, why, sizeof why);
    if (result == 0) {
        detach(&program);
        result = serve(&program, why, sizeof why);
        ft_log_close();
    }
    if (result < 0)
        fprintf(stderr, PROGRAM ": %s\n", why);
    if (program.session.folder[0] != '\0')
        ft_session_close(&program.session);
    ft_config_destroy(program.config);
    free(program.events_path);
    return result < 0 ? 1 : 0;
}
