/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_world.c - the parts of the virtual world that call nothing of MPI's: which process is which
 * rank (table.c), what a lost process has left (inbox.c).
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "layer/inbox.h"
#include "layer/table.h"

/* ---------------------------------------------------------------- table */

static struct ftm_table *table;

static void make_table(void)
{
    table = ftm_table_create(4, 6);
    ck_assert_ptr_nonnull(table);
}

static void drop_table(void)
{
    ftm_table_destroy(table);
    table = NULL;
}

START_TEST(rank_and_process_are_the_same_at_first)
{
    for (int v = 0; v < 4; v++) {
        ck_assert_int_eq(ftm_table_real(table, v), v);
        ck_assert_int_eq(ftm_table_virtual(table, v), v);
        ck_assert_uint_eq(ftm_table_epoch(table, v), 0);
    }
    ck_assert_int_eq(ftm_table_virtual(table, 4), -1);
    ck_assert_int_eq(ftm_table_virtual(table, 5), -1);
}
END_TEST

START_TEST(what_is_no_rank_or_process_has_none)
{
    ck_assert_int_eq(ftm_table_real(table, -1), -1);
    ck_assert_int_eq(ftm_table_real(table, 4), -1);
    ck_assert_int_eq(ftm_table_virtual(table, -2), -1);
    ck_assert_int_eq(ftm_table_virtual(table, 6), -1);
    ck_assert(!ftm_table_put(table, 4, 4, 1));
    ck_assert(!ftm_table_put(table, -1, 4, 1));
    ck_assert(!ftm_table_put(table, 1, 6, 1));
    ck_assert(!ftm_table_lose(table, 6));
    ck_assert(!ftm_table_is_lost(table, -1));
}
END_TEST

START_TEST(a_replaced_process_has_no_rank)
{
    ck_assert(ftm_table_put(table, 2, 4, 1));
    ck_assert_int_eq(ftm_table_real(table, 2), 4);
    ck_assert_int_eq(ftm_table_virtual(table, 4), 2);
    ck_assert_int_eq(ftm_table_virtual(table, 2), -1);
    ck_assert(ftm_table_put(table, 2, 5, 2));
    ck_assert_int_eq(ftm_table_virtual(table, 4), -1);
    ck_assert_int_eq(ftm_table_real(table, 2), 5);
    ck_assert_uint_eq(ftm_table_epoch(table, 2), 2);
}
END_TEST

START_TEST(an_older_answer_changes_nothing)
{
    ck_assert(ftm_table_put(table, 2, 5, 2));
    ck_assert(!ftm_table_put(table, 2, 4, 1));
    ck_assert(!ftm_table_put(table, 2, 4, 2));
    ck_assert_int_eq(ftm_table_real(table, 2), 5);
    ck_assert_int_eq(ftm_table_virtual(table, 4), -1);
}
END_TEST

START_TEST(a_process_has_one_rank)
{
    ck_assert(ftm_table_put(table, 2, 4, 1));
    ck_assert(!ftm_table_put(table, 3, 4, 1));
    ck_assert(!ftm_table_put(table, 3, 0, 1));
    ck_assert_int_eq(ftm_table_real(table, 3), 3);
    ck_assert_int_eq(ftm_table_virtual(table, 4), 2);
}
END_TEST

START_TEST(a_loss_is_news_once)
{
    ck_assert(!ftm_table_is_lost(table, 5));
    ck_assert(ftm_table_lose(table, 5));
    ck_assert(!ftm_table_lose(table, 5));
    ck_assert(ftm_table_is_lost(table, 5));
    ck_assert(!ftm_table_is_lost(table, 4));
}
END_TEST

START_TEST(a_world_that_was_shrunk_knows_the_first_numbers)
{
    const int reals[] = {0, 2, 5};
    const uint32_t epochs[] = {0, 0, 2};
    struct ftm_table *shrunk = ftm_table_create_of(3, 6, reals, epochs);

    ck_assert_ptr_nonnull(shrunk);
    ck_assert_int_eq(ftm_table_real(shrunk, 2), 5);
    ck_assert_int_eq(ftm_table_virtual(shrunk, 2), 1);
    ck_assert_int_eq(ftm_table_virtual(shrunk, 1), -1);
    ck_assert_uint_eq(ftm_table_epoch(shrunk, 2), 2);
    ck_assert_int_eq(ftm_table_origin(shrunk, 1), 1); /* as long as nobody says otherwise */
    ftm_table_set_origin(shrunk, 1, 2);
    ftm_table_set_origin(shrunk, 2, 3);
    ck_assert_int_eq(ftm_table_origin(shrunk, 0), 0);
    ck_assert_int_eq(ftm_table_origin(shrunk, 1), 2);
    ck_assert_int_eq(ftm_table_origin(shrunk, 2), 3);
    ck_assert_int_eq(ftm_table_origin(shrunk, 3), -1);
    ck_assert_int_eq(ftm_table_of_origin(shrunk, 0), 0);
    ck_assert_int_eq(ftm_table_of_origin(shrunk, 3), 2);
    ck_assert_int_eq(ftm_table_of_origin(shrunk, 1), -1);
    ck_assert_int_eq(ftm_table_of_origin(shrunk, -1), -1);
    ftm_table_destroy(shrunk);
}
END_TEST

