/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli.c - what the commands of `ft` have in common. See cli.h.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

void cli_error(const char *command, const char *format, ...)
{
    char text[8192];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "ft %s: %s\n", command, text);
}

int cli_flush(const char *command, int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    if (errno != EPIPE)
        cli_error(command, "what it prints cannot be written: %s", strerror(errno));
    return CLI_FAILED;
}
