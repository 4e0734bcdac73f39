/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * discovery.h - finds the units of the nodes that ft.conf names: sends identification datagrams to
 * those that are not connected, takes their answers. (The paper, section 3.2, algorithms 1 and 3.)
 */
#ifndef FT_CENTRALD_DISCOVERY_H
#define FT_CENTRALD_DISCOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "core/plan.h"
#include "net/udp.h"
#include "wire/identity.h"

struct ft_discovery;

struct ft_discovery_config {
    uv_loop_t *loop;
    const struct ft_identity *identity;
    struct ft_udp *udp;      /* bound to the port at which units find this central unit by TCP */
    const char *node;        /* this central unit's */
    const char *hosts;       /* "HOST[,HOST...]" at which it is reached, beside the address that its
                              * datagrams come from; may be "" */
    uint64_t term;
    uint64_t run;            /* as in Hello.start */
    uint16_t unit_port;      /* of units whose address tells none; 0: 7312 */
};

struct ft_discovery_events {
    /* Is a unit of that node connected? */
    bool (*connected)(void *arg, const char *node);
    /* For the event log; name: "node_identified", "node_unknown", "node_refused",
     * "datagram_refused", "munge_gone", "munge_back". node: "" if it is about none. */
    void (*event)(void *arg, const char *name, const char *node, const char *text);
};

struct ft_discovery_figures {
    uint64_t asked;      /* datagrams sent */
    uint64_t identified; /* answers that were believed */
    uint64_t refused;    /* forged, of another cluster or version, malformed */
    uint64_t repeated;   /* believed, and had come before, or answer nothing that was asked */
};

/* What config points to is borrowed for the object's life. Does nothing before it has a plan. NULL
 * with errno ENOMEM. */
struct ft_discovery *ft_discovery_create(const struct ft_discovery_config *config,
                                         const struct ft_discovery_events *events, void *arg);

/* Looks for the units of these nodes from now on; what is known of those that were there before
 * stays. plan is borrowed for the call. 0, or -1 with errno ENOMEM: then nothing has changed. */
int ft_discovery_plan(struct ft_discovery *discovery, const struct ft_plan *plan);

/* The connection of that node's unit is gone: it is looked for at once. */
void ft_discovery_lost(struct ft_discovery *discovery, const char *node);

/* A packet came. False if it is none of discovery's (IDENT): somebody else's, or nobody's. */
bool ft_discovery_packet(struct ft_discovery *discovery, const uint8_t *bytes, size_t n,
                         const struct sockaddr *from);

void ft_discovery_figures(const struct ft_discovery *discovery,
                          struct ft_discovery_figures *figures);

/* Nothing is sent or called any more. To be destroyed when the loop has nothing left of it: see
 * ft_discovery_is_over. */
void ft_discovery_stop(struct ft_discovery *discovery);
bool ft_discovery_is_over(const struct ft_discovery *discovery);
void ft_discovery_destroy(struct ft_discovery *discovery); /* takes NULL */

#endif