START_TEST(worlds_of_any_size)
{
    struct ftm_table *none = ftm_table_create(0, 0);

    ck_assert_ptr_nonnull(none);
    ck_assert_int_eq(ftm_table_real(none, 0), -1);
    ftm_table_destroy(none);
    ck_assert_ptr_null(ftm_table_create(3, 2));
    ck_assert_ptr_null(ftm_table_create(-1, 2));
    ftm_table_destroy(NULL);
}
END_TEST

/* ---------------------------------------------------------------- inbox */

/* Handles that are never looked into. */
static MPI_Comm comm(uintptr_t i)
{
    return (MPI_Comm) (i * 64);
}

static void put(uintptr_t of, int peer, int tag, uintptr_t message)
{
    struct ftm_letter letter = {
        .message = (MPI_Message) (message * 64), .comm = comm(of), .peer = peer, .tag = tag};

    ck_assert(ftm_inbox_put(&letter));
}

/* The message that is found, 0: none. */
static uintptr_t found(uintptr_t of, int peer, int tag, bool take)
{
    struct ftm_letter letter = {.message = (MPI_Message) 0};

    return ftm_inbox_find(comm(of), peer, tag, take, &letter) ? (uintptr_t) letter.message / 64 : 0;
}

static void empty(void)
{
    ftm_inbox_forget((MPI_Comm) MPI_COMM_NULL);
}

START_TEST(the_oldest_that_fits_comes_first)
{
    put(1, 2, 7, 1);
    put(1, 2, 8, 2);
    put(1, 3, 7, 3);
    put(1, 2, 7, 4);
    ck_assert_uint_eq(found(1, 2, 8, true), 2);
    ck_assert_uint_eq(found(1, MPI_ANY_SOURCE, 7, true), 1);
    ck_assert_uint_eq(found(1, MPI_ANY_SOURCE, MPI_ANY_TAG, true), 3);
    ck_assert_uint_eq(found(1, 2, MPI_ANY_TAG, true), 4);
    ck_assert_uint_eq(found(1, MPI_ANY_SOURCE, MPI_ANY_TAG, true), 0);
    empty();
}
END_TEST

START_TEST(a_look_leaves_it_there)
{
    put(1, 2, 7, 1);
    ck_assert_uint_eq(found(1, 2, 7, false), 1);
    ck_assert_uint_eq(found(1, 2, 7, true), 1);
    ck_assert_uint_eq(found(1, 2, 7, false), 0);
    empty();
}
END_TEST

START_TEST(a_communicator_takes_its_letters_with_it)
{
    put(1, 2, 7, 1);
    put(2, 2, 7, 2);
    ck_assert_uint_eq(found(3, 2, 7, true), 0);
    ftm_inbox_forget(comm(1));
    ck_assert_uint_eq(found(1, MPI_ANY_SOURCE, MPI_ANY_TAG, true), 0);
    ck_assert_uint_eq(found(2, 2, 7, true), 2);
    empty();
}
END_TEST

START_TEST(no_more_than_its_bound)
{
    struct ftm_letter letter = {.comm = comm(1), .peer = 1, .tag = 1};

    for (int i = 0; i < FTM_INBOX_MAX; i++)
        ck_assert(ftm_inbox_put(&letter));
    ck_assert(!ftm_inbox_put(&letter));
    ck_assert(ftm_inbox_find(comm(1), 1, 1, true, &letter));
    ck_assert(ftm_inbox_put(&letter));
    empty();
    ck_assert_uint_eq(found(1, 1, 1, true), 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("world");
    TCase *places = tcase_create("table"), *letters = tcase_create("inbox");

    tcase_add_checked_fixture(places, make_table, drop_table);
    tcase_add_test(places, rank_and_process_are_the_same_at_first);
    tcase_add_test(places, what_is_no_rank_or_process_has_none);
    tcase_add_test(places, a_replaced_process_has_no_rank);
    tcase_add_test(places, an_older_answer_changes_nothing);
    tcase_add_test(places, a_process_has_one_rank);
    tcase_add_test(places, a_loss_is_news_once);
    tcase_add_test(places, a_world_that_was_shrunk_knows_the_first_numbers);
    tcase_add_test(places, worlds_of_any_size);
    suite_add_tcase(suite, places);
    tcase_add_test(letters, the_oldest_that_fits_comes_first);
    tcase_add_test(letters, a_look_leaves_it_there);
    tcase_add_test(letters, a_communicator_takes_its_letters_with_it);
    tcase_add_test(letters, no_more_than_its_bound);
    suite_add_tcase(suite, letters);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
