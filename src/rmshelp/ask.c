/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ask.c - questions to slurmctld that several parts of ft-rms-slurm have; keeps nothing.
 *
 * Each is one message and its answer. libslurm bounds the wait by slurm.conf's MessageTimeout and
 * tries again while slurmctld restarts, so nothing here repeats what it was not asked to.
 */
#include "rmshelp/ask.h"

#include <errno.h>
#include <slurm/slurm_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hostlist.h"
#include "common/text.h"
#include "rmshelp/side.h"

job_info_msg_t *ft_ask_job(uint32_t id, slurm_job_info_t **record)
{
    job_info_msg_t *answer = NULL;

    errno = 0;
    if (slurm_load_job(&answer, id, SHOW_DETAIL) != SLURM_SUCCESS)
        return NULL;
    if (answer->record_count < 1) {
        slurm_free_job_info_msg(answer);
        errno = ESLURM_INVALID_JOB_ID;
        return NULL;
    }
    *record = &answer->job_array[0];
    return answer;
}

const char *ft_job_state_text(uint32_t job_state)
{
    static const char *const texts[] = {
        [JOB_PENDING] = "pending", [JOB_RUNNING] = "running", [JOB_SUSPENDED] = "suspended",
        [JOB_COMPLETE] = "completed", [JOB_CANCELLED] = "cancelled", [JOB_FAILED] = "failed",
        [JOB_TIMEOUT] = "at its time limit", [JOB_NODE_FAIL] = "ended for a failed node",
        [JOB_PREEMPTED] = "preempted", [JOB_BOOT_FAIL] = "ended as a node did not boot",
        [JOB_DEADLINE] = "past its deadline", [JOB_OOM] = "out of memory"};
    uint32_t base = job_state & JOB_STATE_BASE;

    return base < sizeof texts / sizeof texts[0] ? texts[base] : "in an unknown state";
}

bool ft_ask_has_node(const char *nodes, const char *name)
{
    struct ft_hostlist *list = ft_hostlist_parse(nodes != NULL ? nodes : "", NULL, 0);
    char brief[FT_HOST_NAME_MAX];
    bool has;

    snprintf(brief, sizeof brief, "%.*s", (int) strcspn(name, "."), name);
    has = list != NULL && (ft_hostlist_contains(list, name) || ft_hostlist_contains(list, brief));
    ft_hostlist_destroy(list);
    return has;
}

bool ft_ask_is_headless(const slurm_job_info_t *record)
{
    return (record->job_state & JOB_STATE_BASE) == JOB_RUNNING && record->batch_flag != 0 &&
           record->batch_host != NULL && record->nodes != NULL && record->nodes[0] != '\0' &&
           !ft_ask_has_node(record->nodes, record->batch_host);
}

enum ft_job_life ft_ask_life(uint32_t id, char *state, size_t size)
{
    slurm_job_info_t *record;
    job_info_msg_t *answer = ft_ask_job(id, &record);
    enum ft_job_life life;
    uint32_t base;

    if (answer == NULL) {
        bool gone = errno == ESLURM_INVALID_JOB_ID;

        snprintf(state, size, "%s", gone ? "over and forgotten" : slurm_strerror(errno));
        return gone ? FT_JOB_OVER : FT_JOB_UNKNOWN;
    }
    base = record->job_state & JOB_STATE_BASE;
    snprintf(state, size, "%s", ft_job_state_text(record->job_state));
    life = base == JOB_PENDING                            ? FT_JOB_WAITS
           : ft_ask_is_headless(record)                   ? FT_JOB_HEADLESS
           : base == JOB_RUNNING || base == JOB_SUSPENDED ? FT_JOB_RUNS
                                                          : FT_JOB_OVER;
    slurm_free_job_info_msg(answer);
    return life;
}

bool ft_ask_has_ended(uint32_t id, char *state, size_t size)
{
    enum ft_job_life life = ft_ask_life(id, state, size);

    if (life == FT_JOB_WAITS)
        snprintf(state, size, "requeued");
    if (life == FT_JOB_HEADLESS)
        snprintf(state, size, "without its first node");
    return life == FT_JOB_OVER || life == FT_JOB_WAITS || life == FT_JOB_HEADLESS;
}

static bool knows(const node_info_msg_t *nodes, const char *name, size_t length)
{
    for (uint32_t i = 0; i < nodes->record_count; i++) {
        const char *known = nodes->node_array[i].name;

        if (known != NULL && strlen(known) == length && strncmp(known, name, length) == 0)
            return true;
    }
    return false;
}

int ft_ask_known_nodes(char *names, size_t size)
{
    node_info_msg_t *nodes = NULL;
    struct ft_hostlist *list = ft_hostlist_parse(names, NULL, 0);
    size_t n = 0;

    if (list == NULL || slurm_load_node(0, &nodes, SHOW_ALL) != SLURM_SUCCESS) {
        ft_hostlist_destroy(list);
        return -1;
    }
    names[0] = '\0';
    for (size_t i = 0; i < ft_hostlist_count(list) && n < size; i++) {
        const char *name = ft_hostlist_at(list, i);
        size_t length = strlen(name);

        if (!knows(nodes, name, length))
            length = strcspn(name, ".");
        if (knows(nodes, name, length))
            n += (size_t) snprintf(names + n, size - n, "%s%.*s", n > 0 ? "," : "", (int) length,
                                   name);
    }
    slurm_free_node_info_msg(nodes);
    ft_hostlist_destroy(list);
    if (n < size)
        return 0;
    errno = ENOBUFS;
    return -1;
}

bool ft_ask_permits_expansion(void)
{
    slurm_conf_t *conf = NULL;
    bool permits;

    if (slurm_load_ctl_conf(0, &conf) != SLURM_SUCCESS)
        return false;
    permits = conf->sched_params != NULL &&
              strstr(conf->sched_params, "permit_job_expansion") != NULL;
    slurm_free_ctl_conf(conf);
    return permits;
}
