/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_core_policy.c - what is done when no node is free: what ft.conf says, what a request says,
 * and what comes of either.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core_stage.h"

#define RMS_MS 10000 /* ft.conf's rms_timeout_ms, as it is by default */

/* ---------------------------------------------------------------- the words */

START_TEST(test_words)
{
    static const char *const wrong[] = {"", ",", "wait,", ",wait", "wait,wait", "waits", "Wait",
                                        "wait share", "later,wait", "fewer,share", "later,fewer",
                                        "wait,share,later,fewer", "share,later,wait"};
    enum ft_when_none steps[FT_WHEN_NONE_MAX] = {FT_NONE_FEWER};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        errno = 0;
        ck_assert_msg(ft_when_none_parse(wrong[i], steps) == -1, "taken: '%s'", wrong[i]);
        ck_assert_int_eq(errno, EINVAL);
        ck_assert_int_eq(steps[0], FT_NONE_FEWER);
    }
    ck_assert_int_eq(ft_when_none_parse("wait", steps), 0);
    ck_assert(steps[0] == FT_NONE_WAIT && steps[1] == 0 && steps[2] == 0);
    ck_assert_int_eq(ft_when_none_parse("share,wait,later", steps), 0);
    ck_assert(steps[0] == FT_NONE_SHARE && steps[1] == FT_NONE_WAIT && steps[2] == FT_NONE_LATER);
    ck_assert(ft_when_none_has(steps, FT_NONE_WAIT) && !ft_when_none_has(steps, FT_NONE_FEWER));
}
END_TEST

/* ---------------------------------------------------------------- requests */

static ftConstraint_t when_none(const char *steps)
{
    ftConstraint_t C = anything();

    strcpy(C.when_none, steps);
    return C;
}

static void text_has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in \"%s\"", part, text);
}

/* n1 is lost, and rank 0 asks for another one, the policy being such. */
static void lose_and_ask(uint64_t token, const char *steps)
{
    ftConstraint_t C = when_none(steps);

    lose(1);
    ask(token, 0, 1, &C);
}

static void is_asked_for(unsigned wait_ms, unsigned timeout_ms)
{
    ck_assert_msg(stage.acquire != 0, "the resource manager is not asked");
    ck_assert_uint_eq(stage.wanted_wait_ms, wait_ms);
    ck_assert_uint_eq(stage.wanted_timeout_ms, timeout_ms);
}

static void is_shared(uint64_t token)
{
    ck_assert_msg(stage.probe != 0, "no surviving node is tried");
    probe_good(stage.probed);
    ck_assert_int_eq(reply_of(token)->status, FT_OK);
    ck_assert_int_eq(reply_of(token)->rung, FT_BY_SHARING);
}

static void is_none(uint64_t token, int fewer)
{
    ck_assert_int_eq(reply_of(token)->status, FT_ERR_NONE);
    ck_assert_int_eq(reply_of(token)->fewer, fewer);
}

START_TEST(test_it_is_waited_for_unless_something_else_is_said)
{
    stage_begin(3, 0, NULL);
    lose(1);
    ask_any(1, 0, 1);
    is_asked_for(RMS_MS, RMS_MS);
    ck_assert_str_eq(stage.wanted_ladder, "");
    offer(NULL);
    is_none(1, 0);
    text_has(reply_of(1)->hint, "ask again at 2023-11-14 22:13:20 UTC");
    stage_end();
}
END_TEST

START_TEST(test_sharing_at_once)
{
    stage_begin(3, 0, NULL);
    lose_and_ask(1, "share");
    is_asked_for(0, RMS_MS);
    ck_assert(!answered(1));
    offer(NULL);
    is_shared(1);
    stage_end();
}
END_TEST

START_TEST(test_a_free_node_goes_before_sharing)
{
    stage_begin(3, 1, NULL);
    lose_and_ask(1, "share");
    offer("s0");
    probe_good("s0");
    ck_assert_int_eq(reply_of(1)->rung, FT_BY_NEW_NODE);
    stage_end();
}
END_TEST

START_TEST(test_sharing_after_waiting)
{
    stage_begin(3, 0, NULL);
    lose_and_ask(1, "wait,share");
    is_asked_for(RMS_MS, RMS_MS);
    pass_ms(RMS_MS + 1);
    ck_assert_uint_eq(stage.abandoned_n, 1);
    is_shared(1);
    stage_end();
}
END_TEST

