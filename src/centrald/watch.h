/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * watch.h - drives the detector (core/detector.h): heartbeats in, acknowledgements and pings out,
 * declarations to whom they concern. Part of a reign; there is none while this voter follows.
 */
#ifndef FT_CENTRALD_WATCH_H
#define FT_CENTRALD_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "core/detector.h"
#include "net/udp.h"
#include "wire/datagram.h"
#include "wire/ft.pb-c.h"

struct ft_watch;

struct ft_watch_events {
    /* A node is lost: close its unit's connection, tell core and the modules. To be let out when
     * what was kept before is committed. */
    void (*declared)(void *arg, const char *node, uint64_t incarnation, const char *text);
    void (*log)(void *arg, struct ft_event *event); /* numbers it, too */
    void (*keep)(void *arg, const char *key, const void *data, size_t n); /* NULL: per-job */
    bool (*leads)(void *arg);                       /* NULL: always; see core/detector.h */
};

struct ft_watch_config {
    uv_loop_t *loop;
    const char *node;        /* this node's name; borrowed for life */
    uint64_t term;           /* of the reign; 0 per job */
    struct ft_udp *udp;      /* the central unit's; borrowed for life */
    struct ft_detector_config detector;
};

/* Reads "beat_ms=60,suspect_ms=30,confirm_ms=60" (also observers, network_pct, lease_ms) into a
 * config: FT_DETECT of a job's environment; NULL and "" say nothing. -1 with a sentence in `why`
 * and nothing changed. */
int ft_watch_tune(struct ft_detector_config *config, const char *text, char *why, size_t size);

/* config->detector.self is set to config->node. NULL with errno. */
struct ft_watch *ft_watch_create(const struct ft_watch_config *config,
                                 const struct ft_watch_events *events, void *arg);

/* At a take-over, each record "node/NAME" of the ledger (name without "node/"). */
int ft_watch_restore(struct ft_watch *watch, const char *name, const void *data, size_t n);
int ft_watch_set_config(struct ft_watch *watch, const struct ft_detector_config *config);
void ft_watch_place(struct ft_watch *watch, const char *node, const char *place);

/* A unit said Hello over its connection, from `peer` (its address there); hello->udp_port is where
 * its heart listens. Fills a Welcome but for `centrals` and `forecast`; its bytes are the watch's
 * and last as long. -1 with errno: it cannot be watched. */
int ft_watch_join(struct ft_watch *watch, const Ft__Hello *hello, const struct sockaddr *peer,
                  Ft__Welcome *welcome);
/* Its connection is gone. */
void ft_watch_parted(struct ft_watch *watch, const char *node, bool in_order);
/* A message came by its connection: a sign of life. */
void ft_watch_heard(struct ft_watch *watch, const char *node);
/* A Ping that is a heartbeat (Ping.beat): fills the Pong. */
void ft_watch_ping(struct ft_watch *watch, const char *node, const Ft__Ping *ping, Ft__Pong *pong);

/* A datagram for the reign: true if it was the watch's kind and key. To be called for each packet
 * that comes on the socket (types BEAT, PONG, SAW). */
bool ft_watch_packet(struct ft_watch *watch, const uint8_t *bytes, size_t n,
                     const struct sockaddr *from);

/* For fleet, status, metrics. */
const struct ft_detector *ft_watch_detector(const struct ft_watch *watch);
int64_t ft_watch_lease_free_ns(const struct ft_watch *watch, const char *node);

void ft_watch_stop(struct ft_watch *watch); /* closes what it has on the loop */
void ft_watch_destroy(struct ft_watch *watch); /* when the loop has run out; takes NULL */

#endif
