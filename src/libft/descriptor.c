/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * descriptor.c - an epoll set that holds the connection's socket, a timer and a flag.
 *
 * Made by the handle when descriptorFT is called first; most programs never do, and then it costs
 * them no descriptor. An epoll set is itself readable when something in it is, so the user can hand
 * it to poll, select or another epoll, and it stays the same when the socket is replaced after a
 * loss. The three reasons to wake:
 *
 *     socket   the unit sent something, hung up, or takes output again  (kept by connection.c)
 *     timer    a submitted request runs out of time, or a connection attempt goes on
 *     flag     answers wait for pollFT that were read already, perhaps by another thread
 *
 * All are level-triggered: it stays readable until the reason is gone.
 */
#include "config.h"

#include "libft/descriptor.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "libft/request.h"

struct ft_descriptor {
    int epoll;
    int timer;
    int flag;
    int64_t timer_ms;
    bool is_ready;
};

static int add(struct ft_descriptor *descriptor, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};

    return fd < 0 ? -1 : epoll_ctl(descriptor->epoll, EPOLL_CTL_ADD, fd, &event);
}

struct ft_descriptor *ft_descriptor_create(void)
{
    struct ft_descriptor *descriptor = malloc(sizeof *descriptor);

    if (descriptor == NULL)
        return NULL;
    *descriptor = (struct ft_descriptor){.epoll = -1, .timer = -1, .flag = -1,
                                         .timer_ms = FT_NEVER_MS};
    descriptor->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (descriptor->epoll < 0)
        goto error;
    descriptor->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (add(descriptor, descriptor->timer) != 0)
        goto error;
    descriptor->flag = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (add(descriptor, descriptor->flag) != 0)
        goto error;
    return descriptor;
error:
    ft_descriptor_destroy(descriptor);
    return NULL;
}

void ft_descriptor_destroy(struct ft_descriptor *descriptor)
{
    int error = errno;

    if (descriptor == NULL)
        return;
    if (descriptor->epoll >= 0)
        close(descriptor->epoll);
    if (descriptor->timer >= 0)
        close(descriptor->timer);
    if (descriptor->flag >= 0)
        close(descriptor->flag);
    free(descriptor);
    errno = error;
}

int ft_descriptor_fd(const struct ft_descriptor *descriptor)
{
    return descriptor->epoll;
}

int ft_descriptor_set_time(struct ft_descriptor *descriptor, int64_t at_ms)
{
    struct itimerspec at = {{0, 0}, {0, 0}};

    if (at_ms == descriptor->timer_ms)
        return 0;
    if (at_ms != FT_NEVER_MS) {
        at.it_value.tv_sec = at_ms / 1000;
        at.it_value.tv_nsec = at_ms % 1000 * 1000000;
        if (at_ms <= 0)
            at.it_value.tv_nsec = 1; /* all zero would switch it off */
    }
    if (timerfd_settime(descriptor->timer, TFD_TIMER_ABSTIME, &at, NULL) != 0)
        return -1;
    descriptor->timer_ms = at_ms;
    return 0;
}

void ft_descriptor_set_ready(struct ft_descriptor *descriptor, bool is_ready)
{
    eventfd_t value;

    if (is_ready == descriptor->is_ready)
        return;
    /* Neither can fail: the counter goes between 0 and 1 only, and never waits. */
    if (is_ready)
        eventfd_write(descriptor->flag, 1);
    else
        eventfd_read(descriptor->flag, &value);
    descriptor->is_ready = is_ready;
}
