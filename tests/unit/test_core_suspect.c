/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_core_suspect.c - which node proved bad, told once for each cause, and which is only not what
 * is wanted; how much time losses cost.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_stage.h"

static void is_suspected(const char *what)
{
    ck_assert_str_eq(stage.suspected, what);
    stage.suspected[0] = '\0';
}

static void lose_daemon(int node)
{
    char name[16];

    snprintf(name, sizeof name, "n%d", node);
    ft_central_node_changed(stage.central, 0, &stage_launcher, name, node, FT_NODE_LOST,
                            "its daemon is gone");
}

/* ---------------------------------------------------------------- nodes */

START_TEST(test_a_lost_node_is_suspected_once)
{
    stage_begin(3, 1, NULL);
    ft_central_node_declared(stage.central, "n1", "silent for 300 ms");
    is_suspected("n1:silent:silent for 300 ms;");
    ft_central_node_declared(stage.central, "n1", "still silent");
    lose_daemon(1); /* its unit is connected, as far as is known */
    is_suspected("");
    ft_central_unit_down(stage.central, "n1", "closed");
    is_suspected("n1:lost:its daemon is gone;");
    ft_central_node_returned(stage.central, "n1");
    ft_central_node_declared(stage.central, "n1", "again");
    is_suspected("n1:silent:again;");
    stage_end();
}
END_TEST

START_TEST(test_only_the_daemon_was_lost)
{
    stage_begin(3, 0, NULL);
    lose_daemon(1);
    pass_ms(6000);
    ft_central_unit_down(stage.central, "n1", "the job is over");
    is_suspected("");
    stage_end();
}
END_TEST

START_TEST(test_a_node_without_a_unit_is_lost_by_the_launchers_word)
{
    stage_begin(3, 0, NULL);
    ft_central_unit_down(stage.central, "n2", "closed");
    is_suspected("");
    lose_daemon(2);
    is_suspected("n2:lost:its daemon is gone;");
    stage_end();
}
END_TEST

START_TEST(test_who_does_not_fit_is_not_suspect)
{
    struct ft_facts few = facts_of(2, 8 * GIB, 2);
    ftConstraint_t constraint = anything();

    constraint.at_least = 1;
    stage_begin(3, 3, NULL);
    lose_daemon(1);
    ask(1, 0, 1, &constraint);
    offer("s0");
    probe_with("s0", &few, 8 * GIB, 0);
    offer("s1");
    few = facts_of(4, 8 * GIB, 1);
    probe_with("s1", &few, GIB, 0); /* of memory that is free */
    offer("s2");
    stage.scratch_free_bytes = 31 << 20;
    probe_with("s2", &few, 8 * GIB, 0);
    ck_assert_ptr_nonnull(strstr(event_text("candidate_rejected"), "has 31.0 MiB of scratch"));
    ck_assert_uint_eq(count_events("candidate_rejected"), 3);
    ck_assert_uint_eq(stage.released_n, 3);
    is_suspected("");
    stage_end();
}
END_TEST

/* That it has too little now is not remembered as a measurement that will do for another rank. */
START_TEST(test_a_full_disk_is_measured_again)
{
    struct ft_facts facts = facts_of(4, 8 * GIB, 1);

    stage_begin(3, 1, NULL);
    stage.scratch_free_bytes = 0;
    lose(1);
    ask_any(1, 0, 1);
    offer("s0");
    probe_with("s0", &facts, 8 * GIB, 0);
    ft_central_no_offer(stage.central, stage.acquire, "none", 0);
    ck_assert_int_eq(reply_of(1)->status, FT_ERR_NONE);
    lose(2);
    ask_any(2, 0, 2);
    offer("s0");
    ck_assert_uint_ne(stage.probe, 0);
    stage_end();
}
END_TEST

START_TEST(test_candidates_that_are_bad)
{
    struct ft_facts facts = facts_of(4, 8 * GIB, 1);
    struct ft_measured broken = {.error = "hwloc: no topology", .scratch_free_bytes = GIB};
    uint64_t probe;

    stage_begin(3, 4, NULL);
    lose_daemon(1);
    ask_any(1, 0, 1);
    offer("s0");
    probe_with("s0", &facts, 8 * GIB, 3);
    is_suspected("s0:check:the fan does not turn;");
    offer("s1");
    probe = stage.probe;
    ft_central_probe_result(stage.central, probe, &broken);
    is_suspected("s1:probe:hwloc: no topology;");
    offer("s2");
    pass_ms(stage.config.probe_timeout_ms + 1);
    is_suspected("s2:probe:did not answer the probe within 2000 ms;");
    offer("u0");
    ft_central_unit_failed(stage.central, "u0", "no route to host");
    is_suspected("u0:unit:has no unit: no route to host;");
    stage.probe_fails = true;
    offer("s3");
    is_suspected("s3:probe:could not be probed: its unit is not connected;");
    ck_assert_uint_eq(stage.released_n, 5);
    stage_end();
}
END_TEST

