/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_mpiext.c - the parts of the MPI layer that need no MPI: failing.c, gone.c, who.c.
 */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer/failing.h"
#include "layer/gone.h"
#include "layer/who.h"

#define LONG_MS 20000 /* only a broken test waits so long */

static pmix_proc_t proc(const char *job, pmix_rank_t rank)
{
    pmix_proc_t made;

    PMIX_LOAD_PROCID(&made, job, rank);
    return made;
}

static bool any(const pmix_proc_t *procs, size_t n, unsigned ways)
{
    bool result;

    ftm_lock();
    result = ftm_gone_any(procs, n, ways);
    ftm_unlock();
    return result;
}

static bool all(const pmix_proc_t *procs, size_t n, unsigned ways)
{
    bool result;

    ftm_lock();
    result = ftm_gone_all(procs, n, ways);
    ftm_unlock();
    return result;
}

/* ---------------------------------------------------------------- gone.c */

START_TEST(nobody_is_gone_at_first)
{
    pmix_proc_t procs[] = {proc("a@1", 0), proc("a@1", PMIX_RANK_WILDCARD)};

    ck_assert(!any(procs, 2, FTM_DIED | FTM_DEPARTED));
    ck_assert(!all(procs, 2, FTM_DIED | FTM_DEPARTED));
    ck_assert(!any(NULL, 0, FTM_DIED));
    ck_assert(all(NULL, 0, FTM_DIED));
}
END_TEST

START_TEST(a_dead_process_is_that_one_alone)
{
    pmix_proc_t dead = proc("a@1", 3), other_rank = proc("a@1", 2), other_job = proc("a@2", 3);

    ck_assert(ftm_gone_add(&dead, FTM_DIED));
    ck_assert(any(&dead, 1, FTM_DIED));
    ck_assert(!any(&dead, 1, FTM_DEPARTED));
    ck_assert(!any(&other_rank, 1, FTM_DIED));
    ck_assert(!any(&other_job, 1, FTM_DIED));
}
END_TEST

START_TEST(a_wildcard_is_any_rank_of_the_job)
{
    pmix_proc_t dead = proc("a@1", 3), job = proc("a@1", PMIX_RANK_WILDCARD),
                other = proc("a@11", PMIX_RANK_WILDCARD);

    ftm_gone_add(&dead, FTM_DIED);
    ck_assert(any(&job, 1, FTM_DIED));
    ck_assert(!any(&other, 1, FTM_DIED));
}
END_TEST

START_TEST(only_the_first_note_is_news)
{
    pmix_proc_t one = proc("a@1", 3);

    ck_assert(ftm_gone_add(&one, FTM_DEPARTED));
    ck_assert(!ftm_gone_add(&one, FTM_DEPARTED));
    ck_assert(ftm_gone_add(&one, FTM_DIED));
    ck_assert(!ftm_gone_add(&one, FTM_DIED));
    ck_assert(any(&one, 1, FTM_DEPARTED));
}
END_TEST

START_TEST(all_means_each_of_many)
{
    enum { N = 1000 };
    pmix_proc_t *procs = calloc(N, sizeof *procs);

    ck_assert_ptr_nonnull(procs);
    for (pmix_rank_t i = 0; i < N; i++)
        procs[i] = proc("big@1", i);
    for (size_t i = 0; i + 1 < N; i++)
        ck_assert(ftm_gone_add(&procs[i], i % 2 ? FTM_DIED : FTM_DEPARTED));
    ck_assert(!all(procs, N, FTM_DIED | FTM_DEPARTED));
    ck_assert(ftm_gone_add(&procs[N - 1], FTM_DIED));
    ck_assert(all(procs, N, FTM_DIED | FTM_DEPARTED));
    ck_assert(!all(procs, N, FTM_DIED));
    free(procs);
}
END_TEST

static void *kill_one(void *data)
{
    ftm_gone_add(data, FTM_DIED);
    return NULL;
}

