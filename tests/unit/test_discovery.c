/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_discovery.c - src/centrald/discovery: what a leader says to find units, and what it believes
 * of the answers. The units are UDP sockets of this process, on the same loop.
 *
 * Every wait is for a condition, with a deadline.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "centrald/discovery.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "fake_munge.h"
#include "wire/channel.h"

#define WAIT_MS 20000
#define UNITS 4
#define RUN UINT64_C(77)

/* A unit, as far as datagrams go. */
struct unit {
    struct ft_udp *udp;
    int asked;
    struct ft_datagram last;
    struct sockaddr_storage from;
    bool answers;
    uint64_t sequence, sequences[256];
};

static uv_loop_t loop;
static uv_timer_t ticker;
static struct ft_udp *udp;
static struct ft_identity identity, theirs, stranger; /* the leader's, the units', nobody's */
static struct fake_munge munge, their_munge;
static struct ft_discovery *discovery;
static struct ft_discovery_config config;
static struct ft_plan plan;
static struct ft_plan_node nodes[UNITS];
static char names[UNITS][16], addresses[UNITS][64];
static struct unit units[UNITS];
static bool connected[UNITS];
enum { EVENTS = 6 };
static int events_n[EVENTS]; /* identified, unknown, refused, datagram refused, MUNGE gone, back */
static char last_event[EVENTS][600];

/* ------------------------------------------------------------ waiting */

static void on_tick(uv_timer_t *timer)
{
    (void) timer;
}

static void run_until(const char *what, const int *value, int n)
{
    int64_t deadline_ms = ft_clock_ms() + WAIT_MS;

    uv_timer_start(&ticker, on_tick, 10, 10);
    while (*value < n && ft_clock_ms() < deadline_ms)
        uv_run(&loop, UV_RUN_ONCE);
    uv_timer_stop(&ticker);
    ck_assert_msg(*value >= n, "waited %d ms for %s number %d, only %d came", WAIT_MS, what, n,
                  *value);
}

static void run_for(int64_t ms)
{
    int64_t deadline_ms = ft_clock_ms() + ms;

    uv_timer_start(&ticker, on_tick, 5, 5);
    while (ft_clock_ms() < deadline_ms)
        uv_run(&loop, UV_RUN_ONCE);
    uv_timer_stop(&ticker);
}

/* ------------------------------------------------------------ the leader's side */

static bool is_connected(void *arg, const char *node)
{
    ck_assert_ptr_eq(arg, &plan);
    return node[0] == 'n' && connected[atoi(node + 1) % UNITS];
}

static void on_event(void *arg, const char *name, const char *node, const char *text)
{
    static const char *const known[EVENTS] = {"node_identified",  "node_unknown", "node_refused",
                                              "datagram_refused", "munge_gone",   "munge_back"};
    size_t i = 0;

    ck_assert_ptr_eq(arg, &plan);
    while (i < EVENTS && strcmp(known[i], name) != 0)
        i++;
    ck_assert_msg(i < EVENTS, "event %s", name);
    ck_assert_int_eq(node[0] == '\0', i == 3);
    events_n[i]++;
    ft_text_copy(last_event[i], sizeof last_event[i], text);
}

static const struct ft_discovery_events events = {is_connected, on_event};

static void on_packet(void *arg, const uint8_t *bytes, size_t n, const struct sockaddr *from)
{
    (void) arg;
    if (discovery != NULL)
        ft_discovery_packet(discovery, bytes, n, from);
}

static void begin(void)
{
    discovery = ft_discovery_create(&config, &events, &plan);
    ck_assert_ptr_nonnull(discovery);
    ck_assert_int_eq(ft_discovery_plan(discovery, &plan), 0);
}

static bool is_over(void)
{
    return ft_discovery_is_over(discovery);
}

static void finish(void)
{
    int64_t deadline_ms = ft_clock_ms() + WAIT_MS;

    if (discovery == NULL)
        return;
    ft_discovery_stop(discovery);
    ft_discovery_stop(discovery); /* again is harmless */
    while (!is_over() && ft_clock_ms() < deadline_ms)
        run_for(5);
    ck_assert(is_over());
    ft_discovery_destroy(discovery);
    discovery = NULL;
}

static struct ft_discovery_figures figures(void)
{
    struct ft_discovery_figures figures;

    ft_discovery_figures(discovery, &figures);
    return figures;
}

