/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * module.c - owns one module: its order, its supervisor, its keeper, its timers, its check.
 *
 *     modules.c --order, lease, central--> core/supervisor.c  (decides)
 *                                            | execute, kill        ^ executed, ready, unwell,
 *                                            v                      | ended, tick
 *     checksum in a thread -> keeper.c -> ft-keeper -> the module's process
 *     health check: child.c, each check_ms while it runs
 *
 * What the supervisor wants done is begun here; what comes of it is handed in from the loop, never
 * from within its call. The folder /run/ft/modules/NAME has the order (spec.c), the keeper's status
 * and its sockets: what a unit needs that is started anew.
 */
#include "config.h"

#include "noded/module.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "keeper/kin.h"
#include "noded/child.h"
#include "noded/keeper.h"
#include "noded/spec.h"
#include "wire/checksum.h"

#define MS INT64_C(1000000)
#define PATH_BYTES 256
#define LEASE_GRACE_MS 100
#define CHECK_TIMEOUT_MS 5000
#define CHECK_OUTPUT_MAX 1024
#define CHECK_VARIABLES 4
#define LAST_LINE_MAX 96
#define STATUS_EVERY_MS 1000 /* a module's own words go to the central unit so often at most */
#define PATH_VARIABLE "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum { TIMER_DUE, TIMER_LATER, TIMER_CHECK, TIMER_STATUS, TIMERS };

struct ft_module {
    struct ft_module_home *home;
    char name[FT_MODULE_NAME_MAX];
    char folder[PATH_BYTES], log[PATH_BYTES];
    Ft__ModuleOrder *order;       /* the last one that was taken; NULL: none */
    struct ft_supervisor *supervisor;
    struct ft_keeper *keeper;     /* NULL: none lives */
    struct ft_keep_state kept;    /* its last word */
    uint64_t run, first_run;
    int64_t lease_said_ns;
    uv_timer_t timers[TIMERS];
    unsigned handles;             /* that libuv has still to let go of */
    bool closing;
    bool executed, ready;         /* this run, as far as the supervisor was told */
    struct ft_supervisor_end later; /* of TIMER_LATER */
    char later_text[FT_SUPERVISOR_TEXT_MAX];
    uv_work_t sum;                /* the checksum, in a thread */
    bool summing, sum_cancelled;
    char *sum_path;
    char sum_text[FT_CHECKSUM_TEXT_BYTES];
    int sum_error;
    struct ft_child *check;
    unsigned checks_failed;
    char text[512];               /* of the message */
};

static void launch(struct ft_module *m);

int64_t ft_module_boot_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Never NULL: what was ordered to stop before it was ever known has no settings. */
static const Ft__ModuleSpec *spec_of(const struct ft_module *m)
{
    static const Ft__ModuleSpec none = FT__MODULE_SPEC__INIT;

    return m->order && m->order->spec ? m->order->spec : &none;
}

/* ---------------------------------------------------------------- timers */

static void start_timer(struct ft_module *m, int which, uv_timer_cb fn, uint64_t ms)
{
    if (m->closing)
        return;
    uv_update_time(m->home->loop);
    uv_timer_start(&m->timers[which], fn, ms, 0);
}

static void on_due(uv_timer_t *timer);

/* After each call of the supervisor. */
static void arm(struct ft_module *m)
{
    int64_t due_ns = ft_supervisor_due_ns(m->supervisor);
    int64_t left_ns = due_ns - (int64_t)ft_clock_ns();

    if (due_ns == FT_SUPERVISOR_NEVER)
        uv_timer_stop(&m->timers[TIMER_DUE]);
    else
        start_timer(m, TIMER_DUE, on_due, left_ns > 0 ? (uint64_t)((left_ns + MS - 1) / MS) : 0);
}

static void on_due(uv_timer_t *timer)
{
    struct ft_module *m = timer->data;

    ft_supervisor_tick(m->supervisor);
    arm(m);
}

static void on_later(uv_timer_t *timer)
{
    struct ft_module *m = timer->data;
    struct ft_supervisor_end end = m->later;

    end.text = m->later_text;
    ft_supervisor_ended(m->supervisor, &end);
    arm(m);
}

