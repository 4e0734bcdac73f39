/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_conf.c - ft.conf: what a good file makes, what is said of a bad one and in which line, that
 * no cut or spoilt file does harm, and what is different between two plans.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/hostlist.h"
#include "conf/plan.h"
#include "core/plan_diff.h"

static char why[FT_CONF_WHY_MAX];

static const char whole[] =
    "# all there is\n"
    "pool = {\"s[1-2]\"}\n"
    "share = true\n"
    "check = false\n"
    "settle_ms = 10\n"
    "port = 7400  unit_port = 7401\n"
    "lease_ms = 3000\n"
    "election_ms = 400 leader_beat_ms = 60 handback_ms = 5000\n"
    "module_unfit_ms = 1000\n"
    "auth = \"key\" key = \"/k\" folder = \"/f\"\n"
    "cms = \"file:/etc/nodes.json\"\n"
    "hook = \"/bin/hook\"\n"
    "sinks = {\"journal\", \"file:/var/log/ft\"}\n"
    "metrics_port = 0 rms_when_none = \"share,wait,later\" rms_nodes_max = 3\n"
    "admins = {\"4711\", \"root\"}\n"
    "events = \"/var/log/ft.jsonl\" events_max_mb = 7\n"
    "node \"n[1-3]\" { location = \"row1/rack2\" priority = -2 }\n"
    "node \"n4\" { address = \"10.0.0.4\" spare = true }\n"
    "module \"a\" {\n"
    "  command = {\"/bin/a\", \"-x\", \"${HOME} # no comment\"}\n"
    "  home = \"n1\"\n"
    "  user = \"root\" dir = \"/tmp\"\n"
    "  environment = {\"A=1\", \"B=\"}\n"
    "  after = {\"b\"}\n"
    "  nodes = {\"n[1-2]\", \"n4\"}\n"
    "  checksum = \"sha256:"
    "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef\"\n"
    "  priority = 5 enabled = false single = false notifies = true\n"
    "  restart = on-failure\n"
    "  burst = 4 window_ms = 5000 delays_ms = {0, 10}\n"
    "  start_timeout_ms = 100 stop_timeout_ms = 200 watchdog_ms = 300 deadline_ms = 400\n"
    "  check = {\"/bin/true\"} check_ms = 1000 check_timeout_ms = 500 check_failures = 2\n"
    "  cores_min = 2 memory_min_mb = 3 memory_max_mb = 4\n"
    "}\n"
    "module \"b\" { command = {\"/bin/b\"} }\n"
    "voter \"n1\" { priority = 3 }\n"
    "voter \"n2\" { address = \"10.0.0.2\" port = 7500 }\n"
    "voter \"n3\" { witness = true }\n"
    "detect { beat_ms = 100 suspect_ms = 20 confirm_ms = 30 observers = 1 network_pct = 60 }\n"
    "forecast { memory_min_pct = 5 disk_min_pct = 6 horizon_s = 7 celsius_max = 88.5\n"
    "  ecc_uncorrected_max = 1 ecc_corrected_hour_max = 2 check_failures = 4 drain = false }\n"
    "central { redeploy = false redeploy_after_ms = 900 }\n";

static struct ft_plan *plan_of(const char *text)
{
    struct ft_plan *plan = ft_plan_parse_text(text, "F", NULL, why, sizeof why);

    ck_assert_msg(plan != NULL, "%s", why);
    return plan;
}

static struct ft_plan *good(const char *text)
{
    struct ft_plan *plan = plan_of(text);

    ck_assert_str_eq(plan->warnings, "");
    return plan;
}

/* ---------------------------------------------------------------- good files */

START_TEST(test_empty_file_has_the_defaults)
{
    struct ft_plan *plan = good("");

    ck_assert_uint_eq(plan->nodes_n + plan->modules_n + plan->voters_n, 0);
    ck_assert_uint_eq(ft_hostlist_count(plan->pool), 0);
    ck_assert(!plan->central.share && plan->central.run_check);
    ck_assert(plan->central.when_none[0] == FT_NONE_WAIT && plan->central.when_none[1] == 0);
    ck_assert(plan->rms_nodes_max == 64);
    ck_assert_uint_eq(plan->central.settle_ms, ft_central_defaults.settle_ms);
    ck_assert_uint_eq(plan->central.unfit_ms, ft_central_defaults.unfit_ms);
    ck_assert(plan->port == 7311 && plan->unit_port == 7312 && plan->metrics_port == 9311);
    ck_assert(plan->lease_ms == 2000 && plan->election_ms == 300 && plan->leader_beat_ms == 50);
    ck_assert(plan->detect.beat_ms == 500 && plan->detect.suspect_ms == 120);
    ck_assert(plan->detect.confirm_ms == 250 && plan->detect.observers == 3);
    ck_assert(plan->forecast.memory_min_pct == 3 && plan->forecast.drain);
    ck_assert(plan->redeploy.on && plan->redeploy.after_ms == 5000);
    ck_assert_str_eq(plan->auth, "auto");
    ck_assert_str_eq(plan->key, "/etc/ft/key");
    ck_assert_str_eq(plan->cms, "collected");
    ck_assert(plan->hook[0] == '\0' && plan->sinks[0] == NULL && plan->admins_n == 0);
    ck_assert_str_eq(plan->text, "");
    ft_plan_destroy(plan);
    ft_plan_destroy(NULL);
}
END_TEST

