/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * decision.h - one decision: from "what instead of R?" to a stand-in that runs.
 */
#ifndef FT_CORE_DECISION_H
#define FT_CORE_DECISION_H

#include "core/state.h"
#include "core/waiter.h"

#define FT_SUBJECT_SHOWN 120 /* bytes of a subject's name in a reason */

#define FT_TRIED_MAX 160

/* What a decision is about to do or waits for. */
enum ft_decision_state {
    FT_SETTLING,  /* waits for the news that its subject is lost */
    FT_FOLLOWING, /* waits for its turn: another decision for the same lost node is under way */
    FT_CHOOSING,  /* climbs the ladder for the next candidate; never seen from outside */
    FT_ACQUIRING, /* waits for the resource manager */
    FT_RAISING,   /* waits for a unit on the candidate */
    FT_PROBING,   /* waits for the candidate's measurement */
    FT_GIVEN,     /* an alternative was given; nobody has claimed it */
    FT_STARTING,  /* one claimant was told to start the stand-in */
    FT_RUNNING,   /* the stand-in has announced itself */
    FT_OVER,      /* no alternative was found, or it can no longer be used */
    FT_DECISION_STATES
};

/* What happens to it. Inputs carry judgements already: a measurement arrives as FITS or UNFIT. */
enum ft_decision_input {
    FT_IN_NEWS,         /* the subject is lost */
    FT_IN_UNKNOWN,      /* no news came, and it is not even known what the subject is */
    FT_IN_TURN,         /* no other decision for the same lost node is under way */
    FT_IN_CANDIDATE,    /* the ladder: probe this one */
    FT_IN_NO_UNIT,      /* the ladder: this one, but it has no unit yet */
    FT_IN_ASK,          /* the ladder: ask the resource manager */
    FT_IN_NOTHING_LEFT, /* the ladder: there is none */
    FT_IN_OFFER,        /* the resource manager gave a node */
    FT_IN_NO_OFFER,     /* it did not */
    FT_IN_UNIT,         /* the candidate's unit is up */
    FT_IN_FITS,         /* the candidate was measured and fits */
    FT_IN_UNFIT,        /* the candidate is out: `why` */
    FT_IN_CLAIM,        /* a claimant may start it */
    FT_IN_ANNOUNCE,     /* the stand-in runs */
    FT_IN_WAKE,         /* it is a spare rank, which has run all the time */
    FT_IN_STARTER_GONE, /* the starter is gone: `why` */
    FT_IN_LOST,         /* the alternative can no longer be used: `why` */
    FT_IN_DROPPED,      /* nobody is interested any more: `why` */
    FT_IN_DEADLINE,     /* waited long enough */
    FT_DECISION_INPUTS
};

/* A peer that was sent to a stand-in, or that the stand-in was told of: and which request was
 * answered so, that it be answered the same way when it comes again. */
struct ft_peer {
    unsigned k;
    bool told;      /* the stand-in was told; else a claimant was sent */
    char node[FT_NAME_MAX];
    uint64_t run, request;
    struct ft_peer *next;
};
#define FT_PEERS_KNOWN_MAX 256 /* the latest ones of a decision */

struct ft_decision {
    struct ft_central *central;
    struct ft_subject *subject;
    uint64_t id;
    enum ft_decision_state state;
    int queued;                /* an input that a handler left for the loop, -1: none */
    char why[FT_TEXT_MAX];     /* of the latest input that has one */
    struct ft_timer timer;
    struct ft_demand demand;   /* of the asker that brought it about */
    struct ft_waiting waiting[FT_WAIT_KINDS];

    /* what is to be replaced */
    struct ft_node *lost_node;
    bool planned;              /* it is not known as lost: replaced all the same */
    bool original_known;
    struct ft_facts original;  /* of the lost node */

    /* the ladder */
    size_t rung;               /* index in recovery.c's table */
    const struct ft_node *tried[FT_TRIED_MAX];
    unsigned tried_n;
    unsigned probed_n;
    struct ft_node *candidate; /* from the moment it is chosen; then the alternative */
    ftRung_t candidate_rung;
    bool reserved;             /* the candidate is reserved for the lost node */
    struct ft_spare *spare;    /* of the rung "spare rank": the one on the candidate; NULL */
    struct ft_node *offered;   /* by the resource manager, not looked at yet */
    uint64_t probe;            /* awaited, 0: none */
    uint64_t acquire;          /* awaited, 0: none */
    unsigned acquire_ms;       /* so long, at the most */
    bool waits;                /* the resource manager is to wait for a node to become free */
    int64_t waits_until_ns;    /* until then at the most, however many it offers; 0: not yet known */
    bool repairable;
    char repair[FT_TEXT_MAX];
    char reasons[FT_TEXT_MAX]; /* why not the others */
    unsigned reasons_left_out;
    bool no_spares, no_sharing;/* for the hint */
    int64_t available_at_s;

    /* times */
    int64_t begun_ns;
    int64_t lost_ns;           /* the subject is known to be lost since; 0: it is not, or not here */
    int64_t ran_ns;            /* the stand-in announced itself then; 0: not here, or not yet */
    int64_t probe_begun_ns;
    int64_t probe_ns;          /* spent probing */

