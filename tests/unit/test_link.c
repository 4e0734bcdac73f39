/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_link.c - src/net: links and listeners over real sockets, one loop for both ends.
 *
 * Every wait is for a condition, with a deadline; a test that leaves a handle open in the loop, or
 * a descriptor open in the process, fails.
 */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "net/link.h"
#include "net/link_impl.h"

#define DEADLINE_MS 8000

static const uint8_t key[FT_KEY_BYTES] = {1, 2, 3, 4, 5};
static const uint8_t other_key[FT_KEY_BYTES] = {9, 9, 9};

static uv_loop_t loop;
static uv_timer_t tick; /* keeps the loop turning while a test waits */
static char folder[64], path[100];
static int descriptors_before;

/* What one end of a link has seen. */
struct end {
    struct ft_link *link;
    int opened, messages, closed, error;
    uint64_t last_id, bytes;
    char text[512];
    bool close_on_open, close_on_message, echo, ignore, is_crowd;
    struct ft_listener *close_listener_on_open;
};

static struct end client, server;

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

/* ------------------------------------------------------------ the two ends */

static int send_ping(struct ft_link *link, uint64_t id)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Ping ping = FT__PING__INIT;

    message.id = id;
    message.body_case = FT__MESSAGE__BODY_PING;
    message.ping = &ping;
    return ft_link_send(link, &message);
}

static int send_bytes(struct ft_link *link, uint64_t id, size_t n)
{
    static uint8_t xml[4u << 20];
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Topology topology = FT__TOPOLOGY__INIT;

    message.id = id;
    message.body_case = FT__MESSAGE__BODY_TOPOLOGY;
    message.topology = &topology;
    topology.xml.data = xml;
    topology.xml.len = n;
    return ft_link_send(link, &message);
}

static void on_opened(void *arg, struct ft_link *link)
{
    struct end *end = arg;

    end->link = link;
    end->opened++;
    if (end->close_on_open)
        ft_link_close(link);
}

static void on_message(void *arg, struct ft_link *link, const Ft__Message *message)
{
    struct end *end = arg;

    ck_assert(link == end->link || end->is_crowd);
    end->messages++;
    end->last_id = message->id;
    if (message->body_case == FT__MESSAGE__BODY_TOPOLOGY)
        end->bytes += message->topology->xml.len;
    if (end->echo)
        send_ping(link, message->id);
    if (end->close_on_message)
        ft_link_close(link);
}

static void on_closed(void *arg, struct ft_link *link, int error, const char *text)
{
    struct end *end = arg;

    (void) link;
    end->closed++;
    end->error = error;
    snprintf(end->text, sizeof end->text, "%s", text);
    end->link = NULL;
}

static const struct ft_link_events events = {on_opened, on_message, on_closed};

static void on_accepted(void *arg, struct ft_link *link)
{
    struct end *end = arg;

    if (end->ignore)
        return;
    ft_link_accept(link, &events, end);
    if (end->close_listener_on_open != NULL) {
        ft_listener_close(end->close_listener_on_open);
        end->close_listener_on_open = NULL;
    }
    on_opened(arg, link);
}

/* ------------------------------------------------------------ running the loop */

static void on_tick(uv_timer_t *timer)
{
    (void) timer;
}

/* Runs the loop until *value is at least n; fails the test at the deadline. */
static void run_until(const int *value, int n)
{
    int64_t deadline_ms = ft_clock_ms() + DEADLINE_MS;

    uv_timer_start(&tick, on_tick, 10, 10);
    while (*value < n && ft_clock_ms() < deadline_ms)
        uv_run(&loop, UV_RUN_ONCE);
    uv_timer_stop(&tick);
    ck_assert_msg(*value >= n, "waited %d ms for the %dth, only %d came", DEADLINE_MS, n, *value);
}

/* Everything was closed: the loop ends by itself. */
static void run_out(void)
{
    int64_t deadline_ms = ft_clock_ms() + DEADLINE_MS;

    while (uv_run(&loop, UV_RUN_NOWAIT) != 0 && ft_clock_ms() < deadline_ms)
        usleep(1000);
    ck_assert_int_eq(uv_loop_alive(&loop), 0);
}

