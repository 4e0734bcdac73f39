/* SPDX-License-Identifier: BSD-3-Clause */
/* Which node is best for a module, and why not the others. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hostlist.h"
#include "core/placement.h"

#define GIB (INT64_C(1) << 30)
#define NS_PER_S INT64_C(1000000000)

static struct ft_berths *berths;
static struct ft_plan_module module;
static struct ft_wish wish;
static struct ft_placement placement;

static void setup(void)
{
    berths = ft_berths_create();
    ck_assert_ptr_nonnull(berths);
    memset(&module, 0, sizeof module);
    module.name = module.home = (char *) "";
    memset(&wish, 0, sizeof wish);
    wish.module = &module;
    wish.now_ns = 1000 * NS_PER_S;
}

static void teardown(void)
{
    ft_berths_destroy(berths);
    ft_hostlist_destroy(module.nodes);
}

/* A node that takes modules, with 4 cores and 8 GiB. */
static struct ft_berth *add(const char *name)
{
    struct ft_berth *berth = ft_berths_get(berths, name);

    ck_assert_ptr_nonnull(berth);
    ft_berth_set_up(berths, berth, true);
    ft_berth_set_told(berths, berth, true);
    ft_berth_set_facts(berths, berth, 4, 8 * GIB);
    return berth;
}

static const char *chosen(void)
{
    ft_placement_choose(berths, &wish, &placement);
    ft_placement_explain(berths, &wish, &placement);
    return placement.berth != NULL ? placement.berth->name : "";
}

static void expect_cannot(struct ft_berth *berth, const char *words)
{
    char why[256] = "";

    ck_assert(!ft_placement_can(&wish, berth, why, sizeof why));
    ck_assert_msg(strstr(why, words) != NULL, "'%s' does not say '%s'", why, words);
    ck_assert_str_eq(chosen(), "");
    ck_assert_msg(strstr(placement.others, words) != NULL, "'%s' does not say '%s'",
                  placement.others, words);
}

START_TEST(nothing_is_chosen_of_nothing)
{
    ck_assert_str_eq(chosen(), "");
    ck_assert_str_eq(placement.others, "there is no other node");
}
END_TEST

START_TEST(a_node_that_takes_no_modules_is_not_chosen)
{
    struct ft_berth *berth = add("n1");

    ck_assert_str_eq(chosen(), "n1");
    ft_berth_set_told(berths, berth, false);
    expect_cannot(berth, "has not said yet what it runs");
    ft_berth_set_told(berths, berth, true);
    ck_assert_int_eq(ft_berth_set_drained(berths, berth, "drained by root: new disks"), 0);
    expect_cannot(berth, "is drained by root: new disks");
    ck_assert_int_eq(ft_berth_set_drained(berths, berth, NULL), 0);
    ck_assert_int_eq(ft_berth_set_failing(berths, berth, "97 degrees"), 0);
    expect_cannot(berth, "is going down: 97 degrees");
    ck_assert_int_eq(ft_berth_set_failing(berths, berth, NULL), 0);
    ft_berth_set_lost(berths, berth, 0);
    expect_cannot(berth, "is lost");
    ft_berth_set_up(berths, berth, true);
    ft_berth_set_up(berths, berth, false);
    expect_cannot(berth, "is not connected");
    ft_berth_set_up(berths, berth, true);
    ft_berth_set_told(berths, berth, true);
    ck_assert_str_eq(chosen(), "n1");
}
END_TEST

START_TEST(what_a_module_needs_is_looked_at)
{
    struct ft_berth *berth = add("n1");
    struct ft_berth_readings readings = {2 * GIB, 10, 0};

    module.cores_min = 5;
    expect_cannot(berth, "has 4 cores, 5 are needed");
    module.cores_min = 4;
    ck_assert_str_eq(chosen(), "n1");
    module.memory_min_bytes = (uint64_t) 3 * GIB;
    ck_assert_str_eq(chosen(), "n1"); /* of 8, as far as one knows */
    ft_berth_set_readings(berths, berth, &readings);
    expect_cannot(berth, "has 2.00 GiB of memory free, 3.00 are needed");
    module.memory_min_bytes = (uint64_t) 2 * GIB;
    ck_assert_str_eq(chosen(), "n1");
    berth->reserved_bytes = 1; /* for another module that is not up yet */
    expect_cannot(berth, "of memory free");
    berth->reserved_bytes = 0;
    wish.disk_min_pct = 11;
    expect_cannot(berth, "has 10.0 % of a disk free, 11 are needed");
}
END_TEST