START_TEST(test_waiting_where_nothing_can_be_shared)
{
    ftConstraint_t C = when_none("share,wait");

    stage_begin(3, 1, NULL);
    strcpy(C.excluded, "n0,n2");
    lose(1);
    ask(1, 0, 1, &C);
    is_asked_for(0, RMS_MS);
    offer(NULL);
    ck_assert_uint_eq(stage.probe, 0);
    is_asked_for(RMS_MS, RMS_MS);
    ck_assert(!answered(1));
    offer("s0");
    probe_good("s0");
    ck_assert_int_eq(reply_of(1)->rung, FT_BY_NEW_NODE);
    ck_assert_str_eq(reply_of(1)->alternative.node, "s0");
    stage_end();
}
END_TEST

/* A node that was waited for and proves to be unfit: the next one is waited for, too, for what is
 * left of the time. */
START_TEST(test_an_unfit_node_that_was_waited_for)
{
    ftConstraint_t C = when_none("share,wait");
    struct ft_facts small = facts_of(4, 8 * GIB, 1);

    stage_begin(3, 2, NULL);
    strcpy(C.excluded, "n0,n2");
    lose(1);
    ask(1, 0, 1, &C);
    offer(NULL);
    is_asked_for(RMS_MS, RMS_MS);
    pass_ms(4000);
    offer("s0");
    probe_with("s0", &small, small.memory_bytes, 7);
    ck_assert_str_eq(stage.released, "s0");
    ck_assert_uint_eq(stage.wanted_timeout_ms, RMS_MS);
    ck_assert_uint_le(stage.wanted_wait_ms, RMS_MS - 4000);
    ck_assert_uint_ge(stage.wanted_wait_ms, RMS_MS - 4100);
    text_has(stage.wanted_excluded, "s0");
    offer("s1");
    probe_good("s1");
    ck_assert_str_eq(reply_of(1)->alternative.node, "s1");
    stage_end();
}
END_TEST

START_TEST(test_later)
{
    stage_begin(3, 0, NULL);
    lose_and_ask(1, "later");
    is_asked_for(0, RMS_MS);
    offer(NULL);
    is_none(1, 0);
    ck_assert_int_eq(reply_of(1)->available_at_s, 1700000000);
    text_has(reply_of(1)->hint, "ask again at 2023-11-14 22:13:20 UTC");
    text_has(event_text("decision_none"), "ask again at 2023-11-14 22:13:20 UTC");
    /* Asked again, it is looked for again. */
    ask_any(2, 0, 1);
    is_asked_for(RMS_MS, RMS_MS);
    stage_end();
}
END_TEST

START_TEST(test_fewer)
{
    stage_begin(3, 0, NULL);
    lose_and_ask(1, "fewer");
    is_asked_for(0, RMS_MS);
    offer(NULL);
    is_none(1, 1);
    text_has(reply_of(1)->reason, "no new node: the pool is empty");
    text_has(reply_of(1)->hint, "go on without it");
    text_has(event_text("decision_none"), "go on without it");
    stage_end();
    stage_begin(2, 0, NULL);
    lose_and_ask(1, "share,fewer");
    offer(NULL);
    ck_assert_msg(stage.probe != 0, "fewer, though a node can be shared");
    probe_with("n0", &(struct ft_facts){.cores = 4}, 0, 1);
    is_none(1, 1);
    stage_end();
}
END_TEST

/* ---------------------------------------------------------------- ft.conf and a request */

static void share_or_fewer(struct ft_central_config *config)
{
    ft_when_none_parse("share,fewer", config->when_none);
}

static void allow_sharing_and_later(struct ft_central_config *config)
{
    config->share = true;
    ft_when_none_parse("later", config->when_none);
}

START_TEST(test_ft_conf)
{
    stage_begin(3, 0, share_or_fewer);
    lose_and_ask(1, "");
    is_asked_for(0, RMS_MS);
    offer(NULL);
    is_shared(1);
    stage_end();
    stage_begin(3, 0, allow_sharing_and_later);
    lose_and_ask(1, "");
    is_asked_for(0, RMS_MS);
    offer(NULL);
    is_shared(1);
    stage_end();
}
END_TEST

START_TEST(test_a_request_says_otherwise)
{
    stage_begin(3, 0, share_or_fewer);
    lose_and_ask(1, "wait");
    is_asked_for(RMS_MS, RMS_MS);
    offer(NULL);
    ck_assert_uint_eq(stage.probe, 0);
    is_none(1, 0);
    stage_end();
    stage_begin(3, 0, allow_sharing_and_later);
    lose_and_ask(1, "wait");
    offer(NULL);
    is_none(1, 0);
    stage_end();
}
END_TEST