START_TEST(test_whole_file)
{
    struct ft_plan *plan = good(whole);
    const struct ft_plan_node *node;
    char *text;

    ck_assert_str_eq(plan->text, whole);
    text = ft_hostlist_text(plan->pool);
    ck_assert_str_eq(text, "s1,s2,n4"); /* the spare node, too */
    free(text);
    ck_assert(plan->central.share && !plan->central.run_check && plan->central.settle_ms == 10);
    ck_assert(plan->central.when_none[0] == FT_NONE_SHARE &&
              plan->central.when_none[1] == FT_NONE_WAIT &&
              plan->central.when_none[2] == FT_NONE_LATER && plan->rms_nodes_max == 3);
    ck_assert(plan->port == 7400 && plan->unit_port == 7401 && plan->metrics_port == 0);
    ck_assert(plan->lease_ms == 3000 && plan->election_ms == 400 && plan->leader_beat_ms == 60);
    ck_assert(plan->handback_ms == 5000 && plan->unfit_ms == 1000);
    ck_assert_str_eq(plan->key, "/k");
    ck_assert_str_eq(plan->folder, "/f");
    ck_assert_str_eq(plan->cms, "file:/etc/nodes.json");
    ck_assert_str_eq(plan->sinks[1], "file:/var/log/ft");
    ck_assert_ptr_null(plan->sinks[2]);
    ck_assert(plan->admins_n == 2 && plan->admins[0] == 4711 && plan->admins[1] == 0);
    ck_assert_uint_eq(plan->events_max_mb, 7);
    ck_assert_uint_eq(plan->nodes_n, 4);
    node = ft_plan_node(plan, "n3");
    ck_assert(node != NULL && node->priority == -2 && !node->spare && node->line == 17);
    ck_assert_str_eq(node->location, "row1/rack2");
    node = ft_plan_node(plan, "n4");
    ck_assert(node != NULL && node->spare);
    ck_assert_str_eq(node->address, "10.0.0.4");
    ck_assert_ptr_null(ft_plan_node(plan, "n5"));
    ck_assert(plan->detect.beat_ms == 100 && plan->detect.network_pct == 60);
    ck_assert(plan->forecast.celsius_max == 88.5 && !plan->forecast.drain);
    ck_assert(plan->forecast.check_failures == 4 && plan->forecast.horizon_s == 7);
    ck_assert(!plan->redeploy.on && plan->redeploy.after_ms == 900);
    ck_assert_uint_eq(plan->voters_n, 3);
    ck_assert(ft_plan_voter(plan, "n2")->port == 7500 && ft_plan_voter(plan, "n3")->witness);
    ck_assert(ft_plan_voter(plan, "n1")->priority == 3 && ft_plan_voter(plan, "n4") == NULL);
    ft_plan_destroy(plan);
}
END_TEST

START_TEST(test_module)
{
    struct ft_plan *plan = good(whole);
    const struct ft_plan_module *a = ft_plan_module(plan, "a"), *b = ft_plan_module(plan, "b");

    ck_assert(a != NULL && b != NULL && ft_plan_module(plan, "c") == NULL);
    ck_assert_str_eq(a->argv[0], "/bin/a");
    ck_assert_str_eq(a->argv[2], "${HOME} # no comment"); /* the environment is not looked into */
    ck_assert_ptr_null(a->argv[3]);
    ck_assert_str_eq(a->home, "n1");
    ck_assert_str_eq(a->user, "root");
    ck_assert_str_eq(a->environment[1], "B=");
    ck_assert_str_eq(a->after[0], "b");
    ck_assert_uint_eq(ft_hostlist_count(a->nodes), 3);
    ck_assert(a->priority == 5 && !a->enabled && !a->single && a->notifies);
    ck_assert(a->restart == FT_RESTART_ON_FAILURE && a->burst == 4 && a->window_ms == 5000);
    ck_assert(a->delays_n == 2 && a->delays_ms[1] == 10);
    ck_assert(a->start_timeout_ms == 100 && a->stop_timeout_ms == 200);
    ck_assert(a->watchdog_ms == 300 && a->deadline_ms == 400 && a->check_ms == 1000);
    ck_assert_str_eq(a->check[0], "/bin/true");
    ck_assert(a->memory_min_bytes == 3 << 20 && a->memory_max_bytes == 4 << 20);
    ck_assert_int_eq(a->line, 19);
    ck_assert(b->enabled && b->single && !b->notifies && b->restart == FT_RESTART_ALWAYS);
    ck_assert(b->burst == 3 && b->window_ms == 60000 && b->delays_n == 3);
    ck_assert(b->delays_ms[0] == 0 && b->delays_ms[1] == 1000 && b->delays_ms[2] == 5000);
    ck_assert(b->check == NULL && b->after[0] == NULL && ft_hostlist_count(b->nodes) == 0);
    ft_plan_destroy(plan);
}
END_TEST

