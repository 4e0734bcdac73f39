/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libft_unit.c - a node unit for tests of libft; see libft_unit.h for what it can be asked to do.
 *
 * One thread, one poll loop. It speaks through wire/channel as ft-noded does, so that what is
 * tested is libft against the real protocol. It is no daemon: a system call that fails ends the
 * test.
 */
#include "config.h"

#include "libft_unit.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ft.h"
#include "wire/convert.h"
#include "wire/verbs.h"

#define AWAIT_MS 5000
#define MUST(call) \
    do { \
        if (!(call)) { \
            fprintf(stderr, "libft_unit.c:%d: %s: %s\n", __LINE__, #call, strerror(errno)); \
            abort(); \
        } \
    } while (0)

/* ---------------------------------------------------------------- small helpers */

static char folder[64];
static pid_t folder_owner;

static void remove_folder(void)
{
    char path[400];
    struct dirent *entry;
    DIR *dir;

    if (folder_owner != getpid() || (dir = opendir(folder)) == NULL)
        return;
    while ((entry = readdir(dir)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path); /* "." and ".." refuse */
    }
    closedir(dir);
    rmdir(folder);
}

const char *unit_folder(void)
{
    if (folder_owner != getpid()) {
        strcpy(folder, "/tmp/libft-test.XXXXXX");
        MUST(mkdtemp(folder) != NULL);
        folder_owner = getpid();
        atexit(remove_folder);
    }
    return folder;
}

int64_t unit_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int unit_count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    MUST(dir != NULL);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

void unit_await(const char *what, atomic_int *counter, int value)
{
    int64_t until_ms = unit_now_ms() + AWAIT_MS;

    while (atomic_load(counter) < value) {
        ck_assert_msg(unit_now_ms() < until_ms, "%s: %d instead of %d after %d ms", what,
                      atomic_load(counter), value, AWAIT_MS);
        poll(NULL, 0, 1);
    }
}

/* ---------------------------------------------------------------- writing */

static void hang_up(struct unit_connection *of)
{
    if (of->fd < 0)
        return;
    close(of->fd);
    ft_channel_destroy(of->channel);
    *of = (struct unit_connection){.fd = -1};
}

static void write_raw(struct unit_connection *of, const void *bytes, size_t n)
{
    const char *at = bytes;
    ssize_t k;

    while (n > 0) {
        k = send(of->fd, at, n, MSG_NOSIGNAL);
        if (k <= 0)
            return; /* the client went away: the next read says so */
        at += k;
        n -= (size_t) k;
    }
}

static void flush(struct unit_connection *of)
{
    const void *bytes;
    size_t n;

    while ((bytes = ft_channel_output(of->channel, &n)) != NULL && n > 0) {
        write_raw(of, bytes, n);
        ft_channel_written(of->channel, n);
    }
}

static void send_message(struct unit_connection *of, Ft__Message *message)
{
    MUST(ft_channel_send(of->channel, message) == 0);
    flush(of);
}

static void send_reply(struct unit_connection *of, uint64_t id, const ftReply_t *reply)
{
    Ft__Message message = FT__MESSAGE__INIT;
    struct ft_put_reply put;

    ft_put_reply(&put, reply);
    message.id = id;
    message.body_case = FT__MESSAGE__BODY_REPLY;
    message.reply = &put.reply;
    send_message(of, &message);
}

static void send_hello(struct unit *u, struct unit_connection *of)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Hello hello = FT__HELLO__INIT;
    char program[] = "test-unit 1.0", node[] = "n0";

    hello.protocol = u->manner == UNIT_OTHER_VERSION ? FT_PROTOCOL + 1 : FT_PROTOCOL;
    hello.refused = u->manner == UNIT_REFUSES ? FT_ERR_DENIED : 0;
    hello.program = program;
    hello.node = node;
    hello.role = 2;
    message.body_case = FT__MESSAGE__BODY_HELLO;
    message.hello = &hello;
    send_message(of, &message);
}

/* ---------------------------------------------------------------- answering */

