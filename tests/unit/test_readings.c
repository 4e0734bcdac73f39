/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_readings.c - what is measured of nodes: what of it is worth sending, kept, and foretold.
 */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/readings.h"
#include "core/forecast.h"
#include "core/history.h"

#define SECOND INT64_C(1000000000)
#define GIB (1024.0 * 1024 * 1024)

/* ---------------------------------------------------------------- readings */

START_TEST(every_reading_has_a_name_of_its_own)
{
    for (unsigned a = 0; a < FT_READINGS; a++) {
        ck_assert_ptr_nonnull(ft_reading_kind(a)->name);
        ck_assert_int_gt((int) strlen(ft_reading_kind(a)->help), 0);
        for (unsigned b = 0; b < a; b++)
            ck_assert_str_ne(ft_reading_kind(a)->name, ft_reading_kind(b)->name);
    }
    ck_assert_str_eq(ft_reading_kind(FT_READINGS + 7)->name, "unknown");
}
END_TEST

START_TEST(small_changes_are_not_worth_sending)
{
    ck_assert(!ft_reading_differs(FT_READING_MEMORY_FREE, 8 * GIB, 8 * GIB + 1e6));
    ck_assert(ft_reading_differs(FT_READING_MEMORY_FREE, 8 * GIB, 7.8 * GIB));
    ck_assert(!ft_reading_differs(FT_READING_TEMPERATURE, 50.0, 50.4));
    ck_assert(ft_reading_differs(FT_READING_TEMPERATURE, 50.0, 49.0));
    ck_assert(!ft_reading_differs(FT_READING_LOAD, 1.0, 1.0));
    ck_assert(ft_reading_differs(FT_READING_ECC_CORRECTED, 7, 8));
    ck_assert(ft_reading_differs(FT_READING_ECC_CORRECTED, 7, 0));
}
END_TEST

/* ---------------------------------------------------------------- history */

static struct ft_history *history;

static void make_history(void)
{
    history = ft_history_create();
    ck_assert_ptr_nonnull(history);
}

static void drop_history(void)
{
    ft_history_destroy(history);
}

static void begin(const char *node, bool whole, double at_s)
{
    ck_assert_int_eq(ft_history_begin(history, node, whole, (int64_t) (at_s * 1e9)), 0);
}

static void take(unsigned what, const char *of, double value)
{
    ck_assert_int_eq(ft_history_take(history, what, of, value), 0);
}

START_TEST(the_latest_value_is_kept)
{
    double value;

    begin("n1", true, 1);
    take(FT_READING_MEMORY_FREE, "", 5 * GIB);
    take(FT_READING_DISK_FREE, "/var", 10 * GIB);
    begin("n1", false, 2);
    take(FT_READING_MEMORY_FREE, "", 4 * GIB);
    ck_assert(ft_history_latest(history, "n1", FT_READING_MEMORY_FREE, "", &value));
    ck_assert(value == 4 * GIB);
    ck_assert(ft_history_latest(history, "n1", FT_READING_DISK_FREE, "/var", &value));
    ck_assert(value == 10 * GIB);
    ck_assert(!ft_history_latest(history, "n1", FT_READING_DISK_FREE, "/tmp", &value));
    ck_assert(!ft_history_latest(history, "n2", FT_READING_MEMORY_FREE, "", &value));
    ck_assert_int_eq(ft_history_heard_ns(history, "n1"), 2 * SECOND);
    ck_assert_int_eq(ft_history_heard_ns(history, "n2"), 0);
}
END_TEST

static void count(void *arg, const char *node, unsigned what, const char *of, double value)
{
    (void) node, (void) what, (void) of, (void) value;
    ++*(unsigned *) arg;
}

