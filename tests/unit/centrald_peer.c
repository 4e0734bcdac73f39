/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * centrald_peer.c - for tests: the other end of a connection to ft-centrald.
 *
 * Blocking sockets around a wire/channel, with one deadline for everything. What cannot be sent or
 * does not come fails the test at once, with what was waited for.
 */
#include "centrald_peer.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "wire/convert.h"

static bool flush(struct peer *peer)
{
    size_t n;
    const void *bytes;

    while ((bytes = ft_channel_output(peer->channel, &n)) != NULL && n > 0) {
        ssize_t written = send(peer->file, bytes, n, MSG_NOSIGNAL);

        if (written < 0)
            return false;
        ft_channel_written(peer->channel, (size_t) written);
    }
    return true;
}

/* Reads once. 1 read, 0 closed or broken, -1 time is over. */
static int fill(struct peer *peer, int64_t until_ms)
{
    struct pollfd file = {.fd = peer->file, .events = POLLIN};
    int64_t left_ms = until_ms - ft_clock_ms();
    char bytes[16384];
    ssize_t n;

    if (poll(&file, 1, left_ms > 0 ? (int) left_ms : 0) <= 0)
        return -1;
    n = recv(peer->file, bytes, sizeof bytes, 0);
    if (n <= 0 || ft_channel_feed(peer->channel, bytes, (size_t) n) < 0)
        return 0;
    return flush(peer) ? 1 : 0;
}

static bool prove(struct peer *peer)
{
    int64_t until_ms = ft_clock_ms() + PEER_TIMEOUT_MS;

    if (!flush(peer))
        return false;
    while (!ft_channel_is_open(peer->channel)) {
        if (fill(peer, until_ms) != 1)
            return false;
    }
    return true;
}

bool peer_connect_tcp(struct peer *peer, uint16_t port, const uint8_t key[FT_KEY_BYTES])
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    memset(peer, 0, sizeof *peer);
    peer->file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    peer->channel = ft_channel_create(FT_CHANNEL_KEYED_CLIENT, key);
    ck_assert(peer->file >= 0 && peer->channel != NULL);
    ck_assert_int_eq(connect(peer->file, (struct sockaddr *) &address, sizeof address), 0);
    return prove(peer);
}

bool peer_connect_unix(struct peer *peer, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memset(peer, 0, sizeof *peer);
    ck_assert_uint_lt(strlen(path), sizeof address.sun_path);
    strcpy(address.sun_path, path);
    peer->file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    peer->channel = ft_channel_create(FT_CHANNEL_PLAIN, NULL);
    ck_assert(peer->file >= 0 && peer->channel != NULL);
    if (connect(peer->file, (struct sockaddr *) &address, sizeof address) < 0)
        return false;
    return prove(peer);
}

void peer_close(struct peer *peer)
{
    if (peer->file >= 0)
        close(peer->file);
    ft_channel_destroy(peer->channel);
    peer->file = -1;
    peer->channel = NULL;
}

void peer_send(struct peer *peer, const Ft__Message *message)
{
    ck_assert_int_eq(ft_channel_send(peer->channel, message), 0);
    ck_assert_msg(flush(peer), "the central unit takes nothing: %s", strerror(errno));
}

Ft__Message *peer_expect(struct peer *peer, Ft__Message__BodyCase body_case)
{
    int64_t until_ms = ft_clock_ms() + PEER_TIMEOUT_MS;
    Ft__Message *message;
    int result;

    for (;;) {
        result = ft_channel_next(peer->channel, &message);
        ck_assert_msg(result >= 0, "nonsense came: %s", ft_channel_error(peer->channel));
        if (result == 1) {
            if (message->body_case == body_case)
                return message;
            ft__message__free_unpacked(message, NULL);
            continue;
        }
        result = fill(peer, until_ms);
        ck_assert_msg(result == 1, "%s while waiting for a message of kind %d at \"%s\"",
                      result == 0 ? "the connection was closed" : "nothing came", (int) body_case,
                      peer->node);
    }
}

