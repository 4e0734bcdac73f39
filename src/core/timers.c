/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * timers.c - deadlines in the order they come.
 *
 * A binary heap of pointers to timers that their owners (decisions, waiting requests) embed. The
 * central unit has thousands of them at most, of which few ever fire: nearly all are disarmed by
 * the answer that they bound. Each owner reserves its place in the heap when it is made; the only
 * allocation is there, so that arming, which happens in the middle of a step, cannot fail.
 */
#include "core/timers.h"

#include <errno.h>
#include <stdlib.h>

struct ft_timers {
    struct ft_timer **heap; /* heap[0] is not used */
    size_t armed;
    size_t reserved;
    size_t room;
};

struct ft_timers *ft_timers_create(void)
{
    return calloc(1, sizeof(struct ft_timers));
}

void ft_timers_destroy(struct ft_timers *timers)
{
    if (timers == NULL)
        return;
    free(timers->heap);
    free(timers);
}

int ft_timers_reserve(struct ft_timers *timers)
{
    if (timers->reserved + 2 > timers->room) {
        size_t room = timers->room > 0 ? 2 * timers->room : 64;
        struct ft_timer **heap = realloc(timers->heap, room * sizeof(*heap));

        if (heap == NULL) {
            errno = ENOMEM;
            return -1;
        }
        timers->heap = heap;
        timers->room = room;
    }
    timers->reserved++;
    return 0;
}

void ft_timers_unreserve(struct ft_timers *timers)
{
    timers->reserved--;
}

static void put(struct ft_timers *timers, size_t place, struct ft_timer *timer)
{
    timers->heap[place] = timer;
    timer->place = place;
}

/* Moves a timer from `place` to where it belongs. */
static void settle(struct ft_timers *timers, size_t place, struct ft_timer *timer)
{
    while (place > 1 && timers->heap[place / 2]->at_ns > timer->at_ns) {
        put(timers, place, timers->heap[place / 2]);
        place /= 2;
    }
    for (;;) {
        size_t child = 2 * place;

        if (child > timers->armed)
            break;
        if (child < timers->armed && timers->heap[child + 1]->at_ns < timers->heap[child]->at_ns)
            child++;
        if (timers->heap[child]->at_ns >= timer->at_ns)
            break;
        put(timers, place, timers->heap[child]);
        place = child;
    }
    put(timers, place, timer);
}

void ft_timers_arm(struct ft_timers *timers, struct ft_timer *timer, int64_t at_ns)
{
    timer->at_ns = at_ns;
    if (timer->place == 0)
        timer->place = ++timers->armed;
    settle(timers, timer->place, timer);
}

void ft_timers_disarm(struct ft_timers *timers, struct ft_timer *timer)
{
    size_t place = timer->place;
    struct ft_timer *last;

    if (place == 0)
        return;
    timer->place = 0;
    last = timers->heap[timers->armed--];
    if (last != timer)
        settle(timers, place, last);
}

struct ft_timer *ft_timers_first(const struct ft_timers *timers)
{
    return timers->armed > 0 ? timers->heap[1] : NULL;
}
