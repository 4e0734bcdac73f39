/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * supervisor.c - owns the state of one module on one node.
 *
 * Called by noded/module.c, once for each module. The paper's algorithm 2 and figure 1: a module
 * that fails is started again here; the same error `burst` times within window_ms, or one that
 * trying again cannot mend, is the central unit's (given_up). Without a central unit it is tried
 * again all the same, slowly: there is no dead end.
 *
 *     stopped --start--> starting --ready--> runs --stop, restart, unwell--> stopping --ended--+
 *        ^                  |                 |                                                |
 *        |                  +------- ended: what now? -----------------------------------------+
 *        |                                    |
 *        +--- not wanted any more ------------+--- its policy lets it be ---------------> done
 *        |                                    +--- too often, or hopeless --------------> failed
 *        |                                    +--- else ------> delayed ---due--> starting
 *
 * The two tables below say it exactly: `transitions`, which state follows on what, and `states`,
 * what is done in a state when it is entered and when its time is over. What an order or an end
 * means (again? over? given up?) is found out before it becomes an event of the table.
 *
 * The same error is the same kind of end with the same exit code or signal. An end that the unit
 * brought about itself is booked as its reason (hang, deadline, check, ...), whatever signal it
 * took.
 *
 * Lease: a leased module is not executed without one, and ends with it. It then waits for the next
 * order: only the central unit knows whether it runs elsewhere by now. An order that came before
 * the lease did waits for it, but no longer than the connection that it came by lasts.
 */
#include "core/supervisor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/planted.h"

#define MS INT64_C(1000000)
#define START_TIMEOUT_MS 10000
#define STOP_TIMEOUT_MS 5000
#define LEASE_GRACE_MS 80      /* the keeper is faster; this is for one that hangs */
#define KILL_AGAIN_MS 1000
#define EXTEND_MAX_MS 3600000
#define SLOW_MIN_MS 1000
#define SLOW_MAX_MS 60000
#define JITTER_DIVISOR 4       /* up to a quarter of a delay is added to it */
#define FAILURES_MAX 100       /* remembered; a larger burst is this */

enum event {
    EV_START,   /* ordered to, or the delay is over */
    EV_HOLD,    /* ordered to, and there is no lease */
    EV_KILL,    /* it is to end */
    EV_REST,    /* it does not live, and is not to */
    EV_READY,
    EV_RETRY,   /* ended; to be started again */
    EV_OVER,    /* ended; its policy lets it be */
    EV_GONE,    /* ended; nobody wants it any more */
    EV_GIVE_UP, /* ended; not to be mended here */
    EVENTS
};

struct failure {
    enum ft_module_end end;
    int code;
    int64_t at_ns;
};

struct ft_supervisor {
    struct ft_supervisor_env env;
    struct ft_supervisor_policy policy;
    enum ft_module_state state;
    bool wanted;                   /* to run, by the last order */
    bool again;                    /* stopping: to be started as soon as it has ended */
    bool at_once;                  /* stopping: KILL, not TERM */
    bool awaits_lease;             /* delayed: until there is one */
    bool lease_held, central_reachable;
    enum ft_module_end killed_for; /* stopping: why */
    int64_t due_ns;
    int64_t ended_ns;              /* the last end; 0: none since it was ordered */
    int64_t ready_ns;              /* it was ready since; 0: it is not */
    unsigned delay_ms;             /* before the next try */
    unsigned row;                  /* tries since it last ran well for window_ms */
    unsigned slow;                 /* of these, after it was given up */
    struct failure failures[FAILURES_MAX];
    size_t failures_n;             /* all there were; the last FAILURES_MAX are kept */
    struct ft_supervisor_report report;
    char text[FT_SUPERVISOR_TEXT_MAX];
};

/* ---------------------------------------------------------------- words */

static const char *end_words(enum ft_module_end end)
{
    static const char *const texts[FT_MODULE_ENDS] = {
        [FT_END_NONE] = "none", [FT_END_WELL] = "well", [FT_END_CRASH] = "crash",
        [FT_END_CODE] = "exit code", [FT_END_NO_START] = "failed start", [FT_END_HANG] = "hang",
        [FT_END_DEADLINE] = "missed deadline", [FT_END_MEMORY] = "out of memory",
        [FT_END_CHECK] = "failed check", [FT_END_CHECKSUM] = "wrong checksum",
        [FT_END_LEASE] = "lease ended", [FT_END_TOLD] = "told to",
    };
    return (unsigned)end < FT_MODULE_ENDS ? texts[end] : "unknown";
}

