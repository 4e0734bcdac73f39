/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_udp.c - src/net: UDP sockets and addresses, and links that prove themselves by MUNGE, on one
 * loop for both ends.
 *
 * Every wait is for a condition, with a deadline; a test that leaves a handle open in the loop, or
 * a descriptor open in the process, fails.
 */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "fake_munge.h"
#include "net/address.h"
#include "net/udp.h"

#define DEADLINE_MS 10000

static uv_loop_t loop;
static uv_timer_t tick; /* keeps the loop turning while a test waits */
static int ticks;
static int descriptors_before;

/* What one socket has seen. */
struct end {
    struct ft_udp *udp;
    int received;
    size_t n;
    uint8_t last[FT_UDP_PACKET_BYTES];
    struct sockaddr_storage from;
    bool echo, close_it, post;
};

static struct end a, b;

static int count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    ck_assert_ptr_nonnull(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static void setup(void)
{
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    ft_log_set_level(FT_LOG_ERROR);
    /* What libuv opens once for the whole process is not to be counted. */
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    descriptors_before = count_descriptors();
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &tick);
}

static void teardown(void)
{
    int64_t deadline_ms = ft_clock_ms() + DEADLINE_MS;

    ft_udp_close(a.udp);
    ft_udp_close(b.udp);
    uv_close((uv_handle_t *) &tick, NULL);
    while (uv_run(&loop, UV_RUN_NOWAIT) != 0 && ft_clock_ms() < deadline_ms)
        usleep(1000);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    ck_assert_int_eq(count_descriptors(), descriptors_before);
}

static void on_packet(void *arg, const uint8_t *bytes, size_t n, const struct sockaddr *from)
{
    struct end *end = arg;

    end->received++;
    end->n = n;
    memcpy(end->last, bytes, n);
    memcpy(&end->from, from, ft_address_length(from));
    if (end->echo && end->post)
        ft_udp_post(end->udp, from, bytes, n);
    else if (end->echo)
        ck_assert_int_eq(ft_udp_send(end->udp, from, bytes, n), 0);
    if (end->close_it) {
        ft_udp_close(end->udp);
        end->udp = NULL;
    }
}

static void open_both(const char *host)
{
    a.udp = ft_udp_create(&loop, host, 0, on_packet, &a);
    b.udp = ft_udp_create(&loop, host, 0, on_packet, &b);
    ck_assert_ptr_nonnull(a.udp);
    ck_assert_ptr_nonnull(b.udp);
}

static void on_tick(uv_timer_t *timer)
{
    (void) timer;
    ticks++;
}

static void run_until(const int *value, int n)
{
    int64_t deadline_ms = ft_clock_ms() + DEADLINE_MS;

    uv_timer_start(&tick, on_tick, 10, 10);
    while (*value < n && ft_clock_ms() < deadline_ms)
        uv_run(&loop, UV_RUN_ONCE);
    uv_timer_stop(&tick);
    ck_assert_msg(*value >= n, "waited %d ms for the %dth, only %d came", DEADLINE_MS, n, *value);
}

static void run_for(int64_t ms)
{
    int64_t deadline_ms = ft_clock_ms() + ms;

    uv_timer_start(&tick, on_tick, 1, 1);
    while (ft_clock_ms() < deadline_ms)
        uv_run(&loop, UV_RUN_ONCE);
    uv_timer_stop(&tick);
}

static struct sockaddr_storage address_of(const char *host, const struct ft_udp *udp)
{
    struct sockaddr_storage address;

    ck_assert(ft_address_parse(host, ft_udp_port(udp), &address));
    return address;
}

static int send_to(struct end *from, const struct sockaddr_storage *to, const void *bytes, size_t n)
{
    return ft_udp_send(from->udp, (const struct sockaddr *) to, bytes, n);
}

/* ------------------------------------------------------------ packets */

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *) &address, sizeof address) == 0;

    if (fd >= 0)
        close(fd);
    return has;
}

