/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_lobby.c - units that wait in the lobby of a voter, over real connections of this machine.
 */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <unistd.h>
#include <uv.h>

#include "centrald/lobby.h"
#include "common/clock.h"
#include "ft.h"
#include "net/link.h"

#define UNITS 600 /* more than are let go in a turn of the loop */
#define LIMIT_MS 60000
#define SHORT_MS 300

struct unit {
    struct ft_link *link;
    char name[16];
    bool answered, closed;
    char leader[64];
};

static uv_loop_t loop;
static const uint8_t key[FT_KEY_BYTES] = {7};
static struct ft_listener *listener;
static struct ft_lobby *lobby;
static struct unit units[UNITS];
static int waiting, served, answered, closed;
static char order[4][16]; /* who was served first */

#define wait_for(what)                                                                             \
    do {                                                                                           \
        int64_t wait_end_ms = ft_clock_ms() + LIMIT_MS;                                            \
        while (!(what) && ft_clock_ms() < wait_end_ms)                                             \
            uv_run(&loop, UV_RUN_NOWAIT);                                                          \
        ck_assert(what);                                                                           \
    } while (0)

/* ---------------------------------------------------------------- the voter's side */

static void on_hello(void *arg, struct ft_link *link, const Ft__Message *message)
{
    (void) arg;
    ck_assert_int_eq(message->body_case, FT__MESSAGE__BODY_HELLO);
    ck_assert(ft_lobby_take(lobby, link, message->hello));
    waiting++;
}

static void on_lost(void *arg, struct ft_link *link, int error, const char *text)
{
    (void) arg;
    (void) link;
    ck_abort_msg("a connection is lost: %d, %s", error, text);
}

static void on_accepted(void *arg, struct ft_link *link)
{
    static const struct ft_link_events events = {.message = on_hello, .closed = on_lost};

    (void) arg;
    ft_link_accept(link, &events, NULL);
}

static void serve(void *arg, struct ft_link *link, const Ft__Hello *hello)
{
    ck_assert_ptr_eq(arg, &loop);
    ck_assert_uint_eq(hello->udp_port, 4711);
    if (served < 4)
        snprintf(order[served], sizeof order[served], "%s", hello->node);
    served++;
    ft_link_close(link);
}

/* ---------------------------------------------------------------- the units' */

static void on_opened(void *arg, struct ft_link *link)
{
    struct unit *unit = arg;
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Hello hello = FT__HELLO__INIT;

    hello.protocol = FT_PROTOCOL;
    hello.node = unit->name;
    hello.udp_port = 4711;
    message.body_case = FT__MESSAGE__BODY_HELLO;
    message.hello = &hello;
    ck_assert_int_eq(ft_link_send(link, &message), 0);
}

static void on_answer(void *arg, struct ft_link *link, const Ft__Message *message)
{
    struct unit *unit = arg;

    (void) link;
    ck_assert_int_eq(message->body_case, FT__MESSAGE__BODY_HELLO);
    ck_assert_int_eq(message->hello->refused, FT_ERR_BUSY);
    ck_assert_str_eq(message->hello->node, "n0");
    snprintf(unit->leader, sizeof unit->leader, "%s", message->hello->leader);
    unit->answered = true;
    answered++;
}

static void on_closed(void *arg, struct ft_link *link, int error, const char *text)
{
    struct unit *unit = arg;

    (void) link;
    (void) error;
    (void) text;
    unit->link = NULL;
    unit->closed = true;
    closed++;
}

static void come(int first, int n)
{
    static const struct ft_link_events events = {
        .opened = on_opened, .message = on_answer, .closed = on_closed};

    for (int i = first; i < first + n; i++) {
        units[i] = (struct unit){.link = NULL};
        snprintf(units[i].name, sizeof units[i].name, "u%d", i);
        units[i].link = ft_link_connect_tcp(&loop, "127.0.0.1", ft_listener_port(listener), key,
                                            LIMIT_MS, &events, &units[i]);
        ck_assert_ptr_nonnull(units[i].link);
        wait_for(waiting == i + 1); /* so that the order is known */
    }
}

