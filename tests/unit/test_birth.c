/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_birth.c - how communicators are described, in which order and in which waves they are made
 * again (birth.c); and which ranks find what was made while they were behind (rebuild_progress.c).
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "layer/birth.h"
#include "layer/rebuild_progress.h"

#define WORLD 8

/* Members: their numbers as text, "0 2 4". */
static struct ftm_birth birth(uint64_t parent, uint32_t k, uint64_t id, const char *members)
{
    struct ftm_birth birth = {.id = id, .parent = parent, .k = k, .slot = -1};
    char *end;

    birth.members = malloc(WORLD * sizeof *birth.members);
    ck_assert_ptr_nonnull(birth.members);
    for (long v; (v = strtol(members, &end, 10), end != members); members = end)
        birth.members[birth.n++] = (int) v;
    return birth;
}

static void shape(struct ftm_birth *birth, enum ftm_topology topology, int n_dims, int n_edges,
                  const int *words, size_t n)
{
    birth->topology = topology;
    birth->n_dims = n_dims;
    birth->n_edges = n_edges;
    birth->shape = malloc(n * sizeof *words);
    ck_assert_ptr_nonnull(birth->shape);
    memcpy(birth->shape, words, n * sizeof *words);
}

static void assert_members(const struct ftm_birth *birth, int n, const int members[])
{
    ck_assert_int_eq(birth->n, n);
    ck_assert_mem_eq(birth->members, members, (size_t) n * sizeof *members);
}

/* ---------------------------------------------------------------- words */

START_TEST(what_is_written_is_read)
{
    const int cart[] = {2, 2, 1, 0}, graph[] = {1, 2, 3, 1, 2, 0};
    struct ftm_birth some[4] = {birth(1, 1, UINT64_C(0xFEDCBA9876543210), "0 1 2 3 4 5 6 7"),
                                birth(1, 2, 70, "4 0 6 2"), birth(70, 1, 71, "4 6 2"),
                                birth(1, 3, 72, "5")};
    struct ftm_words words = {0};
    struct ftm_birth *read;
    size_t n;

    some[0].slot = 3;
    some[0].in_flight_error = true;
    some[3].is_freed = true;
    shape(&some[1], FTM_CART, 2, 0, cart, 4);
    shape(&some[2], FTM_GRAPH, 0, 3, graph, 6);
    for (int i = 0; i < 4; i++)
        ftm_birth_write(&words, &some[i]);
    ck_assert(!words.failed);
    ck_assert(ftm_births_read(words.words, words.n, WORLD, &read, &n));
    ck_assert_uint_eq(n, 4);
    for (int i = 0; i < 4; i++) {
        ck_assert(read[i].id == some[i].id && read[i].parent == some[i].parent);
        ck_assert_uint_eq(read[i].k, some[i].k);
        ck_assert_int_eq(read[i].slot, some[i].slot);
        ck_assert_int_eq(read[i].in_flight_error, i == 0);
        ck_assert_int_eq(read[i].is_freed, i == 3);
        ck_assert_int_eq(read[i].topology, some[i].topology);
        assert_members(&read[i], some[i].n, some[i].members);
        ftm_birth_clear(&some[i]);
    }
    ck_assert_mem_eq(read[1].shape, cart, sizeof cart);
    ck_assert_mem_eq(read[2].shape, graph, sizeof graph);
    ftm_births_free(read, n);
    ftm_words_clear(&words);
}
END_TEST

START_TEST(the_whole_world_takes_no_room)
{
    struct ftm_birth all = birth(1, 1, 2, "0 1 2 3 4 5 6 7"), other = birth(1, 1, 2, "1 0");
    struct ftm_words short_one = {0}, long_one = {0};

    ftm_birth_write(&short_one, &all);
    ftm_birth_write(&long_one, &other);
    ck_assert_uint_eq(long_one.n, short_one.n + 2);
    ftm_words_clear(&short_one);
    ftm_words_clear(&long_one);
    ftm_birth_clear(&all);
    ftm_birth_clear(&other);
}
END_TEST