START_TEST(packets_pass_both_ways)
{
    static const char *const hosts[][2] = {
        {NULL, "127.0.0.1"}, {"127.0.0.1", "127.0.0.1"}, {NULL, "::1"}, {"::1", "::1"}};
    struct sockaddr_storage to;

    if (strchr(hosts[_i][1], ':') != NULL && !has_ipv6())
        return;
    open_both(hosts[_i][0]);
    b.echo = true;
    to = address_of(hosts[_i][1], b.udp);
    ck_assert_int_eq(send_to(&a, &to, "hello", 5), 0);
    run_until(&a.received, 1);
    ck_assert_int_eq(b.received, 1);
    ck_assert_uint_eq(a.n, 5);
    ck_assert_mem_eq(a.last, "hello", 5);
    ck_assert_int_eq(b.from.ss_family, _i < 2 ? AF_INET : AF_INET6);
    ck_assert_uint_eq(ft_address_port((struct sockaddr *) &b.from), ft_udp_port(a.udp));
    ck_assert(ft_address_same_host((struct sockaddr *) &to, (struct sockaddr *) &a.from));
}
END_TEST

START_TEST(long_packets_are_dropped_and_counted)
{
    static const uint8_t bytes[FT_UDP_PACKET_BYTES + 1];
    struct sockaddr_storage to;
    struct ft_udp_figures figures;

    open_both("127.0.0.1");
    to = address_of("127.0.0.1", b.udp);
    ck_assert_int_eq(send_to(&a, &to, bytes, sizeof bytes), 0);
    ck_assert_int_eq(send_to(&a, &to, bytes, sizeof bytes - 1), 0);
    ck_assert_int_eq(send_to(&a, &to, bytes, 0), 0); /* none is too short for UDP */
    run_until(&b.received, 2);
    ft_udp_figures(b.udp, &figures);
    ck_assert_uint_eq(figures.overlong, 1);
    ck_assert_uint_eq(figures.received, 2);
}
END_TEST

