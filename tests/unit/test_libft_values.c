/* SPDX-License-Identifier: BSD-3-Clause */
/* Resources, constraints and actions are values; what is wrong with one is carried in it. */
#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ft.h"
#include "ft_runtime.h"

static char long_name[FT_NAME_MAX + 1]; /* one byte too long */
static char longest_name[FT_NAME_MAX];  /* fits exactly */

static void setup(void)
{
    memset(long_name, 'x', sizeof long_name - 1);
    memset(longest_name, 'y', sizeof longest_name - 1);
}

static const char *text_of(ftResource_t R)
{
    static char text[1024];
    size_t n = ftResourceText(&R, text, sizeof text);

    ck_assert_uint_eq(n, strlen(text));
    return text;
}

START_TEST(each_result_has_a_sentence_of_its_own)
{
    for (int a = FT_PENDING; a >= FT_ERR_UNFIT; a--) {
        ck_assert_str_ne(ftStrError((ftRetVal_t) a), "unknown result");
        for (int b = a - 1; b >= FT_ERR_UNFIT; b--)
            ck_assert_str_ne(ftStrError((ftRetVal_t) a), ftStrError((ftRetVal_t) b));
    }
    ck_assert_str_eq(ftStrError((ftRetVal_t) 2), "unknown result");
    ck_assert_str_eq(ftStrError((ftRetVal_t) INT_MIN), "unknown result");
}
END_TEST

START_TEST(resources_hold_what_they_were_given)
{
    ftResource_t R = ftNode("n3");

    ck_assert_int_eq(R.error, FT_OK);
    ck_assert_int_eq(R.kind, FT_NODE);
    ck_assert_str_eq(R.node, "n3");
    R = ftRankOf("job@1", 7);
    ck_assert_int_eq(R.error, FT_OK);
    ck_assert_str_eq(R.job, "job@1");
    ck_assert_int_eq(R.number, 7);
    ck_assert_str_eq(ftRank(0).job, "");
    ck_assert_int_eq(ftProcess("n1", 4711).number, 4711);
    ck_assert_str_eq(ftDevice("n1", "eth0").name, "eth0");
    ck_assert_str_eq(ftLink("n1", "n2").name, "n2");
    ck_assert_str_eq(ftStorage("n1", "/scratch").name, "/scratch");
    R = ftNode(longest_name);
    ck_assert_int_eq(R.error, FT_OK);
    ck_assert_str_eq(R.node, longest_name);
}
END_TEST

START_TEST(unusable_resources_say_why)
{
    ftResource_t bad[] = {
        ftNode(NULL), ftNode(""), ftNode(long_name), ftRank(-1), ftRank(INT_MIN),
        ftRankOf(NULL, 0), ftRankOf("", 0), ftRankOf(long_name, 0), ftRankOf("j", -1),
        ftProcess(NULL, 1), ftProcess("n", -1), ftDevice(NULL, "d"), ftDevice("n", NULL),
        ftDevice("n", ""), ftLink("n", NULL), ftLink(NULL, NULL), ftStorage("n", long_name),
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(bad[i].error == FT_ERR_ARG, "resource %zu: %d", i, bad[i].error);
        ck_assert_str_ne(bad[i].name, "");
        ck_assert_ptr_nonnull(strstr(text_of(bad[i]), bad[i].name));
    }
}
END_TEST

START_TEST(resources_are_written_for_people)
{
    ftResource_t unended, R = ftRankOf("prterun-n0-71@1", 2);
    const size_t whole = strlen("rank 2 of job prterun-n0-71@1");
    char text[8];

    ck_assert_str_eq(text_of(R), "rank 2 of job prterun-n0-71@1");
    ck_assert_str_eq(text_of(ftRank(2)), "rank 2 of this job");
    ck_assert_str_eq(text_of(ftNode("n3")), "node n3");
    ck_assert_str_eq(text_of(ftProcess("n1", 4711)), "process 4711 on node n1");
    ck_assert_str_eq(text_of(ftDevice("n3", "eth0")), "device eth0 of node n3");
    ck_assert_str_eq(text_of(ftLink("n1", "n2")), "the link between nodes n1 and n2");
    ck_assert_str_eq(text_of(ftStorage("n1", "/s")), "storage /s of node n1");
    /* As snprintf: the whole length, and never beyond the end. */
    ck_assert_uint_eq(ftResourceText(&R, text, sizeof text), whole);
    ck_assert_str_eq(text, "rank 2 ");
    ck_assert_uint_eq(ftResourceText(&R, NULL, 0), whole);
    ck_assert_uint_eq(ftResourceText(&R, NULL, 100), whole);
    ck_assert_uint_eq(ftResourceText(NULL, text, sizeof text), 0);
    ck_assert_str_eq(text, "");
    memset(&unended, 'z', sizeof unended);
    ck_assert_uint_gt(strlen(text_of(unended)), 0);
    unended.error = FT_OK;
    unended.kind = FT_LINK;
    ck_assert_uint_gt(strlen(text_of(unended)), 2 * (FT_NAME_MAX - 1));
}
END_TEST

