/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests without waiting: submit, poll, cancel, the descriptor to wait on (readable for answers,
 * for time that ran out, for a loss, and for answers that another thread has read), posts, and the
 * bounds of both.
 */
#include "config.h"

#include "libft_unit.h"

#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ft.h"
#include "ft_runtime.h"

static struct unit u;
static ftHandle_t ft;
static ftReply_t reply;
static int fds_at_start;

static void setup(void)
{
    unit_folder();
    fds_at_start = unit_count_fds();
}

static void teardown(void)
{
    ck_assert_int_eq(unit_count_fds(), fds_at_start);
}

static void start_and_open(void)
{
    unit_start(&u);
    ck_assert_msg(openFT(u.host, &ft) == FT_OK, "%s", ftLastError());
}

static void close_and_stop(void)
{
    ck_assert_int_eq(closeFT(ft), FT_OK);
    unit_stop(&u);
    unit_remove(&u);
}

static ftRequest_t submit(const char *what, int number, ftTimeout_t timeout_ms)
{
    ftRequest_t request = {0};
    ftRetVal_t got =
        submitFT(ft, findAlternative(ftRankOf(what, number), ftAny()), timeout_ms, &request);

    ck_assert_msg(got == FT_OK, "%d: %s", got, ftLastError());
    ck_assert_uint_ne(request.id, 0);
    return request;
}

static int get_descriptor(void)
{
    int descriptor = -1;

    ck_assert_int_eq(descriptorFT(ft, &descriptor), FT_OK);
    ck_assert_int_ge(descriptor, 0);
    return descriptor;
}

static bool is_readable(int descriptor, int within_ms)
{
    struct pollfd fd = {.fd = descriptor, .events = POLLIN};

    return poll(&fd, 1, within_ms) == 1 && (fd.revents & POLLIN) != 0;
}

/* Waits on the descriptor, as a program's own loop would, until the request is answered. */
static ftRetVal_t await(int descriptor, ftRequest_t request)
{
    int64_t until_ms = unit_now_ms() + 10000;
    ftRetVal_t got;

    memset(&reply, 0x5a, sizeof reply);
    while ((got = pollFT(ft, request, &reply)) == FT_PENDING) {
        ck_assert_int_eq(reply.status, 0x5a5a5a5a); /* untouched */
        ck_assert_msg(is_readable(descriptor, 10000), "never readable");
        ck_assert_int_lt(unit_now_ms(), until_ms);
    }
    ck_assert_int_eq(reply.status, got);
    return got;
}

/* ---------------------------------------------------------------- submit, poll, cancel */

START_TEST(a_request_goes_its_way_without_waiting)
{
    ftRequest_t request;
    int descriptor;

    start_and_open();
    descriptor = get_descriptor();
    ck_assert_int_eq(get_descriptor(), descriptor);
    ck_assert(!is_readable(descriptor, 0));
    request = submit("slow50", 8, 5000);
    ck_assert_int_eq(await(descriptor, request), FT_OK);
    ck_assert_uint_eq(reply.decision, 1008);
    ck_assert(!is_readable(descriptor, 0));
    /* It is finished: not known any more. */
    ck_assert_int_eq(pollFT(ft, request, &reply), FT_ERR_ARG);
    ck_assert_int_eq(cancelFT(ft, request), FT_ERR_ARG);
    close_and_stop();
}
END_TEST

START_TEST(polling_alone_gets_the_answer)
{
    ftRequest_t request;
    int64_t until_ms = unit_now_ms() + 5000;
    ftRetVal_t got;

    start_and_open();
    request = submit("any", 1, FT_FOREVER);
    while ((got = pollFT(ft, request, &reply)) == FT_PENDING && unit_now_ms() < until_ms)
        poll(NULL, 0, 1);
    ck_assert_int_eq(got, FT_OK);
    close_and_stop();
}
END_TEST