START_TEST(test_overrides)
{
    struct ft_plan_overrides overrides = {.pool = "x[1-2]", .share = "0"};
    struct ft_plan *plan = ft_plan_parse_text(whole, "F", &overrides, why, sizeof why);
    char *text;

    ck_assert_ptr_nonnull(plan);
    text = ft_hostlist_text(plan->pool);
    ck_assert_str_eq(text, "x1,x2");
    free(text);
    ck_assert(!plan->central.share);
    ft_plan_destroy(plan);
    overrides.share = "";
    overrides.pool = "x[";
    ck_assert_ptr_null(ft_plan_parse_text(whole, "F", &overrides, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "pool"));
}
END_TEST

/* The plan that the ledger keeps as text is the same when it is read again. */
START_TEST(test_text_gives_the_same_plan)
{
    struct ft_plan *plan = good(whole), *again = good(plan->text);
    struct ft_plan_diff *diff = ft_plan_diff(plan, again);

    ck_assert_uint_eq(plan->hash, again->hash);
    ck_assert(diff != NULL && diff->flags == 0 && diff->modules_n == 0 && diff->text[0] == '\0');
    ft_plan_diff_destroy(diff);
    ft_plan_destroy(plan);
    ft_plan_destroy(again);
}
END_TEST

/* ---------------------------------------------------------------- bad files */

