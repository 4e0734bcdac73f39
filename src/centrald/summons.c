/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * summons.c - owns the starter of units (per-job) or the search for them (system).
 *
 * Called by reign.c, for core (env.want_unit) and when a plan comes into force, and by nodes.c when
 * a unit's connection is gone. What comes of it: a unit that connects by itself (units.c), or, to
 * the sessions, that a node has none and why; events unit_started, and those of discovery.c.
 *
 * A system's units are started by the system, or are not there: a session is told so, but through
 * later.c, and after a take-over only once the units have had the time to come over.
 */
#include "centrald/summons.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "centrald/later.h"
#include "centrald/sessions.h"
#include "centrald/units.h"
#include "common/hostlist.h"
#include "common/log.h"
#include "common/text.h"

#define HOSTS_MAX 16
#define GATHER_NS (3000 * INT64_C(1000000)) /* after a take-over the units have so long to come */

struct ft_summons {
    struct ft_summons_config config;
    struct ft_starter *starter;     /* NULL: units come by themselves */
    struct ft_discovery *discovery; /* NULL: they are not looked for */
    struct ft_discovery_config searching;
    char hosts[1000];               /* where this central unit is reached */
};

/* This node's addresses and name, as another node may reach it: "10.0.0.1,fd00::1,n0". */
static void list_hosts(const char *node, char *hosts, size_t size)
{
    uv_interface_address_t *addresses = NULL;
    int n = 0, listed = 0;

    hosts[0] = '\0';
    if (uv_interface_addresses(&addresses, &n) < 0)
        n = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < n && listed < HOSTS_MAX; i++) {
            bool is_v6 = addresses[i].address.address4.sin_family == AF_INET6;
            char text[64];

            if (addresses[i].is_internal || is_v6 != (pass == 1) ||
                (is_v6 && IN6_IS_ADDR_LINKLOCAL(&addresses[i].address.address6.sin6_addr)))
                continue;
            if ((is_v6 ? uv_ip6_name(&addresses[i].address.address6, text, sizeof text)
                       : uv_ip4_name(&addresses[i].address.address4, text, sizeof text)) < 0)
                continue;
            ft_text_appendf(hosts, size, "%s,", text);
            listed++;
        }
    }
    ft_text_appendf(hosts, size, "%s", node);
    if (addresses != NULL)
        uv_free_interface_addresses(addresses, n);
}

struct ft_summons *ft_summons_create(const struct ft_summons_config *config)
{
    struct ft_summons *summons = calloc(1, sizeof *summons);

    if (summons == NULL)
        return NULL;
    summons->config = *config;
    list_hosts(config->node, summons->hosts, sizeof summons->hosts);
    return summons;
}

static void log_text(struct ft_summons *summons, const char *name, const char *node,
                     const char *text)
{
    struct ft_event event = {.name = name, .node = node, .rank = -1, .text = text};

    ft_sessions_log(summons->config.parts->sessions, &event);
}

/* ---------------------------------------------------------------- by starting them */

static void on_started(void *arg, const char *node)
{
    char text[400];

    snprintf(text, sizeof text, "a unit was started on node %.255s", node);
    log_text(arg, "unit_started", node, text);
}

static void on_failed(void *arg, const char *node, const char *why)
{
    struct ft_summons *summons = arg;

    ft_log_warning("no unit could be started on node %s: %s", node, why);
    ft_sessions_unit_failed(summons->config.parts->sessions, node, why);
}

int ft_summons_by_starter(struct ft_summons *summons, const struct ft_starter_config *starter,
                          char *why, size_t size)
{
    static const struct ft_starter_events events = {.started = on_started, .failed = on_failed};
    struct ft_starter_config config = *starter;

    config.hosts = summons->hosts;
    summons->starter = ft_starter_create(summons->config.loop, &config, &events, summons);
    if (summons->starter != NULL)
        return 0;
    snprintf(why, size, errno == EINVAL ? "FT_RSH_AGENT is no command: \"%.200s\""
                                        : "the remote shell \"%.200s\": out of memory",
             starter->agent);
    return -1;
}

