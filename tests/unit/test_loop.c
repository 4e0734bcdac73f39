/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_loop.c - what a program is told of a repair (loop.c), while other threads of it set their
 * callback and others repair. What loop.c asks of the rest of the layer is the test's own.
 */
#include "config.h"

#include <check.h>
#include <mpi.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "layer/buffered.h"
#include "layer/comms.h"
#include "layer/handlers.h"
#include "layer/loop.h"
#include "layer/rebuild_ready.h"
#include "layer/repair.h"
#include "layer/world.h"

#include "real.h"

#define TIMES 200000

struct ftm_functions ftm_real;
int ftm_changed, ftm_rebuilt, ftm_repair_whole;
MPI_Comm ftm_active;
uint64_t ftm_repair_begun;

MPI_Comm ftm_comm_in_use(MPI_Comm app)
{
    return app;
}

MPI_Comm ftm_comm_for_all(MPI_Comm app)
{
    return app;
}

static bool is_up = true;
static int caught_up, left;

bool ftm_comms_mpi_is_up(void)
{
    return is_up;
}

bool ftm_repair_is_on(void)
{
    return false;
}

int ftm_repair_settle(void)
{
    return MPI_SUCCESS;
}

void ftm_rebuild_caught_up(void)
{
    caught_up++;
}

void ftm_buffered_left(void)
{
    left++;
}

int ftm_own_Comm_get_errhandler(MPI_Comm comm, MPI_Errhandler *handler)
{
    (void) comm;
    (void) handler;
    return MPI_ERR_OTHER;
}

static FTMPI_Repair_t repair_of(int repairs)
{
    FTMPI_Repair_t repair = {.repairs = repairs, .rank = repairs, .world_n = repairs};

    repair.lost[FTMPI_LOST_MAX - 1] = repairs;
    repair.step_ms[FTMPI_STEPS - 1] = repairs;
    return repair;
}

static bool is_whole(const FTMPI_Repair_t *repair)
{
    return repair->rank == repair->repairs && repair->world_n == repair->repairs
        && repair->lost[FTMPI_LOST_MAX - 1] == repair->repairs
        && repair->step_ms[FTMPI_STEPS - 1] == repair->repairs;
}

/* ---------------------------------------------------------------- threads */

static atomic_bool over;
static atomic_int mixed, told[2];

static int is_told(const FTMPI_Repair_t *repair, void *arg, int which)
{
    if (*(int *) arg != which || !is_whole(repair))
        atomic_fetch_add(&mixed, 1);
    atomic_fetch_add(&told[which], 1);
    return FTMPI_REPEAT;
}

static int first(const FTMPI_Repair_t *repair, void *arg)
{
    return is_told(repair, arg, 0);
}

static int second(const FTMPI_Repair_t *repair, void *arg)
{
    return is_told(repair, arg, 1);
}

static void *set_callbacks(void *unused)
{
    static int numbers[2] = {0, 1};

    (void) unused;
    for (int i = 0; !atomic_load(&over); i++)
        ftm_loop_hooks.set_callback(i % 2 == 0 ? first : second, &numbers[i % 2]);
    return NULL;
}

static void *repair(void *unused)
{
    (void) unused;
    for (int i = 1; !atomic_load(&over); i++) {
        FTMPI_Repair_t now = repair_of(i);

        ftm_loop_note(&now);
    }
    return NULL;
}

START_TEST(a_callback_is_called_with_its_own_argument_and_one_repair)
{
    FTMPI_Repair_t zero = repair_of(0), now;
    pthread_t threads[2];
    int zero_number = 0;

    ftm_loop_note(&zero);
    ftm_loop_hooks.set_callback(first, &zero_number);
    ck_assert_int_eq(pthread_create(&threads[0], NULL, set_callbacks, NULL), 0);
    ck_assert_int_eq(pthread_create(&threads[1], NULL, repair, NULL), 0);
    while (!told[0] || !told[1] || told[0] + told[1] < TIMES) {
        ck_assert(ftm_loop_tell());
        ck_assert_int_eq(ftm_loop_hooks.last_repair(&now), MPI_SUCCESS);
        ck_assert(is_whole(&now));
    }
    atomic_store(&over, true);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    ck_assert_int_eq(mixed, 0);
}
END_TEST

/* ---------------------------------------------------------------- one thread */

START_TEST(without_a_callback_nobody_is_told_and_the_call_fails)
{
    ck_assert_int_eq(ftm_loop_hooks.set_callback(NULL, NULL), MPI_SUCCESS);
    ck_assert(!ftm_loop_tell());
    ck_assert(!ftm_loop_is_aware());
}
END_TEST

START_TEST(before_mpi_nothing_can_be_set)
{
    is_up = false;
    ck_assert_int_eq(ftm_loop_hooks.set_callback(first, NULL), MPI_ERR_OTHER);
    is_up = true;
    ck_assert(!ftm_loop_is_aware());
}
END_TEST

static int bodies;

static int body(const FTMPI_Repair_t *repair, void *arg)
{
    FTMPI_Repair_t next = repair_of(repair->repairs + 1);

    bodies++;
    ck_assert(is_whole(repair));
    ck_assert(ftm_loop_is_aware() && ftm_loop_is_here() && !ftm_loop_is_late());
    if (repair->repairs == 3)
        return *(int *) arg;
    ftm_loop_note(&next);
    ck_assert(ftm_loop_is_late());
    ftm_loop_tell();
    ck_abort_msg("the call came back");
}

START_TEST(a_loop_begins_again_after_each_repair)
{
    FTMPI_Repair_t zero = repair_of(0);
    int value = 17;

    ftm_loop_note(&zero);
    ck_assert_int_eq(ftm_loop_hooks.loop(body, &value), 17);
    ck_assert_int_eq(bodies, 4);
    ck_assert_int_eq(caught_up, 4);
    ck_assert_int_eq(left, 3);
    ck_assert(ftm_loop_is_over() && !ftm_loop_is_here());
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("loop");
    TCase *cases = tcase_create("loop");

    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_callback_is_called_with_its_own_argument_and_one_repair);
    tcase_add_test(cases, without_a_callback_nobody_is_told_and_the_call_fails);
    tcase_add_test(cases, before_mpi_nothing_can_be_set);
    tcase_add_test(cases, a_loop_begins_again_after_each_repair);
    suite_add_tcase(suite, cases);
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
