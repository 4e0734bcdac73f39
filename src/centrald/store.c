/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store.c - a voter's folder, file by file. Owned by voterio.c.
 *
 *     voter            who it is: text, replaced as a whole
 *     state1, state2   term and vote, twice, each with a checksum: written one after the other
 *     mark             up to where the log is certainly there: replaced as a whole
 *     log-FIRST        a part of the log: entries from FIRST on
 *     snap             the latest snapshot, replaced as a whole
 *
 * The log is storelog.c's, which also says what of it may be missing after a loss of power.
 */
#include "centrald/store_impl.h"

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

/* ---------------------------------------------------------------- what goes wrong */

int ft_store_damaged(char *why, size_t size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, size, format, arguments);
    va_end(arguments);
    errno = EBADMSG;
    return -1;
}

int ft_store_disk_error(char *why, size_t size, const char *doing)
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
        return ft_store_damaged(why, size, "the file \"voter\" is damaged");
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
        return errno == ENOENT ? 0 : ft_store_disk_error(why, size, "reading the file \"voter\"");
    text = strndup((char *)bytes, n);
    free(bytes);
    if (text == NULL)
        return ft_store_disk_error(why, size, "reading the file \"voter\"");
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
    ft_put64(bytes + 8, version);
    ft_put64(bytes + 16, term);
    ft_put64(bytes + 24, vote);
    ft_put32(bytes + 44, ft_crc32c(0, bytes, 44));
}

static bool read_slot(struct ft_store *store, const char *name)
{
    uint8_t *bytes;
    size_t n;
    bool good;

    if (store->disk->read(store->disk->arg, name, &bytes, &n) != 0)
        return false;
    good = n >= STATE_BYTES && memcmp(bytes, STATE_MAGIC, 8) == 0 &&
           ft_crc32c(0, bytes, 44) == ft_get32(bytes + 44);
    if (good && ft_get64(bytes + 8) >= store->version) {
        store->version = ft_get64(bytes + 8);
        store->term = ft_get64(bytes + 16);
        store->vote = ft_get64(bytes + 24);
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
        return ft_store_damaged(why, size, "term and vote are lost (files \"state1\", \"state2\")");
    if (one && two && write_state(store, store->term, store->vote) == 0)
        return 0;
    if (one && two)
        return ft_store_disk_error(why, size, "writing the term");
    /* The power went while this one was written, or it decayed: the other one is whole. */
    encode_state(bytes, store->version, store->term, store->vote);
    if (store->disk->replace(store->disk->arg, bad, bytes, sizeof bytes) != 0)
        return ft_store_disk_error(why, size, "writing the term");
    return 0;
}

int ft_store_write_mark(struct ft_store *store, uint64_t floor)
{
    uint8_t bytes[MARK_BYTES] = {0};

    memcpy(bytes, MARK_MAGIC, 8);
    ft_put64(bytes + 8, floor);
    ft_put32(bytes + 20, ft_crc32c(0, bytes, 20));
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
        return errno == ENOENT ? ft_store_damaged(why, size, "the file \"mark\" is gone")
                               : ft_store_disk_error(why, size, "reading the file \"mark\"");
    good = n == MARK_BYTES && memcmp(bytes, MARK_MAGIC, 8) == 0 &&
           ft_crc32c(0, bytes, 20) == ft_get32(bytes + 20);
    store->floor = good ? ft_get64(bytes + 8) : 0;
    free(bytes);
    return good ? 0 : ft_store_damaged(why, size, "the file \"mark\" is damaged");
}

/* ---------------------------------------------------------------- the snapshot */

static bool parse_snapshot(const uint8_t *bytes, size_t n, struct ft_store_snapshot *snapshot)
{
    if (n < SNAP_HEAD || memcmp(bytes, SNAP_MAGIC, 8) != 0)
        return false;
    snapshot->index = ft_get64(bytes + 8);
    snapshot->term = ft_get64(bytes + 16);
    snapshot->conf_index = ft_get64(bytes + 24);
    snapshot->conf_n = ft_get64(bytes + 32);
    snapshot->data_n = ft_get64(bytes + 40);
    snapshot->conf = bytes + SNAP_HEAD;
    if (snapshot->conf_n > n - SNAP_HEAD || snapshot->data_n != n - SNAP_HEAD - snapshot->conf_n)
        return false;
    snapshot->data = bytes + SNAP_HEAD + snapshot->conf_n;
    return ft_get32(bytes + 60) == ft_crc32c(ft_crc32c(0, bytes, 60), bytes + SNAP_HEAD, n - SNAP_HEAD);
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
        return errno == EBADMSG ? ft_store_damaged(why, size, "the snapshot is damaged (file \"snap\")")
                                : ft_store_disk_error(why, size, "reading the snapshot");
    }
    store->snap_index = store->snapshot.index;
    store->snap_term = store->snapshot.term;
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
    ft_put64(bytes + 8, snapshot->index);
    ft_put64(bytes + 16, snapshot->term);
    ft_put64(bytes + 24, snapshot->conf_index);
    ft_put64(bytes + 32, snapshot->conf_n);
    ft_put64(bytes + 40, snapshot->data_n);
    memcpy(bytes + SNAP_HEAD, snapshot->conf, snapshot->conf_n);
    memcpy(bytes + SNAP_HEAD + snapshot->conf_n, snapshot->data, snapshot->data_n);
    ft_put32(bytes + 60, ft_crc32c(ft_crc32c(0, bytes, 60), bytes + SNAP_HEAD, n - SNAP_HEAD));
    result = store->disk->replace(store->disk->arg, "snap", bytes, n);
    free(bytes);
    if (result != 0)
        return -1;
    store->snap_index = snapshot->index;
    store->snap_term = snapshot->term;
    if (trailing == 0)
        return ft_storelog_drop(store);
    return ft_storelog_drop_before(store, snapshot->index > trailing ? snapshot->index - trailing : 0);
}

