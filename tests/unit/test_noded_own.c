/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_noded_own.c - the real ft-noded as a node's own unit: found by identification datagrams, and
 * never giving the central unit up. This process is its central units (TCP and UDP on one port) and
 * its clients, on one libuv loop.
 *
 * Every wait is for something observable, with a deadline. What a test started is gone when it
 * ends.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "ft.h"
#include "net/udp.h"
#include "wire/verbs.h"

#define WAIT_MS 10000
#define CENTRALS 2
#define LONG_MS 11000

/* One central unit, as far as a unit sees it. */
struct central {
    struct ft_listener *listener;
    struct ft_udp *udp;
    struct ft_link *link;  /* of the unit; NULL: none */
    uint64_t term;
    int links, hellos, requests, idents, refused;
    int32_t refuses;       /* Hello.refused */
    char leader[128];      /* Hello.leader */
    bool answers;          /* Requests */
    Ft__Hello *hello;      /* the last one */
    struct ft_datagram ident;
};

static uv_loop_t loop;
static uv_timer_t ticker;
static struct central centrals[CENTRALS];
static struct ft_identity identity, stranger;
static char folder[64], run_folder[80], conf_path[80], key_path[80], log_path[96], sock_path[96];
static pid_t unit;
static uint16_t unit_port;
static uint64_t sequence;
static bool under_systemd;
static char notify_path[96];
static struct ft_link *client;
static int client_opened, client_closed, replies;

/* ---------------------------------------------------------------- waiting */

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

static bool log_has(const char *words)
{
    static char text[1 << 16];
    FILE *file = fopen(log_path, "r");
    size_t n = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;

    if (file != NULL)
        fclose(file);
    text[n] = '\0';
    return strstr(text, words) != NULL;
}

static void wait_for_log(const char *words)
{
    int64_t deadline_ms = ft_clock_ms() + WAIT_MS;

    while (!log_has(words) && ft_clock_ms() < deadline_ms)
        run_for(20);
    ck_assert_msg(log_has(words), "the unit's log never said \"%s\"", words);
}

/* ---------------------------------------------------------------- central units */

static void send_hello(struct central *central, struct ft_link *link)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Hello hello = FT__HELLO__INIT;

    hello.protocol = FT_PROTOCOL;
    hello.program = (char *) (uintptr_t) "a test";
    hello.node = (char *) (uintptr_t) "c";
    hello.role = 3;
    hello.term = central->term;
    hello.refused = central->refuses;
    hello.leader = central->leader;
    message.body_case = FT__MESSAGE__BODY_HELLO;
    message.hello = &hello;
    ck_assert_int_eq(ft_link_send(link, &message), 0);
}

static void take_hello(struct central *central, struct ft_link *link, const Ft__Hello *hello)
{
    uint8_t bytes[1024];
    size_t n = ft__hello__get_packed_size(hello);

    ck_assert_uint_le(n, sizeof bytes);
    ft__hello__pack(hello, bytes);
    if (central->hello != NULL)
        ft__hello__free_unpacked(central->hello, NULL);
    central->hello = ft__hello__unpack(NULL, n, bytes);
    send_hello(central, link);
    central->hellos++;
    if (central->refuses != 0)
        ft_link_close(link);
}

static void answer(struct ft_link *link, uint64_t id)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Reply reply = FT__REPLY__INIT;

    reply.event = 17;
    message.id = id;
    message.body_case = FT__MESSAGE__BODY_REPLY;
    message.reply = &reply;
    ck_assert_int_eq(ft_link_send(link, &message), 0);
}

static void on_message(void *arg, struct ft_link *link, const Ft__Message *message)
{
    struct central *central = arg;

    if (message->body_case == FT__MESSAGE__BODY_HELLO) {
        take_hello(central, link, message->hello);
    } else if (message->body_case == FT__MESSAGE__BODY_REQUEST) {
        central->requests++;
        if (central->answers)
            answer(link, message->id);
    }
}

