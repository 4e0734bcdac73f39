/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * orders.c - owns a reign's admin.c, and lends it the parts that it reads and acts on.
 *
 * Called by reign.c with the ADMIN requests that requests.c has taken. Passes through: a command
 * (JSON) on its way to admin.c, the answer back to requests.c, which lets it out when what was kept
 * meanwhile is safe.
 */
#include "centrald/orders.h"

#include <stdlib.h>

#include "centrald/admin.h"
#include "centrald/modules.h"
#include "centrald/nodes.h"
#include "centrald/requests.h"
#include "centrald/scribe.h"
#include "centrald/watch.h"

struct ft_orders {
    struct ft_orders_config config;
    struct ft_admin *admin;
};

/* ---------------------------------------------------------------- what admin.c looks at */

static const struct ft_plan *plan(void *arg)
{
    return ((struct ft_orders *) arg)->config.parts->plan;
}

static void book_status(void *arg, struct ft_book_status *status)
{
    ft_book_status(((struct ft_orders *) arg)->config.parts->book, status);
}

static int hand_over(void *arg, const char *voter, char *why, size_t size)
{
    return ft_book_hand_over(((struct ft_orders *) arg)->config.parts->book, voter, why, size);
}

static ftRetVal_t reload(void *arg, const char *by, char **text)
{
    struct ft_orders *orders = arg;

    return orders->config.reload(orders->config.reload_arg, by, text);
}

static size_t sessions(void *arg)
{
    return ft_sessions_count(((struct ft_orders *) arg)->config.parts->sessions);
}

static void add_decisions(void *arg, const char *name, struct ft_central *central)
{
    (void) name;
    *(size_t *) arg += ft_central_decisions(central);
}

static size_t decisions(void *arg)
{
    size_t n = 0;

    ft_sessions_each(((struct ft_orders *) arg)->config.parts->sessions, add_decisions, &n);
    return n;
}

static void drained(void *arg, const char *node, const char *why)
{
    ft_nodes_drained((void *) ((struct ft_orders *) arg)->config.parts, node, why);
}

static void keep(void *arg, const char *key, const void *data, size_t n)
{
    ft_scribe_keep(((struct ft_orders *) arg)->config.parts->scribe, key, data, n);
}

static void log_order(void *arg, struct ft_event *event)
{
    ft_sessions_log(((struct ft_orders *) arg)->config.parts->sessions, event);
}

struct ft_orders *ft_orders_create(const struct ft_orders_config *config)
{
    struct ft_orders *orders = calloc(1, sizeof *orders);
    const struct ft_parts *parts = config->parts;
    bool is_system = parts->book != NULL;
    struct ft_admin_config admin = {
        .node = config->node,
        .session = config->session,
        .begun_ns = config->begun_ns,
        .central = ft_sessions_base(parts->sessions),
        .fleet = is_system ? ft_modules_fleet(parts->modules) : NULL,
        .detector = ft_watch_detector(parts->watch),
        .collector = parts->collector,
        .events = config->events,
        .arg = orders,
        .plan = plan,
        .book_status = is_system ? book_status : NULL,
        .hand_over = is_system ? hand_over : NULL,
        .reload = config->reload != NULL ? reload : NULL,
        .sessions = sessions,
        .decisions = decisions,
        .keep = is_system ? keep : NULL,
        .log = log_order,
        .drained = drained,
    };

    if (orders == NULL)
        return NULL;
    orders->config = *config;
    orders->admin = ft_admin_create(&admin);
    if (orders->admin != NULL)
        return orders;
    free(orders);
    return NULL;
}

void ft_orders_destroy(struct ft_orders *orders)
{
    if (orders == NULL)
        return;
    ft_admin_destroy(orders->admin);
    free(orders);
}

/* ---------------------------------------------------------------- commands */

int ft_orders_restore(struct ft_orders *orders, const void *data, size_t n)
{
    return ft_admin_restore(orders->admin, data, n);
}

void ft_orders_take(struct ft_orders *orders, uint64_t token, const struct ft_asker *asker,
                    const char *command)
{
    const struct ft_parts *parts = orders->config.parts;
    struct ft_admin_answer answer;

    ft_admin_take(orders->admin, asker, command, &answer);
    if (parts->modules != NULL)
        ft_modules_stir(parts->modules);
    ft_requests_answer(parts->requests, token, answer.status, answer.json, answer.reason,
                       answer.hint);
    ft_admin_answer_clear(&answer);
}