/* An end that was found while the supervisor is at work is handed in when it is not. */
static void ended_later(struct ft_module *m, enum ft_module_end end, int code, bool hopeless,
                        const char *text)
{
    m->later = (struct ft_supervisor_end){.end = end, .code = code, .hopeless = hopeless};
    ft_text_copy(m->later_text, sizeof m->later_text, text);
    start_timer(m, TIMER_LATER, on_later, 0);
}

/* ---------------------------------------------------------------- health checks */

static void stop_checks(struct ft_module *m)
{
    uv_timer_stop(&m->timers[TIMER_CHECK]);
    if (m->check)
        ft_child_cancel(m->check);
    m->check = NULL;
}

static void on_check_time(uv_timer_t *timer);

static void next_check(struct ft_module *m)
{
    if (spec_of(m)->n_check > 0 && spec_of(m)->check_ms > 0)
        start_timer(m, TIMER_CHECK, on_check_time, spec_of(m)->check_ms);
}

/* How it failed, in `text`; false if it did not. */
static bool check_failed(const struct ft_child_end *end, char *text, size_t size)
{
    int n = (int)(end->n < 80 ? end->n : 80);

    if (end->timed_out)
        snprintf(text, size, "its health check gave no answer within %.0f ms", end->took_ms);
    else if (end->signal)
        snprintf(text, size, "its health check was ended by signal %d", end->signal);
    else if (end->code)
        snprintf(text, size, "its health check ended with exit code %d%s%.*s", end->code,
                 n ? ": " : "", n, (const char *)end->output);
    else
        return false;
    ft_text_one_line(text);
    ft_text_make_utf8(text);
    return true;
}

static void on_checked(void *arg, const struct ft_child_end *end)
{
    struct ft_module *m = arg;
    char text[FT_SUPERVISOR_TEXT_MAX];
    unsigned limit = spec_of(m)->check_failures ? spec_of(m)->check_failures : 1;

    m->check = NULL;
    m->checks_failed = check_failed(end, text, sizeof text) ? m->checks_failed + 1 : 0;
    if (m->checks_failed < limit) {
        if (m->checks_failed)
            ft_log(FT_LOG_WARNING, "module %s: %s (%u of %u)", m->name, text, m->checks_failed,
                   limit);
        next_check(m);
        return;
    }
    m->checks_failed = 0;
    ft_supervisor_unwell(m->supervisor, FT_END_CHECK, text);
    arm(m);
}

static struct ft_child *start_check(struct ft_module *m, const char **argv, const char **given)
{
    const Ft__ModuleSpec *spec = spec_of(m);
    char module[96], node[300], pid[48];
    struct ft_child_wish wish = {
        .file = argv[0],
        .argv = argv,
        .timeout_ms = spec->check_timeout_ms ? spec->check_timeout_ms : CHECK_TIMEOUT_MS,
        .output_max = CHECK_OUTPUT_MAX,
        .as_user = geteuid() == 0 && m->kept.uid != 0,
        .uid = m->kept.uid,
        .gid = m->kept.gid,
        .with_stderr = true,
    };
    const char **environment = calloc(spec->n_environment + CHECK_VARIABLES + 1,
                                      sizeof *environment);
    struct ft_child *child;
    size_t n = 0;

    if (!environment)
        return NULL;
    environment[n++] = PATH_VARIABLE;
    snprintf(module, sizeof module, "FT_MODULE=%s", m->name);
    snprintf(node, sizeof node, "FT_NODE=%s", m->home->node);
    snprintf(pid, sizeof pid, "FT_PID=%" PRId64, m->kept.pid);
    environment[n++] = module;
    environment[n++] = node;
    environment[n++] = pid;
    for (size_t i = 0; given[i]; i++)
        environment[n++] = given[i];
    wish.environment = environment;
    child = ft_child_start(m->home->loop, &wish, on_checked, m);
    free(environment);
    return child;
}

static void on_check_time(uv_timer_t *timer)
{
    struct ft_module *m = timer->data;
    const Ft__ModuleSpec *spec = spec_of(m);
    struct ft_child_end failed = {.code = 127};
    const char **argv = calloc(spec->n_check + 1, sizeof *argv);
    const char **given = calloc(spec->n_environment + 1, sizeof *given);

    if (m->check || spec->n_check == 0) {
        free(argv);
        free(given);
        return;
    }
    for (size_t i = 0; argv && i < spec->n_check; i++)
        argv[i] = spec->check[i];
    for (size_t i = 0; given && i < spec->n_environment; i++)
        given[i] = spec->environment[i];
    m->check = argv && given ? start_check(m, argv, given) : NULL;
    free(argv);
    free(given);
    if (!m->check) /* a check that cannot be run has not shown that the module is well */
        on_checked(m, &failed);
}

