/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_core_grant.c - nodes that a launcher asks for outright, and gives back.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core_stage.h"

static void acquire(uint64_t token, const char *excluded, ftTimeout_t timeout_ms)
{
    ftConstraint_t like = anything();

    strcpy(like.excluded, excluded);
    ft_central_acquire(stage.central, token, &stage_launcher, &like, timeout_ms);
}

static ftRetVal_t give_back(uint64_t token, const char *node)
{
    ft_central_give_back(stage.central, token, &stage_launcher, node);
    return reply_of(token)->status;
}

static void is_granted(uint64_t token, const char *node)
{
    ck_assert_int_eq(reply_of(token)->status, FT_OK);
    ck_assert_int_eq(reply_of(token)->resource.kind, FT_NODE);
    ck_assert_str_eq(reply_of(token)->resource.node, node);
}

START_TEST(test_a_node_is_granted_and_given_back)
{
    stage_begin(2, 0, NULL);
    acquire(1, "n1,x", 1000);
    ck_assert(!answered(1));
    ck_assert_ptr_nonnull(strstr(stage.wanted_excluded, "n1"));
    ck_assert_ptr_nonnull(strstr(stage.wanted_excluded, "x"));
    offer("p0");
    is_granted(1, "p0");
    ck_assert_uint_eq(count_events("node_granted"), 1);
    ck_assert_int_eq(give_back(2, "p0.cluster"), FT_OK);
    ck_assert_str_eq(stage.released, "p0");
    ck_assert(!stage.released_broken);
    ck_assert_int_eq(give_back(3, "p0"), FT_ERR_UNKNOWN);
    ck_assert_int_eq(give_back(4, "n1"), FT_ERR_UNKNOWN);
    ck_assert_int_eq(give_back(5, "nowhere"), FT_ERR_UNKNOWN);
    ck_assert_uint_eq(stage.released_n, 1);
    stage_end();
}
END_TEST

START_TEST(test_there_is_none)
{
    stage_begin(2, 0, NULL);
    acquire(1, "", 1000);
    offer(NULL);
    ck_assert_int_eq(reply_of(1)->status, FT_ERR_NONE);
    ck_assert_str_eq(reply_of(1)->reason, "the pool is empty");
    ck_assert_int_eq(reply_of(1)->available_at_s, 1700000000);
    stage_end();
}
END_TEST

START_TEST(test_nobody_waits_longer_than_he_said)
{
    uint64_t asked;

    stage_begin(2, 0, NULL);
    acquire(1, "", 500);
    asked = stage.acquire;
    pass_ms(499);
    ck_assert(!answered(1));
    pass_ms(2);
    ck_assert_int_eq(reply_of(1)->status, FT_ERR_TIMEOUT);
    ck_assert_uint_eq(stage.abandoned_n, 1);
    ck_assert_msg(!ft_central_offer(stage.central, asked, "p0"), "a late node is taken");
    acquire(2, "", 500);
    asked = stage.acquire;
    ft_central_cancel(stage.central, 2);
    ck_assert_uint_eq(stage.abandoned_n, 2);
    ck_assert(!ft_central_awaits_offer(stage.central, asked));
    pass_ms(1000);
    ck_assert(!answered(2));
    stage_end();
}
END_TEST

START_TEST(test_the_same_request_is_given_the_same_node)
{
    struct ft_asker again = stage_launcher;
    ftConstraint_t like = anything();

    again.run = 7;
    again.request = 3;
    stage_begin(2, 0, NULL);
    ft_central_acquire(stage.central, 1, &again, &like, 1000);
    offer("p0");
    ft_central_acquire(stage.central, 2, &again, &like, 1000);
    is_granted(2, "p0");
    ck_assert_uint_eq(stage.acquire, 0);
    again.request = 4;
    ft_central_acquire(stage.central, 3, &again, &like, 1000);
    ck_assert(!answered(3));
    offer("p1");
    is_granted(3, "p1");
    again.request = 3;
    ck_assert_int_eq(give_back(4, "p0"), FT_OK);
    ft_central_acquire(stage.central, 5, &again, &like, 1000);
    ck_assert_msg(!answered(5), "a node that was given back is given again without being asked for");
    stage_end();
}
END_TEST

