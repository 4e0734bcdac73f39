/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_detector.c - the detector, the pulse and their places, step by step: the test is the
 * network, the clock and everybody else. What random histories do to them is
 * tests/sim/sim_detector.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/detector.h"
#include "core/places.h"
#include "core/pulse.h"

#define MS INT64_C(1000000)
#define NODES 16

static struct ft_detector *detector;
static struct ft_detector_config config;
static int64_t now_ns;
static bool leads;

/* What it did, in order: "ping n1", "ask n2 n1", "keep node/n1", "declare n1 2", "log NAME n1". */
static char did[65536];

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...)
{
    size_t n = strlen(did);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(did + n, sizeof did - n, format, arguments);
    va_end(arguments);
    n = strlen(did);
    snprintf(did + n, sizeof did - n, "\n");
}

static int count(const char *what)
{
    int n = 0;

    for (const char *at = strstr(did, what); at != NULL; at = strstr(at + 1, what))
        n++;
    return n;
}

static int64_t do_now(void *arg)
{
    (void) arg;
    return now_ns;
}

static void do_log(void *arg, const struct ft_event *event)
{
    (void) arg;
    note("log %s %s", event->name, event->node != NULL ? event->node : "-");
}

static void do_ping(void *arg, uint32_t node)
{
    (void) arg;
    note("ping %s", ft_detector_name(detector, node));
}

static void do_ask(void *arg, uint32_t observer, uint32_t node, unsigned within_ms)
{
    (void) arg;
    ck_assert_uint_gt(within_ms, 0);
    note("ask %s about %s", ft_detector_name(detector, observer), ft_detector_name(detector, node));
}

static uint8_t kept[1024];
static size_t kept_n;

static void do_keep(void *arg, const char *key, const void *data, size_t n)
{
    (void) arg;
    ck_assert_uint_le(n, sizeof kept);
    memcpy(kept, data, n);
    kept_n = n;
    note("keep %s", key);
}

static void do_declare(void *arg, uint32_t node, uint64_t incarnation, const char *text)
{
    (void) arg;
    ck_assert_uint_gt(strlen(text), 0);
    note("declare %s %d", ft_detector_name(detector, node), (int) incarnation);
}

static bool do_leads(void *arg)
{
    (void) arg;
    return leads;
}

static void make(void)
{
    struct ft_detector_env env = {.now_ns = do_now, .log = do_log, .ping = do_ping,
                                  .ask_other = do_ask, .keep = do_keep, .declare = do_declare,
                                  .leads = do_leads};

    detector = ft_detector_create(&env, &config);
    ck_assert_ptr_nonnull(detector);
}

static void setup(void)
{
    config = (struct ft_detector_config){
        .detect = {.beat_ms = 500, .suspect_ms = 120, .confirm_ms = 250, .observers = 3,
                   .network_pct = 50},
        .lease_ms = 2000,
        .takeover_ms = 600,
        .unit_gone_ms = 5000,
        .alone_waits = true,
        .self = "n0",
    };
    now_ns = 1000 * MS;
    leads = true;
    did[0] = '\0';
    make();
}

static void teardown(void)
{
    ft_detector_destroy(detector);
}

/* ---------------------------------------------------------------- words */

static uint64_t sequence;

static uint32_t number(int node)
{
    char name[16];

    snprintf(name, sizeof name, "n%d", node);
    return ft_detector_find(detector, name);
}

static uint64_t join_as(int node, uint64_t run)
{
    uint64_t incarnation = 0;
    char name[16];

    snprintf(name, sizeof name, "n%d", node);
    ck_assert_uint_ne(ft_detector_join(detector, name, run, &incarnation), FT_DETECTOR_NONE);
    return incarnation;
}

static bool beat_with(int node, uint64_t run, uint64_t beat_sequence, uint64_t incarnation)
{
    struct ft_detector_beat beat = {.run = run, .sequence = beat_sequence,
                                    .incarnation = incarnation, .renew = true};

    return ft_detector_beat(detector, number(node), &beat);
}

static bool beat(int node)
{
    return beat_with(node, 7, ++sequence, 1);
}

static enum ft_watch_state state(int node)
{
    struct ft_watch_status status;

