/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_datagram.c - src/wire/datagram: what is encoded comes back, and nothing else is believed.
 *
 * Everything random comes from one seed, which is printed when a test of it fails;
 * FT_TEST_SEED=N repeats it.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wire/datagram.h"

#define HEADER_BYTES 72

static const uint8_t secret[FT_DATAGRAM_KEY_BYTES] = "the key of both sides in a test";
static const uint8_t other_secret[FT_DATAGRAM_KEY_BYTES] = "another key than that of others";

static struct ft_datagram_key key, other_key;

static void setup(void)
{
    ft_datagram_key_set(&key, secret);
    ft_datagram_key_set(&other_key, other_secret);
}

static struct ft_datagram make_beat(void)
{
    return (struct ft_datagram){
        .type = FT_DATAGRAM_BEAT, .flags = FT_DATAGRAM_LEAVING, .port = 7312, .value = 0x01020304,
        .term = 5, .incarnation = 6, .boot = UINT64_C(0xfedcba9876543210), .sequence = 8,
        .sent_ns = 9, .echo_ns = UINT64_MAX, .sender = "n1", .receiver = "n0",
    };
}

static struct ft_datagram make_full(void)
{
    struct ft_datagram datagram = make_beat();

    datagram.type = FT_DATAGRAM_ASK_OTHER;
    strcpy(datagram.subject, "a-node-with-a-longer-name.example.org");
    strcpy(datagram.text, "[2001:db8::17]:7312");
    return datagram;
}

static void expect_same(const struct ft_datagram *a, const struct ft_datagram *b)
{
    ck_assert_uint_eq(a->type, b->type);
    ck_assert_uint_eq(a->flags, b->flags);
    ck_assert_uint_eq(a->port, b->port);
    ck_assert_uint_eq(a->value, b->value);
    ck_assert_uint_eq(a->term, b->term);
    ck_assert_uint_eq(a->incarnation, b->incarnation);
    ck_assert_uint_eq(a->boot, b->boot);
    ck_assert_uint_eq(a->sequence, b->sequence);
    ck_assert_uint_eq(a->sent_ns, b->sent_ns);
    ck_assert_uint_eq(a->echo_ns, b->echo_ns);
    ck_assert_str_eq(a->sender, b->sender);
    ck_assert_str_eq(a->receiver, b->receiver);
    ck_assert_str_eq(a->subject, b->subject);
    ck_assert_str_eq(a->text, b->text);
    ck_assert_uint_eq(a->acks_n, b->acks_n);
    for (size_t i = 0; i < a->acks_n; i++) {
        ck_assert_uint_eq(a->acks[i].incarnation, b->acks[i].incarnation);
        ck_assert_uint_eq(a->acks[i].echo_ns, b->acks[i].echo_ns);
        ck_assert_uint_eq(a->acks[i].port, b->acks[i].port);
        ck_assert_mem_eq(a->acks[i].address, b->acks[i].address, sizeof a->acks[i].address);
    }
}

static void expect_empty(const struct ft_datagram *datagram)
{
    const struct ft_datagram nothing = {0};

    expect_same(datagram, &nothing);
}

static void expect_refused(const uint8_t *bytes, size_t n, int code)
{
    struct ft_datagram got = make_full();

    errno = 0;
    ck_assert_int_eq(ft_datagram_decode(bytes, n, &key, &got), -1);
    ck_assert_int_eq(errno, code);
    expect_empty(&got);
}

static size_t encode(const struct ft_datagram *datagram, uint8_t bytes[FT_DATAGRAM_MAX_BYTES])
{
    size_t n = ft_datagram_encode(datagram, &key, bytes, FT_DATAGRAM_MAX_BYTES);

    ck_assert_uint_gt(n, 0);
    return n;
}

/* ------------------------------------------------------------ the straight way */