START_TEST(a_whole_sample_replaces_what_was_there)
{
    double value;
    unsigned n = 0;

    begin("n1", true, 1);
    take(FT_READING_DISK_FREE, "/scratch", GIB);
    take(FT_READING_LOAD, "", 1);
    begin("n1", true, 2);
    take(FT_READING_LOAD, "", 2);
    ck_assert(!ft_history_latest(history, "n1", FT_READING_DISK_FREE, "/scratch", &value));
    ft_history_each(history, "n1", count, &n);
    ck_assert_uint_eq(n, 1);
    begin("n2", false, 3); /* only now the one before is over */
    n = 0;
    ft_history_each(history, NULL, count, &n);
    ck_assert_uint_eq(n, 1);
}
END_TEST

START_TEST(series_keep_the_worst_of_each_step)
{
    float values[FT_HISTORY_POINTS];
    int64_t newest_ns = 0;

    begin("n1", true, 0);
    take(FT_READING_LOAD, "", 1);
    begin("n1", false, 1);
    take(FT_READING_LOAD, "", 9);
    begin("n1", false, 2);
    take(FT_READING_LOAD, "", 2);
    take(FT_READING_DISK_FREE, "/a", 7 * GIB);
    take(FT_READING_DISK_FREE, "/b", 3 * GIB);
    begin("n1", false, 3.0 * FT_HISTORY_STEP_S);
    ck_assert_uint_eq(ft_history_series(history, "n1", FT_SERIES_LOAD, values, &newest_ns), 4);
    ck_assert(values[0] == 9);
    ck_assert(isnan(values[1]) && isnan(values[2])); /* nothing was said */
    ck_assert(values[3] == 2);                       /* said to be as it was */
    ck_assert_int_eq(newest_ns, 3 * FT_HISTORY_STEP_S * SECOND);
    ck_assert_uint_eq(ft_history_series(history, "n1", FT_SERIES_DISK_FREE, values, &newest_ns), 4);
    ck_assert(values[0] == (float) (3 * GIB));
}
END_TEST

START_TEST(series_are_as_long_as_promised_and_survive_a_clock_that_goes_back)
{
    float values[FT_HISTORY_POINTS];
    int64_t newest_ns;

    for (int i = 0; i < 3 * FT_HISTORY_POINTS; i++) {
        begin("n1", false, (double) i * FT_HISTORY_STEP_S);
        take(FT_READING_LOAD, "", i);
    }
    ck_assert_uint_eq(ft_history_series(history, "n1", FT_SERIES_LOAD, values, &newest_ns),
                      FT_HISTORY_POINTS);
    for (unsigned i = 0; i < FT_HISTORY_POINTS; i++)
        ck_assert(values[i] == (float) (2 * FT_HISTORY_POINTS + i));
    begin("n1", false, 5);
    take(FT_READING_LOAD, "", 1000);
    ck_assert_uint_eq(ft_history_series(history, "n1", FT_SERIES_LOAD, values, &newest_ns),
                      FT_HISTORY_POINTS);
    ck_assert(values[FT_HISTORY_POINTS - 1] == 1000);
    begin("n1", false, 1e6); /* long silence: nothing of before is left */
    ft_history_series(history, "n1", FT_SERIES_LOAD, values, &newest_ns);
    ck_assert(isnan(values[0]) && values[FT_HISTORY_POINTS - 1] == 1000);
}
END_TEST

START_TEST(too_much_is_refused_and_nothing_is_lost)
{
    char name[32];
    double value;

    begin("n1", true, 1);
    for (int i = 0; i < FT_HISTORY_LATEST_MAX; i++) {
        snprintf(name, sizeof name, "/disk%d", i);
        take(FT_READING_DISK_FREE, name, i);
    }
    ck_assert_int_eq(ft_history_take(history, FT_READING_LOAD, "", 1), -1);
    ck_assert_int_eq(errno, ENOBUFS);
    ck_assert(ft_history_latest(history, "n1", FT_READING_DISK_FREE, "/disk0", &value));
    ck_assert_int_eq(ft_history_take(history, FT_READING_LOAD, "", NAN), -1);
    ck_assert_int_eq(ft_history_begin(history, "", true, 0), -1);
    ck_assert_int_eq(ft_history_take(history, FT_READING_LOAD, "", 1), -1);
}
END_TEST

