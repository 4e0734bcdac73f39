/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - the program `ft`: finds the command in its table and enters it.
 *
 * Each command has a file of its own (run.c, status.c, ...; drain.c has undrain, move.c restart,
 * config.c reload, sbatch.c salloc) with one entry, cli_NAME(argc, argv), whose argv[0] is the
 * command's name and whose result is the exit code. What they share:
 *
 *   options.c   FT's own options in front of mpirun's
 *   install.c   where the other parts of this installation (or build tree) are
 *   environ.c   options + installation -> the variables that a job needs; run sets them, env
 *               prints them
 *   shell.c     quoting for shells
 *   capture.c   runs a program with a deadline and keeps what it says
 *   mpirun.c    finds mpirun and knows whether it will do
 *   slurm_words.c   what a command line of sbatch or a script asks for
 *   arguments.c options and words of the other commands
 *   admin.c     asking the central unit, through libft
 *   listing.c, table.c, watch.c   many things gathered, shown, waited for
 */
#include "cli/cli.h"

#include <signal.h>
#include <string.h>

static const struct cli_command commands[] = {
    {"run", "run an MPI job that survives the loss of its nodes", cli_run},
    {"env", "print what a plain mpirun needs for the same", cli_env},
    {"sbatch", "submit a job to Slurm that survives the loss of its nodes", cli_sbatch},
    {"salloc", "the same for an allocation to work in", cli_salloc},
    {"events", "show the event log of a job, or of the system", cli_events},
    {"probe", "show what this node is and has left", cli_probe},
    {"doctor", "check that everything a job needs is there", cli_doctor},
    {"status", "show how the system is", cli_status},
    {"nodes", "list the system's nodes", cli_nodes},
    {"modules", "list the system's modules", cli_modules},
    {"drain", "have a node's modules moved away", cli_drain},
    {"undrain", "let a node be used again", cli_undrain},
    {"move", "have a module run elsewhere", cli_move},
    {"restart", "have a module started anew", cli_restart},
    {"central", "show who leads the central unit, or hand that over", cli_central},
    {"config", "check a settings file (ft.conf)", cli_config},
    {"reload", "have the settings read anew", cli_reload},
    {"version", "print the version", cli_version},
};
#define COMMANDS_N (sizeof commands / sizeof commands[0])

static void usage(FILE *to)
{
    fputs("usage: ft COMMAND [ARGUMENT]...\n\n", to);
    for (size_t i = 0; i < COMMANDS_N; i++)
        fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fputs("\n"
          "  ft run -n 4 ./app        run ./app as mpirun would, with fault tolerance\n"
          "  ft COMMAND --help        more on a command; ft(1) has it all\n",
          to);
}

static int help(int argc, char **argv)
{
    if (argc < 2) {
        usage(stdout);
        return cli_flush("help", CLI_OK);
    }
    for (size_t i = 0; i < COMMANDS_N; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].main(2, (char *[]){argv[1], (char[]){"--help"}, NULL});
    cli_error("help", "there is no command '%s'; ft --help lists them", argv[1]);
    return CLI_USAGE;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    /* Some parents leave it ignored: then no child's exit code is known, here and in mpirun. */
    signal(SIGCHLD, SIG_DFL);
    if (!name) {
        usage(stderr);
        return CLI_USAGE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return help(argc - 1, argv + 1);
    if (strcmp(name, "--version") == 0)
        name = "version";
    for (size_t i = 0; i < COMMANDS_N; i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].main(argc - 1, argv + 1);
    fprintf(stderr, "ft: there is no command '%s'; ft --help lists them%s\n", name,
            name[0] == '-' ? " (options go behind the command: ft run --pool n3 ...)" : "");
    return CLI_USAGE;
}
