/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * central.h - the unit's link to the central unit: made, kept, made again, given up.
 */
#ifndef FT_NODED_CENTRAL_H
#define FT_NODED_CENTRAL_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "noded/orders.h"
#include "wire/ft.pb-c.h"

#define FT_CENTRAL_GIVE_UP_MS 10000

struct ft_central;

struct ft_central_events {
    void (*up)(void *arg);                                    /* messages can pass now */
    void (*down)(void *arg, const char *why);                 /* and now not; tried again */
    void (*message)(void *arg, const Ft__Message *message);   /* borrowed for the call */
    /* Once; nothing comes after it. is_over: the job had ended before this unit reached anyone. */
    void (*given_up)(void *arg, const char *why, bool is_over);
};

/* Begins to connect. hello is what to say first; it and orders are borrowed for the object's life.
 * NULL with errno ENOMEM. */
struct ft_central *ft_central_create(uv_loop_t *loop, const struct ft_orders *orders,
                                     const Ft__Hello *hello,
                                     const struct ft_central_events *events, void *arg);

/* Queues a message. 0, or -1 with errno: ENOTCONN while it is down, else as ft_link_send. */
int ft_central_send(struct ft_central *central, const Ft__Message *message);
bool ft_central_is_up(const struct ft_central *central);

/* Closes: what is queued is still written, for at most 1 s of the loop; no event comes any more. To
 * be destroyed when the loop has nothing left of it. */
void ft_central_stop(struct ft_central *central);
void ft_central_destroy(struct ft_central *central); /* takes NULL */

#endif