uint64_t ft_store_snapshot_index(const struct ft_store *store)
{
    return store->snap_index;
}

/* ---------------------------------------------------------------- opening */

static void note_name(void *to, const char *name)
{
    struct ft_store *store = to;
    uint64_t first;
    int end = 0;

    if (sscanf(name, "log-%20" SCNu64 "%n", &first, &end) == 1 && name[end] == '\0' &&
        strlen(name) == 24 && first > 0 && ft_storelog_add(store, first) == NULL)
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
        disk->replace(disk->arg, "state2", bytes, sizeof bytes) != 0 || ft_store_write_mark(store, 0) != 0 ||
        write_who(disk, &store->who) != 0)
        return ft_store_disk_error(why, size, "beginning a voter's data");
    return 0;
}

static int read_all(struct ft_store *store, const char *name, uint64_t fresh_id, char *why,
                    size_t size)
{
    int known;

    if (store->disk->list(store->disk->arg, note_name, store) != 0)
        return ft_store_disk_error(why, size, "reading the folder");
    if (store->note[0] != '\0') {
        errno = ENOMEM;
        return ft_store_disk_error(why, size, "reading the folder");
    }
    known = read_who(store, name, why, size);
    if (known < 0 || load_snapshot(store, why, size) != 0)
        return -1;
    if (known == 0) {
        if (store->segments_n > 0 || store->snap_index > 0)
            return ft_store_damaged(why, size, "the file \"voter\" is gone");
        return begin_empty(store, name, fresh_id, why, size);
    }
    if (read_state(store, why, size) != 0 || read_mark(store, why, size) != 0 ||
        ft_storelog_read(store, why, size) != 0)
        return -1;
    if (store->who.cluster == 0 && ft_storelog_last(store) > 0)
        return ft_store_damaged(why, size, "there is a log of no founding");
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
    if (in_order && ft_storelog_last(store) > store->floor)
        ft_store_write_mark(store, ft_storelog_last(store)); /* only says more; without it all is as after a crash */
    ft_store_forget_loaded(store);
    for (size_t i = 0; i < store->segments_n; i++)
        ft_storelog_clear(&store->segments[i]);
    free(store->segments);
    free(store);
    errno = saved;
}

static bool is_ours(const char *name)
{
    static const char *const names[] = {"voter", "state1", "state2", "mark", "snap"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return strncmp(name, "log-", 4) == 0;
}

int ft_store_abandon(struct ft_disk *disk)
{
    return disk->set_aside(disk->arg, is_ours);
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
    return ft_storelog_last(store);
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
