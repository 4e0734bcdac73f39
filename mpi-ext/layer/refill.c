/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * refill.c - processes that are started for lost ranks in the middle of a repair, where no warm
 * spare is left.
 *
 *   those who live (ftm_refill)                       the new processes (ftm_refill_join)
 *     the leader: ftClaim for each need
 *     node by node, over Q, then over what Q has become:
 *       all: MPI_Comm_spawn                ---------->  MPI_Init
 *       MPI_Intercomm_merge, they low      <--------->  MPI_Intercomm_merge, they high
 *       agreement over Q: it went well
 *       MPI_Barrier on the merged one      <--------->  MPI_Barrier: those who live know, too;
 *                                                       they take part in what is left to do
 *
 * Node by node, as PRRTE's daemons do not live through a job of several programs that is started
 * into another one.
 *
 * A process that dies in the middle ends each of these steps: what waits in MPI by Q's being
 * revoked by whoever sees an error; what waits in PMIx by bounded.c. After the agreement all of Q
 * go on with the bigger communicator, or all without it. A new process that has not come through
 * the barrier cannot know which, and takes itself out of the way: whoever goes on with it finds it
 * dead.
 *
 * To the runtime this is FTMPI_Reach's road: a claim, a start, an announcement (ftm_refill_joined).
 * A claim is made once: what was claimed in a round that failed for another reason is started again
 * in the next one, and given up (ftStartFailed) after START_TRIES.
 *
 * Called by repair.c; init.c in the new process.
 */
#include "config.h"

#include "refill.h"

#include <inttypes.h>
#include <mpi.h>
#include <mpi-ext.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bounded.h"
#include "comms.h"
#include "ft_runtime.h"
#include "gone.h"
#include "role.h"
#include "runtime.h"
#include "standin.h"
#include "start.h"
#include "who.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define ASK_MS 5000    /* a claim, a report */
#define NEWS_MS 2000   /* so long the runtime may take to hear of a process's death */
#define NEWS_STEP_MS 20
#define START_TRIES 2  /* of one claim */
#define CLAIMS 4096    /* remembered */
#define JOIN_HEAD_MAX 64 /* bytes of FT_JOIN */
#define JOIN_NEED_MAX 48
#define STEP_MAX 64 /* processes that are started at once */
#define FOLDER_MAX 250 /* what an info object can hold */

#define WENT_WELL 1
#define STARTED 2 /* bits of the agreement */

void ftm_need_fill(struct ftm_need *need, int v, const ftReply_t *reply)
{
    memset(need, 0, sizeof *need);
    need->v = v;
    need->decision = reply->decision;
    need->epoch = reply->epoch;
    need->in_job = reply->in_job;
    snprintf(need->node, sizeof need->node, "%s", reply->alternative.node);
}

bool ftm_refill_may_shrink(void)
{
    const char *text = getenv(FTM_SHRINK_ENV);

    return text && strcmp(text, "1") == 0;
}

/* ---------------------------------------------------------------- claims */

/* What this process was told to start. Only the one thread that repairs is here. */
static struct claim {
    uint64_t decision;
    int starts;
} claims[CLAIMS];

static struct claim *claim_of(uint64_t decision)
{
    for (size_t i = 0; i < CLAIMS; i++)
        if (claims[i].decision == decision)
            return &claims[i];
    return NULL;
}

static void remember(uint64_t decision)
{
    static size_t next;

    claims[next++ % CLAIMS] = (struct claim){.decision = decision};
}

static void give_up(uint64_t decision, const char *why)
{
    struct claim *claim = claim_of(decision);
    ftReply_t unused;
    ftHandle_t ft;

    if (claim)
        claim->decision = 0;
    if (ftm_runtime(&ft) == FT_OK)
        requestFT(ft, ftStartFailed(decision, why), &unused, ASK_MS);
}

/* What was started for it is dead (it is not among those who repair), and the runtime does not know
 * yet, as it would name it again: waits for that. */
static void wait_for_news(ftHandle_t ft, uint64_t decision, const char *port)
{
    int64_t deadline_ns = ftm_deadline_ns(NEWS_MS);
    pmix_proc_t owner;
    ftReply_t reply;

    if (ftm_port_owner(port, &owner))
        requestFT(ft, resourceError(ftRankOf(owner.nspace, (int) owner.rank), FT_SEND), &reply,
                  NEWS_MS);
    while (requestFT(ft, ftClaim(decision), &reply, NEWS_STEP_MS) == FT_OK
           && ftm_now_ns() < deadline_ns)
        poll(NULL, 0, NEWS_STEP_MS);
}

