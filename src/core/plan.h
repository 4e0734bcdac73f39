/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plan.h - what the information file (ft.conf) says, as plain data: nodes, modules, voters, and how
 * patient everything is to be.
 *
 * Made whole by src/conf, or not at all; read by everybody, changed by nobody. A new file is a new
 * plan; ft_plan_diff tells what is different. Source: the paper, section 4 ("Information file").
 */
#ifndef FT_CORE_PLAN_H
#define FT_CORE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/central.h"

#define FT_PLAN_MODULES_MAX 4096
#define FT_PLAN_VOTERS_MAX 5
#define FT_MODULE_NAME_MAX 64    /* bytes, its 0 included; [A-Za-z0-9._-] */
#define FT_MODULE_DELAYS_MAX 8

/* When a module that ended is started again. */
enum ft_restart {
    FT_RESTART_ALWAYS,     /* also after exit code 0 */
    FT_RESTART_ON_FAILURE, /* unless it ended well */
    FT_RESTART_NEVER
};

/* How a module ended, or did not do well. */
enum ft_module_end {
    FT_END_NONE,          /* it has not */
    FT_END_WELL,          /* exit code 0, or the signal that it was stopped with */
    FT_END_CRASH,         /* a signal that it was not sent by its unit */
    FT_END_CODE,          /* another exit code */
    FT_END_NO_START,      /* it could not be executed, or was not ready in time */
    FT_END_HANG,          /* its watchdog was not fed */
    FT_END_DEADLINE,      /* soft real-time: it missed its deadline */
    FT_END_MEMORY,        /* killed for want of memory */
    FT_END_CHECK,         /* its health check failed */
    FT_END_CHECKSUM,      /* the program is not the one that ft.conf means */
    FT_END_LEASE,         /* its node's lease ended */
    FT_END_TOLD,          /* the central unit, or a person, said so */
    FT_MODULE_ENDS
};

/* Where a module is in its life, on a node. */
enum ft_module_state {
    FT_MODULE_STOPPED,    /* and not to run */
    FT_MODULE_STARTING,   /* executed, not ready yet */
    FT_MODULE_RUNS,
    FT_MODULE_STOPPING,
    FT_MODULE_DELAYED,    /* ended; starts again after a delay */
    FT_MODULE_FAILED,     /* this node cannot hold it */
    FT_MODULE_DONE,       /* ended, and its policy lets it be */
    FT_MODULE_STATES
};

/* What a node's unit is told about a module. */
enum ft_order { FT_ORDER_START = 1, FT_ORDER_STOP, FT_ORDER_RESTART, FT_ORDER_UPDATE };

struct ft_plan_node {
    char *name;
    char *address;        /* where its unit is; "" is the name */
    char *location;       /* "row1/rack2", "" if not told */
    int priority;         /* higher is preferred for modules */
    bool spare;           /* for lost nodes of jobs; runs modules only if nothing else can */
    int line;             /* in the file */
};

struct ft_plan_module {
    char *name;
    char **argv;          /* argv[0] absolute; ends in NULL */
    char *home;           /* the node that it belongs to; "": any */
    char *user;           /* "": the unit's own */
    char *dir;
    char **environment;   /* NAME=VALUE; ends in NULL */
    char **after;         /* modules that have to run first; ends in NULL */
    struct ft_hostlist *nodes; /* where else it may run; empty: anywhere */
    char *checksum;       /* "sha256:HEX", "" if not checked */
    int priority;
    bool enabled;
    bool single;          /* never twice: runs under its node's lease (default) */
    bool notifies;        /* says READY=1 itself */
    enum ft_restart restart;
    unsigned burst, window_ms;
    unsigned delays_ms[FT_MODULE_DELAYS_MAX], delays_n;
    unsigned start_timeout_ms, stop_timeout_ms;
    unsigned watchdog_ms, deadline_ms;
    char **check;         /* health check; NULL: none */
    unsigned check_ms, check_timeout_ms, check_failures;
    unsigned cores_min;
    uint64_t memory_min_bytes; /* free, at least, where it is started */
    uint64_t memory_max_bytes; /* 0: no limit */
    int line;             /* in the file */
};

struct ft_plan_voter {
    char *name;           /* its node's */
    char *address;        /* "" is the name */
    uint16_t port;        /* 0: the plan's */
    int priority;         /* the highest that is well leads */
    bool witness;         /* votes, and never keeps the lead */
    int line;             /* in the file */
};

