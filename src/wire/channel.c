/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * channel.c - one connection's protocol, without the connection.
 *
 * Called by libft (which drives it with poll) and by net/link (libuv), one thread at a time. What
 * passes through, in both directions:
 *
 *     greeting   8 bytes: F7 'F' 'T', the side ('P' plain, 'C' keyed client, 'S' keyed server, with
 *                MUNGE 'M' and 'N'), and the oldest and newest protocol that is spoken. Each side
 *                sends it at once and unasked, so that two versions, or two kinds, that meet can
 *                both say what is wrong. The newest that both speak is used.
 *     handshake  keyed channels only: auth.c
 *     frames     4 bytes length, then that many bytes: one packed Message, sealed if keyed
 *
 * States: GREETING -> (keyed: HANDSHAKE ->) OPEN; DEAD from any of them. Input is worked off as far
 * as the handshake goes in feed, frame by frame in next. A length is looked at before anything is
 * allocated or waited for, and a frame of a keyed channel is opened before it is parsed. Unpacking
 * gets a budget of memory, since a few bytes of packed input can stand for many in memory.
 */
#include "config.h"

#include "wire/channel.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/auth.h"
#include "wire/buffer.h"
#include "wire/clean.h"

#define GREETING_BYTES 8
#define LENGTH_BYTES 4
#define UNPACKED_MAX_BYTES (24u << 20)
/* All input that can wait: a frame that is not whole yet and what one feed may bring. An owner that
 * takes its messages after each feed never gets there. */
#define INPUT_MAX_BYTES (3u * FT_FRAME_MAX_BYTES)
/* The queue's bound is for messages; greeting and handshake come on top. */
#define OUTPUT_MAX_BYTES (FT_CHANNEL_QUEUE_BYTES + 1024)

static_assert(FT_KEY_BYTES == FT_AUTH_KEY_BYTES, "key");

enum state { GREETING, HANDSHAKE, OPEN, DEAD };

struct ft_channel {
    enum ft_channel_kind kind;
    enum state state;
    char side;
    unsigned protocol; /* 0: not agreed on yet */
    struct ft_auth *auth; /* NULL: plain */
    struct ft_buffer in;
    struct ft_buffer out;
    struct ft_buffer waiting; /* frames, not sealed yet, until the handshake is through */
    struct ft_buffer scratch; /* one message, packed */
    int error_code;
    char error[256];
};

/* ------------------------------------------------------------ small helpers */

static void put_u32(uint8_t to[4], uint32_t value)
{
    to[0] = (uint8_t) (value >> 24);
    to[1] = (uint8_t) (value >> 16);
    to[2] = (uint8_t) (value >> 8);
    to[3] = (uint8_t) value;
}

static uint32_t get_u32(const uint8_t from[4])
{
    return (uint32_t) from[0] << 24 | (uint32_t) from[1] << 16 | (uint32_t) from[2] << 8 | from[3];
}

