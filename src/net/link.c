/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link.c - a connection from its first byte to its last.
 *
 * dial.c and listener.c bring a connected socket, the daemons send and receive messages; between
 * them a link reads into its channel, hands out what the channel gives, and writes what the channel
 * has.
 *
 *     state       timer means                          left by
 *     CONNECTING  this attempt takes too long          ft_link_begin (dial.c)
 *     PROVING     the peer does not prove itself       channel proven -> OPEN; anything wrong ->
 *                                                      next attempt (dialled), CLOSING (accepted)
 *     OPEN        the peer takes nothing (if writing)  ft_link_close, malformed input -> DRAINING;
 *                                                      peer gone -> CLOSING
 *     DRAINING    time for the rest is up              rest written and peer gone -> CLOSING
 *     CLOSING     -                                    libuv has closed the timer -> freed
 *
 * Draining writes what is queued, then shuts the sending half and waits for the peer to close: to
 * close a TCP socket with input unread would be a reset, which can destroy the last words on their
 * way.
 *
 * Memory: nothing of a link is freed before the loop has closed its timer, so every callback may
 * close any link and code here may go on looking at `state` afterwards. Sockets live in a structure
 * of their own (struct ft_link_io) that outlives its link if libuv needs it to.
 */
#include "config.h"

#include "net/link.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "net/link_impl.h"
#include "net/socket.h"

#define READ_BYTES 65536
#define WRITE_BYTES 65536

struct ft_link_times ft_link_times = {.proof_ms = 5000, .stall_ms = 10000, .drain_ms = 1000};

static void flush(struct ft_link *link);
static void leave_work(struct ft_link *link);

/* ------------------------------------------------------------ life */

static void on_timer(uv_timer_t *timer)
{
    struct ft_link *link = timer->data;

    switch (link->state) {
    case LINK_CONNECTING:
        ft_dial_timer(link);
        break;
    case LINK_PROVING:
        if (link->dial != NULL)
            ft_dial_failed(link, ETIMEDOUT, "it was connected to, but did not answer in time");
        else
            ft_link_end(link, ETIMEDOUT, "the peer did not prove itself in time");
        break;
    case LINK_OPEN:
        ft_link_end(link, ETIMEDOUT, "the peer has taken nothing for %lld ms: it hangs, or the "
                    "network to it is broken", (long long) ft_link_times.stall_ms);
        break;
    case LINK_DRAINING:
        ft_link_end(link, 0, "closed by this side");
        break;
    case LINK_CLOSING:
        break;
    }
}

struct ft_link *ft_link_create(uv_loop_t *loop, enum ft_channel_kind kind)
{
    struct ft_link *link = calloc(1, sizeof *link);

    if (link == NULL)
        return NULL;
    link->loop = loop;
    link->kind = kind;
    link->state = LINK_CONNECTING;
    uv_timer_init(loop, &link->timer); /* cannot fail */
    link->timer.data = link;
    return link;
}

static void on_gone(uv_handle_t *timer)
{
    struct ft_link *link = timer->data;

    if (link->events != NULL)
        link->events->closed(link->arg, link, link->error, link->text);
    ft_dial_destroy(link->dial);
    ft_channel_destroy(link->channel);
    free(link);
}

void ft_link_end(struct ft_link *link, int error, const char *format, ...)
{
    va_list arguments;

    if (link->state == LINK_CLOSING)
        return;
    if (link->text[0] == '\0') {
        va_start(arguments, format);
        ft_text_vappendf(link->text, sizeof link->text, format, arguments);
        va_end(arguments);
        link->error = error;
    }
    link->state = LINK_CLOSING;
    ft_link_io_drop(link);
    if (link->listener != NULL)
        ft_listener_forget(link);
    uv_close((uv_handle_t *) &link->timer, on_gone);
}

void ft_link_set_timer(struct ft_link *link, int64_t timeout_ms)
{
    uv_update_time(link->loop); /* else the time this callback took so far would be missing */
    uv_timer_start(&link->timer, on_timer, timeout_ms > 0 ? (uint64_t) timeout_ms : 0, 0);
}

/* ------------------------------------------------------------ the socket's structure */

struct ft_link_io *ft_link_io_create(struct ft_link *link)
{
    struct ft_link_io *io = calloc(1, sizeof *io);

