/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nodes.c - owns nothing: hands what happens to a node on to every part of a reign that it
 * concerns.
 *
 *     from                     what                        to
 *     units.c                  a unit is up, down          sessions, modules, collector, summons
 *     units.c                  ModuleState, -List, ...     modules, collector
 *     units.c                  Repaired                    redeployer
 *     watch.c                  a node is lost              units, sessions, spares, modules,
 *                                                          collector
 *     collector.c              failing, well               sessions (launchers), modules
 *     admin.c                  drained, drained no more    sessions (launchers); the modules know
 *     spares.c                 Slurm has it out of service sessions (launchers)
 *     modules.c                an order                    the node's unit, through the outbox
 *
 * A node is failing to its launchers as long as anything says so: a forecast or a person. Only when
 * neither does is it well.
 */
#include "centrald/nodes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "centrald/collector.h"
#include "centrald/modules.h"
#include "centrald/redeploy.h"
#include "centrald/scribe.h"
#include "centrald/sessions.h"
#include "centrald/spares.h"
#include "centrald/summons.h"
#include "centrald/units.h"
#include "centrald/watch.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"

/* ---------------------------------------------------------------- units */

void ft_nodes_unit_up(void *arg, const char *node)
{
    const struct ft_parts *parts = arg;
    const struct ft_detector *detector = ft_watch_detector(parts->watch);
    struct ft_watch_status status;

    ft_sessions_node_returned(parts->sessions, node);
    if (parts->modules == NULL)
        return;
    ft_detector_status(detector, ft_detector_find(detector, node), &status);
    ft_modules_node_up(parts->modules, node, status.incarnation);
    ft_collector_node_anew(parts->collector, node, "its unit has connected anew");
}

void ft_nodes_unit_down(void *arg, const char *node, const char *why, bool in_order)
{
    const struct ft_parts *parts = arg;

    (void) why;
    if (parts->modules == NULL || ft_scribe_is_mute(parts->scribe))
        return;
    if (in_order)
        ft_modules_node_lost(parts->modules, node, ft_watch_lease_free_ns(parts->watch, node));
    else
        ft_modules_node_down(parts->modules, node);
    ft_summons_lost(parts->summons, node);
}

void ft_nodes_unit_message(void *arg, const char *node, const Ft__Message *message)
{
    const struct ft_parts *parts = arg;
    int64_t now_ns = (int64_t) ft_clock_ns();

    if (parts->collector == NULL || ft_scribe_is_mute(parts->scribe))
        return;
    if (message->body_case == FT__MESSAGE__BODY_SAMPLE) {
        ft_collector_sample(parts->collector, node, message->sample, now_ns);
        ft_modules_sampled(parts->modules, node, ft_collector_history(parts->collector));
    } else if (message->body_case == FT__MESSAGE__BODY_NODE_INFO) {
        ft_modules_node_info(parts->modules, node, message->node_info);
    } else if (message->body_case == FT__MESSAGE__BODY_MODULE_STATE ||
               message->body_case == FT__MESSAGE__BODY_MODULE_LIST) {
        ft_modules_message(parts->modules, node, message);
    } else if (message->body_case == FT__MESSAGE__BODY_TROUBLE) {
        ft_collector_trouble(parts->collector, node, message->trouble, now_ns);
    } else if (message->body_case == FT__MESSAGE__BODY_REPAIRED && parts->redeployer != NULL) {
        ft_redeployer_message(parts->redeployer, node, message);
    }
}

/* ---------------------------------------------------------------- orders to units */

/* What leaves for a unit leaves over the connection that it was meant for, or not at all. */
static void send_order(void *arg, const void *data, size_t n)
{
    const struct ft_parts *parts = arg;
    const char *node = data;
    size_t node_n = strlen(node) + 1;
    Ft__Message *message;

    message = ft__message__unpack(NULL, n - node_n, (const uint8_t *) data + node_n);
    if (message != NULL && ft_units_send(parts->units, node, message) < 0 && errno != ENOTCONN)
        ft_units_part(parts->units, node, "what it was to be told could not be sent");
    if (message != NULL)
        ft__message__free_unpacked(message, NULL);
}

void ft_nodes_send(void *arg, const char *node, const Ft__Message *message)
{
    const struct ft_parts *parts = arg;
    size_t node_n = strlen(node) + 1;
    size_t n = node_n + ft__message__get_packed_size(message);
    uint8_t *bytes = malloc(n);

    if (bytes != NULL) {
        memcpy(bytes, node, node_n);
        ft__message__pack(message, bytes + node_n);
    }
    if (bytes == NULL || ft_scribe_out(parts->scribe, send_order, arg, bytes, n) < 0) {
        ft_log_error("an order for node %s cannot leave: %s", node, strerror(errno));
        ft_units_part(parts->units, node, "an order could not be sent");
    }
    free(bytes);
}