START_TEST(time_runs_out_by_the_descriptor)
{
    ftRequest_t first, second;
    int64_t from_ms;
    int descriptor;

    start_and_open();
    descriptor = get_descriptor();
    from_ms = unit_now_ms();
    second = submit("silent", 2, 1500);
    first = submit("silent", 1, 50);
    ck_assert_int_eq(await(descriptor, first), FT_ERR_TIMEOUT);
    ck_assert_int_ge(unit_now_ms() - from_ms, 50);
    ck_assert_int_lt(unit_now_ms() - from_ms, 1500);
    ck_assert_int_eq(pollFT(ft, second, &reply), FT_PENDING);
    ck_assert_int_eq(await(descriptor, second), FT_ERR_TIMEOUT);
    ck_assert_ptr_nonnull(strstr(reply.reason, "within 1500 ms"));
    ck_assert(!is_readable(descriptor, 0));
    unit_await("cancels", &u.cancels, 2);
    close_and_stop();
}
END_TEST

START_TEST(a_loss_makes_the_descriptor_readable_and_it_outlives_it)
{
    ftRequest_t request, more;
    int descriptor;

    start_and_open();
    descriptor = get_descriptor();
    request = submit("silent", 1, FT_FOREVER);
    more = submit("close", 1, FT_FOREVER);
    ck_assert_int_eq(await(descriptor, request), FT_ERR_LOST);
    ck_assert(is_readable(descriptor, 0)); /* the other one's answer waits still */
    ck_assert_int_eq(pollFT(ft, more, &reply), FT_ERR_LOST);
    ck_assert(!is_readable(descriptor, 0));
    ck_assert_int_eq(await(descriptor, submit("slow20", 3, 5000)), FT_OK);
    ck_assert_int_eq(get_descriptor(), descriptor);
    close_and_stop();
}
END_TEST

START_TEST(a_lost_connection_does_not_ring_on_in_a_childs_copy)
{
    ftRequest_t request;
    int descriptor;
    pid_t child;

    start_and_open();
    descriptor = get_descriptor();
    child = fork();
    if (child == 0) { /* keeps libft's end of the connection, but not the unit's */
        alarm(20);
        for (int i = 0; i < UNIT_CONNECTIONS_MAX; i++) {
            if (u.of[i].fd >= 0)
                close(u.of[i].fd);
        }
        for (;;)
            pause();
    }
    ck_assert_int_gt(child, 0);
    request = submit("close", 1, FT_FOREVER);
    ck_assert_int_eq(await(descriptor, request), FT_ERR_LOST);
    ck_assert(!is_readable(descriptor, 0));
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    close_and_stop();
}
END_TEST

static void *ask_for_an_answer(void *arg)
{
    static ftReply_t own;

    (void) arg;
    ck_assert_int_eq(
        requestFT(ft, findAlternative(ftRankOf("slow150", 1), ftAny()), &own, 10000), FT_OK);
    return NULL;
}

START_TEST(answers_that_another_thread_read_make_it_readable)
{
    ftRequest_t request;
    pthread_t other;
    int descriptor;

    start_and_open();
    descriptor = get_descriptor();
    ck_assert_int_eq(pthread_create(&other, NULL, ask_for_an_answer, NULL), 0);
    unit_await("requests", &u.requests, 1);
    request = submit("slow20", 2, 10000);
    pthread_join(other, NULL); /* it has read the other answer by now */
    ck_assert(is_readable(descriptor, 0));
    ck_assert_int_eq(pollFT(ft, request, &reply), FT_OK);
    ck_assert_uint_eq(reply.decision, 1002);
    ck_assert(!is_readable(descriptor, 0));
    close_and_stop();
}
END_TEST

START_TEST(canceled_requests_are_gone)
{
    ftRequest_t pending, answered;
    int descriptor;

    start_and_open();
    descriptor = get_descriptor();
    pending = submit("silent", 1, FT_FOREVER);
    ck_assert_int_eq(cancelFT(ft, pending), FT_OK);
    ck_assert_int_eq(cancelFT(ft, pending), FT_ERR_ARG);
    ck_assert_int_eq(pollFT(ft, pending, &reply), FT_ERR_ARG);
    unit_await("cancels", &u.cancels, 1);
    answered = submit("any", 2, FT_FOREVER);
    ck_assert(is_readable(descriptor, 5000));
    ck_assert_int_eq(serveFT(ft), FT_OK);
    ck_assert(is_readable(descriptor, 0));
    ck_assert_int_eq(cancelFT(ft, answered), FT_OK);
    ck_assert(!is_readable(descriptor, 0));
    ck_assert_int_eq(atomic_load(&u.cancels), 1); /* that one was answered already */
    close_and_stop();
}
END_TEST

