/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * world.c - the world that the application sees.
 *
 * ftm_world_begin runs in MPI_Init of every process of the job, spares included. From then on the
 * table (table.h) says which process is which rank.
 *
 *   in    ftm_world_lost: from PMIx's thread (events.c), from whoever gets an error of Open MPI's
 *   out   ftm_failed: what the application is told of a collective that cannot go on
 *
 * A collective after a loss: Open MPI ends it, and every later one on a communicator that the lost
 * process is in, with MPIX_ERR_PROC_FAILED. In the mode retarget that is the end of collectives
 * there, since a replacement that begins the program anew cannot be in the middle of one: the
 * application is told so, with the rank that is lost and what to do in the error's text.
 */
#include "config.h"

#include "world.h"

#include <limits.h>
#include <mpi.h>
#include <mpi-ext.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alone.h"
#include "among.h"
#include "cid.h"
#include "derived.h"
#include "failing.h"
#include "fast.h"
#include "fresh.h"
#include "handlers.h"
#include "inbox.h"
#include "own.h"
#include "pt2pt.h"
#include "repair.h"
#include "requests.h"
#include "retarget.h"
#include "role.h"
#include "stray.h"
#include "table.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

int ftm_changed;
int ftm_world_n = INT_MAX;
MPI_Comm ftm_active = MPI_COMM_WORLD;

static struct ftm_table *_Atomic table; /* replaced by a repair while other threads read it, so */
static struct ftm_table **retired;      /* those before it are kept until the end */
static size_t n_retired;
static bool in_force;
static char job[PMIX_MAX_NSLEN + 1]; /* ours */

struct ftm_table *ftm_world_table(void)
{
    return table;
}

void ftm_world_changes(void)
{
    __atomic_store_n(&ftm_changed, 1, __ATOMIC_RELEASE);
    ftm_fast_peers(0);
}

/* ---------------------------------------------------------------- begin and end */

static int make_active(void)
{
    MPI_Group world, ours;
    int range[1][3] = {{0, ftm_role()->world_n - 1, 1}};
    MPI_Comm active = MPI_COMM_NULL;
    int rc = PMPI_Comm_group(MPI_COMM_WORLD, &world);

    if (rc != MPI_SUCCESS)
        return rc;
    rc = PMPI_Group_range_incl(world, 1, range, &ours);
    if (rc == MPI_SUCCESS) {
        rc = PMPI_Comm_create(MPI_COMM_WORLD, ours, &active);
        PMPI_Group_free(&ours);
    }
    PMPI_Group_free(&world);
    if (rc != MPI_SUCCESS)
        return rc;
    if (active != MPI_COMM_NULL)
        PMPI_Comm_set_errhandler(active, MPI_ERRORS_RETURN);
    else
        active = ftm_broken_comm(); /* a spare: made now, as there is no time when it is needed */
    ftm_active = active;
    return MPI_SUCCESS;
}

bool ftm_world_is_wanted(void)
{
    const char *mode = getenv(FTM_MODE_ENV);
    MPI_Comm parent = MPI_COMM_NULL;

    if (!mode || (strcmp(mode, "retarget") != 0 && strcmp(mode, "repair") != 0)
        || ftm_role()->world_n == 0 || in_force)
        return false;
    return PMPI_Comm_get_parent(&parent) == MPI_SUCCESS && parent == MPI_COMM_NULL;
}

bool ftm_world_is_in_force(void)
{
    return in_force;
}

void ftm_world_refuse(void)
{
    int error = ftm_error_with_words(
        MPI_ERR_OTHER, "the world of ranks and spares could not be set up, as a process was lost "
                       "meanwhile or memory ran out: start the job again");

    if (ftm_handlers_keep(MPI_COMM_WORLD))
        ftm_raise(MPI_COMM_WORLD, error);
    else
        PMPI_Comm_call_errhandler(MPI_COMM_WORLD, error);
}

/* Its part of what all make together. */
static int set_up(void)
{
    const struct ftm_role *role = ftm_role();
    int rc;

    snprintf(job, sizeof job, "%s", ftm_role_job());
    table = ftm_table_create(role->world_n, role->world_n + role->spares_n + FTM_FRESH_MAX);
    if (!table)
        return MPI_ERR_NO_MEM;
    ftm_cid_begin();
    ftm_among_begin();
    rc = ftm_handlers_begin();
    if (rc == MPI_SUCCESS)
        rc = ftm_role_open();
    if (rc == MPI_SUCCESS && role->spares_n > 0)
        rc = make_active();
    if (rc == MPI_SUCCESS) {
        ftm_world_n = role->world_n;
        in_force = true;
        rc = ftm_requests_begin();
    }
    if (rc == MPI_SUCCESS)
        rc = ftm_derived_begin();
    if (rc == MPI_SUCCESS)
        rc = ftm_repair_begin();
    return rc;
}

