/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wish.h - what a job is to Slurm, and the request for one node more that is like its others.
 */
#ifndef FT_RMSHELP_WISH_H
#define FT_RMSHELP_WISH_H

#include <slurm/slurm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "rms/talk.h"

#define FT_SLURM_TEXT_MAX 4096

/* The job that a node is wanted for: what of its record matters here, copied. */
struct ft_parent {
    uint32_t id, uid, gid;
    char nodes[FT_SLURM_TEXT_MAX]; /* as Slurm writes them: n[1-3] */
    char partition[256], account[256], qos[256], reservation[256], features[256], wckey[256];
    char devices[256];             /* of each node: "gres/gpu:2"; "" none */
    uint32_t nodes_n;
    uint32_t cpus;                 /* of each node, rounded up */
    uint64_t memory;               /* as pn_min_memory: MB of a node, or of a CPU with MEM_PER_CPU */
    uint32_t disk_mb;
    uint16_t shared;
    time_t end;                    /* 0: no limit */
    bool runs;                     /* it has its nodes, and goes on */
};

void ft_parent_read(struct ft_parent *parent, const slurm_job_info_t *record);

/* A request, and the texts that it points into. */
struct ft_wish {
    job_desc_msg_t desc;
    char name[64], comment[200], excluded[FT_TALK_LINE_MAX], dependency[32];
    uint32_t time_limit; /* minutes, of an allocation of its own */
};

/* Makes the request out of the job's record and an order's keys: exclude, partition, cores,
 * memory_mb. `parent` and `order` are borrowed for as long as the wish is used. Returns 0, or -1
 * with errno ENOBUFS: too many nodes are excluded. */
int ft_wish_make(struct ft_wish *wish, const struct ft_parent *parent, const struct ft_talk *order,
                 time_t now);

/* The same node is to join the job instead of standing beside it. */
void ft_wish_joins(struct ft_wish *wish, const struct ft_parent *parent);

/* Neither joins it nor has a deadline: as it was made. For an estimate, which any way is too early
 * or too late for otherwise. */
void ft_wish_stands_alone(struct ft_wish *wish);

/* The job that such a request was made for, by the name and the comment that it bears; 0 if it is
 * none of ours. Both may be NULL. */
uint32_t ft_wish_parent(const char *name, const char *comment);

/* Minutes until `end`, rounded up, at least 1; INFINITE where it is 0. */
uint32_t ft_minutes_until(time_t end, time_t now);

/* The devices of one node, out of what all n nodes have: "gres/gpu=4,gres/nic=2" of 2 nodes is
 * "gres/gpu:2,gres/nic:1". Typed ones ("gres/gpu:a100=4") count, the sum beside them does not. */
void ft_devices_of_one(const char *tres, uint32_t nodes_n, char *devices, size_t size);
/* ... or out of what Slurm says that a node has: "gpu:a100:2(IDX:0,3),nic:1(IDX:0)" is
 * "gres/gpu:a100:2,gres/nic:1". */
void ft_devices_of_detail(const char *detail, char *devices, size_t size);

#endif
