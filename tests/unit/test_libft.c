/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handles and requests that wait: every function with bad arguments and bad handles, a unit that
 * misbehaves or goes away at each point, time limits, many threads on one handle, closing under
 * waiting threads, fork, and nothing left behind after any of it.
 */
#include "config.h"

#include "libft_unit.h"

#include <check.h>
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ft.h"
#include "ft_admin.h"
#include "ft_runtime.h"

static struct unit u;
static ftHandle_t ft;
static ftReply_t reply;
static int fds_at_start;

static void setup(void)
{
    unit_folder();
    setenv("PMIX_NAMESPACE", "test-job@1", 1);
    setenv("PMIX_RANK", "3", 1);
    unsetenv("FT_HOST");
    fds_at_start = unit_count_fds();
}

/* Every test ends with as many descriptors as it began with. */
static void teardown(void)
{
    ck_assert_int_eq(unit_count_fds(), fds_at_start);
}

static void start_and_open(void)
{
    unit_start(&u);
    ck_assert_int_eq(openFT(u.host, &ft), FT_OK);
    ck_assert_uint_ne(ft.id, 0);
}

static void close_and_stop(void)
{
    ck_assert_int_eq(closeFT(ft), FT_OK);
    unit_stop(&u);
    unit_remove(&u);
}

static ftAction_t ask(const char *what)
{
    return findAlternative(ftRankOf(what, 5), ftAny());
}

/* An error is told in full: the result, in the reply, in words, and in ftLastError. */
static void expect_error(ftRetVal_t got, ftRetVal_t wanted)
{
    ck_assert_msg(got == wanted, "%d (%s) instead of %d: %s", got, ftStrError(got), wanted,
                  ftLastError());
    ck_assert_int_eq(reply.status, wanted);
    ck_assert_uint_gt(strlen(reply.reason), 10);
    ck_assert_uint_gt(strlen(reply.hint), 5);
    ck_assert_ptr_nonnull(strstr(ftLastError(), reply.reason));
    ck_assert_ptr_nonnull(strstr(ftLastError(), reply.hint));
}

static void spoil_reply(void)
{
    memset(&reply, 0x5a, sizeof reply);
}

/* ---------------------------------------------------------------- arguments */

START_TEST(answers_a_request)
{
    start_and_open();
    spoil_reply();
    ck_assert_int_eq(requestFT(ft, ask("any"), &reply, 5000), FT_OK);
    ck_assert_int_eq(reply.status, FT_OK);
    ck_assert_uint_eq(reply.decision, 1005);
    ck_assert_str_eq(reply.alternative.node, "n3");
    ck_assert_int_eq(reply.reach, FT_REACH_START);
    ck_assert_str_eq(reply.reason, "");
    ck_assert_str_eq(u.job, "test-job@1");
    ck_assert_int_eq(u.rank, 3);
    ck_assert_int_eq(atomic_load(&u.timeout_ms), 5000);
    close_and_stop();
}
END_TEST

START_TEST(passes_on_every_field_of_a_reply)
{
    start_and_open();
    spoil_reply();
    ck_assert_int_eq(requestFT(ft, ask("full"), &reply, FT_FOREVER), FT_OK);
    ck_assert_uint_eq(reply.event, 7);
    ck_assert_uint_eq(reply.decision, 1042);
    ck_assert_uint_eq(reply.epoch, 1);
    ck_assert_str_eq(reply.resource.job, "job@1");
    ck_assert_int_eq(reply.resource.number, 2);
    ck_assert_str_eq(reply.lost_node, "n2");
    ck_assert_int_eq(reply.rung, FT_BY_NEW_NODE);
    ck_assert_int_eq(reply.repairable, 1);
    ck_assert_str_eq(reply.repair, "can be repaired");
    ck_assert_str_eq(reply.match, "fits well");
    ck_assert_int_eq(reply.reach_rank, 5);
    ck_assert_str_eq(reply.port, "port-1");
    ck_assert_int_eq(reply.in_job, 1);
    ck_assert_double_eq(reply.steps.known_ms, 1.5);
    ck_assert_double_eq(reply.steps.decide_ms, 2.5);
    ck_assert_double_eq(reply.steps.probe_ms, 3.5);
    ck_assert_double_eq(reply.steps.total_ms, 4.5);
    ck_assert_uint_eq(reply.probed, 3);
    ck_assert_int_eq(reply.available_at_s, 1234567890);
    ck_assert_str_eq(reply.reason, "because");
    ck_assert_str_eq(reply.hint, "do this");
    ck_assert_int_eq(atomic_load(&u.timeout_ms), -1);
    close_and_stop();
}
END_TEST

START_TEST(passes_on_an_error_and_words_one_that_has_none)
{
    start_and_open();
    spoil_reply();
    expect_error(requestFT(ft, ask("none"), &reply, 5000), FT_ERR_NONE);
    ck_assert_str_eq(reply.reason, "n3 is too small");
    ck_assert_str_eq(reply.hint, "add n4");
    expect_error(requestFT(ft, ask("bare"), &reply, 5000), FT_ERR_UNKNOWN);
    ck_assert_str_eq(reply.reason, ftStrError(FT_ERR_UNKNOWN));
    close_and_stop();
}
END_TEST

