/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store.c - a voter's folder, file by file. Owned by voterio.c.
 *
 *     voter            who it is: text, replaced as a whole
 *     state1, state2   term and vote, twice, each with a checksum: written one after the other
 *     mark             up to where the log is certainly there: replaced as a whole
 *     log-FIRST        entries from FIRST on; a record of the log has a checksum, its index, and the
 *                      index of the first record of its batch (what was written in one go)
 *     snap             the latest snapshot, replaced as a whole
 *
 * What may be missing after a loss of power is only what was being written: the batch at the end of
 * the log. So a record that is not whole is cut off where nothing of a later batch follows, and is a
 * damage where something does, or where the mark says that it was there.
 */
#include "centrald/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/crc.h"
#include "core/planted.h"

#define STATE_MAGIC "FTSTATE1"
#define STATE_BYTES 48u
#define MARK_MAGIC "FTMARK_1"
#define MARK_BYTES 24u
#define SNAP_MAGIC "FTSNAP_1"
#define SNAP_HEAD 64u
#define LOG_MAGIC "FTLOG__1"
#define LOG_HEAD 32u
#define RECORD_HEAD 40u
#define SEGMENTS_MAX 1024u

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

/* ---------------------------------------------------------------- numbers in bytes */

static void put32(uint8_t *at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(number >> (8 * i));
}

static void put64(uint8_t *at, uint64_t number)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(number >> (8 * i));
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t get64(const uint8_t *at)
{
    return get32(at) | (uint64_t)get32(at + 4) << 32;
}

static int damaged(char *why, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int damaged(char *why, size_t size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, size, format, arguments);
    va_end(arguments);
    errno = EBADMSG;
    return -1;
}

static int disk_error(char *why, size_t size, const char *doing)
{
    int saved = errno;

    snprintf(why, size, "%s: %s", doing, strerror(saved));
    errno = saved;
    return -1;
}

/* ---------------------------------------------------------------- who */

static int write_who(struct ft_disk *disk, const struct ft_store_who *who)
{
    char text[2 * FT_STORE_NAME_MAX + 256];
    int n = snprintf(text, sizeof text,
                     "ft-voter 1\nname %s\nid %016" PRIx64 "\ncluster %016" PRIx64
                     "\npledge %016" PRIx64 " %s\n",
                     who->name, who->id, who->cluster, who->pledge, who->pledged);

    n += snprintf(text + n, sizeof text - (size_t)n, "sum %08" PRIx32 "\n",
                  ft_crc32c(0, text, (size_t)n));
    return disk->replace(disk->arg, "voter", text, (size_t)n);
}

static int parse_who(struct ft_store *store, const char *text, char *why, size_t size)
{
    const char *sum = strstr(text, "sum ");
    unsigned version = 0;
    uint32_t crc;

    if (sscanf(text, "ft-voter %u", &version) == 1 && version != 1) {
        snprintf(why, size, "its data are of version %u, which this program does not know: install "
                 "the later one again", version);
        errno = EPROTO;
        return -1;
    }
    if (sum == NULL || sscanf(sum, "sum %8" SCNx32, &crc) != 1 ||
        ft_crc32c(0, text, (size_t)(sum - text)) != crc ||
        sscanf(text,
               "ft-voter %*u name %255s id %" SCNx64 " cluster %" SCNx64 " pledge %" SCNx64,
               store->who.name, &store->who.id, &store->who.cluster, &store->who.pledge) != 4)
        return damaged(why, size, "the file \"voter\" is damaged");
    if (sscanf(text, "ft-voter %*u name %*s id %*s cluster %*s pledge %*s%*1[ ]%255[^\n]",
               store->who.pledged) != 1)
        store->who.pledged[0] = '\0';
    return 0;
}

