/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_identity.c - src/wire/identity: key files that may be used and those that may not; MUNGE, a
 * fake one, in datagrams and in the handshake of channels.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_munge.h"
#include "wire/channel.h"
#include "wire/identity.h"

#define DIGITS "00112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100"
#define BORROW(text) ((char *) (uintptr_t) (text))

static char folder[64], path[128], why[FT_IDENTITY_WHY_MAX];
static struct ft_identity identity;
static struct fake_munge munge;
static struct ft_channel *client, *server;

static void setup(void)
{
    strcpy(folder, "/tmp/ft-test-identity-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key", folder);
    fake_munge_init(&munge);
    why[0] = '\0';
}

static void teardown(void)
{
    ft_channel_destroy(client);
    ft_channel_destroy(server);
    client = server = NULL;
    unlink(path);
    rmdir(path);
    rmdir(folder);
}

static void write_key(const char *text, size_t n, mode_t mode)
{
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, n, file), n);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(path, mode), 0);
}

static int load(const char *wish)
{
    errno = 0;
    return ft_identity_load(&identity, wish, path, &munge.table, why, sizeof why);
}

static bool is_wiped(void)
{
    const uint8_t *bytes = (const uint8_t *) &identity;

    for (size_t i = 0; i < sizeof identity; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static void expect_refused(int code, const char *word)
{
    ck_assert_int_eq(load("key"), -1);
    ck_assert_int_eq(errno, code);
    ck_assert_msg(strstr(why, word) != NULL, "\"%s\" does not say \"%s\"", why, word);
    ck_assert_ptr_nonnull(strstr(why, path));
    ck_assert_ptr_null(strstr(why, "00112233")); /* the key is nobody's to read in a log */
    ck_assert(is_wiped());
}

/* ------------------------------------------------------------ key files */

START_TEST(a_key_is_read)
{
    static const char *const texts[] = {DIGITS, DIGITS "\n", "  " DIGITS "\r\n\n"};
    uint8_t first[FT_IDENTITY_KEY_BYTES] = {0x00, 0x11, 0x22};

    write_key(texts[_i], strlen(texts[_i]), _i == 0 ? 0400 : 0600);
    ck_assert_msg(load("key") == 0, "%s", why);
    ck_assert_int_eq(identity.mode, FT_IDENTITY_KEY);
    ck_assert_mem_eq(identity.key, first, 3);
    ck_assert_uint_eq(identity.key[31], 0);
    ck_assert_uint_eq(identity.key[16], 0xff);
    ck_assert_str_eq(ft_identity_text(&identity), "a key");
    ft_identity_wipe(&identity);
    ck_assert(is_wiped());
}
END_TEST

START_TEST(what_is_no_key_is_refused)
{
    static const char *const texts[] = {
        "", "\n", "00112233", DIGITS "0", DIGITS " " DIGITS, DIGITS "\n" DIGITS "\n", DIGITS "x",
    };
    char text[1024];

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_key(texts[i], strlen(texts[i]), 0600);
        expect_refused(EINVAL, "hexadecimal");
    }
    snprintf(text, sizeof text, "%s", DIGITS);
    text[10] = 'g';
    write_key(text, strlen(text), 0600);
    expect_refused(EINVAL, "hexadecimal");
    text[10] = '\0';
    write_key(text, 64, 0600);
    expect_refused(EINVAL, "hexadecimal");
    memset(text, '0', sizeof text);
    write_key(text, sizeof text, 0600);
    expect_refused(EINVAL, "hexadecimal");
}
END_TEST

START_TEST(others_must_not_have_rights)
{
    static const mode_t modes[] = {0640, 0604, 0660, 0444, 0410, 0601, 0777, 0620};

    write_key(DIGITS, 64, modes[_i]);
    expect_refused(EPERM, "chmod 0400");
}
END_TEST

START_TEST(its_owner_must_be_trusted)
{
    if (geteuid() != 0) /* nobody else can give a file away */
        return;
    write_key(DIGITS, 64, 0600);
    ck_assert_int_eq(chown(path, 12345, 12345), 0);
    expect_refused(EPERM, "12345");
}
END_TEST

START_TEST(it_must_be_a_file)
{
    expect_refused(ENOENT, "every node");
    ck_assert_int_eq(mkdir(path, 0700), 0);
    expect_refused(EINVAL, "regular");
    rmdir(path);
    ck_assert_int_eq(mkfifo(path, 0600), 0); /* and nobody waits for a writer */
    expect_refused(EINVAL, "regular");
}
END_TEST

/* ------------------------------------------------------------ which way */

START_TEST(auto_takes_munge_where_it_answers)
{
    write_key(DIGITS, 64, 0600);
    ck_assert_int_eq(load("auto"), 0);
    ck_assert_int_eq(identity.mode, FT_IDENTITY_MUNGE);
    ck_assert_str_eq(ft_identity_text(&identity), "MUNGE");
    munge.down = true;
    ck_assert_int_eq(load("auto"), 0);
    ck_assert_int_eq(identity.mode, FT_IDENTITY_KEY);
    unlink(path);
    ck_assert_int_eq(load("auto"), -1);
    ck_assert_ptr_nonnull(strstr(why, "MUNGE does not answer"));
    ck_assert_ptr_nonnull(strstr(why, path));
    ck_assert_int_eq(ft_identity_load(&identity, "auto", path, NULL, why, sizeof why), -1);
    ck_assert_ptr_nonnull(strstr(why, "built without MUNGE"));
}
END_TEST

START_TEST(a_forced_way_is_the_only_one)
{
    write_key(DIGITS, 64, 0600);
    ck_assert_int_eq(load("key"), 0);
    ck_assert_int_eq(identity.mode, FT_IDENTITY_KEY);
    ck_assert_uint_eq(munge.encoded, 0);
    munge.down = true;
    ck_assert_int_eq(load("munge"), -1);
    munge.down = false;
    munge.lies = true;
    ck_assert_int_eq(load("munge"), -1);
    ck_assert_ptr_nonnull(strstr(why, "wrongly"));
    munge.lies = false;
    munge.uid = 12345; /* it would say so to others, too */
    ck_assert_int_eq(load("munge"), -1);
    ck_assert_int_eq(load("password"), -1);
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

/* ------------------------------------------------------------ datagrams */

static const struct ft_datagram identify = {
    .type = FT_DATAGRAM_IDENTIFY, .port = 7311, .term = 3, .boot = 1, .sequence = 1,
    .sender = "n0", .text = "n0,n0.example.org",
};

static void make_identity(bool by_munge)
{
    uint8_t key[FT_IDENTITY_KEY_BYTES] = {1, 2, 3};

    if (by_munge)
        ft_identity_set_munge(&identity, &munge.table);
    else
        ft_identity_set_key(&identity, key);
}

static size_t seal(uint8_t bytes[FT_DATAGRAM_MAX_BYTES])
{
    size_t n = ft_identity_seal(&identity, &identify, bytes, FT_DATAGRAM_MAX_BYTES, why,
                                sizeof why);

    ck_assert_msg(n > 0, "%s", why);
    return n;
}

static void expect_open_fails(const uint8_t *bytes, size_t n, int code)
{
    struct ft_datagram got;

    errno = 0;
    ck_assert_int_eq(ft_identity_open(&identity, bytes, n, &got, why, sizeof why), -1);
    ck_assert_int_eq(errno, code);
    ck_assert_str_ne(why, "");
    ck_assert_uint_eq(got.type, FT_DATAGRAM_NONE);
    ck_assert_str_eq(got.sender, "");
}

START_TEST(identification_passes_either_way)
{
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    struct ft_datagram got;
    size_t n;

    make_identity(_i == 1);
    n = seal(bytes);
    ck_assert_int_eq(ft_identity_open(&identity, bytes, n, &got, why, sizeof why), 0);
    ck_assert_uint_eq(got.type, FT_DATAGRAM_IDENTIFY);
    ck_assert_uint_eq(got.flags, 0);
    ck_assert_uint_eq(got.port, 7311);
    ck_assert_str_eq(got.text, identify.text);
}
END_TEST

/* The number of a fake credential is the one thing that nothing protects; MUNGE has no such. */
static bool is_in_number(const uint8_t *bytes, size_t n, size_t at)
{
    return at < n - 2 * FT_DATAGRAM_DIGEST_BYTES - 1 && at >= n - 2 * FT_DATAGRAM_DIGEST_BYTES - 12 &&
           memmem(bytes, n, "FAKE:", 5) != NULL;
}

START_TEST(every_flipped_bit_of_it_is_noticed)
{
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    struct ft_datagram got;
    size_t n;

    make_identity(_i == 1);
    n = seal(bytes);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        bytes[bit / 8] ^= (uint8_t) (1u << bit % 8);
        if (ft_identity_open(&identity, bytes, n, &got, why, sizeof why) == 0)
            ck_assert_msg(_i == 1 && is_in_number(bytes, n, bit / 8), "bit %zu of %zu", bit, 8 * n);
        bytes[bit / 8] ^= (uint8_t) (1u << bit % 8);
    }
}
END_TEST

START_TEST(the_ways_do_not_mix)
{
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    size_t n;

    make_identity(true);
    n = seal(bytes);
    make_identity(false);
    expect_open_fails(bytes, n, ENOKEY);
    n = seal(bytes);
    make_identity(true);
    expect_open_fails(bytes, n, ENOKEY);
    ck_assert_ptr_nonnull(strstr(why, "auth"));
    expect_open_fails(bytes, 0, EPROTO);
}
END_TEST

START_TEST(credentials_of_others_are_refused)
{
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    struct ft_datagram got;
    size_t n;

    make_identity(true);
    munge.uid = 12345;
    n = seal(bytes);
    expect_open_fails(bytes, n, EACCES);
    ck_assert_ptr_nonnull(strstr(why, "12345"));
    munge.uid = 0; /* root's is everywhere good */
    n = seal(bytes);
    munge.expired = true;
    expect_open_fails(bytes, n, EACCES);
    munge.expired = false;
    munge.lies = true;
    expect_open_fails(bytes, n, EACCES);
    munge.lies = false;
    munge.down = true;
    expect_open_fails(bytes, n, EIO);
    munge.down = false;
    munge.replayed = true; /* said twice on purpose: counting is not done here */
    ck_assert_int_eq(ft_identity_open(&identity, bytes, n, &got, why, sizeof why), 0);
    munge.down = true;
    ck_assert_uint_eq(ft_identity_seal(&identity, &identify, bytes, sizeof bytes, why,
                                       sizeof why), 0);
    ck_assert_int_eq(errno, EIO);
}
END_TEST

/* A credential that is right, on a body that is another. */
START_TEST(a_credential_is_for_one_datagram)
{
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    size_t n;

    make_identity(true);
    n = seal(bytes);
    bytes[65] ^= 1; /* the port */
    expect_open_fails(bytes, n, EACCES);
    ck_assert_ptr_nonnull(strstr(why, "another datagram"));
    bytes[65] ^= 1;
    bytes[n - 1] = ' ';
    expect_open_fails(bytes, n, EPROTO);
}
END_TEST

/* ------------------------------------------------------------ channels */

static void open_channels(const struct ft_identity *one, const struct ft_identity *other)
{
    client = ft_channel_create_as(FT_CHANNEL_KEYED_CLIENT, one);
    server = ft_channel_create_as(FT_CHANNEL_KEYED_SERVER, other);
    ck_assert_ptr_nonnull(client);
    ck_assert_ptr_nonnull(server);
}

/* Does what MUNGE is to do for the channel. 1: something was done; -1: and the channel is dead. */
static int do_proving(struct ft_channel *channel)
{
    struct ft_proving *proving = ft_channel_proving(channel);
    int result;

    if (proving == NULL)
        return 0;
    ck_assert_ptr_null(ft_channel_proving(channel)); /* it is handed out once */
    ft_proving_run(proving);
    result = ft_channel_proven(channel, proving);
    ft_proving_destroy(proving);
    return result == 0 ? 1 : -1;
}

/* Carries output over, `step` bytes at a time, and does what is to be done. */
static int carry(struct ft_channel *from, struct ft_channel *to, size_t step)
{
    const uint8_t *output;
    size_t n;
    int result = 0;

    while (result == 0 && (output = ft_channel_output(from, &n)) != NULL) {
        n = n > step ? step : n;
        result = ft_channel_feed(to, output, n);
        ft_channel_written(from, n);
    }
    return result == 0 && do_proving(to) < 0 ? -1 : result;
}

/* Until neither has anything to say. Says whether both live. */
static bool shake_hands(size_t step)
{
    bool well = true;

    for (int i = 0; i < 4; i++) {
        well = carry(client, server, step) == 0 && well;
        well = carry(server, client, step) == 0 && well;
    }
    return well;
}

static int send_text(struct ft_channel *channel, const char *text)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Leave leave = FT__LEAVE__INIT;

    message.body_case = FT__MESSAGE__BODY_LEAVE;
    message.leave = &leave;
    leave.reason = BORROW(text);
    return ft_channel_send(channel, &message);
}

