/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * collect.c - owns the timers of this node's readings, what was sent of them, and the forecast.
 *
 * Made by unit.c for a system's unit, and runs as long as it. Every quick_ms a thread of libuv's
 * pool reads what is quick, each slow_ms the rest as well (a disk that hangs holds up that thread,
 * not the unit: the next reading is skipped, and that is said). Back on the loop
 *
 *     vitals.c -> readings -> forecast.c -> Trouble --> central unit
 *                    |
 *                    +-> those that changed -> Sample -> central unit
 *
 * A reading goes out only when it differs by more than its kind's step from what was sent, so that
 * an idle node of 10,000 says nothing. After a new link everything is sent again.
 */
#include "config.h"

#include "noded/collect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "core/forecast.h"
#include "noded/vitals.h"

#define HANG_MS 30000 /* a reading that takes so long is said */

/* A reading, and what the central unit knows of it. */
struct known {
    struct ft_vital vital;
    double sent;
    bool is_sent;
    bool seen; /* in the reading under way */
};

struct ft_collect {
    uv_loop_t *loop;
    struct ft_collect_config config;
    struct ft_collect_ways ways;
    void *arg;
    uv_timer_t timer;
    uv_work_t work;
    bool working, with_slow, hang_said;
    bool stopped;
    int64_t work_begun_ms, slow_due_ms, check_due_ms;
    struct ft_vitals vitals;     /* the thread's while `working` */
    struct known known[FT_VITALS_MAX];
    unsigned known_n;
    unsigned check_failures;
    bool check_known;
    struct ft_forecast *forecast;
};

/* ---------------------------------------------------------------- sending */

static char *borrow(const char *text)
{
    return (char *)(uintptr_t)text; /* protobuf-c's texts are not const, though only read */
}

/* What changed, or all of it. */
static void send_sample(struct ft_collect *collect, bool whole)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Sample sample = FT__SAMPLE__INIT;
    Ft__Reading readings[FT_VITALS_MAX], *list[FT_VITALS_MAX];
    struct known *sent[FT_VITALS_MAX];
    size_t n = 0;

    for (unsigned i = 0; i < collect->known_n; i++) {
        struct known *known = &collect->known[i];
        const struct ft_vital *vital = &known->vital;

        if (!whole && known->is_sent && !ft_reading_differs(vital->what, known->sent, vital->value))
            continue;
        ft__reading__init(&readings[n]);
        readings[n].what = vital->what;
        readings[n].of = borrow(vital->of);
        readings[n].value = vital->value;
        list[n] = &readings[n];
        sent[n++] = known;
    }
    if (n == 0)
        return;
    sample.readings = list;
    sample.n_readings = n;
    sample.whole = whole;
    message.body_case = FT__MESSAGE__BODY_SAMPLE;
    message.sample = &sample;
    if (collect->ways.send(collect->arg, &message) != 0)
        return; /* all is sent again when there is a link */
    for (size_t i = 0; i < n; i++) {
        sent[i]->sent = sent[i]->vital.value;
        sent[i]->is_sent = true;
    }
}

static void send_trouble(void *arg, const struct ft_trouble *trouble)
{
    struct ft_collect *collect = arg;
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Trouble body = FT__TROUBLE__INIT;

    body.what = borrow(trouble->what);
    body.grade = trouble->grade;
    body.left_s = trouble->left_s;
    body.evidence = borrow(trouble->evidence);
    body.text = borrow(trouble->text);
    message.body_case = FT__MESSAGE__BODY_TROUBLE;
    message.trouble = &body;
    collect->ways.send(collect->arg, &message);
}

static void on_trouble(void *arg, const struct ft_trouble *trouble)
{
    ft_log(trouble->grade == FT_GRADE_WELL ? FT_LOG_INFO : FT_LOG_WARNING, "%s: %s (%s)",
           trouble->what, trouble->text, trouble->evidence);
    send_trouble(arg, trouble);
}

void ft_collect_up(struct ft_collect *collect)
{
    for (unsigned i = 0; i < collect->known_n; i++)
        collect->known[i].is_sent = false;
    send_sample(collect, true);
    ft_forecast_tell_all(collect->forecast, send_trouble, collect);
}

/* ---------------------------------------------------------------- taking */

static struct known *known_of(struct ft_collect *collect, const struct ft_vital *vital)
{
    struct known *known = collect->known;

    for (unsigned i = 0; i < collect->known_n; i++, known++) {
        if (known->vital.what == vital->what && strcmp(known->vital.of, vital->of) == 0)
            return known;
    }
    if (collect->known_n == FT_VITALS_MAX)
        return NULL;
    collect->known_n++;
    *known = (struct known){.vital = *vital};
    return known;
}

static bool is_slow(enum ft_reading what)
{
    return what != FT_READING_MEMORY_TOTAL && what != FT_READING_MEMORY_FREE &&
           what != FT_READING_LOAD && what != FT_READING_CPU_BUSY &&
           what != FT_READING_CHECK_FAILURES;
}