/* 1: there is one. 0: none. -1 */
static int read_who(struct ft_store *store, const char *name, char *why, size_t size)
{
    uint8_t *bytes;
    size_t n;
    char *text;
    int result;

    if (store->disk->read(store->disk->arg, "voter", &bytes, &n) != 0)
        return errno == ENOENT ? 0 : disk_error(why, size, "reading the file \"voter\"");
    text = strndup((char *)bytes, n);
    free(bytes);
    if (text == NULL)
        return disk_error(why, size, "reading the file \"voter\"");
    result = parse_who(store, text, why, size);
    free(text);
    if (result != 0)
        return -1;
    if (strcmp(store->who.name, name) != 0) {
        snprintf(why, size, "the data are those of voter %s, and this is %s: give each voter a "
                 "folder of its own", store->who.name, name);
        errno = EPERM;
        return -1;
    }
    return 1;
}

int ft_store_set_who(struct ft_store *store, const struct ft_store_who *who)
{
    if (write_who(store->disk, who) != 0)
        return -1;
    store->who = *who;
    return 0;
}

/* ---------------------------------------------------------------- term, vote, mark */

static void encode_state(uint8_t bytes[STATE_BYTES], uint64_t version, uint64_t term, uint64_t vote)
{
    memset(bytes, 0, STATE_BYTES);
    memcpy(bytes, STATE_MAGIC, 8);
    put64(bytes + 8, version);
    put64(bytes + 16, term);
    put64(bytes + 24, vote);
    put32(bytes + 44, ft_crc32c(0, bytes, 44));
}

static bool read_slot(struct ft_store *store, const char *name)
{
    uint8_t *bytes;
    size_t n;
    bool good;

    if (store->disk->read(store->disk->arg, name, &bytes, &n) != 0)
        return false;
    good = n >= STATE_BYTES && memcmp(bytes, STATE_MAGIC, 8) == 0 &&
           ft_crc32c(0, bytes, 44) == get32(bytes + 44);
    if (good && get64(bytes + 8) >= store->version) {
        store->version = get64(bytes + 8);
        store->term = get64(bytes + 16);
        store->vote = get64(bytes + 24);
    }
    free(bytes);
    return good;
}

/* Both slots say the same afterwards, so that one that decays later is no loss. */
static int write_state(struct ft_store *store, uint64_t term, uint64_t vote)
{
    uint8_t bytes[STATE_BYTES];
    struct ft_disk *disk = store->disk;

    encode_state(bytes, store->version + 1, term, vote);
    if (disk->overwrite(disk->arg, "state1", bytes, sizeof bytes) != 0 ||
        disk->overwrite(disk->arg, "state2", bytes, sizeof bytes) != 0)
        return -1;
    store->version++;
    store->term = term;
    store->vote = vote;
    return 0;
}

int ft_store_set_term(struct ft_store *store, uint64_t term, uint64_t vote)
{
    if (FT_PLANTED(FT_PLANT_FORGET_VOTE))
        vote = 0;
    return write_state(store, term, vote);
}

void ft_store_term(const struct ft_store *store, uint64_t *term, uint64_t *vote)
{
    *term = store->term;
    *vote = store->vote;
}

static int read_state(struct ft_store *store, char *why, size_t size)
{
    bool one = read_slot(store, "state1"), two = read_slot(store, "state2");
    uint8_t bytes[STATE_BYTES];
    const char *bad = !one ? "state1" : "state2";

    if (!one && !two)
        return damaged(why, size, "term and vote are lost (files \"state1\", \"state2\")");
    if (one && two && write_state(store, store->term, store->vote) == 0)
        return 0;
    if (one && two)
        return disk_error(why, size, "writing the term");
    /* The power went while this one was written, or it decayed: the other one is whole. */
    encode_state(bytes, store->version, store->term, store->vote);
    if (store->disk->replace(store->disk->arg, bad, bytes, sizeof bytes) != 0)
        return disk_error(why, size, "writing the term");
    return 0;
}

static int write_mark(struct ft_store *store, uint64_t floor)
{
    uint8_t bytes[MARK_BYTES] = {0};

    memcpy(bytes, MARK_MAGIC, 8);
    put64(bytes + 8, floor);
    put32(bytes + 20, ft_crc32c(0, bytes, 20));
    if (store->disk->replace(store->disk->arg, "mark", bytes, sizeof bytes) != 0)
        return -1;
    store->floor = floor;
    return 0;
}

