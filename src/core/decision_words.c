/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * decision_words.c - what a decision says: its entries in the event log, and the answers to those
 * who ask.
 *
 * Called by decision.c, which decides when, and by asks.c and claims.c, which answer what is
 * decided already. Changes nothing. Every answer says which node, how well it matches and how it is
 * reached, or why there is none and what to do about it; and how long each step took.
 */
#include "core/decision.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "core/match.h"
#include "core/policy.h"

/* ---------------------------------------------------------------- words */

/* Fills what every entry about a decision has. Returns how many fields it used. */
static int begin_event(const struct ft_decision *decision, struct ft_event *event, const char *name,
                       const struct ft_node *node)
{
    const ftResource_t *resource = &decision->subject->resource;
    bool is_rank = resource->kind == FT_RANK;
    int n = 0;

    memset(event, 0, sizeof *event);
    event->name = name;
    event->job = is_rank ? resource->job : NULL;
    event->rank = is_rank ? (int) resource->number : -1;
    event->node = node != NULL ? node->name : NULL;
    event->decision = decision->id;
    if (!is_rank) {
        event->fields[n].key = "resource";
        event->fields[n++].text = decision->subject->text;
    }
    if (decision->lost_node != NULL) {
        event->fields[n].key = "lost_node";
        event->fields[n++].text = decision->lost_node->name;
    }
    if (decision->epoch > 0) {
        event->fields[n].key = "epoch";
        event->fields[n++].number = decision->epoch;
    }
    return n;
}

uint64_t ft_decision_log(struct ft_decision *decision, const char *name, const struct ft_node *node,
                         const char *format, ...)
{
    char text[2 * FT_TEXT_MAX];
    struct ft_event event;
    va_list arguments;

    begin_event(decision, &event, name, node);
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    event.text = text;
    return ft_central_log(decision->central, &event);
}

const char *ft_decision_state_text(const struct ft_decision *decision)
{
    switch (decision->state) {
    case FT_SETTLING:
        return "waiting for the news that it is lost";
    case FT_FOLLOWING:
        return "another decision for the same lost node is under way";
    case FT_CHOOSING:
        return "a candidate is being chosen";
    case FT_ACQUIRING:
        return "waiting for the resource manager";
    case FT_RAISING:
        return "waiting for a node unit to come up on the candidate";
    case FT_PROBING:
        return "the candidate is being probed";
    case FT_GIVEN:
        return "it is decided, nobody has claimed it yet";
    case FT_STARTING:
        return "another process is starting it";
    case FT_RUNNING:
        return "it runs";
    default:
        return "it is over";
    }
}

static const char *rung_name(ftRung_t rung)
{
    static const char *const names[] = {
        [FT_BY_NOTHING] = "nothing",   [FT_BY_REPAIR] = "repair",
        [FT_BY_SPARE_RANK] = "spare_rank", [FT_BY_IDLE_NODE] = "idle_node",
        [FT_BY_NEW_NODE] = "new_node", [FT_BY_SHARING] = "sharing"};

    return names[rung];
}

const char *ft_decision_rung_text(const struct ft_decision *decision)
{
    switch (decision->candidate_rung) {
    case FT_BY_REPAIR:
        return "repaired in place";
    case FT_BY_SPARE_RANK:
        return "spare rank";
    case FT_BY_IDLE_NODE:
        return "idle node of the allocation";
    case FT_BY_NEW_NODE:
        return "new node from the resource manager";
    case FT_BY_SHARING:
        return "shared with what runs there";
    default:
        return "none";
    }
}

uint64_t ft_decision_log_made(struct ft_decision *decision, const struct ft_node *node)
{
    double total_ms = (double) (ft_now_ns(decision->central) - decision->begun_ns) / NS_PER_MS;
    double probe_ms = (double) decision->probe_ns / NS_PER_MS;
    char text[2 * FT_TEXT_MAX];
    struct ft_event event;
    int n = begin_event(decision, &event, "decision_made", node);

    event.fields[n].key = "rung";
    event.fields[n++].text = rung_name(decision->candidate_rung);
    event.fields[n].key = "probed";
    event.fields[n++].number = decision->probed_n;
    event.fields[n].key = "decide_ms";
    event.fields[n++].number = total_ms - probe_ms;
    event.fields[n].key = "probe_ms";
    event.fields[n++].number = probe_ms;
    event.text = text;
    snprintf(text, sizeof text, "use node %.255s for %.255s (%s): %.400s", node->name,
             decision->subject->text, ft_decision_rung_text(decision), decision->match);
    return ft_central_log(decision->central, &event);
}

