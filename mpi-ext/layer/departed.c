/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * departed.c - the processes that repairs have put others in the places of.
 *
 * Owns one group of Open MPI's, of all that have been lost in any repair, and beside it the rank in
 * the present world whose place each had. A rebuilding (rebuild.c) makes the next such pair, which
 * counts once the repair is agreed on. The application's groups stay what they are: one that is
 * given to a creating call (MPI_Comm_create, MPI_Comm_create_group) is looked through then, and
 * whoever is in it but not in the active communicator is looked for here.
 */
#include "config.h"

#include "departed.h"

#include <mpi.h>
#include <stdlib.h>

#include "world.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

struct departed {
    MPI_Group group; /* MPI_GROUP_NULL: nobody */
    int *v;          /* by rank there: which rank of the present world; -1 */
    int n;
};

static struct departed present = {.group = MPI_GROUP_NULL};
static struct departed draft = {.group = MPI_GROUP_NULL}; /* until commit or abandon */

/* ---------------------------------------------------------------- who is gone */

/* Who was in the old active communicator, and is not in the new one. Their ranks before: lost. */
static int list_lost(MPI_Group before, int before_n, MPI_Group now, int lost[])
{
    int n = 0, ranks[1], at[1];

    for (int v = 0; v < before_n; v++) {
        ranks[0] = v;
        if (PMPI_Group_translate_ranks(before, 1, ranks, now, at) == MPI_SUCCESS
            && at[0] == MPI_UNDEFINED)
            lost[n++] = v;
    }
    return n;
}

static bool join(const struct ftm_rebuilding *rebuilding, MPI_Group before, const int lost[], int n)
{
    MPI_Group more = MPI_GROUP_NULL;
    bool ok = PMPI_Group_incl(before, n, lost, &more) == MPI_SUCCESS;

    if (ok && present.group != MPI_GROUP_NULL)
        ok = PMPI_Group_union(present.group, more, &draft.group) == MPI_SUCCESS;
    else if (ok)
        draft.group = more;
    if (more != MPI_GROUP_NULL && more != draft.group)
        PMPI_Group_free(&more);
    draft.n = present.n + n;
    draft.v = ok ? malloc((size_t) draft.n * sizeof *draft.v + 1) : NULL;
    for (int i = 0; draft.v && i < draft.n; i++) {
        int v = i < present.n ? present.v[i] : lost[i - present.n];

        draft.v[i] = v >= 0 && v < rebuilding->before_n ? rebuilding->now_of[v] : -1;
    }
    return draft.v != NULL;
}

bool ftm_departed_note(const struct ftm_rebuilding *rebuilding)
{
    int *lost = malloc((size_t) rebuilding->before_n * sizeof *lost + 1), n = 0;
    MPI_Group before = MPI_GROUP_NULL, now = MPI_GROUP_NULL;
    bool ok = lost && PMPI_Comm_group(ftm_active, &before) == MPI_SUCCESS
              && PMPI_Comm_group(rebuilding->active, &now) == MPI_SUCCESS;

    /* A newcomer was in none, and has no group of theirs. */
    if (ok && PMPI_Group_size(before, &n) == MPI_SUCCESS && n >= rebuilding->before_n) {
        n = list_lost(before, rebuilding->before_n, now, lost);
        ok = join(rebuilding, before, lost, n);
    }
    if (before != MPI_GROUP_NULL)
        PMPI_Group_free(&before);
    if (now != MPI_GROUP_NULL)
        PMPI_Group_free(&now);
    free(lost);
    return ok;
}

static void clear(struct departed *departed)
{
    free(departed->v);
    *departed = (struct departed) {.group = MPI_GROUP_NULL};
}

static void clear_and_free(struct departed *departed)
{
    if (departed->group != MPI_GROUP_NULL)
        PMPI_Group_free(&departed->group);
    clear(departed);
}

void ftm_departed_commit(void)
{
    if (!draft.v)
        return;
    clear_and_free(&present);
    present = draft;
    draft = (struct departed) {.group = MPI_GROUP_NULL};
}

void ftm_departed_abandon(void)
{
    clear_and_free(&draft);
}

void ftm_departed_end(void)
{
    clear(&present);
    clear(&draft);
}

/* ---------------------------------------------------------------- old groups */

/* Where each of the group is in the active communicator now. False: one of them is not of it. */
static bool find_present(MPI_Group group, int n, MPI_Group active, int ranks[], bool *is_changed)
{
    bool ok = true;

    *is_changed = false;
    for (int i = 0; ok && i < n; i++) {
        int at = MPI_UNDEFINED;

        ok = PMPI_Group_translate_ranks(group, 1, &i, active, &ranks[i]) == MPI_SUCCESS;
        if (!ok || ranks[i] != MPI_UNDEFINED)
            continue;
        *is_changed = true;
        ok = present.group != MPI_GROUP_NULL
             && PMPI_Group_translate_ranks(group, 1, &i, present.group, &at) == MPI_SUCCESS
             && at != MPI_UNDEFINED && present.v[at] >= 0;
        if (ok)
            ranks[i] = present.v[at];
    }
    return ok;
}

int ftm_departed_replace(MPI_Group group, MPI_Group *now)
{
    MPI_Group active = MPI_GROUP_NULL;
    bool is_changed = false;
    int n = 0, *ranks, rc;

    *now = group;
    if (!ftm_rebuilt || PMPI_Group_size(group, &n) != MPI_SUCCESS || n == 0)
        return MPI_SUCCESS;
    ranks = malloc((size_t) n * sizeof *ranks);
    if (!ranks)
        return MPI_ERR_NO_MEM;
    rc = PMPI_Comm_group(ftm_active, &active);
    if (rc == MPI_SUCCESS && find_present(group, n, active, ranks, &is_changed) && is_changed)
        rc = PMPI_Group_incl(active, n, ranks, now);
    if (active != MPI_GROUP_NULL)
        PMPI_Group_free(&active);
    free(ranks);
    return rc;
}
