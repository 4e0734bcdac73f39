/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * door.c - owns the listeners of the central unit, and those who have come in and not said yet who
 * they are.
 *
 * Made by server.c (a job's central unit) and system.c (the system's). A link that the network room
 * hands over has proven that it belongs here; what it is says its Hello:
 *
 *     role unit               -> events.unit       ft-noded
 *     role client, launcher   -> events.client     libft in tools, launchers, applications
 *     role central            -> events.voter      another central unit
 *
 * From then on the link is theirs. A guest that says anything else first, or nothing within
 * GREETING_MS, is closed; how many there may be is bounded, the oldest gives way.
 *
 * The local socket of a system's central unit is open to all users: whoever speaks there is known
 * by what the kernel says of it.
 */
#include "centrald/door.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "centrald/hello.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"

#define WAITING_MAX 4096 /* all units of a system come at once when another leads */
#define GREETING_MS 5000
#define GUESTS_MAX 256

struct guest {
    struct ft_door *door;
    struct ft_link *link;
    bool local;
    bool closing;
    int64_t since_ms;
    struct guest *older, *newer;
};

struct ft_door {
    struct ft_door_events events;
    void *arg;
    struct ft_listener *listener;
    struct ft_listener *local;
    struct ft_udp *udp;
    uint16_t port;
    struct guest *oldest, *newest;
    unsigned guests_n;
    bool closed;
};

/* ---------------------------------------------------------------- guests */

static void forget(struct guest *guest)
{
    struct ft_door *door = guest->door;

    *(guest->older != NULL ? &guest->older->newer : &door->oldest) = guest->newer;
    *(guest->newer != NULL ? &guest->newer->older : &door->newest) = guest->older;
    door->guests_n--;
    free(guest);
}

static void turn_out(struct guest *guest, const char *why)
{
    if (guest->closing)
        return;
    ft_log_warning("%s is turned out: %s", ft_link_peer(guest->link), why);
    guest->closing = true;
    ft_link_close(guest->link);
}

/* Those who come first have waited longest. */
static void turn_out_late(struct ft_door *door)
{
    int64_t now_ms = ft_clock_ms();

    for (struct guest *guest = door->oldest;
         guest != NULL && now_ms - guest->since_ms > GREETING_MS; guest = guest->newer)
        turn_out(guest, "it did not say Hello");
}

static void on_guest_closed(void *arg, struct ft_link *link, int error, const char *text)
{
    (void) link;
    (void) error;
    (void) text;
    forget(arg);
}

static void refuse_voter(struct ft_link *link, const Ft__Hello *hello)
{
    ft_log_warning("a central unit on node %.100s (%s) has no business here: this is a job's own",
                   hello->node, ft_link_peer(link));
    ft_link_close(link);
}

static void on_guest_message(void *arg, struct ft_link *link, const Ft__Message *message)
{
    struct guest *guest = arg;
    struct ft_door *door = guest->door;
    const Ft__Hello *hello = message->hello;
    const struct ft_door_events *events = &door->events;
    bool local = guest->local;

    if (guest->closing)
        return;
    if (message->body_case != FT__MESSAGE__BODY_HELLO) {
        turn_out(guest, "it did not say Hello first");
        return;
    }
    forget(guest);
    ft_link_accept(link, NULL, NULL);
    if (hello->role == FT_ROLE_CENTRAL && events->voter != NULL)
        events->voter(door->arg, link, hello);
    else if (hello->role == FT_ROLE_CENTRAL)
        refuse_voter(link, hello);
    else if (hello->role == FT_ROLE_UNIT && !local)
        events->unit(door->arg, link, hello);
    else
        events->client(door->arg, link, hello, local);
}

static const struct ft_link_events guest_events = {.message = on_guest_message,
                                                   .closed = on_guest_closed};

