/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_noded_ranks.c - the unit's list of a job's processes, with processes that are real: who is
 * killed when, who is not, and who is reported as stopped.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "common/clock.h"
#include "ft.h"
#include "noded/ranks.h"

#define CHILDREN_MAX 4
#define LONG_MS 20000

static uv_loop_t loop;
static struct ft_ranks *ranks;
static pid_t children[CHILDREN_MAX];
static struct {
    char name[32], job[64], text[FT_TEXT_MAX];
    int rank;
} reports[16];
static unsigned reports_n;

static void on_report(void *arg, const char *name, const char *job, int rank, const char *text)
{
    ck_assert_ptr_eq(arg, &loop);
    ck_assert_uint_lt(reports_n, 16);
    snprintf(reports[reports_n].name, sizeof reports[0].name, "%s", name);
    snprintf(reports[reports_n].job, sizeof reports[0].job, "%s", job ? job : "");
    snprintf(reports[reports_n].text, sizeof reports[0].text, "%s", text);
    reports[reports_n++].rank = rank;
}

/* Until then its environment is ours. */
static void wait_for_exec(pid_t pid)
{
    char path[64], name[32] = "";

    snprintf(path, sizeof path, "/proc/%d/comm", (int) pid);
    for (int64_t end_ms = ft_clock_ms() + LONG_MS; ft_clock_ms() < end_ms; usleep(1000)) {
        FILE *file = fopen(path, "r");

        ck_assert_ptr_nonnull(file);
        ck_assert_ptr_nonnull(fgets(name, sizeof name, file));
        fclose(file);
        if (strcmp(name, "sleep\n") == 0)
            return;
    }
    ck_abort_msg("process %d is not executed: %s", (int) pid, name);
}

/* A process that leads a group of its own, as PRRTE starts them, and waits to be killed. */
static pid_t child(int i, const char *environment)
{
    char *const argv[] = {(char *) "sleep", (char *) "300", NULL};
    char *const envp[] = {(char *) environment, NULL};

    children[i] = fork();
    ck_assert_int_ge(children[i], 0);
    if (children[i] == 0) {
        setpgid(0, 0);
        execve("/bin/sleep", argv, environment ? envp : envp + 1);
        _exit(127);
    }
    setpgid(children[i], children[i]);
    wait_for_exec(children[i]);
    return children[i];
}

static void set_up(void)
{
    reports_n = 0;
    memset(children, 0, sizeof children);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    ranks = ft_ranks_create(&loop, on_report, &loop);
    ck_assert_ptr_nonnull(ranks);
}

