/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * repair_plan.h - who has which rank after a repair. No MPI in it: what all said goes in, the plan
 * comes out.
 */
#ifndef FTM_REPAIR_PLAN_H
#define FTM_REPAIR_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ftmpi.h"

#define FTM_CALL_NAME_MAX 48

/* What each living process says of itself in a round; they are sent as bytes. */
struct ftm_said {
    int32_t v;         /* its rank in the world; -1: an unused spare */
    int32_t real;      /* the process (ftm_seat.real); -1: it has no number yet */
    int32_t world_n;   /* as it knows the world; 0: a spare, or one that is just joining */
    int32_t repairs;   /* that it has seen */
    int32_t next_real; /* the first number that no process has had; 0: it does not know */
    int32_t rounds;    /* that this repair has taken it so far */
    uint32_t epoch;    /* how many replacements its rank has had */
    uint64_t decision;
    uint64_t begun;    /* collectives on the world that it has begun */
    uint64_t settled;  /* times that it has met all others (FTMPI_Settle, the end of FTMPI_Loop) */
    uint8_t is_aware;  /* it expects to be interrupted (ftm_loop_is_aware) */
    uint8_t is_settling;
    uint8_t is_ending; /* in MPI_Finalize, or behind its last FTMPI_Loop */
    uint8_t is_behind; /* a replacement that has been in no collective of the others' yet */
    uint8_t is_through; /* in MPI_Finalize, and `begun` can be compared with the others' */
    char call[FTM_CALL_NAME_MAX]; /* the collective on the world that it was interrupted in; "" */
};

enum ftm_plan_what {
    FTM_PLAN_WHOLE,   /* everything is made anew */
    FTM_PLAN_ACTIVE,  /* of programs that expect nothing: collectives on the world are */
    FTM_PLAN_OVER,    /* all are at their ends: nobody is replaced */
    FTM_PLAN_REFUSED, /* it cannot be done: `why` */
};

/* One rank of the world to be. Sent as bytes, like the plan's head. */
struct ftm_place {
    int32_t before;  /* its number until now */
    int32_t origin;  /* its number when the job began (ftm_role.origin) */
    int32_t member;  /* the process, by its place among those who said something; -1: none yet */
    int32_t real;
    uint32_t epoch;
    uint64_t decision;
    int32_t is_new;
};

struct ftm_plan {
    enum ftm_plan_what what;
    int32_t before_n, n; /* of the world */
    int32_t repairs;     /* the number of this one */
    int32_t next_real;
    uint64_t settled;    /* times that all have met */
    int32_t needs_n;     /* ranks for which processes have to be started first */
    int32_t lost_n, lost[FTMPI_LOST_MAX];
    uint64_t begun;               /* FTM_PLAN_ACTIVE: collectives that all have begun, */
    char call[FTM_CALL_NAME_MAX]; /* and the one that all do again; "" */
    uint8_t is_hopeless;          /* FTM_PLAN_REFUSED: so it will be until one more is lost */
    char why[512];
};

/* Who leads: the first that has a rank and knows the world; -1: nobody does. */
int ftm_plan_leader(const struct ftm_said *said, int n);

/* Sees who is missing. `places` has room for ftm_plan_world_n(said, n). A lost rank's place has
 * member -1. */
int ftm_plan_world_n(const struct ftm_said *said, int n);
void ftm_plan_begin(struct ftm_plan *plan, struct ftm_place *places, const struct ftm_said *said,
                    int n);

/* The member that is process `real`, if it is an unused spare; -1. */
int ftm_plan_spare(const struct ftm_said *said, int n, int real);

/* That member takes place v. */
void ftm_plan_seat(struct ftm_place *places, int v, const struct ftm_said *said, int member,
                   uint32_t epoch, uint64_t decision);

/* Leaves out the places that nobody has; the others move up. */
void ftm_plan_shrink(struct ftm_plan *plan, struct ftm_place *places);

/* Has this repair taken more rounds than so many losses can explain? Then it is refused. */
void ftm_plan_bound(struct ftm_plan *plan, const struct ftm_said *said, int n);

/* For FTM_PLAN_WHOLE where nobody is lost: has one begun more collectives on the world than one
 * that is at its end, and does not come back? Then it is refused, with words. */
void ftm_plan_beyond(struct ftm_plan *plan, const struct ftm_said *said, int n);

/* For FTM_PLAN_ACTIVE: are all at the same collective? If not it is refused, with words. */
void ftm_plan_compare(struct ftm_plan *plan, const struct ftm_said *said, int n);

#endif