static const struct bad {
    const char *text, *wanted; /* a part of what is said */
} bad[] = {
    {"polo = {\"n3\"}", "F:1: there is no option 'polo'"},
    {"\n\nmodul \"a\" { x = 1 }", "F:3: there is no section 'modul'"},
    {"node \"a\" { colour = \"red\" }", "F:1: there is no option 'colour' in a node section"},
    {"share = true\nshare = false", "F:2: share is there twice, first in line 1"},
    {"detect { }\ndetect { }", "F:2: detect is there twice, first in line 1"},
    {"module \"a\" { command = {\"/a\"} }\nmodule \"a\" { command = {\"/a\"} }",
     "F:2: module \"a\" is there twice, first in line 1"},
    {"node \"a[1-3]\" { }\nnode \"a2\" { }", "F:2: node a2 is in the file twice, first in line 1"},
    {"settle_ms = 3600001", "F:1: settle_ms = 3600001 is out of range: 0 to 3600000"},
    {"port = 0", "F:1: port = 0 is out of range: 1 to 65535"},
    {"port = 65536", "out of range"},
    {"port = x", "F:1: invalid integer value for option 'port'"},
    {"share = perhaps", "F:1: invalid boolean value for option 'share'"},
    {"lease_ms = 99999999999999999999999", "F:1: integer value for option 'lease_ms' is out of"},
    {"auth = \"none\"", "F:1: auth: \"none\" is none of auto, munge, key"},
    {"key = \"etc/key\"", "F:1: key: \"etc/key\" is not an absolute path"},
    {"rms_when_none = \"later,wait\"", "rms_when_none: \"later,wait\" is not a list of wait and share"},
    {"rms_when_none = \"\"", "is not a list of wait and share"},
    {"rms_ladder = \"spares,spares\"", "is not a list of spares, expand and beside"},
    {"rms_nodes_max = 65", "rms_nodes_max"},
    {"cms = \"file:x\"", "cms: \"file:x\" is none of"},
    {"sinks = {\"journal\", \"mail\"}", "sinks: \"mail\" is none of"},
    {"pool = {\"n[1-\"}", "F:1: pool: "},
    {"node \"\" { }", "a node section needs a name"},
    {"node \"a b\" { }", "F:1: node \"a b\": "},
    {"node \"n[1-2]\" { address = \"x\" }", "2 nodes cannot have the same address"},
    {"node \"n1\" { priority = 1001 }", "priority = 1001 is out of range: -1000 to 1000"},
    {"module \"a\" { }", "F:1: module \"a\" has no command"},
    {"module \"a\" {\n command = {\"a\"} }", "F:2: command: \"a\" is not an absolute path"},
    {"module \"a/b\" { command = {\"/a\"} }", "a name has letters"},
    {"module \".\" { command = {\"/a\"} }", "a name has letters"},
    {"module \"\" { command = {\"/a\"} }", "has 1 to 63 bytes"},
    {"module \"a\" { command = {\"/a\"} restart = \"sometimes\" }", "is none of always"},
    {"module \"a\" { command = {\"/a\"} delays_ms = {} }", "delays_ms has 0 numbers"},
    {"module \"a\" { command = {\"/a\"} delays_ms = {1,2,3,4,5,6,7,8,9} }", "has 9 numbers"},
    {"module \"a\" { command = {\"/a\"} delays_ms = {-1} }", "delays_ms: -1 is out of range"},
    {"module \"a\" { command = {\"/a\"} environment = {\"A\"} }", "not of the form NAME=VALUE"},
    {"module \"a\" { command = {\"/a\"} environment = {\"=A\"} }", "not of the form NAME=VALUE"},
    {"module \"a\" { command = {\"/a\"} checksum = \"md5:1\" }", "is not sha256:"},
    {"module \"a\" { command = {\"/a\"} check = {\"true\"} }", "check: \"true\" is not an abs"},
    {"module \"a\" { command = {\"/a\"} check = {\"/x\"} check_ms = 10 check_timeout_ms = 20 }",
     "may take longer"},
    {"module \"a\" { command = {\"/a\"} burst = 0 }", "burst = 0 is out of range"},
    {"module \"a\" { command = {\"/a\"} nodes = {\"x[\"} }", "nodes: "},
    {"node \"n1\" { }\nmodule \"a\" { command = {\"/a\"} home = \"n2\" }",
     "F:2: module \"a\": its home n2 is no node of this file"},
    {"node \"n1\" { }\nmodule \"a\" { command = {\"/a\"} nodes = {\"n[1-2]\"} }",
     "F:2: module \"a\": n2 in its nodes is no node of this file"},
    {"module \"a\" { command = {\"/a\"} after = {\"b\"} }",
     "F:1: module \"a\" is to run after \"b\", which is no module"},
    {"module \"a\" { command = {\"/a\"} after = {\"a\"} }", "wait for each other (after): a -> a"},
    {"module \"a\" { command = {\"/a\"} after = {\"b\"} }\n"
     "module \"b\" { command = {\"/b\"} after = {\"c\"} }\n"
     "module \"c\" { command = {\"/c\"} after = {\"a\"} }",
     "F:1: modules wait for each other (after): a -> b -> c -> a"},
    {"voter \"a\" { }\nvoter \"b\" { address = \"a\" }",
     "F:2: voters a and b are at the same address and port"},
    {"voter \"a\" { witness = true }", "all voters are witnesses"},
    {"voter \"a\" { }\nvoter \"b\" { }\nvoter \"c\" { }\nvoter \"d\" { }\nvoter \"e\" { }\n"
     "voter \"f\" { }", "F:6: there are more than 5 voters"},
    {"lease_ms = 1499", "F:1: lease_ms = 1499 is less than three heartbeats"},
    {"detect { beat_ms = 1000 }", "lease_ms = 2000 is less than three heartbeats"},
    {"election_ms = 100", "election_ms = 100 is less than three"},
    {"port = 8000\nunit_port = 8000", "F:2: port and unit_port are both 8000"},
    {"metrics_port = 7311", "F:1: metrics_port = 7311 is another one's port"},
    {"forecast { celsius_max = warm }", "invalid floating point value"},
    {"central { redeploy_after_ms = 499 }", "redeploy_after_ms = 499 is out of range"},
    {"central { redeploy = maybe }", "redeploy"},
    {"central { }\ncentral { }", "twice"},
    {"forecast { celsius_max = 0.5 }", "celsius_max = 0.5 is out of range"},
    {"pool = \"n1", "F:"},
    {"pool", "premature end of file"},
    {"module \"a\"", "premature end of file"},
    {"module { }", "missing title"},
    {"node \"n1\" { location = }", "unexpected token"},
    {"}", "unexpected closing brace"},
    {"share = true }", "F:"},
    {"detect \"x\" { }", "F:"},
    {"dir = ${HOME}", "F:1: "},
    {"include(\"/etc/passwd\")", "F:1: "},
    {"/* never ends", "F:"},
};

START_TEST(test_bad_files)
{
    struct ft_plan *plan = ft_plan_parse_text(bad[_i].text, "F", NULL, why, sizeof why);

    ck_assert_msg(plan == NULL, "taken: %s", bad[_i].text);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_msg(strstr(why, bad[_i].wanted) != NULL, "%s\nis said to be\n%s\nand not\n%s",
                  bad[_i].text, why, bad[_i].wanted);
    ck_assert_msg(strncmp(why, "F:", 2) == 0, "no file's name: %s", why);
}
END_TEST