START_TEST(what_is_not_known_does_not_count)
{
    struct ft_berth *berth = ft_berths_get(berths, "n1");

    ft_berth_set_up(berths, berth, true);
    ft_berth_set_told(berths, berth, true);
    ck_assert_str_eq(chosen(), "n1");
    module.cores_min = 1;
    expect_cannot(berth, "has not said yet what hardware it has");
    module.cores_min = 0;
    module.memory_min_bytes = 1;
    expect_cannot(berth, "has not said yet how much memory it has");
}
END_TEST

START_TEST(only_nodes_that_ft_conf_allows)
{
    add("n1");
    add("n2");
    add("n3");
    module.nodes = ft_hostlist_parse("n2,n9", NULL, 0);
    ck_assert_str_eq(chosen(), "n2");
    ck_assert_ptr_nonnull(strstr(placement.others, "n1 is not among its nodes in ft.conf"));
    /* Its home is one of them, without being named again. */
    ft_berth_set_up(berths, ft_berths_find(berths, "n2"), false);
    module.home = (char *) "n3";
    ck_assert_str_eq(chosen(), "n3");
}
END_TEST

START_TEST(many_allowed_nodes_are_walked_through)
{
    char text[16];

    add("n001");
    add("n150");
    module.nodes = ft_hostlist_parse("n[100-199]", NULL, 0);
    ck_assert_str_eq(chosen(), "n150");
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "n%d", 100 + i);
        ck_assert(ft_placement_allows(&module, ft_berths_get(berths, text)));
    }
    ck_assert(!ft_placement_allows(&module, ft_berths_find(berths, "n001")));
}
END_TEST

START_TEST(not_where_it_failed_lately)
{
    struct ft_berth *berth = add("n1");
    struct ft_unfit unfit = {.berth = berth, .until_ns = wish.now_ns + 7 * NS_PER_S,
                             .end = FT_END_CRASH};

    wish.unfit = &unfit;
    wish.unfit_n = 1;
    expect_cannot(berth, "could not hold it lately");
    expect_cannot(berth, "not again for 7 s");
    add("n2");
    ck_assert_str_eq(chosen(), "n2");
    ft_berth_set_up(berths, ft_berths_find(berths, "n2"), false);
    wish.now_ns += 7 * NS_PER_S;
    ck_assert_str_eq(chosen(), "n1");
}
END_TEST

START_TEST(the_preferred_one_is_taken_if_it_can)
{
    add("n1");
    add("n2");
    wish.prefer = ft_berths_find(berths, "n2");
    wish.prefer_why = "it belongs there";
    ft_berth_load(berths, wish.prefer, 4);
    ck_assert_str_eq(chosen(), "n2");
    ck_assert_str_eq(placement.reason, "it belongs there");
    ck_assert_str_eq(placement.others, "n1 could, and was not asked for");
    ft_berth_set_up(berths, wish.prefer, false);
    ck_assert_str_eq(chosen(), "n1");
    ck_assert_ptr_nonnull(strstr(placement.others, "n2 is not connected"));
    /* Never where it is now. */
    wish.not_on = ft_berths_find(berths, "n1");
    ck_assert_str_eq(chosen(), "");
}
END_TEST

