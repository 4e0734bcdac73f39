/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * claims.c - what becomes of a decision: who starts the stand-in, and how the others reach it.
 *
 *     claim          the first one is told to start the stand-in, later ones wait until it runs and
 *                    are then told its port; each of them is a peer that the stand-in is told of
 *     announce       the stand-in runs; from now on it is the subject's latest occupant
 *     start_failed   its node is left alone for a while, everybody asks again
 *     next_peer      the stand-in waits for the next one that comes
 *     cancel         nobody waits any more; a starter that never heard of its task is replaced
 *
 * One START at a time: a second one only when the first starter is known to be gone (its process
 * ended, its node was lost, its request was canceled), or when the same one asks again because the
 * first answer may have been lost with its connection.
 */
#include "core/claims.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "core/central.h"
#include "core/decision.h"
#include "core/grant.h"
#include "core/kept.h"
#include "core/spare_ranks.h"
#include "core/state.h"
#include "core/waiter.h"

#define PEERS_MAX 65536
#define PORT_MAX 1024

/* Finds a decision in use; if it is none, says so to the asker and returns NULL. */
static struct ft_decision *in_use(struct ft_central *central, uint64_t token, uint64_t id)
{
    struct ft_decision *decision = ft_decision_find(central, id);
    char reason[200];

    if (decision != NULL && ft_decision_is_in_use(decision))
        return decision;
    if (decision == NULL && (id == 0 || id > central->decision_id)) {
        snprintf(reason, sizeof reason, "there is no decision %llu", (unsigned long long) id);
        ft_central_refuse(central, token, FT_ERR_UNKNOWN, reason,
                          "use the decision of a reply of findAlternative");
    } else if (decision != NULL && ft_decision_is_under_way(decision)) {
        ft_central_refuse(central, token, FT_ERR_UNKNOWN, "nothing is decided yet",
                          "wait for the answer of findAlternative");
    } else {
        snprintf(reason, sizeof reason, "the alternative of decision %llu can no longer be used",
                 (unsigned long long) id);
        ft_central_refuse(central, token, FT_ERR_UNFIT, reason, "ask findAlternative again");
    }
    return NULL;
}

/* What the stand-in is told of its k-th peer. */
static void tell_peer(const struct ft_decision *decision, unsigned k, ftReply_t *told)
{
    memset(told, 0, sizeof *told);
    told->status = FT_OK;
    told->decision = decision->id;
    ft_decision_own_port(decision, k, told);
}

/* The same of the next one. */
static void told_of_peer(struct ft_decision *decision, const char *node, uint64_t run,
                         uint64_t request, ftReply_t *told)
{
    tell_peer(decision, ++decision->peers_told, told);
    ft_decision_peer(decision, decision->peers_told, true, node, run, request);
}

/* Tells the stand-in that a peer comes, and the peer where to go. */
static void send_peer(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                      struct ft_decision *decision)
{
    struct ft_waiter *standin = decision->waiting[FT_WAIT_PEER].first;
    unsigned k = ft_decision_peer_of(decision, false, asker->node, asker->run, asker->request);
    ftReply_t reply;

    if (k > 0) {
        ft_decision_answer(decision, ft_now_ns(central), &reply);
        ft_decision_own_port(decision, k, &reply);
        ft_central_reply(central, token, &reply);
        return;
    }
    if (decision->peers_n >= PEERS_MAX) {
        ft_central_refuse(central, token, FT_ERR_BUSY, "too many peers wait for the stand-in",
                          "try again later");
        return;
    }
    if (standin != NULL) {
        told_of_peer(decision, standin->asker.node, standin->asker.run, standin->asker.request,
                     &reply);
        ft_waiter_answer(central, standin, &reply);
    } else {
        decision->peers_n++;
    }
    ft_decision_answer(decision, ft_now_ns(central), &reply);
    ft_decision_own_port(decision, ++decision->peers_sent, &reply);
    ft_decision_peer(decision, decision->peers_sent, false, asker->node, asker->run,
                     asker->request);
    ft_central_reply(central, token, &reply);
}

/* Tells the starter once more, as the first time may have been lost. */
static void start_again(struct ft_central *central, uint64_t token, struct ft_decision *decision)
{
    ftReply_t reply;

    decision->starter_token = token;
    decision->starter_unsure = false;
    ft_decision_answer(decision, ft_now_ns(central), &reply);
    ft_central_reply(central, token, &reply);
}

