/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * news.c - what the node units and the resource manager say.
 *
 * Units: connected, what the node is, measured, gone, could not be started. Resource manager: a
 * node, or none. Each finds the decision that waits for it, if one still does; what comes too late
 * is ignored, a node that comes too late goes back.
 */
#include "core/central.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/decision.h"
#include "core/grant.h"
#include "core/kept.h"
#include "core/match.h"
#include "core/spare_ranks.h"
#include "core/state.h"
#include "core/suspect.h"

/* A unit whose connection breaks so soon after its node was lost went with it. */
#define LOST_LATELY_NS (5000 * NS_PER_MS)

/* ---------------------------------------------------------------- what the node units say */

/* Sessions hear of units, but only the base writes of them. */
static bool is_base(const struct ft_central *central)
{
    return central->config.kept_under[0] == '\0';
}

static void unit_news(struct ft_decision *decision, const void *arg)
{
    const struct ft_node *node = arg;

    if (decision->candidate != node)
        return;
    if (node->unit_up && node->facts_known)
        ft_decision_feed(decision, FT_IN_UNIT, NULL);
}

int ft_central_set_location(struct ft_central *central, const char *name, const char *location)
{
    struct ft_node *node = ft_inventory_get(central->inventory, name);

    if (node == NULL)
        return -1;
    if (strlen(location) >= FT_LOCATION_MAX) {
        errno = EINVAL;
        return -1;
    }
    return ft_inventory_set_location(central->inventory, node, location);
}

int ft_central_unit_up(struct ft_central *central, const char *name, const char *version)
{
    struct ft_node *node = ft_inventory_get(central->inventory, name);

    if (node == NULL)
        return -1;
    ft_inventory_set_unit(central->inventory, node, true, NULL);
    if (is_base(central))
        ft_central_logf(central, "unit_up", NULL, -1, node->name,
                    "the unit of node %s is connected (%s)", node->name,
                    version != NULL ? version : "version not told");
    ft_each_decision(central, unit_news, node);
    ft_central_work(central);
    return 0;
}

int ft_central_unit_facts(struct ft_central *central, const char *name,
                          const struct ft_facts *facts)
{
    struct ft_node *node = ft_inventory_get(central->inventory, name);
    bool is_new = node != NULL && (!node->facts_known ||
                                   memcmp(&node->facts, facts, sizeof *facts) != 0);

    if (node == NULL || ft_inventory_set_facts(central->inventory, node, facts) < 0)
        return -1;
    node->measured_ns = 0; /* by a probe, that is */
    if (is_new)
        ft_keep_facts(central, node);
    if (is_base(central))
        ft_central_logf(central, "node_collected", NULL, -1, node->name,
                    "node %s: %s, %u packages, %u cores, %u hardware threads, %.1f GiB of memory, "
                    "%s%s",
                    node->name, facts->arch, facts->packages, facts->cores, facts->pus,
                    (double) facts->memory_bytes / (1u << 30),
                    facts->model[0] != '\0' ? facts->model : "processor not named",
                    facts->shown ? " (told by its configuration)" : "");
    ft_each_decision(central, unit_news, node);
    ft_central_work(central);
    return 0;
}

struct unit_trouble {
    const struct ft_node *node;
    const char *why;
    bool failed; /* it could not be started, rather than lost */
};

static void check_unit(struct ft_decision *decision, const void *arg)
{
    const struct unit_trouble *trouble = arg;

    if (decision->candidate != trouble->node || !ft_decision_is_under_way(decision))
        return;
    if (trouble->failed)
        ft_suspect(decision->central, decision->candidate, FT_SUSPECT_UNIT, trouble->why);
    if (decision->state == FT_PROBING || trouble->failed)
        ft_decision_feed(decision, FT_IN_UNFIT, trouble->why);
}

