/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * decision.c - one decision: from "what instead of R?" to a stand-in that runs.
 *
 * Made by central.c when someone asks for an alternative that is not decided yet. Its life is two
 * tables at the end of the state machine's section: next_state[state][input] and
 * handlers[state][input]; what is in neither is ignored, because it comes too late to matter.
 *
 *   SETTLING -> FOLLOWING -> CHOOSING <-> ACQUIRING, RAISING, PROBING      under way
 *                               |              |
 *                               v              v
 *                             OVER           GIVEN <-> STARTING -> RUNNING     in use
 *                                              |          |           |
 *                                              +----------+-----------+--> OVER
 *
 * A spare rank runs already: GIVEN -> RUNNING at once.
 *
 * A handler never calls into the machine again: what follows at once it leaves in `queued`, and
 * ft_decision_feed goes round until nothing is left. What concerns other decisions (whose turn it
 * is now, answers that bring about a new decision) is left to ft_central_work, at the end of each
 * call from outside; so the stack does not grow with the number of those who wait.
 *
 * An outcome is written to the log in the handler, before anyone is answered. What a decision says,
 * there and in answers, is put into words by decision_words.c.
 */
#include "core/decision.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "core/kept.h"
#include "core/recovery.h"
#include "core/spare_ranks.h"
#include "core/suspect.h"

/* ---------------------------------------------------------------- those who wait for it */

/* Answers all who wait for one thing with the same error. */
static void refuse_all(struct ft_decision *decision, enum ft_waiting_for what, ftRetVal_t status,
                       const char *hint)
{
    ftReply_t reply = {.status = status};

    ft_text_copy(reply.reason, sizeof reply.reason, decision->why);
    ft_text_copy(reply.hint, sizeof reply.hint, hint);
    while (decision->waiting[what].first != NULL)
        ft_waiter_answer(decision->central, decision->waiting[what].first, &reply);
}

/* Those whom this decision does not satisfy get one of their own; the first one says what for. */
static void pass_on(struct ft_decision *decision, struct ft_waiting *left)
{
    struct ft_central *central = decision->central;
    struct ft_demand demand = {0};
    /* One for another demand may be under way already: it passes on whom it does not satisfy. */
    struct ft_decision *next = decision->subject->pending;
    bool is_new = next == NULL;
    ftReply_t reply = {.status = FT_ERR_MEMORY,
                       .reason = "the central unit has no memory for another decision"};

    if (is_new && ft_demand_copy(&demand, &left->first->demand) == 0)
        next = ft_decision_create(central, decision->subject, &demand);
    if (next == NULL && errno == ENOBUFS) {
        reply.status = FT_ERR_BUSY;
        snprintf(reply.reason, sizeof reply.reason, "%d decisions are under way or in use",
                 FT_DECISIONS_MAX);
    }
    ft_demand_clear(&demand);
    while (left->first != NULL) {
        struct ft_waiter *waiter = left->first;

        left->first = waiter->next;
        if (next != NULL)
            ft_waiter_join(waiter, next);
        else
            ft_waiter_answer(central, waiter, &reply);
    }
    if (is_new && next != NULL)
        ft_decision_begin(next);
}

/* Whether the outcome is this waiter's answer. */
static bool is_answer_for(const struct ft_decision *decision, const struct ft_waiter *waiter)
{
    if (decision->status == FT_ERR_UNKNOWN)
        return true;
    if (decision->status == FT_ERR_NONE)
        return ft_demand_equal(&waiter->demand, &decision->demand);
    return ft_decision_is_in_use(decision) && ft_decision_holds_for(decision, &waiter->demand);
}

