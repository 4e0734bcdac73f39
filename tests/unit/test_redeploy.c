/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_redeploy.c - what the leader does about voters that it does not hear: each rule, the bounds,
 * and seeded histories in which anything may happen at any time.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/plan.h"
#include "core/redeploy.h"

#define AFTER_MS 5000

static struct ft_redeploy *redeploy;
static struct ft_redeploy_act act;
static int64_t now_ms;
static struct ft_redeploy_voter voters[3];
static struct ft_redeploy_found found;
static struct ft_redeploy_own own;

static void setup(void)
{
    redeploy = ft_redeploy_create();
    ck_assert_ptr_nonnull(redeploy);
    ft_redeploy_configure(redeploy, true, AFTER_MS);
    now_ms = 1000000;
    voters[0] = (struct ft_redeploy_voter){"n0", true, true, 10};
    voters[1] = (struct ft_redeploy_voter){"n1", true, true, 11}; /* the leader itself */
    voters[2] = (struct ft_redeploy_voter){"n2", true, true, 12};
    own = (struct ft_redeploy_own){"1.2", "x86_64", "sha256:good"};
    found = (struct ft_redeploy_found){.problem = "", .version = "1.2", .machine = "x86_64",
                                       .there = true, .checksum = "sha256:good", .says = "1.2",
                                       .data = true, .unwanted = ""};
}

static void teardown(void)
{
    ft_redeploy_destroy(redeploy);
    ft_redeploy_destroy(NULL);
}

static void again(void)
{
    teardown();
    setup();
}

static void tick(int64_t later_ms)
{
    now_ms += later_ms;
    ft_redeploy_tick(redeploy, now_ms, voters, 3, &act);
}

static void answer(void)
{
    ft_redeploy_looked(redeploy, now_ms, "n0", &found, &own, &act);
}

/* n0 is not heard; its unit is asked. */
static void lose(void)
{
    tick(0);
    voters[0].heard = false;
    tick(500);
    ck_assert_int_eq(act.what, FT_REDEPLOY_NOTHING);
    tick(AFTER_MS - 1);
    ck_assert_int_eq(act.what, FT_REDEPLOY_NOTHING);
    tick(1);
    ck_assert_int_eq(act.what, FT_REDEPLOY_LOOK);
    ck_assert_str_eq(act.node, "n0");
}

static bool is_event(const char *name)
{
    return act.event != NULL && strcmp(act.event, name) == 0;
}

/* ---------------------------------------------------------------- what is done */

START_TEST(test_who_is_heard_is_let_be)
{
    for (int i = 0; i < 1000; i++) {
        tick(500);
        ck_assert(act.what == FT_REDEPLOY_NOTHING && act.text[0] == '\0' && act.event == NULL);
    }
}
END_TEST

START_TEST(test_short_silence_is_nothing)
{
    for (int i = 0; i < 100; i++) {
        voters[0].heard = i % 2 == 0;
        tick(AFTER_MS - 1);
        ck_assert_int_eq(act.what, FT_REDEPLOY_NOTHING);
    }
}
END_TEST

START_TEST(test_dead_process_is_started)
{
    lose();
    answer();
    ck_assert_int_eq(act.what, FT_REDEPLOY_START);
    ck_assert_str_eq(act.node, "n0");
    ft_redeploy_started(redeploy, now_ms, "n0", "", &act);
    ck_assert(is_event("central_restarted"));
    voters[0].heard = true;
    for (int i = 0; i < 1000; i++) {
        tick(500);
        ck_assert(act.what == FT_REDEPLOY_NOTHING && act.event == NULL);
    }
}
END_TEST