    ft_detector_status(detector, number(node), &status);
    return status.state;
}

/* Time passes as for a driver that is on time; nodes of the mask beat each 250 ms. */
static void pass(int64_t ms, unsigned beating)
{
    int64_t end_ns = now_ns + ms * MS, beat_ns = now_ns;

    while (now_ns < end_ns) {
        int64_t at_ns = ft_detector_next_deadline_ns(detector);

        if (beat_ns < at_ns)
            at_ns = beat_ns;
        now_ns = at_ns < end_ns ? (at_ns > now_ns ? at_ns : now_ns) : end_ns;
        for (int i = 0; now_ns >= beat_ns && i < NODES; i++) {
            if (beating & 1u << i)
                beat(i);
        }
        if (now_ns >= beat_ns)
            beat_ns += 250 * MS;
        ft_detector_tick(detector);
    }
}

/* Nodes 1..n are members and beat. */
static void members(int n)
{
    for (int i = 1; i <= n; i++) {
        join_as(i, 7);
        ck_assert(beat(i));
    }
}

/* ---------------------------------------------------------------- one silent node */

START_TEST(a_silent_node_is_asked_and_others_about_it)
{
    members(5);
    pass(700, 0x3c); /* all but n1 */
    ck_assert_int_eq(state(1), FT_WATCH_SUSPECTED);
    ck_assert_int_ge(count("ping n1\n"), 1);
    ck_assert_int_ge(count("about n1\n"), 3);
    ck_assert_int_eq(count("ask n1"), 0);
    ft_detector_heard(detector, number(1));
    ck_assert_int_eq(state(1), FT_WATCH_WELL);
    pass(3000, 0x3e);
    ck_assert_int_eq(count("declare n"), 0);
}
END_TEST

START_TEST(nobody_hears_it_it_is_declared_in_time_and_kept_first)
{
    members(5);
    pass(869, 0x3c);
    ck_assert_int_eq(count("declare n"), 0);
    pass(3, 0x3c);
    ck_assert_int_eq(state(1), FT_WATCH_LOST);
    ck_assert_int_eq(count("declare n1 2\n"), 1);
    ck_assert_ptr_nonnull(strstr(did, "keep node/n1\nlog node_declared n1\ndeclare n1 2\n"));
    pass(5000, 0x3c);
    ck_assert_int_eq(count("declare n"), 1);
}
END_TEST

START_TEST(only_its_own_new_beats_count)
{
    members(5);
    ck_assert(beat_with(1, 7, 100, 1));
    ck_assert(!beat_with(1, 7, 100, 1)); /* again */
    ck_assert(!beat_with(1, 6, 101, 1)); /* of an earlier run */
    ck_assert(!beat_with(1, 8, 101, 1)); /* of one that did not say Hello */
    ck_assert(!beat_with(1, 7, 101, 2)); /* of another incarnation */
    ck_assert(!ft_detector_beat(detector, 99, &(struct ft_detector_beat){.run = 7, .sequence = 1}));
    pass(900, 0x3c);
    ck_assert_int_eq(state(1), FT_WATCH_LOST);
    ck_assert(!beat_with(1, 7, 200, 1));
    ck_assert(!beat_with(1, 7, 201, 2)); /* it has to join first */
    ft_detector_heard(detector, number(1));
    ck_assert_int_eq(state(1), FT_WATCH_LOST);
    ck_assert_uint_eq(join_as(1, 7), 2);
    ck_assert_int_eq(count("log node_back n1\n"), 1);
    ck_assert(beat_with(1, 7, 202, 2));
    ck_assert_int_eq(state(1), FT_WATCH_WELL);
}
END_TEST

START_TEST(others_hear_it)
{
    members(5);
    pass(640, 0x3c);
    ft_detector_saw(detector, number(1), number(1), FT_SIGHT_HEARD); /* was not asked */
    for (int i = 0; i < 5; i++) {
        pass(50, 0x3c);
        for (int other = 2; other <= 5; other++)
            ft_detector_saw(detector, number(other), number(1), FT_SIGHT_HEARD);
    }
    ck_assert_int_eq(state(1), FT_WATCH_BROKEN);
    ck_assert_int_eq(count("log link_broken n1\n"), 1);
    ck_assert_int_eq(count("declare n"), 0);
    beat(1);
    ck_assert_int_eq(state(1), FT_WATCH_WELL);
    ck_assert_int_eq(count("log link_mended n1\n"), 1);
}
END_TEST

