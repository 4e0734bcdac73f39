/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * storelog.c - the log of a voter's store: files "log-FIRST", each with the records of entries from
 * FIRST on. Called by store.c when it is opened, and by voterio.c's jobs through store.h.
 *
 * A record has a checksum, its index, the index of the first record of its batch (what was written
 * in one go), and the checksum of the record before it. What may be missing after a loss of power
 * is only what was being written: the batch at the end. So a record that is not whole is cut off
 * where nothing of a later batch follows, and is a damage where something does, or where the mark
 * says that it was there.
 */
#include "centrald/store_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/crc.h"
#include "core/planted.h"

#define LOG_MAGIC "FTLOG__1"
#define LOG_HEAD 32u
#define RECORD_HEAD 40u
#define SEGMENTS_MAX 1024u

/* ---------------------------------------------------------------- segments */

static void segment_name(char name[32], uint64_t first)
{
    snprintf(name, 32, "log-%020" PRIu64, first);
}

void ft_storelog_clear(struct segment *segment)
{
    free(segment->spots);
    free(segment->bytes);
    memset(segment, 0, sizeof *segment);
}

struct segment *ft_storelog_add(struct ft_store *store, uint64_t first)
{
    struct segment *segments;
    size_t room = store->segments_room > 0 ? store->segments_room * 2 : 8;

    if (store->segments_n == store->segments_room) {
        segments = room <= SEGMENTS_MAX * 2 ? realloc(store->segments, room * sizeof *segments) : NULL;
        if (segments == NULL) {
            errno = ENOMEM;
            return NULL;
        }
        store->segments = segments;
        store->segments_room = room;
    }
    segments = &store->segments[store->segments_n++];
    memset(segments, 0, sizeof *segments);
    segments->first = first;
    return segments;
}

static int segment_make_room(struct segment *segment, size_t more)
{
    size_t room = segment->room > 0 ? segment->room : 64;
    struct spot *spots;

    while (room < segment->n + more)
        room *= 2;
    if (room == segment->room)
        return 0;
    spots = realloc(segment->spots, room * sizeof *spots);
    if (spots == NULL)
        return -1;
    segment->spots = spots;
    segment->room = room;
    return 0;
}

/* What the next record has to name as the one before it. */
static uint32_t segment_chain(const struct segment *segment)
{
    return segment->n > 0 ? segment->spots[segment->n - 1].crc : 0;
}

uint64_t ft_storelog_last(const struct ft_store *store)
{
    const struct segment *last;

    if (store->segments_n == 0)
        return store->first - 1;
    last = &store->segments[store->segments_n - 1];
    return last->first + last->n - 1;
}

static int drop_segment(struct ft_store *store, size_t i)
{
    char name[32];

    segment_name(name, store->segments[i].first);
    if (store->disk->remove(store->disk->arg, name) != 0)
        return -1;
    ft_storelog_clear(&store->segments[i]);
    memmove(&store->segments[i], &store->segments[i + 1],
            (store->segments_n - i - 1) * sizeof *store->segments);
    store->segments_n--;
    return 0;
}

/* ---------------------------------------------------------------- reading the log */

struct record {
    uint64_t index, term, batch;
    uint32_t type, chain, crc;
    size_t n;
    const uint8_t *data;
};

/* Takes the record at `at`, of which `left` bytes are there. False: none that is whole. */
static bool read_record(const uint8_t *at, size_t left, struct record *record)
{
    if (left < RECORD_HEAD)
        return false;
    record->crc = ft_get32(at);
    record->n = ft_get32(at + 4);
    record->index = ft_get64(at + 8);
    record->term = ft_get64(at + 16);
    record->batch = ft_get64(at + 24);
    record->type = ft_get32(at + 32);
    record->chain = ft_get32(at + 36);
    record->data = at + RECORD_HEAD;
    if (record->n > FT_STORE_RECORD_MAX || record->n > left - RECORD_HEAD || record->index == 0 ||
        record->term == 0 || record->batch > record->index)
        return false;
    return FT_PLANTED(FT_PLANT_TORN_TAIL) ||
           ft_crc32c(0, at + 4, RECORD_HEAD - 4 + record->n) == record->crc;
}

/* Whether what follows a bad record was written after it: then the record was whole once. */
static bool later_batch_follows(const uint8_t *bytes, size_t n, uint64_t expected)
{
    struct record record;

    for (size_t at = 0; at + RECORD_HEAD <= n; at++) {
        uint64_t index = ft_get64(bytes + at + 8);

        if (index > expected && index - expected < (1u << 20) &&
            read_record(bytes + at, n - at, &record) && record.batch > expected)
            return true;
    }
    return false;
}

static int keep_loaded(struct ft_store *store, const struct record *record)
{
    struct ft_store_entry *entry;

    if (store->loaded_n == store->loaded_room) {
        size_t room = store->loaded_room > 0 ? store->loaded_room * 2 : 256;

        entry = realloc(store->loaded, room * sizeof *entry);
        if (entry == NULL)
            return -1;
        store->loaded = entry;
        store->loaded_room = room;
    }
    entry = &store->loaded[store->loaded_n++];
    *entry = (struct ft_store_entry){record->term, record->type, record->data, record->n};
    return 0;
}