/* "crash (signal 11): text" */
static void describe_end(char *text, size_t size, enum ft_module_end end, int code,
                         const char *more)
{
    char number[32] = "";

    if (end == FT_END_CRASH)
        snprintf(number, sizeof number, " (signal %d)", code);
    else if (end == FT_END_CODE)
        snprintf(number, sizeof number, " %d", code);
    snprintf(text, size, "%s%s%s%s", end_words(end), number, more && *more ? ": " : "",
             more ? more : "");
}

/* ---------------------------------------------------------------- the two tables */

static int64_t now(struct ft_supervisor *s)
{
    return s->env.now_ns(s->env.arg);
}

static int64_t after_ms(struct ft_supervisor *s, uint64_t ms)
{
    return now(s) + (int64_t)ms * MS;
}

static void begin(struct ft_supervisor *s);
static void step(struct ft_supervisor *s, enum event event);

static void no_timer(struct ft_supervisor *s)
{
    s->due_ns = FT_SUPERVISOR_NEVER;
}

static void enter_starting(struct ft_supervisor *s)
{
    unsigned timeout_ms = s->policy.start_timeout_ms;

    s->due_ns = after_ms(s, timeout_ms ? timeout_ms : START_TIMEOUT_MS);
    if (FT_PLANTED(FT_PLANT_MODULE_NO_START_TIME))
        s->due_ns = FT_SUPERVISOR_NEVER;
    s->ready_ns = 0;
    s->killed_for = FT_END_NONE;
    if (s->ended_ns && !s->again)
        s->report.restarts++;
    s->again = s->at_once = s->awaits_lease = false;
    s->env.execute(s->env.arg);
}

static void enter_runs(struct ft_supervisor *s)
{
    no_timer(s);
    s->ready_ns = now(s);
    s->report.given_up = false;
    if (s->ended_ns)
        s->report.restart_ms = (double)(s->ready_ns - s->ended_ns) / (double)MS;
}

static void enter_stopping(struct ft_supervisor *s)
{
    unsigned timeout_ms = s->policy.stop_timeout_ms ? s->policy.stop_timeout_ms : STOP_TIMEOUT_MS;

    if (s->killed_for == FT_END_LEASE)
        timeout_ms = LEASE_GRACE_MS;
    s->due_ns = after_ms(s, s->at_once ? KILL_AGAIN_MS : timeout_ms);
    s->env.kill(s->env.arg, s->at_once, s->killed_for);
}

static void enter_delayed(struct ft_supervisor *s)
{
    s->due_ns = s->awaits_lease ? FT_SUPERVISOR_NEVER : after_ms(s, s->delay_ms);
}

/* What was given up is the central unit's matter. If there is none to take it, this one goes on. */
static void arm_slow(struct ft_supervisor *s)
{
    uint64_t ms = s->policy.delays_n ? s->policy.delays_ms[s->policy.delays_n - 1] : 0;
    bool may = !s->central_reachable && (!s->policy.leased || s->lease_held);

    if (!may || FT_PLANTED(FT_PLANT_MODULE_DEAD_END)) {
        no_timer(s);
        return;
    }
    if (ms < SLOW_MIN_MS)
        ms = SLOW_MIN_MS;
    for (unsigned i = 0; i < s->slow && ms < SLOW_MAX_MS; i++)
        ms *= 2;
    if (ms > SLOW_MAX_MS)
        ms = SLOW_MAX_MS;
    s->due_ns = after_ms(s, ms + s->env.random(s->env.arg) % (ms / JITTER_DIVISOR + 1));
}

static void enter_failed(struct ft_supervisor *s)
{
    s->report.given_up = true;
    arm_slow(s);
    s->slow++;
}

static void due_starting(struct ft_supervisor *s)
{
    s->killed_for = FT_END_NO_START;
    snprintf(s->text, sizeof s->text, "not ready in time: it is ended");
    step(s, EV_KILL);
}

/* Asked in vain, or the kernel does not let it die: once more, for as long as it takes. */
static void due_stopping(struct ft_supervisor *s)
{
    s->due_ns = after_ms(s, KILL_AGAIN_MS);
    if (FT_PLANTED(FT_PLANT_MODULE_NO_KILL))
        return;
    snprintf(s->text, sizeof s->text, "%s", s->at_once ?
             "killed, and has not ended yet: a device or a file server may not answer" :
             "asked to end, and has not: it is killed");
    s->at_once = true;
    s->env.kill(s->env.arg, true, s->killed_for);
}

