/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * asker.c - a connected UDP socket.
 *
 * Called by the central unit about nodes that fell silent, and by units that ask on its behalf. One
 * lives for some hundred milliseconds, and there are a few hundred at the most.
 *
 * An ICMP "port unreachable" reaches a connected socket as the error ECONNREFUSED of whatever is
 * done next with it: of reading, which the loop does, or of sending, which then has sent nothing.
 * In the second case the word is passed on by the loop, too, so that no callback comes from a call.
 */
#include "config.h"

#include "net/asker.h"

#include <errno.h>
#include <stdlib.h>

#define PACKET_BYTES 1472

struct ft_asker {
    uv_udp_t udp;
    uv_async_t later; /* sending was refused */
    unsigned handles;
    const struct ft_asker_events *events; /* NULL: closed */
    void *arg;
    uint8_t bytes[PACKET_BYTES];
};

static void on_buffer(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
    struct ft_asker *asker = handle->data;

    (void) wanted;
    *buffer = uv_buf_init((char *) asker->bytes, sizeof asker->bytes);
}

static void on_received(uv_udp_t *udp, ssize_t n, const uv_buf_t *buffer,
                        const struct sockaddr *from, unsigned flags)
{
    struct ft_asker *asker = udp->data;

    if (asker->events == NULL)
        return;
    if (n == UV_ECONNREFUSED)
        asker->events->refused(asker->arg);
    else if (n > 0 && from != NULL && !(flags & UV_UDP_PARTIAL))
        asker->events->received(asker->arg, (const uint8_t *) buffer->base, (size_t) n);
}

static void on_later(uv_async_t *later)
{
    struct ft_asker *asker = later->data;

    if (asker->events != NULL)
        asker->events->refused(asker->arg);
}

static void on_closed(uv_handle_t *handle)
{
    struct ft_asker *asker = handle->data;

    if (--asker->handles == 0)
        free(asker);
}

void ft_asker_close(struct ft_asker *asker)
{
    if (asker == NULL || asker->events == NULL)
        return;
    asker->events = NULL;
    uv_close((uv_handle_t *) &asker->udp, on_closed);
    uv_close((uv_handle_t *) &asker->later, on_closed);
}

struct ft_asker *ft_asker_create(uv_loop_t *loop, const struct sockaddr *to,
                                 const struct ft_asker_events *events, void *arg)
{
    struct ft_asker *asker = calloc(1, sizeof *asker);
    int error;

    if (asker == NULL)
        return NULL;
    asker->events = events;
    asker->arg = arg;
    asker->udp.data = asker->later.data = asker;
    error = uv_udp_init(loop, &asker->udp);
    if (error == 0) {
        asker->handles++;
        error = uv_async_init(loop, &asker->later, on_later);
        if (error != 0) {
            asker->events = NULL;
            uv_close((uv_handle_t *) &asker->udp, on_closed);
            errno = -error;
            return NULL;
        }
        asker->handles++;
    } else {
        free(asker);
        errno = -error;
        return NULL;
    }
    error = uv_udp_connect(&asker->udp, to);
    if (error == 0)
        error = uv_udp_recv_start(&asker->udp, on_buffer, on_received);
    if (error == 0)
        return asker;
    ft_asker_close(asker);
    errno = -error;
    return NULL;
}

void ft_asker_send(struct ft_asker *asker, const void *bytes, size_t n)
{
    uv_buf_t buffer = uv_buf_init((char *) (uintptr_t) bytes, (unsigned) n);

    if (asker->events == NULL)
        return;
    if (uv_udp_try_send(&asker->udp, &buffer, 1, NULL) == UV_ECONNREFUSED) {
        uv_async_send(&asker->later);
        /* The error was of the packet before; this one has not gone out. */
        (void) uv_udp_try_send(&asker->udp, &buffer, 1, NULL);
    }
}
