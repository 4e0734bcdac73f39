/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_modules.c - a node's modules with real processes: noded/modules.c, ft-keeper and
 * module_prog, this test being the central unit.
 *
 * Each test has a folder of its own below /tmp, and ends all that it started.
 */
#include <check.h>
#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "common/clock.h"
#include "common/log.h"
#include "core/plan.h"
#include "noded/modules.h"
#include "wire/checksum.h"

#define WAIT_MS 20000 /* generous: the machine may be busy */
#define NODE "n1"

static pid_t runner_pid;
static char base[64], folder[96], logs[96], keeper[512], prog[512];

/* The central unit of a test: what it was told last of each module. */
struct told {
    char name[64];
    uint64_t epoch;
    unsigned state, end, restarts;
    int code;
    int64_t pid;
    bool given_up;
    double restart_ms;
    char text[512];
};

static struct place {
    uv_loop_t loop;
    struct ft_modules *modules;
    struct told told[8];
    size_t n, lists, messages;
} place;

/* ---------------------------------------------------------------- the central unit */

static void take(const Ft__ModuleState *state)
{
    struct told *t = NULL;

    for (size_t i = 0; i < place.n; i++)
        if (strcmp(place.told[i].name, state->name) == 0)
            t = &place.told[i];
    if (!t) {
        ck_assert(place.n < 8);
        t = &place.told[place.n++];
    }
    snprintf(t->name, sizeof t->name, "%s", state->name);
    snprintf(t->text, sizeof t->text, "%s", state->text);
    t->epoch = state->epoch;
    t->state = state->state;
    t->end = state->end;
    t->code = state->code;
    t->pid = state->pid;
    t->restarts = state->restarts;
    t->given_up = state->given_up;
    t->restart_ms = state->restart_ms;
}

static int on_send(void *arg, const Ft__Message *message)
{
    (void)arg;
    place.messages++;
    if (message->body_case == FT__MESSAGE__BODY_MODULE_STATE)
        take(message->module_state);
    if (message->body_case == FT__MESSAGE__BODY_MODULE_LIST) {
        place.lists++;
        for (size_t i = 0; i < message->module_list->n_modules; i++)
            take(message->module_list->modules[i]);
    }
    return 0;
}

static struct told *told(const char *name)
{
    static struct told nothing;

    for (size_t i = 0; i < place.n; i++)
        if (strcmp(place.told[i].name, name) == 0)
            return &place.told[i];
    return &nothing;
}

static void open_place(void)
{
    struct ft_modules_wish wish = {.node = NODE, .folder = folder, .logs = logs,
                                   .keeper = keeper, .send = on_send};
    char why[256] = "";

    memset(&place, 0, sizeof place);
    ck_assert_int_eq(uv_loop_init(&place.loop), 0);
    place.modules = ft_modules_create(&place.loop, &wish, why, sizeof why);
    ck_assert_msg(place.modules != NULL, "%s", why);
}