/* 20,000 a second for a second: taken together, not one by one. */
START_TEST(many_packets_take_few_wakes)
{
    struct sockaddr_storage to;
    struct ft_udp_figures figures;
    int64_t begin_ms;
    int sent = 0;

    open_both("127.0.0.1");
    to = address_of("127.0.0.1", b.udp);
    begin_ms = ft_clock_ms();
    uv_timer_start(&tick, on_tick, 1, 1);
    while (sent < 20000) {
        /* No burst that a small buffer has no room for, however late this process is. */
        for (int i = 0; i < 100 && sent < 20 * (ft_clock_ms() - begin_ms); i++)
            sent += send_to(&a, &to, "a heartbeat", 11) == 0;
        uv_run(&loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&tick);
    run_until(&b.received, sent);
    ft_udp_figures(b.udp, &figures);
    ck_assert_msg(figures.wakes < figures.received / 10, "%llu wakes for %llu packets",
                  (unsigned long long) figures.wakes, (unsigned long long) figures.received);
    printf("# %llu packets in %llu wakes\n", (unsigned long long) figures.received,
           (unsigned long long) figures.wakes);
}
END_TEST

/* What the kernel could not keep is known, whether the rest is read by the loop or at once. */
START_TEST(an_overrun_is_counted)
{
    static const uint8_t bytes[1000];
    struct sockaddr_storage to;
    struct ft_udp_figures figures;
    int sent = 0;

    open_both("127.0.0.1");
    to = address_of("127.0.0.1", b.udp);
    while (sent < 40000)
        sent += send_to(&a, &to, bytes, sizeof bytes) == 0;
    for (int i = 0; i < 100 && _i == 1; i++)
        ft_udp_drain(b.udp);
    run_until(&b.received, 1);
    run_for(100);
    /* The kernel tells with the next packet that it has room for. */
    ck_assert_int_eq(send_to(&a, &to, bytes, 1), 0);
    run_for(100);
    ft_udp_figures(b.udp, &figures);
    ck_assert_uint_gt(figures.overrun, 0);
    ck_assert_uint_eq(figures.received + figures.overrun, (unsigned) sent + 1);
}
END_TEST

START_TEST(what_is_posted_goes_out_together)
{
    static const uint8_t large[1000];
    struct sockaddr_storage to;
    struct ft_udp_figures figures;

    open_both(NULL);
    to = address_of("127.0.0.1", b.udp);
    for (int i = 0; i < 63; i++)
        ft_udp_post(a.udp, (struct sockaddr *) &to, "x", 1);
    ft_udp_figures(a.udp, &figures);
    ck_assert_uint_eq(figures.sent, 0);
    ft_udp_post(a.udp, (struct sockaddr *) &to, "x", 1); /* enough for one go */
    ft_udp_figures(a.udp, &figures);
    ck_assert_uint_eq(figures.sent, 64);
    ft_udp_post(a.udp, (struct sockaddr *) &to, "last", 4); /* at the end of the turn */
    run_until(&b.received, 65);
    ck_assert_mem_eq(b.last, "last", 4);
    ft_udp_post(a.udp, (struct sockaddr *) &to, large, sizeof large); /* at once */
    ft_udp_figures(a.udp, &figures);
    ck_assert_uint_eq(figures.sent, 66);
    ft_udp_post(a.udp, (struct sockaddr *) &to, "end", 3);
    ft_udp_close(a.udp); /* nothing that was posted is lost by it */
    a.udp = NULL;
    run_until(&b.received, 67);
}
END_TEST

START_TEST(a_posted_one_that_cannot_go_holds_up_no_other)
{
    struct sockaddr_storage to, nowhere;
    struct ft_udp_figures figures;

    open_both("127.0.0.1");
    to = address_of("127.0.0.1", b.udp);
    ck_assert(ft_address_parse("255.255.255.255:1", 0, &nowhere)); /* not allowed to be sent to */
    ft_udp_post(a.udp, (struct sockaddr *) &nowhere, "x", 1);
    ft_udp_post(a.udp, (struct sockaddr *) &to, "y", 1);
    run_until(&b.received, 1);
    ft_udp_figures(a.udp, &figures);
    ck_assert_uint_eq(figures.sent, 1);
    ck_assert_uint_eq(figures.unsent, 1);
}
END_TEST

START_TEST(it_may_be_closed_while_it_delivers)
{
    struct sockaddr_storage to;

    open_both("127.0.0.1");
    to = address_of("127.0.0.1", b.udp);
    b.close_it = true;
    b.echo = b.post = true;
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(send_to(&a, &to, "x", 1), 0);
    run_until(&b.received, 1);
    run_for(20);
    ck_assert_int_eq(b.received, 1); /* nothing comes any more */
    ck_assert_int_eq(a.received, 1); /* what it answered before still went */
}
END_TEST

START_TEST(a_port_is_for_one)
{
    struct ft_udp *second;

    open_both("127.0.0.1");
    errno = 0;
    second = ft_udp_create(&loop, "127.0.0.1", ft_udp_port(a.udp), on_packet, &a);
    ck_assert_ptr_null(second);
    ck_assert_int_eq(errno, EADDRINUSE);
}
END_TEST

/* ------------------------------------------------------------ TCP and UDP together */

struct link_end {
    int opened, messages, closed, error;
    char text[512];
    struct ft_link *link;
};

static struct link_end dialler, taker;

static void on_opened(void *arg, struct ft_link *link)
{
    struct link_end *end = arg;

    end->opened++;
    end->link = link;
}

static void on_message(void *arg, struct ft_link *link, const Ft__Message *message)
{
    struct link_end *end = arg;

    (void) link;
    (void) message;
    end->messages++;
}

static void on_closed(void *arg, struct ft_link *link, int error, const char *text)
{
    struct link_end *end = arg;

    (void) link;
    end->closed++;
    end->error = error;
    end->link = NULL;
    snprintf(end->text, sizeof end->text, "%s", text);
}

static const struct ft_link_events link_events = {on_opened, on_message, on_closed};

static void on_accepted(void *arg, struct ft_link *link)
{
    ft_link_accept(link, &link_events, arg);
    on_opened(arg, link);
}

static struct ft_listener *listener;
static struct ft_identity identity;
static struct fake_munge munge;
static int refused;

static void link_setup(void)
{
    setup();
    memset(&dialler, 0, sizeof dialler);
    memset(&taker, 0, sizeof taker);
    fake_munge_init(&munge);
    ft_identity_set_munge(&identity, &munge.table);
    listener = NULL;
    refused = 0;
}

static void link_teardown(void)
{
    if (dialler.link != NULL)
        ft_link_abort(dialler.link);
    if (taker.link != NULL)
        ft_link_abort(taker.link);
    ft_listener_close(listener);
    teardown();
}

static void listen_both(uint16_t port)
{
    ck_assert_int_eq(ft_listen_both(&loop, "127.0.0.1", port, &identity, on_accepted, &taker,
                                    on_packet, &b, &listener, &b.udp), 0);
}

START_TEST(both_have_one_port)
{
    struct ft_listener *second = (struct ft_listener *) &loop;
    struct ft_udp *udp = (struct ft_udp *) &loop;

    listen_both(0);
    ck_assert_uint_ne(ft_udp_port(b.udp), 0);
    ck_assert_uint_eq(ft_udp_port(b.udp), ft_listener_port(listener));
    errno = 0;
    ck_assert_int_eq(ft_listen_both(&loop, "127.0.0.1", ft_udp_port(b.udp), &identity, on_accepted,
                                    &taker, on_packet, &a, &second, &udp), -1);
    ck_assert_int_eq(errno, EADDRINUSE);
    ck_assert_ptr_null(second);
    ck_assert_ptr_null(udp);
}
END_TEST

/* Only UDP's is taken: neither is made. */
START_TEST(half_a_port_is_none)
{
    struct ft_listener *second;
    struct ft_udp *udp;

    a.udp = ft_udp_create(&loop, "127.0.0.1", 0, on_packet, &a);
    ck_assert_ptr_nonnull(a.udp);
    ck_assert_int_eq(ft_listen_both(&loop, "127.0.0.1", ft_udp_port(a.udp), &identity, on_accepted,
                                    &taker, on_packet, &b, &second, &udp), -1);
    ck_assert_int_eq(errno, EADDRINUSE);
    ck_assert_ptr_null(second);
    ck_assert_ptr_null(udp);
}
END_TEST

/* ------------------------------------------------------------ links by MUNGE */

static void dial(unsigned timeout_ms)
{
    dialler.link = ft_link_connect_tcp_as(&loop, "127.0.0.1", ft_listener_port(listener), &identity,
                                          timeout_ms, &link_events, &dialler);
    ck_assert_ptr_nonnull(dialler.link);
}

static void send_ping(struct ft_link *link)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Ping ping = FT__PING__INIT;

    message.body_case = FT__MESSAGE__BODY_PING;
    message.ping = &ping;
    ck_assert_int_eq(ft_link_send(link, &message), 0);
}

