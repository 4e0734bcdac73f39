/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * retarget.c - a rank of the world whose process is lost is given another one, by table.
 *
 * Local: no other rank takes part, no communicator is made. The central unit decides, and everybody
 * who asks it gets the same answer (role.h).
 *
 *   who sends to v, or waits for v        retarget.c                       elsewhere
 *     Open MPI: it is lost  ----------->  ftm_role_replacement  -------->  the runtime
 *                                         what has arrived from it -> inbox.c
 *                                         table: v is another process now
 *                                         in flight with v -> requests.c asks again
 *     sends, receives again <-----------
 *
 * One loss at a time is worked on, under a lock; who comes second finds the work done. PMIx's
 * thread (ftm_world_lost) never takes that lock.
 */
#include "config.h"

#include "retarget.h"

#include <mpi.h>
#include <mpi-ext.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "derived.h"
#include "fresh.h"
#include "gone.h"
#include "inbox.h"
#include "moving.h"
#include "repair.h"
#include "requests.h"
#include "role.h"
#include "table.h"
#include "world.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

/* How long a rank may wait to hear who replaces another, and how long "nobody" is believed. */
#define FTM_RETARGET_MS 15000
#define FTM_FRESH_MS 120000 /* and for one that is started anew and begins its program */
#define FRESH_TRIES 8
#define BELIEVED_MS 1000
#define KNOW_MS 500      /* until Open MPI knows what the runtime knows; */
#define GIVE_UP_MS 15000 /* where it has something to give up then */

#define CLASSES 4

/* Recursive: a replacement may be lost, too, while what was in flight is asked of it. */
static pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
/* This thread does it on the way: a process that is started anew is left to who needs it. Who goes
 * to one that nobody needs any more would wait for it in vain. */
static __thread bool spares_only;

static atomic_bool news; /* somebody was lost since ftm_retarget_lost looked last */

/* The last refusal, by virtual rank. */
struct refusal {
    int v;
    int class;
    int64_t until_ns;
    char why[512];
    struct refusal *next;
};
static struct refusal *refusals; /* at the most one a rank, under the lock */

static struct refusal *refusal_of(int v)
{
    struct refusal *refusal = refusals;

    while (refusal && refusal->v != v)
        refusal = refusal->next;
    return refusal;
}

void ftm_retarget_lock(void)
{
    pthread_mutex_lock(&mutex);
}

void ftm_retarget_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

static void note_refusal(int v, int class, const char *why)
{
    struct refusal *refusal = refusal_of(v);

    if (!refusal) {
        refusal = calloc(1, sizeof *refusal);
        if (!refusal)
            return;
        refusal->v = v;
        refusal->next = refusals;
        refusals = refusal;
    }
    refusal->class = class;
    refusal->until_ns = ftm_deadline_ns(BELIEVED_MS);
    snprintf(refusal->why, sizeof refusal->why, "%s", why);
}

void ftm_retarget_why(int v, char *why, size_t size)
{
    const struct refusal *refusal;

    pthread_mutex_lock(&mutex);
    refusal = refusal_of(v);
    snprintf(why, size, "rank %d was lost, and nobody takes its place: %s", v,
             refusal ? refusal->why : "the runtime does not say why");
    pthread_mutex_unlock(&mutex);
}

/* ---------------------------------------------------------------- what had arrived from it */

struct leaver {
    int v, real;
};

static void take_letters(struct ftm_comm *c, void *data)
{
    const struct leaver *who = data;
    struct ftm_letter letter = {
        .comm = c->app, .peer = ftm_comm_rank_of(c, who->v), .real = who->real};
    bool first_hour = who->real == who->v && !c->is_world && c->direct != MPI_COMM_NULL;
    MPI_Comm fresh = c->is_world ? ftm_fresh_comm(who->real) : MPI_COMM_NULL;
    MPI_Comm comm = fresh != MPI_COMM_NULL ? fresh : first_hour ? c->direct : c->hidden;
    int found = 1, source = first_hour ? letter.peer : who->real;

    if (letter.peer < 0 || comm == MPI_COMM_NULL)
        return;
    while (found) {
        if (PMPI_Improbe(fresh != MPI_COMM_NULL ? 0 : source, MPI_ANY_TAG, comm, &found,
                         &letter.message, &letter.status) != MPI_SUCCESS)
            return;
        letter.tag = letter.status.MPI_TAG;
        letter.status.MPI_SOURCE = letter.peer;
        if (found && !ftm_inbox_put(&letter))
            return;
    }
}

static void note_mixed(struct ftm_comm *c, void *data)
{
    const struct leaver *who = data;

    if (c->is_world ? ftm_fresh_used && !c->whole
                    : c->direct != MPI_COMM_NULL && ftm_comm_rank_of(c, who->v) >= 0)
        c->mixed = true;
}

/* ---------------------------------------------------------------- another process */

/* Open MPI may hear of a loss later than we do, as it looks at events only when it is given a turn.
 * It gives up what is in flight with a process only once it knows, and what is sent to the
 * replacement before that would overtake it. (With nothing in flight it may never know: of some it
 * has not talked to it does not.) */
static void let_open_mpi_know(int v, int real)
{
    int64_t known_ns = ftm_deadline_ns(KNOW_MS), given_up_ns = ftm_deadline_ns(GIVE_UP_MS);
    int flag;

    if (ftm_fresh_stands_in() || ftm_fresh_comm(real) != MPI_COMM_NULL)
        return; /* it is not of the real world that Open MPI is asked about */
    while (!ftm_world_knows(real)
           && (ftm_now_ns() < known_ns
               || (ftm_now_ns() < given_up_ns && ftm_requests_are_with(v, real))))
        PMPI_Iprobe(MPI_ANY_SOURCE, 0, MPI_COMM_SELF, &flag, MPI_STATUS_IGNORE);
}