static void expect_text(struct ft_channel *channel, const char *text)
{
    Ft__Message *message;

    ck_assert_int_eq(ft_channel_next(channel, &message), 1);
    ck_assert_str_eq(message->leave->reason, text);
    ft__message__free_unpacked(message, NULL);
}

START_TEST(munge_opens_a_channel)
{
    make_identity(true);
    open_channels(&identity, &identity);
    ck_assert_int_eq(send_text(client, "said before the handshake"), 0);
    ck_assert(!ft_channel_is_open(client));
    ck_assert(shake_hands(_i == 0 ? 1 : 100000));
    ck_assert(ft_channel_is_proven(client) && ft_channel_is_proven(server));
    ck_assert_uint_eq(munge.encoded, 2);
    ck_assert_uint_eq(munge.decoded, 2);
    expect_text(server, "said before the handshake");
    ck_assert_int_eq(send_text(server, "and back"), 0);
    ck_assert_int_eq(carry(server, client, 3), 0);
    expect_text(client, "and back");
}
END_TEST

static void expect_dead(struct ft_channel *channel, int code, const char *word)
{
    Ft__Message *message;

    errno = 0;
    ck_assert_int_eq(ft_channel_next(channel, &message), -1);
    ck_assert_int_eq(errno, code);
    ck_assert(!ft_channel_is_open(channel) && !ft_channel_is_proven(channel));
    ck_assert_msg(strstr(ft_channel_error(channel), word) != NULL, "\"%s\"",
                  ft_channel_error(channel));
}

