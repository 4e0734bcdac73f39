/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * voterin.c - what comes from other voters, made fit for libraft.
 *
 * Called by voter.c with each letter that is libraft's (ft_voterio_receive); hands it to libraft,
 * whole, in parts, or not at all. What libraft 0.22 does not bear is kept from it here, each with
 * its reason; the simulation (tests/sim/book_world.c) has found most of them, and finds them again
 * if one is left out.
 */
#include "centrald/voterio_impl.h"

#include <string.h>

/* libraft 0.22 lets what is agreed upon go back where a message ends before it (an early one, or
 * one that was overtaken): a snapshot would then be taken of more than it says. */
static void hand_over(struct ft_voterio *io, struct raft_message *message)
{
    struct raft_append_entries *append = &message->append_entries;
    raft_index agreed = raft_commit_index(io->raft.data);

    if (append->leader_commit > agreed && append->prev_log_index + append->n_entries < agreed)
        append->leader_commit = agreed;
    io->is_late = append->term < raft_current_term(io->raft.data);
    io->recv(&io->raft, message);
    io->is_late = false;
}

/* Gives libraft n of a message's entries, from the first on, in memory of their own. */
static bool deliver_part(struct ft_voterio *io, const struct raft_message *whole, unsigned first,
                         unsigned n)
{
    const struct raft_append_entries *from = &whole->append_entries;
    struct raft_message part = *whole;
    struct raft_append_entries *to = &part.append_entries;
    size_t bytes = 0;
    uint8_t *batch;

    to->n_entries = n;
    to->entries = NULL;
    if (first > 0) {
        to->prev_log_index = from->prev_log_index + first;
        to->prev_log_term = from->entries[first - 1].term;
    }
    for (unsigned i = first; i < first + n; i++)
        bytes += (from->entries[i].buf.len + 7) & ~(size_t)7;
    if (n > 0) {
        to->entries = raft_malloc(n * sizeof *to->entries);
        batch = raft_malloc(bytes > 0 ? bytes : 1);
        if (to->entries == NULL || batch == NULL) {
            raft_free(to->entries);
            raft_free(batch);
            return false;
        }
        bytes = 0;
        for (unsigned i = 0; i < n; i++) {
            const struct raft_buffer *data = &from->entries[first + i].buf;

            to->entries[i] = from->entries[first + i];
            to->entries[i].batch = batch;
            to->entries[i].buf.base = batch + bytes;
            memcpy(batch + bytes, data->base, data->len);
            bytes += (data->len + 7) & ~(size_t)7;
        }
    }
    io->rejected = false;
    hand_over(io, &part);
    return !io->rejected && !io->dead && !io->closing; /* one refusal is enough to be told */
}

/* How many of a message's entries are already in our snapshot. libraft 0.22 takes entries that it
 * has compacted for missing ones, and would append them behind the newest. What is in a snapshot
 * was agreed upon: every later leader has the same. */
static unsigned compacted(const struct ft_voterio *io, const struct raft_append_entries *append)
{
    const struct raft_trail *trail = &((const struct raft *)io->raft.data)->trail;
    raft_index last = append->prev_log_index + append->n_entries;

    if (append->n_entries == 0 || append->prev_log_index >= trail->offset)
        return 0;
    return last <= trail->snapshot.index
               ? append->n_entries
               : (unsigned)(trail->snapshot.index - append->prev_log_index);
}

/* All of it is in our snapshot: only says so. */
static void deliver_nothing(struct ft_voterio *io, const struct raft_message *whole)
{
    const struct raft_trail *trail = &((const struct raft *)io->raft.data)->trail;
    struct raft_message message = *whole;

    message.append_entries.entries = NULL;
    message.append_entries.n_entries = 0;
    message.append_entries.prev_log_index = trail->snapshot.index;
    message.append_entries.prev_log_term = trail->snapshot.term;
    hand_over(io, &message);
}

/* libraft 0.22 notes a change of the membership under the index of the first entry that came with
 * it, and forgets one that is agreed upon by the same message that brings the next: the membership
 * would then never be taken for agreed, or an old one be restored. So each change comes in a
 * message of its own, after what is agreed upon before it. */
