/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_pleas.c - what of the suspicions against nodes is news to Slurm's administrator.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "centrald/pleas.h"

static struct ft_parts parts;
static struct ft_pleas *pleas;

static bool due(const char *node, enum ft_suspicion cause)
{
    struct ft_suspect suspect = {.node = node, .cause = cause, .why = "x"};

    return ft_pleas_is_due(pleas, &suspect);
}

static void begin(bool is_system)
{
    static int book;

    memset(&parts, 0, sizeof parts);
    parts.book = is_system ? (struct ft_book *) (void *) &book : NULL; /* never looked into */
    pleas = ft_pleas_create(&parts);
    ck_assert_ptr_nonnull(pleas);
}

START_TEST(test_each_cause_of_a_node_is_news_once)
{
    begin(false);
    ck_assert(due("n1", FT_SUSPECT_CHECK));
    ck_assert(!due("n1", FT_SUSPECT_CHECK));
    ck_assert(!due("n1.cluster", FT_SUSPECT_CHECK));
    ck_assert(due("n1", FT_SUSPECT_START));
    ck_assert(due("n2", FT_SUSPECT_CHECK));
    ck_assert(due("n3", FT_SUSPECT_LOST));
    ck_assert(!due("n3", FT_SUSPECT_SILENT));
    ck_assert(due("n4", FT_SUSPECT_SILENT));
    ck_assert(!due("n4", FT_SUSPECT_LOST));
    ft_pleas_destroy(pleas);
}
END_TEST

START_TEST(test_a_systems_detector_counts_for_more_than_a_launcher)
{
    begin(true);
    ck_assert(due("n3", FT_SUSPECT_LOST));
    ck_assert(due("n3", FT_SUSPECT_SILENT));
    ck_assert(!due("n3", FT_SUSPECT_LOST));
    ck_assert(!due("n3", FT_SUSPECT_SILENT));
    ft_pleas_destroy(pleas);
}
END_TEST

START_TEST(test_many_nodes_at_once)
{
    char node[16];

    begin(true);
    for (int i = 0; i < 1000; i++) {
        snprintf(node, sizeof node, "n%d", i);
        ck_assert(due(node, FT_SUSPECT_SILENT));
        ck_assert(!due(node, FT_SUSPECT_SILENT));
    }
    ck_assert(due("n0", FT_SUSPECT_SILENT)); /* long ago: told again rather than never */
    ft_pleas_destroy(pleas);
    ft_pleas_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pleas");
    TCase *tests = tcase_create("pleas");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, test_each_cause_of_a_node_is_news_once);
    tcase_add_test(tests, test_a_systems_detector_counts_for_more_than_a_launcher);
    tcase_add_test(tests, test_many_nodes_at_once);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
