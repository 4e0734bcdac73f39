/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_noded.c - the real ft-noded, driven from both sides: this process is its central unit (a
 * keyed listener) and its clients (links to its socket), all on one libuv loop.
 *
 * Every wait is for something observable, with a deadline. Each test has a session of its own; what
 * it started is gone when it ends, or the test fails.
 */
#include "config.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "common/clock.h"
#include "common/text.h"
#include "ft.h"
#include "net/link.h"
#include "topology/topology.h"
#include "wire/convert.h"
#include "wire/verbs.h"

#define WAIT_MS 8000
#define KEPT 4096 /* messages kept of each kind of peer */
#define CLIENTS 16
#define SYNTHETIC "synthetic:[numa(memory=8589934592)] package:2 core:4 pu:2"

struct inbox {
    Ft__Message *messages[KEPT];
    int n;      /* come */
    int taken;  /* looked at by expect() */
};

struct peer {
    struct ft_link *link; /* NULL: none, or closed */
    struct inbox inbox;
    bool opened;
    bool closed;
};

static uv_loop_t loop;
static uv_timer_t ticker; /* keeps uv_run from sleeping past a deadline */
static struct ft_listener *listener;
static uint8_t key[FT_KEY_BYTES];
static struct peer central;   /* the unit's link to us */
static int central_links;     /* how many there have been */
static bool greets = true;    /* the central unit answers Hello by itself */
static int32_t greets_with;   /* Hello.refused */
static bool answers_pings = true;
static struct peer clients[CLIENTS];
static char session[64], folder[108], socket_path[128], conf_path[160], work_folder[128];
static pid_t unit_pid;

/* ---------------------------------------------------------------- links */

static Ft__Message *copy_message(const Ft__Message *message)
{
    size_t n = ft__message__get_packed_size(message);
    uint8_t *bytes = malloc(n + 1);
    Ft__Message *copy;

    ck_assert_ptr_nonnull(bytes);
    ft__message__pack(message, bytes);
    copy = ft__message__unpack(NULL, n, bytes);
    free(bytes);
    ck_assert_ptr_nonnull(copy);
    return copy;
}

static void send_on(struct peer *peer, Ft__Message *message)
{
    ck_assert_ptr_nonnull(peer->link);
    ck_assert_msg(ft_link_send(peer->link, message) == 0, "sending: %s", strerror(errno));
}

static void say_hello(struct peer *peer, uint32_t protocol, const char *job, int rank, int refused)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Hello hello = FT__HELLO__INIT;

    hello.protocol = protocol;
    hello.program = (char *)(uintptr_t)"test";
    hello.job = (char *)(uintptr_t)job;
    hello.rank = rank;
    hello.refused = refused;
    message.body_case = FT__MESSAGE__BODY_HELLO;
    message.hello = &hello;
    send_on(peer, &message);
}

static void send_pong(struct ft_link *link, uint64_t sent_ns)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Pong pong = FT__PONG__INIT;

    pong.sent_ns = sent_ns;
    message.body_case = FT__MESSAGE__BODY_PONG;
    message.pong = &pong;
    ft_link_send(link, &message);
}

static void on_opened(void *arg, struct ft_link *link)
{
    struct peer *peer = arg;

    (void)link;
    peer->opened = true;
}

static void on_message(void *arg, struct ft_link *link, const Ft__Message *message)
{
    struct peer *peer = arg;

    if (peer == &central && message->body_case == FT__MESSAGE__BODY_PING) {
        if (answers_pings)
            send_pong(link, message->ping->sent_ns);
        return;
    }
    ck_assert_int_lt(peer->inbox.n, KEPT);
    peer->inbox.messages[peer->inbox.n++] = copy_message(message);
    if (peer == &central && message->body_case == FT__MESSAGE__BODY_HELLO) {
        unit_pid = (pid_t)message->hello->pid;
        if (greets)
            say_hello(&central, FT_PROTOCOL, session, -1, greets_with);
    }
}

static void on_closed(void *arg, struct ft_link *link, int error, const char *text)
{
    struct peer *peer = arg;

    (void)error;
    (void)text;
    if (peer->link == link) {
        peer->link = NULL;
        peer->closed = true;
    }
}

static const struct ft_link_events events = {on_opened, on_message, on_closed};

