/* SPDX-License-Identifier: BSD-3-Clause */
/* The ledger: its order, its bounds, its snapshots (whole, cut, damaged), its commands. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/crc.h"
#include "core/ledger.h"

static void put(struct ft_ledger *ledger, const char *key, const char *value)
{
    ck_assert_int_eq(ft_ledger_put(ledger, key, value, strlen(value)), 0);
}

static void must_have(const struct ft_ledger *ledger, const char *key, const char *value)
{
    size_t n;
    const void *data = ft_ledger_get(ledger, key, &n);

    if (value == NULL) {
        ck_assert_ptr_null(data);
        return;
    }
    ck_assert_ptr_nonnull(data);
    ck_assert_uint_eq(n, strlen(value));
    ck_assert_int_eq(memcmp(data, value, n), 0);
}

static bool add_key(void *arg, const char *key, const void *data, size_t n)
{
    (void)data;
    (void)n;
    strcat(strcat(arg, key), " ");
    return strlen(arg) < 40;
}

START_TEST(keeps_the_order_of_writing)
{
    struct ft_ledger *ledger = ft_ledger_create();
    char keys[128] = "";

    put(ledger, "node/b", "1");
    put(ledger, "node/a", "2");
    put(ledger, "job/1", "3");
    put(ledger, "node/c", "4");
    put(ledger, "node/b", "5"); /* again: stays where it is */
    must_have(ledger, "node/b", "5");
    ft_ledger_each(ledger, "node/", add_key, keys);
    ck_assert_str_eq(keys, "node/b node/a node/c ");
    ft_ledger_erase(ledger, "node/a");
    ft_ledger_erase(ledger, "node/a");
    must_have(ledger, "node/a", NULL);
    put(ledger, "node/a", ""); /* anew: at the end; a value may be empty */
    must_have(ledger, "node/a", "");
    keys[0] = '\0';
    ft_ledger_each(ledger, "", add_key, keys);
    ck_assert_str_eq(keys, "node/b job/1 node/c node/a ");
    ft_ledger_erase_prefix(ledger, "node/");
    ck_assert_uint_eq(ft_ledger_count(ledger), 1);
    ck_assert_uint_eq(ft_ledger_bytes(ledger), 6);
    ft_ledger_erase_prefix(ledger, "");
    ck_assert_uint_eq(ft_ledger_bytes(ledger), 0);
    ft_ledger_destroy(ledger);
    ft_ledger_destroy(NULL);
}
END_TEST

START_TEST(refuses_what_is_too_large)
{
    struct ft_ledger *ledger = ft_ledger_create();
    char key[FT_LEDGER_KEY_MAX + 1], *large = calloc(1, FT_LEDGER_VALUE_MAX + 1);
    int result = 0, i = 0;

    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    ck_assert_int_eq(ft_ledger_put(ledger, key, "x", 1), -1);
    ck_assert_int_eq(errno, EINVAL);
    key[FT_LEDGER_KEY_MAX - 1] = '\0';
    ck_assert_int_eq(ft_ledger_put(ledger, key, "x", 1), 0);
    ck_assert_int_eq(ft_ledger_put(ledger, "", "x", 1), -1);
    ck_assert_int_eq(ft_ledger_put(ledger, "k", NULL, 1), -1);
    ck_assert_int_eq(ft_ledger_put(ledger, "k", large, FT_LEDGER_VALUE_MAX + 1), -1);
    ck_assert_int_eq(errno, EMSGSIZE);
    while (result == 0 && i < 100) {
        snprintf(key, sizeof key, "large/%d", i++);
        result = ft_ledger_put(ledger, key, large, FT_LEDGER_VALUE_MAX);
    }
    ck_assert_int_eq(result, -1);
    ck_assert_int_eq(errno, ENOSPC);
    ck_assert_uint_le(ft_ledger_bytes(ledger), FT_LEDGER_BYTES_MAX);
    must_have(ledger, key, NULL);
    ck_assert_int_eq(ft_ledger_put(ledger, "large/0", large, FT_LEDGER_VALUE_MAX), 0); /* the same */
    free(large);
    ft_ledger_destroy(ledger);
}
END_TEST

static struct ft_ledger *some_ledger(void)
{
    struct ft_ledger *ledger = ft_ledger_create();
    char key[32], value[64];

    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "node/n%d", i);
        snprintf(value, sizeof value, "value %d of it", i * i);
        put(ledger, key, value);
    }
    put(ledger, "empty", "");
    ft_ledger_erase(ledger, "node/n17");
    return ledger;
}

