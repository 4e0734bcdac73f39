/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_sessions.c - when the session of a launcher begins and ends, with a clock that the test
 * moves and a launcher that the test plays.
 */
#include "config.h"

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "centrald/sessions.h"

#define NS_PER_MS INT64_C(1000000)
#define NAME "prterun-n0-7"
#define JOB NAME "@1"

static const struct ft_asker launcher = {
    .node = "n0", .job = NAME "@0", .rank = -1, .pid = 7, .uid = 1000, .launcher = true};

static int64_t now_ns;
static struct ft_sessions *sessions;
static struct ft_central *central; /* the launcher's */
static unsigned began, ended, gone_silently;
static const struct ft_central *gone;

static int64_t do_now_ns(void *arg)
{
    (void) arg;
    return now_ns;
}

static void do_log(void *arg, const struct ft_event *event)
{
    (void) arg;
    began += strcmp(event->name, "session_began") == 0;
    ended += strcmp(event->name, "session_ended") == 0;
    gone_silently += strcmp(event->name, "launcher_gone") == 0;
}

static void do_reply(void *arg, uint64_t token, const ftReply_t *reply)
{
    (void) arg;
    (void) token;
    ck_assert_int_eq(reply->status, FT_OK);
}

static int do_probe(void *arg, uint64_t probe, const char *node, unsigned timeout_ms, char *why,
                    size_t size)
{
    (void) arg;
    (void) probe;
    (void) node;
    (void) timeout_ms;
    snprintf(why, size, "there is no unit");
    return -1;
}

static void do_want_unit(void *arg, const char *node)
{
    (void) arg;
    (void) node;
}

static void do_acquire(void *arg, uint64_t acquire, const struct ft_wanted *wanted)
{
    (void) arg;
    (void) acquire;
    (void) wanted;
}

static void do_abandon(void *arg, uint64_t acquire)
{
    (void) arg;
    (void) acquire;
}

static void do_release(void *arg, const char *node, bool broken)
{
    (void) arg;
    (void) node;
    (void) broken;
}

static bool do_configured(void *arg, const char *node, struct ft_facts *facts)
{
    (void) arg;
    (void) node;
    (void) facts;
    return false;
}

static void on_gone(void *arg, struct ft_central *which)
{
    (void) arg;
    gone = which;
}

static void setup(void)
{
    struct ft_sessions_config config = {.env = {.now_ns = do_now_ns,
                                                .log = do_log,
                                                .reply = do_reply,
                                                .probe = do_probe,
                                                .want_unit = do_want_unit,
                                                .acquire = do_acquire,
                                                .abandon = do_abandon,
                                                .release = do_release,
                                                .configured = do_configured},
                                        .central = ft_central_defaults,
                                        .gone = on_gone};

    now_ns = 1;
    began = ended = gone_silently = 0;
    gone = NULL;
    sessions = ft_sessions_create(&config);
    ck_assert_ptr_nonnull(sessions);
}

static void teardown(void)
{
    ft_sessions_destroy(sessions);
}

static void pass_ms(int64_t ms)
{
    now_ns += ms * NS_PER_MS;
    ft_sessions_tick(sessions);
}

/* ---- what the launcher does */

static void attach(void)
{
    char why[200] = "";

    central = ft_sessions_of(sessions, &launcher, 0, why, sizeof why);
    ck_assert_msg(central != NULL, "%s", why);
    ck_assert_uint_eq(ft_sessions_count(sessions), 1);
    ck_assert_uint_eq(began, 1);
}

static void node_is(ftNodeChange_t change)
{
    ft_central_node_changed(central, 1, &launcher, "n1", 1, change, "");
    ft_sessions_reported(sessions, central);
}

static void run_job(void)
{
    const ftProcessInfo_t rank = {.rank = 0, .pid = 99, .node = "n1"};

    attach();
    ft_sessions_launcher_seen(sessions, central);
    node_is(FT_NODE_JOINED);
    ft_central_job_started(central, 2, &launcher, JOB, "", &rank, 1);
    ft_sessions_reported(sessions, central);
}

static void end_job(void)
{
    ft_central_job_ended(central, 3, &launcher, JOB, 0);
    ft_sessions_reported(sessions, central);
}