/* A disk that was unmounted, a sensor that is gone. Returns true if there was one. */
static bool forget_unseen(struct ft_collect *collect)
{
    unsigned kept = 0, n = collect->known_n;

    for (unsigned i = 0; i < n; i++) {
        struct known *known = &collect->known[i];

        if (known->seen || !is_slow(known->vital.what) || !collect->with_slow)
            collect->known[kept++] = *known;
    }
    collect->known_n = kept;
    return kept < n;
}

static void take(struct ft_collect *collect, const struct ft_vital *vital, int64_t now_ns)
{
    struct known *known = known_of(collect, vital);

    if (known != NULL) {
        known->vital.value = vital->value;
        known->seen = true;
    }
    ft_forecast_take(collect->forecast, vital->what, vital->of, vital->value, now_ns);
}

static void read_vitals(uv_work_t *work)
{
    struct ft_collect *collect = work->data;

    ft_vitals_begin(&collect->vitals);
    ft_vitals_quick(&collect->vitals, collect->config.root);
    if (collect->with_slow)
        ft_vitals_slow(&collect->vitals, collect->config.root);
}

static void on_read(uv_work_t *work, int status)
{
    struct ft_collect *collect = work->data;
    int64_t now_ns = (int64_t)ft_clock_ns();

    collect->working = false;
    if (collect->stopped || status != 0)
        return;
    if (collect->hang_said)
        ft_log(FT_LOG_INFO, "this node's disks and sensors answer again");
    collect->hang_said = false;
    for (unsigned i = 0; i < collect->known_n; i++)
        collect->known[i].seen = false;
    for (unsigned i = 0; i < collect->vitals.n; i++)
        take(collect, &collect->vitals.read[i], now_ns);
    send_sample(collect, forget_unseen(collect));
    ft_forecast_judge(collect->forecast, now_ns, on_trouble, collect);
}

void ft_collect_checked(struct ft_collect *collect, int code)
{
    struct ft_vital vital = {.what = FT_READING_CHECK_FAILURES};

    collect->check_failures = code == 0 ? 0 : collect->check_failures + 1;
    vital.value = collect->check_failures;
    take(collect, &vital, (int64_t)ft_clock_ns());
}

/* ---------------------------------------------------------------- time */

static void begin_reading(struct ft_collect *collect, int64_t now_ms)
{
    collect->with_slow = now_ms >= collect->slow_due_ms;
    if (collect->with_slow)
        collect->slow_due_ms = now_ms + collect->config.slow_ms;
    collect->work_begun_ms = now_ms;
    collect->work.data = collect;
    collect->working = uv_queue_work(collect->loop, &collect->work, read_vitals, on_read) == 0;
}

static void on_timer(uv_timer_t *timer)
{
    struct ft_collect *collect = timer->data;
    int64_t now_ms = ft_clock_ms();

    if (!collect->working)
        begin_reading(collect, now_ms);
    else if (now_ms - collect->work_begun_ms > HANG_MS && !collect->hang_said) {
        collect->hang_said = true;
        ft_log(FT_LOG_WARNING, "this node's disks or sensors have not answered for %d s: look for "
               "a disk that hangs", HANG_MS / 1000);
    }
    if (now_ms >= collect->check_due_ms) {
        collect->check_due_ms = now_ms + collect->config.check_ms;
        collect->ways.check(collect->arg);
    }
}

/* ---------------------------------------------------------------- life */

struct ft_collect *ft_collect_create(uv_loop_t *loop, const struct ft_collect_config *config,
                                     const struct ft_collect_ways *ways, void *arg)
{
    struct ft_collect *collect = calloc(1, sizeof *collect);

    if (collect == NULL)
        return NULL;
    collect->loop = loop;
    collect->config = *config;
    collect->ways = *ways;
    collect->arg = arg;
    if (config->quick_ms == 0)
        collect->config.quick_ms = FT_COLLECT_QUICK_MS;
    if (config->slow_ms == 0)
        collect->config.slow_ms = FT_COLLECT_SLOW_MS;
    if (config->check_ms == 0)
        collect->config.check_ms = FT_COLLECT_CHECK_MS;
    collect->forecast = ft_forecast_create(&config->forecast);
    if (collect->forecast == NULL) {
        free(collect);
        errno = ENOMEM;
        return NULL;
    }
    collect->check_due_ms = ft_clock_ms() + collect->config.check_ms;
    uv_timer_init(loop, &collect->timer);
    collect->timer.data = collect;
    uv_timer_start(&collect->timer, on_timer, 0, collect->config.quick_ms);
    return collect;
}

void ft_collect_set(struct ft_collect *collect, const struct ft_plan_forecast *forecast)
{
    ft_forecast_set(collect->forecast, forecast);
}

void ft_collect_stop(struct ft_collect *collect)
{
    if (collect->stopped)
        return;
    collect->stopped = true;
    uv_close((uv_handle_t *)&collect->timer, NULL);
    if (collect->working)
        uv_cancel((uv_req_t *)&collect->work); /* one that has begun ends by itself */
}

void ft_collect_destroy(struct ft_collect *collect)
{
    if (collect == NULL)
        return;
    ft_forecast_destroy(collect->forecast);
    free(collect);
}