START_TEST(test_starting_failed_and_a_forecast)
{
    struct ft_asker who = asker_of(0);

    stage_begin(3, 1, NULL);
    lose(1);
    ask_any(1, 0, 1);
    offer("s0");
    probe_good("s0");
    ft_central_claim(stage.central, 2, &who, reply_of(1)->decision, 1000);
    ft_central_start_failed(stage.central, 3, &who, reply_of(1)->decision, "exec format error");
    ck_assert_ptr_nonnull(strstr(stage.suspected, "s0:start:"));
    ck_assert_ptr_nonnull(strstr(stage.suspected, "exec format error"));
    stage.suspected[0] = '\0';
    ft_central_node_suspect(stage.central, "n2", FT_SUSPECT_FAILING, "ECC errors");
    ft_central_node_suspect(stage.central, "n2", FT_SUSPECT_FAILING, "more of them");
    ft_central_node_suspect(stage.central, "nobody", FT_SUSPECT_FAILING, "x");
    is_suspected("n2:failing:ECC errors;");
    ft_central_node_failing(stage.central, "n2", "ECC errors");
    ft_central_node_well(stage.central, "n2", "mended");
    ft_central_node_suspect(stage.central, "n2", FT_SUSPECT_FAILING, "again");
    is_suspected("n2:failing:again;");
    stage_end();
}
END_TEST

/* ---------------------------------------------------------------- time */

/* The loss of a node until its stand-in on a spare runs. */
static uint64_t given(uint64_t token, int rank, const char *spare)
{
    ask_any(token, 0, rank);
    offer(spare);
    probe_good(spare); /* takes 5 ms */
    ck_assert_int_eq(reply_of(token)->status, FT_OK);
    return reply_of(token)->decision;
}

START_TEST(test_time_of_one_loss)
{
    uint64_t decision;

    stage_begin(3, 1, NULL);
    lose(1);
    pass_ms(40);
    decision = given(1, 1, "s0");
    pass_ms(100);
    ck_assert_uint_eq(stage.lost_n, 0);
    ck_assert_int_eq(announce(2, decision, 2, "s0", true), FT_OK);
    ck_assert_int_eq(stage.lost_ms, 145);
    ck_assert_uint_eq(stage.lost_n, 1);
    stage_end();
}
END_TEST

START_TEST(test_time_of_two_losses_at_once_counts_once)
{
    uint64_t first, second;

    stage_begin(3, 2, NULL);
    lose(1);
    pass_ms(10);
    lose(2);
    pass_ms(10);
    first = given(1, 1, "s0");
    second = given(2, 2, "s1");
    pass_ms(100); /* 30 ms since the first loss by then */
    ck_assert_int_eq(announce(3, second, 2, "s1", true), FT_OK);
    ck_assert_int_eq(stage.lost_ms, 120);
    ck_assert_int_eq(announce(4, first, 3, "s0", true), FT_OK);
    ck_assert_int_eq(stage.lost_ms, 130); /* the ten before the second loss */
    stage_end();
}
END_TEST

START_TEST(test_time_of_two_losses_apart)
{
    uint64_t decision;

    stage_begin(3, 2, NULL);
    lose(1);
    decision = given(1, 1, "s0");
    ck_assert_int_eq(announce(2, decision, 2, "s0", true), FT_OK);
    ck_assert_int_eq(stage.lost_ms, 5);
    pass_ms(10000);
    lose(2);
    decision = given(3, 2, "s1");
    ck_assert_int_eq(announce(4, decision, 3, "s1", true), FT_OK);
    ck_assert_int_eq(stage.lost_ms, 10);
    stage_end();
}
END_TEST

START_TEST(test_planned_work_costs_no_time)
{
    uint64_t decision;

    stage_begin(3, 1, NULL);
    ft_central_node_failing(stage.central, "n1", "memory");
    pass_ms(100);
    decision = given(1, 1, "s0");
    ck_assert_int_eq(announce(2, decision, 2, "s0", true), FT_OK);
    ck_assert_uint_eq(stage.lost_n, 0);
    stage_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core suspect");
    TCase *nodes = tcase_create("nodes"), *times = tcase_create("time");
    SRunner *runner;
    int failed;

    tcase_add_test(nodes, test_a_lost_node_is_suspected_once);
    tcase_add_test(nodes, test_only_the_daemon_was_lost);
    tcase_add_test(nodes, test_a_node_without_a_unit_is_lost_by_the_launchers_word);
    tcase_add_test(nodes, test_who_does_not_fit_is_not_suspect);
    tcase_add_test(nodes, test_a_full_disk_is_measured_again);
    tcase_add_test(nodes, test_candidates_that_are_bad);
    tcase_add_test(nodes, test_starting_failed_and_a_forecast);
    tcase_add_test(times, test_time_of_one_loss);
    tcase_add_test(times, test_time_of_two_losses_at_once_counts_once);
    tcase_add_test(times, test_time_of_two_losses_apart);
    tcase_add_test(times, test_planned_work_costs_no_time);
    suite_add_tcase(suite, nodes);
    suite_add_tcase(suite, times);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