START_TEST(every_kind_of_action_arrives)
{
    ftProcessInfo_t processes[] = {{0, 100, "n1"}, {1, 101, "n2"}};
    ftAction_t actions[] = {
        resourceError(ftDevice("n1", "eth0"), FT_READ),
        findAlternative(ftLink("n1", "n2"),
                        ftNear(ftExclude(ftNeedDevices(ftAny(), "gpu", 1), "n9"), ftNode("n1"))),
        ftClaim(9), ftAnnounce(9, "port"), ftStartFailed(9, "no program"), ftNextPeer(9),
        ftJobStarted("j@1", "", processes, 2), ftProcessEnded("j@1", 0, FT_ENDED_CODE, 1),
        ftNodeChanged("n1", 1, FT_NODE_LOST, "connection closed"), ftJobEnded("j@1", 0),
    };

    start_and_open();
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        ck_assert_int_eq(actions[i].error, FT_OK);
        ck_assert_msg(requestFT(ft, actions[i], &reply, 5000) == FT_OK, "action %zu: %s", i,
                      reply.reason);
    }
    close_and_stop();
}
END_TEST

START_TEST(refuses_bad_arguments)
{
    ftRequest_t request = {1};
    int descriptor = 0;

    start_and_open();
    ck_assert_int_eq(openFT(u.host, NULL), FT_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(ftLastError(), "openFT: handle is NULL"));
    ck_assert_int_eq(requestFT(ft, ask("any"), NULL, 1000), FT_ERR_ARG);
    spoil_reply();
    expect_error(requestFT(ft, ask("any"), &reply, -2), FT_ERR_ARG);
    ck_assert_uint_eq(reply.decision, 0);
    expect_error(requestFT(ft, ask("any"), &reply, INT64_MIN), FT_ERR_ARG);
    ck_assert_int_eq(submitFT(ft, ask("any"), 1000, NULL), FT_ERR_ARG);
    ck_assert_int_eq(submitFT(ft, ask("any"), 0, &request), FT_ERR_ARG);
    ck_assert_uint_eq(request.id, 0);
    ck_assert_int_eq(submitFT(ft, ask("any"), -5, &request), FT_ERR_ARG);
    ck_assert_int_eq(pollFT(ft, request, NULL), FT_ERR_ARG);
    spoil_reply();
    expect_error(pollFT(ft, (ftRequest_t){0}, &reply), FT_ERR_ARG);
    expect_error(pollFT(ft, (ftRequest_t){UINT64_MAX}, &reply), FT_ERR_ARG);
    ck_assert_int_eq(cancelFT(ft, (ftRequest_t){12345}), FT_ERR_ARG);
    ck_assert_int_eq(descriptorFT(ft, NULL), FT_ERR_ARG);
    ck_assert_int_eq(descriptorFT((ftHandle_t){0}, &descriptor), FT_ERR_HANDLE);
    ck_assert_int_eq(descriptor, -1);
    /* None of it has harmed the handle. */
    ck_assert_int_eq(requestFT(ft, ask("any"), &reply, 5000), FT_OK);
    ck_assert_int_eq(atomic_load(&u.requests), 1);
    close_and_stop();
}
END_TEST

START_TEST(refuses_handles_that_are_not_open)
{
    ftHandle_t bad[5] = {{0}, {1}, {UINT64_MAX}, {0x5a5a5a5a5a5a5a5a}};
    ftRequest_t request;
    int descriptor;

    start_and_open();
    bad[4] = ft; /* closed by then */
    close_and_stop();
    for (int i = 0; i < 5; i++) {
        spoil_reply();
        expect_error(requestFT(bad[i], ask("any"), &reply, 1000), FT_ERR_HANDLE);
        expect_error(pollFT(bad[i], (ftRequest_t){1}, &reply), FT_ERR_HANDLE);
        ck_assert_int_eq(submitFT(bad[i], ask("any"), 1000, &request), FT_ERR_HANDLE);
        ck_assert_int_eq(cancelFT(bad[i], (ftRequest_t){1}), FT_ERR_HANDLE);
        ck_assert_int_eq(descriptorFT(bad[i], &descriptor), FT_ERR_HANDLE);
        ck_assert_int_eq(postFT(bad[i], ask("any")), FT_ERR_HANDLE);
        ck_assert_int_eq(serveFT(bad[i]), FT_ERR_HANDLE);
        ck_assert_int_eq(closeFT(bad[i]), FT_ERR_HANDLE);
    }
}
END_TEST

