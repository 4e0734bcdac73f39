/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * steward.h - who is to vote, and who is to lead: what the leading voter does about it next.
 *
 * Pure. The leader tells, several times a second, what it sees (struct ft_steward_view), and gets
 * at most one thing to do. It keeps only since when each voter has been well.
 *
 * Rules, the first that applies:
 *   1  this voter is to lead no longer (a witness, not in the plan any more, no room on its disk,
 *      or it was told to): the best of the others that is up to date leads
 *   2  a member that the plan does not know is removed
 *   3  a voter that shows itself under a new identity has lost its data: its old one is removed. It
 *      could otherwise vote twice
 *   4  a voter of the plan that is there and is no member is added, first without a vote
 *   5  a member without a vote that is there gets one, once it has caught up
 *   6  the preferred voter (highest priority, no witness) leads again once it has been well for
 *      handback_ms: reached all the time, caught up, room on its disk
 * One change of the membership at a time; none that would leave members without a majority that is
 * there.
 */
#ifndef FT_CORE_STEWARD_H
#define FT_CORE_STEWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FT_STEWARD_VOTERS_MAX 10
#define FT_STEWARD_LAG_MAX 64 /* entries behind: still as good as caught up */

/* A voter as the leader sees it; one of the plan, or a member, or both. */
struct ft_steward_voter {
    const char *name;
    bool planned, witness;
    int priority;
    uint64_t member_id;   /* in the membership; 0: is none */
    bool votes;           /* as a member */
    uint64_t shown_id;    /* what it says its identity is; 0: it has not said */
    bool foreign;         /* it has data, of another founding */
    bool reached;         /* heard of lately, under shown_id */
    bool full;            /* says that its disk has no room */
    uint64_t match;       /* what it has of the leader's log */
};

struct ft_steward_view {
    int64_t now_ms;
    size_t self;          /* which of the voters leads */
    uint64_t last_index;  /* of the leader's log */
    bool busy;            /* a change of membership, or a hand-over, is under way */
    bool told_to_go;      /* somebody wants another one to lead */
    const char *told_whom; /* which one; NULL: the best */
    int64_t handback_ms;
    const struct ft_steward_voter *voters;
    size_t n;             /* at most FT_STEWARD_VOTERS_MAX */
};

enum ft_steward_what {
    FT_STEWARD_NOTHING,
    FT_STEWARD_TRANSFER,  /* to voter: the lead */
    FT_STEWARD_REMOVE,    /* member id */
    FT_STEWARD_ADD,       /* voter's shown id, without a vote */
    FT_STEWARD_PROMOTE    /* member id gets a vote */
};

struct ft_steward_act {
    enum ft_steward_what what;
    size_t voter;         /* in the view */
    uint64_t id;
    bool handed_back;     /* rule 6 */
    char why[320];        /* for people */
};

/* Since when each has been well. Begin with a zeroed one when the lead begins. */
struct ft_steward {
    struct { char name[256]; uint64_t id; int64_t well_since_ms; } since[FT_STEWARD_VOTERS_MAX];
    size_t n;
    int64_t failed_ms;     /* the last hand-over did not come off, then */
    bool failed;
};

void ft_steward_look(struct ft_steward *steward, const struct ft_steward_view *view,
                     struct ft_steward_act *act);

/* A hand-over did not come off: not again for a while; but a witness tries on, as nobody leads. */
void ft_steward_failed(struct ft_steward *steward, int64_t now_ms);

/* Which voter of the plan founds: the preferred one. n > 0; SIZE_MAX if all are witnesses. */
size_t ft_steward_preferred(const struct ft_steward_voter *voters, size_t n);

#endif
