/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clients.c - owns the unit's unix socket and one object for each client that is connected.
 *
 * Clients of a job's unit are processes of its user, those of a node's unit anybody's: not enemies,
 * but programs with bugs, old versions of libft, and curious people with socat. What they send was
 * framed and parsed by wire/channel; here the order is checked (Hello first, and once), and
 * anything else ends the connection, with a line in the log. Who a client is the kernel says (pid,
 * uid); only job and rank are its own claim.
 *
 *     Hello    -> Hello (refused if it speaks another protocol)
 *     Request  -> relay.c, which answers with Reply through ft_clients_send
 *     Cancel   -> relay.c
 *     Ping     -> Pong
 *     closed   -> relay.c is told, so that nobody works for nobody
 *
 * When FT_CLIENTS_MAX are connected, one more takes the place of the one that has been silent from
 * the beginning for the longest time, or is refused.
 */
#include "config.h"

#include "noded/clients.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/text.h"
#include "net/link.h"
#include "wire/channel.h"

#define ROLE_LAUNCHER 4
#define SPARES_BYTES_MAX 32768 /* names of a launcher's spare nodes; they go with its requests */

struct client {
    struct client *prev, *next; /* oldest first */
    struct ft_clients *clients;
    struct ft_link *link;
    struct ft_relay_client asker;
    bool greeted;
    bool closing;
};

struct ft_clients {
    struct ft_listener *listener;
    const Ft__Hello *hello;
    struct ft_relay *relay;
    struct client *first, *last;
    unsigned n;
    bool stopped;
};

/* ---------------------------------------------------------------- one client */

static void client_close(struct client *client)
{
    client->closing = true;
    ft_link_close(client->link);
}

static void offend(struct client *client, const char *how)
{
    ft_log(FT_LOG_WARNING, "client %s %s: its connection is closed; is its libft of another "
           "version?", ft_link_peer(client->link), how);
    client_close(client);
}

static int send_hello(struct ft_link *link, const Ft__Hello *hello, ftRetVal_t refused)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Hello answer = *hello;

    answer.refused = refused;
    message.body_case = FT__MESSAGE__BODY_HELLO;
    message.hello = &answer;
    return ft_link_send(link, &message);
}

/* Its own claim, as the name of its session is; whether it is so Slurm will say. */
static void take_slurm_job(struct client *client, const Ft__Hello *hello)
{
    client->asker.slurm_job = hello->slurm_job;
    if (hello->spares[0] == '\0')
        return;
    if (strlen(hello->spares) < SPARES_BYTES_MAX)
        client->asker.spares = strdup(hello->spares);
    if (!client->asker.spares)
        ft_log(FT_LOG_WARNING, "the spare nodes of launcher %s are not known to the central unit: "
               "there are too many, or memory is short", ft_link_peer(client->link));
}

static void take_hello(struct client *client, const Ft__Hello *hello)
{
    if (client->greeted) {
        offend(client, "said Hello twice");
        return;
    }
    if (hello->protocol != FT_PROTOCOL) {
        send_hello(client->link, client->clients->hello, FT_ERR_VERSION);
        ft_log(FT_LOG_WARNING, "client %s (%.100s) speaks protocol %u, this unit %d: it is "
               "refused; use the same version of FT on the whole node", ft_link_peer(client->link),
               hello->program, hello->protocol, FT_PROTOCOL);
        client_close(client);
        return;
    }
    if (!ft_text_copy(client->asker.job, sizeof client->asker.job, hello->job)) {
        offend(client, "has a job with too long a name");
        return;
    }
    client->asker.rank = hello->rank >= 0 ? hello->rank : -1;
    client->asker.launcher = hello->role == ROLE_LAUNCHER;
    if (client->asker.launcher)
        take_slurm_job(client, hello);
    client->greeted = true;
    if (send_hello(client->link, client->clients->hello, FT_OK) != 0)
        client_close(client);
}

static void answer_ping(struct client *client, const Ft__Ping *ping)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Pong pong = FT__PONG__INIT;

    pong.sent_ns = ping->sent_ns;
    message.body_case = FT__MESSAGE__BODY_PONG;
    message.pong = &pong;
    if (ft_link_send(client->link, &message) != 0)
        client_close(client);
}

static void on_message(void *arg, struct ft_link *link, const Ft__Message *message)
{
    struct client *client = arg;

    (void)link;
    if (client->closing)
        return;
    if (message->body_case == FT__MESSAGE__BODY_HELLO) {
        take_hello(client, message->hello);
        return;
    }
    if (!client->greeted) {
        offend(client, "did not say Hello first");
        return;
    }
    switch (message->body_case) {
    case FT__MESSAGE__BODY_REQUEST:
        ft_relay_request(client->clients->relay, &client->asker, message);
        break;
    case FT__MESSAGE__BODY_CANCEL:
        ft_relay_cancel(client->clients->relay, &client->asker, message->id);
        break;
    case FT__MESSAGE__BODY_PING:
        answer_ping(client, message->ping);
        break;
    case FT__MESSAGE__BODY_PONG:
    case FT__MESSAGE__BODY__NOT_SET: /* a newer libft's; fields are only added */
        break;
    default:
        offend(client, "sent what only units send");
    }
}