START_TEST(refuses_actions_that_were_not_made_well)
{
    ftAction_t zero, rubbish, changed = ask("any"), unended = ask("any");
    ftRequest_t request;

    memset(&zero, 0, sizeof zero);
    memset(&rubbish, 0xff, sizeof rubbish);
    changed.constraint.distance = 7;
    memset(unended.constraint.excluded, 'n', sizeof unended.constraint.excluded);
    start_and_open();
    expect_error(requestFT(ft, zero, &reply, 1000), FT_ERR_ACTION);
    expect_error(requestFT(ft, rubbish, &reply, 1000), FT_ERR_ACTION);
    rubbish.error = FT_OK;
    expect_error(requestFT(ft, rubbish, &reply, 1000), FT_ERR_ACTION);
    expect_error(requestFT(ft, changed, &reply, 1000), FT_ERR_ACTION);
    expect_error(requestFT(ft, unended, &reply, 1000), FT_ERR_ACTION);
    expect_error(requestFT(ft, findAlternative(ftRank(-4), ftAny()), &reply, 1000), FT_ERR_ACTION);
    ck_assert_ptr_nonnull(strstr(reply.reason, "the rank is negative: -4"));
    expect_error(requestFT(ft, findAlternative(ftRank(1), ftNeedArch(ftAny(), NULL)), &reply, 1),
                 FT_ERR_ACTION);
    ck_assert_ptr_nonnull(strstr(reply.reason, "ftNeedArch"));
    ck_assert_int_eq(submitFT(ft, zero, 1000, &request), FT_ERR_ACTION);
    ck_assert_int_eq(postFT(ft, ftClaim(0)), FT_ERR_ACTION);
    ck_assert_int_eq(atomic_load(&u.requests) + atomic_load(&u.posts), 0);
    close_and_stop();
}
END_TEST

/* The answer to a command is a text of the caller's; an error may have one, too. */
START_TEST(commands_are_answered_by_a_text)
{
    char *answer = &(char){'x'};

    start_and_open();
    ck_assert_int_eq(adminFT(ft, "{\"do\":\"status\"}", &answer, 5000), FT_OK);
    ck_assert_str_eq(answer, "{\"do\":\"status\"}");
    free(answer);
    ck_assert_int_eq(adminFT(ft, "big", &answer, 5000), FT_OK);
    ck_assert_uint_eq(strlen(answer), UNIT_BIG_BYTES);
    free(answer);
    ck_assert_int_eq(adminFT(ft, "bare", &answer, 5000), FT_OK);
    ck_assert_ptr_null(answer);
    ck_assert_int_eq(adminFT(ft, "denied", &answer, 5000), FT_ERR_DENIED);
    ck_assert_str_eq(answer, "denied");
    ck_assert_ptr_nonnull(strstr(ftLastError(), "not you"));
    free(answer);
    ck_assert_int_eq(adminFT(ft, "silent", &answer, 50), FT_ERR_TIMEOUT);
    ck_assert_ptr_null(answer);
    /* What an ordinary request is answered it does not keep. */
    ck_assert_int_eq(requestFT(ft, resourceError(ftRank(2), FT_SEND), &reply, 5000), FT_OK);
    close_and_stop();
}
END_TEST

START_TEST(bad_commands_are_refused)
{
    char *answer = &(char){'x'};
    char *long_one = calloc(1, FT_COMMAND_MAX + 1);

    start_and_open();
    memset(long_one, 'x', FT_COMMAND_MAX);
    ck_assert_int_eq(adminFT(ft, long_one, &answer, 5000), FT_ERR_ARG);
    ck_assert_ptr_null(answer);
    long_one[FT_COMMAND_MAX - 1] = '\0';
    ck_assert_int_eq(adminFT(ft, long_one, &answer, 5000), FT_OK);
    ck_assert_str_eq(answer, long_one);
    free(answer);
    free(long_one);
    ck_assert_int_eq(adminFT(ft, "", &answer, 5000), FT_ERR_ARG);
    ck_assert_int_eq(adminFT(ft, NULL, &answer, 5000), FT_ERR_ARG);
    ck_assert_int_eq(adminFT(ft, "x", NULL, 5000), FT_ERR_ARG);
    ck_assert_int_eq(adminFT(ft, "x", &answer, 0), FT_ERR_ARG);
    ck_assert_int_eq(adminFT(ft, "x", &answer, -2), FT_ERR_ARG);
    ck_assert_int_eq(adminFT((ftHandle_t){0}, "x", &answer, 5000), FT_ERR_HANDLE);
    ck_assert_ptr_null(answer);
    ck_assert_int_eq(u.requests, 1);
    close_and_stop();
}
END_TEST

START_TEST(leaves_errno_alone)
{
    start_and_open();
    errno = ELIBBAD;
    ck_assert_int_eq(requestFT(ft, ask("any"), &reply, 5000), FT_OK);
    ck_assert_int_eq(requestFT(ft, ask("silent"), &reply, 1), FT_ERR_TIMEOUT);
    ck_assert_int_eq(closeFT((ftHandle_t){0}), FT_ERR_HANDLE);
    ck_assert_int_eq(errno, ELIBBAD);
    close_and_stop();
}
END_TEST

/* ---------------------------------------------------------------- time */

START_TEST(waits_no_longer_than_told)
{
    int64_t from_ms;

    start_and_open();
    from_ms = unit_now_ms();
    expect_error(requestFT(ft, ask("silent"), &reply, 100), FT_ERR_TIMEOUT);
    ck_assert_int_ge(unit_now_ms() - from_ms, 100);
    ck_assert_int_lt(unit_now_ms() - from_ms, 1000);
    ck_assert_ptr_nonnull(strstr(reply.reason, "within 100 ms"));
    unit_await("cancels", &u.cancels, 1);
    /* A late answer harms nobody. */
    expect_error(requestFT(ft, ask("slow60"), &reply, 20), FT_ERR_TIMEOUT);
    ck_assert_int_eq(requestFT(ft, ask("slow90"), &reply, 5000), FT_OK);
    close_and_stop();
}
END_TEST

