/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_core_health.c - nodes that were declared lost, or are going down: what the launcher hears,
 * what decisions make of it; and the list of news itself.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/tidings.h"
#include "core_stage.h"

static void news(uint64_t token, uint64_t after)
{
    ft_central_next_news(stage.central, token, &stage_launcher, after, 1000);
}

static void is_news(uint64_t token, uint64_t number, ftNodeChange_t change, const char *node)
{
    ck_assert(answered(token));
    ck_assert_int_eq(reply_of(token)->status, FT_OK);
    ck_assert_uint_eq(reply_of(token)->decision, number);
    ck_assert_int_eq(reply_of(token)->change, (int) change);
    ck_assert_str_eq(reply_of(token)->resource.node, node);
}

static bool was_logged(const char *name, const char *node)
{
    for (unsigned i = 0; i < stage.events_n; i++)
        if (strcmp(stage.events[i].name, name) == 0 && strcmp(stage.events[i].node, node) == 0)
            return true;
    return false;
}

/* ---------------------------------------------------------------- news */

START_TEST(test_news_waits_and_is_told_at_once)
{
    stage_begin(3, 0, NULL);
    news(1, 0);
    ck_assert(!answered(1));
    ft_central_node_declared(stage.central, "n1", "silent for 300 ms");
    is_news(1, 1, FT_NODE_LOST, "n1");
    ck_assert_str_eq(reply_of(1)->reason, "silent for 300 ms");
    news(2, 1);
    ck_assert(!answered(2));
    ft_central_node_failing(stage.central, "n2", "memory");
    is_news(2, 2, FT_NODE_FAILING, "n2");
    ck_assert(was_logged("node_failing", "n2"));
    stage_end();
}
END_TEST

START_TEST(test_news_that_was_not_heard_is_kept_in_order)
{
    stage_begin(3, 0, NULL);
    ft_central_node_failing(stage.central, "n2", "memory");
    ft_central_node_declared(stage.central, "n1", "silent");
    news(1, 0);
    is_news(1, 1, FT_NODE_FAILING, "n2");
    news(2, 1);
    is_news(2, 2, FT_NODE_LOST, "n1");
    news(3, 2);
    ck_assert(!answered(3));
    pass_ms(1100);
    ck_assert_int_eq(reply_of(3)->status, FT_ERR_TIMEOUT);
    stage_end();
}
END_TEST

START_TEST(test_newer_news_of_a_node_takes_the_older_ones_place)
{
    stage_begin(3, 0, NULL);
    ft_central_node_failing(stage.central, "n2", "memory");
    ft_central_node_well(stage.central, "n2", "enough again");
    news(1, 0);
    is_news(1, 2, FT_NODE_WELL, "n2");
    ck_assert(was_logged("node_well", "n2"));
    news(2, 2);
    ck_assert(!answered(2));
    stage_end();
}
END_TEST

START_TEST(test_said_twice_is_told_once)
{
    stage_begin(3, 0, NULL);
    ft_central_node_declared(stage.central, "n1", "silent");
    ft_central_node_declared(stage.central, "n1", "still silent");
    ft_central_node_failing(stage.central, "n2", "memory");
    ft_central_node_failing(stage.central, "n2", "memory");
    ft_central_node_well(stage.central, "n0", "was never ill");
    news(1, 2);
    ck_assert(!answered(1));
    ft_central_node_declared(stage.central, "unheard-of", "silent");
    ft_central_node_failing(stage.central, "unheard-of", "memory");
    ck_assert(!answered(1));
    stage_end();
}
END_TEST

START_TEST(test_news_is_for_the_launcher_only)
{
    struct ft_asker rank = asker_of(1);

    stage_begin(3, 0, NULL);
    ft_central_next_news(stage.central, 1, &rank, 0, 1000);
    ck_assert_int_eq(reply_of(1)->status, FT_ERR_DENIED);
    stage_end();
}
END_TEST

/* The launcher has no daemon on spares, and none any more on what it lost itself. */
START_TEST(test_no_news_of_nodes_without_a_daemon)
{
    stage_begin(3, 1, NULL);
    lose(2);
    news(1, 0);
    ft_central_node_declared(stage.central, "s0", "silent");
    ft_central_node_failing(stage.central, "s0", "memory");
    ft_central_node_declared(stage.central, "n2", "silent");
    ck_assert(!answered(1));
    stage_end();
}
END_TEST