/* Nobody goes on without what all others have: who has failed interrupts those that wait for it,
 * and all hear of it. Who is lost later than that is lost to a world that is there. */
static int all_have(int rc)
{
    int has = rc == MPI_SUCCESS;

    if (!has)
        PMPIX_Comm_revoke(MPI_COMM_WORLD);
    PMPIX_Comm_agree(MPI_COMM_WORLD, &has); /* an error of it is one more loss; `has` is of all */
    return has ? MPI_SUCCESS : rc != MPI_SUCCESS ? rc : MPIX_ERR_PROC_FAILED;
}

int ftm_world_begin(void)
{
    int rc = all_have(set_up());

    if (rc != MPI_SUCCESS) {
        ftm_world_n = INT_MAX;
        ftm_active = MPI_COMM_WORLD;
        in_force = false;
    }
    return rc;
}

int ftm_world_begin_joining(void)
{
    const struct ftm_role *role = ftm_role();
    int rc = MPI_ERR_NO_MEM;

    snprintf(job, sizeof job, "%s", ftm_role_job());
    table = ftm_table_create(role->world_n, role->world_n + FTM_FRESH_MAX);
    ftm_cid_begin();
    ftm_among_begin();
    ftm_active = ftm_broken_comm();
    if (!table || ftm_active == MPI_COMM_NULL)
        return rc;
    rc = ftm_handlers_begin();
    if (rc == MPI_SUCCESS) {
        ftm_world_n = role->world_n;
        in_force = true;
        rc = ftm_requests_begin();
    }
    if (rc == MPI_SUCCESS)
        rc = ftm_derived_begin();
    if (rc == MPI_SUCCESS) {
        struct ftm_comm *world = ftm_comm_of(MPI_COMM_WORLD);

        /* Nobody is reached on the real one. A repair gives it another. */
        world->direct = world->hidden = MPI_COMM_NULL;
    }
    ftm_world_changes();
    return rc;
}

void ftm_world_joined(void)
{
    const struct ftm_role *role = ftm_role();
    struct ftm_comm *world = ftm_comm_of(MPI_COMM_WORLD);

    if (!in_force || ftm_repair_whole || role->virtual_rank < 0 || role->real_rank < role->world_n
        || ftm_table_real(table, role->virtual_rank) == role->real_rank)
        return;
    if (world)
        world->rank = role->virtual_rank;
    ftm_world_lost(ftm_table_real(table, role->virtual_rank));
    ftm_table_put(table, role->virtual_rank, role->real_rank, role->epoch);
    ftm_repair_is_late();
}

/* False: out of memory; it is never given back then. */
static bool retire(struct ftm_table *old)
{
    struct ftm_table **more = realloc(retired, (n_retired + 1) * sizeof *more);

    if (!more)
        return false;
    retired = more;
    retired[n_retired++] = old;
    return true;
}

/* Who was lost before is no news in the new table; but who has a place in it, and was lost while it
 * was made, is. */
static void know_lost(struct ftm_table *before)
{
    for (int real = 0; before && real < ftm_table_total(before); real++) {
        if (!ftm_table_is_lost(before, real))
            continue;
        if (ftm_table_virtual(table, real) >= 0)
            ftm_world_lost(real);
        else
            ftm_table_lose(table, real);
    }
    retire(before);
}

void ftm_world_repaired(struct ftm_table *fresh, MPI_Comm active, int n, int rank)
{
    struct ftm_comm *world = ftm_comm_of(MPI_COMM_WORLD);

    know_lost(atomic_exchange(&table, fresh));
    ftm_active = active;
    ftm_world_n = n;
    if (world) {
        world->direct = active;
        world->hidden = MPI_COMM_NULL;
        world->whole = true;
        world->mixed = false;
        world->n = n;
        world->rank = rank;
    }
    ftm_world_changes();
}

static void drop_retired(void)
{
    while (n_retired > 0)
        ftm_table_destroy(retired[--n_retired]);
    free(retired);
    retired = NULL;
}

/* Without waiting for anybody: what is left goes down with MPI. */
void ftm_world_end(void)
{
    if (!in_force)
        return;
    in_force = false;
    ftm_fast_peers(0);
    ftm_repair_end();
    drop_retired();
    ftm_inbox_forget(MPI_COMM_NULL);
    ftm_derived_end();
    ftm_requests_end();
    ftm_handlers_end();
}

