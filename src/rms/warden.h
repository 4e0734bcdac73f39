/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * warden.h - what only Slurm's administrator may do: drain a node, raise a job's time limit.
 *
 *     struct ft_warden *warden = ft_warden_create(&config, told, arg);
 *     ft_warden_suspect(warden, &suspect, false);    ... told(arg, {FT_RMS_DRAIN, done, "n3"})
 *     ft_warden_time_lost(warden, 2300, own, own_n); ... told(arg, {FT_RMS_TIME, not done, why})
 */
#ifndef FT_RMS_WARDEN_H
#define FT_RMS_WARDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "rms/rms.h"

#define FT_WARDEN_QUEUE_MAX 64  /* more at once are told as not done */
#define FT_WARDEN_DRAINS_MAX 8  /* nodes that are drained for one job */
#define FT_WARDEN_BESIDE_MAX 64 /* allocations whose end follows the job's */

struct ft_warden;

struct ft_warden_config {
    uv_loop_t *loop;
    const char *helper;       /* path of ft-rms-slurm; borrowed for life */
    char *const *environment; /* for it; copied */
    uint32_t job;
    bool owned;               /* it has to be user `uid`'s job: else nothing is done for it */
    uint32_t uid;
    bool drain;               /* else nodes are not drained, only asked for */
    unsigned give_time_max_s; /* so much is given back to the job, at the most; 0: none */
};

/* Once for what was asked, unless there is no need for it any more: the job is over, the node is
 * drained already, the job has no time limit. Comes from the loop, or from within the call. NULL:
 * out of memory. */
typedef void (*ft_warden_fn)(void *arg, const struct ft_rms_request *request);
struct ft_warden *ft_warden_create(const struct ft_warden_config *config, ft_warden_fn told,
                                   void *arg);

/* What is under way is not told any more; the loop has to go on. Takes NULL. */
void ft_warden_destroy(struct ft_warden *warden);

/* soon: somebody waits for the answer, else it has time until the job has gone on. */
void ft_warden_suspect(struct ft_warden *warden, const struct ft_suspect *suspect, bool soon);

/* Whether that node is about to be drained: until then it should not be given back. */
bool ft_warden_is_about(const struct ft_warden *warden, const char *node);
/* `over` is called when it is drained, or will not be. */
void ft_warden_on_over(struct ft_warden *warden, void (*over)(void *arg, const char *node));

/* The job lost that much more; own: the allocations beside it. */
void ft_warden_time_lost(struct ft_warden *warden, int64_t ms, const uint32_t *own, size_t own_n);

/* Other settings from now on. */
void ft_warden_change(struct ft_warden *warden, bool drain, unsigned give_time_max_s);

#endif
