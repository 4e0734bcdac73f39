/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * listener.c - makes links of what connects.
 *
 * Called by the daemons. A new connection is a link of the listener's own until its peer has shown
 * what it speaks and, on TCP, has proven itself; only then does the owner hear of it. Strangers
 * cost little: each has 5 s, at most WAITING_MAX of them wait (or as many as the owner says), and
 * the oldest makes room for the newest (an honest peer needs one round trip, so it is never the
 * oldest for long). What was refused is logged, a flood of it by number.
 *
 * The listening socket is polled and accepted from here rather than by libuv, so that a lack of
 * descriptors or memory pauses the listener for a moment and can neither stall it for good nor make
 * it spin.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "net/link_impl.h"
#include "net/socket.h"

#define WAITING_MAX 64
#define ACCEPT_AT_ONCE 16 /* then others get their turn */
#define PAUSE_MS 100
#define LOG_INTERVAL_MS 10000

struct ft_listener {
    uv_loop_t *loop;
    uv_poll_t poll;
    uv_timer_t timer; /* ends a pause */
    unsigned handles; /* still to be closed by libuv */
    int fd;
    enum ft_channel_kind kind;
    struct ft_identity identity;
    bool own_uid_only;
    ft_accepted_fn accepted;
    void *arg;
    ft_refused_fn refused; /* NULL: the log is enough */
    void *refused_arg;
    struct ft_link *oldest, *newest; /* unproven links */
    unsigned waiting, waiting_max;
    char *path; /* unix */
    dev_t device;
    ino_t inode;
    int64_t logged_ms;
    unsigned unlogged;
};

static void pause_accepting(struct ft_listener *listener);

/* ------------------------------------------------------------ what was refused */

static void log_refused(struct ft_listener *listener, const char *peer, const char *why)
{
    int64_t now_ms = ft_clock_ms();

    if (listener->logged_ms != 0 && now_ms - listener->logged_ms < LOG_INTERVAL_MS) {
        listener->unlogged++;
        return;
    }
    if (listener->unlogged > 0)
        ft_log_warning("%u more connections were refused before", listener->unlogged);
    ft_log_warning("connection from %s refused: %s", peer, why);
    if (listener->refused != NULL)
        listener->refused(listener->refused_arg, peer, why, listener->unlogged);
    listener->logged_ms = now_ms;
    listener->unlogged = 0;
}

/* ------------------------------------------------------------ unproven links */

static void keep(struct ft_listener *listener, struct ft_link *link)
{
    link->listener = listener;
    link->older = listener->newest;
    if (listener->newest != NULL)
        listener->newest->newer = link;
    else
        listener->oldest = link;
    listener->newest = link;
    listener->waiting++;
    if (listener->waiting > listener->waiting_max)
        ft_link_end(listener->oldest, EBUSY, "too many connections wait to prove themselves");
}

static void let_go(struct ft_link *link)
{
    struct ft_listener *listener = link->listener;

    if (link->older != NULL)
        link->older->newer = link->newer;
    else
        listener->oldest = link->newer;
    if (link->newer != NULL)
        link->newer->older = link->older;
    else
        listener->newest = link->older;
    link->older = link->newer = NULL;
    link->listener = NULL;
    listener->waiting--;
}

/* An end without a cause is no refusal: somebody looked whether the listener lives. */
void ft_listener_forget(struct ft_link *link)
{
    struct ft_listener *listener = link->listener;
    bool spoke = link->channel != NULL && ft_channel_is_partial(link->channel);

    let_go(link);
    if (link->error != 0 && (link->error != ECONNRESET || spoke))
        log_refused(listener, link->peer, link->text);
}

void ft_listener_proven(struct ft_link *link)
{
    struct ft_listener *listener = link->listener;

    let_go(link);
    listener->accepted(listener->arg, link);
    if (link->events == NULL)
        ft_link_end(link, 0, "nobody wants it");
}

/* ------------------------------------------------------------ accepting */