/* ---------------------------------------------------------------- lost */

struct declared {
    char node[FT_NAME_MAX];
    char text[400];
};

/* What was kept of it is safe: now it may be acted upon. */
static void declare(void *arg, const void *data, size_t n)
{
    const struct ft_parts *parts = arg;
    const struct declared *declared = data;

    (void) n;
    ft_units_part(parts->units, declared->node, "its node was declared lost");
    ft_sessions_node_declared(parts->sessions, declared->node, declared->text);
    ft_sessions_each_on(parts->sessions, declared->node, ft_spares_forsaken, parts->spares);
    if (parts->modules == NULL)
        return;
    ft_modules_node_lost(parts->modules, declared->node,
                         ft_watch_lease_free_ns(parts->watch, declared->node));
    ft_collector_node_anew(parts->collector, declared->node, "it was declared lost");
}

void ft_nodes_declared(void *arg, const char *node, uint64_t incarnation, const char *text)
{
    const struct ft_parts *parts = arg;
    struct declared declared = {0};

    (void) incarnation;
    ft_text_copy(declared.node, sizeof declared.node, node);
    ft_text_copy(declared.text, sizeof declared.text, text);
    if (ft_scribe_out(parts->scribe, declare, arg, &declared, sizeof declared) < 0)
        ft_log_error("node %s was declared lost, and nobody can be told: %s", node,
                     strerror(errno));
}

/* A leader may have ended after that was kept, and before anybody was told. */
void ft_nodes_declared_before(const struct ft_parts *parts)
{
    const struct ft_detector *detector = ft_watch_detector(parts->watch);

    for (size_t i = 0; i < ft_detector_count(detector); i++) {
        struct ft_watch_status status;

        ft_detector_status(detector, (uint32_t) i, &status);
        if (status.state != FT_WATCH_LOST)
            continue;
        ft_sessions_node_declared(parts->sessions, status.name,
                                  "it was declared lost under the leader before");
        ft_modules_node_lost(parts->modules, status.name, status.lease_free_ns);
    }
}

/* ---------------------------------------------------------------- going down, drained */

/* What the fleet knows of a node; NULL: nothing, or there is no fleet. */
static const struct ft_berth *berth_of(const struct ft_parts *parts, const char *node)
{
    return parts->modules != NULL ? ft_fleet_node(ft_modules_fleet(parts->modules), node) : NULL;
}

void ft_nodes_sick(void *arg, const char *node, const char *why)
{
    const struct ft_parts *parts = arg;

    ft_sessions_node_suspect(parts->sessions, node, FT_SUSPECT_FAILING, why);
}

void ft_nodes_failing(void *arg, const char *node, const char *why)
{
    const struct ft_parts *parts = arg;

    ft_sessions_node_failing(parts->sessions, node, why);
    if (parts->modules != NULL)
        ft_modules_node_failing(parts->modules, node, why);
}

void ft_nodes_well(void *arg, const char *node, const char *why)
{
    const struct ft_parts *parts = arg;
    const struct ft_berth *berth;

    if (parts->modules != NULL)
        ft_modules_node_failing(parts->modules, node, NULL);
    berth = berth_of(parts, node);
    if (berth == NULL || berth->drained == NULL)
        ft_sessions_node_well(parts->sessions, node, why);
}

void ft_nodes_drained(void *arg, const char *node, const char *why)
{
    const struct ft_parts *parts = arg;
    const struct ft_berth *berth = berth_of(parts, node);

    if (why != NULL)
        ft_sessions_node_failing(parts->sessions, node, why);
    else if (berth == NULL || berth->failing == NULL)
        ft_sessions_node_well(parts->sessions, node, "it is drained no more");
}

/* Slurm's jobs leave it; the site's modules are none of Slurm's. */
void ft_nodes_in_service(const struct ft_parts *parts, const char *node, const char *why)
{
    const struct ft_berth *berth = berth_of(parts, node);

    if (why != NULL)
        ft_sessions_node_failing(parts->sessions, node, why);
    else if (berth == NULL || (berth->failing == NULL && berth->drained == NULL))
        ft_sessions_node_well(parts->sessions, node, "Slurm has it in service again");
}

void ft_nodes_drain_again(const struct ft_parts *parts)
{
    const struct ft_berths *berths = ft_fleet_berths(ft_modules_fleet(parts->modules));

    for (const struct ft_berth *berth = ft_berths_first(berths); berth != NULL;
         berth = berth->order_next) {
        if (berth->drained != NULL)
            ft_sessions_node_failing(parts->sessions, berth->name, berth->drained);
    }
}