/* ---------------------------------------------------------------- the keeper's word */

static void last_line(const char *tail, char *line, size_t size)
{
    size_t n = strlen(tail), from;

    while (n > 0 && (tail[n - 1] == '\n' || tail[n - 1] == ' '))
        n--;
    for (from = n; from > 0 && tail[from - 1] != '\n'; from--)
        ;
    if (n - from >= size)
        n = from + size - 1;
    memcpy(line, tail + from, n - from);
    line[n - from] = '\0';
    ft_text_one_line(line);
    ft_text_make_utf8(line);
}

static void ended(struct ft_module *m, const struct ft_keep_state *s)
{
    static const enum ft_module_end ends[FT_KEEP_ENDS] = {
        [FT_KEEP_ALIVE] = FT_END_CRASH, [FT_KEEP_NO_EXEC] = FT_END_NO_START,
        [FT_KEEP_EXIT] = FT_END_CODE, [FT_KEEP_SIGNAL] = FT_END_CRASH,
        [FT_KEEP_MEMORY] = FT_END_MEMORY, [FT_KEEP_LEASE] = FT_END_LEASE,
        [FT_KEEP_PERSON] = FT_END_TOLD,
    };
    struct ft_supervisor_end end = {.end = ends[s->end], .code = s->code, .hopeless = s->hopeless};
    char text[FT_SUPERVISOR_TEXT_MAX], line[LAST_LINE_MAX];

    if (s->end == FT_KEEP_EXIT && s->code == 0)
        end.end = FT_END_WELL;
    last_line(s->tail, line, sizeof line);
    snprintf(text, sizeof text, "%.140s%s%s%s%s", s->text, *s->text && *line ? "; " : "",
             *line ? "it said last \"" : "", line, *line ? "\"" : "");
    end.text = end.end == FT_END_WELL ? "" : text;
    stop_checks(m);
    ft_supervisor_ended(m->supervisor, &end);
}

static void on_status_time(uv_timer_t *timer)
{
    struct ft_module *m = timer->data;

    m->home->report(m->home->arg, m);
}

static void alive(struct ft_module *m, const struct ft_keep_state *before)
{
    const struct ft_keep_state *s = &m->kept;
    char text[FT_SUPERVISOR_TEXT_MAX];

    if (s->pid && !m->executed) {
        m->executed = true;
        ft_supervisor_executed(m->supervisor);
    }
    if (s->ready && !m->ready) {
        m->ready = true;
        m->checks_failed = 0;
        ft_supervisor_ready(m->supervisor);
        next_check(m);
    }
    if (s->extend_n != before->extend_n)
        ft_supervisor_extend(m->supervisor, s->extend_ms);
    if (s->unwell == FT_KEEP_HANG) {
        snprintf(text, sizeof text, "its watchdog was not fed for %u ms, or it said so itself",
                 spec_of(m)->watchdog_ms);
        ft_supervisor_unwell(m->supervisor, FT_END_HANG, text);
    } else if (s->unwell == FT_KEEP_LATE) {
        snprintf(text, sizeof text, "no beat within %u ms, after %" PRIu64 " (each %.1f ms, "
                 "deviation %.1f ms)", spec_of(m)->deadline_ms, s->beats_n, s->beat_ms,
                 s->jitter_ms);
        ft_supervisor_unwell(m->supervisor, FT_END_DEADLINE, text);
    }
    if ((strcmp(s->status, before->status) != 0 || s->reloading != before->reloading) &&
        !uv_is_active((uv_handle_t *)&m->timers[TIMER_STATUS]))
        start_timer(m, TIMER_STATUS, on_status_time, STATUS_EVERY_MS);
}

static void on_kept(void *arg, const struct ft_keep_state *state)
{
    struct ft_module *m = arg;
    struct ft_keep_state before = m->kept;

    if (state->end != FT_KEEP_ALIVE)
        m->keeper = NULL;
    if (state->run != m->run)
        return; /* of an earlier one, that is no more */
    m->kept = *state;
    if (state->end == FT_KEEP_ALIVE)
        alive(m, &before);
    else
        ended(m, state);
    arm(m);
}