void ft_decision_deliver(struct ft_decision *decision)
{
    struct ft_waiting all = decision->waiting[FT_WAIT_ALTERNATIVE];
    struct ft_waiting left = {NULL, NULL};
    bool forget = FT_PLANTED(FT_PLANT_FORGET_WAITER);

    decision->waiting[FT_WAIT_ALTERNATIVE] = (struct ft_waiting) {NULL, NULL};
    while (all.first != NULL) {
        struct ft_waiter *waiter = all.first;
        ftReply_t reply;

        all.first = waiter->next;
        waiter->next = NULL;
        waiter->decision = NULL;
        waiter->queue = NULL;
        if (is_answer_for(decision, waiter)) {
            ft_decision_answer(decision, waiter->arrived_ns, &reply);
            if (forget && all.first != NULL)
                ft_waiter_destroy(decision->central, waiter);
            else
                ft_waiter_answer(decision->central, waiter, &reply);
        } else if (left.last != NULL) {
            left.last = left.last->next = waiter;
        } else {
            left.first = left.last = waiter;
        }
    }
    decision->outcome_due = false;
    if (ft_decision_is_in_use(decision))
        ft_decision_enlist(decision, &decision->central->held);
    if (left.first != NULL)
        pass_on(decision, &left);
}

/* ---------------------------------------------------------------- handlers: under way */

static void arm(struct ft_decision *decision, unsigned timeout_ms)
{
    struct ft_central *central = decision->central;

    ft_timers_arm(central->timers, &decision->timer, ft_now_ns(central) + timeout_ms * NS_PER_MS);
}

static void disarm(struct ft_decision *decision)
{
    ft_timers_disarm(decision->central->timers, &decision->timer);
}

/* Who is under way for a lost node lets the next one have its turn. */
static void step_down(struct ft_decision *decision)
{
    disarm(decision);
    if (decision->lost_node != NULL && decision->lost_node->leader == decision)
        decision->lost_node->leader = NULL;
    if (decision->subject->pending == decision)
        decision->subject->pending = NULL;
    ft_decision_activate(decision);
}

static void settled(struct ft_decision *decision)
{
    struct ft_subject *subject = decision->subject;
    char text[FT_TEXT_MAX];
    int64_t since_ns;

    disarm(decision);
    decision->lost_node = subject->place;
    decision->planned = !ft_subject_is_lost(subject, &since_ns, text, sizeof text);
    decision->lost_ns = decision->planned ? 0 : since_ns;
    if (decision->planned)
        ft_decision_log(decision, "not_known_lost", subject->place,
                        "%s is not known to be lost: it is replaced as planned work, its node %s "
                        "is %s%s%.200s", subject->text, subject->place->name,
                        subject->place->failing ? "going down" : "left as it is",
                        subject->place->failing_text != NULL ? ": " : "",
                        subject->place->failing_text != NULL ? subject->place->failing_text : "");
    ft_decision_activate(decision);
}

static void unknown(struct ft_decision *decision)
{
    snprintf(decision->why, sizeof decision->why,
             "%.300s is not known: the launcher has reported nothing of it",
             decision->subject->text);
    decision->status = FT_ERR_UNKNOWN;
    decision->event =
        ft_decision_log(decision, "resource_unknown", NULL, "%s", decision->why);
    decision->outcome_due = true;
    step_down(decision);
}

static void take_turn(struct ft_decision *decision)
{
    decision->lost_node->leader = decision;
    ft_recovery_original(decision);
}

static void acquire(struct ft_decision *decision)
{
    ft_recovery_acquire(decision);
    ft_decision_log(decision, "node_wanted", NULL,
                    "asking the resource manager for a node in the place of %s",
                    decision->lost_node->name);
    arm(decision, decision->acquire_ms);
}

static void offered(struct ft_decision *decision)
{
    disarm(decision);
    decision->acquire = 0;
    ft_decision_log(decision, "node_offered", decision->offered,
                    "the resource manager offers node %s", decision->offered->name);
}

static void not_offered(struct ft_decision *decision)
{
    disarm(decision);
    decision->acquire = 0;
    decision->no_spares = true;
    ft_recovery_note(decision, "no new node: %.200s", decision->why);
    ft_decision_log_not_offered(decision);
    decision->rung++;
}

static void offer_late(struct ft_decision *decision)
{
    struct ft_central *central = decision->central;

    snprintf(decision->why, sizeof decision->why, "it did not answer within %u ms",
             decision->acquire_ms);
    central->env.abandon(central->env.arg, decision->acquire);
    not_offered(decision);
}

static void raise_unit(struct ft_decision *decision)
{
    struct ft_central *central = decision->central;
    struct ft_node *node = decision->candidate;

    ft_decision_log(decision, "unit_awaited", node,
                    "node %s is the next candidate (%s); waiting for its unit to come up",
                    node->name, ft_decision_rung_text(decision));
    arm(decision, central->config.unit_timeout_ms);
    if (!node->unit_wanted) {
        node->unit_wanted = true;
        central->env.want_unit(central->env.arg, node->name);
    }
}

