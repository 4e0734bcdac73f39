/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * collector.c - owns the history of all nodes' readings, and the list of their troubles.
 *
 * Lives in the reign. Samples come from units.c; the history is what `ft nodes`, the metrics and
 * placement look into. A trouble is an event when it begins, changes its grade or is over; the
 * worst grade of a node's troubles decides whether the node is going down: then the fleet moves its
 * modules and the launchers of its jobs are told (figure 1 of the paper: "error shown before the
 * fail happened").
 */
#include "centrald/collector.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/text.h"
#include "core/forecast.h"

struct trouble {
    char node[FT_NAME_MAX];
    char what[80];
    char evidence[FT_FORECAST_TEXT_MAX];
    char text[FT_FORECAST_TEXT_MAX];
    unsigned grade;
    double left_s;
    int64_t since_ns;
    struct trouble *next;
};

struct ft_collector {
    bool drain;
    struct ft_collector_events events;
    void *arg;
    struct ft_history *history;
    struct trouble *first;
    unsigned n;
    bool full_said;
};

struct ft_collector *ft_collector_create(bool drain, const struct ft_collector_events *events,
                                         void *arg)
{
    struct ft_collector *collector = calloc(1, sizeof *collector);

    if (collector == NULL)
        return NULL;
    collector->drain = drain;
    collector->events = *events;
    collector->arg = arg;
    collector->history = ft_history_create();
    if (collector->history != NULL)
        return collector;
    free(collector);
    errno = ENOMEM;
    return NULL;
}

void ft_collector_destroy(struct ft_collector *collector)
{
    if (collector == NULL)
        return;
    while (collector->first != NULL) {
        struct trouble *trouble = collector->first;

        collector->first = trouble->next;
        free(trouble);
    }
    ft_history_destroy(collector->history);
    free(collector);
}

const struct ft_history *ft_collector_history(const struct ft_collector *collector)
{
    return collector->history;
}

/* ---------------------------------------------------------------- readings */

void ft_collector_sample(struct ft_collector *collector, const char *node,
                         const Ft__Sample *sample, int64_t now_ns)
{
    if (ft_history_begin(collector->history, node, sample->whole, now_ns) < 0) {
        ft_log_warning("the readings of node %s are not kept: %s", node, strerror(errno));
        return;
    }
    for (size_t i = 0; i < sample->n_readings; i++) {
        const Ft__Reading *reading = sample->readings[i];

        if (ft_history_take(collector->history, reading->what, reading->of, reading->value) < 0)
            ft_log_debug("a reading of node %s (%u of \"%.60s\") is not kept: %s", node,
                         reading->what, reading->of, strerror(errno));
    }
}

/* ---------------------------------------------------------------- troubles */

static struct trouble **find(struct ft_collector *collector, const char *node, const char *what)
{
    struct trouble **at = &collector->first;

    while (*at != NULL && (strcmp((*at)->node, node) != 0 || strcmp((*at)->what, what) != 0))
        at = &(*at)->next;
    return at;
}

/* The worst there is of a node. */
static const struct trouble *worst_of(const struct ft_collector *collector, const char *node)
{
    const struct trouble *worst = NULL;

    for (const struct trouble *trouble = collector->first; trouble != NULL;
         trouble = trouble->next) {
        if (strcmp(trouble->node, node) == 0 && (worst == NULL || trouble->grade > worst->grade))
            worst = trouble;
    }
    return worst;
}

static bool is_failing(const struct trouble *worst)
{
    return worst != NULL && worst->grade >= FT_GRADE_FAILING;
}

/* What a job does to its node. */
static bool is_load(const struct trouble *trouble)
{
    return strcmp(trouble->what, "memory") == 0 || strncmp(trouble->what, "disk ", 5) == 0;
}

static void log_trouble(struct ft_collector *collector, const struct trouble *trouble)
{
    char text[700];
    struct ft_event event = {
        .name = "trouble_seen",
        .node = trouble->node,
        .rank = -1,
        .fields = {{.key = "what", .text = trouble->what},
                   {.key = "grade", .number = trouble->grade},
                   {.key = "left_s", .number = trouble->left_s},
                   {.key = "evidence", .text = trouble->evidence}},
        .text = text,
    };

    if (trouble->grade == FT_GRADE_WELL)
        event.name = "trouble_over";
    snprintf(text, sizeof text, "node %.100s: %s%s (%s)", trouble->node, trouble->text,
             trouble->grade == FT_GRADE_FAILING ? "; it is going down" : "", trouble->evidence);
    collector->events.log(collector->arg, &event);
}

/* Tells what a change of a node's troubles means for the node as a whole. */
static void act(struct ft_collector *collector, const char *node, bool was_failing, const char *why)
{
    const struct trouble *worst = worst_of(collector, node);
    char text[500];

    if (!collector->drain || is_failing(worst) == was_failing)
        return;
    if (was_failing) {
        collector->events.well(collector->arg, node, why);
        return;
    }
    snprintf(text, sizeof text, "%s (%s)", worst->text, worst->evidence);
    if (collector->events.sick != NULL && !is_load(worst))
        collector->events.sick(collector->arg, node, text);
    collector->events.failing(collector->arg, node, text);
}

static struct trouble *add(struct ft_collector *collector, const char *node, const char *what,
                           int64_t now_ns)
{
    struct trouble *trouble =
        collector->n < FT_TROUBLES_MAX ? calloc(1, sizeof *trouble) : NULL;

    if (trouble == NULL) {
        if (!collector->full_said)
            ft_log_error("node %s sees trouble coming (%s), and there is no room for it", node,
                         what);
        collector->full_said = true;
        return NULL;
    }
    ft_text_copy(trouble->node, sizeof trouble->node, node);
    ft_text_copy(trouble->what, sizeof trouble->what, what);
    trouble->since_ns = now_ns;
    trouble->next = collector->first;
    collector->first = trouble;
    collector->n++;
    return trouble;
}

static void drop(struct ft_collector *collector, struct trouble **at)
{
    struct trouble *trouble = *at;

    *at = trouble->next;
    collector->n--;
    collector->full_said = false;
    free(trouble);
}

void ft_collector_trouble(struct ft_collector *collector, const char *node,
                          const Ft__Trouble *said, int64_t now_ns)
{
    bool was_failing = is_failing(worst_of(collector, node)), is_news;
    char what[sizeof collector->first->what];
    struct trouble **at, *trouble;

    ft_text_copy(what, sizeof what, said->what);
    ft_text_one_line(what);
    at = find(collector, node, what);
    if (*at == NULL && said->grade == FT_GRADE_WELL)
        return;
    trouble = *at != NULL ? *at : add(collector, node, what, now_ns);
    if (trouble == NULL)
        return;
    is_news = trouble->grade != said->grade;
    trouble->grade = said->grade <= FT_GRADE_FAILING ? said->grade : FT_GRADE_FAILING;
    trouble->left_s = isfinite(said->left_s) ? said->left_s : -1;
    ft_text_copy(trouble->evidence, sizeof trouble->evidence, said->evidence);
    ft_text_one_line(trouble->evidence);
    ft_text_copy(trouble->text, sizeof trouble->text, said->text);
    ft_text_one_line(trouble->text);
    if (is_news)
        log_trouble(collector, trouble);
    if (trouble->grade == FT_GRADE_WELL)
        drop(collector, find(collector, node, what));
    act(collector, node, was_failing, "its troubles are over");
}

void ft_collector_node_anew(struct ft_collector *collector, const char *node, const char *why)
{
    bool was_failing = is_failing(worst_of(collector, node));
    struct trouble **at = &collector->first;

    while (*at != NULL) {
        if (strcmp((*at)->node, node) == 0)
            drop(collector, at);
        else
            at = &(*at)->next;
    }
    act(collector, node, was_failing, why);
}

void ft_collector_set_drain(struct ft_collector *collector, bool drain)
{
    collector->drain = drain;
}

void ft_collector_each(const struct ft_collector *collector, const char *node,
                       void (*visit)(void *arg, const struct ft_collector_trouble *trouble),
                       void *arg)
{
    for (const struct trouble *trouble = collector->first; trouble != NULL;
         trouble = trouble->next) {
        struct ft_collector_trouble shown = {
            .node = trouble->node, .what = trouble->what, .grade = trouble->grade,
            .left_s = trouble->left_s, .evidence = trouble->evidence, .text = trouble->text,
            .since_ns = trouble->since_ns,
        };

        if (node == NULL || strcmp(node, trouble->node) == 0)
            visit(arg, &shown);
    }
}
