/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_headcount.c - how far the ranks have come, as they say themselves (headcount.c). The two
 * functions of PMIx that send and register are the test's own.
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "layer/headcount.h"
#include "layer/world.h"

#define KEY_WORDS 2 /* the info that has the words */

MPI_Comm ftm_active;
int ftm_rebuilt;
uint64_t ftm_repair_begun;

static pmix_notification_fn_t on_event;
static pmix_status_t query, answer; /* as registered */

/* What was sent last. */
static int sent_n;
static pmix_status_t sent;
static pmix_proc_t sent_to[4];
static size_t sent_to_n;
static pmix_info_t said[1];
static pmix_info_t letter[1]; /* what arrives */

pmix_status_t PMIx_Register_event_handler(pmix_status_t codes[], size_t n, pmix_info_t info[],
                                          size_t ninfo, pmix_notification_fn_t handler,
                                          pmix_hdlr_reg_cbfunc_t done, void *data)
{
    (void) info;
    (void) ninfo;
    ck_assert_uint_eq(n, 2);
    query = codes[0];
    answer = codes[1];
    on_event = handler;
    done(PMIX_SUCCESS, 1, data);
    return PMIX_SUCCESS;
}

pmix_status_t PMIx_Notify_event(pmix_status_t status, const pmix_proc_t *source,
                                pmix_data_range_t range, const pmix_info_t info[], size_t ninfo,
                                pmix_op_cbfunc_t done, void *data)
{
    ck_assert_str_eq(source->nspace, "job");
    ck_assert_uint_eq(source->rank, 3);
    ck_assert_int_eq(range, PMIX_RANGE_CUSTOM);
    ck_assert_uint_eq(ninfo, KEY_WORDS + 1);
    sent_n++;
    sent = status;
    sent_to_n = info[1].value.data.darray->size;
    memcpy(sent_to, info[1].value.data.darray->array, sent_to_n * sizeof *sent_to);
    PMIX_INFO_DESTRUCT(&said[0]);
    PMIX_INFO_XFER(&said[0], &info[KEY_WORDS]);
    done(PMIX_SUCCESS, data);
    return PMIX_SUCCESS;
}

static void set_up(void)
{
    setenv("PMIX_NAMESPACE", "job", 1);
    setenv("PMIX_RANK", "3", 1);
    ftm_headcount_stand(FTM_SILENT, -1, 0);
    ftm_headcount_end();
    ftm_headcount_begin();
    sent_n = 0;
}

static void arrives_from(pmix_rank_t rank, pmix_status_t status)
{
    pmix_proc_t from;

    PMIX_LOAD_PROCID(&from, "job", rank);
    on_event(1, status, &from, letter, 1, NULL, 0, NULL, NULL);
}

/* Words as rank v would send them. */
static void make(enum ftm_standing standing, int v, int repairs, uint64_t begun, bool is_waiting)
{
    pmix_proc_t to;

    PMIX_LOAD_PROCID(&to, "job", 4);
    ftm_headcount_stand(standing, v, repairs);
    ftm_begun_set(begun);
    ftm_headcount_ask(&to, 1, is_waiting);
    PMIX_INFO_DESTRUCT(&letter[0]);
    PMIX_INFO_XFER(&letter[0], &said[0]);
    ftm_headcount_stand(FTM_SILENT, -1, 0);
}

static void hear(enum ftm_standing standing, int v, int repairs, uint64_t begun)
{
    make(standing, v, repairs, begun, false);
    arrives_from(5, answer);
}

static void am(enum ftm_standing standing, int v, int repairs, uint64_t begun)
{
    ftm_begun_set(begun);
    ftm_headcount_stand(standing, v, repairs);
    sent_n = 0;
}

/* Rank v asks rank 2, which has begun 5, and waits for all to begin so many. Returns how many
 * answers it gets. */
static int answers_to(int v, uint64_t begun)
{
    make(FTM_COUNTS, v, 0, begun, true);
    am(FTM_COUNTS, 2, 0, 5);
    arrives_from(5, query);
    return sent_n;
}

/* The answer that this process gives just now, as it arrives elsewhere. */
static void make_answer(void)
{
    arrives_from(5, query);
    PMIX_INFO_DESTRUCT(&letter[0]);
    PMIX_INFO_XFER(&letter[0], &said[0]);
}