static void setup(void)
{
    signal(SIGPIPE, SIG_IGN);
    memset(&client, 0, sizeof client);
    memset(&server, 0, sizeof server);
    snprintf(folder, sizeof folder, "/tmp/ft-test-link-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
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
    uv_close((uv_handle_t *) &tick, NULL);
    run_out();
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    ck_assert_int_eq(count_descriptors(), descriptors_before);
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static struct ft_listener *listen_tcp(void)
{
    struct ft_listener *listener;

    listener = ft_listener_tcp(&loop, "127.0.0.1", 0, key, on_accepted, &server);
    ck_assert_ptr_nonnull(listener);
    ck_assert_uint_ne(ft_listener_port(listener), 0);
    return listener;
}

static struct ft_listener *listen_unix(void)
{
    struct ft_listener *listener = ft_listener_unix(&loop, path, true, on_accepted, &server);

    ck_assert_ptr_nonnull(listener);
    return listener;
}

static struct ft_link *connect_tcp(const char *hosts, uint16_t port, unsigned timeout_ms)
{
    struct ft_link *link;

    link = ft_link_connect_tcp(&loop, hosts, port, key, timeout_ms, &events, &client);
    ck_assert_ptr_nonnull(link);
    return link;
}

/* A raw socket that speaks whatever a test wants. */
static int connect_raw_tcp(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *) &address, sizeof address), 0);
    return fd;
}

static int connect_raw_unix(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    ck_assert_int_eq(connect(fd, (struct sockaddr *) &address, sizeof address), 0);
    return fd;
}

static void open_pair(struct ft_listener *listener)
{
    connect_tcp("127.0.0.1", ft_listener_port(listener), 5000);
    run_until(&client.opened, 1);
    run_until(&server.opened, 1);
}

/* ------------------------------------------------------------ the straight way */

START_TEST(tcp_messages_pass_both_ways)
{
    struct ft_listener *listener = listen_tcp();

    server.echo = true;
    open_pair(listener);
    ck_assert_ptr_nonnull(strstr(ft_link_peer(server.link), "127.0.0.1:"));
    ck_assert_ptr_nonnull(strstr(ft_link_peer(client.link), "127.0.0.1:"));
    for (uint64_t id = 1; id <= 100; id++)
        ck_assert_int_eq(send_ping(client.link, id), 0);
    run_until(&client.messages, 100);
    ck_assert_uint_eq(client.last_id, 100);
    ft_link_close(client.link);
    ft_link_close(client.link);
    ck_assert_int_eq(client.closed, 0);
    run_until(&client.closed, 1);
    run_until(&server.closed, 1);
    ck_assert_int_eq(client.error, 0);
    ck_assert_int_eq(server.error, 0);
    ft_listener_close(listener);
}
END_TEST

START_TEST(unix_messages_pass_and_the_peer_is_known)
{
    struct ft_listener *listener = listen_unix();
    struct stat status;
    pid_t pid = 0;
    uid_t uid = 12345;

    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
    server.echo = true;
    ck_assert_ptr_nonnull(ft_link_connect_unix(&loop, path, 1000, &events, &client));
    run_until(&client.opened, 1);
    ck_assert_int_eq(send_ping(client.link, 7), 0);
    run_until(&client.messages, 1);
    ck_assert(ft_link_peer_cred(server.link, &pid, &uid));
    ck_assert_int_eq(pid, getpid());
    ck_assert_uint_eq(uid, geteuid());
    ck_assert_ptr_nonnull(strstr(ft_link_peer(server.link), "unix pid "));
    ft_link_close(server.link);
    run_until(&server.closed, 1);
    run_until(&client.closed, 1);
    ft_listener_close(listener);
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_tcp_link_has_no_cred)
{
    struct ft_listener *listener = listen_tcp();
    pid_t pid;
    uid_t uid;

    open_pair(listener);
    ck_assert(!ft_link_peer_cred(server.link, &pid, &uid));
    ft_link_set_arg(server.link, &client);
    ck_assert_ptr_eq(ft_link_arg(server.link), &client);
    ft_link_set_arg(server.link, &server);
    ft_link_close(client.link);
    run_until(&server.closed, 1);
    ft_listener_close(listener);
}
END_TEST

/* Far more than the socket's buffers hold, and the whole queue: nothing is lost by a close. */
START_TEST(what_is_queued_is_written_before_the_end)
{
    struct ft_listener *listener = listen_tcp();
    int sent = 0;

    open_pair(listener);
    while (send_bytes(client.link, 1, 1u << 20) == 0)
        sent++;
    ck_assert_int_eq(errno, ENOBUFS);
    ck_assert_int_ge(sent, 7);
    ft_link_close(client.link);
    ck_assert_int_eq(send_ping(client.link, 2), -1);
    ck_assert_int_eq(errno, ENOTCONN);
    run_until(&server.closed, 1);
    ck_assert_int_eq(server.messages, sent);
    ck_assert_int_eq(server.error, 0);
    run_until(&client.closed, 1);
    ft_listener_close(listener);
}
END_TEST

