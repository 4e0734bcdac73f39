/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ask.h - questions to slurmctld that several parts have.
 */
#ifndef FT_RMSHELP_ASK_H
#define FT_RMSHELP_ASK_H

#include <slurm/slurm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The record of a job; to be freed with slurm_free_job_info_msg. NULL with errno: slurmctld's (a
 * job that it does not know any more is ESLURM_INVALID_JOB_ID), or its silence's. */
job_info_msg_t *ft_ask_job(uint32_t id, slurm_job_info_t **record);

enum ft_job_life {
    FT_JOB_WAITS,
    FT_JOB_RUNS,
    FT_JOB_HEADLESS, /* it runs, without its first node */
    FT_JOB_OVER,
    FT_JOB_UNKNOWN /* nobody answers */
};

/* What became of a job. `state` gets it in words, or why it is not known. */
enum ft_job_life ft_ask_life(uint32_t id, char *state, size_t size);

/* Whether a node is in a list of Slurm's, by its short or its long name. */
bool ft_ask_has_node(const char *nodes, const char *name);

/* Whether a batch job that runs has lost the node of its script (head.c). */
bool ft_ask_is_headless(const slurm_job_info_t *record);

/* Whether a job that got nodes has ended, or this run of it: one that waits was requeued, and what it
 * got in the run before is nothing to the next; one without its first node is only not over to Slurm.
 * `state` as above. False where nobody answers. */
bool ft_ask_has_ended(uint32_t id, char *state, size_t size);

/* A state in words. */
const char *ft_job_state_text(uint32_t job_state);

/* Takes the names out of a list of nodes that slurmctld does not know: the short name is put in
 * place of a long one that it knows by the short. Returns 0, or -1 with errno. */
int ft_ask_known_nodes(char *names, size_t size);

/* Whether the site lets jobs grow. */
bool ft_ask_permits_expansion(void);


#endif
