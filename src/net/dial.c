/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dial.c - makes a link's connection: looks names up, tries one address after the other.
 *
 * Called by the owner's ft_link_connect_*, then by link.c when an attempt fails or takes too long.
 * An attempt is over only when the peer has proven itself, not when something answers: a node has
 * addresses (bridges of containers, say) that lead elsewhere on other nodes, and what lives there
 * must not keep the link from the next address.
 *
 * Time: each host gets its share of the whole, each of a host's addresses its share of what the
 * host has left. A unix socket whose queue of connections is full is tried again until its time is
 * up. What went wrong with each attempt is collected in the link's text, for `closed`.
 *
 * Looking a name up runs in libuv's pool of threads and cannot always be canceled, so it has memory
 * of its own and is left behind when its time is up.
 */
#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "common/clock.h"
#include "common/text.h"
#include "net/link_impl.h"
#include "net/socket.h"

#define HOSTS_MAX 32
#define ADDRESSES_MAX 8 /* of one host; more are not tried */
#define FULL_RETRY_MS 20

/* A name that is being looked up. */
struct lookup {
    uv_getaddrinfo_t request;
    struct ft_dial *dial; /* NULL: left behind */
};

struct ft_dial {
    struct ft_link *link;
    char *hosts;      /* tcp: the rest of the list, cut into names as they are tried */
    char *rest;
    const char *host; /* the present one */
    char *path;       /* unix */
    bool waits;       /* unix: between two tries */
    struct ft_identity identity;
    char port[8];
    unsigned host_timeout_ms;
    int64_t deadline_ms; /* of the present host */
    struct lookup *lookup;
    struct addrinfo *addresses, *next;
    unsigned addresses_left;
    char attempt[300]; /* what is being tried, for people */
};

static void next_host(struct ft_dial *dial);
static void next_address(struct ft_dial *dial);
static void try_unix(struct ft_dial *dial);

static struct ft_dial *dial_create(struct ft_link *link)
{
    struct ft_dial *dial = calloc(1, sizeof *dial);

    if (dial != NULL)
        dial->link = link;
    return dial;
}

void ft_dial_destroy(struct ft_dial *dial)
{
    if (dial == NULL)
        return;
    if (dial->lookup != NULL) {
        dial->lookup->dial = NULL;
        uv_cancel((uv_req_t *) &dial->lookup->request); /* its callback comes in any case */
    }
    uv_freeaddrinfo(dial->addresses);
    free(dial->hosts);
    free(dial->path);
    explicit_bzero(dial, sizeof *dial);
    free(dial);
}

/* ------------------------------------------------------------ failures */

/* Adds to the account of attempts. Of several errors that one stays which people can do most about:
 * another key, another version. */
static void note(struct ft_dial *dial, const char *what, int error, const char *text)
{
    struct ft_link *link = dial->link;

    ft_text_appendf(link->text, sizeof link->text, "%s%s: %s", link->text[0] != '\0' ? "; " : "",
                    what, text);
    if (link->error != EACCES && link->error != EPROTONOSUPPORT)
        link->error = error;
}

static void give_up(struct ft_dial *dial)
{
    ft_link_end(dial->link, ENOENT, "there is no host to connect to");
}

void ft_dial_failed(struct ft_link *link, int error, const char *text)
{
    struct ft_dial *dial = link->dial;

    note(dial, dial->attempt, error, text);
    ft_link_io_drop(link);
    link->state = LINK_CONNECTING;
    if (dial->path != NULL)
        give_up(dial);
    else
        next_address(dial);
}

void ft_dial_timer(struct ft_link *link)
{
    struct ft_dial *dial = link->dial;

    if (dial->waits) {
        try_unix(dial);
        return;
    }
    if (dial->lookup == NULL) {
        ft_dial_failed(link, ETIMEDOUT, "no answer in time");
        return;
    }
    note(dial, dial->host, ETIMEDOUT, "looking its address up took too long");
    dial->lookup->dial = NULL;
    uv_cancel((uv_req_t *) &dial->lookup->request);
    dial->lookup = NULL;
    next_host(dial);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct ft_link_io *io = request->data;
    struct ft_link *link = io->link;
    int error;

    if (link == NULL)
        return;
    if (status == UV_EAGAIN && link->dial->path != NULL &&
        ft_clock_ms() < link->dial->deadline_ms) {
        ft_link_io_drop(link);
        link->dial->waits = true;
        ft_link_set_timer(link, FULL_RETRY_MS);
        return;
    }
    error = status < 0 ? -status : ft_link_begin(link, link->kind != FT_CHANNEL_PLAIN
                                                           ? &link->dial->identity
                                                           : NULL);
    if (error != 0)
        ft_dial_failed(link, error, uv_strerror(-error));
}

