/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * letters.c - what voters write to each other: structures to bytes and back.
 *
 * Used by voter.c and voterio.c. A letter begins with its format and kind; numbers are
 * little-endian, texts and blocks have their length in front. The reader never believes a length:
 * each step looks how much is left, and what is left over at the end makes the letter bad.
 */
#include "centrald/letters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT 1u
#define ENTRIES_MAX 65536u
#define SERVERS_MAX 64u

/* ---------------------------------------------------------------- writing */

struct writer {
    uint8_t *bytes;
    size_t n, room;
    bool failed;
};

static uint8_t *claim(struct writer *out, size_t more)
{
    size_t room = out->room > 0 ? out->room : 128;
    uint8_t *bytes;

    if (out->failed || more > FT_LETTER_MAX_BYTES - out->n) {
        out->failed = true;
        return NULL;
    }
    while (room < out->n + more)
        room *= 2;
    if (room != out->room) {
        bytes = realloc(out->bytes, room);
        if (bytes == NULL) {
            out->failed = true;
            return NULL;
        }
        out->bytes = bytes;
        out->room = room;
    }
    out->n += more;
    return out->bytes + out->n - more;
}

static void put(struct writer *out, uint64_t number, unsigned bytes)
{
    uint8_t *at = claim(out, bytes);

    for (unsigned i = 0; at != NULL && i < bytes; i++)
        at[i] = (uint8_t)(number >> (8 * i));
}

static void put_block(struct writer *out, const void *bytes, size_t n)
{
    uint8_t *at;

    put(out, n, 4);
    at = claim(out, n);
    if (at != NULL && n > 0)
        memcpy(at, bytes, n);
}

static uint8_t *finish(struct writer *out, size_t *n)
{
    if (out->failed) {
        free(out->bytes);
        errno = ENOMEM;
        return NULL;
    }
    *n = out->n;
    return out->bytes;
}

uint8_t *ft_greeting_encode(enum ft_letter_kind kind, const struct ft_greeting *greeting, size_t *n)
{
    struct writer out = {0};

    put(&out, FORMAT, 1);
    put(&out, kind, 1);
    put_block(&out, greeting->name, strlen(greeting->name));
    put(&out, greeting->id, 8);
    put(&out, greeting->cluster, 8);
    put_block(&out, greeting->pledged, strlen(greeting->pledged));
    put(&out, greeting->pledge, 8);
    put(&out, greeting->term, 8);
    put(&out, greeting->last_index, 8);
    put(&out, (uint64_t)greeting->full | (uint64_t)greeting->leads << 1, 1);
    return finish(&out, n);
}

static void put_entries(struct writer *out, const struct raft_append_entries *append)
{
    put(out, append->n_entries, 4);
    for (unsigned i = 0; i < append->n_entries; i++) {
        const struct raft_entry *entry = &append->entries[i];

        put(out, entry->term, 8);
        put(out, entry->type, 1);
        put_block(out, entry->buf.base, entry->buf.len);
    }
}

static void put_configuration(struct writer *out, const struct raft_configuration *conf)
{
    put(out, conf->n, 4);
    for (unsigned i = 0; i < conf->n; i++) {
        put(out, conf->servers[i].id, 8);
        put(out, (uint64_t)conf->servers[i].role, 1);
        put_block(out, conf->servers[i].address, strlen(conf->servers[i].address));
    }
}

static void put_vote(struct writer *out, const struct raft_request_vote *vote)
{
    put(out, vote->version, 1);
    put(out, vote->term, 8);
    put(out, vote->candidate_id, 8);
    put(out, vote->last_log_index, 8);
    put(out, vote->last_log_term, 8);
    put(out, (uint64_t)vote->disrupt_leader | (uint64_t)vote->pre_vote << 1, 1);
}