static void on_closed(void *arg, struct ft_link *link, int error, const char *text)
{
    struct central *central = arg;

    (void) error;
    (void) text;
    if (central->link == link)
        central->link = NULL;
}

static const struct ft_link_events unit_events = {.message = on_message, .closed = on_closed};

static void on_accepted(void *arg, struct ft_link *link)
{
    struct central *central = arg;

    ft_link_accept(link, &unit_events, central);
    central->link = link;
    central->links++;
}

static void on_packet(void *arg, const uint8_t *bytes, size_t n, const struct sockaddr *from)
{
    struct central *central = arg;
    char why[256];

    (void) from;
    if (ft_identity_open(&identity, bytes, n, &central->ident, why, sizeof why) != 0)
        central->refused++;
    else if (central->ident.type == FT_DATAGRAM_IDENT)
        central->idents++;
}

static void forget_hello(struct central *central)
{
    if (central->hello != NULL)
        ft__hello__free_unpacked(central->hello, NULL);
    central->hello = NULL;
}

static void open_central(struct central *central, uint16_t port, uint64_t term)
{
    forget_hello(central);
    memset(central, 0, sizeof *central);
    central->term = term;
    ck_assert_int_eq(ft_listen_both(&loop, "127.0.0.1", port, &identity, on_accepted, central,
                                    on_packet, central, &central->listener, &central->udp), 0);
}

static void close_central(struct central *central)
{
    ft_listener_close(central->listener);
    ft_udp_close(central->udp);
    central->listener = NULL;
    central->udp = NULL;
    if (central->link != NULL)
        ft_link_abort(central->link);
}

static size_t make_identify(const struct ft_identity *who, uint64_t term, uint64_t number,
                            uint16_t port, uint8_t bytes[FT_DATAGRAM_MAX_BYTES])
{
    struct ft_datagram datagram = {
        .type = FT_DATAGRAM_IDENTIFY, .port = port, .value = FT_PROTOCOL << 16 | FT_PROTOCOL,
        .term = term, .boot = 1, .sequence = number, .sent_ns = 4711, .sender = "c",
        .text = "no-such-host.invalid",
    };
    char why[256];

    return ft_identity_seal(who, &datagram, bytes, FT_DATAGRAM_MAX_BYTES, why, sizeof why);
}

static void send_to_unit(struct central *central, const void *bytes, size_t n)
{
    struct sockaddr_storage to;

    ck_assert(ft_address_parse("127.0.0.1", unit_port, &to));
    ck_assert_int_eq(ft_udp_send(central->udp, (struct sockaddr *) &to, bytes, n), 0);
}

static void identify(struct central *central)
{
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    size_t n = make_identify(&identity, central->term, ++sequence,
                             ft_listener_port(central->listener), bytes);

    ck_assert_uint_gt(n, 0);
    send_to_unit(central, bytes, n);
}

/* ---------------------------------------------------------------- the unit */

static void write_file(const char *path, mode_t mode, const char *format, ...)
{
    FILE *file = fopen(path, "w");
    va_list args;

    ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
    va_start(args, format);
    vfprintf(file, format, args);
    va_end(args);
    ck_assert_int_eq(fchmod(fileno(file), mode), 0);
    fclose(file);
}

static void write_key(const char *path, uint8_t first, mode_t mode)
{
    uint8_t key[FT_IDENTITY_KEY_BYTES] = {first, 2, 3};
    char hex[2 * sizeof key + 1];

    ft_text_hex(hex, sizeof hex, key, sizeof key);
    write_file(path, mode, "%s\n", hex);
}

static uint16_t free_port(void)
{
    struct ft_udp *udp = ft_udp_create(&loop, "127.0.0.1", 0, on_packet, NULL);
    uint16_t port;

    ck_assert_ptr_nonnull(udp);
    port = ft_udp_port(udp);
    ft_udp_close(udp);
    run_for(1);
    return port;
}