static void add_available(const struct ft_decision *decision, struct ft_event *event, int n)
{
    if (decision->available_at_s <= 0)
        return;
    event->fields[n].key = "available_at_s";
    event->fields[n].number = (double) decision->available_at_s;
}

void ft_decision_log_not_offered(struct ft_decision *decision)
{
    char text[2 * FT_TEXT_MAX];
    struct ft_event event;
    int n = begin_event(decision, &event, "no_node_offered", NULL);

    add_available(decision, &event, n);
    event.text = text;
    snprintf(text, sizeof text, "the resource manager has no node: %s", decision->why);
    ft_central_log(decision->central, &event);
}

uint64_t ft_decision_log_none(struct ft_decision *decision)
{
    struct ft_policy policy = ft_policy_of(&decision->demand, &decision->central->config);
    char text[4 * FT_TEXT_MAX], hint[FT_TEXT_MAX];
    struct ft_event event;
    int n = begin_event(decision, &event, "decision_none", NULL);

    add_available(decision, &event, n);
    ft_policy_hint(&policy, decision->available_at_s, hint, sizeof hint);
    event.text = text;
    snprintf(text, sizeof text, "there is no alternative for %s: %s%s%s", decision->subject->text,
             decision->reasons, hint[0] != '\0' ? "; " : "", hint);
    return ft_central_log(decision->central, &event);
}

/* ---------------------------------------------------------------- answers */

bool ft_decision_holds_for(const struct ft_decision *decision, const struct ft_demand *demand)
{
    const struct ft_node *node = decision->candidate;
    const struct ft_facts *original = decision->original_known ? &decision->original : NULL;
    const char *at = demand->excluded;
    char name[FT_NAME_MAX];

    if (node->failing || node->declared ||
        (decision->candidate_rung == FT_BY_SHARING && ft_policy_forbids_sharing(demand)))
        return false;
    while (at != NULL && *at != '\0') {
        size_t n = strcspn(at, ",");

        if (n > 0 && n < sizeof name) {
            memcpy(name, at, n);
            name[n] = '\0';
            if (ft_inventory_find(decision->central->inventory, name) == node &&
                !FT_PLANTED(FT_PLANT_IGNORE_EXCLUDED))
                return false;
        }
        at += n + (at[n] == ',');
    }
    return ft_demand_equal(demand, &decision->demand) ||
           ft_match_facts(demand, &decision->given, original, NULL, 0);
}

static void fill_steps(struct ft_decision *decision, int64_t arrived_ns, ftSteps_t *steps)
{
    int64_t now_ns = ft_now_ns(decision->central);
    int64_t since_ns = 0;
    int64_t probe_ns = decision->probe_ns;
    char text[FT_TEXT_MAX];

    if (decision->candidate_rung == FT_BY_SPARE_RANK && decision->lost_ns > 0)
        steps->known_ms = decision->lost_ns < arrived_ns
                              ? (double) (arrived_ns - decision->lost_ns) / NS_PER_MS : 0;
    else if (decision->planned ||
             !ft_subject_is_lost(decision->subject, &since_ns, text, sizeof text))
        steps->known_ms = -1;
    else if (since_ns < arrived_ns)
        steps->known_ms = (double) (arrived_ns - since_ns) / NS_PER_MS;
    /* Who came later waited for a part of the probing only. */
    if (probe_ns > now_ns - arrived_ns)
        probe_ns = decision->outcome_due ? now_ns - arrived_ns : 0;
    steps->total_ms = (double) (now_ns - arrived_ns) / NS_PER_MS;
    steps->probe_ms = (double) probe_ns / NS_PER_MS;
    steps->decide_ms = steps->total_ms - steps->probe_ms;
}