static void probe(struct ft_decision *decision)
{
    struct ft_central *central = decision->central;
    struct ft_node *node = decision->candidate;
    char why[200] = "";

    decision->probed_n++;
    decision->probe = central->probe_id =
        ft_central_number(central, FT_NUMBER_PROBE, central->probe_id);
    decision->probe_begun_ns = ft_now_ns(central);
    ft_decision_log(decision, "probe_sent", node, "probing node %s (%s)", node->name,
                    ft_decision_rung_text(decision));
    if (central->env.probe(central->env.arg, decision->probe, node->name,
                           central->config.probe_timeout_ms, why, sizeof why) == 0) {
        arm(decision, central->config.probe_timeout_ms);
        return;
    }
    snprintf(decision->why, sizeof decision->why, "could not be probed: %s", why);
    ft_suspect(central, node, FT_SUSPECT_PROBE, decision->why);
    decision->queued = FT_IN_UNFIT;
}

static void end_probe(struct ft_decision *decision)
{
    disarm(decision);
    if (decision->probe == 0)
        return;
    decision->probe = 0;
    decision->probe_ns += ft_now_ns(decision->central) - decision->probe_begun_ns;
}

static void reject(struct ft_decision *decision)
{
    end_probe(decision);
    ft_recovery_reject(decision, decision->why);
}

static void unit_late(struct ft_decision *decision)
{
    const struct ft_node *node = decision->candidate;

    snprintf(decision->why, sizeof decision->why, "had no unit within %u ms%s%.200s",
             decision->central->config.unit_timeout_ms, node->unit_text != NULL ? ": " : "",
             node->unit_text != NULL ? node->unit_text : "");
    ft_suspect(decision->central, decision->candidate, FT_SUSPECT_UNIT, decision->why);
    reject(decision);
}

static void probe_late(struct ft_decision *decision)
{
    snprintf(decision->why, sizeof decision->why, "did not answer the probe within %u ms",
             decision->central->config.probe_timeout_ms);
    ft_suspect(decision->central, decision->candidate, FT_SUSPECT_PROBE, decision->why);
    reject(decision);
}

static void give(struct ft_decision *decision)
{
    struct ft_subject *subject = decision->subject;
    struct ft_node *node = decision->candidate;

    end_probe(decision);
    decision->status = FT_OK;
    ft_suspect_time_begun(decision);
    if (subject->current != NULL) {
        char why[100];

        snprintf(why, sizeof why, "replaced by decision %llu", (unsigned long long) decision->id);
        ft_decision_feed(subject->current, FT_IN_DROPPED, why);
    }
    subject->current = decision;
    if (!FT_PLANTED(FT_PLANT_NEW_ANSWER) || subject->epoch == 0)
        subject->epoch++;
    decision->epoch = subject->epoch;
    ft_match_text(&decision->demand, &decision->given,
                  decision->original_known ? &decision->original : NULL, decision->match,
                  sizeof decision->match);
    decision->event = ft_decision_log_made(decision, node);
    decision->outcome_due = true;
    step_down(decision);
    if (decision->spare != NULL) {
        decision->queued = FT_IN_WAKE;
        return;
    }
    ft_keep_subject(decision->central, subject);
    ft_keep_decision(decision);
}

static void none(struct ft_decision *decision)
{
    decision->status = FT_ERR_NONE;
    decision->event = ft_decision_log_none(decision);
    decision->outcome_due = true;
    step_down(decision);
}

/* Given up while under way: the job has ended. */
static void drop(struct ft_decision *decision)
{
    struct ft_central *central = decision->central;

    end_probe(decision);
    if (decision->acquire != 0)
        central->env.abandon(central->env.arg, decision->acquire);
    decision->acquire = 0;
    ft_recovery_give_back(decision);
    decision->status = FT_ERR_UNKNOWN;
    ft_decision_log(decision, "decision_dropped", NULL, "the decision for %s is given up: %s",
                    decision->subject->text, decision->why);
    decision->outcome_due = true;
    step_down(decision);
}

