/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * watch.c - owns the list of a job's, or of all, nodes and what was said of each.
 *
 * slurmctld notifies only the command that an allocation was made with (sbatch has none), so the
 * job is looked at from time to time: a node that it lost, because slurmctld gave the node up, is
 * no longer in its record; one that is drained or failing still is. For jobs of up to NODES_MAX
 * nodes each node is asked for by itself, which costs slurmctld less than the list of all nodes.
 *
 * For a system there is one watch of all nodes, whose jobs they are: one question, which slurmctld
 * answers with "no change" when there is none. Its nodes get well again, which is said, too.
 *
 * Whoever watches a job also ends what the user's earlier ones left behind (orphans.c), once; who
 * watches all nodes, from time to time.
 */
#include "rmshelp/watch.h"

#include <errno.h>
#include <slurm/slurm_errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/hostlist.h"
#include "rmshelp/ask.h"
#include "rmshelp/orphans.h"
#include "rmshelp/side.h"

#define NODES_MAX 16
#define ORPHANS_EACH_MS 300000

struct watch {
    struct ft_hostlist *nodes;  /* the job's, as last seen */
    struct ft_hostlist *failed, *failing; /* said already */
};

/* 'd' down, 'f' about to be left, '-' well. */
static char judge(const node_info_t *node, char *why, size_t size)
{
    char what = '-';

    if ((node->node_state & NODE_STATE_BASE) == NODE_STATE_DOWN)
        what = 'd';
    else if (node->node_state & (NODE_STATE_DRAIN | NODE_STATE_FAIL))
        what = 'f';
    snprintf(why, size, "Slurm: %s: %s", what == 'd' ? "down" : "draining or failing",
             node->reason != NULL ? node->reason : "no reason given");
    return what;
}

/* What slurmctld says of a node; one that it does not know is well. */
static char ask_node(const char *name, char *why, size_t size)
{
    char text[FT_HOST_NAME_MAX];
    node_info_msg_t *answer = NULL;
    char what = '-';

    snprintf(text, sizeof text, "%s", name);
    if (slurm_load_node_single(&answer, text, 0) == SLURM_SUCCESS && answer->record_count > 0)
        what = judge(&answer->node_array[0], why, size);
    if (answer != NULL)
        slurm_free_node_info_msg(answer);
    return what;
}

static void say_once(struct ft_hostlist *said, const char *word, const char *node, const char *why)
{
    if (ft_hostlist_add(said, node) == 1)
        ft_side_say(word, "node", node, "why", why);
}

static void compare(struct watch *watch, const struct ft_hostlist *now)
{
    for (size_t i = 0; i < ft_hostlist_count(watch->nodes); i++) {
        const char *node = ft_hostlist_at(watch->nodes, i);
        char why[400] = "";
        bool has = ft_hostlist_contains(now, node);

        if (has && ft_hostlist_count(now) > NODES_MAX)
            continue;
        switch (ask_node(node, why, sizeof why)) {
        case 'd': say_once(watch->failed, "failed", node, why); break;
        case 'f': say_once(watch->failing, "failing", node, why); break;
        default: break; /* what left the job and is well was given back by somebody */
        }
    }
}

/* Returns whether the job goes on. */
static bool look(struct watch *watch, uint32_t job)
{
    slurm_job_info_t *record;
    job_info_msg_t *answer = ft_ask_job(job, &record);
    struct ft_hostlist *now;
    uint32_t base;

    if (answer == NULL)
        return errno != ESLURM_INVALID_JOB_ID;
    base = record->job_state & JOB_STATE_BASE;
    now = ft_hostlist_parse(record->nodes != NULL ? record->nodes : "", NULL, 0);
    if (now != NULL) {
        if (watch->nodes == NULL)
            watch->nodes = ft_hostlist_parse(record->nodes != NULL ? record->nodes : "", NULL, 0);
        if (watch->nodes != NULL)
            compare(watch, now);
        ft_hostlist_destroy(watch->nodes);
        watch->nodes = now;
    }
    slurm_free_job_info_msg(answer);
    return base == JOB_PENDING || base == JOB_RUNNING || base == JOB_SUSPENDED;
}

/* ---------------------------------------------------------------- all nodes */

struct watch_all {
    struct ft_hostlist *bad; /* that are not well, as last seen */
    time_t seen;             /* slurmctld's time of that */
};

static void say_changes(const struct ft_hostlist *before, const node_info_msg_t *nodes,
                        struct ft_hostlist *bad)
{
    char why[400];

    for (uint32_t i = 0; i < nodes->record_count; i++) {
        const node_info_t *node = &nodes->node_array[i];
        char what = node->name != NULL ? judge(node, why, sizeof why) : '-';

        if (what != '-' && ft_hostlist_add(bad, node->name) == 1 &&
            !ft_hostlist_contains(before, node->name))
            ft_side_say(what == 'd' ? "failed" : "failing", "node", node->name, "why", why);
    }
    for (size_t i = 0; i < ft_hostlist_count(before); i++) {
        const char *name = ft_hostlist_at(before, i);

        if (!ft_hostlist_contains(bad, name))
            ft_side_say("well", "node", name, "why", "Slurm: it is in service again");
    }
}

/* What cannot be asked now is asked the next time. */
static void look_at_all(struct watch_all *watch)
{
    node_info_msg_t *nodes = NULL;
    struct ft_hostlist *bad;

    if (slurm_load_node(watch->seen, &nodes, SHOW_ALL) != SLURM_SUCCESS)
        return;
    bad = ft_hostlist_create();
    if (bad != NULL) {
        say_changes(watch->bad, nodes, bad);
        ft_hostlist_destroy(watch->bad);
        watch->bad = bad;
        watch->seen = nodes->last_update;
    }
    slurm_free_node_info_msg(nodes);
}

static int watch_all(int each_ms)
{
    struct watch_all watch = {.bad = ft_hostlist_create()};
    int64_t orphans_ms = 0;

    if (watch.bad == NULL)
        return 1;
    do {
        if (ft_clock_ms() >= orphans_ms) {
            ft_orphans_end();
            orphans_ms = ft_clock_ms() + ORPHANS_EACH_MS;
        }
        look_at_all(&watch);
    } while (ft_side_wait(-1, each_ms) != FT_SIDE_OVER);
    ft_hostlist_destroy(watch.bad);
    return 0;
}

/* ---------------------------------------------------------------- a job's */

static int watch_job(uint32_t job, int each_ms)
{
    struct watch watch = {.failed = ft_hostlist_create(), .failing = ft_hostlist_create()};
    bool goes_on = watch.failed != NULL && watch.failing != NULL;

    ft_orphans_end();
    while (goes_on && ft_side_wait(-1, each_ms) != FT_SIDE_OVER)
        goes_on = look(&watch, job);
    if (!goes_on)
        ft_side_say("over");
    ft_hostlist_destroy(watch.nodes);
    ft_hostlist_destroy(watch.failed);
    ft_hostlist_destroy(watch.failing);
    return 0;
}

int ft_watch(uint32_t job, int each_ms)
{
    return job != 0 ? watch_job(job, each_ms) : watch_all(each_ms);
}