/* ------------------------------------------------------------ the units' side */

static uint64_t unit_boot = 3;

static size_t make_ident(struct unit *unit, const struct ft_identity *who, const char *name,
                         uint64_t echo_ns, uint32_t value, uint8_t bytes[FT_DATAGRAM_MAX_BYTES])
{
    struct ft_datagram datagram = {
        .type = FT_DATAGRAM_IDENT, .value = value, .boot = unit_boot, .sequence = ++unit->sequence,
        .echo_ns = echo_ns, .text = "ft-noded 9", .receiver = "c"};
    char why[256];
    size_t n;

    ft_text_copy(datagram.sender, sizeof datagram.sender, name);
    n = ft_identity_seal(who, &datagram, bytes, FT_DATAGRAM_MAX_BYTES, why, sizeof why);
    ck_assert_uint_gt(n, 0);
    return n;
}

static void send_ident(struct unit *unit, const struct ft_identity *who, const char *name,
                       uint64_t echo_ns, uint32_t value)
{
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    size_t n = make_ident(unit, who, name, echo_ns, value, bytes);
    struct sockaddr_storage to;

    ck_assert(ft_address_parse("127.0.0.1", ft_udp_port(udp), &to));
    ck_assert_int_eq(ft_udp_send(unit->udp, (struct sockaddr *) &to, bytes, n), 0);
}

static void on_question(void *arg, const uint8_t *bytes, size_t n, const struct sockaddr *from)
{
    struct unit *unit = arg;
    char why[256];

    ck_assert_int_eq(ft_identity_open(&theirs, bytes, n, &unit->last, why, sizeof why), 0);
    ck_assert_int_eq(unit->last.type, FT_DATAGRAM_IDENTIFY);
    unit->sequences[unit->asked++ % 256] = unit->last.sequence;
    memcpy(&unit->from, from, ft_address_length(from));
    if (unit->answers)
        send_ident(unit, &theirs, names[unit - units], unit->last.sent_ns,
                   FT_PROTOCOL_OLDEST << 16 | FT_PROTOCOL);
}

static void use(bool by_munge)
{
    uint8_t key[FT_IDENTITY_KEY_BYTES] = {1, 2, 3}, other[FT_IDENTITY_KEY_BYTES] = {9};

    fake_munge_init(&munge);
    fake_munge_init(&their_munge);
    if (by_munge) {
        ft_identity_set_munge(&identity, &munge.table);
        ft_identity_set_munge(&theirs, &their_munge.table);
    } else {
        ft_identity_set_key(&identity, key);
        ft_identity_set_key(&theirs, key);
    }
    ft_identity_set_key(&stranger, other);
}

static void setup(void)
{
    memset(units, 0, sizeof units);
    memset(connected, 0, sizeof connected);
    memset(events_n, 0, sizeof events_n);
    ft_log_set_level(FT_LOG_ERROR);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &ticker);
    use(false);
    udp = ft_udp_create(&loop, "127.0.0.1", 0, on_packet, NULL);
    ck_assert_ptr_nonnull(udp);
    for (int i = 0; i < UNITS; i++) {
        units[i].udp = ft_udp_create(&loop, "127.0.0.1", 0, on_question, &units[i]);
        ck_assert_ptr_nonnull(units[i].udp);
        snprintf(names[i], sizeof names[i], "n%d", i);
        snprintf(addresses[i], sizeof addresses[i], i == 3 ? "localhost:%u" : "127.0.0.1:%u",
                 ft_udp_port(units[i].udp));
        nodes[i].name = names[i];
        nodes[i].address = addresses[i];
    }
    plan.nodes = nodes;
    plan.nodes_n = UNITS;
    config = (struct ft_discovery_config){.loop = &loop, .identity = &identity, .udp = udp,
                                          .node = "c", .hosts = "c,c.example.org", .term = 4,
                                          .run = RUN};
}