/* How silence is judged; see core/detector.h. */
struct ft_plan_detect {
    unsigned beat_ms;     /* a node's heartbeat, 500 */
    unsigned suspect_ms;  /* silent for so long beyond a beat: suspected, 120 */
    unsigned confirm_ms;  /* then it, and others on its behalf, have so long to answer, 250 */
    unsigned observers;   /* asked on its behalf, 3 */
    unsigned network_pct; /* of the nodes of a place (or all) silent at once: the network, 50 */
};

/* What is about to break: where a warning, and where the end, is near. */
struct ft_plan_forecast {
    unsigned memory_min_pct, disk_min_pct; /* free: below is as good as broken; 3, 2 */
    unsigned horizon_s;    /* a trend that ends within is acted upon, 300 */
    double celsius_max;    /* 95 */
    unsigned ecc_uncorrected_max, ecc_corrected_hour_max; /* 0, 1000 */
    unsigned check_failures; /* self-checks in a row, 3 */
    bool drain;            /* act: modules move, jobs are told (default); else only say so */
};

/* The paper's algorithm 4: what is done about a voter that is not heard; see core/redeploy.h. */
struct ft_plan_redeploy {
    bool on;              /* start it, and send it the program if its own is gone (default) */
    unsigned after_ms;    /* that it was not heard, 5000 */
};

#define FT_RMS_NODES_LIMIT 64 /* largest rms_nodes_max */

struct ft_plan {
    struct ft_plan_node *nodes;
    size_t nodes_n;
    struct ft_plan_module *modules;
    size_t modules_n;
    struct ft_plan_voter *voters;
    size_t voters_n;               /* 0: this node alone */
    struct ft_hostlist *pool;      /* spare nodes for jobs: `pool`, and nodes with spare = true */
    struct ft_central_config central;
    struct ft_plan_detect detect;
    struct ft_plan_forecast forecast;
    struct ft_plan_redeploy redeploy;
    uint16_t port;                 /* central units', TCP and UDP: 7311 */
    uint16_t unit_port;            /* node units', UDP: 7312 */
    unsigned lease_ms;             /* 2000 */
    unsigned election_ms, leader_beat_ms; /* of the voters' log: 300, 50 */
    unsigned handback_ms;          /* the preferred voter leads again when well for it, 10000 */
    unsigned unfit_ms;             /* a module does not go back where it failed, 300000 */
    char *auth;                    /* "auto", "munge" or "key" */
    char *key;                     /* path of the key file, /etc/ft/key */
    char *folder;                  /* of the voters' log, /var/lib/ft/central */
    char *cms;                     /* "collected", "file:PATH", "slurm" */
    char *rms;                     /* "auto", "pool", "slurm", "pmix": where nodes for jobs come from */
    char *rms_ladder;              /* "spares,beside": how they come from Slurm */
    char *rms_partition;           /* of Slurm's; "": the job's */
    char *rms_when_none;           /* "wait": what is done when none is free; also in `central` */
    unsigned rms_nodes_max;        /* a job has from the resource manager at once, 64 */
    bool rms_drain;                /* suspect nodes are drained in Slurm, where that is permitted */
    unsigned rms_give_time_max_s;  /* of a job's lost time so much is given back; 0: none */
    unsigned rms_watch_ms;         /* ask Slurm so often about the job's nodes; 0: not; 10000 */
    char *hook;                    /* program run for each event; "" none */
    char **sinks;                  /* "journal", "syslog", "file:PATH"; ends in NULL */
    unsigned metrics_port;         /* on 127.0.0.1; 0: none; 9311 */
    unsigned *admins;              /* uids that may give orders, beside root */
    size_t admins_n;
    char *events;                  /* file of the event log; "": the program's own default */
    unsigned events_max_mb;        /* beyond it the log is begun anew; 0: no limit; 64 */
    char *path;                    /* of the file: what messages call it */
    char *text;                    /* of the file, as it was read; "" if there is none */
    uint64_t hash;                 /* of it */
    char *warnings;                /* what is allowed and hardly meant, a line each; "": nothing */
};

/* By name: NULL if the plan has none. Names are compared as they are written. */
const struct ft_plan_node *ft_plan_node(const struct ft_plan *plan, const char *name);
const struct ft_plan_module *ft_plan_module(const struct ft_plan *plan, const char *name);
const struct ft_plan_voter *ft_plan_voter(const struct ft_plan *plan, const char *name);

/* Words for people, and for ft.conf: "always", "crash", "runs". Never NULL. */
const char *ft_restart_text(enum ft_restart restart);
const char *ft_module_end_text(enum ft_module_end end);
const char *ft_module_state_text(enum ft_module_state state);

void ft_plan_destroy(struct ft_plan *plan); /* takes NULL */

#endif
