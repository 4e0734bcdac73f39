/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server.c - a job's own central unit: a door, and one reign for its whole life.
 *
 * Made by main.c for `ft-centrald --job`. It always leads, keeps no ledger, and ends with its
 * launcher: then its units are told to end, too. What it does is in reign.c, as for the system's
 * central unit (system.c); this is what is its own: a key that was made for the job, a port that
 * the system picks, units that it starts itself on the pool's nodes.
 */
#include "centrald/server.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "centrald/door.h"
#include "centrald/events.h"
#include "centrald/reign.h"
#include "common/clock.h"
#include "common/hostlist.h"
#include "common/log.h"
#include "common/text.h"
#include "wire/identity.h"

struct ft_server {
    uv_loop_t *loop;
    const struct ft_plan *plan;
    const char *session;
    const char *node;
    struct ft_events *events;
    struct ft_door *door;
    struct ft_reign *reign;
    bool whole;
    bool stopped;
    char reason[160]; /* why it ends */
};

/* ---------------------------------------------------------------- those who come */

static void on_unit(void *arg, struct ft_link *link, const Ft__Hello *hello)
{
    struct ft_server *server = arg;

    ft_reign_unit(server->reign, link, hello);
}

static void on_client(void *arg, struct ft_link *link, const Ft__Hello *hello, bool local)
{
    struct ft_server *server = arg;

    ft_reign_client(server->reign, link, hello, local);
}

static void on_packet(void *arg, const uint8_t *bytes, size_t n, const struct sockaddr *from)
{
    struct ft_server *server = arg;

    ft_reign_packet(server->reign, bytes, n, from);
}

static void on_refused(void *arg, const char *text)
{
    struct ft_server *server = arg;

    ft_reign_refused(server->reign, text);
}

/* ---------------------------------------------------------------- making */

static int open_log(struct ft_server *server, const struct ft_server_setup *setup, char *why,
                    size_t size)
{
    server->events = ft_events_open(setup->events, (int64_t) ft_clock_ns(), why, size);
    if (server->events == NULL) {
        snprintf(why, size, "out of memory");
        return -1;
    }
    if (why[0] != '\0')
        ft_log_error("%s", why);
    why[0] = '\0';
    ft_events_set_limit(server->events, (uint64_t) setup->plan->events_max_mb << 20);
    return 0;
}

static int open_door(struct ft_server *server, const struct ft_server_setup *setup, char *why,
                     size_t size)
{
    static const struct ft_door_events events = {
        .unit = on_unit, .client = on_client, .refused = on_refused, .packet = on_packet};
    struct ft_identity identity;
    struct ft_door_config config = {.loop = setup->loop,
                                    .identity = &identity,
                                    .socket = setup->socket,
                                    .own_user_only = true};

    ft_identity_set_key(&identity, setup->key);
    server->door = ft_door_create(&config, &events, server, why, size);
    ft_identity_wipe(&identity);
    return server->door != NULL ? 0 : -1;
}

static int begin_reign(struct ft_server *server, const struct ft_server_setup *setup, char *why,
                       size_t size)
{
    static const struct ft_reign_events events = {0};
    struct ft_reign_starter starter = {.agent = setup->agent,
                                       .noded = setup->noded,
                                       .session = setup->session,
                                       .key = setup->key,
                                       .port = ft_door_port(server->door)};
    struct ft_reign_config config = {.loop = setup->loop,
                                     .node = setup->node,
                                     .plan = setup->plan,
                                     .udp = ft_door_udp(server->door),
                                     .events = server->events,
                                     .session = setup->session,
                                     .begun_ns = (int64_t) ft_clock_ns(),
                                     .launcher = setup->launcher,
                                     .starter = &starter};

    server->reign = ft_reign_create(&config, &events, server);
    if (server->reign != NULL)
        return ft_reign_begin(server->reign, why, size);
    snprintf(why, size, "out of memory");
    return -1;
}

static void log_begin(struct ft_server *server)
{
    char *pool = ft_hostlist_text(server->plan->pool);
    char text[600];
    struct ft_event event = {
        .name = "central_started",
        .node = server->node,
        .rank = -1,
        .fields = {{.key = "session", .text = server->session},
                   {.key = "port", .number = ft_server_port(server)},
                   {.key = "pool", .text = pool != NULL ? pool : ""},
                   {.key = "version", .text = FT_VERSION}},
        .text = text,
    };

    snprintf(text, sizeof text, "the central unit of session %.100s runs on node %.100s; %zu spare "
             "nodes in the pool, sharing %s", server->session, server->node,
             ft_hostlist_count(server->plan->pool),
             server->plan->central.share ? "allowed" : "not allowed");
    ft_reign_log(server->reign, &event);
    free(pool);
}

struct ft_server *ft_server_create(const struct ft_server_setup *setup, char *why, size_t size)
{
    struct ft_server *server = calloc(1, sizeof *server);

    if (server == NULL) {
        snprintf(why, size, "out of memory");
        return NULL;
    }
    server->loop = setup->loop;
    server->plan = setup->plan;
    server->session = setup->session;
    server->node = setup->node;
    if (open_log(server, setup, why, size) < 0 || open_door(server, setup, why, size) < 0 ||
        begin_reign(server, setup, why, size) < 0) {
        ft_server_stop(server, "it could not be started");
        uv_run(setup->loop, UV_RUN_DEFAULT);
        ft_server_destroy(server);
        return NULL;
    }
    server->whole = true;
    log_begin(server);
    ft_reign_start_units(server->reign);
    return server;
}

uint16_t ft_server_port(const struct ft_server *server)
{
    return ft_door_port(server->door);
}

/* ---------------------------------------------------------------- ending */

static void log_end(struct ft_server *server)
{
    char text[300];
    struct ft_event event = {.name = "central_ended", .rank = -1, .text = text};

    snprintf(text, sizeof text, "the central unit of session %.100s ends: %.150s", server->session,
             server->reason);
    ft_reign_log(server->reign, &event);
}

void ft_server_stop(struct ft_server *server, const char *reason)
{
    if (server->stopped)
        return;
    server->stopped = true;
    ft_text_copy(server->reason, sizeof server->reason, reason);
    if (server->reign != NULL)
        ft_reign_stop(server->reign, true, reason);
    if (server->door != NULL)
        ft_door_close(server->door);
}

void ft_server_destroy(struct ft_server *server)
{
    if (server == NULL)
        return;
    if (server->whole)
        log_end(server);
    ft_reign_destroy(server->reign);
    ft_door_destroy(server->door);
    ft_events_close(server->events);
    free(server);
}
