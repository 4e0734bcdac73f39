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
#include <unistd.h>

#include "bounded.h"
#include "comms.h"
#include "ft_runtime.h"
#include "gone.h"
#include "who.h"

#define NO_END_MS 600000       /* "for ever" ends when nothing has happened for ten minutes */
#define TELL_FAILURE_MS 1000
#define NEWS_MS 2000    /* so long the runtime may take to hear of a stand-in's death */
#define NEWS_STEP_MS 20

/* ---------------------------------------------------------------- start */

/* What one process, one node or one login has of its own, or what the launcher gives each process.
 * All else (what the job script, a wrapper or `mpirun -x` set) belongs to the program, and its
 * stand-in gets it too. A name that ends in _ stands for all that begin so. */
static const char *const not_passed_on[] = {
    "PMIX_", "PRTE_", "OMPI_", "PMI_", "MPI_LOCALRANKID", "MPI_LOCALNRANKS", FTM_WHO_ENV, "_",
    "HOSTNAME", "PWD", "OLDPWD", "SHLVL", "TMPDIR", "TMP", "TEMP", "XDG_", "SSH_", "DBUS_",
    "DISPLAY", "XAUTHORITY", "TERM", "COLUMNS", "LINES", "LS_COLORS", "INVOCATION_ID",
    "JOURNAL_STREAM", "NOTIFY_SOCKET", "SLURM_", "SLURMD_", "PBS_", "LSB_", "HWLOC_",
    "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ZE_AFFINITY_MASK",
    "GOMP_CPU_AFFINITY",
};

static bool is_passed_on(const char *variable)
{
    size_t n = strcspn(variable, "=");

    if (n == 0 || variable[n] == '\0')
        return false;
    for (size_t i = 0; i < sizeof not_passed_on / sizeof not_passed_on[0]; i++) {
        size_t m = strlen(not_passed_on[i]);
        bool is_prefix = m > 1 && not_passed_on[i][m - 1] == '_';

        if (strncmp(variable, not_passed_on[i], m) == 0 && (is_prefix || n == m))
            return false;
    }
    return true;
}

/* The stand-in's environment: `who` first. To be freed; its texts are borrowed. */
static const char **make_environment(const char *who)
{
    size_t n = 0, kept = 0;
    const char **list;

    while (environ[n])
        n++;
    list = calloc(n + 2, sizeof *list);
    if (!list)
        return NULL;
    list[kept++] = who;
    for (size_t i = 0; i < n; i++)
        if (is_passed_on(environ[i]))
            list[kept++] = environ[i];
    return list;
}

/* FT_STANDIN=... */
static void describe(char text[FTM_WHO_MAX + sizeof FTM_WHO_ENV], const ftReply_t *claim)
{
    FTMPI_Standin_t who = {.decision = claim->decision, .epoch = claim->epoch, .rank = -1};

    if (claim->resource.kind == FT_RANK) {
        who.rank = (int) claim->resource.number;
        snprintf(who.job, sizeof who.job, "%s", claim->resource.job);
    }
    memcpy(text, FTM_WHO_ENV "=", sizeof FTM_WHO_ENV);
    ftm_who_write(text + sizeof FTM_WHO_ENV, &who);
}

/* A node that the launcher does not have yet is added to its own; a full one is shared. PRRTE
 * counts slots and cores apart: to go beyond the slots is OVERSUBSCRIBE, which also leaves the
 * process unbound; and a node whose cores are all bound to is still refused unless they may be
 * overloaded. Both are said, so that what the runtime has decided is not decided again there. */
static void put_place(MPI_Info info, const ftReply_t *claim)
{
    const char *node = claim->alternative.node;

    if (!claim->in_job)
        PMPI_Info_set(info, "PMIX_ADD_HOST", node);
    PMPI_Info_set(info, "PMIX_HOST", node);
    PMPI_Info_set(info, "PMIX_MAPBY", ":OVERSUBSCRIBE");
    PMPI_Info_set(info, "PMIX_BINDTO", "none:overload-allowed");
}

static int spawn(const ftReply_t *claim, const char *command, char *argv[],
                 struct ftm_limits *limits, MPI_Comm *comm)
{
    struct ftm_limits *before;
    MPI_Comm self = ftm_comms_self(), fresh;
    char who[FTM_WHO_MAX + sizeof FTM_WHO_ENV];
    const char **environment;
    MPI_Info info;
    int rc;

    describe(who, claim);
    environment = make_environment(who);
    if (self == MPI_COMM_NULL || !environment || PMPI_Info_create(&info) != MPI_SUCCESS) {
        free(environment);
        return MPI_ERR_OTHER;
    }
    put_place(info, claim);
    limits->env = environment; /* past MPI's info object, which holds 256 bytes a value */
    before = ftm_limit(limits);
    rc = PMPI_Comm_spawn(command, argv, 1, info, 0, self, &fresh, MPI_ERRCODES_IGNORE);
    ftm_limit(before);
    limits->env = NULL;
    free(environment);
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