START_TEST(test_news_ends_with_the_daemon)
{
    stage_begin(3, 0, NULL);
    ft_central_node_declared(stage.central, "n1", "silent");
    ft_central_node_changed(stage.central, 0, &stage_launcher, "n1", 1, FT_NODE_LOST, "declared");
    news(1, 0);
    ck_assert(!answered(1));
    stage_end();
}
END_TEST

START_TEST(test_a_daemon_on_a_bad_node_is_news)
{
    stage_begin(3, 2, NULL);
    ft_central_node_failing(stage.central, "s0", "memory");
    ft_central_node_declared(stage.central, "s1", "silent");
    news(1, 0);
    ck_assert(!answered(1));
    ft_central_node_changed(stage.central, 0, &stage_launcher, "s0", 3, FT_NODE_JOINED, NULL);
    is_news(1, 1, FT_NODE_FAILING, "s0");
    news(2, 1);
    ft_central_node_changed(stage.central, 0, &stage_launcher, "s1", 4, FT_NODE_JOINED, NULL);
    is_news(2, 2, FT_NODE_LOST, "s1");
    stage_end();
}
END_TEST

static void second_term(struct ft_central_config *config)
{
    config->term = 2;
}

START_TEST(test_a_launcher_of_another_term_starts_over)
{
    stage_begin(3, 0, second_term);
    news(1, (UINT64_C(1) << 32) + 7);
    ck_assert_int_eq(reply_of(1)->status, FT_OK);
    ck_assert_int_eq(reply_of(1)->resource.kind, 0);
    ck_assert_uint_eq(reply_of(1)->decision, UINT64_C(2) << 32);
    news(2, UINT64_C(2) << 32);
    ck_assert(!answered(2));
    ft_central_node_declared(stage.central, "n1", "silent");
    is_news(2, (UINT64_C(2) << 32) + 1, FT_NODE_LOST, "n1");
    news(3, (UINT64_C(2) << 32) + 9); /* never given */
    ck_assert_int_eq(reply_of(3)->resource.kind, 0);
    stage_end();
}
END_TEST

START_TEST(test_canceled_news_is_not_answered)
{
    stage_begin(3, 0, NULL);
    news(1, 0);
    ft_central_cancel(stage.central, 1);
    ft_central_node_declared(stage.central, "n1", "silent");
    ck_assert(!answered(1));
    stage_end();
}
END_TEST

/* ---------------------------------------------------------------- decisions */

START_TEST(test_what_is_on_a_failing_node_is_replaced_at_once)
{
    stage_begin(3, 1, NULL);
    ft_central_node_failing(stage.central, "n1", "memory will be full in 40 s");
    ask_any(1, 0, 1);
    offer("s0"); /* asked for without waiting for news of a loss */
    probe_good("s0");
    ck_assert_int_eq(reply_of(1)->status, FT_OK);
    ck_assert_str_eq(reply_of(1)->alternative.node, "s0");
    ck_assert_int_eq(reply_of(1)->repairable, 0);
    ck_assert(was_logged("not_known_lost", "n1"));
    ask_any(2, 2, 1);
    ck_assert_uint_eq(reply_of(2)->decision, reply_of(1)->decision);
    stage_end();
}
END_TEST

START_TEST(test_who_waits_for_a_loss_is_answered_when_the_node_fails)
{
    stage_begin(3, 1, NULL);
    ask_any(1, 0, 1);
    ck_assert_uint_eq(stage.acquire, 0);
    ft_central_node_failing(stage.central, "n1", "drained");
    offer("s0");
    probe_good("s0");
    ck_assert_int_eq(reply_of(1)->status, FT_OK);
    stage_end();
}
END_TEST

