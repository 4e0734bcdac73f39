/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reach.c - from a decision to a communicator that reaches the stand-in.
 *
 * One ftClaim tells what is to be done: start the program on the alternative (for one claimant
 * only), connect to the stand-in that another one has started, or use a rank that waits in the job.
 * Starting is MPI_Comm_spawn, connecting MPI_Comm_connect, both by this process alone; no
 * survivor's help is needed.
 *
 *   claim --FT_REACH_START--> spawn --ok--> stand-in announces itself (standin.c)
 *     |                         +--failed, late--> ftStartFailed: the runtime gives the next one
 *     +-----FT_REACH_PORT---> connect
 *     +-----FT_REACH_RANK---> nothing to do
 *
 * Called by preload.c for FTMPI_Reach.
 */
#include "config.h"

#include "reach.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounded.h"
#include "comms.h"
#include "ft_runtime.h"
#include "gone.h"
#include "who.h"

#define NO_END_MS 600000       /* "for ever" ends when nothing has happened for ten minutes */
#define TELL_FAILURE_MS 1000
#define ENV_MAX 8192
#define NEWS_MS 2000    /* so long the runtime may take to hear of a stand-in's death */
#define NEWS_STEP_MS 20

/* ---------------------------------------------------------------- start */

/* What the stand-in has to find in its environment: who it is, and what this process has of FT
 * itself. */
static void put_environment(MPI_Info info, const ftReply_t *claim)
{
    static const char *const passed_on[] = {"LD_PRELOAD", "FT_HOST", "FT_LOG"};
    FTMPI_Standin_t who = {.decision = claim->decision, .epoch = claim->epoch, .rank = -1};
    char text[FTM_WHO_MAX], lines[ENV_MAX];
    int n;

    if (claim->resource.kind == FT_RANK) {
        who.rank = (int) claim->resource.number;
        snprintf(who.job, sizeof who.job, "%s", claim->resource.job);
    }
    ftm_who_write(text, &who);
    n = snprintf(lines, sizeof lines, "%s=%s", FTM_WHO_ENV, text);
    for (size_t i = 0; i < sizeof passed_on / sizeof passed_on[0]; i++) {
        const char *value = getenv(passed_on[i]);

        if (value && !strchr(value, '\n')
            && (size_t) n + strlen(passed_on[i]) + strlen(value) + 3 < sizeof lines)
            n += snprintf(lines + n, sizeof lines - (size_t) n, "\n%s=%s", passed_on[i], value);
    }
    PMPI_Info_set(info, "PMIX_ENVAR", lines);
}

/* A node that the launcher does not have yet is added to its own; a full one is shared. */
static void put_place(MPI_Info info, const ftReply_t *claim)
{
    const char *node = claim->alternative.node;

    if (!claim->in_job)
        PMPI_Info_set(info, "PMIX_ADD_HOST", node);
    PMPI_Info_set(info, "PMIX_HOST", node);
    PMPI_Info_set(info, "PMIX_MAPBY", ":OVERSUBSCRIBE");
}

static int spawn(const ftReply_t *claim, const char *command, char *argv[],
                 struct ftm_limits *limits, MPI_Comm *comm)
{
    struct ftm_limits *before;
    MPI_Comm self = ftm_comms_self(), fresh;
    MPI_Info info;
    int rc;

    if (self == MPI_COMM_NULL || PMPI_Info_create(&info) != MPI_SUCCESS)
        return MPI_ERR_OTHER;
    put_place(info, claim);
    put_environment(info, claim);
    before = ftm_limit(limits);
    rc = PMPI_Comm_spawn(command, argv, 1, info, 0, self, &fresh, MPI_ERRCODES_IGNORE);
    ftm_limit(before);
    PMPI_Info_free(&info);
    if (rc != MPI_SUCCESS || fresh == MPI_COMM_NULL)
        return MPI_ERR_SPAWN;
    if (!ftm_comms_add(fresh))
        return MPI_ERR_OTHER;
    *comm = fresh;
    return MPI_SUCCESS;
}

static int start(ftHandle_t ft, const ftReply_t *claim, const char *command, char *argv[],
                 int64_t deadline_ns, MPI_Comm *comm)
{
    struct ftm_limits limits = {.deadline_ns = deadline_ns};
    const char *why = "the launcher refused to start it; its message is on mpirun's standard error";
    ftReply_t unused;
    int rc = spawn(claim, command, argv, &limits, comm);
    char text[FT_TEXT_MAX];

    if (rc == MPI_SUCCESS)
        return rc;
    if (limits.gave_up == PMIX_ERR_TIMEOUT)
        why = "it did not come up in time";
    else if (limits.gave_up == PMIX_ERR_PROC_ABORTED)
        why = "it ended before it had come up";
    snprintf(text, sizeof text, "%s on node %s: %s", command, claim->alternative.node, why);
    requestFT(ft, ftStartFailed(claim->decision, text), &unused, TELL_FAILURE_MS);
    return MPI_ERR_SPAWN;
}

