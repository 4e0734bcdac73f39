/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_beats.c - what the heartbeats of many nodes cost the central unit.
 *
 *     bench_beats CENTRALD [NODES [SECONDS]]      10000 nodes, 12 s
 *
 * Starts one real ft-centrald as a launcher would, and plays the units of as many nodes: each has
 * its connection, its Hello and Welcome, and beats by the same code as ft-noded does (core/pulse),
 * under the leader's key, from one of a few sockets. When all hold a lease and WARM_S have
 * passed, the central unit's processor time is taken, and again SECONDS later. Prints
 *
 *     bench nodes=10000 beat_ms=500 seconds=12.0 core_pct=4.10 ...
 *
 * and ends with 1, saying why, if it is not true that the central unit watched all of them well: a
 * lease missing, a node suspected.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "common/clock.h"
#include "common/text.h"
#include "common/urgent.h"
#include "core/pulse.h"
#include "ft.h"
#include "net/address.h"
#include "net/link.h"
#include "net/udp.h"
#include "wire/channel.h"
#include "wire/datagram.h"

#define NODES_DEFAULT 10000
#define NODES_MAX 50000
#define SECONDS_DEFAULT 12
#define WARM_S 5
#define READY_MAX_S 90
/* Few, so that each is so busy that it rests (net/udp): what is sent to a socket that somebody
 * waits for wakes that process, on this machine and at the sender's cost; that of a real node it
 * would not. */
#define SOCKETS 2
#define OPENING_MAX 16 /* connections being made at a time */
#define NUMBER_BITS 16
#define ROLE_UNIT 2

struct bench;

struct unit {
    struct bench *bench;
    char name[16];
    struct ft_link *link;
    struct ft_pulse *pulse;
    uint64_t sequence;
    int socket;
    uint32_t welcome_number;
    bool welcomed;
};

struct bench {
    uv_loop_t loop;
    struct unit *units;
    int nodes, begun, opening, welcomed;
    struct ft_udp *udp[SOCKETS];
    struct sockaddr_storage central;
    struct ft_datagram_key key;
    uint8_t secret[FT_KEY_BYTES];
    uint64_t run;
    uint16_t port;
    pid_t pid;
    int life; /* the central unit's standard input */
    uv_timer_t timer;
    uint64_t beats, acks, pings;
    uint64_t passed; /* acknowledgements that came by way of another unit */
    uint64_t direct; /* heartbeats that asked for one of the central unit itself */
    int seconds;
    int64_t ready_ns, began_ns, until_ns;
    double core_s;
    uint64_t beats_began, acks_began, passed_began, direct_began;
    bool failed;
    char folder[64], events[128];
};

static void fail(struct bench *bench, const char *what)
{
    fprintf(stderr, "bench_beats: %s\n", what);
    bench->failed = true;
    uv_stop(&bench->loop);
}

/* ---------------------------------------------------------------- heartbeats */

static int64_t pulse_now_ns(void *arg)
{
    (void) arg;
    return (int64_t) ft_clock_ns();
}

static void post(struct unit *unit, struct ft_datagram *datagram, const struct sockaddr *to)
{
    struct bench *bench = unit->bench;
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    size_t n;

    datagram->boot = bench->run;
    datagram->sequence = ++unit->sequence;
    datagram->term = ft_pulse_term(unit->pulse);
    datagram->incarnation = ft_pulse_incarnation(unit->pulse);
    if (datagram->type != FT_DATAGRAM_BEAT)
        ft_text_copy(datagram->sender, sizeof datagram->sender, unit->name);
    n = ft_datagram_encode(datagram, &bench->key, bytes, sizeof bytes);
    if (n > 0)
        ft_udp_post(bench->udp[unit->socket], to, bytes, n);
}

static void pulse_beat(void *arg, int64_t sent_ns, enum ft_pulse_ask ask)
{
    struct unit *unit = arg;
    struct ft_datagram beat;

    ft_datagram_clear(&beat);
    beat.type = FT_DATAGRAM_BEAT;
    beat.flags = ask == FT_PULSE_ASKS_NOTHING  ? 0
                 : ask == FT_PULSE_ASKS_SHARED ? FT_DATAGRAM_RENEW | FT_DATAGRAM_SHARED
                                               : FT_DATAGRAM_RENEW;
    /* Many units share a socket. Whose beat is acknowledged is told by the time that comes back:
     * its last bits, a little back so that it stays in the past, are the unit's number. */
    beat.sent_ns = (((uint64_t) sent_ns >> NUMBER_BITS) - 1) << NUMBER_BITS |
                   (uint64_t) (unit - unit->bench->units);
    beat.value = unit->welcome_number;
    unit->bench->beats++;
    unit->bench->direct += ask == FT_PULSE_ASKS_DIRECT;
    post(unit, &beat, (const struct sockaddr *) &unit->bench->central);
}

