/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_slots.c - the members of a new communicator agree on a hidden duplicate (slots.c). The three
 * functions of MPI are the test's own: what the other members say is given.
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "layer/posting.h"
#include "layer/role.h"
#include "layer/slots.h"

#include "real.h"

#define OTHERS_ALL UINT64_MAX

struct ftm_functions ftm_real;
bool ftm_requests_threads;
struct ftm_records ftm_requests_noted;

static uint64_t others, said; /* by the other members, by this one */
static int agreements;
static int refusals;           /* so many times another member cannot take what was agreed on */
static int thief;              /* so many times another thread of this one takes it first */

bool ftm_record_done_locked(MPI_Request request)
{
    (void) request;
    return true;
}

const struct ftm_role *ftm_role(void)
{
    static const struct ftm_role role = {.world_n = 4, .spares_n = 1};

    return &role;
}

static int comm_dup(MPI_Comm comm, MPI_Comm *newcomm)
{
    *newcomm = comm;
    return MPI_SUCCESS;
}

static int set_errhandler(MPI_Comm comm, MPI_Errhandler handler)
{
    (void) comm;
    (void) handler;
    return MPI_SUCCESS;
}

static int allreduce(const void *mine, void *all, int count, MPI_Datatype type, MPI_Op op,
                     MPI_Comm comm)
{
    uint64_t both;

    if (type == MPI_INT) {
        int took, taken;

        memcpy(&took, mine, sizeof took);
        taken = took && refusals-- <= 0;
        memcpy(all, &taken, sizeof taken);
        return MPI_SUCCESS;
    }
    (void) op;
    (void) comm;
    ck_assert_int_eq(count, 1);
    agreements++;
    memcpy(&said, mine, sizeof said);
    both = said & others;
    memcpy(all, &both, sizeof both);
    if (thief-- > 0)
        ftm_slots_take(__builtin_ctzll(both));
    return MPI_SUCCESS;
}

static void set_up(void)
{
    ftm_real.Comm_dup = comm_dup;
    ftm_real.Comm_set_errhandler = set_errhandler;
    ftm_real.Allreduce = allreduce;
    others = OTHERS_ALL;
    agreements = refusals = thief = 0;
    ftm_requests_threads = false;
    ck_assert_int_eq(setenv(FTM_CONTEXTS_ENV, "2", 1), 0);
    ck_assert_int_eq(ftm_slots_begin(), MPI_SUCCESS);
}

static int agree(bool has_memory, int *slot)
{
    MPI_Comm hidden;
    int rc = ftm_slots_agree(MPI_COMM_WORLD, has_memory, slot, &hidden);

    ck_assert_int_eq(agreements, 1); /* whatever is amiss here: the others wait for that */
    agreements = 0;
    ck_assert((hidden == MPI_COMM_NULL) == (*slot < 0));
    return rc;
}

START_TEST(the_lowest_that_is_free_for_all_is_taken)
{
    int slot;

    others = ~UINT64_C(1);
    ck_assert_int_eq(agree(true, &slot), MPI_SUCCESS);
    ck_assert_int_eq(slot, 1);
    others = OTHERS_ALL;
    ck_assert_int_eq(agree(true, &slot), MPI_SUCCESS);
    ck_assert_int_eq(slot, 0);
    ck_assert_int_eq(agree(true, &slot), MPI_SUCCESS);
    ck_assert_int_eq(slot, -1); /* none is left */
    ftm_slots_give_back(1);
    ck_assert_int_eq(agree(true, &slot), MPI_SUCCESS);
    ck_assert_int_eq(slot, 1);
}
END_TEST

START_TEST(who_has_no_memory_says_so_and_nobody_has_it)
{
    uint64_t refusal;
    int slot;

    ck_assert_int_eq(agree(false, &slot), MPI_ERR_NO_MEM);
    ck_assert_int_eq(slot, -1);
    refusal = said;
    others = refusal; /* one of the others */
    ck_assert_int_eq(agree(true, &slot), MPI_ERR_NO_MEM);
    ck_assert_int_eq(slot, -1);
    others = OTHERS_ALL;
    ck_assert_int_eq(agree(true, &slot), MPI_SUCCESS);
    ck_assert_int_eq(slot, 0); /* it is free as before */
}
END_TEST

static int agree_with_threads(int *slot)
{
    MPI_Comm hidden;
    int rc = ftm_slots_agree(MPI_COMM_WORLD, true, slot, &hidden);

    ck_assert((hidden == MPI_COMM_NULL) == (*slot < 0));
    return rc;
}

START_TEST(what_another_thread_has_taken_meanwhile_is_not_taken_twice)
{
    int slot;

    ftm_requests_threads = true;
    thief = 1;
    ck_assert_int_eq(agree_with_threads(&slot), MPI_SUCCESS);
    ck_assert_int_eq(slot, 1);
    ck_assert_int_eq(agree_with_threads(&slot), MPI_SUCCESS);
    ck_assert_int_eq(slot, -1);
    ftm_slots_give_back(0);
    thief = 1; /* the last one */
    ck_assert_int_eq(agree_with_threads(&slot), MPI_SUCCESS);
    ck_assert_int_eq(slot, -1);
}
END_TEST

START_TEST(what_another_member_cannot_take_stays_free)
{
    int slot;

    refusals = 3;
    ftm_requests_threads = true;
    ck_assert_int_eq(agree_with_threads(&slot), MPI_SUCCESS);
    ck_assert_int_eq(slot, 0);
    ck_assert_int_eq(agreements, 4);
    refusals = 1000000; /* it ends */
    ck_assert_int_eq(agree_with_threads(&slot), MPI_SUCCESS);
    ck_assert_int_eq(slot, -1);
    refusals = 0;
    ck_assert_int_eq(agree_with_threads(&slot), MPI_SUCCESS);
    ck_assert_int_eq(slot, 1);
}
END_TEST

START_TEST(one_member_with_threads_is_enough)
{
    int slot;

    others = ~(UINT64_C(2) << FTM_CONTEXTS_MAX);
    refusals = 1;
    ck_assert_int_eq(agree_with_threads(&slot), MPI_SUCCESS);
    ck_assert_int_eq(slot, 0);
    ck_assert_int_eq(agreements, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slots");
    TCase *all = tcase_create("slots");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(all, set_up, ftm_slots_end);
    tcase_add_test(all, the_lowest_that_is_free_for_all_is_taken);
    tcase_add_test(all, who_has_no_memory_says_so_and_nobody_has_it);
    tcase_add_test(all, what_another_thread_has_taken_meanwhile_is_not_taken_twice);
    tcase_add_test(all, what_another_member_cannot_take_stays_free);
    tcase_add_test(all, one_member_with_threads_is_enough);
    suite_add_tcase(suite, all);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
