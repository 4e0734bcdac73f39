/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * run.h - makes the module's process out of the keeper's.
 */
#ifndef FT_KEEPER_RUN_H
#define FT_KEEPER_RUN_H

#include <sys/types.h>

#include "keeper/group.h"
#include "keeper/talk.h"

/* Where the child was when it failed. */
enum ft_run_step {
    FT_RUN_USER,    /* not a failure: who the module is */
    FT_RUN_NO_USER, FT_RUN_IDENTITY, FT_RUN_GROUP, FT_RUN_FOLDER, FT_RUN_LIMIT, FT_RUN_EXEC,
    FT_RUN_STEPS
};

/* What the child says before it becomes the module, by the pipe `word`. Its end without a failure
 * is the execution. */
struct ft_run_word {
    int step;   /* enum ft_run_step */
    int number; /* errno, or the uid */
    int gid;
};

struct ft_run {
    pid_t pid;
    int output; /* read end, non-blocking */
    int word;   /* read end, non-blocking */
};

/* Forks. 0, or -1 with errno. */
int ft_run_start(struct ft_run *run, const struct ft_keep_wish *wish, const struct ft_group *group);

/* "the user \"x\" is not known here": what failed, for people; hopeless: so it will again. */
const char *ft_run_text(const struct ft_keep_wish *wish, const struct ft_run_word *word,
                        char *text, size_t size, bool *hopeless);

#endif
