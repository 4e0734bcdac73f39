/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * among.c - communicators that some processes make among themselves, and that a loss interrupts.
 *
 * The members of a new communicator agree on its number. For one that is made of all of another
 * (MPI_Comm_dup, MPI_Comm_split) Open MPI 5.0 does that by a non-blocking collective on the old
 * one, which ends with an error if one of them is lost. There are two other ways:
 *
 *   by messages, up and down a tree          MPI_Comm_create_group
 *   by messages between the first of each    intercommunicators: MPI_Intercomm_create, _merge, and
 *   group                                    MPI_Comm_dup, _split and _create of one
 *
 * Nothing interrupts those: Open MPI looks whether the messages are complete, and never whether
 * their other end is lost, still less whether somebody else is, who has made that one give up. And
 * an error of theirs is forgotten on the way.
 *
 * So the tree is Open MPI's here, but its messages are waited for by us (ftm_among_append, which
 * preload.c has put in front of Open MPI's function): what Open MPI is given in their place is a
 * step that is done over and over, looks for them as MPI_Test does, and fails once a member is lost.
 * They have tags that no application can use, nor has any other such tree of this communicator with
 * other members: what is left of one that failed is found by nobody.
 *
 * The second way is not used at all: all processes of both groups get a communicator by the tree,
 * and what else they need, the intercommunicator, is made by collectives on that.
 *
 * Open MPI's functions behind MPI's are those of 5.0.7 (ompi/communicator/communicator.h). All of
 * them are looked for in ftm_among_begin, which makes a communicator of this process alone; if
 * anything about it is not as it should be, Open MPI is left to do all in its own way.
 *
 *   in    create_group.c, create_inter.c, inter.c
 */
#include "config.h"

#include "among.h"

#include <dlfcn.h>
#include <mpi-ext.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "cid.h"
#include "comms.h"
#include "gone.h"
#include "replay.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define LOOK_NS 1000000 /* how often a wait looks for losses */

#define ITEMS_MAX 8  /* of one communicator's making there are two at a time */
#define PARTS_MAX 2  /* a tree of two branches */
#define KNOWN_MAX 16

/* Open MPI's OMPI_COMM_CID_INTRA, _GROUP; OMPI_COMM_SET_FLAG_LOCAL_COMM_NODUP */
#define BY_ALL 0x20
#define BY_TREE 0x200
#define LOCAL_IS_GIVEN 1

/* From here down to the least number there is; nobody else has such. */
#define FIRST_TAG (-0x40000000)
#define TAGS_MASK 0x3fffffff

typedef int set_fn(MPI_Comm *made, MPI_Comm old, int n, int ranks[], int remote_n,
                   int remote_ranks[], void *attributes, MPI_Errhandler handler, MPI_Group group,
                   MPI_Group remote, uint32_t flags);
typedef int number_fn(MPI_Comm made, MPI_Comm parent, MPI_Comm bridge, const void *arg0,
                      const void *arg1, bool sends_first, int mode);
typedef int number_nb_fn(MPI_Comm made, MPI_Comm parent, MPI_Comm bridge, const void *arg0,
                         const void *arg1, bool sends_first, int mode, MPI_Request *request);
typedef int activate_fn(MPI_Comm *made, MPI_Comm parent, MPI_Comm bridge, const void *arg0,
                        const void *arg1, bool sends_first, int mode);
typedef int activate_nb_fn(MPI_Comm *made, MPI_Comm parent, MPI_Comm bridge, const void *arg0,
                           const void *arg1, bool sends_first, int mode, MPI_Request *request);
typedef int free_fn(MPI_Comm *comm);

static struct {
    set_fn *set;
    number_fn *number;
    number_nb_fn *number_nb;
    activate_fn *activate;
    activate_nb_fn *activate_nb;
    free_fn *free;
} ompi;

static bool can;