/* Cuts what was written in part from the last segment; one that has nothing else goes. */
static int mend_tail(struct ft_store *store, struct segment *segment, uint64_t end, size_t n,
                     char *why, size_t size)
{
    char name[32];

    snprintf(store->note, sizeof store->note,
             "the last %" PRIu64 " bytes of the log were written in part when the power was lost; "
             "they were not agreed upon and are cut off behind entry %" PRIu64,
             (uint64_t)n - end, segment->first + segment->n - 1);
    if (segment->n == 0) {
        if (drop_segment(store, store->segments_n - 1) != 0)
            return ft_store_disk_error(why, size, "removing an empty part of the log");
        return 0;
    }
    segment_name(name, segment->first);
    if (store->disk->cut(store->disk->arg, name, end) != 0)
        return ft_store_disk_error(why, size, "cutting the end of the log");
    return 0;
}

static bool head_is_good(const struct ft_store *store, const struct segment *segment,
                         const uint8_t *bytes, size_t n)
{
    return n >= LOG_HEAD && memcmp(bytes, LOG_MAGIC, 8) == 0 &&
           ft_get32(bytes + 28) == ft_crc32c(0, bytes, 28) && ft_get64(bytes + 8) == store->who.id &&
           ft_get64(bytes + 16) == segment->first;
}

static int read_segment(struct ft_store *store, struct segment *segment, bool is_last, char *why,
                        size_t size)
{
    char name[32];
    size_t n, at = LOG_HEAD;
    struct record record;

    segment_name(name, segment->first);
    if (store->disk->read(store->disk->arg, name, &segment->bytes, &n) != 0)
        return ft_store_disk_error(why, size, "reading the log");
    if (!head_is_good(store, segment, segment->bytes, n))
        at = 0;
    while (at > 0 && at < n && read_record(segment->bytes + at, n - at, &record) &&
           record.index == segment->first + segment->n && record.chain == segment_chain(segment)) {
        if (segment_make_room(segment, 1) != 0 || keep_loaded(store, &record) != 0)
            return ft_store_disk_error(why, size, "reading the log");
        at += RECORD_HEAD + record.n;
        segment->spots[segment->n++] = (struct spot){(uint32_t)at, record.crc};
    }
    segment->size = at;
    if (at == n && segment->n > 0)
        return 0;
    if (!is_last || later_batch_follows(segment->bytes + at, n - at, segment->first + segment->n))
        return ft_store_damaged(why, size, "the log is damaged at entry %" PRIu64 " (file \"%s\", byte %zu)",
                       segment->first + segment->n, name, at);
    return mend_tail(store, segment, at, n, why, size);
}

static int compare_segments(const void *a, const void *b)
{
    const struct segment *one = a, *other = b;

    return one->first < other->first ? -1 : one->first > other->first;
}

int ft_storelog_drop(struct ft_store *store)
{
    while (store->segments_n > 0)
        if (drop_segment(store, store->segments_n - 1) != 0)
            return -1;
    store->loaded_n = 0;
    store->first = store->snap_index + 1;
    return store->floor != store->snap_index ? ft_store_write_mark(store, store->snap_index) : 0;
}

/* Holds the log against the snapshot: an older log is superseded, one with a gap is damaged. */
static int fit_log(struct ft_store *store, char *why, size_t size)
{
    uint64_t last = ft_storelog_last(store), snap = store->snap_index;

    if (store->segments_n == 0) {
        store->first = snap + 1;
    } else if (store->first > snap + 1) {
        return ft_store_damaged(why, size, "entries %" PRIu64 " to %" PRIu64 " of the log are gone", snap + 1,
                       store->first - 1);
    } else if (last < snap ||
               (store->first <= snap &&
                store->loaded[snap - store->first].term != store->snap_term)) {
        if (ft_storelog_drop(store) != 0)
            return ft_store_disk_error(why, size, "removing what a snapshot superseded");
    }
    last = ft_storelog_last(store);
    if (last < store->floor)
        return ft_store_damaged(why, size, "the log ends at entry %" PRIu64 ", and %" PRIu64
                       " was there once", last, store->floor);
    return 0;
}

int ft_storelog_read(struct ft_store *store, char *why, size_t size)
{
    if (store->segments_n > 1)
        qsort(store->segments, store->segments_n, sizeof *store->segments, compare_segments);
    store->first = store->segments_n > 0 ? store->segments[0].first : store->snap_index + 1;
    store->loaded_first = store->first;
    for (size_t i = 0; i < store->segments_n; i++) {
        struct segment *before = i > 0 ? &store->segments[i - 1] : NULL;

        if (before != NULL && before->first + before->n != store->segments[i].first)
            return ft_store_damaged(why, size, "entries %" PRIu64 " to %" PRIu64 " of the log are gone",
                           before->first + before->n, store->segments[i].first - 1);
        if (read_segment(store, &store->segments[i], i + 1 == store->segments_n, why, size) != 0)
            return -1;
    }
    return fit_log(store, why, size);
}

