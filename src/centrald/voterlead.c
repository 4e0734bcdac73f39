/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * voterlead.c - what a voter does while it leads: brings puts into the log, says when they are
 * safe, and keeps the membership and the lead as the plan wants them.
 *
 * Called by voter.c after everything that libraft may have done. libraft's callbacks are not used:
 * a request is through when its entry is applied and the term is still the same, and lost when the
 * term, or the lead, is. So nothing is called from inside of libraft.
 */
#include "centrald/voter_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/planted.h"

/* ---------------------------------------------------------------- beginning and end */

void ft_voterlead_begin(struct ft_voter *voter)
{
    voter->leader = true;
    voter->term = raft_current_term(&voter->raft);
    voter->barrier_sent = voter->ready = voter->announced = voter->stalled = false;
    voter->transferring = voter->told_to_go = false;
    memset(&voter->steward, 0, sizeof voter->steward);
}

static void free_batch(struct ft_voter *voter, struct ft_voter_batch *batch)
{
    voter->queued_bytes -= batch->command.n;
    ft_ledger_command_clear(&batch->command);
    free(batch);
}

/* What libraft has of them it has given back only when the lead is lost. */
static void drop_batches(struct ft_voter *voter, bool submitted_too)
{
    struct ft_voter_batch **link = &voter->first;

    voter->last = NULL;
    while (*link != NULL) {
        struct ft_voter_batch *batch = *link;

        if (batch->submitted && !submitted_too) {
            voter->last = batch;
            link = &batch->next;
            continue;
        }
        *link = batch->next;
        free_batch(voter, batch);
    }
    voter->lost_from = voter->safe_mark;
    voter->lost_to = voter->marks;
}

void ft_voterlead_end(struct ft_voter *voter)
{
    voter->leader = voter->ready = voter->announced = voter->stalled = false;
    voter->transferring = voter->told_to_go = false;
    drop_batches(voter, true);
}

/* ---------------------------------------------------------------- puts */

static struct ft_voter_batch *open_batch(struct ft_voter *voter)
{
    struct ft_voter_batch *batch = voter->last;

    if (batch != NULL && !batch->submitted)
        return batch;
    batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        return NULL;
    *(voter->last != NULL ? &voter->last->next : &voter->first) = batch;
    voter->last = batch;
    return batch;
}

static int add_change(struct ft_voter *voter, enum ft_ledger_verb verb, const char *key,
                      const void *data, size_t n)
{
    struct ft_voter_batch *batch = open_batch(voter), *next;
    size_t before;

    if (batch == NULL)
        return -1;
    before = batch->command.n;
    if (ft_ledger_command_add(&batch->command, verb, key, data, n) == 0) {
        batch->mark = voter->marks;
        voter->queued_bytes += batch->command.n - before;
        return 0;
    }
    if (errno != EMSGSIZE || batch->command.changes == 0)
        return -1;
    next = calloc(1, sizeof *next); /* that one is full: the next begins */
    if (next == NULL)
        return -1;
    batch->next = next;
    voter->last = next;
    if (ft_ledger_command_add(&next->command, verb, key, data, n) != 0)
        return -1;
    next->mark = voter->marks;
    voter->queued_bytes += next->command.n;
    return 0;
}

/* More waits than is sensible: who asked is better off with an answer. The lead is not said to be
 * ours again before there is room. */
static void stall(struct ft_voter *voter, const char *why)
{
    if (voter->stalled)
        return;
    ft_voter_say(voter, "book_stalled", voter->config.self,
                 "the central unit's ledger takes nothing more: %s; what was not safe is given up, "
                 "and asked for again", why);
    voter->stalled = true;
    voter->announced = false;
    drop_batches(voter, false);
}

void ft_voter_put(struct ft_voter *voter, const char *key, const void *data, size_t n)
{
    size_t key_n = strlen(key);
    enum ft_ledger_verb verb = data != NULL ? FT_LEDGER_PUT : FT_LEDGER_ERASE;

    if (!voter->announced || voter->dead || voter->closing)
        return;
    if (data == NULL && key_n > 0 && key[key_n - 1] == '/')
        verb = FT_LEDGER_ERASE_PREFIX;
    voter->marks++;
    if (add_change(voter, verb, key, data, n) == 0)
        return;
    if (errno == EINVAL || errno == EMSGSIZE) {
        /* No voter could take it: it would be a mistake of ours to wait for it to be safe. */
        ft_voter_say(voter, "book_refused", voter->config.self,
                     "the ledger does not take %.64s: %s", key,
                     errno == EMSGSIZE ? "the value is too large" : "no such key");
        return;
    }
    stall(voter, "no memory");
}

static bool submit(struct ft_voter *voter, struct ft_voter_batch *batch)
{
    struct raft_buffer buffer = {raft_malloc(batch->command.n), batch->command.n};
    int result;

    if (buffer.base == NULL)
        return false;
    memcpy(buffer.base, batch->command.bytes, batch->command.n);
    result = raft_apply(&voter->raft, &batch->apply, &buffer, 1, NULL);
    if (result != 0) {
        raft_free(buffer.base);
        return false; /* handing over: it waits */
    }
    batch->submitted = true;
    voter->queued_bytes -= batch->command.n;
    ft_ledger_command_clear(&batch->command);
    if (FT_PLANTED(FT_PLANT_ACK_EARLY))
        voter->safe_mark = batch->mark;
    return true;
}