START_TEST(test_a_failing_or_declared_node_is_nobodys_alternative)
{
    stage_begin(3, 0, NULL);
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "idle0" : "idle1";
        struct ft_facts facts = facts_of(4, 8 * GIB, 1);

        ft_central_node_changed(stage.central, 0, &stage_launcher, name, 10 + i, FT_NODE_JOINED,
                                NULL);
        ck_assert_int_eq(ft_central_unit_up(stage.central, name, "test"), 0);
        ck_assert_int_eq(ft_central_unit_facts(stage.central, name, &facts), 0);
    }
    ft_central_node_failing(stage.central, "idle0", "drained");
    ft_central_node_declared(stage.central, "idle1", "silent");
    lose(1);
    ask_any(1, 0, 1);
    ft_central_no_offer(stage.central, stage.acquire, "the pool is empty", 0);
    ck_assert_int_eq(reply_of(1)->status, FT_ERR_NONE);
    ck_assert_msg(strstr(reply_of(1)->reason, "idle0 is going down: drained") != NULL, "%s",
                  reply_of(1)->reason);
    ck_assert_msg(strstr(reply_of(1)->reason, "idle1 is silent") != NULL, "%s",
                  reply_of(1)->reason);
    ft_central_node_well(stage.central, "idle0", "undrained");
    ask_any(2, 0, 1);
    probe_good("idle0");
    ck_assert_str_eq(reply_of(2)->alternative.node, "idle0");
    stage_end();
}
END_TEST

START_TEST(test_a_candidate_that_starts_to_fail_is_given_up)
{
    stage_begin(3, 2, NULL);
    lose(1);
    ask_any(1, 0, 1);
    offer("s0");
    ft_central_node_failing(stage.central, "s0", "heat");
    offer("s1");
    probe_good("s1");
    ck_assert_str_eq(reply_of(1)->alternative.node, "s1");
    stage_end();
}
END_TEST

START_TEST(test_an_alternative_that_starts_to_fail_is_replaced)
{
    stage_begin(3, 2, NULL);
    lose(1);
    ask_any(1, 0, 1);
    offer("s0");
    probe_good("s0");
    ft_central_node_failing(stage.central, "s0", "heat");
    ask_any(2, 0, 1);
    offer("s1");
    probe_good("s1");
    ck_assert_int_eq(reply_of(2)->status, FT_OK);
    ck_assert_str_eq(reply_of(2)->alternative.node, "s1");
    ck_assert_uint_eq(reply_of(2)->epoch, 2);
    stage_end();
}
END_TEST

START_TEST(test_nothing_is_repaired_on_a_failing_node)
{
    stage_begin(3, 1, NULL);
    ft_central_node_failing(stage.central, "n1", "heat");
    ft_central_process_ended(stage.central, 0, &stage_launcher, JOB, 1, FT_ENDED_SIGNAL, 9);
    ask_any(1, 0, 1);
    offer("s0");
    probe_good("s0");
    ck_assert_str_eq(reply_of(1)->alternative.node, "s0");
    ck_assert_msg(strstr(reply_of(1)->repair, "node n1 is going down: heat") != NULL, "%s",
                  reply_of(1)->repair);
    stage_end();
}
END_TEST

START_TEST(test_a_declared_node_comes_back)
{
    stage_begin(3, 1, NULL);
    ft_central_node_declared(stage.central, "s0", "silent");
    ft_central_node_returned(stage.central, "s0");
    lose(1);
    ask_any(1, 0, 1);
    offer("s0");
    probe_good("s0");
    ck_assert_str_eq(reply_of(1)->alternative.node, "s0");
    stage_end();
}
END_TEST

START_TEST(test_a_launcher_that_is_gone_takes_its_jobs_along)
{
    stage_begin(3, 1, NULL);
    lose(1);
    ask_any(1, 0, 1);
    ft_central_launcher_gone(stage.central, "its connection was closed");
    ck_assert_int_eq(reply_of(1)->status, FT_ERR_UNKNOWN);
    ck_assert(was_logged("launcher_gone", ""));
    ck_assert(was_logged("job_ended", ""));
    ck_assert(was_logged("node_left", "n0"));
    ck_assert(was_logged("node_left", "n2"));
    ck_assert_uint_eq(ft_central_decisions(stage.central), 0);
    stage_end();
}
END_TEST