START_TEST(a_question_goes_to_all_that_are_asked)
{
    pmix_proc_t to[2];

    PMIX_LOAD_PROCID(&to[0], "job", 4);
    PMIX_LOAD_PROCID(&to[1], "other", 0);
    ftm_headcount_ask(to, 0, false);
    ck_assert_int_eq(sent_n, 0);
    ftm_headcount_ask(to, 2, false);
    ck_assert_int_eq(sent_n, 1);
    ck_assert_int_eq(sent, query);
    ck_assert_uint_eq(sent_to_n, 2);
    ck_assert_str_eq(sent_to[1].nspace, "other");
}
END_TEST

START_TEST(who_has_a_rank_answers_who_has_asked)
{
    make(FTM_AT_END, 1, 0, 0, false);
    sent_n = 0;
    arrives_from(5, query);
    ck_assert_int_eq(sent_n, 0); /* a spare has nothing to say */
    am(FTM_COUNTS, 2, 1, 0);
    arrives_from(3, query);
    ck_assert_int_eq(sent_n, 0); /* its own question */
    arrives_from(5, query);
    ck_assert_int_eq(sent_n, 1);
    ck_assert_int_eq(sent, answer);
    ck_assert_uint_eq(sent_to_n, 1);
    ck_assert_uint_eq(sent_to[0].rank, 5);
}
END_TEST

START_TEST(without_a_name_nothing_is_sent)
{
    pmix_proc_t to;

    PMIX_LOAD_PROCID(&to, "job", 4);
    unsetenv("PMIX_RANK");
    ftm_headcount_ask(&to, 1, false);
    ck_assert_int_eq(sent_n, 0);
}
END_TEST

/* ---------------------------------------------------------------- one is at its end */

START_TEST(only_who_has_begun_more_is_beyond)
{
    int v = -1;

    ck_assert(!ftm_headcount_is_beyond(1, 0, &v)); /* nobody has said anything */
    hear(FTM_COUNTS, 2, 1, 150); /* it is in the last one completed here, or through it, and slow */
    ck_assert(!ftm_headcount_is_beyond(1, 150, &v));
    hear(FTM_COUNTS, 2, 1, 151);
    ck_assert(ftm_headcount_is_beyond(1, 150, &v));
    ck_assert_int_eq(v, 2);
    ck_assert(!ftm_headcount_is_beyond(1, 151, &v));
}
END_TEST

START_TEST(who_is_at_its_end_is_not_beyond)
{
    int v = -1;

    hear(FTM_COUNTS, 2, 1, 151);
    hear(FTM_AT_END, 2, 1, 151);
    ck_assert(!ftm_headcount_is_beyond(1, 150, &v));
}
END_TEST

START_TEST(a_later_answer_of_less_does_not_hide_it)
{
    int v = -1;

    hear(FTM_COUNTS, 2, 1, 151);
    hear(FTM_COUNTS, 1, 1, 3);
    hear(FTM_COUNTS, 2, 1, 150); /* overtaken */
    ck_assert(ftm_headcount_is_beyond(1, 150, &v));
    ck_assert_int_eq(v, 2);
}
END_TEST

START_TEST(numbers_of_another_repair_are_not_compared)
{
    int v = -1;

    hear(FTM_COUNTS, 2, 1, 151);
    ck_assert(!ftm_headcount_is_beyond(2, 150, &v));
    hear(FTM_COUNTS, 2, 2, 149);
    ck_assert(!ftm_headcount_is_beyond(2, 150, &v));
    ck_assert(!ftm_headcount_is_beyond(1, 150, &v)); /* that was before */
    hear(FTM_COUNTS, 2, 1, 999);                     /* it comes late */
    ck_assert(!ftm_headcount_is_beyond(2, 150, &v));
}
END_TEST

START_TEST(who_has_passed_is_known_to)
{
    hear(FTM_AT_END, 1, 0, 7);
    ck_assert(!ftm_headcount_has_passed(0));
    hear(FTM_PASSED, 1, 0, 7);
    ck_assert(ftm_headcount_has_passed(0));
    ck_assert(!ftm_headcount_has_passed(1));
}
END_TEST