static void teardown(void)
{
    finish();
    ft_udp_close(udp);
    for (int i = 0; i < UNITS; i++)
        ft_udp_close(units[i].udp);
    uv_close((uv_handle_t *) &ticker, NULL);
    while (uv_run(&loop, UV_RUN_NOWAIT) != 0)
        usleep(1000);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* ------------------------------------------------------------ looking */

START_TEST(every_node_is_asked_twice_and_again)
{
    int64_t begin_ms = ft_clock_ms();

    use(_i == 1);
    begin();
    for (int i = 0; i < UNITS; i++)
        run_until("question", &units[i].asked, 6);
    /* 0, 30; 100 later, ...; 200 later, ... */
    ck_assert_int_ge(ft_clock_ms() - begin_ms, 250);
    ck_assert_uint_eq(units[0].last.term, 4);
    ck_assert_uint_eq(units[0].last.boot, RUN);
    ck_assert_uint_eq(units[0].last.port, ft_udp_port(udp));
    ck_assert_uint_eq(units[0].last.value, FT_PROTOCOL_OLDEST << 16 | FT_PROTOCOL);
    ck_assert_str_eq(units[0].last.sender, "c");
    ck_assert_str_eq(units[0].last.text, "c,c.example.org");
    ck_assert_uint_ne(units[0].sequences[0], units[0].sequences[1]);
    ck_assert_uint_eq(ft_address_port((struct sockaddr *) &units[0].from), ft_udp_port(udp));
    ck_assert_int_eq(events_n[0] + events_n[1] + events_n[2] + events_n[3], 0);
}
END_TEST

START_TEST(connected_units_are_left_alone)
{
    int before;

    begin();
    run_until("question", &units[1].asked, 1);
    connected[1] = true;
    run_for(300);
    before = units[1].asked;
    run_for(700);
    ck_assert_int_eq(units[1].asked, before);
    connected[1] = false;
    ft_discovery_lost(discovery, "n1");
    ft_discovery_lost(discovery, "no such node");
    run_until("question", &units[1].asked, before + 2);
}
END_TEST

/* A new reign of the same program: the units must not take what it says for a repetition. */
START_TEST(numbers_go_on_from_reign_to_reign)
{
    struct ft_replay replay = {0};
    int asked;

    begin();
    run_until("question", &units[0].asked, 4);
    finish();
    asked = units[0].asked;
    begin();
    run_until("question", &units[0].asked, asked + 4);
    for (int i = 0; i < units[0].asked; i++)
        ft_replay_take(&replay, RUN, units[0].sequences[i]);
    ck_assert(!ft_replay_take(&replay, RUN, units[0].sequences[asked + 1]));
    ck_assert_uint_gt(units[0].sequences[asked + 1], units[0].sequences[asked - 1]);
}
END_TEST

START_TEST(another_plan_is_another_search)
{
    int asked;

    begin();
    run_until("question", &units[0].asked, 2);
    run_until("question", &units[2].asked, 2);
    plan.nodes_n = 2; /* n2 and n3 are no more */
    ck_assert_int_eq(ft_discovery_plan(discovery, &plan), 0);
    run_for(50);
    asked = units[2].asked;
    run_until("question", &units[0].asked, units[0].asked + 2);
    ck_assert_int_eq(units[2].asked, asked);
    nodes[0].address = addresses[2]; /* moved */
    ck_assert_int_eq(ft_discovery_plan(discovery, &plan), 0);
    asked = units[0].asked;
    run_until("question", &units[2].asked, units[2].asked + 2);
    ck_assert_int_eq(units[0].asked, asked);
    plan.nodes_n = 0;
    ck_assert_int_eq(ft_discovery_plan(discovery, &plan), 0);
    run_for(100);
}
END_TEST

START_TEST(names_that_are_none_hold_up_no_other)
{
    nodes[0].address = (char *) (uintptr_t) "no-such-host.invalid";
    nodes[1].address = (char *) (uintptr_t) "";
    nodes[1].name = (char *) (uintptr_t) "also no host.invalid";
    begin();
    run_until("question", &units[3].asked, 4);
    ck_assert_int_eq(units[0].asked + units[1].asked, 0);
}
END_TEST

/* Credentials are dear: one is for all nodes. */
START_TEST(munge_is_asked_for_few_credentials)
{
    int64_t begin_ms = ft_clock_ms();

    use(true);
    munge.delay_ms = 5;
    begin();
    run_until("question", &units[0].asked, 2);
    run_until("question", &units[3].asked, 2);
    /* Two each half a second, and not one for each node and question. */
    ck_assert_uint_le(munge.encoded, 2 * (2 + (ft_clock_ms() - begin_ms) / 500));
    munge.down = true;
    run_for(700); /* long enough for new ones to be wanted, unless the machine is busy */
    munge.down = false;
    run_until("question", &units[0].asked, units[0].asked + 4);
    ck_assert_int_le(events_n[4], 1); /* it is said once, if at all, and so is its end */
    ck_assert_int_le(events_n[5], events_n[4]);
}
END_TEST

START_TEST(ten_thousand_nodes_take_a_moment)
{
    static char many_names[10000][16];
    struct ft_plan_node *many = calloc(10000, sizeof *many);
    int64_t begin_ms;

    ck_assert_ptr_nonnull(many);
    for (int i = 0; i < 10000; i++) {
        snprintf(many_names[i], sizeof many_names[i], "m%d", i);
        many[i].name = many_names[i];
        many[i].address = addresses[i % 3];
    }
    plan.nodes = many;
    plan.nodes_n = 10000;
    begin_ms = ft_clock_ms();
    begin();
    while (figures().asked < 20000 && ft_clock_ms() - begin_ms < WAIT_MS)
        run_for(10);
    ck_assert_uint_ge(figures().asked, 20000);
    printf("# 10,000 nodes asked twice in %lld ms\n", (long long) (ft_clock_ms() - begin_ms));
    free(many);
}
END_TEST

/* ------------------------------------------------------------ answers */

START_TEST(an_answer_is_told_once)
{
    use(_i == 1);
    units[1].answers = true;
    begin();
    run_until("event", &events_n[0], 1);
    run_until("question", &units[1].asked, 6);
    run_for(50);
    ck_assert_int_eq(events_n[0], 1);
    ck_assert_ptr_nonnull(strstr(last_event[0], "n1"));
    ck_assert_ptr_nonnull(strstr(last_event[0], "ft-noded 9"));
    ck_assert_uint_ge(figures().identified, 5);
    ck_assert_uint_eq(figures().repeated + figures().refused, 0);
    connected[1] = true;
    run_for(300);
    connected[1] = false;
    ft_discovery_lost(discovery, "n1"); /* and again when it had been connected */
    run_until("event", &events_n[0], 2);
}
END_TEST

START_TEST(repeated_answers_are_not_believed)
{
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    struct sockaddr_storage to;
    size_t n;

    begin();
    run_until("question", &units[0].asked, 1);
    ck_assert(ft_address_parse("127.0.0.1", ft_udp_port(udp), &to));
    n = make_ident(&units[0], &identity, "n0", units[0].last.sent_ns,
                   FT_PROTOCOL << 16 | FT_PROTOCOL, bytes);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(ft_udp_send(units[0].udp, (struct sockaddr *) &to, bytes, n), 0);
    run_until("event", &events_n[0], 1);
    run_for(50);
    ck_assert_uint_eq(figures().identified, 1);
    ck_assert_uint_eq(figures().repeated, 4);
    /* An answer to what was never asked; and a unit that announces itself. */
    send_ident(&units[0], &identity, "n0", 4711, FT_PROTOCOL << 16 | FT_PROTOCOL);
    send_ident(&units[1], &identity, "n1", 0, FT_PROTOCOL << 16 | FT_PROTOCOL);
    run_until("event", &events_n[0], 2);
    ck_assert_uint_eq(figures().repeated, 5);
    ck_assert_int_eq(events_n[3], 0);
}
END_TEST

/* A unit that is started again under a clock that was set back numbers its runs lower than before. */
START_TEST(a_unit_whose_clock_was_set_back_is_believed)
{
    uint8_t old[FT_DATAGRAM_MAX_BYTES];
    struct sockaddr_storage to;
    size_t n;

    begin();
    run_until("question", &units[0].asked, 1);
    ck_assert(ft_address_parse("127.0.0.1", ft_udp_port(udp), &to));
    unit_boot = 9;
    n = make_ident(&units[0], &identity, "n0", units[0].last.sent_ns,
                   FT_PROTOCOL << 16 | FT_PROTOCOL, old);
    ck_assert_int_eq(ft_udp_send(units[0].udp, (struct sockaddr *) &to, old, n), 0);
    run_until("event", &events_n[0], 1);
    unit_boot = 5;
    send_ident(&units[0], &identity, "n0", units[0].last.sent_ns, FT_PROTOCOL << 16 | FT_PROTOCOL);
    run_for(50);
    ck_assert_uint_eq(figures().identified, 2);
    ck_assert_uint_eq(figures().repeated, 0);
    /* What answers no question of now is none of this run. */
    send_ident(&units[0], &identity, "n0", 4711, FT_PROTOCOL << 16 | FT_PROTOCOL);
    unit_boot = 4;
    send_ident(&units[0], &identity, "n0", 0, FT_PROTOCOL << 16 | FT_PROTOCOL);
    run_for(50);
    ck_assert_uint_eq(figures().identified, 2);
    ck_assert_uint_eq(figures().repeated, 2);
    unit_boot = 3;
}
END_TEST

START_TEST(forged_answers_are_told_once_and_counted)
{
    begin();
    run_until("question", &units[0].asked, 1);
    for (int i = 0; i < 30; i++)
        send_ident(&units[0], &stranger, "n0", units[0].last.sent_ns,
                   FT_PROTOCOL << 16 | FT_PROTOCOL);
    run_until("event", &events_n[3], 1);
    run_for(100);
    ck_assert_uint_eq(figures().refused, 30);
    ck_assert_int_eq(events_n[3], 1);
    ck_assert_int_eq(events_n[0], 0);
    ck_assert_ptr_nonnull(strstr(last_event[3], "127.0.0.1:"));
    ck_assert_ptr_nonnull(strstr(last_event[3], "another key"));
}
END_TEST

START_TEST(strangers_and_other_versions_are_told_once)
{
    begin();
    run_until("question", &units[0].asked, 1);
    for (int i = 0; i < 3; i++) {
        send_ident(&units[0], &identity, "x9", units[0].last.sent_ns,
                   FT_PROTOCOL << 16 | FT_PROTOCOL);
        send_ident(&units[1], &identity, "n1", 0, 500 << 16 | 501);
    }
    run_until("event", &events_n[1], 1);
    run_until("event", &events_n[2], 1);
    run_for(100);
    ck_assert_int_eq(events_n[1], 1);
    ck_assert_int_eq(events_n[2], 1);
    ck_assert_int_eq(events_n[0], 0);
    ck_assert_ptr_nonnull(strstr(last_event[1], "x9"));
    ck_assert_ptr_nonnull(strstr(last_event[2], "500 to 501"));
}
END_TEST

/* What is not discovery's is left to others. */
START_TEST(only_answers_are_taken)
{
    struct ft_datagram datagram = {.type = FT_DATAGRAM_BEAT, .boot = 1, .sequence = 1};
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    struct sockaddr_storage from;
    char why[256];
    size_t n;

    begin();
    ck_assert(ft_address_parse("127.0.0.1:9", 0, &from));
    n = ft_identity_seal(&identity, &datagram, bytes, sizeof bytes, why, sizeof why);
    ck_assert(!ft_discovery_packet(discovery, bytes, n, (struct sockaddr *) &from));
    ck_assert(!ft_discovery_packet(discovery, (const uint8_t *) "garbage", 7,
                                   (struct sockaddr *) &from));
    datagram.type = FT_DATAGRAM_IDENT;
    ft_text_copy(datagram.receiver, sizeof datagram.receiver, "another");
    n = ft_identity_seal(&identity, &datagram, bytes, sizeof bytes, why, sizeof why);
    ck_assert(ft_discovery_packet(discovery, bytes, n, (struct sockaddr *) &from));
    ck_assert_uint_eq(figures().identified + figures().refused + figures().repeated, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("discovery");
    TCase *t = tcase_create("discovery");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 90);
    tcase_add_loop_test(t, every_node_is_asked_twice_and_again, 0, 2);
    tcase_add_test(t, connected_units_are_left_alone);
    tcase_add_test(t, numbers_go_on_from_reign_to_reign);
    tcase_add_test(t, another_plan_is_another_search);
    tcase_add_test(t, names_that_are_none_hold_up_no_other);
    tcase_add_test(t, munge_is_asked_for_few_credentials);
    tcase_add_test(t, ten_thousand_nodes_take_a_moment);
    tcase_add_loop_test(t, an_answer_is_told_once, 0, 2);
    tcase_add_test(t, repeated_answers_are_not_believed);
    tcase_add_test(t, a_unit_whose_clock_was_set_back_is_believed);
    tcase_add_test(t, forged_answers_are_told_once_and_counted);
    tcase_add_test(t, strangers_and_other_versions_are_told_once);
    tcase_add_test(t, only_answers_are_taken);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
