/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ledger.c - an ordered map from keys to bytes, its snapshots and its commands.
 *
 * Owned by centrald/voter.c, which applies what the voters agreed upon; read by a new leader. A
 * hash table finds keys, a list keeps them in the order of their first writing.
 *
 * Bytes, all numbers little-endian:
 *     snapshot  "FTLEDGER" | format u32 = 1 | CRC-32C of the rest u32 | keys u64 | those
 *               a key: length u16 | its bytes | length of the value u32 | its bytes
 *     command   format u8 = 1 | changes, up to the end
 *               a change: verb u8 | length of the key u16 | its bytes | length of the value u32 |
 *               it (ERASE and ERASE_PREFIX have a value of length 0)
 */
#include "core/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/crc.h"
#include "common/hash.h"

#define SNAPSHOT_MAGIC "FTLEDGER"
#define SNAPSHOT_FORMAT 1u
#define SNAPSHOT_HEAD 24u
#define COMMAND_FORMAT 1u
#define BUCKETS_MIN 64u

struct entry {
    struct entry *next_same;    /* of the bucket */
    struct entry *older, *newer; /* in the order of writing */
    uint64_t hash;
    size_t n;
    uint8_t *data; /* never NULL */
    char key[];
};

struct ft_ledger {
    struct entry **buckets;
    size_t buckets_n; /* a power of two */
    struct entry *oldest, *newest;
    size_t count, bytes;
};

/* ---------------------------------------------------------------- the table */

static uint64_t hash_key(const char *key)
{
    return ft_hash(key, strlen(key));
}

struct ft_ledger *ft_ledger_create(void)
{
    struct ft_ledger *ledger = calloc(1, sizeof *ledger);

    if (ledger == NULL)
        return NULL;
    ledger->buckets = calloc(BUCKETS_MIN, sizeof *ledger->buckets);
    if (ledger->buckets == NULL) {
        free(ledger);
        errno = ENOMEM;
        return NULL;
    }
    ledger->buckets_n = BUCKETS_MIN;
    return ledger;
}

void ft_ledger_destroy(struct ft_ledger *ledger)
{
    struct entry *entry, *newer;
    int saved = errno;

    if (ledger == NULL)
        return;
    for (entry = ledger->oldest; entry != NULL; entry = newer) {
        newer = entry->newer;
        free(entry->data);
        free(entry);
    }
    free(ledger->buckets);
    free(ledger);
    errno = saved;
}

static struct entry **slot_of(const struct ft_ledger *ledger, const char *key, uint64_t hash)
{
    struct entry **slot = &ledger->buckets[hash & (ledger->buckets_n - 1)];

    while (*slot != NULL && ((*slot)->hash != hash || strcmp((*slot)->key, key) != 0))
        slot = &(*slot)->next_same;
    return slot;
}

/* More buckets where there are more keys; without memory for them the ledger is only slower. */
static void widen(struct ft_ledger *ledger)
{
    size_t n = ledger->buckets_n * 2;
    struct entry **buckets;

    if (ledger->count < ledger->buckets_n || n > SIZE_MAX / sizeof *buckets)
        return;
    buckets = calloc(n, sizeof *buckets);
    if (buckets == NULL)
        return;
    for (struct entry *entry = ledger->oldest; entry != NULL; entry = entry->newer) {
        struct entry **slot = &buckets[entry->hash & (n - 1)];

        entry->next_same = *slot;
        *slot = entry;
    }
    free(ledger->buckets);
    ledger->buckets = buckets;
    ledger->buckets_n = n;
}

static void unlink_entry(struct ft_ledger *ledger, struct entry **slot)
{
    struct entry *entry = *slot;

    *slot = entry->next_same;
    *(entry->older != NULL ? &entry->older->newer : &ledger->oldest) = entry->newer;
    *(entry->newer != NULL ? &entry->newer->older : &ledger->newest) = entry->older;
    ledger->count--;
    ledger->bytes -= strlen(entry->key) + entry->n;
    free(entry->data);
    free(entry);
}

