/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * later.h - what core hears when it is at rest: what was put off, and that time has passed.
 */
#ifndef FT_CENTRALD_LATER_H
#define FT_CENTRALD_LATER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "centrald/sessions.h"

struct ft_later;

typedef void (*ft_later_fn)(void *arg, const void *data, size_t n);

struct ft_later *ft_later_create(uv_loop_t *loop); /* NULL: out of memory */

/* From now on what is due is delivered, and sessions are told the time. Borrowed for life. */
void ft_later_start(struct ft_later *later, struct ft_sessions *sessions);

/* fn(arg, data, n) is called with a copy of the n bytes once core is at rest, not before due_ns
 * (ft_clock_ns; 0: as soon as that), in the order in which they were put. 0, or -1 with errno
 * ENOMEM. */
int ft_later_put(struct ft_later *later, ft_later_fn fn, void *arg, const void *data, size_t n,
                 int64_t due_ns);

/* Nothing is delivered any more. To be destroyed when it is over. Both take NULL. */
void ft_later_stop(struct ft_later *later);
bool ft_later_is_over(const struct ft_later *later); /* stopped, and nothing of it on the loop */
void ft_later_destroy(struct ft_later *later);

#endif
