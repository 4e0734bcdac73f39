/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * world.h - a made-up cluster around core: nodes that are lost, units that come and go, ranks that
 * ask, claim, start and die, central units that crash and are succeeded, all by the numbers of one
 * seed.
 */
#ifndef FT_SIM_WORLD_H
#define FT_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/central.h"
#include "core/ledger.h"
#include "core/planted.h"

#define NODES 14        /* n0..n7 of the job at most, the rest spares */
#define RANKS 12
#define STANDINS 64
#define REQUESTS 1024
#define DECISIONS 512
#define DEFERRED 256
#define EVENT_TEXT 400
#define KEEPS 512       /* not safe yet */
#define LETTERS 512     /* said, not out yet */
#define PEERS 128       /* of a stand-in */
#define ERRORS 128      /* that were written down */

struct sim_node {
    char name[16];
    bool in_job;          /* the launcher has a daemon there */
    bool spare;           /* of the resource manager */
    bool given;           /* by the resource manager */
    bool lost;
    bool known_lost;       /* the central unit was told so, and has not forgotten it in a crash */
    int daemon;
    bool unit_up;
    struct ft_facts said;  /* when its unit came up */
    struct ft_facts is;    /* what a probe finds */
    uint64_t memory_free_bytes;
    int check_code;
    int64_t failed_until_ns; /* starting failed there */
    uint64_t failed_mark;    /* is kept when this much is safe */
    /* What the central unit was told of it, and has not forgotten in a crash. */
    bool declared, failing;
    bool declared_known, failing_known;
    bool joined_known;     /* the same of its daemon */
    bool well_due;         /* the launcher is to hear that it is well after all */
    ftNodeChange_t told;   /* what the launcher heard last of this daemon's node; 0: nothing */
};

struct sim_process {
    char job[32];
    int rank;
    int node;
    bool alive;
    bool standin;
    uint64_t decision; /* that it stands in for */
    bool announced;
    bool reported;     /* to the central unit, as started */
    bool spare;        /* waits in the job for a rank to take the place of */
    int takes;         /* a spare: the rank that it was told it has, -1: none */
    bool done;         /* it said that it has come to its end */
    bool deaf;         /* a spare: it never says that it begins */
    bool heard;        /* ... it has said so */
    bool excused;      /* ... and whether that is known, nobody can say */
    int died;          /* how often the central unit had crashed when it died */
};

enum sim_kind { SIM_ERROR, SIM_ALTERNATIVE, SIM_CLAIM, SIM_ANNOUNCE, SIM_FAILED, SIM_PEER,
                SIM_SPARE, SIM_DONE, SIM_NEWS /* the launcher's; asker -1 */ };

struct sim_request {
    enum sim_kind kind;
    int asker;             /* index of a process */
    ftConstraint_t constraint;
    ftResource_t resource;
    ftUsage_t usage;
    uint64_t decision;
    int64_t deadline_ns;   /* INT64_MAX: none */
    bool answered, canceled;
    bool away;             /* the central unit does not know it: to be sent again */
};

struct sim_decision {
    uint64_t id;
    char subject[64];
    uint32_t epoch;
    int node;              /* the alternative */
    char lost[16];
    ftRung_t rung;
    bool over;
    bool announced;
    int starter;           /* process told to start and not done yet, -1: none */
    bool acknowledged;     /* somebody was given it */
    unsigned ports;        /* peers that were told where it is: the last one's number */
    unsigned told;         /* peers that the stand-in was told of: the last one's number */
    uint64_t sent_to[PEERS], told_to[PEERS]; /* which request was answered so; by number */
    char port[32];
};

enum sim_deferred_kind {
    SIM_PROBE, SIM_ACQUIRE, SIM_UNIT, SIM_START,
    SIM_COMMIT,  /* what was kept is safe */
    SIM_REJOIN,  /* a node's unit comes over to the successor */
    SIM_REPORTS, /* the launcher tells the successor all that it knows */
    SIM_LISTEN,  /* the launcher asks for the next news */
    SIM_DROP,    /* the launcher does without a node, as it was told */
    SIM_BEGIN,   /* a spare that was told its rank says that it begins */
    SIM_KILL     /* a unit ends a process */
};

struct sim_keep {
    char key[FT_LEDGER_KEY_MAX];
    void *data;
    size_t n;
    bool erase;
    int turn;
};