/* Makes sure that it is this process that starts the one for a need. */
static bool may_start(const struct ftm_need *need)
{
    struct claim *claim = need->decision != 0 ? claim_of(need->decision) : NULL;
    ftReply_t reply;
    ftHandle_t ft;

    if (need->decision == 0)
        return false;
    if (claim && ++claim->starts >= START_TRIES) {
        give_up(need->decision, "what was started there did not come into the job, twice");
        return false;
    }
    if (claim)
        return true;
    if (ftm_runtime(&ft) != FT_OK
        || requestFT(ft, ftClaim(need->decision), &reply, ASK_MS) != FT_OK)
        return false;
    if (reply.reach == FT_REACH_PORT)
        wait_for_news(ft, need->decision, reply.port);
    if (reply.reach != FT_REACH_START)
        return false;
    remember(need->decision);
    return true;
}

/* ---------------------------------------------------------------- starting */

/* What the leader has to do in one step: start `n` processes on one node. */
struct step {
    const struct ftm_need *needs[STEP_MAX];
    int n;
};

/* The needs, node by node. Returns how many steps; to be freed. */
static int make_steps(const struct ftm_need *needs, int n, struct step **steps)
{
    struct step *list = n > 0 ? calloc((size_t) n, sizeof *list) : NULL;
    int count = 0;

    for (int i = 0; list && i < n; i++) {
        int k = 0;

        while (k < count && (strcmp(list[k].needs[0]->node, needs[i].node) != 0
                             || list[k].n == STEP_MAX))
            k++;
        list[k].needs[list[k].n++] = &needs[i];
        count = k == count ? count + 1 : count;
    }
    *steps = list;
    return list ? count : -1;
}

/* FT_JOIN=... for the processes of a step; to be freed. */
static char *describe(const struct step *step, int leader, int left)
{
    size_t size = JOIN_HEAD_MAX + (size_t) step->n * JOIN_NEED_MAX + FT_NAME_MAX, used;
    char *text = malloc(size);

    if (!text)
        return NULL;
    used = (size_t) snprintf(text, size, FTM_JOIN_ENV "=%d:%d:%d:", ftm_role()->world_n, leader,
                             left);
    for (int i = 0; i < step->n; i++)
        used += (size_t) snprintf(text + used, size - used, "%" PRIu64 ".%" PRIu32 ".%d%s",
                                  step->needs[i]->decision, step->needs[i]->epoch,
                                  step->needs[i]->v, i + 1 < step->n ? "," : ":");
    snprintf(text + used, size - used, "%s", ftm_role_job());
    return text;
}

static int start(const struct step *step, MPI_Comm q, int leader, int left,
                 struct ftm_limits *limits, MPI_Comm *inter)
{
    const struct ftm_program *program = ftm_start_program();
    const char *own[] = {describe(step, leader, left), NULL};
    const char **environment = own[0] ? ftm_start_environment(own) : NULL;
    MPI_Info info = MPI_INFO_NULL;
    int rc = MPI_ERR_OTHER;

    if (program && environment && PMPI_Info_create(&info) == MPI_SUCCESS) {
        ftm_start_place(info, step->needs[0]->node, step->needs[0]->in_job);
        if (program->folder[0] != '\0' && strlen(program->folder) <= FOLDER_MAX)
            PMPI_Info_set(info, "wdir", program->folder);
        limits->envs = &environment; /* past MPI's info object, which holds 256 bytes a value */
        rc = PMPI_Comm_spawn(program->command, program->argv, step->n, info, leader, q, inter,
                             MPI_ERRCODES_IGNORE);
        limits->envs = NULL;
        PMPI_Info_free(&info);
    } else {
        PMPIX_Comm_revoke(q); /* the others are in MPI_Comm_spawn */
    }
    free(environment);
    free((char *) own[0]);
    return rc;
}