/* ------------------------------------------------------------ TCP */

static int connect_address(struct ft_dial *dial, const struct addrinfo *address)
{
    struct ft_link *link = dial->link;
    struct ft_link_io *io = ft_link_io_create(link);
    int64_t left_ms = dial->deadline_ms - ft_clock_ms();
    int status;

    if (io == NULL)
        return UV_ENOMEM;
    status = uv_tcp_init(link->loop, &io->uv.tcp);
    if (status != 0) {
        free(io);
        link->io = NULL;
        return status;
    }
    io->uv.handle.data = io;
    io->connect.data = io;
    ft_link_set_timer(link, left_ms / (dial->addresses_left + 1));
    return uv_tcp_connect(&io->connect, &io->uv.tcp, address->ai_addr, on_connected);
}

static void describe_attempt(struct ft_dial *dial, const struct addrinfo *address)
{
    char host[NI_MAXHOST];

    dial->attempt[0] = '\0';
    if (getnameinfo(address->ai_addr, address->ai_addrlen, host, sizeof host, NULL, 0,
                    NI_NUMERICHOST) != 0)
        ft_text_copy(host, sizeof host, "?");
    ft_text_appendf(dial->attempt, sizeof dial->attempt, "%s", dial->host);
    if (strcmp(host, dial->host) != 0)
        ft_text_appendf(dial->attempt, sizeof dial->attempt, " (%s)", host);
    ft_text_appendf(dial->attempt, sizeof dial->attempt, " port %s", dial->port);
}

static void next_address(struct ft_dial *dial)
{
    while (dial->next != NULL && dial->addresses_left > 0) {
        const struct addrinfo *address = dial->next;
        int status;

        dial->next = address->ai_next;
        dial->addresses_left--;
        describe_attempt(dial, address);
        status = connect_address(dial, address);
        if (status == 0)
            return;
        note(dial, dial->attempt, -status, uv_strerror(status));
        ft_link_io_drop(dial->link);
    }
    next_host(dial);
}

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct lookup *lookup = request->data;
    struct ft_dial *dial = lookup->dial;

    free(lookup);
    if (dial == NULL || dial->link->state != LINK_CONNECTING) {
        if (dial != NULL)
            dial->lookup = NULL;
        uv_freeaddrinfo(found);
        return;
    }
    dial->lookup = NULL;
    if (status != 0) {
        note(dial, dial->host, EADDRNOTAVAIL, uv_strerror(status));
        next_host(dial);
        return;
    }
    dial->addresses = dial->next = found;
    for (const struct addrinfo *address = found; address != NULL; address = address->ai_next)
        dial->addresses_left += dial->addresses_left < ADDRESSES_MAX;
    next_address(dial);
}

static int look_up(struct ft_dial *dial)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICSERV};
    struct lookup *lookup = calloc(1, sizeof *lookup);
    int status;

    if (lookup == NULL)
        return UV_ENOMEM;
    lookup->dial = dial;
    lookup->request.data = lookup;
    status = uv_getaddrinfo(dial->link->loop, &lookup->request, on_looked_up, dial->host,
                            dial->port, &hints);
    if (status != 0)
        free(lookup);
    else
        dial->lookup = lookup;
    return status;
}

static void next_host(struct ft_dial *dial)
{
    uv_freeaddrinfo(dial->addresses);
    dial->addresses = dial->next = NULL;
    dial->addresses_left = 0;
    while ((dial->host = strsep(&dial->rest, ",")) != NULL) {
        int status;

        if (dial->host[0] == '\0')
            continue;
        dial->deadline_ms = ft_clock_ms() + dial->host_timeout_ms;
        ft_link_set_timer(dial->link, dial->host_timeout_ms);
        status = look_up(dial);
        if (status == 0)
            return;
        note(dial, dial->host, -status, uv_strerror(status));
    }
    give_up(dial);
}

/* How many hosts a list has; 0 if that is not to be worked with. */
static unsigned count_hosts(const char *hosts)
{
    unsigned n = 0;

    for (const char *at = hosts; *at != '\0'; at += strspn(at, ",")) {
        size_t length = strcspn(at, ",");

        n += length > 0;
        at += length;
    }
    return n <= HOSTS_MAX ? n : 0;
}