    if (io == NULL)
        return NULL;
    io->link = link;
    io->uv.handle.data = io;
    link->io = io;
    return io;
}

static void on_io_closed(uv_handle_t *handle)
{
    struct ft_link_io *io = handle->data;

    free(io->chunk);
    free(io);
}

void ft_link_io_drop(struct ft_link *link)
{
    struct ft_link_io *io = link->io;

    leave_work(link);
    if (io == NULL)
        return;
    link->io = NULL;
    io->link = NULL;
    uv_close(&io->uv.handle, on_io_closed);
}

/* ------------------------------------------------------------ ways to end */

/* The connection is of no use any more. */
static void broken(struct ft_link *link, int error, const char *text)
{
    if (link->state == LINK_PROVING && link->dial != NULL)
        ft_dial_failed(link, error, text);
    else
        ft_link_end(link, error, "%s", text);
}

static void drain(struct ft_link *link)
{
    link->state = LINK_DRAINING;
    ft_link_set_timer(link, ft_link_times.drain_ms);
    flush(link);
}

/* The peer sent what it must not. It is told what this side speaks, if it can still hear. */
static void malformed(struct ft_link *link)
{
    char text[sizeof link->text];
    int error = errno;

    ft_text_copy(text, sizeof text, ft_channel_error(link->channel));
    if (link->dial != NULL) {
        flush(link);
        if (link->state == LINK_PROVING)
            ft_dial_failed(link, error, text);
        return;
    }
    ft_text_copy(link->text, sizeof link->text, text);
    link->error = error;
    drain(link);
}

/* ------------------------------------------------------------ output */

static void on_shut(uv_shutdown_t *request, int status)
{
    struct ft_link_io *io = request->data;

    /* If the peer is gone already, nobody is left to wait for. */
    if (io->link != NULL && status < 0)
        ft_link_end(io->link, 0, "closed by this side");
}

static void shut_output(struct ft_link *link)
{
    struct ft_link_io *io = link->io;

    if (io->is_shut)
        return;
    io->is_shut = true;
    io->shutdown.data = io;
    if (uv_shutdown(&io->shutdown, &io->uv.stream, on_shut) != 0)
        ft_link_end(link, 0, "closed by this side");
}

static void on_written(uv_write_t *request, int status)
{
    struct ft_link_io *io = request->data;
    struct ft_link *link = io->link;

    free(io->chunk);
    io->chunk = NULL;
    if (link == NULL)
        return;
    if (status < 0) {
        broken(link, -status, "the connection broke while writing to it");
        return;
    }
    if (link->state == LINK_OPEN)
        uv_timer_stop(&link->timer);
    flush(link);
}

/* The socket takes nothing just now: a copy of the next bytes goes to libuv, which waits. A copy,
 * because the channel's own bytes may move with the next message. */
static void write_later(struct ft_link *link, const void *bytes, size_t n)
{
    struct ft_link_io *io = link->io;
    uv_buf_t buffer;
    int status;

    n = n < WRITE_BYTES ? n : WRITE_BYTES;
    io->chunk = malloc(n);
    if (io->chunk == NULL) {
        broken(link, ENOMEM, "out of memory");
        return;
    }
    memcpy(io->chunk, bytes, n);
    buffer = uv_buf_init((char *) io->chunk, (unsigned) n);
    io->write.data = io;
    status = uv_write(&io->write, &io->uv.stream, &buffer, 1, on_written);
    if (status < 0) {
        free(io->chunk);
        io->chunk = NULL;
        broken(link, -status, "the connection broke while writing to it");
        return;
    }
    ft_channel_written(link->channel, n);
    if (link->state == LINK_OPEN)
        ft_link_set_timer(link, ft_link_times.stall_ms);
}

/* Writes as much as the socket takes. May end the link. */
static void flush(struct ft_link *link)
{
    const void *bytes;
    uv_buf_t buffer;
    size_t n;
    int status;

    if (link->io == NULL || link->io->chunk != NULL)
        return;
    while ((bytes = ft_channel_output(link->channel, &n)) != NULL) {
        buffer = uv_buf_init((char *) (uintptr_t) bytes, (unsigned) n);
        status = uv_try_write(&link->io->uv.stream, &buffer, 1);
        if (status == UV_EAGAIN) {
            write_later(link, bytes, n);
            return;
        }
        if (status < 0) {
            broken(link, -status, "the connection broke while writing to it");
            return;
        }
        ft_channel_written(link->channel, (size_t) status);
    }
    if (link->state == LINK_DRAINING)
        shut_output(link);
}

