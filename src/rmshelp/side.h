/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * side.h - the side that the orders come from: the pipes to and from the central unit.
 */
#ifndef FT_RMSHELP_SIDE_H
#define FT_RMSHELP_SIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "rms/talk.h"

enum { FT_SIDE_LINE = 1, FT_SIDE_OVER = 2, FT_SIDE_READABLE = 4 };

/* Takes over signals: SIGTERM, SIGINT and SIGHUP end the side, SIGPIPE counts for nothing. 0, or -1
 * with errno. To be called once. */
int ft_side_open(void);

/* Waits for what comes first: an order (a line of standard input), the side's end, `fd` (-1: none)
 * being readable, or timeout_ms (-1: for ever). Returns what it was, 0 for the time. Once over, it
 * stays so. */
int ft_side_wait(int fd, int timeout_ms);

/* The line that FT_SIDE_LINE stands for, taken apart; valid until the next wait. */
const struct ft_talk *ft_side_order(void);

/* Something may have changed: ends a wait with 0. From any thread. */
void ft_side_wake(void);

/* Says WORD KEY=VALUE ...: pairs of texts. A value of NULL leaves its pair out. */
#define ft_side_say(...) ft_side_say_pairs(__VA_ARGS__, (const char *) NULL)
void ft_side_say_pairs(const char *word, ...) __attribute__((sentinel));

#endif
