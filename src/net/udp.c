/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * udp.c - a UDP socket on the loop, read in batches.
 *
 * Called by the daemons. One recvmmsg takes up to BATCH packets, and one wake of the loop at most
 * BATCHES_AT_ONCE of those, so that a flood cannot keep the loop from everything else.
 *
 *     state    the loop waits for      left by
 *     WAITING  the socket              a wake brought BUSY_PACKETS or more -> RESTING
 *     RESTING  REST_MS (REST_LONG_MS)  that brought less -> WAITING
 *
 * While resting, packets collect in the kernel's buffer (made large), and each wake takes many: at
 * 20,000 packets a second there are some 130 wakes a second, not 20,000. A heartbeat is measured in
 * hundreds of milliseconds, so some more do not matter; a node that has few peers never rests.
 *
 * What is posted goes out by one sendmmsg before the loop waits again, or as soon as POSTED are
 * there.
 *
 * A socket that reports an error (an ICMP "port unreachable" of something sent before) has only
 * that to say and is read on. The buffers of a batch are shared by all sockets of the thread.
 */
#include "config.h"

#include "net/udp.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "net/socket.h"

#define BATCH 32
#define BATCHES_AT_ONCE 16
#define BUSY_PACKETS 8
#define REST_MS 3
#define CROWD_PACKETS 40 /* in one wake: thousands of nodes */
#define REST_LONG_MS 8
#define BUFFER_BYTES (8 << 20)
#define PORT_TRIES 16
#define POSTED 64
#define POSTED_BYTES 640
#define SEND_TRIES 3

struct ft_udp {
    uv_loop_t *loop;
    uv_poll_t poll;
    uv_timer_t timer;
    unsigned handles; /* still to be closed by libuv */
    int fd;           /* -1: closed */
    int family;
    ft_udp_fn received;
    void *arg;
    uv_prepare_t flush; /* before the loop waits: sends what was posted */
    struct posted *posted; /* NULL: nothing was ever posted */
    struct ft_udp_figures figures;
};

/* What one recvmmsg works with. */
struct batch {
    struct mmsghdr headers[BATCH];
    struct iovec parts[BATCH];
    struct sockaddr_storage from[BATCH];
    uint8_t bytes[BATCH][FT_UDP_PACKET_BYTES];
};

/* What waits to be sent together. Longer packets (there are few) are sent at once. */
struct posted {
    unsigned n;
    struct mmsghdr headers[POSTED];
    struct iovec parts[POSTED];
    struct sockaddr_storage to[POSTED];
    uint8_t bytes[POSTED][POSTED_BYTES];
};

/* ------------------------------------------------------------ reading */

static void prepare(struct batch *batch)
{
    for (size_t i = 0; i < BATCH; i++) {
        batch->parts[i] = (struct iovec){batch->bytes[i], FT_UDP_PACKET_BYTES};
        batch->headers[i].msg_hdr = (struct msghdr){
            .msg_name = &batch->from[i], .msg_namelen = sizeof batch->from[i],
            .msg_iov = &batch->parts[i], .msg_iovlen = 1,
        };
    }
}

static void deliver(struct ft_udp *udp, struct mmsghdr *message)
{
    struct msghdr *header = &message->msg_hdr;
    struct sockaddr_storage *from = header->msg_name;

    if (header->msg_flags & MSG_TRUNC) {
        udp->figures.overlong++;
        return;
    }
    udp->figures.received++;
    ft_address_unmap(from);
    udp->received(udp->arg, header->msg_iov->iov_base, message->msg_len, (struct sockaddr *) from);
}

/* How many packets came; fewer than BATCH: there were no more. */
static int read_batch(struct ft_udp *udp)
{
    static _Thread_local struct batch batch;
    int n;

    prepare(&batch);
    n = recvmmsg(udp->fd, batch.headers, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n && udp->fd >= 0; i++)
        deliver(udp, &batch.headers[i]);
    return n;
}

/* Takes what there is, within bounds. Returns how much it was. */
static unsigned drain(struct ft_udp *udp)
{
    unsigned total = 0;
    int n = BATCH;

    udp->figures.wakes++;
    for (int i = 0; i < BATCHES_AT_ONCE && n == BATCH && udp->fd >= 0; i++) {
        n = read_batch(udp);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            n = BATCH; /* an error of something sent; it is told once, and packets may wait behind */
            continue;
        }
        total += n > 0 ? (unsigned) n : 0;
    }
    return total;
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void wait_for_packets(struct ft_udp *udp);

