/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fresh.c - ranks whose process was started anew, and how they and the others come together.
 *
 *   who lost rank v (retarget.c)                    the new process
 *     ftm_fresh_reach                                 MPI_Init
 *       the first one starts it  ------------------>    ftm_fresh_begin: it is rank v of N
 *       the others connect       ------------------>    ftm_fresh_take_in, whenever it waits
 *       "I am rank u"            ------------------>    and whenever it looks for messages
 *
 * Everybody who is told of the loss comes by itself, as soon as it waits for anything or has to do
 * with rank v. Until then a message to it waits here (ftm_fresh_await), and a receive from it is
 * one of soft.c's.
 *
 * Starting and connecting is reach.c's work. Messages then go by table and route as all others do
 * (pt2pt.c, requests.c); what is different is said by ftm_comm_route and ftm_look_for.
 */
#include "config.h"

#include "fresh.h"

#include <mpi-ext.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comms.h"
#include "events.h"
#include "ft_runtime.h"
#include "gone.h"
#include "pt2pt.h"
#include "reach.h"
#include "retarget.h"
#include "runtime.h"
#include "standin.h"
#include "start.h"
#include "table.h"
#include "who.h"
#include "world.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define HELLO_MS 5000   /* who has connected says who it is */
#define AWAY_MS 120000  /* for a rank that does not come */
#define BYE_MS 10000    /* for the others to come to their end, too */
#define LOOK_MS 2       /* between two questions who comes */

/* The first message on each intercommunicator, which the application does not see. */
struct hello {
    int32_t v;
    uint32_t epoch;
    pmix_proc_t me;
};

struct link {
    _Atomic(MPI_Comm) comm;
    pmix_proc_t proc; /* under the lock; "" if not known */
};

int ftm_fresh_used;
static struct link *_Atomic links; /* by number */
static int n_links;                /* how many numbers there are */
static atomic_int last_real = -1;  /* the greatest that is used */
static int first_new, next_new;    /* those for processes started anew */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static bool stands_in;

/* ---------------------------------------------------------------- which there are */

static bool make_links(void)
{
    int total = ftm_table_total(ftm_world_table());
    struct link *made;

    if (links)
        return true;
    made = calloc((size_t) total, sizeof *made);
    for (int i = 0; made && i < total; i++)
        atomic_init(&made[i].comm, MPI_COMM_NULL);
    n_links = total;
    first_new = next_new = total - FTM_FRESH_MAX;
    links = made;
    return made != NULL;
}

static void put_link(int real, MPI_Comm comm, const pmix_proc_t *proc)
{
    pthread_mutex_lock(&mutex);
    if (proc)
        links[real].proc = *proc;
    pthread_mutex_unlock(&mutex);
    atomic_store(&links[real].comm, comm);
    if (real > last_real)
        last_real = real;
    __atomic_store_n(&ftm_fresh_used, 1, __ATOMIC_RELEASE);
}

MPI_Comm ftm_fresh_comm(int real)
{
    struct link *all = links;

    return all && real >= 0 && real <= last_real ? atomic_load(&all[real].comm) : MPI_COMM_NULL;
}

int ftm_fresh_next(int real)
{
    for (real++; real <= last_real; real++)
        if (ftm_fresh_comm(real) != MPI_COMM_NULL)
            return real;
    return -1;
}

int ftm_fresh_real(MPI_Comm comm)
{
    int real = ftm_fresh_next(-1);

    while (real >= 0 && ftm_fresh_comm(real) != comm)
        real = ftm_fresh_next(real);
    return real;
}

int ftm_fresh_of(const pmix_proc_t *proc)
{
    int found = -1;

    if (!links)
        return -1;
    pthread_mutex_lock(&mutex);
    for (int real = 0; real <= last_real && found < 0; real++)
        if (links[real].proc.rank == proc->rank
            && strcmp(links[real].proc.nspace, proc->nspace) == 0)
            found = real;
    pthread_mutex_unlock(&mutex);
    return found;
}

/* A number of its own for a process that has come. -1: there are no more. */
static int new_number(void)
{
    return next_new < n_links ? next_new++ : -1;
}

/* ---------------------------------------------------------------- who comes */