/* The last words reach a peer that goes on talking: the close must not become a reset. */
START_TEST(last_words_survive_unread_input)
{
    struct ft_listener *listener = listen_tcp();

    open_pair(listener);
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(send_ping(client.link, 1), 0);
    ck_assert_int_eq(send_ping(server.link, 77), 0);
    ft_link_close(server.link);
    run_until(&client.closed, 1);
    ck_assert_int_eq(client.messages, 1);
    ck_assert_uint_eq(client.last_id, 77);
    ck_assert_int_eq(client.error, 0);
    run_until(&server.closed, 1);
    ck_assert_int_eq(server.messages, 0);
    ft_listener_close(listener);
}
END_TEST

START_TEST(a_peer_that_never_closes_does_not_hold_the_end_up)
{
    struct ft_listener *listener = listen_unix();
    int64_t start_ms;
    uint8_t greeting[8] = {0xf7, 'F', 'T', 'P', 0, FT_PROTOCOL_OLDEST, 0, FT_PROTOCOL};
    int fd = connect_raw_unix();

    ck_assert_int_eq(write(fd, greeting, sizeof greeting), sizeof greeting);
    run_until(&server.opened, 1);
    ck_assert_int_eq(ft_link_times.drain_ms, 1000);
    start_ms = ft_clock_ms();
    ft_link_close(server.link);
    /* What it says now does not matter any more. */
    memset(greeting, 0xff, sizeof greeting);
    ck_assert_int_eq(write(fd, greeting, sizeof greeting), sizeof greeting);
    run_until(&server.closed, 1);
    ck_assert_str_eq(server.text, "closed by this side");
    ck_assert_int_ge(ft_clock_ms() - start_ms, 990);
    ck_assert_int_lt(ft_clock_ms() - start_ms, 3000);
    ck_assert_int_eq(server.error, 0);
    close(fd);
    ft_listener_close(listener);
}
END_TEST

/* ------------------------------------------------------------ closing from within */

START_TEST(close_from_within_opened)
{
    struct ft_listener *listener = listen_tcp();

    client.close_on_open = true;
    connect_tcp("127.0.0.1", ft_listener_port(listener), 5000);
    run_until(&client.closed, 1);
    ck_assert_int_eq(client.error, 0);
    run_until(&server.closed, 1);
    ft_listener_close(listener);
}
END_TEST

START_TEST(close_from_within_accepted)
{
    struct ft_listener *listener = listen_tcp();

    server.close_on_open = true;
    server.close_listener_on_open = listener;
    connect_tcp("127.0.0.1", ft_listener_port(listener), 5000);
    run_until(&client.closed, 1);
    run_until(&server.closed, 1);
    ck_assert_int_eq(client.error, 0);
}
END_TEST

START_TEST(close_from_within_message)
{
    struct ft_listener *listener = listen_tcp();

    server.close_on_message = true;
    open_pair(listener);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(send_ping(client.link, 1), 0);
    run_until(&server.closed, 1);
    ck_assert_int_eq(server.messages, 1);
    run_until(&client.closed, 1);
    ft_listener_close(listener);
}
END_TEST

START_TEST(an_accepted_link_that_nobody_wants_is_closed)
{
    struct ft_listener *listener = listen_tcp();

    server.ignore = true;
    connect_tcp("127.0.0.1", ft_listener_port(listener), 5000);
    run_until(&client.closed, 1);
    ck_assert_int_eq(server.opened, 0);
    ft_listener_close(listener);
}
END_TEST

START_TEST(close_while_connecting)
{
    struct ft_listener *listener = listen_tcp();
    struct ft_link *link = connect_tcp("127.0.0.1", ft_listener_port(listener), 5000);

    ck_assert_int_eq(send_ping(link, 1), -1);
    ck_assert_int_eq(errno, ENOTCONN);
    ft_link_close(link);
    ck_assert_int_eq(client.closed, 0);
    run_until(&client.closed, 1);
    ck_assert_int_eq(client.opened, 0);
    ck_assert_int_eq(client.error, 0);
    ft_listener_close(listener);
}
END_TEST

/* ------------------------------------------------------------ attempts */

START_TEST(hosts_are_tried_in_turn)
{
    struct ft_listener *listener = listen_tcp();

    /* Nobody listens at 127.0.0.2. */
    connect_tcp("127.0.0.2,,127.0.0.1", ft_listener_port(listener), 4000);
    run_until(&client.opened, 1);
    ft_link_close(client.link);
    run_until(&client.closed, 1);
    ck_assert_int_eq(client.error, 0);
    ck_assert_str_eq(client.text, "closed by this side");
    ft_listener_close(listener);
}
END_TEST