static bool is_allowed(struct ft_listener *listener, int fd)
{
    char peer[80] = "";
    pid_t pid = 0;
    uid_t uid = 0;

    if (!listener->own_uid_only)
        return true;
    if (!ft_socket_unix_peer(fd, &pid, &uid)) {
        log_refused(listener, "a local process", "the system does not tell who it is");
        return false;
    }
    if (uid == 0 || uid == geteuid())
        return true;
    ft_text_appendf(peer, sizeof peer, "process %ld of user %lu", (long) pid, (unsigned long) uid);
    log_refused(listener, peer, "only root and the user who owns this daemon may connect");
    return false;
}

/* Gives the descriptor to the link's io; it is closed in any case. */
static int adopt(struct ft_listener *listener, struct ft_link *link, int fd)
{
    struct ft_link_io *io = ft_link_io_create(link);
    int status;

    if (io == NULL) {
        close(fd);
        return ENOMEM;
    }
    status = link->kind == FT_CHANNEL_PLAIN ? uv_pipe_init(listener->loop, &io->uv.pipe, 0)
                                            : uv_tcp_init(listener->loop, &io->uv.tcp);
    if (status != 0) {
        free(io);
        link->io = NULL;
        close(fd);
        return -status;
    }
    io->uv.handle.data = io;
    status = link->kind == FT_CHANNEL_PLAIN ? uv_pipe_open(&io->uv.pipe, fd)
                                            : uv_tcp_open(&io->uv.tcp, fd);
    if (status != 0) {
        close(fd);
        return -status;
    }
    return ft_link_begin(link, link->kind != FT_CHANNEL_PLAIN ? &listener->identity : NULL);
}

static int make_link(struct ft_listener *listener, int fd)
{
    struct ft_link *link = ft_link_create(listener->loop, listener->kind);
    int error;

    if (link == NULL) {
        close(fd);
        return ENOMEM;
    }
    link->state = LINK_PROVING;
    keep(listener, link);
    ft_link_set_timer(link, ft_link_times.proof_ms);
    error = adopt(listener, link, fd);
    if (error != 0)
        ft_link_end(link, error, "%s", strerror(error));
    return error;
}

/* Takes one connection. False if there is none, or if it is better to wait. */
static bool accept_one(struct ft_listener *listener)
{
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        log_refused(listener, "a peer", strerror(errno));
        pause_accepting(listener);
        return false;
    }
    if (fd < 0) /* none is there; or that one is gone already, and the next may be there */
        return errno == ECONNABORTED || errno == EINTR;
    if (!is_allowed(listener, fd)) {
        close(fd);
        return true;
    }
    if (make_link(listener, fd) == ENOMEM) {
        pause_accepting(listener);
        return false;
    }
    return true;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct ft_listener *listener = poll->data;

    (void) events;
    if (status < 0) {
        log_refused(listener, "a peer", uv_strerror(status));
        pause_accepting(listener);
        return;
    }
    for (int i = 0; i < ACCEPT_AT_ONCE && accept_one(listener); i++)
        continue;
}

static int start_accepting(struct ft_listener *listener)
{
    return uv_poll_start(&listener->poll, UV_READABLE, on_connection);
}

static void on_pause_over(uv_timer_t *timer)
{
    struct ft_listener *listener = timer->data;

    if (start_accepting(listener) != 0)
        pause_accepting(listener);
}

static void pause_accepting(struct ft_listener *listener)
{
    uv_poll_stop(&listener->poll);
    uv_timer_start(&listener->timer, on_pause_over, PAUSE_MS, 0);
}

/* ------------------------------------------------------------ life */

static void on_handle_closed(uv_handle_t *handle)
{
    struct ft_listener *listener = handle->data;

    if (--listener->handles > 0)
        return;
    free(listener->path);
    explicit_bzero(listener, sizeof *listener);
    free(listener);
}