/* _i 0: the server is no process of root's or ours; 1: the client. */
START_TEST(another_users_process_is_refused)
{
    struct fake_munge other;
    struct ft_identity others;

    fake_munge_init(&other);
    other.uid = 12345;
    ft_identity_set_munge(&others, &other.table);
    make_identity(true);
    open_channels(_i == 0 ? &identity : &others, _i == 0 ? &others : &identity);
    ck_assert(!shake_hands(100000));
    expect_dead(_i == 0 ? client : server, EACCES, "12345");
    ck_assert(!ft_channel_is_proven(server)); /* a client tells nothing to a bad server */
}
END_TEST

START_TEST(without_munge_no_handshake)
{
    static const char *const words[] = {"does not work", "expired", "another connection"};

    make_identity(true);
    open_channels(&identity, &identity);
    ck_assert_int_eq(carry(client, server, 1000), 0);
    munge.down = _i == 0;
    munge.expired = _i == 1;
    munge.lies = _i == 2;
    ck_assert_int_eq(carry(server, client, 1000), -1);
    expect_dead(client, _i == 0 ? EIO : EACCES, words[_i]);
}
END_TEST

/* A credential of another handshake, by a right user: what an eavesdropper has. */
START_TEST(a_credential_is_for_one_handshake)
{
    struct ft_channel *old_client, *old_server;
    const uint8_t *output;
    uint8_t *proof;
    size_t n, proof_n;

    make_identity(true);
    open_channels(&identity, &identity);
    old_client = client;
    old_server = server;
    ck_assert_int_eq(carry(client, server, 1000), 0);
    ck_assert_int_eq(carry(server, client, 1000), 0);
    output = ft_channel_output(old_client, &proof_n);
    ck_assert_ptr_nonnull(output);
    proof = malloc(proof_n);
    memcpy(proof, output, proof_n);

    open_channels(&identity, &identity);
    ck_assert_int_eq(carry(client, server, 1000), 0);
    ck_assert_ptr_nonnull(ft_channel_output(server, &n));
    ck_assert_int_eq(ft_channel_feed(server, proof, proof_n), 0);
    ck_assert_int_eq(do_proving(server), -1);
    expect_dead(server, EACCES, "another connection");
    free(proof);
    ft_channel_destroy(old_client);
    ft_channel_destroy(old_server);
}
END_TEST