/* Kills the module's process group past its keeper; the group's number is surely still that. */
static void kill_past_keeper(const struct ft_module *m)
{
    uint64_t ticks;

    if (m->kept.pid <= 1 || m->kept.end != FT_KEEP_ALIVE)
        return;
    ticks = ft_kin_start_ticks((pid_t)m->kept.pid);
    if (ticks == m->kept.start_ticks || (!ticks && kill((pid_t)-m->kept.pid, 0) == 0))
        kill((pid_t)-m->kept.pid, SIGKILL);
}

static void on_gone(void *arg)
{
    struct ft_module *m = arg;
    struct ft_supervisor_end end = {.end = FT_END_CRASH, .code = SIGKILL,
                                    .text = "its keeper was killed"};

    m->keeper = NULL;
    stop_checks(m);
    kill_past_keeper(m);
    ft_supervisor_ended(m->supervisor, &end);
    arm(m);
}

static const struct ft_keeper_events keeper_events = {.state = on_kept, .gone = on_gone};

/* ---------------------------------------------------------------- executing */

static void launch(struct ft_module *m)
{
    const Ft__ModuleSpec *spec = spec_of(m);
    struct ft_keep_wish wish = {
        .name = m->name, .node = m->home->node, .folder = m->folder, .log = m->log,
        .group = m->home->group, .epoch = m->order->epoch, .run = m->run,
        .lease_ns = spec->leased ? m->home->lease_until_ns : 0,
        .lease_grace_ms = LEASE_GRACE_MS,
    };
    char text[FT_SUPERVISOR_TEXT_MAX];
    int error;

    if (ft_spec_wish(spec, &wish) == 0)
        m->keeper = ft_keeper_start(m->home->loop, m->home->keeper, &wish, &keeper_events, m);
    error = errno;
    free(wish.argv);
    free(wish.environment);
    m->lease_said_ns = wish.lease_ns;
    if (m->keeper)
        return;
    snprintf(text, sizeof text, "its keeper %.100s cannot be started: %s", m->home->keeper,
             strerror(error));
    ended_later(m, FT_END_NO_START, error, false, text);
}

static void do_sum(uv_work_t *work)
{
    struct ft_module *m = work->data;

    m->sum_error = ft_checksum_file(m->sum_path, m->sum_text) == 0 ? 0 : errno;
}

static void free_if_closed(struct ft_module *m);

static void sum_done(uv_work_t *work, int status)
{
    struct ft_module *m = work->data;
    char text[FT_SUPERVISOR_TEXT_MAX];

    m->summing = false;
    free(m->sum_path);
    m->sum_path = NULL;
    if (m->closing) {
        free_if_closed(m);
        return;
    }
    if (m->sum_cancelled) {
        ended_later(m, FT_END_TOLD, 0, false, "");
    } else if (status != 0 || m->sum_error) {
        snprintf(text, sizeof text, "%.120s cannot be read: %s", m->order->spec->argv[0],
                 status ? uv_strerror(status) : strerror(m->sum_error));
        ended_later(m, FT_END_NO_START, m->sum_error, true, text);
    } else if (!ft_checksum_equal(m->sum_text, spec_of(m)->checksum)) {
        snprintf(text, sizeof text, "%.80s is %.24s..., meant is %.24s...",
                 m->order->spec->argv[0], m->sum_text, spec_of(m)->checksum);
        ended_later(m, FT_END_CHECKSUM, 0, true, text);
    } else {
        launch(m);
    }
}

static void execute(void *arg)
{
    struct ft_module *m = arg;

    m->run++;
    memset(&m->kept, 0, sizeof m->kept);
    m->executed = m->ready = false;
    if (!*spec_of(m)->checksum) {
        launch(m);
        return;
    }
    m->sum.data = m;
    m->sum_cancelled = false;
    m->sum_path = strdup(m->order->spec->argv[0]);
    m->summing = m->sum_path && uv_queue_work(m->home->loop, &m->sum, do_sum, sum_done) == 0;
    if (m->summing)
        return;
    free(m->sum_path);
    m->sum_path = NULL;
    ended_later(m, FT_END_NO_START, ENOMEM, false, "out of memory");
}