static void unit_trouble(struct ft_central *central, const char *name, const char *why, bool failed)
{
    struct ft_node *node = ft_inventory_find(central->inventory, name);
    char text[FT_TEXT_MAX];
    struct unit_trouble trouble = {.node = node, .why = text, .failed = failed};

    if (node == NULL)
        return;
    ft_inventory_set_unit(central->inventory, node, false, why);
    ft_spare_ranks_unit_down(central, node);
    node->unit_wanted = false;
    snprintf(text, sizeof text, failed ? "has no unit: %.400s" : "lost its unit: %.400s",
             why != NULL && why[0] != '\0' ? why : "no reason given");
    if (is_base(central) || failed)
        ft_central_logf(central, failed ? "unit_failed" : "unit_lost", NULL, -1, node->name,
                    failed ? "no unit could be started on node %s: %s"
                     : "the connection to the unit of node %s is lost: %s",
                    node->name, why != NULL ? why : "no reason given");
    if (node->state == FT_NODE_IS_LOST && ft_now_ns(central) - node->state_ns < LOST_LATELY_NS)
        ft_suspect(central, node, FT_SUSPECT_LOST, node->state_text);
    ft_each_decision(central, check_unit, &trouble);
    ft_central_work(central);
}

void ft_central_unit_down(struct ft_central *central, const char *node, const char *why)
{
    unit_trouble(central, node, why, false);
}

void ft_central_unit_failed(struct ft_central *central, const char *node, const char *why)
{
    struct ft_node *known = ft_inventory_find(central->inventory, node);

    if (known != NULL && known->unit_up) {
        known->unit_wanted = false;
        return;
    }
    unit_trouble(central, node, why, true);
}

void ft_central_unit_event(struct ft_central *central, const char *node, const ftResource_t *about,
                           const char *name, const char *text)
{
    bool is_rank = about->kind == FT_RANK;

    if (name[0] == '\0')
        return;
    ft_central_logf(central, name, about->job[0] != '\0' ? about->job : NULL,
                    is_rank ? (int) about->number : -1, node, "node %s: %s", node, text);
}

static struct ft_decision *awaiting_probe(struct ft_central *central, uint64_t probe)
{
    struct ft_decision *decision = central->active.first;

    while (decision != NULL && (decision->probe != probe || decision->state != FT_PROBING))
        decision = decision->next;
    return decision;
}

static bool has_scratch(const struct ft_central *central, const struct ft_measured *measured)
{
    return measured->scratch_free_bytes >= (uint64_t) central->config.scratch_min_mb << 20;
}

/* Keeps what was measured, for the search and for other decisions. */
static void keep_measured(struct ft_central *central, struct ft_node *node,
                          const struct ft_measured *measured)
{
    if (measured->error[0] != '\0' || !measured->facts_known)
        return;
    /* Without memory for it the facts stay as they were collected: this probe is judged all the
     * same, by what it says. */
    if (ft_inventory_set_facts(central->inventory, node, &measured->facts) < 0)
        return;
    node->memory_free_bytes = measured->memory_free_bytes;
    node->measured_ns = (measured->check_ran && measured->check_code != 0) ||
                                !has_scratch(central, measured)
                            ? 0 : ft_now_ns(central);
}

static void log_measured(struct ft_decision *decision, const struct ft_measured *measured)
{
    if (measured->error[0] != '\0') {
        ft_decision_log(decision, "probe_done", decision->candidate,
                        "node %s could not be measured: %s", decision->candidate->name,
                        measured->error);
        return;
    }
    ft_decision_log(decision, "probe_done", decision->candidate,
                    "node %s has %u cores, %.1f GiB of memory (%.1f free), %.1f GiB of scratch "
                    "free, load %.2f, site check %s; measured in %.1f ms",
                    decision->candidate->name, measured->facts.cores,
                    (double) measured->facts.memory_bytes / (1u << 30),
                    (double) measured->memory_free_bytes / (1u << 30),
                    (double) measured->scratch_free_bytes / (1u << 30), measured->load,
                    !measured->check_ran ? "none" : measured->check_code == 0 ? "passed" : "failed",
                    measured->took_ms);
}