static int say_hello(MPI_Comm comm)
{
    struct hello hello;

    memset(&hello, 0, sizeof hello);
    hello.v = ftm_role()->virtual_rank;
    hello.epoch = ftm_role()->epoch;
    if (PMIx_Init(&hello.me, NULL, 0) != PMIX_SUCCESS) /* it is up: this only counts */
        return MPI_ERR_OTHER;
    PMIx_Finalize(NULL, 0);
    return PMPI_Send(&hello, sizeof hello, MPI_BYTE, 0, 0, comm);
}

static bool hear_hello(MPI_Comm comm, struct hello *hello)
{
    int64_t deadline_ns = ftm_deadline_ns(HELLO_MS);
    MPI_Request request = MPI_REQUEST_NULL;
    int there = 0, rc;

    rc = PMPI_Irecv(hello, sizeof *hello, MPI_BYTE, 0, 0, comm, &request);
    while (rc == MPI_SUCCESS && !there && ftm_now_ns() < deadline_ns)
        rc = PMPI_Test(&request, &there, MPI_STATUS_IGNORE);
    if (request != MPI_REQUEST_NULL) {
        PMPI_Cancel(&request);
        PMPI_Wait(&request, MPI_STATUS_IGNORE);
    }
    return rc == MPI_SUCCESS && there && hello->v >= 0 && hello->v < ftm_world_n;
}

/* ---------------------------------------------------------------- going there */

int ftm_fresh_reach(int v, const struct ftm_replacement *now, int64_t deadline_ns, int *real,
                    char *why, size_t size)
{
    const struct ftm_program *program = ftm_start_program();
    struct ftm_reached reached;
    ftHandle_t ft;
    int rc;

    if (!program || !make_links() || ftm_runtime(&ft) != FT_OK) {
        snprintf(why, size,
                 "there is no memory, no runtime or no /proc to start this program from");
        return MPI_ERR_OTHER;
    }
    rc = ftm_reach_for_world(ft, &now->reply, program, deadline_ns, &reached, why, size);
    if (rc != MPI_SUCCESS)
        return rc;
    rc = say_hello(reached.comm);
    *real = rc == MPI_SUCCESS ? new_number() : -1;
    if (*real < 0) {
        snprintf(why, size, rc != MPI_SUCCESS ? "the process for rank %d died at once"
                                              : "rank %d: too many processes were started anew", v);
        ftm_leave(&reached.comm);
        return rc != MPI_SUCCESS ? MPI_ERR_PORT : MPI_ERR_OTHER;
    }
    put_link(*real, reached.comm, &reached.proc);
    return MPI_SUCCESS;
}

/* ---------------------------------------------------------------- in the one that was started */

bool ftm_fresh_stands_in(void)
{
    return stands_in;
}

/* Puts who is behind comm into its place. False: it is not who it says. */
static bool seat(MPI_Comm comm, const struct hello *hello)
{
    struct ftm_table *table = ftm_world_table();
    int real = hello->v;

    if (hello->epoch > 0) {
        real = new_number();
        if (real < 0)
            return false;
        ftm_world_lost(ftm_table_real(table, hello->v));
        if (!ftm_table_put(table, hello->v, real, hello->epoch))
            return false;
    } else if (ftm_table_epoch(table, real) > 0 || ftm_fresh_comm(real) != MPI_COMM_NULL) {
        return false;
    }
    put_link(real, comm, &hello->me);
    return true;
}

static void receive_one(MPI_Comm comm)
{
    struct hello hello;
    bool is_seated = false;

    if (hear_hello(comm, &hello)) {
        ftm_retarget_lock(); /* another thread may be about to replace that rank */
        is_seated = seat(comm, &hello);
        ftm_retarget_unlock();
    }
    if (!is_seated)
        ftm_leave(&comm);
}

void ftm_fresh_take_in(void)
{
    static _Atomic int64_t again_ns;
    static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
    MPI_Comm comm = MPI_COMM_NULL;

    if (!stands_in || ftm_now_ns() < again_ns || pthread_mutex_trylock(&one) != 0)
        return;
    while (ftm_next_peer(0, &comm) == MPI_SUCCESS && comm != MPI_COMM_NULL)
        receive_one(comm);
    again_ns = ftm_deadline_ns(LOOK_MS);
    pthread_mutex_unlock(&one);
}

