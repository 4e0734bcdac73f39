/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server.c - the central unit: core's mind with hands and ears.
 *
 * Owns core and everything around it, and is the adapter between them: core's table of effects
 * (env.h) is filled here with functions that write the event log, answer requests, probe through
 * the units, start units, ask the resource manager and look into the configuration management. What
 * comes in reaches core through units.c, clients.c and requests.c.
 *
 * Core must not be called from within its own effects. A resource manager that answers at once is
 * therefore put off (`later`) until the loop comes round: one prepare handle, which costs nothing
 * while nothing happens, delivers it and sets the one timer to core's next deadline. With nothing
 * to wait for no timer is armed: an idle central unit does not wake up by itself.
 */
#include "centrald/server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "centrald/clients.h"
#include "centrald/events.h"
#include "centrald/requests.h"
#include "centrald/starter.h"
#include "centrald/units.h"
#include "cms/cms.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "core/central.h"
#include "rms/rms.h"
#include "topology/compare.h"

#define HOSTS_MAX 16

/* An answer of the resource manager, put off. */
struct later {
    uint64_t acquire;
    char *node; /* NULL: none */
    char *why;
    int64_t available_at_s;
    struct later *next;
};

struct ft_server {
    uv_loop_t *loop;
    const struct ft_config *config;
    const char *session;
    struct ft_central *central;
    struct ft_events *events;
    struct ft_requests *requests;
    struct ft_cms *cms;
    struct ft_rms *rms;
    struct ft_units *units;
    struct ft_clients *clients;
    struct ft_starter *starter;
    struct later *later, **later_end;
    uv_prepare_t prepare;
    uv_timer_t timer;
    bool handles_made;
    int64_t armed_ns; /* what the timer is set to, INT64_MAX: not at all */
    bool stopped;
    char reason[160]; /* why it ends */
};

/* ---------------------------------------------------------------- core's effects */

static int64_t do_now_ns(void *arg)
{
    (void) arg;
    return (int64_t) ft_clock_ns();
}

static void do_log(void *arg, const struct ft_event *event)
{
    struct ft_server *server = arg;

    ft_events_write(server->events, event);
}

static void do_reply(void *arg, uint64_t token, const ftReply_t *reply)
{
    struct ft_server *server = arg;

    ft_requests_reply(server->requests, token, reply);
}

static int do_probe(void *arg, uint64_t probe, const char *node, unsigned timeout_ms, char *why,
                    size_t size)
{
    struct ft_server *server = arg;

    return ft_units_probe(server->units, probe, node, timeout_ms, why, size);
}

static void do_want_unit(void *arg, const char *node)
{
    struct ft_server *server = arg;

    if (ft_starter_start(server->starter, node) < 0)
        ft_log_error("no unit can be started on node %s: %s", node, strerror(errno));
}

static void do_acquire(void *arg, uint64_t acquire, const struct ft_wanted *wanted)
{
    struct ft_server *server = arg;

    ft_rms_acquire(server->rms, acquire, wanted);
}

static void do_abandon(void *arg, uint64_t acquire)
{
    struct ft_server *server = arg;

    ft_rms_abandon(server->rms, acquire);
}

static void do_release(void *arg, const char *node, bool broken)
{
    struct ft_server *server = arg;

    ft_rms_release(server->rms, node, broken);
}

static bool do_configured(void *arg, const char *node, struct ft_facts *facts)
{
    struct ft_server *server = arg;

    return ft_cms_facts(server->cms, node, facts);
}

static bool do_explain(void *arg, const struct ft_facts *found, const struct ft_facts *wanted,
                       char *text, size_t size)
{
    (void) arg;
    return ft_facts_explain(found, wanted, text, size) > 0;
}

/* ---------------------------------------------------------------- the resource manager */

static void put_off(struct ft_server *server, uint64_t acquire, const char *node, const char *why,
                    int64_t available_at_s)
{
    struct later *later = calloc(1, sizeof *later);

    if (later != NULL) {
        later->acquire = acquire;
        later->available_at_s = available_at_s;
        later->node = node != NULL ? strdup(node) : NULL;
        later->why = strdup(why);
    }
    if (later == NULL || later->why == NULL || (node != NULL && later->node == NULL)) {
        /* Core waits for its own deadline, then goes on without. */
        ft_log_error("out of memory: an answer of the resource manager is lost");
        if (node != NULL)
            ft_rms_release(server->rms, node, false);
        if (later != NULL) {
            free(later->node);
            free(later->why);
        }
        free(later);
        return;
    }
    *server->later_end = later;
    server->later_end = &later->next;
}

static void on_offer(void *arg, uint64_t acquire, const char *node)
{
    put_off(arg, acquire, node, "", 0);
}

static void on_none(void *arg, uint64_t acquire, const char *why, int64_t available_at_s)
{
    put_off(arg, acquire, NULL, why, available_at_s);
}

static struct later *take_later(struct ft_server *server)
{
    struct later *later = server->later;

    if (later == NULL)
        return NULL;
    server->later = later->next;
    if (server->later == NULL)
        server->later_end = &server->later;
    return later;
}

