/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_places.c - who this process is to those that keep state, and where they all are.
 *
 * Where a rank's first process is, PMIx has told every process of the job at its start: that is
 * what the order of partners comes from, so that all know it without a word. Where a process can
 * be reached now stands in the launcher's directory (PMIx_Publish, in prterun), under
 *
 *     ft.keep:JOB:RANK.EPOCH       ft.keep:prterun-n0-71@1:3.0
 *
 * EPOCH counts the processes that the rank has had before: replacements add entries, and nothing
 * ever has to be changed or taken back. The launcher gives an entry to the user's own processes of
 * the session only, which is why the server's key stands in it, too (keep_wire.c).
 *
 * The rack of a node is what FT_LOCATIONS says, "n0=row1/rack1 n1=row1/rack2": what `ft run` knows
 * of them from its ft.conf.
 *
 * Called from keep's own threads and from the application's, with PMIx's calls that do not block
 * and a wait that ends; no MPI.
 */
#include "config.h"

#include "keep_places.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gone.h"
#include "role.h"
#include "standin.h"
#include "table.h"
#include "world.h"

#define ASK_MS 15000 /* of busy nodes: who gives up too soon has lost its state */
#define LOCATIONS_ENV "FT_LOCATIONS"

struct ftm_keep_places {
    int n;
    struct ftm_keep_place *places;
    char **nodes, **racks; /* what they point at */
};

/* ---------------------------------------------------------------- waiting for PMIx */

/* One call. Belongs to the waiter and to the callback; the last one frees it. Under gone.h's lock.
 * */
struct call {
    bool done, abandoned;
    pmix_status_t status;
    pmix_proc_t proc;
    pmix_value_t value; /* copied */
};

