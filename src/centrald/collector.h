/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * collector.h - what the node units read of their nodes, and what they see coming.
 */
#ifndef FT_CENTRALD_COLLECTOR_H
#define FT_CENTRALD_COLLECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/env.h"
#include "core/history.h"
#include "wire/ft.pb-c.h"

#define FT_TROUBLES_MAX 4096 /* at once, of all nodes */

struct ft_collector;

struct ft_collector_events {
    /* A node is going down (grade 2), by its own forecast; it is well again. Each once, until the
     * other one comes; only if ft.conf lets the central unit act (forecast { drain }). */
    void (*failing)(void *arg, const char *node, const char *why);
    /* The same, ahead of it, where it is the node itself, not what runs on it: no memory or disk
     * that is filled. May be NULL. */
    void (*sick)(void *arg, const char *node, const char *why);
    void (*well)(void *arg, const char *node, const char *why);
    /* Writes an event. */
    void (*log)(void *arg, struct ft_event *event);
};

/* What is told of a trouble. */
struct ft_collector_trouble {
    const char *node;
    const char *what;
    unsigned grade;       /* enum ft_grade of core/forecast.h */
    double left_s;        /* negative: not known */
    const char *evidence;
    const char *text;
    int64_t since_ns;
};

/* drain: act on troubles, not only tell. NULL with errno ENOMEM. */
struct ft_collector *ft_collector_create(bool drain, const struct ft_collector_events *events,
                                         void *arg);
void ft_collector_destroy(struct ft_collector *collector); /* takes NULL */
void ft_collector_set_drain(struct ft_collector *collector, bool drain);

/* What a node's unit said. */
void ft_collector_sample(struct ft_collector *collector, const char *node,
                         const Ft__Sample *sample, int64_t now_ns);
void ft_collector_trouble(struct ft_collector *collector, const char *node,
                          const Ft__Trouble *trouble, int64_t now_ns);

/* The node's unit said hello anew, or the node was declared lost: what it had seen coming is no
 * more, unless it says so again. */
void ft_collector_node_anew(struct ft_collector *collector, const char *node, const char *why);

const struct ft_history *ft_collector_history(const struct ft_collector *collector);

/* Each trouble there is; of one node, or with NULL of all. */
void ft_collector_each(const struct ft_collector *collector, const char *node,
                       void (*visit)(void *arg, const struct ft_collector_trouble *trouble),
                       void *arg);

#endif