static void write_conf(const char *more)
{
    write_file(conf_path, 0600, "node = \"n7\"\nport = %u\nauth = \"key\"\nkey = \"%s\"\n"
               "topology = \"synthetic:[numa(memory=8589934592)] package:2 core:4 pu:2\"\n%s\n",
               unit_port, key_path, more);
}

/* As systemd starts a service: its log goes to the journal, it is to say when it is ready, and that
 * it lives. */
static void pretend_systemd(int log_fd)
{
    char text[64];
    struct stat status;

    if (fstat(log_fd, &status) != 0)
        _exit(125);
    snprintf(text, sizeof text, "%llu:%llu", (unsigned long long) status.st_dev,
             (unsigned long long) status.st_ino);
    setenv("JOURNAL_STREAM", text, 1);
    setenv("NOTIFY_SOCKET", notify_path, 1);
    setenv("WATCHDOG_USEC", "100000", 1);
    unsetenv("WATCHDOG_PID");
}

static pid_t start_process(const char *out_path)
{
    const char *dir = getenv("FT_TEST_BUILDDIR");
    char program[4096];
    pid_t pid;

    snprintf(program, sizeof program, "%s/src/noded/ft-noded", dir != NULL ? dir : ".");
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int fd = open(out_path, O_WRONLY | O_CREAT | O_APPEND, 0600);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (under_systemd)
            pretend_systemd(fd);
        dup2(fd, 1);
        dup2(fd, 2);
        execl(program, "ft-noded", "--conf", conf_path, "--run", run_folder, (char *) NULL);
        _exit(126);
    }
    return pid;
}

static void start_unit(const char *more_conf)
{
    write_conf(more_conf);
    unit = start_process(log_path);
    wait_for_log("listens at");
}

/* Its exit code; killed if it does not end by itself. */
static int end_of(pid_t pid)
{
    int64_t deadline_ms = ft_clock_ms() + WAIT_MS;
    int status;

    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (ft_clock_ms() > deadline_ms) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return -1;
        }
        run_for(5);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void stop_unit(void)
{
    ck_assert_int_eq(kill(unit, SIGTERM), 0);
    ck_assert_int_eq(end_of(unit), 0);
    unit = 0;
    ck_assert_int_ne(access(sock_path, F_OK), 0);
}

static void setup(void)
{
    uint8_t key[FT_IDENTITY_KEY_BYTES] = {1, 2, 3}, other[FT_IDENTITY_KEY_BYTES] = {9};

    strcpy(folder, "/tmp/ft-test-own-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(run_folder, sizeof run_folder, "%s/run", folder);
    snprintf(conf_path, sizeof conf_path, "%s/conf", folder);
    snprintf(key_path, sizeof key_path, "%s/key", folder);
    snprintf(log_path, sizeof log_path, "%s/log", folder);
    snprintf(sock_path, sizeof sock_path, "%s/noded.sock", run_folder);
    ft_log_set_level(FT_LOG_ERROR);
    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &ticker);
    ft_identity_set_key(&identity, key);
    ft_identity_set_key(&stranger, other);
    write_key(key_path, 1, 0600);
    unit_port = free_port();
    snprintf(notify_path, sizeof notify_path, "%s/notify", folder);
    under_systemd = false;
    client = NULL;
    client_opened = client_closed = replies = 0;
}