/* At 127.0.0.2 somebody holds another key: the next host is tried all the same. */
START_TEST(a_host_that_cannot_prove_itself_is_passed_over)
{
    struct ft_listener *listener = listen_tcp(), *wrong;
    uint16_t port = ft_listener_port(listener);

    wrong = ft_listener_tcp(&loop, "127.0.0.2", port, other_key, on_accepted, &server);
    ck_assert_ptr_nonnull(wrong);
    connect_tcp("127.0.0.2,127.0.0.1", port, 4000);
    run_until(&client.opened, 1);
    ck_assert_int_eq(client.closed, 0);
    ft_link_close(client.link);
    run_until(&server.closed, 1);
    ft_listener_close(listener);
    ft_listener_close(wrong);
}
END_TEST

START_TEST(all_failures_are_told)
{
    connect_tcp("127.0.0.2,no-such-host.invalid", 9, 4000);
    run_until(&client.closed, 1);
    ck_assert_int_eq(client.opened, 0);
    ck_assert_int_ne(client.error, 0);
    ck_assert_msg(strstr(client.text, "127.0.0.2") != NULL, "%s", client.text);
    ck_assert_msg(strstr(client.text, "no-such-host.invalid") != NULL, "%s", client.text);
}
END_TEST

START_TEST(another_key_is_refused_on_both_sides)
{
    struct ft_listener *listener = listen_tcp();

    ck_assert_ptr_nonnull(ft_link_connect_tcp(&loop, "127.0.0.1", ft_listener_port(listener),
                                              other_key, 3000, &events, &client));
    run_until(&client.closed, 1);
    ck_assert_int_eq(client.error, EACCES);
    ck_assert_int_eq(client.opened, 0);
    ck_assert_int_eq(server.opened, 0);
    ft_listener_close(listener);
}
END_TEST

/* Accepts, by the backlog, but never answers. */
START_TEST(a_silent_host_costs_its_share_only)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int64_t start_ms;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *) &address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 5), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *) &address, &size), 0);
    start_ms = ft_clock_ms();
    connect_tcp("127.0.0.1,127.0.0.2", ntohs(address.sin_port), 600);
    run_until(&client.closed, 1);
    ck_assert_int_ge(ft_clock_ms() - start_ms, 250);
    ck_assert_int_lt(ft_clock_ms() - start_ms, 2000);
    ck_assert_ptr_nonnull(strstr(client.text, "did not answer in time"));
    close(fd);
}
END_TEST

/* Stands in for libc's: gives one name two addresses, of which nobody answers at the first. */
__attribute__((visibility("default")))
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        (__typeof__(real)) dlsym(RTLD_NEXT, "getaddrinfo");
    int error;

    if (host == NULL || strcmp(host, "two-addresses") != 0)
        return real(host, port, hints, found);
    error = real("127.0.0.3", port, hints, found);
    return error != 0 ? error : real("127.0.0.1", port, hints, &(*found)->ai_next);
}

START_TEST(a_silent_address_costs_its_share_only)
{
    struct ft_listener *listener = listen_tcp();
    struct sockaddr_in silent = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int64_t start_ms = ft_clock_ms();

    silent.sin_port = htons(ft_listener_port(listener));
    silent.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 2);
    ck_assert_int_eq(bind(fd, (struct sockaddr *) &silent, sizeof silent), 0);
    ck_assert_int_eq(listen(fd, 5), 0);
    connect_tcp("two-addresses", ft_listener_port(listener), 3000);
    run_until(&client.opened, 1);
    ck_assert_int_eq(client.closed, 0);
    ck_assert_int_ge(ft_clock_ms() - start_ms, 1450); /* half of it for each address */
    ck_assert_int_lt(ft_clock_ms() - start_ms, 3000);
    ft_link_close(client.link);
    run_until(&server.closed, 1);
    close(fd);
    ft_listener_close(listener);
}
END_TEST

START_TEST(unusable_arguments)
{
    char host_list[200] = "a";
    char long_path[200];

    for (int i = 0; i < 32; i++)
        strcat(host_list, ",a");
    memset(long_path, 'x', sizeof long_path);
    long_path[sizeof long_path - 1] = '\0';
    ck_assert_ptr_null(ft_link_connect_tcp(&loop, "", 1, key, 10, &events, &client));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(ft_link_connect_tcp(&loop, host_list, 1, key, 10, &events, &client));
    ck_assert_ptr_null(ft_link_connect_tcp(&loop, "a", 0, key, 10, &events, &client));
    ck_assert_ptr_null(ft_link_connect_tcp(&loop, "a", 1, NULL, 10, &events, &client));
    ck_assert_ptr_null(ft_link_connect_unix(&loop, long_path, 10, &events, &client));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(ft_listener_unix(&loop, long_path, true, on_accepted, &server));
    ck_assert_int_eq(errno, ENAMETOOLONG);
    ck_assert_ptr_null(ft_listener_unix(&loop, "/no/such/folder/s", true, on_accepted, &server));
    ck_assert_int_eq(errno, ENOENT);
    ft_link_close(ft_link_connect_unix(&loop, path, 10, &events, &client));
    run_until(&client.closed, 1);
}
END_TEST