static void open_lobby(unsigned wait_ms)
{
    lobby = ft_lobby_create(&loop, "n0", wait_ms, serve, &loop);
    ck_assert_ptr_nonnull(lobby);
}

static void setup(void)
{
    signal(SIGPIPE, SIG_IGN);
    waiting = served = answered = closed = 0;
    uv_loop_init(&loop);
    listener = ft_listener_tcp(&loop, "127.0.0.1", 0, key, on_accepted, NULL);
    ck_assert_ptr_nonnull(listener);
}

static void teardown(void)
{
    ft_lobby_stop(lobby);
    ft_lobby_stop(lobby); /* once is enough, twice no harm */
    ft_listener_close(listener);
    wait_for(closed == waiting);
    ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    ft_lobby_destroy(lobby);
    ft_lobby_destroy(NULL);
}

/* ---------------------------------------------------------------- what becomes of them */

START_TEST(this_one_leads)
{
    open_lobby(LIMIT_MS);
    come(0, 3);
    ck_assert_int_eq(served + answered + closed, 0);
    ft_lobby_open(lobby);
    ck_assert_int_eq(served, 0); /* from the loop */
    wait_for(served == 3);
    ck_assert_str_eq(order[0], "u0");
    ck_assert_str_eq(order[1], "u1");
    ck_assert_str_eq(order[2], "u2");
    ck_assert_int_eq(answered, 0);
}
END_TEST

START_TEST(another_one_leads)
{
    open_lobby(LIMIT_MS);
    come(0, 2);
    ft_lobby_send_on(lobby, "n7:7311");
    wait_for(closed == 2);
    ck_assert_int_eq(served, 0);
    ck_assert_int_eq(answered, 2);
    ck_assert_str_eq(units[0].leader, "n7:7311");
    ck_assert_str_eq(units[1].leader, "n7:7311");
}
END_TEST

START_TEST(nobody_leads_for_long)
{
    int64_t begun_ms = ft_clock_ms();

    open_lobby(SHORT_MS);
    come(0, 2);
    wait_for(closed == 2);
    ck_assert_int_ge(ft_clock_ms() - begun_ms, SHORT_MS); /* it was not sent away at once */
    ck_assert_int_eq(answered, 2);
    ck_assert_int_eq(served, 0);
    ck_assert_str_eq(units[0].leader, "");
}
END_TEST

START_TEST(who_goes_is_forgotten)
{
    open_lobby(LIMIT_MS);
    come(0, 3);
    ft_link_abort(units[1].link);
    wait_for(units[1].closed);
    for (int i = 0; i < 100; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    ft_lobby_open(lobby);
    wait_for(served == 2 || served == 3); /* 3: the voter has not heard of it yet */
    wait_for(closed == 3);
    ck_assert_str_eq(order[0], "u0");
}
END_TEST

START_TEST(many_are_served_in_turns)
{
    open_lobby(LIMIT_MS);
    come(0, UNITS);
    ft_lobby_open(lobby);
    wait_for(served > 0);
    ck_assert_int_lt(served, UNITS);
    wait_for(served == UNITS && closed == UNITS);
    ck_assert_int_eq(answered, 0);
}
END_TEST

START_TEST(it_ends_with_some_waiting)
{
    open_lobby(LIMIT_MS);
    come(0, 5);
    ft_lobby_stop(lobby);
    wait_for(closed == 5);
    ck_assert_int_eq(served + answered, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lobby");
    TCase *t = tcase_create("lobby");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, this_one_leads);
    tcase_add_test(t, another_one_leads);
    tcase_add_test(t, nobody_leads_for_long);
    tcase_add_test(t, who_goes_is_forgotten);
    tcase_add_test(t, many_are_served_in_turns);
    tcase_add_test(t, it_ends_with_some_waiting);
    tcase_set_timeout(t, 120);
    suite_add_tcase(suite, t);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
