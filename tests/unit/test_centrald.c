/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_centrald.c - ft-centrald as a program: started as the launcher does it, spoken to as units,
 * clients and the launcher do. What it decides is core's matter (test_core*.c, tests/sim); here it
 * is shown that decisions get in and out, and that the program begins and ends as it should.
 */
#define _GNU_SOURCE /* pipe2 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yyjson.h>

#include "centrald_peer.h"
#include "common/clock.h"
#include "common/text.h"

#define JOB "launcher-1@1"
#define GIB (UINT64_C(1) << 30)

extern char **environ;

/* A central unit that runs. */
struct running {
    pid_t pid;
    int input;
    uint16_t port;
    char socket[128];
    char session[64];
    char events[128];
    uint8_t key[FT_KEY_BYTES];
};

static char folder[64]; /* of this test's files */
static unsigned sessions;

static const struct ft_facts small = {.arch = "x86_64", .packages = 1, .numa_nodes = 1, .cores = 2,
                                      .pus = 2, .memory_bytes = 4 * GIB, .kind = 11};
static const struct ft_facts big = {.arch = "x86_64", .packages = 2, .numa_nodes = 2, .cores = 16,
                                    .pus = 32, .memory_bytes = 64 * GIB, .kind = 22};

/* ---------------------------------------------------------------- files */

