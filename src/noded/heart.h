/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * heart.h - the unit's heartbeat, and the lease that it keeps up.
 *
 * Told by the central unit's Welcome how often to beat. Each acknowledged heartbeat renews the
 * node's lease: it lasts lease_ms, counted from when that heartbeat was sent. Answers pings, asks
 * other units on the central unit's behalf.
 */
#ifndef FT_NODED_HEART_H
#define FT_NODED_HEART_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "net/udp.h"
#include "wire/ft.pb-c.h"

struct ft_heart;

/* How a lease ended. */
enum ft_lease_end {
    FT_LEASE_HUNG,   /* the central unit does not answer, its host does */
    FT_LEASE_CUT,    /* nothing is heard of its host either: this node is cut off, or that one is
                      * off. May come after FT_LEASE_HUNG */
    FT_LEASE_FENCED  /* the central unit declared this node lost meanwhile: what ran here under a
                      * lease has been, or will be, run elsewhere. Comes with a Welcome */
};

struct ft_heart_events {
    /* A lease is held until then (ft_heart_now_ns); again whenever it is renewed. */
    void (*lease_got)(void *arg, int64_t until_ns);
    /* It is over. `why`: a sentence. */
    void (*lease_lost)(void *arg, enum ft_lease_end end, const char *why);
    /* For how long not even the kernel of the central unit's host has given a sign of life, in ms;
     * -1: not known. NULL: never known. */
    int (*host_silent_ms)(void *arg);
    /* May be NULL: sends that by the connection, if there is one: datagrams do not get through. */
    int (*send)(void *arg, const Ft__Message *message);
    /* May be NULL: a datagram that is none of the heart's (IDENTIFY, IDENT). */
    void (*other)(void *arg, const uint8_t *bytes, size_t n, const struct sockaddr *from);
};

/* node is borrowed for life; run: as in Hello.start; port 0: a free one. NULL with errno. */
struct ft_heart *ft_heart_create(uv_loop_t *loop, const char *node, uint64_t run, uint16_t port,
                                 const struct ft_heart_events *events, void *arg);

uint16_t ft_heart_port(const struct ft_heart *heart); /* of its UDP socket; for Hello.udp_port */
struct ft_udp *ft_heart_udp(struct ft_heart *heart);   /* for others to send by */

/* What the leader said; central: its address, of the connection, with the port that it beats to. */
void ft_heart_welcome(struct ft_heart *heart, const Ft__Welcome *welcome,
                      const struct sockaddr *central);
/* A Pong came by the connection. */
void ft_heart_pong(struct ft_heart *heart, const Ft__Pong *pong);
/* The clock of leases: goes on while this process or the whole node sleeps. */
int64_t ft_heart_now_ns(void);
bool ft_heart_has_lease(const struct ft_heart *heart);
uint64_t ft_heart_incarnation(const struct ft_heart *heart); /* 0: not known yet */

/* in_order: the last heartbeat says that the unit ends. Nothing is called back any more. */
void ft_heart_stop(struct ft_heart *heart, bool in_order);
void ft_heart_destroy(struct ft_heart *heart); /* when the loop has run out; takes NULL */

#endif
