/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_admin.c - commands of people and their answers as JSON, with a real mind, fleet and event
 * log, and everything else played by the test; and the event log itself: its latest entries, its
 * limit.
 */
#include <check.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yyjson.h>

#include "centrald/admin.h"
#include "centrald/carried.h"
#include "common/hostlist.h"
#include "core/ledger.h"

#define GIB (UINT64_C(1) << 30)

/* Everybody else. */
static struct {
    struct ft_central *central;
    struct ft_fleet *fleet;
    struct ft_collector *collector;
    struct ft_events *events;
    struct ft_plan plan;
    struct ft_plan_module modules[3];
    struct ft_admin_config config;
    struct ft_admin *admin;
    struct ft_ledger *ledger; /* what is kept */
    uint64_t run, request;    /* of the next command, as its unit numbers it */
    unsigned reloads;
    char folder[64], path[128];
    uint64_t seq;
    int64_t now_ns;
    unsigned orders;         /* that the fleet gave */
    char drained[300];       /* what the launchers are told: "n1: why" */
    char handed_to[64];
    ftRetVal_t reload;
    char denied[300];        /* the text of the latest order_denied */
    unsigned denied_n;
    struct ft_admin_answer answer;
    yyjson_doc *doc;
} t;

static int64_t do_now_ns(void *arg)
{
    (void) arg;
    return t.now_ns;
}

static void do_log(void *arg, const struct ft_event *event)
{
    struct ft_event copy = *event;

    (void) arg;
    copy.seq = ++t.seq;
    ft_events_write(t.events, &copy);
    if (strcmp(event->name, "order_denied") == 0) {
        snprintf(t.denied, sizeof t.denied, "%s", event->text);
        t.denied_n++;
    }
}

static void do_admin_log(void *arg, struct ft_event *event)
{
    do_log(arg, event);
}

static void do_order(void *arg, const char *node, const Ft__ModuleOrder *order)
{
    (void) arg;
    (void) node;
    (void) order;
    t.orders++;
}

static const struct ft_plan *do_plan(void *arg)
{
    (void) arg;
    return &t.plan;
}

static void do_drained(void *arg, const char *node, const char *why)
{
    (void) arg;
    snprintf(t.drained, sizeof t.drained, "%.100s: %.150s", node, why != NULL ? why : "no more");
}

static int do_hand_over(void *arg, const char *voter, char *why, size_t size)
{
    (void) arg;
    if (strcmp(voter, "nobody") == 0) {
        snprintf(why, size, "nobody is no voter");
        return -1;
    }
    snprintf(t.handed_to, sizeof t.handed_to, "%s", voter);
    return 0;
}

static void do_keep(void *arg, const char *key, const void *data, size_t n)
{
    (void) arg;
    if (data == NULL)
        ft_ledger_erase(t.ledger, key);
    else
        ck_assert_int_eq(ft_ledger_put(t.ledger, key, data, n), 0);
}

static ftRetVal_t do_reload(void *arg, const char *by, char **text)
{
    (void) arg;
    t.reloads++;
    ck_assert_str_eq(by, "root on n0");
    *text = strdup(t.reload == FT_OK ? "module a is new" : "F:1: bad\nF:2: worse");
    return t.reload;
}

static void do_book_status(void *arg, struct ft_book_status *status)
{
    (void) arg;
    memset(status, 0, sizeof *status);
    snprintf(status->leader, sizeof status->leader, "n0");
    status->term = 7;
    status->last_index = 42;
    status->voters_n = 2;
    snprintf(status->voters[0].name, sizeof status->voters[0].name, "n0");
    snprintf(status->voters[0].state, sizeof status->voters[0].state, "leads");
    status->voters[0].self = status->voters[0].leads = status->voters[0].votes = true;
    snprintf(status->voters[1].name, sizeof status->voters[1].name, "n1");
    snprintf(status->voters[1].state, sizeof status->voters[1].state, "not reached");
    status->voters[1].votes = true;
    status->voters[1].heard_ms = -1;
    status->voters[1].lag = 3;
}

static struct ft_plan_module module_of(const char *name)
{
    static char *argv[] = {(char *) "/bin/x", NULL}, *nothing[] = {NULL};

    return (struct ft_plan_module){.name = (char *) name, .argv = argv, .home = (char *) "",
                                   .user = (char *) "", .dir = (char *) "", .environment = nothing,
                                   .after = nothing, .nodes = ft_hostlist_create(),
                                   .checksum = (char *) "", .enabled = true, .single = true,
                                   .burst = 3, .window_ms = 60000, .delays_n = 1};
}

