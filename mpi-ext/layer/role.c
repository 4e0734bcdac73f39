/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * role.c - which rank of the application's world this process is, and how a warm spare waits.
 *
 * The real MPI_COMM_WORLD has N + S ranks, the last S of which are spares: they stay in MPI_Init
 * (ftm_role_wait). A spare asks the runtime (ftSpareHere) and sleeps on libft's descriptor. Once a
 * second, at first more often, it gives MPI a turn, and looks whether its launcher is still there.
 * What is sent to it meanwhile waits in MPI's own buffers, as it would for a rank that computes.
 * The first ranks greet the first spares, so that those who will send to one are connected to it by
 * then: as many as a spare can well have connections with.
 *
 * How its waiting ends:
 *   - it is given a rank, by the runtime or in a repair (repair.h): MPI_Init returns, and the
 *     application goes on in that rank's place
 *   - the runtime says that the job is over, as all ranks of the world are in MPI_Finalize (they
 *     say so, ftm_role_end) or gone: it finalizes too, as Open MPI's MPI_Finalize agrees with all
 *     that live, and ends with 0
 *   - its launcher is gone: it ends at once
 * Away from its unit, or its unit from the central unit, a spare tries again and again. The end of
 * the job then reaches it by a message of MPI's: the last rank that came to its end sends one to
 * each spare, and so does each rank that cannot tell the runtime.
 *
 * A rank that lost a peer asks here who is in its place (ftm_role_replacement). The answer comes
 * from the central unit and is the same for all.
 */
#include "config.h"

#include "role.h"

#include <mpi.h>
#include <mpi-ext.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "comms.h"
#include "ft_runtime.h"
#include "gone.h"
#include "init.h"
#include "real.h"
#include "repair.h"
#include "runtime.h"
#include "table.h"
#include "who.h"
#include "world.h"

#define TICK_MS 1000        /* a waiting spare looks around so often */
#define SOON_MS 50          /* and so often at first, */
#define SOON_TICKS 40       /* while it is being connected to */
#define AGAIN_MS 200        /* between two tries to reach the unit */
#define DONE_MS 2000        /* telling the runtime that this rank is at its end, each of */
#define DONE_TRIES 3
#define WHO_MS 2000         /* asking whose place a process has */
#define ALONE_MS 30000      /* a rank is at its end without a runtime: waited for others so long */
#define NOT_YET_MS 5        /* the runtime does not know of the loss yet: asked again after */
#define TAG_OVER 1          /* "the job is over" */
#define TAG_ALONE 2         /* "this rank is at its end, and has no runtime" */
#define TAG_GREETING 3      /* nothing; it makes the connection */
#define GREETING_RANKS 256  /* a spare is greeted by so many at the most: a connection each */
#define GREETED_SPARES 4    /* and a rank greets so many */

static struct ftm_role role;
static char joined[FT_NAME_MAX]; /* the job that this process has joined; "": it is of its own */
static MPI_Comm channel = MPI_COMM_NULL; /* of the real world, for TAG_* */

static int64_t alone_until_ns = FTM_NO_DEADLINE; /* of a spare that has heard TAG_ALONE */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* By real rank - N: the rank that a spare was given, plus 1; 0: not known. */
static int *virtual_of;

/* ---------------------------------------------------------------- who we are */

static int from_environment(const char *name)
{
    const char *text = getenv(name);
    char *end;
    long n;

    if (!text || !*text)
        return 0;
    errno = 0;
    n = strtol(text, &end, 10);
    return errno == 0 && *end == '\0' && n > 0 && n < 1 << 22 ? (int) n : 0;
}

bool ftm_role_begin(void)
{
    MPI_Comm parent = MPI_COMM_NULL;
    int spares_n, n = 0;

    if (role.world_n > 0) /* sessions come and go beside the world */
        return false;
    if (!ftm_comms_mpi_is_up() || PMPI_Comm_size(MPI_COMM_WORLD, &n) != MPI_SUCCESS
        || PMPI_Comm_rank(MPI_COMM_WORLD, &role.real_rank) != MPI_SUCCESS)
        return false;
    role.world_n = n;
    role.virtual_rank = role.origin = role.real_rank;
    spares_n = from_environment(FTM_SPARES_ENV);
    /* Programs that ranks spawn have the variable too, and worlds of their own. */
    PMPI_Comm_get_parent(&parent);
    if (spares_n == 0 || spares_n >= n || parent != MPI_COMM_NULL)
        return false;
    virtual_of = calloc((size_t) spares_n, sizeof *virtual_of);
    if (!virtual_of)
        return false;
    role.world_n = n - spares_n;
    role.spares_n = spares_n;
    if (role.real_rank >= role.world_n)
        role.virtual_rank = role.origin = -1;
    return true;
}