void ft_central_claim(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                      uint64_t id, ftTimeout_t timeout_ms)
{
    struct ft_decision *decision = in_use(central, token, id);
    struct ft_waiter *waiter;

    if (decision == NULL || token == 0)
        return;
    ft_decision_log(decision, "claimed", decision->candidate,
                    "rank %d of job %s wants to use node %s for %s", asker->rank, asker->job,
                    decision->candidate->name, decision->subject->text);
    if (decision->state == FT_RUNNING && decision->candidate_rung == FT_BY_SPARE_RANK) {
        ftReply_t reply; /* it is in the job's own communicator: nobody has to accept anybody */

        ft_decision_answer(decision, ft_now_ns(central), &reply);
        ft_central_reply(central, token, &reply);
        return;
    }
    if (decision->state == FT_RUNNING) {
        send_peer(central, token, asker, decision);
        return;
    }
    if (decision->state == FT_STARTING &&
        (FT_PLANTED(FT_PLANT_TWO_STARTERS) ||
         (decision->starter_unsure && ft_asker_is(&decision->starter, asker)))) {
        start_again(central, token, decision);
        return;
    }
    waiter = ft_waiter_create(central, token, FT_WAIT_CLAIM, asker, timeout_ms);
    if (waiter == NULL) {
        ft_central_refuse_errno(central, token, errno);
        return;
    }
    ft_waiter_join(waiter, decision);
    ft_decision_feed(decision, FT_IN_CLAIM, NULL);
    ft_central_work(central);
}

/* Why this process cannot be the stand-in of a decision; NULL if it can. */
static const char *not_standin(const struct ft_central *central, const struct ft_decision *decision,
                               const struct ft_asker *asker)
{
    if (decision->state == FT_RUNNING)
        return "another stand-in has announced itself already";
    if (asker->rank < 0 || asker->job == NULL || asker->job[0] == '\0')
        return "only a rank of a job can be a stand-in";
    if (ft_inventory_find(central->inventory, asker->node) != decision->candidate)
        return "it runs on another node than the one that was decided";
    return NULL;
}

/* Puts the announcer into the subject's place. */
static int occupy(struct ft_central *central, struct ft_decision *decision,
                  const struct ft_asker *asker, const char *port)
{
    struct ft_kept_asker standin;
    struct ft_subject *other;
    char *copy = strdup(port);

    if (copy == NULL || ft_asker_keep(&standin, asker) < 0) {
        free(copy);
        errno = ENOMEM;
        return -1;
    }
    /* It may be known as itself already, if someone reported an error of it. */
    other = ft_subjects_of_rank(central->subjects, asker->job, asker->rank);
    if (other != NULL && other != decision->subject && other->epoch == 0 &&
        other->pending == NULL) {
        ft_keep_no_subject(central, other);
        ft_subjects_forget(central->subjects, other);
    }
    if (ft_subject_occupy(central->subjects, decision->subject, asker->job, asker->rank,
                          decision->candidate) < 0) {
        int error = errno;

        free(copy);
        ft_asker_drop(&standin);
        errno = error;
        return -1;
    }
    decision->port = copy;
    decision->standin = standin;
    return 0;
}

void ft_central_announce(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                         uint64_t id, const char *port)
{
    struct ft_decision *decision = in_use(central, token, id);
    const char *why;

    if (decision == NULL)
        return;
    if (decision->state == FT_RUNNING && ft_asker_is(&decision->standin, asker) &&
        strcmp(decision->port, port) == 0) {
        ft_central_accept(central, token, 0, id);
        return;
    }
    why = not_standin(central, decision, asker);
    if (why != NULL) {
        ft_decision_log(decision, "announce_refused", decision->candidate,
                        "rank %d of job %s on node %s cannot stand in for %s: %s", asker->rank,
                        asker->job, asker->node, decision->subject->text, why);
        ft_central_refuse(central, token,
                          decision->state == FT_RUNNING ? FT_ERR_UNFIT : FT_ERR_DENIED, why,
                          "end: this process is not needed");
        return;
    }
    if (port[0] == '\0' || strlen(port) >= PORT_MAX) {
        ft_central_refuse_errno(central, token, EINVAL);
        return;
    }
    if (occupy(central, decision, asker, port) < 0) {
        ft_central_refuse_errno(central, token, errno);
        return;
    }
    ft_decision_feed(decision, FT_IN_ANNOUNCE, NULL);
    ft_central_accept(central, token, 0, id);
    /* Its end may have been reported before it was known to be the stand-in. */
    if (decision->subject->ended)
        ft_decision_feed(decision, FT_IN_LOST, "the stand-in ended at once");
    ft_central_work(central);
}

