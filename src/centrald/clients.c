/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clients.c - owns one object for each client that talks to the central unit itself.
 *
 * door.c hands them over when they have said Hello. On the local socket the kernel says who they
 * are (SO_PEERCRED); by TCP come those who hold the key, who count as root. In a job's own central
 * unit the process with the id that it was given at its start is the launcher, and may report jobs,
 * processes and nodes; in a system's, launchers say so by their role, each for its own session
 * (sessions.c). All others may ask what a rank may ask.
 *
 *     Hello -> Hello      Request -> requests.c      Cancel -> requests.c      Ping -> Pong
 */
#include "centrald/clients.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "centrald/hello.h"
#include "common/log.h"
#include "common/text.h"
#include "net/link.h"

struct client {
    struct ft_clients *clients;
    struct ft_request_source source;
    char job[FT_NAME_MAX];
    int rank;
    pid_t pid;
    uid_t uid;
    uint64_t run; /* tells its requests from those of another client with the same numbers */
    bool launcher;
    bool closing;
    struct client *next, *previous;
};

struct ft_clients {
    struct ft_clients_config config;
    struct client *first;
    size_t n;
    uint64_t runs;
};

struct ft_clients *ft_clients_create(const struct ft_clients_config *config)
{
    struct ft_clients *clients = calloc(1, sizeof *clients);

    if (clients != NULL)
        clients->config = *config;
    return clients;
}

void ft_clients_destroy(struct ft_clients *clients)
{
    free(clients);
}

size_t ft_clients_count(const struct ft_clients *clients)
{
    return clients->n;
}

static void close_client(struct client *client)
{
    client->closing = true;
    ft_link_close(client->source.link);
}

static void take_request(struct client *client, const Ft__Message *message)
{
    struct ft_asker asker = {
        .node = client->clients->config.node,
        .job = client->job,
        .rank = client->rank,
        .pid = client->pid,
        .uid = client->uid,
        .launcher = client->launcher,
        .run = client->run,
        .request = message->id,
    };

    ft_requests_take(client->clients->config.requests, &client->source, message, &asker);
}

static void on_message(void *arg, struct ft_link *link, const Ft__Message *message)
{
    struct client *client = arg;

    if (client->closing)
        return;
    switch (message->body_case) {
    case FT__MESSAGE__BODY_HELLO:
        ft_log_warning("client %s said Hello twice: its connection is closed", ft_link_peer(link));
        close_client(client);
        break;
    case FT__MESSAGE__BODY_REQUEST:
        take_request(client, message);
        break;
    case FT__MESSAGE__BODY_CANCEL:
        ft_requests_cancel(client->clients->config.requests, &client->source, message->id);
        break;
    case FT__MESSAGE__BODY_PING:
        ft_hello_pong(link, message->ping);
        break;
    default: /* a newer client's; fields are only added */
        break;
    }
}

static void on_closed(void *arg, struct ft_link *link, int error, const char *text)
{
    struct client *client = arg;
    struct ft_clients *clients = client->clients;

    (void) link;
    if (error != 0)
        ft_log_warning("the connection of client pid %d broke: %s", (int) client->pid, text);
    *(client->previous != NULL ? &client->previous->next : &clients->first) = client->next;
    if (client->next != NULL)
        client->next->previous = client->previous;
    clients->n--;
    ft_requests_source_gone(clients->config.requests, &client->source, true);
    free(client);
}

static const struct ft_link_events link_events = {.message = on_message, .closed = on_closed};

static struct client *make(struct ft_clients *clients, struct ft_link *link,
                           const Ft__Hello *hello)
{
    struct client *client;

    if (clients->n >= FT_CENTRALD_CLIENTS_MAX) {
        ft_log_warning("client %s is turned away: %d are connected", ft_link_peer(link),
                       FT_CENTRALD_CLIENTS_MAX);
        return NULL;
    }
    client = calloc(1, sizeof *client);
    if (client == NULL) {
        ft_log_error("client %s is turned away: out of memory", ft_link_peer(link));
        return NULL;
    }
    if (!ft_text_copy(client->job, sizeof client->job, hello->job)) {
        ft_log_warning("client %s is turned away: its job has too long a name",
                       ft_link_peer(link));
        free(client);
        return NULL;
    }
    client->clients = clients;
    client->source.link = link;
    client->rank = hello->rank >= 0 ? hello->rank : -1;
    client->run = ++clients->runs;
    return client;
}

void ft_clients_greet(struct ft_clients *clients, struct ft_link *link, const Ft__Hello *hello,
                      bool local)
{
    const struct ft_clients_config *config = &clients->config;
    struct client *client = make(clients, link, hello);

    if (client == NULL || !ft_hello_answer(link, hello, config->node, config->term, false)) {
        free(client);
        ft_link_close(link);
        return;
    }
    if (local && ft_link_peer_cred(link, &client->pid, &client->uid)) {
        client->launcher = config->launcher != 0 && client->pid == config->launcher;
    } else {
        client->pid = (pid_t) hello->pid;
        client->uid = local ? (uid_t) -1 : 0;
    }
    if (config->by_role)
        client->launcher = hello->role == FT_ROLE_LAUNCHER;
    if (client->launcher)
        ft_log_info("the launcher (%s) is connected", ft_link_peer(link));
    client->next = clients->first;
    if (clients->first != NULL)
        clients->first->previous = client;
    clients->first = client;
    clients->n++;
    ft_link_accept(link, &link_events, client);
}

void ft_clients_stop(struct ft_clients *clients)
{
    for (struct client *client = clients->first; client != NULL; client = client->next)
        close_client(client);
}