static void on_accepted(void *arg, struct ft_link *link)
{
    (void)arg;
    central.link = link;
    central.closed = false;
    central_links++;
    ft_link_accept(link, &events, &central);
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

/* Runs the loop until the condition holds. False if it does not within ms. */
static bool run_until(bool (*condition)(const void *arg), const void *arg, int ms)
{
    int64_t end_ms = ft_clock_ms() + ms;

    while (!condition(arg)) {
        if (ft_clock_ms() >= end_ms)
            return false;
        uv_run(&loop, UV_RUN_ONCE);
    }
    return true;
}

struct expected {
    const struct peer *peer;
    int body;
};

static int found_at(const struct inbox *inbox, int body)
{
    for (int i = inbox->taken; i < inbox->n; i++)
        if ((int)inbox->messages[i]->body_case == body)
            return i;
    return -1;
}

static bool has_come(const void *arg)
{
    const struct expected *expected = arg;

    return found_at(&expected->peer->inbox, expected->body) >= 0;
}

/* The next message of this kind; those before it are skipped. */
static const Ft__Message *expect(struct peer *peer, int body)
{
    struct expected expected = {peer, body};
    int at;

    ck_assert_msg(run_until(has_come, &expected, WAIT_MS), "no message of type %d came", body);
    at = found_at(&peer->inbox, body);
    peer->inbox.taken = at + 1;
    return peer->inbox.messages[at];
}

static bool is_closed(const void *arg)
{
    return ((const struct peer *)arg)->closed;
}

/* ---------------------------------------------------------------- the unit */

static const char *built(const char *name)
{
    static char path[4096];
    const char *dir = getenv("FT_TEST_BUILDDIR");

    snprintf(path, sizeof path, "%s/%s", dir ? dir : ".", name);
    return path;
}

/* Runs ft-noded with these arguments (NULL ends) and orders on its standard input; its parent's
 * exit code. What it says goes to `said`, whose end also tells that the daemon let go of it. */
static int run_unit(const char *orders, char *said, size_t size, ...)
{
    const char *argv[16] = {"ft-noded"};
    int in[2], out[2], status, argc = 1;
    size_t n = 0;
    ssize_t k;
    va_list args;
    pid_t pid;

    va_start(args, size);
    while ((argv[argc] = va_arg(args, const char *)))
        argc++;
    va_end(args);
    ck_assert(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        signal(SIGPIPE, SIG_DFL);
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(out[1], 2);
        execv(built("src/noded/ft-noded"), (char **)(uintptr_t)argv);
        _exit(126);
    }
    close(in[0]);
    close(out[1]);
    ck_assert(write(in[1], orders, strlen(orders)) == (ssize_t)strlen(orders));
    close(in[1]);
    while (n + 1 < size && (k = read(out[0], said + n, size - 1 - n)) > 0)
        n += (size_t)k;
    said[n] = '\0';
    close(out[0]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void make_orders(char *orders, size_t size)
{
    char hex[2 * FT_KEY_BYTES + 1];

    ft_text_hex(hex, sizeof hex, key, sizeof key);
    snprintf(orders, size, "central 127.0.0.1:%u\nkey %s\nlater stuff\n",
             ft_listener_port(listener), hex);
}

static int start_unit(char *said, size_t size)
{
    char orders[512];

    make_orders(orders, sizeof orders);
    return run_unit(orders, said, size, "--job", session, "--conf", conf_path, "--node", "n7",
                    NULL);
}

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

static void start_and_greet(void)
{
    char said[1024];
    int code = start_unit(said, sizeof said);

    ck_assert_msg(code == 0, "exit code %d: %s", code, said);
    ck_assert_str_eq(said, "");
    expect(&central, FT__MESSAGE__BODY_HELLO);
}

static int end_status; /* of the last process that was gone */

/* This process is the one that orphans of its tests fall to, see setup(). */
static bool process_is_gone(const void *arg)
{
    pid_t pid = *(const pid_t *)arg;

    return waitpid(pid, &end_status, WNOHANG) == pid || (kill(pid, 0) != 0 && errno == ESRCH);
}

static bool is_gone(const void *arg)
{
    (void)arg;
    return process_is_gone(&unit_pid) && access(folder, F_OK) != 0;
}

static bool is_opened(const void *arg)
{
    return ((const struct peer *)arg)->opened;
}

static struct peer *connect_client(int i, const char *job, int rank)
{
    clients[i].link = ft_link_connect_unix(&loop, socket_path, 2000, &events, &clients[i]);
    ck_assert_ptr_nonnull(clients[i].link);
    ck_assert_msg(run_until(is_opened, &clients[i], WAIT_MS), "no connection to the unit");
    if (job) {
        say_hello(&clients[i], FT_PROTOCOL, job, rank, 0);
        ck_assert_int_eq(expect(&clients[i], FT__MESSAGE__BODY_HELLO)->hello->refused, FT_OK);
    }
    return &clients[i];
}

/* A keyed listener, on the port of before if there was one. */
static void listen_again(uint16_t port)
{
    listener = ft_listener_tcp(&loop, "127.0.0.1", port, key, on_accepted, NULL);
    ck_assert_msg(listener != NULL, "listening: %s", strerror(errno));
}

static void setup(void)
{
    static int number;

    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &ticker);
    uv_timer_start(&ticker, on_tick, 10, 10);
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(i * 7 + (size_t)getpid());
    listen_again(0);
    snprintf(session, sizeof session, "test-noded-%d-%d", (int)getpid(), number++);
    snprintf(folder, sizeof folder, "/tmp/ft-%u/%s", (unsigned)geteuid(), session);
    snprintf(socket_path, sizeof socket_path, "%s/noded.sock", folder);
    snprintf(work_folder, sizeof work_folder, "/tmp/%s.work", session);
    ck_assert_int_eq(mkdir(work_folder, 0700), 0);
    snprintf(conf_path, sizeof conf_path, "%s/noded.conf", work_folder);
    write_file(conf_path, 0600, "topology = \"" SYNTHETIC "\"\nlocation = \"row1/rack2\"\n");
}

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    char name[512];

    while (dir && (entry = readdir(dir))) {
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        unlink(name);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

static void teardown(void)
{
    if (unit_pid > 0)
        kill(unit_pid, SIGKILL); /* ours, and normally gone */
    remove_folder(work_folder);
    remove_folder(folder);
}

/* Orderly end, as every job's. */
static void leave(void)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Leave body = FT__LEAVE__INIT;

    body.reason = (char *)(uintptr_t)"the job has ended";
    message.body_case = FT__MESSAGE__BODY_LEAVE;
    message.leave = &body;
    send_on(&central, &message);
    ck_assert_msg(run_until(is_gone, NULL, WAIT_MS), "the unit or its folder %s is still there",
                  folder);
    ck_assert_msg(WIFEXITED(end_status) && WEXITSTATUS(end_status) == 0,
                  "the unit ended with status %x", (unsigned)end_status);
    unit_pid = 0;
}

/* ---------------------------------------------------------------- requests */

static void send_request(struct peer *peer, uint64_t id, uint32_t verb, int64_t timeout_ms,
                         bool silent)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Request request = FT__REQUEST__INIT;
    Ft__Resource resource = FT__RESOURCE__INIT;
    Ft__Asker asker = FT__ASKER__INIT;

    resource.kind = FT_RANK;
    resource.number = 2;
    asker.node = (char *)(uintptr_t)"liar"; /* the unit must not believe it */
    asker.launcher = true;
    request.verb = verb;
    request.resource = &resource;
    request.usage = FT_SEND;
    request.timeout_ms = timeout_ms;
    request.silent = silent;
    request.asker = &asker;
    message.id = id;
    message.body_case = FT__MESSAGE__BODY_REQUEST;
    message.request = &request;
    send_on(peer, &message);
}

static void send_reply(uint64_t id, uint64_t event)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Reply reply = FT__REPLY__INIT;

    reply.event = event;
    message.id = id;
    message.body_case = FT__MESSAGE__BODY_REPLY;
    message.reply = &reply;
    send_on(&central, &message);
}

static void send_cancel(struct peer *peer, uint64_t id)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Cancel cancel = FT__CANCEL__INIT;

    message.id = id;
    message.body_case = FT__MESSAGE__BODY_CANCEL;
    message.cancel = &cancel;
    send_on(peer, &message);
}