/* The unit ends in order; its modules do not. */
static void close_place(void)
{
    ft_modules_stop(place.modules);
    for (int i = 0; i < 2000 && uv_run(&place.loop, UV_RUN_NOWAIT); i++)
        usleep(1000);
    ck_assert_int_eq(uv_loop_close(&place.loop), 0);
    ft_modules_destroy(place.modules);
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

/* Runs the loop until it is so. */
static bool until(bool (*is)(const void *), const void *arg, int64_t timeout_ms)
{
    int64_t end_ms = ft_clock_ms() + timeout_ms;
    uv_timer_t timer;
    bool so;

    uv_timer_init(&place.loop, &timer);
    uv_timer_start(&timer, on_tick, 5, 5);
    while (!(so = is(arg)) && ft_clock_ms() < end_ms)
        uv_run(&place.loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&place.loop, UV_RUN_NOWAIT);
    return so;
}

struct wanted {
    const char *name;
    unsigned state;
    int restarts; /* at least; -1: any */
};

static bool is_told(const void *arg)
{
    const struct wanted *w = arg;
    struct told *t = told(w->name);

    return *t->name && t->state == w->state && (int)t->restarts >= w->restarts;
}

static void await(const char *name, unsigned state, int restarts)
{
    struct wanted w = {.name = name, .state = state, .restarts = restarts};

    ck_assert_msg(until(is_told, &w, WAIT_MS), "%s is not in state %u: state %u, end %u %d, %s",
                  name, state, told(name)->state, told(name)->end, told(name)->code,
                  told(name)->text);
}

static bool never(const void *arg)
{
    (void)arg;
    return false;
}

static void let_pass(int64_t ms)
{
    until(never, NULL, ms);
}

static bool is_dead(const void *pid)
{
    return kill(*(const pid_t *)pid, 0) != 0 && errno == ESRCH;
}

/* ---------------------------------------------------------------- orders */

struct spec {
    Ft__ModuleSpec spec;
    Ft__ModuleOrder order;
    char *argv[16];
    uint32_t delays[3];
    char args[16][160];
};

/* A START of this name: module_prog with these words. */
static void make(struct spec *s, const char *name, uint64_t epoch, const char *words)
{
    size_t n = 0;

    memset(s, 0, sizeof *s);
    ft__module_spec__init(&s->spec);
    ft__module_order__init(&s->order);
    s->argv[n++] = prog;
    while (*words) {
        size_t k = strcspn(words, " ");
        ck_assert(n < 16 && k < sizeof s->args[0]);
        memcpy(s->args[n], words, k);
        s->argv[n] = s->args[n];
        n++;
        words += k + (words[k] == ' ');
    }
    s->spec.argv = s->argv;
    s->spec.n_argv = n;
    s->spec.name = s->order.name = (char *)(uintptr_t)name;
    s->delays[0] = 0;
    s->delays[1] = 20;
    s->delays[2] = 50;
    s->spec.delays_ms = s->delays;
    s->spec.n_delays_ms = 3;
    s->spec.burst = 3;
    s->spec.window_ms = 60000;
    s->spec.start_timeout_ms = 10000;
    s->spec.stop_timeout_ms = 300;
    s->order.term = 1;
    s->order.epoch = epoch;
    s->order.action = FT_ORDER_START;
    s->order.spec = &s->spec;
    s->order.why = (char *)(uintptr_t)"a test";
}

static void give(const struct spec *s)
{
    ft_modules_order(place.modules, &s->order);
}

static void give_plain(const char *name, uint64_t epoch, enum ft_order action)
{
    Ft__ModuleOrder order = FT__MODULE_ORDER__INIT;

    order.name = (char *)(uintptr_t)name;
    order.term = 1;
    order.epoch = epoch;
    order.action = action;
    ft_modules_order(place.modules, &order);
}

/* ---------------------------------------------------------------- folders and files */

static const char *at(const char *name)
{
    static char paths[4][160];
    static int next;
    char *path = paths[next++ % 4];

    snprintf(path, 160, "%s/%s", base, name);
    return path;
}

static char *text_of(const char *path)
{
    static char text[65536];
    FILE *file = fopen(path, "r");
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;

    text[n] = '\0';
    if (file)
        fclose(file);
    return text;
}

static unsigned lines_of(const char *path)
{
    unsigned n = 0;

    for (char *c = text_of(path); *c; c++)
        n += *c == '\n';
    return n;
}

static bool has_lines(const void *path)
{
    return lines_of(path) > 0;
}

static void set_up(void)
{
    ft_log_set_level(getenv("FT_TEST_TALK") ? FT_LOG_DEBUG : FT_LOG_ERROR);
    snprintf(base, sizeof base, "/tmp/ft-modules-%d-XXXXXX", (int)runner_pid);
    ck_assert_ptr_nonnull(mkdtemp(base));
    chmod(base, 0755);
    snprintf(folder, sizeof folder, "%s/run", base);
    snprintf(logs, sizeof logs, "%s/log", base);
    snprintf(keeper, sizeof keeper, "%s/src/keeper/ft-keeper", getenv("FT_TEST_BUILDDIR"));
    snprintf(prog, sizeof prog, "%s/tests/unit/module_prog", getenv("FT_TEST_BUILDDIR"));
    open_place();
    ft_modules_welcome(place.modules, 1);
}

static void tear_down(void)
{
    char command[160], why[256];

    ck_assert_msg(ft_modules_stop_all(folder, WAIT_MS, why, sizeof why) == 0, "%s", why);
    close_place();
    snprintf(command, sizeof command, "rm -rf %s", base);
    ck_assert_int_eq(system(command), 0);
}

/* ---------------------------------------------------------------- the paths of figure 1 */

START_TEST(starts_with_its_environment)
{
    struct spec s;
    char words[256];
    const char *text;

    snprintf(words, sizeof words, "env=%s print=hello mark=%s", at("env"), at("mark"));
    make(&s, "db", 7, words);
    s.spec.n_environment = 1;
    s.spec.environment = (char *[]){(char *)(uintptr_t)"COLOUR=two words"};
    s.spec.watchdog_ms = 60000;
    give(&s);
    await("db", FT_MODULE_RUNS, 0);
    ck_assert_uint_eq(told("db")->epoch, 7);
    ck_assert_int_gt(told("db")->pid, 1);
    ck_assert(until(has_lines, at("mark"), WAIT_MS));
    text = text_of(at("env"));
    ck_assert_ptr_nonnull(strstr(text, "COLOUR=two words\n"));
    ck_assert_ptr_nonnull(strstr(text, "FT_MODULE=db\n"));
    ck_assert_ptr_nonnull(strstr(text, "FT_NODE=" NODE "\n"));
    ck_assert_ptr_nonnull(strstr(text, "FT_EPOCH=7\n"));
    ck_assert_ptr_nonnull(strstr(text, "WATCHDOG_USEC=60000000\n"));
    ck_assert_ptr_nonnull(strstr(text, "NOTIFY_SOCKET="));
    ck_assert_ptr_null(strstr(text, "CK_"));
    snprintf(words, sizeof words, "%s/db.log", logs);
    ck_assert(until(has_lines, words, WAIT_MS));
    ck_assert_str_eq(text_of(words), "hello\n");
}
END_TEST

START_TEST(a_crash_is_mended_here)
{
    struct spec s;
    pid_t first;

    make(&s, "db", 1, "");
    give(&s);
    await("db", FT_MODULE_RUNS, 0);
    first = (pid_t)told("db")->pid;
    kill(first, SIGABRT); /* sanitizers leave this one alone */
    await("db", FT_MODULE_RUNS, 1);
    ck_assert_int_ne(told("db")->pid, first);
    ck_assert_uint_eq(told("db")->end, FT_END_CRASH);
    ck_assert_int_eq(told("db")->code, SIGABRT);
    ck_assert(told("db")->restart_ms > 0);
}
END_TEST

START_TEST(a_crash_loop_is_given_up)
{
    struct spec s;
    char words[200];

    snprintf(words, sizeof words, "mark=%s print=no+way signal=6", at("mark"));
    make(&s, "db", 1, words);
    give(&s);
    await("db", FT_MODULE_FAILED, 2);
    ck_assert(told("db")->given_up);
    ck_assert_uint_eq(told("db")->end, FT_END_CRASH);
    ck_assert_int_eq(told("db")->code, SIGABRT);
    ck_assert_ptr_nonnull(strstr(told("db")->text, "no+way"));
    ck_assert_uint_eq(lines_of(at("mark")), 3);
    let_pass(300);
    ck_assert_uint_eq(lines_of(at("mark")), 3); /* it waits for the central unit */
    give_plain("db", 1, FT_ORDER_STOP);
    await("db", FT_MODULE_STOPPED, 0);
    ck_assert(!told("db")->given_up);
}
END_TEST

START_TEST(without_a_central_unit_it_goes_on)
{
    struct spec s;
    char words[200];

    snprintf(words, sizeof words, "mark=%s exit=3", at("mark"));
    make(&s, "db", 1, words);
    give(&s);
    await("db", FT_MODULE_FAILED, 2);
    ft_modules_central_down(place.modules);
    for (int i = 0; i < 200 && lines_of(at("mark")) < 4; i++)
        let_pass(100); /* slowly: after a second at the soonest */
    ck_assert_uint_ge(lines_of(at("mark")), 4);
    ft_modules_welcome(place.modules, 1);
    await("db", FT_MODULE_FAILED, 3);
    ck_assert(told("db")->given_up);
}
END_TEST

START_TEST(ends_are_told_apart)
{
    struct spec s;

    make(&s, "code", 1, "wait=20 exit=5");
    s.spec.restart = FT_RESTART_NEVER;
    give(&s);
    make(&s, "well", 1, "wait=20 exit=0");
    s.spec.restart = FT_RESTART_ON_FAILURE;
    give(&s);
    make(&s, "absent", 1, "");
    s.argv[0] = (char *)(uintptr_t)"/nowhere/program";
    give(&s);
    make(&s, "nobody", 1, "");
    s.spec.user = (char *)(uintptr_t)"no-such-user";
    give(&s);
    await("code", FT_MODULE_DONE, 0);
    ck_assert_uint_eq(told("code")->end, FT_END_CODE);
    ck_assert_int_eq(told("code")->code, 5);
    await("well", FT_MODULE_DONE, 0);
    ck_assert_uint_eq(told("well")->end, FT_END_WELL);
    await("absent", FT_MODULE_FAILED, 0);
    ck_assert_uint_eq(told("absent")->end, FT_END_NO_START);
    ck_assert_int_eq(told("absent")->code, ENOENT);
    ck_assert(told("absent")->given_up);
    ck_assert_uint_eq(told("absent")->restarts, 0); /* trying again mends nothing */
    if (geteuid() == 0) {
        await("nobody", FT_MODULE_FAILED, 0);
        ck_assert_ptr_nonnull(strstr(told("nobody")->text, "no-such-user"));
    }
}
END_TEST

START_TEST(not_ready_in_time)
{
    struct spec s;

    make(&s, "db", 1, "deaf");
    s.spec.notifies = true;
    s.spec.start_timeout_ms = 150;
    s.spec.stop_timeout_ms = 50;
    s.spec.burst = 2;
    give(&s);
    await("db", FT_MODULE_FAILED, 1);
    ck_assert_uint_eq(told("db")->end, FT_END_NO_START);
    ck_assert(told("db")->given_up);
}
END_TEST

START_TEST(says_that_it_is_ready)
{
    struct spec s;

    make(&s, "db", 1, "wait=300 notify=STATUS=warm\nREADY=1");
    s.spec.notifies = true;
    give(&s);
    await("db", FT_MODULE_STARTING, 0);
    let_pass(100);
    ck_assert_uint_eq(told("db")->state, FT_MODULE_STARTING);
    await("db", FT_MODULE_RUNS, 0);
    ck_assert_ptr_nonnull(strstr(told("db")->text, "warm"));
}
END_TEST

START_TEST(more_time_is_granted)
{
    struct spec s;

    make(&s, "db", 1, "notify=EXTEND_TIMEOUT_USEC=9000000 wait=500 notify=READY=1");
    s.spec.notifies = true;
    s.spec.start_timeout_ms = 250;
    give(&s);
    await("db", FT_MODULE_RUNS, 0);
    ck_assert_uint_eq(told("db")->restarts, 0);
}
END_TEST

START_TEST(a_hang_is_found)
{
    struct spec s;
    char words[200];

    /* Beats for a while, then hangs; once the file is there. */
    snprintf(words, sizeof words, "deaf notify=READY=1 beat=50x12 if=%s wait=60000", at("none"));
    make(&s, "db", 1, words);
    s.spec.notifies = true;
    s.spec.watchdog_ms = 400;
    give(&s);
    await("db", FT_MODULE_RUNS, 0);
    await("db", FT_MODULE_RUNS, 1);
    ck_assert_uint_eq(told("db")->end, FT_END_HANG);
}
END_TEST

START_TEST(it_may_say_itself_that_it_hangs)
{
    struct spec s;

    make(&s, "db", 1, "notify=READY=1 wait=50 notify=WATCHDOG=trigger");
    s.spec.notifies = true;
    give(&s);
    await("db", FT_MODULE_FAILED, 2);
    ck_assert_uint_eq(told("db")->end, FT_END_HANG);
}
END_TEST

START_TEST(a_missed_deadline_is_found)
{
    struct spec s;

    make(&s, "db", 1, "notify=READY=1 beat=20x20 wait=60000");
    s.spec.notifies = true;
    s.spec.deadline_ms = 300;
    give(&s);
    await("db", FT_MODULE_RUNS, 0);
    await("db", FT_MODULE_DELAYED, 0);
    ck_assert_uint_eq(told("db")->end, FT_END_DEADLINE);
    await("db", FT_MODULE_RUNS, 1);
}
END_TEST

START_TEST(a_failing_check_is_found)
{
    struct spec s;
    char check[160];
    FILE *file;

    snprintf(check, sizeof check, "%s/check", base);
    file = fopen(check, "w");
    fprintf(file, "#!/bin/sh\necho \"$FT_MODULE has $(cat %s 2>&1)\"\ntest -e %s\n", at("good"),
            at("good"));
    fclose(file);
    chmod(check, 0755);
    fclose(fopen(at("good"), "w"));
    make(&s, "db", 1, "");
    s.spec.n_check = 1;
    s.spec.check = (char *[]){check};
    s.spec.check_ms = 50;
    s.spec.check_failures = 2;
    s.spec.check_timeout_ms = 5000;
    give(&s);
    await("db", FT_MODULE_RUNS, 0);
    let_pass(500);
    ck_assert_uint_eq(told("db")->restarts, 0);
    unlink(at("good"));
    await("db", FT_MODULE_RUNS, 1);
    ck_assert_uint_eq(told("db")->end, FT_END_CHECK);
}
END_TEST

static bool has_memory_group(void)
{
    char text[4096], *line;
    FILE *file = fopen("/proc/self/cgroup", "r");
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;

    text[n] = '\0';
    if (file)
        fclose(file);
    line = strstr(text, ":memory:");
    if (!line || geteuid() != 0)
        return false;
    line += strlen(":memory:");
    line[strcspn(line, "\n")] = '\0';
    file = fopen("/sys/fs/cgroup/memory/memory.limit_in_bytes", "r");
    if (file)
        fclose(file);
    return file != NULL;
}

START_TEST(want_of_memory_is_told)
{
    struct spec s;

    make(&s, "db", 1, "wait=50 eat=200 print=fed");
    s.spec.memory_max_bytes = 40 << 20;
    s.spec.restart = FT_RESTART_NEVER;
    give(&s);
    await("db", FT_MODULE_DONE, 0);
    ck_assert_msg(told("db")->end == FT_END_MEMORY, "end %u %d: %s", told("db")->end,
                  told("db")->code, told("db")->text);
    ck_assert_int_eq(told("db")->code, has_memory_group() ? SIGKILL : 9);
}
END_TEST

START_TEST(the_program_has_to_be_the_one_meant)
{
    char sum[FT_CHECKSUM_TEXT_BYTES], wrong[FT_CHECKSUM_TEXT_BYTES];
    struct spec s;

    ck_assert_int_eq(ft_checksum_file(prog, sum), 0);
    snprintf(wrong, sizeof wrong, "%s", sum);
    wrong[20] = wrong[20] == '0' ? '1' : '0';
    make(&s, "good", 1, "");
    s.spec.checksum = sum;
    give(&s);
    make(&s, "bad", 1, "");
    s.spec.checksum = wrong;
    give(&s);
    await("good", FT_MODULE_RUNS, 0);
    await("bad", FT_MODULE_FAILED, 0);
    ck_assert_uint_eq(told("bad")->end, FT_END_CHECKSUM);
    ck_assert(told("bad")->given_up);
    ck_assert_int_eq(told("bad")->pid, 0);
}
END_TEST

START_TEST(another_main_process)
{
    struct spec s;
    pid_t pid;
    char words[200];

    snprintf(words, sizeof words, "main wait=100 notify=READY=1 mark=%s", at("mark"));
    make(&s, "db", 1, words);
    s.spec.notifies = true;
    give(&s);
    await("db", FT_MODULE_RUNS, 0);
    ck_assert(until(has_lines, at("mark"), WAIT_MS));
    pid = (pid_t)atol(text_of(at("mark")));
    ck_assert_int_eq(told("db")->pid, pid);
    kill(pid, SIGKILL);
    await("db", FT_MODULE_RUNS, 1);
    ck_assert_uint_eq(told("db")->end, FT_END_CRASH);
}
END_TEST

/* ---------------------------------------------------------------- ending */

START_TEST(all_that_it_started_ends_with_it)
{
    struct spec s;
    char words[300];
    pid_t pid, left;

    snprintf(words, sizeof words, "fork=%s deaf mark=%s", at("left"), at("mark"));
    make(&s, "db", 1, words);
    give(&s);
    await("db", FT_MODULE_RUNS, 0);
    ck_assert(until(has_lines, at("left"), WAIT_MS));
    ck_assert(until(has_lines, at("mark"), WAIT_MS));
    pid = (pid_t)told("db")->pid;
    left = (pid_t)atol(text_of(at("left")));
    give_plain("db", 1, FT_ORDER_STOP);
    await("db", FT_MODULE_STOPPED, 0);
    ck_assert_uint_eq(told("db")->end, FT_END_TOLD);
    ck_assert(is_dead(&pid)); /* by the time that this is said, not some time later */
    ck_assert(is_dead(&left));
}
END_TEST

START_TEST(what_it_left_is_gone_before_it_is_started_again)
{
    struct spec s;
    char words[300];
    pid_t left;

    snprintf(words, sizeof words, "fork=%s mark=%s", at("left"), at("mark"));
    make(&s, "db", 1, words);
    give(&s);
    await("db", FT_MODULE_RUNS, 0);
    ck_assert(until(has_lines, at("left"), WAIT_MS));
    left = (pid_t)atol(text_of(at("left")));
    kill((pid_t)told("db")->pid, SIGKILL);
    await("db", FT_MODULE_STARTING, 1);
    ck_assert(is_dead(&left));
    await("db", FT_MODULE_RUNS, 1);
}
END_TEST

START_TEST(a_killed_keeper_is_a_crash)
{
    struct spec s;
    char path[160], *line;
    pid_t pid;

    make(&s, "db", 1, "deaf");
    give(&s);
    await("db", FT_MODULE_RUNS, 0);
    pid = (pid_t)told("db")->pid;
    snprintf(path, sizeof path, "%s/db/status", folder);
    line = strstr(text_of(path), "\nkeeper ");
    ck_assert_ptr_nonnull(line);
    ck_assert_int_gt(atol(line + 8), 1);
    kill((pid_t)atol(line + 8), SIGKILL);
    await("db", FT_MODULE_RUNS, 1);
    ck_assert_uint_eq(told("db")->end, FT_END_CRASH);
    ck_assert(until(is_dead, &pid, WAIT_MS));
}
END_TEST

/* ---------------------------------------------------------------- orders */

START_TEST(old_orders_are_refused)
{
    struct spec s;
    pid_t pid;

    make(&s, "db", 5, "");
    s.order.term = 3;
    give(&s);
    await("db", FT_MODULE_RUNS, 0);
    pid = (pid_t)told("db")->pid;
    make(&s, "db", 4, "exit=1");
    s.order.term = 3;
    give(&s); /* an older epoch */
    make(&s, "db", 9, "exit=1");
    s.order.term = 2;
    give(&s); /* an older term */
    s.order.action = FT_ORDER_STOP;
    give(&s);
    make(&s, "other", 1, "");
    s.order.term = 2;
    give(&s); /* for any module */
    let_pass(200);
    ck_assert_int_eq(told("db")->pid, pid);
    ck_assert_uint_eq(told("db")->state, FT_MODULE_RUNS);
    ck_assert_uint_eq(told("db")->epoch, 5);
    ck_assert_str_eq(told("other")->name, "");
}
END_TEST

START_TEST(orders_that_come_again_change_nothing)
{
    struct spec s;
    pid_t pid;

    make(&s, "db", 5, "");
    give(&s);
    await("db", FT_MODULE_RUNS, 0);
    pid = (pid_t)told("db")->pid;
    give(&s);
    let_pass(100);
    ck_assert_int_eq(told("db")->pid, pid);
    s.order.epoch = 6; /* a new one: started anew */
    give(&s);
    ck_assert_uint_eq(told("db")->state, FT_MODULE_STOPPING);
    await("db", FT_MODULE_RUNS, 0);
    ck_assert_int_ne(told("db")->pid, pid);
    ck_assert_uint_eq(told("db")->epoch, 6);
    ck_assert_uint_eq(told("db")->restarts, 0);
    give_plain("strange", 3, FT_ORDER_STOP); /* never heard of: it does not run here */
    ck_assert_uint_eq(told("strange")->state, FT_MODULE_STOPPED);
    ck_assert_uint_eq(told("strange")->epoch, 3);
}
END_TEST

START_TEST(an_update_leaves_it_running)
{
    struct spec s;
    pid_t pid;
    char words[200];

    make(&s, "db", 5, "notify=READY=1 beat=20x1000000");
    s.spec.notifies = true;
    s.spec.watchdog_ms = 60000;
    give(&s);
    await("db", FT_MODULE_RUNS, 0);
    pid = (pid_t)told("db")->pid;
    snprintf(words, sizeof words, "mark=%s notify=READY=1", at("mark"));
    make(&s, "db", 5, words);
    s.spec.notifies = true;
    s.order.action = FT_ORDER_UPDATE;
    s.spec.restart = FT_RESTART_ALWAYS;
    give(&s);
    let_pass(200);
    ck_assert_int_eq(told("db")->pid, pid);
    ck_assert_uint_eq(lines_of(at("mark")), 0);
    kill(pid, SIGKILL); /* its next life has the new settings */
    await("db", FT_MODULE_RUNS, 1);
    ck_assert(until(has_lines, at("mark"), WAIT_MS));
}
END_TEST

START_TEST(nonsense_is_refused)
{
    struct spec s;
    Ft__ModuleOrder order = FT__MODULE_ORDER__INIT;

    make(&s, "db", 1, "");
    s.argv[0] = (char *)(uintptr_t)"program";
    give(&s);
    await("db", FT_MODULE_FAILED, 0);
    ck_assert(told("db")->given_up);
    make(&s, "../etc", 1, "");
    give(&s);
    order.name = (char *)(uintptr_t)"none";
    order.action = FT_ORDER_START;
    order.term = 1;
    ft_modules_order(place.modules, &order); /* without settings */
    await("none", FT_MODULE_FAILED, 0);
    ck_assert_str_eq(told("../etc")->name, "");
    ck_assert_uint_eq(ft_modules_alive(place.modules), 0);
}
END_TEST

START_TEST(a_person_stops_all)
{
    struct spec s;
    char why[256];
    pid_t pid;

    make(&s, "db", 1, "");
    give(&s);
    await("db", FT_MODULE_RUNS, 0);
    pid = (pid_t)told("db")->pid;
    ck_assert_msg(ft_modules_stop_all(folder, WAIT_MS, why, sizeof why) == 0, "%s", why);
    ck_assert(is_dead(&pid));
    await("db", FT_MODULE_STOPPED, 0);
    ck_assert_uint_eq(told("db")->end, FT_END_TOLD);
}
END_TEST

/* ---------------------------------------------------------------- the unit that is started anew */

START_TEST(a_new_unit_takes_over)
{
    struct spec s;
    pid_t pid;

    make(&s, "db", 5, "");
    give(&s);
    make(&s, "gone", 6, "wait=100 signal=11");
    s.spec.delays_ms[0] = 60000;
    give(&s);
    await("db", FT_MODULE_RUNS, 0);
    await("gone", FT_MODULE_RUNS, 0);
    pid = (pid_t)told("db")->pid;
    close_place();
    usleep(300000); /* meanwhile one of them crashes */
    ck_assert(!is_dead(&pid));
    open_place();
    ft_modules_welcome(place.modules, 1);
    ck_assert_uint_eq(place.lists, 1);
    ck_assert_uint_eq(told("db")->state, FT_MODULE_RUNS);
    ck_assert_int_eq(told("db")->pid, pid);
    ck_assert_uint_eq(told("db")->epoch, 5);
    ck_assert_uint_eq(told("gone")->end, FT_END_CRASH);
    ck_assert_int_eq(told("gone")->code, SIGSEGV);
    ck_assert_uint_eq(told("gone")->state, FT_MODULE_DELAYED);
    kill(pid, SIGKILL); /* it is watched over as before */
    await("db", FT_MODULE_RUNS, 1);
}
END_TEST

/* A unit in a process of its own, which can be killed and stopped. */
static pid_t other_unit(struct spec *s, int64_t lease_ms)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid > 0)
        return pid;
    open_place();
    ft_modules_welcome(place.modules, 1);
    for (;;) {
        if (lease_ms)
            ft_modules_lease(place.modules, ft_modules_clock_ns() + lease_ms * 1000000);
        give(s);
        let_pass(lease_ms ? lease_ms / 4 : 1000);
    }
}