START_TEST(test_a_granted_node_is_nobodys_alternative)
{
    stage_begin(3, 0, NULL);
    acquire(1, "", 1000);
    offer("p0");
    ft_central_unit_up(stage.central, "p0", "1");
    ft_central_node_changed(stage.central, 2, &stage_launcher, "p0", 9, FT_NODE_JOINED, NULL);
    lose(2);
    ask_any(3, 0, 2);
    ck_assert_msg(strcmp(stage.probed, "p0") != 0, "the launcher's own node is a candidate");
    ck_assert_uint_ne(stage.acquire, 0);
    offer("p1");
    ck_assert_int_eq(give_back(4, "p0"), FT_OK);
    ck_assert_str_eq(stage.released, "p0");
    stage_end();
}
END_TEST

START_TEST(test_a_node_in_use_and_a_lost_one)
{
    ftProcessInfo_t process = {.rank = 0, .pid = 1, .node = "p0"};

    stage_begin(2, 0, NULL);
    acquire(1, "", 1000);
    offer("p0");
    ft_central_node_changed(stage.central, 2, &stage_launcher, "p0", 9, FT_NODE_JOINED, NULL);
    ft_central_job_started(stage.central, 3, &stage_launcher, "job@9", "", &process, 1);
    ck_assert_int_eq(give_back(4, "p0"), FT_ERR_BUSY);
    ck_assert_uint_eq(stage.released_n, 0);
    ft_central_node_changed(stage.central, 5, &stage_launcher, "p0", 9, FT_NODE_LOST, "crashed");
    ck_assert_int_eq(give_back(6, "p0"), FT_OK);
    ck_assert(stage.released_broken);
    stage_end();
}
END_TEST

START_TEST(test_no_node_twice)
{
    uint64_t first, second;

    stage_begin(2, 0, NULL);
    acquire(1, "", 1000);
    first = stage.acquire;
    ck_assert_msg(strstr(stage.wanted_excluded, "n0") != NULL, "the launcher has it already");
    acquire(2, "", 1000);
    second = stage.acquire;
    ck_assert(ft_central_offer(stage.central, first, "p0"));
    ck_assert_msg(!ft_central_offer(stage.central, second, "p0"), "it is kept twice");
    ck_assert_int_eq(reply_of(2)->status, FT_ERR_NONE);
    acquire(3, "", 1000);
    ck_assert_ptr_nonnull(strstr(stage.wanted_excluded, "p0"));
    stage.acquire = 0;
    lose(1);
    ask_any(4, 0, 1);
    ck_assert_uint_ne(stage.acquire, 0);
    ck_assert(!ft_central_offer(stage.central, stage.acquire, "p0"));
    ck_assert_int_eq(reply_of(4)->status, FT_ERR_NONE);
    stage_end();
}
END_TEST

START_TEST(test_only_launchers_may)
{
    struct ft_asker rank = asker_of(1);
    ftConstraint_t like = anything();

    stage_begin(2, 0, NULL);
    acquire(1, "", 1000);
    offer("p0");
    ft_central_acquire(stage.central, 2, &rank, &like, 1000);
    ck_assert_int_eq(reply_of(2)->status, FT_ERR_DENIED);
    ft_central_give_back(stage.central, 3, &rank, "p0");
    ck_assert_int_eq(reply_of(3)->status, FT_ERR_DENIED);
    ck_assert_uint_eq(stage.acquire, 0);
    ck_assert_uint_eq(stage.released_n, 0);
    stage_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core grant");
    TCase *tcase = tcase_create("grant");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, test_a_node_is_granted_and_given_back);
    tcase_add_test(tcase, test_there_is_none);
    tcase_add_test(tcase, test_nobody_waits_longer_than_he_said);
    tcase_add_test(tcase, test_the_same_request_is_given_the_same_node);
    tcase_add_test(tcase, test_a_granted_node_is_nobodys_alternative);
    tcase_add_test(tcase, test_a_node_in_use_and_a_lost_one);
    tcase_add_test(tcase, test_no_node_twice);
    tcase_add_test(tcase, test_only_launchers_may);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