static const Ft__ProbeResult *probe(uint64_t id, bool run_check, uint32_t timeout_ms)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Probe body = FT__PROBE__INIT;
    const Ft__Message *answer;

    body.run_check = run_check;
    body.timeout_ms = timeout_ms;
    message.id = id;
    message.body_case = FT__MESSAGE__BODY_PROBE;
    message.probe = &body;
    send_on(&central, &message);
    answer = expect(&central, FT__MESSAGE__BODY_PROBE_RESULT);
    ck_assert_uint_eq(answer->id, id);
    return answer->probe_result;
}

/* ================================================================ life */

static bool time_is_over(const void *arg)
{
    return ft_clock_ms() >= *(const int64_t *)arg;
}

START_TEST(starts_tells_what_the_node_is_and_leaves)
{
    const Ft__Hello *hello;
    const Ft__NodeInfo *info;
    struct stat status;

    start_and_greet();
    hello = central.inbox.messages[0]->hello;
    ck_assert_uint_eq(hello->protocol, FT_PROTOCOL);
    ck_assert_uint_eq(hello->role, 2);
    ck_assert_str_eq(hello->node, "n7");
    ck_assert_str_eq(hello->job, session);
    info = expect(&central, FT__MESSAGE__BODY_NODE_INFO)->node_info;
    ck_assert_str_eq(info->node, "n7");
    ck_assert_str_eq(info->location, "row1/rack2");
    ck_assert_int_eq(info->unit_pid, unit_pid);
    ck_assert_int_gt(info->boot_id_s, 0);
    ck_assert_ptr_nonnull(info->facts);
    ck_assert_uint_eq(info->facts->packages, 2);
    ck_assert_uint_eq(info->facts->cores, 8);
    ck_assert_uint_eq(info->facts->pus, 16);
    ck_assert_uint_eq(info->facts->memory_bytes, UINT64_C(8) << 30);
    ck_assert(info->facts->shown);
    ck_assert_int_eq(stat(folder, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0700);
    ck_assert_int_eq(stat(socket_path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
    leave();
    ck_assert_int_gt(found_at(&central.inbox, FT__MESSAGE__BODY_LEAVE), 0);
}
END_TEST

START_TEST(second_unit_of_a_session_steps_back)
{
    char said[1024];
    pid_t first;

    start_and_greet();
    first = unit_pid;
    ck_assert_int_eq(start_unit(said, sizeof said), 0);
    ck_assert_str_eq(said, "");
    probe(1, false, 0); /* the first one is undisturbed */
    ck_assert_int_eq(central_links, 1);
    ck_assert_int_eq(unit_pid, first);
    leave();
}
END_TEST

START_TEST(unit_that_was_killed_is_succeeded)
{
    pid_t first;

    start_and_greet();
    first = unit_pid;
    ck_assert_int_eq(kill(first, SIGKILL), 0);
    ck_assert(run_until(process_is_gone, &unit_pid, WAIT_MS));
    ck_assert_int_eq(access(socket_path, F_OK), 0); /* left behind */
    start_and_greet();
    ck_assert_int_ne(unit_pid, first);
    connect_client(0, "job", 0);
    leave();
}
END_TEST

START_TEST(ends_on_sigterm)
{
    struct peer *client;

    start_and_greet();
    client = connect_client(0, "job", 1);
    send_request(client, 9, FT_VERB_ALTERNATIVE, 60000, false);
    expect(&central, FT__MESSAGE__BODY_REQUEST);
    ck_assert_int_eq(kill(unit_pid, SIGTERM), 0);
    expect(&central, FT__MESSAGE__BODY_LEAVE);
    ck_assert_int_eq(expect(client, FT__MESSAGE__BODY_REPLY)->reply->status, FT_ERR_LOST);
    ck_assert(run_until(is_gone, NULL, WAIT_MS));
    unit_pid = 0;
}
END_TEST

START_TEST(ends_when_the_central_unit_is_gone_for_good)
{
    int64_t start_ms;
    char log[160];

    start_and_greet();
    start_ms = ft_clock_ms();
    ft_listener_close(listener);
    ft_link_close(central.link);
    ck_assert(run_until(process_is_gone, &unit_pid, 20000));
    ck_assert_int_ge(ft_clock_ms() - start_ms, 8000);
    ck_assert_int_ne(access(socket_path, F_OK), 0);
    snprintf(log, sizeof log, "%s/noded.log", folder);
    ck_assert_int_eq(access(log, F_OK), 0); /* kept: somebody will ask why */
}
END_TEST

START_TEST(stopped_unit_does_not_blame_the_central_unit)
{
    int64_t end_ms;

    start_and_greet();
    expect(&central, FT__MESSAGE__BODY_NODE_INFO);
    ck_assert_int_eq(kill(unit_pid, SIGSTOP), 0);
    end_ms = ft_clock_ms() + 11000; /* longer than it would wait */
    run_until(time_is_over, &end_ms, 12000);
    ck_assert_int_eq(kill(unit_pid, SIGCONT), 0);
    ck_assert_uint_eq(probe(1, false, 2000)->facts->cores, 8);
    ck_assert_int_eq(central_links, 1);
    leave();
}
END_TEST

static bool second_link(const void *arg)
{
    (void)arg;
    return central_links == 2;
}

/* The central unit's machine is there, its program is not: a partition, or SIGSTOP. */
START_TEST(silent_central_unit_is_connected_to_again)
{
    int64_t start_ms;

    start_and_greet();
    expect(&central, FT__MESSAGE__BODY_NODE_INFO);
    start_ms = ft_clock_ms();
    answers_pings = false;
    ck_assert(run_until(second_link, NULL, 15000));
    ck_assert_int_ge(ft_clock_ms() - start_ms, 4000);
    ck_assert_int_lt(ft_clock_ms() - start_ms, 9500);
    answers_pings = true;
    expect(&central, FT__MESSAGE__BODY_HELLO);
    ck_assert_uint_eq(probe(1, false, 2000)->facts->cores, 8);
    leave();
}
END_TEST

START_TEST(refused_unit_ends_at_once)
{
    char said[512];

    greets_with = FT_ERR_VERSION;
    ck_assert_int_eq(start_unit(said, sizeof said), 0);
    expect(&central, FT__MESSAGE__BODY_HELLO);
    ck_assert(run_until(process_is_gone, &unit_pid, WAIT_MS));
}
END_TEST

START_TEST(wrong_key_is_no_central_unit)
{
    char orders[512], said[512];

    make_orders(orders, sizeof orders);
    *strstr(orders, "key ") = 'k';
    strstr(orders, "key ")[4] ^= 1;
    if (strstr(orders, "key ")[4] == '`' || strstr(orders, "key ")[4] == 'g')
        strstr(orders, "key ")[4] = '0';
    ck_assert_int_eq(run_unit(orders, said, sizeof said, "--job", session, "--conf", conf_path,
                              NULL), 0);
    connect_client(0, "job", 0); /* it lives */
    ck_assert_int_eq(central_links, 0);
    unit_pid = (pid_t)clients[0].inbox.messages[0]->hello->pid;
    ck_assert_int_gt(unit_pid, 0);
    ck_assert_int_eq(kill(unit_pid, SIGTERM), 0);
    ck_assert(run_until(is_gone, NULL, WAIT_MS));
    ck_assert_int_eq(central.inbox.n, 0);
}
END_TEST

/* ================================================================ bad starts */

static void fails_with(const char *expected, const char *orders, const char *job)
{
    char said[2048];
    int code = run_unit(orders, said, sizeof said, "--job", job, "--conf", conf_path, NULL);

    ck_assert_msg(code == 1, "exit code %d: %s", code, said);
    ck_assert_msg(strstr(said, expected) != NULL, "\"%s\" is not in \"%s\"", expected, said);
}

START_TEST(bad_starts_are_explained)
{
    char orders[512], said[2048];

    make_orders(orders, sizeof orders);
    fails_with("central HOST:PORT", "", session);
    fails_with("central HOST", "central nowhere\n", session);
    fails_with("central HOST", "central h:0\n", session);
    fails_with("key HEX64", "central h:1\n", session);
    fails_with("hexadecimal", "central h:1\nkey 1234\n", session);
    fails_with("not a name", orders, "../evil");
    fails_with("not a name", orders, ".");
    fails_with("too long", orders, "a123456789012345678901234567890123456789012345678901234567890"
               "12345678901234567890123456789012345678901234567890");
    write_file(conf_path, 0600, "check = \"relative\"\n");
    fails_with(":1: ", orders, session);
    fails_with("absolute", orders, session);
    write_file(conf_path, 0600, "\n\ntopolgy = \"\"\n");
    fails_with(":3: ", orders, session);
    write_file(conf_path, 0600, "topology = \"gpu:2\"\n");
    fails_with("synthetic:", orders, session);
    ck_assert_int_eq(unlink(conf_path), 0);
    fails_with("No such file", orders, session);
    ck_assert_int_eq(run_unit("", said, sizeof said, "--job", "s", "--run", "/x", NULL), 2);
    ck_assert_msg(strstr(said, "--run"), "%s", said);
    ck_assert_int_eq(run_unit("", said, sizeof said, "--what", NULL), 2);
    ck_assert_int_eq(run_unit("", said, sizeof said, "--version", NULL), 0);
    ck_assert_int_eq(run_unit("", said, sizeof said, "--help", NULL), 0);
    ck_assert_int_ne(access(folder, F_OK), 0);
}
END_TEST

START_TEST(shows_the_node)
{
    char said[4096];

    ck_assert_int_eq(run_unit("", said, sizeof said, "--show", "--conf", conf_path, "--node", "n7",
                              NULL), 0);
    ck_assert_msg(strstr(said, "cores          8\n"), "%s", said);
    ck_assert_msg(strstr(said, "memory         8 GiB"), "%s", said);
    ck_assert_msg(strstr(said, "n7\n"), "%s", said);
}
END_TEST

/* ================================================================ requests */

START_TEST(request_is_relayed_with_who_asks)
{
    const Ft__Message *message, *answer;
    struct peer *client;

    start_and_greet();
    client = connect_client(0, "job@1", 3);
    send_request(client, 41, FT_VERB_ALTERNATIVE, 5000, false);
    message = expect(&central, FT__MESSAGE__BODY_REQUEST);
    ck_assert_uint_eq(message->request->verb, FT_VERB_ALTERNATIVE);
    ck_assert_int_eq(message->request->resource->number, 2);
    ck_assert_int_eq(message->request->timeout_ms, 5000);
    ck_assert_str_eq(message->request->asker->node, "n7");
    ck_assert_str_eq(message->request->asker->job, "job@1");
    ck_assert_int_eq(message->request->asker->rank, 3);
    ck_assert_int_eq(message->request->asker->pid, getpid());
    ck_assert_uint_eq(message->request->asker->uid, getuid());
    ck_assert(!message->request->asker->launcher);
    send_reply(message->id, 77);
    answer = expect(client, FT__MESSAGE__BODY_REPLY);
    ck_assert_uint_eq(answer->id, 41);
    ck_assert_uint_eq(answer->reply->event, 77);
    leave();
}
END_TEST

START_TEST(clients_with_equal_ids_get_their_own_answers)
{
    const Ft__Message *requests[3];

    start_and_greet();
    for (int i = 0; i < 3; i++)
        connect_client(i, "job", i);
    for (int i = 0; i < 3; i++)
        send_request(&clients[i], 5, FT_VERB_CLAIM, 5000, false);
    for (int i = 0; i < 3; i++)
        requests[i] = expect(&central, FT__MESSAGE__BODY_REQUEST);
    for (int i = 2; i >= 0; i--)
        send_reply(requests[i]->id, 100 + (uint64_t)requests[i]->request->asker->rank);
    for (int i = 0; i < 3; i++) {
        const Ft__Message *answer = expect(&clients[i], FT__MESSAGE__BODY_REPLY);
        ck_assert_uint_eq(answer->id, 5);
        ck_assert_uint_eq(answer->reply->event, 100 + (uint64_t)i);
    }
    leave();
}
END_TEST

START_TEST(repeated_reports_are_added_up)
{
    const Ft__Message *first, *sum;

    start_and_greet();
    connect_client(0, "job", 0);
    connect_client(1, "job", 1);
    for (uint64_t i = 1; i <= 20; i++)
        send_request(&clients[i % 2], i, FT_VERB_ERROR, 5000, false);
    first = expect(&central, FT__MESSAGE__BODY_REQUEST);
    ck_assert_uint_eq(first->request->count, 0);
    ck_assert(!first->request->silent);
    sum = expect(&central, FT__MESSAGE__BODY_REQUEST);
    ck_assert_uint_eq(sum->request->count, 19);
    ck_assert(sum->request->silent);
    ck_assert_str_eq(sum->request->asker->node, "n7");
    send_reply(first->id, 500);
    for (uint64_t i = 1; i <= 20; i++) {
        const Ft__Message *answer = expect(&clients[i % 2], FT__MESSAGE__BODY_REPLY);
        ck_assert_uint_eq(answer->id, i);
        ck_assert_uint_eq(answer->reply->event, 500);
    }
    /* another one after the window is another one */
    send_request(&clients[0], 21, FT_VERB_ERROR, 5000, false);
    ck_assert_uint_eq(expect(&central, FT__MESSAGE__BODY_REQUEST)->request->count, 0);
    leave();
}
END_TEST

START_TEST(repeat_after_the_answer_is_answered_at_once)
{
    const Ft__Message *first;

    start_and_greet();
    connect_client(0, "job", 0);
    send_request(&clients[0], 1, FT_VERB_ERROR, 5000, false);
    send_request(&clients[0], 2, FT_VERB_ERROR, 5000, true); /* silent: counted only */
    first = expect(&central, FT__MESSAGE__BODY_REQUEST);
    send_reply(first->id, 7);
    expect(&clients[0], FT__MESSAGE__BODY_REPLY);
    send_request(&clients[0], 3, FT_VERB_ERROR, 5000, false);
    ck_assert_uint_eq(expect(&clients[0], FT__MESSAGE__BODY_REPLY)->reply->event, 7);
    leave();
}
END_TEST

START_TEST(cancel_is_passed_on)
{
    const Ft__Message *request, *cancel;

    start_and_greet();
    connect_client(0, "job", 0);
    send_request(&clients[0], 8, FT_VERB_NEXT_PEER, -1, false);
    request = expect(&central, FT__MESSAGE__BODY_REQUEST);
    send_cancel(&clients[0], 8);
    cancel = expect(&central, FT__MESSAGE__BODY_CANCEL);
    ck_assert_uint_eq(cancel->id, request->id);
    send_reply(request->id, 1); /* too late: goes nowhere */
    send_request(&clients[0], 9, FT_VERB_CLAIM, 5000, false);
    request = expect(&central, FT__MESSAGE__BODY_REQUEST);
    send_reply(request->id, 2);
    ck_assert_uint_eq(expect(&clients[0], FT__MESSAGE__BODY_REPLY)->id, 9);
    leave();
}
END_TEST

START_TEST(client_that_vanishes_is_canceled)
{
    const Ft__Message *request;

    start_and_greet();
    connect_client(0, "job", 0);
    send_request(&clients[0], 8, FT_VERB_NEXT_PEER, -1, false);
    request = expect(&central, FT__MESSAGE__BODY_REQUEST);
    ft_link_close(clients[0].link);
    ck_assert_uint_eq(expect(&central, FT__MESSAGE__BODY_CANCEL)->id, request->id);
    leave();
}
END_TEST

START_TEST(silent_requests_arrive)
{
    const Ft__Message *request;

    start_and_greet();
    connect_client(0, "job", 0);
    send_request(&clients[0], 0, FT_VERB_START_FAILED, 0, true);
    request = expect(&central, FT__MESSAGE__BODY_REQUEST);
    ck_assert_uint_eq(request->request->verb, FT_VERB_START_FAILED);
    ck_assert(request->request->silent);
    leave();
}
END_TEST

START_TEST(requests_survive_a_broken_link)
{
    const Ft__Message *request;
    uint16_t port;

    start_and_greet();
    connect_client(0, "job", 0);
    send_request(&clients[0], 3, FT_VERB_NEXT_PEER, -1, false);
    expect(&central, FT__MESSAGE__BODY_REQUEST);
    port = ft_listener_port(listener);
    ft_listener_close(listener);
    ft_link_close(central.link);
    ck_assert(run_until(is_closed, &central, WAIT_MS));
    send_request(&clients[0], 4, FT_VERB_ALTERNATIVE, 30000, false); /* while it is down */
    listen_again(port);
    expect(&central, FT__MESSAGE__BODY_HELLO);
    expect(&central, FT__MESSAGE__BODY_NODE_INFO);
    request = expect(&central, FT__MESSAGE__BODY_REQUEST);
    ck_assert_uint_eq(request->request->verb, FT_VERB_NEXT_PEER);
    request = expect(&central, FT__MESSAGE__BODY_REQUEST);
    ck_assert_uint_eq(request->request->verb, FT_VERB_ALTERNATIVE);
    send_reply(request->id, 6);
    ck_assert_uint_eq(expect(&clients[0], FT__MESSAGE__BODY_REPLY)->id, 4);
    leave();
}
END_TEST

START_TEST(no_central_unit_is_a_reason)
{
    const Ft__Reply *reply;
    int64_t start_ms, took_ms;

    start_and_greet();
    connect_client(0, "job", 0);
    ft_listener_close(listener);
    ft_link_close(central.link);
    ck_assert(run_until(is_closed, &central, WAIT_MS));
    start_ms = ft_clock_ms();
    send_request(&clients[0], 4, FT_VERB_ALTERNATIVE, 500, false);
    reply = expect(&clients[0], FT__MESSAGE__BODY_REPLY)->reply;
    took_ms = ft_clock_ms() - start_ms;
    ck_assert_int_eq(reply->status, FT_ERR_TIMEOUT);
    ck_assert_msg(strstr(reply->reason, "out of reach"), "%s", reply->reason);
    ck_assert(*reply->hint);
    ck_assert_msg(took_ms >= 400 && took_ms < 500, "after %" PRId64 " ms", took_ms);
    ck_assert_int_eq(kill(unit_pid, SIGTERM), 0);
    ck_assert(run_until(is_gone, NULL, WAIT_MS));
}
END_TEST

START_TEST(too_many_requests_are_refused)
{
    const Ft__Message *answer;

    start_and_greet();
    connect_client(0, "job", 0);
    for (uint64_t i = 1; i <= 1025; i++)
        send_request(&clients[0], i, FT_VERB_NEXT_PEER, -1, false);
    answer = expect(&clients[0], FT__MESSAGE__BODY_REPLY);
    ck_assert_uint_eq(answer->id, 1025);
    ck_assert_int_eq(answer->reply->status, FT_ERR_BUSY);
    ck_assert(*answer->reply->reason && *answer->reply->hint);
    for (int i = 0; i < 1024; i++)
        expect(&central, FT__MESSAGE__BODY_REQUEST);
    leave();
}
END_TEST

/* ================================================================ bad clients */

static int raw_connect(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", socket_path);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static bool hung_up(const void *arg)
{
    char bytes[512];
    ssize_t n = recv(*(const int *)arg, bytes, sizeof bytes, MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno == ECONNRESET);
}

START_TEST(garbage_ends_only_its_own_connection)
{
    static const char *const garbage[] = {
        "GET / HTTP/1.0\r\n\r\n",
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        "hello, unit; hello, unit; hello, unit; hello, unit; hello, unit; hello, unit",
    };
    start_and_greet();
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        int fd = raw_connect();
        ck_assert(send(fd, garbage[i], strlen(garbage[i]), MSG_NOSIGNAL) > 0);
        ck_assert_msg(run_until(hung_up, &fd, WAIT_MS), "garbage %zu is waited for", i);
        close(fd);
    }
    connect_client(0, "job", 0);
    leave();
}
END_TEST

START_TEST(silent_clients_make_room)
{
    struct rlimit limit;
    int first, fd = -1;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < 5000)
        return; /* this machine does not allow the test as many files as it needs */
    start_and_greet(); /* with the low limit, to raise it by itself */
    limit.rlim_cur = 5000;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    first = raw_connect();
    for (int i = 1; i < 4096; i++)
        fd = raw_connect();
    connect_client(0, "job", 0);
    ck_assert_msg(run_until(hung_up, &first, WAIT_MS), "the first silent one is still there");
    ck_assert(!hung_up(&fd));
    leave();
}
END_TEST

START_TEST(clients_must_say_hello_first_and_right)
{
    start_and_greet();
    connect_client(0, NULL, 0);
    send_request(&clients[0], 1, FT_VERB_ERROR, 1000, false);
    ck_assert(run_until(is_closed, &clients[0], WAIT_MS));
    connect_client(1, NULL, 0);
    say_hello(&clients[1], 999, "job", 0, 0);
    ck_assert_int_eq(expect(&clients[1], FT__MESSAGE__BODY_HELLO)->hello->refused, FT_ERR_VERSION);
    ck_assert(run_until(is_closed, &clients[1], WAIT_MS));
    connect_client(2, "job", 0);
    say_hello(&clients[2], FT_PROTOCOL, "other", 0, 0);
    ck_assert(run_until(is_closed, &clients[2], WAIT_MS));
    connect_client(3, "job", 0);
    send_reply(1, 1); /* from the central unit, for nobody */
    leave();
}
END_TEST

/* ================================================================ probes */

START_TEST(probe_measures_the_node)
{
    const Ft__ProbeResult *result;

    start_and_greet();
    result = probe(11, true, 2000);
    ck_assert_str_eq(result->error, "");
    ck_assert_uint_eq(result->facts->cores, 8);
    ck_assert_uint_gt(result->memory_free_bytes, 0);
    ck_assert_uint_gt(result->scratch_free_bytes, 0);
    ck_assert(!result->check_ran);
    ck_assert_int_eq(result->check_code, 0);
    leave();
}
END_TEST

START_TEST(probe_of_the_real_machine_is_quick)
{
    double best_ms = 1e9;

    write_file(conf_path, 0600, "\n");
    start_and_greet();
    expect(&central, FT__MESSAGE__BODY_NODE_INFO);
    for (uint64_t i = 1; i <= 5; i++) {
        const Ft__ProbeResult *result = probe(i, true, 2000);
        ck_assert_str_eq(result->error, "");
        ck_assert(!result->facts->shown);
        ck_assert_uint_ge(result->facts->cores, 1);
        best_ms = result->took_ms < best_ms ? result->took_ms : best_ms;
    }
    printf("# a probe takes %.1f ms\n", best_ms);
    fflush(stdout);
    ck_assert_msg(best_ms < 500, "a probe takes %.1f ms", best_ms);
    leave();
}
END_TEST

/* Starts a unit with this check program (a shell script's body). */
static void start_with_check(const char *body, int timeout_ms)
{
    char check[192];

    snprintf(check, sizeof check, "%s/check", work_folder);
    write_file(check, 0755, "#!/bin/sh\n%s\n", body);
    write_file(conf_path, 0600, "topology = \"" SYNTHETIC "\"\ncheck = \"%s\"\n"
               "check_timeout_ms = %d\n", check, timeout_ms);
    start_and_greet();
}

START_TEST(check_that_passes)
{
    const Ft__ProbeResult *result;

    start_with_check("echo \"all well on $FT_NODE\"; echo more", 2000);
    result = probe(1, true, 3000);
    ck_assert(result->check_ran);
    ck_assert_int_eq(result->check_code, 0);
    ck_assert_str_eq(result->check_text, "all well on n7");
    result = probe(2, false, 3000);
    ck_assert(!result->check_ran);
    leave();
}
END_TEST

START_TEST(check_that_fails)
{
    const Ft__ProbeResult *result;

    start_with_check("echo 'scratch disk is sick' >&2; exit 3", 2000);
    result = probe(1, true, 3000);
    ck_assert(result->check_ran);
    ck_assert_int_eq(result->check_code, 3);
    ck_assert_str_eq(result->check_text, "scratch disk is sick");
    ck_assert_ptr_nonnull(result->facts); /* the rest is told all the same */
    leave();
}
END_TEST

static bool file_is_there(const void *arg)
{
    return access(arg, F_OK) == 0;
}

static pid_t read_pid(const char *path)
{
    FILE *file = fopen(path, "r");
    int pid = 0;

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%d", &pid), 1);
    fclose(file);
    return pid;
}

START_TEST(check_that_hangs_is_killed_with_its_children)
{
    const Ft__ProbeResult *result;
    char body[1024], file[192];
    int64_t start_ms;
    pid_t child;

    snprintf(file, sizeof file, "%s/pid", work_folder);
    snprintf(body, sizeof body, "sleep 1000 & echo $! >%s.new; mv %s.new %s; echo started; wait",
             file, file, file);
    start_with_check(body, 400);
    start_ms = ft_clock_ms();
    result = probe(1, true, 5000);
    ck_assert_int_ge(ft_clock_ms() - start_ms, 400);
    ck_assert_int_lt(ft_clock_ms() - start_ms, 3000);
    ck_assert(result->check_ran);
    ck_assert_int_eq(result->check_code, 124);
    ck_assert_msg(strstr(result->check_text, "no result"), "%s", result->check_text);
    ck_assert(run_until(file_is_there, file, WAIT_MS));
    child = read_pid(file);
    ck_assert_msg(run_until(process_is_gone, &child, WAIT_MS), "its child is still there");
    leave();
}
END_TEST

START_TEST(check_within_the_probe_s_own_time)
{
    const Ft__ProbeResult *result;
    int64_t start_ms;

    start_with_check("sleep 1000", 30000);
    start_ms = ft_clock_ms();
    result = probe(1, true, 600);
    ck_assert_int_lt(ft_clock_ms() - start_ms, 3000); /* of the check's own 30 s */
    ck_assert_int_eq(result->check_code, 124);
    leave();
}
END_TEST

START_TEST(check_that_prints_for_ever)
{
    const Ft__ProbeResult *result;

    start_with_check("exec yes 'no end of this'", 300);
    result = probe(1, true, 3000);
    ck_assert_int_eq(result->check_code, 124);
    leave();
}
END_TEST

START_TEST(check_that_prints_a_lot_or_binary)
{
    const Ft__ProbeResult *result;

    start_with_check("head -c 300000 /dev/zero | tr '\\0' x; exit 4", 3000);
    result = probe(1, true, 5000);
    ck_assert_int_eq(result->check_code, 4);
    ck_assert_uint_gt(strlen(result->check_text), 100);
    ck_assert_uint_lt(strlen(result->check_text), 512);
    leave();
}
END_TEST

START_TEST(check_that_is_killed)
{
    const Ft__ProbeResult *result;

    start_with_check("kill -SEGV $$", 3000);
    result = probe(1, true, 5000);
    ck_assert_int_eq(result->check_code, 128 + SIGSEGV);
    ck_assert_msg(strstr(result->check_text, "signal"), "%s", result->check_text);
    leave();
}
END_TEST

START_TEST(check_that_leaves_a_child_behind)
{
    const Ft__ProbeResult *result;
    int64_t start_ms = ft_clock_ms();
    char body[1024], file[192];
    pid_t child;

    snprintf(file, sizeof file, "%s/pid", work_folder);
    snprintf(body, sizeof body, "sleep 1000 & echo $! >%s; echo fine", file);
    start_with_check(body, 3000);
    result = probe(1, true, 4000); /* it holds the pipe open, which holds up nothing */
    ck_assert_int_eq(result->check_code, 0);
    ck_assert_str_eq(result->check_text, "fine");
    ck_assert_int_lt(ft_clock_ms() - start_ms, 3000);
    child = read_pid(file);
    ck_assert_int_eq(kill(child, SIGKILL), 0); /* a site may want it: the unit leaves it alone */
    leave();
}
END_TEST

START_TEST(check_that_is_not_there)
{
    const Ft__ProbeResult *result;

    write_file(conf_path, 0600, "check = \"/nonexistent/check\"\n");
    start_and_greet();
    result = probe(1, true, 2000);
    ck_assert(!result->check_ran);
    ck_assert_int_eq(result->check_code, 127);
    ck_assert_msg(strstr(result->check_text, "No such file"), "%s", result->check_text);
    leave();
}
END_TEST

START_TEST(scratch_and_topology_that_are_not_there)
{
    const Ft__ProbeResult *result;

    write_file(conf_path, 0600,
               "scratch = \"/nonexistent\"\ntopology = \"xml:/nonexistent.xml\"\n");
    start_and_greet();
    ck_assert_ptr_null(expect(&central, FT__MESSAGE__BODY_NODE_INFO)->node_info->facts);
    result = probe(1, true, 2000);
    ck_assert_msg(strstr(result->error, "/nonexistent.xml"), "%s", result->error);
    ck_assert_msg(strstr(result->error, "scratch folder /nonexistent"), "%s", result->error);
    leave();
}
END_TEST

START_TEST(many_probes_at_once_are_bounded)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Probe body = FT__PROBE__INIT;
    int good = 0;

    start_and_greet();
    expect(&central, FT__MESSAGE__BODY_NODE_INFO);
    body.timeout_ms = 5000;
    message.body_case = FT__MESSAGE__BODY_PROBE;
    message.probe = &body;
    /* It finds all of them at once: none has ended when the last is looked at. */
    ck_assert_int_eq(kill(unit_pid, SIGSTOP), 0);
    for (message.id = 1; message.id <= 12; message.id++)
        send_on(&central, &message);
    ck_assert_int_eq(kill(unit_pid, SIGCONT), 0);
    for (int i = 0; i < 12; i++) {
        const Ft__ProbeResult *result =
            expect(&central, FT__MESSAGE__BODY_PROBE_RESULT)->probe_result;
        if (*result->error)
            ck_assert_msg(strstr(result->error, "under way"), "%s", result->error);
        else
            good++;
    }
    ck_assert_int_eq(good, 8);
    ck_assert_str_eq(probe(99, false, 2000)->error, "");
    leave();
}
END_TEST

START_TEST(topology_is_sent_when_asked_for)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__NeedTopology body = FT__NEED_TOPOLOGY__INIT;
    const Ft__NodeInfo *info;
    const Ft__Topology *answer;
    struct ft_topology *topology;
    struct ft_facts facts;
    char why[FT_TOPOLOGY_WHY_MAX];

    start_and_greet();
    info = expect(&central, FT__MESSAGE__BODY_NODE_INFO)->node_info;
    body.kind = info->facts->kind;
    message.id = 5;
    message.body_case = FT__MESSAGE__BODY_NEED_TOPOLOGY;
    message.need_topology = &body;
    send_on(&central, &message);
    answer = expect(&central, FT__MESSAGE__BODY_TOPOLOGY)->topology;
    ck_assert_uint_eq(answer->kind, info->facts->kind);
    topology = ft_topology_parse((const char *)answer->xml.data, answer->xml.len, why, sizeof why);
    ck_assert_msg(topology != NULL, "%s", why);
    ft_topology_facts(topology, &facts);
    ck_assert_uint_eq(facts.kind, answer->kind);
    ft_topology_destroy(topology);
    leave();
}
END_TEST

