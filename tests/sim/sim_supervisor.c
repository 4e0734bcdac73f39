/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_supervisor.c - seeded lives of one module, against the promises of core/supervisor.c.
 * Called as harness.h says.
 *
 * The world: a process that starts well, badly or not at all, dies, hangs, ignores what it is
 * asked; orders, leases and central units that come and go; time that jumps from event to event.
 * Promises that are looked after at each step:
 *   alone     never two of it: it is executed only when the one before has ended
 *   leased    it is executed only with a lease, and does not live long without one
 *   mortal    what is to end ends: asked first, then killed
 *   patient   one that is not ready in time is not waited for; one that fails is not started again
 *             faster than its delays allow
 *   counted   given up when the same failure came `burst` times within the window, and not before
 *   tireless  once it can run and nobody says otherwise, it runs
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/planted.h"
#include "core/supervisor.h"
#include "harness.h"

#define MS INT64_C(1000000)
#define STEPS 300
#define ENDS_MAX 1024
#define START_MS 2000
#define STOP_MS 500
#define SLACK_MS 1500

enum ft_plant ft_planted;

struct world {
    uint64_t seed, random;
    bool told, bad;
    char what[200];
    int64_t now_ns;
    struct ft_supervisor *s;
    struct ft_supervisor_policy policy;
    /* the process */
    bool lives, is_ready, deaf; /* deaf: ignores TERM */
    int64_t since_ns, ready_ns, asked_ns, dies_ns;
    enum ft_module_end killed_for;
    /* what was ordered */
    bool wanted, lease, central;
    int64_t lease_lost_ns, quiet_ns; /* quiet: since when no order came */
    int64_t starts[ENDS_MAX];
    unsigned starts_n;
    int plain_plan; /* what its next lives are like, while it has a bad time */
    struct ft_supervisor_report last;
    struct { enum ft_module_end end; int code; int64_t at_ns; } ends[ENDS_MAX];
    unsigned ends_n;
    bool slow;     /* was given up before, and has not done well since */
    bool again;    /* ordered while it lived: its end is no failure */
};

static void fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct world *w, const char *format, ...)
{
    va_list arguments;

    if (w->bad)
        return;
    w->bad = true;
    va_start(arguments, format);
    vsnprintf(w->what, sizeof w->what, format, arguments);
    va_end(arguments);
}

static void say(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct world *w, const char *format, ...)
{
    va_list arguments;

    if (!w->told)
        return;
    printf("# %10.3f ", (double)w->now_ns / 1e9);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

static uint64_t draw(struct world *w, uint64_t n)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return w->random % n;
}

/* ---------------------------------------------------------------- what the supervisor does */

static int64_t now_ns(void *arg)
{
    return ((struct world *)arg)->now_ns;
}

static uint64_t random_number(void *arg)
{
    return draw(arg, UINT32_MAX);
}

static void execute(void *arg)
{
    struct world *w = arg;
    unsigned lately = 0;

    say(w, "execute");
    if (w->lives)
        fail(w, "alone: executed while the one before lives");
    if (w->policy.leased && !w->lease)
        fail(w, "leased: executed without a lease");
    if (!w->wanted)
        fail(w, "executed, though nobody wants it");
    w->lives = true;
    w->is_ready = false;
    w->deaf = draw(w, 4) == 0;
    w->since_ns = w->now_ns;
    w->asked_ns = w->dies_ns = 0;
    w->killed_for = FT_END_NONE;
    w->starts[w->starts_n++ % ENDS_MAX] = w->now_ns;
    for (unsigned i = 0; i < w->starts_n && i < ENDS_MAX; i++)
        if (w->starts[i] > w->now_ns - 10000 * MS && w->starts[i] >= w->quiet_ns)
            lately++;
    if (lately > 8) /* at once, after 1 s, then each 5 s; a run that went well begins anew */
        fail(w, "patient: %u starts within 10 s, and no order among them", lately);
}

static void kill_it(void *arg, bool at_once, enum ft_module_end why)
{
    struct world *w = arg;

    say(w, "kill %s for %s", at_once ? "at once" : "(asked)", ft_module_end_text(why));
    if (!w->lives)
        fail(w, "killed, and does not live");
    w->killed_for = why;
    if (!w->asked_ns)
        w->asked_ns = w->now_ns;
    if (at_once || !w->deaf)
        w->dies_ns = w->now_ns + (int64_t)(1 + draw(w, 5)) * MS;
}