static bool runs_by_status(const void *path)
{
    return strstr(text_of(path), "\nready 1\n") != NULL;
}

static bool lease_ended_by_status(const void *path)
{
    return strstr(text_of(path), "\nend 5\n") != NULL;
}

static pid_t pid_by_status(const char *path)
{
    char *line = strstr(text_of(path), "\npid ");

    return line ? (pid_t)atol(line + 5) : 0;
}

START_TEST(a_killed_unit_loses_nothing)
{
    struct spec s;
    char status[160];
    pid_t unit, pid;

    snprintf(status, sizeof status, "%s/db/status", folder);
    make(&s, "db", 5, "");
    unit = other_unit(&s, 0);
    ck_assert(until(runs_by_status, status, WAIT_MS));
    pid = pid_by_status(status);
    kill(unit, SIGKILL);
    waitpid(unit, NULL, 0);
    usleep(100000);
    ck_assert(!is_dead(&pid));
    close_place();
    open_place();
    ft_modules_welcome(place.modules, 1);
    ck_assert_uint_eq(told("db")->state, FT_MODULE_RUNS);
    ck_assert_int_eq(told("db")->pid, pid);
    kill(pid, SIGTERM);
    await("db", FT_MODULE_RUNS, 1);
    ck_assert_int_eq(told("db")->code, SIGTERM);
}
END_TEST

