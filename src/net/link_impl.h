/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_impl.h - what link.c, dial.c and listener.c share of a link; nobody else includes it.
 *
 *     dial.c      CONNECTING: resolves, connects, tries the next address     } one of the two
 *     listener.c  accepts, keeps links until they are proven                 } brings the socket
 *     link.c      PROVING -> OPEN -> DRAINING -> CLOSING: reads, writes, closes
 */
#ifndef FT_NET_LINK_IMPL_H
#define FT_NET_LINK_IMPL_H

#include "net/link.h"

enum ft_link_state {
    LINK_CONNECTING, /* no connection yet; ours to make */
    LINK_PROVING,    /* connected; the peer has not shown yet who it is */
    LINK_OPEN,       /* messages pass */
    LINK_DRAINING,   /* closing: the rest is written, what comes is ignored */
    LINK_CLOSING     /* closed; `closed` is still to be called */
};

/* How long what may take. Changed by tests only, which have no time to wait. */
struct ft_link_times {
    int64_t proof_ms; /* an accepted peer to prove itself */
    int64_t stall_ms; /* a peer to take 64 KiB of what is written to it */
    int64_t drain_ms; /* the rest to be written, and the peer to close */
};
extern struct ft_link_times ft_link_times;

/* A socket with its requests. It belongs to a link until it is dropped; then libuv closes it and
 * its memory follows, whatever the link does meanwhile. So a link can drop one and go on with
 * another. */
struct ft_link_io {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct ft_link *link; /* NULL: dropped */
    uv_connect_t connect;
    uv_write_t write;
    uv_shutdown_t shutdown;
    uint8_t *chunk; /* what `write` is writing; NULL: nothing */
    bool is_shut;
};

struct ft_dial;
struct ft_link_work;

struct ft_link {
    uv_loop_t *loop;
    uv_timer_t timer; /* its closing ends the link */
    enum ft_link_state state;
    enum ft_channel_kind kind;
    struct ft_channel *channel;
    struct ft_link_io *io;
    struct ft_link_work *work; /* what another thread proves for this connection; NULL: nothing */
    const struct ft_link_events *events; /* NULL: nobody is told */
    void *arg;
    struct ft_dial *dial; /* while connecting */
    struct ft_listener *listener; /* while unproven */
    struct ft_link *older, *newer; /* of the listener's unproven ones */
    bool has_cred;
    pid_t pid;
    uid_t uid;
    int error;
    char peer[160];
    char text[512];
};

/* A link that does nothing yet; ended by ft_link_end only. NULL with errno ENOMEM. */
struct ft_link *ft_link_create(uv_loop_t *loop, enum ft_channel_kind kind);

/* A socket's structure, without a socket: uv is still to be initialised, at once, by uv_tcp_init or
 * uv_pipe_init. NULL with errno ENOMEM. */
struct ft_link_io *ft_link_io_create(struct ft_link *link);
void ft_link_io_drop(struct ft_link *link);

/* The link's io is connected: says hello, and reads. identity: NULL for a plain one. Returns 0 or
 * an errno. */
int ft_link_begin(struct ft_link *link, const struct ft_identity *identity);

/* (Re)starts the link's one timer; its meaning depends on the state. */
void ft_link_set_timer(struct ft_link *link, int64_t timeout_ms);

/* Ends the link at once, whatever its state; `closed` follows from the loop. What was said at the
 * first call is what `closed` gets. */
void ft_link_end(struct ft_link *link, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* dial.c: the present attempt failed, the next is made or the link ended; its timer ran out; it
 * succeeded or is given up. */
void ft_dial_failed(struct ft_link *link, int error, const char *text);
void ft_dial_timer(struct ft_link *link);
void ft_dial_destroy(struct ft_dial *dial);

/* listener.c: a link has proven itself; an unproven one is gone. */
void ft_listener_proven(struct ft_link *link);
void ft_listener_forget(struct ft_link *link);

#endif