static void answer_given(struct ft_decision *decision, ftReply_t *reply)
{
    struct ft_node *node = decision->candidate;

    reply->decision = decision->id;
    reply->epoch = decision->epoch;
    reply->alternative.kind = FT_NODE;
    ft_text_copy(reply->alternative.node, sizeof reply->alternative.node, node->name);
    reply->rung = decision->candidate_rung;
    ft_text_copy(reply->match, sizeof reply->match, decision->match);
    if (decision->candidate_rung == FT_BY_SPARE_RANK) {
        reply->alternative.kind = FT_RANK;
        reply->alternative.number = decision->standin.rank;
        ft_text_copy(reply->alternative.job, sizeof reply->alternative.job, decision->standin.job);
        reply->reach = FT_REACH_RANK;
        reply->reach_rank = decision->standin.rank;
    } else if (decision->state == FT_RUNNING) {
        reply->reach = FT_REACH_PORT;
        ft_text_copy(reply->port, sizeof reply->port, decision->port);
    } else {
        reply->reach = FT_REACH_START;
    }
    reply->in_job = node->state == FT_NODE_UP;
    if (reply->probed == 0 && decision->candidate_rung != FT_BY_SPARE_RANK)
        reply->probed = 1; /* measured just before, for another decision */
}

static void hint_none(const struct ft_decision *decision, const struct ft_policy *policy,
                      ftReply_t *reply)
{
    char *hint = reply->hint;
    size_t size = sizeof reply->hint;
    bool is_rank = decision->subject->resource.kind == FT_RANK;

    if (decision->status == FT_ERR_UNKNOWN) {
        snprintf(hint, size,
                 "check %s; the launcher has to have reported %s (is its component loaded?)",
                 is_rank ? "the rank and the job's name" : "the node's name",
                 is_rank ? "the job" : "the node");
        return;
    }
    if (ft_demand_needs_original(&decision->demand) && !decision->original_known) {
        snprintf(hint, size, "ask for numbers (ftNeedCores, ftNeedMemory) rather than for what the "
                             "lost node had; for the future, check that a unit runs on every node");
        return;
    }
    ft_policy_hint(policy, reply->available_at_s, hint, size);
    if (policy->fewer)
        return;
    ft_text_appendf(hint, size,
                    "%sname more spare nodes (ft run --pool, or pool in ft.conf)%s, or ask for less",
                    hint[0] != '\0' ? "; or " : "",
                    decision->no_sharing ? ", allow sharing (share = true)" : "");
}

static void answer_none(struct ft_decision *decision, ftReply_t *reply)
{
    struct ft_policy policy = ft_policy_of(&decision->demand, &decision->central->config);

    reply->available_at_s = decision->available_at_s;
    reply->fewer = decision->status == FT_ERR_NONE && policy.fewer;
    if (decision->status == FT_ERR_UNKNOWN)
        ft_text_copy(reply->reason, sizeof reply->reason, decision->why);
    else
        ft_text_appendf(reply->reason, sizeof reply->reason, "no alternative for %.*s: %s",
                        FT_SUBJECT_SHOWN, decision->subject->text, decision->reasons);
    if (decision->reasons_left_out > 0)
        ft_text_appendf(reply->reason, sizeof reply->reason, "; and %u more (see the event log)",
                        decision->reasons_left_out);
    hint_none(decision, &policy, reply);
}

void ft_decision_answer(struct ft_decision *decision, int64_t arrived_ns, ftReply_t *reply)
{
    memset(reply, 0, sizeof *reply);
    reply->status = decision->status;
    reply->event = decision->event;
    reply->resource = decision->subject->resource;
    if (decision->lost_node != NULL)
        ft_text_copy(reply->lost_node, sizeof reply->lost_node, decision->lost_node->name);
    reply->repairable = decision->repairable;
    ft_text_copy(reply->repair, sizeof reply->repair, decision->repair);
    reply->probed = decision->probed_n;
    if (decision->status == FT_OK)
        answer_given(decision, reply);
    else
        answer_none(decision, reply);
    fill_steps(decision, arrived_ns, &reply->steps);
}

void ft_decision_own_port(const struct ft_decision *decision, unsigned k, ftReply_t *reply)
{
    snprintf(reply->port, sizeof reply->port, "%.*s/%u", (int) sizeof reply->port - 12,
             decision->port, k);
}