/* MUNGE's daemon takes its time: the loop turns meanwhile. */
START_TEST(a_slow_munge_does_not_stop_the_loop)
{
    struct sockaddr_storage address;

    listen_both(0);
    munge.delay_ms = 100;
    ticks = 0;
    dial(5000);
    run_until(&dialler.opened, 1);
    run_until(&taker.opened, 1);
    ck_assert_int_gt(ticks, 5); /* of 10 ms each, in 400 ms */
    send_ping(dialler.link);
    run_until(&taker.messages, 1);
    send_ping(taker.link);
    run_until(&dialler.messages, 1);
    ck_assert(ft_link_address(taker.link, &address));
    ck_assert_int_eq(address.ss_family, AF_INET);
    ck_assert_int_ge(ft_link_unacked_ms(taker.link), 0);
}
END_TEST

static void on_refused(void *arg, const char *peer, const char *why, unsigned more)
{
    ck_assert_ptr_eq(arg, &refused);
    ck_assert_ptr_nonnull(strstr(peer, "127.0.0.1:"));
    ck_assert_ptr_nonnull(strstr(why, "12345"));
    ck_assert_uint_eq(more, 0);
    refused++;
}

START_TEST(another_users_link_is_refused)
{
    struct fake_munge other;
    struct ft_identity others;

    fake_munge_init(&other);
    other.uid = 12345;
    ft_identity_set_munge(&others, &other.table);
    listen_both(0);
    ft_listener_on_refused(listener, on_refused, &refused);
    if (_i == 0) { /* the server is the stranger */
        ft_listener_close(listener);
        listener = ft_listener_tcp_as(&loop, "127.0.0.1", 0, &others, on_accepted, &taker);
        ck_assert_ptr_nonnull(listener);
    } else {
        struct ft_identity mine = identity;

        identity = others;
        dial(5000);
        identity = mine;
    }
    if (_i == 0)
        dial(5000);
    run_until(&dialler.closed, 1);
    ck_assert_int_eq(taker.opened, 0);
    if (_i == 0) /* who is refused as a client finds out by the end of the connection */
        ck_assert_int_eq(dialler.opened, 0);
    if (_i == 0)
        ck_assert_ptr_nonnull(strstr(dialler.text, "12345"));
    else
        run_until(&refused, 1);
}
END_TEST