START_TEST(constraints_narrow)
{
    ftConstraint_t C = ftAny();

    ck_assert_int_eq(C.error, FT_OK);
    C = ftNeedCores(ftNeedCores(C, 8), 4);
    ck_assert_uint_eq(C.cores_min, 8);
    C = ftNeedMemory(ftNeedMemory(C, 1u << 20), UINT64_C(8) << 30);
    ck_assert_uint_eq(C.memory_min_bytes, UINT64_C(8) << 30);
    C = ftNeedDevices(ftNeedDevices(ftNeedDevices(C, "gpu", 1), "network", 2), "gpu", 4);
    ck_assert_str_eq(C.devices[0].type, "gpu");
    ck_assert_uint_eq(C.devices[0].count_min, 4);
    ck_assert_str_eq(C.devices[1].type, "network");
    ck_assert_str_eq(C.devices[2].type, "");
    C = ftNeedArch(ftNeedArch(C, "x86_64"), "x86_64");
    ck_assert_str_eq(C.arch, "x86_64");
    C = ftNeedSameKind(ftNeedAtLeast(C));
    ck_assert(C.at_least && C.same_kind);
    C = ftExclude(ftExclude(ftExclude(C, "n1"), "n11"), "n1");
    ck_assert_str_eq(C.excluded, "n1,n11");
    C = ftNear(C, ftNode("n1"));
    ck_assert_int_eq(C.distance, -1);
    C = ftFar(C, ftNode("n2"));
    ck_assert_int_eq(C.distance, 1);
    ck_assert_str_eq(C.from.node, "n2");
    C = ftLadder(ftLadder(C, "spares"), "beside,spares");
    ck_assert_str_eq(C.ladder, "beside,spares");
    C = ftWhenNone(ftWhenNone(C, "fewer"), "share,wait,later");
    ck_assert_str_eq(C.when_none, "share,wait,later");
    C = ftWaitUpTo(ftWaitUpTo(C, 1), FT_WAIT_MAX_MS);
    ck_assert_uint_eq(C.wait_ms, FT_WAIT_MAX_MS);
    ck_assert_int_eq(C.error, FT_OK);
}
END_TEST

START_TEST(unusable_constraints_say_why_and_keep_the_first_reason)
{
    ftConstraint_t bad[] = {
        ftNeedCores(ftAny(), 0), ftNeedCores(ftAny(), -1), ftNeedMemory(ftAny(), 0),
        ftNeedDevices(ftAny(), NULL, 1), ftNeedDevices(ftAny(), "", 1),
        ftNeedDevices(ftAny(), "GPU", 1), ftNeedDevices(ftAny(), "gpu", 0),
        ftNeedArch(ftAny(), NULL), ftNeedArch(ftAny(), ""), ftNeedArch(ftAny(), long_name),
        ftNeedArch(ftNeedArch(ftAny(), "x86_64"), "aarch64"), ftExclude(ftAny(), NULL),
        ftExclude(ftAny(), ""), ftExclude(ftAny(), "n1,n2"), ftExclude(ftAny(), long_name),
        ftNear(ftAny(), ftNode(NULL)), ftFar(ftAny(), (ftResource_t){0}),
        ftLadder(ftAny(), NULL), ftLadder(ftAny(), ""), ftLadder(ftAny(), "spares,spares"),
        ftLadder(ftAny(), long_name), ftWhenNone(ftAny(), NULL), ftWhenNone(ftAny(), ""),
        ftWhenNone(ftAny(), "later,fewer"), ftWhenNone(ftAny(), "fewer,share"),
        ftWhenNone(ftAny(), "wait "), ftWaitUpTo(ftAny(), 0), ftWaitUpTo(ftAny(), FT_FOREVER),
        ftWaitUpTo(ftAny(), FT_WAIT_MAX_MS + 1),
    };
    ftConstraint_t C = ftNeedDevices(ftAny(), "gpu", 1);

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(bad[i].error == FT_ERR_ARG, "constraint %zu: %d", i, bad[i].error);
        ck_assert_str_ne(bad[i].excluded, "");
    }
    C = ftNeedDevices(ftNeedDevices(ftNeedDevices(C, "network", 1), "storage", 1), "coproc", 1);
    ck_assert_int_eq(C.error, FT_OK);
    ck_assert_int_eq(ftNeedDevices(C, "openfabrics", 1).error, FT_ERR_ARG);
    C = ftNeedMemory(ftExclude(ftNeedCores(ftAny(), 0), "n1"), 0);
    ck_assert_str_eq(C.excluded, "ftNeedCores: the number of cores is 0");
}
END_TEST