static int read_mark(struct ft_store *store, char *why, size_t size)
{
    uint8_t *bytes;
    size_t n;
    bool good;

    if (store->disk->read(store->disk->arg, "mark", &bytes, &n) != 0)
        return errno == ENOENT ? damaged(why, size, "the file \"mark\" is gone")
                               : disk_error(why, size, "reading the file \"mark\"");
    good = n == MARK_BYTES && memcmp(bytes, MARK_MAGIC, 8) == 0 &&
           ft_crc32c(0, bytes, 20) == get32(bytes + 20);
    store->floor = good ? get64(bytes + 8) : 0;
    free(bytes);
    return good ? 0 : damaged(why, size, "the file \"mark\" is damaged");
}

/* ---------------------------------------------------------------- segments */

static void segment_name(char name[32], uint64_t first)
{
    snprintf(name, 32, "log-%020" PRIu64, first);
}

static void segment_clear(struct segment *segment)
{
    free(segment->spots);
    free(segment->bytes);
    memset(segment, 0, sizeof *segment);
}

static struct segment *segment_add(struct ft_store *store, uint64_t first)
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

static uint64_t log_last(const struct ft_store *store)
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
    segment_clear(&store->segments[i]);
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
    record->crc = get32(at);
    record->n = get32(at + 4);
    record->index = get64(at + 8);
    record->term = get64(at + 16);
    record->batch = get64(at + 24);
    record->type = get32(at + 32);
    record->chain = get32(at + 36);
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
        uint64_t index = get64(bytes + at + 8);

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
            return disk_error(why, size, "removing an empty part of the log");
        return 0;
    }
    segment_name(name, segment->first);
    if (store->disk->cut(store->disk->arg, name, end) != 0)
        return disk_error(why, size, "cutting the end of the log");
    return 0;
}

static bool head_is_good(const struct ft_store *store, const struct segment *segment,
                         const uint8_t *bytes, size_t n)
{
    return n >= LOG_HEAD && memcmp(bytes, LOG_MAGIC, 8) == 0 &&
           get32(bytes + 28) == ft_crc32c(0, bytes, 28) && get64(bytes + 8) == store->who.id &&
           get64(bytes + 16) == segment->first;
}

static int read_segment(struct ft_store *store, struct segment *segment, bool is_last, char *why,
                        size_t size)
{
    char name[32];
    size_t n, at = LOG_HEAD;
    struct record record;

    segment_name(name, segment->first);
    if (store->disk->read(store->disk->arg, name, &segment->bytes, &n) != 0)
        return disk_error(why, size, "reading the log");
    if (!head_is_good(store, segment, segment->bytes, n))
        at = 0;
    while (at > 0 && at < n && read_record(segment->bytes + at, n - at, &record) &&
           record.index == segment->first + segment->n && record.chain == segment_chain(segment)) {
        if (segment_make_room(segment, 1) != 0 || keep_loaded(store, &record) != 0)
            return disk_error(why, size, "reading the log");
        at += RECORD_HEAD + record.n;
        segment->spots[segment->n++] = (struct spot){(uint32_t)at, record.crc};
    }
    segment->size = at;
    if (at == n && segment->n > 0)
        return 0;
    if (!is_last || later_batch_follows(segment->bytes + at, n - at, segment->first + segment->n))
        return damaged(why, size, "the log is damaged at entry %" PRIu64 " (file \"%s\", byte %zu)",
                       segment->first + segment->n, name, at);
    return mend_tail(store, segment, at, n, why, size);
}

static int compare_segments(const void *a, const void *b)
{
    const struct segment *one = a, *other = b;

    return one->first < other->first ? -1 : one->first > other->first;
}

static int drop_log(struct ft_store *store)
{
    while (store->segments_n > 0)
        if (drop_segment(store, store->segments_n - 1) != 0)
            return -1;
    store->loaded_n = 0;
    store->first = store->snap_index + 1;
    return store->floor != store->snap_index ? write_mark(store, store->snap_index) : 0;
}

