/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * datagram.c - datagrams to bytes and back, and who was heard already.
 *
 * Called by the two daemons: their heartbeats (heart, watch) and their search for each other
 * (discovery). All numbers are big-endian:
 *
 *      0  F7 'F' 'D', format (1)       32  boot            66  length of sender (1)
 *      4  type (1), flags (1)          40  sequence        67  length of receiver (1)
 *      6  length of the body (2)       48  sent_ns         68  length of subject (1)
 *      8  id of the key (4)            56  echo_ns         69  acks, how many (1)
 *     12  value (4)                    64  port (2)        70  length of text (2)
 *     16  term, 24  incarnation                            72  sender, receiver, subject, text,
 *     acks end of the body: MAC (16), or a credential
 *
 * An ack has 34 bytes: incarnation (8), echo_ns (8), address (16), port (2).
 *
 * A heartbeat has some 95 bytes. The MAC is SipHash-2-4 with 16 bytes of output, of the whole body:
 * made for input as short as this, and ten times as fast on it as a keyed BLAKE2b (44 and 450 ns),
 * which counts where 20,000 heartbeats a second come in and as many acknowledgements go out. Its
 * key is derived from the 32 bytes by BLAKE2b with a label of its own, so that no other use of
 * those has anything to do with it. On the way in the frame - magic, format, and that the lengths
 * fit what came - is looked at first, then the key's id, then the MAC; names and texts only after
 * that. A datagram whose MAC is right and whose inside is nonsense comes from another version, and
 * is told as such.
 */
#include "config.h"

#include "wire/datagram.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#define FORMAT 1
#define HEADER_BYTES 72
#define ACK_BYTES 34
#define WINDOW 64

static_assert(FT_DATAGRAM_KEY_BYTES == crypto_generichash_KEYBYTES, "key");
static_assert(FT_DATAGRAM_MAC_BYTES == crypto_shorthash_siphashx24_BYTES, "mac");
static_assert(sizeof ((struct ft_datagram_key *) NULL)->mac == crypto_shorthash_siphashx24_KEYBYTES,
              "key of the mac");

/* BLAKE2b's personalisation, 16 bytes each. */
static const uint8_t for_mac[crypto_generichash_blake2b_PERSONALBYTES + 1] = "ft datagram 1   ";
static const uint8_t for_id[crypto_generichash_blake2b_PERSONALBYTES + 1] = "ft key id 1     ";
static const uint8_t for_digest[crypto_generichash_blake2b_PERSONALBYTES + 1] = "ft credential 1 ";

/* Not all of its 1.4 KB: this is done for each heartbeat. */
void ft_datagram_clear(struct ft_datagram *datagram)
{
    memset(datagram, 0, offsetof(struct ft_datagram, sender));
    datagram->sender[0] = datagram->receiver[0] = datagram->subject[0] = datagram->text[0] = '\0';
}

void ft_datagram_passed_on(const struct ft_datagram *pass_on, size_t i, struct ft_datagram *ack)
{
    ft_datagram_clear(ack);
    ack->type = FT_DATAGRAM_BEAT_ACK;
    ack->boot = pass_on->boot;
    ack->sequence = pass_on->sequence;
    ack->term = pass_on->term;
    ack->incarnation = pass_on->acks[i].incarnation;
    ack->echo_ns = pass_on->acks[i].echo_ns;
}

static int fail(int error)
{
    errno = error;
    return -1;
}

/* ------------------------------------------------------------ numbers */

static void put(uint8_t *to, uint64_t value, size_t n)
{
    while (n-- > 0) {
        to[n] = (uint8_t) value;
        value >>= 8;
    }
}

static uint64_t get(const uint8_t *from, size_t n)
{
    uint64_t value = 0;

    for (size_t i = 0; i < n; i++)
        value = value << 8 | from[i];
    return value;
}

/* ------------------------------------------------------------ keys and hashes */