START_TEST(time_zero_sends_and_does_not_wait)
{
    int64_t from_ms = 0;

    start_and_open();
    from_ms = unit_now_ms();
    expect_error(requestFT(ft, ask("silent"), &reply, 0), FT_ERR_TIMEOUT);
    ck_assert_int_lt(unit_now_ms() - from_ms, 1000);
    unit_await("requests", &u.requests, 1);
    ck_assert_int_eq(atomic_load(&u.timeout_ms), 0);
    ck_assert_int_eq(requestFT(ft, ask("any"), &reply, 5000), FT_OK);
    ck_assert_int_eq(atomic_load(&u.cancels), 0);
    close_and_stop();
}
END_TEST

START_TEST(time_without_end_and_nearly_so)
{
    start_and_open();
    ck_assert_int_eq(requestFT(ft, ask("slow100"), &reply, FT_FOREVER), FT_OK);
    ck_assert_int_eq(requestFT(ft, ask("slow10"), &reply, INT64_MAX), FT_OK);
    ck_assert_int_eq(requestFT(ft, ask("slow10"), &reply, INT64_MAX / 4), FT_OK);
    close_and_stop();
}
END_TEST

/* ---------------------------------------------------------------- a unit that misbehaves */

START_TEST(a_lost_unit_is_told_and_the_next_request_connects_again)
{
    start_and_open();
    spoil_reply();
    expect_error(requestFT(ft, ask("close"), &reply, 5000), FT_ERR_LOST);
    ck_assert_str_eq(reply.alternative.node, "");
    ck_assert_int_eq(requestFT(ft, ask("any"), &reply, 5000), FT_OK);
    expect_error(requestFT(ft, ask("half"), &reply, FT_FOREVER), FT_ERR_LOST);
    ck_assert_ptr_nonnull(strstr(reply.reason, "in the middle of a message"));
    ck_assert_int_eq(requestFT(ft, ask("any"), &reply, 5000), FT_OK);
    ck_assert_int_eq(atomic_load(&u.connections), 3);
    close_and_stop();
}
END_TEST

START_TEST(a_unit_lost_in_between_is_not_even_noticed_if_another_is_there)
{
    start_and_open();
    unit_stop(&u);
    unit_start(&u);
    ck_assert_int_eq(requestFT(ft, ask("any"), &reply, 5000), FT_OK);
    close_and_stop();
}
END_TEST

START_TEST(without_a_unit_a_request_fails_at_once)
{
    int64_t from_ms;

    start_and_open();
    unit_stop(&u);
    from_ms = unit_now_ms();
    expect_error(requestFT(ft, ask("any"), &reply, 5000), FT_ERR_CONNECT); /* socket, no listener */
    unit_remove(&u);
    expect_error(requestFT(ft, ask("any"), &reply, FT_FOREVER), FT_ERR_CONNECT); /* no socket */
    ck_assert_int_lt(unit_now_ms() - from_ms, 2000);
    ck_assert_ptr_nonnull(strstr(reply.reason, u.host));
    unit_start(&u);
    ck_assert_int_eq(requestFT(ft, ask("any"), &reply, 5000), FT_OK);
    close_and_stop();
}
END_TEST

START_TEST(what_cannot_be_understood_is_said)
{
    start_and_open();
    expect_error(requestFT(ft, ask("garbage"), &reply, 5000), FT_ERR_PROTOCOL);
    ck_assert_int_eq(requestFT(ft, ask("any"), &reply, 5000), FT_OK);
    expect_error(requestFT(ft, ask("range"), &reply, 5000), FT_ERR_PROTOCOL);
    ck_assert_int_eq(requestFT(ft, ask("any"), &reply, 5000), FT_OK);
    close_and_stop();
}
END_TEST

START_TEST(answers_that_nobody_asked_for_are_passed_over)
{
    start_and_open();
    ck_assert_int_eq(requestFT(ft, ask("twice"), &reply, 5000), FT_OK);
    ck_assert_int_eq(requestFT(ft, ask("other"), &reply, 5000), FT_OK);
    ck_assert_uint_eq(reply.decision, 1005);
    unit_ping(&u);
    ck_assert_int_eq(requestFT(ft, ask("slow20"), &reply, 5000), FT_OK);
    unit_await("pings answered", &u.pings_answered, 1);
    close_and_stop();
}
END_TEST

static void expect_open_fails(enum unit_manner manner, ftRetVal_t wanted)
{
    ftRetVal_t got;

    u.manner = manner;
    unit_start(&u);
    ft.id = 5;
    got = openFT(u.host, &ft);
    ck_assert_msg(got == wanted, "manner %d: %d (%s)", manner, got, ftLastError());
    ck_assert_uint_eq(ft.id, 0);
    ck_assert_ptr_nonnull(strstr(ftLastError(), u.host));
    unit_stop(&u);
    unit_remove(&u);
}