/* Holds the log against the snapshot: an older log is superseded, one with a gap is damaged. */
static int fit_log(struct ft_store *store, char *why, size_t size)
{
    uint64_t last = log_last(store), snap = store->snap_index;

    if (store->segments_n == 0) {
        store->first = snap + 1;
    } else if (store->first > snap + 1) {
        return damaged(why, size, "entries %" PRIu64 " to %" PRIu64 " of the log are gone", snap + 1,
                       store->first - 1);
    } else if (last < snap ||
               (store->first <= snap &&
                store->loaded[snap - store->first].term != store->snap_term)) {
        if (drop_log(store) != 0)
            return disk_error(why, size, "removing what a snapshot superseded");
    }
    last = log_last(store);
    if (last < store->floor)
        return damaged(why, size, "the log ends at entry %" PRIu64 ", and %" PRIu64
                       " was there once", last, store->floor);
    return 0;
}

static int read_log(struct ft_store *store, char *why, size_t size)
{
    if (store->segments_n > 1)
        qsort(store->segments, store->segments_n, sizeof *store->segments, compare_segments);
    store->first = store->segments_n > 0 ? store->segments[0].first : store->snap_index + 1;
    store->loaded_first = store->first;
    for (size_t i = 0; i < store->segments_n; i++) {
        struct segment *before = i > 0 ? &store->segments[i - 1] : NULL;

        if (before != NULL && before->first + before->n != store->segments[i].first)
            return damaged(why, size, "entries %" PRIu64 " to %" PRIu64 " of the log are gone",
                           before->first + before->n, store->segments[i].first - 1);
        if (read_segment(store, &store->segments[i], i + 1 == store->segments_n, why, size) != 0)
            return -1;
    }
    return fit_log(store, why, size);
}

/* ---------------------------------------------------------------- the snapshot */

static bool parse_snapshot(const uint8_t *bytes, size_t n, struct ft_store_snapshot *snapshot)
{
    if (n < SNAP_HEAD || memcmp(bytes, SNAP_MAGIC, 8) != 0)
        return false;
    snapshot->index = get64(bytes + 8);
    snapshot->term = get64(bytes + 16);
    snapshot->conf_index = get64(bytes + 24);
    snapshot->conf_n = get64(bytes + 32);
    snapshot->data_n = get64(bytes + 40);
    snapshot->conf = bytes + SNAP_HEAD;
    if (snapshot->conf_n > n - SNAP_HEAD || snapshot->data_n != n - SNAP_HEAD - snapshot->conf_n)
        return false;
    snapshot->data = bytes + SNAP_HEAD + snapshot->conf_n;
    return get32(bytes + 60) == ft_crc32c(ft_crc32c(0, bytes, 60), bytes + SNAP_HEAD, n - SNAP_HEAD);
}

int ft_store_read_snapshot(struct ft_store *store, struct ft_store_snapshot *snapshot, void **block)
{
    uint8_t *bytes;
    size_t n;

    if (store->disk->read(store->disk->arg, "snap", &bytes, &n) != 0)
        return -1;
    if (!parse_snapshot(bytes, n, snapshot)) {
        free(bytes);
        errno = EBADMSG;
        return -1;
    }
    *block = bytes;
    return 0;
}

static int load_snapshot(struct ft_store *store, char *why, size_t size)
{
    if (ft_store_read_snapshot(store, &store->snapshot, &store->snapshot_block) != 0) {
        if (errno == ENOENT)
            return 0;
        return errno == EBADMSG ? damaged(why, size, "the snapshot is damaged (file \"snap\")")
                                : disk_error(why, size, "reading the snapshot");
    }
    store->snap_index = store->snapshot.index;
    store->snap_term = store->snapshot.term;
    return 0;
}

/* Removes the oldest segments that nothing behind `index` needs; one always stays. */
static int drop_before(struct ft_store *store, uint64_t index)
{
    while (store->segments_n > 1 && store->segments[1].first <= index + 1) {
        if (drop_segment(store, 0) != 0)
            return -1;
        store->first = store->segments[0].first;
    }
    return 0;
}