START_TEST(nobody_at_a_unix_path)
{
    ck_assert_ptr_nonnull(ft_link_connect_unix(&loop, path, 500, &events, &client));
    ck_assert_int_eq(client.closed, 0);
    run_until(&client.closed, 1);
    ck_assert_int_eq(client.error, ENOENT);
    ck_assert_ptr_nonnull(strstr(client.text, path));
}
END_TEST

/* ------------------------------------------------------------ listeners */

START_TEST(a_live_socket_is_not_taken_a_stale_one_is)
{
    struct ft_listener *listener = listen_unix();
    pid_t pid;
    int status;

    ck_assert_ptr_null(ft_listener_unix(&loop, path, true, on_accepted, &server));
    ck_assert_int_eq(errno, EADDRINUSE);
    ft_listener_close(listener);
    run_out();
    ck_assert_int_eq(server.opened, 0);

    /* A process that binds it and dies without removing it. */
    pid = fork();
    if (pid == 0) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
        _exit(bind(fd, (struct sockaddr *) &address, sizeof address) != 0 || listen(fd, 1) != 0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(access(path, F_OK), 0);
    listener = listen_unix();
    ck_assert_ptr_nonnull(ft_link_connect_unix(&loop, path, 1000, &events, &client));
    run_until(&client.opened, 1);
    ft_link_close(client.link);
    run_until(&server.closed, 1);
    ft_listener_close(listener);
}
END_TEST

/* A file that is no socket is somebody's. */
START_TEST(a_file_in_the_way_is_kept)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_ptr_null(ft_listener_unix(&loop, path, true, on_accepted, &server));
    ck_assert_int_eq(errno, EADDRINUSE);
    ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_successors_socket_is_not_removed)
{
    struct ft_listener *first = listen_unix(), *second;

    ck_assert_int_eq(unlink(path), 0);
    second = listen_unix();
    ft_listener_close(first);
    ck_assert_int_eq(access(path, F_OK), 0);
    ft_listener_close(second);
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

/* 80 strangers that say nothing, then an honest peer. */
START_TEST(strangers_do_not_keep_honest_peers_out)
{
    struct ft_listener *listener = listen_tcp();
    int fds[80];
    char byte;
    int gone = 0;

    for (size_t i = 0; i < 80; i++) {
        fds[i] = connect_raw_tcp(ft_listener_port(listener));
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    open_pair(listener);
    for (size_t i = 0; i < 80; i++) {
        ssize_t n;

        while ((n = recv(fds[i], &byte, 1, MSG_DONTWAIT)) > 0)
            continue;
        gone += n == 0 || errno != EAGAIN;
        close(fds[i]);
    }
    ck_assert_int_ge(gone, 80 + 1 - 64);
    ck_assert_int_le(gone, 80 + 1 - 64 + 1);
    ft_link_close(client.link);
    run_until(&server.closed, 1);
    ft_listener_close(listener);
}
END_TEST

START_TEST(who_does_not_prove_itself_is_closed)
{
    struct ft_listener *listener = listen_tcp();
    int fd = connect_raw_tcp(ft_listener_port(listener));
    int64_t start_ms = ft_clock_ms();
    char bytes[64];
    ssize_t n = -1;

    ft_link_times.proof_ms = 300;
    while (n != 0 && ft_clock_ms() - start_ms < DEADLINE_MS) {
        uv_run(&loop, UV_RUN_NOWAIT);
        n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0)
            usleep(1000);
    }
    ck_assert_int_eq(n, 0);
    ck_assert_int_ge(ft_clock_ms() - start_ms, 290);
    ck_assert_int_lt(ft_clock_ms() - start_ms, 3000);
    ck_assert_int_eq(server.opened, 0);
    close(fd);
    ft_listener_close(listener);
}
END_TEST

/* The peer stops reading for good: the link ends by itself, and what it held is gone with it. */
START_TEST(a_peer_that_takes_nothing_is_closed)
{
    struct ft_listener *listener = listen_unix();
    uint8_t greeting[8] = {0xf7, 'F', 'T', 'P', 0, FT_PROTOCOL_OLDEST, 0, FT_PROTOCOL};
    int fd = connect_raw_unix();

    ft_link_times.stall_ms = 300;
    ck_assert_int_eq(write(fd, greeting, sizeof greeting), sizeof greeting);
    run_until(&server.opened, 1);
    ck_assert_int_eq(send_bytes(server.link, 1, 4000000), 0);
    run_until(&server.closed, 1);
    ck_assert_int_eq(server.error, ETIMEDOUT);
    ck_assert_ptr_nonnull(strstr(server.text, "300 ms"));
    close(fd);
    ft_listener_close(listener);
}
END_TEST

/* A slow one is not: each piece that it takes gives it time again. */
START_TEST(a_slow_peer_is_not_closed)
{
    struct ft_listener *listener = listen_unix();
    uint8_t greeting[8] = {0xf7, 'F', 'T', 'P', 0, FT_PROTOCOL_OLDEST, 0, FT_PROTOCOL};
    int fd = connect_raw_unix();
    static char bytes[200000];
    int64_t start_ms;
    size_t got = 0;

    ft_link_times.stall_ms = 400;
    ck_assert_int_eq(write(fd, greeting, sizeof greeting), sizeof greeting);
    run_until(&server.opened, 1);
    ck_assert_int_eq(send_bytes(server.link, 1, 2000000), 0);
    start_ms = ft_clock_ms();
    while (got < 2000000 && ft_clock_ms() - start_ms < DEADLINE_MS) {
        ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

        got += n > 0 ? (size_t) n : 0;
        for (int i = 0; i < 10; i++) {
            uv_run(&loop, UV_RUN_NOWAIT);
            usleep(10000);
        }
    }
    ck_assert_uint_ge(got, 2000000);
    ck_assert_int_gt(ft_clock_ms() - start_ms, 800);
    /* Nor is one to which there is nothing more to write. */
    start_ms = ft_clock_ms();
    while (ft_clock_ms() - start_ms < 2 * ft_link_times.stall_ms) {
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(5000);
    }
    ck_assert_int_eq(server.closed, 0);
    close(fd);
    run_until(&server.closed, 1);
    ck_assert_int_eq(server.error, 0);
    ft_listener_close(listener);
}
END_TEST

/* The queue of a unix socket is full for a while: connecting waits for its turn. */
START_TEST(a_full_unix_socket_is_tried_again)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    uint8_t greeting[8] = {0xf7, 'F', 'T', 'P', 0, FT_PROTOCOL_OLDEST, 0, FT_PROTOCOL};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int fillers[16], n = 0, got = -1;
    int64_t start_ms = ft_clock_ms();

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    ck_assert_int_eq(bind(fd, (struct sockaddr *) &address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 0), 0);
    for (;; n++) {
        ck_assert_int_lt(n, 16);
        fillers[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(fillers[n], (struct sockaddr *) &address, sizeof address) != 0)
            break;
    }
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_ptr_nonnull(ft_link_connect_unix(&loop, path, 5000, &events, &client));
    while (ft_clock_ms() - start_ms < 100)
        uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_int_eq(client.closed, 0);
    for (int i = 0; i < n; i++)
        close(accept(fd, NULL, NULL));
    while (got < 0 && ft_clock_ms() - start_ms < DEADLINE_MS) {
        uv_run(&loop, UV_RUN_NOWAIT);
        got = accept(fd, NULL, NULL);
    }
    ck_assert_int_eq(write(got, greeting, sizeof greeting), sizeof greeting);
    run_until(&client.opened, 1);
    close(got);
    run_until(&client.closed, 1);
    for (int i = 0; i <= n; i++)
        close(fillers[i]);
    close(fd);
}
END_TEST