START_TEST(open_fails_if_the_unit_does_not_greet_well)
{
    expect_open_fails(UNIT_HANGS_UP, FT_ERR_CONNECT);
    expect_open_fails(UNIT_HANGS_UP_LATER, FT_ERR_CONNECT);
    expect_open_fails(UNIT_OTHER_VERSION, FT_ERR_VERSION);
    expect_open_fails(UNIT_REFUSES, FT_ERR_DENIED);
    expect_open_fails(UNIT_GREETS_WRONG, FT_ERR_PROTOCOL);
}
END_TEST

START_TEST(open_fails_if_no_unit_listens_there)
{
    ftRetVal_t got;

    u.manner = UNIT_TALKS_RUBBISH;
    unit_start(&u);
    got = openFT(u.host, &ft);
    ck_assert_msg(got == FT_ERR_PROTOCOL || got == FT_ERR_VERSION, "%d: %s", got, ftLastError());
    unit_stop(&u);
    unit_remove(&u);
}
END_TEST

START_TEST(open_gives_up_on_a_unit_that_never_greets)
{
    int64_t from_ms = unit_now_ms();

    expect_open_fails(UNIT_NEVER_GREETS, FT_ERR_CONNECT);
    ck_assert_int_ge(unit_now_ms() - from_ms, 4900);
    ck_assert_int_lt(unit_now_ms() - from_ms, 8000);
}
END_TEST

START_TEST(a_request_fails_with_the_reconnection)
{
    start_and_open();
    unit_stop(&u);
    u.manner = UNIT_HANGS_UP_LATER;
    unit_start(&u);
    expect_error(requestFT(ft, ask("any"), &reply, 5000), FT_ERR_CONNECT);
    unit_stop(&u);
    u.manner = UNIT_OTHER_VERSION;
    unit_start(&u);
    expect_error(requestFT(ft, ask("any"), &reply, 5000), FT_ERR_VERSION);
    unit_stop(&u);
    u.manner = UNIT_NEVER_GREETS;
    unit_start(&u);
    expect_error(requestFT(ft, ask("any"), &reply, 100), FT_ERR_TIMEOUT);
    ck_assert_int_eq(atomic_load(&u.requests), 0);
    close_and_stop();
}
END_TEST

/* ---------------------------------------------------------------- threads */

#define THREADS 16
#define ROUNDS 50

static void *ask_often(void *arg)
{
    static const char *const what[] = {"any", "slow1", "silent", "twice", "slow5"};
    int self = *(int *) arg;
    ftReply_t mine;

    for (int i = 0; i < ROUNDS; i++) {
        const char *this = what[(i + self) % 5];
        int number = self * ROUNDS + i;
        ftRetVal_t got = requestFT(ft, findAlternative(ftRankOf(this, number), ftAny()), &mine,
                                   strcmp(this, "silent") == 0 ? 2 : 20000);

        if (strcmp(this, "silent") == 0)
            ck_assert_int_eq(got, FT_ERR_TIMEOUT);
        else
            ck_assert_msg(got == FT_OK && mine.decision == (uint64_t) number + 1000,
                          "%s: %d, %s, decision %d", this, got, mine.reason, (int) mine.decision);
    }
    return NULL;
}

START_TEST(many_threads_share_a_handle)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];

    start_and_open();
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_often, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(atomic_load(&u.requests), THREADS * ROUNDS);
    ck_assert_int_eq(atomic_load(&u.connections), 1);
    close_and_stop();
}
END_TEST

struct waiting {
    pthread_t thread;
    ftRetVal_t got;
    ftReply_t reply;
    const char *what;
    ftTimeout_t timeout_ms;
};

static void *wait_for_answer(void *arg)
{
    struct waiting *w = arg;

    w->got = requestFT(ft, ask(w->what), &w->reply, w->timeout_ms);
    return NULL;
}

static void begin_waiting(struct waiting *w, const char *what, ftTimeout_t timeout_ms)
{
    w->what = what;
    w->timeout_ms = timeout_ms;
    ck_assert_int_eq(pthread_create(&w->thread, NULL, wait_for_answer, w), 0);
}

START_TEST(closing_ends_requests_of_other_threads)
{
    static struct waiting w[THREADS];

    start_and_open();
    for (int i = 0; i < THREADS; i++)
        begin_waiting(&w[i], "silent", FT_FOREVER);
    unit_await("requests", &u.requests, THREADS);
    ck_assert_int_eq(closeFT(ft), FT_OK);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(w[i].thread, NULL);
        ck_assert_int_eq(w[i].got, FT_ERR_CANCELED);
        ck_assert_str_ne(w[i].reply.reason, "");
    }
    ck_assert_int_eq(closeFT(ft), FT_ERR_HANDLE);
    unit_stop(&u);
    unit_remove(&u);
}
END_TEST

START_TEST(a_loss_ends_requests_of_all_threads)
{
    static struct waiting w[THREADS];

    start_and_open();
    for (int i = 0; i < THREADS; i++)
        begin_waiting(&w[i], "silent", FT_FOREVER);
    unit_await("requests", &u.requests, THREADS);
    unit_stop(&u);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(w[i].thread, NULL);
        ck_assert_int_eq(w[i].got, FT_ERR_LOST);
    }
    ck_assert_int_eq(closeFT(ft), FT_OK);
    unit_remove(&u);
}
END_TEST