static void teardown(void)
{
    char command[128];

    if (unit > 0)
        stop_unit();
    if (client != NULL)
        ft_link_abort(client);
    for (int i = 0; i < CENTRALS; i++) {
        if (centrals[i].listener != NULL)
            close_central(&centrals[i]);
        forget_hello(&centrals[i]);
    }
    run_for(20);
    uv_close((uv_handle_t *) &ticker, NULL);
    while (uv_run(&loop, UV_RUN_NOWAIT) != 0)
        usleep(1000);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

/* ================================================================ found */

START_TEST(a_unit_is_found_and_connects)
{
    open_central(&centrals[0], 0, 5);
    start_unit("");
    run_for(100);
    ck_assert_int_eq(centrals[0].links, 0); /* it knows of no central unit */
    identify(&centrals[0]);
    run_until("answer", &centrals[0].idents, 1);
    ck_assert_uint_eq(centrals[0].ident.echo_ns, 4711);
    ck_assert_uint_eq(centrals[0].ident.port, unit_port);
    ck_assert_str_eq(centrals[0].ident.sender, "n7");
    ck_assert_str_eq(centrals[0].ident.receiver, "c");
    run_until("Hello", &centrals[0].hellos, 1);
    ck_assert_str_eq(centrals[0].hello->node, "n7");
    ck_assert_str_eq(centrals[0].hello->job, "");
    ck_assert_str_ne(centrals[0].hello->boot, "");
    ck_assert_uint_eq(centrals[0].hello->start, centrals[0].ident.boot);
    ck_assert_uint_eq(centrals[0].hello->udp_port, unit_port);
    identify(&centrals[0]); /* again: answered, and no second link */
    run_until("answer", &centrals[0].idents, 2);
    run_for(100);
    ck_assert_int_eq(centrals[0].links, 1);
}
END_TEST

START_TEST(forged_and_repeated_datagrams_are_ignored)
{
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    uint16_t port;
    size_t n;

    open_central(&centrals[0], 0, 5);
    start_unit("");
    port = ft_listener_port(centrals[0].listener);
    n = make_identify(&stranger, 5, 1, port, bytes);
    send_to_unit(&centrals[0], bytes, n);
    wait_for_log("is refused: it was made with another key");
    n = make_identify(&identity, 5, 1, port, bytes);
    bytes[n - 1] ^= 1;
    send_to_unit(&centrals[0], bytes, n);
    send_to_unit(&centrals[0], "garbage", 7);
    send_to_unit(&centrals[0], "", 0);
    run_for(200);
    ck_assert_int_eq(centrals[0].idents + centrals[0].links, 0);
    bytes[n - 1] ^= 1;
    send_to_unit(&centrals[0], bytes, n); /* the same, as it was made */
    run_until("answer", &centrals[0].idents, 1);
    run_until("link", &centrals[0].links, 1);
    for (int i = 0; i < 5; i++)
        send_to_unit(&centrals[0], bytes, n);
    run_for(200);
    ck_assert_int_eq(centrals[0].idents, 1);
}
END_TEST

/* Another version of FT says so, and is left alone. */
START_TEST(another_protocol_is_told)
{
    struct ft_datagram datagram = {
        .type = FT_DATAGRAM_IDENTIFY, .port = 1, .value = 500 << 16 | 501, .boot = 1,
        .sequence = 1, .sender = "c"};
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    char why[256];
    size_t n;

    open_central(&centrals[0], 0, 5);
    start_unit("");
    n = ft_identity_seal(&identity, &datagram, bytes, sizeof bytes, why, sizeof why);
    send_to_unit(&centrals[0], bytes, n);
    wait_for_log("protocol 500 to 501");
    ck_assert_int_eq(centrals[0].idents, 0);
}
END_TEST

/* ================================================================ kept, and found again */

static void configure_central(char *line, size_t size, const struct central *central)
{
    snprintf(line, size, "centrals = {\"127.0.0.1:%u\"}\n", ft_listener_port(central->listener));
}

START_TEST(a_known_central_unit_needs_no_datagram)
{
    char line[64];

    open_central(&centrals[0], 0, 1);
    configure_central(line, sizeof line, &centrals[0]);
    start_unit(line);
    run_until("Hello", &centrals[0].hellos, 1);
    ck_assert_int_eq(centrals[0].idents, 0);
}
END_TEST

START_TEST(it_never_gives_up)
{
    char line[64];
    uint16_t port;

    open_central(&centrals[0], 0, 1);
    port = ft_listener_port(centrals[0].listener);
    configure_central(line, sizeof line, &centrals[0]);
    start_unit(line);
    run_until("Hello", &centrals[0].hellos, 1);
    close_central(&centrals[0]);
    run_for(LONG_MS); /* a job's unit would have ended */
    ck_assert_int_eq(kill(unit, 0), 0);
    open_central(&centrals[0], port, 2);
    run_until("Hello", &centrals[0].hellos, 1);
}
END_TEST

START_TEST(a_follower_sends_it_on)
{
    char line[64];

    open_central(&centrals[0], 0, 3);
    open_central(&centrals[1], 0, 3);
    centrals[0].refuses = FT_ERR_BUSY;
    snprintf(centrals[0].leader, sizeof centrals[0].leader, "127.0.0.1:%u",
             ft_listener_port(centrals[1].listener));
    configure_central(line, sizeof line, &centrals[0]);
    start_unit(line);
    run_until("Hello to the leader", &centrals[1].hellos, 1);
    ck_assert_int_eq(centrals[0].hellos, 1);
    run_for(200);
    ck_assert_int_eq(centrals[1].links, 1);
    ck_assert_ptr_nonnull(centrals[1].link);
}
END_TEST

/* A follower that does not know who leads is asked again until it does. */
START_TEST(it_waits_for_a_leader)
{
    char line[64];

    open_central(&centrals[0], 0, 3);
    centrals[0].refuses = FT_ERR_BUSY;
    configure_central(line, sizeof line, &centrals[0]);
    start_unit(line);
    run_until("Hello", &centrals[0].hellos, 4);
    centrals[0].refuses = FT_OK;
    run_until("Hello", &centrals[0].hellos, 5);
    run_for(200);
    ck_assert_ptr_nonnull(centrals[0].link);
}
END_TEST

/* The leader of a later term is followed at once, though the old one still holds the link. */
START_TEST(a_later_term_wins)
{
    int64_t begin_ms;

    open_central(&centrals[0], 0, 3);
    open_central(&centrals[1], 0, 4);
    start_unit("");
    identify(&centrals[0]);
    run_until("Hello", &centrals[0].hellos, 1);
    begin_ms = ft_clock_ms();
    identify(&centrals[1]);
    run_until("Hello to the new leader", &centrals[1].hellos, 1);
    ck_assert_int_lt(ft_clock_ms() - begin_ms, 4000);
    identify(&centrals[0]); /* of an earlier term: answered, not followed */
    run_until("answer", &centrals[0].idents, 2);
    run_for(200);
    ck_assert_int_eq(centrals[0].links, 1);
    ck_assert_ptr_nonnull(centrals[1].link);
}
END_TEST

/* A refusal for good (another version, say) is tried again, slowly. */
START_TEST(a_refused_unit_lives_on)
{
    char line[64];

    open_central(&centrals[0], 0, 3);
    centrals[0].refuses = FT_ERR_VERSION;
    configure_central(line, sizeof line, &centrals[0]);
    start_unit(line);
    wait_for_log("use the same version of FT");
    run_until("Hello", &centrals[0].hellos, 2);
    ck_assert_int_eq(kill(unit, 0), 0);
    centrals[0].refuses = FT_OK;
    run_until("Hello", &centrals[0].hellos, 3);
}
END_TEST

/* Another key: both logs say so, and nothing else passes. */
START_TEST(another_key_is_said)
{
    char line[64];

    write_key(key_path, 77, 0600);
    open_central(&centrals[0], 0, 3);
    configure_central(line, sizeof line, &centrals[0]);
    start_unit(line);
    wait_for_log("could not prove that it holds the same key");
    ck_assert_int_eq(centrals[0].links, 0);
    identify(&centrals[0]);
    wait_for_log("made with another key");
    ck_assert_int_eq(centrals[0].idents + centrals[0].refused, 0);
}
END_TEST

/* ================================================================ clients */

static void on_client_opened(void *arg, struct ft_link *link)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Hello hello = FT__HELLO__INIT;

    (void) arg;
    client_opened++;
    hello.protocol = FT_PROTOCOL;
    hello.role = 1;
    hello.rank = -1;
    message.body_case = FT__MESSAGE__BODY_HELLO;
    message.hello = &hello;
    ck_assert_int_eq(ft_link_send(link, &message), 0);
}

