/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_core_spares.c - warm spare ranks: given at once, once, to one rank that is lost, and told to
 * end with the world. The stage has a rank on each node; the last ones are the spares here.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core_stage.h"

static void spare_here(uint64_t token, int rank, int world)
{
    struct ft_asker who = asker_of(rank);

    ft_central_spare_here(stage.central, token, &who, world, FT_FOREVER);
}

static bool done(uint64_t token, int rank, int world)
{
    struct ft_asker who = asker_of(rank);

    ft_central_rank_done(stage.central, token, &who, world);
    ck_assert_int_eq(reply_of(token)->status, FT_OK);
    return reply_of(token)->epoch > 0;
}

static const ftReply_t *place_of(uint64_t token, int rank)
{
    struct ft_asker who = asker_of(0);
    ftResource_t resource = rank_of(rank);

    ft_central_place_of(stage.central, token, &who, &resource);
    return reply_of(token);
}

static void is_spare(uint64_t token, int real, uint32_t epoch)
{
    const ftReply_t *reply = reply_of(token);

    ck_assert_int_eq(reply->status, FT_OK);
    ck_assert_int_eq(reply->rung, FT_BY_SPARE_RANK);
    ck_assert_int_eq(reply->reach, FT_REACH_RANK);
    ck_assert_int_eq(reply->reach_rank, real);
    ck_assert_int_eq(reply->alternative.kind, FT_RANK);
    ck_assert_int_eq(reply->alternative.number, real);
    ck_assert_uint_eq(reply->epoch, epoch);
}

static void is_woken(uint64_t token, int rank)
{
    ck_assert_int_eq(reply_of(token)->status, FT_OK);
    ck_assert_int_eq(reply_of(token)->resource.kind, FT_RANK);
    ck_assert_int_eq(reply_of(token)->resource.number, rank);
}

/* Three ranks and two spares, on five nodes, with measured ones: probed one after the other. */
static void begin(void)
{
    stage_begin(5, 0, NULL);
    spare_here(1, 3, 3);
    probe_good("n3");
    spare_here(2, 4, 3);
    probe_good("n4");
    ck_assert(!answered(1) && !answered(2));
    ck_assert_uint_eq(count_events("spare_fit"), 2);
}

START_TEST(test_given_at_once_and_woken_at_the_same_time)
{
    unsigned probes;

    begin();
    probes = stage.probes_n;
    kill_rank(2);
    ask_any(10, 0, 2);
    is_spare(10, 3, 1);
    is_woken(1, 2);
    ck_assert_uint_eq(reply_of(1)->decision, reply_of(10)->decision);
    ck_assert_uint_eq(stage.probes_n, probes);
    ask_any(11, 1, 2);
    is_spare(11, 3, 1);
    ck_assert_uint_eq(reply_of(11)->decision, reply_of(10)->decision);
    ck_assert_uint_eq(count_events("decision_made"), 1);
    stage_end();
}
END_TEST

START_TEST(test_who_asks_before_the_launcher_knows_waits_for_its_word)
{
    begin();
    ask_any(10, 0, 2);
    ck_assert(!answered(10) && !answered(1));
    kill_rank(2);
    is_spare(10, 3, 1);
    is_woken(1, 2);
    stage_end();
}
END_TEST

START_TEST(test_the_word_of_its_unit_is_enough)
{
    begin();
    ask_any(10, 0, 2);
    ft_central_unit_process_ended(stage.central, "n1", JOB, 2, 102, 9); /* not of that node */
    ft_central_unit_process_ended(stage.central, "n2", JOB, 2, 101, 9); /* another process's number */
    ft_central_unit_process_ended(stage.central, "n2", JOB, 7, 107, 9); /* there is none */
    ft_central_unit_process_ended(stage.central, "n2", "other@1", 2, 102, 9);
    ck_assert(!answered(10) && !answered(1));
    ft_central_unit_process_ended(stage.central, "n2", JOB, 2, 102, 9);
    is_spare(10, 3, 1);
    is_woken(1, 2);
    ck_assert_uint_eq(count_events("process_ended"), 1);
    kill_rank(2); /* the launcher hears of it, too */
    ft_central_unit_process_ended(stage.central, "n2", JOB, 2, 102, 9);
    ck_assert_uint_eq(count_events("process_ended"), 1);
    stage_end();
}
END_TEST

START_TEST(test_the_word_of_its_unit_counts_only_where_a_spare_waits)
{
    begin();
    kill_rank(3);
    kill_rank(4);
    ft_central_unit_process_ended(stage.central, "n2", JOB, 2, 102, 9);
    ck_assert_uint_eq(count_events("process_ended"), 2);
    stage_end();
}
END_TEST