/* Which program is sent, which started, which left alone. */
static const struct {
    bool there;
    const char *sum, *says, *version, *machine;
    enum ft_redeploy_what what;
    const char *event, *words;
} cases[] = {
    {false, "", "", "1.2", "x86_64", FT_REDEPLOY_SEND, NULL, "is gone"},
    {true, "", "", "1.2", "x86_64", FT_REDEPLOY_SEND, NULL, "damaged"},
    {true, "sha256:bad", "", "1.2", "x86_64", FT_REDEPLOY_SEND, NULL, "damaged"},
    {true, "sha256:bad", "1.2", "1.2", "x86_64", FT_REDEPLOY_SEND, NULL, "not the one of its"},
    {true, "sha256:good", "1.2", "1.2", "x86_64", FT_REDEPLOY_START, NULL, ""},
    /* another version is installed there, whole: it is only started */
    {true, "sha256:old", "1.1", "1.1", "x86_64", FT_REDEPLOY_START, NULL, ""},
    {true, "sha256:arm", "1.2", "1.2", "aarch64", FT_REDEPLOY_START, NULL, ""},
    /* refused */
    {false, "", "", "1.1", "x86_64", FT_REDEPLOY_NOTHING, "redeploy_refused", "version 1.1"},
    {true, "sha256:bad", "", "1.1", "x86_64", FT_REDEPLOY_NOTHING, "redeploy_refused", "1.1"},
    {false, "", "", "1.2", "aarch64", FT_REDEPLOY_NOTHING, "redeploy_refused", "aarch64"},
    {true, "sha256:new", "1.3", "1.2", "x86_64", FT_REDEPLOY_NOTHING, "redeploy_refused",
     "of version 1.3"},
    {true, "sha256:bad", "1.2", "1.1", "x86_64", FT_REDEPLOY_NOTHING, "redeploy_refused", "1.1"},
};

START_TEST(test_programs)
{
    lose();
    found.there = cases[_i].there;
    found.checksum = cases[_i].sum;
    found.says = cases[_i].says;
    found.version = cases[_i].version;
    found.machine = cases[_i].machine;
    answer();
    ck_assert_int_eq(act.what, cases[_i].what);
    ck_assert_msg(strstr(act.text, cases[_i].words) != NULL, "%s", act.text);
    if (cases[_i].event == NULL)
        ck_assert_ptr_null(act.event);
    else
        ck_assert(is_event(cases[_i].event));
}
END_TEST

START_TEST(test_leader_without_a_program_sends_none)
{
    lose();
    own.checksum = "";
    found.there = false;
    answer();
    ck_assert(act.what == FT_REDEPLOY_NOTHING && is_event("redeploy_refused"));
    again();
    lose();
    own.checksum = ""; /* but it can have what is there started */
    answer();
    ck_assert_int_eq(act.what, FT_REDEPLOY_START);
}
END_TEST

START_TEST(test_program_is_sent_then_started)
{
    lose();
    found.there = false;
    answer();
    for (int i = 0; i < 20; i++) { /* slowly, but it arrives */
        tick(15000);
        ck_assert_int_eq(act.what, FT_REDEPLOY_NOTHING);
        ft_redeploy_progress(redeploy, now_ms, "n0");
    }
    ft_redeploy_sent(redeploy, now_ms, "n0", "", &act);
    ck_assert_int_eq(act.what, FT_REDEPLOY_START);
    voters[0].heard = true; /* before its unit's answer is here */
    tick(100);
    ft_redeploy_started(redeploy, now_ms, "n0", "", &act);
    ck_assert(is_event("central_redeployed"));
    ck_assert_ptr_nonnull(strstr(act.text, own.checksum));
}
END_TEST

START_TEST(test_who_runs_or_is_not_wanted_is_left_alone)
{
    for (int pass = 0; pass < 2; pass++) {
        again();
        found.pid = pass == 0 ? 4711 : 0;
        found.unwanted = pass == 1 ? "it was ended in order there" : "";
        found.there = pass == 0; /* not even a program that is gone is sent */
        lose();
        answer();
        ck_assert(act.what == FT_REDEPLOY_NOTHING && is_event("central_silent"));
        for (int i = 0; i < 3; i++) { /* it is looked at again, and nothing is said again */
            tick(29999);
            ck_assert_int_eq(act.what, FT_REDEPLOY_NOTHING);
            tick(1);
            ck_assert_int_eq(act.what, FT_REDEPLOY_LOOK);
            answer();
            ck_assert(act.what == FT_REDEPLOY_NOTHING && act.event == NULL);
        }
        found.pid = 0;
        found.unwanted = "";
        found.there = true;
        tick(30000);
        answer();
        ck_assert_int_eq(act.what, FT_REDEPLOY_START);
    }
}
END_TEST

