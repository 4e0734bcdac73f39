/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fleet_state.h - what the files of the fleet share: the modules and their table.
 *
 * For fleet.c, fleet_*.c, module_spec.c and reconcile.c only; everybody else sees fleet.h.
 */
#ifndef FT_CORE_FLEET_STATE_H
#define FT_CORE_FLEET_STATE_H

#include "core/fleet.h"
#include "core/placement.h"
#include "core/planted.h"
#include "core/timers.h"

#define NS_PER_MS INT64_C(1000000)
#define FT_FLEET_BUCKETS 4096
#define FT_FLEET_WHY_MAX 200
#define FT_FLEET_WAITS_MAX 640

/* Why a module does not run where it should. */
enum ft_waits {
    FT_WAITS_NOT,
    FT_WAITS_GATHERING, /* for the nodes to come, at the beginning */
    FT_WAITS_MODULE,    /* for one that has to run first */
    FT_WAITS_NODE,      /* no node can take it */
    FT_WAITS_LEASE,     /* the lease of its lost node is not over yet */
    FT_WAITS_TURN       /* others are being started again, or leave the same node, before it */
};

struct ft_fleet_module {
    struct ft_fleet *fleet;
    char name[FT_MODULE_NAME_MAX];
    const struct ft_plan_module *spec; /* NULL: the plan has it no more */
    uint64_t program, policy;          /* hashes of the spec: what is started, how it is treated */
    int importance;                    /* its priority, or the highest of those that come after */
    unsigned depth;                    /* longest chain of modules before it */
    size_t line;                       /* in the plan */

    /* kept, see KeptModule */
    struct ft_berth *at;               /* where it is placed, NULL: nowhere */
    uint64_t epoch;                    /* of the latest placement, 0: never */
    bool single;                       /* placed under a lease */
    bool done;                         /* it ended, and its policy lets it be */
    uint64_t started;                  /* hash of what was started */
    bool leave;                        /* a person wants it elsewhere: */
    struct ft_berth *to;               /*   there; NULL: the best node */
    char why[FT_FLEET_WHY_MAX];        /* of that */
    struct ft_unfit unfit[FT_UNFIT_MAX];
    unsigned unfit_n;

    /* of this reign */
    bool kept;                         /* there is an entry in the ledger */
    bool leaving;                      /* to be stopped where it is, and then placed again */
    char leaving_why[FT_FLEET_WHY_MAX];
    bool in_order;                     /*   it is counted in at->leaving_n */
    struct ft_berth *target;           /*   there, if it still can then */
    struct ft_berth *hope;             /* the node that it waits for at the beginning */
    int64_t answer_by_ns;              /* its unit has to have answered the last order */
    int64_t state_ns;                  /* since when it is as it is, as far as is known here; or 0 */
    struct ft_berth *last;             /* where it was before, NULL: not known */
    bool stay;                         /* there again, if possible: nothing speaks against it */
    bool changing;                     /* started again because of a new plan, and not up yet */
    uint64_t reserved_bytes;           /* at `at`, until its readings show the module */
    unsigned cores;                    /* counted at `at` */

    /* over the present connection of its node */
    bool ordered;                      /* to start with the present epoch */
    bool stop_ordered;
    bool policy_told;
    uint64_t policy_sent;

    /* as its node says, over the present connection */
    bool told;                         /* the node has it */
    uint64_t told_epoch;
    enum ft_module_state state;
    bool given_up;
    bool ran;                          /* with the present epoch */
    int64_t pid;
    enum ft_module_end end;
    int code;
    unsigned restarts;
    double restart_ms;
    char text[FT_FLEET_WHY_MAX];

    enum ft_waits waits;
    char waits_text[FT_FLEET_WAITS_MAX];
    struct ft_fleet_module *waiting_next, *waiting_previous;

    bool due;                          /* to be looked at */
    size_t place;                      /* in fleet->modules */
    struct ft_timer timer;
    struct ft_fleet_module *berth_next, *berth_previous; /* of those at the same node */
    struct ft_fleet_module *by_name_next;
};