/* Whoever corrects a file sees all that is wrong, in the order of lines, and no more than fits. */
START_TEST(test_all_mistakes_are_told)
{
    static const char text[] = "polo = 1\n"
                               "port = 0\n"
                               "node \"a\" { x = 1 y = {2, 3} }\n"
                               "auth = \"x\"\n"
                               "modul \"m\" { a = 1 b { } }\n"
                               "key = \"k\"\n";
    static const char wanted[] = "F:1: there is no option 'polo'\n"
                                 "F:2: port = 0 is out of range: 1 to 65535\n"
                                 "F:3: there is no option 'x' in a node section\n"
                                 "F:3: there is no option 'y' in a node section\n"
                                 "F:4: auth: \"x\" is none of auto, munge, key\n"
                                 "F:5: there is no section 'modul'\n"
                                 "F:6: key: \"k\" is not an absolute path (one that begins with /)";

    ck_assert_ptr_null(ft_plan_parse_text(text, "F", NULL, why, sizeof why));
    ck_assert_str_eq(why, wanted);
}
END_TEST

START_TEST(test_mistakes_are_bounded)
{
    char text[10000] = "";
    size_t lines = 1;

    for (int i = 0; i < 300; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "nonsense%d = 1\n", i);
    ck_assert_ptr_null(ft_plan_parse_text(text, "F", NULL, why, sizeof why));
    for (const char *at = why; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    ck_assert_uint_eq(lines, FT_CONF_ERRORS_MAX + 1);
    ck_assert_ptr_nonnull(strstr(why, "F:16: "));
    ck_assert_ptr_nonnull(strstr(why, "and 284 more"));
    /* A reason that has little room is cut, not overrun. */
    ck_assert_ptr_null(ft_plan_parse_text(text, "F", NULL, why, 20));
    ck_assert_uint_lt(strlen(why), 20);
}
END_TEST

START_TEST(test_comments_do_not_move_lines)
{
    ck_assert_ptr_null(ft_plan_parse_text("# one\n/* two\n three */ // more\n\nport = 0 # x\n", "F",
                                          NULL, why, sizeof why));
    ck_assert_str_eq(why, "F:5: port = 0 is out of range: 1 to 65535");
}
END_TEST

START_TEST(test_warnings)
{
    struct ft_plan *plan =
        plan_of("module \"a\" { command = {\"/a\"} user = \"no-such-user\" after = {\"b\"} }\n"
                "module \"b\" { command = {\"/b\"} enabled = false }\n"
                "voter \"x\" { }\nvoter \"y\" { }\n"
                "admins = {\"no-such-user\"}\n");

    ck_assert_ptr_nonnull(strstr(plan->warnings, "F:1: module \"a\": there is no user"));
    ck_assert_ptr_nonnull(strstr(plan->warnings, "\"a\" waits for \"b\", which is not enabled"));
    ck_assert_ptr_nonnull(strstr(plan->warnings, "F:4: two voters need a witness"));
    ck_assert_ptr_nonnull(strstr(plan->warnings, "F:5: admins: there is no user"));
    ft_plan_destroy(plan);
    plan = plan_of("voter \"x\" { }\nvoter \"y\" { }\nvoter \"z\" { witness = true }\n");
    ck_assert_str_eq(plan->warnings, "");
    ft_plan_destroy(plan);
    plan = plan_of("election_ms = 400\nlease_ms = 2099\n");
    ck_assert_ptr_nonnull(strstr(plan->warnings, "F:2: a node's lease (2099 ms) may end while the "
                                                 "leader is replaced"));
    ft_plan_destroy(plan);
    plan = plan_of("election_ms = 400\nlease_ms = 2100\n");
    ck_assert_str_eq(plan->warnings, "");
    ft_plan_destroy(plan);
}
END_TEST

/* ---------------------------------------------------------------- spoilt files */

/* A file that is cut anywhere is refused or is a smaller file, and nothing worse. */
START_TEST(test_cut_files)
{
    char text[sizeof whole];

    for (size_t n = 0; n < sizeof whole; n++) {
        struct ft_plan *plan;

        memcpy(text, whole, n);
        text[n] = '\0';
        plan = ft_plan_parse_text(text, "F", NULL, why, sizeof why);
        if (plan == NULL)
            ck_assert_int_eq(errno, EINVAL);
        else
            ck_assert_uint_le(plan->modules_n, 2);
        ft_plan_destroy(plan);
    }
}
END_TEST

/* Bytes that are changed, doubled and taken out at random. */
START_TEST(test_spoilt_files)
{
    static const char signs[] = "{}()=+,\"'\\\n #/*$az09\x80\xff";
    unsigned seed = (unsigned) getpid();
    unsigned taken = 0;

    for (int round = 0; round < 4000; round++) {
        char text[sizeof whole + 64];
        struct ft_plan *plan;

        memcpy(text, whole, sizeof whole);
        for (int i = 0, n = 1 + rand_r(&seed) % 4; i < n; i++) {
            size_t length = strlen(text), at = (size_t) rand_r(&seed) % length;

            if (rand_r(&seed) % 2 == 0)
                text[at] = signs[(size_t) rand_r(&seed) % (sizeof signs - 1)];
            else
                memmove(text + at, text + at + 1, length - at);
        }
        plan = ft_plan_parse_text(text, "F", NULL, why, sizeof why);
        taken += plan != NULL;
        if (plan == NULL)
            ck_assert_msg(errno == EINVAL && why[0] != '\0', "seed %d", (int) getpid());
        ft_plan_destroy(plan);
    }
    ck_assert_msg(taken > 0 && taken < 4000, "%u taken, seed %d", taken, (int) getpid());
}
END_TEST

START_TEST(test_files)
{
    char path[] = "/tmp/test_conf.XXXXXX";
    int file = mkstemp(path);
    struct ft_plan *plan;

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq((int) write(file, whole, sizeof whole - 1), (int) sizeof whole - 1);
    plan = ft_plan_load(path, NULL, why, sizeof why);
    ck_assert_msg(plan != NULL, "%s", why);
    ck_assert_str_eq(plan->path, path);
    ck_assert_str_eq(plan->text + strlen(plan->text) - 1, "\n");
    ft_plan_destroy(plan);
    ck_assert_int_eq((int) pwrite(file, "x", 2, 10), 2); /* a 0 in it */
    ck_assert_ptr_null(ft_plan_load(path, NULL, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "is not a text"));
    ck_assert_int_eq(ftruncate(file, (off_t) 5 << 20), 0);
    ck_assert_ptr_null(ft_plan_load(path, NULL, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "bytes"));
    close(file);
    unlink(path);
    ck_assert_ptr_null(ft_plan_load(path, NULL, why, sizeof why));
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_ptr_null(ft_plan_load("/", NULL, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "is not a file"));
}
END_TEST

START_TEST(test_many)
{
    size_t size = 1 << 20, n = 0;
    char *text = malloc(size);
    struct ft_plan *plan;

    ck_assert_ptr_nonnull(text);
    for (int i = 0; i < FT_PLAN_MODULES_MAX; i++)
        n += (size_t) snprintf(text + n, size - n, "module \"m%d\" { command = {\"/m\"} after = {"
                               "\"m%d\"} }\n", i, i + 1);
    n += (size_t) snprintf(text + n, size - n, "node \"n[00001-10000]\" { }\n");
    ck_assert_uint_lt(n, size);
    /* The last one waits for one that there is not; a way of 4096 steps uses up no stack. */
    ck_assert_ptr_null(ft_plan_parse_text(text, "F", NULL, why, sizeof why));
    ck_assert_str_eq(why, "F:4096: module \"m4095\" is to run after \"m4096\", which is no module "
                     "of this file");
    snprintf(text + n, size - n, "module \"m4096\" { command = {\"/m\"} }\n");
    ck_assert_ptr_null(ft_plan_parse_text(text, "F", NULL, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "there are more than 4096 modules"));
    snprintf(text, size, "node \"n[00001-10000]\" { }\nnode \"n[10001-20000]\" { }\n");
    plan = good(text);
    ck_assert_uint_eq(plan->nodes_n, 20000);
    ft_plan_destroy(plan);
    free(text);
}
END_TEST

/* ---------------------------------------------------------------- ft.conf(5) */

/* A file of the sources, to be freed. */
static char *source(const char *name)
{
    const char *folder = getenv("FT_TEST_SRCDIR");
    char path[4096];
    FILE *file;
    char *text = calloc(1, 1 << 18);

    snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : ".", name);
    file = fopen(path, "r");
    ck_assert_msg(file != NULL && text != NULL, "%s cannot be read", path);
    ck_assert_uint_gt(fread(text, 1, (1 << 18) - 1, file), 1000);
    fclose(file);
    return text;
}