/* Split, not duplicated: a duplicate would run the application's attribute functions. */
int ftm_role_open(void)
{
    int rc = MPI_SUCCESS;

    if (role.spares_n > 0)
        rc = PMPI_Comm_split(MPI_COMM_WORLD, 0, role.real_rank, &channel);
    if (rc != MPI_SUCCESS)
        channel = MPI_COMM_NULL;
    if (channel != MPI_COMM_NULL)
        PMPI_Comm_set_errhandler(channel, MPI_ERRORS_RETURN);
    return rc;
}

const struct ftm_role *ftm_role(void)
{
    return &role;
}

void ftm_role_join(const char *job, const struct ftm_role *as)
{
    role = *as;
    snprintf(joined, sizeof joined, "%s", job);
}

const char *ftm_role_job(void)
{
    const char *job = joined[0] != '\0' ? joined : getenv("PMIX_NAMESPACE");

    return job ? job : "";
}

bool ftm_role_has_joined(void)
{
    return joined[0] != '\0';
}

/* ---------------------------------------------------------------- waiting */

/* Receives a word of another's, giving MPI its turn. 0: there is none. */
static int next_word(void)
{
    MPI_Status status;
    int flag = 0;

    if (PMPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, channel, &flag, &status) != MPI_SUCCESS) {
        PMPIX_Comm_failure_ack(channel); /* ranks that died are no news here */
        return 0;
    }
    if (!flag || PMPI_Recv(NULL, 0, MPI_BYTE, status.MPI_SOURCE, status.MPI_TAG, channel,
                           MPI_STATUS_IGNORE) != MPI_SUCCESS)
        return 0;
    return status.MPI_TAG;
}

/* Whether the end of the job was told by MPI. has_runtime: the spare's unit is there, so that a
 * rank without one need not speak for all. */
static bool heard_of_end(bool has_runtime)
{
    int word;

    while ((word = next_word()) != 0) {
        if (word == TAG_OVER)
            return true;
        if (word == TAG_ALONE && alone_until_ns == FTM_NO_DEADLINE)
            alone_until_ns = ftm_deadline_ns(ALONE_MS);
    }
    return alone_until_ns != FTM_NO_DEADLINE
           && (!has_runtime || ftm_now_ns() >= alone_until_ns);
}

/* A spare that is not needed: the one place where this layer ends a process. Its program has not
 * begun, as MPI_Init has not returned. */
static void leave_job(int code)
{
    ftm_init_finalize();
    exit(code);
}

/* The spare was given a rank. */
void ftm_role_take(int v, int origin, uint32_t epoch, uint64_t decision)
{
    role.virtual_rank = v;
    role.origin = origin;
    role.decision = decision;
    role.epoch = epoch;
    pthread_mutex_lock(&lock);
    if (virtual_of && role.real_rank >= role.world_n)
        virtual_of[role.real_rank - role.world_n] = v + 1;
    pthread_mutex_unlock(&lock);
}

enum waiting { WAITING, GIVEN, OVER, DIED /* nobody came to the end */ };

/* What the runtime's answer means for a spare. */
static enum waiting judge(const ftReply_t *reply)
{
    if (reply->status == FT_OK && reply->resource.kind == FT_RANK && reply->resource.number >= 0
        && reply->resource.number < role.world_n) {
        int v = (int) reply->resource.number;

        ftm_role_take(v, v, reply->epoch, reply->decision);
        return GIVEN;
    }
    if (reply->status == FT_ERR_NONE)
        return reply->epoch > 0 ? OVER : DIED;
    return reply->status == FT_ERR_UNFIT ? OVER : WAITING;
}

/* Sleeps until the runtime has something to say, at most a tick. fd -1: there is no runtime now. */
static void sleep_on(int fd)
{
    static int ticks;
    struct pollfd on[] = {{.fd = fd, .events = POLLIN},
                          {.fd = ftm_repair_bell(), .events = POLLIN}};
    int tick_ms = fd < 0 ? AGAIN_MS : ticks < SOON_TICKS ? SOON_MS : TICK_MS;

    ticks += ticks < SOON_TICKS;
    poll(on, 2, ftm_repair_nap_ms(tick_ms)); /* it leaves out what is -1 */
}

/* The ranks repair their world: this process takes part, and may get a rank. */
static bool joins_repair(void)
{
    return ftm_repair_is_called() && ftm_repair_spare_turn();
}

/* One request's waiting. */
static enum waiting wait_for_answer(ftHandle_t ft, pid_t launcher)
{
    ftRequest_t request;
    ftReply_t reply;
    int fd = -1;

