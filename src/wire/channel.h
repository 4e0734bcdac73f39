/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * channel.h - one connection's protocol, without the connection: bytes in, messages out, and back.
 *
 * A channel owns the handshake, the framing and the authentication of one connection between two
 * programs of FT. It does no I/O: its owner feeds it what the socket gave and writes what it has to
 * say. libft drives it with poll, the daemons through net/link.
 *
 * Two kinds:
 *   plain  on a unix socket: the kernel tells who the peer is (the owner checks SO_PEERCRED)
 *   keyed  on TCP: both sides prove that they hold the same 32-byte key, or by MUNGE that they are
 *          processes of root (or of one's own user), before the first message; then every frame is
 *          encrypted, authenticated and in order. Not one byte that the peer has not authenticated
 *          reaches the message parser.
 * doc/protocol.md has the byte format.
 */
#ifndef FT_WIRE_CHANNEL_H
#define FT_WIRE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/ft.pb-c.h"
#include "wire/identity.h"
#include "wire/proving.h"

#define FT_KEY_BYTES 32
#define FT_PROTOCOL 1                      /* the newest that this version speaks; Hello.protocol */
#define FT_PROTOCOL_OLDEST 1               /* the oldest that it speaks as well */
#define FT_FRAME_MAX_BYTES (4u << 20)      /* a larger frame is refused before it is read */
#define FT_CHANNEL_QUEUE_BYTES (8u << 20)  /* more unsent output is refused */

enum ft_channel_kind {
    FT_CHANNEL_PLAIN,        /* either side of a unix socket */
    FT_CHANNEL_KEYED_CLIENT, /* the side that connected */
    FT_CHANNEL_KEYED_SERVER  /* the side that accepted */
};

struct ft_channel;

/* Makes a channel; key is copied (and wiped by destroy), NULL for a plain one.
 * Returns NULL with errno ENOMEM (or no random numbers to be had) or EINVAL. */
struct ft_channel *ft_channel_create(enum ft_channel_kind kind, const uint8_t key[FT_KEY_BYTES]);
/* The same with another way to prove oneself than a key: what it says is copied, its MUNGE
 * borrowed; NULL for a plain one. */
struct ft_channel *ft_channel_create_as(enum ft_channel_kind kind,
                                        const struct ft_identity *identity);
void ft_channel_destroy(struct ft_channel *channel);

/* With MUNGE a handshake waits for MUNGE's daemon, twice at the most: what is to be done then (the
 * caller's, who has it run, by another thread if he likes), or NULL. Ask after each feed, and again
 * after handing one back. The channel takes bytes meanwhile, and works on none. */
struct ft_proving *ft_channel_proving(struct ft_channel *channel);
/* It was run. Results as ft_channel_feed, and EIO: MUNGE does not work here. It stays the
 * caller's. */
int ft_channel_proven(struct ft_channel *channel, const struct ft_proving *proving);

/* The protocol that both sides speak; 0 before the greeting came. */
unsigned ft_channel_protocol(const struct ft_channel *channel);

/* Takes bytes that came from the peer. Returns 0, or -1 with errno and ft_channel_error(): EPROTO
 * (malformed), EMSGSIZE (frame too large), EACCES (the peer could not prove itself, or a frame was
 * tampered with), EPROTONOSUPPORT (another protocol), ENOBUFS (12 MiB were fed and no message
 * taken), ENOMEM. The channel is dead after an error: every call but those about output gives it
 * again. What ft_channel_output still has should be written before the connection is closed: it
 * tells the peer what this side speaks. */
int ft_channel_feed(struct ft_channel *channel, const void *bytes, size_t n);

/* Takes the next message that came, if any: 1 and *message (free it with
 * ft__message__free_unpacked(message, NULL)), 0 if none is whole yet, -1 as ft_channel_feed. */
int ft_channel_next(struct ft_channel *channel, Ft__Message **message);

/* Queues a message; during a handshake it waits for the handshake's end. Returns 0, or -1 with
 * errno ENOBUFS (the queue is full), EMSGSIZE, EINVAL (it has no body), ENOMEM: nothing was queued
 * then, the channel lives. A dead channel gives its error again. */
int ft_channel_send(struct ft_channel *channel, const Ft__Message *message);

/* What is to be written to the peer now: *n bytes at the returned address (valid until the next
 * call on the channel); ft_channel_written takes away what the socket accepted. */
const void *ft_channel_output(struct ft_channel *channel, size_t *n);
void ft_channel_written(struct ft_channel *channel, size_t n);

/* True once messages can pass (at once for a plain channel). */
bool ft_channel_is_open(const struct ft_channel *channel);

/* True once the peer has shown that it speaks this protocol and, if keyed, has proven its key. */
bool ft_channel_is_proven(const struct ft_channel *channel);

/* True if the peer has begun something (a greeting, a message) that is not whole yet: if it closes
 * the connection now, that is no end in order. Ask after ft_channel_next has given 0. */
bool ft_channel_is_partial(const struct ft_channel *channel);

/* What was wrong, in words; "" if nothing. Borrowed. */
const char *ft_channel_error(const struct ft_channel *channel);

#endif
