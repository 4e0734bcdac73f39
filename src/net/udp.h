/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * udp.h - a daemon's UDP socket on its libuv loop: many small packets for little work.
 *
 * It carries bytes and knows nothing of what is in them (wire/datagram.h does). Packets are read in
 * batches; when many come, the socket is left alone for a few milliseconds, so that they wait in
 * the kernel and are taken together rather than one by one; answers to them can be posted, and go
 * out together. Sending never waits: what the system
 * does not take at once is dropped and counted, as the network might have done.
 */
#ifndef FT_NET_UDP_H
#define FT_NET_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "net/address.h"
#include "net/link.h"

#define FT_UDP_PACKET_BYTES 1472 /* a longer packet is counted and dropped */

struct ft_udp;

/* A packet came; bytes and from are valid during the call only. Addresses of IPv4 are AF_INET, also
 * on a socket of both families. The callback may call ft_udp_send and ft_udp_close. */
typedef void (*ft_udp_fn)(void *arg, const uint8_t *bytes, size_t n, const struct sockaddr *from);

struct ft_udp_figures {
    uint64_t received;
    uint64_t wakes;     /* of the loop, for these */
    uint64_t overlong;  /* received and dropped: longer than FT_UDP_PACKET_BYTES */
    uint64_t overrun;   /* dropped by the kernel, whose buffer was full; it counts modulo 2^32 */
    uint64_t sent;
    uint64_t unsent;    /* the system did not take them */
};

/* host NULL: all addresses, IPv6 and IPv4; a name is looked up, which may take its time. port 0: a
 * free one, see ft_udp_port. NULL with errno. */
struct ft_udp *ft_udp_create(uv_loop_t *loop, const char *host, uint16_t port, ft_udp_fn received,
                             void *arg);
uint16_t ft_udp_port(const struct ft_udp *udp);
void ft_udp_figures(const struct ft_udp *udp, struct ft_udp_figures *figures);

/* 0, or -1 with errno: not sent (EAGAIN: the system is busy; others: there is no way to it). */
int ft_udp_send(struct ft_udp *udp, const struct sockaddr *to, const void *bytes, size_t n);

/* The same, for many: it is copied and goes out together with others, at the end of this turn of
 * the loop at the latest. What then cannot be sent is counted and dropped. */
void ft_udp_post(struct ft_udp *udp, const struct sockaddr *to, const void *bytes, size_t n);
/* Sends what was posted now. */
void ft_udp_flush(struct ft_udp *udp);

/* Takes what waits in the kernel now, rather than when the loop gets to it. */
void ft_udp_drain(struct ft_udp *udp);

/* Frees it, by the loop; no callback comes any more. Takes NULL. */
void ft_udp_close(struct ft_udp *udp);

/* A TCP listener (see link.h; identity is copied) and a UDP socket with the same port number. With
 * port 0 the system picks one; should it be taken for UDP, another is tried, a few times. Returns
 * 0, or -1 with errno: then neither was made. */
int ft_listen_both(uv_loop_t *loop, const char *host, uint16_t port,
                   const struct ft_identity *identity, ft_accepted_fn accepted, void *accepted_arg,
                   ft_udp_fn received, void *received_arg, struct ft_listener **listener,
                   struct ft_udp **udp);

#endif