struct ft_fleet {
    struct ft_fleet_env env;
    struct ft_fleet_config config;
    const struct ft_plan *plan;
    struct ft_berths *berths;
    struct ft_timers *timers;
    struct ft_timer settle;            /* when all earlier leases are over */
    bool settled;
    int64_t settled_ns;
    bool founded;                      /* the ledger has "meta/fleet": what it does not know of was
                                          never placed */
    uint64_t epoch;                    /* the last one given */

    struct ft_fleet_module **modules;  /* most important first */
    size_t n, room;
    struct ft_fleet_module *by_name[FT_FLEET_BUCKETS];
    struct ft_fleet_module *waiting;   /* of those with `waits` */
    size_t due_n, due_first;           /* none before the due_first-th is due */
    unsigned changing_n;
    unsigned looked_at;                /* nodes, since the work began */
};

static inline int64_t ft_fleet_now_ns(const struct ft_fleet *fleet)
{
    return fleet->env.now_ns(fleet->env.arg);
}

/* ---- fleet_table.c */

struct ft_fleet_module *ft_fleet_module(const struct ft_fleet *fleet, const char *name);
/* Finds or adds one that the plan does not know. NULL with errno ENOMEM, EINVAL, ENOBUFS. */
struct ft_fleet_module *ft_fleet_add(struct ft_fleet *fleet, const char *name);
/* It is to be placed nowhere, and nothing of it kept. */
void ft_fleet_remove(struct ft_fleet *fleet, struct ft_fleet_module *module);
void ft_fleet_due(struct ft_fleet_module *module);
void ft_fleet_all_due(struct ft_fleet *fleet);
void ft_fleet_berth_due(struct ft_berth *berth); /* those that are there */
/* Does all that is due, or a good part of it; the rest at the next tick. */
void ft_fleet_work(struct ft_fleet *fleet);
/* Has those looked at that may have waited for a change of this node. */
void ft_fleet_stir(struct ft_fleet *fleet, const struct ft_berth *berth);
void ft_fleet_stir_turns(struct ft_fleet *fleet);
void ft_fleet_stir_after(struct ft_fleet *fleet);
/* All nodes that are known have said what they run, or are lost: no need to wait for more. */
void ft_fleet_stir_gathering(struct ft_fleet *fleet);

void ft_fleet_link(struct ft_fleet_module *module, struct ft_berth *berth);
void ft_fleet_unlink(struct ft_fleet_module *module);
/* Its readings show what it takes: no memory is held for it any more. */
void ft_fleet_unreserve(struct ft_fleet_module *module);
/* What was true over a connection that is gone. */
void ft_fleet_disconnect(struct ft_fleet_module *module);

/* Writes an entry of the event log. module, berth and from may be NULL. */
void ft_fleet_log(struct ft_fleet *fleet, const char *name, const struct ft_fleet_module *module,
                  const struct ft_berth *berth, const struct ft_berth *from, const char *format,
                  ...) __attribute__((format(printf, 6, 7)));

/* ---- reconcile.c */

bool ft_fleet_wanted(const struct ft_fleet_module *module);
void ft_fleet_consider(struct ft_fleet_module *module);
void ft_fleet_wish(const struct ft_fleet_module *module, struct ft_wish *wish);
/* Has it started anew where it is, with a new epoch. */
void ft_fleet_start_here(struct ft_fleet_module *module, const char *why);
/* Orders a node to stop what it runs under a name, whatever epoch it has up to this one. */
void ft_fleet_order_stop(struct ft_fleet *fleet, const struct ft_berth *berth, const char *name,
                         uint64_t epoch, const char *why);
void ft_fleet_set_waits(struct ft_fleet_module *module, enum ft_waits waits, const char *format,
                        ...) __attribute__((format(printf, 3, 4)));

/* ---- fleet_keep.c */

void ft_fleet_keep(struct ft_fleet_module *module);
void ft_fleet_forget(struct ft_fleet_module *module);
void ft_fleet_keep_drain(struct ft_fleet *fleet, const struct ft_berth *berth);
void ft_fleet_keep_meta(struct ft_fleet *fleet);

/* ---- module_spec.c */

void ft_fleet_hash(struct ft_fleet_module *module);
void ft_fleet_order(const struct ft_fleet_module *module, const struct ft_berth *berth,
                     enum ft_order action, const char *why);

#endif