START_TEST(submitting_without_a_unit_fails_and_leaves_nothing)
{
    ftRequest_t request = {3};
    ftAction_t action = findAlternative(ftRank(1), ftAny());

    start_and_open();
    get_descriptor();
    unit_stop(&u);
    ck_assert_int_eq(submitFT(ft, action, 1000, &request), FT_ERR_CONNECT);
    ck_assert_uint_eq(request.id, 0);
    ck_assert_ptr_nonnull(strstr(ftLastError(), u.host));
    unit_start(&u);
    ck_assert_int_eq(await(get_descriptor(), submit("any", 1, 5000)), FT_OK);
    close_and_stop();
}
END_TEST

START_TEST(a_request_of_another_handle_is_not_known)
{
    ftRequest_t request;
    ftHandle_t other;

    start_and_open();
    ck_assert_int_eq(openFT(u.host, &other), FT_OK);
    request = submit("silent", 1, FT_FOREVER);
    ck_assert_int_eq(pollFT(other, request, &reply), FT_ERR_ARG);
    ck_assert_int_eq(cancelFT(other, request), FT_ERR_ARG);
    ck_assert_int_eq(closeFT(other), FT_OK);
    ck_assert_int_eq(pollFT(ft, request, &reply), FT_PENDING);
    close_and_stop();
}
END_TEST

START_TEST(requests_under_way_are_bounded)
{
    static ftRequest_t requests[1024];
    ftAction_t action = findAlternative(ftRankOf("any", 1), ftAny());
    ftRequest_t one_more;

    start_and_open();
    for (int i = 0; i < 1024; i++)
        requests[i] = submit(i % 2 ? "any" : "silent", i, FT_FOREVER);
    ck_assert_int_eq(submitFT(ft, action, 1000, &one_more), FT_ERR_BUSY);
    ck_assert_uint_eq(one_more.id, 0);
    ck_assert_int_eq(requestFT(ft, action, &reply, 1000), FT_ERR_BUSY);
    ck_assert_str_ne(reply.hint, "");
    ck_assert_int_eq(cancelFT(ft, requests[0]), FT_OK);
    ck_assert_int_eq(requestFT(ft, action, &reply, 5000), FT_OK);
    for (int i = 1; i < 1024; i += 2) {
        ck_assert_int_eq(await(get_descriptor(), requests[i]), FT_OK);
        ck_assert_uint_eq(reply.decision, 1000 + i);
    }
    for (int i = 2; i < 1024; i += 2)
        ck_assert_int_eq(pollFT(ft, requests[i], &reply), FT_PENDING);
    close_and_stop(); /* with 511 under way */
}
END_TEST

/* ---------------------------------------------------------------- posts */

START_TEST(posts_arrive_and_are_never_answered)
{
    int descriptor;

    start_and_open();
    descriptor = get_descriptor();
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(postFT(ft, ftProcessEnded("j@1", i, FT_ENDED_WELL, 0)), FT_OK);
    unit_await("posts", &u.posts, 100);
    ck_assert_int_eq(serveFT(ft), FT_OK);
    ck_assert(!is_readable(descriptor, 0));
    ck_assert_int_eq(atomic_load(&u.requests), 0);
    close_and_stop();
}
END_TEST

START_TEST(posts_before_closing_are_delivered)
{
    start_and_open();
    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(postFT(ft, ftProcessEnded("j@1", i, FT_ENDED_WELL, 0)), FT_OK);
    ck_assert_int_eq(closeFT(ft), FT_OK);
    unit_await("posts", &u.posts, 50);
    unit_stop(&u);
    unit_remove(&u);
}
END_TEST

