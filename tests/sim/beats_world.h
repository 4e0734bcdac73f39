/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * beats_world.h - a made-up network with nodes whose units beat (core/pulse) and central units that
 * watch them (core/detector): datagrams get lost and come late, twice or again; nodes crash, hang,
 * are cut off and come back; central units sleep, and one succeeds another. By one seed.
 */
#ifndef FT_SIM_BEATS_WORLD_H
#define FT_SIM_BEATS_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/detector.h"
#include "core/detector_impl.h"
#include "core/pulse.h"

#define BEATS_NODES 12
#define BEATS_LEADERS 2

struct beats_world;

struct beats_node {
    struct beats_world *world;
    int number;
    char name[16];
    char place[24];
    struct ft_pulse *pulse;     /* NULL: no unit runs */
    bool is_on;                 /* the host */
    bool cut_to, cut_from;      /* its datagrams to, from the central units do not get through */
    bool cut_all;               /* nor those with other nodes */
    int64_t stopped_until_ns;   /* its unit does not run before */
    uint64_t run, sequence;
    int leader;                 /* whose Welcome it had last */
    bool linked;                /* connected to that one */
    int64_t tick_ns;            /* its next wake-up */
    double rate;                /* of its clock */
    int64_t offset_ns;
    int64_t old_until_ns;       /* leases of its units that were killed: what they left runs so long */
    int64_t good_since_ns;      /* INT64_MAX: something is wrong with it, or its way to the leader */
    int64_t bad_since_ns;       /* the same, the other way round */
    int64_t group_cut_ns;       /* cut off with all of its place since; INT64_MIN: not */
};

struct beats_leader {
    struct beats_world *world;
    int number;
    struct ft_detector *detector; /* NULL: not there */
    bool is_deposed;
    int64_t leads_until_ns;
    int64_t stopped_until_ns;
    bool sleep_loses;           /* what comes while it is stopped is lost */
    int64_t tick_ns;
    int64_t slept_ns;           /* when the last sleep began */
    int64_t excused_ns;         /* what came was lost by a sleep too short to be noticed, until then */
    bool has_woken;             /* and reads what waits before it judges */
    double rate;
    int64_t offset_ns;
    int64_t pinged_ns[BEATS_NODES];
};

enum beats_kind { BEATS_BEAT, BEATS_ACK, BEATS_PASS_ON, BEATS_PING, BEATS_PONG, BEATS_ASK, BEATS_SAW,
                  BEATS_REFUSED };

struct beats_packet {
    enum beats_kind kind;
    int from, to;               /* nodes, or BEATS_NODES + leader */
    uint64_t run, sequence, incarnation, term;
    int64_t sent_ns;
    bool renew;
    bool shared;                /* the acknowledgement may come by way of another unit */
    int about;                  /* node that is asked about, or whose acknowledgement it is */
    int asked_by;               /* of pings and their answers: the leader's observer question */
    enum ft_sight sight;
};

enum beats_event { EVENT_PACKET, EVENT_NODE, EVENT_LEADER, EVENT_FAULT, EVENT_JOIN, EVENT_PARTED,
                   EVENT_ASK_OVER, EVENT_LOOK };

struct beats_due {
    int64_t at_ns;
    uint64_t order;
    enum beats_event event;
    int who;
    struct beats_packet packet;
    int fault;
};

struct beats_kept {
    uint64_t incarnation;
    uint8_t data[1024];
    size_t n;
};

struct beats_world {
    uint64_t seed, random;
    int64_t now_ns;
    struct ft_detector_config config;
    int nodes_n;
    struct beats_node nodes[BEATS_NODES];
    struct beats_leader leaders[BEATS_LEADERS];
    int current;                /* leader */
    unsigned loss_pct, twice_pct;
    bool replays;
    bool shares;                /* acknowledgements go by way of others where they may */
    int64_t delay_max_ns;
    struct beats_due *due;      /* a heap */
    size_t due_n, due_room;
    uint64_t order;
    struct beats_packet old[64]; /* heartbeats that were heard on the wire */
    unsigned old_n;
    struct beats_kept kept[BEATS_NODES];
    int64_t quiet_ns;           /* from then on nothing new happens */
    int64_t end_ns;
    unsigned faults, befallen;  /* planned, and how many have come */
    uint64_t hash;
    uint64_t declared, events;
    bool show;
    char broken[500];
};

/* Runs one history; world->broken says what went wrong, if anything. */
void beats_run(struct beats_world *world, uint64_t seed, bool show);

uint64_t beats_random(struct beats_world *world, uint64_t n);
bool beats_chance(struct beats_world *world, unsigned percent);
void beats_broken(struct beats_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void beats_show(struct beats_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- beats_rules.c */

void beats_rule_declared(struct beats_world *world, const struct beats_node *node);
void beats_rule_tick(struct beats_world *world, const struct beats_leader *leader);
void beats_rule_welcome(struct beats_world *world, const struct beats_node *node, bool fenced);
void beats_rule_look(struct beats_world *world);
void beats_rule_end(struct beats_world *world);

/* By everybody's clock; of a pulse's own time. */
int64_t beats_node_ns(const struct beats_node *node);
bool beats_node_has_lease(const struct beats_node *node);
int64_t beats_leader_ns(const struct beats_leader *leader);

#endif
