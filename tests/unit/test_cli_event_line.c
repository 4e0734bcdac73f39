/* SPDX-License-Identifier: BSD-3-Clause */
/* One line of an event log for people; whatever the file holds, one harmless line comes out. */
#include "config.h"

#include "cli/event_line.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char text[512];
static bool ended;

static void setup(void)
{
    ck_assert_int_eq(setenv("TZ", "UTC0", 1), 0);
    tzset();
    ended = false;
    memset(text, 'x', sizeof text);
}

START_TEST(an_event)
{
    ck_assert_int_eq(event_line_format("{\"seq\":7,\"time\":\"2026-03-01T12:34:56.789Z\","
                                       "\"ms\":1234,\"event\":\"node_lost\",\"node\":\"n2\","
                                       "\"text\":\"node n2 is lost\"}",
                                       text, sizeof text, &ended), 0);
    ck_assert_str_eq(text, "12:34:56.789     +1234 ms  node_lost            node n2 is lost");
    ck_assert(!ended);
}
END_TEST

START_TEST(time_is_local)
{
    ck_assert_int_eq(setenv("TZ", "XXX-2", 1), 0);
    tzset();
    ck_assert_int_eq(event_line_format("{\"time\":\"2026-03-01T23:34:56Z\",\"event\":\"a\"}", text,
                                       sizeof text, &ended), 0);
    ck_assert_msg(strncmp(text, "01:34:56.000 ", 13) == 0, "%s", text);
}
END_TEST

START_TEST(fields_may_be_missing_or_of_another_type)
{
    ck_assert_int_eq(event_line_format("{\"event\":\"a\",\"time\":5,\"ms\":\"x\",\"text\":[1]}",
                                       text, sizeof text, &ended), 0);
    ck_assert_str_eq(text, "-                   +0 ms  a                    ");
}
END_TEST

START_TEST(no_control_character_reaches_the_terminal)
{
    ck_assert_int_eq(event_line_format("{\"event\":\"a\\u001b[2J\",\"text\":\"b\\nc\\u0007\"}",
                                       text, sizeof text, &ended), 0);
    for (const char *c = text; *c; c++)
        ck_assert_int_ge((unsigned char) *c, ' ');
    ck_assert_ptr_nonnull(strstr(text, "b c"));
}
END_TEST

static const char *const bad[] = {"", "{", "[]", "7", "{}", "{\"event\":7}", "{\"event\":\"a\"",
                                  "\x1b[2Jno json", "{\"event\":\"a\"} {\"event\":\"b\"}"};

START_TEST(what_is_no_event_is_shown_as_such)
{
    ck_assert_int_eq(event_line_format(bad[_i], text, sizeof text, &ended), -1);
    ck_assert_msg(strncmp(text, "? ", 2) == 0, "%s", text);
    ck_assert_uint_eq(strlen(text), 2 + strlen(bad[_i]));
    for (const char *c = text; *c; c++)
        ck_assert_int_ge((unsigned char) *c, ' ');
}
END_TEST

START_TEST(long_texts_are_cut)
{
    char small[40], json[4096] = "{\"event\":\"a\",\"text\":\"";

    memset(json + strlen(json), 'y', 3000);
    strcat(json, "\"}");
    ck_assert_int_eq(event_line_format(json, small, sizeof small, &ended), 0);
    ck_assert_uint_eq(strlen(small), sizeof small - 1);
}
END_TEST

START_TEST(the_last_event_ends_the_session)
{
    ck_assert_int_eq(event_line_format("{\"event\":\"central_ended\"}", text, sizeof text, &ended),
                     0);
    ck_assert(ended);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cli/event_line");
    TCase *t = tcase_create("event_line");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, an_event);
    tcase_add_test(t, time_is_local);
    tcase_add_test(t, fields_may_be_missing_or_of_another_type);
    tcase_add_test(t, no_control_character_reaches_the_terminal);
    tcase_add_loop_test(t, what_is_no_event_is_shown_as_such, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(t, long_texts_are_cut);
    tcase_add_test(t, the_last_event_ends_the_session);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
