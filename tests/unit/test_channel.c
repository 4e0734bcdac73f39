/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_channel.c - src/wire/channel: two channels wired to each other by hand, and a third party
 * that changes, repeats, drops, cuts, splits and forges what passes between them.
 *
 * Everything random comes from one seed, which is printed when a test of it fails;
 * FT_TEST_SEED=N repeats it.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "wire/channel.h"

#define GREETING_BYTES 8
#define SERVER_PART_BYTES (GREETING_BYTES + 32 + 32 + 24)
#define CLIENT_PART_BYTES (GREETING_BYTES + 32)

/* protobuf-c's strings are not const, though packing only reads them. */
#define BORROW(text) ((char *) (uintptr_t) (text))

static const uint8_t key[FT_KEY_BYTES] = "the key of both sides in a test";
static const uint8_t other_key[FT_KEY_BYTES] = "another key than that of others";

static struct ft_channel *client, *server;

static void open_keyed(const uint8_t *client_key, const uint8_t *server_key)
{
    client = ft_channel_create(FT_CHANNEL_KEYED_CLIENT, client_key);
    server = ft_channel_create(FT_CHANNEL_KEYED_SERVER, server_key);
    ck_assert_ptr_nonnull(client);
    ck_assert_ptr_nonnull(server);
}

static void open_plain(void)
{
    client = ft_channel_create(FT_CHANNEL_PLAIN, NULL);
    server = ft_channel_create(FT_CHANNEL_PLAIN, NULL);
    ck_assert_ptr_nonnull(client);
    ck_assert_ptr_nonnull(server);
}

static void teardown(void)
{
    ft_channel_destroy(client);
    ft_channel_destroy(server);
    client = server = NULL;
}

/* ------------------------------------------------------------ carrying bytes */

/* Takes all output of a channel into memory that the caller frees. */
static uint8_t *take_output(struct ft_channel *from, size_t *n)
{
    const void *output = ft_channel_output(from, n);
    uint8_t *copy = malloc(*n > 0 ? *n : 1);

    ck_assert_ptr_nonnull(copy);
    if (*n > 0)
        memcpy(copy, output, *n);
    ft_channel_written(from, *n);
    return copy;
}

/* Carries all output over, `step` bytes at a time. The result of the last feed. */
static int carry(struct ft_channel *from, struct ft_channel *to, size_t step)
{
    const uint8_t *output;
    size_t n;
    int result = 0;

    while (result == 0 && (output = ft_channel_output(from, &n)) != NULL) {
        if (n > step)
            n = step;
        result = ft_channel_feed(to, output, n);
        ft_channel_written(from, n);
    }
    return result;
}

static void shake_hands(size_t step)
{
    ck_assert_int_eq(carry(client, server, step), 0);
    ck_assert_int_eq(carry(server, client, step), 0);
    ck_assert_int_eq(carry(client, server, step), 0);
    ck_assert(ft_channel_is_open(client) && ft_channel_is_proven(client));
    ck_assert(ft_channel_is_open(server) && ft_channel_is_proven(server));
}

static int send_text(struct ft_channel *channel, uint64_t id, const char *text)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Leave leave = FT__LEAVE__INIT;

    message.id = id;
    message.body_case = FT__MESSAGE__BODY_LEAVE;
    message.leave = &leave;
    leave.reason = BORROW(text);
    return ft_channel_send(channel, &message);
}

static int send_bytes(struct ft_channel *channel, const uint8_t *bytes, size_t n)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Topology topology = FT__TOPOLOGY__INIT;

    message.body_case = FT__MESSAGE__BODY_TOPOLOGY;
    message.topology = &topology;
    topology.xml.data = (uint8_t *) (uintptr_t) bytes;
    topology.xml.len = n;
    return ft_channel_send(channel, &message);
}

static void expect_text(struct ft_channel *channel, uint64_t id, const char *text)
{
    Ft__Message *message;

    ck_assert_int_eq(ft_channel_next(channel, &message), 1);
    ck_assert_ptr_nonnull(message);
    ck_assert_uint_eq(message->id, id);
    ck_assert_int_eq(message->body_case, FT__MESSAGE__BODY_LEAVE);
    ck_assert_str_eq(message->leave->reason, text);
    ft__message__free_unpacked(message, NULL);
}

static void expect_nothing(struct ft_channel *channel)
{
    Ft__Message *message;

    ck_assert_int_eq(ft_channel_next(channel, &message), 0);
    ck_assert_ptr_null(message);
}

/* The channel is dead of `code`, and stays so. */
static void expect_dead(struct ft_channel *channel, int code)
{
    Ft__Message *message;

    for (int i = 0; i < 2; i++) {
        errno = 0;
        ck_assert_int_eq(ft_channel_next(channel, &message), -1);
        ck_assert_int_eq(errno, code);
        ck_assert_ptr_null(message);
        errno = 0;
        ck_assert_int_eq(ft_channel_feed(channel, "x", 1), -1);
        ck_assert_int_eq(errno, code);
        errno = 0;
        ck_assert_int_eq(send_text(channel, 1, "x"), -1);
        ck_assert_int_eq(errno, code);
    }
    ck_assert_str_ne(ft_channel_error(channel), "");
    ck_assert(!ft_channel_is_open(channel));
    ck_assert(!ft_channel_is_proven(channel));
}

