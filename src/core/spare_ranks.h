/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spare_ranks.h - the warm spare ranks of jobs: which there are, how they are, whose place each took.
 */
#ifndef FT_CORE_SPARE_RANKS_H
#define FT_CORE_SPARE_RANKS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/state.h"
#include "core/waiter.h"

#define FT_SPARE_RANKS_MAX 4096        /* of one job */
#define FT_SPARE_AWAY_MAX_NS (10 * 1000 * NS_PER_MS) /* one that is not heard for longer is not given */

struct ft_spare_job;

/* A spare rank. Read by recovery.c, changed only by spare_ranks.c. Lives as long as its job. */
struct ft_spare {
    struct ft_spare_job *job;
    int rank;                  /* in the job's real world */
    int64_t pid;
    struct ft_node *node;
    bool used;                 /* it was given a rank: once and for all */
    bool gone;                 /* its process has ended, or its node is lost */
    bool awaited;              /* it was given one, and has to be heard of by the timer's time */
    unsigned orders_n;         /* to end it, as it was not */
    uint64_t decision;         /* which gave it its rank; 0: none */
    struct ft_waiting waiting; /* its request; empty while it is away */
    int64_t away_ns;           /* since when it has none */
    bool checked, unfit;       /* its node was probed lately; it is not fit */
    char why[200];             /* it is unfit */
    uint64_t probe;            /* awaited, 0: none */
    struct ft_timer timer;     /* of the next check, of the probe, or of its begin */
    uint64_t refused_by;       /* the decision that looked at it and did not take it */
    struct ft_spare *next;     /* of its job, by rank */
};

struct ft_spare_ranks;

struct ft_spare_ranks *ft_spare_ranks_create(void); /* NULL: out of memory */
void ft_spare_ranks_destroy(struct ft_central *central);

/* The spares of a job, by rank; NULL if it has none. Then ->next. */
struct ft_spare *ft_spare_ranks_first(const struct ft_central *central, const char *job);
/* The spare that this rank of the job is, NULL if it is none. */
struct ft_spare *ft_spare_ranks_find(const struct ft_central *central, const char *job, int rank);

/* Whether it may be given a rank now; `why` (size bytes; may be NULL) says why not. */
bool ft_spare_is_free(struct ft_central *central, const struct ft_spare *spare, char *why,
                      size_t size);

/* It is in a subject's place from now on, by this decision, which is in use. Returns 0, or -1 with
 * errno ENOMEM or EBUSY (somebody asks about the spare itself just now) and nothing changed. */
int ft_spare_occupy(struct ft_spare *spare, struct ft_decision *decision);
/* The decision was made and kept: the spare, if it waits, is told. */
void ft_spare_wake(struct ft_spare *spare, struct ft_decision *decision);

/* A node's unit is gone: what its spares do cannot be known for a while. */
void ft_spare_ranks_unit_down(struct ft_central *central, const struct ft_node *node);

/* A process of a job has ended; a job has; a job is forgotten. */
void ft_spare_ranks_process_ended(struct ft_central *central, const struct ft_process *process);
void ft_spare_ranks_job_ended(struct ft_central *central, const struct ft_job *job);
void ft_spare_ranks_forget(struct ft_central *central, const char *job);

/* A spare's request is about to be dropped: it is away. */
void ft_spare_ranks_abandoned(struct ft_central *central, const struct ft_waiter *waiter);
/* The node, if the probe was one of a spare's; else NULL. */
struct ft_node *ft_spare_ranks_probed(struct ft_central *central, uint64_t probe,
                                      const struct ft_measured *measured);
/* Its time has come: to be checked again, or the probe took too long, or it has not begun. */
void ft_spare_expire(struct ft_central *central, struct ft_spare *spare);

/* ---- what was kept. -1 with errno ENOMEM */
int ft_spare_ranks_restore(struct ft_central *central, const char *job, int rank, int64_t pid,
                           struct ft_node *node, int world_n, bool used, uint64_t decision);
int ft_spare_ranks_restore_done(struct ft_central *central, const char *job, int rank, int world_n);
/* A decision that gave its subject a spare goes on: that spare is in use. */
void ft_spare_ranks_revive(struct ft_decision *decision);

int ft_spare_world(const struct ft_spare *spare); /* ranks of its job's world */
const char *ft_spare_job_name(const struct ft_spare *spare);

#endif
