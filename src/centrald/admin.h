/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * admin.h - answers what people ask of the central unit, and hands their orders on: the commands of
 * ft_admin(3), as JSON.
 */
#ifndef FT_CENTRALD_ADMIN_H
#define FT_CENTRALD_ADMIN_H

#include <stddef.h>
#include <stdint.h>

#include "centrald/book.h"
#include "centrald/collector.h"
#include "centrald/events.h"
#include "core/central.h"
#include "core/detector.h"
#include "core/env.h"
#include "core/fleet.h"
#include "core/plan.h"

/* What there is to tell of and to act on. Objects are borrowed for life; those that are NULL are
 * not there (a job's own central unit has no fleet), and commands that need them say so. */
struct ft_admin_config {
    const char *node;                     /* this node's name */
    const char *session;                  /* of a job's own central unit; NULL: the system's */
    int64_t begun_ns;                     /* when this program began, as ft_clock_ns */
    struct ft_central *central;           /* the base */
    struct ft_fleet *fleet;
    const struct ft_detector *detector;
    const struct ft_collector *collector;
    struct ft_events *events;

    void *arg; /* handed to each of these; those that are NULL are not there */
    /* The plan in force. Must be there. */
    const struct ft_plan *(*plan)(void *arg);
    void (*book_status)(void *arg, struct ft_book_status *status);
    int (*hand_over)(void *arg, const char *voter, char *why, size_t size);
    /* Reads the file anew and puts it in force. by: who said so. *text gets what has changed, or
     * after an error what is wrong, a line each, to be freed; NULL: out of memory. */
    ftRetVal_t (*reload)(void *arg, const char *by, char **text);
    /* A node was drained (why; NULL: is no more): launchers are told that it is to be left. */
    void (*drained)(void *arg, const char *node, const char *why);
    /* How many launchers are served; decisions under way or in use, of all of them. */
    size_t (*sessions)(void *arg);
    size_t (*decisions)(void *arg);
    /* Keeps that an order was carried out, as in core/env.h. */
    void (*keep)(void *arg, const char *key, const void *data, size_t n);
    /* Writes an event: orders are in the log. */
    void (*log)(void *arg, struct ft_event *event);
};

struct ft_admin;

struct ft_admin *ft_admin_create(const struct ft_admin_config *config); /* NULL: out of memory */
void ft_admin_destroy(struct ft_admin *admin); /* takes NULL */

struct ft_admin_answer {
    ftRetVal_t status;
    char *json;               /* an object; NULL: out of memory */
    char reason[FT_TEXT_MAX]; /* after an error */
    char hint[FT_TEXT_MAX];
};

/* A take-over: an order that a predecessor carried out, and kept under FT_CARRIED_KEY (carried.h).
 * 0, or -1 with errno. */
int ft_admin_restore(struct ft_admin *admin, const void *data, size_t n);

/* Does what a command says. asker: who, as its source vouches for; asker->uid counts: 0 (as which
 * whoever proved the key by TCP counts), this process's own and those of plan->admins may change
 * things. An order that comes again (see carried.h) gets the answer that it got, and changes
 * nothing. The answer may leave when what was kept in the call is safe. */
void ft_admin_take(struct ft_admin *admin, const struct ft_asker *asker, const char *command,
                   struct ft_admin_answer *answer);
void ft_admin_answer_clear(struct ft_admin_answer *answer);

#endif
