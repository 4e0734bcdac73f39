/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * env.c - `ft env`: prints what `ft run` would set, for a shell to take over.
 *
 *     eval "$(ft env --pool n3,n4)"; mpirun --with-ft ulfm -n 4 ./app
 *
 * On any error nothing is printed on stdout, so that nothing half is evaluated.
 */
#include "cli/cli.h"
#include "cli/environ.h"
#include "cli/install.h"
#include "cli/options.h"
#include "cli/shell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME "env"

static int help(void)
{
    printf("usage: ft env [OPTION]...\n\n"
           "Prints the variables with which a plain mpirun does the same as ft run:\n"
           "    eval \"$(ft env --pool n3,n4)\"\n"
           "    mpirun --with-ft ulfm -n 4 --host n0,n1,n2 ./app\n\n"
           "%s"
           "  --shell sh|csh    for this kind of shell; default from $SHELL\n"
           "  -h, --help        this text\n",
           options_help);
    return cli_flush(NAME, CLI_OK);
}

/* The user's own shell, if it is one that we know; sh otherwise. */
static enum shell_kind own_shell(void)
{
    const char *shell = getenv("SHELL"), *slash = shell ? strrchr(shell, '/') : NULL;
    enum shell_kind kind = SHELL_SH;

    if (shell)
        shell_kind_parse(slash ? slash + 1 : shell, &kind);
    return kind;
}

static int print(const struct environ_list *list, enum shell_kind kind)
{
    char *words[ENVIRON_MAX];
    bool whole = true;

    for (size_t i = 0; i < list->n; i++) {
        words[i] = shell_quote(list->variables[i].value, kind);
        whole = whole && words[i];
    }
    if (!whole)
        cli_error(NAME, "out of memory");
    for (size_t i = 0; i < list->n; i++) {
        if (whole)
            printf(kind == SHELL_CSH ? "setenv %s %s;\n" : "export %s=%s;\n",
                   list->variables[i].name, words[i]);
        free(words[i]);
    }
    return whole ? CLI_OK : CLI_FAILED;
}

static int env(const struct options *options, enum shell_kind kind)
{
    struct install install;
    struct environ_list list = {.n = 0};
    char why[2048];
    int code = CLI_FAILED;

    if (install_find_own(&install) < 0)
        cli_error(NAME, "where FT is installed cannot be found out ($FT_PREFIX): %s",
                  strerror(errno));
    else if (install_missing(&install, !options->no_preload, why, sizeof why) > 0)
        cli_error(NAME, "this installation of FT is not complete, these are missing: %s", why);
    else if (environ_make(&list, options, &install, getenv) < 0)
        cli_error(NAME, "%s", errno == EINVAL ? ENVIRON_EINVAL : strerror(errno));
    else
        code = print(&list, kind);
    environ_clear(&list);
    install_clear(&install);
    return code;
}

int cli_env(int argc, char **argv)
{
    struct options options;
    enum shell_kind kind = own_shell();
    char why[1024];
    int at = options_parse(&options, argc, argv, OPTIONS_SHELL, why, sizeof why), code = CLI_USAGE;

    if (at < 0)
        cli_error(NAME, "%s; see ft env --help", why);
    else if (options.help)
        code = help();
    else if (options.version)
        code = cli_version(1, argv);
    else if (at < argc)
        cli_error(NAME, "'%s': there is no such option; mpirun's options go to mpirun", argv[at]);
    else if (options.shell && shell_kind_parse(options.shell, &kind) < 0)
        cli_error(NAME, "--shell %s: it is sh or csh", options.shell);
    else
        code = env(&options, kind);
    options_clear(&options);
    return cli_flush(NAME, code);
}