START_TEST(spares_come_last_and_priorities_first)
{
    struct ft_berth *spare = add("a"), *low = add("b"), *high = add("c");

    ck_assert_int_eq(ft_berth_set_place(berths, spare, 9, true, true), 0);
    ck_assert_int_eq(ft_berth_set_place(berths, low, 1, false, true), 0);
    ck_assert_int_eq(ft_berth_set_place(berths, high, 2, false, true), 0);
    ft_berth_load(berths, high, 4); /* priority counts more than load */
    ck_assert_str_eq(chosen(), "c");
    ck_assert_ptr_nonnull(strstr(placement.others, "a is a spare node"));
    ck_assert_ptr_nonnull(strstr(placement.others, "b has a lower priority"));
    ft_berth_set_up(berths, high, false);
    ck_assert_str_eq(chosen(), "b");
    ft_berth_set_up(berths, low, false);
    ck_assert_str_eq(chosen(), "a");
    ck_assert_ptr_nonnull(strstr(placement.reason, "a spare one"));
}
END_TEST

START_TEST(the_least_loaded_is_best)
{
    struct ft_berth *busy = add("a"), *idle = add("b");
    struct ft_berth_readings readings = {-1, -1, 3.5};

    ft_berth_set_readings(berths, busy, &readings);
    ck_assert_str_eq(chosen(), "b");
    ck_assert_ptr_nonnull(strstr(placement.others, "a has more to do"));
    ft_berth_load(berths, idle, 4);
    ft_berth_load(berths, idle, 4);
    ck_assert_str_eq(chosen(), "a");
    ft_berth_unload(berths, idle, 4);
    ft_berth_unload(berths, idle, 4);
    ck_assert_str_eq(chosen(), "b");
}
END_TEST

START_TEST(modules_spread_over_equal_nodes)
{
    const char *const names[] = {"a", "b", "c"};
    unsigned times[3] = {0};

    for (int i = 0; i < 3; i++)
        ft_berth_set_facts(berths, add(names[i]), 64, 8 * GIB);
    for (int i = 0; i < 9; i++) {
        chosen();
        ft_berth_load(berths, placement.berth, 1);
        times[placement.berth->name[0] - 'a']++;
    }
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(times[i], 3);
}
END_TEST

START_TEST(among_equals_the_nearest_then_the_one_with_more_memory)
{
    struct ft_berth *a = add("a"), *b = add("b"), *c = add("c");
    struct ft_berth_readings more = {6 * GIB, -1, -1}, less = {2 * GIB, -1, -1};

    ft_berth_set_location(a, "row1/rack1");
    ft_berth_set_location(b, "row2/rack1");
    ft_berth_set_location(c, "row2/rack2");
    wish.near = "row2/rack2";
    ck_assert_str_eq(chosen(), "c");
    ft_berth_set_up(berths, c, false);
    ck_assert_str_eq(chosen(), "b");
    wish.near = NULL;
    ft_berth_set_readings(berths, a, &less);
    ft_berth_set_readings(berths, b, &more);
    ck_assert_str_eq(chosen(), "b");
    ft_berth_set_readings(berths, a, &more);
    ck_assert_str_eq(chosen(), "a"); /* by name */
}
END_TEST

START_TEST(distances)
{
    ck_assert_int_eq(ft_berth_distance("row1/rack1", "row1/rack1"), 0);
    ck_assert_int_eq(ft_berth_distance("row1/rack1", "row1/rack2"), 1);
    ck_assert_int_eq(ft_berth_distance("row1/rack1", "row1/rack11"), 1);
    ck_assert_int_eq(ft_berth_distance("row1/rack1", "row2/rack1"), 2);
    ck_assert_int_eq(ft_berth_distance("row1", "row1/rack2"), 1);
    ck_assert_int_eq(ft_berth_distance("row1", "row2"), 1);
    ck_assert_int_eq(ft_berth_distance(NULL, "row2"), FT_DISTANCE_UNKNOWN);
    ck_assert_int_eq(ft_berth_distance("row2", ""), FT_DISTANCE_UNKNOWN);
}
END_TEST