START_TEST(test_one_that_lives_is_not_replaced)
{
    ftConstraint_t not_n3 = anything();

    begin();
    ask_any(10, 0, 2); /* nobody says that it is lost */
    pass_ms(400);
    ck_assert_int_eq(reply_of(10)->status, FT_ERR_NONE);
    ck_assert_ptr_nonnull(strstr(reply_of(10)->reason, "not known to be lost"));
    kill_rank(2);
    ask_any(11, 0, 2);
    is_spare(11, 3, 1);
    strcpy(not_n3.excluded, "n3");
    ask(12, 0, 2, &not_n3);
    pass_ms(400);
    ck_assert_int_eq(reply_of(12)->status, FT_ERR_NONE);
    ck_assert_ptr_nonnull(strstr(reply_of(12)->reason, "has its place, and lives"));
    ask_any(13, 0, 4);
    pass_ms(400);
    ck_assert_int_eq(reply_of(13)->status, FT_ERR_NONE);
    ck_assert_ptr_nonnull(strstr(reply_of(13)->reason, "nobody has needed"));
    ck_assert(!answered(2));
    stage_end();
}
END_TEST

START_TEST(test_lost_in_its_turn)
{
    begin();
    kill_rank(2);
    ask_any(10, 0, 2);
    kill_rank(3);
    ask_any(11, 0, 3); /* by the name that it had as a spare */
    is_spare(11, 4, 2);
    is_woken(2, 2);
    ck_assert_str_eq(reply_of(11)->lost_node, "n3");
    kill_rank(4);
    ask_any(12, 0, 2); /* none is left: as without spares; its node was measured just now */
    ck_assert_int_eq(reply_of(12)->status, FT_OK);
    ck_assert_int_eq(reply_of(12)->rung, FT_BY_REPAIR);
    stage_end();
}
END_TEST

START_TEST(test_an_old_death_is_no_doubt_about_the_spare)
{
    struct ft_asker who = asker_of(1);
    ftResource_t old = rank_of(2), present = rank_of(3);

    begin();
    kill_rank(2);
    ask_any(10, 0, 2);
    stage.now_ns += 1000000;
    /* Another rank hears of the same death only now, and then asks: it is answered at once. */
    ft_central_report_error(stage.central, 11, &who, &old, FT_COMPUTE, 1);
    ask_any(12, 1, 2);
    is_spare(12, 3, 1);
    /* An error with the spare itself: news may be on its way. */
    ft_central_report_error(stage.central, 13, &who, &present, FT_COMPUTE, 1);
    ask_any(14, 1, 2);
    ck_assert(!answered(14));
    kill_rank(3);
    is_spare(14, 4, 2);
    stage_end();
}
END_TEST

START_TEST(test_two_lost_at_once_get_two)
{
    begin();
    kill_rank(1);
    kill_rank(2);
    ask_any(10, 0, 1);
    ask_any(11, 0, 2);
    is_spare(10, 3, 1);
    is_spare(11, 4, 1);
    is_woken(1, 1);
    is_woken(2, 2);
    stage_end();
}
END_TEST

START_TEST(test_a_lost_spare_is_never_given)
{
    begin();
    lose(3);
    ck_assert_uint_eq(count_events("spare_lost"), 1);
    ck_assert_int_eq(reply_of(1)->status, FT_ERR_UNFIT);
    kill_rank(2);
    ask_any(10, 0, 2);
    is_spare(10, 4, 1);
    stage_end();
}
END_TEST

START_TEST(test_an_unfit_node_is_passed_over_until_it_is_well)
{
    struct ft_facts facts = facts_of(4, 8 * GIB, 1);

    stage_begin(4, 0, NULL);
    spare_here(1, 3, 3);
    probe_with("n3", &facts, 8 * GIB, 1);
    ck_assert_uint_eq(count_events("spare_unfit"), 1);
    kill_rank(2);
    ask_any(10, 0, 2);
    probe_good("n2"); /* repaired in place rather */
    ck_assert_int_eq(reply_of(10)->rung, FT_BY_REPAIR);
    pass_ms(stage.config.spare_check_ms + 1);
    probe_good("n3");
    ck_assert_uint_eq(count_events("spare_fit"), 1);
    kill_rank(1);
    ask_any(11, 0, 1);
    is_spare(11, 3, 1);
    stage_end();
}
END_TEST

START_TEST(test_another_node_than_the_lost_rank_first)
{
    ftProcessInfo_t beside = {.rank = 5, .pid = 200, .node = "n2"};
    struct ft_asker who = {.node = "n2", .job = JOB, .rank = 5, .pid = 200};

    stage_begin(5, 0, NULL);
    ft_central_job_started(stage.central, 0, &stage_launcher, JOB, "", &beside, 1);
    spare_here(1, 4, 3);
    probe_good("n4");
    ft_central_spare_here(stage.central, 3, &who, 3, FT_FOREVER);
    probe_good("n2");
    kill_rank(2);
    ask_any(10, 0, 2);
    is_spare(10, 4, 1);
    kill_rank(4);
    ask_any(11, 0, 2); /* n4's was lost: now n2 is another node */
    is_spare(11, 5, 2);
    stage_end();
}
END_TEST