START_TEST(a_leader_that_leaves_is_followed_by_another)
{
    static struct waiting w[3];
    int64_t from_ms;

    start_and_open();
    begin_waiting(&w[0], "silent", 50); /* leads; then its time is up */
    unit_await("requests", &u.requests, 1);
    begin_waiting(&w[1], "slow200", 10000);
    unit_await("requests", &u.requests, 2);
    begin_waiting(&w[2], "slow300", 10000);
    unit_await("requests", &u.requests, 3);
    from_ms = unit_now_ms();
    for (int i = 0; i < 3; i++)
        pthread_join(w[i].thread, NULL);
    ck_assert_int_lt(unit_now_ms() - from_ms, 5000);
    ck_assert_int_eq(w[0].got, FT_ERR_TIMEOUT);
    ck_assert_int_eq(w[1].got, FT_OK);
    ck_assert_int_eq(w[2].got, FT_OK);
    close_and_stop();
}
END_TEST

START_TEST(a_follower_returns_when_its_own_answer_comes)
{
    static struct waiting leader, follower;
    int64_t from_ms;

    start_and_open();
    begin_waiting(&leader, "silent", FT_FOREVER);
    unit_await("requests", &u.requests, 1);
    from_ms = unit_now_ms();
    begin_waiting(&follower, "slow50", FT_FOREVER);
    pthread_join(follower.thread, NULL);
    ck_assert_int_eq(follower.got, FT_OK);
    ck_assert_int_lt(unit_now_ms() - from_ms, 5000);
    ck_assert_int_eq(closeFT(ft), FT_OK);
    pthread_join(leader.thread, NULL);
    ck_assert_int_eq(leader.got, FT_ERR_CANCELED);
    unit_stop(&u);
    unit_remove(&u);
}
END_TEST

static void *open_and_close_often(void *arg)
{
    ftHandle_t mine;

    (void) arg;
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(openFT(u.host, &mine), FT_OK);
        ck_assert_int_eq(closeFT(mine), FT_OK);
        ck_assert_int_eq(closeFT(mine), FT_ERR_HANDLE);
    }
    return NULL;
}

START_TEST(threads_open_and_close_handles_of_their_own)
{
    pthread_t threads[8];

    start_and_open();
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, open_and_close_often, NULL), 0);
    ck_assert_int_eq(requestFT(ft, ask("slow50"), &reply, 5000), FT_OK);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    close_and_stop();
}
END_TEST

static void *close_it(void *arg)
{
    return (void *) (intptr_t) (closeFT(*(ftHandle_t *) arg) == FT_OK);
}

START_TEST(of_two_that_close_one_succeeds)
{
    pthread_t other;
    void *was_other;
    bool was_self;

    unit_start(&u);
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(openFT(u.host, &ft), FT_OK);
        ck_assert_int_eq(pthread_create(&other, NULL, close_it, &ft), 0);
        was_self = closeFT(ft) == FT_OK;
        pthread_join(other, &was_other);
        ck_assert_int_eq(was_self + (was_other != NULL), 1);
    }
    unit_stop(&u);
    unit_remove(&u);
}
END_TEST

START_TEST(a_thread_is_canceled_only_after_its_request)
{
    static struct waiting w;

    start_and_open();
    begin_waiting(&w, "slow150", 10000);
    unit_await("requests", &u.requests, 1);
    pthread_cancel(w.thread);
    pthread_join(w.thread, NULL);
    ck_assert_uint_eq(w.reply.decision, 1005);
    ck_assert_int_eq(requestFT(ft, ask("any"), &reply, 5000), FT_OK);
    close_and_stop();
}
END_TEST

/* ---------------------------------------------------------------- processes and signals */

/* Runs in the child; its exit code is the number of the first thing that was wrong. */
static int look_from_child(void)
{
    ftHandle_t own;
    int fds, descriptor;

    if (requestFT(ft, ask("any"), &reply, 1000) != FT_ERR_FORKED
        || reply.status != FT_ERR_FORKED)
        return 1;
    if (postFT(ft, ask("any")) != FT_ERR_FORKED || serveFT(ft) != FT_ERR_FORKED)
        return 2;
    if (descriptorFT(ft, &descriptor) != FT_ERR_FORKED || descriptor != -1)
        return 3;
    if (openFT(u.host, &own) != FT_OK) /* served by the parent's thread */
        return 4;
    if (requestFT(own, ask("any"), &reply, 5000) != FT_OK || closeFT(own) != FT_OK)
        return 5;
    fds = unit_count_fds();
    if (closeFT(ft) != FT_OK || closeFT(ft) != FT_ERR_HANDLE)
        return 6;
    if (unit_count_fds() >= fds)
        return 7;
    return 0;
}

static int run_child(int (*body)(void))
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) { /* nothing of Check in here: another thread may have held its lock */
        alarm(20);
        _exit(body());
    }
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "the child ended with status %#x", status);
    return WEXITSTATUS(status);
}

START_TEST(a_child_cannot_use_its_parents_handle)
{
    int descriptor;

    start_and_open();
    ck_assert_int_eq(descriptorFT(ft, &descriptor), FT_OK);
    ck_assert_int_eq(requestFT(ft, ask("any"), &reply, 5000), FT_OK);
    ck_assert_int_eq(run_child(look_from_child), 0);
    ck_assert_int_eq(requestFT(ft, ask("any"), &reply, 5000), FT_OK);
    close_and_stop();
}
END_TEST