START_TEST(a_hanging_unit_does_not_hold_the_lease)
{
    struct spec s;
    char status[160];
    int64_t from_ms;
    pid_t unit, pid;

    snprintf(status, sizeof status, "%s/db/status", folder);
    make(&s, "db", 5, "deaf");
    s.spec.leased = true;
    unit = other_unit(&s, 1000);
    ck_assert(until(runs_by_status, status, WAIT_MS));
    pid = pid_by_status(status);
    let_pass(1500); /* it is renewed */
    ck_assert(!is_dead(&pid));
    kill(unit, SIGSTOP);
    from_ms = ft_clock_ms();
    ck_assert(until(is_dead, &pid, WAIT_MS));
    ck_assert_int_lt(ft_clock_ms() - from_ms, 1000 + 1000); /* a busy machine's pauses, too */
    /* The keeper writes why once it has reaped the module, a moment after that. */
    ck_assert(until(lease_ended_by_status, status, WAIT_MS));
    kill(unit, SIGKILL);
    waitpid(unit, NULL, 0);
    close_place();
    open_place();
    ft_modules_welcome(place.modules, 1);
    ck_assert_uint_eq(told("db")->state, FT_MODULE_STOPPED);
    ck_assert_uint_eq(told("db")->end, FT_END_LEASE);
}
END_TEST