/* Only a wrong size of output or key makes it fail; those are constants here. */
static void hash(uint8_t *out, size_t out_n, const uint8_t *bytes, size_t n, const uint8_t *key,
                 const uint8_t personal[])
{
    (void) crypto_generichash_blake2b_salt_personal(out, out_n, bytes, n, key,
                                                    key != NULL ? FT_DATAGRAM_KEY_BYTES : 0, NULL,
                                                    personal);
}

void ft_datagram_key_set(struct ft_datagram_key *key, const uint8_t bytes[FT_DATAGRAM_KEY_BYTES])
{
    uint8_t id[crypto_generichash_BYTES_MIN];

    hash(key->mac, sizeof key->mac, NULL, 0, bytes, for_mac);
    hash(id, sizeof id, NULL, 0, bytes, for_id);
    key->id = (uint32_t) get(id, 4);
}

void ft_datagram_key_wipe(struct ft_datagram_key *key)
{
    sodium_memzero(key, sizeof *key);
}

static void make_mac(const struct ft_datagram_key *key, const uint8_t *body, size_t body_n,
                     uint8_t mac[FT_DATAGRAM_MAC_BYTES])
{
    (void) crypto_shorthash_siphashx24(mac, body, body_n, key->mac); /* cannot fail */
}

void ft_datagram_digest(const uint8_t *body, size_t body_n,
                        uint8_t digest[FT_DATAGRAM_DIGEST_BYTES])
{
    hash(digest, FT_DATAGRAM_DIGEST_BYTES, body, body_n, NULL, for_digest);
}

/* ------------------------------------------------------------ to bytes */

static uint8_t *put_text(uint8_t *to, const char *text, size_t n)
{
    memcpy(to, text, n);
    return to + n;
}

static uint8_t *put_acks(uint8_t *at, const struct ft_datagram *datagram)
{
    for (size_t i = 0; i < datagram->acks_n; i++, at += ACK_BYTES) {
        const struct ft_datagram_ack *ack = &datagram->acks[i];

        put(at, ack->incarnation, 8);
        put(at + 8, ack->echo_ns, 8);
        memcpy(at + 16, ack->address, sizeof ack->address);
        put(at + 32, ack->port, 2);
    }
    return at;
}

/* Lengths of the texts; a text without an end counts as too long. */
struct lengths {
    size_t sender, receiver, subject, text;
};

static bool measure(const struct ft_datagram *datagram, struct lengths *n)
{
    n->sender = strnlen(datagram->sender, sizeof datagram->sender);
    n->receiver = strnlen(datagram->receiver, sizeof datagram->receiver);
    n->subject = strnlen(datagram->subject, sizeof datagram->subject);
    n->text = strnlen(datagram->text, sizeof datagram->text);
    return n->sender < sizeof datagram->sender && n->receiver < sizeof datagram->receiver &&
           n->subject < sizeof datagram->subject && n->text < sizeof datagram->text;
}

static void put_header(uint8_t *at, const struct ft_datagram *datagram, const struct lengths *n,
                       uint32_t key_id, size_t body_n)
{
    at[0] = 0xf7;
    at[1] = 'F';
    at[2] = 'D';
    at[3] = FORMAT;
    at[4] = datagram->type;
    at[5] = datagram->flags;
    put(at + 6, body_n, 2);
    put(at + 8, key_id, 4);
    put(at + 12, datagram->value, 4);
    put(at + 16, datagram->term, 8);
    put(at + 24, datagram->incarnation, 8);
    put(at + 32, datagram->boot, 8);
    put(at + 40, datagram->sequence, 8);
    put(at + 48, datagram->sent_ns, 8);
    put(at + 56, datagram->echo_ns, 8);
    put(at + 64, datagram->port, 2);
    put(at + 66, n->sender, 1);
    put(at + 67, n->receiver, 1);
    put(at + 68, n->subject, 1);
    at[69] = datagram->acks_n;
    put(at + 70, n->text, 2);
}