static void on_rested(uv_timer_t *timer)
{
    struct ft_udp *udp = timer->data;
    unsigned n = drain(udp);

    if (udp->fd < 0)
        return;
    if (n >= BUSY_PACKETS)
        uv_timer_start(&udp->timer, on_rested, n >= CROWD_PACKETS ? REST_LONG_MS : REST_MS, 0);
    else
        wait_for_packets(udp);
}

static void rest(struct ft_udp *udp)
{
    uv_poll_stop(&udp->poll);
    uv_timer_start(&udp->timer, on_rested, REST_MS, 0);
}

static void wait_for_packets(struct ft_udp *udp)
{
    if (uv_poll_start(&udp->poll, UV_READABLE, on_readable) != 0)
        uv_timer_start(&udp->timer, on_rested, REST_MS, 0); /* lack of memory passes */
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct ft_udp *udp = poll->data;

    (void) events;
    /* An error is read like a packet; if the socket has nothing but errors, not in a busy loop. */
    if ((drain(udp) >= BUSY_PACKETS || status < 0) && udp->fd >= 0)
        rest(udp);
}

void ft_udp_drain(struct ft_udp *udp)
{
    if (udp->fd >= 0)
        (void) drain(udp);
}

/* ------------------------------------------------------------ sending */

/* As the socket's family wants it. */
static bool make_address(const struct ft_udp *udp, const struct sockaddr *to,
                         struct sockaddr_storage *address)
{
    if (to->sa_family != AF_INET && to->sa_family != AF_INET6)
        return false;
    memcpy(address, to, ft_address_length(to));
    if (udp->family == AF_INET6)
        ft_address_map(address);
    return true;
}

int ft_udp_send(struct ft_udp *udp, const struct sockaddr *to, const void *bytes, size_t n)
{
    struct sockaddr_storage address;
    ssize_t sent = -1;

    if (udp->fd < 0 || !make_address(udp, to, &address)) {
        errno = udp->fd < 0 ? ENOTCONN : EAFNOSUPPORT;
        return -1;
    }
    for (int i = 0; i < SEND_TRIES && sent < 0; i++) {
        sent = sendto(udp->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL,
                      (struct sockaddr *) &address,
                      ft_address_length((struct sockaddr *) &address));
        if (sent < 0 && errno != EINTR && errno != ECONNREFUSED) /* refused: one sent before */
            break;
    }
    if (sent == (ssize_t) n) {
        udp->figures.sent++;
        return 0;
    }
    udp->figures.unsent++;
    return -1;
}

/* One that cannot be sent is left out, and the rest goes on. */
void ft_udp_flush(struct ft_udp *udp)
{
    struct posted *posted = udp->posted;
    unsigned at = 0;
    int n;

    if (udp->fd < 0 || posted == NULL || posted->n == 0)
        return;
    while (at < posted->n) {
        n = sendmmsg(udp->fd, posted->headers + at, posted->n - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            udp->figures.sent += (unsigned) n;
            at += (unsigned) n;
        } else {
            udp->figures.unsent++;
            at++;
        }
    }
    posted->n = 0;
    uv_prepare_stop(&udp->flush);
}

static void on_flush(uv_prepare_t *prepare)
{
    ft_udp_flush(prepare->data);
}

void ft_udp_post(struct ft_udp *udp, const struct sockaddr *to, const void *bytes, size_t n)
{
    struct posted *posted = udp->posted;
    struct sockaddr_storage address;

    if (posted == NULL)
        posted = udp->posted = calloc(1, sizeof *posted);
    if (udp->fd < 0 || posted == NULL || n > POSTED_BYTES || !make_address(udp, to, &address)) {
        (void) ft_udp_send(udp, to, bytes, n);
        return;
    }
    memcpy(posted->bytes[posted->n], bytes, n);
    posted->to[posted->n] = address;
    posted->parts[posted->n] = (struct iovec){posted->bytes[posted->n], n};
    posted->headers[posted->n].msg_hdr = (struct msghdr){
        .msg_name = &posted->to[posted->n],
        .msg_namelen = ft_address_length((struct sockaddr *) &address),
        .msg_iov = &posted->parts[posted->n], .msg_iovlen = 1,
    };
    if (++posted->n == POSTED)
        ft_udp_flush(udp);
    else if (posted->n == 1)
        uv_prepare_start(&udp->flush, on_flush);
}