int ft_store_put_snapshot(struct ft_store *store, const struct ft_store_snapshot *snapshot,
                          uint64_t trailing)
{
    size_t n = SNAP_HEAD + snapshot->conf_n + snapshot->data_n;
    uint8_t *bytes = malloc(n);
    int result;

    if (bytes == NULL)
        return -1;
    memset(bytes, 0, SNAP_HEAD);
    memcpy(bytes, SNAP_MAGIC, 8);
    put64(bytes + 8, snapshot->index);
    put64(bytes + 16, snapshot->term);
    put64(bytes + 24, snapshot->conf_index);
    put64(bytes + 32, snapshot->conf_n);
    put64(bytes + 40, snapshot->data_n);
    memcpy(bytes + SNAP_HEAD, snapshot->conf, snapshot->conf_n);
    memcpy(bytes + SNAP_HEAD + snapshot->conf_n, snapshot->data, snapshot->data_n);
    put32(bytes + 60, ft_crc32c(ft_crc32c(0, bytes, 60), bytes + SNAP_HEAD, n - SNAP_HEAD));
    result = store->disk->replace(store->disk->arg, "snap", bytes, n);
    free(bytes);
    if (result != 0)
        return -1;
    store->snap_index = snapshot->index;
    store->snap_term = snapshot->term;
    if (trailing == 0)
        return drop_log(store);
    return drop_before(store, snapshot->index > trailing ? snapshot->index - trailing : 0);
}

uint64_t ft_store_snapshot_index(const struct ft_store *store)
{
    return store->snap_index;
}

/* ---------------------------------------------------------------- writing the log */

static size_t encode_record(uint8_t *at, const struct ft_store_entry *entry, uint64_t index,
                            uint64_t batch, uint32_t chain)
{
    put32(at + 4, (uint32_t)entry->n);
    put64(at + 8, index);
    put64(at + 16, entry->term);
    put64(at + 24, batch);
    put32(at + 32, entry->type);
    put32(at + 36, chain);
    if (entry->n > 0)
        memcpy(at + RECORD_HEAD, entry->data, entry->n);
    put32(at, ft_crc32c(0, at + 4, RECORD_HEAD - 4 + entry->n));
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
    if (last != NULL && write_mark(store, first - 1) != 0)
        return NULL;
    last = segment_add(store, first);
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
    put64(at + 8, store->who.id);
    put64(at + 16, first);
    put32(at + 28, ft_crc32c(0, at, 28));
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

    if (first != log_last(store) + 1) {
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

        chain = get32(bytes + done);
        done += more;
        end += more;
        segment->spots[old_n + i] = (struct spot){(uint32_t)end, chain};
    }
    segment_name(name, segment->first);
    result = store->disk->append(store->disk->arg, name, segment->size, bytes, done);
    free(bytes);
    if (result != 0) {
        if (segment->size == 0)
            segment_clear(&store->segments[--store->segments_n]);
        return -1;
    }
    segment->n += n;
    segment->size = end;
    /* From now on an empty log is a log that was lost. If this fails for want of room the entries
     * are there nevertheless: it is made up for when the next segment begins. */
    if (store->floor == 0 && write_mark(store, first) != 0 && errno != ENOSPC && errno != EDQUOT)
        return -1;
    return 0;
}

