/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_fleet.c - modules on nodes: placed, moved, left alone, one thing after the other.
 *
 * What the fleet does is written down in `said`, a line each: "keep KEY", "forget KEY",
 * "NODE start MODULE EPOCH", "event NAME". Random histories are tests/sim/sim_fleet's.
 */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hostlist.h"
#include "core/fleet.h"
#include "core/placement.h"

#define MS INT64_C(1000000)
#define GIB (INT64_C(1) << 30)
#define LEASE_MS 2000
#define MARGIN_MS 300
#define NODES 4
#define MODULES 14
#define RECORDS 64

static struct ft_fleet *fleet;
static int64_t now_ns;
static char said[65536];
static char last_text[2048];
static uint64_t term;

/* The ledger, as it is kept. */
static struct {
    char key[300];
    unsigned char bytes[4096];
    size_t n;
} records[RECORDS];
static size_t records_n;

/* ft.conf */
static struct ft_plan plan;
static struct ft_plan_node plan_nodes[NODES];
static struct ft_plan_module modules[MODULES];
static char *argv_one[] = {(char *) "/bin/one", NULL}, *argv_two[] = {(char *) "/bin/two", NULL};
static char *no_words[] = {NULL};
static const char *const node_names[] = {"n0", "n1", "n2", "n3"};

static int64_t do_now_ns(void *arg)
{
    (void) arg;
    return now_ns;
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    size_t n = strlen(said);
    va_list arguments;

    va_start(arguments, format);
    n += (size_t) vsnprintf(said + n, sizeof said - n, format, arguments);
    va_end(arguments);
    ck_assert_uint_lt(n + 1, sizeof said);
    strcat(said, "\n");
}

static void do_log(void *arg, const struct ft_event *event)
{
    (void) arg;
    say("event %s", event->name);
    snprintf(last_text, sizeof last_text, "%s", event->text);
}

static void do_keep(void *arg, const char *key, const void *data, size_t n)
{
    size_t i = 0;

    (void) arg;
    say("%s %s", data != NULL ? "keep" : "forget", key);
    while (i < records_n && strcmp(records[i].key, key) != 0)
        i++;
    if (data == NULL) {
        if (i < records_n)
            records[i] = records[--records_n];
        return;
    }
    ck_assert_uint_lt(i, RECORDS);
    ck_assert_uint_le(n, sizeof records[i].bytes);
    if (i == records_n)
        records_n++;
    snprintf(records[i].key, sizeof records[i].key, "%s", key);
    memcpy(records[i].bytes, data, n);
    records[i].n = n;
}

static void do_order(void *arg, const char *node, const Ft__ModuleOrder *order)
{
    static const char *const actions[] = {"?", "start", "stop", "restart", "update"};

    (void) arg;
    ck_assert_uint_eq(order->term, term);
    ck_assert_int_eq(order->spec != NULL, order->action != FT_ORDER_STOP);
    if (order->spec != NULL)
        ck_assert_str_eq(order->spec->name, order->name);
    ck_assert_str_ne(order->why, "");
    say("%s %s %s %" PRIu64, node, actions[order->action], order->name, order->epoch);
}

/* ---------------------------------------------------------------- making */

/* A central unit that begins to lead, with what is in the ledger; gives no plan yet. */
static void lead(void)
{
    struct ft_fleet_env env = {.now_ns = do_now_ns, .log = do_log, .keep = do_keep,
                               .order = do_order};
    struct ft_fleet_config config = {.term = ++term, .lease_ms = LEASE_MS,
                                     .margin_ms = MARGIN_MS};

    ft_fleet_destroy(fleet);
    fleet = ft_fleet_create(&env, &config);
    ck_assert_ptr_nonnull(fleet);
    for (size_t i = 0; i < records_n; i++)
        ck_assert_int_eq(ft_fleet_restore(fleet, records[i].key, records[i].bytes,
                                          records[i].n), 0);
}

static struct ft_plan_module *module_of(const char *name)
{
    struct ft_plan_module *module = &modules[plan.modules_n++];

    memset(module, 0, sizeof *module);
    module->name = (char *) name;
    module->argv = argv_one;
    module->home = module->user = module->dir = module->checksum = (char *) "";
    module->environment = module->after = no_words;
    module->enabled = module->single = true;
    module->start_timeout_ms = module->stop_timeout_ms = 1000;
    return module;
}

static void setup(void)
{
    now_ns = 1;
    term = 0;
    said[0] = '\0';
    records_n = 0;
    memset(&plan, 0, sizeof plan);
    memset(plan_nodes, 0, sizeof plan_nodes);
    plan.nodes = plan_nodes;
    plan.modules = modules;
    plan.unfit_ms = 10000;
    plan.nodes_n = 3;
    for (int i = 0; i < NODES; i++) {
        plan_nodes[i].name = (char *) node_names[i];
        plan_nodes[i].address = plan_nodes[i].location = (char *) "";
    }
    lead();
}

static void teardown(void)
{
    ft_fleet_destroy(fleet);
    fleet = NULL;
}

static void read_plan(void)
{
    static struct ft_plan plans[8];
    static struct ft_plan_module copies[8][MODULES];
    static unsigned n;
    struct ft_plan *copy = &plans[n % 8];

    *copy = plan;
    memcpy(copies[n % 8], modules, sizeof modules);
    copy->modules = copies[n % 8];
    n++;
    ck_assert_int_eq(ft_fleet_plan(fleet, copy), 0);
}