static int close_in_child(void)
{
    return closeFT(ft) == FT_OK && closeFT(ft) == FT_ERR_HANDLE ? 0 : 1;
}

static atomic_bool is_over;

/* Keeps the table of handles locked most of the time. */
static void *try_handles(void *arg)
{
    (void) arg;
    while (!atomic_load(&is_over))
        closeFT((ftHandle_t){1});
    return NULL;
}

START_TEST(forking_under_busy_threads_never_hangs_the_child)
{
    pthread_t threads[4], triers[2];
    int numbers[4];

    start_and_open();
    for (int i = 0; i < 4; i++) {
        numbers[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_often, &numbers[i]), 0);
    }
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&triers[i], NULL, try_handles, NULL), 0);
    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(run_child(close_in_child), 0);
    atomic_store(&is_over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(triers[i], NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    close_and_stop();
}
END_TEST

/* How many sockets and the like a program that is executed now has. */
static int count_inherited(void)
{
    FILE *list = popen("ls -l /proc/self/fd | grep -c -e socket: -e anon_inode:", "re");
    int n = -1;

    ck_assert_ptr_nonnull(list);
    ck_assert_int_eq(fscanf(list, "%d", &n), 1);
    pclose(list);
    return n;
}

START_TEST(a_program_that_is_executed_inherits_no_descriptor)
{
    int descriptor, before = count_inherited();

    start_and_open();
    ck_assert_int_eq(descriptorFT(ft, &descriptor), FT_OK);
    ck_assert_int_eq(count_inherited(), before);
    close_and_stop();
}
END_TEST

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
    (void) number;
    signals++;
}

START_TEST(signals_neither_end_nor_lengthen_a_wait)
{
    struct sigaction action = {.sa_handler = count_signal}; /* no SA_RESTART */
    static struct waiting w;
    int64_t from_ms;

    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGPIPE, &action, NULL);
    start_and_open();
    from_ms = unit_now_ms();
    begin_waiting(&w, "silent", 300);
    unit_await("requests", &u.requests, 1);
    for (int i = 0; i < 20; i++) {
        pthread_kill(w.thread, SIGUSR1);
        poll(NULL, 0, 5);
    }
    pthread_join(w.thread, NULL);
    ck_assert_int_eq(w.got, FT_ERR_TIMEOUT);
    ck_assert_int_ge(unit_now_ms() - from_ms, 300);
    ck_assert_int_lt(unit_now_ms() - from_ms, 2000);
    ck_assert_int_gt(signals, 0);
    /* Writing to a unit that has gone raises nothing. */
    signals = 0;
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(requestFT(ft, ask("close"), &reply, 5000), FT_ERR_LOST);
    close_and_stop();
    u.manner = UNIT_STALLS;
    start_and_open();
    while (postFT(ft, ask("any")) == FT_OK)
        ;
    unit_stop(&u); /* with much that waits to be written */
    ck_assert_int_eq(serveFT(ft), FT_ERR_LOST);
    ck_assert_int_eq(postFT(ft, ask("any")), FT_ERR_CONNECT);
    ck_assert_int_eq(signals, 0);
    ck_assert_int_eq(closeFT(ft), FT_OK);
    unit_remove(&u);
}
END_TEST

/* ---------------------------------------------------------------- leaks and bounds */

static void one_life(void)
{
    ftRequest_t request;
    int descriptor;

    ck_assert_int_eq(openFT(u.host, &ft), FT_OK);
    ck_assert_int_eq(descriptorFT(ft, &descriptor), FT_OK);
    ck_assert_int_eq(requestFT(ft, ask("any"), &reply, 5000), FT_OK);
    ck_assert_int_eq(requestFT(ft, ask("close"), &reply, 5000), FT_ERR_LOST);
    ck_assert_int_eq(submitFT(ft, ask("any"), 5000, &request), FT_OK);
    ck_assert_int_eq(closeFT(ft), FT_OK);
    ck_assert_int_eq(openFT("unix:/tmp/no-such-folder/x", &ft), FT_ERR_CONNECT);
}

START_TEST(a_hundred_lives_leak_neither_memory_nor_descriptors)
{
    struct mallinfo2 before, after;
    int fds;

    unit_start(&u);
    for (int i = 0; i < 5; i++)
        one_life();
    fds = unit_count_fds();
    before = mallinfo2();
    for (int i = 0; i < 100; i++)
        one_life();
    after = mallinfo2();
    /* The unit's own connections come and go meanwhile: a life's worth of slack, no more. */
    ck_assert_int_le(unit_count_fds(), fds + 1);
    ck_assert_uint_lt(after.uordblks, before.uordblks + 512 * 1024);
    unit_stop(&u);
    unit_remove(&u);
}
END_TEST

