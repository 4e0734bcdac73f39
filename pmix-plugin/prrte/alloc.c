/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * alloc.c - on the master: PMIx_Allocation_request; owns the allocations, and the requests that wait.
 *
 * A process that asks PMIx for nodes gets them from where findAlternative would: the central unit's
 * resource manager (ftAcquireNode), one node after the other, and uses them by PMIx_Spawn with
 * PMIX_ADD_HOST and PMIX_HOST. What it was given is an allocation here, with a name ("ft-3"):
 *
 *     NEW         PMIX_ALLOC_NUM_NODES (1), PMIX_ALLOC_EXCLUDE, PMIX_ALLOC_NUM_CPUS (of all
 *                 together), PMIX_ALLOC_MEM_SIZE (MB, of each), PMIX_ALLOC_REQ_ID, PMIX_TIMEOUT
 *                 (s; 60; 0: no limit)
 *     EXTEND      the same; PMIX_ALLOC_ID: that allocation grows. Not in time: nodes stay as long as
 *                 the launcher does, and its own job lasts
 *     RELEASE     PMIX_ALLOC_ID: all of it, or of it PMIX_ALLOC_NODE_LIST; a node with processes is
 *                 busy, and nothing is released then. The daemons there end
 *     REQ_CANCEL  PMIX_ALLOC_REQ_ID: of a request that waits
 *
 * All nodes or none: what came goes back when the rest does not. The answer: PMIX_ALLOC_ID,
 * PMIX_ALLOC_NODE_LIST (those that came now), PMIX_ALLOC_NUM_NODES, PMIX_ALLOC_REQ_ID as it was
 * given, PMIX_ALLOC_TIME where it is known (Slurm); with an error, PMIX_EVENT_TEXT_MESSAGE says
 * why. alloc_request.c reads the requests, alloc_query.c answers questions.
 *
 * The allocations are those of one launcher, which serves one user's processes only. Whatever is
 * not given back by then goes back when it ends: the central unit sees to it. Without a central
 * unit, or with a scheduler attached to the launcher, all is as on stock.
 */
#include "alloc_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "report.h"
#include "src/prted/pmix/pmix_server_internal.h"
#include "src/util/pmix_argv.h"

#define GIVE_BACK_MS 30000
#define WISHES_MAX 64       /* that wait at the same time */
#define ALLOCATIONS_MAX 1024

/* Nodes that are asked for. */
typedef struct wish {
    char *request_id;
    allocation_t *grows;   /* EXTEND; NULL: a new one */
    uint64_t wanted;
    char **nodes;          /* that came */
    ftConstraint_t like;
    int64_t end_ms;        /* 0: no limit */
    ftp_answer_fn answer;
    void *arg;
    struct wish *next;
} wish_t;

/* Nodes on their way back. */
typedef struct {
    size_t waiting;
    pmix_status_t status;
    char why[256];
    ftp_answer_fn answer;
    void *arg;
} release_t;

static allocation_t *allocations;
static wish_t *wishes;
static unsigned last_id, allocations_n;

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- answers */

static void refuse(ftp_answer_fn answer, void *arg, pmix_status_t status, const char *why)
{
    pmix_info_t *info;

    ftp_say(1, "a request for nodes: %s (%s)", PMIx_Error_string(status), why);
    PMIX_INFO_CREATE(info, 1);
    PMIX_INFO_LOAD(&info[0], PMIX_EVENT_TEXT_MESSAGE, why, PMIX_STRING);
    answer(arg, status, info, 1);
}

static pmix_status_t status_of(ftRetVal_t rc)
{
    switch (rc) {
    case FT_OK:
        return PMIX_SUCCESS;
    case FT_ERR_NONE:
        return PMIX_ERR_OUT_OF_RESOURCE;
    case FT_ERR_TIMEOUT:
        return PMIX_ERR_TIMEOUT;
    case FT_ERR_DENIED:
        return PMIX_ERR_NO_PERMISSIONS;
    case FT_ERR_BUSY:
        return PMIX_ERR_RESOURCE_BUSY;
    case FT_ERR_UNKNOWN:
        return PMIX_ERR_NOT_FOUND;
    case FT_ERR_MEMORY:
        return PMIX_ERR_NOMEM;
    case FT_ERR_LOST:
    case FT_ERR_CONNECT:
        return PMIX_ERR_UNREACH;
    default:
        return PMIX_ERROR;
    }
}