static void kill_it(void *arg, bool at_once, enum ft_module_end why)
{
    struct ft_module *m = arg;

    stop_checks(m);
    m->sum_cancelled = true;
    if (!m->keeper)
        return; /* an end is under way already: of a sum, or of ended_later */
    ft_keeper_kill(m->keeper, (unsigned)why, at_once);
    if (at_once && m->kept.end == FT_KEEP_ALIVE && m->kept.killed_for) {
        /* It was told before: its keeper may hang, or be stopped. */
        kill_past_keeper(m);
        if (m->kept.keeper > 1)
            kill((pid_t)m->kept.keeper, SIGCONT);
    }
}

/* ---------------------------------------------------------------- reporting */

static void report(void *arg, const struct ft_supervisor_report *r)
{
    struct ft_module *m = arg;

    ft_log(r->state == FT_MODULE_FAILED || r->state == FT_MODULE_DELAYED ? FT_LOG_WARNING :
           FT_LOG_INFO, "module %s (epoch %" PRIu64 ") %s: %s", m->name, ft_module_epoch(m),
           ft_module_state_text(r->state), r->text);
    m->home->report(m->home->arg, m);
}

void ft_module_fill(struct ft_module *m, Ft__ModuleState *state)
{
    struct ft_supervisor_report r;
    const struct ft_keep_state *s = &m->kept;

    ft__module_state__init(state);
    ft_supervisor_look(m->supervisor, &r);
    ft_text_copy(m->text, sizeof m->text, r.text);
    if (r.state == FT_MODULE_RUNS && *s->status)
        ft_text_appendf(m->text, sizeof m->text, "; it says \"%s\"", s->status);
    if (r.state == FT_MODULE_RUNS && s->beats_n)
        ft_text_appendf(m->text, sizeof m->text, "; %" PRIu64 " beats, each %.1f ms, deviation "
                        "%.1f ms, the longest %.1f ms", s->beats_n, s->beat_ms, s->jitter_ms,
                        s->late_ms);
    state->name = m->name;
    state->epoch = ft_module_epoch(m);
    state->state = (uint32_t)r.state;
    state->pid = m->keeper ? s->pid : 0;
    state->end = (uint32_t)r.end;
    state->code = r.code;
    state->restarts = r.restarts;
    state->text = m->text;
    state->given_up = r.given_up;
    state->restart_ms = r.restart_ms;
}

/* ---------------------------------------------------------------- orders */

static bool holds_lease(const struct ft_module *m)
{
    return m->home->lease_until_ns > ft_module_boot_ns();
}

/* Takes the order over. Without settings of its own it keeps those before. */
static bool keep_order(struct ft_module *m, const Ft__ModuleOrder *order)
{
    Ft__ModuleOrder *copy = ft_spec_copy(order);
    struct ft_supervisor_policy policy;

    if (!copy)
        return false;
    if (!copy->spec && m->order) {
        copy->spec = m->order->spec;
        m->order->spec = NULL;
    }
    if (copy->action == FT_ORDER_UPDATE && m->order && m->order->action)
        copy->action = m->order->action; /* whether it is to run */
    if (m->order)
        ft__module_order__free_unpacked(m->order, NULL);
    m->order = copy;
    if (copy->spec) {
        ft_spec_policy(copy->spec, &policy);
        ft_supervisor_update(m->supervisor, &policy);
    }
    if (ft_spec_save(m->folder, copy, m->first_run) != 0)
        ft_log(FT_LOG_ERROR, "module %s: its order cannot be kept in %s: %s; a unit that is "
               "started anew will not know of it", m->name, m->folder, strerror(errno));
    return true;
}

static void update(struct ft_module *m)
{
    ft_log(FT_LOG_INFO, "module %s (epoch %" PRIu64 "): new settings; what it is executed with "
           "holds from its next start", m->name, ft_module_epoch(m));
    if (m->keeper) {
        ft_keeper_limits(m->keeper, spec_of(m)->watchdog_ms, spec_of(m)->deadline_ms);
        ft_keeper_lease(m->keeper, spec_of(m)->leased ? m->home->lease_until_ns : 0);
    }
    if (ft_supervisor_state(m->supervisor) == FT_MODULE_RUNS && !m->check) {
        stop_checks(m);
        next_check(m);
    }
}

