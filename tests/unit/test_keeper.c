/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_keeper.c - the keeper's parts without processes: what is said between it and the unit, what
 * a module says, its output, its memory group.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/group.h"
#include "keeper/notices.h"
#include "keeper/output.h"
#include "keeper/talk.h"

#define MS INT64_C(1000000)

/* ---------------------------------------------------------------- talk */

START_TEST(a_wish_arrives_as_it_was)
{
    const char *argv[] = {"/bin/x", "a b", "", "line\nbreak", NULL};
    const char *environment[] = {"A=1=2", "B=", NULL};
    struct ft_keep_wish got, wish = {
        .name = "db", .node = "n1", .folder = "/f", .log = "", .user = "u", .dir = "/d",
        .group = "/g", .epoch = UINT64_MAX / 2, .run = 3, .lease_ns = INT64_MAX / 2,
        .lease_grace_ms = 4, .watchdog_ms = 5, .deadline_ms = 6, .stop_timeout_ms = 7,
        .memory_max_bytes = 8, .notifies = true, .argv = argv, .environment = environment,
    };
    int fd = ft_keep_wish_write(&wish);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ft_keep_wish_read(&got, fd), 0);
    ck_assert_str_eq(got.name, "db");
    ck_assert_str_eq(got.node, "n1");
    ck_assert_str_eq(got.user, "u");
    ck_assert_str_eq(got.dir, "/d");
    ck_assert_str_eq(got.group, "/g");
    ck_assert_uint_eq(got.epoch, UINT64_MAX / 2);
    ck_assert_int_eq(got.lease_ns, INT64_MAX / 2);
    ck_assert_uint_eq(got.stop_timeout_ms, 7);
    ck_assert_uint_eq(got.memory_max_bytes, 8);
    ck_assert(got.notifies);
    for (int i = 0; argv[i]; i++)
        ck_assert_str_eq(got.argv[i], argv[i]);
    ck_assert_ptr_null(got.argv[4]);
    ck_assert_str_eq(got.environment[0], "A=1=2");
    ck_assert_str_eq(got.environment[1], "B=");
    ck_assert_ptr_null(got.environment[2]);
    ft_keep_wish_forget(&got);
    close(fd);
}
END_TEST

START_TEST(a_wish_that_is_none)
{
    struct ft_keep_wish got;
    int fd = open("/dev/null", O_RDONLY);
    char *big = malloc(FT_KEEP_WISH_MAX + 1);
    const char *argv[] = {"/bin/x", big, NULL}, *environment[] = {NULL};
    struct ft_keep_wish wish = {.name = "a", .node = "", .folder = "/", .log = "", .user = "",
                                .dir = "", .group = "", .argv = argv, .environment = environment};

    ck_assert_int_eq(ft_keep_wish_read(&got, fd), -1);
    close(fd);
    ck_assert_ptr_nonnull(big);
    memset(big, 'x', FT_KEEP_WISH_MAX);
    big[FT_KEEP_WISH_MAX] = '\0';
    ck_assert_int_eq(ft_keep_wish_write(&wish), -1);
    ck_assert_int_eq(errno, E2BIG);
    argv[0] = NULL; /* nothing to run */
    fd = ft_keep_wish_write(&wish);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ft_keep_wish_read(&got, fd), -1);
    close(fd);
    free(big);
}
END_TEST