START_TEST(the_others_are_told_in_short)
{
    char name[16];

    for (int i = 0; i < 1000; i++) {
        struct ft_berth *berth;

        snprintf(name, sizeof name, "n%d", i);
        berth = add(name);
        if (i % 2 == 0)
            ft_berth_set_lost(berths, berth, 0);
        else if (i % 5 == 0)
            ck_assert_int_eq(ft_berth_set_drained(berths, berth, "drained by root"), 0);
    }
    module.cores_min = 9;
    ck_assert_str_eq(chosen(), "");
    ck_assert_uint_eq(placement.looked_at, 401);
    ck_assert_ptr_nonnull(strstr(placement.others, "n0 is lost"));
    ck_assert_ptr_nonnull(strstr(placement.others, "n1 has 4 cores, 9 are needed"));
    ck_assert_ptr_nonnull(strstr(placement.others, "994 more (of all 1000: 400 take modules, "
                                                   "500 lost, 100 drained)"));
}
END_TEST

START_TEST(counts_follow_every_change)
{
    struct ft_berth_counts counts;
    struct ft_berth *berth = ft_berths_get(berths, "n1");

    ft_berths_counts(berths, &counts);
    ck_assert_uint_eq(counts.down, 1);
    ft_berth_set_up(berths, berth, true);
    ft_berths_counts(berths, &counts);
    ck_assert_uint_eq(counts.down, 0);
    ck_assert_uint_eq(counts.untold, 1);
    ft_berth_set_told(berths, berth, true);
    ck_assert_int_eq(ft_berth_set_drained(berths, berth, "x"), 0);
    ck_assert_int_eq(ft_berth_set_drained(berths, berth, "y"), 0);
    ck_assert_int_eq(ft_berth_set_failing(berths, berth, "x"), 0);
    ft_berths_counts(berths, &counts);
    ck_assert_uint_eq(counts.drained, 1);
    ck_assert_int_eq(ft_berth_set_drained(berths, berth, NULL), 0);
    ft_berths_counts(berths, &counts);
    ck_assert_uint_eq(counts.failing, 1);
    ck_assert_int_eq(ft_berth_set_failing(berths, berth, NULL), 0);
    ft_berths_counts(berths, &counts);
    ck_assert_uint_eq(counts.open, 1);
    ft_berth_set_lost(berths, berth, 5);
    ft_berths_counts(berths, &counts);
    ck_assert_uint_eq(counts.lost + counts.open, 1);
}
END_TEST

START_TEST(names_of_nodes)
{
    char name[FT_NAME_MAX + 1];

    ck_assert_ptr_eq(ft_berths_get(berths, "n1.cluster"), ft_berths_get(berths, "n1"));
    ck_assert_uint_eq(ft_berths_count(berths), 1);
    ck_assert_ptr_null(ft_berths_get(berths, ""));
    ck_assert_int_eq(errno, EINVAL);
    memset(name, 'x', FT_NAME_MAX);
    name[FT_NAME_MAX] = '\0';
    ck_assert_ptr_null(ft_berths_get(berths, name));
    ck_assert_ptr_null(ft_berths_find(berths, "n2"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("placement");
    TCase *tests = tcase_create("placement");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, nothing_is_chosen_of_nothing);
    tcase_add_test(tests, a_node_that_takes_no_modules_is_not_chosen);
    tcase_add_test(tests, what_a_module_needs_is_looked_at);
    tcase_add_test(tests, what_is_not_known_does_not_count);
    tcase_add_test(tests, only_nodes_that_ft_conf_allows);
    tcase_add_test(tests, many_allowed_nodes_are_walked_through);
    tcase_add_test(tests, not_where_it_failed_lately);
    tcase_add_test(tests, the_preferred_one_is_taken_if_it_can);
    tcase_add_test(tests, spares_come_last_and_priorities_first);
    tcase_add_test(tests, the_least_loaded_is_best);
    tcase_add_test(tests, modules_spread_over_equal_nodes);
    tcase_add_test(tests, among_equals_the_nearest_then_the_one_with_more_memory);
    tcase_add_test(tests, distances);
    tcase_add_test(tests, the_others_are_told_in_short);
    tcase_add_test(tests, counts_follow_every_change);
    tcase_add_test(tests, names_of_nodes);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