    if (descriptorFT(ft, &fd) != FT_OK
        || submitFT(ft, ftSpareHere(role.world_n), FT_FOREVER, &request) != FT_OK)
        return heard_of_end(false) ? OVER : WAITING;
    for (;;) {
        sleep_on(fd);
        if (pollFT(ft, request, &reply) != FT_PENDING)
            return judge(&reply);
        if (getppid() != launcher)
            _exit(EXIT_SUCCESS);
        if (heard_of_end(true)) {
            cancelFT(ft, request);
            return OVER;
        }
        if (joins_repair()) {
            cancelFT(ft, request);
            return GIVEN;
        }
    }
}

/* Sends a word to the first `most` spares. Nobody waits for it to arrive. */
static void tell_spares(int tag, int most)
{
    for (int i = 0; i < role.spares_n && i < most; i++) {
        MPI_Request request = MPI_REQUEST_NULL;
        int real = role.world_n + i;

        if (real != role.real_rank
            && PMPI_Isend(NULL, 0, MPI_BYTE, real, tag, channel, &request) == MPI_SUCCESS
            && request != MPI_REQUEST_NULL)
            PMPI_Request_free(&request);
    }
}

/* The runtime is told that this spare begins: it has one ended that was given a rank, and is not
 * heard of. Nobody waits for the answer. */
static void tell_begun(void)
{
    ftRequest_t request;
    ftHandle_t ft;

    if (ftm_runtime(&ft) == FT_OK)
        submitFT(ft, ftSpareHere(role.world_n), DONE_MS, &request);
}

int ftm_role_wait(void)
{
    pid_t launcher = getppid();
    enum waiting state = WAITING;
    ftHandle_t ft;

    if (role.virtual_rank >= 0) {
        if (role.real_rank < GREETING_RANKS)
            tell_spares(TAG_GREETING, GREETED_SPARES);
        return 0;
    }
    while (state == WAITING) {
        if (ftm_runtime(&ft) == FT_OK)
            state = wait_for_answer(ft, launcher);
        else if (heard_of_end(false))
            state = OVER;
        else if (joins_repair())
            state = GIVEN;
        if (getppid() != launcher)
            _exit(EXIT_SUCCESS);
        if (state == WAITING)
            sleep_on(-1);
    }
    /* The launcher takes a process that ends well for the job's: where all others were lost, as
     * many as there were, a spare has to say how they ended. */
    if (state == OVER || state == DIED)
        leave_job(state == OVER ? EXIT_SUCCESS : 128 + SIGKILL);
    tell_begun();
    return 0;
}

/* ---------------------------------------------------------------- the end */

void ftm_role_end(void)
{
    ftRetVal_t rc = FT_ERR_LOST;
    ftReply_t reply = {.epoch = 0};
    ftHandle_t ft;

    if (role.spares_n == 0 || channel == MPI_COMM_NULL)
        return;
    for (int i = 0; role.virtual_rank >= 0 && rc != FT_OK && i < DONE_TRIES; i++) {
        rc = ftm_runtime(&ft);
        if (rc == FT_OK)
            rc = requestFT(ft, ftRankDone(role.world_n), &reply, DONE_MS);
    }
    if (role.virtual_rank >= 0 && rc != FT_OK)
        tell_spares(TAG_ALONE, role.spares_n); /* who does not hear it hears the runtime */
    else if (role.virtual_rank >= 0 && reply.epoch > 0) /* it was the last one */
        tell_spares(TAG_OVER, role.spares_n);
    /* The channel is left to Open MPI's finalize: what is still under way on it would be taken for
     * something of the communicator that MPI_Finalize makes, which would get its number. */
}

/* ---------------------------------------------------------------- who is in whose place */

static void remember(int real, int v)
{
    pthread_mutex_lock(&lock);
    if (virtual_of && real >= role.world_n && real < role.world_n + role.spares_n)
        virtual_of[real - role.world_n] = v + 1;
    pthread_mutex_unlock(&lock);
}

static void pause_ms(int ms, int64_t deadline_ns)
{
    int64_t left_ms = ftm_left_ms(deadline_ns);

    poll(NULL, 0, left_ms >= 0 && left_ms < ms ? (int) left_ms : ms);
}

/* Is what the runtime names still the lost process? That one's name then. */
static bool is_lost_one(const ftReply_t *reply, int dead_real, uint32_t dead_epoch,
                        ftResource_t *name)
{
    pmix_proc_t owner;

    if (reply->reach == FT_REACH_RANK) {
        *name = ftRankOf(ftm_role_job(), dead_real);
        return reply->reach_rank == dead_real;
    }
    if (reply->reach != FT_REACH_PORT || reply->epoch > dead_epoch
        || !ftm_port_owner(reply->port, &owner))
        return false;
    *name = ftRankOf(owner.nspace, (int) owner.rank);
    return true;
}