static void pulse_lease_got(void *arg, int64_t until_ns)
{
    (void) arg;
    (void) until_ns;
}

static void pulse_lease_lost(void *arg, bool fenced)
{
    (void) arg;
    (void) fenced;
}

static void take_ping(struct bench *bench, const struct ft_datagram *ping,
                      const struct sockaddr *from)
{
    struct unit *unit = NULL;
    struct ft_datagram pong;
    int number = atoi(ping->receiver + 1);

    bench->pings++;
    if (ping->receiver[0] == 'b' && number >= 0 && number < bench->nodes)
        unit = &bench->units[number];
    if (unit == NULL || unit->pulse == NULL)
        return;
    ft_datagram_clear(&pong);
    pong.type = FT_DATAGRAM_PONG;
    pong.echo_ns = ping->sent_ns;
    post(unit, &pong, from);
}

/* As noded/heart does it: each goes to its unit, by the network. */
static void pass_on(struct bench *bench, const struct ft_datagram *datagram)
{
    uint8_t bytes[FT_DATAGRAM_MAX_BYTES];
    struct sockaddr_storage to;
    struct ft_datagram ack;
    size_t n;

    for (size_t i = 0; i < datagram->acks_n; i++) {
        ft_datagram_passed_on(datagram, i, &ack);
        ft_address_unpack(datagram->acks[i].address, datagram->acks[i].port, &to);
        n = ft_datagram_encode(&ack, &bench->key, bytes, sizeof bytes);
        ft_udp_post(bench->udp[0], (const struct sockaddr *) &to, bytes, n);
    }
    bench->passed += datagram->acks_n;
}

static void on_packet(void *arg, const uint8_t *bytes, size_t n, const struct sockaddr *from)
{
    struct bench *bench = arg;
    struct ft_datagram datagram;
    size_t number;

    if (ft_datagram_decode(bytes, n, &bench->key, &datagram) != 0)
        return;
    if (datagram.type == FT_DATAGRAM_PING) {
        take_ping(bench, &datagram, from);
        return;
    }
    number = datagram.echo_ns & ((1u << NUMBER_BITS) - 1);
    if (datagram.type == FT_DATAGRAM_PASS_ON)
        pass_on(bench, &datagram);
    else if (datagram.type != FT_DATAGRAM_BEAT_ACK)
        return;
    if (number >= (size_t) bench->nodes)
        return;
    bench->acks++;
    (void) ft_pulse_ack(bench->units[number].pulse, datagram.term, datagram.incarnation,
                        (int64_t) datagram.echo_ns);
}

/* ---------------------------------------------------------------- connections */

static void on_opened(void *arg, struct ft_link *link)
{
    struct unit *unit = arg;
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Hello hello = FT__HELLO__INIT;

    hello.protocol = FT_PROTOCOL;
    hello.program = (char *) (uintptr_t) "bench_beats";
    hello.node = unit->name;
    hello.job = (char *) (uintptr_t) "";
    hello.rank = -1;
    hello.pid = getpid();
    hello.role = ROLE_UNIT;
    hello.start = unit->bench->run;
    hello.udp_port = ft_udp_port(unit->bench->udp[unit->socket]);
    message.body_case = FT__MESSAGE__BODY_HELLO;
    message.hello = &hello;
    if (ft_link_send(link, &message) != 0)
        fail(unit->bench, "a Hello cannot be sent");
}

static void take_welcome(struct unit *unit, const Ft__Welcome *welcome)
{
    struct bench *bench = unit->bench;

    if (welcome->beat_key.len != FT_DATAGRAM_KEY_BYTES || unit->welcomed) {
        fail(bench, "a Welcome is not as it should be");
        return;
    }
    unit->welcomed = true;
    unit->welcome_number = welcome->number;
    bench->welcomed++;
    bench->opening--;
    if (bench->welcomed == 1) {
        ft_datagram_key_set(&bench->key, welcome->beat_key.data);
        if (!ft_link_address(unit->link, &bench->central))
            fail(bench, "the central unit has no address");
    }
    ft_pulse_welcome(unit->pulse, welcome->term, welcome->incarnation, welcome->beat_ms,
                     welcome->lease_ms);
}

static void on_message(void *arg, struct ft_link *link, const Ft__Message *message)
{
    struct unit *unit = arg;

    (void) link;
    if (message->body_case == FT__MESSAGE__BODY_WELCOME)
        take_welcome(unit, message->welcome);
    else if (message->body_case == FT__MESSAGE__BODY_HELLO && message->hello->refused != 0)
        fail(unit->bench, "the central unit refuses a unit");
}

static void on_closed(void *arg, struct ft_link *link, int error, const char *text)
{
    struct unit *unit = arg;
    char why[400];

    (void) link;
    unit->link = NULL;
    snprintf(why, sizeof why, "the connection of %s is lost: %s", unit->name,
             error != 0 ? text : "closed by the central unit");
    fail(unit->bench, why);
}