/* Who replaces it, reached if it was started anew. What could not be started or reached is asked
 * for again: the runtime gives the next one. */
static int find_replacement(int v, int real, struct ftm_replacement *now)
{
    int64_t deadline_ns = ftm_deadline_ns(FTM_FRESH_MS);
    int rc = MPI_ERR_SPAWN;

    for (int tries = 0; tries < FRESH_TRIES && ftm_now_ns() < deadline_ns
                        && (rc == MPI_ERR_SPAWN || rc == MPI_ERR_PORT); tries++) {
        rc = ftm_role_replacement(v, real, ftm_table_epoch(ftm_world_table(), v),
                                  ftm_deadline_ns(FTM_RETARGET_MS), now);
        if (rc == MPI_SUCCESS || !now->fresh)
            return rc;
        if (ftm_repair_is_on()) {
            snprintf(now->reason, sizeof now->reason,
                     "no warm spare is left, and a process that is started anew has part in "
                     "collectives only; FTMPI_Loop or FTMPI_Set_callback has messages go on, too");
            return rc;
        }
        if (spares_only) {
            ftm_retarget_news();
            return MPI_ERR_PENDING;
        }
        rc = ftm_fresh_reach(v, now, deadline_ns, &now->real, now->reason, sizeof now->reason);
    }
    return rc == MPI_SUCCESS || rc == MPI_ERR_OTHER ? rc : MPIX_ERR_PROC_FAILED;
}

/* With the lock held, and v's process `real` lost. */
static int replace(int v, int real)
{
    struct leaver who = {v, real};
    struct ftm_replacement now = {.real = -1};
    struct refusal *before = refusal_of(v);
    int rc;

    if (before && ftm_now_ns() < before->until_ns)
        return before->class;
    rc = find_replacement(v, real, &now);
    if (rc == MPI_ERR_PENDING)
        return rc;
    if (rc != MPI_SUCCESS) {
        note_refusal(v, rc, now.reason);
        return rc;
    }
    let_open_mpi_know(v, real);
    ftm_comm_each(take_letters, &who);
    ftm_requests_name(v, real);
    if (!ftm_table_put(ftm_world_table(), v, now.real, now.epoch)) {
        note_refusal(v, MPIX_ERR_PROC_FAILED, "the runtime named a process that has another rank");
        return MPIX_ERR_PROC_FAILED;
    }
    ftm_comm_each(note_mixed, &who);
    ftm_requests_move(v, real);
    return MPI_SUCCESS;
}

/* Where the world is repaired nobody is replaced by table. What waits for the lost one is over by
 * the time this comes back, if it does. */
static int repaired_instead(void)
{
    int before = ftm_repair_last()->repairs, error;

    if (ftm_repair(MPI_COMM_WORLD, MPIX_ERR_PROC_FAILED, NULL, &error) == FTM_REPAIR_RETURN)
        return error;
    return ftm_repair_last()->repairs == before ? MPI_SUCCESS : MPIX_ERR_PROC_FAILED;
}

int ftm_retarget(int v, int real)
{
    int rc = MPI_SUCCESS;

    if (ftm_repair_rules())
        return repaired_instead();

    ftm_world_lost(real);
    pthread_mutex_lock(&mutex);
    if (ftm_table_real(ftm_world_table(), v) == real)
        rc = replace(v, real);
    pthread_mutex_unlock(&mutex);
    return rc;
}

int ftm_retarget_to(int origin, int real, int *v)
{
    const struct ftm_table *table = ftm_world_table();
    int before;

    *v = ftm_table_of_origin(table, origin);
    if (*v < 0)
        return MPIX_ERR_PROC_FAILED;
    before = ftm_table_real(table, *v);
    return before == real || ftm_repair_is_on() ? MPI_SUCCESS : ftm_retarget(*v, before);
}

void ftm_retarget_news(void)
{
    atomic_store(&news, true);
}

void ftm_retarget_lost(bool anybody)
{
    struct ftm_table *table = ftm_world_table();

    if (!atomic_exchange(&news, false))
        return;
    spares_only = !anybody;
    for (int v = 0, real; v < ftm_world_n; v++) {
        real = ftm_table_real(table, v);
        if (!ftm_table_is_lost(table, real))
            continue;
        if (spares_only && ftm_role()->spares_n == 0)
            ftm_retarget_news(); /* for who asks for anybody */
        else
            ftm_retarget(v, real); /* who sends to it hears of a refusal */
    }
    spares_only = false;
}

void ftm_retarget_on_the_way(void)
{
    if (atomic_load_explicit(&news, memory_order_relaxed))
        ftm_retarget_lost(ftm_requests_want_anybody());
}

/* ---------------------------------------------------------------- words */

int ftm_error_with_words(int class, const char *words)
{
    static struct {
        int class, code;
    } known[CLASSES];
    int code = class;
    char text[MPI_MAX_ERROR_STRING];

    snprintf(text, sizeof text, "%s", words);
    pthread_mutex_lock(&mutex);
    for (int i = 0; i < CLASSES; i++) {
        if (known[i].class == 0 && PMPI_Add_error_code(class, &known[i].code) == MPI_SUCCESS)
            known[i].class = class;
        if (known[i].class != class)
            continue;
        if (PMPI_Add_error_string(known[i].code, text) == MPI_SUCCESS)
            code = known[i].code;
        break;
    }
    pthread_mutex_unlock(&mutex);
    return code;
}