int ft_store_cut(struct ft_store *store, uint64_t from)
{
    struct segment *segment;
    char name[32];

    if (from > log_last(store) || store->segments_n == 0)
        return 0;
    if (store->floor >= from && write_mark(store, from - 1) != 0)
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

/* ---------------------------------------------------------------- opening */

static void note_name(void *to, const char *name)
{
    struct ft_store *store = to;
    uint64_t first;
    int end = 0;

    if (sscanf(name, "log-%20" SCNu64 "%n", &first, &end) == 1 && name[end] == '\0' &&
        strlen(name) == 24 && first > 0 && segment_add(store, first) == NULL)
        snprintf(store->note, sizeof store->note, "no memory");
}

static int begin_empty(struct ft_store *store, const char *name, uint64_t fresh_id, char *why,
                       size_t size)
{
    struct ft_disk *disk = store->disk;
    uint8_t bytes[STATE_BYTES];

    store->who.id = fresh_id;
    snprintf(store->who.name, sizeof store->who.name, "%s", name);
    encode_state(bytes, 1, 0, 0);
    store->version = 1;
    store->first = 1;
    if (disk->replace(disk->arg, "state1", bytes, sizeof bytes) != 0 ||
        disk->replace(disk->arg, "state2", bytes, sizeof bytes) != 0 || write_mark(store, 0) != 0 ||
        write_who(disk, &store->who) != 0)
        return disk_error(why, size, "beginning a voter's data");
    return 0;
}

static int read_all(struct ft_store *store, const char *name, uint64_t fresh_id, char *why,
                    size_t size)
{
    int known;

    if (store->disk->list(store->disk->arg, note_name, store) != 0)
        return disk_error(why, size, "reading the folder");
    if (store->note[0] != '\0') {
        errno = ENOMEM;
        return disk_error(why, size, "reading the folder");
    }
    known = read_who(store, name, why, size);
    if (known < 0 || load_snapshot(store, why, size) != 0)
        return -1;
    if (known == 0) {
        if (store->segments_n > 0 || store->snap_index > 0)
            return damaged(why, size, "the file \"voter\" is gone");
        return begin_empty(store, name, fresh_id, why, size);
    }
    if (read_state(store, why, size) != 0 || read_mark(store, why, size) != 0 ||
        read_log(store, why, size) != 0)
        return -1;
    if (store->who.cluster == 0 && log_last(store) > 0)
        return damaged(why, size, "there is a log of no founding");
    return 0;
}

struct ft_store *ft_store_open(struct ft_disk *disk, const char *name, uint64_t fresh_id,
                               uint32_t segment_bytes, char *why, size_t size)
{
    struct ft_store *store = calloc(1, sizeof *store);

    if (store == NULL) {
        snprintf(why, size, "no memory");
        return NULL;
    }
    store->disk = disk;
    store->segment_bytes = segment_bytes > 0 ? segment_bytes : FT_STORE_SEGMENT_BYTES;
    store->first = 1;
    if (read_all(store, name, fresh_id, why, size) == 0)
        return store;
    ft_store_close(store, false);
    return NULL;
}

void ft_store_forget_loaded(struct ft_store *store)
{
    free(store->loaded);
    store->loaded = NULL;
    store->loaded_n = store->loaded_room = 0;
    for (size_t i = 0; i < store->segments_n; i++) {
        free(store->segments[i].bytes);
        store->segments[i].bytes = NULL;
    }
    free(store->snapshot_block);
    store->snapshot_block = NULL;
    memset(&store->snapshot, 0, sizeof store->snapshot);
}

void ft_store_close(struct ft_store *store, bool in_order)
{
    int saved = errno;

    if (store == NULL)
        return;
    if (in_order && log_last(store) > store->floor)
        write_mark(store, log_last(store)); /* only says more; without it all is as after a crash */
    ft_store_forget_loaded(store);
    for (size_t i = 0; i < store->segments_n; i++)
        segment_clear(&store->segments[i]);
    free(store->segments);
    free(store);
    errno = saved;
}

int ft_store_abandon(struct ft_disk *disk)
{
    return disk->set_aside(disk->arg);
}

/* ---------------------------------------------------------------- looking */

const struct ft_store_who *ft_store_who(const struct ft_store *store)
{
    return &store->who;
}

uint64_t ft_store_first(const struct ft_store *store)
{
    return store->first;
}

uint64_t ft_store_last(const struct ft_store *store)
{
    return log_last(store);
}

const struct ft_store_entry *ft_store_loaded(const struct ft_store *store, uint64_t index)
{
    if (index < store->loaded_first || index - store->loaded_first >= store->loaded_n)
        return NULL;
    return &store->loaded[index - store->loaded_first];
}

const struct ft_store_snapshot *ft_store_loaded_snapshot(const struct ft_store *store)
{
    return store->snapshot_block != NULL ? &store->snapshot : NULL;
}

const char *ft_store_note(const struct ft_store *store)
{
    return store->note;
}