START_TEST(test_one_that_is_away_hears_of_it_when_it_asks_again)
{
    begin();
    ft_central_cancel(stage.central, 1); /* its unit was restarted */
    ft_central_cancel(stage.central, 2);
    kill_rank(2);
    ask_any(10, 0, 2);
    is_spare(10, 3, 1);
    spare_here(20, 3, 3);
    is_woken(20, 2);
    spare_here(21, 3, 3); /* told again, the same */
    is_woken(21, 2);
    kill_rank(1);
    pass_ms(11000); /* the other one has not been heard for too long */
    ask_any(11, 0, 1);
    probe_good("n1");
    ck_assert_int_eq(reply_of(11)->rung, FT_BY_REPAIR);
    stage_end();
}
END_TEST

/* The first spare has the place of rank 2. */
static void given(void)
{
    begin();
    kill_rank(2);
    ask_any(10, 0, 2);
    is_spare(10, 3, 1);
}

START_TEST(test_one_that_does_not_begin_is_ended_and_the_next_given)
{
    given();
    pass_ms(stage.config.spare_begin_ms - 1);
    ck_assert_uint_eq(stage.ended_n, 0);
    pass_ms(2);
    ck_assert_uint_eq(stage.ended_n, 1);
    ck_assert_int_eq(stage.ended_rank, 3);
    ck_assert_str_eq(stage.ended_on, "n3");
    ck_assert_uint_eq(count_events("spare_overdue"), 1);
    ask_any(11, 1, 2); /* not before it is known to be dead: there would be two */
    is_spare(11, 3, 1);
    kill_rank(3);
    ask_any(12, 1, 2);
    is_spare(12, 4, 2);
    is_woken(2, 2);
    spare_here(20, 4, 3); /* that one begins */
    pass_ms(10 * stage.config.spare_begin_ms);
    ck_assert_uint_eq(stage.ended_n, 1);
    stage_end();
}
END_TEST

START_TEST(test_one_that_begins_is_left_alone)
{
    given();
    spare_here(20, 3, 3);
    is_woken(20, 2);
    pass_ms(10 * stage.config.spare_begin_ms);
    ck_assert_uint_eq(stage.ended_n, 0);
    stage_end();
}
END_TEST

START_TEST(test_one_that_was_at_its_end_has_begun)
{
    given();
    ck_assert(!done(20, 3, 3));
    pass_ms(10 * stage.config.spare_begin_ms);
    ck_assert_uint_eq(stage.ended_n, 0);
    stage_end();
}
END_TEST

START_TEST(test_one_that_cannot_be_heard_is_left_alone)
{
    given();
    ft_central_unit_down(stage.central, "n3", "its connection was reset");
    ck_assert_int_eq(ft_central_unit_up(stage.central, "n3", "test"), 0);
    pass_ms(10 * stage.config.spare_begin_ms);
    ck_assert_uint_eq(stage.ended_n, 0);
    stage_end();
}
END_TEST

START_TEST(test_orders_to_end_one_are_bounded)
{
    given();
    pass_ms(20 * stage.config.spare_begin_ms);
    ck_assert_uint_eq(stage.ended_n, 3);
    ck_assert_uint_eq(count_events("spare_overdue"), 4);
    stage_end();
    given();
    stage.end_fails = true;
    pass_ms(20 * stage.config.spare_begin_ms);
    ck_assert_uint_eq(stage.ended_n, 0);
    ck_assert_uint_eq(count_events("spare_overdue"), 1);
    stage_end();
}
END_TEST

START_TEST(test_who_has_whose_place)
{
    begin();
    ck_assert_int_eq(place_of(30, 1)->reach_rank, 1);
    ck_assert_int_eq(place_of(31, 3)->status, FT_ERR_NONE);
    kill_rank(2);
    ask_any(10, 0, 2);
    ck_assert_int_eq(place_of(32, 2)->reach_rank, 3);
    ck_assert_uint_eq(place_of(33, 2)->epoch, 1);
    ck_assert_int_eq(place_of(34, 3)->resource.number, 2);
    ck_assert_int_eq(place_of(35, 3)->reach_rank, 3);
    stage_end();
}
END_TEST

