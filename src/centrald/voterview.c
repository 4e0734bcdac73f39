/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * voterview.c - all voters as this one sees them: those of the plan, and those of the membership.
 *
 * Nothing here changes anything. ft_voter_view is what the steward goes by (voterlead.c) and what
 * people are shown (ft_voter_status, for `ft central`): where a name is in the plan, in the
 * membership, or both, it is one voter.
 */
#include "centrald/voter_impl.h"

#include <stdio.h>
#include <string.h>

static struct ft_steward_voter *view_add(struct ft_steward_voter *voters, size_t *n,
                                         const char *name)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(voters[i].name, name) == 0)
            return &voters[i];
    if (*n == FT_STEWARD_VOTERS_MAX)
        return NULL;
    memset(&voters[*n], 0, sizeof *voters);
    voters[*n].name = name;
    return &voters[(*n)++];
}

size_t ft_voter_view(struct ft_voter *voter, struct ft_steward_voter *voters, size_t *self)
{
    const struct raft_configuration *members = &voter->raft.configuration;
    const struct ft_store_who *who = ft_store_who(voter->store);
    size_t n = 0;

    for (size_t i = 0; i < voter->config.planned_n; i++) {
        const struct ft_voter_planned *planned = &voter->config.planned[i];
        struct ft_steward_voter *one = view_add(voters, &n, planned->name);

        one->planned = true;
        one->witness = planned->witness;
        one->priority = planned->priority;
    }
    for (unsigned i = 0; voter->io != NULL && i < members->n; i++) {
        struct ft_steward_voter *one = view_add(voters, &n, members->servers[i].address);
        raft_index match;

        if (one == NULL)
            continue;
        one->member_id = members->servers[i].id;
        one->votes = members->servers[i].role == RAFT_VOTER;
        if (raft_match_index(&voter->raft, one->member_id, &match) == 0)
            one->match = match;
    }
    *self = (size_t)(view_add(voters, &n, voter->config.self) - voters);
    for (size_t i = 0; i < n; i++) {
        struct ft_voter_peer *peer = ft_voter_peer(voter, voters[i].name, false);

        if (i == *self) {
            voters[i].reached = true;
            voters[i].shown_id = who->id;
            voters[i].full = voter->io != NULL && ft_voterio_is_full(voter->io);
        } else if (peer != NULL && ft_voter_peer_is_reached(voter, peer)) {
            voters[i].reached = true;
            voters[i].shown_id = peer->greeting.id;
            voters[i].full = peer->greeting.full;
            voters[i].foreign =
                peer->greeting.cluster != 0 && peer->greeting.cluster != who->cluster;
        }
    }
    return n;
}

/* ---------------------------------------------------------------- for people */

/* What one voter does, as the one who was asked sees it. */
static const char *state_of(const struct ft_voter *voter, const struct ft_steward_voter *one,
                            bool self, uint64_t last, const char *leader)
{
    if (self && voter->dead)
        return "broken";
    if (!one->reached)
        return "not reached";
    if (one->foreign)
        return "holds data of another founding";
    if (one->full)
        return "no room on its disk";
    if (strcmp(one->name, leader) == 0)
        return "leads";
    if (one->member_id == 0 || one->shown_id != one->member_id)
        return "waits to join";
    if (!one->votes)
        return "catches up";
    if (voter->leader && !self && one->match + FT_STEWARD_LAG_MAX < last)
        return "lags behind";
    return "follows";
}

static void fill_text(const struct ft_voter *voter, struct ft_book_status *status, size_t votes,
                      size_t there)
{
    const char *format = "all is well";

    if (voter->dead) {
        snprintf(status->text, sizeof status->text, "%s", voter->why_dead);
        return;
    }
    if (voter->io == NULL)
        format = ft_voter_is_alone(voter) ? "begins" : "holds no data yet: waits for a majority of the voters";
    else if (status->disk_full)
        format = "no room on the disk of this voter's log";
    else if (status->leader[0] == '\0')
        format = "nobody leads: most voters have to be there";
    else if (voter->config.planned_n == 2)
        format = "two voters: if one is lost the other cannot take over; a witness on a third "
                 "machine would allow it";
    else if (there < votes)
        format = "some voters are not there";
    snprintf(status->text, sizeof status->text, "%s", format);
}

void ft_voter_status(const struct ft_voter *voter, struct ft_book_status *status)
{
    struct ft_voter *mine = (struct ft_voter *)voter; /* it is only looked at */
    struct ft_steward_voter view[FT_STEWARD_VOTERS_MAX];
    uint64_t now = voter->env.now_ms(voter->env.arg), last = 0;
    size_t self, votes = 0, there = 0;
    const char *leader = "";
    raft_id id = 0;

    memset(status, 0, sizeof *status);
    if (voter->io != NULL && !voter->dead) {
        raft_leader(&mine->raft, &id, &leader);
        last = raft_last_index(&mine->raft);
        status->term = raft_current_term(&voter->raft);
        status->commit_index = raft_commit_index(&voter->raft);
        status->snapshot_index = ft_store_snapshot_index(voter->store);
        status->disk_full = ft_voterio_is_full(voter->io);
    }
    leader = id != 0 && leader != NULL ? leader : "";
    snprintf(status->leader, sizeof status->leader, "%s", leader);
    status->last_index = last;
    status->leads = voter->announced;
    status->ledger_keys = ft_ledger_count(voter->ledger);
    status->ledger_bytes = ft_ledger_bytes(voter->ledger);
    status->voters_n = ft_voter_view(mine, view, &self);
    for (size_t i = 0; i < status->voters_n; i++) {
        struct ft_book_voter_status *to = &status->voters[i];
        struct ft_voter_peer *peer = ft_voter_peer(mine, view[i].name, false);

        snprintf(to->name, sizeof to->name, "%s", view[i].name);
        to->priority = view[i].priority;
        to->self = i == self;
        to->leads = strcmp(view[i].name, leader) == 0;
        to->witness = view[i].witness;
        to->votes = view[i].votes;
        to->id = view[i].shown_id != 0 ? view[i].shown_id : view[i].member_id;
        to->last_index = i == self ? last : voter->leader ? view[i].match
                         : peer != NULL                   ? peer->greeting.last_index
                                                          : 0;
        to->lag = last > to->last_index ? last - to->last_index : 0;
        to->heard_ms = i == self ? 0 : peer == NULL || peer->heard_ms == 0 ? -1
                       : (int64_t)(now - peer->heard_ms);
        snprintf(to->state, sizeof to->state, "%s",
                 state_of(voter, &view[i], i == self, last, leader));
        votes += view[i].votes;
        there += view[i].votes && view[i].reached;
    }
    fill_text(voter, status, votes, there);
}