START_TEST(ten_thousand_nodes_fit)
{
    char name[32];
    double value;

    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "node%05d", i);
        begin(name, true, 1);
        take(FT_READING_MEMORY_TOTAL, "", 64 * GIB);
        take(FT_READING_MEMORY_FREE, "", i * 1e6);
        take(FT_READING_LOAD, "", 1);
        for (unsigned disk = 0; disk < 3; disk++) {
            static const char *const disks[] = {"/", "/var", "/tmp"};

            take(FT_READING_DISK_TOTAL, disks[disk], GIB);
            take(FT_READING_DISK_FREE, disks[disk], GIB);
        }
        take(FT_READING_TEMPERATURE, "coretemp/Package id 0", 50);
    }
    ck_assert_uint_eq(ft_history_nodes(history), 10000);
    ck_assert_uint_lt(ft_history_bytes(history) / 10000, FT_HISTORY_NODE_BYTES);
    ck_assert(ft_history_latest(history, "node04711", FT_READING_MEMORY_FREE, "", &value));
    ck_assert(value == 4711 * 1e6);
    for (int i = 0; i < 10000; i += 2) {
        snprintf(name, sizeof name, "node%05d", i);
        ft_history_forget(history, name);
    }
    ft_history_forget(history, "node00000");
    ck_assert_uint_eq(ft_history_nodes(history), 5000);
    ck_assert(!ft_history_latest(history, "node00000", FT_READING_LOAD, "", &value));
    ck_assert(ft_history_latest(history, "node00001", FT_READING_LOAD, "", &value));
}
END_TEST

/* ---------------------------------------------------------------- forecast */

static const struct ft_plan_forecast settings = {
    .memory_min_pct = 3, .disk_min_pct = 2, .horizon_s = 300, .celsius_max = 95,
    .ecc_corrected_hour_max = 1000, .check_failures = 3, .drain = true,
};

static struct ft_forecast *forecast;
static struct ft_trouble told[64];
static unsigned told_n;
static double now_s;

static void make_forecast(void)
{
    forecast = ft_forecast_create(&settings);
    ck_assert_ptr_nonnull(forecast);
    told_n = 0;
    now_s = 1000;
}

static void drop_forecast(void)
{
    ft_forecast_destroy(forecast);
}

static void on_trouble(void *arg, const struct ft_trouble *trouble)
{
    (void) arg;
    ck_assert_uint_lt(told_n, 64);
    told[told_n++] = *trouble;
}

/* A reading each 2 s, n times, going from `value` by `step`. Returns the last value. */
static double feed(enum ft_reading what, const char *of, double value, double step, int n)
{
    for (int i = 0; i < n; i++, now_s += 2, value += step) {
        ft_forecast_take(forecast, what, of, value, (int64_t) (now_s * 1e9));
        ft_forecast_judge(forecast, (int64_t) (now_s * 1e9), on_trouble, NULL);
    }
    return value;
}

static void total(enum ft_reading what, const char *of, double value)
{
    ft_forecast_take(forecast, what, of, value, (int64_t) (now_s * 1e9));
}

START_TEST(memory_that_fills_is_a_warning_then_failing)
{
    double value;

    total(FT_READING_MEMORY_TOTAL, "", 100 * GIB);
    value = feed(FT_READING_MEMORY_FREE, "", 90 * GIB, 0, 10);
    ck_assert_uint_eq(told_n, 0);
    value = feed(FT_READING_MEMORY_FREE, "", value, -0.7 * GIB, 60); /* 0.35 GiB a second */
    ck_assert_uint_ge(told_n, 1);
    ck_assert_str_eq(told[0].what, "memory");
    ck_assert_int_eq(told[0].grade, FT_GRADE_WARNING);
    ck_assert(told[0].left_s > 30 && told[0].left_s < 300);
    ck_assert_ptr_nonnull(strstr(told[0].evidence, "% free ->"));
    feed(FT_READING_MEMORY_FREE, "", value, -0.7 * GIB, 62);
    ck_assert_int_eq(told[told_n - 1].grade, FT_GRADE_FAILING);
    ck_assert_int_eq(ft_forecast_worst(forecast), FT_GRADE_FAILING);
}
END_TEST