START_TEST(a_unix_socket_that_stays_full_times_out)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), filler;
    int64_t start_ms;

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    ck_assert_int_eq(bind(fd, (struct sockaddr *) &address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 0), 0);
    filler = connect_raw_unix();
    start_ms = ft_clock_ms();
    ck_assert_ptr_nonnull(ft_link_connect_unix(&loop, path, 300, &events, &client));
    run_until(&client.closed, 1);
    ck_assert_int_ge(ft_clock_ms() - start_ms, 290);
    ck_assert_int_lt(ft_clock_ms() - start_ms, 2000);
    ck_assert_int_ne(client.error, 0);
    close(filler);
    close(fd);
}
END_TEST

/* No descriptor is left to accept with: no busy loop, no log flood, and it goes on afterwards. */
START_TEST(a_lack_of_descriptors_passes)
{
    struct ft_listener *listener = listen_tcp();
    struct rlimit limit, low;
    int fd, turns = 0;
    int64_t start_ms;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    fd = connect_raw_tcp(ft_listener_port(listener));
    low = limit;
    low.rlim_cur = (rlim_t) fd + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    ck_assert_int_lt(socket(AF_INET, SOCK_STREAM, 0), 0);
    uv_timer_start(&tick, on_tick, 300, 300);
    start_ms = ft_clock_ms();
    while (ft_clock_ms() - start_ms < 250) {
        uv_run(&loop, UV_RUN_ONCE);
        turns++;
    }
    uv_timer_stop(&tick);
    ck_assert_int_lt(turns, 20);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    open_pair(listener);
    ft_link_close(client.link);
    run_until(&server.closed, 1);
    close(fd);
    ft_listener_close(listener);
}
END_TEST

