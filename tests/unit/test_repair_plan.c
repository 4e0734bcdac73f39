/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_repair_plan.c - who has which rank after a repair, and when there is to be none
 * (repair_plan.c).
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "layer/repair_plan.h"

#define WORLD 4
#define MOST 12

static struct ftm_said said[MOST];
static int said_n;
static struct ftm_plan plan;
static struct ftm_place places[WORLD];

static void set_up(void)
{
    said_n = 0;
    memset(said, 0, sizeof said);
}

/* A rank of the first hour, in its third collective. */
static struct ftm_said *rank(int v)
{
    struct ftm_said *one = &said[said_n++];

    *one = (struct ftm_said) {.v = v, .real = v, .world_n = WORLD, .next_real = 10, .begun = 3};
    strcpy(one->call, "MPI_Allreduce");
    return one;
}

static struct ftm_said *spare(int real)
{
    struct ftm_said *one = &said[said_n++];

    *one = (struct ftm_said) {.v = -1, .real = real};
    return one;
}

/* It was started for a lost rank. */
static struct ftm_said *newcomer(int v, uint32_t epoch)
{
    struct ftm_said *one = &said[said_n++];

    *one = (struct ftm_said) {.v = v, .real = -1, .epoch = epoch, .decision = 7};
    return one;
}

static void begin(void)
{
    ck_assert_int_eq(ftm_plan_world_n(said, said_n), WORLD);
    ftm_plan_begin(&plan, places, said, said_n);
}

START_TEST(a_missing_rank_is_lost_and_a_spare_takes_it)
{
    rank(0), rank(1), rank(3), spare(4), spare(5);
    begin();
    ck_assert_int_eq(plan.n, WORLD);
    ck_assert_int_eq(plan.before_n, WORLD);
    ck_assert_int_eq(plan.repairs, 1);
    ck_assert_int_eq(plan.lost_n, 1);
    ck_assert_int_eq(plan.lost[0], 2);
    ck_assert_int_eq(places[2].member, -1);
    ck_assert_int_eq(places[3].member, 2);
    ck_assert_int_eq(ftm_plan_spare(said, said_n, 5), 4);
    ck_assert_int_eq(ftm_plan_spare(said, said_n, 3), -1); /* it has a rank */
    ck_assert_int_eq(ftm_plan_spare(said, said_n, 9), -1);
    ftm_plan_seat(places, 2, said, 4, 2, 77);
    ck_assert_int_eq(places[2].member, 4);
    ck_assert_int_eq(places[2].real, 5);
    ck_assert_uint_eq(places[2].epoch, 2);
    ck_assert_uint_eq(places[2].decision, 77);
    ck_assert_int_eq(places[2].is_new, 1);
    ck_assert_int_eq(places[1].is_new, 0);
}
END_TEST

START_TEST(who_leads_has_a_rank_and_knows_the_world)
{
    spare(4), newcomer(2, 1);
    ck_assert_int_eq(ftm_plan_leader(said, said_n), -1);
    ck_assert_int_eq(ftm_plan_world_n(said, said_n), 0);
    rank(3), rank(0);
    ck_assert_int_eq(ftm_plan_leader(said, said_n), 2);
}
END_TEST

START_TEST(who_was_started_has_its_rank_and_a_new_number)
{
    rank(0)->repairs = 2, rank(1), rank(3), newcomer(2, 1);
    begin();
    ck_assert_int_eq(plan.repairs, 3);
    ck_assert_int_eq(plan.lost_n, 1); /* for the application it is one that was lost */
    ck_assert_int_eq(plan.lost[0], 2);
    ck_assert_int_eq(places[2].member, 3);
    ck_assert_int_eq(places[2].real, 10);
    ck_assert_int_eq(plan.next_real, 11);
    ck_assert_int_eq(places[2].is_new, 1);
    ck_assert_int_eq(places[0].is_new, 0);
}
END_TEST

START_TEST(of_two_with_one_rank_the_later_has_it)
{
    rank(0), rank(1), rank(2)->epoch = 1, newcomer(2, 3), newcomer(2, 2), rank(3);
    begin();
    ck_assert_int_eq(places[2].member, 3);
    ck_assert_uint_eq(places[2].epoch, 3);
}
END_TEST

START_TEST(one_that_expects_it_is_enough_to_interrupt_all)
{
    rank(0), rank(1), rank(3), spare(4)->is_aware = 1, newcomer(2, 1)->is_aware = 1;
    begin();
    ck_assert_int_eq(plan.what, FTM_PLAN_ACTIVE); /* those two know nothing of the program yet */
    said[1].is_aware = 1;
    begin();
    ck_assert_int_eq(plan.what, FTM_PLAN_WHOLE);
}
END_TEST

START_TEST(nobody_is_replaced_for_the_end_alone)
{
    rank(0)->is_ending = 1, rank(1)->is_ending = 1, rank(3)->is_aware = 1, spare(4);
    begin();
    ck_assert_int_eq(plan.what, FTM_PLAN_WHOLE); /* rank 3 still needs it */
    said[2].is_ending = 1;
    begin();
    ck_assert_int_eq(plan.what, FTM_PLAN_OVER);
}
END_TEST

