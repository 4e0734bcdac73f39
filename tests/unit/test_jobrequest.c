/* SPDX-License-Identifier: BSD-3-Clause */
/* A job with spares asks for more of what is counted for the whole job, and for nothing else. */
#include "config.h"

#include "common/jobrequest.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(modes)
{
    ck_assert_str_eq(ft_mode_parse(NULL), "");
    ck_assert_str_eq(ft_mode_parse(""), "");
    ck_assert_str_eq(ft_mode_parse("report"), "report");
    ck_assert_str_eq(ft_mode_parse("repair"), "repair");
    ck_assert_ptr_null(ft_mode_parse("Repair"));
    ck_assert_ptr_null(ft_mode_parse("repair "));
    ck_assert_str_eq(ft_mode_of("", 0), "report");
    ck_assert_str_eq(ft_mode_of(NULL, 1), "retarget");
    ck_assert_str_eq(ft_mode_of("report", 1), "report");
    ck_assert(ft_mode_mends("retarget") && ft_mode_mends("repair"));
    ck_assert(!ft_mode_mends("report") && !ft_mode_mends("") && !ft_mode_mends(NULL));
}
END_TEST

START_TEST(numbers_of_spares)
{
    static const char *const bad[] = {"", " 1", "1 ", "-1", "+1", "x", "1x", "1k", "1025", "0x1",
                                      "99999999999999999999"};
    unsigned n = 7;

    ck_assert_int_eq(ft_spares_parse("0", &n), 0);
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(ft_spares_parse("1024", &n), 0);
    ck_assert_uint_eq(n, 1024);
    ck_assert_int_eq(ft_spares_parse(NULL, &n), -1);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(ft_spares_parse(bad[i], &n) == -1, "'%s'", bad[i]);
}
END_TEST

static const struct {
    struct ft_job_request asked;
    unsigned spares;
    const char *nodes, *ntasks, *per_node; /* that are asked for then */
    unsigned tasks;
} good[] = {
    {{.nodes = NULL, .gpus = "4", .ntasks = "3"}, 0, "", "", "", 0},
    {{.nodes = "2"}, 1, "3", "", "", 0},
    {{.nodes = "2-4"}, 2, "4-6", "", "", 0},
    {{.nodes = "2-"}, 2, "4-", "", "", 0},
    {{.nodes = "2-2", .ntasks = "2"}, 1, "3", "3", "1", 2},
    {{.nodes = "1k"}, 1, "1025", "", "", 0},
    {{.nodes = "2", .ntasks_per_node = "4"}, 1, "3", "", "", 8},
    {{.nodes = "2", .ntasks = "8"}, 1, "3", "12", "4", 8},
    {{.nodes = "2", .ntasks = "8", .ntasks_per_node = "4"}, 3, "5", "20", "4", 8},
    {{.nodes = "2-3", .ntasks_per_node = "4"}, 1, "3-4", "", "", 0},
};

START_TEST(grows)
{
    struct ft_job_grown grown;
    char why[256] = "";

    ck_assert_msg(ft_job_grow(&good[_i].asked, good[_i].spares, &grown, why, sizeof why) == 0, "%s",
                  why);
    ck_assert_str_eq(grown.nodes, good[_i].nodes);
    ck_assert_str_eq(grown.ntasks, good[_i].ntasks);
    ck_assert_str_eq(grown.ntasks_per_node, good[_i].per_node);
    ck_assert_uint_eq(grown.tasks, good[_i].tasks);
}
END_TEST

static const struct {
    struct ft_job_request asked;
    const char *why;
} bad[] = {
    {{.ntasks = "4"}, "needs --nodes"},
    {{.nodes = "0"}, "--nodes=0"},
    {{.nodes = "4-2"}, "--nodes=4-2"},
    {{.nodes = "1,3-5:2"}, "N or MIN-MAX"},
    {{.nodes = "x"}, "--nodes=x"},
    {{.nodes = "17m"}, "--nodes=17m"},
    {{.nodes = "2", .ntasks = "3"}, "3 tasks cannot be spread evenly"},
    {{.nodes = "2-4", .ntasks = "4"}, "spread evenly"},
    {{.nodes = "2", .ntasks = "4", .ntasks_per_node = "4"}, "leave --ntasks out"},
    {{.nodes = "2", .ntasks = "four"}, "--ntasks=four"},
    {{.nodes = "2", .gpus = "4"}, "--gpus-per-node"},
};

START_TEST(says_why_not)
{
    struct ft_job_grown grown;
    char why[256] = "";

    ck_assert_int_eq(ft_job_grow(&bad[_i].asked, 1, &grown, why, sizeof why), -1);
    ck_assert_msg(strstr(why, bad[_i].why), "%s", why);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("common/jobrequest");
    TCase *t = tcase_create("jobrequest");
    SRunner *r;
    int failed;

    tcase_add_test(t, modes);
    tcase_add_test(t, numbers_of_spares);
    tcase_add_loop_test(t, grows, 0, sizeof good / sizeof good[0]);
    tcase_add_loop_test(t, says_why_not, 0, sizeof bad / sizeof bad[0]);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