void ft_central_probe_result(struct ft_central *central, uint64_t probe,
                             const struct ft_measured *measured)
{
    struct ft_decision *decision = probe != 0 ? awaiting_probe(central, probe) : NULL;
    char why[400];

    if (decision == NULL) {
        struct ft_node *node = probe != 0 ? ft_spare_ranks_probed(central, probe, measured) : NULL;

        if (node != NULL)
            keep_measured(central, node, measured);
        return;
    }
    log_measured(decision, measured);
    ft_suspect_measured(central, decision->candidate, measured);
    keep_measured(central, decision->candidate, measured);
    if (!ft_match_measured(&decision->demand, measured,
                           decision->original_known ? &decision->original : NULL, &central->env,
                           why, sizeof why)) {
        ft_decision_feed(decision, FT_IN_UNFIT, why);
    } else if (!has_scratch(central, measured)) {
        snprintf(why, sizeof why, "has %.1f MiB of scratch space free, %u MiB needed "
                 "(scratch_min_mb)", (double) measured->scratch_free_bytes / (1u << 20),
                 central->config.scratch_min_mb);
        ft_decision_feed(decision, FT_IN_UNFIT, why);
    } else {
        decision->given = measured->facts;
        ft_decision_feed(decision, FT_IN_FITS, NULL);
    }
    ft_central_work(central);
}

/* ---------------------------------------------------------------- the resource manager */

static struct ft_decision *awaiting_offer(struct ft_central *central, uint64_t acquire)
{
    struct ft_decision *decision = central->active.first;

    while (decision != NULL && (decision->acquire != acquire || decision->state != FT_ACQUIRING))
        decision = decision->next;
    return decision;
}

bool ft_central_awaits_offer(const struct ft_central *central, uint64_t acquire)
{
    return acquire != 0 && (awaiting_offer((struct ft_central *) central, acquire) != NULL ||
                            ft_grant_awaiting(central, acquire) != NULL);
}

bool ft_central_offer(struct ft_central *central, uint64_t acquire, const char *name)
{
    struct ft_decision *decision = acquire != 0 ? awaiting_offer(central, acquire) : NULL;
    struct ft_waiter *waiter = acquire != 0 ? ft_grant_awaiting(central, acquire) : NULL;
    struct ft_node *node;

    if (waiter != NULL)
        return ft_grant_offer(central, waiter, name);
    if (decision == NULL)
        return false;
    node = ft_inventory_get(central->inventory, name);
    if (node == NULL) {
        ft_decision_feed(decision, FT_IN_NO_OFFER,
                         errno == ENOMEM ? "the central unit has no memory for another node"
                                         : "it offered something that cannot be a node");
        ft_central_work(central);
        return false;
    }
    if (node->granted) {
        ft_decision_feed(decision, FT_IN_NO_OFFER, "it offered a node that the launcher has already");
        ft_central_work(central);
        return false;
    }
    node->acquired = true;
    ft_keep_place(central, node);
    decision->offered = node;
    ft_decision_feed(decision, FT_IN_OFFER, NULL);
    ft_central_work(central);
    return true;
}

void ft_central_no_offer(struct ft_central *central, uint64_t acquire, const char *why,
                         int64_t available_at_s)
{
    struct ft_decision *decision = acquire != 0 ? awaiting_offer(central, acquire) : NULL;
    struct ft_waiter *waiter = acquire != 0 ? ft_grant_awaiting(central, acquire) : NULL;

    if (waiter != NULL)
        ft_grant_no_offer(central, waiter, why, available_at_s);
    if (decision == NULL)
        return;
    decision->available_at_s = available_at_s;
    ft_decision_feed(decision, FT_IN_NO_OFFER, why);
    ft_central_work(central);
}