static void fill_well(ftReply_t *reply, int64_t number)
{
    memset(reply, 0, sizeof *reply);
    reply->event = 7;
    reply->decision = (uint64_t) number + 1000;
    reply->epoch = 1;
    reply->alternative.kind = FT_NODE;
    strcpy(reply->alternative.node, "n3");
    reply->rung = FT_BY_NEW_NODE;
    reply->reach = FT_REACH_START;
}

static void fill_full(ftReply_t *reply)
{
    fill_well(reply, 42);
    reply->resource.kind = FT_RANK;
    strcpy(reply->resource.job, "job@1");
    reply->resource.number = 2;
    strcpy(reply->lost_node, "n2");
    reply->repairable = 1;
    strcpy(reply->repair, "can be repaired");
    strcpy(reply->match, "fits well");
    reply->reach_rank = 5;
    strcpy(reply->port, "port-1");
    reply->in_job = 1;
    reply->steps = (ftSteps_t){1.5, 2.5, 3.5, 4.5};
    reply->probed = 3;
    reply->available_at_s = 1234567890;
    strcpy(reply->reason, "because");
    strcpy(reply->hint, "do this");
}

static void answer_later(struct unit *u, struct unit_connection *of, uint64_t id, int64_t number,
                         int after_ms)
{
    for (int i = 0; i < UNIT_LATER_MAX; i++) {
        if (u->later[i].fd < 0) {
            u->later[i] = (struct unit_later){unit_now_ms() + after_ms, of->fd, id, number};
            return;
        }
    }
    MUST(!"room for one more answer");
}

/* A command: "silent", "bare" (no text), "denied", "big", any other is its own answer. */
static void answer_command(struct unit_connection *of, const Ft__Message *message)
{
    const char *command = message->request->text;
    Ft__Message answer = FT__MESSAGE__INIT;
    Ft__Reply reply = FT__REPLY__INIT;
    char *big = NULL;

    if (strcmp(command, "silent") == 0)
        return;
    reply.json = message->request->text;
    if (strcmp(command, "bare") == 0)
        reply.json = (char *) "";
    if (strcmp(command, "denied") == 0) {
        reply.status = FT_ERR_DENIED;
        reply.reason = (char *) "not you";
    }
    if (strcmp(command, "big") == 0) {
        big = calloc(1, UNIT_BIG_BYTES + 1);
        MUST(big != NULL);
        memset(big, 'x', UNIT_BIG_BYTES);
        reply.json = big;
    }
    answer.id = message->id;
    answer.body_case = FT__MESSAGE__BODY_REPLY;
    answer.reply = &reply;
    send_message(of, &answer);
    free(big);
}