static void pass_ms(int64_t ms)
{
    int64_t until_ns = now_ns + ms * MS, next_ns;

    while ((next_ns = ft_fleet_next_deadline_ns(fleet)) <= until_ns) {
        if (next_ns > now_ns)
            now_ns = next_ns;
        ft_fleet_tick(fleet);
        ck_assert_int_gt(ft_fleet_next_deadline_ns(fleet), now_ns);
    }
    now_ns = until_ns;
}

static void node_up(const char *node)
{
    ck_assert_int_eq(ft_fleet_node_up(fleet, node, 1), 0);
    ck_assert_int_eq(ft_fleet_node_facts(fleet, node, 4, 8 * GIB), 0);
}

struct has {
    const char *name;
    uint64_t epoch;
    enum ft_module_state state;
};

static void fill(Ft__ModuleState *state, const char *name, uint64_t epoch,
                 enum ft_module_state what)
{
    ft__module_state__init(state);
    state->name = (char *) name;
    state->epoch = epoch;
    state->state = (uint32_t) what;
    state->pid = 4711;
}

/* A node comes, with what it has (name NULL ends). */
static void node_has(const char *node, const struct has *has)
{
    Ft__ModuleState states[MODULES], *list[MODULES];
    Ft__ModuleList message;

    ft__module_list__init(&message);
    message.modules = list;
    for (; has != NULL && has->name != NULL; has++) {
        fill(&states[message.n_modules], has->name, has->epoch, has->state);
        list[message.n_modules] = &states[message.n_modules];
        message.n_modules++;
    }
    node_up(node);
    ck_assert_int_eq(ft_fleet_node_list(fleet, node, &message), 0);
}

static void all_nodes(void)
{
    for (size_t i = 0; i < plan.nodes_n; i++)
        node_has(node_names[i], NULL);
}

static void tell(const char *node, const char *name, uint64_t epoch, enum ft_module_state what)
{
    Ft__ModuleState state;

    fill(&state, name, epoch, what);
    ck_assert_int_eq(ft_fleet_module_state(fleet, node, &state), 0);
}

static void tell_given_up(const char *node, const char *name, uint64_t epoch)
{
    Ft__ModuleState state;

    fill(&state, name, epoch, FT_MODULE_FAILED);
    state.given_up = true;
    state.end = FT_END_CRASH;
    ck_assert_int_eq(ft_fleet_module_state(fleet, node, &state), 0);
}

/* Exactly these lines were said since the last look, events apart; in this order. */
static void expect(const char *wanted)
{
    char got[sizeof said] = "";

    for (char *line = strtok(said, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strncmp(line, "event ", 6) == 0)
            continue;
        strcat(got, line);
        strcat(got, "; ");
    }
    ck_assert_str_eq(got, wanted);
    said[0] = '\0';
}

static bool was_event(const char *name)
{
    char line[100];

    snprintf(line, sizeof line, "event %s\n", name);
    return strstr(said, line) != NULL;
}

static struct ft_fleet_view view_of(const char *name)
{
    struct ft_fleet_view view;

    ck_assert(ft_fleet_find(fleet, name, &view));
    return view;
}

/* One module, on its home n1, which runs with epoch 1; all others are there, too. */
static struct ft_plan_module *one_runs(void)
{
    struct ft_plan_module *module = module_of("m");

    module->home = (char *) "n1";
    read_plan();
    all_nodes();
    pass_ms(LEASE_MS + MARGIN_MS);
    tell("n1", "m", 1, FT_MODULE_STARTING);
    tell("n1", "m", 1, FT_MODULE_RUNS);
    expect("keep meta/fleet; keep module/m; n1 start m 1; ");
    ck_assert_int_eq(view_of("m").state, FT_MODULE_RUNS);
    return module;
}

/* ---------------------------------------------------------------- at first */

START_TEST(the_first_place_is_its_home)
{
    module_of("m")->home = (char *) "n2";
    read_plan();
    all_nodes();
    /* This ledger is new: it may run somewhere, left from an earlier one. */
    expect("");
    ck_assert_ptr_nonnull(strstr(view_of("m").waits, "nodes are coming in"));
    pass_ms(LEASE_MS + MARGIN_MS);
    expect("keep meta/fleet; keep module/m; n2 start m 1; ");
    ck_assert_str_eq(view_of("m").node, "n2");
    pass_ms(500);
    expect("");
}
END_TEST

START_TEST(without_its_home_it_takes_another)
{
    module_of("m")->home = (char *) "n2";
    read_plan();
    node_has("n0", NULL);
    pass_ms(LEASE_MS + MARGIN_MS);
    expect("keep meta/fleet; keep module/m; n0 start m 1; ");
    ck_assert_ptr_nonnull(strstr(last_text, "n2 is not connected"));
    /* Its home comes back: it stays where it is. */
    tell("n0", "m", 1, FT_MODULE_RUNS);
    node_has("n2", NULL);
    pass_ms(60000);
    expect("");
}
END_TEST

START_TEST(what_runs_is_adopted_where_it_runs)
{
    const struct has has[] = {{"m", 7, FT_MODULE_RUNS}, {NULL, 0, 0}};

    module_of("m")->home = (char *) "n2";
    read_plan();
    node_has("n2", NULL);
    node_has("n1", has);
    pass_ms(LEASE_MS + MARGIN_MS);
    expect("keep module/m; n1 update m 7; keep meta/fleet; ");
    ck_assert_uint_eq(view_of("m").epoch, 7);
    ck_assert_str_eq(view_of("m").node, "n1");
}
END_TEST

