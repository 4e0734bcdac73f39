/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * allocation.h - one node got from Slurm, from the request until it is given back.
 */
#ifndef FT_RMSHELP_ALLOCATION_H
#define FT_RMSHELP_ALLOCATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "rmshelp/wish.h"

struct ft_allocation {
    uint32_t parent;
    uint32_t own;      /* Slurm's number of the allocation beside the job; 0: there is none */
    char node[256];
    bool joined;       /* the node is the job's own now */
    time_t end;        /* 0: no limit */
    uint16_t notices;  /* port for slurmctld's notices, 0: none */
    bool stays;        /* when the side is over: left to whoever comes next, not given back */
    bool unwanted;     /* it was told so already */
    pid_t holder;      /* srun of the holder, 0: none */
    unsigned holders;  /* started so far */
};

enum ft_got { FT_GOT_NODE, FT_GOT_NOTHING, FT_GOT_OVER /* nobody wants it any more */ };

void ft_allocation_init(struct ft_allocation *allocation, uint32_t parent);

/* Asks for the wish: beside the job, or joining it. With wait_ms 0 or less, it has to be free at
 * once. `why` says what is in the way, if nothing was got; nothing is left of it then. */
enum ft_got ft_allocation_get(struct ft_allocation *allocation, struct ft_wish *wish, bool joins,
                              int64_t wait_ms, char *why, size_t size);

/* Looks for what another process got for the same job: by allocation->node, which it gets the rest
 * of. While slurmctld does not answer it waits for it. FT_GOT_NOTHING: there is none, and why. It
 * stays from now on. */
enum ft_got ft_allocation_adopt(struct ft_allocation *allocation, char *why, size_t size);

/* When such a node would be there, as slurmctld sees it: Unix time, 0 if it does not. */
int64_t ft_allocation_estimate(struct ft_wish *wish);

/* Keeps watch over what was got until somebody wants it given back, it ends, or the job does; then
 * gives it back, and says what happened. Returns when nothing is left of it; or, where it stays,
 * when the side is over. */
void ft_allocation_guard(struct ft_allocation *allocation, const char *program);

/* The holder: runs in the allocation `own`, and ends it when the job `parent` is over. */
int ft_allocation_hold(uint32_t parent, uint32_t own);

#endif