static void answer(struct unit *u, struct unit_connection *of, const Ft__Message *message)
{
    const Ft__Request *request = message->request;
    const char *what = "";
    int64_t number = 0;
    ftReply_t reply;

    if (request->verb == FT_VERB_ADMIN) {
        answer_command(of, message);
        return;
    }
    if (request->resource != NULL) {
        what = request->resource->node[0] != '\0' ? request->resource->node
                                                  : request->resource->job;
        number = request->resource->number;
    } else if (request->decision != 0) {
        number = (int64_t) request->decision;
    }
    fill_well(&reply, number);
    if (strcmp(what, "close") == 0) {
        hang_up(of);
    } else if (strcmp(what, "half") == 0) {
        write_raw(of, "\0\0\0\x40only the beginning", 20);
        hang_up(of);
    } else if (strcmp(what, "garbage") == 0) {
        write_raw(of, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
    } else if (strcmp(what, "silent") == 0) {
        return;
    } else if (strncmp(what, "slow", 4) == 0) {
        answer_later(u, of, message->id, number, atoi(what + 4));
    } else {
        if (strcmp(what, "range") == 0)
            reply.status = (ftRetVal_t) -1000;
        if (strcmp(what, "bare") == 0)
            reply.status = FT_ERR_UNKNOWN;
        if (strcmp(what, "none") == 0) {
            reply.status = FT_ERR_NONE;
            strcpy(reply.reason, "n3 is too small");
            strcpy(reply.hint, "add n4");
        }
        if (strcmp(what, "full") == 0)
            fill_full(&reply);
        if (strcmp(what, "other") == 0)
            send_reply(of, message->id + 1024, &(ftReply_t){.status = FT_ERR_NONE});
        send_reply(of, message->id, &reply);
        if (strcmp(what, "twice") == 0)
            send_reply(of, message->id, &(ftReply_t){.status = FT_ERR_NONE});
    }
}

static int64_t answer_due(struct unit *u)
{
    int64_t now_ms = unit_now_ms(), next_ms = 1000;
    ftReply_t reply;

    for (int i = 0; i < UNIT_LATER_MAX; i++) {
        struct unit_later *later = &u->later[i];

        if (later->fd < 0)
            continue;
        if (later->at_ms > now_ms) {
            if (later->at_ms - now_ms < next_ms)
                next_ms = later->at_ms - now_ms;
            continue;
        }
        for (int k = 0; k < UNIT_CONNECTIONS_MAX; k++) {
            if (u->of[k].fd == later->fd) {
                fill_well(&reply, later->number);
                send_reply(&u->of[k], later->id, &reply);
            }
        }
        later->fd = -1;
    }
    return next_ms;
}

/* ---------------------------------------------------------------- reading */

static void take_hello(struct unit *u, struct unit_connection *of, const Ft__Hello *hello)
{
    snprintf(u->job, sizeof u->job, "%s", hello->job);
    u->rank = hello->rank;
    if (u->manner == UNIT_HANGS_UP_LATER) {
        hang_up(of);
    } else if (u->manner == UNIT_GREETS_WRONG) {
        send_reply(of, 1, &(ftReply_t){.status = FT_OK});
    } else if (u->manner != UNIT_NEVER_GREETS) {
        send_hello(u, of);
        if (u->manner == UNIT_REFUSES || u->manner == UNIT_OTHER_VERSION)
            hang_up(of);
    }
    if (u->manner == UNIT_STALLS)
        atomic_store(&u->is_stalled, true);
}

static void take(struct unit *u, struct unit_connection *of, const Ft__Message *message)
{
    switch (message->body_case) {
    case FT__MESSAGE__BODY_HELLO:
        take_hello(u, of, message->hello);
        break;
    case FT__MESSAGE__BODY_REQUEST:
        atomic_store(&u->timeout_ms, message->request->timeout_ms);
        atomic_fetch_add(message->request->silent ? &u->posts : &u->requests, 1);
        if (!message->request->silent)
            answer(u, of, message);
        break;
    case FT__MESSAGE__BODY_CANCEL:
        atomic_fetch_add(&u->cancels, 1);
        break;
    case FT__MESSAGE__BODY_PONG:
        atomic_fetch_add(&u->pings_answered, 1);
        break;
    default:
        break;
    }
}

static void read_from(struct unit *u, struct unit_connection *of)
{
    static _Thread_local char bytes[65536];
    ssize_t n = recv(of->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    Ft__Message *message;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || ft_channel_feed(of->channel, bytes, (size_t) n) != 0) {
        if (n > 0)
            flush(of);
        hang_up(of);
        return;
    }
    flush(of);
    while (of->fd >= 0 && ft_channel_next(of->channel, &message) == 1) {
        take(u, of, message);
        ft__message__free_unpacked(message, NULL);
    }
}

static void accept_one(struct unit *u)
{
    int fd = accept4(u->listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    atomic_fetch_add(&u->connections, 1);
    if (u->manner == UNIT_HANGS_UP) {
        close(fd);
        return;
    }
    for (int i = 0; i < UNIT_CONNECTIONS_MAX; i++) {
        if (u->of[i].fd >= 0)
            continue;
        u->of[i].fd = fd;
        u->of[i].channel = ft_channel_create(
            u->is_tcp ? FT_CHANNEL_KEYED_SERVER : FT_CHANNEL_PLAIN, u->is_tcp ? u->key : NULL);
        MUST(u->of[i].channel != NULL);
        if (u->manner == UNIT_TALKS_RUBBISH)
            write_raw(&u->of[i], "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", 47);
        return;
    }
    close(fd);
}

/* ---------------------------------------------------------------- the loop */

static void take_control(struct unit *u)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Ping ping = FT__PING__INIT;
    char c;

    if (read(u->control[0], &c, 1) != 1 || c != 'p')
        return;
    message.body_case = FT__MESSAGE__BODY_PING;
    message.ping = &ping;
    for (int i = 0; i < UNIT_CONNECTIONS_MAX; i++) {
        if (u->of[i].fd >= 0)
            send_message(&u->of[i], &message);
    }
}

static void *run(void *arg)
{
    struct unit *u = arg;

    while (!atomic_load(&u->is_ending)) {
        static _Thread_local struct pollfd fds[UNIT_CONNECTIONS_MAX + 2];
        int64_t wait_ms = answer_due(u);

        fds[0] = (struct pollfd){.fd = u->control[0], .events = POLLIN};
        fds[1] = (struct pollfd){.fd = u->listener, .events = POLLIN};
        int n = 0; /* connections up to the last one in use: poll refuses more than the limit */

        for (int i = 0; i < UNIT_CONNECTIONS_MAX; i++) {
            fds[i + 2] = (struct pollfd){.fd = atomic_load(&u->is_stalled) ? -1 : u->of[i].fd,
                                         .events = POLLIN};
            if (u->of[i].fd >= 0)
                n = i + 1;
        }
        MUST(poll(fds, (nfds_t) n + 2, (int) wait_ms) >= 0 || errno == EINTR);
        if (fds[0].revents != 0)
            take_control(u);
        for (int i = 0; i < n; i++) {
            if (fds[i + 2].revents != 0 && u->of[i].fd == fds[i + 2].fd)
                read_from(u, &u->of[i]);
        }
        if (fds[1].revents != 0)
            accept_one(u);
    }
    return NULL;
}

static void tell(struct unit *u, char c)
{
    MUST(write(u->control[1], &c, 1) == 1);
}

static void listen_unix(struct unit *u)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (u->path[0] == '\0')
        snprintf(u->path, sizeof u->path, "%s/noded.sock", unit_folder());
    snprintf(address.sun_path, sizeof address.sun_path, "%s", u->path);
    snprintf(u->host, sizeof u->host, "unix:%s", u->path);
    unlink(u->path);
    u->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    MUST(u->listener >= 0);
    MUST(bind(u->listener, (struct sockaddr *) &address, sizeof address) == 0);
}