START_TEST(the_lease_rules)
{
    struct spec s;
    pid_t pid, free_pid;

    make(&s, "db", 5, "");
    s.spec.leased = true;
    give(&s); /* there is no lease: it waits */
    make(&s, "free", 5, "");
    give(&s);
    await("free", FT_MODULE_RUNS, 0);
    free_pid = (pid_t)told("free")->pid;
    ck_assert_uint_eq(told("db")->state, FT_MODULE_DELAYED);
    ft_modules_central_down(place.modules);
    ft_modules_welcome(place.modules, 1); /* the order does not outlive its connection */
    ck_assert_uint_eq(told("db")->state, FT_MODULE_STOPPED);
    ck_assert_uint_eq(told("db")->end, FT_END_LEASE);
    make(&s, "db", 6, "");
    s.spec.leased = true;
    give(&s);
    ck_assert_uint_eq(told("db")->state, FT_MODULE_DELAYED);
    ft_modules_lease(place.modules, ft_modules_clock_ns() + INT64_C(60000000000));
    await("db", FT_MODULE_RUNS, 0);
    pid = (pid_t)told("db")->pid;
    ft_modules_lease_lost(place.modules);
    await("db", FT_MODULE_STOPPED, 0);
    ck_assert_uint_eq(told("db")->end, FT_END_LEASE);
    ck_assert(is_dead(&pid));
    ft_modules_lease(place.modules, ft_modules_clock_ns() + INT64_C(60000000000));
    let_pass(200);
    ck_assert_uint_eq(told("db")->state, FT_MODULE_STOPPED); /* only an order starts it */
    ck_assert(!is_dead(&free_pid));
    s.order.epoch = 7;
    give(&s);
    await("db", FT_MODULE_RUNS, 0);
    /* A lease that nobody renews, and nobody says a word about: it ends all the same. */
    ft_modules_lease_lost(place.modules);
    await("db", FT_MODULE_STOPPED, 0);
    ft_modules_lease(place.modules, ft_modules_clock_ns() + INT64_C(700000000));
    s.order.epoch = 8;
    give(&s);
    await("db", FT_MODULE_RUNS, 0);
    await("db", FT_MODULE_STOPPED, 0);
    ck_assert_uint_eq(told("db")->end, FT_END_LEASE);
}
END_TEST