static void make_plan(void)
{
    static unsigned admins[] = {4711};
    static const char *const names[] = {"a", "b", "c"};

    t.plan = (struct ft_plan){.modules = t.modules, .modules_n = 3, .path = (char *) "F",
                              .text = (char *) "", .warnings = (char *) "", .admins = admins,
                              .admins_n = 1, .pool = ft_hostlist_parse("n3", NULL, 0),
                              .central = ft_central_defaults, .lease_ms = 2000, .unfit_ms = 1000};
    for (int i = 0; i < 3; i++)
        t.modules[i] = module_of(names[i]);
}

static void node_up(const char *node)
{
    Ft__ModuleList none = FT__MODULE_LIST__INIT;
    struct ft_facts facts = {.arch = "x86_64", .packages = 1, .cores = 4, .pus = 8,
                             .memory_bytes = 8 * GIB, .kind = 1, .devices = {{"gpu", 2}}};

    ck_assert_int_eq(ft_central_unit_up(t.central, node, "1"), 0);
    ck_assert_int_eq(ft_central_unit_facts(t.central, node, &facts), 0);
    if (t.fleet == NULL)
        return;
    ck_assert_int_eq(ft_fleet_node_up(t.fleet, node, 1), 0);
    ck_assert_int_eq(ft_fleet_node_list(t.fleet, node, &none), 0);
}

