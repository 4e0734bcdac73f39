/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kin.h - all processes that came of one: found, signalled, waited for.
 */
#ifndef FT_KEEPER_KIN_H
#define FT_KEEPER_KIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Makes this process the one to which its descendants fall when their parents end, and protects it
 * a little from the out-of-memory killer. */
void ft_kin_adopt_all(void);

/* Signals a process group, and each of our direct children outside of it. As these end, their own
 * children become ours: called again and again, SIGKILL reaches everything. */
void ft_kin_signal(pid_t group, int signal);

/* Reaps what has ended, but for `spare`: as long as that is a zombie, its number, and that of its
 * group, cannot be another's. True if there are other children left. */
bool ft_kin_reap(pid_t spare);

/* Whether pid descends from this process, or is a child of it. False if it has ended. */
bool ft_kin_is(pid_t pid);
bool ft_kin_is_child(pid_t pid);

/* When a process started, in clock ticks since boot; with its number, that names it. 0: it is not
 * there. */
uint64_t ft_kin_start_ticks(pid_t pid);

#endif