/* ---------------------------------------------------------------- as another user */

START_TEST(it_runs_as_its_user)
{
    struct spec s;
    struct stat is;
    char mark[160], copy[160], command[768];

    snprintf(mark, sizeof mark, "mark=%s notify=READY=1", at("open/mark"));
    mkdir(at("open"), 0777);
    chmod(at("open"), 0777);
    /* The build folder may be where only its owner may look. */
    snprintf(copy, sizeof copy, "%s", at("open/module_prog"));
    snprintf(command, sizeof command, "cp '%s' %s", prog, copy);
    ck_assert_int_eq(system(command), 0);
    make(&s, "db", 1, mark);
    s.argv[0] = copy;
    s.spec.user = (char *)(uintptr_t)"nobody";
    s.spec.notifies = true;
    give(&s);
    await("db", FT_MODULE_RUNS, 0); /* its notice got through */
    ck_assert_int_eq(stat(at("open/mark"), &is), 0);
    ck_assert_uint_ne(is.st_uid, 0);
}
END_TEST

/* A test that fails ends where it fails: what it started is ended here. */
static void clean_up(void)
{
    char pattern[64], path[160], why[256];
    glob_t found;

    snprintf(pattern, sizeof pattern, "/tmp/ft-modules-%d-*", (int)runner_pid);
    if (glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        snprintf(path, sizeof path, "%s/run", found.gl_pathv[i]);
        ft_modules_stop_all(path, WAIT_MS, why, sizeof why);
        snprintf(path, sizeof path, "rm -rf %s", found.gl_pathv[i]);
        if (system(path) != 0)
            perror(path);
    }
    globfree(&found);
}