/* Whether enough members have room on their disks for an entry to become safe. */
static bool most_have_room(struct ft_voter *voter)
{
    const struct raft_configuration *members = &voter->raft.configuration;
    unsigned votes = 0, room = 0;

    for (unsigned i = 0; i < members->n; i++) {
        const struct raft_server *member = &members->servers[i];
        const struct ft_voter_peer *peer = ft_voter_peer(voter, member->address, false);

        if (member->role != RAFT_VOTER)
            continue;
        votes++;
        room += strcmp(member->address, voter->config.self) == 0
                    ? !ft_voterio_is_full(voter->io)
                    : peer == NULL || !peer->greeting.full;
    }
    return room > votes / 2;
}

static void submit_all(struct ft_voter *voter)
{
    struct ft_voter_batch *batch = voter->first;

    while (batch != NULL && batch->submitted)
        batch = batch->next;
    if (batch != NULL && most_have_room(voter))
        while (batch != NULL && voter->leader && batch->command.changes > 0 && submit(voter, batch))
            batch = batch->next;
    if (voter->queued_bytes > FT_VOTER_QUEUE_BYTES)
        stall(voter, ft_voterio_is_full(voter->io) ? "its disk has no room"
                                                   : "too few voters take entries");
}

void ft_voter_flush(struct ft_voter *voter)
{
    if (voter->io == NULL || voter->closing)
        return;
    if (voter->announced)
        submit_all(voter);
    ft_voter_after(voter);
}

/* What is applied is safe: most voters have it on their disks. */
static void take_safe(struct ft_voter *voter)
{
    uint64_t applied = raft_last_applied(&voter->raft);

    while (voter->first != NULL && voter->first->submitted && voter->first->apply.index <= applied) {
        struct ft_voter_batch *batch = voter->first;

        if (batch->mark > voter->safe_mark)
            voter->safe_mark = batch->mark;
        voter->first = batch->next;
        if (voter->first == NULL)
            voter->last = NULL;
        free_batch(voter, batch);
    }
}

/* ---------------------------------------------------------------- getting ready */

static void send_barrier(struct ft_voter *voter)
{
    if (raft_barrier(&voter->raft, &voter->barrier, NULL) == 0)
        voter->barrier_sent = true; /* else again at the next tick: handing over */
}

/* A founding of its own must not be believed before most voters share it: until then it rests on
 * one disk. */
static bool is_founded(struct ft_voter *voter)
{
    const struct raft_configuration *members = &voter->raft.configuration;
    size_t votes = 0;

    if (ft_ledger_get(voter->ledger, FT_VOTER_FOUNDED_KEY, NULL) != NULL)
        return true;
    for (unsigned i = 0; i < members->n; i++)
        votes += members->servers[i].role == RAFT_VOTER;
    return voter->raft.configuration_uncommitted_index == 0 && votes > voter->config.planned_n / 2;
}

static bool is_witness(const struct ft_voter *voter)
{
    const struct ft_voter_planned *self = ft_voter_planned(voter, voter->config.self);

    return self != NULL && self->witness;
}

static void announce(struct ft_voter *voter)
{
    bool founding = ft_ledger_get(voter->ledger, FT_VOTER_FOUNDED_KEY, NULL) == NULL;

    voter->announced = true;
    voter->stalled = false;
    voter->safe_mark = voter->marks;
    voter->told = FT_TOLD_LEAD;
    if (founding)
        ft_voter_put(voter, FT_VOTER_FOUNDED_KEY, "1", 1);
    voter->env.lead(voter->env.arg, voter->term);
    if (voter->closing)
        return;
    if (founding)
        ft_voter_say(voter, "central_founded", voter->config.self,
                     "%s founded the ledger of the central unit", voter->config.self);
    if (voter->timeout_now_ms != 0 &&
        voter->env.now_ms(voter->env.arg) - voter->timeout_now_ms < 3000)
        ft_voter_say(voter, "central_handed_back", voter->config.self,
                     "%s leads the central unit: %s handed over to it", voter->config.self,
                     voter->handed_by);
    voter->timeout_now_ms = 0;
}

void ft_voterlead_step(struct ft_voter *voter)
{
    take_safe(voter);
    if (!voter->barrier_sent)
        send_barrier(voter);
    if (voter->barrier_sent && !voter->ready &&
        (raft_last_applied(&voter->raft) >= voter->barrier.index ||
         FT_PLANTED(FT_PLANT_NO_BARRIER)))
        voter->ready = true;
    if (voter->ready && !voter->announced && !is_witness(voter) && is_founded(voter) &&
        !(voter->stalled && !most_have_room(voter)) && !voter->transferring)
        announce(voter);
}

/* ---------------------------------------------------------------- the membership */

