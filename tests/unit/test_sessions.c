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
#include <unistd.h>

#include "centrald/events.h"
#include "centrald/sessions.h"
#include "centrald/source.h"

#define NS_PER_MS INT64_C(1000000)
#define NAME "prterun-n0-7"
#define JOB NAME "@1"

#define KEPT_MAX 64

static const struct ft_asker launcher = {
    .node = "n0", .job = NAME "@0", .rank = -1, .pid = 7, .uid = 1000, .launcher = true,
    .slurm_job = 77, .spares = "n8,n9"};

static struct {
    char key[80];
    uint8_t data[4096];
    size_t n;
} kept[KEPT_MAX]; /* in the order of their first keeping; n 0: forgotten */
static size_t kept_n;
static uint64_t acquire_id, acquire_session;
static char released[100], taken[200];

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
    acquire_id = acquire;
    acquire_session = wanted->session;
}

static void do_abandon(void *arg, uint64_t acquire)
{
    (void) arg;
    (void) acquire;
}

static void do_release(void *arg, const struct ft_returned *returned)
{
    size_t n = strlen(released);

    (void) arg;
    snprintf(released + n, sizeof released - n, "%d:%s ", (int) returned->session, returned->node);
}

static void do_keep(void *arg, const char *key, const void *data, size_t n)
{
    size_t i = 0;

    (void) arg;
    while (i < kept_n && strcmp(kept[i].key, key) != 0)
        i++;
    if (data == NULL && i == kept_n)
        return; /* a prefix, or never kept */
    ck_assert_uint_lt(i, KEPT_MAX);
    ck_assert_uint_le(n, sizeof kept[i].data);
    kept_n += i == kept_n;
    snprintf(kept[i].key, sizeof kept[i].key, "%s", key);
    if (data != NULL)
        memcpy(kept[i].data, data, n);
    kept[i].n = data != NULL ? n : 0;
}

static void on_taken(void *arg, uint64_t session, const char *node, bool needed)
{
    size_t n = strlen(taken);

    (void) arg;
    snprintf(taken + n, sizeof taken - n, "%d:%s%s ", (int) session, node, needed ? "" : "?");
}

static bool do_configured(void *arg, const char *node, struct ft_facts *facts)
{
    (void) arg;
    (void) node;
    (void) facts;
    return false;
}

static void on_gone(void *arg, struct ft_central *which, uint64_t session)
{
    (void) arg;
    (void) session;
    gone = which;
}

static void make_sessions(void)
{
    struct ft_sessions_config config = {.env = {.now_ns = do_now_ns,
                                                .log = do_log,
                                                .reply = do_reply,
                                                .probe = do_probe,
                                                .want_unit = do_want_unit,
                                                .acquire = do_acquire,
                                                .abandon = do_abandon,
                                                .release = do_release,
                                                .configured = do_configured,
                                                .keep = do_keep},
                                        .central = ft_central_defaults,
                                        .gone = on_gone};

    sessions = ft_sessions_create(&config);
    ck_assert_ptr_nonnull(sessions);
}

static void setup(void)
{
    now_ns = 1;
    began = ended = gone_silently = 0;
    kept_n = 0;
    released[0] = taken[0] = '\0';
    gone = NULL;
    make_sessions();
}