static const struct {
    void (*enter)(struct ft_supervisor *s);
    void (*due)(struct ft_supervisor *s);
} states[FT_MODULE_STATES] = {
    [FT_MODULE_STOPPED] = {no_timer, no_timer},
    [FT_MODULE_STARTING] = {enter_starting, due_starting},
    [FT_MODULE_RUNS] = {enter_runs, no_timer},
    [FT_MODULE_STOPPING] = {enter_stopping, due_stopping},
    [FT_MODULE_DELAYED] = {enter_delayed, begin},
    [FT_MODULE_FAILED] = {enter_failed, begin},
    [FT_MODULE_DONE] = {no_timer, no_timer},
};

/* What is not there leaves the state as it is. */
#define TO(state) ((state) + 1)
static const unsigned char transitions[FT_MODULE_STATES][EVENTS] = {
    [FT_MODULE_STOPPED] = {
        [EV_START] = TO(FT_MODULE_STARTING),
        [EV_HOLD] = TO(FT_MODULE_DELAYED),
    },
    [FT_MODULE_STARTING] = {
        [EV_KILL] = TO(FT_MODULE_STOPPING),
        [EV_READY] = TO(FT_MODULE_RUNS),
        [EV_RETRY] = TO(FT_MODULE_DELAYED),
        [EV_OVER] = TO(FT_MODULE_DONE),
        [EV_GONE] = TO(FT_MODULE_STOPPED),
        [EV_GIVE_UP] = TO(FT_MODULE_FAILED),
    },
    [FT_MODULE_RUNS] = {
        [EV_KILL] = TO(FT_MODULE_STOPPING),
        [EV_RETRY] = TO(FT_MODULE_DELAYED),
        [EV_OVER] = TO(FT_MODULE_DONE),
        [EV_GONE] = TO(FT_MODULE_STOPPED),
        [EV_GIVE_UP] = TO(FT_MODULE_FAILED),
    },
    [FT_MODULE_STOPPING] = {
        [EV_RETRY] = TO(FT_MODULE_DELAYED),
        [EV_OVER] = TO(FT_MODULE_DONE),
        [EV_GONE] = TO(FT_MODULE_STOPPED),
        [EV_GIVE_UP] = TO(FT_MODULE_FAILED),
    },
    [FT_MODULE_DELAYED] = {
        [EV_START] = TO(FT_MODULE_STARTING),
        [EV_HOLD] = TO(FT_MODULE_DELAYED),
        [EV_REST] = TO(FT_MODULE_STOPPED),
    },
    [FT_MODULE_FAILED] = {
        [EV_START] = TO(FT_MODULE_STARTING),
        [EV_HOLD] = TO(FT_MODULE_DELAYED),
        [EV_REST] = TO(FT_MODULE_STOPPED),
    },
    [FT_MODULE_DONE] = {
        [EV_START] = TO(FT_MODULE_STARTING),
        [EV_HOLD] = TO(FT_MODULE_DELAYED),
        [EV_REST] = TO(FT_MODULE_STOPPED),
    },
};

static void tell(struct ft_supervisor *s)
{
    s->report.state = s->state;
    s->report.text = s->text;
    s->env.report(s->env.arg, &s->report);
}

static void step(struct ft_supervisor *s, enum event event)
{
    unsigned next = transitions[s->state][event];

    if (!next)
        return;
    s->state = (enum ft_module_state)(next - 1);
    states[s->state].enter(s);
}

/* ---------------------------------------------------------------- starting */

static bool is_alive(const struct ft_supervisor *s)
{
    return s->state == FT_MODULE_STARTING || s->state == FT_MODULE_RUNS ||
           s->state == FT_MODULE_STOPPING;
}

/* Without a lease it can only wait for one together with the central unit that ordered it: a lease
 * that comes with another connection may be younger than an order to somebody else. */
static void forgo(struct ft_supervisor *s)
{
    s->wanted = s->awaits_lease = false;
    s->report.end = FT_END_LEASE;
    s->report.code = 0;
    s->report.given_up = false;
    snprintf(s->text, sizeof s->text, "stopped: this node has no lease");
    step(s, EV_REST);
}

static void begin(struct ft_supervisor *s)
{
    bool may = !s->policy.leased || s->lease_held || FT_PLANTED(FT_PLANT_MODULE_NO_LEASE);

    if (!may && !s->central_reachable) {
        forgo(s);
        return;
    }
    s->awaits_lease = !may;
    snprintf(s->text, sizeof s->text, "%s", may ? "starts" :
             "to be started: waits for this node's lease");
    step(s, may ? EV_START : EV_HOLD);
}

