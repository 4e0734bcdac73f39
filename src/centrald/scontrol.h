/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scontrol.h - asks Slurm, ahead of time and again and again, what its nodes should be.
 */
#ifndef FT_CENTRALD_SCONTROL_H
#define FT_CENTRALD_SCONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#define FT_SCONTROL_EACH_MS 60000
#define FT_SCONTROL_TIMEOUT_MS 20000
#define FT_SCONTROL_BYTES_MAX (64u << 20)

struct ft_scontrol;

/* Told of every answer: the records (as cms/records.h), or NULL and why there are none. Both are
 * borrowed for the call. */
typedef void (*ft_scontrol_fn)(void *arg, const char *records, const char *why);

/* Asks at once, then each FT_SCONTROL_EACH_MS. program: "" is scontrol, found by PATH. NULL with
 * errno ENOMEM. */
struct ft_scontrol *ft_scontrol_create(uv_loop_t *loop, const char *program, ft_scontrol_fn told,
                                       void *arg);

/* Asks no more; what runs is killed. Frees itself from the loop. Takes NULL. */
void ft_scontrol_stop(struct ft_scontrol *scontrol);

#endif