size_t ft_datagram_encode_body(const struct ft_datagram *datagram, uint32_t key_id, uint8_t *bytes,
                               size_t size)
{
    struct lengths n;
    size_t body_n;
    uint8_t *at;

    errno = EINVAL;
    if (datagram->type == FT_DATAGRAM_NONE || datagram->type > FT_DATAGRAM_TYPE_MAX ||
        datagram->acks_n > FT_DATAGRAM_ACKS_MAX)
        return 0;
    errno = EMSGSIZE;
    if (!measure(datagram, &n))
        return 0;
    body_n = HEADER_BYTES + n.sender + n.receiver + n.subject + n.text +
             datagram->acks_n * (size_t) ACK_BYTES;
    if (body_n > size || body_n > FT_DATAGRAM_MAX_BYTES)
        return 0;
    put_header(bytes, datagram, &n, key_id, body_n);
    at = put_text(bytes + HEADER_BYTES, datagram->sender, n.sender);
    at = put_text(at, datagram->receiver, n.receiver);
    at = put_text(at, datagram->subject, n.subject);
    at = put_text(at, datagram->text, n.text);
    put_acks(at, datagram);
    return body_n;
}

size_t ft_datagram_encode(const struct ft_datagram *datagram, const struct ft_datagram_key *key,
                          uint8_t *bytes, size_t size)
{
    size_t n;

    if (datagram->flags & FT_DATAGRAM_SIGNED) {
        errno = EINVAL;
        return 0;
    }
    if (size > FT_DATAGRAM_MAX_BYTES)
        size = FT_DATAGRAM_MAX_BYTES;
    if (size < FT_DATAGRAM_MAC_BYTES) {
        errno = EMSGSIZE;
        return 0;
    }
    n = ft_datagram_encode_body(datagram, key->id, bytes, size - FT_DATAGRAM_MAC_BYTES);
    if (n == 0)
        return 0;
    make_mac(key, bytes, n, bytes + n);
    return n + FT_DATAGRAM_MAC_BYTES;
}

/* ------------------------------------------------------------ and back */

bool ft_datagram_find_proof(const uint8_t *bytes, size_t n, size_t *body_n, bool *is_signed)
{
    static const uint8_t magic[] = {0xf7, 'F', 'D', FORMAT};

    if (n < HEADER_BYTES || n > FT_DATAGRAM_MAX_BYTES || memcmp(bytes, magic, sizeof magic) != 0)
        return false;
    *body_n = get(bytes + 6, 2);
    *is_signed = (bytes[5] & FT_DATAGRAM_SIGNED) != 0;
    if (*body_n < HEADER_BYTES || *body_n >= n)
        return false;
    return *is_signed || n - *body_n == FT_DATAGRAM_MAC_BYTES;
}

bool ft_datagram_peek(const uint8_t *bytes, size_t n, uint8_t *type, uint32_t *key_id)
{
    size_t body_n;
    bool is_signed;

    if (!ft_datagram_find_proof(bytes, n, &body_n, &is_signed))
        return false;
    *type = bytes[4];
    *key_id = (uint32_t) get(bytes + 8, 4);
    return true;
}

/* Takes a text of n bytes; one with a 0 in it is not a text. */
static bool get_text(char *to, size_t size, const uint8_t **at, size_t n)
{
    if (n >= size || memchr(*at, '\0', n) != NULL)
        return false;
    memcpy(to, *at, n);
    to[n] = '\0';
    *at += n;
    return true;
}

static void get_acks(const uint8_t *at, size_t n, struct ft_datagram *datagram)
{
    for (size_t i = 0; i < n; i++, at += ACK_BYTES) {
        struct ft_datagram_ack *ack = &datagram->acks[i];

        ack->incarnation = get(at, 8);
        ack->echo_ns = get(at + 8, 8);
        memcpy(ack->address, at + 16, sizeof ack->address);
        ack->port = (uint16_t) get(at + 32, 2);
    }
    datagram->acks_n = (uint8_t) n;
}