START_TEST(what_nobody_knows_is_stopped)
{
    const struct has has[] = {{"old", 7, FT_MODULE_RUNS}, {"older", 2, FT_MODULE_STOPPED},
                              {NULL, 0, 0}};

    read_plan();
    node_has("n1", has);
    expect("n1 stop old 7; ");
    /* Nobody gives an epoch that was given before. */
    module_of("m");
    read_plan();
    pass_ms(LEASE_MS + MARGIN_MS);
    expect("keep meta/fleet; keep module/m; n1 start m 8; ");
}
END_TEST

START_TEST(after_means_after)
{
    char *after[] = {(char *) "first", NULL};

    module_of("second")->after = after;
    module_of("first");
    plan.nodes_n = 1;
    read_plan();
    all_nodes();
    pass_ms(LEASE_MS + MARGIN_MS);
    expect("keep meta/fleet; keep module/first; n0 start first 1; ");
    ck_assert_ptr_nonnull(strstr(view_of("second").waits, "module first has to run first"));
    tell("n0", "first", 1, FT_MODULE_STARTING);
    expect("");
    tell("n0", "first", 1, FT_MODULE_RUNS);
    expect("keep module/second; n0 start second 2; ");
    tell("n0", "second", 2, FT_MODULE_RUNS);
    /* It goes on when the first one does not. */
    tell("n0", "first", 1, FT_MODULE_DELAYED);
    pass_ms(1000);
    expect("");
}
END_TEST

START_TEST(important_ones_come_first)
{
    char *after[] = {(char *) "base", NULL};

    module_of("a");
    module_of("b")->priority = 5;
    module_of("base");
    modules[1].after = after; /* so base is as important as b */
    plan.nodes_n = 1;
    read_plan();
    all_nodes();
    pass_ms(LEASE_MS + MARGIN_MS);
    expect("keep meta/fleet; keep module/base; n0 start base 1; keep module/a; n0 start a 2; ");
}
END_TEST

START_TEST(memory_is_not_given_twice)
{
    struct ft_berth_readings readings = {4 * GIB, -1, -1};

    module_of("a")->memory_min_bytes = (uint64_t) 3 * GIB;
    module_of("b")->memory_min_bytes = (uint64_t) 3 * GIB;
    plan.nodes_n = 1;
    read_plan();
    all_nodes();
    ck_assert_int_eq(ft_fleet_node_readings(fleet, "n0", &readings), 0);
    pass_ms(LEASE_MS + MARGIN_MS);
    expect("keep meta/fleet; keep module/a; n0 start a 1; ");
    ck_assert_ptr_nonnull(strstr(view_of("b").waits, "1.00 GiB of memory free, 3.00 are needed"));
    /* It took less than it might have. */
    tell("n0", "a", 1, FT_MODULE_RUNS);
    readings.memory_free_bytes = 4 * GIB - 1;
    ck_assert_int_eq(ft_fleet_node_readings(fleet, "n0", &readings), 0);
    readings.memory_free_bytes = 2 * GIB;
    ck_assert_int_eq(ft_fleet_node_readings(fleet, "n0", &readings), 0);
    readings.memory_free_bytes = 3 * GIB;
    ck_assert_int_eq(ft_fleet_node_readings(fleet, "n0", &readings), 0);
    expect("keep module/b; n0 start b 2; ");
}
END_TEST

/* ---------------------------------------------------------------- loss */

START_TEST(a_lost_node_is_waited_for_until_its_lease_is_over)
{
    one_runs();
    ck_assert_int_eq(ft_fleet_node_lost(fleet, "n1", now_ns + 1500 * MS), 0);
    ck_assert(was_event("module_waits"));
    ck_assert_ptr_nonnull(strstr(view_of("m").waits, "lease is surely over in 1.5 s"));
    pass_ms(1499);
    expect("");
    pass_ms(1);
    expect("keep module/m; n0 start m 2; ");
}
END_TEST

START_TEST(one_that_may_run_twice_does_not_wait)
{
    struct ft_plan_module *module = module_of("m");

    module->home = (char *) "n1";
    module->single = false;
    read_plan();
    all_nodes();
    pass_ms(LEASE_MS + MARGIN_MS);
    said[0] = '\0';
    ck_assert_int_eq(ft_fleet_node_lost(fleet, "n1", now_ns + 1500 * MS), 0);
    expect("keep module/m; n0 start m 2; ");
}
END_TEST

START_TEST(a_node_that_comes_back_in_time_keeps_it)
{
    const struct has has[] = {{"m", 1, FT_MODULE_RUNS}, {NULL, 0, 0}};

    one_runs();
    ck_assert_int_eq(ft_fleet_node_lost(fleet, "n1", now_ns + 1500 * MS), 0);
    pass_ms(1000);
    node_has("n1", has);
    expect("n1 update m 1; ");
    pass_ms(60000);
    expect("");
}
END_TEST

