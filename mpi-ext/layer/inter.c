/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inter.c - intercommunicators of the world's ranks, made so that a loss interrupts it.
 *
 * Open MPI makes them by messages between the first ranks of the two groups, for which the others
 * wait. A rank that is lost meanwhile is an error for some of them, and the rest waits for those
 * for ever (among.c). So it is done differently here: the groups tell each other who they are, where
 * a loss is an error for all; all processes of both get a communicator, `both`, and the
 * intercommunicator is made by collectives on that.
 *
 *   local    the members of the one group: is there memory in all?
 *   bridge   those first in each: who are you? In any case, also to say that something is wrong
 *   local    their answer
 *   both     by ftm_among_make; all meet on it, and ftm_among_link
 *
 * In `both` is first the group that MPI_Intercomm_merge puts first if neither says that it is the
 * high one. It stays beside the intercommunicator, for what is made from that: a duplicate, parts,
 * and what comes of a merge. Whoever fails in the middle revokes it: no one waits on it for one that
 * has given up. An intercommunicator with processes of other jobs is Open MPI's own.
 *
 *   in    create_inter.c, create_comm.c, create_group.c: the calls; derived.c: one is freed;
 *         stray.c: a repair
 */
#include "config.h"

#include "inter.h"

#include <mpi-ext.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "among.h"
#include "comms.h"
#include "world.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

struct inter {
    struct inter *next;
    MPI_Comm comm;
    MPI_Comm both;
    int n_first; /* the first ones of `both` are the one group */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct inter *inters;

/* ---------------------------------------------------------------- the list */

static struct inter *find(MPI_Comm comm)
{
    struct inter *inter = inters;

    while (inter && inter->comm != comm)
        inter = inter->next;
    return inter;
}

/* A copy; both is MPI_COMM_NULL: there is none. */
static struct inter look_up(MPI_Comm comm)
{
    struct inter found = {.both = MPI_COMM_NULL}, *inter;