bool ft_module_obey(struct ft_module *m, const Ft__ModuleOrder *order)
{
    bool again = m->order && order->epoch == m->order->epoch &&
                 (order->action == FT_ORDER_START || order->action == FT_ORDER_RESTART);
    bool starts = order->action == FT_ORDER_START || order->action == FT_ORDER_RESTART;
    const char *why = *order->why ? order->why : "the central unit says so";

    if (again && m->order->action == order->action)
        return true; /* heard twice: it is done already */
    if (starts)
        m->first_run = m->run + 1;
    if (!keep_order(m, order))
        return false;
    ft_supervisor_lease(m->supervisor, holds_lease(m));
    if (order->action == FT_ORDER_STOP)
        ft_supervisor_stop(m->supervisor, why);
    else if (starts)
        ft_supervisor_restart(m->supervisor, why); /* the same as a start if it does not live */
    else if (order->action == FT_ORDER_UPDATE && m->order->spec)
        update(m);
    arm(m);
    return true;
}

void ft_module_lease(struct ft_module *m, bool held)
{
    int64_t until_ns = m->home->lease_until_ns;
    bool leased = spec_of(m)->leased;

    ft_supervisor_lease(m->supervisor, held);
    /* Not each heartbeat's small gain is worth waking a keeper. */
    if (held && leased && m->keeper &&
        until_ns - m->lease_said_ns > (until_ns - ft_module_boot_ns()) / 8) {
        m->lease_said_ns = until_ns;
        ft_keeper_lease(m->keeper, until_ns);
    }
    arm(m);
}

void ft_module_central(struct ft_module *m, bool reachable)
{
    ft_supervisor_central(m->supervisor, reachable);
    arm(m);
}

const char *ft_module_name(const struct ft_module *m)
{
    return m->name;
}

uint64_t ft_module_epoch(const struct ft_module *m)
{
    return m->order ? m->order->epoch : 0;
}

uint64_t ft_module_term(const struct ft_module *m)
{
    return m->order ? m->order->term : 0;
}

enum ft_module_state ft_module_state(const struct ft_module *m)
{
    return ft_supervisor_state(m->supervisor);
}

/* ---------------------------------------------------------------- life */

static int64_t now_ns(void *arg)
{
    (void)arg;
    return (int64_t)ft_clock_ns();
}

static uint64_t random_number(void *arg)
{
    uint64_t number;

    (void)arg;
    if (getrandom(&number, sizeof number, GRND_NONBLOCK) != (ssize_t)sizeof number)
        number = ft_clock_ns();
    return number;
}

static void module_free(struct ft_module *m)
{
    if (m->order)
        ft__module_order__free_unpacked(m->order, NULL);
    ft_supervisor_destroy(m->supervisor);
    free(m);
}

static void free_if_closed(struct ft_module *m)
{
    if (m->handles == 0 && !m->summing)
        module_free(m);
}

static void on_closed(uv_handle_t *handle)
{
    struct ft_module *m = handle->data;

    m->handles--;
    free_if_closed(m);
}

void ft_module_close(struct ft_module *m)
{
    m->closing = true;
    if (m->keeper)
        ft_keeper_let_go(m->keeper);
    m->keeper = NULL;
    if (m->check)
        ft_child_cancel(m->check);
    m->check = NULL;
    if (m->summing)
        uv_cancel((uv_req_t *)&m->sum);
    for (size_t i = 0; i < TIMERS; i++)
        uv_close((uv_handle_t *)&m->timers[i], on_closed);
}

void ft_module_remove(struct ft_module *m)
{
    static const char *const files[] = {"order", "order.new", FT_KEEP_STATUS, FT_KEEP_STATUS ".new",
                                        FT_KEEP_SOCKET, FT_KEEP_NOTIFY, FT_KEEP_LOCK};
    char path[PATH_BYTES + 32];

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", m->folder, files[i]);
        unlink(path);
    }
    rmdir(m->folder);
    ft_module_close(m);
}

static struct ft_module *module_new(struct ft_module_home *home, const char *name)
{
    const struct ft_supervisor_env env = {.now_ns = now_ns, .random = random_number,
                                          .execute = execute, .kill = kill_it, .report = report};
    struct ft_supervisor_policy policy = {.restart = FT_RESTART_ALWAYS};
    struct ft_module *m = calloc(1, sizeof *m);
    struct ft_supervisor_env own = env;