START_TEST(what_was_passed_is_answered_after_the_layers_end)
{
    make(FTM_AT_END, 1, 0, 7, false);
    am(FTM_AT_END, 2, 0, 7);
    ftm_headcount_pass();
    ftm_headcount_end(); /* the layer goes down before PMIx does */
    sent_n = 0;
    arrives_from(5, query);
    ck_assert_int_eq(sent_n, 1);
    ck_assert_int_eq(sent, answer);
}
END_TEST

/* ---------------------------------------------------------------- one waits for others */

START_TEST(there_is_who_has_begun_as_many)
{
    int64_t heard_ns = -1;

    ck_assert(!ftm_headcount_is_there(2, 0, 5, &heard_ns));
    ck_assert_int_eq(heard_ns, 0);
    hear(FTM_COUNTS, 2, 0, 4);
    ck_assert(!ftm_headcount_is_there(2, 0, 5, &heard_ns));
    ck_assert_int_gt(heard_ns, 0);
    hear(FTM_COUNTS, 2, 0, 5);
    ck_assert(ftm_headcount_is_there(2, 0, 5, &heard_ns));
    ck_assert(!ftm_headcount_is_there(2, 1, 5, &heard_ns));
    ck_assert(!ftm_headcount_is_there(3, 0, 5, &heard_ns));
    ck_assert(!ftm_headcount_is_there(-1, 0, 5, &heard_ns));
}
END_TEST

START_TEST(so_is_who_does_not_count_or_begins_no_more)
{
    int64_t heard_ns;

    hear(FTM_APART, 2, 1, 0);
    hear(FTM_AT_END, 100, 1, 3);
    ck_assert(ftm_headcount_is_there(2, 1, 5, &heard_ns));
    ck_assert(ftm_headcount_is_there(100, 1, 5, &heard_ns));
}
END_TEST

START_TEST(who_is_not_behind_says_so_once)
{
    ck_assert_int_eq(answers_to(1, 5), 1);
    ck_assert_int_eq(answers_to(1, 5), 0);
    ck_assert_int_eq(answers_to(1, 6), 1); /* it waits for more: this one is behind, */
    ck_assert_int_eq(answers_to(1, 6), 1); /* and says so each time */
}
END_TEST

START_TEST(who_is_waited_for_tells_that_it_has_come)
{
    am(FTM_COUNTS, 2, 0, 5);
    ftm_headcount_tell();
    ck_assert_int_eq(sent_n, 0); /* nobody waits */
    answers_to(1, 5);
    sent_n = 0;
    ftm_headcount_tell();
    ck_assert_int_eq(sent_n, 1);
    ck_assert_int_eq(sent, answer);
    ck_assert_uint_eq(sent_to[0].rank, 5);
}
END_TEST

START_TEST(one_asks_for_all_that_wait_for_as_many)
{
    answers_to(1, 5);
    ck_assert_int_eq(ftm_headcount_who_waits(0, 5, 2), 1);
    ck_assert_int_eq(ftm_headcount_who_waits(0, 4, 2), -1); /* that one waits for more */
    ck_assert_int_eq(ftm_headcount_who_waits(0, 5, 1), -1);
    ck_assert_int_eq(ftm_headcount_who_waits(1, 5, 2), -1);
    answers_to(3, 5);
    ck_assert_int_eq(ftm_headcount_who_waits(0, 5, 9), 1); /* the least is believed */
}
END_TEST

START_TEST(who_is_in_a_repair_says_so_until_it_is_over)
{
    for (int round = 0; round < 3; round++) {
        make(FTM_AT_END, 1, 0, 0, false);
        am(FTM_APART, 2, 0, 1); /* a commit, where it is over */
        if (round != 1)
            ftm_headcount_hold(round == 0);
        make_answer();
        arrives_from(5, answer);
        ck_assert_int_eq(ftm_headcount_state(2, 0).what,
                         round == 0 ? FTM_WAITS_FOR_ALL : FTM_ACTS);
    }
    ck_assert_int_eq(ftm_headcount_state(2, INT64_MAX).what, FTM_ACTS);
    ck_assert_int_eq(ftm_headcount_state(-1, 0).what, FTM_ACTS);
    ck_assert_int_eq(ftm_headcount_state(3, 0).what, FTM_ACTS);
}
END_TEST