static void tell_foreign(struct ft_voter *voter, const struct ft_steward_voter *one)
{
    struct ft_voter_peer *peer = ft_voter_peer(voter, one->name, false);

    if (!one->foreign || peer == NULL || peer->told_foreign)
        return;
    peer->told_foreign = true;
    ft_voter_say(voter, "voter_foreign", one->name,
                 "%s holds data of another founding and cannot vote here; if those are not wanted "
                 "any more, remove them from its folder and start it again", one->name);
}

static bool start_transfer(struct ft_voter *voter, const struct ft_steward_act *act,
                           const struct ft_steward_voter *to)
{
    if (raft_transfer(&voter->raft, &voter->transfer, act->id, NULL) != 0)
        return false;
    voter->transferring = true;
    voter->told_to_go = false;
    voter->handing_back = act->handed_back;
    snprintf(voter->transfer_to, sizeof voter->transfer_to, "%s", to->name);
    ft_voter_say(voter, "central_handing_over", to->name, "%s", act->why);
    return true;
}

static void carry_out(struct ft_voter *voter, const struct ft_steward_act *act,
                      const struct ft_steward_voter *voters)
{
    const struct ft_steward_voter *about = &voters[act->voter];
    char name[FT_STORE_NAME_MAX]; /* libraft may free the one that it lent */

    snprintf(name, sizeof name, "%s", about->name);

    switch (act->what) {
    case FT_STEWARD_NOTHING:
        return;
    case FT_STEWARD_TRANSFER:
        if (!start_transfer(voter, act, about))
            ft_steward_failed(&voter->steward, (int64_t)voter->env.now_ms(voter->env.arg));
        return;
    case FT_STEWARD_REMOVE:
        if (raft_remove(&voter->raft, &voter->change, act->id, NULL) == 0)
            ft_voter_say(voter, "voter_removed", name, "%s", act->why);
        return;
    case FT_STEWARD_ADD:
        if (raft_add(&voter->raft, &voter->change, act->id, name, NULL) == 0)
            ft_voter_say(voter, "voter_added", name, "%s", act->why);
        return;
    case FT_STEWARD_PROMOTE:
        if (raft_assign(&voter->raft, &voter->change, act->id, RAFT_VOTER, NULL) == 0)
            ft_voter_say(voter, "voter_promoted", name, "%s", act->why);
        return;
    }
}

static bool is_busy(const struct ft_voter *voter)
{
    return voter->transferring || voter->raft.configuration_uncommitted_index != 0 ||
           voter->raft.leader_state.promotee_id != 0 || raft_transferee(&voter->raft) != 0;
}

static void check_transfer(struct ft_voter *voter, uint64_t now)
{
    if (voter->told_to_go && now > voter->told_until_ms)
        voter->told_to_go = false;
    if (!voter->transferring || voter->raft.transfer != NULL || raft_transferee(&voter->raft) != 0)
        return;
    voter->transferring = false; /* and this one still leads */
    ft_voter_say(voter, "central_hand_over_failed", voter->transfer_to,
                 "%s did not take the lead in time; it is tried again later", voter->transfer_to);
    ft_steward_failed(&voter->steward, (int64_t)now);
}

static void look_after_members(struct ft_voter *voter, uint64_t now)
{
    struct ft_steward_voter voters[FT_STEWARD_VOTERS_MAX];
    struct ft_steward_view view = {
        .now_ms = (int64_t)now, .last_index = raft_last_index(&voter->raft), .busy = is_busy(voter),
        .told_to_go = voter->told_to_go, .told_whom = voter->told_whom,
        .handback_ms = (int64_t)voter->config.handback_ms, .voters = voters,
    };
    struct ft_steward_act act;

    view.n = ft_voter_view(voter, voters, &view.self);
    for (size_t i = 0; i < view.n; i++)
        tell_foreign(voter, &voters[i]);
    ft_steward_look(&voter->steward, &view, &act);
    carry_out(voter, &act, voters);
}

void ft_voterlead_tick(struct ft_voter *voter)
{
    uint64_t now = voter->env.now_ms(voter->env.arg);

    ft_voterlead_step(voter);
    if (voter->announced)
        submit_all(voter);
    check_transfer(voter, now);
    if (voter->ready && now - voter->steward_ms >= FT_VOTER_STEWARD_MS) {
        voter->steward_ms = now;
        look_after_members(voter, now);
    }
}

int ft_voter_hand_over(struct ft_voter *voter, const char *name, char *why, size_t size)
{
    if (!voter->ready || voter->closing || voter->dead) {
        snprintf(why, size, "%s does not lead", voter->config.self);
        return -1;
    }
    if (name != NULL && name[0] != '\0' &&
        (ft_voter_planned(voter, name) == NULL || strcmp(name, voter->config.self) == 0)) {
        snprintf(why, size, strcmp(name, voter->config.self) == 0 ? "%.128s leads already"
                                                                  : "%.128s is no voter", name);
        return -1;
    }
    voter->told_to_go = true;
    snprintf(voter->told_whom, sizeof voter->told_whom, "%s", name != NULL ? name : "");
    voter->told_until_ms = voter->env.now_ms(voter->env.arg) + 2000;
    voter->steward_ms = 0;
    return 0;
}