static void put_body(struct writer *out, const struct raft_message *message)
{
    switch (message->type) {
    case RAFT_APPEND_ENTRIES:
        put(out, message->append_entries.version, 1);
        put(out, message->append_entries.term, 8);
        put(out, message->append_entries.prev_log_index, 8);
        put(out, message->append_entries.prev_log_term, 8);
        put(out, message->append_entries.leader_commit, 8);
        put_entries(out, &message->append_entries);
        break;
    case RAFT_APPEND_ENTRIES_RESULT:
        put(out, message->append_entries_result.version, 1);
        put(out, message->append_entries_result.term, 8);
        put(out, message->append_entries_result.rejected, 8);
        put(out, message->append_entries_result.last_log_index, 8);
        put(out, message->append_entries_result.features, 2);
        put(out, message->append_entries_result.capacity, 2);
        break;
    case RAFT_REQUEST_VOTE:
        put_vote(out, &message->request_vote);
        break;
    case RAFT_REQUEST_VOTE_RESULT:
        put(out, message->request_vote_result.version, 1);
        put(out, message->request_vote_result.term, 8);
        put(out, (uint64_t)message->request_vote_result.vote_granted |
                 (uint64_t)message->request_vote_result.pre_vote << 1, 1);
        put(out, message->request_vote_result.features, 2);
        put(out, message->request_vote_result.capacity, 2);
        break;
    case RAFT_INSTALL_SNAPSHOT:
        put(out, message->install_snapshot.version, 1);
        put(out, message->install_snapshot.term, 8);
        put(out, message->install_snapshot.last_index, 8);
        put(out, message->install_snapshot.last_term, 8);
        put(out, message->install_snapshot.conf_index, 8);
        put_configuration(out, &message->install_snapshot.conf);
        put_block(out, message->install_snapshot.data.base, message->install_snapshot.data.len);
        break;
    case RAFT_TIMEOUT_NOW:
        put(out, message->timeout_now.version, 1);
        put(out, message->timeout_now.term, 8);
        put(out, message->timeout_now.last_log_index, 8);
        put(out, message->timeout_now.last_log_term, 8);
        break;
    }
}

uint8_t *ft_letter_encode_raft(uint64_t from, uint64_t to, uint64_t cluster,
                               const struct raft_message *message, size_t *n)
{
    struct writer out = {0};

    if (message->type < RAFT_APPEND_ENTRIES || message->type > RAFT_TIMEOUT_NOW) {
        errno = EINVAL;
        return NULL;
    }
    put(&out, FORMAT, 1);
    put(&out, FT_LETTER_RAFT, 1);
    put(&out, from, 8);
    put(&out, to, 8);
    put(&out, cluster, 8);
    put(&out, message->type, 1);
    put_body(&out, message);
    return finish(&out, n);
}

/* ---------------------------------------------------------------- reading */

struct reader {
    const uint8_t *at;
    size_t left;
    bool bad, no_memory;
};

static uint64_t get(struct reader *in, unsigned bytes)
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

static const uint8_t *get_block(struct reader *in, size_t *n)
{
    const uint8_t *at;

    *n = get(in, 4);
    if (in->bad || *n > in->left) {
        in->bad = true;
        *n = 0;
        return NULL;
    }
    at = in->at;
    in->at += *n;
    in->left -= *n;
    return at;
}

static void get_name(struct reader *in, char name[FT_LETTER_NAME_MAX])
{
    size_t n;
    const uint8_t *bytes = get_block(in, &n);

    name[0] = '\0';
    if (in->bad)
        return;
    if (n >= FT_LETTER_NAME_MAX || memchr(bytes, 0, n) != NULL) {
        in->bad = true;
        return;
    }
    memcpy(name, bytes, n);
    name[n] = '\0';
}

static void *get_memory(struct reader *in, size_t n)
{
    void *memory = in->bad ? NULL : raft_malloc(n > 0 ? n : 1);

    if (memory == NULL && !in->bad)
        in->bad = in->no_memory = true;
    return memory;
}