static bool take_one(struct ft_channel *channel)
{
    Ft__Message *message;
    bool came = ft_channel_next(channel, &message) == 1;

    if (came)
        ft__message__free_unpacked(message, NULL);
    return came;
}

/* Everything that the two say, one bit after the other changed on its way. */
START_TEST(every_flipped_bit_ends_the_handshake)
{
    size_t bits = 0;

    make_identity(true);
    for (size_t bit = 0; bit == 0 || bit < bits; bit += 1 + bit % 3) {
        size_t at = bit / 8, n;
        const uint8_t *output;
        uint8_t bytes[4096];
        bool proven;

        open_channels(&identity, &identity);
        if (_i == 1)
            ck_assert_int_eq(carry(client, server, 1000), 0);
        output = ft_channel_output(_i == 0 ? client : server, &n);
        ck_assert_ptr_nonnull(output);
        bits = 8 * n;
        memcpy(bytes, output, n);
        ft_channel_written(_i == 0 ? client : server, n);
        bytes[at] ^= (uint8_t) (1u << bit % 8);
        if (ft_channel_feed(_i == 0 ? server : client, bytes, n) == 0)
            do_proving(_i == 0 ? server : client);
        shake_hands(1000);
        proven = ft_channel_is_proven(client) && ft_channel_is_proven(server);
        /* A stream header that was changed shows with the first message. */
        if (proven && send_text(client, "x") == 0 && send_text(server, "x") == 0)
            proven = shake_hands(1000) && take_one(server) && take_one(client);
        ck_assert_msg(!proven || (_i == 1 && is_in_number(bytes, n, at)),
                      "bit %zu of byte %zu of %zu", bit % 8, at, n);
        ft_channel_destroy(client);
        ft_channel_destroy(server);
        client = server = NULL;
    }
}
END_TEST

