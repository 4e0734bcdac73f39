/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_records.c - the table of outstanding requests (records.c), held against a simple list
 * through a random history. MPI's handles are only looked at as numbers.
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "layer/records.h"

#define KEYS 700 /* more than the table has at first: it grows */
#define STEPS 20000

static struct ftm_records records;
/* What is to be in it, by key. */
static struct {
    bool is_there, active, is_whole;
    int count, peer;
    uint64_t number;
    MPI_Request next;
} model[KEYS];
static uint64_t last_number;

static MPI_Request key_of(int i)
{
    return (MPI_Request) ((uintptr_t) 0x10000 + (uintptr_t) i * 0x1c0); /* as of a pool */
}

static int draw(int n)
{
    static uint64_t state = 1;

    state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (int) ((state >> 33) % (uint64_t) n);
}

static void set_up(void)
{
    ck_assert(ftm_records_begin(&records));
    for (int i = 0; i < KEYS; i++)
        model[i].is_there = model[i].active = model[i].is_whole = false;
    last_number = 0;
}

static void tear_down(void)
{
    ftm_records_end(&records);
}

/* As requests.c notes a message while nothing has failed. */
static void note(int i)
{
    struct ftm_noted *noted = ftm_records_place(&records, key_of(i));

    ck_assert_ptr_nonnull(noted);
    ck_assert_ptr_eq(noted->key, key_of(i));
    *noted = (struct ftm_noted) {.key = noted->key,
                                 .number = ++records.last_number,
                                 .count = draw(1000),
                                 .peer = draw(64),
                                 .active = true};
    model[i].is_there = model[i].active = true;
    model[i].is_whole = false;
    model[i].count = noted->count;
    model[i].peer = noted->peer;
    model[i].number = ++last_number;
    model[i].next = MPI_REQUEST_NULL;
}

static void write_whole(int i)
{
    struct ftm_record record = {.key = key_of(i), .count = draw(1000), .peer = draw(64),
                                .from = -1, .active = true};

    ck_assert(ftm_records_write(&records, &record));
    model[i].is_there = model[i].active = model[i].is_whole = true;
    model[i].count = record.count;
    model[i].peer = record.peer;
    model[i].number = ++last_number;
    model[i].next = MPI_REQUEST_NULL;
}

/* It was asked again, as another. */
static void chain(int i)
{
    struct ftm_noted *noted = ftm_records_find(&records, key_of(i));
    struct ftm_record record;

    if (!model[i].is_there || !model[i].active)
        return;
    record = ftm_records_read(&records, noted);
    record.next = key_of(draw(KEYS));
    ftm_records_change(&records, key_of(i), &record);
    model[i].is_whole = true;
    model[i].next = record.next;
}

static void complete(int i)
{
    bool is_over = ftm_records_done(&records, key_of(i));

    if (!model[i].is_there || !model[i].active)
        ck_assert(is_over);
    else
        ck_assert(is_over == (model[i].next == MPI_REQUEST_NULL));
    if (is_over)
        model[i].active = false;
}

static void look(int i)
{
    const struct ftm_noted *noted = ftm_records_find(&records, key_of(i));
    struct ftm_record record;

    ck_assert((noted != NULL) == model[i].is_there);
    if (!noted)
        return;
    record = ftm_records_read(&records, noted);
    ck_assert_ptr_eq(record.key, key_of(i));
    ck_assert(record.active == model[i].active);
    ck_assert_int_eq(record.count, model[i].count);
    ck_assert_int_eq(record.peer, model[i].peer);
    ck_assert_uint_eq(record.number, model[i].number);
    ck_assert_ptr_eq(record.next, model[i].next);
}

static bool has_peer(const struct ftm_record *record, const void *data)
{
    return record->peer == *(const int *) data;
}

static void list(int peer)
{
    struct ftm_record *found;
    size_t n = ftm_records_list(&records, has_peer, &peer, &found), wanted = 0;

    for (int i = 0; i < KEYS; i++)
        wanted += model[i].is_there && model[i].active && model[i].peer == peer;
    ck_assert_uint_eq(n, wanted);
    ck_assert((found == NULL) == (n == 0));
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(found[i].peer, peer);
        ck_assert(i == 0 || found[i].number > found[i - 1].number); /* as they were posted */
    }
    free(found);
}

START_TEST(it_is_what_a_list_is)
{
    for (int step = 0; step < STEPS; step++) {
        int i = draw(step < STEPS / 2 ? 40 : KEYS);

        switch (draw(7)) {
        case 0:
        case 1: note(i); break;
        case 2: write_whole(i); break;
        case 3: chain(i); break;
        case 4: complete(i); break;
        case 5: list(draw(64)); break;
        default: look(i); break;
        }
    }
    for (int i = 0; i < KEYS; i++)
        look(i);
}
END_TEST

START_TEST(handles_that_are_used_again_take_no_more_room)
{
    size_t size;

    for (int i = 0; i < 20; i++)
        note(i);
    size = records.size;
    for (int round = 0; round < 1000; round++)
        for (int i = 0; i < 20; i++) {
            note(i);
            ck_assert(ftm_records_done(&records, key_of(i)));
        }
    ck_assert_uint_eq(records.size, size);
    ck_assert_uint_eq(records.used, 20);
}
END_TEST

START_TEST(nothing_is_found_in_an_empty_one)
{
    struct ftm_record *found;
    int peer = 1;

    ck_assert_ptr_null(ftm_records_find(&records, key_of(3)));
    ck_assert(ftm_records_done(&records, key_of(3)));
    ck_assert_uint_eq(ftm_records_list(&records, has_peer, &peer, &found), 0);
    ck_assert_ptr_null(found);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("records");
    TCase *all = tcase_create("records");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, it_is_what_a_list_is);
    tcase_add_test(all, handles_that_are_used_again_take_no_more_room);
    tcase_add_test(all, nothing_is_found_in_an_empty_one);
    suite_add_tcase(suite, all);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
