/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shell.c - quoting, so that a value reaches its variable byte by byte.
 *
 * Used by `ft env`, whose output goes through `eval`, and by `ft run -v`. Inside single quotes sh
 * takes everything literally but the single quote. csh also replaces `!` there, and wants a
 * backslash before a line's end.
 */
#include "config.h"

#include "cli/shell.h"

#include <stdlib.h>
#include <string.h>

int shell_kind_parse(const char *name, enum shell_kind *kind)
{
    static const struct {
        const char *name;
        enum shell_kind kind;
    } shells[] = {{"sh", SHELL_SH},   {"bash", SHELL_SH},  {"dash", SHELL_SH}, {"ksh", SHELL_SH},
                  {"zsh", SHELL_SH}, {"csh", SHELL_CSH}, {"tcsh", SHELL_CSH}};

    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(name, shells[i].name) == 0) {
            *kind = shells[i].kind;
            return 0;
        }
    }
    return -1;
}

/* What a byte becomes inside of single quotes; NULL: itself. */
static const char *escape(char c, enum shell_kind kind)
{
    if (c == '\'')
        return "'\\''";
    if (kind == SHELL_CSH && c == '!')
        return "\\!";
    if (kind == SHELL_CSH && c == '\n')
        return "\\\n";
    return NULL;
}

char *shell_quote(const char *text, enum shell_kind kind)
{
    /* No byte becomes more than four. */
    char *word = malloc(4 * strlen(text) + 3), *to = word;

    if (!word)
        return NULL;
    *to++ = '\'';
    for (; *text; text++) {
        const char *more = escape(*text, kind);
        if (more)
            to = stpcpy(to, more);
        else
            *to++ = *text;
    }
    *to++ = '\'';
    *to = '\0';
    return word;
}
