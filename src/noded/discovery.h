/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * discovery.h - how the node's own unit is found: it answers the leader's identification datagrams,
 * and learns from them where the leader is. (The paper, section 3.2, algorithms 1 and 3.)
 */
#ifndef FT_NODED_DISCOVERY_H
#define FT_NODED_DISCOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "net/udp.h"
#include "wire/identity.h"

struct ft_ident;

struct ft_ident_wish {
    const char *node, *program;
    uint64_t run;  /* as in Hello.start */
    const struct ft_identity *identity;
    struct ft_udp *udp; /* what answers go out by */
    /* The leader of that term listens there, "HOST[,HOST...]". */
    void (*found)(void *arg, const char *hosts, uint16_t port, uint64_t term);
    void *arg;
};

/* What wish points to is borrowed for the object's life. NULL with errno ENOMEM. */
struct ft_ident *ft_ident_create(uv_loop_t *loop, const struct ft_ident_wish *wish);

/* A datagram came that is nobody else's. */
void ft_ident_take(struct ft_ident *ident, const uint8_t *bytes, size_t n,
                   const struct sockaddr *from);

/* Nothing is called any more. To be destroyed when the loop has run out. */
void ft_ident_stop(struct ft_ident *ident);
void ft_ident_destroy(struct ft_ident *ident); /* takes NULL */

#endif