void ft_listener_close(struct ft_listener *listener)
{
    struct stat status;

    if (listener == NULL)
        return;
    while (listener->oldest != NULL)
        ft_link_end(listener->oldest, 0, "the listener ends");
    /* Before the socket is closed, and only if it still is this one's: else a successor that saw
     * this one gone could lose its own. */
    if (listener->path != NULL && lstat(listener->path, &status) == 0 &&
        status.st_dev == listener->device && status.st_ino == listener->inode)
        unlink(listener->path);
    uv_poll_stop(&listener->poll);
    uv_close((uv_handle_t *) &listener->poll, on_handle_closed);
    uv_close((uv_handle_t *) &listener->timer, on_handle_closed);
    close(listener->fd);
    listener->fd = -1;
}

/* Takes the descriptor over, in success and failure. */
static struct ft_listener *create(uv_loop_t *loop, int fd, enum ft_channel_kind kind,
                                  ft_accepted_fn accepted, void *arg)
{
    struct ft_listener *listener = fd >= 0 ? calloc(1, sizeof *listener) : NULL;
    int status, error;

    if (listener == NULL)
        goto error;
    listener->loop = loop;
    listener->fd = fd;
    listener->kind = kind;
    listener->waiting_max = WAITING_MAX;
    listener->accepted = accepted;
    listener->arg = arg;
    status = uv_poll_init(loop, &listener->poll, fd);
    if (status != 0) {
        errno = -status;
        goto error;
    }
    uv_timer_init(loop, &listener->timer);
    listener->poll.data = listener->timer.data = listener;
    listener->handles = 2;
    status = start_accepting(listener);
    if (status != 0) {
        ft_listener_close(listener);
        errno = -status;
        return NULL;
    }
    return listener;

error:
    error = errno;
    if (fd >= 0)
        close(fd);
    free(listener);
    errno = error;
    return NULL;
}

struct ft_listener *ft_listener_unix(uv_loop_t *loop, const char *path, bool own_uid_only,
                                     ft_accepted_fn accepted, void *arg)
{
    struct ft_listener *listener;
    struct stat status;
    int error;

    listener = create(loop, ft_socket_listen_unix(path), FT_CHANNEL_PLAIN, accepted, arg);
    if (listener == NULL)
        return NULL;
    listener->own_uid_only = own_uid_only;
    listener->path = strdup(path);
    if (listener->path != NULL && lstat(path, &status) == 0) {
        listener->device = status.st_dev;
        listener->inode = status.st_ino;
        return listener;
    }
    error = errno;
    ft_listener_close(listener);
    errno = error;
    return NULL;
}

struct ft_listener *ft_listener_tcp_as(uv_loop_t *loop, const char *host, uint16_t port,
                                       const struct ft_identity *identity, ft_accepted_fn accepted,
                                       void *arg)
{
    struct ft_listener *listener;

    listener = create(loop, ft_socket_listen_tcp(host, port), FT_CHANNEL_KEYED_SERVER, accepted,
                      arg);
    if (listener != NULL)
        listener->identity = *identity;
    return listener;
}

struct ft_listener *ft_listener_tcp(uv_loop_t *loop, const char *host, uint16_t port,
                                    const uint8_t key[FT_KEY_BYTES], ft_accepted_fn accepted,
                                    void *arg)
{
    struct ft_listener *listener;
    struct ft_identity identity;
    int error;

    ft_identity_set_key(&identity, key);
    listener = ft_listener_tcp_as(loop, host, port, &identity, accepted, arg);
    error = errno;
    ft_identity_wipe(&identity);
    errno = error;
    return listener;
}

void ft_listener_set_waiting_max(struct ft_listener *listener, unsigned max)
{
    listener->waiting_max = max > 0 ? max : 1;
}

void ft_listener_on_refused(struct ft_listener *listener, ft_refused_fn refused, void *arg)
{
    listener->refused = refused;
    listener->refused_arg = arg;
}

uint16_t ft_listener_port(const struct ft_listener *listener)
{
    return ft_socket_port(listener->fd);
}
