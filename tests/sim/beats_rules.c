/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * beats_rules.c - what must never happen, whatever befalls the nodes, and what has to come.
 */
#include <stdio.h>
#include <string.h>

#include "beats_world.h"

#define MS INT64_C(1000000)
#define SLACK_MS 90 /* clocks that run wrong, datagrams and processes that come late */

static int64_t confirmed_ms(const struct beats_world *world)
{
    const struct ft_plan_detect *detect = &world->config.detect;

    return (detect->beat_ms + detect->suspect_ms + detect->confirm_ms) * 103 / 100 + SLACK_MS;
}

/* A node that was well, and reached, for all the time that a verdict takes, is not declared; nor
 * are nodes that were cut off together. */
void beats_rule_declared(struct beats_world *world, const struct beats_node *node)
{
    if (node->good_since_ns != INT64_MAX &&
        world->now_ns - node->good_since_ns >= confirmed_ms(world) * MS)
        beats_broken(world, "%s is declared lost, and nothing has been wrong with it for %.0f ms",
                     node->name, (double) (world->now_ns - node->good_since_ns) / 1e6);
    if (world->faults == 1 && node->group_cut_ns != INT64_MIN &&
        world->now_ns - node->group_cut_ns < world->config.network_ms * 98 / 100 * MS)
        beats_broken(world, "%s is declared lost %.0f ms after all of its place was cut off",
                     node->name, (double) (world->now_ns - node->group_cut_ns) / 1e6);
}

/* Without loss, a node that beats is not even suspected; that this central unit slept is no reason
 * to. */
void beats_rule_tick(struct beats_world *world, const struct beats_leader *leader)
{
    int64_t silence_ms = world->config.detect.beat_ms + world->config.detect.suspect_ms + SLACK_MS;

    if (world->loss_pct > 0 || world->config.detect.beat_ms < 500 || leader->is_deposed ||
        world->now_ns < leader->excused_ns)
        return;
    for (int i = 0; i < world->nodes_n; i++) {
        const struct beats_node *node = &world->nodes[i];
        int64_t good_ns = node->good_since_ns;
        struct ft_watch_status status;

        /* What became well while nobody looked has yet to be noticed. */
        if (good_ns != INT64_MAX && good_ns + silence_ms * MS > leader->slept_ns &&
            good_ns < leader->stopped_until_ns)
            good_ns = leader->stopped_until_ns;
        if (good_ns == INT64_MAX || world->now_ns - good_ns < silence_ms * MS)
            continue;
        ft_detector_status(leader->detector, ft_detector_find(leader->detector, node->name),
                           &status);
        if (status.state != FT_WATCH_WELL && status.state != FT_WATCH_UNHEARD)
            beats_broken(world, "%s is %s, and nothing has been wrong with it for %.0f ms",
                         node->name, ft_watch_state_text(status.state),
                         (double) (world->now_ns - node->good_since_ns) / 1e6);
    }
}

/* A unit that learns that its node was declared has no lease any more. */
void beats_rule_welcome(struct beats_world *world, const struct beats_node *node, bool fenced)
{
    if (fenced && beats_node_has_lease(node))
        beats_broken(world, "%s keeps the lease that it had before it was declared lost",
                     node->name);
}

/* Where the leader says that no lease is left, there is none: not of the unit, and not of what an
 * earlier unit of that host left running. */
static void look_at_lease(struct beats_world *world, const struct beats_leader *leader,
                          const struct beats_node *node)
{
    uint32_t number = ft_detector_find(leader->detector, node->name);

    if (beats_leader_ns(leader) < ft_detector_lease_free_ns(leader->detector, number))
        return;
    if (beats_node_has_lease(node) || node->old_until_ns > world->now_ns)
        beats_broken(world, "%s holds a lease, and central %d says that it is over", node->name,
                     leader->number);
}