/* Every word damaged in turn, and every length: never more than refused. */
START_TEST(damaged_words_are_refused_or_harmless)
{
    const int cart[] = {2, 1, 0, 0};
    const int32_t bad[] = {-1, INT32_MIN, INT32_MAX, 1000, 0};
    struct ftm_birth one = birth(1, 1, 2, "3 1");
    struct ftm_words words = {0};
    struct ftm_birth *read;
    size_t n;

    shape(&one, FTM_CART, 2, 0, cart, 4);
    ftm_birth_write(&words, &one);
    ftm_birth_clear(&one);
    for (size_t length = 1; length < words.n; length++)
        ck_assert(!ftm_births_read(words.words, length, WORLD, &read, &n));
    for (size_t i = 0; i < words.n; i++)
        for (size_t j = 0; j < sizeof bad / sizeof bad[0]; j++) {
            int32_t before = words.words[i];

            words.words[i] = bad[j];
            if (ftm_births_read(words.words, words.n, WORLD, &read, &n))
                ftm_births_free(read, n);
            words.words[i] = before;
        }
    ck_assert(ftm_births_read(words.words, words.n, WORLD, &read, &n));
    ftm_births_free(read, n);
    ck_assert(!ftm_births_read(words.words, words.n, 3, &read, &n)); /* a smaller world */
    ftm_words_clear(&words);
}
END_TEST

START_TEST(nothing_is_read_from_nothing)
{
    struct ftm_birth *read;
    size_t n;

    ck_assert(ftm_births_read(NULL, 0, WORLD, &read, &n));
    ck_assert_uint_eq(n, 0);
    ftm_births_free(read, n);
}
END_TEST

/* ---------------------------------------------------------------- order and waves */

START_TEST(all_sort_alike_and_keep_one_of_each)
{
    struct ftm_birth some[5] = {birth(9, 1, 30, "0"), birth(1, 2, 21, "1"), birth(1, 1, 10, "0 1"),
                                birth(1, 2, 20, "0"), birth(1, 2, 21, "1")};
    size_t n;

    some[0].is_freed = true; /* behind all others, whatever its parent */
    some[0].parent = 0;
    n = ftm_births_sort(some, 5);
    ck_assert_uint_eq(n, 4);
    ck_assert_uint_eq(some[0].id, 10);
    ck_assert_uint_eq(some[1].id, 20);
    ck_assert_uint_eq(some[2].id, 21);
    ck_assert_uint_eq(some[3].id, 30);
    for (size_t i = 0; i < n; i++)
        ftm_birth_clear(&some[i]);
}
END_TEST

START_TEST(the_parts_of_a_split_are_one_wave)
{
    struct ftm_birth some[6] = {birth(1, 1, 10, "0 1 2 3 4 5 6 7"), birth(1, 2, 20, "0 2 4 6"),
                                birth(1, 2, 21, "1 3 5 7"),         birth(20, 1, 30, "0 2"),
                                birth(20, 1, 31, "4 6"),            birth(21, 1, 32, "1 3 5")};
    int wave_of[6];

    some[4].is_freed = true;
    ck_assert_int_eq(ftm_births_waves(some, 6, WORLD, wave_of), 3);
    ck_assert_int_eq(wave_of[0], 0);
    ck_assert_int_eq(wave_of[1], 1);
    ck_assert_int_eq(wave_of[2], 1);
    ck_assert_int_eq(wave_of[3], 2);
    ck_assert_int_eq(wave_of[4], -1);
    ck_assert_int_eq(wave_of[5], 2);
    for (int i = 0; i < 6; i++)
        ftm_birth_clear(&some[i]);
}
END_TEST

/* Whatever they are: in no wave is a rank twice. */
START_TEST(no_rank_is_twice_in_a_wave)
{
    struct ftm_birth some[64];
    int wave_of[64], n_waves;

    srand(7);
    for (int i = 0; i < 64; i++) {
        some[i] = birth(1, (uint32_t) i, (uint64_t) i + 2, "");
        for (int v = 0; v < WORLD; v++)
            if (rand() % 3 == 0)
                some[i].members[some[i].n++] = v;
    }
    n_waves = ftm_births_waves(some, 64, WORLD, wave_of);
    ck_assert_int_gt(n_waves, 0);
    for (int wave = 0; wave < n_waves; wave++) {
        int seen[WORLD] = {0}, n = 0;

        for (int i = 0; i < 64; i++)
            for (int rank = 0; wave_of[i] == wave && rank < some[i].n; rank++, n++)
                ck_assert_int_eq(seen[some[i].members[rank]]++, 0);
        ck_assert(n > 0 || wave == 0);
    }
    for (int i = 0; i < 64; i++)
        ftm_birth_clear(&some[i]);
}
END_TEST

/* ---------------------------------------------------------------- a smaller world */