static void get_greeting(struct reader *in, struct ft_greeting *greeting)
{
    unsigned flags;

    get_name(in, greeting->name);
    greeting->id = get(in, 8);
    greeting->cluster = get(in, 8);
    get_name(in, greeting->pledged);
    greeting->pledge = get(in, 8);
    greeting->term = get(in, 8);
    greeting->last_index = get(in, 8);
    flags = (unsigned)get(in, 1);
    greeting->full = (flags & 1) != 0;
    greeting->leads = (flags & 2) != 0;
    if (greeting->name[0] == '\0' || greeting->id == 0)
        in->bad = true;
}

/* Looks through n entries, how many bytes their data take with each aligned to 8. */
static size_t measure_entries(struct reader in, unsigned n)
{
    size_t total = 0;

    for (unsigned i = 0; i < n && !in.bad; i++) {
        size_t bytes;

        get(&in, 8);
        get(&in, 1);
        get_block(&in, &bytes);
        total += (bytes + 7) & ~(size_t)7;
    }
    return in.bad ? SIZE_MAX : total;
}

/* One block of memory for the data of all entries: that is how libraft frees it. */
static void get_entries(struct reader *in, struct raft_append_entries *append)
{
    unsigned n = (unsigned)get(in, 4);
    size_t bytes;
    uint8_t *batch;

    append->entries = NULL;
    append->n_entries = 0;
    if (n > ENTRIES_MAX)
        in->bad = true;
    if (in->bad || n == 0)
        return;
    bytes = measure_entries(*in, n);
    if (bytes == SIZE_MAX) {
        in->bad = true;
        return;
    }
    append->entries = get_memory(in, n * sizeof *append->entries);
    batch = get_memory(in, bytes);
    if (in->bad) {
        raft_free(append->entries);
        raft_free(batch);
        append->entries = NULL;
        return;
    }
    append->n_entries = n;
    bytes = 0;
    for (unsigned i = 0; i < n; i++) {
        struct raft_entry *entry = &append->entries[i];
        const uint8_t *data;

        entry->batch = batch;
        entry->term = get(in, 8);
        entry->type = (enum raft_entry_type)get(in, 1);
        data = get_block(in, &entry->buf.len);
        entry->buf.base = batch + bytes;
        if (entry->buf.len > 0)
            memcpy(entry->buf.base, data, entry->buf.len);
        bytes += (entry->buf.len + 7) & ~(size_t)7;
        if (entry->term == 0 || entry->type < RAFT_COMMAND || entry->type > RAFT_CHANGE)
            in->bad = true;
    }
}

static void get_configuration(struct reader *in, struct raft_configuration *conf)
{
    unsigned n = (unsigned)get(in, 4);
    char name[FT_LETTER_NAME_MAX];

    raft_configuration_init(conf);
    if (n > SERVERS_MAX)
        in->bad = true;
    for (unsigned i = 0; i < n && !in->bad; i++) {
        raft_id id = get(in, 8);
        int role = (int)get(in, 1);

        get_name(in, name);
        if (in->bad || raft_configuration_add(conf, id, name, role) != 0)
            in->bad = true;
    }
}

static void get_snapshot(struct reader *in, struct raft_install_snapshot *snapshot)
{
    const uint8_t *data;
    size_t n;

    snapshot->version = (unsigned char)get(in, 1);
    snapshot->term = get(in, 8);
    snapshot->last_index = get(in, 8);
    snapshot->last_term = get(in, 8);
    snapshot->conf_index = get(in, 8);
    get_configuration(in, &snapshot->conf);
    data = get_block(in, &n);
    if (snapshot->last_index == 0 || snapshot->last_term == 0 || n == 0)
        in->bad = true;
    snapshot->data.base = get_memory(in, n);
    snapshot->data.len = n;
    if (snapshot->data.base != NULL)
        memcpy(snapshot->data.base, data, n);
}

