/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * options.c - reads ft-noded's command line, for main.c.
 *
 * --measure, --topology and --scratch are how a unit calls itself (see measure.c); they are told in
 * the manual page, not in the help.
 */
#include "config.h"

#include "noded/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { MEASURE = 256, TOPOLOGY, SCRATCH, SHOW, STOP_MODULES };

static void print_help(void)
{
    puts("usage: ft-noded [--conf FILE] [--node NAME] [--daemonize]\n"
         "       ft-noded --job SESSION [--conf FILE] [--node NAME] [--foreground]\n"
         "       ft-noded --show [--conf FILE] [--node NAME]\n"
         "       ft-noded --stop-modules [--run FOLDER]\n"
         "\n"
         "The fault tolerance unit of one node. It relays what the processes of jobs ask, tells\n"
         "what the node is and whether it is well, and keeps the node's modules running. Without\n"
         "--job it is the node's own, started at boot; a job that finds none has ft-centrald\n"
         "start one for itself.\n"
         "\n"
         "  -d, --daemonize     go to the background, log to /var/log/ft/noded.log\n"
         "  -r, --run FOLDER    keep socket and lock in FOLDER instead of /run/ft\n"
         "  -j, --job SESSION   serve this session only; the lines \"central HOST[,HOST...]:PORT\" and\n"
         "                      \"key HEX64\" are read from standard input\n"
         "  -c, --conf FILE     read FILE instead of " FT_SYSCONFDIR "/ft/noded.conf\n"
         "  -n, --node NAME     this node's name (default: from the file, or the host name)\n"
         "  -f, --foreground    with --job: stay in the foreground, log to standard error\n"
         "      --show          print what this node is and has left, and end\n"
         "      --stop-modules  end all modules of this node, and wait for it; its unit may run or not\n"
         "  -V, --version       print the version and end\n"
         "  -h, --help          print this and end\n"
         "\n"
         "See ft-noded(8) and noded.conf(5).");
}

static int misused(const char *what)
{
    fprintf(stderr, "ft-noded: %s\nTry \"ft-noded --help\".\n", what);
    return 2;
}

static int check(const struct ft_options *options)
{
    if (options->daemonize && options->foreground)
        return misused("--daemonize and --foreground exclude each other");
    if (options->run && options->session)
        return misused("--run is for the node's own unit; a job's has its session's folder");
    if (options->run && options->run[0] != '/')
        return misused("--run FOLDER has to begin with /");
    return -1;
}

int ft_options_read(struct ft_options *options, int argc, char **argv)
{
    static const struct option known[] = {
        {"job", required_argument, NULL, 'j'},
        {"conf", required_argument, NULL, 'c'},
        {"node", required_argument, NULL, 'n'},
        {"foreground", no_argument, NULL, 'f'},
        {"daemonize", no_argument, NULL, 'd'},
        {"run", required_argument, NULL, 'r'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {"measure", required_argument, NULL, MEASURE},
        {"topology", required_argument, NULL, TOPOLOGY},
        {"scratch", required_argument, NULL, SCRATCH},
        {"show", no_argument, NULL, SHOW},
        {"stop-modules", no_argument, NULL, STOP_MODULES},
        {NULL, 0, NULL, 0},
    };
    int option;

    memset(options, 0, sizeof *options);
    while ((option = getopt_long(argc, argv, "j:c:n:fdr:Vh", known, NULL)) != -1) {
        switch (option) {
        case 'j': options->session = optarg; break;
        case 'c': options->conf = optarg; break;
        case 'n': options->node = optarg; break;
        case 'f': options->foreground = true; break;
        case 'd': options->daemonize = true; break;
        case 'r': options->run = optarg; break;
        case MEASURE: options->measure = optarg; break;
        case TOPOLOGY: options->topology = optarg; break;
        case SCRATCH: options->scratch = optarg; break;
        case SHOW: options->show = true; break;
        case STOP_MODULES: options->stop_modules = true; break;
        case 'V': puts("ft-noded " FT_VERSION); return 0;
        case 'h': print_help(); return 0;
        default: return misused("the command line is wrong");
        }
    }
    if (optind < argc)
        return misused("there are arguments that are no options");
    return check(options);
}