START_TEST(test_nothing_is_done_that_is_switched_off)
{
    ft_redeploy_configure(redeploy, false, AFTER_MS);
    voters[0].heard = false;
    for (int i = 0; i < 1000; i++) {
        tick(1000);
        ck_assert_int_eq(act.what, FT_REDEPLOY_NOTHING);
    }
    ft_redeploy_configure(redeploy, true, AFTER_MS);
    tick(1000);
    ck_assert_int_eq(act.what, FT_REDEPLOY_LOOK);
}
END_TEST

START_TEST(test_without_its_unit_nothing_can_be_done)
{
    voters[0].heard = voters[0].unit = false;
    for (int i = 0; i < 1000; i++) {
        tick(1000);
        ck_assert(act.what == FT_REDEPLOY_NOTHING && act.event == NULL);
    }
    voters[0].unit = true;
    tick(500);
    ck_assert_int_eq(act.what, FT_REDEPLOY_LOOK);
    voters[0].unit = false; /* gone before it has answered */
    tick(500);
    ck_assert_ptr_nonnull(strstr(act.text, "not connected"));
    ck_assert_str_eq(ft_redeploy_busy(redeploy), "");
}
END_TEST

START_TEST(test_other_settings_in_the_middle)
{
    lose();
    answer();
    ck_assert_int_eq(act.what, FT_REDEPLOY_START);
    ft_redeploy_configure(redeploy, true, AFTER_MS);
    ft_redeploy_started(redeploy, now_ms, "n0", "exit code 1", &act);
    ck_assert_ptr_nonnull(strstr(act.text, "tried again in 1 s"));
    tick(1000);
    ck_assert_int_eq(act.what, FT_REDEPLOY_LOOK);
}
END_TEST

START_TEST(test_answers_that_nobody_waits_for)
{
    answer();
    ck_assert_int_eq(act.what, FT_REDEPLOY_NOTHING);
    ft_redeploy_sent(redeploy, now_ms, "n0", "", &act);
    ck_assert_int_eq(act.what, FT_REDEPLOY_NOTHING);
    ft_redeploy_started(redeploy, now_ms, "n9", "", &act);
    ck_assert(act.what == FT_REDEPLOY_NOTHING && act.event == NULL);
    lose();
    ft_redeploy_sent(redeploy, now_ms, "n0", "", &act);
    ck_assert_int_eq(act.what, FT_REDEPLOY_NOTHING);
    voters[0].heard = true; /* it came back by itself while its unit looked */
    tick(100);
    found.pid = 5;
    answer();
    ck_assert(act.what == FT_REDEPLOY_NOTHING && act.event == NULL);
    ck_assert_str_eq(ft_redeploy_busy(redeploy), "");
}
END_TEST

/* ---------------------------------------------------------------- bounds */

START_TEST(test_one_at_a_time)
{
    tick(0);
    voters[0].heard = voters[2].heard = false;
    tick(100);
    tick(AFTER_MS);
    ck_assert_int_eq(act.what, FT_REDEPLOY_LOOK);
    ck_assert_str_eq(act.node, "n0");
    found.there = false;
    answer();
    ck_assert_int_eq(act.what, FT_REDEPLOY_SEND);
    for (int i = 0; i < 10; i++) {
        tick(1000);
        ck_assert_int_eq(act.what, FT_REDEPLOY_NOTHING);
    }
    ft_redeploy_sent(redeploy, now_ms, "n0", "", &act);
    ft_redeploy_started(redeploy, now_ms, "n0", "", &act);
    tick(500); /* now the other one */
    ck_assert_int_eq(act.what, FT_REDEPLOY_LOOK);
    ck_assert_str_eq(act.node, "n2");
}
END_TEST

/* Fails at every attempt, in one way or another. */
static void fail_attempt(int way)
{
    if (way == 0) { /* not answered */
        tick(20000);
        return;
    }
    found.there = way != 1;
    answer();
    if (way == 1)
        ft_redeploy_sent(redeploy, now_ms, "n0", "no space left on device", &act);
    else if (way == 2)
        ft_redeploy_started(redeploy, now_ms, "n0", "exit code 1: no such library", &act);
    else if (way == 3)
        tick(60000);
    else {
        ft_redeploy_started(redeploy, now_ms, "n0", "", &act);
        ck_assert(is_event("central_restarted"));
        tick(30000);
    }
}

