/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * arguments.c - takes the command line of one command apart. See arguments.h.
 */
#include "cli/arguments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_called(const struct arguments_option *option, const char *word, size_t n)
{
    return (strlen(option->name) == n && strncmp(option->name, word, n) == 0) ||
           (option->letter != NULL && strlen(option->letter) == n &&
            strncmp(option->letter, word, n) == 0);
}

static const struct arguments_option *find(const struct arguments_option *const tables[],
                                           const char *word, size_t n)
{
    for (; *tables != NULL; tables++) {
        for (const struct arguments_option *option = *tables; option->name != NULL; option++) {
            if (is_called(option, word, n))
                return option;
        }
    }
    return NULL;
}

/* One option, at argv[*at]. Returns 0 and moves on, or -1 with why. */
static int take_option(int argc, char **argv, int *at,
                       const struct arguments_option *const tables[], char *why, size_t size)
{
    const char *word = argv[*at];
    size_t n = strcspn(word, "=");
    const struct arguments_option *option = find(tables, word, n);
    const char *value = word[n] == '=' ? word + n + 1 : NULL;

    if (option == NULL) {
        snprintf(why, size, "there is no option '%s'", word);
        return -1;
    }
    (*at)++;
    if (option->flag != NULL) {
        *option->flag = true;
        if (value == NULL)
            return 0;
        snprintf(why, size, "%s takes no value", option->name);
        return -1;
    }
    if (value == NULL && *at < argc)
        value = argv[(*at)++];
    if (value == NULL || value[0] == '\0') {
        snprintf(why, size, "%s needs a value", option->name);
        return -1;
    }
    *option->value = value;
    return 0;
}

int arguments_parse(int argc, char **argv, const struct arguments_option *const tables[],
                    const char **words, char *why, size_t size)
{
    int n = 0, i = 1;

    while (i < argc) {
        if (strcmp(argv[i], "--") == 0) {
            for (i++; i < argc; i++)
                words[n++] = argv[i];
        } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
            if (take_option(argc, argv, &i, tables, why, size) < 0)
                return -1;
        } else {
            words[n++] = argv[i++];
        }
    }
    return n;
}

int arguments_number(const char *option, const char *text, long min, long max, long *number,
                     char *why, size_t size)
{
    char *end;

    errno = 0;
    *number = strtol(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && *number >= min && *number <= max)
        return 0;
    snprintf(why, size, "%s %s: it is a number between %ld and %ld", option, text, min, max);
    return -1;
}