START_TEST(key_and_munge_do_not_mix)
{
    struct ft_identity keyed;
    uint8_t key[FT_IDENTITY_KEY_BYTES] = {1};

    ft_identity_set_key(&keyed, key);
    make_identity(true);
    open_channels(_i == 0 ? &identity : &keyed, _i == 0 ? &keyed : &identity);
    ck_assert_int_eq(carry(client, server, 1000), -1);
    expect_dead(server, EPROTO, "auth");
    ck_assert_int_eq(carry(server, client, 1000), -1);
    expect_dead(client, EPROTO, "auth");
    ck_assert_uint_eq(munge.encoded, 0);
}
END_TEST

START_TEST(credential_lengths_are_bounded)
{
    static const uint8_t lengths[][2] = {{0, 0}, {4, 0}, {0xff, 0xff}};
    uint8_t bytes[8 + 32 + 24 + 2] = {0};
    size_t n;

    make_identity(true);
    open_channels(&identity, &identity);
    ck_assert_int_eq(carry(client, server, 1000), 0);
    memcpy(bytes, ft_channel_output(server, &n), sizeof bytes);
    memcpy(bytes + sizeof bytes - 2, lengths[_i], 2);
    ck_assert_int_eq(ft_channel_feed(client, bytes, sizeof bytes), -1);
    expect_dead(client, EACCES, "no credential");
}
END_TEST

/* The channel may go while another thread still works for it. */
START_TEST(a_proving_outlives_its_channel)
{
    struct ft_proving *proving;

    make_identity(true);
    open_channels(&identity, &identity);
    ck_assert_int_eq(ft_channel_feed(server, ft_channel_output(client, &(size_t){0}), 40), 0);
    proving = ft_channel_proving(server);
    ck_assert_ptr_nonnull(proving);
    ck_assert_int_eq(ft_proving_error(proving), EINVAL); /* not run */
    ft_channel_destroy(server);
    server = NULL;
    ft_proving_run(proving);
    ck_assert_int_eq(ft_proving_error(proving), 0);
    ft_proving_destroy(proving);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("identity");
    TCase *t = tcase_create("identity");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, a_key_is_read, 0, 3);
    tcase_add_test(t, what_is_no_key_is_refused);
    tcase_add_loop_test(t, others_must_not_have_rights, 0, 8);
    tcase_add_test(t, its_owner_must_be_trusted);
    tcase_add_test(t, it_must_be_a_file);
    tcase_add_test(t, auto_takes_munge_where_it_answers);
    tcase_add_test(t, a_forced_way_is_the_only_one);
    tcase_add_loop_test(t, identification_passes_either_way, 0, 2);
    tcase_add_loop_test(t, every_flipped_bit_of_it_is_noticed, 0, 2);
    tcase_add_test(t, the_ways_do_not_mix);
    tcase_add_test(t, credentials_of_others_are_refused);
    tcase_add_test(t, a_credential_is_for_one_datagram);
    tcase_add_loop_test(t, munge_opens_a_channel, 0, 2);
    tcase_add_loop_test(t, another_users_process_is_refused, 0, 2);
    tcase_add_loop_test(t, without_munge_no_handshake, 0, 3);
    tcase_add_test(t, a_credential_is_for_one_handshake);
    tcase_add_loop_test(t, every_flipped_bit_ends_the_handshake, 0, 2);
    tcase_add_loop_test(t, key_and_munge_do_not_mix, 0, 2);
    tcase_add_loop_test(t, credential_lengths_are_bounded, 0, 3);
    tcase_add_test(t, a_proving_outlives_its_channel);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
