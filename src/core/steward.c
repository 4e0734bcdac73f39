/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * steward.c - what the leading voter does next about the membership and about who leads.
 *
 * Called by centrald/voter.c several times a second while it leads; what it says is carried out
 * there through libraft, one thing at a time. See steward.h for the rules. Nothing here can make
 * the voters disagree, that is Raft's; a mistake here costs votes or time without a leader.
 */
#include "core/steward.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/planted.h"

#define FAILED_PAUSE_MS 2000 /* at least, after a hand-over that did not come off */

/* Is there, and is who the membership means. */
static bool is_there(const struct ft_steward_view *view, size_t i)
{
    const struct ft_steward_voter *voter = &view->voters[i];

    return i == view->self ||
           (voter->reached && voter->member_id != 0 && voter->shown_id == voter->member_id);
}

static bool has_caught_up(const struct ft_steward_view *view, const struct ft_steward_voter *voter)
{
    return voter->match + FT_STEWARD_LAG_MAX >= view->last_index ||
           FT_PLANTED(FT_PLANT_HAND_BACK_LAGGING);
}

/* Could lead at once, if its disk were the only question left. */
static bool can_lead(const struct ft_steward_view *view, size_t i)
{
    const struct ft_steward_voter *voter = &view->voters[i];

    return i != view->self && voter->planned && !voter->witness && voter->votes &&
           !voter->full && is_there(view, i) && has_caught_up(view, voter);
}

size_t ft_steward_preferred(const struct ft_steward_voter *voters, size_t n)
{
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < n; i++)
        if (voters[i].planned && !voters[i].witness &&
            (best == SIZE_MAX || voters[i].priority > voters[best].priority))
            best = i;
    return best;
}

/* ---------------------------------------------------------------- since when each is well */

static void note_health(struct ft_steward *steward, const struct ft_steward_view *view)
{
    struct ft_steward old = *steward;

    steward->n = view->n;
    for (size_t i = 0; i < view->n; i++) {
        const struct ft_steward_voter *voter = &view->voters[i];

        snprintf(steward->since[i].name, sizeof steward->since[i].name, "%s", voter->name);
        steward->since[i].id = voter->member_id;
        steward->since[i].well_since_ms = can_lead(view, i) ? view->now_ms : -1;
        if (steward->since[i].well_since_ms < 0)
            continue;
        for (size_t k = 0; k < old.n; k++)
            if (old.since[k].id == voter->member_id && old.since[k].well_since_ms >= 0 &&
                strcmp(old.since[k].name, voter->name) == 0)
                steward->since[i].well_since_ms = old.since[k].well_since_ms;
    }
}

/* ---------------------------------------------------------------- the rules */

/* The best other one to lead: by priority, then by what it has of the log. */
static size_t best_other(const struct ft_steward_view *view)
{
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < view->n; i++) {
        const struct ft_steward_voter *voter = &view->voters[i], *other;

        if (!can_lead(view, i))
            continue;
        other = best != SIZE_MAX ? &view->voters[best] : NULL;
        if (other == NULL || voter->priority > other->priority ||
            (voter->priority == other->priority && voter->match > other->match))
            best = i;
    }
    return best;
}

static size_t told_one(const struct ft_steward_view *view)
{
    if (view->told_whom == NULL || view->told_whom[0] == '\0')
        return best_other(view);
    for (size_t i = 0; i < view->n; i++)
        if (strcmp(view->voters[i].name, view->told_whom) == 0)
            return can_lead(view, i) ? i : SIZE_MAX;
    return SIZE_MAX;
}

static bool has_failed_within(const struct ft_steward *steward, const struct ft_steward_view *view,
                              int64_t pause_ms)
{
    return steward->failed && view->now_ms - steward->failed_ms < pause_ms;
}

static bool go(const struct ft_steward *steward, const struct ft_steward_view *view,
               struct ft_steward_act *act)
{
    const struct ft_steward_voter *self = &view->voters[view->self];
    const char *why = NULL;
    size_t to = SIZE_MAX;

