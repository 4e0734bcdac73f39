/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link.h - a daemon's connection: a libuv socket that speaks through a wire/channel.
 *
 * ft-noded and ft-centrald use links for everything they talk to; a listener makes links of what
 * connects to it. Callbacks run on the loop's thread. Output is queued by the channel (bounded);
 * a peer that does not take it in time (10 s) is closed. libuv is used only here and in the two
 * daemons. The process must ignore SIGPIPE (libuv writes without MSG_NOSIGNAL).
 */
#ifndef FT_NET_LINK_H
#define FT_NET_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <uv.h>

#include "wire/channel.h"
#include "wire/identity.h"

struct ft_link;
struct ft_listener;

/* What a link's owner is told. After `closed` the link is gone and must not be used. */
struct ft_link_events {
    /* connected and proven: the peer speaks this protocol and, if keyed, holds the key. Of links
     * that were made by connecting only. */
    void (*opened)(void *arg, struct ft_link *link);
    /* message is the link's, freed after the call. The callback may call ft_link_close. */
    void (*message)(void *arg, struct ft_link *link, const Ft__Message *message);
    /* error: 0 closed by the peer in order or by ft_link_close, else an errno; text says more */
    void (*closed)(void *arg, struct ft_link *link, int error, const char *text);
};

/* Connects to the first of `hosts` ("10.0.0.1,node1": names or addresses, at most 32, tried in
 * turn) that proves itself at `port` within timeout_ms (each at most timeout_ms / number of hosts),
 * keyed. Never fails at once: what goes wrong arrives as `closed`, with an account of all attempts.
 * NULL with errno ENOMEM or EINVAL only (a unix path too long for the system is EINVAL). */
struct ft_link *ft_link_connect_tcp(uv_loop_t *loop, const char *hosts, uint16_t port,
                                    const uint8_t key[FT_KEY_BYTES], unsigned timeout_ms,
                                    const struct ft_link_events *events, void *arg);
/* The same with another way to prove oneself than a key; identity is copied, its MUNGE borrowed. */
struct ft_link *ft_link_connect_tcp_as(uv_loop_t *loop, const char *hosts, uint16_t port,
                                       const struct ft_identity *identity, unsigned timeout_ms,
                                       const struct ft_link_events *events, void *arg);
struct ft_link *ft_link_connect_unix(uv_loop_t *loop, const char *path, unsigned timeout_ms,
                                     const struct ft_link_events *events, void *arg);

/* Queues a message. 0, or -1 with errno as ft_channel_send; ENOTCONN before `opened` and on a
 * closing link. A link that breaks by it says so by `closed`, later. */
int ft_link_send(struct ft_link *link, const Ft__Message *message);

/* Closes: what is queued is still written and the peer given time to read it (at most 1 s), then
 * `closed` comes, never before the return of this call; no `message` comes any more. Harmless on a
 * link that closes already. */
void ft_link_close(struct ft_link *link);

/* The same at once, for a peer that does not answer: what is queued is lost. */
void ft_link_abort(struct ft_link *link);

/* The owner's own data, and who the peer is. peer text: "10.0.0.2:4711" or "unix pid 123 uid 0". */
void ft_link_set_arg(struct ft_link *link, void *arg);
void *ft_link_arg(const struct ft_link *link);
const char *ft_link_peer(const struct ft_link *link);
bool ft_link_peer_cred(const struct ft_link *link, pid_t *pid, uid_t *uid); /* unix links only */

/* A peer's address, of TCP links; false if there is none (any more). */
bool ft_link_address(const struct ft_link *link, struct sockaddr_storage *address);
/* For how long the peer's host has left data of ours unacknowledged, in ms: 0 if it owes nothing;
 * -1 if there is no TCP connection. Tells a peer that hangs from a host that is cut off. */
int ft_link_unacked_ms(const struct ft_link *link);

/* A listener hands each link that was accepted and proven (it speaks this protocol and, if keyed,
 * holds the key) to `accepted`, which sets its events by ft_link_accept (`opened` is not called for
 * it) or else has it closed. Connections that do not prove themselves within 5 s are closed; at
 * most 64 are kept waiting at once, the oldest giving way. What is refused is logged. */
typedef void (*ft_accepted_fn)(void *arg, struct ft_link *link);
void ft_link_accept(struct ft_link *link, const struct ft_link_events *events, void *arg);

/* unix: the socket is made mode 0600; a stale socket file of a listener that is gone is replaced, a
 * live one gives EADDRINUSE. Only peers of uid root or of this process's own are accepted if
 * own_uid_only. tcp: host NULL is all addresses; a name is looked up, which may take its time; port
 * 0 picks a free one, see ft_listener_port. NULL with errno on failure. */
struct ft_listener *ft_listener_unix(uv_loop_t *loop, const char *path, bool own_uid_only,
                                     ft_accepted_fn accepted, void *arg);
struct ft_listener *ft_listener_tcp(uv_loop_t *loop, const char *host, uint16_t port,
                                    const uint8_t key[FT_KEY_BYTES], ft_accepted_fn accepted,
                                    void *arg);
struct ft_listener *ft_listener_tcp_as(uv_loop_t *loop, const char *host, uint16_t port,
                                       const struct ft_identity *identity, ft_accepted_fn accepted,
                                       void *arg);
/* Keeps so many connections waiting at once that have not proven themselves yet, instead of 64: for
 * whom a whole system connects to at one moment. */
void ft_listener_set_waiting_max(struct ft_listener *listener, unsigned max);

/* Also tells what is refused, as often as the log: at most every 10 s, with how many more there
 * were since. For the event log. */
typedef void (*ft_refused_fn)(void *arg, const char *peer, const char *why, unsigned more);
void ft_listener_on_refused(struct ft_listener *listener, ft_refused_fn refused, void *arg);
uint16_t ft_listener_port(const struct ft_listener *listener);
void ft_listener_close(struct ft_listener *listener); /* frees it; removes a unix socket's file */

#endif
