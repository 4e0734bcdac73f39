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
 *     +-----FT_REACH_RANK---> nothing to start: it has the lost rank's number (retarget.c)
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
#include "cid.h"
#include "comms.h"
#include "fresh.h"
#include "ft_runtime.h"
#include "gone.h"
#include "real.h"
#include "retarget.h"
#include "role.h"
#include "start.h"
#include "who.h"
#include "world.h"

#define NO_END_MS 600000       /* "for ever" ends when nothing has happened for ten minutes */
#define TELL_FAILURE_MS 1000
#define NEWS_MS 2000    /* so long the runtime may take to hear of a stand-in's death */
#define NEWS_STEP_MS 20
#define FOLDER_MAX 250  /* what an info object can hold */

/* ---------------------------------------------------------------- start */

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

/* What is to be started, and what for. */
struct task {
    const char *command;
    char **argv;
    const char *folder; /* NULL: wherever this process is now */
    int world_n;        /* it is to be a rank of a world of so many (fresh.h); 0: it is not */
};

static int spawn(const ftReply_t *claim, const struct task *task, struct ftm_limits *limits,
                 MPI_Comm *comm)
{
    struct ftm_limits *before;
    MPI_Comm self = ftm_comms_self(), fresh;
    char who[FTM_WHO_MAX + sizeof FTM_WHO_ENV], world[sizeof FTM_FRESH_ENV + 16];
    const char *own[] = {who, task->world_n > 0 ? world : NULL, NULL}, **environment;
    MPI_Info info;
    int rc;

    describe(who, claim);
    snprintf(world, sizeof world, FTM_FRESH_ENV "=%d", task->world_n);
    environment = ftm_start_environment(own);
    if (self == MPI_COMM_NULL || !environment || PMPI_Info_create(&info) != MPI_SUCCESS) {
        free(environment);
        return MPI_ERR_OTHER;
    }
    ftm_start_place(info, claim->alternative.node, claim->in_job);
    if (task->folder && task->folder[0] && strlen(task->folder) <= FOLDER_MAX)
        PMPI_Info_set(info, "wdir", task->folder);
    limits->envs = &environment; /* past MPI's info object, which holds 256 bytes a value */
    before = ftm_limit(limits);
    rc = PMPI_Comm_spawn(task->command, task->argv, 1, info, 0, self, &fresh,
                         MPI_ERRCODES_IGNORE);
    ftm_limit(before);
    limits->envs = NULL;
    free(environment);
    PMPI_Info_free(&info);
    if (rc != MPI_SUCCESS || fresh == MPI_COMM_NULL) {
        ftm_cid_unblock();
        return MPI_ERR_SPAWN;
    }
    if (!ftm_comms_add(fresh))
        return MPI_ERR_OTHER;
    *comm = fresh;
    return MPI_SUCCESS;
}

static int start(ftHandle_t ft, const ftReply_t *claim, const struct task *task,
                 int64_t deadline_ns, struct ftm_reached *reached)
{
    struct ftm_limits limits = {.deadline_ns = deadline_ns};
    const char *why = "the launcher refused to start it; its message is on mpirun's standard error";
    ftReply_t unused;
    int rc = spawn(claim, task, &limits, &reached->comm);
    char text[FT_TEXT_MAX];

    PMIX_LOAD_PROCID(&reached->proc, limits.spawned, 0);
    if (rc == MPI_SUCCESS)
        return rc;
    if (limits.gave_up == PMIX_ERR_TIMEOUT)
        why = "it did not come up in time";
    else if (limits.gave_up == PMIX_ERR_PROC_ABORTED)
        why = "it ended before it had come up";
    snprintf(text, sizeof text, "%s on node %s: %s", task->command, claim->alternative.node, why);
    requestFT(ft, ftStartFailed(claim->decision, text), &unused, TELL_FAILURE_MS);
    return MPI_ERR_SPAWN;
}

/* ---------------------------------------------------------------- connect */

