/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_outbox.c - what is said leaves in order, and not before what it rests on is safe; what a voter
 * says while it does not lead waits until it does.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "centrald/outbox.h"
#include "centrald/unsaid.h"

static char sent[256];
static struct ft_outbox *again; /* what is sent says something itself */

static void send_text(void *arg, const void *data, size_t n)
{
    strncat(sent, data, n);
    if (again != NULL && memcmp(data, "a", 1) == 0)
        ck_assert_int_eq(ft_outbox_put(again, send_text, arg, "z", 1), 0);
}

static void say(struct ft_outbox *outbox, const char *text)
{
    ck_assert_int_eq(ft_outbox_put(outbox, send_text, NULL, text, strlen(text)), 0);
}

static void setup(void)
{
    sent[0] = '\0';
    again = NULL;
}

START_TEST(test_at_once_where_nothing_is_kept)
{
    struct ft_outbox *outbox = ft_outbox_create();

    say(NULL, "job ");
    say(outbox, "system");
    ck_assert_str_eq(sent, "job system");
    ck_assert_uint_eq(ft_outbox_waiting(outbox), 0);
    ck_assert_uint_eq(ft_outbox_waiting(NULL), 0);
    ft_outbox_destroy(outbox);
    ft_outbox_destroy(NULL);
}
END_TEST

START_TEST(test_waits_until_safe_and_keeps_the_order)
{
    struct ft_outbox *outbox = ft_outbox_create();

    ft_outbox_rest_on(outbox, 3);
    say(outbox, "a");
    ft_outbox_rest_on(outbox, 5);
    say(outbox, "b");
    ft_outbox_rest_on(outbox, 4); /* marks only grow */
    say(outbox, "c");
    ck_assert_str_eq(sent, "");
    ft_outbox_safe(outbox, 2);
    ck_assert_str_eq(sent, "");
    ft_outbox_safe(outbox, 4);
    ck_assert_str_eq(sent, "a");
    ck_assert_uint_eq(ft_outbox_waiting(outbox), 2);
    ft_outbox_safe(outbox, 1); /* and never go back */
    ft_outbox_safe(outbox, 5);
    ck_assert_str_eq(sent, "abc");
    say(outbox, "d");
    ck_assert_str_eq(sent, "abcd");
    ft_outbox_destroy(outbox);
}
END_TEST

START_TEST(test_what_is_sent_may_say_more)
{
    struct ft_outbox *outbox = ft_outbox_create();

    again = outbox;
    ft_outbox_rest_on(outbox, 1);
    say(outbox, "a");
    say(outbox, "b");
    ft_outbox_safe(outbox, 1);
    ck_assert_str_eq(sent, "abz");
    ft_outbox_destroy(outbox);
}
END_TEST

START_TEST(test_dropped_with_the_lead)
{
    struct ft_outbox *outbox = ft_outbox_create();

    ft_outbox_rest_on(outbox, 1);
    say(outbox, "never heard");
    ft_outbox_destroy(outbox);
    ck_assert_str_eq(sent, "");
}
END_TEST

START_TEST(test_is_bounded)
{
    struct ft_outbox *outbox = ft_outbox_create();
    size_t n = FT_OUTBOX_BYTES_MAX / 2;
    char *large = calloc(1, n + 1);
    unsigned taken = 0;

    ck_assert_ptr_nonnull(large);
    ft_outbox_rest_on(outbox, 1);
    say(outbox, "x");
    ck_assert_int_eq(ft_outbox_put(outbox, send_text, NULL, large, n), 0);
    ck_assert_int_eq(ft_outbox_put(outbox, send_text, NULL, large, n), -1);
    ck_assert_int_eq(errno, ENOBUFS);
    while (taken < FT_OUTBOX_LETTERS_MAX && ft_outbox_put(outbox, send_text, NULL, "", 0) == 0)
        taken++;
    ck_assert_int_eq(errno, ENOBUFS);
    ck_assert_uint_eq(ft_outbox_waiting(outbox), FT_OUTBOX_LETTERS_MAX);
    free(large);
    ft_outbox_destroy(outbox);
}
END_TEST

static void log_event(void *arg, struct ft_event *event)
{
    ck_assert_ptr_eq(arg, sent);
    ck_assert_str_eq(event->fields[0].key, "happened");
    ck_assert_uint_eq(strlen(event->fields[0].text), strlen("2026-03-01T12:34:56.789Z"));
    ck_assert_int_eq(event->rank, -1);
    strncat(sent, event->name, 20);
    strncat(sent, event->node != NULL ? event->node : "-", 20);
    strncat(sent, event->text, 20);
}

START_TEST(test_unsaid_is_told_once_in_order)
{
    static struct ft_unsaid unsaid;

    ft_unsaid_add(&unsaid, "joined", "n1", "as 5");
    ft_unsaid_add(&unsaid, "mended", "", "!");
    ft_unsaid_tell(&unsaid, log_event, sent);
    ft_unsaid_tell(&unsaid, log_event, sent);
    ck_assert_str_eq(sent, "joinedn1as 5mended-!");
}
END_TEST

START_TEST(test_unsaid_keeps_the_latest)
{
    static struct ft_unsaid unsaid;
    char text[16], expected[256] = "";

    for (int i = 0; i < FT_UNSAID_MAX + 2; i++) {
        snprintf(text, sizeof text, "%d", i);
        ft_unsaid_add(&unsaid, "", NULL, text);
        if (i >= 2)
            strcat(strcat(expected, "-"), text);
    }
    ft_unsaid_tell(&unsaid, log_event, sent);
    ck_assert_str_eq(sent, expected);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("outbox");
    TCase *tests = tcase_create("outbox");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, test_at_once_where_nothing_is_kept);
    tcase_add_test(tests, test_waits_until_safe_and_keeps_the_order);
    tcase_add_test(tests, test_what_is_sent_may_say_more);
    tcase_add_test(tests, test_dropped_with_the_lead);
    tcase_add_test(tests, test_is_bounded);
    tcase_add_test(tests, test_unsaid_is_told_once_in_order);
    tcase_add_test(tests, test_unsaid_keeps_the_latest);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
