/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_store.h - generations of kept state: the last two whole commits of each rank.
 *
 * One holds a process's own commits (a single rank's), one what it keeps for others. No lock of its
 * own: whoever shares one between threads locks.
 */
#ifndef FTM_KEEP_STORE_H
#define FTM_KEEP_STORE_H

#include "keep_image.h"

#define FTM_KEEP_GENERATIONS 2
#define FTM_KEEP_OWNERS_MAX 1024 /* ranks of which one process keeps something */
#define FTM_KEEP_LATEST (-1)

struct ftm_keep_store;

/* NULL with errno ENOMEM. */
struct ftm_keep_store *ftm_keep_store_create(void);
void ftm_keep_store_destroy(struct ftm_keep_store *store);

/* Hears that a process of this epoch speaks for a rank: older ones no longer do. -1 with errno
 * ESTALE if a newer one has spoken, ENOSPC beyond FTM_KEEP_OWNERS_MAX, ENOMEM. */
int ftm_keep_store_meet(struct ftm_keep_store *store, int rank, uint32_t epoch);

/* A whole image comes in: the two newest of its rank stay, another with the same (epoch, serial) is
 * replaced. Takes the caller's use of the image over, also after an error: -1 as above. */
int ftm_keep_store_add(struct ftm_keep_store *store, struct ftm_keep_image *image);

/* The rank went back to the image (epoch, serial): what is newer was never to be. */
void ftm_keep_store_go_back(struct ftm_keep_store *store, int rank, uint32_t epoch,
                            uint64_t serial);

/* The newest image of this version, or the newest of all (FTM_KEEP_LATEST); NULL if there is none.
 * Borrowed. _at: by age, 0 the newest. */
struct ftm_keep_image *ftm_keep_store_find(const struct ftm_keep_store *store, int rank,
                                           int version);
struct ftm_keep_image *ftm_keep_store_at(const struct ftm_keep_store *store, int rank, int age);

/* The memory for the next commit of a rank: if it has two generations, and the older one fits the
 * entries and nobody else uses it, that one, taken out of the store; else a new image, the older
 * one being freed first. NULL with errno; an older one is gone then, too. The newer one stays
 * always. */
struct ftm_keep_image *ftm_keep_store_room(struct ftm_keep_store *store, int rank,
                                           const struct ftm_keep_entry entries[], uint32_t n);
/* Would it be memory that is there already? */
bool ftm_keep_store_has_room(const struct ftm_keep_store *store, int rank,
                             const struct ftm_keep_entry entries[], uint32_t n);

uint64_t ftm_keep_store_bytes(const struct ftm_keep_store *store);

#endif