START_TEST(test_a_claim_leads_to_the_rank)
{
    struct ft_asker who = asker_of(1), standin = asker_of(3);
    uint64_t decision;

    begin();
    kill_rank(2);
    ask_any(10, 0, 2);
    decision = reply_of(10)->decision;
    ft_central_claim(stage.central, 11, &who, decision, 1000);
    is_spare(11, 3, 1);
    ft_central_next_peer(stage.central, 12, &standin, decision, 1000);
    ck_assert_int_eq(reply_of(12)->status, FT_ERR_DENIED);
    stage_end();
}
END_TEST

START_TEST(test_told_to_end_when_all_are_done_or_gone)
{
    begin();
    ck_assert(!done(10, 0, 3));
    kill_rank(1);
    ask_any(11, 2, 1);
    is_spare(11, 3, 1);
    ck_assert(!done(12, 2, 3));
    ck_assert(!done(13, 2, 3)); /* said twice */
    ck_assert(!answered(2));
    ck_assert(done(14, 3, 3)); /* the spare in rank 1's place was the last one */
    ck_assert_int_eq(reply_of(2)->status, FT_ERR_NONE);
    ck_assert_uint_eq(reply_of(2)->epoch, 1);
    spare_here(20, 4, 3);
    ck_assert_int_eq(reply_of(20)->status, FT_ERR_NONE);
    stage_end();
}
END_TEST

START_TEST(test_told_to_end_when_the_world_has_died)
{
    begin();
    kill_rank(0);
    kill_rank(1);
    ck_assert(!answered(1));
    kill_rank(2);
    ck_assert_int_eq(reply_of(1)->status, FT_ERR_NONE);
    ck_assert_uint_eq(reply_of(1)->epoch, 0);
    ck_assert_int_eq(reply_of(2)->status, FT_ERR_NONE);
    stage_end();
}
END_TEST

START_TEST(test_told_to_end_with_the_job)
{
    begin();
    ft_central_job_ended(stage.central, 0, &stage_launcher, JOB, 0);
    ck_assert_int_eq(reply_of(1)->status, FT_ERR_NONE);
    ck_assert_int_eq(reply_of(2)->status, FT_ERR_NONE);
    ck_assert_uint_eq(ft_central_waiting(stage.central), 0);
    stage_end();
}
END_TEST

START_TEST(test_who_can_be_none)
{
    struct ft_asker nobody = {.node = "n1", .job = "", .rank = -1};

    begin();
    spare_here(10, 2, 3); /* a rank of the world */
    ck_assert_int_eq(reply_of(10)->status, FT_ERR_ARG);
    spare_here(11, 4, 4); /* of another world than the others say */
    ck_assert_int_eq(reply_of(11)->status, FT_ERR_ARG);
    ft_central_spare_here(stage.central, 12, &nobody, 3, FT_FOREVER);
    ck_assert_int_eq(reply_of(12)->status, FT_ERR_ARG);
    ft_central_rank_done(stage.central, 13, &nobody, 3);
    ck_assert_int_eq(reply_of(13)->status, FT_ERR_ARG);
    stage_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core spares");
    TCase *tcase = tcase_create("spares");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, test_given_at_once_and_woken_at_the_same_time);
    tcase_add_test(tcase, test_who_asks_before_the_launcher_knows_waits_for_its_word);
    tcase_add_test(tcase, test_the_word_of_its_unit_is_enough);
    tcase_add_test(tcase, test_the_word_of_its_unit_counts_only_where_a_spare_waits);
    tcase_add_test(tcase, test_one_that_lives_is_not_replaced);
    tcase_add_test(tcase, test_lost_in_its_turn);
    tcase_add_test(tcase, test_an_old_death_is_no_doubt_about_the_spare);
    tcase_add_test(tcase, test_two_lost_at_once_get_two);
    tcase_add_test(tcase, test_a_lost_spare_is_never_given);
    tcase_add_test(tcase, test_an_unfit_node_is_passed_over_until_it_is_well);
    tcase_add_test(tcase, test_another_node_than_the_lost_rank_first);
    tcase_add_test(tcase, test_one_that_is_away_hears_of_it_when_it_asks_again);
    tcase_add_test(tcase, test_who_has_whose_place);
    tcase_add_test(tcase, test_a_claim_leads_to_the_rank);
    tcase_add_test(tcase, test_told_to_end_when_all_are_done_or_gone);
    tcase_add_test(tcase, test_told_to_end_when_the_world_has_died);
    tcase_add_test(tcase, test_told_to_end_with_the_job);
    tcase_add_test(tcase, test_one_that_does_not_begin_is_ended_and_the_next_given);
    tcase_add_test(tcase, test_one_that_begins_is_left_alone);
    tcase_add_test(tcase, test_one_that_was_at_its_end_has_begun);
    tcase_add_test(tcase, test_one_that_cannot_be_heard_is_left_alone);
    tcase_add_test(tcase, test_orders_to_end_one_are_bounded);
    tcase_add_test(tcase, test_who_can_be_none);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
