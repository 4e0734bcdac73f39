/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * alone.c - communicators that a replacement makes again, alone.
 *
 * A process that has taken a rank's place begins the program anew, and makes its communicators as
 * the others have made them, who are long past that: it asks them what came of each call
 * (replay.h). What it gets is a handle that is no real communicator's of theirs, with all its
 * members reached on the hidden duplicate (slots.h): messages work, collectives do not. A Cartesian
 * topology is kept in the books, cart.c answers from there. After a repair there is nothing to
 * make: all is ready (rebuild_ready.h).
 *
 *   in    creating.c, create_group.c, create_topology.c: a creating call in such a process
 */
#include "config.h"

#include "alone.h"

#include <mpi.h>
#include <mpi-ext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "derived.h"
#include "fresh.h"
#include "handlers.h"
#include "rebuild_ready.h"
#include "replay.h"
#include "retarget.h"
#include "role.h"
#include "slots.h"
#include "table.h"
#include "world.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define FTM_DIMS_MAX 64

bool ftm_is_replacement(void)
{
    const struct ftm_role *role = ftm_role();

    return ftm_fresh_stands_in()
           || (role->spares_n > 0 && role->real_rank >= role->world_n && role->virtual_rank >= 0);
}

MPI_Comm ftm_broken_comm(void)
{
    MPI_Comm comm = MPI_COMM_NULL;

    if (PMPI_Comm_dup(MPI_COMM_SELF, &comm) != MPI_SUCCESS)
        return MPI_COMM_NULL;
    PMPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    PMPIX_Comm_revoke(comm);
    return comm;
}

/* Asks the others who are in the parent too. To be freed: made->members. */
static int ask(const struct ftm_comm *parent, uint32_t k, struct ftm_made *made)
{
    int *reals = malloc((size_t) parent->n * sizeof *reals), n = 0, rc;

    if (!reals)
        return MPI_ERR_NO_MEM;
    for (int rank = 0; rank < parent->n; rank++) {
        int real = ftm_table_real(ftm_world_table(), ftm_comm_virtual(parent, rank));

        if (rank != parent->rank && !ftm_world_is_lost(real))
            reals[n++] = real;
    }
    rc = ftm_replay_ask(parent->id, k, ftm_role()->virtual_rank, reals, n, made);
    free(reals);
    if (rc != MPI_SUCCESS)
        rc = ftm_error_with_words(MPIX_ERR_PROC_FAILED,
                                  "this process has taken a lost rank's place, and none of the "
                                  "others says how the communicator was made that it makes again");
    return rc;
}

/* Takes made->members over. */
static int make_alone(const struct ftm_comm *parent, uint32_t k, struct ftm_made *made,
                      struct ftm_comm **new)
{
    struct ftm_comm *c = calloc(1, sizeof *c);

    if (!c) {
        free(made->members);
        return MPI_ERR_NO_MEM;
    }
    c->app = ftm_broken_comm();
    c->direct = c->collective = MPI_COMM_NULL;
    c->hidden = ftm_slots_take(made->slot);
    c->slot = c->hidden != MPI_COMM_NULL ? made->slot : -1;
    c->n = made->n;
    c->members = made->members;
    c->rank = ftm_comm_rank_of(c, ftm_role()->virtual_rank);
    c->id = ftm_replay_id(parent->id, k, c->members[0]);
    c->parent = parent->id;
    c->k = k;
    c->in_flight_error = parent->in_flight_error;
    if (c->app == MPI_COMM_NULL) {
        ftm_comm_destroy(c);
        return MPI_ERR_OTHER;
    }
    ftm_derived_note(c);
    *new = c;
    return ftm_comm_keep(c);
}

/* Makes the next communicator of the parent's again. *new is NULL, with MPI_SUCCESS, if the rank
 * has no part in it. */
