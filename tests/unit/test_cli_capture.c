/* SPDX-License-Identifier: BSD-3-Clause */
/* A program is run, heard and, at its deadline, ended with all that it started. */
#include "config.h"

#include "cli/capture.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct capture *shell(const char *script, int timeout_ms)
{
    const char *command[] = {"sh", "-c", script, NULL};
    struct capture *c = capture_start((char **) command, timeout_ms);

    ck_assert_ptr_nonnull(c);
    return c;
}

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

/* Whether it is gone; a zombie is: whoever inherits it may take a moment to reap it. */
static bool ends_within_5_s(pid_t pid)
{
    double end = now_s() + 5;
    char path[64], state;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    do {
        FILE *f = fopen(path, "r");
        bool gone = !f || fscanf(f, "%*d (%*[^)]) %c", &state) != 1 || state == 'Z';
        if (f)
            fclose(f);
        if (gone)
            return true;
        usleep(10000);
    } while (now_s() < end);
    return false;
}

START_TEST(both_outputs_and_the_exit_code)
{
    struct capture *c = shell("echo out; echo err >&2; exit 3", 10000);

    ck_assert_int_eq(capture_wait(c), 3);
    ck_assert_str_eq(capture_text(c), "out\nerr\n");
    capture_destroy(c);
}
END_TEST

START_TEST(a_signal_is_told_as_shells_do)
{
    struct capture *c = shell("kill -TERM $$", 10000);

    ck_assert_int_eq(capture_wait(c), 128 + SIGTERM);
    capture_destroy(c);
}
END_TEST

START_TEST(there_is_nothing_to_read)
{
    struct capture *c = shell("cat; echo end", 10000);

    ck_assert_int_eq(capture_wait(c), 0);
    ck_assert_str_eq(capture_text(c), "end\n");
    capture_destroy(c);
}
END_TEST

START_TEST(the_deadline_ends_it_and_its_children)
{
    struct capture *c = shell("sleep 1000 & echo $!; wait", 300);
    double start = now_s();
    pid_t child;

    ck_assert_int_eq(capture_wait(c), -1);
    ck_assert_int_eq(errno, ETIMEDOUT);
    ck_assert(now_s() - start < 5);
    child = atoi(capture_text(c));
    ck_assert_int_gt(child, 1);
    ck_assert_msg(ends_within_5_s(child), "process %d is still there", child);
    capture_destroy(c);
}
END_TEST

START_TEST(the_deadline_holds_for_one_that_closed_its_outputs)
{
    struct capture *c = shell("exec >&- 2>&-; sleep 1000", 300);
    double start = now_s();

    ck_assert_int_eq(capture_wait(c), -1);
    ck_assert_int_eq(errno, ETIMEDOUT);
    ck_assert(now_s() - start < 5);
    capture_destroy(c);
}
END_TEST

START_TEST(much_output_is_cut_and_does_not_stall_it)
{
    struct capture *c = shell("head -c 1000000 /dev/zero | tr '\\0' x; exit 4", 20000);

    ck_assert_int_eq(capture_wait(c), 4);
    ck_assert_uint_eq(strlen(capture_text(c)), 65536);
    capture_destroy(c);
}
END_TEST

START_TEST(a_program_that_is_not_there)
{
    ck_assert_ptr_null(capture_start((char *[]){(char *) "/nowhere/at/all", NULL}, 1000));
    ck_assert_int_eq(errno, ENOENT);
    capture_destroy(NULL);
}
END_TEST

START_TEST(destroyed_while_it_runs)
{
    double start = now_s();
    struct capture *c = shell("sleep 1000", 600000);

    errno = ERANGE;
    capture_destroy(c);
    ck_assert_int_eq(errno, ERANGE);
    ck_assert(now_s() - start < 5);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cli/capture");
    TCase *t = tcase_create("capture");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 30);
    tcase_add_test(t, both_outputs_and_the_exit_code);
    tcase_add_test(t, a_signal_is_told_as_shells_do);
    tcase_add_test(t, there_is_nothing_to_read);
    tcase_add_test(t, the_deadline_ends_it_and_its_children);
    tcase_add_test(t, the_deadline_holds_for_one_that_closed_its_outputs);
    tcase_add_test(t, much_output_is_cut_and_does_not_stall_it);
    tcase_add_test(t, a_program_that_is_not_there);
    tcase_add_test(t, destroyed_while_it_runs);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