/* ---------------------------------------------------------------- losses */

void ftm_world_lost(int real)
{
    if (!table || !ftm_table_lose(table, real))
        return;
    ftm_retarget_news();
    ftm_repair_news(ftm_table_virtual(table, real) >= 0);
    ftm_world_changes();
}

void ftm_world_died(const pmix_proc_t *proc)
{
    const struct ftm_role *role = ftm_role();
    int fresh = ftm_fresh_used ? ftm_fresh_of(proc) : -1;

    if (fresh >= 0)
        ftm_world_lost(fresh);
    else if (table && job[0] && strcmp(proc->nspace, job) == 0
             && (int) proc->rank < role->world_n + role->spares_n)
        ftm_world_lost((int) proc->rank);
}

int ftm_world_is_failing(const ftResource_t *resource)
{
    const struct ftm_role *role = ftm_role();
    ftResource_t now = *resource;

    if (!in_force || now.error != FT_OK || now.kind != FT_RANK || now.number < 0
        || now.number >= ftm_world_n || (now.job[0] != '\0' && strcmp(now.job, job) != 0))
        return ftm_is_failing(resource);
    now.number = ftm_table_real(table, (int) now.number);
    snprintf(now.job, sizeof now.job, "%s", job);
    return now.number < role->world_n + role->spares_n && ftm_is_failing(&now);
}

bool ftm_world_is_lost(int real)
{
    return table && ftm_table_is_lost(table, real);
}

/* Open MPI hears of some losses on its own, from connections that break. Calls `with` for each
 * process that it knows to be lost. */
static void each_failed(void (*with)(int real, void *data), void *data)
{
    MPI_Group failed = MPI_GROUP_NULL, world = MPI_GROUP_NULL;
    int n = 0;

    if (ftm_role_has_joined()) /* its own real world is none of the application's */
        return;
    if (!table || PMPIX_Comm_get_failed(MPI_COMM_WORLD, &failed) != MPI_SUCCESS)
        return;
    if (PMPI_Group_size(failed, &n) == MPI_SUCCESS && n > 0
        && PMPI_Comm_group(MPI_COMM_WORLD, &world) == MPI_SUCCESS) {
        for (int i = 0, real; i < n; i++)
            if (PMPI_Group_translate_ranks(failed, 1, &i, world, &real) == MPI_SUCCESS)
                with(real, data);
        PMPI_Group_free(&world);
    }
    if (failed != MPI_GROUP_EMPTY)
        PMPI_Group_free(&failed);
}

static void lost(int real, void *data)
{
    (void) data;
    ftm_world_lost(real);
}

void ftm_world_ask(void)
{
    each_failed(lost, NULL);
}

struct looked_for {
    int real;
    bool found;
};

static void compare(int real, void *data)
{
    struct looked_for *looked_for = data;

    looked_for->found = looked_for->found || real == looked_for->real;
}

bool ftm_world_knows(int real)
{
    struct looked_for looked_for = {real, false};

    each_failed(compare, &looked_for);
    return looked_for.found;
}

/* ---------------------------------------------------------------- collectives */

static int first_lost(void)
{
    for (int real = 0; real < ftm_table_total(table); real++)
        if (ftm_table_is_lost(table, real))
            return real;
    return -1;
}

static void collective_words(char *words, size_t size)
{
    int real = first_lost();

    if (ftm_is_replacement())
        snprintf(words, size,
                 "this process has taken the place of rank %d, which was lost; a process that "
                 "begins anew has no part in collective operations: use point-to-point, or "
                 "--mode=repair",
                 ftm_role()->virtual_rank);
    else
        snprintf(words, size,
                 "rank %d was lost; in the mode retarget point-to-point goes on with its "
                 "replacement, collective operations do not: use --mode=repair, or restart the job",
                 real);
}

static bool is_loss(int rc)
{
    int class = rc;

    PMPI_Error_class(rc, &class);
    return class == MPIX_ERR_PROC_FAILED || class == MPIX_ERR_PROC_FAILED_PENDING;
}

static bool is_alone(MPI_Comm app_comm)
{
    const struct ftm_comm *c = ftm_comm_of(app_comm);

    return c && ftm_comm_is_alone(c);
}