START_TEST(every_type_comes_back)
{
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES], type;
    struct ft_datagram sent = make_full(), got;
    uint32_t key_id;
    size_t n;

    sent.type = (uint8_t) _i;
    n = encode(&sent, bytes);
    ck_assert(ft_datagram_peek(bytes, n, &type, &key_id));
    ck_assert_uint_eq(type, _i);
    ck_assert_uint_eq(key_id, key.id);
    ck_assert_int_eq(ft_datagram_decode(bytes, n, &key, &got), 0);
    expect_same(&got, &sent);
}
END_TEST

/* doc/protocol.md has these bytes. */
START_TEST(the_bytes_are_those_of_the_description)
{
    static const uint8_t header[HEADER_BYTES] = {
        0xf7, 'F', 'D', 1, FT_DATAGRAM_BEAT, FT_DATAGRAM_LEAVING, 0, 76, [12] = 1, 2, 3, 4,
        [23] = 5, [31] = 6, [32] = 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10, [47] = 8,
        [55] = 9, [56] = 255, 255, 255, 255, 255, 255, 255, 255, 0x1c, 0x90, 2, 2,
    };
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    struct ft_datagram beat = make_beat();

    ck_assert_uint_eq(encode(&beat, bytes), HEADER_BYTES + 4 + FT_DATAGRAM_MAC_BYTES);
    memset(bytes + 8, 0, 4); /* the key's id */
    ck_assert_mem_eq(bytes, header, sizeof header);
    ck_assert_mem_eq(bytes + HEADER_BYTES, "n1n0", 4);
}
END_TEST

START_TEST(the_largest_fits_a_larger_one_does_not)
{
    uint8_t bytes[2 * FT_DATAGRAM_MAX_BYTES];
    struct ft_datagram datagram = make_beat(), got;
    size_t n;

    memset(datagram.sender, 's', 255);
    memset(datagram.receiver, 'r', 255);
    memset(datagram.subject, 'x', 255);
    memset(datagram.text, 't', 511);
    n = FT_DATAGRAM_MAX_BYTES - HEADER_BYTES - 3 * 255 - FT_DATAGRAM_MAC_BYTES;
    ck_assert_uint_gt(n, 511); /* all texts at their largest fit */
    n = ft_datagram_encode(&datagram, &key, bytes, sizeof bytes);
    ck_assert_uint_eq(n, HEADER_BYTES + 3 * 255 + 511 + FT_DATAGRAM_MAC_BYTES);
    ck_assert_int_eq(ft_datagram_decode(bytes, n, &key, &got), 0);
    expect_same(&got, &datagram);
    errno = 0;
    ck_assert_uint_eq(ft_datagram_encode(&datagram, &key, bytes, n - 1), 0);
    ck_assert_int_eq(errno, EMSGSIZE);
    datagram.text[511] = 't'; /* no end */
    errno = 0;
    ck_assert_uint_eq(ft_datagram_encode(&datagram, &key, bytes, sizeof bytes), 0);
    ck_assert_int_eq(errno, EMSGSIZE);
}
END_TEST