/* ---------------------------------------------------------------- connect */

/* *died: whether it failed because the stand-in died. */
static int connect_to(const char *port, int64_t deadline_ns, MPI_Comm *comm, bool *died)
{
    struct ftm_limits limits = {.deadline_ns = deadline_ns}, *before;
    MPI_Comm self = ftm_comms_self(), fresh;
    pmix_proc_t standin;
    int rc;

    *died = false;
    if (self == MPI_COMM_NULL)
        return MPI_ERR_OTHER;
    if (ftm_port_owner(port, &standin))
        limits.peer = &standin;
    before = ftm_limit(&limits);
    rc = PMPI_Comm_connect(port, MPI_INFO_NULL, 0, self, &fresh);
    ftm_limit(before);
    *died = limits.gave_up == PMIX_ERR_PROC_ABORTED;
    if (rc != MPI_SUCCESS)
        return MPI_ERR_PORT;
    if (!ftm_comms_add(fresh))
        return MPI_ERR_OTHER;
    *comm = fresh;
    return MPI_SUCCESS;
}

/* The stand-in is dead, and this process knows it before the runtime does: findAlternative would
 * give the same one again. Returns once the runtime knows, or has had time enough. */
static int wait_for_news(ftHandle_t ft, uint64_t decision, int64_t deadline_ns)
{
    int64_t until_ns = ftm_deadline_ns(NEWS_MS), step_ns;
    ftRetVal_t rc = FT_OK;
    ftReply_t claim;

    if (deadline_ns < until_ns)
        until_ns = deadline_ns;
    ftm_lock();
    while (rc == FT_OK && ftm_now_ns() < until_ns) {
        step_ns = ftm_deadline_ns(NEWS_STEP_MS);
        while (ftm_now_ns() < step_ns)
            ftm_comms_wait(step_ns);
        ftm_unlock();
        rc = requestFT(ft, ftClaim(decision), &claim, NEWS_STEP_MS);
        ftm_lock();
    }
    ftm_unlock();
    return MPI_ERR_PORT;
}

/* ---------------------------------------------------------------- FTMPI_Reach */

static int after_claim(ftHandle_t ft, const ftReply_t *claim, const char *command, char *argv[],
                       int64_t deadline_ns, MPI_Comm *comm, int *rank)
{
    bool died;
    int rc;

    *rank = 0;
    switch (claim->reach) {
    case FT_REACH_START:
        return start(ft, claim, command, argv, deadline_ns, comm);
    case FT_REACH_PORT:
        rc = connect_to(claim->port, deadline_ns, comm, &died);
        return rc != MPI_SUCCESS && died ? wait_for_news(ft, claim->decision, deadline_ns) : rc;
    case FT_REACH_RANK:
        *comm = MPI_COMM_WORLD;
        *rank = claim->reach_rank;
        return MPI_SUCCESS;
    default:
        return MPI_ERR_OTHER;
    }
}

int ftm_reach(ftHandle_t ft, const ftReply_t *reply, const char *command, char *argv[],
              ftTimeout_t T, MPI_Comm *comm, int *rank, double step_ms[2])
{
    int64_t begin_ns = ftm_now_ns(), claimed_ns, deadline_ns;
    ftReply_t claim;
    ftRetVal_t rc;
    int result;

    if (step_ms)
        step_ms[0] = step_ms[1] = 0;
    if (comm)
        *comm = MPI_COMM_NULL;
    if (!reply || !command || !comm || !rank || T < FT_FOREVER || reply->decision == 0)
        return MPI_ERR_ARG;
    if (!ftm_comms_mpi_is_up())
        return MPI_ERR_OTHER;
    deadline_ns = ftm_deadline_ns(T == FT_FOREVER ? NO_END_MS : T);
    rc = requestFT(ft, ftClaim(reply->decision), &claim, ftm_left_ms(deadline_ns));
    claimed_ns = ftm_now_ns();
    if (step_ms)
        step_ms[0] = (double) (claimed_ns - begin_ns) / 1e6;
    if (rc != FT_OK)
        return rc == FT_ERR_UNFIT ? MPI_ERR_SPAWN : MPI_ERR_OTHER;
    result = after_claim(ft, &claim, command, argv, deadline_ns, comm, rank);
    if (step_ms)
        step_ms[1] = (double) (ftm_now_ns() - claimed_ns) / 1e6;
    return result;
}
