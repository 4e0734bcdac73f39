/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bounded.c - PMIx's blocking calls, with an end.
 *
 * Open MPI makes spawn, connect, accept and disconnect out of four PMIx calls that block: publish
 * and look up where the other side is, connect, and (to disconnect) a fence of both sides. When the
 * other side dies in the middle, the call never ends: PRRTE waits for the dead process's part, and
 * does not look at the timeout of a lookup. libftmpi.so stands in front of these four; here each is
 * its non-blocking sister and a wait that also ends when a process it depends on is known to
 * have died (gone.h), or at the deadline of whoever in this layer called the MPI function.
 *
 * Called inside of MPI functions, in the application's threads; the callbacks run in PMIx's thread.
 */
#include "config.h"

#include "bounded.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "comms.h"
#include "events.h"
#include "gone.h"
#include "links.h"
#include "refill.h"
#include "who.h"

/* A program that MPI_Comm_spawn started finds its parent inside of MPI_Init; so long it may take. And
 * so long a program that this layer started waits there until its parent connects, which it does at
 * once or, having given up, never. */
#define PARENT_TIMEOUT_MS 60000

/* One call. Belongs to the waiter and to the callback; the last one frees it. Under gone.h's lock.
 * */
struct call {
    bool done;
    bool abandoned;
    pmix_status_t status;
    pmix_nspace_t nspace;
    pmix_pdata_t data;
};

static __thread struct ftm_limits *limits;

struct ftm_limits *ftm_limit(struct ftm_limits *now)
{
    struct ftm_limits *before = limits;

    limits = now;
    return before;
}

/* ---------------------------------------------------------------- a call's life */

static void free_call(struct call *call)
{
    PMIX_PDATA_DESTRUCT(&call->data);
    free(call);
}

static struct call *new_call(void)
{
    struct call *call = calloc(1, sizeof *call);

    if (call)
        PMIX_PDATA_CONSTRUCT(&call->data);
    return call;
}

/* With the lock held; releases it. */
static void complete(struct call *call, pmix_status_t status)
{
    bool abandoned = call->abandoned;

    call->done = true;
    call->status = status;
    ftm_wake();
    ftm_unlock();
    if (abandoned)
        free_call(call);
}

static void on_op(pmix_status_t status, void *data)
{
    ftm_lock();
    complete(data, status);
}

static void on_spawn(pmix_status_t status, char nspace[], void *data)
{
    struct call *call = data;

    ftm_lock();
    if (nspace)
        PMIX_LOAD_NSPACE(call->nspace, nspace);
    complete(call, status);
}

static void on_lookup(pmix_status_t status, pmix_pdata_t found[], size_t n, void *data)
{
    struct call *call = data;

    ftm_lock();
    if (status == PMIX_SUCCESS && n > 0 && found) {
        call->data.proc = found[0].proc;
        status = PMIx_Value_xfer(&call->data.value, &found[0].value);
    }
    complete(call, status);
}

/* ---------------------------------------------------------------- waiting */

static bool someone_died(const pmix_proc_t procs[], size_t n)
{
    pmix_proc_t spawned;

    if (ftm_gone_any(procs, n, FTM_DIED))
        return true;
    if (!limits)
        return false;
    if (limits->peer && ftm_gone_any(limits->peer, 1, FTM_DIED | FTM_DEPARTED))
        return true;
    PMIX_LOAD_PROCID(&spawned, limits->spawned, PMIX_RANK_WILDCARD);
    return limits->spawned[0] != '\0' && ftm_gone_any(&spawned, 1, FTM_DIED);
}

/* Waits for a call that was started with `started`. PMIX_ERR_PROC_ABORTED: one of procs, or one
 * that the limits name, died first. The call is to be freed by the caller unless it is abandoned:
 * *call is NULL then. */
static pmix_status_t await(struct call **call, pmix_status_t started, const pmix_proc_t procs[],
                           size_t n, int64_t deadline_ns)
{
    pmix_status_t status = PMIX_SUCCESS;

    if (started != PMIX_SUCCESS) /* no callback will come */
        return started == PMIX_OPERATION_SUCCEEDED ? PMIX_SUCCESS : started;
    if (limits && limits->deadline_ns < deadline_ns)
        deadline_ns = limits->deadline_ns;
    ftm_lock();
    while (!(*call)->done && status == PMIX_SUCCESS) {
        if (someone_died(procs, n))
            status = PMIX_ERR_PROC_ABORTED;
        else if (ftm_now_ns() >= deadline_ns)
            status = PMIX_ERR_TIMEOUT;
        else
            ftm_comms_wait(deadline_ns);
    }
    if ((*call)->done) {
        status = (*call)->status;
    } else {
        (*call)->abandoned = true;
        *call = NULL;
        if (limits)
            limits->gave_up = status;
    }
    ftm_unlock();
    return status;
}

/* ---------------------------------------------------------------- the four calls */

static bool is_started_by_layer(void)
{
    return !limits && !ftm_comms_mpi_is_up() && (getenv(FTM_WHO_ENV) || getenv(FTM_JOIN_ENV));
}

pmix_status_t ftm_connect(const pmix_proc_t procs[], size_t nprocs, const pmix_info_t info[],
                          size_t ninfo)
{
    struct call *call = new_call();
    pmix_status_t status;

    if (!call)
        return PMIX_ERR_NOMEM;
    ftm_events_start();
    status = PMIx_Connect_nb(procs, nprocs, info, ninfo, on_op, call);
    status = await(&call, status, procs, nprocs,
                   is_started_by_layer() ? ftm_deadline_ns(PARENT_TIMEOUT_MS) : FTM_NO_DEADLINE);
    if (call)
        free_call(call);
    if (status == PMIX_SUCCESS && !limits)
        ftm_links_add(procs, nprocs);
    return status;
}