static void limit_descriptors(rlim_t n)
{
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_msg(limit.rlim_max >= n, "this test needs a hard limit of %d descriptors", (int) n);
    limit.rlim_cur = n;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(handles_are_bounded)
{
    static ftHandle_t handles[1024], one_more;

    limit_descriptors(4096);
    unit_start(&u);
    for (int i = 0; i < 1024; i++)
        ck_assert_msg(openFT(u.host, &handles[i]) == FT_OK, "handle %d: %s", i, ftLastError());
    ck_assert_int_eq(openFT(u.host, &one_more), FT_ERR_BUSY);
    ck_assert_uint_eq(one_more.id, 0);
    ck_assert_int_eq(closeFT(handles[500]), FT_OK);
    ck_assert_int_eq(openFT(u.host, &one_more), FT_OK);
    ck_assert_uint_ne(one_more.id, handles[500].id);
    ck_assert_int_eq(closeFT(handles[500]), FT_ERR_HANDLE);
    handles[500] = one_more;
    for (int i = 0; i < 1024; i++)
        ck_assert_int_eq(closeFT(handles[i]), FT_OK);
    unit_stop(&u);
    unit_remove(&u);
}
END_TEST

START_TEST(without_descriptors_it_says_so_and_recovers)
{
    int descriptor, all[64], n = 0;
    rlim_t limit = (rlim_t) fds_at_start + 20;

    start_and_open();
    limit_descriptors(limit);
    while (n < 64 && (all[n] = dup(0)) >= 0)
        n++;
    ck_assert_int_lt(n, 64);
    for (int is_one_free = 0; is_one_free < 2; is_one_free++) {
        ftHandle_t other;

        if (is_one_free)
            close(all[--n]);
        errno = 0;
        ck_assert_int_eq(openFT(u.host, &other), FT_ERR_SYSTEM);
        ck_assert_int_eq(errno, EMFILE);
        ck_assert_ptr_nonnull(strstr(ftLastError(), "ulimit -n"));
        errno = 0;
        ck_assert_int_eq(descriptorFT(ft, &descriptor), FT_ERR_SYSTEM);
        ck_assert_int_eq(errno, EMFILE);
        ck_assert_int_eq(descriptor, -1);
    }
    ck_assert_int_eq(requestFT(ft, ask("any"), &reply, 5000), FT_OK);
    while (n > 0)
        close(all[--n]);
    ck_assert_int_eq(descriptorFT(ft, &descriptor), FT_OK);
    close_and_stop();
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *c = tcase_create(name);

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    suite_add_tcase(suite, c);
    return c;
}

int main(void)
{
    Suite *suite = suite_create("libft");
    SRunner *runner = srunner_create(suite);
    TCase *c;
    int failed;

    c = add_case(suite, "arguments");
    tcase_add_test(c, answers_a_request);
    tcase_add_test(c, passes_on_every_field_of_a_reply);
    tcase_add_test(c, passes_on_an_error_and_words_one_that_has_none);
    tcase_add_test(c, every_kind_of_action_arrives);
    tcase_add_test(c, refuses_bad_arguments);
    tcase_add_test(c, refuses_handles_that_are_not_open);
    tcase_add_test(c, refuses_actions_that_were_not_made_well);
    tcase_add_test(c, commands_are_answered_by_a_text);
    tcase_add_test(c, bad_commands_are_refused);
    tcase_add_test(c, leaves_errno_alone);
    c = add_case(suite, "time");
    tcase_add_test(c, waits_no_longer_than_told);
    tcase_add_test(c, time_zero_sends_and_does_not_wait);
    tcase_add_test(c, time_without_end_and_nearly_so);
    c = add_case(suite, "misbehaving units");
    tcase_add_test(c, a_lost_unit_is_told_and_the_next_request_connects_again);
    tcase_add_test(c, a_unit_lost_in_between_is_not_even_noticed_if_another_is_there);
    tcase_add_test(c, without_a_unit_a_request_fails_at_once);
    tcase_add_test(c, what_cannot_be_understood_is_said);
    tcase_add_test(c, answers_that_nobody_asked_for_are_passed_over);
    tcase_add_test(c, open_fails_if_the_unit_does_not_greet_well);
    tcase_add_test(c, open_fails_if_no_unit_listens_there);
    tcase_add_test(c, open_gives_up_on_a_unit_that_never_greets);
    tcase_add_test(c, a_request_fails_with_the_reconnection);
    c = add_case(suite, "threads");
    tcase_add_test(c, many_threads_share_a_handle);
    tcase_add_test(c, closing_ends_requests_of_other_threads);
    tcase_add_test(c, a_loss_ends_requests_of_all_threads);
    tcase_add_test(c, a_leader_that_leaves_is_followed_by_another);
    tcase_add_test(c, a_follower_returns_when_its_own_answer_comes);
    tcase_add_test(c, threads_open_and_close_handles_of_their_own);
    tcase_add_test(c, of_two_that_close_one_succeeds);
    tcase_add_test(c, a_thread_is_canceled_only_after_its_request);
    c = add_case(suite, "processes");
    tcase_add_test(c, a_child_cannot_use_its_parents_handle);
    tcase_add_test(c, forking_under_busy_threads_never_hangs_the_child);
    tcase_add_test(c, a_program_that_is_executed_inherits_no_descriptor);
    tcase_add_test(c, signals_neither_end_nor_lengthen_a_wait);
    c = add_case(suite, "bounds");
    tcase_add_test(c, a_hundred_lives_leak_neither_memory_nor_descriptors);
    tcase_add_test(c, handles_are_bounded);
    tcase_add_test(c, without_descriptors_it_says_so_and_recovers);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