START_TEST(others_hear_it_but_for_too_long)
{
    members(5);
    for (int i = 0; i < 300 && state(1) != FT_WATCH_LOST; i++) {
        pass(50, 0x3c);
        for (int other = 2; other <= 5; other++)
            ft_detector_saw(detector, number(other), number(1), FT_SIGHT_HEARD);
    }
    ck_assert_int_eq(state(1), FT_WATCH_LOST);
    ck_assert_int_ge(now_ns, 11000 * MS);
}
END_TEST

START_TEST(only_its_unit_is_gone)
{
    members(5);
    ft_detector_parted(detector, number(1), false); /* asked at once */
    ck_assert_int_eq(state(1), FT_WATCH_SUSPECTED);
    ck_assert_int_eq(count("ping n1\n"), 1);
    ft_detector_refused(detector, number(1));
    ck_assert_int_eq(state(1), FT_WATCH_UNIT_GONE);
    ck_assert_int_eq(count("log unit_silent n1\n"), 1);
    for (int i = 0; i < 90; i++) { /* asked again and again */
        pass(50, 0x3c);
        ft_detector_refused(detector, number(1));
    }
    ck_assert_int_eq(count("declare n"), 0);
    for (int i = 0; i < 40; i++) {
        pass(50, 0x3c);
        ft_detector_refused(detector, number(1));
    }
    ck_assert_int_eq(count("declare n1 2\n"), 1); /* unit_gone_ms */
}
END_TEST

START_TEST(its_unit_is_gone_and_then_its_host)
{
    config.unit_gone_ms = 0;
    ck_assert_int_eq(ft_detector_set_config(detector, &config), 0);
    members(5);
    ft_detector_parted(detector, number(1), false);
    ft_detector_refused(detector, number(1));
    pass(3000, 0x3c); /* it is asked again, and nothing comes */
    ck_assert_int_eq(count("declare n1 2\n"), 1);
}
END_TEST

START_TEST(it_ends_in_order)
{
    members(5);
    ft_detector_beat(detector, number(1),
                     &(struct ft_detector_beat){.run = 7, .sequence = ++sequence, .incarnation = 1,
                                                .leaving = true});
    ck_assert_int_eq(state(1), FT_WATCH_LEFT);
    ft_detector_parted(detector, number(1), false); /* the connection goes after that */
    pass(5000, 0x3c);
    ck_assert_int_eq(count("declare n"), 0);
    ck_assert_uint_eq(join_as(1, 8), 1);
    ck_assert(beat_with(1, 8, 1, 1));
    ck_assert_int_eq(state(1), FT_WATCH_WELL);
}
END_TEST

START_TEST(a_first_beat_that_never_comes)
{
    members(4);
    join_as(5, 7);
    pass(4900, 0x1e);
    ck_assert_int_eq(state(5), FT_WATCH_UNHEARD);
    ck_assert_int_eq(count("log beats_missing n5\n"), 0);
    pass(500, 0x1e);
    ck_assert_int_eq(count("log beats_missing n5\n"), 1);
    ck_assert_int_eq(count("declare n5 2\n"), 1);
}
END_TEST

START_TEST(its_own_node_is_not_lost)
{
    join_as(0, 7);
    beat(0);
    members(2);
    pass(2000, 0x6);
    ck_assert_int_eq(state(0), FT_WATCH_UNIT_GONE);
    ck_assert_int_eq(count("declare n"), 0);
    ck_assert_int_eq(count("ask n0"), 0);
}
END_TEST

/* ---------------------------------------------------------------- many, and the observer */

static void places(void)
{
    for (int i = 1; i <= 8; i++) {
        char name[16];

        snprintf(name, sizeof name, "n%d", i);
        ck_assert_int_eq(ft_detector_place(detector, name, i <= 3 ? "row1/rack1" : "row2/rack1"),
                         0);
    }
}