START_TEST(test_manual_has_a_good_example)
{
    char *page = source("doc/ft.conf.5.scd");
    char *begin = strstr(page, "# EXAMPLE\n\n```\n"), *end;
    struct ft_plan *plan;

    ck_assert_ptr_nonnull(begin);
    begin = strstr(begin, "```\n") + 4;
    end = strstr(begin, "```");
    ck_assert_ptr_nonnull(end);
    *end = '\0';
    plan = plan_of(begin);
    ck_assert(plan->modules_n == 2 && plan->voters_n == 3 && plan->nodes_n > 100);
    ft_plan_destroy(plan);
    free(page);
}
END_TEST

START_TEST(test_manual_has_every_option)
{
    char *page = source("doc/ft.conf.5.scd"), *tables = source("src/conf/options.c");
    unsigned n = 0;

    for (char *at = tables; (at = strstr(at, "\n    {\"")) != NULL; n++) {
        char name[64];

        at += 7;
        snprintf(name, sizeof name, "*%.*s*", (int) strcspn(at, "\""), at);
        ck_assert_msg(strstr(page, name) != NULL, "ft.conf(5) does not have %s", name);
    }
    ck_assert_uint_gt(n, 60);
    free(page);
    free(tables);
}
END_TEST

/* ---------------------------------------------------------------- two plans */