/* Why it was not the fault of somebody in Q that it has failed; NULL if it was. */
static const char *why_failed(const struct ftm_limits *limits)
{
    pmix_proc_t started;
    bool died;

    if (limits->gave_up == PMIX_ERR_TIMEOUT)
        return "it did not come up in time";
    if (limits->refused)
        return "the launcher refused to start it; its message is on mpirun's standard error";
    if (limits->spawned[0] == '\0') /* it came to nothing before it was asked: q was revoked */
        return NULL;
    PMIX_LOAD_PROCID(&started, limits->spawned, PMIX_RANK_WILDCARD);
    ftm_lock();
    died = ftm_gone_any(&started, 1, FTM_DIED);
    ftm_unlock();
    return died ? "it ended before it had come up" : NULL;
}

static void tell_failure(const struct step *step, const char *why)
{
    char text[FT_TEXT_MAX];

    for (int i = 0; i < step->n; i++) {
        snprintf(text, sizeof text, "the replacement of rank %d on node %s: %s", step->needs[i]->v,
                 step->needs[i]->node, why);
        give_up(step->needs[i]->decision, text);
    }
}

/* ---------------------------------------------------------------- the way in, both sides */

static void give_back(MPI_Comm *comm, bool broken)
{
    if (*comm == MPI_COMM_NULL)
        return;
    PMPI_Comm_set_errhandler(*comm, MPI_ERRORS_RETURN);
    if (broken)
        PMPIX_Comm_revoke(*comm);
    ftm_comms_retire(comm);
}

static int merge(MPI_Comm inter, int high, MPI_Comm *bigger)
{
    int rc;

    PMPI_Comm_set_errhandler(inter, MPI_ERRORS_RETURN);
    rc = PMPI_Intercomm_merge(inter, high, bigger);
    if (rc != MPI_SUCCESS) {
        *bigger = MPI_COMM_NULL;
        return rc;
    }
    return PMPI_Comm_set_errhandler(*bigger, MPI_ERRORS_RETURN);
}

/* All of Q hear whether it went well in all. */
static int agree(MPI_Comm q, bool well, bool started)
{
    int bits = (well ? WENT_WELL : 0) | (started ? STARTED : 0), rc;

    if (!well)
        PMPIX_Comm_revoke(q); /* whoever waits there need not */
    rc = PMPIX_Comm_agree(q, &bits);
    if (rc == MPI_SUCCESS && (bits & WENT_WELL))
        return MPI_SUCCESS;
    return bits & STARTED ? MPIX_ERR_PROC_FAILED : MPI_ERR_SPAWN;
}

/* One step, over q: the same in all of them, in those that have come in before, too.
 *   step   what to start; NULL in all but the leader
 *   left   steps after this one
 * *q is the bigger one then; after an error it is left as it is, and revoked. */
static int fill(const struct step *step, MPI_Comm *q, int leader, int left, int64_t deadline_ns)
{
    struct ftm_limits limits = {.deadline_ns = deadline_ns}, *before = ftm_limit(&limits);
    MPI_Comm inter = MPI_COMM_NULL, bigger = MPI_COMM_NULL;
    const char *why = NULL;
    int rc;

    if (step)
        rc = start(step, *q, leader, left, &limits, &inter);
    else
        rc = PMPI_Comm_spawn(NULL, NULL, 0, MPI_INFO_NULL, leader, *q, &inter,
                             MPI_ERRCODES_IGNORE);
    ftm_limit(before);
    if (rc != MPI_SUCCESS)
        inter = MPI_COMM_NULL;
    if (rc != MPI_SUCCESS && step && (why = why_failed(&limits)))
        tell_failure(step, why);
    if (rc == MPI_SUCCESS)
        rc = merge(inter, 0, &bigger);
    rc = agree(*q, rc == MPI_SUCCESS, why == NULL);
    give_back(&inter, rc != MPI_SUCCESS);
    if (rc != MPI_SUCCESS) {
        give_back(&bigger, true);
        return rc;
    }
    PMPI_Barrier(bigger); /* an error of it is found by what comes next */
    *q = bigger;
    return MPI_SUCCESS;
}

/* The steps from `first` on. Communicators on the way are given back, but for *q itself. */
static int fill_all(const struct step *steps, int n, MPI_Comm *q, int leader, int64_t deadline_ns)
{
    MPI_Comm first = *q, before;
    int rc = MPI_SUCCESS;

    for (int i = 0; rc == MPI_SUCCESS && i < n; i++) {
        before = *q;
        rc = fill(steps ? &steps[i] : NULL, q, leader, n - 1 - i, deadline_ns);
        if (rc == MPI_SUCCESS && before != first)
            ftm_comms_retire(&before);
    }
    if (rc != MPI_SUCCESS && *q != first)
        give_back(q, true);
    return rc;
}