/* ------------------------------------------------------------ the straight way */

START_TEST(plain_messages_pass)
{
    open_plain();
    ck_assert(ft_channel_is_open(client));
    ck_assert(!ft_channel_is_proven(client));
    ck_assert_int_eq(send_text(client, 1, "first"), 0);
    ck_assert_int_eq(send_text(client, 2, "second"), 0);
    ck_assert_int_eq(send_text(server, 3, "third"), 0);
    ck_assert_int_eq(carry(client, server, 1000), 0);
    ck_assert_int_eq(carry(server, client, 1000), 0);
    expect_text(server, 1, "first");
    expect_text(server, 2, "second");
    expect_nothing(server);
    expect_text(client, 3, "third");
    ck_assert(!ft_channel_is_partial(server));
    ck_assert_str_eq(ft_channel_error(server), "");
}
END_TEST

START_TEST(keyed_messages_pass)
{
    open_keyed(key, key);
    ck_assert(!ft_channel_is_open(client));
    ck_assert(!ft_channel_is_open(server));
    /* Before, during and after the handshake; they come out in order. */
    ck_assert_int_eq(send_text(client, 1, "before"), 0);
    ck_assert_int_eq(carry(client, server, 1000), 0);
    ck_assert(!ft_channel_is_open(server));
    ck_assert_int_eq(send_text(server, 1, "server's"), 0);
    ck_assert_int_eq(send_text(client, 2, "during"), 0);
    ck_assert_int_eq(carry(server, client, 1000), 0);
    ck_assert(ft_channel_is_open(client));
    ck_assert_int_eq(send_text(client, 3, "after"), 0);
    expect_nothing(client);
    ck_assert_int_eq(carry(client, server, 1000), 0);
    ck_assert(ft_channel_is_open(server));
    expect_text(server, 1, "before");
    expect_text(server, 2, "during");
    expect_text(server, 3, "after");
    expect_nothing(server);
    ck_assert_int_eq(carry(server, client, 1000), 0);
    expect_text(client, 1, "server's");
}
END_TEST

START_TEST(bytes_may_come_one_by_one)
{
    if (_i == 0)
        open_plain();
    else
        open_keyed(key, key);
    ck_assert_int_eq(send_text(client, 1, "early"), 0);
    shake_hands(1);
    ck_assert_int_eq(send_text(client, 2, "one by one"), 0);
    ck_assert_int_eq(send_text(server, 3, ""), 0);
    ck_assert_int_eq(carry(client, server, 1), 0);
    ck_assert_int_eq(carry(server, client, 1), 0);
    expect_text(server, 1, "early");
    expect_text(server, 2, "one by one");
    expect_nothing(server);
    expect_text(client, 3, "");
}
END_TEST

START_TEST(a_message_is_partial_until_it_is_whole)
{
    uint8_t *bytes;
    size_t n;

    open_keyed(key, key);
    shake_hands(1000);
    ck_assert_int_eq(send_text(client, 1, "whole"), 0);
    bytes = take_output(client, &n);
    for (size_t i = 0; i < n; i++) {
        expect_nothing(server);
        ck_assert(ft_channel_is_partial(server) == (i > 0));
        ck_assert_int_eq(ft_channel_feed(server, bytes + i, 1), 0);
    }
    expect_text(server, 1, "whole");
    ck_assert(!ft_channel_is_partial(server));
    free(bytes);
}
END_TEST

START_TEST(what_is_sent_is_not_to_be_read_on_the_way)
{
    uint8_t *bytes;
    size_t n;

    open_keyed(key, key);
    ck_assert_int_eq(send_text(client, 1, "a secret that nobody may see"), 0);
    ck_assert_int_eq(carry(client, server, 1000), 0);
    ck_assert_int_eq(carry(server, client, 1000), 0);
    ck_assert_int_eq(send_text(client, 1, "a secret that nobody may see"), 0);
    bytes = take_output(client, &n);
    ck_assert_ptr_null(memmem(bytes, n, "secret", 6));
    ck_assert_ptr_null(memmem(bytes, n, key, 8));
    free(bytes);
}
END_TEST

