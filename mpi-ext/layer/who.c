/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * who.c - what a stand-in finds in its environment about whom it stands in for, and tells of
 * itself.
 *
 * Written by reach.c into the environment of the program that it starts, read by standin.c there:
 *
 *     FT_STANDIN=decision:epoch:rank:job       FT_STANDIN=7:1:3:prterun-n0-71@1
 *
 * The job comes last: its name may hold anything.
 *
 * The port at which it can be reached begins with its own PMIx name (to Open MPI, a port is any
 * text), so that whoever connects there gives up once that process is dead:
 *
 *     rank;job;port of MPI_Open_port           0;prterun-n0-71@2;1404108802.0:1798765950
 *
 * Needs no MPI.
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

bool ftm_port_write(char text[FTM_PORT_MAX], const pmix_proc_t *owner, const char *opened)
{
    int n = snprintf(text, FTM_PORT_MAX, "%" PRIu32 ";%s;%s", owner->rank, owner->nspace, opened);

    return n > 0 && n < FTM_PORT_MAX && strchr(owner->nspace, ';') == NULL;
}

bool ftm_port_owner(const char *text, pmix_proc_t *owner)
{
    uint32_t rank;
    int job_at = 0;
    size_t n;

    if (sscanf(text, "%" SCNu32 ";%n", &rank, &job_at) != 1 || job_at == 0)
        return false;
    n = strcspn(text + job_at, ";");
    if (n == 0 || n > PMIX_MAX_NSLEN || text[job_at + (int) n] != ';')
        return false;
    memset(owner, 0, sizeof *owner);
    memcpy(owner->nspace, text + job_at, n);
    owner->rank = rank;
    return true;
}