START_TEST(a_state_arrives_as_it_was)
{
    struct ft_keep_state got, state = {
        .epoch = 1, .run = 2, .keeper = 3, .pid = 4, .start_ticks = 5, .uid = 6, .gid = 7,
        .lease_ns = 8, .ready = true, .stopping = true, .unwell = FT_KEEP_LATE, .extend_n = 9,
        .extend_ms = 10, .killed_for = 5, .beats_n = 11, .beat_ms = 1.5, .jitter_ms = 0.25,
        .late_ms = 2, .end = FT_KEEP_MEMORY, .code = 9, .hopeless = true,
        .status = "two\nlines", .text = "why", .tail = "last\nwords\ntail\nend 1\n",
    };
    char text[FT_KEEP_PACKET_MAX];
    size_t n = ft_keep_state_write(&state, text, sizeof text);

    ck_assert(ft_keep_state_read(&got, text, n));
    ck_assert_str_eq(got.status, "two lines");
    ck_assert_str_eq(got.tail, state.tail);
    memcpy(got.status, state.status, sizeof got.status);
    ck_assert_int_eq(got.end, FT_KEEP_MEMORY);
    ck_assert_uint_eq(got.unwell, FT_KEEP_LATE);
    ck_assert_uint_eq(got.extend_ms, 10);
    ck_assert_uint_eq(got.gid, 7);
    ck_assert(got.hopeless && got.ready && got.stopping && !got.reloading);
    ck_assert(got.jitter_ms > 0.24 && got.jitter_ms < 0.26);
    for (size_t i = 0; i < n - strlen(state.tail); i++) /* torn anywhere: not taken */
        ck_assert(!ft_keep_state_read(&got, text, i));
    memset(state.tail, 'x', sizeof state.tail - 1);
    memset(state.text, 'y', sizeof state.text - 1);
    memset(state.status, 'z', sizeof state.status - 1);
    n = ft_keep_state_write(&state, text, sizeof text);
    ck_assert(n < FT_KEEP_PACKET_MAX - 1 && ft_keep_state_read(&got, text, n));
    memset(text, 'a', sizeof text);
    ck_assert(!ft_keep_state_read(&got, text, sizeof text));
}
END_TEST

/* ---------------------------------------------------------------- notices */

static bool take(struct ft_notices *notices, struct ft_keep_state *state, const char *text,
                 int64_t now_ns)
{
    return ft_notices_take(notices, state, text, strlen(text), now_ns);
}