static void go_away(void)
{
    ft_sessions_launcher_unseen(sessions, central);
}

#define is_there() ck_assert_uint_eq(ft_sessions_count(sessions), 1)
#define is_over()                                                                                  \
    do {                                                                                           \
        ck_assert_uint_eq(ft_sessions_count(sessions), 0);                                         \
        ck_assert_uint_eq(ended, 1);                                                               \
        ck_assert_ptr_eq(gone, central);                                                           \
    } while (0)

/* ---- */

START_TEST(it_ends_at_once_with_a_launcher_that_took_leave)
{
    run_job();
    end_job();
    node_is(FT_NODE_LEFT);
    pass_ms(60000); /* it still waits for news */
    is_there();
    go_away();
    ck_assert_int_le(ft_sessions_next_deadline_ns(sessions), now_ns);
    pass_ms(0);
    is_over();
    ck_assert_uint_eq(gone_silently, 0);
}
END_TEST

START_TEST(it_waits_for_a_launcher_that_said_nothing)
{
    run_job();
    go_away();
    pass_ms(FT_SESSION_LINGER_MS - 1);
    is_there();
    pass_ms(1);
    is_over();
    ck_assert_uint_eq(gone_silently, 1);
}
END_TEST

/* Its jobs may be over, but its daemons are there for the next one. */
START_TEST(it_waits_for_a_launcher_that_has_nodes)
{
    run_job();
    end_job();
    go_away();
    pass_ms(FT_SESSION_LINGER_MS - 1);
    is_there();
    pass_ms(1);
    is_over();
}
END_TEST

START_TEST(it_goes_on_with_a_launcher_that_comes_back)
{
    run_job();
    go_away();
    pass_ms(FT_SESSION_LINGER_MS - 1);
    ft_sessions_launcher_seen(sessions, central);
    pass_ms(10 * FT_SESSION_LINGER_MS);
    is_there();
    ck_assert_uint_eq(began, 1);
}
END_TEST

/* Of several that wait for it, one that goes says nothing of the launcher. */
START_TEST(it_ends_with_the_last_of_its_connections)
{
    run_job();
    ft_sessions_launcher_seen(sessions, central);
    end_job();
    node_is(FT_NODE_LEFT);
    go_away();
    pass_ms(FT_SESSION_LINGER_MS);
    is_there();
    go_away();
    pass_ms(0);
    is_over();
}
END_TEST

/* Its first report comes before it waits for news. */
START_TEST(it_gives_a_launcher_time_to_begin)
{
    attach();
    ft_sessions_reported(sessions, central);
    pass_ms(500);
    is_there();
    ft_sessions_launcher_seen(sessions, central);
    pass_ms(60000);
    is_there();
}
END_TEST

START_TEST(it_does_not_wait_for_ever_for_a_launcher_that_never_began)
{
    attach();
    ft_sessions_reported(sessions, central);
    pass_ms(1000);
    is_over();
}
END_TEST

START_TEST(it_is_not_another_users)
{
    struct ft_asker other = launcher;
    char why[200] = "";

    run_job();
    other.uid = 1001;
    ck_assert_ptr_null(ft_sessions_of(sessions, &other, 0, why, sizeof why));
    ck_assert_str_eq(why, "session " NAME " belongs to user 1000");
    other.uid = 0;
    ck_assert_ptr_eq(ft_sessions_of(sessions, &other, 0, why, sizeof why), central);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sessions");
    TCase *t = tcase_create("sessions");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, it_ends_at_once_with_a_launcher_that_took_leave);
    tcase_add_test(t, it_waits_for_a_launcher_that_said_nothing);
    tcase_add_test(t, it_waits_for_a_launcher_that_has_nodes);
    tcase_add_test(t, it_goes_on_with_a_launcher_that_comes_back);
    tcase_add_test(t, it_ends_with_the_last_of_its_connections);
    tcase_add_test(t, it_gives_a_launcher_time_to_begin);
    tcase_add_test(t, it_does_not_wait_for_ever_for_a_launcher_that_never_began);
    tcase_add_test(t, it_is_not_another_users);
    suite_add_tcase(suite, t);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
