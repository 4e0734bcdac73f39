/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * asker.h - a UDP socket for asking one address whether somebody is there.
 *
 * It is connected, so that it hears what a daemon's one socket for all does not: that the host
 * answers, and nobody listens there.
 */
#ifndef FT_NET_ASKER_H
#define FT_NET_ASKER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

struct ft_asker;

struct ft_asker_events {
    void (*received)(void *arg, const uint8_t *bytes, size_t n);
    /* The host says that nobody listens at that port. */
    void (*refused)(void *arg);
};

/* Callbacks come from the loop only, never from within a call. NULL with errno. */
struct ft_asker *ft_asker_create(uv_loop_t *loop, const struct sockaddr *to,
                                 const struct ft_asker_events *events, void *arg);

/* What cannot be sent is dropped, as the network might have done. */
void ft_asker_send(struct ft_asker *asker, const void *bytes, size_t n);

/* Frees it, by the loop; no callback comes any more. Takes NULL. */
void ft_asker_close(struct ft_asker *asker);

#endif