/* ---------------------------------------------------------------- handlers: in use */

/* The first claimant in the queue is to start the stand-in. */
static void start(struct ft_decision *decision)
{
    struct ft_waiter *waiter = decision->waiting[FT_WAIT_CLAIM].first;
    ftReply_t reply;

    ft_asker_drop(&decision->starter);
    decision->starter_unsure = false;
    decision->starter = waiter->asker;
    memset(&waiter->asker, 0, sizeof waiter->asker);
    decision->starter_token = waiter->token;
    ft_decision_log(decision, "start_given", decision->candidate,
                    "rank %d of job %s is to start the stand-in for %s on node %s",
                    decision->starter.rank, decision->starter.job, decision->subject->text,
                    decision->candidate->name);
    arm(decision, decision->central->config.start_timeout_ms);
    ft_keep_decision(decision);
    ft_decision_answer(decision, waiter->arrived_ns, &reply);
    ft_waiter_answer(decision->central, waiter, &reply);
}

static void starter_gone(struct ft_decision *decision)
{
    disarm(decision);
    ft_decision_log(decision, "starter_gone", decision->candidate,
                    "who was to start the stand-in for %s is gone (%s): the next one that claims "
                    "it is to do so", decision->subject->text, decision->why);
    ft_asker_drop(&decision->starter);
    decision->starter_token = 0;
    ft_keep_decision(decision);
    if (decision->waiting[FT_WAIT_CLAIM].first != NULL)
        decision->queued = FT_IN_CLAIM;
}

/* The stand-in runs: everybody who claimed it is told where, and it is told that they come. */
static void run(struct ft_decision *decision)
{
    struct ft_waiting *claims = &decision->waiting[FT_WAIT_CLAIM];

    disarm(decision);
    decision->ran_ns = ft_now_ns(decision->central);
    ft_suspect_time_over(decision);
    ft_decision_log(decision, "standin_announced", decision->candidate,
                    "the stand-in for %s runs: rank %d of job %s on node %s",
                    decision->subject->text, decision->standin.rank, decision->standin.job,
                    decision->candidate->name);
    ft_keep_subject(decision->central, decision->subject);
    ft_keep_decision(decision);
    while (claims->first != NULL) {
        ftReply_t reply;

        ft_decision_answer(decision, claims->first->arrived_ns, &reply);
        ft_decision_own_port(decision, ++decision->peers_sent, &reply);
        decision->peers_n++;
        ft_decision_peer(decision, decision->peers_sent, false, claims->first->asker.node,
                         claims->first->asker.run, claims->first->asker.request);
        ft_waiter_answer(decision->central, claims->first, &reply);
    }
}

/* A spare rank runs already: it has only to hear whose place it takes, at the same time as those who
 * asked. */
static void wake(struct ft_decision *decision)
{
    decision->ran_ns = ft_now_ns(decision->central);
    ft_keep_subject(decision->central, decision->subject);
    ft_keep_decision(decision);
    ft_spare_wake(decision->spare, decision);
}

static void lose(struct ft_decision *decision)
{
    struct ft_subject *subject = decision->subject;

    disarm(decision);
    ft_decision_log(decision, "decision_over", decision->candidate,
                    "node %s is no longer the alternative for %s: %s", decision->candidate->name,
                    subject->text, decision->why);
    ft_subject_judge_end(subject, decision->ran_ns);
    ft_keep_no_decision(decision);
    refuse_all(decision, FT_WAIT_CLAIM, FT_ERR_UNFIT, "ask findAlternative again");
    refuse_all(decision, FT_WAIT_PEER, FT_ERR_UNFIT, "end: something else stands in now");
    ft_recovery_give_back(decision);
    if (subject->current == decision)
        subject->current = NULL;
    /* Who waited for this news gets the decision that follows. */
    if (decision->waiting[FT_WAIT_ALTERNATIVE].first != NULL)
        decision->outcome_due = true;
    ft_decision_activate(decision);
}

/* ---------------------------------------------------------------- the state machine */

