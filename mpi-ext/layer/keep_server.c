/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_server.c - what this process keeps for other ranks: its thread, its door.
 *
 * Why a thread and a port of its own, and not MPI messages: a commit has to go on while the partner
 * computes for minutes without an MPI call, and a replacement has to get the state while all others
 * compute. MPI makes no progress then, and most programs ask for MPI_THREAD_SINGLE, so that a
 * thread of ours may not call it. A node's unit could keep the state instead, but it would need as
 * much memory as the job's ranks, outside of their limits and accounts, and a copy more.
 *
 * So each process that calls FTMPI_Keep has this thread. It calls no MPI, blocks all signals,
 * sleeps in poll, and ends in MPI_Finalize. Nothing of it is inherited by children (keep_line.c).
 *
 * One state machine a connection: greeting, proof, then frames (keep_wire.c). A connection has one
 * request at a time; while an answer goes out nothing is read. An image comes in beside those that
 * are there and joins them (keep_store.c) only when it is whole and its checksums are right, so a
 * sender that dies in the middle leaves what was there before.
 *
 * Created by keep.c.
 */
#include "config.h"

#include "keep_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "gone.h"
#include "keep_line.h"
#include "keep_memory.h"
#include "keep_store.h"
#include "keep_thread.h"

#define CONNECTIONS_MAX 64
#define HANDSHAKE_MS 5000
#define STALL_MS 15000 /* in the middle of a request or an answer; between them there is no limit */
#define DEAF_MS 250    /* after a guest that could not be let in */
#define BACKLOG 64
#define MANIFEST_MAX (FTM_KEEP_BUFFERS_MAX * FTM_KEEP_ENTRY_BYTES)
#define ANSWER_MAX (FTM_KEEP_FRAME_BYTES + MANIFEST_MAX)
#define MEMORY_SHARE 0.9 /* of what is available, that one image may take */

enum step { GREETING, PROOF, FRAME, MANIFEST, DATA };

struct connection {
    int fd;
    enum step step;
    int64_t moved_ns;  /* when something last moved */
    unsigned char nonces[2][FTM_KEEP_NONCE_BYTES]; /* the client's, ours */
    unsigned char *in;  /* what comes next goes here */
    size_t in_n, in_have;
    unsigned char head[MANIFEST_MAX]; /* where `in` points but for DATA */
    struct ftm_keep_frame frame;      /* the request */
    enum ftm_keep_status refusal;     /* of it, before all of it is here */
    struct ftm_keep_image *incoming;
    unsigned char answer[ANSWER_MAX];
    size_t answer_n, answer_sent;
    struct ftm_keep_image *outgoing; /* its data, behind the answer */
    size_t outgoing_sent;
};

struct ftm_keep_server {
    int listener, stop_fd;
    unsigned char key[FTM_KEEP_KEY_BYTES];
    struct ftm_keep_store *store;
    struct connection *connections[CONNECTIONS_MAX];
    int64_t deaf_until_ns; /* the thread's */
    pthread_t thread;
};

/* ---------------------------------------------------------------- a connection's life */

static void expect(struct connection *connection, enum step step, size_t n)
{
    connection->step = step;
    connection->in = connection->head;
    connection->in_n = n;
    connection->in_have = 0;
}

static void connection_destroy(struct connection *connection)
{
    if (!connection)
        return;
    ftm_keep_image_drop(connection->incoming);
    ftm_keep_image_drop(connection->outgoing);
    ftm_keep_fd_close(connection->fd);
    free(connection);
}

static struct connection *connection_create(int fd)
{
    struct connection *connection = calloc(1, sizeof *connection);

    if (!connection || !ftm_keep_fd_add(fd)) {
        free(connection);
        return NULL;
    }
    connection->fd = fd;
    connection->moved_ns = ftm_now_ns();
    ftm_keep_socket_tune(fd);
    expect(connection, GREETING, FTM_KEEP_GREETING_BYTES);
    return connection;
}

/* A guest that cannot be let in, for want of descriptors or memory, stands before the door until
 * there are some: it is looked for now and then only. */
static void take_guest(struct ftm_keep_server *server)
{
    int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            server->deaf_until_ns = ftm_deadline_ns(DEAF_MS);
        return;
    }
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        if (!server->connections[i]) {
            server->connections[i] = connection_create(fd);
            if (server->connections[i])
                return;
            break;
        }
    close(fd); /* it finds another partner, or comes again */
}