/* ------------------------------------------------------------ input */

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    /* libuv reads right after asking, so that all links of a thread can share one buffer. */
    static _Thread_local char bytes[READ_BYTES];

    (void) handle;
    (void) suggested;
    *buffer = uv_buf_init(bytes, sizeof bytes);
}

static void proven(struct ft_link *link)
{
    link->state = LINK_OPEN;
    uv_timer_stop(&link->timer);
    if (link->io->chunk != NULL)
        ft_link_set_timer(link, ft_link_times.stall_ms);
    if (link->dial != NULL) {
        ft_dial_destroy(link->dial);
        link->dial = NULL;
        link->text[0] = '\0'; /* of attempts that failed before */
        link->error = 0;
        link->events->opened(link->arg, link);
    } else {
        ft_listener_proven(link);
    }
}

/* ------------------------------------------------------------ MUNGE, by another thread */

/* It outlives its link if the thread is at it when the link ends. */
struct ft_link_work {
    uv_work_t request;
    struct ft_link *link; /* NULL: left behind */
    struct ft_proving *proving;
};

static void deliver(struct ft_link *link);

static void on_work(uv_work_t *request)
{
    struct ft_link_work *work = request->data;

    ft_proving_run(work->proving);
}

static void on_worked(uv_work_t *request, int status)
{
    struct ft_link_work *work = request->data;
    struct ft_link *link = work->link;

    (void) status; /* cancelled ones were left behind */
    if (link != NULL) {
        link->work = NULL;
        if (link->state == LINK_PROVING &&
            ft_channel_proven(link->channel, work->proving) != 0)
            malformed(link);
        else if (link->state == LINK_PROVING)
            deliver(link);
    }
    ft_proving_destroy(work->proving);
    free(work);
}

static void leave_work(struct ft_link *link)
{
    struct ft_link_work *work = link->work;

    if (work == NULL)
        return;
    link->work = NULL;
    work->link = NULL;
    uv_cancel((uv_req_t *) &work->request); /* its callback comes in any case */
}

/* Has the channel's handshake anything to wait for? */
static void begin_work(struct ft_link *link)
{
    struct ft_proving *proving = ft_channel_proving(link->channel);
    struct ft_link_work *work;

    if (proving == NULL)
        return;
    work = calloc(1, sizeof *work);
    if (work == NULL) {
        ft_proving_destroy(proving);
        broken(link, ENOMEM, "out of memory");
        return;
    }
    work->link = link;
    work->proving = proving;
    work->request.data = work;
    link->work = work;
    uv_queue_work(link->loop, &work->request, on_work, on_worked); /* fails without on_work only */
}

/* ------------------------------------------------------------ input, worked off */

/* Hands out what came, as long as nobody closes the link. */
static void deliver(struct ft_link *link)
{
    Ft__Message *message;
    int result;

    if (link->state == LINK_PROVING && ft_channel_is_proven(link->channel))
        proven(link);
    while (link->state == LINK_OPEN) {
        result = ft_channel_next(link->channel, &message);
        if (result < 0)
            malformed(link);
        if (result <= 0)
            break;
        link->events->message(link->arg, link, message);
        ft__message__free_unpacked(message, NULL);
    }
    if (link->state == LINK_PROVING || link->state == LINK_OPEN)
        flush(link); /* a handshake's answer, if nothing else */
    if (link->state == LINK_PROVING)
        begin_work(link);
}

static void input_ended(struct ft_link *link)
{
    if (link->state == LINK_PROVING)
        broken(link, ECONNRESET, "the peer closed the connection before it proved itself: it may "
               "hold another key, or be about to end");
    else if (link->state == LINK_OPEN && ft_channel_is_partial(link->channel))
        ft_link_end(link, ECONNRESET, "the peer closed the connection in the middle of a message");
    else
        ft_link_end(link, 0, "%s", link->state == LINK_OPEN ? "the peer closed the connection"
                                                            : "closed by this side");
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct ft_link_io *io = stream->data;
    struct ft_link *link = io->link;

    if (link == NULL || n == 0)
        return;
    if (n == UV_EOF) {
        input_ended(link);
    } else if (n < 0) {
        broken(link, (int) -n, "the connection broke");
    } else if (link->state != LINK_DRAINING) {
        if (ft_channel_feed(link->channel, buffer->base, (size_t) n) != 0)
            malformed(link);
        else
            deliver(link);
    }
}

