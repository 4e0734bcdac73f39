/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forecast.c - owns a track for each reading that something can be foretold from.
 *
 * Called by the node's unit (noded/collect.c): readings in, troubles out. Three ways to judge, by
 * what is read:
 *   filling  memory, disks: the share that is free goes down a line and will meet the limit
 *   heat     a temperature, against what its sensor calls critical or the configured maximum
 *   counting memory errors, failed self-checks: so many are too many
 *
 * A line counts only if it has been seen for TREND_MIN_S, with enough samples, and explains most of
 * what was seen (FIT_MIN): a program that takes its memory at once is no trend. What was judged bad
 * is over only when it has been well for CALM_S: a value that swings about a limit is one trouble,
 * not a hundred.
 */
#include "core/forecast.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#define SAMPLES_MAX 32
#define SAMPLES_MIN 6
#define TREND_MIN_S 10.0
#define FIT_MIN 0.85        /* share of the variance that the line explains */
#define BEYOND_MIN 3        /* samples in a row beyond a limit */
#define CALM_S 30.0
#define NEAR_SHARE 10       /* failing when it ends within a tenth of the horizon */
#define HEAT_WARNING 10.0   /* degrees below the maximum */
#define HOUR_S 3600.0

struct sample {
    double at_s;
    double value;
};

/* A reading over time; the oldest samples give way. */
struct track {
    enum ft_reading what;
    char of[FT_FORECAST_OF_MAX];
    struct sample samples[SAMPLES_MAX];
    unsigned first, n;
    double total;           /* filling: size of the whole, heat: the sensor's own maximum; 0: not told */
    unsigned beyond;        /* samples in a row beyond the limit */
    double base, base_at_s; /* counting: where an hour began */
    bool base_known;

    enum ft_grade grade;    /* as told */
    double told_left_s;
    double bad_at_s;        /* when it was last judged as bad as told */
    struct ft_trouble trouble;
};

struct ft_forecast {
    struct ft_plan_forecast settings;
    struct track tracks[FT_FORECAST_TRACKS_MAX];
    unsigned n;
};

struct ft_forecast *ft_forecast_create(const struct ft_plan_forecast *settings)
{
    struct ft_forecast *forecast = calloc(1, sizeof *forecast);

    if (forecast != NULL)
        forecast->settings = *settings;
    return forecast;
}

void ft_forecast_destroy(struct ft_forecast *forecast)
{
    free(forecast);
}

void ft_forecast_set(struct ft_forecast *forecast, const struct ft_plan_forecast *settings)
{
    forecast->settings = *settings;
}

/* ---------------------------------------------------------------- tracks */

static struct track *track_of(struct ft_forecast *forecast, enum ft_reading what, const char *of)
{
    struct track *track = forecast->tracks;

    for (unsigned i = 0; i < forecast->n; i++, track++) {
        if (track->what == what && strncmp(track->of, of, sizeof track->of - 1) == 0)
            return track;
    }
    if (forecast->n == FT_FORECAST_TRACKS_MAX)
        return NULL;
    forecast->n++;
    track->what = what;
    ft_text_copy(track->of, sizeof track->of, of);
    return track;
}

static const struct sample *sample_at(const struct track *track, unsigned i)
{
    return &track->samples[(track->first + i) % SAMPLES_MAX];
}

static const struct sample *newest(const struct track *track)
{
    return sample_at(track, track->n - 1);
}

static void add_sample(struct track *track, double at_s, double value)
{
    if (track->n > 0 && at_s < newest(track)->at_s) { /* the clock went back */
        track->n = 0;
        track->base_known = false;
        track->bad_at_s = at_s;
    }
    if (track->n == SAMPLES_MAX) {
        track->first = (track->first + 1) % SAMPLES_MAX;
        track->n--;
    }
    track->samples[(track->first + track->n) % SAMPLES_MAX] = (struct sample){at_s, value};
    track->n++;
}

/* An hour's errors are counted from `base`; a counter that went back began anew (a reboot). */
static void count_from(struct track *track, double at_s, double value)
{
    if (track->base_known && value >= track->base && at_s - track->base_at_s < HOUR_S)
        return;
    track->base = value;
    track->base_at_s = at_s;
    track->base_known = true;
}