START_TEST(who_waits_for_the_others_and_was_met_is_through)
{
    rank(0)->settled = 5, rank(1)->settled = 4, rank(3)->settled = 4;
    for (int i = 0; i < said_n; i++)
        said[i].is_aware = 1;
    said[0].is_ending = 1;
    said[1].is_settling = said[2].is_settling = 1;
    begin();
    ck_assert_int_eq(plan.what, FTM_PLAN_OVER); /* rank 0 met them all the fifth time */
    ck_assert_uint_eq(plan.settled, 5);
    said[0].settled = 4;
    said[0].is_ending = 0;
    said[0].is_settling = 1;
    begin();
    ck_assert_int_eq(plan.what, FTM_PLAN_WHOLE); /* nobody has met all */
}
END_TEST

START_TEST(who_is_left_moves_up)
{
    rank(0), rank(2), rank(3);
    begin();
    ftm_plan_shrink(&plan, places);
    ck_assert_int_eq(plan.before_n, WORLD);
    ck_assert_int_eq(plan.n, 3);
    for (int v = 0; v < plan.n; v++)
        ck_assert_int_eq(places[v].member, v);
    ck_assert_int_eq(places[1].before, 2);
    ck_assert_int_eq(places[2].before, 3);
}
END_TEST

START_TEST(rounds_are_bounded)
{
    rank(0), rank(1), rank(3), spare(4);
    said[2].rounds = 2 * (WORLD + 4) + 4;
    begin();
    ftm_plan_bound(&plan, said, said_n);
    ck_assert_int_ne(plan.what, FTM_PLAN_REFUSED);
    said[2].rounds++;
    ftm_plan_bound(&plan, said, said_n);
    ck_assert_int_eq(plan.what, FTM_PLAN_REFUSED);
    ck_assert_ptr_nonnull(strstr(plan.why, "restart the job"));
}
END_TEST

/* What becomes of a world whose rank 2 was lost: of a program that expects nothing. */
static void compare(void)
{
    begin();
    ck_assert_int_eq(plan.what, FTM_PLAN_ACTIVE);
    ftm_plan_compare(&plan, said, said_n);
}

START_TEST(all_in_the_same_collective_do_it_again)
{
    rank(0), rank(1), rank(3), spare(4);
    compare();
    ck_assert_int_eq(plan.what, FTM_PLAN_ACTIVE);
    ck_assert_str_eq(plan.call, "MPI_Allreduce");
    ck_assert_uint_eq(plan.begun, 3);
}
END_TEST

START_TEST(one_that_is_further_stops_it)
{
    rank(0), rank(1), rank(3)->begun = 4, spare(4);
    compare();
    ck_assert_int_eq(plan.what, FTM_PLAN_REFUSED);
    ck_assert_ptr_nonnull(strstr(plan.why, "rank 0 is in MPI_Allreduce after 2"));
    ck_assert_ptr_nonnull(strstr(plan.why, "rank 3 is in MPI_Allreduce after 3"));
    ck_assert_ptr_nonnull(strstr(plan.why, "FTMPI_Loop"));
}
END_TEST

START_TEST(another_collective_stops_it)
{
    rank(0), rank(1), rank(3), spare(4);
    strcpy(said[1].call, "MPI_Bcast");
    compare();
    ck_assert_int_eq(plan.what, FTM_PLAN_REFUSED);
    ck_assert_ptr_nonnull(strstr(plan.why, "MPI_Bcast"));
}
END_TEST

START_TEST(one_that_is_through_it_stops_it)
{
    rank(0), rank(1), rank(3), spare(4);
    said[1].call[0] = '\0'; /* it has completed three, and is at its end */
    compare();
    ck_assert_int_eq(plan.what, FTM_PLAN_REFUSED);
    ck_assert_ptr_nonnull(strstr(plan.why, "rank 1 is at its end after 3"));
}
END_TEST

START_TEST(who_has_been_in_none_yet_does_not_count)
{
    struct ftm_said *behind;

    rank(0), rank(1), rank(3);
    behind = rank(2); /* a spare that began its program before this repair */
    behind->begun = 1;
    behind->is_behind = 1;
    strcpy(behind->call, "MPI_Bcast");
    compare();
    ck_assert_int_eq(plan.what, FTM_PLAN_ACTIVE);
    ck_assert_str_eq(plan.call, "MPI_Allreduce");
}
END_TEST

START_TEST(who_comes_to_its_end_without_one_stops_it)
{
    struct ftm_said *behind;

    rank(0), rank(1), rank(3);
    behind = rank(2);
    behind->begun = 0;
    behind->epoch = 1;
    behind->is_behind = behind->is_ending = 1;
    behind->call[0] = '\0';
    compare();
    ck_assert_int_eq(plan.what, FTM_PLAN_REFUSED);
    ck_assert_ptr_nonnull(
        strstr(plan.why, "rank 2 (begun anew after a loss) is at its end after 0"));
}
END_TEST

