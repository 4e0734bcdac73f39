/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_rms_pmix.c - nodes by PMIx_Allocation_request: the backend "pmix" and its helper, against a
 * PMIx server that gives nodes (pmix_host.c).
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "common/clock.h"
#include "rms/rms.h"

#define WAIT_MS 30000

static struct {
    pid_t pid;
    int to, from;
    char said[16384];
    size_t n;
} host;
static uv_loop_t loop;
static bool turns;
static struct ft_rms *rms;
static char offered[64], why_none[300];
static uint64_t answered;
static unsigned offers;
static char folder[64];

static const char *built(const char *name)
{
    static char path[4][512];
    static unsigned i;
    const char *top = getenv("FT_TEST_BUILDDIR");

    snprintf(path[i % 4], sizeof path[0], "%s/%s", top != NULL ? top : ".", name);
    return path[i++ % 4];
}

/* ---------------------------------------------------------------- the host */

static void start_host(char *const argv[])
{
    int to[2], from[2];

    ck_assert_int_eq(pipe(to), 0);
    ck_assert_int_eq(pipe(from), 0);
    host.pid = fork();
    ck_assert_int_ge(host.pid, 0);
    if (host.pid == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        for (int fd = 3; fd < 64; fd++)
            close(fd);
        execv(argv[0], argv);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    host.to = to[1];
    host.from = from[0];
    host.n = 0;
    host.said[0] = '\0';
    fcntl(host.from, F_SETFL, O_NONBLOCK);
}

static void listen_to_host(void)
{
    ssize_t n = read(host.from, host.said + host.n, sizeof host.said - 1 - host.n);

    if (n > 0) {
        host.n += (size_t) n;
        host.said[host.n] = '\0';
    }
}

static bool host_said(const char *text)
{
    listen_to_host();
    return strstr(host.said, text) != NULL;
}

/* Until then; turns the loop while there is one. */
#define UNTIL(condition)                                                        \
    do {                                                                        \
        int64_t end_ms = ft_clock_ms() + WAIT_MS;                               \
        while (!(condition)) {                                                  \
            ck_assert_msg(ft_clock_ms() < end_ms, "not in time: " #condition    \
                          " (host: %s)", host.said);                            \
            if (turns)                                                          \
                uv_run(&loop, UV_RUN_NOWAIT);                                   \
            usleep(2000);                                                       \
        }                                                                       \
    } while (0)

/* ---------------------------------------------------------------- the backend */

static void on_offer(void *arg, uint64_t acquire, const char *node)
{
    (void) arg;
    answered = acquire;
    offers++;
    snprintf(offered, sizeof offered, "%s", node);
}

static void on_none(void *arg, uint64_t acquire, const char *why, int64_t at_s)
{
    (void) arg;
    ck_assert_int_eq(at_s, 0);
    answered = acquire;
    snprintf(why_none, sizeof why_none, "%s", why);
}

static void make(const char *helper, long server)
{
    static const struct ft_rms_events events = {.offer = on_offer, .none = on_none};
    struct ft_rms_config config = {.nodes_max = 8,
                                   .loop = &loop,
                                   .pmix = {.helper = helper, .server = server}};

    rms = ft_rms_create("pmix", &config, &events, NULL);
    ck_assert_ptr_nonnull(rms);
}

static void set_up(char *const argv[])
{
    snprintf(folder, sizeof folder, "/tmp/ft-rms-pmix.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    setenv("TMPDIR", folder, 1); /* PMIx finds servers there */
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    turns = true;
    start_host(argv);
    UNTIL(host_said("ready\n"));
    make(built("src/rmshelp/ft-rms-pmix"), host.pid);
}

static void end_host(void)
{
    char command[128];
    int status;

    close(host.to);
    ck_assert_int_eq(waitpid(host.pid, &status, 0), host.pid);
    close(host.from);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static void tear_down(void)
{
    ft_rms_destroy(rms);
    while (uv_run(&loop, UV_RUN_NOWAIT) != 0)
        usleep(1000);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    turns = false;
}

static uint64_t ask(const char *const *excluded, size_t n, unsigned cores, unsigned timeout_ms)
{
    static uint64_t id;
    struct ft_facts like = {.cores = cores};
    struct ft_wanted wanted = {.job = "j", .excluded = excluded, .excluded_n = n,
                               .like = cores > 0 ? &like : NULL, .timeout_ms = timeout_ms};

    offered[0] = why_none[0] = '\0';
    answered = 0;
    ft_rms_acquire(rms, ++id, &wanted);
    return id;
}

/* ---------------------------------------------------------------- what is tried */

static char *plain[] = {NULL, (char *) "a1", (char *) "b2", (char *) "c3", NULL};

START_TEST(nodes_come_and_go_back)
{
    static const char *const not_a[] = {"a1"};
    uint64_t id;

    plain[0] = (char *) (uintptr_t) built("tests/unit/pmix_host");
    set_up(plain);
    id = ask(not_a, 1, 4, 0);
    UNTIL(answered == id);
    ck_assert_str_eq(offered, "b2");
    UNTIL(host_said("new host.1 b2 exclude=a1 cpus=4\n"));
    ask(NULL, 0, 0, 20000);
    id = ask(NULL, 0, 0, 0); /* two at a time */
    UNTIL(host_said("new host.3 c3 "));
    ck_assert(host_said("new host.2 a1 exclude= cpus=0\n"));
    UNTIL(offers == 3);
    id = ask(NULL, 0, 0, 0);
    UNTIL(answered == id);
    ck_assert_str_eq(offered, "");
    ck_assert_ptr_nonnull(strstr(why_none, "OUT_OF_RESOURCE"));
    ft_rms_release(rms, "b2.cluster", false);
    UNTIL(host_said("release host.1\n"));
    ft_rms_release(rms, "nobody", false);
    id = ask(NULL, 0, 0, 0);
    UNTIL(answered == id);
    ck_assert_str_eq(offered, "b2");
    tear_down(); /* all of it goes back */
    UNTIL(host_said("release host.2\n") && host_said("release host.3\n") &&
          host_said("release host.4\n"));
    end_host();
}
END_TEST

START_TEST(nobody_waits_for_ever)
{
    static char *argv[] = {NULL, (char *) "-", NULL};
    uint64_t id;

    argv[0] = (char *) (uintptr_t) built("tests/unit/pmix_host");
    set_up(argv);
    id = ask(NULL, 0, 0, 300);
    UNTIL(answered == id);
    ck_assert_ptr_nonnull(strstr(why_none, "in time"));
    UNTIL(host_said("cancel ft-"));
    id = ask(NULL, 0, 0, 0);
    UNTIL(host_said("\nwait ft-") && strstr(strstr(host.said, "\ncancel"), "\nwait ft-") != NULL);
    ft_rms_abandon(rms, id);
    UNTIL(strstr(strrchr(host.said, 'w'), "\ncancel ft-") != NULL || (listen_to_host(), false));
    ck_assert_uint_ne(answered, id);
    tear_down();
    end_host();
}
END_TEST

START_TEST(a_helper_that_is_killed_is_followed_by_another)
{
    char command[128];
    uint64_t id;

    plain[0] = (char *) (uintptr_t) built("tests/unit/pmix_host");
    set_up(plain);
    id = ask(NULL, 0, 0, 0);
    UNTIL(answered == id);
    ck_assert_str_eq(offered, "a1");
    snprintf(command, sizeof command, "pkill -9 -P %ld -x ft-rms-pmix", (long) getpid());
    ck_assert_int_eq(system(command), 0);
    id = ask(NULL, 0, 0, 0);
    UNTIL(answered == id);
    if (offered[0] == '\0') { /* it was asked before its end was known */
        id = ask(NULL, 0, 0, 0);
        UNTIL(answered == id);
    }
    ck_assert_str_ne(offered, "");
    ft_rms_release(rms, "a1", false);
    UNTIL(host_said("release host.1\n"));
    tear_down();
    end_host();
}
END_TEST

START_TEST(without_a_server_or_a_helper_there_is_none)
{
    uint64_t id;

    ck_assert_int_eq(uv_loop_init(&loop), 0);
    turns = true;
    make("/nowhere/ft-rms-pmix", 0);
    id = ask(NULL, 0, 0, 0);
    UNTIL(answered == id);
    ck_assert_ptr_nonnull(strstr(why_none, "cannot be started"));
    tear_down();
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    turns = true;
    make(built("src/rmshelp/ft-rms-pmix"), getpid()); /* no PMIx server */
    id = ask(NULL, 0, 0, 0);
    UNTIL(answered == id);
    ck_assert_ptr_nonnull(strstr(why_none, "ended"));
    tear_down();
}
END_TEST

START_TEST(a_config_without_a_loop_is_refused)
{
    static const struct ft_rms_events events = {.offer = on_offer, .none = on_none};
    struct ft_rms_config config = {.pmix = {.helper = "x"}};

    errno = 0;
    ck_assert_ptr_null(ft_rms_create("pmix", &config, &events, NULL));
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rms_pmix");
    TCase *tcase = tcase_create("rms_pmix");
    SRunner *runner;
    int failed;

    signal(SIGPIPE, SIG_IGN); /* as the central unit does */
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, nodes_come_and_go_back);
    tcase_add_test(tcase, nobody_waits_for_ever);
    tcase_add_test(tcase, a_helper_that_is_killed_is_followed_by_another);
    tcase_add_test(tcase, without_a_server_or_a_helper_there_is_none);
    tcase_add_test(tcase, a_config_without_a_loop_is_refused);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