static void free_call(struct call *call)
{
    PMIX_VALUE_DESTRUCT(&call->value);
    free(call);
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

static void on_done(pmix_status_t status, void *data)
{
    ftm_lock();
    complete(data, status);
}

static void on_value(pmix_status_t status, pmix_value_t *value, void *data)
{
    struct call *call = data;

    ftm_lock();
    if (status == PMIX_SUCCESS && value)
        status = PMIx_Value_xfer(&call->value, value);
    complete(call, status);
}

static void on_found(pmix_status_t status, pmix_pdata_t found[], size_t n, void *data)
{
    struct call *call = data;

    ftm_lock();
    if (status == PMIX_SUCCESS && n > 0 && found) {
        call->proc = found[0].proc;
        status = PMIx_Value_xfer(&call->value, &found[0].value);
    } else if (status == PMIX_SUCCESS) {
        status = PMIX_ERR_NOT_FOUND;
    }
    complete(call, status);
}

/* Waits for a call that `started` says how it was started. *call is NULL after a timeout. */
static pmix_status_t await(struct call **call, pmix_status_t started, int64_t deadline_ns)
{
    pmix_status_t status = PMIX_ERR_TIMEOUT;

    if (started != PMIX_SUCCESS)
        return started == PMIX_OPERATION_SUCCEEDED ? PMIX_SUCCESS : started;
    ftm_lock();
    while (!(*call)->done && ftm_now_ns() < deadline_ns)
        ftm_wait(deadline_ns);
    if ((*call)->done) {
        status = (*call)->status;
    } else {
        (*call)->abandoned = true;
        *call = NULL;
    }
    ftm_unlock();
    return status;
}

/* A value of a process, to be freed by free_call; NULL if there is none. */
static struct call *get(const pmix_proc_t *proc, const char *key, int64_t deadline_ns)
{
    struct call *call = calloc(1, sizeof *call);
    pmix_status_t status;

    if (!call)
        return NULL;
    status = PMIx_Get_nb(proc, key, NULL, 0, on_value, call);
    status = await(&call, status, deadline_ns);
    if (call && status != PMIX_SUCCESS) {
        free_call(call);
        call = NULL;
    }
    return call;
}

static int get_number(const pmix_proc_t *proc, const char *key, int otherwise)
{
    struct call *call = get(proc, key, ftm_deadline_ns(ASK_MS));
    int number = otherwise;

    if (call && call->value.type == PMIX_UINT32)
        number = (int) call->value.data.uint32;
    if (call)
        free_call(call);
    return number;
}

/* ---------------------------------------------------------------- who we are */

static bool own_proc(pmix_proc_t *me)
{
    if (!PMIx_Initialized() || PMIx_Init(me, NULL, 0) != PMIX_SUCCESS) /* this only counts */
        return false;
    PMIx_Finalize(NULL, 0);
    return true;
}

/* A process of FTMPI_Reach's that is no rank of a world of the layer's: it stands in for one.
 * False: for none. */
static bool stand_in_for(const FTMPI_Standin_t *standin, struct ftm_keep_who *who)
{
    pmix_proc_t job;

    if (standin->rank < 0)
        return false;
    PMIX_LOAD_NSPACE(who->job, standin->job);
    who->rank = standin->rank;
    who->epoch = standin->epoch;
    PMIX_LOAD_PROCID(&job, who->job, PMIX_RANK_WILDCARD);
    who->n = get_number(&job, PMIX_JOB_SIZE, who->rank + 1);
    return true;
}

/* A rank of a world, of the first hour or in a lost one's place: by the number that it had when the
 * job began, whose process it is now (spare, started anew) and whether the world was shrunk since.
 *  */
static void be_rank(const pmix_proc_t *me, struct ftm_keep_who *who)
{
    const struct ftm_role *role = ftm_role();
    pmix_proc_t job;

    PMIX_LOAD_NSPACE(who->job, ftm_role_has_joined() ? ftm_role_job() : me->nspace);
    who->rank = role->world_n > 0 ? role->origin : (int) me->rank;
    who->epoch = role->epoch;
    PMIX_LOAD_PROCID(&job, who->job, PMIX_RANK_WILDCARD);
    who->n = role->world_n > 0 ? role->world_n : get_number(&job, PMIX_JOB_SIZE, who->rank + 1);
}

bool ftm_keep_who(struct ftm_keep_who *who, char *why, size_t size)
{
    FTMPI_Standin_t standin;
    pmix_proc_t me;

    memset(who, 0, sizeof *who);
    if (!own_proc(&me)) {
        snprintf(why, size, "MPI is not up: call MPI_Init first, and under ft run or mpirun");
        return false;
    }
    if (ftm_role()->epoch > 0 || ftm_standin(&standin) != MPI_SUCCESS || !standin.is_standin) {
        be_rank(&me, who);
    } else if (!stand_in_for(&standin, who)) {
        snprintf(why, size, "this stand-in replaces a node and no rank: it has no state");
        return false;
    }
    if (who->rank >= 0 && who->rank < who->n)
        return true;
    snprintf(why, size, "this process has no rank in the application's world");
    return false;
}

void ftm_keep_own_node(char name[FTM_KEEP_NODE_MAX])
{
    memset(name, 0, FTM_KEEP_NODE_MAX);
    if (gethostname(name, FTM_KEEP_NODE_MAX - 1) != 0)
        snprintf(name, FTM_KEEP_NODE_MAX, "?");
}

/* ---------------------------------------------------------------- places */

/* The rack of a node by FT_LOCATIONS, to be freed; "" if it is not there. NULL: no memory. */
static char *rack_of(const char *node)
{
    const char *at = getenv(LOCATIONS_ENV);
    size_t n = strlen(node), length;

    for (; at && *at != '\0'; at += length + (at[length] == ' ')) {
        length = strcspn(at, " ");
        if (length > n && strncmp(at, node, n) == 0 && at[n] == '=')
            return strndup(at + n + 1, length - n - 1);
    }
    return strdup("");
}

static char *node_of(const pmix_proc_t *proc, int64_t deadline_ns)
{
    struct call *call = get(proc, PMIX_HOSTNAME, deadline_ns);
    char *node = NULL;

    if (call && call->value.type == PMIX_STRING && call->value.data.string)
        node = strdup(call->value.data.string);
    else if (asprintf(&node, "?%u", (unsigned) proc->rank) < 0)
        node = NULL;
    if (call)
        free_call(call);
    return node;
}

struct ftm_keep_places *ftm_keep_places_create(const struct ftm_keep_who *who)
{
    struct ftm_keep_places *places = calloc(1, sizeof *places);
    int64_t deadline_ns = ftm_deadline_ns(ASK_MS);
    size_t n = (size_t) who->n;
    pmix_proc_t proc;

    if (!places)
        return NULL;
    places->n = who->n;
    places->places = calloc(n, sizeof *places->places);
    places->nodes = calloc(n, sizeof *places->nodes);
    places->racks = calloc(n, sizeof *places->racks);
    if (!places->places || !places->nodes || !places->racks)
        goto error;
    for (int i = 0; i < who->n; i++) {
        PMIX_LOAD_PROCID(&proc, who->job, (pmix_rank_t) i);
        places->nodes[i] = node_of(&proc, deadline_ns);
        places->racks[i] = places->nodes[i] ? rack_of(places->nodes[i]) : NULL;
        if (!places->racks[i])
            goto error;
        places->places[i] = (struct ftm_keep_place){places->nodes[i], places->racks[i]};
    }
    return places;
error:
    ftm_keep_places_destroy(places);
    errno = ENOMEM;
    return NULL;
}

void ftm_keep_places_destroy(struct ftm_keep_places *places)
{
    if (!places)
        return;
    for (int i = 0; i < places->n; i++) {
        if (places->nodes)
            free(places->nodes[i]);
        if (places->racks)
            free(places->racks[i]);
    }
    free(places->places);
    free(places->nodes);
    free(places->racks);
    free(places);
}

int ftm_keep_places_order(const struct ftm_keep_places *places, int rank, int order[])
{
    return ftm_keep_partners(places->places, places->n, rank, order);
}

enum ftm_keep_distance ftm_keep_node_distance(const char *node)
{
    char own[FTM_KEEP_NODE_MAX];
    struct ftm_keep_place here = {.node = own}, there = {.node = node};
    char *racks[2];
    enum ftm_keep_distance distance;

    ftm_keep_own_node(own);
    racks[0] = rack_of(here.node);
    racks[1] = rack_of(there.node);
    here.rack = racks[0] ? racks[0] : "";
    there.rack = racks[1] ? racks[1] : "";
    distance = ftm_keep_distance(&here, &there);
    free(racks[0]);
    free(racks[1]);
    return distance;
}

/* ---------------------------------------------------------------- the directory */

/* False: the job's name is too long to be a part of a key. */
static bool directory_key(pmix_key_t key, const struct ftm_keep_who *who, int rank, uint32_t epoch)
{
    int n = snprintf(key, sizeof(pmix_key_t), "ft.keep:%s:%d.%u", who->job, rank, epoch);

    return n > 0 && n < (int) sizeof(pmix_key_t);
}

int ftm_keep_publish(const struct ftm_keep_who *who, const struct ftm_keep_card *card, char *why,
                     size_t size)
{
    struct call *call = calloc(1, sizeof *call);
    char text[FTM_KEEP_CARD_MAX];
    pmix_data_range_t range = PMIX_RANGE_SESSION;
    pmix_info_t info[2];
    pmix_key_t key = "";
    pmix_status_t status = PMIX_ERR_BAD_PARAM;

    if (call && ftm_keep_card_write(card, text) && directory_key(key, who, who->rank, who->epoch)) {
        PMIX_INFO_LOAD(&info[0], key, text, PMIX_STRING);
        PMIX_INFO_LOAD(&info[1], PMIX_RANGE, &range, PMIX_DATA_RANGE);
        status = await(&call, PMIx_Publish_nb(info, 2, on_done, call), ftm_deadline_ns(ASK_MS));
        PMIX_INFO_DESTRUCT(&info[0]);
        PMIX_INFO_DESTRUCT(&info[1]);
    }
    if (call)
        free_call(call);
    if (status == PMIX_SUCCESS)
        return 0;
    snprintf(why, size, "the launcher's directory does not take this process's address: %s",
             PMIx_Error_string(status));
    return -1;
}

bool ftm_keep_is_gone(const pmix_proc_t *proc)
{
    bool is_gone;

    ftm_lock();
    is_gone = ftm_gone_any(proc, 1, FTM_DIED | FTM_DEPARTED);
    ftm_unlock();
    return is_gone;
}

enum ftm_keep_found ftm_keep_find(const struct ftm_keep_who *who, int rank, uint32_t epoch,
                                  struct ftm_keep_card *card, pmix_proc_t *proc,
                                  int64_t deadline_ns)
{
    struct call *call = calloc(1, sizeof *call);
    enum ftm_keep_found found = FTM_KEEP_NO_ANSWER;
    int64_t ask_until_ns = ftm_deadline_ns(ASK_MS);
    pmix_key_t key = "";
    char *keys[] = {key, NULL};
    pmix_status_t status;

    if (!call || !directory_key(key, who, rank, epoch)) {
        free(call);
        return FTM_KEEP_NO_ANSWER;
    }
    status = PMIx_Lookup_nb(keys, NULL, 0, on_found, call);
    status = await(&call, status, deadline_ns < ask_until_ns ? deadline_ns : ask_until_ns);
    if (status == PMIX_ERR_NOT_FOUND)
        found = FTM_KEEP_NOT_YET;
    if (status == PMIX_SUCCESS && call->value.type == PMIX_STRING
        && ftm_keep_card_read(call->value.data.string, card)) {
        *proc = call->proc;
        found = ftm_keep_is_gone(proc) ? FTM_KEEP_GONE : FTM_KEEP_FOUND;
    }
    if (call)
        free_call(call);
    return found;
}

bool ftm_keep_first_is_gone(const struct ftm_keep_who *who, int rank)
{
    pmix_proc_t first;

    PMIX_LOAD_PROCID(&first, who->job, (pmix_rank_t) rank);
    return who->epoch > 0 || ftm_keep_is_gone(&first);
}

uint32_t ftm_keep_known_epoch(int rank)
{
    const struct ftm_table *table = ftm_world_table();

    return table ? ftm_table_epoch(table, ftm_table_of_origin(table, rank)) : 0;
}
