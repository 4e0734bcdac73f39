/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rebuild_make.c - makes the communicators of a rebuilding, on the new active one.
 *
 * Called by rebuild.c, when all processes have the same descriptions in the same order. Those that
 * have no member in common are made at once: a wave of them, which is one MPI_Comm_split of the
 * active communicator (birth.h says which is in which wave). A topology is put on top when all
 * members have the communicator, without reordering: who fails then can interrupt the others on it.
 * A freed one gets no communicator: who is behind has to have something to free.
 *
 * What passes out is a list of those that this process is a member of; it owns them.
 */
#include "config.h"

#include "rebuild_make.h"

#include <mpi.h>
#include <mpi-ext.h>
#include <stdlib.h>

#include "comms.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

/* Takes the birth over. */
static struct ftm_remade *add(struct ftm_remades *remades, struct ftm_birth *birth, MPI_Comm comm)
{
    struct ftm_remade *remade = &remades->remades[remades->n++];

    *remade = (struct ftm_remade) {*birth, comm, false};
    birth->members = birth->shape = NULL;
    return remade;
}

/* Which one of a wave this process is in; NULL: none.
 *   color, rank   what it is to ask MPI_Comm_split for */
static struct ftm_birth *find_mine(struct ftm_births *all, const int wave_of[], int wave, int me,
                                   int *color, int *rank)
{
    for (size_t i = 0; i < all->n; i++) {
        int at = wave_of[i] == wave ? ftm_birth_rank_of(&all->births[i], me) : -1;

        if (at < 0)
            continue;
        *color = (int) i;
        *rank = at;
        return &all->births[i];
    }
    *color = MPI_UNDEFINED;
    *rank = 0;
    return NULL;
}

static int split_wave(const struct ftm_rebuilding *rebuilding, struct ftm_births *all,
                      const int wave_of[], int wave, const struct ftm_claims *claims,
                      struct ftm_remades *remades)
{
    int color, rank, rc;
    struct ftm_birth *mine = find_mine(all, wave_of, wave, rebuilding->me, &color, &rank);
    MPI_Comm comm = MPI_COMM_NULL;
    bool is_half_made;

    rc = PMPI_Comm_split(rebuilding->active, color, rank, &comm);
    if (rc != MPI_SUCCESS || !mine)
        return rc;
    PMPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    is_half_made = ftm_claims_is_half_made(claims, mine, rebuilding->seats);
    add(remades, mine, comm)->is_for_all = is_half_made;
    return MPI_SUCCESS;
}

int ftm_make_all(const struct ftm_rebuilding *rebuilding, struct ftm_births *all,
                 const struct ftm_claims *claims, struct ftm_remades *remades)
{
    int *wave_of = malloc((all->n + 1) * sizeof *wave_of), n_waves = -1, rc = MPI_SUCCESS;

    remades->remades = calloc(all->n + 1, sizeof *remades->remades);
    if (wave_of && remades->remades)
        n_waves = ftm_births_waves(all->births, all->n, rebuilding->n, wave_of);
    if (n_waves < 0)
        rc = MPI_ERR_NO_MEM;
    for (int wave = 0; rc == MPI_SUCCESS && wave < n_waves; wave++)
        rc = split_wave(rebuilding, all, wave_of, wave, claims, remades);
    for (size_t i = 0; rc == MPI_SUCCESS && i < all->n; i++)
        if (all->births[i].is_freed && ftm_birth_rank_of(&all->births[i], rebuilding->me) >= 0)
            add(remades, &all->births[i], MPI_COMM_NULL);
    free(wave_of);
    return rc;
}

/* ---------------------------------------------------------------- topologies */

static int put_topology(struct ftm_remade *remade)
{
    const struct ftm_birth *birth = &remade->birth;
    MPI_Comm with = MPI_COMM_NULL;
    int rc = MPI_SUCCESS;

    if (remade->comm == MPI_COMM_NULL)
        return rc;
    if (birth->topology == FTM_CART)
        rc = PMPI_Cart_create(remade->comm, birth->n_dims, birth->shape,
                              birth->shape + birth->n_dims, 0, &with);
    else if (birth->topology == FTM_GRAPH)
        rc = PMPI_Graph_create(remade->comm, birth->n, birth->shape, birth->shape + birth->n, 0,
                               &with);
    else
        return rc;
    if (rc != MPI_SUCCESS || with == MPI_COMM_NULL)
        return rc != MPI_SUCCESS ? rc : MPI_ERR_TOPOLOGY;
    PMPI_Comm_set_errhandler(with, MPI_ERRORS_RETURN);
    ftm_comms_retire(&remade->comm);
    remade->comm = with;
    return MPI_SUCCESS;
}

int ftm_make_topologies(struct ftm_remades *remades)
{
    int rc = MPI_SUCCESS;

    for (size_t i = 0; rc == MPI_SUCCESS && i < remades->n; i++)
        rc = put_topology(&remades->remades[i]);
    return rc;
}

/* ---------------------------------------------------------------- if it fails */

void ftm_make_revoke(const struct ftm_remades *remades)
{
    for (size_t i = 0; i < remades->n; i++)
        if (remades->remades[i].comm != MPI_COMM_NULL)
            PMPIX_Comm_revoke(remades->remades[i].comm);
}

void ftm_make_undo(struct ftm_remades *remades)
{
    for (size_t i = 0; i < remades->n; i++) {
        if (remades->remades[i].comm != MPI_COMM_NULL)
            ftm_comms_retire(&remades->remades[i].comm);
        ftm_birth_clear(&remades->remades[i].birth);
    }
    free(remades->remades);
    *remades = (struct ftm_remades) {0};
}