static const struct ft_link_events link_events = {
    .opened = on_opened, .message = on_message, .closed = on_closed};

static void open_more(struct bench *bench)
{
    while (bench->begun < bench->nodes && bench->opening < OPENING_MAX) {
        struct unit *unit = &bench->units[bench->begun];
        struct ft_pulse_env env = {.arg = unit, .now_ns = pulse_now_ns, .beat = pulse_beat,
                                   .lease_got = pulse_lease_got, .lease_lost = pulse_lease_lost};

        unit->bench = bench;
        unit->socket = bench->begun % SOCKETS;
        snprintf(unit->name, sizeof unit->name, "b%d", bench->begun);
        unit->pulse = ft_pulse_create(&env, (uint64_t) bench->begun * UINT64_C(2654435761));
        unit->link = ft_link_connect_tcp(&bench->loop, "127.0.0.1", bench->port, bench->secret,
                                         20000, &link_events, unit);
        bench->begun++;
        bench->opening++;
        if (unit->pulse == NULL || unit->link == NULL) {
            fail(bench, "out of memory");
            return;
        }
    }
}

/* ---------------------------------------------------------------- measuring */

/* Seconds that a process (of one thread) has been on a processor, -1 if it is gone. By the
 * scheduler's own account, to the nanosecond; /proc/PID/stat counts whom the clock's tick meets,
 * and who sleeps by timers is met too often. */
static double core_seconds(pid_t pid)
{
    unsigned long long ran_ns = 0;
    char path[64];
    FILE *file;
    int n;

    snprintf(path, sizeof path, "/proc/%ld/schedstat", (long) pid);
    file = fopen(path, "r");
    if (file == NULL)
        return -1;
    n = fscanf(file, "%llu", &ran_ns);
    fclose(file);
    return n == 1 ? (double) ran_ns / 1e9 : -1;
}

static int leases(const struct bench *bench)
{
    int n = 0;

    for (int i = 0; i < bench->begun; i++)
        n += ft_pulse_has_lease(bench->units[i].pulse);
    return n;
}

/* The event log of a central unit that watched them well has nothing to say of silence. */
static void look_at_events(struct bench *bench)
{
    FILE *file = fopen(bench->events, "r");
    char line[4096];

    if (file == NULL) {
        fail(bench, "there is no event log");
        return;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (strstr(line, "\"node_silent\"") != NULL || strstr(line, "\"node_declared\"") != NULL ||
            strstr(line, "\"network_event\"") != NULL) {
            fprintf(stderr, "bench_beats: %s", line);
            bench->failed = true;
            break;
        }
    }
    fclose(file);
}

static void report(struct bench *bench, int64_t now_ns)
{
    double seconds = (double) (now_ns - bench->began_ns) / 1e9;
    double core_s = core_seconds(bench->pid);

    if (core_s < 0) {
        fail(bench, "the central unit is gone");
        return;
    }
    look_at_events(bench);
    if (leases(bench) != bench->nodes)
        fail(bench, "not all have a lease");
    printf("bench nodes=%d beat_ms=%u seconds=%.1f core_pct=%.2f "
           "beats_per_s=%.0f acks_per_s=%.0f passed_on_per_s=%.0f asked_directly_per_s=%.0f "
           "leases=%d pings=%" PRIu64 "\n", bench->nodes,
           ft_pulse_beat_ms(bench->units[0].pulse), seconds,
           100 * (core_s - bench->core_s) / seconds,
           (double) (bench->beats - bench->beats_began) / seconds,
           (double) (bench->acks - bench->acks_began) / seconds,
           (double) (bench->passed - bench->passed_began) / seconds,
           (double) (bench->direct - bench->direct_began) / seconds, leases(bench), bench->pings);
    uv_stop(&bench->loop);
}

static void on_timer(uv_timer_t *timer)
{
    struct bench *bench = timer->data;
    int64_t now_ns = (int64_t) ft_clock_ns();

    for (int i = 0; i < bench->begun; i++) {
        if (ft_pulse_next_deadline_ns(bench->units[i].pulse) <= now_ns)
            ft_pulse_tick(bench->units[i].pulse);
    }
    open_more(bench);
    if (bench->ready_ns == 0 && bench->welcomed == bench->nodes && leases(bench) == bench->nodes) {
        bench->ready_ns = now_ns + WARM_S * INT64_C(1000000000);
    } else if (bench->ready_ns == 0 && now_ns > bench->until_ns) {
        fail(bench, "not all have a lease in time");
    } else if (bench->ready_ns != 0 && bench->began_ns == 0 && now_ns >= bench->ready_ns) {
        bench->began_ns = now_ns;
        bench->core_s = core_seconds(bench->pid);
        bench->beats_began = bench->beats;
        bench->acks_began = bench->acks;
        bench->passed_began = bench->passed;
        bench->direct_began = bench->direct;
    } else if (bench->began_ns != 0 &&
               now_ns >= bench->began_ns + bench->seconds * INT64_C(1000000000)) {
        report(bench, now_ns);
    }
}