static void begin(bool is_system)
{
    struct ft_env env = {.now_ns = do_now_ns, .log = do_log};
    struct ft_fleet_env fleet_env = {.now_ns = do_now_ns, .log = do_log, .order = do_order};
    struct ft_fleet_config fleet_config = {.term = 7, .lease_ms = 2000};
    struct ft_collector_events collector_events = {.log = do_admin_log};
    struct ft_admin_config config = {.node = "n0", .begun_ns = 1, .plan = do_plan,
                                     .keep = do_keep, .log = do_admin_log};
    char why[200];

    memset(&t, 0, sizeof t);
    t.now_ns = 1;
    make_plan();
    snprintf(t.folder, sizeof t.folder, "/tmp/test_admin.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(t.folder));
    snprintf(t.path, sizeof t.path, "%s/events.jsonl", t.folder);
    config.events = t.events = ft_events_open(t.path, 1, why, sizeof why);
    config.central = t.central = ft_central_create(&env, &ft_central_defaults);
    ck_assert(t.events != NULL && t.central != NULL);
    if (is_system) {
        config.fleet = t.fleet = ft_fleet_create(&fleet_env, &fleet_config);
        config.collector = t.collector = ft_collector_create(true, &collector_events, NULL);
        config.book_status = do_book_status;
        config.hand_over = do_hand_over;
        config.reload = do_reload;
        config.drained = do_drained;
        ck_assert(t.fleet != NULL && t.collector != NULL);
        ck_assert_int_eq(ft_fleet_plan(t.fleet, &t.plan), 0);
    } else {
        config.session = "s-1";
    }
    t.ledger = ft_ledger_create();
    ck_assert_ptr_nonnull(t.ledger);
    t.config = config;
    t.admin = ft_admin_create(&config);
    for (int i = 1; i <= 3; i++)
        node_up((char[]){'n', (char) ('0' + i), '\0'});
    /* Until then the fleet waits for nodes that may have modules of an earlier leader. */
    t.now_ns = INT64_C(60000000000);
    if (is_system)
        ft_fleet_tick(t.fleet);
}

static void forget_answer(void)
{
    ft_admin_answer_clear(&t.answer);
    yyjson_doc_free(t.doc);
    t.doc = NULL;
}

static void end(void)
{
    char old[160];

    forget_answer();
    ft_admin_destroy(t.admin);
    ft_ledger_destroy(t.ledger);
    ft_fleet_destroy(t.fleet);
    ft_collector_destroy(t.collector);
    ft_central_destroy(t.central);
    ft_events_close(t.events);
    ft_hostlist_destroy(t.plan.pool);
    for (int i = 0; i < 3; i++)
        ft_hostlist_destroy(t.modules[i].nodes);
    unlink(t.path);
    snprintf(old, sizeof old, "%s.1", t.path);
    unlink(old);
    ck_assert_int_eq(rmdir(t.folder), 0);
}

/* A command of a user; the answer's status. The answer is an object, whatever happens. */
static ftRetVal_t ask_as(uint32_t uid, const char *command)
{
    struct ft_asker asker = {.node = "n0", .job = "", .rank = -1, .uid = uid, .run = t.run,
                             .request = t.request};

    forget_answer();
    ft_admin_take(t.admin, &asker, command, &t.answer);
    ck_assert_ptr_nonnull(t.answer.json);
    t.doc = yyjson_read(t.answer.json, strlen(t.answer.json), 0);
    ck_assert_msg(yyjson_is_obj(yyjson_doc_get_root(t.doc)), "%s", t.answer.json);
    if (t.answer.status != FT_OK)
        ck_assert_msg(t.answer.reason[0] != '\0', "no reason: %s", command);
    return t.answer.status;
}

static ftRetVal_t ask(const char *command)
{
    return ask_as(0, command);
}

/* What the answer has at "/a/0/b". */
static const char *text_at(const char *pointer)
{
    const char *text = yyjson_get_str(yyjson_doc_ptr_get(t.doc, pointer));

    return text != NULL ? text : "(none)";
}

static double number_at(const char *pointer)
{
    yyjson_val *value = yyjson_doc_ptr_get(t.doc, pointer);

    ck_assert_msg(yyjson_is_num(value), "no number at %s: %s", pointer, t.answer.json);
    return yyjson_get_num(value);
}

static bool is_null(const char *pointer)
{
    return yyjson_is_null(yyjson_doc_ptr_get(t.doc, pointer));
}

static size_t count_at(const char *pointer)
{
    return yyjson_arr_size(yyjson_doc_ptr_get(t.doc, pointer));
}

/* ---------------------------------------------------------------- telling */

START_TEST(test_status)
{
    begin(true);
    ck_assert_int_eq(ask("{\"do\":\"status\"}"), FT_OK);
    ck_assert_str_eq(text_at("/mode"), "system");
    ck_assert(is_null("/session"));
    ck_assert_str_eq(text_at("/leader"), "n0");
    ck_assert(number_at("/term") == 7 && number_at("/voters/all") == 2);
    ck_assert(number_at("/voters/well") == 1);
    ck_assert(number_at("/nodes/all") == 3 && number_at("/nodes/well") == 3);
    ck_assert(number_at("/modules/all") == 3 && number_at("/modules/runs") == 0);
    ck_assert(!yyjson_get_bool(yyjson_doc_ptr_get(t.doc, "/well"))); /* a voter is not there */
    ck_assert_uint_eq(count_at("/troubles"), 0);
    ck_assert_uint_eq(strlen(text_at("/config/hash")), 16);
    end();
}
END_TEST

START_TEST(test_nodes)
{
    begin(true);
    ck_assert_int_eq(ask("{\"do\":\"nodes\"}"), FT_OK);
    ck_assert_uint_eq(count_at("/nodes"), 3);
    ck_assert_str_eq(text_at("/nodes/0/name"), "n1");
    ck_assert_str_eq(text_at("/nodes/0/state"), "well");
    ck_assert(number_at("/nodes/0/hardware/cores") == 4);
    ck_assert(number_at("/nodes/0/hardware/memory_bytes") == 8.0 * GIB);
    ck_assert(number_at("/nodes/0/hardware/devices/gpu") == 2);
    ck_assert(is_null("/nodes/0/load") && is_null("/nodes/0/drained"));
    ck_assert(!yyjson_get_bool(yyjson_doc_ptr_get(t.doc, "/nodes/0/spare")));
    ck_assert(yyjson_get_bool(yyjson_doc_ptr_get(t.doc, "/nodes/2/spare")));
    ck_assert(yyjson_doc_ptr_get(t.doc, "/next") == NULL);
    ft_central_unit_down(t.central, "n2", "cable");
    ck_assert_int_eq(ask("{\"do\":\"nodes\",\"node\":\"n2\"}"), FT_OK);
    ck_assert_uint_eq(count_at("/nodes"), 1);
    ck_assert_str_eq(text_at("/nodes/0/state"), "no-unit");
    ck_assert_str_eq(text_at("/nodes/0/why"), "cable");
    ck_assert(yyjson_is_arr(yyjson_doc_ptr_get(t.doc, "/nodes/0/readings")));
    ck_assert_int_eq(ask("{\"do\":\"nodes\",\"node\":\"n9\"}"), FT_ERR_UNKNOWN);
    ck_assert_str_eq(text_at("/error"), "there is no node n9");
    ck_assert_str_eq(text_at("/hint"), "ft nodes lists them");
    end();
}
END_TEST

/* Page after page gives everything once. */
START_TEST(test_pages)
{
    begin(true);
    ck_assert_int_eq(ask("{\"do\":\"nodes\",\"limit\":2}"), FT_OK);
    ck_assert_uint_eq(count_at("/nodes"), 2);
    ck_assert_str_eq(text_at("/next"), "n2");
    ck_assert_int_eq(ask("{\"do\":\"nodes\",\"limit\":2,\"after\":\"n2\"}"), FT_OK);
    ck_assert_uint_eq(count_at("/nodes"), 1);
    ck_assert_str_eq(text_at("/nodes/0/name"), "n3");
    ck_assert(yyjson_doc_ptr_get(t.doc, "/next") == NULL);
    ck_assert_int_eq(ask("{\"do\":\"nodes\",\"after\":\"n9\"}"), FT_ERR_UNKNOWN);
    ck_assert_int_eq(ask("{\"do\":\"modules\",\"limit\":2}"), FT_OK);
    ck_assert_uint_eq(count_at("/modules"), 2);
    ck_assert_str_eq(text_at("/next"), text_at("/modules/1/name"));
    {
        char command[100];

        snprintf(command, sizeof command, "{\"do\":\"modules\",\"limit\":2,\"after\":\"%s\"}",
                 text_at("/next"));
        ck_assert_int_eq(ask(command), FT_OK);
    }
    ck_assert_uint_eq(count_at("/modules"), 1);
    ck_assert_int_eq(ask("{\"do\":\"modules\",\"after\":\"zz\"}"), FT_ERR_UNKNOWN);
    end();
}
END_TEST

START_TEST(test_modules)
{
    Ft__ModuleState state = FT__MODULE_STATE__INIT;
    char node[64];

    begin(true);
    ck_assert_int_eq(ask("{\"do\":\"modules\",\"module\":\"a\"}"), FT_OK);
    ck_assert_uint_eq(count_at("/modules"), 1);
    snprintf(node, sizeof node, "%s", text_at("/modules/0/node"));
    ck_assert_msg(node[0] == 'n', "not placed: %s", t.answer.json);
    ck_assert_uint_ge(t.orders, 3);
    state.name = (char *) "a";
    state.epoch = (uint64_t) number_at("/modules/0/epoch");
    state.state = FT_MODULE_RUNS;
    state.pid = 99;
    state.restarts = 2;
    state.end = FT_END_CODE;
    state.code = 3;
    ck_assert_int_eq(ft_fleet_module_state(t.fleet, node, &state), 0);
    ck_assert_int_eq(ask("{\"do\":\"modules\",\"module\":\"a\"}"), FT_OK);
    ck_assert_str_eq(text_at("/modules/0/state"), "runs");
    ck_assert(number_at("/modules/0/pid") == 99 && number_at("/modules/0/restarts") == 2);
    ck_assert_str_eq(text_at("/modules/0/last_end"), "code");
    ck_assert(number_at("/modules/0/code") == 3);
    ck_assert_int_eq(ask("{\"do\":\"status\"}"), FT_OK);
    ck_assert(number_at("/modules/runs") == 1);
    ck_assert_int_eq(ask("{\"do\":\"modules\",\"module\":\"zz\"}"), FT_ERR_UNKNOWN);
    ck_assert_int_eq(ask("{\"do\":\"modules\",\"node\":\"n9\"}"), FT_OK);
    ck_assert_uint_eq(count_at("/modules"), 0);
    end();
}
END_TEST

START_TEST(test_central)
{
    begin(true);
    ck_assert_int_eq(ask("{\"do\":\"central\"}"), FT_OK);
    ck_assert(number_at("/term") == 7 && number_at("/last_index") == 42);
    ck_assert_uint_eq(count_at("/voters"), 2);
    ck_assert_str_eq(text_at("/voters/1/state"), "not reached");
    ck_assert(is_null("/voters/1/heard_ms") && number_at("/voters/1/lag") == 3);
    ck_assert(number_at("/voters/0/heard_ms") == 0);
    end();
}
END_TEST

/* ---------------------------------------------------------------- orders */

START_TEST(test_drain)
{
    begin(true);
    ck_assert_int_eq(ask("{\"do\":\"drain\",\"node\":\"n1\",\"reason\":\"new disks\"}"), FT_OK);
    ck_assert_str_eq(text_at("/node"), "n1");
    ck_assert_str_eq(t.drained, "n1: drained by root on n0: new disks");
    ck_assert_int_eq(ask("{\"do\":\"nodes\",\"node\":\"n1\"}"), FT_OK);
    ck_assert_ptr_nonnull(strstr(text_at("/nodes/0/drained"), "new disks"));
    ck_assert_int_eq(ask("{\"do\":\"status\"}"), FT_OK);
    ck_assert(number_at("/nodes/drained") == 1);
    ck_assert_int_eq(ask("{\"do\":\"undrain\",\"node\":\"n1\"}"), FT_OK);
    ck_assert_str_eq(t.drained, "n1: no more");
    ck_assert_int_eq(ask("{\"do\":\"nodes\",\"node\":\"n1\"}"), FT_OK);
    ck_assert(is_null("/nodes/0/drained"));
    ck_assert_int_eq(ask("{\"do\":\"drain\",\"node\":\"n9\"}"), FT_ERR_UNKNOWN);
    ck_assert_int_eq(ask("{\"do\":\"drain\"}"), FT_ERR_ACTION);
    ck_assert_int_eq(ask("{\"do\":\"undrain\",\"node\":\"\"}"), FT_ERR_ACTION);
    end();
}
END_TEST

START_TEST(test_move_and_restart)
{
    begin(true);
    ck_assert_int_eq(ask("{\"do\":\"move\",\"module\":\"a\",\"node\":\"n2\"}"), FT_OK);
    ck_assert_str_eq(text_at("/module"), "a");
    ck_assert(number_at("/epoch_before") >= 0);
    ck_assert_int_eq(ask("{\"do\":\"move\",\"module\":\"zz\"}"), FT_ERR_UNKNOWN);
    ck_assert_int_ne(ask("{\"do\":\"move\",\"module\":\"a\",\"node\":\"n9\"}"), FT_OK);
    ck_assert_int_eq(ask("{\"do\":\"move\"}"), FT_ERR_ACTION);
    ck_assert_int_eq(ask("{\"do\":\"restart\",\"module\":\"b\"}"), FT_OK);
    ck_assert_int_eq(ask("{\"do\":\"restart\",\"module\":\"zz\"}"), FT_ERR_UNKNOWN);
    end();
}
END_TEST

START_TEST(test_reload)
{
    begin(true);
    ck_assert_int_eq(ask("{\"do\":\"reload\"}"), FT_OK);
    ck_assert_str_eq(text_at("/changes"), "module a is new");
    t.reload = FT_ERR_ARG;
    ck_assert_int_eq(ask("{\"do\":\"reload\"}"), FT_ERR_NONE);
    ck_assert_str_eq(text_at("/error"), "F:1: bad\nF:2: worse"); /* all of it */
    ck_assert_ptr_nonnull(strstr(text_at("/hint"), "nothing has changed"));
    end();
}
END_TEST

START_TEST(test_hand_over)
{
    begin(true);
    ck_assert_int_eq(ask("{\"do\":\"hand-over\",\"voter\":\"n1\"}"), FT_OK);
    ck_assert_str_eq(t.handed_to, "n1");
    ck_assert_int_eq(ask("{\"do\":\"hand-over\"}"), FT_OK);
    ck_assert_str_eq(t.handed_to, "");
    ck_assert_int_eq(ask("{\"do\":\"hand-over\",\"voter\":\"nobody\"}"), FT_ERR_NONE);
    ck_assert_str_eq(text_at("/error"), "nobody is no voter");
    end();
}
END_TEST

/* ---------------------------------------------------------------- once */

static bool restore_one(void *arg, const char *key, const void *data, size_t n)
{
    (void) arg;
    ck_assert_msg(strncmp(key, FT_CARRIED_KEY, strlen(FT_CARRIED_KEY)) == 0, "%s", key);
    ck_assert_int_eq(ft_admin_restore(t.admin, data, n), 0);
    return true;
}

/* Another voter leads, and goes on from the ledger. */
static void take_over(void)
{
    ft_admin_destroy(t.admin);
    t.admin = ft_admin_create(&t.config);
    ck_assert_ptr_nonnull(t.admin);
    ft_ledger_each(t.ledger, "", restore_one, NULL);
}

/* A unit sends what was not answered again, with the same number: it is done once, and the answer
 * is the same, whoever leads by then. */
START_TEST(test_once_by_number)
{
    static const char restart[] = "{\"do\":\"restart\",\"module\":\"a\"}";
    double epoch;
    unsigned orders;

    begin(true);
    t.run = 5;
    t.request = 1;
    orders = t.orders;
    ck_assert_int_eq(ask(restart), FT_OK);
    epoch = number_at("/epoch_before");
    ck_assert_uint_gt(t.orders, orders);
    orders = t.orders;
    for (int i = 0; i < 4; i++) {
        if (i == 2)
            take_over();
        ck_assert_int_eq(ask(restart), FT_OK);
        ck_assert(number_at("/epoch_before") == epoch);
        ck_assert_str_eq(text_at("/module"), "a");
        ck_assert_uint_eq(t.orders, orders);
    }
    t.request = 2; /* another one */
    ck_assert_int_eq(ask(restart), FT_OK);
    ck_assert(number_at("/epoch_before") > epoch);
    ck_assert_uint_gt(t.orders, orders);
    t.run = 6; /* of another run of the unit */
    orders = t.orders;
    ck_assert_int_eq(ask(restart), FT_OK);
    ck_assert_uint_gt(t.orders, orders);
    end();
}
END_TEST

/* Whoever gives an order may name it: then the name counts, over whatever connection it comes. */
START_TEST(test_once_by_name)
{
    static const char reload[] = "{\"do\":\"reload\",\"once\":\"monday-1\"}";

    begin(true);
    ck_assert_int_eq(ask(reload), FT_OK);
    ck_assert_uint_eq(t.reloads, 1);
    t.run = 9;
    t.request = 77;
    ck_assert_int_eq(ask(reload), FT_OK);
    ck_assert_str_eq(text_at("/changes"), "module a is new");
    take_over();
    ck_assert_int_eq(ask(reload), FT_OK);
    ck_assert_uint_eq(t.reloads, 1);
    /* What the name stands for is another order. */
    ck_assert_int_eq(ask("{\"do\":\"hand-over\",\"once\":\"monday-1\"}"), FT_ERR_ACTION);
    ck_assert_ptr_nonnull(strstr(text_at("/error"), "monday-1"));
    /* Another user's name of the same text is another name, and he still may not. */
    ck_assert_int_eq(ask_as(99, reload), FT_ERR_DENIED);
    ck_assert_int_eq(ask("{\"do\":\"reload\",\"once\":\"monday-2\"}"), FT_OK);
    ck_assert_uint_eq(t.reloads, 2);
    end();
}
END_TEST

START_TEST(test_once_is_for_what_was_done)
{
    static const char reload[] = "{\"do\":\"reload\",\"once\":\"x\"}";

    begin(true);
    t.reload = FT_ERR_ARG; /* refused: nothing has changed, so it is judged anew */
    ck_assert_int_eq(ask(reload), FT_ERR_NONE);
    t.reload = FT_OK;
    ck_assert_int_eq(ask(reload), FT_OK);
    ck_assert_int_eq(ask(reload), FT_OK);
    ck_assert_uint_eq(t.reloads, 2);
    ck_assert_int_eq(ask("{\"do\":\"reload\",\"once\":\"\"}"), FT_ERR_ACTION);
    ck_assert_int_eq(ask("{\"do\":\"reload\",\"once\":\"a/b\"}"), FT_ERR_ACTION);
    ck_assert_int_eq(ask("{\"do\":\"reload\",\"once\":7}"), FT_ERR_ACTION);
    ck_assert_int_eq(ask("{\"do\":\"nodes\",\"once\":\"y\"}"), FT_ERR_ACTION); /* no order */
    ck_assert_uint_eq(t.reloads, 2);
    end();
}
END_TEST

/* The memory of orders is bounded, in the ledger, too: the oldest are forgotten. */
START_TEST(test_once_is_bounded)
{
    begin(true);
    t.run = 1;
    for (t.request = 1; t.request <= FT_CARRIED_MAX + 10; t.request++)
        ck_assert_int_eq(ask("{\"do\":\"reload\"}"), FT_OK);
    ck_assert_uint_eq(t.reloads, FT_CARRIED_MAX + 10);
    ck_assert_uint_eq(ft_ledger_count(t.ledger), FT_CARRIED_MAX);
    take_over();
    t.request = FT_CARRIED_MAX + 10;
    ck_assert_int_eq(ask("{\"do\":\"reload\"}"), FT_OK);
    t.request = 11;
    ck_assert_int_eq(ask("{\"do\":\"reload\"}"), FT_OK);
    ck_assert_uint_eq(t.reloads, FT_CARRIED_MAX + 10);
    t.request = 10; /* forgotten */
    ck_assert_int_eq(ask("{\"do\":\"reload\"}"), FT_OK);
    ck_assert_uint_eq(t.reloads, FT_CARRIED_MAX + 11);
    ck_assert_int_eq(ft_admin_restore(t.admin, "\xff\xff", 2), -1);
    end();
}
END_TEST

/* A job's own central unit tells what it has, and says what it has not. */
START_TEST(test_job)
{
    begin(false);
    ck_assert_int_eq(ask("{\"do\":\"status\"}"), FT_OK);
    ck_assert_str_eq(text_at("/mode"), "job");
    ck_assert_str_eq(text_at("/session"), "s-1");
    ck_assert(yyjson_get_bool(yyjson_doc_ptr_get(t.doc, "/well")));
    ck_assert_int_eq(ask("{\"do\":\"nodes\"}"), FT_OK);
    ck_assert_uint_eq(count_at("/nodes"), 3);
    ck_assert_int_eq(ask("{\"do\":\"modules\"}"), FT_OK);
    ck_assert_uint_eq(count_at("/modules"), 0);
    ck_assert_int_eq(ask("{\"do\":\"central\"}"), FT_OK);
    ck_assert_uint_eq(count_at("/voters"), 1);
    ck_assert_int_eq(ask("{\"do\":\"drain\",\"node\":\"n1\"}"), FT_ERR_NONE);
    ck_assert_int_eq(ask("{\"do\":\"move\",\"module\":\"a\"}"), FT_ERR_NONE);
    ck_assert_int_eq(ask("{\"do\":\"reload\"}"), FT_ERR_NONE);
    ck_assert_int_eq(ask("{\"do\":\"hand-over\"}"), FT_ERR_NONE);
    end();
}
END_TEST

/* ---------------------------------------------------------------- bad commands, and who may */

static const char *const not_understood[] = {
    "",
    "status",
    "[]",
    "{",
    "{}",
    "{\"do\":1}",
    "{\"do\":\"destroy\"}",
    "{\"do\":\"status\",\"node\":\"n1\"}",
    "{\"do\":\"drain\",\"node\":[\"n1\"]}",
    "{\"do\":\"nodes\",\"limit\":-1}",
    "{\"do\":\"nodes\",\"node\":null}",
    "{\"do\":\"drain\",\"node\":\"n1\",\"node2\":\"n2\"}",
};

START_TEST(test_not_understood)
{
    begin(true);
    ck_assert_msg(ask(not_understood[_i]) == FT_ERR_ACTION, "%s", not_understood[_i]);
    ck_assert_str_ne(text_at("/error"), "(none)");
    ck_assert_str_eq(t.drained, "");
    end();
}
END_TEST

static const char *const changes[] = {
    "{\"do\":\"drain\",\"node\":\"n1\"}", "{\"do\":\"undrain\",\"node\":\"n1\"}",
    "{\"do\":\"move\",\"module\":\"a\"}", "{\"do\":\"restart\",\"module\":\"a\"}",
    "{\"do\":\"reload\"}",                "{\"do\":\"hand-over\"}",
};

START_TEST(test_who_may)
{
    uint32_t nobody = geteuid() == 65534 ? 65533 : 65534;

    begin(true);
    ck_assert_int_eq(ask_as(nobody, "{\"do\":\"status\"}"), FT_OK);
    ck_assert_int_eq(ask_as(nobody, "{\"do\":\"nodes\"}"), FT_OK);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        ck_assert_msg(ask_as(nobody, changes[i]) == FT_ERR_DENIED, "%s", changes[i]);
        ck_assert_ptr_nonnull(strstr(text_at("/error"), "only root and the admins"));
    }
    ck_assert_ptr_nonnull(strstr(t.denied, "wanted to drain"));
    ck_assert_uint_eq(t.denied_n, 1); /* of six in one second */
    ck_assert_str_eq(t.drained, "");
    ck_assert_int_eq(ask_as(4711, "{\"do\":\"drain\",\"node\":\"n1\"}"), FT_OK);
    ck_assert_str_eq(t.drained, "n1: drained by user 4711 on n0");
    end();
}
END_TEST