START_TEST(test_it_is_given_up)
{
    static const int delays_ms[] = {1000, 2000, 5000, 15000};

    for (int pass = 0; pass < 2; pass++) {
        if (pass == 0)
            lose();
        for (int i = 0; i < FT_REDEPLOY_ATTEMPTS_MAX - 1; i++) {
            fail_attempt(_i);
            ck_assert(act.event == NULL && act.text[0] != '\0');
            tick(delays_ms[i] - 1);
            ck_assert_int_eq(act.what, FT_REDEPLOY_NOTHING);
            tick(1);
            ck_assert_int_eq(act.what, FT_REDEPLOY_LOOK);
        }
        fail_attempt(_i);
        ck_assert_msg(is_event("redeploy_failed"), "%s", act.text);
        for (int i = 0; i < 1000; i++) {
            tick(10000);
            ck_assert(act.what == FT_REDEPLOY_NOTHING && act.event == NULL);
        }
        voters[0].unit_run++; /* another unit: another try */
        tick(500);
        ck_assert_int_eq(act.what, FT_REDEPLOY_LOOK);
    }
    fail_attempt(2);
    ft_redeploy_configure(redeploy, true, AFTER_MS); /* another ft.conf as well */
    tick(1);
    ck_assert_int_eq(act.what, FT_REDEPLOY_LOOK);
}
END_TEST

/* It starts well each time, is heard for a while, and ends again. */
START_TEST(test_one_that_ends_again_and_again)
{
    int starts = 0;

    voters[0].heard = false;
    for (int i = 0; i < 2000 && !is_event("redeploy_failed"); i++) {
        tick(500);
        if (act.what != FT_REDEPLOY_LOOK)
            continue;
        answer();
        if (act.what != FT_REDEPLOY_START)
            continue;
        starts++;
        ft_redeploy_started(redeploy, now_ms, "n0", "", &act);
        voters[0].heard = true;
        tick(500);
        tick(10000);
        voters[0].heard = false;
    }
    ck_assert(is_event("redeploy_failed"));
    ck_assert_int_eq(starts, FT_REDEPLOY_ATTEMPTS_MAX);
    voters[0].heard = true; /* put right by a person */
    tick(500);
    tick(60000);
    voters[0].heard = false;
    tick(500);
    tick(AFTER_MS);
    ck_assert_int_eq(act.what, FT_REDEPLOY_LOOK);
}
END_TEST

/* ---------------------------------------------------------------- histories */

#define STEPS 4000
#define TICK_MS 250

struct history {
    unsigned seed;
    enum ft_redeploy_what wanted[3]; /* of each, not answered yet */
    int64_t acted_ms[3][FT_REDEPLOY_ATTEMPTS_MAX + 1]; /* when it was last helped, the latest first */
    unsigned given_up, sent, started;
};

static unsigned pick(struct history *history, unsigned n)
{
    history->seed = history->seed * 1103515245u + 12345u;
    return (history->seed >> 16) % n;
}

static void check_act(struct history *history)
{
    int i = act.what == FT_REDEPLOY_NOTHING ? -1 : act.node[1] - '0';
    int busy = 0;

    if (act.event != NULL && strcmp(act.event, "redeploy_failed") == 0)
        history->given_up++;
    history->sent += act.what == FT_REDEPLOY_SEND;
    history->started += act.what == FT_REDEPLOY_START;
    if (i < 0)
        return;
    if (act.what == FT_REDEPLOY_LOOK)
        ck_assert_msg(!voters[i].heard, "seed %u: a voter that is heard is looked at",
                      history->seed);
    history->wanted[i] = act.what;
    for (int k = 0; k < 3; k++)
        busy += strcmp(ft_redeploy_busy(redeploy), voters[k].name) == 0;
    ck_assert_int_eq(busy, 1);
    ck_assert_str_eq(ft_redeploy_busy(redeploy), act.node);
    if (act.what == FT_REDEPLOY_SEND || (act.what == FT_REDEPLOY_START && found.there)) {
        memmove(&history->acted_ms[i][1], &history->acted_ms[i][0],
                FT_REDEPLOY_ATTEMPTS_MAX * sizeof history->acted_ms[i][0]);
        history->acted_ms[i][0] = now_ms;
        /* The delays of one round, wherever in these six attempts it began anew. */
        if (history->acted_ms[i][FT_REDEPLOY_ATTEMPTS_MAX] != 0)
            ck_assert_int_ge(now_ms - history->acted_ms[i][FT_REDEPLOY_ATTEMPTS_MAX],
                             1000 + 2000 + 5000 + 15000);
    }
}