/* Needs root to become somebody else. */
START_TEST(other_users_are_refused)
{
    struct ft_listener *listener;
    pid_t pid;
    int status = -1, done = 0;
    int64_t deadline_ms = ft_clock_ms() + DEADLINE_MS;

    if (geteuid() != 0)
        return;
    listener = listen_unix();
    /* The file's mode would keep others out already: this is the second lock. */
    ck_assert_int_eq(chmod(folder, 0755), 0);
    ck_assert_int_eq(chmod(path, 0666), 0);
    pid = fork();
    if (pid == 0) {
        uint8_t greeting[8] = {0xf7, 'F', 'T', 'P', 0, FT_PROTOCOL_OLDEST, 0, FT_PROTOCOL}, byte;
        int fd;

        if (setuid(65534) != 0)
            _exit(2);
        fd = connect_raw_unix();
        (void) !write(fd, greeting, sizeof greeting);
        /* closed without a word; "without a word" may be a reset */
        _exit(recv(fd, &byte, 1, 0) > 0);
    }
    while (!done && ft_clock_ms() < deadline_ms) {
        uv_run(&loop, UV_RUN_NOWAIT);
        done = waitpid(pid, &status, WNOHANG) == pid;
        usleep(1000);
    }
    ck_assert(done);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(server.opened, 0);
    ft_listener_close(listener);
}
END_TEST

START_TEST(rubbish_is_refused_and_told_what_is_spoken_here)
{
    struct ft_listener *listener = listen_tcp();
    const char rubbish[] = "GET / HTTP/1.1\r\n\r\n";
    int fd = connect_raw_tcp(ft_listener_port(listener));
    int64_t deadline_ms = ft_clock_ms() + DEADLINE_MS;
    uint8_t answer[64];
    size_t got = 0;
    ssize_t n = -1;

    ck_assert_int_eq(write(fd, rubbish, sizeof rubbish), sizeof rubbish);
    while (n != 0 && ft_clock_ms() < deadline_ms) {
        uv_run(&loop, UV_RUN_NOWAIT);
        n = recv(fd, answer + got, sizeof answer - got, MSG_DONTWAIT);
        if (n > 0)
            got += (size_t) n;
        else if (n < 0)
            usleep(1000);
    }
    ck_assert_int_eq(n, 0);
    ck_assert_uint_eq(got, 8);
    ck_assert_uint_eq(answer[0], 0xf7);
    ck_assert_uint_eq(answer[7], FT_PROTOCOL);
    ck_assert_int_eq(server.opened, 0);
    close(fd);
    ft_listener_close(listener);
}
END_TEST

START_TEST(malformed_input_closes_with_its_reason)
{
    struct ft_listener *listener = listen_unix();
    uint8_t bytes[16] = {0xf7, 'F', 'T', 'P', 0, FT_PROTOCOL_OLDEST, 0, FT_PROTOCOL, 0xff, 0xff, 0xff, 0xff};
    int fd = connect_raw_unix();

    ck_assert_int_eq(write(fd, bytes, 8), 8);
    run_until(&server.opened, 1);
    ck_assert_int_eq(write(fd, bytes + 8, 4), 4);
    close(fd);
    run_until(&server.closed, 1);
    ck_assert_int_eq(server.error, EMSGSIZE);
    ck_assert_ptr_nonnull(strstr(server.text, "4294967295"));
    ft_listener_close(listener);
}
END_TEST

START_TEST(an_end_in_the_middle_of_a_message_is_an_error)
{
    struct ft_listener *listener = listen_unix();
    uint8_t bytes[14] = {0xf7, 'F', 'T', 'P', 0, FT_PROTOCOL_OLDEST, 0, FT_PROTOCOL, 0, 0, 0, 9};
    int fd = connect_raw_unix();

    ck_assert_int_eq(write(fd, bytes, sizeof bytes), sizeof bytes);
    run_until(&server.opened, 1);
    ck_assert_int_eq(recv(fd, bytes, sizeof bytes, 0), 8); /* unread, it would be a reset */
    close(fd);
    run_until(&server.closed, 1);
    ck_assert_int_eq(server.error, ECONNRESET);
    ck_assert_ptr_nonnull(strstr(server.text, "in the middle of a message"));
    ft_listener_close(listener);
}
END_TEST

