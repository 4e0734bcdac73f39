/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * timers.h - deadlines in the order they come: a heap of what its owners embed.
 */
#ifndef FT_CORE_TIMERS_H
#define FT_CORE_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ft_timer_kind { FT_TIMER_DECISION, FT_TIMER_WAITER, FT_TIMER_MODULE, FT_TIMER_SPARE };

/* Embedded in what has a deadline; all zero at first. Only timers.c changes it. */
struct ft_timer {
    int64_t at_ns;
    size_t place; /* in the heap, from 1; 0: not armed */
    enum ft_timer_kind kind;
    void *owner;
};

struct ft_timers;

struct ft_timers *ft_timers_create(void); /* NULL: out of memory */
void ft_timers_destroy(struct ft_timers *timers);

/* Makes room for one more owner, so that arming its timer cannot fail; ft_timers_unreserve when it
 * goes. Returns 0, or -1 with errno ENOMEM and nothing changed. */
int ft_timers_reserve(struct ft_timers *timers);
void ft_timers_unreserve(struct ft_timers *timers);

void ft_timers_arm(struct ft_timers *timers, struct ft_timer *timer, int64_t at_ns);
void ft_timers_disarm(struct ft_timers *timers, struct ft_timer *timer);

/* The next one to come, NULL if there is none. */
struct ft_timer *ft_timers_first(const struct ft_timers *timers);

#endif