static int make_again(MPI_Comm parent, MPI_Comm *newcomm, struct ftm_comm **new)
{
    struct ftm_comm *of = ftm_comm_of(parent);
    struct ftm_made made;
    uint32_t k;
    int rc;

    *newcomm = MPI_COMM_NULL;
    *new = NULL;
    if (!of)
        return MPI_ERR_COMM;
    if (ftm_fresh_stands_in())
        return ftm_error_with_words(
            MPI_ERR_COMM, "this process was started anew in the place of a lost rank: it has part "
                          "in MPI_COMM_WORLD's messages only, not in communicators made from it; "
                          "use --mode=repair, or warm spares (--spares)");
    k = ftm_replay_next(of->id);
    rc = ask(of, k, &made);
    if (rc != MPI_SUCCESS || made.n == 0)
        return rc;
    rc = make_alone(of, k, &made, new);
    if (rc != MPI_SUCCESS)
        return rc;
    *newcomm = (*new)->app;
    return ftm_handlers_inherit(parent, *newcomm);
}

int ftm_alone_again(MPI_Comm parent, bool alone, MPI_Comm *newcomm)
{
    struct ftm_comm *new;
    int rc = make_again(parent, newcomm, &new);

    if (rc == MPI_SUCCESS && !new && alone)
        rc = PMPI_Comm_dup(MPI_COMM_SELF, newcomm);
    return rc;
}

int ftm_alone_group_again(MPI_Comm parent, uint64_t id, const int members[], int n,
                          MPI_Comm *newcomm)
{
    struct ftm_comm of = {.n = n, .members = (int *) members, .id = id, .rank = -1}, *new = NULL;
    uint32_t k = ftm_replay_next(id);
    struct ftm_made made;
    int rc;

    of.rank = ftm_comm_rank_of(&of, ftm_role()->virtual_rank);
    rc = ask(&of, k, &made);
    if (rc == MPI_SUCCESS && made.n > 0)
        rc = make_alone(&of, k, &made, &new);
    else if (rc == MPI_SUCCESS)
        rc = MPI_ERR_GROUP;
    if (rc == MPI_SUCCESS)
        rc = ftm_handlers_inherit(parent, *newcomm = new->app);
    return rc;
}

/* ---------------------------------------------------------------- what cannot be made alone */

static int words_of_refusal(const char *how)
{
    char words[MPI_MAX_ERROR_STRING];

    snprintf(words, sizeof words,
             "this process has taken the place of rank %d, which was lost: the communicator that "
             "the others got from %s cannot be made again by it alone",
             ftm_world_rank(), how);
    return ftm_error_with_words(MPIX_ERR_PROC_FAILED, words);
}

int ftm_alone_refused(MPI_Comm parent, const char *how)
{
    const struct ftm_comm *c = ftm_changed ? ftm_comm_of(parent) : NULL;

    return c && ftm_comm_is_alone(c) ? words_of_refusal(how) : MPI_SUCCESS;
}

int ftm_derived_refused(MPI_Comm parent, const char *how)
{
    const struct ftm_comm *c = ftm_changed ? ftm_comm_of(parent) : NULL;

    return c && (ftm_comm_is_alone(c) || ftm_ready_is_past(c->id)) ? words_of_refusal(how)
                                                                   : MPI_SUCCESS;
}

/* ---------------------------------------------------------------- Cartesian ones */

int ftm_alone_shape(MPI_Comm app, int n_dims, const int dims[], const int periods[])
{
    struct ftm_comm *c = ftm_comm_of(app);
    size_t size = (size_t) n_dims * sizeof *dims;

    if (!c || !ftm_comm_is_alone(c))
        return MPI_SUCCESS;
    c->dims = malloc(size + 1);
    c->periods = malloc(size + 1);
    if (!c->dims || !c->periods)
        return MPI_ERR_NO_MEM;
    memcpy(c->dims, dims, size);
    memcpy(c->periods, periods, size);
    c->n_dims = n_dims;
    return MPI_SUCCESS;
}

int ftm_alone_sub_shape(MPI_Comm parent, MPI_Comm app, const int remain[])
{
    const struct ftm_comm *of = ftm_comm_of(parent), *c = ftm_comm_of(app);
    int dims[FTM_DIMS_MAX], periods[FTM_DIMS_MAX], n = 0;

    if (!of || !c || !ftm_comm_is_alone(c))
        return MPI_SUCCESS;
    if (of->n_dims == 0 || of->n_dims > FTM_DIMS_MAX)
        return MPI_ERR_TOPOLOGY;
    for (int i = 0; i < of->n_dims; i++)
        if (remain[i]) {
            dims[n] = of->dims[i];
            periods[n++] = of->periods[i];
        }
    return ftm_alone_shape(app, n, dims, periods);
}