/* What Open MPI is to do for a request, once its parts are complete. */
struct item {
    void *request; /* NULL: none */
    ftm_step_fn *step;
    MPI_Request parts[PARTS_MAX]; /* messages, which are waited for here */
    int n;
};

/* A communicator that is just being made. Open MPI does the steps of all of them, one at a time, in
 * whichever thread looks for messages. */
struct making {
    struct making *next;
    ftm_append_fn *append;
    struct item items[ITEMS_MAX];
    void *known[KNOWN_MAX]; /* Open MPI's requests that are no messages */
    int n_known;
    int rc; /* the first error */
    atomic_int trouble; /* a member is lost, or the communicator was revoked: the error */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of the list, and all items */
static struct making *makings;
static __thread struct making *current; /* what is appended now belongs to it */

static int mpi_error(int rc)
{
    return rc < 0 ? MPI_ERR_INTERN : rc; /* Open MPI's own are negative */
}

/* ---------------------------------------------------------------- the steps */

static bool is_known(const struct making *making, const void *request)
{
    for (int i = 0; i < making->n_known; i++)
        if (making->known[i] == request)
            return true;
    return false;
}

/* False: no room. */
static bool put(struct making *making, const struct item *item)
{
    bool is_put = false;

    pthread_mutex_lock(&mutex);
    for (int i = 0; i < ITEMS_MAX && !is_put; i++)
        if (!making->items[i].request) {
            making->items[i] = *item;
            is_put = true;
        }
    if (is_put && !is_known(making, item->request)) {
        is_put = making->n_known < KNOWN_MAX;
        if (is_put)
            making->known[making->n_known++] = item->request;
    }
    pthread_mutex_unlock(&mutex);
    return is_put;
}

static struct making *take(const void *request, struct item *item)
{
    struct making *making;