bool ftm_fresh_is_away(const struct ftm_comm *c, int peer)
{
    int real;

    if (!stands_in || !c->is_world)
        return false;
    real = ftm_table_real(ftm_world_table(), peer);
    return ftm_fresh_comm(real) == MPI_COMM_NULL && !ftm_world_is_lost(real);
}

int ftm_fresh_await(const struct ftm_comm *c, int peer)
{
    int64_t deadline_ns = ftm_deadline_ns(AWAY_MS);
    char words[MPI_MAX_ERROR_STRING];

    while (ftm_fresh_is_away(c, peer) && ftm_now_ns() < deadline_ns)
        ftm_while_waiting(0);
    if (!ftm_fresh_is_away(c, peer))
        return MPI_SUCCESS;
    snprintf(words, sizeof words,
             "rank %d has not come within %d s to this process, which was started in the place of "
             "rank %d; is it in an MPI call at all?",
             peer, AWAY_MS / 1000, ftm_role()->virtual_rank);
    return ftm_error_with_words(MPIX_ERR_PROC_FAILED, words);
}

static int world_of(const char *text)
{
    char *end;
    long n = text ? strtol(text, &end, 10) : 0;

    return text && *end == '\0' && n > 0 && n < 1 << 22 ? (int) n : 0;
}

/* What stands in knows of itself, and of its world. */
static bool know_place(int world_n)
{
    struct ftm_role role = {.world_n = world_n};
    FTMPI_Standin_t me;

    ftm_standin_announce();
    if (ftm_standin(&me) != MPI_SUCCESS || !me.is_standin || me.rank < 0 || me.rank >= world_n)
        return false;
    role.real_rank = role.virtual_rank = role.origin = me.rank;
    role.decision = me.decision;
    role.epoch = me.epoch;
    ftm_role_join(me.job, &role);
    return true;
}

/* The world's books: nobody is reached on a real communicator of ours but this process itself. */
static bool open_books(void)
{
    struct ftm_comm *world = ftm_comm_of(MPI_COMM_WORLD);
    MPI_Comm starter = MPI_COMM_NULL, self = MPI_COMM_NULL;

    if (!world || !make_links() || PMPI_Comm_dup(MPI_COMM_SELF, &self) != MPI_SUCCESS)
        return false;
    PMPI_Comm_set_errhandler(self, MPI_ERRORS_RETURN);
    world->direct = world->hidden = MPI_COMM_NULL;
    world->mixed = true;
    put_link(ftm_role()->virtual_rank, self, NULL);
    PMPI_Comm_get_parent(&starter);
    receive_one(starter);
    return true;
}

bool ftm_fresh_begin(void)
{
    int world_n = world_of(getenv(FTM_FRESH_ENV));

    unsetenv(FTM_FRESH_ENV); /* what it starts itself is none */
    if (world_n == 0 || !know_place(world_n) || ftm_world_begin_joining() != MPI_SUCCESS)
        return false;
    stands_in = true;
    return open_books();
}

/* ---------------------------------------------------------------- the end */

/* Those who are reached so, and live. Returns how many. */
static size_t living(pmix_proc_t procs[])
{
    size_t n = 0;

    for (int real = ftm_fresh_next(-1); real >= 0; real = ftm_fresh_next(real))
        if (!ftm_world_is_lost(real) && links[real].proc.nspace[0] != '\0')
            procs[n++] = links[real].proc;
    return n;
}

/* As links.c does it with the application's own connections: each tells the others, through PMIx,
 * that it has come to its end, and waits for them, with MPI at work. */
void ftm_fresh_end(void)
{
    int64_t deadline_ns = ftm_deadline_ns(BYE_MS);
    pmix_proc_t *procs;
    size_t n;

    if (!ftm_fresh_used)
        return;
    procs = calloc((size_t) last_real + 1, sizeof *procs);
    n = procs ? living(procs) : 0;
    for (size_t i = 0; i < n; i++)
        ftm_events_depart(&procs[i], 1);
    ftm_lock();
    while (n > 0 && !ftm_gone_all(procs, n, FTM_DIED | FTM_DEPARTED)
           && ftm_now_ns() < deadline_ns)
        ftm_comms_wait(deadline_ns);
    ftm_unlock();
    free(procs);
}