START_TEST(who_is_gone_is_left_out)
{
    const int now_of[WORLD] = {0, 1, -1, 2, 3, 4, 5, 6}, left[] = {3, 5}, cart[] = {3, 0};
    struct ftm_birth one = birth(1, 1, 2, "4 2 6"), other = birth(1, 1, 3, "7 3");

    shape(&one, FTM_CART, 1, 0, cart, 2);
    shape(&other, FTM_CART, 1, 0, cart, 2);
    ftm_birth_renumber(&one, now_of, WORLD);
    assert_members(&one, 2, left);
    ck_assert_int_eq(one.topology, FTM_SHAPELESS);
    ftm_birth_renumber(&other, now_of, WORLD);
    ck_assert_int_eq(other.topology, FTM_CART);
    ck_assert_int_eq(ftm_birth_rank_of(&other, 6), 0);
    ck_assert_int_eq(ftm_birth_rank_of(&other, 2), 1);
    ck_assert_int_eq(ftm_birth_rank_of(&other, 0), -1);
    ftm_birth_clear(&one);
    ftm_birth_clear(&other);
}
END_TEST

/* Rank r has made made[r] communicators from each of the parents. */
static void tell(struct ftm_progress *progress, const uint64_t parents[], int n_parents,
                 const uint32_t made[], int n)
{
    ck_assert(ftm_progress_begin(progress, (size_t) (n_parents * n)));
    for (int rank = 0; rank < n; rank++)
        for (int i = 0; i < n_parents; i++)
            ftm_progress_add(progress, parents[i], rank, made[rank]);
    ftm_progress_sort(progress);
}

START_TEST(the_limit_is_who_has_made_most)
{
    const uint64_t parents[] = {70, 7, 700};
    const uint32_t made[] = {2, 5, 0, 4};
    struct ftm_progress progress = {0};

    tell(&progress, parents, 3, made, 4);
    ck_assert_uint_eq(progress.n_limits, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(ftm_progress_limit(&progress, parents[i]), 5);
    ck_assert_uint_eq(ftm_progress_limit(&progress, 8), 0);
    ftm_progress_clear(&progress);
    ck_assert_uint_eq(ftm_progress_limit(&progress, 7), 0);
}
END_TEST

START_TEST(who_is_behind_finds_what_is_known_and_is_in_the_dark_of_the_rest)
{
    const uint64_t parent = 7;
    const uint32_t made[] = {2, 1, 0, 1};
    struct ftm_birth births[] = {birth(7, 2, 20, "0 1"), birth(7, 1, 10, "0 1 2 3")};
    struct ftm_progress progress = {0};

    tell(&progress, &parent, 1, made, 4);
    ck_assert(ftm_progress_know(&progress, births, 2));
    ck_assert(!ftm_progress_is_in_the_dark(&progress, 7, 2, 0)); /* has it */
    ck_assert(!ftm_progress_is_in_the_dark(&progress, 7, 2, 1)); /* will find it */
    ck_assert(ftm_progress_is_in_the_dark(&progress, 7, 2, 2));  /* of another part, unknown */
    ck_assert(ftm_progress_is_in_the_dark(&progress, 7, 2, 3));
    ck_assert(!ftm_progress_is_in_the_dark(&progress, 7, 1, 2));
    ck_assert(ftm_progress_is_in_the_dark(&progress, 9, 1, 0)); /* nobody has said a word of 9 */
    ftm_progress_clear(&progress);
    for (int i = 0; i < 2; i++)
        ftm_birth_clear(&births[i]);
}
END_TEST

START_TEST(without_anything_nobody_is_behind)
{
    struct ftm_progress progress = {0};

    ck_assert(ftm_progress_begin(&progress, 0));
    ftm_progress_sort(&progress);
    ck_assert(ftm_progress_know(&progress, NULL, 0));
    ck_assert_uint_eq(ftm_progress_limit(&progress, 1), 0);
    ck_assert_uint_eq(progress.n_limits, 0);
    ftm_progress_clear(&progress);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("birth");
    TCase *all = tcase_create("birth");
    SRunner *runner;
    int failed;

    tcase_add_test(all, what_is_written_is_read);
    tcase_add_test(all, the_whole_world_takes_no_room);
    tcase_add_test(all, damaged_words_are_refused_or_harmless);
    tcase_add_test(all, nothing_is_read_from_nothing);
    tcase_add_test(all, all_sort_alike_and_keep_one_of_each);
    tcase_add_test(all, the_parts_of_a_split_are_one_wave);
    tcase_add_test(all, no_rank_is_twice_in_a_wave);
    tcase_add_test(all, who_is_gone_is_left_out);
    tcase_add_test(all, the_limit_is_who_has_made_most);
    tcase_add_test(all, who_is_behind_finds_what_is_known_and_is_in_the_dark_of_the_rest);
    tcase_add_test(all, without_anything_nobody_is_behind);
    suite_add_tcase(suite, all);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
