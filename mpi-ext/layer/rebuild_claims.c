/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rebuild_claims.c - who has which communicator, and what each of them is like.
 *
 * Two exchanges over the new active communicator, called by a rebuilding (rebuild.c):
 *
 *   1. each says the ids of the communicators it has, and how many it has made from each of those
 *      that it knows. In words: how many ids, the ids, then (id, number) until the end;
 *   2. the least rank of those that have one describes it (birth.h). What has been freed since is
 *      described too, if a newcomer is among its members: he will make it once more, and free it.
 *
 * After the first all processes have the same claims and the same progress, after the second the
 * same descriptions, in the same order.
 */
#include "config.h"

#include "rebuild_claims.h"

#include <limits.h>
#include <mpi.h>
#include <stdint.h>
#include <stdlib.h>

#include "replay.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

struct ftm_claim {
    uint64_t id;
    int rank;
};

/* ---------------------------------------------------------------- saying it to all */

struct shared {
    int32_t *words;
    int *counts, *starts; /* by rank */
    size_t n;
};

static void shared_clear(struct shared *shared)
{
    free(shared->words);
    free(shared->counts);
    free(shared->starts);
    *shared = (struct shared) {0};
}

/* Gets the words of all ranks. */
static int share(const struct ftm_rebuilding *to, const struct ftm_words *mine, struct shared *all)
{
    int count = (int) mine->n, n = to->n, rc;
    int64_t total = 0;

    all->counts = malloc((size_t) n * sizeof *all->counts);
    all->starts = malloc((size_t) n * sizeof *all->starts);
    if (!all->counts || !all->starts || mine->failed)
        return MPI_ERR_NO_MEM;
    rc = PMPI_Allgather(&count, 1, MPI_INT, all->counts, 1, MPI_INT, to->active);
    if (rc != MPI_SUCCESS)
        return rc;
    for (int rank = 0; rank < n; rank++) {
        all->starts[rank] = (int) total;
        total += all->counts[rank];
    }
    if (total > INT_MAX)
        return MPI_ERR_NO_MEM; /* in all of them */
    all->n = (size_t) total;
    all->words = malloc((size_t) total * sizeof *all->words + 1);
    if (!all->words)
        return MPI_ERR_NO_MEM;
    return PMPI_Allgatherv(mine->words, count, MPI_INT32_T, all->words, all->counts, all->starts,
                           MPI_INT32_T, to->active);
}

/* ---------------------------------------------------------------- 1. who has what */

static void add_limit(struct ftm_words *words, uint64_t id)
{
    uint32_t n = ftm_replay_count(id);

    if (n == 0)
        return;
    ftm_words_add_long(words, id);
    ftm_words_add(words, (int32_t) n);
}

static int compare_ids(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;

    return *a < *b ? -1 : *a > *b;
}

struct ids {
    uint64_t ids[2 * FTM_REPLAY_MAX];
    size_t n;
};

static void add_parent(const struct ftm_birth *birth, void *data)
{
    struct ids *ids = data;

    if (ids->n < 2 * FTM_REPLAY_MAX && (ids->n == 0 || ids->ids[ids->n - 1] != birth->parent))
        ids->ids[ids->n++] = birth->parent;
}

/* How many were made from each: of those that are alive, or that the log names. */
static bool say_limits(struct ftm_words *words, const struct ftm_births *births)
{
    struct ids *ids = calloc(1, sizeof *ids);

    if (!ids)
        return false;
    ftm_replay_each(add_parent, ids);
    for (size_t i = 0; i < births->n && ids->n < 2 * FTM_REPLAY_MAX; i++)
        ids->ids[ids->n++] = births->births[i].id;
    qsort(ids->ids, ids->n, sizeof ids->ids[0], compare_ids);
    for (size_t i = 0; i < ids->n; i++)
        if (i == 0 || ids->ids[i] != ids->ids[i - 1])
            add_limit(words, ids->ids[i]);
    free(ids);
    return true;
}

static int compare_claims(const void *left, const void *right)
{
    const struct ftm_claim *a = left, *b = right;

    return a->id != b->id ? (a->id < b->id ? -1 : 1) : (a->rank > b->rank) - (a->rank < b->rank);
}

