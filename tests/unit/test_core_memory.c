/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_core_memory.c - core without memory: the n-th allocation fails, for every n.
 *
 * A whole story (nodes, a job, a loss, two askers, an exclusion, a stand-in) is played again and
 * again, each time with another allocation failing, and then once more to its end on the same core:
 * what failed must have been refused, and everything after it must go as if it had never been
 * asked.
 * The build compiles core for this test with the allocating functions under other names, which are
 * defined here.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/central.h"
#include "core_stage.h"

static long countdown = -1; /* allocations until one fails; -1: none does */
static unsigned long failures;

#undef malloc
#undef calloc
#undef realloc
#undef strdup
#undef strndup
void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void *realloc(void *old, size_t size);
char *strdup(const char *text);
char *strndup(const char *text, size_t n);

static int fails(void)
{
    if (countdown < 0 || countdown-- > 0)
        return 0;
    failures++;
    errno = ENOMEM;
    return 1;
}

/* Declared by the headers, under these names. */
void *failing_malloc(size_t size) { return fails() ? NULL : malloc(size); }
void *failing_calloc(size_t n, size_t size) { return fails() ? NULL : calloc(n, size); }
void *failing_realloc(void *old, size_t size) { return fails() ? NULL : realloc(old, size); }
char *failing_strdup(const char *text) { return fails() ? NULL : strdup(text); }
char *failing_strndup(const char *text, size_t n) { return fails() ? NULL : strndup(text, n); }

static ftConstraint_t not_s0(void)
{
    ftConstraint_t constraint = anything();

    strcpy(constraint.excluded, "s0");
    constraint.distance = -1;
    constraint.from.kind = FT_NODE;
    strcpy(constraint.from.node, "n0");
    return constraint;
}

/* Answers whatever core is waiting for, as long as it waits for something. */
static void serve(void)
{
    for (int i = 0; i < 50 && (stage.acquire != 0 || stage.probe != 0); i++) {
        uint64_t acquire = stage.acquire;

        if (acquire != 0) {
            char name[16];

            stage.acquire = 0;
            snprintf(name, sizeof name, "s%d", strstr(stage.wanted_excluded, "s0,") != NULL);
            if (!ft_central_offer(stage.central, acquire, name) && stage.acquire == 0)
                continue;
        }
        if (stage.probe != 0)
            probe_good(stage.probed);
    }
}

/* The story, from token `at` on; what becomes of it is looked at afterwards. */
static void play(uint64_t at)
{
    ftConstraint_t exclusion = not_s0();
    struct ft_asker who = asker_of(0);
    ftResource_t resource = rank_of(1);
    ftProcessInfo_t more = {.rank = 6, .pid = 600, .node = "n2"};
    struct ft_facts facts = facts_of(8, 16 * GIB, 5);

    ft_central_set_location(stage.central, "n2", "row1/rack1");
    ft_central_unit_up(stage.central, "late", "test");
    ft_central_unit_facts(stage.central, "late", &facts);
    ft_central_job_started(stage.central, at, &stage_launcher, "job@5", JOB, &more, 1);
    ft_central_report_error(stage.central, at + 1, &who, &resource, FT_SEND, 1);
    ask_any(at + 2, 0, 1);
    ask_any(at + 3, 2, 1);
    serve();
    ask(at + 4, 0, 1, &exclusion);
    serve();
    pass_ms(400);
    serve();
}

START_TEST(test_any_allocation_may_fail)
{
    unsigned long n;

    for (n = 0; n < 5000; n++) {
        unsigned long before = failures;
        struct ft_asker who = asker_of(0);
        uint64_t decision;

        stage_begin(3, 2, NULL);
        lose(1);
        countdown = (long) n;
        play(1);
        countdown = -1;
        for (uint64_t token = 1; token <= 5; token++) {
            if (answered(token) && reply_of(token)->status == FT_ERR_MEMORY)
                ck_assert_uint_gt(reply_of(token)->reason[0], 0);
        }
        /* With memory again, everything is as it should be. */
        play(11);
        for (uint64_t token = 11; token <= 15; token++)
            ck_assert_msg(answered(token) && stage.status[token] == FT_OK,
                          "allocation %lu: later request %u ends with %d", n, (unsigned) token,
                          answered(token) ? (int) stage.status[token] : 1);
        ck_assert_str_eq(reply_of(15)->alternative.node, "s1");
        decision = reply_of(15)->decision;
        ft_central_claim(stage.central, 20, &who, decision, 1000);
        ck_assert_int_eq(reply_of(20)->reach, FT_REACH_START);
        ck_assert_int_eq(announce(21, decision, 7, "s1", true), FT_OK);
        pass_ms(60000);
        ck_assert_uint_eq(ft_central_waiting(stage.central), 0);
        stage_end();
        if (failures == before)
            break; /* the story has no more allocations than that */
    }
    ck_assert_uint_gt(n, 20);
    ck_assert_uint_lt(n, 5000);
}
END_TEST

/* Announcing and claiming, each allocation failing. */
START_TEST(test_a_claim_without_memory)
{
    for (long n = 0; n < 12; n++) {
        struct ft_asker who = asker_of(0), standin = {.node = "s0", .job = "job@7", .rank = 0};
        uint64_t decision;

        stage_begin(3, 2, NULL);
        lose(1);
        ask_any(1, 0, 1);
        serve();
        decision = reply_of(1)->decision;
        countdown = n;
        ft_central_claim(stage.central, 2, &who, decision, 1000);
        ft_central_announce(stage.central, 3, &standin, decision, "port");
        countdown = -1;
        ck_assert(answered(2) && answered(3));
        if (reply_of(2)->status == FT_ERR_MEMORY)
            ft_central_claim(stage.central, 4, &who, decision, 1000);
        if (reply_of(3)->status == FT_ERR_MEMORY)
            ft_central_announce(stage.central, 5, &standin, decision, "port");
        ft_central_claim(stage.central, 6, &who, decision, 1000);
        ck_assert_int_eq(reply_of(6)->reach, FT_REACH_PORT);
        stage_end();
    }
}
END_TEST

START_TEST(test_core_cannot_be_made)
{
    struct ft_env env = {0};
    struct ft_central *central = NULL;
    long n;

    for (n = 0; n < 100 && central == NULL; n++) {
        countdown = n;
        central = ft_central_create(&env, &ft_central_defaults);
        countdown = -1;
    }
    ck_assert_int_gt(n, 4);
    ck_assert_ptr_nonnull(central);
    ft_central_destroy(central);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core without memory");
    TCase *tcase = tcase_create("memory");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, test_any_allocation_may_fail);
    tcase_add_test(tcase, test_a_claim_without_memory);
    tcase_add_test(tcase, test_core_cannot_be_made);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