static void on_closed(void *arg, struct ft_link *link, int error, const char *text)
{
    struct client *client = arg;
    struct ft_clients *clients = client->clients;

    if (error != 0 && !client->closing)
        ft_log(FT_LOG_WARNING, "client %s is lost: %s", ft_link_peer(link), text);
    ft_relay_client_gone(clients->relay, &client->asker);
    *(client->prev ? &client->prev->next : &clients->first) = client->next;
    *(client->next ? &client->next->prev : &clients->last) = client->prev;
    clients->n--;
    free(client->asker.spares);
    free(client);
}

static const struct ft_link_events link_events = {.message = on_message, .closed = on_closed};

/* ---------------------------------------------------------------- all of them */

/* Makes room for one more. */
static bool drop_silent(struct ft_clients *clients)
{
    for (struct client *client = clients->first; client; client = client->next)
        if (!client->greeted && !client->closing) {
            offend(client, "never said Hello and is in the way of another");
            return true;
        }
    return false;
}

static void refused_closed(void *arg, struct ft_link *link, int error, const char *text)
{
    (void)arg;
    (void)link;
    (void)error;
    (void)text;
}

static void refused_message(void *arg, struct ft_link *link, const Ft__Message *message)
{
    (void)arg;
    (void)link;
    (void)message;
}

/* Tells it why, and lets it go. */
static void refuse(struct ft_clients *clients, struct ft_link *link, ftRetVal_t why)
{
    static const struct ft_link_events events = {
        .message = refused_message, .closed = refused_closed,
    };
    ft_link_accept(link, &events, NULL);
    send_hello(link, clients->hello, why);
    ft_link_close(link);
}

/* One user must not be able to keep all others out. Counted only when it begins to matter. */
static bool has_enough(const struct ft_clients *clients, const struct ft_link *link)
{
    unsigned n = 0;
    pid_t pid;
    uid_t uid;

    if (clients->n < FT_CLIENTS_USER_MAX || !ft_link_peer_cred(link, &pid, &uid) || uid == 0 ||
        uid == geteuid())
        return false;
    for (const struct client *client = clients->first; client; client = client->next)
        n += client->asker.uid == uid;
    return n >= FT_CLIENTS_USER_MAX;
}

static void on_accepted(void *arg, struct ft_link *link)
{
    struct ft_clients *clients = arg;
    struct client *client;

    if (clients->stopped || has_enough(clients, link) ||
        (clients->n >= FT_CLIENTS_MAX && !drop_silent(clients))) {
        ft_log(FT_LOG_WARNING, "client %s is refused: %u are connected", ft_link_peer(link),
               clients->n);
        refuse(clients, link, FT_ERR_BUSY);
        return;
    }
    client = calloc(1, sizeof *client);
    if (!client) {
        refuse(clients, link, FT_ERR_MEMORY);
        return;
    }
    client->clients = clients;
    client->link = link;
    client->asker.owner = client;
    client->asker.rank = -1;
    ft_link_peer_cred(link, &client->asker.pid, &client->asker.uid);
    client->prev = clients->last;
    *(clients->last ? &clients->last->next : &clients->first) = client;
    clients->last = client;
    clients->n++;
    ft_link_accept(link, &link_events, client);
}

/* Whoever may connect is let in by the socket's mode. */
static struct ft_listener *listen_for(struct ft_clients *clients, uv_loop_t *loop, const char *path,
                                      bool everybody)
{
    struct ft_listener *listener = ft_listener_unix(loop, path, !everybody, on_accepted, clients);
    int error;

    if (!listener || !everybody || chmod(path, 0666) == 0)
        return listener;
    error = errno;
    ft_listener_close(listener);
    errno = error;
    return NULL;
}

struct ft_clients *ft_clients_create(uv_loop_t *loop, const char *path, bool everybody,
                                     const Ft__Hello *hello, struct ft_relay *relay)
{
    struct ft_clients *clients = calloc(1, sizeof *clients);
    int error;

    if (!clients)
        return NULL;
    clients->hello = hello;
    clients->relay = relay;
    clients->listener = listen_for(clients, loop, path, everybody);
    if (clients->listener)
        return clients;
    error = errno;
    free(clients);
    errno = error;
    return NULL;
}

int ft_clients_send(struct ft_clients *clients, struct ft_relay_client *asker,
                    const Ft__Message *message)
{
    struct client *client = asker->owner;
    int error;

    (void)clients;
    if (client->closing) {
        errno = ENOTCONN;
        return -1;
    }
    if (ft_link_send(client->link, message) == 0)
        return 0;
    error = errno;
    ft_log(FT_LOG_WARNING, "client %s cannot be answered (%s): its connection is closed",
           ft_link_peer(client->link), strerror(error));
    client_close(client);
    errno = error;
    return -1;
}

void ft_clients_stop(struct ft_clients *clients)
{
    if (clients->stopped)
        return;
    clients->stopped = true;
    ft_listener_close(clients->listener);
    clients->listener = NULL;
    for (struct client *client = clients->first; client; client = client->next)
        client_close(client);
}

void ft_clients_destroy(struct ft_clients *clients)
{
    free(clients);
}

unsigned ft_clients_count(const struct ft_clients *clients)
{
    return clients->n;
}