/* A new order: what was before does not count. */
static void forget_past(struct ft_supervisor *s)
{
    s->failures_n = 0;
    s->row = s->slow = 0;
    s->ended_ns = 0;
    s->report.end = FT_END_NONE;
    s->report.code = 0;
    s->report.restarts = 0;
    s->report.restart_ms = 0;
    s->report.given_up = false;
}

void ft_supervisor_start(struct ft_supervisor *s)
{
    bool was_wanted = s->wanted;

    s->wanted = true;
    if (s->state == FT_MODULE_STOPPING) {
        s->again = s->again || !was_wanted;
        if (FT_PLANTED(FT_PLANT_MODULE_TWICE))
            s->env.execute(s->env.arg);
        return;
    }
    if (is_alive(s) || (s->state == FT_MODULE_DELAYED && was_wanted))
        return;
    forget_past(s);
    begin(s);
    tell(s);
}

/* ---------------------------------------------------------------- ending */

static void end_it(struct ft_supervisor *s, enum ft_module_end why, const char *text)
{
    s->killed_for = why;
    s->at_once = why == FT_END_HANG || why == FT_END_DEADLINE;
    snprintf(s->text, sizeof s->text, "ended by its unit: %s%s%s", end_words(why),
             text && *text ? ", " : "", text ? text : "");
    step(s, EV_KILL);
}

void ft_supervisor_stop(struct ft_supervisor *s, const char *why)
{
    s->wanted = s->again = false;
    if (s->state == FT_MODULE_STOPPED || s->state == FT_MODULE_STOPPING)
        return;
    if (is_alive(s)) {
        end_it(s, FT_END_TOLD, why);
    } else {
        snprintf(s->text, sizeof s->text, "stopped: %s", why);
        s->report.given_up = false;
        step(s, EV_REST);
    }
    tell(s);
}

void ft_supervisor_restart(struct ft_supervisor *s, const char *why)
{
    s->wanted = true;
    if (is_alive(s)) {
        s->again = true;
        if (s->state != FT_MODULE_STOPPING)
            end_it(s, FT_END_TOLD, why);
    } else {
        forget_past(s);
        begin(s);
    }
    tell(s);
}

void ft_supervisor_unwell(struct ft_supervisor *s, enum ft_module_end what, const char *text)
{
    if (s->state != FT_MODULE_RUNS)
        return;
    end_it(s, what, text);
    tell(s);
}

/* ---------------------------------------------------------------- what an end means */

static void note_failure(struct ft_supervisor *s, enum ft_module_end end, int code)
{
    struct failure *failure = &s->failures[s->failures_n++ % FAILURES_MAX];

    *failure = (struct failure){.end = end, .code = code, .at_ns = now(s)};
}

/* How often this failure was seen within the window, the last time included. */
static unsigned same_failures(struct ft_supervisor *s, enum ft_module_end end, int code)
{
    size_t n = s->failures_n < FAILURES_MAX ? s->failures_n : FAILURES_MAX;
    int64_t since_ns = now(s) - (int64_t)s->policy.window_ms * MS;
    unsigned same = 0;

    for (size_t i = 0; i < n; i++)
        if (s->failures[i].at_ns >= since_ns &&
            ((s->failures[i].end == end && s->failures[i].code == code) ||
             FT_PLANTED(FT_PLANT_MODULE_ANY_FAILURE)))
            same++;
    return same;
}

static unsigned burst(const struct ft_supervisor *s)
{
    return s->policy.burst < FAILURES_MAX ? s->policy.burst : FAILURES_MAX;
}

static void set_delay(struct ft_supervisor *s)
{
    const struct ft_supervisor_policy *policy = &s->policy;
    unsigned last = policy->delays_n ? policy->delays_n - 1 : 0;
    unsigned ms = policy->delays_n ? policy->delays_ms[s->row < last ? s->row : last] : 0;

    s->delay_ms = ms + (unsigned)(s->env.random(s->env.arg) % (ms / JITTER_DIVISOR + 1));
    if (FT_PLANTED(FT_PLANT_MODULE_NO_DELAY))
        s->delay_ms = 0;
    s->row++;
}

static enum event retry(struct ft_supervisor *s, const char *what)
{
    set_delay(s);
    snprintf(s->text, sizeof s->text, "%.180s; starts again in %.1f s", what,
             (double)s->delay_ms / 1000);
    return EV_RETRY;
}

