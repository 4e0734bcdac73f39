/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - ft-centrald: the central fault tolerance unit.
 *
 * Two ways to run (job.c, daemon.c):
 *   --job SESSION   a job's own: started by the launcher's component (PRRTE) on the node that runs
 *                   mpirun, with a pipe as standard input; gone with the launcher
 *   without         a system's: started at boot, one of the voters that ft.conf names
 * Reads the options and the configuration, and hands over. Exit codes: 0 it ended in order, 1 it
 * could not begin or go on, 2 it was called wrongly.
 */
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "centrald/run.h"
#include "common/log.h"
#include "conf/plan.h"
#include "core/redeploy.h"

/* By this, a node's unit knows the program's version without running it. */
const char ft_centrald_mark[] __attribute__((used)) = FT_REDEPLOY_MARK FT_VERSION;

static const char usage[] =
    "usage: ft-centrald [--conf FILE] [--foreground | --daemonize] [--events FILE]\n"
    "       ft-centrald --check [--conf FILE]\n"
    "       ft-centrald --job SESSION [--conf FILE] [--pool HOSTS] [--events FILE]\n"
    "\n"
    "The central fault tolerance unit: of a system, one of the voters that ft.conf(5) names; with\n"
    "--job of one job, started by the launcher, not by hand: it reads the session's key and the\n"
    "launcher's process id from standard input and ends with it.\n"
    "\n"
    "  --conf FILE     configuration, see ft.conf(5)    (default: $FT_CONF, /etc/ft/ft.conf)\n"
    "  --foreground    stay, and log to standard error (default)\n"
    "  --daemonize     return once it is ready; log to /var/log/ft/centrald.log\n"
    "  --check         read the configuration, say what is wrong with it, and end\n"
    "  --node NAME     this node's name in ft.conf      (default: the host's name)\n"
    "  --events FILE   event log                        (default: $FT_EVENTS; `events` of ft.conf)\n"
    "  --job SESSION   the session: name of the folder /tmp/ft-UID/SESSION\n"
    "  --pool HOSTS    a job's spare nodes, e.g. n[5-8] (default: $FT_POOL)\n"
    "  --version, --help\n";

const char *ft_from_environment(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* Options that do not go together. */
static const char *contradiction(const struct ft_run_options *options)
{
    if (options->job != NULL && (options->check || options->daemonize || options->node != NULL))
        return "--job does not go together with --check, --daemonize or --node";
    if (options->job == NULL && options->pool_given)
        return "--pool is for --job; a system's spare nodes are named by ft.conf";
    return NULL;
}

/* 0 go on, else 1 + the exit code. */
static int read_options(struct ft_run_options *options, int argc, char *argv[])
{
    static const struct option longs[] = {
        {"job", required_argument, NULL, 'j'},   {"conf", required_argument, NULL, 'c'},
        {"pool", required_argument, NULL, 'p'},  {"events", required_argument, NULL, 'e'},
        {"node", required_argument, NULL, 'n'},  {"foreground", no_argument, NULL, 'f'},
        {"daemonize", no_argument, NULL, 'd'},   {"check", no_argument, NULL, 'k'},
        {"version", no_argument, NULL, 'V'},     {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    const char *wrong;
    int option;

    options->conf = ft_from_environment("FT_CONF");
    options->pool = ft_from_environment("FT_POOL");
    options->events = ft_from_environment("FT_EVENTS");
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (option) {
        case 'j': options->job = optarg; break;
        case 'c': options->conf = optarg; break;
        case 'p': options->pool = optarg; options->pool_given = true; break;
        case 'e': options->events = optarg; break;
        case 'n': options->node = optarg; break;
        case 'f': options->daemonize = false; break;
        case 'd': options->daemonize = true; break;
        case 'k': options->check = true; break;
        case 'V': puts(FT_PROGRAM " " FT_VERSION); return 1;
        case 'h': fputs(usage, stdout); return 1;
        default: fputs(usage, stderr); return 3;
        }
    }
    wrong = contradiction(options);
    if (optind < argc || wrong != NULL) {
        if (wrong != NULL)
            fprintf(stderr, FT_PROGRAM ": %s\n%s", wrong, usage);
        else
            fprintf(stderr, FT_PROGRAM ": \"%s\" is not an option\n%s", argv[optind], usage);
        return 3;
    }
    return 0;
}

static void print_lines(FILE *file, const char *before, const char *text)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");

        fprintf(file, "%s%.*s\n", before, (int) n, text);
        text += n + (text[n] == '\n');
    }
}

static int check(const struct ft_run_options *options)
{
    static char why[FT_CONF_WHY_MAX];
    struct ft_plan *plan = ft_plan_load(options->conf, NULL, why, sizeof why);

    if (plan == NULL) {
        print_lines(stderr, "", why);
        return 1;
    }
    print_lines(stderr, "warning: ", plan->warnings);
    printf("%s: %zu nodes, %zu modules, %zu voters: it can be used\n", plan->path, plan->nodes_n,
           plan->modules_n, plan->voters_n);
    ft_plan_destroy(plan);
    return 0;
}

int main(int argc, char *argv[])
{
    static char why[FT_CONF_WHY_MAX];
    struct ft_run_options options = {0};
    int result = read_options(&options, argc, argv);

    if (result != 0)
        return result - 1;
    if (options.check)
        return check(&options);
    result = options.job != NULL ? ft_run_job(&options, why, sizeof why)
                                 : ft_run_system(&options, why, sizeof why);
    if (result < 0)
        print_lines(stderr, FT_PROGRAM ": ", why);
    return result < 0 ? 1 : 0;
}