/* The first of an id; NULL. */
static const struct ftm_claim *claim_of(const struct ftm_claims *claims, uint64_t id)
{
    size_t low = 0, high = claims->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (claims->claims[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < claims->n && claims->claims[low].id == id ? &claims->claims[low] : NULL;
}

/* One rank's words. */
static void read_claims_of(int rank, const int32_t *at, const int32_t *end,
                           struct ftm_claims *claims, struct ftm_progress *progress)
{
    int32_t n_ids = at < end ? *at++ : 0;

    for (; n_ids > 0 && end - at >= 2; n_ids--, at += 2)
        claims->claims[claims->n++] = (struct ftm_claim) {ftm_words_long(at), rank};
    for (; end - at >= 3; at += 3)
        ftm_progress_add(progress, ftm_words_long(at), rank, (uint32_t) at[2]);
}

static int read_claims(const struct shared *all, int n, struct ftm_claims *claims,
                       struct ftm_progress *progress)
{
    claims->claims = malloc((all->n / 2 + 1) * sizeof *claims->claims);
    if (!claims->claims || !ftm_progress_begin(progress, all->n / 3))
        return MPI_ERR_NO_MEM;
    for (int rank = 0; rank < n; rank++) {
        const int32_t *at = all->words + all->starts[rank];

        read_claims_of(rank, at, at + all->counts[rank], claims, progress);
    }
    if (claims->n > 1)
        qsort(claims->claims, claims->n, sizeof *claims->claims, compare_claims);
    ftm_progress_sort(progress);
    return MPI_SUCCESS;
}

int ftm_claims_exchange(const struct ftm_rebuilding *rebuilding, const struct ftm_births *mine,
                        struct ftm_claims *claims, struct ftm_progress *progress)
{
    struct ftm_words words = {0};
    struct shared all = {0};
    int rc;

    ftm_words_add(&words, (int32_t) mine->n);
    for (size_t i = 0; i < mine->n; i++)
        ftm_words_add_long(&words, mine->births[i].id);
    if (!say_limits(&words, mine))
        words.failed = true;
    rc = share(rebuilding, &words, &all);
    if (rc == MPI_SUCCESS)
        rc = read_claims(&all, rebuilding->n, claims, progress);
    ftm_words_clear(&words);
    shared_clear(&all);
    return rc;
}

/* ---------------------------------------------------------------- 2. what they are like */

struct telling {
    struct ftm_words words;
    const struct ftm_rebuilding *rebuilding;
    const struct ftm_claims *claims;
};

/* The least member that is no newcomer, if there is a newcomer among them; -1. */
static int teller_of(const struct ftm_birth *birth, const struct ftm_seat *seats)
{
    bool has_new = false;
    int least = -1;

    for (int rank = 0; rank < birth->n; rank++) {
        int v = birth->members[rank];

        has_new = has_new || seats[v].is_new;
        if (!seats[v].is_new && (least < 0 || v < least))
            least = v;
    }
    return has_new ? least : -1;
}

/* One of the log: the newcomers are told of those that are freed. */
static void tell_freed(const struct ftm_birth *birth, void *data)
{
    struct telling *telling = data;
    const struct ftm_rebuilding *rebuilding = telling->rebuilding;
    struct ftm_birth copy;

    if (birth->n == 0 || claim_of(telling->claims, birth->id))
        return;
    if (!ftm_birth_copy(birth, &copy)) {
        telling->words.failed = true;
        return;
    }
    ftm_birth_renumber(&copy, rebuilding->now_of, rebuilding->before_n);
    copy.is_freed = true;
    if (copy.n > 0 && teller_of(&copy, rebuilding->seats) == rebuilding->me)
        ftm_birth_write(&telling->words, &copy);
    ftm_birth_clear(&copy);
}

static bool is_anybody_new(const struct ftm_rebuilding *rebuilding)
{
    for (int rank = 0; rank < rebuilding->n; rank++)
        if (rebuilding->seats[rank].is_new)
            return true;
    return false;
}

int ftm_claims_describe(const struct ftm_rebuilding *rebuilding, const struct ftm_births *mine,
                        const struct ftm_claims *claims, struct ftm_births *all)
{
    struct telling telling = {.rebuilding = rebuilding, .claims = claims};
    struct shared shared = {0};
    int me = rebuilding->me, rc;

    for (size_t i = 0; i < mine->n; i++) {
        const struct ftm_claim *first = claim_of(claims, mine->births[i].id);

        if (first && first->rank == me && mine->births[i].n > 0)
            ftm_birth_write(&telling.words, &mine->births[i]);
    }
    if (is_anybody_new(rebuilding) && !rebuilding->seats[me].is_new)
        ftm_replay_each(tell_freed, &telling);
    rc = share(rebuilding, &telling.words, &shared);
    if (rc == MPI_SUCCESS
        && !ftm_births_read(shared.words, shared.n, rebuilding->n, &all->births, &all->n))
        rc = MPI_ERR_NO_MEM;
    if (rc == MPI_SUCCESS)
        all->n = ftm_births_sort(all->births, all->n);
    ftm_words_clear(&telling.words);
    shared_clear(&shared);
    return rc;
}

/* ---------------------------------------------------------------- what follows from it */

bool ftm_claims_is_half_made(const struct ftm_claims *claims, const struct ftm_birth *birth,
                             const struct ftm_seat *seats)
{
    const struct ftm_claim *claim = claim_of(claims, birth->id), *end = claims->claims + claims->n;
    int n_old = 0, n_claims = 0;

    for (; claim && claim < end && claim->id == birth->id; claim++)
        n_claims += !seats[claim->rank].is_new;
    for (int rank = 0; rank < birth->n; rank++)
        n_old += !seats[birth->members[rank]].is_new;
    return n_claims < n_old;
}

void ftm_claims_clear(struct ftm_claims *claims)
{
    free(claims->claims);
    *claims = (struct ftm_claims) {0};
}
