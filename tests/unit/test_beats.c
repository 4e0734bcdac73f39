/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_beats.c - heartbeats on a real network (this machine's own): noded/heart and centrald/watch
 * on one loop, and each against a test that plays the other one badly.
 *
 * Waits are for something to come, with a limit far beyond what it takes; what must not come is
 * waited for only as long as it would certainly have taken.
 */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "centrald/watch.h"
#include "common/clock.h"
#include "net/address.h"
#include "net/udp.h"
#include "noded/heart.h"
#include "wire/datagram.h"

#define MS INT64_C(1000000)
#define LIMIT_MS 20000
#define RUN 77
#define TERM 5

static uv_loop_t loop;

/* ---------------------------------------------------------------- a unit */

struct unit {
    const char *name;
    struct ft_heart *heart;
    int got, lost, sent;
    enum ft_lease_end end;
    int host_silent_ms;
    bool link;               /* there is a connection for the heartbeats that get none through */
    Ft__Ping ping;           /* the last one that went by it */
};

static void on_got(void *arg, int64_t until_ns)
{
    struct unit *unit = arg;

    ck_assert_int_gt(until_ns, 0);
    unit->got++;
}

static void on_lost(void *arg, enum ft_lease_end end, const char *why)
{
    struct unit *unit = arg;

    ck_assert_uint_gt(strlen(why), 0);
    unit->lost++;
    unit->end = end;
}

static int host_silent_ms(void *arg)
{
    return ((struct unit *) arg)->host_silent_ms;
}

static int by_link(void *arg, const Ft__Message *message)
{
    struct unit *unit = arg;

    if (!unit->link)
        return -1;
    ck_assert_int_eq(message->body_case, FT__MESSAGE__BODY_PING);
    ck_assert(message->ping->beat);
    unit->ping = *message->ping;
    unit->sent++;
    return 0;
}

static const struct ft_heart_events heart_events = {
    .lease_got = on_got, .lease_lost = on_lost, .host_silent_ms = host_silent_ms, .send = by_link};

static void start_unit(struct unit *unit, const char *name)
{
    *unit = (struct unit){.name = name};
    unit->heart = ft_heart_create(&loop, name, RUN, 0, &heart_events, unit);
    ck_assert_ptr_nonnull(unit->heart);
    ck_assert_uint_ne(ft_heart_port(unit->heart), 0);
}

static void turn(void)
{
    uv_run(&loop, UV_RUN_NOWAIT);
    usleep(500);
}

static void end_unit(struct unit *unit)
{
    ft_heart_stop(unit->heart, false);
    for (int i = 0; i < 20; i++)
        turn();
    ft_heart_destroy(unit->heart);
    unit->heart = NULL;
}

#define wait_for(what)                                                                             \
    do {                                                                                           \
        int64_t wait_end_ms = ft_clock_ms() + LIMIT_MS;                                            \
        while (!(what) && ft_clock_ms() < wait_end_ms)                                             \
            turn();                                                                                \
        ck_assert(what);                                                                           \
    } while (0)

static void wait_ms(int64_t ms)
{
    for (int64_t end_ms = ft_clock_ms() + ms; ft_clock_ms() < end_ms;)
        turn();
}

/* ---------------------------------------------------------------- a leader played by the test */

static struct ft_udp *leader;
static struct ft_datagram_key key;
static uint8_t secret[FT_DATAGRAM_KEY_BYTES] = {1, 2, 3};
static struct ft_datagram last[FT_DATAGRAM_TYPE_MAX + 1]; /* that came, by type */
static int came[FT_DATAGRAM_TYPE_MAX + 1];
static struct sockaddr_storage came_from;
static bool answers; /* it acknowledges */
static uint64_t sequence;
static unsigned lease_ms; /* of its Welcomes */

static void say(const struct sockaddr *to, struct ft_datagram *datagram)
{
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    size_t n;

    datagram->term = TERM;
    datagram->boot = 1;
    datagram->sequence = ++sequence;
    datagram->sent_ns = ft_clock_ns();
    n = ft_datagram_encode(datagram, &key, bytes, sizeof bytes);
    ck_assert_uint_gt(n, 0);
    ft_udp_send(leader, to, bytes, n);
}

static void acknowledge(const struct ft_datagram *beat, const struct sockaddr *to)
{
    struct ft_datagram ack;

    ft_datagram_clear(&ack);
    ack.type = FT_DATAGRAM_BEAT_ACK;
    ack.incarnation = beat->incarnation;
    ack.echo_ns = beat->sent_ns;
    say(to, &ack);
}

static void on_packet(void *arg, const uint8_t *bytes, size_t n, const struct sockaddr *from)
{
    struct ft_datagram datagram;

    (void) arg;
    ck_assert_int_eq(ft_datagram_decode(bytes, n, &key, &datagram), 0);
    last[datagram.type] = datagram;
    came[datagram.type]++;
    memcpy(&came_from, from, ft_address_length(from));
    if (datagram.type == FT_DATAGRAM_BEAT && answers && datagram.flags & FT_DATAGRAM_RENEW)
        acknowledge(&datagram, from);
}

static struct sockaddr_in here(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void welcome(struct unit *unit, uint64_t term, uint64_t incarnation)
{
    Ft__Welcome word = FT__WELCOME__INIT;
    struct sockaddr_in address = here(ft_udp_port(leader));

    word.term = term;
    word.incarnation = incarnation;
    word.beat_key.data = secret;
    word.beat_key.len = sizeof secret;
    word.beat_ms = 50;
    word.lease_ms = lease_ms;
    word.number = 3;
    ft_heart_welcome(unit->heart, &word, (struct sockaddr *) &address);
}

static void setup(void)
{
    memset(came, 0, sizeof came);
    answers = true;
    sequence = 0;
    lease_ms = 600;
    uv_loop_init(&loop);
    ft_datagram_key_set(&key, secret);
    leader = ft_udp_create(&loop, "127.0.0.1", 0, on_packet, NULL);
    ck_assert_ptr_nonnull(leader);
}

static void teardown(void)
{
    ft_udp_close(leader);
    for (int i = 0; i < 100 && uv_loop_alive(&loop); i++)
        turn();
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* ---------------------------------------------------------------- the heart */

START_TEST(it_beats_and_holds_a_lease)
{
    struct unit unit;

    start_unit(&unit, "n1");
    wait_ms(100);
    ck_assert_int_eq(came[FT_DATAGRAM_BEAT], 0); /* nobody has welcomed it */
    welcome(&unit, TERM, 4);
    wait_for(came[FT_DATAGRAM_BEAT] >= 5 && unit.got >= 2);
    ck_assert_uint_eq(last[FT_DATAGRAM_BEAT].incarnation, 4);
    ck_assert_uint_eq(last[FT_DATAGRAM_BEAT].boot, RUN);
    ck_assert_uint_eq(last[FT_DATAGRAM_BEAT].value, 3);
    ck_assert(ft_heart_has_lease(unit.heart));
    ck_assert_uint_eq(ft_heart_incarnation(unit.heart), 4);
    ck_assert_int_eq(unit.lost, 0);
    ft_heart_stop(unit.heart, true);
    wait_for(last[FT_DATAGRAM_BEAT].flags & FT_DATAGRAM_LEAVING);
    end_unit(&unit);
}
END_TEST

START_TEST(silence_of_the_leader_and_of_its_host)
{
    struct unit unit;

    start_unit(&unit, "n1");
    welcome(&unit, TERM, 1);
    wait_for(unit.got > 0);
    answers = false;
    wait_for(unit.lost == 1); /* its host answers */
    ck_assert_int_eq(unit.end, FT_LEASE_HUNG);
    ck_assert(!ft_heart_has_lease(unit.heart));
    unit.host_silent_ms = 10000;
    wait_for(unit.lost == 2); /* and now does not */
    ck_assert_int_eq(unit.end, FT_LEASE_CUT);
    answers = true;
    wait_for(ft_heart_has_lease(unit.heart));
    unit.host_silent_ms = -1;
    answers = false;
    wait_for(unit.lost == 3);
    ck_assert_int_eq(unit.end, FT_LEASE_CUT);
    end_unit(&unit);
}
END_TEST

START_TEST(a_declared_node_is_fenced)
{
    struct unit unit;

    start_unit(&unit, "n1");
    welcome(&unit, TERM, 1);
    wait_for(unit.got > 0);
    answers = false;
    welcome(&unit, TERM, 2);
    ck_assert_int_eq(unit.lost, 1);
    ck_assert_int_eq(unit.end, FT_LEASE_FENCED);
    ck_assert(!ft_heart_has_lease(unit.heart));
    answers = true;
    wait_for(ft_heart_has_lease(unit.heart));
    welcome(&unit, TERM - 1, 9); /* of a leader that was */
    ck_assert_uint_eq(ft_heart_incarnation(unit.heart), 2);
    end_unit(&unit);
}
END_TEST

START_TEST(what_is_not_the_leaders_changes_nothing)
{
    static const uint8_t other[FT_DATAGRAM_KEY_BYTES] = {9};
    struct ft_datagram_key right = key;
    struct sockaddr_in to;
    struct ft_datagram ack;
    struct unit unit;

    start_unit(&unit, "n1");
    answers = false;
    welcome(&unit, TERM, 1);
    wait_for(came[FT_DATAGRAM_BEAT] > 0);
    to = here(ft_heart_port(unit.heart));
    ft_datagram_key_set(&key, other);
    acknowledge(&last[FT_DATAGRAM_BEAT], (struct sockaddr *) &to); /* with another key */
    key = right;
    ft_udp_send(leader, (struct sockaddr *) &to, "nonsense", 8);
    ft_datagram_clear(&ack);
    ack.type = FT_DATAGRAM_BEAT_ACK;
    ack.incarnation = 1;
    ack.echo_ns = last[FT_DATAGRAM_BEAT].sent_ns + UINT64_C(100000000000); /* not sent yet */
    say((struct sockaddr *) &to, &ack);
    ack.incarnation = 2;
    ack.echo_ns = last[FT_DATAGRAM_BEAT].sent_ns;
    say((struct sockaddr *) &to, &ack);
    wait_ms(200);
    ck_assert_int_eq(unit.got, 0);
    end_unit(&unit);
}
END_TEST

START_TEST(it_answers_pings)
{
    struct ft_datagram ping;
    struct sockaddr_in to;
    struct unit unit;
    int beats;

    start_unit(&unit, "n1");
    welcome(&unit, TERM, 1);
    wait_for(unit.got > 0);
    to = here(ft_heart_port(unit.heart));
    beats = came[FT_DATAGRAM_BEAT];
    ft_datagram_clear(&ping);
    ping.type = FT_DATAGRAM_PING;
    ping.flags = FT_DATAGRAM_RENEW;
    say((struct sockaddr *) &to, &ping);
    wait_for(came[FT_DATAGRAM_PONG] == 1);
    ck_assert_uint_eq(last[FT_DATAGRAM_PONG].echo_ns, ping.sent_ns);
    ck_assert_str_eq(last[FT_DATAGRAM_PONG].sender, "n1");
    wait_for(came[FT_DATAGRAM_BEAT] > beats);
    end_unit(&unit);
}
END_TEST

static void ask(const struct unit *observer, const char *subject, uint16_t port)
{
    struct sockaddr_in to = here(ft_heart_port(observer->heart));
    struct ft_datagram question;

    ft_datagram_clear(&question);
    question.type = FT_DATAGRAM_ASK_OTHER;
    question.value = 300;
    snprintf(question.subject, sizeof question.subject, "%s", subject);
    snprintf(question.text, sizeof question.text, "127.0.0.1:%u", port);
    came[FT_DATAGRAM_SAW] = 0;
    say((struct sockaddr *) &to, &question);
    wait_for(came[FT_DATAGRAM_SAW] > 0);
    ck_assert_uint_eq(last[FT_DATAGRAM_SAW].echo_ns, question.sent_ns);
    ck_assert_str_eq(last[FT_DATAGRAM_SAW].subject, subject);
    ck_assert_str_eq(last[FT_DATAGRAM_SAW].sender, observer->name);
}

START_TEST(it_looks_at_others)
{
    struct sockaddr_in mute = here(0);
    socklen_t size = sizeof mute;
    struct unit unit, other;
    uint16_t closed;
    int file;

    start_unit(&unit, "n1");
    start_unit(&other, "n2");
    welcome(&unit, TERM, 1);
    welcome(&other, TERM, 1);
    wait_for(unit.got > 0 && other.got > 0);
    ask(&unit, "n2", ft_heart_port(other.heart));
    ck_assert_uint_eq(last[FT_DATAGRAM_SAW].flags, FT_DATAGRAM_YES);
    ask(&unit, "n3", ft_heart_port(other.heart)); /* somebody else answers there */
    ck_assert_uint_eq(last[FT_DATAGRAM_SAW].flags, 0);
    file = socket(AF_INET, SOCK_DGRAM, 0);
    ck_assert_int_eq(bind(file, (struct sockaddr *) &mute, sizeof mute), 0);
    ck_assert_int_eq(getsockname(file, (struct sockaddr *) &mute, &size), 0);
    closed = ntohs(mute.sin_port);
    ask(&unit, "n4", closed); /* nobody reads there */
    ck_assert_uint_eq(last[FT_DATAGRAM_SAW].flags, 0);
    close(file);
    ask(&unit, "n4", closed); /* nobody listens there */
    ck_assert_uint_eq(last[FT_DATAGRAM_SAW].flags, FT_DATAGRAM_REFUSED);
    end_unit(&other);
    end_unit(&unit);
}
END_TEST

static int passed; /* to a node that is played by a socket */

static void on_passed(void *arg, const uint8_t *bytes, size_t n, const struct sockaddr *from)
{
    struct ft_datagram ack;

    (void) arg;
    (void) from;
    ck_assert_int_eq(ft_datagram_decode(bytes, n, &key, &ack), 0);
    ck_assert_int_eq(ack.type, FT_DATAGRAM_BEAT_ACK);
    ck_assert_uint_eq(ack.term, TERM);
    ck_assert_uint_eq(ack.incarnation, 9);
    ck_assert_uint_eq(ack.echo_ns, 123456789);
    passed++;
}

/* Each once: the same datagram again, a replay, is not passed on. */
START_TEST(it_passes_acknowledgements_on)
{
    struct ft_udp *node = ft_udp_create(&loop, "127.0.0.1", 0, on_passed, NULL);
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    struct sockaddr_in to, there;
    struct ft_datagram words;
    struct unit unit, other;
    size_t n;

    ck_assert_ptr_nonnull(node);
    passed = 0;
    answers = false;
    lease_ms = 2 * LIMIT_MS;
    start_unit(&unit, "n1");
    start_unit(&other, "n2");
    welcome(&unit, TERM, 1);
    wait_for(came[FT_DATAGRAM_BEAT] > 0);
    ft_datagram_clear(&words);
    words.type = FT_DATAGRAM_PASS_ON;
    words.incarnation = 1;
    words.echo_ns = last[FT_DATAGRAM_BEAT].sent_ns;
    came[FT_DATAGRAM_BEAT] = 0;
    welcome(&other, TERM, 2);
    wait_for(last[FT_DATAGRAM_BEAT].incarnation == 2);
    words.acks_n = 2;
    words.acks[0] = (struct ft_datagram_ack){.incarnation = 2,
                                             .echo_ns = last[FT_DATAGRAM_BEAT].sent_ns,
                                             .port = ft_heart_port(other.heart)};
    words.acks[1] = (struct ft_datagram_ack){.incarnation = 9, .echo_ns = 123456789,
                                             .port = ft_udp_port(node)};
    there = here(0);
    ck_assert(ft_address_pack((struct sockaddr *) &there, words.acks[0].address));
    ck_assert(ft_address_pack((struct sockaddr *) &there, words.acks[1].address));
    words.term = TERM;
    words.boot = 1;
    words.sequence = ++sequence;
    n = ft_datagram_encode(&words, &key, bytes, sizeof bytes);
    to = here(ft_heart_port(unit.heart));
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(ft_udp_send(leader, (struct sockaddr *) &to, bytes, n), 0);
    wait_for(unit.got == 1 && other.got == 1 && passed > 0);
    wait_ms(200);
    ck_assert_int_eq(passed, 1);
    ck_assert(ft_heart_has_lease(unit.heart));
    ck_assert(ft_heart_has_lease(other.heart));
    ft_udp_close(node);
    end_unit(&other);
    end_unit(&unit);
}
END_TEST

START_TEST(where_no_datagram_gets_through_it_beats_by_the_connection)
{
    Ft__Pong pong = FT__PONG__INIT;
    struct unit unit;

    start_unit(&unit, "n1");
    unit.link = true;
    answers = false;
    welcome(&unit, TERM, 1);
    wait_for(unit.sent > 0);
    ck_assert_uint_eq(unit.ping.start, RUN);
    ck_assert_uint_eq(unit.ping.incarnation, 1);
    pong.sent_ns = unit.ping.sent_ns;
    ft_heart_pong(unit.heart, &pong); /* an answer, and no lease */
    ck_assert_int_eq(unit.got, 0);
    pong.lease = true;
    ft_heart_pong(unit.heart, &pong);
    ck_assert_int_eq(unit.got, 1);
    end_unit(&unit);
}
END_TEST

/* ---------------------------------------------------------------- both ends */

static struct ft_watch *watch;
static int declared, logged;
static char declared_node[64], last_event[64];

static void on_declared(void *arg, const char *node, uint64_t incarnation, const char *text)
{
    (void) arg;
    ck_assert_uint_gt(strlen(text), 0);
    ck_assert_uint_eq(incarnation, 2);
    snprintf(declared_node, sizeof declared_node, "%s", node);
    declared++;
}

static void on_event(void *arg, struct ft_event *event)
{
    (void) arg;
    snprintf(last_event, sizeof last_event, "%s", event->name);
    logged++;
}

static void to_watch(void *arg, const uint8_t *bytes, size_t n, const struct sockaddr *from)
{
    (void) arg;
    ft_watch_packet(watch, bytes, n, from);
}

static void start_watch(struct ft_udp **udp)
{
    static const struct ft_watch_events events = {.declared = on_declared, .log = on_event};
    struct ft_watch_config config = {
        .loop = &loop,
        .node = "n0",
        .detector = {.detect = {.beat_ms = 100, .suspect_ms = 300, .confirm_ms = 400,
                                .observers = 2, .network_pct = 60},
                     .lease_ms = 2000,
                     .alone_waits = true},
    };

    declared = logged = 0;
    *udp = ft_udp_create(&loop, "127.0.0.1", 0, to_watch, NULL);
    config.udp = *udp;
    watch = ft_watch_create(&config, &events, NULL);
    ck_assert_ptr_nonnull(watch);
}

static void join(struct unit *unit, struct ft_udp *udp)
{
    Ft__Hello hello = FT__HELLO__INIT;
    struct sockaddr_in peer = here(40000), address = here(ft_udp_port(udp));
    Ft__Welcome word;

    hello.node = (char *) (uintptr_t) unit->name;
    hello.start = RUN;
    hello.udp_port = ft_heart_port(unit->heart);
    ck_assert_int_eq(ft_watch_join(watch, &hello, (struct sockaddr *) &peer, &word), 0);
    ft_heart_welcome(unit->heart, &word, (struct sockaddr *) &address);
}

static enum ft_watch_state state(const char *node)
{
    const struct ft_detector *detector = ft_watch_detector(watch);
    struct ft_watch_status status;

    ft_detector_status(detector, ft_detector_find(detector, node), &status);
    return status.state;
}

static void end_watch(struct ft_udp *udp)
{
    ft_watch_stop(watch);
    ft_udp_close(udp);
    for (int i = 0; i < 50; i++)
        turn();
    ft_watch_destroy(watch);
}

START_TEST(both_ends)
{
    struct unit units[4];
    struct ft_udp *udp;
    static const char *const names[] = {"n1", "n2", "n3", "n4"};

    start_watch(&udp);
    for (int i = 0; i < 4; i++) {
        start_unit(&units[i], names[i]);
        join(&units[i], udp);
    }
    wait_for(units[0].got > 1 && units[1].got > 1 && units[2].got > 1 && units[3].got > 1);
    ck_assert_int_eq(state("n1"), FT_WATCH_WELL);
    ck_assert(ft_watch_lease_free_ns(watch, "n1") == INT64_MAX);

    /* Its unit is gone, its port closed: its host says so, and that is all that is known. */
    end_unit(&units[0]);
    wait_for(state("n1") == FT_WATCH_UNIT_GONE);
    ck_assert_int_eq(declared, 0);

    /* One that leaves is not missed. */
    ft_heart_stop(units[1].heart, true);
    wait_for(state("n2") == FT_WATCH_LEFT);
    end_unit(&units[1]);
    end_unit(&units[2]);
    end_unit(&units[3]);
    end_watch(udp);
}
END_TEST

START_TEST(a_mute_node_is_declared)
{
    struct sockaddr_in mute = here(0);
    socklen_t size = sizeof mute;
    struct unit units[3];
    struct ft_udp *udp;
    static const char *const names[] = {"n1", "n2", "n3"};
    uint64_t incarnation;
    int file;

    start_watch(&udp);
    for (int i = 0; i < 3; i++) {
        start_unit(&units[i], names[i]);
        join(&units[i], udp);
    }
    wait_for(units[0].got > 0 && units[1].got > 0 && units[2].got > 0);
    /* n1's port stays taken, and nobody reads there: as if its node were switched off. */
    mute.sin_port = htons(ft_heart_port(units[0].heart));
    end_unit(&units[0]);
    file = socket(AF_INET, SOCK_DGRAM, 0);
    ck_assert_int_eq(bind(file, (struct sockaddr *) &mute, size), 0);
    wait_for(declared == 1);
    ck_assert_str_eq(declared_node, "n1");
    ck_assert_int_eq(state("n1"), FT_WATCH_LOST);
    ck_assert_int_eq(state("n2"), FT_WATCH_WELL);
    ck_assert(ft_watch_lease_free_ns(watch, "n1") != INT64_MAX);
    close(file);

    start_unit(&units[0], "n1"); /* back */
    join(&units[0], udp);
    ck_assert_str_eq(last_event, "node_back");
    incarnation = ft_heart_incarnation(units[0].heart);
    ck_assert_uint_eq(incarnation, 2);
    wait_for(state("n1") == FT_WATCH_WELL && units[0].got > 0);
    for (int i = 0; i < 3; i++)
        end_unit(&units[i]);
    end_watch(udp);
}
END_TEST

START_TEST(heartbeats_by_the_connection)
{
    struct unit unit;
    struct ft_udp *udp;
    Ft__Pong pong = FT__PONG__INIT;

    start_watch(&udp);
    start_unit(&unit, "n1");
    join(&unit, udp);
    welcome(&unit, 0, 1); /* to somewhere else: nothing arrives at the watch */
    answers = false;
    unit.link = true;
    wait_for(unit.sent > 0);
    ck_assert_int_eq(state("n1"), FT_WATCH_UNHEARD);
    ft_watch_ping(watch, "n1", &unit.ping, &pong);
    ck_assert(pong.lease);
    ck_assert_int_eq(state("n1"), FT_WATCH_WELL);
    ft_watch_ping(watch, "n1", &unit.ping, &pong); /* again */
    ck_assert(!pong.lease);
    end_unit(&unit);
    end_watch(udp);
}
END_TEST

/* ---------------------------------------------------------------- units played by the test */

#define UNITS 20

static struct ft_datagram_key watch_key;
static int acked[UNITS], passers;

/* Which unit an acknowledgement is for is told by the time that it echoes. */
static void on_ack(void *arg, const uint8_t *bytes, size_t n, const struct sockaddr *from)
{
    struct ft_datagram ack;

    (void) arg;
    (void) from;
    ck_assert_int_eq(ft_datagram_decode(bytes, n, &watch_key, &ack), 0);
    if (ack.type == FT_DATAGRAM_PING)
        return; /* this process was away for long */
    ck_assert(ack.type == FT_DATAGRAM_BEAT_ACK || ack.type == FT_DATAGRAM_PASS_ON);
    ck_assert_uint_lt(ack.echo_ns, UNITS);
    acked[ack.echo_ns]++;
    passers += ack.type == FT_DATAGRAM_PASS_ON;
    for (size_t i = 0; i < ack.acks_n; i++) {
        ck_assert_uint_lt(ack.acks[i].echo_ns, UNITS);
        acked[ack.acks[i].echo_ns]++;
    }
}

static void beat(unsigned unit, uint64_t number, uint8_t flags, const struct sockaddr *from)
{
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    struct ft_datagram datagram;
    size_t n;

    ft_datagram_clear(&datagram);
    datagram.type = FT_DATAGRAM_BEAT;
    datagram.flags = flags;
    datagram.boot = RUN;
    datagram.sequence = number;
    datagram.incarnation = 1;
    datagram.sent_ns = unit;
    datagram.value = unit + 1; /* they joined in that order */
    n = ft_datagram_encode(&datagram, &watch_key, bytes, sizeof bytes);
    ck_assert(ft_watch_packet(watch, bytes, n, from));
}

static int acks_of(unsigned first, unsigned n, int each)
{
    int right = 0;

    for (unsigned i = first; i < first + n; i++)
        right += acked[i] == each;
    return right;
}

START_TEST(acknowledgements_are_shared)
{
    const uint8_t shared = FT_DATAGRAM_RENEW | FT_DATAGRAM_SHARED;
    const struct ft_detector_config patient = {
        .detect = {.beat_ms = LIMIT_MS, .suspect_ms = LIMIT_MS, .confirm_ms = 400, .observers = 2,
                   .network_pct = 60},
        .lease_ms = LIMIT_MS};
    struct ft_udp *udp, *units;
    struct sockaddr_in from;

    start_watch(&udp);
    ck_assert_int_eq(ft_watch_set_config(watch, &patient), 0);
    memset(acked, 0, sizeof acked);
    passers = 0;
    units = ft_udp_create(&loop, "127.0.0.1", 0, on_ack, NULL);
    ck_assert_ptr_nonnull(units);
    from = here(ft_udp_port(units));
    for (unsigned i = 0; i < UNITS; i++) {
        Ft__Hello hello = FT__HELLO__INIT;
        Ft__Welcome word;
        char name[16];

        snprintf(name, sizeof name, "n%u", i);
        hello.node = name;
        hello.start = RUN;
        hello.udp_port = ft_udp_port(units);
        ck_assert_int_eq(ft_watch_join(watch, &hello, (struct sockaddr *) &from, &word), 0);
        ft_datagram_key_set(&watch_key, word.beat_key.data);
    }
    /* Seven are too few: each gets its own when the turn ends. */
    for (unsigned i = 0; i < 7; i++)
        beat(i, 1, shared, (struct sockaddr *) &from);
    wait_for(acks_of(0, 7, 1) == 7);
    ck_assert_int_eq(passers, 0);
    /* Of 19 that allow it two get those of seven others each; one that does not gets its own. */
    for (unsigned i = 0; i < UNITS; i++)
        beat(i, 2, i == 11 ? FT_DATAGRAM_RENEW : shared, (struct sockaddr *) &from);
    wait_for(acks_of(0, 7, 2) + acks_of(7, 13, 1) == UNITS);
    ck_assert_int_eq(passers, 2);
    wait_ms(50);
    ck_assert_int_eq(acks_of(0, 7, 2) + acks_of(7, 13, 1), UNITS);
    ft_udp_close(units);
    end_watch(udp);
}
END_TEST

START_TEST(settings_by_the_environment)
{
    struct ft_detector_config config = {.detect = {.beat_ms = 500, .suspect_ms = 120}};
    static const char *const bad[] = {"beat_ms", "beat_ms=", "beat_ms=x", "beats=5", "beat_ms=5;",
                                      "beat_ms=-5", "beat_ms=99999999", ",", "beat_ms=5,,"};
    char why[300];

    ck_assert_int_eq(ft_watch_tune(&config, NULL, why, sizeof why), 0);
    ck_assert_int_eq(ft_watch_tune(&config, "", why, sizeof why), 0);
    ck_assert_int_eq(ft_watch_tune(&config, "beat_ms=60,lease_ms=700", why, sizeof why), 0);
    ck_assert_uint_eq(config.detect.beat_ms, 60);
    ck_assert_uint_eq(config.detect.suspect_ms, 120);
    ck_assert_uint_eq(config.lease_ms, 700);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        why[0] = '\0';
        ck_assert_int_eq(ft_watch_tune(&config, bad[i], why, sizeof why), -1);
        ck_assert_ptr_nonnull(strstr(why, "FT_DETECT"));
    }
    ck_assert_uint_eq(config.detect.beat_ms, 60);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("beats");
    TCase *heart = tcase_create("heart"), *both = tcase_create("heart and watch");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(heart, setup, teardown);
    tcase_add_checked_fixture(both, setup, teardown);
    tcase_add_test(heart, it_beats_and_holds_a_lease);
    tcase_add_test(heart, silence_of_the_leader_and_of_its_host);
    tcase_add_test(heart, a_declared_node_is_fenced);
    tcase_add_test(heart, what_is_not_the_leaders_changes_nothing);
    tcase_add_test(heart, it_answers_pings);
    tcase_add_test(heart, it_looks_at_others);
    tcase_add_test(heart, where_no_datagram_gets_through_it_beats_by_the_connection);
    tcase_add_test(heart, it_passes_acknowledgements_on);
    tcase_add_test(both, both_ends);
    tcase_add_test(both, acknowledgements_are_shared);
    tcase_add_test(both, a_mute_node_is_declared);
    tcase_add_test(both, heartbeats_by_the_connection);
    tcase_add_test(both, settings_by_the_environment);
    tcase_set_timeout(heart, 120);
    tcase_set_timeout(both, 120);
    suite_add_tcase(suite, heart);
    suite_add_tcase(suite, both);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