static enum event failed(struct ft_supervisor *s, bool hopeless, const char *what)
{
    enum ft_module_end end = s->report.end;
    unsigned same;

    note_failure(s, end, s->report.code);
    same = same_failures(s, end, s->report.code);
    if (s->policy.restart == FT_RESTART_NEVER) {
        snprintf(s->text, sizeof s->text, "%.180s; it is not to be started again", what);
        return EV_OVER;
    }
    if (hopeless || s->slow > 0 || (burst(s) > 0 && same >= burst(s))) {
        if (FT_PLANTED(FT_PLANT_MODULE_NO_BURST) && !hopeless)
            return retry(s, what);
        if (hopeless)
            snprintf(s->text, sizeof s->text, "%.180s; trying again here mends nothing", what);
        else
            snprintf(s->text, sizeof s->text, "%.150s; %u times within %u s: given up here", what,
                     same, s->policy.window_ms / 1000);
        return EV_GIVE_UP;
    }
    return retry(s, what);
}

/* As what this end is booked. */
static void book(struct ft_supervisor *s, const struct ft_supervisor_end *end)
{
    s->report.end = end->end;
    s->report.code = end->code;
    if (s->killed_for != FT_END_NONE && end->end != FT_END_LEASE) {
        s->report.end = s->killed_for;
        s->report.code = 0;
    } else if (end->end == FT_END_WELL && s->state == FT_MODULE_STARTING && s->policy.notifies) {
        s->report.end = FT_END_NO_START;
    }
}

static enum event meaning(struct ft_supervisor *s, const struct ft_supervisor_end *end)
{
    char what[FT_SUPERVISOR_TEXT_MAX];

    describe_end(what, sizeof what, s->report.end, s->report.code, end->text);
    if ((s->report.end == FT_END_LEASE || end->end == FT_END_TOLD) && !s->again)
        s->wanted = false; /* a person's word, or nobody's but the central unit's to take back */
    if (!s->wanted) {
        s->report.given_up = false;
        snprintf(s->text, sizeof s->text, "stopped: %.200s", what);
        return EV_GONE;
    }
    if (s->again) { /* ordered: what was before does not count */
        s->failures_n = 0;
        s->row = s->slow = s->report.restarts = 0;
        s->report.given_up = false;
        s->delay_ms = 0;
        snprintf(s->text, sizeof s->text, "%.200s; starts again", what);
        return EV_RETRY;
    }
    if (s->report.end != FT_END_WELL)
        return failed(s, end->hopeless, what);
    if (s->policy.restart == FT_RESTART_ALWAYS)
        return retry(s, "ended well");
    snprintf(s->text, sizeof s->text, "ended well");
    return EV_OVER;
}

void ft_supervisor_ended(struct ft_supervisor *s, const struct ft_supervisor_end *end)
{
    enum event event;

    if (!is_alive(s))
        return;
    book(s, end);
    s->ended_ns = now(s);
    if (s->ready_ns && s->ended_ns - s->ready_ns >= (int64_t)s->policy.window_ms * MS)
        s->row = s->slow = 0; /* it did well for long: this is a new story */
    event = meaning(s, end);
    s->ready_ns = 0;
    s->killed_for = FT_END_NONE;
    s->at_once = false;
    step(s, event);
    tell(s);
}

/* ---------------------------------------------------------------- what else happens to it */

void ft_supervisor_executed(struct ft_supervisor *s)
{
    if (s->state != FT_MODULE_STARTING)
        return;
    if (s->policy.notifies)
        snprintf(s->text, sizeof s->text, "executed; not ready yet");
    else
        ft_supervisor_ready(s);
}

void ft_supervisor_ready(struct ft_supervisor *s)
{
    if (s->state != FT_MODULE_STARTING)
        return;
    step(s, EV_READY);
    if (s->report.restarts)
        snprintf(s->text, sizeof s->text, "runs again, %.1f ms after its end",
                 s->report.restart_ms);
    else
        snprintf(s->text, sizeof s->text, "runs");
    tell(s);
}

void ft_supervisor_extend(struct ft_supervisor *s, uint64_t more_ms)
{
    int64_t until_ns;

    if (s->state != FT_MODULE_STARTING && (s->state != FT_MODULE_STOPPING || s->at_once))
        return;
    if (s->policy.leased && !s->lease_held)
        return; /* that is not ours to grant */
    until_ns = after_ms(s, more_ms < EXTEND_MAX_MS ? more_ms : EXTEND_MAX_MS);
    if (until_ns > s->due_ns)
        s->due_ns = until_ns;
}

