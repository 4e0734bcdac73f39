/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forecast.h - sees what is about to break: trends and limits in a node's readings.
 *
 * The node's unit hands every reading in; ft_forecast_judge says what troubles began, changed or
 * are over. Pure: no clock, no I/O. Source: the paper, section 3.1 ("tries to correct it before any
 * fault occurred") and figure 1 ("error shown before the fail happened").
 */
#ifndef FT_CORE_FORECAST_H
#define FT_CORE_FORECAST_H

#include <stddef.h>
#include <stdint.h>

#include "common/readings.h"
#include "core/plan.h"

#define FT_FORECAST_TRACKS_MAX 64   /* readings that are watched; of more the rest is not */
#define FT_FORECAST_OF_MAX 48
#define FT_FORECAST_TEXT_MAX 200

enum ft_grade {
    FT_GRADE_WELL = 0,   /* it is over */
    FT_GRADE_WARNING = 1,
    FT_GRADE_FAILING = 2 /* the node is going down, or as good as useless */
};

/* What is told of a trouble. Texts are borrowed for the call. */
struct ft_trouble {
    char what[FT_FORECAST_OF_MAX + 16]; /* "memory", "disk /var", "temperature coretemp/Core 0" */
    enum ft_grade grade;
    double left_s;                      /* until the limit, by the trend; negative: not known */
    char evidence[FT_FORECAST_TEXT_MAX];/* what was seen: "31.0 % free -> 12.4 % in 60 s" */
    char text[FT_FORECAST_TEXT_MAX];    /* what it means, for people */
};

struct ft_forecast;

/* Makes one that judges by these settings (copied). NULL: out of memory. */
struct ft_forecast *ft_forecast_create(const struct ft_plan_forecast *settings);
void ft_forecast_destroy(struct ft_forecast *forecast); /* takes NULL */

/* Other settings from now on; what was seen is kept. */
void ft_forecast_set(struct ft_forecast *forecast, const struct ft_plan_forecast *settings);

/* A reading, taken at now_ns (of any clock that does not go back; one that does starts its track
 * anew). `of` as in the message Reading. Readings that nothing can be foretold from are ignored. */
void ft_forecast_take(struct ft_forecast *forecast, enum ft_reading what, const char *of,
                      double value, int64_t now_ns);

/* Judges all; `tell` is called for each trouble whose grade changed since it was told last, and for
 * a failing one again when its time left has halved. */
typedef void (*ft_trouble_fn)(void *arg, const struct ft_trouble *trouble);
void ft_forecast_judge(struct ft_forecast *forecast, int64_t now_ns, ft_trouble_fn tell, void *arg);

/* Tells every trouble that there is, as if none had been told: after a new link. */
void ft_forecast_tell_all(struct ft_forecast *forecast, ft_trouble_fn tell, void *arg);

/* The worst grade of all. */
enum ft_grade ft_forecast_worst(const struct ft_forecast *forecast);

#endif
