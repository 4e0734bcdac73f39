/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli.h - what the commands of `ft` have in common: how one is entered, how it complains.
 */
#ifndef FT_CLI_H
#define FT_CLI_H

#include <stdio.h>

/* Exit codes. `ft run` ends with mpirun's own; what happens before mpirun runs gets the codes that
 * env(1) and timeout(1) use, so that a script can tell the two apart. */
enum {
    CLI_OK = 0,
    CLI_FAILED = 1,        /* it was done, and the answer is no */
    CLI_USAGE = 2,         /* it was not understood */
    CLI_UNREACHABLE = 3,   /* no unit answers, or no central unit leads */
    CLI_DENIED = 4,        /* that is not for this user */
    CLI_RUN_FAILED = 125,  /* ft run itself failed */
    CLI_RUN_DENIED = 126,  /* mpirun is there and cannot be started */
    CLI_RUN_MISSING = 127  /* there is no mpirun */
};

/* A command. argv[0] is its name; returns the exit code. */
struct cli_command {
    const char *name;
    const char *summary;
    int (*main)(int argc, char **argv);
};

int cli_run(int argc, char **argv);
int cli_env(int argc, char **argv);
int cli_sbatch(int argc, char **argv);
int cli_salloc(int argc, char **argv);
int cli_events(int argc, char **argv);
int cli_probe(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_version(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_nodes(int argc, char **argv);
int cli_modules(int argc, char **argv);
int cli_drain(int argc, char **argv);
int cli_undrain(int argc, char **argv);
int cli_move(int argc, char **argv);
int cli_restart(int argc, char **argv);
int cli_central(int argc, char **argv);
int cli_reload(int argc, char **argv);
int cli_config(int argc, char **argv);

/* Prints "ft COMMAND: text" on stderr, in one write. */
void cli_error(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Flushes stdout; CLI_FAILED, with a message, if what was printed did not get out (full disk,
 * closed pipe), else `code`. Every command that prints ends with it. */
int cli_flush(const char *command, int code);

#endif