    if (!m)
        return NULL;
    own.arg = m;
    m->home = home;
    m->supervisor = ft_supervisor_create(&own, &policy);
    if (!m->supervisor) {
        free(m);
        errno = ENOMEM;
        return NULL;
    }
    ft_text_copy(m->name, sizeof m->name, name);
    snprintf(m->folder, sizeof m->folder, "%s/%s", home->folder, name);
    snprintf(m->log, sizeof m->log, "%s/%s.log", home->logs, name);
    for (size_t i = 0; i < TIMERS; i++) {
        uv_timer_init(home->loop, &m->timers[i]);
        m->timers[i].data = m;
    }
    m->handles = TIMERS;
    ft_supervisor_central(m->supervisor, home->central);
    return m;
}

struct ft_module *ft_module_create(struct ft_module_home *home, const char *name)
{
    struct ft_keep_state state;
    char folder[PATH_BYTES];
    struct ft_module *m;

    /* The module's user has to reach its notify socket: who may use that, its own mode says. */
    snprintf(folder, sizeof folder, "%s/%s", home->folder, name);
    if (mkdir(folder, 0711) != 0 && errno != EEXIST)
        return NULL;
    m = module_new(home, name);
    if (m && ft_keeper_read_status(folder, &state))
        m->run = state.run;
    return m;
}

static enum ft_module_end killed_for(const struct ft_keep_state *state)
{
    return state->killed_for < FT_MODULE_ENDS ? (enum ft_module_end)state->killed_for :
                                                FT_END_NONE;
}

/* It lived when it was seen last: it still does, or its end is to be found out. */
static void take_over(struct ft_module *m, const struct ft_keep_state *state)
{
    uint64_t restarts = state->run > m->first_run ? state->run - m->first_run : 0;

    m->kept = *state;
    m->executed = state->pid != 0;
    m->ready = state->ready;
    m->lease_said_ns = state->lease_ns;
    m->keeper = ft_keeper_find(m->home->loop, m->folder, &keeper_events, m);
    ft_supervisor_adopt(m->supervisor, state->ready, killed_for(state), (unsigned)restarts);
    if (m->order->action == FT_ORDER_STOP)
        ft_supervisor_stop(m->supervisor, "the central unit said so");
    if (m->keeper && state->ready)
        next_check(m);
    else if (!m->keeper)
        on_gone(m);
    arm(m);
}

/* It ended while no unit was there: that is handled now. */
static void catch_up(struct ft_module *m, const struct ft_keep_state *state)
{
    m->kept = *state;
    ft_supervisor_adopt(m->supervisor, state->ready, killed_for(state), 0);
    if (m->order->action == FT_ORDER_STOP)
        ft_supervisor_stop(m->supervisor, "the central unit said so");
    ended(m, state);
    arm(m);
}

struct ft_module *ft_module_load(struct ft_module_home *home, const char *name)
{
    struct ft_module *m = module_new(home, name);
    struct ft_supervisor_policy policy;
    struct ft_keep_state state;
    bool known;

    if (!m)
        return NULL;
    m->order = ft_spec_load(m->folder, &m->first_run);
    known = m->order && ft_keeper_read_status(m->folder, &state);
    if (!m->order || (!m->order->spec && m->order->action != FT_ORDER_STOP)) {
        ft_module_close(m);
        errno = ENOENT;
        return NULL;
    }
    if (m->order->spec) {
        ft_spec_policy(m->order->spec, &policy);
        ft_supervisor_update(m->supervisor, &policy);
    }
    if (known) {
        m->run = state.run;
        if (state.lease_ns > home->lease_until_ns)
            home->lease_until_ns = state.lease_ns;
    }
    ft_supervisor_lease(m->supervisor, holds_lease(m));
    if (known && state.end == FT_KEEP_ALIVE)
        take_over(m, &state);
    else if (known && m->order->action != FT_ORDER_STOP && state.run >= m->first_run)
        catch_up(m, &state);
    else if (m->order->action != FT_ORDER_STOP)
        ft_supervisor_start(m->supervisor);
    ft_supervisor_lease(m->supervisor, holds_lease(m));
    arm(m);
    return m;
}