/* ---------------------------------------------------------------- answers */

static void say(struct connection *connection, const struct ftm_keep_frame *frame)
{
    ftm_keep_frame_write(frame, connection->answer + connection->answer_n);
    connection->answer_n += FTM_KEEP_FRAME_BYTES;
}

static void say_status(struct connection *connection, enum ftm_keep_status status)
{
    const struct ftm_keep_frame frame = {
        .kind = status == FTM_KEEP_OK ? FTM_KEEP_DONE : FTM_KEEP_REFUSED,
        .status = status,
        .rank = connection->frame.rank,
    };

    say(connection, &frame);
}

static enum ftm_keep_status status_of(int error)
{
    return error == ESTALE ? FTM_KEEP_STALE
        : error == EBADMSG ? FTM_KEEP_NONSENSE
                           : FTM_KEEP_NO_MEMORY;
}

/* Memory that is used again needs none. Else refuse, rather than have the node end a process. */
static bool has_memory_for(struct ftm_keep_server *server, int rank,
                           const struct ftm_keep_entry entries[],
                           const struct ftm_keep_frame *frame)
{
    return ftm_keep_store_has_room(server->store, rank, entries, frame->n)
        || (double) frame->bytes < MEMORY_SHARE * (double) ftm_keep_memory_left("");
}

/* ---------------------------------------------------------------- requests */

/* PUT, and its manifest is here: is there room? */
static void begin_incoming(struct ftm_keep_server *server, struct connection *connection)
{
    const struct ftm_keep_frame *frame = &connection->frame;
    struct ftm_keep_entry *entries = calloc(frame->n + 1, sizeof *entries);
    struct ftm_keep_image *image = NULL;

    if (entries && connection->refusal == FTM_KEEP_OK
        && ftm_keep_manifest_read(connection->head, frame->n, entries) == 0) {
        if (has_memory_for(server, frame->rank, entries, frame))
            image = ftm_keep_store_room(server->store, frame->rank, entries, frame->n);
        else
            errno = ENOMEM;
        if (image && image->bytes != frame->bytes) {
            ftm_keep_image_drop(image);
            image = NULL;
            errno = EBADMSG;
        }
    }
    if (image) {
        ftm_keep_frame_label(frame, image);
        connection->incoming = image;
        say_status(connection, FTM_KEEP_OK);
        expect(connection, DATA, image->bytes);
        connection->in = image->data;
    } else {
        say_status(connection, connection->refusal ? connection->refusal : status_of(errno));
        expect(connection, FRAME, FTM_KEEP_FRAME_BYTES);
    }
    free(entries);
}

/* Its replacement may have spoken while the image came. */
static bool still_speaks(struct ftm_keep_server *server, const struct ftm_keep_frame *frame)
{
    return frame->speaker == FTM_KEEP_NOBODY
        || ftm_keep_store_meet(server->store, frame->rank, frame->speaker) == 0;
}

static void end_incoming(struct ftm_keep_server *server, struct connection *connection)
{
    struct ftm_keep_image *image = connection->incoming;
    enum ftm_keep_status status = FTM_KEEP_OK;

    connection->incoming = NULL;
    ftm_keep_image_set_summed(image, true);
    if (ftm_keep_image_damage(image)) {
        ftm_keep_image_drop(image);
        status = FTM_KEEP_DAMAGED;
    } else if (!still_speaks(server, &connection->frame)) {
        ftm_keep_image_drop(image);
        status = FTM_KEEP_STALE;
    } else if (ftm_keep_store_add(server->store, image) != 0) {
        status = status_of(errno);
    }
    say_status(connection, status);
    expect(connection, FRAME, FTM_KEEP_FRAME_BYTES);
}

static void answer_ask(struct ftm_keep_server *server, struct connection *connection)
{
    struct ftm_keep_frame have = {.kind = FTM_KEEP_HAVE, .rank = connection->frame.rank};

    while (ftm_keep_store_at(server->store, have.rank, (int) have.n))
        have.n++;
    say(connection, &have);
    for (int age = 0; age < (int) have.n; age++) {
        const struct ftm_keep_frame entry = ftm_keep_frame_of(
            FTM_KEEP_ENTRY, ftm_keep_store_at(server->store, have.rank, age), FTM_KEEP_NOBODY);

        say(connection, &entry);
    }
}