START_TEST(unusable_arguments)
{
    Ft__Message empty = FT__MESSAGE__INIT;

    ck_assert_ptr_null(ft_channel_create(FT_CHANNEL_PLAIN, key));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(ft_channel_create(FT_CHANNEL_KEYED_CLIENT, NULL));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(ft_channel_create((enum ft_channel_kind) 7, key));
    ck_assert_int_eq(errno, EINVAL);
    ft_channel_destroy(NULL);
    open_plain();
    ck_assert_int_eq(ft_channel_send(client, &empty), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(ft_channel_feed(client, "", 0), 0);
    expect_nothing(client);
}
END_TEST

/* ------------------------------------------------------------ sizes */

START_TEST(the_largest_message_passes_a_larger_one_does_not)
{
    /* body's tag and length, xml's tag and length: 5 bytes each */
    const size_t most = FT_FRAME_MAX_BYTES - 10;
    uint8_t *bytes = calloc(1, most + 1);
    Ft__Message *message;

    ck_assert_ptr_nonnull(bytes);
    randombytes_buf(bytes, most);
    if (_i == 0)
        open_plain();
    else
        open_keyed(key, key);
    shake_hands(1000);
    ck_assert_int_eq(send_bytes(client, bytes, most + 1), -1);
    ck_assert_int_eq(errno, EMSGSIZE);
    ck_assert_int_eq(send_bytes(client, bytes, most), 0);
    ck_assert_int_eq(carry(client, server, 65536), 0);
    ck_assert_int_eq(ft_channel_next(server, &message), 1);
    ck_assert_uint_eq(message->topology->xml.len, most);
    ck_assert_mem_eq(message->topology->xml.data, bytes, most);
    ft__message__free_unpacked(message, NULL);
    free(bytes);
}
END_TEST

/* Lengths from the wire: looked at before anything is allocated or waited for. */
START_TEST(lengths_are_checked_at_once)
{
    static const struct {
        uint32_t length;
        int plain, keyed;
    } lengths[] = {
        {0, EPROTO, EPROTO},
        {1, 0, EPROTO},
        {17, 0, EPROTO},
        {18, 0, 0},
        {FT_FRAME_MAX_BYTES, 0, 0},
        {FT_FRAME_MAX_BYTES + 1, EMSGSIZE, 0},
        {FT_FRAME_MAX_BYTES + 17, EMSGSIZE, 0},
        {FT_FRAME_MAX_BYTES + 18, EMSGSIZE, EMSGSIZE},
        {0x7fffffff, EMSGSIZE, EMSGSIZE},
        {0xffffffff, EMSGSIZE, EMSGSIZE},
    };
    bool keyed = _i % 2 == 1;
    uint32_t length = lengths[_i / 2].length;
    int expected = keyed ? lengths[_i / 2].keyed : lengths[_i / 2].plain;
    uint8_t bytes[4] = {(uint8_t) (length >> 24), (uint8_t) (length >> 16), (uint8_t) (length >> 8),
                        (uint8_t) length};

    if (keyed)
        open_keyed(key, key);
    else
        open_plain();
    shake_hands(1000);
    ck_assert_int_eq(ft_channel_feed(server, bytes, 3), 0);
    errno = 0;
    ck_assert_int_eq(ft_channel_feed(server, bytes + 3, 1), expected == 0 ? 0 : -1);
    ck_assert_int_eq(errno, expected);
    if (expected != 0)
        expect_dead(server, expected);
    else
        expect_nothing(server);
}
END_TEST

START_TEST(the_output_is_bounded)
{
    uint8_t *bytes = calloc(1, 1u << 20);
    int sent = 0, late = 0;
    size_t n, before;
    Ft__Message *message;

    ck_assert_ptr_nonnull(bytes);
    if (_i == 0)
        open_plain();
    else
        open_keyed(key, key);
    while (send_bytes(client, bytes, 1u << 20) == 0)
        ck_assert_int_lt(sent++, 9);
    ck_assert_int_eq(errno, ENOBUFS);
    ck_assert_int_eq(sent, 7);
    while (send_bytes(client, bytes, 1000) == 0)
        ck_assert_int_lt(late++, 2000);
    ck_assert_int_eq(errno, ENOBUFS);
    ck_assert_int_gt(late, 500);
    ft_channel_output(client, &before);
    ck_assert_uint_le(before, FT_CHANNEL_QUEUE_BYTES + GREETING_BYTES);
    /* It lives: what was queued passes, and then there is room again. */
    for (int got = 0; got < sent + late;) {
        const uint8_t *output = ft_channel_output(client, &n);

        if (output != NULL) {
            n = n < 65536 ? n : 65536;
            ck_assert_int_eq(ft_channel_feed(server, output, n), 0);
            ft_channel_written(client, n);
        }
        carry(server, client, 1000);
        while (ft_channel_next(server, &message) == 1) {
            got++;
            ft__message__free_unpacked(message, NULL);
        }
    }
    ck_assert_int_eq(send_bytes(client, bytes, 1u << 20), 0);
    free(bytes);
}
END_TEST

START_TEST(input_that_nobody_takes_is_bounded)
{
    uint8_t *bytes = calloc(1, 1u << 20);
    int result = 0;

    ck_assert_ptr_nonnull(bytes);
    open_plain();
    for (int i = 0; i < 20 && result == 0; i++) {
        ck_assert_int_eq(send_bytes(client, bytes, 1u << 20), 0);
        result = carry(client, server, 65536);
        if (result != 0)
            ck_assert_int_ge(i, 11);
    }
    ck_assert_int_eq(result, -1);
    expect_dead(server, ENOBUFS);
    free(bytes);
}
END_TEST

/* Few bytes that stand for much memory. */
START_TEST(unpacking_has_a_budget)
{
    const size_t n = 4u << 20;
    uint8_t *bytes = calloc(1, n + 4);
    uint8_t *at;

    ck_assert_ptr_nonnull(bytes);
    open_plain();
    shake_hands(1000);
    bytes[0] = 0;
    bytes[1] = 0x3f;
    bytes[2] = 0xff;
    bytes[3] = 0xfe;
    /* Message.request with nothing but empty Processes (0x42 0x00). */
    bytes[4] = 0x1a;
    at = bytes + 5;
    for (uint32_t left = 0x3ffffe - 5, i = 0; i < 4; i++, left >>= 7)
        *at++ = (uint8_t) ((left & 0x7f) | (i < 3 ? 0x80 : 0));
    for (; at + 2 <= bytes + 4 + 0x3ffffe; at += 2)
        at[0] = 0x42;
    if (ft_channel_feed(server, bytes, 4 + 0x3ffffe) == 0) {
        Ft__Message *message;

        ck_assert_int_eq(ft_channel_next(server, &message), -1);
    }
    expect_dead(server, EMSGSIZE);
    free(bytes);
}
END_TEST

/* ------------------------------------------------------------ who the peer is */

START_TEST(another_key_is_noticed_by_both)
{
    open_keyed(key, other_key);
    ck_assert_int_eq(send_text(client, 1, "for friends only"), 0);
    ck_assert_int_eq(carry(client, server, 1000), 0);
    ck_assert_int_eq(carry(server, client, 1000), -1);
    expect_dead(client, EACCES);
    ck_assert_int_eq(carry(client, server, 1000), -1);
    expect_dead(server, EACCES);
}
END_TEST

START_TEST(one_wrong_bit_in_the_key_is_enough)
{
    uint8_t nearly[FT_KEY_BYTES];

    memcpy(nearly, key, sizeof nearly);
    nearly[_i / 8] ^= (uint8_t) (1 << _i % 8);
    open_keyed(key, nearly);
    ck_assert_int_eq(carry(client, server, 1000), 0);
    ck_assert_int_eq(carry(server, client, 1000), -1);
    ck_assert_int_eq(errno, EACCES);
}
END_TEST

/* Both sides' own bytes come back to them, with and without the side in the greeting put right. */
START_TEST(reflection_proves_nothing)
{
    bool fix = _i % 2 == 1;
    bool to_client = _i / 2 == 1;
    uint8_t *bytes;
    size_t n;
    int result;

    open_keyed(key, key);
    if (to_client) {
        bytes = take_output(client, &n);
        ck_assert_uint_eq(n, CLIENT_PART_BYTES);
        bytes = realloc(bytes, SERVER_PART_BYTES);
        ck_assert_ptr_nonnull(bytes);
        if (fix)
            bytes[3] = 'S';
        /* share, and as a proof whatever is at hand */
        memset(bytes + n, 0, SERVER_PART_BYTES - n);
        result = ft_channel_feed(client, bytes, SERVER_PART_BYTES);
        ck_assert_int_eq(result, -1);
        expect_dead(client, fix ? EACCES : EPROTO);
    } else {
        uint8_t *answer;

        ck_assert_int_eq(carry(client, server, 1000), 0);
        answer = take_output(server, &n);
        ck_assert_uint_eq(n, SERVER_PART_BYTES);
        ft_channel_destroy(server);
        server = ft_channel_create(FT_CHANNEL_KEYED_SERVER, key);
        bytes = malloc(GREETING_BYTES + 32 + 56);
        ck_assert_ptr_nonnull(bytes);
        /* the server's share as the client's, then its own proof and stream header */
        memcpy(bytes, answer, GREETING_BYTES + 32 + 56);
        if (fix)
            bytes[3] = 'C';
        result = ft_channel_feed(server, bytes, GREETING_BYTES + 32 + 56);
        ck_assert_int_eq(result, -1);
        expect_dead(server, fix ? EACCES : EPROTO);
        free(answer);
    }
    free(bytes);
}
END_TEST

/* Somebody without the key lets the server prove itself, and sends that proof back as its own. */
START_TEST(a_proof_does_not_prove_its_reader)
{
    uint8_t *hello, *answer;
    size_t hello_n, answer_n;

    open_keyed(key, key);
    hello = take_output(client, &hello_n);
    ck_assert_int_eq(ft_channel_feed(server, hello, hello_n), 0);
    answer = take_output(server, &answer_n);
    ck_assert_uint_eq(answer_n, SERVER_PART_BYTES);
    ck_assert_int_eq(ft_channel_feed(server, answer + GREETING_BYTES + 32, 32 + 24), -1);
    expect_dead(server, EACCES);
    free(hello);
    free(answer);
}
END_TEST

/* A recorded conversation is played again, to a server and to a client. */
START_TEST(a_proof_is_for_one_handshake_only)
{
    struct ft_channel *old_client = ft_channel_create(FT_CHANNEL_KEYED_CLIENT, key);
    struct ft_channel *old_server = ft_channel_create(FT_CHANNEL_KEYED_SERVER, key);
    uint8_t *from_client, *from_server, *proof;
    size_t client_n, server_n, proof_n;

    /* A conversation is recorded ... */
    from_client = take_output(old_client, &client_n);
    ck_assert_int_eq(ft_channel_feed(old_server, from_client, client_n), 0);
    from_server = take_output(old_server, &server_n);
    ck_assert_int_eq(ft_channel_feed(old_client, from_server, server_n), 0);
    ck_assert_int_eq(send_text(old_client, 1, "do it"), 0);
    proof = take_output(old_client, &proof_n);
    /* ... and played to another server, and to another client. */
    open_keyed(key, key);
    ck_assert_int_eq(ft_channel_feed(server, from_client, client_n), 0);
    ck_assert_int_eq(ft_channel_feed(server, proof, proof_n), -1);
    expect_dead(server, EACCES);
    ck_assert_int_eq(ft_channel_feed(client, from_server, server_n), -1);
    expect_dead(client, EACCES);
    free(from_client);
    free(from_server);
    free(proof);
    ft_channel_destroy(old_client);
    ft_channel_destroy(old_server);
}
END_TEST

/* Shares of small order would give a common secret that everybody knows. */
START_TEST(a_share_of_small_order_is_refused)
{
    uint8_t bytes[CLIENT_PART_BYTES] = {0xf7, 'F', 'T', 'C', 0, FT_PROTOCOL_OLDEST, 0, FT_PROTOCOL};

    bytes[GREETING_BYTES] = (uint8_t) _i; /* 0 and 1 are of small order */
    open_keyed(key, key);
    ck_assert_int_eq(ft_channel_feed(server, bytes, sizeof bytes), -1);
    expect_dead(server, EACCES);
}
END_TEST

/* Someone without the key, who sends a well-made message right away. */
START_TEST(nothing_is_parsed_before_the_proof)
{
    uint8_t *bytes;
    size_t n;

    open_plain();
    ck_assert_int_eq(send_text(client, 1, "let me in"), 0);
    bytes = take_output(client, &n);
    teardown();
    open_keyed(key, key);
    bytes[3] = 'C';
    ck_assert_int_eq(ft_channel_feed(server, bytes, n), 0);
    expect_nothing(server);
    for (int i = 0; i < 100; i++) {
        if (ft_channel_feed(server, bytes + GREETING_BYTES, n - GREETING_BYTES) != 0)
            break;
        expect_nothing(server);
    }
    expect_dead(server, EACCES);
    free(bytes);
}
END_TEST

START_TEST(kinds_do_not_mix)
{
    static const enum ft_channel_kind kinds[] = {FT_CHANNEL_PLAIN, FT_CHANNEL_KEYED_CLIENT,
                                                 FT_CHANNEL_KEYED_SERVER};
    enum ft_channel_kind a = kinds[_i / 3], b = kinds[_i % 3];
    bool fit = (a == FT_CHANNEL_PLAIN && b == FT_CHANNEL_PLAIN) ||
               (a == FT_CHANNEL_KEYED_CLIENT && b == FT_CHANNEL_KEYED_SERVER) ||
               (a == FT_CHANNEL_KEYED_SERVER && b == FT_CHANNEL_KEYED_CLIENT);

    client = ft_channel_create(a, a == FT_CHANNEL_PLAIN ? NULL : key);
    server = ft_channel_create(b, b == FT_CHANNEL_PLAIN ? NULL : key);
    ck_assert_int_eq(carry(client, server, 1000), fit ? 0 : -1);
    if (!fit) {
        expect_dead(server, EPROTO);
        ck_assert_int_eq(carry(server, client, 1000), -1);
        expect_dead(client, EPROTO);
    }
}
END_TEST

START_TEST(another_protocol_is_told_with_both_numbers)
{
    uint8_t greeting[GREETING_BYTES] = {0xf7, 'F', 'T', 'P', 1, 0, 1, 2};
    size_t n;

    if (_i == 0) {
        open_plain();
    } else {
        open_keyed(key, key);
        greeting[3] = 'C';
    }
    ck_assert_int_eq(ft_channel_feed(server, greeting, sizeof greeting), -1);
    ck_assert_int_eq(errno, EPROTONOSUPPORT);
    expect_dead(server, EPROTONOSUPPORT);
    ck_assert_ptr_nonnull(strstr(ft_channel_error(server), "256 to 258"));
    ck_assert_ptr_nonnull(strstr(ft_channel_error(server), "protocol 1"));
    /* The peer can learn what is spoken here. */
    ck_assert_ptr_nonnull(ft_channel_output(server, &n));
    ck_assert_uint_ge(n, GREETING_BYTES);
}
END_TEST

/* A newer peer that speaks the older protocol as well is no stranger. */
START_TEST(the_newest_common_protocol_is_used)
{
    const uint8_t greeting[GREETING_BYTES] = {0xf7, 'F', 'T', 'P', 0, 1, 1, 2};

    open_plain();
    ck_assert_uint_eq(ft_channel_protocol(server), 0);
    ck_assert_int_eq(ft_channel_feed(server, greeting, sizeof greeting), 0);
    ck_assert(ft_channel_is_proven(server));
    ck_assert_uint_eq(ft_channel_protocol(server), FT_PROTOCOL);
}
END_TEST

START_TEST(a_range_of_protocols_must_be_one)
{
    static const uint8_t ranges[][4] = {{0, 0, 0, 1}, {0, 2, 0, 1}, {0, 0, 0, 0}};
    uint8_t greeting[GREETING_BYTES] = {0xf7, 'F', 'T', 'P'};

    memcpy(greeting + 4, ranges[_i], sizeof ranges[_i]);
    open_plain();
    ck_assert_int_eq(ft_channel_feed(server, greeting, sizeof greeting), -1);
    expect_dead(server, EPROTO);
}
END_TEST

START_TEST(other_programs_are_noticed_at_once)
{
    static const char *const others[] = {"GET / HTTP/1.1\r\n", "SSH-2.0-x\r\n", "\x16\x03\x01",
                                         "\n"};

    open_keyed(key, key);
    ck_assert_int_eq(ft_channel_feed(server, others[_i], 1), -1);
    expect_dead(server, EPROTO);
}
END_TEST

/* ------------------------------------------------------------ interference */

/* Every bit of a whole keyed conversation is flipped once, in either direction: somebody notices,
 * and not one message comes out of a changed frame. */
static void flip(bool in_client_bytes, size_t at, int bit, size_t *total)
{
    struct ft_channel *from, *to;
    uint8_t *bytes;
    size_t n, seen = 0;
    bool noticed = false;

    open_keyed(key, key);
    ck_assert_int_eq(send_text(client, 1, "client's"), 0);
    ck_assert_int_eq(send_text(server, 1, "server's"), 0);
    for (int turn = 0; turn < 4 && !noticed; turn++) {
        from = turn % 2 == 0 ? client : server;
        to = turn % 2 == 0 ? server : client;
        bytes = take_output(from, &n);
        if ((turn % 2 == 0) == in_client_bytes) {
            if (at >= seen && at < seen + n)
                bytes[at - seen] ^= (uint8_t) (1 << bit);
            seen += n;
        }
        if (ft_channel_feed(to, bytes, n) != 0)
            noticed = true;
        free(bytes);
    }
    if (!noticed && at < seen) {
        struct ft_channel *victim = in_client_bytes ? server : client;
        Ft__Message *message = NULL;
        int result = ft_channel_next(victim, &message);

        /* A length that was made larger, within bounds, is waited for. */
        ck_assert_msg(result <= 0, "bit %d of byte %zu of the %s's bytes was not noticed", bit, at,
                      in_client_bytes ? "client" : "server");
        if (result == 0)
            ck_assert(ft_channel_is_partial(victim));
    }
    *total = seen;
    teardown();
}

START_TEST(every_flipped_bit_is_noticed)
{
    bool in_client_bytes = _i == 1;
    size_t total, seen;

    flip(in_client_bytes, SIZE_MAX, 0, &total); /* none, to learn how many there are */
    ck_assert_uint_gt(total, (in_client_bytes ? CLIENT_PART_BYTES + 56 : SERVER_PART_BYTES) + 30);
    for (size_t at = 0; at < total; at++) {
        for (int bit = 0; bit < 8; bit++)
            flip(in_client_bytes, at, bit, &seen);
    }
}
END_TEST

/* Frames of an open channel: repeated, dropped, exchanged, sent back, cut and padded. */
START_TEST(frames_come_once_and_in_order_or_not_at_all)
{
    uint8_t *first, *second, *third, *own;
    size_t first_n, second_n, third_n, own_n;
    Ft__Message *message;

    open_keyed(key, key);
    shake_hands(1000);
    ck_assert_int_eq(send_text(client, 1, "one"), 0);
    first = take_output(client, &first_n);
    ck_assert_int_eq(send_text(client, 2, "two"), 0);
    second = take_output(client, &second_n);
    ck_assert_int_eq(send_text(client, 3, "three"), 0);
    third = take_output(client, &third_n);
    ck_assert_int_eq(send_text(server, 1, "own"), 0);
    own = take_output(server, &own_n);

    ck_assert_int_eq(ft_channel_feed(server, first, first_n), 0);
    expect_text(server, 1, "one");
    switch (_i) {
    case 0: /* repeated */
        ck_assert_int_eq(ft_channel_feed(server, first, first_n), 0);
        break;
    case 1: /* dropped */
        ck_assert_int_eq(ft_channel_feed(server, third, third_n), 0);
        break;
    case 2: /* sent back to its sender */
        ck_assert_int_eq(ft_channel_feed(server, own, own_n), 0);
        break;
    case 3: /* cut, the length put right */
        second[3]--;
        ck_assert_int_eq(ft_channel_feed(server, second, second_n - 1), 0);
        break;
    case 4: /* two glued into one */
        second[3] = (uint8_t) (second[3] + third_n);
        ck_assert_int_eq(ft_channel_feed(server, second, second_n), 0);
        ck_assert_int_eq(ft_channel_feed(server, third, third_n), 0);
        break;
    default: /* a frame of zeros, as long as a real one */
        memset(second + 4, 0, second_n - 4);
        ck_assert_int_eq(ft_channel_feed(server, second, second_n), 0);
    }
    ck_assert_int_eq(ft_channel_next(server, &message), -1);
    expect_dead(server, EACCES);
    free(first);
    free(second);
    free(third);
    free(own);
}
END_TEST

/* A plain frame of every length up to 3 bytes with every content: refused, or a message. */
START_TEST(small_plain_frames_are_refused_or_parsed)
{
    int parsed = 0, refused = 0;

    for (uint32_t content = 0; content < 1u << 16; content++) {
        uint8_t bytes[] = {0xf7, 'F', 'T', 'P', 0, FT_PROTOCOL_OLDEST, 0, FT_PROTOCOL, 0, 0, 0, 2,
                           (uint8_t) (content >> 8), (uint8_t) content};
        Ft__Message *message;
        int result;

        open_plain();
        ck_assert_int_eq(ft_channel_feed(server, bytes, sizeof bytes), 0);
        result = ft_channel_next(server, &message);
        if (result == 1) {
            parsed++;
            ft__message__free_unpacked(message, NULL);
        } else {
            ck_assert_int_eq(errno, EPROTO);
            refused++;
        }
        teardown();
    }
    ck_assert_int_gt(parsed, 100);
    ck_assert_int_gt(refused, 10000);
}
END_TEST

/* A plain message cut short at every byte, its length put right. */
START_TEST(truncated_plain_messages_do_no_harm)
{
    Ft__Message message = FT__MESSAGE__INIT, *got;
    Ft__Request request = FT__REQUEST__INIT;
    Ft__Resource resource = FT__RESOURCE__INIT;
    Ft__Asker asker = FT__ASKER__INIT;
    Ft__Constraint constraint = FT__CONSTRAINT__INIT;
    char *excluded[2] = {BORROW("n1"), BORROW("n2")};
    uint8_t *bytes;
    size_t n;

    open_plain();
    shake_hands(1000);
    message.id = 77;
    message.body_case = FT__MESSAGE__BODY_REQUEST;
    message.request = &request;
    request.verb = 2;
    request.resource = &resource;
    request.asker = &asker;
    request.constraint = &constraint;
    resource.node = BORROW("n3");
    resource.number = 12345;
    asker.job = BORROW("job");
    constraint.excluded = excluded;
    constraint.n_excluded = 2;
    ck_assert_int_eq(ft_channel_send(client, &message), 0);
    bytes = take_output(client, &n);
    teardown();
    for (size_t keep = 1; keep <= n - 4; keep++) {
        open_plain();
        shake_hands(1000);
        bytes[3] = (uint8_t) keep;
        ck_assert_int_eq(ft_channel_feed(server, bytes, 4 + keep), 0);
        if (ft_channel_next(server, &got) == 1)
            ft__message__free_unpacked(got, NULL);
        else
            ck_assert_int_eq(errno, EPROTO);
        teardown();
    }
    free(bytes);
}
END_TEST

/* ------------------------------------------------------------ texts */

START_TEST(texts_come_out_as_utf8)
{
    const char good[] = "gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x98\x80";

    open_plain();
    shake_hands(1000);
    ck_assert_int_eq(send_text(client, 1, good), 0);
    ck_assert_int_eq(send_text(client, 2, "a\xff" "b\xc3(\xed\xa0\x80\xc0\xaf\xf4\x90\x80\x80"), 0);
    ck_assert_int_eq(send_text(client, 3, "cut \xe2\x82"), 0);
    ck_assert_int_eq(carry(client, server, 1000), 0);
    expect_text(server, 1, good);
    expect_text(server, 2, "a?b?(?????????");
    expect_text(server, 3, "cut ??");
}
END_TEST

START_TEST(texts_within_lists_and_messages_are_cleaned_too)
{
    Ft__Message message = FT__MESSAGE__INIT, *got;
    Ft__Request request = FT__REQUEST__INIT;
    Ft__Constraint constraint = FT__CONSTRAINT__INIT;
    Ft__Process process = FT__PROCESS__INIT, *processes[1] = {&process};
    char *excluded[2] = {BORROW("good"), BORROW("b\x80" "d")};

    message.body_case = FT__MESSAGE__BODY_REQUEST;
    message.request = &request;
    request.constraint = &constraint;
    request.processes = processes;
    request.n_processes = 1;
    process.node = BORROW("n\xff");
    constraint.excluded = excluded;
    constraint.n_excluded = 2;
    open_plain();
    ck_assert_int_eq(ft_channel_send(client, &message), 0);
    ck_assert_int_eq(carry(client, server, 1000), 0);
    ck_assert_int_eq(ft_channel_next(server, &got), 1);
    ck_assert_str_eq(got->request->constraint->excluded[0], "good");
    ck_assert_str_eq(got->request->constraint->excluded[1], "b?d");
    ck_assert_str_eq(got->request->processes[0]->node, "n?");
    ck_assert_str_eq(got->request->job, "");
    ft__message__free_unpacked(got, NULL);
}
END_TEST

/* ------------------------------------------------------------ at random */

static unsigned seed;

static uint32_t dice(uint32_t sides)
{
    return (uint32_t) rand_r(&seed) % sides;
}

/* Changes a few bytes of a stream: flips, inserts, removes, repeats. */
static size_t garble(uint8_t *bytes, size_t n, size_t room)
{
    for (uint32_t times = dice(4); times > 0 && n > 0; times--) {
        size_t at = dice((uint32_t) n);
        size_t some = 1 + dice(8);

        switch (dice(4)) {
        case 0:
            bytes[at] ^= (uint8_t) (1 + dice(255));
            break;
        case 1:
            if (n + some <= room) {
                memmove(bytes + at + some, bytes + at, n - at);
                n += some;
            }
            break;
        case 2:
            some = some < n - at ? some : n - at;
            memmove(bytes + at, bytes + at + some, n - at - some);
            n -= some;
            break;
        default:
            for (size_t i = 0; i < some && at + i < n; i++)
                bytes[at + i] = (uint8_t) dice(256);
        }
    }
    return n;
}

static void feed_in_pieces(struct ft_channel *channel, const uint8_t *bytes, size_t n, bool keyed,
                           bool changed)
{
    Ft__Message *message;
    size_t piece;

    for (size_t at = 0; at < n; at += piece) {
        piece = 1 + dice(64);
        piece = piece < n - at ? piece : n - at;
        if (ft_channel_feed(channel, bytes + at, piece) != 0)
            return;
        while (ft_channel_next(channel, &message) == 1) {
            /* Of a changed keyed stream, what comes out was said before the change. */
            if (keyed && changed) {
                ck_assert_int_eq(message->body_case, FT__MESSAGE__BODY_LEAVE);
                ck_assert_str_eq(message->leave->reason, "this is what was said");
            }
            ft__message__free_unpacked(message, NULL);
        }
    }
}

static void fuzz_round(bool keyed)
{
    uint8_t bytes[4096];

    if (keyed)
        open_keyed(key, key);
    else
        open_plain();
    for (int turn = 0; turn < 6; turn++) {
        struct ft_channel *from = turn % 2 == 0 ? client : server;
        struct ft_channel *to = turn % 2 == 0 ? server : client;
        const void *output;
        size_t n, garbled_n;

        for (uint32_t i = dice(3); i > 0; i--)
            send_text(from, i, "this is what was said");
        output = ft_channel_output(from, &n);
        if (output == NULL)
            continue;
        ck_assert_uint_lt(n, sizeof bytes / 2);
        memcpy(bytes, output, n);
        garbled_n = dice(3) == 0 ? garble(bytes, n, sizeof bytes) : n;
        feed_in_pieces(to, bytes, garbled_n, keyed,
                       garbled_n != n || memcmp(bytes, output, n) != 0);
        ft_channel_written(from, n);
    }
    teardown();
}

/* Where the parent finds the seed of a round that did not come back: test processes may crash. */
static struct { unsigned seed; bool is_under_way; } *rounds;

START_TEST(garbled_streams_do_no_harm)
{
    const char *given = getenv("FT_TEST_SEED");
    unsigned first = given != NULL ? (unsigned) strtoul(given, NULL, 10) : (unsigned) time(NULL);
    unsigned n = given != NULL ? 1 : 20000;

    rounds[_i].is_under_way = true;
    for (unsigned i = 0; i < n; i++) {
        rounds[_i].seed = seed = first + i;
        fuzz_round(_i == 1);
    }
    rounds[_i].is_under_way = false;
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("channel");
    TCase *t = tcase_create("channel");

    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, plain_messages_pass);
    tcase_add_test(t, keyed_messages_pass);
    tcase_add_loop_test(t, bytes_may_come_one_by_one, 0, 2);
    tcase_add_test(t, a_message_is_partial_until_it_is_whole);
    tcase_add_test(t, what_is_sent_is_not_to_be_read_on_the_way);
    tcase_add_test(t, unusable_arguments);
    tcase_add_loop_test(t, the_largest_message_passes_a_larger_one_does_not, 0, 2);
    tcase_add_loop_test(t, lengths_are_checked_at_once, 0, 20);
    tcase_add_loop_test(t, the_output_is_bounded, 0, 2);
    tcase_add_test(t, input_that_nobody_takes_is_bounded);
    tcase_add_test(t, unpacking_has_a_budget);
    tcase_add_test(t, another_key_is_noticed_by_both);
    tcase_add_loop_test(t, one_wrong_bit_in_the_key_is_enough, 0, 8 * FT_KEY_BYTES);
    tcase_add_loop_test(t, reflection_proves_nothing, 0, 4);
    tcase_add_test(t, a_proof_does_not_prove_its_reader);
    tcase_add_test(t, a_proof_is_for_one_handshake_only);
    tcase_add_loop_test(t, a_share_of_small_order_is_refused, 0, 2);
    tcase_add_test(t, nothing_is_parsed_before_the_proof);
    tcase_add_loop_test(t, kinds_do_not_mix, 0, 9);
    tcase_add_loop_test(t, another_protocol_is_told_with_both_numbers, 0, 2);
    tcase_add_test(t, the_newest_common_protocol_is_used);
    tcase_add_loop_test(t, a_range_of_protocols_must_be_one, 0, 3);
    tcase_add_loop_test(t, other_programs_are_noticed_at_once, 0, 4);
    tcase_add_loop_test(t, every_flipped_bit_is_noticed, 0, 2);
    tcase_add_loop_test(t, frames_come_once_and_in_order_or_not_at_all, 0, 6);
    tcase_add_test(t, small_plain_frames_are_refused_or_parsed);
    tcase_add_test(t, truncated_plain_messages_do_no_harm);
    tcase_add_test(t, texts_come_out_as_utf8);
    tcase_add_test(t, texts_within_lists_and_messages_are_cleaned_too);
    tcase_add_loop_test(t, garbled_streams_do_no_harm, 0, 2);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    int failed;

    rounds = mmap(NULL, 2 * sizeof *rounds, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                  -1, 0);
    if (rounds == MAP_FAILED)
        return EXIT_FAILURE;
    srunner_run_all(runner, CK_ENV);
    for (int i = 0; i < 2; i++) {
        if (rounds[i].is_under_way)
            fprintf(stderr, "garbled_streams_do_no_harm failed; again: FT_TEST_SEED=%u\n",
                    rounds[i].seed);
    }
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