START_TEST(what_a_post_borrows_is_copied)
{
    char node[16] = "n1";
    ftProcessInfo_t *processes = malloc(4096 * sizeof *processes);

    for (int i = 0; i < 4096; i++)
        processes[i] = (ftProcessInfo_t){i, 1000 + i, node};
    start_and_open();
    ck_assert_int_eq(postFT(ft, ftJobStarted("j@1", "", processes, 4096)), FT_OK);
    memset(processes, 0, 4096 * sizeof *processes);
    free(processes);
    memset(node, 0, sizeof node);
    unit_await("posts", &u.posts, 1);
    close_and_stop();
}
END_TEST

START_TEST(posts_wait_bounded_and_go_out_when_they_can)
{
    static char text[900];
    int descriptor, posted = 0;
    ftRetVal_t got;

    memset(text, 't', sizeof text - 1);
    u.manner = UNIT_STALLS;
    start_and_open();
    descriptor = get_descriptor();
    while ((got = postFT(ft, ftNodeChanged("n1", 1, FT_NODE_LOST, text))) == FT_OK
           && posted < 100000)
        posted++;
    ck_assert_int_eq(got, FT_ERR_BUSY);
    ck_assert_int_gt(posted, (4 << 20) / 1000 - 100); /* 4 MiB fitted */
    ck_assert_int_lt(posted, (4 << 20) / 900 + 1500); /* and what the socket takes */
    ck_assert(!is_readable(descriptor, 50));
    unit_resume(&u);
    while (atomic_load(&u.posts) < posted) {
        ck_assert(is_readable(descriptor, 10000) || atomic_load(&u.posts) == posted);
        ck_assert_int_eq(serveFT(ft), FT_OK);
    }
    ck_assert_int_eq(postFT(ft, ftJobEnded("j@1", 0)), FT_OK);
    unit_await("posts", &u.posts, posted + 1);
    close_and_stop();
}
END_TEST

START_TEST(serving_tells_of_a_loss_once_and_connects_again)
{
    int descriptor;

    start_and_open();
    descriptor = get_descriptor();
    unit_stop(&u);
    ck_assert(is_readable(descriptor, 5000));
    ck_assert_int_eq(serveFT(ft), FT_ERR_LOST);
    ck_assert(!is_readable(descriptor, 0));
    ck_assert_int_eq(serveFT(ft), FT_ERR_CONNECT);
    ck_assert_int_eq(postFT(ft, ftJobEnded("j@1", 0)), FT_ERR_CONNECT);
    unit_start(&u);
    ck_assert_int_eq(serveFT(ft), FT_OK);
    ck_assert_int_eq(postFT(ft, ftJobEnded("j@1", 0)), FT_OK);
    while (atomic_load(&u.posts) < 1) { /* it waits for the unit's greeting */
        ck_assert(is_readable(descriptor, 5000) || atomic_load(&u.posts) == 1);
        ck_assert_int_eq(serveFT(ft), FT_OK);
    }
    close_and_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("libft_nonblocking");
    SRunner *runner = srunner_create(suite);
    TCase *c = tcase_create("nonblocking");
    int failed;

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_request_goes_its_way_without_waiting);
    tcase_add_test(c, polling_alone_gets_the_answer);
    tcase_add_test(c, time_runs_out_by_the_descriptor);
    tcase_add_test(c, a_loss_makes_the_descriptor_readable_and_it_outlives_it);
    tcase_add_test(c, a_lost_connection_does_not_ring_on_in_a_childs_copy);
    tcase_add_test(c, answers_that_another_thread_read_make_it_readable);
    tcase_add_test(c, canceled_requests_are_gone);
    tcase_add_test(c, submitting_without_a_unit_fails_and_leaves_nothing);
    tcase_add_test(c, a_request_of_another_handle_is_not_known);
    tcase_add_test(c, requests_under_way_are_bounded);
    tcase_add_test(c, posts_arrive_and_are_never_answered);
    tcase_add_test(c, posts_before_closing_are_delivered);
    tcase_add_test(c, what_a_post_borrows_is_copied);
    tcase_add_test(c, posts_wait_bounded_and_go_out_when_they_can);
    tcase_add_test(c, serving_tells_of_a_loss_once_and_connects_again);
    suite_add_tcase(suite, c);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