static void answer_get(struct ftm_keep_server *server, struct connection *connection)
{
    const struct ftm_keep_frame *frame = &connection->frame;
    struct ftm_keep_image *image = NULL;
    struct ftm_keep_frame answer;

    for (int age = 0; age < FTM_KEEP_GENERATIONS; age++) {
        image = ftm_keep_store_at(server->store, frame->rank, age);
        if (image && image->epoch == frame->epoch && image->serial == frame->serial)
            break;
        image = NULL;
    }
    if (!image) {
        say_status(connection, FTM_KEEP_UNKNOWN);
        return;
    }
    answer = ftm_keep_frame_of(FTM_KEEP_IMAGE, image, FTM_KEEP_NOBODY);
    say(connection, &answer);
    ftm_keep_manifest_write(image, connection->answer + connection->answer_n);
    connection->answer_n += (size_t) image->n * FTM_KEEP_ENTRY_BYTES;
    connection->outgoing = ftm_keep_image_hold(image);
    connection->outgoing_sent = 0;
}

/* False: not to be talked to. */
static bool answer_frame(struct ftm_keep_server *server, struct connection *connection)
{
    struct ftm_keep_frame *frame = &connection->frame;

    if (ftm_keep_frame_read(connection->head, frame) != 0)
        return false;
    expect(connection, FRAME, FTM_KEEP_FRAME_BYTES);
    connection->refusal = FTM_KEEP_OK;
    if (frame->speaker != FTM_KEEP_NOBODY
        && ftm_keep_store_meet(server->store, frame->rank, frame->speaker) != 0) {
        connection->refusal = status_of(errno);
        if (frame->kind != FTM_KEEP_PUT) {
            say_status(connection, connection->refusal);
            return true;
        }
    }
    switch (frame->kind) {
    case FTM_KEEP_PUT:
        expect(connection, MANIFEST, (size_t) frame->n * FTM_KEEP_ENTRY_BYTES);
        return true;
    case FTM_KEEP_ASK:
        answer_ask(server, connection);
        return true;
    case FTM_KEEP_GET:
        answer_get(server, connection);
        return true;
    case FTM_KEEP_BACK:
        ftm_keep_store_go_back(server->store, frame->rank, frame->epoch, frame->serial);
        say_status(connection, FTM_KEEP_OK);
        return true;
    default:
        return false;
    }
}

static bool answer_greeting(struct ftm_keep_server *server, struct connection *connection)
{
    if (memcmp(connection->head, ftm_keep_magic, sizeof ftm_keep_magic) != 0)
        return false;
    memcpy(connection->nonces[0], connection->head + sizeof ftm_keep_magic, FTM_KEEP_NONCE_BYTES);
    ftm_keep_random(connection->nonces[1], FTM_KEEP_NONCE_BYTES);
    memcpy(connection->answer, connection->nonces[1], FTM_KEEP_NONCE_BYTES);
    ftm_keep_prove(server->key, false, connection->nonces[0], connection->nonces[1],
                   connection->answer + FTM_KEEP_NONCE_BYTES);
    connection->answer_n = FTM_KEEP_ANSWER_BYTES;
    expect(connection, PROOF, FTM_KEEP_PROOF_BYTES);
    return true;
}

static bool check_proof(struct ftm_keep_server *server, struct connection *connection)
{
    unsigned char wanted[FTM_KEEP_PROOF_BYTES];

    ftm_keep_prove(server->key, true, connection->nonces[0], connection->nonces[1], wanted);
    if (!ftm_keep_proof_is_right(connection->head, wanted))
        return false;
    expect(connection, FRAME, FTM_KEEP_FRAME_BYTES);
    return true;
}

/* What was expected is here, whole. */
static bool take(struct ftm_keep_server *server, struct connection *connection)
{
    switch (connection->step) {
    case GREETING:
        return answer_greeting(server, connection);
    case PROOF:
        return check_proof(server, connection);
    case FRAME:
        return answer_frame(server, connection);
    case MANIFEST:
        begin_incoming(server, connection);
        return true;
    default:
        end_incoming(server, connection);
        return true;
    }
}

/* ---------------------------------------------------------------- bytes */

static bool has_answer(const struct connection *connection)
{
    return connection->answer_n > 0 || connection->outgoing;
}

