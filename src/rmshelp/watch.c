/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * watch.c - owns the list of a job's nodes and what was said of each.
 *
 * slurmctld notifies only the command that an allocation was made with (sbatch has none), so the
 * job is looked at from time to time: a node that it lost, because slurmctld gave the node up, is
 * no longer in its record; one that is drained or failing still is. For jobs of up to NODES_MAX
 * nodes each node is asked for by itself, which costs slurmctld less than the list of all nodes.
 *
 * Whoever watches a job also ends what the user's earlier ones left behind (orphans.c), once.
 */
#include "rmshelp/watch.h"

#include <errno.h>
#include <slurm/slurm_errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hostlist.h"
#include "rmshelp/ask.h"
#include "rmshelp/orphans.h"
#include "rmshelp/side.h"

#define NODES_MAX 16

struct watch {
    struct ft_hostlist *nodes;  /* the job's, as last seen */
    struct ft_hostlist *failed, *failing; /* said already */
};

/* What slurmctld says of a node: 'd' down, 'f' about to be left, '-' well or not known. */
static char ask_node(const char *name, char *why, size_t size)
{
    char text[FT_HOST_NAME_MAX];
    node_info_msg_t *answer = NULL;
    uint32_t state;
    char what = '-';

    snprintf(text, sizeof text, "%s", name);
    if (slurm_load_node_single(&answer, text, 0) != SLURM_SUCCESS || answer->record_count < 1)
        goto done;
    state = answer->node_array[0].node_state;
    if ((state & NODE_STATE_BASE) == NODE_STATE_DOWN)
        what = 'd';
    else if (state & (NODE_STATE_DRAIN | NODE_STATE_FAIL))
        what = 'f';
    snprintf(why, size, "Slurm: %s: %s", what == 'd' ? "down" : "draining or failing",
             answer->node_array[0].reason != NULL ? answer->node_array[0].reason : "no reason given");
done:
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

int ft_watch(uint32_t job, int each_ms)
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