static void link_entry(struct ft_ledger *ledger, struct entry *entry)
{
    struct entry **slot = &ledger->buckets[entry->hash & (ledger->buckets_n - 1)];

    entry->next_same = *slot;
    *slot = entry;
    entry->older = ledger->newest;
    entry->newer = NULL;
    *(ledger->newest != NULL ? &ledger->newest->newer : &ledger->oldest) = entry;
    ledger->newest = entry;
    ledger->count++;
}

static struct entry *entry_create(const char *key, uint64_t hash)
{
    size_t n = strlen(key) + 1;
    struct entry *entry = calloc(1, sizeof *entry + n);

    if (entry != NULL) {
        memcpy(entry->key, key, n);
        entry->hash = hash;
    }
    return entry;
}

static uint8_t *copy_of(const void *data, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);

    if (copy != NULL && n > 0)
        memcpy(copy, data, n);
    return copy;
}

int ft_ledger_put(struct ft_ledger *ledger, const char *key, const void *data, size_t n)
{
    size_t key_n = key != NULL ? strlen(key) : 0;
    uint64_t hash;
    struct entry *entry;
    size_t before;
    uint8_t *copy;

    if (key_n == 0 || key_n >= FT_LEDGER_KEY_MAX || (data == NULL && n > 0)) {
        errno = EINVAL;
        return -1;
    }
    if (n > FT_LEDGER_VALUE_MAX) {
        errno = EMSGSIZE;
        return -1;
    }
    hash = hash_key(key);
    entry = *slot_of(ledger, key, hash);
    before = entry != NULL ? key_n + entry->n : 0;
    if (ledger->bytes - before + key_n + n > FT_LEDGER_BYTES_MAX) {
        errno = ENOSPC;
        return -1;
    }
    copy = copy_of(data, n);
    if (copy == NULL)
        return -1;
    if (entry == NULL) {
        entry = entry_create(key, hash);
        if (entry == NULL) {
            free(copy);
            errno = ENOMEM;
            return -1;
        }
        link_entry(ledger, entry);
    }
    free(entry->data);
    entry->data = copy;
    entry->n = n;
    ledger->bytes += key_n + n - before;
    widen(ledger);
    return 0;
}

void ft_ledger_erase(struct ft_ledger *ledger, const char *key)
{
    struct entry **slot = slot_of(ledger, key, hash_key(key));

    if (*slot != NULL)
        unlink_entry(ledger, slot);
}

void ft_ledger_erase_prefix(struct ft_ledger *ledger, const char *prefix)
{
    size_t n = strlen(prefix);
    struct entry *newer;

    for (struct entry *entry = ledger->oldest; entry != NULL; entry = newer) {
        newer = entry->newer;
        if (strncmp(entry->key, prefix, n) == 0)
            unlink_entry(ledger, slot_of(ledger, entry->key, entry->hash));
    }
}

const void *ft_ledger_get(const struct ft_ledger *ledger, const char *key, size_t *n)
{
    struct entry *entry = *slot_of(ledger, key, hash_key(key));

    if (n != NULL)
        *n = entry != NULL ? entry->n : 0;
    return entry != NULL ? entry->data : NULL;
}

void ft_ledger_each(const struct ft_ledger *ledger, const char *prefix, ft_ledger_visit_fn visit,
                    void *arg)
{
    size_t n = strlen(prefix);

    for (struct entry *entry = ledger->oldest; entry != NULL; entry = entry->newer)
        if (strncmp(entry->key, prefix, n) == 0 && !visit(arg, entry->key, entry->data, entry->n))
            return;
}

size_t ft_ledger_count(const struct ft_ledger *ledger)
{
    return ledger->count;
}

size_t ft_ledger_bytes(const struct ft_ledger *ledger)
{
    return ledger->bytes;
}

uint64_t ft_ledger_hash(const struct ft_ledger *ledger)
{
    uint64_t hash = FT_HASH_BEGIN;

    for (struct entry *entry = ledger->oldest; entry != NULL; entry = entry->newer) {
        uint64_t n = entry->n;

        hash = ft_hash_more(hash, entry->key, strlen(entry->key) + 1);
        hash = ft_hash_more(hash, &n, sizeof n);
        hash = ft_hash_more(hash, entry->data, entry->n);
    }
    return hash;
}

/* ---------------------------------------------------------------- numbers in bytes */

static uint8_t *put_number(uint8_t *at, uint64_t number, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        *at++ = (uint8_t)(number >> (8 * i));
    return at;
}

