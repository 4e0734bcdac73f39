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
    FT_PLANT_N
};

#ifdef FT_PLANT_BUGS
extern enum ft_plant ft_planted;
#define FT_PLANTED(x) (ft_planted == (x))
#else
#define FT_PLANTED(x) 0
#endif

#endif