void ft_summons_want_pool(struct ft_summons *summons)
{
    const struct ft_hostlist *pool = summons->config.parts->plan->pool;

    for (size_t i = 0; summons->starter != NULL && i < ft_hostlist_count(pool); i++)
        ft_summons_want(summons, ft_hostlist_at(pool, i));
}

/* ---------------------------------------------------------------- by looking for them */

static bool is_connected(void *arg, const char *node)
{
    struct ft_summons *summons = arg;

    return ft_units_has(summons->config.parts->units, node);
}

static void on_discovery(void *arg, const char *name, const char *node, const char *text)
{
    log_text(arg, name, node[0] != '\0' ? node : NULL, text);
}

int ft_summons_by_search(struct ft_summons *summons, const struct ft_discovery_config *discovery)
{
    static const struct ft_discovery_events events = {
        .connected = is_connected, .event = on_discovery};
    struct ft_discovery_config *config = &summons->searching;

    *config = *discovery;
    config->loop = summons->config.loop;
    config->node = summons->config.node;
    config->hosts = summons->hosts;
    summons->discovery = ft_discovery_create(config, &events, summons);
    return summons->discovery != NULL ? 0 : -1;
}

int ft_summons_plan(struct ft_summons *summons, const struct ft_plan *plan)
{
    return ft_discovery_plan(summons->discovery, plan);
}

void ft_summons_lost(struct ft_summons *summons, const char *node)
{
    if (summons->discovery != NULL)
        ft_discovery_lost(summons->discovery, node);
}

bool ft_summons_packet(struct ft_summons *summons, const uint8_t *bytes, size_t n,
                       const struct sockaddr *from)
{
    return summons->discovery != NULL && ft_discovery_packet(summons->discovery, bytes, n, from);
}

/* ---------------------------------------------------------------- who has none */

static void deliver_missing(void *arg, const void *data, size_t n)
{
    struct ft_summons *summons = arg;
    const char *node = data;

    (void) n;
    if (!ft_units_has(summons->config.parts->units, node))
        ft_sessions_unit_failed(summons->config.parts->sessions, node,
                                "its ft-noded is not connected: see `systemctl status ft-noded` "
                                "there");
}

void ft_summons_want(struct ft_summons *summons, const char *node)
{
    int64_t due_ns = summons->config.begun_ns + GATHER_NS;

    if (summons->starter != NULL) {
        if (ft_starter_start(summons->starter, node) < 0)
            ft_log_error("no unit can be started on node %s: %s", node, strerror(errno));
    } else if (ft_later_put(summons->config.parts->later, deliver_missing, summons, node,
                            strlen(node) + 1, due_ns) < 0) {
        ft_log_error("out of memory: nobody is told that node %s has no unit", node);
    }
}

bool ft_summons_figures(const struct ft_summons *summons, struct ft_discovery_figures *figures)
{
    if (summons->discovery == NULL)
        return false;
    ft_discovery_figures(summons->discovery, figures);
    return true;
}

/* ---------------------------------------------------------------- the end */

void ft_summons_stop(struct ft_summons *summons)
{
    if (summons == NULL)
        return;
    if (summons->starter != NULL)
        ft_starter_stop(summons->starter);
    if (summons->discovery != NULL)
        ft_discovery_stop(summons->discovery);
}

bool ft_summons_is_over(const struct ft_summons *summons)
{
    return summons == NULL ||
           ((summons->starter == NULL || ft_starter_is_over(summons->starter)) &&
            (summons->discovery == NULL || ft_discovery_is_over(summons->discovery)));
}

void ft_summons_destroy(struct ft_summons *summons)
{
    if (summons == NULL)
        return;
    ft_discovery_destroy(summons->discovery);
    ft_starter_destroy(summons->starter);
    free(summons);
}