static void tear_down(void)
{
    for (int i = 0; i < CHILDREN_MAX; i++)
        if (children[i] > 0) {
            kill(children[i], SIGKILL);
            waitpid(children[i], NULL, 0);
        }
    ft_ranks_stop(ranks);
    ft_ranks_stop(ranks); /* again is harmless */
    uv_run(&loop, UV_RUN_DEFAULT);
    ft_ranks_destroy(ranks);
    ft_ranks_destroy(NULL);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

static int here_as(uid_t uid, const char *job, int n, const pid_t pids[], int quiet_ms)
{
    Ft__Request request = FT__REQUEST__INIT;
    Ft__Process processes[8], *list[8];
    char why[FT_TEXT_MAX] = "";
    int status;

    for (int i = 0; i < n; i++) {
        ft__process__init(&processes[i]);
        processes[i].rank = i;
        processes[i].pid = pids[i];
        list[i] = &processes[i];
    }
    request.job = (char *) job;
    request.code = quiet_ms;
    request.processes = list;
    request.n_processes = (size_t) n;
    status = ft_ranks_here(ranks, uid, &request, why, sizeof why);
    ck_assert((status == FT_OK) == (why[0] == '\0'));
    return status;
}

static int here(const char *job, int n, const pid_t pids[], int quiet_ms)
{
    return here_as(geteuid(), job, n, pids, quiet_ms);
}

/* Ended by SIGKILL, now or soon. */
static bool was_killed(int i)
{
    int status = 0;

    for (int64_t end_ms = ft_clock_ms() + 2000; ft_clock_ms() < end_ms;) {
        if (waitpid(children[i], &status, WNOHANG) == children[i]) {
            children[i] = 0;
            return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        }
        usleep(1000);
    }
    return false;
}

static bool lives(int i)
{
    return waitpid(children[i], NULL, WNOHANG) == 0;
}

static bool run_until_reports(unsigned n)
{
    for (int64_t end_ms = ft_clock_ms() + LONG_MS; reports_n < n && ft_clock_ms() < end_ms;)
        uv_run(&loop, UV_RUN_ONCE);
    return reports_n >= n;
}

/* ---------------------------------------------------------------- killing */

START_TEST(test_declared_kills_all)
{
    pid_t pids[] = {child(0, NULL), child(1, NULL)}, other[] = {child(2, NULL)};

    ck_assert_int_eq(here("job@1", 2, pids, 0), FT_OK);
    ck_assert_int_eq(here("job@2", 1, other, 0), FT_OK);
    ck_assert_uint_eq(ft_ranks_count(ranks), 3);
    ft_ranks_declared(ranks, "this node was declared lost");
    ck_assert(was_killed(0) && was_killed(1) && was_killed(2));
    ck_assert_uint_eq(ft_ranks_count(ranks), 0);
    ck_assert_uint_eq(reports_n, 2);
    ck_assert_str_eq(reports[0].name, "ranks_killed");
    ck_assert_int_eq(reports[0].rank, -1);
    ck_assert_ptr_nonnull(strstr(reports[0].text, "this node was declared lost"));
}
END_TEST

START_TEST(test_one_is_killed_that_the_central_unit_names)
{
    pid_t pids[] = {child(0, NULL), child(1, NULL)};

    ck_assert_int_eq(here("job@1", 2, pids, 0), FT_OK);
    ft_ranks_end_one(ranks, "job@2", 1, "it did not begin");
    ft_ranks_end_one(ranks, "job@1", 7, "it did not begin");
    ck_assert(lives(0) && lives(1));
    ck_assert_uint_eq(reports_n, 0);
    ft_ranks_end_one(ranks, "job@1", 1, "it did not begin");
    ck_assert(lives(0) && was_killed(1));
    ck_assert_uint_eq(reports_n, 1);
    ck_assert_str_eq(reports[0].name, "ranks_killed");
    ck_assert_int_eq(reports[0].rank, 1);
    ck_assert_ptr_nonnull(strstr(reports[0].text, "it did not begin"));
}
END_TEST

START_TEST(test_cut_kills_those_whose_launcher_is_silent_too)
{
    pid_t silent[] = {child(0, NULL)}, unknown[] = {child(1, NULL)}, in_touch[] = {child(2, NULL)};

    ck_assert_int_eq(here("silent", 1, silent, FT_RANKS_TOUCH_MS), FT_OK);
    ck_assert_int_eq(here("unknown", 1, unknown, -1), FT_OK);
    ck_assert_int_eq(here("in_touch", 1, in_touch, 0), FT_OK);
    ft_ranks_lease_lost(ranks, "the lease is over");
    ck_assert(was_killed(0) && was_killed(1));
    ck_assert(lives(2));
    ck_assert_uint_eq(reports_n, 3);
    ck_assert_uint_eq(ft_ranks_count(ranks), 1);
}
END_TEST

/* Nobody tells of it any more: by and by its launcher is as silent as the central unit. */
START_TEST(test_spared_only_as_long_as_the_launcher_is_heard_of)
{
    pid_t pids[] = {child(0, NULL)};

    ck_assert_int_eq(here("job@1", 1, pids, 0), FT_OK);
    ft_ranks_lease_lost(ranks, "the lease is over");
    ck_assert_uint_eq(reports_n, 1);
    ck_assert_str_eq(reports[0].name, "ranks_spared");
    ck_assert(lives(0));
    ck_assert(run_until_reports(2));
    ck_assert_str_eq(reports[1].name, "ranks_killed");
    ck_assert(was_killed(0));
}
END_TEST

START_TEST(test_lease_back_in_time_spares_all)
{
    pid_t pids[] = {child(0, NULL)};
    int64_t end_ms = ft_clock_ms() + FT_RANKS_TOUCH_MS + 500;

    ck_assert_int_eq(here("job@1", 1, pids, 0), FT_OK);
    ft_ranks_lease_lost(ranks, "the lease is over");
    ft_ranks_lease_back(ranks);
    while (ft_clock_ms() < end_ms)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert(lives(0));
    ck_assert_uint_eq(reports_n, 1);
}
END_TEST

START_TEST(test_the_whole_group_is_killed)
{
    pid_t pids[] = {child(0, NULL)};
    pid_t member = fork();

    ck_assert_int_ge(member, 0);
    if (member == 0) {
        pause();
        _exit(0);
    }
    ck_assert_int_eq(setpgid(member, pids[0]), 0);
    children[1] = member;
    ck_assert_int_eq(here("job@1", 1, pids, 0), FT_OK);
    ft_ranks_declared(ranks, "declared");
    ck_assert(was_killed(0) && was_killed(1));
}
END_TEST

/* ---------------------------------------------------------------- who is taken */

START_TEST(test_what_ended_is_forgotten)
{
    pid_t pids[] = {child(0, NULL), child(1, NULL)};

    ck_assert_int_eq(here("job@1", 2, pids, 0), FT_OK);
    ck_assert_int_eq(here("job@1", 1, pids + 1, 0), FT_OK);
    ck_assert_uint_eq(ft_ranks_count(ranks), 1);
    ck_assert_int_eq(here("job@1", 0, pids, 0), FT_OK);
    ck_assert_uint_eq(ft_ranks_count(ranks), 0);
    ft_ranks_declared(ranks, "declared");
    ck_assert(lives(0) && lives(1));
    ck_assert_uint_eq(reports_n, 0);
}
END_TEST

START_TEST(test_nonsense_is_not_taken)
{
    pid_t pids[] = {0, -1, 1, 999999999};
    char name[FT_NAME_MAX + 1];

    memset(name, 'x', sizeof name);
    name[FT_NAME_MAX] = '\0';
    ck_assert_int_eq(here("job@1", 4, pids, 0), FT_OK);
    ck_assert_uint_eq(ft_ranks_count(ranks), 0);
    ck_assert_int_eq(here("", 1, pids, 0), FT_ERR_ARG);
    ck_assert_int_eq(here(name, 1, pids, 0), FT_ERR_ARG);
}
END_TEST

START_TEST(test_others_processes_are_not_taken)
{
    pid_t pids[] = {child(0, NULL)};

    if (geteuid() != 0)
        return;
    ck_assert_int_eq(here_as(12345, "theirs", 1, pids, 0), FT_OK);
    ck_assert_uint_eq(ft_ranks_count(ranks), 0);
    ck_assert_int_eq(here_as(0, "job@1", 1, pids, 0), FT_OK);
    ck_assert_uint_eq(ft_ranks_count(ranks), 1);
    ck_assert_int_eq(here_as(12345, "job@1", 0, pids, 0), FT_ERR_DENIED);
    ck_assert_uint_eq(ft_ranks_count(ranks), 1);
}
END_TEST

START_TEST(test_jobs_are_bounded)
{
    pid_t pids[] = {child(0, NULL)};
    char name[32];

    for (int i = 0; i < FT_RANKS_JOBS_MAX; i++) {
        snprintf(name, sizeof name, "job@%d", i);
        ck_assert_int_eq(here(name, 1, pids, 0), FT_OK);
    }
    ck_assert_int_eq(here("one more", 1, pids, 0), FT_ERR_BUSY);
    ck_assert_int_eq(here("job@7", 1, pids, 0), FT_OK);
    ck_assert_uint_eq(ft_ranks_count(ranks), FT_RANKS_JOBS_MAX);
}
END_TEST

/* The number of a process that ended may have been given to another one. */
START_TEST(test_a_process_that_ended_is_not_hit)
{
    pid_t pids[] = {child(0, NULL), child(1, NULL)};

    ck_assert_int_eq(here("job@1", 2, pids, 0), FT_OK);
    kill(pids[0], SIGTERM);
    ck_assert_int_eq(waitpid(pids[0], NULL, 0), pids[0]);
    children[0] = 0;
    ft_ranks_declared(ranks, "declared");
    ck_assert(was_killed(1));
    ck_assert_uint_eq(reports_n, 1);
    ck_assert_ptr_nonnull(strstr(reports[0].text, "1 processes of job job@1"));
}
END_TEST

/* ---------------------------------------------------------------- killed by others */

/* Ends with all its threads when it is killed, but nobody has waited for it yet. */
static bool is_seen_killed(pid_t pid, int signal)
{
    for (int64_t end_ms = ft_clock_ms() + LONG_MS; ft_clock_ms() < end_ms; usleep(1000))
        if (ft_ranks_killed_by(ranks, "job@1", 0, pid) == signal)
            return true;
    return false;
}

START_TEST(test_a_signal_that_ends_a_process_is_seen)
{
    pid_t pids[] = {child(0, NULL)};

    ck_assert_int_eq(here("job@1", 1, pids, 0), FT_OK);
    ck_assert_int_eq(ft_ranks_killed_by(ranks, "job@1", 0, pids[0]), 0); /* it lives */
    kill(pids[0], SIGSTOP);
    usleep(20000);
    ck_assert_int_eq(ft_ranks_killed_by(ranks, "job@1", 0, pids[0]), 0);
    kill(pids[0], SIGKILL);
    ck_assert(is_seen_killed(pids[0], SIGKILL));
    ck_assert_int_eq(ft_ranks_killed_by(ranks, "job@1", 1, pids[0]), 0);
    ck_assert_int_eq(ft_ranks_killed_by(ranks, "job@2", 0, pids[0]), 0);
    ck_assert_int_eq(ft_ranks_killed_by(ranks, "job@1", 0, getpid()), 0);
    ck_assert(was_killed(0));
    ck_assert_int_eq(ft_ranks_killed_by(ranks, "job@1", 0, pids[0]), 0); /* nothing is left */
}
END_TEST

static void *wait_for_ever(void *unused)
{
    pause();
    return unused;
}

/* Its first thread has left, and it runs on. */
static pid_t headless_child(int i)
{
    pthread_t thread;

    children[i] = fork();
    ck_assert_int_ge(children[i], 0);
    if (children[i] == 0) {
        if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
            _exit(1);
        pthread_exit(NULL);
    }
    return children[i];
}

START_TEST(test_a_process_with_a_thread_left_lives)
{
    pid_t pids[] = {headless_child(0)};

    usleep(50000);
    ck_assert_int_eq(here("job@1", 1, pids, 0), FT_OK);
    ck_assert_int_eq(ft_ranks_killed_by(ranks, "job@1", 0, pids[0]), 0);
    kill(pids[0], SIGKILL);
    ck_assert(is_seen_killed(pids[0], SIGKILL));
}
END_TEST

START_TEST(test_a_process_that_ends_by_itself_was_not_killed)
{
    int gate[2];
    pid_t pids[1];
    siginfo_t info;

    ck_assert_int_eq(pipe(gate), 0);
    pids[0] = children[0] = fork();
    ck_assert_int_ge(pids[0], 0);
    if (pids[0] == 0) {
        char c;

        _exit(read(gate[0], &c, 1) == 1 ? 9 : 1);
    }
    ck_assert_int_eq(here("job@1", 1, pids, 0), FT_OK);
    ck_assert_int_eq(write(gate[1], "x", 1), 1);
    ck_assert_int_eq(waitid(P_PID, (id_t) pids[0], &info, WEXITED | WNOWAIT), 0);
    ck_assert_int_eq(ft_ranks_killed_by(ranks, "job@1", 0, pids[0]), 0);
    close(gate[0]);
    close(gate[1]);
}
END_TEST

/* ---------------------------------------------------------------- stopped */

START_TEST(test_stopped_and_resumed)
{
    pid_t pids[] = {child(0, NULL), child(1, NULL)};

    ck_assert_int_eq(here("job@1", 2, pids, 0), FT_OK);
    kill(pids[1], SIGSTOP);
    ck_assert(run_until_reports(1));
    ck_assert_str_eq(reports[0].name, "rank_stopped");
    ck_assert_int_eq(reports[0].rank, 1);
    ck_assert_str_eq(reports[0].job, "job@1");
    ck_assert_int_eq(here("job@1", 2, pids, 0), FT_OK); /* told again: it is still the same one */
    kill(pids[1], SIGCONT);
    ck_assert(run_until_reports(2));
    ck_assert_str_eq(reports[1].name, "rank_resumed");
    ck_assert(lives(0) && lives(1));
}
END_TEST

START_TEST(test_stopped_for_too_long_is_killed_if_asked_for)
{
    pid_t pids[] = {child(0, "FT_STOPPED_RANK=kill:1"), child(1, "FT_STOPPED_RANK=report")};

    ck_assert_int_eq(here("job@1", 2, pids, 0), FT_OK);
    kill(pids[0], SIGSTOP);
    kill(pids[1], SIGSTOP);
    ck_assert(run_until_reports(3));
    ck_assert_str_eq(reports[2].name, "rank_stopped_killed");
    ck_assert_int_eq(reports[2].rank, 0);
    ck_assert(was_killed(0));
    ck_assert(lives(1));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("noded ranks");
    TCase *tcase = tcase_create("ranks");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_declared_kills_all);
    tcase_add_test(tcase, test_one_is_killed_that_the_central_unit_names);
    tcase_add_test(tcase, test_cut_kills_those_whose_launcher_is_silent_too);
    tcase_add_test(tcase, test_spared_only_as_long_as_the_launcher_is_heard_of);
    tcase_add_test(tcase, test_lease_back_in_time_spares_all);
    tcase_add_test(tcase, test_the_whole_group_is_killed);
    tcase_add_test(tcase, test_what_ended_is_forgotten);
    tcase_add_test(tcase, test_nonsense_is_not_taken);
    tcase_add_test(tcase, test_others_processes_are_not_taken);
    tcase_add_test(tcase, test_jobs_are_bounded);
    tcase_add_test(tcase, test_a_process_that_ended_is_not_hit);
    tcase_add_test(tcase, test_a_signal_that_ends_a_process_is_seen);
    tcase_add_test(tcase, test_a_process_with_a_thread_left_lives);
    tcase_add_test(tcase, test_a_process_that_ends_by_itself_was_not_killed);
    tcase_add_test(tcase, test_stopped_and_resumed);
    tcase_add_test(tcase, test_stopped_for_too_long_is_killed_if_asked_for);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