/* Texts from outside are made fit for JSON. */
START_TEST(test_texts_of_others)
{
    begin(true);
    ft_central_unit_down(t.central, "n1", "broken \xff\xfe \"quoted\"\n\x01");
    ck_assert_int_eq(ask("{\"do\":\"nodes\",\"node\":\"n1\"}"), FT_OK);
    ck_assert_ptr_nonnull(strstr(text_at("/nodes/0/why"), "broken ?"));
    end();
}
END_TEST

/* ---------------------------------------------------------------- events */

static void log_many(unsigned n, const char *text)
{
    struct ft_event event = {.name = "test_event", .rank = -1, .text = text};

    while (n-- > 0)
        do_log(NULL, &event);
}

START_TEST(test_events)
{
    unsigned first;

    begin(true);
    first = (unsigned) t.seq;
    log_many(10, "x");
    ck_assert_int_eq(ask("{\"do\":\"events\",\"tail\":3}"), FT_OK);
    ck_assert_uint_eq(count_at("/events"), 3);
    ck_assert(number_at("/events/2/seq") == first + 10 && number_at("/next") == first + 10);
    ck_assert_str_eq(text_at("/events/0/event"), "test_event");
    {
        char command[100];

        snprintf(command, sizeof command, "{\"do\":\"events\",\"after\":%u,\"limit\":4}",
                 first + 2);
        ck_assert_int_eq(ask(command), FT_OK);
        ck_assert_uint_eq(count_at("/events"), 4);
        ck_assert(number_at("/events/0/seq") == first + 3 && number_at("/next") == first + 6);
        ck_assert(yyjson_get_bool(yyjson_doc_ptr_get(t.doc, "/more")));
        ck_assert(!yyjson_get_bool(yyjson_doc_ptr_get(t.doc, "/missed")));
        snprintf(command, sizeof command, "{\"do\":\"events\",\"after\":%u}", first + 10);
        ck_assert_int_eq(ask(command), FT_OK);
        ck_assert_uint_eq(count_at("/events"), 0);
        ck_assert(number_at("/next") == first + 10);
    }
    /* A flood pushes the old ones out, and who comes late is told. */
    log_many(FT_RECENT_ENTRIES_MAX + 10, "x");
    ck_assert_int_eq(ask("{\"do\":\"events\",\"after\":1}"), FT_OK);
    ck_assert(yyjson_get_bool(yyjson_doc_ptr_get(t.doc, "/missed")));
    end();
}
END_TEST

