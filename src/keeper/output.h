/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * output.h - what a module prints: into its log, into the journal, and the last of it kept.
 */
#ifndef FT_KEEPER_OUTPUT_H
#define FT_KEEPER_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "keeper/talk.h"

#define FT_OUTPUT_LOG_MAX (4 << 20) /* then it becomes LOG.1 */

struct ft_output {
    const char *path; /* borrowed */
    int file;         /* -1: cannot be written */
    int journal;      /* -1: there is none */
    size_t written;   /* in the file */
    char ring[FT_KEEP_TAIL_MAX];
    size_t n;         /* all there was */
};

/* Opens what can be opened; without any of it the output is still read, so that the module is not
 * held up, and its tail kept. path "": no file. */
void ft_output_open(struct ft_output *output, const char *path, const char *name);
void ft_output_take(struct ft_output *output, const char *bytes, size_t n);
/* The last lines, whole ones if there are any. */
void ft_output_tail(const struct ft_output *output, char *text, size_t size);
void ft_output_close(struct ft_output *output);

#endif
