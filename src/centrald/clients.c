/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clients.c - owns central.sock and one object for each client that is connected there.
 *
 * Clients are processes of the session's user on the launcher's node. Who they are the kernel says
 * (SO_PEERCRED); the one with the process id that the central unit was given at its start is the
 * launcher, and may report jobs, processes and nodes. All others are the command line and tests:
 * they may ask what a rank may ask.
 *
 *     Hello -> Hello      Request -> requests.c      Cancel -> requests.c      Ping -> Pong
 */
#include "centrald/clients.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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
    bool launcher;
    bool greeted;
    bool closing;
    struct client *next, *previous;
};

struct ft_clients {
    struct ft_listener *listener;
    pid_t launcher;
    const char *node;
    struct ft_requests *requests;
    struct client *first;
    unsigned n;
};

static void on_accepted(void *arg, struct ft_link *link);

struct ft_clients *ft_clients_create(uv_loop_t *loop, const char *path, pid_t launcher,
                                     const char *node, struct ft_requests *requests)
{
    struct ft_clients *clients = calloc(1, sizeof *clients);

    if (clients == NULL)
        return NULL;
    clients->launcher = launcher;
    clients->node = node;
    clients->requests = requests;
    clients->listener = ft_listener_unix(loop, path, true, on_accepted, clients);
    if (clients->listener == NULL) {
        int error = errno;

        free(clients);
        errno = error;
        return NULL;
    }
    return clients;
}

void ft_clients_destroy(struct ft_clients *clients)
{
    free(clients);
}

static void close_client(struct client *client)
{
    client->closing = true;
    ft_link_close(client->source.link);
}

static void take_hello(struct client *client, const Ft__Hello *hello)
{
    if (client->greeted || !ft_text_copy(client->job, sizeof client->job, hello->job)) {
        ft_log_warning("client %s said Hello twice, or has a job with too long a name: its "
                       "connection is closed", ft_link_peer(client->source.link));
        close_client(client);
        return;
    }
    client->rank = hello->rank >= 0 ? hello->rank : -1;
    client->greeted = true;
    client->closing =
        !ft_hello_answer(client->source.link, hello, client->clients->node, false);
    if (client->launcher && !client->closing)
        ft_log_info("the launcher (%s) is connected", ft_link_peer(client->source.link));
}

static void take_request(struct client *client, const Ft__Message *message)
{
    struct ft_asker asker = {
        .node = client->clients->node,
        .job = client->job,
        .rank = client->rank,
        .pid = client->pid,
        .launcher = client->launcher,
    };

    ft_requests_take(client->clients->requests, &client->source, message, &asker);
}

static void on_message(void *arg, struct ft_link *link, const Ft__Message *message)
{
    struct client *client = arg;

    if (client->closing)
        return;
    if (message->body_case == FT__MESSAGE__BODY_HELLO) {
        take_hello(client, message->hello);
        return;
    }
    if (!client->greeted) {
        ft_log_warning("client %s did not say Hello first: its connection is closed",
                       ft_link_peer(link));
        close_client(client);
        return;
    }
    switch (message->body_case) {
    case FT__MESSAGE__BODY_REQUEST:
        take_request(client, message);
        break;
    case FT__MESSAGE__BODY_CANCEL:
        ft_requests_cancel(client->clients->requests, &client->source, message->id);
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
    if (client->previous != NULL)
        client->previous->next = client->next;
    else
        clients->first = client->next;
    if (client->next != NULL)
        client->next->previous = client->previous;
    clients->n--;
    ft_requests_source_gone(clients->requests, &client->source, true);
    free(client);
}

static const struct ft_link_events link_events = {.message = on_message, .closed = on_closed};

static void on_accepted(void *arg, struct ft_link *link)
{
    struct ft_clients *clients = arg;
    struct client *client;
    uid_t uid = 0;

    if (clients->n >= FT_CENTRALD_CLIENTS_MAX) {
        ft_log_warning("client %s is turned away: %d are connected", ft_link_peer(link),
                       FT_CENTRALD_CLIENTS_MAX);
        return;
    }
    client = calloc(1, sizeof *client);
    if (client == NULL) {
        ft_log_error("client %s is turned away: out of memory", ft_link_peer(link));
        return;
    }
    client->clients = clients;
    client->source.link = link;
    client->rank = -1;
    if (ft_link_peer_cred(link, &client->pid, &uid))
        client->launcher = clients->launcher != 0 && client->pid == clients->launcher;
    client->next = clients->first;
    if (clients->first != NULL)
        clients->first->previous = client;
    clients->first = client;
    clients->n++;
    ft_link_accept(link, &link_events, client);
}

void ft_clients_stop(struct ft_clients *clients)
{
    if (clients->listener != NULL)
        ft_listener_close(clients->listener);
    clients->listener = NULL;
    for (struct client *client = clients->first; client != NULL; client = client->next)
        close_client(client);
}
