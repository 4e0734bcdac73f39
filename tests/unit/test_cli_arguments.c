/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_cli_arguments.c - options and words in any order, tables for people, and the commands that
 * are called wrongly.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/admin.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/table.h"

static const char *host, *node;
static bool json, follow;
static const char *words[16];
static char why[300];

static const struct arguments_option some[] = {{"--host", NULL, &host, NULL},
                                               {"--json", NULL, NULL, &json},
                                               {NULL, NULL, NULL, NULL}};
static const struct arguments_option more[] = {{"--node", "-n", &node, NULL},
                                               {"--follow", "-f", NULL, &follow},
                                               {NULL, NULL, NULL, NULL}};
static const struct arguments_option *const tables[] = {some, more, NULL};

/* Splits a line at its blanks; '' is an empty word. */
static int parse(const char *line)
{
    static char text[300];
    static char *argv[16];
    int argc = 0;

    host = node = NULL;
    json = follow = false;
    why[0] = '\0';
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word != NULL && argc < 15; word = strtok(NULL, " "))
        argv[argc++] = strcmp(word, "''") == 0 ? word + 2 : word;
    argv[argc] = NULL;
    return arguments_parse(argc, argv, tables, words, why, sizeof why);
}

START_TEST(test_any_order)
{
    ck_assert_int_eq(parse("x"), 0);
    ck_assert(host == NULL && node == NULL && !json && !follow);
    ck_assert_int_eq(parse("x a --json b --host h -n n1 c -f"), 3);
    ck_assert(json && follow);
    ck_assert_str_eq(host, "h");
    ck_assert_str_eq(node, "n1");
    ck_assert_str_eq(words[0], "a");
    ck_assert_str_eq(words[2], "c");
    ck_assert_int_eq(parse("x --host=unix:/a=b --node=n2"), 0);
    ck_assert_str_eq(host, "unix:/a=b");
    ck_assert_int_eq(parse("x - -- --json -n"), 3);
    ck_assert(!json && strcmp(words[0], "-") == 0 && strcmp(words[2], "-n") == 0);
}
END_TEST

static const struct {
    const char *line, *wanted;
} wrong[] = {
    {"x --jso", "there is no option '--jso'"},
    {"x --jsonn", "there is no option '--jsonn'"},
    {"x -x", "there is no option '-x'"},
    {"x --json=1", "--json takes no value"},
    {"x --host", "--host needs a value"},
    {"x --host=", "--host needs a value"},
    {"x --host ''", "--host needs a value"},
    {"x -nf", "there is no option '-nf'"},
};

START_TEST(test_wrong)
{
    ck_assert_int_eq(parse(wrong[_i].line), -1);
    ck_assert_str_eq(why, wrong[_i].wanted);
}
END_TEST

START_TEST(test_numbers)
{
    long number = 7;

    ck_assert_int_eq(arguments_number("-n", "12", 1, 12, &number, why, sizeof why), 0);
    ck_assert_int_eq(number, 12);
    ck_assert_int_eq(arguments_number("-n", "13", 1, 12, &number, why, sizeof why), -1);
    ck_assert_str_eq(why, "-n 13: it is a number between 1 and 12");
    ck_assert_int_eq(arguments_number("-n", "1x", 1, 12, &number, why, sizeof why), -1);
    ck_assert_int_eq(arguments_number("-n", "", 1, 12, &number, why, sizeof why), -1);
    ck_assert_int_eq(arguments_number("-n", "99999999999999999999", 1, 12, &number, why,
                                      sizeof why), -1);
}
END_TEST

/* ---------------------------------------------------------------- tables */