static void setup(void)
{
    strcpy(folder, "/tmp/ft-test-centrald-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static char *path_in(const char *name)
{
    static char paths[4][128];
    static unsigned n;
    char *path = paths[n++ % 4];

    snprintf(path, 128, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *path, mode_t mode, const char *text)
{
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(path, mode), 0);
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 20);

    ck_assert_ptr_nonnull(text);
    if (file != NULL) {
        size_t n = fread(text, 1, (1 << 20) - 1, file);

        text[n] = '\0';
        fclose(file);
    }
    return text;
}

/* Waits until a file contains a text. */
static void await_text(const char *path, const char *text)
{
    int64_t until_ms = ft_clock_ms() + PEER_TIMEOUT_MS;

    for (;;) {
        char *content = read_file(path);
        bool there = strstr(content, text) != NULL;

        if (!there && ft_clock_ms() > until_ms)
            ck_abort_msg("%s does not come to contain \"%s\":\n%s", path, text, content);
        free(content);
        if (there)
            return;
        poll(NULL, 0, 5);
    }
}

/* ---------------------------------------------------------------- running it */

static void program_path(char *path, size_t size)
{
    const char *build = getenv("FT_TEST_BUILDDIR");

    snprintf(path, size, "%s/src/centrald/ft-centrald", build != NULL ? build : ".");
}

/* Starts the program with its standard streams on pipes; environment: "NAME=VALUE" or NULL. */
static pid_t start(int *input, int *output, int *errors, char *const arguments[],
                   const char *environment)
{
    int in[2], out[2], err[2];
    char path[512];
    pid_t pid;

    program_path(path, sizeof path);
    ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(err, O_CLOEXEC), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(err[1], 2);
        unsetenv("FT_CONF");
        unsetenv("FT_POOL");
        unsetenv("FT_SHARE");
        setenv("FT_RSH_AGENT", "/bin/false", 1);
        if (environment != NULL)
            putenv((char *) environment);
        execv(path, arguments);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    close(err[1]);
    *input = in[1];
    *output = out[0];
    *errors = err[0];
    return pid;
}

static void read_all(int file, char *text, size_t size, bool one_line)
{
    int64_t until_ms = ft_clock_ms() + PEER_TIMEOUT_MS;
    size_t n = 0;

    for (;;) {
        struct pollfd poll_file = {.fd = file, .events = POLLIN};
        ssize_t got;

        ck_assert_int_gt(until_ms, ft_clock_ms());
        ck_assert_int_gt(poll(&poll_file, 1, PEER_TIMEOUT_MS), 0);
        got = read(file, text + n, one_line ? 1 : size - 1 - n);
        if (got <= 0 || (one_line && text[n] == '\n'))
            break;
        n += (size_t) got;
    }
    text[n] = '\0';
}

static int wait_end(pid_t pid)
{
    int64_t until_ms = ft_clock_ms() + PEER_TIMEOUT_MS;
    int status;

    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (ft_clock_ms() > until_ms) {
            kill(pid, SIGKILL);
            ck_abort_msg("ft-centrald does not end");
        }
        poll(NULL, 0, 5);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Calls it with arguments that it should refuse: exit code, and what it says. */
static int run_refused(char *said, size_t size, const char *told, char *const arguments[])
{
    int input, output, errors, code;
    pid_t pid = start(&input, &output, &errors, arguments, NULL);

    ck_assert_int_eq(write(input, told, strlen(told)), (ssize_t) strlen(told));
    close(input);
    read_all(errors, said, size, false);
    code = wait_end(pid);
    close(output);
    close(errors);
    return code;
}

static void run(struct running *running, const char *conf, const char *pool, const char *events,
                const char *environment)
{
    char *arguments[] = {(char *) "ft-centrald", (char *) "--job", running->session,
                         (char *) "--conf", (char *) conf, (char *) "--events",
                         running->events, (char *) "--pool", (char *) pool, NULL};
    char key[2 * FT_KEY_BYTES + 1], line[256];
    int output, errors;
    unsigned port;

    memset(running, 0, sizeof *running);
    snprintf(running->session, sizeof running->session, "test-%d-%u", (int) getpid(), ++sessions);
    snprintf(running->events, sizeof running->events, "%s",
             events != NULL ? events : path_in("events.jsonl"));
    for (int i = 0; i < FT_KEY_BYTES; i++)
        running->key[i] = (uint8_t) (i * 7 + 1);
    running->pid = start(&running->input, &output, &errors, arguments, environment);
    ft_text_hex(key, sizeof key, running->key, FT_KEY_BYTES);
    snprintf(line, sizeof line, "key %s\nlauncher-pid %d\n", key, (int) getpid());
    ck_assert_int_eq(write(running->input, line, strlen(line)), (ssize_t) strlen(line));
    read_all(output, line, sizeof line, true);
    if (sscanf(line, "ready %u %127s", &port, running->socket) != 2) {
        read_all(errors, line, sizeof line, false);
        ck_abort_msg("it did not become ready: %s", line);
    }
    running->port = (uint16_t) port;
    close(output);
    close(errors);
}

static char *no_conf(void)
{
    char *path = path_in("empty.conf");

    write_file(path, 0600, "");
    return path;
}

static int cut(struct running *running)
{
    close(running->input);
    return wait_end(running->pid);
}

static void join_unit(struct running *running, struct peer *peer, const char *node,
                      const struct ft_facts *facts)
{
    ck_assert(peer_connect_tcp(peer, running->port, running->key));
    ck_assert_int_eq(peer_hello(peer, node, 2, "", -1), 0);
    peer_node_info(peer, facts, "");
    ft__message__free_unpacked(peer_expect(peer, FT__MESSAGE__BODY_NEED_TOPOLOGY), NULL);
}

static void join_launcher(struct running *running, struct peer *peer)
{
    ck_assert(peer_connect_unix(peer, running->socket));
    ck_assert_int_eq(peer_hello(peer, "n0", 4, "", -1), 0);
}

/* The launcher's word: a job of `n` ranks, one on each of the nodes n0, n1, ... */
static void report_job(struct peer *launcher, int n)
{
    ftProcessInfo_t processes[8];
    char names[8][16];
    ftReply_t reply;
    ftAction_t action;

    for (int i = 0; i < n; i++) {
        snprintf(names[i], sizeof names[i], "n%d", i);
        processes[i] = (ftProcessInfo_t) {.rank = i, .pid = 100 + i, .node = names[i]};
        action = ftNodeChanged(names[i], i, FT_NODE_JOINED, NULL);
        ck_assert_int_eq(peer_request(launcher, &action, &reply), FT_OK);
    }
    action = ftJobStarted(JOB, "", processes, (size_t) n);
    ck_assert_int_eq(peer_request(launcher, &action, &reply), FT_OK);
}

static void lose_node(struct peer *launcher, const char *node, int daemon)
{
    ftAction_t action =
        ftNodeChanged(node, daemon, FT_NODE_LOST, "connection to its daemon closed");
    ftReply_t reply;

    ck_assert_int_eq(peer_request(launcher, &action, &reply), FT_OK);
    ck_assert_uint_gt(reply.event, 0);
}

/* The event log as lines of JSON, checked: numbered without gap, with all that every entry has.
 * Returns how many entries have this name. */
static int count_events(const struct running *running, const char *name)
{
    char *text = read_file(running->events);
    char *rest = NULL;
    uint64_t seq = 0;
    int n = 0;

    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        yyjson_doc *doc = yyjson_read(line, strlen(line), 0);
        yyjson_val *root = yyjson_doc_get_root(doc);

        ck_assert_msg(root != NULL, "no JSON: %s", line);
        ck_assert_uint_eq(yyjson_get_uint(yyjson_obj_get(root, "seq")), ++seq);
        ck_assert_uint_eq(yyjson_get_len(yyjson_obj_get(root, "time")), 24);
        ck_assert(yyjson_is_num(yyjson_obj_get(root, "ms")));
        ck_assert_uint_gt(yyjson_get_len(yyjson_obj_get(root, "text")), 10);
        if (strcmp(yyjson_get_str(yyjson_obj_get(root, "event")), name) == 0)
            n++;
        yyjson_doc_free(doc);
    }
    free(text);
    ck_assert_uint_gt(seq, 0);
    return n;
}

/* ---------------------------------------------------------------- tests */

START_TEST(test_refuses_to_begin)
{
    char *contradiction[] = {(char *) "ft-centrald", (char *) "--job", (char *) "x",
                             (char *) "--check", NULL};
    char *bad_job[] = {(char *) "ft-centrald", (char *) "--job", (char *) "../x", NULL};
    char *bad_conf[] = {(char *) "ft-centrald", (char *) "--job", (char *) "x",
                        (char *) "--conf", NULL, NULL};
    char *no_conf_there[] = {(char *) "ft-centrald", (char *) "--job", (char *) "x",
                             (char *) "--conf", (char *) "/nowhere/ft.conf", NULL};
    char *job[] = {(char *) "ft-centrald", (char *) "--job", (char *) "test-refused", NULL};
    char said[2048];
    struct {
        const char *conf, *says;
    } confs[] = {
        {"share = true\npol = {\"n3\"}\n", "there is no option 'pol'"},
        {"\n\nprobes_max = 0\n", "bad.conf:3: probes_max = 0 is out of range"},
        {"settle_ms = soon\n", "bad.conf:1:"},
        {"pool = {\"n[3\"}\n", "bad.conf:1: pool:"},
        {"node { location = \"x\" }\n", "bad.conf:1:"},
    };

    ck_assert_int_eq(run_refused(said, sizeof said, "", contradiction), 2);
    ck_assert_ptr_nonnull(strstr(said, "--job does not go together with --check"));
    ck_assert_int_eq(run_refused(said, sizeof said, "", bad_job), 1);
    ck_assert_ptr_nonnull(strstr(said, "cannot be a session's name"));
    ck_assert_int_eq(run_refused(said, sizeof said, "", no_conf_there), 1);
    ck_assert_ptr_nonnull(strstr(said, "/nowhere/ft.conf: No such file"));
    for (size_t i = 0; i < sizeof confs / sizeof confs[0]; i++) {
        bad_conf[4] = path_in("bad.conf");
        write_file(bad_conf[4], 0600, confs[i].conf);
        ck_assert_int_eq(run_refused(said, sizeof said, "", bad_conf), 1);
        ck_assert_msg(strstr(said, confs[i].says) != NULL, "\"%s\" says: %s", confs[i].conf, said);
    }
    ck_assert_int_eq(run_refused(said, sizeof said, "", job), 1);
    ck_assert_ptr_nonnull(strstr(said, "standard input ended"));
    ck_assert_int_eq(run_refused(said, sizeof said, "key 1234secret\n", job), 1);
    ck_assert_ptr_nonnull(strstr(said, "64 hexadecimal"));
    ck_assert_msg(strstr(said, "1234secret") == NULL, "a key was shown: %s", said);
}
END_TEST

START_TEST(test_begins_and_ends)
{
    struct running running;
    struct peer unit;
    char path[160];
    char *said;

    run(&running, no_conf(), "", NULL, NULL);
    join_unit(&running, &unit, "n1", &small);
    snprintf(path, sizeof path, "%s", running.socket);
    ck_assert_int_eq(access(path, F_OK), 0);
    close(running.input);
    ft__message__free_unpacked(peer_expect(&unit, FT__MESSAGE__BODY_LEAVE), NULL);
    ck_assert(peer_is_closed(&unit));
    ck_assert_int_eq(wait_end(running.pid), 0);
    said = read_file(running.events);
    ck_assert_msg(strstr(strstr(said, "central_ended"), "\n")[1] == '\0', "not the end: %s", said);
    free(said);
    *strrchr(path, '/') = '\0';
    ck_assert_msg(access(path, F_OK) < 0, "%s is left behind", path);
    ck_assert_int_eq(count_events(&running, "central_ended"), 1);
    peer_close(&unit);
}
END_TEST

START_TEST(test_a_stranger_is_refused)
{
    struct running running;
    struct peer stranger, unit, launcher, client;
    uint8_t key[FT_KEY_BYTES] = {1, 2, 3};
    ftAction_t action = ftJobEnded(JOB, 0);
    ftReply_t reply;
    pid_t pid;
    int status;

    run(&running, no_conf(), "", NULL, NULL);
    ck_assert(!peer_connect_tcp(&stranger, running.port, key) || peer_is_closed(&stranger));
    peer_close(&stranger);
    join_launcher(&running, &launcher);
    report_job(&launcher, 2);
    join_unit(&running, &unit, "n1", &small);
    peer_ask(&unit, 1, &action, 1000, JOB, 0);
    peer_answer(&unit, 1, &reply);
    ck_assert_int_eq(reply.status, FT_ERR_DENIED);
    /* Another process of the same user, on the launcher's socket. */
    pid = fork();
    if (pid == 0) {
        bool denied = peer_connect_unix(&client, running.socket) &&
                      peer_hello(&client, "n0", 4, "", -1) == 0 &&
                      peer_request(&client, &action, &reply) == FT_ERR_DENIED;
        _exit(denied ? 0 : 1);
    }
    ck_assert(waitpid(pid, &status, 0) == pid && status == 0);
    ck_assert_int_eq(peer_request(&launcher, &action, &reply), FT_OK);
    peer_close(&unit);
    peer_close(&launcher);
    ck_assert_int_eq(cut(&running), 0);
    ck_assert_int_eq(count_events(&running, "report_denied"), 2);
}
END_TEST

/* The main road: a subscriber's node is lost, a node of the pool is probed and given, a stand-in is
 * started there by one publisher and reached by the other. */
START_TEST(test_main_road)
{
    struct running running;
    struct peer launcher, n0, n1, n2, p1, p2;
    ftConstraint_t constraint = ftNeedAtLeast(ftAny());
    ftAction_t action;
    ftReply_t a, b;
    uint64_t decision;
    ftProcessInfo_t standin = {.rank = 0, .pid = 500, .node = "p2"};

    run(&running, no_conf(), "p[1-2]", NULL, NULL);
    join_launcher(&running, &launcher);
    join_unit(&running, &n0, "n0", &small);
    join_unit(&running, &n1, "n1", &big);
    join_unit(&running, &p1, "p1", &big);
    ck_assert(peer_connect_tcp(&p2, running.port, running.key));
    ck_assert_int_eq(peer_hello(&p2, "p2", 2, "", -1), 0);
    peer_node_info(&p2, &big, "");
    ck_assert(peer_connect_tcp(&n2, running.port, running.key));
    ck_assert_int_eq(peer_hello(&n2, "n2", 2, "", -1), 0);
    report_job(&launcher, 3);
    await_text(running.events, "node p2: x86_64");

    /* Two publishers ask for one lost subscriber. */
    action = resourceError(ftRank(1), FT_SEND);
    peer_ask(&n0, 1, &action, 1000, JOB, 0);
    peer_answer(&n0, 1, &a);
    ck_assert_int_eq(a.status, FT_OK);
    lose_node(&launcher, "n1", 1);
    action = findAlternative(ftRank(1), constraint);
    peer_ask(&n0, 2, &action, 5000, JOB, 0);
    peer_ask(&n2, 3, &action, 5000, JOB, 2);
    peer_answer_probe(&p1, &big, 60 * GIB, 3, "the fan does not turn");
    peer_answer_probe(&p2, &big, 60 * GIB, 0, "");
    peer_answer(&n0, 2, &a);
    peer_answer(&n2, 3, &b);
    ck_assert_int_eq(a.status, FT_OK);
    ck_assert_str_eq(a.alternative.node, "p2");
    ck_assert_str_eq(b.alternative.node, "p2");
    ck_assert_uint_eq(a.decision, b.decision);
    ck_assert_str_eq(a.lost_node, "n1");
    ck_assert_int_eq(a.rung, FT_BY_NEW_NODE);
    ck_assert_int_eq(a.reach, FT_REACH_START);
    ck_assert_int_eq(a.repairable, 0);
    ck_assert_ptr_nonnull(strstr(a.repair, "node n1 is lost: connection to its daemon closed"));
    ck_assert_ptr_nonnull(strstr(a.match, "16 cores"));
    ck_assert_uint_eq(a.probed, 2);
    ck_assert(a.steps.known_ms >= 0 && a.steps.total_ms > 0 && a.steps.probe_ms > 0);
    decision = a.decision;

    /* One starts the stand-in, the other is told where it is. */
    action = ftClaim(decision);
    peer_ask(&n0, 4, &action, 5000, JOB, 0);
    peer_answer(&n0, 4, &a);
    ck_assert_int_eq(a.reach, FT_REACH_START);
    ck_assert_str_eq(a.resource.job, JOB);
    ck_assert_int_eq(a.resource.number, 1);
    peer_ask(&n2, 5, &action, 5000, JOB, 2);
    action = ftNodeChanged("p2", 7, FT_NODE_JOINED, NULL);
    ck_assert_int_eq(peer_request(&launcher, &action, &b), FT_OK);
    action = ftJobStarted("launcher-1@2", JOB, &standin, 1);
    ck_assert_int_eq(peer_request(&launcher, &action, &b), FT_OK);
    action = ftAnnounce(decision, "port-of-the-standin");
    peer_ask(&p2, 6, &action, 5000, "launcher-1@2", 0);
    peer_answer(&p2, 6, &b);
    ck_assert_int_eq(b.status, FT_OK);
    peer_answer(&n2, 5, &b);
    ck_assert_int_eq(b.status, FT_OK);
    ck_assert_int_eq(b.reach, FT_REACH_PORT);
    ck_assert_str_eq(b.port, "port-of-the-standin/1"); /* its own ending */
    ck_assert_int_eq(b.in_job, 1);
    action = ftNextPeer(decision);
    peer_ask(&p2, 7, &action, 5000, "launcher-1@2", 0);
    peer_answer(&p2, 7, &b);
    ck_assert_int_eq(b.status, FT_OK);

    /* The stand-in lives; who excludes its node asks for another one: there is none. */
    action = findAlternative(ftRank(1), ftExclude(constraint, "p2"));
    peer_ask(&n0, 8, &action, 5000, JOB, 0);
    peer_answer_probe(&p1, &big, 60 * GIB, 3, "the fan does not turn");
    peer_answer(&n0, 8, &a);
    ck_assert_int_eq(a.status, FT_ERR_NONE);
    ck_assert_ptr_nonnull(strstr(a.reason, "the fan does not turn"));
    ck_assert_ptr_nonnull(strstr(a.reason, "p2"));
    ck_assert_ptr_nonnull(strstr(a.hint, "--pool"));

    peer_close(&launcher);
    ck_assert_int_eq(cut(&running), 0);
    ck_assert_int_eq(count_events(&running, "decision_made"), 1);
    ck_assert_int_eq(count_events(&running, "decision_none"), 1);
    ck_assert_int_eq(count_events(&running, "not_known_lost"), 1);
    ck_assert_int_eq(count_events(&running, "candidate_rejected"), 2);
    peer_close(&n0);
    peer_close(&n1);
    peer_close(&n2);
    peer_close(&p1);
    peer_close(&p2);
}
END_TEST

START_TEST(test_a_unit_that_goes_takes_its_requests_along)
{
    struct running running;
    struct peer launcher, n0;
    ftAction_t action;
    ftReply_t reply;
    char conf[128];

    snprintf(conf, sizeof conf, "%s", path_in("slow.conf"));
    write_file(conf, 0600, "settle_ms = 60000\n");
    run(&running, conf, "", NULL, NULL);
    join_launcher(&running, &launcher);
    report_job(&launcher, 2);
    join_unit(&running, &n0, "n0", &small);
    action = findAlternative(ftRank(1), ftAny());
    peer_ask(&n0, 1, &action, 50000, JOB, 0);
    await_text(running.events, "alternative_asked");
    peer_close(&n0);
    await_text(running.events, "unit_lost");
    /* It comes back and asks again; what it waits for in vain is answered by its time. */
    join_unit(&running, &n0, "n0", &small);
    peer_ask(&n0, 1, &action, 50, JOB, 0);
    peer_answer(&n0, 1, &reply);
    ck_assert_int_eq(reply.status, FT_ERR_TIMEOUT);
    ck_assert_ptr_nonnull(strstr(reply.reason, "waiting for the news"));
    lose_node(&launcher, "n1", 1);
    peer_ask(&n0, 2, &action, 5000, JOB, 0);
    peer_answer(&n0, 2, &reply);
    ck_assert_int_eq(reply.status, FT_ERR_NONE);
    ck_assert_ptr_nonnull(strstr(reply.reason, "the pool of spare nodes is empty"));
    peer_close(&n0);
    peer_close(&launcher);
    ck_assert_int_eq(cut(&running), 0);
}
END_TEST

START_TEST(test_starts_units_with_the_key_on_stdin)
{
    struct running running;
    char agent[128], environment[256], expected[200], key[2 * FT_KEY_BYTES + 1];
    char script[512];
    char *said;

    snprintf(agent, sizeof agent, "%s", path_in("agent"));
    snprintf(script, sizeof script,
             "#!/bin/sh\necho \"$@\" >>%s/arguments\n"
             "tr '\\0' ' ' </proc/self/environ >>%s/arguments\n"
             "cat >>%s/orders\necho 'no route to host' >&2\nexit 255\n", folder, folder, folder);
    write_file(agent, 0700, script);
    snprintf(environment, sizeof environment, "FT_RSH_AGENT=%s -x", agent);
    run(&running, no_conf(), "p1", NULL, environment);
    await_text(running.events, "unit_failed");
    ck_assert_int_eq(cut(&running), 0);
    said = read_file(path_in("arguments"));
    snprintf(expected, sizeof expected, "/ft-noded --job %s --node p1\n", running.session);
    ck_assert_msg(strncmp(said, "-x p1 /", 7) == 0 && strstr(said, expected) != NULL, "%s", said);
    ft_text_hex(key, sizeof key, running.key, FT_KEY_BYTES);
    ck_assert_msg(strstr(said, key) == NULL, "the key is an argument or in the environment");
    free(said);
    said = read_file(path_in("orders"));
    ck_assert_int_eq(strncmp(said, "central ", 8), 0);
    snprintf(expected, sizeof expected, ":%u\nkey %s\n", running.port, key);
    ck_assert_ptr_nonnull(strstr(said, expected));
    free(said);
    said = read_file(running.events);
    ck_assert_msg(strstr(said, "ended with exit code 255: no route to host") != NULL, "%s", said);
    ck_assert_ptr_null(strstr(said, key));
    free(said);
}
END_TEST

START_TEST(test_a_full_disk_stops_no_decision)
{
    struct running running;
    struct peer launcher, n0, p1;
    ftAction_t action;
    ftReply_t reply;
    char path[160];

    run(&running, no_conf(), "p1", "/dev/full", NULL);
    snprintf(path, sizeof path, "/tmp/ft-%u/%s/central.log", (unsigned) geteuid(), running.session);
    await_text(path, "No space left on device; decisions go on");
    join_launcher(&running, &launcher);
    join_unit(&running, &n0, "n0", &small);
    ck_assert(peer_connect_tcp(&p1, running.port, running.key));
    ck_assert_int_eq(peer_hello(&p1, "p1", 2, "", -1), 0);
    peer_node_info(&p1, &small, "");
    report_job(&launcher, 2);
    lose_node(&launcher, "n1", 1);
    action = findAlternative(ftRank(1), ftAny());
    peer_ask(&n0, 1, &action, 5000, JOB, 0);
    peer_answer_probe(&p1, &small, GIB, 0, "");
    peer_answer(&n0, 1, &reply);
    ck_assert_int_eq(reply.status, FT_OK);
    ck_assert_str_eq(reply.alternative.node, "p1");
    peer_close(&n0);
    peer_close(&p1);
    peer_close(&launcher);
    ck_assert_int_eq(cut(&running), 0);
}
END_TEST

START_TEST(test_nonsense_harms_nobody)
{
    struct running running;
    struct peer unit, launcher;
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Request request = FT__REQUEST__INIT;
    ftReply_t reply;
    ftAction_t action;

    run(&running, no_conf(), "", NULL, NULL);
    join_unit(&running, &unit, "n1", &small);
    message.id = 5;
    message.body_case = FT__MESSAGE__BODY_REQUEST;
    message.request = &request;
    for (uint32_t verb = 0; verb < 40; verb++) {
        request.verb = verb;
        peer_send(&unit, &message);
        peer_answer(&unit, 5, &reply);
        ck_assert_int_lt(reply.status, 0);
    }
    /* A unit whose node has no name is sent away; one that says Hello twice, too. */
    ck_assert(peer_connect_tcp(&launcher, running.port, running.key));
    ck_assert_int_eq(peer_hello(&launcher, "", 2, "", -1), FT_ERR_PROTOCOL);
    ck_assert(peer_is_closed(&launcher));
    peer_close(&launcher);
    join_launcher(&running, &launcher);
    action = ftNodeChanged("n9", 3, FT_NODE_JOINED, NULL);
    ck_assert_int_eq(peer_request(&launcher, &action, &reply), FT_OK);
    peer_close(&launcher);
    peer_close(&unit);
    ck_assert_int_eq(cut(&running), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("centrald");
    TCase *tcase = tcase_create("program");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_refuses_to_begin);
    tcase_add_test(tcase, test_begins_and_ends);
    tcase_add_test(tcase, test_a_stranger_is_refused);
    tcase_add_test(tcase, test_main_road);
    tcase_add_test(tcase, test_a_unit_that_goes_takes_its_requests_along);
    tcase_add_test(tcase, test_starts_units_with_the_key_on_stdin);
    tcase_add_test(tcase, test_a_full_disk_stops_no_decision);
    tcase_add_test(tcase, test_nonsense_harms_nobody);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