void ft_central_start_failed(struct ft_central *central, uint64_t token,
                             const struct ft_asker *asker, uint64_t id, const char *why)
{
    struct ft_decision *decision = in_use(central, token, id);
    char text[FT_TEXT_MAX];

    if (decision == NULL)
        return;
    if (decision->state != FT_STARTING || !ft_asker_is(&decision->starter, asker)) {
        ft_central_refuse(central, token, FT_ERR_DENIED,
                          "only the process that was told to start the stand-in can say this",
                          NULL);
        return;
    }
    snprintf(text, sizeof text, "starting the stand-in failed: %.400s",
             why != NULL && why[0] != '\0' ? why : "no reason given");
    ft_decision_fail_start(decision, text);
    ft_central_accept(central, token, 0, id);
    ft_central_work(central);
}

void ft_central_next_peer(struct ft_central *central, uint64_t token, const struct ft_asker *asker,
                          uint64_t id, ftTimeout_t timeout_ms)
{
    struct ft_decision *decision = in_use(central, token, id);
    struct ft_waiter *waiter;
    ftReply_t told;
    unsigned k;

    if (decision == NULL || token == 0)
        return;
    if (decision->state != FT_RUNNING || !ft_asker_is(&decision->standin, asker) ||
        decision->candidate_rung == FT_BY_SPARE_RANK) {
        ft_central_refuse(central, token, FT_ERR_DENIED,
                          "only the stand-in that has announced itself has peers", NULL);
        return;
    }
    k = ft_decision_peer_of(decision, true, asker->node, asker->run, asker->request);
    if (k > 0) {
        tell_peer(decision, k, &told);
        ft_central_reply(central, token, &told);
        return;
    }
    if (decision->peers_n > 0) {
        decision->peers_n--;
        told_of_peer(decision, asker->node, asker->run, asker->request, &told);
        ft_central_reply(central, token, &told);
        return;
    }
    waiter = ft_waiter_create(central, token, FT_WAIT_PEER, asker, timeout_ms);
    if (waiter == NULL)
        ft_central_refuse_errno(central, token, errno);
    else
        ft_waiter_join(waiter, decision);
}

static void check_starter(struct ft_decision *decision, const void *arg)
{
    const struct ft_gone_starter *gone = arg;
    const struct ft_kept_asker *starter = &decision->starter;
    bool is_it;

    if (decision->state != FT_STARTING)
        return;
    if (gone->token != 0)
        is_it = decision->starter_token == gone->token;
    else if (gone->job != NULL)
        is_it = starter->rank == gone->rank && strcmp(starter->job, gone->job) == 0;
    else
        is_it = ft_inventory_find(decision->central->inventory, starter->node) ==
                ft_inventory_find(decision->central->inventory, gone->node);
    if (!is_it)
        return;
    /* Others may have failed to start something there meanwhile. */
    if (decision->candidate->unfit_until_ns > ft_now_ns(decision->central))
        ft_decision_feed(decision, FT_IN_LOST, decision->candidate->unfit_text);
    else
        ft_decision_feed(decision, FT_IN_STARTER_GONE, gone->why);
}

void ft_claims_starter_gone(struct ft_central *central, const struct ft_gone_starter *gone)
{
    ft_each_decision(central, check_starter, gone);
}

void ft_central_cancel(struct ft_central *central, uint64_t token)
{
    struct ft_waiter *waiter;
    struct ft_gone_starter gone = {.token = token, .why = "it no longer waits for its claim"};

    if (token == 0)
        return;
    waiter = ft_waiter_find(central, token);
    if (waiter != NULL) {
        ft_grant_abandon(central, waiter);
        ft_spare_ranks_abandoned(central, waiter);
        ft_waiter_destroy(central, waiter);
    } else {
        ft_claims_starter_gone(central, &gone);
    }
    ft_central_work(central);
}

static void doubt_starter(struct ft_decision *decision, const void *arg)
{
    if (decision->state == FT_STARTING && decision->starter_token == *(const uint64_t *) arg)
        decision->starter_unsure = true;
}

void ft_central_unsure(struct ft_central *central, uint64_t token)
{
    if (token != 0)
        ft_each_decision(central, doubt_starter, &token);
}