START_TEST(snapshot_is_the_same_ledger)
{
    struct ft_ledger *ledger = some_ledger(), *other, *none = ft_ledger_create();
    size_t n = ft_ledger_encoded_bytes(ledger);
    uint8_t *bytes = malloc(n), small[64];

    ft_ledger_encode(ledger, bytes);
    other = ft_ledger_decode(bytes, n);
    ck_assert_ptr_nonnull(other);
    ck_assert_uint_eq(ft_ledger_hash(other), ft_ledger_hash(ledger));
    ck_assert_uint_eq(ft_ledger_count(other), ft_ledger_count(ledger));
    ck_assert_uint_eq(ft_ledger_bytes(other), ft_ledger_bytes(ledger));
    put(other, "node/n3", "changed");
    ck_assert_uint_ne(ft_ledger_hash(other), ft_ledger_hash(ledger));
    ck_assert_uint_le(ft_ledger_encoded_bytes(none), sizeof small);
    ft_ledger_encode(none, small);
    ft_ledger_destroy(other);
    other = ft_ledger_decode(small, ft_ledger_encoded_bytes(none));
    ck_assert_ptr_nonnull(other);
    ck_assert_uint_eq(ft_ledger_count(other), 0);
    ft_ledger_destroy(other);
    ft_ledger_destroy(none);
    ft_ledger_destroy(ledger);
    free(bytes);
}
END_TEST

START_TEST(snapshot_that_is_damaged_is_refused)
{
    struct ft_ledger *ledger = some_ledger();
    size_t n = ft_ledger_encoded_bytes(ledger);
    uint8_t *bytes = malloc(n + 1), *cut;

    ft_ledger_encode(ledger, bytes);
    bytes[n] = 0;
    ck_assert_ptr_null(ft_ledger_decode(bytes, n + 1));
    for (size_t i = 0; i < n; i++) { /* memory of just that size: reading beyond it would show */
        cut = malloc(i > 0 ? i : 1);
        memcpy(cut, bytes, i);
        ck_assert_ptr_null(ft_ledger_decode(cut, i));
        ck_assert_int_eq(errno, EBADMSG);
        free(cut);
    }
    for (size_t i = 0; i < n; i++) {
        bytes[i] ^= 0x40;
        ck_assert_ptr_null(ft_ledger_decode(bytes, n));
        bytes[i] ^= 0x40;
    }
    bytes[8] = 2; /* a later format */
    ck_assert_ptr_null(ft_ledger_decode(bytes, n));
    ck_assert_int_eq(errno, EPROTO);
    ft_ledger_destroy(ledger);
    free(bytes);
}
END_TEST

START_TEST(snapshot_that_lies_is_refused)
{
    /* The checksum is right, the lengths are not. */
    struct ft_ledger *ledger = ft_ledger_create();
    uint8_t bytes[128];
    size_t n;

    put(ledger, "k", "value");
    n = ft_ledger_encoded_bytes(ledger);
    ft_ledger_encode(ledger, bytes);
    for (size_t i = 16; i < n; i++)
        for (int bit = 0; bit < 8; bit++) {
            struct ft_ledger *other;
            uint32_t crc;

            bytes[i] ^= (uint8_t)(1 << bit);
            crc = ft_crc32c(0, bytes + 16, n - 16);
            for (int k = 0; k < 4; k++)
                bytes[12 + k] = (uint8_t)(crc >> (8 * k));
            other = ft_ledger_decode(bytes, n);
            if (i < 24 || (i >= 27 && i < 31) || i < 26)
                ck_assert_ptr_null(other);
            ft_ledger_destroy(other);
            bytes[i] ^= (uint8_t)(1 << bit);
        }
    ft_ledger_destroy(ledger);
}
END_TEST

START_TEST(commands_are_applied_together)
{
    struct ft_ledger *ledger = ft_ledger_create();
    struct ft_ledger_command command = {0};
    unsigned refused = 7;

    ck_assert_int_eq(ft_ledger_command_add(&command, FT_LEDGER_PUT, "a/1", "one", 3), 0);
    ck_assert_int_eq(ft_ledger_command_add(&command, FT_LEDGER_PUT, "a/2", NULL, 0), 0);
    ck_assert_int_eq(ft_ledger_command_add(&command, FT_LEDGER_PUT, "b", "two", 3), 0);
    ck_assert_int_eq(ft_ledger_command_add(&command, FT_LEDGER_ERASE, "b", NULL, 0), 0);
    ck_assert_int_eq(ft_ledger_command_add(&command, FT_LEDGER_PUT, "", "two", 3), -1);
    ck_assert_int_eq(ft_ledger_command_add(&command, (enum ft_ledger_verb)9, "x", "", 0), -1);
    ck_assert_uint_eq(command.changes, 4);
    ck_assert_int_eq(ft_ledger_apply(ledger, command.bytes, command.n, &refused), 0);
    ck_assert_uint_eq(refused, 0);
    must_have(ledger, "a/1", "one");
    must_have(ledger, "a/2", "");
    must_have(ledger, "b", NULL);
    ft_ledger_command_clear(&command);
    ck_assert_int_eq(ft_ledger_command_add(&command, FT_LEDGER_ERASE_PREFIX, "a/", NULL, 0), 0);
    ck_assert_int_eq(ft_ledger_apply(ledger, command.bytes, command.n, NULL), 0);
    ck_assert_uint_eq(ft_ledger_count(ledger), 0);
    ft_ledger_command_clear(&command);
    ft_ledger_destroy(ledger);
}
END_TEST