START_TEST(changed_node_is_told_again)
{
    start_and_greet();
    expect(&central, FT__MESSAGE__BODY_NODE_INFO);
    leave();
    central.inbox.taken = central.inbox.n; /* what the first one said */
    write_file(conf_path, 0600, "topology = \"xml:%s/machine.xml\"\n", work_folder);
    start_and_greet();
    ck_assert_ptr_null(expect(&central, FT__MESSAGE__BODY_NODE_INFO)->node_info->facts);
    {
        char why[FT_TOPOLOGY_WHY_MAX], path[192], *xml;
        struct ft_topology *topology = ft_topology_load(SYNTHETIC, why, sizeof why);
        size_t n;
        ck_assert_ptr_nonnull(topology);
        ck_assert_int_eq(ft_topology_export(topology, &xml, &n, why, sizeof why), 0);
        snprintf(path, sizeof path, "%s/machine.xml", work_folder);
        write_file(path, 0600, "%s", xml);
        free(xml);
        ft_topology_destroy(topology);
    }
    ck_assert_uint_eq(probe(1, false, 2000)->facts->cores, 8);
    ck_assert_uint_eq(expect(&central, FT__MESSAGE__BODY_NODE_INFO)->node_info->facts->cores, 8);
    leave();
}
END_TEST