static void report(void *arg, const struct ft_supervisor_report *r)
{
    struct world *w = arg;

    say(w, "%s (end %s %d, restarts %u%s): %s", ft_module_state_text(r->state),
        ft_module_end_text(r->end), r->code, r->restarts, r->given_up ? ", given up" : "", r->text);
    w->last = *r;
    if (r->state == FT_MODULE_STOPPED && r->end == FT_END_LEASE)
        w->wanted = false; /* until somebody orders it again */
    if (!*r->text)
        fail(w, "a report without a sentence");
    if (r->given_up && r->state != FT_MODULE_FAILED && r->state != FT_MODULE_STARTING &&
        r->state != FT_MODULE_STOPPING && r->state != FT_MODULE_DELAYED)
        fail(w, "given up, and %s", ft_module_state_text(r->state));
}

/* ---------------------------------------------------------------- what happens to it */

static unsigned same(struct world *w, enum ft_module_end end, int code)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w->ends_n && i < ENDS_MAX; i++)
        if (w->ends[i].end == end && w->ends[i].code == code &&
            w->ends[i].at_ns >= w->now_ns - (int64_t)w->policy.window_ms * MS)
            n++;
    return n;
}

static void forget(struct world *w)
{
    w->ends_n = 0;
    w->slow = false;
}

/* Was giving up, or not, right? */
static void judge(struct world *w, bool wanted, bool hopeless)
{
    enum ft_module_end end = w->last.end;
    bool enough, gave = w->last.state == FT_MODULE_FAILED;

    if (!wanted || end == FT_END_WELL || end == FT_END_LEASE || end == FT_END_TOLD ||
        w->policy.restart == FT_RESTART_NEVER)
        return;
    w->ends[w->ends_n % ENDS_MAX].end = end;
    w->ends[w->ends_n % ENDS_MAX].code = w->last.code;
    w->ends[w->ends_n++ % ENDS_MAX].at_ns = w->now_ns;
    enough = same(w, end, w->last.code) >= w->policy.burst;
    if ((enough || hopeless) && !gave)
        fail(w, "counted: %s %u times, and not given up", ft_module_end_text(end),
             same(w, end, w->last.code));
    if (gave && !enough && !hopeless && !w->slow)
        fail(w, "counted: given up after %s %u times only", ft_module_end_text(end),
             same(w, end, w->last.code));
    w->slow = w->slow || gave;
}

static void end_it(struct world *w, enum ft_module_end end, int code, bool hopeless)
{
    struct ft_supervisor_end e = {.end = end, .code = code, .hopeless = hopeless, .text = "x"};
    bool wanted = w->wanted && end != FT_END_LEASE && end != FT_END_TOLD;
    bool again = w->again || w->killed_for == FT_END_TOLD;

    say(w, "it ends: %s %d%s", ft_module_end_text(end), code, hopeless ? ", hopeless" : "");
    if (w->is_ready && w->now_ns - w->ready_ns >= (int64_t)w->policy.window_ms * MS)
        w->slow = false;
    w->lives = w->again = false;
    if (!again && (end == FT_END_LEASE || end == FT_END_TOLD || w->killed_for == FT_END_LEASE))
        w->wanted = wanted = false;
    ft_supervisor_ended(w->s, &e);
    if (!again)
        judge(w, wanted, hopeless);
}

/* Its own doing: one of a few ends, so that the same ones come again. */
static void dies(struct world *w)
{
    switch (draw(w, 6)) {
    case 0: end_it(w, FT_END_CRASH, 11, false); break;
    case 1: end_it(w, FT_END_CRASH, 6, false); break;
    case 2: end_it(w, FT_END_CODE, 1, false); break;
    case 3: end_it(w, FT_END_WELL, 0, false); break;
    case 4: end_it(w, FT_END_MEMORY, 9, false); break;
    default: end_it(w, FT_END_CODE, 2, false);
    }
}