START_TEST(a_place_falls_silent)
{
    places();
    members(8);
    pass(2000, 0x1f0); /* n1, n2, n3 not */
    ck_assert_int_eq(count("log network_event -\n"), 1);
    ck_assert_int_eq(count("declare n"), 0);
    ck_assert_int_eq(state(2), FT_WATCH_HELD);
    pass(1000, 0x1fc); /* n2 and n3 are back */
    ck_assert_int_eq(count("log network_ended -\n"), 1);
    ck_assert_int_eq(state(2), FT_WATCH_WELL);
    ck_assert_int_eq(state(3), FT_WATCH_WELL);
    ck_assert_int_eq(count("declare n1 2\n"), 1);
    ck_assert_int_eq(count("declare n"), 1);
}
END_TEST

START_TEST(a_place_stays_silent)
{
    places();
    members(8);
    pass(3300, 0x1f0);
    ck_assert_int_eq(count("declare n"), 0);
    pass(1500, 0x1f0); /* network_ms: its nodes are judged one by one */
    ck_assert_int_eq(count("declare n"), 3);
    ck_assert_int_eq(state(4), FT_WATCH_WELL);
}
END_TEST

START_TEST(two_of_many_die_in_different_places)
{
    places();
    members(8);
    pass(1200, 0x1ec); /* n1 and n4 not: a third, and a fifth, of their places */
    ck_assert_int_eq(count("network_event"), 0);
    ck_assert_int_eq(count("declare n1 2\n"), 1);
    ck_assert_int_eq(count("declare n4 2\n"), 1);
}
END_TEST

START_TEST(alone_nothing_is_declared)
{
    members(5);
    pass(60000, 0);
    ck_assert_int_eq(count("log network_event -\n"), 1);
    ck_assert_int_eq(count("declare n"), 0);
    pass(1500, 0x3c); /* all but n1 are heard again */
    ck_assert_int_eq(count("declare n1 2\n"), 1);
    ck_assert_int_eq(count("declare n"), 1);
}
END_TEST

START_TEST(the_observer_sleeps)
{
    members(5);
    now_ns += 10000 * MS;
    ft_detector_tick(detector);
    ck_assert_int_eq(count("log observer_stalled -\n"), 1);
    for (int i = 1; i <= 5; i++)
        ck_assert_int_eq(state(i), FT_WATCH_WELL);
    pass(400, 0x3e);
    ck_assert_int_eq(count("ping"), 0);
    pass(2000, 0x3c); /* and it still finds what is dead */
    ck_assert_int_eq(count("declare n1 2\n"), 1);
}
END_TEST

START_TEST(the_observer_sleeps_while_it_asks)
{
    members(5);
    pass(800, 0x3c);
    ck_assert_int_eq(state(1), FT_WATCH_SUSPECTED);
    now_ns += 10000 * MS;
    ft_detector_tick(detector);
    ck_assert_int_eq(count("declare n"), 0);
    pass(400, 0x3c); /* it is asked anew */
    ck_assert_int_eq(count("declare n"), 0);
    beat(1);
    pass(2000, 0x3e);
    ck_assert_int_eq(count("declare n"), 0);
}
END_TEST

START_TEST(many_nodes)
{
    uint64_t incarnation;
    char name[16];

    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "m%d", i);
        ck_assert_uint_eq(ft_detector_join(detector, name, 7, &incarnation), (uint32_t) i);
        ck_assert(ft_detector_beat(detector, (uint32_t) i,
                                   &(struct ft_detector_beat){.run = 7, .sequence = 1,
                                                              .incarnation = 1, .renew = true}));
    }
    ck_assert_uint_eq(ft_detector_count(detector), 10000);
    ck_assert_uint_eq(ft_detector_states(detector, FT_WATCH_WELL), 10000);
    ck_assert_uint_eq(ft_detector_find(detector, "m777.cluster.example"), 777);
    for (uint64_t k = 2; k < 12; k++) {
        now_ns += 500 * MS;
        for (uint32_t i = 0; i < 10000; i++)
            ck_assert(ft_detector_beat(detector, i,
                                       &(struct ft_detector_beat){.run = 7, .sequence = k,
                                                                  .incarnation = 1,
                                                                  .renew = true}));
        ft_detector_tick(detector);
    }
    ck_assert_uint_eq(ft_detector_states(detector, FT_WATCH_WELL), 10000);
}
END_TEST

