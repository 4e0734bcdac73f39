/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * later.c - owns what is put off until core is at rest, and the one timer of core's deadlines.
 *
 * Core must not be called from within its own effects. A resource manager that answers at once, or
 * the news that a node has no unit, is therefore put off by spares.c and summons.c until the loop
 * comes round: one prepare handle, which costs nothing while nothing happens, delivers it and sets
 * the timer to the next deadline of all. With nothing to wait for no timer is armed: an idle
 * central unit does not wake up by itself.
 *
 * Passes through: letters, in order; the passing of time, to ft_sessions_tick.
 */
#include "centrald/later.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

struct letter {
    ft_later_fn fn;
    void *arg;
    int64_t due_ns; /* not before */
    struct letter *next;
    size_t n;
    unsigned char data[];
};

struct ft_later {
    uv_loop_t *loop;
    struct ft_sessions *sessions;
    struct letter *first, **end;
    uv_prepare_t prepare;
    uv_timer_t timer;
    unsigned handles; /* that libuv has not closed yet */
    int64_t armed_ns; /* what the timer is set to, INT64_MAX: not at all */
};

struct ft_later *ft_later_create(uv_loop_t *loop)
{
    struct ft_later *later = calloc(1, sizeof *later);

    if (later == NULL)
        return NULL;
    later->loop = loop;
    later->end = &later->first;
    later->armed_ns = INT64_MAX;
    uv_timer_init(loop, &later->timer);
    uv_prepare_init(loop, &later->prepare);
    later->timer.data = later->prepare.data = later;
    later->handles = 2;
    return later;
}

int ft_later_put(struct ft_later *later, ft_later_fn fn, void *arg, const void *data, size_t n,
                 int64_t due_ns)
{
    struct letter *letter = calloc(1, sizeof *letter + n);

    if (letter == NULL)
        return -1;
    letter->fn = fn;
    letter->arg = arg;
    letter->due_ns = due_ns;
    letter->n = n;
    memcpy(letter->data, data, n);
    *later->end = letter;
    later->end = &letter->next;
    return 0;
}

/* ---------------------------------------------------------------- when the loop comes round */

static void deliver(struct ft_later *later)
{
    int64_t now_ns = (int64_t) ft_clock_ns();
    struct letter **link = &later->first;

    /* A delivery may bring about the next wish, and that the next answer: each is one candidate of
     * one decision, of which there is a bounded number. */
    while (*link != NULL) {
        struct letter *letter = *link;

        if (letter->due_ns > now_ns) {
            link = &letter->next;
            continue;
        }
        *link = letter->next;
        if (later->end == &letter->next)
            later->end = link;
        letter->fn(letter->arg, letter->data, letter->n);
        free(letter);
        link = &later->first;
    }
}

static int64_t due_ns(const struct ft_later *later)
{
    int64_t at_ns = ft_sessions_next_deadline_ns(later->sessions);

    for (const struct letter *letter = later->first; letter != NULL; letter = letter->next) {
        if (letter->due_ns < at_ns)
            at_ns = letter->due_ns;
    }
    return at_ns;
}

static void on_timer(uv_timer_t *timer)
{
    struct ft_later *later = timer->data;

    later->armed_ns = INT64_MAX;
    ft_sessions_tick(later->sessions);
}

static void arm(struct ft_later *later)
{
    int64_t at_ns = due_ns(later);
    int64_t left_ns;

    if (at_ns == later->armed_ns)
        return;
    later->armed_ns = at_ns;
    if (at_ns == INT64_MAX) {
        uv_timer_stop(&later->timer);
        return;
    }
    left_ns = at_ns - (int64_t) ft_clock_ns();
    uv_update_time(later->loop);
    uv_timer_start(&later->timer, on_timer,
                   left_ns > 0 ? (uint64_t) (left_ns + 999999) / 1000000 : 0, 0);
}

/* Before the loop waits. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct ft_later *later = prepare->data;

    deliver(later);
    arm(later);
}

void ft_later_start(struct ft_later *later, struct ft_sessions *sessions)
{
    later->sessions = sessions;
    uv_prepare_start(&later->prepare, on_prepare);
}

/* ---------------------------------------------------------------- the end */

static void on_closed(uv_handle_t *handle)
{
    struct ft_later *later = handle->data;

    later->handles--;
}

void ft_later_stop(struct ft_later *later)
{
    if (later == NULL)
        return;
    uv_close((uv_handle_t *) &later->timer, on_closed);
    uv_close((uv_handle_t *) &later->prepare, on_closed);
}

bool ft_later_is_over(const struct ft_later *later)
{
    return later == NULL || later->handles == 0;
}

void ft_later_destroy(struct ft_later *later)
{
    if (later == NULL)
        return;
    while (later->first != NULL) {
        struct letter *letter = later->first;

        later->first = letter->next;
        free(letter);
    }
    free(later);
}
