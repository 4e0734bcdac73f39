/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * verbs.h - what a Request asks for: the values of ftAction_t.verb and of Request.verb.
 *
 * Fields of a Request by verb (others are left empty):
 *   ERROR         resource, usage
 *   ALTERNATIVE   resource, constraint
 *   CLAIM         decision
 *   ANNOUNCE      decision, text = port
 *   START_FAILED  decision, text = why
 *   NEXT_PEER     decision
 *   SPARE_HERE    code = ranks of the world
 *   RANK_DONE     code = ranks of the world
 *   PLACE_OF      resource = a rank
 *   JOB_STARTED   job, parent, processes           (launcher)
 *   PROCESS_ENDED job, resource = the rank, usage = ftEnd_t, code   (launcher)
 *                 or job, usage = FT_ENDED_SIGNAL, code = the signal, processes = it (a node's unit)
 *   NODE_CHANGED  resource = the node, usage = ftNodeChange_t, code = daemon, text = how noticed
 *   JOB_ENDED     job, code                        (launcher)
 *   NEWS          decision = number of the last one heard (launcher)
 *   RANKS_HERE    job, processes: those on this node (a launcher's daemon, to its node's unit; it
 *                 goes no further); code = ms since the launcher was heard of, negative: not known
 *   NODE_EVENT    resource = the node or rank that it is about, its name = that of the event; text
 *                 = a sentence (a node's unit, or a launcher): written to the event log
 *   ACQUIRE       constraint: one node more for the launcher itself (launcher)
 *   GIVE_BACK     resource = a node that ACQUIRE gave (launcher)
 *   ADMIN         text = what is wanted, as JSON (see include/ft_admin.h)
 */
#ifndef FT_WIRE_VERBS_H
#define FT_WIRE_VERBS_H

enum ft_verb {
    FT_VERB_NONE = 0,
    FT_VERB_ERROR = 1,
    FT_VERB_ALTERNATIVE = 2,
    FT_VERB_CLAIM = 3,
    FT_VERB_ANNOUNCE = 4,
    FT_VERB_START_FAILED = 5,
    FT_VERB_NEXT_PEER = 6,
    FT_VERB_SPARE_HERE = 7,
    FT_VERB_RANK_DONE = 8,
    FT_VERB_PLACE_OF = 9,
    FT_VERB_JOB_STARTED = 16,
    FT_VERB_PROCESS_ENDED = 17,
    FT_VERB_NODE_CHANGED = 18,
    FT_VERB_JOB_ENDED = 19,
    FT_VERB_NEWS = 20,
    FT_VERB_RANKS_HERE = 21,
    FT_VERB_NODE_EVENT = 22,
    FT_VERB_ACQUIRE = 23,
    FT_VERB_GIVE_BACK = 24,
    FT_VERB_ADMIN = 32
};

#endif
