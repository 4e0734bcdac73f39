/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * options.h - FT's own options, the same for `ft run`, `ft env`, `ft doctor` and `ft sbatch`.
 */
#ifndef FT_CLI_OPTIONS_H
#define FT_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct options {
    const char *pool;    /* borrowed from argv, as all of them; NULL: not given */
    const char *mpirun;
    char *conf;          /* absolute */
    char *events;        /* absolute */
    const char *shell;   /* ft env only */
    const char *mode;    /* ft sbatch and salloc only: --ft=MODE, a constant */
    unsigned spares;     /* ft sbatch and salloc only: --ft-spares, nodes */
    const char *run_mode; /* --mode, a constant; NULL: not given */
    unsigned spare_ranks; /* --spares */
    bool spare_ranks_given;
    bool shrink;          /* with --mode repair */
    bool share;
    bool no_preload;
    bool verbose;
    bool help;
    bool version;
};

/* Options that not every command has, for options_parse. */
#define OPTIONS_SHELL 1u /* --shell */

/* Takes FT's options off the front of argv[1]..., up to the first word that is none of them, or
 * behind a "--". Files are looked at: one that is not there is an error here and now, and not in a
 * daemon's log later.
 *   o      filled; to be given to options_clear, after an error as well
 *   more   OPTIONS_* that this command has as well
 *   why    gets what is wrong, for people
 * Returns the index of the first word that is left (argc if none), -1 after an error. */
int options_parse(struct options *o, int argc, char **argv, unsigned more, char *why, size_t size);

/* Takes one option by its whole name ("--conf"), as ft sbatch has them: --ft and --ft-spares too,
 * but not --pool and --mpirun. value: NULL if it was given none. Returns 0, or -1 with `why`
 * filled. */
int options_take(struct options *o, const char *name, const char *value, char *why, size_t size);

void options_clear(struct options *o);

/* The part of a command's --help that tells of them. */
extern const char options_help[];

#endif