static void free_later(struct later *later)
{
    free(later->node);
    free(later->why);
    free(later);
}

static void deliver_later(struct ft_server *server)
{
    struct later *later;

    /* A delivery may bring about the next wish, and that the next answer: each is one candidate of
     * one decision, of which there is a bounded number. */
    while ((later = take_later(server)) != NULL) {
        if (later->node == NULL)
            ft_central_no_offer(server->central, later->acquire, later->why,
                                later->available_at_s);
        else if (!ft_central_offer(server->central, later->acquire, later->node))
            ft_rms_release(server->rms, later->node, false);
        free_later(later);
    }
}

/* ---------------------------------------------------------------- time */

static void on_timer(uv_timer_t *timer)
{
    struct ft_server *server = timer->data;

    server->armed_ns = INT64_MAX;
    ft_central_tick(server->central);
}

static void arm(struct ft_server *server)
{
    int64_t at_ns = ft_central_next_deadline_ns(server->central);
    int64_t left_ns;

    if (at_ns == server->armed_ns)
        return;
    server->armed_ns = at_ns;
    if (at_ns == INT64_MAX) {
        uv_timer_stop(&server->timer);
        return;
    }
    left_ns = at_ns - (int64_t) ft_clock_ns();
    uv_update_time(server->loop);
    uv_timer_start(&server->timer, on_timer,
                   left_ns > 0 ? (uint64_t) (left_ns + 999999) / 1000000 : 0, 0);
}

/* Before the loop waits. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct ft_server *server = prepare->data;

    deliver_later(server);
    arm(server);
}

/* ---------------------------------------------------------------- starting units */

static void on_started(void *arg, const char *node)
{
    struct ft_server *server = arg;
    char text[400];
    struct ft_event event = {.name = "unit_started", .node = node, .rank = -1, .text = text};

    snprintf(text, sizeof text, "a unit was started on node %.255s", node);
    ft_central_log(server->central, &event);
}

static void on_failed(void *arg, const char *node, const char *why)
{
    struct ft_server *server = arg;

    ft_log_warning("no unit could be started on node %s: %s", node, why);
    ft_central_unit_failed(server->central, node, why);
}

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

static void start_units(struct ft_server *server)
{
    for (size_t i = 0; i < ft_hostlist_count(server->config->pool); i++) {
        const char *node = ft_hostlist_at(server->config->pool, i);

        do_want_unit(server, node);
    }
}

/* ---------------------------------------------------------------- making */

static int make_core(struct ft_server *server, const struct ft_server_setup *setup, char *why,
                     size_t size)
{
    struct ft_env env = {
        .arg = server,
        .now_ns = do_now_ns,
        .log = do_log,
        .reply = do_reply,
        .probe = do_probe,
        .want_unit = do_want_unit,
        .acquire = do_acquire,
        .abandon = do_abandon,
        .release = do_release,
        .configured = do_configured,
        .explain = do_explain,
    };

    server->events = ft_events_open(setup->events, (int64_t) ft_clock_ns(), why, size);
    if (server->events != NULL && why[0] != '\0')
        ft_log_error("%s", why);
    why[0] = '\0';
    server->requests = ft_requests_create();
    server->central = ft_central_create(&env, &setup->config->central);
    if (server->central != NULL)
        server->cms = ft_cms_collected_create(server->central);
    if (server->events == NULL || server->requests == NULL || server->cms == NULL) {
        snprintf(why, size, "out of memory");
        return -1;
    }
    ft_requests_set_central(server->requests, server->central);
    return 0;
}

static int make_rms(struct ft_server *server, char *why, size_t size)
{
    static const struct ft_rms_events events = {.offer = on_offer, .none = on_none};
    size_t n = ft_hostlist_count(server->config->pool);
    const char **names = calloc(n + 1, sizeof *names);
    struct ft_rms_config config = {.pool = names, .pool_n = n};

    for (size_t i = 0; names != NULL && i < n; i++)
        names[i] = ft_hostlist_at(server->config->pool, i);
    if (names != NULL)
        server->rms = ft_rms_create("pool", &config, &events, server);
    free(names);
    if (server->rms != NULL)
        return 0;
    snprintf(why, size, "the pool of spare nodes: %s", strerror(errno));
    return -1;
}

/* What ft.conf says of nodes; the pool's nodes become known, too. */
static int make_nodes(struct ft_server *server, char *why, size_t size)
{
    const struct ft_config *config = server->config;
    const char *name = NULL;

    for (size_t i = 0; i < ft_hostlist_count(config->pool); i++) {
        name = ft_hostlist_at(config->pool, i);
        if (ft_central_set_location(server->central, name, "") < 0)
            goto error;
    }
    for (size_t i = 0; i < config->nodes_n; i++) {
        name = config->nodes[i].name;
        if (ft_central_set_location(server->central, name, config->nodes[i].location) < 0)
            goto error;
    }
    return 0;
error:
    snprintf(why, size, "node %s cannot be taken in: %s", name, strerror(errno));
    return -1;
}

