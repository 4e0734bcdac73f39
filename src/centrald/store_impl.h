/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store_impl.h - what the files of a store share; nobody else includes it.
 *
 *     store.c      the folder as a whole: who, term and vote, the mark, the snapshot
 *     storelog.c   the log: its parts, its records
 */
#ifndef FT_CENTRALD_STORE_IMPL_H
#define FT_CENTRALD_STORE_IMPL_H

#include "centrald/store.h"

struct segment {
    uint64_t first;
    size_t n;        /* entries */
    struct spot { uint32_t end, crc; } *spots; /* where each record ends, and its checksum */
    size_t room;
    uint64_t size;
    uint8_t *bytes;  /* as read at opening */
};

struct ft_store {
    struct ft_disk *disk;
    uint32_t segment_bytes;
    struct ft_store_who who;
    uint64_t term, vote, version;
    uint64_t floor; /* of the mark */
    struct segment *segments;
    size_t segments_n, segments_room;
    uint64_t first; /* of the log */
    uint64_t snap_index, snap_term;
    struct ft_store_entry *loaded;
    uint64_t loaded_first;
    size_t loaded_n, loaded_room;
    struct ft_store_snapshot snapshot; /* as loaded */
    void *snapshot_block;
    char note[256];
};

/* Numbers in bytes, little-endian. */
static inline void ft_put32(uint8_t *at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(number >> (8 * i));
}

static inline void ft_put64(uint8_t *at, uint64_t number)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(number >> (8 * i));
}

static inline uint32_t ft_get32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t ft_get64(const uint8_t *at)
{
    return ft_get32(at) | (uint64_t)ft_get32(at + 4) << 32;
}

/* store.c. The first two: -1, with why and errno (EBADMSG; what it was). */
int ft_store_damaged(char *why, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int ft_store_disk_error(char *why, size_t size, const char *doing);
int ft_store_write_mark(struct ft_store *store, uint64_t floor);

/* storelog.c */
struct segment *ft_storelog_add(struct ft_store *store, uint64_t first); /* NULL: no memory */
void ft_storelog_clear(struct segment *segment);
uint64_t ft_storelog_last(const struct ft_store *store);
/* Reads all parts that were added, and holds them against the snapshot. 0, or -1 with why. */
int ft_storelog_read(struct ft_store *store, char *why, size_t size);
int ft_storelog_drop(struct ft_store *store); /* all of it: a snapshot replaces it */
int ft_storelog_drop_before(struct ft_store *store, uint64_t index);

#endif