static const char *printed(const struct table *table)
{
    static char text[2000];
    FILE *file = fmemopen(text, sizeof text, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(table_print(table, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    return text;
}

START_TEST(test_table)
{
    static const char *const headers[] = {"NODE", "CORES>", "NOTE", NULL};
    struct table *table = table_create(headers);

    ck_assert_ptr_nonnull(table);
    ck_assert_str_eq(printed(table), "");
    table_cell(table, "n1");
    table_cellf(table, "%d", 4);
    table_cell(table, "fine");
    table_cell(table, "a-long-name");
    table_cell(table, NULL);
    table_cell(table, "");
    table_cell(table, "\xc3\xa4"); /* one character of two bytes */
    table_cellf(table, "%d", 1234567);
    table_cell(table, "two\nlines");
    ck_assert_uint_eq(table_rows(table), 3);
    ck_assert_str_eq(printed(table), "NODE           CORES  NOTE\n"
                                     "n1                 4  fine\n"
                                     "a-long-name        -  \n"
                                     "\xc3\xa4            1234567  two lines\n");
    table_destroy(table);
    table_destroy(NULL);
}
END_TEST

START_TEST(test_words_for_people)
{
    char text[64];

    ck_assert_str_eq(admin_bytes(0, text, sizeof text), "0 B");
    ck_assert_str_eq(admin_bytes(1023, text, sizeof text), "1023 B");
    ck_assert_str_eq(admin_bytes(1536, text, sizeof text), "1.5 KiB");
    ck_assert_str_eq(admin_bytes(8.0 * (1 << 30), text, sizeof text), "8.0 GiB");
    ck_assert_str_eq(admin_bytes(500.0 * (1 << 30), text, sizeof text), "500 GiB");
    ck_assert_str_eq(admin_time(-1, text, sizeof text), "0 s");
    ck_assert_str_eq(admin_time(119, text, sizeof text), "119 s");
    ck_assert_str_eq(admin_time(600, text, sizeof text), "10 min");
    ck_assert_str_eq(admin_time(2 * 3600 + 60, text, sizeof text), "2 h 1 min");
    ck_assert_str_eq(admin_time(3 * 86400 + 7200, text, sizeof text), "3 d 2 h");
    ck_assert_str_eq(admin_ago(12, text, sizeof text), "12 ms");
    ck_assert_str_eq(admin_ago(1500, text, sizeof text), "1.5 s");
}
END_TEST

/* ---------------------------------------------------------------- commands */

/* Each command, called wrongly: exit code 2 before anything is connected to. */
static const struct {
    int (*main)(int argc, char **argv);
    const char *name, *argument;
} misuses[] = {
    {cli_status, "status", "extra"},     {cli_status, "status", "--nonsense"},
    {cli_nodes, "nodes", "--nonsense"},  {cli_modules, "modules", "--node"},
    {cli_drain, "drain", NULL},          {cli_drain, "drain", "--reason"},
    {cli_undrain, "undrain", NULL},      {cli_move, "move", NULL},
    {cli_restart, "restart", NULL},      {cli_central, "central", "nonsense"},
    {cli_reload, "reload", "extra"},     {cli_config, "config", NULL},
    {cli_config, "config", "nonsense"},  {cli_events, "events", "-n"},
    {cli_status, "status", "--timeout=0"}, {cli_status, "status", "--timeout=x"},
};

START_TEST(test_misuse)
{
    char name[32], argument[32];
    char *argv[] = {name, argument, NULL};

    snprintf(name, sizeof name, "%s", misuses[_i].name);
    snprintf(argument, sizeof argument, "%s",
             misuses[_i].argument != NULL ? misuses[_i].argument : "");
    ck_assert_msg(misuses[_i].main(misuses[_i].argument != NULL ? 2 : 1, argv) == CLI_USAGE,
                  "%s %s", name, argument);
}
END_TEST

/* Where no unit is: exit code 3. */
START_TEST(test_unreachable)
{
    char name[] = "status", to[] = "--host=unix:/nowhere/at.all";
    char *argv[] = {name, to, NULL};

    ck_assert_int_eq(cli_status(2, argv), CLI_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(admin_why(), "/nowhere/at.all"));
}
END_TEST

START_TEST(test_config_check)
{
    char path[] = "/tmp/test_cli.XXXXXX", name[] = "config", check[] = "check";
    char *argv[] = {name, check, path, NULL};
    int file = mkstemp(path);

    ck_assert_int_ge(file, 0);
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stdout)); /* of this test's process: no TAP */
    ck_assert_int_eq(cli_config(3, argv), CLI_OK); /* an empty one is good */
    ck_assert_int_eq((int) write(file, "port = 0\n", 9), 9);
    close(file);
    ck_assert_int_eq(cli_config(3, argv), CLI_FAILED);
    unlink(path);
    ck_assert_int_eq(cli_config(3, argv), CLI_FAILED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arguments");
    TCase *tcase = tcase_create("arguments");
    SRunner *runner;
    int failed;

    if (freopen("/dev/null", "w", stderr) == NULL) /* what the commands complain of is no news */
        return 1;
    tcase_add_test(tcase, test_any_order);
    tcase_add_loop_test(tcase, test_wrong, 0, (int) (sizeof wrong / sizeof wrong[0]));
    tcase_add_test(tcase, test_numbers);
    tcase_add_test(tcase, test_table);
    tcase_add_test(tcase, test_words_for_people);
    tcase_add_loop_test(tcase, test_misuse, 0, (int) (sizeof misuses / sizeof misuses[0]));
    tcase_add_test(tcase, test_unreachable);
    tcase_add_test(tcase, test_config_check);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