    if (view->told_to_go) {
        why = "it was told to";
        to = told_one(view);
    } else if (self->witness) {
        why = "it is a witness";
    } else if (!self->planned) {
        why = "ft.conf no longer names it as a voter";
    } else if (self->full) {
        why = "its disk has no room for the log";
    }
    if (why == NULL)
        return false;
    if (!view->told_to_go) {
        if (!self->witness && has_failed_within(steward, view, FAILED_PAUSE_MS))
            return false;
        to = best_other(view);
    }
    if (to == SIZE_MAX)
        return false;
    act->what = FT_STEWARD_TRANSFER;
    act->voter = to;
    act->id = view->voters[to].member_id;
    snprintf(act->why, sizeof act->why, "%.64s gives the lead to %.64s: %s", self->name,
             view->voters[to].name, why);
    return true;
}

/* Whether the members that vote would have a majority that is there, without voter `gone`. */
static bool majority_without(const struct ft_steward_view *view, size_t gone)
{
    size_t votes = 0, there = 0;

    for (size_t i = 0; i < view->n; i++) {
        if (i == gone || !view->voters[i].votes)
            continue;
        votes++;
        there += is_there(view, i);
    }
    return there > votes / 2;
}

static bool remove_one(const struct ft_steward_view *view, struct ft_steward_act *act)
{
    for (size_t i = 0; i < view->n; i++) {
        const struct ft_steward_voter *voter = &view->voters[i];
        bool lost = voter->reached && voter->shown_id != 0 && !voter->foreign &&
                    voter->shown_id != voter->member_id;

        if (i == view->self || voter->member_id == 0 || (voter->planned && !lost) ||
            !majority_without(view, i))
            continue;
        act->what = FT_STEWARD_REMOVE;
        act->voter = i;
        act->id = voter->member_id;
        if (voter->planned)
            snprintf(act->why, sizeof act->why,
                     "%.64s has lost its data: identity %016" PRIx64 " has no vote any more, and "
                     "%.64s joins again as %016" PRIx64,
                     voter->name, voter->member_id, voter->name, voter->shown_id);
        else
            snprintf(act->why, sizeof act->why, "%.64s is no voter in ft.conf any more",
                     voter->name);
        return true;
    }
    return false;
}

static bool add_one(const struct ft_steward_view *view, struct ft_steward_act *act)
{
    for (size_t i = 0; i < view->n; i++) {
        const struct ft_steward_voter *voter = &view->voters[i];

        if (i == view->self || !voter->planned || !voter->reached || voter->shown_id == 0 ||
            voter->foreign || voter->votes)
            continue;
        if (voter->member_id == 0) {
            act->what = FT_STEWARD_ADD;
            act->id = voter->shown_id;
            snprintf(act->why, sizeof act->why, "%.64s joins the voters as %016" PRIx64,
                     voter->name, voter->shown_id);
        } else if (voter->shown_id == voter->member_id) {
            act->what = FT_STEWARD_PROMOTE;
            act->id = voter->member_id;
            snprintf(act->why, sizeof act->why, "%.64s votes once it has caught up", voter->name);
        } else {
            continue;
        }
        act->voter = i;
        return true;
    }
    return false;
}

static void hand_back(const struct ft_steward *steward, const struct ft_steward_view *view,
                      struct ft_steward_act *act)
{
    size_t to = ft_steward_preferred(view->voters, view->n);
    const struct ft_steward_voter *self = &view->voters[view->self];

    if (has_failed_within(steward, view, FAILED_PAUSE_MS) ||
        has_failed_within(steward, view, view->handback_ms) || to == SIZE_MAX || to == view->self ||
        view->voters[to].priority <= self->priority || !can_lead(view, to) ||
        view->now_ms - steward->since[to].well_since_ms < view->handback_ms)
        return;
    act->what = FT_STEWARD_TRANSFER;
    act->voter = to;
    act->id = view->voters[to].member_id;
    act->handed_back = true;
    snprintf(act->why, sizeof act->why,
             "%.64s gives the lead back to %.64s, which has been well for %lld ms", self->name,
             view->voters[to].name,
             (long long)(view->now_ms - steward->since[to].well_since_ms));
}

void ft_steward_look(struct ft_steward *steward, const struct ft_steward_view *view,
                     struct ft_steward_act *act)
{
    memset(act, 0, sizeof *act);
    note_health(steward, view);
    if (view->busy)
        return;
    if (go(steward, view, act) || remove_one(view, act) || add_one(view, act))
        return;
    hand_back(steward, view, act);
}

void ft_steward_failed(struct ft_steward *steward, int64_t now_ms)
{
    steward->failed = true;
    steward->failed_ms = now_ms;
}