START_TEST(news_wake_who_waits)
{
    pmix_proc_t one = proc("a@1", 3);
    int64_t deadline_ns = ftm_deadline_ns(LONG_MS);
    pthread_t thread;

    ftm_lock();
    ck_assert_int_eq(pthread_create(&thread, NULL, kill_one, &one), 0);
    while (!ftm_gone_any(&one, 1, FTM_DIED) && ftm_wait(deadline_ns))
        continue;
    ck_assert(ftm_gone_any(&one, 1, FTM_DIED));
    ftm_unlock();
    pthread_join(thread, NULL);
    ck_assert_int_gt(ftm_left_ms(deadline_ns), LONG_MS / 2);
}
END_TEST

START_TEST(a_wait_ends_at_its_deadline)
{
    int64_t deadline_ns = ftm_deadline_ns(20);

    ftm_lock();
    while (ftm_wait(deadline_ns))
        continue;
    ftm_unlock();
    ck_assert(ftm_now_ns() >= deadline_ns);
    ck_assert_int_eq(ftm_left_ms(deadline_ns), 0);
}
END_TEST

START_TEST(deadlines_do_not_overflow)
{
    ck_assert_int_eq(ftm_deadline_ns(-1), FTM_NO_DEADLINE);
    ck_assert_int_eq(ftm_deadline_ns(INT64_MAX), FTM_NO_DEADLINE);
    ck_assert_int_eq(ftm_left_ms(FTM_NO_DEADLINE), -1);
    ck_assert_int_eq(ftm_left_ms(ftm_deadline_ns(0)), 0);
}
END_TEST

/* ---------------------------------------------------------------- who.c */

START_TEST(what_is_written_is_read)
{
    FTMPI_Standin_t before = {.is_standin = 1, .decision = UINT64_MAX, .epoch = UINT32_MAX,
                              .rank = 2147483647}, after;
    char text[FTM_WHO_MAX];

    memset(before.job, 'j', sizeof before.job - 1);
    memcpy(before.job, "a:b@1", 5);
    ftm_who_write(text, &before);
    ck_assert(ftm_who_read(text, &after));
    ck_assert_int_eq(after.is_standin, 1);
    ck_assert(after.decision == before.decision);
    ck_assert(after.epoch == before.epoch);
    ck_assert_int_eq(after.rank, before.rank);
    ck_assert_str_eq(after.job, before.job);
}
END_TEST

START_TEST(a_node_has_no_rank)
{
    FTMPI_Standin_t who;

    ck_assert(ftm_who_read("7:1:-1:", &who));
    ck_assert_int_eq(who.rank, -1);
    ck_assert_str_eq(who.job, "");
}
END_TEST

static const char *const nobody[] = {
    NULL, "", "x", "7", "7:1", "7:1:3", "0:1:3:job", "a:1:3:job", "7:1:-2:job", "7::3:job",
    ":1:3:job",
};

START_TEST(another_text_is_nobody)
{
    FTMPI_Standin_t who = {.is_standin = 1, .rank = 5};

    ck_assert(!ftm_who_read(nobody[_i], &who));
    ck_assert_int_eq(who.is_standin, 0);
    ck_assert_int_eq(who.rank, -1);
    ck_assert(who.decision == 0);
}
END_TEST

START_TEST(a_job_that_is_too_long_is_nobody)
{
    char text[FTM_WHO_MAX + FT_NAME_MAX];
    FTMPI_Standin_t who;

    memset(text, 'j', sizeof text);
    memcpy(text, "7:1:3:", 6);
    text[6 + FT_NAME_MAX] = '\0';
    ck_assert(!ftm_who_read(text, &who));
    text[6 + FT_NAME_MAX - 1] = '\0';
    ck_assert(ftm_who_read(text, &who));
}
END_TEST

START_TEST(a_port_says_whose_it_is)
{
    pmix_proc_t owner = proc("prterun-n0-71@2", 5), read;
    char text[FTM_PORT_MAX + 2];

    ck_assert(ftm_port_write(text, &owner, "1404108802.0:1798765950"));
    strcat(text, "/1");
    ck_assert(ftm_port_owner(text, &read));
    ck_assert_str_eq(read.nspace, owner.nspace);
    ck_assert_int_eq(read.rank, owner.rank);
}
END_TEST