/* ---------------------------------------------------------------- leases and leaders */

START_TEST(leases)
{
    members(5);
    ck_assert(ft_detector_lease_free_ns(detector, number(1)) == INT64_MAX);
    pass(871, 0x3c);
    ck_assert_int_eq(state(1), FT_WATCH_LOST);
    /* granted at 1000 ms, 2000 ms of lease and a margin of 5 % and one; but no earlier leader's */
    ck_assert_int_eq(ft_detector_lease_free_ns(detector, number(1)),
                     (1000 + 2000 + 101 + 600) * MS);
    ck_assert_int_eq(ft_detector_lease_free_ns(detector, FT_DETECTOR_NONE),
                     (1000 + 2000 + 101 + 600) * MS);
    pass(10000, 0x3c);
    leads = false;
    ck_assert(!beat(2)); /* taken, not granted */
    ck_assert_int_eq(state(2), FT_WATCH_WELL);
}
END_TEST

START_TEST(lease_of_the_last_grant)
{
    members(5);
    pass(5000, 0x3e);
    ck_assert(beat(1));
    pass(900, 0x3c);
    ck_assert_int_eq(state(1), FT_WATCH_LOST);
    ck_assert_int_eq(ft_detector_lease_free_ns(detector, number(1)), (6000 + 2000 + 101) * MS);
}
END_TEST

