/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plugins.h - what the two plugins for Slurm tell each other and the job.
 *
 * Both live in the same sbatch, salloc or srun, one after the other: SPANK takes the options, the
 * cli_filter plugin changes the request, SPANK looks whether it did. Slurm gives them nothing to
 * share but the environment, which has to take the facts to the job's nodes anyway; variables that
 * begin with SLURM_ get there even with --export=NONE.
 */
#ifndef FT_SLURM_PLUGINS_H
#define FT_SLURM_PLUGINS_H

/* The plugin's name to SPANK, and its options. */
#define FT_SPANK_NAME "ft"
#define FT_OPTION "ft"
#define FT_OPTION_SPARES "ft-spares"

/* Set where the request was changed: how many of the job's nodes are spares (0: none), and, if it
 * is known, how many tasks the user asked for. */
#define FT_REQUEST_SPARES "SLURM_FT_SPARES"
#define FT_REQUEST_TASKS "SLURM_FT_TASKS"

/* A micro release changes no interface; SPANK's own check of versions is the same. */
#define FT_SLURM_SAME(a, b) (((a) & 0xffff00) == ((b) & 0xffff00))

#endif