START_TEST(closing_a_listener_ends_its_unproven_links)
{
    struct ft_listener *listener = listen_tcp();
    int fd = connect_raw_tcp(ft_listener_port(listener));
    int64_t start_ms;
    char byte;

    for (int i = 0; i < 5; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    start_ms = ft_clock_ms();
    ft_listener_close(listener);
    run_out();
    while (recv(fd, &byte, 1, 0) > 0)
        continue;
    ck_assert_int_lt(ft_clock_ms() - start_ms, 2000);
    close(fd);
    ck_assert_int_eq(server.opened, 0);
    ft_listener_close(NULL);
}
END_TEST

/* Many at once, closed from both sides at random moments: no leak, each `closed` exactly once. */
START_TEST(a_crowd_comes_and_goes)
{
    static struct end ends[100];
    struct ft_listener *listener = listen_tcp();
    unsigned seed = (unsigned) getpid();
    int64_t deadline_ms = ft_clock_ms() + DEADLINE_MS;
    int closed = 0;

    memset(ends, 0, sizeof ends);
    server.echo = server.is_crowd = true;
    for (size_t i = 0; i < 100; i++) {
        struct ft_link *link;

        link = ft_link_connect_tcp(&loop, "127.0.0.1", ft_listener_port(listener), key, 5000,
                                   &events, &ends[i]);
        ck_assert_ptr_nonnull(link);
        ends[i].link = link;
        ends[i].close_on_open = rand_r(&seed) % 4 == 0;
        if (rand_r(&seed) % 4 == 0)
            ft_link_close(link);
    }
    while (closed < 100 && ft_clock_ms() < deadline_ms) {
        size_t i = (size_t) rand_r(&seed) % 100;

        if (ends[i].link != NULL && ends[i].opened > 0 && send_ping(ends[i].link, i) == 0 &&
            rand_r(&seed) % 3 == 0)
            ft_link_close(ends[i].link);
        uv_run(&loop, UV_RUN_NOWAIT);
        closed = 0;
        for (i = 0; i < 100; i++) {
            ck_assert_int_le(ends[i].closed, 1);
            closed += ends[i].closed;
        }
    }
    ck_assert_msg(closed == 100, "%d of 100 closed, seed %d", closed, (int) getpid());
    run_until(&server.closed, server.opened);
    ck_assert_int_eq(server.closed, server.opened);
    ft_listener_close(listener);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("link");
    TCase *t = tcase_create("link");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, tcp_messages_pass_both_ways);
    tcase_add_test(t, unix_messages_pass_and_the_peer_is_known);
    tcase_add_test(t, a_tcp_link_has_no_cred);
    tcase_add_test(t, what_is_queued_is_written_before_the_end);
    tcase_add_test(t, last_words_survive_unread_input);
    tcase_add_test(t, a_peer_that_never_closes_does_not_hold_the_end_up);
    tcase_add_test(t, close_from_within_opened);
    tcase_add_test(t, close_from_within_accepted);
    tcase_add_test(t, close_from_within_message);
    tcase_add_test(t, an_accepted_link_that_nobody_wants_is_closed);
    tcase_add_test(t, close_while_connecting);
    tcase_add_test(t, hosts_are_tried_in_turn);
    tcase_add_test(t, a_host_that_cannot_prove_itself_is_passed_over);
    tcase_add_test(t, all_failures_are_told);
    tcase_add_test(t, another_key_is_refused_on_both_sides);
    tcase_add_test(t, a_silent_host_costs_its_share_only);
    tcase_add_test(t, a_silent_address_costs_its_share_only);
    tcase_add_test(t, unusable_arguments);
    tcase_add_test(t, nobody_at_a_unix_path);
    tcase_add_test(t, a_live_socket_is_not_taken_a_stale_one_is);
    tcase_add_test(t, a_file_in_the_way_is_kept);
    tcase_add_test(t, a_successors_socket_is_not_removed);
    tcase_add_test(t, strangers_do_not_keep_honest_peers_out);
    tcase_add_test(t, who_does_not_prove_itself_is_closed);
    tcase_add_test(t, a_peer_that_takes_nothing_is_closed);
    tcase_add_test(t, a_slow_peer_is_not_closed);
    tcase_add_test(t, a_full_unix_socket_is_tried_again);
    tcase_add_test(t, a_unix_socket_that_stays_full_times_out);
    tcase_add_test(t, a_lack_of_descriptors_passes);
    tcase_add_test(t, other_users_are_refused);
    tcase_add_test(t, rubbish_is_refused_and_told_what_is_spoken_here);
    tcase_add_test(t, malformed_input_closes_with_its_reason);
    tcase_add_test(t, an_end_in_the_middle_of_a_message_is_an_error);
    tcase_add_test(t, closing_a_listener_ends_its_unproven_links);
    tcase_add_test(t, a_crowd_comes_and_goes);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