/* What is being read: all of it is somebody else's, so that each step looks how much is left. */
struct reader {
    const uint8_t *at;
    size_t left;
    bool bad;
};

static uint64_t get_number(struct reader *in, unsigned bytes)
{
    uint64_t number = 0;

    if (in->bad || in->left < bytes) {
        in->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++)
        number |= (uint64_t)in->at[i] << (8 * i);
    in->at += bytes;
    in->left -= bytes;
    return number;
}

static const uint8_t *get_bytes(struct reader *in, size_t n)
{
    const uint8_t *at = in->at;

    if (in->bad || in->left < n) {
        in->bad = true;
        return NULL;
    }
    in->at += n;
    in->left -= n;
    return at;
}

/* A key of 1 (`least`) to FT_LEDGER_KEY_MAX - 1 bytes, none of them 0. */
static void get_key(struct reader *in, char key[FT_LEDGER_KEY_MAX], size_t least)
{
    size_t n = get_number(in, 2);
    const uint8_t *bytes = get_bytes(in, n);

    key[0] = '\0';
    if (in->bad || n < least || n >= FT_LEDGER_KEY_MAX || memchr(bytes, 0, n) != NULL) {
        in->bad = true;
        return;
    }
    memcpy(key, bytes, n);
    key[n] = '\0';
}

/* ---------------------------------------------------------------- snapshots */

size_t ft_ledger_encoded_bytes(const struct ft_ledger *ledger)
{
    return SNAPSHOT_HEAD + ledger->bytes + ledger->count * 6;
}

void ft_ledger_encode(const struct ft_ledger *ledger, void *bytes)
{
    uint8_t *start = bytes, *at = put_number(start + 16, ledger->count, 8);

    memcpy(start, SNAPSHOT_MAGIC, 8);
    put_number(start + 8, SNAPSHOT_FORMAT, 4);
    for (struct entry *entry = ledger->oldest; entry != NULL; entry = entry->newer) {
        size_t key_n = strlen(entry->key);

        at = put_number(at, key_n, 2);
        memcpy(at, entry->key, key_n);
        at = put_number(at + key_n, entry->n, 4);
        memcpy(at, entry->data, entry->n);
        at += entry->n;
    }
    put_number(start + 12, ft_crc32c(0, start + 16, (size_t)(at - start) - 16), 4);
}

static int decode_entries(struct ft_ledger *ledger, struct reader *in)
{
    uint64_t count = get_number(in, 8);
    char key[FT_LEDGER_KEY_MAX];

    for (uint64_t i = 0; i < count && !in->bad; i++) {
        size_t n;
        const uint8_t *data;

        get_key(in, key, 1);
        n = get_number(in, 4);
        data = get_bytes(in, n);
        if (in->bad)
            break;
        if (ft_ledger_put(ledger, key, data, n) != 0) {
            errno = errno == ENOMEM ? ENOMEM : EBADMSG;
            return -1;
        }
    }
    if (in->bad || in->left > 0 || ledger->count != count) {
        errno = EBADMSG;
        return -1;
    }
    return 0;
}

struct ft_ledger *ft_ledger_decode(const void *bytes, size_t n)
{
    struct reader in = {bytes, n, false};
    const uint8_t *magic = get_bytes(&in, 8);
    uint32_t format = (uint32_t)get_number(&in, 4);
    uint32_t crc = (uint32_t)get_number(&in, 4);
    struct ft_ledger *ledger;

    if (in.bad || memcmp(magic, SNAPSHOT_MAGIC, 8) != 0) {
        errno = EBADMSG;
        return NULL;
    }
    if (format != SNAPSHOT_FORMAT) {
        errno = EPROTO;
        return NULL;
    }
    if (ft_crc32c(0, in.at, in.left) != crc) {
        errno = EBADMSG;
        return NULL;
    }
    ledger = ft_ledger_create();
    if (ledger == NULL)
        return NULL;
    if (decode_entries(ledger, &in) != 0) {
        ft_ledger_destroy(ledger);
        return NULL;
    }
    return ledger;
}

/* ---------------------------------------------------------------- commands */