static void live_a_little(struct world *w)
{
    if (!w->lives || w->asked_ns)
        return;
    if (!w->is_ready) {
        if (w->plain_plan == 1 && draw(w, 20) == 0) {
            end_it(w, draw(w, 2) ? FT_END_CHECKSUM : FT_END_NO_START, 2, true);
        } else if (w->plain_plan == 2) {
            return; /* never ready */
        } else {
            ft_supervisor_executed(w->s);
            w->is_ready = true;
            w->ready_ns = w->now_ns;
            if (w->policy.notifies)
                ft_supervisor_ready(w->s);
        }
        return;
    }
    if (w->plain_plan == 3)
        end_it(w, FT_END_CRASH, 11, false);
    else if (w->plain_plan == 4)
        dies(w);
    else if (w->plain_plan == 5)
        ft_supervisor_unwell(w->s, draw(w, 2) ? FT_END_HANG : FT_END_DEADLINE, "late");
    else if (w->plain_plan == 6)
        ft_supervisor_unwell(w->s, FT_END_CHECK, "sick");
    else if (draw(w, 10) == 0)
        dies(w);
}

/* ---------------------------------------------------------------- time */

static void look(struct world *w)
{
    int64_t without_ms = (w->now_ns - w->lease_lost_ns) / MS;

    if (w->lives && w->policy.leased && !w->lease && without_ms > 200)
        fail(w, "leased: lives %" PRId64 " ms after its lease", without_ms);
    if (w->lives && w->asked_ns && w->now_ns - w->asked_ns > (STOP_MS + SLACK_MS) * MS)
        fail(w, "mortal: asked to end, and lives on");
    if (w->lives && !w->is_ready && w->now_ns - w->since_ns > (START_MS + STOP_MS + SLACK_MS) * MS)
        fail(w, "patient: waits for ever for one that does not get ready");
}

/* To the next thing that happens, at most by step_ms. */
static void go_on(struct world *w, int64_t step_ms)
{
    int64_t until_ns = w->now_ns + step_ms * MS;

    for (int i = 0; i < 1000 && !w->bad; i++) {
        int64_t next_ns = ft_supervisor_due_ns(w->s);
        if (w->lives && w->dies_ns && w->dies_ns < next_ns)
            next_ns = w->dies_ns;
        if (next_ns > until_ns)
            break;
        if (next_ns > w->now_ns)
            w->now_ns = next_ns;
        if (w->lives && w->dies_ns && w->dies_ns <= w->now_ns)
            end_it(w, FT_END_CRASH, w->deaf ? 9 : 15, false);
        else
            ft_supervisor_tick(w->s);
        look(w);
    }
    if (w->now_ns < until_ns)
        w->now_ns = until_ns;
    look(w);
}

/* ---------------------------------------------------------------- a history */

static void order(struct world *w)
{
    w->quiet_ns = w->now_ns;
    switch (draw(w, 4)) {
    case 0:
        say(w, "order: stop");
        w->wanted = w->again = false;
        ft_supervisor_stop(w->s, "told");
        break;
    case 1:
        say(w, "order: restart");
        w->wanted = true;
        w->again = w->lives;
        forget(w);
        ft_supervisor_restart(w->s, "told");
        break;
    default:
        say(w, "order: start");
        if (!w->wanted || (!w->lives && w->last.state != FT_MODULE_DELAYED))
            forget(w);
        w->again = w->again || (w->lives && !w->wanted);
        w->wanted = true;
        ft_supervisor_start(w->s);
    }
}

static void set_lease(struct world *w, bool held)
{
    if (w->lease == held)
        return;
    say(w, "lease %s", held ? "got" : "lost");
    w->lease = held;
    w->lease_lost_ns = w->now_ns;
    if (!held && w->policy.leased && w->lives)
        w->wanted = false;
    ft_supervisor_lease(w->s, held);
}

static void set_central(struct world *w, bool reachable)
{
    bool waits = w->policy.leased && !w->lease && !w->lives && w->last.state == FT_MODULE_DELAYED;

    say(w, "central unit %s", reachable ? "reached" : "lost");
    w->central = reachable;
    ft_supervisor_central(w->s, reachable);
    if (waits && !reachable && w->last.state != FT_MODULE_STOPPED)
        fail(w, "leased: an order outlives the connection that it came by");
}

static void happen(struct world *w)
{
    uint64_t what = draw(w, 100);

    if (what < 70)
        live_a_little(w);
    else if (what < 78)
        order(w);
    else if (what < 83)
        set_lease(w, draw(w, 3) != 0);
    else if (what < 88)
        set_central(w, draw(w, 2) == 0);
    else if (what < 98)
        w->plain_plan = (int)draw(w, 7);
    else if (w->lives && w->asked_ns == 0)
        ft_supervisor_extend(w->s, 100);
}