void ft_forecast_take(struct ft_forecast *forecast, enum ft_reading what, const char *of,
                      double value, int64_t now_ns)
{
    double at_s = (double) now_ns * 1e-9;
    struct track *track;

    if (!isfinite(value))
        return;
    switch (what) {
    case FT_READING_MEMORY_TOTAL:
    case FT_READING_DISK_TOTAL:
    case FT_READING_TEMPERATURE_MAX:
        /* not watched itself, but the measure of the one before it in the enumeration or after */
        track = track_of(forecast, what == FT_READING_MEMORY_TOTAL ? FT_READING_MEMORY_FREE
                                   : what == FT_READING_DISK_TOTAL ? FT_READING_DISK_FREE
                                                                   : FT_READING_TEMPERATURE, of);
        if (track != NULL)
            track->total = value;
        return;
    case FT_READING_MEMORY_FREE:
    case FT_READING_DISK_FREE:
    case FT_READING_TEMPERATURE:
    case FT_READING_CHECK_FAILURES:
        track = track_of(forecast, what, of);
        break;
    case FT_READING_ECC_CORRECTED:
    case FT_READING_ECC_UNCORRECTED:
        track = track_of(forecast, what, of);
        if (track != NULL)
            count_from(track, at_s, value);
        break;
    default:
        return;
    }
    if (track != NULL)
        add_sample(track, at_s, value);
}

/* ---------------------------------------------------------------- lines */

struct line {
    double slope;  /* per second */
    double fit;    /* share of the variance explained, 0 to 1 */
    double span_s;
};

/* Least squares over all samples. False if there are too few, over too short a time. */
static bool fit_line(const struct track *track, struct line *line)
{
    double t0, mean_t = 0, mean_v = 0, tt = 0, tv = 0, vv = 0;

    if (track->n < SAMPLES_MIN)
        return false;
    t0 = sample_at(track, 0)->at_s;
    line->span_s = newest(track)->at_s - t0;
    if (line->span_s < TREND_MIN_S)
        return false;
    for (unsigned i = 0; i < track->n; i++) {
        mean_t += (sample_at(track, i)->at_s - t0) / track->n;
        mean_v += sample_at(track, i)->value / track->n;
    }
    for (unsigned i = 0; i < track->n; i++) {
        double t = sample_at(track, i)->at_s - t0 - mean_t, v = sample_at(track, i)->value - mean_v;

        tt += t * t;
        tv += t * v;
        vv += v * v;
    }
    if (tt <= 0 || vv <= 0)
        return false;
    line->slope = tv / tt;
    line->fit = tv * tv / (tt * vv);
    return true;
}

/* Seconds until the line meets the limit, negative if it does not go there. */
static double left_s(const struct track *track, double limit)
{
    struct line line;
    double way = limit - newest(track)->value;

    if (!fit_line(track, &line) || line.fit < FIT_MIN || line.slope * way <= 0)
        return -1;
    return way / line.slope;
}

/* ---------------------------------------------------------------- judging */

/* Beyond a limit for so many samples in a row. */
static bool is_beyond(struct track *track, bool now)
{
    track->beyond = now ? track->beyond + 1 : 0;
    return track->beyond >= BEYOND_MIN;
}

static enum ft_grade grade_by_time(const struct ft_forecast *forecast, double left)
{
    double horizon_s = forecast->settings.horizon_s;

    if (left < 0 || left > horizon_s)
        return FT_GRADE_WELL;
    return left * NEAR_SHARE <= horizon_s ? FT_GRADE_FAILING : FT_GRADE_WARNING;
}

static enum ft_grade judge_filling(const struct ft_forecast *forecast, struct track *track)
{
    bool is_memory = track->what == FT_READING_MEMORY_FREE;
    double min_pct = is_memory ? forecast->settings.memory_min_pct
                               : forecast->settings.disk_min_pct;
    double limit = track->total * min_pct / 100;
    const struct sample *old = sample_at(track, 0), *now = newest(track);
    struct ft_trouble *trouble = &track->trouble;
    bool beyond;

    if (track->total <= 0)
        return FT_GRADE_WELL;
    beyond = is_beyond(track, now->value < limit);
    trouble->left_s = beyond ? 0 : left_s(track, limit);
    snprintf(trouble->what, sizeof trouble->what, is_memory ? "memory" : "disk %s", track->of);
    snprintf(trouble->evidence, sizeof trouble->evidence, "%.1f %% free -> %.1f %% in %.0f s",
             100 * old->value / track->total, 100 * now->value / track->total,
             now->at_s - old->at_s);
    if (beyond)
        snprintf(trouble->text, sizeof trouble->text, "less than %.0f %% of %s is free", min_pct,
                 trouble->what);
    else
        snprintf(trouble->text, sizeof trouble->text, "%s will be full in about %.0f s",
                 trouble->what, trouble->left_s);
    return beyond ? FT_GRADE_FAILING : grade_by_time(forecast, trouble->left_s);
}

static enum ft_grade judge_heat(const struct ft_forecast *forecast, struct track *track)
{
    double max = forecast->settings.celsius_max;
    const struct sample *old = sample_at(track, 0), *now = newest(track);
    struct ft_trouble *trouble = &track->trouble;

