/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * probe.c - `ft probe`: what this node is and has left, as a candidate would be measured.
 *
 * The measuring is the node unit's, with the same hwloc calls and the same noded.conf: this becomes
 * `ft-noded --show`, which prints one line a fact and ends.
 */
#include "cli/cli.h"
#include "cli/install.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "probe"

static const char usage[] =
    "usage: ft probe [--conf FILE]\n\n"
    "Prints what a node unit tells of this node: architecture, cores, memory, devices, and what\n"
    "is free now. On another node: ssh HOST ft probe.\n\n"
    "  --conf FILE   settings of the unit (noded.conf(5)) instead of the installed ones\n"
    "  -h, --help    this text\n";

static int become_noded(const char *conf)
{
    struct install install;
    char show[] = "--show", from[] = "--conf";
    char *command[] = {NULL, show, conf != NULL ? from : NULL, (char *) conf, NULL};

    if (install_find_own(&install) < 0) {
        cli_error(NAME, "where FT is installed cannot be found out ($FT_PREFIX): %s",
                  strerror(errno));
    } else {
        command[0] = install.noded;
        execv(install.noded, command);
        cli_error(NAME, "%s cannot be started: %s", install.noded, strerror(errno));
    }
    install_clear(&install);
    return CLI_FAILED;
}

int cli_probe(int argc, char **argv)
{
    const char *conf = NULL;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage, stdout);
            return cli_flush(NAME, CLI_OK);
        }
        if (strcmp(argv[i], "--conf") == 0 && i + 1 < argc) {
            conf = argv[++i];
        } else {
            cli_error(NAME, "'%s': %s; see ft probe --help", argv[i],
                      strcmp(argv[i], "--conf") ? "there is no such option" : "it needs a value");
            return CLI_USAGE;
        }
    }
    return become_noded(conf);
}