START_TEST(a_node_that_comes_back_too_late_stops_it)
{
    const struct has has[] = {{"m", 1, FT_MODULE_RUNS}, {NULL, 0, 0}};

    one_runs();
    ck_assert_int_eq(ft_fleet_node_lost(fleet, "n1", now_ns), 0);
    expect("keep module/m; n0 start m 2; ");
    node_has("n1", has);
    ck_assert(was_event("module_stale"));
    expect("n1 stop m 2; ");
    tell("n1", "m", 2, FT_MODULE_STOPPED);
    tell("n0", "m", 2, FT_MODULE_RUNS);
    expect("");
    ck_assert_str_eq(view_of("m").node, "n0");
}
END_TEST

START_TEST(a_broken_connection_is_no_loss)
{
    const struct has has[] = {{"m", 1, FT_MODULE_RUNS}, {NULL, 0, 0}};

    one_runs();
    ft_fleet_node_down(fleet, "n1");
    pass_ms(60000);
    expect("");
    ck_assert(!view_of("m").state_known);
    node_has("n1", has);
    expect("n1 update m 1; ");
}
END_TEST

START_TEST(a_node_that_booted_gets_it_again)
{
    one_runs();
    ft_fleet_node_down(fleet, "n1");
    node_has("n1", NULL);
    expect("keep module/m; n1 start m 2; ");
    ck_assert_ptr_nonnull(strstr(last_text, "it was there before"));
}
END_TEST

START_TEST(an_order_that_was_lost_with_the_connection_is_given_anew)
{
    module_of("m")->home = (char *) "n1";
    read_plan();
    all_nodes();
    pass_ms(LEASE_MS + MARGIN_MS);
    expect("keep meta/fleet; keep module/m; n1 start m 1; ");
    ft_fleet_node_down(fleet, "n1");
    node_has("n1", NULL);
    /* Not with the same epoch: the first may come through yet. */
    expect("keep module/m; n1 start m 2; ");
}
END_TEST

START_TEST(a_list_that_crosses_an_order_changes_nothing)
{
    Ft__ModuleList empty;

    ft__module_list__init(&empty);
    module_of("m")->home = (char *) "n1";
    read_plan();
    all_nodes();
    pass_ms(LEASE_MS + MARGIN_MS);
    said[0] = '\0';
    ck_assert_int_eq(ft_fleet_node_list(fleet, "n1", &empty), 0);
    expect("");
    /* And if it has to leave meanwhile, that list does not say that it is gone. */
    plan.modules_n = 0;
    read_plan();
    expect("n1 stop m 1; ");
    ck_assert_int_eq(ft_fleet_node_list(fleet, "n1", &empty), 0);
    expect("");
    tell("n1", "m", 1, FT_MODULE_STOPPED);
    expect("keep meta/fleet; forget module/m; ");
}
END_TEST

START_TEST(a_lease_that_ended_needs_a_new_order)
{
    Ft__ModuleState state;

    one_runs();
    fill(&state, "m", 1, FT_MODULE_STOPPED);
    state.end = FT_END_LEASE;
    ck_assert_int_eq(ft_fleet_module_state(fleet, "n1", &state), 0);
    expect("keep module/m; n1 start m 2; ");
}
END_TEST

START_TEST(an_order_without_an_answer_is_given_again)
{
    module_of("m")->home = (char *) "n1";
    read_plan();
    all_nodes();
    pass_ms(LEASE_MS + MARGIN_MS);
    said[0] = '\0';
    pass_ms(11999);
    expect("");
    pass_ms(1);
    expect("keep module/m; n1 restart m 2; ");
}
END_TEST

/* ---------------------------------------------------------------- given up */

START_TEST(what_a_node_cannot_hold_runs_elsewhere)
{
    one_runs();
    tell_given_up("n1", "m", 1);
    ck_assert(was_event("module_given_up"));
    expect("keep module/m; n1 stop m 1; ");
    tell("n1", "m", 1, FT_MODULE_STOPPING);
    expect("");
    tell("n1", "m", 1, FT_MODULE_STOPPED);
    expect("keep module/m; n0 start m 2; ");
    ck_assert_ptr_nonnull(strstr(last_text, "n1 could not hold it lately (crash)"));
}
END_TEST

START_TEST(not_back_to_where_it_failed_before_its_time)
{
    one_runs();
    tell_given_up("n1", "m", 1);
    ft_fleet_node_down(fleet, "n0");
    ft_fleet_node_down(fleet, "n2");
    tell("n1", "m", 1, FT_MODULE_STOPPED);
    expect("keep module/m; n1 stop m 1; ");
    ck_assert_ptr_nonnull(strstr(view_of("m").waits, "n1 could not hold it lately"));
    pass_ms(9999);
    expect("");
    pass_ms(1);
    expect("keep module/m; n1 start m 2; ");
}
END_TEST

START_TEST(what_fits_nowhere_runs_as_soon_as_it_does)
{
    module_of("m")->cores_min = 16;
    read_plan();
    all_nodes();
    pass_ms(LEASE_MS + MARGIN_MS);
    ck_assert(was_event("module_waits"));
    ck_assert_ptr_nonnull(strstr(last_text, "n1 has 4 cores, 16 are needed"));
    expect("keep meta/fleet; ");
    ck_assert_int_eq(ft_fleet_node_up(fleet, "n9", 1), 0);
    ck_assert_int_eq(ft_fleet_node_facts(fleet, "n9", 16, 8 * GIB), 0);
    expect("");
    {
        Ft__ModuleList empty;

        ft__module_list__init(&empty);
        ck_assert_int_eq(ft_fleet_node_list(fleet, "n9", &empty), 0);
    }
    expect("keep module/m; n9 start m 1; ");
}
END_TEST