START_TEST(excluded_nodes_are_bounded)
{
    ftConstraint_t C = ftAny();
    char name[FT_NAME_MAX];
    int n = 0;

    while (C.error == FT_OK && n < FT_EXCLUDE_MAX) {
        snprintf(name, sizeof name, "node-%04d", n++);
        C = ftExclude(C, name);
    }
    ck_assert_int_eq(C.error, FT_ERR_ARG);
    ck_assert_int_eq(n - 1, FT_EXCLUDE_MAX / 10); /* "node-0000," each, the last without comma */
}
END_TEST

START_TEST(actions_carry_what_is_wrong)
{
    ftProcessInfo_t one = {0, 1, "n1"}, nowhere = {0, 1, NULL}, negative = {-1, 1, "n1"};
    char port[1025];
    memset(port, 'p', sizeof port);
    port[1024] = '\0';
    ftAction_t bad[] = {
        resourceError(ftNode(NULL), FT_SEND), resourceError(ftNode("n"), (ftUsage_t) 0),
        resourceError(ftNode("n"), (ftUsage_t) 7), resourceError((ftResource_t){0}, FT_SEND),
        findAlternative(ftRank(-1), ftAny()), findAlternative(ftRank(1), ftNeedCores(ftAny(), 0)),
        ftClaim(0), ftAnnounce(0, "p"), ftAnnounce(1, NULL), ftAnnounce(1, ""), ftAnnounce(1, port),
        ftStartFailed(0, "x"), ftNextPeer(0), ftJobStarted(NULL, "", &one, 1),
        ftJobStarted("", "", &one, 1), ftJobStarted("j", "", NULL, 1),
        ftJobStarted("j", "", &one, 4097), ftJobStarted("j", "", &nowhere, 1),
        ftJobStarted("j", "", &negative, 1), ftJobStarted("j", long_name, &one, 1),
        ftProcessEnded("j", -1, FT_ENDED_WELL, 0), ftProcessEnded(NULL, 0, FT_ENDED_WELL, 0),
        ftProcessEnded("j", 0, (ftEnd_t) 0, 0), ftProcessEnded("j", 0, (ftEnd_t) 6, 0),
        ftNodeChanged(NULL, 0, FT_NODE_LOST, "x"), ftNodeChanged("n", 0, (ftNodeChange_t) 4, "x"),
        ftJobEnded("", 0), ftJobEnded(long_name, 0),
        ftNodeChanged("n", 0, FT_NODE_FAILING, "x"), /* that is news, not a report */
        ftRanksHere("", &one, 1, 0), ftRanksHere("j", NULL, 1, 0), ftRanksHere("j", &one, 4097, 0),
        ftRanksHere("j", &negative, 1, 0), ftRanksHere("j", &nowhere, 1, 0),
        ftLogEvent(ftNode(NULL), "name", "x"), ftLogEvent(ftDevice("n", "eth0"), "name", "x"),
        ftLogEvent(ftNode("n"), NULL, "x"), ftLogEvent(ftNode("n"), "", "x"),
        ftLogEvent(ftNode("n"), "Name", "x"), ftLogEvent(ftNode("n"), long_name, "x"),
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(bad[i].error != FT_OK, "action %zu carries no error", i);
        ck_assert_msg(strlen(bad[i].text) > 5, "action %zu says \"%s\"", i, bad[i].text);
    }
    port[1023] = '\0';
    ck_assert_int_eq(ftAnnounce(1, port).error, FT_OK);
    ck_assert_str_eq(ftAnnounce(1, port).text, port);
    ck_assert_int_eq(ftJobStarted("j", NULL, NULL, 0).error, FT_OK);
    ck_assert_int_eq(ftNodeChanged("n", 1, FT_NODE_LOST, NULL).error, FT_OK);
    ck_assert_int_eq(ftStartFailed(1, NULL).error, FT_OK);
    ck_assert_int_eq(ftNextNews(0).error, FT_OK);
    ck_assert_int_eq(ftRanksHere("j", NULL, 0, -1).error, FT_OK);
    ck_assert_int_eq(ftRanksHere("j", &one, 1, 500).error, FT_OK);
    ck_assert_int_eq(ftLogEvent(ftNode("n"), "unit_failed", NULL).error, FT_OK);
    ck_assert_int_eq(ftLogEvent(ftRankOf("j", 1), "rank_stopped", "it is").error, FT_OK);
    ck_assert_int_eq(findAlternative(ftRank(1), ftFar(ftAny(), ftRank(0))).error, FT_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("libft_values");
    TCase *values = tcase_create("values");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(values, setup, NULL);
    tcase_add_test(values, each_result_has_a_sentence_of_its_own);
    tcase_add_test(values, resources_hold_what_they_were_given);
    tcase_add_test(values, unusable_resources_say_why);
    tcase_add_test(values, resources_are_written_for_people);
    tcase_add_test(values, constraints_narrow);
    tcase_add_test(values, unusable_constraints_say_why_and_keep_the_first_reason);
    tcase_add_test(values, excluded_nodes_are_bounded);
    tcase_add_test(values, actions_carry_what_is_wrong);
    suite_add_tcase(suite, values);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