int ftm_meant(MPI_Comm app_comm, int rc)
{
    MPI_Comm in_use = ftm_comm_in_use(app_comm);
    MPI_Group failed = MPI_GROUP_NULL;
    int class = rc, revoked = 0, n = 0;

    PMPI_Error_class(rc, &class);
    if (!in_force || (class != MPI_ERR_OTHER && class != MPI_ERR_INTERN)
        || in_use == MPI_COMM_NULL)
        return rc;
    if (PMPIX_Comm_is_revoked(in_use, &revoked) == MPI_SUCCESS && revoked)
        return MPIX_ERR_REVOKED;
    if (PMPIX_Comm_get_failed(in_use, &failed) == MPI_SUCCESS)
        PMPI_Group_size(failed, &n);
    if (failed != MPI_GROUP_NULL && failed != MPI_GROUP_EMPTY)
        PMPI_Group_free(&failed);
    /* Of the two groups of an intercommunicator the one may have nobody lost. */
    return n > 0 || (ftm_repair_rules() && ftm_repair_is_needed()) ? MPIX_ERR_PROC_FAILED : rc;
}

int ftm_failed(MPI_Comm app_comm, int rc)
{
    char words[MPI_MAX_ERROR_STRING];
    bool ours = in_force;

    ftm_cid_unblock();
    rc = ftm_meant(app_comm, rc);
    if (ours && ftm_repair_is_for(rc) && ftm_repair_rules()
        && (ftm_comm_of(app_comm) || ftm_stray_is_one(app_comm)))
        return ftm_repair_instead(app_comm, rc);
    if (ours && ftm_is_replacement() && is_alone(app_comm))
        rc = MPIX_ERR_PROC_FAILED; /* the broken communicator's error is "revoked" */
    if (!ours || !is_loss(rc))
        return ftm_raise(app_comm, ours ? ftm_derived_explain(app_comm, rc) : rc);
    ftm_world_ask();
    collective_words(words, sizeof words);
    return ftm_raise(app_comm, ftm_error_with_words(MPIX_ERR_PROC_FAILED, words));
}

int ftm_world_rank(void)
{
    int rank = 0;

    if (in_force)
        return ftm_role()->virtual_rank;
    PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
}

/* ---------------------------------------------------------------- the application's view */

int ftm_own_Comm_rank(MPI_Comm comm, int *rank)
{
    const struct ftm_comm *c;
    int rc;

    if (comm == MPI_COMM_WORLD && in_force && rank) {
        *rank = ftm_role()->virtual_rank;
        return MPI_SUCCESS;
    }
    if ((ftm_rebuilt || ftm_is_replacement()) && rank && (c = ftm_comm_of(comm))) {
        *rank = c->rank;
        return MPI_SUCCESS;
    }
    rc = PMPI_Comm_rank(comm, rank);
    return rc == MPI_SUCCESS ? rc : ftm_raise(comm, rc);
}

int ftm_own_Comm_size(MPI_Comm comm, int *size)
{
    const struct ftm_comm *c;
    int rc;

    if (comm == MPI_COMM_WORLD && in_force && size) {
        *size = ftm_world_n;
        return MPI_SUCCESS;
    }
    if ((ftm_rebuilt || ftm_is_replacement()) && size && (c = ftm_comm_of(comm))) {
        *size = c->n;
        return MPI_SUCCESS;
    }
    rc = PMPI_Comm_size(comm, size);
    return rc == MPI_SUCCESS ? rc : ftm_raise(comm, rc);
}

/* The group of the processes that are its ranks now. */
static int present_group(const struct ftm_comm *c, MPI_Group *group)
{
    int *reals = malloc((size_t) c->n * sizeof *reals + 1);
    MPI_Group world;
    int rc;

    if (ftm_rebuilt && !ftm_comm_is_alone(c)) {
        free(reals);
        return PMPI_Comm_group(ftm_comm_in_use(c->app), group);
    }
    if (!reals)
        return MPI_ERR_NO_MEM;
    if (ftm_fresh_used && c->is_world) { /* the processes that MPI knows of: those before */
        free(reals);
        return ftm_fresh_stands_in() ? MPI_ERR_GROUP : PMPI_Comm_group(ftm_active, group);
    }
    for (int rank = 0; rank < c->n; rank++)
        reals[rank] = ftm_table_real(table, ftm_comm_virtual(c, rank));
    rc = PMPI_Comm_group(MPI_COMM_WORLD, &world);
    if (rc == MPI_SUCCESS) {
        rc = PMPI_Group_incl(world, c->n, reals, group);
        PMPI_Group_free(&world);
    }
    free(reals);
    return rc;
}

int ftm_own_Comm_group(MPI_Comm comm, MPI_Group *group)
{
    const struct ftm_comm *c
        = in_force && group && (comm == MPI_COMM_WORLD || ftm_changed) ? ftm_comm_of(comm) : NULL;

    return ftm_result(comm, c ? present_group(c, group) : PMPI_Comm_group(comm, group));
}
