/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * environ.h - the variables that make `mpirun --with-ft ulfm` run a job with FT.
 */
#ifndef FT_CLI_ENVIRON_H
#define FT_CLI_ENVIRON_H

#include "cli/install.h"
#include "cli/options.h"

#include <stddef.h>

#define ENVIRON_MAX 20

struct environ_list {
    struct {
        const char *name; /* a constant */
        char *value;
    } variables[ENVIRON_MAX];
    size_t n;
};

/* Makes the list.
 *   list   filled; to be given to environ_clear, after an error as well
 *   get    reads a variable as getenv does: what the user set himself is kept where it says more
 * Returns 0, or -1 with errno; EINVAL means what ENVIRON_EINVAL says. */
#define ENVIRON_EINVAL "FT is in a folder with a blank or a ':' in its name, which PRRTE cannot use"
int environ_make(struct environ_list *list, const struct options *options,
                 const struct install *install, char *(*get)(const char *name));

/* The value of a variable in the list; NULL if it is not in it. */
const char *environ_value(const struct environ_list *list, const char *name);

/* Sets them in this process. Returns 0, or -1 with errno. */
int environ_set(const struct environ_list *list);

void environ_clear(struct environ_list *list);

#endif