/* The texts and the acks: what is not always of the same length. */
static bool get_rest(const uint8_t *body, size_t body_n, struct ft_datagram *datagram)
{
    const uint8_t *at = body + HEADER_BYTES;
    size_t sender_n = body[66], receiver_n = body[67], subject_n = body[68], acks_n = body[69];
    size_t text_n = get(body + 70, 2);

    if (acks_n > FT_DATAGRAM_ACKS_MAX ||
        body_n != HEADER_BYTES + sender_n + receiver_n + subject_n + text_n + acks_n * ACK_BYTES ||
        !get_text(datagram->sender, sizeof datagram->sender, &at, sender_n) ||
        !get_text(datagram->receiver, sizeof datagram->receiver, &at, receiver_n) ||
        !get_text(datagram->subject, sizeof datagram->subject, &at, subject_n) ||
        !get_text(datagram->text, sizeof datagram->text, &at, text_n))
        return false;
    get_acks(at, acks_n, datagram);
    return true;
}

int ft_datagram_decode_body(const uint8_t *body, size_t body_n, struct ft_datagram *datagram)
{
    if (body_n < HEADER_BYTES || body[4] == FT_DATAGRAM_NONE || body[4] > FT_DATAGRAM_TYPE_MAX ||
        !get_rest(body, body_n, datagram)) {
        ft_datagram_clear(datagram);
        return fail(EBADMSG);
    }
    datagram->type = body[4];
    datagram->flags = body[5];
    datagram->value = (uint32_t) get(body + 12, 4);
    datagram->term = get(body + 16, 8);
    datagram->incarnation = get(body + 24, 8);
    datagram->boot = get(body + 32, 8);
    datagram->sequence = get(body + 40, 8);
    datagram->sent_ns = get(body + 48, 8);
    datagram->echo_ns = get(body + 56, 8);
    datagram->port = (uint16_t) get(body + 64, 2);
    return 0;
}

int ft_datagram_decode(const uint8_t *bytes, size_t n, const struct ft_datagram_key *key,
                       struct ft_datagram *datagram)
{
    uint8_t mac[FT_DATAGRAM_MAC_BYTES];
    size_t body_n;
    bool is_signed;

    ft_datagram_clear(datagram);
    if (!ft_datagram_find_proof(bytes, n, &body_n, &is_signed))
        return fail(EPROTO);
    if (is_signed || get(bytes + 8, 4) != key->id)
        return fail(ENOKEY);
    make_mac(key, bytes, body_n, mac);
    if (sodium_memcmp(mac, bytes + body_n, sizeof mac) != 0)
        return fail(EACCES);
    return ft_datagram_decode_body(bytes, body_n, datagram);
}

/* ------------------------------------------------------------ who was heard already */

static void begin(struct ft_replay *replay, uint64_t boot, uint64_t sequence)
{
    replay->boot = boot;
    replay->highest = sequence;
    replay->seen = 1;
}

static bool take_newer(struct ft_replay *replay, uint64_t sequence)
{
    uint64_t step = sequence - replay->highest;

    replay->seen = step < WINDOW ? replay->seen << step | 1 : 1;
    replay->highest = sequence;
    return true;
}

bool ft_replay_take(struct ft_replay *replay, uint64_t boot, uint64_t sequence)
{
    uint64_t bit, age;

    if (boot < replay->boot || sequence == 0)
        return false;
    if (boot > replay->boot) {
        begin(replay, boot, sequence);
        return true;
    }
    if (sequence > replay->highest)
        return take_newer(replay, sequence);
    age = replay->highest - sequence;
    bit = age < WINDOW ? UINT64_C(1) << age : 0;
    if (bit == 0 || replay->seen & bit)
        return false;
    replay->seen |= bit;
    return true;
}

void ft_replay_expect(struct ft_replay *replay, uint64_t boot)
{
    if (replay->boot == boot)
        return;
    replay->boot = boot;
    replay->highest = 0;
    replay->seen = 0;
}
