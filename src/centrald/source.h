/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * source.h - which resource manager a central unit gets its nodes from.
 */
#ifndef FT_CENTRALD_SOURCE_H
#define FT_CENTRALD_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/plan.h"
#include "rms/rms.h"

/* Makes the backend that the plan and the surroundings (a job of Slurm) ask for. `is_system`: a
 * system's unit, which is in nobody's job: for its sessions that are in no job of Slurm. NULL, and
 * why. */
struct ft_rms *ft_source_make(const struct ft_plan *plan, bool is_system, uv_loop_t *loop,
                              const struct ft_rms_events *events, void *arg, char *why,
                              size_t size);

/* Whether sessions of a system that are in a job of Slurm get their nodes from there. */
bool ft_source_is_slurm(const struct ft_plan *plan);

struct ft_source_session {
    uint32_t slurm_job;
    uint32_t uid;       /* whose it is */
    const char *spares; /* nodes of the job that its launcher keeps idle: "n4,n5"; NULL: none */
};

/* Makes a session's own; NULL, and why not. */
struct ft_rms *ft_source_for_session(const struct ft_plan *plan,
                                     const struct ft_source_session *session, uv_loop_t *loop,
                                     const struct ft_rms_events *events, void *arg, char *why,
                                     size_t size);

/* It goes by another plan from now on. 0, or -1 with errno. */
int ft_source_change(struct ft_rms *rms, const struct ft_plan *plan);

/* What tells what Slurm knows of all its nodes. NULL: the plan wants none, or it cannot be, which
 * is logged. */
struct ft_rms *ft_source_watch(const struct ft_plan *plan, uv_loop_t *loop,
                               const struct ft_rms_events *events, void *arg);

#endif