    if (track->total > 0 && track->total < max)
        max = track->total;
    trouble->left_s = left_s(track, max);
    snprintf(trouble->what, sizeof trouble->what, "temperature %s", track->of);
    snprintf(trouble->evidence, sizeof trouble->evidence,
             "%.1f C -> %.1f C in %.0f s, %.1f C is critical", old->value, now->value,
             now->at_s - old->at_s, max);
    if (is_beyond(track, now->value >= max)) {
        trouble->left_s = 0;
        snprintf(trouble->text, sizeof trouble->text, "%s is too hot", track->of);
        return FT_GRADE_FAILING;
    }
    if (now->value < max - HEAT_WARNING)
        return FT_GRADE_WELL; /* it warms up when it works */
    snprintf(trouble->text, sizeof trouble->text, "%s is nearly too hot", track->of);
    return FT_GRADE_WARNING;
}

static enum ft_grade judge_count(const struct ft_forecast *forecast, struct track *track)
{
    const struct ft_plan_forecast *settings = &forecast->settings;
    struct ft_trouble *trouble = &track->trouble;
    double now = newest(track)->value, fresh = now - track->base;

    trouble->left_s = -1;
    switch (track->what) {
    case FT_READING_ECC_UNCORRECTED:
        snprintf(trouble->what, sizeof trouble->what, "memory errors");
        snprintf(trouble->evidence, sizeof trouble->evidence,
                 "%.0f errors that could not be corrected, by %s, since it booted", now, track->of);
        snprintf(trouble->text, sizeof trouble->text, "memory of this node is broken");
        return now > settings->ecc_uncorrected_max ? FT_GRADE_FAILING : FT_GRADE_WELL;
    case FT_READING_ECC_CORRECTED:
        snprintf(trouble->what, sizeof trouble->what, "corrected memory errors");
        snprintf(trouble->evidence, sizeof trouble->evidence,
                 "%.0f corrected errors, by %s, in %.0f s", fresh, track->of,
                 newest(track)->at_s - track->base_at_s);
        snprintf(trouble->text, sizeof trouble->text, "memory of this node wears out");
        return fresh > settings->ecc_corrected_hour_max ? FT_GRADE_WARNING : FT_GRADE_WELL;
    default:
        snprintf(trouble->what, sizeof trouble->what, "self-check");
        snprintf(trouble->evidence, sizeof trouble->evidence, "%.0f failures in a row", now);
        snprintf(trouble->text, sizeof trouble->text, "the node fails its own check");
        return now >= settings->check_failures ? FT_GRADE_FAILING
               : now > 0                       ? FT_GRADE_WARNING
                                               : FT_GRADE_WELL;
    }
}

static enum ft_grade judge(const struct ft_forecast *forecast, struct track *track)
{
    switch (track->what) {
    case FT_READING_MEMORY_FREE:
    case FT_READING_DISK_FREE:
        return judge_filling(forecast, track);
    case FT_READING_TEMPERATURE:
        return judge_heat(forecast, track);
    default:
        return judge_count(forecast, track);
    }
}

static void judge_track(struct ft_forecast *forecast, struct track *track, double now_s,
                        ft_trouble_fn tell, void *arg)
{
    enum ft_grade grade = judge(forecast, track);
    bool nearer;

    if (grade >= track->grade)
        track->bad_at_s = now_s;
    nearer = grade == FT_GRADE_FAILING && track->grade == grade && track->told_left_s > 0 &&
             track->trouble.left_s >= 0 && track->trouble.left_s * 2 <= track->told_left_s;
    if (grade == track->grade && !nearer)
        return;
    if (grade < track->grade && now_s - track->bad_at_s < CALM_S)
        return; /* not yet to be believed */
    track->grade = grade;
    track->bad_at_s = now_s;
    track->told_left_s = track->trouble.left_s;
    track->trouble.grade = grade;
    if (grade == FT_GRADE_WELL) {
        track->trouble.left_s = -1;
        snprintf(track->trouble.text, sizeof track->trouble.text, "%s is well again",
                 track->trouble.what);
    }
    tell(arg, &track->trouble);
}

void ft_forecast_judge(struct ft_forecast *forecast, int64_t now_ns, ft_trouble_fn tell, void *arg)
{
    for (unsigned i = 0; i < forecast->n; i++) {
        if (forecast->tracks[i].n > 0)
            judge_track(forecast, &forecast->tracks[i], (double) now_ns * 1e-9, tell, arg);
    }
}

void ft_forecast_tell_all(struct ft_forecast *forecast, ft_trouble_fn tell, void *arg)
{
    for (unsigned i = 0; i < forecast->n; i++) {
        if (forecast->tracks[i].grade != FT_GRADE_WELL)
            tell(arg, &forecast->tracks[i].trouble);
    }
}

enum ft_grade ft_forecast_worst(const struct ft_forecast *forecast)
{
    enum ft_grade worst = FT_GRADE_WELL;

    for (unsigned i = 0; i < forecast->n; i++) {
        if (forecast->tracks[i].grade > worst)
            worst = forecast->tracks[i].grade;
    }
    return worst;
}