/* All is well from now on: it has to run. */
static void calm(struct world *w)
{
    bool once_more = w->central || !w->wanted;

    w->plain_plan = 0;
    set_lease(w, true);
    if (once_more) { /* a central unit that is there orders what it wants to run */
        w->wanted = true;
        w->again = w->lives;
        forget(w);
        ft_supervisor_restart(w->s, "calm");
    }
    for (int i = 0; i < 400 && !w->bad; i++) {
        go_on(w, 500);
        if (w->lives && !w->is_ready && !w->asked_ns)
            live_a_little(w);
        if (w->last.state == FT_MODULE_RUNS || w->last.state == FT_MODULE_DONE)
            return;
    }
    fail(w, "tireless: it is %s, and could run", ft_module_state_text(w->last.state));
}

static void set_up(struct world *w, uint64_t seed, bool told)
{
    static const unsigned delays[] = {0, 1000, 5000};

    memset(w, 0, sizeof *w);
    w->seed = seed;
    w->random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    w->told = told;
    w->now_ns = 1000 * MS;
    w->policy = (struct ft_supervisor_policy){
        .restart = draw(w, 5) == 0 ? FT_RESTART_ON_FAILURE : FT_RESTART_ALWAYS,
        .burst = 2 + (unsigned)draw(w, 3), .window_ms = 60000, .delays_n = 3,
        .start_timeout_ms = START_MS, .stop_timeout_ms = STOP_MS,
        .notifies = draw(w, 2) == 0, .leased = draw(w, 2) == 0,
    };
    memcpy(w->policy.delays_ms, delays, sizeof delays);
}

static void history(struct world *w, uint64_t seed, bool told)
{
    struct ft_supervisor_env env = {.arg = w, .now_ns = now_ns, .random = random_number,
                                    .execute = execute, .kill = kill_it, .report = report};

    set_up(w, seed, told);
    w->s = ft_supervisor_create(&env, &w->policy);
    if (!w->s) {
        fail(w, "out of memory");
        return;
    }
    set_lease(w, true);
    for (int i = 0; i < STEPS && !w->bad; i++) {
        happen(w);
        go_on(w, draw(w, 3) ? (int64_t)draw(w, 300) : (int64_t)draw(w, 20000));
    }
    if (!w->bad)
        calm(w);
    ft_supervisor_destroy(w->s);
}

/* ---------------------------------------------------------------- */

static const struct sim_plant plants[] = {
    {FT_PLANT_MODULE_NO_BURST, "what fails again and again is never given up"},
    {FT_PLANT_MODULE_ANY_FAILURE, "different failures count as the same"},
    {FT_PLANT_MODULE_DEAD_END, "given up without a central unit, and left at that"},
    {FT_PLANT_MODULE_TWICE, "started while the one before still ends"},
    {FT_PLANT_MODULE_NO_LEASE, "runs without the lease that it needs"},
    {FT_PLANT_MODULE_NO_KILL, "one that does not end when asked to is not killed"},
    {FT_PLANT_MODULE_NO_START_TIME, "waits for ever for one to be ready"},
    {FT_PLANT_MODULE_NO_DELAY, "tried again without a pause"},
};
#define PLANTS_N (sizeof plants / sizeof plants[0])

_Static_assert(PLANTS_N == FT_PLANT_MODULE_END - FT_PLANT_MODULE_FIRST,
               "each fault of core/planted.h is planted");

static void plant(int number)
{
    ft_planted = (enum ft_plant)number;
}

static void run(uint64_t seed, bool told, struct sim_result *result)
{
    static struct world w;

    history(&w, seed, told);
    result->hash = w.random ^ (uint64_t)w.now_ns;
    snprintf(result->broken, sizeof result->broken, "%s", w.what);
}

int main(int argc, char *argv[])
{
    static const struct sim sim = {.name = "sim_supervisor",
                                   .runs = 10000,
                                   .twice_each = 10,
                                   .planted_runs = 400,
                                   .plants = plants,
                                   .plants_n = PLANTS_N,
                                   .plant = plant,
                                   .run = run};

    return sim_main(&sim, argc, argv);
}