static void on_client_message(void *arg, struct ft_link *link, const Ft__Message *message)
{
    (void) arg;
    (void) link;
    replies += message->body_case == FT__MESSAGE__BODY_REPLY && message->reply->event == 17;
}

static void on_client_closed(void *arg, struct ft_link *link, int error, const char *text)
{
    (void) arg;
    (void) link;
    (void) error;
    (void) text;
    client_closed++;
    client = NULL;
}

static const struct ft_link_events client_events = {on_client_opened, on_client_message,
                                                    on_client_closed};

static void ask(void)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Request request = FT__REQUEST__INIT;
    Ft__Resource resource = FT__RESOURCE__INIT;

    client = ft_link_connect_unix(&loop, sock_path, 5000, &client_events, NULL);
    ck_assert_ptr_nonnull(client);
    run_until("client", &client_opened, 1);
    resource.kind = FT_NODE;
    resource.node = (char *) (uintptr_t) "n1";
    request.verb = FT_VERB_ALTERNATIVE;
    request.resource = &resource;
    request.timeout_ms = 20000;
    message.id = 1;
    message.body_case = FT__MESSAGE__BODY_REQUEST;
    message.request = &request;
    ck_assert_int_eq(ft_link_send(client, &message), 0);
}

/* A request outlives the leader that it was sent to. */
START_TEST(an_unanswered_request_is_sent_to_the_next_leader)
{
    struct stat status;

    open_central(&centrals[0], 0, 3);
    open_central(&centrals[1], 0, 4);
    centrals[1].answers = true;
    start_unit("");
    ck_assert_int_eq(stat(sock_path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0666);
    identify(&centrals[0]);
    run_until("Hello", &centrals[0].hellos, 1);
    ask();
    run_until("request", &centrals[0].requests, 1);
    close_central(&centrals[0]);
    identify(&centrals[1]);
    run_until("request to the new leader", &centrals[1].requests, 1);
    run_until("reply", &replies, 1);
    ck_assert_int_eq(client_closed, 0);
}
END_TEST

/* ================================================================ as a service */

/* How many of the notices that came in `ms` have these words. */
static int count_notices(int fd, const char *words, int64_t ms)
{
    int64_t deadline_ms = ft_clock_ms() + ms;
    char text[1024];
    int count = 0;
    ssize_t n;

    while (ft_clock_ms() < deadline_ms) {
        while ((n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT)) > 0) {
            text[n] = '\0';
            count += strstr(text, words) != NULL;
        }
        run_for(5);
    }
    return count;
}

