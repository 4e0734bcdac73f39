/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_store.c - generations of kept state: the last two whole commits of each rank.
 *
 * Why two. While a new commit comes in, the one before it is the rank's only whole one and must
 * stay; the one before that makes room. When nothing comes in there are two, and ranks that have to
 * go back together, and of which some have come one commit further than others, find one that all
 * of them have.
 *
 * A process that was replaced may still run somewhere (its node was cut off) and commit what
 * nobody will ever need: commits carry the epoch of their process, and once a newer one has
 * spoken, the older one is refused.
 *
 * Used by keep.c (a process's own) and keep_server.c (what is kept for others). Pure.
 */
#include "config.h"

#include "keep_store.h"

#include <errno.h>
#include <stdlib.h>

struct owner {
    int rank;
    uint32_t epoch; /* the newest that has spoken */
    struct ftm_keep_image *images[FTM_KEEP_GENERATIONS]; /* the newest first; NULL: none */
};

struct ftm_keep_store {
    struct owner *owners;
    size_t n, room;
};

struct ftm_keep_store *ftm_keep_store_create(void)
{
    return calloc(1, sizeof(struct ftm_keep_store));
}

void ftm_keep_store_destroy(struct ftm_keep_store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < store->n; i++)
        for (int age = 0; age < FTM_KEEP_GENERATIONS; age++)
            ftm_keep_image_drop(store->owners[i].images[age]);
    free(store->owners);
    free(store);
}

static struct owner *owner_of(const struct ftm_keep_store *store, int rank)
{
    for (size_t i = 0; i < store->n; i++)
        if (store->owners[i].rank == rank)
            return &store->owners[i];
    return NULL;
}

static struct owner *new_owner(struct ftm_keep_store *store, int rank)
{
    if (store->n == FTM_KEEP_OWNERS_MAX) {
        errno = ENOSPC;
        return NULL;
    }
    if (store->n == store->room) {
        size_t room = store->room > 0 ? 2 * store->room : 4;
        struct owner *owners = realloc(store->owners, room * sizeof *owners);

        if (!owners)
            return NULL;
        store->owners = owners;
        store->room = room;
    }
    store->owners[store->n] = (struct owner){.rank = rank};
    return &store->owners[store->n++];
}

static struct owner *meet(struct ftm_keep_store *store, int rank, uint32_t epoch)
{
    struct owner *owner = owner_of(store, rank);

    if (!owner)
        owner = new_owner(store, rank);
    if (!owner)
        return NULL;
    if (owner->epoch > epoch) {
        errno = ESTALE;
        return NULL;
    }
    owner->epoch = epoch;
    return owner;
}

int ftm_keep_store_meet(struct ftm_keep_store *store, int rank, uint32_t epoch)
{
    return meet(store, rank, epoch) ? 0 : -1;
}

/* ---------------------------------------------------------------- in */

/* Takes the one of this age out; those after it move up. */
static struct ftm_keep_image *take_out(struct owner *owner, int age)
{
    struct ftm_keep_image *image = owner->images[age];

    for (; age + 1 < FTM_KEEP_GENERATIONS; age++)
        owner->images[age] = owner->images[age + 1];
    owner->images[FTM_KEEP_GENERATIONS - 1] = NULL;
    return image;
}

static void put_in(struct owner *owner, struct ftm_keep_image *image)
{
    int age = 0;

    while (age < FTM_KEEP_GENERATIONS && owner->images[age]
           && ftm_keep_image_is_newer(owner->images[age], image))
        age++;
    if (age == FTM_KEEP_GENERATIONS) {
        ftm_keep_image_drop(image); /* older than all: not needed any more */
        return;
    }
    ftm_keep_image_drop(owner->images[FTM_KEEP_GENERATIONS - 1]);
    for (int i = FTM_KEEP_GENERATIONS - 1; i > age; i--)
        owner->images[i] = owner->images[i - 1];
    owner->images[age] = image;
}

int ftm_keep_store_add(struct ftm_keep_store *store, struct ftm_keep_image *image)
{
    struct owner *owner = owner_of(store, image->rank);

    /* What an earlier process of the rank had committed may come from its present one. */
    if (!owner)
        owner = meet(store, image->rank, image->epoch);
    if (!owner) {
        ftm_keep_image_drop(image);
        return -1;
    }
    for (int age = 0; age < FTM_KEEP_GENERATIONS; age++)
        if (owner->images[age] && owner->images[age]->epoch == image->epoch
            && owner->images[age]->serial == image->serial)
            ftm_keep_image_drop(take_out(owner, age));
    put_in(owner, image);
    return 0;
}

void ftm_keep_store_go_back(struct ftm_keep_store *store, int rank, uint32_t epoch,
                            uint64_t serial)
{
    const struct ftm_keep_image to = {.epoch = epoch, .serial = serial};
    struct owner *owner = owner_of(store, rank);

    while (owner && owner->images[0] && ftm_keep_image_is_newer(owner->images[0], &to))
        ftm_keep_image_drop(take_out(owner, 0));
}

/* ---------------------------------------------------------------- out */

struct ftm_keep_image *ftm_keep_store_at(const struct ftm_keep_store *store, int rank, int age)
{
    const struct owner *owner = owner_of(store, rank);

    return owner && age >= 0 && age < FTM_KEEP_GENERATIONS ? owner->images[age] : NULL;
}

struct ftm_keep_image *ftm_keep_store_find(const struct ftm_keep_store *store, int rank,
                                           int version)
{
    for (int age = 0; age < FTM_KEEP_GENERATIONS; age++) {
        struct ftm_keep_image *image = ftm_keep_store_at(store, rank, age);

        if (image && (version == FTM_KEEP_LATEST || image->version == version))
            return image;
    }
    return NULL;
}

static bool is_room(const struct ftm_keep_image *old, const struct ftm_keep_entry entries[],
                    uint32_t n)
{
    return old && !ftm_keep_image_is_shared(old) && ftm_keep_image_fits(old, entries, n);
}

bool ftm_keep_store_has_room(const struct ftm_keep_store *store, int rank,
                             const struct ftm_keep_entry entries[], uint32_t n)
{
    return is_room(ftm_keep_store_at(store, rank, FTM_KEEP_GENERATIONS - 1), entries, n);
}

struct ftm_keep_image *ftm_keep_store_room(struct ftm_keep_store *store, int rank,
                                           const struct ftm_keep_entry entries[], uint32_t n)
{
    struct owner *owner = owner_of(store, rank);
    struct ftm_keep_image *old = NULL;

    if (owner && owner->images[FTM_KEEP_GENERATIONS - 1])
        old = take_out(owner, FTM_KEEP_GENERATIONS - 1);
    if (is_room(old, entries, n)) {
        for (uint32_t i = 0; i < n; i++)
            old->entries[i].sum = entries[i].sum;
        ftm_keep_image_set_summed(old, false);
        return old;
    }
    ftm_keep_image_drop(old);
    return ftm_keep_image_create(entries, n);
}

uint64_t ftm_keep_store_bytes(const struct ftm_keep_store *store)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < store->n; i++)
        for (int age = 0; age < FTM_KEEP_GENERATIONS; age++)
            if (store->owners[i].images[age])
                bytes += store->owners[i].images[age]->bytes;
    return bytes;
}