START_TEST(a_new_leader)
{
    uint8_t member[64], lost[1024];
    size_t member_n, lost_n;

    members(2);
    memcpy(member, kept, member_n = kept_n);
    pass(5000, 0x2);
    ck_assert_int_eq(state(2), FT_WATCH_LOST);
    memcpy(lost, kept, lost_n = kept_n);
    ft_detector_destroy(detector);
    did[0] = '\0';
    make();
    for (int i = 3; i <= 5; i++)
        join_as(i, 7), beat(i);
    ck_assert_int_eq(ft_detector_restore(detector, "n1", member, member_n), 0);
    ck_assert_int_eq(ft_detector_restore(detector, "n2", lost, lost_n), 0);
    ck_assert_int_eq(state(1), FT_WATCH_UNHEARD);
    ck_assert_int_eq(state(2), FT_WATCH_LOST);
    ck_assert_int_eq(ft_detector_lease_free_ns(detector, number(1)), now_ns + 2701 * MS);
    pass(4900, 0x38);
    ck_assert_int_eq(count("declare n"), 0);
    pass(500, 0x38); /* it does not report */
    ck_assert_int_eq(count("declare n1 2\n"), 1);
    ck_assert_uint_eq(join_as(2, 9), 2);
    ck_assert_int_eq(ft_detector_restore(detector, "n6", "\xff\xff", 2), -1);
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(bad_settings)
{
    struct ft_detector_config bad = config;

    bad.detect.beat_ms = 0;
    ck_assert_int_eq(ft_detector_set_config(detector, &bad), -1);
    bad = config;
    bad.detect.network_pct = 101;
    ck_assert_int_eq(ft_detector_set_config(detector, &bad), -1);
    bad = config;
    bad.lease_ms = 0;
    ck_assert_int_eq(ft_detector_set_config(detector, &bad), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_uint_eq(ft_detector_join(detector, "", 7, &(uint64_t){0}), FT_DETECTOR_NONE);
    ck_assert_str_eq(ft_watch_state_text(FT_WATCH_UNIT_GONE), "unit-gone");
    ck_assert_str_eq(ft_watch_state_text((enum ft_watch_state) 99), "unknown");
}
END_TEST

START_TEST(places_within_places)
{
    struct ft_timers *timers = ft_timers_create();
    struct ft_places *all = ft_places_create(timers);
    struct ft_detector_place *rack = ft_places_get(all, "row1/rack2");

    ck_assert_ptr_nonnull(rack);
    ck_assert_str_eq(rack->name, "row1/rack2");
    ck_assert_str_eq(rack->parent->name, "row1");
    ck_assert_ptr_eq(rack->parent->parent, ft_places_everywhere(all));
    ck_assert_ptr_eq(ft_places_get(all, "row1/rack2"), rack);
    ck_assert_ptr_eq(ft_places_get(all, ""), ft_places_everywhere(all));
    ck_assert_ptr_ne(ft_places_get(all, "row1/rack22"), rack);
    for (uint32_t i = 0; i < 40; i++)
        ck_assert_int_eq(ft_places_add(rack, i), 0);
    ck_assert_uint_eq(ft_places_everywhere(all)->members_n, 40);
    ft_places_drop(rack, 7);
    ck_assert_uint_eq(rack->members_n, 39);
    ck_assert_uint_eq(rack->parent->members_n, 39);
    ft_places_destroy(all);
    ft_timers_destroy(timers);
}
END_TEST

/* ---------------------------------------------------------------- the pulse */

static int64_t pulse_ns, sent_ns, got_ns;
static int beats, renewals, losses, fences, asked[3];

static int64_t pulse_now(void *arg)
{
    (void) arg;
    return pulse_ns;
}

static void pulse_beat(void *arg, int64_t at_ns, enum ft_pulse_ask ask)
{
    (void) arg;
    sent_ns = at_ns;
    beats++;
    renewals += ask != FT_PULSE_ASKS_NOTHING;
    asked[ask]++;
}

static void pulse_got(void *arg, int64_t until_ns)
{
    (void) arg;
    got_ns = until_ns;
}

static void pulse_lost(void *arg, bool fenced)
{
    (void) arg;
    losses++;
    fences += fenced;
}

static struct ft_pulse *make_pulse(void)
{
    struct ft_pulse_env env = {.now_ns = pulse_now, .beat = pulse_beat, .lease_got = pulse_got,
                               .lease_lost = pulse_lost};

    pulse_ns = 1000 * MS;
    got_ns = sent_ns = 0;
    beats = renewals = losses = fences = 0;
    memset(asked, 0, sizeof asked);
    return ft_pulse_create(&env, 12345);
}

/* Lets it run; answered: acknowledgements come after 1 ms. */
static void live(struct ft_pulse *pulse, int64_t ms, bool answered)
{
    int64_t end_ns = pulse_ns + ms * MS;

    for (;;) {
        int64_t at_ns = ft_pulse_next_deadline_ns(pulse);
        int before = renewals;

        if (at_ns > end_ns)
            break;
        if (at_ns > pulse_ns)
            pulse_ns = at_ns;
        ft_pulse_tick(pulse);
        if (answered && renewals > before) {
            pulse_ns += MS;
            ck_assert(ft_pulse_ack(pulse, 1, 1, sent_ns));
        }
    }
    if (pulse_ns < end_ns)
        pulse_ns = end_ns;
}

START_TEST(a_pulse_beats_and_holds_its_lease)
{
    struct ft_pulse *pulse = make_pulse();

    live(pulse, 5000, true);
    ck_assert_int_eq(beats, 0); /* nobody has said how */
    ck_assert(ft_pulse_welcome(pulse, 1, 1, 500, 2000));
    live(pulse, 10000, true);
    ck_assert_int_ge(beats, 20);
    ck_assert_int_le(beats, 22);
    ck_assert_int_le(renewals, 12); /* every second one */
    ck_assert_int_eq(losses, 0);
    ck_assert(ft_pulse_has_lease(pulse));
    ck_assert_int_eq(ft_pulse_lease_until_ns(pulse), got_ns);
    live(pulse, 5000, false);
    ck_assert_int_eq(losses, 1);
    ck_assert_int_eq(fences, 0);
    ck_assert(!ft_pulse_has_lease(pulse));
    ck_assert_uint_gt(ft_pulse_unanswered(pulse), 3);
    live(pulse, 1000, true);
    ck_assert(ft_pulse_has_lease(pulse));
    ft_pulse_destroy(pulse);
}
END_TEST

START_TEST(a_pulse_counts_from_the_sending_and_while_it_sleeps)
{
    struct ft_pulse *pulse = make_pulse();

    ck_assert(ft_pulse_welcome(pulse, 1, 1, 500, 2000));
    ft_pulse_tick(pulse);
    pulse_ns += 300 * MS; /* the acknowledgement was slow */
    ck_assert(ft_pulse_ack(pulse, 1, 1, 1000 * MS));
    ck_assert_int_eq(got_ns, 3000 * MS);
    pulse_ns = 9000 * MS; /* asleep */
    ck_assert(!ft_pulse_has_lease(pulse));
    ft_pulse_tick(pulse);
    ck_assert_int_eq(losses, 1);
    ck_assert_int_eq(sent_ns, 9000 * MS); /* and it beats again at once, once */
    ck_assert(ft_pulse_ack(pulse, 1, 1, 9000 * MS));
    ck_assert_int_eq(got_ns, 11000 * MS);
    ft_pulse_destroy(pulse);
}
END_TEST

START_TEST(a_pulse_believes_only_what_fits)
{
    struct ft_pulse *pulse = make_pulse();

    ck_assert(!ft_pulse_ack(pulse, 0, 0, 1000 * MS)); /* before any Welcome */
    ck_assert(ft_pulse_welcome(pulse, 3, 2, 500, 2000));
    ft_pulse_tick(pulse);
    pulse_ns += 10 * MS;
    ck_assert(!ft_pulse_ack(pulse, 2, 2, 1000 * MS)); /* an earlier leader's */
    ck_assert(!ft_pulse_ack(pulse, 3, 1, 1000 * MS)); /* of an earlier incarnation */
    ck_assert(!ft_pulse_ack(pulse, 3, 2, 999 * MS));  /* sent before the Welcome */
    ck_assert(!ft_pulse_ack(pulse, 3, 2, 2000 * MS)); /* not sent yet */
    ck_assert(ft_pulse_ack(pulse, 3, 2, 1000 * MS));
    ck_assert(!ft_pulse_ack(pulse, 3, 2, 1000 * MS)); /* again */
    ck_assert(!ft_pulse_welcome(pulse, 2, 9, 500, 2000));
    ck_assert(!ft_pulse_welcome(pulse, 3, 1, 500, 2000));
    ck_assert(ft_pulse_welcome(pulse, 4, 2, 500, 2000)); /* the lease goes on under a new leader */
    ck_assert(ft_pulse_has_lease(pulse));
    ck_assert_int_eq(losses, 0);
    ft_pulse_destroy(pulse);
}
END_TEST

START_TEST(a_pulse_is_fenced)
{
    struct ft_pulse *pulse = make_pulse();

    ck_assert(ft_pulse_welcome(pulse, 1, 1, 500, 2000));
    live(pulse, 1000, true);
    ck_assert(ft_pulse_has_lease(pulse));
    ck_assert(ft_pulse_welcome(pulse, 1, 2, 500, 2000));
    ck_assert_int_eq(fences, 1);
    ck_assert(!ft_pulse_has_lease(pulse));
    ck_assert(!ft_pulse_ack(pulse, 1, 1, pulse_ns));
    ft_pulse_tick(pulse);
    ck_assert(ft_pulse_ack(pulse, 1, 2, sent_ns));
    ck_assert(ft_pulse_has_lease(pulse));
    ck_assert(ft_pulse_welcome(pulse, 1, 3, 0, 2000)); /* and no heartbeats any more */
    ck_assert(ft_pulse_next_deadline_ns(pulse) == INT64_MAX);
    ft_pulse_destroy(pulse);
}
END_TEST

/* Acknowledgements that may come by way of others are asked for while that works. */
START_TEST(a_pulse_shares)
{
    struct ft_pulse *pulse = make_pulse();
    int direct;

    ck_assert(ft_pulse_welcome(pulse, 1, 1, 500, 2000));
    live(pulse, 20000, true);
    ck_assert_int_eq(asked[FT_PULSE_ASKS_DIRECT], 1); /* the first one: there was no lease yet */
    ck_assert_int_ge(asked[FT_PULSE_ASKS_SHARED], 18);

    /* One that is not answered is asked for again, of the central unit, long before the next
     * beat. */
    live(pulse, 1100, false);
    ck_assert_int_eq(losses, 0);
    direct = asked[FT_PULSE_ASKS_DIRECT];
    ck_assert_int_gt(direct, 1);
    asked[FT_PULSE_ASKS_SHARED] = 0;
    live(pulse, 3900, true); /* and so are the next four */
    ck_assert_int_eq(asked[FT_PULSE_ASKS_SHARED], 0);
    ck_assert_int_ge(asked[FT_PULSE_ASKS_DIRECT], direct + 4);
    live(pulse, 3000, true);
    ck_assert_int_gt(asked[FT_PULSE_ASKS_SHARED], 0);
    ck_assert_int_eq(losses, 0);
    ft_pulse_destroy(pulse);
}
END_TEST

/* Where it never works it is tried ever more seldom, and the lease is held. */
START_TEST(a_pulse_that_nobody_passes_on_to)
{
    struct ft_pulse *pulse = make_pulse();

    ck_assert(ft_pulse_welcome(pulse, 1, 1, 500, 2000));
    for (int64_t end_ns = pulse_ns + 400000 * MS; pulse_ns < end_ns;) {
        int before = asked[FT_PULSE_ASKS_DIRECT];

        pulse_ns = ft_pulse_next_deadline_ns(pulse);
        ft_pulse_tick(pulse);
        if (asked[FT_PULSE_ASKS_DIRECT] == before)
            continue;
        pulse_ns += MS;
        ck_assert(ft_pulse_ack(pulse, 1, 1, sent_ns));
    }
    ck_assert_int_eq(losses, 0);
    ck_assert_int_ge(asked[FT_PULSE_ASKS_DIRECT], 380);
    ck_assert_int_ge(asked[FT_PULSE_ASKS_SHARED], 6);
    ck_assert_int_le(asked[FT_PULSE_ASKS_SHARED], 12);
    ft_pulse_destroy(pulse);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("detector");
    TCase *one = tcase_create("one silent node"), *many = tcase_create("many");
    TCase *lease = tcase_create("leases"), *pulse = tcase_create("pulse");
    SRunner *runner = srunner_create(suite);
    TCase *fixtured[] = {one, many, lease};
    int failed;

    for (size_t i = 0; i < 3; i++)
        tcase_add_checked_fixture(fixtured[i], setup, teardown);
    tcase_add_test(one, a_silent_node_is_asked_and_others_about_it);
    tcase_add_test(one, nobody_hears_it_it_is_declared_in_time_and_kept_first);
    tcase_add_test(one, only_its_own_new_beats_count);
    tcase_add_test(one, others_hear_it);
    tcase_add_test(one, others_hear_it_but_for_too_long);
    tcase_add_test(one, only_its_unit_is_gone);
    tcase_add_test(one, its_unit_is_gone_and_then_its_host);
    tcase_add_test(one, it_ends_in_order);
    tcase_add_test(one, a_first_beat_that_never_comes);
    tcase_add_test(one, its_own_node_is_not_lost);
    tcase_add_test(many, a_place_falls_silent);
    tcase_add_test(many, a_place_stays_silent);
    tcase_add_test(many, two_of_many_die_in_different_places);
    tcase_add_test(many, alone_nothing_is_declared);
    tcase_add_test(many, the_observer_sleeps);
    tcase_add_test(many, the_observer_sleeps_while_it_asks);
    tcase_add_test(many, many_nodes);
    tcase_add_test(many, places_within_places);
    tcase_add_test(lease, leases);
    tcase_add_test(lease, lease_of_the_last_grant);
    tcase_add_test(lease, a_new_leader);
    tcase_add_test(lease, bad_settings);
    tcase_add_test(pulse, a_pulse_beats_and_holds_its_lease);
    tcase_add_test(pulse, a_pulse_counts_from_the_sending_and_while_it_sleeps);
    tcase_add_test(pulse, a_pulse_believes_only_what_fits);
    tcase_add_test(pulse, a_pulse_is_fenced);
    tcase_add_test(pulse, a_pulse_shares);
    tcase_add_test(pulse, a_pulse_that_nobody_passes_on_to);
    for (size_t i = 0; i < 3; i++) {
        tcase_set_timeout(fixtured[i], 60);
        suite_add_tcase(suite, fixtured[i]);
    }
    suite_add_tcase(suite, pulse);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
