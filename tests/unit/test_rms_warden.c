/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_rms_warden.c - what Slurm's administrator is asked for, or is done with his rights: by a
 * helper that is a script here, which writes down what it was told.
 */
#include <check.h>
#include <fcntl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "common/log.h"
#include "common/text.h"
#include "rms/child.h"
#include "rms/rms.h"
#include "rms/warden.h"

/* What comes of an order is asked for by the name of its node. */
static const char script[] =
    "#!/bin/sh\n"
    "echo ready\n"
    "while read -r order; do\n"
    "    echo \"$order\" >>%s.log\n"
    "    case $order in\n"
    "    get*) echo 'got node=n7 own=9 way=beside end=0' ;;\n"
    "    release) echo back; exit ;;\n"
    "    *unwanted=*) echo 'not why=as%%20told' ;;\n"
    "    drain*node=n7*) sleep 0.3; echo drained >>%s.log; echo 'did node=n7' ;;\n"
    "    drain*node=no.*) echo 'not node=no why=denied' ;;\n"
    "    drain*node=old*) echo 'needless node=old why=already' ;;\n"
    "    drain*node=die*) echo 'cannot go on' >&2; exit 3 ;;\n"
    "    drain*node=garble*) echo 'did =' ;;\n"
    "    drain*) echo did ;;\n"
    "    give_time*) echo did ;;\n"
    "    esac\n"
    "done\n";

static struct {
    uv_loop_t loop;
    char folder[32], path[64], log[80];
    unsigned told_n, over_n;
    struct ft_rms_request told; /* the latest; its texts are below */
    char node[64], reason[300], why[400], command[600];
} stage;

static void hear(void *arg, const struct ft_rms_request *request)
{
    (void) arg;
    stage.told_n++;
    stage.told = *request;
    ft_text_copy(stage.node, sizeof stage.node, request->node);
    ft_text_copy(stage.reason, sizeof stage.reason, request->reason);
    ft_text_copy(stage.why, sizeof stage.why, request->why);
    ft_text_copy(stage.command, sizeof stage.command, request->command);
    uv_stop(&stage.loop);
}

static void hear_over(void *arg, const char *node)
{
    (void) arg;
    ck_assert_ptr_nonnull(node);
    stage.over_n++;
    uv_stop(&stage.loop);
}