START_TEST(one_that_failed_everywhere_is_not_sent_round_for_ever)
{
    static struct ft_plan_node many[FT_UNFIT_MAX + 8];
    static char names[FT_UNFIT_MAX + 8][16];
    unsigned tries = 0;

    memset(many, 0, sizeof many);
    for (int i = 0; i < FT_UNFIT_MAX + 8; i++) {
        snprintf(names[i], sizeof names[i], "x%d", i);
        many[i].name = names[i];
        many[i].address = many[i].location = (char *) "";
    }
    plan.nodes = many;
    plan.nodes_n = FT_UNFIT_MAX + 8;
    module_of("m");
    read_plan();
    for (int i = 0; i < FT_UNFIT_MAX + 8; i++)
        node_has(names[i], NULL);
    pass_ms(LEASE_MS + MARGIN_MS);
    while (view_of("m").node[0] != '\0' && tries < 100) {
        struct ft_fleet_view view = view_of("m");

        tell_given_up(view.node, "m", view.epoch);
        tell(view.node, "m", view.epoch, FT_MODULE_STOPPED);
        tries++;
    }
    ck_assert_uint_eq(tries, FT_UNFIT_MAX);
    ck_assert_ptr_nonnull(strstr(view_of("m").waits, "32 nodes could not hold it lately"));
    pass_ms(10000);
    ck_assert_str_ne(view_of("m").node, "");
}
END_TEST

START_TEST(what_has_ended_well_is_left_so)
{
    const struct has has[] = {{"m", 1, FT_MODULE_DONE}, {NULL, 0, 0}};
    char reason[200];

    one_runs();
    tell("n1", "m", 1, FT_MODULE_DONE);
    ck_assert(was_event("module_done"));
    expect("keep module/m; ");
    /* Not by a node that boots, nor by a new leader. */
    ft_fleet_node_down(fleet, "n1");
    node_has("n1", NULL);
    pass_ms(60000);
    expect("");
    lead();
    read_plan();
    node_has("n1", has);
    pass_ms(60000);
    expect("");
    ck_assert_int_eq(view_of("m").state, FT_MODULE_DONE);
    ck_assert_int_eq(ft_fleet_restart(fleet, "m", "root", reason, sizeof reason), FT_OK);
    expect("keep module/m; n1 restart m 2; ");
}
END_TEST

/* ---------------------------------------------------------------- people */

START_TEST(a_drained_node_is_left_in_order)
{
    char reason[600] = "";

    one_runs();
    ck_assert_int_eq(ft_fleet_drain(fleet, "n1", "root", "new disks", reason, sizeof reason),
                     FT_OK);
    ck_assert(was_event("node_drain"));
    expect("keep drain/n1; n1 stop m 1; ");
    tell("n1", "m", 1, FT_MODULE_STOPPED);
    ck_assert(was_event("node_drained"));
    expect("keep module/m; n0 start m 2; ");
    tell("n0", "m", 2, FT_MODULE_RUNS);
    ck_assert_str_eq(ft_fleet_node(fleet, "n1")->drained, "drained by root: new disks");
    ck_assert_int_eq(ft_fleet_undrain(fleet, "n1", "root", reason, sizeof reason), FT_OK);
    expect("forget drain/n1; ");
    ck_assert_int_eq(ft_fleet_undrain(fleet, "n1", "root", reason, sizeof reason), FT_ERR_NONE);
    ck_assert_str_eq(reason, "node n1 is not drained");
    ck_assert_int_eq(ft_fleet_drain(fleet, "n7", "root", "", reason, sizeof reason),
                     FT_ERR_UNKNOWN);
    expect("");
}
END_TEST

START_TEST(it_stays_until_another_node_can_take_it)
{
    char reason[600] = "";

    one_runs();
    ft_fleet_node_down(fleet, "n0");
    ft_fleet_node_down(fleet, "n2");
    ck_assert_int_eq(ft_fleet_drain(fleet, "n1", "root", "", reason, sizeof reason), FT_OK);
    expect("keep drain/n1; ");
    ck_assert_ptr_nonnull(strstr(view_of("m").waits, "it stays on node n1, although the node is "
                                                     "drained by root; no other node can take it"));
    ck_assert_int_eq(view_of("m").state, FT_MODULE_RUNS);
    node_has("n2", NULL);
    expect("n1 stop m 1; ");
    tell("n1", "m", 1, FT_MODULE_STOPPED);
    expect("keep module/m; n2 start m 2; ");
}
END_TEST

START_TEST(a_node_that_goes_down_is_left_before)
{
    one_runs();
    ck_assert_int_eq(ft_fleet_node_failing(fleet, "n1", "memory full in 40 s"), 0);
    ck_assert(was_event("node_leaving"));
    expect("keep drain/n1; n1 stop m 1; ");
    tell("n1", "m", 1, FT_MODULE_STOPPED);
    expect("keep module/m; n0 start m 2; ");
    ck_assert_int_eq(ft_fleet_node_failing(fleet, "n1", "memory full in 40 s"), 0);
    expect("");
    ck_assert_int_eq(ft_fleet_node_failing(fleet, "n1", NULL), 0);
    expect("forget drain/n1; ");
}
END_TEST