/* Where an input leads; FT_SETTLING, to which nothing leads, stands for "ignored". */
static const unsigned char next_state[FT_DECISION_STATES][FT_DECISION_INPUTS] = {
    [FT_SETTLING] = {[FT_IN_NEWS] = FT_FOLLOWING, [FT_IN_DEADLINE] = FT_FOLLOWING,
                     [FT_IN_UNKNOWN] = FT_OVER, [FT_IN_DROPPED] = FT_OVER},
    [FT_FOLLOWING] = {[FT_IN_TURN] = FT_CHOOSING, [FT_IN_DROPPED] = FT_OVER},
    [FT_CHOOSING] = {[FT_IN_CANDIDATE] = FT_PROBING, [FT_IN_NO_UNIT] = FT_RAISING,
                     [FT_IN_ASK] = FT_ACQUIRING, [FT_IN_FITS] = FT_GIVEN,
                     [FT_IN_NOTHING_LEFT] = FT_OVER},
    [FT_ACQUIRING] = {[FT_IN_OFFER] = FT_CHOOSING, [FT_IN_NO_OFFER] = FT_CHOOSING,
                      [FT_IN_DEADLINE] = FT_CHOOSING, [FT_IN_DROPPED] = FT_OVER},
    [FT_RAISING] = {[FT_IN_UNIT] = FT_PROBING, [FT_IN_UNFIT] = FT_CHOOSING,
                    [FT_IN_LOST] = FT_CHOOSING, [FT_IN_DEADLINE] = FT_CHOOSING,
                    [FT_IN_DROPPED] = FT_OVER},
    [FT_PROBING] = {[FT_IN_FITS] = FT_GIVEN, [FT_IN_UNFIT] = FT_CHOOSING,
                    [FT_IN_LOST] = FT_CHOOSING, [FT_IN_DEADLINE] = FT_CHOOSING,
                    [FT_IN_DROPPED] = FT_OVER},
    [FT_GIVEN] = {[FT_IN_CLAIM] = FT_STARTING, [FT_IN_ANNOUNCE] = FT_RUNNING,
                  [FT_IN_WAKE] = FT_RUNNING, [FT_IN_LOST] = FT_OVER, [FT_IN_DROPPED] = FT_OVER},
    [FT_STARTING] = {[FT_IN_ANNOUNCE] = FT_RUNNING, [FT_IN_STARTER_GONE] = FT_GIVEN,
                     [FT_IN_LOST] = FT_OVER, [FT_IN_DROPPED] = FT_OVER},
    [FT_RUNNING] = {[FT_IN_LOST] = FT_OVER, [FT_IN_DROPPED] = FT_OVER},
};

static void (*const handlers[FT_DECISION_STATES][FT_DECISION_INPUTS])(struct ft_decision *) = {
    [FT_SETTLING] = {[FT_IN_NEWS] = settled, [FT_IN_DEADLINE] = settled,
                     [FT_IN_UNKNOWN] = unknown, [FT_IN_DROPPED] = drop},
    [FT_FOLLOWING] = {[FT_IN_TURN] = take_turn, [FT_IN_DROPPED] = drop},
    [FT_CHOOSING] = {[FT_IN_CANDIDATE] = probe, [FT_IN_NO_UNIT] = raise_unit,
                     [FT_IN_ASK] = acquire, [FT_IN_FITS] = give, [FT_IN_NOTHING_LEFT] = none},
    [FT_ACQUIRING] = {[FT_IN_OFFER] = offered, [FT_IN_NO_OFFER] = not_offered,
                      [FT_IN_DEADLINE] = offer_late, [FT_IN_DROPPED] = drop},
    [FT_RAISING] = {[FT_IN_UNIT] = probe, [FT_IN_UNFIT] = reject, [FT_IN_LOST] = reject,
                    [FT_IN_DEADLINE] = unit_late, [FT_IN_DROPPED] = drop},
    [FT_PROBING] = {[FT_IN_FITS] = give, [FT_IN_UNFIT] = reject, [FT_IN_LOST] = reject,
                    [FT_IN_DEADLINE] = probe_late, [FT_IN_DROPPED] = drop},
    [FT_GIVEN] = {[FT_IN_CLAIM] = start, [FT_IN_ANNOUNCE] = run, [FT_IN_WAKE] = wake,
                  [FT_IN_LOST] = lose, [FT_IN_DROPPED] = lose},
    [FT_STARTING] = {[FT_IN_ANNOUNCE] = run, [FT_IN_STARTER_GONE] = starter_gone,
                     [FT_IN_LOST] = lose, [FT_IN_DROPPED] = lose},
    [FT_RUNNING] = {[FT_IN_LOST] = lose, [FT_IN_DROPPED] = lose},
};

