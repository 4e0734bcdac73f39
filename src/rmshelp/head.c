/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * head.c - owns nothing: what becomes of a job that has lost its first node.
 *
 * There the batch script ran, mpirun and the central unit: nothing of the job can go on. Without
 * --no-kill Slurm would end such a job, or requeue it. With it, it takes the node out of the job like any
 * other, and the rest stays allocated, to nobody, up to the time limit. So whoever of the job still
 * lives does what Slurm would have done: the units of its other nodes, which find that their central unit
 * is gone (ft-srun then starts `ft-rms-slurm head` in their place), and the holders of nodes that were
 * got for it (allocation.c).
 *
 * That a central unit is silent says little. Slurm's word counts: the first node is not among the job's
 * any more. That takes it SlurmdTimeout, five minutes by default, and some rounds of its pings: within
 * twice that it has either found it down, or the node lives and mpirun is gone for another reason.
 */
#include "rmshelp/head.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "rmshelp/ask.h"

#define LOOK_EACH_S 5
#define TIMEOUT_DEFAULT_S 300 /* also where slurm.conf sets none, and a node is never found down */
#define GRACE_S 60

static void end_it(const slurm_job_info_t *record)
{
    bool again = record->requeue != 0;
    int code = again ? slurm_requeue(record->job_id, 0) : slurm_kill_job(record->job_id, SIGKILL, 0);

    if (code != SLURM_SUCCESS && errno != ESLURM_ALREADY_DONE && errno != ESLURM_JOB_PENDING)
        fprintf(stderr, "job %" PRIu32 " has lost its first node %s, and cannot be %s: %s; its other "
                "nodes stay allocated until its time limit: scancel %" PRIu32 "\n", record->job_id,
                record->batch_host, again ? "requeued" : "ended", slurm_strerror(errno),
                record->job_id);
}

void ft_head_end(uint32_t job)
{
    slurm_job_info_t *record;
    job_info_msg_t *answer = ft_ask_job(job, &record);

    if (answer == NULL)
        return;
    if (ft_ask_is_headless(record))
        end_it(record);
    slurm_free_job_info_msg(answer);
}

static int64_t watched_for_ms(void)
{
    slurm_conf_t *conf = NULL;
    int64_t timeout_s = TIMEOUT_DEFAULT_S;

    if (slurm_load_ctl_conf(0, &conf) == SLURM_SUCCESS) {
        if (conf->slurmd_timeout > 0)
            timeout_s = conf->slurmd_timeout;
        slurm_free_ctl_conf(conf);
    }
    return 1000 * (2 * timeout_s + GRACE_S);
}

int ft_head_watch(uint32_t job)
{
    int64_t until_ms = ft_clock_ms() + watched_for_ms();
    char state[128];

    while (ft_clock_ms() < until_ms) {
        if (ft_ask_has_ended(job, state, sizeof state)) {
            ft_head_end(job);
            return 0;
        }
        sleep(LOOK_EACH_S);
    }
    return ft_ask_life(job, state, sizeof state) == FT_JOB_UNKNOWN ? 1 : 0;
}