    pthread_mutex_lock(&mutex);
    for (making = makings; making; making = making->next)
        for (int i = 0; i < ITEMS_MAX; i++)
            if (making->items[i].request == request) {
                *item = making->items[i];
                making->items[i].request = NULL;
                pthread_mutex_unlock(&mutex);
                return making;
            }
    pthread_mutex_unlock(&mutex);
    return NULL;
}

/* Looks for the messages of a step. In trouble they are cancelled. True: none is under way. */
static bool are_over(struct making *making, struct item *item)
{
    bool are = true;

    for (int i = 0; i < item->n; i++) {
        MPI_Request *part = &item->parts[i];
        int flag = 0, rc;

        if (*part == MPI_REQUEST_NULL)
            continue;
        if (atomic_load(&making->trouble))
            PMPI_Cancel(part);
        rc = PMPI_Test(part, &flag, MPI_STATUS_IGNORE);
        if (rc != MPI_SUCCESS && making->rc == MPI_SUCCESS)
            making->rc = rc;
        if (rc != MPI_SUCCESS || flag)
            *part = MPI_REQUEST_NULL;
        are = are && *part == MPI_REQUEST_NULL;
    }
    return are;
}

static int do_step(void *request);

static int advance(struct making *making, struct item *item)
{
    if (item->n == 0) /* of a request that knows its errors */
        return item->step ? item->step(item->request) : MPI_SUCCESS;
    if (!are_over(making, item))
        return put(making, item) ? making->append(item->request, do_step, NULL, 0)
                                 : MPI_ERR_INTERN;
    if (making->rc == MPI_SUCCESS)
        making->rc = atomic_load(&making->trouble);
    return making->rc != MPI_SUCCESS ? making->rc
           : item->step              ? item->step(item->request)
                                     : MPI_SUCCESS;
}

static int do_step(void *request)
{
    struct making *before = current, *making;
    struct item item;
    int rc;

    making = take(request, &item);
    if (!making)
        return MPI_ERR_INTERN;
    current = making;
    rc = advance(making, &item);
    current = before;
    if (making->rc == MPI_SUCCESS)
        making->rc = rc;
    return rc;
}

/* Of the requests of a tree some wait for messages, and others for those requests. */
int ftm_among_append(ftm_append_fn *next, void *request, ftm_step_fn *step, MPI_Request parts[],
                     int n)
{
    struct item item = {.request = request, .step = step};
    struct making *making = current;

    if (!making)
        return next(request, step, parts, n);
    making->append = next;
    if (n > 0 && !is_known(making, parts[0])) {
        if (n > PARTS_MAX)
            return MPI_ERR_INTERN;
        for (int i = 0; i < n; i++)
            item.parts[i] = parts[i];
        item.n = n;
        n = 0;
    }
    return put(making, &item) ? next(request, do_step, parts, n) : MPI_ERR_INTERN;
}

/* ---------------------------------------------------------------- a communicator by the tree */

static bool has_lost(MPI_Comm base, MPI_Group group)
{
    MPI_Group failed = MPI_GROUP_NULL, ours = MPI_GROUP_NULL;
    int n = 0;

    if (PMPIX_Comm_get_failed(base, &failed) != MPI_SUCCESS)
        return false;
    if (PMPI_Group_size(failed, &n) == MPI_SUCCESS && n > 0) {
        n = 0;
        if (PMPI_Group_intersection(group, failed, &ours) == MPI_SUCCESS)
            PMPI_Group_size(ours, &n);
    }
    if (ours != MPI_GROUP_NULL && ours != MPI_GROUP_EMPTY)
        PMPI_Group_free(&ours);
    if (failed != MPI_GROUP_NULL && failed != MPI_GROUP_EMPTY)
        PMPI_Group_free(&failed);
    return n > 0;
}

int ftm_among_check(MPI_Comm made)
{
    MPI_Group group;
    bool has;

    if (PMPI_Comm_group(made, &group) != MPI_SUCCESS)
        return MPI_ERR_COMM;
    has = has_lost(made, group);
    PMPI_Group_free(&group);
    return has ? MPIX_ERR_PROC_FAILED : MPI_SUCCESS;
}

static bool is_revoked(MPI_Comm comm)
{
    int revoked = 0;

    return PMPIX_Comm_is_revoked(comm, &revoked) == MPI_SUCCESS && revoked;
}

static int find_trouble(MPI_Comm base, MPI_Group group)
{
    return is_revoked(base)        ? MPIX_ERR_REVOKED
           : has_lost(base, group) ? MPIX_ERR_PROC_FAILED
                                   : MPI_SUCCESS;
}

/* Until Open MPI has come to the end of it. */
static int see_through(struct making *making, MPI_Comm base, MPI_Group group, MPI_Request *request)
{
    int64_t look_ns = ftm_now_ns() + LOOK_NS;
    int flag = 0;

    while (PMPI_Request_get_status(*request, &flag, MPI_STATUS_IGNORE) == MPI_SUCCESS && !flag) {
        if (ftm_now_ns() < look_ns || atomic_load(&making->trouble))
            continue;
        atomic_store(&making->trouble, find_trouble(base, group));
        look_ns = ftm_now_ns() + LOOK_NS;
    }
    PMPI_Request_free(request);
    return making->rc;
}

static int number(struct making *making, MPI_Comm base, MPI_Group group, int tag, MPI_Comm made)
{
    MPI_Request request = MPI_REQUEST_NULL;
    int rc;

    current = making;
    rc = ompi.number_nb(made, base, NULL, &tag, NULL, false, BY_TREE, &request);
    current = NULL;
    return rc == MPI_SUCCESS ? see_through(making, base, group, &request) : rc;
}

static int activate(struct making *making, MPI_Comm base, MPI_Group group, int tag, MPI_Comm *made)
{
    MPI_Request request = MPI_REQUEST_NULL;
    int rc;

    current = making;
    rc = ompi.activate_nb(made, base, NULL, &tag, NULL, false, BY_TREE, &request);
    current = NULL;
    return rc == MPI_SUCCESS ? see_through(making, base, group, &request) : rc;
}

static void list(struct making *making)
{
    pthread_mutex_lock(&mutex);
    making->next = makings;
    makings = making;
    pthread_mutex_unlock(&mutex);
}

static void unlist(struct making *making)
{
    pthread_mutex_lock(&mutex);
    for (struct making **at = &makings; *at; at = &(*at)->next)
        if (*at == making) {
            *at = making->next;
            break;
        }
    pthread_mutex_unlock(&mutex);
}

/* The same in all members, another for other members. */
static int tag_for(MPI_Comm base, MPI_Group group, int tag)
{
    uint64_t id = ftm_replay_id((uint64_t) (unsigned) tag, 0, 0);
    MPI_Group all = MPI_GROUP_NULL;
    int n = 0, rank;

    PMPI_Group_size(group, &n);
    PMPI_Comm_group(base, &all);
    for (int i = 0; i < n; i++)
        if (PMPI_Group_translate_ranks(group, 1, &i, all, &rank) == MPI_SUCCESS)
            id = ftm_replay_id(id, (uint32_t) i, rank);
    PMPI_Group_free(&all);
    return FIRST_TAG - (int) ((id ^ id >> 32) & TAGS_MASK);
}

static int make(struct making *making, MPI_Comm base, MPI_Group group, int tag, MPI_Comm *made)
{
    int rc = ompi.set(made, base, 0, NULL, 0, NULL, NULL, MPI_ERRORS_RETURN, group, NULL, 0);

    if (rc != MPI_SUCCESS) {
        *made = MPI_COMM_NULL;
        return mpi_error(rc);
    }
    list(making);
    rc = number(making, base, group, tag, *made);
    if (rc == MPI_SUCCESS)
        rc = activate(making, base, group, tag, made);
    unlist(making);
    /* On one that was revoked meanwhile nobody may have heard of anybody. */
    if (rc == MPI_SUCCESS && is_revoked(base))
        rc = MPIX_ERR_REVOKED;
    if (rc != MPI_SUCCESS && *made && *made != MPI_COMM_NULL)
        ompi.free(made);
    if (rc != MPI_SUCCESS)
        *made = MPI_COMM_NULL;
    return mpi_error(rc);
}

int ftm_among_make(MPI_Comm base, MPI_Group group, int tag, MPI_Comm *made)
{
    struct making making = {.rc = MPI_SUCCESS};
    int rc;

    *made = MPI_COMM_NULL;
    rc = find_trouble(base, group);
    return rc == MPI_SUCCESS ? make(&making, base, group, tag_for(base, group, tag), made) : rc;
}

/* ---------------------------------------------------------------- an intercommunicator */

int ftm_among_meet(MPI_Comm both, MPI_Comm base)
{
    int64_t look_ns = ftm_now_ns() + LOOK_NS;
    MPI_Request request = MPI_REQUEST_NULL;
    int flag = 0, rc = ftm_among_check(both);

    if (rc == MPI_SUCCESS)
        rc = PMPI_Ibarrier(both, &request);
    while (rc == MPI_SUCCESS && !flag) {
        rc = PMPI_Test(&request, &flag, MPI_STATUS_IGNORE);
        if (ftm_now_ns() < look_ns)
            continue;
        if (is_revoked(base))
            PMPIX_Comm_revoke(both); /* and the test has an error */
        look_ns = ftm_now_ns() + LOOK_NS;
    }
    if (rc != MPI_SUCCESS)
        PMPIX_Comm_revoke(both);
    return rc;
}

static int remote_group(MPI_Comm both, int n_first, bool is_first, MPI_Group *remote)
{
    int n = 0, range[1][3], rc = PMPI_Comm_size(both, &n);
    MPI_Group all;

    if (rc == MPI_SUCCESS)
        rc = PMPI_Comm_group(both, &all);
    if (rc != MPI_SUCCESS)
        return rc;
    range[0][0] = is_first ? n_first : 0;
    range[0][1] = (is_first ? n : n_first) - 1;
    range[0][2] = 1;
    rc = PMPI_Group_range_incl(all, 1, range, remote);
    PMPI_Group_free(&all);
    return rc;
}

/* `local` becomes a part of it; or is freed. */
static int set_up(MPI_Comm local, MPI_Group remote, MPI_Comm *made)
{
    MPI_Group mine;
    int rc = PMPI_Comm_group(local, &mine);

    if (rc == MPI_SUCCESS) {
        rc = ompi.set(made, local, 0, NULL, 0, NULL, NULL, MPI_ERRORS_RETURN, mine, remote,
                      LOCAL_IS_GIVEN);
        PMPI_Group_free(&mine);
    }
    if (rc != MPI_SUCCESS) {
        *made = MPI_COMM_NULL;
        PMPI_Comm_free(&local);
    }
    return rc;
}

int ftm_among_link(MPI_Comm both, int n_first, MPI_Comm *made)
{
    MPI_Comm local = MPI_COMM_NULL;
    MPI_Group remote = MPI_GROUP_NULL;
    int rank = 0, rc = PMPI_Comm_rank(both, &rank);

    *made = MPI_COMM_NULL;
    if (rc == MPI_SUCCESS)
        rc = PMPI_Comm_split(both, rank < n_first, rank, &local);
    if (rc == MPI_SUCCESS)
        rc = remote_group(both, n_first, rank < n_first, &remote);
    if (rc == MPI_SUCCESS)
        rc = set_up(local, remote, made);
    else if (local != MPI_COMM_NULL)
        PMPI_Comm_free(&local);
    if (rc == MPI_SUCCESS)
        rc = ompi.number(*made, both, NULL, NULL, NULL, false, BY_ALL);
    if (rc == MPI_SUCCESS)
        rc = ompi.activate(made, both, NULL, NULL, NULL, false, BY_ALL);
    if (remote != MPI_GROUP_NULL)
        PMPI_Group_free(&remote);
    if (rc != MPI_SUCCESS && *made && *made != MPI_COMM_NULL)
        ompi.free(made);
    if (rc != MPI_SUCCESS)
        *made = MPI_COMM_NULL;
    return mpi_error(rc);
}

/* ---------------------------------------------------------------- begin */

static bool find_all(void)
{
    *(void **) &ompi.set = dlsym(RTLD_DEFAULT, "ompi_comm_set");
    *(void **) &ompi.number = dlsym(RTLD_DEFAULT, "ompi_comm_nextcid");
    *(void **) &ompi.number_nb = dlsym(RTLD_DEFAULT, "ompi_comm_nextcid_nb");
    *(void **) &ompi.activate = dlsym(RTLD_DEFAULT, "ompi_comm_activate");
    *(void **) &ompi.activate_nb = dlsym(RTLD_DEFAULT, "ompi_comm_activate_nb");
    *(void **) &ompi.free = dlsym(RTLD_DEFAULT, "ompi_comm_free");
    return ompi.set && ompi.number && ompi.number_nb && ompi.activate && ompi.activate_nb
           && ompi.free;
}

/* Does Open MPI note its steps with us? */
static bool try_alone(void)
{
    struct making making = {.rc = MPI_SUCCESS};
    MPI_Comm self = ftm_comms_self(), made = MPI_COMM_NULL;
    MPI_Group alone;
    int n = 0, rc;

    if (self == MPI_COMM_NULL || PMPI_Comm_group(self, &alone) != MPI_SUCCESS)
        return false;
    rc = make(&making, self, alone, tag_for(self, alone, 0), &made);
    if (rc == MPI_SUCCESS && PMPI_Comm_size(made, &n) == MPI_SUCCESS)
        PMPI_Comm_free(&made);
    PMPI_Group_free(&alone);
    return rc == MPI_SUCCESS && n == 1 && making.n_known > 0;
}

void ftm_among_begin(void)
{
    can = find_all() && try_alone();
    ftm_cid_unblock();
}

bool ftm_among_can(void)
{
    return can;
}