static void step(struct ft_decision *decision, enum ft_decision_input input)
{
    enum ft_decision_state next = next_state[decision->state][input];
    void (*handler)(struct ft_decision *) = handlers[decision->state][input];

    if (next == FT_SETTLING)
        return;
    decision->state = next;
    handler(decision);
}

void ft_decision_feed(struct ft_decision *decision, enum ft_decision_input input, const char *why)
{
    if (why != NULL)
        ft_text_copy(decision->why, sizeof decision->why, why);
    step(decision, input);
    for (;;) {
        if (decision->queued >= 0) {
            input = (enum ft_decision_input) decision->queued;
            decision->queued = -1;
        } else if (decision->state == FT_CHOOSING) {
            input = ft_recovery_next(decision);
        } else {
            return;
        }
        step(decision, input);
    }
}

struct failed_start {
    const struct ft_node *node;
    const char *why;
};

static void check_failed(struct ft_decision *decision, const void *arg)
{
    const struct failed_start *failed = arg;

    if (decision->candidate == failed->node && decision->state != FT_STARTING &&
        decision->state != FT_RUNNING)
        ft_decision_feed(decision, FT_IN_LOST, failed->why);
}

void ft_decision_fail_start(struct ft_decision *decision, const char *why)
{
    struct ft_central *central = decision->central;
    struct failed_start failed = {.node = decision->candidate, .why = why};

    ft_decision_log(decision, "start_failed", decision->candidate, "%s", why);
    ft_suspect(central, decision->candidate, FT_SUSPECT_START, why);
    ft_inventory_set_unfit(central->inventory, decision->candidate,
                           ft_now_ns(central) + central->config.unfit_ms * NS_PER_MS, why);
    ft_keep_unfit(central, decision->candidate);
    ft_decision_feed(decision, FT_IN_LOST, why);
    ft_each_decision(central, check_failed, &failed);
}

void ft_decision_expire(struct ft_decision *decision)
{
    char why[100];

    disarm(decision);
    if (decision->state == FT_RUNNING) {
        /* No news came: the answer is what it was. */
        decision->outcome_due = true;
        ft_decision_activate(decision);
        return;
    }
    if (decision->state == FT_STARTING) {
        snprintf(why, sizeof why, "the stand-in did not announce itself within %u ms",
                 decision->central->config.start_timeout_ms);
        ft_decision_fail_start(decision, why);
        return;
    }
    ft_subject_locate(decision->central->subjects, decision->subject);
    if (decision->state == FT_SETTLING && decision->subject->place == NULL)
        ft_decision_feed(decision, FT_IN_UNKNOWN, NULL);
    else
        ft_decision_feed(decision, FT_IN_DEADLINE, NULL);
}

void ft_decision_await_news(struct ft_decision *decision, int64_t until_ns)
{
    if (decision->timer.place == 0)
        ft_timers_arm(decision->central->timers, &decision->timer, until_ns);
}

/* It is to be left: there is no loss to wait for. If its process has ended already, that news comes
 * at once too, and what was decided by then holds for it as well. */
static bool is_going_down(const struct ft_subject *subject)
{
    return subject->place != NULL && subject->place->failing && !subject->place->declared;
}

void ft_decision_begin(struct ft_decision *decision)
{
    struct ft_subject *subject = decision->subject;
    char text[FT_TEXT_MAX];
    int64_t since_ns;

    if (ft_subject_is_lost(subject, &since_ns, text, sizeof text))
        ft_decision_feed(decision, FT_IN_NEWS, NULL);
    else if (!ft_subject_may_be_lost(subject) || is_going_down(subject))
        ft_decision_feed(decision, FT_IN_DEADLINE, NULL);
    else
        arm(decision, decision->central->config.settle_ms);
}

void ft_decision_revived(struct ft_decision *decision)
{
    /* Its starter may have been told, or not: told again when it asks again. */
    if (decision->state != FT_STARTING)
        return;
    decision->starter_unsure = true;
    arm(decision, decision->central->config.start_timeout_ms);
}
