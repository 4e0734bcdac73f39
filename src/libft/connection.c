/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * connection.c - connects to a unit, greets it, and carries messages, never waiting.
 *
 * Owned by one handle (handle.c), which drives it. What passes through: Hello out and in, Request
 * and Cancel out, Reply in; a Ping of the unit is answered here, and what this version does not
 * know is passed over, as the protocol asks for.
 *
 *              start                  connected               Hello
 *     DOWN ------------> CONNECTING ------------> GREETING ------------> UP
 *       ^                    |  ^ next address,       |                   |
 *       |                    +--+ or try again        |                   |
 *       +--------------------+------------------------+-------------------+
 *          failed: FT_ERR_CONNECT   FT_ERR_AUTH, _VERSION, ...       FT_ERR_LOST, ...
 *
 * Messages may be queued from CONNECTING on; none leaves before the unit's Hello, so that a failure
 * to connect is never a doubt whether a request arrived. A unit on this node must be root's or this
 * user's own: the session folder's name can be guessed, and another user might sit there first.
 */
#include "config.h"

#include "libft/connection.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/slurmjob.h"
#include "common/text.h"

#define READ_BYTES 65536
#define RETRY_MIN_MS 1
#define RETRY_MAX_MS 50
#define ROLE_CLIENT 1
#define ROLE_LAUNCHER 4

struct ft_connection {
    struct ft_host host;
    enum ft_connection_state state;
    int fd;
    struct ft_channel *channel; /* of the attempt or connection under way */
    bool patient;
    unsigned at;          /* the address that is being tried */
    int connect_error;    /* why the last one failed, an errno */
    int64_t deadline_ms;  /* of the attempt as a whole */
    int64_t address_deadline_ms;
    int64_t retry_at_ms;  /* with fd -1 */
    int64_t retry_in_ms;
    bool is_write_broken; /* nothing can be written any more; what was sent to us is still read */
    uint8_t *held;        /* messages that wait for the unit's Hello, see hold() */
    size_t held_n;
    size_t held_max;
    int epoll;            /* -1: nobody watches */
    uint32_t watched;     /* what the set was told for fd; 0: fd is not in it */
    char node[FT_NAME_MAX];
    char job[FT_NAME_MAX]; /* or a launcher's session */
    int32_t rank;
    uint32_t role;
    uint8_t buffer[READ_BYTES];
};

/* ---------------------------------------------------------------- making and ending */

/* Who this process is, as its launcher told it, or which launcher it is. False if the session's
 * name cannot be one. */
static bool read_self(struct ft_connection *connection, const char *session)
{
    const char *job = getenv("PMIX_NAMESPACE");
    const char *rank = getenv("PMIX_RANK");
    char *end;
    long number;

    connection->rank = -1;
    connection->role = ROLE_CLIENT;
    if (gethostname(connection->node, sizeof connection->node) != 0)
        connection->node[0] = '\0';
    connection->node[sizeof connection->node - 1] = '\0';
    if (session != NULL) {
        connection->role = ROLE_LAUNCHER;
        return session[0] != '\0'
               && ft_text_copy(connection->job, sizeof connection->job, session);
    }
    if (job == NULL || rank == NULL
        || !ft_text_copy(connection->job, sizeof connection->job, job)) {
        connection->job[0] = '\0';
        return true;
    }
    errno = 0;
    number = strtol(rank, &end, 10);
    if (errno == 0 && end != rank && *end == '\0' && number >= 0 && number <= INT_MAX)
        connection->rank = (int32_t) number;
    return true;
}

struct ft_connection *ft_connection_create(const struct ft_host *host, const char *session)
{
    struct ft_connection *connection = calloc(1, sizeof *connection);

    if (connection == NULL)
        return NULL;
    connection->host = *host;
    connection->fd = -1;
    connection->epoll = -1;
    if (read_self(connection, session))
        return connection;
    ft_connection_destroy(connection);
    errno = EINVAL;
    return NULL;
}

void ft_connection_destroy(struct ft_connection *connection)
{
    int error = errno;

    if (connection == NULL)
        return;
    if (connection->fd >= 0)
        close(connection->fd);
    ft_channel_destroy(connection->channel);
    ft_host_clear(&connection->host);
    free(connection->held);
    free(connection);
    errno = error;
}