/* Whatever end goes while a thread still asks MUNGE for it. _i: how many turns of the loop
 * before. */
START_TEST(a_link_may_end_while_munge_works)
{
    listen_both(0);
    munge.delay_ms = 30;
    dial(5000);
    run_for(1 + 7 * _i);
    if (dialler.link != NULL)
        ft_link_close(dialler.link);
    run_until(&dialler.closed, 1);
    ft_listener_close(listener);
    listener = NULL;
}
END_TEST

START_TEST(a_hanging_munge_costs_the_link_its_time_only)
{
    listen_both(0);
    munge.delay_ms = 600;
    dial(200);
    run_until(&dialler.closed, 1);
    ck_assert_int_eq(dialler.error, ETIMEDOUT);
    ck_assert_int_eq(taker.opened, 0);
}
END_TEST

/* Those who say nothing make room for others, the oldest first. */
START_TEST(the_owner_says_how_many_may_wait)
{
    struct sockaddr_storage to;
    int sockets[5], closed = 0;

    listen_both(0);
    ft_listener_set_waiting_max(listener, 3);
    to = address_of("127.0.0.1", b.udp);
    for (int i = 0; i < 5; i++) {
        sockets[i] = socket(AF_INET, SOCK_STREAM, 0);
        ck_assert_int_eq(connect(sockets[i], (struct sockaddr *) &to, sizeof(struct sockaddr_in)),
                         0);
        run_for(20);
    }
    for (int i = 0; i < 5; i++) {
        char greeting[64];
        ssize_t n = 1;

        while (n > 0)
            n = recv(sockets[i], greeting, sizeof greeting, MSG_DONTWAIT);
        ck_assert_int_eq(n == 0 || errno != EAGAIN, i < 2);
        closed += n == 0 || errno != EAGAIN;
        close(sockets[i]);
    }
    ck_assert_int_eq(closed, 2);
}
END_TEST

START_TEST(an_aborted_link_waits_for_nobody)
{
    int64_t begin_ms;

    listen_both(0);
    dial(5000);
    run_until(&taker.opened, 1);
    run_until(&dialler.opened, 1);
    begin_ms = ft_clock_ms();
    ft_link_abort(dialler.link);
    ck_assert_int_eq(dialler.closed, 0); /* never within the call */
    run_until(&dialler.closed, 1);
    ck_assert_int_lt(ft_clock_ms() - begin_ms, 3000);
    ck_assert_int_eq(dialler.error, 0);
}
END_TEST

/* ------------------------------------------------------------ addresses */

START_TEST(addresses_are_read_and_written)
{
    static const struct {
        const char *text, *written; /* NULL: refused */
    } cases[] = {
        {"10.0.0.2:7312", "10.0.0.2:7312"}, {"10.0.0.2", "10.0.0.2:99"},
        {"[2001:db8::1]:7312", "[2001:db8::1]:7312"}, {"2001:db8::1", "[2001:db8::1]:99"},
        {"[2001:db8::1]", "[2001:db8::1]:99"}, {"::ffff:10.0.0.2", "10.0.0.2:99"},
        {"[::ffff:10.0.0.2]:5", "10.0.0.2:5"}, {"::", "[::]:99"}, {"0.0.0.0:65535", "0.0.0.0:65535"},
        {"", NULL}, {"10.1", NULL}, {"10.0.0.2:", NULL}, {"10.0.0.2:0", NULL},
        {"10.0.0.2:65536", NULL}, {"10.0.0.2:123456", NULL}, {"10.0.0.2:7x", NULL}, {"n1", NULL},
        {"n1:7312", NULL}, {"[10.0.0.2]:1", NULL}, {"[::1", NULL}, {"[::1]1", NULL},
        {"[::1]:x", NULL}, {"10.0.0.256", NULL}, {" 10.0.0.2", NULL}, {":7312", NULL},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         NULL},
    };
    struct sockaddr_storage address;
    char text[FT_ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool read = ft_address_parse(cases[i].text, 99, &address);

        ck_assert_msg(read == (cases[i].written != NULL), "\"%s\"", cases[i].text);
        if (read)
            ck_assert_str_eq(ft_address_text((struct sockaddr *) &address, text),
                             cases[i].written);
    }
    ck_assert(!ft_address_parse("10.0.0.2", 0, &address));
    ck_assert(!ft_address_parse(NULL, 1, &address));
    memset(&address, 0, sizeof address);
    ck_assert_str_eq(ft_address_text((struct sockaddr *) &address, text), "?");
}
END_TEST

