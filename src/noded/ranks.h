/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ranks.h - the processes of jobs on this node, as the launchers' daemons tell of them: ended when
 * this node is cut off or was declared lost, and reported when one is stopped.
 */
#ifndef FT_NODED_RANKS_H
#define FT_NODED_RANKS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "wire/ft.pb-c.h"

#define FT_RANKS_MAX 16384       /* on this node, of all jobs together */
#define FT_RANKS_JOBS_MAX 1024
#define FT_RANKS_LOOKS_MAX 1024  /* processes looked at each second, whether they are stopped */
#define FT_RANKS_TOUCH_MS 1900   /* a launcher that was heard of within is in touch */

struct ft_ranks;

/* What there is to tell people. name: "rank_stopped", "rank_resumed", "rank_stopped_killed",
 * "ranks_killed", "ranks_spared"; job and rank: NULL and -1 where it is about all of them. Borrowed
 * for the call. */
typedef void (*ft_ranks_report_fn)(void *arg, const char *name, const char *job, int rank,
                                   const char *text);

/* NULL with errno ENOMEM. */
struct ft_ranks *ft_ranks_create(uv_loop_t *loop, ft_ranks_report_fn report, void *arg);

/* RANKS_HERE: all processes of a job on this node, told by a process of user `uid`; only processes
 * of that user are taken, root may tell of all. Returns an ftRetVal_t, with `why` unless it is
 * FT_OK. */
int ft_ranks_here(struct ft_ranks *ranks, uid_t uid, const Ft__Request *request, char *why,
                  size_t size);

/* The node's lease is over, and nothing is heard of the central unit's host. Ranks whose launcher
 * is not heard of either are killed; those whose daemon is in touch with it live on, as long as it
 * is. Again and again until ft_ranks_lease_back. why: a sentence. */
void ft_ranks_lease_lost(struct ft_ranks *ranks, const char *why);
void ft_ranks_lease_back(struct ft_ranks *ranks);

/* This node was declared lost: what is here has a stand-in, or soon will. All are killed. */
void ft_ranks_declared(struct ft_ranks *ranks, const char *why);

/* The signal that ends this process, of which nothing is left but what the kernel has still to
 * clear away: none of its threads will run its program again. 0: it lives, or ends without a signal,
 * or it is not known here as this rank, or gone already. */
int ft_ranks_killed_by(const struct ft_ranks *ranks, const char *job, int32_t rank, pid_t pid);

/* The central unit has one process ended: it has a rank's place, and does not take it. */
void ft_ranks_end_one(struct ft_ranks *ranks, const char *job, int rank, const char *why);

size_t ft_ranks_count(const struct ft_ranks *ranks);

/* Closes its timer; to be destroyed when the loop has run out, or run once more. */
void ft_ranks_stop(struct ft_ranks *ranks);
void ft_ranks_destroy(struct ft_ranks *ranks); /* takes NULL */

#endif