/* The one thing that was ever wrong: it is declared in time. */
static void look_at_dead(struct beats_world *world, const struct beats_leader *leader,
                         const struct beats_node *node)
{
    struct ft_watch_status status;
    /* With losses it may have been asked about just before it died, or the silence of others be
     * taken for the network's fault. */
    int64_t within_ms = confirmed_ms(world);
    bool is_dead = !node->is_on || node->cut_all || node->stopped_until_ns > world->now_ns;

    if (world->loss_pct > 0)
        within_ms += world->config.network_ms + 2 * world->config.detect.confirm_ms;
    if (world->faults != 1 || !is_dead || node->bad_since_ns == INT64_MAX ||
        node->group_cut_ns != INT64_MIN ||
        world->now_ns - node->bad_since_ns < within_ms * MS)
        return;
    ft_detector_status(leader->detector, ft_detector_find(leader->detector, node->name), &status);
    if (status.state != FT_WATCH_LOST && status.state != FT_WATCH_HELD)
        beats_broken(world, "%s is dead for %.0f ms, and taken for %s", node->name,
                     (double) (world->now_ns - node->bad_since_ns) / 1e6,
                     ft_watch_state_text(status.state));
}

/* Without loss, a node that is well holds a lease, whatever becomes of those that pass on its
 * acknowledgements. */
static void look_at_held(struct beats_world *world, const struct beats_leader *leader,
                         const struct beats_node *node)
{
    int64_t within_ns = (2 * (int64_t) world->config.detect.beat_ms + SLACK_MS) * MS;
    int64_t since_ns = node->good_since_ns;

    if (world->loss_pct > 0 || since_ns == INT64_MAX)
        return;
    if (since_ns < leader->stopped_until_ns)
        since_ns = leader->stopped_until_ns;
    if (world->now_ns - since_ns < within_ns || beats_node_has_lease(node))
        return;
    beats_broken(world, "%s holds no lease, and nothing has been wrong with it for %.0f ms",
                 node->name, (double) (world->now_ns - since_ns) / 1e6);
}

void beats_rule_look(struct beats_world *world)
{
    const struct beats_leader *leader = &world->leaders[world->current];

    for (int i = 0; i < world->nodes_n; i++) {
        look_at_lease(world, leader, &world->nodes[i]);
        look_at_dead(world, leader, &world->nodes[i]);
        look_at_held(world, leader, &world->nodes[i]);
    }
}

/* ---------------------------------------------------------------- when all has come to rest */

static void end_good(struct beats_world *world, const struct beats_node *node,
                     const struct ft_watch_status *status)
{
    if (status->state != FT_WATCH_WELL && status->state != FT_WATCH_SUSPECTED)
        beats_broken(world, "at the end %s is well, and taken for %s", node->name,
                     ft_watch_state_text(status->state));
    if (!beats_node_has_lease(node))
        beats_broken(world, "at the end %s is well, and has no lease", node->name);
}

static void end_bad(struct beats_world *world, const struct beats_node *node, bool is_alone,
                    const struct ft_watch_status *status)
{
    enum ft_watch_state state = status->state;
    bool fits = state == FT_WATCH_LOST || (is_alone && state == FT_WATCH_HELD);

    if (node->is_on) /* only its unit is gone */
        fits = fits || state == FT_WATCH_UNIT_GONE;
    if (!fits)
        beats_broken(world, "at the end %s is %s, and taken for %s", node->name,
                     node->is_on ? "without a unit" : "off", ft_watch_state_text(state));
}

void beats_rule_end(struct beats_world *world)
{
    const struct beats_leader *leader = &world->leaders[world->current];
    bool is_alone = ft_detector_states(leader->detector, FT_WATCH_WELL) == 0;

    for (int i = 0; i < world->nodes_n; i++) {
        const struct beats_node *node = &world->nodes[i];
        uint32_t number = ft_detector_find(leader->detector, node->name);
        struct ft_watch_status status;

        ft_detector_status(leader->detector, number, &status);
        if (status.incarnation == 0)
            continue; /* it was never a member */
        if (node->good_since_ns != INT64_MAX)
            end_good(world, node, &status);
        else
            end_bad(world, node, is_alone, &status);
    }
}