static void begin(void)
{
    FILE *file;
    int fd;

    memset(&stage, 0, sizeof stage);
    strcpy(stage.folder, "/tmp/ft-fake-warden.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(stage.folder));
    snprintf(stage.path, sizeof stage.path, "%s/helper", stage.folder);
    snprintf(stage.log, sizeof stage.log, "%s.log", stage.path);
    fd = open(stage.path, O_WRONLY | O_CREAT | O_EXCL, 0700);
    ck_assert_int_ge(fd, 0);
    file = fdopen(fd, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_gt(fprintf(file, script, stage.path, stage.path), 0);
    ck_assert_int_eq(fchmod(fd, 0700), 0);
    ck_assert_int_eq(fclose(file), 0);
    ft_log_set_level(FT_LOG_ERROR);
    uv_loop_init(&stage.loop);
}

/* A helper that was forgotten may still run: where there is no folder, it leaves nothing. */
static void end(void)
{
    ft_child_forget_all();
    while (uv_run(&stage.loop, UV_RUN_DEFAULT) != 0)
        continue;
    ck_assert_int_eq(uv_loop_close(&stage.loop), 0);
    unlink(stage.path);
    unlink(stage.log);
    rmdir(stage.folder);
}

/* All that helpers were told, as one text. */
static const char *orders(void)
{
    static char text[8000];
    FILE *file = fopen(stage.log, "r");
    size_t n = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;

    text[n] = '\0';
    if (file != NULL)
        fclose(file);
    return text;
}

static struct ft_warden *make(bool drain, unsigned give_time_max_s, bool owned)
{
    static char path[] = "PATH=/usr/bin:/bin";
    static char *environment[] = {path, NULL};
    const struct ft_warden_config config = {.loop = &stage.loop,
                                            .helper = stage.path,
                                            .environment = environment,
                                            .job = 5,
                                            .owned = owned,
                                            .uid = 2001,
                                            .drain = drain,
                                            .give_time_max_s = give_time_max_s};
    struct ft_warden *warden = ft_warden_create(&config, hear, NULL);

    ck_assert_ptr_nonnull(warden);
    ft_warden_on_over(warden, hear_over);
    return warden;
}

static void suspect(struct ft_warden *warden, const char *node, enum ft_suspicion cause,
                    const char *why)
{
    struct ft_suspect what = {.node = node, .cause = cause, .why = why};

    ft_warden_suspect(warden, &what, true);
}

static void until_told(unsigned n)
{
    while (stage.told_n < n)
        uv_run(&stage.loop, UV_RUN_ONCE);
    ck_assert_uint_eq(stage.told_n, n);
}

static void until_over(unsigned n)
{
    while (stage.over_n < n)
        uv_run(&stage.loop, UV_RUN_ONCE);
    ck_assert_uint_eq(stage.over_n, n);
}

/* ---------------------------------------------------------------- nodes */

START_TEST(test_a_node_is_drained_or_asked_to_be)
{
    struct ft_warden *warden;

    begin();
    warden = make(true, 0, false);
    suspect(warden, "n3", FT_SUSPECT_CHECK, "the \"fan\"\nis `broken`; $5");
    ck_assert(ft_warden_is_about(warden, "n3.cluster"));
    until_told(1);
    ck_assert(stage.told.done && stage.told.matter == FT_RMS_DRAIN && stage.told.job == 5);
    ck_assert_str_eq(stage.node, "n3");
    ck_assert_str_eq(stage.command, "");
    ck_assert_str_eq(stage.reason, "ft: job 5: failed the site's check: the 'fan' is 'broken'; '5");
    ck_assert(!ft_warden_is_about(warden, "n3"));
    suspect(warden, "no.cluster", FT_SUSPECT_SILENT, "silent for 300 ms");
    until_told(2);
    ck_assert(!stage.told.done);
    ck_assert_str_eq(stage.node, "no"); /* Slurm's name of it */
    ck_assert_str_eq(stage.why, "denied");
    ck_assert_str_eq(stage.command, "scontrol update NodeName=no State=DRAIN "
                                    "Reason=\"ft: job 5: lost: silent for 300 ms\"");
    suspect(warden, "old", FT_SUSPECT_SILENT, "");
    until_over(3);
    ck_assert_uint_eq(stage.told_n, 2); /* there was no need */
    ck_assert_ptr_nonnull(strstr(orders(), "drain job=5 node=n3 reason=ft:%20job%205:%20failed"));
    ck_assert_ptr_null(strstr(orders(), "unwanted"));
    ft_warden_destroy(warden);
    end();
}
END_TEST

START_TEST(test_not_wanted_is_only_told)
{
    struct ft_warden *warden;

    begin();
    warden = make(false, 0, false);
    suspect(warden, "n3", FT_SUSPECT_SILENT, "silent");
    ck_assert(!ft_warden_is_about(warden, "n3")); /* nothing has to wait for it */
    until_told(1);
    ck_assert(!stage.told.done);
    ck_assert_ptr_nonnull(strstr(orders(), "unwanted=rms_drain%20is%20not%20set"));
    ft_warden_change(warden, true, 0);
    suspect(warden, "n4", FT_SUSPECT_START, "exec format error");
    suspect(warden, "n5", FT_SUSPECT_UNIT, "no unit");
    until_told(3);
    ck_assert(!stage.told.done);
    suspect(warden, "n6", FT_SUSPECT_PROBE, "late");
    until_told(4);
    ck_assert(stage.told.done);
    ft_warden_destroy(warden);
    /* with rights that are not the job's owner's */
    warden = make(true, 0, true);
    suspect(warden, "n7", FT_SUSPECT_PROBE, "late");
    suspect(warden, "n8", FT_SUSPECT_LOST, "says a launcher");
    until_told(6);
    ck_assert(!stage.told.done);
    suspect(warden, "n9", FT_SUSPECT_SILENT, "silent");
    until_told(7);
    ck_assert(stage.told.done);
    ck_assert_ptr_nonnull(strstr(orders(), "drain job=5 uid=2001 node=n9"));
    ft_warden_destroy(warden);
    end();
}
END_TEST

START_TEST(test_no_more_are_drained_than_may_be_bad)
{
    struct ft_warden *warden;
    char node[16];

    begin();
    warden = make(true, 0, false);
    for (unsigned i = 1; i <= FT_WARDEN_DRAINS_MAX + 1; i++) {
        snprintf(node, sizeof node, "x%u", i);
        suspect(warden, node, FT_SUSPECT_SILENT, "silent");
        until_told(i);
        ck_assert(stage.told.done == (i <= FT_WARDEN_DRAINS_MAX));
    }
    ft_warden_destroy(warden);
    end();
}
END_TEST

START_TEST(test_helpers_that_fail)
{
    struct ft_warden *warden;

    begin();
    warden = make(true, 0, false);
    suspect(warden, "die", FT_SUSPECT_SILENT, "silent");
    suspect(warden, "garble", FT_SUSPECT_SILENT, "silent");
    suspect(warden, "n3", FT_SUSPECT_SILENT, "silent");
    until_told(1);
    ck_assert(!stage.told.done);
    ck_assert_ptr_nonnull(strstr(stage.why, "cannot go on"));
    ck_assert_ptr_nonnull(strstr(stage.command, "NodeName=die"));
    until_told(2);
    ck_assert(!stage.told.done);
    until_told(3);
    ck_assert(stage.told.done);
    ck_assert_str_eq(stage.node, "n3");
    until_over(3);
    unlink(stage.path); /* the one that is there is not needed any more, and ends */
    suspect(warden, "n4", FT_SUSPECT_SILENT, "silent");
    until_told(4);
    ck_assert(!stage.told.done);
    ck_assert_ptr_nonnull(strstr(stage.why, stage.path));
    ft_warden_destroy(warden);
    end();
}
END_TEST

START_TEST(test_too_much_at_once_and_an_end_in_the_middle)
{
    struct ft_warden *warden;

    begin();
    warden = make(true, 0, false);
    for (unsigned i = 0; i < FT_WARDEN_QUEUE_MAX + 5; i++)
        suspect(warden, "n7", FT_SUSPECT_SILENT, "silent");
    ck_assert_uint_eq(stage.told_n, 0);
    ft_warden_destroy(warden);
    end();
    ck_assert_uint_eq(stage.told_n, 0);
}
END_TEST

/* ---------------------------------------------------------------- time */

START_TEST(test_minutes_are_rounded_up_once)
{
    static const uint32_t own[] = {7, 8};
    struct ft_warden *warden;

    begin();
    warden = make(false, 180, false);
    ft_warden_time_lost(warden, 1200, own, 2);
    until_told(1);
    ck_assert(stage.told.done && stage.told.matter == FT_RMS_TIME);
    ck_assert_uint_eq(stage.told.minutes, 1);
    ck_assert_int_eq(stage.told.lost_ms, 1200);
    ck_assert_ptr_nonnull(strstr(orders(), "give_time job=5 minutes=1 own=7,8\n"));
    ft_warden_time_lost(warden, 58800, own, 2); /* exactly one */
    ft_warden_time_lost(warden, 61000, own, 1);
    until_told(2);
    ck_assert_uint_eq(stage.told.minutes, 2);
    ck_assert_int_eq(stage.told.lost_ms, 121000);
    ck_assert(stage.told.done);
    ft_warden_time_lost(warden, 60000, own, 2); /* a fourth one is not allowed */
    until_told(3);
    ck_assert(!stage.told.done);
    ck_assert_str_eq(stage.command, "scontrol update JobId=5 TimeLimit=+1; "
                                    "scontrol update JobId=7 TimeLimit=+1; "
                                    "scontrol update JobId=8 TimeLimit=+1");
    ck_assert_ptr_nonnull(strstr(orders(), "unwanted=rms_give_time_max_s%20allows%20no%20more"));
    ft_warden_destroy(warden);
    end();
}
END_TEST

START_TEST(test_no_time_is_given_unless_it_is_said)
{
    struct ft_warden *warden;

    begin();
    warden = make(true, 0, true);
    ft_warden_time_lost(warden, 1, NULL, 0);
    until_told(1);
    ck_assert(!stage.told.done);
    ck_assert_str_eq(stage.command, "scontrol update JobId=5 TimeLimit=+1");
    ck_assert_ptr_nonnull(strstr(orders(), "give_time job=5 uid=2001 unwanted="));
    ft_warden_destroy(warden);
    end();
}
END_TEST

/* ---------------------------------------------------------------- in the backend */

static void hear_offer(void *arg, uint64_t acquire, const char *node)
{
    (void) arg;
    ck_assert_uint_eq(acquire, 1);
    ck_assert_str_eq(node, "n7");
    stage.over_n++;
}

static void hear_none(void *arg, uint64_t acquire, const char *why, int64_t at_s)
{
    (void) arg;
    (void) acquire;
    (void) at_s;
    ck_abort_msg("%s", why);
}

START_TEST(test_a_bad_node_is_drained_before_it_goes_back)
{
    static const struct ft_rms_events events = {
        .offer = hear_offer, .none = hear_none, .request = hear};
    struct ft_rms_config config = {.nodes_max = 1, .loop = &stage.loop,
                                   .slurm = {.job = 5, .ladder = {FT_WAY_BESIDE}, .drain = true,
                                             .timeout_ms = 5000, .helper = stage.path}};
    struct ft_wanted wanted = {.job = "j"};
    struct ft_suspect bad = {.node = "n7.cluster", .cause = FT_SUSPECT_CHECK, .why = "bad"};
    const char *drained, *release;
    struct ft_rms *rms;

    begin();
    rms = ft_rms_create("slurm", &config, &events, NULL);
    ck_assert_ptr_nonnull(rms);
    ft_rms_acquire(rms, 1, &wanted);
    until_over(1);
    ft_rms_time_lost(rms, 100);
    ft_rms_suspect(rms, &bad);
    ck_assert(ft_rms_release(rms, "n7", false));
    while (strstr(orders(), "release") == NULL)
        uv_run(&stage.loop, UV_RUN_ONCE);
    drained = strstr(orders(), "drained");
    release = strstr(orders(), "release");
    ck_assert_ptr_nonnull(drained);
    ck_assert_msg(drained < release, "%s", orders());
    ck_assert_ptr_nonnull(strstr(orders(), "own=9"));
    ck_assert_uint_eq(stage.told_n, 2); /* the time, and the node */
    ft_rms_destroy(rms);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rms warden");
    TCase *tests = tcase_create("warden");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, test_a_node_is_drained_or_asked_to_be);
    tcase_add_test(tests, test_not_wanted_is_only_told);
    tcase_add_test(tests, test_no_more_are_drained_than_may_be_bad);
    tcase_add_test(tests, test_helpers_that_fail);
    tcase_add_test(tests, test_too_much_at_once_and_an_end_in_the_middle);
    tcase_add_test(tests, test_minutes_are_rounded_up_once);
    tcase_add_test(tests, test_no_time_is_given_unless_it_is_said);
    tcase_add_test(tests, test_a_bad_node_is_drained_before_it_goes_back);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