    /* the outcome */
    bool outcome_due;          /* those who wait are to be answered */
    ftRetVal_t status;
    uint32_t epoch;            /* 0: nothing was given */
    uint64_t event;
    char match[FT_TEXT_MAX];
    struct ft_facts given;     /* the alternative's hardware, as it was measured */

    /* its use */
    struct ft_kept_asker starter;
    uint64_t starter_token;
    bool starter_unsure;       /* it may never have been told: see ft_central_unsure */
    struct ft_kept_asker standin;
    char *port;
    unsigned peers_n;          /* on their way, the stand-in not told yet */
    unsigned peers_sent;       /* in all: the k-th one that is sent and the k-th one that the */
    unsigned peers_told;       /* stand-in is told of are the same, and have a port of their own */
    struct ft_peer *peers;     /* the latest first */
    unsigned peers_known;

    struct ft_decision_list *listed;
    struct ft_decision *next, *previous;
    struct ft_decision *hash_next;
};

/* Makes a decision for a subject, in the state SETTLING, and hangs it in as its pending one. The
 * demand is taken over (and emptied). NULL with errno ENOMEM or ENOBUFS, and nothing changed. */
struct ft_decision *ft_decision_create(struct ft_central *central, struct ft_subject *subject,
                                       struct ft_demand *demand);
/* One that was kept: in use, with a number of its own; the rest is the caller's to fill. The
 * subject's current one from now on. NULL as ft_decision_create. */
struct ft_decision *ft_decision_revive(struct ft_central *central, struct ft_subject *subject,
                                       uint64_t id, enum ft_decision_state state);
/* A revived one is whole: its deadlines begin. */
void ft_decision_revived(struct ft_decision *decision);

/* Remembers a peer, and keeps it. */
void ft_decision_peer(struct ft_decision *decision, unsigned k, bool told, const char *node,
                      uint64_t run, uint64_t request);
/* Which one this request was answered with before, 0: with none. */
unsigned ft_decision_peer_of(const struct ft_decision *decision, bool told, const char *node,
                             uint64_t run, uint64_t request);

/* Moves it to the end of a list of its central state machine; _activate: of `active`, and has that
 * looked at. */
void ft_decision_enlist(struct ft_decision *decision, struct ft_decision_list *list);
void ft_decision_activate(struct ft_decision *decision);

/* Frees it; nobody may wait for it. */
void ft_decision_destroy(struct ft_decision *decision);
struct ft_decision *ft_decision_find(struct ft_central *central, uint64_t id);

/* Starts it: to be called once, after ft_decision_create and after the first waiter joined. */
void ft_decision_begin(struct ft_decision *decision);

/* The stand-in runs, but news of its loss may come until then: who asks is answered then, or by the
 * decision that follows. */
void ft_decision_await_news(struct ft_decision *decision, int64_t until_ns);

/* Its time in this state is over. */
void ft_decision_expire(struct ft_decision *decision);

/* Starting the stand-in failed: the node is left alone for a while, by this decision and by all
 * others for which nothing was started there yet. */
void ft_decision_fail_start(struct ft_decision *decision, const char *why);

/* Calls visit for each decision; visit may feed it. */
void ft_each_decision(struct ft_central *central,
                      void (*visit)(struct ft_decision *decision, const void *arg),
                      const void *arg);

/* Answers those who wait for its outcome; those whom it does not satisfy get a new decision. */
void ft_decision_deliver(struct ft_decision *decision);

/* Hands an input in and does all that follows. why: for the inputs that have one, else NULL. */
void ft_decision_feed(struct ft_decision *decision, enum ft_decision_input input, const char *why);

bool ft_decision_is_under_way(const struct ft_decision *decision);
bool ft_decision_is_in_use(const struct ft_decision *decision); /* GIVEN, STARTING, RUNNING */

/* Whether the alternative of a decision in use also satisfies this demand. */
bool ft_decision_holds_for(const struct ft_decision *decision, const struct ft_demand *demand);

/* Fills an answer: the alternative, or why there is none. */
void ft_decision_answer(struct ft_decision *decision, int64_t arrived_ns, ftReply_t *reply);

/* Makes the port in an answer that of the k-th peer alone, k from 1. A port's name is used once:
 * PRRTE's data server keeps what two have left under it, and a third one would read that. */
void ft_decision_own_port(const struct ft_decision *decision, unsigned k, ftReply_t *reply);

/* Writes an entry about a decision to the event log and returns its number. */
uint64_t ft_decision_log(struct ft_decision *decision, const char *name, const struct ft_node *node,
                         const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The entry that it gives a node, with its figures. */
uint64_t ft_decision_log_made(struct ft_decision *decision, const struct ft_node *node);

/* The entry that the resource manager has no node for it (why: decision->why), and the entry that
 * there is no alternative, with what is advised. */
void ft_decision_log_not_offered(struct ft_decision *decision);
uint64_t ft_decision_log_none(struct ft_decision *decision);

/* How its candidate came about, in words ("idle node of the allocation"). */
const char *ft_decision_rung_text(const struct ft_decision *decision);

/* What a decision is doing, in words ("n3 is being probed"). */
const char *ft_decision_state_text(const struct ft_decision *decision);

#endif