static void answer_one(struct history *history, int i)
{
    enum ft_redeploy_what what = history->wanted[i];
    const char *problem = pick(history, 3) == 0 ? "it did not work" : "";

    history->wanted[i] = FT_REDEPLOY_NOTHING;
    if (what == FT_REDEPLOY_LOOK) {
        found.problem = pick(history, 20) == 0 ? "redeploy = false" : "";
        found.there = pick(history, 3) != 0;
        found.checksum = pick(history, 3) != 0 ? "sha256:good" : "sha256:bad";
        found.says = pick(history, 4) != 0 ? "1.2" : "";
        found.version = pick(history, 10) != 0 ? "1.2" : "1.1";
        found.pid = pick(history, 6) == 0 ? 99 : 0;
        found.unwanted = pick(history, 12) == 0 ? "ended" : "";
        ft_redeploy_looked(redeploy, now_ms, voters[i].name, &found, &own, &act);
        if (act.what != FT_REDEPLOY_NOTHING)
            ck_assert(found.pid == 0 && found.unwanted[0] == '\0' && found.problem[0] == '\0');
        if (act.what == FT_REDEPLOY_SEND)
            ck_assert_str_eq(found.version, own.version);
    } else if (what == FT_REDEPLOY_SEND) {
        found.there = false; /* what follows is no attempt of its own */
        ft_redeploy_sent(redeploy, now_ms, voters[i].name, problem, &act);
    } else {
        ft_redeploy_started(redeploy, now_ms, voters[i].name, problem, &act);
        if (problem[0] == '\0' && pick(history, 3) != 0)
            voters[i].heard = true;
    }
    check_act(history);
}

START_TEST(test_histories)
{
    unsigned given_up = 0, sent = 0, started = 0;

    for (unsigned seed = 1; seed <= 200; seed++) {
        struct history history = {.seed = seed + (unsigned) _i * 1000};

        again();
        for (int step = 0; step < STEPS; step++) {
            int i = (int) pick(&history, 3);

            if (pick(&history, 60) == 0)
                voters[i].heard = !voters[i].heard && pick(&history, 3) == 0;
            if (pick(&history, 200) == 0)
                voters[i].unit = !voters[i].unit;
            if (pick(&history, 500) == 0)
                voters[i].unit_run++;
            if (_i == 3 && pick(&history, 300) == 0) { /* another ft.conf, in the middle of anything */
                ft_redeploy_configure(redeploy, true, AFTER_MS);
                memset(history.acted_ms, 0, sizeof history.acted_ms);
            }
            if (history.wanted[i] != FT_REDEPLOY_NOTHING && pick(&history, 8) == 0)
                answer_one(&history, i);
            tick(TICK_MS);
            check_act(&history);
        }
        given_up += history.given_up;
        sent += history.sent;
        started += history.started;
    }
    ck_assert(given_up > 0 && sent > 100 && started > 100); /* they went everywhere */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("redeploy");
    TCase *what = tcase_create("what is done"), *bounds = tcase_create("bounds");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(what, setup, teardown);
    tcase_add_test(what, test_who_is_heard_is_let_be);
    tcase_add_test(what, test_short_silence_is_nothing);
    tcase_add_test(what, test_dead_process_is_started);
    tcase_add_loop_test(what, test_programs, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(what, test_leader_without_a_program_sends_none);
    tcase_add_test(what, test_program_is_sent_then_started);
    tcase_add_test(what, test_who_runs_or_is_not_wanted_is_left_alone);
    tcase_add_test(what, test_nothing_is_done_that_is_switched_off);
    tcase_add_test(what, test_without_its_unit_nothing_can_be_done);
    tcase_add_test(what, test_other_settings_in_the_middle);
    tcase_add_test(what, test_answers_that_nobody_waits_for);
    suite_add_tcase(suite, what);
    tcase_add_checked_fixture(bounds, setup, teardown);
    tcase_set_timeout(bounds, 60);
    tcase_add_test(bounds, test_one_at_a_time);
    tcase_add_loop_test(bounds, test_it_is_given_up, 0, 5);
    tcase_add_test(bounds, test_one_that_ends_again_and_again);
    tcase_add_loop_test(bounds, test_histories, 0, 4);
    suite_add_tcase(suite, bounds);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