/* ------------------------------------------------------------ life */

static void on_handle_closed(uv_handle_t *handle)
{
    struct ft_udp *udp = handle->data;

    if (--udp->handles > 0)
        return;
    free(udp->posted);
    free(udp);
}

void ft_udp_close(struct ft_udp *udp)
{
    if (udp == NULL || udp->fd < 0)
        return;
    ft_udp_flush(udp);
    uv_poll_stop(&udp->poll);
    uv_close((uv_handle_t *) &udp->poll, on_handle_closed);
    uv_close((uv_handle_t *) &udp->flush, on_handle_closed);
    uv_close((uv_handle_t *) &udp->timer, on_handle_closed);
    close(udp->fd);
    udp->fd = -1;
}

/* An improvement: without it more packets may be lost. Root may exceed the system's limit. */
static void tune(int fd)
{
    const int bytes = BUFFER_BYTES;

    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

static int family_of(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;

    return getsockname(fd, (struct sockaddr *) &address, &size) == 0 ? address.ss_family : -1;
}

/* Takes the descriptor over, in success and failure. */
static struct ft_udp *create(uv_loop_t *loop, int fd, ft_udp_fn received, void *arg)
{
    struct ft_udp *udp = calloc(1, sizeof *udp);
    int status;

    if (udp == NULL) {
        close(fd);
        errno = ENOMEM;
        return NULL;
    }
    udp->loop = loop;
    udp->fd = fd;
    udp->family = family_of(fd);
    udp->received = received;
    udp->arg = arg;
    status = uv_poll_init(loop, &udp->poll, fd);
    if (status != 0) {
        close(fd);
        free(udp);
        errno = -status;
        return NULL;
    }
    uv_timer_init(loop, &udp->timer);
    uv_prepare_init(loop, &udp->flush);
    udp->poll.data = udp->timer.data = udp->flush.data = udp;
    udp->handles = 3;
    tune(fd);
    wait_for_packets(udp);
    return udp;
}

struct ft_udp *ft_udp_create(uv_loop_t *loop, const char *host, uint16_t port, ft_udp_fn received,
                             void *arg)
{
    int fd = ft_socket_bind_udp(host, port);

    return fd >= 0 ? create(loop, fd, received, arg) : NULL;
}

uint16_t ft_udp_port(const struct ft_udp *udp)
{
    return ft_socket_port(udp->fd);
}

void ft_udp_figures(const struct ft_udp *udp, struct ft_udp_figures *figures)
{
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof memory;

    *figures = udp->figures;
    /* Rather than with each packet (SO_RXQ_OVFL), which costs each. None before Linux 4.12. */
    if (udp->fd >= 0 && getsockopt(udp->fd, SOL_SOCKET, SO_MEMINFO, memory, &size) == 0)
        figures->overrun = memory[SK_MEMINFO_DROPS];
}

/* TCP first: its free ports are the scarcer ones. */
int ft_listen_both(uv_loop_t *loop, const char *host, uint16_t port,
                   const struct ft_identity *identity, ft_accepted_fn accepted, void *accepted_arg,
                   ft_udp_fn received, void *received_arg, struct ft_listener **listener,
                   struct ft_udp **udp)
{
    int tries = port == 0 ? PORT_TRIES : 1, error;

    for (int i = 0; i < tries; i++) {
        *udp = NULL;
        *listener = ft_listener_tcp_as(loop, host, port, identity, accepted, accepted_arg);
        if (*listener == NULL)
            return -1;
        *udp = ft_udp_create(loop, host, ft_listener_port(*listener), received, received_arg);
        if (*udp != NULL)
            return 0;
        error = errno;
        ft_listener_close(*listener);
        *listener = NULL;
        errno = error;
        if (error != EADDRINUSE)
            break;
    }
    return -1;
}