int main(void)
{
    Suite *suite = suite_create("modules");
    TCase *c = tcase_create("modules");
    SRunner *runner;
    int failed;

    runner_pid = getpid();
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, starts_with_its_environment);
    tcase_add_test(c, a_crash_is_mended_here);
    tcase_add_test(c, a_crash_loop_is_given_up);
    tcase_add_test(c, without_a_central_unit_it_goes_on);
    tcase_add_test(c, ends_are_told_apart);
    tcase_add_test(c, not_ready_in_time);
    tcase_add_test(c, says_that_it_is_ready);
    tcase_add_test(c, more_time_is_granted);
    tcase_add_test(c, a_hang_is_found);
    tcase_add_test(c, it_may_say_itself_that_it_hangs);
    tcase_add_test(c, a_missed_deadline_is_found);
    tcase_add_test(c, a_failing_check_is_found);
    tcase_add_test(c, want_of_memory_is_told);
    tcase_add_test(c, the_program_has_to_be_the_one_meant);
    tcase_add_test(c, another_main_process);
    tcase_add_test(c, all_that_it_started_ends_with_it);
    tcase_add_test(c, what_it_left_is_gone_before_it_is_started_again);
    tcase_add_test(c, a_killed_keeper_is_a_crash);
    tcase_add_test(c, old_orders_are_refused);
    tcase_add_test(c, orders_that_come_again_change_nothing);
    tcase_add_test(c, an_update_leaves_it_running);
    tcase_add_test(c, nonsense_is_refused);
    tcase_add_test(c, a_person_stops_all);
    tcase_add_test(c, a_new_unit_takes_over);
    tcase_add_test(c, a_killed_unit_loses_nothing);
    tcase_add_test(c, a_hanging_unit_does_not_hold_the_lease);
    tcase_add_test(c, the_lease_rules);
    if (geteuid() == 0)
        tcase_add_test(c, it_runs_as_its_user);
    suite_add_tcase(suite, c);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    clean_up();
    return failed > 0;
}