/* What ft_plan_diff says of the whole file with one text in it replaced. */
static struct ft_plan_diff *changed(const char *from, const char *to, struct ft_plan **old,
                                    struct ft_plan **new)
{
    char text[sizeof whole + 200];
    const char *at = strstr(whole, from);

    ck_assert_ptr_nonnull(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int) (at - whole), whole, to, at + strlen(from));
    *old = plan_of(whole);
    *new = plan_of(text);
    return ft_plan_diff(*old, *new);
}

static const struct change {
    const char *from, *to;
    unsigned flags;
    enum ft_module_change module; /* of module a */
    const char *said;
} changes[] = {
    {"share,wait,later", "fewer", FT_DIFF_CENTRAL, FT_CHANGE_NONE, "rms_when_none: "},
    {"nodes_max = 3", "nodes_max = 1", FT_DIFF_CENTRAL, FT_CHANGE_NONE, "rms_nodes_max: 3 -> 1"},
    {"share = true", "share = false", FT_DIFF_CENTRAL, FT_CHANGE_NONE, "share: 1 -> 0"},
    {"settle_ms = 10", "settle_ms = 20", FT_DIFF_CENTRAL, FT_CHANGE_NONE, "settle_ms: 10 -> 20"},
    {"lease_ms = 3000", "lease_ms = 4000", FT_DIFF_DETECT, FT_CHANGE_NONE, "3000 -> 4000"},
    {"beat_ms = 100", "beat_ms = 200", FT_DIFF_DETECT, FT_CHANGE_NONE, "beat_ms: 100 -> 200"},
    {"horizon_s = 7", "horizon_s = 8", FT_DIFF_FORECAST, FT_CHANGE_NONE, "horizon_s: 7 -> 8"},
    {"redeploy = false", "redeploy = true", FT_DIFF_REDEPLOY, FT_CHANGE_NONE, "redeploy: 0 -> 1"},
    {"after_ms = 900", "after_ms = 800", FT_DIFF_REDEPLOY, FT_CHANGE_NONE, "900 -> 800"},
    {"\"journal\"", "\"syslog\"", FT_DIFF_SINKS, FT_CHANGE_NONE, "sinks"},
    {"{\"4711\", ", "{\"4712\", ", FT_DIFF_ADMINS, FT_CHANGE_NONE, "admins"},
    {"{\"s[1-2]\"}", "{\"s[1-3]\"}", FT_DIFF_POOL, FT_CHANGE_NONE, "pool"},
    {"port = 7400", "port = 7402", FT_DIFF_RESTART, FT_CHANGE_NONE, "port: 7400 -> 7402"},
    {"priority = 3 }", "priority = 4 }", FT_DIFF_VOTERS, FT_CHANGE_NONE, "voter n1: changed"},
    {"{ witness = true }", "{ }", FT_DIFF_VOTERS, FT_CHANGE_NONE, "voter n3: changed"},
    {"port = 7500", "port = 7501", FT_DIFF_VOTERS | FT_DIFF_RESTART, FT_CHANGE_NONE, "restart"},
    {"voter \"n3\"", "voter \"n4\"", FT_DIFF_VOTERS, FT_CHANGE_NONE, "voter n3: removed"},
    {"voter \"n3\"", "voter \"n4\"", FT_DIFF_VOTERS, FT_CHANGE_NONE, "voter n4: added"},
    {"10.0.0.4", "10.0.0.5", FT_DIFF_NODES, FT_CHANGE_NONE, "node n4: address \"10.0.0.4\""},
    {"n[1-3]", "n[1-3,5]", FT_DIFF_NODES, FT_CHANGE_NONE, "node n5 is new"},
    {"\"-x\"", "\"-y\"", FT_DIFF_MODULES, FT_CHANGE_RESTART, "module a has another program"},
    {"\"B=\"", "\"B=2\"", FT_DIFF_MODULES, FT_CHANGE_RESTART, "another program"},
    {"memory_max_mb = 4", "memory_max_mb = 5", FT_DIFF_MODULES, FT_CHANGE_RESTART, "module a"},
    {"burst = 4", "burst = 5", FT_DIFF_MODULES, FT_CHANGE_UPDATE, "module a has other rules"},
    {"delays_ms = {0, 10}", "delays_ms = {0, 11}", FT_DIFF_MODULES, FT_CHANGE_UPDATE, "rules"},
    {"check_failures = 2", "check_failures = 3", FT_DIFF_MODULES, FT_CHANGE_UPDATE, "rules"},
    {"home = \"n1\"", "home = \"n2\"", FT_DIFF_MODULES, FT_CHANGE_PLACE, "may run elsewhere"},
    {"\"n[1-2]\", ", "", FT_DIFF_MODULES, FT_CHANGE_PLACE, "may run elsewhere"},
    {"enabled = false", "enabled = true", FT_DIFF_MODULES, FT_CHANGE_PLACE, "module a is enabled"},
};