START_TEST(test_who_forbids_sharing_is_not_given_a_shared_node)
{
    ftConstraint_t C = when_none("wait");

    stage_begin(3, 1, share_or_fewer);
    lose_and_ask(1, "");
    offer(NULL);
    is_shared(1);
    ask(2, 2, 1, &C);
    ck_assert(!answered(2));
    is_asked_for(RMS_MS, RMS_MS);
    offer("s0");
    probe_good("s0");
    ck_assert_str_eq(reply_of(2)->alternative.node, "s0");
    /* The first one's answer is replaced by that. */
    ask_any(3, 0, 1);
    ck_assert_str_eq(reply_of(3)->alternative.node, "s0");
    stage_end();
}
END_TEST

/* Nobody is told "none" because somebody else would not wait. */
START_TEST(test_each_asker_has_its_own_policy)
{
    ftConstraint_t patient = when_none("wait");

    stage_begin(3, 1, NULL);
    lose_and_ask(1, "fewer");
    ask(2, 2, 1, &patient);
    is_asked_for(0, RMS_MS);
    offer(NULL);
    is_none(1, 1);
    ck_assert(!answered(2));
    is_asked_for(RMS_MS, RMS_MS);
    offer("s0");
    probe_good("s0");
    ck_assert_int_eq(reply_of(2)->status, FT_OK);
    stage_end();
}
END_TEST

static void ask_waiting(uint64_t token, unsigned wait_ms)
{
    ftConstraint_t C = anything();

    C.wait_ms = wait_ms;
    strcpy(C.ladder, "spares,expand");
    lose(1);
    ask(token, 0, 1, &C);
}

START_TEST(test_ladder_and_time_of_a_request)
{
    stage_begin(3, 0, NULL);
    ask_waiting(1, 300);
    is_asked_for(300, RMS_MS);
    ck_assert_str_eq(stage.wanted_ladder, "spares,expand");
    stage_end();
    stage_begin(3, 0, NULL);
    ask_waiting(1, 60000);
    is_asked_for(60000, 60000);
    pass_ms(59990);
    ck_assert_uint_eq(stage.abandoned_n, 0);
    pass_ms(20);
    ck_assert_uint_eq(stage.abandoned_n, 1);
    text_has(event_text("no_node_offered"), "did not answer within 60000 ms");
    stage_end();
}
END_TEST

START_TEST(test_a_launcher_may_say_it_too)
{
    ftConstraint_t like = when_none("later");

    stage_begin(2, 0, NULL);
    ft_central_acquire(stage.central, 1, &stage_launcher, &like, 1000);
    is_asked_for(0, 1000);
    offer(NULL);
    strcpy(like.ladder, "beside");
    strcpy(like.when_none, "wait");
    like.wait_ms = 700;
    ft_central_acquire(stage.central, 2, &stage_launcher, &like, 1000);
    is_asked_for(700, 1000);
    ck_assert_str_eq(stage.wanted_ladder, "beside");
    stage_end();
}
END_TEST

START_TEST(test_a_policy_that_makes_no_sense_is_refused)
{
    ftConstraint_t C = when_none("later,share");

    stage_begin(3, 0, NULL);
    lose(1);
    ask(1, 0, 1, &C);
    ck_assert_int_eq(reply_of(1)->status, FT_ERR_ARG);
    C = anything();
    strcpy(C.ladder, "down");
    ask(2, 0, 1, &C);
    ck_assert_int_eq(reply_of(2)->status, FT_ERR_ARG);
    stage_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core policy");
    TCase *words = tcase_create("words"), *requests = tcase_create("requests");
    SRunner *runner;
    int failed;

    tcase_add_test(words, test_words);
    tcase_add_test(requests, test_it_is_waited_for_unless_something_else_is_said);
    tcase_add_test(requests, test_sharing_at_once);
    tcase_add_test(requests, test_a_free_node_goes_before_sharing);
    tcase_add_test(requests, test_sharing_after_waiting);
    tcase_add_test(requests, test_waiting_where_nothing_can_be_shared);
    tcase_add_test(requests, test_an_unfit_node_that_was_waited_for);
    tcase_add_test(requests, test_later);
    tcase_add_test(requests, test_fewer);
    tcase_add_test(requests, test_ft_conf);
    tcase_add_test(requests, test_a_request_says_otherwise);
    tcase_add_test(requests, test_who_forbids_sharing_is_not_given_a_shared_node);
    tcase_add_test(requests, test_each_asker_has_its_own_policy);
    tcase_add_test(requests, test_ladder_and_time_of_a_request);
    tcase_add_test(requests, test_a_launcher_may_say_it_too);
    tcase_add_test(requests, test_a_policy_that_makes_no_sense_is_refused);
    suite_add_tcase(suite, words);
    suite_add_tcase(suite, requests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
