/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fleet_world.h - a made-up machine around core's fleet: nodes with units and processes, a network
 * that is cut, a ledger, leaders that come and go, a person who orders things. For sim_fleet.
 *
 *   fleet_unit.c    a node: its unit's links, its lease, its modules' processes
 *   fleet_leader.c  a central unit: its fleet, what it has kept and not yet committed, what may not
 *                   leave before that, its watch
 *   fleet_plans.c   ft.conf, and how it changes
 *   fleet_rules.c   what must hold
 *   fleet_world.c   the history: what happens when
 */
#ifndef FT_SIM_FLEET_WORLD_H
#define FT_SIM_FLEET_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/fleet.h"
#include "core/planted.h"

#define NODES 6
#define MODULES 6
#define LEADERS 2      /* who leads, and one that does not know yet that it leads no more */
#define LETTERS 512    /* on their way */
#define RECORDS 64     /* in the ledger */
#define RECORD_BYTES 512
#define PENDING 512    /* kept and not committed */
#define OUTBOX 512
#define PLANS 40
#define MS INT64_C(1000000)
#define NEVER INT64_MAX

#define LEASE_MS 2000
#define BEAT_MS 500
#define SILENT_MS 900  /* then a node is declared lost */
#define MARGIN_MS 400
#define UNFIT_MS 3000
#define QUIET_MS 3500  /* at first, mostly */
#define CHAOS_MS 14000
#define CALM_MS 60000

struct world;

/* ---------------------------------------------------------------- nodes */

enum due { DUE_NOTHING, DUE_READY, DUE_END, DUE_AGAIN, DUE_STOPPED };

/* A module on a node. */
struct instance {
    bool here;
    uint64_t epoch;        /* of the latest order */
    enum ft_module_state state;
    enum ft_module_end end;
    bool alive;            /* a process runs: the truth */
    int64_t since_ns;      /* it was started */
    bool leased, awaits_lease, given_up;
    bool again;            /* after it has stopped, it is started */
    unsigned failures;
    unsigned program;      /* which one, as ordered */
    unsigned runs;         /* which one runs */
    enum due due;
    int64_t due_ns;
};

struct node {
    char name[16];
    bool on;               /* has power */
    bool unit;             /* its unit lives */
    bool cut;              /* nothing gets through */
    uint64_t term;         /* the highest one that its unit knows */
    uint64_t incarnation;
    bool welcomed;         /* over the present link */
    int leader;            /* that its link goes to, -1: none */
    uint64_t link;         /* number of that link */
    bool link_works;
    int64_t notice_ns;     /* when it sees that the link does not */
    int64_t connect_ns;    /* when it tries again */
    int64_t beat_ns;       /* next heartbeat */
    int64_t lease_until_ns;
    bool held;
    int beats_to;          /* leader that heartbeats go to, -1: none */
    uint64_t beat_term;
    bool bad[MODULES];     /* it cannot hold that module */
    struct instance modules[MODULES];
};

/* ---------------------------------------------------------------- letters */

enum letter_kind {
    TO_UNIT_WELCOME, TO_UNIT_ORDER, TO_LEADER_LIST, TO_LEADER_STATE, BEAT, BEAT_ACK
};

struct letter {
    bool used;
    enum letter_kind kind;
    int64_t due_ns;
    uint64_t order;        /* letters of the same time: in the order in which they were sent */
    int node, leader;
    uint64_t link;         /* that it travels on; a link that is gone loses it */
    uint64_t term, epoch, incarnation;
    int64_t sent_ns;       /* beats */
    int module;
    enum ft_order action;
    unsigned program;
    bool leased;
    struct {               /* states; of a list: all */
        bool here;
        uint64_t epoch;
        enum ft_module_state state;
        enum ft_module_end end;
        bool given_up;
        int64_t pid;
    } states[MODULES];
};

/* ---------------------------------------------------------------- leaders */

struct record {
    char key[64];
    size_t n;
    uint8_t bytes[RECORD_BYTES];
};

struct pending {
    struct record record;
    bool erase;
    int64_t due_ns;        /* committed then */
};

enum act { ACT_NONE, ACT_DRAIN, ACT_UNDRAIN, ACT_RESTART, ACT_MOVE };

/* What waits for a commit. */
struct waiting {
    uint64_t mark;         /* number of the keep */
    struct letter letter;  /* if act is ACT_NONE */
    enum act act;
    int subject;           /* node or module */
    uint64_t number;       /* of the act */
    int64_t at_ns;
};