START_TEST(no_more_than_eight_leave_at_once)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    char reason[600] = "";

    for (int i = 0; i < 10; i++)
        module_of(names[i])->home = (char *) "n1";
    read_plan();
    all_nodes();
    pass_ms(LEASE_MS + MARGIN_MS);
    for (int i = 0; i < 10; i++)
        tell("n1", names[i], (uint64_t) i + 1, FT_MODULE_RUNS);
    said[0] = '\0';
    ck_assert_int_eq(ft_fleet_drain(fleet, "n1", "root", "", reason, sizeof reason), FT_OK);
    ck_assert_ptr_null(strstr(said, "stop i "));
    ck_assert_ptr_nonnull(strstr(said, "stop h 8"));
    ck_assert_ptr_nonnull(strstr(view_of("i").waits, "others leave node n1 before it"));
    said[0] = '\0';
    tell("n1", "c", 3, FT_MODULE_STOPPED);
    ck_assert_ptr_nonnull(strstr(said, "n1 stop i 9"));
    ck_assert_ptr_null(strstr(said, "stop j"));
}
END_TEST

START_TEST(moved_where_a_person_wants_it)
{
    char reason[600] = "";

    one_runs();
    ck_assert_int_eq(ft_fleet_move(fleet, "m", "n2", "root", reason, sizeof reason), FT_OK);
    expect("keep module/m; n1 stop m 1; ");
    tell("n1", "m", 1, FT_MODULE_STOPPED);
    expect("keep module/m; n2 start m 2; ");
    ck_assert_ptr_nonnull(strstr(last_text, "moved by root"));
    tell("n2", "m", 2, FT_MODULE_RUNS);
    ck_assert_int_eq(ft_fleet_move(fleet, "m", "", "root", reason, sizeof reason), FT_OK);
    tell("n2", "m", 2, FT_MODULE_STOPPED);
    /* n1 has had fewer of them for longer. */
    expect("keep module/m; n2 stop m 2; keep module/m; n0 start m 3; ");
}
END_TEST

START_TEST(moves_that_cannot_be_are_refused)
{
    char reason[600] = "";

    one_runs();
    ck_assert_int_eq(ft_fleet_move(fleet, "x", "", "root", reason, sizeof reason),
                     FT_ERR_UNKNOWN);
    ck_assert_str_eq(reason, "ft.conf has no module x");
    ck_assert_int_eq(ft_fleet_move(fleet, "m", "n9", "root", reason, sizeof reason),
                     FT_ERR_UNKNOWN);
    ck_assert_int_eq(ft_fleet_move(fleet, "m", "n1", "root", reason, sizeof reason),
                     FT_ERR_UNFIT);
    ck_assert_str_eq(reason, "node n1 cannot take module m: it is where it is now");
    ft_fleet_node_down(fleet, "n0");
    ft_fleet_node_down(fleet, "n2");
    ck_assert_int_eq(ft_fleet_move(fleet, "m", "", "root", reason, sizeof reason), FT_ERR_NONE);
    ck_assert_ptr_nonnull(strstr(reason, "n2 is not connected"));
    modules[0].enabled = false;
    read_plan();
    ck_assert_int_eq(ft_fleet_move(fleet, "m", "", "root", reason, sizeof reason), FT_ERR_NONE);
    ck_assert_str_eq(reason, "module m is disabled in ft.conf");
}
END_TEST

START_TEST(started_again_where_it_is)
{
    const struct has has[] = {{"m", 1, FT_MODULE_RUNS}, {NULL, 0, 0}};
    char reason[600] = "";

    one_runs();
    ck_assert_int_eq(ft_fleet_restart(fleet, "m", "root", reason, sizeof reason), FT_OK);
    expect("keep module/m; n1 restart m 2; ");
    /* The order was lost with the connection: it is not forgotten. */
    ft_fleet_node_down(fleet, "n1");
    node_has("n1", has);
    expect("keep module/m; n1 restart m 3; ");
    tell("n1", "m", 3, FT_MODULE_RUNS);
    ft_fleet_node_down(fleet, "n1");
    ck_assert_int_eq(ft_fleet_restart(fleet, "m", "root", reason, sizeof reason), FT_ERR_NONE);
    ck_assert_str_eq(reason, "node n1, where module m is, is not connected");
    expect("");
}
END_TEST

/* ---------------------------------------------------------------- another plan */

START_TEST(the_same_plan_changes_nothing)
{
    one_runs();
    read_plan();
    expect("");
}
END_TEST

START_TEST(another_policy_is_told)
{
    struct ft_plan_module *module = one_runs();

    module->burst = 9;
    module->check = argv_two;
    read_plan();
    expect("n1 update m 1; ");
    read_plan();
    expect("");
}
END_TEST

START_TEST(another_program_is_started_in_its_place)
{
    struct ft_plan_module *module = one_runs();

    module->argv = argv_two;
    read_plan();
    expect("keep module/m; n1 restart m 2; ");
    tell("n1", "m", 2, FT_MODULE_RUNS);
    expect("");
}
END_TEST

