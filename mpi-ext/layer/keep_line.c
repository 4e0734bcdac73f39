/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_line.c - a connection to a process that keeps state: the client's side.
 *
 * Used by the sender's thread (keep_sender.c) and by whoever fetches (keep_fetch.c), each with
 * lines of its own. Calls wait, but never for ever: each has a deadline, a limit on how long
 * nothing moves, and a descriptor that ends it early. keep_wire.c tells what is said.
 */
#include "config.h"

#include "keep_line.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gone.h"
#include "keep_store.h"

#define CONNECT_MS 1500 /* to one address */
#define STALL_MS 10000  /* nothing has moved for so long: the peer is as good as gone */
#define USER_TIMEOUT_MS 5000
#define CHUNK_BYTES (1u << 20)

/* ---------------------------------------------------------------- sockets and children */

static int fds[FTM_KEEP_FDS_MAX]; /* descriptor + 1; 0: free */

/* In a child of fork: only close(2) is allowed here, and it is enough. */
static void close_in_child(void)
{
    for (int i = 0; i < FTM_KEEP_FDS_MAX; i++) {
        int fd = __atomic_exchange_n(&fds[i], 0, __ATOMIC_RELAXED);

        if (fd > 0)
            close(fd - 1);
    }
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, close_in_child);
}