/* doc/protocol.md has these bytes, too. */
START_TEST(acknowledgements_to_be_passed_on)
{
    static const uint8_t second[] = {[6] = 1, 2, [14] = 3, 4, [26] = 0xff, 0xff, 10, 0, 0, 1,
                                     0x1c, 0x90};
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    struct ft_datagram sent = make_beat(), got;
    size_t n;

    sent.type = FT_DATAGRAM_PASS_ON;
    for (unsigned i = 0; i < FT_DATAGRAM_ACKS_MAX; i++) {
        sent.acks[i] = (struct ft_datagram_ack){
            .incarnation = 0x101 + i, .echo_ns = 0x303 + i, .port = 7312,
            .address = {[10] = 0xff, 0xff, 10, 0, 0, (uint8_t) i}};
        sent.acks_n = (uint8_t) (i + 1);
        n = encode(&sent, bytes);
        ck_assert_uint_eq(n, HEADER_BYTES + 4 + 34 * (i + 1) + FT_DATAGRAM_MAC_BYTES);
        ck_assert_uint_eq(bytes[69], i + 1);
        ck_assert_int_eq(ft_datagram_decode(bytes, n, &key, &got), 0);
        expect_same(&got, &sent);
    }
    ck_assert_mem_eq(bytes + HEADER_BYTES + 4 + 34, second, sizeof second);
    sent.acks_n++;
    errno = 0;
    ck_assert_uint_eq(ft_datagram_encode(&sent, &key, bytes, sizeof bytes), 0);
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(unusable_types_are_not_sent)
{
    static const uint8_t types[] = {FT_DATAGRAM_NONE, FT_DATAGRAM_TYPE_MAX + 1, 255};
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    struct ft_datagram datagram = make_beat();

    for (size_t i = 0; i < sizeof types; i++) {
        datagram.type = types[i];
        errno = 0;
        ck_assert_uint_eq(ft_datagram_encode(&datagram, &key, bytes, sizeof bytes), 0);
        ck_assert_int_eq(errno, EINVAL);
    }
    datagram = make_beat();
    datagram.flags = FT_DATAGRAM_SIGNED; /* a credential is not made here */
    ck_assert_uint_eq(ft_datagram_encode(&datagram, &key, bytes, sizeof bytes), 0);
    ck_assert_uint_eq(ft_datagram_encode(&(struct ft_datagram){.type = FT_DATAGRAM_BEAT}, &key,
                                         bytes, FT_DATAGRAM_MAC_BYTES - 1), 0);
    ck_assert_int_eq(errno, EMSGSIZE);
}
END_TEST

/* ------------------------------------------------------------ what is not believed */

START_TEST(every_flipped_bit_is_noticed)
{
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    struct ft_datagram sent = make_full(), got;
    size_t n = encode(&sent, bytes);

    for (size_t bit = 0; bit < 8 * n; bit++) {
        bytes[bit / 8] ^= (uint8_t) (1u << bit % 8);
        ck_assert_int_eq(ft_datagram_decode(bytes, n, &key, &got), -1);
        ck_assert_msg(errno == EPROTO || errno == ENOKEY || errno == EACCES, "bit %zu: %d", bit,
                      errno);
        expect_empty(&got);
        bytes[bit / 8] ^= (uint8_t) (1u << bit % 8);
    }
    ck_assert_int_eq(ft_datagram_decode(bytes, n, &key, &got), 0);
}
END_TEST

START_TEST(cut_off_or_longer_ones_are_refused)
{
    uint8_t bytes[2 * FT_DATAGRAM_MAX_BYTES] = {0};
    struct ft_datagram sent = make_full();
    size_t n = encode(&sent, bytes);

    for (size_t less = 0; less < n; less++)
        expect_refused(bytes, less, EPROTO);
    for (size_t more = 1; more < 100; more++)
        expect_refused(bytes, n + more, EPROTO);
    expect_refused(bytes, sizeof bytes, EPROTO);
}
END_TEST

START_TEST(another_key_is_told_from_a_forgery)
{
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    struct ft_datagram sent = make_beat();
    size_t n = ft_datagram_encode(&sent, &other_key, bytes, sizeof bytes);

    expect_refused(bytes, n, ENOKEY);
    n = encode(&sent, bytes);
    bytes[n - 1] ^= 1;
    expect_refused(bytes, n, EACCES);
    /* Who knows the key's id, but not the key. */
    other_key.id = key.id;
    n = ft_datagram_encode(&sent, &other_key, bytes, sizeof bytes);
    expect_refused(bytes, n, EACCES);
}
END_TEST

START_TEST(a_credential_is_no_mac)
{
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    struct ft_datagram sent = make_beat();
    size_t n = encode(&sent, bytes);

    bytes[5] |= FT_DATAGRAM_SIGNED;
    expect_refused(bytes, n, ENOKEY);
}
END_TEST

/* Rightly made by the key's holder, of a version that this one does not know. */
START_TEST(what_is_proven_may_still_be_nonsense)
{
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {
        {4, FT_DATAGRAM_TYPE_MAX + 1}, {4, 0}, {66, 3}, {66, 0}, {71, 200}, {HEADER_BYTES, 0},
        {69, 1}, {69, FT_DATAGRAM_ACKS_MAX + 1},
    };
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    struct ft_datagram sent = make_beat(), got = sent;
    size_t n = ft_datagram_encode_body(&sent, key.id, bytes, sizeof bytes);

    bytes[changes[_i].at] = changes[_i].value;
    ck_assert_int_eq(ft_datagram_decode_body(bytes, n, &got), -1);
    ck_assert_int_eq(errno, EBADMSG);
    expect_empty(&got);
}
END_TEST

START_TEST(keys_are_independent_of_each_other)
{
    uint8_t bit_off[FT_DATAGRAM_KEY_BYTES];
    struct ft_datagram_key again, near;

    ft_datagram_key_set(&again, secret);
    ck_assert_mem_eq(&again, &key, sizeof key);
    for (size_t bit = 0; bit < 8 * sizeof secret; bit++) {
        memcpy(bit_off, secret, sizeof secret);
        bit_off[bit / 8] ^= (uint8_t) (1u << bit % 8);
        ft_datagram_key_set(&near, bit_off);
        ck_assert_mem_ne(near.mac, key.mac, sizeof key.mac);
        ck_assert_uint_ne(near.id, key.id);
    }
    ft_datagram_key_wipe(&again);
    for (size_t i = 0; i < sizeof again; i++)
        ck_assert_uint_eq(((uint8_t *) &again)[i], 0);
}
END_TEST

static unsigned seed;

static uint32_t dice(uint32_t sides)
{
    return (uint32_t) rand_r(&seed) % sides;
}

START_TEST(garbled_bytes_do_no_harm)
{
    const char *given = getenv("FT_TEST_SEED");
    unsigned first = given != NULL ? (unsigned) strtoul(given, NULL, 10) : (unsigned) time(NULL);
    uint8_t good[FT_DATAGRAM_MAX_BYTES], type;
    struct ft_datagram sent = make_full(), got;
    size_t good_n = encode(&sent, good);
    uint32_t key_id;

    for (unsigned i = 0; i < (given != NULL ? 1 : 100000); i++) {
        /* Of exactly its size on the heap, so that a sanitizer sees one byte too many. */
        size_t n = dice(3) == 0 ? dice(FT_DATAGRAM_MAX_BYTES + 100) : good_n;
        uint8_t *bytes = malloc(n > 0 ? n : 1);

        seed = first + i;
        for (size_t at = 0; at < n; at++)
            bytes[at] = at < good_n && dice(200) != 0 ? good[at] : (uint8_t) dice(256);
        if (ft_datagram_peek(bytes, n, &type, &key_id))
            ck_assert_msg(n >= HEADER_BYTES, "FT_TEST_SEED=%u", first + i);
        if (ft_datagram_decode(bytes, n, &key, &got) == 0)
            ck_assert_msg(n == good_n && memcmp(bytes, good, n) == 0, "FT_TEST_SEED=%u", first + i);
        /* Past the MAC, as from another version: any answer, no harm. */
        (void) ft_datagram_decode_body(bytes, n, &got);
        free(bytes);
    }
}
END_TEST

/* ------------------------------------------------------------ who was heard already */

START_TEST(each_comes_once)
{
    struct ft_replay replay = {0};

    for (uint64_t i = 1; i <= 200; i++) {
        ck_assert(ft_replay_take(&replay, 7, i));
        ck_assert(!ft_replay_take(&replay, 7, i));
    }
    for (uint64_t i = 1; i <= 200; i++)
        ck_assert(!ft_replay_take(&replay, 7, i));
    ck_assert(!ft_replay_take(&replay, 7, 0)); /* nobody counts from 0 */
}
END_TEST

START_TEST(the_network_may_change_their_order)
{
    struct ft_replay replay = {0};

    ck_assert(ft_replay_take(&replay, 7, 100));
    ck_assert(ft_replay_take(&replay, 7, 37)); /* 63 before: the last one that is known */
    ck_assert(!ft_replay_take(&replay, 7, 37));
    ck_assert(!ft_replay_take(&replay, 7, 36)); /* may have come: it is not known any more */
    ck_assert(ft_replay_take(&replay, 7, 99));
    ck_assert(ft_replay_take(&replay, 7, 163));
    ck_assert(!ft_replay_take(&replay, 7, 99));
    ck_assert(!ft_replay_take(&replay, 7, 100));
    ck_assert(ft_replay_take(&replay, 7, 101));
    ck_assert(ft_replay_take(&replay, 7, 163 + 64)); /* nothing of before is left */
    ck_assert(!ft_replay_take(&replay, 7, 163));
    ck_assert(ft_replay_take(&replay, 7, 164));
    ck_assert(ft_replay_take(&replay, 7, UINT64_MAX));
    ck_assert(!ft_replay_take(&replay, 7, UINT64_MAX));
    ck_assert(ft_replay_take(&replay, 7, UINT64_MAX - 63));
}
END_TEST

START_TEST(a_later_run_is_another_sender)
{
    struct ft_replay replay = {0};

    ck_assert(ft_replay_take(&replay, 7, 100));
    ck_assert(ft_replay_take(&replay, 8, 1));
    ck_assert(!ft_replay_take(&replay, 8, 1));
    ck_assert(!ft_replay_take(&replay, 7, 101)); /* somebody recorded it */
    ck_assert(ft_replay_take(&replay, 8, 2));
}
END_TEST

/* The node's clock went back before its unit was started anew. */
START_TEST(an_earlier_run_is_taken_if_it_was_announced)
{
    struct ft_replay replay = {0};

    ck_assert(ft_replay_take(&replay, 8, 5));
    ft_replay_expect(&replay, 7);
    ck_assert(ft_replay_take(&replay, 7, 1));
    ck_assert(!ft_replay_take(&replay, 7, 1));
    ck_assert(!ft_replay_take(&replay, 6, 9));
    ft_replay_expect(&replay, 7); /* said again: what came stays known */
    ck_assert(!ft_replay_take(&replay, 7, 1));
    ck_assert(ft_replay_take(&replay, 7, 2));
}
END_TEST

/* Against a list of all that came. */
START_TEST(at_random_no_one_comes_twice)
{
    unsigned first = (unsigned) time(NULL);
    bool came[2000] = {false};
    struct ft_replay replay = {0};
    uint64_t base = 1, highest = 0;

    seed = first;
    for (int i = 0; i < 200000; i++) {
        uint64_t sequence = base + dice(100);
        bool taken;

        if (sequence >= sizeof came / sizeof came[0])
            break;
        taken = ft_replay_take(&replay, 1, sequence);
        ck_assert_msg(!taken || !came[sequence], "seed %u", first);
        if (!taken && sequence + 64 > highest)
            ck_assert_msg(came[sequence], "seed %u: one was refused that is new", first);
        came[sequence] = came[sequence] || taken;
        highest = sequence > highest ? sequence : highest;
        base += dice(20) == 0;
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("datagram");
    TCase *t = tcase_create("datagram");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(t, setup, NULL);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, every_type_comes_back, 1, FT_DATAGRAM_TYPE_MAX + 1);
    tcase_add_test(t, the_bytes_are_those_of_the_description);
    tcase_add_test(t, the_largest_fits_a_larger_one_does_not);
    tcase_add_test(t, acknowledgements_to_be_passed_on);
    tcase_add_test(t, unusable_types_are_not_sent);
    tcase_add_test(t, every_flipped_bit_is_noticed);
    tcase_add_test(t, cut_off_or_longer_ones_are_refused);
    tcase_add_test(t, another_key_is_told_from_a_forgery);
    tcase_add_test(t, a_credential_is_no_mac);
    tcase_add_loop_test(t, what_is_proven_may_still_be_nonsense, 0, 8);
    tcase_add_test(t, keys_are_independent_of_each_other);
    tcase_add_test(t, garbled_bytes_do_no_harm);
    tcase_add_test(t, each_comes_once);
    tcase_add_test(t, the_network_may_change_their_order);
    tcase_add_test(t, a_later_run_is_another_sender);
    tcase_add_test(t, an_earlier_run_is_taken_if_it_was_announced);
    tcase_add_test(t, at_random_no_one_comes_twice);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