START_TEST(memory_taken_at_once_is_no_trend)
{
    total(FT_READING_MEMORY_TOTAL, "", 100 * GIB);
    feed(FT_READING_MEMORY_FREE, "", 90 * GIB, 0, 20);
    feed(FT_READING_MEMORY_FREE, "", 20 * GIB, 0, 40);
    ck_assert_uint_eq(told_n, 0);
}
END_TEST

START_TEST(a_full_disk_is_failing_without_a_trend_and_over_when_it_was_emptied)
{
    total(FT_READING_DISK_TOTAL, "/var", 100 * GIB);
    feed(FT_READING_DISK_FREE, "/var", 1 * GIB, 0, 2);
    ck_assert_uint_eq(told_n, 0); /* once is not enough */
    feed(FT_READING_DISK_FREE, "/var", 1 * GIB, 0, 4);
    ck_assert_uint_eq(told_n, 1);
    ck_assert_int_eq(told[0].grade, FT_GRADE_FAILING);
    ck_assert_str_eq(told[0].what, "disk /var");
    feed(FT_READING_DISK_FREE, "/var", 50 * GIB, 0, 5);
    ck_assert_uint_eq(told_n, 1); /* not yet to be believed */
    feed(FT_READING_DISK_FREE, "/var", 50 * GIB, 0, 20);
    ck_assert_int_eq(told[told_n - 1].grade, FT_GRADE_WELL);
    ck_assert_int_eq(ft_forecast_worst(forecast), FT_GRADE_WELL);
}
END_TEST

START_TEST(a_value_that_swings_about_the_limit_is_one_trouble)
{
    total(FT_READING_DISK_TOTAL, "/", 100 * GIB);
    for (int i = 0; i < 20; i++) {
        feed(FT_READING_DISK_FREE, "/", 1 * GIB, 0, 4);
        feed(FT_READING_DISK_FREE, "/", 3 * GIB, 0, 4);
    }
    ck_assert_uint_eq(told_n, 1);
}
END_TEST

START_TEST(heat_is_judged_by_the_sensors_own_maximum)
{
    total(FT_READING_TEMPERATURE_MAX, "cpu", 80);
    feed(FT_READING_TEMPERATURE, "cpu", 60, 0, 5);
    ck_assert_uint_eq(told_n, 0);
    feed(FT_READING_TEMPERATURE, "cpu", 74, 0, 5);
    ck_assert_uint_eq(told_n, 1);
    ck_assert_int_eq(told[0].grade, FT_GRADE_WARNING);
    feed(FT_READING_TEMPERATURE, "cpu", 81, 0, 5);
    ck_assert_uint_eq(told_n, 2);
    ck_assert_int_eq(told[1].grade, FT_GRADE_FAILING);
    ck_assert_str_eq(told[1].what, "temperature cpu");
}
END_TEST

START_TEST(one_uncorrected_memory_error_is_too_many)
{
    feed(FT_READING_ECC_UNCORRECTED, "mc0", 0, 0, 3);
    ck_assert_uint_eq(told_n, 0);
    feed(FT_READING_ECC_UNCORRECTED, "mc0", 1, 0, 1);
    ck_assert_uint_eq(told_n, 1);
    ck_assert_int_eq(told[0].grade, FT_GRADE_FAILING);
}
END_TEST