START_TEST(no_more_than_eight_are_changed_at_once)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};

    for (int i = 0; i < 10; i++)
        module_of(names[i])->home = (char *) "n1";
    read_plan();
    all_nodes();
    pass_ms(LEASE_MS + MARGIN_MS);
    for (int i = 0; i < 10; i++)
        tell("n1", names[i], (uint64_t) i + 1, FT_MODULE_RUNS);
    for (int i = 0; i < 10; i++)
        modules[i].argv = argv_two;
    said[0] = '\0';
    read_plan();
    ck_assert_ptr_nonnull(strstr(said, "restart h 18"));
    ck_assert_ptr_null(strstr(said, "restart i"));
    said[0] = '\0';
    tell("n1", "a", 11, FT_MODULE_RUNS);
    ck_assert_ptr_nonnull(strstr(said, "restart i 19"));
    ck_assert_ptr_null(strstr(said, "restart j"));
    /* One that does not come up does not hold up the others for ever. */
    pass_ms(12000);
    ck_assert_ptr_nonnull(strstr(said, "restart j"));
}
END_TEST

START_TEST(what_is_taken_out_is_stopped)
{
    one_runs();
    plan.modules_n = 0;
    read_plan();
    expect("n1 stop m 1; ");
    tell("n1", "m", 1, FT_MODULE_STOPPED);
    ck_assert(was_event("module_stopped"));
    expect("keep meta/fleet; forget module/m; ");
    ck_assert_uint_eq(ft_fleet_count(fleet), 0);
    /* And comes again with an epoch that it never had. */
    plan.modules_n = 1;
    read_plan();
    expect("keep module/m; n1 start m 2; ");
}
END_TEST

START_TEST(what_is_disabled_is_stopped)
{
    struct ft_plan_module *module = one_runs();

    module->enabled = false;
    read_plan();
    expect("n1 stop m 1; ");
    tell("n1", "m", 1, FT_MODULE_STOPPED);
    expect("keep module/m; ");
    pass_ms(60000);
    expect("");
    module->enabled = true;
    read_plan();
    expect("keep module/m; n1 start m 2; ");
}
END_TEST

START_TEST(a_plan_that_forbids_its_node_moves_it)
{
    struct ft_plan_module *module = one_runs();

    module->home = (char *) "";
    module->nodes = ft_hostlist_parse("n2", NULL, 0);
    read_plan();
    expect("n1 stop m 1; ");
    tell("n1", "m", 1, FT_MODULE_STOPPED);
    expect("keep module/m; n2 start m 2; ");
    ft_hostlist_destroy(module->nodes);
}
END_TEST

/* ---------------------------------------------------------------- another leader */

START_TEST(a_new_leader_leaves_alone_what_runs)
{
    const struct has has[] = {{"m", 1, FT_MODULE_RUNS}, {NULL, 0, 0}};

    one_runs();
    lead();
    read_plan();
    node_has("n0", NULL);
    node_has("n1", has);
    pass_ms(60000);
    expect("n1 update m 1; ");
    ck_assert_int_eq(view_of("m").state, FT_MODULE_RUNS);
}
END_TEST

START_TEST(a_new_leader_waits_for_what_it_does_not_see)
{
    one_runs();
    lead();
    read_plan();
    node_has("n0", NULL);
    pass_ms(LEASE_MS + MARGIN_MS - 1);
    expect("");
    pass_ms(1);
    expect("keep module/m; n0 start m 2; ");
}
END_TEST

START_TEST(a_new_leader_starts_at_once_what_has_nowhere_to_be)
{
    one_runs();
    lead();
    read_plan();
    /* n1 has booted: only it could have had the module. */
    node_has("n1", NULL);
    expect("keep module/m; n1 start m 2; ");
}
END_TEST

START_TEST(a_new_leader_sees_that_ft_conf_has_changed)
{
    const struct has has[] = {{"m", 1, FT_MODULE_RUNS}, {NULL, 0, 0}};
    struct ft_plan_module *module = one_runs();

    lead();
    module->argv = argv_two;
    read_plan();
    node_has("n1", has);
    expect("keep module/m; n1 restart m 2; ");
}
END_TEST

START_TEST(a_new_leader_goes_on_with_what_people_ordered)
{
    const struct has has[] = {{"m", 1, FT_MODULE_RUNS}, {NULL, 0, 0}};
    char reason[600];

    one_runs();
    ck_assert_int_eq(ft_fleet_drain(fleet, "n0", "root", "", reason, sizeof reason), FT_OK);
    ck_assert_int_eq(ft_fleet_move(fleet, "m", "n2", "root", reason, sizeof reason), FT_OK);
    expect("keep drain/n0; keep module/m; n1 stop m 1; ");
    lead();
    read_plan();
    node_has("n0", NULL);
    node_has("n2", NULL);
    node_has("n1", has);
    expect("n1 stop m 1; ");
    tell("n1", "m", 1, FT_MODULE_STOPPED);
    expect("keep module/m; n2 start m 2; ");
    ck_assert_str_eq(ft_fleet_node(fleet, "n0")->drained, "drained by root");
}
END_TEST

START_TEST(a_new_leader_knows_where_it_failed)
{
    const struct has has[] = {{"m", 1, FT_MODULE_STOPPED}, {NULL, 0, 0}};

    one_runs();
    tell_given_up("n1", "m", 1);
    said[0] = '\0';
    pass_ms(4000);
    now_ns = 1; /* another clock */
    lead();
    read_plan();
    node_has("n1", has);
    pass_ms(LEASE_MS + MARGIN_MS);
    expect("");
    ck_assert_ptr_nonnull(strstr(view_of("m").waits, "n1 could not hold it lately"));
    pass_ms(10000);
    expect("keep module/m; n1 start m 2; ");
}
END_TEST