/* ------------------------------------------------------------ beginning */

static void learn_peer(struct ft_link *link)
{
    uv_os_fd_t fd;

    link->peer[0] = '\0';
    if (uv_fileno(&link->io->uv.handle, &fd) != 0)
        return;
    if (link->kind != FT_CHANNEL_PLAIN) {
        ft_socket_tune_tcp(fd);
        ft_socket_tcp_peer(fd, link->peer, sizeof link->peer);
        return;
    }
    link->has_cred = ft_socket_unix_peer(fd, &link->pid, &link->uid);
    if (link->has_cred)
        ft_text_appendf(link->peer, sizeof link->peer, "unix pid %ld uid %lu", (long) link->pid,
                        (unsigned long) link->uid);
    else
        ft_text_copy(link->peer, sizeof link->peer, "unix");
}

int ft_link_begin(struct ft_link *link, const struct ft_identity *identity)
{
    int status;

    learn_peer(link);
    ft_channel_destroy(link->channel); /* of an attempt before */
    link->channel = ft_channel_create_as(link->kind, identity);
    if (link->channel == NULL)
        return errno;
    status = uv_read_start(&link->io->uv.stream, on_buffer, on_read);
    if (status < 0)
        return -status;
    link->state = LINK_PROVING;
    flush(link);
    return 0;
}

/* ------------------------------------------------------------ the owner's calls */

int ft_link_send(struct ft_link *link, const Ft__Message *message)
{
    if (link->state != LINK_OPEN) {
        errno = ENOTCONN;
        return -1;
    }
    if (ft_channel_send(link->channel, message) != 0)
        return -1;
    flush(link);
    return 0;
}

void ft_link_close(struct ft_link *link)
{
    switch (link->state) {
    case LINK_CONNECTING:
    case LINK_PROVING:
        link->text[0] = '\0'; /* attempts that failed do not matter any more */
        ft_link_end(link, 0, "closed by this side");
        break;
    case LINK_OPEN:
        ft_text_copy(link->text, sizeof link->text, "closed by this side");
        link->error = 0;
        drain(link);
        break;
    case LINK_DRAINING:
    case LINK_CLOSING:
        break;
    }
}

void ft_link_accept(struct ft_link *link, const struct ft_link_events *events, void *arg)
{
    link->events = events;
    link->arg = arg;
}

void ft_link_abort(struct ft_link *link)
{
    if (link->state != LINK_OPEN && link->state != LINK_DRAINING) {
        ft_link_close(link);
        return;
    }
    if (link->state == LINK_OPEN)
        link->text[0] = '\0';
    ft_link_end(link, 0, "closed by this side");
}

void ft_link_set_arg(struct ft_link *link, void *arg)
{
    link->arg = arg;
}

void *ft_link_arg(const struct ft_link *link)
{
    return link->arg;
}

const char *ft_link_peer(const struct ft_link *link)
{
    return link->peer;
}

bool ft_link_address(const struct ft_link *link, struct sockaddr_storage *address)
{
    uv_os_fd_t fd;

    return link->io != NULL && link->kind != FT_CHANNEL_PLAIN &&
           uv_fileno(&link->io->uv.handle, &fd) == 0 && ft_socket_peer_address(fd, address);
}

int ft_link_unacked_ms(const struct ft_link *link)
{
    uv_os_fd_t fd;

    if (link->io == NULL || link->kind == FT_CHANNEL_PLAIN ||
        uv_fileno(&link->io->uv.handle, &fd) != 0)
        return -1;
    return ft_socket_unacked_ms(fd);
}

bool ft_link_peer_cred(const struct ft_link *link, pid_t *pid, uid_t *uid)
{
    if (!link->has_cred)
        return false;
    *pid = link->pid;
    *uid = link->uid;
    return true;
}