/* Only inside of MPI_Comm_disconnect; elsewhere a fence may be about other things. */
int ftm_wants_fence(void)
{
    return limits != NULL;
}

pmix_status_t ftm_fence(const pmix_proc_t procs[], size_t nprocs, const pmix_info_t info[],
                        size_t ninfo)
{
    struct call *call = new_call();
    pmix_status_t status;

    if (!call)
        return PMIX_ERR_NOMEM;
    status = PMIx_Fence_nb(procs, nprocs, info, ninfo, on_op, call);
    status = await(&call, status, procs, nprocs, FTM_NO_DEADLINE);
    if (call)
        free_call(call);
    if (!call && status == PMIX_ERR_PROC_ABORTED)
        status = PMIX_SUCCESS;
    if (status == PMIX_SUCCESS)
        ftm_links_remove(procs, nprocs);
    return status;
}

/* For this layer's own calls, and for a spawned program's wait for its parent. */
int ftm_wants_lookup(void)
{
    return limits != NULL || (!ftm_comms_mpi_is_up() && getenv("OMPI_PARENT_PORT") != NULL);
}

/* A spawned program in MPI_Init waits for its parent: its death ends the wait. */
static bool find_parent(pmix_proc_t *parent)
{
    pmix_value_t *value = NULL;
    bool found = false;
    pmix_proc_t me;

    if (PMIx_Init(&me, NULL, 0) != PMIX_SUCCESS) /* it is up: this only counts */
        return false;
    if (PMIx_Get(&me, PMIX_PARENT_ID, NULL, 0, &value) == PMIX_SUCCESS && value) {
        found = value->type == PMIX_PROC;
        if (found)
            *parent = *value->data.proc;
        PMIX_VALUE_RELEASE(value);
    }
    PMIx_Finalize(NULL, 0);
    return found;
}

pmix_status_t ftm_lookup(pmix_pdata_t data[], size_t ndata, const pmix_info_t info[], size_t ninfo)
{
    char *keys[] = {data[0].key, NULL};
    int64_t deadline_ns = FTM_NO_DEADLINE;
    struct call *call = new_call();
    pmix_proc_t parent = {.rank = PMIX_RANK_UNDEF};
    size_t nparents = 0;
    pmix_status_t status;

    (void) ndata; /* 1, see preload.c */
    if (!call)
        return PMIX_ERR_NOMEM;
    if (!limits) {
        ftm_events_start();
        nparents = find_parent(&parent);
        deadline_ns = ftm_deadline_ns(PARENT_TIMEOUT_MS);
    }
    status = PMIx_Lookup_nb(keys, info, ninfo, on_lookup, call);
    status = await(&call, status, &parent, nparents, deadline_ns);
    if (call && status == PMIX_SUCCESS) {
        data[0].proc = call->data.proc;
        status = PMIx_Value_xfer(&data[0].value, &call->data.value);
    }
    if (call)
        free_call(call);
    return status;
}

int ftm_wants_spawn(void)
{
    return limits != NULL;
}

static size_t count(const char *const *list)
{
    size_t n = 0;

    while (list && list[n])
        n++;
    return n;
}

/* The environment of an app and ours behind it; no name is in both. An array to be freed, its texts
 * borrowed. */
static char **add_env(char *const *env, const char *const *ours)
{
    size_t n = count((const char *const *) env), m = count(ours);
    char **both = calloc(n + m + 1, sizeof *both);

    if (!both)
        return NULL;
    if (n > 0)
        memcpy(both, env, n * sizeof *both);
    if (m > 0)
        memcpy(both + n, ours, m * sizeof *both);
    return both;
}

static void free_apps(pmix_app_t *apps, size_t n)
{
    for (size_t i = 0; apps && i < n; i++)
        free(apps[i].env);
    free(apps);
}

/* Copies of apps, each with its environment. To be freed by free_apps. */
static pmix_app_t *with_env(const pmix_app_t apps[], size_t n)
{
    pmix_app_t *copies = calloc(n, sizeof *copies);

    for (size_t i = 0; copies && i < n; i++) {
        copies[i] = apps[i];
        copies[i].env = add_env(apps[i].env, limits->envs ? limits->envs[i] : NULL);
        if (!copies[i].env) {
            free_apps(copies, i);
            return NULL;
        }
    }
    return copies;
}

/* Only this layer spawns within limits. */
pmix_status_t ftm_spawn(const pmix_info_t job_info[], size_t ninfo, const pmix_app_t apps[],
                        size_t napps, pmix_nspace_t nspace)
{
    struct call *call = new_call();
    pmix_app_t *ours = with_env(apps, napps);
    pmix_status_t status;

    if (!call || !ours) {
        free_apps(ours, napps);
        if (call)
            free_call(call);
        return PMIX_ERR_NOMEM;
    }
    PMIX_LOAD_NSPACE(nspace, NULL);
    status = PMIx_Spawn_nb(job_info, ninfo, ours, napps, on_spawn, call);
    free_apps(ours, napps); /* they have been packed into a message */
    status = await(&call, status, NULL, 0, FTM_NO_DEADLINE);
    if (call && status == PMIX_SUCCESS) {
        PMIX_LOAD_NSPACE(nspace, call->nspace);
        PMIX_LOAD_NSPACE(limits->spawned, call->nspace);
    }
    limits->refused = call && status != PMIX_SUCCESS;
    if (call)
        free_call(call);
    return status;
}