static int listen_to_all(struct ft_server *server, const struct ft_server_setup *setup, char *why,
                         size_t size)
{
    struct ft_units_config config = {
        .loop = setup->loop,
        .node = setup->node,
        .key = setup->key,
        .requests = server->requests,
        .central = server->central,
        .cms = server->cms,
        .run_check = setup->config->central.run_check,
    };

    server->units = ft_units_create(&config);
    if (server->units == NULL) {
        snprintf(why, size, "no TCP port can be listened at: %s", strerror(errno));
        return -1;
    }
    server->clients = ft_clients_create(setup->loop, setup->socket, setup->launcher, setup->node,
                                        server->requests);
    if (server->clients != NULL)
        return 0;
    snprintf(why, size, "%s cannot be listened at: %s", setup->socket,
             errno == EADDRINUSE ? "another central unit of this session does" : strerror(errno));
    return -1;
}

static int make_starter(struct ft_server *server, const struct ft_server_setup *setup, char *why,
                        size_t size)
{
    static const struct ft_starter_events events = {.started = on_started, .failed = on_failed};
    char hosts[1000];
    struct ft_starter_config config = {
        .agent = setup->agent,
        .noded = setup->noded,
        .session = setup->session,
        .hosts = hosts,
        .port = ft_units_port(server->units),
        .key = setup->key,
    };

    list_hosts(setup->node, hosts, sizeof hosts);
    server->starter = ft_starter_create(setup->loop, &config, &events, server);
    if (server->starter != NULL)
        return 0;
    snprintf(why, size, errno == EINVAL ? "FT_RSH_AGENT is no command: \"%.200s\""
                                        : "the remote shell \"%.200s\": out of memory",
             setup->agent);
    return -1;
}

static void make_handles(struct ft_server *server)
{
    uv_timer_init(server->loop, &server->timer);
    uv_prepare_init(server->loop, &server->prepare);
    server->timer.data = server->prepare.data = server;
    server->armed_ns = INT64_MAX;
    server->handles_made = true;
    uv_prepare_start(&server->prepare, on_prepare);
}

static void log_begin(struct ft_server *server, const struct ft_server_setup *setup)
{
    char *pool = ft_hostlist_text(setup->config->pool);
    char text[600];
    struct ft_event event = {
        .name = "central_started",
        .node = setup->node,
        .rank = -1,
        .fields = {{.key = "session", .text = setup->session},
                   {.key = "port", .number = ft_units_port(server->units)},
                   {.key = "pool", .text = pool != NULL ? pool : ""},
                   {.key = "version", .text = FT_VERSION}},
        .text = text,
    };

    snprintf(text, sizeof text, "the central unit of session %.100s runs on node %.100s; %zu spare "
             "nodes in the pool, sharing %s", setup->session, setup->node,
             ft_hostlist_count(setup->config->pool),
             setup->config->central.share ? "allowed" : "not allowed");
    ft_central_log(server->central, &event);
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
    server->config = setup->config;
    server->session = setup->session;
    server->later_end = &server->later;
    if (make_core(server, setup, why, size) < 0 || make_rms(server, why, size) < 0 ||
        make_nodes(server, why, size) < 0 || listen_to_all(server, setup, why, size) < 0 ||
        make_starter(server, setup, why, size) < 0) {
        ft_server_stop(server, "it could not be started");
        uv_run(setup->loop, UV_RUN_DEFAULT);
        ft_server_destroy(server);
        return NULL;
    }
    make_handles(server);
    log_begin(server, setup);
    start_units(server);
    return server;
}

uint16_t ft_server_port(const struct ft_server *server)
{
    return ft_units_port(server->units);
}

/* ---------------------------------------------------------------- ending */

static void log_end(struct ft_server *server)
{
    char text[300];
    struct ft_event event = {.name = "central_ended", .rank = -1, .text = text};

    snprintf(text, sizeof text, "the central unit of session %.100s ends: %.150s", server->session,
             server->reason);
    ft_central_log(server->central, &event);
}

void ft_server_stop(struct ft_server *server, const char *reason)
{
    if (server->stopped)
        return;
    server->stopped = true;
    ft_text_copy(server->reason, sizeof server->reason, reason);
    if (server->handles_made) {
        uv_close((uv_handle_t *) &server->timer, NULL);
        uv_close((uv_handle_t *) &server->prepare, NULL);
    }
    if (server->starter != NULL)
        ft_starter_stop(server->starter);
    if (server->clients != NULL)
        ft_clients_stop(server->clients);
    if (server->units != NULL)
        ft_units_leave(server->units, reason);
}

void ft_server_destroy(struct ft_server *server)
{
    struct later *later;

    if (server == NULL)
        return;
    if (server->handles_made)
        log_end(server);
    ft_starter_destroy(server->starter);
    ft_clients_destroy(server->clients);
    ft_units_destroy(server->units);
    while ((later = take_later(server)) != NULL)
        free_later(later);
    ft_rms_destroy(server->rms);
    ft_cms_destroy(server->cms);
    ft_central_destroy(server->central);
    ft_requests_destroy(server->requests);
    ft_events_close(server->events);
    free(server);
}
