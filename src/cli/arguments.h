/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * arguments.h - options and words of a command, in any order. (`ft run` has its own: options.h.)
 */
#ifndef FT_CLI_ARGUMENTS_H
#define FT_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

struct arguments_option {
    const char *name;       /* "--json"; NULL ends a table */
    const char *letter;     /* "-f", or NULL */
    const char **value;     /* gets its value, or ... */
    bool *flag;             /* ... is set: one of the two is NULL */
};

/* Takes argv[1]... apart: options as "--name value", "--name=value" and "-f"; behind "--" all are
 * words.
 *   tables     several, NULL ends; values are left alone where an option is not given
 *   words      gets those that are no option, up to argc of them
 *   why        gets what is wrong, for people
 * Returns how many words there are, -1 after an error. */
int arguments_parse(int argc, char **argv, const struct arguments_option *const tables[],
                    const char **words, char *why, size_t size);

/* A whole number between min and max. Returns 0, or -1 with why: "--limit 0: it is 1 to 9". */
int arguments_number(const char *option, const char *text, long min, long max, long *number,
                     char *why, size_t size);

#endif