bool peer_is_closed(struct peer *peer)
{
    int64_t until_ms = ft_clock_ms() + PEER_TIMEOUT_MS;
    Ft__Message *message;
    int result;

    while ((result = fill(peer, until_ms)) == 1) {
        while (ft_channel_next(peer->channel, &message) == 1)
            ft__message__free_unpacked(message, NULL);
    }
    return result == 0;
}

int peer_hello(struct peer *peer, const char *node, unsigned role, const char *job, int rank)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Hello hello = FT__HELLO__INIT;
    Ft__Message *answer;
    int refused;

    hello.protocol = FT_PROTOCOL;
    hello.program = (char *) "test";
    hello.node = (char *) node;
    hello.job = (char *) job;
    hello.rank = rank;
    hello.role = role;
    message.body_case = FT__MESSAGE__BODY_HELLO;
    message.hello = &hello;
    strncpy(peer->node, node, sizeof peer->node - 1);
    peer_send(peer, &message);
    answer = peer_expect(peer, FT__MESSAGE__BODY_HELLO);
    refused = answer->hello->refused;
    ft__message__free_unpacked(answer, NULL);
    return refused;
}

void peer_node_info(struct peer *peer, const struct ft_facts *facts, const char *location)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__NodeInfo info = FT__NODE_INFO__INIT;
    struct ft_put_facts put;

    ft_put_facts(&put, facts);
    info.node = peer->node;
    info.facts = &put.facts;
    info.location = (char *) location;
    message.body_case = FT__MESSAGE__BODY_NODE_INFO;
    message.node_info = &info;
    peer_send(peer, &message);
}

void peer_answer_probe(struct peer *peer, const struct ft_facts *facts, uint64_t memory_free_bytes,
                       int check_code, const char *check_text)
{
    Ft__Message *probe = peer_expect(peer, FT__MESSAGE__BODY_PROBE);
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__ProbeResult result = FT__PROBE_RESULT__INIT;
    struct ft_put_facts put;

    ft_put_facts(&put, facts);
    result.facts = &put.facts;
    result.memory_free_bytes = memory_free_bytes;
    result.scratch_free_bytes = UINT64_C(1) << 40;
    result.check_ran = true;
    result.check_code = check_code;
    result.check_text = (char *) check_text;
    message.id = probe->id;
    message.body_case = FT__MESSAGE__BODY_PROBE_RESULT;
    message.probe_result = &result;
    peer_send(peer, &message);
    ft__message__free_unpacked(probe, NULL);
}

void peer_ask(struct peer *peer, uint64_t id, const ftAction_t *action, ftTimeout_t timeout_ms,
              const char *job, int rank)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Asker asker = FT__ASKER__INIT;
    struct ft_put_request put;

    ck_assert_int_eq(ft_put_request(&put, action, timeout_ms), 0);
    asker.node = peer->node;
    asker.job = (char *) (job != NULL ? job : "");
    asker.rank = rank;
    asker.launcher = true; /* a unit cannot make anybody a launcher */
    put.request.asker = job != NULL ? &asker : NULL;
    message.id = id;
    message.body_case = FT__MESSAGE__BODY_REQUEST;
    message.request = &put.request;
    peer_send(peer, &message);
    ft_put_request_clear(&put);
}

void peer_answer(struct peer *peer, uint64_t id, ftReply_t *reply)
{
    Ft__Message *message = peer_expect(peer, FT__MESSAGE__BODY_REPLY);

    ck_assert_uint_eq(message->id, id);
    ck_assert_int_eq(ft_get_reply(message->reply, reply), 0);
    ft__message__free_unpacked(message, NULL);
}

ftRetVal_t peer_request(struct peer *peer, const ftAction_t *action, ftReply_t *reply)
{
    static uint64_t id = 1000000;

    peer_ask(peer, ++id, action, 5000, NULL, -1);
    peer_answer(peer, id, reply);
    return reply->status;
}