    pthread_mutex_lock(&mutex);
    inter = find(comm);
    if (inter)
        found = *inter;
    pthread_mutex_unlock(&mutex);
    return found;
}

bool ftm_inter_is_one(MPI_Comm comm)
{
    return __atomic_load_n(&inters, __ATOMIC_RELAXED) && look_up(comm).both != MPI_COMM_NULL;
}

static void list(struct inter *inter)
{
    pthread_mutex_lock(&mutex);
    inter->next = inters;
    __atomic_store_n(&inters, inter, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&mutex);
}

static void unlist(struct inter *inter)
{
    pthread_mutex_lock(&mutex);
    for (struct inter **at = &inters; *at; at = &(*at)->next)
        if (*at == inter) {
            __atomic_store_n(at, inter->next, __ATOMIC_RELAXED);
            break;
        }
    pthread_mutex_unlock(&mutex);
}

static void free_both(MPI_Comm *both)
{
    int revoked = 0;

    if (PMPIX_Comm_is_revoked(*both, &revoked) == MPI_SUCCESS && !revoked)
        PMPI_Comm_free(both);
    else
        ftm_comms_retire(both);
}

void ftm_inter_gone(MPI_Comm comm)
{
    struct inter *inter;

    pthread_mutex_lock(&mutex);
    inter = find(comm);
    pthread_mutex_unlock(&mutex);
    if (!inter)
        return;
    unlist(inter);
    free_both(&inter->both);
    free(inter);
}

void ftm_inter_revoke_all(void)
{
    pthread_mutex_lock(&mutex);
    for (struct inter *inter = inters; inter; inter = inter->next)
        PMPIX_Comm_revoke(inter->both);
    pthread_mutex_unlock(&mutex);
}

void ftm_inter_end(void)
{
    while (inters) {
        struct inter *gone = inters;

        inters = gone->next;
        free(gone);
    }
}

/* What a communicator of ours says once somebody has failed on it is that it is revoked. */
static int meant(int rc)
{
    int class = rc;

    PMPI_Error_class(rc, &class);
    return class == MPIX_ERR_REVOKED ? MPIX_ERR_PROC_FAILED : rc;
}

/* Makes one of `both`, which is taken over in any case. */
static int link_groups(MPI_Comm both, int n_first, MPI_Comm *made)
{
    struct inter *inter = calloc(1, sizeof *inter);
    int rc = MPI_ERR_NO_MEM;

    *made = MPI_COMM_NULL;
    if (inter) { /* a repair is to interrupt what follows */
        *inter = (struct inter) {.comm = MPI_COMM_NULL, .both = both, .n_first = n_first};
        list(inter);
        rc = ftm_among_check(both);
        if (rc == MPI_SUCCESS)
            rc = ftm_among_link(both, n_first, made);
    }
    if (rc == MPI_SUCCESS) { /* Open MPI's last step takes no notice of a loss */
        rc = PMPI_Barrier(both);
        if (rc == MPI_SUCCESS) {
            inter->comm = *made;
            return rc;
        }
        PMPI_Comm_free(made);
    }
    PMPIX_Comm_revoke(both);
    if (inter)
        unlist(inter);
    free(inter);
    ftm_comms_retire(&both);
    return meant(rc);
}

/* ---------------------------------------------------------------- MPI_Intercomm_create */

/* What the first of each group says to the other. */
struct word {
    int rc; /* an error of its group's */
    int n;  /* how many they are; 0: not all are of the world */
};

/* Two groups that are to be connected. */
struct pair {
    MPI_Group world;
    struct word mine, theirs;
    int *ranks; /* of my group, in the world */
    int *others;
    bool is_led_from_here; /* this process speaks for my group */
};

/* Are all processes of a communicator the world's? */
static bool is_of_world(MPI_Comm comm)
{
    MPI_Group world = MPI_GROUP_NULL, group = MPI_GROUP_NULL, others = MPI_GROUP_NULL;
    int n = 1;
    bool is = PMPI_Comm_group(ftm_active, &world) == MPI_SUCCESS
              && PMPI_Comm_group(comm, &group) == MPI_SUCCESS
              && PMPI_Group_difference(group, world, &others) == MPI_SUCCESS
              && PMPI_Group_size(others, &n) == MPI_SUCCESS && n == 0;

    if (others != MPI_GROUP_NULL && others != MPI_GROUP_EMPTY)
        PMPI_Group_free(&others);
    if (group != MPI_GROUP_NULL)
        PMPI_Group_free(&group);
    if (world != MPI_GROUP_NULL)
        PMPI_Group_free(&world);
    return is;
}

static bool find_ranks(struct pair *pair, MPI_Comm local)
{
    MPI_Group group;
    bool are;

    if (PMPI_Comm_group(local, &group) != MPI_SUCCESS)
        return false;
    are = PMPI_Group_size(group, &pair->mine.n) == MPI_SUCCESS && pair->mine.n <= ftm_world_n;
    for (int i = 0; are && i < pair->mine.n; i++)
        are = PMPI_Group_translate_ranks(group, 1, &i, pair->world, &pair->ranks[i])
              == MPI_SUCCESS;
    PMPI_Group_free(&group);
    return are;
}

/* All of my group: has everybody room? */
static int begin_pair(struct pair *pair, MPI_Comm local)
{
    size_t n = (size_t) ftm_world_n;
    int has, all_have = 0, rc;

    pair->ranks = malloc(n * sizeof *pair->ranks);
    pair->others = malloc(n * sizeof *pair->others);
    has = pair->ranks && pair->others && PMPI_Comm_group(ftm_active, &pair->world) == MPI_SUCCESS
          && find_ranks(pair, local);
    rc = PMPI_Allreduce(&has, &all_have, 1, MPI_INT, MPI_MIN, local);
    return rc == MPI_SUCCESS && !all_have ? MPI_ERR_NO_MEM : rc;
}

/* In the first of my group: the others hear of it in any case. */
static int speak(struct pair *pair, MPI_Comm bridge, int other, int tag)
{
    int rc;

    if (!is_of_world(bridge))
        return MPI_SUCCESS;
    rc = PMPI_Sendrecv(&pair->mine, 2, MPI_INT, other, tag, &pair->theirs, 2, MPI_INT, other, tag,
                       bridge, MPI_STATUS_IGNORE);
    if (rc == MPI_SUCCESS)
        rc = pair->mine.rc != MPI_SUCCESS ? pair->mine.rc : pair->theirs.rc;
    if (rc == MPI_SUCCESS && pair->mine.n > 0 && pair->theirs.n > 0)
        rc = PMPI_Sendrecv(pair->ranks, pair->mine.n, MPI_INT, other, tag, pair->others,
                           pair->theirs.n, MPI_INT, other, tag, bridge, MPI_STATUS_IGNORE);
    return rc;
}

/* All of my group hear what the other one is. */
static int hear(struct pair *pair, MPI_Comm local, int leader)
{
    int rc = PMPI_Bcast(&pair->theirs, 2, MPI_INT, leader, local);

    if (rc == MPI_SUCCESS)
        rc = pair->theirs.rc;
    if (rc == MPI_SUCCESS && pair->theirs.n > 0)
        rc = PMPI_Bcast(pair->others, pair->theirs.n, MPI_INT, leader, local);
    return rc;
}

static int introduce(struct pair *pair, MPI_Comm local, int leader, MPI_Comm bridge, int other,
                     int tag)
{
    int rank = -1, rc;

    PMPI_Comm_rank(local, &rank);
    pair->is_led_from_here = rank == leader;
    if (!is_of_world(local)) { /* Open MPI makes it, and says what is wrong */
        if (pair->is_led_from_here)
            speak(pair, bridge, other, tag);
        pair->theirs.n = 0;
        return MPI_SUCCESS;
    }
    rc = begin_pair(pair, local);
    if (pair->is_led_from_here) {
        pair->mine.rc = rc;
        pair->theirs.rc = speak(pair, bridge, other, tag);
    }
    return rc == MPI_SUCCESS ? hear(pair, local, leader) : rc;
}

static int get_both(const struct pair *pair, int tag, int *n_first, MPI_Comm *both)
{
    bool is_first = pair->ranks[0] > pair->others[0]; /* so has MPI_Intercomm_merge */
    const int *first = is_first ? pair->ranks : pair->others;
    const int *second = is_first ? pair->others : pair->ranks;
    int n = pair->mine.n + pair->theirs.n, rc;
    int *ranks = n <= ftm_world_n ? malloc((size_t) n * sizeof *ranks) : NULL;
    MPI_Group group;

    *n_first = is_first ? pair->mine.n : pair->theirs.n;
    for (int i = 0; ranks && i < n; i++)
        ranks[i] = i < *n_first ? first[i] : second[i - *n_first];
    rc = ranks              ? PMPI_Group_incl(pair->world, n, ranks, &group)
         : n > ftm_world_n ? MPI_ERR_GROUP
                           : MPI_ERR_NO_MEM;
    free(ranks);
    if (rc != MPI_SUCCESS)
        return rc;
    rc = ftm_among_make(ftm_active, group, tag, both);
    PMPI_Group_free(&group);
    return rc;
}

static void end_pair(struct pair *pair)
{
    if (pair->world != MPI_GROUP_NULL)
        PMPI_Group_free(&pair->world);
    free(pair->ranks);
    free(pair->others);
}

int ftm_inter_create(MPI_Comm local, int leader, MPI_Comm bridge, int other, int tag,
                     MPI_Comm *made, bool *is_ours)
{
    struct pair pair = {.world = MPI_GROUP_NULL};
    MPI_Comm both = MPI_COMM_NULL;
    int n_first = 0, rc = introduce(&pair, local, leader, bridge, other, tag);

    *made = MPI_COMM_NULL;
    *is_ours = rc != MPI_SUCCESS || (pair.mine.n > 0 && pair.theirs.n > 0);
    if (rc == MPI_SUCCESS && *is_ours)
        rc = get_both(&pair, tag, &n_first, &both);
    end_pair(&pair);
    if (both == MPI_COMM_NULL)
        return meant(rc);
    rc = ftm_among_meet(both, ftm_active);
    if (rc == MPI_SUCCESS)
        return link_groups(both, n_first, made);
    ftm_comms_retire(&both);
    return meant(rc);
}

/* ---------------------------------------------------------------- from one of them */

static int give_up(MPI_Comm both, int rc)
{
    PMPIX_Comm_revoke(both);
    return meant(rc);
}

int ftm_inter_dup(MPI_Comm comm, MPI_Comm *made)
{
    struct inter inter = look_up(comm);
    MPI_Comm both = MPI_COMM_NULL;
    int rc = PMPI_Comm_dup(inter.both, &both);

    *made = MPI_COMM_NULL;
    return rc == MPI_SUCCESS ? link_groups(both, inter.n_first, made) : give_up(inter.both, rc);
}

int ftm_inter_merge(MPI_Comm comm, int high, MPI_Comm *made)
{
    struct inter inter = look_up(comm);
    int rank = 0, n = 0, rc = PMPI_Comm_rank(inter.both, &rank);

    *made = MPI_COMM_NULL;
    if (rc == MPI_SUCCESS)
        rc = PMPI_Comm_size(inter.both, &n);
    if (rc == MPI_SUCCESS)
        rc = PMPI_Comm_split(inter.both, 0, high ? n + rank : rank, made);
    if (rc == MPI_SUCCESS) {
        rc = ftm_among_check(*made);
        if (rc == MPI_SUCCESS)
            return rc;
        PMPI_Comm_free(made);
    }
    *made = MPI_COMM_NULL;
    return give_up(inter.both, rc);
}

/* What each process of both groups asks for. */
struct wish {
    int color, key;
};

/* Does that one come before this one, in a part of the same group? */
static bool is_before(const struct wish wishes[], int that, int this)
{
    return wishes[that].key != wishes[this].key ? wishes[that].key < wishes[this].key : that < this;
}

/* My place in a part of both groups, of which the first group's come first. */
static int place(const struct inter *inter, const struct wish wishes[], int n, int rank,
                 int *n_first, int *n_second)
{
    bool is_first = rank < inter->n_first;
    int before = 0;

    *n_first = *n_second = 0;
    for (int i = 0; i < n; i++) {
        if (wishes[i].color != wishes[rank].color)
            continue;
        *(i < inter->n_first ? n_first : n_second) += 1;
        if ((i < inter->n_first) == is_first && is_before(wishes, i, rank))
            before++;
    }
    return is_first ? before : *n_first + before;
}

static int get_part(const struct inter *inter, struct wish wishes[], int n, int rank, int *n_first,
                    MPI_Comm *part)
{
    int n_second, at = place(inter, wishes, n, rank, n_first, &n_second);
    bool is_in = wishes[rank].color != MPI_UNDEFINED && *n_first > 0 && n_second > 0;

    return PMPI_Comm_split(inter->both, is_in ? wishes[rank].color : MPI_UNDEFINED, at, part);
}

int ftm_inter_split(MPI_Comm comm, int color, int key, MPI_Comm *made)
{
    struct inter inter = look_up(comm);
    MPI_Comm part = MPI_COMM_NULL;
    struct wish mine = {color, key}, *wishes;
    int n = 0, rank = 0, n_first = 0, rc;

    *made = MPI_COMM_NULL;
    PMPI_Comm_size(inter.both, &n);
    PMPI_Comm_rank(inter.both, &rank);
    wishes = calloc((size_t) n, sizeof *wishes);
    rc = wishes ? PMPI_Allgather(&mine, 2, MPI_INT, wishes, 2, MPI_INT, inter.both)
                : MPI_ERR_NO_MEM;
    if (rc == MPI_SUCCESS)
        rc = get_part(&inter, wishes, n, rank, &n_first, &part);
    free(wishes);
    if (rc != MPI_SUCCESS)
        return give_up(inter.both, rc);
    return part == MPI_COMM_NULL ? rc : link_groups(part, n_first, made);
}