static unsigned count_lines(const char *path, off_t *bytes)
{
    FILE *file = fopen(path, "r");
    unsigned lines = 0;
    struct stat info;

    *bytes = 0;
    if (file == NULL)
        return 0;
    for (int c; (c = getc(file)) != EOF;)
        lines += c == '\n';
    if (fstat(fileno(file), &info) == 0)
        *bytes = info.st_size;
    fclose(file);
    return lines;
}

START_TEST(test_log_has_a_limit)
{
    char old[160];
    off_t bytes, old_bytes;
    unsigned lines, old_lines;

    begin(true);
    snprintf(old, sizeof old, "%s.1", t.path);
    ft_events_set_limit(t.events, 4096);
    log_many(20, "a text of some length that fills the log");
    lines = count_lines(t.path, &bytes);
    old_lines = count_lines(old, &old_bytes);
    ck_assert_uint_eq(lines + old_lines, t.seq); /* none is lost at the change */
    log_many(500, "a text of some length that fills the log");
    count_lines(t.path, &bytes);
    count_lines(old, &old_bytes);
    ck_assert_int_le(bytes, 4096 + 300);
    ck_assert_int_le(old_bytes, 4096 + 300);
    ck_assert_int_gt(old_bytes, 4000);
    end();
}
END_TEST