START_TEST(corrected_memory_errors_count_by_the_hour)
{
    feed(FT_READING_ECC_CORRECTED, "mc0", 5000, 0, 3); /* of long ago */
    ck_assert_uint_eq(told_n, 0);
    feed(FT_READING_ECC_CORRECTED, "mc0", 5600, 0, 3);
    ck_assert_uint_eq(told_n, 0);
    feed(FT_READING_ECC_CORRECTED, "mc0", 6100, 0, 3);
    ck_assert_uint_eq(told_n, 1);
    ck_assert_int_eq(told[0].grade, FT_GRADE_WARNING);
}
END_TEST

START_TEST(self_checks_that_fail_in_a_row)
{
    feed(FT_READING_CHECK_FAILURES, "", 0, 1, 4);
    ck_assert_uint_eq(told_n, 2);
    ck_assert_int_eq(told[0].grade, FT_GRADE_WARNING);
    ck_assert_int_eq(told[1].grade, FT_GRADE_FAILING);
    told_n = 0;
    ft_forecast_tell_all(forecast, on_trouble, NULL);
    ck_assert_uint_eq(told_n, 1);
}
END_TEST

START_TEST(a_clock_that_goes_back_starts_anew)
{
    total(FT_READING_MEMORY_TOTAL, "", 100 * GIB);
    feed(FT_READING_MEMORY_FREE, "", 90 * GIB, -0.7 * GIB, 20);
    now_s = 10;
    feed(FT_READING_MEMORY_FREE, "", 50 * GIB, 0, 30);
    ck_assert_int_eq(ft_forecast_worst(forecast), FT_GRADE_WELL);
}
END_TEST

START_TEST(more_tracks_than_there_is_room_for_are_left_out)
{
    char name[32];

    for (int i = 0; i < 2 * FT_FORECAST_TRACKS_MAX; i++) {
        snprintf(name, sizeof name, "sensor%d", i);
        feed(FT_READING_TEMPERATURE, name, 40, 0, 1);
    }
    feed(FT_READING_TEMPERATURE, "sensor0", 99, 0, 5);
    ck_assert_uint_ge(told_n, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("readings");
    TCase *kinds = tcase_create("readings"), *kept = tcase_create("history"),
          *foretold = tcase_create("forecast");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(kinds, every_reading_has_a_name_of_its_own);
    tcase_add_test(kinds, small_changes_are_not_worth_sending);
    tcase_add_checked_fixture(kept, make_history, drop_history);
    tcase_add_test(kept, the_latest_value_is_kept);
    tcase_add_test(kept, a_whole_sample_replaces_what_was_there);
    tcase_add_test(kept, series_keep_the_worst_of_each_step);
    tcase_add_test(kept, series_are_as_long_as_promised_and_survive_a_clock_that_goes_back);
    tcase_add_test(kept, too_much_is_refused_and_nothing_is_lost);
    tcase_add_test(kept, ten_thousand_nodes_fit);
    tcase_add_checked_fixture(foretold, make_forecast, drop_forecast);
    tcase_add_test(foretold, memory_that_fills_is_a_warning_then_failing);
    tcase_add_test(foretold, memory_taken_at_once_is_no_trend);
    tcase_add_test(foretold, a_full_disk_is_failing_without_a_trend_and_over_when_it_was_emptied);
    tcase_add_test(foretold, a_value_that_swings_about_the_limit_is_one_trouble);
    tcase_add_test(foretold, heat_is_judged_by_the_sensors_own_maximum);
    tcase_add_test(foretold, one_uncorrected_memory_error_is_too_many);
    tcase_add_test(foretold, corrected_memory_errors_count_by_the_hour);
    tcase_add_test(foretold, self_checks_that_fail_in_a_row);
    tcase_add_test(foretold, a_clock_that_goes_back_starts_anew);
    tcase_add_test(foretold, more_tracks_than_there_is_room_for_are_left_out);
    suite_add_tcase(suite, kinds);
    suite_add_tcase(suite, kept);
    suite_add_tcase(suite, foretold);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