struct sim_letter {
    uint64_t token;
    ftReply_t reply;
    uint64_t mark;
};

/* An error with a node or device, in the log. */
struct sim_error {
    char what[96];         /* and how it was used */
    uint64_t event;
    int64_t at_ns;
    int made;              /* decisions until then */
    bool acknowledged;     /* somebody was told that it is there */
};

struct sim_deferred {
    enum sim_deferred_kind kind;
    int64_t due_ns;
    uint64_t id;        /* probe, acquire, decision */
    int node;
    int process;
    uint32_t excluded;  /* bit by node */
    bool used;
};

struct world {
    uint64_t seed, random;
    int64_t now_ns;
    struct ft_central *central;
    struct ft_central_config config;
    struct sim_node nodes[NODES];
    int job_nodes;
    struct sim_process processes[RANKS + STANDINS];
    int ranks_n, processes_n;
    int world_n;            /* ranks of the job's world; the others are spares */
    int present[RANKS];     /* by rank of the world: the process that has its place, as was told */
    bool moved[RANKS];      /* a stand-in has had its place, or was to have it */
    struct sim_request requests[REQUESTS]; /* by token - 1 */
    int requests_n;
    struct sim_decision decisions[DECISIONS]; /* by id */
    struct sim_deferred deferred[DEFERRED];
    int daemons;
    struct sim_error errors[ERRORS];
    int errors_n, made_n;
    int last_error;         /* request, -1: none */
    uint64_t news_after;    /* the launcher heard that one last */
    uint64_t news_token;    /* its request for the next, 0: none */
    bool job_over;
    bool keeps;             /* there is a ledger, and the central unit may crash */
    struct ft_ledger *ledger; /* what is safe */
    struct sim_keep kept[KEEPS];
    int kept_n;
    uint64_t mark, safe;
    struct sim_letter letters[LETTERS];
    int letters_n;
    uint64_t numbers[FT_NUMBERS];
    int turn;               /* what is kept in one becomes safe together */
    int crashes;
    bool reborn;            /* no event was written since the crash: numbers may have a gap */
    uint64_t last_seq;
    uint64_t hash;          /* of everything that core said */
    bool show;              /* print it */
    int step;
    char broken[600];       /* the first rule that was broken, "" if none */
};

/* Runs one history. world->broken says what went wrong, if anything. show: print what happens. */
void world_run(struct world *world, uint64_t seed, bool show);

/* A number below n; one in n. */
uint64_t world_random(struct world *world, uint64_t n);
bool world_chance(struct world *world, unsigned percent);

/* ---- rules.c: called as things happen */

void rule_broken(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void rules_event(struct world *world, const struct ft_event *event);
void rules_reply(struct world *world, uint64_t token, const ftReply_t *reply);
void rules_time(struct world *world); /* after each tick */
void rules_end(struct world *world);  /* when everything has come to rest */

void rules_said(struct world *world, uint64_t token, const ftReply_t *reply); /* not out yet */
void rules_end_rank(struct world *world, const char *job, int rank); /* it is to be ended */
void rules_takeover(struct world *world); /* a successor has been made */

int world_node(const struct world *world, const char *name); /* -1: none */

/* ---- world.c, for takeover.c */

struct sim_deferred *world_defer(struct world *world, enum sim_deferred_kind kind, int64_t due_ns);
void world_begin_central(struct world *world);
void world_unit_up(struct world *world, int node);
void world_request(struct world *world, uint64_t token); /* sends it, again */
void world_deliver(struct world *world, uint64_t token, const ftReply_t *reply);
void world_tell_declared(struct world *world, int node); /* to a successor, too */
void world_tell_failing(struct world *world, int node);
void world_known(struct world *world, int node);
extern const struct ft_asker world_launcher;

/* ---- takeover.c: the ledger, what waits for it, crashes */

void takeover_keep(void *arg, const char *key, const void *data, size_t n); /* env.keep */
uint64_t takeover_number(void *arg, enum ft_number what);                   /* env.number */
void takeover_reply(struct world *world, uint64_t token, const ftReply_t *reply);
void takeover_crash(struct world *world);
void takeover_due(struct world *world, const struct sim_deferred *deferred);
size_t takeover_waiting(const struct world *world, uint64_t token); /* answers that are not out */
void takeover_end(struct world *world);

#endif