/* ================================================================ at rest */

static long status_number(const char *name)
{
    char path[64], line[256];
    long value = -1;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status", (int)unit_pid);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtol(line + strlen(name), NULL, 10);
    fclose(file);
    return value;
}

/* Children of the unit, zombies included. */
static bool has_no_children(const void *arg)
{
    char path[96], bytes[64];
    ssize_t n;
    int fd;

    (void)arg;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)unit_pid, (int)unit_pid);
    fd = open(path, O_RDONLY);
    if (fd < 0)
        return false;
    n = read(fd, bytes, sizeof bytes);
    close(fd);
    return n == 0;
}

START_TEST(at_rest_it_is_small_and_still)
{
    long before, wakes, rss_kib;
    int64_t end_ms;

    start_with_check("echo fine", 1000);
    expect(&central, FT__MESSAGE__BODY_NODE_INFO);
    for (uint64_t i = 1; i <= 20; i++)
        probe(i, true, 2000);
    ck_assert_msg(run_until(has_no_children, NULL, WAIT_MS), "there are children left");
    rss_kib = status_number("VmRSS:");
    before = status_number("voluntary_ctxt_switches:");
    end_ms = ft_clock_ms() + 3000; /* what is observed is this time itself */
    run_until(time_is_over, &end_ms, 4000);
    wakes = status_number("voluntary_ctxt_switches:") - before;
    printf("# at rest: %ld KiB, %ld wake-ups in 3 s\n", rss_kib, wakes);
    fflush(stdout);
    ck_assert_int_le(wakes, 12);
#ifndef __SANITIZE_ADDRESS__
    ck_assert_int_le(rss_kib, 8192);
#endif
    leave();
}
END_TEST

