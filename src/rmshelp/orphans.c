/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * orphans.c - owns nothing: a look at a user's, or all, jobs for allocations that outlived theirs.
 *
 * There should be none (allocation.c tells why). What is left is a loss of power on the helper's node
 * between a grant and its holder's start: then only the time limit ends the allocation, unless the
 * next job of the same user comes by here first. Called by the helper that watches a job, once; by
 * the one that watches a system's nodes from time to time, for the jobs of all users if it is root.
 *
 * Ours are known by name and comment, both (wish.c): a job that only bears the name is somebody's own.
 * One whose job slurmctld does not tell of just now is left alone.
 */
#include "rmshelp/orphans.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <stdio.h>
#include <unistd.h>

#include "rmshelp/ask.h"
#include "rmshelp/side.h"
#include "rmshelp/wish.h"

#define ORPHANS_MAX 64 /* so many are asked about; a question each */

static void end_one(uint32_t own, uint32_t parent, const char *state)
{
    char own_text[16], parent_text[16];

    if (slurm_kill_job(own, SIGKILL, 0) != SLURM_SUCCESS && errno != ESLURM_ALREADY_DONE) {
        fprintf(stderr, "job %" PRIu32 ", left behind by job %" PRIu32 ", cannot be ended: %s\n", own,
                parent, slurm_strerror(errno));
        return;
    }
    snprintf(own_text, sizeof own_text, "%" PRIu32, own);
    snprintf(parent_text, sizeof parent_text, "%" PRIu32, parent);
    ft_side_say("orphan", "own", own_text, "job", parent_text, "why", state);
}

/* Root looks after everybody's. */
static bool load(job_info_msg_t **jobs)
{
    return (geteuid() == 0 ? slurm_load_jobs(0, jobs, SHOW_ALL)
                           : slurm_load_job_user(jobs, getuid(), 0)) == SLURM_SUCCESS;
}

void ft_orphans_end(void)
{
    job_info_msg_t *jobs = NULL;
    unsigned asked = 0;
    char state[128];

    if (!load(&jobs))
        return;
    for (uint32_t i = 0; i < jobs->record_count && asked < ORPHANS_MAX; i++) {
        const slurm_job_info_t *record = &jobs->job_array[i];
        uint32_t parent = ft_wish_parent(record->name, record->comment);

        if (parent == 0 || (record->job_state & JOB_STATE_BASE) > JOB_SUSPENDED)
            continue;
        asked++;
        if (ft_ask_has_ended(parent, state, sizeof state))
            end_one(record->job_id, parent, state);
    }
    slurm_free_job_info_msg(jobs);
}