/* Another central unit goes on with what was kept. */
static void setup_successor(void)
{
    size_t n = kept_n;

    make_sessions();
    for (size_t i = 0; i < n; i++) {
        if (kept[i].n > 0)
            ck_assert_int_eq(ft_sessions_restore(sessions, kept[i].key, kept[i].data, kept[i].n), 0);
    }
    ft_sessions_restored(sessions, on_taken, NULL);
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

/* ---- nodes from Slurm */

START_TEST(it_is_known_whose_it_is_and_for_which_job)
{
    struct ft_session_owner owner;

    run_job();
    ck_assert(ft_sessions_owner(sessions, 1, &owner));
    ck_assert_str_eq(owner.name, NAME);
    ck_assert_str_eq(owner.spares, "n8,n9");
    ck_assert_uint_eq(owner.uid, 1000);
    ck_assert_uint_eq(owner.slurm_job, 77);
    ck_assert(!ft_sessions_owner(sessions, 2, &owner));
    ck_assert(!ft_sessions_owner(sessions, 0, &owner));
    ck_assert_uint_eq(ft_sessions_number(sessions, central), 1);
    ck_assert_uint_eq(ft_sessions_number(sessions, ft_sessions_base(sessions)), 0);
}
END_TEST

START_TEST(what_happens_to_a_job_is_its_users_to_see)
{
    static const char line[] = "{\"seq\":1,\"event\":\"node_lost\",\"owner\":10,\"text\":\"-\"}";

    ck_assert(ft_events_may_see(line, 10));
    ck_assert(!ft_events_may_see(line, 1));
    ck_assert(!ft_events_may_see(line, 100));
    ck_assert(ft_events_may_see("{\"seq\":1,\"event\":\"unit_up\"}", 1));
    ck_assert(ft_events_may_see("{\"seq\":1,\"text\":\"\\\",\\\"owner\\\":7\"}", 1));
}
END_TEST

static void is_granted(const char *node)
{
    ftConstraint_t any = ftAny();

    ft_central_acquire(central, 5, &launcher, &any, 10000);
    ck_assert_uint_eq(acquire_session, 1);
    ck_assert(ft_sessions_offer(sessions, acquire_id, node));
}

START_TEST(its_nodes_go_back_in_its_name)
{
    run_job();
    is_granted("n5");
    go_away();
    pass_ms(FT_SESSION_LINGER_MS);
    is_over();
    ck_assert_str_eq(released, "1:n5 ");
}
END_TEST

START_TEST(slurm_is_asked_in_no_others_name_without_being_root)
{
    struct ft_source_session session = {.slurm_job = 77, .uid = 4711};
    struct ft_plan plan = {.rms = (char *) "auto"};
    char why[300] = "";

    if (geteuid() == 0)
        ck_assert_int_eq(setuid(65534), 0);
    ck_assert_ptr_null(
        ft_source_for_session(&plan, &session, NULL, NULL, NULL, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "ft-centrald runs as user "));
}
END_TEST

/* What was offered to a decision that the one before did not come to make nobody knows any more. */
START_TEST(a_successor_is_told_what_was_taken_and_what_is_not_needed)
{
    struct ft_asker asker = launcher;
    struct ft_session_owner owner;
    ftConstraint_t any = ftAny();
    ftResource_t rank = ftRankOf(JOB, 0);

    run_job();
    is_granted("n5");
    asker.launcher = false;
    asker.job = JOB;
    node_is(FT_NODE_LOST);
    acquire_id = 0;
    ft_central_find_alternative(central, 6, &asker, &rank, &any, 60000);
    ck_assert_uint_ne(acquire_id, 0);
    ck_assert(ft_sessions_offer(sessions, acquire_id, "n6")); /* its unit is waited for */
    ft_sessions_destroy(sessions);
    setup_successor();
    ck_assert_str_eq(taken, "1:n5 1:n6? ");
    ck_assert(ft_sessions_owner(sessions, 1, &owner));
    ck_assert_str_eq(owner.spares, "n8,n9");
    ck_assert_uint_eq(owner.slurm_job, 77);
    pass_ms(FT_SESSION_LINGER_MS); /* its launcher does not come */
    ck_assert_str_eq(released, "1:n5 ");
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
    tcase_add_test(t, it_is_known_whose_it_is_and_for_which_job);
    tcase_add_test(t, what_happens_to_a_job_is_its_users_to_see);
    tcase_add_test(t, its_nodes_go_back_in_its_name);
    tcase_add_test(t, a_successor_is_told_what_was_taken_and_what_is_not_needed);
    tcase_add_test(t, slurm_is_asked_in_no_others_name_without_being_root);
    suite_add_tcase(suite, t);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
