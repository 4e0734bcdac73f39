/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * source.h - which resource manager a central unit gets its nodes from.
 */
#ifndef FT_CENTRALD_SOURCE_H
#define FT_CENTRALD_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "core/plan.h"
#include "rms/rms.h"

/* Makes the backend that the plan and the surroundings (a job of Slurm) ask for. `is_system`: a
 * system's unit, which is in nobody's job. NULL, and why. */
struct ft_rms *ft_source_make(const struct ft_plan *plan, bool is_system, uv_loop_t *loop,
                              const struct ft_rms_events *events, void *arg, char *why,
                              size_t size);

#endif