static void await_notice(int fd, const char *words)
{
    int64_t deadline_ms = ft_clock_ms() + WAIT_MS;
    int count = 0;

    while (count == 0 && ft_clock_ms() < deadline_ms)
        count = count_notices(fd, words, 10);
    ck_assert_msg(count > 0, "systemd was never told \"%s\"", words);
}

START_TEST(systemd_is_told)
{
#ifdef HAVE_SYSTEMD
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, notify_path);
    ck_assert_int_eq(bind(fd, (struct sockaddr *) &address, sizeof address), 0);
    under_systemd = true;
    open_central(&centrals[0], 0, 3);
    write_conf("");
    unit = start_process(log_path);
    await_notice(fd, "READY=1");
    ck_assert_int_ge(count_notices(fd, "WATCHDOG=1", 1000), 3); /* each 50 ms, at best */
    identify(&centrals[0]);
    await_notice(fd, "STATUS=connected");
    close_central(&centrals[0]);
    await_notice(fd, "STATUS=no central unit");
    kill(unit, SIGSTOP); /* hangs: systemd hears nothing */
    run_for(100);
    count_notices(fd, "", 10);
    ck_assert_int_eq(count_notices(fd, "WATCHDOG=1", 300), 0);
    kill(unit, SIGCONT);
    kill(unit, SIGTERM);
    await_notice(fd, "STOPPING=1");
    ck_assert_int_eq(end_of(unit), 0);
    unit = 0;
    close(fd);
    ck_assert(log_has("<6>the unit of node n7 listens"));
    ck_assert(!log_has("ft-noded[")); /* the journal has that already */