bool ftm_keep_fd_add(int fd)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, watch_forks);
    for (int i = 0; i < FTM_KEEP_FDS_MAX; i++) {
        int free_one = 0;

        if (__atomic_compare_exchange_n(&fds[i], &free_one, fd + 1, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return true;
    }
    errno = EMFILE;
    return false;
}

void ftm_keep_fd_close(int fd)
{
    int before = errno;

    for (int i = 0; i < FTM_KEEP_FDS_MAX; i++) {
        int ours = fd + 1;

        if (__atomic_compare_exchange_n(&fds[i], &ours, 0, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            break;
    }
    close(fd);
    errno = before;
}

void ftm_keep_socket_tune(int fd)
{
    int yes = 1, idle_s = 1, every_s = 1, probes = 3, timeout_ms = USER_TIMEOUT_MS;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof every_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}

/* ---------------------------------------------------------------- waiting */

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

/* Until the socket is ready. 0, or -1 with errno ETIMEDOUT or ECANCELED. */
static int wait_ready(const struct ftm_keep_line *line, short events, int64_t deadline_ns)
{
    struct pollfd polled[] = {{.fd = line->fd, .events = events},
                              {.fd = line->stop_fd, .events = POLLIN}};

    for (;;) {
        int64_t left_ms = ftm_left_ms(deadline_ns);
        int n = poll(polled, 2, left_ms < 0 || left_ms > STALL_MS ? STALL_MS : (int) left_ms);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (polled[1].revents) {
            errno = ECANCELED;
            return -1;
        }
        if (polled[0].revents)
            return 0;
        errno = ETIMEDOUT;
        return -1;
    }
}

int ftm_keep_line_send(struct ftm_keep_line *line, const void *bytes, size_t n, int64_t deadline_ns)
{
    const unsigned char *at = bytes;

    while (n > 0) {
        ssize_t sent = send(line->fd, at, n < CHUNK_BYTES ? n : CHUNK_BYTES, MSG_NOSIGNAL);

        if (sent > 0) {
            at += sent;
            n -= (size_t) sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (wait_ready(line, POLLOUT, deadline_ns) != 0)
                return -1;
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

int ftm_keep_line_receive(struct ftm_keep_line *line, void *bytes, size_t n, int64_t deadline_ns)
{
    unsigned char *at = bytes;

    while (n > 0) {
        ssize_t got = recv(line->fd, at, n, 0);

        if (got > 0) {
            at += got;
            n -= (size_t) got;
        } else if (got == 0) {
            errno = ECONNRESET;
            return -1;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (wait_ready(line, POLLIN, deadline_ns) != 0)
                return -1;
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- opening */

static int connect_to(struct ftm_keep_line *line, const char *address, uint16_t port,
                      int64_t deadline_ns)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
    int error = 0;
    socklen_t size = sizeof error;

    if (!is_v4 && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1) {
        errno = EBADMSG;
        return -1;
    }
    line->fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (line->fd < 0)
        return -1;
    if (!ftm_keep_fd_add(line->fd)) {
        close(line->fd);
        line->fd = -1;
        return -1;
    }
    ftm_keep_socket_tune(line->fd);
    if (connect(line->fd, is_v4 ? (struct sockaddr *) &v4 : (struct sockaddr *) &v6,
                is_v4 ? sizeof v4 : sizeof v6) == 0)
        return 0;
    if (errno == EINPROGRESS
        && wait_ready(line, POLLOUT, earlier(deadline_ns, ftm_deadline_ns(CONNECT_MS))) == 0
        && getsockopt(line->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0) {
        if (error == 0)
            return 0;
        errno = error;
    }
    ftm_keep_line_close(line);
    return -1;
}

static int shake_hands(struct ftm_keep_line *line, const struct ftm_keep_card *card,
                       int64_t deadline_ns)
{
    unsigned char greeting[FTM_KEEP_GREETING_BYTES], answer[FTM_KEEP_ANSWER_BYTES];
    unsigned char proof[FTM_KEEP_PROOF_BYTES], *nonce = greeting + sizeof ftm_keep_magic;

    deadline_ns = earlier(deadline_ns, ftm_deadline_ns(STALL_MS));
    memcpy(greeting, ftm_keep_magic, sizeof ftm_keep_magic);
    ftm_keep_random(nonce, FTM_KEEP_NONCE_BYTES);
    if (ftm_keep_line_send(line, greeting, sizeof greeting, deadline_ns) != 0
        || ftm_keep_line_receive(line, answer, sizeof answer, deadline_ns) != 0)
        return -1;
    ftm_keep_prove(card->key, false, nonce, answer, proof);
    if (!ftm_keep_proof_is_right(answer + FTM_KEEP_NONCE_BYTES, proof)) {
        errno = EACCES;
        return -1;
    }
    ftm_keep_prove(card->key, true, nonce, answer, proof);
    return ftm_keep_line_send(line, proof, sizeof proof, deadline_ns);
}

int ftm_keep_line_open(struct ftm_keep_line *line, const struct ftm_keep_card *card, int stop_fd,
                       int64_t deadline_ns)
{
    *line = FTM_KEEP_NO_LINE;
    line->stop_fd = stop_fd;
    memcpy(line->node, card->node, sizeof line->node);
    for (int i = 0; i < card->addresses_n; i++) {
        if (connect_to(line, card->addresses[i], card->port, deadline_ns) == 0) {
            if (shake_hands(line, card, deadline_ns) == 0)
                return 0;
            ftm_keep_line_close(line); /* another host may have that address, too */
        }
        if (errno == ECANCELED)
            break;
    }
    return -1;
}

void ftm_keep_line_close(struct ftm_keep_line *line)
{
    if (line->fd >= 0)
        ftm_keep_fd_close(line->fd);
    line->fd = -1;
}

/* ---------------------------------------------------------------- asking */

static int send_frame(struct ftm_keep_line *line, const struct ftm_keep_frame *frame,
                      int64_t deadline_ns)
{
    unsigned char bytes[FTM_KEEP_FRAME_BYTES];

    ftm_keep_frame_write(frame, bytes);
    return ftm_keep_line_send(line, bytes, sizeof bytes, deadline_ns);
}

static int receive_frame(struct ftm_keep_line *line, struct ftm_keep_frame *frame,
                         int64_t deadline_ns)
{
    unsigned char bytes[FTM_KEEP_FRAME_BYTES];

    return ftm_keep_line_receive(line, bytes, sizeof bytes, deadline_ns) == 0
        ? ftm_keep_frame_read(bytes, frame)
        : -1;
}

int ftm_keep_line_ask(struct ftm_keep_line *line, const struct ftm_keep_frame *frame,
                      struct ftm_keep_frame *answer, int64_t deadline_ns)
{
    return send_frame(line, frame, deadline_ns) == 0 ? receive_frame(line, answer, deadline_ns)
                                                     : -1;
}

static int errno_of(uint32_t status)
{
    static const int errors[] = {
        [FTM_KEEP_OK] = EBADMSG,      [FTM_KEEP_STALE] = ESTALE,   [FTM_KEEP_NO_MEMORY] = ENOMEM,
        [FTM_KEEP_DAMAGED] = EILSEQ,  [FTM_KEEP_UNKNOWN] = ENOENT, [FTM_KEEP_NONSENSE] = EBADMSG,
    };

    return errors[status];
}

/* -1 with errno if it is not the answer that was wanted. */
static int expect(const struct ftm_keep_frame *answer, enum ftm_keep_kind kind)
{
    if (answer->kind == (uint32_t) kind)
        return 0;
    errno = answer->kind == FTM_KEEP_REFUSED ? errno_of(answer->status) : EBADMSG;
    return -1;
}

int ftm_keep_line_list(struct ftm_keep_line *line, int rank, uint32_t speaker,
                       struct ftm_keep_frame found[], int64_t deadline_ns)
{
    const struct ftm_keep_frame ask = {
        .kind = FTM_KEEP_ASK, .rank = rank, .version = -1, .speaker = speaker};
    struct ftm_keep_frame answer;

    if (ftm_keep_line_ask(line, &ask, &answer, deadline_ns) != 0
        || expect(&answer, FTM_KEEP_HAVE) != 0)
        return -1;
    if (answer.n > FTM_KEEP_GENERATIONS) {
        errno = EBADMSG;
        return -1;
    }
    for (uint32_t i = 0; i < answer.n; i++)
        if (receive_frame(line, &found[i], deadline_ns) != 0
            || expect(&found[i], FTM_KEEP_ENTRY) != 0)
            return -1;
    return (int) answer.n;
}

int ftm_keep_line_put(struct ftm_keep_line *line, const struct ftm_keep_image *image,
                      uint32_t speaker, int64_t deadline_ns)
{
    const struct ftm_keep_frame frame = ftm_keep_frame_of(FTM_KEEP_PUT, image, speaker);
    size_t manifest_bytes = (size_t) image->n * FTM_KEEP_ENTRY_BYTES;
    unsigned char *manifest = malloc(manifest_bytes > 0 ? manifest_bytes : 1);
    struct ftm_keep_frame answer;
    int rc;

    if (!manifest)
        return -1;
    ftm_keep_manifest_write(image, manifest);
    rc = send_frame(line, &frame, deadline_ns);
    if (rc == 0)
        rc = ftm_keep_line_send(line, manifest, manifest_bytes, deadline_ns);
    free(manifest);
    /* Asked before the data: one that has no room says so here. */
    if (rc != 0 || receive_frame(line, &answer, deadline_ns) != 0
        || expect(&answer, FTM_KEEP_DONE) != 0
        || ftm_keep_line_send(line, image->data, image->bytes, deadline_ns) != 0
        || receive_frame(line, &answer, deadline_ns) != 0)
        return -1;
    return expect(&answer, FTM_KEEP_DONE);
}

/* An image with room for what the manifest names. */
static struct ftm_keep_image *receive_manifest(struct ftm_keep_line *line,
                                               const struct ftm_keep_frame *frame,
                                               int64_t deadline_ns)
{
    size_t n = frame->n > 0 ? frame->n : 1;
    unsigned char *manifest = malloc(n * FTM_KEEP_ENTRY_BYTES);
    struct ftm_keep_entry *entries = calloc(n, sizeof *entries);
    struct ftm_keep_image *image = NULL;

    if (manifest && entries
        && ftm_keep_line_receive(line, manifest, frame->n * FTM_KEEP_ENTRY_BYTES, deadline_ns) == 0
        && ftm_keep_manifest_read(manifest, frame->n, entries) == 0)
        image = ftm_keep_image_create(entries, frame->n);
    free(manifest);
    free(entries);
    if (image && image->bytes != frame->bytes) {
        ftm_keep_image_drop(image);
        image = NULL;
        errno = EBADMSG;
    }
    return image;
}

struct ftm_keep_image *ftm_keep_line_get(struct ftm_keep_line *line,
                                         const struct ftm_keep_frame *which, uint32_t speaker,
                                         char damaged[FTM_KEEP_NAME_MAX], int64_t deadline_ns)
{
    struct ftm_keep_frame ask = *which, answer;
    struct ftm_keep_image *image;
    const struct ftm_keep_entry *entry;

    ask.kind = FTM_KEEP_GET;
    ask.speaker = speaker;
    if (ftm_keep_line_ask(line, &ask, &answer, deadline_ns) != 0
        || expect(&answer, FTM_KEEP_IMAGE) != 0)
        return NULL;
    image = receive_manifest(line, &answer, deadline_ns);
    if (!image)
        return NULL;
    if (ftm_keep_line_receive(line, image->data, image->bytes, deadline_ns) != 0)
        goto error;
    ftm_keep_frame_label(&answer, image);
    ftm_keep_image_set_summed(image, true);
    entry = ftm_keep_image_damage(image);
    if (!entry)
        return image;
    if (damaged)
        memcpy(damaged, entry->name, FTM_KEEP_NAME_MAX);
    errno = EILSEQ;
error:
    ftm_keep_image_drop(image);
    return NULL;
}