START_TEST(hosts_are_packed_for_messages)
{
    static const uint8_t v4[16] = {[10] = 0xff, 0xff, 10, 77, 0, 3};
    static const char *const texts[] = {"10.77.0.3:7312", "[2001:db8::17]:65535", "127.0.0.1:1"};
    struct sockaddr_storage address, back;
    char text[FT_ADDRESS_TEXT_MAX];
    uint8_t bytes[16];

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct sockaddr *from = (struct sockaddr *) &address;

        ck_assert(ft_address_parse(texts[i], 0, &address));
        ck_assert(ft_address_pack(from, bytes));
        if (i == 0)
            ck_assert_mem_eq(bytes, v4, sizeof v4);
        ft_address_unpack(bytes, ft_address_port(from), &back);
        ck_assert_str_eq(ft_address_text((struct sockaddr *) &back, text), texts[i]);
    }
    ck_assert(ft_address_parse("[fe80::1]:7312", 0, &address)); /* of which of our networks? */
    ck_assert(!ft_address_pack((struct sockaddr *) &address, bytes));
    address.ss_family = AF_UNIX;
    ck_assert(!ft_address_pack((struct sockaddr *) &address, bytes));
}
END_TEST

START_TEST(hosts_are_compared_without_their_ports)
{
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"10.0.0.2:1", "10.0.0.2:2", true}, {"10.0.0.2:1", "10.0.0.3:1", false},
        {"::1", "::1", true}, {"::1", "::2", false}, {"10.0.0.2", "::1", false},
    };
    struct sockaddr_storage x, y;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert(ft_address_parse(cases[i].a, 1, &x) && ft_address_parse(cases[i].b, 1, &y));
        ck_assert_int_eq(ft_address_same_host((struct sockaddr *) &x, (struct sockaddr *) &y),
                         cases[i].same);
        ft_address_map(&x);
        ck_assert_int_eq(x.ss_family, AF_INET6);
        ck_assert_int_eq(ft_address_same_host((struct sockaddr *) &x, (struct sockaddr *) &y),
                         cases[i].same);
        ft_address_set_port((struct sockaddr *) &x, 4711);
        ck_assert_uint_eq(ft_address_port((struct sockaddr *) &x), 4711);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("udp");
    TCase *t = tcase_create("packets"), *links = tcase_create("links");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, packets_pass_both_ways, 0, 4);
    tcase_add_test(t, long_packets_are_dropped_and_counted);
    tcase_add_test(t, many_packets_take_few_wakes);
    tcase_add_loop_test(t, an_overrun_is_counted, 0, 2);
    tcase_add_test(t, what_is_posted_goes_out_together);
    tcase_add_test(t, a_posted_one_that_cannot_go_holds_up_no_other);
    tcase_add_test(t, it_may_be_closed_while_it_delivers);
    tcase_add_test(t, a_port_is_for_one);
    tcase_add_test(t, addresses_are_read_and_written);
    tcase_add_test(t, hosts_are_compared_without_their_ports);
    tcase_add_test(t, hosts_are_packed_for_messages);
    suite_add_tcase(s, t);
    tcase_add_checked_fixture(links, link_setup, link_teardown);
    tcase_set_timeout(links, 60);
    tcase_add_test(links, both_have_one_port);
    tcase_add_test(links, half_a_port_is_none);
    tcase_add_test(links, a_slow_munge_does_not_stop_the_loop);
    tcase_add_loop_test(links, another_users_link_is_refused, 0, 2);
    tcase_add_loop_test(links, a_link_may_end_while_munge_works, 0, 20);
    tcase_add_test(links, a_hanging_munge_costs_the_link_its_time_only);
    tcase_add_test(links, the_owner_says_how_many_may_wait);
    tcase_add_test(links, an_aborted_link_waits_for_nobody);
    suite_add_tcase(s, links);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