static struct ft_link *refuse(int error)
{
    errno = error;
    return NULL;
}

/* The memory that a dialling link needs, before its timer makes it libuv's. */
static struct ft_dial *create_for(uv_loop_t *loop, enum ft_channel_kind kind,
                                  const struct ft_link_events *events, void *arg)
{
    struct ft_dial *dial = dial_create(NULL);

    if (dial == NULL)
        return NULL;
    dial->link = ft_link_create(loop, kind);
    if (dial->link == NULL) {
        free(dial);
        return NULL;
    }
    dial->link->dial = dial;
    dial->link->events = events;
    dial->link->arg = arg;
    return dial;
}

struct ft_link *ft_link_connect_tcp_as(uv_loop_t *loop, const char *hosts, uint16_t port,
                                       const struct ft_identity *identity, unsigned timeout_ms,
                                       const struct ft_link_events *events, void *arg)
{
    unsigned n = hosts != NULL ? count_hosts(hosts) : 0;
    struct ft_dial *dial;
    char *copy;

    if (n == 0 || port == 0 || identity == NULL || timeout_ms == 0 || events == NULL)
        return refuse(EINVAL);
    copy = strdup(hosts);
    if (copy == NULL)
        return refuse(ENOMEM);
    dial = create_for(loop, FT_CHANNEL_KEYED_CLIENT, events, arg);
    if (dial == NULL) {
        free(copy);
        return refuse(ENOMEM);
    }
    dial->hosts = dial->rest = copy;
    dial->identity = *identity;
    snprintf(dial->port, sizeof dial->port, "%u", (unsigned) port);
    dial->host_timeout_ms = timeout_ms / n > 0 ? timeout_ms / n : 1;
    ft_text_appendf(dial->link->peer, sizeof dial->link->peer, "%s port %s", hosts, dial->port);
    next_host(dial);
    return dial->link;
}

struct ft_link *ft_link_connect_tcp(uv_loop_t *loop, const char *hosts, uint16_t port,
                                    const uint8_t key[FT_KEY_BYTES], unsigned timeout_ms,
                                    const struct ft_link_events *events, void *arg)
{
    struct ft_identity identity;
    struct ft_link *link;

    if (key == NULL)
        return refuse(EINVAL);
    ft_identity_set_key(&identity, key);
    link = ft_link_connect_tcp_as(loop, hosts, port, &identity, timeout_ms, events, arg);
    ft_identity_wipe(&identity);
    return link;
}

/* ------------------------------------------------------------ unix */

static void try_unix(struct ft_dial *dial)
{
    struct ft_link *link = dial->link;
    struct ft_link_io *io = ft_link_io_create(link);
    int status;

    dial->waits = false;
    if (io == NULL) {
        ft_dial_failed(link, ENOMEM, "out of memory");
        return;
    }
    status = uv_pipe_init(link->loop, &io->uv.pipe, 0);
    if (status != 0) {
        free(io);
        link->io = NULL;
        ft_dial_failed(link, -status, uv_strerror(status));
        return;
    }
    io->uv.handle.data = io;
    io->connect.data = io;
    ft_link_set_timer(link, dial->deadline_ms - ft_clock_ms());
    uv_pipe_connect(&io->connect, &io->uv.pipe, dial->path, on_connected);
}

struct ft_link *ft_link_connect_unix(uv_loop_t *loop, const char *path, unsigned timeout_ms,
                                     const struct ft_link_events *events, void *arg)
{
    struct ft_dial *dial;
    char *copy;

    if (path == NULL || path[0] == '\0' || timeout_ms == 0 || events == NULL ||
        strlen(path) >= sizeof ((struct sockaddr_un *) NULL)->sun_path)
        return refuse(EINVAL);
    copy = strdup(path);
    if (copy == NULL)
        return refuse(ENOMEM);
    dial = create_for(loop, FT_CHANNEL_PLAIN, events, arg);
    if (dial == NULL) {
        free(copy);
        return refuse(ENOMEM);
    }
    dial->path = copy;
    dial->deadline_ms = ft_clock_ms() + timeout_ms;
    ft_text_appendf(dial->attempt, sizeof dial->attempt, "%s", path);
    ft_text_copy(dial->link->peer, sizeof dial->link->peer, path);
    try_unix(dial);
    return dial->link;
}
