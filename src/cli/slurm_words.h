/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slurm_words.h - what a command line of sbatch or salloc, or a batch script, asks Slurm for.
 */
#ifndef FT_CLI_SLURM_WORDS_H
#define FT_CLI_SLURM_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"

/* Values as they were given, the last one of each; NULL: not given. Borrowed from the words. */
struct slurm_words {
    const char *nodes;
    const char *ntasks;
    const char *ntasks_per_node;
    const char *gpus;
    const char *export;
    const char *export_file;
    const char *no_kill; /* "" without a value */
    bool wrap;           /* the script is a word of --wrap */
    bool help;
    bool several;        /* a heterogeneous job: more than one request */
};

/* Reads the options in argv[1]... as sbatch does (abbreviations, clusters of letters, up to the
 * first word that is none) and sorts out FT's own.
 *   words     filled
 *   options   gets FT's own options; NULL: they are an error here
 *   kept      room for argc words: gets the others, without argv[0]
 *   n         their number
 *   why       gets what is wrong, for people
 * Returns the index of the first word behind the options (argc if none), or -1. A word -- that ends
 * them is neither kept nor counted as a word behind. What sbatch itself would refuse is kept for it
 * to refuse. */
int slurm_words_read(struct slurm_words *words, int argc, char **argv, struct options *options,
                     char **kept, int *n, char *why, size_t size);

/* Reads the #SBATCH lines of a batch script.
 *   text   is cut into words that `words` points into
 * Returns 0, or -1 with `why`: it has options of FT's. */
int slurm_words_read_script(struct slurm_words *words, char *text, char *why, size_t size);

#endif