static void let_in(struct ft_door *door, struct ft_link *link, bool local)
{
    struct guest *guest = calloc(1, sizeof *guest);

    if (guest == NULL) {
        ft_log_error("%s is turned away: out of memory", ft_link_peer(link));
        return;
    }
    turn_out_late(door);
    if (door->guests_n >= GUESTS_MAX)
        turn_out(door->oldest, "too many have come and not said who they are");
    guest->door = door;
    guest->link = link;
    guest->local = local;
    guest->since_ms = ft_clock_ms();
    guest->older = door->newest;
    *(door->newest != NULL ? &door->newest->newer : &door->oldest) = guest;
    door->newest = guest;
    door->guests_n++;
    ft_link_accept(link, &guest_events, guest);
}

static void on_accepted(void *arg, struct ft_link *link)
{
    let_in(arg, link, false);
}

static void on_local(void *arg, struct ft_link *link)
{
    let_in(arg, link, true);
}

static void on_refused(void *arg, const char *peer, const char *why, unsigned more)
{
    struct ft_door *door = arg;
    char text[500];

    if (door->events.refused == NULL)
        return;
    snprintf(text, sizeof text, "a connection from %.100s was refused: %.300s", peer, why);
    if (more > 0)
        ft_text_appendf(text, sizeof text, " (%u more since the last time)", more);
    door->events.refused(door->arg, text);
}

static void on_packet(void *arg, const uint8_t *bytes, size_t n, const struct sockaddr *from)
{
    struct ft_door *door = arg;

    if (!door->closed && door->events.packet != NULL)
        door->events.packet(door->arg, bytes, n, from);
}

/* ---------------------------------------------------------------- life */

static int open_local(struct ft_door *door, const struct ft_door_config *config, char *why,
                      size_t size)
{
    door->local =
        ft_listener_unix(config->loop, config->socket, config->own_user_only, on_local, door);
    if (door->local == NULL) {
        snprintf(why, size, "%s cannot be listened at: %s", config->socket,
                 errno == EADDRINUSE ? "another central unit does" : strerror(errno));
        return -1;
    }
    if (!config->own_user_only && chmod(config->socket, 0666) < 0)
        ft_log_warning("%s stays closed to other users: %s", config->socket, strerror(errno));
    return 0;
}

struct ft_door *ft_door_create(const struct ft_door_config *config,
                               const struct ft_door_events *events, void *arg, char *why,
                               size_t size)
{
    struct ft_door *door = calloc(1, sizeof *door);

    if (door == NULL) {
        snprintf(why, size, "out of memory");
        return NULL;
    }
    door->events = *events;
    door->arg = arg;
    if (ft_listen_both(config->loop, NULL, config->port, config->identity, on_accepted, door,
                       on_packet, door, &door->listener, &door->udp) < 0) {
        if (config->port != 0)
            snprintf(why, size, "port %u cannot be listened at (TCP and UDP): %s", config->port,
                     errno == EADDRINUSE ? "another program does; does another ft-centrald run?"
                                         : strerror(errno));
        else
            snprintf(why, size, "no port can be listened at: %s", strerror(errno));
        free(door);
        return NULL;
    }
    door->port = ft_listener_port(door->listener);
    ft_listener_on_refused(door->listener, on_refused, door);
    ft_listener_set_waiting_max(door->listener, WAITING_MAX);
    if (open_local(door, config, why, size) == 0)
        return door;
    ft_door_close(door);
    uv_run(config->loop, UV_RUN_NOWAIT);
    ft_door_destroy(door);
    return NULL;
}

uint16_t ft_door_port(const struct ft_door *door)
{
    return door->port;
}

struct ft_udp *ft_door_udp(const struct ft_door *door)
{
    return door->udp;
}

void ft_door_close(struct ft_door *door)
{
    if (door->closed)
        return;
    door->closed = true;
    ft_listener_close(door->listener);
    ft_listener_close(door->local);
    ft_udp_close(door->udp);
    door->listener = door->local = NULL;
    door->udp = NULL;
    for (struct guest *guest = door->oldest; guest != NULL; guest = guest->newer) {
        guest->closing = true;
        ft_link_close(guest->link);
    }
}

void ft_door_destroy(struct ft_door *door)
{
    free(door);
}
