/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slurmjob.c - owns nothing: reads what Slurm put into a job's environment.
 *
 * Used by a job's own central unit, and by libft in a launcher that attaches to the system's: both
 * get their other nodes for that job then. SLURM_JOB_ID is the number by which slurmctld knows the
 * job, also one of an array. Whatever the mode is (FT_MODE): that says what the library in the ranks
 * does, and a program may ask for a node by itself.
 */
#include "common/slurmjob.h"

#include <errno.h>
#include <stdlib.h>

uint32_t ft_slurm_job(void)
{
    const char *text = getenv("SLURM_JOB_ID");
    char *end;
    unsigned long id;

    if (text == NULL || text[0] < '0' || text[0] > '9')
        return 0;
    errno = 0;
    id = strtoul(text, &end, 10);
    return errno == 0 && *end == '\0' && id < UINT32_MAX ? (uint32_t) id : 0;
}