struct leader {
    bool there;
    bool deposed;          /* it does not know it */
    int64_t gone_ns;       /* then it knows */
    uint64_t term;
    int64_t start_ns;
    struct ft_fleet *fleet;
    uint64_t kept, committed; /* numbers of keeps */
    struct pending pending[PENDING]; /* by number % PENDING */
    struct waiting outbox[OUTBOX];
    unsigned outbox_first, outbox_n;
    int64_t look_ns;       /* next look of its watch */
    struct {
        uint64_t link;     /* of the node, 0: none */
        int64_t notice_ns; /* when it sees that the link is gone */
        bool joined;       /* in this reign */
        bool declared;
        int64_t heard_ns, acked_ns;
        uint64_t incarnation;
    } nodes[NODES];
    int64_t gave_up_ns[NODES][MODULES]; /* when it heard that, 0: never */
};

/* ---------------------------------------------------------------- the world */

struct sim_plan {
    struct ft_plan plan;
    struct ft_plan_node nodes[NODES];
    struct ft_plan_module modules[MODULES];
    int index[MODULES];    /* which module each is */
    char names[MODULES][16];
    char programs[MODULES][16];
    char *argv[MODULES][3];
    char *after[MODULES][3];
    struct ft_hostlist *hosts[MODULES];
};

/* A module as it is meant, beyond ft.conf. */
struct meant {
    bool in_plan, enabled, single, once;
    unsigned program, policy, cores;
    int home, after, priority; /* -1: none */
    unsigned allowed;          /* bits of nodes; 0: all */
};

struct world {
    uint64_t seed, random;
    int64_t now_ns;
    struct node nodes[NODES];
    unsigned cores[NODES];
    struct letter letters[LETTERS];
    uint64_t letters_sent;
    int64_t link_due_ns[NODES][2]; /* letters on a link do not overtake each other */
    uint64_t links;
    struct leader leaders[LEADERS];
    int leading;               /* -1: nobody */
    int64_t elect_ns;
    uint64_t term;
    struct record ledger[RECORDS];
    int ledger_n;
    struct meant meant[MODULES];
    struct sim_plan plans[PLANS];
    int plans_n;
    int in_plan;               /* a leader is taking in a plan: the one before it, -1: no */
    bool calm;
    bool leaders_fail;         /* in this history */
    unsigned pace_ms;          /* something happens so often */
    int64_t pids;

    /* for the rules */
    uint64_t started_epoch[MODULES];  /* highest that a unit took for a start */
    uint64_t acts;
    uint64_t drain_act[NODES];        /* latest of them, given */
    int drained[NODES];               /* 1 yes, 0 no, -1 not sure */
    int64_t start_after_ns[MODULES];  /* an acknowledged order wants it started after that */
    uint64_t hash;
    uint64_t events;
    bool show;
    char broken[600];
};

uint64_t world_random(struct world *world, uint64_t n);
bool world_chance(struct world *world, unsigned percent);
int64_t world_ms(struct world *world, unsigned from, unsigned to); /* in ns */
int world_node(const char *name);
int world_module(const char *name);
/* Runs one history; world->broken says what went wrong. */
void world_run(struct world *world, uint64_t seed, bool show);
void world_say(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* fleet_unit.c */
void unit_make(struct world *world, int index);
void unit_letter(struct world *world, const struct letter *letter);
void unit_step(struct world *world, int index);        /* does what is due */
int64_t unit_next_ns(const struct world *world, int index);
void unit_die(struct world *world, int index);         /* its processes live on */
void unit_power(struct world *world, int index, bool on);
void unit_break_link(struct world *world, int index);
void unit_crash(struct world *world, int index, int module); /* the process ends */

/* fleet_leader.c */
void leader_begin(struct world *world, int slot);
void leader_depose(struct world *world, bool crash);   /* the leading one */
void leader_letter(struct world *world, const struct letter *letter);
void leader_step(struct world *world, int slot);
int64_t leader_next_ns(const struct world *world, int slot);
void leader_link(struct world *world, int slot, int node, uint64_t link);
void leader_person(struct world *world, int slot, enum act act, int subject, const char *to);
void leader_plan(struct world *world);                 /* the latest one, to the leading one */
void leader_end(struct world *world, int slot);

/* fleet_plans.c */
void plans_meant(struct world *world);                 /* at first */
void plans_change(struct world *world);                /* something */
struct sim_plan *plans_make(struct world *world);
void plans_free(struct world *world);

/* fleet_world.c */
void world_post(struct world *world, struct letter *letter);

/* fleet_rules.c */
void rule_broken(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void rules_started(struct world *world, int node, int module, uint64_t epoch);
void rules_alive(struct world *world);
void rules_order(struct world *world, int slot, int node, const Ft__ModuleOrder *order);
void rules_event(struct world *world, const struct ft_event *event);
void rules_act_given(struct world *world, enum act act, int subject, uint64_t number);
void rules_act_safe(struct world *world, const struct waiting *waiting);
void rules_time(struct world *world, int slot);
/* Whether all is as it should be, at rest; else why not. */
bool rules_rest(struct world *world, char *why, size_t size);

#endif