static void get_body(struct reader *in, struct raft_message *message)
{
    unsigned flags;

    switch (message->type) {
    case RAFT_APPEND_ENTRIES:
        message->append_entries.version = (unsigned char)get(in, 1);
        message->append_entries.term = get(in, 8);
        message->append_entries.prev_log_index = get(in, 8);
        message->append_entries.prev_log_term = get(in, 8);
        message->append_entries.leader_commit = get(in, 8);
        get_entries(in, &message->append_entries);
        break;
    case RAFT_APPEND_ENTRIES_RESULT:
        message->append_entries_result.version = (unsigned char)get(in, 1);
        message->append_entries_result.term = get(in, 8);
        message->append_entries_result.rejected = get(in, 8);
        message->append_entries_result.last_log_index = get(in, 8);
        message->append_entries_result.features = (unsigned short)get(in, 2);
        message->append_entries_result.capacity = (unsigned short)get(in, 2);
        break;
    case RAFT_REQUEST_VOTE:
        message->request_vote.version = (unsigned char)get(in, 1);
        message->request_vote.term = get(in, 8);
        message->request_vote.candidate_id = get(in, 8);
        message->request_vote.last_log_index = get(in, 8);
        message->request_vote.last_log_term = get(in, 8);
        flags = (unsigned)get(in, 1);
        message->request_vote.disrupt_leader = (flags & 1) != 0;
        message->request_vote.pre_vote = (flags & 2) != 0;
        break;
    case RAFT_REQUEST_VOTE_RESULT:
        message->request_vote_result.version = (unsigned char)get(in, 1);
        message->request_vote_result.term = get(in, 8);
        flags = (unsigned)get(in, 1);
        message->request_vote_result.vote_granted = (flags & 1) != 0;
        message->request_vote_result.pre_vote = (flags & 2) != 0;
        message->request_vote_result.features = (unsigned short)get(in, 2);
        message->request_vote_result.capacity = (unsigned short)get(in, 2);
        break;
    case RAFT_INSTALL_SNAPSHOT:
        get_snapshot(in, &message->install_snapshot);
        break;
    case RAFT_TIMEOUT_NOW:
        message->timeout_now.version = (unsigned char)get(in, 1);
        message->timeout_now.term = get(in, 8);
        message->timeout_now.last_log_index = get(in, 8);
        message->timeout_now.last_log_term = get(in, 8);
        break;
    default:
        in->bad = true;
    }
}

void ft_letter_drop(struct ft_letter *letter)
{
    struct raft_message *message = &letter->message;

    if (letter->kind != FT_LETTER_RAFT)
        return;
    if (message->type == RAFT_APPEND_ENTRIES && message->append_entries.entries != NULL) {
        raft_free(message->append_entries.entries[0].batch);
        raft_free(message->append_entries.entries);
        message->append_entries.entries = NULL;
    } else if (message->type == RAFT_INSTALL_SNAPSHOT) {
        raft_configuration_close(&message->install_snapshot.conf);
        raft_configuration_init(&message->install_snapshot.conf);
        raft_free(message->install_snapshot.data.base);
        message->install_snapshot.data.base = NULL;
    }
}

int ft_letter_decode(struct ft_letter *letter, const uint8_t *bytes, size_t n)
{
    struct reader in = {bytes, n, false, false};
    unsigned format = (unsigned)get(&in, 1);

    memset(letter, 0, sizeof *letter);
    letter->kind = (enum ft_letter_kind)get(&in, 1);
    if (format != FORMAT)
        in.bad = true;
    if (letter->kind == FT_LETTER_GREETING || letter->kind == FT_LETTER_ASK) {
        get_greeting(&in, &letter->greeting);
    } else if (letter->kind == FT_LETTER_RAFT) {
        letter->from = get(&in, 8);
        letter->to = get(&in, 8);
        letter->cluster = get(&in, 8);
        letter->message.type = (enum raft_message_type)get(&in, 1);
        get_body(&in, &letter->message);
    } else {
        in.bad = true;
    }
    if (!in.bad && in.left == 0)
        return 0;
    ft_letter_drop(letter);
    errno = in.no_memory ? ENOMEM : EBADMSG;
    return -1;
}