/* What cannot be renamed goes on to be written. */
START_TEST(test_limit_that_cannot_be_kept)
{
    char old[160];
    off_t bytes;

    begin(true);
    snprintf(old, sizeof old, "%s.1", t.path);
    ck_assert_int_eq(mkdir(old, 0700), 0);
    ft_events_set_limit(t.events, 1000);
    log_many(100, "a text of some length that fills the log");
    ck_assert_uint_eq(count_lines(t.path, &bytes), t.seq);
    ck_assert_int_eq(rmdir(old), 0);
    end();
}
END_TEST

START_TEST(test_recall)
{
    char why[200];
    struct ft_events *again;
    FILE *file;

    begin(true);
    log_many(5, "x");
    file = fopen(t.path, "a");
    ck_assert_ptr_nonnull(file);
    fputs("nonsense\n{\"seq\":9999,\"half", file); /* what a crash may leave */
    fclose(file);
    again = ft_events_open(t.path, 1, why, sizeof why);
    ck_assert_uint_eq(ft_recent_last(ft_events_recent(again)), 0);
    ft_events_recall(again);
    ck_assert_uint_eq(ft_recent_last(ft_events_recent(again)), t.seq);
    ck_assert_uint_eq(ft_recent_first(ft_events_recent(again)), 1);
    ft_events_close(again);
    end();
}
END_TEST