/* False: the peer is gone. */
static bool is_only_busy(ssize_t n)
{
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

static bool write_some(struct connection *connection)
{
    const unsigned char *from = connection->answer + connection->answer_sent;
    size_t n = connection->answer_n - connection->answer_sent;
    ssize_t sent;

    if (n == 0) {
        from = connection->outgoing->data + connection->outgoing_sent;
        n = connection->outgoing->bytes - connection->outgoing_sent;
    }
    sent = send(connection->fd, from, n, MSG_NOSIGNAL);
    if (sent < 0)
        return is_only_busy(sent);
    connection->moved_ns = ftm_now_ns();
    if (connection->answer_sent < connection->answer_n)
        connection->answer_sent += (size_t) sent;
    else
        connection->outgoing_sent += (size_t) sent;
    if (connection->answer_sent == connection->answer_n
        && (!connection->outgoing || connection->outgoing_sent == connection->outgoing->bytes)) {
        connection->answer_n = connection->answer_sent = 0;
        ftm_keep_image_drop(connection->outgoing);
        connection->outgoing = NULL;
    }
    return true;
}

static bool read_some(struct ftm_keep_server *server, struct connection *connection)
{
    ssize_t got = 0;

    if (connection->in_have < connection->in_n) {
        got = recv(connection->fd, connection->in + connection->in_have,
                   connection->in_n - connection->in_have, 0);
        if (got <= 0)
            return is_only_busy(got);
        connection->moved_ns = ftm_now_ns();
        connection->in_have += (size_t) got;
    }
    return connection->in_have < connection->in_n || take(server, connection);
}

static bool serve(struct ftm_keep_server *server, struct connection *connection, short ready)
{
    bool is_well = true;

    if (ready & POLLOUT)
        is_well = write_some(connection);
    else if (ready)
        is_well = read_some(server, connection);
    /* An empty manifest is whole at once. */
    while (is_well && !has_answer(connection) && connection->in_n == connection->in_have)
        is_well = take(server, connection);
    return is_well;
}

/* In the middle of something for too long. */
static bool is_stuck(const struct connection *connection, int64_t now_ns)
{
    int64_t limit_ms = connection->step < FRAME ? HANDSHAKE_MS : STALL_MS;

    if (connection->step == FRAME && connection->in_have == 0 && !has_answer(connection))
        return false;
    return now_ns - connection->moved_ns > limit_ms * 1000000;
}

/* ---------------------------------------------------------------- the thread */

enum { STOP, DOOR, FIRST_CONNECTION };

/* Only what is open: poll takes no more than RLIMIT_NOFILE allows. */
static nfds_t list_polled(const struct ftm_keep_server *server, bool is_deaf,
                          struct pollfd polled[])
{
    nfds_t n = FIRST_CONNECTION;

    polled[STOP] = (struct pollfd){.fd = server->stop_fd, .events = POLLIN};
    polled[DOOR] = (struct pollfd){.fd = is_deaf ? -1 : server->listener, .events = POLLIN};
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        const struct connection *connection = server->connections[i];

        if (connection)
            polled[n++] = (struct pollfd){.fd = connection->fd,
                                          .events = has_answer(connection) ? POLLOUT : POLLIN};
    }
    return n;
}

static bool is_in_the_middle(const struct ftm_keep_server *server)
{
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        const struct connection *connection = server->connections[i];

        if (connection
            && (connection->step != FRAME || connection->in_have > 0 || has_answer(connection)))
            return true;
    }
    return false;
}

/* In list_polled's order. */
static void serve_all(struct ftm_keep_server *server, const struct pollfd polled[])
{
    const struct pollfd *next = &polled[FIRST_CONNECTION];
    int64_t now_ns = ftm_now_ns();

    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection **connection = &server->connections[i];

        if (*connection
            && (!serve(server, *connection, next++->revents) || is_stuck(*connection, now_ns))) {
            connection_destroy(*connection);
            *connection = NULL;
        }
    }
}

static bool is_stopped(const struct ftm_keep_server *server)
{
    uint64_t count;

    return read(server->stop_fd, &count, sizeof count) == sizeof count;
}

/* Does not end before it is told to: where poll is out of memory, or the program has lowered its
 * limit below what is open, it is tried again. */