/* ---------------------------------------------------------------- dropping what is old */

/* Removes the oldest segments that nothing behind `index` needs; one always stays. */
int ft_storelog_drop_before(struct ft_store *store, uint64_t index)
{
    while (store->segments_n > 1 && store->segments[1].first <= index + 1) {
        if (drop_segment(store, 0) != 0)
            return -1;
        store->first = store->segments[0].first;
    }
    return 0;
}

/* ---------------------------------------------------------------- writing the log */

static size_t encode_record(uint8_t *at, const struct ft_store_entry *entry, uint64_t index,
                            uint64_t batch, uint32_t chain)
{
    ft_put32(at + 4, (uint32_t)entry->n);
    ft_put64(at + 8, index);
    ft_put64(at + 16, entry->term);
    ft_put64(at + 24, batch);
    ft_put32(at + 32, entry->type);
    ft_put32(at + 36, chain);
    if (entry->n > 0)
        memcpy(at + RECORD_HEAD, entry->data, entry->n);
    ft_put32(at, ft_crc32c(0, at + 4, RECORD_HEAD - 4 + entry->n));
    return RECORD_HEAD + entry->n;
}

static size_t batch_bytes(const struct ft_store_entry *entries, size_t n)
{
    size_t bytes = LOG_HEAD;

    for (size_t i = 0; i < n; i++)
        bytes += RECORD_HEAD + entries[i].n;
    return bytes;
}

/* The segment that entry `first` goes to. A new one is not on the disk yet. */
static struct segment *segment_for(struct ft_store *store, uint64_t first, size_t n)
{
    struct segment *last =
        store->segments_n > 0 ? &store->segments[store->segments_n - 1] : NULL;

    if (last != NULL && last->size < store->segment_bytes)
        return segment_make_room(last, n) == 0 ? last : NULL;
    if (last != NULL && ft_store_write_mark(store, first - 1) != 0)
        return NULL;
    last = ft_storelog_add(store, first);
    if (last != NULL && segment_make_room(last, n) != 0) {
        store->segments_n--;
        return NULL;
    }
    return last;
}

static void fill_log_head(uint8_t *at, const struct ft_store *store, uint64_t first)
{
    memset(at, 0, LOG_HEAD);
    memcpy(at, LOG_MAGIC, 8);
    ft_put64(at + 8, store->who.id);
    ft_put64(at + 16, first);
    ft_put32(at + 28, ft_crc32c(0, at, 28));
}

int ft_store_append(struct ft_store *store, uint64_t first, const struct ft_store_entry *entries,
                    size_t n)
{
    struct segment *segment;
    uint8_t *bytes;
    uint64_t end;
    uint32_t chain;
    size_t done = 0, old_n;
    char name[32];
    int result;

    if (first != ft_storelog_last(store) + 1) {
        errno = EINVAL;
        return -1;
    }
    segment = segment_for(store, first, n);
    bytes = segment != NULL ? malloc(batch_bytes(entries, n)) : NULL;
    if (bytes == NULL)
        return -1;
    old_n = segment->n;
    end = segment->size;
    chain = segment_chain(segment);
    if (end == 0) {
        fill_log_head(bytes, store, segment->first);
        done = end = LOG_HEAD;
    }
    for (size_t i = 0; i < n; i++) {
        size_t more = encode_record(bytes + done, &entries[i], first + i, first, chain);

        chain = ft_get32(bytes + done);
        done += more;
        end += more;
        segment->spots[old_n + i] = (struct spot){(uint32_t)end, chain};
    }
    segment_name(name, segment->first);
    result = store->disk->append(store->disk->arg, name, segment->size, bytes, done);
    free(bytes);
    if (result != 0) {
        if (segment->size == 0)
            ft_storelog_clear(&store->segments[--store->segments_n]);
        return -1;
    }
    segment->n += n;
    segment->size = end;
    /* From now on an empty log is a log that was lost. If this fails for want of room the entries
     * are there nevertheless: it is made up for when the next segment begins. */
    if (store->floor == 0 && ft_store_write_mark(store, first) != 0 && errno != ENOSPC && errno != EDQUOT)
        return -1;
    return 0;
}

int ft_store_cut(struct ft_store *store, uint64_t from)
{
    struct segment *segment;
    char name[32];

    if (from > ft_storelog_last(store) || store->segments_n == 0)
        return 0;
    if (store->floor >= from && ft_store_write_mark(store, from - 1) != 0)
        return -1;
    while (store->segments_n > 0 && store->segments[store->segments_n - 1].first >= from)
        if (drop_segment(store, store->segments_n - 1) != 0)
            return -1;
    if (store->segments_n == 0) {
        store->first = from;
        return 0;
    }
    segment = &store->segments[store->segments_n - 1];
    if (segment->first + segment->n <= from)
        return 0;
    segment->n = (size_t)(from - segment->first);
    segment->size = segment->spots[segment->n - 1].end;
    segment_name(name, segment->first);
    return store->disk->cut(store->disk->arg, name, segment->size);
}