/* What rank 2 is heard to do. */
static struct ftm_state heard_state(enum ftm_standing standing, int peer, uint32_t wait,
                                    int64_t until_ns)
{
    make(FTM_AT_END, 1, 0, 0, false);
    am(standing, 2, 0, 1);
    ftm_headcount_block(peer, wait, until_ns);
    make_answer();
    arrives_from(5, answer);
    return ftm_headcount_state(2, 0);
}

START_TEST(who_waits_for_a_message_says_so_for_a_while)
{
    struct ftm_state state = heard_state(FTM_COUNTS, 7, 5, INT64_MAX);

    ck_assert_int_eq(state.what, FTM_WAITS_FOR_ONE);
    ck_assert_int_eq(state.peer, 7);
    ck_assert_uint_eq(state.wait, 5);
    state = heard_state(FTM_COUNTS, -1, 6, INT64_MAX);
    ck_assert_int_eq(state.what, FTM_WAITS_FOR_ANY);
    ck_assert_uint_eq(state.wait, 6);
    ck_assert_uint_eq(heard_state(FTM_COUNTS, 7, 5, INT64_MAX).wait, 6); /* it was overtaken */
    ck_assert_int_eq(heard_state(FTM_COUNTS, 7, 6, 1).what, FTM_ACTS);
    ck_assert_int_eq(heard_state(FTM_AT_END, 7, 6, INT64_MAX).what, FTM_DOES_NO_MORE);
    ftm_headcount_block(0, 0, 0);
}
END_TEST

START_TEST(a_rank_that_is_another_process_begins_anew)
{
    int64_t heard_ns;

    hear(FTM_COUNTS, 2, 1, 7);
    make(FTM_APART, 2, 0, 0, false);
    arrives_from(6, answer);
    ck_assert(!ftm_headcount_is_there(2, 1, 7, &heard_ns));
    ck_assert(ftm_headcount_is_there(2, 0, 0, &heard_ns));
}
END_TEST

START_TEST(what_is_no_answer_is_ignored)
{
    pmix_byte_object_t object = {(char *) "short", 5};
    int v = -1;

    hear(FTM_COUNTS, 2, 1, 1);
    hear(FTM_COUNTS, INT32_MAX, 1, 9);
    PMIX_INFO_DESTRUCT(&letter[0]);
    PMIX_INFO_LOAD(&letter[0], "ft.headcount", &object, PMIX_BYTE_OBJECT);
    arrives_from(5, answer);
    PMIX_INFO_DESTRUCT(&letter[0]);
    PMIX_INFO_LOAD(&letter[0], "ft.headcount", "text", PMIX_STRING);
    arrives_from(5, answer);
    ck_assert(ftm_headcount_is_beyond(1, 0, &v));
    ck_assert(!ftm_headcount_is_beyond(1, 1, &v));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("headcount");
    TCase *all = tcase_create("headcount");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(all, set_up, NULL);
    tcase_add_test(all, a_question_goes_to_all_that_are_asked);
    tcase_add_test(all, who_has_a_rank_answers_who_has_asked);
    tcase_add_test(all, without_a_name_nothing_is_sent);
    tcase_add_test(all, only_who_has_begun_more_is_beyond);
    tcase_add_test(all, who_is_at_its_end_is_not_beyond);
    tcase_add_test(all, a_later_answer_of_less_does_not_hide_it);
    tcase_add_test(all, numbers_of_another_repair_are_not_compared);
    tcase_add_test(all, who_has_passed_is_known_to);
    tcase_add_test(all, what_was_passed_is_answered_after_the_layers_end);
    tcase_add_test(all, there_is_who_has_begun_as_many);
    tcase_add_test(all, so_is_who_does_not_count_or_begins_no_more);
    tcase_add_test(all, who_is_not_behind_says_so_once);
    tcase_add_test(all, who_is_waited_for_tells_that_it_has_come);
    tcase_add_test(all, one_asks_for_all_that_wait_for_as_many);
    tcase_add_test(all, who_is_in_a_repair_says_so_until_it_is_over);
    tcase_add_test(all, who_waits_for_a_message_says_so_for_a_while);
    tcase_add_test(all, a_rank_that_is_another_process_begins_anew);
    tcase_add_test(all, what_is_no_answer_is_ignored);
    suite_add_tcase(suite, all);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
