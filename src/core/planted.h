/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * planted.h - faults put in on purpose, to prove that the simulation finds faults.
 *
 * In every program that is installed FT_PLANTED(x) is the constant false. tests/sim compiles core
 * once more with FT_PLANT_BUGS and runs itself with one fault after the other: each must be caught.
 */
#ifndef FT_CORE_PLANTED_H
#define FT_CORE_PLANTED_H

enum ft_plant {
    FT_PLANT_NOTHING,
    FT_PLANT_GIVE_LOST,        /* a node that was lost while it was probed is given */
    FT_PLANT_IGNORE_EXCLUDED,  /* an excluded node is given */
    FT_PLANT_IGNORE_MISMATCH,  /* what the probe measured is not compared */
    FT_PLANT_SAME_NODE_TWICE,  /* two lost nodes get the same node */
    FT_PLANT_TWO_STARTERS,     /* every claimant is told to start */
    FT_PLANT_FORGET_WAITER,    /* one of several waiting askers is not answered */
    FT_PLANT_NO_DEADLINE,      /* a waiting claim has no deadline */
    FT_PLANT_NEW_ANSWER,       /* asked again, a decision that holds is made anew, same epoch */
    FT_PLANT_GIVE_FAILED,      /* a node where starting just failed is given again */
    FT_PLANT_KEEP_LATE,        /* a decision is answered that was not kept */
    FT_PLANT_NEWS_MISSED,      /* news is told to a launcher that waits just then, and never again */
    FT_PLANT_GIVE_FAILING,     /* a node that goes down while it is probed is given */
    FT_PLANT_FORGET_ERRORS,    /* a successor takes each error for a new one */
    FT_PLANT_SPARE_LIVING,     /* a spare rank takes the place of a rank that may live */
    FT_PLANT_SPARE_DEAD,       /* one that is dead is given */
    FT_PLANT_SPARE_NO_DEADLINE, /* one that was given a rank, and never begins, keeps it */
    FT_PLANT_SHARE_ANYHOW,     /* a node that is shared is given to who does not want that */
    FT_PLANT_N,

    /* In supervisor.c; tests/sim/sim_supervisor has them. */
    FT_PLANT_MODULE_FIRST = 1000,
    FT_PLANT_MODULE_NO_BURST = FT_PLANT_MODULE_FIRST, /* never given up */
    FT_PLANT_MODULE_ANY_FAILURE,   /* different failures count as the same */
    FT_PLANT_MODULE_DEAD_END,      /* given up without a central unit, and left at that */
    FT_PLANT_MODULE_TWICE,         /* started while the one before still ends */
    FT_PLANT_MODULE_NO_LEASE,      /* runs without the lease that it needs */
    FT_PLANT_MODULE_NO_KILL,       /* one that does not end when asked to is not killed */
    FT_PLANT_MODULE_NO_START_TIME, /* waits for ever for one to be ready */
    FT_PLANT_MODULE_NO_DELAY,      /* tried again without a pause */
    FT_PLANT_MODULE_END,

    /* In fleet.c and reconcile.c; tests/sim/sim_fleet has them. */
    FT_PLANT_FLEET_FIRST = 3000,
    FT_PLANT_FLEET_NO_LEASE = FT_PLANT_FLEET_FIRST, /* placed elsewhere before the lease is over */
    FT_PLANT_FLEET_NO_STOP,        /* placed elsewhere before it is said to have stopped */
    FT_PLANT_FLEET_EPOCH,          /* what runs with an older epoch is taken for the current one */
    FT_PLANT_FLEET_KEEP_LATE,      /* the order is given before the placement is kept */
    FT_PLANT_FLEET_FORGET_UNFIT,   /* goes back where it just failed */
    FT_PLANT_FLEET_NO_RETRY,       /* what nowhere fitted is not looked at again */
    FT_PLANT_FLEET_FORGET_DRAIN,   /* a drain is not kept */
    FT_PLANT_FLEET_FORGET_MOVE,    /* a move is not kept */
    FT_PLANT_FLEET_HASTY_LEADER,   /* a new leader does not wait for those that it does not see */
    FT_PLANT_FLEET_RESTART_ALL,    /* a new plan starts everything anew */
    FT_PLANT_FLEET_NO_ORDER,       /* `after` is not looked at */
    FT_PLANT_FLEET_END,

    /* In the voters of the central unit, and steward.c; tests/sim/sim_book has them. */
    FT_PLANT_BOOK_FIRST = 4000,
    FT_PLANT_ACK_EARLY = FT_PLANT_BOOK_FIRST, /* safe as soon as it is put */
    FT_PLANT_ACK_UNSTORED,      /* the log says stored before it is on the disk */
    FT_PLANT_NO_BARRIER,        /* leads before what was agreed upon earlier is applied */
    FT_PLANT_OLD_IDENTITY,      /* a voter that lost its data goes on under its old identity */
    FT_PLANT_FORGET_VOTE,       /* whom it voted for is not stored */
    FT_PLANT_HAND_BACK_LAGGING, /* the lead is given to one that has not caught up */
    FT_PLANT_TORN_TAIL,         /* a record that was written in part is taken for whole */
    FT_PLANT_HASTY_FOUNDER,     /* founds without having asked a majority */
    FT_PLANT_BOOK_END
};

#ifdef FT_PLANT_BUGS
extern enum ft_plant ft_planted;
#define FT_PLANTED(x) (ft_planted == (x))
#else
#define FT_PLANTED(x) 0
#endif

#endif