START_TEST(test_a_launcher_writes_to_the_log)
{
    ftResource_t about = {.kind = FT_NODE, .node = "n1", .name = "unit_failed"};
    struct ft_asker rank = asker_of(1);

    stage_begin(3, 0, NULL);
    ft_central_log_event(stage.central, 1, &stage_launcher, &about, about.name, "no such file");
    ck_assert_int_eq(reply_of(1)->status, FT_OK);
    ck_assert(was_logged("unit_failed", "n1"));
    ft_central_log_event(stage.central, 2, &rank, &about, about.name, "no such file");
    ck_assert_int_eq(reply_of(2)->status, FT_ERR_DENIED);
    ft_central_log_event(stage.central, 3, &stage_launcher, &about, "", "no such file");
    ck_assert_int_eq(reply_of(3)->status, FT_ERR_ARG);
    ft_central_unit_event(stage.central, "n2", &about, "rank_stopped", "it is stopped");
    ck_assert(was_logged("rank_stopped", "n2"));
    stage_end();
}
END_TEST

/* ---------------------------------------------------------------- the list */

START_TEST(test_tidings_of_many_nodes)
{
    enum { N = 1000 };
    struct ft_tidings *tidings = ft_tidings_create(3);
    struct ft_node *nodes = calloc(N, sizeof *nodes);
    const struct ft_tiding *tiding;
    uint64_t base = ft_tidings_base(tidings);
    int left = 0;

    ck_assert_uint_eq(base, UINT64_C(3) << 32);
    ck_assert_ptr_null(ft_tidings_after(tidings, base));
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < N; i++)
            ck_assert_uint_eq(ft_tidings_add(tidings, &nodes[i], FT_NODE_FAILING, "why", round),
                              base + 1 + (uint64_t) (round * N + i));
    for (int i = 0; i < N; i += 2)
        ft_tidings_drop(tidings, &nodes[i]);
    ft_tidings_drop(tidings, &nodes[0]); /* again */
    for (tiding = ft_tidings_after(tidings, base); tiding != NULL; tiding = tiding->next) {
        ck_assert_ptr_eq(tiding->node, &nodes[2 * left + 1]);
        left++;
    }
    ck_assert_int_eq(left, N / 2);
    ck_assert_ptr_null(ft_tidings_after(tidings, base + 2 * N));
    ck_assert(!ft_tidings_is_foreign(tidings, base + 2 * N));
    ck_assert(ft_tidings_is_foreign(tidings, base + 2 * N + 1));
    ck_assert(ft_tidings_is_foreign(tidings, 0));
    ft_tidings_destroy(tidings);
    ft_tidings_destroy(NULL);
    free(nodes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core health");
    TCase *told = tcase_create("news"), *decided = tcase_create("decisions");
    SRunner *runner;
    int failed;

    tcase_add_test(told, test_news_waits_and_is_told_at_once);
    tcase_add_test(told, test_news_that_was_not_heard_is_kept_in_order);
    tcase_add_test(told, test_newer_news_of_a_node_takes_the_older_ones_place);
    tcase_add_test(told, test_said_twice_is_told_once);
    tcase_add_test(told, test_news_is_for_the_launcher_only);
    tcase_add_test(told, test_no_news_of_nodes_without_a_daemon);
    tcase_add_test(told, test_news_ends_with_the_daemon);
    tcase_add_test(told, test_a_daemon_on_a_bad_node_is_news);
    tcase_add_test(told, test_a_launcher_of_another_term_starts_over);
    tcase_add_test(told, test_canceled_news_is_not_answered);
    tcase_add_test(told, test_tidings_of_many_nodes);
    tcase_add_test(decided, test_what_is_on_a_failing_node_is_replaced_at_once);
    tcase_add_test(decided, test_who_waits_for_a_loss_is_answered_when_the_node_fails);
    tcase_add_test(decided, test_a_failing_or_declared_node_is_nobodys_alternative);
    tcase_add_test(decided, test_a_candidate_that_starts_to_fail_is_given_up);
    tcase_add_test(decided, test_an_alternative_that_starts_to_fail_is_replaced);
    tcase_add_test(decided, test_nothing_is_repaired_on_a_failing_node);
    tcase_add_test(decided, test_a_declared_node_comes_back);
    tcase_add_test(decided, test_a_launcher_that_is_gone_takes_its_jobs_along);
    tcase_add_test(decided, test_a_launcher_writes_to_the_log);
    suite_add_tcase(suite, told);
    suite_add_tcase(suite, decided);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
