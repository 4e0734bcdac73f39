/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store.h - a voter's folder: who it is, its term and vote, its log, its snapshot. All of it
 * survives that power is lost at any moment, a record written in part included.
 *
 * What a call says is done is on the disk. Files that were damaged otherwise (a record in the
 * middle, a file that is gone) are noticed when the store is opened: such data must not be used
 * again, for a voter that forgot what it promised could vote twice. doc/protocol.md has the bytes.
 *
 * Nothing here waits for anything but the disk. Not thread-safe, with one exception: set_term may
 * be called while another thread is in append, cut, or snapshot.
 */
#ifndef FT_CENTRALD_STORE_H
#define FT_CENTRALD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "centrald/disk.h"

#define FT_STORE_NAME_MAX 256
#define FT_STORE_SEGMENT_BYTES (1u << 20) /* a file of the log is about as large */
#define FT_STORE_RECORD_MAX (4u << 20)

struct ft_store;

struct ft_store_who {
    char name[FT_STORE_NAME_MAX];
    uint64_t id;         /* of these data; another one whenever they were lost */
    uint64_t cluster;    /* which founding they belong to; 0: it holds nothing yet */
    char pledged[FT_STORE_NAME_MAX]; /* the voter whose founding it agreed to, "" if none */
    uint64_t pledge;     /* and which founding that would be */
};

struct ft_store_entry {
    uint64_t term;
    uint32_t type;       /* enum raft_entry_type */
    const void *data;
    size_t n;
};

struct ft_store_snapshot {
    uint64_t index, term, conf_index;
    const void *conf;    /* membership, as libraft encodes it */
    size_t conf_n;
    const void *data;
    size_t data_n;
};

/* Opens what is there; in an empty folder a voter `name` begins, with the identity fresh_id. NULL
 * with why and errno EBADMSG (the data are damaged: see ft_store_abandon), EPROTO (of a later
 * version), EPERM (another voter's), or another one (the disk). segment_bytes 0: the default. */
struct ft_store *ft_store_open(struct ft_disk *disk, const char *name, uint64_t fresh_id,
                               uint32_t segment_bytes, char *why, size_t size);

/* in_order: nothing was under way, so that whatever is missing next time was damaged. */
void ft_store_close(struct ft_store *store, bool in_order); /* takes NULL */

/* Sets damaged data aside. 0, or -1 with errno. */
int ft_store_abandon(struct ft_disk *disk);

const struct ft_store_who *ft_store_who(const struct ft_store *store);
int ft_store_set_who(struct ft_store *store, const struct ft_store_who *who);

void ft_store_term(const struct ft_store *store, uint64_t *term, uint64_t *vote);
int ft_store_set_term(struct ft_store *store, uint64_t term, uint64_t vote);

/* The log: entries first .. last; last is first - 1 if there are none. */
uint64_t ft_store_first(const struct ft_store *store);
uint64_t ft_store_last(const struct ft_store *store);
/* What was read at opening; valid until ft_store_forget_loaded. NULL if there is none such. */
const struct ft_store_entry *ft_store_loaded(const struct ft_store *store, uint64_t index);
const struct ft_store_snapshot *ft_store_loaded_snapshot(const struct ft_store *store);
void ft_store_forget_loaded(struct ft_store *store);
const char *ft_store_note(const struct ft_store *store); /* what was mended at opening, "" nothing */

/* Each: 0, or -1 with errno; ENOSPC and EDQUOT left everything as it was and may be tried again,
 * anything else means that this store is not to be trusted any more. */
int ft_store_append(struct ft_store *store, uint64_t first, const struct ft_store_entry *entries,
                    size_t n);
int ft_store_cut(struct ft_store *store, uint64_t from); /* entries from there on are gone */
/* Entries up to index - trailing may go; trailing 0: it replaces the whole log. */
int ft_store_put_snapshot(struct ft_store *store, const struct ft_store_snapshot *snapshot,
                          uint64_t trailing);

/* The latest snapshot; *block is to be freed, the snapshot points into it. ENOENT: none. */
int ft_store_read_snapshot(struct ft_store *store, struct ft_store_snapshot *snapshot,
                           void **block);
uint64_t ft_store_snapshot_index(const struct ft_store *store);

#endif