/* ---- allocations */

allocation_t *ftp_alloc_find(const char *id)
{
    allocation_t *allocation = allocations;

    while (allocation != NULL && strcmp(allocation->id, id) != 0)
        allocation = allocation->next;
    return allocation;
}

static allocation_t *make_allocation(const char *request_id)
{
    allocation_t *allocation = calloc(1, sizeof *allocation), **end = &allocations;

    if (allocation == NULL)
        return NULL;
    snprintf(allocation->id, sizeof allocation->id, "ft-%u", ++last_id);
    allocation->request_id = request_id != NULL ? strdup(request_id) : NULL;
    while (*end != NULL)
        end = &(*end)->next;
    *end = allocation;
    allocations_n++;
    return allocation;
}

static void free_allocation(allocation_t *allocation)
{
    free(allocation->request_id);
    PMIX_ARGV_FREE_COMPAT(allocation->nodes);
    free(allocation);
}

/* Of those that were released whole the oldest goes when there are too many. */
static bool make_room(void)
{
    allocation_t **link = &allocations, *gone;

    if (allocations_n < ALLOCATIONS_MAX)
        return true;
    while (*link != NULL && (*link)->nodes != NULL)
        link = &(*link)->next;
    gone = *link;
    if (gone == NULL)
        return false;
    *link = gone->next;
    allocations_n--;
    for (wish_t *wish = wishes; wish != NULL; wish = wish->next)
        if (wish->grows == gone)
            wish->grows = NULL;
    free_allocation(gone);
    return true;
}

