/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * who.c - what a stand-in finds in its environment about whom it stands in for.
 *
 * Written by reach.c into the environment of the program that it starts, read by standin.c there:
 *
 *     FT_STANDIN=decision:epoch:rank:job       FT_STANDIN=7:1:3:prterun-n0-71@1
 *
 * The job comes last: its name may hold anything. Needs no MPI.
 */
#include "config.h"

#include "who.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void ftm_who_write(char text[FTM_WHO_MAX], const FTMPI_Standin_t *who)
{
    snprintf(text, FTM_WHO_MAX, "%" PRIu64 ":%" PRIu32 ":%d:%s", who->decision, who->epoch,
             who->rank, who->job);
}

bool ftm_who_read(const char *text, FTMPI_Standin_t *who)
{
    int job_at = 0;

    memset(who, 0, sizeof *who);
    if (text
        && sscanf(text, "%" SCNu64 ":%" SCNu32 ":%d:%n", &who->decision, &who->epoch, &who->rank,
                  &job_at) == 3
        && job_at > 0 && who->decision > 0 && who->rank >= -1
        && strlen(text + job_at) < sizeof who->job) {
        who->is_standin = 1;
        strcpy(who->job, text + job_at);
    } else {
        memset(who, 0, sizeof *who);
        who->rank = -1;
    }
    return who->is_standin;
}
