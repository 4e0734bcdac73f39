/* SPDX-License-Identifier: BSD-3-Clause */
/* FT's options end where mpirun's begin, and what is wrong with them is said at once. */
#include "config.h"

#include "cli/options.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/ft-test-cli.XXXXXX";
static struct options o;
static char why[1024];

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(system("echo 'share = true' >ft.conf"), 0);
    why[0] = '\0';
}

static void teardown(void)
{
    options_clear(&o);
    unlink("ft.conf");
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}

#define PARSE(more, ...) parse(more, (const char *[]){"run", __VA_ARGS__, NULL})

static int parse(unsigned more, const char **argv)
{
    int n = 0;

    while (argv[n])
        n++;
    options_clear(&o);
    return options_parse(&o, n, (char **) argv, more, why, sizeof why);
}

START_TEST(ends_at_the_first_word_of_mpirun)
{
    ck_assert_int_eq(PARSE(0, "--share", "--pool", "n3,n4", "-n", "4", "--pool", "n9", "./app"), 4);
    ck_assert(o.share);
    ck_assert_str_eq(o.pool, "n3,n4");
    ck_assert_int_eq(PARSE(0, "-n", "4", "--share"), 1);
    ck_assert(!o.share);
}
END_TEST

START_TEST(ends_behind_two_dashes)
{
    ck_assert_int_eq(PARSE(0, "-v", "--", "-v", "./app"), 3);
    ck_assert(o.verbose);
    ck_assert_int_eq(PARSE(0, "--"), 2);
}
END_TEST

START_TEST(takes_a_value_behind_an_equals_sign)
{
    ck_assert_int_eq(PARSE(0, "--pool=n[3-6]", "--mpirun=/opt/bin/mpirun", "x"), 3);
    ck_assert_str_eq(o.pool, "n[3-6]");
    ck_assert_str_eq(o.mpirun, "/opt/bin/mpirun");
}
END_TEST

START_TEST(a_longer_word_is_mpiruns)
{
    ck_assert_int_eq(PARSE(0, "--pooled", "n3"), 1);
    ck_assert_int_eq(PARSE(0, "--po", "n3"), 1);
    ck_assert_int_eq(PARSE(0, "--shell", "sh"), 1);
}
END_TEST

START_TEST(shell_is_an_option_where_it_is_asked_for)
{
    ck_assert_int_eq(PARSE(OPTIONS_SHELL, "--shell", "csh"), 3);
    ck_assert_str_eq(o.shell, "csh");
}
END_TEST

START_TEST(files_become_absolute)
{
    char path[256];

    ck_assert_int_eq(PARSE(0, "--conf", "ft.conf", "--event-log", "log", "x"), 5);
    snprintf(path, sizeof path, "%s/ft.conf", folder);
    ck_assert_str_eq(o.conf, path);
    snprintf(path, sizeof path, "%s/log", folder);
    ck_assert_str_eq(o.events, path);
    ck_assert_int_eq(PARSE(0, "--conf", path, "x"), -1);
    ck_assert_int_eq(PARSE(0, "--events", "/dev/null", "x"), 3);
    ck_assert_str_eq(o.events, "/dev/null");
}
END_TEST

START_TEST(the_last_of_two_counts)
{
    ck_assert_int_eq(PARSE(0, "--pool", "n3", "--pool", "n4", "--conf", "ft.conf", "--conf",
                           "/dev/null", "x"), 9);
    ck_assert_str_eq(o.pool, "n4");
    ck_assert_str_eq(o.conf, "/dev/null");
}
END_TEST

static const struct {
    const char *word, *value, *says;
} bad[] = {
    {"--pool", NULL, "--pool needs a value"},
    {"--pool", "", "--pool needs a value"},
    {"--pool", ",", "names no node"},
    {"--pool", "n[3", "--pool n[3: "},
    {"--pool", "n 3;reboot", "--pool n 3;reboot: "},
    {"--conf", "nowhere.conf", "--conf nowhere.conf: No such file"},
    {"--conf", "/", "folder"},
    {"--events", "/", "folder"},
    {"--events", "nowhere/log", "cannot be written: No such file"},
    {"--share=1", NULL, "--share takes no value"},
    {"--mpirun=", NULL, "--mpirun needs a value"},
};

START_TEST(says_what_is_wrong)
{
    ck_assert_int_eq(PARSE(0, bad[_i].word, bad[_i].value), -1);
    ck_assert_msg(strstr(why, bad[_i].says), "'%s' has not '%s' in it", why, bad[_i].says);
}
END_TEST

START_TEST(a_file_that_may_not_be_written_is_said_at_once)
{
    bool is_root = geteuid() == 0; /* who may write everything */

    if (is_root)
        ck_assert_int_eq(setresuid(65534, 65534, 0), 0);
    ck_assert_int_eq(PARSE(0, "--events", "/etc/passwd", "x"), -1);
    ck_assert_msg(strstr(why, "Permission denied"), "%s", why);
    ck_assert_int_eq(PARSE(0, "--events", "/etc/new.log", "x"), -1);
    ck_assert_msg(strstr(why, "Permission denied"), "%s", why);
    if (is_root)
        ck_assert_int_eq(setresuid(0, 0, 0), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cli/options");
    TCase *t = tcase_create("options");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, ends_at_the_first_word_of_mpirun);
    tcase_add_test(t, ends_behind_two_dashes);
    tcase_add_test(t, takes_a_value_behind_an_equals_sign);
    tcase_add_test(t, a_longer_word_is_mpiruns);
    tcase_add_test(t, shell_is_an_option_where_it_is_asked_for);
    tcase_add_test(t, files_become_absolute);
    tcase_add_test(t, the_last_of_two_counts);
    tcase_add_loop_test(t, says_what_is_wrong, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(t, a_file_that_may_not_be_written_is_said_at_once);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