static void listen_tcp(struct unit *u)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    u->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    MUST(u->listener >= 0);
    MUST(bind(u->listener, (struct sockaddr *) &address, sizeof address) == 0);
    MUST(getsockname(u->listener, (struct sockaddr *) &address, &size) == 0);
    snprintf(u->host, sizeof u->host, "127.0.0.1:%d", ntohs(address.sin_port));
}

void unit_start(struct unit *u)
{
    for (int i = 0; i < UNIT_CONNECTIONS_MAX; i++)
        u->of[i] = (struct unit_connection){.fd = -1};
    for (int i = 0; i < UNIT_LATER_MAX; i++)
        u->later[i].fd = -1;
    atomic_store(&u->is_ending, false);
    atomic_store(&u->is_stalled, false);
    if (u->is_tcp)
        listen_tcp(u);
    else
        listen_unix(u);
    MUST(listen(u->listener, 64) == 0);
    MUST(pipe2(u->control, O_CLOEXEC) == 0);
    MUST(pthread_create(&u->thread, NULL, run, u) == 0);
}

void unit_stop(struct unit *u)
{
    atomic_store(&u->is_ending, true);
    tell(u, 'e');
    MUST(pthread_join(u->thread, NULL) == 0);
    close(u->listener);
    for (int i = 0; i < UNIT_CONNECTIONS_MAX; i++)
        hang_up(&u->of[i]);
    close(u->control[0]);
    close(u->control[1]);
}

void unit_remove(struct unit *u)
{
    unlink(u->path);
}

void unit_resume(struct unit *u)
{
    atomic_store(&u->is_stalled, false);
    tell(u, 'r');
}

void unit_ping(struct unit *u)
{
    tell(u, 'p');
}
