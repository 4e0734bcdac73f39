/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * jobrequest.c - a job's request to Slurm, grown by its spare nodes.
 *
 * A spare is a node like the others, so everything that Slurm counts per node grows by itself. What
 * it counts for the whole job has to be grown here (--ntasks), or cannot be (--gpus: which node
 * would go without?) and is refused. The user's tasks are to fill the nodes that he asked for and
 * no other: they are made tasks per node, which is the same only if they can be divided evenly.
 */
#include "common/jobrequest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 16777216u /* Slurm has no more nodes or tasks either */

const char *ft_mode_parse(const char *text)
{
    static const char *const modes[] = {"report", "retarget", "repair"};

    if (!text || !*text)
        return "";
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(text, modes[i]) == 0)
            return modes[i];
    return NULL;
}

const char *ft_mode_of(const char *asked, unsigned spares)
{
    if (asked && *asked)
        return asked;
    return spares > 0 ? "retarget" : "report";
}

bool ft_mode_mends(const char *mode)
{
    return mode && (strcmp(mode, "retarget") == 0 || strcmp(mode, "repair") == 0);
}

/* Reads a number of at least `least` with its unit (k: 1024, m: 1024 * 1024, as Slurm has it, if
 * `units`) and moves *text behind it. Returns 0, or -1. */
static int take_number(const char **text, unsigned least, bool units, unsigned *number)
{
    unsigned long n, factor = 1;
    char *end;

    if (**text < '0' || **text > '9')
        return -1;
    errno = 0;
    n = strtoul(*text, &end, 10);
    if (units && (*end == 'k' || *end == 'K'))
        factor = 1024;
    else if (units && (*end == 'm' || *end == 'M'))
        factor = 1024 * 1024;
    if (errno || n < least || n > NUMBER_MAX / factor)
        return -1;
    *number = (unsigned) (n * factor);
    *text = end + (factor > 1);
    return 0;
}

int ft_spares_parse(const char *text, unsigned *spares)
{
    return text && take_number(&text, 0, false, spares) == 0 && !*text && *spares <= FT_SPARES_MAX
               ? 0 : -1;
}

/* N or MIN-MAX, of which MAX may be missing (0 then: no limit). */
static int take_range(const char *text, unsigned *min, unsigned *max)
{
    if (take_number(&text, 1, true, min) < 0)
        return -1;
    *max = *min;
    if (!*text)
        return 0;
    if (*text++ != '-')
        return -1;
    *max = 0;
    if (!*text)
        return 0;
    return take_number(&text, 1, true, max) < 0 || *text || *max < *min ? -1 : 0;
}

static int take_whole(const char *text, unsigned *number)
{
    return take_number(&text, 1, false, number) < 0 || *text ? -1 : 0;
}

static int grow_nodes(const char *asked, unsigned spares, struct ft_job_grown *grown,
                      unsigned *nodes, bool *exact, char *why, size_t size)
{
    unsigned max;

    if (!asked) {
        snprintf(why, size, "--ft-spares=%u needs --nodes: the spares are asked for beside them",
                 spares);
        return -1;
    }
    if (take_range(asked, nodes, &max) < 0) {
        snprintf(why, size, "--ft-spares=%u: nothing can be added to --nodes=%s; it takes N or "
                 "MIN-MAX", spares, asked);
        return -1;
    }
    *exact = *nodes == max;
    if (*exact)
        snprintf(grown->nodes, sizeof grown->nodes, "%u", *nodes + spares);
    else if (max)
        snprintf(grown->nodes, sizeof grown->nodes, "%u-%u", *nodes + spares, max + spares);
    else
        snprintf(grown->nodes, sizeof grown->nodes, "%u-", *nodes + spares);
    return 0;
}

static int grow_tasks(const struct ft_job_request *asked, unsigned nodes, bool exact,
                      unsigned spares, struct ft_job_grown *grown, char *why, size_t size)
{
    unsigned tasks, per_node;

    if (!asked->ntasks) {
        if (asked->ntasks_per_node && exact && take_whole(asked->ntasks_per_node, &per_node) == 0)
            grown->tasks = nodes * per_node;
        return 0;
    }
    if (take_whole(asked->ntasks, &tasks) < 0) {
        snprintf(why, size, "--ntasks=%s: it takes a number", asked->ntasks);
        return -1;
    }
    if (!exact || tasks % nodes != 0) {
        snprintf(why, size, "--ft-spares=%u: %u tasks cannot be spread evenly on --nodes=%s, so "
                 "that it is not known what a spare has to be able to take; give --nodes=N and "
                 "--ntasks-per-node", spares, tasks, asked->nodes);
        return -1;
    }
    per_node = tasks / nodes;
    if (asked->ntasks_per_node
        && (take_whole(asked->ntasks_per_node, &per_node) < 0 || per_node != tasks / nodes)) {
        snprintf(why, size, "--ft-spares=%u: --ntasks=%u on --nodes=%s is not "
                 "--ntasks-per-node=%s; leave --ntasks out", spares, tasks, asked->nodes,
                 asked->ntasks_per_node);
        return -1;
    }
    grown->tasks = tasks;
    snprintf(grown->ntasks, sizeof grown->ntasks, "%u", per_node * (nodes + spares));
    snprintf(grown->ntasks_per_node, sizeof grown->ntasks_per_node, "%u", per_node);
    return 0;
}

int ft_job_grow(const struct ft_job_request *asked, unsigned spares, struct ft_job_grown *grown,
                char *why, size_t size)
{
    unsigned nodes;
    bool exact;

    memset(grown, 0, sizeof *grown);
    if (spares == 0)
        return 0;
    if (asked->gpus) {
        snprintf(why, size, "--ft-spares=%u: --gpus=%s are the whole job's, and a spare would be "
                 "without; give --gpus-per-node", spares, asked->gpus);
        return -1;
    }
    if (grow_nodes(asked->nodes, spares, grown, &nodes, &exact, why, size) < 0)
        return -1;
    return grow_tasks(asked, nodes, exact, spares, grown, why, size);
}