static void *run(void *data)
{
    const struct timespec pause = {.tv_nsec = DEAF_MS * 1000000L};
    struct ftm_keep_server *server = data;
    struct pollfd polled[FIRST_CONNECTION + CONNECTIONS_MAX];

    while (!is_stopped(server)) {
        bool is_deaf = ftm_now_ns() < server->deaf_until_ns;
        nfds_t n = list_polled(server, is_deaf, polled);

        if (poll(polled, n, is_deaf ? DEAF_MS : is_in_the_middle(server) ? 1000 : -1) < 0) {
            if (errno != EINTR)
                nanosleep(&pause, NULL);
            continue;
        }
        serve_all(server, polled);
        if (polled[DOOR].revents)
            take_guest(server);
    }
    return NULL;
}

/* ---------------------------------------------------------------- the door */

static int open_listener(uint16_t *port)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    socklen_t size = sizeof v6;
    int off = 0, fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd >= 0 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0
        && bind(fd, (struct sockaddr *) &v6, sizeof v6) == 0) {
        size = sizeof v6;
        if (listen(fd, BACKLOG) == 0 && getsockname(fd, (struct sockaddr *) &v6, &size) == 0) {
            *port = ntohs(v6.sin6_port);
            return fd;
        }
    }
    if (fd >= 0)
        close(fd);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); /* no IPv6 here */
    size = sizeof v4;
    if (fd >= 0 && bind(fd, (struct sockaddr *) &v4, sizeof v4) == 0 && listen(fd, BACKLOG) == 0
        && getsockname(fd, (struct sockaddr *) &v4, &size) == 0) {
        *port = ntohs(v4.sin_port);
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool address_text(const struct sockaddr *address, char text[FTM_KEEP_ADDRESS_MAX])
{
    const void *bits = NULL;

    if (address && address->sa_family == AF_INET)
        bits = &((const struct sockaddr_in *) address)->sin_addr;
    else if (address && address->sa_family == AF_INET6
             && !IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *) address)->sin6_addr))
        bits = &((const struct sockaddr_in6 *) address)->sin6_addr;
    return bits && inet_ntop(address->sa_family, bits, text, FTM_KEEP_ADDRESS_MAX);
}

/* All addresses of the node that others may reach, those of version 4 first; of a node without any,
 * the loopback's: ranks on one node are still better than nothing. */
static void list_addresses(struct ftm_keep_card *card)
{
    struct ifaddrs *all = NULL;

    if (getifaddrs(&all) == 0)
        for (int family = 0; family < 2; family++)
            for (struct ifaddrs *each = all; each; each = each->ifa_next)
                if (each->ifa_addr && card->addresses_n < FTM_KEEP_ADDRESSES_MAX
                    && each->ifa_addr->sa_family == (family == 0 ? AF_INET : AF_INET6)
                    && (each->ifa_flags & (IFF_UP | IFF_LOOPBACK)) == IFF_UP
                    && address_text(each->ifa_addr, card->addresses[card->addresses_n]))
                    card->addresses_n++;
    if (all)
        freeifaddrs(all);
    if (card->addresses_n == 0)
        snprintf(card->addresses[card->addresses_n++], FTM_KEEP_ADDRESS_MAX, "127.0.0.1");
}

struct ftm_keep_server *ftm_keep_server_create(struct ftm_keep_card *card)
{
    struct ftm_keep_server *server = calloc(1, sizeof *server);

    if (!server)
        return NULL;
    memset(card, 0, sizeof *card);
    server->stop_fd = -1;
    server->listener = open_listener(&card->port);
    server->store = ftm_keep_store_create();
    if (server->listener < 0 || !server->store || !ftm_keep_fd_add(server->listener))
        goto error;
    server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->stop_fd < 0)
        goto error;
    ftm_keep_random(server->key, sizeof server->key);
    memcpy(card->key, server->key, sizeof card->key);
    list_addresses(card);
    if (ftm_keep_thread_start(&server->thread, run, server) == 0)
        return server;
error:
    if (server->stop_fd >= 0)
        close(server->stop_fd);
    if (server->listener >= 0)
        ftm_keep_fd_close(server->listener);
    ftm_keep_store_destroy(server->store);
    free(server);
    return NULL;
}

void ftm_keep_server_destroy(struct ftm_keep_server *server)
{
    uint64_t one = 1;

    if (!server)
        return;
    if (write(server->stop_fd, &one, sizeof one) == sizeof one)
        pthread_join(server->thread, NULL);
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        connection_destroy(server->connections[i]);
    ftm_keep_fd_close(server->listener);
    close(server->stop_fd);
    ftm_keep_store_destroy(server->store);
    free(server);
}
