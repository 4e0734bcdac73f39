/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * version.c - `ft version`: this version, and what it was built for.
 */
#include "config.h"

#include "cli/cli.h"

#include <string.h>

int cli_version(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs("usage: ft version\n\n"
              "Prints the version of ft, and of the Open MPI and PRRTE that it was built for.\n",
              stdout);
        return cli_flush("version", CLI_OK);
    }
    if (argc > 1 && strcmp(argv[0], "version") == 0) {
        cli_error("version", "it takes no argument ('%s')", argv[1]);
        return CLI_USAGE;
    }
    printf("ft %s\nbuilt for Open MPI %s, PRRTE %s\n", PACKAGE_VERSION, FT_OPENMPI_VERSION,
           FT_PRRTE_VERSION);
    return cli_flush("version", CLI_OK);
}