START_TEST(command_that_is_damaged_changes_nothing)
{
    struct ft_ledger *ledger = ft_ledger_create();
    struct ft_ledger_command command = {0};
    uint64_t before = ft_ledger_hash(ledger);
    uint8_t *cut;

    ck_assert_int_eq(ft_ledger_command_add(&command, FT_LEDGER_PUT, "key", "value", 5), 0);
    ck_assert_int_eq(ft_ledger_command_add(&command, FT_LEDGER_ERASE, "other", NULL, 0), 0);
    for (size_t i = 0; i < command.n; i++) {
        if (i == 1 || i == 1 + 7 + 3 + 5)
            continue; /* whole so far */
        cut = malloc(i > 0 ? i : 1);
        memcpy(cut, command.bytes, i);
        ck_assert_int_eq(ft_ledger_apply(ledger, cut, i, NULL), -1);
        ck_assert_int_eq(errno, EBADMSG);
        ck_assert_uint_eq(ft_ledger_hash(ledger), before);
        free(cut);
    }
    command.bytes[0] = 2;
    ck_assert_int_eq(ft_ledger_apply(ledger, command.bytes, command.n, NULL), -1);
    ck_assert_int_eq(errno, EPROTO);
    ft_ledger_command_clear(&command);
    ft_ledger_destroy(ledger);
}
END_TEST

START_TEST(full_ledger_skips_alike)
{
    struct ft_ledger *ledger = ft_ledger_create();
    struct ft_ledger_command command = {0};
    char *large = calloc(1, FT_LEDGER_VALUE_MAX), key[32];
    unsigned refused = 0;

    for (int i = 0; i < 63; i++) {
        snprintf(key, sizeof key, "large/%d", i);
        ck_assert_int_eq(ft_ledger_put(ledger, key, large, FT_LEDGER_VALUE_MAX), 0);
    }
    ck_assert_int_eq(
        ft_ledger_command_add(&command, FT_LEDGER_PUT, "one", large, FT_LEDGER_VALUE_MAX), 0);
    ck_assert_int_eq(ft_ledger_command_add(&command, FT_LEDGER_PUT, "small", "x", 1), 0);
    ck_assert_int_eq( /* together too large for one command */
        ft_ledger_command_add(&command, FT_LEDGER_PUT, "two", large, FT_LEDGER_VALUE_MAX), -1);
    ck_assert_int_eq(errno, EMSGSIZE);
    ck_assert_int_eq(ft_ledger_apply(ledger, command.bytes, command.n, &refused), 0);
    ck_assert_uint_eq(refused, 1);
    must_have(ledger, "one", NULL);
    must_have(ledger, "small", "x");
    ft_ledger_command_clear(&command);
    ft_ledger_destroy(ledger);
    free(large);
}
END_TEST

START_TEST(checksum_is_crc32c)
{
    ck_assert_uint_eq(ft_crc32c(0, "123456789", 9), 0xe3069283u);
    ck_assert_uint_eq(ft_crc32c(ft_crc32c(0, "1234", 4), "56789", 5), 0xe3069283u);
    ck_assert_uint_eq(ft_crc32c(0, "", 0), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger");
    TCase *tests = tcase_create("ledger");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, keeps_the_order_of_writing);
    tcase_add_test(tests, refuses_what_is_too_large);
    tcase_add_test(tests, snapshot_is_the_same_ledger);
    tcase_add_test(tests, snapshot_that_is_damaged_is_refused);
    tcase_add_test(tests, snapshot_that_lies_is_refused);
    tcase_add_test(tests, commands_are_applied_together);
    tcase_add_test(tests, command_that_is_damaged_changes_nothing);
    tcase_add_test(tests, full_ledger_skips_alike);
    tcase_add_test(tests, checksum_is_crc32c);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