/* ---------------------------------------------------------------- the central unit */

static void in_child(struct bench *bench, const char *centrald, int in, int out)
{
    char job[32];

    snprintf(job, sizeof job, "bench-%ld", (long) getpid());
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    for (int i = 3; i < 20; i++)
        close(i);
    execl(centrald, centrald, "--job", job, "--events", bench->events, (char *) NULL);
    fprintf(stderr, "bench_beats: %s: %s\n", centrald, strerror(errno));
    _exit(127);
}

/* 0, or -1 having said why. */
static int start_central(struct bench *bench, const char *centrald)
{
    char hex[2 * FT_KEY_BYTES + 1], line[300] = "";
    int in[2], out[2];
    FILE *said;
    unsigned port = 0;

    for (size_t i = 0; i < sizeof bench->secret; i++)
        bench->secret[i] = (uint8_t) (rand() >> 4);
    ft_text_hex(hex, sizeof hex, bench->secret, sizeof bench->secret);
    if (pipe(in) != 0 || pipe(out) != 0)
        return -1;
    bench->pid = fork();
    if (bench->pid == 0)
        in_child(bench, centrald, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    bench->life = in[1];
    dprintf(bench->life, "key %s\nlauncher-pid %ld\n", hex, (long) getpid());
    said = fdopen(out[0], "r");
    if (said == NULL || fgets(line, sizeof line, said) == NULL ||
        sscanf(line, "ready %u", &port) != 1) {
        fprintf(stderr, "bench_beats: %s did not begin\n", centrald);
        return -1;
    }
    fclose(said);
    bench->port = (uint16_t) port;
    return 0;
}

static void raise_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_max < NODES_MAX + 1000)
        limit.rlim_max = NODES_MAX + 1000;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max; /* no more than we may */
    (void) setrlimit(RLIMIT_NOFILE, &limit);
}

static int make(struct bench *bench, int argc, char *argv[])
{
    bench->nodes = argc > 2 ? atoi(argv[2]) : NODES_DEFAULT;
    bench->seconds = argc > 3 ? atoi(argv[3]) : SECONDS_DEFAULT;
    if (argc < 2 || bench->nodes < 1 || bench->nodes > NODES_MAX || bench->seconds < 1) {
        fprintf(stderr, "usage: bench_beats CENTRALD [NODES [SECONDS]]\n");
        return -1;
    }
    signal(SIGPIPE, SIG_IGN);
    raise_files();
    (void) ft_urgent(); /* many machines would not wait for each other */
    srand((unsigned) ft_clock_ns());
    bench->run = (uint64_t) ft_clock_unix_ms() * 1000000;
    snprintf(bench->folder, sizeof bench->folder, "/tmp/ft-bench-beats.XXXXXX");
    bench->units = calloc((size_t) bench->nodes, sizeof *bench->units);
    if (bench->units == NULL || mkdtemp(bench->folder) == NULL)
        return -1;
    snprintf(bench->events, sizeof bench->events, "%s/events.jsonl", bench->folder);
    if (start_central(bench, argv[1]) < 0)
        return -1;
    uv_loop_init(&bench->loop);
    for (int i = 0; i < SOCKETS; i++) {
        bench->udp[i] = ft_udp_create(&bench->loop, "127.0.0.1", 0, on_packet, bench);
        if (bench->udp[i] == NULL)
            return -1;
    }
    uv_timer_init(&bench->loop, &bench->timer);
    bench->timer.data = bench;
    bench->until_ns = (int64_t) ft_clock_ns() + READY_MAX_S * INT64_C(1000000000);
    uv_timer_start(&bench->timer, on_timer, 0, 1);
    return 0;
}

int main(int argc, char *argv[])
{
    static struct bench bench;
    int status;

    if (make(&bench, argc, argv) < 0) {
        if (bench.pid > 0)
            close(bench.life);
        return 1;
    }
    uv_run(&bench.loop, UV_RUN_DEFAULT);
    close(bench.life); /* that is the launcher's end for it, and it ends, too */
    if (bench.failed)
        fprintf(stderr, "bench_beats: %d of %d are welcome, %d have a lease\n", bench.welcomed,
                bench.nodes, leases(&bench));
    for (int i = 0; i < 100 && waitpid(bench.pid, &status, WNOHANG) == 0; i++)
        usleep(50000);
    if (getenv("BENCH_KEEP") == NULL)
        unlink(bench.events);
    rmdir(bench.folder);
    return bench.failed ? 1 : 0;
}
