/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * detector_impl.h - what detector.c and trial.c share. No one else includes it.
 */
#ifndef FT_CORE_DETECTOR_IMPL_H
#define FT_CORE_DETECTOR_IMPL_H

#include "core/detector.h"
#include "core/places.h"
#include "core/timers.h"
#include "wire/datagram.h"

#define FT_TRIALS_MAX 256    /* nodes that are asked about at the same time */
#define FT_OBSERVERS_MAX 8
#define FT_SURVEY_MAX 8      /* nodes looked at to judge how many of a place are silent */
#define FT_TRIAL_ROUNDS 8    /* pings within confirm_ms */

#ifndef NS_PER_MS
#define NS_PER_MS INT64_C(1000000)
#endif

/* Faults put in on purpose, as in core/planted.h: tests/sim/sim_detector has to find each. */
enum ft_detector_plant {
    FT_DETECTOR_PLANT_NOTHING,
    FT_DETECTOR_PLANT_NO_STALL,     /* a stall of the observer is not noticed */
    FT_DETECTOR_PLANT_NO_CONFIRM,   /* silence is enough: nobody is asked */
    FT_DETECTOR_PLANT_ONE_PING,     /* it is asked once, and no other node is */
    FT_DETECTOR_PLANT_NO_NETWORK,   /* many silent at once are so many deaths */
    FT_DETECTOR_PLANT_LEASE_EARLY,  /* leases are counted from the last beat but one */
    FT_DETECTOR_PLANT_ACK_LOST,     /* a declared node's beats are acknowledged */
    FT_DETECTOR_PLANT_NO_TAKEOVER,  /* a new leader takes unknown nodes for free */
    FT_DETECTOR_PLANT_FORGET_DEAD,  /* a node is not judged again after a network event */
    FT_DETECTOR_PLANT_REPLAY,       /* datagrams are taken twice */
    FT_DETECTOR_PLANT_LEASE_LATE,   /* a unit counts its lease from the acknowledgement */
    FT_DETECTOR_PLANT_UNFENCED,     /* a unit that was declared keeps its lease */
    FT_DETECTOR_PLANT_ALWAYS_SHARED, /* a unit relies on others for its acknowledgements */
    FT_DETECTOR_PLANT_N
};
#ifdef FT_PLANT_BUGS
extern enum ft_detector_plant ft_detector_planted;
#define FT_DETECTOR_PLANTED(x) (ft_detector_planted == FT_DETECTOR_PLANT_##x)
#else
#define FT_DETECTOR_PLANTED(x) 0
#endif

/* Times called _ns are of the detector's own clock, which stands still while its process does;
 * those called _real_ns are env.now_ns's. */

/* Of a node, all that its heartbeat touches while it is well, in one line of the cache. They lie in
 * an array, in few pages: with ten thousand nodes, waiting for memory was most of a heartbeat's
 * cost. */
struct ft_beats {
    struct ft_replay replay;  /* its boot is the run of the node's unit; 0: not connected since this
                               * detector began */
    uint64_t incarnation;     /* 0: was never a member */
    int64_t heard_ns;         /* when it was last heard; INT64_MIN: never */
    int64_t granted_real_ns;  /* when a beat that renewed its lease came last; INT64_MIN: none */
    unsigned lease_ms;        /* longest that was granted */
    enum ft_watch_state state;
    uint64_t unused;          /* to 64 bytes */
};

struct ft_watched {
    struct ft_beats *beats;   /* its own in the detector's array */
    uint32_t number;
    char *name;
    struct ft_detector_place *place;
    bool linked;              /* its unit is connected */
    bool local;               /* the central unit's own node */
    bool told_silent;         /* the log says that it is silent */
    bool missed;              /* it should have reported to this leader */
    bool was_held;            /* in this silence: no other network event begins with it */
    int64_t since_ns;         /* when it left the state WELL for another one of silence */
    int64_t told_ns;          /* when the log said last that it is silent */
    int64_t granted_before_real_ns; /* the grant before (a planted fault's) */
    struct ft_timer timer;    /* of every state but WELL */
    struct ft_trial *trial;   /* NULL: it is not being asked about */
    struct ft_watched *by_name_next;
};

/* One silent node, asked about. */
struct ft_trial {
    struct ft_watched *node;
    unsigned round;
    uint64_t stalls;           /* of the detector, when it began */
    int64_t begun_ns;
    bool is_heard, is_refused; /* by others; by its host */
    bool is_second;            /* the first one told too little */
    int64_t heard_ns;          /* by others, last */
    uint32_t observers[FT_OBSERVERS_MAX];
    size_t observers_n;
    unsigned answers;          /* of observers that saw nothing */
    struct {
        struct ft_detector_place *place;
        uint32_t members[FT_SURVEY_MAX];
        size_t n;
    } surveys[FT_PLACE_DEPTH_MAX + 1]; /* its place first, everywhere last */
    size_t surveys_n;
    struct ft_trial *next;     /* of those not in use */
};

struct ft_detector {
    struct ft_detector_env env;
    struct ft_detector_config config;
    char *self;
    struct ft_watched **nodes; /* by number */
    size_t nodes_n, nodes_room;
    struct ft_watched **by_name;
    size_t buckets;
    struct ft_beats *beats;    /* the same */
    int64_t oldest_ns;         /* no node that is well was heard last earlier than that */
    struct ft_timers *timers;
    struct ft_places *places;
    struct ft_trial *trials;   /* FT_TRIALS_MAX */
    struct ft_trial *free;
    size_t states[FT_WATCH_STATES];
    int64_t began_real_ns;
    int64_t last_real_ns;
    int64_t stalled_ns;        /* in all: the own clock is so much behind */
    uint64_t stalls;
    uint64_t random;
};

int64_t ft_detector_real_ns(struct ft_detector *detector);
int64_t ft_detector_now_ns(struct ft_detector *detector);
uint64_t ft_detector_random(struct ft_detector *detector, uint64_t n);
int64_t ft_detector_silent_ms(struct ft_detector *detector, const struct ft_watched *node);

/* Moves a node between states, lists and counts. Its timer is disarmed. */
void ft_detector_set_state(struct ft_detector *detector, struct ft_watched *node,
                           enum ft_watch_state state);
void ft_detector_logf(struct ft_detector *detector, const char *name,
                      const struct ft_watched *node, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void ft_detector_declare(struct ft_detector *detector, struct ft_watched *node, const char *why);

/* ---- trial.c */

/* Begins to ask about a node that is not well, if it is not being asked about already. */
void ft_trial_begin(struct ft_detector *detector, struct ft_watched *node);
/* It is not asked about any more. */
void ft_trial_end(struct ft_detector *detector, struct ft_watched *node);
/* The next round, or the verdict. */
void ft_trial_step(struct ft_detector *detector, struct ft_watched *node);
/* Evidence that ends it at once may have come. */
void ft_trial_weigh(struct ft_detector *detector, struct ft_watched *node);
/* A place's silence is looked at again. */
void ft_silence_step(struct ft_detector *detector, struct ft_detector_place *place);

#endif