static int die(struct ft_channel *channel, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What is queued for the peer stays: the greeting in it tells the peer why. */
static int die(struct ft_channel *channel, int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(channel->error, sizeof channel->error, format, arguments);
    va_end(arguments);
    channel->state = DEAD;
    channel->error_code = code;
    ft_buffer_clear(&channel->in);
    ft_buffer_clear(&channel->waiting);
    ft_buffer_clear(&channel->scratch);
    errno = code;
    return -1;
}

static int out_of_memory(struct ft_channel *channel)
{
    return die(channel, ENOMEM, "out of memory");
}

static int still_dead(const struct ft_channel *channel)
{
    errno = channel->error_code;
    return -1;
}

/* ------------------------------------------------------------ creation */

/* The letters of the sides, with their opposites. */
static const struct {
    char side, opposite;
    const char *text;
} sides[] = {
    {'P', 'P', "that of a local socket"},
    {'C', 'S', "that of a connecting side with a key"},
    {'S', 'C', "that of an accepting side with a key"},
    {'M', 'N', "that of a connecting side with MUNGE"},
    {'N', 'M', "that of an accepting side with MUNGE"},
};

static char side_of(enum ft_channel_kind kind, const struct ft_identity *identity)
{
    bool munge = identity != NULL && identity->mode == FT_IDENTITY_MUNGE;

    if (kind == FT_CHANNEL_PLAIN)
        return 'P';
    if (kind == FT_CHANNEL_KEYED_CLIENT)
        return munge ? 'M' : 'C';
    return munge ? 'N' : 'S';
}

/* 0xf7 begins no text and no TLS record: other protocols show at the first byte. */
static void make_greeting(const struct ft_channel *channel, uint8_t greeting[GREETING_BYTES])
{
    const uint8_t bytes[GREETING_BYTES] = {
        0xf7, 'F', 'T', (uint8_t) channel->side,
        FT_PROTOCOL_OLDEST >> 8, FT_PROTOCOL_OLDEST & 0xff, FT_PROTOCOL >> 8, FT_PROTOCOL & 0xff,
    };

    memcpy(greeting, bytes, sizeof bytes);
}

static int queue_greeting(struct ft_channel *channel)
{
    uint8_t *room = ft_buffer_room(&channel->out, GREETING_BYTES, OUTPUT_MAX_BYTES);

    if (room == NULL)
        return -1;
    make_greeting(channel, room);
    ft_buffer_add(&channel->out, GREETING_BYTES);
    return 0;
}

static bool is_kind(enum ft_channel_kind kind)
{
    return kind == FT_CHANNEL_PLAIN || kind == FT_CHANNEL_KEYED_CLIENT ||
           kind == FT_CHANNEL_KEYED_SERVER;
}

struct ft_channel *ft_channel_create_as(enum ft_channel_kind kind,
                                        const struct ft_identity *identity)
{
    struct ft_channel *channel;
    bool keyed = kind != FT_CHANNEL_PLAIN;

    if (!is_kind(kind) || keyed != (identity != NULL)) {
        errno = EINVAL;
        return NULL;
    }
    channel = calloc(1, sizeof *channel);
    if (channel == NULL)
        return NULL;
    channel->kind = kind;
    channel->side = side_of(kind, identity);
    if (queue_greeting(channel) != 0)
        goto error;
    if (keyed) {
        channel->auth = ft_auth_create(kind == FT_CHANNEL_KEYED_CLIENT, identity, &channel->out,
                                       OUTPUT_MAX_BYTES);
        if (channel->auth == NULL)
            goto error;
    }
    return channel;

error:
    ft_channel_destroy(channel);
    errno = ENOMEM;
    return NULL;
}

struct ft_channel *ft_channel_create(enum ft_channel_kind kind, const uint8_t key[FT_KEY_BYTES])
{
    struct ft_identity identity;
    struct ft_channel *channel;
    int error;

    if (key == NULL)
        return ft_channel_create_as(kind, NULL);
    ft_identity_set_key(&identity, key);
    channel = ft_channel_create_as(kind, &identity);
    error = errno;
    ft_identity_wipe(&identity);
    errno = error;
    return channel;
}

void ft_channel_destroy(struct ft_channel *channel)
{
    if (channel == NULL)
        return;
    ft_auth_destroy(channel->auth);
    ft_buffer_clear(&channel->in);
    ft_buffer_clear(&channel->out);
    ft_buffer_clear(&channel->waiting);
    ft_buffer_clear(&channel->scratch);
    free(channel);
}

/* ------------------------------------------------------------ output */

/* Bytes that a frame has beyond its message. */
static size_t overhead(const struct ft_channel *channel)
{
    return LENGTH_BYTES + (channel->auth != NULL ? FT_AUTH_SEAL_BYTES : 0);
}

/* Puts one packed message into the output as a frame. The room was promised to be there. */
static int queue_frame(struct ft_channel *channel, const uint8_t *packed, size_t n)
{
    size_t frame_n = overhead(channel) + n;
    uint8_t *frame = ft_buffer_room(&channel->out, frame_n, OUTPUT_MAX_BYTES);

    if (frame == NULL)
        return -1;
    put_u32(frame, (uint32_t) (frame_n - LENGTH_BYTES));
    if (channel->auth != NULL)
        ft_auth_seal(channel->auth, frame + LENGTH_BYTES, packed, n, frame, LENGTH_BYTES);
    else
        memcpy(frame + LENGTH_BYTES, packed, n);
    ft_buffer_add(&channel->out, frame_n);
    return 0;
}

/* Seals what was sent before the handshake was through. */
static int queue_waiting(struct ft_channel *channel)
{
    while (ft_buffer_length(&channel->waiting) > 0) {
        const uint8_t *front = ft_buffer_front(&channel->waiting);
        uint32_t n = get_u32(front);

        if (queue_frame(channel, front + LENGTH_BYTES, n) != 0)
            return -1;
        ft_buffer_take(&channel->waiting, LENGTH_BYTES + FT_AUTH_SEAL_BYTES + n);
    }
    return 0;
}

/* Keeps a message until the handshake is through. It occupies as much as its frame will. */
static int queue_for_later(struct ft_channel *channel, const Ft__Message *message, size_t n)
{
    size_t room_n = overhead(channel) + n;
    uint8_t *room = ft_buffer_room(&channel->waiting, room_n, FT_CHANNEL_QUEUE_BYTES);

    if (room == NULL)
        return -1;
    put_u32(room, (uint32_t) n);
    ft__message__pack(message, room + LENGTH_BYTES);
    ft_buffer_add(&channel->waiting, room_n);
    return 0;
}

static int queue_now(struct ft_channel *channel, const Ft__Message *message, size_t n)
{
    uint8_t *packed;
    int result;

    /* Plain messages are packed where they are sent from, others by way of the scratch buffer. */
    if (channel->auth == NULL) {
        uint8_t *frame = ft_buffer_room(&channel->out, LENGTH_BYTES + n, OUTPUT_MAX_BYTES);

        if (frame == NULL)
            return -1;
        put_u32(frame, (uint32_t) n);
        ft__message__pack(message, frame + LENGTH_BYTES);
        ft_buffer_add(&channel->out, LENGTH_BYTES + n);
        return 0;
    }
    packed = ft_buffer_room(&channel->scratch, n, FT_FRAME_MAX_BYTES);
    if (packed == NULL)
        return -1;
    ft__message__pack(message, packed);
    ft_buffer_add(&channel->scratch, n);
    result = queue_frame(channel, packed, n);
    ft_buffer_take(&channel->scratch, n);
    return result;
}

int ft_channel_send(struct ft_channel *channel, const Ft__Message *message)
{
    size_t n;

    if (channel->state == DEAD)
        return still_dead(channel);
    if (message->body_case == FT__MESSAGE__BODY__NOT_SET) {
        errno = EINVAL;
        return -1;
    }
    n = ft__message__get_packed_size(message);
    if (n > FT_FRAME_MAX_BYTES) {
        errno = EMSGSIZE;
        return -1;
    }
    if (ft_buffer_length(&channel->out) + overhead(channel) + n > FT_CHANNEL_QUEUE_BYTES) {
        errno = ENOBUFS;
        return -1;
    }
    if (channel->auth != NULL && channel->state != OPEN)
        return queue_for_later(channel, message, n);
    return queue_now(channel, message, n);
}

const void *ft_channel_output(struct ft_channel *channel, size_t *n)
{
    *n = ft_buffer_length(&channel->out);
    return *n > 0 ? ft_buffer_front(&channel->out) : NULL;
}

void ft_channel_written(struct ft_channel *channel, size_t n)
{
    size_t length = ft_buffer_length(&channel->out);

    ft_buffer_take(&channel->out, n < length ? n : length);
}

/* ------------------------------------------------------------ input: greeting and handshake */

static uint32_t get_u16(const uint8_t from[2])
{
    return (uint32_t) from[0] << 8 | from[1];
}

/* "2", or "2 to 4". */
static const char *protocols_text(char text[32], uint32_t oldest, uint32_t newest)
{
    if (oldest == newest)
        snprintf(text, 32, "%u", newest);
    else
        snprintf(text, 32, "%u to %u", oldest, newest);
    return text;
}

static int check_protocols(struct ft_channel *channel, uint32_t oldest, uint32_t newest)
{
    uint32_t common = newest < FT_PROTOCOL ? newest : FT_PROTOCOL;
    char theirs[32], ours[32];

    if (oldest == 0 || oldest > newest)
        return die(channel, EPROTO, "the peer's greeting is malformed");
    if (common < oldest || common < FT_PROTOCOL_OLDEST)
        return die(channel, EPROTONOSUPPORT,
                   "the peer speaks protocol %s of FT and this program protocol %s: install the "
                   "same version of FT on both nodes", protocols_text(theirs, oldest, newest),
                   protocols_text(ours, FT_PROTOCOL_OLDEST, FT_PROTOCOL));
    channel->protocol = common;
    return 0;
}

static size_t find_side(char side)
{
    size_t i = 0;

    while (i < sizeof sides / sizeof sides[0] && sides[i].side != side)
        i++;
    return i;
}

static int check_side(struct ft_channel *channel, char side)
{
    size_t own = find_side(channel->side), theirs = find_side(side), expected;

    if (theirs == sizeof sides / sizeof sides[0])
        return die(channel, EPROTO, "the peer's greeting is malformed");
    expected = find_side(sides[own].opposite);
    if (theirs == expected)
        return 0;
    if (side == 'C' || side == 'S' || side == 'M' || side == 'N')
        return die(channel, EPROTO, "the peer's greeting is %s, expected is %s: look at the address"
                   " that was connected to%s", sides[theirs].text, sides[expected].text,
                   channel->side == 'P' ? "" : ", and whether auth is set alike on both nodes");
    return die(channel, EPROTO, "the peer's greeting is %s, expected is %s: look at the address"
               " that was connected to", sides[theirs].text, sides[expected].text);
}

static int take_greeting(struct ft_channel *channel)
{
    const uint8_t *theirs = ft_buffer_front(&channel->in);
    uint8_t own[GREETING_BYTES];
    bool is_client = channel->kind == FT_CHANNEL_KEYED_CLIENT;

    if (check_protocols(channel, get_u16(theirs + 4), get_u16(theirs + 6)) != 0 ||
        check_side(channel, (char) theirs[3]) != 0)
        return -1;
    make_greeting(channel, own);
    if (channel->auth != NULL)
        ft_auth_greeted(channel->auth, is_client ? own : theirs, is_client ? theirs : own,
                        GREETING_BYTES);
    ft_buffer_take(&channel->in, GREETING_BYTES);
    channel->state = channel->auth != NULL ? HANDSHAKE : OPEN;
    return 0;
}

/* Tells at the first wrong byte, without waiting for eight. */
static int check_magic(struct ft_channel *channel)
{
    static const uint8_t magic[] = {0xf7, 'F', 'T'};
    size_t n = ft_buffer_length(&channel->in);

    if (n > sizeof magic)
        n = sizeof magic;
    if (n > 0 && memcmp(ft_buffer_front(&channel->in), magic, n) != 0)
        return die(channel, EPROTO, "the peer does not speak FT's protocol: look at the address "
                   "that was connected to");
    return 0;
}

/* The handshake went a step on, or ended, or failed. */
static int after_step(struct ft_channel *channel, int result, const char *munge_why)
{
    if (result == 0 && (ft_auth_expects(channel->auth) > 0 || ft_auth_waits(channel->auth)))
        return 0;
    if (result == 0) {
        channel->state = OPEN;
        return queue_waiting(channel) == 0 ? 0 : out_of_memory(channel);
    }
    if (errno == EIO)
        return die(channel, EIO, "MUNGE does not work on this node: %s", munge_why);
    if (errno == EACCES && munge_why[0] != '\0')
        return die(channel, EACCES, "the peer could not prove itself by MUNGE: %s", munge_why);
    if (errno == EACCES && (channel->side == 'M' || channel->side == 'N'))
        return die(channel, EACCES, "the peer could not prove itself: it sent no credential of "
                   "MUNGE");
    if (errno == EACCES)
        return die(channel, EACCES, "the peer could not prove that it holds the same key: it "
                   "belongs to another job or cluster, or its key file differs");
    return out_of_memory(channel);
}

static int take_handshake(struct ft_channel *channel)
{
    size_t n = ft_auth_expects(channel->auth);
    int result = ft_auth_take(channel->auth, ft_buffer_front(&channel->in), &channel->out,
                              OUTPUT_MAX_BYTES);

    if (result == 0)
        ft_buffer_take(&channel->in, n);
    return after_step(channel, result, "");
}

/* Works off what came before the first frame. */
static int take_opening(struct ft_channel *channel)
{
    if (channel->state == GREETING) {
        if (check_magic(channel) != 0)
            return -1;
        if (ft_buffer_length(&channel->in) < GREETING_BYTES)
            return 0;
        if (take_greeting(channel) != 0)
            return -1;
    }
    while (channel->state == HANDSHAKE && !ft_auth_waits(channel->auth) &&
           ft_buffer_length(&channel->in) >= ft_auth_expects(channel->auth)) {
        if (take_handshake(channel) != 0)
            return -1;
    }
    return 0;
}

/* ------------------------------------------------------------ input: frames */

/* The length of the frame at the front without its length field: 1 and *n, 0 if that is not there
 * yet, -1 if it is out of bounds. */
static int frame_length(struct ft_channel *channel, size_t *n)
{
    size_t seal_n = overhead(channel) - LENGTH_BYTES;

    if (ft_buffer_length(&channel->in) < LENGTH_BYTES)
        return 0;
    *n = get_u32(ft_buffer_front(&channel->in));
    if (*n > FT_FRAME_MAX_BYTES + seal_n)
        return die(channel, EMSGSIZE, "the peer announces a message of %zu bytes, %u are the most",
                   *n - seal_n, FT_FRAME_MAX_BYTES);
    if (*n <= seal_n)
        return die(channel, EPROTO, "the peer sent an empty message");
    return 1;
}

/* Takes the next step with what is there. */
static int go_on(struct ft_channel *channel)
{
    size_t length;

    if (take_opening(channel) != 0)
        return -1;
    /* A frame that is too large is refused now, not when all of it has come. */
    return channel->state == OPEN && frame_length(channel, &length) < 0 ? -1 : 0;
}

struct ft_proving *ft_channel_proving(struct ft_channel *channel)
{
    return channel->state == HANDSHAKE ? ft_auth_proving(channel->auth) : NULL;
}

int ft_channel_proven(struct ft_channel *channel, const struct ft_proving *proving)
{
    if (channel->state == DEAD)
        return still_dead(channel);
    if (after_step(channel, ft_auth_proven(channel->auth, proving, &channel->out, OUTPUT_MAX_BYTES),
                   ft_proving_why(proving)) != 0)
        return -1;
    return go_on(channel);
}

int ft_channel_feed(struct ft_channel *channel, const void *bytes, size_t n)
{
    uint8_t *room;

    if (channel->state == DEAD)
        return still_dead(channel);
    if (n == 0)
        return 0;
    room = ft_buffer_room(&channel->in, n, INPUT_MAX_BYTES);
    if (room == NULL)
        return errno == ENOMEM ? out_of_memory(channel)
                               : die(channel, ENOBUFS, "messages came faster than they were taken");
    memcpy(room, bytes, n);
    ft_buffer_add(&channel->in, n);
    return go_on(channel);
}

/* Memory for one message: malloc, up to a limit. protobuf_c's own free is free(), so that the owner
 * frees the message without knowing of this. */
struct budget {
    size_t left;
    bool exceeded, failed;
};

static void *budget_alloc(void *data, size_t size)
{
    struct budget *budget = data;
    void *memory;

    if (size > budget->left) {
        budget->exceeded = true;
        return NULL;
    }
    memory = malloc(size);
    if (memory == NULL)
        budget->failed = true;
    else
        budget->left -= size;
    return memory;
}

static void budget_free(void *data, void *memory)
{
    (void) data;
    free(memory);
}

static int unpack(struct ft_channel *channel, const uint8_t *packed, size_t n,
                  Ft__Message **message)
{
    struct budget budget = {UNPACKED_MAX_BYTES, false, false};
    ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};

    *message = ft__message__unpack(&allocator, n, packed);
    if (*message != NULL) {
        ft_clean_message(*message);
        return 1;
    }
    if (budget.failed)
        return out_of_memory(channel);
    if (budget.exceeded)
        return die(channel, EMSGSIZE, "a message of the peer unpacks to more than %u bytes",
                   UNPACKED_MAX_BYTES);
    return die(channel, EPROTO, "a message of the peer, %zu bytes, is malformed", n);
}

