/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * standin.c - a process that stands in for a lost one: who it is, where it is reached.
 *
 * FTMPI_Reach starts it with FT_STANDIN in its environment. At the end of MPI_Init it opens a port
 * and has it announced (runtime.c's thread does, so that MPI_Init does not wait for the runtime).
 * The runtime then tells it of each peer on its way (ftNextPeer), and at which port of its own that
 * peer connects. Ports are only names in Open MPI, so a peer that dies on its way leaves nothing
 * behind at the others'.
 */
#include "config.h"

#include "standin.h"

#include <mpi.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "bounded.h"
#include "cid.h"
#include "comms.h"
#include "ft_runtime.h"
#include "gone.h"
#include "real.h"
#include "role.h"
#include "runtime.h"
#include "who.h"

#define ACCEPT_TIMEOUT_MS 5000 /* for a peer that was announced to connect */
#define RETRY_MS 200           /* between two tries to reach a runtime that is away */

static FTMPI_Standin_t me = {.rank = -1};
static char port[FTM_PORT_MAX];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ftRequest_t next_peer; /* under way, if is_waiting */
static bool is_waiting;
static int64_t retry_at_ns;

/* ---------------------------------------------------------------- who */

static bool make_port(void)
{
    char opened[MPI_MAX_PORT_NAME];
    pmix_proc_t self;

    if (PMPI_Open_port(MPI_INFO_NULL, opened) != MPI_SUCCESS
        || PMIx_Init(&self, NULL, 0) != PMIX_SUCCESS) /* it is up: this only counts */
        return false;
    PMIx_Finalize(NULL, 0);
    return ftm_port_write(port, &self, opened);
}

void ftm_standin_announce(void)
{
    MPI_Comm starter;

    if (me.is_standin || !ftm_comms_mpi_is_up() || !ftm_who_read(getenv(FTM_WHO_ENV), &me))
        return;
    if (PMPI_Comm_get_parent(&starter) != MPI_SUCCESS || starter == MPI_COMM_NULL
        || !ftm_comms_add(starter) || !make_port()) {
        ftm_who_read(NULL, &me);
        return;
    }
    ftm_report_standin(me.decision, port);
}

void ftm_standin_announce_as(uint64_t decision)
{
    if (make_port())
        ftm_report_standin(decision, port);
}

int ftm_standin(FTMPI_Standin_t *who)
{
    if (!who)
        return MPI_ERR_ARG;
    *who = me;
    who->comm = MPI_COMM_NULL;
    if (ftm_role()->epoch > 0) { /* a spare that was given a rank: its world is the job's own */
        who->is_standin = 1;
        who->decision = ftm_role()->decision;
        who->epoch = ftm_role()->epoch;
        who->rank = ftm_role()->virtual_rank;
        snprintf(who->job, sizeof who->job, "%s", ftm_role_job());
    }
    if (me.is_standin && ftm_comms_mpi_is_up())
        PMPI_Comm_get_parent(&who->comm); /* MPI_COMM_NULL once it was given back */
    return MPI_SUCCESS;
}

/* ---------------------------------------------------------------- peers */

static int accept_peer(const ftReply_t *answer, MPI_Comm *comm)
{
    struct ftm_limits limits = {.deadline_ns = ftm_deadline_ns(ACCEPT_TIMEOUT_MS)}, *before;
    pmix_proc_t peer;
    MPI_Comm self = ftm_comms_self(), fresh;
    int rc;

    if (self == MPI_COMM_NULL)
        return MPI_ERR_OTHER;
    if (answer->resource.kind == FT_RANK) {
        PMIX_LOAD_PROCID(&peer, answer->resource.job, (pmix_rank_t) answer->resource.number);
        limits.peer = &peer;
    }
    before = ftm_limit(&limits);
    rc = PMPI_Comm_accept(answer->port[0] != '\0' ? answer->port : port, MPI_INFO_NULL, 0, self,
                          &fresh);
    ftm_limit(before);
    if (rc != MPI_SUCCESS) {
        ftm_cid_unblock();
        return MPI_ERR_PORT;
    }
    if (!ftm_comms_add(fresh))
        return MPI_ERR_OTHER;
    *comm = fresh;
    return MPI_SUCCESS;
}

/* FT_OK: a peer comes, see *answer. FT_PENDING: none yet. */
static ftRetVal_t ask(ftHandle_t *ft, ftReply_t *answer)
{
    ftRetVal_t rc;

    if (!is_waiting) {
        if (ftm_now_ns() < retry_at_ns)
            return FT_ERR_CONNECT;
        rc = ftm_runtime(ft);
        if (rc == FT_OK)
            rc = submitFT(*ft, ftNextPeer(me.decision), FT_FOREVER, &next_peer);
        is_waiting = rc == FT_OK;
    } else {
        rc = ftm_runtime(ft);
    }
    if (is_waiting) {
        rc = pollFT(*ft, next_peer, answer);
        is_waiting = rc == FT_PENDING;
    }
    if (rc != FT_OK && rc != FT_PENDING)
        retry_at_ns = ftm_deadline_ns(RETRY_MS);
    return rc;
}

static void wait_a_moment(ftHandle_t ft, int64_t deadline_ns)
{
    int descriptor, left_ms = (int) ftm_left_ms(deadline_ns);
    struct pollfd ready = {.events = POLLIN};

    if (left_ms < 0 || left_ms > RETRY_MS)
        left_ms = RETRY_MS;
    ready.fd = descriptorFT(ft, &descriptor) == FT_OK ? descriptor : -1;
    poll(&ready, 1, left_ms);
}

int ftm_next_peer(ftTimeout_t T, MPI_Comm *comm)
{
    int64_t deadline_ns = ftm_deadline_ns(T);
    ftHandle_t ft = {0};
    ftReply_t answer;
    ftRetVal_t rc;

    if (!comm)
        return MPI_ERR_ARG;
    *comm = MPI_COMM_NULL;
    if (!me.is_standin || !ftm_comms_mpi_is_up() || T < FT_FOREVER)
        return MPI_ERR_ARG;
    pthread_mutex_lock(&lock);
    while ((rc = ask(&ft, &answer)) != FT_OK && ftm_left_ms(deadline_ns) != 0) {
        pthread_mutex_unlock(&lock); /* others may just want to look */
        wait_a_moment(ft, deadline_ns);
        pthread_mutex_lock(&lock);
    }
    pthread_mutex_unlock(&lock);
    if (rc == FT_OK)
        return accept_peer(&answer, comm);
    return rc == FT_PENDING ? MPI_SUCCESS : MPI_ERR_OTHER;
}

void ftm_standin_end(void)
{
    ftHandle_t ft;

    pthread_mutex_lock(&lock);
    if (is_waiting && ftm_runtime(&ft) == FT_OK)
        cancelFT(ft, next_peer);
    is_waiting = false;
    pthread_mutex_unlock(&lock);
    ftm_who_read(NULL, &me);
}
