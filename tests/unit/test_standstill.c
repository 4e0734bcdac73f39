/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_standstill.c - who can never go on (standstill.c).
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "layer/standstill.h"

#define N 4

#define ACTS {.what = FTM_ACTS}
#define FOR(rank, number) {.what = FTM_WAITS_FOR_ONE, .peer = rank, .wait = number}
#define ANY(number) {.what = FTM_WAITS_FOR_ANY, .wait = number}
#define ALL {.what = FTM_WAITS_FOR_ALL}
#define END {.what = FTM_DOES_NO_MORE}

/* The ranks that are left, as bits. */
static unsigned left(const struct ftm_state before[N], const struct ftm_state now[N])
{
    struct ftm_state states[N];
    unsigned ranks = 0;

    memcpy(states, now, sizeof states);
    ftm_standstill(before, states, N);
    for (int v = 0; v < N; v++) {
        ranks |= states[v].what != FTM_ACTS ? 1U << v : 0;
        ck_assert(states[v].what == FTM_ACTS || states[v].what == now[v].what);
    }
    return ranks;
}

#define LEFT(...) left((struct ftm_state[N]) {__VA_ARGS__}, (struct ftm_state[N]) {__VA_ARGS__})

START_TEST(two_that_wait_for_each_other_are_left)
{
    ck_assert_uint_eq(LEFT(FOR(1, 7), FOR(0, 9), ACTS, ACTS), 3);
}
END_TEST

START_TEST(so_is_who_waits_for_them_and_a_longer_circle)
{
    ck_assert_uint_eq(LEFT(FOR(1, 7), FOR(0, 9), FOR(1, 1), ACTS), 7);
    ck_assert_uint_eq(LEFT(FOR(1, 1), FOR(2, 1), FOR(3, 1), FOR(0, 1)), 15);
}
END_TEST

START_TEST(who_waits_for_one_that_acts_is_not)
{
    ck_assert_uint_eq(LEFT(FOR(1, 7), FOR(2, 9), ACTS, ACTS), 0);
    ck_assert_uint_eq(LEFT(FOR(1, 7), FOR(2, 9), FOR(3, 1), ACTS), 0);
}
END_TEST

START_TEST(one_that_is_in_another_wait_acts)
{
    const struct ftm_state before[N] = {FOR(1, 7), FOR(0, 9), END, END};
    const struct ftm_state now[N] = {FOR(1, 7), FOR(0, 10), END, END};
    const struct ftm_state other[N] = {FOR(1, 7), FOR(3, 9), END, END};
    struct ftm_state replaced[N] = {FOR(1, 7), FOR(0, 9), END, END};

    replaced[1].process = 4;
    ck_assert_uint_eq(left(before, replaced), 12);
    ck_assert_uint_eq(left(before, now), 12);
    ck_assert_uint_eq(left(before, other), 12);
    ck_assert_uint_eq(left(now, now), 15);
}
END_TEST

START_TEST(a_repair_waits_for_who_is_in_a_message)
{
    ck_assert_uint_eq(LEFT(FOR(2, 7), ALL, ALL, ACTS), 7);
    ck_assert_uint_eq(LEFT(ALL, ALL, ALL, ACTS), 0);
    ck_assert_uint_eq(LEFT(ALL, ALL, ALL, ALL), 0);
    ck_assert_uint_eq(LEFT(FOR(3, 7), ALL, ALL, ACTS), 0); /* which comes once it has got it */
    ck_assert_uint_eq(LEFT(END, ALL, ALL, END), 9);        /* repair_end.c's affair */
}
END_TEST

START_TEST(who_waits_for_anybody_needs_all_others_to_wait)
{
    ck_assert_uint_eq(LEFT(ANY(1), FOR(0, 1), FOR(0, 1), FOR(0, 1)), 15);
    ck_assert_uint_eq(LEFT(ANY(1), FOR(0, 1), FOR(0, 1), ACTS), 0);
    ck_assert_uint_eq(LEFT(ANY(1), END, END, END), 15);
}
END_TEST

START_TEST(who_is_at_its_end_sends_nothing)
{
    ck_assert_uint_eq(LEFT(FOR(1, 1), END, ACTS, ACTS), 3);
}
END_TEST

START_TEST(a_rank_that_is_none_is_not_waited_for)
{
    ck_assert_uint_eq(LEFT(FOR(N, 1), FOR(-1, 1), END, END), 12);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("standstill");
    TCase *all = tcase_create("standstill");
    SRunner *runner;
    int failed;

    tcase_add_test(all, two_that_wait_for_each_other_are_left);
    tcase_add_test(all, so_is_who_waits_for_them_and_a_longer_circle);
    tcase_add_test(all, who_waits_for_one_that_acts_is_not);
    tcase_add_test(all, one_that_is_in_another_wait_acts);
    tcase_add_test(all, a_repair_waits_for_who_is_in_a_message);
    tcase_add_test(all, who_waits_for_anybody_needs_all_others_to_wait);
    tcase_add_test(all, who_is_at_its_end_sends_nothing);
    tcase_add_test(all, a_rank_that_is_none_is_not_waited_for);
    suite_add_tcase(suite, all);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