static int make_room(struct ft_ledger_command *command, size_t more)
{
    size_t room = command->room > 0 ? command->room : 256;
    uint8_t *bytes;

    if (command->n + more > FT_LEDGER_COMMAND_MAX) {
        errno = EMSGSIZE;
        return -1;
    }
    while (room < command->n + more)
        room *= 2;
    if (room == command->room)
        return 0;
    bytes = realloc(command->bytes, room);
    if (bytes == NULL)
        return -1;
    command->bytes = bytes;
    command->room = room;
    return 0;
}

int ft_ledger_command_add(struct ft_ledger_command *command, enum ft_ledger_verb verb,
                          const char *key, const void *data, size_t n)
{
    size_t key_n = key != NULL ? strlen(key) : 0;
    uint8_t *at;

    if (verb != FT_LEDGER_PUT)
        n = 0;
    if (verb < FT_LEDGER_PUT || verb > FT_LEDGER_ERASE_PREFIX || key == NULL ||
        key_n >= FT_LEDGER_KEY_MAX || (key_n == 0 && verb != FT_LEDGER_ERASE_PREFIX) ||
        (data == NULL && n > 0)) {
        errno = EINVAL;
        return -1;
    }
    if (n > FT_LEDGER_VALUE_MAX) {
        errno = EMSGSIZE;
        return -1;
    }
    if (make_room(command, (command->n == 0) + 7 + key_n + n) != 0)
        return -1;
    if (command->n == 0)
        command->bytes[command->n++] = COMMAND_FORMAT;
    at = command->bytes + command->n;
    *at++ = (uint8_t)verb;
    at = put_number(at, key_n, 2);
    memcpy(at, key, key_n);
    at = put_number(at + key_n, n, 4);
    if (n > 0)
        memcpy(at, data, n);
    command->n = (size_t)(at - command->bytes) + n;
    command->changes++;
    return 0;
}

void ft_ledger_command_clear(struct ft_ledger_command *command)
{
    free(command->bytes);
    memset(command, 0, sizeof *command);
}

/* Takes the next change. */
static enum ft_ledger_verb get_change(struct reader *in, char key[FT_LEDGER_KEY_MAX],
                                      const uint8_t **data, size_t *n)
{
    enum ft_ledger_verb verb = (enum ft_ledger_verb)get_number(in, 1);

    get_key(in, key, verb == FT_LEDGER_ERASE_PREFIX ? 0 : 1);
    *n = get_number(in, 4);
    *data = get_bytes(in, *n);
    if (*n > FT_LEDGER_VALUE_MAX || verb < FT_LEDGER_PUT || verb > FT_LEDGER_ERASE_PREFIX)
        in->bad = true;
    return verb;
}

/* Looks through a command before any of it is applied. */
static int check_command(const struct reader *command)
{
    struct reader in = *command;
    char key[FT_LEDGER_KEY_MAX];
    const uint8_t *data;
    size_t n;

    while (in.left > 0 && !in.bad)
        get_change(&in, key, &data, &n);
    if (!in.bad)
        return 0;
    errno = EBADMSG;
    return -1;
}

int ft_ledger_apply(struct ft_ledger *ledger, const void *command, size_t n, unsigned *refused)
{
    struct reader in = {command, n, false};
    uint8_t format = (uint8_t)get_number(&in, 1);
    char key[FT_LEDGER_KEY_MAX];

    if (refused != NULL)
        *refused = 0;
    if (in.bad || format == 0) {
        errno = EBADMSG;
        return -1;
    }
    if (format != COMMAND_FORMAT) {
        errno = EPROTO;
        return -1;
    }
    if (check_command(&in) != 0)
        return -1;
    while (in.left > 0) {
        const uint8_t *data;
        size_t data_n;

        switch (get_change(&in, key, &data, &data_n)) {
        case FT_LEDGER_PUT:
            if (ft_ledger_put(ledger, key, data, data_n) == 0)
                break;
            if (errno != ENOSPC)
                return -1;
            if (refused != NULL)
                (*refused)++;
            break;
        case FT_LEDGER_ERASE:
            ft_ledger_erase(ledger, key);
            break;
        case FT_LEDGER_ERASE_PREFIX:
            ft_ledger_erase_prefix(ledger, key);
            break;
        }
    }
    return 0;
}