/* ---------------------------------------------------------------- those who live */

int ftm_refill(MPI_Comm q, int leader, const struct ftm_need *needs, int n, MPI_Comm *bigger)
{
    int64_t deadline_ns = ftm_deadline_ns(FTM_REFILL_MS);
    struct step *steps = NULL;
    int rank = -1, n_steps = -1, rc;
    bool may = true;

    *bigger = MPI_COMM_NULL;
    PMPI_Comm_set_errhandler(q, MPI_ERRORS_RETURN);
    PMPI_Comm_rank(q, &rank);
    if (rank == leader) {
        for (int i = 0; i < n; i++)
            may = may_start(&needs[i]) && may;
        n_steps = may ? make_steps(needs, n, &steps) : -1;
    }
    rc = PMPI_Bcast(&n_steps, 1, MPI_INT, leader, q);
    if (rc != MPI_SUCCESS || n_steps < 0) {
        rc = agree(q, false, rc != MPI_SUCCESS || n_steps >= 0);
    } else {
        *bigger = q;
        rc = fill_all(steps, n_steps, bigger, leader, deadline_ns);
    }
    if (rc != MPI_SUCCESS)
        *bigger = MPI_COMM_NULL;
    free(steps);
    return rc;
}

/* ---------------------------------------------------------------- the new process */

static struct ftm_joining joining;
static int join_leader, steps_left;

/* The index-th of "decision.epoch.rank,decision.epoch.rank,...:job". */
static bool read_need(const char *text, int index)
{
    const char *job = strchr(text, ':');

    for (; index > 0 && text; index--) {
        text = strchr(text, ',');
        text = text ? text + 1 : NULL;
    }
    if (!text || !job || text > job
        || sscanf(text, "%" SCNu64 ".%" SCNu32 ".%d", &joining.decision, &joining.epoch,
                  &joining.v) != 3)
        return false;
    snprintf(joining.job, sizeof joining.job, "%s", job + 1);
    return joining.decision > 0 && joining.v >= 0 && joining.v < joining.world_n;
}

static bool read_joining(const char *text)
{
    int needs_at = 0, rank = 0;

    return text
           && sscanf(text, "%d:%d:%d:%n", &joining.world_n, &join_leader, &steps_left, &needs_at)
                  == 3
           && needs_at > 0 && PMPI_Comm_rank(MPI_COMM_WORLD, &rank) == MPI_SUCCESS
           && read_need(text + needs_at, rank);
}

bool ftm_joins(void)
{
    static bool known, joins;

    if (!known) {
        joins = ftm_comms_mpi_is_up() && read_joining(getenv(FTM_JOIN_ENV));
        unsetenv(FTM_JOIN_ENV); /* what it starts itself joins nothing */
    }
    known = true;
    return joins;
}

const struct ftm_joining *ftm_joining(void)
{
    return &joining;
}

int ftm_refill_join(MPI_Comm *bigger)
{
    struct ftm_role role = {.world_n = joining.world_n,
                            .real_rank = joining.v,
                            .virtual_rank = joining.v,
                            .origin = joining.v, /* until the repair is over */
                            .decision = joining.decision,
                            .epoch = joining.epoch};
    int64_t deadline_ns = ftm_deadline_ns(FTM_REFILL_MS);
    MPI_Comm inter = MPI_COMM_NULL, first;
    int rc;

    *bigger = MPI_COMM_NULL;
    if (PMPI_Comm_get_parent(&inter) != MPI_SUCCESS || inter == MPI_COMM_NULL)
        return MPI_ERR_OTHER;
    rc = merge(inter, 1, bigger);
    if (rc == MPI_SUCCESS)
        rc = PMPI_Barrier(*bigger);
    if (rc != MPI_SUCCESS)
        return rc;
    PMPI_Comm_free(&inter);
    first = *bigger;
    rc = fill_all(NULL, steps_left, bigger, join_leader, deadline_ns);
    if (rc == MPI_SUCCESS && *bigger != first)
        ftm_comms_retire(&first);
    ftm_role_join(joining.job, &role);
    return rc;
}

void ftm_refill_joined(void)
{
    ftm_standin_announce_as(joining.decision);
}

void ftm_refill_leave(void)
{
    kill(getpid(), SIGKILL);
    _exit(128 + SIGKILL); /* not reached */
}