START_TEST(test_differences)
{
    const struct change *change = &changes[_i];
    struct ft_plan *old, *new;
    struct ft_plan_diff *diff = changed(change->from, change->to, &old, &new);

    ck_assert_ptr_nonnull(diff);
    ck_assert_msg(diff->flags == change->flags, "%s: flags %x", change->from, diff->flags);
    ck_assert_msg(strstr(diff->text, change->said) != NULL, "%s: %s", change->from, diff->text);
    ck_assert_uint_eq(diff->modules_n, change->module != FT_CHANGE_NONE);
    if (diff->modules_n > 0) {
        ck_assert_str_eq(diff->modules[0].name, "a");
        ck_assert_msg(diff->modules[0].change == change->module, "%s: %d", change->from,
                      (int) diff->modules[0].change);
        ck_assert(diff->modules[0].old == ft_plan_module(old, "a"));
        ck_assert(diff->modules[0].new == ft_plan_module(new, "a"));
    }
    ft_plan_diff_destroy(diff);
    ft_plan_destroy(old);
    ft_plan_destroy(new);
}
END_TEST

START_TEST(test_modules_come_and_go)
{
    struct ft_plan *old, *new;
    struct ft_plan_diff *diff = changed("module \"b\" { command = {\"/bin/b\"} }",
                                        "module \"c\" { command = {\"/bin/b\"} }\n"
                                        "module \"b\" { command = {\"/bin/b\"} }", &old, &new);

    ck_assert(diff->modules_n == 1 && diff->modules[0].change == FT_CHANGE_ADDED);
    ck_assert(strcmp(diff->modules[0].name, "c") == 0 && diff->modules[0].old == NULL);
    ft_plan_diff_destroy(diff);
    diff = ft_plan_diff(new, old);
    ck_assert(diff->modules_n == 1 && diff->modules[0].change == FT_CHANGE_REMOVED);
    ck_assert(strcmp(diff->modules[0].name, "c") == 0 && diff->modules[0].new == NULL);
    ft_plan_diff_destroy(diff);
    diff = ft_plan_diff(NULL, old);
    ck_assert(diff->modules_n == 2 && diff->modules[1].change == FT_CHANGE_ADDED);
    ck_assert(diff->flags & FT_DIFF_NODES && diff->flags & FT_DIFF_RESTART);
    ft_plan_diff_destroy(diff);
    ft_plan_diff_destroy(NULL);
    ft_plan_destroy(old);
    ft_plan_destroy(new);
}
END_TEST

/* However much has changed, the text for people stays bounded. */
START_TEST(test_long_difference)
{
    struct ft_plan *old = plan_of("node \"a[1-5000]\" { }"), *new = plan_of("node \"b[1-3]\" { }");
    struct ft_plan_diff *diff = ft_plan_diff(old, new);

    ck_assert_ptr_nonnull(diff);
    ck_assert_uint_lt(strlen(diff->text), 16384);
    ck_assert_ptr_nonnull(strstr(diff->text, "more changes"));
    ft_plan_diff_destroy(diff);
    ft_plan_destroy(old);
    ft_plan_destroy(new);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ft.conf");
    TCase *tcase = tcase_create("files");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_empty_file_has_the_defaults);
    tcase_add_test(tcase, test_whole_file);
    tcase_add_test(tcase, test_module);
    tcase_add_test(tcase, test_overrides);
    tcase_add_test(tcase, test_text_gives_the_same_plan);
    tcase_add_loop_test(tcase, test_bad_files, 0, (int) (sizeof bad / sizeof bad[0]));
    tcase_add_test(tcase, test_all_mistakes_are_told);
    tcase_add_test(tcase, test_mistakes_are_bounded);
    tcase_add_test(tcase, test_comments_do_not_move_lines);
    tcase_add_test(tcase, test_warnings);
    tcase_add_test(tcase, test_cut_files);
    tcase_add_test(tcase, test_spoilt_files);
    tcase_add_test(tcase, test_files);
    tcase_add_test(tcase, test_many);
    tcase_add_test(tcase, test_manual_has_a_good_example);
    tcase_add_test(tcase, test_manual_has_every_option);
    tcase_add_loop_test(tcase, test_differences, 0, (int) (sizeof changes / sizeof changes[0]));
    tcase_add_test(tcase, test_modules_come_and_go);
    tcase_add_test(tcase, test_long_difference);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