static void deliver_append(struct ft_voterio *io, struct ft_letter *letter)
{
    const struct raft_append_entries *append = &letter->message.append_entries;
    unsigned first = compacted(io, append);

    if (first > 0 && first == append->n_entries) {
        deliver_nothing(io, &letter->message);
        goto out;
    }
    for (unsigned i = first; i < append->n_entries; i++) {
        if (append->entries[i].type != RAFT_CHANGE)
            continue;
        if (!deliver_part(io, &letter->message, first, i - first) ||
            !deliver_part(io, &letter->message, i, 1))
            goto out; /* the leader sends the rest again */
        first = i + 1;
    }
    if (first == 0) {
        hand_over(io, &letter->message); /* as it is */
        return;
    }
    if (first < append->n_entries)
        deliver_part(io, &letter->message, first, append->n_entries - first);
out:
    ft_letter_drop(letter);
}

/* Whether votes may be given against the leader that is known. */
static bool leader_is_silent(struct ft_voterio *io)
{
    return io->leader_gone || ft_voterio_now_ms(io) - io->leader_heard_ms >= io->silent_ms;
}

/* A vote is refused within the least election timeout of hearing from a leader (Raft, 4.2.3), and
 * not longer: libraft 0.22 refuses until its own, longer time is up, so that the last one's
 * patience would decide how long nobody leads.
 *
 * A member without a vote of its own has to answer all the same (Raft, 4.1): the candidate may know
 * of an entry that gave it one. libraft 0.22 refuses, and where one voter becomes two, and stops
 * before the second has that entry, nobody could ever lead again. */
static void deliver_vote_request(struct ft_voterio *io, struct raft_message *message)
{
    struct raft *raft = io->raft.data;
    struct raft_server *self = NULL;
    int role;

    for (unsigned i = 0; i < raft->configuration.n; i++)
        if (raft->configuration.servers[i].id == io->id)
            self = &raft->configuration.servers[i];
    if (self == NULL) {
        io->recv(&io->raft, message);
        return;
    }
    role = self->role;
    if (raft->state == RAFT_FOLLOWER && leader_is_silent(io))
        raft->follower_state.current_leader.id = 0;
    self->role = RAFT_VOTER;
    io->recv(&io->raft, message);
    self->role = role; /* a request for a vote changes no membership: it is where it was */
}

static void deliver_snapshot(struct ft_voterio *io, struct raft_message *message)
{
    io->is_late = message->install_snapshot.term < raft_current_term(io->raft.data);
    io->recv(&io->raft, message);
    io->is_late = false;
}

/* What libraft 0.22 does not bear is lost, as the network loses it.
 * - A snapshot that arrives while it is taking one: it loses its way. The leader sends it again.
 * - An answer about a vote that is no longer asked for: whether that was a mere question (pre-vote)
 * is
 *   read from a union that by then holds something else, a byte of a pointer. One time in 256 the
 *   late answer to a question raises a follower's term, and unseats the leader that it has just
 *   found. */
static bool is_too_much(const struct ft_voterio *io, const struct raft_message *message)
{
    const struct raft *raft = io->raft.data;

    return (message->type == RAFT_INSTALL_SNAPSHOT && io->puts > 0) ||
           (message->type == RAFT_REQUEST_VOTE_RESULT && raft->state != RAFT_CANDIDATE);
}

void ft_voterio_receive(struct ft_voterio *io, const char *name, struct ft_letter *letter)
{
    if (io->dead || io->closing || io->recv == NULL || letter->to != io->id ||
        is_too_much(io, &letter->message)) {
        ft_letter_drop(letter);
        return;
    }
    letter->message.server_id = letter->from;
    letter->message.server_address = name;
    if (letter->message.type == RAFT_APPEND_ENTRIES ||
        letter->message.type == RAFT_INSTALL_SNAPSHOT) {
        io->leader_heard_ms = ft_voterio_now_ms(io);
        io->leader_gone = false;
    }
    if (letter->message.type == RAFT_APPEND_ENTRIES)
        deliver_append(io, letter);
    else if (letter->message.type == RAFT_REQUEST_VOTE)
        deliver_vote_request(io, &letter->message);
    else if (letter->message.type == RAFT_INSTALL_SNAPSHOT)
        deliver_snapshot(io, &letter->message);
    else
        io->recv(&io->raft, &letter->message);
}
