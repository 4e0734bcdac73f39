/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * program.h - a program's file, as it is on this node: is it there and whole, which one is it, does
 * it run; and another one put in its place. Files only: to be called in any thread.
 */
#ifndef FT_NODED_PROGRAM_H
#define FT_NODED_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/checksum.h"

#define FT_PROGRAM_SAYS_MAX 64

struct ft_program_state {
    bool there;                            /* a regular file, or what should be one */
    char checksum[FT_CHECKSUM_TEXT_BYTES]; /* "": it cannot be read */
    char says[FT_PROGRAM_SAYS_MAX];        /* the version that follows `mark` in it; "": none */
};

void ft_program_look(const char *path, const char *mark, struct ft_program_state *state);

/* A process of this user (or root's) that runs the program of that name and has no argument `not`.
 * 0: there is none. */
pid_t ft_program_runs(const char *name, const char *not);

/* A file beside `path`, in which another program is gathered. -1 with errno. */
int ft_program_open_new(const char *path);
/* It is not wanted any more. */
void ft_program_drop_new(const char *path);

struct ft_program_put {
    const char *path;
    const char *checksum, *mark, *version; /* what it has to be */
    const char *owner;  /* "USER[:GROUP]", "": leave it */
    unsigned mode;
};

/* What was gathered in `fd` is on the disk, is what it has to be, and stands at `path` from one
 * moment to the next; what stood there is kept beside it as "PATH.replaced". 0, or -1 with
 * `why`. */
int ft_program_put(int fd, const struct ft_program_put *put, char *why, size_t size);

/* A text file that everybody may read, there as a whole or not at all; its folder is made if need
 * be. One that is there already stays. 1: written, 0: there already, -1 with errno. */
int ft_program_write_missing(const char *path, const char *text);

#endif
