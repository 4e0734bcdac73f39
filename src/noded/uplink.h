/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink.h - the unit's link to the central unit: made, kept, made again; given up only where the
 * central unit lives and dies with a job.
 */
#ifndef FT_NODED_UPLINK_H
#define FT_NODED_UPLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "wire/ft.pb-c.h"
#include "wire/identity.h"

#define FT_UPLINK_GIVE_UP_MS 10000
#define FT_UPLINK_PLACES_MAX 16     /* places where central units are known to be */
#define FT_UPLINK_HOSTS_MAX 1024    /* bytes of a place's host list, its 0 included */

struct ft_uplink;

struct ft_uplink_events {
    void (*up)(void *arg);                                    /* messages can pass now */
    void (*down)(void *arg, const char *why);                 /* and now not; tried again */
    void (*message)(void *arg, const Ft__Message *message);   /* borrowed for the call */
    /* Once; nothing comes after it. Never if the uplink lasts. is_over: the job had ended before
     * this unit reached anyone. */
    void (*given_up)(void *arg, const char *why, bool is_over);
};

struct ft_uplink_wish {
    const struct ft_identity *identity;
    const Ft__Hello *hello; /* what to say first */
    bool lasts;             /* the unit of a system: never given up */
};

/* Connects as soon as it knows a place. What wish points to is borrowed for the object's life. NULL
 * with errno ENOMEM. */
struct ft_uplink *ft_uplink_create(uv_loop_t *loop, const struct ft_uplink_wish *wish,
                                   const struct ft_uplink_events *events, void *arg);

/* A central unit may be there: tried in turn with the others from now on. "HOST[,HOST...]" and the
 * port. False if there are FT_UPLINK_PLACES_MAX already, or if it is none. */
bool ft_uplink_add(struct ft_uplink *uplink, const char *hosts, uint16_t port);
/* The same with "HOST[,HOST...]:PORT"; default_port 0: the port must be there. */
bool ft_uplink_add_text(struct ft_uplink *uplink, const char *place, uint16_t default_port);
/* The same for all that the leader knows of; they take the place of those that it knew of
 * before. */
void ft_uplink_learn(struct ft_uplink *uplink, char *const *places, size_t n,
                     uint16_t default_port);

/* The leader of that term says that it is there: tried next, at once. A link to the leader of an
 * earlier term is left for it. term 0: somebody says so. */
void ft_uplink_hint(struct ft_uplink *uplink, const char *hosts, uint16_t port, uint64_t term);

/* The central unit was heard another way (a heartbeat was acknowledged): no Ping is needed. */
void ft_uplink_heard(struct ft_uplink *uplink);

/* Queues a message. 0, or -1 with errno: ENOTCONN while it is down, else as ft_link_send. */
int ft_uplink_send(struct ft_uplink *uplink, const Ft__Message *message);
bool ft_uplink_is_up(const struct ft_uplink *uplink);
bool ft_uplink_address(const struct ft_uplink *uplink, struct sockaddr_storage *address);

/* For how long not even the kernel of the host of the central unit connected to last has given a
 * sign of life, in ms: 0 if it owes none. -1: there was none since the link broke, or there never
 * was a link. */
int ft_uplink_host_silent_ms(const struct ft_uplink *uplink);

/* Closes: what is queued is still written, for at most 1 s of the loop; no event comes any more. To
 * be destroyed when the loop has nothing left of it. */
void ft_uplink_stop(struct ft_uplink *uplink);
void ft_uplink_destroy(struct ft_uplink *uplink); /* takes NULL */

#endif