void ft_supervisor_adopt(struct ft_supervisor *s, bool ready, enum ft_module_end killed_for,
                         unsigned restarts)
{
    unsigned timeout_ms = s->policy.start_timeout_ms;

    s->wanted = killed_for != FT_END_LEASE;
    s->lease_held = true; /* its keeper ends it when that is not so */
    s->report.restarts = restarts;
    s->state = ready ? FT_MODULE_RUNS : FT_MODULE_STARTING;
    s->ready_ns = ready ? now(s) : 0;
    s->due_ns = ready ? FT_SUPERVISOR_NEVER :
                        after_ms(s, timeout_ms ? timeout_ms : START_TIMEOUT_MS);
    if (killed_for != FT_END_NONE)
        end_it(s, killed_for, "begun by an earlier unit");
    else
        snprintf(s->text, sizeof s->text, "taken over by a unit that was started anew");
    tell(s);
}

/* ---------------------------------------------------------------- the node */

static void lease_over(struct ft_supervisor *s)
{
    if (is_alive(s)) {
        s->wanted = s->again = false;
        if (s->state != FT_MODULE_STOPPING)
            end_it(s, FT_END_LEASE, "");
        else if (s->due_ns > after_ms(s, LEASE_GRACE_MS))
            s->due_ns = after_ms(s, LEASE_GRACE_MS); /* it has no more time than that */
        tell(s);
    } else if (s->state == FT_MODULE_DELAYED && !s->awaits_lease) {
        forgo(s);
        tell(s);
    } else if (s->state == FT_MODULE_FAILED) {
        arm_slow(s);
    }
}

void ft_supervisor_lease(struct ft_supervisor *s, bool held)
{
    bool was_held = s->lease_held;

    s->lease_held = held;
    if (!s->policy.leased || held == was_held || FT_PLANTED(FT_PLANT_MODULE_NO_LEASE))
        return;
    if (!held) {
        lease_over(s);
    } else if (s->state == FT_MODULE_DELAYED && s->awaits_lease) {
        begin(s);
        tell(s);
    } else if (s->state == FT_MODULE_FAILED) {
        arm_slow(s);
    }
}

void ft_supervisor_central(struct ft_supervisor *s, bool reachable)
{
    bool was_reachable = s->central_reachable;

    s->central_reachable = reachable;
    if (!reachable && s->state == FT_MODULE_DELAYED && s->awaits_lease) {
        forgo(s);
        tell(s);
    } else if (reachable != was_reachable && s->state == FT_MODULE_FAILED) {
        arm_slow(s);
    }
}

/* ---------------------------------------------------------------- time, life */

int64_t ft_supervisor_due_ns(const struct ft_supervisor *s)
{
    return s->due_ns;
}

void ft_supervisor_tick(struct ft_supervisor *s)
{
    if (now(s) < s->due_ns)
        return;
    states[s->state].due(s);
    tell(s);
}

void ft_supervisor_update(struct ft_supervisor *s, const struct ft_supervisor_policy *policy)
{
    s->policy = *policy;
    if (s->policy.delays_n > FT_MODULE_DELAYS_MAX)
        s->policy.delays_n = FT_MODULE_DELAYS_MAX;
    if (s->state == FT_MODULE_DELAYED && s->awaits_lease && !s->policy.leased) {
        begin(s);
        tell(s);
    } else if (s->policy.leased && !s->lease_held) {
        lease_over(s);
    }
}

void ft_supervisor_look(const struct ft_supervisor *s, struct ft_supervisor_report *report)
{
    *report = s->report;
    report->state = s->state;
    report->text = s->text;
}

enum ft_module_state ft_supervisor_state(const struct ft_supervisor *s)
{
    return s->state;
}

struct ft_supervisor *ft_supervisor_create(const struct ft_supervisor_env *env,
                                           const struct ft_supervisor_policy *policy)
{
    struct ft_supervisor *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->env = *env;
    s->policy = *policy;
    if (s->policy.delays_n > FT_MODULE_DELAYS_MAX)
        s->policy.delays_n = FT_MODULE_DELAYS_MAX;
    s->due_ns = FT_SUPERVISOR_NEVER;
    s->text[0] = '\0';
    return s;
}

void ft_supervisor_destroy(struct ft_supervisor *s)
{
    free(s);
}
