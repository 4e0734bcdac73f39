/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * core_stage.h - for tests of core: a central state machine on a stage where the test plays
 * everybody else, and time moves when the test says so.
 */
#ifndef FT_TEST_CORE_STAGE_H
#define FT_TEST_CORE_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/central.h"

#define JOB "job@1"
#define GIB (UINT64_C(1) << 30)
#define STAGE_TOKENS 32768
#define STAGE_EVENTS 512

struct stage {
    struct ft_central *central;
    int64_t now_ns;
    struct ft_central_config config;

    ftReply_t replies[64];   /* of tokens below 64 */
    unsigned answers[STAGE_TOKENS]; /* how often each token was answered */
    ftRetVal_t status[STAGE_TOKENS];

    uint64_t probe;          /* the latest one asked for, 0: none since it was taken */
    char probed[64];
    unsigned probes_n;
    bool probe_fails;        /* to be asked */
    bool end_fails;          /* a process to be ended */
    char ended_on[32];       /* the node of the latest one, and its rank */
    int ended_rank;
    unsigned ended_n;
    uint64_t acquire;        /* the latest one asked for */
    char wanted_excluded[512];
    char wanted_ladder[32];  /* "": as ft.conf says */
    unsigned wanted_wait_ms, wanted_timeout_ms;
    unsigned abandoned_n;
    char released[64];       /* the latest node that was given back */
    bool released_broken;
    unsigned released_n;
    char unit_wanted[64];
    uint64_t scratch_free_bytes; /* at whatever is probed */
    char suspected[512];     /* what core said of nodes: "n1:lost: it is dead;" */
    unsigned suspected_n;
    int64_t lost_ms;         /* time that it said was lost, in all */
    unsigned lost_n;

    struct {
        char name[32];
        char node[64];
        char text[400];
    } events[STAGE_EVENTS];
    unsigned events_n;
};

/* The stage's own; begin sets it up anew, with these many nodes n0, n1, ... in the job, a rank on
 * each, units up everywhere, `spares` nodes s0, s1, ... outside of the job with units up. All have
 * 4 cores, 8 GiB, kind 1. change (may be NULL) is called before core is made. */
extern struct stage stage;
void stage_begin(int nodes, int spares, void (*change)(struct ft_central_config *config));
void stage_end(void);

struct ft_facts facts_of(unsigned cores, uint64_t memory_bytes, uint64_t kind);
ftResource_t rank_of(int rank);
ftConstraint_t anything(void);
struct ft_asker asker_of(int rank); /* rank r of the job, on node nr */
extern const struct ft_asker stage_launcher;

void pass_ms(int64_t ms); /* time passes, deadlines fire */
void lose(int node);
void kill_rank(int rank);
void ask(uint64_t token, int asker, int rank, const ftConstraint_t *constraint);
void ask_any(uint64_t token, int asker, int rank);

/* The node that is to be probed, which is then answered: as well as it said it is, or with the
 * facts given. Fails the test if another node is to be probed. */
void probe_good(const char *node);
void probe_with(const char *node, const struct ft_facts *facts, uint64_t memory_free_bytes,
                int check_code);
void offer(const char *node);

bool answered(uint64_t token);
const ftReply_t *reply_of(uint64_t token); /* fails the test if there is none */
unsigned count_events(const char *name);
const char *event_text(const char *name);  /* of the latest one; "" if there is none */

/* rank 0 of job@N on a node announces itself for a decision: the answer's status. */
ftRetVal_t announce(uint64_t token, uint64_t decision, int job, const char *node, bool reported);

#endif
