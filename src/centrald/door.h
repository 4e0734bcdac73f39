/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * door.h - where others come in: the TCP and UDP port and the local socket of the central unit.
 */
#ifndef FT_CENTRALD_DOOR_H
#define FT_CENTRALD_DOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "net/link.h"
#include "net/udp.h"
#include "wire/identity.h"

struct ft_door;

/* Whoever has come says Hello first; then it is handed to whom it is for, who answers the Hello,
 * and takes the link by ft_link_accept or closes it. */
struct ft_door_events {
    void (*unit)(void *arg, struct ft_link *link, const Ft__Hello *hello);
    /* A launcher or a tool; local: through the local socket, so that ft_link_peer_cred tells
     * who. */
    void (*client)(void *arg, struct ft_link *link, const Ft__Hello *hello, bool local);
    /* Another central unit; NULL: refused. */
    void (*voter)(void *arg, struct ft_link *link, const Ft__Hello *hello);
    /* Somebody was not let in (told at most every 10 s). May be NULL. */
    void (*refused)(void *arg, const char *text);
    void (*packet)(void *arg, const uint8_t *bytes, size_t n, const struct sockaddr *from);
};

struct ft_door_config {
    uv_loop_t *loop;
    uint16_t port;        /* 0: a free one */
    const struct ft_identity *identity; /* copied */
    const char *socket;   /* path of the local socket */
    bool own_user_only;   /* only root's and this user's processes may connect there */
};

/* NULL with a sentence in `why`. */
struct ft_door *ft_door_create(const struct ft_door_config *config,
                               const struct ft_door_events *events, void *arg, char *why,
                               size_t size);
uint16_t ft_door_port(const struct ft_door *door);
struct ft_udp *ft_door_udp(const struct ft_door *door);

/* Lets nobody in any more. */
void ft_door_close(struct ft_door *door);

/* To be called when the loop has run out. Takes NULL. */
void ft_door_destroy(struct ft_door *door);

#endif
