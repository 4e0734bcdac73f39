/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * jobrequest.h - what a job with fault tolerance asks of Slurm, beyond what its user asked for.
 *
 * Used by `ft sbatch` and by the plugins for Slurm (pmix-plugin/slurm), so that both take the same
 * words and make the same job of them. Pure: texts in, texts out.
 */
#ifndef FT_COMMON_JOBREQUEST_H
#define FT_COMMON_JOBREQUEST_H

#include <stdbool.h>
#include <stddef.h>

#define FT_SPARES_MAX 1024

/* What MODE may be in --ft=MODE, for messages. */
#define FT_MODES "report, retarget or repair"

/* The value of --ft=MODE, or --mode, as a constant; "" without a value (NULL, ""). NULL if there is
 * no such mode. */
const char *ft_mode_parse(const char *text);

/* The mode that a job has: the one that was asked for; without a value (NULL, "") retarget if it has
 * spares, as nothing would use them otherwise, else report. */
const char *ft_mode_of(const char *asked, unsigned spares);
/* Whether losses are mended by the library in the ranks in this mode: retarget, repair. NULL: no. */
bool ft_mode_mends(const char *mode);

/* The value of --ft-spares=N. Returns 0, or -1 if it is no number from 0 to FT_SPARES_MAX. */
int ft_spares_parse(const char *text, unsigned *spares);

/* What the user asked for; NULL: he did not say. Numbers as Slurm's options take them. */
struct ft_job_request {
    const char *nodes;           /* --nodes: N or MIN-MAX */
    const char *ntasks;          /* --ntasks */
    const char *ntasks_per_node; /* --ntasks-per-node */
    const char *gpus;            /* --gpus: of the whole job */
};

/* What is to be asked for in its place; "": nothing else. */
struct ft_job_grown {
    char nodes[32];
    char ntasks[16];
    char ntasks_per_node[16];
    unsigned tasks; /* of the job itself, without the spares; 0 if not known */
};

/* The same job with `spares` nodes more, each with as many tasks as the others: a spare has to be
 * able to take a whole node's ranks.
 * Returns 0, or -1 with what is in the way, for people, in `why`: a number of nodes is needed, and
 * one that the tasks can be divided by; what is asked for the job as a whole cannot be grown. */
int ft_job_grow(const struct ft_job_request *asked, unsigned spares, struct ft_job_grown *grown,
                char *why, size_t size);

#endif