START_TEST(notices_are_read)
{
    struct ft_notices notices = {0};
    struct ft_keep_state state = {0};
    char garbage[256];

    ck_assert(take(&notices, &state, "READY=1\nSTATUS=warm up\nMAINPID=77\n", 1));
    ck_assert(state.ready);
    ck_assert_str_eq(state.status, "warm up");
    ck_assert_int_eq(notices.main_pid, 77);
    ck_assert(take(&notices, &state, "RELOADING=1", 2) && state.reloading);
    ck_assert(take(&notices, &state, "READY=1", 2) && !state.reloading);
    ck_assert(take(&notices, &state, "STOPPING=1", 2) && state.stopping);
    ck_assert(take(&notices, &state, "EXTEND_TIMEOUT_USEC=2500000", 2));
    ck_assert_uint_eq(state.extend_ms, 2500);
    ck_assert_uint_eq(state.extend_n, 1);
    ck_assert(take(&notices, &state, "WATCHDOG=trigger", 2));
    ck_assert_int_eq(state.unwell, FT_KEEP_HANG);
    ck_assert(!take(&notices, &state, "EXTEND_TIMEOUT_USEC=x\nMAINPID=-1\nERRNO=2\nBARRIER=1\n=",
                    3));
    ck_assert_int_eq(notices.main_pid, 77);
    for (size_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (char)i;
    ck_assert(!ft_notices_take(&notices, &state, garbage, sizeof garbage, 4));
}
END_TEST

START_TEST(a_watchdog_is_watched)
{
    struct ft_notices notices = {.watchdog_ms = 100};
    struct ft_keep_state state = {0};

    ck_assert(ft_notices_due_ns(&notices) == FT_NOTICES_NEVER); /* not before it is ready */
    take(&notices, &state, "READY=1", 1000 * MS);
    ck_assert(ft_notices_due_ns(&notices) == 1100 * MS);
    take(&notices, &state, "WATCHDOG=1", 1050 * MS);
    ck_assert(ft_notices_due_ns(&notices) == 1150 * MS);
    ck_assert(!ft_notices_judge(&notices, &state, 1149 * MS, 1149 * MS));
    take(&notices, &state, "WATCHDOG_USEC=200000", 1149 * MS);
    ck_assert(ft_notices_due_ns(&notices) == 1349 * MS);
    ck_assert(ft_notices_judge(&notices, &state, 1349 * MS, 1349 * MS));
    ck_assert_int_eq(state.unwell, FT_KEEP_HANG);
    ck_assert(ft_notices_due_ns(&notices) == FT_NOTICES_NEVER); /* said once */
}
END_TEST

START_TEST(who_comes_late_does_not_judge)
{
    struct ft_notices notices = {.watchdog_ms = 100, .deadline_ms = 40};
    struct ft_keep_state state = {0};

    take(&notices, &state, "READY=1", 1000 * MS);
    ck_assert(!ft_notices_judge(&notices, &state, 1040 * MS, 5000 * MS));
    ck_assert_int_eq(state.unwell, FT_KEEP_WELL);
    ck_assert(ft_notices_due_ns(&notices) == 5040 * MS);
    ck_assert(ft_notices_judge(&notices, &state, 5040 * MS, 5041 * MS));
    ck_assert_int_eq(state.unwell, FT_KEEP_LATE);
}
END_TEST

START_TEST(beats_are_measured)
{
    struct ft_notices notices = {.deadline_ms = 40};
    struct ft_keep_state state = {0};
    int64_t at_ms[] = {10, 20, 30, 50, 60};

    take(&notices, &state, "READY=1", 1000 * MS);
    for (int i = 0; i < 5; i++)
        ck_assert(!take(&notices, &state, "FT_DEADLINE=1", (1000 + at_ms[i]) * MS));
    take(&notices, &state, "WATCHDOG=1", 1065 * MS); /* no beat: it has beats of its own */
    ck_assert_uint_eq(state.beats_n, 5);
    ck_assert(state.beat_ms > 11.99 && state.beat_ms < 12.01);
    ck_assert(state.jitter_ms > 3.99 && state.jitter_ms < 4.01);
    ck_assert(state.late_ms > 19.99 && state.late_ms < 20.01);
    ck_assert(ft_notices_due_ns(&notices) == 1100 * MS);
}
END_TEST

/* ---------------------------------------------------------------- output */

START_TEST(output_is_kept_and_bounded)
{
    char folder[] = "/tmp/ft-keeper-XXXXXX", path[64], old[64], line[64], tail[FT_KEEP_TAIL_MAX];
    static char piece[65536];
    struct ft_output output;
    struct stat is;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/log", folder);
    snprintf(old, sizeof old, "%s/log.1", folder);
    ft_output_open(&output, path, "x");
    ft_output_tail(&output, tail, sizeof tail);
    ck_assert_str_eq(tail, "");
    ft_output_take(&output, "one\ntwo\n", 8);
    ft_output_tail(&output, tail, sizeof tail);
    ck_assert_str_eq(tail, "one\ntwo\n");
    memset(piece, 'x', sizeof piece);
    for (int i = 0; i < FT_OUTPUT_LOG_MAX / (int)sizeof piece + 2; i++)
        ft_output_take(&output, piece, sizeof piece);
    snprintf(line, sizeof line, "\nlast words\n");
    ft_output_take(&output, line, strlen(line));
    ft_output_tail(&output, tail, sizeof tail);
    ck_assert_str_eq(tail, "last words\n"); /* from a line's beginning */
    ck_assert_int_eq(stat(old, &is), 0);
    ck_assert_int_le(is.st_size, FT_OUTPUT_LOG_MAX + (int)sizeof piece);
    ck_assert_int_eq(stat(path, &is), 0);
    ck_assert_int_le(is.st_size, 3 * (int)sizeof piece);
    ck_assert_int_eq(is.st_mode & 07777, 0640);
    ft_output_close(&output);
    unlink(path);
    unlink(old);
    rmdir(folder);
    ft_output_open(&output, "/nowhere/log", "x"); /* no reason to lose the rest */
    ft_output_take(&output, "three\n", 6);
    ft_output_tail(&output, tail, sizeof tail);
    ck_assert_str_eq(tail, "three\n");
    ft_output_close(&output);
}
END_TEST

/* ---------------------------------------------------------------- memory groups, made up */

static void put(const char *root, const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void clean(const char *root)
{
    char command[64];

    snprintf(command, sizeof command, "rm -rf %s", root);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(kills_for_memory_are_counted)
{
    char root[] = "/tmp/ft-keeper-XXXXXX";
    struct ft_group group;

    ck_assert_ptr_nonnull(mkdtemp(root));
    put(root, "proc/self/cgroup", "0::/unit\n");
    put(root, "proc/vmstat", "nr 1\noom_kill 3\nx 4\n");
    /* A folder that does not grow its files by itself is no control group: there is none then. */
    ck_assert(!ft_group_make(&group, root, "", "db", 1 << 20));
    ck_assert_str_eq(group.folder, "");
    ck_assert(!ft_group_was_short(&group, root));
    put(root, "proc/vmstat", "nr 1\noom_kill 4\nx 4\n");
    ck_assert(ft_group_was_short(&group, root));
    /* One that has them. */
    put(root, "sys/fs/cgroup/unit/ft-db/memory.max", "max");
    put(root, "sys/fs/cgroup/unit/ft-db/memory.events", "low 0\noom 0\noom_kill 2\n");
    ck_assert(ft_group_make(&group, root, "", "db", 1 << 20));
    ck_assert(group.v2 && !ft_group_was_short(&group, root));
    put(root, "sys/fs/cgroup/unit/ft-db/memory.events", "low 0\noom 1\noom_kill 3\n");
    ck_assert(ft_group_was_short(&group, root));
    /* As systemd makes them. */
    put(root, "proc/self/cgroup", "0::/system.slice/ft-noded.service/unit\n");
    put(root, "sys/fs/cgroup/system.slice/ft-noded.service/cgroup.subtree_control", "");
    put(root, "sys/fs/cgroup/system.slice/ft-noded.service/ft-db/memory.max", "max");
    put(root, "sys/fs/cgroup/system.slice/ft-noded.service/ft-db/memory.events", "oom_kill 0\n");
    ck_assert(ft_group_make(&group, root, "", "db", 1 << 20));
    ck_assert(group.v2 && strstr(group.folder, "/ft-noded.service/ft-db") != NULL);
    /* Version 1, beside version 2. */
    put(root, "proc/self/cgroup", "4:memory:/a/b\n0::/\n");
    put(root, "sys/fs/cgroup/memory/a/b/ft-db/memory.limit_in_bytes", "0");
    put(root, "sys/fs/cgroup/memory/a/b/ft-db/memory.oom_control", "under_oom 0\noom_kill 0\n");
    ck_assert(ft_group_make(&group, root, "", "db", 1 << 20));
    ck_assert(!group.v2 && !ft_group_was_short(&group, root));
    put(root, "sys/fs/cgroup/memory/a/b/ft-db/memory.oom_control", "under_oom 0\noom_kill 1\n");
    ck_assert(ft_group_was_short(&group, root));
    clean(root);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keeper");
    TCase *c = tcase_create("parts");
    SRunner *runner;
    int failed;

    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_wish_arrives_as_it_was);
    tcase_add_test(c, a_wish_that_is_none);
    tcase_add_test(c, a_state_arrives_as_it_was);
    tcase_add_test(c, notices_are_read);
    tcase_add_test(c, a_watchdog_is_watched);
    tcase_add_test(c, who_comes_late_does_not_judge);
    tcase_add_test(c, beats_are_measured);
    tcase_add_test(c, output_is_kept_and_bounded);
    tcase_add_test(c, kills_for_memory_are_counted);
    suite_add_tcase(suite, c);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