/* The runtime has an answer. True: it can be used. */
static bool judge_answer(ftHandle_t ft, int origin, int dead_real, uint32_t dead_epoch,
                         int64_t deadline_ns, struct ftm_replacement *now, int *error)
{
    const ftReply_t *reply = &now->reply;
    ftResource_t lost;
    ftReply_t told;

    if (is_lost_one(reply, dead_real, dead_epoch, &lost)) {
        /* The runtime takes it for alive still: it is told, and waits for its launcher's word. */
        snprintf(now->reason, sizeof now->reason,
                 "the runtime does not know that process %d, which has rank %d, is lost", dead_real,
                 origin);
        requestFT(ft, resourceError(lost, FT_SEND), &told, ftm_left_ms(deadline_ns));
        pause_ms(NOT_YET_MS, deadline_ns);
        return false;
    }
    now->epoch = reply->epoch;
    now->decision = reply->decision;
    now->fresh = reply->reach != FT_REACH_RANK;
    *error = MPIX_ERR_PROC_FAILED;
    if (!now->fresh) {
        now->real = reply->reach_rank;
        remember(now->real, origin);
        *error = MPI_SUCCESS;
    }
    return true;
}

/* Asks once. Returns true if *error and *now are the answer. */
static bool ask(ftHandle_t ft, int origin, int dead_real, uint32_t dead_epoch, int64_t deadline_ns,
                struct ftm_replacement *now, int *error)
{
    ftReply_t *reply = &now->reply;
    ftRetVal_t rc = requestFT(ft, findAlternative(ftRankOf(ftm_role_job(), origin), ftAny()), reply,
                              ftm_left_ms(deadline_ns));

    *error = MPI_ERR_OTHER;
    snprintf(now->reason, sizeof now->reason, "%s", reply->reason);
    switch (rc) {
    case FT_OK:
        return judge_answer(ft, origin, dead_real, dead_epoch, deadline_ns, now, error);
    case FT_ERR_NONE:
        if (reply->steps.known_ms < 0) { /* not known to be lost */
            pause_ms(NOT_YET_MS, deadline_ns);
            return false;
        }
        *error = MPIX_ERR_PROC_FAILED;
        return true;
    case FT_ERR_LOST:
    case FT_ERR_CONNECT:
    case FT_ERR_BUSY:
    case FT_ERR_TIMEOUT:
    case FT_ERR_CANCELED:
        pause_ms(AGAIN_MS, deadline_ns);
        return false;
    default:
        return true;
    }
}

int ftm_role_replacement(int origin, int dead_real, uint32_t dead_epoch, int64_t deadline_ns,
                         struct ftm_replacement *now)
{
    int error = MPI_ERR_OTHER;
    ftHandle_t ft;

    memset(now, 0, sizeof *now);
    now->real = -1;
    do {
        if (ftm_runtime(&ft) == FT_OK) {
            if (ask(ft, origin, dead_real, dead_epoch, deadline_ns, now, &error))
                return error;
        } else {
            snprintf(now->reason, sizeof now->reason, "%s", ftLastError());
            pause_ms(AGAIN_MS, deadline_ns);
        }
    } while (ftm_now_ns() < deadline_ns);
    return MPI_ERR_OTHER;
}

int ftm_role_process(int v)
{
    ftReply_t reply;
    ftHandle_t ft;

    return ftm_runtime(&ft) == FT_OK
                   && requestFT(ft, ftPlaceOf(ftRank(v)), &reply, WHO_MS) == FT_OK
                   && reply.resource.number == v
               ? reply.reach_rank
               : -1;
}

int ftm_role_virtual(int real)
{
    ftReply_t reply;
    ftHandle_t ft;
    int v;

    if (real < 0 || real >= role.world_n + role.spares_n)
        return -1;
    if (real < role.world_n)
        return real;
    pthread_mutex_lock(&lock);
    v = virtual_of ? virtual_of[real - role.world_n] - 1 : -1;
    pthread_mutex_unlock(&lock);
    if (v >= 0 || ftm_runtime(&ft) != FT_OK
        || requestFT(ft, ftPlaceOf(ftRank(real)), &reply, WHO_MS) != FT_OK
        || reply.resource.number < 0 || reply.resource.number >= role.world_n)
        return v;
    remember(real, (int) reply.resource.number);
    return (int) reply.resource.number;
}