#endif
}
END_TEST

/* ================================================================ starts */

static void fails_with(const char *words)
{
    pid_t pid;

    unlink(log_path);
    pid = start_process(log_path);
    ck_assert_int_eq(end_of(pid), 1);
    ck_assert_msg(log_has(words), "it did not say \"%s\"", words);
}

START_TEST(bad_starts_are_explained)
{
    write_conf("");
    write_key(key_path, 1, 0644);
    fails_with("chmod 0400");
    unlink(key_path);
    fails_with("No such file");
    write_key(key_path, 1, 0600);
    write_conf("centrals = {\"a b\"}\n");
    fails_with("HOST:PORT");
    write_conf("centrals = {\"h:0\"}\n");
    fails_with("HOST:PORT");
    write_file(conf_path, 0600, "port = 70000\n");
    fails_with("65535");
    write_file(conf_path, 0600, "auth = \"none\"\n");
    fails_with("auto, munge and key");
    write_conf("");
    ck_assert_int_eq(mkdir(run_folder, 0777), 0);
    ck_assert_int_eq(chmod(run_folder, 0777), 0);
    fails_with("written by other users");
    ck_assert_int_eq(rmdir(run_folder), 0);
    centrals[0].udp = ft_udp_create(&loop, NULL, unit_port, on_packet, &centrals[0]);
    ck_assert_ptr_nonnull(centrals[0].udp);
    fails_with("Address already in use");
    ft_udp_close(centrals[0].udp);
    run_for(5);
}
END_TEST

START_TEST(a_second_unit_is_refused)
{
    char other_log[96];
    pid_t pid;

    start_unit("");
    snprintf(other_log, sizeof other_log, "%s/log2", folder);
    pid = start_process(other_log);
    ck_assert_int_eq(end_of(pid), 1);
    ck_assert_int_eq(access(sock_path, F_OK), 0); /* the first one's */
    snprintf(log_path, sizeof log_path, "%s", other_log);
    ck_assert(log_has("runs already"));
}
END_TEST

/* A unit that was killed is in nobody's way. */
START_TEST(a_killed_unit_is_replaced)
{
    start_unit("");
    ck_assert_int_eq(kill(unit, SIGKILL), 0);
    ck_assert_int_eq(end_of(unit), 128 + SIGKILL);
    unlink(log_path);
    start_unit("");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("noded_own");
    TCase *t = tcase_create("unit");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 90);
    tcase_add_test(t, a_unit_is_found_and_connects);
    tcase_add_test(t, forged_and_repeated_datagrams_are_ignored);
    tcase_add_test(t, another_protocol_is_told);
    tcase_add_test(t, a_known_central_unit_needs_no_datagram);
    tcase_add_test(t, it_never_gives_up);
    tcase_add_test(t, a_follower_sends_it_on);
    tcase_add_test(t, it_waits_for_a_leader);
    tcase_add_test(t, a_later_term_wins);
    tcase_add_test(t, a_refused_unit_lives_on);
    tcase_add_test(t, another_key_is_said);
    tcase_add_test(t, an_unanswered_request_is_sent_to_the_next_leader);
    tcase_add_test(t, systemd_is_told);
    tcase_add_test(t, bad_starts_are_explained);
    tcase_add_test(t, a_second_unit_is_refused);
    tcase_add_test(t, a_killed_unit_is_replaced);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