int ftp_alloc_place(char **names, const char *name)
{
    for (int i = 0; names != NULL && names[i] != NULL; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

const allocation_t *ftp_alloc_first(void)
{
    return allocations;
}

static wish_t *wish_called(const char *request_id)
{
    wish_t *wish = wishes;

    while (wish != NULL
           && (wish->request_id == NULL || strcmp(wish->request_id, request_id) != 0))
        wish = wish->next;
    return wish;
}

bool ftp_alloc_waits(const char *request_id)
{
    return wish_called(request_id) != NULL;
}

/* ---- giving back */

static void ignore_answer(void *arg, ftRetVal_t status, const ftReply_t *reply)
{
    (void) arg;
    if (status != FT_OK)
        ftp_say(1, "a node was not given back: %s", reply->reason);
}

static void give_back_unused(char **nodes)
{
    for (int i = 0; nodes != NULL && nodes[i] != NULL; i++)
        if (!ftp_asks_submit(ftGiveBackNode(nodes[i]), GIVE_BACK_MS, ignore_answer, NULL))
            ftp_say(1, "node %s goes back when the launcher ends", nodes[i]);
}

/* ---- asking */

static void end_wish(wish_t *wish)
{
    wish_t **link = &wishes;

    while (*link != NULL && *link != wish)
        link = &(*link)->next;
    if (*link != NULL)
        *link = wish->next;
    PMIX_ARGV_FREE_COMPAT(wish->nodes);
    free(wish->request_id);
    free(wish);
}

static void fail(wish_t *wish, pmix_status_t status, const char *why)
{
    give_back_unused(wish->nodes);
    refuse(wish->answer, wish->arg, status, why);
    end_wish(wish);
}

/* month:day:hour:minute:second, from the right */
static void put_time(pmix_info_t *info, long seconds)
{
    char text[64];

    snprintf(text, sizeof text, "%ld:%02ld:%02ld:%02ld", seconds / 86400, seconds / 3600 % 24,
             seconds / 60 % 60, seconds % 60);
    PMIX_INFO_LOAD(info, PMIX_ALLOC_TIME, text, PMIX_STRING);
}

static void succeed(wish_t *wish)
{
    allocation_t *allocation = wish->grows;
    char *list = PMIX_ARGV_JOIN_COMPAT(wish->nodes, ',');
    uint64_t count = wish->wanted;
    long time_s = ftp_alloc_remaining_s();
    pmix_info_t *info;
    size_t n = 0;

    if (allocation == NULL && make_room())
        allocation = make_allocation(wish->request_id);
    if (allocation == NULL || list == NULL) {
        free(list);
        fail(wish, PMIX_ERR_OUT_OF_RESOURCE, "this launcher has too many allocations");
        return;
    }
    for (int i = 0; wish->nodes[i] != NULL; i++)
        PMIX_ARGV_APPEND_NOSIZE_COMPAT(&allocation->nodes, wish->nodes[i]);
    PMIX_INFO_CREATE(info, 5);
    PMIX_INFO_LOAD(&info[n++], PMIX_ALLOC_ID, allocation->id, PMIX_STRING);
    PMIX_INFO_LOAD(&info[n++], PMIX_ALLOC_NODE_LIST, list, PMIX_STRING);
    PMIX_INFO_LOAD(&info[n++], PMIX_ALLOC_NUM_NODES, &count, PMIX_UINT64);
    if (wish->request_id != NULL)
        PMIX_INFO_LOAD(&info[n++], PMIX_ALLOC_REQ_ID, wish->request_id, PMIX_STRING);
    if (time_s >= 0)
        put_time(&info[n++], time_s);
    ftp_say(1, "allocation %s: %s", allocation->id, list);
    free(list);
    wish->answer(wish->arg, PMIX_SUCCESS, info, n);
    end_wish(wish);
}

static void on_node(void *arg, ftRetVal_t status, const ftReply_t *reply);

static void ask_for_next(wish_t *wish)
{
    int64_t left_ms = wish->end_ms == 0 ? FT_FOREVER : wish->end_ms - now_ms();
    ftConstraint_t like = wish->like;

    for (int i = 0; wish->nodes != NULL && wish->nodes[i] != NULL; i++)
        like = ftExclude(like, wish->nodes[i]);
    if (wish->end_ms != 0 && left_ms <= 0)
        fail(wish, PMIX_ERR_TIMEOUT, "the nodes did not come in time");
    else if (!ftp_asks_submit(ftAcquireNode(like), left_ms, on_node, wish))
        fail(wish, ftp_asks_can() ? PMIX_ERR_RESOURCE_BUSY : PMIX_ERR_UNREACH,
             "the central fault tolerance unit cannot be asked now");
}

static void on_node(void *arg, ftRetVal_t status, const ftReply_t *reply)
{
    wish_t *wish = (wish_t *) arg;
    uint64_t got;

    if (status != FT_OK) {
        fail(wish, status_of(status),
             reply->reason[0] != '\0' ? reply->reason : ftStrError(status));
        return;
    }
    PMIX_ARGV_APPEND_NOSIZE_COMPAT(&wish->nodes, reply->resource.node);
    got = (uint64_t) PMIX_ARGV_COUNT_COMPAT(wish->nodes);
    if (got < wish->wanted)
        ask_for_next(wish);
    else
        succeed(wish);
}

static void wish_for(const request_t *request, bool extend, ftp_answer_fn answer, void *arg)
{
    allocation_t *grows = extend && request->id != NULL ? ftp_alloc_find(request->id) : NULL;
    ftConstraint_t like = ftp_request_like(request);
    wish_t *wish, **end = &wishes;
    unsigned n = 0;

    for (; *end != NULL; end = &(*end)->next)
        n++;
    if (extend && request->id != NULL && grows == NULL)
        refuse(answer, arg, PMIX_ERR_NOT_FOUND, "there is no allocation of that PMIX_ALLOC_ID");
    else if (extend && request->timed && !request->sized)
        refuse(answer, arg, PMIX_ERR_NOT_SUPPORTED, "nodes last as long as the launcher's job");
    else if (request->list != NULL)
        refuse(answer, arg, PMIX_ERR_NOT_SUPPORTED,
               "nodes cannot be asked for by name; PMIX_ALLOC_EXCLUDE says which not");
    else if (like.error != FT_OK)
        refuse(answer, arg, PMIX_ERR_BAD_PARAM, like.excluded);
    else if (request->request_id != NULL && ftp_alloc_waits(request->request_id))
        refuse(answer, arg, PMIX_ERR_EXISTS, "a request of that PMIX_ALLOC_REQ_ID waits already");
    else if (n >= WISHES_MAX || (wish = calloc(1, sizeof *wish)) == NULL)
        refuse(answer, arg, PMIX_ERR_RESOURCE_BUSY, "too many requests for nodes wait already");
    else {
        wish->request_id = request->request_id != NULL ? strdup(request->request_id) : NULL;
        wish->grows = grows;
        wish->wanted = request->nodes;
        wish->like = like;
        wish->end_ms = request->timeout_s > 0 ? now_ms() + 1000 * (int64_t) request->timeout_s : 0;
        wish->answer = answer;
        wish->arg = arg;
        *end = wish;
        ask_for_next(wish);
    }
}

static void cancel(const request_t *request, ftp_answer_fn answer, void *arg)
{
    wish_t *wish = request->request_id != NULL ? wish_called(request->request_id) : NULL;

    if (request->request_id == NULL) {
        refuse(answer, arg, PMIX_ERR_BAD_PARAM, "PMIX_ALLOC_REQ_ID says which request");
    } else if (wish == NULL) {
        refuse(answer, arg, PMIX_ERR_NOT_FOUND, "no request of that PMIX_ALLOC_REQ_ID waits");
    } else {
        ftp_asks_drop(wish);
        fail(wish, PMIX_ERR_JOB_CANCELED, "the request was cancelled");
        answer(arg, PMIX_SUCCESS, NULL, 0);
    }
}

/* ---- releasing */

static prte_node_t *node_called(const char *name)
{
    prte_proc_t *daemon = ftp_daemon_on(name);

    return daemon != NULL && !ftp_routing_is_lost(daemon->name.rank) ? daemon->node : NULL;
}

static bool is_busy(const char *name)
{
    prte_node_t *node = node_called(name);

    for (int i = 0; node != NULL && i < node->procs->size; i++) {
        prte_proc_t *proc = (prte_proc_t *) pmix_pointer_array_get_item(node->procs, i);
        if (proc != NULL && proc->state < PRTE_PROC_STATE_UNTERMINATED
            && ftp_job_is_active(prte_get_job_data_object(proc->name.nspace)))
            return true;
    }
    return false;
}

static void done_with(release_t *release)
{
    if (--release->waiting > 0)
        return;
    if (release->status == PMIX_SUCCESS)
        release->answer(release->arg, PMIX_SUCCESS, NULL, 0);
    else
        refuse(release->answer, release->arg, release->status, release->why);
    free(release);
}

static void on_given_back(void *arg, ftRetVal_t status, const ftReply_t *reply)
{
    release_t *release = (release_t *) arg;

    if (status != FT_OK) {
        release->status = status_of(status);
        snprintf(release->why, sizeof release->why, "%.255s", reply->reason);
    }
    done_with(release);
}

/* Takes a node out of the allocation that has it. */
static void take_out(const char *name)
{
    for (allocation_t *from = allocations; from != NULL; from = from->next) {
        int place = ftp_alloc_place(from->nodes, name), count;

        if (place < 0)
            continue;
        count = PMIX_ARGV_COUNT_COMPAT(from->nodes);
        free(from->nodes[place]);
        memmove(&from->nodes[place], &from->nodes[place + 1],
                (size_t) (count - place) * sizeof *from->nodes);
        if (count == 1) {
            free(from->nodes);
            from->nodes = NULL;
        }
    }
}

static void release_nodes(char **names, ftp_answer_fn answer, void *arg)
{
    release_t *release = calloc(1, sizeof *release);

    if (release == NULL) {
        answer(arg, PMIX_ERR_NOMEM, NULL, 0);
        return;
    }
    release->waiting = 1; /* this function */
    release->status = PMIX_SUCCESS;
    release->answer = answer;
    release->arg = arg;
    for (int i = 0; names[i] != NULL; i++) {
        prte_node_t *node = node_called(names[i]);

        if (node != NULL)
            ftp_survive_leave(node->daemon);
        release->waiting++;
        if (!ftp_asks_submit(ftGiveBackNode(names[i]), GIVE_BACK_MS, on_given_back, release)) {
            release->status = PMIX_ERR_UNREACH;
            snprintf(release->why, sizeof release->why,
                     "the central fault tolerance unit cannot be told: node %.100s goes back when "
                     "the launcher ends", names[i]);
            release->waiting--;
        }
        take_out(names[i]);
    }
    done_with(release);
}

/* The names that are to be released; NULL and refused if some cannot be. */
static char **to_release(request_t *request)
{
    allocation_t *of = request->id != NULL ? ftp_alloc_find(request->id) : NULL;
    char **names = NULL;

    if (request->id == NULL && request->list == NULL)
        ftp_request_refuse(request, PMIX_ERR_BAD_PARAM, "%.120s or a list of nodes says what", PMIX_ALLOC_ID);
    if (request->id != NULL && (of == NULL || of->nodes == NULL))
        ftp_request_refuse(request, PMIX_ERR_NOT_FOUND, "allocation %.120s has no nodes here", request->id);
    if (request->refused == PMIX_SUCCESS)
        names = request->list != NULL ? PMIX_ARGV_SPLIT_COMPAT(request->list, ',')
                                      : PMIX_ARGV_COPY_COMPAT(of->nodes);
    for (int i = 0; names != NULL && names[i] != NULL; i++) {
        bool given = of != NULL && ftp_alloc_place(of->nodes, names[i]) >= 0;

        for (allocation_t *a = allocations; of == NULL && a != NULL; a = a->next)
            given = given || ftp_alloc_place(a->nodes, names[i]) >= 0;
        if (!given)
            ftp_request_refuse(request, PMIX_ERR_NOT_FOUND, "node %.120s is not of that allocation", names[i]);
        else if (is_busy(names[i]))
            ftp_request_refuse(request, PMIX_ERR_RESOURCE_BUSY, "processes are on node %.120s", names[i]);
    }
    if (request->refused == PMIX_SUCCESS)
        return names;
    PMIX_ARGV_FREE_COMPAT(names);
    return NULL;
}

/* ---- requests */

void ftp_alloc_request(const pmix_proc_t *client, pmix_alloc_directive_t directive,
                       const pmix_info_t *info, size_t n, ftp_answer_fn answer, void *arg)
{
    request_t request;
    char **names;

    if (prte_pmix_server_globals.scheduler_connected || !ftp_asks_can()) {
        ftp_serve_stock(client, directive, info, n, answer, arg);
        return;
    }
    request = ftp_request_read(info, n);
    names = directive == PMIX_ALLOC_RELEASE ? to_release(&request) : NULL;
    if (request.refused != PMIX_SUCCESS) {
        refuse(answer, arg, request.refused, request.why);
        return;
    }
    switch (directive) {
    case PMIX_ALLOC_NEW:
    case PMIX_ALLOC_EXTEND:
        wish_for(&request, directive == PMIX_ALLOC_EXTEND, answer, arg);
        break;
    case PMIX_ALLOC_RELEASE:
        release_nodes(names, answer, arg);
        break;
    case PMIX_ALLOC_REQ_CANCEL:
        cancel(&request, answer, arg);
        break;
    default:
        refuse(answer, arg, PMIX_ERR_NOT_SUPPORTED, "nodes are not lent here");
        break;
    }
    PMIX_ARGV_FREE_COMPAT(names);
}

void ftp_alloc_fini(void)
{
    while (wishes != NULL) { /* nobody is there to be answered */
        ftp_asks_drop(wishes);
        end_wish(wishes);
    }
    while (allocations != NULL) {
        allocation_t *allocation = allocations;

        allocations = allocation->next;
        free_allocation(allocation);
    }
    allocations_n = 0;
}