static const char *const no_ports[] = {"", "1404108802.0:1798765950", "5", "5;", "5;job", "5;;x"};

START_TEST(another_port_says_nothing)
{
    pmix_proc_t read;

    ck_assert(!ftm_port_owner(no_ports[_i], &read));
}
END_TEST

START_TEST(a_port_that_cannot_be_written)
{
    pmix_proc_t owner = proc("a;b", 5);
    char text[FTM_PORT_MAX], opened[FTM_PORT_MAX];

    ck_assert(!ftm_port_write(text, &owner, "x"));
    memset(opened, 'x', sizeof opened - 1);
    opened[sizeof opened - 1] = '\0';
    owner = proc("a@1", 5);
    ck_assert(!ftm_port_write(text, &owner, opened));
}
END_TEST

/* ---------------------------------------------------------------- failing.c */

static bool is_failing(const char *node)
{
    ftResource_t resource = {.kind = FT_NODE};

    strcpy(resource.node, node);
    return ftm_is_failing(&resource);
}

START_TEST(no_node_is_failing_at_first)
{
    ftResource_t rank = {.kind = FT_RANK, .number = 3}, bad = {.kind = FT_NODE, .error = FT_ERR_ARG};

    ck_assert(!is_failing("n2"));
    ftm_failing_add("n2");
    ck_assert(is_failing("n2"));
    ck_assert(!is_failing("n1") && !is_failing("n22") && !is_failing("n"));
    ck_assert(!ftm_is_failing(&rank)); /* PMIx is not up: it is not known where it is */
    ck_assert(!ftm_is_failing(&bad));
}
END_TEST

START_TEST(a_node_has_a_short_name_too)
{
    ftm_failing_add("n2.cluster");
    ck_assert(is_failing("n2") && is_failing("n2.cluster"));
    ck_assert(!is_failing("n2.other"));
    ftm_failing_add("10.77.0.12");
    ck_assert(is_failing("10.77.0.12"));
    ck_assert(!is_failing("10.77.0.13") && !is_failing("10"));
}
END_TEST

START_TEST(failing_nodes_are_bounded)
{
    char name[32];

    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "node%d", i % 4999);
        ftm_failing_add(name);
    }
    ck_assert(is_failing("node0") && is_failing("node4095"));
    ck_assert(!is_failing("node4096"));
    ftm_failing_clear();
    ck_assert(!is_failing("node0"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mpiext");
    TCase *gone = tcase_create("gone"), *who = tcase_create("who"),
          *failing = tcase_create("failing");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(gone, NULL, ftm_gone_clear);
    tcase_add_test(gone, nobody_is_gone_at_first);
    tcase_add_test(gone, a_dead_process_is_that_one_alone);
    tcase_add_test(gone, a_wildcard_is_any_rank_of_the_job);
    tcase_add_test(gone, only_the_first_note_is_news);
    tcase_add_test(gone, all_means_each_of_many);
    tcase_add_test(gone, news_wake_who_waits);
    tcase_add_test(gone, a_wait_ends_at_its_deadline);
    tcase_add_test(gone, deadlines_do_not_overflow);
    tcase_add_test(who, what_is_written_is_read);
    tcase_add_test(who, a_node_has_no_rank);
    tcase_add_loop_test(who, another_text_is_nobody, 0, sizeof nobody / sizeof nobody[0]);
    tcase_add_test(who, a_job_that_is_too_long_is_nobody);
    tcase_add_test(who, a_port_says_whose_it_is);
    tcase_add_loop_test(who, another_port_says_nothing, 0, sizeof no_ports / sizeof no_ports[0]);
    tcase_add_test(who, a_port_that_cannot_be_written);
    tcase_add_checked_fixture(failing, NULL, ftm_failing_clear);
    tcase_add_test(failing, no_node_is_failing_at_first);
    tcase_add_test(failing, a_node_has_a_short_name_too);
    tcase_add_test(failing, failing_nodes_are_bounded);
    suite_add_tcase(suite, failing);
    suite_add_tcase(suite, gone);
    suite_add_tcase(suite, who);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