static unsigned seen_n;

static void on_seen(void *arg, const struct ft_event *event, const char *line, size_t n)
{
    ck_assert_ptr_eq(arg, &seen_n);
    ck_assert_str_eq(event->name, "test_event");
    ck_assert(n > 2 && line[0] == '{' && line[n - 1] == '\n');
    seen_n++;
}

START_TEST(test_watched)
{
    begin(true);
    ft_events_watch(t.events, on_seen, &seen_n);
    log_many(3, "x");
    ck_assert_uint_eq(seen_n, 3);
    ft_events_watch(t.events, NULL, NULL);
    log_many(3, "x");
    ck_assert_uint_eq(seen_n, 3);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admin");
    TCase *tcase = tcase_create("commands");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_status);
    tcase_add_test(tcase, test_nodes);
    tcase_add_test(tcase, test_pages);
    tcase_add_test(tcase, test_modules);
    tcase_add_test(tcase, test_central);
    tcase_add_test(tcase, test_drain);
    tcase_add_test(tcase, test_move_and_restart);
    tcase_add_test(tcase, test_reload);
    tcase_add_test(tcase, test_hand_over);
    tcase_add_test(tcase, test_once_by_number);
    tcase_add_test(tcase, test_once_by_name);
    tcase_add_test(tcase, test_once_is_for_what_was_done);
    tcase_add_test(tcase, test_once_is_bounded);
    tcase_add_test(tcase, test_job);
    tcase_add_loop_test(tcase, test_not_understood, 0,
                        (int) (sizeof not_understood / sizeof not_understood[0]));
    tcase_add_test(tcase, test_who_may);
    tcase_add_test(tcase, test_texts_of_others);
    tcase_add_test(tcase, test_events);
    tcase_add_test(tcase, test_log_has_a_limit);
    tcase_add_test(tcase, test_limit_that_cannot_be_kept);
    tcase_add_test(tcase, test_recall);
    tcase_add_test(tcase, test_watched);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