START_TEST(one_that_is_left_alone_in_its_last_stops_it)
{
    struct ftm_said *alone;

    for (int v = 0; v < WORLD; v++) {
        rank(v)->is_ending = 1;
        said[v].call[0] = '\0';
    }
    alone = &said[2];
    alone->is_ending = 0;
    alone->epoch = 1;
    alone->begun = 4;
    strcpy(alone->call, "MPI_Barrier");
    compare();
    ck_assert_int_eq(plan.what, FTM_PLAN_REFUSED);
    ck_assert_ptr_nonnull(
        strstr(plan.why, "rank 2 (begun anew after a loss) is in MPI_Barrier after 3"));
    ck_assert_ptr_nonnull(strstr(plan.why, "rank 0 is at its end after 3"));
    ck_assert_ptr_nonnull(strstr(plan.why, "restart the job"));
    /* There is room for longer names and numbers. */
    ck_assert_uint_lt(strlen(plan.why) + 58, MPI_MAX_ERROR_STRING);
}
END_TEST

/* Aware, after a repair of the whole world, in its third collective since. */
static struct ftm_said *whole(int v)
{
    struct ftm_said *one = rank(v);

    one->is_aware = 1;
    one->repairs = 1;
    return one;
}

static void comes_to_its_end(struct ftm_said *one, uint64_t begun)
{
    one->is_ending = one->is_through = 1;
    one->call[0] = '\0';
    one->begun = begun;
}

START_TEST(one_that_is_beyond_anothers_end_is_told)
{
    comes_to_its_end(whole(0), 2), whole(1), whole(2), comes_to_its_end(whole(3), 3);
    begin();
    ck_assert_int_eq(plan.what, FTM_PLAN_WHOLE);
    ftm_plan_beyond(&plan, said, said_n);
    ck_assert_int_eq(plan.what, FTM_PLAN_REFUSED);
    ck_assert_uint_eq(plan.is_hopeless, 1);
    ck_assert(strstr(plan.why, "rank 1 is in MPI_Allreduce after 2"));
    ck_assert(strstr(plan.why, "rank 0 is at its end after 2"));
}
END_TEST

START_TEST(one_that_is_at_its_end_stops_nobody_who_is_not_beyond)
{
    comes_to_its_end(whole(0), 3), whole(1), whole(2), whole(3);
    begin();
    ftm_plan_beyond(&plan, said, said_n);
    ck_assert_int_eq(plan.what, FTM_PLAN_WHOLE);
}
END_TEST

START_TEST(where_one_is_lost_all_go_back_from_their_ends_too)
{
    comes_to_its_end(whole(0), 2), whole(1), whole(3), spare(4);
    begin();
    ftm_plan_beyond(&plan, said, said_n);
    ck_assert_int_eq(plan.what, FTM_PLAN_WHOLE);
}
END_TEST

START_TEST(more_losses_than_are_listed_are_counted)
{
    enum { MANY = FTMPI_LOST_MAX + 9 };
    static struct ftm_place many[MANY];

    rank(MANY - 1)->world_n = MANY;
    ftm_plan_begin(&plan, many, said, said_n);
    ck_assert_int_eq(plan.lost_n, MANY - 1);
    ck_assert_int_eq(plan.lost[FTMPI_LOST_MAX - 1], FTMPI_LOST_MAX - 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("repair_plan");
    TCase *all = tcase_create("repair_plan");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(all, set_up, NULL);
    tcase_add_test(all, a_missing_rank_is_lost_and_a_spare_takes_it);
    tcase_add_test(all, who_leads_has_a_rank_and_knows_the_world);
    tcase_add_test(all, who_was_started_has_its_rank_and_a_new_number);
    tcase_add_test(all, of_two_with_one_rank_the_later_has_it);
    tcase_add_test(all, one_that_expects_it_is_enough_to_interrupt_all);
    tcase_add_test(all, nobody_is_replaced_for_the_end_alone);
    tcase_add_test(all, who_waits_for_the_others_and_was_met_is_through);
    tcase_add_test(all, who_is_left_moves_up);
    tcase_add_test(all, rounds_are_bounded);
    tcase_add_test(all, all_in_the_same_collective_do_it_again);
    tcase_add_test(all, one_that_is_further_stops_it);
    tcase_add_test(all, another_collective_stops_it);
    tcase_add_test(all, one_that_is_through_it_stops_it);
    tcase_add_test(all, who_has_been_in_none_yet_does_not_count);
    tcase_add_test(all, who_comes_to_its_end_without_one_stops_it);
    tcase_add_test(all, one_that_is_left_alone_in_its_last_stops_it);
    tcase_add_test(all, one_that_is_beyond_anothers_end_is_told);
    tcase_add_test(all, one_that_is_at_its_end_stops_nobody_who_is_not_beyond);
    tcase_add_test(all, where_one_is_lost_all_go_back_from_their_ends_too);
    tcase_add_test(all, more_losses_than_are_listed_are_counted);
    suite_add_tcase(suite, all);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
