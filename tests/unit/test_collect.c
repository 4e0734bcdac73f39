/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_collect.c - a node's readings, out of a /proc and /sys of the test's own.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "core/forecast.h"
#include "noded/collect.h"
#include "noded/vitals.h"

#define KIB 1024.0

static char root[64];

static void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        ck_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
}

static void put(const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", root, name);
    make_folders(path);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void setup(void)
{
    strcpy(root, "/tmp/ft-collect.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    put("proc/meminfo", "MemTotal:       1000000 kB\nMemFree: 1 kB\nMemAvailable:   900000 kB\n");
    put("proc/self/cgroup", "0::/\n");
    put("proc/loadavg", "1.50 1.00 0.50 1/100 4711\n");
    put("proc/stat", "cpu  100 0 100 800 0 0 0 0\nbtime 1700000000\n");
    put("proc/self/mounts", "tmpfs /nowhere-that-matters tmpfs rw 0 0\n");
    put("sys/devices/system/edac/mc/mc0/ce_count", "3\n");
    put("sys/devices/system/edac/mc/mc0/ue_count", "0\n");
    put("sys/class/net/eth0/device/vendor", "1\n");
    put("sys/class/net/eth0/statistics/rx_errors", "1\n");
    put("sys/class/net/eth0/statistics/tx_errors", "2\n");
    put("sys/class/net/eth0/statistics/rx_dropped", "3\n");
    put("sys/class/net/eth0/statistics/tx_dropped", "4\n");
    put("sys/class/net/lo/statistics/rx_errors", "99\n");
}

static int remove_one(const char *path, const struct stat *stat, int flag, struct FTW *walk)
{
    (void) stat, (void) flag, (void) walk;
    return remove(path);
}

static void teardown(void)
{
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---------------------------------------------------------------- vitals */

static double value_of(const struct ft_vitals *vitals, enum ft_reading what, const char *of)
{
    for (unsigned i = 0; i < vitals->n; i++) {
        if (vitals->read[i].what == what && strcmp(vitals->read[i].of, of) == 0)
            return vitals->read[i].value;
    }
    return -1;
}

START_TEST(everything_is_read)
{
    struct ft_vitals vitals = {0};

    ft_vitals_begin(&vitals);
    ft_vitals_quick(&vitals, root);
    ft_vitals_slow(&vitals, root);
    ck_assert(value_of(&vitals, FT_READING_MEMORY_TOTAL, "") == 1000000 * KIB);
    ck_assert(value_of(&vitals, FT_READING_MEMORY_FREE, "") == 900000 * KIB);
    ck_assert(value_of(&vitals, FT_READING_LOAD, "") == 1.5);
    ck_assert(value_of(&vitals, FT_READING_ECC_CORRECTED, "mc0") == 3);
    ck_assert(value_of(&vitals, FT_READING_ECC_UNCORRECTED, "mc0") == 0);
    ck_assert(value_of(&vitals, FT_READING_NET_ERRORS, "eth0") == 10);
    ck_assert(value_of(&vitals, FT_READING_NET_ERRORS, "lo") == -1);
    ck_assert(value_of(&vitals, FT_READING_CPU_BUSY, "") == -1); /* of one look there is no share */
    put("proc/stat", "cpu  200 0 100 900 0 0 0 0\n");
    ft_vitals_begin(&vitals);
    ft_vitals_quick(&vitals, root);
    ck_assert(value_of(&vitals, FT_READING_CPU_BUSY, "") == 0.5);
}
END_TEST

START_TEST(what_is_not_there_is_left_out)
{
    struct ft_vitals vitals = {0};

    teardown();
    ft_vitals_quick(&vitals, root);
    ft_vitals_slow(&vitals, root);
    ck_assert_uint_eq(vitals.n, 0);
    put("proc/meminfo", "nonsense\n");
    put("proc/loadavg", "");
    put("proc/stat", "cpu  1\n");
    ft_vitals_quick(&vitals, root);
    ck_assert_uint_eq(vitals.n, 0);
}
END_TEST

START_TEST(this_machine_can_be_read)
{
    struct ft_vitals vitals = {0};

    ft_vitals_quick(&vitals, "");
    ft_vitals_slow(&vitals, "");
    ck_assert(value_of(&vitals, FT_READING_MEMORY_FREE, "") > 0);
    ck_assert(value_of(&vitals, FT_READING_MEMORY_FREE, "") <=
              value_of(&vitals, FT_READING_MEMORY_TOTAL, ""));
    ck_assert(value_of(&vitals, FT_READING_LOAD, "") >= 0);
}
END_TEST

/* ---------------------------------------------------------------- collecting */

static uv_loop_t loop;
static struct ft_collect *collect;
static bool link_up;
static unsigned samples, readings, wholes, troubles, checks;
static double last_memory;
static char last_trouble[64];
static unsigned last_grade;

static int on_send(void *arg, const Ft__Message *message)
{
    (void) arg;
    if (!link_up)
        return -1;
    if (message->body_case == FT__MESSAGE__BODY_TROUBLE) {
        troubles++;
        last_grade = message->trouble->grade;
        snprintf(last_trouble, sizeof last_trouble, "%s", message->trouble->what);
        return 0;
    }
    ck_assert_int_eq(message->body_case, FT__MESSAGE__BODY_SAMPLE);
    samples++;
    wholes += message->sample->whole != 0;
    readings = (unsigned) message->sample->n_readings;
    for (size_t i = 0; i < message->sample->n_readings; i++) {
        if (message->sample->readings[i]->what == FT_READING_MEMORY_FREE)
            last_memory = message->sample->readings[i]->value;
    }
    return 0;
}

static bool on_check(void *arg)
{
    (void) arg;
    checks++;
    ft_collect_checked(collect, 1);
    return true;
}

static void on_deadline(uv_timer_t *timer)
{
    (void) timer;
    ck_abort_msg("it did not happen within 20 s");
}

/* Runs the loop until so many samples or troubles have come. */
static void run_until(const unsigned *count, unsigned n)
{
    uv_timer_t deadline;

    uv_timer_init(&loop, &deadline);
    uv_timer_start(&deadline, on_deadline, 20000, 0);
    while (*count < n)
        uv_run(&loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *) &deadline, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
}

static void start(unsigned check_ms)
{
    static const struct ft_collect_ways ways = {.send = on_send, .check = on_check};
    struct ft_collect_config config = {
        .root = root, .quick_ms = 5, .slow_ms = 5, .check_ms = check_ms,
        .forecast = {.memory_min_pct = 3, .disk_min_pct = 2, .horizon_s = 300, .celsius_max = 95,
                     .check_failures = 3},
    };

    setup();
    samples = readings = wholes = troubles = checks = 0;
    link_up = true;
    uv_loop_init(&loop);
    collect = ft_collect_create(&loop, &config, &ways, NULL);
    ck_assert_ptr_nonnull(collect);
}

static void start_plain(void)
{
    start(1000000);
}

static void stop(void)
{
    ft_collect_stop(collect);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    ft_collect_destroy(collect);
    teardown();
}

START_TEST(only_what_changed_is_sent)
{
    run_until(&samples, 1);
    ck_assert_uint_ge(readings, 6);
    put("proc/meminfo", "MemTotal:       1000000 kB\nMemAvailable:   500000 kB\n");
    run_until(&samples, samples + 1);
    while (last_memory != 500000 * KIB) /* the processors' share may have come on its own */
        run_until(&samples, samples + 1);
    ck_assert_uint_le(readings, 2);
}
END_TEST

START_TEST(after_a_new_link_everything_is_sent_again)
{
    run_until(&samples, 1);
    wholes = 0;
    ft_collect_up(collect);
    ck_assert_uint_eq(wholes, 1);
    ck_assert_uint_ge(readings, 6);
}
END_TEST

START_TEST(what_could_not_be_sent_is_sent_later)
{
    run_until(&samples, 1);
    link_up = false;
    put("proc/meminfo", "MemTotal:       1000000 kB\nMemAvailable:   400000 kB\n");
    for (int i = 0; i < 40; i++)
        uv_run(&loop, UV_RUN_ONCE);
    link_up = true;
    while (last_memory != 400000 * KIB)
        run_until(&samples, samples + 1);
}
END_TEST

START_TEST(what_is_gone_is_told_by_a_whole_sample)
{
    char path[256];

    run_until(&samples, 1);
    wholes = 0;
    snprintf(path, sizeof path, "%s/sys/devices/system/edac/mc/mc0/ce_count", root);
    ck_assert_int_eq(unlink(path), 0);
    run_until(&wholes, 1);
}
END_TEST

START_TEST(broken_memory_is_told_and_told_again_to_a_new_link)
{
    run_until(&samples, 1);
    put("sys/devices/system/edac/mc/mc0/ue_count", "2\n");
    run_until(&troubles, 1);
    ck_assert_str_eq(last_trouble, "memory errors");
    ck_assert_uint_eq(last_grade, FT_GRADE_FAILING);
    troubles = 0;
    ft_collect_up(collect);
    ck_assert_uint_eq(troubles, 1);
}
END_TEST

START_TEST(a_check_that_keeps_failing_is_trouble)
{
    stop();
    start(5);
    while (last_grade != FT_GRADE_FAILING || strcmp(last_trouble, "self-check") != 0)
        run_until(&troubles, troubles + 1);
    ck_assert_uint_ge(checks, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("collect");
    TCase *vitals = tcase_create("vitals"), *collecting = tcase_create("collect");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(vitals, setup, teardown);
    tcase_add_test(vitals, everything_is_read);
    tcase_add_test(vitals, what_is_not_there_is_left_out);
    tcase_add_test(vitals, this_machine_can_be_read);
    tcase_add_checked_fixture(collecting, start_plain, stop);
    tcase_set_timeout(collecting, 60);
    tcase_add_test(collecting, only_what_changed_is_sent);
    tcase_add_test(collecting, after_a_new_link_everything_is_sent_again);
    tcase_add_test(collecting, what_could_not_be_sent_is_sent_later);
    tcase_add_test(collecting, what_is_gone_is_told_by_a_whole_sample);
    tcase_add_test(collecting, broken_memory_is_told_and_told_again_to_a_new_link);
    tcase_add_test(collecting, a_check_that_keeps_failing_is_trouble);
    suite_add_tcase(suite, vitals);
    suite_add_tcase(suite, collecting);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
