/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * run.c - `ft run`: sets the job's variables, then becomes mpirun.
 *
 * A thin front: everything that makes the job survive is done by PRRTE's component and the units
 * that it brings up. This checks first what would fail later and less clearly, and execs; from then
 * on signals, output and the exit code are mpirun's own.
 */
#include "cli/cli.h"
#include "cli/environ.h"
#include "cli/install.h"
#include "cli/mpirun.h"
#include "cli/options.h"
#include "cli/shell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "run"

static int help(void)
{
    printf("usage: ft run [FT OPTION]... [MPIRUN OPTION]... PROGRAM [ARGUMENT]...\n\n"
           "Runs an MPI job that survives the loss of its nodes, for example\n"
           "    ft run --pool n3,n4 -n 4 --host n0,n1,n2 ./app\n"
           "It is `mpirun --with-ft ulfm ...` with what FT needs in place. FT's options come\n"
           "first; from the first word that is none of them, or behind a --, all is mpirun's.\n\n"
           "%s"
           "  -v                say what is run, with which variables\n"
           "  -h, --help        this text\n"
           "  --version         the version of ft\n\n"
           "Exit code: mpirun's; 125 if ft run itself failed, 126 or 127 if mpirun cannot be\n"
           "started or is not there.\n",
           options_help);
    return cli_flush(NAME, CLI_OK);
}

static void say_word(const char *before, const char *text)
{
    char *word = shell_quote(text, SHELL_SH);

    fprintf(stderr, "%s%s", before, word ? word : text);
    free(word);
}

/* A line that a shell would run as it stands. */
static void say_command(const struct environ_list *list, char *const *command)
{
    fputs("ft run:", stderr);
    for (size_t i = 0; i < list->n; i++) {
        fprintf(stderr, " %s=", list->variables[i].name);
        say_word("", list->variables[i].value);
    }
    for (; *command; command++)
        say_word(" ", *command);
    fputc('\n', stderr);
}

static int become_mpirun(const struct options *options, const struct environ_list *list,
                         const struct mpirun *mpirun, int n, char **rest)
{
    char **command = calloc((size_t) n + 4, sizeof *command);
    int error;

    if (!command || environ_set(list) < 0) {
        cli_error(NAME, "%s", strerror(errno));
        free(command);
        return CLI_RUN_FAILED;
    }
    command[0] = (char *) mpirun->path;
    command[1] = (char[]){"--with-ft"};
    command[2] = (char[]){"ulfm"};
    memcpy(command + 3, rest, (size_t) n * sizeof *rest);
    if (options->verbose)
        say_command(list, command);
    execv(mpirun->path, command);
    error = errno;
    cli_error(NAME, "%s cannot be started: %s", mpirun->path, strerror(error));
    free(command);
    return error == ENOENT ? CLI_RUN_MISSING : CLI_RUN_DENIED;
}

/* Everything is looked at before anything is started. */
static int run(const struct options *options, int n, char **rest)
{
    struct install install;
    struct environ_list list = {.n = 0};
    struct mpirun mpirun;
    char why[2048];
    int code = CLI_RUN_FAILED;

    if (install_find_own(&install) < 0)
        cli_error(NAME, "where FT is installed cannot be found out ($FT_PREFIX): %s",
                  strerror(errno));
    else if (install_missing(&install, !options->no_preload, why, sizeof why) > 0)
        cli_error(NAME, "this installation of FT is not complete, these are missing: %s", why);
    else if ((code = mpirun_find(&mpirun, options->mpirun, why, sizeof why)) != 0)
        cli_error(NAME, "%s", why);
    else if (environ_make(&list, options, &install, getenv) < 0)
        cli_error(NAME, "%s", errno == EINVAL ? ENVIRON_EINVAL : strerror(errno));
    else
        code = become_mpirun(options, &list, &mpirun, n, rest);
    environ_clear(&list);
    install_clear(&install);
    return code ? code : CLI_RUN_FAILED;
}

int cli_run(int argc, char **argv)
{
    struct options options;
    char why[1024];
    int at = options_parse(&options, argc, argv, 0, why, sizeof why), code = CLI_RUN_FAILED;

    if (at < 0)
        cli_error(NAME, "%s; see ft run --help", why);
    else if (options.help)
        code = help();
    else if (options.version)
        code = cli_version(1, argv);
    else if (at == argc)
        cli_error(NAME, "which program? For example: ft run -n 4 ./app");
    else
        code = run(&options, argc - at, argv + at);
    options_clear(&options);
    return code;
}
