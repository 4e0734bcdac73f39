/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * trial.h - does this piece of work survive? Tried in a child process first.
 */
#ifndef FT_TOPOLOGY_TRIAL_H
#define FT_TOPOLOGY_TRIAL_H

#include <stdbool.h>

enum ft_trial {
    FT_TRIAL_GOOD,    /* work() came back true */
    FT_TRIAL_REFUSED, /* work() came back false */
    FT_TRIAL_CRASHED, /* it ended its process */
    FT_TRIAL_HUNG,    /* it was not done in time */
    FT_TRIAL_NOT_RUN  /* no process could be made: errno */
};

/* Runs work(arg) in a child process, which is gone on return. Waits at most timeout_ms. */
enum ft_trial ft_trial_run(bool (*work)(void *arg), void *arg, int timeout_ms);

#endif