static void close_socket(struct ft_connection *connection)
{
    int fd;

    if (connection->fd < 0)
        return;
    /* Closing alone would not take it out while a child of this process has a copy. */
    if (connection->watched != 0)
        epoll_ctl(connection->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
    connection->watched = 0;
    /* In this order: a child that is forked in between must not take the number for ours. */
    fd = connection->fd;
    connection->fd = -1;
    close(fd);
}

static void go_down(struct ft_connection *connection)
{
    close_socket(connection);
    ft_channel_destroy(connection->channel);
    connection->channel = NULL;
    connection->held_n = 0;
    connection->state = FT_CONNECTION_DOWN;
}

static void write_out(struct ft_connection *connection)
{
    const void *bytes;
    ssize_t written;
    size_t n;

    while (!connection->is_write_broken) {
        bytes = ft_channel_output(connection->channel, &n);
        if (n == 0)
            return;
        written = send(connection->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (written > 0)
            ft_channel_written(connection->channel, (size_t) written);
        else if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        else if (written < 0 && errno != EINTR)
            connection->is_write_broken = true; /* reading tells what happened */
    }
}

/* ---------------------------------------------------------------- failures in words */

static const char *absent_hint(const struct ft_connection *connection)
{
    if (connection->host.is_session)
        return "a unit lives as long as its job: see that the job runs, and noded.log beside the "
               "socket";
    if (connection->host.is_unix)
        return "start ft-noded on this node, or run the program by `ft run`";
    return "see that a unit runs there, and that no firewall keeps it apart";
}

static ftRetVal_t fail_connect(struct ft_connection *connection, struct ft_why *why)
{
    char text[128];

    ft_why_set(why, FT_ERR_CONNECT, absent_hint(connection), "no unit answers at %s: %s",
               connection->host.text,
               strerror_r(connection->connect_error, text, sizeof text));
    go_down(connection);
    return why->status;
}

/* The channel refused what came, or could not take it. */
static int fail_channel(struct ft_connection *connection, int error, struct ft_why *why)
{
    const char *text = ft_channel_error(connection->channel);
    const char *host = connection->host.text;

    write_out(connection); /* tells the unit what this side speaks */
    if (text[0] == '\0')
        text = "it sent what cannot be understood";
    if (error == ENOMEM)
        ft_why_system(why, ENOMEM, "reading what the unit sent");
    else if (error == EACCES)
        ft_why_set(why, FT_ERR_AUTH, NULL, "the unit at %s and this process do not hold the same "
                   "key: %s", host, text);
    else if (error == EPROTONOSUPPORT)
        ft_why_set(why, FT_ERR_VERSION, NULL, "what answers at %s speaks another protocol: %s",
                   host, text);
    else
        ft_why_set(why, FT_ERR_PROTOCOL, NULL, "what the unit at %s sent is malformed: %s", host,
                   text);
    go_down(connection);
    return -1;
}

/* The unit hung up, or its node or network did. error is an errno; 0: closed in order. */
static int fail_closed(struct ft_connection *connection, int error, struct ft_why *why)
{
    char text[128];
    const char *how = error != 0 ? strerror_r(error, text, sizeof text)
                      : ft_channel_is_partial(connection->channel)
                          ? "closed the connection in the middle of a message"
                          : "closed the connection";
    const char *host = connection->host.text;

    if (connection->state == FT_CONNECTION_UP)
        ft_why_set(why, FT_ERR_LOST, NULL, "the unit at %s went away: %s", host, how);
    else if (!connection->host.is_unix && !ft_channel_is_open(connection->channel))
        ft_why_set(why, FT_ERR_AUTH, NULL, "the unit at %s hung up while both sides proved their "
                   "keys, most likely because the keys differ: %s", host, how);
    else
        ft_why_set(why, FT_ERR_CONNECT, absent_hint(connection),
                   "the unit at %s hung up before it greeted: %s", host, how);
    go_down(connection);
    return -1;
}

static int fail_late(struct ft_connection *connection, struct ft_why *why)
{
    ft_why_set(why, FT_ERR_CONNECT, "see whether the unit hangs or its node is overloaded",
               "the unit at %s did not %s within %d ms", connection->host.text,
               connection->state == FT_CONNECTION_GREETING ? "greet" : "answer",
               FT_CONNECT_MAX_MS);
    go_down(connection);
    return -1;
}

/* ---------------------------------------------------------------- connecting */

static int queue_hello(struct ft_connection *connection)
{
    static char program[] = "libft " PACKAGE_VERSION;
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Hello hello = FT__HELLO__INIT;
    char *spares = getenv("FT_SPARE_NODES"); /* the launcher's own word, see spares.c there */

    hello.protocol = FT_PROTOCOL;
    hello.program = program;
    hello.node = connection->node;
    hello.job = connection->job;
    hello.rank = connection->rank;
    hello.pid = getpid();
    hello.role = connection->role;
    if (connection->role == ROLE_LAUNCHER) {
        hello.slurm_job = ft_slurm_job();
        hello.spares = spares != NULL ? spares : hello.spares;
    }
    message.body_case = FT__MESSAGE__BODY_HELLO;
    message.hello = &hello;
    return ft_channel_send(connection->channel, &message);
}

/* A TCP peer that vanished without a word is noticed after 8 s; unsent data gives up as soon. */
static void set_tcp_options(int fd)
{
    const int on = 1, idle_s = 5, interval_s = 1, probes = 3;
    const unsigned unacknowledged_ms = 8000;

    /* Each only makes things better: a kernel without it is no reason to fail. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
}

static ftRetVal_t check_peer(struct ft_connection *connection, struct ft_why *why)
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (getsockopt(connection->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        ft_why_system(why, errno, "asking who listens at the unit's socket");
    } else if (peer.uid != 0 && peer.uid != geteuid()) {
        ft_why_set(why, FT_ERR_AUTH, "use a unit of root's or of this user's own",
                   "what listens at %s belongs to user %ld, not to root or to this user (%ld)",
                   connection->host.text, (long) peer.uid, (long) geteuid());
    } else {
        return FT_OK;
    }
    go_down(connection);
    return why->status;
}

static ftRetVal_t connected(struct ft_connection *connection, struct ft_why *why)
{
    if (connection->host.is_unix) {
        if (check_peer(connection, why) != FT_OK)
            return why->status;
    } else {
        set_tcp_options(connection->fd);
    }
    connection->state = FT_CONNECTION_GREETING;
    return FT_OK;
}

/* Is what went wrong what a unit that is just starting, or very busy, looks like? */
static bool may_come_yet(const struct ft_connection *connection)
{
    if (!connection->host.is_unix)
        return false;
    if (connection->connect_error == EAGAIN)
        return true; /* it listens; its queue of new connections is full */
    if (!connection->patient)
        return false;
    return connection->connect_error == ECONNREFUSED
           || (connection->connect_error == ENOENT && connection->host.is_session);
}

/* All addresses were tried: gives up, or waits a little and begins again. */
static ftRetVal_t try_later(struct ft_connection *connection, int64_t now_ms, struct ft_why *why)
{
    if (!may_come_yet(connection) || now_ms >= connection->deadline_ms)
        return fail_connect(connection, why);
    connection->at = 0;
    connection->retry_at_ms = now_ms + connection->retry_in_ms;
    if (connection->retry_at_ms > connection->deadline_ms)
        connection->retry_at_ms = connection->deadline_ms;
    connection->retry_in_ms *= 2;
    if (connection->retry_in_ms > RETRY_MAX_MS)
        connection->retry_in_ms = RETRY_MAX_MS;
    return FT_OK;
}

/* Tries the addresses from connection->at on, until one connects or is about to. */
static ftRetVal_t try_addresses(struct ft_connection *connection, struct ft_why *why)
{
    int64_t now_ms = ft_clock_ms();
    unsigned left;

    for (; connection->at < connection->host.n; connection->at++) {
        const struct sockaddr *address =
            (const struct sockaddr *) &connection->host.addresses[connection->at].address;

        connection->fd =
            socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (connection->fd < 0 && errno != EAFNOSUPPORT) {
            ft_why_system(why, errno, "making a socket to the unit");
            go_down(connection);
            return why->status;
        }
        if (connection->fd >= 0
            && connect(connection->fd, address, connection->host.addresses[connection->at].size)
                   == 0)
            return connected(connection, why);
        /* EINTR: the connection goes on being made. */
        if (connection->fd >= 0 && (errno == EINPROGRESS || errno == EINTR)) {
            left = connection->host.n - connection->at;
            connection->address_deadline_ms = now_ms + (connection->deadline_ms - now_ms) / left;
            return FT_OK;
        }
        connection->connect_error = errno;
        close_socket(connection);
    }
    return try_later(connection, now_ms, why);
}

ftRetVal_t ft_connection_start(struct ft_connection *connection, bool patient, struct ft_why *why)
{
    enum ft_channel_kind kind =
        connection->host.is_unix ? FT_CHANNEL_PLAIN : FT_CHANNEL_KEYED_CLIENT;

    connection->channel =
        ft_channel_create(kind, connection->host.is_unix ? NULL : connection->host.key);
    if (connection->channel == NULL)
        return ft_why_system(why, errno, "making a channel to the unit");
    if (queue_hello(connection) != 0) {
        ft_why_system(why, errno, "greeting the unit");
        go_down(connection);
        return why->status;
    }
    connection->state = FT_CONNECTION_CONNECTING;
    connection->patient = patient;
    connection->at = 0;
    connection->connect_error = 0;
    connection->is_write_broken = false;
    connection->retry_in_ms = RETRY_MIN_MS;
    connection->deadline_ms = ft_clock_ms() + FT_CONNECT_MAX_MS;
    return try_addresses(connection, why);
}

/* Looks how the attempt on one address, or the wait between two attempts, is getting on. */
static int progress_connecting(struct ft_connection *connection, struct ft_why *why)
{
    struct pollfd socket = {.fd = connection->fd, .events = POLLOUT};
    int64_t now_ms = ft_clock_ms();
    int error = 0;
    socklen_t size = sizeof error;

    if (connection->fd < 0) {
        if (now_ms < connection->retry_at_ms)
            return 0;
        return try_addresses(connection, why) == FT_OK ? 0 : -1;
    }
    if (poll(&socket, 1, 0) > 0) {
        if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
            error = errno;
        if (error == 0)
            return connected(connection, why) == FT_OK ? 0 : -1;
        connection->connect_error = error;
    } else if (now_ms < connection->address_deadline_ms) {
        return 0;
    } else {
        connection->connect_error = ETIMEDOUT;
    }
    close_socket(connection);
    connection->at++;
    return try_addresses(connection, why) == FT_OK ? 0 : -1;
}

/* ---------------------------------------------------------------- bytes */

static int read_in(struct ft_connection *connection, struct ft_why *why)
{
    ssize_t n;

    do
        n = recv(connection->fd, connection->buffer, sizeof connection->buffer, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return connection->is_write_broken ? fail_closed(connection, EPIPE, why) : 0;
    if (n <= 0)
        return fail_closed(connection, n < 0 ? errno : 0, why);
    if (ft_channel_feed(connection->channel, connection->buffer, (size_t) n) != 0)
        return fail_channel(connection, errno, why);
    return 1;
}

int ft_connection_progress(struct ft_connection *connection, struct ft_why *why)
{
    int came;

    if (connection->state == FT_CONNECTION_DOWN)
        return 0;
    if (connection->state == FT_CONNECTION_CONNECTING) {
        if (progress_connecting(connection, why) != 0)
            return -1;
        if (connection->state == FT_CONNECTION_CONNECTING)
            return 0;
    }
    write_out(connection);
    came = read_in(connection, why);
    if (came == 0 && connection->state == FT_CONNECTION_GREETING
        && ft_clock_ms() >= connection->deadline_ms)
        return fail_late(connection, why);
    if (came == 1)
        write_out(connection); /* the handshake's next step */
    return came;
}

/* ---------------------------------------------------------------- messages */

/* Keeps a message until the unit has greeted: its length, then the packed message. */
static ftRetVal_t hold(struct ft_connection *connection, const Ft__Message *message,
                       struct ft_why *why)
{
    uint32_t n = (uint32_t) ft__message__get_packed_size(message);
    size_t needs = connection->held_n + sizeof n + n;
    uint8_t *grown;

    if (n > FT_FRAME_MAX_BYTES || needs > FT_CHANNEL_QUEUE_BYTES / 2)
        return ft_why_set(why, FT_ERR_BUSY, NULL, "%zu bytes wait for the unit at %s to greet",
                          connection->held_n, connection->host.text);
    if (needs > connection->held_max) {
        grown = realloc(connection->held, 2 * needs);
        if (grown == NULL)
            return ft_why_system(why, ENOMEM, "keeping a message for the unit");
        connection->held = grown;
        connection->held_max = 2 * needs;
    }
    memcpy(connection->held + connection->held_n, &n, sizeof n);
    ft__message__pack(message, connection->held + connection->held_n + sizeof n);
    connection->held_n = needs;
    return FT_OK;
}

static ftRetVal_t send_now(struct ft_connection *connection, const Ft__Message *message,
                           struct ft_why *why)
{
    if (ft_channel_send(connection->channel, message) == 0)
        return FT_OK;
    if (errno == ENOMEM)
        return ft_why_system(why, ENOMEM, "sending a message to the unit");
    return ft_why_set(why, FT_ERR_BUSY, NULL, "the unit at %s does not take what is sent to it",
                      connection->host.text);
}

ftRetVal_t ft_connection_send(struct ft_connection *connection, const Ft__Message *message,
                              struct ft_why *why)
{
    if (connection->state != FT_CONNECTION_UP)
        return hold(connection, message, why);
    if (send_now(connection, message, why) != FT_OK)
        return why->status;
    write_out(connection);
    return FT_OK;
}

/* Sends what was held: at most half of what the channel's queue, empty now, can take. */
static int release_held(struct ft_connection *connection, struct ft_why *why)
{
    size_t at = 0;
    uint32_t n;

    while (at < connection->held_n) {
        Ft__Message *message;
        ftRetVal_t status;

        memcpy(&n, connection->held + at, sizeof n);
        at += sizeof n;
        message = ft__message__unpack(NULL, n, connection->held + at);
        at += n;
        status = message != NULL ? send_now(connection, message, why)
                                 : ft_why_system(why, ENOMEM, "sending what waited for the unit");
        if (message != NULL)
            ft__message__free_unpacked(message, NULL);
        if (status != FT_OK) {
            go_down(connection);
            return -1;
        }
        write_out(connection);
    }
    free(connection->held);
    connection->held = NULL;
    connection->held_n = connection->held_max = 0;
    return 0;
}

static int take_greeting(struct ft_connection *connection, const Ft__Message *message,
                         struct ft_why *why)
{
    const char *host = connection->host.text;
    const Ft__Hello *hello = message->hello;

    if (message->body_case != FT__MESSAGE__BODY_HELLO) {
        ft_why_set(why, FT_ERR_PROTOCOL, NULL, "what answers at %s did not greet first", host);
    } else if (hello->protocol != FT_PROTOCOL || hello->refused == FT_ERR_VERSION) {
        ft_why_set(why, FT_ERR_VERSION, NULL, "the unit at %s (%.80s) speaks version %u of the "
                   "protocol, this library (libft %s) version %d", host, hello->program,
                   hello->protocol, PACKAGE_VERSION, FT_PROTOCOL);
    } else if (hello->refused < FT_ERR_UNFIT || hello->refused > 0) {
        ft_why_set(why, FT_ERR_PROTOCOL, NULL, "the unit at %s refused with the unknown result %d",
                   host, hello->refused);
    } else if (hello->refused == FT_ERR_BUSY) {
        /* A central unit that follows: one that leads, or a node's unit, never refuses so. */
        ft_why_set(why, FT_ERR_BUSY, hello->leader[0] != '\0'
                       ? "ask that one, or a node's unit, which finds it by itself"
                       : "try again when one leads, or ask a node's unit, which waits for it",
                   "the central unit at %s does not lead%s%.200s", host,
                   hello->leader[0] != '\0' ? "; the one that does is at " : "", hello->leader);
    } else if (hello->refused != 0) {
        ft_why_set(why, (ftRetVal_t) hello->refused, NULL,
                   "the unit at %s (%.80s) refused this process: %s", host, hello->program,
                   ftStrError((ftRetVal_t) hello->refused));
    } else {
        connection->state = FT_CONNECTION_UP;
        return release_held(connection, why);
    }
    go_down(connection);
    return -1;
}

/* An answer that finds no room is left out: the unit that asked does not read what we send. */
static void answer_ping(struct ft_connection *connection, const Ft__Message *message)
{
    Ft__Message answer = FT__MESSAGE__INIT;
    Ft__Pong pong = FT__PONG__INIT;

    answer.id = message->id;
    answer.body_case = FT__MESSAGE__BODY_PONG;
    answer.pong = &pong;
    pong.sent_ns = message->ping->sent_ns;
    if (ft_channel_send(connection->channel, &answer) == 0)
        write_out(connection);
}

int ft_connection_next(struct ft_connection *connection, Ft__Message **message,
                       struct ft_why *why)
{
    int got;

    while (connection->state == FT_CONNECTION_GREETING || connection->state == FT_CONNECTION_UP) {
        got = ft_channel_next(connection->channel, message);
        if (got < 0)
            return fail_channel(connection, errno, why);
        if (got == 0)
            return 0;
        if (connection->state == FT_CONNECTION_GREETING)
            got = take_greeting(connection, *message, why);
        else if ((*message)->body_case == FT__MESSAGE__BODY_REPLY)
            return 1;
        else if ((*message)->body_case == FT__MESSAGE__BODY_PING)
            answer_ping(connection, *message);
        ft__message__free_unpacked(*message, NULL);
        *message = NULL;
        if (got < 0)
            return -1;
    }
    return 0;
}

size_t ft_connection_waiting_bytes(struct ft_connection *connection)
{
    size_t n = 0;

    if (connection->channel != NULL)
        ft_channel_output(connection->channel, &n);
    return n + connection->held_n;
}

/* ---------------------------------------------------------------- what to wait for */

enum ft_connection_state ft_connection_state(const struct ft_connection *connection)
{
    return connection->state;
}

const char *ft_connection_host(const struct ft_connection *connection)
{
    return connection->host.text;
}

int ft_connection_fd(const struct ft_connection *connection)
{
    return connection->fd;
}

short ft_connection_events(struct ft_connection *connection)
{
    size_t n = 0;

    if (connection->state == FT_CONNECTION_CONNECTING)
        return POLLOUT;
    if (connection->channel != NULL && !connection->is_write_broken)
        ft_channel_output(connection->channel, &n);
    return (short) (POLLIN | (n > 0 ? POLLOUT : 0));
}

int64_t ft_connection_wakeup_ms(const struct ft_connection *connection)
{
    if (connection->state == FT_CONNECTION_GREETING)
        return connection->deadline_ms;
    if (connection->state != FT_CONNECTION_CONNECTING)
        return INT64_MAX;
    return connection->fd < 0 ? connection->retry_at_ms : connection->address_deadline_ms;
}

int ft_connection_watch(struct ft_connection *connection, int epoll)
{
    connection->epoll = epoll;
    return ft_connection_rewatch(connection);
}

int ft_connection_rewatch(struct ft_connection *connection)
{
    struct epoll_event event = {0};

    if (connection->epoll < 0 || connection->fd < 0)
        return 0;
    /* poll's and epoll's bits are the same on Linux, but that is written nowhere. */
    short events = ft_connection_events(connection);
    event.events = ((events & POLLIN) ? EPOLLIN : 0u) | ((events & POLLOUT) ? EPOLLOUT : 0u);
    if (event.events == connection->watched)
        return 0;
    if (epoll_ctl(connection->epoll, connection->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD,
                  connection->fd, &event) != 0)
        return -1;
    connection->watched = event.events;
    return 0;
}