START_TEST(entries_that_are_not_understood)
{
    const unsigned char torn[] = {0x0a, 0x40, 'm'};

    ck_assert_int_eq(ft_fleet_restore(fleet, "module/m", torn, sizeof torn), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_uint_eq(ft_fleet_count(fleet), 0);
    ck_assert_int_eq(ft_fleet_restore(fleet, "module/", "", 0), -1); /* no name */
    ck_assert_int_eq(ft_fleet_restore(fleet, "decision/1", torn, sizeof torn), 0);
    ck_assert_uint_eq(ft_fleet_count(fleet), 0);
}
END_TEST

START_TEST(words_of_nodes_that_make_no_sense)
{
    Ft__ModuleState state;
    Ft__ModuleList list;

    one_runs();
    fill(&state, "m", 1, FT_MODULE_RUNS);
    ck_assert_int_eq(ft_fleet_module_state(fleet, "n9", &state), -1);
    state.state = FT_MODULE_STATES;
    ck_assert_int_eq(ft_fleet_module_state(fleet, "n1", &state), -1);
    state.state = FT_MODULE_RUNS;
    state.end = FT_MODULE_ENDS;
    ck_assert_int_eq(ft_fleet_module_state(fleet, "n1", &state), -1);
    state.end = FT_END_NONE;
    state.epoch = UINT64_MAX; /* nobody could give a later one */
    ck_assert_int_eq(ft_fleet_module_state(fleet, "n1", &state), -1);
    ck_assert_int_eq(errno, EINVAL);
    ft__module_list__init(&list);
    ck_assert_int_eq(ft_fleet_node_list(fleet, "n9", &list), -1);
    ck_assert_int_eq(ft_fleet_node_up(fleet, "", 1), -1);
    expect("");
}
END_TEST

static void add_first(TCase *tests)
{
    tcase_add_test(tests, the_first_place_is_its_home);
    tcase_add_test(tests, without_its_home_it_takes_another);
    tcase_add_test(tests, what_runs_is_adopted_where_it_runs);
    tcase_add_test(tests, what_nobody_knows_is_stopped);
    tcase_add_test(tests, after_means_after);
    tcase_add_test(tests, important_ones_come_first);
    tcase_add_test(tests, memory_is_not_given_twice);
    tcase_add_test(tests, a_lost_node_is_waited_for_until_its_lease_is_over);
    tcase_add_test(tests, one_that_may_run_twice_does_not_wait);
    tcase_add_test(tests, a_node_that_comes_back_in_time_keeps_it);
    tcase_add_test(tests, a_node_that_comes_back_too_late_stops_it);
    tcase_add_test(tests, a_broken_connection_is_no_loss);
    tcase_add_test(tests, a_node_that_booted_gets_it_again);
    tcase_add_test(tests, an_order_that_was_lost_with_the_connection_is_given_anew);
    tcase_add_test(tests, a_list_that_crosses_an_order_changes_nothing);
    tcase_add_test(tests, a_lease_that_ended_needs_a_new_order);
    tcase_add_test(tests, an_order_without_an_answer_is_given_again);
    tcase_add_test(tests, what_a_node_cannot_hold_runs_elsewhere);
    tcase_add_test(tests, not_back_to_where_it_failed_before_its_time);
    tcase_add_test(tests, what_fits_nowhere_runs_as_soon_as_it_does);
    tcase_add_test(tests, one_that_failed_everywhere_is_not_sent_round_for_ever);
    tcase_add_test(tests, what_has_ended_well_is_left_so);
}

static void add_later(TCase *tests)
{
    tcase_add_test(tests, a_drained_node_is_left_in_order);
    tcase_add_test(tests, it_stays_until_another_node_can_take_it);
    tcase_add_test(tests, a_node_that_goes_down_is_left_before);
    tcase_add_test(tests, no_more_than_eight_leave_at_once);
    tcase_add_test(tests, moved_where_a_person_wants_it);
    tcase_add_test(tests, moves_that_cannot_be_are_refused);
    tcase_add_test(tests, started_again_where_it_is);
    tcase_add_test(tests, the_same_plan_changes_nothing);
    tcase_add_test(tests, another_policy_is_told);
    tcase_add_test(tests, another_program_is_started_in_its_place);
    tcase_add_test(tests, no_more_than_eight_are_changed_at_once);
    tcase_add_test(tests, what_is_taken_out_is_stopped);
    tcase_add_test(tests, what_is_disabled_is_stopped);
    tcase_add_test(tests, a_plan_that_forbids_its_node_moves_it);
    tcase_add_test(tests, a_new_leader_leaves_alone_what_runs);
    tcase_add_test(tests, a_new_leader_waits_for_what_it_does_not_see);
    tcase_add_test(tests, a_new_leader_starts_at_once_what_has_nowhere_to_be);
    tcase_add_test(tests, a_new_leader_sees_that_ft_conf_has_changed);
    tcase_add_test(tests, a_new_leader_goes_on_with_what_people_ordered);
    tcase_add_test(tests, a_new_leader_knows_where_it_failed);
    tcase_add_test(tests, entries_that_are_not_understood);
    tcase_add_test(tests, words_of_nodes_that_make_no_sense);
}

int main(void)
{
    Suite *suite = suite_create("fleet");
    TCase *tests = tcase_create("fleet");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    add_first(tests);
    add_later(tests);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