/* *died: whether it failed because the stand-in died. */
static int connect_to(const char *port, int64_t deadline_ns, struct ftm_reached *reached,
                      bool *died)
{
    struct ftm_limits limits = {.deadline_ns = deadline_ns}, *before;
    MPI_Comm self = ftm_comms_self(), fresh;
    int rc;

    *died = false;
    if (self == MPI_COMM_NULL)
        return MPI_ERR_OTHER;
    if (ftm_port_owner(port, &reached->proc))
        limits.peer = &reached->proc;
    before = ftm_limit(&limits);
    rc = PMPI_Comm_connect(port, MPI_INFO_NULL, 0, self, &fresh);
    ftm_limit(before);
    *died = limits.gave_up == PMIX_ERR_PROC_ABORTED;
    if (rc != MPI_SUCCESS) {
        ftm_cid_unblock();
        return MPI_ERR_PORT;
    }
    if (!ftm_comms_add(fresh))
        return MPI_ERR_OTHER;
    reached->comm = fresh;
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

/* ---------------------------------------------------------------- a rank that waited */

/* The runtime counts processes of the job. So does the application, unless the layer is in force:
 * then a spare has the number of the rank in whose place it is. */
static int at_rank(const ftReply_t *claim, struct ftm_reached *reached)
{
    const ftResource_t *lost = &claim->resource;
    int rc = MPI_SUCCESS;

    if (lost->kind != FT_RANK || strcmp(lost->job, ftm_role_job()) != 0)
        return MPI_ERR_PORT; /* of another job: no communicator of ours leads there */
    reached->rank = claim->reach_rank;
    if (ftm_world_is_in_force())
        rc = ftm_retarget_to((int) lost->number, claim->reach_rank, &reached->rank);
    if (rc == MPI_SUCCESS)
        reached->comm = MPI_COMM_WORLD;
    return rc == MPI_SUCCESS ? rc : MPI_ERR_PORT;
}

/* ---------------------------------------------------------------- FTMPI_Reach */

static int after_claim(ftHandle_t ft, const ftReply_t *claim, const struct task *task,
                       int64_t deadline_ns, struct ftm_reached *reached)
{
    bool died;
    int rc;

    memset(reached, 0, sizeof *reached);
    reached->comm = MPI_COMM_NULL;
    switch (claim->reach) {
    case FT_REACH_START:
        return start(ft, claim, task, deadline_ns, reached);
    case FT_REACH_PORT:
        rc = connect_to(claim->port, deadline_ns, reached, &died);
        return rc != MPI_SUCCESS && died ? wait_for_news(ft, claim->decision, deadline_ns) : rc;
    case FT_REACH_RANK:
        return at_rank(claim, reached);
    default:
        return MPI_ERR_OTHER;
    }
}

int ftm_reach_for_world(ftHandle_t ft, const ftReply_t *reply, const struct ftm_program *program,
                        int64_t deadline_ns, struct ftm_reached *reached, char *why, size_t size)
{
    struct task task = {program->command, program->argv, program->folder, ftm_world_n};
    ftReply_t claim;
    ftRetVal_t rc = requestFT(ft, ftClaim(reply->decision), &claim, ftm_left_ms(deadline_ns));
    int result;

    if (rc != FT_OK) {
        snprintf(why, size, "%s", claim.reason);
        return rc == FT_ERR_UNFIT ? MPI_ERR_SPAWN : MPI_ERR_OTHER;
    }
    if (claim.reach != FT_REACH_START && claim.reach != FT_REACH_PORT)
        return MPI_ERR_PORT; /* it is reached otherwise by now: to be asked again */
    result = after_claim(ft, &claim, &task, deadline_ns, reached);
    if (result != MPI_SUCCESS)
        snprintf(why, size, "what was to take its place on node %.200s could not be %s",
                 claim.alternative.node,
                 claim.reach == FT_REACH_START ? "started" : "connected to");
    return result;
}

int ftm_reach(ftHandle_t ft, const ftReply_t *reply, const char *command, char *argv[],
              ftTimeout_t T, MPI_Comm *comm, int *rank, double step_ms[2])
{
    struct task task = {.command = command, .argv = argv};
    int64_t begin_ns = ftm_now_ns(), claimed_ns, deadline_ns;
    struct ftm_reached reached;
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
    result = after_claim(ft, &claim, &task, deadline_ns, &reached);
    *comm = reached.comm;
    *rank = reached.rank;
    if (step_ms)
        step_ms[1] = (double) (ftm_now_ns() - claimed_ns) / 1e6;
    return result;
}
