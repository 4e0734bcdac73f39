/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * channel.c - one connection's protocol, without the connection.
 *
 * Called by libft (which drives it with poll) and by net/link (libuv), one thread at a time. What
 * passes through, in both directions:
 *
 *     greeting   8 bytes: F7 'F' 'T', the side ('P' plain, 'C' keyed client, 'S' keyed server), and
 *                the protocol's number. Each side sends it at once and unasked, so that two
 *                versions, or two kinds, that meet can both say what is wrong.
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

static char side_of(enum ft_channel_kind kind)
{
    return kind == FT_CHANNEL_PLAIN ? 'P' : kind == FT_CHANNEL_KEYED_CLIENT ? 'C' : 'S';
}

static int queue_greeting(struct ft_channel *channel)
{
    uint8_t *room = ft_buffer_room(&channel->out, GREETING_BYTES, OUTPUT_MAX_BYTES);

    if (room == NULL)
        return -1;
    room[0] = 0xf7; /* begins no text and no TLS record: other protocols show at the first byte */
    room[1] = 'F';
    room[2] = 'T';
    room[3] = (uint8_t) side_of(channel->kind);
    put_u32(room + 4, FT_PROTOCOL);
    ft_buffer_add(&channel->out, GREETING_BYTES);
    return 0;
}

static bool is_kind(enum ft_channel_kind kind)
{
    return kind == FT_CHANNEL_PLAIN || kind == FT_CHANNEL_KEYED_CLIENT ||
           kind == FT_CHANNEL_KEYED_SERVER;
}

struct ft_channel *ft_channel_create(enum ft_channel_kind kind, const uint8_t key[FT_KEY_BYTES])
{
    struct ft_channel *channel;
    bool keyed = kind != FT_CHANNEL_PLAIN;

    if (!is_kind(kind) || keyed != (key != NULL)) {
        errno = EINVAL;
        return NULL;
    }
    channel = calloc(1, sizeof *channel);
    if (channel == NULL)
        return NULL;
    channel->kind = kind;
    if (queue_greeting(channel) != 0)
        goto error;
    if (keyed) {
        channel->auth = ft_auth_create(kind == FT_CHANNEL_KEYED_CLIENT, key, &channel->out,
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

static const char *side_text(char side)
{
    switch (side) {
    case 'P':
        return "that of a local socket";
    case 'C':
        return "that of a connecting side";
    default:
        return "that of an accepting side";
    }
}

static int take_greeting(struct ft_channel *channel)
{
    const uint8_t *greeting = ft_buffer_front(&channel->in);
    char expected = channel->kind == FT_CHANNEL_KEYED_CLIENT   ? 'S'
                    : channel->kind == FT_CHANNEL_KEYED_SERVER ? 'C'
                                                               : 'P';
    uint32_t protocol = get_u32(greeting + 4);
    char side = (char) greeting[3];

    if (protocol != FT_PROTOCOL)
        return die(channel, EPROTONOSUPPORT,
                   "the peer speaks protocol %u of FT and this program protocol %u: install the "
                   "same version of FT on both nodes", protocol, (unsigned) FT_PROTOCOL);
    if (side != 'P' && side != 'C' && side != 'S')
        return die(channel, EPROTO, "the peer's greeting is malformed");
    if (side != expected)
        return die(channel, EPROTO, "the peer's greeting is %s, expected is %s: look at the address"
                   " that was connected to", side_text(side), side_text(expected));
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

static int take_handshake(struct ft_channel *channel)
{
    size_t n = ft_auth_expects(channel->auth);

    if (ft_auth_take(channel->auth, ft_buffer_front(&channel->in), &channel->out,
                     OUTPUT_MAX_BYTES) != 0) {
        if (errno == EACCES)
            return die(channel, EACCES, "the peer could not prove that it holds the same key: it "
                       "belongs to another job or cluster, or its key file differs");
        return out_of_memory(channel);
    }
    ft_buffer_take(&channel->in, n);
    if (ft_auth_expects(channel->auth) > 0)
        return 0;
    channel->state = OPEN;
    return queue_waiting(channel) == 0 ? 0 : out_of_memory(channel);
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
    while (channel->state == HANDSHAKE &&
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

int ft_channel_feed(struct ft_channel *channel, const void *bytes, size_t n)
{
    size_t length;
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
    if (take_opening(channel) != 0)
        return -1;
    /* A frame that is too large is refused now, not when all of it has come. */
    return channel->state == OPEN && frame_length(channel, &length) < 0 ? -1 : 0;
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

bool ft_channel_is_partial(const struct ft_channel *channel)
{
    return ft_buffer_length(&channel->in) > 0;
}

const char *ft_channel_error(const struct ft_channel *channel)
{
    return channel->error;
}