static Suite *noded_suite(void)
{
    Suite *suite = suite_create("noded");
    TCase *tcase = tcase_create("unit");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, starts_tells_what_the_node_is_and_leaves);
    tcase_add_test(tcase, second_unit_of_a_session_steps_back);
    tcase_add_test(tcase, unit_that_was_killed_is_succeeded);
    tcase_add_test(tcase, ends_on_sigterm);
    tcase_add_test(tcase, ends_when_the_central_unit_is_gone_for_good);
    tcase_add_test(tcase, stopped_unit_does_not_blame_the_central_unit);
    tcase_add_test(tcase, silent_central_unit_is_connected_to_again);
    tcase_add_test(tcase, refused_unit_ends_at_once);
    tcase_add_test(tcase, wrong_key_is_no_central_unit);
    tcase_add_test(tcase, bad_starts_are_explained);
    tcase_add_test(tcase, shows_the_node);
    tcase_add_test(tcase, request_is_relayed_with_who_asks);
    tcase_add_test(tcase, clients_with_equal_ids_get_their_own_answers);
    tcase_add_test(tcase, repeated_reports_are_added_up);
    tcase_add_test(tcase, repeat_after_the_answer_is_answered_at_once);
    tcase_add_test(tcase, cancel_is_passed_on);
    tcase_add_test(tcase, client_that_vanishes_is_canceled);
    tcase_add_test(tcase, silent_requests_arrive);
    tcase_add_test(tcase, requests_survive_a_broken_link);
    tcase_add_test(tcase, no_central_unit_is_a_reason);
    tcase_add_test(tcase, too_many_requests_are_refused);
    tcase_add_test(tcase, garbage_ends_only_its_own_connection);
    tcase_add_test(tcase, silent_clients_make_room);
    tcase_add_test(tcase, clients_must_say_hello_first_and_right);
    tcase_add_test(tcase, probe_measures_the_node);
    tcase_add_test(tcase, probe_of_the_real_machine_is_quick);
    tcase_add_test(tcase, check_that_passes);
    tcase_add_test(tcase, check_that_fails);
    tcase_add_test(tcase, check_that_hangs_is_killed_with_its_children);
    tcase_add_test(tcase, check_within_the_probe_s_own_time);
    tcase_add_test(tcase, check_that_prints_for_ever);
    tcase_add_test(tcase, check_that_prints_a_lot_or_binary);
    tcase_add_test(tcase, check_that_is_killed);
    tcase_add_test(tcase, check_that_leaves_a_child_behind);
    tcase_add_test(tcase, check_that_is_not_there);
    tcase_add_test(tcase, scratch_and_topology_that_are_not_there);
    tcase_add_test(tcase, many_probes_at_once_are_bounded);
    tcase_add_test(tcase, topology_is_sent_when_asked_for);
    tcase_add_test(tcase, changed_node_is_told_again);
    tcase_add_test(tcase, at_rest_it_is_small_and_still);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(noded_suite());
    int failed;

    signal(SIGPIPE, SIG_IGN); /* units that end at once do not read what they are told */
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