/* Opens a sealed frame and unpacks it. */
static int open_frame(struct ft_channel *channel, const uint8_t *frame, size_t n,
                      Ft__Message **message)
{
    size_t plain_n = n - FT_AUTH_SEAL_BYTES;
    uint8_t *plain = ft_buffer_room(&channel->scratch, plain_n, FT_FRAME_MAX_BYTES);
    int result;

    if (plain == NULL)
        return out_of_memory(channel);
    if (ft_auth_open(channel->auth, plain, frame + LENGTH_BYTES, n, frame, LENGTH_BYTES) != 0)
        return die(channel, EACCES, "a message was changed, dropped or repeated on its way: "
                   "somebody interferes with the connection, or the network is faulty");
    ft_buffer_add(&channel->scratch, plain_n);
    result = unpack(channel, plain, plain_n, message);
    ft_buffer_take(&channel->scratch, ft_buffer_length(&channel->scratch));
    return result;
}

int ft_channel_next(struct ft_channel *channel, Ft__Message **message)
{
    const uint8_t *frame;
    size_t n = 0;
    int result;

    *message = NULL;
    if (channel->state == DEAD)
        return still_dead(channel);
    if (channel->state != OPEN)
        return 0;
    result = frame_length(channel, &n);
    if (result <= 0)
        return result;
    if (ft_buffer_length(&channel->in) < LENGTH_BYTES + n)
        return 0;
    frame = ft_buffer_front(&channel->in);
    result = channel->auth != NULL ? open_frame(channel, frame, n, message)
                                   : unpack(channel, frame + LENGTH_BYTES, n, message);
    if (result > 0)
        ft_buffer_take(&channel->in, LENGTH_BYTES + n);
    return result;
}

/* ------------------------------------------------------------ questions */

bool ft_channel_is_open(const struct ft_channel *channel)
{
    return channel->state == OPEN || (channel->auth == NULL && channel->state != DEAD);
}

bool ft_channel_is_proven(const struct ft_channel *channel)
{
    return channel->state == OPEN;
}

unsigned ft_channel_protocol(const struct ft_channel *channel)
{
    return channel->protocol;
}

bool ft_channel_is_partial(const struct ft_channel *channel)
{
    return ft_buffer_length(&channel->in) > 0;
}

const char *ft_channel_error(const struct ft_channel *channel)
{
    return channel->error;
}
